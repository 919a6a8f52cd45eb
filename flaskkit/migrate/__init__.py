"""Feature `migrate`: Flask-Migrate's ``flask db …`` with models that are always seen and no accidents.

later.py             nothing of it is loaded before it is used
autogenerate.py      what `flask db migrate` may look at, and when it refuses
additions.py         what migrations need where there are rows already
templates/flask/     what `flask db init` writes
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from weakref import ref

import click
from flask import Flask

from flaskkit.feature import Feature, setting
from flaskkit.migrate.later import Commands, Later

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Migrate(Feature):
    """Migrations, on Flask-Migrate and Alembic: flask db …"""

    name: ClassVar[str] = "migrate"
    requires: ClassVar[tuple[str, ...]] = ("db",)

    directory: str = setting("migrations", help="Folder of the migrations, from where `flask` is run.")

    def init_app(self, app: Flask) -> None:
        # Kept in the app: it must not keep the app in turn.
        found = ref(app)
        app.extensions["migrate"] = Later(lambda: self._wired(found()))
        app.cli.add_command(Commands())

    def _wired(self, app: Any) -> Any:
        """Give *app* Flask-Migrate, and return what that put into its extensions."""
        import flask_migrate

        from flaskkit.migrate.autogenerate import guard, owned_only, render

        migrate = flask_migrate.Migrate(
            app,
            app.extensions["sqlalchemy"],
            directory=self.directory,
            process_revision_directives=guard,
            include_object=owned_only,
            render_item=render,
        )
        migrate.configure(_own_template)
        return app.extensions["migrate"]

    def checks(self) -> Iterable[Any]:
        from flaskkit.migrate import checks

        return checks.CHECKS


def _own_template(config: Any) -> Any:
    """Let `flask db init` write flaskkit's template, unless another one or several databases are asked for."""
    asked = getattr(click.get_current_context(silent=True), "params", {})
    if config.template_directory is None and not asked.get("template") and not asked.get("multidb"):
        config.template_directory = str(TEMPLATES)
    return config
