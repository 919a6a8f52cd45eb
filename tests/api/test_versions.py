"""Several versions of an API side by side, each with a document of its own."""

from __future__ import annotations

import flask_smorest
import marshmallow as ma
import pytest

from flaskkit import Api, Config, Module, Resource, create_app, nobody, public
from flaskkit.errors import ConfigError
from tests.api.conftest import LIBRARY, ApiBook, Names, known

old_books = Resource(ApiBook, name="books", fields=["title"], read=public, create=public)
counts = flask_smorest.Blueprint("counts", __name__, url_prefix="/counts")


@counts.route("")
@counts.response(200, ma.Schema.from_dict({"books": ma.fields.Integer()}, name="Counts"))
def count():
    return {"books": 7}


OLDER = Module("older", contributions={"api": {"/api/v1": [old_books, counts]}})


@pytest.fixture
def app(start):
    return start(features=["db", "forms", Names(), Api(title="Library", version="2")], modules=[LIBRARY, OLDER])


@pytest.fixture
def client(app):
    return app.test_client()


def test_each_version_has_its_resources_and_blueprints(app, client):
    ann = known(app, "ann")
    now, then = (
        ann.post("/api/books", json={"title": "Emma"}),
        client.post("/api/v1/books", json={"title": "Persuasion"}),
    )
    assert (now.status_code, now.headers["Location"]) == (201, "/api/books/1")
    assert (then.status_code, then.headers["Location"]) == (201, "/api/v1/books/2")
    assert client.get("/api/v1/books").json == [{"id": 1, "title": "Emma"}, {"id": 2, "title": "Persuasion"}]
    assert set(client.get("/api/books/2").json) > {"id", "title", "kind", "cost"}
    assert client.get("/api/v1/counts").json == {"books": 7}
    assert client.get("/api/v1/shelves").status_code == client.get("/api/counts").status_code == 404


def test_each_version_has_its_document_and_page(client):
    now, then = client.get("/api/openapi.json").json, client.get("/api/v1/openapi.json").json
    assert (now["info"], then["info"]) == ({"title": "Library", "version": "2"}, {"title": "Library", "version": "v1"})
    assert set(then["paths"]) == {"/api/v1/books", "/api/v1/books/{key}", "/api/v1/counts"}
    assert not set(now["paths"]) & set(then["paths"])
    assert set(then["components"]["schemas"]["ApiBook"]["properties"]) == {"id", "title"}
    assert then["paths"]["/api/v1/books"]["get"]["operationId"] == "list_books"
    assert 'data-url="/api/v1/openapi.json"' in client.get("/api/v1/docs").text
    assert 'data-url="/api/openapi.json"' in client.get("/api/docs").text


def test_each_version_answers_errors_as_problems_and_asks_sessions_for_a_token(app):
    assert app.test_client().get("/api/v1/nothing").content_type == "application/problem+json"
    browser = known(app, "ann")
    browser.environ_base["HTTP_X_BY"] = "session"
    refused = browser.post("/api/v1/books", json={"title": "Emma"})
    assert (refused.status_code, refused.json["detail"]) == (400, "The CSRF token is missing.")


def test_a_version_has_native_keys_and_is_printed_as_flask_smorest_does_it(start):
    native = {"V1_API_TITLE": "The old library", "V1_API_VERSION": "1.9"}
    app = start(features=["db", Api()], modules=[LIBRARY, OLDER], flask=native)
    printed = app.test_cli_runner().invoke(args=["openapi", "print", "--config-prefix", "V1"]).output
    assert '"title": "The old library"' in printed
    assert '"version": "1.9"' in printed
    assert app.extensions["flask-smorest"]["apis"]["V1_"]["ext_obj"].spec.title == "The old library"


def test_docs_for_users_are_so_in_every_version(start):
    client = start(features=["db", Api(docs="login")], modules=[LIBRARY, OLDER]).test_client()
    for path in ("/api/openapi.json", "/api/v1/openapi.json", "/api/docs", "/api/v1/docs"):
        assert client.get(path).status_code == 401


HINT = "write it like {'/api/v1': [old_notes]}."


@pytest.mark.parametrize(
    ("given", "mistake"),
    [
        ([old_books], f"Module 'wrong' contributes 'list' to feature 'api'; {HINT}"),
        ({"v1": [old_books]}, f"Module 'wrong' contributes 'v1' to feature 'api'; {HINT}"),
        ({"/api": [old_books]}, f"Module 'wrong' contributes '/api' to feature 'api'; {HINT}"),
        (
            {"/api/v1": [ApiBook]},
            f"Module 'wrong' has {ApiBook!r} in /api/v1, which takes resources and flask-smorest's blueprints.",
        ),
        (
            {"/api/v1": [Resource(ApiBook, name="books", fields=["titel"], read=nobody)]},
            "Resource 'books' names 'titel' in fields, which ApiBook lacks. Did you mean 'title'?",
        ),
        (
            {"/api/v1": [Resource(ApiBook, name="books", filters=["autor.name"], sorts=["shelves.name"], read=nobody)]},
            "Resource 'books' filters by 'autor.name', in which 'autor' leads nowhere.",
        ),
        (
            {"/api/books": [old_books]},
            "Resource 'books' needs another name: an older version of the API is at /api/books.",
        ),
    ],
)
def test_a_wrong_contribution_is_told_at_start(given, mistake):
    wrong = Module("wrong", contributions={"api": given})
    with pytest.raises(ConfigError) as error:
        create_app(Config("testapp", env="testing", features=["db", Api()], modules=[LIBRARY, wrong]))
    assert mistake in str(error.value)
