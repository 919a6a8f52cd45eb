"""How databases are opened: options for servers, pragmas for SQLite, and which URLs are understood."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click
from flask import current_app, has_request_context
from sqlalchemy import Engine, event
from sqlalchemy.engine import URL, make_url

from flaskkit.db.liveness import watch

# Execution option of a SELECT that begins a change: SQLite takes the write lock before it reads.
WRITE = "flaskkit_write"
READS = ("SELECT", "PRAGMA", "EXPLAIN", "WITH", "VALUES", "BEGIN", "COMMIT", "ROLLBACK")

# A request that waits for a connection and then has to make one, and one that pings in vain, end within 5 s.
POOL_TIMEOUT = 2
CONNECT_TIMEOUT = 3
STATEMENT_TIMEOUT = 30
LOCK_TIMEOUT = 5
IDLE_TIMEOUT = 60

# Notice a server's machine that vanished, while a request sends (4 s) and while it waits for an answer (25 s).
_KEEPALIVE = {"tcp_user_timeout": 4000, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}


def understood(url: str | URL) -> URL:
    """Return *url* with the driver that flaskkit's extras install, where it names none.

    ``postgres://`` (as hosting services write it) and ``postgresql://`` mean psycopg 3, ``mysql://`` and
    ``mariadb://`` mean PyMySQL.

    Raises:
        sqlalchemy.exc.ArgumentError: this is no database URL.
    """
    parsed = make_url(url)
    drivers = {
        "postgres": "postgresql+psycopg",
        "postgresql": "postgresql+psycopg",
        "mysql": "mysql+pymysql",
        "mariadb": "mariadb+pymysql",
    }
    return parsed.set(drivername=drivers.get(parsed.drivername, parsed.drivername))


def options_for(url: URL) -> dict[str, Any]:
    """Return the engine options for a database of that kind.

    On servers none waits for ever: 2 s to get a connection from the pool, 3 s to connect, 30 s for a statement,
    5 s for a lock, 60 s idle within a transaction. Drivers that cannot be watched ping before use. MariaDB isolates
    transactions as PostgreSQL does, by READ COMMITTED. Sessions on PostgreSQL are in UTC.

    Raises:
        ModuleNotFoundError: the driver is not installed.
    """
    server = {"pool_recycle": 1800, "pool_timeout": POOL_TIMEOUT}
    kind = url.get_backend_name()
    if kind == "sqlite":
        return {"connect_args": {"timeout": STATEMENT_TIMEOUT}}
    if kind == "postgresql" and url.get_driver_name() == "psycopg":
        limits = {
            "statement_timeout": STATEMENT_TIMEOUT,
            "lock_timeout": LOCK_TIMEOUT,
            "idle_in_transaction_session_timeout": IDLE_TIMEOUT,
        }
        # Moments in UTC are several times cheaper to read than in the zone that the server is in.
        flags = " ".join(["-c timezone=UTC", *(f"-c {name}={seconds}s" for name, seconds in limits.items())])
        return server | {"connect_args": {"connect_timeout": CONNECT_TIMEOUT, **_KEEPALIVE, "options": flags}}
    if kind in ("mysql", "mariadb") and url.get_driver_name() == "pymysql":
        # The server ends statements sooner; this is for one that no longer answers at all.
        silent = STATEMENT_TIMEOUT + 5
        arguments = {"connect_timeout": CONNECT_TIMEOUT, "read_timeout": silent, "write_timeout": silent}
        driver = import_module("flaskkit.db.mariadb")
        # As PostgreSQL does: what is read after waiting for a lock is what the other transaction left.
        isolation = {"isolation_level": "READ COMMITTED"}
        return server | isolation | {"module": driver, "connect_args": {**arguments, "charset": "utf8mb4"}}
    return server | {"pool_pre_ping": True} if kind in ("postgresql", "mysql", "mariadb") else {}


def completed(bind: str | URL | Mapping[str, Any]) -> dict[str, Any]:
    """Return *bind*, a further database as Flask-SQLAlchemy takes it, with our options where it names none."""
    given = {"url": bind} if isinstance(bind, (str, URL)) else dict(bind)
    return {**options_for(understood(given["url"])), **given, "url": understood(given["url"])}


def prepare(engine: Engine, options: Mapping[str, Any]) -> None:
    """Make *engine* set up each new connection: pragmas on SQLite, limits on MariaDB; and look at pooled ones.

    *options* are those that it was made with.
    """
    event.listen(engine, "handle_error", _tell_commands)
    event.listen(engine, "do_connect", _be_patient)
    if "pool_pre_ping" not in options:
        watch(engine)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _open_sqlite)
        # With a result it stays what it is for those who ask whether only we listen, see prepared.py.
        event.listen(engine, "before_cursor_execute", _begin_writing, retval=True)
    elif engine.dialect.name in ("mysql", "mariadb"):
        is_mariadb = bool(getattr(engine.dialect, "is_mariadb", False))
        event.listen(engine, "connect", _limit_mariadb if is_mariadb else _limit_mysql_or_mariadb)


def _be_patient(_dialect: Any, _record: Any, _args: Any, options: dict[str, Any]) -> None:
    """Outside of requests, give a server the time of a statement that does not read what is sent.

    Linux ends a connection after the user timeout of TCP (RFC 5482) even when the other side is there and only busy:
    a command that stores many rows would fail whenever the server writes its checkpoint.
    """
    ours = options.get("tcp_user_timeout") == _KEEPALIVE["tcp_user_timeout"]
    if ours and not has_request_context():
        options["tcp_user_timeout"] = STATEMENT_TIMEOUT * 1000


def _tell_commands(context: Any) -> None:
    """In a command, say what is wrong with the database and what to do, instead of a traceback.

    Raises:
        click.ClickException: the database cannot be reached, or a table is missing, while a command runs.
    """
    if has_request_context() or click.get_current_context(silent=True) is None:
        return
    original: Any = context.original_exception
    if context.connection is None:
        # The engine's URL shows its password as ***.
        raise click.ClickException(f"The database {context.engine.url!r} cannot be used: {original}") from original
    if not (context.statement or "").startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
        return  # SQLAlchemy may just be looking whether a table is there.
    codes = {str(getattr(original, "sqlstate", "")), str(original.args[0] if original.args else "")}
    if codes & {"42P01", "1146"} or str(original).startswith("no such table"):
        way_out = "flask db upgrade" if "migrate" in current_app.extensions else "flask kit create-tables"
        raise click.ClickException(f"A table is missing: {original}. Run: {way_out}") from original


def _open_sqlite(connection: Any, _record: Any) -> None:
    # The driver would otherwise begin transactions itself, and not for every statement that changes something.
    connection.isolation_level = None
    for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_writing(  # noqa: PLR0917  (what SQLAlchemy passes)
    connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> tuple[str, Any]:
    """Begin with the write lock before the first statement that writes; plain reads need no transaction.

    A transaction that reads first and writes later fails at once when somebody else wrote in between; one that
    has the lock from the start waits its turn (SQLite, "Isolation" and "Transaction", BEGIN IMMEDIATE).
    """
    if not connection.connection.dbapi_connection.in_transaction:
        asked = context is not None and context.execution_options.get(WRITE)
        if asked or not statement.lstrip().upper().startswith(READS):
            cursor.execute("BEGIN IMMEDIATE")
    return statement, parameters


def _limit_mariadb(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SET SESSION max_statement_time={STATEMENT_TIMEOUT}, innodb_lock_wait_timeout={LOCK_TIMEOUT},"
            f" idle_transaction_timeout={IDLE_TIMEOUT}"
        )


def _limit_mysql_or_mariadb(connection: Any, record: Any) -> None:
    if "mariadb" in connection.get_server_info().lower():
        _limit_mariadb(connection, record)
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"SET SESSION max_execution_time={STATEMENT_TIMEOUT * 1000}, innodb_lock_wait_timeout={LOCK_TIMEOUT}"
        )
