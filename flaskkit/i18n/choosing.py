"""POST /language: the visitor chooses a language or a time zone.

language=de              one of the languages of the site
timezone=Europe/Berlin   any IANA time zone
next=/notes/             where to go afterwards, on this site

It is kept on the user, where the model has a place for it, and in a cookie for a year. It needs no CSRF token, so that
pages of strangers need no session; requests that another site has caused are refused.
"""

from __future__ import annotations

from collections.abc import Mapping

import flask_babel
from flask import Blueprint, Response, abort, after_this_request, current_app, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import ImmutableMultiDict

from flaskkit.access import caller, public, requires
from flaskkit.errors import Rejected
from flaskkit.i18n.visitor import LANGUAGE, TIMEZONE, Visitors, is_zone
from flaskkit.texts import say

YEAR = 365 * 24 * 3600


def pages(visitors: Visitors) -> Blueprint:
    """Return the blueprint of what the visitor chooses."""
    blueprint = Blueprint("i18n", __name__, static_folder="static", static_url_path="/flaskkit/i18n")

    @requires(public)
    def choose() -> ResponseReturnValue:
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            abort(403, say("This was sent from another site."))
        keep(visitors, {name: request.form[name] for name in (LANGUAGE, TIMEZONE) if name in request.form})
        return redirect(_on_this_site(request.form.get("next", "")), 303)

    blueprint.add_url_rule("/language", "choose", choose, methods=["POST"])
    return blueprint


def keep(visitors: Visitors, given: Mapping[str, str]) -> None:
    """Keep what the visitor has chosen, by LANGUAGE and TIMEZONE: on the user, and in cookies of the response.

    Raises:
        Rejected: what is wrong with it.
    """
    chosen = _checked(visitors, given)
    _keep_on_user(visitors, chosen)
    # What is said from here on is said to who has chosen.
    request.cookies = ImmutableMultiDict({**request.cookies, **chosen})
    flask_babel.refresh()
    config = current_app.config

    @after_this_request
    def remember(response: Response) -> Response:
        for name, value in chosen.items():
            response.set_cookie(
                name,
                value,
                max_age=YEAR,
                path=config["APPLICATION_ROOT"],
                secure=config["SESSION_COOKIE_SECURE"],
                samesite="Lax",
            )
        return response


def _checked(visitors: Visitors, given: Mapping[str, str]) -> dict[str, str]:
    wrong = {}
    if given.get(LANGUAGE, "") not in (*visitors.locales, ""):
        wrong[LANGUAGE] = [say("This site does not speak this language.")]
    if not is_zone(given.get(TIMEZONE, "UTC")):
        wrong[TIMEZONE] = [say("There is no such time zone.")]
    if wrong or not any(given.values()):
        wrong = wrong or {"": [say("Choose a language or a time zone.")]}
        raise Rejected(wrong, " ".join(text for texts in wrong.values() for text in texts))
    return {name: value for name, value in given.items() if value}


def _keep_on_user(visitors: Visitors, chosen: dict[str, str]) -> None:
    user = caller().user
    columns = getattr(type(user), "__mapper__", None)
    own = {visitors.attributes[name]: value for name, value in chosen.items()}
    kept = {name: value for name, value in own.items() if columns is not None and name in columns.columns}
    if kept:
        for name, value in kept.items():
            setattr(user, name, value)
        current_app.extensions["sqlalchemy"].session.commit()


def _on_this_site(address: str) -> str:
    """Return *address* where it is a path of this site, and else the home page."""
    fine = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if fine else f"{request.script_root}/"
