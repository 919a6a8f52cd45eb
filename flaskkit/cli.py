"""The commands ``flask kit …``: what an app consists of, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from flaskkit.access import declared


def kit_commands() -> AppGroup:
    """Return the group ``flask kit`` for one app; features add to it."""
    return AppGroup("kit", commands=[features, settings, routes], help="See what this app consists of.")


@click.command()
@with_appcontext
def features() -> None:
    """List the installed features, and which are on."""
    from flaskkit.feature import available

    kit = current_app.extensions["flaskkit"]
    on = {feature.name: feature for feature in kit.features}
    names = [*on, *sorted(set(available()) - set(on))]
    rows = [(name, "on" if name in on else "off", _first_line(on.get(name))) for name in names]
    _table(("feature", "", "what it does"), rows)


@click.command()
@with_appcontext
def settings() -> None:
    """List every setting, its value and where it comes from. Secrets are masked."""
    rows = [
        (name, "********" if secret and value else _shown(value), origin)
        for name, value, origin, secret in current_app.extensions["flaskkit"].config.settings()
    ]
    _table(("setting", "value", "from"), rows)


@click.command()
@with_appcontext
def routes() -> None:
    """List every route with its methods, the feature or module it comes from, and who may use it."""
    kit = current_app.extensions["flaskkit"]
    rows = []
    for rule in sorted(current_app.url_map.iter_rules(), key=lambda rule: rule.rule):
        methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        policies = declared(current_app.view_functions[rule.endpoint])
        by_policy: dict[str, list[str]] = {}
        for method in methods:
            by_policy.setdefault(str(policies.get(method, "not stated")), []).append(method)
        for policy, some in by_policy.items():
            rows.append((rule.rule, ",".join(some), kit.came_from.get(rule.endpoint, "app"), policy, rule.endpoint))
    _table(("route", "methods", "from", "policy", "endpoint"), rows)


def _first_line(feature: Any) -> str:
    return (type(feature).__doc__ or "").strip().partition("\n")[0] if feature is not None else ""


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        # What is inside may be secret, and nothing says so.
        return f"{{{', '.join(map(str, value))}}}"
    if isinstance(value, tuple):
        return ", ".join(getattr(part, "name", str(part)) for part in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
