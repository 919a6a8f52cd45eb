"""The pages at /_mail, for developers only: what was sent, newest first.

/_mail/               all messages              /_mail/<key>         one: headers, text, HTML in a frame
/_mail/<key>/html     what the frame shows, without scripts, forms and the cookies of this site
"""

from __future__ import annotations

from email.message import EmailMessage
from hashlib import sha256
from typing import cast

from flask import Blueprint, Response, abort, current_app, make_response, render_template

from flaskkit.access import public, requires

# As the site's own pages, but for the frame. Nothing here is changed by feature `security`, which would forbid it.
_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; frame-src 'self';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# HTML in mail has its styles within; a link in it opens a page of its own.
_FRAME = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src http: https: data:; frame-ancestors 'self';"
    " sandbox allow-popups allow-popups-to-escape-sandbox"
)


def pages() -> Blueprint:
    """Return the blueprint of the pages."""
    blueprint = Blueprint("mail", __name__, url_prefix="/_mail", static_folder="static", template_folder="templates")
    blueprint.add_url_rule("/", "outbox", outbox)
    blueprint.add_url_rule("/<key>", "message", message)
    blueprint.add_url_rule("/<key>/html", "html", html)
    return blueprint


@requires(public)
def outbox() -> str:
    """List what was sent."""
    newest = reversed(current_app.extensions["flaskkit.mail"].outbox)
    return render_template("flaskkit/mail/outbox.html", messages=[(_key(one), one) for one in newest], layout=_layout())


@requires(public)
def message(key: str) -> Response:
    """Show one message."""
    found = _found(key)
    page = render_template(
        "flaskkit/mail/message.html",
        key=key,
        message=found,
        text=_part(found, "plain"),
        html=_part(found, "html"),
        layout=_layout(),
    )
    response = make_response(page)
    response.headers["Content-Security-Policy"] = _PAGE
    return response


@requires(public)
def html(key: str) -> Response:
    """Show the HTML of a message, in the frame of its page."""
    shown = _part(_found(key), "html")
    if shown is None:
        abort(404)
    response = make_response(f'<base target="_blank">{shown}')
    response.headers["Content-Security-Policy"] = _FRAME
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


def _found(key: str) -> EmailMessage:
    sent: list[EmailMessage] = current_app.extensions["flaskkit.mail"].outbox
    return next((one for one in sent if _key(one) == key), None) or abort(404)


def _key(message: EmailMessage) -> str:
    return sha256(str(message["Message-ID"]).encode()).hexdigest()[:16]


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    return cast(str, part.get_content()) if part is not None else None


def _layout() -> str:
    return "flaskkit/layout.html" if "pages" in current_app.extensions["flaskkit"] else "flaskkit/mail/bare.html"
