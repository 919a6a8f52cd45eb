"""What `flask kit check` looks for in limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask

from flaskkit.tools.checks import check


@check(
    "limits.W001",
    "Attempts are counted by each worker for itself.",
    why="With four workers four times as many are let through, and a restart forgets them all.",
    fix="Set APP_LIMITS_STORAGE to redis://…; silence this where there is one worker.",
    deploy=True,
)
def counted_in_memory(app: Flask) -> Iterator[str]:
    if _settings(app).storage.startswith("memory:"):
        yield "'storage' of feature 'limits' is memory://."


@check(
    "limits.W002",
    "A limit is taken away.",
    why="Passwords and codes can be tried, and mail be asked for, as often as somebody likes.",
    fix="Leave 'login', 'code', 'reset' and 'signup' of feature 'limits' as they are, or give other numbers.",
)
def taken_away(app: Flask) -> Iterator[str]:
    for name in ("login", "code", "reset", "signup"):
        if not getattr(_settings(app), name):
            yield f"{name!r} of feature 'limits' is empty."


@check(
    "limits.W003",
    "The API has no limit.",
    why="One program can keep all workers busy.",
    fix="Set 'api' of feature 'limits', for instance to [\"600 per minute by caller\"].",
    deploy=True,
)
def unlimited_api(app: Flask) -> Iterator[str]:
    if "api" in app.extensions["flaskkit"] and not _settings(app).api:
        yield "'api' of feature 'limits' is empty."


def _settings(app: Flask) -> Any:
    return next(one for one in app.extensions["flaskkit"].features if one.name == "limits")


CHECKS: tuple[Any, ...] = (
    counted_in_memory,
    taken_away,
    unlimited_api,
)
