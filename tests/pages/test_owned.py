"""Rows that belong to a row stand in its form: added, changed and taken away there, with a script and without."""

from __future__ import annotations

import re
from threading import Thread

import pytest
from playwright.sync_api import expect
from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship
from werkzeug.serving import make_server

from flaskkit import IntegerKey, Model, Module, Resource, db, nobody, owner, public
from flaskkit.testing import count_queries

from .test_browser import CHROMIUM, browser, visit  # noqa: F401  (fixtures)


class Food(IntegerKey, Model):
    __tablename__ = "pages_food"
    name: Mapped[str] = mapped_column(String(40))

    def __str__(self) -> str:
        return self.name


class Recipe(IntegerKey, Model):
    __tablename__ = "pages_recipe"
    name: Mapped[str] = mapped_column(String(40))
    parts: Mapped[list[Ingredient]] = relationship(
        cascade="all, delete-orphan", back_populates="recipe", order_by="Ingredient.id"
    )

    def __str__(self) -> str:
        return self.name


class Ingredient(IntegerKey, Model):
    __tablename__ = "pages_ingredient"
    __table_args__ = (UniqueConstraint("recipe_id", "food_id"),)
    recipe_id: Mapped[int] = mapped_column(ForeignKey(Recipe.id))
    food_id: Mapped[int] = mapped_column(ForeignKey(Food.id))
    grams: Mapped[int] = mapped_column(default=100, info={"minimum": 1})
    fresh: Mapped[bool] = mapped_column(default=False)
    cook_id: Mapped[int | None]
    recipe: Mapped[Recipe] = relationship(back_populates="parts")
    food: Mapped[Food] = relationship()


recipes = Resource(
    Recipe,
    name="recipes",
    fields=["name", "parts"],
    owned={"parts": ["food_id", "grams", "fresh"]},
    read=public,
    write=public,
)
foods = Resource(Food, name="foods", fields=["name"], search=["name"], read=public)


@pytest.fixture
def kitchen(start):
    def kitchen(*more, number=0):
        modules = [Module("kitchen", resources=[recipes, foods, *more])]
        app = start(features=["db", "forms", "pages"], modules=modules, flask={"WTF_CSRF_ENABLED": False})
        with app.app_context():
            db.session.add_all([Food(name=name) for name in ("Rice", "Salt", "Leek")])
            db.session.add_all([Food(name=f"Food {i}") for i in range(number)])
            db.session.flush()
            parts = [Ingredient(food_id=1, grams=300), Ingredient(food_id=2, grams=5, cook_id=9)]
            db.session.add(Recipe(name="Soup", parts=parts))
            db.session.commit()
        return app

    return kitchen


@pytest.fixture
def app(kitchen):
    return kitchen()


@pytest.fixture
def client(app):
    return app.test_client()


def shown(page):
    """Return what a browser would send of the form in *page*, as it is."""
    text = page.text[page.text.index("<form class=") :]
    text = text[: text.index("<template>")] + text[text.index("</template>") :]
    typed = {}
    for tag in re.findall(r"<input[^>]*>", text):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if 'type="checkbox"' not in tag or " checked" in tag:
            typed[name[1]] = value[1] if value else ""
    for name, options in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', text, re.DOTALL):
        typed[name] = re.search(r'<option selected[^>]*value="([^"]*)"', options)[1]
    return typed


def stored(app):
    with app.app_context():
        return [
            (recipe.name, [(one.id, one.food.name, one.grams) for one in recipe.parts])
            for recipe in db.session.query(Recipe).order_by(Recipe.id)
        ]


def test_rows_are_added_by_a_button_that_loses_nothing_and_stores_nothing(app, client):
    page = client.get("/recipes/new")
    page = client.post("/recipes/new", data={**shown(page), "name": "Risotto", "_rows": "parts-+"})
    assert page.status_code == 200
    typed = {**shown(page), "parts-0-food_id": "1", "parts-0-grams": "0", "parts-0-fresh": "y"}
    assert typed["name"] == "Risotto"
    page = client.post("/recipes/new", data={**typed, "_rows": "parts-+"})
    typed |= shown(page)
    assert (typed["parts-0-food_id"], typed["parts-0-grams"], typed["parts-1-grams"]) == ("1", "0", "100")
    assert len(stored(app)) == 1

    # The second row was left as it came: it is none.
    page = client.post("/recipes/new", data=typed)
    assert page.status_code == 422
    assert 'id="parts-0-grams-error">Must be at least 1.' in page.text
    assert '<a href="#parts-0-grams">Parts</a>' in page.text
    assert len(stored(app)) == 1

    page = client.post("/recipes/new", data={**shown(page), "parts-0-grams": "250"}, follow_redirects=True)
    assert re.findall(r"<td[^>]*><span>(.*?)</span></td>", page.text) == [
        '<a href="/foods/1">Rice</a>',
        "250",
        '<span class="flag flag-yes">yes</span>',
    ]
    assert stored(app)[1] == ("Risotto", [(3, "Rice", 250)])


def test_rows_are_changed_taken_away_and_replaced_at_once(app, client):
    page = client.post("/recipes/1/edit", data={**shown(client.get("/recipes/1/edit")), "_rows": "parts-0"})
    typed = shown(page)
    assert [name for name in typed if name.endswith("_key")] == ["parts-1-_key"]
    assert stored(app) == [("Soup", [(1, "Rice", 300), (2, "Salt", 5)])]
    # The rice goes and comes back: what is unique is free by then.
    more = {"parts-2-_key": "", "parts-2-food_id": "1", "parts-2-grams": "70", "parts-1-grams": "6"}
    assert client.post("/recipes/1/edit", data={**typed, **more}).status_code == 303
    [(_, parts)] = stored(app)
    assert [(name, grams) for _, name, grams in parts] == [("Salt", 6), ("Rice", 70)]
    assert parts[0][0] == 2


def test_a_row_that_collides_is_told_beside_it_and_nothing_is_stored(app, client):
    typed = shown(client.get("/recipes/1/edit"))
    more = {"parts-7-_key": "", "parts-7-food_id": "2", "parts-7-grams": "1"}
    page = client.post("/recipes/1/edit", data={**typed, **more, "name": "Stew", "parts-0-grams": "1"})
    assert page.status_code == 409
    assert 'id="parts-7-food_id-error">This is taken already.' in page.text
    assert stored(app) == [("Soup", [(1, "Rice", 300), (2, "Salt", 5)])]


def test_rows_that_the_form_does_not_send_stay(app, client):
    assert client.post("/recipes/1/edit", data={"name": "Stew"}).status_code == 303
    assert stored(app) == [("Stew", [(1, "Rice", 300), (2, "Salt", 5)])]


def test_a_row_that_somebody_else_changed_is_a_conflict(app, client):
    typed = shown(client.get("/recipes/1/edit"))
    with app.app_context():
        db.session.get(Ingredient, 2).grams = 8
        db.session.commit()
    page = client.post("/recipes/1/edit", data={**typed, "parts-0-grams": "4"})
    assert page.status_code == 409
    assert "Rice, 4, no; Salt, 5, no" in page.text
    page = client.post("/recipes/1/edit", data=shown(page))
    assert page.status_code == 303
    assert [grams for _, _, grams in stored(app)[0][1]] == [4, 5]


def test_the_server_answers_about_one_input_of_a_row(client):
    typed = shown(client.get("/recipes/1/edit")) | {"parts-1-grams": "0"}
    asked = client.post("/recipes/1/edit", data=typed, headers={"X-Flaskkit-Check": "parts-1-grams"})
    assert asked.json == {"errors": ["Must be at least 1."]}


def test_foods_are_searched_for_and_many_rows_cost_no_more_than_one(kitchen):
    app = kitchen(number=201)
    client = app.test_client()
    page = client.get("/recipes/1/edit")
    assert 'data-choices="/recipes/choices/parts.food_id"' in page.text
    assert '<option selected value="2">Salt</option>' in page.text
    search = {"parts-1-food_id-search": "leek", "_search": "parts-1-food_id"}
    page = client.post("/recipes/1/edit", data={**shown(page), **search})
    assert page.text.count('<option value="3">Leek</option>') == 1
    found = client.get("/recipes/choices/parts.food_id?q=leek").json
    assert found == {"choices": [{"key": "3", "text": "Leek"}]}
    with app.app_context(), count_queries() as few:
        client.get("/recipes/1/edit")
    with app.app_context():
        db.session.get(Recipe, 1).parts += [Ingredient(food_id=i) for i in range(3, 33)]
        db.session.commit()
    with app.app_context(), count_queries() as many:
        page = client.get("/recipes/1/edit").text
    assert page.count('class="owned-row"') == 33
    assert len(many) == len(few)


@pytest.mark.parametrize(
    ("policies", "change", "status"),
    [
        ({"read": public, "update": public}, {"parts-0-grams": "1"}, 303),
        ({"read": public, "update": public}, {"_without": "parts-0"}, 403),
        ({"read": public, "update": public}, {"parts-9-_key": "", "parts-9-food_id": "3", "parts-9-grams": "1"}, 403),
        ({"read": public, "create": public, "delete": public}, {"parts-0-grams": "1"}, 403),
    ],
    ids=["change", "take away", "add", "only add and take away"],
)
def test_rows_with_a_resource_of_their_own_are_guarded_by_its_policies(kitchen, policies, change, status):
    app = kitchen(Resource(Ingredient, name="parts", **policies))
    client = app.test_client()
    typed = {**shown(client.get("/recipes/1/edit")), **change}
    gone = typed.pop("_without", None)
    typed = {name: text for name, text in typed.items() if gone is None or not name.startswith(gone)}
    # Nobody is logged in, who could be forbidden something.
    assert client.post("/recipes/1/edit", data=typed).status_code == (401 if status == 403 else status)
    if status == 403:
        assert stored(app) == [("Soup", [(1, "Rice", 300), (2, "Salt", 5)])]


def test_rows_that_must_not_be_seen_are_not_shown_and_stay(kitchen):
    app = kitchen(Resource(Ingredient, name="parts", read=owner("cook_id") | nobody, write=public))
    client = app.test_client()
    page = client.get("/recipes/1/edit")
    assert "Salt</option>" in page.text
    typed = shown(page)
    assert not [name for name in typed if name.endswith("_key")]
    more = {"parts-0-_key": "", "parts-0-food_id": "3", "parts-0-grams": "1", "name": "Stew"}
    assert client.post("/recipes/1/edit", data={**typed, **more}).status_code == 303
    assert stored(app) == [("Stew", [(1, "Rice", 300), (2, "Salt", 5), (3, "Leek", 1)])]


@pytest.fixture
def site(kitchen):
    app = kitchen(number=201)

    @app.after_request
    def strict(response):
        response.headers["Content-Security-Policy"] = "default-src 'self'"
        return response

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_script_adds_and_takes_away_rows_without_asking(site, visit):  # noqa: F811
    page = visit()
    page.goto(f"{site}/recipes/1/edit")
    page.get_by_role("button", name="Remove Parts: row 1").click()
    page.get_by_role("button", name="Add a row").click()
    row = page.get_by_role("group", name="Parts: row 3")
    # The first input of the new row waits to be filled in, and finds foods while somebody types.
    expect(row.get_by_label("Food", exact=False).first).to_be_focused()
    row.get_by_role("searchbox").fill("leek")
    expect(row.get_by_text("1 found")).to_be_visible()
    row.locator("select").select_option("Leek")
    row.get_by_label("Grams").fill("0")
    row.get_by_label("Fresh").check()
    expect(row.locator("#parts-2-grams-error")).to_have_text("Must be at least 1.")
    row.get_by_label("Grams").fill("40")
    page.get_by_label("Name").press("Enter")
    expect(page.get_by_role("cell", name="Leek")).to_be_visible()
    assert page.get_by_role("row").all_inner_texts()[1:] == ["Salt\t5\tno", "Leek\t40\tyes"]
