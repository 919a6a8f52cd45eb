"""Feature `limits`: how often something may be tried, counted in memory or in Redis.

rules.py      one limit: so many in so much time, by whom
counters.py   where is counted; in memory while Redis is away
limiter.py    hit, clear, and what a refusal says
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from flask import Flask, request

from flaskkit.errors import ConfigError, FeatureError, Mistakes, did_you_mean
from flaskkit.feature import Feature, setting
from flaskkit.limits.counters import Counters, storage_of
from flaskkit.limits.limiter import Limiter, limited
from flaskkit.limits.rules import Rule

if TYPE_CHECKING:
    from flaskkit.config import Config
    from flaskkit.module import Module

__all__ = ["Limits", "limited"]

NAMED = ("login", "code", "reset", "signup", "api")


@dataclass(frozen=True)
class Limits(Feature):
    """Limits of how often something may be tried."""

    name: ClassVar[str] = "limits"
    after: ClassVar[tuple[str, ...]] = ("auth", "api")

    login: tuple[str, ...] = setting(
        ("50 per 5 minutes by address", "10 per 5 minutes by account"),
        help="Attempts to log in, or to show a password.",
    )
    code: tuple[str, ...] = setting(
        ("50 per 5 minutes by address", "10 per 5 minutes by account"), help="Attempts to show a code."
    )
    reset: tuple[str, ...] = setting(
        ("20 per hour by address", "5 per hour by account"), help="Messages with links or codes that are asked for."
    )
    signup: tuple[str, ...] = setting(
        ("20 per hour by address", "5 per hour by account"), help="Attempts to make an account."
    )
    api: tuple[str, ...] = setting((), help="Requests below the prefix of the API; without one there is no limit.")
    own: Mapping[str, tuple[str, ...]] | None = setting(None, help="Limits of the app's own, by name, for @limited.")
    storage: str = setting(
        "memory://",
        secret=True,
        help="Where is counted: memory:// of each process by itself, or redis://… for all of them.",
    )

    def mistakes(self, config: Config) -> Iterable[str]:
        found = Mistakes()
        for name, texts in self._texts().items():
            for text in texts:
                with found.noted():
                    Rule.read(name, text)
        found.add(
            ConfigError, (f"{name!r} in 'own' is a setting itself." for name in NAMED if name in (self.own or {}))
        )
        with found.noted():
            storage_of(self.storage)
        yield from (f"Feature 'limits': {text}" for error in found for text in error.mistakes)
        if self.api and "api" not in [feature.name for feature in config.feature_objects()]:
            yield "'api' of feature 'limits' needs feature 'api', which is switched off."

    def checks(self) -> Iterable[Any]:
        from flaskkit.limits import checks

        return checks.CHECKS

    def explain(self, app: Flask, endpoint: str, method: str) -> Iterable[Any]:
        from flaskkit.tools.steps import Step

        name = getattr(app.view_functions[endpoint], "limit", None)
        rules = self._texts()
        return [Step("before", f"the limit {name!r}", details=tuple(rules.get(name, ())))] if name else []

    def _texts(self) -> dict[str, Sequence[str]]:
        return {name: getattr(self, name) for name in NAMED} | dict(self.own or {})

    def init_app(self, app: Flask) -> None:
        rules = {name: [Rule.read(name, text) for text in texts] for name, texts in self._texts().items()}
        limiter = app.extensions["flaskkit.limits"] = Limiter(app.name, rules, Counters(storage_of(self.storage)))
        if self.api:
            prefixes = tuple(version.prefix for version in app.extensions["flaskkit.api"])
            below = tuple(f"{prefix}/" for prefix in prefixes)

            @app.before_request
            def count() -> None:
                # Browsers ask by OPTIONS whether they may ask; that is no use of the API.
                if (request.path.startswith(below) or request.path in prefixes) and request.method != "OPTIONS":
                    limiter.hit("api")

    def init_module(self, app: Flask, module: Module) -> None:
        known = self._texts()
        for endpoint, view in app.view_functions.items():
            functions = [view, *vars(getattr(view, "view_class", object)).values()]
            for name in filter(None, (getattr(function, "limit", None) for function in functions)):
                if isinstance(name, str) and name not in known:
                    raise FeatureError(
                        f"View {endpoint!r} names the limit {name!r}, which 'own' of feature 'limits' does not have."
                        f"{did_you_mean(name, known)}"
                    )
