"""An endpoint written by hand, on flask-smorest: the airports nearest to a position."""

from typing import Any

from flask_smorest import Blueprint
from flaskkit import public, requires
from marshmallow import Schema, fields
from marshmallow.validate import Range

from fieldnotes.nearest import Near, nearest

nearest_api = Blueprint("nearest", __name__, description="Airports by distance.")


class Position(Schema):
    latitude = fields.Float(required=True, validate=Range(-90, 90), metadata={"description": "In degrees."})
    longitude = fields.Float(required=True, validate=Range(-180, 180), metadata={"description": "In degrees."})
    limit = fields.Integer(load_default=10, validate=Range(1, 100), metadata={"description": "How many airports."})


class NearAirport(Schema):
    icao = fields.String(attribute="airport.icao")
    iata = fields.String(attribute="airport.iata", allow_none=True)
    name = fields.String(attribute="airport.name")
    country = fields.String(attribute="airport.country_code")
    latitude = fields.Float(attribute="airport.latitude")
    longitude = fields.Float(attribute="airport.longitude")
    distance = fields.Float(metadata={"description": "In kilometres."})
    bearing = fields.Float(metadata={"description": "In degrees, clockwise from north."})


@nearest_api.route("/nearest")
@requires(public)
@nearest_api.arguments(Position, location="query")
@nearest_api.response(200, NearAirport(many=True))
def find_nearest(asked: dict[str, Any]) -> list[Near]:
    """The airports nearest to a position, the nearest first."""
    return nearest(**asked)
