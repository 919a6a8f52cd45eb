"""The headers that tell where a page of a list stands.

X-Pagination    numbers as flask-smorest writes them, as JSON; the cursor of a list that is read on
Link            the other pages (RFC 8288), with the relations of its section 2.1.1
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from flask import current_app, request
from flask_smorest import abort

from flaskkit.db import cursor
from flaskkit.db.lists import Page
from flaskkit.resource import Resource

# What X-Pagination holds beside the numbers.
CURSOR = {"type": "string", "description": "The cursor to read on with; none on the last page."}


def headers_of(resource: Resource, sorts: Sequence[str], page: Page) -> dict[str, str]:
    """Return the headers for *page* of a list of *resource* in the order *sorts*."""
    numbers: dict[str, Any]
    links: dict[str, Any]
    if "after" in request.args:
        name, numbers, links = "after", {}, {"first": ""}
        if page.total is not None:
            numbers["total"] = page.total
        if page.position is not None:
            try:
                numbers["after"] = cursor.write(resource, sorts, page.position)
            except cursor.BadCursor as error:
                abort(422, messages={"query": {"after": [str(error)]}})
            links["next"] = numbers["after"]
    else:
        name, numbers, links = "page", _numbers_of(page), _pages_of(page)
    return {"X-Pagination": current_app.json.dumps(numbers), "Link": _written(name, links)}


def _numbers_of(page: Page) -> dict[str, Any]:
    around = {"page": page.number, "previous_page": page.number - 1, "next_page": page.number + 1}
    if page.total is None:
        # What follows is not known, but for whether there is something.
        last = page.number + page.more
        return {"first_page": 1, **{name: number for name, number in around.items() if 1 <= number <= last}}
    pages = page.pages
    numbers: dict[str, Any] = {"total": page.total, "total_pages": pages if page.total else 0}
    if page.total:
        numbers |= {"first_page": 1, "last_page": pages}
        if page.number <= pages:
            numbers |= {name: number for name, number in around.items() if 1 <= number <= pages}
    return numbers


def _pages_of(page: Page) -> dict[str, int]:
    pages = page.pages
    numbers = {"first": 1, "prev": min(page.number - 1, pages), "next": page.number + 1}
    if page.total is not None:
        numbers["last"] = pages
    return {relation: number for relation, number in numbers.items() if 1 <= number <= pages}


def _written(name: str, links: Mapping[str, Any]) -> str:
    """Return the header with *links*: for each relation, what stands for *name* in the query of this request."""
    path, given = quote(request.root_path + request.path), list(request.args.to_dict().items())
    at = next((i for i, (other, _) in enumerate(given) if other == name), len(given))
    # Encoded once, not for each link; numbers and cursors are what they are in a URL.
    before = f"{path}?{urlencode(given[:at])}{'&' if at else ''}{name}="
    behind = f"{'&' if given[at + 1 :] else ''}{urlencode(given[at + 1 :])}"
    return ", ".join(f'<{before}{value}{behind}>; rel="{relation}"' for relation, value in links.items())
