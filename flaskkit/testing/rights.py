"""assert_isolated: a stranger, another user and a token for reading try everything with keys of somebody's rows.

somebody.py   a new user, with a row of everything that can be theirs, a session and a token
tries.py      the requests
seen          none of the texts and numbers in those rows stands in an answer, but for what the test names
changed       every row that was there is as it was, after every request
answered      401, 403, 404 and other refusals; never a page of that row, and never 500
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from flaskkit.errors import did_you_mean
from flaskkit.testing.clients import ApiClient, Client, browser_with, in_context, session_of
from flaskkit.testing.factories import stored
from flaskkit.testing.isolation import forget, is_isolated, isolated, undone, writes_in
from flaskkit.testing.somebody import Owned, Somebody, key_in, somebody
from flaskkit.testing.tries import Try, forms_of, tries_of

# What a row is asked for with these is the row itself.
_SHOWING = {"read", "detail", "file"}
_CHANGING = {"update", "replace", "edit", "delete", "bulk_update", "bulk_delete"}
# What changes when somebody is seen, not when somebody changes something.
_NOTED = {"seen_at", "used_at"}


def assert_isolated(
    app: Flask,
    *,
    seen: Collection[str] = (),
    changed: Collection[str] = (),
    owned: Owned | None = None,
    rows: Iterable[Any] = (),
    without: Collection[str] = (),
) -> None:
    """Fail if somebody who is not the owner sees or changes a row, on any route of *app*.

    *seen* names what of others' rows everybody may see: a resource, ``"notes"``, or one column, ``"visitors.name"``.
    *changed* names resources that every user may change. *owned* says whose a row of a resource is, where no foreign
    key and no ``owner(…)`` does: ``{"notes": "members"}``, an attribute that holds users, or a function that is given
    the row and a user. *rows* are stored rows to try in place of those that factories would make. *without* names
    endpoints that are left out. What is written is rolled back.

    Raises:
        AssertionError: listing each request and what it showed or changed.
        LookupError: a name is that of no resource.
        TypeError: no row of a model can be made; give one in *rows*.
    """
    if "flaskkit.user_model" not in app.extensions:
        raise TypeError("assert_isolated() needs feature 'auth': without users nothing is anybody's.")
    said = _Said(seen, changed, owned or {}, list(rows), without)
    if is_isolated(app):
        with undone(app):
            found = list(_violations(app, said))
    else:
        with isolated(app):
            found = list(_violations(app, said))
    if found:
        shown = "\n".join(f"  - {text}" for text in dict.fromkeys(found))
        raise AssertionError(f"Not everything is kept from others:\n{shown}")


@dataclass
class _Said:
    """What the test says."""

    seen: Collection[str]
    changed: Collection[str]
    owned: Owned
    rows: list[Any]
    without: Collection[str]


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


def _violations(app: Flask, said: _Said) -> Iterator[str]:
    tables = _tables_by_resource(app)
    _refuse_unknown(app, said, tables)
    owner = in_context(app, somebody, app, said.rows, said.owned)
    open_ = owner.opened(_in_tables(said.seen, tables))
    free = owner.opened(_in_tables(said.changed, tables))
    hidden = {text: place for text, place in owner.secrets.items() if not {place[0], ".".join(place)} & open_}
    tries = list(tries_of(app, owner, tables, said.without))
    with undone(app):
        tries += forms_of(app, owner, tries)
    before = in_context(app, _rows, owner)
    for actor in in_context(app, _actors, app, owner):
        for one in tries:
            if actor.skips(one):
                continue
            request = f"{actor.name}: {one.method} {one.path}"
            with undone(app):
                forget(app)
                written = writes_in(app)
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
                # Whatever the method: a link that changes something is one that others can have people follow.
                if writes_in(app) != written:
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


def _actors(app: Flask, owner: Somebody) -> list[Actor]:
    from flaskkit.auth import tokens
    from flaskkit.db import db

    model = app.extensions["flaskkit.user_model"]
    other = stored(model, email="another@example.com")
    names = [resource.name for resource in app.extensions["flaskkit"].resources]
    somebody = db.session.get(model, key_in(owner.user))
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


def _tables_by_resource(app: Flask) -> dict[str, str]:
    """Return the table of each resource by its name; the admin's users and roles too."""
    kit = app.extensions["flaskkit"]
    versions = app.extensions.get("flaskkit.api", ())
    older = [one for version in versions for one in version.resources(kit.modules)]
    found = {resource.name: resource.model.__tablename__ for resource in (*older, *kit.resources)}
    return {"users": app.extensions["flaskkit.user_model"].__tablename__, "roles": "roles", **found}


def _refuse_unknown(app: Flask, said: _Said, tables: Mapping[str, str]) -> None:
    """Raise where a name says nothing: a resource that was renamed would be open without a word."""
    for what, names in {"seen": said.seen, "changed": said.changed, "owned": said.owned}.items():
        for name in names:
            first = name.partition(".")[0]
            if first not in tables and first not in tables.values():
                raise LookupError(f"{what}: there is no resource {first!r}.{did_you_mean(first, tables)}")
    for endpoint in said.without:
        if endpoint not in app.view_functions:
            raise LookupError(
                f"without: there is no endpoint {endpoint!r}.{did_you_mean(endpoint, app.view_functions)}"
            )


def _in_tables(names: Collection[str], tables: Mapping[str, str]) -> set[str]:
    """Return *names* of resources and their columns, with tables in place of resources."""
    found = set()
    for name in names:
        first, dot, column = name.partition(".")
        found.add(tables.get(first, first) + dot + column)
    return found


def _send(actor: Actor, one: Try) -> TestResponse:
    client = actor.client()
    if isinstance(client, ApiClient):
        return client.open(one.method, one.path, one.body if one.form is None else None, headers=one.headers)
    answer: TestResponse
    options: dict[str, Any] = {"headers": one.headers}
    if one.form is not None:
        options["data"] = dict(one.form)
    elif one.body is not None:
        options["json"] = one.body
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
    mine = key_in(actor.user)[0] if actor.user is not None else None
    users = type(owner.user).__tablename__
    theirs = key_in(owner.user)[0]
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
