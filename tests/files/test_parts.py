"""Rows made and changed with their files in one request: multipart/form-data, beside JSON."""

from __future__ import annotations

import enum
import json
from datetime import date
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from openapi_spec_validator import validate
from sqlalchemy import JSON, ForeignKey, LargeBinary, Numeric, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import File, FileType, IntegerKey, Model, Module, Resource, db, nobody, public
from tests.files.conftest import LIBRARY, MOST, FilesBook, Names, known, png


class FilesHue(enum.Enum):
    red = 1
    blue = 2


class FilesParcel(IntegerKey, Model):
    __tablename__ = "files_parcel"
    code: Mapped[str] = mapped_column(String(8), unique=True)
    photo: Mapped[File] = mapped_column(FileType(types=["image/png"], max_size=MOST), info={"help": "From above."})
    bill: Mapped[File | None] = mapped_column(FileType(types=["application/pdf"]))
    weight: Mapped[int | None] = mapped_column(info={"minimum": 1})
    length: Mapped[float | None]
    fragile: Mapped[bool] = mapped_column(default=False)
    price: Mapped[Decimal | None] = mapped_column(Numeric(6, 2))
    day: Mapped[date | None]
    hue: Mapped[FilesHue | None]
    raw: Mapped[bytes | None] = mapped_column(LargeBinary)
    facts: Mapped[Any | None] = mapped_column(JSON)
    tags: Mapped[list[FilesTag]] = relationship(order_by="FilesTag.id")
    lines: Mapped[list[FilesLine]] = relationship(cascade="all, delete-orphan", order_by="FilesLine.id")


class FilesTag(IntegerKey, Model):
    __tablename__ = "files_tag"
    parcel_id: Mapped[int | None] = mapped_column(ForeignKey("files_parcel.id"))


class FilesLine(IntegerKey, Model):
    __tablename__ = "files_line"
    parcel_id: Mapped[int] = mapped_column(ForeignKey("files_parcel.id"))
    what: Mapped[str] = mapped_column(String(20))


FIELDS = ["code", "photo", "bill", "weight", "length", "fragile", "price", "day", "hue", "raw", "facts", "tags"]
parcels = Resource(
    FilesParcel,
    name="parcels",
    fields=[*FIELDS, "lines"],
    owned={"lines": ["what"]},
    renamed={"photo": "picture", "weight": "grams"},
    read=public,
    write=public,
    bulk=5,
)
drops = Resource(FilesParcel, name="drops", fields=["code", "photo"], read=nobody, create=public)
POST = Module("post", resources=[parcels, drops])


@pytest.fixture
def post(start):
    return start(features=["db", "forms", "api", "files"], modules=[POST]).test_client()


def photo(content: bytes | None = None, name: str = "a.png") -> tuple[BytesIO, str]:
    return BytesIO(png() if content is None else content), name


def pointers(refused: Any) -> dict[str, str]:
    assert (refused.status_code, refused.content_type) == (422, "application/problem+json"), refused.data
    return {error["pointer"]: error["detail"] for error in refused.json["errors"]}


def kept(client: Any) -> int:
    return len(list(client.application.extensions["flaskkit.files"].stored()))


def test_a_row_is_made_with_the_file_that_it_must_have(post):
    made = post.post("/api/parcels", data={"code": "A1", "picture": photo(name="Box.png")})
    assert (made.status_code, made.headers["Location"]) == (201, "/api/parcels/1")
    assert made.headers["ETag"] == post.get("/api/parcels/1").headers["ETag"]
    assert made.json["picture"]["name"] == "Box.png"
    assert made.json == post.get("/api/parcels/1").json
    assert post.get(made.json["picture"]["url"]).data == png()
    # What was left out is as in a row that was sent as JSON.
    assert (made.json["fragile"], made.json["grams"], made.json["tags"]) == (False, None, [])


def test_a_file_that_is_called_something_else_is_there_by_that_name(post):
    made = post.post("/api/parcels", data={"code": "A1", "picture": photo()}).json
    assert made["picture"]["url"] == "/api/parcels/1/picture"
    assert post.put("/api/parcels/1/picture", data={"file": photo(png(5, 5))}).json["width"] == 5
    assert post.get("/api/parcels/1/photo").status_code == 404
    operation = post.get("/api/openapi.json").json["paths"]["/api/parcels/{key}/picture"]["put"]
    assert operation["operationId"] == "upload_parcels_picture"


def test_text_is_read_by_the_type_of_its_field(post):
    with post.application.app_context():
        db.session.add_all([FilesTag(), FilesTag()])
        db.session.commit()
    sent = {
        "code": "5",
        "grams": "1200",
        "length": "2.5",
        "fragile": "true",
        "price": "2.50",
        "day": "2030-05-01",
        "hue": "blue",
        "raw": "AAE=",
        "facts": '{"deep": [1, null]}',
        "tags": ["1", "2"],
        "lines": ['{"what": "a cup"}', '{"what": "a plate"}'],
    }
    made = post.post("/api/parcels", data={**sent, "picture": photo(), "bill": photo(b"%PDF-1.7", "b.pdf")})
    assert made.status_code == 201, made.data
    shown = {name: made.json[name] for name in sent}
    assert shown == sent | {
        "grams": 1200,
        "length": 2.5,
        "fragile": True,
        "facts": {"deep": [1, None]},
        "tags": [1, 2],
        "lines": [{"id": 1, "what": "a cup"}, {"id": 2, "what": "a plate"}],
    }
    assert made.json["bill"]["media_type"] == "application/pdf"


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({"code": "A1"}, {"#/picture": "This is required."}),
        ({"picture": photo(), "grams": "0"}, {"#/code": "This is required.", "#/grams": "Less than 1."}),
        ({"code": "A1", "picture": "text"}, {"#/picture": "Send it as a file: this part has no file name."}),
        ({"code": "A1", "picture": photo(b"")}, {"#/picture": "The file is empty."}),
        ({"code": "A1", "picture": [photo(), photo()]}, {"#/picture": "Send one file only."}),
        (
            {"code": "too long a code", "picture": photo(b"GIF89a\1\0\1\0;")},
            {"#/code": "Longer than 8 characters.", "#/picture": "This is image/gif, not image/png."},
        ),
        (
            {"code": "A1", "picture": photo(png() + b"\0" * MOST), "bill": photo(b"text")},
            {"#/picture": "Larger than 20,000 bytes.", "#/bill": "This is text/plain, not application/pdf."},
        ),
        ({"code": photo(), "picture": photo()}, {"#/code": "Send it as text: this part has a file name."}),
        ({"code": ["A1", "A2"], "picture": photo()}, {"#/code": "Send it once only."}),
        ({"code": "A1", "picture": photo(), "grams": "1.5"}, {"#/grams": "Not a whole number."}),
        ({"code": "A1", "picture": photo(), "grams": "NaN", "length": "NaN"}, {"#/grams", "#/length"}),
        ({"code": "A1", "picture": photo(), "fragile": "yes"}, {"#/fragile": "Neither true nor false."}),
        ({"code": "A1", "picture": photo(), "hue": ""}, {"#/hue": "Not one of red, blue."}),
        ({"code": "A\0", "picture": photo()}, {"#/code": "Contains a NUL character."}),
        ({"code": "A1", "picture": photo(), "facts": "{"}, {"#/facts"}),
        ({"code": "A1", "picture": photo(), "facts": "[" * 33 + "]" * 33}, {"#/facts"}),
        ({"code": "A1", "picture": photo(), "facts": "[" * 100_000}, {"#/facts"}),
        ({"code": "A1", "picture": photo(), "facts": "9" * 5000}, {"#/facts"}),
        ({"code": "A1", "picture": photo(), "tags": ["1", "x"]}, {"#/tags/1": "Not a whole number."}),
        ({"code": "A1", "picture": photo(), "tags": "7"}, {"#/tags": "There is no FilesTag 7."}),
        ({"code": "A1", "picture": photo(), "lines": ["{}"]}, {"#/lines/0/what": "This is required."}),
        ({"code": "A1", "photo": photo(), "picture": photo()}, {"#/photo": "There is no such field to send."}),
        ({"code": "A1", "picture": photo(), "id": "7"}, {"#/id": "There is no such field to send."}),
    ],
)
def test_what_is_wrong_is_told_by_the_name_of_its_field(post, sent, errors):
    # Each test has streams of its own.
    again = {
        name: [(BytesIO(one[0].getvalue()), one[1]) if isinstance(one, tuple) else one for one in _listed(value)]
        for name, value in sent.items()
    }
    told = pointers(post.post("/api/parcels", data=again, content_type="multipart/form-data"))
    assert (set(told) if isinstance(errors, set) else told) == errors
    assert kept(post) == 0


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"\xff\xfe--x\r\n\0"),
        ("multipart/form-data; boundary=x", b"--x--\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="code"\r\n\r\nA2',
        ),
    ],
    ids=["no boundary", "nothing", "noise", "no part", "cut off"],
)
def test_a_broken_form_is_refused_and_changes_nothing(post, method, content_type, body):
    before = post.post("/api/parcels", data={"code": "A1", "picture": photo()}).json
    path = "/api/parcels" if method == "POST" else "/api/parcels/1"
    refused = post.open(path, method=method, data=body, content_type=content_type)
    assert (refused.status_code, refused.json["title"]) == (400, "Bad Request")
    assert post.get("/api/parcels").json == [before]


def test_other_types_are_refused(post, start):
    refused = post.post("/api/parcels", json={"code": "A1"})
    assert (refused.status_code, refused.json["detail"]) == (415, "Send multipart/form-data.")
    for sent in ({"data": {"code": "A2"}}, {"data": b"{}", "content_type": "text/plain"}, {}):
        refused = post.patch("/api/parcels/1", **sent)
        assert (refused.status_code, refused.json["detail"]) == (415, "Send JSON, or multipart/form-data.")


def test_resources_without_files_take_json_only(start):
    plain = Resource(FilesBook, name="plain", fields=["title"], read=public, write=public)
    client = start(features=["db", "api", "files"], modules=[Module("m", resources=[plain])]).test_client()
    refused = client.post("/api/plain", data={"title": "Emma", "x": photo()})
    assert (refused.status_code, refused.json["detail"]) == (
        415,
        "Send JSON, with the header Content-Type: application/json.",
    )


def test_patch_changes_what_is_sent_and_leaves_the_rest(post):
    post.post("/api/parcels", data={"code": "A1", "picture": photo(), "grams": "5"})
    changed = post.patch("/api/parcels/1", data={"picture": photo(png(5, 5)), "code": "A2"})
    assert changed.status_code == 200
    assert (changed.json["code"], changed.json["grams"], changed.json["picture"]["width"]) == ("A2", 5, 5)
    assert post.patch("/api/parcels/1", data={"code": "A3", "tags": []}, content_type="multipart/form-data").json == {
        **changed.json,
        "code": "A3",
    }
    assert kept(post) == 1


def test_json_can_be_null(post):
    sent = {"code": "A1", "picture": photo(), "facts": "null"}
    assert post.post("/api/parcels", data=sent).json["facts"] is None


def test_put_takes_back_what_is_left_out_but_for_files(post):
    before = post.post(
        "/api/parcels",
        data={"code": "A1", "picture": photo(), "bill": photo(b"%PDF-1.7", "b.pdf"), "grams": "5", "fragile": "true"},
    ).json
    replaced = post.put("/api/parcels/1", data={"code": "A2"}, content_type="multipart/form-data")
    assert replaced.json == before | {"code": "A2", "grams": None, "fragile": False}
    assert kept(post) == 2


def test_if_match_is_compared_as_with_json(post):
    tag = post.post("/api/parcels", data={"code": "A1", "picture": photo()}).headers["ETag"]
    sent = {"data": {"picture": photo(png(5, 5))}, "headers": {"If-Match": tag}}
    assert post.patch("/api/parcels/1", **sent).status_code == 200
    sent = {"data": {"picture": photo(png(6, 6))}, "headers": {"If-Match": tag}}
    assert post.patch("/api/parcels/1", **sent).status_code == 412
    assert post.get("/api/parcels/1").json["picture"]["width"] == 5
    assert kept(post) == 1


def test_a_file_of_a_refused_row_does_not_stay(post):
    assert post.post("/api/parcels", data={"code": "A1", "picture": photo()}).status_code == 201
    refused = post.post("/api/parcels", data={"code": "A1", "picture": photo(png(5, 5))})
    assert refused.status_code == 409
    assert [error["pointer"] for error in refused.json["errors"]] == ["#/code"]
    place = post.post("/api/parcels", data={"code": "A2", "picture": photo()}).headers["Location"]
    refused = post.patch(place, data={"code": "A1", "picture": photo(png(5, 5))})
    assert refused.status_code == 409
    assert post.get(place).json["picture"]["width"] == 3
    assert kept(post) == 2


def test_hooks_get_the_file_with_the_other_values(start):
    told = []

    def look(item, values, user):
        told.append((sorted(values), values["cover"].name, item.title))
        if item.title == "No":
            raise ValueError

    books = Resource(
        FilesBook, name="books", fields=["title", "cover"], read=public, write=public, hooks={"after_create": look}
    )
    client = start(features=["db", "api", "files"], modules=[Module("m", resources=[books])]).test_client()
    assert client.post("/api/books", data={"title": "Yes", "cover": photo()}).status_code == 201
    assert told == [(["cover", "title"], "a.png", "Yes")]
    with pytest.raises(ValueError):
        client.post("/api/books", data={"title": "No", "cover": photo()})
    assert kept(client) == 1


def test_what_cannot_be_read_can_be_made_with_a_file(post):
    made = post.post("/api/drops", data={"code": "A1", "photo": photo()})
    assert (made.status_code, made.data) == (201, b"")
    assert kept(post) == 1


class TestSentAgain:
    def test_with_the_same_parts_it_is_one_row(self, post):
        headers = {"Idempotency-Key": "a"}
        first = post.post("/api/parcels", data={"code": "A1", "picture": photo()}, headers=headers)
        again = post.post("/api/parcels", data={"code": "A1", "picture": photo()}, headers=headers)
        assert (first.status_code, first.data) == (201, again.data)
        assert len(post.get("/api/parcels").json) == 1
        assert kept(post) == 1

    @pytest.mark.parametrize(
        "other",
        [
            {"code": "A2", "picture": (png(), "a.png")},
            {"code": "A1", "picture": (png(5, 5), "a.png")},
            {"code": "A1", "picture": (png(), "b.png")},
        ],
        ids=["text", "bytes", "name"],
    )
    def test_with_other_parts_it_is_refused(self, post, other):
        headers = {"Idempotency-Key": "a"}
        post.post("/api/parcels", data={"code": "A1", "picture": photo()}, headers=headers)
        other["picture"] = photo(*other["picture"])
        assert post.post("/api/parcels", data=other, headers=headers).status_code == 422
        assert kept(post) == 1

    def test_a_refusal_is_kept_and_its_file_is_not(self, post):
        post.post("/api/parcels", data={"code": "A1", "picture": photo()})
        headers = {"Idempotency-Key": "a"}
        answers = [
            post.post("/api/parcels", data={"code": "A1", "picture": photo()}, headers=headers) for _ in range(2)
        ]
        assert [one.status_code for one in answers] == [409, 409]
        assert answers[0].data == answers[1].data
        assert kept(post) == 1


class TestWhoMay:
    @pytest.fixture
    def ann(self, app):
        return known(app, "ann")

    def test_strangers_are_asked_who_they_are_before_anything_is_read(self, client):
        assert client.post("/api/books", data={"cover": photo(b"no picture")}).status_code == 401

    def test_the_caller_owns_the_row(self, ann):
        made = ann.post("/api/books", data={"title": "Emma", "cover": photo(), "secret": photo(b"psst", "s.txt")})
        assert made.status_code == 201
        assert "secret" not in made.json
        assert ann.patch("/api/books/1", data={"cover": photo(png(5, 5))}).json["cover"]["width"] == 5

    def test_nobody_else_changes_it(self, app, ann):
        ann.post("/api/books", data={"title": "Emma", "cover": photo()})
        bob = known(app, "bob")
        assert bob.patch("/api/books/1", data={"cover": photo()}).status_code == 403
        assert kept(ann) == 1

    def test_what_is_read_only_cannot_be_sent(self, ann):
        refused = ann.post("/api/books", data={"title": "Emma", "paper": photo()})
        assert pointers(refused) == {"#/paper": "There is no such field to send."}

    def test_a_session_needs_a_token(self, app, ann):
        ann.environ_base["HTTP_X_BY"] = "session"
        refused = ann.post("/api/books", data={"title": "Emma", "cover": photo()})
        assert (refused.status_code, refused.json["detail"]) == (400, "The CSRF token is missing.")


class TestLimits:
    @pytest.fixture
    def ann(self, start):
        app = start(
            features=["db", "forms", Names(), "api", "files"],
            modules=[LIBRARY],
            flask={"MAX_CONTENT_LENGTH": 100_000, "MAX_FORM_MEMORY_SIZE": 100},
        )
        return known(app, "ann")

    def test_a_small_limit_of_the_app_stops_no_file(self, ann):
        sent = {"cover": photo(png() + b"\0" * 15_000), "secret": photo(b"a" * 200_000, "s.txt")}
        made = ann.post("/api/books", data={"title": "Emma", **sent})
        assert made.status_code == 201, made.data
        assert ann.post("/api/books", json={"title": "x" * 100_000}).status_code == 413

    @pytest.mark.parametrize(
        "parts",
        [[("secret", "s.txt", 10_400_000)], [("title", "", 400_000)], [(f"part{i}", "", 1) for i in range(2000)]],
        ids=["file", "text", "parts"],
    )
    def test_far_more_is_413(self, ann, parts):
        heads = (f'name="{name}"' + (f'; filename="{file}"' if file else "") for name, file, _ in parts)
        bodies = (
            f"--x\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + b"a" * size + b"\r\n"
            for head, (_, _, size) in zip(heads, parts, strict=True)
        )
        refused = ann.post(
            "/api/books", data=b"".join(bodies) + b"--x--", content_type="multipart/form-data; boundary=x"
        )
        assert (refused.status_code, refused.content_type) == (413, "application/problem+json")


class TestDocument:
    @pytest.fixture
    def document(self, post):
        return post.get("/api/openapi.json").json

    def test_is_valid(self, document):
        validate(document)

    def test_tells_what_each_part_is(self, document):
        content = document["paths"]["/api/parcels"]["post"]["requestBody"]["content"]
        assert list(content) == ["multipart/form-data"]
        assert content["multipart/form-data"]["schema"] == {"$ref": "#/components/schemas/FilesParcelCreateForm"}
        assert content["multipart/form-data"]["encoding"] == {
            "picture": {"contentType": "image/png"},
            "bill": {"contentType": "application/pdf"},
            "facts": {"contentType": "application/json"},
            "lines": {"contentType": "application/json"},
        }
        form = document["components"]["schemas"]["FilesParcelCreateForm"]
        assert (sorted(form["required"]), form["additionalProperties"]) == (["code", "picture"], False)
        assert form["properties"]["picture"] == {
            "type": "string",
            "format": "binary",
            "description": "Picture. From above. At most 20,000 bytes.",
        }
        assert form["properties"]["grams"]["type"] == "integer"
        assert "default" not in form["properties"]["grams"]
        assert form["properties"]["hue"] == {"type": "string", "enum": ["red", "blue"]}
        assert form["properties"]["fragile"] == {"type": "boolean", "default": False}
        assert form["properties"]["lines"]["items"] == {"$ref": "#/components/schemas/FilesParcelLinesSent"}

    def test_offers_json_beside_it_where_no_file_must_come(self, document):
        content = document["paths"]["/api/parcels/{key}"]["patch"]["requestBody"]["content"]
        assert content["application/json"]["schema"] == {"$ref": "#/components/schemas/FilesParcelPatch"}
        assert content["multipart/form-data"]["schema"] == {"$ref": "#/components/schemas/FilesParcelPatchForm"}
        form = document["components"]["schemas"]["FilesParcelPatchForm"]
        assert form["minProperties"] == 1
        # A list without anything has no part.
        assert form["properties"]["tags"]["minItems"] == form["properties"]["lines"]["minItems"] == 1
        assert "default" not in document["components"]["schemas"]["FilesParcelReplaceForm"]["properties"]["tags"]

    def test_names_what_can_go_wrong(self, document):
        responses = document["paths"]["/api/parcels"]["post"]["responses"]
        assert {"201", "400", "409", "413", "415", "422", "default"} <= set(responses)

    def test_has_no_bulk_operation_for_rows_that_need_a_file(self, document):
        assert set(document["paths"]["/api/parcels/bulk"]) == {"patch", "delete"}


def test_explain_tells_which_bodies_an_operation_takes(post):
    def told(request: str) -> list[tuple[str, bool]]:
        answer = post.application.test_cli_runner().invoke(args=["kit", "explain", request, "--json"])
        steps = [step for step in json.loads(answer.stdout)["steps"] if step["stage"] == "validation"]
        return [(step["what"], any("picture: File" in line for line in step["details"])) for step in steps]

    form = "multipart/form-data as FilesParcel"
    assert told("POST /api/parcels") == [(f"{form}CreateForm", True)]
    assert told("PATCH /api/parcels/1") == [("JSON as FilesParcelPatch", False), (f"{form}PatchForm", True)]
