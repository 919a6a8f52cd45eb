"""Feature `files`: files in columns of models, stored under names made here, checked by their content.

values.py     File and Upload, FileType: what a column holds
content.py    which media type content is
images.py     how wide and high an image is
storage.py    Storage: where the bytes are; a folder, or memory for tests
session.py    files follow their rows, through commit and rollback
sweep.py      flask kit sweep-files
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from flask import Flask

from flaskkit.feature import Feature, setting
from flaskkit.files import session  # noqa: F401  (listens to transactions)
from flaskkit.files.storage import Folder, Memory, Storage
from flaskkit.files.sweep import sweep_files
from flaskkit.files.values import File, FileType, Upload

if TYPE_CHECKING:
    from flaskkit.config import Config

__all__ = ["File", "FileType", "Files", "Folder", "Memory", "Storage", "Upload"]


@dataclass(frozen=True)
class Files(Feature):
    """Files in columns of models, in a local folder or another storage."""

    name: ClassVar[str] = "files"
    requires: ClassVar[tuple[str, ...]] = ("db",)

    folder: str = setting(
        "",
        help="Where uploaded files are; a relative path is below the instance folder. Without one: files in the"
        " instance folder, memory in tests.",
    )
    storage: Storage | None = setting(  # noqa: RUF009
        None, help="An object that stores them elsewhere, instead of a folder; given in code."
    )

    def mistakes(self, config: Config) -> Iterable[str]:
        if self.storage is not None and self.folder:
            yield "Feature 'files' has both 'folder' and 'storage'; give one of them."

    def init_app(self, app: Flask) -> None:
        kit = app.extensions["flaskkit"]
        app.extensions["flaskkit.files"] = self.storage or self._default(app, kit.config.env)
        kit.commands.add_command(sweep_files)

    def checks(self) -> Iterable[Any]:
        from flaskkit.files import checks

        return checks.CHECKS

    def _default(self, app: Flask, env: str) -> Storage:
        if env == "testing" and not self.folder:
            return Memory()
        return Folder(Path(app.instance_path, self.folder or "files"))
