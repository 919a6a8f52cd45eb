"""Which language and time zone a visitor has, and what they see of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flaskkit import Config, ConfigError, create_app, db
from flaskkit.auth import accounts
from flaskkit.texts import say, spoken
from tests.i18n.conftest import Boat, Sailor, boats, in_language

PASSWORD = "correct horse"


def test_the_browser_decides_until_the_visitor_does(harbour):
    client = harbour().test_client()
    german = client.get("/auth/login", headers=in_language("fr, de-AT;q=0.9, en;q=0.5"))
    assert '<html lang="de">' in german.text
    assert "Auf diesem Gerät angemeldet bleiben" in german.text
    assert german.headers["Content-Language"] == "de"
    assert {"Accept-Language", "Cookie"} <= set(german.vary.as_set(preserve_casing=True))
    assert '<html lang="en">' in client.get("/auth/login", headers=in_language("fr")).text

    chosen = client.post("/language", data={"language": "es", "next": "/auth/login"}, headers=in_language("de"))
    assert (chosen.status_code, chosen.headers["Location"]) == (303, "/auth/login")
    spanish = client.get("/auth/login", headers=in_language("de"))
    assert "Mantener la sesión iniciada en este dispositivo" in spanish.text
    assert "Accept-Language" not in spanish.vary
    assert 'value="es" lang="es" aria-current="true">Español</button>' in spanish.text


def test_a_user_decides_first_and_keeps_the_choice(harbour):
    app = harbour()
    with app.app_context():
        accounts.create("ada@example.com", PASSWORD).language = "de"
        db.session.commit()
    client = app.test_client()
    client.post("/language", data={"language": "es"})
    client.post("/auth/login", data={"email": "ada@example.com", "password": PASSWORD})
    account = client.get("/auth/account", headers=in_language("en"))
    assert "Dein Konto" in account.text
    assert account.headers["Content-Language"] == "de"

    client.post("/language", data={"language": "en", "timezone": "America/Lima"})
    assert "Your account" in client.get("/auth/account", headers=in_language("de")).text
    with app.app_context():
        ada = db.session.query(Sailor).one()
        assert (ada.language, ada.timezone) == ("en", "America/Lima")


@pytest.mark.parametrize(
    ("sent", "headers", "status"),
    [
        ({"language": "xx"}, {}, 422),
        ({"timezone": "Mars/Phobos"}, {}, 422),
        ({}, {}, 422),
        ({"language": "de"}, {"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_a_wrong_choice_is_refused(harbour, sent, headers, status):
    refused = harbour().test_client().post("/language", data=sent, headers=headers)
    assert refused.status_code == status
    assert "Set-Cookie" not in refused.headers


@pytest.mark.parametrize("elsewhere", ["//evil.example", "/\\evil.example", "https://evil.example", "", "/\nx"])
def test_a_choice_leads_nowhere_but_to_this_site(harbour, elsewhere):
    client = harbour().test_client()
    assert client.post("/language", data={"language": "de", "next": elsewhere}).headers["Location"] == "/"


def test_forms_say_what_is_wrong_in_the_language(harbour):
    client, german = harbour().test_client(), in_language("de")
    wrong = client.post("/boats/new", data={"name": "", "berth": "123456", "price": "x", "length": "?"}, headers=german)
    assert wrong.status_code == 422
    for text in ("Dieses Feld wird benötigt.", "Darf höchstens 99999 sein.", "Keine gültige Dezimalzahl."):
        assert text in wrong.text
    checked = client.post("/boats/new", data={"berth": "123456"}, headers={**german, "X-Flaskkit-Check": "berth"})
    assert checked.json == {"errors": ["Darf höchstens 99999 sein."]}
    saved = client.post("/boats/new", data={"name": "Möwe", "berth": "7", "colour": "dark_red"}, headers=german)
    assert "„Möwe“ wurde hinzugefügt." in client.get(saved.headers["Location"], headers=german).text


def test_errors_and_mails_are_in_the_language(harbour):
    app = harbour()
    client = app.test_client()
    missing = client.get("/nowhere", headers=in_language("es"))
    assert (missing.status_code, missing.headers["Content-Language"]) == (404, "es")
    assert "No encontrado" in missing.text
    with app.app_context():
        accounts.create("ada@example.com", PASSWORD)
    client.post("/auth/forgot-password", data={"email": "ada@example.com"}, headers=in_language("de"))
    mail = app.extensions["flaskkit.mail"].outbox[-1]
    assert mail["Subject"] == "Ein neues Passwort für Testapp"
    assert "Der Link gilt 30 Minuten." in mail.get_content()


def test_programs_are_spoken_to_in_english(harbour):
    client, german = harbour().test_client(), in_language("de")
    refused = client.post("/api/boats/", json={"berth": "x"}, headers=german)
    assert (refused.status_code, refused.json["title"]) == (422, "Unprocessable Entity")
    assert "Content-Language" not in refused.headers
    assert "Accept-Language" not in refused.vary
    login = client.post("/api/auth/login", json={"email": "ada@example.com", "password": ""}, headers=german)
    assert login.json["errors"] == [{"detail": "This field is required.", "pointer": "#/password"}]
    wrong = client.post("/api/auth/login", json={"email": "ada@example.com", "password": PASSWORD}, headers=german)
    assert "The e-mail address or the password is wrong." in str(wrong.json)
    assert "Fehler" not in client.get("/api/openapi.json", headers=german).text


def test_an_error_asks_no_database_for_the_language(harbour, monkeypatch):
    app = harbour(flask={"PROPAGATE_EXCEPTIONS": False, "TESTING": False})

    def broken():
        raise RuntimeError

    app.add_url_rule("/broken", view_func=broken)
    kit = app.extensions["flaskkit"]
    kit.caller = broken
    answer = app.test_client().get("/broken", headers=in_language("de"))
    assert answer.status_code == 500
    assert "Interner Serverfehler" in answer.text


def test_values_are_written_as_the_language_does(harbour):
    app = harbour()
    with app.app_context():
        seen = datetime(2026, 1, 31, 23, 30, 5, 7, UTC)
        db.session.add(
            Boat(name="Emma", berth=12345, price=1234567.5, length=1987.25, built_on=seen.date(), seen_at=seen)
        )
        db.session.commit()
    client = app.test_client()
    client.set_cookie("timezone", "Europe/Berlin")
    shown = client.get("/boats/1", headers=in_language("de")).text
    for text in ("12.345", "1.234.567,50", "1987,25", "31.01.2026", "01.02.2026, 00:30 MEZ", "nein"):
        assert text in shown
    client.set_cookie("timezone", "America/Lima")
    shown = client.get("/boats/?sort=name", headers=in_language("en")).text
    for text in ("12,345", "1,234,567.50", "Jan 31, 2026", "6:30", "Times are in America/Lima."):
        assert text in shown
    assert "UTC" not in shown
    assert 'datetime="2026-01-31T23:30:05.000007+00:00"' in shown
    assert "1234567.50" in client.get("/boats/export.csv", headers=in_language("de")).text


def test_moments_are_typed_in_the_time_zone_in_which_they_were_shown(harbour):
    app = harbour()
    client = app.test_client()
    client.set_cookie("timezone", "Europe/Berlin")

    def stored() -> list[datetime | None]:
        with app.app_context():
            return [boat.seen_at for boat in db.session.query(Boat).order_by(Boat.id)]

    client.post("/boats/new", data={"name": "A", "berth": "7", "seen_at": "2026-07-01T22:30"})
    client.post(
        "/boats/new", data={"name": "B", "berth": "7", "seen_at": "2026-07-01T22:30", "seen_at-zone": "America/Lima"}
    )
    # The first of two such times, and the zone of the visitor where the form names none that exists.
    client.post(
        "/boats/new", data={"name": "C", "berth": "7", "seen_at": "2026-10-25T02:30", "seen_at-zone": "Mars/Phobos"}
    )
    expected = [
        datetime(2026, 7, 1, 20, 30, tzinfo=UTC),
        datetime(2026, 7, 2, 3, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    ]
    assert stored() == expected
    skipped = client.post("/boats/new", data={"name": "D", "berth": "7", "seen_at": "2026-03-29T02:30"})
    assert skipped.status_code == 422
    assert "The clocks were put forward then" in skipped.text
    for odd in ("0001-01-01T00:00", "9999-12-31T23:59"):
        assert client.post("/boats/new", data={"name": "E", "berth": "7", "seen_at": odd}).status_code in (303, 422)

    form = client.get("/boats/1/edit").text
    assert 'value="2026-07-01T22:30"' in form
    assert 'name="seen_at-zone" value="Europe/Berlin"' in form
    assert "In Europe/Berlin." in form
    # Shown in one zone, sent in another: nobody changed it, so it stays.
    opened = form.partition('name="_opened" value="')[2].partition('"')[0]
    client.set_cookie("timezone", "Asia/Tokyo")
    sent = {
        "name": "A2",
        "berth": "7",
        "seen_at": "2026-07-01T22:30",
        "seen_at-zone": "Europe/Berlin",
        "_opened": opened,
    }
    assert client.post("/boats/1/edit", data=sent).status_code == 303
    assert stored()[0] == expected[0]
    found = client.get("/boats/?seen_at__ge=2026-07-02T12:30&columns=name").text
    assert "C</a>" in found
    assert "A2</a>" not in found


def test_texts_of_the_app_are_found_beside_flaskkits(harbour, tmp_path, monkeypatch):
    from babel.messages import Catalog
    from babel.messages.mofile import write_mo

    own = Catalog(locale="de")
    for english, german in {
        "Built on": "Baujahr",
        "Dark red": "Dunkelrot",
        "Save": "Sichern",
        "Hello": "Hallo",
    }.items():
        own.add(english, german)
    folder = tmp_path / "words" / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "messages.mo").open("wb") as file:
        write_mo(file, own)
    app = harbour(flask={"BABEL_TRANSLATION_DIRECTORIES": str(tmp_path / "words")})
    form = app.test_client().get("/boats/new", headers=in_language("de")).text
    for text in ("Baujahr", "Dunkelrot", "Sichern", "Abbrechen"):
        assert text in form
    with app.test_request_context(headers=in_language("de")):
        template = (
            "{{ _('Hello') }}, {% trans n=2 %}one{% pluralize %}{{ n }}{% endtrans %}, {{ 1234.5 | decimalformat }}"
        )
        assert app.jinja_env.from_string(template).render() == "Hallo, 2, 1.234,5"
        text = say("Must be at most %(most)s.", most=16)
        assert (text, spoken(text)) == ("Must be at most 16.", "Darf höchstens 16 sein.")


def test_what_a_module_adds_to_pages_and_admin_is_looked_up_in_the_apps_catalogue(start, tmp_path):
    from babel.messages import Catalog
    from babel.messages.mofile import write_mo
    from flask import Blueprint

    from flaskkit import Action, Module, public, requires

    own = Catalog(locale="de")
    for english, german in {
        "Moored": "Im Hafen",
        "Paint": "Streichen",
        "It lasts.": "Das hält.",
        "News": "Neues",
    }.items():
        own.add(english, german)
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "messages.mo").open("wb") as file:
        write_mo(file, own)
    quay = Blueprint("quay", __name__)
    quay.add_url_rule("/moored", "moored", requires(public)(lambda: "3 boats"))
    module = Module(
        "harbour",
        resources=[boats],
        blueprints=[quay],
        contributions={
            "pages": {
                "navigation": [("Moored", "quay.moored")],
                "actions": {"boats": [Action("paint", "Paint", lambda found: None, words="It lasts.")]},
            },
            "admin": {"cards": [("News", lambda: "none")], "views": [("Moored", "quay.moored")]},
        },
    )
    features = ["db", "forms", "auth", "pages", "admin", "i18n"]
    flask = {"BABEL_TRANSLATION_DIRECTORIES": str(tmp_path), "WTF_CSRF_ENABLED": False}
    app = start(features=features, modules=[module], flask=flask)
    client = app.test_client()
    client.post("/boats/new", data={"name": "Möwe", "berth": "7"})
    german = in_language("de")
    assert ">Im Hafen</a>" in client.get("/boats/", headers=german).text
    assert ">Streichen …</button>" in client.get("/boats/", headers=german).text
    asked = client.get("/boats/do?action=paint&key=1", headers=german).text
    assert "<p>Das hält.</p>" in asked
    assert ">Streichen</button>" in asked
    done = client.post("/boats/do?action=paint&key=1", headers=german, follow_redirects=True)
    assert "Streichen: 1 Zeile." in done.text
    app.test_cli_runner().invoke(
        args=["kit", "users", "create", "ada@example.com", "--password", "correct horse", "--role", "admin"]
    )
    client.post("/auth/login", data={"email": "ada@example.com", "password": "correct horse"})
    dashboard = client.get("/admin/", headers=german).text
    assert "<h2>Neues</h2>" in dashboard
    assert dashboard.count(">Im Hafen</a>") == 1


def test_other_languages_can_be_written_from_right_to_left(harbour):
    client = harbour(languages=("en", "ar", "pt-BR")).test_client()
    page = client.get("/boats/", headers=in_language("ar")).text
    assert '<html lang="ar" dir="rtl">' in page
    assert '<html lang="pt-BR">' in client.get("/boats/", headers=in_language("pt-BR")).text
    assert '<html lang="en">' in client.get("/boats/", headers=in_language("de")).text


def test_without_the_feature_everything_is_english(start):
    app = start(features=["db", "forms", "pages", "auth"])
    client = app.test_client()
    page = client.get("/auth/login", headers=in_language("de"))
    assert "Stay logged in on this device" in page.text
    assert "Content-Language" not in page.headers
    assert client.post("/language", data={"language": "de"}).status_code == 404
    with app.test_request_context():
        assert app.jinja_env.from_string("{{ _('Hello') }}{% trans %} you{% endtrans %}").render() == "Hello you"


def test_wrong_settings_are_told_at_start():
    settings = {"languages": ["en", "klingon"], "default_language": "de", "default_timezone": "Berlin"}
    with pytest.raises(ConfigError) as told:
        create_app(Config("app", env="testing", features=["i18n"]).replace(i18n=settings))
    assert told.value.mistakes == [
        "'languages' of feature 'i18n' has 'klingon'; write a language like 'de' or 'pt-BR'.",
        "'default_language' of feature 'i18n' is 'de', which is not in 'languages'.",
        "'default_timezone' of feature 'i18n' is 'Berlin', which is no time zone. Write one like 'Europe/Berlin'.",
    ]
