"""Mail goes the way of the transaction that asks for it."""

from __future__ import annotations

import pytest

from flaskkit import db, send_mail
from flaskkit.db.transactions import together
from tests.mail.conftest import MailPerson


def names(app) -> list[str]:
    return [message["Subject"].removeprefix("Welcome, ") for message in app.extensions["flaskkit.mail"].outbox]


def welcome(name: str) -> None:
    send_mail("ada@example.com", "welcome", name=name)


def test_it_is_sent_with_the_commit_and_not_before(app):
    db.session.add(MailPerson(name="Ada"))
    welcome("Ada")
    assert names(app) == []
    db.session.commit()
    assert names(app) == ["Ada"]


def test_it_is_not_sent_after_a_rollback(app):
    db.session.add(MailPerson(name="Ada"))
    welcome("Ada")
    db.session.rollback()
    db.session.add(MailPerson(name="Bob"))
    db.session.commit()
    assert names(app) == []
    assert app.extensions["flaskkit.mail"].queue.waiting() == (0, None)


def test_it_is_not_sent_when_nobody_commits(app):
    db.session.add(MailPerson(name="Ada"))
    db.session.flush()
    welcome("Ada")
    db.session.remove()
    db.session.add(MailPerson(name="Bob"))
    db.session.commit()
    assert names(app) == []


def test_where_nothing_was_written_it_is_sent_at_once(app):
    welcome("Ada")
    assert names(app) == ["Ada"]
    assert db.session.query(MailPerson).count() == 0
    welcome("Bob")
    assert names(app) == ["Ada", "Bob"]


def test_it_goes_with_its_savepoint(app):
    db.session.add(MailPerson(name="Ada"))
    db.session.flush()
    with db.session.begin_nested():
        welcome("kept")
    undone = db.session.begin_nested()
    welcome("undone")
    undone.rollback()
    # Nothing is new in the session here, but the transaction has written.
    welcome("outside")
    assert names(app) == []
    db.session.commit()
    assert names(app) == ["kept", "outside"]


def test_it_waits_for_the_end_of_a_transaction_that_has_written_nothing_yet(app):
    with pytest.raises(LookupError), together():
        welcome("undone")
        raise LookupError
    with together():
        welcome("kept")
        assert names(app) == []
    assert names(app) == ["kept"]


def test_a_failed_commit_sends_nothing(app):
    db.session.add(MailPerson(id=1, name="Ada"))
    db.session.commit()
    db.session.expunge_all()
    db.session.add(MailPerson(id=1, name="Bob"))
    welcome("Bob")
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        db.session.commit()
    db.session.rollback()
    assert names(app) == []
    assert db.session.query(MailPerson).one().name == "Ada"


def test_a_statement_counts_as_writing(app):
    db.session.execute(db.insert(MailPerson).values(name="Ada"))
    welcome("Ada")
    assert names(app) == []
    db.session.rollback()
    assert names(app) == []
