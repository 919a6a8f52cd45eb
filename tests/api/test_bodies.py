"""Bodies that are read without marshmallow: the same values, and the same words about what is wrong."""

from __future__ import annotations

import enum
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import marshmallow as ma
from hypothesis import given, settings
from hypothesis import strategies as st

from flaskkit.api.schemas import Body, Value
from flaskkit.resource.fields import Field


class Tone(enum.Enum):
    low = 1
    high = 2


TYPES = [str, int, float, bool, Decimal, date, datetime, time, timedelta, UUID, bytes, object, Tone]
# What is right for some type, and what is almost.
SENT = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text("ab1\0é\n", max_size=6),
    st.sampled_from(
        ["low", "2030-12-31", "2030-12-31T12:00:00Z", "12:00:00", "PT90S", "2.50", "AAEC", 2.0, 2**63, -(2**63)]
    ),
    st.sampled_from(["019b0000-0000-7000-8000-000000000001", "2030-12-31T12:00:00", "1e5", "9" * 40, ""]),
)
JSON = st.one_of(SENT, st.lists(SENT, max_size=3), st.dictionaries(st.text("ab", max_size=2), SENT, max_size=2))


@st.composite
def fields(draw, name):
    kind = draw(st.sampled_from([*TYPES, str, str, int, int]))
    limits = {}
    if kind in (int, float):
        limits = {"minimum": draw(st.none() | st.integers(-2, 3)), "maximum": draw(st.none() | st.integers(4, 9))}
    if kind is str:
        limits = {
            "max_length": draw(st.none() | st.integers(1, 4)),
            "pattern": draw(st.sampled_from([None, "[ab]+", "a.*"])),
        }
        limits["choices"] = draw(st.sampled_from([(), (), ("a", "b")]))
    if kind is Decimal:
        limits = draw(st.sampled_from([{"precision": 3, "scale": 2}, {}]))
    if kind is Tone:
        limits = {"choices": tuple(Tone.__members__)}
    field = Field(
        name,
        kind,
        "",
        required=draw(st.booleans()),
        nullable=draw(st.booleans()),
        many=draw(st.sampled_from([False, False, False, True])),
        renamed=draw(st.sampled_from(["", f"{name}_x"])),
        **limits,
    )
    default = draw(st.sampled_from([{}, {}, {"load_default": None}, {"load_default": 5}]))
    return Value(field, **({"required": True} if field.required else default))


@st.composite
def bodies(draw):
    """The class of a schema, and what is sent for it."""
    values = [draw(fields(name)) for name in ("one", "two", "three")[: draw(st.integers(1, 3))]]
    names = [value.data_key for value in values]
    one = st.fixed_dictionaries({}, optional=dict.fromkeys([*names, *names[:1]], JSON))
    strange = st.dictionaries(st.sampled_from([*names, "one", "other"]), JSON)
    schema = type("Sent", (Body,), {value.field.name: value for value in values})
    return schema, draw(st.one_of(one, one, one, strange, JSON))


@settings(max_examples=1500, deadline=None)
@given(sent=bodies(), many=st.booleans())
def test_any_body_is_read_as_marshmallow_reads_it(sent, many):
    schema, body = sent
    body = [body, {}, body] if many else body
    assert _read(schema(many=many).load, body) == _read(lambda body: ma.Schema.load(schema(many=many), body), body)


def _read(load, body):
    """Return the values with their types, or what is wrong."""
    try:
        return _typed(load(body))
    except ma.ValidationError as error:
        return error.messages


def _typed(value):
    if isinstance(value, dict):
        return {name: _typed(one) for name, one in value.items()}
    return [_typed(one) for one in value] if isinstance(value, list) else (type(value), value)


def test_values_stand_in_the_order_of_the_fields():
    schema = type("Sent", (Body,), {name: Value(Field(name, int, "")) for name in ("b", "a")})
    assert list(schema().load({"a": 1, "b": 2})) == ["b", "a"]
