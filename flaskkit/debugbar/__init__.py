"""Feature `debugbar`: below each page, while developing: what was asked of the database, rendered and decided.

watch.py     what is written down of one request
bar.py       the bar as HTML, without a script or an inline style
static/      its stylesheet
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flask import Blueprint, Flask

from flaskkit.feature import Feature


@dataclass(frozen=True)
class Debugbar(Feature):
    """While developing: queries, templates, policies and the request, below each page."""

    name: ClassVar[str] = "debugbar"
    after: ClassVar[tuple[str, ...]] = ("db", "forms", "auth", "pages", "admin", "security", "limits")

    def init_app(self, app: Flask) -> None:
        if app.extensions["flaskkit"].config.env != "development":
            return
        # Here: in production not even these are imported.
        from flaskkit.debugbar import watch

        app.register_blueprint(
            Blueprint("debugbar", __name__, static_folder="static", static_url_path="/_debugbar/static")
        )
        watch.wire(app)
