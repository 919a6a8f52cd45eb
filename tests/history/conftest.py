"""An app whose rows have a history: stories with topics, written by users."""

from __future__ import annotations

import enum
from decimal import Decimal

import pytest
from sqlalchemy import Column, ForeignKey, Numeric, Table, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import History, IntegerKey, Model, Module, Resource, Timestamps, User, db, login, public
from flaskkit.history import Change

history_link = Table(
    "history_link",
    Model.metadata,
    Column("story_id", ForeignKey("history_story.id"), primary_key=True),
    Column("topic_id", ForeignKey("history_topic.id"), primary_key=True),
)


class Mood(enum.Enum):
    calm = 1
    wild = 2


class HistoryTopic(IntegerKey, Model):
    __tablename__ = "history_topic"
    name: Mapped[str]


class Story(IntegerKey, Timestamps, Model):
    __tablename__ = "history_story"
    title: Mapped[str] = mapped_column(info={"pattern": "[A-Z].*"})
    price: Mapped[Decimal | None] = mapped_column(Numeric(8, 2))
    mood: Mapped[Mood] = mapped_column(default=Mood.calm)
    api_key: Mapped[str | None]
    draft: Mapped[str | None]
    topics: Mapped[list[HistoryTopic]] = relationship(secondary=history_link)


stories = Resource(
    Story, name="stories", fields=["title", "price", "mood", "topics"], read_only=["created_at"],
    write_only=["api_key", "draft"], search=["title"], read=public, write=login, bulk=10,
)  # fmt: skip
module = Module("stories", resources=[stories])


@pytest.fixture
def app(start):
    app = start(features=["db", "forms", "auth", "api", "pages", History()], modules=[module])
    with app.app_context():
        ada = User(email="ada@example.org")
        ada.set_password("three little words")
        db.session.add_all([ada, HistoryTopic(name="Sea"), HistoryTopic(name="Land")])
        db.session.commit()
    return app


@pytest.fixture
def ada(app):
    with app.app_context():
        from flaskkit.auth import tokens

        token, _ = tokens.issue(db.session.get(User, 1), "test", 1)
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    client.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    return client


@pytest.fixture
def changes(app):
    def changes(table="history_story"):
        with app.app_context():
            return list(db.session.scalars(select(Change).where(Change.table_name == table).order_by(Change.id)))

    return changes
