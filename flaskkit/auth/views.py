"""The flows that every app has: log in, log out, sign up; and what a stranger gets who asks for more."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import current_app, flash, make_response, redirect, request
from flask.typing import ResponseReturnValue

from flaskkit.auth import accounts, links
from flaskkit.auth.addresses import after_sending
from flaskkit.auth.errors import WrongCredentials
from flaskkit.auth.flows import Flow, Outcome, limits, login_ways, proceed
from flaskkit.auth.forms import LoginForm, SignUpForm
from flaskkit.auth.identity import bearer, end_session, start_session
from flaskkit.auth.links import mailer
from flaskkit.auth.models import normal_email
from flaskkit.auth.redirects import login_url
from flaskkit.errors import Conflicting, LoginRequired
from flaskkit.texts import say, spoken

WRONG = say("The e-mail address or the password is wrong.")
WRONG_NAME = say("The name or the password is wrong.")


def log_in(values: dict[str, Any]) -> Outcome:
    """Log in with address and password.

    Raises:
        WrongCredentials: one of them is wrong, or the account is inactive.
    """
    user = accounts.log_in(values["email"], values["password"])
    if user is None:
        wrong = WRONG if tuple(current_app.extensions["flaskkit.auth"].login_by) == ("email",) else WRONG_NAME
        raise WrongCredentials({"": [wrong]}, wrong)
    limits().clear("login", account=normal_email(values["email"]))
    return proceed(user, remember=values["remember"])


def log_out(_values: dict[str, Any]) -> Outcome:
    """End the session, here only."""
    end_session()
    return Outcome(to=f"{request.script_root}/", message=say("You are logged out."))


def sign_up(values: dict[str, Any]) -> Outcome:
    """Make an account, and log in; or send a link to the address, where addresses are to be confirmed.

    Then nobody learns whether an address is taken: its owner is told instead.

    Raises:
        Rejected: what is wrong with address and password. Conflicting: the address is taken.
    """
    if current_app.extensions["flaskkit.auth"].confirm == "off":
        start_session(accounts.create(values["email"], values["password"], confirmed=False))
        return Outcome()
    try:
        accounts.create(values["email"], values["password"], confirmed=False, then=links.send_confirmation)
    except Conflicting:
        owner = accounts.by_email(values["email"]) or normal_email(values["email"])
        mailer().send(owner, "address_taken", login=mailer().url("auth.login"))
    address = normal_email(values["email"])
    return after_sending(address, say("We sent a mail to %(address)s. Open the link in it.", address=address))


FLOWS = (
    Flow(
        "login",
        "/login",
        log_in,
        LoginForm,
        title=say("Log in"),
        button=say("Log in"),
        strangers=True,
        show=lambda: {
            "ways": login_ways(current_app),
            **{name: f"auth.{name}" in current_app.view_functions for name in ("sign_up", "forgot_password")},
        },
        limit="login",
        refusals=[HTTPStatus.UNAUTHORIZED],
        starts_session=True,
    ),
    Flow("logout", "/logout", log_out, title=say("Log out"), starts_session=True),
    Flow(
        "sign_up",
        "/sign-up",
        sign_up,
        SignUpForm,
        on=lambda settings: settings.sign_up in (True, "open"),
        title=say("Sign up"),
        button=say("Sign up"),
        strangers=True,
        limit="signup",
        refusals=[HTTPStatus.CONFLICT],
        starts_session=True,
    ),
)


def ask_to_log_in(error: LoginRequired) -> ResponseReturnValue:
    """Send a person to the login page, and tell a program what to send."""
    kit = current_app.extensions["flaskkit"]
    token = bearer()
    if token is None and not kit.error_prefix(request.path):
        manager = current_app.extensions["login_manager"]
        if manager.login_message:
            flash(spoken(manager.login_message), manager.login_message_category)
        return redirect(login_url(), 303)
    response = make_response(kit.show_error(error))
    # RFC 6750, section 3: the reason is given only where a token was sent.
    response.headers["WWW-Authenticate"] = "Bearer" if token is None else 'Bearer error="invalid_token"'
    return response
