"""assert_isolated passes where rights are as they should be, and fails as soon as one is taken away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from flask import Blueprint, jsonify
from flask import request as asked
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError

from flaskkit import Module, User, caller, db, login, public, requires, role
from flaskkit.testing import assert_isolated

from .models import KitDiary, diaries, shelves


@pytest.fixture
def made(start):
    """Return a function that makes an app with diaries: ``made(diaries, …)``."""

    def made(*resources: Any, view: Any = None, policy: Any = login, faces: tuple[str, ...] = ()) -> Any:
        pages = Blueprint("desk", __name__)
        if view is not None:
            pages.add_url_rule("/desk/<int:number>", "desk", requires(policy)(view), methods=["GET", "POST"])
        features = ["db", "forms", "auth", "api", "limits", *faces]
        module = Module("diaries", blueprints=[pages], resources=resources or [diaries, shelves])
        return start(features=features, modules=[module])

    return made


def test_with_rights_as_they_should_be(made):
    app = made(faces=("mail", "pages", "admin"))
    assert_isolated(app)
    with app.app_context():
        assert db.session.scalars(select(User)).all() == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"read": public}, r"a stranger: GET /api/diaries showed kit_diary.text"),
        ({"read": login}, r"another user: GET /api/diaries/\d+ answered 200 for somebody else's row"),
        ({"read": public, "delete": public}, r"a stranger: DELETE /api/diaries/\d+ deleted a row of kit_diary"),
    ],
    ids=["read", "read-by-users", "delete"],
)
def test_without_a_policy(made, change, told):
    with pytest.raises(AssertionError, match=told):
        assert_isolated(made(replace(diaries, **change), shelves))


def test_a_row_that_the_database_refuses_is_asked_of_the_test(made):
    app = made(diaries, shelves)

    def refuse(_mapper: Any, _connection: Any, _diary: Any) -> None:
        raise IntegrityError("INSERT", {}, Exception("CHECK constraint failed"))

    told = r"no KitDiary as a factory makes it up: CHECK constraint failed. Store one .* rows=\[…\]"
    with listening(KitDiary, "before_insert", refuse), pytest.raises(ValueError, match=told):
        assert_isolated(app)


@contextmanager
def listening(target: Any, name: str, listener: Any) -> Iterator[None]:
    event.listen(target, name, listener)
    try:
        yield
    finally:
        event.remove(target, name, listener)


def test_columns_that_hold_json_are_tried(made):
    keyed = replace(diaries, fields=["text", "tags"])
    assert_isolated(made(keyed, shelves, faces=("pages",)))
    with pytest.raises(AssertionError, match=r"a stranger: PATCH /api/diaries/\d+ changed kit_diary.text"):
        assert_isolated(made(replace(keyed, read=public, update=public), shelves), seen=["diaries"])


def test_without_a_policy_of_pages(made):
    with pytest.raises(AssertionError, match=r"another user: POST /diaries/\d+/edit changed kit_diary.text, kit_diary"):
        assert_isolated(made(replace(diaries, read=login, update=login), faces=("pages",)))


def test_without_the_policy_of_rows_that_are_nobodys(made):
    with pytest.raises(AssertionError, match=r"another user's token: PATCH /api/shelves/\w\w answered 200"):
        assert_isolated(made(diaries, replace(shelves, update=login)))
    assert_isolated(made(diaries, replace(shelves, update=login)), changed=["shelves"])


def test_what_may_be_seen_is_named_by_the_test(made):
    app = made(replace(diaries, read=public), shelves)
    with pytest.raises(AssertionError, match=r"showed kit_diary.text"):
        assert_isolated(app, seen=["diaries.mood"])
    assert_isolated(app, seen=["diaries"])


def test_without_a_scope(made):
    def touch(number: int) -> Any:
        diary = db.get_or_404(KitDiary, number)
        if diary.owner_id != caller().user.id:
            return "", 404
        diary.mood = "touched"
        db.session.commit()
        return ""

    assert_isolated(made(view=touch))
    everything = requires(login, scope="*")(touch)
    with pytest.raises(AssertionError, match=r"the owner's token for reading: POST /desk/\d+ changed kit_diary.mood"):
        assert_isolated(made(view=everything, policy=public))


def test_a_view_by_hand_that_forgets_whose_row_it_is(made):
    def show(number: int) -> Any:
        diary = db.get_or_404(KitDiary, number)
        if asked.method == "POST":
            db.session.delete(diary)
            db.session.commit()
        return jsonify(text=diary.text)

    with pytest.raises(AssertionError) as failed:
        assert_isolated(made(view=show))
    assert "another user: GET /desk/" in str(failed.value)
    assert "showed kit_diary.text of somebody else's row" in str(failed.value)
    assert "deleted a row of kit_diary" in str(failed.value)
    assert "a stranger" not in str(failed.value)
    assert_isolated(made(view=show), without=["desk.desk"])


def test_a_crash_is_told(made):
    app = made(view=lambda number: 1 / 0, policy=role("clerk"))
    assert_isolated(app)
    app = made(view=lambda number: 1 / 0)
    with pytest.raises(AssertionError, match=r"another user: GET /desk/\d+ failed with ZeroDivisionError"):
        assert_isolated(app)


def test_rows_may_be_given(made):
    app = made()
    with app.app_context():
        mine = KitDiary(text="my own text", mood="fine", owner=User(email="ada@example.com"))
        db.session.add(mine)
        db.session.commit()
        assert_isolated(app, rows=[mine])
