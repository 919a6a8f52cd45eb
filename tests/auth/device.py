"""A browser on a device that makes passkeys, and an app that is known to its server when it is made."""

from __future__ import annotations

import base64

from flaskkit.auth import accounts
from flaskkit.auth.passkeys import keys
from flaskkit.db import db
from tests.auth.conftest import PASSWORD


class Late:
    """An app that is known to the server when it is made: its address is a setting of it."""

    app = None

    def __call__(self, environ, start_response):
        return self.app(environ, start_response)


class Device:
    """A page in a browser of its own, on a device that makes passkeys."""

    def __init__(self, chromium, site, **options):
        self.page = chromium.new_context(base_url=site.url).new_page()
        self.page.set_default_timeout(15_000)
        self.told = []
        self.page.on("pageerror", lambda error: self.told.append(str(error)))
        self.cdp = self.page.context.new_cdp_session(self.page)
        self.cdp.send("WebAuthn.enable")
        made = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        self.id = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": made | options})["authenticatorId"]

    def keys(self):
        return self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.id})["credentials"]

    def log_in(self, email="ada@example.com"):
        self.page.goto("/auth/login")
        self.page.get_by_label("E-mail address").fill(email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(lambda url: "/auth/login" not in url)

    def add(self, name="Laptop", password=PASSWORD):
        self.page.goto("/auth/passkeys/add")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Add this device").click()

    def forget(self):
        self.page.context.clear_cookies()

    def use(self, path="/auth/passkey"):
        self.page.goto(path)
        self.page.get_by_role("button", name="Use a passkey").click()

    def who(self):
        self.page.wait_for_load_state()
        return self.page.context.request.get("/who").text()


def add_by_hand(site, device, key):
    """Give the device a passkey that the site knows, without the pages."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from webauthn.helpers import encode_cbor

    private = ec.generate_private_key(ec.SECP256R1())
    numbers = private.public_key().public_numbers()
    x, y = (number.to_bytes(32) for number in (numbers.x, numbers.y))
    public = encode_cbor({1: 2, 3: -7, -1: 1, -2: x, -3: y})
    encoded = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with site.app.app_context():
        user = db.session.get(accounts.user_model(), key)
        stored = keys.model()(
            user_id=key, name="Key", digest=keys._digest(b"one"), credential_id="b25l", public_key=public, sign_count=0
        )
        handle = keys._handle(user)
        db.session.add(stored)
        db.session.commit()
    credential = {
        "credentialId": base64.b64encode(b"one").decode(),
        "isResidentCredential": True,
        "rpId": "localhost",
        "privateKey": base64.b64encode(encoded).decode(),
        "userHandle": base64.b64encode(handle).decode(),
        "signCount": 1,
    }
    device.cdp.send("WebAuthn.addCredential", {"authenticatorId": device.id, "credential": credential})
