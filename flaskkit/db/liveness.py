"""Pooled connections are looked at before use: none is dead, and none keeps a request waiting.

    nothing to read, used a moment ago    used as it is; the look costs microseconds
    something to read                     the server said goodbye: pinged
    idle for a second or more             pinged, the answer must come within a second
    a ping fails                          that connection and all older ones of the pool are made anew

SQLAlchemy's pool_pre_ping asks the server every time, and waits for its answer for ever.
"""

from __future__ import annotations

import select
import time
from contextlib import nullcontext
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

PING_TIMEOUT = 1
IDLE_AT_MOST = 1
_SINCE = "flaskkit_idle_since"


def watch(engine: Engine) -> None:
    """Look at the connections of *engine* before they are used, where the driver lets us."""
    if engine.driver not in ("psycopg", "pymysql"):
        return

    @event.listens_for(engine, "checkin")
    def returned(_connection: Any, record: Any) -> None:
        record.info[_SINCE] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def taken(connection: Any, record: Any, _proxy: Any) -> None:
        since = record.info.get(_SINCE)
        if since is None:
            return  # Made just now.
        try:
            alive = (time.monotonic() - since < IDLE_AT_MOST and _silent(connection)) or _answers(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error
        if not alive:
            raise InvalidatePoolError


def _silent(connection: Any) -> bool:
    """Return whether *connection* is open with nothing to read; an idle server has nothing to say but goodbye."""
    # An app may make its connections itself, and a PyMySQL connection of its own shows no descriptor.
    descriptor = connection.fileno() if hasattr(connection, "fileno") else -1
    return descriptor >= 0 and not _readable(descriptor)


def _answers(connection: Any) -> bool:
    if hasattr(connection, "pgconn"):
        return _libpq_answers(connection)
    with connection.waiting_at_most(PING_TIMEOUT) if hasattr(connection, "waiting_at_most") else nullcontext():
        connection.ping(False)
    return True


def _libpq_answers(connection: Any) -> bool:
    """Send an empty query, as libpq's asynchronous functions allow, and wait for its end."""
    deadline = time.monotonic() + PING_TIMEOUT
    libpq = connection.pgconn
    libpq.send_query(b"")
    libpq.flush()
    while _readable(libpq.socket, max(0, deadline - time.monotonic())):
        libpq.consume_input()
        while not libpq.is_busy():
            if libpq.get_result() is None:
                return not connection.closed
    return False


def _readable(descriptor: int, seconds: float = 0) -> bool:
    """Return whether there is something to read, be it the end, within *seconds*."""
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([descriptor], [], [], seconds)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
