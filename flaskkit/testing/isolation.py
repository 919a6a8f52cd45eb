"""A database that is as it was after the test: what code commits within ``isolated(app)`` is rolled back at its end.

    engine ─► pool of this module ─► Joined, Joined, …   ─► one connection of the driver, in one transaction
                                     commit  = RELEASE SAVEPOINT
                                     rollback = ROLLBACK TO SAVEPOINT

The engine stays the engine: sessions, ``engine.begin()``, connections in AUTOCOMMIT, other threads and events of the
engine work as always, and all see the rows of the test. Only its pool is another one for the time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any

from flask import Flask
from sqlalchemy import Engine, NullPool

from flaskkit.db import db

READS = ("SELECT", "PRAGMA", "EXPLAIN", "SHOW", "VALUES", "SET ")
# What MariaDB and MySQL commit before ("Statements that Cause an Implicit Commit").
COMMITTING = ("CREATE", "ALTER", "DROP", "TRUNCATE", "RENAME", "GRANT", "REVOKE", "OPTIMIZE", "ANALYZE", "LOCK TABLES")
_SERVERS = {"mysql", "mariadb"}
# How long a thread waits for another one that is writing; then it goes on within the other's transaction.
PATIENCE = 2.0


@contextmanager
def isolated(app: Flask) -> Iterator[list[str]]:
    """Roll back, at the end of the block, whatever was written to the databases of *app* within it.

    Gives a list that names, at the end, each database that could not be rolled back: MariaDB and MySQL commit before
    each statement that changes a table.
    """
    spoilt: list[str] = []
    with app.app_context():
        engines = dict(db.engines)
    with ExitStack() as stack:
        for engine in engines.values():
            stack.enter_context(_in_one_transaction(engine, spoilt))
        yield spoilt


@contextmanager
def undone(app: Flask) -> Iterator[None]:
    """Undo at the end what the block writes, within a block of ``isolated``."""
    with app.app_context():
        pools = [engine.pool for engine in db.engines.values()]
    shared = [pool.shared for pool in pools if isinstance(pool, _Pool) and pool.shared is not None]
    marks = [(one, one.savepoint(one.join())) for one in shared]
    try:
        yield
    finally:
        for one, name in marks:
            # A statement by which the database commits leaves nothing to go back to.
            if any(name == known for known, _ in one.open):
                one.undo(name)


def forget(app: Flask) -> None:
    """Forget the mail that *app* keeps in memory, and what its limits have counted there."""
    mailer = app.extensions.get("flaskkit.mail")
    if mailer is not None:
        mailer.outbox.clear()
    limiter = app.extensions.get("flaskkit.limits")
    if limiter is not None:
        limiter.reset()


def is_isolated(app: Flask) -> bool:
    """Return whether a block of ``isolated`` is open for *app*."""
    with app.app_context():
        return any(isinstance(engine.pool, _Pool) for engine in db.engines.values())


def writes_in(app: Flask) -> int:
    """Return how many statements that may write were sent to the databases of *app* since ``isolated`` began."""
    with app.app_context():
        pools = [engine.pool for engine in db.engines.values()]
    return sum(pool.shared.writes for pool in pools if isinstance(pool, _Pool) and pool.shared is not None)


@contextmanager
def _in_one_transaction(engine: Engine, spoilt: list[str]) -> Iterator[None]:
    if isinstance(engine.pool, _Pool):
        yield
        return
    pool = engine.pool
    kept = engine.raw_connection()
    shared = _Shared(kept.dbapi_connection, engine.dialect.name)
    shared.begin()
    engine.pool = _Pool(shared.join, dialect=engine.dialect, shared=shared)
    try:
        yield
    finally:
        engine.pool = pool
        try:
            shared.end()
        finally:
            kept.close()
        if shared.spoilt:
            spoilt.append(engine.url.render_as_string())


class _Pool(NullPool):
    """Gives connections that are all parts of one transaction."""

    def __init__(self, creator: Any, *, shared: _Shared | None = None, **options: Any) -> None:
        super().__init__(creator, **options)
        self.shared = shared


class _Shared:
    """The connection of the driver in which everything happens, and which savepoints are open there."""

    def __init__(self, real: Any, kind: str) -> None:
        self.real = real
        self.kind = kind
        self.spoilt = False
        self.writes = 0
        self.lock = threading.RLock()
        self.free = threading.Condition(self.lock)
        self.writer: tuple[Joined, int] | None = None
        # Savepoints in the order in which they were made; None for one that is done but lies below another.
        self.open: list[tuple[str, Joined | None]] = []
        self._numbers = count(1)

    def join(self) -> Joined:
        return Joined(self)

    def begin(self) -> None:
        if self.kind == "sqlite":
            self.run("BEGIN")
        elif self.kind == "postgresql":
            # The first statement begins it. Whoever looks at a failure in a debugger is given the time.
            self.run("SET LOCAL idle_in_transaction_session_timeout = 0")
        else:
            self.run("SET SESSION idle_transaction_timeout = 0" if self._is_mariadb() else "SELECT 1")
            self.run("START TRANSACTION")

    def end(self) -> None:
        with self.lock:
            self.open.clear()
            self.real.rollback()

    def run(self, statement: str) -> None:
        cursor = self.real.cursor()
        try:
            cursor.execute(statement)
        finally:
            cursor.close()

    def savepoint(self, owner: Joined) -> str:
        name = f"flaskkit_{next(self._numbers)}"
        self.run(f"SAVEPOINT {name}")
        self.open.append((name, owner))
        return name

    def forget(self, name: str) -> None:
        """Keep what was done since the savepoint *name*, and end it as soon as none lies above it."""
        self.open = [(one, None if one == name else owner) for one, owner in self.open]
        done = ""
        while self.open and self.open[-1][1] is None:
            done = self.open.pop()[0]
        if done:
            # The lowest of those that are done takes the others with it.
            self.run(f"RELEASE SAVEPOINT {done}")

    def undo(self, name: str) -> None:
        """Undo what was done since the savepoint *name*, by whomever, and end it."""
        at = [one for one, _ in self.open].index(name)
        for _, owner in self.open[at:]:
            if owner is not None:
                owner.lost()
        del self.open[at:]
        self.run(f"ROLLBACK TO SAVEPOINT {name}")
        self.run(f"RELEASE SAVEPOINT {name}")

    def committed_by_itself(self) -> None:
        """Note that the server has committed: nothing of what was done so far can be undone."""
        self.spoilt = True
        for _, owner in self.open:
            if owner is not None:
                owner.lost()
        self.open.clear()

    def write(self, owner: Joined) -> None:
        """Let *owner* write, after other threads have committed or rolled back what they write."""
        here = threading.get_ident()
        self.free.wait_for(lambda: self.writer is None or self.writer[1] == here, PATIENCE)
        self.writer = (owner, here)

    def written(self, owner: Joined) -> None:
        if self.writer is not None and self.writer[0] is owner:
            self.writer = None
            self.free.notify_all()

    def _is_mariadb(self) -> bool:
        return "mariadb" in str(getattr(self.real, "server_version", "")).lower()


class Joined:
    """A connection of the driver as SQLAlchemy knows it, whose transactions are savepoints of a shared one."""

    # What the driver keeps about transactions is kept here, and not told to the shared connection.
    _OWN = frozenset({"isolation_level", "read_only", "deferrable"})

    _shared: _Shared
    _name: str
    _wrote: bool
    _failed: bool
    _each: bool
    _told: dict[str, Any]

    def __init__(self, shared: _Shared) -> None:
        values = {"_shared": shared, "_name": "", "_wrote": False, "_failed": False, "_each": False, "_told": {}}
        vars(self).update(values)

    def __getattr__(self, name: str) -> Any:
        if name == "autocommit":
            return self._autocommit if self._shared.kind in _SERVERS else self._each
        told = self._told
        return told[name] if name in told else getattr(self._shared.real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "autocommit":
            self._autocommit(value)
        elif name in self._OWN:
            self._told[name] = value
        elif name in vars(self):
            vars(self)[name] = value
        else:
            setattr(self._shared.real, name, value)

    def cursor(self, *arguments: Any, **options: Any) -> Cursor:
        return Cursor(self, self._shared.real.cursor(*arguments, **options))

    def execute(self, statement: Any, *parameters: Any, **options: Any) -> Any:
        return self.cursor().execute(statement, *parameters, **options)

    def commit(self) -> None:
        with self._shared.lock:
            if self._failed and self._shared.kind == "postgresql":
                self._undo()
            elif self._name:
                self._shared.forget(self._name)
            self._ended()

    def rollback(self) -> None:
        with self._shared.lock:
            if self._wrote or self._failed:
                self._undo()
            elif self._name:
                # It has only read: others may have committed since, and keep it.
                self._shared.forget(self._name)
            self._ended()

    def close(self) -> None:
        self.rollback()

    def lost(self) -> None:
        """Take note that the savepoint is gone with one that lay below it."""
        self._name = ""

    def run(self, cursor: Any, how: str, statement: Any, *rest: Any, **options: Any) -> Any:
        """Let *cursor* execute a statement, by its method *how*."""
        text = _text(statement)
        word = text[:20].upper()
        with self._shared.lock:
            if word.startswith(("BEGIN", "START TRANSACTION")):
                return None
            if word.startswith("COMMIT"):
                return self.commit()
            if word.startswith("ROLLBACK") and " TO " not in text[:40].upper():
                return self.rollback()
            self._prepare(reads=word.startswith(READS))
            try:
                result = getattr(cursor, how)(statement, *rest, **options)
            except BaseException:
                self._failed = True
                if self._each:
                    self.rollback()
                raise
            if word.startswith("ROLLBACK"):
                # To a savepoint of the app, which mends what had failed after it.
                self._failed = False
            if self._shared.kind in _SERVERS and word.startswith(COMMITTING) and " TEMPORARY " not in word:
                self._shared.committed_by_itself()
            if self._each:
                self.commit()
            return result

    def _prepare(self, *, reads: bool) -> None:
        shared = self._shared
        shared.writes += not reads
        if not reads and not self._wrote:
            shared.write(self)
            if self._name and shared.open[-1][0] != self._name:
                # It has only read so far, and is to undo nothing that others have written meanwhile.
                shared.forget(self._name)
                self._name = ""
        if not self._name and (not reads or shared.kind == "postgresql"):
            # On PostgreSQL, even a SELECT that fails ends the transaction; elsewhere reading needs none.
            self._name = shared.savepoint(self)
        self._wrote = self._wrote or not reads

    def _undo(self) -> None:
        if self._name:
            self._shared.undo(self._name)

    def _ended(self) -> None:
        self._shared.written(self)
        self._name, self._wrote, self._failed = "", False, False

    def _autocommit(self, each: bool) -> None:
        with self._shared.lock:
            self.commit()
            self._each = bool(each)


class Cursor:
    """A cursor of the driver that tells its connection before it executes something."""

    __slots__ = ("_connection", "_real")

    def __init__(self, connection: Joined, real: Any) -> None:
        object.__setattr__(self, "_connection", connection)
        object.__setattr__(self, "_real", real)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._real, name, value)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._real)

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *error: object) -> None:
        self._real.close()

    def execute(self, statement: Any, *rest: Any, **options: Any) -> Any:
        # Drivers differ in what they return: a cursor, or a number of rows.
        result = self._connection.run(self._real, "execute", statement, *rest, **options)
        return self if result is self._real or result is None else result

    def executemany(self, statement: Any, *rest: Any, **options: Any) -> Any:
        result = self._connection.run(self._real, "executemany", statement, *rest, **options)
        return self if result is self._real or result is None else result


def _text(statement: Any) -> str:
    text = statement.decode(errors="replace") if isinstance(statement, bytes) else str(statement)
    return text.lstrip(" \n\t(")
