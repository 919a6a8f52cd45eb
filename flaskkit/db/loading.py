"""What loads the rows behind relationships together with a row, as far as they are shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy.orm import selectinload

from flaskkit.resource import Resource
from flaskkit.resource.fields import Field


def with_related(resource: Resource, fields: Iterable[Field] | None = None, *, to_one: Any = selectinload) -> list[Any]:
    """Return what loads the rows that *fields* of *resource* refer to, all that are readable without them.

    *to_one* is SQLAlchemy's function for relationships to one row.
    """
    wanted = resource.readable if fields is None else tuple(fields)
    inner = {field.name: field.nested for field in wanted}
    links = {field.relationship: field.many for field in wanted if field.relationship}
    return [
        one
        for link, many in links.items()
        for one in _loads(selectinload if many else to_one, resource.model, link, inner.get(link, ()))
    ]


def _loads(load: Any, model: Any, link: str, inner: Iterable[Field]) -> list[Any]:
    """Return what loads the rows behind *link* of *model*, and those behind them which *inner* names."""
    found = load(getattr(model, link))
    target = model.__mapper__.relationships[link].mapper.class_
    further = [
        one
        for field in inner
        if field.is_relationship
        for one in _loads(found.selectinload, target, field.name, field.nested)
    ]
    return further or [found]
