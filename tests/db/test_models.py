"""Models: keys, moments in time, names of constraints, and that user code passes a type checker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import flask_sqlalchemy
import pytest
from sqlalchemy import ForeignKey, String, select, text, type_coerce
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Mapped, mapped_column

from flaskkit import IntegerKey, Model, Module, Timestamps, UTCDateTime, UUIDKey, db


class DbHouse(IntegerKey, Timestamps, Model):
    __tablename__ = "db_house"
    street: Mapped[str] = mapped_column(String(50), unique=True)


class DbRoom(UUIDKey, Model):
    __tablename__ = "db_room"
    house_id: Mapped[int] = mapped_column(ForeignKey("db_house.id"))
    seen: Mapped[datetime | None]


@pytest.fixture
def app(start):
    return start(features=["db"], modules=[Module("house")])


def test_db_is_flask_sqlalchemys_own_object(app):
    assert type(db) is flask_sqlalchemy.SQLAlchemy
    assert app.extensions["sqlalchemy"] is db
    assert DbHouse.metadata is db.metadata


def test_constraints_have_names_from_the_start():
    assert {str(c.name) for c in DbHouse.__table__.constraints} == {"pk_db_house", "uq_db_house_street"}
    assert {str(c.name) for c in DbRoom.__table__.constraints} == {"pk_db_room", "fk_db_room_house_id_db_house"}


def test_uuid_keys_are_version_7_and_sort_by_time(app):
    with app.app_context():
        house = DbHouse(street="Long Road")
        db.session.add(house)
        db.session.flush()
        rooms = [DbRoom(house_id=house.id) for _ in range(3)]
        for room in rooms:
            db.session.add(room)
            db.session.flush()
        db.session.commit()
        keys = [room.id for room in rooms]
        assert all(
            isinstance(key, UUID) and key.version == 7 and key.variant == "specified in RFC 4122" for key in keys
        )
        born = [key.int >> 80 for key in keys]
        assert born == sorted(born)
        assert abs(born[0] / 1000 - datetime.now(UTC).timestamp()) < 60


def test_moments_come_back_in_utc_to_the_microsecond(app):
    there = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    with app.app_context():
        house = DbHouse(street="Long Road")
        db.session.add(house)
        db.session.flush()
        db.session.add(DbRoom(house_id=house.id, seen=there))
        db.session.commit()
        found = db.session.scalars(select(DbRoom)).one()
        assert found.seen == there
        assert found.seen.tzinfo is UTC
        assert db.session.scalars(select(DbRoom).where(DbRoom.seen == there)).all() == [found]


def test_a_moment_of_another_zone_is_read_in_utc(app):
    with app.app_context():
        read = UTCDateTime().result_processor(db.engine.dialect, None)
        if db.engine.dialect.name == "postgresql":
            there = datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone(timedelta(hours=2)))
            assert read(there).isoformat() == "2024-05-06T05:08:09+00:00"
            assert db.session.scalar(text("SHOW timezone")) == "UTC"
        assert read(None) is None


def test_a_type_made_of_ours_reads_as_it_says(app):
    class Noon(UTCDateTime):
        cache_ok = True

        def process_result_value(self, value, dialect):
            return super().process_result_value(value, dialect).replace(hour=12)

    with app.app_context():
        db.session.add(DbHouse(street="Long Road"))
        db.session.commit()
        found = db.session.scalar(select(type_coerce(DbHouse.created_at, Noon)))
        assert (found.hour, found.tzinfo) == (12, UTC)


def test_a_moment_without_a_zone_is_refused(app):
    with app.app_context(), pytest.raises(StatementError, match="has no time zone"):
        db.session.scalars(select(DbRoom).where(DbRoom.seen == datetime(2024, 5, 6))).all()  # noqa: DTZ001


def test_timestamps_are_set_when_a_row_is_stored_and_changed(app):
    with app.app_context():
        house = DbHouse(street="Long Road")
        db.session.add(house)
        db.session.commit()
        made, changed = house.created_at, house.updated_at
        assert abs(datetime.now(UTC) - made) < timedelta(minutes=1)
        house.street = "Short Road"
        db.session.commit()
        assert house.created_at == made
        assert house.updated_at > changed
