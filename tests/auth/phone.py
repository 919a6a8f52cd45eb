"""An authenticator app, its clock, and what tests do with both."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta

import pyotp

PASSWORD = "correct horse"


class Clock:
    """What time it is for codes."""

    def __init__(self) -> None:
        self.now = datetime.now().astimezone()

    def __call__(self) -> datetime:
        return self.now

    def goes_on(self, **by: float) -> None:
        self.now += timedelta(**by)


class Phone:
    """An authenticator app."""

    def __init__(self, clock: Clock, secret: str) -> None:
        self.clock, self.app = clock, pyotp.TOTP(secret)

    def code(self, later: int = 0) -> str:
        """Return the code it shows now, or *later* steps of 30 seconds from now."""
        return self.app.at(self.clock.now, counter_offset=later)


def secret_on(page) -> str:
    return re.search(r"Key: <code[^>]*>([A-Z2-7 ]+)</code>", page.text)[1].replace(" ", "")


def submit(client, path, **values):
    """Send the form at *path*, with what is hidden in it."""
    page = client.get(path)
    hidden = re.findall(r'name="(\w+)" type="hidden" value="([^"]+)"', page.text)
    return client.post(path, data={**{name: html.unescape(value) for name, value in hidden}, **values})


def shown_codes(page) -> list[str]:
    assert page.status_code == 200, page.text
    return re.findall(r"<code[^>]*>([0-9a-z-]{14})</code>", page.text)


def turn_on(site, client, path="/auth/totp", **values):
    """Set up an app for who is logged in; return it and the recovery codes."""
    page = client.get(path)
    phone = Phone(site.clock, secret_on(page))
    hidden = re.findall(r'name="(\w+)" type="hidden" value="([^"]+)"', page.text)
    answer = client.post(path, data={**dict(hidden), "code": phone.code(), "password": PASSWORD, **values})
    site.clock.goes_on(seconds=30)
    return phone, shown_codes(answer)


def csrf(client):
    told = client.get("/api/auth/csrf").json
    return {told["header"]: told["token"]}


def post(client, path, body=None):
    return client.post(f"/api/auth/{path}", json=body or {}, headers=csrf(client))


def pending(site):
    """A client that has given the password."""
    client = site.client()
    assert site.log_in(client).location == "/auth/second-factor"
    return client
