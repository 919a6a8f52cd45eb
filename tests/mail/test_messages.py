"""What is sent: subject, text, HTML, addresses and links."""

from __future__ import annotations

import re
from email.message import EmailMessage

import pytest
from hypothesis import given, settings, strategies
from jinja2 import TemplateNotFound

from flaskkit import send_mail
from flaskkit.auth.models import EMAIL, EMAIL_LENGTH, normal_email
from flaskkit.mail.messages import policy_for, recipient_of


def sent(app, *args, **values):
    send_mail(*args, **values)
    return app.extensions["flaskkit.mail"].outbox[-1]


def test_a_mail_has_text_and_html_from_its_templates(app):
    message = sent(app, "ada@example.com", "welcome", name="Ada & Bob")
    text, html = (message.get_body((kind,)).get_content() for kind in ("plain", "html"))
    link = "http://localhost/people/Ada%20&%20Bob"
    assert message["Subject"] == "Welcome, Ada & Bob"
    assert text == f"Hello Ada & Bob!\n\nYour page: {link}\n-- \ntestapp\n"
    assert "<title>Welcome, Ada &amp; Bob</title>" in html
    assert "<b>Ada &amp; Bob</b>" in html
    assert link.replace("&", "&amp;") in html


def test_text_alone_is_enough_and_templates_may_inherit(app):
    message = sent(app, "ada@example.com", "plain", about="tea")
    assert message["Subject"] == "[testapp] tea"
    assert message.get_content_type() == "text/plain"
    assert message.get_content() == "About tea.\nYours, testapp\n"


def test_the_headers_are_those_of_an_automatic_mail(made):
    app = made(sender="Tea & Söhne <Shop@Shop.example>")
    with app.app_context():
        message = sent(app, "ada@example.com", "plain", about="tea")
    assert str(message["From"].addresses[0]) == "Tea & Söhne <Shop@Shop.example>"
    assert message["To"] == "ada@example.com"
    assert message["Date"].datetime.tzinfo is not None
    assert re.fullmatch(r"<[\w.]+@Shop\.example>", message["Message-ID"])
    assert message["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("to", "written"),
    [
        ("Ada.Lovelace+tea@example.com", "Ada.Lovelace+tea@example.com"),
        ("ada@münchen.example", "ada@xn--mnchen-3ya.example"),
        ("jürgen@example.com", "jürgen@example.com"),
        # In 2003 this was the same name as strasse.example; it may belong to somebody else by now.
        ("ada@straße.example", "ada@straße.example"),
    ],
)
def test_an_address_is_written_so_that_servers_take_it(app, to, written):
    message = sent(app, to, "plain", about="Grüße 🍵")
    assert message["Subject"] == "[testapp] Grüße 🍵"
    assert [address.addr_spec for address in message["To"].addresses] == [written]


@settings(deadline=None, max_examples=50)
@given(strategies.from_regex(EMAIL, fullmatch=True).filter(lambda text: len(text) <= EMAIL_LENGTH))
def test_whoever_may_have_an_account_gets_mail(address):
    recipient = recipient_of(normal_email(address))
    message = EmailMessage(policy_for(recipient.addr_spec))
    message["To"] = recipient
    # A long line is folded.
    assert "".join(message.as_bytes().decode().split()) == f"To:{recipient.addr_spec}"


def test_a_long_address_in_another_script_is_no_error(app):
    label = "漢字仮名交じり文漢字仮名交じり文漢"
    to = f"{'é' * 150}@{'.'.join([label] * 5)}.example"
    assert sent(app, to, "plain", about="tea")["To"].addresses[0].username == "é" * 150


@pytest.mark.parametrize(
    "to",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@example.com\nBcc: bob@example.com",
        "ada\r\n@example.com",
        "ada@a, bob@b",
        "Ada <ada@example.com>",
        "ada@example.com@evil.example",
        "ada@exa\x00mple.com",
        f"{'a' * 320}@example.com",
    ],
)
def test_what_is_no_address_is_refused(app, to):
    with pytest.raises(ValueError, match="address"):
        send_mail(to, "plain", about="tea")
    assert app.extensions["flaskkit.mail"].outbox == []


def test_a_subject_is_one_line_whatever_is_in_it(app):
    message = sent(app, "ada@example.com", "plain", about="tea\r\nBcc: bob@example.com\u2028\x00\x1b[31m \ud800")
    assert message["Subject"] == "[testapp] tea Bcc: bob@example.com [31m ?"
    assert message["Bcc"] is None


def test_links_begin_with_the_public_url_and_never_with_what_the_request_says(made):
    app = made(public_url="https://shop.example:8443/tea/")
    mailer = app.extensions["flaskkit.mail"]
    client = app.test_client()
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "ftp"}
    assert client.post("/people/Ada", headers=headers).text == "stored"
    message = mailer.outbox[0]
    assert "evil" not in message.as_string()
    assert "https://shop.example:8443/tea/people/Ada\n" in message.get_body(("plain",)).get_content()
    with app.test_request_context("/", headers=headers):
        assert mailer.url("shop.person", name="a b", q="x&y", _anchor="top", _external=True) == (
            "https://shop.example:8443/tea/people/a%20b?q=x%26y#top"
        )


def test_a_template_that_is_missing_or_has_no_subject_is_a_mistake(app):
    with pytest.raises(TemplateNotFound, match=r"mail/unheard\.txt"):
        send_mail("ada@example.com", "unheard")
    with pytest.raises(TemplateNotFound, match=r"mail/nowhere\.txt"):
        send_mail("ada@example.com", "broken", name="Ada")
    with pytest.raises(ValueError, match=r"'mail/silent.txt' needs a subject"):
        send_mail("ada@example.com", "silent")


def test_without_the_feature_the_name_says_so(start):
    with (
        start(features=["db"]).app_context(),
        pytest.raises(RuntimeError, match="feature 'mail', which is switched off"),
    ):
        send_mail("ada@example.com", "plain", about="tea")
