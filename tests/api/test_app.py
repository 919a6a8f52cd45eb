"""How the feature is wired: flask-smorest itself, hand-written blueprints, settings, two apps, nothing left behind."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

import flask_smorest
import marshmallow as ma
import pytest
from flask import url_for
from flask.views import MethodView
from sqlalchemy.orm import Mapped, mapped_column

from flaskkit import (
    Api,
    Config,
    ConfigError,
    IntegerKey,
    Model,
    Module,
    Resource,
    ResourceError,
    create_app,
    login,
    public,
    requires,
    role,
)
from tests.api.conftest import LIBRARY, ApiBook, ApiNote, Names, known

nearest = flask_smorest.Blueprint("api_nearest", __name__, url_prefix="/nearest", description="Close by")


class Place(ma.Schema):
    name = ma.fields.String(required=True)


@nearest.route("/")
class Nearest(MethodView):
    @nearest.response(200, Place(many=True))
    def get(self):
        """What is near."""
        return [{"name": "Rome"}]

    @requires(role("librarian"))
    @nearest.arguments(Place)
    @nearest.response(201, Place)
    def post(self, place):
        return place


below = flask_smorest.Blueprint("api_below", __name__, url_prefix="/api/below")


@below.route("/<int:number>", methods=["POST"])
@requires(login)
@below.response(204)
def touch(number):
    pass


HAND = Module("api_hand", blueprints=[nearest, below])


@pytest.fixture
def app(start):
    return start(features=["db", "forms", Names(), Api()], modules=[LIBRARY, HAND])


def test_the_api_is_flask_smorest_itself(app):
    api = app.extensions["flask-smorest"]["apis"][""]["ext_obj"]
    assert type(api) is flask_smorest.Api
    assert api.spec.title == "API"


def test_views_are_reached_by_the_name_of_their_resource(app):
    with app.test_request_context():
        assert url_for("api.books.list") == "/api/books"
        assert url_for("api.books.read", key=7) == "/api/books/7"


def test_a_hand_written_blueprint_stands_below_the_prefix(app):
    with app.test_request_context():
        assert url_for("api_nearest.Nearest") == "/api/nearest/"
        assert url_for("api_below.touch", number=1) == "/api/below/1"
    assert app.test_client().get("/api/nearest/").json == [{"name": "Rome"}]


def test_a_hand_written_view_has_the_same_problems_and_csrf_rule(app):
    stranger, librarian = app.test_client(), known(app, "lib")
    assert stranger.post("/api/nearest/", json={}).status_code == 401
    assert librarian.post("/api/nearest/", json={"name": "Rome"}).status_code == 201
    refused = librarian.post("/api/nearest/", json={})
    assert refused.json["errors"] == [{"pointer": "#/name", "detail": "Missing data for required field."}]
    librarian.environ_base["HTTP_X_BY"] = "session"
    assert librarian.post("/api/nearest/", json={"name": "Rome"}).status_code == 400


@pytest.mark.parametrize("body", [b"[" * 5000, b"1" * 5000, b'{"name":' * 990 + b"1" + b"}" * 990])
def test_a_hand_written_view_is_safe_from_json_that_breaks_readers(app, body):
    refused = known(app, "lib").post("/api/nearest/", data=body, content_type="application/json")
    assert refused.status_code == 400


def test_flask_openapi_print_works_as_upstream_documents(app):
    printed = app.test_cli_runner().invoke(args=["openapi", "print"])
    assert '"openapi": "3.1.0"' in printed.output
    assert '"/api/books"' in printed.output


def test_native_keys_win(start):
    native = {
        "API_TITLE": "Native",
        "API_VERSION": "9",
        "OPENAPI_VERSION": "3.0.3",
        "OPENAPI_URL_PREFIX": "/spec",
        "OPENAPI_JSON_PATH": "all.json",
    }
    app = start(features=["db", Api(title="Mine")], modules=[LIBRARY], flask=native)
    client = app.test_client()
    document = client.get("/spec/all.json").json
    assert (document["info"], document["openapi"]) == ({"title": "Native", "version": "9"}, "3.0.3")
    assert 'data-url="/spec/all.json"' in client.get("/api/docs").text
    assert client.get("/api/openapi.json").status_code == 404
    assert client.get("/api/books/").status_code == 200


def test_the_document_can_be_switched_off_natively(start):
    client = start(features=["db", Api()], modules=[LIBRARY], flask={"OPENAPI_URL_PREFIX": None}).test_client()
    assert client.get("/api/docs").status_code == client.get("/api/openapi.json").status_code == 404
    assert client.get("/api/books/").status_code == 200


def test_two_apps_with_opposite_settings_live_side_by_side(start):
    one = start(features=["db", Api(title="One", url_prefix="/v1", page_size=1)], modules=[LIBRARY, HAND])
    two = start(features=["db", Api(title="Two", docs="off", max_page_size=30)], modules=[LIBRARY, HAND])
    without = start(features=["db"], modules=[LIBRARY])
    assert one.test_client().get("/v1/openapi.json").json["info"]["title"] == "One"
    assert two.extensions["flask-smorest"]["apis"][""]["ext_obj"].spec.title == "Two"
    assert two.test_client().get("/api/openapi.json").status_code == 404
    assert one.test_client().get("/v1/docs").status_code == 200
    assert two.test_client().get("/api/docs").status_code == 404
    assert two.test_client().get("/api/books/?page_size=31").status_code == 422
    assert one.test_client().get("/v1/nothing").content_type == "application/problem+json"
    assert one.test_client().get("/api/nothing").content_type != "application/problem+json"
    assert "flask-smorest" not in without.extensions
    assert [rule.rule for rule in without.url_map.iter_rules()] == ["/static/<path:filename>"]


def test_a_dropped_app_is_freed():
    app = create_app(Config("testapp", env="testing", features=["db", "forms", Api()], modules=[LIBRARY, HAND]))
    app.test_client().get("/api/openapi.json")
    watched = weakref.ref(app)
    del app
    gc.collect()
    assert watched() is None


def test_an_app_without_the_api_does_not_import_it():
    program = (
        "import sys; from flaskkit import Config, create_app; create_app(Config('x', env='testing', features=['db']));"
        "print([n for n in sys.modules if n.split('.')[0] in ('flask_smorest', 'marshmallow') or n == 'flaskkit.api'])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        ({"url_prefix": "api"}, "'url_prefix' of feature 'api' is 'api'; write it like '/api'."),
        ({"url_prefix": "/"}, "'url_prefix' of feature 'api' is '/'; write it like '/api'."),
        ({"page_size": 0}, "'page_size' of feature 'api' is 0; it must be from 1 to max_page_size, 100."),
        ({"page_size": 200}, "'page_size' of feature 'api' is 200; it must be from 1 to max_page_size, 100."),
    ],
)
def test_wrong_settings_are_told_at_start(settings, mistake):
    with pytest.raises(ConfigError) as caught:
        create_app(Config("testapp", env="testing", features=["db", Api(**settings)]))
    assert caught.value.mistakes == [mistake]


class ApiPaper(IntegerKey, Model):
    __tablename__ = "api_paper"
    page: Mapped[int]
    data: Mapped[bytes] = mapped_column()


def test_a_filter_cannot_have_the_name_of_another_parameter(start):
    papers = Resource(ApiPaper, name="papers", fields=["page"], filters=["page"], read=public)
    with pytest.raises(ResourceError) as caught:
        start(features=["db", Api()], modules=[Module("papers", resources=[papers])])
    assert caught.value.mistakes == [
        "Resource 'papers' filters by 'page', which is a parameter of every list.",
    ]


def test_a_resource_cannot_stand_where_the_docs_are(start):
    with pytest.raises(ResourceError) as caught:
        start(features=["db", Api()], modules=[Module("m", resources=[Resource(ApiNote, name="docs", read=public)])])
    assert caught.value.mistakes == ["Resource 'docs' needs another name: the API's docs are at /api/docs."]


def test_two_resources_of_one_model_have_schemas_of_their_own(start):
    few = Resource(ApiBook, name="few_books", fields=["title"], read=public)
    app = start(features=["db", Api()], modules=[LIBRARY, Module("few", resources=[few])])
    schemas = app.test_client().get("/api/openapi.json").json["components"]["schemas"]
    assert list(schemas["FewBooks"]["properties"]) == ["id", "title"]
    assert "stars" in schemas["ApiBook"]["properties"]


def test_a_public_list_costs_one_statement_and_one_for_each_list_in_it(app, add, count_statements):
    for title in "ABC":
        add(title)
    client = app.test_client()
    with count_statements() as seen:
        client.get("/api/books/")
    assert len([text for text in seen if text.startswith("SELECT")]) == 2
