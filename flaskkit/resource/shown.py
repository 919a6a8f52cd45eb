"""What a resource shows beyond its columns: fields of other rows, computed fields, other names.

inner_of(nested, "author", Author)    the fields of nested={"author": ["id", "name"]}
shown_mistakes(resource)              what is wrong with all that, in sentences
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flaskkit.errors import did_you_mean
from flaskkit.resource.computed import computed_of
from flaskkit.resource.fields import Field, fields_of
from flaskkit.resource.owned import owned_of

if TYPE_CHECKING:
    from flaskkit.resource import Resource


MOST_LEVELS = 3
# What is shown of other rows: names of fields by the path to these rows.
Inner = Mapping[str, Sequence[str]]


def inner_of(where: Inner, path: str, model: Any) -> tuple[tuple[Field, ...], list[str]]:
    """Return the fields of *model* that *where* shows at *path*, in alphabetical order, and what is wrong with them.

    A relationship among them has the fields that *where* shows behind it.
    """
    names = where[path]
    stored = fields_of(model)
    computed, mistakes = computed_of(model, [name for name in names if name not in stored])
    known = stored | computed
    told = " ".join(mistakes)
    found = {}
    for name in sorted({*names}):
        field, further = known.get(name), f"{path}.{name}"
        if field is None:
            if f"{model.__name__}.{name} " not in told:
                mistakes.append(f"{model.__name__} lacks {name!r}.{did_you_mean(name, known)}")
        elif field.file:
            mistakes.append(f"{name!r} is a file of {model.__name__}, which only its own resource shows.")
        elif not field.is_relationship:
            found[name] = field
        elif isinstance(where.get(further), Sequence) and not isinstance(where[further], str) and where[further]:
            inner, wrong = inner_of(where, further, field.target) if further.count(".") < MOST_LEVELS else ((), [])
            found[name] = replace(field, nested=inner)
            mistakes += wrong
        else:
            mistakes.append(f"{name!r} is a relationship of {model.__name__}; say what it shows: {further!r}: ['id'].")
    return tuple(found.values()), mistakes


def shown_mistakes(resource: Resource) -> Iterator[str]:
    """Yield what is wrong in *resource* with computed fields, relationships shown as objects, and names."""
    this = f"Resource {resource.name!r}"
    yield from (f"{this} {text}" for text in _computed_mistakes(resource))
    for where in ("nested", "expand"):
        for name, inner in getattr(resource, where).items():
            mistakes = _further_mistakes if "." in name else _nested_mistakes
            yield from (f"{this}, {where} {name!r}: {text}" for text in mistakes(resource, where, name, inner))
    for name in sorted({*resource.nested, *resource.owned} & {*resource.expand}):
        where = "nested" if name in resource.nested else "owned"
        yield f"{this} names {name!r} in {where} and in expand; choose one."
    for name, sent in resource.owned.items():
        yield from (f"{this}, owned {name!r}: {text}" for text in _owned_mistakes(resource, name, sent))
    yield from (f"{this} {text}" for text in _type_mistakes(resource))
    yield from (f"{this} {text}" for text in _renaming_mistakes(resource))


def _computed_mistakes(resource: Resource) -> Iterator[str]:
    known = resource.known
    for name in sorted({*resource.fields, *resource.write_only} & {*known}):
        if known[name].computed:
            yield f"names {name!r} as one that may be sent, but it is computed. Name it in read_only."
    order = [name.removeprefix("-") for name in resource.order]
    for name in sorted({*resource.filters, *resource.sorts, *resource.search, *order} & {*known}):
        if not known[name].in_sql:
            yield f"filters, sorts or searches by {name!r}: it is computed in Python, where no database can."


def _nested_mistakes(resource: Resource, where: str, name: str, inner: Any) -> Iterable[str]:
    field = resource.known.get(name) if name in (*resource.fields, *resource.read_only) else None
    if field is None or not field.is_relationship:
        return ["name a relationship that is in fields or read_only."]
    if isinstance(inner, str) or not inner:
        return [f"list what is shown, such as ['id'], not {inner!r}."]
    return inner_of(getattr(resource, where), name, field.target)[1]


def _owned_mistakes(resource: Resource, name: str, sent: Any) -> Iterable[str]:
    field = resource.known.get(name) if name in resource.fields else None
    if field is None or not field.is_relationship:
        return ["name a relationship that is in fields."]
    return owned_of(resource.model, name, sent)[1]


def _further_mistakes(resource: Resource, where: str, path: str, inner: Any) -> Iterable[str]:
    """Return what is wrong with *path*; ``inner_of`` says what is wrong behind it."""
    before, _, name = path.rpartition(".")
    if path.count(".") >= MOST_LEVELS:
        return [f"rows are shown {MOST_LEVELS} levels deep at most."]
    if name not in getattr(resource, where).get(before, ()):
        return [f"name {name!r} in {where} {before!r} as well."]
    if isinstance(inner, str) or not inner:
        return [f"list what is shown, such as ['id'], not {inner!r}."]
    return []


def _type_mistakes(resource: Resource) -> Iterator[str]:
    for key in resource.keys:
        if key.type not in (str, int, UUID, date) and not issubclass(key.type, enum.Enum):
            yield f"has the key {key.name!r}, whose type {key.type.__name__} has no form in a URL."
    named = [name for name in (*resource.fields, *resource.read_only, *resource.write_only) if name in resource.known]
    for name in named:
        field, read_only = resource.known[name], name in resource.read_only
        # Without a type: the key has several columns.
        if field.is_relationship and field.type is object and not (read_only and name in resource.nested):
            yield f"names {name!r}, whose rows have a key of several columns; show it by read_only and nested."
        if field.type is Decimal and field.precision is None and not read_only:
            yield f"names {name!r}, a Numeric that each database rounds in its own way. Write Numeric(12, 2)."


def _renaming_mistakes(resource: Resource) -> Iterator[str]:
    for name, new in resource.renamed.items():
        if name not in resource.known:
            yield f"renames {name!r}, which {resource.model.__name__} lacks."
        elif not isinstance(new, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", new):
            yield f"renames {name!r} to {new!r}; write a name of letters, digits and '_'."
    used = {name for name in resource.named() if name in resource.known}
    names = [resource.known[name].public_name for name in used]
    for new in sorted({new for new in names if names.count(new) > 1}):
        yield f"has two fields called {new!r}. Rename one of them to something else."
