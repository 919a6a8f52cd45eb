"""Sign up by invitation: a link for one address, made by a command, that makes an account with the roles it holds.

invite(email, roles)  ->  the link, which is also sent      revoke(email)  ->  whether there was one
pending_ones()        ->  rows, the next to expire first    accept(values)     the account, once
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, ClassVar

import click
from flask.cli import with_appcontext
from sqlalchemy import String, Text, delete, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from flaskkit.auth import accounts, links
from flaskkit.auth.beside import beside
from flaskkit.auth.events import tell
from flaskkit.auth.flows import Flow, Outcome
from flaskkit.auth.forms import InvitationForm
from flaskkit.auth.identity import start_session
from flaskkit.auth.links import mailer
from flaskkit.auth.lookup import digest, new_secret
from flaskkit.auth.models import EMAIL_LENGTH, normal_email
from flaskkit.db import IntegerKey, UTCDateTime, db
from flaskkit.db.models import now
from flaskkit.db.transactions import together
from flaskkit.errors import Conflicting
from flaskkit.texts import say
from flaskkit.texts.speech import ENGLISH

_HERE = {"synchronize_session": False}


class Invitation(IntegerKey):
    """An address that may sign up: the SHA-256 of what its link holds, and roles, one in each line."""

    suffix: ClassVar[str] = "invitations"

    email: Mapped[str] = mapped_column(String(EMAIL_LENGTH), unique=True)
    roles: Mapped[str] = mapped_column(Text, default="")
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)


def model() -> Any:
    """Return the model of invitations of the current app."""
    return beside(accounts.user_model(), Invitation, owned=False)


def invite(email: str, roles: Sequence[str] = ()) -> str:
    """Send an invitation, and return its link. An older one is void.

    Raises:
        ValueError: what is given is no address, or the address of a user. Rejected: a role cannot be called so.
    """
    address, stored, secret = normal_email(email), model(), new_secret()
    if not accounts.is_email(address):
        raise ValueError(f"{email!r} is no e-mail address.")
    if accounts.by_email(address) is not None:
        raise ValueError(f"There is a user {address!r} already.")
    accounts.check_role_names(roles)
    lasting = links.lasts("invitation")
    link = str(mailer().url("auth.accept_invitation", token=secret))
    with together():
        over = or_(stored.email == address, stored.expires_at <= now())
        db.session.execute(delete(stored).where(over), execution_options=_HERE)
        lines = "\n".join(dict.fromkeys(roles))
        db.session.add(
            stored(email=address, roles=lines, digest=digest(secret), expires_at=now() + timedelta(seconds=lasting))
        )
        mailer().send(address, "invitation", link=link, lasts=lasting)
        tell("invitation_sent", invited=address, roles=[*roles])
    return link


def revoke(email: str) -> bool:
    """Take an invitation back, and return whether there was one. Its link opens nothing from now on."""
    stored, address = model(), normal_email(email)
    with together(keep=True):
        wanted = stored.email == address, stored.expires_at > now()
        gone: Any = db.session.execute(delete(stored).where(*wanted), execution_options=_HERE)
        if gone.rowcount:
            tell("invitation_revoked", invited=address)
    return bool(gone.rowcount)


def pending_ones() -> Sequence[Any]:
    """Return the invitations that nobody has used yet, the next to expire first."""
    stored = model()
    rows = select(stored).where(stored.expires_at > now()).order_by(stored.expires_at, stored.id)
    return db.session.scalars(rows).all()


def accept(values: dict[str, Any]) -> Outcome:
    """Make the account that an invitation is for, and log in.

    Raises:
        WrongCredentials: the invitation was used or taken back already, or is too old.
        Rejected: what is wrong with "password".
    """
    stored = model()
    wanted = stored.digest == digest(values["token"]), stored.expires_at > now()
    found = db.session.execute(select(stored.id, stored.email, stored.roles).where(*wanted)).first()
    if found is None:
        raise links.outdated()

    def use_up(_user: Any) -> None:
        # Of two requests at once one finds the row still there.
        used: Any = db.session.execute(delete(stored).where(stored.id == found.id), execution_options=_HERE)
        if used.rowcount != 1:
            raise links.outdated()

    try:
        user = accounts.create(found.email, values["password"], found.roles.splitlines(), then=use_up)
    except Conflicting:
        raise links.outdated() from None
    start_session(user)
    return Outcome()


FLOWS = (
    Flow(
        "accept_invitation",
        "/invitation",
        accept,
        InvitationForm,
        title=say("Sign up"),
        button=say("Sign up"),
        words=say("You are invited. Choose a password, and your account is ready."),
        query=["token"],
        limit="signup",
        refusals=[HTTPStatus.UNAUTHORIZED],
        starts_session=True,
    ),
)


@click.command("invite")
@click.argument("email")
@click.option("--role", "roles", multiple=True, help="A role that the new user gets; made where it does not exist.")
@with_appcontext
def invite_command(email: str, roles: tuple[str, ...]) -> None:
    """Send somebody an invitation to sign up, and show its link."""
    try:
        link = invite(email, roles)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    with_roles = f", with {', '.join(roles)}" if roles else ""
    lasting = ENGLISH.duration(links.lasts("invitation"))
    click.echo(f"Invited {normal_email(email)}{with_roles}. It is good for {lasting}:")
    click.echo(link)


@click.command("invitations")
@with_appcontext
def list_command() -> None:
    """List the invitations that nobody has used yet: address, roles, until when."""
    for row in pending_ones():
        roles = ", ".join(row.roles.splitlines())
        click.echo("  ".join(filter(None, (row.email, roles, f"until {row.expires_at:%Y-%m-%d}"))))


@click.command("revoke-invitation")
@click.argument("email")
@with_appcontext
def revoke_command(email: str) -> None:
    """Take an invitation back: its link opens nothing from now on."""
    if not revoke(email):
        raise click.ClickException(f"Nobody invited {email!r}, or it was used. See: flask kit users invitations")
    click.echo(f"The invitation of {normal_email(email)} is revoked.")


COMMANDS = (invite_command, list_command, revoke_command)
