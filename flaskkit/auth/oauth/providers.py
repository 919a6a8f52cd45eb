"""Who vouches for users: providers of OpenID Connect, by the address of their discovery document, and GitHub.

    providers = {
        "github": {"client_id": "…", "client_secret": "…"},
        "acme": {"discovery": "https://id.acme.example/.well-known/openid-configuration", "client_id": "…", …},
    }

Names in ``PRESETS`` need no ``discovery``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flaskkit.errors import did_you_mean

# How long a provider may take to answer, in seconds: a request waits for it.
TIMEOUT = 10

PRESETS: Mapping[str, Mapping[str, str]] = {
    "github": {
        "label": "GitHub",
        "scope": "read:user user:email",
        "authorize_url": "https://github.com/login/oauth/authorize",
        "access_token_url": "https://github.com/login/oauth/access_token",
        "api_base_url": "https://api.github.com/",
    },
    "google": {
        "label": "Google",
        "discovery": "https://accounts.google.com/.well-known/openid-configuration",
    },
    "microsoft": {
        "label": "Microsoft",
        "discovery": "https://login.microsoftonline.com/{tenant}/v2.0/.well-known/openid-configuration",
        "tenant": "common",
    },
}
# Signatures that only the provider can make: neither "none" nor those whose key we have as well.
SIGNATURES = frozenset(f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512)) | {
    "EdDSA",
    "Ed25519",
}
_SIGNS = "id_token_signing_alg_values_supported"
_KEYS = ("client_id", "client_secret", "discovery", "label", "scope", "tenant")


@dataclass(frozen=True)
class Profile:
    """What a provider says of somebody.

    ``subject`` never changes and is nobody else's. ``verified`` is whether the provider has made sure that ``email``
    is theirs.
    """

    subject: str
    email: str
    verified: bool


def mistakes(providers: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Yield what is wrong with the setting ``providers``, a sentence each."""
    for name, given in providers.items():
        where = f"'providers' of feature 'auth': {name!r}"
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,39}", name):
            yield f"{where} is part of addresses; use up to 40 small letters, digits and dashes."
        preset = PRESETS.get(name, {})
        for key in given:
            if key not in _KEYS:
                yield f"{where} has no {key!r}.{did_you_mean(key, _KEYS)}"
        needed = ("client_id", "client_secret", *(() if preset else ("discovery",)))
        missing = [key for key in needed if not given.get(key)]
        if missing:
            hint = did_you_mean(name, PRESETS) if "discovery" in missing else ""
            yield f"{where} lacks {' and '.join(map(repr, missing))}.{hint}"
        address = given.get("discovery", "")
        if address and not _is_safe(address):
            yield f"{where}: 'discovery' begins with https:// and names a host, unlike {address!r}."


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    # A provider on this machine is one under development.
    here = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
    return bool(parts.hostname) and (parts.scheme == "https" or here)


@dataclass(frozen=True)
class Provider:
    """One provider, as this app is registered there."""

    name: str
    given: Mapping[str, str]

    @property
    def label(self) -> str:
        """What people call it."""
        return self.settings.get("label") or self.name.replace("-", " ").title()

    @property
    def settings(self) -> Mapping[str, str]:
        """What is set, over the preset."""
        return {**PRESETS.get(self.name, {}), **self.given}

    def registration(self) -> dict[str, Any]:
        """Return what Authlib's ``OAuth.register`` takes."""
        told = self.settings
        own = {key: told[key] for key in ("authorize_url", "access_token_url", "api_base_url") if key in told}
        if "discovery" in told:
            own["server_metadata_url"] = told["discovery"].replace("{tenant}", told.get("tenant", ""))
        session = {
            "scope": told.get("scope", "openid email"),
            "code_challenge_method": "S256",
            "default_timeout": TIMEOUT,
            # Access tokens are used at once, however short they live.
            "leeway": 0,
        }
        return {"client_id": told["client_id"], "client_secret": told["client_secret"], "client_kwargs": session, **own}

    def profile(self, client: Any) -> Profile:
        """Return who comes back from the provider with the current request. *client* is Authlib's.

        Raises:
            Refused: they gave no consent, or what the provider sent is not right.
        """
        read: Callable[[Any], Profile] = _from_id_token if "discovery" in self.settings else _from_github
        return read(client)


class Refused(Exception):
    """A provider did not vouch for anybody, or not so that we can believe it. The text is for the log."""


def _from_id_token(client: Any) -> Profile:
    """Return what the signed ID token says (OpenID Connect Core, section 3.1.3.7)."""
    metadata = client.load_server_metadata()
    metadata[_SIGNS] = [one for one in metadata.get(_SIGNS) or () if one in SIGNATURES] or ["RS256"]
    options = {
        "iss": {"essential": True, "validate": lambda claims, value: value == _issuer(metadata, claims)},
        # Authlib takes tokens for others where "azp" names us.
        "aud": {"essential": True, "value": client.client_id},
        "sub": {"essential": True},
        "nonce": {"essential": True},
    }
    token = client.authorize_access_token(claims_options=options)
    claims = token.get("userinfo")
    if not claims:
        raise Refused("There is no ID token.")
    if "email" not in claims and metadata.get("userinfo_endpoint"):
        more = client.userinfo(token=token)
        if more.get("sub") != claims["sub"]:
            raise Refused("The user info is somebody else's.")
        claims = {**more, **claims}
    # Microsoft lets tenants write any address into "email", and says otherwise whether it was checked.
    verified = claims.get("email_verified") is True or claims.get("xms_edov") in (True, 1, "1", "true")
    return _profile(claims["sub"], claims.get("email"), verified)


def _issuer(metadata: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    # Microsoft's document for all tenants has a place for the tenant's id, which the token names.
    return str(metadata.get("issuer", "")).replace("{tenantid}", str(claims.get("tid", "")))


def _from_github(client: Any) -> Profile:
    """Return what GitHub's API says: it has no ID token."""
    token = client.authorize_access_token()
    user = _json(client.get("user", token=token))
    emails = _json(client.get("user/emails", token=token))
    primary: dict[str, Any] = next((one for one in emails if one.get("primary")), {})
    return _profile(user["id"], primary.get("email"), primary.get("verified") is True)


def _json(response: Any) -> Any:
    response.raise_for_status()
    return response.json()


def _profile(subject: Any, email: Any, verified: bool) -> Profile:
    # Numbers and text are told apart by no provider; anything else is a mistake of theirs.
    if not isinstance(subject, str | int) or isinstance(subject, bool) or not 0 < len(str(subject)) <= 255:
        raise Refused("The subject is no text.")
    address = email if isinstance(email, str) else ""
    return Profile(str(subject), address, verified and bool(address))
