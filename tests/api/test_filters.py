"""Filters with operators: by type, through relationships, and what they must not tell."""

from __future__ import annotations

import json
import re
from datetime import UTC
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import JSON, Column, ForeignKey, LargeBinary, String, Table, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import Api, IntegerKey, Model, Module, Policy, Resource, UUIDKey, db, login, owner, public
from flaskkit.db import rows
from flaskkit.db.compiled import reader_for
from flaskkit.errors import ResourceError
from tests.api.conftest import ApiKinds, Names, known

filter_marks = Table(
    "filter_marks",
    Model.metadata,
    Column("song_id", ForeignKey("filter_song.id"), primary_key=True),
    Column("mark_id", ForeignKey("filter_mark.id"), primary_key=True),
)


class FilterMark(UUIDKey, Model):
    __tablename__ = "filter_mark"
    word: Mapped[str] = mapped_column(String(20))


class FilterLand(Model):
    __tablename__ = "filter_land"
    code: Mapped[str] = mapped_column(String(2), primary_key=True)
    name: Mapped[str]


class FilterSinger(IntegerKey, Model):
    __tablename__ = "filter_singer"
    name: Mapped[str]
    age: Mapped[int | None]
    owner_id: Mapped[int | None]
    land_code: Mapped[str | None] = mapped_column(ForeignKey(FilterLand.code))
    land: Mapped[FilterLand | None] = relationship()
    songs: Mapped[list[FilterSong]] = relationship(back_populates="singer")


class FilterSong(IntegerKey, Model):
    __tablename__ = "filter_song"
    title: Mapped[str] = mapped_column(String(60))
    text: Mapped[str | None] = mapped_column(Text)
    stars: Mapped[int | None] = mapped_column(info={"minimum": 1, "maximum": 5})
    raw: Mapped[bytes | None] = mapped_column(LargeBinary)
    facts: Mapped[Any | None] = mapped_column(JSON)
    singer_id: Mapped[int | None] = mapped_column(ForeignKey(FilterSinger.id))
    singer: Mapped[FilterSinger | None] = relationship(back_populates="songs")
    cover_of_id: Mapped[int | None] = mapped_column(ForeignKey("filter_song.id"))
    cover_of: Mapped[FilterSong | None] = relationship(remote_side="FilterSong.id", back_populates="covers")
    covers: Mapped[list[FilterSong]] = relationship(back_populates="cover_of")
    marks: Mapped[list[FilterMark]] = relationship(secondary=filter_marks)


PATHS = [
    *["singer.name", "singer.age", "singer.land.name", "singer.songs.title", "marks.word", "marks.id"],
    *["cover_of.title", "cover_of.singer.name", "cover_of.cover_of.title"],
]
songs = Resource(
    FilterSong,
    name="songs",
    fields=["title", "stars"],
    filters=["id", "title", "text", "stars", "singer_id", *PATHS],
    sorts=["title"],
    search=["title", "singer.name"],
    read=public,
)
# The same, read as model objects: a model that leads to itself is not read as tuples.
objects = Resource(
    FilterSong, name="objects", fields=["title", "covers"], filters=songs.filters, search=songs.search, read=public
)
few = Resource(FilterSong, name="few", filters={"stars": ["ge", "le"], "title": "eq", "text": "all"}, read=public)
singers = Resource(FilterSinger, name="singers", fields=["name"], read=owner("owner_id"))
lands = Resource(FilterLand, name="lands", fields=["name"], read=public)
marks = Resource(FilterMark, name="marks", fields=["word"], read=public)
UUIDS = [UUID(int=7 << 76 | 2 << 62 | number) for number in range(3)]


@pytest.fixture
def app(start):
    app = start(
        features=["db", Names(), Api()],
        modules=[Module("songs", resources=[songs, objects, few, singers, lands, marks])],
    )
    with app.app_context():
        db.session.add_all([FilterLand(code="FI", name="Finland"), FilterLand(code="CL", name="Chile")])
        loud, soft = FilterMark(id=UUIDS[0], word="loud"), FilterMark(id=UUIDS[1], word="soft")
        arja = FilterSinger(id=1, name="Arja", age=40, owner_id=1, land_code="FI")
        violeta = FilterSinger(id=2, name="Violeta", owner_id=1, land_code="CL")
        hidden = FilterSinger(id=3, name="Xaver", age=60, owner_id=2, land_code="CL")
        db.session.add_all([loud, soft, arja, violeta, hidden])
        db.session.add_all(
            [
                FilterSong(id=1, title="Red, 100%", stars=5, singer=arja, marks=[loud, soft]),
                FilterSong(id=2, title="red_ink", stars=3, text="a\\b", singer=violeta, marks=[loud], cover_of_id=1),
                FilterSong(id=3, title="Blue", text="Sky", singer=hidden, cover_of_id=2),
                FilterSong(id=4, title="Green", stars=1, text="", cover_of_id=3),
            ]
        )
        db.session.commit()
    return app


def test_one_of_both_is_read_as_model_objects():
    assert reader_for(objects) is None
    assert reader_for(songs) is not None


def found(client, query, name="songs"):
    answer = client.get(f"/api/{name}/?{query}")
    assert answer.status_code == 200, answer.text
    assert json.loads(answer.headers["X-Pagination"])["total"] == len(answer.json)
    return [song["id"] for song in answer.json]


@pytest.mark.parametrize("name", ["songs", "objects"])
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("stars=3", [2]),
        ("stars__ne=3", [1, 3, 4]),
        ("id__ne=3", [1, 2, 4]),
        ("stars__lt=3", [4]),
        ("stars__le=3", [2, 4]),
        ("stars__gt=3", [1]),
        ("stars__ge=3", [1, 2]),
        ("stars__ge=2&stars__lt=5", [2]),
        ("stars__in=1,5", [1, 4]),
        ("stars__in=1,1,1", [4]),
        ("stars__isnull=true", [3]),
        ("stars__isnull=false", [1, 2, 4]),
        ("stars__isnull=false&title__startswith=R", [1, 2]),
        ("title=Blue", [3]),
        ("title=Red, 100%25", [1]),
        ("title__in=Blue,Green", [3, 4]),
        (r"title__in=Blue,Red\, 100%25", [1, 3]),
        (r"text__in=a\\b", [2]),
        ("title__contains=RE", [1, 2, 4]),
        ("title__contains=%25", [1]),
        ("title__contains=_", [2]),
        ("title__contains=/", []),
        (r"text__contains=\b".replace("\\", "%5C"), [2]),
        ("title__startswith=RED", [1, 2]),
        ("title__startswith=%25", []),
        (r"title__in=Blue" + r",a\,b" * 99, [3]),
        ("text=", [4]),
        ("text__ne=Sky", [1, 2, 4]),
        ("singer_id=1", [1]),
        ("singer_id__in=1,3", [1, 3]),
        ("singer_id__isnull=true", [4]),
    ],
)
def test_operators_find_what_they_say(app, query, expected, name):
    assert found(app.test_client(), query, name) == expected


@pytest.mark.parametrize("name", ["songs", "objects"])
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("singer.name=Arja", [1]),
        ("singer.name__ne=Arja", [2]),
        ("singer.name__contains=A", [1, 2]),
        ("singer.name__in=Arja,Violeta", [1, 2]),
        # Where there is no other row, or none to be read, there is no value, either.
        ("singer.age__isnull=true", [2, 3, 4]),
        ("singer.name__isnull=true", [3, 4]),
        ("marks.word__isnull=true", [3, 4]),
        ("marks.word__isnull=false", [1, 2]),
        ("singer.age__isnull=false", [1]),
        ("singer.age__ge=18", [1]),
        ("singer.land.name=Chile", [2]),
        ("singer.songs.title=red_ink", [2]),
        ("marks.word=loud", [1, 2]),
        ("marks.word__ne=loud", [1]),
        ("marks.word__in=loud,soft", [1, 2]),
        (f"marks.id={UUIDS[1]}", [1]),
        (f"marks.id__in={UUIDS[1]},{UUIDS[2]}", [1]),
        ("cover_of.title=Blue", [4]),
        ("cover_of.singer.name=Violeta", [3]),
        ("cover_of.cover_of.title=red_ink", [4]),
        ("cover_of.cover_of.title__startswith=red&singer.name=Arja", []),
        ("q=viol", [2]),
        ("q=RE", [1, 2, 4]),
    ],
)
def test_filters_and_searches_lead_through_relationships(app, query, expected, name):
    assert found(known(app, "ann"), query, name) == expected


@pytest.mark.parametrize("name", ["songs", "objects"])
@pytest.mark.parametrize(
    "query",
    [
        *["singer.name=Xaver", "singer.name__ne=Nobody", "singer.name__contains=x", "singer.age__ge=50", "q=xaver"],
        *[
            "singer.age__isnull=false",
            "singer.land.name=Chile",
            "singer.songs.title=Blue",
            "singer.name__startswith=Xa",
        ],
        *["cover_of.singer.name=Xaver"],
    ],
)
def test_filters_find_nothing_by_rows_that_the_caller_may_not_read(app, query, name):
    assert not {3, 4} & {*found(known(app, "ann"), query, name)}
    assert not {1, 2, 3, 4} & {*found(app.test_client(), query, name)}
    assert {3, 4} & {*found(known(app, "bob"), query, name)}


@pytest.mark.parametrize(
    ("query", "parameter", "detail"),
    [
        ("stars__lk=1", "stars__lk", "'stars' has no operator 'lk'; open are eq, ne, lt, le, gt, ge, in, isnull."),
        ("title__ge=a", "title__ge", "'title' has no operator 'ge'; open are eq, ne, in, contains, startswith."),
        (
            "singer.name__lt=a",
            "singer.name__lt",
            "'singer.name' has no operator 'lt'; open are eq, ne, in, contains, startswith, isnull.",
        ),
        ("singer.owner_id=1", "singer.owner_id", "There is no such parameter."),
        ("singer__name=1", "singer__name", "There is no such parameter."),
        ("singer.id=1", "singer.id", "There is no such parameter."),
        ("facts=1", "facts", "There is no such parameter."),
        ("=1", "", "There is no such parameter."),
        ("__ge=1", "__ge", "There is no such parameter."),
        ("stars__ge=six", "stars__ge", "Not a whole number."),
        ("stars__ge=6", "stars__ge", "More than 5."),
        ("stars__ge=1&stars__ge=2", "stars__ge", "Give this once."),
        ("stars__in=", "stars__in", "Not a whole number."),
        ("stars__in=1,,2", "stars__in", "Not a whole number."),
        ("stars__in=" + "1," * 9999 + "1", "stars__in", "Give 1 to 100 values."),
        ("stars__in=1;2", "stars__in", "Not a whole number."),
        ("id__in=1," + "9" * 30, "id__in", "A number beyond 64 bits."),
        ("id__gt=" + str(2**63), "id__gt", "A number beyond 64 bits."),
        ("id__gt=" + "9" * 5000, "id__gt", "Not a whole number."),
        ("title__in=a,,b", "title__in", "Empty."),
        ("title__in=" + "x" * 61, "title__in", "Longer than 60 characters."),
        (r"title__in=a\b", "title__in", r"A backslash stands before a comma or another backslash: \, or \\."),
        ("title__in=a\\", "title__in", r"A backslash stands before a comma or another backslash: \, or \\."),
        ("title__in=%00", "title__in", "Contains a NUL character."),
        ("text__in=a," + "x" * 201, "text__in", "Longer than 200 characters."),
        ("title__contains=%00", "title__contains", "Contains a NUL character."),
        ("title__contains=", "title__contains", "Empty."),
        ("text__contains=" + "x" * 201, "text__contains", "Longer than 200 characters."),
        ("stars__isnull=1", "stars__isnull", "Neither true nor false."),
        ("stars__isnull=", "stars__isnull", "Neither true nor false."),
        ("marks.id=loud", "marks.id", "Not a UUID."),
    ],
)
def test_what_is_wrong_with_a_filter_is_told(app, query, parameter, detail):
    refused = app.test_client().get(f"/api/songs/?{query}")
    assert refused.status_code == 422
    assert refused.json["errors"] == [{"detail": detail, "parameter": parameter}]


@pytest.mark.parametrize("query", ["title=%ED%A0%80", "title__contains=%FF", "title__in=%ED%A0%80,%FF", "q=%ED%A0%80"])
def test_bytes_that_are_no_text_break_nothing(app, query):
    assert found(app.test_client(), query) == []


def test_a_mapping_opens_what_it_names_and_no_more(app):
    client = app.test_client()
    assert found(client, "stars__ge=3&stars__le=4", "few") == [2]
    assert found(client, "text__startswith=s", "few") == [3]
    refused = client.get("/api/few/?stars=3&title__ne=x&stars__gt=1")
    assert {error["parameter"]: error["detail"] for error in refused.json["errors"]} == {
        "stars": "'stars' has no operator 'eq'; open are ge, le.",
        "title__ne": "'title' has no operator 'ne'; open are eq.",
        "stars__gt": "'stars' has no operator 'gt'; open are ge, le.",
    }


def test_texts_with_commas_are_exact_in_the_document(app):
    document = app.test_client().get("/api/openapi.json").json
    parameters = {one["name"]: one for one in document["paths"]["/api/songs"]["get"]["parameters"]}
    pattern = parameters["title__in"]["schema"]["items"]["pattern"]
    assert all(re.search(pattern, text) for text in (r"Red\, 100%", "x" * 60))
    assert not any(re.search(pattern, text) for text in ("", "a,b", "a\\b", "a\\", "\0", "x" * 61))
    assert parameters["title"]["schema"] == {
        "type": "string",
        "minLength": 1,
        "maxLength": 60,
        "pattern": r"^(?:[^\x00]*)$",
    }
    assert parameters["singer.land.name__contains"]["description"] == (
        "Only where name of land of singer contains this, in capital or small letters."
    )


class Silent(Policy):
    """Knows single rows only."""

    def allows(self, user, item=None):
        return True


@pytest.mark.parametrize(
    ("declared", "mistake"),
    [
        ({"filters": ["facts"]}, "filters by 'facts', which cannot be compared with a text."),
        ({"filters": ["raw"]}, "filters by 'raw', which cannot be compared with a text."),
        ({"filters": ["singer.nam"]}, "filters by 'singer.nam', in which 'nam' leads nowhere."),
        ({"filters": ["title.name"]}, "filters by 'title.name', in which 'title' leads nowhere."),
        ({"filters": ["singer_id.name"]}, "filters by 'singer_id.name', in which 'singer_id' leads nowhere."),
        ({"filters": ["singer."]}, "filters by 'singer.', in which '' leads nowhere."),
        (
            {"filters": ["singer.land"]},
            "filters by 'singer.land', a relationship; name a column behind it, like 'singer.land.name'.",
        ),
        ({"filters": {"title": ["ge"]}}, "filters by 'title' with 'ge'; these fit: eq, ne, in, contains, startswith."),
        (
            {"filters": {"singer_id": ["lt"]}},
            "filters by 'singer_id' with 'lt'; these fit: eq, ne, in, isnull.",
        ),
        (
            {"filters": {"id": ["isnull"]}},
            "filters by 'id' with 'isnull'; these fit: eq, ne, lt, le, gt, ge, in.",
        ),
        (
            {"filters": {"title": []}},
            "filters by 'title' with no operator; these fit: eq, ne, in, contains, startswith.",
        ),
        ({"order": ["-facts"]}, "sorts by 'facts', whose values have no order."),
        ({"search": ["singer.age"]}, "searches 'singer.age', which holds no text."),
        ({"search": ["singer.nix"]}, "searches 'singer.nix', in which 'nix' leads nowhere."),
        ({"read": Silent()}, "has a policy as read which has no SQL form; give it rows()."),
        ({"read": login & (public & Silent())}, "has a policy as read which has no SQL form; give it rows()."),
    ],
)
def test_a_list_that_cannot_be_is_refused_at_start(start, declared, mistake):
    wrong = Resource(FilterSong, name="wrong", **{"read": public, **declared})
    with pytest.raises(ResourceError) as caught:
        start(features=["db"], modules=[Module("m", resources=[wrong])], tables=False)
    assert caught.value.mistakes == [f"Resource 'wrong' {mistake}"]


class FilterTwin(IntegerKey, Model):
    __tablename__ = "filter_twin"
    size: Mapped[int]
    size__ge: Mapped[int]


def test_a_name_that_ends_like_an_operator_is_no_filter(start):
    wrong = Resource(FilterTwin, name="twins", filters=["size", "size__ge"], read=public)
    with pytest.raises(ResourceError, match="filters by 'size__ge', whose name ends like that of an operator"):
        start(features=["db"], modules=[Module("m", resources=[wrong])], tables=False)


@pytest.mark.parametrize(
    ("name", "value", "less"),
    [
        *[
            ("whole", "5", "4"),
            ("real", "1.5", "-2.25"),
            ("money", "9.50", "9.49"),
            ("day", "2030-01-02", "2030-01-01"),
        ],
        *[("moment", "2030-01-02T00:00:00Z", "2030-01-02T00:59:59.999999%2B01:00"), ("clock", "12:00:00", "11:59:59")],
        *[("span", "PT90S", "PT89S")],
    ],
)
def test_every_ordered_type_can_be_compared(start, name, value, less):
    things = Resource(ApiKinds, name="things", fields=["whole"], filters=[name], read=public, write=public)
    kinds = Resource(ApiKinds, name="kinds", fields=[name], read=public, write=public)
    client = start(features=["db", Api()], modules=[Module("m", resources=[things, kinds])]).test_client()
    sent = value if name not in ("whole", "real") else float(value)
    assert client.post("/api/kinds/", json={name: sent if name != "whole" else int(sent)}).status_code == 201
    for query, size in {
        "__gt={less}": 1,
        "__ge={value}": 1,
        "__lt={less}": 0,
        "__le={value}": 1,
        "={value}": 1,
        "__ne={value}": 0,
        "__ne={less}": 1,
        "__in={less},{value}": 1,
        "__isnull=true": 0,
    }.items():
        asked = query.format(value=value, less=less)
        assert len(found(client, f"{name}{asked}", "things")) == size, asked


def test_rows_are_filtered_by_the_same_names(app):
    with app.test_request_context():
        assert rows.page(songs, filters={"stars__ge": 3, "title__contains": "RED"}).total == 2
        assert rows.page(songs, filters={"title__contains": "100%"}).total == 1


def test_filters_do_not_build_statements_for_every_request(app, count_statements):
    client = app.test_client()
    with count_statements() as seen:
        client.get("/api/songs/?stars__ge=2&marks.word=loud")
        client.get("/api/songs/?stars__ge=3&marks.word=soft")
    assert len(seen) == 2
    assert seen[0] == seen[1]


def allowed(schema):
    """Return texts of a query string that *schema* of the document allows."""
    if schema["type"] == "array":
        items = st.lists(allowed(schema["items"]), min_size=schema["minItems"], max_size=min(3, schema["maxItems"]))
        return items.map(",".join)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema["type"] == "boolean":
        return st.sampled_from(["true", "false"])
    if schema["type"] == "integer":
        return st.integers(schema.get("minimum", -(2**63)), schema.get("maximum", 2**63 - 1)).map(str)
    if schema["type"] == "number":
        return st.floats(allow_nan=False, allow_infinity=False).map(repr)
    kinds = {
        "date": st.dates().map(str),
        "date-time": st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.isoformat()),
        "duration": st.integers(0, 10**9).map(lambda seconds: f"PT{seconds}S"),
        "uuid": st.uuids().map(str),
        "cursor": st.just(""),
    }
    if schema.get("format") in kinds:
        return kinds[schema["format"]]
    if "\\d:" in schema.get("pattern", ""):
        return st.times().map(str)
    least, most = schema.get("minLength", 0), schema.get("maxLength", 99)
    texts = st.from_regex(re.compile(schema.get("pattern", ""), re.ASCII))
    return texts.filter(lambda text: least <= len(text) <= most and not (schema.get("format") and "\n" in text))


@settings(max_examples=40, deadline=None, suppress_health_check=[*HealthCheck])
@given(data=st.data())
def test_what_the_document_allows_is_accepted(started, data):
    client, document = started
    path = data.draw(st.sampled_from(["/api/songs", "/api/objects", "/api/things", "/api/few"]))
    parameters = [one for one in document["paths"][path]["get"]["parameters"] if one["in"] == "query"]
    chosen = data.draw(st.lists(st.sampled_from(parameters), max_size=4, unique_by=lambda one: one["name"]))
    query = {one["name"]: data.draw(allowed(one["schema"]), one["name"]) for one in chosen}
    if "after" in query:
        query.pop("page", None)
    answer = client.get(path, query_string=query)
    assert answer.status_code == 200, answer.text


@pytest.fixture
def started(start):
    names = ["whole", "real", "yes", "money", "day", "moment", "clock", "span", "code", "kind"]
    things = Resource(ApiKinds, name="things", fields=names, filters=names, sorts=names, read=public)
    modules = [Module("songs", resources=[songs, objects, few, singers, lands, marks, things])]
    client = start(features=["db", Names(), Api()], modules=modules).test_client()
    return client, client.get("/api/openapi.json").json
