"""Somebody: a user with a row of everything that can be theirs, for ``assert_isolated`` to try.

whose a row is    a foreign key to the user       note.author_id
                  owner("…") in a policy          also of a column that is no foreign key
                  what the test says              owned={"notes": "members"}
                  a required foreign key          comment.note_id: theirs, because the note is
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from flaskkit.access import Policy, owner
from flaskkit.resource.fields import fields_of, keys_of
from flaskkit.testing.clients import logged_in
from flaskkit.testing.factories import stored

Owned = Mapping[str, str | Callable[[Any, Any], None]]
# Numbers that stand nowhere else begin here: long enough to be no accident, and within 32 bits.
NUMBERS = 73_100_000


@dataclass
class Somebody:
    """A user with rows. ``keys`` are those of rows by the name of their table, ``secrets`` the texts in them.

    ``owned`` are the tables with rows of theirs, each with the columns that say so. ``through`` names, for those that
    say nothing themselves, the tables of the rows to which they belong.
    """

    user: Any
    keys: dict[str, list[str]] = field(default_factory=dict)
    secrets: dict[str, tuple[str, str]] = field(default_factory=dict)
    owned: dict[str, list[str]] = field(default_factory=dict)
    through: dict[str, set[str]] = field(default_factory=dict)
    tables: list[Any] = field(default_factory=list)

    def opened(self, names: set[str]) -> set[str]:
        """Return *names* of tables and columns, with the tables whose rows belong to rows of these."""
        found = set(names)
        while more := {table for table, others in self.through.items() if others & found} - found:
            found |= more
        return found


def somebody(app: Flask, rows: Iterable[Any], owned: Owned) -> Somebody:
    """Store a user with rows of all models that are about users, directly or not, or have a resource."""
    from flaskkit.auth import tokens
    from flaskkit.db import db

    model = app.extensions["flaskkit.user_model"]
    user = stored(model, email="zqsomebody@example.com")
    found = Somebody(user, tables=tables_of(app))
    given = {type(row): db.session.merge(row) for row in rows}
    numbers = count(1)
    links = {one: _links_to(app, one, model, owned) for one in _models(app, found.tables)}
    theirs = _Theirs(user, given)
    for one, own in _parents_first(app, links):
        above = [] if own or one is model else _required(one, theirs.values)
        row = user if one is model else theirs.row_of(one, own, above)
        if own or above or one is model:
            table = one.__tablename__
            found.owned[table] = [one.__mapper__.columns[name].name for name in _columns(one, own)]
            found.through |= {table: {parent.__tablename__ for _, _, parent in above}} if above else {}
            _mark(row, found, numbers)
        db.session.commit()
        key = ",".join(str(getattr(row, name)) for name in keys_of(one))
        found.keys.setdefault(one.__tablename__, []).append(key)
    token, _ = tokens.issue(user, "zqtoken", 1)
    found.secrets[token] = (model.tokens.property.mapper.local_table.name, "digest")
    logged_in(app, user)
    for beside in (model.tokens, model.sessions):
        mapped = beside.property.mapper.class_
        keys = db.session.scalars(db.select(mapped.id).where(mapped.user_id == user.id))
        found.keys[mapped.__tablename__] = [str(key) for key in keys]
    db.session.refresh(user)
    db.session.expunge_all()
    return found


def key_in(user: Any) -> Any:
    """Return the key of *user*, though it belongs to no session any more."""
    return inspect(user).identity


def tables_of(app: Flask) -> list[Any]:
    """Return the tables of *app* that are in its databases."""
    from flaskkit.db import db
    from flaskkit.db.tables import tables_of

    there = {bind: set(inspect(engine).get_table_names()) for bind, engine in db.engines.items()}
    return [table for bind, names in there.items() for table in tables_of(app, bind) if table.name in names]


def _models(app: Flask, tables: Collection[Any]) -> list[Any]:
    """Return the models of *app*: those of resources, and all others but those that flaskkit keeps beside users."""
    from flaskkit.db import Model

    # What is beside users has routes of its own, and rows that come with them.
    mapped = [one.class_ for one in Model.registry.mappers if one.local_table in tables]
    others = [one for one in mapped if not one.__module__.startswith("flaskkit.")]
    return list(dict.fromkeys([*(one.model for one in app.extensions["flaskkit"].resources), *others]))


def _links_to(app: Flask, model: Any, user: Any, owned: Owned) -> list[Any]:
    """Return what says whose a row of *model* is: names of attributes, and what the test gave."""
    table = model.__mapper__.local_table
    keys = [
        model.__mapper__.get_property_by_column(column).key
        for column in table.columns
        if any(key.column.table is user.__table__ for key in column.foreign_keys)
    ]
    found: list[Any] = [*keys]
    for resource in app.extensions["flaskkit"].resources:
        if resource.model is model:
            for action in ("read", "create", "update", "delete"):
                found += _owners_in(resource.policy(action))
            if resource.name in owned:
                found.append(owned[resource.name])
    return list(dict.fromkeys(found))


def _owners_in(policy: Policy) -> Iterator[str]:
    if isinstance(policy, owner):
        yield policy.column
    for side in ("left", "right"):
        if isinstance(joined := getattr(policy, side, None), Policy):
            yield from _owners_in(joined)


def _parents_first(app: Flask, links: Mapping[Any, list[Any]]) -> Iterator[tuple[Any, list[Any]]]:
    """Yield models and links: those that name their user, then what belongs to them, then what is nobody's."""
    user = app.extensions["flaskkit.user_model"]
    yield user, []
    theirs = [one for one, own in links.items() if own and one is not user]
    yield from ((one, links[one]) for one in theirs)
    waiting = [one for one in links if one is not user and one not in theirs]
    while more := [one for one in waiting if _required(one, theirs)]:
        yield from ((one, []) for one in more)
        theirs += more
        waiting = [one for one in waiting if one not in more]
    models = {resource.model for resource in app.extensions["flaskkit"].resources}
    yield from ((one, []) for one in waiting if one in models)


def _required(model: Any, theirs: Iterable[Any]) -> list[tuple[str, str, Any]]:
    """Return (attribute, attribute there, model there) of each foreign key without which a row cannot be."""
    parents = {one.__mapper__.local_table: one for one in theirs if not issubclass(model, one)}
    return [
        (
            model.__mapper__.get_property_by_column(column).key,
            parents[key.column.table].__mapper__.get_property_by_column(key.column).key,
            parents[key.column.table],
        )
        for column in model.__mapper__.local_table.columns
        for key in column.foreign_keys
        if not column.nullable and key.column.table in parents
    ]


class _Theirs:
    """Makes rows of somebody. What belongs to a row belongs to a second one, so that nothing keeps the first."""

    def __init__(self, user: Any, given: Mapping[Any, Any]) -> None:
        self.user = user
        self.given = given
        # How a row of each model is made theirs: the values of columns, and the rest.
        self.values: dict[Any, dict[str, Any]] = {}
        self.ways: dict[Any, list[Any]] = {}
        self.second: dict[Any, Any] = {}

    def row_of(self, model: Any, own: list[Any], above: Iterable[tuple[str, str, Any]]) -> Any:
        """Return a row of *model*; theirs, where *own* or *above* say how."""
        values = dict.fromkeys(_columns(model, own), self.user.id)
        values |= {name: getattr(self._second_of(parent), there) for name, there, parent in above}
        if values or own:
            self.values[model], self.ways[model] = values, own
        return self._made(model, values, own)

    def _second_of(self, model: Any) -> Any:
        if model in self.given:
            return self.given[model]
        if model not in self.second:
            self.second[model] = self._made(model, self.values[model], self.ways[model])
        return self.second[model]

    def _made(self, model: Any, values: Mapping[str, Any], own: Iterable[Any]) -> Any:
        row = self.given.get(model)
        if row is None:
            try:
                row = stored(model, **values)
            except SQLAlchemyError as error:
                said = getattr(error, "orig", None) or error
                raise ValueError(
                    f"The database takes no {model.__name__} as a factory makes it up: {said}. Store one in the test,"
                    " and give it: assert_isolated(app, rows=[…])."
                ) from error
        for name, value in values.items():
            if getattr(row, name) != value:
                setattr(row, name, value)
        _give(row, own, self.user)
        return row


def _columns(model: Any, own: Iterable[Any]) -> list[str]:
    return [name for name in own if isinstance(name, str) and name in model.__mapper__.columns]


def _give(row: Any, own: Iterable[Any], user: Any) -> None:
    """Make *row* the user's, by each of *own*."""
    for how in own:
        if callable(how):
            how(row, user)
        elif how in type(row).__mapper__.columns:
            continue
        elif isinstance(held := getattr(row, how), list | set):
            (held.append if isinstance(held, list) else held.add)(user)
        else:
            setattr(row, how, user)


def _mark(row: Any, owner: Somebody, numbers: count[int]) -> None:
    """Put texts and numbers into *row* that stand nowhere else, as far as its columns take them."""
    from flaskkit.db import db

    table = type(row).__tablename__
    fields = {
        name: one
        for name, one in fields_of(type(row)).items()
        if not (one.is_relationship or one.computed or one.target is not None or one.choices or one.key)
    }
    for name, one in fields.items():
        if one.type is str:
            if one.pattern is None and (one.max_length or 255) >= 8:
                setattr(row, name, f"zq{next(numbers):04}qz")
            text = getattr(row, name)
            if text and len(text) >= 8:
                owner.secrets[text] = (table, name)
        elif one.type is UUID and (value := getattr(row, name)) is not None:
            owner.secrets[str(value)] = (table, name)
    db.session.flush()
    version = type(row).__mapper__.version_id_col
    for name, one in fields.items():
        if one.type in (int, Decimal) and _takes_any(one) and type(row).__mapper__.columns[name] is not version:
            number = NUMBERS + next(numbers)
            try:
                with db.session.begin_nested():
                    setattr(row, name, one.type(number))
            except SQLAlchemyError:
                # The database knows a rule of which the model says nothing; then the row keeps what it has.
                continue
            owner.secrets |= dict.fromkeys((str(number), f"{number:,}"), (table, name))


def _takes_any(one: Any) -> bool:
    limits = (one.minimum or 0, one.maximum if one.maximum is not None else NUMBERS * 2)
    roomy = one.type is int or one.precision is None or one.precision - (one.scale or 0) >= len(str(NUMBERS))
    return bool(roomy and limits[0] <= NUMBERS and limits[1] >= NUMBERS * 2)
