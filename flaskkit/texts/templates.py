"""_(), ngettext() and {% trans %} in templates, and ``i18n``, which is the app's ``Speech``."""

from __future__ import annotations

from typing import Any

from flask import Flask
from jinja2.ext import Extension, InternationalizationExtension
from werkzeug.local import LocalProxy

from flaskkit.texts.speech import speech

_TOOLS = (
    "install_gettext_translations",
    "install_null_translations",
    "install_gettext_callables",
    "uninstall_gettext_translations",
    "extract_translations",
)


class Translations(InternationalizationExtension):
    """Jinja's own extension, which asks the app's ``Speech`` for every text."""

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        environment.install_gettext_callables(
            gettext=lambda message: speech().gettext(message),
            ngettext=lambda one, many, number: speech().ngettext(one, many, number),
            newstyle=True,
        )
        environment.globals["i18n"] = LocalProxy(speech)
        # Through these the environment, and so the app, would refer to itself and not be freed at once. Whoever adds
        # jinja2.ext.i18n has them.
        for name in _TOOLS:
            delattr(environment, name)


def speak_in_templates(app: Flask) -> None:
    """Let the templates of *app* speak; called by each feature that has some. Texts of its author's own come first."""
    if "jinja_env" in vars(app) and "gettext" in app.jinja_env.globals:
        app.jinja_env.globals.setdefault("i18n", LocalProxy(speech))
    else:
        add_to_jinja(app, Translations)


def add_to_jinja(app: Flask, extension: type[Extension]) -> None:
    """Add *extension* to the Jinja environment of *app*, once, without making that environment too early."""
    if "jinja_env" in vars(app):
        if extension.identifier not in app.jinja_env.extensions:
            app.jinja_env.add_extension(extension)
        return
    known = app.jinja_options.get("extensions", [])
    if extension not in known:
        app.jinja_options = {**app.jinja_options, "extensions": [*known, extension]}
