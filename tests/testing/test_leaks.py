"""assert_isolated finds each kind of leak, in an app that has one of each; without them it is content."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from flask import Blueprint, jsonify
from sqlalchemy import ColumnElement

from flaskkit import Module, Policy, Resource, caller, db, login, nobody, owner, requires
from flaskkit.testing import assert_isolated

from .models import KitClub, KitDiary, KitLocker, KitPay, KitReply, KitShelf, diaries, shelves


class Members(Policy):
    def allows(self, user: Any, item: Any = None) -> bool:
        return user is not None and (item is None or user.id in {one.id for one in item.members})

    def rows(self, user: Any, model: Any) -> ColumnElement[bool] | bool:
        return user is not None and model.members.any(id=user.id)


def theirs(found: Any) -> Any:
    """Return the row, if it is of whoever asks."""
    return found if found is not None and found.owner_id == caller().user.id else None


def desk(*, leaky: bool) -> Blueprint:
    pages = Blueprint("desk", __name__)

    def mine(model: Any, key: int) -> Any:
        found = db.session.get(model, key)
        return found if leaky else theirs(found)

    @pages.get("/pay/<int:number>")
    @requires(login)
    def pay(number: int) -> Any:
        found = mine(KitPay, number)
        return jsonify(amount=found.amount, bonus=str(found.bonus)) if found else ("", 404)

    @pages.get("/done/<int:number>")
    @requires(login)
    def done(number: int) -> Any:
        if found := mine(KitDiary, number):
            found.mood = "done"
            db.session.commit()
        return "", 204

    @pages.get("/shelves-of/<code>/diary/<int:diary_id>")
    @requires(login)
    def two(code: str, diary_id: int) -> Any:
        found = db.session.get(KitShelf, code) and mine(KitDiary, diary_id)
        return found.text if found else ("", 404)

    return pages


def resources(*, leaky: bool) -> list[Resource]:
    own = owner("owner_id")
    anybody = login if leaky else None
    return [
        shelves,
        replace(
            diaries,
            fields=["text", "mood", *(["owner_id"] if leaky else [])],
            read=anybody or own,
            create=anybody or own,
            update=anybody or own,
            delete=anybody or own,
            bulk=5,
        ),
        Resource(
            KitReply,
            name="replies",
            fields=["text"],
            read=anybody or nobody,
            update=anybody or nobody,
            require_match=True,
        ),
        Resource(
            KitLocker, name="lockers", fields=["content"], read=anybody or owner("keeper_id"), write=owner("keeper_id")
        ),
        Resource(
            KitClub,
            name="clubs",
            fields=["motto"],
            read_only=["members"],
            expand={"members": ["email"]} if leaky else {},
            read=anybody or Members(),
        ),
    ]


@pytest.fixture
def app(start: Any, request: Any) -> Any:
    module = Module("leaks", blueprints=[desk(leaky=request.param)], resources=resources(leaky=request.param))
    return start(features=["db", "forms", "auth", "api", "limits"], modules=[module])


LEAKS = {
    "the row of another by its key, for those who know an ETag": r"PATCH /api/replies/\d+ changed kit_reply.text",
    "what belongs to a row of another": r"GET /api/replies showed kit_reply.text",
    "what a request may ask for beside": r"GET /api/clubs\?expand=members showed users.email",
    "an owner without a foreign key": r"GET /api/lockers showed kit_locker.content",
    "one of several owners": r"GET /api/clubs showed kit_club.motto",
    "many changed at once": r"PATCH /api/diaries/bulk changed kit_diary",
    "many deleted at once": r"DELETE /api/diaries/bulk\?keys=\d+ deleted a row of kit_diary",
    "a row in the name of another": r"POST /api/diaries made a row of kit_diary in the name of somebody else",
    "a number": r"GET /pay/\d+ showed kit_pay.amount",
    "a decimal": r"GET /pay/\d+ showed kit_pay.bonus",
    "a link that changes something": r"GET /done/\d+ changed kit_diary.mood",
    "a key behind another key": r"GET /shelves-of/\w\w/diary/\d+ showed kit_diary.text",
}


@pytest.mark.parametrize("app", [True], indirect=True, ids=[""])
def test_every_kind_of_leak_is_found(app):
    with pytest.raises(AssertionError) as failed:
        assert_isolated(app, owned={"clubs": "members"}, seen=["diaries.mood"])
    told = str(failed.value)
    missed = [kind for kind, line in LEAKS.items() if not re.search(f"- another user: {line}", told)]
    assert missed == [], told
    # A policy that wants a user keeps strangers out, whatever else is wrong.
    assert "a stranger" not in told


@pytest.mark.parametrize("app", [False], indirect=True, ids=[""])
def test_without_leaks_it_is_content(app):
    assert_isolated(app, owned={"clubs": lambda club, user: club.members.append(user)})


@pytest.mark.parametrize("app", [False], indirect=True, ids=[""])
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"seen": ["diarys"]}, "seen: there is no resource 'diarys'. Did you mean 'diaries'?"),
        ({"changed": ["clubs", "lokers"]}, "changed: there is no resource 'lokers'. Did you mean 'lockers'?"),
        ({"owned": {"club": "members"}}, "owned: there is no resource 'club'. Did you mean 'clubs'?"),
        ({"without": ["desk.pays"]}, "without: there is no endpoint 'desk.pays'. Did you mean 'desk.pay'?"),
    ],
)
def test_a_name_that_says_nothing_is_refused(app, said, told):
    with pytest.raises(LookupError, match=told):
        assert_isolated(app, **said)
