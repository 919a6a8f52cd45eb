"""Marshmallow schemas for a Resource: ordinary classes with names of their own, made from its Field records.

    Note           what is shown
    NoteCreate     the body of POST
    NoteReplace    the body of PUT: what is left out goes back to its default
    NotePatch      the body of PATCH: what is left out stays
    NoteQuery      the parameters of a list: page, page_size, sort, q and the filters

Exact types and names: what is not declared is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from inspect import cleandoc
from typing import Any

import marshmallow as ma
from webargs.fields import DelimitedList

from flaskkit.api.values import described, knows, of_text, read, shown
from flaskkit.db.rows import value_of
from flaskkit.errors import ResourceError
from flaskkit.fields import Field
from flaskkit.resource import Resource

RESERVED = ("page", "page_size", "sort", "q")
LAST_PAGE = 2**31 - 1


class Value(ma.fields.Field[Any]):
    """What one Field record holds, in JSON. Relationships are the key of the other row, or a list of keys."""

    def __init__(self, field: Field, **options: Any) -> None:
        super().__init__(allow_none=field.nullable and not field.many, metadata=described(field), **options)
        self.field = field
        self.error_messages |= {"required": "This is required.", "null": "This cannot be null."}

    def get_value(self, obj: Any, attr: str, accessor: Any = None, default: Any = ma.missing) -> Any:
        return value_of(obj, self.field)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return shown(value)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        return read(self.field, value)


class Schema(ma.Schema):
    """Refuses what it does not know."""

    error_messages = {  # noqa: RUF012  (as marshmallow documents it)
        "unknown": "There is no such field to send.",
        "type": "Not a JSON object.",
    }

    class Meta:
        # marshmallow would keep every class for ever, by name; apps come and go.
        register = False
        unknown = ma.RAISE


class Query(Schema):
    """Reads the text of a query string by the type of each parameter; none may be given twice."""

    error_messages = {"unknown": "There is no such parameter."}  # noqa: RUF012

    @ma.pre_load
    def from_text(self, data: Any, **kwargs: Any) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for name, texts in data.data.lists():
            if len(texts) > 1:
                raise ma.ValidationError({name: ["Give this once."]})
            field = self.fields.get(name)
            given[name] = of_text(field.field, texts[0]) if isinstance(field, Value) else texts[0]
        return given


@dataclass(frozen=True)
class Schemas:
    """The schema classes of one Resource."""

    shown: type[ma.Schema]
    create: type[ma.Schema]
    replace: type[ma.Schema]
    patch: type[ma.Schema]
    query: type[ma.Schema]


def schemas_for(resource: Resource, name: str, page_size: int, max_page_size: int) -> Schemas:
    """Return the schemas of *resource*, called *name*, *name*\\ ``Create`` and so on.

    Raises:
        ResourceError: a field has no form in JSON, or a filter the name of another parameter.
    """
    _check(resource)
    # The key is in the URL of what is changed.
    changed = [field for field in resource.writable if not field.key]
    return Schemas(
        shown=_schema(name, resource.readable, lambda field: {"required": True}, _words_of(resource.model)),
        create=_schema(f"{name}Create", resource.writable, _when_created),
        replace=_schema(f"{name}Replace", changed, _when_replaced),
        patch=_schema(f"{name}Patch", changed, lambda field: {}),
        query=_query(resource, f"{name}Query", page_size, max_page_size),
    )


def name_of(resource: Resource, others: Iterable[Resource]) -> str:
    """Return what the schema of *resource* is called among *others*: its model's name if it has that first."""
    name: str = resource.model.__name__
    first = next(other for other in others if other.model.__name__ == name)
    return name if first is resource else "".join(part.capitalize() for part in re.split(r"\W|_", resource.name))


def _schema(name: str, fields: Iterable[Field], options: Callable[[Field], dict[str, Any]], words: str = "") -> Any:
    attributes: dict[str, Any] = {field.name: Value(field, **options(field)) for field in fields}
    if words:
        attributes["Meta"] = type("Meta", (Schema.Meta,), {"description": words})
    return type(name, (Schema,), attributes)


def _when_created(field: Field) -> dict[str, Any]:
    if field.required:
        return {"required": True}
    return {} if field.default is None else {"load_default": field.default}


def _when_replaced(field: Field) -> dict[str, Any]:
    if field.many:
        return {"load_default": ()}
    if field.default is not None or field.nullable:
        return {"load_default": field.default}
    # What the database or a function fills in for a new row cannot be told here.
    return {"required": True}


def _query(resource: Resource, name: str, page_size: int, max_page_size: int) -> Any:
    page = Field("page", int, "Page", help="Which page, counted from 1.", nullable=False, minimum=1, maximum=LAST_PAGE)
    size = replace(page, name="page_size", label="Page size", help="How many items a page has.", maximum=max_page_size)
    fields: dict[str, Any] = {
        "page": Value(page, load_default=1),
        "page_size": Value(size, load_default=page_size),
    }
    if resource.sorts:
        orders = [order for column in resource.sorts for order in (column, f"-{column}")]
        one = ma.fields.String(validate=ma.validate.OneOf(orders, error=f"Not one of {', '.join(orders)}."))
        words = "What to sort by, the most important first; descending with - in front."
        fields["sort"] = DelimitedList(one, load_default=(), metadata={"description": words, "default": []})
    if resource.search:
        words = f"Text to be found in {' or '.join(resource.search)}."
        text = Field("q", str, "Search", help=words, nullable=False, max_length=200)
        fields["q"] = Value(text, load_default="")
    for filtered in resource.filters:
        fields[filtered] = Value(replace(resource.known[filtered], nullable=False, default=None))
    return type(name, (Query,), fields)


def _check(resource: Resource) -> None:
    mistakes = [
        f"Resource {resource.name!r} has {field.name!r}, whose type {field.type.__name__} has no form in JSON."
        for field in dict.fromkeys([*resource.readable, *resource.writable])
        if not knows(field)
    ]
    for name in resource.filters:
        if name in RESERVED:
            mistakes.append(f"Resource {resource.name!r} filters by {name!r}, which is a parameter of every list.")
        elif not knows(resource.known[name]) or resource.known[name].type in (object, bytes):
            mistakes.append(f"Resource {resource.name!r} filters by {name!r}, which cannot be compared with a text.")
    if mistakes:
        raise ResourceError(mistakes)


def _words_of(model: type) -> str:
    return cleandoc(model.__dict__.get("__doc__") or "")
