"""What `flask kit check` looks for in forms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask

from flaskkit.tools.checks import check


@check(
    "forms.E001",
    "Forms can be forged.",
    why="Any other site can send them in the name of whoever visits it.",
    fix="Leave WTF_CSRF_ENABLED and WTF_CSRF_CHECK_DEFAULT out; exempt single views, if need be, by csrf.exempt.",
)
def forgeable(app: Flask) -> Iterator[str]:
    # Tests often switch it off, and a test client is no browser.
    if app.extensions["flaskkit"].config.env == "testing":
        return
    if not app.config["WTF_CSRF_ENABLED"]:
        yield "WTF_CSRF_ENABLED is false."
    if app.config["WTF_CSRF_CHECK_DEFAULT"] is False:
        yield "WTF_CSRF_CHECK_DEFAULT is false."


@check(
    "forms.W001",
    "Tokens of forms have no limit.",
    why="One that leaked once is good as long as its session.",
    fix="Leave WTF_CSRF_TIME_LIMIT at an hour, or some; nothing that was typed is lost when it is over.",
)
def endless_tokens(app: Flask) -> Iterator[str]:
    if app.config["WTF_CSRF_TIME_LIMIT"] is None:
        yield "WTF_CSRF_TIME_LIMIT is not set."


CHECKS: tuple[Any, ...] = (
    forgeable,
    endless_tokens,
)
