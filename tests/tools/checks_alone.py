"""Checks that look at migrations and databases, run by test_checks.py in a process of their own.

Alembic compares all models that a process knows, and one that runs more tests knows those of every folder.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import create_engine, text

from .test_checks import ALL, SECRET, SOUND, _alone, app_of, folder, found

__all__ = ["_alone", "folder"]


def migrated(app):
    for command in (["init"], ["migrate", "-m", "first"], ["upgrade"]):
        done = app.test_cli_runner().invoke(args=["db", *command])
        assert done.exit_code == 0, done.output


def test_a_sound_app_hears_nothing(folder):
    app = app_of(
        folder,
        env="production",
        features=ALL,
        modules=[SOUND],
        environ={
            "APP_SECRET_KEY": SECRET,
            "APP_MAIL_HOST": "smtp.shop.example",
            "APP_MAIL_SENDER": "Shop <shop@shop.example>",
            "APP_MAIL_PUBLIC_URL": "https://shop.example",
        },
        auth={"confirm": "required", "second_factor": "optional"},
        security={"trusted_hosts": [".shop.example"]},
        limits={"storage": "redis://127.0.0.1:1", "api": ["600 per minute by caller"]},
        flask={"SILENCED_CHECKS": {"db.W005": "One host is enough."}},
    )
    migrated(app)
    made = app.test_cli_runner().invoke(
        args=["kit", "users", "create", "ada@shop.example", "--role", "admin", "--generate"]
    )
    assert made.exit_code == 0, made.output
    ids, said = found(app, "--deploy")
    assert ids == set(), said["findings"]
    assert [(one["id"], one["silenced"]) for one in said["silenced"]] == [("db.W005", "One host is enough.")]
    shown = app.test_cli_runner().invoke(args=["kit", "check", "--deploy"])
    # Those that are left are about models of other folders.
    assert shown.output.endswith(f" checks: 0 errors, {said['warnings']} warnings, 1 silenced.\n")


def test_migrations_are_compared_with_models_and_database(folder):
    app = app_of(folder, features=["db", "migrate", "forms", "auth", "pages", "admin"], modules=[SOUND])
    assert {"migrate.E001", "db.E003"} <= found(app)[0]
    migrated(app)
    assert found(app)[0] == set()
    assert found(app, "--deploy")[0] >= {"admin.W002"}
    database = create_engine(f"sqlite:///{folder}/app.db")
    with database.begin() as connection:
        connection.execute(text("ALTER TABLE tools_authors ADD COLUMN spare INTEGER"))
    ids, said = found(app)
    assert (ids, said["findings"][0]["what"]) == ({"migrate.E004"}, "remove_column tools_authors.spare")
    for _ in range(2):
        done = app.test_cli_runner().invoke(args=["db", "revision", "-m", "more", "--head", first(folder), "--splice"])
        assert done.exit_code == 0, done.output
    assert found(app)[0] == {"migrate.E002", "migrate.E003"}
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'elsewhere'"))
    assert "migrate.E005" in found(app)[0]
    database.dispose()


def first(folder: Path) -> str:
    [file] = [one for one in (folder / "migrations/versions").glob("*.py") if "_first" in one.name]
    return file.name.partition("_")[0]
