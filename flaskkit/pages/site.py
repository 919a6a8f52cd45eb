"""What the layout asks about the site; templates know it as ``flaskkit``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import current_app, request, url_for

from flaskkit.access import caller, guard_of, user_for
from flaskkit.pages.cells import in_reading_order
from flaskkit.resource import Resource
from flaskkit.texts import as_text, joined, say


@dataclass(frozen=True)
class Entry:
    """One entry of the navigation; ``here`` tells that the current page belongs to it."""

    text: str
    href: str
    here: bool


class Site:
    """The site as the layout shows it. Nothing is asked about the visitor until a template does."""

    def __init__(self, title: str, description: str = "") -> None:
        self.title = title
        self.description = description or title
        self.entries: list[tuple[str, str]] = []
        # What feature `admin` shows, if it is on, and the views beside it.
        self.admin: Any = None
        self.admin_entries: list[tuple[str, str]] = []

    @property
    def home(self) -> str:
        """The address of the home page."""
        return f"{request.script_root}/"

    @property
    def user(self) -> Any:
        """Who is logged in, or None."""
        return caller().user

    def readable(self) -> list[Resource]:
        """Return the resources of which the visitor may read something."""
        resources: Iterable[Resource] = current_app.extensions["flaskkit"].resources
        return [one for one in resources if one.read.rows(user_for(one.read), one.model) is not False]

    def navigation(self) -> Iterator[Entry]:
        """Yield what modules contribute, the resources and the admin, as far as the visitor may see them."""
        here = request.blueprint or ""
        for text, endpoint in self.entries:
            if self.may_visit(endpoint):
                yield Entry(as_text(text), url_for(endpoint), request.endpoint == endpoint)
        for resource in self.readable():
            name = f"pages.{resource.name}"
            yield Entry(resource.label, url_for(f"{name}.list"), here == name)
        if self.may_visit("admin.index"):
            yield Entry(say("Admin"), url_for("admin.index"), here.partition(".")[0] == "admin")

    def admin_views(self) -> Iterator[Entry]:
        """Yield the views that modules add to the admin, as far as the visitor may see them."""
        for text, endpoint in self.admin_entries:
            if self.may_visit(endpoint):
                yield Entry(as_text(text), url_for(endpoint), request.endpoint == endpoint)

    def may_visit(self, endpoint: str) -> bool:
        """Return whether *endpoint* exists and its declared policy, if it has one, lets the visitor in."""
        if endpoint not in current_app.view_functions:
            return False
        policy = guard_of(current_app.view_functions[endpoint], "GET").policy
        return policy is None or policy.allows(user_for(policy))

    @property
    def has_login(self) -> bool:
        """Whether visitors can log in."""
        return "auth.login" in current_app.view_functions

    @property
    def login(self) -> str:
        """The address of the login page, which leads back here."""
        at_home = request.path == "/" or request.blueprint == "auth"
        return url_for("auth.login", next=None if at_home else request.full_path.rstrip("?"))

    @property
    def account(self) -> str:
        """The address of the visitor's own account."""
        return url_for("auth.account")

    @property
    def sign_up(self) -> str:
        """The address of the sign-up page, or "" where there is none."""
        return url_for("auth.sign_up") if "auth.sign_up" in current_app.view_functions else ""

    @property
    def user_name(self) -> str:
        """What the user is called at the top of the page."""
        return str(getattr(self.user, "email", "") or self.user)

    def about(self, resource: Resource) -> str:
        """Return a line about *resource* for the home page."""
        return joined(*[field.label for field in in_reading_order(resource) if not field.generated][:4], between=", ")

    def tools(self) -> list[tuple[str, str, str]]:
        """Return (title, line, address) of what else there is for this visitor."""
        offered = [
            (say("API"), say("Documentation of the REST interface."), "api.docs"),
            (say("Admin"), say("Every resource and the users."), "admin.index"),
            (say("Mail"), say("What was sent, while developing."), "mail.outbox"),
        ]
        return [(title, line, url_for(endpoint)) for title, line, endpoint in offered if self.may_visit(endpoint)]
