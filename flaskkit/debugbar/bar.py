"""The bar as HTML: ``<details>`` and a stylesheet, so that the strictest Content-Security-Policy lets it be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Request, current_app, url_for
from markupsafe import Markup

from flaskkit.access import caller, guard_of

if TYPE_CHECKING:
    from flaskkit.debugbar.watch import Seen

NUMBER = "{:.1f} ms"


def html(seen: Seen, request: Request, status: str, milliseconds: float) -> str:
    """Return the bar for a request that took so long."""
    marks = Markup("").join(_mark(f"{count} {mark}") for mark, count in sorted(seen.marks.items()))
    head = Markup("<summary><b>{}</b> {} · {} · {}, {} {}</summary>").format(
        request.method,
        status,
        NUMBER.format(milliseconds),
        counted(seen),
        NUMBER.format(seen.milliseconds),
        marks,
    )
    parts = [_queries(seen), _policies(seen, request), _templates(seen), _request(request)]
    css = Markup('<link rel="stylesheet" href="{}">').format(url_for("debugbar.static", filename="debugbar.css"))
    bar = Markup('<details class="flaskkit-debugbar" id="flaskkit-debugbar">{}{}</details>')
    return str(css + bar.format(head, Markup("").join(parts)))


def counted(seen: Seen) -> str:
    """Return "1 query" or "4 queries"."""
    return "1 query" if len(seen.queries) == 1 else f"{len(seen.queries)} queries"


def _queries(seen: Seen) -> Markup:
    rows = []
    for query in seen.queries:
        mark = seen.mark(query)
        cell = Markup("<code>{}</code><small>{}</small>").format(" ".join(query.statement.split()), query.values)
        told = Markup("{}<small>{}</small>").format(cell, query.where) if query.where else cell
        rows.append((NUMBER.format(query.milliseconds), _mark(mark) + told if mark else told))
    return _table("Queries", rows)


def _policies(seen: Seen, request: Request) -> Markup:
    view = current_app.view_functions.get(request.endpoint or "")
    policy = guard_of(view, request.method).policy if view else None
    who = caller()
    known = f"{who.user} by {who.by}" if who.user is not None else "a stranger"
    rows = [("caller", known), ("the view", "not stated" if policy is None else str(policy))]
    return _table("Policies", [*rows, *(("allowed" if yes else "refused", name) for name, yes in seen.decisions)])


def _templates(seen: Seen) -> Markup:
    return _table("Templates", [(str(i), name) for i, name in enumerate(seen.templates, 1)])


def _request(request: Request) -> Markup:
    came_from = current_app.extensions["flaskkit"].came_from.get(request.endpoint or "", "app")
    rows = [
        ("path", request.full_path.rstrip("?")),
        ("route", str(request.url_rule or "none")),
        ("endpoint", f"{request.endpoint} of {came_from}"),
        *((f"value {name}", value) for name, value in (request.view_args or {}).items()),
    ]
    return _table("Request", rows)


def _table(title: str, rows: Iterable[tuple[str, str]]) -> Markup:
    rows = list(rows)
    lines = Markup("").join(Markup("<tr><th>{}</th><td>{}</td></tr>").format(*row) for row in rows)
    # The first of them is what most people open it for.
    details = Markup("<details open>") if title == "Queries" else Markup("<details>")
    return details + Markup("<summary>{} ({})</summary><table>{}</table></details>").format(title, len(rows), lines)


def _mark(text: str) -> Markup:
    return Markup("<mark>{}</mark> ").format(text)
