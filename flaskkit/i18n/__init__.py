"""Languages and time zones: Flask-Babel, wired, with flaskkit's own texts in German and Spanish.

visitor.py       which language and which time zone the visitor has, and why
spoken.py        how texts, numbers and moments are said in it
choosing.py      POST /language: the visitor chooses; a user does so at auth/languages.py, too
static/          the script that tells the time zone of a browser
translations/    the catalogues; tests/i18n/catalogues.py writes them
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import flask_babel
from babel import Locale, UnknownLocaleError
from flask import Flask
from jinja2.ext import Extension

from flaskkit.feature import Feature, setting
from flaskkit.i18n.choosing import pages
from flaskkit.i18n.spoken import BabelSpeech
from flaskkit.i18n.visitor import Visitors, is_zone
from flaskkit.texts import add_to_jinja, speak_in_templates

if TYPE_CHECKING:
    from flaskkit.config import Config

__all__ = ["I18n"]

TRANSLATIONS = Path(__file__).with_name("translations")
SHIPPED = ("en", "de", "es")


@dataclass(frozen=True)
class I18n(Feature):
    """Texts, numbers and dates in the visitor's language, moments in their time zone."""

    name: ClassVar[str] = "i18n"

    languages: tuple[str, ...] = setting(
        SHIPPED, help="The languages to choose from, such as `pt-BR`. flaskkit's own texts are there in en, de and es."
    )
    default_language: str = setting(
        "en", key="BABEL_DEFAULT_LOCALE", help="The language for those who read none of them."
    )
    default_timezone: str = setting(
        "UTC", key="BABEL_DEFAULT_TIMEZONE", help="The time zone of those whose own is not known, like `Europe/Berlin`."
    )
    user_language: str = setting("language", help="The attribute of a user that holds a language, if there is one.")
    user_timezone: str = setting("timezone", help="The attribute of a user that holds a time zone, if there is one.")

    def mistakes(self, config: Config) -> Iterable[str]:
        for tag in (*self.languages, self.default_language):
            if _locale(tag) is None:
                yield f"'languages' of feature 'i18n' has {tag!r}; write a language like 'de' or 'pt-BR'."
        if self.default_language not in self.languages:
            yield f"'default_language' of feature 'i18n' is {self.default_language!r}, which is not in 'languages'."
        if not is_zone(self.default_timezone):
            way_out = "Write one like 'Europe/Berlin'."
            yield f"'default_timezone' of feature 'i18n' is {self.default_timezone!r}, which is no time zone. {way_out}"

    def init_app(self, app: Flask) -> None:
        # Flask-Babel pairs directories with domains; of two that know a text, the later one is heard.
        folders = app.config.get("BABEL_TRANSLATION_DIRECTORIES", "translations").split(";")
        domains = app.config.get("BABEL_DOMAIN", "messages").split(";")
        if len(domains) == 1:
            domains *= len(folders)
        app.config["BABEL_TRANSLATION_DIRECTORIES"] = ";".join([str(TRANSLATIONS), *folders])
        app.config["BABEL_DOMAIN"] = ";".join(["flaskkit", *domains])
        app.config["BABEL_DEFAULT_LOCALE"] = str(_locale(app.config["BABEL_DEFAULT_LOCALE"]))
        locales = {_tag(locale): locale for locale in filter(None, map(_locale, self.languages))}
        visitors = Visitors(locales, self.user_language, self.user_timezone)
        # It would touch the Jinja environment, which the app's author may still want to change.
        flask_babel.Babel(configure_jinja=False).init_app(
            app, locale_selector=visitors.locale, timezone_selector=visitors.zone
        )
        app.extensions["flaskkit.speech"] = BabelSpeech(visitors)
        speak_in_templates(app)
        add_to_jinja(app, Formats)
        app.register_blueprint(pages(visitors))
        app.extensions["flaskkit"].own_csrf.add("i18n")
        app.after_request(visitors.tell)


class Formats(Extension):
    """The filters that Flask-Babel documents."""

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        environment.filters.update(
            datetimeformat=flask_babel.format_datetime,
            dateformat=flask_babel.format_date,
            timeformat=flask_babel.format_time,
            timedeltaformat=flask_babel.format_timedelta,
            numberformat=flask_babel.format_number,
            decimalformat=flask_babel.format_decimal,
            currencyformat=flask_babel.format_currency,
            percentformat=flask_babel.format_percent,
            scientificformat=flask_babel.format_scientific,
        )


def _locale(tag: str) -> Locale | None:
    try:
        return Locale.parse(tag.replace("_", "-"), sep="-")
    except (ValueError, UnknownLocaleError):
        return None


def _tag(locale: Locale) -> str:
    return str(locale).replace("_", "-")
