"""PyMySQL, with connections that can be told how long to wait: what SQLAlchemy is given as its driver.

PyMySQL's connect_timeout ends with the TCP handshake, and its read_timeout must leave a statement its time. So a
server that accepts and never answers would hold a request that long, unless we hold the socket.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pymysql
from pymysql.connections import Connection as PyMySQLConnection


class Connection(PyMySQLConnection):  # type: ignore[misc]  # PyMySQL has no types
    """A connection whose way in waits no longer than ``connect_timeout``, all of it."""

    def __init__(self, *args: Any, read_timeout: float | None = None, **options: Any) -> None:
        self._wait = Wait(read_timeout)
        # Rows that an UPDATE found, changed or not. SQLAlchemy asks for it where the driver is PyMySQL itself.
        options["client_flag"] = options.get("client_flag", 0) | pymysql.constants.CLIENT.FOUND_ROWS
        super().__init__(*args, read_timeout=read_timeout, **options)

    def connect(self, sock: Any = None) -> None:
        """Connect through *sock*, or through a socket made here."""
        with self._wait.at_most(self.connect_timeout):
            if sock is None and not self.unix_socket:
                sock = self._reach()
            if self.ssl:
                self.ctx.sslsocket_class = self._wait.kind_of(ssl.SSLSocket)
            super().connect(sock)

    def _reach(self) -> socket.socket:
        source = (self.bind_address, 0) if self.bind_address is not None else None
        try:
            reached = socket.create_connection((self.host, self.port), self.connect_timeout, source)
        except OSError as error:
            text = f"Can't connect to MySQL server on {self.host!r} ({error})"
            raise pymysql.err.OperationalError(pymysql.constants.CR.CR_CONN_HOST_ERROR, text) from error
        reached.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reached.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        held: socket.socket = self._wait.kind_of(socket.socket)(fileno=reached.detach())
        return held

    def fileno(self) -> int:
        """Return the descriptor of the socket, -1 where PyMySQL holds it alone or it is closed."""
        return self._wait.held.fileno() if self._wait.held else -1

    def waiting_at_most(self, seconds: float) -> contextlib.AbstractContextManager[None]:
        """Wait no longer than *seconds* for each answer in this block."""
        return self._wait.at_most(seconds)


class Wait:
    """How long the socket of one connection waits, whatever PyMySQL asks of it meanwhile."""

    def __init__(self, usual: float | None) -> None:
        self.usual = usual
        self.limit: float | None = None
        self.held: socket.socket | None = None

    def kind_of(self, kind: type[socket.socket]) -> type[socket.socket]:
        """Return a class of sockets like *kind* that obeys. With TLS a second socket takes the first one's place."""

        def settimeout(held: socket.socket, asked: float | None) -> None:
            self.held = held
            kind.settimeout(held, self.limit or asked)

        return type(kind.__name__, (kind,), {"settimeout": settimeout})

    @contextlib.contextmanager
    def at_most(self, seconds: float | None) -> Iterator[None]:
        self.limit = seconds
        self._obey()
        try:
            yield
        finally:
            self.limit = None
            self._obey()

    def _obey(self) -> None:
        if self.held is not None:
            with contextlib.suppress(OSError):  # It may be closed.
                self.held.settimeout(self.usual)


connect = Connection


def __getattr__(name: str) -> Any:
    return getattr(pymysql, name)
