"""The rows of a Resource, read and changed as its policies allow; the same on every face.

    page(notes, sorts=["-created_at"], number=2)      get(notes, "7")
    create(notes, {"rating": 5})                      update(notes, "7", {"rating": 4})      delete(notes, "7")

The user is always the caller of the current request. Each writing call is one transaction, committed when it
returns and rolled back when it raises. Values are Python values by field name; a relationship, like a foreign
key, is given and returned as the key of the other row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import current_app
from sqlalchemy import BigInteger, Integer, Select, false, func, literal, or_, select
from sqlalchemy.exc import CircularDependencyError, DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.orm import selectinload
from werkzeug.exceptions import NotFound

from flaskkit.access import Policy, require, user_for
from flaskkit.db.engine import WRITE
from flaskkit.db.models import db
from flaskkit.db.refusals import delete_refused, violated, write_refused
from flaskkit.errors import Rejected
from flaskkit.fields import Field, name_of
from flaskkit.fields import key_of as key_name
from flaskkit.resource import Resource


@dataclass(frozen=True)
class Page:
    """Some rows of a list. ``number`` counts from 1; ``total`` is how many rows the whole list has."""

    items: list[Any]
    number: int
    size: int
    total: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least 1."""
        return max(1, -(-self.total // self.size))


def page(
    resource: Resource,
    *,
    filters: Mapping[str, Any] | None = None,
    sorts: Sequence[str] = (),
    q: str = "",
    number: int = 1,
    size: int = 20,
) -> Page:
    """Return the rows that the caller may read, those equal to *filters* and holding *q* in a searched column.

    *sorts* are field names, descending with "-" in front; without any it is the resource's ``order``. The key
    breaks ties. One query counts, one reads, and one more for each relationship among the readable fields.

    Raises:
        LoginRequired, Forbidden: the caller may see no row at all.
    """
    require_some(resource)
    rows = _visible(resource.model, resource.read)
    for name, value in (filters or {}).items():
        column = getattr(resource.model, name)
        rows = rows.where(column == _comparable(column, value))
    if q:
        columns = [getattr(resource.model, name) for name in resource.search]
        rows = rows.where(or_(false(), *(column.icontains(q, autoescape=True) for column in columns)))
    total = db.session.scalar(select(func.count()).select_from(rows.order_by(None).subquery())) or 0
    first = (number - 1) * size
    items = in_order(resource, rows, sorts).options(*_with_related(resource)).limit(size).offset(first)
    found = list(db.session.scalars(items)) if first < total else []
    return Page(found, number, size, total)


def require_some(resource: Resource) -> None:
    """Raise unless the caller may read rows of *resource*, at least some.

    Raises:
        LoginRequired, Forbidden: not a single one.
    """
    if resource.read.rows(user_for(resource.read), resource.model) is False:
        require(resource.read)


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
    trusted = {name: value for name, value in values.items() if _is_checked_by_database(resource, name, value)}
    others = {name: value for name, value in values.items() if name not in trusted}
    try:
        with _transaction(lambda error: write_refused(resource, error), keep):
            found = trusted | _resolved(resource, others)
            for name, value in found.items():
                _require_moves(resource.known[name], [], value)
            item = resource.model(**{name: found[name] for name in values})
            policy.claim(user_for(policy), item)
            require(policy, item)
            db.session.add(item)
    except Exception:
        # Keys of no row are told first, as where each key is looked up before.
        if trusted:
            _resolved(resource, values)
        raise
    return item


def update(resource: Resource, key: Any, values: Mapping[str, Any], *, keep: bool = False) -> Any:
    """Give the row with that *key* new *values*, leave its others, and return it. *keep* is as in ``create``.

    Raises:
        NotFound, LoginRequired, Forbidden: as in ``get``.
        Rejected, Conflicting: as in ``create``.
    """
    with _transaction(lambda error: write_refused(resource, error), keep):
        item = _find(resource, key, lock=True)
        require(resource.policy("update"), item)
        for name, value in _resolved(resource, values).items():
            _require_moves(resource.known[name], getattr(item, name), value)
            setattr(item, name, value)
        if not resource.policy("update").allows(user_for(resource.policy("update")), item):
            # A slip that could not be mended: giving away a row, or taking a role from oneself.
            raise Rejected({"": ["After this you could not change it any more."]})
    return item


def delete(resource: Resource, key: Any) -> None:
    """Delete the row with that *key*.

    Raises:
        NotFound, LoginRequired, Forbidden: as in ``get``.
        Conflicting: other rows refer to it.
    """
    with _transaction(delete_refused):
        item = _find(resource, key, lock=True)
        require(resource.policy("delete"), item)
        db.session.delete(item)


def resolve(field: Field, value: Any) -> Any:
    """Return the row that *value* of a relationship or foreign key *field* refers to, a list where it holds many.

    Raises:
        Rejected: there is no such row that the caller may refer to.
    """
    wanted = list(dict.fromkeys(value)) if field.many else [value]
    target: Any = field.target
    column = getattr(target, key_name(target))
    keys = [key for key in (parsed(column.type, one) for one in wanted) if key is not None]
    rows = _visible(target, _read_policy(target)).where(column.in_([_comparable(column, key) for key in keys]))
    found = {key_of(item): item for item in db.session.scalars(rows)} if keys else {}
    missing = [one for one in wanted if parsed(column.type, one) not in found]
    if missing:
        raise Rejected({field.name: [f"There is no {target.__name__} {one!r}." for one in missing]})
    items = [found[parsed(column.type, one)] for one in wanted]
    return items if field.many else items[0]


def choices(field: Field, limit: int = 200) -> list[tuple[Any, str]] | None:
    """Return (key, text) of the rows that *field* may refer to, by text, or None where there are more than *limit*."""
    rows = list(db.session.scalars(_visible(field.target, _read_policy(field.target)).limit(limit + 1)))
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


def condition_for(model: Any, policy: Policy | None) -> Any:
    """Return which rows of *model* the caller may see by *policy*: True, for all, or an SQL condition."""
    condition = True if policy is None else policy.rows(user_for(policy), model)
    return false() if condition is False else condition


def in_order(resource: Resource, rows: Select[Any], sorts: Sequence[str]) -> Select[Any]:
    """Return *rows* of *resource* ordered by the fields *sorts*, else as the resource says; the key breaks ties."""
    columns = []
    for name in [*(sorts or resource.order), resource.key.name]:
        column = getattr(resource.model, name.removeprefix("-"))
        columns.append(column.desc() if name.startswith("-") else column.asc())
    return rows.order_by(*columns)


def parsed(kind: Any, key: Any) -> Any:
    """Return *key* as a value that a column of that *kind* can be compared with, or None where it cannot be one."""
    wanted = kind.python_type
    if isinstance(key, str):
        # NUL and lone surrogates are no text to any database.
        if "\x00" in key or not key.isprintable() or key.encode("utf-8", "ignore").decode() != key:
            return None
        if wanted is int:
            key = int(key) if re.fullmatch(r"-?[0-9]{1,18}", key) else None
        elif wanted is UUID:
            key = UUID(key) if re.fullmatch(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}", key) else None
    if isinstance(key, bool) or not isinstance(key, wanted):
        return None
    return None if isinstance(key, int) and not -(2**63) <= key < 2**63 else key


def _visible(model: Any, policy: Policy | None) -> Select[Any]:
    condition = condition_for(model, policy)
    return select(model) if condition is True else select(model).where(condition)


def _read_policy(model: Any) -> Policy | None:
    resource: Resource | None = current_app.extensions["flaskkit"].resource_of(model)
    return resource.read if resource else None


def _with_related(resource: Resource) -> Iterable[Any]:
    links = dict.fromkeys(field.relationship for field in resource.readable if field.relationship)
    return [selectinload(getattr(resource.model, link)) for link in links]


def _find(resource: Resource, key: Any, *, lock: bool = False) -> Any:
    require_some(resource)
    column = getattr(resource.model, resource.key.name)
    value = parsed(column.type, key)
    if value is None:
        raise NotFound
    row = _visible(resource.model, resource.read).where(column == _comparable(column, value))
    if lock:
        # On SQLite, which has no FOR UPDATE, the option takes the write lock before reading.
        row = row.with_for_update(of=resource.model).execution_options(populate_existing=True, **{WRITE: True})
    else:
        row = row.options(*_with_related(resource))
    item = db.session.scalars(row).unique().one_or_none()
    if item is None:
        raise NotFound
    return item


def _comparable(column: Any, value: Any) -> Any:
    """Return *value* as *column* can be compared with it: PostgreSQL refuses numbers wider than the column."""
    return literal(value, BigInteger) if isinstance(column.type, Integer) else value


def _resolved(resource: Resource, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return *values* with rows in place of the keys of relationships; every key must exist, all mistakes at once."""
    resolved: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for name, value in values.items():
        field = resource.known[name]
        if field.target is None or value is None:
            resolved[name] = value
            continue
        try:
            found = resolve(field, value)
        except Rejected as error:
            errors |= error.errors
            continue
        resolved[name] = found if field.is_relationship else value
    if errors:
        raise Rejected(errors)
    return resolved


def _is_checked_by_database(resource: Resource, name: str, value: Any) -> bool:
    """Return whether *value* is a foreign key to rows that the caller sees all: then the database can look it up."""
    field = resource.known[name]
    if field.target is None or field.is_relationship or type(value) is not field.type or field.type not in (int, UUID):
        return False
    column = resource.model.__mapper__.columns[name]
    enforced = any(key.column is field.target.__mapper__.primary_key[0] for key in column.foreign_keys)
    return enforced and condition_for(field.target, _read_policy(field.target)) is True


def _require_moves(field: Field, before: Any, after: Any) -> None:
    """Raise unless the caller may change the rows that come or go when *field* holds *after* instead of *before*.

    Where the other rows hold the foreign key, to give or take them changes them, or deletes them as orphans.
    """
    if not (field.is_relationship and field.many and field.moves):
        return
    resource: Resource | None = current_app.extensions["flaskkit"].resource_of(field.target)
    if resource is None:
        return
    for row in {*before} ^ {*(after or ())}:
        require(resource.policy("update"), row)
        if row in before and field.owns:
            require(resource.policy("delete"), row)


@contextmanager
def _transaction(refused: Callable[[DBAPIError], Exception], keep: bool = False) -> Iterator[None]:
    session = db.session()
    expire = session.expire_on_commit
    try:
        yield
        session.expire_on_commit = expire and not keep
        session.commit()
    except BaseException as error:
        db.session.rollback()
        if isinstance(error, DBAPIError) and (isinstance(error, IntegrityError) or violated(error)):
            raise refused(error) from error
        if isinstance(error, CircularDependencyError):
            raise Rejected({"": ["A row cannot refer to itself."]}) from error
        cause = error.orig if isinstance(error, StatementError) else error
        if isinstance(error, DataError) or isinstance(cause, OverflowError | UnicodeError):
            raise Rejected({"": ["A value is too large or of a kind that cannot be stored."]}) from error
        raise
    finally:
        session.expire_on_commit = expire
