"""Forms: Flask-WTF with protection against forged requests, and forms made from resources.

protection.py   who must show a token, and when
generate.py     form_for(resource): the form class, and getting values into and out of forms
inputs.py       from one Field record to one WTForms field
kinds.py        the WTForms fields that WTForms lacks: moments in UTC, JSON, …
related.py      those for rows of other tables
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from weakref import proxy

from flask import Flask
from flask_wtf import FlaskForm

from flaskkit.feature import Feature
from flaskkit.forms.generate import changes, form_for, form_on, show_errors, values
from flaskkit.forms.protection import csrf, protect

__all__ = ["FlaskForm", "Forms", "changes", "csrf", "form_for", "form_on", "show_errors", "values"]


@dataclass(frozen=True)
class Forms(Feature):
    """Forms that cannot be forged, and forms made from resources."""

    name: ClassVar[str] = "forms"

    def init_app(self, app: Flask) -> None:
        # None silences the hook of Flask-WTF itself, which knows no tokens; protect() asks the same key.
        app.config.setdefault("WTF_CSRF_CHECK_DEFAULT", None)
        # Its hook keeps what it is given; with a proxy an app that is dropped is freed at once.
        csrf.init_app(proxy(app))
        app.before_request(protect)
