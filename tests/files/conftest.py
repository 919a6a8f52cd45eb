"""Books with covers and papers, real files of some kinds, and whoever wants to look at them."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import (
    File,
    FileType,
    IntegerKey,
    Model,
    Module,
    Resource,
    Upload,
    db,
    login,
    owner,
    public,
    role,
)
from tests.api.conftest import Names, known

MOST = 20_000


class FilesBook(IntegerKey, Model):
    __tablename__ = "files_book"
    title: Mapped[str]
    owner_id: Mapped[int | None]
    cover: Mapped[File | None] = mapped_column(
        FileType(types=["image/png", "image/jpeg"], max_size=MOST, max_pixels=(300, 200))
    )
    paper: Mapped[File | None] = mapped_column(FileType())
    secret: Mapped[File | None] = mapped_column(FileType(types=["text/plain"]))
    pages: Mapped[list[FilesPage]] = relationship(cascade="all, delete-orphan")

    def __str__(self) -> str:
        return self.title


class FilesPage(IntegerKey, Model):
    __tablename__ = "files_page"
    book_id: Mapped[int] = mapped_column(ForeignKey("files_book.id"))
    scan: Mapped[File] = mapped_column(FileType(types=["image/png"]))


books = Resource(
    FilesBook,
    name="books",
    fields=["title", "cover"],
    read_only=["paper"],
    write_only=["secret"],
    read=public,
    create=owner("owner_id"),
    update=owner("owner_id") | role("librarian"),
    delete=owner("owner_id"),
)
mine = Resource(FilesBook, name="mine", fields=["title", "cover"], read=owner("owner_id"), write=owner("owner_id"))
scans = Resource(FilesPage, name="scans", fields=["book_id", "scan"], read=public, create=public, update=login)
LIBRARY = Module("library", resources=[books, mine, scans])


def png(width: int = 3, height: int = 2) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    lines = zlib.compress((b"\0" + b"\x80" * 3 * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


def archive(**files: str) -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
    return stream.getvalue()


@pytest.fixture
def app(start: Callable[..., Flask]) -> Flask:
    return start(features=["db", "forms", Names(), "api", "pages", "files"], modules=[LIBRARY])


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def ann(app: Flask) -> FlaskClient:
    return known(app, "ann")


@pytest.fixture
def bob(app: Flask) -> FlaskClient:
    return known(app, "bob")


def put(client: FlaskClient, path: str, content: bytes, name: str = "cover.png", **more: Any) -> Any:
    return client.put(path, data={"file": (BytesIO(content), name), **more})


def submit(client: FlaskClient, path: str, **typed: Any) -> Any:
    """Send the form at *path* as a browser does, with its token."""
    token = re.search('name="csrf_token"[^>]* value="([^"]+)"', client.get(path).text)
    return client.post(path, data={"csrf_token": token[1] if token else "", **typed})


@pytest.fixture
def add(app: Flask) -> Callable[..., int]:
    """Return a function that stores books: ``add("Emma", cover=png())`` gives the key."""

    def add(title: str = "Emma", **values: Any) -> int:
        with app.app_context():
            files = {
                name: Upload(BytesIO(value), f"{name}.png")
                for name, value in values.items()
                if isinstance(value, bytes)
            }
            book = FilesBook(title=title, **{"owner_id": 1, **values, **files})
            db.session.add(book)
            db.session.commit()
            return book.id

    return add


@pytest.fixture
def stored(app: Flask) -> Callable[[], set[bytes]]:
    """Return a function that tells the contents of all stored files."""

    def stored() -> set[bytes]:
        storage = app.extensions["flaskkit.files"]
        found = set()
        for key, _ in storage.stored():
            with storage.open(key) as stream:
                found.add(stream.read())
        return found

    return stored
