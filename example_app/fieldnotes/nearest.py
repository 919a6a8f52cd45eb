"""The airports nearest to a position.

A box around the position is cut out in SQL, which an index helps with; distances are measured in Python, so that
every database gives the same. The box grows until enough airports lie within it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import asin, atan2, cos, degrees, pi, radians, sin, sqrt
from typing import Any

from flaskkit import db
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import joinedload

from fieldnotes.models import Airport

EARTH = 6371.0088  # mean radius in kilometres
FIRST_RADIUS = 50.0


@dataclass(frozen=True)
class Near:
    """An airport, how far it is in kilometres, and in which direction in degrees, clockwise from north.

    To the metre and a tenth of a degree, which is more than the data is good for.
    """

    airport: Airport
    distance: float
    bearing: float


def nearest(latitude: float, longitude: float, limit: int = 10) -> list[Near]:
    """Return the *limit* airports nearest to a position in degrees, the nearest first.

    At most ten queries for positions, one for the airports found.
    """
    radius = FIRST_RADIUS
    while True:
        # A little wider than needed, for what rounding may cut off.
        rows = db.session.execute(
            select(Airport.icao, Airport.latitude, Airport.longitude).where(box(latitude, longitude, radius * 1.01))
        )
        there = sorted((distance(latitude, longitude, row.latitude, row.longitude), row.icao) for row in rows)
        found = [(how_far, icao) for how_far, icao in there if how_far <= radius][:limit]
        if len(found) == limit or radius > pi * EARTH:
            break
        radius *= 2
    statement = select(Airport).where(Airport.icao.in_([icao for _, icao in found]))
    airports = {airport.icao: airport for airport in db.session.scalars(statement.options(joinedload(Airport.country)))}
    return [
        Near(one, round(how_far, 3), round(bearing(latitude, longitude, one.latitude, one.longitude), 1) % 360)
        for how_far, one in ((how_far, airports[icao]) for how_far, icao in found)
    ]


def distance(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Return the great-circle distance in kilometres (the haversine formula, on a sphere)."""
    here, there = radians(latitude), radians(other_latitude)
    half = sin((there - here) / 2) ** 2 + cos(here) * cos(there) * sin(radians(other_longitude - longitude) / 2) ** 2
    return 2 * EARTH * asin(min(1.0, sqrt(half)))


def bearing(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Return the direction in which the way to the other position begins, in degrees from 0 (north) to 360."""
    here, there, turn = radians(latitude), radians(other_latitude), radians(other_longitude - longitude)
    east = sin(turn) * cos(there)
    north = cos(here) * sin(there) - sin(here) * cos(there) * cos(turn)
    return degrees(atan2(east, north)) % 360


def box(latitude: float, longitude: float, radius: float) -> ColumnElement[bool]:
    """Return the condition in SQL that holds for all airports within *radius* kilometres, and for some beyond.

    Source: Jan Matuschek, "Finding Points Within a Distance of a Latitude/Longitude Using Bounding Coordinates".
    """
    angle = radius / EARTH
    south, north = latitude - degrees(angle), latitude + degrees(angle)
    column: Any = Airport.longitude
    between = Airport.latitude.between(south, north)
    if south <= -90 or north >= 90:
        return between  # A pole is within: every meridian is.
    reach = degrees(asin(sin(angle) / cos(radians(latitude))))
    west, east = longitude - reach, longitude + reach
    if west < -180:  # The box goes on beyond the date line.
        return and_(between, or_(column >= west + 360, column <= east))
    if east > 180:
        return and_(between, or_(column >= west, column <= east - 360))
    return and_(between, column.between(west, east))
