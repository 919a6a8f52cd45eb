"""Codes of an authenticator app: TOTP (RFC 6238), six digits every 30 seconds, SHA-1, as all such apps have it.

propose(user)  ->  Proposal: the secret, shown once      stored: nothing
accept(user, setup, code)                                stored: the secret, encrypted with the secret key of the app
check(user, code)  ->  whether it is right, once         each code is good once; five wrong ones, and it takes a pause
remove(user)
"""

from __future__ import annotations

import base64
import hmac
import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pyotp
import segno
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import current_app
from pyotp.exceptions import OTPVerificationError
from sqlalchemy import BigInteger, String, case, delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from flaskkit.auth.accounts import user_model
from flaskkit.auth.beside import beside
from flaskkit.db import UTCDateTime, db
from flaskkit.db.models import now
from flaskkit.db.transactions import together
from flaskkit.texts import say, spoken

# How many steps of 30 seconds a clock may be wrong (RFC 6238, section 5.2).
DRIFT = 1
# With three codes valid at a time, guessing has a chance of 1 in 690 for each day of trying.
TRIES = 5
PAUSE = timedelta(minutes=15)
# Seconds in which a proposal must be accepted.
PROPOSAL_LASTS = 3600

log = logging.getLogger("flaskkit.auth")


class TotpSecret:
    """What a user's authenticator app knows, encrypted, and which of its codes was used last."""

    suffix: ClassVar[str] = "totp"

    secret: Mapped[str] = mapped_column(String(255))
    last_step: Mapped[int] = mapped_column(BigInteger)
    failures: Mapped[int] = mapped_column(default=0)
    failed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


@dataclass(frozen=True)
class Proposal:
    """A secret that is not in use yet. Show it to its user and to nobody else.

    ``secret`` is Base32, ``uri`` what a QR code says (Key Uri Format), ``setup`` an opaque text that proves to
    ``accept`` which secret was proposed to whom.
    """

    secret: str
    uri: str
    setup: str

    @property
    def in_groups(self) -> str:
        """The secret as people copy it."""
        return " ".join(self.secret[start : start + 4] for start in range(0, len(self.secret), 4))

    def svg(self) -> str:
        """Return the QR code as an SVG element without styles, dark on light in any colour scheme."""
        code = segno.make(self.uri, error="m", micro=False)
        return code.svg_inline(
            scale=5, light="white", border=4, title=spoken(say("QR code")), svgclass="qr-code", omitsize=False
        )


def model() -> Any:
    """Return the model of stored secrets of the current app."""
    return beside(user_model(), TotpSecret)


def is_on(user: Any) -> bool:
    """Return whether *user* has an authenticator app."""
    stored = model()
    return db.session.scalar(select(stored.user_id).where(stored.user_id == user.id)) is not None


def propose(user: Any, issuer: str) -> Proposal:
    """Return a new secret for *user*; *issuer* is what the app lists the account under."""
    return _proposal(user, issuer, pyotp.random_base32())


def proposed(user: Any, issuer: str, setup: str) -> Proposal | None:
    """Return what was proposed to *user* with *setup*; None if it was not, or more than an hour ago."""
    try:
        told = json.loads(_box().decrypt(setup.encode("utf-8", "replace"), ttl=PROPOSAL_LASTS))
    except InvalidToken:
        return None
    return _proposal(user, issuer, told["secret"], setup) if told.get("user") == str(user.id) else None


def fits(proposal: Proposal, code: str) -> bool:
    """Return whether *code* was made with the secret of *proposal*."""
    return _step(proposal.secret, code) is not None


def accept(user: Any, proposal: Proposal, code: str) -> bool:
    """Take *proposal* as the second factor of *user*, if *code* was made with it. One that was there stays.

    Returns False where the code is wrong, or an app is on already.
    """
    step = _step(proposal.secret, code)
    if step is None:
        return False
    sealed = _box().encrypt(proposal.secret.encode()).decode()
    try:
        with together(keep=True):
            db.session.add(model()(user_id=user.id, secret=sealed, last_step=step))
    except IntegrityError:
        return False
    return True


def check(user: Any, code: str) -> bool:
    """Return whether *code* is right and was not used before. A right one is used up by this, at once for everybody.

    Raises:
        Paused: five wrong ones within a quarter of an hour; none is looked at until it is over.
    """
    stored = model()
    secret = db.session.scalar(select(stored.secret).where(stored.user_id == user.id))
    if secret is None:
        return False
    _count_try(user)
    step = _step(_opened(user, secret), code)
    if step is None:
        return False
    used = update(stored).where(stored.user_id == user.id, stored.last_step < step).values(last_step=step, failures=0)
    return _changed(used)


def remove(user: Any) -> bool:
    """Forget the secret of *user*, and return whether there was one. Commits."""
    stored = model()
    return _changed(delete(stored).where(stored.user_id == user.id))


class Paused(Exception):
    """Too many wrong codes; ``seconds`` until the next try."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            say("Too many wrong codes. The next one is looked at in %(seconds)s seconds.", seconds=seconds)
        )
        self.seconds = seconds


def _count_try(user: Any) -> None:
    # Counted before the code is looked at, so that many requests at once have no more tries than one after another.
    stored, moment = model(), now()
    over = stored.failed_at < moment - PAUSE
    counted = (
        update(stored)
        .where(stored.user_id == user.id, or_(stored.failures < TRIES, over))
        # In this order: MariaDB sees in the second what the first has set.
        .ordered_values((stored.failures, case((over, 1), else_=stored.failures + 1)), (stored.failed_at, moment))
    )
    if not _changed(counted):
        failed_at = db.session.scalar(select(stored.failed_at).where(stored.user_id == user.id)) or moment
        raise Paused(max(1, int((failed_at + PAUSE - moment).total_seconds()) + 1))


def _changed(statement: Any) -> bool:
    with together(keep=True):
        result: Any = db.session.execute(statement, execution_options={"synchronize_session": False})
    return bool(result.rowcount == 1)


def _step(secret: str, code: str) -> int | None:
    """Return the number of the step that *code* belongs to, if it is one of now."""
    digits = "".join(code.split())
    if len(digits) != 6 or not (digits.isascii() and digits.isdigit()):
        return None
    try:
        return pyotp.TOTP(secret).verify_and_get_timecode(digits, for_time=now(), valid_window=DRIFT)
    except OTPVerificationError:
        return None


def _proposal(user: Any, issuer: str, secret: str, setup: str = "") -> Proposal:
    uri = pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=issuer)
    if not setup:
        setup = _box().encrypt(json.dumps({"user": str(user.id), "secret": secret}).encode()).decode()
    return Proposal(secret, uri, setup)


def _opened(user: Any, sealed: str) -> str:
    try:
        return _box().decrypt(sealed).decode()
    except InvalidToken:
        # No code fits then. Recovery codes still do, and `flask kit reset-second-factor` takes it away.
        log.error(  # noqa: TRY400  (the cause says nothing more)
            "The TOTP secret of user %s was encrypted with a secret key that this app no longer has.", user.id
        )
        return pyotp.random_base32()


def _box() -> MultiFernet:
    """Encrypts with the first secret key of the app, and reads what any of them encrypted."""
    config = current_app.config
    keys = [config["SECRET_KEY"], *(config["SECRET_KEY_FALLBACKS"] or ())]
    made = (hmac.digest(k if isinstance(k, bytes) else k.encode(), b"flaskkit.auth.totp", "sha256") for k in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in made])
