"""Apps with opposite settings side by side in one process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.orm import Mapped

from flaskkit import Api, Auth, Config, Db, IntegerKey, Model, Module, Pages, Resource, create_app, public


class GuardsTwoThing(IntegerKey, Model):
    __tablename__ = "guards_two_thing"
    name: Mapped[str]

    def __str__(self) -> str:
        return self.name


module = Module("two", resources=[Resource(GuardsTwoThing, name="things", fields=["name"], read=public, write=public)])


@pytest.fixture
def apps(tmp_path):
    """Return two apps of one module, each with its own database, and as different otherwise as can be."""
    left = Config(
        "left",
        env="testing",
        features=[Db(url=f"sqlite:///{tmp_path}/left.db"), "forms", Auth(sign_up=True), Pages(title="Left"), "admin"],
        modules=[module],
    )
    right = Config(
        "right",
        env="testing",
        features=[Db(url=f"sqlite:///{tmp_path}/right.db"), Api(title="Right", url_prefix="/rest")],
        modules=[module],
    )
    made = create_app(left), create_app(right)
    for app in made:
        assert app.test_cli_runner().invoke(args=["kit", "create-tables"]).exit_code == 0
    return made


def test_each_has_its_own_routes(apps):
    left, right = (app.test_client() for app in apps)
    assert [left.get(path).status_code for path in ("/things/", "/auth/login", "/rest/things/")] == [200, 200, 404]
    assert [right.get(path).status_code for path in ("/things/", "/auth/login", "/rest/things/")] == [404, 404, 200]


def test_each_has_its_own_data(apps):
    left, right = (app.test_client() for app in apps)
    assert right.post("/rest/things/", json={"name": "only right"}).status_code == 201
    assert "only right" in right.get("/rest/things/").text
    assert "only right" not in left.get("/things/").text


def test_each_answers_errors_in_its_own_form(apps):
    left, right = (app.test_client().get("/rest/nowhere") for app in apps)
    assert (left.status_code, left.mimetype) == (404, "text/html")
    assert (right.status_code, right.mimetype) == (404, "application/problem+json")


def test_requests_to_both_at_once_do_not_mix(apps):
    left, right = apps
    right.test_client().post("/rest/things/", json={"name": "only right"})

    def ask(number):
        if number % 2:
            return "only right" in right.test_client().get("/rest/things/").text
        return "only right" not in left.test_client().get("/things/").text

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(40)))


def test_one_feature_object_may_serve_two_apps(tmp_path):
    shared = [Db(url="sqlite://"), Api(title="Shared")]
    first, second = (create_app(Config(name, env="testing", features=shared)) for name in ("first", "second"))
    assert [app.test_client().get("/api/openapi.json").status_code for app in (first, second)] == [200, 200]
    assert first.extensions["flask-smorest"] is not second.extensions["flask-smorest"]
