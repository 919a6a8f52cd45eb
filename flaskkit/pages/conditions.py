"""The filters of a list: what its address asks for, and the form that asks.

    ?pages__ge=100&author.name__contains=ann      in the address, as in the API
    pages.is=ge&pages=100                         as the form sends it, which works without a script: see ``tidied``

A line of the form is a column, an operator and a value. What the address asks for stands there already, with one more
line for each column that can be asked for a second time, such as a range of numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from itertools import zip_longest
from typing import Any

from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict

from flaskkit.db.filters import ORDERED, Filter, field_at, opened, public_path
from flaskkit.forms.inputs import form_field
from flaskkit.forms.kinds import LineField
from flaskkit.resource import Resource
from flaskkit.resource.fields import Field
from flaskkit.texts import joined, say

RESERVED = ("q", "sort", "page", "columns")
MOST_VALUES = 100
# Ends the name of the input that says how to compare.
HOW = ".is"

_WORDS = {
    "contains": say("contains"),
    "startswith": say("begins with"),
    "eq": say("is"),
    "ne": say("is not"),
    "in": say("is one of"),
    "ge": say("is at least"),
    "gt": say("is more than"),
    "le": say("is at most"),
    "lt": say("is less than"),
    "isnull": say("is empty"),
    "notnull": say("is not empty"),
}
_IN_TIME = {"ge": say("is from"), "gt": say("is after"), "le": say("is up to"), "lt": say("is before")}
_VALUELESS = ("isnull", "notnull")
# Of a moment nobody knows the microseconds, so that "is" finds nothing.
_MOMENTS = ("ge", "gt", "le", "lt", "eq", "ne", "isnull", "notnull")


@dataclass(frozen=True)
class Condition:
    """One line of the form.

    ``how`` is the chosen operator, ``operators`` are (operator, text); ``input`` takes the value. ``on`` says whether
    the address asks for it. An only operator needs no input of its own.
    """

    label: str
    name: str
    how: str
    operators: tuple[tuple[str, str], ...]
    input: Any
    on: bool = False

    @property
    def valueless(self) -> bool:
        """Whether nothing is compared with a value."""
        return self.how in ("", *_VALUELESS)


@dataclass(frozen=True)
class _Column:
    """A column that can be asked for, with its filters by operator."""

    name: str
    label: str
    field: Field
    filters: Mapping[str, tuple[str, Filter]]

    def parameter(self, operator: str) -> str:
        """Return the name in the address; one that means something else there gets an underscore."""
        name = f"{self.name}_" if self.name in RESERVED else self.name
        return name if operator == "eq" else f"{name}__{operator}"

    @cached_property
    def operators(self) -> tuple[tuple[str, str], ...]:
        """(operator, text) as the form offers them."""
        words = _WORDS | _IN_TIME if issubclass(self.field.type, date | datetime) else _WORDS
        known = {*self.filters, *(["notnull"] if "isnull" in self.filters else [])}
        if self.field.type is not str or self.field.choices or self.field.target is not None:
            known -= {"in"} if len(known) > 1 else set()  # Inputs for one value take no commas.
        order = _MOMENTS if self.field.type is datetime else _WORDS
        found = tuple((one, words[one]) for one in order if one in known)
        # A line that nobody touched asks for nothing.
        return (("", say("any")), *found) if found[0][0] in _VALUELESS else found

    @property
    def repeats(self) -> bool:
        """Whether two conditions on it make sense."""
        return self.field.type in ORDERED and self.field.target is None and len(self.operators) > 1


class Conditions:
    """The filters of *resource* that *args*, the parameters of an address, ask for."""

    def __init__(self, resource: Resource, args: MultiDict[str, str]) -> None:
        self.wanted: dict[str, Any] = {}
        self.errors: dict[str, str] = {}
        self.lines: list[Condition] = []
        for column in _columns(resource):
            self.lines += self._lines(column, args)

    @cached_property
    def _form(self) -> FlaskForm:
        return FlaskForm(MultiDict(), meta={"csrf": False})

    @property
    def count(self) -> int:
        """How many are asked for."""
        return sum(line.on for line in self.lines)

    def _lines(self, column: _Column, args: MultiDict[str, str]) -> Iterator[Condition]:
        lines = [self._asked(column, operator, args.get(column.parameter(operator), "")) for operator in column.filters]
        asked = [line for line in lines if line is not None]
        yield from asked
        if not asked or (column.repeats and len(asked) == 1):
            how = column.operators[0][0]
            yield self._line(column, how, self._input(column, how, f"{column.name}-{len(asked)}"), on=False)

    def _asked(self, column: _Column, operator: str, text: str) -> Condition | None:
        if not text.strip():
            return None
        public, _ = column.filters[operator]
        if operator == "isnull":
            missing = text == "true"
            self.wanted[public] = missing
            how = "isnull" if missing else "notnull"
            return self._line(column, how, self._input(column, how, f"{column.name}-{how}"), on=True)
        shown = self._input(column, operator, f"{column.name}-{operator}", text)
        if operator == "in":
            self.wanted[public] = [self._value(column, shown, one) for one in _parts(text)]
        else:
            self.wanted[public] = shown.data
        if operator != "in" and not shown.validate(self._form):
            self.errors[column.label] = joined(*shown.errors)
        return self._line(column, operator, shown, on=True)

    def _value(self, column: _Column, shown: Any, text: str) -> Any:
        one = self._input(column, "eq", shown.id, text)
        if not one.validate(self._form) or one.data is None:
            shown.errors = [*(one.errors or [say("Give values with commas between them.")])]
            self.errors[column.label] = joined(*shown.errors)
        return one.data

    def _line(self, column: _Column, how: str, shown: Any, *, on: bool) -> Condition:
        operators = column.operators
        if how not in dict(operators):
            operators = (*operators, (how, _WORDS[how]))
        return Condition(column.label, column.parameter("eq"), how, operators, shown, on)

    def _input(self, column: _Column, operator: str, id_: str, text: str = "") -> Any:
        """Return the input for the value that is compared, with *text* in it, or nothing."""
        alone = len(column.operators) == 1
        name = column.parameter(column.operators[0][0] if alone else "eq")
        if operator in ("contains", "startswith", "in"):
            field = LineField(column.label)
        else:
            field = form_field(_anything(column.field, column.label), column.name, search=False)
        meta = self._form.meta
        options = {"name": name, "prefix": "", "translations": meta.get_translations(self._form)}
        bound = meta.bind_field(self._form, field, options | {"id": f"filter-{id_}".replace(".", "-")})
        # An address has no room for a time zone: there moments are in that of whoever looks.
        bound.zoned = False
        bound.process(MultiDict({name: text.replace("\x00", "")}) if text else None)
        return bound


def tidied(resource: Resource, args: MultiDict[str, str]) -> MultiDict[str, str] | None:
    """Return *args*, as the form sends them, as they stand in an address; None where they stand so already."""
    columns = {column.parameter("eq"): column for column in _columns(resource)}
    if len(args.getlist("columns")) < 2 and not any(f"{name}{HOW}" in args for name in columns):
        return None
    tidy: MultiDict[str, str] = MultiDict()
    for name in dict.fromkeys(name.removesuffix(HOW) for name in args):
        values = args.getlist(name)
        if name == "columns":
            values = [",".join(values)]
        column = columns.get(name)
        if column is None or f"{name}{HOW}" not in args:
            tidy.setlist(name, [value for value in values if value])
            continue
        for operator, value in zip_longest(args.getlist(f"{name}{HOW}"), values, fillvalue=""):
            if operator in _VALUELESS:
                tidy[column.parameter("isnull")] = "true" if operator == "isnull" else "false"
            elif value.strip() and operator in column.filters:
                tidy[column.parameter(operator)] = value
    return tidy


def _columns(resource: Resource) -> Iterator[_Column]:
    by_name: dict[str, dict[str, tuple[str, Filter]]] = {}
    paths = {public_path(resource, path): path for path in resource.filters}
    for parameter, one in opened(resource).items():
        name = public_path(resource, ".".join(one.path))
        by_name.setdefault(name, {})[one.operator] = (parameter, one)
    for name, filters in by_name.items():
        labels = _labels(resource, paths[name])
        yield _Column(name, joined(*labels, between=": "), field_at(resource, paths[name]), filters)


def _labels(resource: Resource, path: str) -> Iterator[str]:
    parts = path.split(".")
    for i in range(len(parts)):
        yield field_at(resource, ".".join(parts[: i + 1])).label


def _anything(field: Field, label: str) -> Field:
    """Return *field* as one of which any value may be asked for, or none."""
    free: dict[str, Any] = {
        "minimum": None,
        "maximum": None,
        "pattern": None,
        "max_length": None,
        "help": "",
        "default": None,
    }
    return replace(field, label=label, required=False, nullable=True, long=False, key=False, **free)


def _parts(text: str) -> list[str]:
    r"""Return the values in *text*, with commas between them; ``\,`` is a comma and ``\\`` a backslash."""
    found = re.findall(r"(?:^|,)((?:\\.|[^\\,])*)", text, re.DOTALL)[:MOST_VALUES]
    return [re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL).strip() for part in found]
