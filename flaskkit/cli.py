"""The group ``flask kit``: commands of ``flaskkit.tools`` and of features, imported when one is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pkgutil import resolve_name

import click
from flask.cli import AppGroup


class KitGroup(AppGroup):
    """``flask kit`` of one app. ``later`` maps names of commands to where they are, "package.module:name"."""

    def __init__(self) -> None:
        super().__init__("kit", help="See what this app consists of, and work on it.")
        self.later: dict[str, str] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, of those imported later too."""
        return sorted({*self.commands, *self._places()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command called *cmd_name*, which is imported now if it was not before."""
        place = self._places().get(cmd_name)
        return self.commands.get(cmd_name) or (resolve_name(place) if place else None)

    def _places(self) -> Mapping[str, str]:
        own: Mapping[str, str] = resolve_name("flaskkit.tools:COMMANDS")
        return {**own, **self.later}
