"""The flows as JSON, for single-page apps and other programs; imported only where feature `api` is on.

    POST /api/auth/login     each flow: its fields as a JSON object, {"message": …, "next": …} as the answer
    GET  /api/auth/me        who the caller is
    GET  /api/auth/csrf      the token that a browser sends along, and the name of its header

Who is not logged in yet can be logged in by another site, as somebody else ("login CSRF"), so these operations ask more
than the rest of the API does:

    a body                                     JSON only: another site cannot send it without being asked
    a cookie, or headers of another site       a CSRF token, logged in or not
    a bearer token                             nothing of the kind; but no session begins or ends with one
"""

# mypy: disable-error-code="untyped-decorator"
# flask-smorest has no types.

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import marshmallow as ma
from flask import Flask, Response, current_app, request
from flask_smorest import Blueprint
from flask_wtf.csrf import CSRFError, generate_csrf
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from wtforms import BooleanField, DecimalField, EmailField, Field, IntegerField, PasswordField, SelectField

from flaskkit.access import caller, login, public, requires
from flaskkit.auth import leaving
from flaskkit.auth.flows import NO_SESSION, Flow
from flaskkit.auth.identity import bearer, has_remember_cookie
from flaskkit.errors import LoginRequired
from flaskkit.forms import csrf
from flaskkit.forms.protection import session_has_ended


class Whole(ma.fields.Integer):
    """A whole number as JSON Schema has it: 2.0 is one, true and "2" are not."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid", input=value)
        return value


KINDS: Mapping[Any, Callable[..., ma.fields.Field[Any]]] = {
    str: ma.fields.String,
    int: ma.fields.Integer,
    bool: ma.fields.Boolean,
    datetime: ma.fields.AwareDateTime,
    datetime | None: lambda **told: ma.fields.AwareDateTime(allow_none=True, **told),
    list: lambda **told: ma.fields.List(ma.fields.String(), **told),
}


# As all of the API has it: a final slash makes no difference, and nothing is redirected.
EITHER_SLASH = {"strict_slashes": False, "merge_slashes": False}


class Body(ma.Schema):
    """Refuses what it does not know."""

    error_messages = {  # noqa: RUF012  (as marshmallow documents it)
        "unknown": "There is no such field to send.",
        "type": "Not a JSON object.",
    }

    class Meta:
        register = False
        unknown = ma.RAISE


class AuthAnswer(ma.Schema):
    """What came of it."""

    class Meta:
        register = False

    message = ma.fields.String(required=True, metadata={"description": "What was done, for people; may be empty."})
    next = ma.fields.String(
        required=True,
        metadata={"description": "What must follow, such as second_factor; empty where nothing does."},
    )
    second_factor = ma.fields.List(
        ma.fields.String(), metadata={"description": "With what it can be answered, where a second factor must follow."}
    )


class AuthMe(ma.Schema):
    """Who is logged in."""

    class Meta:
        register = False

    id = ma.fields.String(required=True, metadata={"description": "The key of the user, as text."})
    email = ma.fields.String(required=True, metadata={"format": "email"})
    roles = ma.fields.List(ma.fields.String(), required=True)
    by = ma.fields.String(
        required=True,
        validate=ma.validate.OneOf(["session", "token"]),
        metadata={"description": "How that is known."},
    )


class AuthCSRF(ma.Schema):
    """Proves that a request comes from a page of this site."""

    class Meta:
        register = False

    token = ma.fields.String(required=True, metadata={"description": "Good until logging in or out, and for an hour."})
    header = ma.fields.String(required=True, metadata={"description": "The header to send it in."})


def register(app: Flask, flows: Iterable[Flow], *, export: bool = False) -> None:
    """Add the operations of *flows* to the API of *app*, and with *export* the one that gives all that is one's own."""
    prefix = app.extensions["flaskkit.api"][0].prefix
    blueprint = Blueprint("auth_api", __name__, description="Accounts: log in and out, and what belongs to it.")
    blueprint.before_request(_guard)
    blueprint.after_request(_unstored)
    _add_me(blueprint)
    _add_csrf(blueprint)
    if export:
        _add_export(blueprint)
    with app.app_context():
        for flow in flows:
            _add(blueprint, flow)
    app.extensions["flaskkit"].own_csrf.add(blueprint.name)
    api = app.extensions["flask-smorest"]["apis"][""]["ext_obj"]
    # What Api.register_blueprint does, but for the tag.
    app.extensions["flask-smorest"]["blp_name_to_api"][blueprint.name] = api
    app.register_blueprint(blueprint, url_prefix=f"{prefix}/auth")
    blueprint.register_views_in_doc(api, app, api.spec, name=blueprint.name, parameters=None)
    api.spec.tag({"name": "auth", "description": blueprint.description})


def _guard() -> None:
    """Refuse what another site may have made a browser send."""
    if request.method not in current_app.config["WTF_CSRF_METHODS"] or bearer() is not None:
        return
    if request.get_data() and not request.is_json:
        raise UnsupportedMediaType("Send JSON, with the header Content-Type: application/json.")
    decided = current_app.config["WTF_CSRF_CHECK_DEFAULT"] is not None
    if current_app.config["WTF_CSRF_ENABLED"] and not decided and (_has_cookies() or _from_elsewhere()):
        try:
            csrf.protect()
        except CSRFError:
            if session_has_ended():
                raise LoginRequired from None
            raise


def _has_cookies() -> bool:
    return current_app.config["SESSION_COOKIE_NAME"] in request.cookies or has_remember_cookie()


def _from_elsewhere() -> bool:
    """Return whether a browser says that a page of another origin sent this (Fetch Metadata; RFC 6454, section 7)."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc != request.host


def _unstored(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


def _add(blueprint: Blueprint, flow: Flow) -> None:
    answer: type[ma.Schema] = AuthAnswer
    if flow.answer:
        own = {name: _answered(f"{_words(flow)}One", kind) for name, kind in flow.answer.items()}
        answer = type(f"{_words(flow)}Answer", (AuthAnswer,), own)
    refusals = [*flow.refusals, *([HTTPStatus.TOO_MANY_REQUESTS] if flow.limit else [])]

    def view(values: Mapping[str, Any] | None = None) -> Any:
        outcome = flow.run_json(values or {})
        return {"message": outcome.message, "next": outcome.next, **outcome.answer}

    view = blueprint.response(200, answer)(view)
    if flow.form is not None:
        view = blueprint.arguments(_schema(flow))(view)
    view = blueprint.doc(
        operationId=f"auth_{flow.name}",
        summary=flow.title,
        responses={str(int(status)): status.name for status in refusals},
    )(view)
    # Outermost: whoever may not ask learns nothing about what could be sent.
    view = requires(flow.policy)(view)
    blueprint.route(flow.path, methods=[flow.method], endpoint=flow.name, tags=["auth"], **EITHER_SLASH)(view)


def _answered(name: str, kind: Any) -> ma.fields.Field[Any]:
    if not isinstance(kind, Mapping):
        return KINDS[kind](required=True)
    # A list of objects, whose fields these are.
    one = type(name, (ma.Schema,), {inner: _answered(name, of) for inner, of in kind.items()})
    return ma.fields.List(ma.fields.Nested(one), required=True)


def _words(flow: Flow) -> str:
    return f"Auth{flow.name.title().replace('_', '')}"


def _schema(flow: Flow) -> type[ma.Schema]:
    assert flow.form is not None
    form = flow.form(None, meta={"csrf": False})
    fields = {field.short_name: _in_json(field) for field in form if field.short_name != "submit"}
    return type(_words(flow), (Body,), fields)


def _in_json(field: Field) -> ma.fields.Field[Any]:
    """Return what *field* is in JSON. Its own rules are asked afterwards; these are for the type and the document."""
    told: dict[str, Any] = {"required": field.flags.required or False, "metadata": {"title": field.label.text}}
    if field.description:
        told["metadata"]["description"] = str(field.description)
    told["error_messages"] = {"required": "This is required.", "null": "This cannot be null."}
    if isinstance(field, BooleanField):
        return ma.fields.Boolean(truthy={True}, falsy={False}, **told)
    if isinstance(field, IntegerField):
        for name, limit in (("minimum", field.flags.min), ("maximum", field.flags.max)):
            if limit is not None:
                told["metadata"][name] = limit
        return Whole(**told)
    if isinstance(field, DecimalField):
        return ma.fields.Decimal(**told)
    for kind, name in ((PasswordField, "password"), (EmailField, "email")):
        if isinstance(field, kind):
            told["metadata"]["format"] = name
    if isinstance(field, SelectField):
        told["validate"] = ma.validate.OneOf([choice[0] for choice in field.iter_choices()])
    # WTForms writes what its Length says among these.
    hints = {**(field.render_kw or {}), **vars(field.flags)}
    # An empty text is none.
    shortest = hints.get("minlength") or (1 if told["required"] else None)
    for name, most in (("minLength", shortest), ("maxLength", hints.get("maxlength"))):
        if most:
            told["metadata"][name] = most
    return ma.fields.String(**told)


def _add_me(blueprint: Blueprint) -> None:
    @blueprint.route("/me", endpoint="me", tags=["auth"], **EITHER_SLASH)
    @blueprint.doc(operationId="auth_me", summary="Who am I")
    @requires(login, scope="*")
    @blueprint.response(200, AuthMe)
    def me() -> Any:
        found = caller()
        user = found.user
        return {"id": user.id, "email": user.email, "roles": [role.name for role in user.roles], "by": found.by}


def _add_csrf(blueprint: Blueprint) -> None:
    @blueprint.route("/csrf", endpoint="csrf", tags=["auth"], **EITHER_SLASH)
    @blueprint.doc(operationId="auth_csrf", summary="A CSRF token", responses={"400": "BAD_REQUEST"})
    @requires(public)
    @blueprint.response(200, AuthCSRF)
    def token() -> Any:
        if bearer() is not None:
            raise BadRequest(NO_SESSION)  # It would be of no use: where no cookie says who it is, none is asked for.
        return {"token": generate_csrf(), "header": current_app.config["WTF_CSRF_HEADERS"][0]}


def _add_export(blueprint: Blueprint) -> None:
    told = {"type": "object", "additionalProperties": True, "description": "The account, and rows by resource."}
    view = blueprint.doc(
        operationId="auth_export",
        summary="Everything that is mine",
        responses={"200": {"description": "OK", "content": {"application/json": {"schema": told}}}, "403": "FORBIDDEN"},
    )(leaving.export)
    blueprint.route("/export", endpoint="export", tags=["auth"], **EITHER_SLASH)(view)
