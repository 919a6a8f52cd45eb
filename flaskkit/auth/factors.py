"""The second factor: who is asked for one after the password, and with what they may answer.

``app.extensions["flaskkit.second_factor"]`` is a ``SecondFactor``, where the setting says so:

    "optional"    asked of users who have an authenticator app
    "required"    asked of everybody; whoever has none yet sets it up before anything else
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import current_app
from werkzeug.exceptions import TooManyRequests

from flaskkit.auth import recovery, totp
from flaskkit.auth.errors import WrongCredentials
from flaskkit.auth.events import tell
from flaskkit.db.transactions import together
from flaskkit.errors import Conflicting, Rejected
from flaskkit.texts import say

WRONG = say("This code is wrong, or was used before.")
TAKEN = say("An authenticator app is set up already.")


@dataclass(frozen=True)
class SecondFactor:
    """What an app asks for after the password. It is *required* of everybody, or of those who set it up."""

    required: bool = False

    def needed(self, user: Any) -> bool:
        """Return whether the password alone does not log *user* in."""
        return self.required or totp.is_on(user)

    def methods(self, user: Any) -> list[str]:
        """Return with what *user* can answer: "totp", "recovery", "passkey"; nothing where it is yet to be set up."""
        found = ["totp", *(["recovery"] if recovery.left(user) else [])] if totp.is_on(user) else []
        if "flaskkit.passkeys" in current_app.extensions:
            from flaskkit.auth.passkeys.keys import how_many

            found += ["passkey"] if how_many(user) else []
        return found

    def check(self, user: Any, code: str) -> str:
        """Return by which method *code* is right; it is used up by this.

        Raises:
            WrongCredentials: it is wrong. TooManyRequests: there were five wrong ones; recovery codes are taken.
        """
        digits = "".join(code.split())
        if not (digits.isascii() and digits.isdigit() and len(digits) == 6):
            if recovery.use(user, code):
                return "recovery"
            raise self._wrong(user, "recovery")
        try:
            right = totp.check(user, digits)
        except totp.Paused as paused:
            tell("second_factor_failed", user, factor="totp", paused=True)
            text = say("Too many wrong codes. Wait a while, or use a recovery code.")
            raise TooManyRequests(text, retry_after=paused.seconds) from paused
        if not right:
            raise self._wrong(user, "totp")
        return "totp"

    def _wrong(self, user: Any, method: str) -> WrongCredentials:
        tell("second_factor_failed", user, factor=method)
        return WrongCredentials({"code": [WRONG]}, WRONG)

    def step(self, user: Any) -> str:
        """Return the flow that follows the password: "second_factor", "passkey", or "totp" to set it up."""
        methods = self.methods(user)
        return "second_factor" if "totp" in methods else "passkey" if methods else "totp"

    def refuse_another(self, user: Any) -> None:
        """Raise if *user* has an authenticator app.

        Raises:
            Conflicting: it is to be turned off first.
        """
        if totp.is_on(user):
            raise Conflicting({"": [TAKEN]})

    def turn_on(self, user: Any, proposal: totp.Proposal, code: str) -> list[str]:
        """Take the app that *proposal* was shown to, and return recovery codes, to be shown once.

        Raises:
            Rejected: *code* was not made by it. Conflicting: another request was faster.
        """
        if not totp.fits(proposal, code):
            raise Rejected({"code": [say("This code is wrong. Is the clock of your device right?")]})
        codes = recovery.new_codes()
        with together(keep=True):
            if not totp.accept(user, proposal, code):
                raise Conflicting({"": [TAKEN]})
            recovery.replace(user, codes)
            tell("second_factor_on", user, factor="totp")
        return codes.shown

    def turn_off(self, user: Any) -> None:
        """Ask for no code from now on."""
        with together(keep=True):
            recovery.remove(user)
            if totp.remove(user):
                tell("second_factor_off", user, factor="totp")
