"""Feature `mail`: mail from templates, sent after the commit, kept until a server has taken it.

mailer.py      Mailer: send, absolute links          messages.py    from a template to a message
outbox.py      the table in which mail waits         backends.py    SMTP, console, folder, memory
commands.py    flask kit mail …                      diagnosis.py   what is wrong with the settings
views.py       /_mail, while developing
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from email.headerregistry import Address
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import urlsplit

from flask import Blueprint, Flask

from flaskkit.feature import Feature, setting
from flaskkit.mail.backends import PORTS, Backend, Console, Folder, Memory, Smtp, Tls
from flaskkit.mail.commands import mail
from flaskkit.mail.mailer import Mailer, send_mail
from flaskkit.mail.messages import sender_of
from flaskkit.mail.views import pages
from flaskkit.texts import speak_in_templates

if TYPE_CHECKING:
    from flaskkit.config import Config

__all__ = ["Mail", "Mailer", "send_mail"]

Kind = Literal["smtp", "console", "file", "memory"]
DEFAULTS: dict[str, Kind] = {"production": "smtp", "development": "console", "testing": "memory"}
LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Mail(Feature):
    """Mail from templates, sent after the commit."""

    name: ClassVar[str] = "mail"
    requires: ClassVar[tuple[str, ...]] = ("db",)
    after: ClassVar[tuple[str, ...]] = ("pages",)
    tables: ClassVar[tuple[str, ...]] = ("mail_outbox",)

    backend: Kind | None = setting(  # noqa: RUF009
        None,
        help="Where mail goes. Without one: an SMTP server in production, the console while developing, memory in"
        " tests.",
    )
    public_url: str = setting(
        "",
        help="Where people find the app, like https://shop.example: links in mail begin with it. Production must have"
        " one.",
    )
    sender: str = setting("", help="Who mail is from: an address, or `Name <address>`. Production must have one.")
    host: str = setting("", help="The SMTP server.")
    port: int | None = setting(None, help="Its port. Without one: 587 for `starttls`, 465 for `tls`, 25 for `none`.")
    user: str = setting("", help="Who logs in there; nobody does without one.")
    password: str = setting("", secret=True, help="The password for it.")
    tls: Tls = setting(  # noqa: RUF009
        "starttls", help="How the connection is encrypted: after a greeting, from the beginning, or not at all."
    )
    timeout: float = setting(30.0, help="How long to wait for each answer of the server, in seconds.")
    folder: str = setting("mail", help="Where `file` puts messages; a relative path is below the instance folder.")

    def mistakes(self, config: Config) -> Iterable[str]:
        production = config.env == "production"
        kind = self._kind(config.env)
        yield from self._mistakes_in_addresses(production)
        if kind == "memory" and production:
            yield "'backend' of feature 'mail' is 'memory', which delivers nothing. In production use 'smtp'."
        if kind == "smtp":
            yield from self._mistakes_in_server(production)

    def init_app(self, app: Flask) -> None:
        kit = app.extensions["flaskkit"]
        sender = sender_of(self.sender) if self.sender else Address(app.name, "no-reply", "localhost")
        public_url = self.public_url or ("http://localhost" if kit.config.env == "testing" else "")
        backend = self._made(self._kind(kit.config.env), Path(app.instance_path))
        speak_in_templates(app)
        app.extensions["flaskkit.mail"] = Mailer(app, backend, sender, public_url)
        shown = kit.config.env == "development" and not isinstance(backend, Smtp)
        app.register_blueprint(pages() if shown else Blueprint("mail", __name__, template_folder="templates"))
        kit.commands.add_command(mail)

    def checks(self) -> Iterable[Any]:
        from flaskkit.mail import checks

        return checks.CHECKS

    def _kind(self, env: str) -> Kind:
        return self.backend or DEFAULTS[env]

    def _made(self, kind: Kind, instance: Path) -> Backend:
        if kind == "smtp":
            return Smtp(self.host, self.port or PORTS[self.tls], self.user, self.password, self.tls, self.timeout)
        if kind == "file":
            return Folder(instance / self.folder)
        return Console() if kind == "console" else Memory()

    def _mistakes_in_addresses(self, production: bool) -> Iterable[str]:
        if not self.sender:
            if production:
                way_out = "Set APP_MAIL_SENDER, for instance to 'Shop <shop@shop.example>'."
                yield f"'sender' of feature 'mail' is missing. {way_out}"
        else:
            try:
                sender_of(self.sender)
            except ValueError:
                yield f"'sender' of feature 'mail' is {self.sender!r}; write it like 'Shop <shop@shop.example>'."
        if not self.public_url:
            if production:
                way_out = "Set APP_MAIL_PUBLIC_URL, for instance to https://shop.example."
                yield f"'public_url' of feature 'mail' is missing. {way_out}"
        elif not _is_base(self.public_url):
            yield f"'public_url' of feature 'mail' is {self.public_url!r}; write it like 'https://shop.example'."
        elif production and urlsplit(self.public_url).scheme != "https" and not _is_local(self.public_url):
            yield f"'public_url' of feature 'mail' is {self.public_url!r}; in production it begins with https://."

    def _mistakes_in_server(self, production: bool) -> Iterable[str]:
        if not self.host:
            way_out = "Set APP_MAIL_HOST to your SMTP server, for instance smtp.shop.example."
            yield f"'host' of feature 'mail' is missing. {way_out}"
        if self.port is not None and not 0 < self.port < 65536:
            yield f"'port' of feature 'mail' is {self.port}; it must be from 1 to 65535."
        if not 0 < self.timeout <= 60:
            yield f"'timeout' of feature 'mail' is {self.timeout}; it must be above 0 and at most 60 seconds."
        if bool(self.user) != bool(self.password):
            missing = "password" if self.user else "user"
            yield f"{missing!r} of feature 'mail' is missing. Give both, or neither for a server that asks for none."
        elif self.password and self.tls == "none" and production and self.host not in LOCAL:
            way_out = "Use 'starttls' or 'tls'."
            yield f"'tls' of feature 'mail' is 'none', which shows the password to all on the way. {way_out}"


def _is_base(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and not set(url) & set(" \\<>\"'")
    extra = parts.query or parts.fragment or "@" in parts.netloc or "?" in url or "#" in url
    return plain and parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0 and not extra


def _is_local(url: str) -> bool:
    return urlsplit(url).hostname in LOCAL
