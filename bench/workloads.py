"""What is asked of every peer, and whether the answer is right.

W1  one article with its author            W2  100 of them, newest first, with the total
W3  a new article, checked                 W4  hello
W5  a page with 50 articles and a form     W6  W1 for the bearer of a token
"""

from __future__ import annotations

import html
import json
import os
import random
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

import data
from calling import Got, Sent

NAMES = {
    "W1": "read one",
    "W2": "page of 100",
    "W3": "create",
    "W4": "hello",
    "W5": "HTML page",
    "W6": "read with token",
}
_PATHS = {
    "W1": "/articles/{id}",
    "W2": "/articles?page={page}&page_size=100",
    "W3": "/articles",
    "W4": "/hello",
    "W5": "/html/articles?page={page}",
    "W6": "/auth/articles/{id}",
}
_ARTICLE = {
    "title": "A posted article “with” quotes",
    "description": "flask app factory schema route model token page query",
    "body": "x" * 40 + " lorem ipsum dolor sit amet" * 13,
}


class Workloads:
    """Requests for one peer, always in the same order."""

    def __init__(self, peer: ModuleType) -> None:
        self.paths = {**_PATHS, **getattr(peer, "PATHS", {})}
        self.dice = random.Random(1)
        self.cookies = ""
        self.count = 0

    def next(self, name: str) -> Sent:
        path = self.path(name, id=self.dice.randint(1, data.ARTICLES), page=self.dice.randint(1, 20))
        if name == "W3":
            self.count += 1
            slug = f"new-{os.getpid()}-{time.time_ns():x}-{self.count}"
            return posted(path, {"slug": slug, **_ARTICLE, "author_id": self.dice.randint(1, data.AUTHORS)})
        headers = {"cookie": self.cookies} if name == "W5" and self.cookies else {}
        if name == "W6":
            headers = {"authorization": f"Bearer {data.token_of(self.dice.randint(1, data.AUTHORS))}"}
        return Sent("GET", path, headers)

    def path(self, name: str, **values: Any) -> str:
        return self.paths[name].format(**values)


def posted(path: str, body: Any) -> Sent:
    return Sent("POST", path, {"content-type": "application/json"}, json.dumps(body).encode())


def check(work: Workloads, send: Callable[[Sent], Got]) -> None:
    """Compare answers with what is stored.

    Raises:
        AssertionError: an answer is wrong.
    """
    stored = data.rows()
    authors = {row["id"]: row for row in stored["author"]}
    articles = {row["id"]: row | {"author": authors[row["author_id"]]} for row in stored["article"]}
    newest = sorted(articles.values(), key=lambda row: (row["created_at"], row["id"]), reverse=True)

    bearer = {"authorization": f"Bearer {data.token_of(5)}"}
    for name, headers in (("W1", {}), ("W6", bearer)):
        for key in (1, 4242, data.ARTICLES):
            same(article_of(send(Sent("GET", work.path(name, id=key), headers))), comparable(articles[key]))
        status_is(send(Sent("GET", work.path(name, id=987654321), headers)), 404)
    for wrong in ({}, {"authorization": f"Bearer fk_{'x' * 37}"}):
        status_is(send(Sent("GET", work.path("W6", id=1), wrong)), 401, 403)
    for page in (1, 7):
        items, total = items_of(send(Sent("GET", work.path("W2", page=page))))
        same(total, data.ARTICLES)
        same([comparable(item) for item in items], [comparable(row) for row in newest[(page - 1) * 100 : page * 100]])
    same(json.loads(send(work.next("W4")).body), {"message": "Hello, World!"})
    _check_page(work, send, newest[100:150])
    _check_create(work, send, authors)


def _check_create(work: Workloads, send: Callable[[Sent], Got], authors: Any) -> None:
    path = work.path("W3")
    good = {"slug": f"check-{time.time_ns()}", **_ARTICLE, "author_id": 77}
    made = article_of(send(posted(path, good)), 201)
    same({name: made[name] for name in good}, good)
    same(made["author"], comparable({"author": authors[77]})["author"])
    same(article_of(send(Sent("GET", work.path("W1", id=made["id"])))), made)
    other = good | {"slug": f"{good['slug']}-2"}
    wrong = [good, other | {"slug": "Not A Slug"}, other | {"title": "x" * 201}, other | {"author_id": "abc"}]
    wrong.append({name: value for name, value in other.items() if name != "title"})
    for body in wrong:
        status_is(send(posted(path, body)), 400, 409, 422)


def _check_page(work: Workloads, send: Callable[[Sent], Got], shown: Any) -> None:
    got = send(Sent("GET", work.path("W5", page=3)))
    status_is(got, 200)
    cell = "<td>(.*?)</td>"
    found = re.findall(
        rf'<tr><td>(\d+)</td><td><a href="[^"]*">(.*?)</a></td>{cell}{cell}{cell}</tr>', got.body.decode()
    )
    wanted = [
        (
            str(row["id"]),
            row["title"],
            row["description"],
            row["author"]["username"],
            f"{row['created_at']:%Y-%m-%d %H:%M}",
        )
        for row in shown
    ]
    same([tuple(map(html.unescape, row)) for row in found], wanted)
    [hidden] = re.findall(r'<input[^>]*type="hidden"[^>]*>', got.body.decode())
    token = {re.search('name="([^"]+)"', hidden)[1]: re.search('value="([^"]{20,})"', hidden)[1]}  # type: ignore[index]
    work.cookies = got.cookies
    headers = {"content-type": "application/x-www-form-urlencoded", "cookie": got.cookies}
    form = {"title": "t", "description": "d", "body": "b"}
    path = work.path("W5", page=1)
    forged = send(Sent("POST", path, headers, urlencode(form).encode()))
    assert forged.status in (400, 403) or b"CSRF" in forged.body, forged
    status_is(send(Sent("POST", path, headers, urlencode(form | token).encode())), 301, 302, 303)


def article_of(got: Got, status: int = 200) -> dict[str, Any]:
    status_is(got, status)
    return comparable(json.loads(got.body))


def items_of(got: Got) -> tuple[list[Any], int]:
    status_is(got, 200)
    body = json.loads(got.body)
    if isinstance(body, list):
        return body, json.loads(got.header("x-pagination"))["total"]
    return body["items"], body.get("total", body.get("count"))


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    """Return *row* with moments to the millisecond, as django-ninja shows them, and of the author what is asked for."""
    made = dict(row)
    for name in ("created_at", "updated_at"):
        if name in made:
            moment = made[name] if isinstance(made[name], datetime) else datetime.fromisoformat(made[name])
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
            made[name] = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    return made


def same(got: Any, wanted: Any) -> None:
    assert got == wanted, f"got {str(got)[:500]}, wanted {str(wanted)[:500]}"


def status_is(got: Got, *wanted: int) -> None:
    assert got.status in wanted, f"status {got.status} instead of {wanted}: {got.body[:500]!r}"
