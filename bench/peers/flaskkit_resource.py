"""flaskkit: one Resource for reading and writing, one behind a login, and a page written by hand."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request
from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import (
    Config,
    IntegerKey,
    Model,
    Module,
    Resource,
    Timestamps,
    UserMixin,
    create_app,
    form_for,
    login,
    public,
    requires,
)
from flaskkit.db import shown
from peers import PLAIN_URL, SECRET_KEY, TEMPLATES


class Author(UserMixin, IntegerKey, Model):
    __tablename__ = "author"
    username: Mapped[str] = mapped_column(String(64), unique=True)


class Article(IntegerKey, Timestamps, Model):
    __tablename__ = "article"
    slug: Mapped[str] = mapped_column(String(120), unique=True, info={"pattern": "[a-z0-9-]+"})
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(String(500))
    body: Mapped[str] = mapped_column(Text)
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    author: Mapped[Author] = relationship()


FIELDS = {
    "fields": ["slug", "title", "description", "body", "author_id"],
    "read_only": ["id", "created_at", "updated_at", "author"],
    "nested": {"author": ["id", "username", "email"]},
    "order": ["-created_at", "-id"],
}
articles = Resource(Article, name="articles", read=public, write=public, **FIELDS)
private = Resource(Article, name="private", read=login, **FIELDS)
form = Resource(Article, name="form", fields=["title", "description", "body"])

pages = Blueprint("html", __name__)


@pages.get("/hello")
@requires(public)
def hello() -> dict[str, str]:
    return {"message": "Hello, World!"}


@pages.route("/html/articles", methods=["GET", "POST"])
@requires(public)
def listed():
    typed = form_for(form)()
    if typed.validate_on_submit():
        return redirect("/html/articles")
    number = request.args.get("page", 1, type=int)
    found = shown.page(articles, number=number, size=50, count=False)
    return render_template("articles_wtforms.html", articles=found.items, form=typed)


module = Module("bench", blueprints=[pages], resources=[articles, private])
config = Config(
    __name__,
    env="production",
    secret_key=SECRET_KEY,
    features=["db", "migrate", "forms", "auth", "api"],
    modules=[module],
)
app = create_app(config.replace(db={"url": PLAIN_URL}, auth={"user_model": Author, "sign_up": False}))
app.jinja_loader.searchpath.append(TEMPLATES)

PATHS = {
    "W1": "/api/articles/{id}",
    "W2": "/api/articles/?page={page}&page_size=100",
    "W3": "/api/articles/",
    "W6": "/api/private/{id}",
}
