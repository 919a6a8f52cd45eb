"""Section: some resources shown in one place of the site, with a route for each thing to do with them.

/<name>/                 <blueprint>.<name>.list
/<name>/export.csv       <blueprint>.<name>.export
/<name>/choices/<field>  <blueprint>.<name>.choices, where a field refers to other rows
/<name>/new              <blueprint>.<name>.new
/<name>/delete           <blueprint>.<name>.delete_many, where rows have a key of one column
/<name>/do?action=…      <blueprint>.<name>.act, the same, where modules contribute actions
/<name>/<key>            <blueprint>.<name>.detail
/<name>/<key>/edit       <blueprint>.<name>.edit
/<name>/<key>/delete     <blueprint>.<name>.delete

/<name>/<key>/files/<field>    <blueprint>.<name>.file, where a field holds files
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, current_app, render_template, request, url_for

from flaskkit.access import Policy, declare
from flaskkit.errors import LoginRequired
from flaskkit.forms import keeps_typed
from flaskkit.pages import actions, again, chosen, export, files, picker, views
from flaskkit.resource import Resource

# Name, rule, view, action whose policy guards it, methods.
Route = tuple[str, str, Callable[..., Any], str, tuple[str, ...]]

_ROUTES: tuple[Route, ...] = (
    ("list", "/", views.list_rows, "read", ("GET",)),
    ("export", "/export.csv", export.export_rows, "read", ("GET",)),
    ("choices", "/choices/<field>", picker.choices, "create", ("GET",)),
    ("new", "/new", views.new_row, "create", ("GET", "POST")),
    ("detail", "/<key>", views.show_row, "read", ("GET",)),
    ("edit", "/<key>/edit", views.edit_row, "update", ("GET", "POST")),
    ("delete", "/<key>/delete", views.delete_row, "delete", ("GET", "POST")),
    ("delete_many", "/delete", chosen.delete_rows, "delete", ("GET", "POST")),
    ("act", "/do", actions.act_on_rows, "", ("GET", "POST")),
)
# What finds rows by a key of one column.
_BY_ONE_KEY = ("delete_many", "act", "save", "import")

# What reads better as it is, and may stand so in a query (RFC 3986, section 3.4).
_SAFE = "!$'()*,/:;?@"


_SOME_KEY = "some-key-or-other"
# What stands in a URL as it is.
_is_plain = re.compile("[A-Za-z0-9_-]+").fullmatch


@dataclass(frozen=True, eq=False)
class Section:
    """*resources* as pages below the blueprint called *blueprint*, *page_size* rows at a time.

    *more* are routes beside those of every section. *editable* maps names of resources to the same with those fields
    only that can be changed in the list; with *related*, the page of a row shows the rows that refer to it.
    """

    blueprint: str
    resources: tuple[Resource, ...]
    page_size: int = 20
    layout: str = "flaskkit/layout.html"
    more: tuple[Route, ...] = ()
    editable: Mapping[str, Resource] = field(default_factory=dict)
    related: bool = False

    def add_to(self, app: Flask, resource: Resource, url_prefix: str = "") -> None:
        """Give *app* a blueprint for *resource*, below *url_prefix* and named below ``self.blueprint``."""
        blueprint = Blueprint(resource.name, __name__)
        for name, rule, view, action, methods in (*_ROUTES, *self.more):
            if name in _BY_ONE_KEY and len(resource.keys) > 1:
                continue
            if name == "act":
                policy = _any_of([resource.policy(one.policy) for one in actions.actions_of(app, resource)])
                if policy is None:
                    continue
            else:
                policy = resource.policy(action)
            if name == "choices":
                if not any(field.target for field in resource.writable):
                    continue
                policy |= resource.policy("update")
            bound = declare(self._bound(view, resource), policy)
            blueprint.add_url_rule(rule, name, keeps_typed(bound) if "POST" in methods else bound, methods=methods)
        files.add_to(blueprint, resource)
        path = f"{url_prefix}/{resource.name}"
        app.register_blueprint(blueprint, name=f"{self.blueprint}.{resource.name}", url_prefix=path)

    def url(self, resource: Resource, name: str, /, **values: Any) -> str:
        """Return where the page *name* of *resource* is: "list", "new", "detail" or another one of those above."""
        return url_for(f"{self.blueprint}.{resource.name}.{name}", **values)

    def urls(self, resource: Resource, name: str) -> Callable[[str], str]:
        """Return the function from a key to the ``url`` of the page *name* about that row: Flask builds but one."""
        before, _, after = self.url(resource, name, key=_SOME_KEY).partition(_SOME_KEY)
        return lambda key: f"{before}{key}{after}" if _is_plain(key) else self.url(resource, name, key=key)

    def has(self, resource: Resource, name: str) -> bool:
        """Return whether there is a page *name* of *resource*."""
        return f"{self.blueprint}.{resource.name}.{name}" in current_app.view_functions

    def asked(self, resource: Resource, name: str, parameters: Mapping[str, Iterable[Any]]) -> str:
        """Return the address of the page *name* with *parameters*, whatever visitors called them."""
        query = urlencode([(one, value) for one, values in parameters.items() for value in values], safe=_SAFE)
        return self.url(resource, name) + ("?" + query if query else "")

    def resource_of(self, model: Any) -> Resource | None:
        """Return the resource of *model* that is shown in this section."""
        return next((resource for resource in self.resources if resource.model is model), None)

    def render(self, resource: Resource, template: str, **context: Any) -> str:
        """Render *template*: the app's own for this resource, such as ``notes/list.html``, or the common one."""
        name = template.rpartition("/")[2]
        own = f"{resource.name}/{name}" if self.blueprint == "pages" else f"{self.blueprint}/{resource.name}/{name}"
        return render_template(
            [own, f"flaskkit/{template}"], section=self, resource=resource, layout=self.layout, **context
        )

    def _bound(self, view: Callable[..., Any], resource: Resource) -> Callable[..., Any]:
        @wraps(view)
        def bound(**values: Any) -> Any:
            try:
                return view(self, resource, **values)
            except LoginRequired:
                page = again.send_again(self, resource) if request.method == "POST" else None
                if page is None:
                    raise
                return page

        return bound


def _any_of(policies: Iterable[Policy]) -> Policy | None:
    found: Policy | None = None
    for policy in policies:
        found = policy if found is None else found | policy
    return found
