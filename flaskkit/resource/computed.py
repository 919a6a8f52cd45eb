"""Computed attributes of a mapped class as ``Field`` records, with the type that their annotation tells.

class Note(Model):
    @property                                     computed in Python
    def words(self) -> int: ...

    @hybrid_property                              in SQL as well, where it has an expression
    def is_long(self) -> bool: ...

    likes: Mapped[int] = column_property(...)     in SQL

computed_of(Note, ["words"])  ->  ({"words": Field(...)}, [])
as_told(field, value)         a value that the database computed, of the type that the field is said to have
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from decimal import Decimal
from functools import cached_property
from inspect import cleandoc, getattr_static
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from flaskkit.resource.fields import Field, label_of
from flaskkit.texts import say

_NUMBERS = (bool, int, float, Decimal)
_PROPERTIES = {property: "fget", cached_property: "func"}


def computed_of(model: Any, names: Iterable[str]) -> tuple[dict[str, Field], list[str]]:
    """Return the computed attributes of *model* among *names*, and a sentence for each whose type is not told.

    Names of anything else are left out.
    """
    found: dict[str, Field] = {}
    mistakes: list[str] = []
    for name in names:
        try:
            field = _computed(model, name)
        except _Untold as error:
            mistakes.append(f"{model.__name__}.{name} {error}")
            continue
        if field is not None:
            found[name] = field
    return found, mistakes


def as_told(field: Field, value: Any) -> Any:
    """Return *value*; where it is computed, as the number that *field* is said to be: some sums come as decimals."""
    kind = field.type
    if not field.computed or field.many or kind not in _NUMBERS or type(value) is kind:
        return value
    if not isinstance(value, _NUMBERS):
        return value
    return Decimal(str(value)) if kind is Decimal else kind(value)


class _Untold(Exception):
    """What a computed attribute holds is not told, or cannot be shown."""


def _computed(model: Any, name: str) -> Field | None:
    mapper = model.__mapper__
    if name in mapper.column_attrs:
        return _of_expression(model, name, mapper.column_attrs[name].columns[0])
    if name in mapper.all_orm_descriptors:
        descriptor = mapper.all_orm_descriptors[name]
        if descriptor.extension_type.name == "HYBRID_PROPERTY":
            return _of_getter(name, descriptor.fget, in_sql=descriptor.expr is not None)
        raise _Untold("is no column, relationship or property. Show it by a property with a return annotation.")
    attribute = getattr_static(model, name, None)
    for kind, getter in _PROPERTIES.items():
        if isinstance(attribute, kind):
            return _of_getter(name, getattr(attribute, getter), in_sql=False)
    return None


def _of_getter(name: str, getter: Any, *, in_sql: bool) -> Field:
    try:
        returned = get_type_hints(getter).get("return")
    except NameError as error:
        raise _Untold(f"has a return annotation that cannot be read: {error}.") from None
    if returned is None:
        raise _Untold(f"does not say what it returns. Annotate it: def {name}(self) -> str.")
    return _of_type(name, returned, in_sql, cleandoc(getter.__doc__ or ""))


def _of_expression(model: Any, name: str, expression: Any) -> Field:
    try:
        hinted = get_args(get_type_hints(model).get(name)) or (None,)
    except NameError:
        hinted = (None,)
    try:
        told = expression.type.python_type
    except NotImplementedError:
        told = None
    if hinted[0] is None and told in (None, NoneType):
        raise _Untold(f"does not say what it holds. Annotate it: {name}: Mapped[int].")
    # What the database computes may be NULL, unless somebody says that it is not.
    return _of_type(name, hinted[0] or told | None, True, "")


def _of_type(name: str, told: Any, in_sql: bool, words: str) -> Field:
    nullable = False
    if get_origin(told) in (Union, UnionType):
        kinds = [one for one in get_args(told) if one is not NoneType]
        nullable, told = len(kinds) < len(get_args(told)), kinds[0]
        if len(kinds) > 1:
            raise _Untold("may be of several types. Annotate it with one, or with object for any JSON.")
    many = get_origin(told) is list
    if many and nullable:
        raise _Untold("may be None instead of a list. Return an empty list, and annotate that.")
    kind = get_args(told)[0] if many else get_origin(told) or told
    kind = object if kind in (Any, dict, list) else kind
    if not isinstance(kind, type):
        raise _Untold(f"is annotated with {told!r}. Write a class, such as str, or object for any JSON.")
    return Field(
        name=name,
        type=kind,
        label=say(label_of(name)),
        help=" ".join(words.split()),
        nullable=nullable or kind is object,
        choices=tuple(kind.__members__) if issubclass(kind, enum.Enum) else (),
        many=many,
        computed=True,
        in_sql=in_sql,
    )
