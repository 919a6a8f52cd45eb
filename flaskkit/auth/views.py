"""The pages: log in, log out, sign up; and what a stranger gets who asks for more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import flask_login
from flask import Blueprint, current_app, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm

from flaskkit.access import caller, declare, public
from flaskkit.auth import accounts
from flaskkit.auth.forms import LoginForm, SignUpForm
from flaskkit.auth.identity import bearer, end_session, start_session
from flaskkit.auth.redirects import login_url, safe_path
from flaskkit.errors import LoginRequired, Rejected

WRONG = "The e-mail address or the password is wrong."


def pages(url_prefix: str, *, sign_up: bool) -> Blueprint:
    """Return the blueprint of the pages."""
    blueprint = Blueprint("auth", __name__, url_prefix=url_prefix, template_folder="templates")
    blueprint.add_url_rule("/login", "login", log_in, methods=["GET", "POST"])
    blueprint.add_url_rule("/logout", "logout", log_out, methods=["POST"])
    if sign_up:
        blueprint.add_url_rule("/sign-up", "sign_up", new_account, methods=["GET", "POST"])
    return blueprint


def log_in() -> ResponseReturnValue:
    """Ask for address and password."""
    # Given the form's own data, Flask-WTF does not look into JSON bodies, which may hold anything.
    form = LoginForm(request.form)
    if form.validate_on_submit():
        user = accounts.log_in(form.email.data or "", form.password.data or "")
        if user is not None:
            start_session(user, remember=form.remember.data)
            return _onwards()
        form.form_errors.append(WRONG)
    elif not form.is_submitted() and _is_known():
        return _onwards()
    return _page("auth/login.html", form)


def new_account() -> ResponseReturnValue:
    """Ask for what makes an account, and log in."""
    form = SignUpForm(request.form)
    if form.validate_on_submit():
        try:
            user = accounts.create(form.email.data or "", form.password.data or "")
        except Rejected as refused:
            _show_errors(form, refused.errors)
        else:
            start_session(user)
            return _onwards()
    elif not form.is_submitted() and _is_known():
        return _onwards()
    return _page("auth/sign_up.html", form)


def log_out() -> ResponseReturnValue:
    """End the session, here only."""
    end_session()
    flash("You are logged out.")
    return redirect(_home(), 303)


for _view, _methods in ((log_in, ("GET", "POST")), (new_account, ("GET", "POST")), (log_out, ("POST",))):
    declare(_view, dict.fromkeys(_methods, public))


def ask_to_log_in(error: LoginRequired) -> ResponseReturnValue:
    """Send a person to the login page, and tell a program what to send."""
    kit = current_app.extensions["flaskkit"]
    token = bearer()
    if token is None and not kit.error_prefix(request.path):
        manager = current_app.extensions["login_manager"]
        if manager.login_message:
            flash(manager.login_message, manager.login_message_category)
        return redirect(login_url(), 303)
    response = make_response(kit.show_error(error))
    # RFC 6750, section 3: the reason is given only where a token was sent.
    response.headers["WWW-Authenticate"] = "Bearer" if token is None else 'Bearer error="invalid_token"'
    return response


def _is_known() -> bool:
    # Whoever was only remembered may have been sent here to prove it: flask_login.fresh_login_required.
    return caller().by == "session" and bool(flask_login.login_fresh())


def _onwards() -> ResponseReturnValue:
    return redirect(safe_path(request.args.get("next")) or _home(), 303)


def _home() -> str:
    return f"{request.script_root}/"


def _show_errors(form: FlaskForm, errors: Mapping[str, Iterable[str]]) -> None:
    for name, messages in errors.items():
        place: Any = form[name].errors if name in form else form.form_errors
        place.extend(messages)


def _page(template: str, form: FlaskForm) -> ResponseReturnValue:
    layout = "flaskkit/layout.html" if "pages" in current_app.extensions["flaskkit"] else "auth/bare.html"
    sign_up = "auth.sign_up" in current_app.view_functions
    return render_template(template, form=form, layout=layout, sign_up=sign_up), 422 if form.is_submitted() else 200
