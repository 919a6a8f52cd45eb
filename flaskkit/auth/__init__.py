"""Users who log in with a session or a bearer token, on Flask-Login and argon2.

models.py      what a user is made of: UserMixin, Role, tokens        users.py       the default User
passwords.py   which are taken, how they are stored and compared      accounts.py    the logic: create, log in, tokens
identity.py    who sent a request: session, remember cookie, bearer   redirects.py   where to go next, on this site only
views.py       the pages, with forms.py and templates/                commands.py    flask kit users …
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from flask import Flask

from flaskkit.auth import commands, identity, views
from flaskkit.auth.accounts import user_model
from flaskkit.auth.models import UserMixin
from flaskkit.errors import LoginRequired, did_you_mean
from flaskkit.feature import Feature, setting

if TYPE_CHECKING:
    from flaskkit.config import Config

__all__ = ["Auth", "UserMixin", "user_model"]

DEFAULT_MODEL = "flaskkit.auth.users:User"


@dataclass(frozen=True)
class Auth(Feature):
    """Users, roles, login by session and by bearer token."""

    name: ClassVar[str] = "auth"
    requires: ClassVar[tuple[str, ...]] = ("db", "forms")
    tables: ClassVar[tuple[str, ...]] = ("roles", "users", "users_roles", "users_tokens")

    user_model: Any = setting(  # noqa: RUF009
        "", help='The app\'s own user model, made from UserMixin: the class, or "package.module:Class".'
    )
    url_prefix: str = setting("/auth", help="Where the pages to log in and sign up are.")
    sign_up: bool = setting(True, help="Whether strangers may make an account.")
    remember: int = setting(
        30 * 24 * 3600, key="REMEMBER_COOKIE_DURATION", help="How long “stay logged in” lasts, in seconds."
    )

    def mistakes(self, config: Config) -> Iterable[str]:
        if not self.url_prefix.startswith("/") or self.url_prefix.endswith("/"):
            yield f"'url_prefix' of feature 'auth' begins with a slash and ends with none, unlike {self.url_prefix!r}."
        if not self.user_model:
            return
        try:
            model = _imported(self.user_model)
        except LookupError as error:
            yield f"'user_model' of feature 'auth': {error.args[0]}"
            return
        if not (isinstance(model, type) and issubclass(model, UserMixin) and hasattr(model, "__table__")):
            yield f"'user_model' of feature 'auth' is a model made from UserMixin and Model, not {model!r}."
        elif self.sign_up and (unfilled := _unfilled(model)):
            yield (
                f"'sign_up' of feature 'auth' asks for address and password only, but {model.__name__} also needs"
                f" {', '.join(unfilled)}. Give {'it a default' if len(unfilled) == 1 else 'them defaults'},"
                " or set sign_up to false and write a page of your own."
            )

    def init_app(self, app: Flask) -> None:
        app.extensions["flaskkit.user_model"] = _imported(self.user_model or DEFAULT_MODEL)
        app.config.setdefault("REMEMBER_COOKIE_SECURE", app.config["SESSION_COOKIE_SECURE"])
        app.config.setdefault("REMEMBER_COOKIE_HTTPONLY", True)
        app.config.setdefault("REMEMBER_COOKIE_SAMESITE", "Lax")
        identity.wire(app)
        app.register_blueprint(views.pages(self.url_prefix, sign_up=self.sign_up))
        app.register_error_handler(LoginRequired, views.ask_to_log_in)
        app.extensions["flaskkit"].commands.add_command(commands.users)


def _imported(given: Any) -> Any:
    """Return the class that *given* is or names.

    Raises:
        LookupError: it names none.
    """
    if not isinstance(given, str):
        return given
    path, _, name = given.partition(":")
    if not path or not name:
        raise LookupError(f'write it as "package.module:Class", not {given!r}.')
    try:
        module = import_module(path)
    except ModuleNotFoundError as error:
        # A module that exists and misses something itself is a bug of its own: show that one.
        if error.name is None or not (path == error.name or path.startswith(f"{error.name}.")):
            raise
        raise LookupError(f"{path!r} cannot be imported: {error}.") from error
    if not hasattr(module, name):
        raise LookupError(f"{path!r} has no {name!r}.{did_you_mean(name, vars(module))}")
    return getattr(module, name)


def _unfilled(model: Any) -> list[str]:
    """Return the columns that a new user needs and the sign-up form does not ask for."""
    return [
        repr(column.name)
        for column in model.__table__.columns
        if column.name != "email"
        and not (column.nullable or column.primary_key)
        and column.default is column.server_default is column.computed is None
    ]
