"""Lists that are read on from a cursor, and lists that nobody counts."""

from __future__ import annotations

import enum
import json
import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import product
from uuid import UUID

import pytest
from sqlalchemy import Float, Numeric, String
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from flaskkit import Api, IntegerKey, Model, Module, Resource, UUIDKey, db, owner, public
from flaskkit.db.compiled import reader_for
from tests.api.conftest import Names, known


class CursorSize(enum.Enum):
    """Not in the order of the alphabet."""

    small = "s"
    medium = "m"
    large = "l"


class CursorThing(IntegerKey, Model):
    __tablename__ = "cursor_thing"
    owner_id: Mapped[int | None]
    name: Mapped[str] = mapped_column(String(20))
    rank: Mapped[int]
    text: Mapped[str | None] = mapped_column(String(20))
    whole: Mapped[int | None]
    real: Mapped[float | None]
    short: Mapped[float | None] = mapped_column(Float)
    yes: Mapped[bool | None]
    money: Mapped[Decimal | None] = mapped_column(Numeric(30, 12))
    day: Mapped[date | None]
    moment: Mapped[datetime | None]
    clock: Mapped[time | None]
    span: Mapped[timedelta | None]
    code: Mapped[UUID | None]
    size: Mapped[CursorSize | None]


class Boxed(TypeDecorator):
    """A type of the app's own, whose values are none that a database or JSON has."""

    impl = String(20)
    cache_ok = True

    def process_bind_param(self, value, dialect):
        return value and value.text

    def process_result_value(self, value, dialect):
        return value and Box(value)


class Box:
    def __init__(self, text):
        self.text = text


class CursorCrate(IntegerKey, Model):
    __tablename__ = "cursor_crate"
    box: Mapped[str] = mapped_column(Boxed)
    number: Mapped[int]


class CursorLeaf(UUIDKey, Model):
    __tablename__ = "cursor_leaf"
    rank: Mapped[int]


NULLABLE = ["text", "whole", "real", "short", "yes", "money", "day", "moment", "clock", "span", "code", "size"]
SORTS = ["id", "name", "rank", *NULLABLE]
things = Resource(CursorThing, name="things", fields=["name"], filters=["rank"], sorts=SORTS, read=public)
everything = Resource(
    CursorThing, name="everything", fields=["name", *NULLABLE], sorts=SORTS, order=["-rank"], read=public
)
own = Resource(CursorThing, name="own", fields=["name"], sorts=["whole"], read=owner("owner_id"))
leaves = Resource(CursorLeaf, name="leaves", fields=["rank"], sorts=["rank"], read=public)

VALUES = {
    "text": ["b", "Ä", None, "a, b/%_\\", "b"],
    "whole": [3, None, -(2**31), 3, 2**31 - 1],
    "real": [0.1, None, 1e300, -1 / 3, 0.1],
    "short": [0.1, 0.1, None, 1 / 3, -2.7],
    "yes": [True, None, False, False, True],
    "money": [Decimal("0.1"), None, Decimal("0.333333333333"), Decimal("0.333333333332"), Decimal("-5")],
    "day": [date(2030, 1, 2), None, date(1, 1, 1), date(2030, 1, 2), date(9999, 12, 31)],
    "moment": [
        datetime(2030, 1, 2, 3, 4, 5, 678901, UTC),
        None,
        datetime(2030, 1, 2, 3, 4, 5, 678902, UTC),
        datetime(2029, 1, 1, tzinfo=UTC),
        datetime(2029, 1, 1, tzinfo=UTC),
    ],
    "clock": [time(12), time(12, 0, 1), None, time(0), time(12)],
    "span": [timedelta(seconds=90), timedelta(days=-2), None, timedelta(seconds=90), timedelta(days=400)],
    "code": [UUID(int=7 << 76 | 2 << 62 | number) for number in (3, 1, 2, 9)] + [None],
    "size": [CursorSize.medium, CursorSize.small, None, CursorSize.large, CursorSize.small],
}


@pytest.fixture
def app(start):
    app = start(
        features=["db", Names(), Api()], modules=[Module("things", resources=[things, everything, own, leaves])]
    )
    with app.app_context():
        for i in range(11):
            values = {name: some[(i * 7 + j) % 5] for j, (name, some) in enumerate(VALUES.items())}
            db.session.add(CursorThing(name=f"Thing {i:02}", rank=i // 3, owner_id=i % 2, **values))
            db.session.flush()
        db.session.commit()
    return app


def walk(client, query, name="things", size=3):
    """Follow the links from the beginning to the end and return the keys of each page."""
    pages = []
    path = f"/api/{name}/?page_size={size}&after=&{query}"
    while path:
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        pages.append([thing["id"] for thing in answer.json])
        links = links_of(answer)
        assert links["first"].endswith("after=") or "after=&" in links["first"]
        assert ("after" in json.loads(answer.headers["X-Pagination"])) is ("next" in links)
        path = links.get("next")
        assert len(pages) < 20, "it does not end"
    return pages


def links_of(answer):
    return {name: url for url, name in re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers["Link"])}


def keys(client, query, name="things"):
    return [thing["id"] for thing in client.get(f"/api/{name}/?page_size=100&{query}").json]


@pytest.mark.parametrize("sort", [f"{sign}{name}" for name, sign in product(SORTS, ("", "-"))])
def test_reading_on_finds_each_row_once_and_in_order(app, sort):
    client = app.test_client()
    pages = walk(client, f"sort={sort}")
    assert [len(page) for page in pages] == [3, 3, 3, 2]
    assert [key for page in pages for key in page] == keys(client, f"sort={sort}")
    assert sorted(key for page in pages for key in page) == list(range(1, 12))


@pytest.mark.parametrize("signs", [*product(("", "-"), repeat=3)], ids="".join)
@pytest.mark.parametrize("names", [("rank", "whole", "text"), ("size", "rank", "yes"), ("yes", "money", "-rank")])
@pytest.mark.parametrize("size", [1, 4])
def test_reading_on_works_for_orders_of_several_columns(app, signs, names, size):
    sort = ",".join(f"{sign}{name.lstrip('-')}" for sign, name in zip(signs, names, strict=True))
    client = app.test_client()
    pages = walk(client, f"sort={sort}", size=size)
    assert [key for page in pages for key in page] == keys(client, f"sort={sort}")
    assert len([key for page in pages for key in page]) == 11


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("size", ["small", "medium", "large", None]),
        ("-size", ["large", "medium", "small", None]),
        ("yes", [False, True, None]),
        ("-yes", [True, False, None]),
        ("whole", [-(2**31), 3, 2**31 - 1, None]),
        ("-whole", [2**31 - 1, 3, -(2**31), None]),
    ],
)
def test_the_order_is_the_same_on_every_database(app, sort, expected):
    for parameter in ("page=1", "after="):
        answer = app.test_client().get(f"/api/everything/?{parameter}&sort={sort}")
        shown = [thing[sort.removeprefix("-")] for thing in answer.json]
        assert list(dict.fromkeys(shown)) == expected


def test_a_list_can_be_read_on_in_the_order_of_the_resource(app):
    pages = walk(app.test_client(), "", "everything", size=5)
    assert pages == [[10, 11, 7, 8, 9], [4, 5, 6, 1, 2], [3]]


def test_model_objects_are_read_on_alike(app):
    assert reader_for(things) is not None
    whole = Resource(CursorThing, name="whole", fields=["name"], sorts=SORTS, read=public)
    from flaskkit.db import rows

    with app.test_request_context():
        position, found = (), []
        while position is not None:
            page = rows.page(whole, sorts=["-size", "whole"], size=2, after=position, count=False)
            found += [thing.id for thing in page.items]
            position = page.position
    assert found == keys(app.test_client(), "sort=-size,whole")


def test_filters_policies_and_keys_of_other_kinds_hold_while_reading_on(app):
    client = app.test_client()
    assert walk(client, "rank=1&sort=-whole", size=2) == [
        keys(client, "rank=1&sort=-whole")[:2],
        keys(client, "rank=1&sort=-whole")[2:],
    ]
    ann = known(app, "ann")
    assert sorted(key for page in walk(ann, "sort=whole", "own") for key in page) == [2, 4, 6, 8, 10]
    with app.app_context():
        db.session.add_all([CursorLeaf(rank=rank) for rank in (1, 1, 1, 2)])
        db.session.commit()
    assert [key for page in walk(client, "sort=-rank", "leaves", 1) for key in page] == keys(
        client, "sort=-rank", "leaves"
    )


def test_rows_that_come_and_go_do_not_shift_the_others(app):
    client = app.test_client()
    first = client.get("/api/things/?after=&page_size=2&sort=rank")
    assert [thing["id"] for thing in first.json] == [1, 2]
    with app.app_context():
        db.session.delete(db.session.get(CursorThing, 2))
        db.session.add(CursorThing(name="New", rank=-1))
        db.session.commit()
    second = client.get(links_of(first)["next"])
    assert [thing["id"] for thing in second.json] == [3, 4]


def test_reading_on_takes_one_statement_and_counts_nothing(app, count_statements):
    client = app.test_client()
    with count_statements() as first:
        answer = client.get("/api/things/?after=&page_size=2&sort=-rank")
    with count_statements() as later:
        client.get(links_of(answer)["next"])
    for seen in (first, later):
        [statement] = [text for text in seen if text.startswith("SELECT")]
        assert "count(" not in statement


def test_the_total_is_told_on_demand(app, count_statements):
    client = app.test_client()
    counted = client.get("/api/things/?after=&page_size=4&count=exact&rank=0")
    assert json.loads(counted.headers["X-Pagination"]) == {"total": 3}
    with count_statements() as seen:
        answer = client.get("/api/things/?count=none&page_size=4&page=2")
    assert not any("count(" in text for text in seen)
    assert json.loads(answer.headers["X-Pagination"]) == {
        "first_page": 1,
        "page": 2,
        "previous_page": 1,
        "next_page": 3,
    }
    assert links_of(answer) == {
        relation: f"/api/things/?count=none&page_size=4&page={page}"
        for relation, page in {"first": 1, "prev": 1, "next": 3}.items()
    }


def test_the_last_page_is_known_without_counting(app):
    client = app.test_client()
    for path, size in {
        "/api/things/?count=none&page_size=4&page=3": 3,
        "/api/things/?count=none&page_size=11": 11,
    }.items():
        answer = client.get(path)
        assert len(answer.json) == size
        assert "next" not in links_of(answer)
        assert "next_page" not in json.loads(answer.headers["X-Pagination"])
    beyond = client.get("/api/things/?count=none&page=2147483647&page_size=100")
    assert (beyond.status_code, beyond.json) == (200, [])
    assert "next" not in links_of(beyond)


def test_a_cursor_is_bound_to_its_list_and_order(app):
    client = app.test_client()
    cursor = json.loads(client.get("/api/things/?after=&page_size=2&sort=rank").headers["X-Pagination"])["after"]
    assert client.get(f"/api/things/?after={cursor}&sort=rank&rank=1").status_code == 200
    for path in (
        f"/api/things/?after={cursor}",
        f"/api/things/?after={cursor}&sort=-rank",
        f"/api/things/?after={cursor}&sort=rank,name",
        f"/api/everything/?after={cursor}&sort=rank",
    ):
        refused = client.get(path)
        assert refused.status_code == 422
        assert refused.json["errors"] == [{"detail": "Not a cursor of this list in this order.", "parameter": "after"}]


def test_a_cursor_that_was_tampered_with_is_refused(app):
    client = app.test_client()
    cursor = json.loads(client.get("/api/things/?after=&page_size=2&sort=rank").headers["X-Pagination"])["after"]
    payload, signature = cursor.rsplit(".", 1)
    hostile = [
        *[cursor[:-1], cursor[1:], f"{cursor}x", payload, f".{signature}", f"WzAsMF0.{signature}", "WzAsMF0"],
        *["x", ".", "..", "%00", "%ED%A0%80", "é", "9" * 5000, ".eJwDAAAAAAE." + signature, "[]", " ", "null"],
    ]
    for text in hostile:
        refused = client.get(f"/api/things/?sort=rank&after={text}")
        assert refused.status_code == 422, text
        assert [error["parameter"] for error in refused.json["errors"]] == ["after"]


def test_cursors_outlive_a_change_of_the_secret_key(app):
    client = app.test_client()
    path = links_of(client.get("/api/things/?after=&page_size=2&sort=rank"))["next"]
    old = app.config["SECRET_KEY"]
    app.config.update(SECRET_KEY="new" * 20, SECRET_KEY_FALLBACKS=[old])
    assert [thing["id"] for thing in client.get(path).json] == [3, 4]
    app.config.update(SECRET_KEY_FALLBACKS=[])
    assert client.get(path).status_code == 422


@pytest.mark.parametrize(
    ("query", "parameter", "detail"),
    [
        ("after=&after=", "after", "Give this once."),
        ("count=some", "count", "Not one of exact, none."),
        ("count=", "count", "Not one of exact, none."),
        ("sort=" + ",".join(["rank"] * 10000), "sort", f"Give 1 to {len(SORTS)} names."),
        ("sort=", "sort", f"Give 1 to {len(SORTS)} names."),
    ],
)
def test_parameters_that_do_not_fit_are_named(app, query, parameter, detail):
    refused = app.test_client().get(f"/api/things/?{query}")
    assert refused.status_code == 422
    assert refused.json["errors"] == [{"detail": detail, "parameter": parameter}]


def test_a_name_sorts_once(app):
    client = app.test_client()
    assert keys(client, "sort=-rank,rank,name") == keys(client, "sort=-rank,name")
    assert keys(client, "sort=-id,rank,name") == list(range(11, 0, -1))


def test_a_type_that_no_cursor_can_hold_is_told(start):
    crates = Resource(CursorCrate, name="crates", fields=["number"], sorts=["box"], read=public)
    app = start(features=["db", Api()], modules=[Module("crates", resources=[crates])])
    with app.app_context():
        db.session.add_all([CursorCrate(box=Box(text), number=number) for number, text in enumerate("ab")])
        db.session.commit()
    client = app.test_client()
    assert [crate["number"] for crate in client.get("/api/crates/?sort=-box").json] == [1, 0]
    refused = client.get("/api/crates/?sort=-box&after=&page_size=1")
    assert refused.status_code == 422
    assert refused.json["errors"] == [{"detail": "A list sorted by box cannot be read on.", "parameter": "after"}]
