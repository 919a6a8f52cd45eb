"""One set of rules: what a form takes, the JSON API takes too, and what they take the database stores.

For each field, values near and beyond its limits and of its whole type are sent both ways, each in its own notation.
Different by design, and so left out here: an empty input is NULL where the column may be, and nothing
else is; so null is not typed as JSON.
"""

from __future__ import annotations

import enum
import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Double,
    Enum,
    ForeignKey,
    Interval,
    LargeBinary,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import File, FileType, IntegerKey, Model, Module, Resource, UTCDateTime, db, public


class Shade(enum.Enum):
    light = 1
    dark = 2


parity_links = Table(
    "parity_links",
    Model.metadata,
    Column("thing_id", ForeignKey("parity_thing.id"), primary_key=True),
    Column("label_id", ForeignKey("parity_label.id"), primary_key=True),
)


class ParityLabel(IntegerKey, Model):
    __tablename__ = "parity_label"


class ParityThing(IntegerKey, Model):
    __tablename__ = "parity_thing"
    line: Mapped[str | None] = mapped_column(String(10))
    code: Mapped[str | None] = mapped_column(String(12), info={"pattern": "[A-Z]{2}-?[0-9]*"})
    story: Mapped[str | None] = mapped_column(Text)
    small: Mapped[int | None] = mapped_column(SmallInteger)
    whole: Mapped[int | None] = mapped_column(info={"minimum": -3})
    large: Mapped[int | None] = mapped_column(BigInteger)
    price: Mapped[Decimal | None] = mapped_column(Numeric(6, 2), info={"maximum": Decimal("999.50")})
    ratio: Mapped[float | None] = mapped_column(Double)
    flag: Mapped[bool | None]
    day: Mapped[date | None] = mapped_column(info={"minimum": date(2000, 2, 29)})
    moment: Mapped[datetime | None] = mapped_column(UTCDateTime)
    clock: Mapped[time | None]
    span: Mapped[timedelta | None] = mapped_column(Interval)
    shade: Mapped[Shade | None]
    serial: Mapped[UUID | None]
    extra: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    scan: Mapped[bytes | None] = mapped_column(LargeBinary)
    mail: Mapped[str | None] = mapped_column(String(12), info={"input": "email"})
    home: Mapped[str | None] = mapped_column(String(16), info={"input": "url", "pattern": "https?://.+"})
    tint: Mapped[str | None] = mapped_column(String(7), info={"input": "color", "pattern": "#[0-9a-f]{6}"})
    size: Mapped[str | None] = mapped_column(Enum("S", "XL", name="parity_size"))
    label_id: Mapped[int | None] = mapped_column(ForeignKey(ParityLabel.id))
    label: Mapped[ParityLabel | None] = relationship(foreign_keys=[label_id])
    brand_id: Mapped[int | None] = mapped_column(ForeignKey(ParityLabel.id))
    brand: Mapped[ParityLabel | None] = relationship(foreign_keys=[brand_id])
    labels: Mapped[list[ParityLabel]] = relationship(secondary=parity_links)
    must: Mapped[str] = mapped_column(String(5), default="x")
    picture: Mapped[File | None] = mapped_column(
        FileType(["image/png", "image/gif"], max_size=60, min_pixels=(1, 1), max_pixels=(9, 9))
    )


NAMES = [name for name in ParityThing.__annotations__ if name not in ("id", "picture", "label_id", "brand")]
things = Resource(ParityThing, name="things", fields=[*NAMES, "picture"], read=public, write=public)

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), min_size=1, max_size=14)
NEAR = [
    0,
    -3,
    -4,
    2**15,
    -(2**15) - 1,
    2**31 - 1,
    2**31,
    -(2**31) - 1,
    2**63 - 1,
    2**63,
    -(2**63),
    -(2**63) - 1,
    10**30,
]
NUMBERS = st.one_of(st.sampled_from(NEAR), st.integers(-(2**16), 2**16))
PRICES = st.one_of(
    st.sampled_from(["999.5", "999.51", "-9999.99", "-10000", "0.005", "1.10", "-0", "00.5", "1e2", "1E-9", "NaN"]),
    st.decimals(-20000, 20000, allow_nan=False, places=2).map(str),
    st.decimals(-20, 20, allow_nan=False, places=3).map(str),
)  # fmt: skip
JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.sampled_from([2**63, -(2**63) - 1, 1.5])
    | st.text("aä\x00\n\"'", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from([1, 2, 3, 0, -1, 99, 2**31, 2**63])
PAIRS = st.sampled_from([b"\1\0\1\0", b"\x09\0\x09\0", b"\x0a\0\1\0", b"\0\0\1\0", b"\1", b""])
DEEP = st.integers(30, 35).map(lambda levels: json.loads("[" * levels + "]" * levels))

# By field: values, and how each is written in JSON and typed into a form.
Write = Callable[[Any], Any]
FIELDS: dict[str, tuple[st.SearchStrategy[Any], Write, Write]] = {
    "line": (TEXT, str, str),
    "code": (st.one_of(st.from_regex(r"[A-Z]{2}-?[0-9]{0,12}", fullmatch=True), TEXT, st.just("AB\n")), str, str),
    "story": (TEXT, str, str),
    "small": (NUMBERS, int, str),
    "whole": (NUMBERS, int, str),
    "large": (NUMBERS, int, str),
    "price": (PRICES, str, str),
    "ratio": (st.floats(allow_nan=False, allow_infinity=False), float, repr),
    "flag": (st.booleans(), bool, lambda value: "yes" if value else "no"),
    "day": (st.dates() | st.sampled_from([date(2000, 2, 28), date(2000, 2, 29)]), date.isoformat, date.isoformat),
    "moment": (
        st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
        datetime.isoformat,
        lambda value: value.replace(tzinfo=None).isoformat(),
    ),
    "clock": (st.times(), time.isoformat, time.isoformat),
    "span": (
        st.timedeltas(timedelta(-9000), timedelta(9000)).map(lambda value: value - value % timedelta(seconds=1)),
        lambda value: f"{'-' if value < timedelta(0) else ''}PT{abs(int(value.total_seconds()))}S",
        lambda value: str(int(value.total_seconds())),
    ),
    "shade": (st.sampled_from(["light", "dark", "Light", "1", "medium"]), str, str),
    # With a version: MariaDB refuses others.
    "serial": (
        st.uuids(version=4).map(str) | st.uuids(version=4).map(lambda value: value.hex) | st.text("0a-", min_size=1),
        str,
        str,
    ),
    "extra": (JSONS.filter(lambda value: value is not None) | DEEP, lambda value: value, json.dumps),
    "scan": (st.binary(min_size=1), lambda value: b64encode(value).decode(), lambda value: b64encode(value).decode()),
    "mail": (st.emails().filter(lambda text: len(text) < 14) | TEXT | st.just("a@example.org"), str, str),
    "home": (TEXT.map(lambda text: f"https://{text}") | st.just("javascript:x()") | st.just("http://"), str, str),
    "tint": (st.from_regex(r"#[0-9a-fA-F]{5,7}", fullmatch=True), str, str),
    "size": (st.sampled_from(["S", "XL", "s", "L"]), str, str),
    "brand_id": (KEYS, int, str),
    "label": (KEYS, int, str),
    "labels": (st.lists(KEYS, max_size=3), list, lambda keys: [str(key) for key in keys]),
    "must": (TEXT, str, str),
}  # fmt: skip


@pytest.fixture
def app(start):
    app = start(
        features=["db", "forms", "pages", "api", "files"],
        modules=[Module("parity", resources=[things])],
        flask={"WTF_CSRF_ENABLED": False},
    )
    with app.app_context():
        db.session.add_all([ParityLabel() for _ in range(3)])
        db.session.commit()
    return app


def held(key, name):
    """Return what the row with that *key* holds, rows as their keys."""
    value = getattr(db.session.get(ParityThing, int(str(key))), name)
    if name == "labels":
        return sorted(label.id for label in value)
    return value.id if isinstance(value, ParityLabel) else value


@pytest.mark.parametrize("name", NAMES)
def test_form_and_api_take_the_same_and_the_database_stores_it(app, name):
    values, in_json, typed = FIELDS[name]
    client = app.test_client()

    @settings(max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(values)
    def compare(value):
        by_api = client.post("/api/things/", json={name: in_json(value)})
        by_form = client.post("/things/new", data={name: typed(value)})
        # 400 is a body that is nested too deep.
        assert by_api.status_code in (201, 400, 422), by_api.text
        assert by_form.status_code in (303, 422), by_form.text
        assert (by_api.status_code == 201) == (by_form.status_code == 303), (value, by_api.json)
        if by_api.status_code != 201:
            assert by_api.status_code == 400 or {one["pointer"].split("/")[1] for one in by_api.json["errors"]} == {
                name
            }
            assert f'id="{name}-error"' in by_form.text
            return
        with app.app_context():
            one, two = (held(key, name) for key in (by_api.json["id"], by_form.headers["Location"].rpartition("/")[2]))
        assert one == two
        shown = client.get(f"/api/things/{by_api.json['id']}").json[name]
        assert shown == by_api.json[name]

    compare()


def test_form_and_api_take_the_same_files_and_the_storage_keeps_them(app):
    client = app.test_client()
    client.post("/api/things/", json={})
    client.post("/api/things/", json={})
    heads = st.sampled_from([b"GIF89a", b"GIF87a", b"GIF", b""])

    @settings(max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(heads, PAIRS, st.binary(max_size=60), st.sampled_from(["a.gif", "a.png", "../b", ""]))
    def compare(head, size, rest, name):
        content = head + size + rest
        by_api = client.put("/api/things/1/picture", data={"file": (BytesIO(content), name or "x")})
        by_form = client.post("/things/2/edit", data={"picture": (BytesIO(content), name or "x")})
        assert by_api.status_code in (200, 413, 422), by_api.text
        assert (by_api.status_code == 200) == (by_form.status_code == 303), (content, by_api.json)
        if by_api.status_code == 200:
            with app.app_context():
                one, two = held(1, "picture"), held(2, "picture")
                assert (one.name, one.media_type, one.width, one.height) == (
                    two.name, two.media_type, two.width, two.height)  # fmt: skip
                assert one.open().read() == two.open().read() == content
        else:
            assert 'id="picture-error"' in by_form.text

    compare()
