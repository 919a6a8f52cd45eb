"""What a list was asked for, and the rows that answer it.

    ?q=lond     search          ?country=GB    filter, for each name in ``filters``
    ?sort=-name order           ?page=2        page

Nothing a visitor writes there is an error: what makes no sense is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask import request
from werkzeug.datastructures import MultiDict

from flaskkit.access import caller
from flaskkit.db import rows
from flaskkit.fields import Field, name_of
from flaskkit.forms import FlaskForm
from flaskkit.forms.inputs import form_field
from flaskkit.pages.cells import Cell, cells_of, in_reading_order, kind_of
from flaskkit.resource import Resource

if TYPE_CHECKING:
    from flaskkit.pages.section import Section

_RESERVED = ("q", "sort", "page")


@dataclass(frozen=True)
class Column:
    """One column of a list. ``order`` is "ascending", "descending" or ""; ``href`` sorts by it, "" cannot."""

    field: Field
    kind: str
    href: str = ""
    order: str = ""


MOST_COLUMNS = 7


@dataclass(frozen=True)
class Row:
    """One row of a list; ``edit`` is where the visitor may change it, or "".

    The first cell leads to the row, unless the list is ``named``: then ``name`` does, in a column before it.
    """

    name: str
    href: str
    cells: list[Cell]
    edit: str = ""


@dataclass(frozen=True)
class Listing:
    """A list as asked for. ``filters`` is the form above it; ``page`` as ``rows.page`` returns it."""

    section: Section
    resource: Resource
    q: str
    sort: str
    filters: FlaskForm
    page: rows.Page

    @classmethod
    def asked(cls, section: Section, resource: Resource) -> Listing:
        """Return what the current request asks for.

        Raises:
            LoginRequired, Forbidden: the visitor may read nothing of it.
        """
        rows.require_some(resource)
        filters = _filter_form(resource)
        filters.validate()
        fields = {_parameter(name): name for name in resource.filters}
        wanted = {
            fields[at]: filters[at].data for at in fields if filters[at].data is not None and not filters[at].errors
        }
        q = request.args.get("q", "").strip().replace("\x00", "") if resource.search else ""
        sort = request.args.get("sort", "")
        sort = sort if sort.removeprefix("-") in resource.sorts else ""
        text = request.args.get("page", "")
        number = max(1, int(text)) if re.fullmatch("[0-9]{1,9}", text) else 1
        asked: dict[str, Any] = {"filters": wanted, "q": q, "sorts": [sort] if sort else [], "size": section.page_size}
        if any(filters[at].errors and filters[at].raw_data[0] for at in fields):
            # No row can be as asked; the message stands beside the filter.
            return cls(section, resource, q, sort, filters, rows.Page([], 1, section.page_size, 0))
        page = rows.page(resource, number=number, **asked)
        if number > page.pages:
            page = rows.page(resource, number=page.pages, **asked)
        return cls(section, resource, q, sort, filters, page)

    @property
    def narrowed(self) -> bool:
        """Whether a search or a filter hides rows."""
        return bool(self.q or any(field.raw_data and field.raw_data[0] for field in self.filters))

    @property
    def first(self) -> int:
        """The number of the first row shown, counted from 1 through all pages."""
        return (self.page.number - 1) * self.page.size + 1

    @cached_property
    def columns(self) -> list[Column]:
        return [self._column(field) for field in self._shown]

    @property
    def named(self) -> bool:
        """Whether rows need a column with their names, since the first field does not say which row it is."""
        first = self._shown[0]
        return first.type is not str or first.target is not None or first.long or bool(first.choices)

    def rows(self) -> Iterator[Row]:
        """Yield what the table shows."""
        fields, user = self._shown, caller().user
        for item in self.page.items:
            key = rows.key_of(item)
            may_update = self.resource.policy("update").allows(user, item)
            edit = self.section.url(self.resource, "edit", key=key) if may_update else ""
            href = self.section.url(self.resource, "detail", key=key)
            yield Row(name_of(item), href, cells_of(self.section, item, fields), edit)

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
        kept = {name: request.args.getlist(name) for name in request.args}
        values = {name: value for name, value in {**kept, **changed}.items() if value not in (None, "", [""])}
        return self.section.url(self.resource, "list", **values)

    @cached_property
    def _shown(self) -> list[Field]:
        """The columns. Keys that mean nothing to people are left out where something else is there, and JSON."""
        readable = in_reading_order(self.resource)
        shown = [
            field for field in readable if not (field.key and field.type in (int, UUID)) and field.type is not object
        ]
        # More would not fit beside each other; the page of a row shows all.
        return (shown or readable)[:MOST_COLUMNS]

    def _column(self, field: Field) -> Column:
        known = self.resource.known
        fits = (name for name in self.resource.sorts if field.name in (name, known[name].relationship))
        name = next(fits, None)
        kind = kind_of(field)
        if name is None:
            return Column(field, kind)
        sort = self.sort or next(iter(self.resource.order), "")
        order = {name: "ascending", f"-{name}": "descending"}.get(sort, "")
        return Column(field, kind, self.href(sort=f"-{name}" if order == "ascending" else name, page=None), order)


def _filter_form(resource: Resource) -> FlaskForm:
    inputs = {_parameter(name): form_field(_optional(resource.known[name]), resource.name) for name in resource.filters}
    form_class = type("Filters", (FlaskForm,), inputs)
    return form_class(MultiDict(request.args), meta={"csrf": False})


def _optional(field: Field) -> Field:
    return replace(field, required=False, nullable=True, default=None, long=False, help="")


def _parameter(name: str) -> str:
    taken = name in _RESERVED or hasattr(FlaskForm, name) or name.startswith(("_", "validate_", "filter_"))
    return f"{name.lstrip('_')}_" if taken else name
