"""Lazy loads: a relationship that code touches is read for all rows of a load at once, or not at all.

    together    the first note.author reads the authors of all notes that came with this one
    raise       note.author is an error if more notes came with this one: the query should have asked for it
    plain       as SQLAlchemy does: a statement for each note

SQLAlchemy makes the statement for one row, with its order, its criteria and the options of the query that brought
the row. Here "= :key" in it becomes "IN (:keys)". What comes back for the other rows waits at them: when one of them
asks, its own lazy load takes that as the result in place of a statement, so that nothing else about it is different.
What a flush or a statement may have changed meanwhile is not taken, and what is unusual is loaded plainly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from flask import Flask, current_app
from sqlalchemy import Integer, Uuid, bindparam, event, inspect, true, tuple_
from sqlalchemy.engine import FrozenResult, Result
from sqlalchemy.orm import InstanceState, ORMExecuteState, RelationshipProperty, Session
from sqlalchemy.orm.interfaces import ORMOption
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, BooleanClauseList
from sqlalchemy.sql.operators import and_, eq

from flaskkit.db.models import db
from flaskkit.errors import FlaskkitError

Mode = Literal["together", "raise", "plain"]
_KEY = "flaskkit.lazy"
# As many as SQLAlchemy's selectinload asks for at once.
_AT_ONCE = 500
_BIND = "flaskkit_keys"
_FLUSHED = {"autoflush": False}


class LazyLoad(FlaskkitError):
    """A relationship was about to be read for one row alone, where the app's setting ``lazy`` is "raise"."""


@dataclass
class _Changes:
    """What a session wrote so far: how often each table, and None for what may be any of them."""

    tables: Counter[Any] = field(default_factory=Counter)
    flushing: bool = False

    def of(self, tables: Iterable[Any]) -> int:
        return self.tables[None] + sum(self.tables[table] for table in tables)


@dataclass(frozen=True)
class _Tie:
    """Where a lazy load's statement depends on its row: ``part`` compares ``column`` with the parameter ``bind``.

    ``local`` is the column of the row that holds the value, ``name`` its attribute.
    """

    part: Any
    bind: Any
    column: Any
    local: Any
    name: str


@dataclass(frozen=True)
class _Waiting:
    """The result of one row's lazy load, read with those of others."""

    result: FrozenResult[Any]
    parameters: Mapping[str, Any]
    run: int | None
    tables: frozenset[Any]
    changes: int


class _WaitingByName(dict[str, _Waiting | None]):
    """What waits at a row, by the name of the relationship; None: to be loaded plainly."""

    def __reduce__(self) -> tuple[Any, ...]:
        # A pickled row does not take other rows with it.
        return _WaitingByName, ()


def load_lazily(app: Flask, mode: Mode) -> None:
    """Let lazy loads of *app* be as *mode* says."""
    app.extensions[_KEY] = mode


@event.listens_for(db.session, "do_orm_execute")
def _executed(execution: ORMExecuteState) -> Result[Any] | None:
    if not execution.is_select:
        _changes(execution.session).tables[None] += 1
        return None
    state = execution.lazy_loaded_from
    mode = current_app.extensions.get(_KEY) if state is not None and current_app else None
    if state is None or mode not in ("together", "raise") or _changes(execution.session).flushing:
        return None
    path: Any = execution.loader_strategy_path
    link = path[-1]
    if not isinstance(link, RelationshipProperty) or state.key is None:
        return None
    if mode == "raise":
        _refuse(execution, state, link)
        return None
    waiting: _WaitingByName = state.info.get(_KEY, {})
    if link.key in waiting:
        return _taken(execution, state, waiting.pop(link.key))
    return _read_together(execution, state, link)


def _refuse(execution: ORMExecuteState, state: InstanceState[Any], link: RelationshipProperty[Any]) -> None:
    siblings = [*_siblings(execution.session, state, link)]
    spared = link.key in state.info.get(_KEY, ())
    if link.lazy == "immediate" or not (siblings or spared):
        return
    if link.cascade.delete and not spared:
        # db.session.delete(note) reads what goes with the note, and looks like any other load: one may pass, but
        # not a second of the same query.
        _leave(siblings, link)
        return
    name = state.mapper.class_.__name__
    raise LazyLoad(
        f"{name}.{link.key} was read for one {name} alone, a statement for each row. Ask for it with the rows:"
        f" select({name}).options(selectinload({name}.{link.key})). (Setting 'lazy' of feature 'db' is \"raise\".)"
    )


def _taken(execution: ORMExecuteState, state: InstanceState[Any], waiting: _Waiting | None) -> Result[Any] | None:
    """Return what was *waiting*, or None if reading it now may give something else."""
    if waiting is None or state.runid != waiting.run or execution.parameters != waiting.parameters:
        return None
    session, options = execution.session, execution.execution_options
    if options.get("populate_existing"):
        return None
    if session.autoflush and options.get("autoflush", True):
        session.flush()
    return waiting.result() if waiting.changes == _changes(session).of(waiting.tables) else _plainly(execution)


def _plainly(execution: ORMExecuteState) -> Result[Any]:
    """Return the result of the lazy load itself, where the session was flushed for it already.

    A second flush may do what the first one did not, such as a deletion that another change called off.
    """
    return execution.invoke_statement(execution_options=_FLUSHED)


def _read_together(
    execution: ORMExecuteState, state: InstanceState[Any], link: RelationshipProperty[Any]
) -> Result[Any] | None:
    """Return the result of the lazy load of *state*, and let those of its siblings wait; None to load it plainly."""
    siblings = list(_siblings(execution.session, state, link))
    ties = _ties(execution, link) if siblings else []
    if not ties:
        return None
    keys = {one: tuple(one.dict.get(tie.name) for tie in ties) for one in (state, *siblings)}
    keys = {one: key for one, key in keys.items() if None not in key}
    given: Any = execution.parameters
    if keys.get(state) != tuple(given[tie.bind] for tie in ties):
        return None
    found = _rows_by_key(execution, ties, list(dict.fromkeys(keys.values())))
    tables = _tables(link)
    changes = _changes(execution.session).of(tables)
    _leave(siblings, link)
    for one in siblings:
        if (key := keys.get(one)) in found:
            parameters = {**given, **{tie.bind: value for tie, value in zip(ties, key, strict=True)}}
            one.info[_KEY][link.key] = _Waiting(found[key], parameters, one.runid, tables, changes)
    return found[keys[state]]() if keys[state] in found else _plainly(execution)


def _leave(states: Iterable[InstanceState[Any]], link: RelationshipProperty[Any]) -> None:
    """Let *link* of *states* be loaded plainly, from now on."""
    for state in states:
        state.info.setdefault(_KEY, _WaitingByName())[link.key] = None


def _siblings(
    session: Session, state: InstanceState[Any], link: RelationshipProperty[Any]
) -> Iterator[InstanceState[Any]]:
    """Yield the other rows of the load that brought *state* which lack *link* as well."""
    if link.key in state.callables:
        return  # This row has an option of its own, such as lazyload(Note.tags.and_(...)).
    for item in session.identity_map.values():
        other: InstanceState[Any] = inspect(item)
        if (
            other.runid == state.runid
            and other is not state
            and other.mapper.isa(link.parent)
            and link.key not in other.dict
            and link.key not in other.callables
            and link.key not in other.info.get(_KEY, ())
            and other.load_options == state.load_options
            and other.load_path == state.load_path
        ):
            yield other


def _ties(execution: ORMExecuteState, link: RelationshipProperty[Any]) -> list[_Tie]:
    """Return all that ties the statement to its row; nothing where that is more than "column = :key AND ..."."""
    where = getattr(execution.statement, "whereclause", None)
    given = execution.parameters
    if where is None or not isinstance(given, Mapping):
        return []
    # Those with a value are constants in the condition of the relationship.
    tied = [
        one
        for one in visitors.iterate(where)
        if isinstance(one, BindParameter) and one.value is None and one.key in given
    ]
    ties = []
    for part in where.clauses if isinstance(where, BooleanClauseList) and where.operator is and_ else [where]:
        if isinstance(part, BinaryExpression) and part.operator is eq:
            for bind, column in ((part.left, part.right), (part.right, part.left)):
                local = _local(link, column) if isinstance(bind, BindParameter) and bind.key in given else None
                if local is not None:
                    name = link.parent.get_property_by_column(local).key
                    ties.append(_Tie(part, bind.key, column, local, name))
    return ties if len(ties) == len(tied) else []


def _local(link: RelationshipProperty[Any], column: Any) -> Any:
    """Return the column of the row which *link* compares with *column*, or None where that is not just one."""
    found = {
        local
        for local, remote in link.local_remote_pairs or ()
        if link.parent.columns.contains_column(local) and remote.shares_lineage(column)
    }
    return found.pop() if len(found) == 1 else None


def _rows_by_key(
    execution: ORMExecuteState, ties: list[_Tie], keys: list[tuple[Any, ...]]
) -> dict[tuple[Any, ...], FrozenResult[Any]]:
    """Return the result for each of *keys*, without those that can only be found by asking for them alone."""
    columns = [tie.column for tie in ties]
    one = len(columns) == 1
    condition = (columns[0] if one else tuple_(*columns)).in_(bindparam(_BIND, expanding=True))
    parts: dict[int, Any] = {id(tie.part): true() for tie in ties} | {id(ties[0].part): condition}
    statement: Any = execution.statement
    statement = statement.add_columns(*(column.label(f"{_BIND}_{i}") for i, column in enumerate(columns)))
    statement = visitors.replacement_traverse(
        # Options cannot be copied and need not.
        statement,
        {},
        lambda element, **_: element if isinstance(element, ORMOption) else parts.get(id(element)),
    )
    rows: dict[tuple[Any, ...], list[Any]] = {key: [] for key in keys}
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        values = [key[0] for key in some] if one else some
        options = _FLUSHED if start else None
        found = execution.invoke_statement(statement, {_BIND: values}, execution_options=options).unique().freeze()
        for row in found.data:
            key = tuple(row[1:])
            if key not in rows:
                return {}  # The database compares otherwise than Python: which row is whose cannot be told.
            rows[key].append(row)
    # Two text keys may be one to the database ("a" and "A"), which finds a row for one of them only.
    exact = all(isinstance(tie.local.type, (Integer, Uuid)) or tie.local.primary_key for tie in ties)
    return {key: found.with_new_rows(some) for key, some in rows.items() if some or exact}


def _tables(link: RelationshipProperty[Any]) -> frozenset[Any]:
    """Return the tables that hold what *link* shows."""
    found = {table for mapper in link.mapper.self_and_descendants for table in mapper.tables}
    return frozenset(found if link.secondary is None else {*found, link.secondary})


def _changes(session: Session) -> _Changes:
    found: _Changes = session.info.get(_KEY) or session.info.setdefault(_KEY, _Changes())
    return found


@event.listens_for(db.session, "before_flush")
def _flushing(session: Session, *_: Any) -> None:
    # What a flush itself reads is its own business.
    _changes(session).flushing = True


@event.listens_for(db.session, "after_flush")
def _flushed(session: Session, _context: Any) -> None:
    changed = _changes(session).tables
    if session.deleted:
        changed[None] += 1  # The database may delete more, in other tables.
    for item in (*session.new, *session.dirty):
        state: InstanceState[Any] = inspect(item)
        changed.update(state.mapper.tables)
        kept = state.unmodified
        for link in state.mapper.relationships:
            if link.key not in kept:
                changed.update(_tables(link))


@event.listens_for(db.session, "after_flush_postexec")
def _after_flush(session: Session, _context: Any) -> None:
    _changes(session).flushing = False


@event.listens_for(db.session, "after_commit")
@event.listens_for(db.session, "after_soft_rollback")
def _settled(session: Session, *_: Any) -> None:
    changes = _changes(session)
    changes.tables[None] += 1
    changes.flushing = False
