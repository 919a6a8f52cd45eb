"""The flows of the second factor: show it after the password, set it up, make recovery codes anew, turn it off.

second_factor     after the password: a code of the app, or a recovery code
totp              set up an authenticator app: scan, and show that it works; recovery codes are the answer
recovery_codes    make new ones                    totp_off    ask for no code from now on
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import click
from flask import Flask, current_app, has_request_context, url_for
from flask.cli import with_appcontext
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField, ValidationError
from wtforms.validators import InputRequired, Length

from flaskkit.access import Policy, caller, login, public
from flaskkit.auth import accounts, recovery, totp
from flaskkit.auth.errors import WrongCredentials
from flaskkit.auth.events import say_it_yourself, tell
from flaskkit.auth.factors import SecondFactor
from flaskkit.auth.flows import Flow, Outcome, Pending, limits, pending, site_name
from flaskkit.auth.forms import OwnPasswordField, ProvingForm
from flaskkit.auth.identity import end_other_sessions, start_session
from flaskkit.db.transactions import together
from flaskkit.errors import LoginRequired, Rejected
from flaskkit.texts import say, say_many

# Phones show digits, and fill in what the app says. Recovery codes have letters, so that is no rule.
_CODE = {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"}


@dataclass(frozen=True)
class _Begun(Policy):
    """Users, and who has given the password and is not logged in yet; no token that is limited to scopes."""

    anonymous = True

    def allows(self, user: Any, item: Any = None) -> bool:
        return user is not None or pending() is not None

    def rows(self, user: Any, model: Any) -> Any:
        return self.allows(user)

    def __str__(self) -> str:
        return "login, or the first factor"


begun = _Begun()


class CodeForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A code, of the app or from the list."""

    code = StringField(
        say("Code"),
        [InputRequired(), Length(max=40)],
        description=say("Six digits from your authenticator app, or one of your recovery codes."),
        render_kw={**_CODE, "autofocus": True},
    )


class SetupForm(ProvingForm):
    """What shows that the app knows the secret, and that it is its user who sets it up."""

    setup = HiddenField("Setup")
    password = OwnPasswordField()
    code = StringField(say("Code"), [InputRequired(), Length(max=40)], render_kw={**_CODE, "inputmode": "numeric"})

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.proposal: totp.Proposal | None = None
        user = whose() if has_request_context() else None
        if user is None or totp.is_on(user):
            return
        self.proposal = totp.proposed(user, site_name(), self.setup.data or "")
        self.in_time = self.proposal is not None
        if self.proposal is None:
            self.proposal = totp.propose(user, site_name())
            self.setup.data = self.proposal.setup

    def validate_setup(self, _field: Any) -> None:
        """Refuse a secret that was not proposed to this user within the hour."""
        if self.proposal is not None and not self.in_time:
            raise ValidationError(say("This took too long. Set your app up anew."))


class BothForm(ProvingForm):
    """Both factors, once more."""

    password = OwnPasswordField()
    code = StringField(
        say("Code"),
        [InputRequired(), Length(max=40)],
        description=say("Six digits from your authenticator app, or one of your recovery codes."),
        render_kw=_CODE,
    )


def wire(app: Flask, *, required: bool) -> None:
    """Ask for a second factor in *app*: of users who have set one up, or of everybody."""
    app.extensions["flaskkit.second_factor"] = SecondFactor(required)
    with app.app_context():
        # Declared now, so that migrations see the tables.
        totp.model(), recovery.model()
    app.extensions["flaskkit"].commands.add_command(reset)


@click.command("reset-second-factor")
@click.argument("email")
@with_appcontext
def reset(email: str) -> None:
    """Take a user's second factor away who has lost it, and the recovery codes too."""
    say_it_yourself()
    user = accounts.by_email(email)
    if user is None:
        raise click.ClickException(f"There is no user {email}.")
    told = "is no longer asked for a code" if totp.is_on(user) else "had no second factor"
    second().turn_off(user)
    click.echo(f"{user.email} {told}.")


def whose() -> Any:
    """Return whose second factor this request is about: the user, or who must set it up to log in; or None."""
    user = caller().user
    kept = pending() if user is None else None
    if kept is not None and not second().methods(kept.user):
        return kept.user
    return user


def second() -> SecondFactor:
    """Return what the current app asks for."""
    found: SecondFactor = current_app.extensions["flaskkit.second_factor"]
    return found


def show_it(values: dict[str, Any]) -> Outcome:
    """Log in whoever has given the password, and now a code.

    Raises:
        LoginRequired: nobody has given a password within ten minutes. WrongCredentials: the code is wrong.
        TooManyRequests: there were five wrong ones.
    """
    user, remember, by = _pending()
    method = second().check(user, values["code"])
    limits().clear("code", account=user.email)
    start_session(user, remember=remember, by=(*by, method))
    left = recovery.left(user) if method == "recovery" else None
    return Outcome(
        message=""
        if left is None
        else say_many("You have one recovery code left.", "You have %(num)s recovery codes left.", left)
    )


def propose(_values: dict[str, Any]) -> Outcome:
    """Make a secret for an authenticator app; nothing is stored.

    Raises:
        LoginRequired: a stranger. Conflicting: there is an app already.
    """
    user = _required()
    second().refuse_another(user)
    made = totp.propose(user, site_name())
    return Outcome(answer={"secret": made.secret, "uri": made.uri, "svg": made.svg(), "setup": made.setup})


def set_up(values: dict[str, Any]) -> Outcome:
    """Take the app whose code this is, and show recovery codes.

    Raises:
        LoginRequired: a stranger. Conflicting: there is an app already.
        Rejected: the code, the password or the proposal is wrong.
    """
    user = _required()
    second().refuse_another(user)
    if caller().user is not None:
        accounts.prove(user, values.get("password"))
    proposal = totp.proposed(user, site_name(), values["setup"] or "")
    if proposal is None:
        raise Rejected({"setup": [say("Ask for a new secret.")]})
    kept = pending() if caller().user is None else None
    codes = second().turn_on(user, proposal, values["code"])
    if kept is None:
        # They were begun without it.
        end_other_sessions(user)
    else:
        start_session(user, remember=kept.remember, by=(*kept.by, "totp"))
    return _codes_shown(codes)


def new_codes(values: dict[str, Any]) -> Outcome:
    """Make new recovery codes; the old ones are void.

    Raises:
        Rejected: no app is set up, or the password or the code is wrong. TooManyRequests: five codes were wrong.
    """
    user = caller().user
    _check_both(user, values)
    codes = recovery.new_codes()
    with together(keep=True):
        recovery.replace(user, codes)
        tell("recovery_made_anew", user)
    return _codes_shown(codes.shown)


def turn_off(values: dict[str, Any]) -> Outcome:
    """Ask for no code from now on.

    Raises:
        Rejected: no app is set up, or the password or the code is wrong. TooManyRequests: five codes were wrong.
    """
    user = caller().user
    _check_both(user, values)
    second().turn_off(user)
    return Outcome(to=url_for("auth.totp"), message=say("You are no longer asked for a code."))


def status() -> dict[str, Any]:
    """Return what the page of the app shows.

    Raises:
        LoginRequired: a stranger.
    """
    user = _required()
    return {"on": totp.is_on(user), "left": recovery.left(user), "must": caller().user is None}


def state(_values: dict[str, Any]) -> Outcome:
    """Tell whether there is an app, and what the user can answer with.

    Raises:
        LoginRequired: a stranger, who has not given a password either.
    """
    kept = pending() if caller().user is None else None
    user = kept.user if kept else caller().user
    if user is None:
        raise LoginRequired
    return Outcome(
        answer={
            "on": totp.is_on(user),
            "required": second().required,
            "methods": second().methods(user),
            "recovery_codes": recovery.left(user),
        }
    )


FLOWS = (
    Flow(
        "second_factor",
        "/second-factor",
        show_it,
        CodeForm,
        title=say("One more step"),
        button=say("Log in"),
        policy=public,
        show=lambda: {"methods": second().methods(_pending().user)},
        limit="code",
        refusals=[HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS],
        starts_session=True,
    ),
    Flow(
        "second_factor_state",
        "/second-factor",
        state,
        policy=begun,
        title="The second factor of the caller",
        method="GET",
        pages=False,
        answer={"on": bool, "required": bool, "methods": list, "recovery_codes": int},
        refusals=[HTTPStatus.UNAUTHORIZED],
    ),
    Flow(
        "totp_propose",
        "/totp/propose",
        propose,
        policy=begun,
        title="A secret for an authenticator app",
        pages=False,
        answer={"secret": str, "uri": str, "svg": str, "setup": str},
        refusals=[HTTPStatus.UNAUTHORIZED, HTTPStatus.CONFLICT],
    ),
    Flow(
        "totp",
        "/totp",
        set_up,
        SetupForm,
        policy=begun,
        title=say("Authenticator app"),
        button=say("Turn on"),
        listed=say("A code from your phone after the password, and recovery codes."),
        show=status,
        limit="code",
        answer={"recovery_codes": list},
        refusals=[HTTPStatus.UNAUTHORIZED, HTTPStatus.CONFLICT],
    ),
    Flow(
        "recovery_codes",
        "/recovery-codes",
        new_codes,
        BothForm,
        policy=login,
        title=say("New recovery codes"),
        button=say("Make new codes"),
        words=say("The codes you have now will no longer be taken."),
        limit="code",
        answer={"recovery_codes": list},
        refusals=[HTTPStatus.TOO_MANY_REQUESTS],
    ),
    Flow(
        "totp_off",
        "/totp/off",
        turn_off,
        BothForm,
        policy=login,
        title=say("Turn off the second factor"),
        button=say("Turn off"),
        words=say("Your password alone will open your account, and your recovery codes are void."),
        limit="code",
        refusals=[HTTPStatus.TOO_MANY_REQUESTS],
    ),
)


def _pending() -> Pending:
    kept = pending()
    if kept is None:
        raise LoginRequired
    return kept


def _required() -> Any:
    user = whose()
    if user is None:
        raise LoginRequired
    return user


def _check_both(user: Any, values: dict[str, Any]) -> None:
    if not totp.is_on(user):
        raise Rejected({"": [say("No authenticator app is set up.")]})
    accounts.prove(user, values.get("password"))
    try:
        second().check(user, values["code"])
    except WrongCredentials as wrong:
        # 401 is for who is not known.
        raise Rejected(wrong.errors) from wrong


def _codes_shown(codes: list[str]) -> Outcome:
    return Outcome(page="auth/codes.html", answer={"recovery_codes": codes})
