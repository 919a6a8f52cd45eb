"""What a browser does between a site and a provider, and what the site has of it then."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from http.client import HTTPResponse
from urllib.parse import urlsplit

from sqlalchemy import func, select

from flaskkit import Auth
from flaskkit.auth import accounts
from flaskkit.auth.oauth import identities
from flaskkit.db import db
from tests.auth.oidc import CLIENT


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_request):
        return None


def visit(url: str) -> str:
    """Open *url* at the provider, as a browser does, and return where it sends the browser."""
    try:
        answer: HTTPResponse = urllib.request.build_opener(NoRedirects).open(url)
    except urllib.error.HTTPError as redirected:
        return redirected.headers["Location"]
    raise AssertionError(f"{url} sends nowhere: {answer.status}")


def settings(acme, **auth):
    return Auth(providers={"acme": {"discovery": acme.discovery, "label": "Acme", **CLIENT}}, **auth)


def to_the_provider(client, path="/auth/oauth/acme"):
    """Begin, and return the address of the provider's page."""
    sent = client.get(path)
    assert sent.status_code == 302, sent.text
    return sent.location


def come_back(client, path="/auth/oauth/acme"):
    """Go to the provider and come back; return what is answered then."""
    back = urlsplit(visit(to_the_provider(client, path)))
    return client.get(f"{back.path}?{back.query}")


def told(client, answer):
    """Return the page to which *answer* sends."""
    assert answer.status_code == 303
    return client.get(answer.location).text


def users(site):
    with site.app.app_context():
        return sorted(db.session.scalars(select(accounts.user_model().email)))


def linked(site):
    with site.app.app_context():
        return db.session.scalar(select(func.count()).select_from(identities.model()))


def submit(client, path, **values):
    token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', client.get(path).text)[1]
    return client.post(path, data={"csrf_token": token, **values})


def unlink(client, page, provider):
    """Press the button on the page that lists what is linked, as if it were there for that provider."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(page).text)
    token = token or re.search(r'name="csrf_token"[^>]* value="([^"]+)"', client.get("/auth/change-password").text)
    return client.post(f"{page}/unlink", data={"csrf_token": token[1], "provider": provider})
