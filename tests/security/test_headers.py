"""Which headers responses have."""

from __future__ import annotations

import re

import pytest
from flask import Response, abort, render_template_string, session

from flaskkit import ConfigError, security_headers
from tests.security.conftest import HTTPS, log_in

CSP = (
    "default-src 'none'; connect-src 'self'; font-src 'self'; img-src 'self' data:; manifest-src 'self'; "
    "media-src 'self'; script-src 'self'; style-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
ALWAYS = {
    "Content-Security-Policy": CSP,
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def of(response):
    """Return those headers of *response* that are this feature's business."""
    names = {name.lower() for name in [*ALWAYS, "Strict-Transport-Security"]}
    return {name: value for name, value in response.headers.items() if name.lower() in names}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/same", 200),
        ("/auth/login", 200),
        ("/mine", 303),
        ("/api/plants", 200),
        ("/api/docs", 200),
        ("/api/openapi.json", 200),
        ("/plants/", 200),
        ("/flaskkit/static/flaskkit.css", 200),
        ("/nowhere", 404),
        ("/api/nowhere", 404),
        ("/plants", 308),
        ("/auth/logout", 405),
    ],
)
def test_every_response_has_them(site, path, status):
    with site.test_client().get(path) as answer:
        assert (answer.status_code, of(answer)) == (status, ALWAYS)


def test_a_crash_has_them(made, monkeypatch):
    app = made(["db", "forms", "pages"], flask={"TESTING": False})
    app.add_url_rule("/crash", "crash", lambda: 1 / 0)
    # Loggers outlive the app: they are found by its name.
    monkeypatch.setattr(app.logger, "disabled", True)
    answer = app.test_client().get("/crash")
    assert (answer.status_code, of(answer)) == (500, ALWAYS)


def test_hsts_is_sent_in_production_and_over_https_only(made):
    production, testing = made(env="production").test_client(), made().test_client()
    assert of(production.get("/same", base_url=HTTPS)) == {**ALWAYS, "Strict-Transport-Security": "max-age=31536000"}
    assert of(production.get("/same")) == ALWAYS
    assert of(testing.get("/same", base_url=HTTPS)) == ALWAYS


def test_settings_change_directives_and_headers(made):
    app = made(
        csp={"img-src": "'self' https://tiles.example", "media-src": ""},
        headers={"referrer-policy": "no-referrer", "Permissions-Policy": "", "X-Robots-Tag": "noindex"},
    )
    answer = app.test_client().get("/same")
    csp = CSP.replace("img-src 'self' data:", "img-src 'self' https://tiles.example").replace("media-src 'self'; ", "")
    changed = {**ALWAYS, "Content-Security-Policy": csp, "Referrer-Policy": "no-referrer"}
    del changed["Permissions-Policy"]
    assert of(answer) == changed
    assert answer.headers["X-Robots-Tag"] == "noindex"


def test_settings_come_from_toml(tmp_path):
    from flaskkit import Config, create_app

    file = tmp_path / "app.toml"
    file.write_text(
        'features = ["security"]\n[security]\ntrusted_hosts = ["localhost"]\n[security.csp]\nimg-src = "data:"\n'
    )
    app = create_app(Config.load("shop", toml=file, mapping={"env": "testing"}))
    answer = app.test_client().get("/")
    assert "img-src data:;" in answer.headers["Content-Security-Policy"]


def test_a_view_changes_its_own(made):
    app = made(headers={"Permissions-Policy": "camera=()"})

    @app.get("/map")
    @security_headers(
        csp={"img-src": "'self' https://tiles.example"}, headers={"Permissions-Policy": "geolocation=(self)"}
    )
    def map():
        return "a map"

    client = app.test_client()
    changed = of(client.get("/map"))
    assert changed == {
        **ALWAYS,
        "Permissions-Policy": "geolocation=(self)",
        "Content-Security-Policy": CSP.replace("img-src 'self' data:", "img-src 'self' https://tiles.example"),
    }
    assert of(client.get("/same")) == {**ALWAYS, "Permissions-Policy": "camera=()"}
    assert of(client.get("/map")) == changed


def test_what_a_view_changes_holds_for_its_errors(made):
    app = made()

    @app.get("/gone")
    @security_headers(headers={"Referrer-Policy": "no-referrer"})
    def gone():
        abort(410)

    answer = app.test_client().get("/gone")
    assert (answer.status_code, of(answer)) == (410, {**ALWAYS, "Referrer-Policy": "no-referrer"})


@pytest.mark.parametrize(
    ("ancestors", "frames"), [("'self'", "SAMEORIGIN"), ("https://partner.example", None), ("'none'", "DENY")]
)
def test_the_old_header_for_frames_says_what_the_policy_says(made, ancestors, frames):
    app = made(csp={"frame-ancestors": ancestors})
    assert app.test_client().get("/same").headers.get("X-Frame-Options") == frames


def test_a_header_that_a_view_sets_wins(made):
    app = made()

    @app.get("/own")
    def own():
        return Response("own", headers={"content-security-policy": "sandbox", "X-Frame-Options": "SAMEORIGIN"})

    answer = app.test_client().get("/own")
    assert answer.headers.getlist("Content-Security-Policy") == ["sandbox"]
    assert answer.headers.getlist("X-Frame-Options") == ["SAMEORIGIN"]


def test_without_the_feature_a_view_that_changes_headers_works(start):
    app = start(features=[])
    app.add_url_rule("/", "home", security_headers(headers={"Referrer-Policy": "no-referrer"})(lambda: "home"))
    answer = app.test_client().get("/")
    assert (answer.text, of(answer)) == ("home", {})


INLINE = '<script nonce="{{ csp_nonce() }}">1</script><style nonce="{{ csp_nonce() }}">b {}</style>'


def test_a_nonce_is_allowed_where_it_was_used_and_new_each_time(made):
    app = made()
    app.add_url_rule("/inline", "inline", lambda: render_template_string(INLINE))
    client = app.test_client()
    seen = set()
    for _ in range(2):
        answer = client.get("/inline")
        script, style = re.findall(r'nonce="([\w-]+)"', answer.text)
        assert script == style
        directives = answer.headers["Content-Security-Policy"].split("; ")
        assert {f"script-src 'self' 'nonce-{script}'", f"style-src 'self' 'nonce-{script}'"} <= {*directives}
        assert answer.headers["Cache-Control"] == "no-store"
        seen.add(script)
    assert len(seen) == 2
    assert "nonce" not in client.get("/same").headers["Content-Security-Policy"]


def test_a_nonce_adds_to_what_a_view_changes(made):
    app = made()
    change = security_headers(csp={"script-src": "'none'", "style-src": ""})
    app.add_url_rule("/inline", "inline", change(lambda: render_template_string(INLINE)))
    answer = app.test_client().get("/inline")
    nonce = re.search(r'nonce="([\w-]+)"', answer.text)[1]
    directives = answer.headers["Content-Security-Policy"].split("; ")
    assert {f"script-src 'nonce-{nonce}'", f"style-src 'nonce-{nonce}'"} <= {*directives}


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        (
            {"csp": {"image-src": "'self'"}},
            "Feature 'security': 'image-src' is no directive in 'csp'. Did you mean 'img-src'?",
        ),
        (
            {"csp": {"img-src": "'self'; script-src *"}},
            "Feature 'security': 'img-src' in 'csp' is \"'self'; script-src *\";"
            " a directive has no commas, semicolons or line ends.",
        ),
        (
            {"headers": {"Content-Security-Policy": "sandbox"}},
            "Feature 'security': 'Content-Security-Policy' in 'headers' is set by 'csp', directive by directive.",
        ),
        (
            {"headers": {"X-Mine": "a\r\nSet-Cookie: b"}},
            "Feature 'security': 'X-Mine' in 'headers' is 'a\\r\\nSet-Cookie: b'; a header is a line of ASCII.",
        ),
        (
            {
                "trusted_hosts": (
                    "https://shop.example",
                    "*.shop.example",
                    "shop.example:8000",
                    "[::1]",
                    '["127.0.0.1"]',
                )
            },
            "'trusted_hosts' of feature 'security' has 'https://shop.example'; "
            "write a name like 'example.com', or '.example.com' for all below it.",
        ),
        ({"proxy_hops": -1}, "'proxy_hops' of feature 'security' is -1; it must be at least 0."),
        ({"max_body": 0}, "'max_body' of feature 'security' is 0; it must be at least 1."),
    ],
)
def test_wrong_settings_are_told_at_start(made, settings, mistake):
    with pytest.raises(ConfigError) as refused:
        made(**settings)
    assert refused.value.mistakes[0] == mistake
    assert len(refused.value.mistakes) == len(settings.get("trusted_hosts", [1]))


def test_a_wrong_change_is_told_where_it_is_written():
    with pytest.raises(ConfigError, match="Did you mean 'script-src'"):
        security_headers(csp={"scripts-src": "'self'"})


def test_what_depends_on_who_asks_is_not_kept(site):
    client = site.test_client()
    log_in(client)
    for path, cached in (
        ("/plants/", "no-store"),
        ("/mine", "no-store"),
        ("/admin/", "no-store"),
        ("/api/beds", "private, no-cache"),  # It has an ETag.
    ):
        answer = client.get(path)
        assert answer.headers["Cache-Control"] == cached, path
        assert answer.vary.as_set() >= {"cookie"}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (None, "no-store"),
        ("max-age=60", "max-age=60, private"),
        ("no-cache", "no-cache, private"),
        ("private, max-age=60", "private, max-age=60"),
        ("public, max-age=60", "public, max-age=60"),
        ("no-store", "no-store"),
    ],
)
def test_what_a_view_says_about_caching_stays_less_what_it_left_open(made, given, sent):
    app = made()

    @app.get("/personal")
    def personal():
        return Response(str(session.get("name")), headers={"Cache-Control": given} if given else {})

    answer = app.test_client().get("/personal")
    assert answer.headers.getlist("Cache-Control") == [sent]
    assert answer.headers["Vary"] == "Cookie"


def test_what_is_the_same_for_all_may_be_kept(site):
    client = site.test_client()
    log_in(client)
    for path in ("/same", "/api/nowhere"):
        assert "Cache-Control" not in client.get(path).headers
    with client.get("/flaskkit/static/flaskkit.css") as file:
        assert file.headers["Cache-Control"] == "no-cache"


def test_what_a_token_shows_is_not_kept(site):
    made = site.test_cli_runner().invoke(args=["kit", "users", "token", "ada@example.com"])
    sent = {"Authorization": f"Bearer {made.stdout.split()[0]}"}
    answer = site.test_client().get("/mine", headers=sent)
    assert (answer.text, answer.headers["Cache-Control"]) == ("mine", "no-store")
    assert "Vary" not in answer.headers
