"""Reading and changing rows over REST."""

from __future__ import annotations

import pytest


def test_a_created_row_is_returned_with_its_location(ann):
    made = ann.post("/api/books/", json={"title": "Emma", "stars": 5, "cost": "12.00"})
    assert made.status_code == 201
    assert made.headers["Location"] == "/api/books/1"
    assert ann.get(made.headers["Location"]).json == made.json
    assert made.json == {
        "id": 1,
        "title": "Emma",
        "isbn": None,
        "kind": "novel",
        "stars": 5,
        "lent": False,
        "cost": "12.00",
        "shelves": [],
        "created_at": made.json["created_at"],
    }


def test_columns_that_are_not_named_stay_inside(client, ann, add):
    add("Emma", secret="plot")
    assert "secret" not in client.get("/api/books/1").text + client.get("/api/books/").text
    refused = ann.patch("/api/books/1", json={"secret": "x", "owner_id": 2, "id": 7})
    assert {error["pointer"] for error in refused.json["errors"]} == {"#/secret", "#/owner_id", "#/id"}


def test_patch_changes_what_is_sent_and_nothing_else(ann, add):
    add("Emma", stars=5, isbn="9780141439587")
    changed = ann.patch("/api/books/1", json={"stars": None})
    assert changed.status_code == 200
    assert (changed.json["stars"], changed.json["isbn"], changed.json["title"]) == (None, "9780141439587", "Emma")


def test_put_resets_what_is_left_out(ann, add):
    add("Emma", stars=5, isbn="9780141439587", lent=True)
    replaced = ann.put("/api/books/1", json={"title": "Persuasion"}).json
    assert (replaced["title"], replaced["stars"], replaced["isbn"], replaced["lent"]) == (
        "Persuasion",
        None,
        None,
        False,
    )


def test_put_needs_what_has_no_default(ann, add):
    add("Emma")
    refused = ann.put("/api/books/1", json={})
    assert refused.status_code == 422
    assert refused.json["errors"] == [{"pointer": "#/title", "detail": "This is required."}]


def test_a_deleted_row_is_gone(ann, add):
    add("Emma")
    gone = ann.delete("/api/books/1")
    assert (gone.status_code, gone.data) == (204, b"")
    assert ann.get("/api/books/1").status_code == 404


def test_a_row_that_others_refer_to_is_kept(client, ann, add):
    add("Emma")
    assert client.post("/api/notes/", json={"book": 1, "text": "Read it."}).status_code == 201
    kept = ann.delete("/api/books/1")
    assert kept.status_code == 409
    assert client.get("/api/books/1").status_code == 200


def test_relationships_are_keys_of_other_rows(ann, librarian):
    shelf = librarian.post("/api/shelves/", json={"name": "Top"}).json["id"]
    book = ann.post("/api/books/", json={"title": "Emma", "shelves": [shelf]})
    assert book.json["shelves"] == [shelf]
    assert ann.patch("/api/books/1", json={"shelves": []}).json["shelves"] == []


def test_a_key_that_is_of_no_row_is_refused(client):
    refused = client.post("/api/notes/", json={"book": 99, "text": "?"})
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json["errors"]] == ["#/book"]


def test_a_taken_value_is_a_conflict_naming_the_field(ann, add):
    add("Emma", isbn="9780141439587")
    conflict = ann.post("/api/books/", json={"title": "Other", "isbn": "9780141439587"})
    assert conflict.status_code == 409
    assert [error["pointer"] for error in conflict.json["errors"]] == ["#/isbn"]


def test_a_key_of_no_row_is_told_as_it_was_sent(librarian):
    nobody = "00000000-0000-4000-8000-000000000000"
    refused = librarian.post("/api/books", json={"title": "Emma", "shelves": [nobody]})
    assert refused.json["errors"] == [{"pointer": "#/shelves", "detail": f"There is no ApiShelf {nobody}."}]


@pytest.mark.parametrize("key", ["0", "2", "-1", "x", "1.0", "9" * 12, "9" * 18, "9" * 30, "%00", "%ED%A0%80", "1%0A"])
def test_any_other_key_is_not_found(client, add, key):
    add("Emma")
    assert client.get(f"/api/books/{key}").status_code == 404


@pytest.mark.parametrize(("given", "found"), [("/api/books", "/api/books/"), ("/api/books/1/", "/api/books/1")])
def test_a_final_slash_makes_no_difference(client, add, given, found):
    add("Emma")
    assert client.get(given).json == client.get(found).json


def test_a_post_without_the_final_slash_is_not_redirected(ann):
    assert ann.post("/api/books", json={"title": "Emma"}).status_code == 201


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", ["/api/books//", "/api/books/1//", "/api//books", "/api//books//1"])
def test_two_slashes_are_another_url_and_not_redirected(ann, method, path):
    refused = ann.open(path, method=method)
    assert refused.status_code in (404, 405)
    assert refused.content_type == "application/problem+json"


@pytest.mark.parametrize("path", ["/api/books", "/api/books/"])
def test_a_method_that_a_list_lacks_is_refused_with_those_it_has(ann, path):
    refused = ann.delete(path)
    assert (refused.status_code, refused.content_type) == (405, "application/problem+json")
    assert {*refused.headers["Allow"].split(", ")} == {"GET", "HEAD", "OPTIONS", "POST"}


def test_operations_that_no_policy_opens_do_not_exist(client, ann):
    assert client.get("/api/letters/").status_code == 405
    assert client.get("/api/letters/1").status_code == 404
    refused = ann.patch("/api/notes/1", json={})
    assert refused.status_code == 405
    assert {*refused.headers["Allow"].split(", ")} == {"GET", "HEAD", "OPTIONS", "DELETE"}


def test_what_may_be_created_but_not_read_is_answered_with_nothing(client, add):
    add("Emma")
    made = client.post("/api/letters/", json={"book_id": 1, "text": "Dear Emma"})
    assert (made.status_code, made.data, "Location" in made.headers) == (201, b"", False)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/books"),
        ("GET", "/api/books/1"),
        ("HEAD", "/api/books/1"),
        ("PATCH", "/api/books/1"),
        ("PUT", "/api/books/1"),
        ("DELETE", "/api/books/1"),
    ],
)
def test_an_operation_without_parameters_refuses_each_by_name(ann, add, method, path):
    add("Emma")
    before = ann.get("/api/books").json
    refused = ann.open(f"{path}?page=1&force=&force=2", method=method, json={"title": "Other"})
    assert refused.status_code == 422
    if method != "HEAD":
        assert refused.json["errors"] == [
            {"detail": "There is no such parameter.", "parameter": "page"},
            {"detail": "There is no such parameter.", "parameter": "force"},
        ]
    assert ann.get("/api/books").json == before
    assert ann.get("/api/books/1?").status_code == ann.get("/api/books/1?&").status_code == 200


def test_a_stranger_is_told_nothing_of_parameters(client, add):
    add("Emma")
    assert client.delete("/api/books/1?force=1").status_code == 401
