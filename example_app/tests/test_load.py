"""flask fieldnotes load."""

import csv
import sys
from pathlib import Path

import pytest
from flaskkit import db
from sqlalchemy import func, select

from fieldnotes.models import Airport, Country

SAMPLE = str(Path(__file__).with_name("sample.csv"))


def airports(app):
    with app.app_context():
        return {airport.icao: airport for airport in db.session.scalars(select(Airport))}


def file_with(tmp_path, *changes):
    """Write a file with a good row changed by each of *changes*."""
    good = {
        "icao": "AAAA", "iata": "", "name": "New", "city": "", "subd": "", "country": "AT",
        "elevation": "1", "lat": "1", "lon": "1", "tz": "UTC", "lid": "",
    }  # fmt: skip
    path = tmp_path / "airports.csv"
    with path.open("w", encoding="utf-8", newline="") as lines:
        rows = csv.DictWriter(lines, list(good))
        rows.writeheader()
        rows.writerows({**good, **change} for change in changes)
    return str(path)


def test_an_airport_is_stored_with_all_it_has(app):
    airport = airports(app)["KSFO"]
    assert airport.iata == "SFO"
    assert airport.name == "San Francisco International Airport"
    assert (airport.city, airport.subdivision, airport.country_code) == ("San Francisco", "California", "US")
    assert (airport.elevation, airport.latitude, airport.longitude) == (13, 37.618806, -122.375417)
    assert airport.timezone == "America/Los_Angeles"


def test_what_is_empty_is_stored_as_nothing(app):
    pole = airports(app)["NZSP"]
    assert (pole.iata, pole.city, pole.subdivision) == (None, None, None)


def test_a_second_run_changes_nothing_and_says_so(app, run):
    again = run("fieldnotes", "load", SAMPLE)
    assert "0 added, 0 changed, 14 were there already, 0 differ and were kept, 0 refused." in again.output
    assert "Nothing has changed." in again.output


def test_corrections_of_editors_are_kept(app, api, run):
    assert api("PATCH", "airports/LOWI", as_="eddie", name="Innsbruck").status_code == 200
    again = run("fieldnotes", "load", SAMPLE)
    assert "1 differ and were kept" in again.output
    assert airports(app)["LOWI"].name == "Innsbruck"


def test_corrections_are_undone_when_asked(app, api, run):
    assert api("PATCH", "airports/LOWI", as_="eddie", name="Innsbruck").status_code == 200
    again = run("fieldnotes", "load", "--overwrite", SAMPLE)
    assert "1 changed" in again.output
    assert airports(app)["LOWI"].name == "Innsbruck Airport"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"icao": ""}, "a row without a code New: the code is not made of four letters and digits."),
        ({"icao": "_AYM"}, "_AYM New: the code is not made of four letters and digits."),
        ({"iata": "A1"}, "AAAA New: the IATA code 'A1' is not made of three letters."),
        ({"name": " "}, "AAAA : it has no name."),
        ({"name": "x" * 101}, ": its name has more than 100 characters."),
        ({"country": "ZZ"}, "AAAA New: there is no country 'ZZ'."),
        ({"lat": "90.1"}, "AAAA New: its latitude 90.1 is not between -90 and 90."),
        ({"lon": "-181"}, "AAAA New: its longitude -181 is not between -180 and 180."),
        ({"lon": "nan"}, "AAAA New: its longitude nan is not between -180 and 180."),
        ({"elevation": "high"}, "AAAA New: its elevation 'high' is no number."),
    ],
    ids=["no code", "made-up code", "ticket code", "no name", "long name", "country", "north", "west", "nan", "text"],
)
def test_a_row_is_refused_with_the_reason(app, tmp_path, change, reason, run):
    loaded = run("fieldnotes", "load", file_with(tmp_path, change, {"icao": "BBBB"}))
    assert reason in loaded.output
    assert "1 added" in loaded.output
    assert "1 refused" in loaded.output
    assert len(airports(app)) == 15


def test_a_code_that_comes_twice_is_taken_once(app, tmp_path, run):
    twice = file_with(
        tmp_path,
        {"name": "First"},
        {"name": "Second"},
        {"icao": "BBBB", "iata": "XYZ"},
        {"icao": "CCCC", "iata": "XYZ"},
    )
    loaded = run("fieldnotes", "load", twice)
    assert "AAAA Second: the code comes twice; the first one is taken." in loaded.output
    assert "CCCC New: its IATA code 'XYZ' is that of BBBB already." in loaded.output
    assert airports(app)["AAAA"].name == "First"


def test_a_batch_is_stored_whole_or_not_at_all(app, tmp_path, monkeypatch, run):
    monkeypatch.setattr("fieldnotes.load.BATCH", 2)
    # The IATA code of the fourth is that of an airport which the file does not name.
    file = file_with(
        tmp_path,
        *({"icao": code} for code in ("AAAA", "BBBB", "CCCC")),
        {"icao": "DDDD", "iata": "INN"},
        {"icao": "EEEE"},
    )
    result = run("fieldnotes", "load", file, fails=True)
    assert "CCCC to DDDD (2 airports)" in result.output
    assert {"AAAA", "BBBB", "EEEE"} <= airports(app).keys()
    assert not {"CCCC", "DDDD"} & airports(app).keys()


def test_a_file_of_another_kind_is_refused(app, tmp_path, run):
    path = tmp_path / "other.csv"
    path.write_text("icao,name\nAAAA,New\n")
    result = run("fieldnotes", "load", str(path), fails=True)
    assert "other.csv lacks the columns iata, city, subd, country, elevation, lat, lon, tz." in result.output


@pytest.mark.parametrize("package", ["airportsdata", "rich"])
def test_a_missing_package_is_named(app, monkeypatch, package, run):
    monkeypatch.setitem(sys.modules, package, None)
    result = run("fieldnotes", "load", fails=True)
    assert f"This needs the package {package!r}. Install it with: pip install {package}" in result.output


def test_all_airports_of_the_world_are_loaded(app, run):
    pytest.importorskip("airportsdata")
    loaded = run("fieldnotes", "load")
    stored = airports(app)
    assert len(stored) > 28_000
    assert "Refused _LSG Leshan Airport (under construction, unknown coordinates)" in loaded.output
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Country)) == 250
