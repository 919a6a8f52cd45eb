"""Passkeys, with a real browser and the authenticator it has for tests (WebAuthn, section 11)."""

from __future__ import annotations

import json
import re
import shutil
from threading import Thread

import pytest
from playwright.sync_api import expect, sync_playwright
from sqlalchemy import select
from werkzeug.serving import make_server

from flaskkit import Auth, Config, ConfigError, create_app
from flaskkit.auth import accounts
from flaskkit.auth.errors import WrongCredentials
from flaskkit.auth.identity import start_session
from flaskkit.auth.passkeys import keys
from flaskkit.auth.passkeys.pages import remove
from flaskkit.db import db
from flaskkit.errors import Conflicting, Rejected
from tests.auth.conftest import PASSWORD
from tests.auth.device import Device, Late, add_by_hand

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
browsers = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture
def address():
    late = Late()
    server = make_server("localhost", 0, late, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    late.url = f"http://localhost:{server.port}"
    yield late
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def site(made, address):
    return started(made, address)


def started(made, address, **auth):
    site = made(auth=Auth(passkeys=address.url, **auth), more=["api"])
    address.app = site.app
    site.url = address.url
    site.add()
    return site


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def device(chromium, site):
    device = Device(chromium, site)
    yield device
    device.page.context.close()


@browsers
def test_a_passkey_is_added_and_logs_in_without_password_or_name(site, device):
    device.log_in()
    device.add()
    expect(device.page.get_by_text("From now on Laptop opens your account.")).to_be_visible()
    assert len(device.keys()) == 1
    device.forget()
    device.page.goto("/auth/login?next=/mine")
    device.page.get_by_role("link", name="Log in with a passkey").click()
    device.page.get_by_role("button", name="Use a passkey").click()
    expect(device.page.get_by_text("mine")).to_be_visible()
    assert device.who() == "ada@example.com by session"
    assert device.told == []
    with site.app.app_context():
        assert db.session.scalar(select(keys.model().used_at)) is not None


@browsers
def test_they_are_listed_renamed_and_removed(site, device):
    device.log_in()
    device.add()
    device.page.get_by_role("link", name="Rename Laptop").click()
    device.page.get_by_label("Name").fill("Phone")
    device.page.get_by_role("button", name="Save").click()
    device.page.get_by_role("link", name="Remove Phone").click()
    device.page.get_by_role("button", name="Remove").click()
    expect(device.page.get_by_text("It no longer opens your account.")).to_be_visible()
    device.forget()
    device.use()
    expect(device.page.get_by_text("This passkey does not open an account here.")).to_be_visible()
    assert device.who() == "nobody"


@browsers
def test_a_device_is_added_once(site, device):
    device.log_in()
    device.add()
    device.page.wait_for_url("**/auth/passkeys")
    device.add()
    expect(device.page.get_by_text("This device has a passkey for your account already.")).to_be_visible()
    assert len(device.keys()) == 1


@browsers
def test_adding_one_needs_the_password(site, device):
    device.log_in()
    device.add(password="wrong")
    expect(device.page.get_by_text("This is not your password.")).to_be_visible()
    device.page.get_by_label("Password").fill(PASSWORD)
    device.page.get_by_role("button", name="Add this device").click()
    expect(device.page.get_by_text("From now on")).to_be_visible()


@browsers
def test_without_fingerprint_or_pin_nobody_is_logged_in(site, device):
    device.log_in()
    device.add()
    device.page.wait_for_url("**/auth/passkeys")
    device.forget()
    device.cdp.send("WebAuthn.setUserVerified", {"authenticatorId": device.id, "isUserVerified": False})
    device.use()
    expect(device.page.get_by_text("Your device gave no passkey.")).to_be_visible()
    assert device.who() == "nobody"


@browsers
def test_a_copied_passkey_is_refused(site, device):
    device.log_in()
    device.add()
    device.page.wait_for_url("**/auth/passkeys")
    device.forget()
    with site.app.app_context():
        db.session.scalar(select(keys.model())).sign_count = 100
        db.session.commit()
    device.use()
    expect(device.page.get_by_text("This passkey does not open an account here.")).to_be_visible()


@browsers
def test_nobody_is_logged_in_who_is_inactive(site, device):
    device.log_in()
    device.add()
    device.page.wait_for_url("**/auth/passkeys")
    site.change("ada@example.com", active=False)
    device.forget()
    device.use()
    expect(device.page.get_by_text("This passkey does not open an account here.")).to_be_visible()


@browsers
def test_after_the_password_it_is_the_second_factor(made, address, chromium):
    site = started(made, address, second_factor="required")
    with site.app.app_context():
        user = accounts.by_email("ada@example.com")
    assert site.log_in(site.client()).location == "/auth/totp"
    device = Device(chromium, site)
    add_by_hand(site, device, user.id)
    device.log_in()
    assert "/auth/passkey" in device.page.url
    assert device.who() == "nobody"
    device.page.get_by_role("button", name="Use a passkey").click()
    device.page.wait_for_url(lambda url: "/auth/" not in url)
    assert device.who() == "ada@example.com by session"
    with_password = site.client()
    assert site.log_in(with_password).location == "/auth/passkey"
    assert with_password.get("/auth/totp").status_code == 303
    device.page.context.close()


ANSWER = """async (told) => {
    const script = document.createElement("script");
    script.src = "/auth/passkeys.js";
    await new Promise((done) => { script.onload = done; document.head.append(script); });
    const publicKey = readable(JSON.parse(told));
    const how = publicKey.user ? "create" : "get";
    return written(await navigator.credentials[how]({publicKey}));
}"""


@browsers
def test_as_json_and_an_answer_is_good_once(site, device):
    device.page.goto("/auth/login")
    app = site.logged_in()
    told = app.get("/api/auth/csrf").json
    header = {told["header"]: told["token"]}
    asked = app.post("/api/auth/passkeys/ask", json={}, headers=header).json
    body = {
        "name": "App",
        "password": PASSWORD,
        "ceremony": asked["ceremony"],
        "credential": device.page.evaluate(ANSWER, asked["options"]),
    }
    assert app.post("/api/auth/passkeys/add", json=body, headers=header).status_code == 200
    again = app.post("/api/auth/passkeys/add", json=body, headers=header)
    assert again.status_code == 409
    assert app.get("/api/auth/passkeys").json["names"] == ["App"]

    device.page.goto("/auth/login")
    client = site.client()
    asked = client.post("/api/auth/passkey/ask", json={}).json
    body = {"ceremony": asked["ceremony"], "credential": device.page.evaluate(ANSWER, asked["options"])}
    other = site.client().post("/api/auth/passkey/ask", json={}).json
    swapped = site.client().post("/api/auth/passkey", json={**body, "ceremony": other["ceremony"]})
    assert swapped.status_code == 401
    late = site.client().post("/api/auth/passkey", json={**body, "ceremony": "x"})
    assert (late.status_code, late.json["errors"]) == (422, [{"detail": keys.TOO_LATE, "pointer": "#/ceremony"}])
    assert client.post("/api/auth/passkey", json=body).status_code == 200
    assert client.get("/api/auth/me").json["email"] == "ada@example.com"
    assert site.client().post("/api/auth/passkey", json=body).status_code == 401


@browsers
def test_a_passkey_of_somebody_else_is_no_second_factor(made, address, chromium):
    site = started(made, address, second_factor="required")
    site.add("eve@example.com")
    device = Device(chromium, site)
    with site.app.app_context():
        ada, eve = (accounts.by_email(f"{name}@example.com") for name in ("ada", "eve"))
        add_by_hand(site, device, eve.id)
        device.page.goto("/auth/login")
        answer = device.page.evaluate(ANSWER, (begun := keys.authentication(eve)).options)
        with pytest.raises(Rejected, match="Some values"):
            keys.check(begun.text, answer, ada)
        assert keys.check(begun.text, answer, eve).id == eve.id
        with pytest.raises(WrongCredentials):
            keys.check(begun.text, answer, eve)
    device.page.context.close()


@pytest.mark.parametrize(
    "credential", ["{}", "[]", "x", "null", '{"id": 5}', json.dumps({"id": "a", "rawId": "a", "type": "x"})]
)
def test_nonsense_is_refused_in_words(made, credential):
    site = made(auth=Auth(passkeys="http://localhost:5000"), more=["api"])
    site.add()
    client = site.client()
    asked = client.post("/api/auth/passkey/ask", json={}).json
    refused = client.post("/api/auth/passkey", json={"ceremony": asked["ceremony"], "credential": credential})
    assert (refused.status_code, refused.json["detail"]) == (401, keys.WRONG)
    user = site.logged_in()
    told = user.get("/api/auth/csrf").json
    header = {told["header"]: told["token"]}
    asked = user.post("/api/auth/passkeys/ask", json={}, headers=header).json
    body = {"name": "x", "password": PASSWORD, "ceremony": asked["ceremony"], "credential": credential}
    refused = user.post("/api/auth/passkeys/add", json=body, headers=header)
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "#/credential")


def test_the_host_of_a_request_does_not_count(made):
    site = made(auth=Auth(passkeys="https://shop.example"))
    page = site.client().get("/auth/passkey", headers={"Host": "evil.example"}).text
    assert "&#34;rpId&#34;: &#34;shop.example&#34;" in page
    assert "evil" not in page


def test_pages_hold_no_inline_script(made):
    site = made(auth=Auth(passkeys="https://shop.example"))
    site.add()
    for path, client in (("/auth/passkey", site.client()), ("/auth/passkeys/add", site.logged_in())):
        assert re.findall(r"<script[^>]*>", client.get(path).text) == ['<script src="/auth/passkeys.js" defer>']
        with client.get("/auth/passkeys.js") as script:
            assert (script.mimetype, "navigator.credentials" in script.text) == ("text/javascript", True)


def test_a_passkey_of_another_user_is_neither_renamed_nor_removed(made):
    site = made(auth=Auth(passkeys="https://shop.example"))
    site.add()
    site.add("eve@example.com")
    with site.app.app_context():
        ada = accounts.by_email("ada@example.com")
        row = keys.model()(user_id=ada.id, name="Hers", digest="x", credential_id="x", public_key=b"x", sign_count=0)
        db.session.add(row)
        db.session.commit()
        key = row.id
    eve = site.logged_in("eve@example.com")
    for path, values in (("rename", {"name": "Mine"}), ("remove", {})):
        answer = site.submit(eve, f"/auth/passkeys/{path}", passkey=str(key), **values)
        assert (answer.status_code, "You have no such passkey." in answer.text) == (422, True)
    assert "Hers" in site.logged_in().get("/auth/passkeys").text


def test_the_last_way_in_is_not_removed(made):
    site = made(auth=Auth(passkeys="https://shop.example"))
    with site.app.test_request_context():
        ada = accounts.create("ada@example.com", PASSWORD)
        rows = [
            keys.model()(user_id=ada.id, name=name, digest=name, credential_id="x", public_key=b"x", sign_count=0)
            for name in ("One", "Two", "Three")
        ]
        db.session.add_all(rows)
        db.session.commit()
        one, two, three = (str(row.id) for row in rows)
        start_session(ada)
        remove({"passkey": one})
        ada.password_hash = None
        db.session.commit()
        start_session(ada)
        remove({"passkey": two})
        with pytest.raises(Conflicting) as refused:
            remove({"passkey": three})
        assert refused.value.errors == {"passkey": ["Nothing else opens your account. Choose a password first."]}
        assert keys.how_many(ada) == 1


@pytest.mark.parametrize(
    "address",
    [
        "shop.example",
        "http://shop.example",
        "https://shop.example/",
        "https://127.0.0.1",
        "https://[::1]",
        "https://a@b.example",
    ],
)
def test_a_wrong_address_is_reported_at_start(address):
    with pytest.raises(ConfigError, match="'passkeys' of feature 'auth' is where people log in, such as"):
        create_app(Config("x", env="testing", features=["db", "forms", Auth(passkeys=address)]))


def test_off_means_no_page_no_table_and_no_import(made):
    off = made()
    assert off.client().get("/auth/passkey").status_code == 404
    assert "passkey" not in off.client().get("/auth/login").text
    assert "passkeys" not in off.app.test_cli_runner().invoke(args=["kit", "create-tables"]).output
