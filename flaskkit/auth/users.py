"""The default user model. Imported only by apps that use it, because importing it declares its tables."""

from __future__ import annotations

from flaskkit.auth.models import UserMixin
from flaskkit.db import IntegerKey, Model, Timestamps


class User(UserMixin, IntegerKey, Timestamps, Model):
    """Who logs in, in an app that brings no user model of its own."""

    __tablename__ = "users"
