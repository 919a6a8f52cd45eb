"""The flows about sessions: see and end them, and confirm that it is you."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any

from flask import current_app, flash, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField, PasswordField
from wtforms.validators import InputRequired, Optional

from flaskkit.access import caller, login, require
from flaskkit.auth import sessions
from flaskkit.auth.errors import ConfirmationRequired, WrongCredentials
from flaskkit.auth.events import tell
from flaskkit.auth.flows import Flow, Outcome, limits
from flaskkit.auth.identity import bearer, current_session, end_other_sessions, end_session, renew_session
from flaskkit.auth.policies import recently
from flaskkit.auth.redirects import after_login, here_again
from flaskkit.errors import Rejected
from flaskkit.texts import say, say_many, spoken

SESSION = {
    "id": int,
    "device": str,
    "address": str,
    "created_at": datetime,
    "seen_at": datetime,
    "expires_at": datetime,
    "current": bool,
}


class EndSessionForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Which session to end."""

    session = IntegerField("Session", [Optional()], description="The id of the one to end.")
    others = BooleanField("All others", description="End all but this one.")


class ConfirmForm(FlaskForm):  # type: ignore[misc]
    """The password once more."""

    password = PasswordField(say("Password"), [InputRequired()], render_kw={"autocomplete": "current-password"})


def listed() -> list[dict[str, Any]]:
    """Return the sessions of the caller, the last seen first."""
    here = current_session()
    return [
        {
            "id": row.id,
            "device": row.device,
            "address": row.address,
            "created_at": row.created_at,
            "seen_at": row.seen_at,
            "expires_at": row.expires_at,
            "current": here is not None and row.id == here.key,
        }
        for row in sessions.of_user(caller().user)
    ]


def end_sessions(values: dict[str, Any]) -> Outcome:
    """End one session of the caller, or all but this one. Any other than this one wants a fresh proof (ASVS 7.5.2).

    Raises:
        Rejected: there is no such session. ConfirmationRequired: the caller has not just proved who they are.
    """
    user, key, here = caller().user, values["session"], current_session()
    where = url_for("auth.sessions")
    if values["others"]:
        require(recently())
        count = end_other_sessions(user)
        return Outcome(
            to=where, message=say_many("%(num)s other session ended.", "%(num)s other sessions ended.", count)
        )
    if here is not None and key == here.key:
        end_session()
        return Outcome(to=f"{request.script_root}/", message=say("You are logged out."))
    require(recently())
    if key is None or not sessions.end_one(user, key):
        raise Rejected({"session": [say("You have no such session.")]})
    return Outcome(to=where, message=say("The session has ended."))


def confirm(values: dict[str, Any]) -> Outcome:
    """Take the password as proof that it is still the user who sits there.

    Raises:
        WrongCredentials: it is wrong.
    """
    user = caller().user
    if not user.check_password(values["password"]):
        tell("sudo_failed", user)
        wrong = say("The password is wrong.")
        raise WrongCredentials({"password": [wrong]}, wrong)
    limits().clear("login", account=user.email)
    renew_session(confirmed=True)
    return Outcome()


def ask_to_confirm(error: ConfirmationRequired) -> ResponseReturnValue:
    """Send a person to the page that asks for the password, and tell a program what is missing."""
    kit = current_app.extensions["flaskkit"]
    if bearer() is not None or kit.error_prefix(request.path):
        return make_response(kit.show_error(error))
    flash(spoken(error.description or ""))
    # What was sent is not sent again, but the page where it was typed can be opened again.
    return redirect(url_for("auth.confirm_password", next=after_login(here_again()) or None), 303)


FLOWS = (
    Flow(
        "list_sessions",
        "/sessions",
        lambda _values: Outcome(answer={"sessions": listed()}),
        policy=login,
        title=say("Your sessions"),
        answer={"sessions": SESSION},
        method="GET",
        pages=False,
    ),
    Flow(
        "sessions",
        "/sessions",
        end_sessions,
        EndSessionForm,
        policy=login,
        title=say("Where you are logged in"),
        listed=say("Devices, and when they were last seen."),
        show=lambda: {"sessions": listed()},
        refusals=[HTTPStatus.FORBIDDEN],
    ),
    Flow(
        "confirm_password",
        "/confirm-password",
        confirm,
        ConfirmForm,
        policy=login,
        title=say("Confirm that it is you"),
        button=say("Confirm"),
        words=say("Type your password once more. Whoever has none logs out and in again."),
        limit="login",
        starts_session=True,
    ),
)
