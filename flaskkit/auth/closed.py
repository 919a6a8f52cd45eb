"""Views are closed: to everybody where nothing says who may use them, and to a bearer token that does not name them.

    a view without a policy       refused, reported or allowed: the setting ``undeclared``
    a token limited to scopes     what is public, and what one of its scopes names

Noted is who may by ``requires``, or by the decorators of Flask-Login. Nothing is asked of Flask's static files and of
views that came with a feature.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import flask_login
from flask import Flask, current_app, request
from werkzeug.exceptions import Forbidden

from flaskkit.access import Guard, Joined, Policy, caller, guard_of, login
from flaskkit.auth.errors import InsufficientScope

WAY_OUT = "Put @requires(policy) below its route; @requires(public) opens it to everybody."
_LIBRARY = frozenset(
    protect(lambda: None).__code__ for protect in (flask_login.login_required, flask_login.fresh_login_required)
)
_REPORTED = "flaskkit.reported_views"


def wire(app: Flask, undeclared: str) -> None:
    """Look at each request before its view; *undeclared* is "refuse", "report" or "allow"."""
    app.extensions[_REPORTED] = set()
    # What is noted on a view stays, and each request asks.
    known: dict[tuple[str, str], tuple[Any, Guard]] = {}

    @app.before_request
    def check() -> None:
        asked = request._get_current_object()  # type: ignore[attr-defined]
        endpoint, method = asked.endpoint, asked.method
        if endpoint is None or method == "OPTIONS" or _is_static(endpoint):
            return
        view = current_app.view_functions[endpoint]
        seen, guard = known.get((endpoint, method), (None, None))
        if guard is None or seen is not view:
            guard = _guard(view, method)
            known[endpoint, method] = view, guard
        if guard.policy is None and undeclared != "allow":
            _look_at(endpoint, refuse=undeclared == "refuse")
        if "HTTP_AUTHORIZATION" in asked.environ and (guard.policy is None or guard.policy.personal):
            scopes = caller().scopes
            if scopes is not None and not _opens(guard, scopes):
                raise InsufficientScope(guard.scopes)


def undeclared_views(app: Flask) -> Iterator[str]:
    """Yield "GET /path (endpoint)" of each view in *app* that does not say who may use it."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if _is_static(rule.endpoint) or _is_of_a_feature(app, rule.endpoint):
            continue
        view = app.view_functions[rule.endpoint]
        methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        open_ = [method for method in methods if _guard(view, method).policy is None]
        if open_:
            yield f"{','.join(open_)} {rule.rule} ({rule.endpoint})"


def _look_at(endpoint: str, *, refuse: bool) -> None:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    if _is_of_a_feature(app, endpoint):
        return
    reported: set[str] = app.extensions[_REPORTED]
    if endpoint not in reported:
        reported.add(endpoint)
        what = "is refused" if refuse else "would be refused in production"
        app.logger.warning("View %r %s: it does not say who may use it. %s", endpoint, what, WAY_OUT)
    if refuse:
        raise Forbidden("Nothing says who may use this.")


def _guard(view: Any, method: str) -> Guard:
    guard = guard_of(view, method)
    if guard.policy is None and (_is_protected(view) or _is_protected(_method_of(view, method))):
        return Guard(login)
    return guard


def _opens(guard: Guard, scopes: Collection[str]) -> bool:
    """Return whether a bearer token limited to *scopes* is let in."""
    if guard.scope:
        return guard.scope == "*" or guard.scope in scopes
    return guard.policy is not None and _opened_by(guard.policy, scopes)


def _opened_by(policy: Policy, scopes: Collection[str]) -> bool:
    """Return whether *policy* names one of *scopes*. What a policy does not name is closed."""
    if isinstance(policy, Joined):
        # A side that names no scope neither opens nor closes: login & permission("notes.publish").
        opened = [_opened_by(side, scopes) for side in policy.sides if side.scopes()]
        return any(opened) if policy.either else bool(opened) and all(opened)
    return not policy.personal or not set(policy.scopes()).isdisjoint(scopes)


def _method_of(view: Any, method: str) -> Any:
    return getattr(getattr(view, "view_class", None), method.lower(), None)


def _is_protected(view: Any) -> bool:
    """Return whether one of the decorators of Flask-Login is around *view*."""
    while view is not None:
        if getattr(view, "__code__", None) in _LIBRARY:
            return True
        view = getattr(view, "__wrapped__", None)
    return False


def _is_static(endpoint: str) -> bool:
    return endpoint == "static" or endpoint.endswith(".static")


def _is_of_a_feature(app: Flask, endpoint: str) -> bool:
    kit = app.extensions["flaskkit"]
    names = {feature.name for feature in kit.features} - {module.name for module in kit.modules}
    return kit.came_from.get(endpoint) in names
