"""A new row by one statement alone: INSERT … RETURNING what is shown of it, where a session would add nothing but work.

    inserter = inserter_for(notes, reader)    None where a model object may do more than hold values
    inserter.insert({"rating": 5})            Inserted(key, row); None where rows.create() has to do it

Whatever this cannot do, or the database refuses, is left to ``rows.create``: nothing has been stored then, and it says
what is wrong. So there is one place for what may be stored, and this is only a shorter way to the same row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from inspect import signature
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, Dialect, Engine, Table, insert, literal_column
from sqlalchemy.exc import DBAPIError, StatementError

from flaskkit.access import Joined, Policy, login, owner, public, role, user_for
from flaskkit.db.compiled import EXACT, Reader, is_plain
from flaskkit.db.listeners import Events
from flaskkit.db.nested import hides_nothing
from flaskkit.db.prepared import Prepared
from flaskkit.db.reading import AT_THE_END, AUTOCOMMIT, READING, current_session, engine_alone
from flaskkit.db.refusals import write_refused
from flaskkit.db.rows import is_checked_by_database
from flaskkit.db.transactions import OPEN, refusal
from flaskkit.resource import Resource

_STORING = (
    *("before_attach", "after_attach", "transient_to_pending", "pending_to_persistent"),
    *("before_flush", "after_flush", "after_flush_postexec"),
)
_EVENTS = Events(*READING, *AT_THE_END, *_STORING)
# What these do there is about model objects, and here is none; or about what a session writes, and this one does not.
# Users are never stored here, whose changes `auth` tells: their model has validators. Models with a history are heard.
_ABOUT_OBJECTS = frozenset(
    {"flaskkit.auth.events", "flaskkit.db.after", "flaskkit.db.guards", "flaskkit.db.lazy", "flaskkit.files.session"}
    | {"flaskkit.history.recording"}
)


class Inserted(NamedTuple):
    """A row that was stored: its ``key``, and what is shown of it, None where the caller may not see it."""

    key: Any
    row: tuple[Any, ...] | None


def inserter_for(resource: Resource, reader: Reader | None) -> Inserter | None:
    """Return what stores new rows of *resource* as *reader* reads them, or None where only model objects will do.

    That is where something listens to them, or makes or checks them: hooks, validators, a constructor, a version, a
    policy of the app's own.
    """
    if reader is None or any(name.endswith("create") for name in resource.hooks):
        return None
    if not (_built_in(resource.policy("create")) and _built_in(resource.read) and _only_holds_values(resource.model)):
        return None
    return Inserter(resource, reader)


class Inserter:
    """Stores new rows of *resource*."""

    def __init__(self, resource: Resource, reader: Reader) -> None:
        self.resource = resource
        self._reader = reader
        mapper = resource.model.__mapper__
        columns = {one.key: one.columns[0] for one in mapper.column_attrs if isinstance(one.columns[0], Column)}
        self._columns = {
            name: column.key
            for name, column in columns.items()
            if is_plain(mapper, getattr(resource.model, name)) and not getattr(resource.model, name).dispatch.set
        }
        # As the ORM does, NULL is only sent where nothing else fills the column.
        filled = {column.key for column in columns.values() if column.default or column.server_default}
        self._filled = filled
        self._empty = {
            column.key: None for column in columns.values() if column.key not in filled and not column.primary_key
        }
        self._key = columns[resource.key.name]
        self._makers = _makers_of(columns.values())
        self._statement = lru_cache(maxsize=4)(self._built)
        self._prepared = lru_cache(maxsize=64)(lambda *built, keys: Prepared(self._statement(*built)[0], keys))

    def insert(self, values: Mapping[str, Any]) -> Inserted | None:
        """Store a row with *values*, by field name, for the caller; return None where ``rows.create`` has to do it."""
        resource, policy = self.resource, self.resource.policy("create")
        given = _Given(values)
        user = user_for(policy)
        policy.claim(user, given)
        if not policy.allows(user, given) or not self._takes(vars(given)):
            return None
        engine = _engine_for(resource.model)
        if engine is None or _is_heard(resource.model) or not engine.dialect.insert_returning:
            return None
        shown = resource.read.allows(user_for(resource.read), given)
        whole = shown and hides_nothing(self._reader.seen())
        sent = {self._columns[name]: value for name, value in vars(given).items()}
        sent = self._empty | {key: value for key, value in sent.items() if value is not None or key not in self._filled}
        try:
            row, whole = self._stored(engine, sent, whole)
        except StatementError as error:
            if isinstance(error, DBAPIError) and refusal(error, partial(write_refused, resource)) is None:
                raise
            return None
        if not shown:
            return Inserted(row[0], None)
        if not whole:
            return Inserted(row[0], self._reader.found(row[0]))
        [found] = self._reader.tuples([row[1:]])
        return Inserted(row[0], found)

    def _stored(self, engine: Engine, sent: Mapping[str, Any], whole: bool) -> tuple[Sequence[Any], bool]:
        """Return what the statement for a *whole* row gives, by column, and whether it gives that."""
        statement, whole_given = self._statement(engine.dialect, whole)
        if self._makers is not None and engine.dialect.name == "postgresql":
            values = {**{key: make() for key, make in self._makers.items() if key not in sent}, **sent}
            found = self._prepared(engine.dialect, whole, keys=frozenset(values)).rows(engine, values)
            if found is not None:
                return found[0], whole_given
        with _writing(engine) as connection:
            return connection.execute(statement, sent).one(), whole_given

    def _takes(self, given: Mapping[str, Any]) -> bool:
        """Return whether *given*, with what the policy claimed, is all that a model object would hold."""
        resource = self.resource
        if not given.keys() <= self._columns.keys() or not {*resource.read.names()} <= given.keys():
            return False
        return all(
            is_checked_by_database(resource, name, value)
            for name, value in given.items()
            if value is not None and resource.known[name].target is not None
        )

    def _built(self, dialect: Dialect, whole: bool) -> tuple[Any, bool]:
        """Return the statement that gives the key, then the row as the reader reads it, and whether it gives that.

        It does not unless the *whole* row is wanted, or where the database may store something else than it was given.
        """
        own, key = self._reader.stored, self._key
        exact = own is not None and (dialect.name == "postgresql" or all(type(one.type) in EXACT for one in own))
        if not (whole and own is not None and exact):
            return insert(key.table).returning(key), False
        shown = [attribute.property.columns[0] for attribute in own]
        for link in self._reader.links:
            column = link.key.property.columns[0]
            # Not the column itself: SQLAlchemy would add its table to the subquery, where it stands for all rows.
            shown += link.returned(literal_column(str(column.compile(dialect=dialect)), column.type))
        # As in the reader's rows.
        behind = [] if self._reader.shows_key else [key]
        return insert(key.table).returning(key, *shown[: len(own)], *behind, *shown[len(own) :]), True


class _Given:
    """Values of a row that is to be: what is not given is None, as in a new model object."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        vars(self).update(values)

    def __getattr__(self, name: str) -> Any:
        return None


def _makers_of(columns: Iterable[Column[Any]]) -> dict[str, Callable[[], Any]] | None:
    """Return what makes the values that are not given, in Python; None where that depends on the statement."""
    made: dict[str, Callable[[], Any]] = {}
    for column in columns:
        default: Any = column.default
        if default is None:
            continue
        if default.is_scalar:
            made[column.key] = partial(_same, default.arg)
        elif default.is_callable and _takes_nothing(default.arg):
            # SQLAlchemy gives its context to all, and leaves it out for those that take nothing.
            made[column.key] = partial(default.arg, None)
        else:
            return None
    return made


def _same(value: Any) -> Any:
    return value


def _takes_nothing(make: Callable[..., Any]) -> bool:
    try:
        return not signature(make).parameters
    except ValueError:
        return False  # Not all that is written in C tells.


def _built_in(policy: Policy) -> bool:
    """Return whether *policy* is one of the core's: of an item it looks at ``names()`` and nothing else."""
    if isinstance(policy, Joined):
        return all(map(_built_in, policy.sides))
    return type(policy) in (type(public), type(login), role, owner)


def _only_holds_values(model: Any) -> bool:
    """Return whether making and storing an object of *model* does no more than store its values."""
    mapper, manager = model.__mapper__, model.__mapper__.class_manager
    if manager.original_init is not mapper.registry.constructor or model.__setattr__ is not object.__setattr__:
        return False
    if mapper.version_id_col is not None or mapper.validators or not isinstance(mapper.local_table, Table):
        return False
    # JSON has a null of its own beside SQL's, and the ORM its rules which is meant.
    nulls = any(column.type.should_evaluate_none for column in mapper.local_table.columns)
    return not nulls and all(listener.__module__.startswith("sqlalchemy.") for listener in manager.dispatch.init)


def _is_heard(model: Any) -> bool:
    """Return whether something listens to the storing of objects of *model*; it may come at any time."""
    mapper = model.__mapper__
    heard = mapper.dispatch
    return bool(heard.before_insert or heard.after_insert or mapper.class_manager.dispatch.refresh_flush)


def _engine_for(model: Any) -> Engine | None:
    """Return the engine on which one statement may store a row of *model*, or None where the session is to do it."""
    session = current_session()
    # Several writing calls are one transaction.
    if session.info.get(OPEN):
        return None
    engine = engine_alone(session, model, _EVENTS, _ABOUT_OBJECTS)
    return None if engine is None or engine.dispatch.commit else engine


@contextmanager
def _writing(engine: Engine) -> Iterator[Connection]:
    """Give a connection for one statement, committed at the end."""
    if engine.dialect.name != "postgresql":
        with engine.begin() as connection:
            yield connection
        return
    # One round trip instead of three.
    with engine.connect() as connection:
        yield connection.execution_options(**AUTOCOMMIT)
