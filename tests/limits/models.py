"""What the API of these tests has."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from flaskkit import IntegerKey, Model


class LimitsThing(IntegerKey, Model):
    __tablename__ = "limits_thing"
    name: Mapped[str]
