"""Rows that belong to one row and are sent with it: ``owned={"lines": ["product_id", "count"]}``.

owned_of(Order, "lines", names)            the fields that may be sent of each row, and what is wrong with that
owned_policy(orders, field, "update")      who may do that to these rows
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flask import current_app

from flaskkit.access import Policy
from flaskkit.errors import did_you_mean
from flaskkit.resource.fields import Field, fields_of, keys_of

if TYPE_CHECKING:
    from flaskkit.resource import Resource


def owned_of(model: Any, path: str, names: Any) -> tuple[tuple[Field, ...], list[str]]:
    """Return those columns of the rows behind *path* of *model* that *names* lets people send, and what is wrong.

    The foreign key that leads back is never sent: a row belongs where it stands.
    """
    link = model.__mapper__.relationships[path]
    mistakes = list(_link_mistakes(link))
    if isinstance(names, str) or not names:
        return (), [*mistakes, f"list what may be sent, such as ['name'], not {names!r}."]
    known = fields_of(link.mapper.class_)
    back = {link.mapper.get_property_by_column(column).key for column in link.remote_side if not mistakes}
    found: dict[str, Field] = {}
    for name in names:
        field = known.get(name)
        wrong = f"{link.mapper.class_.__name__} lacks {name!r}.{did_you_mean(name, known)}" if field is None else ""
        if field is not None:
            wrong = _field_mistake(field, back, known)
            found[name] = field
        mistakes += [wrong] if wrong else []
    return (() if mistakes else tuple(found.values())), mistakes


def owned_policy(resource: Resource, field: Field, action: str) -> Policy | None:
    """Return who may do *action* to the rows that *field* of *resource* sends; None where the row alone decides."""
    if resource.owned_policy is not None:
        return resource.owned_policy
    own: Resource | None = current_app.extensions["flaskkit"].resource_of(field.target)
    return own.policy(action) if own else None


def _link_mistakes(link: Any) -> Iterator[str]:
    model = link.mapper.class_
    if not link.uselist or link.direction.name != "ONETOMANY" or not link.cascade.delete_orphan:
        yield 'these rows belong to nobody. Write relationship(cascade="all, delete-orphan") for a list of rows.'
    elif link.collection_class not in (None, list) or link.lazy in ("dynamic", "write_only", "noload", "raise"):
        yield "only a plain list of rows can be sent."
    keys = [fields_of(model)[name] for name in keys_of(model)]
    if len(keys) > 1:
        yield f"rows of {model.__name__} have a key of several columns; one is needed here."
    elif keys[0].required:
        yield f"the key {keys[0].name!r} of {model.__name__} must be made by itself; give it a default."


def _field_mistake(field: Field, back: set[str], known: dict[str, Field]) -> str:
    if field.is_relationship:
        columns = [one.name for one in known.values() if one.relationship == field.name and one is not field]
        return f"{field.name!r} is a relationship; name its column{f', {columns[0]!r}' if columns else ''}."
    if field.file:
        return f"{field.name!r} is a file, which only a resource of its own takes."
    if field.key:
        return f"leave out the key {field.name!r}: it goes along by itself."
    if field.name in back:
        return f"leave out {field.name!r}: a row belongs where it stands."
    return ""
