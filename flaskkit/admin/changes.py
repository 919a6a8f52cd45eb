"""The history of a row: what is written down of it, and the way back.

/admin/notes/7/history          who changed what, when, from where
POST with ``change``            stores the values from before that change, as if somebody had typed them

Only fields that the resource names are shown. There is feature `history` behind it; without it there are no such pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import current_app, flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy import select
from werkzeug.exceptions import NotFound

from flaskkit.access import Policy, require
from flaskkit.admin.opened import Instead
from flaskkit.db import db, rows
from flaskkit.db.keys import parsed, parts_of, url_key
from flaskkit.db.texts import name_of, noun_of, text_of
from flaskkit.errors import Rejected
from flaskkit.forms import form_for, out_of_date
from flaskkit.forms.values import declared_in
from flaskkit.pages import Section
from flaskkit.resource import Resource
from flaskkit.resource.fields import Field
from flaskkit.texts import say

MASKED = "•••"
WORDS = {"create": say("Added"), "update": say("Changed"), "delete": say("Deleted")}


@dataclass(frozen=True)
class Entry:
    """A change as people read it: of which row, at which address there is more of it, what was done and by whom."""

    change: Any
    resource: Resource
    name: str
    href: str

    @property
    def word(self) -> str:
        """What was done."""
        return WORDS[self.change.action]


@dataclass(frozen=True)
class Line:
    """One field of a change, before and after."""

    label: str
    before: str
    after: str


def entries_of(section: Section, changes: Iterable[Any]) -> list[Entry]:
    """Return those of *changes* that are about resources of *section*. One query for each model among them."""
    by_table = {resource.model.__table__.name: resource for resource in section.resources}
    known = [(change, by_table[change.table_name]) for change in changes if change.table_name in by_table]
    names: dict[tuple[str, str], str] = {}
    for resource in {resource for _, resource in known}:
        keys = {change.key for change, other in known if other is resource}
        names |= {(resource.name, url_key(item)): name_of(item) for item in _with_keys(resource, keys)}
    return [
        Entry(
            change,
            resource,
            names.get((resource.name, change.key)) or _name_in(resource, change),
            section.url(resource, "history", key=change.key),
        )
        for change, resource in known
    ]


def _with_keys(resource: Resource, keys: Iterable[str]) -> Sequence[Any]:
    if len(resource.keys) > 1:
        return ()
    column = getattr(resource.model, resource.key.name)
    wanted = [parsed(column.type, part) for key in keys for part in parts_of(key, 1)]
    return db.session.scalars(
        select(resource.model).where(column.in_([one for one in wanted if one is not None]))
    ).all()


def _name_in(resource: Resource, change: Any) -> str:
    """Return what to call a row that is gone: its first text, or its key."""
    shown = [field for field in resource.readable if field.type is str and not field.key and not field.target]
    held = {**change.after, **change.before}
    texts = (held[field.name] for field in shown if held.get(field.name))
    return next((str(text)[:80] for text in texts), f"{noun_of(resource.model).capitalize()} {change.key}")


def show_history(section: Section, resource: Resource, key: str) -> ResponseReturnValue:
    require(resource.read)
    log = current_app.extensions["flaskkit.history"]
    changes = log.of(resource.model, key)
    item = _item(resource, key)
    if item is None and not changes:
        raise NotFound
    form, status = FlaskForm(), 200
    if form.is_submitted():
        status = 422
        change = next((one for one in changes if str(one.id) == request.form.get("change")), None)
        if change is None:
            raise NotFound
        if form.validate():
            try:
                restored = _restore(resource, key, item, change)
            except Rejected as refused:
                labels = {field.name: field.label for field in resource.known.values()}
                form.form_errors += [
                    say("%(label)s: %(text)s", label=labels[name], text=text) if name in labels else text
                    for name, texts in refused.errors.items()
                    for text in texts
                ]
                status = refused.code
            else:
                flash(say("“%(name)s” is as it was before.", name=name_of(restored)).spoken(), "success")
                return redirect(section.url(resource, "detail", key=url_key(restored)), 303)
        elif out_of_date(form):
            status = 400
        changes = log.of(resource.model, key)
        item = _item(resource, key)
    name = name_of(item) if item is not None else _name_in(resource, changes[0])
    told = [(change, list(_lines(resource, change)), _restorable(resource, item, change)) for change in changes]
    context = {"name": name, "exists": item is not None, "key": key, "words": WORDS}
    return section.render(resource, "admin/history.html", form=form, told=told, **context), status


def _item(resource: Resource, key: str) -> Any:
    try:
        return rows.get(resource, key)
    except NotFound:
        return None


def _fields(resource: Resource) -> dict[str, Field]:
    """Return the fields that may be shown, by the attributes that are written down of them."""
    found = {}
    for field in (*resource.readable, *resource.writable):
        if field.name in resource.write_only or field.computed:
            continue
        found[_written_as(resource, field)] = field
    return found


def _written_as(resource: Resource, field: Field) -> str:
    """Return the name under which *field* is written down: of a relationship to one row its foreign key."""
    if not field.is_relationship or field.many:
        return field.name
    columns = (one.name for one in resource.known.values() if one.relationship == field.name and one is not field)
    return next(columns, field.name)


def _lines(resource: Resource, change: Any) -> Iterator[Line]:
    shown = _fields(resource)
    for name in dict.fromkeys([*change.before, *change.after]):
        if name in shown:
            field = shown[name]
            before, after = (_text(field, values.get(name)) for values in (change.before, change.after))
            if before or after:
                yield Line(field.label, before, after)
    secret = {field.name: field.label for field in resource.known.values() if field.name in change.masked}
    for label in secret.values():
        yield Line(label, MASKED if change.action != "create" else "", MASKED if change.action != "delete" else "")


def _text(field: Field, value: Any) -> str:
    if value is None:
        return ""
    if field.target is not None:
        keys = value if isinstance(value, list) else [value]
        names = {str(key): name_of(item) for key, item in rows.referred(field, keys).items()}
        return ", ".join(names.get(str(key), str(key)) for key in keys)
    return text_of(current_app.extensions["flaskkit.history"].value(field, value)) if not field.file else str(value)


def _restorable(resource: Resource, item: Any, change: Any) -> bool:
    if change.action == "delete":
        return item is None
    return item is not None and change.action == "update" and bool(_before(resource, change))


def _before(resource: Resource, change: Any) -> dict[str, Any]:
    """Return the values from before *change*, by field name, of those fields that may be sent."""
    shown = [field for field in resource.writable if field.name not in resource.write_only and not field.owned]
    sent = {_written_as(resource, field): field for field in shown}
    found = current_app.extensions["flaskkit.history"].before(change, sent)
    return {sent[name].name: value for name, value in found.items()}


def _restore(resource: Resource, key: str, item: Any, change: Any) -> Any:
    """Store what a row held before *change*, by the rules of its form and under its policies.

    Raises:
        Rejected: it cannot be stored any more. NotFound: there is nothing to restore.
    """
    if not _restorable(resource, item, change):
        raise NotFound
    values = _before(resource, change)
    _check(resource, values)
    if item is not None:
        return rows.update(resource, key, values)
    # With its key, and with what the app itself wrote: whose it was must not become whose it is restored by.
    columns = {
        name: field for name, field in resource.known.items() if not field.is_relationship and not field.computed
    }
    whole = current_app.extensions["flaskkit.history"].before(change, columns)
    policy = resource.policy("create")
    own: Policy = policy.policy if isinstance(policy, Instead) else policy
    sent = {name: value for name, value in values.items() if resource.known[name].many}
    return rows.create(replace(resource, create=own), {**whole, **sent})


def _check(resource: Resource, values: Mapping[str, Any]) -> None:
    """Raise Rejected unless the form of *resource* would take *values*."""
    form = form_for(resource)(None, meta={"csrf": False})
    for at, field in list(declared_in(form).items()):
        if field.name not in values or field.target is not None or field.file is not None:
            del form[at]
            continue
        form[at].data = values[field.name]
        text = form[at]._value() if hasattr(form[at], "_value") else str(form[at].data)
        form[at].raw_data = [] if form[at].data is None else [text]
    if not form.validate():
        names = {at: field.name for at, field in declared_in(form).items()}
        raise Rejected({names[at]: list(texts) for at, texts in form.errors.items() if at in names})
