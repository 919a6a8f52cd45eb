"""Which requests are taken: for which host, from which proxy, by HTTPS, how long."""

from __future__ import annotations

import pytest
from flask import request, url_for

from tests.security.conftest import EVERYTHING, HTTPS, add_admin, log_in


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("shop.example", 200),
        ("shop.example:8000", 200),
        ("a.b.garden.example", 200),
        ("garden.example", 200),
        ("evil.example", 400),
        ("shop.example.evil.example", 400),
        ("evilshop.example", 400),
        ("shop.example@evil.example", 400),
        ("", 400),
    ],
)
def test_an_unknown_host_is_refused(made, host, status):
    app = made(trusted_hosts=("shop.example", ".garden.example"))
    assert app.test_client().get("/same", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/plants/", "text/html"),
        ("/nowhere", "text/html"),
        ("/auth/login", "text/html"),
        ("/api/plants", "application/problem+json"),
    ],
)
def test_an_unknown_host_reaches_no_view(made, caplog, path, kind):
    app = made(EVERYTHING, trusted_hosts=("shop.example",))
    reached = []
    for name, view in app.view_functions.items():
        app.view_functions[name] = lambda *args, view=view, **kwargs: reached.append(view)
    answer = app.test_client().get(path, headers={"Host": "evil.example"})
    assert (answer.status_code, answer.mimetype, reached, caplog.records) == (400, kind, [], [])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_without_trusted_hosts_any_name_will_do(made):
    assert made().test_client().get("/same", headers={"Host": "any.example"}).status_code == 200


def test_the_native_key_wins(made):
    client = made(trusted_hosts=("shop.example",), flask={"TRUSTED_HOSTS": ["garden.example"]}).test_client()
    assert client.get("/same", base_url="http://garden.example").status_code == 200
    assert client.get("/same", base_url=HTTPS).status_code == 400


FORWARDED = {
    "X-Forwarded-For": "6.6.6.6, 203.0.113.7, 10.0.0.2",
    "X-Forwarded-Proto": "http, https, https",
    "X-Forwarded-Host": "evil.example, evil.example",
    "X-Forwarded-Prefix": "/evil, /evil",
    "X-Forwarded-Port": "666, 666",
}


@pytest.mark.parametrize(
    ("hops", "seen"),
    [
        (0, "127.0.0.1 http://shop.example/seen"),
        (1, "10.0.0.2 https://shop.example/seen"),
        (2, "203.0.113.7 https://shop.example/seen"),
        # Somebody comes by another way than through all proxies.
        (4, "127.0.0.1 http://shop.example/seen"),
    ],
)
def test_as_many_proxies_are_believed_as_are_said_to_be_there(made, hops, seen):
    app = made(proxy_hops=hops)
    app.add_url_rule("/seen", "seen", lambda: f"{request.remote_addr} {url_for('seen', _external=True)}")
    assert app.test_client().get("/seen", base_url="http://shop.example", headers=FORWARDED).text == seen


@pytest.mark.parametrize(
    ("method", "path", "code", "location"),
    [
        ("GET", "/echo?a=1&b=%26", 301, "https://shop.example/echo?a=1&b=%26"),
        ("HEAD", "/echo", 301, "https://shop.example/echo"),
        ("POST", "/echo", 308, "https://shop.example/echo"),
        ("GET", "/nowhere/%C3%A9", 301, "https://shop.example/nowhere/%C3%A9"),
    ],
)
def test_http_is_sent_on_to_https(made, method, path, code, location):
    client = made(https_redirect=True).test_client()
    answer = client.open(path, method=method, base_url="http://shop.example:8000")
    assert (answer.status_code, answer.headers["Location"]) == (code, location)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers
    assert "Strict-Transport-Security" not in answer.headers


def test_https_is_answered(made):
    client = made(https_redirect=True).test_client()
    assert client.post("/echo", base_url=HTTPS).text == "got it"


def test_behind_a_proxy_that_speaks_https_nothing_is_sent_on(made):
    client = made(https_redirect=True, proxy_hops=1).test_client()
    assert client.get("/echo", headers={"X-Forwarded-Proto": "https"}).text == "got it"
    assert client.get("/echo", headers={"X-Forwarded-Proto": "http"}).status_code == 301


@pytest.mark.parametrize("host", ["evil.example", "", "shop.example/x", "shop.example\\@evil.example"])
def test_nobody_is_sent_to_an_unknown_host(made, host):
    client = made(https_redirect=True, trusted_hosts=("shop.example",)).test_client()
    answer = client.get("/echo", headers={"Host": host})
    assert (answer.status_code, "Location" in answer.headers) == (400, False)


def test_a_host_that_is_none_is_not_sent_on(made):
    client = made(https_redirect=True).test_client()
    assert client.get("/echo", headers={"Host": "shop.example/x?"}).status_code == 400


@pytest.mark.parametrize("path", ["/read", "/auth/login", "/api/plants"])
def test_a_body_beyond_the_limit_is_413(made, path):
    app = made(EVERYTHING, max_body=10_000)
    app.add_url_rule("/read", "read", lambda: str(len(request.get_data())), methods=["POST"])
    body = {"data": b"x" * 10_001, "content_type": "application/json"}
    if path == "/api/plants":
        add_admin(app)
        made_token = app.test_cli_runner().invoke(args=["kit", "users", "token", "ada@example.com"])
        body["headers"] = {"Authorization": f"Bearer {made_token.stdout.split()[0]}"}
    elif path != "/read":
        body["content_type"] = "application/x-www-form-urlencoded"
    answer = app.test_client().post(path, **body)
    assert answer.status_code == 413
    assert answer.mimetype == ("application/problem+json" if path.startswith("/api") else "text/html")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "form",
    [
        {"data": {"a": "x" * 500_001}, "content_type": "multipart/form-data"},
        {"data": {f"a{n}": "x" for n in range(1001)}, "content_type": "multipart/form-data"},
    ],
    ids=["long text", "many parts"],
)
def test_forms_have_limits_of_their_own(made, form):
    app = made()
    app.add_url_rule("/form", "form", lambda: str(len(request.form)), methods=["POST"])
    assert app.test_client().post("/form", **form).status_code == 413


def test_forms_work_over_https_where_the_referrer_is_checked(made):
    app = made(EVERYTHING, env="production", flask={"SERVER_NAME": None})
    add_admin(app)
    client = app.test_client()
    log_in(client, base_url=HTTPS)
    assert client.get("/mine", base_url=HTTPS).text == "mine"


def cookies(answer):
    return sorted(line.split("=")[0] for line in answer.headers.getlist("Set-Cookie"))


def log_in_page(app):
    return app.test_client().get("/auth/login", base_url=HTTPS)


def test_cookies_belong_to_this_host_in_production(made):
    app = made(["db", "forms", "auth"], env="production")
    add_admin(app)
    client = app.test_client()
    (cookie,) = client.get("/auth/login", base_url=HTTPS).headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-session=")
    assert {part.strip() for part in cookie.split(";")[1:]} == {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}
    token = client.get("/auth/login", base_url=HTTPS).text.partition('name="csrf_token" type="hidden" value="')[2]
    typed = {"csrf_token": token.partition('"')[0], "email": "ada@example.com", "password": "correct horse"}
    sent = {"base_url": HTTPS, "headers": {"Referer": f"{HTTPS}/auth/login"}}
    answer = client.post("/auth/login", data={**typed, "remember": "y"}, **sent)
    assert cookies(answer) == ["__Host-remember_token", "__Host-session"]
    client.delete_cookie("__Host-session", domain="shop.example")
    assert client.get("/mine", base_url=HTTPS).text == "mine"


@pytest.mark.parametrize(
    ("native", "name"),
    [
        ({"SESSION_COOKIE_NAME": "sid"}, "sid"),
        ({"SESSION_COOKIE_DOMAIN": "shop.example"}, "session"),
        ({"SESSION_COOKIE_PATH": "/auth"}, "session"),
        ({"APPLICATION_ROOT": "/shop"}, "session"),
        ({"SESSION_COOKIE_SECURE": False}, "session"),
    ],
)
def test_native_keys_keep_cookies_as_they_are(made, native, name):
    app = made(["db", "forms", "auth"], env="production", flask=native)
    assert cookies(log_in_page(app)) == [name]


def test_elsewhere_cookies_keep_their_names(made):
    assert cookies(log_in_page(made(["db", "forms", "auth"]))) == ["session"]
