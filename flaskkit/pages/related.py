"""The rows that refer to a row, below it on its page: some of them, with the way to all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from flaskkit.access import user_for
from flaskkit.db import db
from flaskkit.db.filters import opened
from flaskkit.db.keys import url_key
from flaskkit.db.texts import name_of
from flaskkit.db.visibility import condition_for
from flaskkit.resource import Resource
from flaskkit.resource.fields import keys_of

if TYPE_CHECKING:
    from flaskkit.pages.section import Section

SHOWN = 5


@dataclass(frozen=True)
class Related:
    """Rows of *resource* that refer to a row by *label*: (name, address) of some. ``href`` leads to all, or is ""."""

    resource: Resource
    label: str
    rows: tuple[tuple[str, str], ...]
    more: bool
    href: str


def related_rows(section: Section, item: Any) -> Iterator[Related]:
    """Yield the rows of each resource of *section* that refer to *item*, where there are any. One query for each."""
    keys = keys_of(type(item))
    if len(keys) != 1:
        return
    value = getattr(item, keys[0])
    for resource in section.resources:
        seen = condition_for(resource.model, resource.read)
        if resource.read.rows(user_for(resource.read), resource.model) is False:
            continue
        for field in resource.known.values():
            if field.target is not type(item) or field.is_relationship:
                continue
            own = resource.model.__mapper__.primary_key
            wanted = select(resource.model).where(getattr(resource.model, field.name) == value)
            wanted = wanted if seen is True else wanted.where(seen)
            found = db.session.scalars(wanted.order_by(*(column.desc() for column in own)).limit(SHOWN + 1)).all()
            if found:
                shown = tuple(
                    (name_of(one), section.url(resource, "detail", key=url_key(one))) for one in found[:SHOWN]
                )
                href = section.asked(resource, "list", {field.name: [value]}) if field.name in opened(resource) else ""
                yield Related(resource, field.label, shown, len(found) > SHOWN, href)
