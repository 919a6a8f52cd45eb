"""Idempotency-Key: a POST that is sent again is not carried out again (draft-ietf-httpapi-idempotency-key-header).

    first time            the key is noted, and committed; then work and answer are stored in one transaction
    again, finished       the same answer
    again, unfinished     409
    again, another body   422

A key belongs to its caller, method and path, and is forgotten after some hours. Work that failed with a 5xx, or that
ended with its process, can be tried again with the same key: at once, or a minute after it began.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial, wraps
from hashlib import file_digest, sha256
from typing import Any, ClassVar

from flask import Response, current_app, request
from sqlalchemy import String, Text, delete, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.exceptions import BadRequest, Conflict, HTTPException, UnprocessableEntity

from flaskkit.access import caller
from flaskkit.api.parts import MEDIA_TYPE
from flaskkit.db import Model, UTCDateTime, db
from flaskkit.db.guards import is_outage
from flaskkit.db.models import LongBinary, now
from flaskkit.db.transactions import together

HEADER = "Idempotency-Key"
LONGEST = 255
KEY = r"[!-~]([ -~]*[!-~])?"
# How long work may take before another request with its key may begin it anew, in seconds.
LEASE = 60
CLEANED_EVERY = 60


class IdempotencyKey(Model):
    """A key that was used, and what was answered; ``status`` is None while the work goes on."""

    __tablename__ = "api_idempotency_keys"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    body_digest: Mapped[str] = mapped_column(String(64))
    attempt: Mapped[str] = mapped_column(String(32))
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    status: Mapped[int | None]
    headers: Mapped[str | None] = mapped_column(Text)
    body: Mapped[bytes | None] = mapped_column(LongBinary)


class Idempotent:
    """Wraps views of one app so that a repeated request gets the first one's answer for that many *hours*."""

    parameter: ClassVar[dict[str, Any]] = {
        "name": HEADER,
        "in": "header",
        "description": "Makes it safe to send this again: what has the same key is carried out once.",
        "schema": {"type": "string", "maxLength": LONGEST, "pattern": f"^{KEY}$"},
    }

    def __init__(self, hours: int) -> None:
        self.hours = hours
        self._clean_at = 0.0

    def __call__(self, view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def once(*args: Any, **kwargs: Any) -> Any:
            work = partial(current_app.ensure_sync(view), *args, **kwargs)
            return self._once(work) if HEADER in request.headers else work()

        return once

    def _once(self, work: Callable[[], Any]) -> Response:
        key = request.headers[HEADER]
        if len(key) > LONGEST or not re.fullmatch(KEY, key):
            raise _told(BadRequest(), f"Give 1 to {LONGEST} printable ASCII characters.")
        digest = _digest(_owner(), request.method, request.path, key)
        sent = _digest(request.query_string.decode("latin-1"), *_body())
        attempt = secrets.token_hex(16)
        self._forget_expired()
        while not _noted(digest, sent, attempt):
            answered = _answered(digest, sent)
            if answered is not None:
                return answered
        return self._carried_out(work, digest, attempt)

    def _carried_out(self, work: Callable[[], Any], digest: str, attempt: str) -> Response:
        try:
            try:
                with together(keep=True):
                    response = current_app.make_response(work())
                    self._keep(response, digest, attempt)
            except HTTPException as error:
                # A refusal is an answer like others, but for those that say: try again.
                response = current_app.make_response(current_app.handle_user_exception(error))
                if response.status_code >= 500:
                    raise
                with together(keep=True):
                    self._keep(response, digest, attempt)
        except BaseException:
            _forget(IdempotencyKey.digest == digest, IdempotencyKey.attempt == attempt)
            raise
        return response

    def _keep(self, response: Response, digest: str, attempt: str) -> None:
        mine = (IdempotencyKey.digest == digest, IdempotencyKey.attempt == attempt)
        kept = {
            "status": response.status_code,
            "headers": json.dumps([pair for pair in response.headers if pair[0] != "Set-Cookie"]),
            "body": response.get_data(),
            "expires_at": now() + timedelta(hours=self.hours),
        }
        stored: Any = db.session.execute(update(IdempotencyKey).where(*mine).values(kept), execution_options=_PLAIN)
        if stored.rowcount != 1:
            raise _running()

    def _forget_expired(self) -> None:
        if time.monotonic() < self._clean_at:
            return
        self._clean_at = time.monotonic() + CLEANED_EVERY
        try:
            _forget(IdempotencyKey.expires_at < now())
        except DBAPIError as error:
            # Another process may be doing the same.
            if not is_outage(error):
                raise


# The session holds none of these rows.
_PLAIN = {"synchronize_session": False}


def _owner() -> str:
    user = caller().user
    return "" if user is None else f"{type(user).__name__}:{user.id}"


def _body() -> Iterator[str | bytes]:
    """Yield what tells one body from another; of one in parts not the boundary, which is made up anew each time."""
    if request.mimetype != MEDIA_TYPE:
        yield request.get_data()
        return
    for name, text in request.form.items(multi=True):
        yield from ("text", name, text)
    for name, file in request.files.items(multi=True):
        stream: Any = file.stream
        yield from ("file", name, file.filename or "", file_digest(stream, sha256).digest())
        stream.seek(0)


def _digest(*parts: str | bytes) -> str:
    found = sha256()
    for part in parts:
        encoded = part.encode() if isinstance(part, str) else part
        found.update(b"%d:" % len(encoded) + encoded)
    return found.hexdigest()


def _noted(digest: str, sent: str, attempt: str) -> bool:
    """Note the key and return True, or False where it is noted already."""
    values = {"digest": digest, "body_digest": sent, "attempt": attempt, "expires_at": now() + timedelta(seconds=LEASE)}
    try:
        with together(keep=True):
            db.session.execute(insert(IdempotencyKey).values(values))
    except IntegrityError:
        return False
    return True


def _answered(digest: str, sent: str) -> Response | None:
    """Return the answer stored for a key, or None where there is no such key any more."""
    columns = (IdempotencyKey.body_digest, IdempotencyKey.expires_at, IdempotencyKey.attempt)
    answer = (IdempotencyKey.status, IdempotencyKey.headers, IdempotencyKey.body)
    with together(keep=True):
        found = db.session.execute(select(*columns, *answer).where(IdempotencyKey.digest == digest)).one_or_none()
    if found is None:
        return None
    if found.expires_at < now():
        _forget(IdempotencyKey.digest == digest, IdempotencyKey.attempt == found.attempt)
        return None
    if found.body_digest != sent:
        raise _told(UnprocessableEntity(), "This key was used with another body.")
    if found.status is None:
        raise _running()
    return current_app.response_class(found.body, found.status, json.loads(found.headers))


def _forget(*conditions: Any) -> None:
    with together(keep=True):
        db.session.execute(delete(IdempotencyKey).where(*conditions), execution_options=_PLAIN)


def _running() -> HTTPException:
    return _told(Conflict(), "A request with this key has not been answered yet.")


def _told(error: HTTPException, words: str) -> HTTPException:
    """Return *error*, which is about the header, with *words*."""
    error.description = words
    error.data = {"message": words, "messages": {"headers": {HEADER: [words]}}}  # type: ignore[attr-defined]
    return error
