"""What `flask kit check` looks for in headers, hosts and proxies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask

from flaskkit.tools.checks import check


@check(
    "security.E001",
    "Browsers are told not to say where a form was.",
    why="Over HTTPS the check of forms wants to know; every form is refused.",
    fix="Leave Referrer-Policy as it is: same-origin.",
)
def no_referrer(app: Flask) -> Iterator[str]:
    strict = app.config.get("WTF_CSRF_SSL_STRICT", True) and "csrf" in app.extensions
    if strict and _header(app, "Referrer-Policy") == "no-referrer":
        yield "Referrer-Policy is 'no-referrer'."


@check(
    "security.W001",
    "The app answers to any host name.",
    why="Links and redirects can be made to lead to another site, and caches be fed with such pages.",
    fix="Set APP_SECURITY_TRUSTED_HOSTS to the names of the site.",
    deploy=True,
)
def any_host(app: Flask) -> Iterator[str]:
    if not app.config["TRUSTED_HOSTS"]:
        yield "'trusted_hosts' of feature 'security' is not set."


@check(
    "security.W002",
    "Browsers are not told to use HTTPS only.",
    why="The first request of each visit can be caught and answered by somebody else.",
    fix="Leave Strict-Transport-Security in 'headers' of feature 'security' as it is.",
    deploy=True,
)
def no_hsts(app: Flask) -> Iterator[str]:
    if not _header(app, "Strict-Transport-Security"):
        yield "'headers' of feature 'security' leaves it out."


@check(
    "security.W003",
    "Scripts of every site may use the API.",
    why="Whatever strangers may do, any page may do with the addresses and networks of its visitors.",
    fix="Name the origins in 'cors_origins' of feature 'security'.",
)
def open_cors(app: Flask) -> Iterator[str]:
    if "*" in _settings(app).cors_origins:
        yield "'cors_origins' of feature 'security' is '*'."


@check(
    "security.W004",
    "The policy for scripts lets any script run.",
    why="What somebody smuggles into a page then runs with the rights of its readers.",
    fix='Use files of your own, or nonce="{{ csp_nonce() }}", instead.',
)
def loose_csp(app: Flask) -> Iterator[str]:
    csp = app.extensions["flaskkit.security"].headers.csp
    for name in ("default-src", "script-src", "script-src-elem"):
        for word in csp.get(name, "").split():
            if word in ("'unsafe-inline'", "'unsafe-eval'", "*", "http:", "https:", "data:"):
                yield f"{name} has {word}."


@check(
    "security.W005",
    "Requests are sent to HTTPS for ever.",
    why="Behind a proxy that ends TLS each request looks like HTTP, unless its headers are believed.",
    fix="Set APP_SECURITY_PROXY_HOPS to the number of proxies; silence this where the app itself ends TLS.",
    deploy=True,
)
def endless_redirect(app: Flask) -> Iterator[str]:
    if _settings(app).https_redirect and not _settings(app).proxy_hops:
        yield "'https_redirect' of feature 'security' is on, and 'proxy_hops' is 0."


@check(
    "security.W006",
    "Very many proxies are believed.",
    why="With more than there are, visitors write their own address, and limits by address do not hold.",
    fix="Set 'proxy_hops' of feature 'security' to the number of proxies that are yours.",
)
def many_hops(app: Flask) -> Iterator[str]:
    if _settings(app).proxy_hops > 3:
        yield f"'proxy_hops' of feature 'security' is {_settings(app).proxy_hops}."


def _settings(app: Flask) -> Any:
    return next(one for one in app.extensions["flaskkit"].features if one.name == "security")


def _header(app: Flask, name: str) -> str:
    headers: dict[str, str] = app.extensions["flaskkit.security"].headers.others
    return headers.get(name, "")


CHECKS: tuple[Any, ...] = (
    no_referrer,
    any_host,
    no_hsts,
    open_cors,
    loose_csp,
    endless_redirect,
    many_hops,
)
