"""What `flask kit check` looks for in uploaded files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Flask

from flaskkit.files.storage import Folder
from flaskkit.tools.checks import check


@check(
    "files.E001",
    "Uploaded files are in a folder that is served.",
    why="Everybody can read them, whatever the policies say, and a page among them runs its scripts on this site.",
    fix="Set 'folder' of feature 'files' to a place outside of it, and move them.",
)
def served_uploads(app: Flask) -> Iterator[str]:
    folder = _folder(app)
    for scaffold in (app, *app.blueprints.values()):
        served = Path(scaffold.static_folder).resolve() if scaffold.static_folder else None
        if folder is not None and served is not None and folder.is_relative_to(served):
            yield f"{folder} is in {served}."


@check(
    "files.E002",
    "Uploaded files cannot be stored.",
    why="Every upload is an error.",
    fix="Let the user that runs the app write to the folder, or set 'folder' of feature 'files' to one where it may.",
)
def unwritable(app: Flask) -> Iterator[str]:
    folder = _folder(app)
    if folder is not None:
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            yield f"{there} cannot be written to."


@check(
    "files.W001",
    "A field takes files of any type.",
    why="What is stored is given out again, to whoever may read the row: programs, too.",
    fix='Name the types in its column: FileType(types=("image/png", "image/jpeg")).',
)
def any_type(app: Flask) -> Iterator[str]:
    for resource in app.extensions["flaskkit"].resources:
        for field in resource.writable:
            if field.file and not field.file.types:
                yield f"{field.name!r} of resource {resource.name!r} does."


def _folder(app: Flask) -> Path | None:
    storage = app.extensions["flaskkit.files"]
    return storage.path.resolve() if isinstance(storage, Folder) else None


CHECKS: tuple[Any, ...] = (
    served_uploads,
    unwritable,
    any_type,
)
