"""What `flask kit check` looks for in the admin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from flaskkit.db import db
from flaskkit.tools.checks import check


@check(
    "admin.W001",
    "A password alone opens the admin.",
    why="Whoever gets to know it can read and change everything.",
    fix="Set 'second_factor' of feature 'auth' to \"optional\" or \"required\", or 'passkeys'.",
    deploy=True,
)
def one_factor(app: Flask) -> Iterator[str]:
    auth = app.extensions["flaskkit.auth"]
    if auth.second_factor == "off" and not auth.passkeys:
        yield "'second_factor' of feature 'auth' is 'off', and there are no passkeys."


@check(
    "admin.W002",
    "Nobody may use the admin.",
    why="It is there, and no one can log in to it.",
    fix="Run flask kit users create NAME@HOST --role admin, with the role that opens it.",
    deploy=True,
)
def no_admins(app: Flask) -> Iterator[str]:
    feature = next(one for one in app.extensions["flaskkit"].features if one.name == "admin")
    model: Any = app.extensions["flaskkit.user_model"]
    held = select(model.id).where(model.roles.any(name=feature.role), model.active).limit(1)
    try:
        with db.engine.connect() as connection:
            found = connection.execute(held).first()
    except (SQLAlchemyError, click.ClickException):
        return  # Without its tables, which `db` tells.
    if found is None:
        yield f"No active user holds the role {feature.role!r}."


CHECKS: tuple[Any, ...] = (
    one_factor,
    no_admins,
)
