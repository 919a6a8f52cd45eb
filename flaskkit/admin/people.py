"""The users and roles as resources. What proves who somebody is, is never among the fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flaskkit.fields import Field, fields_of
from flaskkit.resource import Resource


def people(user_model: Any) -> Iterator[Resource]:
    """Yield a resource for *user_model* and one for its roles."""
    known = fields_of(user_model)
    yield Resource(
        user_model,
        name="users",
        fields=_known(known, "email", "active", "roles"),
        read_only=_known(known, "id", "created_at"),
        filters=_known(known, "active"),
        sorts=_known(known, "email", "created_at"),
        search=_known(known, "email"),
        order=_known(known, "email"),
    )
    if "roles" in known:
        role_model: Any = known["roles"].target
        names = fields_of(role_model)
        yield Resource(
            role_model, name="roles", fields=_known(names, "name", "description"), order=_known(names, "name")
        )


def _known(fields: Mapping[str, Field], *wanted: str) -> list[str]:
    return [name for name in wanted if name in fields]
