"""flask kit prune-history: forget what is old."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy import delete

from flaskkit.db import db
from flaskkit.db.models import now
from flaskkit.history.models import Change


@click.command("prune-history")
@click.option("--days", type=click.IntRange(1), required=True, help="How many days are kept.")
@with_appcontext
def prune_history(days: int) -> None:
    """Remove from the history what happened before the last DAYS days."""
    done: Any = db.session.execute(delete(Change).where(Change.at < now() - timedelta(days=days)))
    db.session.commit()
    click.echo(f"Removed {done.rowcount} {'change' if done.rowcount == 1 else 'changes'}.")
