"""Rows from a CSV file: chosen, looked at line by line, confirmed, and stored all or none.

    POST with ``file``         a preview; nothing is stored
    POST with ``content``      the file once more, as the preview carries it: stored

What the preview carries is signed, for this user and this resource, and says what the preview showed. So nobody
confirms something else than they have seen: where rows were changed meanwhile, the preview is shown anew.
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from hashlib import blake2b
from typing import Any

from flask import current_app, flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from itsdangerous import BadData, URLSafeTimedSerializer
from wtforms import FileField

from flaskkit.access import caller, require
from flaskkit.admin.reading import MOST_BYTES, MOST_ROWS, Plan, Unreadable, planned, stored, table_of
from flaskkit.db.keys import url_key
from flaskkit.errors import Rejected
from flaskkit.forms import out_of_date
from flaskkit.pages import Section
from flaskkit.resource import Resource
from flaskkit.texts import say

# Beyond 500,000 bytes of form fields Flask refuses a request (MAX_FORM_MEMORY_SIZE).
MOST_CARRIED = 400_000
SECONDS = 3600
WORDS = {"new": say("new"), "change": say("change"), "same": say("same"), "wrong": say("wrong")}


class ImportForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """The file with the rows."""

    file = FileField(say("CSV file"), render_kw={"accept": ".csv,text/csv"})


def import_rows(section: Section, resource: Resource) -> ResponseReturnValue:
    require(resource.policy("create"))
    form, status, plan, carried = ImportForm(), 200, None, ""
    left_out: tuple[str, ...] = ()
    if form.is_submitted():
        status = 422
        if form.validate():
            try:
                content, shown = _sent(resource)
                table = table_of(resource, content)
                left_out, plan = table.left_out, planned(resource, table)
                carried = _signed(resource, content, plan)
                if shown is not None and not plan.wrong:
                    if shown != _digest(plan):
                        form.form_errors.append(say("Rows were changed meanwhile. Look at the preview once more."))
                        status = 409
                    else:
                        stored(resource, plan)
                        done = say(
                            "Imported: %(new)s new, %(changed)s changed.",
                            new=plan.count("new"),
                            changed=plan.count("change"),
                        )
                        flash(done.spoken(), "success")
                        return redirect(section.url(resource, "list"), 303)
                elif not plan.wrong:
                    status = 200
            except Unreadable as error:
                form.file.errors = [*form.file.errors, error.args[0]]
            except Rejected as refused:
                status = refused.code
        elif out_of_date(form):
            status = 400
    context: dict[str, Any] = {"plan": plan, "words": WORDS, "carried": carried, "left_out": left_out}
    limits = {"most_rows": MOST_ROWS, "most_bytes": MOST_BYTES}
    return section.render(resource, "admin/import.html", form=form, **context, **limits), status


def _sent(resource: Resource) -> tuple[bytes, str | None]:
    """Return the file, and the digest of the preview that is confirmed, or None where it was chosen just now.

    Raises:
        Unreadable: there is none.
    """
    if "content" in request.form:
        try:
            shown, packed = _signer(resource).loads(request.form["content"], max_age=SECONDS)
        except BadData as error:
            raise Unreadable(say("This preview is too old. Choose the file once more.")) from error
        return zlib.decompress(b64decode(packed)), shown
    file = request.files.get("file")
    if file is None:
        raise Unreadable(say("Choose a file."))
    with file.stream:
        content = file.read(MOST_BYTES + 1)
    if not content:
        raise Unreadable(say("Choose a file."))
    return content, None


def _signed(resource: Resource, content: bytes, plan: Plan) -> str:
    text = _signer(resource).dumps([_digest(plan), b64encode(zlib.compress(content, 9)).decode()])
    carried = text.decode() if isinstance(text, bytes) else text
    if len(carried) > MOST_CARRIED:
        raise Unreadable(say("The file is too large to be carried by the preview. Split it."))
    return carried


def _signer(resource: Resource) -> URLSafeTimedSerializer:
    user = caller().user
    salt = f"flaskkit.import.{resource.name}.{url_key(user) if user is not None else ''}"
    fallbacks = current_app.config.get("SECRET_KEY_FALLBACKS") or []
    return URLSafeTimedSerializer([*reversed(fallbacks), current_app.config["SECRET_KEY"]], salt=salt)


def _digest(plan: Plan) -> str:
    """Return what stands for everything that *plan* shows."""
    told = [(line.number, line.action, str(line.key), line.differences) for line in plan.lines]
    return blake2b(repr(told).encode("utf-8", "replace"), digest_size=16).hexdigest()
