"""Exact types: what a value looks like in JSON, and what is not one."""

from __future__ import annotations

import json

import pytest

NULLABLE = ["whole", "real", "yes", "money", "day", "moment", "clock", "span", "code", "raw", "kind"]
UUID_TEXT = "019b0000-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("name", "sent", "shown"),
    [
        ("whole", -5, -5),
        ("whole", 2.0, 2),
        ("real", 1.5, 1.5),
        ("real", 2, 2.0),
        ("yes", True, True),
        ("money", "12.5", "12.50"),
        ("money", "-0.05", "-0.05"),
        ("day", "2030-12-31", "2030-12-31"),
        ("moment", "2030-12-31T12:00:00Z", "2030-12-31T12:00:00Z"),
        ("moment", "2030-12-31T12:00:00.25+02:00", "2030-12-31T10:00:00.250000Z"),
        ("clock", "12:30:00", "12:30:00"),
        ("span", "PT90S", "PT90S"),
        ("span", "P1DT1H", "P1DT3600S"),
        ("span", "-PT90.0S", "-PT90S"),
        ("code", UUID_TEXT, UUID_TEXT),
        ("raw", "AAEC", "AAEC"),
        ("anything", {"a": [1, None, "x", {"b": 2.5}]}, {"a": [1, None, "x", {"b": 2.5}]}),
        ("anything", [], []),
        ("anything", [10**30], [10**30]),
        ("anything", 2**63 - 1, 2**63 - 1),
        ("kind", "poem", "poem"),
        *[(name, None, None) for name in NULLABLE],
    ],
)
def test_values_come_back_in_one_form(client, name, sent, shown):
    made = client.post("/api/kinds/", json={name: sent})
    assert made.status_code == 201, made.text
    again = client.get(made.headers["Location"]).json
    assert again[name] == shown
    assert type(again[name]) is type(shown)


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        *[("whole", value) for value in ("1", 1.5, -0.5, True, [], {}, 2**63, -(2**63) - 1, 10**30)],
        *[("real", value) for value in ("1", True, [1])],
        *[("yes", value) for value in (1, 0, "true", "yes")],
        *[("money", value) for value in (1, 1.5, "1.234", "1234567", "1e3", "NaN", " 1", "1\n", "١", "", "Infinity")],
        *[("day", value) for value in (20301231, "20301231", "2030-13-01", "2030-12-31T00:00:00Z", "")],
        *[("moment", value) for value in (0, "2030-12-31", "2030-12-31T12:00:00", "0001-01-01T00:00:00+14:00", "now")],
        *[("clock", value) for value in (12, "12:30", "25:00:00", "12:00:00Z", "12:60:00", "12:00:00.1234567")],
        *[("span", value) for value in (90, "90", "P1Y", "P999999999999D", "P3000000D", "-P800000D")],
        *[("span", value) for value in ("P1W", "P1.5D", "pt90s", "PT", "P1DT", "PT0.1234567S")],
        *[("code", value) for value in (1, "1234", UUID_TEXT + "0")],
        *[("raw", value) for value in (1, "A", "é")],
        *[("kind", value) for value in (1, "Novel", "", True, ["poem"])],
        *[("anything", value) for value in (10**30, 2**63, -1e300)],
        *[("anything", value) for value in ({"a": "\0"}, {"\0": 1}, ["x\0"])],
    ],
)
def test_anything_else_is_refused_at_its_place(client, name, sent):
    refused = client.post("/api/kinds/", json={name: sent})
    assert refused.status_code == 422, refused.text
    assert [error["pointer"] for error in refused.json["errors"]] == [f"#/{name}"]


@pytest.mark.parametrize(
    ("name", "sent", "detail"),
    [
        ("title", "x" * 41, "Longer than 40 characters."),
        ("title", "a\0b", "Contains a NUL character."),
        ("title", None, "This cannot be null."),
        ("title", 5, "Not a text."),
        ("isbn", "123", "Does not match [0-9]{13}."),
        ("isbn", "1234567890123\n", "Longer than 13 characters."),
        ("stars", 0, "Less than 1."),
        ("stars", 6, "More than 5."),
        ("kind", "play", "Not one of novel, poem."),
        ("lent", None, "This cannot be null."),
        ("shelves", "top", "Not a list."),
        ("shelves", None, "This cannot be null."),
        ("a/b~c d", 1, "There is no such field to send."),
    ],
)
def test_a_refusal_says_what_was_wrong(ann, name, sent, detail):
    refused = ann.post("/api/books/", json={"title": "Emma", name: sent})
    pointer = "#/" + name.replace("~", "~0").replace("/", "~1").replace(" ", "%20")
    assert refused.json["errors"] == [{"pointer": pointer, "detail": detail}]


def test_a_mistake_within_a_list_has_its_position(ann):
    refused = ann.post("/api/books/", json={"title": "Emma", "shelves": [UUID_TEXT, 7]})
    assert refused.json["errors"] == [{"pointer": "#/shelves/1", "detail": "Not a UUID."}]


def test_all_mistakes_are_told_at_once(ann):
    refused = ann.post("/api/books/", json={"stars": 9, "lent": 1})
    assert {error["pointer"] for error in refused.json["errors"]} == {"#/title", "#/stars", "#/lent"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'title': 'x'}",
        b'{"title": NaN}',
        b'{"title": "\xff"}',
        b'{"title": "\\ud800"}',
        b'{"stars": 1e999}',
        b'{"title": ' + b"1" * 5000 + b"}",
        b"[" * 100_000,
        b'{"title": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"anything": ' + b"[" * 500 + b"]" * 500 + b"}",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_a_body_that_is_no_json_is_a_bad_request(ann, body):
    refused = ann.post("/api/books/", data=body, content_type="application/json")
    assert refused.status_code == 400
    assert refused.content_type == "application/problem+json"


@pytest.mark.parametrize("body", ["[]", '"x"', "1", "null", "true"])
def test_a_body_that_is_no_object_is_refused(ann, body):
    refused = ann.post("/api/books/", data=body, content_type="application/json")
    assert refused.status_code == 422
    assert refused.json["errors"] == [{"pointer": "#", "detail": "Not a JSON object."}]


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_a_body_of_another_kind_is_unsupported(ann, kind):
    refused = ann.post("/api/books/", data=json.dumps({"title": "Emma"}), content_type=kind)
    assert refused.status_code == 415


def test_a_body_may_nest_32_levels(client):
    def nested(levels):
        return {"anything": json.loads("[" * levels + "]" * levels)}

    assert client.post("/api/kinds/", json=nested(31)).status_code == 201
    assert client.post("/api/kinds/", json=nested(32)).status_code == 400


def test_a_method_override_is_ignored(ann, add):
    add("Emma")
    ann.post("/api/books/1", headers={"X-HTTP-Method-Override": "DELETE"})
    assert ann.get("/api/books/1").status_code == 200
