"""Scripts of other sites: the named ones may use the API, and nothing else."""

from __future__ import annotations

import pytest

from flaskkit import ConfigError, Limits, Security
from tests.security.conftest import EVERYTHING, add_admin

APP = "https://app.example"
EVIL = "https://evil.example"


def cors(answer):
    return {name: value for name, value in answer.headers.items() if name.startswith("Access-Control")}


def preflight(client, path="/api/plants", origin=APP, method="PATCH", headers="authorization,if-match"):
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return client.options(path, headers={"Origin": origin, **asked})


@pytest.fixture
def client(made):
    return made(EVERYTHING, cors_origins=(APP, "http://localhost:3000")).test_client()


@pytest.mark.parametrize("path", ["/api/plants", "/api/beds", "/api/nowhere", "/api"])
def test_a_preflight_is_answered(client, path):
    answer = preflight(client, path)
    assert (answer.status_code, answer.text) == (204, "")
    assert cors(answer) == {
        "Access-Control-Allow-Origin": APP,
        "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
        "Access-Control-Allow-Headers": "authorization,if-match",
        "Access-Control-Max-Age": "600",
    }
    assert "origin" in answer.vary
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers


EXPOSED = "Content-Disposition, ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Pagination"


@pytest.mark.parametrize(("path", "status"), [("/api/plants", 200), ("/api/beds", 401), ("/api/nowhere", 404)])
@pytest.mark.parametrize("origin", [APP, "http://localhost:3000"])
def test_the_named_ones_see_answers_and_refusals(client, path, status, origin):
    answer = client.get(path, headers={"Origin": origin})
    assert answer.status_code == status
    assert cors(answer) == {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED}
    assert "origin" in answer.vary


@pytest.mark.parametrize(
    "origin",
    [EVIL, "null", "", "https://app.example.evil.example", "https://app.example:8443", "http://app.example", "*"],
)
def test_others_see_nothing(client, origin):
    answers = [client.get("/api/plants", headers={"Origin": origin}), preflight(client, origin=origin)]
    for answer in answers:
        assert cors(answer) == {}
        assert "origin" in answer.vary


@pytest.mark.parametrize("path", ["/plants/", "/auth/login", "/admin/", "/same", "/apis", "/", "/api-old/plants"])
def test_the_rest_of_the_site_is_nobody_elses(client, path):
    for answer in (client.get(path, headers={"Origin": APP}), preflight(client, path)):
        assert cors(answer) == {}


def test_who_depends_on_cookies_varies_by_both(made):
    app = made(EVERYTHING, cors_origins=(APP,))
    answer = app.test_client().get("/api/beds", headers={"Origin": APP})
    assert answer.vary.as_set() == {"cookie", "origin"}
    assert answer.headers["Cache-Control"] == "no-store"


def test_cookies_are_taken_where_that_is_said(made):
    client = made(EVERYTHING, cors_origins=(APP,), cors_credentials=True).test_client()
    for answer in (client.get("/api/plants", headers={"Origin": APP}), preflight(client)):
        assert cors(answer)["Access-Control-Allow-Credentials"] == "true"
        assert cors(answer)["Access-Control-Allow-Origin"] == APP
    assert cors(client.get("/api/plants", headers={"Origin": EVIL})) == {}


def test_everybody_may_where_that_is_said_without_cookies(made):
    client = made(EVERYTHING, cors_origins=("*",)).test_client()
    answer = client.get("/api/plants", headers={"Origin": EVIL})
    assert cors(answer) == {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": EXPOSED}
    assert cors(preflight(client, origin=EVIL))["Access-Control-Allow-Origin"] == "*"


def test_nobody_may_without_the_setting(made):
    client = made(EVERYTHING).test_client()
    for answer in (client.get("/api/plants", headers={"Origin": APP}), preflight(client)):
        assert cors(answer) == {}
        assert "origin" not in answer.vary


def test_what_is_asked_for_cannot_break_the_answer(client):
    answer = preflight(client, headers="x: y;z")
    assert answer.status_code == 204
    assert "Access-Control-Allow-Headers" not in answer.headers


def test_refusals_by_limits_are_seen(start):
    limits = Limits(api=("1 per hour by address",))
    app = start(features=["db", "api", limits, Security(cors_origins=(APP,))], tables=False)
    client = app.test_client()
    answers = [client.get("/api/openapi.json", headers={"Origin": APP}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert cors(answers[1])["Access-Control-Allow-Origin"] == APP
    assert preflight(client, "/api/openapi.json").status_code == 204


def test_a_program_in_a_browser_uses_its_token(made):
    app = made(EVERYTHING, cors_origins=(APP,))
    add_admin(app)
    token = app.test_cli_runner().invoke(args=["kit", "users", "token", "ada@example.com"]).stdout.split()[0]
    sent = {"Origin": APP, "Authorization": f"Bearer {token}"}
    answer = app.test_client().post("/api/plants", json={"name": "Fern"}, headers=sent)
    assert (answer.status_code, cors(answer)["Access-Control-Allow-Origin"]) == (201, APP)


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        *(
            (
                {"cors_origins": (origin,)},
                f"'cors_origins' of feature 'security' has {origin!r}; write an origin like 'https://app.example'.",
            )
            for origin in (
                "app.example",
                "https://app.example/",
                "https://*.example",
                "null",
                "https://App.example",
                "https://app.example:443",
            )
        ),
        (
            {"cors_origins": ("*",), "cors_credentials": True},
            "'cors_credentials' of feature 'security' wants each origin named in 'cors_origins'.",
        ),
        (
            {"cors_credentials": True},
            "'cors_credentials' of feature 'security' wants each origin named in 'cors_origins'.",
        ),
    ],
)
def test_wrong_settings_are_told_at_start(made, settings, mistake):
    with pytest.raises(ConfigError) as refused:
        made(EVERYTHING, **settings)
    assert refused.value.mistakes == [mistake]


def test_origins_without_an_api_are_a_mistake(made):
    with pytest.raises(ConfigError, match="needs feature 'api'"):
        made(cors_origins=(APP,))


def test_the_document_names_the_cookie_as_it_is_called(made):
    app = made(EVERYTHING, env="production")
    document = app.test_client().get("/api/openapi.json", base_url="https://shop.example").json
    assert document["components"]["securitySchemes"]["cookieAuth"]["name"] == "__Host-session"
