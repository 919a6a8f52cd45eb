"""The site scores at least 90 by the rules of MDN's HTTP Observatory.

Rules and modifiers: https://developer.mozilla.org/en-US/observatory/docs/tests_and_scoring. Those for certificates,
for the preload list and for old XML files are left out, as they are not about an app. Penalties are deducted from 100
first; bonuses count where 90 are left.
"""

from __future__ import annotations

import re
from http.cookies import SimpleCookie

import pytest

from flaskkit import public, requires
from tests.security.conftest import EVERYTHING, HTTPS, add_admin, log_in


def csp(headers) -> int:
    policy = headers.get("Content-Security-Policy")
    if policy is None:
        return -25
    directives: dict[str, list[str]] = {}
    for part in filter(None, map(str.strip, policy.split(";"))):
        name, *values = part.split()
        if name in directives:
            return -25
        directives[name] = values
    default = directives.get("default-src", ["*"])
    script, style, objects = (directives.get(f"{kind}-src", default) for kind in ("script", "style", "object"))
    broad = {"*", "http:", "https:", "ftp:", "data:", "blob:"}
    if (
        "'unsafe-inline'" in script
        or broad & {*script, *objects}
        or not (script and objects)
        or any(source.startswith("http://") for source in (*script, *style))
    ):
        return -20
    passive = [*directives.get("img-src", default), *directives.get("media-src", default)]
    if "'unsafe-eval'" in (*script, *style) or any(source.startswith("http:") for source in passive):
        return -10
    if {"'unsafe-inline'", *broad} & {*style}:
        return 0
    return 10 if default == ["'none'"] else 5


def cookies(headers, hsts: bool) -> int:
    sent = [morsel for line in headers.getlist("Set-Cookie") for morsel in SimpleCookie(line).values()]
    if not sent:
        return 0
    worst = 0
    for cookie in sent:
        session = re.search("sess|login|token", cookie.key) is not None
        if not cookie["secure"]:
            worst = min(worst, (-10 if session else -5) if hsts else (-40 if session else -20))
        if session and not cookie["httponly"]:
            worst = min(worst, -30)
        if cookie["samesite"] not in ("", "Lax", "Strict") or ("csrf" in cookie.key and not cookie["samesite"]):
            worst = min(worst, -20)
    return worst or (5 if all(cookie["samesite"] for cookie in sent) else 0)


def hsts(headers) -> int:
    found = re.match(r"max-age=(\d+)", headers.get("Strict-Transport-Security", ""))
    return -20 if found is None else 0 if int(found[1]) >= 15_768_000 else -10


def redirection(first, host: str) -> int:
    location = first.headers.get("Location", "")
    if not 300 <= first.status_code < 400 or not location.startswith("https://"):
        return -20
    return 0 if location.startswith(f"https://{host}/") else -5


def cors(headers) -> int:
    return -50 if headers.get("Access-Control-Allow-Origin") == "*" else 0


def referrer(headers) -> int:
    sent = headers.get("Referrer-Policy")
    if sent is None:
        return 0
    return 5 if sent in ("no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin") else -5


def integrity(answer) -> int:
    elsewhere = re.findall(r"<script[^>]+src=[\"']((?:https?:)?//[^\"']+)", answer.text)
    if any(source.startswith("http://") for source in elsewhere):
        return -50
    return -5 if elsewhere else 0


def content_type(headers) -> int:
    return 0 if headers.get("X-Content-Type-Options") == "nosniff" else -5


def frames(headers) -> int:
    if "frame-ancestors" in headers.get("Content-Security-Policy", ""):
        return 5
    return 0 if headers.get("X-Frame-Options") in ("DENY", "SAMEORIGIN") else -20


def resources(headers) -> int:
    sent = headers.get("Cross-Origin-Resource-Policy")
    return 0 if sent in (None, "same-origin", "same-site") else -20


def score(answer, first) -> int:
    headers = answer.headers
    results = [
        csp(headers),
        cookies(headers, hsts(headers) == 0),
        hsts(headers),
        redirection(first, "shop.example"),
        cors(headers),
        referrer(headers),
        integrity(answer),
        content_type(headers),
        frames(headers),
        resources(headers),
    ]
    base = 100 + sum(result for result in results if result < 0)
    return max(0, base + (sum(result for result in results if result > 0) if base >= 90 else 0))


def scores(app, path: str, client=None) -> tuple[int, int]:
    """Return the score and the status of *path*."""
    client = client or app.test_client()
    first = client.get(path, base_url="http://shop.example")
    with client.get(path, base_url=HTTPS) as answer:
        return score(answer, first), answer.status_code


@pytest.fixture
def site(made, monkeypatch):
    app = made(EVERYTHING, env="production", https_redirect=True)
    add_admin(app)
    app.add_url_rule("/crash", "crash", requires(public)(lambda: 1 / 0))
    monkeypatch.setattr(app.logger, "disabled", True)
    return app


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/plants/", 200),
        ("/auth/login", 200),
        ("/api/plants", 200),
        ("/api/docs", 200),
        ("/api/openapi.json", 200),
        ("/flaskkit/static/flaskkit.css", 200),
        ("/mine", 303),
        ("/nowhere", 404),
        ("/api/nowhere", 404),
        ("/auth/logout", 405),
        ("/crash", 500),
    ],
)
def test_every_answer_scores_at_least_90(site, path, status):
    found = scores(site, path)
    assert found[1] == status
    assert found[0] >= 100


def test_so_does_what_a_user_sees(site):
    client = site.test_client()
    log_in(client, base_url=HTTPS)
    for path in ("/plants/", "/plants/new", "/admin/"):
        assert scores(site, path, client) >= (100, 200)


def test_the_rules_see_what_is_missing(start):
    app = start(features=[])
    app.add_url_rule("/", "home", lambda: "home")
    # No policy -25, no HSTS -20, no redirection -20, no nosniff -5, frames -20.
    assert scores(app, "/") == (10, 200)


@pytest.mark.parametrize(
    ("policy", "modifier"),
    [
        ("default-src 'none'", 10),
        ("default-src 'self'", 5),
        ("default-src 'self'; style-src 'unsafe-inline'", 0),
        ("default-src 'self'; img-src http:", -10),
        ("default-src 'self'; script-src 'unsafe-eval'", -10),
        ("default-src 'self'; script-src 'unsafe-inline'", -20),
        ("default-src 'self'; object-src *", -20),
        ("img-src 'self'", -20),
        ("img-src 'self'; img-src 'self'", -25),
    ],
)
def test_the_rules_see_what_a_policy_allows(policy, modifier):
    assert csp({"Content-Security-Policy": policy}) == modifier
