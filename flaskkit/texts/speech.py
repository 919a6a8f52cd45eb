"""Speech: how something is said to the visitor. This one is English, in UTC; feature `i18n` has the others."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, date, datetime
from typing import Any, Literal

from flask import current_app


def length_of(seconds: int) -> tuple[int, Literal["day", "hour", "minute", "second"]]:
    """Return *seconds* in the longest unit that leaves no rest; a day is 24 hours still."""
    if seconds % 86400 == 0 and seconds > 86400:
        return seconds // 86400, "day"
    if seconds % 3600 == 0:
        return seconds // 3600, "hour"
    return (seconds // 60, "minute") if seconds % 60 == 0 else (seconds, "second")


class Speech:
    """English, with moments in UTC and numbers as programs write them."""

    @property
    def language(self) -> str:
        """The tag of the language, for ``lang`` in HTML."""
        return "en"

    @property
    def direction(self) -> str:
        """Where lines begin: "ltr" or "rtl"."""
        return "ltr"

    @property
    def languages(self) -> list[tuple[str, str]]:
        """The languages to choose from: (tag, its own name). Empty where there is no choice."""
        return []

    @property
    def here(self) -> str:
        """The address to come back to from choosing another language, or ""."""
        return ""

    @property
    def script(self) -> str:
        """The address of a script that belongs on every page, or ""."""
        return ""

    @property
    def zoned(self) -> bool:
        """Whether visitors have different time zones."""
        return False

    @property
    def zone_name(self) -> str:
        """The time zone in which moments are shown and typed."""
        return "UTC"

    def gettext(self, message: str) -> str:
        """Return *message* in the language."""
        return message

    def ngettext(self, one: str, many: str, number: int) -> str:
        """Return *one* or *many*, as *number* asks for."""
        return one if number == 1 else many

    def count(self, number: int) -> str:
        """Return how many there are of something: "28,285"."""
        return f"{number:,}"

    def number(self, value: Any) -> str:
        """Return a value of a column of numbers."""
        return str(value)

    def date(self, value: date) -> str:
        """Return a day; of a moment with a time zone, the day that it is for the visitor."""
        if isinstance(value, datetime):
            value = self.local(value).date()
        return value.isoformat()

    def moment(self, value: datetime) -> str:
        """Return a moment, to the minute, with its time zone."""
        return value.strftime("%Y-%m-%d %H:%M UTC")

    def moment_here(self, value: datetime) -> str:
        """Return a moment for where its time zone, ``zone_name``, is said once for many."""
        return value.strftime("%Y-%m-%d %H:%M")

    def duration(self, seconds: int) -> str:
        """Return how long something is: "10 minutes"."""
        number, unit = length_of(seconds)
        return f"{number} {unit}{'' if number == 1 else 's'}"

    def local(self, moment: datetime, zone: str = "") -> datetime:
        """Return *moment* as the clock shows it in *zone*, or else the visitor's; one without a time zone as it is."""
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment

    def instant(self, typed: datetime, zone: str = "") -> datetime:
        """Return the moment, in UTC, at which the clock in *zone*, or else the visitor's, shows *typed*.

        Raises:
            ValueError: it never does, because the clocks are put forward.
        """
        return typed.replace(tzinfo=UTC)

    @property
    def zones(self) -> list[str]:
        """The time zones to choose from, by name. Empty where there is no choice."""
        return []

    def choose(self, language: str = "", zone: str = "") -> None:
        """From now on speak to the visitor in that *language*, with the clock of that *zone*; "" leaves it as it is.

        Raises:
            Rejected: what is wrong with "language" or "timezone".
        """

    def to(self, reader: Any) -> AbstractContextManager[None]:
        """While it lasts, speak to *reader*, a user object, who need not be the visitor; with None to the visitor."""
        return nullcontext()

    def without_user(self) -> None:
        """From now on do not ask who the visitor is: that may be just what cannot be found out."""

    def value(self, value: Any) -> str:
        """Return what stands in the middle of a text."""
        spoken = getattr(value, "_filled", None)
        return spoken(self) if spoken is not None else str(value)


ENGLISH = Speech()


def speech() -> Speech:
    """Return how the current app speaks to the visitor."""
    try:
        found: Speech = current_app.extensions.get("flaskkit.speech", ENGLISH)
    except RuntimeError:
        # Outside of an app. Asked so, because asking first would take as long again.
        return ENGLISH
    return found
