"""Section: some resources shown in one place of the site, with a route for each thing to do with them.

/<name>/                 <blueprint>.<name>.list
/<name>/new              <blueprint>.<name>.new
/<name>/<key>            <blueprint>.<name>.detail
/<name>/<key>/edit       <blueprint>.<name>.edit
/<name>/<key>/delete     <blueprint>.<name>.delete
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Blueprint, Flask, render_template, url_for

from flaskkit.access import declare
from flaskkit.pages import views
from flaskkit.resource import Resource

_ROUTES: tuple[tuple[str, str, Callable[..., Any], str, tuple[str, ...]], ...] = (
    ("list", "/", views.list_rows, "read", ("GET",)),
    ("new", "/new", views.new_row, "create", ("GET", "POST")),
    ("detail", "/<key>", views.show_row, "read", ("GET",)),
    ("edit", "/<key>/edit", views.edit_row, "update", ("GET", "POST")),
    ("delete", "/<key>/delete", views.delete_row, "delete", ("GET", "POST")),
)


@dataclass(frozen=True, eq=False)
class Section:
    """*resources* as pages below the blueprint called *blueprint*, *page_size* rows at a time."""

    blueprint: str
    resources: tuple[Resource, ...]
    page_size: int = 20
    layout: str = "flaskkit/layout.html"

    def add_to(self, app: Flask, resource: Resource, url_prefix: str = "") -> None:
        """Give *app* a blueprint for *resource*, below *url_prefix* and named below ``self.blueprint``."""
        blueprint = Blueprint(resource.name, __name__)
        for name, rule, view, action, methods in _ROUTES:
            policies = dict.fromkeys((*methods, "HEAD"), resource.policy(action))
            blueprint.add_url_rule(rule, name, declare(self._bound(view, resource), policies), methods=methods)
        path = f"{url_prefix}/{resource.name}"
        app.register_blueprint(blueprint, name=f"{self.blueprint}.{resource.name}", url_prefix=path)

    def url(self, resource: Resource, name: str, **values: Any) -> str:
        """Return where the page *name* ("list", "new", "detail", "edit", "delete") of *resource* is."""
        return url_for(f"{self.blueprint}.{resource.name}.{name}", **values)

    def resource_of(self, model: Any) -> Resource | None:
        """Return the resource of *model* that is shown in this section."""
        return next((resource for resource in self.resources if resource.model is model), None)

    def render(self, resource: Resource, template: str, **context: Any) -> str:
        """Render *template*: the app's own for this resource, such as ``notes/list.html``, or the common one."""
        own = (
            f"{resource.name}/{template}"
            if self.blueprint == "pages"
            else f"{self.blueprint}/{resource.name}/{template}"
        )
        return render_template(
            [own, f"flaskkit/{template}"], section=self, resource=resource, layout=self.layout, **context
        )

    def _bound(self, view: Callable[..., Any], resource: Resource) -> Callable[..., Any]:
        @wraps(view)
        def bound(**values: Any) -> Any:
            return view(self, resource, **values)

        return bound
