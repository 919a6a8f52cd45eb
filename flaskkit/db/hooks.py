"""Storing a row, with what a resource wants done around it or instead.

    before_create    the item holds the new values and is not sent to the database yet
    create           instead of storing it
    after_create     it is stored and has its key, and is not committed yet

The same for update and delete. Each is called as ``hook(item, values, user)`` within the transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flaskkit.access import caller
from flaskkit.db.models import db
from flaskkit.resource import Resource


def create(resource: Resource, item: Any, values: Mapping[str, Any]) -> Any:
    """Put the new *item* into the session and return it, or what a hook "create" returns instead."""
    if "create" in resource.hooks:
        stored = call(resource, "create", item, values)
        return item if stored is None else stored
    with db.session.no_autoflush:
        call(resource, "before_create", item, values)
    db.session.add(item)
    return item


def update(resource: Resource, item: Any, values: Mapping[str, Any]) -> None:
    """Give *item* its new *values*, unless a hook "update" does."""
    if "update" in resource.hooks:
        call(resource, "update", item, values)
        return
    with db.session.no_autoflush:
        for name, value in values.items():
            setattr(item, name, value)
        call(resource, "before_update", item, values)


def delete(resource: Resource, item: Any) -> None:
    """Mark *item* as deleted, unless a hook "delete" does something else."""
    if "delete" in resource.hooks:
        call(resource, "delete", item, {})
        return
    with db.session.no_autoflush:
        call(resource, "before_delete", item, {})
    db.session.delete(item)


def after(resource: Resource, action: str, item: Any, values: Mapping[str, Any]) -> None:
    """Call the hook after *action*, where there is one, with everything sent to the database."""
    if f"after_{action}" in resource.hooks:
        db.session.flush()
        call(resource, f"after_{action}", item, values)


def call(resource: Resource, name: str, item: Any, values: Mapping[str, Any]) -> Any:
    """Call the hook *name* of *resource*, where it has that, and return what it returns."""
    hook = resource.hooks.get(name)
    return None if hook is None else hook(item, dict(values), caller().user)
