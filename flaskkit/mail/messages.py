"""From templates to a message: its subject, text and HTML, and addresses that can be nothing but addresses.

mail/<template>.txt     the text, with a block "subject"
mail/<template>.html    the same as HTML, if there is one
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8, EmailPolicy
from email.utils import make_msgid, parseaddr
from typing import Any

from flask import Flask
from jinja2 import Template, TemplateNotFound

# RFC 5321, section 4.5.3.1: 64 before the @, 255 after it. Whether a server counts letters or bytes, it says itself.
LONGEST_ADDRESS = 320
# Quoted names before the @ are legal, and nobody has one: it is a list of addresses, or an address with a name.
_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\"\\]+@[^\s@<>()\[\],;:\"\\]+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def sender_of(text: str) -> Address:
    """Return the address in *text*, which is an address or ``Name <address>``.

    Raises:
        ValueError: there is none, or something that is no part of one.
    """
    name, address = parseaddr(text)
    bare = text.strip() if "<" not in text else text.partition("<")[2].partition(">")[0]
    if address != bare or _CONTROLS.search(text):
        raise ValueError(f"{text!r} is no address.")
    found = recipient_of(address)
    return Address(name, found.username, found.domain)


def recipient_of(text: str) -> Address:
    """Return *text*, an address without a name, as one.

    A domain in another script becomes its ASCII form, so that every server takes it.

    Raises:
        ValueError: it is no address, or longer than one can be.
    """
    if not _ADDRESS.fullmatch(text) or _CONTROLS.search(text):
        raise ValueError(f"{text!r} is no address.")
    if len(text) > LONGEST_ADDRESS:
        raise ValueError(f"An address has at most {LONGEST_ADDRESS} characters.")
    user, _, domain = _sendable(text).partition("@")
    return Address(username=user, domain=_in_ascii(domain))


def composed(app: Flask, sender: Address, to: str, template: str, values: Mapping[str, Any]) -> EmailMessage:
    """Return a message from *sender* to *to*, made from *template* with *values*.

    Raises:
        ValueError: *to* is no address, or the template has no subject.
        jinja2.TemplateNotFound: there is no such template.
    """
    recipient = recipient_of(to)
    subject, text = _subject_and_text(app.jinja_env.get_template(f"mail/{template}.txt"), values)
    message = EmailMessage(policy_for(sender.addr_spec, recipient.addr_spec))
    message["Subject"] = subject
    message["From"] = sender
    message["To"] = recipient
    message["Date"] = datetime.now(UTC)
    message["Message-ID"] = make_msgid(domain=_in_ascii(sender.domain))
    # Keeps holiday replies away: RFC 3834, section 5.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    html = _html(app, f"mail/{template}.html", {**values, "subject": subject})
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


def policy_for(*addresses: str) -> EmailPolicy[EmailMessage]:
    """Return how a message between *addresses* is written: in ASCII unless one of them cannot be (RFC 6531)."""
    # Encoded to seven bits, so that no server is asked for more than every server can.
    return (SMTP if all(map(str.isascii, addresses)) else SMTPUTF8).clone(cte_type="7bit")


def _subject_and_text(template: Template, values: Mapping[str, Any]) -> tuple[str, str]:
    """Return the block "subject" of *template* in one line, and the rest of it."""
    context = template.new_context(dict(values))
    # The block is shown as nothing where it stands; afterwards it and those it inherits from are in the list.
    context.blocks["subject"] = [lambda _context: iter(()), *context.blocks.get("subject", ())]
    try:
        text = "".join(template.root_render_func(context))
        context.blocks["subject"].pop(0)
        shown = "".join(context.blocks["subject"][0](context)) if context.blocks["subject"] else ""
    except Exception:
        template.environment.handle_exception()
    subject = " ".join(_CONTROLS.sub(" ", _sendable(shown)).split())
    if not subject:
        raise ValueError(f"Template {template.name!r} needs a subject: {{% block subject %}}…{{% endblock %}}")
    return subject, _sendable(text).strip() + "\n"


def _html(app: Flask, name: str, values: Mapping[str, Any]) -> str | None:
    try:
        template = app.jinja_env.get_template(name)
    except TemplateNotFound as error:
        if error.name != name:
            raise
        return None
    return _sendable(template.render(values))


def _sendable(text: str) -> str:
    # Lone surrogates, as JSON may bring, are no text.
    return text.encode("utf-8", "replace").decode()


def _in_ascii(domain: str) -> str:
    with suppress(UnicodeError):
        encoded = domain.encode("idna")
        # Python has the rules of 2003, by which some letters are others: that would be somebody else's domain.
        if encoded.decode("idna") == domain:
            return encoded.decode("ascii")
    return domain
