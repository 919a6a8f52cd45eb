"""The group ``flask kit``: commands of ``flaskkit.tools`` and of features, imported when one is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click
from flask.cli import AppGroup


class KitGroup(AppGroup):
    """``flask kit``. ``later`` maps names of commands to where they are, "package.module:name"; features add to it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.later: dict[str, str] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, of those imported later too."""
        return sorted({*super().list_commands(ctx), *self._places()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command called *cmd_name*, which is imported now if it was not before."""
        place = self._places().get(cmd_name)
        if place is None or cmd_name in self.commands:
            return super().get_command(ctx, cmd_name)
        module, _, name = place.partition(":")
        found: click.Command = getattr(import_module(module), name)
        return found

    def _places(self) -> Mapping[str, str]:
        return import_module("flaskkit.tools").COMMANDS | self.later  # type: ignore[no-any-return]


def kit_commands() -> KitGroup:
    """Return the group ``flask kit`` for one app; features add to it."""
    return KitGroup("kit", help="See what this app consists of, and work on it.")
