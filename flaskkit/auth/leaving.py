"""What is mine: take all of it along, and delete the account. Both are off unless a setting says otherwise.

What belongs to a user are the rows with a foreign key to them. Exported are those of resources, as far as their
policies let the user read them; deleted, or kept without the user, is what the foreign keys say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Response, current_app, request
from sqlalchemy import ForeignKey, func, select
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import Forbidden

from flaskkit.access import caller, login, requires
from flaskkit.auth import accounts
from flaskkit.auth.events import tell
from flaskkit.auth.flows import Flow, Outcome
from flaskkit.auth.forms import DeleteAccountForm
from flaskkit.auth.identity import end_session
from flaskkit.auth.policies import recently
from flaskkit.db import Model, db
from flaskkit.db.rows import value_of
from flaskkit.db.tables import tables_of
from flaskkit.db.transactions import together
from flaskkit.db.visibility import condition_for
from flaskkit.errors import Conflicting
from flaskkit.texts import say

ONLY_BY_SESSION = "A token does not do for this. Log in."
KEPT = say("Something that must stay refers to your account, so it cannot be deleted.")


@dataclass(frozen=True)
class Reference:
    """Rows that refer to a user: how many, what they are called, and what becomes of them."""

    count: int
    label: str
    fate: str


def references(user: Any) -> Iterator[Reference]:
    """Yield what refers to *user*, as far as there is any, beside what belongs to logging in."""
    kit = current_app.extensions["flaskkit"]
    labels = {resource.model.__table__: resource.label for resource in reversed(kit.resources)}
    for key in _keys_to(type(user)):
        rows = select(func.count()).select_from(key.parent.table).where(key.parent == user.id)
        count = db.session.scalar(rows) or 0
        if count:
            table = key.parent.table
            yield Reference(count, labels.get(table, table.name.replace("_", " ")), _fate(key, type(user)))


def delete_account(values: dict[str, Any]) -> Outcome:
    """Delete the caller's account, and with it what the foreign keys say.

    Raises:
        Rejected: the password is wrong. Conflicting: something that must stay refers to the account.
    """
    user = caller().user
    accounts.prove(user, values.get("password"))
    email, mail = user.email, current_app.extensions.get("flaskkit.mail")
    try:
        with together():
            db.session.delete(user)
            db.session.flush()
            if mail is not None:
                mail.send(email, "account_deleted", reader=user)
    except IntegrityError:
        raise Conflicting({"": [KEPT]}, KEPT) from None
    end_session()
    return Outcome(to=f"{request.script_root}/", message=say("Your account is deleted."))


@requires(login)
def export() -> Response:
    """Answer with everything that is the caller's, as JSON.

    Raises:
        Forbidden: a token asks, which may be good for less than everything.
    """
    found = caller()
    if found.by != "session":
        raise Forbidden(ONLY_BY_SESSION)
    tell("data_exported", found.user)
    text = json.dumps(dict(_everything(found.user)), indent=2, ensure_ascii=False, default=str)
    # Lone surrogates are no UTF-8.
    response = Response(text.encode("utf-8", "replace"), mimetype="application/json")
    response.headers["Content-Disposition"] = 'attachment; filename="my-data.json"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _everything(user: Any) -> Iterator[tuple[str, Any]]:
    account = {"id": user.id, "email": user.email, "confirmed_at": user.confirmed_at}
    yield "account", {**account, "roles": [role.name for role in user.roles]}
    keys: dict[Any, list[Any]] = {}
    for key in _keys_to(type(user)):
        keys.setdefault(key.parent.table, []).append(key.parent)
    for resource in current_app.extensions["flaskkit"].resources:
        own = keys.get(resource.model.__table__, [])
        if not own:
            continue
        named = own[0] == user.id
        for column in own[1:]:
            named |= column == user.id
        rows = select(resource.model).where(named)
        condition = condition_for(resource.model, resource.read)
        rows = rows if condition is True else rows.where(condition)
        yield (
            resource.name,
            [
                {field.public_name: value_of(row, field) for field in resource.readable}
                for row in db.session.scalars(rows)
            ],
        )


def _keys_to(model: Any) -> Iterator[ForeignKey]:
    """Yield the foreign keys to *model*, but for those of tables that belong to logging in."""
    table = model.__table__
    own = {relation.mapper.local_table for relation in model.__mapper__.relationships if _is_ours(relation)}
    own |= {mapper.local_table for mapper in Model.registry.mappers if _is_ours(mapper)}
    own |= {relation.secondary for relation in model.__mapper__.relationships if _is_ours(relation)}
    for other in tables_of(current_app._get_current_object()):  # type: ignore[attr-defined]
        if other not in own:
            yield from (key for key in sorted(other.foreign_keys, key=str) if key.column.table is table)


def _is_ours(mapped: Any) -> bool:
    return str(mapped.mapper.class_.__module__).startswith("flaskkit.auth.")


def _fate(key: ForeignKey, model: Any) -> str:
    cascades = any(
        relation.mapper.local_table is key.parent.table and relation.cascade.delete
        for relation in model.__mapper__.relationships
    )
    if cascades or (key.ondelete or "").upper() == "CASCADE":
        return say("deleted")
    return (
        say("kept, without your name")
        if (key.ondelete or "").upper() == "SET NULL"
        else say("in the way: delete them first")
    )


DELETING = (
    Flow(
        "delete_account",
        "/delete-account",
        delete_account,
        DeleteAccountForm,
        policy=recently(),
        title=say("Delete your account"),
        button=say("Delete it for good"),
        listed=say("For good, with what is yours."),
        show=lambda: {"references": list(references(caller().user))},
        limit="login",
        refusals=[HTTPStatus.CONFLICT],
        starts_session=True,
    ),
)
