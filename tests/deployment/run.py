"""Does what docs/deployment.md and docs/how-to/nginx.md say, with the real programs: gunicorn, granian, nginx, systemd.

    make deployment

The app of the page runs behind nginx with a certificate of its own making; then it is asked as from the outside. Paths,
ports and the one host name are replaced by what there is here, and nothing else.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
sys.path.insert(0, str(ROOT / "tests" / "docs"))

from run_page import FENCE, blocks, free_port  # noqa: E402

PAGE, NGINX, TUTORIAL = (
    ROOT / "docs" / name for name in ("deployment.md", "how-to/nginx.md", "tutorial/8-on-a-server.md")
)
PASSWORD = "four words in a row"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="deployment") as name:
        folder = Path(name)
        make_app(folder)
        unit_is_right(PAGE, "shop", folder)
        unit_is_right(TUTORIAL, "notebook", folder)
        for server in ("gunicorn", "granian"):
            inner, https, http = free_port(), free_port(), free_port()
            with running(server_command(server, inner), folder), nginx(folder, inner, https, http):
                ask(int(https), int(http), int(inner))
            print(f"{server} behind nginx: right")


def make_app(folder: Path) -> None:
    """Write the files of the page, make the tables and a user, as in production."""
    for block in blocks(PAGE):
        if block.file:
            (folder / block.file).parent.mkdir(exist_ok=True)
            (folder / block.file).write_text(block.text, "utf-8")
    os.environ |= {
        "APP_SECRET_KEY": secrets.token_urlsafe(32),
        "APP_DB_URL": f"sqlite:///{folder / 'shop.db'}",
        "PATH": os.pathsep.join([str(BIN), os.environ["PATH"], "/usr/sbin"]),
    }
    for command in (
        "flask db init",
        'flask db migrate -m "The first tables"',
        "flask db upgrade",
        f"flask kit users create ann@example.com --role admin --password {shlex.quote(PASSWORD)}",
        "flask kit check --deploy",
    ):
        subprocess.run(
            shlex.split(command), cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


def server_command(server: str, port: str) -> list[str]:
    """Return the command of the page that starts *server*, on *port*."""
    [line] = re.findall(rf"^\$ ({server} .*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    return shlex.split(line.replace("8000", port).replace("--workers 4", "--workers 2"))


def unit_is_right(page: Path, name: str, folder: Path) -> None:
    """Let systemd look at the unit that *page* has for the app called *name*."""
    [text] = [found["text"] for found in FENCE.finditer(page.read_text("utf-8")) if found["language"] == "ini"]
    for said, here in {
        f"/srv/{name}/.venv/bin": str(BIN),
        f"/srv/{name}": str(folder),
        f"User={name}": "User=root",
        f"/etc/{name}.env": str(folder / "app.toml"),
    }.items():
        assert said in text
        text = text.replace(said, here)
    unit = f"{name}.service"
    (folder / unit).write_text(text, "utf-8")
    told = subprocess.run(["systemd-analyze", "verify", folder / unit], capture_output=True, text=True, check=False)
    assert (told.returncode, unit in told.stderr) == (0, False), told.stderr
    # What is started there is known to the program.
    options = set(re.findall(r"--[\w-]+", text))
    known = subprocess.run(["gunicorn", "--help"], capture_output=True, text=True, check=True).stdout
    assert {option for option in options if option not in known} == set()
    print(f"systemd, {page.name}: right")


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def nginx(folder: Path, inner: str, https: str, http: str) -> Iterator[None]:
    """Run nginx with the text of the page."""
    [text] = [found["text"] for found in FENCE.finditer(NGINX.read_text("utf-8")) if found["language"] == "nginx"]
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    make = f"openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=shop.example -keyout {key} -out {certificate}"
    subprocess.run(shlex.split(make), check=True, capture_output=True)
    for said, here in {
        "listen 443": f"listen 127.0.0.1:{https}",
        "listen 80": f"listen 127.0.0.1:{http}",
        "/etc/letsencrypt/live/shop.example/fullchain.pem": str(certificate),
        "/etc/letsencrypt/live/shop.example/privkey.pem": str(key),
        "127.0.0.1:8000": f"127.0.0.1:{inner}",
        # As the page says for other ports than 443.
        "$host;": "$http_host;",
    }.items():
        assert said in text
        text = text.replace(said, here)
    kept = " ".join(
        f"{kind}_temp_path {folder / kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(f"pid {folder / 'nginx.pid'};\nevents {{}}\nhttp {{ access_log off; {kept}\n{text} }}", "utf-8")
    subprocess.run(["nginx", "-t", "-q", "-c", config, "-e", folder / "nginx.log"], check=True)
    command = ["nginx", "-c", str(config), "-e", str(folder / "nginx.log"), "-g", "daemon off;"]
    with running(command, folder):
        yield


def ask(https: int, http: int, inner: int) -> None:
    """Ask as browsers do, and be let in, sent on and refused as the pages say."""
    wait_for(inner)
    wait_for(https)
    site = f"https://shop.example:{https}"
    with all_hosts_are_here():
        browser = opener()
        page = browser.open(f"{site}/auth/login").read().decode()
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert token
        sent = {"csrf_token": token[1], "email": "ann@example.com", "password": PASSWORD}
        form = urllib.request.Request(f"{site}/auth/login", urllib.parse.urlencode(sent).encode())
        form.add_header("Referer", f"{site}/auth/login")
        browser.open(form)
        admin: HTTPResponse = browser.open(f"{site}/admin/")
        assert admin.status == 200
        assert "max-age=31536000" in admin.headers["Strict-Transport-Security"]
        style = urllib.request.Request(f"{site}/flaskkit/static/flaskkit.css", headers={"Accept-Encoding": "gzip"})
        assert browser.open(style).headers["Content-Encoding"] == "gzip"
        assert status(f"https://evil.example:{https}/") == 400
        assert status(f"http://shop.example:{http}/lamps/") == 301


def status(url: str) -> int:
    try:
        return int(opener(redirects=False).open(url).status)
    except urllib.error.HTTPError as refused:
        return refused.code


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def opener(*, redirects: bool = True) -> urllib.request.OpenerDirector:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    handlers: list[Any] = [
        urllib.request.HTTPSHandler(context=trusting),
        urllib.request.HTTPCookieProcessor(CookieJar()),
        urllib.request.ProxyHandler({}),
    ]
    return urllib.request.build_opener(*handlers, *([] if redirects else [_Stay()]))


@contextmanager
def all_hosts_are_here() -> Iterator[None]:
    real = socket.getaddrinfo
    socket.getaddrinfo = lambda host, *rest, **more: real("127.0.0.1", *rest, **more)
    try:
        yield
    finally:
        socket.getaddrinfo = real


def wait_for(port: int) -> None:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"Nothing listens on port {port}.")


if __name__ == "__main__":
    missing = [
        program
        for program in ("nginx", "openssl", "systemd-analyze")
        if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
    ]
    if missing:
        sys.exit(f"This needs {', '.join(missing)}.")
    main()
