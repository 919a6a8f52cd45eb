"""Files follow their rows through the transactions of hand-written code, on whatever database."""

from __future__ import annotations

from io import BytesIO

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import StatementError

from flaskkit import File, FileType, Rejected, Upload, db
from flaskkit.resource.fields import fields_of
from tests.files.conftest import LIBRARY, FilesBook, FilesPage, png


@pytest.fixture
def app(start):
    return start(features=["db", "files"], modules=[LIBRARY])


@pytest.fixture
def context(app):
    with app.app_context():
        yield


def upload(content=None, name="cover.png"):
    return Upload(BytesIO(png() if content is None else content), name)


@pytest.fixture
def book(context):
    book = FilesBook(title="Emma", cover=upload())
    db.session.add(book)
    db.session.commit()
    return book


def test_a_file_is_a_value_with_facts(book):
    assert book.cover == File(book.cover.key, "cover.png", "image/png", len(png()), 3, 2)
    assert str(book.cover) == "cover.png"
    with book.cover.open() as stream:
        assert stream.read() == png()


def test_a_file_is_what_the_database_gives_back(book):
    db.session.expire_all()
    assert db.session.scalar(select(FilesBook.cover).where(FilesBook.cover.is_not(None))) == book.cover


def test_a_field_tells_its_rules():
    field = fields_of(FilesBook)["cover"]
    assert (field.type, field.nullable, field.file.types) == (File, True, ("image/png", "image/jpeg"))


def test_an_upload_has_no_bytes_to_open_yet(context):
    with pytest.raises(FileNotFoundError, match="'cover.png' is not stored yet: flush or commit the session first"):
        upload().open()


@pytest.mark.parametrize("name", ["a.png", "C:\\Users\\me\\a.png", "/tmp/a.png", "..\\a.png", "a.png\0", "a\n.png"])
def test_a_name_is_never_a_path(name):
    assert upload(name=name).name == "a.png"


def test_a_wrong_file_is_refused_whole(context, stored):
    db.session.add(FilesBook(title="Emma", paper=upload(b"fine"), cover=upload(b"text")))
    with pytest.raises(Rejected) as refused:
        db.session.commit()
    assert refused.value.errors == {"cover": ["This is text/plain, not image/png or image/jpeg."]}
    db.session.rollback()
    assert stored() == set()


def test_a_rollback_deletes_what_was_stored_and_keeps_what_was_there(book, stored):
    book.cover = upload(png(9, 9))
    db.session.flush()
    assert stored() == {png(), png(9, 9)}
    db.session.rollback()
    assert stored() == {png()}
    assert (book.cover.width, book.cover.height) == (3, 2)


def test_a_session_that_is_closed_without_a_word_deletes_what_was_stored(app, stored):
    with app.app_context():
        db.session.add(FilesBook(title="Emma", cover=upload()))
        db.session.flush()
        assert stored() == {png()}
    assert stored() == set()


def test_a_failing_commit_deletes_what_was_stored(context, stored):
    db.session.add(FilesPage(book_id=99, scan=upload()))
    with pytest.raises(Exception, match="(?i)foreign key"):
        db.session.commit()
    db.session.rollback()
    assert stored() == set()


def test_the_old_file_is_there_until_the_commit(book, stored):
    book.cover = upload(png(9, 9))
    db.session.flush()
    book.cover = upload(png(7, 7))
    db.session.flush()
    assert stored() == {png(), png(9, 9), png(7, 7)}
    db.session.commit()
    assert stored() == {png(7, 7)}


def test_the_old_file_goes_even_where_nobody_looked_at_it(book, stored):
    db.session.expire_all()
    book.cover = None
    db.session.commit()
    assert stored() == set()


def test_a_deleted_row_takes_its_files_along_after_the_commit(book, stored):
    db.session.expire_all()
    db.session.delete(book)
    db.session.flush()
    assert stored() == {png()}
    db.session.rollback()
    assert stored() == {png()}
    db.session.delete(book)
    db.session.commit()
    assert stored() == set()


def test_orphans_take_their_files_along(book, stored):
    book.pages = [FilesPage(scan=upload(png(5, 5))), FilesPage(scan=upload(png(6, 6)))]
    db.session.commit()
    book.pages.pop()
    db.session.commit()
    assert stored() == {png(), png(5, 5)}
    db.session.delete(book)
    db.session.commit()
    assert stored() == set()


class TestSavepoints:
    def test_rolled_back_it_deletes_only_its_own(self, book, stored):
        book.paper = upload(b"outside")
        db.session.flush()
        with pytest.raises(ZeroDivisionError), db.session.begin_nested():
            book.cover = upload(png(9, 9))
            db.session.flush()
            raise ZeroDivisionError
        assert stored() == {png(), b"outside"}
        db.session.commit()
        assert stored() == {png(), b"outside"}

    def test_released_it_waits_for_the_commit(self, book, stored):
        with db.session.begin_nested():
            book.cover = upload(png(9, 9))
        assert stored() == {png(), png(9, 9)}
        db.session.rollback()
        assert stored() == {png()}

    def test_an_outer_one_undoes_an_inner_one(self, book, stored):
        with db.session.begin_nested() as outer:
            with db.session.begin_nested():
                book.cover = upload(png(9, 9))
            outer.rollback()
        db.session.commit()
        assert stored() == {png()}


def test_two_rows_never_share_a_file(book, stored):
    other = FilesBook(title="Copy", cover=book.cover)
    db.session.add(other)
    db.session.commit()
    assert other.cover.key != book.cover.key
    db.session.delete(book)
    db.session.commit()
    with other.cover.open() as stream:
        assert stream.read() == png()


def test_the_same_file_again_changes_nothing(book, stored):
    key = book.cover.key
    book.cover = book.cover
    db.session.commit()
    assert (book.cover.key, stored()) == (key, {png()})


def test_a_statement_takes_no_upload(context):
    with pytest.raises(StatementError, match="assign an Upload to the attribute of a model object"):
        db.session.execute(insert(FilesBook).values(title="Emma", cover=upload()))


def test_a_storage_that_cannot_delete_does_not_spoil_the_commit(book, app, caplog, monkeypatch):
    monkeypatch.setattr(app.extensions["flaskkit.files"], "delete", lambda key: 1 / 0)
    key, book.cover = book.cover.key, None
    db.session.commit()
    assert book.cover is None
    assert f"File {key} cannot be deleted from the storage." in caplog.text


def test_a_type_that_cannot_be_told_is_refused_where_it_is_declared():
    with pytest.raises(ValueError, match=r"FileType cannot tell image/pgn from other content\. Name types"):
        FileType(types=["image/pgn"])


def test_rows_without_files_pay_nothing(context, count_statements):
    book = FilesBook(title="Emma")
    db.session.add(book)
    db.session.commit()
    title = book.title
    with count_statements() as seen:
        book.title = title + "!"
        db.session.flush()
    assert len(seen) == 1
