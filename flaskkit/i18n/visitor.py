"""Which language and which time zone a visitor has.

    language    the user's attribute, else the cookie "language", else the header Accept-Language, else the default
    time zone   the user's attribute, else the cookie "timezone", else the default

A mail is written to its reader: in the language and time zone of the user that they are, else in those of the visitor,
unless that is another user, else in the default ones.

What is not among the languages, or no time zone, counts as not said. Nobody is asked before something is to be said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flask_babel
import pytz
from babel import Locale
from flask import Response, g, has_request_context, request

from flaskkit.access import Caller, caller

LANGUAGE = "language"
TIMEZONE = "timezone"
# Where ``flask.g`` holds who is spoken to in place of the visitor.
READER = "flaskkit_i18n_reader"


class Visitors:
    """Finds out who is spoken to. *locales* are the languages by tag; the others name attributes of the user."""

    def __init__(self, locales: Mapping[str, Locale], user_language: str, user_timezone: str) -> None:
        self.locales = locales
        self.attributes = {LANGUAGE: user_language, TIMEZONE: user_timezone}

    def locale(self) -> Locale | None:
        """Return the language for this request, or the reader; None for the default one."""
        own = self._own(g.get(READER), LANGUAGE)
        if own or not _is_visitor():
            return self.locales.get(own)
        chosen = self._chosen(LANGUAGE)
        if chosen in self.locales:
            return self.locales[chosen]
        _depends_on("Accept-Language")
        return next(filter(None, map(self._closest, request.accept_languages.values())), None)

    def zone(self) -> str | None:
        """Return the time zone for this request, or the reader; None for the default one."""
        zone = self._own(g.get(READER), TIMEZONE) or (self._chosen(TIMEZONE) if _is_visitor() else "")
        return zone if is_zone(zone) else None

    def tell(self, response: Response) -> Response:
        """Add to *response* in which language it is, and by what that was decided."""
        depends = g.get("flaskkit_i18n")
        if depends is not None:
            response.vary.update(depends)
            if response.mimetype == "text/html" and "Content-Language" not in response.headers:
                response.headers["Content-Language"] = str(flask_babel.get_locale()).replace("_", "-")
        return response

    def _closest(self, accepted: str) -> Locale | None:
        """Return the language that whoever reads *accepted* reads as well: "de" for "de-AT", "pt-BR" for "pt"."""
        by_tag = {tag.lower(): locale for tag, locale in self.locales.items()}
        parts = accepted.lower().split("-")
        for length in range(len(parts), 0, -1):
            if (tag := "-".join(parts[:length])) in by_tag:
                return by_tag[tag]
        return next((locale for tag, locale in by_tag.items() if tag.startswith(f"{parts[0]}-")), None)

    def _chosen(self, what: str) -> str:
        depends = _depends_on()
        found = Caller() if g.get("flaskkit_i18n_nobody") else caller()
        own = self._own(found.user, what)
        if own or found.by == "token":
            # A program keeps no cookies.
            return own
        depends.add("Cookie")
        return request.cookies.get(what, "")

    def _own(self, user: Any, what: str) -> str:
        """Return what *user* has chosen, or ""."""
        own = getattr(user, self.attributes[what], None)
        return own if isinstance(own, str) and (own in self.locales if what == LANGUAGE else is_zone(own)) else ""


def is_zone(name: Any) -> bool:
    """Return whether *name* is one of the IANA time zones."""
    return isinstance(name, str) and name in pytz.all_timezones_set


def _is_visitor() -> bool:
    """Return whether it may be the visitor who is spoken to."""
    if not has_request_context():
        return False
    reader = g.get(READER)
    return reader is None or caller().user in (None, reader)


def _depends_on(*headers: str) -> set[str]:
    found: set[str] = g.setdefault("flaskkit_i18n", set())
    found.update(headers)
    return found
