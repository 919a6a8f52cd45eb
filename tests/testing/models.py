"""What the tests of the test kit store."""

from __future__ import annotations

import enum
from datetime import date
from decimal import Decimal

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Numeric, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import IntegerKey, Model, Resource, Timestamps, User, login, owner, public, role


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class KitShelf(Model):
    __tablename__ = "kit_shelf"

    code: Mapped[str] = mapped_column(String(2), primary_key=True, info={"pattern": "[A-Z]{2}"})
    name: Mapped[str] = mapped_column(String(6), unique=True)


class KitBook(IntegerKey, Timestamps, Model):
    __tablename__ = "kit_book"
    __table_args__ = (CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),)

    title: Mapped[str] = mapped_column(String(40), unique=True)
    rating: Mapped[int] = mapped_column(info={"minimum": 1, "maximum": 5})
    price: Mapped[Decimal] = mapped_column(Numeric(4, 2))
    colour: Mapped[Colour]
    printed_on: Mapped[date]
    note: Mapped[str | None]
    shelf_code: Mapped[str] = mapped_column(ForeignKey(KitShelf.code))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey(User.id))
    shelf: Mapped[KitShelf] = relationship()


class KitLabel(IntegerKey, Model):
    """A foreign key without a relationship."""

    __tablename__ = "kit_label"

    book_id: Mapped[int] = mapped_column(ForeignKey(KitBook.id))


class KitDiary(IntegerKey, Model):
    __tablename__ = "kit_diary"

    text: Mapped[str] = mapped_column(String(200))
    mood: Mapped[str] = mapped_column(String(20), default="fine")
    tags: Mapped[list[str]] = mapped_column(JSON, default=list)
    owner_id: Mapped[int] = mapped_column(ForeignKey(User.id))
    owner: Mapped[User] = relationship()


diaries = Resource(
    KitDiary,
    name="diaries",
    fields=["text", "mood"],
    filters=["mood"],
    search=["text"],
    read=owner("owner_id"),
    write=owner("owner_id"),
)
shelves = Resource(KitShelf, name="shelves", fields=["code", "name"], read=public, write=role("librarian"))
books = Resource(
    KitBook,
    name="books",
    fields=["title", "rating", "price", "colour", "printed_on", "note", "shelf"],
    read_only=["id"],
    read=public,
    create=login,
    update=owner("owner_id"),
    delete=owner("owner_id"),
)
