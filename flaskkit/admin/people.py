"""The users and roles as resources. What proves who somebody is, is never among the fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flaskkit.fields import fields_of
from flaskkit.resource import Resource


def people(user_model: Any, taken: set[str]) -> Iterator[Resource]:
    """Yield a resource for *user_model* and one for its roles, except where *taken* holds the name already."""
    known = fields_of(user_model)
    writable = [name for name in ("email", "active", "roles") if name in known]
    yield from _unless_taken(
        Resource(
            user_model,
            name="users",
            fields=writable,
            read_only=[name for name in ("id", "created_at") if name in known],
            filters=[name for name in ("active",) if name in known],
            sorts=[name for name in ("email", "created_at") if name in known],
            search=[name for name in ("email",) if name in known],
            order=[name for name in ("email",) if name in known],
        ),
        taken,
    )
    if "roles" in known:
        role_model: Any = known["roles"].target
        names = fields_of(role_model)
        yield from _unless_taken(
            Resource(
                role_model,
                name="roles",
                fields=[name for name in ("name", "description") if name in names],
                order=[name for name in ("name",) if name in names],
            ),
            taken,
        )


def _unless_taken(resource: Resource, taken: set[str]) -> Iterator[Resource]:
    if resource.name not in taken:
        yield resource
