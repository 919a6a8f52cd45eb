"""The flows of passkeys: log in with one, as the only step or after the password; list, add, rename, remove."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any

from flask import Flask, send_from_directory, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField
from wtforms.validators import InputRequired, Length

from flaskkit.access import caller, login, public, requires
from flaskkit.auth import accounts
from flaskkit.auth.errors import WrongCredentials
from flaskkit.auth.events import tell
from flaskkit.auth.flows import Flow, Outcome, Way, login_ways, pending, site_name
from flaskkit.auth.forms import OwnPasswordField, ProvingForm
from flaskkit.auth.identity import start_session
from flaskkit.auth.passkeys import keys
from flaskkit.auth.policies import recently
from flaskkit.auth.ways import ways_in
from flaskkit.db import db
from flaskkit.db.transactions import together
from flaskkit.errors import Conflicting
from flaskkit.texts import say

STATIC = Path(__file__).parent / "static"
# The longest answer of a device, with a chain of certificates in it, has some kilobytes.
_ANSWER = [InputRequired(), Length(max=50_000)]


def wire(app: Flask, address: str, url_prefix: str) -> None:
    """Let people log in with passkeys at *address*."""
    app.extensions["flaskkit.passkeys"] = keys.Origin(address)
    with app.app_context():
        keys.model()
    app.add_url_rule(f"{url_prefix}/passkeys.js", "auth.passkeys_js", requires(public)(script))
    login_ways(app).append(Way(say("a passkey"), "auth.passkey"))


def script() -> ResponseReturnValue:
    """Send what asks the browser for passkeys."""
    return send_from_directory(STATIC, "passkeys.js", max_age=0)


class PasskeyForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """What a device answers."""

    ceremony = HiddenField("Ceremony", [InputRequired(), Length(max=1000)])
    credential = HiddenField("Credential", _ANSWER, description="What navigator.credentials gave, as JSON in a text.")


class AddForm(ProvingForm, PasskeyForm):
    """A new passkey, its name, and the password once more."""

    name = StringField(
        say("Name"),
        [InputRequired(), Length(max=keys.NAME_LENGTH)],
        default=say("Passkey"),
        description=say("So that you tell your devices apart."),
    )
    password = OwnPasswordField()


class RenameForm(FlaskForm):  # type: ignore[misc]
    """Another name."""

    passkey = HiddenField(say("Passkey"), [InputRequired()])
    name = StringField(say("Name"), [InputRequired(), Length(max=keys.NAME_LENGTH)])


class RemoveForm(FlaskForm):  # type: ignore[misc]
    """Which passkey opens the account no longer."""

    passkey = HiddenField(say("Passkey"), [InputRequired()])


def ask(_values: dict[str, Any]) -> Outcome:
    """Ask for a passkey: of who has given a password, or any."""
    begun = keys.authentication(_waiting())
    return Outcome(answer={"options": begun.options, "ceremony": begun.text})


def log_in(values: dict[str, Any]) -> Outcome:
    """Log in whose passkey answers. It is the second factor of who has given a password, and both factors otherwise.

    Raises:
        Rejected: too late. WrongCredentials: it opens no account, or the account is inactive.
    """
    kept = pending()
    expected = kept.user if kept else None
    try:
        user = keys.check(values["ceremony"], values["credential"], expected)
    except WrongCredentials:
        tell("second_factor_failed" if kept else "login_failed", expected, factor="passkey")
        raise
    if kept:
        start_session(user, remember=kept.remember, by=(*kept.by, "passkey"))
    else:
        start_session(user, by=("passkey",))
    return Outcome()


def ask_for_new(_values: dict[str, Any]) -> Outcome:
    """Ask for a new passkey of the user."""
    begun = keys.registration(caller().user, site_name())
    return Outcome(answer={"options": begun.options, "ceremony": begun.text})


def add(values: dict[str, Any]) -> Outcome:
    """Let a new passkey open the account.

    Raises:
        Rejected: the password or the passkey is wrong, or it comes too late. Conflicting: it is registered already.
    """
    user = caller().user
    accounts.prove(user, values.get("password"))
    with together(keep=True):
        made = keys.register(user, values["name"], values["ceremony"], values["credential"])
        tell("passkey_added", user, name=made.name)
    return Outcome(to=url_for("auth.passkeys"), message=say("From now on %(name)s opens your account.", name=made.name))


def rename(values: dict[str, Any]) -> Outcome:
    """Call a passkey something else.

    Raises:
        Rejected: there is none with that key.
    """
    found = keys.one_of(caller().user, values["passkey"])
    found.name = values["name"]
    db.session.commit()
    return Outcome(to=url_for("auth.passkeys"))


def remove(values: dict[str, Any]) -> Outcome:
    """Let a passkey open the account no longer.

    Raises:
        Rejected: there is none with that key. Conflicting: nothing else opens it.
    """
    user = caller().user
    found = keys.one_of(user, values["passkey"])
    if ways_in(user) == 1:
        raise Conflicting({"passkey": [say("Nothing else opens your account. Choose a password first.")]})
    with together(keep=True):
        db.session.delete(found)
        tell("passkey_removed", user, name=found.name)
    return Outcome(to=url_for("auth.passkeys"), message=say("It no longer opens your account."))


def listing() -> dict[str, Any]:
    """Return what the page of passkeys shows."""
    return {"passkeys": keys.of_user(caller().user)}


def state(_values: dict[str, Any]) -> Outcome:
    """Tell which passkeys the user has: keys and names, in the same order."""
    found = keys.of_user(caller().user)
    return Outcome(answer={"passkeys": [str(one.id) for one in found], "names": [one.name for one in found]})


FLOWS = (
    Flow(
        "passkey",
        "/passkey",
        log_in,
        PasskeyForm,
        policy=public,
        title=say("Log in with a passkey"),
        button=say("Use a passkey"),
        show=lambda: ask({}).answer,
        strangers=True,
        limit="login",
        refusals=[HTTPStatus.UNAUTHORIZED],
        starts_session=True,
    ),
    Flow(
        "passkey_ask",
        "/passkey/ask",
        ask,
        policy=public,
        title="What to ask a device for a passkey",
        pages=False,
        answer={"options": str, "ceremony": str},
    ),
    Flow(
        "passkeys",
        "/passkeys",
        state,
        policy=login,
        title=say("Passkeys"),
        listed=say("Log in with your fingerprint, face or screen lock."),
        method="GET",
        show=listing,
        answer={"passkeys": list, "names": list},
    ),
    Flow(
        "passkey_ask_new",
        "/passkeys/ask",
        ask_for_new,
        policy=login,
        title="What to ask a device for a new passkey",
        pages=False,
        answer={"options": str, "ceremony": str},
    ),
    Flow(
        "passkey_add",
        "/passkeys/add",
        add,
        AddForm,
        policy=login,
        title=say("Add a passkey"),
        button=say("Add this device"),
        show=lambda: ask_for_new({}).answer,
        limit="code",
        refusals=[HTTPStatus.CONFLICT],
    ),
    Flow(
        "passkey_rename",
        "/passkeys/rename",
        rename,
        RenameForm,
        policy=login,
        title=say("Rename a passkey"),
        button=say("Save"),
        query=("passkey", "name"),
    ),
    Flow(
        "passkey_remove",
        "/passkeys/remove",
        remove,
        RemoveForm,
        policy=recently(),
        title=say("Remove a passkey"),
        button=say("Remove"),
        words=say("It will no longer open your account. Remove it from your device, too."),
        query=("passkey",),
        refusals=[HTTPStatus.CONFLICT],
    ),
)


def _waiting() -> Any:
    kept = pending()
    return kept.user if kept else None
