"""A person with a browser goes through every flow, with JavaScript and without, under the default security headers."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Thread

import pytest
from flask import request
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from sqlalchemy import update
from werkzeug.serving import make_server

from flaskkit import Auth, Limits, Mail, Security, db
from flaskkit.auth import accounts
from tests.auth.device import Late
from tests.auth.oidc import CLIENT, Provider

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
QUIET = ("no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking")
FIRST, SECOND, THIRD = "correct horse", "battery staple", "four words in lower case"
ADA, LOVELACE = "ada@example.com", "lovelace@example.com"

# What a single-page app does: no cookie can be read, a token is asked for and sent along.
POST = """async ([path, body]) => {
  const told = await (await fetch("/api/auth/csrf")).json();
  const headers = {"Content-Type": "application/json", [told.header]: told.token};
  const answer = await fetch("/api/auth/" + path, {method: "POST", headers, body: JSON.stringify(body)});
  return [answer.status, await answer.json()];
}"""
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def serve(made):
    """Return what serves a site with everything on; the site has ``url``, ``outbox`` and ``done``."""

    @contextmanager
    def serve(**settings):
        late = Late()
        server = make_server("localhost", 0, late, threaded=True)
        thread = Thread(target=server.serve_forever)
        thread.start()
        url = f"http://localhost:{server.port}"
        on = ["pages", "api", "i18n", Mail(backend="memory", public_url=url), Limits(), Security()]
        site = made(more=on, auth=Auth(**{"passkeys": url, **settings}), env="development", secret_key="s" * 40)
        late.app, site.url, site.done = site.app, url, set()
        site.outbox = site.app.extensions["flaskkit.mail"].outbox

        @site.app.after_request
        def note(response):
            if response.status_code < 400:
                site.done.add((request.method, request.endpoint))
            return response

        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    return serve


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=[f"--{flag}" for flag in QUIET])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def acme() -> Iterator[Provider]:
    with Provider().running() as provider:
        yield provider


class Person:
    """Somebody in a browser of their own. ``complaints`` is what the browser complained about."""

    def __init__(self, context: BrowserContext, site) -> None:
        self.site, self.page, self.complaints = site, context.new_page(), []
        self.page.set_default_timeout(30_000)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._note)

    def _note(self, said) -> None:
        # That a form was refused is what it is about; Chromium notes each such answer.
        if said.type in ("error", "warning") and "Failed to load resource" not in said.text:
            self.complaints.append(said.text)

    def open(self, path: str) -> Page:
        self.page.goto(path if "://" in path else self.site.url + path)
        return self.page

    def fill(self, button: str, told: str = "", **values: str) -> None:
        """Fill in the form by its labels, press *button* and look for what is told then."""
        for label, value in values.items():
            self.page.get_by_label(label.replace("_", " ")).fill(value)
        self.page.locator("main").get_by_role("button", name=button, exact=True).click()
        if told:
            expect(self.page.get_by_text(told)).to_be_visible()

    def follow(self, name: str) -> None:
        self.page.locator("main").get_by_role("link", name=name).first.click()

    def log_in(self, email: str, password: str, told: str = "") -> None:
        self.open("/auth/login?next=/auth/account")
        self.fill("Log in", told or f"You are logged in as {email}.", **{"E-mail address": email, "Password": password})

    def comes_back(self) -> None:
        """Close the browser and open it again: only what is kept longer than a session is there."""
        kept = [cookie for cookie in self.page.context.cookies() if cookie["expires"] != -1]
        self.page.context.clear_cookies()
        self.page.context.add_cookies(kept)

    def log_out(self) -> None:
        self.page.locator("header").get_by_role("button", name="Log out").click()
        expect(self.page.get_by_role("link", name="Log in").first).to_be_visible()

    def mail_to(self, address: str):
        return next(mail.get_content() for mail in reversed(self.site.outbox) if mail["To"] == address)

    def open_link_sent_to(self, address: str) -> None:
        """Open the newest mail on the page for developers, and follow its link to a page of its own."""
        link = re.search(r"http://localhost\S+", self.mail_to(address))[0]
        self.open("/_mail/")
        self.page.locator("main").get_by_role("link").first.click()
        with self.page.expect_popup() as opened:
            self.page.locator("main").get_by_role("link", name=link).click()
        expect(opened.value).to_have_url(link)
        opened.value.close()
        self.open(link)


def sign_up(person: Person, email: str, *, code: bool) -> None:
    person.open("/auth/sign-up")
    person.fill("Sign up", f"We sent a mail to {email}.", **{"E-mail address": email, "Password": FIRST})
    if code:
        digits = re.search(r"signed up: (\d{6})", person.mail_to(email))[1]
        person.fill("Confirm", "Your address is confirmed.", Code=digits)
        return
    person.open(f"/auth/send-confirmation?email={email}")
    person.fill("Send", f"a mail is on its way to {email}.")
    person.open_link_sent_to(email)
    person.fill("Confirm", "Your address is confirmed.")


def stay_logged_in_and_log_out_everywhere_else(person: Person, elsewhere: Person) -> None:
    for one in (person, elsewhere):
        one.open("/auth/login?next=/auth/account")
        one.page.get_by_label("Stay logged in on this device").check()
        one.fill("Log in", f"You are logged in as {ADA}.", **{"E-mail address": ADA, "Password": FIRST})
        one.comes_back()
        one.open("/auth/account")
        expect(one.page.get_by_text(f"You are logged in as {ADA}.")).to_be_visible()
    person.open("/auth/sessions")
    person.fill("End all others", "Confirm first that it is you.")
    person.fill("Confirm", Password=FIRST)
    person.fill("End all others", "1 other session ended.")
    elsewhere.open("/auth/account")
    expect(elsewhere.page).to_have_url(re.compile("/auth/login"))


def choose_a_language(person: Person) -> None:
    person.open("/auth/account")
    person.follow("Language and time zone")
    person.page.get_by_role("combobox", name="Language").select_option("de")
    person.fill("Save", "Deine Auswahl ist gespeichert.", **{"Time zone": "Europe/Berlin"})
    person.open("/auth/language")
    person.page.get_by_role("combobox", name="Sprache").select_option("en")
    person.fill("Speichern", "Your choice is kept.")
    person.open("/auth/sessions")
    expect(person.page.get_by_text(re.compile(r"UTC\+[12]|GMT\+[12]|CES?T")).first).to_be_visible()


def change_password_and_address(person: Person) -> None:
    person.follow("Change your password")
    person.fill("Change it", "You have a new password.", **{"Your password now": FIRST, "New password": SECOND})
    person.follow("Change your e-mail address")
    person.fill(
        "Send a link", "Until then nothing changes.", **{"New e-mail address": LOVELACE, "Your password": SECOND}
    )
    link = re.search(r"http://localhost\S+", person.mail_to(LOVELACE))[0]
    person.open(link)
    person.fill("Take it", f"Your address is {LOVELACE} now.")


def make_and_revoke_a_token(person: Person) -> None:
    with person.site.app.app_context():
        stored = accounts.user_model().sessions.property.mapper.class_
        db.session.execute(update(stored).values(confirmed_at=datetime(2020, 1, 1, tzinfo=UTC)))
        db.session.commit()
    person.open("/auth/tokens")
    expect(person.page.get_by_text("Confirm first that it is you.")).to_be_visible()
    person.fill("Confirm", Password=SECOND)
    person.fill("Make a token", Name="laptop", Days="30")
    token = person.page.get_by_label("Token, valid until").input_value()
    found = person.site.client().get("/api/auth/me", headers={"Authorization": f"Bearer {token}"})
    assert found.json["email"] == LOVELACE
    person.follow("I have copied it")
    person.page.get_by_role("button", name="Revoke laptop").click()
    expect(person.page.get_by_text("The token is revoked.")).to_be_visible()


def let_a_device_in(person: Person) -> None:
    begun = person.site.client().post("/auth/device/code", data={"client_id": "Television"}).json
    person.open("/auth/account")
    person.follow("Let a device in")
    person.fill("Go on", "A program that calls itself “Television”", **{"Code on the other device": begun["user_code"]})
    person.fill("Let it in", "It is let in, and goes on by itself.")


def set_up_and_lose_a_second_factor(person: Person) -> None:
    import pyotp

    person.open("/auth/totp")
    secret = person.page.locator("main code").inner_text().replace(" ", "")
    person.fill("Turn on", **{"Your password": SECOND, "Code": pyotp.TOTP(secret).now()})
    person.page.get_by_role("heading", name="Recovery codes").wait_for()
    codes = person.page.locator(".recovery-codes code").all_inner_texts()
    person.log_out()
    person.log_in(LOVELACE, SECOND, told="One more step")
    person.fill("Log in", "You have 9 recovery codes left.", Code=codes[0])
    person.open("/auth/recovery-codes")
    person.fill("Make new codes", **{"Your password": SECOND, "Code": codes[1]})
    person.page.get_by_role("heading", name="Recovery codes").wait_for()
    codes = person.page.locator(".recovery-codes code").all_inner_texts()
    person.open("/auth/totp/off")
    person.fill("Turn off", "You are no longer asked for a code.", **{"Your password": SECOND, "Code": codes[0]})


def link_and_unlink_an_account_elsewhere(person: Person) -> None:
    person.open("/auth/identities")
    person.follow("Link Acme")
    person.fill("Link Acme", "You can log in with Acme from now on.")
    person.log_out()
    person.open("/auth/login?next=/auth/account")
    person.follow("Log in with Acme")
    expect(person.page.get_by_text(f"You are logged in as {LOVELACE}.")).to_be_visible()
    person.open("/auth/identities")
    person.fill("Unlink", "You can no longer log in with this account.")


def add_use_and_remove_a_passkey(person: Person) -> None:
    page = person.page
    cdp = page.context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    cdp.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    person.open("/auth/passkeys")
    person.follow("Add a passkey")
    person.fill("Add this device", "From now on Laptop opens your account.", Name="Laptop", Your_password=SECOND)
    person.log_out()
    person.open("/auth/login?next=/auth/account")
    person.follow("Log in with a passkey")
    person.fill("Use a passkey", f"You are logged in as {LOVELACE}.")
    person.open("/auth/passkeys")
    person.follow("Rename Laptop")
    person.fill("Save", Name="Phone")
    person.follow("Remove Phone")
    person.fill("Remove", "It no longer opens your account.")


def leave(person: Person) -> None:
    page = person.page
    person.open("/auth/account")
    with page.expect_download() as download:
        person.follow("Download your data")
    assert LOVELACE in download.value.path().read_text("utf-8")
    person.open("/auth/sessions")
    page.get_by_role("button", name="Log out here").click()
    expect(page.get_by_text("You are logged out.")).to_be_visible()
    person.open("/auth/login")
    person.follow("Forgot your password?")
    person.fill("Send a link", f"We sent a mail to {LOVELACE}.", **{"E-mail address": LOVELACE})
    person.open_link_sent_to(LOVELACE)
    person.fill("Take it", "You have a new password.", **{"New password": THIRD})
    person.log_in(LOVELACE, THIRD)
    person.follow("Delete your account")
    person.fill("Delete it for good", "Your account is deleted.", Your_password=THIRD)


# What has no page of its own, or none without JavaScript.
ONLY_JSON = {"auth.passkeys_js", "auth.oauth_callback", "auth.oauth"}
ONLY_JAVASCRIPT = {f"auth.{name}" for name in ("passkey", "passkey_add", "passkey_rename", "passkey_remove")}


@pytest.mark.parametrize("script", [True, False], ids=["JavaScript", "no JavaScript"])
def test_a_person_goes_through_every_flow(serve, chromium, acme, script):
    provider = {"acme": {"discovery": acme.discovery, "label": "Acme", **CLIENT}}
    settings = {"confirm": "required", "second_factor": "optional", "delete_account": True, "export": True}
    settings["device_log_in"] = True
    with serve(providers=provider, **settings) as site, chromium.new_context(java_script_enabled=script) as context:
        person = Person(context, site)
        sign_up(person, "bob@example.com", code=True)
        sign_up(person, ADA, code=False)
        with chromium.new_context(java_script_enabled=script) as another:
            elsewhere = Person(another, site)
            stay_logged_in_and_log_out_everywhere_else(person, elsewhere)
            assert elsewhere.complaints == []
        choose_a_language(person)
        person.open("/auth/account")
        change_password_and_address(person)
        make_and_revoke_a_token(person)
        let_a_device_in(person)
        set_up_and_lose_a_second_factor(person)
        link_and_unlink_an_account_elsewhere(person)
        if script:
            add_use_and_remove_a_passkey(person)
        else:
            person.open("/auth/passkeys")
        leave(person)
        assert person.complaints == []
        rules = [rule for rule in site.app.url_map.iter_rules() if rule.endpoint.startswith("auth.")]
        pages = {("POST" if "POST" in rule.methods else "GET", rule.endpoint) for rule in rules}
        missing = {endpoint for _, endpoint in pages - site.done} - ONLY_JSON
        assert missing == (set() if script else ONLY_JAVASCRIPT)


@pytest.mark.parametrize("script", [True, False], ids=["JavaScript", "no JavaScript"])
def test_who_is_invited_signs_up(serve, chromium, script):
    with serve(sign_up="invitation") as site, chromium.new_context(java_script_enabled=script) as context:
        run = site.app.test_cli_runner().invoke
        assert run(args=["kit", "users", "invite", "eve@example.com"]).exit_code == 0
        person = Person(context, site)
        person.open_link_sent_to("eve@example.com")
        person.fill("Sign up", Password=FIRST)
        person.open("/auth/account")
        expect(person.page.get_by_text("You are logged in as eve@example.com.")).to_be_visible()
        assert person.complaints == []


def test_a_single_page_app_does_the_same_and_reads_no_credential(serve, chromium):
    with serve(confirm="required", delete_account=True) as site, chromium.new_context() as context:
        person = Person(context, site)
        page = person.open("/auth/login")
        ada = {"email": ADA, "password": FIRST}

        def post(path, body):
            return page.evaluate(POST, [path, body])

        assert post("sign-up", ada)[1]["next"] == "confirm_email"
        token = re.search(r"token=(\S+)", person.mail_to(ADA))[1]
        assert post("login", ada)[0] == 401
        assert post("confirm-email", {"token": token})[0] == 200
        assert post("login", {**ada, "remember": True})[0] == 200
        assert re.fullmatch(r"timezone=[\w/]+", page.evaluate("document.cookie"))
        assert page.evaluate("async () => (await (await fetch('/api/auth/me')).json()).email") == ADA
        assert post("change-password", {"old_password": FIRST, "new_password": SECOND})[0] == 200
        assert post("delete-account", {"password": SECOND})[0] == 200
        assert page.evaluate("async () => (await fetch('/api/auth/me')).status") == 401
        assert person.complaints == []
