"""Modules: by object, by dotted name, and what goes wrong."""

from __future__ import annotations

import sys

import click
import pytest
from flask import Blueprint
from sqlalchemy.orm import Mapped

from flaskkit import (
    Config,
    IntegerKey,
    Model,
    Module,
    ModuleError,
    Resource,
    ResourceError,
    create_app,
    login,
    owner,
    public,
)


class CoreBook(IntegerKey, Model):
    __tablename__ = "core_book"
    title: Mapped[str]
    pages: Mapped[int | None]


@pytest.fixture
def package(tmp_path, monkeypatch):
    def write(name, source):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        made.append(name)

    made = []
    yield write
    for name in made:
        sys.modules.pop(name, None)


def app_with(*modules):
    return create_app(Config("app", env="testing", modules=modules))


def test_a_module_adds_blueprints_and_commands():
    blueprint = Blueprint("core_pages", __name__)
    blueprint.add_url_rule("/core", "core", lambda: "core")
    command = click.Command("core-hello", callback=lambda: click.echo("Hello!"))
    app = app_with(Module("core", blueprints=[blueprint], commands=[command]))
    assert app.test_client().get("/core").text == "core"
    assert app.test_cli_runner().invoke(args=["core-hello"]).output == "Hello!\n"
    assert app.extensions["flaskkit"].came_from["core_pages.core"] == "core"


def test_a_module_is_found_by_its_dotted_name(package):
    package("core_shop", "from flaskkit import Module\nmodule = Module('shop')\n")
    assert [module.name for module in app_with("core_shop").extensions["flaskkit"].modules] == ["shop"]


def test_a_blueprint_serves_in_two_apps():
    blueprint = Blueprint("core_twice", __name__)
    blueprint.add_url_rule("/twice", "twice", lambda: "twice")
    module = Module("core", blueprints=[blueprint])
    assert [app_with(module).test_client().get("/twice").text for _ in range(2)] == ["twice", "twice"]


@pytest.mark.parametrize(
    ("source", "mistake"),
    [
        ("", "'core_wrong' has no Module named 'module'. Write in it: module = Module('core_wrong', …)"),
        (
            "from flaskkit import Module\nmodul = Module('shop')",
            "'core_wrong' has no Module named 'module'. Did you mean 'modul'? "
            "Write in it: module = Module('core_wrong', …)",
        ),
    ],
    ids=["nothing", "misspelt"],
)
def test_a_package_without_a_module_is_a_clear_error(package, source, mistake):
    package("core_wrong", source)
    with pytest.raises(ModuleError) as caught:
        app_with("core_wrong")
    assert str(caught.value) == mistake


def test_a_module_that_does_not_exist_is_named():
    with pytest.raises(ModuleError, match=r"Module 'no_such.shop' cannot be imported: No module named 'no_such'"):
        app_with("no_such.shop")


def test_a_missing_package_inside_a_module_is_shown_as_it_is(package):
    package("core_broken", "import nothing_of_that_name\n")
    with pytest.raises(ModuleNotFoundError, match="nothing_of_that_name"):
        app_with("core_broken")


def test_names_are_used_once():
    with pytest.raises(ModuleError, match="Two modules have the name 'core'"):
        app_with(Module("core"), Module("core"))
    books = Resource(CoreBook, name="books", fields=["title"])
    with pytest.raises(ModuleError, match="Two resources have the name 'books'"):
        app_with(Module("a", resources=[books]), Module("b", resources=[books]))


def test_what_a_module_adds_is_of_the_right_kind():
    with pytest.raises(ModuleError) as caught:
        app_with(Module("core", blueprints=["x"], resources=[CoreBook], commands=[print]))
    assert caught.value.mistakes == [
        "Module 'core' has 'x' among its blueprints, which takes Blueprint objects.",
        "Module 'core' has <built-in function print> among its commands, which takes Command objects.",
        f"Module 'core' has {CoreBook!r} among its resources, which takes Resource objects.",
    ]


def test_a_resource_has_a_name_that_can_stand_in_an_address():
    with pytest.raises(ResourceError, match="Resource 'a b/c' needs a name of letters, digits"):
        app_with(Module("core", resources=[Resource(CoreBook, name="a b/c", read=public)]))


def test_what_is_no_module_is_refused():
    with pytest.raises(ModuleError, match="modules takes Module objects or dotted names, not 7"):
        app_with(7)


def test_a_resource_that_names_what_its_model_lacks_is_refused():
    wrong = Resource(
        CoreBook,
        name="books",
        fields=["titel", "pages"],
        filters=["page"],
        search=["pages"],
        read=True,
        write=owner("author") | login,
    )
    with pytest.raises(ResourceError) as caught:
        app_with(Module("core", resources=[wrong]))
    assert caught.value.mistakes == [
        "Resource 'books' names 'titel' in fields, which CoreBook lacks. Did you mean 'title'?",
        "Resource 'books' names 'page' in filters, which CoreBook lacks. Did you mean 'pages'?",
        "Resource 'books' searches 'pages', which holds no text.",
        "Resource 'books' has True as read; give a policy, such as public or login.",
        "Resource 'books' names 'author' in create=owner('author') | login, which CoreBook lacks.",
        "Resource 'books' names 'author' in update=owner('author') | login, which CoreBook lacks.",
        "Resource 'books' names 'author' in delete=owner('author') | login, which CoreBook lacks.",
    ]


def test_a_resource_needs_a_mapped_class():
    with pytest.raises(ResourceError, match="Resource 'x' needs a mapped class, not <class 'int'>"):
        app_with(Module("core", resources=[Resource(int, name="x", read=public)]))


def test_a_resource_is_named_after_its_table():
    books = Resource(CoreBook)
    assert (books.name, books.label) == ("core_book", "Core book")
    assert [field.name for field in Resource(CoreBook, fields=["title"]).readable] == ["id", "title"]


def test_a_route_written_by_hand_wins_over_a_generated_one():
    books = Resource(CoreBook, name="core-books", fields=["title"], read=public)
    by_hand = Blueprint("core_by_hand", __name__)
    by_hand.add_url_rule("/core-books/", "list", lambda: "by hand")
    module = Module("core", blueprints=[by_hand], resources=[books])
    app = create_app(Config("app", env="testing", features=["db", "forms", "pages"], modules=[module]))
    assert app.test_client().get("/core-books/").text == "by hand"
