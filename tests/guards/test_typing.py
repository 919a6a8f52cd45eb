"""What users write with flaskkit passes mypy --strict, and mypy sees the mistakes in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# Kept between runs: a first look at SQLAlchemy takes mypy half a minute.
CACHE = str(Path(__file__).parents[2] / ".mypy_cache" / "user_code")
USER_CODE = """
from datetime import datetime
from sqlalchemy import select
from sqlalchemy.orm import Mapped, mapped_column
from flaskkit import Config, IntegerKey, Model, Module, Resource, Timestamps, create_app, db, login, public

class Book(IntegerKey, Timestamps, Model):
    title: Mapped[str] = mapped_column(unique=True)
    read_on: Mapped[datetime | None]

def titles() -> list[str]:
    return [book.title.upper() for book in db.session.scalars(select(Book).order_by(Book.created_at))]

books = Resource(Book, fields=["title"], read=public, write=login)
app = create_app(Config(__name__, env="development", features=["db"], modules=[Module("books", resources=[books])]))
"""


def test_user_code_passes_mypy_strict_and_its_mistakes_are_seen(tmp_path):
    (tmp_path / "books.py").write_text(USER_CODE)
    (tmp_path / "wrong.py").write_text(USER_CODE.replace("title.upper()", "titel.upper()").replace("Book", "Tome"))
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", CACHE, "--follow-imports=silent"]
    done = subprocess.run([*command, "books.py", "wrong.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [
        'wrong.py:12: error: "Tome" has no attribute "titel"; maybe "title"?  [attr-defined]',
        "Found 1 error in 1 file (checked 2 source files)",
    ]
