"""BabelSpeech: texts from the catalogues, numbers and moments as Babel writes them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import flask_babel
import pytz
from babel import Locale, dates, numbers, units
from flask import g, has_request_context, request, url_for

from flaskkit.i18n.choosing import keep
from flaskkit.i18n.visitor import LANGUAGE, READER, TIMEZONE, Visitors, is_zone
from flaskkit.texts import Speech, say
from flaskkit.texts.speech import length_of


class BabelSpeech(Speech):
    """The visitor's language and time zone."""

    def __init__(self, visitors: Visitors) -> None:
        self._visitors = visitors

    @property
    def language(self) -> str:
        return str(_locale()).replace("_", "-")

    @property
    def direction(self) -> str:
        return str(_locale().text_direction)

    @property
    def languages(self) -> list[tuple[str, str]]:
        return [(tag, _own_name(locale)) for tag, locale in self._visitors.locales.items()]

    @property
    def here(self) -> str:
        # Whoever chooses a language comes back to what they looked at; what was sent by a form cannot be asked again.
        shown = has_request_context() and request.url_rule and "GET" in (request.url_rule.methods or ())
        return request.script_root + request.full_path.rstrip("?") if shown else ""

    @property
    def script(self) -> str:
        return url_for("i18n.static", filename="timezone.js")

    @property
    def zoned(self) -> bool:
        return True

    @property
    def zone_name(self) -> str:
        return str(flask_babel.get_timezone())

    def gettext(self, message: str) -> str:
        return str(flask_babel.get_translations().ugettext(message))

    def ngettext(self, one: str, many: str, number: int) -> str:
        return str(flask_babel.get_translations().ungettext(one, many, number))

    def count(self, number: int) -> str:
        return numbers.format_decimal(number, locale=_locale())

    def number(self, value: Any) -> str:
        if isinstance(value, float) and not (value == 0 or 1e-6 < abs(value) < 1e15):
            return str(value)
        if isinstance(value, Decimal) and not value.is_finite():
            return str(value)
        if type(value) is int and 0 <= value < 10_000:
            # Years and other short numbers are read as they stand.
            return str(value)
        whole = math.trunc(abs(value)) < 10_000
        places = max(0, -int(value.as_tuple().exponent)) if isinstance(value, Decimal) else 0
        pattern = ("0" if whole else "#,##0") + ("." + "0" * places if places else "")
        return numbers.format_decimal(value, format=pattern, locale=_locale(), decimal_quantization=False)

    def date(self, value: date) -> str:
        if isinstance(value, datetime):
            value = self.local(value).date()
        return _day(value, _locale())

    def moment_here(self, value: datetime) -> str:
        locale, local = _locale(), self.local(value)
        clock = _clock(local.hour, local.minute, locale)
        return _together(locale).replace("{0}", clock).replace("{1}", _day(local.date(), locale))

    def moment(self, value: datetime) -> str:
        said = self.moment_here(value)
        if value.tzinfo is None:
            return said
        locale = _locale()
        zone = flask_babel.get_timezone()
        try:
            there = value.astimezone(zone)
        except OverflowError:
            return f"{said} UTC"
        return f"{said} {_zone_said(zone, there.utcoffset() or timedelta(), bool(there.dst()), locale)}"

    def duration(self, seconds: int) -> str:
        number, unit = length_of(seconds)
        return units.format_unit(number, f"duration-{unit}", locale=_locale())

    def local(self, moment: datetime, zone: str = "") -> datetime:
        if moment.tzinfo is None:
            return moment
        try:
            return moment.astimezone(_zone(zone)).replace(tzinfo=None)
        except OverflowError:
            # At both ends of what Python can count.
            return moment.replace(tzinfo=None)

    def instant(self, typed: datetime, zone: str = "") -> datetime:
        there = _zone(zone)
        try:
            found: datetime = there.localize(typed, is_dst=None)
        except pytz.NonExistentTimeError:
            raise ValueError(say("The clocks were put forward then: there is no such time.")) from None
        except pytz.AmbiguousTimeError:
            found = there.localize(typed, is_dst=True)
        except OverflowError:
            return typed.replace(tzinfo=UTC)
        try:
            return found.astimezone(UTC)
        except OverflowError:
            return typed.replace(tzinfo=UTC)

    @property
    def zones(self) -> list[str]:
        return list(pytz.common_timezones)

    def choose(self, language: str = "", zone: str = "") -> None:
        keep(self._visitors, {name: text for name, text in ((LANGUAGE, language), (TIMEZONE, zone)) if text})

    @contextmanager
    def to(self, reader: Any) -> Iterator[None]:
        before = g.get(READER)
        setattr(g, READER, reader)
        flask_babel.refresh()
        try:
            yield
        finally:
            setattr(g, READER, before)
            flask_babel.refresh()

    def without_user(self) -> None:
        g.flaskkit_i18n_nobody = True
        flask_babel.refresh()


# A page says the same days and times again and again, and Babel takes its time for each.


@lru_cache(maxsize=4096)
def _day(day: date, locale: Locale) -> str:
    return dates.format_date(day, "medium", locale=locale)


@lru_cache(maxsize=4096)
def _clock(hour: int, minute: int, locale: Locale) -> str:
    return dates.format_time(time(hour, minute), "short", locale=locale)


@lru_cache(maxsize=256)
def _together(locale: Locale) -> str:
    """Return how a day, {1}, and a time, {0}, stand together."""
    return str(dates.get_datetime_format("medium", locale=locale)).replace("'", "")


@lru_cache(maxsize=1024)
def _zone_said(zone: Any, offset: timedelta, summer: bool, locale: Locale) -> str:
    """Return "MEZ" where the language has such a word, and else "UTC+1"."""
    kind = "daylight" if summer else "standard"
    name = dates.get_timezone_name(zone, "short", locale=locale, zone_variant=kind)  # type: ignore[arg-type]
    if len(name) <= 5:
        return name
    hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
    return f"UTC{'−' if offset < timedelta() else '+'}{hours}" + (f":{minutes:02}" if minutes else "")


def _zone(name: str) -> Any:
    return pytz.timezone(name) if is_zone(name) else flask_babel.get_timezone()


def _locale() -> Locale:
    found = flask_babel.get_locale()
    return Locale("en") if found is None else found


def _own_name(locale: Locale) -> str:
    name = locale.get_display_name(locale) or str(locale)
    return name[0].upper() + name[1:]
