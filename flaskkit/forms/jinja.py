"""Leaves it to the app's author how the Jinja environment is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from jinja2.ext import Extension


@contextmanager
def jinja_left_open(app: Flask) -> Iterator[None]:
    """Keep the globals and extensions that the block adds to ``app.jinja_env``, and not the environment itself.

    Some Flask extensions touch it while they start, which freezes TEMPLATES_AUTO_RELOAD, jinja_options and
    autoescaping before the app's author had a say. An environment that was there before is left as it is.
    """
    if "jinja_env" in vars(app):
        yield
        return
    early: Any = app.jinja_env
    names, identifiers = {*early.globals}, {*early.extensions}
    yield
    added = {name: value for name, value in early.globals.items() if name not in names}
    extensions = [type(one) for identifier, one in early.extensions.items() if identifier not in identifiers]

    class Added(Extension):
        def __init__(self, environment: Any) -> None:
            super().__init__(environment)
            environment.globals.update(added)

    extensions = [*app.jinja_options.get("extensions", ()), *extensions, Added]
    app.jinja_options = {**app.jinja_options, "extensions": extensions}
    del app.jinja_env
    # Each refers to the environment, and so to the app, which could not be freed at once.
    early.extensions.clear()
