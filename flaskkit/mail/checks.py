"""What `flask kit check` looks for in mail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.sansio.utils import host_is_trusted

from flaskkit.tools.checks import check


@check(
    "mail.E001",
    "Mail is not delivered.",
    why="Whoever forgot their password waits for a message that is in a log or a file.",
    fix="Leave 'backend' of feature 'mail' out in production, or set it to \"smtp\".",
    deploy=True,
)
def undelivered(app: Flask) -> Iterator[str]:
    backend = _settings(app).backend
    if backend in ("console", "file"):
        yield f"'backend' of feature 'mail' is {backend!r}."


@check(
    "mail.W001",
    "Links in mail lead to a host that the app does not answer to.",
    why="Whoever follows one gets an error.",
    fix="Add the host of 'public_url' to 'trusted_hosts' of feature 'security', or mend either of them.",
)
def foreign_links(app: Flask) -> Iterator[str]:
    host, trusted = urlsplit(_settings(app).public_url).hostname, app.config.get("TRUSTED_HOSTS")
    if host and trusted and not host_is_trusted(host, trusted):
        yield f"{host} is not among {', '.join(trusted)}."


def _settings(app: Flask) -> Any:
    return next(one for one in app.extensions["flaskkit"].features if one.name == "mail")


CHECKS: tuple[Any, ...] = (
    undelivered,
    foreign_links,
)
