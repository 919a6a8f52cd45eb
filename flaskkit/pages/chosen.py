"""Several rows at once: those that were chosen in a list are deleted together, or none of them.

/books/delete?key=7&key=8     asks; works without a script, and the address can be gone back to
POST                          deletes, each row under its policy
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from flaskkit.access import Policy, require
from flaskkit.db import bulk, rows
from flaskkit.db.keys import parsed, url_key
from flaskkit.db.texts import name_of
from flaskkit.errors import Rejected
from flaskkit.forms import FlaskForm, out_of_date
from flaskkit.pages.deletion import consequences
from flaskkit.resource import Resource
from flaskkit.texts import Text, joined, say, say_many, spoken

if TYPE_CHECKING:
    from flaskkit.pages.section import Section

# More than a page of a list has; a URL of as many UUIDs is still one that servers take.
MOST = 200


def delete_rows(section: Section, resource: Resource) -> ResponseReturnValue:
    def effects(items: Sequence[Any]) -> dict[str, Any]:
        return {"effects": consequences(section, resource, items)}

    return confirmed(section, resource, resource.policy("delete"), "delete_many.html", _deleted, about=effects)


def confirmed(
    section: Section,
    resource: Resource,
    policy: Policy,
    template: str,
    run: Callable[[Resource, Sequence[Any]], str],
    *,
    about: Callable[[Sequence[Any]], Mapping[str, Any]],
) -> ResponseReturnValue:
    """Show *template*, which asks about the rows that were chosen, and call *run* with them once it is confirmed.

    The visitor must be allowed by *policy* to do it to each of them. *run* returns what to say afterwards, or raises
    Rejected, or NotFound where one is gone; *about* is what else the template knows of the rows.
    """
    require(policy)
    back = section.asked(resource, "list", parse_qs(request.values.get("from", "")))
    items = chosen_rows(resource)
    for item in items:
        require(policy, item)
    form, status = FlaskForm(), 200
    names = [name_of(item) for item in items]
    chosen = [(url_key(item), name) for item, name in zip(items, names, strict=True)]
    if form.is_submitted() and items:
        status = 422
        if form.validate():
            try:
                said = run(resource, items)
            except Rejected as refused:
                form.form_errors += _told(refused, names)
                status = refused.code
            except NotFound:
                form.form_errors.append(say("Somebody else deleted one of these meanwhile. Nothing was done."))
                status = 409
            else:
                flash(spoken(said), "success")
                return redirect(back, 303)
        elif out_of_date(form):
            status = 400
    context = {"form": form, "chosen": chosen, "list_query": request.values.get("from", ""), "back": back}
    return section.render(resource, template, **context, **about(items)), status


def chosen_rows(resource: Resource) -> Sequence[Any]:
    """Return the rows with the keys that were sent, as far as the visitor may read them, in the order of the list."""
    key = resource.key
    kind = getattr(resource.model, key.name).type
    keys = [parsed(kind, unquote(text)) for text in request.values.getlist("key")[:MOST]]
    wanted = [one for one in dict.fromkeys(keys) if one is not None]
    if not wanted:
        rows.require_some(resource)
        return []
    return rows.page(resource, filters={f"{key.public_name}__in": wanted}, size=MOST, count=False).items


def _deleted(resource: Resource, items: Sequence[Any]) -> Text:
    names = [name_of(item) for item in items]
    bulk.delete(resource, [getattr(item, resource.key.name) for item in items])
    if len(names) == 1:
        return say("“%(name)s” was deleted.", name=names[0])
    return say_many("%(num)s row was deleted.", "%(num)s rows were deleted.", len(names))


def _told(refused: Rejected, names: list[str]) -> list[str]:
    """Return what *refused* says of each row, by the name of the row."""
    told: list[str] = []
    for position, errors in refused.errors.items():
        of_one = errors if isinstance(errors, dict) else {"": errors}
        name = names[int(position)] if position.isdigit() and int(position) < len(names) else ""
        for messages in of_one.values():
            told += [joined(name, message, between=": ") for message in messages]
    return told or [refused.description or ""]
