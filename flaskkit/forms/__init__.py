"""Forms: Flask-WTF with protection against forged requests, and forms made from resources.

protection.py   who must show a token, and when
generate.py     form_for(resource): the form class, and getting values into forms
values.py       values out of forms, and errors into them
opened.py       what a form showed when it was opened, and who changed it since
inputs.py       from one Field record to one WTForms field
kinds.py        the WTForms fields that WTForms lacks: moments in UTC, JSON, …
related.py      those for rows of other tables
owned.py        that for rows which belong to the row of the form
files.py        that for files, and room for them in requests
jinja.py        extensions that touch the Jinja environment too early
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from weakref import proxy

from flask import Flask
from flask_wtf import FlaskForm

from flaskkit.errors import ResourceError, did_you_mean
from flaskkit.feature import Feature
from flaskkit.forms.files import UploadField, make_room
from flaskkit.forms.generate import contribute, form_for, form_on, looked_up
from flaskkit.forms.jinja import jinja_left_open
from flaskkit.forms.opened import OPENED, ChangedMeanwhile, Conflict, conflicts, mark_of, require_unchanged
from flaskkit.forms.owned import OwnedField, inputs_in
from flaskkit.forms.protection import csrf, keeps_typed, out_of_date, protect, renew_token
from flaskkit.forms.related import rows_found
from flaskkit.forms.values import changes, show_errors, values
from flaskkit.module import Module

__all__ = [
    "OPENED",
    "ChangedMeanwhile",
    "Conflict",
    "FlaskForm",
    "Forms",
    "OwnedField",
    "UploadField",
    "changes",
    "conflicts",
    "csrf",
    "form_for",
    "form_on",
    "inputs_in",
    "keeps_typed",
    "looked_up",
    "make_room",
    "mark_of",
    "out_of_date",
    "require_unchanged",
    "rows_found",
    "show_errors",
    "values",
]


@dataclass(frozen=True)
class Forms(Feature):
    """Forms that cannot be forged, and forms made from resources."""

    name: ClassVar[str] = "forms"

    def init_app(self, app: Flask) -> None:
        # None silences the hook of Flask-WTF itself, which knows no tokens; protect() asks the same key.
        app.config.setdefault("WTF_CSRF_CHECK_DEFAULT", None)
        if app.config.get("SECRET_KEY_FALLBACKS"):
            app.before_request(renew_token)
        # Its hook keeps what it is given; with a proxy an app that is dropped is freed at once.
        with jinja_left_open(app):
            csrf.init_app(proxy(app))
        app.before_request(protect)

    def checks(self) -> Iterable[Any]:
        from flaskkit.forms import checks

        return checks.CHECKS

    def explain(self, app: Flask, endpoint: str, method: str) -> Iterable[Any]:
        from flaskkit.forms import explain

        return explain.steps(app, endpoint, method)

    def init_module(self, app: Flask, module: Module) -> None:
        forms: Mapping[str, Mapping[str, Any]] = module.contributions.get("forms", {})
        resources = {resource.name: resource for resource in app.extensions["flaskkit"].resources}
        for name, options in forms.items():
            if name not in resources:
                hint = did_you_mean(name, resources)
                raise ResourceError(f"Module {module.name!r} has a form for {name!r}, which is no resource.{hint}")
            wrong = {*options} - {"fields", "widgets"}
            if wrong:
                raise ResourceError(
                    f"Module {module.name!r} has {sorted(wrong)} in its form for {name!r}; write 'fields' or 'widgets'."
                )
            with app.app_context():
                contribute(resources[name], form_for(resources[name], **options))
