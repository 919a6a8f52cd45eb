"""What pages do with a request, for `flask kit explain`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flask import Flask
from jinja2 import TemplateNotFound

from flaskkit.db.explain import statements
from flaskkit.forms import form_for
from flaskkit.resource import Resource
from flaskkit.tools.steps import Step, field_lines, place_of, resource_step, short

# View by name: its template, and the operation that is SQL; with POST the second one.
VIEWS = {
    "list": ("list.html", "list", ""),
    "export": ("", "list", ""),
    "detail": ("detail.html", "read", ""),
    "new": ("form.html", "", "create"),
    "edit": ("form.html", "read", "update"),
    "delete": ("delete.html", "read", "delete"),
}


def steps(
    app: Flask, endpoint: str, method: str, resources: Iterable[Resource], section: str = "pages"
) -> Iterator[Step]:
    """Yield what the page of one of *resources* in *section* does with a request for *endpoint*."""
    found = {f"{section}.{resource.name}": resource for resource in resources}
    blueprint, _, name = endpoint.rpartition(".")
    resource = found.get(blueprint)
    if resource is None:
        return
    yield resource_step(app.extensions["flaskkit"], resource)
    template, reading, writing = VIEWS.get(name, ("", "", ""))
    if writing and name != "delete":
        form = form_for(resource)
        told = field_lines(resource.writable) if method == "POST" else ()
        yield Step("validation", f"the form {form.__name__}", place_of(form_for), told)
    operation = writing if method == "POST" else reading
    if operation:
        yield Step("sql", operation, "", statements(app, resource, operation))
    if template:
        own = f"{resource.name}/{template}" if section == "pages" else f"{section}/{resource.name}/{template}"
        yield _rendered(app, [own, f"flaskkit/{template}"])


def _rendered(app: Flask, names: list[str]) -> Step:
    for name in names:
        try:
            file = app.jinja_env.get_template(name).filename
        except TemplateNotFound:
            continue
        return Step("serializer", f"the template {name}", short(file or name))
    return Step("serializer", f"the template {names[-1]}")
