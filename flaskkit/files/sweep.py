"""``flask kit sweep-files``: deletes files that no row refers to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import select

from flaskkit.db import db
from flaskkit.db.tables import tables_of
from flaskkit.files.values import FileType, storage

# A transaction that is still open may be about to refer to a file that is younger.
YOUNG = timedelta(hours=1)


@click.command("sweep-files")
@click.option("--dry-run", is_flag=True, help="Delete nothing, only say which.")
@with_appcontext
def sweep_files(dry_run: bool) -> None:
    """Delete stored files that no row refers to, if they are older than an hour."""
    before = datetime.now(UTC) - YOUNG
    # Listed first: what is stored later is young, and its row may not be seen yet.
    old = [key for key, moment in storage().stored() if moment < before]
    used = set(_keys_in_use())
    unused = [key for key in old if key not in used]
    for key in unused:
        if dry_run:
            click.echo(key)
        else:
            storage().delete(key)
    click.echo(f"{len(unused)} of {len(old)} files {'would be' if dry_run else 'were'} deleted.")


def _keys_in_use() -> Iterator[str]:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    for bind in db.engines:
        for table in tables_of(app, bind):
            for column in table.columns:
                if isinstance(column.type, FileType):
                    # By the table: a filter that a model puts on its rows must not hide files.
                    for file in db.session.scalars(select(column).where(column.is_not(None))):
                        yield file.key
