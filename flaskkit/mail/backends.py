"""Where messages go: an SMTP server, the console, a folder, or a list.

``instant`` says that delivering takes no time worth mentioning. ``sent`` is what can be looked at, oldest first.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_string
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import ClassVar, Literal, Protocol, cast
from uuid import UUID

import click

from flaskkit.db.models import uuid7

Tls = Literal["starttls", "tls", "none"]
PORTS = {"starttls": 587, "tls": 465, "none": 25}
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# The console's messages are kept for the page of a developer, who does not look further back.
_KEPT = 100


@dataclass(frozen=True)
class Envelope:
    """One message for one recipient, as it goes over the line."""

    sender: str
    recipient: str
    content: bytes

    def message(self) -> EmailMessage:
        """Return the message, parsed."""
        # Encoded to ASCII all through, but for addresses that cannot be.
        text = self.content.decode().replace("\r\n", "\n")
        return message_from_string(text, policy=default)


class ServerAway(Exception):
    """The SMTP server cannot be used at all just now, whatever the message. Its cause says why."""


class Backend(Protocol):
    """What delivers messages."""

    instant: ClassVar[bool]

    @property
    def sent(self) -> list[EmailMessage]: ...

    def deliver(self, envelope: Envelope) -> None: ...


@dataclass(frozen=True)
class Smtp:
    """Delivers to an SMTP server, over a connection for each message. *timeout* is for each answer, in seconds."""

    instant: ClassVar[bool] = False

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    tls: Tls
    timeout: float

    @property
    def sent(self) -> list[EmailMessage]:
        return []

    def deliver(self, envelope: Envelope) -> None:
        """Give the message to the server.

        Raises:
            ServerAway: it cannot be reached, or does not let us in.
            smtplib.SMTPException, OSError: it did not take this message.
        """
        try:
            server = self._connected()
        except (OSError, UnicodeError) as error:
            raise ServerAway from error
        international = not (envelope.sender + envelope.recipient).isascii()
        options = ["SMTPUTF8", "BODY=8BITMIME"] if international else []
        try:
            if international and not server.has_extn("smtputf8"):
                raise smtplib.SMTPNotSupportedError("The server takes no addresses beyond ASCII (SMTPUTF8).")
            server.sendmail(envelope.sender, [envelope.recipient], envelope.content, options)
        finally:
            # What it took is taken, however it says goodbye.
            with suppress(OSError):
                server.quit()
            server.close()

    def __str__(self) -> str:
        return f"{self.host}:{self.port} (tls = {self.tls!r})"

    def _connected(self) -> smtplib.SMTP:
        if self.tls == "tls":
            context = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        try:
            if self.tls == "starttls":
                server.starttls(context=ssl.create_default_context())
            if self.user:
                server.login(self.user, self.password)
            server.ehlo_or_helo_if_needed()
        except BaseException:
            server.close()
            raise
        return server


def is_final(error: Exception) -> bool:
    """Return whether the server refused this message or its recipient for good: RFC 5321, section 4.2.1."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
    else:
        codes = [error.smtp_code] if isinstance(error, smtplib.SMTPDataError) else []
    # 530: it wants a password first, which is nobody's fault but ours.
    return isinstance(error, smtplib.SMTPNotSupportedError) or any(500 <= code != 530 for code in codes)


@dataclass(frozen=True)
class Console:
    """Writes messages on standard error, as text."""

    instant: ClassVar[bool] = True

    sent: list[EmailMessage] = field(default_factory=list)

    def __str__(self) -> str:
        return "the console"

    def deliver(self, envelope: Envelope) -> None:
        message = envelope.message()
        body = message.get_body(("plain",))
        text = cast(str, body.get_content()) if body is not None else ""
        lines = [*(f"{name}: {message[name]}" for name in ("Date", "From", "To", "Subject")), "", *text.splitlines()]
        shown = _UNPRINTABLE.sub("�", "\n".join(f"  | {line}" for line in lines))
        click.echo(f"Mail, which nobody but you gets to see:\n{shown}", err=True)
        self.sent.append(message)
        del self.sent[:-_KEPT]


@dataclass(frozen=True)
class Folder:
    """Writes each message into a file of *folder*, to be opened with a mail program."""

    instant: ClassVar[bool] = True

    folder: Path

    def __str__(self) -> str:
        return str(self.folder)

    @property
    def sent(self) -> list[EmailMessage]:
        # Named after the time they were made.
        files = sorted(self.folder.glob("*.eml"))
        return [Envelope("", "", file.read_bytes()).message() for file in files]

    def deliver(self, envelope: Envelope) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        name: UUID = uuid7()
        unfinished = self.folder / f"{name}.part"
        unfinished.write_bytes(envelope.content)
        unfinished.rename(self.folder / f"{name}.eml")


@dataclass(frozen=True)
class Memory:
    """Keeps messages in a list, for tests."""

    instant: ClassVar[bool] = True

    sent: list[EmailMessage] = field(default_factory=list)

    def __str__(self) -> str:
        return "memory"

    def deliver(self, envelope: Envelope) -> None:
        self.sent.append(envelope.message())
