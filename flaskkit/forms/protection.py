"""Which requests must prove that they come from a page of this site.

GET, HEAD, OPTIONS        no
caller with a token       no: another site cannot make a browser send it
everybody else            yes, unless the view or its blueprint is exempt
"""

from __future__ import annotations

from flask import current_app, g, request
from flask_wtf import CSRFProtect

from flaskkit.access import caller

csrf = CSRFProtect()


def protect() -> None:
    """Check the token of a request that changes something, unless the caller needs none.

    ``WTF_CSRF_CHECK_DEFAULT`` decides, as Flask-WTF documents it: False means that nobody checks, True that
    Flask-WTF checks every request by itself. None, flaskkit's default, means what stands above.

    Raises:
        flask_wtf.csrf.CSRFError: 400, with the reason.
    """
    config = current_app.config
    if not config["WTF_CSRF_ENABLED"] or config["WTF_CSRF_CHECK_DEFAULT"] is not None:
        return
    if request.method not in config["WTF_CSRF_METHODS"] or not request.endpoint:
        return
    if request.blueprint in current_app.extensions["flaskkit"].own_csrf:
        return
    if caller().by == "token":
        g.csrf_valid = True  # Flask-WTF's mark of a request that was checked: its forms ask for it.
        return
    csrf.protect(apply_exemptions=True)
