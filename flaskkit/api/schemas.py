"""Marshmallow schemas for a Resource: ordinary classes with names of their own, made from its Field records.

    Note           what is shown
    NoteSparse     the same, where a request may ask for some of the fields only
    NoteCreate     the body of POST
    NoteReplace    the body of PUT: what is left out goes back to its default
    NotePatch      the body of PATCH: what is left out stays
    NoteCreateForm, NoteReplaceForm, NotePatchForm      the same as parts, where a field holds files

Exact types and names: what is not declared is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from inspect import cleandoc
from typing import Any, Self

import marshmallow as ma

from flaskkit.access import public
from flaskkit.api.parts import file_of, is_json
from flaskkit.api.values import described, file_sent, file_shown, knows, read, reader_of, referring, shown
from flaskkit.db.keys import url_key
from flaskkit.db.nested import keys_in, others_of
from flaskkit.db.rows import value_of
from flaskkit.errors import ResourceError
from flaskkit.resource import Resource
from flaskkit.resource.computed import as_told
from flaskkit.resource.fields import Field, fields_of, key_of

SPARSE = "Some of the fields, as the request asked; the key is always there."


class Value(ma.fields.Field[Any]):
    """What one Field record holds, in JSON. Relationships are the key of the other row, or a list of keys."""

    def __init__(self, field: Field, **options: Any) -> None:
        field = referring(field)
        told = {"allow_none": field.nullable and not field.many, "metadata": described(field)}
        super().__init__(**{"data_key": field.public_name, **told, **options})
        self.field = field
        self.error_messages |= {"required": "This is required.", "null": "This cannot be null."}

    def get_value(self, obj: Any, attr: str, accessor: Any = None, default: Any = ma.missing) -> Any:
        return keys_in(obj, self.field) if self.field.many else value_of(obj, self.field)

    @property
    def reader(self) -> Callable[[Any], Any]:
        """What turns JSON into a value."""
        return reader_of(self.field)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return shown(as_told(self.field, value))

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        return read(self.field, value)


class Object(Value):
    """Another row as an object with the fields of *inner*, or a list of them; what the caller may not read is left out.

    Of a field that is ``expandable`` it is the key, and this says only that it may be more.
    """

    def __init__(self, field: Field, inner: type[ma.Schema], **options: Any) -> None:
        super().__init__(field, **options)
        self.inner = inner
        if field.nested and not field.help:
            # What is said of a key is not true of this.
            self.metadata = {name: told for name, told in self.metadata.items() if name != "description"}

    def get_value(self, obj: Any, attr: str, accessor: Any = None, default: Any = ma.missing) -> Any:
        return others_of(obj, self.field) if self.field.nested else super().get_value(obj, attr, accessor, default)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        if not self.field.nested:
            return shown(value)
        return None if value is None else self.inner(many=self.field.many).dump(value)


class FileValue(Value):
    """A file of a row: what it is, and where its bytes are."""

    def get_value(self, obj: Any, attr: str, accessor: Any = None, default: Any = ma.missing) -> Any:
        file = getattr(obj, self.field.name)
        return None if file is None else file_shown(self.field, url_key(obj), file)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value


class FileSent(Value):
    """A file that is sent: the parts of that name, of which there must be one."""

    def __init__(self, field: Field, **options: Any) -> None:
        super().__init__(field, allow_none=False, metadata=file_sent(field), **options)

    @property
    def reader(self) -> Callable[[Any], Any]:
        return self._deserialize

    def _deserialize(self, value: Any, *about: Any, **kwargs: Any) -> Any:
        return file_of(self.field, value)


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

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return the same: flask-smorest copies what a view says of itself at each decorator, and changes no schema."""
        return self


class Body(Schema):
    """The body of a request, with fields that are all a ``Value``. What is right is read without marshmallow's help."""

    @cached_property
    def _parts(self) -> list[tuple[str, str, Callable[[Any], Any], Value]]:
        values = [(name, one) for name, one in self.load_fields.items() if isinstance(one, Value)]
        return [(one.data_key or name, name, one.reader, one) for name, one in values]

    def load(self, data: Any, **options: Any) -> Any:
        """Return *data* as Python values by name of attribute, as any schema does."""
        try:
            if not options and not self.many:
                return self._read(data)
            if not options and type(data) is list:
                return [self._read(one) for one in data]
        except _NotRight:
            pass
        return super().load(data, **options)

    def _read(self, data: Any) -> dict[str, Any]:
        if type(data) is not dict:
            raise _NotRight
        found, known = {}, 0
        for key, name, read_one, value in self._parts:
            if key in data:
                known += 1
                found[name] = _sent(data[key], read_one, value)
            elif value.required:
                raise _NotRight
            elif value.load_default is not ma.missing:
                found[name] = value.load_default
        if known < len(data):
            raise _NotRight
        return found


class Form(Body):
    """A body in parts, of which there must be one at least."""


class Owned(Object):
    """Rows that belong to the row, sent as a list of objects; one that is there already has its key."""

    @property
    def reader(self) -> Callable[[Any], Any]:
        return self._deserialize

    def _deserialize(self, value: Any, *about: Any, **kwargs: Any) -> Any:
        if not isinstance(value, list):
            raise ma.ValidationError("Not a list.")
        return self.inner(many=True).load(value)


class _NotRight(Exception):
    """Something in a body cannot be accepted; marshmallow tells what."""


def _sent(value: Any, read_one: Callable[[Any], Any], into: Value) -> Any:
    if value is None:
        if not into.allow_none:
            raise _NotRight
        return None
    try:
        return read_one(value)
    except ma.ValidationError:
        raise _NotRight from None


@dataclass(frozen=True)
class Schemas:
    """The schema classes of one Resource."""

    shown: type[ma.Schema]
    some: type[ma.Schema]
    create: type[ma.Schema]
    replace: type[ma.Schema]
    patch: type[ma.Schema]
    forms: Mapping[str, type[ma.Schema]]
    """Of bodies in parts, by operation: "create", "replace", "update". Empty where no field holds files."""


def schemas_for(resource: Resource, name: str, others: Iterable[Resource] = ()) -> Schemas:
    """Return the schemas of *resource*, called *name*, *name*\\ ``Create`` and so on.

    *others* are all resources of the app: they say whether the rows of a relationship may be hidden.

    Raises:
        ResourceError: a field has no form in JSON.
    """
    _check(resource)
    # Files have operations of their own, and come with forms.
    sent = [field for field in resource.writable if not field.file]
    # The key is in the URL of what is changed.
    changed = [field for field in sent if not field.key]
    files = [field for field in resource.writable if field.file]
    owned = {field.name: _sent_of(field, name) for field in sent if field.owned}
    values = [_shown(field, name, others) for field in resource.readable]
    shown = _of_values(name, values, _words_of(resource.model))
    return Schemas(
        shown=shown,
        some=_of_values(f"{name}Sparse", [_optional(one) for one in values], SPARSE) if resource.sparse else shown,
        create=_schema(f"{name}Create", sent, _when_created, owned),
        replace=_schema(f"{name}Replace", changed, _when_replaced, owned),
        patch=_schema(f"{name}Patch", changed, _when_changed, owned),
        forms={
            "create": _form(f"{name}CreateForm", [*sent, *files], _when_created, owned),
            "replace": _form(f"{name}ReplaceForm", [*changed, *files], _when_replaced, owned),
            "update": _form(f"{name}PatchForm", [*changed, *files], _when_changed, owned),
        }
        if files
        else {},
    )


def name_of(resource: Resource, others: Iterable[Resource]) -> str:
    """Return what the schema of *resource* is called among *others*: its model's name if it has that first."""
    name: str = resource.model.__name__
    first = next(other for other in others if other.model.__name__ == name)
    return name if first is resource else "".join(part.capitalize() for part in re.split(r"\W|_", resource.name))


def _schema(
    name: str,
    fields: Iterable[Field],
    options: Callable[[Field], dict[str, Any]],
    owned: Mapping[str, type[ma.Schema]],
) -> Any:
    return _of_values(name, [_value(field, options(field), owned) for field in fields], base=Body)


def _form(
    name: str,
    fields: Iterable[Field],
    options: Callable[[Field], dict[str, Any]],
    owned: Mapping[str, type[ma.Schema]],
) -> Any:
    """Return the schema of a body in parts: what is no JSON is not null, and no list is empty."""
    values = [
        _value(field if is_json(field) else replace(field, nullable=False), options(field), owned) for field in fields
    ]
    for value in values:
        if value.field.many:
            value.metadata = {**value.metadata, "minItems": 1}
    return _of_values(name, values, base=Form)


def _value(field: Field, options: Mapping[str, Any], owned: Mapping[str, type[ma.Schema]]) -> Value:
    if field.file:
        return FileSent(field, **options)
    return Owned(field, owned[field.name], **options) if field.owned else Value(field, **options)


def _sent_of(field: Field, name: str) -> type[ma.Schema]:
    """Return the schema of one of the rows that are sent with a row: what it has already stays, if it is left out."""
    target: Any = field.target
    key = Value(fields_of(target)[key_of(target)], allow_none=False)
    values = [Value(one, required=one.required) for one in field.owned]
    made: type[ma.Schema] = _of_values(f"{name}{_part(field)}Sent", [key, *values], base=Body)
    return made


def _part(field: Field) -> str:
    return re.sub(r"\W|_", " ", field.public_name).title().replace(" ", "")


def _of_values(name: str, values: Iterable[Value], words: str = "", base: type[Schema] = Schema) -> Any:
    attributes: dict[str, Any] = {value.field.name: value for value in values}
    if words:
        attributes["Meta"] = type("Meta", (Schema.Meta,), {"description": words})
    return type(name, (base,), attributes)


def dumping(fields: Iterable[Field]) -> ma.Schema:
    """Return a schema that dumps *fields*, for no document."""
    schema: ma.Schema = _of_values("Shape", [_shown(field, "") for field in fields])()
    return schema


def _shown(field: Field, name: str, others: Iterable[Resource] = ()) -> Value:
    inner = field.nested or field.expandable
    if not inner:
        return (FileValue if field.file else Value)(field, required=True)
    target = next((other for other in others if other.model is field.target), None)
    hidden = target is not None and target.read != public
    part = _part(field)
    schema = _of_values(f"{name}{part}Nested", [_shown(one, f"{name}{part}", others) for one in inner])
    nullable = not field.many and (field.nullable or (hidden and bool(inner)))
    return Object(field, schema, required=True, allow_none=nullable)


def _optional(value: Value) -> Value:
    """Return *value* as it stands where a request may leave fields out: only the key is always there."""
    found = copy(value)
    found.required = value.field.key
    return found


def _when_created(field: Field) -> dict[str, Any]:
    if field.required:
        return {"required": True}
    return {} if field.default is None else {"load_default": field.default}


def _when_replaced(field: Field) -> dict[str, Any]:
    if field.file:
        return {}  # It stays, as where JSON is sent; DELETE removes it.
    if field.many:
        return {"load_default": ()}
    if field.default is not None or field.nullable:
        return {"load_default": field.default}
    # What the database or a function fills in for a new row cannot be told here.
    return {"required": True}


def _when_changed(field: Field) -> dict[str, Any]:
    return {}


def _check(resource: Resource) -> None:
    mistakes = [
        f"Resource {resource.name!r} has {field.name!r}, whose type {field.type.__name__} has no form in JSON. "
        "Name a property of another type in read_only, or leave it out."
        for one in dict.fromkeys([*resource.readable, *resource.writable])
        for field in _with_inner(one)
        if not knows(field)
    ]
    if mistakes:
        raise ResourceError(mistakes)


def _with_inner(field: Field) -> Iterator[Field]:
    yield field
    for one in (*field.nested, *field.expandable, *field.owned):
        yield from _with_inner(one)


def _words_of(model: type) -> str:
    return cleandoc(model.__dict__.get("__doc__") or "")
