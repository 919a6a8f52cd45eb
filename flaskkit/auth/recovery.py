"""Recovery codes: ten at a time, each good once, for when the second factor is lost.

    new_codes()        ->  ten codes such as "k3vt-9xqm-wz7d", shown once    replace(user, codes)    stores their hashes
    use(user, code)    ->  whether it was one, and now is none

The first four characters find the row, the other eight are 40 random bits under a slow hash.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from sqlalchemy import String, UniqueConstraint, delete, func, select
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from flaskkit.auth import passwords
from flaskkit.auth.accounts import user_model
from flaskkit.auth.beside import beside
from flaskkit.db import IntegerKey, UTCDateTime, db
from flaskkit.db.models import now
from flaskkit.db.transactions import together

HOW_MANY = 10
# Crockford's Base32 in lower case: no letter looks like a digit.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_READ_AS = str.maketrans("oil", "011", "- ")


class RecoveryCode(IntegerKey):
    """A code that opens the account once in place of the second factor: a hash only."""

    suffix: ClassVar[str] = "recovery_codes"

    finder: Mapped[str] = mapped_column(String(4))
    secret_hash: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)

    @declared_attr.directive
    def __table_args__(cls) -> Any:  # noqa: N805
        return (UniqueConstraint("user_id", "finder"),)


def model() -> Any:
    """Return the model of recovery codes of the current app."""
    return beside(user_model(), RecoveryCode)


def left(user: Any) -> int:
    """Return how many codes *user* has left."""
    stored = model()
    return db.session.scalar(select(func.count()).select_from(stored).where(stored.user_id == user.id)) or 0


class Codes(NamedTuple):
    """New codes: what to show, and what is stored of each."""

    shown: list[str]
    hashes: list[tuple[str, str]]


def new_codes() -> Codes:
    """Return new codes. Nothing is stored; hashing takes its time, so do this before a transaction begins."""
    codes = _distinct()
    shown = ["-".join((code[:4], code[4:8], code[8:])) for code in codes]
    return Codes(shown, [(code[:4], passwords.hashed(code[4:])) for code in codes])


def replace(user: Any, codes: Codes) -> None:
    """Take *codes* from now on; the old ones are void. Show the new ones now: never again."""
    stored = model()
    with together(keep=True):
        remove(user)
        db.session.add_all(stored(user_id=user.id, finder=finder, secret_hash=text) for finder, text in codes.hashes)


def use(user: Any, code: str) -> bool:
    """Return whether *code* is one of *user*'s, however its letters and dashes are written. It is used up by this."""
    stored = model()
    plain = code.lower().translate(_READ_AS)
    wanted = stored.user_id == user.id, stored.finder == plain[:4]
    found = db.session.execute(select(stored.id, stored.secret_hash).where(*wanted)).first()
    if not passwords.fits(plain[4:], found.secret_hash if found else None) or found is None:
        return False
    # Of two requests at once, one finds the row still there.
    with together(keep=True):
        used: Any = db.session.execute(delete(stored).where(stored.id == found.id), execution_options=_PLAIN)
    return bool(used.rowcount == 1)


def remove(user: Any) -> None:
    """Make all codes of *user* void. Nothing is committed."""
    stored = model()
    db.session.execute(delete(stored).where(stored.user_id == user.id), execution_options=_PLAIN)


def _distinct() -> list[str]:
    codes: dict[str, str] = {}
    while len(codes) < HOW_MANY:
        code = "".join(secrets.choice(ALPHABET) for _ in range(12))
        codes[code[:4]] = code
    return list(codes.values())


_PLAIN = {"synchronize_session": False}
