"""What modules let people do with rows that they chose in a list, after asking.

    Module("shop", contributions={"pages": {"actions": {"orders": [Action("ship", "Ship", ship)]}}})

/orders/do?action=ship&key=7&key=8     asks; works without a script, and the address can be gone back to
POST                                   does it, in one transaction, if the visitor may do that to each of the rows
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from flaskkit.access import require, user_for
from flaskkit.db import rows
from flaskkit.db.refusals import write_refused
from flaskkit.db.transactions import transaction
from flaskkit.errors import ResourceError, did_you_mean
from flaskkit.pages.chosen import confirmed
from flaskkit.resource import Resource
from flaskkit.texts import as_text, say_many

if TYPE_CHECKING:
    from flaskkit.pages.section import Section

ACTIONS = "flaskkit.actions"


@dataclass(frozen=True)
class Action:
    """Something to do with chosen rows: ``run`` is called with them, locked, in one transaction.

    ``name`` stands in the address and ``label`` on the button. ``policy`` names what the visitor must be allowed to do
    to each row: "read", "update" or "delete". What ``run`` returns is shown afterwards; what it raises undoes
    everything, and ``Rejected`` is told on the page. ``words`` stand above the button that confirms.
    """

    name: str
    label: str
    run: Callable[[Sequence[Any]], str | None]
    policy: str = "update"
    words: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", as_text(self.label))
        object.__setattr__(self, "words", as_text(self.words))


def take_up(app: Flask, module: str, contributed: Mapping[str, Iterable[Action]]) -> None:
    """Keep the actions that *module* contributed, by name of the resource.

    Raises:
        ResourceError: there is no such resource, or an action is wrong.
    """
    known: dict[str, dict[str, Action]] = app.extensions.setdefault(ACTIONS, {})
    names = {resource.name for resource in app.extensions["flaskkit"].resources}
    where = f"Module {module!r} has actions for"
    for name, actions in contributed.items():
        if name not in names:
            raise ResourceError(f"{where} {name!r}, which is no resource.{did_you_mean(name, names)}")
        for action in actions:
            if not isinstance(action, Action):
                raise ResourceError(f"{where} {name!r} with {action!r}; give an Action.")
            if not re.fullmatch("[A-Za-z][A-Za-z0-9_-]*", action.name) or action.name in known.get(name, {}):
                raise ResourceError(f"{where} {name!r} with the name {action.name!r}; give each a word of its own.")
            if action.policy not in ("read", "update", "delete"):
                raise ResourceError(f"{where} {name!r} with policy={action.policy!r}; write read, update or delete.")
            known.setdefault(name, {})[action.name] = action


def actions_of(app: Flask, resource: Resource) -> Sequence[Action]:
    """Return what modules let people do with rows of *resource*."""
    known: Mapping[str, Mapping[str, Action]] = app.extensions.get(ACTIONS, {})
    return tuple(known.get(resource.name, {}).values())


def may_act(resource: Resource, item: Any = None) -> list[Action]:
    """Return the actions that the visitor may do to *item*, or to some row."""
    return [
        one
        for one in actions_of(current_app, resource)
        if resource.policy(one.policy).allows(user_for(resource.policy(one.policy)), item)
    ]


def act_on_rows(section: Section, resource: Resource) -> ResponseReturnValue:
    wanted = request.values.get("action")
    action = next((one for one in actions_of(current_app, resource) if one.name == wanted), None)
    if action is None:
        raise NotFound

    def run(resource: Resource, items: Sequence[Any]) -> str:
        return _done(resource, action, [rows.key_of(item) for item in items])

    policy = resource.policy(action.policy)
    return confirmed(section, resource, policy, "act.html", run, about=lambda items: {"action": action})


def _done(resource: Resource, action: Action, keys: Sequence[Any]) -> str:
    with transaction(lambda error: write_refused(resource, error)):
        found = rows.locked(resource, keys)
        if len(found) < len(keys):
            raise NotFound
        for key in keys:
            require(resource.policy(action.policy), found[key])
        said = action.run([found[key] for key in keys])
    return said or say_many("%(action)s: %(num)s row.", "%(action)s: %(num)s rows.", len(keys), action=action.label)
