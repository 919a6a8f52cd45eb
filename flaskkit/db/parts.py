"""Other rows that change with a row: those that belong to it and are sent with it, and those that it takes or gives.

    parts = Parts(orders, values, order)     what was sent of its lines, in *values*, becomes rows
    parts.begin(order)                       policies and hooks of these, before the order is stored
    parts.end()                              their hooks after it

What is sent of a row that is there has its key; what has none is a new row, and a row that is not sent any more goes.
Rows that the caller may not read stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from flask import Flask, current_app
from sqlalchemy.exc import DBAPIError

from flaskkit.access import Policy, require, user_for
from flaskkit.db import hooks
from flaskkit.db.models import db
from flaskkit.db.refusals import delete_refused
from flaskkit.db.transactions import refusal
from flaskkit.errors import Rejected, ResourceError
from flaskkit.resource import Resource
from flaskkit.resource.fields import Field
from flaskkit.resource.fields import key_of as key_name
from flaskkit.resource.owned import owned_policy
from flaskkit.texts import say

# A page with more inputs than that is none; and each new row is an object here.
MOST = 1000


class _Step(NamedTuple):
    """What happens to *row*, which stands at *position* of what was sent for *field*."""

    action: str
    field: Field
    row: Any
    values: dict[str, Any]
    position: int = -1


class Parts:
    """The rows that come, change and go with a row of *resource*, which is *item* unless it is new.

    In *values*, rows take the place of what was sent of them.

    Raises:
        Rejected: a key is none of a row that belongs to *item*.
    """

    def __init__(self, resource: Resource, values: dict[str, Any], item: Any = None) -> None:
        self._resource = resource
        self._steps: list[_Step] = []
        self._kept: dict[str, list[Any]] = {}
        if not resource.owned:
            return
        for field in [resource.known[name] for name in values if resource.known[name].owned]:
            before = [] if item is None else list(getattr(item, field.name))
            values[field.name] = self._kept[field.name] = self._taken(field, values[field.name] or (), before)

    def begin(self, item: Any) -> None:
        """Let rows go, give the others to *item* with their new values, and see whether the caller may do that.

        Raises:
            LoginRequired, Forbidden: not.
            Conflicting: other rows refer to one that goes.
        """
        gone = [step for step in self._steps if step.action == "delete"]
        for step in gone:
            require_one(self._policy(step.field, "delete"), step.row)
            self._hook("before_delete", step)
            getattr(item, step.field.name).remove(step.row)
        if gone:
            # Before others come: one of them may have what is unique in one of these.
            _flush(gone[0].field)
        with db.session.no_autoflush:
            for name, rows in self._kept.items():
                setattr(item, name, rows)
            for step in self._steps:
                if step.action == "create":
                    self._claim(step)
                elif step.action == "update":
                    self._change(step)

    def end(self) -> None:
        """Call the hooks that come after."""
        for step in self._steps:
            resource = _resource_of(step.field)
            if resource is not None:
                hooks.after(resource, step.action, step.row, step.values)

    def _taken(self, field: Field, sent: Sequence[Mapping[str, Any]], before: list[Any]) -> list[Any]:
        if len(sent) > MOST:
            raise Rejected({field.name: [say("At most %(most)s rows can be sent.", most=MOST)]})
        target: Any = field.target
        name = key_name(target)
        seen = {getattr(row, name): row for row in before if self._sees(field, row)}
        left, rows, errors = dict(seen), [], {}
        for i, one in enumerate(sent):
            values = {at: value for at, value in one.items() if at != name}
            key = one.get(name)
            if key is None:
                row = target(**values)
                self._steps.append(_Step("create", field, row, values, i))
            elif key in left:
                row = left.pop(key)
                changed = {at: value for at, value in values.items() if getattr(row, at) != value}
                if changed:
                    self._steps.append(_Step("update", field, row, changed, i))
            else:
                words = say("This key is given twice.") if key in seen else say("There is no such row.")
                errors[str(i)] = {name: [words]}
                continue
            rows.append(row)
        if errors:
            raise Rejected({field.name: errors})
        self._steps += [_Step("delete", field, row, {}) for row in left.values()]
        return [*rows, *(row for row in before if getattr(row, name) not in seen)]

    def _claim(self, step: _Step) -> None:
        policy, own = self._policy(step.field, "create"), _resource_of(step.field)
        claiming = own.policy("create") if own else policy
        if claiming is not None:
            claiming.claim(user_for(claiming), step.row)
        require_one(policy, step.row)
        self._hook("before_create", step)

    def _change(self, step: _Step) -> None:
        policy = self._policy(step.field, "update")
        require_one(policy, step.row)
        for name, value in step.values.items():
            setattr(step.row, name, value)
        self._hook("before_update", step)
        if policy is not None and not policy.allows(user_for(policy), step.row):
            words = [say("After this you could not change it any more.")]
            raise Rejected({step.field.name: {str(step.position): {"_schema": words}}})

    def _sees(self, field: Field, row: Any) -> bool:
        policy = self._policy(field, "read")
        return policy is None or policy.allows(user_for(policy), row)

    def _policy(self, field: Field, action: str) -> Policy | None:
        return owned_policy(self._resource, field, action)

    def _hook(self, name: str, step: _Step) -> None:
        resource = _resource_of(step.field)
        if resource is not None:
            hooks.call(resource, name, step.row, step.values)


def require_one(policy: Policy | None, row: Any) -> None:
    """Raise unless the caller may do to *row* what *policy* guards, if anything does.

    Raises:
        LoginRequired, Forbidden: not.
    """
    if policy is not None:
        require(policy, row)


def require_moves(field: Field, before: Any, after: Any) -> None:
    """Raise unless the caller may change the rows that come or go when *field* holds *after* instead of *before*.

    Where the other rows hold the foreign key, to give or take them changes them, or deletes them as orphans. What
    becomes of rows that are sent as objects, ``Parts`` knows.
    """
    resource = _resource_of(field) if field.moves and not field.owned else None
    if resource is None:
        return
    gone, come = (set(rows or ()) if field.many else {rows} - {None} for rows in (before, after))
    for row in gone ^ come:
        require(resource.policy("update"), row)
        if row in gone and field.owns:
            require(resource.policy("delete"), row)


def check(app: Flask, resource: Resource) -> None:
    """Compare what *resource* sends of other rows with what their own resource does.

    Raises:
        ResourceError: a hook stores a row in its own way, which goes for one row alone.
    """
    if resource.owned:
        mistakes = list(_mistakes(app, resource))
        if mistakes:
            raise ResourceError(mistakes)


def _mistakes(app: Flask, resource: Resource) -> Iterator[str]:
    for name in resource.owned:
        own = app.extensions["flaskkit"].resource_of(resource.known[name].target)
        for one in (resource, own):
            for hook in {"create", "update", "delete"} & {*one.hooks} if one else ():
                if not (one is resource and hook == "delete"):
                    yield (
                        f"Resource {resource.name!r} has {name!r} in owned, and resource {one.name!r} the hook"
                        f" {hook!r}, which stores one row alone. Write 'before_{hook}' or 'after_{hook}'."
                    )


def _resource_of(field: Field) -> Resource | None:
    found: Resource | None = current_app.extensions["flaskkit"].resource_of(field.target)
    return found


def _flush(field: Field) -> None:
    try:
        db.session.flush()
    except DBAPIError as error:
        refused = refusal(error, delete_refused)
        if isinstance(refused, Rejected):
            refused.errors = {field.name: refused.errors.get("", [])}
            raise refused from error
        raise
