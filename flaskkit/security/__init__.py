"""Feature `security`: what a browser may do with the site, and which requests are taken at all.

headers.py    the headers, as data: the defaults, what settings and views change of them, nonces
shield.py     the outermost layer of the app: headers on every response, caching of personal ones, the way to HTTPS
cors.py       which other sites' scripts may use the API
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from flaskkit.errors import ConfigError
from flaskkit.feature import Feature, setting
from flaskkit.security.cors import Cors, is_origin
from flaskkit.security.headers import Headers, changed, csp_nonce, security_headers
from flaskkit.security.shield import Shield, weakly

if TYPE_CHECKING:
    from flaskkit.config import Config

__all__ = ["Security", "security_headers"]


@dataclass(frozen=True)
class Security(Feature):
    """Security headers, trusted hosts and proxies, HTTPS, limits of bodies."""

    name: ClassVar[str] = "security"

    csp: Mapping[str, str] | None = setting(
        None, help='Directives of the Content-Security-Policy that replace those of the default; "" leaves one out.'
    )
    headers: Mapping[str, str] | None = setting(
        None, help='Headers that replace those of the default, or are sent as well; "" leaves one out.'
    )
    trusted_hosts: tuple[str, ...] | None = setting(
        None,
        key="TRUSTED_HOSTS",
        help="Host names this site answers to; .example.com means all below it. Without them, any name.",
    )
    proxy_hops: int = setting(
        0, help="How many proxies stand before the app, whose X-Forwarded headers are believed; 0 believes nobody."
    )
    https_redirect: bool = setting(False, help="Whether requests by HTTP are sent on to HTTPS.")
    cors_origins: tuple[str, ...] = setting(
        (), help='Origins whose scripts may use the API, like https://app.example; "*" means all. Others may not.'
    )
    cors_credentials: bool = setting(False, help="Whether their requests may carry cookies.")
    max_body: int = setting(
        10_000_000, key="MAX_CONTENT_LENGTH", help="How long the body of a request may be, in bytes; more is 413."
    )

    def mistakes(self, config: Config) -> Iterable[str]:
        try:
            changed(Headers(), self.csp, self.headers)
        except ConfigError as error:
            yield from (f"Feature 'security': {text}" for text in error.mistakes)
        for host in self.trusted_hosts or ():
            # Not IPv6 addresses either: Werkzeug looks at what stands before the first colon.
            if not re.fullmatch(r"\.?[\w-]+(\.[\w-]+)*", host):
                hint = "write a name like 'example.com', or '.example.com' for all below it"
                yield f"'trusted_hosts' of feature 'security' has {host!r}; {hint}."
        for origin in self.cors_origins:
            if origin != "*" and not is_origin(origin):
                yield f"'cors_origins' of feature 'security' has {origin!r}; write an origin like 'https://app.example'."
        if self.cors_origins and "api" not in [feature.name for feature in config.feature_objects()]:
            yield "'cors_origins' of feature 'security' needs feature 'api', which is switched off."
        if self.cors_credentials and (not self.cors_origins or "*" in self.cors_origins):
            yield "'cors_credentials' of feature 'security' wants each origin named in 'cors_origins'."
        for name, least in (("proxy_hops", 0), ("max_body", 1)):
            if (value := getattr(self, name)) < least:
                yield f"{name!r} of feature 'security' is {value}; it must be at least {least}."

    def init_app(self, app: Flask) -> None:
        config = app.extensions["flaskkit"].config
        # An empty list would trust nobody.
        app.config["TRUSTED_HOSTS"] = app.config["TRUSTED_HOSTS"] or None
        if config.env == "production":
            _prefix_cookies(app, config.flask)
        headers = changed(Headers(), self.csp, self.headers)
        inner = weakly(app.wsgi_app)
        if self.cors_origins:
            known = app.extensions
            inner = Cors(
                inner,
                self.cors_origins,
                lambda: [version.prefix for version in known["flaskkit.api"]],
                credentials=self.cors_credentials,
            )
        shield = Shield(app, inner, headers, hsts=config.env == "production", https_redirect=self.https_redirect)
        app.extensions["flaskkit.security"] = shield
        app.context_processor(lambda: {"csp_nonce": csp_nonce})
        hops = self.proxy_hops
        # X-Forwarded-Host and -Prefix are left alone: proxies pass the Host on, and not all overwrite these two.
        app.wsgi_app = ProxyFix(shield, x_for=hops, x_proto=hops) if hops else shield  # type: ignore[method-assign]

    def checks(self) -> Iterable[Any]:
        from flaskkit.security import checks

        return checks.CHECKS

    def explain(self, app: Flask, endpoint: str, method: str) -> Iterable[Any]:
        from flaskkit.tools.steps import Step, place_of

        config = app.extensions["flaskkit"].config
        headers = app.extensions["flaskkit.security"].headers.pairs(hsts=config.env == "production")
        return [Step("after", "security headers", place_of(Shield), tuple(": ".join(pair) for pair in headers))]


def _prefix_cookies(app: Flask, native: Mapping[str, Any]) -> None:
    """Let cookies be called `__Host-…`, which browsers take from this very host over HTTPS only (RFC 6265bis, 4.1.3.2).

    Not where a *native* key names them, or makes one that browsers would refuse by that name.
    """
    for key, name, path in (
        ("SESSION_COOKIE", "session", app.config["SESSION_COOKIE_PATH"] or app.config["APPLICATION_ROOT"]),
        ("REMEMBER_COOKIE", "remember_token", app.config.get("REMEMBER_COOKIE_PATH", "/")),
    ):
        secure = app.config.get(f"{key}_SECURE", app.config["SESSION_COOKIE_SECURE"])
        if secure and path == "/" and not app.config.get(f"{key}_DOMAIN") and f"{key}_NAME" not in native:
            app.config[f"{key}_NAME"] = f"__Host-{name}"
