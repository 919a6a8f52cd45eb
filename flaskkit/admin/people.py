"""Users, roles, sessions and tokens as resources. What proves who somebody is, is never among the fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flaskkit.auth.events import tell
from flaskkit.resource import Resource
from flaskkit.resource.fields import Field, fields_of

_MOMENTS = ("created_at", "seen_at", "used_at", "expires_at")


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
            role_model,
            name="roles",
            fields=_known(names, "name", "description", "permissions"),
            order=_known(names, "name"),
        )


def signs_of(user_model: Any) -> Iterator[Resource]:
    """Yield a resource for the sessions of *user_model* and one for its tokens. To delete one is to end it."""
    for name, kind in (("sessions", "session_revoked"), ("tokens", "token_revoked")):
        link = user_model.__mapper__.relationships.get(name)
        if link is None:
            continue
        model = link.mapper.class_
        known = fields_of(model)
        yield Resource(
            model,
            name=name,
            read_only=["email", *_known(known, "user", "name", "device", "address", "scopes", "by", *_MOMENTS)],
            filters=_known(known, "user_id", "address", *_MOMENTS),
            sorts=_known(known, *_MOMENTS),
            search=["user.email"],
            order=["-created_at"],
            hooks={"before_delete": _telling(kind)},
        )


def _telling(kind: str) -> Callable[..., None]:
    def told(item: Any, _values: Any, _user: Any) -> None:
        tell(kind, item.user, number=item.id)

    return told


def _known(fields: Mapping[str, Field], *wanted: str) -> list[str]:
    return [name for name in wanted if name in fields]
