"""Answers that are written without a schema say what the schema says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID

import pytest
from flask.json.provider import DefaultJSONProvider
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flaskkit import Config, create_app, db
from flaskkit.api.dump import writer_for
from flaskkit.api.schemas import dumping, schemas_for
from flaskkit.db import rows
from flaskkit.resource.fields import Field
from tests.api.conftest import ApiKind, ApiKinds, kinds

zones = st.one_of(st.none(), st.just(UTC), st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m))))
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=6,
)
VALUES = {
    str: st.text(),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(),
    bool: st.booleans(),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    bytes: st.binary(),
    ApiKind: st.sampled_from(ApiKind),
    object: anything,
    date: st.dates(),
    time: st.times(),
    timedelta: st.timedeltas(),
    datetime: st.datetimes(timezones=zones),
    UUID: st.uuids(version=4),
}


APP = create_app(Config("dump", env="testing", features=["db"]))


@st.composite
def tables(draw):
    """Fields of any kinds with rows of values for them."""
    chosen = draw(st.lists(st.tuples(st.sampled_from(list(VALUES)), st.booleans()), min_size=1, max_size=8))
    names = draw(st.lists(st.text("abc_xyz", min_size=1), min_size=len(chosen), max_size=len(chosen), unique=True))
    fields = [
        Field(name, kind, "", many=many, choices=tuple(ApiKind.__members__) if kind is ApiKind else ())
        for name, (kind, many) in zip(sorted(names), chosen, strict=True)
    ]
    values = [_values_of(field) for field in fields]
    columns = list(fields)
    for field in draw(st.sets(st.sampled_from(columns), max_size=2)):
        inner = draw(st.lists(st.sampled_from(columns), min_size=1, unique=True))
        i, inner = fields.index(field), sorted(inner, key=lambda one: one.name)
        one = st.tuples(*(_values_of(field) for field in inner))
        fields[i] = Field(
            field.name, int, "", many=field.many, target=ApiKinds, relationship=field.name, nested=tuple(inner)
        )
        values[i] = st.lists(one, max_size=3) if field.many else st.one_of(st.none(), one)
    for i in draw(st.sets(st.integers(0, len(fields) - 1))):
        fields[i] = replace(fields[i], renamed=f"{fields[i].name}9", computed=True)
    fields, values = zip(*sorted(zip(fields, values, strict=True), key=lambda pair: pair[0].public_name), strict=True)
    return fields, draw(st.lists(st.tuples(*values), max_size=3))


def _values_of(field):
    return st.lists(VALUES[field.type], max_size=3) if field.many else st.one_of(st.none(), VALUES[field.type])


def _item(fields, row):
    """Return an object that holds the values of *row*, and objects where fields are nested."""
    held = dict(zip((field.name for field in fields), row, strict=True))
    for field in fields:
        if field.nested and held[field.name] is not None:
            others = [_item(field.nested, one) for one in (held[field.name] if field.many else [held[field.name]])]
            held[field.name] = others if field.many else others[0]
    return SimpleNamespace(**held)


@settings(max_examples=400, deadline=None)
@given(table=tables())
def test_any_value_is_written_as_its_schema_dumps_it(table):
    fields, found = table
    schema = dumping(fields)
    items = [_item(fields, row) for row in found]
    writer = writer_for(fields)
    # Whether other rows may be seen is asked of the app.
    with APP.app_context():
        assert _pairs(writer.many(found)) == _pairs(_dumped(schema.dump(items, many=True)))
        for row, item in zip(found, items, strict=True):
            assert _pairs(writer.one(row)) == _pairs(_dumped(schema.dump(item)))


COLUMNS = {field.name: field.type for field in kinds.readable if field.name not in ("id", "money")}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_row_is_answered_as_its_schema_dumps_it(app, data):
    sent = {name: data.draw(st.one_of(st.none(), VALUES[kind]), name) for name, kind in COLUMNS.items()}
    sent |= {"moment": data.draw(st.datetimes(timezones=st.just(UTC)))}
    sent |= {"span": data.draw(st.timedeltas(timedelta(-9999), timedelta(9999)))}
    sent |= {"money": data.draw(st.decimals(0, 999_999, places=2)), "whole": data.draw(st.integers(-9, 9))}
    # MariaDB has no infinity.
    sent |= {"clock": data.draw(st.times()), "real": data.draw(st.floats(allow_nan=False, allow_infinity=False))}
    sent["anything"] = json.loads(json.dumps(sent["anything"]))
    with app.test_request_context():
        item = ApiKinds(**sent)
        db.session.add(item)
        db.session.commit()
        key = item.id
        expected = _dumped(schemas_for(kinds, "Kinds").shown().dump(rows.get(kinds, key)))
    client = app.test_client()
    assert _pairs(client.get(f"/api/kinds/{key}").data) == _pairs(expected)
    with app.app_context():
        db.session.delete(db.session.get(ApiKinds, key))
        db.session.commit()


def test_a_json_provider_of_the_app_still_decides(app, client, add):
    class Wide(DefaultJSONProvider):
        mimetype = "application/vnd.wide+json"

    app.json = Wide(app)
    answer = client.get(f"/api/books/{add('Emma')}")
    assert answer.mimetype == "application/vnd.wide+json"
    assert answer.get_json(force=True)["title"] == "Emma"


@pytest.mark.parametrize("path", ["/api/books/", "/api/books/{key}"])
def test_text_of_all_the_world_is_written_in_utf_8(client, add, path):
    key = add("Ærø 東京")
    answer = client.get(path.format(key=key))
    assert "Ærø 東京".encode() in answer.data
    assert answer.content_type == "application/json"


def _dumped(value):
    return json.dumps(value, sort_keys=True)


def _pairs(text):
    """Return the JSON *text* with objects as pairs, so that the order of their keys counts."""
    return json.loads(text, object_pairs_hook=lambda pairs: pairs)
