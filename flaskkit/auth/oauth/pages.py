"""To a provider and back, and what is linked to an account.

/auth/oauth/<provider>             sends the browser to the provider, with state, nonce and PKCE
/auth/oauth/<provider>/callback    it comes back: a stranger is logged in, a user asked whether to link
/auth/identities                   what is linked, with /link and /unlink
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import OAuth, OAuthError
from flask import Flask, abort, current_app, flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from joserfc.errors import JoseError
from requests import RequestException
from wtforms import HiddenField
from wtforms.validators import InputRequired

from flaskkit.access import caller, login, public, requires
from flaskkit.auth import accounts
from flaskkit.auth.events import tell
from flaskkit.auth.flows import Flow, Outcome, Way, login_ways, proceed
from flaskkit.auth.oauth import identities
from flaskkit.auth.oauth.providers import Profile, Provider, Refused
from flaskkit.auth.policies import recently
from flaskkit.auth.redirects import after_login
from flaskkit.auth.ways import ways_in
from flaskkit.db import db
from flaskkit.db.transactions import together
from flaskkit.errors import Conflicting, Rejected
from flaskkit.texts import say, spoken

# What a provider sends may be of any kind, and what reads it is Authlib, joserfc and requests.
_FAILURES = (
    AuthlibBaseError,
    JoseError,
    RequestException,
    Refused,
    AttributeError,
    KeyError,
    RuntimeError,
    TypeError,
    ValueError,
)
# How long somebody may think about linking, in seconds.
_LINK_LASTS = 600
_NEXT, _LINK = "_oauth_next", "_oauth_link"


@dataclass(frozen=True)
class Providers:
    """``app.extensions["flaskkit.oauth"]``: the providers by name, and whether strangers may make an account."""

    by_name: Mapping[str, Provider]
    sign_up: bool


def wire(app: Flask, given: Mapping[str, Mapping[str, str]], url_prefix: str, *, sign_up: bool) -> None:
    """Register the providers with Authlib, and the way to them and back."""
    providers = {name: Provider(name, told) for name, told in given.items()}
    app.extensions["flaskkit.oauth"] = Providers(providers, sign_up)
    oauth = OAuth(app)
    for provider in providers.values():
        oauth.register(provider.name, **provider.registration())
    with app.app_context():
        identities.model()
    app.add_url_rule(f"{url_prefix}/oauth/<provider>", "auth.oauth", requires(public)(start))
    app.add_url_rule(f"{url_prefix}/oauth/<provider>/callback", "auth.oauth_callback", requires(public)(callback))
    login_ways(app).extend(Way(one.label, "auth.oauth", {"provider": one.name}) for one in providers.values())


def start(provider: str) -> ResponseReturnValue:
    """Send the browser to *provider*."""
    there = _provider(provider)
    if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        # Another site must not begin this: it could log its visitors in as somebody else.
        return redirect(url_for("auth.login"), 303)
    # One attempt at a time: each takes its place in a cookie, which holds 4 kB.
    for name in [name for name in session if name.startswith("_state_")]:
        del session[name]
    session[_NEXT] = after_login(request.args.get("next"))
    try:
        answer: ResponseReturnValue = _client(there).authorize_redirect(_own_url(there))
    except _FAILURES as error:
        return _failed(there, error)
    return answer


def callback(provider: str) -> ResponseReturnValue:
    """Take up who comes back from *provider*."""
    there = _provider(provider)
    try:
        profile = there.profile(_client(there))
    except _FAILURES as error:
        return _failed(there, error)
    onwards = session.pop(_NEXT, "")
    user = caller().user
    if user is not None:
        # Never linked without being asked: the browser may have been logged in there as somebody else by another site.
        session[_LINK] = [str(user.id), provider, profile.subject, profile.email, int(time.time())]
        return redirect(url_for("auth.identity_link"), 303)
    try:
        outcome = proceed(_user_of(there, profile), by=(provider,))
    except Rejected as refused:
        flash(" ".join(spoken(text) for texts in refused.errors.values() for text in texts))
        return redirect(url_for("auth.login", next=onwards or None), 303)
    if outcome.next:
        return redirect(url_for(f"auth.{outcome.next}", next=onwards or None), 303)
    return redirect(outcome.to or onwards or f"{request.script_root}/", 303)


def _user_of(provider: Provider, profile: Profile) -> Any:
    """Return the user whom *provider* vouches for: known, linked now by a verified address, or new.

    Raises:
        Rejected: there is none, with what to do instead.
    """
    user = identities.known(provider.name, profile)
    if user is not None:
        if not user.is_active:
            raise Rejected({"": [say("This account cannot log in.")]})
        return user
    name = provider.label
    if not profile.verified:
        # Whose address it is nobody knows, so nothing is said about it.
        raise Rejected(
            {
                "": [
                    say(
                        "%(name)s has not made sure that your e-mail address is yours. Log in, then link %(name)s.",
                        name=name,
                    )
                ]
            }
        )
    user = accounts.by_email(profile.email)
    if user is None:
        return _new_user(provider, profile)
    if not (user.is_active and user.confirmed_at):
        raise Rejected(
            {
                "": [
                    say(
                        "There is an account with your address. Log in with its password, then link %(name)s.",
                        name=name,
                    )
                ]
            }
        )
    _link(user, provider, profile)
    return user


def _link(user: Any, provider: Provider, profile: Profile) -> None:
    with together(keep=True):
        identities.link(user, provider.name, profile)
        tell("identity_linked", user, provider=provider.name)


def _new_user(provider: Provider, profile: Profile) -> Any:
    if not _providers().sign_up:
        raise Rejected({"": [say("No account is linked with this one at %(name)s.", name=provider.label)]})
    return accounts.create(
        profile.email, then=lambda user: db.session.add(identities.add_to(user, provider.name, profile))
    )


class LinkForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A button: which account it is about, the session says."""


class UnlinkForm(FlaskForm):  # type: ignore[misc]
    """Which provider's account no longer opens this one."""

    provider = HiddenField("Provider", [InputRequired()])


def listing() -> dict[str, Any]:
    """Return what the page of linked accounts shows."""
    return {"linked": identities.identities(caller().user), "providers": _providers().by_name}


def state(_values: dict[str, Any]) -> Outcome:
    """Tell at which providers the user has accounts that open this one, and which providers there are."""
    linked = [one.provider for one in identities.identities(caller().user)]
    return Outcome(answer={"linked": linked, "providers": list(_providers().by_name)})


def link(_values: dict[str, Any]) -> Outcome:
    """Link the account that came back from a provider.

    Raises:
        Rejected: none did within ten minutes. Conflicting: it is somebody else's.
    """
    user = caller().user
    provider, profile = _waiting()
    session.pop(_LINK, None)
    if profile is None:
        raise Rejected({"": [say("Begin anew: choose whom to link.")]})
    _link(user, provider, profile)
    return Outcome(
        to=url_for("auth.identities"), message=say("You can log in with %(name)s from now on.", name=provider.label)
    )


def unlink(values: dict[str, Any]) -> Outcome:
    """Take a provider's account away from this one.

    Raises:
        Rejected: nothing of that provider is linked. Conflicting: nothing else would open this account.
    """
    user = caller().user
    gone = [one for one in identities.identities(user) if one.provider == values["provider"]]
    if gone and ways_in(user) == len(gone):
        raise Conflicting({"provider": [say("Nothing else opens your account. Choose a password first.")]})
    with together(keep=True):
        if not identities.unlink(user, values["provider"]):
            raise Rejected({"provider": [say("No account of this provider is linked.")]})
        tell("identity_unlinked", user, provider=values["provider"])
    return Outcome(to=url_for("auth.identities"), message=say("You can no longer log in with this account."))


FLOWS = (
    Flow(
        "identity_link",
        "/identities/link",
        link,
        LinkForm,
        policy=recently(),
        title=say("Link an account"),
        button=say("Link"),
        show=lambda: {"waiting": _waiting()},
        refusals=[HTTPStatus.CONFLICT],
    ),
    Flow(
        "identities",
        "/identities",
        state,
        policy=login,
        title=say("Accounts elsewhere"),
        listed=say("With which other accounts you can log in here."),
        method="GET",
        show=listing,
        answer={"linked": list, "providers": list},
    ),
    Flow(
        "identity_unlink",
        "/identities/unlink",
        unlink,
        UnlinkForm,
        policy=recently(),
        title=say("Accounts elsewhere"),
        show=listing,
        refusals=[HTTPStatus.CONFLICT],
    ),
)


def _waiting() -> tuple[Any, Profile | None]:
    """Return the provider and the account there that came back for the current user; None where none did."""
    key, name, subject, email, since = session.get(_LINK) or ("", "", "", "", 0)
    user, provider = caller().user, _providers().by_name.get(name)
    fresh = 0 <= time.time() - since <= _LINK_LASTS
    if provider is None or not fresh or user is None or str(user.id) != key:
        return None, None
    return provider, Profile(subject, email, verified=False)


def _failed(provider: Provider, error: Exception) -> ResponseReturnValue:
    tell("login_failed", provider=provider.name, reason=_reason(error))
    session.pop(_NEXT, None)
    flash(spoken(say("%(name)s has not told us who you are. Try again, or log in another way.", name=provider.label)))
    return redirect(url_for("auth.identities" if caller().user is not None else "auth.login"), 303)


def _reason(error: Exception) -> str:
    kind = type(error).__name__
    if not isinstance(error, OAuthError):
        return f"{kind}: {error}"
    # Whoever wrote the address may have chosen the words: only what the standards name is told (RFC 6749, 4.1.2.1).
    return f"{kind}: {error.error}" if re.fullmatch(r"[a-z_]{1,40}", str(error.error)) else kind


def _own_url(provider: Provider) -> str:
    mail = current_app.extensions.get("flaskkit.mail")
    if mail is not None:
        return str(mail.url("auth.oauth_callback", provider=provider.name))
    # Providers send browsers only to addresses that were registered with them.
    return url_for("auth.oauth_callback", provider=provider.name, _external=True)


def _providers() -> Providers:
    found: Providers = current_app.extensions["flaskkit.oauth"]
    return found


def _provider(name: str) -> Provider:
    return _providers().by_name.get(name) or abort(404)


def _client(provider: Provider) -> Any:
    return current_app.extensions["authlib.integrations.flask_client"].create_client(provider.name)
