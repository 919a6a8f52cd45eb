"""Many rows with one request: all or nothing, with a cap, and errors that say which item."""

from __future__ import annotations

import pytest

from flaskkit import Api, Conflicting, Module, Rejected, Resource, public
from tests.api.conftest import Names, known
from tests.api.writing import WRITING, ApiGuest
from tests.conftest import SERVER


@pytest.fixture
def app(start):
    return start(features=["db", "forms", Names(), Api()], modules=[WRITING])


@pytest.fixture
def keys(ann):
    """The keys of five guests of Ann's: A to E."""
    return [one["id"] for one in ann.post("/api/guests/bulk", json=[{"name": name} for name in "ABCDE"]).json]


def names(client, path="/api/guests/?sort=name"):
    return [one["name"] for one in client.get(path).json]


def error(refused):
    return {one.get("pointer", one.get("parameter")): one["detail"] for one in refused.json["errors"]}


def test_many_are_created(ann):
    made = ann.post("/api/guests/bulk", json=[{"name": "Eve", "seats": 2}, {"name": "Adam"}])
    assert made.status_code == 201
    assert made.json == [ann.get("/api/guests/1").json, ann.get("/api/guests/2").json]
    assert [one["name"] for one in made.json] == ["Eve", "Adam"]


def test_many_are_changed(ann, keys):
    changes = [{"id": keys[2], "name": "X"}, {"id": keys[0], "seats": 3}, {"id": keys[1]}]
    changed = ann.patch("/api/guests/bulk", json=changes)
    assert changed.status_code == 200
    assert changed.json == [ann.get(f"/api/guests/{change['id']}").json for change in changes]
    assert [(one["name"], one["seats"]) for one in changed.json] == [("X", 1), ("A", 3), ("B", 1)]


def test_many_are_deleted(ann, keys):
    gone = ann.delete(f"/api/guests/bulk?keys={keys[0]},{keys[3]}")
    assert (gone.status_code, gone.data) == (204, b"")
    assert names(ann) == ["B", "C", "E"]


def test_a_final_slash_makes_no_difference(ann):
    assert ann.post("/api/guests/bulk/", json=[{"name": "Eve"}]).status_code == 201


def test_relationships_of_many_are_keys(ann, keys):
    bodies = [
        {"name": "Tea", "cost": "2.5", "host": keys[0], "guests": [keys[1], keys[2]]},
        {"name": "Cake", "guests": [keys[1]]},
    ]
    made = ann.post("/api/parties/bulk", json=bodies)
    assert made.json == [ann.get("/api/parties/1").json, ann.get("/api/parties/2").json]
    assert (made.json[0]["host"], made.json[0]["guests"], made.json[0]["cost"]) == (keys[0], keys[1:3], "2.50")
    changed = ann.patch("/api/parties/bulk", json=[{"id": 2, "host": keys[3], "guests": []}])
    assert (changed.json[0]["host"], changed.json[0]["guests"]) == (keys[3], [])


def test_rows_that_only_model_objects_can_show_are_shown(ann):
    made = ann.post("/api/tables/bulk", json=[{"code": "B"}, {"code": "A", "size": 8}])
    assert made.json == [{"code": "B", "size": 4}, {"code": "A", "size": 8}]
    assert ann.patch("/api/tables/bulk", json=[{"code": "B", "size": 2}]).json == [{"code": "B", "size": 2}]
    assert ann.delete("/api/tables/bulk?keys=B").status_code == 204


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"name": "X"}, {"#": "Not an array."}),
        ([], {"#": "Send 1 to 5 items, not 0."}),
        ([{"name": "X"}] * 6, {"#": "Send 1 to 5 items, not 6."}),
        ([{"name": "X"}, 7], {"#/1": "Not a JSON object."}),
        (
            [{"name": "X"}, {"seats": 0, "host": 1}],
            {
                "#/1/name": "This is required.",
                "#/1/seats": "Less than 1.",
                "#/1/host": "There is no such field to send.",
            },
        ),
        ([{"name": 1}, {"name": "X"}, {"name": None}], {"#/0/name": "Not a text.", "#/2/name": "This cannot be null."}),
    ],
)
def test_bad_bodies_of_new_ones_are_refused(ann, body, errors):
    refused = ann.post("/api/guests/bulk", json=body)
    assert (refused.status_code, error(refused)) == (422, errors)
    assert names(ann) == []


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ([{"name": "X"}], {"#/0/id": "This is required."}),
        ([{"id": "1"}, {"id": None}], {"#/0/id": "Not a whole number.", "#/1/id": "This cannot be null."}),
        ([{"id": 1}, {"id": 2}, {"id": 1}], {"#/2/id": "This key is given twice."}),
        ([{"id": 1}] * 6, {"#": "Send 1 to 5 items, not 6."}),
    ],
)
def test_bad_bodies_of_changes_are_refused(ann, keys, body, errors):
    refused = ann.patch("/api/guests/bulk", json=body)
    assert (refused.status_code, error(refused)) == (422, errors)


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("", 422, "This is required."),
        ("?keys=", 422, "Give 1 to 5 keys."),
        ("?keys=1,,2", 422, "An empty key: Not a whole number."),
        ("?keys=1,x", 422, "x: Not a whole number."),
        ("?keys=1,1", 422, "A key is given twice."),
        ("?keys=1,2,3,4,5,6", 422, "Give 1 to 5 keys."),
        ("?keys=1&keys=2", 422, "Give this once."),
        ("?keys=1&force=1", 422, "There is no such parameter."),
    ],
)
def test_bad_keys_are_refused(ann, keys, query, status, words):
    refused = ann.delete(f"/api/guests/bulk{query}")
    assert refused.status_code == status
    assert {one["detail"] for one in refused.json["errors"]} == {words}
    assert len(names(ann)) == 5


@pytest.mark.parametrize("key", [99, 2**31 - 1, -1, 0])
def test_a_row_that_is_not_there_is_told_by_its_position(ann, keys, key):
    refused = ann.patch("/api/guests/bulk", json=[{"id": keys[0], "name": "X"}, {"id": key, "name": "Y"}])
    assert (refused.status_code, error(refused)) == (404, {"#/1": "There is no such row."})
    refused = ann.delete(f"/api/guests/bulk?keys={keys[0]},{key}")
    assert (refused.status_code, error(refused)) == (404, {"keys": f"{key}: There is no such row."})
    assert names(ann) == list("ABCDE")


def test_rows_of_others_are_hidden_or_forbidden_as_alone(app, ann, keys):
    bob = known(app, "bob")
    own = bob.post("/api/guests/", json={"name": "Bob"}).json["id"]
    changes = [{"id": own, "name": "Rob"}, {"id": keys[0], "name": "X"}]
    for path, status, words in (
        ("guests", 403, "You don't have the permission"),
        ("mine", 404, "There is no such row."),
    ):
        refused = bob.patch(f"/api/{path}/bulk", json=changes)
        assert refused.status_code == status
        assert error(refused)["#/1"].startswith(words)
        refused = bob.delete(f"/api/{path}/bulk?keys={own},{keys[0]}")
        assert refused.status_code == status
    assert app.test_client().post("/api/guests/bulk", json={}).status_code == 401
    assert app.test_client().patch("/api/guests/bulk", json={}).status_code == 401
    assert app.test_client().delete("/api/guests/bulk").status_code == 401
    assert names(ann) == ["A", "B", "Bob", "C", "D", "E"]


def test_a_collision_is_told_by_its_position_and_nothing_is_stored(ann):
    ann.post("/api/guests/", json={"name": "Eve"})
    for body, position in (("Adam", "Eve"), 1), (("X", "Y", "Adam", "Y"), 3):
        refused = ann.post("/api/guests/bulk", json=[{"name": name} for name in body])
        assert (refused.status_code, error(refused)) == (409, {f"#/{position}/name": "This is taken already."})
    assert names(ann) == ["Eve"]
    ann.post("/api/tables/", json={"code": "A"})
    refused = ann.post("/api/tables/bulk", json=[{"code": "B"}, {"code": "A"}])
    assert (refused.status_code, error(refused)) == (409, {"#/1/code": "This is taken already."})
    refused = ann.post("/api/tables/bulk", json=[{"code": "B"}, {"code": "B"}])
    assert (refused.status_code, error(refused)) == (409, {"#/1/code": "This key is given twice."})
    assert [one["code"] for one in ann.get("/api/tables/").json] == ["A"]


def test_a_collision_of_changes_is_told_by_its_position(ann, keys):
    refused = ann.patch("/api/guests/bulk", json=[{"id": keys[0], "name": "X"}, {"id": keys[1], "name": "C"}])
    assert (refused.status_code, error(refused)) == (409, {"#/1/name": "This is taken already."})
    assert names(ann) == list("ABCDE")


def test_a_row_that_others_refer_to_keeps_all(ann, keys):
    ann.post("/api/parties/", json={"name": "Tea", "host": keys[2]})
    refused = ann.delete(f"/api/guests/bulk?keys={keys[0]},{keys[2]}")
    assert (refused.status_code, error(refused)) == (409, {"keys": f"{keys[2]}: Other rows still refer to this one."})
    assert names(ann) == list("ABCDE")


def test_a_reference_to_no_row_is_told_by_its_position(ann, keys):
    refused = ann.post("/api/parties/bulk", json=[{"name": "A"}, {"name": "B", "host": 99, "guests": [keys[0], 98]}])
    assert refused.status_code == 422
    assert error(refused) == {"#/1/host": "There is no ApiGuest 99.", "#/1/guests": "There is no ApiGuest 98."}


def test_many_cost_few_statements(ann, keys, count_statements):
    bodies = [{"name": f"P{i}", "host": keys[i], "guests": [keys[i]]} for i in range(5)]
    with count_statements() as seen:
        made = ann.post("/api/parties/bulk", json=bodies).json
    # Hosts and guests; the rows and who is a guest; then the rows and their guests again. Not more for more rows, but
    # on SQLite: for that, SQLAlchemy sends rows with a counted key one by one.
    assert len([text for text in seen if text.startswith("SELECT")]) == 4
    assert len(seen) == 6 or (not SERVER and len(seen) == 10)
    with count_statements() as seen:
        ann.patch("/api/guests/bulk", json=[{"id": key, "seats": 2} for key in keys])
    assert len([text for text in seen if text.startswith("SELECT")]) == 1
    ann.delete(f"/api/parties/bulk?keys={','.join(str(one['id']) for one in made)}")
    with count_statements() as seen:
        ann.delete(f"/api/guests/bulk?keys={','.join(map(str, keys))}")
    assert len([text for text in seen if text.startswith("SELECT")]) == 1


def test_errors_of_hooks_have_a_position_too(start):
    def refuse(item, values, user):
        if item.name == "Eve":
            raise Rejected({"name": ["Not Eve."]})

    def collide(item, values, user):
        if item.name == "Adam":
            raise Conflicting({"": ["Not Adam."]})

    hooks = {"before_create": refuse, "after_create": collide}
    watched = Resource(ApiGuest, name="watched", fields=["name"], read=public, write=public, bulk=3, hooks=hooks)
    client = start(features=["db", Names(), Api()], modules=[Module("m", resources=[watched])]).test_client()
    refused = client.post("/api/watched/bulk", json=[{"name": "X"}, {"name": "Eve"}])
    assert (refused.status_code, error(refused)) == (422, {"#/1/name": "Not Eve."})
    refused = client.post("/api/watched/bulk", json=[{"name": "Adam"}, {"name": "X"}])
    assert (refused.status_code, error(refused)) == (409, {"#/0": "Not Adam."})
    assert client.get("/api/watched/").json == []


def test_there_is_nothing_of_it_without_a_cap(start):
    plain = Resource(ApiGuest, name="plain", fields=["name"], read=public, write=public)
    app = start(features=["db", Names(), Api()], modules=[Module("m", resources=[plain])])
    client = app.test_client()
    assert client.post("/api/plain/bulk", json=[]).status_code == 405
    assert "/api/plain/bulk" not in client.get("/api/openapi.json").json["paths"]


@pytest.mark.parametrize("path", ["/api/guests/bulk", "/api/tables/bulk/"])
def test_no_other_method_takes_its_address_for_a_row(ann, path):
    for method in ("GET", "HEAD", "PUT", "OPTIONS"):
        answer = ann.open(path, method=method, json={"name": "Eve"})
        assert answer.status_code == (200 if method == "OPTIONS" else 405)
        assert answer.headers["Allow"].split(", ") == ["DELETE", "OPTIONS", "PATCH", "POST"]


def test_a_row_with_its_name_for_a_key_has_an_address_of_its_own(ann):
    place = ann.post("/api/tables", json={"code": "bulk"}).headers["Location"]
    assert ann.get(place).json["code"] == "bulk"
    assert ann.patch(place, json={"size": 9}).json["size"] == 9
    assert ann.delete(place).status_code == 204


def test_the_document_tells_caps_and_statuses(app):
    document = app.test_client().get("/api/openapi.json").json
    path = document["paths"]["/api/guests/bulk"]
    assert set(path) == {"post", "patch", "delete"}
    schema = path["patch"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {
        "type": "array",
        "items": {"$ref": "#/components/schemas/ApiGuestBulkPatch"},
        "minItems": 1,
        "maxItems": 5,
    }
    change = document["components"]["schemas"]["ApiGuestBulkPatch"]
    assert (list(change["properties"]), change["required"]) == (["name", "seats", "id"], ["id"])
    [keys] = path["delete"]["parameters"]
    assert (keys["name"], keys["style"], keys["explode"], keys["required"]) == ("keys", "form", False, True)
    assert keys["schema"] == {
        "type": "array",
        "items": {"type": "integer", "format": "int64", "minimum": -(2**31), "maximum": 2**31 - 1},
        "minItems": 1,
        "maxItems": 5,
        "uniqueItems": True,
    }
    body = {"400", "401", "403", "409", "413", "415", "422", "default"}
    assert set(path["post"]["responses"]) == {"201"} | body
    assert set(path["patch"]["responses"]) == {"200", "404", "412"} | body
    assert set(path["delete"]["responses"]) == {"204", "400", "401", "403", "404", "409", "412", "422", "default"}
    assert [path[method]["operationId"] for method in path] == [
        "bulk_create_guests",
        "bulk_update_guests",
        "bulk_delete_guests",
    ]
