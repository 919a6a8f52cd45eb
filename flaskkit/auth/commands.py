"""The commands ``flask kit users …``: make users, list them, give them roles, passwords and tokens."""

from __future__ import annotations

import secrets
import sys
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from flaskkit.auth import accounts, passwords
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
def list_users() -> None:
    """List all users, with their roles."""
    model = accounts.user_model()
    found = db.session.scalars(select(model).options(selectinload(model.roles)).order_by(model.email)).all()
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
    if wrong := passwords.mistake(chosen):
        raise click.ClickException(f"password: {wrong}")
    user.set_password(chosen)
    db.session.commit()
    click.echo(f"{user.email} has a new password.")
    _tell([], chosen if made_up else "")


@users.command()
@click.argument("email")
@click.option("--days", type=click.IntRange(1, 36500), default=365, show_default=True, help="How long it is valid.")
@click.option("--name", default="", help="What it is for.")
def token(email: str, days: int, name: str) -> None:
    """Make a bearer token for a user and show it, once."""
    made, expires_at = accounts.issue(_user(email), name[:80], days)
    click.echo(made)
    click.echo(f"Send it as: Authorization: Bearer …  Valid until {expires_at:%Y-%m-%d}. Shown only now.", err=True)


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


def _tell(new_roles: list[str], password: str = "") -> None:
    for name in new_roles:
        click.echo(f"Made role {name}; there was none of that name.")
    if password:
        click.echo(f"Password, shown only now: {password}")


def _failed(refused: Rejected) -> click.ClickException:
    return click.ClickException(" ".join(f"{name}: {' '.join(texts)}" for name, texts in refused.errors.items()))
