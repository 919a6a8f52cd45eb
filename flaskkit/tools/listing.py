"""The commands ``flask kit features``, ``settings`` and ``routes``: what there is, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from flaskkit.access import Policy, guard_of, login
from flaskkit.config import Config
from flaskkit.feature import available
from flaskkit.tools.printing import as_json as json_option
from flaskkit.tools.printing import print_rows

SECRET = ("SECRET", "PASSWORD", "TOKEN", "_KEY", "_URI", "_URL", "BINDS", "DSN")


@click.command()
@json_option
@with_appcontext
def features(as_json: bool) -> None:
    """List the installed features, and which are on."""
    kit = current_app.extensions["flaskkit"]
    on = {feature.name: feature for feature in kit.features}
    names = [*on, *sorted(set(available()) - set(on))]
    head = ("feature", "state", "what it does") if as_json else ("feature", "", "what it does")
    rows = [(name, "on" if name in on else "off", _first_line(on.get(name))) for name in names]
    print_rows(head, rows, json=as_json)


@click.command()
@json_option
@with_appcontext
def settings(as_json: bool) -> None:
    """List every setting, its value and where it comes from. Secrets are masked."""
    rows = [
        (name, "********" if secret and value else _shown(value), origin)
        for name, value, origin, secret in settings_in(current_app.extensions["flaskkit"].config)
    ]
    print_rows(("setting", "value", "from"), rows, json=as_json)


def settings_in(config: Config) -> Iterator[tuple[str, Any, str, bool]]:
    """Yield (name, value, origin, secret) of everything that is set, settings of features as "feature.name"."""
    for path, value, declared in config.values(config.feature_objects()):
        if path != "features":
            unset = "default" if value == declared.default else "code"
            yield path, value, config.origins.get(path, unset), declared.secret
    for key, value in config.flask.items():
        # Nothing declares it: its name has to tell whether it holds something nobody should read.
        secret = any(word in key for word in SECRET)
        yield f"flask.{key}", value, config.origins.get(f"flask.{key}", "code"), secret


@click.command()
@click.option("--public", "only_public", is_flag=True, help="Only what strangers may use.")
@json_option
@with_appcontext
def routes(only_public: bool, as_json: bool) -> None:
    """List every route with its methods, the feature or module it comes from, and who may use it."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    rows = [
        (rule, methods, came_from, "not stated" if policy is None else str(policy), endpoint)
        for rule, methods, came_from, policy, endpoint in routes_of(app)
        if not only_public or policy is None or policy.anonymous
    ]
    print_rows(("route", "methods", "from", "policy", "endpoint"), rows, json=as_json)


def routes_of(app: Flask) -> Iterator[tuple[str, list[str], str, Policy | None, str]]:
    """Yield rule, methods, where it comes from, who may, and endpoint of each route; one for each policy it has."""
    kit = app.extensions["flaskkit"]
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        by_policy: dict[str, tuple[Policy | None, list[str]]] = {}
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            policy = policy_of(app.view_functions[rule.endpoint], method)
            by_policy.setdefault(str(policy), (policy, []))[1].append(method)
        for policy, methods in by_policy.values():
            yield rule.rule, methods, kit.came_from.get(rule.endpoint, "app"), policy, rule.endpoint


def policy_of(view: Any, method: str) -> Policy | None:
    """Return who may use *view* by the HTTP *method*; None where nothing says so."""
    found = guard_of(view, method).policy
    own = getattr(getattr(view, "view_class", None), method.lower(), None)
    return login if found is None and (_by_flask_login(view) or _by_flask_login(own)) else found


def _by_flask_login(view: Any) -> bool:
    """Return whether a decorator of Flask-Login is around *view*; it leaves no other mark."""
    while view is not None:
        code = getattr(view, "__code__", None)
        if code is not None and "flask_login" in Path(code.co_filename).parts:
            return True
        view = getattr(view, "__wrapped__", None)
    return False


def _first_line(feature: Any) -> str:
    return (type(feature).__doc__ or "").strip().partition("\n")[0] if feature is not None else ""


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        # What is inside may be secret, and nothing says so.
        return f"{{{', '.join(map(str, value))}}}"
    if isinstance(value, tuple):
        return ", ".join(getattr(part, "name", str(part)) for part in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
