"""What `flask kit check` looks for in accounts and who may use what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from flask import Flask

from flaskkit.auth import passwords
from flaskkit.auth.closed import undeclared_views
from flaskkit.tools.checks import check, deployed

DAY = 24 * 3600
# OWASP, Password Storage Cheat Sheet: argon2id with at least 19 MiB and two passes, or 12 MiB and three, …
LEAST_MEMORY, LEAST_WORK = 7168, 35_000


@check(
    "auth.E001",
    "A view does not say who may use it.",
    why="Production refuses it, or with 'undeclared' set so, lets everybody in.",
    fix="Put @requires(policy) below its route; @requires(public) opens it to everybody.",
)
def undeclared(app: Flask) -> Iterator[str]:
    yield from (f"{view} does not say who may use it." for view in undeclared_views(app))


@check(
    "auth.E002",
    "The cookie that keeps users logged in can be stolen.",
    why="It opens the account for weeks: by a script on a page, or by one request without encryption.",
    fix="Leave REMEMBER_COOKIE_HTTPONLY and REMEMBER_COOKIE_SECURE out of the config.",
    deploy=True,
)
def remember_cookie(app: Flask) -> Iterator[str]:
    for key in ("REMEMBER_COOKIE_HTTPONLY", "REMEMBER_COOKIE_SECURE"):
        if not deployed(app, key, True):
            yield f"{key} is false."


@check(
    "auth.W001",
    "Hashes of passwords are cheap to guess.",
    why="Whoever gets a copy of the table tries millions of passwords a second.",
    fix="Leave the parameters of argon2-cffi as they are, or take them from the OWASP Password Storage Cheat Sheet.",
)
def cheap_hashes(app: Flask) -> Iterator[str]:
    memory, passes = passwords.hasher.memory_cost, passwords.hasher.time_cost
    if memory < LEAST_MEMORY or memory * passes < LEAST_WORK:
        yield f"argon2 uses {memory} KiB and {passes} passes."


@check(
    "auth.W002",
    "Sessions hardly end.",
    why="A lost or shared computer stays logged in.",
    fix="Keep 'session_idle' below a week, 'session_longest' below 90 days and 'remember' below a year.",
)
def endless_sessions(app: Flask) -> Iterator[str]:
    auth = app.extensions["flaskkit.auth"]
    for name, most in (("session_idle", 7), ("session_longest", 90), ("remember", 366)):
        seconds = getattr(auth, name)
        if seconds > most * DAY:
            yield f"{name!r} of feature 'auth' is {seconds // DAY} days."
    if auth.session_idle > auth.session_longest:
        yield "'session_idle' of feature 'auth' is longer than 'session_longest'."


@check(
    "auth.W003",
    "Anybody can sign up with anybody's address.",
    why="The owner of the address gets your mail, and cannot make an account.",
    fix="Switch on feature 'mail' and set 'confirm' of feature 'auth' to \"required\".",
    deploy=True,
)
def unconfirmed_addresses(app: Flask) -> Iterator[str]:
    auth = app.extensions["flaskkit.auth"]
    if auth.sign_up in (True, "open") and auth.confirm == "off":
        yield "'sign_up' of feature 'auth' is open and 'confirm' is off."


@check(
    "auth.W004",
    "Passwords can be tried without a limit.",
    why="Programs try lists of stolen passwords on every site.",
    fix="Switch on feature 'limits'.",
    deploy=True,
)
def unlimited_tries(app: Flask) -> Iterator[str]:
    if "limits" not in app.extensions["flaskkit"]:
        yield "Feature 'limits' is off."


@check(
    "auth.W005",
    "Views without a policy are open.",
    why="The next view that somebody forgets to protect is open to everybody.",
    fix="Leave 'undeclared' of feature 'auth' at \"auto\".",
)
def open_views(app: Flask) -> Iterator[str]:
    if app.extensions["flaskkit.auth"].undeclared == "allow":
        yield "'undeclared' of feature 'auth' is 'allow'."


@check(
    "auth.W006",
    "Passkeys are for another address than mail.",
    why="A link in a mail leads to a site on which no passkey fits.",
    fix="Give 'passkeys' of feature 'auth' and 'public_url' of feature 'mail' one address.",
)
def other_address(app: Flask) -> Iterator[str]:
    passkeys = app.extensions["flaskkit.auth"].passkeys
    public_url = getattr(app.extensions.get("flaskkit.mail"), "public_url", "")
    if passkeys and public_url and urlsplit(passkeys).netloc != urlsplit(public_url).netloc:
        yield f"Passkeys are for {passkeys}, mail leads to {public_url}."


CHECKS: tuple[Any, ...] = (
    undeclared,
    remember_cookie,
    cheap_hashes,
    endless_sessions,
    unconfirmed_addresses,
    unlimited_tries,
    open_views,
    other_address,
)
