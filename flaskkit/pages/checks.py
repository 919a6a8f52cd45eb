"""What `flask kit check` looks for in pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask

from flaskkit.tools.checks import check


@check(
    "pages.W001",
    "Rows have no name.",
    why='Pages, choices and messages say "Product 7", which nobody knows.',
    fix="Give the model a method __str__ that returns what people call the row.",
)
def nameless_rows(app: Flask) -> Iterator[str]:
    models = dict.fromkeys(resource.model for resource in app.extensions["flaskkit"].resources)
    yield from (f"{model.__name__} has no __str__." for model in models if model.__str__ is object.__str__)


CHECKS: tuple[Any, ...] = (nameless_rows,)
