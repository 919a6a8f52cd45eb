"""Mailer: what an app sends mail with, in ``app.extensions["flaskkit.mail"]``."""

from __future__ import annotations

import os
import weakref
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any
from urllib.parse import quote, urlsplit

from flask import Flask, current_app, has_request_context, request

from flaskkit.mail.backends import Backend, Envelope
from flaskkit.mail.messages import composed
from flaskkit.mail.outbox import Outbox
from flaskkit.texts import speech


class Mailer:
    """Sends the mail of one app from *sender*. *public_url* is where the app is found, "" while developing."""

    def __init__(self, app: Flask, backend: Backend, sender: Address, public_url: str) -> None:
        # The app holds this: a reference back would keep an app that is dropped until the garbage is collected.
        self.app: Flask = weakref.proxy(app)  # type: ignore[assignment]  # used as the app itself
        self.backend = backend
        self.sender = sender
        self.public_url = public_url
        self.queue = Outbox(app, backend)

    def send(self, to: Any, template: str, /, *, reader: Any = None, **values: Any) -> None:
        """Send what the templates ``mail/<template>.txt`` and ``.html`` make of *values* to *to*.

        *to* is an address, or a user, who has one: then it is in the language and time zone of that user, where
        feature `i18n` is on. *reader* is the user who reads it, where it goes to another address of theirs.

        It is sent after the commit of what the session of ``db`` has written, and not if that is rolled back; at
        once where nothing was written. Whatever goes wrong while it is sent is logged and tried again, and raises
        nothing here. In templates ``url_for`` gives absolute links, as ``url`` does, and ``site`` is the app's name.

        Raises:
            ValueError: *to* is no address, or the template has no subject.
            jinja2.TemplateNotFound: there is no such template.
        """
        self.queue.put(self.envelope(to, template, reader=reader, **values))

    def url(self, endpoint: str, /, **values: Any) -> str:
        """Return the absolute address of *endpoint*, below the public URL: nothing of the request goes into it.

        Raises:
            werkzeug.routing.BuildError: there is no such endpoint, or a value for it is missing.
        """
        base = urlsplit(self.base_url())
        anchor = values.pop("_anchor", None)
        values.pop("_external", None)
        self.app.inject_url_defaults(endpoint, values)
        adapter = self.app.url_map.bind(base.netloc, base.path, url_scheme=base.scheme)
        address = adapter.build(endpoint, values, force_external=True)
        return f"{address}#{quote(anchor, safe='%!#$&()*+,/:;=?@~')}" if anchor else address

    def base_url(self) -> str:
        """Return what links begin with: the public URL; while developing without one, the development server's."""
        return self.public_url or _local_url()

    @property
    def outbox(self) -> list[EmailMessage]:
        """What was sent, oldest first: by "memory" since the app was made; always empty with "smtp"."""
        return self.backend.sent

    def envelope(self, to: Any, template: str, /, *, reader: Any = None, **values: Any) -> Envelope:
        """Return what ``send`` would send. Raises as it does."""
        site = getattr(self.app.extensions.get("flaskkit.site"), "title", self.app.name)
        address, reader = (to, reader) if isinstance(to, str) else (to.email, reader or to)
        with speech().to(reader):
            message = composed(self.app, self.sender, address, template, {"url_for": self.url, "site": site, **values})
        recipient = message["To"].addresses[0].addr_spec
        return Envelope(self.sender.addr_spec, recipient, message.as_bytes())


def send_mail(to: Any, template: str, /, *, reader: Any = None, **values: Any) -> None:
    """Send mail from the current app: see ``Mailer.send``.

    Raises:
        RuntimeError: feature `mail` is off.
    """
    mailer = current_app.extensions.get("flaskkit.mail")
    if mailer is None:
        raise RuntimeError("send_mail() needs feature 'mail', which is switched off.")
    mailer.send(to, template, reader=reader, **values)


def _local_url() -> str:
    """Return where the development server is. Its port is the server's own word, not the request's."""
    port = request.environ["SERVER_PORT"] if has_request_context() else os.environ.get("FLASK_RUN_PORT", "5000")
    return f"http://127.0.0.1:{port}"
