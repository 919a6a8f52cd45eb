"""What the tests of the test kit store."""

from __future__ import annotations

import enum
from datetime import date
from decimal import Decimal

from sqlalchemy import JSON, CheckConstraint, Column, ForeignKey, Numeric, String, Table
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


class KitReply(IntegerKey, Model):
    """Belongs to whom its diary belongs to."""

    __tablename__ = "kit_reply"

    text: Mapped[str] = mapped_column(String(200))
    diary_id: Mapped[int] = mapped_column(ForeignKey(KitDiary.id))
    diary: Mapped[KitDiary] = relationship()


class KitLocker(IntegerKey, Model):
    """Belongs to somebody without a foreign key."""

    __tablename__ = "kit_locker"

    content: Mapped[str] = mapped_column(String(40))
    keeper_id: Mapped[int | None]


class KitClub(IntegerKey, Model):
    """Belongs to several."""

    __tablename__ = "kit_club"

    motto: Mapped[str] = mapped_column(String(40))
    members: Mapped[list[User]] = relationship(
        secondary=Table(
            "kit_club_member",
            Model.metadata,
            Column("club_id", ForeignKey("kit_club.id"), primary_key=True),
            Column("user_id", ForeignKey(User.id), primary_key=True),
        )
    )


class KitPay(IntegerKey, Model):
    """Has no text by which it could be known."""

    __tablename__ = "kit_pay"
    __table_args__ = (CheckConstraint("days < 32", name="days"),)

    amount: Mapped[int]
    bonus: Mapped[Decimal] = mapped_column(Numeric(12, 2))
    days: Mapped[int] = mapped_column(default=1)
    owner_id: Mapped[int] = mapped_column(ForeignKey(User.id))


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
