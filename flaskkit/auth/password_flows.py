"""The flows about passwords: change it, and where feature `mail` is on get a new one by mail."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import url_for

from flaskkit.access import caller, login
from flaskkit.auth import accounts, links, passwords, sessions
from flaskkit.auth.addresses import checked
from flaskkit.auth.events import tell
from flaskkit.auth.flows import Flow, Outcome
from flaskkit.auth.forms import AddressForm, ChangePasswordForm, ResetPasswordForm
from flaskkit.auth.identity import end_other_sessions, renew_session
from flaskkit.auth.links import mailer
from flaskkit.db.models import now
from flaskkit.db.transactions import together
from flaskkit.errors import Rejected
from flaskkit.texts import say


def change_password(values: dict[str, Any]) -> Outcome:
    """Take a new password. All other sessions of the user end; this one begins anew.

    Raises:
        Rejected: what is wrong with either password.
    """
    user = caller().user
    accounts.change_password(user, values["old_password"], values["new_password"])
    end_other_sessions(user)
    renew_session(confirmed=True)
    return Outcome(
        to=url_for("auth.account"), message=say("You have a new password. You are logged out everywhere else.")
    )


def forgot_password(values: dict[str, Any]) -> Outcome:
    """Send a link to the address. The answer, and the work, are the same whether or not it has an account.

    Raises:
        Rejected: what is sent is no address.
    """
    address = checked(values["email"])
    user = accounts.by_email(address)
    tell("password_reset_asked", user)
    if user is not None and user.is_active:
        link = mailer().url("auth.reset_password", token=links.token_for("reset_password", user))
        mailer().send(user, "reset_password", link=link, lasts=links.lasts("reset_password"))
    else:
        mailer().send(address, "no_account")
    return Outcome(
        to=url_for("auth.login"), message=say("We sent a mail to %(address)s. Open the link in it.", address=address)
    )


def reset_password(values: dict[str, Any]) -> Outcome:
    """Take a new password for the account in a link. All sessions of the user end. The link proves the address, too.

    Raises:
        WrongCredentials: the link is too old, or was made before the account changed.
        Rejected: what is wrong with "new_password".
    """
    new = values["new_password"]
    with together():
        user, _ = links.user_of("reset_password", values["token"])
        if wrong := passwords.mistake(new, user.email):
            raise Rejected({"new_password": [wrong]})
        user.set_password(new)
        tell("password_reset", user)
        sessions.end_all(user)
        user.confirmed_at = user.confirmed_at or now()
    return Outcome(to=url_for("auth.login"), message=say("You have a new password. Log in with it."), next="login")


FLOWS = (
    Flow(
        "change_password",
        "/change-password",
        change_password,
        ChangePasswordForm,
        policy=login,
        title=say("Change your password"),
        button=say("Change it"),
        listed=say("It logs you out everywhere else."),
        limit="login",
        starts_session=True,
    ),
)
BY_MAIL = (
    Flow(
        "forgot_password",
        "/forgot-password",
        forgot_password,
        AddressForm,
        title=say("Forgot your password?"),
        button=say("Send a link"),
        words=say("We send you a link with which you choose a new one."),
        query=["email"],
        limit="reset",
    ),
    Flow(
        "reset_password",
        "/reset-password",
        reset_password,
        ResetPasswordForm,
        title=say("Choose a new password"),
        button=say("Take it"),
        query=["token"],
        limit="code",
        refusals=[HTTPStatus.UNAUTHORIZED],
    ),
)
