"""What tests do with the mail that a site has sent."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from flaskkit.auth import accounts

OUTDATED = "This link was used already, or is too old. Ask for a new one."


def outbox(site):
    return site.app.extensions["flaskkit.mail"].outbox


def mails(site):
    """Return (to, subject) of what was sent."""
    return [(mail["To"], mail["Subject"]) for mail in outbox(site)]


def link(site, number=-1):
    """Return the path in a mail, with its query."""
    url = urlsplit(re.search(r"https?://\S+", outbox(site)[number].get_content())[0])
    return f"{url.path}?{url.query}"


def token(site, number=-1):
    return link(site, number).partition("token=")[2]


def post(client, path, body):
    return client.post(f"/api/auth/{path}", json=body)


def user(site, email):
    with site.app.app_context():
        return accounts.by_email(email)
