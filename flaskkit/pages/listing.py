"""What a list was asked for, and the rows that answer it.

    ?q=lond     search          ?country=GB    filters, see conditions.py
    ?sort=-name order           ?page=2        page
    ?columns=name,country       the columns, in that order

Nothing a visitor writes there is an error: what makes no sense is left out.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask import request
from markupsafe import escape

from flaskkit.access import caller
from flaskkit.db import rows
from flaskkit.db.keys import url_key
from flaskkit.db.lists import Page
from flaskkit.db.texts import name_of
from flaskkit.errors import Rejected
from flaskkit.pages.actions import Action, may_act
from flaskkit.pages.cells import Cell, cells_of, in_reading_order, kind_of
from flaskkit.pages.conditions import Conditions
from flaskkit.pages.editing import form_of
from flaskkit.resource import Resource
from flaskkit.resource.fields import Field
from flaskkit.texts import joined, spoken

if TYPE_CHECKING:
    from flaskkit.pages.section import Section


@dataclass(frozen=True)
class Column:
    """One column of a list. ``order`` is "ascending", "descending" or ""; ``href`` sorts by it, "" cannot."""

    field: Field
    label: str
    kind: str
    href: str = ""
    order: str = ""


MOST_COLUMNS = 7
# Nobody reads further, and to count a million rows takes longer than the rest of the page.
MOST_COUNTED = 10_000


@dataclass(frozen=True)
class Row:
    """One row of a list. ``edit`` is where the visitor may change it, ``chosen`` its key if they may choose it, or "".

    ``form`` has the inputs in the list itself.
    The first cell leads to the row, unless the list is ``named``: then ``name`` does, in a column before it.
    """

    name: str
    href: str
    cells: list[Cell]
    edit: str = ""
    chosen: str = ""
    form: Any = None

    def input(self, name: str) -> Any:
        """Return the input for the field called *name* where it can be changed in the list, or None."""
        return None if self.form is None else self.form.inputs.get(name)


@dataclass(frozen=True)
class Query:
    """What the current address asks of a list. ``filters`` are those of the form above it."""

    resource: Resource
    q: str
    sort: str
    number: int
    filters: Conditions

    @classmethod
    def asked(cls, resource: Resource) -> Query:
        """Return what the current request asks for."""
        q = request.args.get("q", "").strip().replace("\x00", "") if resource.search else ""
        sort = request.args.get("sort", "")
        text = request.args.get("page", "")
        return cls(
            resource,
            q,
            sort if sort.removeprefix("-") in resource.sorts else "",
            max(1, int(text)) if re.fullmatch("[0-9]{1,9}", text) else 1,
            Conditions(resource, request.args),
        )

    def page(self, **options: Any) -> Page:
        """Return rows as ``rows.page`` does, with its other *options*."""
        return rows.page(self.resource, **{**self.wanted, **options})

    @property
    def wanted(self) -> dict[str, Any]:
        """What of it ``rows.page`` takes."""
        sorts = [self.sort] if self.sort else []
        return {"filters": self.filters.wanted, "q": self.q, "sorts": sorts, "number": self.number}

    @cached_property
    def chosen(self) -> list[Field]:
        """The columns that the address names."""
        readable = {field.public_name: field for field in self.resource.readable}
        names = request.args.get("columns", "").split(",")
        return [readable[name] for name in dict.fromkeys(names) if name in readable]

    @cached_property
    def columns(self) -> list[Field]:
        """The columns. Without a choice, keys that mean nothing to people are left out where possible, and JSON."""
        if self.chosen:
            return self.chosen
        readable = in_reading_order(self.resource)
        counted = [field for field in readable if field.key and field.target is None and field.type in (int, UUID)]
        shown = [field for field in readable if field not in counted and field.type is not object]
        # More would not fit beside each other; the page of a row shows all, and visitors choose.
        return (shown or readable)[:MOST_COLUMNS]


def asked(resource: Resource) -> dict[str, Any]:
    """Return what the address of the current request asks of a list of *resource*, as ``shown.page`` takes it.

    The parameters are those of the lists that flaskkit makes, see above. A page below 1 is the first one.

    Raises:
        Rejected: the value of a filter is none; ``errors`` says so by the label of the column.
    """
    query = Query.asked(resource)
    errors = query.filters.errors
    if errors:
        told = joined(*(joined(label, message, between=": ") for label, message in errors.items()))
        raise Rejected({label: [message] for label, message in errors.items()}, spoken(told))
    return query.wanted


@dataclass(frozen=True)
class Listing:
    """A list as asked for. ``page`` as ``rows.page`` returns it; ``forms`` are those that were sent, by key."""

    section: Section
    resource: Resource
    query: Query
    page: Page
    forms: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def asked(cls, section: Section, resource: Resource, forms: Mapping[str, Any] | None = None) -> Listing:
        """Return what the current request asks for.

        Raises:
            LoginRequired, Forbidden: the visitor may read nothing of it.
        """
        rows.require_some(resource)
        query = Query.asked(resource)
        if query.filters.errors:
            # No row can be as asked; the message stands beside the filter.
            return cls(section, resource, query, Page([], 1, section.page_size, 0), forms or {})
        wanted: dict[str, Any] = {"size": section.page_size, "count_to": MOST_COUNTED, "fields": query.columns}
        page = query.page(**wanted)
        if query.number > page.pages:
            page = query.page(number=page.pages, **wanted)
        return cls(section, resource, query, page, forms or {})

    @property
    def q(self) -> str:
        """What is searched for."""
        return self.query.q

    @property
    def sort(self) -> str:
        """What the address sorts by."""
        return self.query.sort

    @property
    def filters(self) -> Conditions:
        """The form for filters."""
        return self.query.filters

    @property
    def narrowed(self) -> bool:
        """Whether a search or a filter hides rows."""
        return bool(self.q or self.filters.count)

    @property
    def all_columns(self) -> list[tuple[Field, bool]]:
        """Every column there could be, and whether it is shown; those shown come first, as they stand."""
        shown = self.query.columns
        others = [field for field in in_reading_order(self.resource) if field not in shown]
        return [*((field, True) for field in shown), *((field, False) for field in others)]

    @property
    def chooses(self) -> bool:
        """Whether the visitor may choose rows; those with a key of one column can be chosen."""
        return len(self.resource.keys) == 1 and any(row.chosen for row in self._rows)

    @property
    def deletes(self) -> bool:
        """Whether the visitor may delete some of the rows."""
        policy = self.resource.policy("delete")
        return self.chooses and any(policy.allows(caller().user, item) for item in self.page.items)

    @property
    def actions(self) -> list[Action]:
        """What else the visitor may do with chosen rows."""
        return may_act(self.resource) if self.chooses else []

    @property
    def edits(self) -> bool:
        """Whether some of the rows can be changed in the list itself."""
        return any(row.form is not None for row in self._rows)

    @property
    def first(self) -> int:
        """The number of the first row shown, counted from 1 through all pages."""
        return (self.page.number - 1) * self.page.size + 1

    @cached_property
    def columns(self) -> list[Column]:
        return [self._column(field) for field in self.query.columns]

    @property
    def named(self) -> bool:
        """Whether rows need a column with their names, since the first field does not say which row it is."""
        first = self.query.columns[0]
        return first.type is not str or first.target is not None or first.long or bool(first.choices)

    def rows(self) -> list[Row]:
        """Return what the table shows."""
        return self._rows

    def numbers(self) -> list[int | None]:
        """Return the numbers of pages to offer: the ends and those near; None stands for a gap."""
        last, here = self.page.pages, self.page.number
        near = sorted({1, last, *range(max(1, here - 1), min(last, here + 1) + 1)})
        offered: list[int | None] = []
        for number in near:
            before = offered[-1] if offered else 0
            if before is not None and number - before == 2:
                offered.append(number - 1)
            elif before is not None and number - before > 2:
                offered.append(None)
            offered.append(number)
        return offered

    def href(self, **changed: Any) -> str:
        """Return the address of this list with other parameters; None leaves one out."""
        kept = {name: values for name, values in request.args.lists() if values != [""]}
        asked = kept | {name: [value] if value is not None else [] for name, value in changed.items()}
        return self.section.asked(self.resource, "list", asked)

    @property
    def export(self) -> str:
        """The address of the same list as CSV."""
        values = {name: values for name, values in request.args.lists() if name != "page" and values != [""]}
        return self.section.asked(self.resource, "export", values)

    @property
    def cleared(self) -> str:
        """The address of the whole list, in the same order and with the same columns."""
        values = {name: [value] for name, value in self.kept("sort", "columns")}
        return self.section.asked(self.resource, "list", values)

    @property
    def query_string(self) -> str:
        """What leads back here from another page."""
        return request.query_string.decode("ascii", "ignore")

    def kept(self, *names: str) -> list[tuple[str, str]]:
        """Return the parameters of this address with these *names*, as far as they say something."""
        return [(name, value) for name in names for value in request.args.getlist(name) if value]

    def kept_but(self, *names: str) -> list[tuple[str, str]]:
        """Return the others, but for the page."""
        return self.kept(*(name for name in request.args if name not in (*names, "page")))

    @cached_property
    def _url(self) -> Callable[[str], str]:
        return self.section.urls(self.resource, "detail")

    @cached_property
    def _edit_url(self) -> Callable[[str], str]:
        return self.section.urls(self.resource, "edit")

    @cached_property
    def _rows(self) -> list[Row]:
        user = caller().user
        return [self._row(item, user) for item in self.page.items]

    def _row(self, item: Any, user: Any) -> Row:
        key = url_key(item)
        may_update = self.resource.policy("update").allows(user, item)
        edit = self._edit_url(key) if may_update else ""
        href = self._url(key)
        chosen = key if self.resource.policy("delete").allows(user, item) or may_act(self.resource, item) else ""
        narrow = self.section.editable.get(self.resource.name) if may_update else None
        form = None
        if narrow is not None:
            form = self.forms[key] if key in self.forms else form_of(narrow, item)
        return Row(name_of(item), href, cells_of(self.section, item, self.query.columns), edit, chosen, form)

    def _column(self, field: Field) -> Column:
        known = self.resource.known
        fits = [name for name in self.resource.sorts if field.name in (name, known[name.split(".")[0]].relationship)]
        # What stands in the column is rather a name behind the relationship than a key.
        name = next((name for name in fits if "." in name), next(iter(fits), None))
        kind = kind_of(field)
        # As HTML, because it stands at each row.
        label = escape(field.label)
        if name is None:
            return Column(field, label, kind)
        sort = self.sort or next(iter(self.resource.order), "")
        order = {name: "ascending", f"-{name}": "descending"}.get(sort, "")
        return Column(
            field, label, kind, self.href(sort=f"-{name}" if order == "ascending" else name, page=None), order
        )
