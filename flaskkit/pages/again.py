"""A form that was sent after the session had ended: what was typed is kept in the answer, to be sent again.

The visitor logs in in another tab and presses a button here. The token is an old one then, so the form is shown once
more, filled in and with a fresh token, before anything is stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, make_response, render_template, request

from flaskkit.resource import Resource

if TYPE_CHECKING:
    from flaskkit.pages.section import Section


def send_again(section: Section, resource: Resource) -> Response | None:
    """Return a page (401) that holds what was typed, but for secrets and files; None where there is nothing to keep."""
    secret = {*resource.write_only, *(field.name for field in resource.writable if field.input == "password")}
    kept = [(name, value) for name, value in request.form.items(multi=True) if name not in {*secret, "csrf_token"}]
    if not kept:
        return None
    lost: list[str] = [field.label for field in resource.writable if field.file or field.name in secret]
    about = {"section": section, "resource": resource, "layout": section.layout}
    answer: Any = render_template("flaskkit/again.html", kept=kept, lost=lost, **about)
    response = make_response(answer, 401)
    response.headers["Cache-Control"] = "no-store"
    return response
