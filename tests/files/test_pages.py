"""Files in forms and on pages."""

from __future__ import annotations

import re
from io import BytesIO

import pytest

from flaskkit import Module, Resource
from flaskkit.forms import form_for
from tests.files.conftest import LIBRARY, MOST, FilesBook, Names, known, png, submit


@pytest.fixture
def app(start):
    return start(features=["db", "forms", Names(), "pages", "files"], modules=[LIBRARY])


def test_the_form_has_an_input_for_the_file(ann):
    page = ann.get("/books/new").text
    assert 'enctype="multipart/form-data"' in page
    assert '<input accept="image/png,image/jpeg" ' in page
    told = "PNG or JPEG, at most 20 kB. Width in pixels: at most 300. Height in pixels: at most 200."
    assert told in page
    assert "-remove" not in page


def test_a_form_without_files_is_sent_as_before(start):
    app = start(features=["db", "forms", "auth", "pages"])
    assert "multipart" not in app.test_client().get("/auth/login").text


def test_a_new_row_comes_with_its_file(ann, client, stored):
    done = submit(ann, "/books/new", title="Emma", cover=(BytesIO(png()), "Emma.png"))
    assert done.status_code == 303
    page = client.get(done.location).text
    assert 'src="/books/1/files/cover" alt="Emma.png" width="3" height="2"' in page
    assert '<a href="/books/1/files/cover">Emma.png</a>' in client.get("/books/").text
    assert client.get("/books/1/files/cover").data == png()
    assert stored() == {png()}


def test_without_a_file_the_present_one_stays(ann, add, stored):
    key = add(cover=png())
    assert submit(ann, f"/books/{key}/edit", title="New title").status_code == 303
    assert "New title" in ann.get(f"/books/{key}").text
    assert stored() == {png()}


def test_the_form_links_to_the_present_file_and_can_remove_it(ann, add, stored):
    key = add(cover=png())
    page = ann.get(f"/books/{key}/edit").text
    assert f'At present: <a href="/books/{key}/files/cover">cover.png</a>' in page
    assert 'name="cover-remove"' in page
    assert submit(ann, f"/books/{key}/edit", title="Emma", **{"cover-remove": "y"}).status_code == 303
    assert stored() == set()
    assert ann.get(f"/books/{key}/files/cover").status_code == 404


def test_a_new_file_wins_over_the_box_to_remove_it(ann, add, stored):
    key = add(cover=png())
    submit(ann, f"/books/{key}/edit", title="Emma", cover=(BytesIO(png(8, 8)), "b.png"), **{"cover-remove": "y"})
    assert stored() == {png(8, 8)}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([(BytesIO(b"text"), "a.png")], "This is text/plain, not image/png or image/jpeg."),
        ([(BytesIO(b""), "a.png")], "The file is empty."),
        ([(BytesIO(b"\0" * (MOST + 1)), "a.png")], "Larger than 20,000 bytes."),
        ([(BytesIO(png()), "a.png"), (BytesIO(png()), "b.png")], "Choose one file only."),
        ([(BytesIO(png(301, 1)), "a.png")], "The image is 301 pixels wide. At most 300 are taken."),
    ],
    ids=["text", "empty", "too large", "two", "too wide"],
)
def test_a_wrong_file_is_told_beside_the_field(ann, add, stored, files, message):
    key = add(cover=png(4, 4))
    refused = submit(ann, f"/books/{key}/edit", title="Emma", cover=files)
    assert refused.status_code == 422
    assert re.search(r'id="cover-error">([^<]*)<', refused.text)[1] == message
    assert f'<a href="/books/{key}/files/cover">cover.png</a>' in refused.text
    assert stored() == {png(4, 4)}


def test_nothing_is_stored_while_another_field_is_wrong(ann, stored):
    assert submit(ann, "/books/new", title="", cover=(BytesIO(png()), "a.png")).status_code == 422
    assert stored() == set()


def test_a_required_file_must_be_chosen_once(client, add, stored):
    key = add()
    refused = submit(client, "/scans/new", book_id=key)
    assert re.search(r'id="scan-error">([^<]*)<', refused.text)[1] == "This field is required."
    assert submit(client, "/scans/new", book_id=key, scan=(BytesIO(png()), "a.png")).status_code == 303
    page = known(client.application, "ann").get("/scans/1/edit").text
    assert "At present:" in page
    assert "scan-remove" not in page
    assert not re.search(r'<input[^>]*name="scan"[^>]*required', page)


def test_a_file_that_is_never_shown_is_not_named_in_the_form(ann, add, app, stored):
    key = add(secret=b"psst")
    page = ann.get(f"/books/{key}/edit").text
    assert 'name="secret"' in page
    assert "secret.png" not in page + ann.get(f"/books/{key}").text
    assert ann.get(f"/books/{key}/files/secret").status_code == 404
    submit(ann, f"/books/{key}/edit", title="Emma")
    assert stored() == {b"psst"}


def test_downloads_are_for_those_who_may_read_the_row(client, ann, bob, add):
    key = add(cover=png(), paper=b"<svg onload='alert(1)'/>")
    assert ann.get(f"/mine/{key}/files/cover").status_code == 200
    assert [bob.get(f"/mine/{key}/files/cover").status_code, client.get(f"/mine/{key}/files/cover").status_code] == [
        404,
        401,
    ]
    assert client.get(f"/books/{key}/files/title").status_code == 404
    drawing = client.get(f"/books/{key}/files/paper")
    assert drawing.headers["Content-Disposition"].startswith("attachment")
    assert drawing.headers["X-Content-Type-Options"] == "nosniff"
    assert "<img" not in re.search(r"<dt>Paper</dt>.*?</dd>", client.get(f"/books/{key}").text, re.DOTALL)[0]


def test_long_texts_and_files_have_room_whatever_the_app_allows(start):
    app = start(
        features=["db", "forms", Names(), "pages", "files"],
        modules=[LIBRARY],
        flask={"MAX_CONTENT_LENGTH": 2000, "MAX_FORM_MEMORY_SIZE": 100},
    )
    ann = known(app, "ann")
    big = png() + b"\0" * 15_000
    assert submit(ann, "/books/new", title="x" * 250, cover=(BytesIO(big), "a.png")).status_code == 303
    endless = {"environ_overrides": {"CONTENT_LENGTH": "100000000"}, "content_type": "multipart/form-data; boundary=x"}
    assert ann.post("/books/new", **endless).status_code == 413


def test_a_form_made_by_hand_takes_files_too(app):
    sent = {"title": "Emma", "cover": (BytesIO(png()), "a.png")}
    with app.test_request_context(method="POST", data=sent):
        form = form_for(LIBRARY.resources[0])(meta={"csrf": False})
        assert form.validate()
        assert form.cover.data.media_type == "image/png"


def test_the_admin_links_to_files_by_its_own_policy(start):
    hidden = Module("m", resources=[Resource(FilesBook, name="books", fields=["title", "cover"])])
    app = start(features=["db", "forms", "auth", "pages", "admin", "files"], modules=[hidden])
    made = app.test_cli_runner().invoke(
        args=["kit", "users", "create", "ann@example.org", "--password", "correct horse battery", "--role", "admin"]
    )
    assert made.exit_code == 0, made.output
    client = app.test_client()
    assert client.get("/admin/books/1/files/cover").status_code in (302, 303)
    submit(client, "/auth/login", email="ann@example.org", password="correct horse battery")
    done = submit(client, "/admin/books/new", title="Emma", cover=(BytesIO(png()), "a.png"))
    assert done.status_code == 303
    assert 'src="/admin/books/1/files/cover"' in client.get(done.location).text
    assert client.get("/admin/books/1/files/cover").data == png()
