"""Idempotency-Key: a POST that is sent again is carried out once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import inspect, update

from flaskkit import Api, Module, Resource, db, public
from flaskkit.api.idempotency import IdempotencyKey
from flaskkit.db.models import now
from tests.api.conftest import Names, known
from tests.api.writing import WRITING, ApiGuest, at_once

KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


@pytest.fixture
def app(start):
    return start(features=["db", "forms", Names(), Api()], modules=[WRITING])


@pytest.fixture
def slow(start):
    """Return a function that makes an app in which creating a guest calls *hook* first."""

    def slow(hook):
        guests = Resource(
            ApiGuest, name="guests", fields=["name"], read=public, write=public, bulk=5, hooks={"before_create": hook}
        )
        return start(features=["db", Names(), Api()], modules=[Module("m", resources=[guests])])

    return slow


def names(client):
    return [one["name"] for one in client.get("/api/guests/").json]


def whole(answer):
    headers = {name: value for name, value in answer.headers if name not in ("Set-Cookie", "Date")}
    return answer.status_code, headers, answer.data


def change(app, **values):
    with app.app_context():
        db.session.execute(update(IdempotencyKey).values(values))
        db.session.commit()


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("/api/guests/", {"name": "Eve"}),
        ("/api/parties/", {"name": "Tea", "cost": "2.5"}),
        ("/api/tables/", {"code": "A"}),
        ("/api/guests/bulk", [{"name": "Eve"}, {"name": "Adam"}]),
        ("/api/parties/bulk", [{"name": "Tea", "cost": "2.5"}]),
        ("/api/tables/bulk", [{"code": "A"}]),
    ],
)
def test_a_repeat_gets_the_same_answer_and_does_nothing(ann, url, body):
    first = ann.post(url, json=body, headers=KEY)
    assert first.status_code == 201
    assert whole(ann.post(url, json=body, headers=KEY)) == whole(first)
    shown = ann.get(url.removesuffix("bulk")).json
    assert shown == (first.json if isinstance(body, list) else [first.json])
    if "Location" in first.headers:
        assert ann.get(first.headers["Location"]).headers["ETag"] == first.headers["ETag"]


def test_another_body_with_the_key_is_refused(ann):
    ann.post("/api/guests/", json={"name": "Eve"}, headers=KEY)
    refused = ann.post("/api/guests/", json={"name": "Adam"}, headers=KEY)
    assert (refused.status_code, refused.json["detail"]) == (422, "This key was used with another body.")
    assert refused.json["errors"] == [
        {"detail": "This key was used with another body.", "parameter": "Idempotency-Key"}
    ]
    assert names(ann) == ["Eve"]


def test_a_key_belongs_to_its_caller_and_path(app, ann):
    bodies = {"/api/guests/": {"name": "Eve"}, "/api/parties/": {"name": "Eve"}, "/api/tables/": {"code": "A"}}
    for url, body in bodies.items():
        assert ann.post(url, json=body, headers=KEY).status_code == 201
    assert known(app, "bob").post("/api/guests/", json={"name": "Bob"}, headers=KEY).status_code == 201
    assert app.test_client().post("/api/tables/", json={"code": "B"}, headers=KEY).status_code == 201


def test_who_may_is_asked_each_time(app, ann):
    ann.post("/api/guests/", json={"name": "Eve"}, headers=KEY)
    assert app.test_client().post("/api/guests/", json={"name": "Eve"}, headers=KEY).status_code == 401


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb"])
def test_a_malformed_key_is_refused(ann, key):
    refused = ann.post("/api/guests/", json={"name": "Eve"}, headers={"Idempotency-Key": key})
    assert (refused.status_code, refused.json["detail"]) == (400, "Give 1 to 255 printable ASCII characters.")
    assert [one["parameter"] for one in refused.json["errors"]] == ["Idempotency-Key"]
    assert names(ann) == []


@pytest.mark.parametrize("key", ["x", "x" * 255, '"quoted one"', "~!'%\\"])
def test_other_keys_are_taken(ann, key):
    for _ in range(2):
        assert ann.post("/api/guests/", json={"name": "Eve"}, headers={"Idempotency-Key": key}).status_code == 201


def test_without_a_key_nothing_is_noted(ann, count_statements):
    with count_statements() as seen:
        ann.post("/api/guests/", json={"name": "Eve"})
    assert len(seen) == 1
    assert ann.post("/api/guests/", json={"name": "Eve"}).status_code == 409


def test_a_refusal_is_an_answer_like_any_other(ann):
    ann.post("/api/guests/", json={"name": "Eve"})
    first = ann.post("/api/guests/", json={"name": "Eve"}, headers=KEY)
    assert first.status_code == 409
    ann.delete("/api/guests/1")
    assert whole(ann.post("/api/guests/", json={"name": "Eve"}, headers=KEY)) == whole(first)


def test_what_could_not_even_begin_leaves_the_key_free(ann):
    assert ann.post("/api/guests/", json={"name": 1}, headers=KEY).status_code == 422
    assert ann.post("/api/guests/", json={"name": "Eve"}, headers=KEY).status_code == 201


def test_work_that_failed_can_be_tried_again_with_the_same_key(slow):
    trouble = [RuntimeError("out of paper")]

    def hook(item, values, user):
        if trouble:
            raise trouble.pop()

    app = slow(hook)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    client = app.test_client()
    assert client.post("/api/guests/", json={"name": "Eve"}, headers=KEY).status_code == 500
    assert client.post("/api/guests/", json={"name": "Eve"}, headers=KEY).status_code == 201
    assert names(client) == ["Eve"]


def test_a_repeat_while_the_first_is_at_work_is_a_conflict(slow):
    seen = []

    def hook(item, values, user):
        if not seen:
            seen.append(None)
            seen.append(app.test_client().post("/api/guests/", json={"name": "Eve"}, headers=KEY))

    app = slow(hook)
    client = app.test_client()
    assert client.post("/api/guests/", json={"name": "Eve"}, headers=KEY).status_code == 201
    assert (seen[1].status_code, seen[1].json["detail"]) == (409, "A request with this key has not been answered yet.")
    assert names(client) == ["Eve"]


def test_a_key_whose_process_died_is_free_after_a_minute(app, ann):
    ann.post("/api/guests/", json={"name": "Eve"}, headers=KEY)
    # As it is while the work goes on; the work of a process that died has left nothing.
    change(app, status=None, expires_at=now() + timedelta(seconds=1))
    assert ann.post("/api/guests/", json={"name": "Eve"}, headers=KEY).status_code == 409
    ann.delete("/api/guests/1")
    change(app, expires_at=now() - timedelta(seconds=1))
    assert ann.post("/api/guests/", json={"name": "Eve"}, headers=KEY).status_code == 201


def test_work_whose_key_another_took_over_is_undone(slow):
    def hook(item, values, user):
        # As another request does, after a minute.
        db.session.execute(update(IdempotencyKey).values(attempt="another's"))

    client = slow(hook).test_client()
    refused = client.post("/api/guests/", json={"name": "Eve"}, headers=KEY)
    assert (refused.status_code, refused.json["detail"]) == (409, "A request with this key has not been answered yet.")
    assert names(client) == []


def test_a_key_is_forgotten_after_the_hours(app, ann):
    ann.post("/api/guests/", json={"name": "Eve"}, headers=KEY)
    with app.app_context():
        expires = db.session.scalar(db.select(IdempotencyKey.expires_at))
    assert timedelta(hours=23) < expires - now() <= timedelta(hours=24)
    change(app, expires_at=now() - timedelta(seconds=1))
    assert ann.post("/api/guests/", json={"name": "Eve"}, headers=KEY).status_code == 409


def test_expired_keys_are_removed_on_the_way(start):
    first = start(features=["db", Names(), Api()], modules=[WRITING])
    client = first.test_client()
    client.post("/api/tables/", json={"code": "A"}, headers=KEY)
    change(first, expires_at=now() - timedelta(seconds=1))
    # A process that has just been started.
    second = start(features=["db", Names(), Api()], modules=[WRITING])
    second.test_client().post("/api/tables/", json={"code": "B"}, headers={"Idempotency-Key": "other"})
    with second.app_context():
        assert db.session.scalar(db.select(db.func.count()).select_from(IdempotencyKey)) == 1


def test_ten_at_once_make_one_row_and_one_answer(app):
    clients = [known(app, "ann") for _ in range(10)]
    answers = at_once(10, lambda i: clients[i].post("/api/guests/", json={"name": "Eve"}, headers=KEY))
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = [answer for answer in answers if answer.status_code == 201]
    assert made
    assert {answer.data for answer in made} == {clients[0].get("/api/guests/1").data}
    told = {answer.json["detail"] for answer in answers if answer.status_code == 409}
    assert told <= {"A request with this key has not been answered yet."}
    assert names(clients[0]) == ["Eve"]
    repeats = at_once(10, lambda i: clients[i].post("/api/guests/", json={"name": "Eve"}, headers=KEY))
    assert [whole(answer) for answer in repeats] == [whole(made[0])] * 10


def test_off_means_absent(start):
    app = start(features=["db", Names(), Api(idempotency_hours=0)], modules=[WRITING])
    client = app.test_client()
    for code in "AB":
        assert client.post("/api/tables/", json={"code": code}, headers=KEY).status_code == 201
    with app.app_context():
        assert "api_idempotency_keys" not in inspect(db.engine).get_table_names()
    assert "parameters" not in client.get("/api/openapi.json").json["paths"]["/api/tables"]["post"]


def test_the_document_tells_the_header(app):
    paths = app.test_client().get("/api/openapi.json").json["paths"]
    for path in ("/api/guests", "/api/guests/bulk"):
        [header] = paths[path]["post"]["parameters"]
        assert (header["name"], header["in"], header.get("required", False)) == ("Idempotency-Key", "header", False)
        assert {"400", "409", "422"} <= set(paths[path]["post"]["responses"])
