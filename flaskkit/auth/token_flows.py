"""The flows about bearer tokens: make, see and revoke them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import url_for
from flask_wtf import FlaskForm
from wtforms import IntegerField, StringField
from wtforms.validators import InputRequired, Length, NumberRange

from flaskkit.access import caller, login
from flaskkit.auth import tokens
from flaskkit.auth.flows import Flow, Outcome
from flaskkit.auth.policies import recently
from flaskkit.errors import Rejected
from flaskkit.texts import say

TOKEN = {
    "id": int,
    "name": str,
    "scopes": list,
    "created_at": datetime,
    "expires_at": datetime | None,
    "used_at": datetime | None,
}


class TokenForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """What a new token is for."""

    name = StringField(
        say("Name"),
        [InputRequired(), Length(max=tokens.NAME_LENGTH)],
        description=say("What it is for, such as the program that will use it."),
    )
    days = IntegerField(
        say("Days"),
        [InputRequired(), NumberRange(1, tokens.LONGEST_DAYS)],
        default=90,
        description=say("How long it is valid."),
    )
    scopes = StringField(
        say("Scopes"),
        description=say("What it may do, with spaces between. Empty: everything that you may."),
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )


class RevokeTokenForm(FlaskForm):  # type: ignore[misc]
    """Which token to revoke."""

    token = IntegerField("Token", [InputRequired()], description="The id of the one to revoke.")


def listed() -> list[dict[str, Any]]:
    """Return the tokens of the caller, the newest first."""
    return [
        {
            "id": row.id,
            "name": row.name,
            "scopes": row.scopes.split(),
            "created_at": row.created_at,
            "expires_at": row.expires_at,
            "used_at": row.used_at,
        }
        for row in tokens.of_user(caller().user)
    ]


def make(values: dict[str, Any]) -> Outcome:
    """Make a token for the caller, to be shown once.

    Raises:
        Rejected: what is wrong with the values.
    """
    scopes = (values["scopes"] or "").split()
    token, expires_at = tokens.issue(caller().user, values["name"], values["days"], scopes)
    return Outcome(answer={"token": token, "expires_at": expires_at}, page="auth/token.html")


def revoke(values: dict[str, Any]) -> Outcome:
    """Revoke one token of the caller, from the next request on.

    Raises:
        Rejected: there is no such token.
    """
    if not tokens.revoke(caller().user, values["token"]):
        raise Rejected({"token": [say("You have no such token.")]})
    return Outcome(to=url_for("auth.tokens"), message=say("The token is revoked."))


FLOWS = (
    Flow(
        "list_tokens",
        "/tokens",
        lambda _values: Outcome(answer={"tokens": listed()}),
        policy=login,
        title=say("Your tokens"),
        answer={"tokens": TOKEN},
        method="GET",
        pages=False,
    ),
    Flow(
        "tokens",
        "/tokens",
        make,
        TokenForm,
        policy=recently(),
        title=say("Tokens for programs"),
        button=say("Make a token"),
        listed=say("With one a program acts in your name."),
        show=lambda: {"tokens": listed(), "known": tokens.known_scopes()},
        answer={"token": str, "expires_at": datetime},
    ),
    Flow(
        "revoke_token",
        "/tokens/revoke",
        revoke,
        RevokeTokenForm,
        policy=login,
        title=say("Revoke a token"),
        button=say("Revoke it"),
    ),
)
