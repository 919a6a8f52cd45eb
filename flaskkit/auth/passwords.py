"""Passwords: which are taken, how they are stored (argon2id) and compared."""

from __future__ import annotations

import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 8, 128

# The parameters are argon2-cffi's own and grow with it; `outdated` finds hashes made with weaker ones.
hasher = PasswordHasher()


def mistake(password: str) -> str:
    """Return what is wrong with a new *password*, or "". Length is all that counts (NIST SP 800-63B, 3.1.1.2)."""
    if len(password) < SHORTEST:
        return f"Use at least {SHORTEST} characters."
    return f"Use at most {LONGEST} characters." if len(password) > LONGEST else ""


def hashed(password: str) -> str:
    """Return what is stored of *password*."""
    return hasher.hash(_bytes(password))


def fits(password: str, stored: str | None) -> bool:
    """Return whether *stored* was made from *password*. Takes as long when there is nothing stored."""
    if len(password) > LONGEST:
        return False
    try:
        return hasher.verify(stored or _nobodys(), _bytes(password)) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def outdated(stored: str) -> bool:
    """Return whether *stored* was made with weaker parameters than those of today."""
    return hasher.check_needs_rehash(stored)


@cache
def _nobodys() -> str:
    return hashed("")


def _bytes(password: str) -> bytes:
    # One password, however a keyboard composes its accents. Lone surrogates, as from a terminal, are no error.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
