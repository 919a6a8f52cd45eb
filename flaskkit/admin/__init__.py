"""Admin: every resource and the users, for those who hold one role.

/admin/                          how many rows there are of each
/admin/<name>/, …                the pages of feature `pages`, with every policy replaced
/admin/users/, /admin/roles/     who may log in, and with which rights: see people.py
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from flask import Blueprint, Flask, render_template
from flask.typing import ResponseReturnValue

from flaskkit.access import Policy, requires, role
from flaskkit.admin.people import people
from flaskkit.db import rows
from flaskkit.errors import ResourceError
from flaskkit.feature import Feature, setting
from flaskkit.forms import form_for
from flaskkit.pages import Section
from flaskkit.resource import Resource

if TYPE_CHECKING:
    from flaskkit.config import Config

LAYOUT = "flaskkit/admin/layout.html"


@dataclass(frozen=True)
class Admin(Feature):
    """Every resource and the users, for those who hold one role."""

    name: ClassVar[str] = "admin"
    requires: ClassVar[tuple[str, ...]] = ("pages", "auth", "db", "forms")

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
        policy = role(self.role)
        if any(self.url_prefix == f"/{resource.name}" for resource in app.extensions["flaskkit"].resources):
            name = self.url_prefix.removeprefix("/")
            raise ResourceError(f"Resource {name!r} needs another name: the admin is at {self.url_prefix}.")
        section = Section("admin", tuple(_opened(app, policy)), self.page_size, LAYOUT)
        admin = Blueprint("admin", __name__, url_prefix=self.url_prefix, template_folder="templates")
        admin.add_url_rule("/", "index", _dashboard(section, policy))
        app.register_blueprint(admin)
        with app.app_context():
            for resource in section.resources:
                section.add_to(app, resource, self.url_prefix)
                form_for(resource)


def _opened(app: Flask, policy: role) -> Iterable[Resource]:
    """Yield all resources, each open to *policy* only; users and roles as ``people`` has them."""
    persons = list(people(app.extensions["flaskkit.user_model"]))
    special = {resource.model for resource in persons}
    declared = [one for one in app.extensions["flaskkit"].resources if one.model not in special]
    taken = {resource.name for resource in declared}
    for resource in [*declared, *(one for one in persons if one.name not in taken)]:
        create = Instead(policy, resource.policy("create"))
        delete = Sparing(policy) if resource.model in special else policy
        yield replace(resource, read=policy, write=policy, create=create, update=policy, delete=delete)


@dataclass(frozen=True)
class Instead(Policy):
    """*policy* decides who may create; whose the new row is, stays as the resource's own policy has it."""

    policy: Policy
    own: Policy

    def allows(self, user: Any, item: Any = None) -> bool:
        return self.policy.allows(user, item)

    def rows(self, user: Any, model: Any) -> Any:
        return self.policy.rows(user, model)

    def claim(self, user: Any, item: Any) -> None:
        self.own.claim(user, item)

    def __str__(self) -> str:
        return str(self.policy)


@dataclass(frozen=True)
class Sparing(Policy):
    """As *policy*, but nobody may delete themselves or the role that lets them in: nobody could undo it."""

    policy: role

    def allows(self, user: Any, item: Any = None) -> bool:
        own = item is not None and (
            item is user or (not isinstance(item, type(user)) and item.name == self.policy.name)
        )
        return self.policy.allows(user, item) and not own

    def rows(self, user: Any, model: Any) -> Any:
        return self.policy.rows(user, model)

    def __str__(self) -> str:
        return str(self.policy)


def _dashboard(section: Section, policy: Policy) -> Any:
    @requires(policy)
    def index() -> ResponseReturnValue:
        counted = [(resource, rows.page(resource, size=1).total) for resource in section.resources]
        return render_template("flaskkit/admin/index.html", section=section, counted=counted, layout=LAYOUT)

    return index
