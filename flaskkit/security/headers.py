"""The headers that tell browsers what a page may do: defaults, changes of them, and nonces.

    Headers()                                     the defaults
    changed(headers, csp={…}, headers={…})        with other directives, or other headers
    @security_headers(csp={…}, headers={…})       the same for one view

Values are those of MDN's guides for practical security; what differs from them is said where it stands.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import current_app, request

from flaskkit.errors import ConfigError, did_you_mean

P = ParamSpec("P")
R = TypeVar("R")

# In request.environ, which the outermost layer sees as well.
OF_VIEW = "flaskkit.security.headers"
NONCE = "flaskkit.security.nonce"

CSP = {
    "default-src": "'none'",
    "connect-src": "'self'",
    "font-src": "'self'",
    # Bootstrap's style sheet draws arrows and ticks with data: addresses. They bring nothing from elsewhere and run
    # nothing.
    "img-src": "'self' data:",
    "manifest-src": "'self'",
    "media-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "worker-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
OTHERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # Not no-referrer: over HTTPS the check of CSRF tokens wants to see that a form was on this site.
    "Referrer-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
}
# Directives that may stand without a value.
BARE = ("sandbox", "upgrade-insecure-requests")
KNOWN = {
    *CSP,
    *BARE,
    *(f"{kind}-src-{part}" for kind in ("script", "style") for part in ("attr", "elem")),
    *("child-src", "frame-src", "object-src", "report-to", "report-uri", "require-trusted-types-for", "trusted-types"),
}
# Browsers that know frame-ancestors do not look at the older header; the two should not differ.
FRAME_OPTIONS = {"'none'": "DENY", "'self'": "SAMEORIGIN"}


@dataclass(frozen=True)
class Headers:
    """Headers by name, but for the Content-Security-Policy, which is here by directive."""

    csp: Mapping[str, str] = field(default_factory=CSP.copy)
    others: Mapping[str, str] = field(default_factory=OTHERS.copy)

    def pairs(self, *, hsts: bool = True, nonce: str = "") -> tuple[tuple[str, str], ...]:
        """Return (name, value) of each header; scripts and styles that carry *nonce* are allowed as well."""
        csp = {**self.csp}
        if nonce:
            for name in ("script-src", "style-src"):
                allowed = csp.get(name, csp.get("default-src", "")).replace("'none'", "")
                csp[name] = f"{allowed} 'nonce-{nonce}'".strip()
        frames = FRAME_OPTIONS.get(csp.get("frame-ancestors", ""), "")
        given = {
            "Content-Security-Policy": "; ".join(f"{name} {value}".strip() for name, value in csp.items()),
            "X-Frame-Options": frames,
            **self.others,
        }
        return tuple(
            (name, value) for name, value in given.items() if value and (hsts or name != "Strict-Transport-Security")
        )


def changed(before: Headers, csp: Mapping[str, str] | None, headers: Mapping[str, str] | None) -> Headers:
    """Return *before* with other directives in *csp* and other *headers*; "" leaves one out.

    Raises:
        ConfigError: a directive that no browser knows, or a value that would not stay in its place.
    """
    mistakes = []
    for name, value in (csp or {}).items():
        if name not in KNOWN:
            mistakes.append(f"{name!r} is no directive in 'csp'.{did_you_mean(name, KNOWN)}")
        elif not re.fullmatch(r"[\x20-\x7e]*", value) or ";" in value or "," in value:
            mistakes.append(f"{name!r} in 'csp' is {value!r}; a directive has no commas, semicolons or line ends.")
    for name, value in (headers or {}).items():
        if name.lower() == "content-security-policy":
            mistakes.append(f"{name!r} in 'headers' is set by 'csp', directive by directive.")
        elif not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name) or not re.fullmatch(r"[\x20-\x7e]*", value):
            mistakes.append(f"{name!r} in 'headers' is {value!r}; a header is a line of ASCII.")
    if mistakes:
        raise ConfigError(mistakes)
    # A directive that is taken out falls back to default-src; an empty one of a header is not sent.
    directives = {name: value for name, value in {**before.csp, **(csp or {})}.items() if value or name in BARE}
    spelt = {name.lower(): name for name in before.others}
    others = {**before.others, **{spelt.get(name.lower(), name): value for name, value in (headers or {}).items()}}
    return Headers(directives, others)


@dataclass(frozen=True, eq=False)
class Change:
    """What one view changes."""

    csp: Mapping[str, str] | None
    headers: Mapping[str, str] | None


def security_headers(
    *, csp: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a view send other headers than the rest of the site: ``@security_headers(csp={…})`` below the route.

    *csp* holds directives, *headers* headers, as the settings of feature `security` do; they replace what is set
    there, and "" leaves one out. Errors that the view raises are answered with the same headers. A header that the
    view sets on its response itself is sent as it is. Without the feature nothing happens.

    Raises:
        ConfigError: a directive that no browser knows, or a value that would not stay in its place.
    """
    changed(Headers(), csp, headers)
    change = Change(csp, headers)

    def apply(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def changing(*args: P.args, **kwargs: P.kwargs) -> R:
            request.environ[OF_VIEW] = change
            return current_app.ensure_sync(view)(*args, **kwargs)  # type: ignore[no-any-return]

        return changing

    return apply


def csp_nonce() -> str:
    """Return the nonce of this response, for inline scripts and styles of a template: ``nonce="{{ csp_nonce() }}"``.

    Only responses that asked for one allow it; each has its own.
    """
    environ: dict[str, Any] = request.environ
    nonce: str = environ.setdefault(NONCE, secrets.token_urlsafe(16))
    return nonce
