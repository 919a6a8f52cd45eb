"""Runs the examples of one page, in the current folder, from top to bottom.

    python run_page.py ../../docs/lists.md            best in an empty folder
    python run_page.py ../../docs/tutorial            pages that go on with one app: 1-….md, 2-….md, one after the other

    ```python       runs; the blocks of a page share their names
    ```python       with a first line like "# shop/models.py" is written to that file instead; so are toml, html,
                    jinja, json and others: "# app.toml", "<!-- templates/home.html -->", "{# home.html #}",
                    "/* site.css */"
    ```console      every line that begins with "$ " runs; lines without it show what is printed
                    `$ flask … run` goes on in the background to the end of the page, and must answer; where later
                    lines say 127.0.0.1:5000 its real port is used
    ```text         and every other language is only shown

A comment such as <!-- not run: needs the network --> before a block leaves it out, with the reason. One with
<!-- runs with: FLASKKIT_POSTGRES_URL --> runs where that variable names a server; where it says postgresql://shop:secret@127.0.0.1/shop
the URL of a new database there is used.
At the end each written Python file must be importable, where all servers are there.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from sqlalchemy import NullPool, create_engine, make_url, text

FENCE = re.compile(
    r"^(?:<!-- (?:not run: (?P<reason>[^\n]+)|runs with: (?P<server>\w+)) -->\n)?"
    r"```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
FILE = re.compile(r"^(?:#|<!--|\{#|/\*) (?P<name>[\w.-][\w./-]*\.\w+)(?: -->| #\}| \*/)?$")
POSTGRES = "postgresql://shop:secret@127.0.0.1/shop"


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, where that begins, and the file it is to be written to."""

    language: str
    text: str
    page: Path
    line: int
    file: str

    @property
    def runs(self) -> bool:
        """Whether something happens with it."""
        return bool(self.file) or self.language in ("python", "console")


def pages_in(page: Path) -> list[Path]:
    """Return *page*, or of a folder the numbered pages in their order."""
    return sorted(page.glob("[0-9]*.md")) if page.is_dir() else [page]


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of *page*, less those marked as not to run, or to run with a server that is not there."""
    for one in pages_in(page):
        source = one.read_text("utf-8")
        for found in FENCE.finditer(source):
            if not found["reason"] and (not found["server"] or found["server"] in os.environ):
                name = FILE.match(found["text"].partition("\n")[0])
                line = source.count("\n", 0, found.start("text")) + 1
                yield Block(found["language"], found["text"], one, line, name["name"] if name else "")


def servers_of(page: Path) -> set[str]:
    """Return the variables that *page* needs to run as a whole."""
    found = (block for one in pages_in(page) for block in FENCE.finditer(one.read_text("utf-8")))
    return {block["server"] for block in found if block["server"]}


def main(page: Path) -> None:
    # A module, since annotations are looked up in the module of their class.
    module = sys.modules["page"] = ModuleType("page")
    module.__file__ = str(Path("page.py").resolve())
    written: dict[str, None] = {}
    port = free_port()
    # Lines in a console are found as a reader's would be: with the programs of this Python, and this folder.
    programs = [str(Path(sys.executable).parent), os.environ["PATH"]]
    if warm := os.environ.get("WARM_PROGRAMS"):  # see warm.py
        programs.insert(0, warm)
    os.environ["PATH"] = os.pathsep.join(programs)
    os.environ |= {"FLASK_RUN_PORT": port, "PYTHONPATH": os.pathsep.join([".", os.environ.get("PYTHONPATH", "")])}
    sys.path.insert(0, "")
    servers: list[subprocess.Popen[bytes]] = []
    with ExitStack() as at_the_end:
        at_the_end.callback(stop, servers)
        replaced = {"127.0.0.1:5000": f"127.0.0.1:{port}"}
        if any(POSTGRES in block.text for block in blocks(page)) and "FLASKKIT_POSTGRES_URL" in os.environ:
            replaced[POSTGRES] = at_the_end.enter_context(new_database(os.environ["FLASKKIT_POSTGRES_URL"]))
        for block in blocks(page):
            if block.file:
                Path(block.file).parent.mkdir(parents=True, exist_ok=True)
                Path(block.file).write_text(block.text, "utf-8")
                if block.file.endswith(".py") and not Path(block.file).name.startswith(("test_", "conftest")):
                    written[block.file] = None
            elif block.language == "python":
                # The blank lines make a traceback name the line of the page.
                exec(compile("\n" * (block.line - 1) + block.text, block.page, "exec"), vars(module))
            elif block.language == "console":
                for line in block.text.replace("\\\n", "").splitlines():
                    if line.startswith("$ "):
                        type_in(with_others(line[2:], replaced), port, servers)
        # Without a server, what a page prepares for it may be missing; those that a page deletes again are gone.
        for file in filter(os.path.exists, written) if servers_of(page) <= os.environ.keys() else ():
            name = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            subprocess.run(["python", "-c", f"import {name}"], check=True)


def with_others(text: str, replaced: Mapping[str, str]) -> str:
    """Return *text* with what is said on the page replaced by what there is here."""
    for said, here in replaced.items():
        text = text.replace(said, here)
    return text


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """Yield the URL of a database that is there for this page only."""
    url = make_url(server).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    name = f"docs_{os.getpid()}"
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def stop(servers: Iterable[subprocess.Popen[bytes]]) -> None:
    for server in servers:
        server.terminate()
        server.wait()


def type_in(command: str, port: str, servers: list[subprocess.Popen[bytes]]) -> None:
    words = shlex.split(command, comments=True)
    if words[0] == "export":
        os.environ.update(word.split("=", 1) for word in words[1:])
    elif words[0] == "cd":
        os.chdir(words[1])
    elif words[0] == "flask" and "run" in words:
        servers.append(subprocess.Popen(words))
        wait_for(f"http://127.0.0.1:{port}/", servers[-1])
    else:
        subprocess.run(["bash", "-euo", "pipefail", "-c", command], stdin=subprocess.DEVNULL, check=True)


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=10).close()
        except urllib.error.HTTPError as error:
            if error.code >= 500:
                raise
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"{shlex.join(server.args)} gave no answer.")  # type: ignore[arg-type]


def free_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]).resolve())
    except Exception:
        sys.exit(traceback.format_exc())
