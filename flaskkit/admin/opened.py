"""The resources as the admin opens them: to one role, whatever their own policies say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from flask import Flask

from flaskkit.access import Policy, nobody, role
from flaskkit.admin.people import people, signs_of
from flaskkit.resource import Resource


def opened(app: Flask, policy: role) -> Iterable[Resource]:
    """Yield all resources, each open to *policy* only; users and what is theirs as ``people.py`` has them."""
    user_model = app.extensions["flaskkit.user_model"]
    persons, signs = list(people(user_model)), list(signs_of(user_model))
    special = {resource.model for resource in (*persons, *signs)}
    declared = [one for one in app.extensions["flaskkit"].resources if one.model not in special]
    taken = {resource.name for resource in declared}
    for resource in [*declared, *(one for one in persons if one.name not in taken)]:
        create = Instead(policy, resource.policy("create"))
        delete = Sparing(policy) if resource.model in special else policy
        policies: dict[str, Policy] = {"read": policy, "write": policy, "create": create, "update": policy}
        yield replace(resource, **policies, delete=delete, owned_policy=policy)
    for resource in signs:
        if resource.name not in taken:
            yield replace(resource, read=policy, create=nobody, update=nobody, delete=policy)


@dataclass(frozen=True)
class Instead(Policy):
    """*policy* decides who may create; whose the new row is, stays as the resource's own policy has it."""

    policy: Policy
    own: Policy

    def allows(self, user: Any, item: Any = None) -> bool:
        return self.policy.allows(user, item)

    def rows(self, user: Any, model: Any) -> Any:
        return self.policy.rows(user, model)

    def claim(self, user: Any, item: Any) -> None:
        self.own.claim(user, item)

    def __str__(self) -> str:
        return str(self.policy)


@dataclass(frozen=True)
class Sparing(Policy):
    """As *policy*, but nobody may delete themselves or the role that lets them in: nobody could undo it."""

    policy: role

    def allows(self, user: Any, item: Any = None) -> bool:
        own = item is not None and (
            item is user or (not isinstance(item, type(user)) and item.name == self.policy.name)
        )
        return self.policy.allows(user, item) and not own

    def rows(self, user: Any, model: Any) -> Any:
        return self.policy.rows(user, model)

    def __str__(self) -> str:
        return str(self.policy)
