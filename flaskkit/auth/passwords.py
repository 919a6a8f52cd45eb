"""Passwords: which are taken, how they are stored (argon2id) and compared.

Hashes of Werkzeug (``scrypt:…``, ``pbkdf2:…``), as many Flask apps have them, are taken too, and made anew at log in.
"""

from __future__ import annotations

import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import current_app
from werkzeug.security import check_password_hash

from flaskkit.texts import say

# What `shortest` may be set to, and the most that is hashed.
SHORTEST, LONGEST = 8, 128
# The most that is looked at: a letter may be typed as several, which are one when it is normalised. Megabytes would
# keep the server busy for as many seconds.
LONGEST_TYPED = 4 * LONGEST
LEGACY = ("scrypt:", "pbkdf2:")

# The parameters are argon2-cffi's own and grow with it; `outdated` finds hashes made with weaker ones.
hasher = PasswordHasher()


def shortest() -> int:
    """Return how many characters a new password has at least, in the current app."""
    return int(current_app.extensions["flaskkit.auth"].password_length)


def mistake(password: str, email: str = "") -> str:
    """Return what is wrong with a new *password* of the user with that address, or "".

    It is too short or too long, among those that are tried first, or the address. Nothing else counts: no kinds of
    characters are asked for (NIST SP 800-63B, section 3.1.1.2).
    """
    text = unicodedata.normalize("NFKC", password[: LONGEST_TYPED + 1])
    if len(text) < shortest():
        return say("Use at least %(number)s characters.", number=shortest())
    if len(text) > LONGEST or len(password) > LONGEST_TYPED:
        return say("Use at most %(number)s characters.", number=LONGEST)
    plain = text.casefold()
    if plain in _common():
        return say("This password is among the first that others would try. Use another one.")
    if email and (email.casefold() in plain or plain == email.casefold().partition("@")[0]):
        return say("This password is your e-mail address, or contains it. Use another one.")
    return ""


def hashed(password: str) -> str:
    """Return what is stored of *password*."""
    return hasher.hash(_bytes(password))


def fits(password: str, stored: str | None) -> bool:
    """Return whether *stored* was made from *password*. Takes as long when there is nothing stored."""
    if len(password) > LONGEST_TYPED:
        return False
    if stored is not None and stored.startswith(LEGACY):
        return _fits_legacy(password, stored)
    try:
        return hasher.verify(stored or _nobodys(), _bytes(password)) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def outdated(stored: str) -> bool:
    """Return whether *stored* was made in another way, or with weaker parameters, than those of today."""
    return stored.startswith(LEGACY) or hasher.check_needs_rehash(stored)


def _fits_legacy(password: str, stored: str) -> bool:
    try:
        return check_password_hash(stored, password)
    except ValueError:
        return False  # A hash that Werkzeug cannot read, or a password that is no UTF-8.


@cache
def _common() -> frozenset[str]:
    """Return the 30,000 passwords that turned up most often in breaches, from the package zxcvbn."""
    # Only here: it takes 75 ms to import, and only who chooses a password needs it.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(word for word in FREQUENCY_LISTS["passwords"] if len(word) >= SHORTEST)


@cache
def _nobodys() -> str:
    return hashed("")


def _bytes(password: str) -> bytes:
    # One password, however a keyboard composes its accents. Lone surrogates, as from a terminal, are no error.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
