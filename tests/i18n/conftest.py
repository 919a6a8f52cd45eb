"""A harbour with boats, and sailors who may say which language and time zone they have."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from flask import Flask
from sqlalchemy import Numeric
from sqlalchemy.orm import Mapped, mapped_column

from flaskkit import IntegerKey, Model, Module, Resource, UserMixin, UTCDateTime, public
from flaskkit.auth import passwords


class Colour(enum.Enum):
    dark_red = 1


class Boat(IntegerKey, Model):
    __tablename__ = "i18n_boat"
    name: Mapped[str]
    berth: Mapped[int] = mapped_column(default=7, info={"maximum": 99999})
    price: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    length: Mapped[float | None]
    built_on: Mapped[date | None]
    seen_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    colour: Mapped[Colour | None]
    sold: Mapped[bool] = mapped_column(default=False)

    def __str__(self) -> str:
        return self.name


class Sailor(UserMixin, IntegerKey, Model):
    __tablename__ = "i18n_sailor"
    language: Mapped[str | None]
    timezone: Mapped[str | None]


boats = Resource(
    Boat,
    name="boats",
    fields=["name", "berth", "price", "length", "built_on", "seen_at", "colour", "sold"],
    filters=["seen_at"],
    sorts=["name"],
    read=public,
    write=public,
)


@pytest.fixture
def harbour(start, monkeypatch):
    """Return a function that makes the app: ``harbour(default_timezone=…)``."""
    monkeypatch.setattr(passwords, "hasher", PasswordHasher.from_parameters(CHEAPEST))

    def harbour(*, flask: dict[str, Any] | None = None, env: str = "testing", **settings: Any) -> Flask:
        from flaskkit.auth import Auth
        from flaskkit.i18n import I18n

        features = ["db", "forms", "api", "pages", "mail", Auth(user_model=Sailor), I18n(**settings)]
        native = {"WTF_CSRF_ENABLED": False, **(flask or {})}
        return start(env=env, features=features, modules=[Module("harbour", resources=[boats])], flask=native)

    return harbour


def in_language(tag: str) -> dict[str, str]:
    return {"Accept-Language": tag}
