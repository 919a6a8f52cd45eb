"""The page that shows the OpenAPI document: Swagger UI from the installed package, nothing from elsewhere.

Our own page has no inline script or style, so that it works under a strict Content-Security-Policy.
"""

from __future__ import annotations

from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Response, current_app, render_template, send_from_directory, url_for
from werkzeug.exceptions import NotFound

from flaskkit.access import caller, declare, public

ASSETS = Path(flask_swagger_ui.__file__).parent / "dist"
SHIPPED = "swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"


def blueprint_for(prefix: str) -> Blueprint:
    """Return the blueprint `api` with the page at *prefix*/docs."""
    blueprint = Blueprint(
        "api",
        __name__,
        url_prefix=prefix,
        template_folder="templates",
        static_folder="static",
        static_url_path="/docs/static",
    )
    blueprint.add_url_rule("/docs", "docs", declare(page, {"GET": public}), strict_slashes=False)
    blueprint.add_url_rule("/docs/assets/<name>", "assets", declare(asset, {"GET": public}))
    return blueprint


def page() -> str:
    # Only somebody known by a session needs a token to try things out; nobody else gets a cookie for looking.
    token = current_app.jinja_env.globals.get("csrf_token")
    return render_template(
        "api/docs.html",
        title=current_app.config["API_TITLE"],
        document=url_for("api-docs.openapi_json"),
        token=token() if callable(token) and caller().by == "session" else "",
        header=current_app.config.get("WTF_CSRF_HEADERS", [""])[0],
    )


def asset(name: str) -> Response:
    if name not in SHIPPED:
        raise NotFound
    return send_from_directory(ASSETS, name)
