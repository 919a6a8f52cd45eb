"""Counters that end by themselves, in a storage of the package `limits`; in memory while that cannot be reached."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, TypeVar

from limits.errors import ConfigurationError
from limits.storage import MemoryStorage, Storage, storage_from_string

from flaskkit.errors import ConfigError

T = TypeVar("T")

log = logging.getLogger(__name__)

# How long to wait for Redis, and how long to leave it alone once it gave no answer; in seconds.
PATIENCE = 0.5
PAUSE = 5.0


def storage_of(url: str) -> Storage:
    """Return the storage at *url*, without asking it anything.

    Raises:
        ConfigError: there is no such storage, or the package that reaches it is missing.
    """
    options: dict[str, Any] = {}
    if url.startswith(("redis://", "rediss://", "redis+unix://")):
        if find_spec("redis") is None:
            raise ConfigError("'storage' needs the package 'redis'. Install it with: pip install 'flaskkit[redis]'")
        options = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE, "retry": None}
    elif url != "memory://":
        # What is given may hold a password.
        raise ConfigError("'storage' is memory:// or redis://host:6379/0.")
    try:
        found: Any = storage_from_string(url, **options)
    except (ConfigurationError, ValueError):
        raise ConfigError("'storage' is no address of Redis; write it like redis://host:6379/0.") from None
    assert isinstance(found, Storage)
    return found


class Counters:
    """Counters by key, in *storage*. With that away each process counts for itself, and tries again every 5 seconds."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._memory = storage if isinstance(storage, MemoryStorage) else MemoryStorage()
        self._away = False
        self._again = 0.0

    def add(self, key: str, seconds: int, amount: int = 1) -> int:
        """Count *amount* more at *key*, which begins anew *seconds* after its first; return the sum."""
        return self._ask(lambda storage: storage.incr(key, seconds, amount))

    def has(self, key: str) -> bool:
        """Return whether anything was counted at *key*."""
        return self._ask(lambda storage: storage.get(key)) > 0

    def ends(self, key: str) -> float:
        """Return when the counter at *key* begins anew, as ``time.time()`` has it."""
        return self._ask(lambda storage: storage.get_expiry(key))

    def clear(self, key: str) -> None:
        """Forget what was counted at *key*."""
        self._ask(lambda storage: storage.clear(key))

    def reset(self) -> None:
        """Forget what was counted in memory."""
        self._memory.reset()

    def _ask(self, question: Callable[[Storage], T]) -> T:
        if self._storage is self._memory:
            return question(self._memory)
        if self._away:
            if time.monotonic() < self._again:
                return question(self._memory)
            # One request tries; the others do not wait with it.
            self._again = time.monotonic() + PAUSE
        errors: Any = self._storage.base_exceptions
        try:
            answer = question(self._storage)
        except (OSError, errors) as error:
            self._again = time.monotonic() + PAUSE
            if not self._away:
                self._away = True
                log.warning("Limits are counted in memory: their storage gives no answer (%s).", type(error).__name__)
            return question(self._memory)
        if self._away:
            self._away = False
            log.warning("Limits are counted in their storage again.")
        return answer
