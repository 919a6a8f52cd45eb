"""Pages: a layout, error pages, and for each resource a list, a page for each row and forms to change it.

section.py      Section: some resources shown in one place (the site, the admin) and their routes
views.py        list, detail, new, edit, delete
listing.py      what a list was asked for: search, order, page, columns
conditions.py   its filters, and the form for them
export.py       a list as CSV
chosen.py       several rows of a list, deleted together
actions.py      what else modules let people do with them
editing.py      some fields changed in the list itself
related.py      the rows that refer to a row
deletion.py     what goes with deleted rows, and what stands in the way
picker.py       other rows to choose from, found by words
again.py        what was typed before the session ended, to be sent again
cells.py        values as people read them, with links to other rows
files.py        downloads of what rows hold
site.py         what the layout asks: title, navigation, user
assets.py       static files that browsers may keep
errors.py       error pages, and the home page of an app that has none
overrides.py    flask kit templates: what can be replaced
templates/flaskkit/     every template; one of the same name in the app's templates folder wins
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from flask import Blueprint, Flask
from flask_bootstrap import Bootstrap5

from flaskkit.feature import Feature, setting
from flaskkit.forms import form_for
from flaskkit.forms.jinja import jinja_left_open
from flaskkit.module import Module
from flaskkit.pages.actions import Action, take_up
from flaskkit.pages.assets import mark_static_files
from flaskkit.pages.errors import error_page, tell_repairs
from flaskkit.pages.listing import asked
from flaskkit.pages.overrides import templates
from flaskkit.pages.section import Section
from flaskkit.pages.site import Site
from flaskkit.resource.fields import label_of
from flaskkit.texts import speak_in_templates

if TYPE_CHECKING:
    from flaskkit.config import Config

__all__ = ["Action", "Pages", "Section", "asked"]


@dataclass(frozen=True)
class Pages(Feature):
    """Server-rendered pages for every resource."""

    name: ClassVar[str] = "pages"
    requires: ClassVar[tuple[str, ...]] = ("db", "forms")
    after: ClassVar[tuple[str, ...]] = ("auth",)

    title: str = setting("", help="Name of the site, at the top of each page. Without one: the name of the app.")
    description: str = setting(
        "",
        help="What the site is about, in a sentence, for search engines and previews of links. Without one: its title.",
    )
    page_size: int = setting(20, help="How many rows one page of a list shows.")

    def mistakes(self, config: Config) -> Iterable[str]:
        if self.page_size < 1:
            yield f"'page_size' of feature 'pages' is {self.page_size}; it must be at least 1."

    def init_app(self, app: Flask) -> None:
        kit = app.extensions["flaskkit"]
        app.config.setdefault("BOOTSTRAP_SERVE_LOCAL", True)
        speak_in_templates(app)
        if "bootstrap" not in app.extensions:
            with jinja_left_open(app):
                Bootstrap5(app)
        site = app.extensions["flaskkit.site"] = Site(self.title or label_of(app.name), self.description)
        app.context_processor(lambda: {"flaskkit": site})
        folders = Blueprint(
            "pages", __name__, static_folder="static", static_url_path="/flaskkit/static", template_folder="templates"
        )
        app.register_blueprint(folders)
        mark_static_files(app)
        kit.error_views[""] = error_page
        kit.commands.add_command(templates)
        if kit.config.env == "development":
            tell_repairs(app)
        for module in kit.modules:
            # Now, for all modules: what one adds may be about a resource of another.
            take_up(app, module.name, module.contributions.get("pages", {}).get("actions", {}))
        with app.app_context():
            for resource in kit.resources:
                form_for(resource)  # A field that no form can show is told now, not when somebody asks.

    def checks(self) -> Iterable[Any]:
        from flaskkit.pages import checks

        return checks.CHECKS

    def explain(self, app: Flask, endpoint: str, method: str) -> Iterable[Any]:
        from flaskkit.pages import explain

        return explain.steps(app, endpoint, method, app.extensions["flaskkit"].resources)

    def init_module(self, app: Flask, module: Module) -> None:
        section = Section("pages", app.extensions["flaskkit"].resources, self.page_size)
        for resource in module.resources:
            section.add_to(app, resource)
        entries = module.contributions.get("pages", {}).get("navigation", ())
        app.extensions["flaskkit.site"].entries += entries
