"""Admin: every resource and the users, for those who hold one role.

/admin/                          numbers, days, recent changes: see dashboard.py
/admin/<name>/, …                the pages of feature `pages`, with every policy replaced: see opened.py
/admin/<name>/<key>/history      what was changed, and the way back: see changes.py; with feature `history`
/admin/<name>/import             rows from a CSV file, with a preview: see importing.py, reading.py
/admin/users/, /admin/roles/, /admin/sessions/, /admin/tokens/     who may log in, and is: see people.py
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from flask import Blueprint, Flask

from flaskkit.access import role
from flaskkit.admin import changes, importing
from flaskkit.admin.dashboard import index_of
from flaskkit.admin.opened import opened
from flaskkit.errors import ResourceError, did_you_mean
from flaskkit.feature import Feature, setting
from flaskkit.forms import form_for
from flaskkit.module import Module
from flaskkit.pages import Section
from flaskkit.pages.saving import save_rows
from flaskkit.pages.section import Route
from flaskkit.resource import Resource

if TYPE_CHECKING:
    from flaskkit.config import Config

LAYOUT = "flaskkit/admin/layout.html"
CONTRIBUTIONS = ("cards", "views", "editable")
_IMPORT: Route = ("import", "/import", importing.import_rows, "create", ("GET", "POST"))
_SAVE: Route = ("save", "/", save_rows, "update", ("POST",))
_HISTORY: Route = ("history", "/<key>/history", changes.show_history, "read", ("GET", "POST"))


@dataclass(frozen=True)
class Admin(Feature):
    """Every resource and the users, for those who hold one role."""

    name: ClassVar[str] = "admin"
    requires: ClassVar[tuple[str, ...]] = ("pages", "auth", "db", "forms")
    after: ClassVar[tuple[str, ...]] = ("history",)

    url_prefix: str = setting("/admin", help="Where the admin is.")
    role: str = setting("admin", help="The role that opens it.")
    page_size: int = setting(50, help="How many rows one page of a list shows.")

    def mistakes(self, config: Config) -> Iterable[str]:
        if not self.url_prefix.startswith("/") or self.url_prefix.endswith("/"):
            yield f"'url_prefix' of feature 'admin' is {self.url_prefix!r}; write it like '/admin'."

        if self.page_size < 1:
            yield f"'page_size' of feature 'admin' is {self.page_size}; it must be at least 1."
        if not self.role:
            yield "'role' of feature 'admin' is empty; name the role that opens it."

    def init_app(self, app: Flask) -> None:
        kit = app.extensions["flaskkit"]
        policy = role(self.role)
        if any(self.url_prefix == f"/{resource.name}" for resource in kit.resources):
            name = self.url_prefix.removeprefix("/")
            raise ResourceError(f"Resource {name!r} needs another name: the admin is at {self.url_prefix}.")
        resources = tuple(opened(app, policy))
        editable: dict[str, Resource] = {}
        for module in kit.modules:
            editable |= _editable(module, resources)
        more = (_IMPORT, _SAVE, *((_HISTORY,) if "history" in kit else ()))
        section = Section("admin", resources, self.page_size, LAYOUT, more, editable, related=True)
        admin = Blueprint(
            "admin",
            __name__,
            url_prefix=self.url_prefix,
            template_folder="templates",
            static_folder="static",
            static_url_path="/static",
        )
        cards = [card for module in kit.modules for card in _contributed(module).get("cards", ())]
        admin.add_url_rule("/", "index", index_of(section, policy, cards))
        app.register_blueprint(admin)
        site = app.extensions["flaskkit.site"]
        site.admin = section
        site.admin_entries = [view for module in kit.modules for view in _contributed(module).get("views", ())]
        with app.app_context():
            for resource in section.resources:
                section.add_to(app, resource, self.url_prefix)
                form_for(resource)
            for narrow in editable.values():
                form_for(narrow)

    def look_at(self, app: Flask) -> None:
        log = app.extensions.get("flaskkit.history")
        users = app.extensions["flaskkit.user_model"]
        if log is not None:
            # They come and go by themselves; only what is done to them in the admin is somebody's doing.
            for link in (users.sessions, users.tokens):
                log.watch(link.property.mapper.class_, actions=["delete"])

    def checks(self) -> Iterable[Any]:
        from flaskkit.admin import checks

        return checks.CHECKS

    def explain(self, app: Flask, endpoint: str, method: str) -> Iterable[Any]:
        from flaskkit.pages import explain

        resources = tuple(opened(app, role(self.role)))
        return explain.steps(app, endpoint, method, resources, "admin")


def _contributed(module: Module) -> Mapping[str, Any]:
    found: Mapping[str, Any] = module.contributions.get("admin", {})
    wrong = [name for name in found if name not in CONTRIBUTIONS]
    if wrong:
        hint = did_you_mean(wrong[0], CONTRIBUTIONS) or f" There are {', '.join(CONTRIBUTIONS)}."
        raise ResourceError(
            f"Module {module.name!r} contributes {wrong[0]!r} to the admin, which takes no such thing.{hint}"
        )
    return found


def _editable(module: Module, resources: Iterable[Resource]) -> dict[str, Resource]:
    """Return by name what *module* lets people change in lists: each resource, with these fields only."""
    by_name = {resource.name: resource for resource in resources}
    found = {}
    for name, fields in _contributed(module).get("editable", {}).items():
        where = f"Module {module.name!r} lets {name!r} be edited in its list"
        if name not in by_name:
            raise ResourceError(f"{where}, which is no resource.{did_you_mean(name, by_name)}")
        resource = by_name[name]
        known = {field.name: field for field in resource.writable}
        for one in fields:
            if one not in known:
                raise ResourceError(f"{where} by {one!r}, which nobody may send.{did_you_mean(one, known)}")
            field = known[one]
            if field.target or field.file or field.long or field.key or one in resource.write_only:
                raise ResourceError(f"{where} by {one!r}; only plain values on one line fit into a list.")
        if len(resource.keys) > 1:
            raise ResourceError(f"{where}, which takes a key of one column.")
        found[name] = replace(resource, fields=tuple(fields), write_only=(), nested={}, expand={}, owned={})
    return found
