"""An app with what the example lacks: files, keys of several columns, owned rows, many at once, an older version."""

from __future__ import annotations

import enum
import secrets
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

from example import PEOPLE
from flask import Flask
from sqlalchemy import JSON, Column, ForeignKey, LargeBinary, Numeric, String, Table, Text, func, select
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship

from flaskkit import (
    Api,
    Config,
    File,
    FileType,
    IntegerKey,
    Model,
    Module,
    Resource,
    Role,
    Timestamps,
    Upload,
    User,
    UUIDKey,
    Versioned,
    create_app,
    db,
    login,
    owner,
    public,
    role,
)

PICTURE = bytes.fromhex("89504e470d0a1a0a0000000d494844520000000300000002080200000012163f4d")
hangs = Table(
    "hangs",
    Model.metadata,
    Column("picture_id", ForeignKey("picture.id", ondelete="CASCADE"), primary_key=True),
    Column("theme_id", ForeignKey("theme.id", ondelete="CASCADE"), primary_key=True),
)


class Technique(enum.Enum):
    """How a picture is made."""

    oil = 1
    ink = 2


class Artist(UUIDKey, Model):
    """Who makes pictures."""

    name: Mapped[str] = mapped_column(String(60), unique=True)
    born: Mapped[date | None]


class Theme(IntegerKey, Model):
    """What pictures are about."""

    name: Mapped[str] = mapped_column(String(40))


class Picture(IntegerKey, Timestamps, Model):
    """A picture that the museum has, with a photograph of it."""

    title: Mapped[str] = mapped_column(String(80), info={"example": "Rain"})
    artist_id: Mapped[Any] = mapped_column(ForeignKey(Artist.id))
    photo: Mapped[File] = mapped_column(FileType(types=["image/png", "image/jpeg"], max_size=20_000))
    deed: Mapped[File | None] = mapped_column(FileType(max_size=20_000))
    technique: Mapped[Technique | None]
    price: Mapped[Decimal | None] = mapped_column(Numeric(8, 2), info={"example": "12.50"})
    width: Mapped[float | None] = mapped_column(info={"minimum": 0})
    rating: Mapped[int] = mapped_column(default=3, info={"minimum": 1, "maximum": 5})
    sold: Mapped[bool] = mapped_column(default=False)
    facts: Mapped[Any | None] = mapped_column(JSON)
    seal: Mapped[bytes | None] = mapped_column(LargeBinary(100))
    opens: Mapped[time | None]
    visit: Mapped[timedelta | None]
    moment: Mapped[datetime | None]
    note: Mapped[str | None] = mapped_column(Text)
    secret: Mapped[str | None] = mapped_column(String(20))
    artist: Mapped[Artist] = relationship()
    themes: Mapped[list[Theme]] = relationship(secondary=hangs, order_by=Theme.id)

    @property
    def words(self) -> int:
        """How long the note is."""
        return len((self.note or "").split())


class Room(Model):
    """Where pictures hang: a floor, and a number there."""

    floor: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(String(6), primary_key=True)
    name: Mapped[str | None] = mapped_column(String(40))


class Loan(IntegerKey, Versioned, Model):
    """What somebody borrows."""

    borrower_id: Mapped[Any] = mapped_column(ForeignKey(User.id))
    until: Mapped[date]
    items: Mapped[list[LoanItem]] = relationship(cascade="all, delete-orphan", order_by="LoanItem.id")


class LoanItem(IntegerKey, Model):
    """One piece of it."""

    loan_id: Mapped[int] = mapped_column(ForeignKey(Loan.id), index=True)
    what: Mapped[str] = mapped_column(String(40))
    pieces: Mapped[int] = mapped_column(default=1, info={"minimum": 1})


Artist.pictures = column_property(  # type: ignore[attr-defined]
    select(func.count(Picture.id)).where(Picture.artist_id == Artist.id).correlate_except(Picture).scalar_subquery()
)

artists = Resource(
    Artist,
    name="artists",
    fields=["name", "born"],
    filters=["name", "born"],
    sorts=["name", "born"],
    search=["name"],
    read=public,
    write=login,
    bulk=5,
)
themes = Resource(Theme, name="themes", fields=["name"], filters=["name"], read=login, write=login, bulk=5)
pictures = Resource(
    Picture,
    name="pictures",
    fields=[
        *("title", "artist", "photo", "technique", "price", "width", "rating", "sold", "facts", "seal", "themes"),
        *("opens", "visit", "moment", "note"),
    ],
    read_only=["created_at", "words"],
    write_only=["secret", "deed"],
    nested={"artist": ["id", "name"]},
    expand={"themes": ["id", "name"]},
    renamed={"rating": "stars", "sold": "is_sold", "photo": "photograph"},
    filters=["technique", "price", "width", "rating", "sold", "created_at", "opens", "moment", "artist.name"],
    sorts=["title", "price", "rating", "artist.name"],
    search=["title", "note"],
    sparse=True,
    read=public,
    write=login,
    bulk=5,
)
rooms = Resource(Room, name="rooms", fields=["floor", "code", "name"], sorts=["name"], read=public, write=login)
loans = Resource(
    Loan,
    name="loans",
    fields=["until", "items"],
    owned={"items": ["what", "pieces"]},
    read=owner("borrower_id") | role("admin"),
    create=owner("borrower_id"),
    update=owner("borrower_id"),
    delete=owner("borrower_id") | role("admin"),
    require_match=True,
)
old_pictures = Resource(
    Picture, name="pictures", fields=["title", "price", "sold"], read_only=["photo"], read=public, update=login
)
old_artists = Resource(Artist, name="painters", fields=["name"], sorts=["name"], read=public, write=login, bulk=5)
MODULE = Module(
    "museum",
    resources=[artists, themes, pictures, rooms, loans],
    contributions={"api": {"/api/v1": [old_artists, old_pictures]}},
)


def made(folder: Path, url: str = "") -> Flask:
    """Return the app with a new database in *folder*, or an empty one at *url*."""
    (folder / "museum.db").unlink(missing_ok=True)
    said = {"license": {"name": "MIT", "identifier": "MIT"}, "description": "Pictures, and where they hang."}
    config = Config(
        "museum",
        env="production",
        secret_key=secrets.token_hex(32),
        features=["db", "forms", "auth", "files", Api(title="Museum")],
        modules=[MODULE],
        flask={
            "API_SPEC_OPTIONS": {"info": said, "servers": [{"url": "https://museum.example"}]},
            "INSTANCE_PATH": str(folder),
        },
    )
    settings = {"db": {"url": url or f"sqlite:///{folder / 'museum.db'}"}, "files": {"folder": str(folder / "files")}}
    app = create_app(config.replace(**settings))
    result = app.test_cli_runner().invoke(args=["kit", "create-tables"])
    assert result.exit_code == 0, result.output
    with app.app_context():
        artist = Artist(name="Ann")
        db.session.add_all([artist, Artist(name="Bob"), Theme(name="Sea"), Theme(name="Sky"), Room(floor=1, code="A")])
        for email, name in PEOPLE:
            person = User(email=email, roles=[Role(name=name)] if name else [])
            db.session.add(person)
            db.session.flush()
            items = [LoanItem(what="A frame"), LoanItem(what="A nail", pieces=3)]
            db.session.add(Loan(borrower_id=person.id, until=date(2030, 5, 1), items=items))
        for title in ("Rain", "Snow", "Wind"):
            photo = Upload(BytesIO(PICTURE), "photo.png")
            db.session.add(Picture(title=title, artist=artist, photo=photo, price=Decimal("2.50")))
        db.session.commit()
    return app
