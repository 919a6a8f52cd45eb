"""The requests that ``assert_isolated`` tries: each route with each method, with the keys of somebody's rows.

Bodies are the values that the rows have; many at once, and what a request may ask for beside, are tried, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any
from urllib.parse import quote

from flask import Flask
from werkzeug.routing import BuildError, Rule

from flaskkit.resource.fields import key_of
from flaskkit.testing.clients import Client, browser_with, in_context, session_of
from flaskkit.testing.pages import Form, forms_in
from flaskkit.testing.somebody import Somebody

WRITING = ("POST", "PUT", "PATCH", "DELETE")
# Of a route with several keys, as many of their combinations.
_COMBINATIONS = 60


@dataclass
class Try:
    """One request. ``table`` is that of the row named by its key, if one is; ``what`` the end of the endpoint."""

    method: str
    path: str
    table: str = ""
    what: str = ""
    body: Any = None
    form: Mapping[str, str] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    admin: bool = False


def tries_of(app: Flask, owner: Somebody, tables: Mapping[str, str], without: Collection[str]) -> Iterator[Try]:
    """Yield a request for each route, method and key. *tables* are those of resources, by their name."""
    bodies = in_context(app, _bodies_of, app, owner)
    resources = {resource.name: resource for resource in app.extensions["flaskkit"].resources}
    for rule in app.url_map.iter_rules():
        parts = rule.endpoint.split(".")
        if rule.endpoint in without or parts[-1] in ("static", "assets"):
            continue
        name = parts[-2] if len(parts) > 2 else ""
        resource = resources.get(name)
        table = tables.get(name, "") if "key" in rule.arguments else ""
        for path in _paths(app, rule, owner, table):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                about = Try(method, path, table, parts[-1], admin=parts[0] == "admin")
                if method in ("PATCH", "PUT", "DELETE"):
                    # Whoever knows a key may know an ETag; where one is required, the rest is not tried without it.
                    about.headers["If-Match"] = "*"
                if parts[-1].startswith("bulk_") and resource is not None and len(resource.keys) == 1:
                    yield _of_many(about, resource, bodies.get(name, {}), owner)
                    continue
                if resource is not None and method == "GET" and resource.expand and parts[0] == "api":
                    yield Try(method, f"{path}?expand={','.join(resource.expand)}", table, parts[-1])
                body = bodies.get(name) if method in WRITING else None
                if body and table and resource is not None:
                    # The row is named by the path.
                    body = {key: value for key, value in body.items() if key not in _keys_of(resource)}
                if body is not None and parts[0] in ("pages", "admin"):
                    about.form = {key: str(value) for key, value in body.items() if value is not None}
                else:
                    about.body = body
                yield about


def _keys_of(resource: Any) -> set[str]:
    return {one.public_name for one in resource.keys}


def _of_many(about: Try, resource: Any, body: Mapping[str, Any], owner: Somebody) -> Try:
    """Return a request that changes or deletes rows by keys in its body or query."""
    about.table = resource.model.__tablename__
    keys = owner.keys.get(about.table, [])
    # An ETag is one row's.
    about.headers = {}
    if about.method == "DELETE":
        about.path += f"?keys={quote(','.join(keys))}"
    elif about.method == "PATCH":
        about.body = [{**body, resource.key.public_name: resource.key.type(key)} for key in keys]
        about.body = [{name: _plain(value) for name, value in one.items()} for one in about.body]
    else:
        about.body = [body]
    return about


def _paths(app: Flask, rule: Rule, owner: Somebody, table: str) -> Iterator[str]:
    adapter = app.url_map.bind("localhost")
    if not rule.arguments:
        yield adapter.build(rule.endpoint)
        return
    names = sorted(rule.arguments)
    choices = [owner.keys.get(table, []) if table else _keys_for(name, owner, len(names)) for name in names]
    for values in islice(product(*choices), _COMBINATIONS if len(names) > 1 else None):
        for convert in (str, int):
            try:
                yield adapter.build(
                    rule.endpoint, {name: convert(value) for name, value in zip(names, values, strict=True)}
                )
                break
            except (BuildError, ValueError):
                continue


def _keys_for(argument: str, owner: Somebody, arguments: int) -> list[str]:
    """Return the keys to put in the place of *argument*: where a route has several, those of the table it names."""
    stem = argument.removesuffix("_id").removesuffix("_key")
    named = [key for table, keys in owner.keys.items() if arguments > 1 and stem in table for key in keys]
    return list(dict.fromkeys(named or (key for keys in owner.keys.values() for key in keys)))


def _bodies_of(app: Flask, owner: Somebody) -> dict[str, dict[str, Any]]:
    return {resource.name: _body_of(resource, owner) for resource in app.extensions["flaskkit"].resources}


def _body_of(resource: Any, owner: Somebody) -> dict[str, Any]:
    """Return what could be sent to change somebody's row of *resource*: the values that it has."""
    from flaskkit.db import db

    keys = owner.keys.get(resource.model.__tablename__, [])
    if len(resource.keys) != 1 or not keys:
        return {}

    row = db.session.get(resource.model, resource.key.type(keys[0]))
    found = {}
    for one in resource.writable:
        value = getattr(row, one.name, None)
        if one.many or one.file is not None:
            continue
        if one.is_relationship and value is not None:
            value = getattr(value, key_of(type(value)))
        found[one.public_name] = _instead(_plain(value), owner)
    return found


def _instead(value: Any, owner: Somebody) -> Any:
    """Return *value*, or another one where it is a secret: what is sent may come back."""
    text = str(value)
    if text in owner.secrets:
        return type(value)(7) if not isinstance(value, str) else "7" if text[0].isdecimal() else "changed"
    return "7" if text.partition(".")[0] in owner.secrets else value


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool | list | dict):
        return value
    return getattr(value, "name", None) or (value.isoformat() if hasattr(value, "isoformat") else str(value))


def forms_of(app: Flask, owner: Somebody, tries: Iterable[Try]) -> list[Try]:
    """Return what the forms on pages send that the owner sees: others send the same."""
    found: dict[tuple[str, str], Form] = {}
    cookies = session_of(app, owner.user)
    for one in tries:
        if one.method == "GET" and not one.admin:
            for form in _forms_on(browser_with(app, cookies), one.path):
                form.values.pop(app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token"), None)
                form.values.update({name: _instead(value, owner) for name, value in form.values.items()})
                found.setdefault((form.action, str(sorted(form.values.items()))), form)
    return [Try("POST", form.action, form=form.values) for form in found.values()]


def _forms_on(browser: Client, path: str) -> list[Form]:
    """Return the forms that change something on the page at *path*; none where there is no page."""
    with suppress(Exception):  # What fails for the owner may be told when others try it.
        page = browser.get(path)
        text = page.text
        if page.mimetype == "text/html" and page.status_code == 200:
            return [form for form in forms_in(text, path) if form.method == "POST"]
    return []
