"""History: which rows were changed, by whom, from where, when, and what they held before.

log.py        Log: what is written down of which models, and reading it again
values.py     values as JSON, and which of them are never written down
recording.py  SQLAlchemy's events, in the transaction of the change itself
models.py     Change: the table
commands.py   flask kit prune-history
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from flask import Flask

from flaskkit.feature import Feature, setting
from flaskkit.history.commands import prune_history
from flaskkit.history.log import Log
from flaskkit.history.models import Change

__all__ = ["Change", "History"]


@dataclass(frozen=True)
class History(Feature):
    """Write down who changed which rows, and what they held before."""

    name: ClassVar[str] = "history"
    requires: ClassVar[tuple[str, ...]] = ("db",)
    after: ClassVar[tuple[str, ...]] = ("auth",)
    tables: ClassVar[tuple[str, ...]] = ("history_changes",)

    of: Literal["everything", "admin"] = setting(
        "everything", help="Which changes are written down: all, or those made in the admin."
    )

    def init_app(self, app: Flask) -> None:
        app.extensions["flaskkit.history"] = Log(only_admin=self.of == "admin")
        app.extensions["flaskkit"].commands.add_command(prune_history)

    def look_at(self, app: Flask) -> None:
        log: Log = app.extensions["flaskkit.history"]
        for resource in app.extensions["flaskkit"].resources:
            log.watch(resource.model, secrets=resource.write_only)
        users = app.extensions.get("flaskkit.user_model")
        if users is not None:
            log.watch(users)
            log.watch(users.roles.property.mapper.class_)
