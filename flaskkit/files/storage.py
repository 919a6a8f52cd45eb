"""Where the bytes of files are: a folder, memory, or whatever has these four methods.

key = storage.save(stream)      a new key each time, made here
storage.open(key)               the bytes, to be closed
storage.delete(key)             gone, if it was there
storage.stored()                every key, with the moment it was saved
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import IO, BinaryIO, Protocol, runtime_checkable

_KEY = re.compile(r"[0-9a-f]{32}")


@runtime_checkable
class Storage(Protocol):
    """Keeps bytes under keys that it makes itself. What was saved is never changed, only deleted."""

    def save(self, stream: IO[bytes]) -> str:
        """Keep what is in *stream* and return its key, at most 200 characters. A failure leaves nothing behind."""
        ...

    def open(self, key: str) -> BinaryIO:
        """Return what was saved under *key*; it can be read and sought in.

        Raises:
            FileNotFoundError: there is nothing.
        """
        ...

    def delete(self, key: str) -> None:
        """Forget what was saved under *key*, if anything was."""
        ...

    def stored(self) -> Iterator[tuple[str, datetime]]:
        """Yield the key of everything that is there, with the moment it was saved."""
        ...


class Folder:
    """Files in a local folder, which is made when the first one comes. Their names are random and tell nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def save(self, stream: IO[bytes]) -> str:
        key = secrets.token_hex(16)
        place = self._place(key)
        place.parent.mkdir(parents=True, exist_ok=True)
        unfinished = place.with_suffix(".part")
        try:
            with unfinished.open("xb") as file:
                shutil.copyfileobj(stream, file)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(place)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        return key

    def open(self, key: str) -> BinaryIO:
        return self._place(key).open("rb")

    def delete(self, key: str) -> None:
        self._place(key).unlink(missing_ok=True)

    def stored(self) -> Iterator[tuple[str, datetime]]:
        for file in self.path.glob("??/*"):
            if _KEY.fullmatch(file.name):
                yield file.name, datetime.fromtimestamp(file.stat().st_mtime, UTC)

    def _place(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise FileNotFoundError(f"{key!r} is no key of this storage.")
        # Many files in one folder are slow to list.
        return self.path / key[:2] / key


class Memory:
    """Files that are gone when the process is: for tests."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[bytes, datetime]] = {}

    def save(self, stream: IO[bytes]) -> str:
        key = secrets.token_hex(16)
        self._files[key] = stream.read(), datetime.now(UTC)
        return key

    def open(self, key: str) -> BinaryIO:
        if key not in self._files:
            raise FileNotFoundError(f"{key!r} is no key of this storage.")
        return BytesIO(self._files[key][0])

    def delete(self, key: str) -> None:
        self._files.pop(key, None)

    def stored(self) -> Iterator[tuple[str, datetime]]:
        for key, (_, moment) in [*self._files.items()]:
            yield key, moment
