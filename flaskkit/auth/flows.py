"""Flows: what a person does with an account, as a page and as a JSON operation over one function.

    Flow("login", "/login", form=LoginForm, act=log_in)

    /auth/login            a page: the form, and what ``act`` rejects beside its fields
    /api/auth/login        where feature `api` is on, see operations.py: the form's fields as a JSON object

    act(values)  ->  Outcome          or Rejected({field: [texts]})

The page's template is ``auth/<name>.html``, or else ``auth/flow.html``; it knows ``flow``, ``form`` and what ``show``
gives.

Who has shown the first factor is not logged in yet where a second one is needed: ``proceed`` decides, ``pending``
tells who that is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import flask_login
from flask import Blueprint, Flask, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest
from wtforms import HiddenField

from flaskkit.access import Policy, caller, login, public, requires
from flaskkit.auth import accounts, links
from flaskkit.auth.errors import WrongCredentials
from flaskkit.auth.identity import bearer, start_session
from flaskkit.auth.models import normal_email
from flaskkit.auth.redirects import after_login
from flaskkit.errors import Rejected
from flaskkit.texts import say, spoken

if TYPE_CHECKING:
    from flaskkit.auth import Auth

# How long the first factor counts without the second, in seconds.
PENDING = 600
_PENDING = "_pending"
UNCONFIRMED = say("Confirm your address first: open the link in the mail that we have just sent you.")
NO_SESSION = "A session neither begins nor ends with a bearer token. Leave out the header Authorization."


@dataclass(frozen=True)
class Outcome:
    """What came of a flow.

    A browser is sent to the path *to*, or without one to ``next`` of the query or home, and shown the *message*.
    A program gets ``{"message": …, "next": …}`` and the *answer*: *next* names the flow that must follow, such as
    "second_factor", and *answer* fills what the flow declared as its own. With *page* a browser is not sent on, but
    shown that template with the *answer*: what is told once and kept nowhere.
    """

    to: str = ""
    message: str = ""
    next: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict)
    page: str = ""


@dataclass(frozen=True)
class Way:
    """Another way to log in than by password: what people call it, and where it begins."""

    label: str
    endpoint: str
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def href(self) -> str:
        """The address, with where to go afterwards."""
        return url_for(self.endpoint, **{**self.values, "next": request.args.get("next")})


def login_ways(app: Flask) -> list[Way]:
    """Return the other ways to log in to *app*, to be shown and added to."""
    ways: list[Way] = app.extensions.setdefault("flaskkit.login_ways", [])
    return ways


def _always(_settings: Auth) -> bool:
    return True


@dataclass(frozen=True)
class Flow:
    """One thing that a person does with an account.

    *name* is the endpoint below "auth."; *path* stands below the prefix of the pages and of the API. *form* has the
    fields, with their rules; a flow without one is a button elsewhere, and takes a POST only. *act* gets the fields'
    values by name and does it. *policy* says who may. *on* reads the settings of the feature.

    *title* and *button* stand on the page, *words* above the form. One with *listed* is linked on the page of the
    account, with that text. *show* gives more values for the template.
    *query* names the fields that a link to the page may fill in. *strangers* sends those away whom we know already.

    *limit* is the limit that feature `limits` counts it by. *answer* names what JSON says beyond message and next, each
    with its type: str, int, bool, datetime, list (of text), or a mapping of these, for a list of objects. *refusals*
    are statuses that the document lists beside those that follow from policy, fields and limit. *starts_session*
    refuses a bearer token: a program that sends one keeps no cookie. With *pages* off there is the JSON alone. One
    with the *method* "GET" only looks: as JSON it answers, and its page is the template of its own.
    """

    name: str
    path: str
    act: Callable[[dict[str, Any]], Outcome]
    form: type[FlaskForm] | None = None
    policy: Policy = public
    on: Callable[[Auth], bool] = _always
    title: str = ""
    button: str = ""
    words: str = ""
    listed: str = ""
    show: Callable[[], Mapping[str, Any]] = dict
    query: Sequence[str] = ()
    strangers: bool = False
    limit: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict)
    refusals: Sequence[HTTPStatus] = ()
    starts_session: bool = False
    method: Literal["GET", "POST"] = "POST"
    pages: bool = True

    @property
    def own(self) -> bool:
        """Whether it is about one's own account, rather than a way into it."""
        return self.policy is not public or bool(self.listed)

    def run(self, values: dict[str, Any]) -> Outcome:
        """Do it with *values* that the form has accepted.

        Raises:
            Rejected: what is wrong with them. TooManyRequests: it was tried too often.
            BadRequest: it came with a bearer token, which has no session.
        """
        if self.starts_session and bearer() is not None:
            raise BadRequest(NO_SESSION)
        if self.limit:
            limits().hit(self.limit, account=self._account(values))
        return self.act(values)

    def run_json(self, values: Mapping[str, Any]) -> Outcome:
        """Do it with *values* as JSON has them, by the same rules as on the page.

        Raises:
            Rejected, TooManyRequests: as ``run``.
        """
        if self.form is None:
            return self.run({})
        sent = MultiDict(
            (name, _as_sent(value)) for name, value in values.items() if value is not False and value is not None
        )
        # What is wrong is told to a program, in English.
        form = self.form(sent, meta={"csrf": False, "get_translations": lambda _form: None})
        if not form.validate():
            raise Rejected({name or "": texts for name, texts in form.errors.items()})
        return self.run(_values(form))

    def _account(self, values: Mapping[str, Any]) -> str:
        """Return the account that is tried: the one named, the caller's own, or that of who owes a second factor."""
        if self.policy is public and isinstance(values.get("email"), str):
            return normal_email(values["email"])
        user = caller().user or (pending() or (None, False))[0]
        return user.email if user is not None else ""


def pages(flows: Iterable[Flow], url_prefix: str) -> Blueprint:
    """Return the blueprint of the pages of *flows*."""
    blueprint = Blueprint("auth", __name__, url_prefix=url_prefix, template_folder="templates")
    for flow in (flow for flow in flows if flow.pages):
        methods = ["GET", "POST"] if flow.form else [flow.method]
        blueprint.add_url_rule(flow.path, flow.name, requires(flow.policy)(_page(flow)), methods=methods)
    blueprint.add_url_rule("/account", "account", requires(login)(account))
    return blueprint


def account() -> ResponseReturnValue:
    """Show who one is, and link everything that can be done with the account."""
    entries: list[Entry] = current_app.extensions["flaskkit.account_pages"]
    return render_template("auth/account.html", entries=entries, user=caller().user, layout=layout())


class Entry(NamedTuple):
    """A line on the page of the account. Features add theirs to ``app.extensions["flaskkit.account_pages"]``."""

    title: str
    words: str
    endpoint: str


def layout() -> str:
    """Return the template that pages of accounts extend."""
    return "flaskkit/layout.html" if "pages" in current_app.extensions["flaskkit"] else "auth/bare.html"


def site_name() -> str:
    """Return what devices list an account of this site under."""
    return str(getattr(current_app.extensions.get("flaskkit.site"), "title", current_app.name))


def proceed(user: Any, *, remember: bool = False, by: Sequence[str] = ("password",)) -> Outcome:
    """Log *user* in, who has shown the first factor; or keep them pending, where they have a second one to show.

    *by* names what they have shown.

    Raises:
        WrongCredentials: the address is to be confirmed first; what does so is on its way.
    """
    if user.confirmed_at is None and current_app.extensions["flaskkit.auth"].confirm == "required":
        links.send_confirmation(user)
        raise WrongCredentials({"": [UNCONFIRMED]}, UNCONFIRMED)
    second = current_app.extensions.get("flaskkit.second_factor")
    if second is None or not second.needed(user):
        start_session(user, remember=remember, by=by)
        return Outcome()
    session.clear()
    session[_PENDING] = [user.get_id(), remember, int(time.time()), *by]
    step = second.step(user)
    there = url_for(f"auth.{step}", next=request.args.get("next"))
    return Outcome(to=there, next=step, answer={"second_factor": second.methods(user)})


class Pending(NamedTuple):
    """Who has shown the first factor, whether to remember them, and what they have shown."""

    user: Any
    remember: bool
    by: tuple[str, ...]


def pending() -> Pending | None:
    """Return who has shown the first factor within ten minutes, or None."""
    identity, remember, since, *by = session.get(_PENDING) or ("", False, 0)
    if not identity or not 0 <= time.time() - since <= PENDING:
        return None
    user = accounts.of_session(identity)
    return None if user is None else Pending(user, remember, tuple(by))


class _Unlimited:
    """Stands for feature `limits` where it is off."""

    def hit(self, name: str, account: str = "") -> None:
        """Count nothing."""

    clear = hit


def limits() -> Any:
    """Return what counts attempts: ``hit(name, account=…)`` and ``clear(name, account=…)``."""
    return current_app.extensions.get("flaskkit.limits") or _Unlimited()


def _as_sent(value: Any) -> str:
    """Return *value* as a form sends it."""
    return "y" if value is True else str(value)


def _page(flow: Flow) -> Callable[[], ResponseReturnValue]:
    def page() -> ResponseReturnValue:
        if flow.method == "GET":
            return render_template(f"auth/{flow.name}.html", flow=flow, layout=layout(), **flow.show())
        # Given the form's own data, Flask-WTF does not look into JSON bodies, which may hold anything.
        form = flow.form(request.form, data=_linked(flow)) if flow.form else None
        if form is None:
            return _after(flow, flow.run({}))
        if form.validate_on_submit():
            try:
                return _after(flow, flow.run(_values(form)))
            except Rejected as refused:
                _show_errors(form, refused.errors)
        elif flow.strangers and not form.is_submitted() and _is_known():
            return _onwards(Outcome())
        _tell_what_is_hidden(form)
        return _shown(flow, form)

    return page


def _linked(flow: Flow) -> dict[str, str]:
    return {name: request.args[name] for name in flow.query if name in request.args}


def _values(form: FlaskForm) -> dict[str, Any]:
    return {name: value for name, value in form.data.items() if name != "csrf_token"}


def _is_known() -> bool:
    # Whoever was only remembered may have been sent here to prove it: flask_login.fresh_login_required.
    return caller().by == "session" and bool(flask_login.login_fresh())


def _after(flow: Flow, outcome: Outcome) -> ResponseReturnValue:
    if not outcome.page:
        return _onwards(outcome)
    onwards = after_login(request.args.get("next"))
    page = render_template(outcome.page, flow=flow, layout=layout(), onwards=onwards, **outcome.answer)
    return page, {"Cache-Control": "no-store"}


def _onwards(outcome: Outcome) -> ResponseReturnValue:
    if outcome.message:
        flash(spoken(outcome.message))
    return redirect(outcome.to or after_login(request.args.get("next")) or f"{request.script_root}/", 303)


def _show_errors(form: FlaskForm, errors: Mapping[str, Iterable[str]]) -> None:
    for name, messages in errors.items():
        place: Any = form[name].errors if name in form else form.form_errors
        place.extend(messages)


def _tell_what_is_hidden(form: FlaskForm) -> None:
    """Put what is wrong with hidden fields above the form: there is no place beside them."""
    for one in form:
        if isinstance(one, HiddenField) and one.name != "csrf_token":
            form.form_errors.extend(one.errors)


def _shown(flow: Flow, form: FlaskForm) -> ResponseReturnValue:
    # Of any type, because Flask asks for a list that may hold templates as well.
    templates: list[Any] = [f"auth/{flow.name}.html", "auth/flow.html"]
    page = render_template(templates, flow=flow, form=form, layout=layout(), **flow.show())
    return page, 422 if form.is_submitted() else 200
