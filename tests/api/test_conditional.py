"""ETags: what has not changed is not sent again, and what has changed since is not overwritten."""

from __future__ import annotations

from itertools import product

import pytest

from flaskkit import Api, db
from tests.api.conftest import Names, known
from tests.api.writing import WRITING, ApiGuest, at_once


@pytest.fixture
def app(start):
    return start(features=["db", "forms", Names(), Api()], modules=[WRITING])


@pytest.fixture(params=["guests", "parties", "tables"])
def one(request, ann):
    """(URL, ETag) of a row: of one that is compiled exactly, one that is not, one by schemas."""
    body = {"guests": {"name": "Eve"}, "parties": {"name": "Tea"}, "tables": {"code": "A"}}[request.param]
    made = ann.post(f"/api/{request.param}/", json=body)
    assert made.status_code == 201
    return made.headers["Location"], made.headers["ETag"]


@pytest.fixture
def eve(ann):
    made = ann.post("/api/guests/", json={"name": "Eve"})
    return made.headers["Location"], made.headers["ETag"]


CHANGES = {"guests": {"name": "Eva"}, "parties": {"cost": "2"}, "tables": {"size": 5}}


def change_of(url):
    return CHANGES[url.split("/")[2]]


def test_every_answer_with_the_row_has_the_same_strong_etag(ann, one):
    url, tag = one
    assert tag.startswith('"')
    assert ann.get(url).headers["ETag"] == tag
    assert ann.head(url).headers["ETag"] == tag
    changed = ann.patch(url, json=change_of(url))
    assert changed.headers["ETag"] == ann.get(url).headers["ETag"] != tag
    same = ann.patch(url, json={})
    assert same.headers["ETag"] == changed.headers["ETag"]
    shown = ann.get(url).json
    replaced = ann.put(url, json={name: value for name, value in shown.items() if name not in ("id", "code")})
    assert replaced.headers["ETag"] == changed.headers["ETag"]


@pytest.mark.parametrize("sent", ["{tag}", "W/{tag}", '"other", {tag}', "*"])
def test_what_the_caller_has_is_not_sent_again(ann, one, sent):
    url, tag = one
    again = ann.get(url, headers={"If-None-Match": sent.format(tag=tag)})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    assert "Content-Type" not in again.headers
    assert "Content-Length" not in again.headers


@pytest.mark.parametrize("sent", ['"other"', "", "nonsense", 'W/"other"', '"*"'])
def test_anything_else_is_sent(ann, one, sent):
    assert ann.get(one[0], headers={"If-None-Match": sent}).status_code == 200


def test_lists_have_etags_too(ann, one):
    url = one[0].rpartition("/")[0] + "/"
    first = ann.get(url)
    again = ann.get(url, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert [again.headers[name] for name in ("ETag", "Link", "X-Pagination")] == [
        first.headers[name] for name in ("ETag", "Link", "X-Pagination")
    ]
    ann.patch(one[0], json=change_of(url))
    assert ann.get(url, headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_a_page_that_stays_while_the_total_changes_is_sent_again(ann):
    ann.post("/api/guests/", json={"name": "A"})
    first = ann.get("/api/guests/?page_size=1&sort=name")
    ann.post("/api/guests/", json={"name": "B"})
    again = ann.get("/api/guests/?page_size=1&sort=name", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.json) == (200, first.json)


@pytest.mark.parametrize("sent", ["{tag}", '"other", {tag}', "*"])
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_change_is_made_while_the_etag_holds(ann, one, method, sent):
    url, tag = one
    body = {"json": change_of(url)} if method == "PATCH" else {}
    done = ann.open(url, method=method, headers={"If-Match": sent.format(tag=tag)}, **body)
    assert done.status_code in (200, 204)
    if method == "PATCH":
        assert done.headers["ETag"] == ann.get(url).headers["ETag"]


@pytest.mark.parametrize("sent", ['"other"', "", "nonsense", "W/{tag}", '"*"'])
@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_a_change_is_refused_when_the_etag_is_another(ann, one, method, sent):
    url, tag = one
    body = {} if method == "DELETE" else {"json": {"name": "X"} if "code" not in ann.get(url).json else {}}
    refused = ann.open(url, method=method, headers={"If-Match": sent.format(tag=tag)}, **body)
    assert (refused.status_code, refused.content_type) == (412, "application/problem+json")
    assert refused.json["detail"] == "This has changed since. Read it again, and send its new ETag in If-Match."
    assert ann.get(url).headers["ETag"] == tag


def test_a_put_only_where_nothing_is_yet_is_refused(ann, eve):
    refused = ann.put(eve[0], json={"name": "X"}, headers={"If-None-Match": "*"})
    assert refused.status_code == 412
    assert ann.put(eve[0], json={"name": "X"}, headers={"If-None-Match": '"other"'}).status_code == 200


def test_everything_else_that_is_wrong_is_told_first(app, ann, eve):
    url = eve[0]
    wrong = {"If-Match": '"other"'}
    assert ann.patch("/api/guests/99", json={}, headers={"If-Match": "*"}).status_code == 404
    assert ann.patch(url, json={"seats": 0}, headers=wrong).status_code == 422
    assert known(app, "bob").patch(url, json={}, headers=wrong).status_code == 403
    assert app.test_client().patch(url, json={}, headers=wrong).status_code == 401


def test_a_match_can_be_required(ann, eve):
    url, tag = ann.get("/api/careful/1").request.path, ann.get("/api/careful/1").headers["ETag"]
    for refused in (ann.patch(url, json={}), ann.put(url, json={"name": "X"}), ann.delete(url)):
        assert (refused.status_code, refused.content_type) == (428, "application/problem+json")
        assert refused.json["detail"] == "Send the ETag of what you read in the header If-Match."
    assert ann.patch("/api/careful/99", json={}).status_code == 404
    assert ann.patch(url, json={"name": "Eva"}, headers={"If-Match": tag}).status_code == 200
    assert ann.patch(url, json={"name": "Ewa"}, headers={"If-Match": tag}).status_code == 412
    assert ann.delete(url, headers={"If-Match": "*"}).status_code == 204


def test_a_match_that_is_required_cannot_be_avoided_by_changing_many(ann, eve):
    for method, path in product(("PATCH", "PUT", "DELETE"), ("/api/careful/bulk?keys=1", "/api/careful/bulk/")):
        refused = ann.open(path, method=method, json={}, headers={"If-Match": "*"})
        assert (refused.status_code, refused.headers["Allow"]) == (405, "OPTIONS, POST")
    assert set(ann.get("/api/openapi.json").json["paths"]["/api/careful/bulk"]) == {"post"}
    assert ann.post("/api/careful/bulk", json=[{"name": "X"}]).status_code == 201


def test_many_rows_have_no_etag_together(ann, eve):
    for refused in (
        ann.patch("/api/guests/bulk", json=[{"id": 1}], headers={"If-Match": "*"}),
        ann.delete("/api/guests/bulk?keys=1", headers={"If-Match": eve[1]}),
    ):
        assert refused.status_code == 412
        assert refused.json["detail"] == "Several rows have no ETag together. Change them one by one."


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_of_writes_with_one_etag_one_wins(app, one, method):
    url, tag = one
    kind = url.split("/")[2]
    bodies = {
        "guests": lambda i: {"name": f"G{i}", "seats": i + 2},
        "parties": lambda i: {"name": f"P{i}", "cost": f"{i + 2}.00"},
        "tables": lambda i: {"size": i + 5},
    }
    clients = [known(app, "ann") for _ in range(6)]
    answers = at_once(6, lambda i: clients[i].open(url, method=method, json=bodies[kind](i), headers={"If-Match": tag}))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 5
    [winner] = [answer for answer in answers if answer.status_code == 200]
    assert clients[0].get(url).json == winner.json


def test_of_changes_to_what_a_row_refers_to_one_wins(app, ann):
    @app.before_request
    def read_first():
        # As an app does that knows its users from the database: the transaction begins before the row is locked.
        db.session.execute(db.select(ApiGuest.id)).all()

    keys = [ann.post("/api/guests/", json={"name": f"G{i}"}).json["id"] for i in range(6)]
    made = ann.post("/api/parties/", json={"name": "Tea"})
    clients = [known(app, "ann") for _ in range(6)]
    headers = {"If-Match": made.headers["ETag"]}
    answers = at_once(6, lambda i: clients[i].patch("/api/parties/1", json={"guests": [keys[i]]}, headers=headers))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 5


def test_a_change_or_its_deletion_wins(app, eve):
    url, tag = eve
    clients = [known(app, "ann") for _ in range(4)]

    def ask(i):
        if i % 2:
            return clients[i].delete(url, headers={"If-Match": tag}).status_code
        return clients[i].patch(url, json={"name": f"G{i}"}, headers={"If-Match": tag}).status_code

    found = at_once(4, ask)
    assert len([status for status in found if status in (200, 204)]) == 1
    assert {*found} <= {200, 204, 404, 412}


def test_what_is_not_asked_costs_no_statement(ann, eve, count_statements):
    with count_statements() as seen:
        ann.patch(eve[0], json={"seats": 2})
    plain = len(seen)
    with count_statements() as seen:
        ann.patch(eve[0], json={"seats": 3}, headers={"If-Match": "*"})
    assert len(seen) == plain == 2


def test_the_document_tells_headers_and_statuses(app):
    paths = app.test_client().get("/api/openapi.json").json["paths"]
    assert [one["name"] for one in paths["/api/guests/{key}"]["get"]["parameters"]] == ["If-None-Match"]
    [match] = paths["/api/guests/{key}"]["patch"]["parameters"]
    assert (match["name"], match["in"], match["required"]) == ("If-Match", "header", False)
    assert "428" not in paths["/api/guests/{key}"]["patch"]["responses"]
    for method in ("patch", "put", "delete"):
        operation = paths["/api/careful/{key}"][method]
        assert [one["required"] for one in operation["parameters"] if one["name"] == "If-Match"] == [True]
        assert {"412", "428"} <= set(operation["responses"])
    assert list(paths["/api/careful/bulk"]) == ["post"]
    assert list(paths["/api/guests/{key}"]["put"]["responses"]["200"]["headers"]) == ["ETag"]


def test_an_answer_written_by_a_json_provider_of_the_app_has_an_etag(start):
    app = start(features=["db", Names(), Api()], modules=[WRITING])
    app.json.compact = False
    client = known(app, "ann")
    made = client.post("/api/guests/", json={"name": "Eve"})
    assert made.data.startswith(b"{\n")
    assert client.get("/api/guests/1").headers["ETag"] == made.headers["ETag"]
    assert client.delete("/api/guests/1", headers={"If-Match": made.headers["ETag"]}).status_code == 204
