"""Rows that belong to a row are sent and answered with it, as objects."""

from __future__ import annotations

import pytest
from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import IntegerKey, Model, Module, Resource, ResourceError, UUIDKey, db, nobody, public


class Sheet(IntegerKey, Model):
    __tablename__ = "api_sheet"
    title: Mapped[str] = mapped_column(String(40))
    total: Mapped[int] = mapped_column(default=0)
    marks: Mapped[list[Mark]] = relationship(
        cascade="all, delete-orphan", back_populates="sheet", order_by="Mark.place"
    )
    stamps: Mapped[list[Stamp]] = relationship(cascade="all, delete-orphan")
    loose: Mapped[list[Loose]] = relationship()


class Mark(UUIDKey, Model):
    __tablename__ = "api_mark"
    __table_args__ = (UniqueConstraint("sheet_id", "place"), CheckConstraint("points <> 13", name="no_thirteen"))
    sheet_id: Mapped[int] = mapped_column(ForeignKey(Sheet.id))
    place: Mapped[int]
    points: Mapped[int] = mapped_column(default=1, info={"minimum": 0})
    note: Mapped[str | None] = mapped_column(String(20))
    writer_id: Mapped[int | None]
    sheet: Mapped[Sheet] = relationship(back_populates="marks")


class ApiOwnedCountry(Model):
    __tablename__ = "api_country_of_stamp"
    code: Mapped[str] = mapped_column(String(2), primary_key=True)


class Stamp(IntegerKey, Model):
    __tablename__ = "api_stamp"
    sheet_id: Mapped[int] = mapped_column(ForeignKey(Sheet.id))
    country_code: Mapped[str | None] = mapped_column(ForeignKey(ApiOwnedCountry.code))
    country: Mapped[ApiOwnedCountry | None] = relationship()


class Loose(IntegerKey, Model):
    __tablename__ = "api_loose"
    name: Mapped[str]
    sheet_id: Mapped[int | None] = mapped_column(ForeignKey(Sheet.id))


NO_KEY = "00000000-0000-4000-8000-000000000000"
told = []


def add_up(sheet, values, user):
    sheet.total = sum(mark.points or 1 for mark in sheet.marks)


def note(name):
    return lambda mark, values, user: told.append((name, mark.place, dict(values)))


sheets = Resource(
    Sheet,
    name="sheets",
    fields=["title", "marks", "stamps"],
    read_only=["total"],
    owned={"marks": ["place", "points", "note"], "stamps": ["country_code"]},
    hooks={"before_create": add_up, "before_update": add_up},
    bulk=3,
    read=public,
    write=public,
)


@pytest.fixture
def serve(start):
    def serve(*more):
        app = start(features=["db", "api"], modules=[Module("school", resources=[sheets, *more])])
        with app.app_context():
            db.session.add(ApiOwnedCountry(code="at"))
            db.session.commit()
        return app.test_client()

    return serve


@pytest.fixture
def client(serve):
    return serve()


def plain(answer):
    return [(one["place"], one["points"], one["note"]) for one in answer.json["marks"]]


def wrong(answer):
    return answer.status_code, {one["pointer"]: one["detail"] for one in answer.json["errors"]}


def test_rows_are_sent_with_their_row_and_answered_with_their_keys(client):
    body = {"title": "One", "marks": [{"place": 2, "points": 5}, {"place": 1, "note": "late"}]}
    made = client.post("/api/sheets", json=body)
    assert made.status_code == 201
    assert plain(made) == [(1, 1, "late"), (2, 5, None)]
    assert made.json["total"] == 6
    keys = {one["place"]: one["id"] for one in made.json["marks"]}
    # What is left out of a row that is there stays; the row that is left out goes, and its place is free.
    body = {"marks": [{"id": keys[1], "place": 2}, {"place": 1}]}
    changed = client.patch("/api/sheets/1", json=body, headers={"If-Match": made.headers["ETag"]})
    assert changed.status_code == 200
    assert plain(changed) == [(1, 1, None), (2, 1, "late")]
    assert {one["place"]: one["id"] for one in changed.json["marks"]}[2] == keys[1]
    assert client.get("/api/sheets/1").json == changed.json
    assert plain(client.patch("/api/sheets/1", json={"title": "Two"})) == [(1, 1, None), (2, 1, "late")]
    assert client.put("/api/sheets/1", json={"title": "Three"}).json["marks"] == []


@pytest.mark.parametrize(
    ("marks", "refused"),
    [
        ([{"place": 1}, {"note": "x"}], (422, {"#/marks/1/place": "This is required."})),
        ([{"place": 1, "points": -1}], (422, {"#/marks/0/points": "Less than 0."})),
        ([{"place": 1, "sheet_id": 2}], (422, {"#/marks/0/sheet_id": "There is no such field to send."})),
        ([7], (422, {"#/marks/0": "Not a JSON object."})),
        ({}, (422, {"#/marks": "Not a list."})),
        ([{"place": 1, "id": NO_KEY}], (422, {"#/marks/0/id": "There is no such row."})),
        ([{"place": 1}, {"place": 2}, {"place": 1}], (409, {"#/marks/2/place": "This is taken already."})),
        ([{"place": 1, "points": 13}], (422, {"#/marks/0": "This value is not allowed."})),
        ([{"place": i} for i in range(1001)], (422, {"#/marks": "At most 1000 rows can be sent."})),
    ],
    ids=["missing", "rules", "back", "no object", "no list", "foreign key", "unique", "check", "many"],
)  # fmt: skip
def test_what_cannot_be_stored_is_told_where_it_stands(client, marks, refused):
    client.post("/api/sheets", json={"title": "One", "marks": [{"place": 9}]})
    status, errors = wrong(client.patch("/api/sheets/1", json={"title": "Two", "marks": marks}))
    assert (status, errors) == refused
    kept = client.get("/api/sheets/1").json
    assert (kept["title"], [one["place"] for one in kept["marks"]]) == ("One", [9])


def test_keys_in_rows_must_lead_to_rows(client):
    body = {"title": "One", "stamps": [{"country_code": "at"}, {"country_code": "xx"}]}
    assert wrong(client.post("/api/sheets", json=body)) == (
        422,
        {"#/stamps/1/country_code": "There is no ApiOwnedCountry 'xx'."},
    )


def test_rows_of_another_row_are_out_of_reach(client):
    one, two = (client.post("/api/sheets", json={"title": name, "marks": [{"place": 1}]}).json for name in "ab")
    taken = client.patch(f"/api/sheets/{one['id']}", json={"marks": two["marks"]})
    assert wrong(taken) == (422, {"#/marks/0/id": "There is no such row."})
    twice = client.patch(f"/api/sheets/{one['id']}", json={"marks": one["marks"] * 2})
    assert wrong(twice) == (422, {"#/marks/1/id": "This key is given twice."})


def test_several_rows_at_once_bring_theirs(client):
    bodies = [{"title": name, "marks": [{"place": 1}]} for name in "ab"]
    made = client.post("/api/sheets/bulk", json=bodies).json
    assert [len(one["marks"]) for one in made] == [1, 1]
    bad = [{"id": made[0]["id"], "marks": []}, {"id": made[1]["id"], "marks": [{"place": 3}, {"place": 3}]}]
    assert wrong(client.patch("/api/sheets/bulk", json=bad)) == (409, {"#/1/marks": "This is taken already."})
    assert len(client.get(f"/api/sheets/{made[0]['id']}").json["marks"]) == 1


def test_hooks_and_claims_of_their_own_resource_hold_for_them(serve):
    told.clear()
    hooks = {name: note(name) for name in ("before_create", "after_create", "before_update", "after_delete")}
    client = serve(Resource(Mark, name="marks", read=public, write=public, hooks=hooks))
    made = client.post("/api/sheets", json={"title": "One", "marks": [{"place": 1}, {"place": 2}]}).json["marks"]
    client.patch("/api/sheets/1", json={"marks": [{**made[1], "points": 4}]})
    assert told == [
        ("before_create", 1, {"place": 1}),
        ("before_create", 2, {"place": 2}),
        ("after_create", 1, {"place": 1}),
        ("after_create", 2, {"place": 2}),
        ("before_update", 2, {"points": 4}),
        ("after_delete", 1, {}),
    ]


def test_policies_of_their_own_resource_hold_unless_the_row_has_one_for_them(serve, start):
    client = serve(Resource(Mark, name="marks", read=public, update=public))
    assert client.post("/api/sheets", json={"title": "One", "marks": [{"place": 1}]}).status_code == 401
    assert client.post("/api/sheets", json={"title": "One", "marks": []}).status_code == 201
    open_ = Resource(Sheet, name="sheets", fields=["title", "marks"], owned={"marks": ["place"]}, owned_policy=public,
        read=public, write=public)  # fmt: skip
    closed = Resource(Mark, name="marks", read=public, write=nobody)
    client = start(features=["db", "api"], modules=[Module("m", resources=[open_, closed])]).test_client()
    assert client.post("/api/sheets", json={"title": "One", "marks": [{"place": 1}]}).status_code == 201


def test_the_document_tells_what_may_be_sent(client):
    schemas = client.get("/api/openapi.json").json["components"]["schemas"]
    assert schemas["SheetPatch"]["properties"]["marks"]["items"] == {"$ref": "#/components/schemas/SheetMarksSent"}
    sent = schemas["SheetMarksSent"]
    assert (sorted(sent["properties"]), sent["required"]) == (["id", "note", "place", "points"], ["place"])
    assert sorted(schemas["SheetMarksNested"]["properties"]) == ["id", "note", "place", "points"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"owned": {"loose": ["name"]}}, 'these rows belong to nobody. Write relationship(cascade='),
        ({"owned": {"marks": []}}, "list what may be sent, such as ['name'], not []."),
        ({"owned": {"marks": ["plaice"]}}, "Mark lacks 'plaice'. Did you mean 'place'?"),
        ({"owned": {"marks": ["id"]}}, "leave out the key 'id': it goes along by itself."),
        ({"owned": {"marks": ["sheet_id"]}}, "leave out 'sheet_id': a row belongs where it stands."),
        ({"owned": {"marks": ["sheet"]}}, "'sheet' is a relationship; name its column, 'sheet_id'."),
        ({"owned": {"title": ["x"]}}, "name a relationship that is in fields."),
        ({"owned": {"marks": ["place"]}, "expand": {"marks": ["id"]}}, "names 'marks' in owned and in expand"),
        ({"owned": {"marks": ["place"]}, "hooks": {"update": add_up}}, "the hook 'update', which stores one row"),
    ],
    ids=["not owned", "empty", "misspelt", "key", "back", "relationship", "column", "expand", "hook"],
)  # fmt: skip
def test_what_cannot_be_owned_is_told_at_start(start, options, told):
    wrong = Resource(Sheet, name="sheets", fields=["title", "marks", "loose"], read=public, **options)
    with pytest.raises(ResourceError) as caught:
        start(features=["db", "api"], modules=[Module("m", resources=[wrong])])
    assert told in str(caught.value)
