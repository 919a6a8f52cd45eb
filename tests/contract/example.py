"""The example app, or another one, as a server of this machine, with a database of its own: people and their tokens.

Everything is as in production, but for the database and the secret: real HTTP, every feature on.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Thread

from flask import Flask
from werkzeug.serving import make_server

from flaskkit import Config, Role, create_app, db

EXAMPLE = Path(__file__).parents[2] / "example_app"
# Address, roles. Nobody logs in with a password here.
PEOPLE = (("anna@example.com", ""), ("ada@example.com", "admin"))


@dataclass(frozen=True)
class Example:
    """Where the app is, its document, and a bearer token for each of PEOPLE by the name before the @."""

    url: str
    document: Path
    tokens: dict[str, str]


def made(folder: Path) -> Flask:
    """Return the example app with a new database in *folder*, in which PEOPLE have notes."""
    (folder / "example.db").unlink(missing_ok=True)
    settings = {
        "secret_key": secrets.token_hex(32),
        "db": {"url": f"sqlite:///{folder / 'example.db'}"},
        "migrate": {"directory": str(EXAMPLE / "migrations")},
        "mail": {
            "backend": "file",
            "folder": str(folder / "mail"),
            "sender": "notes@fieldnotes.example",
            "public_url": "https://fieldnotes.example",
        },
    }
    app = create_app(Config.load("fieldnotes", toml=EXAMPLE / "app.toml", mapping=settings))
    run(app, "db", "upgrade")
    run(app, "fieldnotes", "load", str(EXAMPLE / "tests" / "sample.csv"))
    from fieldnotes.models import Note, Visitor

    with app.app_context():
        for email, role in PEOPLE:
            visitor = Visitor(email=email, roles=[Role(name=role)] if role else [])
            day = date(2026, 5, 3)
            notes = [Note(author=visitor, airport_icao="LOWI", rating=4, visited_on=day, text="…") for _ in "12"]
            db.session.add_all([visitor, *notes])
        db.session.commit()
    return app


@contextmanager
def served(folder: Path, make: Callable[[Path], Flask] = made, version: str = "") -> Iterator[Example]:
    """Serve the example app, or the one that *make* makes, with a new database in *folder*.

    The document is that of an older *version*, such as "V1", if there is one.
    """
    sys.path.insert(0, str(EXAMPLE))
    app = make(folder)
    document = folder / "openapi.json"
    run(app, "openapi", "write", str(document), *(["--config-prefix", version] if version else []))
    tokens = {email.partition("@")[0]: run(app, "kit", "users", "token", email).split()[0] for email, _ in PEOPLE}
    server = make_server("127.0.0.1", 0, app, threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Example(f"http://127.0.0.1:{server.server_port}", document, tokens)
    finally:
        server.shutdown()


def run(app: Flask, *command: str) -> str:
    result = app.test_cli_runner().invoke(args=command)
    if result.exit_code:
        raise RuntimeError(f"flask {' '.join(command)}: {result.output}") from result.exception
    return result.stdout
