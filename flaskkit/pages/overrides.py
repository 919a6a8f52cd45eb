"""``flask kit templates``: which templates an app shows, where each comes from, and by which name to replace it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

# One of these, in templates/<resource>/ of the app, replaces the common one for that resource.
FOR_RESOURCE = ("list.html", "detail.html", "form.html", "delete.html", "delete_many.html", "act.html")


@click.command("templates")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@with_appcontext
def templates(as_json: bool) -> None:
    """List the templates that the app may replace, what each shows, and which file it comes from now."""
    names = [name for name in current_app.jinja_env.list_templates() if name.startswith("flaskkit/")]
    resources = [resource.name for resource in current_app.extensions["flaskkit"].resources]
    own = [f"{resource}/{name}" for resource in resources for name in FOR_RESOURCE]
    rows = [(name, *_told(name)) for name in [*names, *(one for one in own if _path(one))]]
    if as_json:
        click.echo(
            json.dumps([dict(zip(("template", "shows", "replaced_by"), row, strict=True)) for row in rows], indent=2)
        )
        return
    width = max(len(name) for name, _, _ in rows)
    for name, words, origin in rows:
        click.echo(f"{name.ljust(width)}  {words}".rstrip())
        if origin:
            click.echo(f"{' ' * width}  replaced by {origin}")
    folder = current_app.template_folder or "templates"
    click.echo()
    click.echo(f"To replace one, write a file of that name in {folder}/.")
    click.echo(f"For one resource only: {folder}/<resource>/ with {', '.join(FOR_RESOURCE)}.")


def _told(name: str) -> tuple[str, str]:
    """Return what the template *name* shows, and the file that replaces flaskkit's, or ""."""
    path = _path(name)
    found = re.match(r"\{#-?\s*(.*?)\s*-?#\}", path.read_text("utf-8"), re.DOTALL) if path else None
    words = (found[1].partition("\n")[0] if found else "").strip()
    package = Path(__file__).parent.parent
    return words, "" if path is None or package in path.parents else str(path)


def _path(name: str) -> Path | None:
    if name not in current_app.jinja_env.list_templates():
        return None
    file = current_app.jinja_env.get_template(name).filename
    return Path(file) if file else None
