"""The commands ``flask kit users …``: make users, list them, give them roles, passwords and tokens."""

from __future__ import annotations

import json
import secrets
import sys
from datetime import datetime
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from flaskkit.auth import accounts, events, passwords, sessions, tokens
from flaskkit.auth.models import Role
from flaskkit.db import db
from flaskkit.errors import Rejected

users = AppGroup("users", help="Make users, and give them roles, passwords and tokens.")

_password = click.option(
    "--password",
    help="Without it: asked for on a terminal, otherwise made up. Other programs may see what stands here.",
)
_generate = click.option("--generate", is_flag=True, help="Make up a password and show it once.")


@users.command()
@click.argument("email")
@_password
@_generate
@click.option("--role", "roles", multiple=True, help="A role to give; made where it does not exist. Repeatable.")
def create(email: str, password: str | None, generate: bool, roles: tuple[str, ...]) -> None:
    """Make a user."""
    chosen, made_up = _chosen(password, generate)
    new = _unknown(roles)
    try:
        user = accounts.create(email, chosen, roles)
    except Rejected as refused:
        raise _failed(refused) from refused
    click.echo(f"Made user {user.email}{', with ' + ', '.join(roles) if roles else ''}.")
    _tell(new, chosen if made_up else "")


@users.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def list_users(as_json: bool) -> None:
    """List all users, with their roles."""
    model = accounts.user_model()
    found = db.session.scalars(select(model).options(selectinload(model.roles)).order_by(model.email)).all()
    if as_json:
        rows = [
            {"email": one.email, "active": one.is_active, "roles": [role.name for role in one.roles]} for one in found
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    width = max((len(user.email) for user in found), default=0)
    for user in found:
        roles = ", ".join(role.name for role in user.roles)
        click.echo(f"{user.email:{width}}  {'active' if user.is_active else 'inactive':8}  {roles}".rstrip())


@users.command()
@click.argument("email")
@click.option("--add", multiple=True, help="A role to give; made where it does not exist. Repeatable.")
@click.option("--remove", multiple=True, help="A role to take away. Repeatable.")
def roles(email: str, add: tuple[str, ...], remove: tuple[str, ...]) -> None:
    """Give a user roles and take them away; show what is left."""
    user = _user(email)
    new = _unknown(add)
    try:
        accounts.grant(user, add, remove)
    except Rejected as refused:
        raise _failed(refused) from refused
    click.echo(f"{user.email}: {', '.join(role.name for role in user.roles) or 'no roles'}")
    _tell(new)


@users.command()
@click.argument("email")
@_password
@_generate
def set_password(email: str, password: str | None, generate: bool) -> None:
    """Give a user a new password. It ends all their sessions."""
    user = _user(email)
    chosen, made_up = _chosen(password, generate)
    if wrong := passwords.mistake(chosen, user.email):
        raise click.ClickException(f"password: {wrong}")
    user.set_password(chosen)
    events.tell("password_changed", user)
    db.session.commit()
    sessions.end_all(user)
    click.echo(f"{user.email} has a new password.")
    _tell([], chosen if made_up else "")


@users.command()
@click.argument("email")
@click.option(
    "--days", type=click.IntRange(1, tokens.LONGEST_DAYS), default=365, show_default=True, help="How long it is valid."
)
@click.option("--name", default="", help="What it is for.")
@click.option(
    "--scope", "scopes", multiple=True, help="What it may do; without one, all that the user may. Repeatable."
)
def token(email: str, days: int, name: str, scopes: tuple[str, ...]) -> None:
    """Make a bearer token for a user and show it, once."""
    try:
        made, expires_at = tokens.issue(_user(email), name, days, scopes)
    except Rejected as refused:
        raise _failed(refused) from refused
    click.echo(made)
    click.echo(f"Send it as: Authorization: Bearer …  Valid until {expires_at:%Y-%m-%d}. Shown only now.", err=True)


@users.command("tokens")
@click.argument("email")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def list_tokens(email: str, as_json: bool) -> None:
    """List the tokens of a user: number, name, scopes, until when, last use."""
    found = tokens.of_user(_user(email))
    if as_json:
        names = ("id", "name", "scopes", "created_at", "expires_at", "used_at")
        rows = [{name: getattr(row, name) for name in names} for row in found]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False, default=_moment))
        return
    for row in found:
        until = f"until {row.expires_at:%Y-%m-%d}" if row.expires_at else "without end"
        used = f"used {row.used_at:%Y-%m-%d}" if row.used_at else "never used"
        click.echo("  ".join(filter(None, (str(row.id), row.name, row.scopes or "everything", until, used))))


@users.command()
@click.argument("email")
@click.argument("number", type=int)
def revoke_token(email: str, number: int) -> None:
    """Revoke a token of a user, by its number in the list."""
    if not tokens.revoke(_user(email), number):
        raise click.ClickException(f"{email} has no token {number}. See: flask kit users tokens {email}")
    click.echo(f"Token {number} of {email} is revoked.")


@users.command()
@click.argument("email")
def disable(email: str) -> None:
    """Switch an account off: it is nobody on the next request. Its sessions end."""
    user = _user(email)
    user.active = False
    db.session.commit()
    sessions.end_all(user)
    click.echo(f"{user.email} is switched off.")


@users.command()
@click.argument("email")
def enable(email: str) -> None:
    """Switch an account on again."""
    user = _user(email)
    user.active = True
    db.session.commit()
    click.echo(f"{user.email} is switched on.")


@users.command()
@click.argument("email")
def log_out(email: str) -> None:
    """End all sessions of a user. Tokens stay valid."""
    click.echo(f"Ended {sessions.end_all(_user(email))} sessions of {email}.")


@users.command()
def prune() -> None:
    """Remove sessions and tokens that count no more."""
    ended, expired = sessions.prune(), tokens.prune()
    click.echo(f"Removed {ended} sessions and {expired} tokens.")


def _user(email: str) -> Any:
    user = accounts.by_email(email)
    if user is None:
        raise click.ClickException(f"There is no user {email!r}. See: flask kit users list")
    return user


def _chosen(password: str | None, generate: bool) -> tuple[str, bool]:
    """Return a password, and whether it was made up."""
    if password is not None:
        return password, False
    if generate or not _at_a_terminal():
        return secrets.token_urlsafe(16), True
    return click.prompt("Password", hide_input=True, confirmation_prompt=True), False


def _at_a_terminal() -> bool:
    return sys.stdin.isatty()


def _unknown(names: tuple[str, ...]) -> list[str]:
    stored = set(db.session.scalars(select(Role.name).where(Role.name.in_(names))))
    return [name for name in dict.fromkeys(names) if name not in stored]


def _moment(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def _tell(new_roles: list[str], password: str = "") -> None:
    for name in new_roles:
        click.echo(f"Made role {name}; there was none of that name.")
    if password:
        click.echo(f"Password, shown only now: {password}")


def _failed(refused: Rejected) -> click.ClickException:
    return click.ClickException(" ".join(f"{name}: {' '.join(texts)}" for name, texts in refused.errors.items()))
