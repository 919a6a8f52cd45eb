"""assert_isolated: a stranger, another user and a token for reading try everything with keys of somebody's rows.

somebody    a new user, with a row of each model that refers to users, a session and a token
seen        none of the texts in those rows stands in an answer, but for what the test names
changed     every row that was there is as it was, after every request
answered    401, 403, 404 and other refusals; never a page of that row, and never 500
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from flask import Flask
from sqlalchemy import inspect
from werkzeug.routing import BuildError, Rule
from werkzeug.test import TestResponse

from flaskkit.resource.fields import fields_of, key_of, keys_of
from flaskkit.testing.clients import ApiClient, Client, browser_with, in_context, logged_in, session_of
from flaskkit.testing.factories import stored
from flaskkit.testing.isolation import forget, is_isolated, isolated, undone
from flaskkit.testing.pages import Form, forms_in

# What a row is asked for with these is the row itself.
_SHOWING = {"read", "detail", "file"}
_CHANGING = {"update", "replace", "edit", "delete"}
# What changes when somebody is seen, not when somebody changes something.
_NOTED = {"seen_at", "used_at"}
_WRITING = ("POST", "PUT", "PATCH", "DELETE")


def assert_isolated(
    app: Flask,
    *,
    seen: Collection[str] = (),
    changed: Collection[str] = (),
    rows: Iterable[Any] = (),
    without: Collection[str] = (),
) -> None:
    """Fail if somebody who is not the owner sees or changes a row, on any route of *app*.

    *seen* names what of others' rows everybody may see: a resource, ``"notes"``, or one column, ``"visitors.name"``.
    *changed* names resources that every user may change. *rows* are stored rows to try in place of those that
    factories would make. *without* names endpoints that are left out. What is written is rolled back.

    Raises:
        AssertionError: listing each request and what it showed or changed.
        TypeError: no row of a model can be made; give one in *rows*.
    """
    if "flaskkit.user_model" not in app.extensions:
        raise TypeError("assert_isolated() needs feature 'auth': without users nothing is anybody's.")
    if is_isolated(app):
        with undone(app):
            found = list(_violations(app, seen, changed, rows, without))
    else:
        with isolated(app):
            found = list(_violations(app, seen, changed, rows, without))
    if found:
        shown = "\n".join(f"  - {text}" for text in dict.fromkeys(found))
        raise AssertionError(f"Not everything is kept from others:\n{shown}")


@dataclass
class Somebody:
    """A user with rows. ``keys`` are those of rows by the name of their table, ``secrets`` the texts in them."""

    user: Any
    keys: dict[str, list[str]] = field(default_factory=dict)
    secrets: dict[str, tuple[str, str]] = field(default_factory=dict)
    # The columns that say whose a row is, by table; rows of other tables are nobody's.
    owned: dict[str, list[str]] = field(default_factory=dict)
    tables: list[Any] = field(default_factory=list)


@dataclass
class Actor:
    """Somebody else: how they are called, and what gives a new client of theirs."""

    name: str
    client: Callable[[], Any]
    user: Any = None
    # Reads what its user may read.
    reads: bool = False
    # Where the API is, for programs: elsewhere they are no different from a browser.
    prefix: str = ""

    def skips(self, one: Try) -> bool:
        """Return whether that request would say nothing new."""
        return not one.path.startswith(self.prefix) or (self.reads and one.method == "GET")


@dataclass
class Try:
    """One request. ``table`` is that of the row named by its key, if one is; ``what`` the end of the endpoint."""

    method: str
    path: str
    table: str = ""
    what: str = ""
    body: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    admin: bool = False


def _violations(
    app: Flask, seen: Collection[str], changed: Collection[str], rows: Iterable[Any], without: Collection[str]
) -> Iterator[str]:
    owner = in_context(app, _somebody, app, list(rows))
    tables = _tables_by_resource(app)
    open_, free = _in_tables(seen, tables), _in_tables(changed, tables)
    hidden = {text: place for text, place in owner.secrets.items() if not {place[0], ".".join(place)} & open_}
    tries = list(_tries(app, owner, tables, without))
    with undone(app):
        tries += _forms_of(app, owner, tries)
    before = in_context(app, _rows, owner)
    for actor in in_context(app, _actors, app, owner):
        for one in tries:
            if actor.skips(one):
                continue
            request = f"{actor.name}: {one.method} {one.path}"
            with undone(app):
                forget(app)
                try:
                    answer = _send(actor, one)
                    text = answer.text
                except Exception as error:
                    # In tests, Flask hands on what would be 500.
                    yield f"{request} failed with {type(error).__name__}: {error}"
                    continue
                if answer.status_code >= 500:
                    yield f"{request} answered {answer.status_code}."
                if not actor.reads:
                    for secret, place in hidden.items():
                        if secret in text:
                            yield f"{request} showed {'.'.join(place)} of somebody else's row."
                    if _opened(one, answer, owner, open_, free):
                        yield f"{request} answered {answer.status_code} for somebody else's row."
                if one.method != "GET":
                    for told in _differences(before, in_context(app, _rows, owner), actor, owner, free):
                        yield f"{request} {told}"


def _opened(one: Try, answer: TestResponse, owner: Somebody, seen: Collection[str], changed: Collection[str]) -> bool:
    """Return whether *answer* shows, or offers to change, a row that is not the actor's."""
    if answer.status_code >= 400 or (answer.location and "login" in answer.location):
        return False
    if one.admin:
        return True
    if one.what in _SHOWING:
        return one.table in owner.owned and not any(name.partition(".")[0] == one.table for name in seen)
    return one.what in _CHANGING and bool(one.table) and one.table not in changed


def _somebody(app: Flask, rows: list[Any]) -> Somebody:
    """Store a user with rows of all models that refer to users or have a resource."""
    from flaskkit.auth import tokens
    from flaskkit.db import Model, db

    model = app.extensions["flaskkit.user_model"]
    numbers = count(1)
    user = stored(model, email="zqsomebody@example.com")
    found = Somebody(user)
    given = {type(row): db.session.merge(row) for row in rows}
    models = [resource.model for resource in app.extensions["flaskkit"].resources]
    found.tables = _tables(app)
    # What flaskkit keeps beside users has routes of its own, and rows that come with them.
    others = [one for one in Model.registry.mappers if not one.class_.__module__.startswith("flaskkit.")]
    models += [one.class_ for one in others if one.local_table in found.tables and _links_to(one.class_, model)]
    for one in dict.fromkeys(models):
        links = _links_to(one, model)
        row = user if one is model else given.get(one)
        if row is None:
            row = stored(one, **dict.fromkeys(links, user.id))
        for name in links:
            if getattr(row, name) != user.id:
                setattr(row, name, user.id)
        if links or one is model:
            found.owned[one.__tablename__] = [one.__mapper__.columns[name].name for name in links]
            _mark(row, found, numbers)
        db.session.commit()
        key = ",".join(str(getattr(row, name)) for name in keys_of(one))
        found.keys.setdefault(one.__tablename__, []).append(key)
    token, _ = tokens.issue(user, "zqtoken", 1)
    found.secrets[token] = (model.tokens.property.mapper.local_table.name, "digest")
    logged_in(app, user)
    for beside in (model.tokens, model.sessions):
        mapped = beside.property.mapper.class_
        keys = db.session.scalars(db.select(mapped.id).where(mapped.user_id == user.id))
        found.keys[mapped.__tablename__] = [str(key) for key in keys]
    db.session.refresh(user)
    db.session.expunge_all()
    return found


def _links_to(model: Any, user: Any) -> list[str]:
    """Return the columns of *model* that hold the key of a user."""
    return [
        model.__mapper__.get_property_by_column(column).key
        for column in model.__mapper__.local_table.columns
        if any(key.column.table is user.__table__ for key in column.foreign_keys)
    ]


def _tables(app: Flask) -> list[Any]:
    """Return the tables of *app* that are in its databases."""
    from flaskkit.db import db
    from flaskkit.db.tables import tables_of

    there = {bind: set(inspect(engine).get_table_names()) for bind, engine in db.engines.items()}
    return [table for bind, names in there.items() for table in tables_of(app, bind) if table.name in names]


def _mark(row: Any, owner: Somebody, numbers: count[int]) -> None:
    """Put texts into *row* that stand nowhere else, as far as its columns take them."""
    for name, one in fields_of(type(row)).items():
        if one.is_relationship or one.type is not str or one.target is not None or one.choices:
            continue
        if one.pattern is None and (one.max_length or 255) >= 8 and not one.key:
            setattr(row, name, f"zq{next(numbers):04}qz")
        text = getattr(row, name)
        if text and len(text) >= 8:
            owner.secrets[text] = (type(row).__tablename__, name)


def _actors(app: Flask, owner: Somebody) -> list[Actor]:
    from flaskkit.auth import tokens
    from flaskkit.db import db

    model = app.extensions["flaskkit.user_model"]
    other = stored(model, email="another@example.com")
    names = [resource.name for resource in app.extensions["flaskkit"].resources]
    somebody = db.session.get(model, _key_in(owner.user))
    cookies = session_of(app, other)
    found = [
        Actor("a stranger", lambda: Client(app, app.response_class)),
        Actor("another user", lambda: browser_with(app, cookies), other),
    ]
    if "flaskkit.api" in app.extensions:
        another = ApiClient(app).as_user(other)
        found.append(Actor("another user's token", lambda: another, other, prefix=another.prefix))
        if names:
            scopes = [f"{name}:read" for name in names]
            reading = tokens.issue(somebody, "reading", 1, scopes)[0]
            found.append(Actor("the owner's token for reading", lambda: ApiClient(app, reading), reads=True))
    db.session.expunge_all()
    return found


def _key_in(user: Any) -> Any:
    return inspect(user).identity


def _tables_by_resource(app: Flask) -> dict[str, str]:
    """Return the table of each resource by its name; the admin's users and roles too."""
    kit = app.extensions["flaskkit"]
    versions = app.extensions.get("flaskkit.api", ())
    older = [one for version in versions for one in version.resources(kit.modules)]
    found = {resource.name: resource.model.__tablename__ for resource in (*older, *kit.resources)}
    return {"users": app.extensions["flaskkit.user_model"].__tablename__, "roles": "roles", **found}


def _in_tables(names: Collection[str], tables: Mapping[str, str]) -> set[str]:
    """Return *names* of resources and their columns, with tables in place of resources."""
    found = set()
    for name in names:
        first, dot, column = name.partition(".")
        found.add(tables.get(first, first) + dot + column)
    return found


def _tries(app: Flask, owner: Somebody, tables: Mapping[str, str], without: Collection[str]) -> Iterator[Try]:
    """Yield a request for each route, method and key."""
    every = list(dict.fromkeys(key for keys in owner.keys.values() for key in keys))
    bodies = in_context(app, _bodies_of, app, owner)
    resources = app.extensions["flaskkit"].resources
    keys = {resource.name: {one.public_name for one in resource.keys} for resource in resources}
    for rule in app.url_map.iter_rules():
        parts = rule.endpoint.split(".")
        if rule.endpoint in without or parts[-1] in ("static", "assets"):
            continue
        name = parts[-2] if len(parts) > 2 else ""
        table = tables.get(name, "") if "key" in rule.arguments else ""
        for path in _paths(app, rule, owner.keys.get(table, []) if table else every):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                body = bodies.get(name) if method in _WRITING else None
                if body and table:
                    # The row is named by the path.
                    body = {key: value for key, value in body.items() if key not in keys[name]}
                about = Try(method, path, table, parts[-1], admin=parts[0] == "admin")
                if method == "GET" or body is None:
                    yield about
                elif parts[0] in ("pages", "admin"):
                    about.form = {key: str(value) for key, value in body.items() if value is not None}
                    yield about
                else:
                    about.body = body
                    yield about


def _paths(app: Flask, rule: Rule, keys: Iterable[str]) -> Iterator[str]:
    adapter = app.url_map.bind("localhost")
    if not rule.arguments:
        yield adapter.build(rule.endpoint)
        return
    for key in keys:
        values: dict[str, Any] = dict.fromkeys(rule.arguments, key)
        for convert in (str, int):
            try:
                yield adapter.build(rule.endpoint, {name: convert(value) for name, value in values.items()})
                break
            except (BuildError, ValueError):
                continue


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
        # What is sent may come back.
        secret = isinstance(value, str) and value in owner.secrets
        found[one.public_name] = "changed" if secret else _plain(value)
    return found


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool | list | dict):
        return value
    return getattr(value, "name", None) or (value.isoformat() if hasattr(value, "isoformat") else str(value))


def _forms_of(app: Flask, owner: Somebody, tries: Iterable[Try]) -> list[Try]:
    """Return what the forms on pages send that the owner sees: others send the same."""
    found: dict[tuple[str, str], Form] = {}
    cookies = session_of(app, owner.user)
    for one in tries:
        if one.method == "GET" and not one.admin:
            for form in _forms_on(browser_with(app, cookies), one.path):
                form.values.pop(app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token"), None)
                form.values.update({name: "changed" for name, value in form.values.items() if value in owner.secrets})
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


def _send(actor: Actor, one: Try) -> TestResponse:
    client = actor.client()
    if isinstance(client, ApiClient):
        return client.open(one.method, one.path, one.body if one.form is None else None)
    answer: TestResponse
    options: dict[str, Any] = {"json": one.body} if one.body is not None else {}
    if one.form is not None:
        options = {"data": dict(one.form)}
    answer = client.open(one.path, method=one.method, **options)
    return answer


def _rows(owner: Somebody) -> dict[str, dict[Any, dict[str, Any]]]:
    """Return all rows by table and key."""
    from flaskkit.db import db

    found = {}
    for table in owner.tables:
        keys = list(table.primary_key.columns)
        rows = db.session.execute(table.select()).mappings()
        found[table.name] = {
            tuple(row[key.name] for key in keys): {name: value for name, value in row.items() if name not in _NOTED}
            for row in rows
        }
    return found


def _differences(
    before: Mapping[str, Any], after: Mapping[str, Any], actor: Actor, owner: Somebody, free: Collection[str]
) -> Iterator[str]:
    """Yield what became of rows that are not the actor's."""
    mine = _key_in(actor.user)[0] if actor.user is not None else None
    users = type(owner.user).__tablename__
    theirs = _key_in(owner.user)[0]
    for table, rows in before.items():
        if table in free:
            continue
        for key, row in rows.items():
            if mine is not None and ((table == users and key == (mine,)) or row.get("user_id") == mine):
                continue
            now = after[table].get(key)
            if now is None:
                yield f"deleted a row of {table}."
            elif now != row:
                yield f"changed {', '.join(f'{table}.{name}' for name in row if now[name] != row[name])}."
        if not actor.reads:
            new = [row for key, row in after[table].items() if key not in rows]
            if any(row[name] == theirs for row in new for name in owner.owned.get(table, ())):
                yield f"made a row of {table} in the name of somebody else."
