"""The floor: bare Flask, SQL by hand through the driver, and orjson. Nobody writes apps so."""

import contextlib
import hashlib
import hmac
import re
import secrets
import sqlite3
import threading
from datetime import UTC, datetime
from types import SimpleNamespace

import orjson
import psycopg
from flask import Flask, Response, render_template, request
from psycopg_pool import ConnectionPool

from peers import SECRET_KEY, SQLITE, TEMPLATES, URL

MARK = "?" if SQLITE else "%s"
COLUMNS = "a.id, a.slug, a.title, a.description, a.body, a.author_id, a.created_at, a.updated_at"
JOINED = f"SELECT {COLUMNS}, u.id, u.username, u.email FROM article a JOIN author u ON u.id = a.author_id"
ONE = f"{JOINED} WHERE a.id = {MARK}"
PAGE = f"{JOINED} ORDER BY a.created_at DESC, a.id DESC LIMIT {MARK} OFFSET {MARK}"
USER = f"SELECT u.id FROM api_token t JOIN author u ON u.id = t.author_id WHERE t.key = {MARK}"
AUTHOR = f"SELECT id, username, email FROM author WHERE id = {MARK}"
INSERT = (
    "INSERT INTO article (slug, title, description, body, author_id, created_at, updated_at)"
    f" VALUES ({', '.join([MARK] * 7)}) RETURNING id"
)
KINDS = {"slug": (str, 120), "title": (str, 200), "description": (str, 500), "body": (str, None), "author_id": (int, 0)}
SLUG = re.compile(r"[a-z0-9-]+").fullmatch
own = threading.local()
pool = (
    None
    if SQLITE
    else ConnectionPool(
        URL.set(drivername="postgresql").render_as_string(hide_password=False),
        min_size=1,
        max_size=20,
        open=True,
        kwargs={"autocommit": True},
    )
)


def connected():
    if pool is not None:
        return pool.connection()
    if not hasattr(own, "connection"):
        own.connection = sqlite3.connect(URL.database, isolation_level=None, timeout=10)
    return contextlib.nullcontext(own.connection)


def shown(row):
    values = dict(
        zip(("id", "slug", "title", "description", "body", "author_id", "created_at", "updated_at"), row, strict=False)
    )
    return {**values, "author": {"id": row[8], "username": row[9], "email": row[10]}}


def answer(body, status=200):
    return Response(orjson.dumps(body), status, mimetype="application/json")


app = Flask(__name__, template_folder=TEMPLATES)


@app.get("/hello")
def hello():
    return answer({"message": "Hello, World!"})


@app.get("/articles/<int:key>")
def one(key):
    with connected() as connection:
        row = connection.execute(ONE, (key,)).fetchone()
    return answer(shown(row)) if row else answer({"message": "not found"}, 404)


@app.get("/auth/articles/<int:key>")
def private(key):
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer":
        return answer({"message": "unauthorized"}, 401)
    with connected() as connection:
        known = connection.execute(USER, (token,)).fetchone()
    return one(key) if known else answer({"message": "unauthorized"}, 401)


@app.get("/articles")
def listed():
    page, size = request.args.get("page", 1, int), min(request.args.get("page_size", 20, int), 100)
    with connected() as connection:
        [total] = connection.execute("SELECT count(*) FROM article").fetchone()
        found = connection.execute(PAGE, (size, (page - 1) * size)).fetchall()
    return answer({"items": [shown(row) for row in found], "page": page, "page_size": size, "total": total})


@app.post("/articles")
def create():
    try:
        sent = orjson.loads(request.get_data())
        fits = set(sent) == set(KINDS) and SLUG(sent["slug"])
        for name, (kind, longest) in KINDS.items():
            fits = fits and type(sent[name]) is kind and (longest == 0 or 0 < len(sent[name]) <= (longest or 10**9))
    except (ValueError, KeyError, TypeError):
        fits = False
    if not fits:
        return answer({"message": "invalid"}, 422)
    now = datetime.now(UTC)
    moment = str(now)[:26] if SQLITE else now
    try:
        with connected() as connection:
            values = [sent[name] for name in KINDS]
            [key] = connection.execute(INSERT, (*values, moment, moment)).fetchone()
            author = connection.execute(AUTHOR, (sent["author_id"],)).fetchone()
    except (psycopg.IntegrityError, sqlite3.IntegrityError):
        return answer({"message": "slug taken or no such author"}, 409)
    return answer(shown((key, *values, now, now, *author)), 201)


@app.route("/html/articles", methods=["GET", "POST"])
def html():
    known = request.cookies.get("sid")
    mark = known or secrets.token_hex(20)
    token = hmac.new(SECRET_KEY.encode(), mark.encode(), hashlib.sha256).hexdigest()
    if request.method == "POST":
        return Response(status=303 if hmac.compare_digest(token, request.form.get("csrf_token", "")) else 403)
    with connected() as connection:
        found = connection.execute(PAGE, (50, (request.args.get("page", 1, int) - 1) * 50)).fetchall()
    articles = [SimpleNamespace(**{**shown(row), "author": SimpleNamespace(username=row[9])}) for row in found]
    if SQLITE:
        for article in articles:
            article.created_at = datetime.fromisoformat(article.created_at)
    hidden = f'<input type="hidden" name="csrf_token" value="{token}">'
    response = Response(render_template("articles.html", articles=articles, csrf_input=hidden))
    if known is None:
        response.set_cookie("sid", mark, httponly=True)
    return response
