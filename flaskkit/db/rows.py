"""The rows of a Resource, read and changed as its policies allow; the same on every face.

    page(notes, sorts=["-created_at"], number=2)      get(notes, "7")
    create(notes, {"rating": 5})                      update(notes, "7", {"rating": 4})      delete(notes, "7")

The user is always the caller of the current request. Each writing call is one transaction, committed when it
returns and rolled back when it raises. Values are Python values by field name; a relationship, like a foreign
key, is given and returned as the key of the other row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from flask import current_app
from sqlalchemy import BigInteger, Integer, Select, literal, select, tuple_
from sqlalchemy.orm import joinedload, selectinload
from werkzeug.exceptions import NotFound

from flaskkit.access import Policy, require, user_for
from flaskkit.db import hooks
from flaskkit.db.engine import WRITE
from flaskkit.db.keys import parsed, parts_of
from flaskkit.db.lists import Asked, Lists, Page
from flaskkit.db.loading import with_related
from flaskkit.db.models import db
from flaskkit.db.parts import Parts, require_moves
from flaskkit.db.refusals import delete_refused, write_refused
from flaskkit.db.texts import name_of
from flaskkit.db.transactions import transaction
from flaskkit.db.visibility import condition_for, read_policy, readable, visible
from flaskkit.errors import Rejected
from flaskkit.resource import Resource
from flaskkit.resource.fields import Field
from flaskkit.resource.fields import key_of as key_name
from flaskkit.texts import say


def page(
    resource: Resource,
    *,
    filters: Mapping[str, Any] | None = None,
    sorts: Sequence[str] = (),
    q: str = "",
    number: int = 1,
    size: int = 20,
    count: bool = True,
    count_to: int = 0,
    after: Sequence[Any] | None = None,
    fields: Iterable[Field] | None = None,
) -> Page:
    """Return the rows that the caller may read, that *filters* let through and that hold *q* in a searched column.

    Where the model has a ``text_index`` for it, *q* is words instead, each of which begins one in a searched column.

    *filters* maps parameters to values: ``{"rating__ge": 3, "author.name": "Ann"}``. *sorts* are field names,
    descending with "-" in front; without any it is the resource's ``order``. The key breaks ties. Without *count*
    nobody counts, with *count_to* no further than that: see ``Page.beyond``. A *number* below 1 is the first page.
    *after* is the ``position`` of the page before, or empty, instead of a *number*. Relationships are read with the
    rows, only those among *fields* where these are given: to-one relationships by the same query, each other one by
    one more.

    Raises:
        LoginRequired, Forbidden: the caller may see no row at all.
    """
    own = readable(resource)
    asked = Asked(filters or {}, sorts, q, number, size, count, after, count_to)
    wanted = resource.readable if fields is None else fields
    lists = _lists()(resource, tuple(sorted({field.name for field in wanted if field.relationship})))
    found = lists.page(asked, own, visible)
    return found._replace(items=[row[0] for row in found.items])


def _lists() -> Callable[[Resource, tuple[str, ...]], Lists]:
    """Return the function from a resource, and names of fields with rows behind them, to lists that read these as well.

    An app keeps its lists, and these their statements.
    """
    kept: Any = current_app.extensions.get("flaskkit.lists")
    if kept is None:
        kept = current_app.extensions["flaskkit.lists"] = lru_cache(maxsize=256)(_list_of)
    return kept  # type: ignore[no-any-return]


def _list_of(resource: Resource, names: Iterable[str]) -> Lists:
    options = with_related(resource, [resource.known[name] for name in names], to_one=joinedload)
    return Lists(resource, [resource.model], options=options)


def require_some(resource: Resource) -> None:
    """Raise unless the caller may read rows of *resource*, at least some.

    Raises:
        LoginRequired, Forbidden: not a single one.
    """
    readable(resource)


def get(resource: Resource, key: Any, action: str = "read") -> Any:
    """Return the row with that *key*, if the caller may do *action* ("read", "update" or "delete") to it.

    *key* is a value or its text in a URL. A row that the caller may not read is not found.

    Raises:
        NotFound: there is no such row for this caller.
        LoginRequired, Forbidden: there is, but not for this *action*.
    """
    item = _find(resource, key)
    if action != "read":
        require(resource.policy(action), item)
    return item


def create(resource: Resource, values: Mapping[str, Any], *, keep: bool = False) -> Any:
    """Store a new row with *values* and return it. With *keep* it is not read again, unless the database fills it.

    Raises:
        LoginRequired, Forbidden: the caller may not create such a row.
        Rejected: a value cannot be stored. Conflicting: it collides with another row.
    """
    policy = resource.policy("create")
    require(policy)
    trusted = {name: value for name, value in values.items() if is_checked_by_database(resource, name, value)}
    others = {name: value for name, value in values.items() if name not in trusted}
    try:
        with transaction(lambda error: write_refused(resource, error, values), keep=keep):
            found = trusted | resolved(resource, others)
            stored = {name: found[name] for name in values}
            item = new(resource, stored)
            hooks.after(resource, "create", item, stored)
    except Exception:
        # Keys of no row are told first, as where each key is looked up before.
        if trusted:
            resolved(resource, values)
        raise
    return item


def new(resource: Resource, values: dict[str, Any]) -> Any:
    """Return a new row with *values*, in which rows stand for keys, put into the session within a transaction.

    In *values* they take the place of what was sent of rows that belong to it, too.

    Raises:
        LoginRequired, Forbidden: the caller may not create such a row.
    """
    policy = resource.policy("create")
    for name, value in values.items():
        require_moves(resource.known[name], None, value)
    parts = Parts(resource, values)
    item = resource.model(**values)
    policy.claim(user_for(policy), item)
    require(policy, item)
    parts.begin(item)
    stored = hooks.create(resource, item, values)
    parts.end()
    return stored


def update(
    resource: Resource,
    key: Any,
    values: Mapping[str, Any],
    *,
    keep: bool = False,
    check: Callable[[Any], None] | None = None,
) -> Any:
    """Give the row with that *key* new *values*, leave its others, and return it. *keep* is as in ``create``.

    *check* is called with the row, locked and as it was; what it raises prevents the change.

    Raises:
        NotFound, LoginRequired, Forbidden: as in ``get``.
        Rejected, Conflicting: as in ``create``.
    """
    with transaction(lambda error: write_refused(resource, error, values), keep=keep):
        item = _find(resource, key, lock=True)
        require(resource.policy("update"), item)
        if check:
            check(item)
        stored = resolved(resource, values)
        change(resource, item, stored)
        hooks.after(resource, "update", item, stored)
    return item


def change(resource: Resource, item: Any, values: dict[str, Any]) -> None:
    """Give *item*, which the caller may change, new *values*, as in ``new``, within a transaction.

    Raises:
        LoginRequired, Forbidden: the caller may not change another row that comes or goes.
        Rejected: after this the caller could not change it.
    """
    for name, value in values.items():
        if resource.known[name].moves:
            require_moves(resource.known[name], getattr(item, name), value)
    parts = Parts(resource, values, item)
    parts.begin(item)
    hooks.update(resource, item, values)
    if not resource.policy("update").allows(user_for(resource.policy("update")), item):
        # A slip that could not be mended: giving away a row, or taking a role from oneself.
        raise Rejected({"": [say("After this you could not change it any more.")]})
    parts.end()


def delete(resource: Resource, key: Any, *, check: Callable[[Any], None] | None = None) -> None:
    """Delete the row with that *key*. *check* is as in ``update``.

    Raises:
        NotFound, LoginRequired, Forbidden: as in ``get``.
        Conflicting: other rows refer to it.
    """
    with transaction(delete_refused):
        item = _find(resource, key, lock=True)
        require(resource.policy("delete"), item)
        if check:
            check(item)
        hooks.delete(resource, item)
        hooks.after(resource, "delete", item, {})


def resolve(field: Field, value: Any) -> Any:
    """Return the row that *value* of a relationship or foreign key *field* refers to, a list where it holds many.

    Raises:
        Rejected: there is no such row that the caller may refer to.
    """
    wanted = list(dict.fromkeys(value)) if field.many else [value]
    return _chosen(field, wanted, referred(field, wanted))


def referred(field: Field, wanted: Iterable[Any]) -> dict[Any, Any]:
    """Return by key the rows with the keys *wanted* that *field* may refer to; others are left out. One query."""
    target: Any = field.target
    column = getattr(target, key_name(target))
    keys = [key for key in (parsed(column.type, one) for one in wanted) if key is not None]
    rows = _visible(target, read_policy(target)).where(column.in_([_comparable(column, key) for key in keys]))
    return {key_of(item): item for item in db.session.scalars(rows)} if keys else {}


def _chosen(field: Field, wanted: Sequence[Any], found: Mapping[Any, Any]) -> Any:
    target: Any = field.target
    kind = getattr(target, key_name(target)).type
    missing = [one for one in wanted if parsed(kind, one) not in found]
    if missing:
        named = [repr(one) if isinstance(one, str) else str(one) for one in missing]
        raise Rejected(
            {field.name: [say("There is no %(noun)s %(key)s.", noun=target.__name__, key=key) for key in named]}
        )
    items = [found[parsed(kind, one)] for one in wanted]
    return items if field.many else items[0]


def choices(field: Field, limit: int = 200) -> list[tuple[Any, str]] | None:
    """Return (key, text) of the rows that *field* may refer to, by text, or None where there are more than *limit*."""
    rows = list(db.session.scalars(_visible(field.target, read_policy(field.target)).limit(limit + 1)))
    if len(rows) > limit:
        return None
    return sorted(((key_of(row), name_of(row)) for row in rows), key=lambda choice: choice[1].casefold())


def key_of(item: Any) -> Any:
    """Return the primary key of *item*."""
    return getattr(item, key_name(type(item)))


def value_of(item: Any, field: Field) -> Any:
    """Return the value of *field*; for a relationship the key of the other row, or a list of keys."""
    value = getattr(item, field.name)
    if not field.is_relationship or value is None:
        return value
    return [key_of(other) for other in value] if field.many else key_of(value)


def _visible(model: Any, policy: Policy | None) -> Select[Any]:
    condition = condition_for(model, policy)
    return select(model) if condition is True else select(model).where(condition)


def _find(resource: Resource, key: Any, *, lock: bool = False) -> Any:
    require_some(resource)
    row = _visible(resource.model, resource.read).where(*_with_key(resource, key))
    if lock:
        # Read anew with the row: what was loaded before may have changed since.
        owned = [selectinload(getattr(resource.model, name)) for name in resource.owned]
        row = _locked(resource, row.options(*owned))
    else:
        row = row.options(*with_related(resource))
    item = db.session.scalars(row).unique().one_or_none()
    if item is None:
        raise NotFound
    return item


def locked(resource: Resource, keys: Iterable[Any], names: Iterable[str] = ()) -> dict[Any, Any]:
    """Return by key the rows with these *keys* that the caller may read, locked until the transaction ends.

    One query, and one for each relationship among *names*, which are read for all of them.

    Raises:
        LoginRequired, Forbidden: the caller may read no row at all.
    """
    require_some(resource)
    column = getattr(resource.model, resource.key.name)
    rows = _visible(resource.model, resource.read).where(column.in_([_comparable(column, key) for key in keys]))
    # In one order, so that no two requests wait for each other.
    links = [name for name in names if resource.known[name].is_relationship]
    rows = rows.options(*(selectinload(getattr(resource.model, link)) for link in links))
    found = db.session.scalars(_locked(resource, rows.order_by(column))).unique()
    return {key_of(item): item for item in found}


def again(resource: Resource, items: Sequence[Any]) -> None:
    """Read *items*, stored just now, with what is shown of them. One query, and one for each relationship.

    Raises:
        NotFound: one was deleted since.
    """
    columns = [getattr(resource.model, field.name) for field in resource.keys]
    keys = [tuple(getattr(item, field.name) for field in resource.keys) for item in items]
    some = columns[0].in_([key for (key,) in keys]) if len(columns) == 1 else tuple_(*columns).in_(keys)
    rows = select(resource.model).where(some)
    rows = rows.options(*with_related(resource)).execution_options(populate_existing=True)
    if len(db.session.scalars(rows).unique().all()) < len(items):
        raise NotFound


def _locked(resource: Resource, rows: Select[Any]) -> Select[Any]:
    # On SQLite, which has no FOR UPDATE, the option takes the write lock before reading.
    return rows.with_for_update(of=resource.model).execution_options(populate_existing=True, **{WRITE: True})


def _with_key(resource: Resource, key: Any) -> Iterator[Any]:
    columns = [getattr(resource.model, field.name) for field in resource.keys]
    parts = parts_of(key, len(columns))
    if not parts:
        raise NotFound
    for column, part in zip(columns, parts, strict=True):
        value = parsed(column.type, part)
        if value is None:
            raise NotFound
        yield column == _comparable(column, value)


def _comparable(column: Any, value: Any) -> Any:
    """Return *value* as *column* can be compared with it: PostgreSQL refuses numbers wider than the column."""
    return literal(value, BigInteger) if isinstance(column.type, Integer) else value


def resolved(
    resource: Resource, values: Mapping[str, Any], known: Mapping[str, Mapping[Any, Any]] | None = None
) -> dict[str, Any]:
    """Return *values* with rows in place of the keys of relationships; every key must exist, all mistakes at once.

    *known* holds what ``referred`` found for each field; without it a query is made for each.
    """
    resolved: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for name, value in values.items():
        field = resource.known[name]
        if field.target is None or value is None:
            resolved[name] = value
            continue
        try:
            if field.owned:
                resolved[name] = _resolved_each(field, value)
                continue
            wanted = list(dict.fromkeys(value)) if field.many else [value]
            found = _chosen(field, wanted, known[name]) if known is not None else resolve(field, value)
        except Rejected as error:
            errors |= error.errors
            continue
        resolved[name] = found if field.is_relationship else value
    if errors:
        raise Rejected(errors)
    return resolved


def _resolved_each(field: Field, bodies: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return *bodies*, sent for rows that belong to one, if all keys in them exist. A query for each foreign key."""
    errors: dict[str, dict[str, Any]] = {}
    for one in (one for one in field.owned if one.target is not None):
        keys = [body.get(one.name) for body in bodies]
        found = referred(one, [key for key in dict.fromkeys(keys) if key is not None])
        for i, key in enumerate(keys):
            try:
                if key is not None:
                    _chosen(one, [key], found)
            except Rejected as error:
                errors.setdefault(str(i), {}).update(error.errors)
    if errors:
        raise Rejected({field.name: errors})
    return bodies


def is_checked_by_database(resource: Resource, name: str, value: Any) -> bool:
    """Return whether *value* is a foreign key to rows that the caller sees all: then the database can look it up."""
    field = resource.known[name]
    if field.target is None or field.is_relationship or type(value) is not field.type or field.type not in (int, UUID):
        return False
    column = resource.model.__mapper__.columns[name]
    enforced = any(key.column is field.target.__mapper__.primary_key[0] for key in column.foreign_keys)
    return enforced and condition_for(field.target, read_policy(field.target)) is True
