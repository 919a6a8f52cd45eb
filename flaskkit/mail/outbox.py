"""Mail waits in a table, written by the transaction that asks for it, until a server has taken it.

    commit         the row is there; delivered in the background of a request, at once elsewhere (commands, jobs)
    rollback       it never was
    taken          the row is deleted
    refused        deleted, and logged
    else           tried again after 1, 5, 15, 60 and then each 240 minutes, for three days

Before each attempt the row is claimed for some minutes, so several processes may deliver from one table. Only one that
dies between the server's yes and the deletion of the row makes somebody get a mail twice, with the same Message-ID.
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from flask import Flask, current_app, has_request_context
from sqlalchemy import Text, delete, func, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.pool import StaticPool

from flaskkit.db import IntegerKey, Model, UTCDateTime, db
from flaskkit.db.after import after_commit, is_writing
from flaskkit.db.models import LongBinary, now
from flaskkit.mail.backends import Backend, Envelope, ServerAway, is_final

DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240))
KEEP_TRYING = timedelta(days=3)
# Longer than any attempt takes: a dozen answers, each within the timeout.
CLAIM = timedelta(minutes=15)


class Outgoing(IntegerKey, Model):
    """A message that no server has taken yet. ``next_at`` is when to try."""

    __tablename__ = "mail_outbox"

    # In ASCII a domain is longer than as it was written.
    sender: Mapped[str] = mapped_column(Text)
    recipient: Mapped[str] = mapped_column(Text)
    content: Mapped[bytes] = mapped_column(LongBinary)
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    next_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, index=True)


class Claimed(NamedTuple):
    """A row that this process alone tries to deliver, for now."""

    id: int
    attempts: int
    created_at: datetime
    envelope: Envelope


@dataclass
class Tally:
    """What came of an attempt to deliver everything: numbers of messages, and the last thing that went wrong."""

    sent: int = 0
    refused: int = 0
    postponed: int = 0
    error: BaseException | None = None


class Outbox:
    """The mail of one app that waits to be delivered by *backend*."""

    def __init__(self, app: Flask, backend: Backend) -> None:
        # The app holds this: a reference back would keep an app that is dropped until the garbage is collected.
        self._app = weakref.ref(app)
        self.backend = backend
        self._lock = threading.Lock()
        self._asked = False
        self._thread: threading.Thread | None = None
        self._timer: threading.Timer | None = None

    def put(self, envelope: Envelope) -> None:
        """Keep *envelope* with what the session's transaction writes; at once where it has written nothing yet."""
        session = db.session()
        values = {"sender": envelope.sender, "recipient": envelope.recipient, "content": envelope.content}
        if is_writing(session):
            session.add(Outgoing(**values))
        else:
            # Apart from the session, whose transaction may hold locks that a commit would give up.
            with db.engine.begin() as connection:
                connection.execute(insert(Outgoing).values(values))
        after_commit(self.deliver_soon)

    def deliver_soon(self) -> None:
        """Deliver what is due: in the background of a request if it takes time, else now. Nothing is raised."""
        # A database in memory has one connection, and a second thread would commit what another one is writing.
        alone = isinstance(db.engine.pool, StaticPool)
        try:
            if self.backend.instant or alone or not has_request_context():
                self.deliver()
            else:
                self._start()
        except Exception:
            # The change that asked for mail is committed, and the mail is kept.
            current_app.logger.exception("Mail waits, because delivering failed.")

    def deliver(self) -> Tally:
        """Deliver what is due, in order of time, and return what came of it. Stops when the server is away."""
        tally = Tally()
        while (claimed := _claimed()) is not None:
            try:
                self.backend.deliver(claimed.envelope)
            except ServerAway as error:
                tally.error = error.__cause__
                self._postpone(claimed, tally)
                break
            except Exception as error:
                tally.error = error
                if is_final(error):
                    self._give_up(claimed, tally)
                else:
                    self._postpone(claimed, tally)
            else:
                tally.sent += 1
                _forget(claimed)
        return tally

    def waiting(self) -> tuple[int, datetime | None]:
        """Return how many messages wait, and when the next attempt is due."""
        with db.engine.connect() as connection:
            number, moment = connection.execute(select(func.count(), func.min(Outgoing.next_at))).one()
        return number, moment

    def _postpone(self, claimed: Claimed, tally: Tally) -> None:
        if now() - claimed.created_at > KEEP_TRYING:
            self._give_up(claimed, tally)
            return
        tally.postponed += 1
        delay = DELAYS[min(claimed.attempts, len(DELAYS) - 1)]
        minutes, to, error = delay // timedelta(minutes=1), claimed.envelope.recipient, tally.error
        current_app.logger.warning("Mail to %r could not be sent, next attempt in %d min: %r", to, minutes, error)
        with db.engine.begin() as connection:
            connection.execute(update(Outgoing).where(*_still(claimed)).values(next_at=now() + delay))

    def _give_up(self, claimed: Claimed, tally: Tally) -> None:
        tally.refused += 1
        current_app.logger.error("Mail to %r is given up: %r", claimed.envelope.recipient, tally.error)
        _forget(claimed)

    def _start(self) -> None:
        app = self._app()
        if app is None:
            return  # Dropped before the time for another attempt had come: its rows wait for the next process.
        with self._lock:
            self._asked = True
            # A process forked from this one has the object, and no thread.
            if self._thread is None or not self._thread.is_alive():
                # No daemon: the end of the process waits for the message that is being sent.
                self._thread = threading.Thread(target=self._run, args=[app], name="flaskkit-mail")
                self._thread.start()

    def _run(self, app: Flask) -> None:
        with app.app_context():
            while self._is_asked():
                try:
                    self.deliver()
                    _, moment = self.waiting()
                except Exception:
                    app.logger.exception("Mail waits, because delivering failed.")
                    moment = now()
                if moment is not None:
                    self._start_at(max(moment, now() + DELAYS[0]))

    def _is_asked(self) -> bool:
        with self._lock:
            if not self._asked:
                self._thread = None
                return False
            self._asked = False
            return True

    def _start_at(self, moment: datetime) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer((moment - now()).total_seconds(), self._start)
            # Whoever comes next finds the row.
            self._timer.daemon = True
            self._timer.start()


def _claimed() -> Claimed | None:
    """Return the message that is due longest, claimed for this process; None where none is."""
    columns = (Outgoing.id, Outgoing.attempts, Outgoing.created_at, Outgoing.next_at)
    content = (Outgoing.sender, Outgoing.recipient, Outgoing.content)
    due = select(*columns, *content).where(Outgoing.next_at <= now()).order_by(Outgoing.next_at, Outgoing.id).limit(1)
    while True:
        with db.engine.begin() as connection:
            row = connection.execute(due).one_or_none()
            if row is None:
                return None
            claim = update(Outgoing).where(Outgoing.id == row.id, Outgoing.attempts == row.attempts)
            taken = connection.execute(claim.values(attempts=row.attempts + 1, next_at=now() + CLAIM))
        if taken.rowcount == 1:
            envelope = Envelope(row.sender, row.recipient, row.content)
            return Claimed(row.id, row.attempts, row.created_at, envelope)


def _still(claimed: Claimed) -> tuple[Any, Any]:
    return Outgoing.id == claimed.id, Outgoing.attempts == claimed.attempts + 1


def _forget(claimed: Claimed) -> None:
    with db.engine.begin() as connection:
        connection.execute(delete(Outgoing).where(*_still(claimed)))
