"""Every kind of page that flaskkit makes, on the example app, and how somebody with a browser comes to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Browser, BrowserContext, Page, expect

PASSWORD = "fieldnotes-demo"
CSV = b"code,name\nIT,Italia\nXX,Nowhere\n"
WRONG_CSV = b"code,name\nIT,\nnowhere,Nowhere\n"


@dataclass(frozen=True)
class Kind:
    """A page: its address, who looks at it, what is done there first, and whether all that takes focus is ours."""

    name: str
    path: str
    who: str = ""
    then: Callable[[Page], None] | None = None
    keyboard: bool = True


def press(page: Page, button: str) -> None:
    """Press *button* in what is on the page and wait for the whole next page."""
    with page.expect_navigation():
        page.locator("main").get_by_role("button", name=button, exact=True).first.click()


def refused(page: Page) -> None:
    page.get_by_label("Rating").fill("9")
    press(page, "Save")
    expect(page.get_by_role("alert")).to_be_visible()


def wrong_password(page: Page) -> None:
    page.get_by_label("E-mail").fill("anna@example.com")
    page.get_by_label("Password").fill("guessed")
    press(page, "Log in")


def conflict(page: Page) -> None:
    other = page.context.new_page()
    other.goto(page.url)
    for one, text in ((other, "The queue was short."), (page, "The queue was long.")):
        one.get_by_label("Text").fill(text)
        press(one, "Save")
    other.close()
    expect(page.get_by_role("button", name="Save my version")).to_be_visible()


def lost_session(page: Page) -> None:
    kept = page.context.cookies()
    page.context.clear_cookies()
    press(page, "Save")
    expect(page.get_by_role("button", name="Show my form again")).to_be_visible()
    page.context.add_cookies(kept)


def chosen(button: str) -> Callable[[Page], None]:
    def choose(page: Page) -> None:
        for box in page.locator("input[name=key]").all()[:2]:
            box.check()
        press(page, button)

    return choose


def uploaded(content: bytes) -> Callable[[Page], None]:
    def upload(page: Page) -> None:
        page.get_by_label("CSV file").set_input_files({"name": "c.csv", "mimeType": "text/csv", "buffer": content})
        press(page, "Show what it would change")

    return upload


def new_token(page: Page) -> None:
    page.locator("main form").first.get_by_role("textbox").first.fill("Backup")
    press(page, "Make a token")


def recovery_codes(page: Page) -> None:
    import pyotp

    key = page.locator("main code").first.inner_text().replace(" ", "")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_label("Code").fill(pyotp.TOTP(key).now())
    press(page, "Turn on")


def ask_for_a_code(page: Page) -> None:
    page.get_by_label("E-mail").fill("eddie@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Log in")


def first_mail(page: Page) -> None:
    with page.expect_navigation():
        page.locator(".mail-list a").first.click()


def forgotten(page: Page) -> None:
    page.get_by_label("E-mail").fill("anna@example.com")
    with page.expect_navigation():
        page.locator("main form button").click()


KINDS = (
    Kind("home", "/"),
    Kind("own page", "/nearest?latitude=47.26&longitude=11.34"),
    Kind("list", "/airports/"),
    Kind("list, searched and filtered", "/airports/?q=san&timezone=Europe%2FMadrid"),
    Kind("list, page 3", "/airports/?page=3"),
    Kind("list, nothing found", "/airports/?q=zzzz"),
    Kind("detail", "/airports/LOWI"),
    Kind("error 404", "/nowhere"),
    Kind("error 405", "/auth/logout"),
    Kind("login", "/auth/login"),
    Kind("login, refused", "/auth/login", then=wrong_password),
    Kind("sign up", "/auth/sign-up"),
    Kind("forgotten password", "/auth/forgot-password"),
    Kind("forgotten password, sent", "/auth/forgot-password", then=forgotten),
    Kind("login with a passkey", "/auth/passkey"),
    Kind("list, one's own", "/notes/", "anna"),
    Kind("detail, one's own", "/notes/1", "anna"),
    Kind("new", "/notes/new", "anna"),
    Kind("new, refused", "/notes/new", "anna", refused),
    Kind("edit", "/notes/1/edit", "anna"),
    Kind("edit, conflict", "/notes/2/edit", "anna", conflict),
    Kind("edit, logged out meanwhile", "/notes/2/edit", "anna", lost_session),
    Kind("delete", "/notes/1/delete", "anna"),
    Kind("delete chosen", "/notes/", "anna", chosen("Delete chosen …")),
    Kind("error 403", "/admin/", "anna"),
    Kind("account", "/auth/account", "anna"),
    Kind("change password", "/auth/change-password", "anna"),
    Kind("change address", "/auth/change-email", "anna"),
    Kind("language", "/auth/language", "anna"),
    Kind("code of a device", "/auth/device", "anna"),
    Kind("sessions", "/auth/sessions", "anna"),
    Kind("tokens", "/auth/tokens", "anna"),
    Kind("new token", "/auth/tokens", "anna", new_token),
    Kind("tokens, one there", "/auth/tokens", "anna"),
    Kind("passkeys", "/auth/passkeys", "anna"),
    Kind("new passkey", "/auth/passkeys/add", "anna"),
    Kind("accounts elsewhere", "/auth/identities", "anna"),
    Kind("second factor, off", "/auth/totp", "eddie"),
    Kind("recovery codes", "/auth/totp", "eddie", recovery_codes),
    Kind("second factor, on", "/auth/totp", "eddie"),
    Kind("second factor, asked for", "/auth/login", then=ask_for_a_code),
    Kind("delete account", "/auth/delete-account", "anna"),
    Kind("mail", "/_mail/"),
    Kind("a message", "/_mail/", then=first_mail),
    Kind("admin", "/admin/", "ada"),
    Kind("admin, list", "/admin/notes/", "ada"),
    Kind("admin, search", "/admin/airports/?q=san", "ada"),
    Kind("admin, detail", "/admin/countries/IT", "ada"),
    Kind("admin, edit", "/admin/airports/LOWI/edit", "ada"),
    Kind("admin, import", "/admin/countries/import", "ada"),
    Kind("admin, import shown", "/admin/countries/import", "ada", uploaded(CSV)),
    Kind("admin, import with mistakes", "/admin/countries/import", "ada", uploaded(WRONG_CSV)),
    Kind("admin, history", "/admin/notes/2/history", "ada"),
    Kind("admin, users", "/admin/users/", "ada"),
    Kind("admin, a user", "/admin/users/1", "ada"),
    Kind("admin, edit a user", "/admin/users/1/edit", "ada"),
    Kind("admin, delete a user", "/admin/users/1/delete", "ada"),
    Kind("admin, sessions", "/admin/sessions/", "ada"),
    Kind("API", "/api/docs", keyboard=False),
)


class People:
    """A browser for each person, logged in when it is first asked for; "" is a visitor."""

    def __init__(self, browser: Browser, url: str, **options: object) -> None:
        expect.set_options(timeout=60_000)
        self.browser, self.url, self.options = browser, url, options
        self.known: dict[str, BrowserContext] = {}

    def context(self, who: str) -> BrowserContext:
        if who not in self.known:
            self.known[who] = self.browser.new_context(locale="en-GB", reduced_motion="reduce", **self.options)  # type: ignore[arg-type]
            self.known[who].set_default_timeout(60_000)
            if who:
                self.log_in(who)
        return self.known[who]

    def log_in(self, who: str) -> None:
        page = self.known[who].new_page()
        page.goto(f"{self.url}/auth/login")
        page.get_by_label("E-mail").fill(f"{who}@example.com")
        page.get_by_label("Password").fill(PASSWORD)
        press(page, "Log in")
        page.close()

    def open(self, kind: Kind) -> Page:
        page = self.context(kind.who).new_page()
        page.goto(self.url + kind.path)
        if kind.then:
            kind.then(page)
        return page
