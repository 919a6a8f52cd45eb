"""The flows that prove an address: confirm it, by a link or six digits, and change it. They need feature `mail`.

    sign up  ──►  mail with a link  ──►  a page with a button  ──►  confirmed
                  and six digits    ──►  typed where one signed up  ──►  confirmed

Opening a link changes nothing: programs that look through mail open every link in it.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import url_for

from flaskkit.access import caller
from flaskkit.auth import accounts, links
from flaskkit.auth.errors import WrongCredentials
from flaskkit.auth.events import tell
from flaskkit.auth.flows import Flow, Outcome
from flaskkit.auth.forms import AddressForm, ChangeEmailForm, CodeForm, LinkForm
from flaskkit.auth.links import mailer
from flaskkit.auth.models import normal_email
from flaskkit.auth.policies import recently
from flaskkit.db import db
from flaskkit.db.models import now
from flaskkit.db.transactions import together
from flaskkit.errors import Rejected
from flaskkit.texts import say

WRONG_CODE = say("This code is wrong or too old.")


def after_sending(email: str, message: str) -> Outcome:
    """Return where to go once a link is sent: to where the code is typed, or to log in."""
    # Asked for in any case, or Vary would tell whether an account was made.
    caller()
    there = url_for("auth.confirm_code", email=email) if links.has_codes() else url_for("auth.login")
    return Outcome(to=there, message=message, next="confirm_email")


def confirm(values: dict[str, Any]) -> Outcome:
    """Confirm the address of the account in a link.

    Raises:
        WrongCredentials: the link was used, is too old, or was made before the account changed.
    """
    with together():
        user, _ = links.user_of("confirm_email", values["token"])
        if user.confirmed_at is not None:
            raise links.outdated()
        _confirm(user)
    return _confirmed()


def confirm_by_code(values: dict[str, Any]) -> Outcome:
    """Confirm an address with the digits that were sent to it.

    Raises:
        WrongCredentials: they are others, too old or used, or there is no such account.
    """
    user = accounts.by_email(values["email"])
    waits = user is not None and user.is_active and user.confirmed_at is None
    if not waits or not links.is_code_of(user, values["code"]):
        raise WrongCredentials({"code": [WRONG_CODE]}, WRONG_CODE)
    _confirm(user)
    db.session.commit()
    return _confirmed()


def send_again(values: dict[str, Any]) -> Outcome:
    """Send a new link. Whoever asks learns nothing about the account.

    Raises:
        Rejected: what is sent is no address.
    """
    address = checked(values["email"])
    user = accounts.by_email(address)
    if user is not None and user.is_active and user.confirmed_at is None:
        links.send_confirmation(user)
    else:
        mailer().send(user or address, "nothing_to_confirm", login=mailer().url("auth.login"))
    return after_sending(
        address, say("If there is something to confirm, a mail is on its way to %(address)s.", address=address)
    )


def change(values: dict[str, Any]) -> Outcome:
    """Ask the new address whether it is the caller's, and tell the old one.

    Raises:
        Rejected: what is wrong with "email" or "password".
    """
    user, address = caller().user, checked(values["email"])
    accounts.prove(user, values.get("password"))
    with together():
        taken_by = accounts.by_email(address)
        if taken_by is None:
            link = mailer().url("auth.confirm_new_email", token=links.token_for("change_email", user, email=address))
            told = {"link": link, "old": user.email, "lasts": links.lasts("change_email")}
            mailer().send(address, "change_email", reader=user, **told)
        else:
            mailer().send(taken_by, "address_taken", login=mailer().url("auth.login"))
        mailer().send(user, "change_email_asked", new=address)
    return Outcome(
        to=url_for("auth.account"),
        message=say("Open the link in the mail to %(address)s. Until then nothing changes.", address=address),
    )


def confirm_new(values: dict[str, Any]) -> Outcome:
    """Take the new address in a link, and tell both.

    Raises:
        WrongCredentials: the link is too old, or was made before the account changed.
        Conflicting: the address was taken meanwhile.
    """
    with together():
        user, held = links.user_of("change_email", values["token"])
        new = held["email"]
        accounts.move(user, new)
    return Outcome(to=url_for("auth.account"), message=say("Your address is %(address)s now.", address=new))


def checked(text: str) -> str:
    """Return *text* as an address is stored.

    Raises:
        Rejected: it is none.
    """
    address = normal_email(text)
    if not accounts.is_email(address):
        raise Rejected({"email": [accounts.NO_ADDRESS]})
    return address


def _confirm(user: Any) -> None:
    user.confirmed_at = now()
    tell("email_confirmed", user)


def _confirmed() -> Outcome:
    known = caller().user is not None
    return Outcome(to=url_for("auth.account" if known else "auth.login"), message=say("Your address is confirmed."))


CONFIRMING = (
    Flow(
        "confirm_email",
        "/confirm-email",
        confirm,
        LinkForm,
        title=say("Confirm your address"),
        button=say("Confirm"),
        query=["token"],
        limit="code",
        refusals=[HTTPStatus.UNAUTHORIZED],
    ),
    Flow(
        "send_confirmation",
        "/send-confirmation",
        send_again,
        AddressForm,
        title=say("Send the link again"),
        button=say("Send"),
        query=["email"],
        limit="reset",
    ),
)
BY_CODE = (
    Flow(
        "confirm_code",
        "/confirm-code",
        confirm_by_code,
        CodeForm,
        title=say("Confirm your address"),
        button=say("Confirm"),
        words=say("Open the link in the mail that we sent you, or type the six digits in it."),
        query=["email"],
        limit="code",
        refusals=[HTTPStatus.UNAUTHORIZED],
    ),
)
CHANGING = (
    Flow(
        "change_email",
        "/change-email",
        change,
        ChangeEmailForm,
        policy=recently(),
        title=say("Change your e-mail address"),
        button=say("Send a link"),
        listed=say("The new one is asked by mail first."),
        limit="login",
        starts_session=True,
    ),
    Flow(
        "confirm_new_email",
        "/confirm-new-email",
        confirm_new,
        LinkForm,
        title=say("Take the new address"),
        button=say("Take it"),
        query=["token"],
        limit="code",
        refusals=[HTTPStatus.UNAUTHORIZED, HTTPStatus.CONFLICT],
    ),
)
