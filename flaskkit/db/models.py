"""``db``, the typed ``Model`` and what models are made of.

    class Book(IntegerKey, Timestamps, Model):
        title: Mapped[str] = mapped_column(String(200))

    Model         typed for checkers; at run time it is ``db.Model``
    IntegerKey    id: int, counted by the database
    UUIDKey       id: UUID version 7, so that new rows sort last
    Timestamps    created_at, updated_at: aware, in UTC
    Versioned     version: another with every change
    UTCDateTime   a moment in time on every database; what ``Mapped[datetime]`` means

A plain ``Mapped[str]`` holds up to 255 characters, because MariaDB wants a length; use ``Text`` for more.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.query import Query
from sqlalchemy import BigInteger, DateTime, Dialect, Double, LargeBinary, MetaData, String, Uuid
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column, registry
from sqlalchemy.types import TypeDecorator, TypeEngine

# Constraints need names before the first migration, or later ones cannot drop them (Alembic, "The Importance
# of Naming Constraints").
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UTCDateTime(TypeDecorator[datetime]):
    """A moment in time. Takes aware datetimes of any zone and returns them in UTC, to the microsecond.

    Raises:
        ValueError: (as the cause of a ``StatementError``) the datetime has no time zone.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        return datetime

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in ("mysql", "mariadb"):
            from sqlalchemy.dialects.mysql import DATETIME

            return dialect.type_descriptor(DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; use datetime.now(UTC).")
        moment = value.astimezone(UTC)
        return moment if dialect.name == "postgresql" else moment.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return in_utc(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Return what makes of a value from the driver one of ours, as SQLAlchemy asks for it."""
        if type(self) is not UTCDateTime:
            return super().result_processor(dialect, coltype)
        # Without the layers of a TypeDecorator: a page of a list has hundreds of moments.
        given = self.impl_instance.result_processor(dialect, coltype)
        return in_utc if given is None else lambda value: in_utc(given(value))


def in_utc(value: datetime | None) -> datetime | None:
    """Return *value* in UTC, in which it is meant where it has no time zone."""
    if value is None or value.tzinfo is UTC:
        return value
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def all_in_utc(values: Iterable[datetime | None]) -> list[datetime | None]:
    """Return what ``in_utc`` does of each of *values*."""
    return [value if value is None or value.tzinfo is UTC else in_utc(value) for value in values]


class LongBinary(TypeDecorator[bytes]):
    """Bytes beyond 64 KiB, on MariaDB as well, whose dialect other apps need not load."""

    impl = LargeBinary
    cache_ok = True
    # What `flask db migrate` writes for it: an import, and the type.
    in_migrations = (
        "from sqlalchemy.dialects import mysql",
        'sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")',
    )

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in ("mysql", "mariadb"):
            from sqlalchemy.dialects.mysql import LONGBLOB

            return dialect.type_descriptor(LONGBLOB())
        return dialect.type_descriptor(LargeBinary())


class Base(DeclarativeBase):
    """What ``db.Model`` is made from."""

    registry = registry(
        metadata=MetaData(naming_convention=NAMES),
        type_annotation_map={datetime: UTCDateTime(), float: Double(), str: String(255)},
    )


db = SQLAlchemy(model_class=Base)

if TYPE_CHECKING:

    class Model(Base):
        """Base of an app's models. At run time this is ``db.Model``, which type checkers do not understand."""

        __abstract__ = True
        query: ClassVar[Query]

else:
    Model = db.Model


def now() -> datetime:
    """Return this moment, in UTC."""
    return datetime.now(UTC)


def uuid7() -> UUID:
    """Return a UUID version 7: 48 bits of Unix milliseconds, then 74 random bits (RFC 9562, section 5.7)."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | random
    return UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)


class IntegerKey:
    """Adds ``id``, counted by the database."""

    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-100)


class UUIDKey:
    """Adds ``id``, a UUID version 7 made by the app: unguessable enough for URLs, ordered by time of creation."""

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid7, sort_order=-100)


class Timestamps:
    """Adds ``created_at`` and ``updated_at``, set by the app whenever a row is stored through the ORM."""

    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, sort_order=100)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, onupdate=now, sort_order=101)


def next_version(version: int | None) -> int:
    """Return the version after *version*; for a new row this millisecond, as a row may come again with its key."""
    return time.time_ns() // 1_000_000 if version is None else version + 1


class Versioned:
    """Adds ``version``, which grows with every change through the ORM: SQLAlchemy's ``version_id_col``.

    The UPDATE and DELETE of a row ask for the version that was read, so that nobody overwrites what they have not seen.
    """

    version: Mapped[int] = mapped_column(BigInteger, sort_order=102)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805  (SQLAlchemy gives it the class)
        return {"version_id_col": cls.version, "version_id_generator": next_version}
