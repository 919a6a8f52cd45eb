"""Users who log in with a session or a bearer token, on Flask-Login and argon2.

models.py      what a user is made of: UserMixin, Role, …             users.py       the default User
sessions.py    where a user is logged in, as rows                     tokens.py      bearer tokens; lookup.py: both
passwords.py   which are taken, how they are stored and compared      accounts.py    the logic: create, log in, grant
identity.py    who sent a request: session, remember cookie, bearer   redirects.py   where to go next, on this site only
events.py      audit: signals and log lines                           errors.py      what only this feature raises
views.py       the pages, with forms.py and templates/                commands.py    flask kit users …
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from flask import Flask
from flask.cli import AppGroup
from sqlalchemy import UniqueConstraint

from flaskkit.auth import (
    addresses,
    closed,
    commands,
    cookies,
    events,
    identity,
    invitations,
    languages,
    leaving,
    password_flows,
    session_flows,
    token_flows,
    views,
)
from flaskkit.auth.accounts import user_model
from flaskkit.auth.errors import ConfirmationRequired
from flaskkit.auth.flows import Entry, Flow, pages
from flaskkit.auth.models import UserMixin
from flaskkit.auth.sessions import Limits
from flaskkit.errors import ConfigError, LoginRequired, did_you_mean
from flaskkit.feature import Feature, setting
from flaskkit.texts import say, speak_in_templates

if TYPE_CHECKING:
    from flaskkit.config import Config

__all__ = ["Auth", "UserMixin", "user_model"]

DEFAULT_MODEL = "flaskkit.auth.users:User"


@dataclass(frozen=True)
class Auth(Feature):
    """Users, roles, login by session and by bearer token."""

    name: ClassVar[str] = "auth"
    requires: ClassVar[tuple[str, ...]] = ("db", "forms")
    after: ClassVar[tuple[str, ...]] = ("api", "i18n")
    tables: ClassVar[tuple[str, ...]] = (
        *("roles", "users", "users_roles", "users_sessions", "users_tokens"),
        *("users_totp", "users_recovery_codes", "users_identities", "users_passkeys", "users_invitations"),
        "users_device_requests",
    )

    user_model: Any = setting(  # noqa: RUF009
        "", help='The app\'s own user model, made from UserMixin: the class, or "package.module:Class".'
    )
    url_prefix: str = setting("/auth", help="Where the pages to log in and sign up are.")
    sign_up: Literal["open", "invitation", "off"] | bool = setting(
        "open",
        help="Who may make an account: everybody, who was invited (needs feature `mail`), or nobody. `true` is open,"
        " `false` is off.",
    )
    login_by: tuple[str, ...] = setting(
        ("email",),
        help="What users log in by: `email`, one more unique column of the user model such as `username`, or both.",
    )
    device_log_in: bool = setting(
        False,
        help="Whether a program without a browser gets a token by a code that its user types on a page. Needs feature"
        " `limits`.",
    )
    delete_account: bool = setting(False, help="Whether users may delete their account.")
    export: bool = setting(False, help="Whether users may download what is theirs, as JSON.")
    confirm: Literal["off", "optional", "required"] = setting(
        "off",
        help="Whether new users confirm their address by mail; `required` lets nobody log in before. Needs feature"
        " `mail`.",
    )
    second_factor: Literal["off", "optional", "required"] = setting(
        "off",
        help="A code of an authenticator app after the password: not offered, for users who set it up, or for all.",
    )
    providers: Mapping[str, Mapping[str, str]] | None = setting(
        None,
        help="Who else vouches for users, by name: client_id, client_secret and, but for github, google and microsoft,"
        " the address of the discovery document. In the environment it is JSON.",
        secret=True,
    )
    passkeys: str = setting(
        "", help="Where people log in with passkeys, such as https://shop.example; without it there are none."
    )
    remember: int = setting(
        30 * 24 * 3600, key="REMEMBER_COOKIE_DURATION", help="How long “stay logged in” lasts, in seconds."
    )
    session_idle: int = setting(
        12 * 3600, help="How long a session lasts without a request, in seconds, unless it is to stay logged in."
    )
    session_longest: int = setting(
        7 * 24 * 3600, help="How long a session lasts in all, in seconds, unless it is to stay logged in."
    )

    confirm_email_lasts: int = setting(
        24 * 3600, help="How long the link that confirms an address is good, in seconds."
    )
    code_lasts: int = setting(
        600, help="How long the six digits that confirm an address are good at most, in seconds; up to 600."
    )
    reset_password_lasts: int = setting(1800, help="How long the link to a new password is good, in seconds.")
    change_email_lasts: int = setting(3600, help="How long the link that confirms another address is good, in seconds.")
    invitation_lasts: int = setting(7 * 24 * 3600, help="How long an invitation is good, in seconds.")

    password_length: int = setting(8, help="How many characters a new password has at least; from 8 to 64.")

    undeclared: Literal["auto", "refuse", "report", "allow"] = setting(
        "auto",
        help="What becomes of views that do not say who may use them; auto: refused in production, reported elsewhere.",
    )

    def mistakes(self, config: Config) -> Iterable[str]:
        if not 8 <= self.password_length <= 64:
            yield f"'password_length' of feature 'auth' is {self.password_length}; it must be from 8 to 64."
        if not self.url_prefix.startswith("/") or self.url_prefix.endswith("/"):
            yield f"'url_prefix' of feature 'auth' begins with a slash and ends with none, unlike {self.url_prefix!r}."
        yield from self._missing_features(config)
        for name in ("remember", "session_idle", "session_longest", *(one for one in vars(self) if "_lasts" in one)):
            if getattr(self, name) < 60:
                yield f"{name!r} of feature 'auth' is {getattr(self, name)}; it must be at least 60 seconds."
        if self.code_lasts > 600:
            yield f"'code_lasts' of feature 'auth' is {self.code_lasts}; it must be at most 600 seconds."
        yield from self._mistaken_factors()
        if not self.user_model:
            yield from self._mistakes_in_names(None)
            return
        try:
            model = _imported(self.user_model)
        except LookupError as error:
            yield f"'user_model' of feature 'auth': {error.args[0]}"
            return
        if not (isinstance(model, type) and issubclass(model, UserMixin) and hasattr(model, "__table__")):
            yield f"'user_model' of feature 'auth' is a model made from UserMixin and Model, not {model!r}."
            return
        yield from self._mistakes_in_names(model)
        if self.sign_up in (True, "open") and (unfilled := _unfilled(model)):
            yield (
                f"'sign_up' of feature 'auth' asks for address and password only, but {model.__name__} also needs"
                f" {', '.join(unfilled)}. Give {'it a default' if len(unfilled) == 1 else 'them defaults'},"
                " or set sign_up to false and write a page of your own."
            )

    def _missing_features(self, config: Config) -> Iterator[str]:
        on = [feature.name for feature in config.feature_objects()]
        asks = (
            ("confirm", self.confirm != "off", "mail"),
            ("sign_up", self.sign_up == "invitation", "mail"),
            ("device_log_in", self.device_log_in, "limits"),
        )
        for name, asked, needed in asks:
            if asked and needed not in on:
                value = getattr(self, name)
                yield f"{name!r} of feature 'auth' is {value!r}, which needs feature {needed!r}. Switch it on."

    def _mistaken_factors(self) -> Iterator[str]:
        yield from self._missing_packages()
        if self.providers:
            from flaskkit.auth.oauth import providers

            yield from providers.mistakes(self.providers)
        if self.passkeys:
            from flaskkit.auth import passkeys

            yield from passkeys.mistakes(self.passkeys)

    def _mistakes_in_names(self, model: Any) -> Iterator[str]:
        """Yield what is wrong with ``login_by`` for *model*; None is the default one."""
        others = [name for name in self.login_by if name != "email"]
        if not self.login_by or len(others) > 1 or len(set(self.login_by)) < len(self.login_by):
            yield f"'login_by' of feature 'auth' is {self.login_by!r}; write it like ('email', 'username')."
            return
        for name in others:
            column = None if model is None else model.__table__.columns.get(name)
            alone = column is not None and any(
                [*index.columns] == [column]
                for index in (*model.__table__.indexes, *model.__table__.constraints)
                if getattr(index, "unique", False) or isinstance(index, UniqueConstraint)
            )
            if not alone:
                yield f"'login_by' of feature 'auth' names {name!r}, which is no unique column of the user model."

    def _missing_packages(self) -> Iterator[str]:
        # These are imported when the app is wired, so that they cost nothing where no setting asks for them.
        needed: dict[str, tuple[str, tuple[str, ...]]] = {}
        if self.second_factor != "off":
            needed["second_factor"] = "totp", ("pyotp", "segno", "cryptography")
        if self.providers:
            needed["providers"] = "oauth", ("authlib", "requests")
        if self.passkeys:
            needed["passkeys"] = "passkeys", ("webauthn",)
        for name, (extra, packages) in needed.items():
            for package in (one for one in packages if find_spec(one) is None):
                way_out = f"Install it with: pip install 'flaskkit[{extra}]'"
                yield f"{name!r} of feature 'auth' needs the package {package!r}. {way_out}"

    def unused_tables(self) -> Iterable[str]:
        users = _imported(self.user_model or DEFAULT_MODEL).__tablename__
        if self.sign_up != "invitation":
            yield f"{users}_invitations"
        if not self.device_log_in:
            yield f"{users}_device_requests"
        if not self.providers:
            yield f"{users}_identities"
        if not self.passkeys:
            yield f"{users}_passkeys"
        if self.second_factor == "off":
            yield from (f"{users}_totp", f"{users}_recovery_codes")

    def init_app(self, app: Flask) -> None:
        app.extensions["flaskkit.auth"] = self
        speak_in_templates(app)
        app.extensions["flaskkit.user_model"] = _imported(self.user_model or DEFAULT_MODEL)
        app.config.setdefault("REMEMBER_COOKIE_SECURE", app.config["SESSION_COOKIE_SECURE"])
        app.config.setdefault("REMEMBER_COOKIE_HTTPONLY", True)
        app.config.setdefault("REMEMBER_COOKIE_SAMESITE", "Lax")
        app.extensions["flaskkit.session_limits"] = Limits(
            timedelta(seconds=self.session_idle), timedelta(seconds=self.session_longest)
        )
        cookies.wire(app)
        identity.wire(app)
        events.wire(app)
        flows = [flow for flow in self._flows(app) if flow.on(self)]
        listed = [Entry(flow.title, flow.listed, f"auth.{flow.name}") for flow in flows if flow.listed]
        app.extensions["flaskkit.account_pages"] = listed
        blueprint = pages(flows, self.url_prefix)
        if self.export:
            listed.append(Entry(say("Download your data"), say("Everything that is yours, as JSON."), "auth.export"))
            blueprint.add_url_rule("/export", "export", leaving.export)
        app.register_blueprint(blueprint)
        if "api" in app.extensions["flaskkit"]:
            from flaskkit.auth import operations

            operations.register(app, flows, export=self.export)
        app.register_error_handler(LoginRequired, views.ask_to_log_in)
        app.register_error_handler(ConfirmationRequired, session_flows.ask_to_confirm)
        closed.wire(app, self._undeclared(app))
        app.extensions["flaskkit"].commands.add_command(self._commands())

    def look_at(self, app: Flask) -> None:
        found = list(closed.undeclared_views(app)) if self._undeclared(app) == "refuse" else []
        if found:
            raise ConfigError([*(f"{view} does not say who may use it." for view in found), closed.WAY_OUT])

    def checks(self) -> Iterable[Any]:
        from flaskkit.auth import checks

        return checks.CHECKS

    def explain(self, app: Flask, endpoint: str, method: str) -> Iterable[Any]:
        from flaskkit.auth import explain

        return explain.steps(app, endpoint, method)

    def _undeclared(self, app: Flask) -> str:
        if self.undeclared != "auto":
            return self.undeclared
        return "refuse" if app.extensions["flaskkit"].config.env == "production" else "report"

    def _flows(self, app: Flask) -> Iterator[Flow]:
        kit = app.extensions["flaskkit"]
        yield from (*views.FLOWS, *password_flows.FLOWS, *session_flows.FLOWS, *token_flows.FLOWS)
        yield from self._more_flows(app)
        if "mail" in kit:
            yield from self._flows_by_mail(app)
        if "i18n" in kit:
            yield from languages.FLOWS
        if self.delete_account:
            yield from leaving.DELETING

    def _flows_by_mail(self, app: Flask) -> Iterator[Flow]:
        yield from password_flows.BY_MAIL
        yield from addresses.CHANGING
        if self.confirm != "off":
            yield from addresses.CONFIRMING
            if "limits" in app.extensions["flaskkit"]:
                yield from addresses.BY_CODE
        if self.sign_up == "invitation":
            with app.app_context():
                # Declared now, so that migrations see the table.
                invitations.model()
            yield from invitations.FLOWS

    def _commands(self) -> AppGroup:
        more = invitations.COMMANDS if self.sign_up == "invitation" else ()
        found = [*commands.users.commands.values(), *more]
        return AppGroup("users", help=commands.users.help, commands=found, callback=events.say_it_yourself)

    def _more_flows(self, app: Flask) -> Iterator[Flow]:
        """Yield the flows of what is off unless a setting asks for it, and wire that."""
        if self.second_factor != "off":
            from flaskkit.auth import second_factor

            second_factor.wire(app, required=self.second_factor == "required")
            yield from second_factor.FLOWS
        if self.device_log_in:
            from flaskkit.auth import devices

            devices.wire(app, self.url_prefix)
            yield from devices.FLOWS
        if self.providers:
            from flaskkit.auth.oauth import pages as oauth

            oauth.wire(app, self.providers, self.url_prefix, sign_up=self.sign_up in (True, "open"))
            yield from oauth.FLOWS
        if self.passkeys:
            from flaskkit.auth.passkeys import pages as passkeys

            passkeys.wire(app, self.passkeys, self.url_prefix)
            yield from passkeys.FLOWS


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
