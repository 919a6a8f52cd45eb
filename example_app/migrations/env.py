"""Run by Alembic for every `flask db …` command, within the app's context."""

from contextlib import contextmanager
from logging.config import fileConfig

from alembic import context
from flask import current_app

migrate = current_app.extensions["migrate"]
engine = migrate.db.engine
metadata = migrate.db.metadatas[None]

fileConfig(context.config.config_file_name, disable_existing_loggers=False)


def print_sql():
    """Write the SQL of the migrations instead of running it: flask db upgrade --sql."""
    url = engine.url.render_as_string(hide_password=False)
    options = {"render_as_batch": migrate.configure_args.get("render_as_batch")}
    context.configure(url=url, target_metadata=metadata, literal_binds=True, **options)
    with context.begin_transaction():
        context.run_migrations()


def run():
    with engine.connect() as connection, foreign_keys_off(connection):
        sqlite = connection.dialect.name == "sqlite"
        options = {"transactional_ddl": True} if sqlite else {}
        context.configure(connection=connection, target_metadata=metadata, **options, **migrate.configure_args)
        with context.begin_transaction():
            context.run_migrations()


@contextmanager
def foreign_keys_off(connection):
    """SQLite changes a table by copying and dropping it; with foreign keys on that deletes what refers to it."""
    if connection.dialect.name != "sqlite":
        yield
        return
    connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")


if context.is_offline_mode():
    print_sql()
else:
    run()
