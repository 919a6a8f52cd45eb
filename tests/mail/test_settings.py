"""Wrong settings are told at start, all at once; and each backend does what its name says."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from flaskkit import Config, ConfigError, Mail, create_app, send_mail

RIGHT = {"sender": "Shop <shop@shop.example>", "public_url": "https://shop.example", "host": "smtp.shop.example"}
SECRET = "0123456789abcdef0123456789abcdef-x9"


def mistakes(env: str = "production", **settings) -> list[str]:
    config = Config("shop", env=env, secret_key=SECRET, features=["db", Mail(**settings)])
    try:
        create_app(config.replace(db={"url": "sqlite://"}))
    except ConfigError as error:
        return error.mistakes
    return []


def test_production_says_all_that_is_missing():
    assert mistakes() == [
        "'sender' of feature 'mail' is missing. Set APP_MAIL_SENDER, for instance to 'Shop <shop@shop.example>'.",
        "'public_url' of feature 'mail' is missing. Set APP_MAIL_PUBLIC_URL, for instance to https://shop.example.",
        "'host' of feature 'mail' is missing. Set APP_MAIL_HOST to your SMTP server, for instance smtp.shop.example.",
    ]
    assert mistakes(**RIGHT) == []


def test_elsewhere_nothing_is_needed():
    assert [mistakes(env) for env in ("development", "testing")] == [[], []]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"sender": "shop"}, "'sender' of feature 'mail' is 'shop'; write it like 'Shop <shop@shop.example>'."),
        ({"sender": "a@b.example, c@d.example"}, "'sender' of feature 'mail' is 'a@b.example, c@d.example'; write it"),
        ({"sender": "Shop\n<shop@shop.example>"}, "'sender' of feature 'mail' is 'Shop\\n<shop@shop.example>'; write"),
        ({"public_url": "shop.example"}, "'public_url' of feature 'mail' is 'shop.example'; write it like"),
        ({"public_url": "https://shop.example?a=1"}, "'public_url' of feature 'mail' is 'https://shop.example?a=1';"),
        ({"public_url": "https://a:b@shop.example"}, "'public_url' of feature 'mail' is 'https://a:b@shop.example';"),
        (
            {"public_url": "https://shop.example:99999"},
            "'public_url' of feature 'mail' is 'https://shop.example:99999'",
        ),
        ({"public_url": "https://"}, "'public_url' of feature 'mail' is 'https://'; write it like"),
        (
            {"public_url": "http://shop.example"},
            "'public_url' of feature 'mail' is 'http://shop.example'; in production",
        ),
        ({"port": 70000}, "'port' of feature 'mail' is 70000; it must be from 1 to 65535."),
        ({"timeout": 0.0}, "'timeout' of feature 'mail' is 0.0; it must be above 0 and at most 60 seconds."),
        ({"user": "shop"}, "'password' of feature 'mail' is missing. Give both, or neither"),
        ({"password": "let me in"}, "'user' of feature 'mail' is missing. Give both, or neither"),
        (
            {"user": "shop", "password": "let me in", "tls": "none"},
            "'tls' of feature 'mail' is 'none', which shows the password to all on the way.",
        ),
        ({"backend": "memory"}, "'backend' of feature 'mail' is 'memory', which delivers nothing."),
    ],
    ids=str,
)
def test_a_wrong_setting_is_told(setting, said):
    [told] = mistakes(**{**RIGHT, **setting})
    assert told.startswith(said)
    assert "let me in" not in told


@pytest.mark.parametrize("url", ["http://localhost:5000", "https://shop.example/below/", "https://[::1]:8000"])
def test_these_addresses_are_fine(url):
    assert mistakes(**{**RIGHT, "public_url": url}) == []


def test_the_password_is_shown_nowhere():
    feature = Mail(**RIGHT, user="shop", password="let me in")
    app = create_app(Config("shop", env="testing", features=["db", feature]))
    assert "let me in" not in app.test_cli_runner().invoke(args=["kit", "settings"]).output
    assert "let me in" not in repr(feature)


@pytest.mark.parametrize(("tls", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_without_a_port_it_is_the_usual_one(tls, port):
    app = create_app(Config("shop", env="testing", features=["db", Mail(**RIGHT, backend="smtp", tls=tls)]))
    assert str(app.extensions["flaskkit.mail"].backend) == f"smtp.shop.example:{port} (tls = {tls!r})"


def test_the_console_shows_text_and_no_escapes(made, capsys):
    app = made(backend="console")
    with app.app_context():
        send_mail("ada@example.com", "welcome", name="Ada \x1b[2J\x9b2J")
    shown = capsys.readouterr().err
    assert "  | To: ada@example.com\n" in shown
    assert "  | Hello Ada �[2J�2J!\n" in shown
    assert "<b>" not in shown
    assert len(app.extensions["flaskkit.mail"].outbox) == 1


def test_files_can_be_opened_with_a_mail_program(made, tmp_path):
    app = made(backend="file", folder=str(tmp_path / "sent"))
    with app.app_context():
        for name in ("Ada", "Bob"):
            send_mail("ada@example.com", "welcome", name=name)
    files = sorted((tmp_path / "sent").iterdir())
    subjects = [message_from_bytes(file.read_bytes(), policy=default)["Subject"] for file in files]
    assert subjects == ["Welcome, Ada", "Welcome, Bob"]
    assert {file.suffix for file in files} == {".eml"}
    assert [message["Subject"] for message in app.extensions["flaskkit.mail"].outbox] == subjects


def test_a_folder_that_cannot_be_written_costs_no_request(made, tmp_path, caplog):
    (tmp_path / "sent").write_text("a file")
    app = made(backend="file", folder=str(tmp_path / "sent"))
    assert app.test_client().post("/people/Ada").text == "stored"
    assert "could not be sent, next attempt in 1 min" in caplog.text
    (tmp_path / "sent").unlink()
    tried = app.test_cli_runner().invoke(args=["kit", "mail", "test", "ada@example.com"])
    assert tried.output == f"Sent from testapp <no-reply@localhost> to ada@example.com, by {Path(tmp_path, 'sent')}.\n"
