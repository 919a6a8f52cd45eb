"""From the wheel to a shop that is served, as somebody does it who has nothing but the docs: make smoke

    a wheel of this checkout  ->  a new virtual environment, elsewhere
    flaskkit new shop         ->  make dev: sign-up, log-in, pages, the API with its docs, the admin, over HTTP
    .github/workflows/ci.yml  ->  what it runs is green
    Containerfile             ->  what it copies is enough: migrations, and the server that it starts

All is installed once, into one environment; nothing called flaskkit comes from a package index. Docker and Podman are
not needed: what the file says is done in a folder.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "docs"))

from run_page import free_port  # noqa: E402

PASSWORD = "four words in a row"
# What the environment of whoever runs this says is not what a new user's says.
ENVIRON = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("APP_", "FLASK", "PYTHON", "PYTEST", "VIRTUAL_ENV"))
}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="smoke") as name:
        folder = Path(name)
        wheel = wheel_of_this(folder)
        began = time.monotonic()
        python = folder / "venv" / "bin" / "python"
        run(folder, sys.executable, "-m", "venv", "venv")
        run(folder, str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel))
        installed = time.monotonic()
        # Not a terminal: nothing is asked.
        run(folder, "venv/bin/flaskkit", "new", "shop")
        shop = folder / "shop"
        assert wheel.as_uri() in (shop / "pyproject.toml").read_text("utf-8")
        port = free_port()
        with served(shop, ["make", "dev", f"PORT={port}"], port) as output:
            at = f"http://127.0.0.1:{port}"
            sign_up_and_look_around(at)
            the_admin_sees_the_shop(at, output)
        ended = time.monotonic()
        is_from(wheel, python)
        print(f"flaskkit new and make dev, up to a page of the admin: {ended - installed:.0f} s; goal: 60")
        print(f"  with an environment for flaskkit itself: {ended - began:.0f} s", flush=True)
        what_ci_runs(shop)
        what_the_image_runs(shop)


def wheel_of_this(folder: Path) -> Path:
    run(folder, sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", str(ROOT))
    [wheel] = folder.glob("flaskkit-*.whl")
    return wheel


def run(folder: Path, *command: str, **environ: str) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**ENVIRON, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{shlex.join(command)} ended with {done.returncode}:\n{done.stdout}")


def made_by(shop: Path) -> dict[str, str]:
    """Return the variable that makes `make` install into the environment that is there, rather than all of it anew."""
    return {"MAKEFLAGS": f"BIN={shop.parent / 'venv' / 'bin'}"}


@contextmanager
def served(folder: Path, command: list[str], port: str, **environ: str) -> Iterator[Path]:
    """Run a server until the end of the block; give the file with what it prints."""
    output = folder.parent / "output.txt"
    with output.open("w") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**ENVIRON, **made_by(folder), **environ},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/", process, output)
            yield output
        finally:
            # With what it started: make starts flask, which starts its reloader.
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes], output: Path) -> None:
    give_up = time.monotonic() + 300
    while time.monotonic() < give_up and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=10).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    sys.exit(f"Nothing answers at {url}:\n{output.read_text('utf-8')}")


class Browser:
    """Keeps cookies, and sends forms with the token that is in them."""

    def __init__(self, at: str) -> None:
        self.at = at
        self.open = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(CookieJar()), urllib.request.ProxyHandler({})
        ).open

    def get(self, path: str) -> str:
        with self.open(self.at + path) as answer:
            return str(answer.read().decode())

    def submit(self, path: str, **values: str) -> str:
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.get(path))
        assert token, f"There is no form at {path}."
        sent = urllib.parse.urlencode({"csrf_token": token[1], **values}).encode()
        with self.open(self.at + path, sent) as answer:
            return str(answer.read().decode())


def sign_up_and_look_around(at: str) -> None:
    browser = Browser(at)
    browser.submit("/auth/sign-up", email="ada@example.com", password=PASSWORD, again=PASSWORD)
    browser = Browser(at)
    assert "Log in" in browser.get("/")
    browser.submit("/auth/login", email="ada@example.com", password=PASSWORD)
    browser.submit("/products/new", name="Tea", price="2.50")
    assert "Tea" in browser.get("/products/")
    assert [one["name"] for one in json.loads(browser.get("/api/products"))] == ["Tea"]
    assert "swagger" in browser.get("/api/docs").lower()
    assert "/api/products" in json.loads(browser.get("/api/openapi.json"))["paths"]
    assert browser_is_refused(browser, "/admin/") == 403


def browser_is_refused(browser: Browser, path: str) -> int:
    try:
        browser.get(path)
    except urllib.error.HTTPError as refused:
        return refused.code
    return 200


def the_admin_sees_the_shop(at: str, output: Path) -> None:
    told = output.read_text("utf-8")
    password = re.search(r"^Password, shown only now: (\S+)$", told, re.MULTILINE)
    assert password, told
    assert f"{at}/api/docs" in told
    browser = Browser(at)
    browser.submit("/auth/login", email="admin@example.com", password=password[1])
    assert "Products" in browser.get("/admin/")
    assert "ada@example.com" in browser.get("/admin/users/")


def is_from(wheel: Path, python: Path) -> None:
    """Fail if the project has another flaskkit than this one."""
    tell = "from importlib.metadata import distribution as d; print(d('flaskkit').read_text('direct_url.json'))"
    told = subprocess.run(
        [python, "-c", tell], cwd=wheel.parent, env=ENVIRON, capture_output=True, text=True, check=True
    )
    assert json.loads(told.stdout)["url"] == wheel.as_uri(), told.stdout


def what_ci_runs(shop: Path) -> None:
    text = (shop / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    commands = re.findall(r"^      - run: (.+)$", text, re.MULTILINE)
    assert commands == ["make test check"]
    for command in commands:
        run(shop, *shlex.split(command), **made_by(shop))
        print(f"ci.yml: {command}: right", flush=True)


def what_the_image_runs(shop: Path) -> None:
    """Do in a folder what the Containerfile says; packages are there already, and there is no other user."""
    lines = (shop / "Containerfile").read_text("utf-8").splitlines()
    image = shop.parent / "srv"
    image.mkdir()
    for words in [shlex.split(line)[1:] for line in lines if line.startswith("COPY ")]:
        *sources, target = words
        for source in sources:
            if source.endswith("/"):
                shutil.copytree(shop / source, image / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(shop / source, image / target)
    assert not (image / ".env").exists()
    known = {"FROM", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE", "CMD", "#"}
    assert {line.split()[0] for line in lines} <= known
    [install] = [line for line in lines if line.startswith("RUN pip install")]
    assert "pip install --no-cache-dir . && useradd app" in install
    programs = shop.parent / "venv" / "bin"
    # The project itself was installed to be edited; now from what is copied, and from nothing else.
    run(image, str(programs / "pip"), "install", "--quiet", "--disable-pip-version-check", "--no-deps", ".")
    environ = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "APP_SECRET_KEY": secrets.token_urlsafe(32),
        "APP_DB_URL": f"sqlite:///{shop.parent / 'live.db'}",
        "APP_MAIL_HOST": "smtp.shop.example",
        "APP_MAIL_SENDER": "Shop <shop@shop.example>",
        "APP_MAIL_PUBLIC_URL": "https://shop.example",
        "APP_SECURITY_TRUSTED_HOSTS": "127.0.0.1",
    }
    run(image, str(programs / "flask"), "db", "upgrade", **environ)
    [command] = [json.loads(line.removeprefix("CMD ")) for line in lines if line.startswith("CMD ")]
    port = free_port()
    command = [str(programs / command[0]), *(word.replace("0.0.0.0:8000", f"127.0.0.1:{port}") for word in command[1:])]
    with served(image, command, port, **environ):
        assert "Products" in Browser(f"http://127.0.0.1:{port}").get("/products/")
    print("Containerfile: right")


if __name__ == "__main__":
    main()
