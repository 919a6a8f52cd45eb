"""The parameters of a list: which there are, how the document tells them, and what a query string says by them.

page, page_size, count      numbered pages, with or without the total
after                       instead of page: a list that is read on from a cursor
sort, q                     order and search
fields, expand              what of a row is shown, also of a single one
rating, rating__ge, …       the filters that the resource opens
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, wraps
from typing import Any, NamedTuple

import marshmallow as ma
from flask import request
from flask_smorest import abort
from webargs.fields import DelimitedList

from flaskkit.access import in_sync
from flaskkit.api.schemas import Schema, Value
from flaskkit.api.values import described, knows, of_text, read
from flaskkit.db import cursor
from flaskkit.db.filters import Filter, opened, public_path
from flaskkit.db.words import indexed_columns
from flaskkit.errors import ResourceError
from flaskkit.resource import Resource
from flaskkit.resource.fields import Field, label_of

RESERVED = ("page", "page_size", "sort", "q", "count", "after", "fields", "expand")
LAST_PAGE = 2**31 - 1
MOST_VALUES = 100
LONGEST_TEXT = 200
# What no database takes as text; the document says so, too.
NO_NUL = r"[^\x00]*"

_AFTER = (
    "Where to read on; then page does not count. Empty at the beginning, then the cursor from the link to the next"
    " page, which holds for the same order only."
)

# How the document says what a filter does.
_WORDS = {
    "eq": "is this",
    "ne": "is not this, or missing",
    "lt": "is less than this",
    "le": "is at most this",
    "gt": "is more than this",
    "ge": "is at least this",
    "in": "is one of these",
    "contains": "contains this, in capital or small letters",
    "startswith": "begins with this, in capital or small letters",
    "isnull": "is missing (true) or there (false)",
}


UNKNOWN = "There is no such parameter."


def without_parameters(view: Callable[..., Any]) -> Callable[..., Any]:
    """Return *view* of an operation that has no parameters, and answers 422 naming those that are sent."""

    call = in_sync(view)

    @wraps(view)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if request.environ.get("QUERY_STRING") and request.args:
            abort(422, messages={"query": {name: [UNKNOWN] for name in request.args}})
        return call(*args, **kwargs)

    return checked


class Query(Schema):
    """Reads the text of a query string by the type of each parameter; none may be given twice."""

    @cached_property
    def parameters(self) -> Mapping[str, ma.fields.Field[Any]]:
        """The fields by the name of the parameter."""
        return {one.data_key or name: one for name, one in self.load_fields.items()}

    @cached_property
    def _required(self) -> list[str]:
        return [name for name, field in self.parameters.items() if field.required]

    def load(self, data: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the values by parameter. Only what was sent is looked at: there may be many."""
        values: dict[str, Any] = {}
        given = dict(data.data.lists())
        errors: dict[str, Any] = {name: ["This is required."] for name in self._required if name not in given}
        for name, texts in given.items():
            field = self.parameters.get(name)
            if field is None:
                errors[name] = [self.unknown_parameter(name)]
            elif len(texts) > 1:
                errors[name] = ["Give this once."]
            else:
                text = of_text(field.field, texts[0]) if isinstance(field, Value) else texts[0]
                try:
                    values[name] = field.deserialize(text, name, data)
                except ma.ValidationError as error:
                    errors[name] = error.messages
        if errors:
            raise ma.ValidationError(errors)
        return values

    def unknown_parameter(self, name: str) -> str:
        """Return what is wrong with the parameter *name*, which is none."""
        return UNKNOWN


class ListQuery(Query):
    """The parameters of a list."""

    resource: Resource
    opened: Mapping[str, Filter]

    def load(self, data: Any, **kwargs: Any) -> dict[str, Any]:
        """Return what ``rows.page`` takes."""
        return self._asked(super().load(data))

    @cached_property
    def _attributes(self) -> dict[str, str]:
        """What to sort by, by the name that a request gives it."""
        names = {public_path(self.resource, name): name for name in self.resource.sorts}
        return {f"{sign}{new}": f"{sign}{name}" for new, name in names.items() for sign in ("", "-")}

    def _asked(self, values: dict[str, Any]) -> dict[str, Any]:
        filters = {name: values.pop(name) for name in [*values] if name in self.opened}
        sorts = [self._attributes[name] for name in values.pop("sort", ())]
        after = values.pop("after", None)
        try:
            position = None if after is None else cursor.read(self.resource, sorts, after)
        except cursor.BadCursor as error:
            raise ma.ValidationError({"after": [str(error)]}) from error
        # Who reads on seldom wants to know how many there are.
        count = values.pop("count", "exact" if after is None else "none") == "exact"
        number = values.pop("page", self.parameters["page"].load_default)
        size = values.pop("page_size", self.parameters["page_size"].load_default)
        asked = {"filters": filters, "sorts": sorts, "number": number, "size": size, "count": count, "after": position}
        return values | asked

    def unknown_parameter(self, name: str) -> str:
        """Return what is wrong with *name*; which operators are open, where it asks for another one."""
        column, _, word = name.rpartition("__")
        for path, operator in ((name, "eq"), (column, word)):
            others = [
                one.operator for one in self.opened.values() if public_path(self.resource, ".".join(one.path)) == path
            ]
            if others:
                return f"{path!r} has no operator {operator!r}; open are {', '.join(others)}."
        return super().unknown_parameter(name)

    def _written(self, one: Filter) -> str:
        return public_path(self.resource, ".".join(one.path))


class Values(DelimitedList):
    r"""Several values of one field, with commas between them. In them ``\,`` is a comma and ``\\`` a backslash."""

    def __init__(self, field: Field, **options: Any) -> None:
        size = ma.validate.Length(min=1, max=MOST_VALUES, error=f"Give 1 to {MOST_VALUES} values.")
        super().__init__(_Item(field), validate=size, **options)
        self.field = field

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not re.fullmatch(r"(?:\\[\\,]|[^\\])*", value, re.DOTALL):
            raise ma.ValidationError(r"A backslash stands before a comma or another backslash: \, or \\.")
        parts = re.findall(r"(?:^|,)((?:\\[\\,]|[^\\,])*)", value, re.DOTALL)
        if len(parts) > MOST_VALUES:
            raise ma.ValidationError(f"Give 1 to {MOST_VALUES} values.")
        return [read(self.field, of_text(self.field, re.sub(r"\\(.)", r"\1", part))) for part in parts]


class _Item(Value):
    """One of several values, as the document tells it."""

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        schema = {name: word for name, word in described(field).items() if name != "description"}
        if field.choices:
            schema["enum"] = [re.sub(r"([\\,])", r"\\\1", choice) for choice in field.choices]
        elif field.type is str and field.pattern == NO_NUL:
            schema = {"type": "string", "pattern": rf"^(?:\\[\\,]|[^\\,\x00]){{1,{field.max_length}}}$"}
        self.metadata = schema


class Parameters(NamedTuple):
    """The schema classes of the parameters of one Resource: ``listed`` of a list, ``shown`` of one row, if any."""

    listed: type[ma.Schema]
    shown: type[ma.Schema] | None


def parameters_for(resource: Resource, name: str, page_size: int, max_page_size: int) -> Parameters:
    """Return the parameters of *resource*, whose schemas begin with *name*.

    Raises:
        ResourceError: a filter has the name of another parameter, or no form in a query string.
    """
    filters = opened(resource)
    _check(resource, filters)
    page = Field("page", int, "Page", help="Which page, counted from 1.", nullable=False, minimum=1, maximum=LAST_PAGE)
    size = replace(page, name="page_size", label="Page size", help="How many items a page has.", maximum=max_page_size)
    fields: dict[str, Any] = {
        "page": Value(page, load_default=1),
        "page_size": Value(size, load_default=page_size),
        "count": _one_of(
            ["exact", "none"], "Whether to count all items: exact with page, none with after unless asked."
        ),
        "after": ma.fields.String(metadata={"description": _AFTER, "pattern": "^[A-Za-z0-9_.-]*$", "format": "cursor"}),
    }
    if resource.sorts:
        names = [public_path(resource, column) for column in resource.sorts]
        orders = [order for name in names for order in (name, f"-{name}")]
        most = ma.validate.Length(min=1, max=len(resource.sorts), error=f"Give 1 to {len(resource.sorts)} names.")
        words = "What to sort by, the most important first; descending with - in front. Empty values come last."
        fields["sort"] = DelimitedList(_one_of(orders), validate=most, metadata={"description": words})
    if resource.search:
        searched = [public_path(resource, path) for path in resource.search]
        fields["q"] = Value(
            _text("q", f"{'Words' if indexed_columns(resource) else 'Text'} to be found in {' or '.join(searched)}.")
        )
    for i, (parameter, one) in enumerate(filters.items()):
        # A parameter may be called like an attribute of a schema.
        fields[f"filter_{i}"] = _parameter(parameter, one)
    shown = _about_rows(resource)
    listed = {**fields, **shown, "resource": resource, "opened": filters}
    return Parameters(
        type(f"{name}Query", (ListQuery,), listed), type(f"{name}Shape", (Query,), shown) if shown else None
    )


def _about_rows(resource: Resource) -> dict[str, Any]:
    """Return the parameters by which a request says what of rows it wants to see."""
    fields = {field.name: field for field in resource.readable}
    parameters: dict[str, Any] = {}
    if resource.sparse:
        words = "Which fields to show; the key is always there. Without it, all are."
        parameters["fields"] = _names([field.public_name for field in fields.values()], words)
    if resource.expand:
        words = "Which relationships to show as objects instead of keys."
        parameters["expand"] = _names([fields[name].public_name for name in resource.expand if name in fields], words)
    return parameters


def _names(known: list[str], words: str) -> Any:
    return DelimitedList(_one_of(known), validate=ma.validate.Length(min=1), metadata={"description": words})


def _parameter(name: str, one: Filter) -> ma.fields.Field[Any]:
    help_ = f"Only where {' of '.join(reversed(one.path))} {_WORDS[one.operator]}. {one.field.help}".strip()
    field = replace(one.field, help=help_, nullable=False, default=None)
    if field.type is str and not field.pattern and not field.choices:
        field = replace(field, pattern=NO_NUL)
    if one.operator == "in":
        if field.pattern == NO_NUL and not field.max_length:
            field = replace(field, max_length=LONGEST_TEXT)
        return Values(field, data_key=name, metadata={"description": help_})
    if one.operator == "isnull":
        field = Field(name, bool, label_of(name), help=help_, nullable=False)
    elif one.operator in ("contains", "startswith"):
        longest = min(field.max_length or LONGEST_TEXT, LONGEST_TEXT)
        field = replace(_text(name, help_), required=True, max_length=longest)
    return Value(field, data_key=name)


def _text(name: str, words: str) -> Field:
    return Field(name, str, label_of(name), help=words, nullable=False, pattern=NO_NUL, max_length=LONGEST_TEXT)


def _one_of(words: list[str], description: str = "") -> ma.fields.String:
    metadata = {"description": description} if description else {}
    error = f"Not one of {', '.join(words)}."
    return ma.fields.String(validate=ma.validate.OneOf(words, error=error), metadata=metadata)


def _check(resource: Resource, filters: Mapping[str, Filter]) -> None:
    mistakes = []
    for parameter, one in filters.items():
        if parameter in RESERVED:
            mistakes.append(f"filters by {parameter!r}, which is a parameter of every list.")
        elif not knows(one.field):
            mistakes.append(f"filters by {parameter!r}, which cannot be compared with a text.")
    if mistakes:
        raise ResourceError([f"Resource {resource.name!r} {mistake}" for mistake in dict.fromkeys(mistakes)])
