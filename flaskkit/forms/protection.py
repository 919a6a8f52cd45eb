"""Which requests must prove that they come from a page of this site.

GET, HEAD, OPTIONS        no
caller with a token       no: another site cannot make a browser send it
everybody else            yes, unless the view or its blueprint is exempt, or shows its form again (``keeps_typed``)
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from flask import current_app, g, request, session
from flask_wtf import CSRFProtect, FlaskForm
from flask_wtf.csrf import CSRFError, generate_csrf, validate_csrf
from werkzeug.datastructures import ImmutableMultiDict, MultiDict
from wtforms import ValidationError

from flaskkit.access import caller, guard_of
from flaskkit.errors import LoginRequired
from flaskkit.texts import say

csrf = CSRFProtect()
View = TypeVar("View", bound=Callable[..., Any])


def keeps_typed(view: View) -> View:
    """Let *view* answer a request without a good token itself, so that what was typed is not lost.

    It must call ``validate()`` of a ``FlaskForm`` before it does anything: that refuses, and has a fresh token.
    """
    view.__dict__["keeps_typed"] = True
    return view


def renew_token() -> None:
    """Show Flask-WTF a token of an older SECRET_KEY as it can read it, before it looks: it knows the current key only.

    Only one that is of this session and has not expired counts.
    """
    config = current_app.config
    if request.method not in config["WTF_CSRF_METHODS"] or config.get("WTF_CSRF_SECRET_KEY"):
        return
    name = config["WTF_CSRF_FIELD_NAME"]
    for field in [key for key in request.form if key.endswith(name)]:
        if _is_older(request.form[field]):
            form = MultiDict(request.form)
            form[field] = generate_csrf()
            request.form = ImmutableMultiDict(form)
    for header in config["WTF_CSRF_HEADERS"]:
        if _is_older(request.headers.get(header, "")):
            request.environ[f"HTTP_{header.upper().replace('-', '_')}"] = generate_csrf()


def _is_older(token: str) -> bool:
    if not token or current_app.config["WTF_CSRF_FIELD_NAME"] not in session:
        return False
    for key in current_app.config["SECRET_KEY_FALLBACKS"]:
        with suppress(ValidationError):
            validate_csrf(token, key)
            return True
    return False


def protect() -> None:
    """Check the token of a request that changes something, unless the caller needs none.

    ``WTF_CSRF_CHECK_DEFAULT`` decides, as Flask-WTF documents it: False means that nobody checks, True that
    Flask-WTF checks every request by itself. None, flaskkit's default, means what stands above.

    Raises:
        flask_wtf.csrf.CSRFError: 400, with the reason.
        LoginRequired: the view is for users only, and nobody is logged in any more.
    """
    config, method = current_app.config, request.method
    if method not in config["WTF_CSRF_METHODS"] or not request.endpoint:
        return
    if not config["WTF_CSRF_ENABLED"] or config["WTF_CSRF_CHECK_DEFAULT"] is not None:
        return
    if request.blueprint in current_app.extensions["flaskkit"].own_csrf:
        return
    if caller().by == "token":
        g.csrf_valid = True  # Flask-WTF's mark of a request that was checked: its forms ask for it.
        return
    try:
        csrf.protect(apply_exemptions=True)
    except CSRFError:
        if getattr(current_app.view_functions[request.endpoint], "keeps_typed", False) and not _has_good_token():
            return  # The form of that view refuses as well, and is shown again.
        if session_has_ended():
            raise LoginRequired from None
        raise


def session_has_ended() -> bool:
    """Return whether nobody is logged in any more to do what is asked: the token went with the session."""
    policy = guard_of(current_app.view_functions[request.endpoint or ""], request.method).policy
    return policy is not None and not policy.anonymous and caller().user is None


def _has_good_token() -> bool:
    """Whether the form that was sent would be taken: then it is refused for where it came from."""
    try:
        validate_csrf(request.form.get(current_app.config["WTF_CSRF_FIELD_NAME"]))
    except ValidationError:
        return False
    return True


def out_of_date(form: FlaskForm) -> bool:
    """Return whether *form*, which did not validate, has no good token, and say so where people see it.

    Shown again it has a fresh one: whoever sends it then has looked at it on this site.
    """
    token = form._fields.get("csrf_token")
    if token is None or not token.errors:
        return False
    token.errors = []
    form.form_errors.append(
        say("Nothing was saved yet: this page was open for a long time. Look at it and send it again.")
    )
    return True
