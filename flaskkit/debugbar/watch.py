"""What is written down of one request, and where it is shown: in the page, or in the header Server-Timing."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, g, has_app_context, request, template_rendered
from sqlalchemy import Engine, event

from flaskkit.access import decided
from flaskkit.debugbar import bar

# How often one statement is sent, with other values, before it looks like a query for each row.
ROW_BY_ROW = 3
PACKAGES = ("site-packages", "/flaskkit/", "/lib/python")


@dataclass(frozen=True)
class Query:
    """One statement: how long it took, in milliseconds, and the line of the app that asked for it."""

    statement: str
    values: str
    milliseconds: float
    where: str


@dataclass
class Seen:
    """What is known of the current request."""

    began: float = field(default_factory=time.perf_counter)
    queries: list[Query] = field(default_factory=list)
    templates: list[str] = field(default_factory=list)
    decisions: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def milliseconds(self) -> float:
        """How long all statements took."""
        return sum(query.milliseconds for query in self.queries)

    def mark(self, query: Query) -> str:
        """Return "N+1" for a statement that is sent again and again with other values, "duplicate" for one twice."""
        alike = [one for one in self.queries if one.statement == query.statement]
        if len({one.values for one in alike}) >= ROW_BY_ROW:
            return "N+1"
        return "duplicate" if Counter(one.values for one in alike)[query.values] > 1 else ""

    @property
    def marks(self) -> Counter[str]:
        """How many statements have which mark."""
        return Counter(filter(None, map(self.mark, self.queries)))


def wire(app: Flask) -> None:
    """Write down what happens in *app*, and show it."""
    app.before_request_funcs.setdefault(None, []).insert(0, _begin)
    # The last one that is called sees what the others made of the response.
    app.after_request_funcs.setdefault(None, []).insert(0, _show)
    template_rendered.connect(_rendered, app)
    decided.connect(_decided, app)
    database = app.extensions.get("sqlalchemy")
    if database is not None:
        with app.app_context():
            for engine in database.engines.values():
                _listen(engine)


def _begin() -> None:
    g._debugbar = Seen()


def _seen() -> Seen | None:
    return g.get("_debugbar") if has_app_context() else None


def _listen(engine: Engine) -> None:
    def before(_connection: Any, _cursor: Any, _statement: str, _values: Any, context: Any, _many: bool) -> None:
        if context is not None:
            context._debugbar_began = time.perf_counter()

    def after(_connection: Any, _cursor: Any, statement: str, values: Any, context: Any, _many: bool) -> None:
        seen, began = _seen(), getattr(context, "_debugbar_began", None)
        if seen is not None and began is not None:
            milliseconds = (time.perf_counter() - began) * 1000
            seen.queries.append(Query(statement, repr(values), milliseconds, _asked_by()))

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)


def _asked_by() -> str:
    """Return the nearest line that is not a package's, as "shop/views.py:12"; "" where there is none."""
    for frame, line in traceback.walk_stack(None):
        file = frame.f_code.co_filename
        if not any(part in file for part in PACKAGES) and not file.startswith("<"):
            path = Path(file)
            here = Path.cwd()
            return f"{path.relative_to(here) if path.is_relative_to(here) else path}:{line}"
    return ""


def _rendered(_app: Flask, template: Any, **_context: Any) -> None:
    seen = _seen()
    if seen is not None:
        seen.templates.append(template.name or "(text)")


def _decided(_app: Flask, policy: Any, allowed: bool) -> None:
    seen = _seen()
    if seen is not None:
        seen.decisions.append((str(policy), allowed))


def _show(response: Response) -> Response:
    seen = _seen()
    if seen is None or request.endpoint == "debugbar.static":
        return response
    total = (time.perf_counter() - seen.began) * 1000
    told = bar.counted(seen) + "".join(f", {count} {mark}" for mark, count in seen.marks.items())
    response.headers.add("Server-Timing", f'db;desc="{told}";dur={seen.milliseconds:.2f}, app;dur={total:.2f}')
    if response.mimetype == "text/html" and response.is_sequence and not response.direct_passthrough:
        before, body, after = response.get_data(as_text=True).rpartition("</body>")
        if body:
            with current_app.app_context():
                shown = bar.html(seen, request, response.status, total)
            response.set_data(before + shown + body + after)
            # It is of this moment: the next one has other figures.
            response.headers.pop("ETag", None)
    return response
