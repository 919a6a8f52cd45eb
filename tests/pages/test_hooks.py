"""Hooks of a resource hold on pages as they do in the API."""

from __future__ import annotations

from flaskkit import Module, Rejected, Resource, db, login, public

from .conftest import Badge, Book, Browser


def test_a_hook_is_called_and_its_refusal_stands_beside_the_field(start):
    def check(item, values, user):
        if item.title == "Looms":
            raise Rejected({"title": ["Not again."]})
        item.cost = user.id

    hooks = {"before_create": check, "before_update": check}
    books = Resource(Book, name="books", fields=["title"], read=public, write=login, hooks=hooks)
    app = start(features=["db", "forms", Badge(), "pages"], modules=[Module("m", resources=[books])])
    browser = Browser(app)
    browser.get("/as/7/reader")
    assert browser.post("/books/new", title="Engines").status_code == 303
    for path in ("/books/new", "/books/1/edit"):
        refused = browser.post(path, title="Looms")
        assert refused.status_code == 422
        assert 'id="title-error">Not again.' in refused.text
    with app.app_context():
        assert [(book.title, book.cost) for book in db.session.scalars(db.select(Book))] == [("Engines", 7)]
