"""Requests at the same moment, in real threads."""

from __future__ import annotations

import pytest

from flaskkit import Api
from tests.api.conftest import Names, known
from tests.api.writing import WRITING, at_once


@pytest.fixture
def app(start):
    return start(features=["db", "forms", Names(), Api()], modules=[WRITING])


@pytest.mark.parametrize(("url", "body"), [("/api/guests/", {"name": "Eve"}), ("/api/tables/", {"code": "A"})])
def test_twenty_creates_of_one_unique_value_make_one_row(app, url, body):
    clients = [known(app, "ann") for _ in range(20)]
    answers = at_once(20, lambda i: clients[i].post(url, json=body))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    assert len(clients[0].get(url).json) == 1


def test_twenty_creates_of_several_with_one_unique_value_make_one_row(app):
    clients = [known(app, "ann") for _ in range(20)]
    bodies = [[{"name": f"A{i}"}, {"name": "Eve"}, {"name": f"B{i}"}] for i in range(20)]
    answers = at_once(20, lambda i: clients[i].post("/api/guests/bulk", json=bodies[i]))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    assert len(clients[0].get("/api/guests/").json) == 3


def test_changes_of_the_same_rows_in_another_order_wait_for_each_other(app):
    clients = [known(app, "ann") for _ in range(8)]
    keys = [one["id"] for one in clients[0].post("/api/guests/bulk", json=[{"name": n} for n in "ABCDE"]).json]

    def ask(i):
        order = keys if i % 2 else keys[::-1]
        return clients[i].patch("/api/guests/bulk", json=[{"id": key, "seats": i + 1} for key in order])

    assert {answer.status_code for answer in at_once(8, ask)} == {200}
    assert len({one["seats"] for one in clients[0].get("/api/guests/").json}) == 1
