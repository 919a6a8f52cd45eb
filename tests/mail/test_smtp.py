"""Mail reaches a real SMTP server, sooner or later; whatever the server does, no request suffers from it."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.policy import default
from threading import Barrier, Thread
from typing import Any

import pytest
from flask import Flask

from flaskkit import db, send_mail
from flaskkit.mail import outbox
from flaskkit.mail.outbox import Outgoing
from tests.mail.conftest import MailPerson
from tests.mail.smtp_server import SmtpServer

WAIT = 20


@pytest.fixture
def server() -> Iterator[Callable[..., SmtpServer]]:
    """Return a function that starts a server."""
    servers: list[SmtpServer] = []

    def server(**options: Any) -> SmtpServer:
        servers.append(SmtpServer(**options))
        return servers[-1]

    yield server
    for one in servers:
        one.stop()


@pytest.fixture
def at(made) -> Callable[..., Flask]:
    """Return a function that makes a shop which delivers to a server."""

    def at(server: SmtpServer, **settings: Any) -> Flask:
        given = {"backend": "smtp", "host": "127.0.0.1", "port": server.port, "tls": "none", "timeout": 10, **settings}
        return made(**given)

    return at


@pytest.fixture
def later(monkeypatch) -> Callable[[int], None]:
    """Return a function that moves the outbox's clock on, by minutes."""
    moved = outbox.timedelta()
    real = outbox.now
    monkeypatch.setattr(outbox, "now", lambda: real() + moved)

    def later(minutes: int) -> None:
        nonlocal moved
        moved += outbox.timedelta(minutes=minutes)

    return later


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> Any:
    """Return a folder with cert.pem and key.pem for "localhost", which nobody trusts unless told to."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("certificate")
    key, certificate = folder / "key.pem", folder / "cert.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    subprocess.run([*make, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return folder


@pytest.fixture
def context(certificate) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    return made


def deliver(app: Flask) -> tuple[int, int, int]:
    """Deliver what is due and return how many were sent, refused and postponed."""
    with app.app_context():
        tally = app.extensions["flaskkit.mail"].queue.deliver()
    return tally.sent, tally.refused, tally.postponed


def waiting(app: Flask) -> int:
    with app.app_context():
        return app.extensions["flaskkit.mail"].queue.waiting()[0]


def joined(app: Flask) -> None:
    """Wait for what is sent in the background."""
    thread = app.extensions["flaskkit.mail"].queue._thread
    if thread is not None:
        thread.join(WAIT)
        assert not thread.is_alive()


def test_a_request_sends_in_the_background(at, server):
    smtp = server()
    app = at(smtp, sender="Shop <shop@shop.example>")
    assert app.test_client().post("/people/Ada").text == "stored"
    received = smtp.received.get(timeout=WAIT)
    message = message_from_bytes(received.content, policy=default)
    assert (received.sender, received.recipient, received.how) == ("shop@shop.example", "ada@example.com", [])
    assert (message["From"], message["To"]) == ("Shop <shop@shop.example>", "ada@example.com")
    assert message["Subject"] == "Welcome, Ada"
    assert message.get_body(("plain",)).get_content().startswith("Hello Ada!")
    assert all(len(line) <= 998 for line in received.content.split(b"\r\n"))
    assert received.content.isascii()
    joined(app)
    assert waiting(app) == 0


def test_a_command_or_job_sends_at_once(at, server):
    smtp = server()
    app = at(smtp)
    with app.app_context():
        send_mail("ada@example.com", "welcome", name="Ada")
        assert smtp.received.qsize() == 1


def test_names_and_addresses_of_all_scripts(at, server):
    smtp = server()
    app = at(smtp, sender="Käthe <shop@münchen.example>")
    with app.app_context():
        send_mail("jürgen@example.com", "welcome", name="Jürgen 🍵")
        send_mail("ada@example.com", "welcome", name="Jürgen 🍵" * 40)
    first, second = smtp.received.get(), smtp.received.get()
    assert (first.sender, first.recipient) == ("shop@xn--mnchen-3ya.example", "jürgen@example.com")
    assert "SMTPUTF8" in first.how
    assert (second.recipient, second.how) == ("ada@example.com", [])
    assert second.content.isascii()
    read = [message_from_bytes(one.content, policy=default)["Subject"] for one in (first, second)]
    assert read == ["Welcome, Jürgen 🍵", "Welcome, " + "Jürgen 🍵" * 40]


def test_a_server_that_knows_ascii_only_gets_no_other_address(at, server, caplog):
    smtp = server()
    smtp.international = False
    app = at(smtp)
    with app.app_context():
        send_mail("jürgen@example.com", "welcome", name="Jürgen")
    assert smtp.received.qsize() == 0
    assert "given up" in caplog.text
    assert waiting(app) == 0


def test_it_logs_in_over_starttls(at, server, context, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    smtp = server(password="let me in", context=context)
    app = at(smtp, host="localhost", tls="starttls", user="shop", password="let me in")
    with app.app_context():
        send_mail("ada@example.com", "welcome", name="Ada")
    assert smtp.received.get(timeout=WAIT).how == ["tls", "shop"]


def test_it_speaks_tls_from_the_beginning(at, server, context, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    smtp = server(context=context, wrapped=True)
    app = at(smtp, host="localhost", tls="tls")
    with app.app_context():
        send_mail("ada@example.com", "welcome", name="Ada")
    assert smtp.received.get(timeout=WAIT).how == ["tls"]


@pytest.mark.parametrize("wrapped", [False, True], ids=["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_gets_no_mail(at, server, context, caplog, wrapped):
    smtp = server(password="let me in", context=context, wrapped=wrapped)
    app = at(smtp, host="localhost", tls="tls" if wrapped else "starttls", user="shop", password="let me in")
    with app.app_context():
        send_mail("ada@example.com", "welcome", name="Ada")
    assert smtp.received.qsize() == 0
    assert "certificate verify failed" in caplog.text
    assert "let me in" not in caplog.text
    assert waiting(app) == 1


def test_without_starttls_nothing_is_sent_in_the_clear(at, server, caplog):
    smtp = server()
    app = at(smtp, tls="starttls")
    with app.app_context():
        send_mail("ada@example.com", "welcome", name="Ada")
    assert smtp.received.qsize() == 0
    assert "STARTTLS extension not supported" in caplog.text
    assert waiting(app) == 1


def test_a_server_that_is_away_costs_nobody_anything_and_gets_it_later(at, server, caplog, later):
    smtp = server()
    app = at(smtp)
    smtp.replies[""] = "421 too busy"
    assert app.test_client().post("/people/Ada").text == "stored"
    joined(app)
    assert "Mail to 'ada@example.com' could not be sent, next attempt in 1 min" in caplog.text
    assert "Welcome" not in caplog.text
    with app.app_context():
        assert db.session.query(MailPerson).one().name == "Ada"
    assert deliver(app) == (0, 0, 0)
    smtp.replies.clear()
    assert deliver(app) == (0, 0, 0)
    later(2)
    assert deliver(app) == (1, 0, 0)
    assert smtp.received.qsize() == 1
    assert waiting(app) == 0


def test_a_server_that_hangs_does_not_hang_the_request(at, server):
    smtp = server()
    smtp.silent = "MAIL"
    app = at(smtp, timeout=0.5)
    assert app.test_client().post("/people/Ada").text == "stored"
    # It is answered while the server keeps silent.
    assert waiting(app) == 1
    joined(app)
    assert smtp.received.qsize() == 0
    assert waiting(app) == 1


@pytest.mark.parametrize(
    ("verb", "reply", "outcome"),
    [
        ("RCPT", "550 5.1.1 nobody here", (0, 1, 0)),
        ("RCPT", "450 4.2.1 come back later", (0, 0, 1)),
        ("RCPT", "530 log in first", (0, 0, 1)),
        (".", "554 5.7.1 spam", (0, 1, 0)),
        (".", "452 4.2.2 disk full", (0, 0, 1)),
        ("MAIL", "553 not your address", (0, 0, 1)),
        # What it has taken is taken, however it says goodbye.
        ("QUIT", "500 never", (1, 0, 0)),
    ],
)
def test_what_is_refused_for_good_is_given_up_and_the_rest_tried_again(at, server, verb, reply, outcome):
    smtp = server()
    smtp.replies[verb] = reply
    app = at(smtp)
    with app.app_context(), db.engine.begin() as connection:
        envelope = app.extensions["flaskkit.mail"].envelope("ada@example.com", "welcome", name="Ada")
        connection.execute(
            db.insert(Outgoing).values(sender=envelope.sender, recipient=envelope.recipient, content=envelope.content)
        )
    assert deliver(app) == outcome
    assert waiting(app) == outcome[2]
    assert smtp.received.qsize() == outcome[0]


def test_one_refused_recipient_keeps_nobody_from_getting_theirs(at, server, later):
    smtp = server()
    smtp.replies["RCPT"] = "450 come back later"
    app = at(smtp)
    with app.app_context():
        for name in ("Ada", "Bob"):
            send_mail(f"{name}@example.com", "welcome", name=name)
    assert waiting(app) == 2
    smtp.replies.clear()
    later(2)
    assert deliver(app) == (2, 0, 0)


def test_after_three_days_it_is_given_up(at, server, later, caplog):
    smtp = server()
    smtp.replies[""] = "421 too busy"
    app = at(smtp)
    with app.app_context():
        send_mail("ada@example.com", "welcome", name="Ada")
    attempts = 1
    while waiting(app):
        later(60)
        attempts += sum(deliver(app))
        assert attempts < 40
    assert smtp.connections == attempts
    assert 15 < attempts < 30
    assert caplog.text.count("is given up") == 1


def test_two_processes_send_one_mail_once(at, server, made):
    smtp = server()
    app, other = at(smtp), at(smtp)
    count = 12
    with app.app_context():
        for number in range(count):
            db.session.add(MailPerson(name=str(number)))
            envelope = app.extensions["flaskkit.mail"].envelope(f"a{number}@example.com", "welcome", name="Ada")
            db.session.add(Outgoing(sender=envelope.sender, recipient=envelope.recipient, content=envelope.content))
        db.session.commit()
    together = Barrier(2)
    tallies = []

    def run(one: Flask) -> None:
        together.wait()
        tallies.append(deliver(one))

    threads = [Thread(target=run, args=(one,)) for one in (app, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sent for sent, _, _ in tallies) == count
    assert sorted(smtp.received.get().recipient for _ in range(count)) == sorted(
        f"a{number}@example.com" for number in range(count)
    )
    assert smtp.received.qsize() == 0
    assert waiting(app) == 0


def test_what_a_dead_process_was_about_to_send_is_sent_by_the_next(at, server, later):
    smtp = server()
    app = at(smtp)
    with app.app_context():
        db.session.add(Outgoing(sender="a@b", recipient="c@d", content=b"Subject: x\r\n\r\n"))
        db.session.commit()
        assert outbox._claimed() is not None  # And that was the last that was heard of it.
    assert deliver(app) == (0, 0, 0)
    later(16)
    assert deliver(app) == (1, 0, 0)


def test_the_command_delivers_what_is_due(at, server, later):
    smtp = server()
    app = at(smtp)
    smtp.replies[""] = "421 too busy"
    with app.app_context():
        send_mail("ada@example.com", "welcome", name="Ada")
    smtp.replies.clear()
    run = app.test_cli_runner().invoke
    early = run(args=["kit", "mail", "send"])
    assert early.output.startswith("0 sent, 0 given up, 1 waiting. The next attempt is due at 20")
    later(2)
    assert run(args=["kit", "mail", "send"]).output == "1 sent, 0 given up, 0 waiting.\n"


def test_the_command_tries_the_settings(at, server):
    smtp = server()
    app = at(smtp, sender="Shop <shop@shop.example>", public_url="https://shop.example")
    tried = app.test_cli_runner().invoke(args=["kit", "mail", "test", "ada@example.com"])
    assert tried.output == (
        f"Sent from Shop <shop@shop.example> to ada@example.com, by 127.0.0.1:{smtp.port} (tls = 'none').\n"
    )
    assert b"Links in mail begin with https://shop.example" in smtp.received.get().content


@pytest.mark.parametrize(
    ("replies", "settings", "said"),
    [
        ({}, {"tls": "starttls"}, "offers no STARTTLS. Try tls = 'tls', or 'none'"),
        ({}, {"tls": "tls"}, "does not speak TLS as expected. The usual ports are 587 for tls = 'starttls'"),
        ({}, {"host": "mail.invalid"}, "is no host that can be found. Look at 'host'."),
        ({}, {"port": 1}, "127.0.0.1:1 cannot be reached: nothing listens there."),
        ({}, {"user": "shop", "password": "let me in"}, "lacks something that is needed. Look at 'user'"),
        ({"RCPT": "554 no relay"}, {}, "takes no mail for this recipient, or wants 'user' and 'password' first."),
        ({"MAIL": "530 who?"}, {}, "takes no mail from this 'sender', or wants 'user' and 'password' first."),
        ({"": "554 \x1b[2J\x1b"}, {}, "refuses.\nSMTPConnectError: (554, b'\\x1b[2J\\x1b')"),
    ],
)
def test_the_command_says_which_setting_is_wrong(at, server, replies, settings, said):
    smtp = server()
    smtp.replies = replies
    tried = at(smtp, **settings).test_cli_runner().invoke(args=["kit", "mail", "test", "ada@example.com"])
    assert tried.exit_code == 1
    assert said in tried.output
    assert "let me in" not in tried.output


def test_the_command_says_that_the_password_is_wrong(at, server, context, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    smtp = server(password="let me in", context=context)
    app = at(smtp, host="localhost", tls="starttls", user="shop", password="let me out")
    tried = app.test_cli_runner().invoke(args=["kit", "mail", "test", "ada@example.com"])
    assert "does not take this 'user' and 'password'." in tried.output
    assert "let me out" not in tried.output
    monkeypatch.delenv("SSL_CERT_FILE")
    tried = app.test_cli_runner().invoke(args=["kit", "mail", "test", "ada@example.com"])
    assert "has a certificate that is not valid for this 'host'." in tried.output
