"""What `flask kit check` looks for in the API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask

from flaskkit.tools.checks import check

MOST = 1000


@check(
    "api.W001",
    "One request may ask for very many rows.",
    why="A few such requests keep all workers and the database busy.",
    fix="Set 'max_page_size' of feature 'api' to some hundred; whoever wants all reads page after page.",
)
def long_pages(app: Flask) -> Iterator[str]:
    feature = next(one for one in app.extensions["flaskkit"].features if one.name == "api")
    if feature.max_page_size > MOST:
        yield f"'max_page_size' of feature 'api' is {feature.max_page_size}."


@check(
    "api.W002",
    "An operation can change or delete very many rows at once.",
    why="It holds locks on all of them until it is done.",
    fix="Set 'bulk' of the resource to some hundred.",
)
def large_bulks(app: Flask) -> Iterator[str]:
    for resource in app.extensions["flaskkit"].resources:
        if resource.bulk > MOST:
            yield f"Resource {resource.name!r} has bulk={resource.bulk}."


CHECKS: tuple[Any, ...] = (
    long_pages,
    large_bulks,
)
