"""A program goes through every flow in JSON, and gets what the OpenAPI document says."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pyotp
from sqlalchemy import update

from flaskkit import Auth, Limits, Security, db
from flaskkit.auth import accounts
from flaskkit.testing import assert_openapi, note_traffic
from tests.auth.mailbox import outbox

FIRST, SECOND, THIRD = "correct horse", "battery staple", "four words in lower case"
ADA, LOVELACE = "ada@example.com", "lovelace@example.com"


class Program:
    """A program that keeps cookies, and knows of a site what its document says."""

    def __init__(self, site) -> None:
        self.site, self.client, self.done = site, site.client(), set()

    def get(self, path, status=200, **headers):
        return self._answer(self.client.get(f"/api/auth/{path}", headers=headers), "GET", path, status)

    def post(self, path, status=200, headers=None, **body):
        """Send *body* as JSON, with the CSRF token that a cookie asks for, and return the answer."""
        told = self.client.get("/api/auth/csrf").json
        self.done.add(("GET", "csrf"))
        sent = {told["header"]: told["token"], **(headers or {})}
        # What takes no fields takes no body.
        answer = self.client.post(f"/api/auth/{path}", json=body or None, headers=sent)
        return self._answer(answer, "POST", path, status)

    def _answer(self, answer, method, path, status):
        assert answer.status_code == status, (path, answer.json)
        if status == 200:
            self.done.add((method, path))
        return answer.json

    def mailed(self, pattern=r"token=(\S+)", to=ADA):
        text = next(mail.get_content() for mail in reversed(outbox(self.site)) if mail["To"] == to)
        return re.search(pattern, text)[1]


def sign_up(program):
    assert program.post("sign-up", email="bob@example.com", password=FIRST)["next"] == "confirm_email"
    code = program.mailed(r"signed up: (\d{6})", to="bob@example.com")
    program.post("confirm-code", email="bob@example.com", code=code)
    program.post("sign-up", email=ADA, password=FIRST)
    program.post("login", email=ADA, password=FIRST, status=401)
    program.post("send-confirmation", email=ADA)
    program.post("confirm-email", token=program.mailed())
    program.post("confirm-email", token=program.mailed(), status=401)


def log_in_and_look(program):
    program.get("me", status=401)
    program.post("login", email=ADA, password="wrong horse", status=401)
    program.post("login", email=ADA, password=FIRST, remember=True)
    assert program.get("me")["email"] == ADA
    program.post("language", language="de", timezone="Europe/Berlin")
    assert program.get("language")["timezone"] == "Europe/Berlin"


def change_password_and_address(program):
    program.post("change-password", old_password="wrong horse", new_password=SECOND, status=422)
    program.post("change-password", old_password=FIRST, new_password=SECOND)
    program.post("change-email", email=LOVELACE, password=SECOND)
    program.post("confirm-new-email", token=program.mailed(to=LOVELACE))
    assert program.get("me")["email"] == LOVELACE


def end_other_sessions(program):
    other = Program(program.site)
    other.post("login", email=LOVELACE, password=SECOND)
    with program.site.app.app_context():
        rows = accounts.user_model().sessions.property.mapper.class_
        db.session.execute(update(rows).values(confirmed_at=datetime(2020, 1, 1, tzinfo=UTC)))
        db.session.commit()
    (there,) = (one["id"] for one in program.get("sessions")["sessions"] if not one["current"])
    refused = program.post("sessions", session=there, status=403)
    assert refused["detail"] == "Confirm first that it is you."
    program.post("confirm-password", password=SECOND)
    program.post("sessions", session=there)
    other.get("me", status=401)
    other.post("login", email=LOVELACE, password=SECOND)
    program.post("sessions", others=True)
    other.get("me", status=401)


def make_and_revoke_a_token(program):
    made = program.post("tokens", name="laptop", days=30)
    bearer = {"Authorization": f"Bearer {made['token']}"}
    machine = program.site.client()
    assert machine.get("/api/auth/me", headers=bearer).json["by"] == "token"
    (shown,) = program.get("tokens")["tokens"]
    program.post("tokens/revoke", token=shown["id"])
    assert machine.get("/api/auth/me", headers=bearer).status_code == 401


def let_a_device_in(program):
    device = program.site.client()
    begun = device.post("/auth/device/code", data={"client_id": "Television"}).json
    assert program.post("device", code=begun["user_code"])["name"] == "Television"
    program.post("device/allow", code=begun["user_code"], allow=True)
    asked = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": begun["device_code"]}
    bearer = {"Authorization": f"Bearer {device.post('/auth/device/token', data=asked).json['access_token']}"}
    assert device.get("/api/auth/me", headers=bearer).json["email"] == LOVELACE


def set_up_and_lose_a_second_factor(program):
    proposal = program.post("totp/propose")
    app = pyotp.TOTP(proposal["secret"])
    codes = program.post("totp", setup=proposal["setup"], code=app.now(), password=SECOND)["recovery_codes"]
    assert program.get("second-factor")["methods"] == ["totp", "recovery"]
    program.post("logout")
    assert program.post("login", email=LOVELACE, password=SECOND)["next"] == "second_factor"
    program.get("me", status=401)
    program.post("second-factor", code=app.now(), status=401)  # It was used to set it up.
    program.post("second-factor", code=codes[0])
    codes = program.post("recovery-codes", code=codes[1], password=SECOND)["recovery_codes"]
    program.post("totp/off", code=codes[0], password=SECOND)


def leave(program):
    assert program.get("export")["account"]["email"] == LOVELACE
    program.post("forgot-password", email=LOVELACE)
    link = program.mailed(to=LOVELACE)
    program.post("reset-password", token=link, new_password=THIRD)
    program.post("reset-password", token=link, new_password=THIRD, status=401)
    program.get("me", status=401)
    program.post("login", email=LOVELACE, password=THIRD)
    program.post("delete-account", password=SECOND, status=422)
    program.post("delete-account", password=THIRD)
    program.post("login", email=LOVELACE, password=THIRD, status=401)


def operations(site):
    """Return (method, path) of all that can be asked below /api/auth/."""
    rules = [rule for rule in site.app.url_map.iter_rules() if rule.rule.startswith("/api/auth/")]
    return {
        (method, rule.rule.removeprefix("/api/auth/"))
        for rule in rules
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }


def test_a_program_goes_through_every_flow(made):
    settings = {"confirm": "required", "second_factor": "optional", "delete_account": True, "export": True}
    settings["device_log_in"] = True
    site = made(more=["api", "mail", "i18n", Limits(), Security()], auth=Auth(**settings))
    note_traffic(site.app)
    program = Program(site)
    sign_up(program)
    log_in_and_look(program)
    change_password_and_address(program)
    end_other_sessions(program)
    make_and_revoke_a_token(program)
    let_a_device_in(program)
    set_up_and_lose_a_second_factor(program)
    leave(program)
    assert operations(site) - program.done == set()
    assert_openapi(site.app)


def test_an_invited_program_signs_up(made):
    site = made(more=["api", "mail"], auth=Auth(sign_up="invitation"))
    note_traffic(site.app)
    site.app.test_cli_runner().invoke(args=["kit", "users", "invite", ADA, "--role", "editor"])
    program = Program(site)
    program.post("invitation", token=program.mailed(), password=FIRST)
    assert program.get("me")["roles"] == ["editor"]
    program.post("invitation", token=program.mailed(), password=FIRST, status=401)
    assert_openapi(site.app)
