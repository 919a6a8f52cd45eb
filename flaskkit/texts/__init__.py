"""What flaskkit says to people, and how: texts that can be translated, dates, numbers, time zones.

    raise ValidationError(say("Must be at most %(most)s.", most=16))
    say_many("%(num)s row", "%(num)s rows", 3)

A ``Text`` is an English string, and so it is English wherever a program reads it: in JSON, in the log, in tests. In an
HTML template it stands in the visitor's language, by itself; elsewhere ``spoken(text)`` says it. Who the visitor is and
what they read, feature `i18n` knows: ``speech()`` is what it put into ``app.extensions``, or else English.

speech.py      Speech: English, and the ways in which people read values
templates.py   _(), {% trans %} and ``i18n`` in templates
"""

from __future__ import annotations

from typing import Any, SupportsIndex

from flask import current_app
from markupsafe import Markup, escape

from flaskkit.texts.speech import ENGLISH, Speech, speech
from flaskkit.texts.templates import add_to_jinja, speak_in_templates

__all__ = [
    "Speech",
    "Text",
    "add_to_jinja",
    "as_text",
    "either",
    "joined",
    "say",
    "say_many",
    "speak_in_templates",
    "speech",
    "spoken",
]


class Text(str):
    """An English text, and what it was made of, so that it can be said in another language."""

    message: str
    many: str
    number: int | None
    values: dict[str, Any]

    def __html__(self) -> Markup:
        return escape(self.spoken())

    def spoken(self) -> str:
        """Return it in the visitor's language."""
        return self._filled(speech())

    def _filled(self, how: Speech) -> str:
        if self.number is not None:
            found = how.ngettext(self.message, self.many, self.number)
        else:
            found = how.gettext(self.message) if self.message else ""
        if not self.values and self.number is None:
            return found
        count = {} if self.number is None else {"num": how.count(self.number)}
        return found % {**count, **{name: how.value(value) for name, value in self.values.items()}}

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        # A copy in another process or on another thread is what a program reads.
        return str, (str(self),)


class _Said(Text):
    """A text that something else translates: a lazy string of the app's author."""

    lazy: Any

    def _filled(self, how: Speech) -> str:
        return str(self) if how is ENGLISH else str(self.lazy)


def say(message: str, /, **values: Any) -> Text:
    """Return *message* as a text that can be translated, with *values* at its ``%(name)s``.

    Without values a "%" is itself. Values that are texts are translated as well.
    """
    return _made(message, "", None, values)


def say_many(one: str, many: str, number: int, /, **values: Any) -> Text:
    """Return *one* or *many*, by *number*, which stands at ``%(num)s``."""
    return _made(one, many, number, values)


def spoken(text: str) -> str:
    """Return *text* in the visitor's language; a string that is no ``Text`` is looked up as it stands."""
    if isinstance(text, Text):
        return text.spoken()
    return speech().gettext(text) if text else text


def joined(*texts: str, between: str = " ") -> Text:
    """Return *texts*, without those that are empty, as one."""
    given = {f"text{i}": text for i, text in enumerate(texts) if text}
    if len(given) == 1:
        return as_text(*given.values())
    return say(between.join(f"%({name})s" for name in given), **given)


def either(*texts: str) -> Text:
    """Return "a or b or c"."""
    first, *others = texts
    told = as_text(first)
    for other in others:
        told = say("%(one)s or %(other)s", one=told, other=other)
    return told


def as_text(given: Any, otherwise: str = "") -> Text:
    """Return what an app's author has *given* as a text, or *otherwise*.

    A lazy string is for programs what it is outside of an app, and in one *otherwise*.
    """
    if isinstance(given, Text):
        return given
    if isinstance(given, str) or not given:
        return say(given or otherwise)
    text = _Said(otherwise if current_app else str(given))
    text.message, text.many, text.number, text.values, text.lazy = str(text), "", None, {}, given
    return text


def _made(message: str, many: str, number: int | None, values: dict[str, Any]) -> Text:
    text = Text.__new__(Text)
    text.message, text.many, text.number, text.values = message, many, number, values
    found = Text(text._filled(ENGLISH) if values or number is not None else message)
    vars(found).update(vars(text))
    return found
