"""Every change of a row is written down with who, when, from where, before and after; in the same transaction."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from flaskkit import History, Module, User, db
from flaskkit.history import Change
from flaskkit.history.values import is_secret

from .conftest import HistoryTopic, Story, stories


def told(change):
    return change.action, change.key, change.before, change.after


def test_the_api_is_written_down_with_who_and_from_where(ada, changes):
    made = ada.post("/api/stories", json={"title": "Tides", "price": "2.50", "topics": [2, 1], "api_key": "abc"})
    assert made.status_code == 201
    ada.patch("/api/stories/1", json={"title": "Tides II", "mood": "wild", "topics": [2]})
    ada.patch("/api/stories/1", json={"title": "Tides II"})
    ada.patch("/api/stories/1", json={"api_key": "def", "draft": "x"})
    ada.delete("/api/stories/1")

    created, changed, hidden, deleted = changes()
    assert created.before == {}
    assert (
        created.after.items() >= {"title": "Tides", "price": "2.50", "mood": "calm", "topics": [1, 2], "id": 1}.items()
    )
    assert created.masked == ["api_key"]
    assert told(changed) == (
        "update",
        "1",
        {"title": "Tides", "mood": "calm", "topics": [1, 2]},
        {"title": "Tides II", "mood": "wild", "topics": [2]},
    )
    assert (told(hidden), hidden.masked) == (("update", "1", {}, {}), ["api_key", "draft"])
    assert (deleted.action, deleted.after) == ("delete", {})
    assert deleted.before.items() >= {"title": "Tides II", "price": "2.50", "mood": "wild", "topics": [2]}.items()
    assert {(one.by, one.by_name, one.address) for one in changes()} == {("1", "ada@example.org", "192.0.2.7")}
    assert "api.stories" in created.endpoint or created.endpoint.startswith("stories.")
    assert (datetime.now(UTC) - created.at).total_seconds() < 600
    assert "abc" not in str([vars(one) for one in changes()])


def test_many_at_once_are_written_down_by_one_statement(app, ada, changes, count_statements):
    with count_statements() as seen:
        bodies = [{"title": f"Tides {number}"} for number in range(10)]
        assert ada.post("/api/stories/bulk", json=bodies).status_code == 201
    assert len([one for one in seen if "INSERT INTO history_changes" in one]) == 1
    ada.patch("/api/stories/bulk", json=[{"id": 1, "title": "A"}, {"id": 2, "title": "B"}])
    ada.delete("/api/stories/bulk?keys=3,4")
    assert [(one.action, one.key) for one in changes()] == [
        *(("create", str(number)) for number in range(1, 11)),
        *(("update", "1"), ("update", "2"), ("delete", "3"), ("delete", "4")),
    ]


def test_what_is_undone_is_not_written_down(app, ada, changes):
    assert ada.post("/api/stories", json={"title": "lower"}).status_code == 422
    with app.test_request_context():
        db.session.add(Story(title="Never"))
        db.session.flush()
        db.session.rollback()
    assert changes() == []


def test_code_by_hand_is_written_down_too(app, changes):
    with app.app_context():
        story = Story(title="By hand", topics=[HistoryTopic(name="Air")])
        db.session.add(story)
        db.session.commit()
        # Set without being read since the commit.
        story.title = "By hand again"
        db.session.commit()
        story.price = Story.id + 1
        db.session.commit()
        db.session.delete(story)
        db.session.commit()
    created, changed, computed, deleted = changes()
    assert created.after["topics"] == [3]
    assert told(changed)[2:] == ({"title": "By hand"}, {"title": "By hand again"})
    assert told(computed)[2:] == ({"price": None}, {"price": "2.00"})
    assert deleted.before.items() >= {"title": "By hand again", "topics": [3]}.items()
    assert (created.by, created.by_name, created.address, created.endpoint) == ("", "", "", "")


def test_users_and_their_roles_are_written_down_without_what_proves_who_they_are(app, changes):
    with app.app_context():
        user = db.session.get(User, 1)
        user.set_password("four other little words")
        user.active = False
        db.session.commit()
    created, changed = changes("users")
    assert (changed.before, changed.after, changed.masked) == ({"active": True}, {"active": False}, ["password_hash"])
    assert created.masked == ["password_hash"]
    assert "argon2" not in str([vars(one) for one in changes("users")])
    assert changes("users_tokens") == changes("users_sessions") == []


@pytest.mark.parametrize(
    ("name", "info", "secret"),
    [
        *((name, {}, True) for name in ("password_hash", "api_token", "private_key", "pin", "totp", "client_secret")),
        *((name, {}, False) for name in ("title", "key", "author_id", "spinning", "postcode", "shipping")),
        ("nickname", {"secret": True}, True),
        ("secretary", {"secret": False}, False),
        ("word", {"input": "password"}, True),
    ],
)
def test_secrets_are_known_by_name_or_by_what_the_column_says(name, info, secret):
    assert is_secret(name, info) is secret


def test_the_log_is_read_by_row_and_by_time(app, ada):
    for number in range(3):
        ada.post("/api/stories", json={"title": f"Tides {number}"})
    ada.patch("/api/stories/2", json={"title": "New"})
    with app.app_context():
        log = app.extensions["flaskkit.history"]
        assert [(one.action, one.key) for one in log.recent(2)] == [("update", "2"), ("create", "3")]
        assert [one.action for one in log.of(Story, "2")] == ["update", "create"]


def test_only_the_admin_where_that_is_asked_for(start):
    app = start(features=["db", "forms", "api", History(of="admin")], modules=[Module("s", resources=[stories])])
    with app.test_request_context():
        db.session.add(Story(title="Elsewhere"))
        db.session.commit()
    with app.app_context():
        assert db.session.scalars(select(Change)).all() == []


def test_what_is_old_can_be_removed(app, ada):
    ada.post("/api/stories", json={"title": "Tides"})
    with app.app_context():
        old = db.session.scalars(select(Change).order_by(Change.id)).first()
        old.at = datetime(2020, 1, 1, tzinfo=UTC)
        db.session.commit()
        count = len(db.session.scalars(select(Change)).all())
    done = app.test_cli_runner().invoke(args=["kit", "prune-history", "--days", "365"])
    assert done.output == "Removed 1 change.\n"
    with app.app_context():
        assert len(db.session.scalars(select(Change)).all()) == count - 1
