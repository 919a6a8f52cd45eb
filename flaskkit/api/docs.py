"""The page that shows the OpenAPI document: Swagger UI from the installed package, nothing from elsewhere.

Our own page has no inline script or style, so that it works under a strict Content-Security-Policy.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import flask_swagger_ui
from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    redirect,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from flaskkit.access import Policy, caller, declare, public, require, user_for
from flaskkit.api.versions import Version

ASSETS = Path(flask_swagger_ui.__file__).parent / "dist"
SHIPPED = "swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"


def add_page(app: Flask, version: Version, readers: Policy) -> None:
    """Add the page of *version* to *app*, for *readers*; strangers are led to the login page, where there is one."""
    view = declare(partial(page, version, readers), readers)
    if not version.keys:
        app.register_blueprint(_files(version.prefix))
    app.add_url_rule(f"{version.prefix}/docs", f"{version.name}.docs", view, strict_slashes=False)


def _files(prefix: str) -> Blueprint:
    blueprint = Blueprint(
        "api",
        __name__,
        url_prefix=prefix,
        template_folder="templates",
        static_folder="static",
        static_url_path="/docs/static",
    )
    blueprint.add_url_rule("/docs/assets/<name>", "assets", declare(asset, public))
    return blueprint


def page(version: Version, readers: Policy) -> ResponseReturnValue:
    """Show the document of *version*."""
    if not readers.allows(user_for(readers)) and "auth.login" in current_app.view_functions:
        return redirect(url_for("auth.login", next=f"{request.root_path}{request.path}"), 303)
    require(readers)
    # Only somebody known by a session needs a token to try things out; nobody else gets a cookie for looking.
    token = current_app.jinja_env.globals.get("csrf_token")
    return render_template(
        "api/docs.html",
        title=version.smorest(current_app).spec.title,
        document=url_for(version.document),
        token=token() if callable(token) and caller().by == "session" else "",
        header=current_app.config.get("WTF_CSRF_HEADERS", [""])[0],
    )


def asset(name: str) -> Response:
    if name not in SHIPPED:
        raise NotFound
    return send_from_directory(ASSETS, name)
