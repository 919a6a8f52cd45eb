"""The command ``flask kit seed``: rows to begin with, by functions of modules, or made up.

    def books(put):
        ann = put(Author, {"name": "Ann"})
        put(Book, {"title": "Emma"}, {"author_id": ann.id})

    module = Module("shop", resources=[…], contributions={"seed": [books]})

A function is called each time; ``put`` makes what is not there yet. Where no module has one, every resource gets rows
with values that its fields take. Nothing is made twice, and production is left alone.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from flaskkit.db.models import db
from flaskkit.resource.fields import Field, fields_of
from flaskkit.tools.printing import as_json as json_option
from flaskkit.tools.printing import print_json

Put = Callable[..., Any]
FIRST = datetime(2026, 1, 1, 9, tzinfo=UTC)
WORDS = ("amber", "birch", "cedar", "dune", "ember", "fern", "grove", "harbor", "iris", "juniper")


class Unfit(Exception):
    """No value can be made up for a field: the message says which, and why."""


@click.command()
@click.option(
    "--rows", default=10, show_default=True, help="How many rows each table has at least, where they are made up."
)
@json_option
@with_appcontext
def seed(rows: int, as_json: bool) -> None:
    """Fill the database with rows to begin with. What is there stays; running it twice changes nothing."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    kit = app.extensions["flaskkit"]
    if kit.config.env == "production":
        raise click.ClickException("This is production: made-up rows have no place here. Set APP_ENV=development.")
    functions = [one for module in kit.modules for one in module.contributions.get("seed", ())]
    try:
        made, left = _called(functions) if functions else _made_up(app, rows)
        db.session.commit()
    except SQLAlchemyError as error:
        db.session.rollback()
        raise click.ClickException(f"Nothing was stored: {getattr(error, 'orig', None) or error}") from error
    if as_json:
        print_json({"made": made, "left_out": left})
        return
    for name, count in made.items():
        click.echo(f"{name}: {count} made")
    for name, reason in left.items():
        click.echo(f"{name}: left out, {reason}")
    if not (made or left):
        click.echo("Everything is there already.")


def _called(functions: list[Callable[[Put], Any]]) -> tuple[dict[str, int], dict[str, str]]:
    made: dict[str, int] = {}

    def put(model: Any, by: Mapping[str, Any], values: Mapping[str, Any] | None = None) -> Any:
        """Return the row of *model* in which *by* holds; where there is none, one with *by* and *values* is stored."""
        there = db.session.scalars(select(model).filter_by(**by)).first()
        if there is None:
            there = model(**by, **(values or {}))
            db.session.add(there)
            db.session.flush()
            made[model.__tablename__] = made.get(model.__tablename__, 0) + 1
        return there

    for function in functions:
        function(put)
    return made, {}


def _made_up(app: Flask, rows: int) -> tuple[dict[str, int], dict[str, str]]:
    """Give each model of a resource, and what it refers to, *rows* rows; return how many were made, and why not."""
    made: dict[str, int] = {}
    left: dict[str, str] = {}
    wanted = [resource.model for resource in app.extensions["flaskkit"].resources]
    for model in _with_targets(wanted):
        count = db.session.scalar(select(func.count()).select_from(model)) or 0
        try:
            for number in range(count, rows):
                db.session.add(model(**_values(model, number)))
                db.session.flush()
                made[model.__tablename__] = made.get(model.__tablename__, 0) + 1
        except Unfit as reason:
            left[model.__tablename__] = str(reason)
    return made, left


def _with_targets(models: list[Any]) -> list[Any]:
    """Return *models* and those without which they cannot be, each after what it refers to."""
    found: dict[Any, None] = {}

    def place(model: Any, waiting: tuple[Any, ...] = ()) -> None:
        for field in _given(model):
            target = _target(model, field)
            if target is not None and target not in (*waiting, model):
                place(target, (*waiting, model))
        found.setdefault(model)

    for model in models:
        place(model)
    return list(found)


def _given(model: Any) -> list[Field]:
    """Return the columns without a value of which there is no row."""
    return [one for one in fields_of(model).values() if one.required and not one.is_relationship]


def _target(model: Any, field: Field) -> Any:
    """Return the model to whose rows a column refers, with or without a relationship beside it."""
    for key in model.__mapper__.column_attrs[field.name].columns[0].foreign_keys:
        return next((one.class_ for one in model.registry.mappers if one.local_table is key.column.table), None)
    return None


def _values(model: Any, number: int) -> dict[str, Any]:
    return {field.name: _value(field, _target(model, field), number) for field in _given(model)}


def _value(field: Field, target: Any, number: int) -> Any:
    if field.file:
        raise Unfit(f"{field.name!r} holds a file.")
    if target is not None:
        keys = list(db.session.scalars(select(target.__mapper__.primary_key[0]).limit(100)))
        if not keys:
            raise Unfit(f"{field.name!r} refers to {target.__name__}, which has no rows.")
        return keys[number % len(keys)]
    if field.example is not None and not field.unique:
        return field.example
    if isinstance(field.type, type) and issubclass(field.type, enum.Enum):
        return list(field.type)[number % len(field.type)]
    if field.choices:
        return field.choices[number % len(field.choices)]
    if field.type is str:
        return _text(field, number)
    if field.type in (int, float, Decimal):
        return _number(field, number)
    if field.type in PLAIN:
        return PLAIN[field.type](number)
    raise Unfit(f"{field.name!r} is a {field.type.__name__}.")


def _text(field: Field, number: int) -> str:
    word = WORDS[number % len(WORDS)]
    if field.input == "email" or field.name == "email":
        return f"{word}{number}@example.com"
    if field.pattern is not None:
        raise Unfit(f"{field.name!r} has a pattern. Give it an example, or the module a seed function.")
    text = f"{word.capitalize()} {number + 1}"
    if field.max_length is not None and field.max_length < len(text):
        # The end differs first.
        text = f"{number + 1:0{field.max_length}d}"[-field.max_length :]
    return text


def _number(field: Field, number: int) -> Any:
    least = field.minimum if field.minimum is not None and field.minimum > -(2**15) else 0
    most = field.maximum if field.maximum is not None else least + 10_000
    span = max(1, min(10_000, int(most - least) + 1))
    value = least + (number if field.unique else number * 7) % span
    return field.type(value)


PLAIN: dict[Any, Callable[[int], Any]] = {
    bool: lambda number: number % 2 == 0,
    date: lambda number: (FIRST + timedelta(days=number)).date(),
    datetime: lambda number: FIRST + timedelta(hours=number),
    time: lambda number: (FIRST + timedelta(minutes=number)).time(),
    timedelta: lambda number: timedelta(minutes=number + 1),
    object: lambda number: {"number": number},
    bytes: lambda number: bytes([number % 256]),
}
PLAIN[type(uuid5(NAMESPACE_URL, ""))] = lambda number: uuid5(NAMESPACE_URL, str(number))
