"""The dashboard: how many rows there are, how many came by day, what was changed last, and what modules add.

It stays fast whatever a table holds: nobody counts further than MOST_COUNTED, and days are counted where an index finds
them or where the table is small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import current_app, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import func, literal_column, select

from flaskkit.access import Policy, requires
from flaskkit.admin.changes import Entry, entries_of
from flaskkit.db import db
from flaskkit.db.models import now
from flaskkit.pages import Section
from flaskkit.resource import Resource
from flaskkit.texts import as_text

MOST_COUNTED = 10_000
DAYS = 30
RECENT = 10


@dataclass(frozen=True)
class Card:
    """How many rows a resource has; ``beyond``: more than that."""

    resource: Resource
    count: int
    beyond: bool


@dataclass(frozen=True)
class Bar:
    """One day of a chart, in the units of its drawing."""

    day: date
    count: int
    x: float
    y: float
    height: float


@dataclass(frozen=True)
class Chart:
    """The new rows of *resource* by day. ``cut``: only the newest rows were counted."""

    resource: Resource
    bars: tuple[Bar, ...]
    cut: bool

    width = DAYS * 10
    height = 80

    @property
    def total(self) -> int:
        return sum(bar.count for bar in self.bars)

    @property
    def most(self) -> Bar:
        """The day with the most rows."""
        return max(self.bars, key=lambda bar: bar.count)


def index_of(section: Section, policy: Policy, cards: Sequence[tuple[str, Callable[[], Any]]]) -> Any:
    """Return the view of the dashboard of *section*, for whom *policy* lets in; *cards* are (title, what it says)."""

    @requires(policy)
    def index() -> ResponseReturnValue:
        counted = _counted(section.resources)
        return render_template(
            "flaskkit/admin/index.html",
            section=section,
            layout=section.layout,
            counted=counted,
            charts=list(_charts(counted)),
            recent=_recent(section),
            has_history="flaskkit.history" in current_app.extensions,
            cards=[(as_text(title), said()) for title, said in cards],
        )

    return index


def _counted(resources: Sequence[Resource]) -> list[Card]:
    """Return a card for each of *resources*. One query for each database."""
    by_bind: dict[str | None, list[Resource]] = {}
    for resource in resources:
        by_bind.setdefault(resource.model.__table__.metadata.info.get("bind_key"), []).append(resource)
    counts: dict[Resource, int] = {}
    for some in by_bind.values():
        row = db.session.execute(
            select(*(_count_of(resource.model).label(f"of_{i}") for i, resource in enumerate(some))),
            bind_arguments={"mapper": some[0].model.__mapper__},
        ).one()
        counts |= dict(zip(some, row, strict=True))
    return [Card(one, min(counts[one], MOST_COUNTED), counts[one] > MOST_COUNTED) for one in resources]


def _count_of(model: Any) -> Any:
    some: Any = select(literal_column("1").label("one")).select_from(model).limit(MOST_COUNTED + 1)
    return select(func.count()).select_from(some.subquery()).scalar_subquery()


def _charts(counted: Sequence[Card]) -> Iterator[Chart]:
    for card in counted:
        column = card.resource.model.__mapper__.columns.get("created_at")
        field = card.resource.known.get("created_at")
        if column is None or field is None or field.type.__name__ != "datetime" or not card.count:
            continue
        if card.beyond and not _is_indexed(column):
            continue
        yield _chart(card.resource, getattr(card.resource.model, "created_at"))  # noqa: B009  (no model has it for mypy)


def _is_indexed(column: Any) -> bool:
    return any(next(iter(index.columns)) is column for index in column.table.indexes)


def _chart(resource: Resource, created_at: Any) -> Chart:
    first = now().date() - timedelta(days=DAYS - 1)
    since = now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)
    newest = select(created_at.label("at")).where(created_at >= since).order_by(created_at.desc())
    some = newest.limit(MOST_COUNTED).subquery()
    # The moments are stored in UTC, and sessions of PostgreSQL are in UTC.
    day = func.date(some.c.at)
    found = db.session.execute(
        select(day, func.count()).group_by(day), bind_arguments={"mapper": resource.model.__mapper__}
    )
    counts = {str(at)[:10]: count for at, count in found}
    most = max(counts.values(), default=1)
    days = [first + timedelta(days=number) for number in range(DAYS)]
    bars = []
    for number, one in enumerate(days):
        count = counts.get(one.isoformat(), 0)
        height = round(count * Chart.height / most, 1)
        bars.append(Bar(one, count, number * 10 + 1, Chart.height - height, height))
    return Chart(resource, tuple(bars), sum(counts.values()) >= MOST_COUNTED)


def _recent(section: Section) -> list[Entry]:
    log = current_app.extensions.get("flaskkit.history")
    return [] if log is None else entries_of(section, log.recent(RECENT))
