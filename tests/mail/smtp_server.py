"""An SMTP server that does as it is told: RFC 5321, as much of it as clients use."""

from __future__ import annotations

import base64
import ssl
from contextlib import suppress
from queue import Queue
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Event, Thread
from typing import NamedTuple


class Received(NamedTuple):
    """What a client delivered, and how: *how* has "tls", the user who logged in, options of MAIL."""

    sender: str
    recipient: str
    content: bytes
    how: list[str]


class SmtpServer(ThreadingTCPServer):
    """Listens on a free port of 127.0.0.1.

    *replies* are given instead of the usual ones, by verb ("RCPT", "DATA", "." for the end of a message, "" for the
    greeting). At the verb *silent* it answers nothing any more. *context* makes it offer STARTTLS, or with *wrapped*
    speak TLS from the beginning. With a *password* clients must log in as "shop".
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, *, password: str = "", context: ssl.SSLContext | None = None, wrapped: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.password, self.context, self.wrapped = password, context, wrapped
        self.replies: dict[str, str] = {}
        self.silent: str | None = None
        self.international = True
        self.received: Queue[Received] = Queue()
        self.connections = 0
        self.stopped = Event()
        self._thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def stop(self) -> None:
        self.stopped.set()
        self.shutdown()
        self._thread.join()
        self.server_close()


class Talk(StreamRequestHandler):
    server: SmtpServer

    def handle(self) -> None:
        self.server.connections += 1
        self.how: list[str] = []
        # A client may go at any time.
        with suppress(OSError, ssl.SSLError):
            if self.server.wrapped:
                self._encrypt()
            self._talk()
        self.connection.close()

    def _talk(self) -> None:
        if not self._say("", "220 here"):
            return
        sender = recipient = ""
        while line := self.rfile.readline():
            text = line.decode().strip()
            verb = text.partition(" ")[0].upper()
            if verb == self.server.silent:
                self.server.stopped.wait(30)
                return
            if verb == "EHLO":
                self._send(*(f"250-{extension}" for extension in self._extensions()), "250 HELP")
            elif verb == "STARTTLS":
                self._send("220 go on")
                self._encrypt()
            elif verb == "AUTH":
                self._log_in(text)
            elif verb == "MAIL":
                sender = text.partition("<")[2].partition(">")[0]
                self.how += text.partition("> ")[2].split()
                locked = self.server.password and "shop" not in self.how
                self._say(verb, "530 log in first" if locked else "250 fine")
            elif verb == "RCPT":
                recipient = text.partition("<")[2].partition(">")[0]
                self._say(verb, "250 fine")
            elif verb == "DATA":
                if self._say(verb, "354 go on"):
                    content = b"".join(iter(self.rfile.readline, b".\r\n")).replace(b"\r\n..", b"\r\n.")
                    if self._say(".", "250 taken"):
                        self.server.received.put(Received(sender, recipient, content, self.how))
            else:
                self._say(verb, {"QUIT": "221 bye", "RSET": "250 fine"}.get(verb, "502 what?"))

    def _extensions(self) -> list[str]:
        tls = ["STARTTLS"] if self.server.context and "tls" not in self.how else []
        auth = ["AUTH PLAIN"] if self.server.password else []
        return ["127.0.0.1", *tls, *auth, *(["SMTPUTF8", "8BITMIME"] if self.server.international else [])]

    def _log_in(self, text: str) -> None:
        given = base64.b64decode(text.rpartition(" ")[2]).decode().split("\0")[1:]
        right = given == ["shop", self.server.password]
        self.how += ["shop"] if right else []
        self._send("235 welcome" if right else "535 5.7.8 wrong")

    def _encrypt(self) -> None:
        assert self.server.context is not None
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.how.append("tls")

    def _say(self, verb: str, usual: str) -> bool:
        """Answer *verb* and return whether that was a yes."""
        reply = self.server.replies.get(verb, usual)
        self._send(reply)
        return reply[0] in "23"

    def _send(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())
