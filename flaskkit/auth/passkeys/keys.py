"""Passkeys: a table beside the users', and the two ceremonies of WebAuthn, each begun here and answered by the browser.

    registration(user)              ->  Ceremony        register(user, name, ceremony, credential)  ->  the row
    authentication(user or None)    ->  Ceremony        check(ceremony, credential, user or None)   ->  the user

A ceremony is a signed text that says which challenge was given for what, and when. It is good for ten minutes;
and once, because a passkey takes no challenge that is as old as the last one it answered.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, ClassVar
from urllib.parse import urlsplit

import webauthn
from flask import current_app
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import BigInteger, LargeBinary, String, Text, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from flaskkit.auth.accounts import user_model
from flaskkit.auth.beside import beside
from flaskkit.auth.errors import WrongCredentials
from flaskkit.db import IntegerKey, UTCDateTime, db
from flaskkit.db.models import now
from flaskkit.db.transactions import together
from flaskkit.errors import Conflicting, Rejected
from flaskkit.texts import say

# How long a browser may take to answer, in seconds.
LASTS = 600
NAME_LENGTH = 80
TOO_LATE = say("This took too long. Try again.")
WRONG = say("This passkey does not open an account here.")

# What a browser sends is read by py_webauthn, which lets through what its parsers raise.
_FAILURES = (WebAuthnException, ValueError, TypeError, KeyError, AttributeError)


class Passkey(IntegerKey):
    """A public key of a user, whose private key their device keeps."""

    suffix: ClassVar[str] = "passkeys"

    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    # Of the credential's id, which may be too long for an index.
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    credential_id: Mapped[str] = mapped_column(Text)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    # When the last challenge that it answered was given, in microseconds since 1970.
    answered: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


@dataclass(frozen=True)
class Origin:
    """Where passkeys are used: ``app.extensions["flaskkit.passkeys"]``. It is configured, never read from a request."""

    address: str

    @property
    def host(self) -> str:
        """The relying party's id: passkeys are good for this host (WebAuthn, section 5.1.2)."""
        return urlsplit(self.address).hostname or ""


@dataclass(frozen=True)
class Ceremony:
    """What a browser is asked: ``options``, JSON for navigator.credentials, and ``text``, which comes back with it."""

    options: str
    text: str


def model() -> Any:
    """Return the model of passkeys of the current app."""
    return beside(user_model(), Passkey)


def of_user(user: Any) -> list[Any]:
    """Return the passkeys of *user*, oldest first."""
    stored = model()
    return list(db.session.scalars(select(stored).where(stored.user_id == user.id).order_by(stored.id)))


def how_many(user: Any) -> int:
    """Return how many passkeys *user* has."""
    stored = model()
    return db.session.scalar(select(func.count()).select_from(stored).where(stored.user_id == user.id)) or 0


def one_of(user: Any, key: Any) -> Any:
    """Return that passkey of *user*.

    Raises:
        Rejected: there is none with that key.
    """
    found = next((one for one in of_user(user) if str(one.id) == str(key)), None)
    if found is None:
        raise Rejected({"passkey": [say("You have no such passkey.")]})
    return found


def registration(user: Any, site: str) -> Ceremony:
    """Ask for a new passkey of *user*; *site* is what the device lists it under."""
    options = webauthn.generate_registration_options(
        rp_id=_origin().host,
        rp_name=site,
        # Says nothing about its user, and is the same each time (WebAuthn, section 14.6.1).
        user_id=_handle(user),
        user_name=user.email,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=_descriptors(of_user(user)),
    )
    return _ceremony(options, "register", user)


def register(user: Any, name: str, text: str, credential: str) -> Any:
    """Store the passkey that answers the ceremony *text* of *user*.

    Raises:
        Rejected: it does not, or too late. Conflicting: it is registered already.
    """
    challenge, _ = _challenge(text, "register", user)
    try:
        verified = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=_origin().host,
            expected_origin=_origin().address,
            require_user_verification=True,
        )
    except _FAILURES as error:
        raise Rejected({"credential": [say("Your device did not make a passkey. Try again.")]}) from error
    made = model()(
        user_id=user.id,
        name=name,
        digest=_digest(verified.credential_id),
        credential_id=bytes_to_base64url(verified.credential_id),
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
    )
    try:
        with together(keep=True):
            db.session.add(made)
    except IntegrityError:
        raise Conflicting({"credential": [say("This passkey is registered already.")]}) from None
    return made


def authentication(user: Any = None) -> Ceremony:
    """Ask for a passkey: one of *user*'s, who has given a password, or any that its device knows for this site."""
    options = webauthn.generate_authentication_options(
        rp_id=_origin().host,
        allow_credentials=_descriptors(of_user(user)) if user is not None else None,
        user_verification=_verification(user),
    )
    return _ceremony(options, "authenticate", user)


def check(text: str, credential: str, user: Any = None) -> Any:
    """Return whose passkey answers the ceremony *text*; the answer is used up by this. With *user*, it is theirs.

    Raises:
        Rejected: too late. WrongCredentials: the answer is wrong, was used before, or is nobody's who may
            log in.
    """
    wrong = WrongCredentials({"credential": [WRONG]}, WRONG)
    challenge, given = _challenge(text, "authenticate", user)
    stored = model()
    try:
        sent = webauthn.helpers.parse_authentication_credential_json(credential)
        handle = sent.response.user_handle
        key = db.session.scalar(select(stored).where(stored.digest == _digest(sent.raw_id)))
    except _FAILURES as error:
        raise wrong from error
    if key is None or (user is not None and key.user_id != user.id):
        raise wrong
    owner = user if user is not None else db.session.get(user_model(), key.user_id)
    # Where the device chose the account, it says whose it is (WebAuthn, section 7.2, step 6).
    if handle != _handle(owner) if user is None else handle not in (None, _handle(owner)):
        raise wrong
    if owner is None or not owner.is_active:
        raise wrong
    try:
        verified = webauthn.verify_authentication_response(
            credential=sent,
            expected_challenge=challenge,
            expected_rp_id=_origin().host,
            expected_origin=_origin().address,
            credential_public_key=key.public_key,
            credential_current_sign_count=key.sign_count,
            require_user_verification=user is None,
        )
    except _FAILURES as error:
        raise wrong from error
    with together(keep=True):
        used: Any = db.session.execute(
            update(stored)
            .where(stored.id == key.id, stored.answered < given, stored.sign_count == key.sign_count)
            .values(answered=given, sign_count=verified.new_sign_count, used_at=now()),
            execution_options={"synchronize_session": False},
        )
    if used.rowcount != 1:
        raise wrong
    return owner


def _ceremony(options: Any, what: str, user: Any) -> Ceremony:
    challenge = bytes_to_base64url(options.challenge)
    told = [what, str(user.id) if user is not None else "", challenge, time.time_ns() // 1000]
    return Ceremony(options_to_json(options), _signer().dumps(told))


def _challenge(text: str, what: str, user: Any) -> tuple[bytes, int]:
    """Return the challenge of a ceremony, and when it was given in microseconds."""
    try:
        begun, whose, challenge, given = _signer().loads(text, max_age=LASTS)
    except BadSignature:
        raise Rejected({"ceremony": [TOO_LATE]}) from None
    if (begun, whose) != (what, str(user.id) if user is not None else ""):
        raise Rejected({"ceremony": [TOO_LATE]})
    return base64url_to_bytes(challenge), given


def _signer() -> URLSafeTimedSerializer:
    config = current_app.config
    # The last key signs; the others are still read.
    keys = [*reversed(config["SECRET_KEY_FALLBACKS"] or ()), config["SECRET_KEY"]]
    return URLSafeTimedSerializer(keys, salt="flaskkit.auth.passkeys")


def _verification(user: Any) -> UserVerificationRequirement:
    # After a password it is enough to have the device; alone, a passkey is two factors.
    return UserVerificationRequirement.REQUIRED if user is None else UserVerificationRequirement.PREFERRED


def _descriptors(keys: Iterable[Any]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(key.credential_id)) for key in keys]


def _origin() -> Origin:
    found: Origin = current_app.extensions["flaskkit.passkeys"]
    return found


def _handle(user: Any) -> bytes:
    return sha256(f"{user.__tablename__} {user.id}".encode()).digest()


def _digest(credential_id: bytes) -> str:
    return sha256(credential_id).hexdigest()
