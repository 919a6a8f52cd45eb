"""Flask-Migrate, loaded when it is used: it imports Alembic, which an app that only serves never needs.

app.extensions["migrate"]     stands for what Flask-Migrate puts there, until something of it is asked for
flask db …                    the same commands
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from functools import cache
from typing import Any

import click


class Later:
    """Stands in ``app.extensions["migrate"]`` until *wire* is called, with the first attribute of it that is used."""

    def __init__(self, wire: Callable[[], Any]) -> None:
        self._wire = cache(wire)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wire(), name)


class Commands(click.Group):
    """``flask db …`` of Flask-Migrate."""

    def __init__(self) -> None:
        super().__init__("db", help="Perform database migrations.")

    @property
    def commands(self) -> MutableMapping[str, click.Command]:
        """Flask-Migrate's commands by name."""
        return _group().commands

    @commands.setter
    def commands(self, _none: Any) -> None:
        pass

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Return the context of Flask-Migrate's group, whose options are its own."""
        return _group().make_context(info_name, args, parent, **extra)


def _group() -> click.Group:
    from flask_migrate.cli import db

    group: click.Group = db
    return group
