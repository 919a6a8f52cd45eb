"""One limit, as it is written: "10 per 5 minutes by account"."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, Self

import limits

from flaskkit.errors import ConfigError, did_you_mean

By = Literal["address", "caller", "account"]
# In the order in which they are counted: an address that has had its share does not use up the share of an account.
ORDER: tuple[By, ...] = ("address", "caller", "account")


class Rule(NamedTuple):
    """At most *most* in *seconds*, counted for each address, caller or account by itself."""

    name: str
    most: int
    seconds: int
    by: By

    @classmethod
    def read(cls, name: str, text: str) -> Self:
        """Return the rule that *text* is; the limit itself is in the notation of the package `limits`.

        Raises:
            ConfigError: it is none.
        """
        if not re.fullmatch(r"[A-Za-z][\w-]*", name, re.ASCII):
            raise ConfigError(f"{name!r} is no name for a limit; write it like 'search'.")
        written, _, by = text.rpartition(" by ")
        hint = f"{text!r} in {name!r} is no limit; write it like '10 per 5 minutes by address'."
        if by not in ORDER:
            raise ConfigError(f"{hint}{did_you_mean(by, ORDER)} It is by address, by caller or by account.")
        # The package takes several limits, and what stands around one.
        if not re.fullmatch(r"\s*\d+\s*(/|\s+per\s+)\s*(\d+\s*)?[a-z]+\s*", written, re.IGNORECASE):
            raise ConfigError(hint)
        try:
            limit = limits.parse(written)
        except ValueError as error:
            raise ConfigError(hint) from error
        if limit.amount < 1:
            raise ConfigError(hint)
        return cls(name, limit.amount, limit.get_expiry(), by)

    @property
    def label(self) -> str:
        """The name in headers."""
        return f"{self.name}-{self.by}-{self.seconds}"

    @property
    def policy(self) -> str:
        """The item of the field RateLimit-Policy."""
        return f'"{self.label}";q={self.most};w={self.seconds}'
