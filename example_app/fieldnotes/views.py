"""Pages written by hand: the front page, and the airports nearest to a position with a map of them."""

from math import ceil, cos, log10, radians, sin
from typing import Any

from flask import Blueprint, render_template, request
from flaskkit import db, public, requires
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from fieldnotes.forms import PositionForm
from fieldnotes.models import Airport, Note
from fieldnotes.nearest import Near, nearest

pages = Blueprint("fieldnotes", __name__, template_folder="templates")

MAP_RADIUS = 180  # in units of the SVG


@pages.get("/")
@requires(public)
def home() -> str:
    counts = select(
        select(func.count(Airport.icao)).scalar_subquery(),
        select(func.count(Airport.country_code.distinct())).scalar_subquery(),
        select(func.count(Note.id)).scalar_subquery(),
    )
    airports, countries, notes = db.session.execute(counts).one()
    latest = select(Note).options(joinedload(Note.airport), joinedload(Note.author))
    newest = db.session.scalars(latest.order_by(Note.created_at.desc(), Note.id.desc()).limit(6)).all()
    return render_template("fieldnotes/home.html", airports=airports, countries=countries, notes=notes, newest=newest)


@pages.get("/nearest", endpoint="nearest")
@requires(public)
def show_nearest() -> str:
    form = PositionForm(request.args)
    asked = bool(request.args) and form.validate()
    found = nearest(**form.data) if asked else []
    return render_template("fieldnotes/nearest.html", form=form, asked=asked, found=found, map=drawn(found))


def drawn(found: list[Near]) -> dict[str, Any]:
    """Return what the map shows: north upwards, each airport in its direction and distance from the middle.

    "points" are (airport, x, y), "rings" are (radius, kilometres).
    """
    reach = round_up(max((near.distance for near in found), default=1))
    scale = MAP_RADIUS / reach
    points = [
        (near, near.distance * scale * sin(radians(near.bearing)), -near.distance * scale * cos(radians(near.bearing)))
        for near in found
    ]
    return {"points": points, "rings": [(MAP_RADIUS / 2, reach / 2), (MAP_RADIUS, reach)]}


def round_up(kilometres: float) -> float:
    """Return the smallest number like 1, 2, 5, 10, 20, 50, … that is not below."""
    power = 10.0 ** ceil(log10(max(kilometres, 1)))
    return next(number for number in (power / 5, power / 2, power) if number >= kilometres)
