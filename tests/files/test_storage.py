"""Where the bytes are: a folder, memory, or something else."""

from __future__ import annotations

import os
import re
import stat
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest

from flaskkit import Config, ConfigError, Files, FileType, Upload, create_app, db
from flaskkit.files import Folder, Memory
from tests.conftest import referred
from tests.files.conftest import LIBRARY, FilesBook, png


@pytest.fixture(params=["folder", "memory"])
def storage(request, tmp_path):
    return Folder(tmp_path / "files") if request.param == "folder" else Memory()


def test_what_is_saved_can_be_opened_until_it_is_deleted(storage):
    key, other = storage.save(BytesIO(b"one")), storage.save(BytesIO(b"two"))
    with storage.open(key) as stream:
        assert stream.read() == b"one"
    assert {found for found, _ in storage.stored()} == {key, other}
    storage.delete(key)
    storage.delete(key)
    assert {found for found, _ in storage.stored()} == {other}
    with pytest.raises(FileNotFoundError):
        storage.open(key)


def test_what_is_stored_has_its_moment(storage):
    storage.save(BytesIO(b"one"))
    [(_, moment)] = storage.stored()
    assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "key", ["../../etc/passwd", "/etc/passwd", "", "a" * 31, "A" * 32, "a" * 32 + "\n", "..", "\0"]
)
def test_a_key_is_never_a_path(storage, key):
    with pytest.raises(FileNotFoundError):
        storage.open(key)


class Breaking(BytesIO):
    def read(self, *args):
        raise OSError("The disk is full.")


def test_a_folder_keeps_nothing_of_what_failed(tmp_path):
    with pytest.raises(OSError, match="The disk is full"):
        Folder(tmp_path).save(Breaking(b"abc"))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_holds_random_names_that_cannot_be_run(tmp_path):
    Folder(tmp_path).save(BytesIO(b"#!/bin/sh"))
    [file] = (path for path in tmp_path.rglob("*") if path.is_file())
    assert re.fullmatch(r"[0-9a-f]{32}", file.name)
    assert not file.stat().st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


@pytest.mark.parametrize(
    ("given", "place"), [({}, "files"), ({"folder": "media"}, "media"), ({"folder": "/srv/media"}, "/srv/media")]
)
def test_the_folder_is_below_the_instance_folder_and_not_made_before_it_is_needed(tmp_path, given, place):
    app = create_app(
        Config(
            "app",
            env="development",
            features=["db", Files(**given)],
            secret_key=("x",),
            flask_options={"instance_path": str(tmp_path)},
        )
    )
    assert app.extensions["flaskkit.files"].path == tmp_path / place
    assert not (tmp_path / "files").exists()


def test_files_go_to_a_storage_given_in_code(start):
    own = Memory()
    app = start(features=["db", Files(storage=own)], modules=[LIBRARY])
    with app.app_context():
        db.session.add(FilesBook(title="Emma", cover=Upload(BytesIO(png()), "a.png")))
        db.session.commit()
    assert len([*own.stored()]) == 1


@pytest.mark.parametrize(
    ("given", "mistake"),
    [
        ({"storage": "s3"}, "'files.storage' must be flaskkit.files.storage.Storage | None, not 's3'."),
        ({"storage": Memory(), "folder": "x"}, "Feature 'files' has both 'folder' and 'storage'; give one of them."),
    ],
)
def test_what_is_no_storage_is_told_at_start(given, mistake):
    with pytest.raises(ConfigError) as refused:
        create_app(Config("app", env="testing", features=["db", Files(**given)]))
    assert refused.value.mistakes == [mistake]


def test_a_lost_file_is_not_found_and_logged(app, client, add, caplog):
    key = add(cover=png())
    [(stored, _)] = app.extensions["flaskkit.files"].stored()
    app.extensions["flaskkit.files"].delete(stored)
    assert client.get(f"/api/books/{key}/cover").status_code == 404
    assert client.get(f"/api/books/{key}").json["cover"]["name"] == "cover.png"
    assert f"File {stored} is not in the storage." in caplog.text


def _holds_files(column):
    return isinstance(column.type, FileType)


class TestSweep:
    @pytest.fixture
    def app(self, start, tmp_path):
        app = start(features=["db", Files(folder=str(tmp_path))], modules=[LIBRARY])
        # Every table that may hold files is asked, those of other folders' tests as well.
        wanted = {table for table in db.metadata.tables.values() if any(map(_holds_files, table.columns))}
        while more := {other for table in wanted for other in referred(table)} - wanted:
            wanted |= more
        with app.app_context():
            db.metadata.create_all(db.engine, tables=wanted)
        return app

    @pytest.fixture
    def files(self, app, add, tmp_path):
        """Return the paths of three files: one that a row has, an old one and a new one that none has."""
        add(cover=png())
        [used] = (path for path in tmp_path.glob("??/*"))
        folder = app.extensions["flaskkit.files"]
        lost, new = (tmp_path / key[:2] / key for key in (folder.save(BytesIO(b"a")), folder.save(BytesIO(b"b"))))
        for path in (used, lost):
            os.utime(path, (0, 0))
        return used, lost, new

    def run(self, app, *args):
        done = app.test_cli_runner().invoke(args=["kit", "sweep-files", *args])
        assert done.exit_code == 0, done.output
        return done.output

    def test_deletes_old_files_that_no_row_has(self, app, files):
        used, lost, new = files
        assert self.run(app) == "1 of 2 files were deleted.\n"
        assert [path.exists() for path in (used, lost, new)] == [True, False, True]

    def test_only_tells_with_dry_run(self, app, files):
        assert self.run(app, "--dry-run") == f"{files[1].name}\n1 of 2 files would be deleted.\n"
        assert all(map(Path.exists, files))

    def test_deletes_nothing_where_a_table_is_missing(self, app, files):
        with app.app_context():
            db.session.execute(db.text("DROP TABLE files_page"))
            db.session.commit()
        assert app.test_cli_runner().invoke(args=["kit", "sweep-files"]).exit_code == 1
        assert all(map(Path.exists, files))
