"""The example app as a server of this machine, with a database of its own: airports, people and their tokens.

Everything is as in production, but for the database and the secret: real HTTP, every feature on.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
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


@contextmanager
def served(folder: Path) -> Iterator[Example]:
    """Serve the example app with a new database in *folder*."""
    sys.path.insert(0, str(EXAMPLE))
    app = made(folder)
    document = folder / "openapi.json"
    run(app, "openapi", "write", str(document))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Example(f"http://127.0.0.1:{server.server_port}", document, tokens_of(app))
    finally:
        server.shutdown()


def made(folder: Path) -> Flask:
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
    return app


def tokens_of(app: Flask) -> dict[str, str]:
    from fieldnotes.models import Note, Visitor

    with app.app_context():
        for email, role in PEOPLE:
            visitor = Visitor(email=email, roles=[Role(name=role)] if role else [])
            day = date(2026, 5, 3)
            notes = [Note(author=visitor, airport_icao="LOWI", rating=4, visited_on=day, text="…") for _ in "12"]
            db.session.add_all([visitor, *notes])
        db.session.commit()
    return {email.partition("@")[0]: run(app, "kit", "users", "token", email).split()[0] for email, _ in PEOPLE}


def run(app: Flask, *command: str) -> str:
    result = app.test_cli_runner().invoke(args=command)
    if result.exit_code:
        raise RuntimeError(f"flask {' '.join(command)}: {result.output}") from result.exception
    return result.stdout
