"""Who may do what, in the API and on the pages."""

import pytest
from flaskkit import db
from sqlalchemy import select

from fieldnotes.models import Airport, Note, Visitor

NOTE = {"airport": "LOWI", "visited_on": "2026-02-14", "rating": 5, "text": "Mountains."}
AIRPORT = {
    "icao": "LOWZ",
    "name": "Zell am See Airport",
    "country": "AT",
    "elevation": 2470,
    "latitude": 47.2925,
    "longitude": 12.7878,
    "timezone": "Europe/Vienna",
}


@pytest.fixture
def note(api):
    """The key of a note that Anna wrote."""
    return api("POST", "notes/", as_="anna", **NOTE).json["id"]


@pytest.mark.parametrize("path", ["airports/", "airports/LOWI", "countries/AT", "notes/", "visitors/"])
def test_anyone_reads(client, path):
    assert client.get(f"/api/{path}").status_code == 200
    assert client.get(f"/{path}").status_code == 200


def test_a_note_belongs_to_who_wrote_it(app, api, note):
    with app.app_context():
        assert db.session.get(Note, note).author.name == "Anna"
    assert api("GET", f"notes/{note}").json["airport"] == "LOWI"


def test_a_note_shows_who_wrote_it_and_on_demand_where(api, note):
    author = api("GET", f"notes/{note}").json["author"]
    assert author["name"] == "Anna"
    assert "anna@example.com" not in api("GET", "notes/").text
    [expanded] = api("GET", "notes/?expand=airport").json
    assert expanded["airport"] == {
        "icao": "LOWI",
        "name": "Innsbruck Airport",
        "city": "Innsbruck",
        "country_code": "AT",
    }
    assert api("GET", "airports/LOWI?expand=country").json["country"] == {"code": "AT", "name": "Austria"}


def test_nobody_writes_in_the_name_of_another(app, api):
    with app.app_context():
        ben = db.session.scalar(select(Visitor.id).where(Visitor.name == "Ben"))
    assert api("POST", "notes/", as_="anna", **NOTE, author=ben).status_code == 422


@pytest.mark.parametrize(
    ("who", "status"), [(None, 401), ("ben", 403), ("eddie", 403), ("anna", 200), ("ada", 200)], ids=str
)
def test_who_may_change_a_note(api, note, who, status):
    assert api("PATCH", f"notes/{note}", as_=who, rating=4).status_code == status


@pytest.mark.parametrize(
    ("who", "status"), [(None, 401), ("ben", 403), ("eddie", 403), ("anna", 204), ("ada", 204)], ids=str
)
def test_who_may_delete_a_note(api, note, who, status):
    assert api("DELETE", f"notes/{note}", as_=who).status_code == status


@pytest.mark.parametrize(("who", "status"), [(None, 401), ("anna", 403), ("eddie", 200), ("ada", 200)], ids=str)
def test_who_may_correct_an_airport(api, who, status):
    assert api("PATCH", "airports/LOWI", as_=who, elevation=1907).status_code == status


@pytest.mark.parametrize(("who", "status"), [(None, 401), ("anna", 403), ("eddie", 403), ("ada", 201)], ids=str)
def test_who_may_add_an_airport(api, who, status):
    assert api("POST", "airports/", as_=who, **AIRPORT).status_code == status


@pytest.mark.parametrize(("who", "status"), [(None, 401), ("anna", 403), ("eddie", 403), ("ada", 200)], ids=str)
def test_who_may_rename_a_country(api, who, status):
    assert api("PATCH", "countries/AT", as_=who, name="Austria!").status_code == status


def test_an_airport_with_notes_cannot_be_deleted(api, note):
    refused = api("DELETE", "airports/LOWI", as_="ada")
    assert refused.status_code == 409
    assert api("DELETE", "airports/LOIR", as_="ada").status_code == 204


def test_visitors_change_their_own_name_only(app, api):
    with app.app_context():
        anna = db.session.scalar(select(Visitor.id).where(Visitor.name == "Anna"))
    assert api("PATCH", f"visitors/{anna}", as_="ben", name="Bully").status_code == 403
    assert api("PATCH", f"visitors/{anna}", as_="anna", name="Anna B.").json == {"id": anna, "name": "Anna B."}


def test_addresses_of_visitors_are_shown_nowhere(client, note):
    for path in ("/", "/notes/", f"/notes/{note}", "/visitors/", "/api/notes/", "/api/visitors/"):
        assert "@example.com" not in client.get(path).text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"rating": 6}, "rating"),
        ({"rating": 0}, "rating"),
        ({"airport": "XXXX"}, "airport"),
        ({"visited_on": "yesterday"}, "visited_on"),
        ({"text": None}, "text"),
    ],
    ids=["high", "low", "airport", "date", "nothing"],
)
def test_a_note_that_makes_no_sense_is_refused(api, change, field):
    refused = api("POST", "notes/", as_="anna", **NOTE | change)
    assert refused.status_code == 422
    assert field in refused.text


def test_a_stranger_is_asked_to_log_in_before_writing(client):
    answer = client.get("/notes/new?airport=LOWI")
    assert answer.status_code in (302, 303)
    assert answer.location.startswith("/auth/login?next=")


def test_a_visitor_writes_a_note_on_the_page(app, browser, fill):
    anna = browser("anna")
    answer = fill(anna, "/notes/new?airport=LOWI", **NOTE)
    assert answer.status_code in (302, 303)
    with app.app_context():
        note = db.session.scalars(select(Note)).one()
        assert (note.author.name, note.airport_icao, note.rating, note.text) == ("Anna", "LOWI", 5, "Mountains.")
    assert "Mountains." in anna.get("/").text


def test_the_page_shows_what_is_wrong_with_a_note(app, browser, fill):
    answer = fill(browser("anna"), "/notes/new", **NOTE | {"airport": "XXXX", "rating": "9"})
    assert answer.status_code == 422
    with app.app_context():
        assert db.session.scalars(select(Note)).all() == []


def test_buttons_are_shown_to_those_who_may_press_them(browser, note):
    shown = {who: browser(who).get(f"/notes/{note}").text for who in ("anna", "ben", "ada")}
    assert {who: f"/notes/{note}/edit" in page for who, page in shown.items()} == {
        "anna": True,
        "ben": False,
        "ada": True,
    }


def test_an_editor_corrects_an_airport_on_the_page(app, browser, fill):
    eddie = browser("eddie")
    form = {
        **AIRPORT,
        "icao": "LOWI",
        "iata": "INN",
        "city": "Innsbruck",
        "subdivision": "Tirol",
        "name": "Kranebitten",
    }
    assert fill(eddie, "/airports/LOWI/edit", **form).status_code in (302, 303)
    with app.app_context():
        airport = db.session.get(Airport, "LOWI")
        assert (airport.name, airport.subdivision) == ("Kranebitten", "Tirol")


def test_the_page_of_an_airport_leads_to_its_notes_and_neighbours(client):
    page = client.get("/airports/LOWI").text
    assert "/notes/new?airport=LOWI" in page
    assert "/nearest?latitude=47.2602&amp;longitude=11.344" in page


@pytest.mark.parametrize(("who", "status"), [("anna", 403), ("eddie", 403), ("ada", 200)])
def test_who_sees_the_admin(browser, who, status):
    assert browser(who).get("/admin/").status_code == status


def test_an_admin_makes_an_editor(app, browser, fill):
    ada = browser("ada")
    with app.app_context():
        anna = db.session.scalar(select(Visitor).where(Visitor.name == "Anna"))
        path = f"/admin/users/{anna.id}/edit"
        editor = next(role.id for role in db.session.scalar(select(Visitor).where(Visitor.name == "Eddie")).roles)
    assert fill(ada, path, email="anna@example.com", active="y", roles=str(editor)).status_code in (302, 303)
    with app.app_context():
        assert db.session.get(Visitor, anna.id).has_role("editor")
