"""What happens to those who are too many, and how long."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import flask_smorest
import pytest
from flask import Flask
from flask.views import MethodView

from flaskkit import ConfigError, FeatureError, Limits, Module, limited


def test_one_too_many_is_429_and_told_when_to_come_back(made, clock):
    site = made()
    assert [site.get().status_code for _ in range(3)] == [200] * 3
    clock.turn(20.5)
    refused = site.get()
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "40"
    assert refused.headers["RateLimit-Policy"] == '"search-address-60";q=3;w=60'
    assert refused.headers["RateLimit"] == '"search-address-60";r=0;t=40'
    clock.turn(39)
    # Coming too early makes it no longer.
    assert site.get().headers["Retry-After"] == "1"
    clock.turn(1)
    assert site.get().status_code == 200


def test_an_answer_says_how_much_is_left(made, clock):
    site = made(own={"both": ("5 per minute by address", "2 per second by caller")})
    site.app.add_url_rule("/both", "both", limited("both")(lambda: "found"))
    assert [site.get().headers["RateLimit"] for _ in range(2)] == [
        '"search-address-60";r=2;t=60',
        '"search-address-60";r=1;t=60',
    ]
    answer = site.get("/both")
    assert answer.headers.getlist("RateLimit-Policy") == ['"both-address-60";q=5;w=60', '"both-caller-1";q=2;w=1']
    assert answer.headers.getlist("RateLimit") == ['"both-address-60";r=4;t=60', '"both-caller-1";r=1;t=1']


def test_what_is_not_limited_says_nothing(made):
    site = made()
    site.app.add_url_rule("/free", "free", lambda: "free")
    assert not [name for name, _ in site.get("/free").headers if name.startswith("RateLimit")]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("", "no address", True),
    ],
)
def test_who_counts_as_one_address(made, first, second, same):
    site = made()
    for _ in range(3):
        site.get(address=first)
    assert site.get(address=second).status_code == (429 if same else 200)


def test_addresses_that_a_visitor_makes_up_do_not_count(made):
    site = made()
    codes = [site.get(headers={"X-Forwarded-For": f"203.0.113.{n}"}).status_code for n in range(4)]
    assert codes == [200, 200, 200, 429]


def test_behind_a_proxy_that_is_configured_visitors_are_told_apart(start):
    from flaskkit import Security

    app = start(features=[Security(proxy_hops=1), Limits(own={"search": ("1 per minute by address",)})])
    app.add_url_rule("/search", "search", limited("search")(lambda: "found"))
    client = app.test_client()
    codes = [
        client.get("/search", headers={"X-Forwarded-For": f"6.6.6.6, 203.0.113.{n}"}).status_code for n in (1, 2, 1)
    ]
    assert codes == [200, 200, 429]


def test_many_at_once_are_not_more(made):
    site = made(own={"search": ("20 per hour by address",)})
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: site.get().status_code, range(60)))
    assert codes.count(200) == 20


def test_each_app_counts_by_itself(made):
    one, other = made(), made()
    for _ in range(4):
        one.get()
    assert (one.get().status_code, other.get().status_code) == (429, 200)


def test_a_refusal_is_a_page_or_a_problem(made):
    site = made(["db", "forms", "auth", "api", "pages"], own={"search": ("1 per hour by address",)})
    site.app.add_url_rule("/api/search", "api_search", limited("search")(lambda: "found"))
    site.get()
    page, problem = site.get(), site.get("/api/search")
    assert page.status_code == problem.status_code == 429
    assert page.mimetype == "text/html"
    assert "Too many attempts. Try again in 60 minutes." in page.text
    assert problem.mimetype == "application/problem+json"
    assert problem.json["detail"] == "Too many attempts. Try again in 60 minutes."
    assert problem.headers["Retry-After"] == "3600"


def test_it_is_logged_once_in_each_window(made, clock, caplog):
    site = made()
    for _ in range(9):
        site.get(address="192.0.2.7")
    assert caplog.messages == ['Limit "search-address-60";q=3;w=60 is reached, by 192.0.2.7.']


def test_without_the_feature_nothing_is_counted(start):
    app: Flask = start(features=[])
    app.add_url_rule("/search", "search", limited("search")(lambda: "found"))
    assert {app.test_client().get("/search").status_code for _ in range(50)} == {200}


def test_requests_to_the_api_are_counted_by_caller(made, start):
    site = made(["db", "forms", "auth", "api"], api=("2 per minute by caller",))
    site.add("ada@example.com", "bob@example.com")
    tokens = [
        {"Authorization": f"Bearer {run.stdout.split()[0]}"}
        for email in ("ada@example.com", "ada@example.com", "bob@example.com")
        for run in [site.app.test_cli_runner().invoke(args=["kit", "users", "token", email])]
    ]
    ada, ada_too, bob = tokens
    assert [site.get("/api/things", headers=ada).status_code for _ in range(2)] == [200, 200]
    refused = site.get("/api/things", headers=ada_too, address="192.0.2.99")
    assert (refused.status_code, refused.mimetype) == (429, "application/problem+json")
    # Others, strangers at the same address and the rest of the site have not used theirs up.
    assert site.get("/api/things", headers=bob).headers["RateLimit"].startswith('"api-caller-60";r=1;')
    assert [site.get("/api/nowhere").status_code for _ in range(3)] == [404, 404, 429]
    # A wrong token is a stranger's.
    assert site.get("/api/things", headers={"Authorization": "Bearer fk_wrong"}).status_code == 429
    assert site.get("/auth/login").status_code == 200
    assert site.app.test_client().options("/api/things").status_code == 200


def test_the_document_names_the_refusal_of_a_limited_operation(start):
    blueprint = flask_smorest.Blueprint("search", __name__, url_prefix="/api")

    @blueprint.route("/search")
    @limited("search")
    @blueprint.response(204)
    def search():
        return ""

    @blueprint.route("/both")
    class Both(MethodView):
        @blueprint.response(204)
        @limited("search")
        def get(self):
            return ""

        @blueprint.response(204)
        def post(self):
            return ""

    own = Module("search", blueprints=[blueprint])
    features = ["db", "api", Limits(own={"search": ("3 per minute by address",)})]
    app = start(features=features, modules=[own])
    document = app.test_client().get("/api/openapi.json").json
    paths = document["paths"]
    for path in ("/api/search", "/api/both"):
        assert paths[path]["get"]["responses"]["429"] == {"$ref": "#/components/responses/TOO_MANY_REQUESTS"}
    assert "429" not in paths["/api/both"]["post"]["responses"]
    described = document["components"]["responses"]["TOO_MANY_REQUESTS"]["headers"]
    refused = [app.test_client().get("/api/search") for _ in range(4)][-1]
    assert refused.status_code == 429
    assert set(described) == {"Retry-After", "RateLimit-Policy", "RateLimit"} <= set(refused.headers.keys())
    without = start(features=["db", "api"], modules=[own]).test_client().get("/api/openapi.json").json
    assert "429" not in without["paths"]["/api/search"]["get"]["responses"]


def test_the_document_names_the_refusal_where_the_api_is_limited(made):
    limited_site, free = (made(["db", "api"], api=api) for api in (("9 per minute by caller",), ()))
    shown, not_shown = (
        site.get("/api/openapi.json").json["paths"]["/api/things"]["get"]["responses"] for site in (limited_site, free)
    )
    assert "429" in shown
    assert "429" not in not_shown


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        (
            {"login": ("10 per 5 minutes",)},
            "Feature 'limits': '10 per 5 minutes' in 'login' is no limit; write it like '10 per 5 minutes by address'."
            " It is by address, by caller or by account.",
        ),
        (
            {"login": ("10 per 5 minutes by adress",)},
            "Feature 'limits': '10 per 5 minutes by adress' in 'login' is no limit; write it like "
            "'10 per 5 minutes by address'. Did you mean 'address'? It is by address, by caller or by account.",
        ),
        *(
            (
                {"own": {"search": (f"{text} by address",)}},
                f"Feature 'limits': '{text} by address' in 'search' is no limit; write it like "
                "'10 per 5 minutes by address'.",
            )
            for text in ("ten per minute", "10 per fortnight", "0 per hour", "1 per hour; 2 per day", "10", "")
        ),
        (
            {"own": {"a b": ("1 per hour by address",)}},
            "Feature 'limits': 'a b' is no name for a limit; write it like 'search'.",
        ),
        ({"own": {"login": ("1 per hour by address",)}}, "Feature 'limits': 'login' in 'own' is a setting itself."),
        ({"storage": "memcached://a:secret@b"}, "Feature 'limits': 'storage' is memory:// or redis://host:6379/0."),
        (
            {"storage": "redis://:secret@host:port/0"},
            "Feature 'limits': 'storage' is no address of Redis; write it like redis://host:6379/0.",
        ),
        ({"api": ("1 per hour by caller",)}, "'api' of feature 'limits' needs feature 'api', which is switched off."),
    ],
)
def test_wrong_settings_are_told_at_start(start, settings, mistake):
    with pytest.raises(ConfigError) as refused:
        start(features=[Limits(**settings)])
    assert refused.value.mistakes == [mistake]


def test_a_missing_package_is_told_at_start(start, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "redis", None)
    with pytest.raises(ConfigError, match=r"pip install 'flaskkit\[redis\]'"):
        start(features=[Limits(storage="redis://127.0.0.1")])


def test_a_view_that_names_no_limit_is_told_at_start(start):
    from flask import Blueprint

    class Search(MethodView):
        @limited("serch")
        def get(self):
            return "found"

    blueprint = Blueprint("search", __name__)
    blueprint.add_url_rule("/search", view_func=Search.as_view("all"))
    with pytest.raises(FeatureError, match="View 'search.all' names the limit 'serch', .* Did you mean 'search'?"):
        start(
            features=[Limits(own={"search": ("1 per hour by address",)})], modules=[Module("s", blueprints=[blueprint])]
        )


def test_a_limit_of_no_name_is_a_mistake_where_it_is_used(made):
    site = made()
    with site.app.test_request_context(), pytest.raises(LookupError, match="no limit 'log_in'. Did you mean 'login'?"):
        site.app.extensions["flaskkit.limits"].hit("log_in")


def test_limits_come_from_the_environment_and_from_toml(tmp_path):
    from flaskkit import Config, create_app

    file = tmp_path / "app.toml"
    file.write_text('features = ["limits"]\n[limits.own]\nsearch = ["1 per hour by address"]\n')
    environ = {"APP_ENV": "testing", "APP_LIMITS_LOGIN": "1 per hour by address,2 per day by account"}
    app = create_app(Config.load("shop", toml=file, environ=environ))
    app.add_url_rule("/search", "search", limited("search")(lambda: "found"))
    client = app.test_client()
    assert [client.get("/search").status_code for _ in range(2)] == [200, 429]
    limiter = app.extensions["flaskkit.limits"]
    with app.test_request_context(environ_overrides={"REMOTE_ADDR": "192.0.2.1"}):
        limiter.hit("login")
        with pytest.raises(Exception, match="429"):
            limiter.hit("login")
