"""Upload, download and remove through the API."""

from __future__ import annotations

from io import BytesIO

import pytest
from openapi_spec_validator import validate

from flaskkit import Module, Resource, ResourceError, public
from tests.files.conftest import LIBRARY, MOST, FilesBook, Names, known, png, put


def test_what_was_uploaded_comes_back(ann, client, add):
    key = add()
    assert ann.get(f"/api/books/{key}").json["cover"] is None
    sent = put(ann, f"/api/books/{key}/cover", png(3, 2), "My Cover.png")
    shown = {
        "name": "My Cover.png",
        "media_type": "image/png",
        "size": len(png(3, 2)),
        "width": 3,
        "height": 2,
        "url": f"/api/books/{key}/cover",
    }
    assert (sent.status_code, sent.json) == (200, shown)
    assert client.get(f"/api/books/{key}").json["cover"] == shown
    assert client.get("/api/books/").json[0]["cover"] == shown
    assert client.get(shown["url"]).data == png(3, 2)


def test_a_change_of_a_file_says_what_it_changes(start):
    careful = Resource(
        FilesBook, name="careful", fields=["title", "cover"], write=public, read=public, require_match=True
    )
    client = start(features=["db", "api", "files"], modules=[Module("careful", resources=[careful])]).test_client()
    tag = client.post("/api/careful", json={"title": "Emma"}).headers["ETag"]
    data = {"file": (BytesIO(png()), "a.png")}
    assert client.put("/api/careful/1/cover", data=dict(data)).status_code == 428
    headers = {"If-Match": tag}
    data = {"file": (BytesIO(png()), "a.png")}
    assert client.put("/api/careful/1/cover", data=data, headers=headers).status_code == 200
    assert client.delete("/api/careful/1/cover").status_code == 428
    assert client.delete("/api/careful/1/cover", headers=headers).status_code == 412
    operations = client.get("/api/openapi.json").json["paths"]["/api/careful/{key}/cover"]
    assert {"412", "428"} <= {*operations["put"]["responses"]} & {*operations["delete"]["responses"]}


def test_an_upload_that_a_hook_keeps_back_has_no_content(start):
    hooks = {"update": lambda item, values, user: setattr(item, "title", "waiting")}
    held = Resource(FilesBook, name="held", fields=["title", "cover"], write=public, read=public, hooks=hooks)
    client = start(features=["db", "api", "files"], modules=[Module("held", resources=[held])]).test_client()
    client.post("/api/held", json={"title": "Emma"})
    sent = client.put("/api/held/1/cover", data={"file": (BytesIO(png()), "a.png")})
    assert (sent.status_code, sent.data) == (204, b"")
    assert client.get("/api/held/1").json == {"id": 1, "title": "waiting", "cover": None}


def test_a_file_is_shown_by_its_own_resource_only(start):
    pages = Resource(
        FilesBook, name="inner", fields=["title"], read_only=["pages"], nested={"pages": ["scan"]}, read=public
    )
    with pytest.raises(ResourceError, match="'scan' is a file of FilesPage, which only its own resource shows"):
        start(features=["db", "api", "files"], modules=[Module("inner", resources=[pages])])


def test_a_file_that_is_not_there_is_not_found(client, add):
    assert client.get(f"/api/books/{add()}/cover").status_code == 404


def test_an_image_is_served_so_that_no_browser_takes_it_for_a_page(client, add):
    answer = client.get(f"/api/books/{add(cover=png())}/cover")
    headers = {name: answer.headers[name] for name in ("X-Content-Type-Options", "Content-Security-Policy")}
    assert headers == {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
    assert answer.content_type == "image/png"
    assert answer.content_length == len(png())
    assert answer.headers["Content-Disposition"] == "inline; filename=cover.png"


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"<script>alert(1)</script>", "text/plain; charset=utf-8"),
        (b"<html><script>alert(1)</script>", "text/html; charset=utf-8"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image/svg+xml; charset=utf-8"),
        (b"%PDF-1.7", "application/pdf"),
    ],
    ids=["script", "page", "drawing", "pdf"],
)
def test_everything_else_is_served_as_a_download(client, add, content, media_type):
    answer = client.get(f"/api/books/{add(paper=content)}/paper")
    assert answer.content_type == media_type
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_a_visitor_who_has_it_gets_304(client, add):
    key = add(cover=png())
    first = client.get(f"/api/books/{key}/cover")
    again = client.get(f"/api/books/{key}/cover", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_a_visitor_who_wants_another_one_gets_412_and_no_bytes(client, add):
    path = f"/api/books/{add(cover=png())}/cover"
    tag = client.get(path).headers["ETag"]
    assert client.get(path, headers={"If-Match": tag}).data == png()
    refused = client.get(path, headers={"If-Match": '"another"'})
    assert (refused.status_code, refused.content_type) == (412, "application/problem+json")


def test_operations_of_files_have_no_parameters(ann, add):
    key = add()
    put(ann, f"/api/books/{key}/cover", png(), "a.png")
    before = ann.get(f"/api/books/{key}").json
    for method in ("GET", "PUT", "DELETE"):
        refused = ann.open(f"/api/books/{key}/cover?size=1", method=method)
        assert refused.status_code == 422
        assert refused.json["errors"] == [{"detail": "There is no such parameter.", "parameter": "size"}]
    assert ann.get(f"/api/books/{key}").json == before


def test_a_new_file_has_another_etag(ann, add):
    key = add(cover=png())
    first = ann.get(f"/api/books/{key}/cover").headers["ETag"]
    put(ann, f"/api/books/{key}/cover", png(5, 5))
    assert ann.get(f"/api/books/{key}/cover", headers={"If-None-Match": first}).data == png(5, 5)


def test_a_new_file_takes_the_place_of_the_old_one(ann, add, stored):
    key = add(cover=png())
    put(ann, f"/api/books/{key}/cover", png(9, 9))
    assert stored() == {png(9, 9)}


def test_remove_deletes_the_file(ann, add, stored):
    key = add(cover=png())
    assert ann.delete(f"/api/books/{key}/cover").status_code == 204
    assert ann.get(f"/api/books/{key}").json["cover"] is None
    assert stored() == set()
    assert ann.delete(f"/api/books/{key}/cover").status_code == 204


def test_deleting_the_row_deletes_the_file(ann, add, stored):
    key = add(cover=png())
    assert ann.delete(f"/api/books/{key}").status_code == 204
    assert stored() == set()


@pytest.mark.parametrize(
    ("data", "status", "errors"),
    [
        ({}, 415, None),
        ({"other": "x", "file": (BytesIO(png()), "a.png")}, 422, {"#/other": "There is no such part to send."}),
        ({"x": (BytesIO(b""), "a.png")}, 422, {"#/x": "There is no such part to send.", "#/file": "This is required."}),
        (
            {"file": [(BytesIO(png()), "a.png"), (BytesIO(png()), "b.png")]},
            422,
            {"#/file": "Send one file only."},
        ),
        ({"file": (BytesIO(b""), "a.png")}, 422, {"#/file": "The file is empty."}),
        (
            {"file": (BytesIO(b"GIF89a\1\0\1\0;"), "a.png")},
            422,
            {"#/file": "This is image/gif, not image/png or image/jpeg."},
        ),
        ({"file": (BytesIO(b"plain"), "a.png")}, 422, {"#/file": "This is text/plain, not image/png or image/jpeg."}),
        ({"file": (BytesIO(b"\0" * (MOST + 1)), "a.png")}, 422, {"#/file": "Larger than 20,000 bytes."}),
    ],
    ids=["no form", "other part", "no file", "two files", "empty", "gif", "text", "too large"],
)
def test_what_is_no_fit_file_is_refused(ann, add, stored, data, status, errors):
    key = add()
    refused = ann.put(f"/api/books/{key}/cover", data=data)
    assert refused.status_code == status
    assert refused.content_type == "application/problem+json"
    if errors:
        assert {error["pointer"]: error["detail"] for error in refused.json["errors"]} == errors
    assert stored() == set()


def test_a_part_without_a_file_name_is_refused(ann, add):
    refused = ann.put(
        f"/api/books/{add()}/cover",
        data=b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc\r\n--x--\r\n',
        content_type="multipart/form-data; boundary=x",
    )
    assert refused.status_code == 422
    assert refused.json["errors"] == [{"pointer": "#/file", "detail": "Send it as a file: this part has no file name."}]


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=x"])
def test_a_broken_form_is_refused(ann, add, content_type):
    refused = ann.put(f"/api/books/{add()}/cover", data=b"\xff\xfe--x\r\n\0", content_type=content_type)
    assert refused.status_code == 422


def test_json_is_refused(ann, add):
    refused = ann.put(f"/api/books/{add()}/cover", json={"file": "x"})
    assert refused.status_code == 415
    assert refused.json["detail"] == "Send multipart/form-data, with the file as its part 'file'."


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_the_limit_is_413_and_names_it(ann, add, chunked):
    path = f"/api/books/{add()}/cover"
    data = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"a" * 200_000 + b"\r\n--x--\r\n"
    )
    more = (
        {"environ_overrides": {"wsgi.input_terminated": True}, "input_stream": BytesIO(data)}
        if chunked
        else {"data": data}
    )
    refused = ann.put(path, content_type="multipart/form-data; boundary=x", **more)
    assert (refused.status_code, refused.json["detail"]) == (413, "The file may have at most 20,000 bytes.")


def test_a_small_limit_of_the_app_does_not_stop_a_file(start):
    app = start(
        features=["db", "forms", Names(), "api", "files"],
        modules=[LIBRARY],
        flask={"MAX_CONTENT_LENGTH": 1000, "MAX_FORM_MEMORY_SIZE": 100},
    )
    ann = known(app, "ann")
    key = ann.post("/api/books/", json={"title": "Emma"}).json["id"]
    big = png() + b"\0" * 15_000
    assert put(ann, f"/api/books/{key}/cover", big).json["size"] == len(big)
    assert ann.post("/api/books/", json={"title": "x" * 1000}).status_code == 413


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd.png", "passwd.png"),
        ("page.html", "page.html.png"),
        ("a\u202egnp.exe", "agnp.exe.png"),
        ("größe 1.PNG", "größe 1.PNG"),
        ("x" * 300 + ".png", "x" * 146 + ".png"),
        (".", "file.png"),
    ],
)
def test_names_are_cleaned(ann, add, name, kept):
    sent = put(ann, f"/api/books/{add()}/cover", png(), name)
    assert sent.json["name"] == kept
    assert ann.get(sent.json["url"]).status_code == 200


class TestWhoMay:
    def test_strangers_read_and_do_not_write(self, client, add):
        path = f"/api/books/{add(cover=png())}/cover"
        statuses = [client.get(path).status_code, put(client, path, b"").status_code, client.delete(path).status_code]
        assert statuses == [200, 401, 401]

    def test_somebody_else_reads_and_does_not_write(self, bob, add):
        path = f"/api/books/{add(cover=png())}/cover"
        statuses = [bob.get(path).status_code, put(bob, path, b"").status_code, bob.delete(path).status_code]
        assert statuses == [200, 403, 403]

    def test_a_hidden_row_is_not_found(self, bob, add):
        path = f"/api/mine/{add(cover=png())}/cover"
        assert {bob.get(path).status_code, put(bob, path, b"").status_code, bob.delete(path).status_code} == {404}

    def test_a_session_needs_a_token(self, app, add):
        ann = known(app, "ann")
        ann.environ_base["HTTP_X_BY"] = "session"
        refused = put(ann, f"/api/books/{add()}/cover", png())
        assert (refused.status_code, refused.json["detail"]) == (400, "The CSRF token is missing.")

    def test_what_is_write_only_is_sent_and_never_shown(self, ann, add, stored):
        key = add()
        sent = put(ann, f"/api/books/{key}/secret", b"psst", "s.txt")
        assert (sent.status_code, sent.data) == (204, b"")
        assert stored() == {b"psst"}
        assert ann.get(f"/api/books/{key}/secret").status_code == 405
        assert "secret" not in ann.get(f"/api/books/{key}").json

    def test_what_is_read_only_cannot_be_sent(self, ann, add):
        assert put(ann, f"/api/books/{add()}/paper", png()).status_code == 405


def test_files_are_no_part_of_json_bodies(ann, add):
    key = add(cover=png())
    refused = ann.patch(f"/api/books/{key}", json={"cover": None})
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json["errors"]] == ["#/cover"]
    assert ann.put(f"/api/books/{key}", json={"title": "Emma, replaced"}).json["cover"]["media_type"] == "image/png"


def test_what_cannot_be_null_is_not_removed(ann):
    assert ann.delete("/api/scans/1/scan").status_code == 405


class TestDocument:
    @pytest.fixture
    def document(self, client):
        return client.get("/api/openapi.json").json

    def test_is_valid(self, document):
        validate(document)

    def test_tells_what_an_upload_takes(self, document):
        put = document["paths"]["/api/books/{key}/cover"]["put"]
        media = put["requestBody"]["content"]["multipart/form-data"]
        assert put["operationId"] == "upload_books_cover"
        assert media["schema"]["required"] == ["file"]
        assert media["schema"]["properties"]["file"]["format"] == "binary"
        assert media["encoding"] == {"file": {"contentType": "image/png, image/jpeg"}}
        assert {"200", "400", "401", "403", "404", "409", "412", "413", "415", "422", "default"} == set(
            put["responses"]
        )

    def test_tells_what_a_download_gives(self, document):
        get = document["paths"]["/api/books/{key}/cover"]["get"]
        assert set(get["responses"]["200"]["content"]) == {"image/png", "image/jpeg"}
        assert set(get["responses"]) == {"200", "304", "404", "412", "422", "default"}
        assert {one["name"] for one in get["parameters"]} == {"If-Match", "If-None-Match"}

    def test_tells_what_a_file_is(self, document):
        shown = document["components"]["schemas"]["FilesBook"]["properties"]["cover"]
        assert shown["type"] == ["object", "null"]
        assert shown["required"] == ["name", "media_type", "size", "url"]
        assert "cover" not in document["components"]["schemas"]["FilesBookCreate"]["properties"]

    def test_has_no_operation_that_is_not_there(self, document):
        paths = document["paths"]
        assert set(paths["/api/books/{key}/paper"]) == {"get", "parameters"}
        assert set(paths["/api/books/{key}/secret"]) == {"put", "delete", "parameters"}
        assert set(paths["/api/scans/{key}/scan"]) == {"get", "put", "parameters"}


def test_without_the_feature_a_resource_with_files_is_refused(start):
    with pytest.raises(ResourceError) as refused:
        start(
            features=["db", "api"], modules=[Module("m", resources=[Resource(FilesBook, name="b", fields=["cover"])])]
        )
    assert refused.value.mistakes == ["Resource 'b' names 'cover', which needs feature 'files'. It is switched off."]


def test_files_are_not_sorted_or_filtered_by():
    with pytest.raises(ResourceError) as refused:
        Resource(FilesBook, name="b", filters=["cover"], sorts=["cover"], search=["cover"], read=public).check()
    assert refused.value.mistakes == [
        "Resource 'b' names the file 'cover' in filters; files have no order.",
        "Resource 'b' names the file 'cover' in sorts; files have no order.",
        "Resource 'b' searches 'cover', which holds no text.",
    ]
