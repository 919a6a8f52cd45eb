"""The airports nearest to a position: measured, on the page and in the API."""

import math
import random

import pytest
from flaskkit import db
from sqlalchemy import select

from fieldnotes.models import Airport
from fieldnotes.nearest import bearing, distance, nearest


def codes(found):
    return [near.airport.icao for near in found]


def test_distance_is_that_of_the_great_circle():
    quarter = distance(0, 0, 90, 0)
    assert quarter == pytest.approx(math.pi / 2 * 6371.0088)
    assert distance(0, 0, 0, 180) == pytest.approx(2 * quarter)
    assert distance(0, 179.5, 0, -179.5) == pytest.approx(quarter / 90)
    # London Heathrow to San Francisco.
    assert distance(51.4706, -0.46194, 37.618806, -122.375417) == pytest.approx(8612, abs=5)


def test_bearing_is_counted_clockwise_from_north():
    assert [round(bearing(0, 0, *to)) for to in ((1, 0), (0, 1), (-1, 0), (0, -1))] == [0, 90, 180, 270]


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        ((47.3, 11.4), ["LOWI", "LOIR", "LOIJ"]),
        ((-17, 179.99), ["NFNM", "NFNO", "NFNS"]),
        ((-17, -179.99), ["NFNM", "NFNO", "NFNS"]),
        ((-90, 0), ["NZSP", "NZQN"]),
        ((-89.9, 135), ["NZSP", "NZQN"]),
        ((90, 0), ["BGQQ", "EGLC"]),
    ],
    ids=["Alps", "west of the date line", "east of it", "south pole", "beside it", "north pole"],
)
def test_the_nearest_come_first(app, position, expected):
    with app.app_context():
        assert codes(nearest(*position, limit=len(expected))) == expected


def test_it_is_what_measuring_all_airports_would_give(app):
    pick = random.Random(7)
    positions = [(pick.uniform(-90, 90), pick.uniform(-180, 180)) for _ in range(25)]
    positions += [(latitude, longitude) for latitude in (-90, -89.99, 0, 90) for longitude in (-180, 0, 179.999)]
    with app.app_context():
        stored = db.session.scalars(select(Airport)).all()
        for position in positions:
            measured = sorted((distance(*position, one.latitude, one.longitude), one.icao) for one in stored)
            assert codes(nearest(*position, limit=5)) == [icao for _, icao in measured[:5]]


def test_there_may_be_fewer_than_asked_for(app):
    with app.app_context():
        assert len(nearest(0, 0, limit=100)) == 14


def test_the_api_tells_distance_and_direction(client):
    answer = client.get("/api/nearest?latitude=47.3&longitude=11.4&limit=1")
    assert answer.status_code == 200
    assert answer.json == [
        {
            "icao": "LOWI",
            "iata": "INN",
            "name": "Innsbruck Airport",
            "country": "AT",
            "latitude": 47.2602,
            "longitude": 11.344,
            "distance": 6.118,
            "bearing": 223.7,
        }
    ]


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("", ["latitude", "longitude"]),
        ("latitude=91&longitude=0", ["latitude"]),
        ("latitude=0&longitude=nan", ["longitude"]),
        ("latitude=0&longitude=0&limit=101", ["limit"]),
    ],
)
def test_the_api_refuses_a_position_off_the_earth(client, query, wrong):
    refused = client.get(f"/api/nearest?{query}")
    assert refused.status_code == 422
    assert refused.content_type == "application/problem+json"
    assert sorted(error["parameter"] for error in refused.json["errors"]) == wrong


def test_the_endpoint_stands_in_the_document_of_the_api(client):
    operation = client.get("/api/openapi.json").json["paths"]["/api/nearest"]["get"]
    assert [parameter["name"] for parameter in operation["parameters"]] == ["latitude", "longitude", "limit"]


def test_the_page_shows_a_table_and_a_map(client):
    page = client.get("/nearest?latitude=47.3&longitude=11.4").text
    assert page.index("LOWI Innsbruck Airport") < page.index("LOIR Hoefen Airport")
    assert "6.1 km" in page
    assert page.count('r="4"') == 10  # dots of the map
    assert "<script" not in page.partition("<svg")[2].partition("</svg>")[0]


def test_the_page_asks_for_a_position_first(client):
    page = client.get("/nearest").text
    assert 'name="latitude"' in page
    assert "<svg" not in page
    assert "Please check" not in page


@pytest.mark.parametrize("query", ["latitude=x&longitude=0", "latitude=0", "latitude=0&longitude=181"])
def test_the_page_says_what_is_wrong_with_a_position(client, query):
    page = client.get(f"/nearest?{query}")
    assert page.status_code == 200
    assert "Please check this field" in page.text
    assert "<svg" not in page.text
