"""Statements that are sent to the driver as they are: the same rows and errors, and nobody who listens misses one."""

from __future__ import annotations

import enum
import logging
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Engine,
    LargeBinary,
    Numeric,
    SmallInteger,
    Text,
    Time,
    bindparam,
    event,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Mapped, mapped_column

from flaskkit import IntegerKey, Model, Timestamps, UUIDKey, db
from flaskkit.db.prepared import Prepared
from flaskkit.db.reading import rows_of


class SentMood(enum.Enum):
    good = 1
    bad = 2


class SentLetter(UUIDKey, Timestamps, Model):
    __tablename__ = "sent_letter"
    number: Mapped[int] = mapped_column(unique=True)
    text: Mapped[str | None]
    cost: Mapped[Decimal] = mapped_column(Numeric(8, 2))
    weight: Mapped[float]
    mood: Mapped[SentMood]
    day: Mapped[date | None]
    opened: Mapped[bool]
    extra: Mapped[object] = mapped_column(JSON)


class SentStamp(IntegerKey, Model):
    __tablename__ = "sent_stamp"
    name: Mapped[str] = mapped_column(unique=True)


class SentThings(IntegerKey, Model):
    __tablename__ = "sent_things"
    truth: Mapped[bool | None]
    small: Mapped[int | None] = mapped_column(SmallInteger)
    number: Mapped[int | None]
    big: Mapped[int | None] = mapped_column(BigInteger)
    broken: Mapped[float | None]
    text: Mapped[str | None] = mapped_column(Text)
    data: Mapped[bytes | None] = mapped_column(LargeBinary)
    ident: Mapped[UUID | None]
    day: Mapped[date | None]
    hour: Mapped[time | None] = mapped_column(Time().with_variant(mysql.TIME(fsp=6), "mysql", "mariadb"))
    local: Mapped[datetime | None] = mapped_column(DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb"))
    moment: Mapped[datetime | None]


LETTER = {"number": 7, "text": "100 % tea", "cost": Decimal("2.50"), "weight": 0.1, "mood": SentMood.bad}
LETTER |= {"day": date(2024, 2, 29), "opened": True, "extra": {"a": [1, None]}}
COLUMNS = select(*SentLetter.__table__.columns, (SentLetter.number + 1).label("next"))
ONE = Prepared(COLUMNS.where(SentLetter.number == bindparam("number"), SentLetter.text.like("100 %")))


@pytest.fixture
def app(start):
    app = start(features=["db"])
    with app.app_context():
        db.session.add_all([SentLetter(**LETTER), SentLetter(**LETTER | {"number": 8, "text": None, "day": None})])
        db.session.commit()
    with app.app_context():
        yield app


def test_rows_are_what_sqlalchemy_reads(app):
    for prepared, values in ((ONE, {"number": 7}), (ONE, {"number": 9}), (Prepared(COLUMNS), {})):
        found = prepared.rows(db.engine, values)
        assert found is not None
        with db.engine.connect() as connection:
            assert sorted(map(tuple, found)) == sorted(map(tuple, connection.execute(prepared.statement, values)))
    [row] = ONE.rows(db.engine, {"number": 7})
    moments = [value for value in row if isinstance(value, datetime)]
    assert [moment.tzinfo for moment in moments] == [UTC, UTC]


MOMENTS = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(2024, 2, 29, 23, 59, 59, 999_999, UTC),
    datetime(9999, 12, 31, tzinfo=UTC),
]
TEXTS = ["", "100 % “tea”", "\\x00 \t\n\u2028 \N{ROCKET}"]


@pytest.mark.parametrize("i", range(3))
def test_values_stay_the_same_when_a_statement_is_sent_again(app, i):
    values = {
        "truth": bool(i),
        "small": (-(2**15), 0, 2**15 - 1)[i],
        "number": (-(2**31), 0, 2**31 - 1)[i],
        "big": (-(2**63), 0, 2**63 - 1)[i],
        "broken": (-1.5e300, 0.1, 5e-324)[i],
        "text": TEXTS[i],
        "data": (b"", b"\\x00\x00\xff", bytes(range(256)))[i],
        "ident": UUID(int=(0, 7, 2**128 - 1)[i]),
        "day": MOMENTS[i].date(),
        "hour": MOMENTS[i].time(),
        "local": MOMENTS[max(i, 1)].replace(tzinfo=None),
        "moment": MOMENTS[max(i, 1)],
    }
    db.session.add_all([SentThings(**values), SentThings()])
    db.session.commit()
    columns = SentThings.__table__.columns
    statement = select(*columns).where(columns.id >= bindparam("first")).order_by(columns.id)
    prepared = Prepared(statement)
    for _ in range(3):
        found = [tuple(row) for row in prepared.rows(db.engine, {"first": 1})]
        assert found == [tuple(row) for row in db.session.execute(statement, {"first": 1})]
        assert [type(value) for value in found[0][1:]] == [type(value) for value in values.values()]
        db.session.rollback()


def test_loaders_that_an_app_gives_the_driver_are_heard_each_time(app):
    if db.engine.dialect.driver != "psycopg":
        return

    def load_loudly(connection, _record):
        connection.adapters.register_loader("varchar", Loud)

    from psycopg.types.string import TextLoader

    class Loud(TextLoader):
        def load(self, data):
            return super().load(data).upper()

    event.listen(db.engine, "connect", load_loudly)
    db.engine.dispose()
    prepared = Prepared(select(SentStamp.name))
    db.session.add(SentStamp(name="red"))
    db.session.commit()
    for _ in range(3):
        assert [tuple(row) for row in prepared.rows(db.engine, {})] == [("RED",)]


@pytest.mark.parametrize(
    "statement",
    [
        COLUMNS.where(SentLetter.number.in_(bindparam("number", expanding=True))),
        COLUMNS.where(SentLetter.number == bindparam("seven", 7, literal_execute=True)),
    ],
    ids=["a list of values", "a value in the text"],
)
def test_what_changes_with_the_values_is_left_to_sqlalchemy(app, statement):
    values = {"number": [7, 8]} if "number" in str(statement.whereclause) else {}
    assert Prepared(statement).rows(db.engine, values) is None
    assert len(rows_of(Prepared(statement), SentLetter, values)) in (1, 2)


def test_a_value_of_another_type_is_left_to_sqlalchemy(app):
    since = Prepared(COLUMNS.where(SentLetter.created_at > bindparam("moment")))
    assert len(since.rows(db.engine, {"moment": datetime(2024, 1, 1, tzinfo=UTC)})) == 2
    assert since.rows(db.engine, {"moment": datetime(2024, 1, 1)}) is None  # noqa: DTZ001
    assert since.rows(db.engine, {}) is None


def test_who_listens_hears_every_statement(app, count_statements):
    heard = []
    for name in ("before_cursor_execute", "do_execute"):

        def note(*arguments, name=name):
            heard.append(name)

        event.listen(db.engine, name, note)
        assert len(rows_of(ONE, SentLetter, {"number": 7})) == 1
        event.remove(db.engine, name, note)
    assert heard == ["before_cursor_execute", "do_execute"]
    with count_statements() as sent:
        assert len(rows_of(ONE, SentLetter, {"number": 7})) == 1
    assert len(sent) == 1, "heard by a listener for all engines"


def test_statements_are_logged_where_that_is_asked_for(app, caplog):
    with caplog.at_level(logging.INFO, "sqlalchemy.engine"):
        rows_of(ONE, SentLetter, {"number": 7})
    assert any("sent_letter" in record.getMessage() for record in caplog.records)


def test_options_of_the_engine_hold(app):
    options = db.engine.execution_options(logging_token="tea")
    assert ONE.rows(options, {"number": 7}) is None


def test_errors_are_those_of_sqlalchemy_and_connections_come_back(app):
    failing = Prepared(select(literal_column("no_such_column")).select_from(SentLetter))
    with pytest.raises(DBAPIError, match="no_such_column") as refused:
        failing.rows(db.engine, {})
    with pytest.raises(type(refused.value)), db.engine.connect() as connection:
        connection.execute(failing.statement)
    assert not refused.value.connection_invalidated
    assert len(ONE.rows(db.engine, {"number": 7})) == 1
    assert db.engine.pool.checkedout() == 0


def test_a_driver_that_finds_nobody_says_so_as_sqlalchemy_does(app, monkeypatch):
    def refuse(*_arguments):
        raise db.engine.dialect.loaded_dbapi.OperationalError("nobody there")

    monkeypatch.setattr(type(db.engine), "raw_connection", refuse)
    with pytest.raises(OperationalError, match="nobody there") as away:
        ONE.rows(db.engine, {"number": 7})
    assert away.value.statement is None


def test_a_transaction_after_it_is_one(app):
    assert len(ONE.rows(db.engine, {"number": 7})) == 1
    db.session.add(SentStamp(name="red"))
    db.session.flush()
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(SentStamp)) == 0


def test_rows_can_be_stored(app):
    table = SentStamp.__table__
    one = Prepared(insert(table).returning(table.c.name), ["name"])
    if db.engine.dialect.driver == "pymysql":
        assert one.rows(db.engine, {"name": "blue"}) is None, "a transaction has to be committed"
        return
    assert [tuple(row) for row in one.rows(db.engine, {"name": "blue"})] == [("blue",)]
    with pytest.raises(IntegrityError, match=r"(?i)unique"):
        one.rows(db.engine, {"name": "blue"})
    assert db.session.scalars(select(SentStamp.name)).all() == ["blue"]


def test_listeners_may_come_at_any_time(app):
    assert ONE.rows(db.engine, {"number": 7})
    seen = []

    def note(_connection, statement, *_rest):
        seen.append(statement)

    event.listen(Engine, "before_execute", note)
    try:
        assert ONE.rows(db.engine, {"number": 7}) is None
    finally:
        event.remove(Engine, "before_execute", note)
    assert ONE.rows(db.engine, {"number": 7})
