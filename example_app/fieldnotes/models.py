"""What is stored: countries, airports in them, visitors, and their notes about airports."""

from __future__ import annotations

from datetime import date

from flaskkit import IntegerKey, Model, Timestamps, UserMixin
from sqlalchemy import CheckConstraint, Double, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship


class Country(Model):
    code: Mapped[str] = mapped_column(String(2), primary_key=True, info={"label": "ISO code", "pattern": "[A-Z]{2}"})
    name: Mapped[str] = mapped_column(String(100), unique=True)

    def __str__(self) -> str:
        return self.name


class Airport(Model):
    # For boxes around a position, see nearest.py.
    __table_args__ = (
        Index(None, "latitude", "longitude"),
        CheckConstraint("latitude BETWEEN -90 AND 90", name="latitude"),
        CheckConstraint("longitude BETWEEN -180 AND 180", name="longitude"),
    )

    icao: Mapped[str] = mapped_column(
        String(4), primary_key=True, info={"label": "ICAO code", "pattern": "[A-Z0-9]{4}", "example": "LOWI"}
    )
    iata: Mapped[str | None] = mapped_column(
        String(3), unique=True, info={"label": "IATA code", "pattern": "[A-Z]{3}", "help": "As printed on tickets."}
    )
    name: Mapped[str] = mapped_column(String(100))
    city: Mapped[str | None] = mapped_column(String(100))
    subdivision: Mapped[str | None] = mapped_column(String(100), info={"help": "State, province or region."})
    country_code: Mapped[str] = mapped_column(ForeignKey(Country.code), index=True)
    elevation: Mapped[int] = mapped_column(info={"help": "In feet above the sea.", "minimum": -1500, "maximum": 30000})
    # FLOAT of MariaDB would keep six digits only.
    latitude: Mapped[float] = mapped_column(
        Double, info={"help": "In degrees, north is positive.", "minimum": -90, "maximum": 90}
    )
    longitude: Mapped[float] = mapped_column(
        Double, info={"help": "In degrees, east is positive.", "minimum": -180, "maximum": 180}
    )
    timezone: Mapped[str] = mapped_column(String(40), info={"label": "Time zone"})
    country: Mapped[Country] = relationship()

    def __str__(self) -> str:
        return f"{self.icao} {self.name}"


class Visitor(UserMixin, IntegerKey, Timestamps, Model):
    """Who logs in. Others see the name, never the e-mail address."""

    name: Mapped[str | None] = mapped_column(String(80), info={"help": "What others see beside your notes."})

    def __str__(self) -> str:
        return self.name or f"Visitor {self.id}"


class Note(IntegerKey, Timestamps, Model):
    __table_args__ = (CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),)

    author_id: Mapped[int] = mapped_column(ForeignKey(Visitor.id), index=True)
    airport_icao: Mapped[str] = mapped_column(ForeignKey(Airport.icao), index=True)
    rating: Mapped[int] = mapped_column(info={"minimum": 1, "maximum": 5, "help": "From 1, never again, to 5."})
    visited_on: Mapped[date] = mapped_column(index=True)
    text: Mapped[str] = mapped_column(Text)
    author: Mapped[Visitor] = relationship()
    airport: Mapped[Airport] = relationship(info={"help": "Its ICAO code."})

    def __str__(self) -> str:
        return f"{self.airport_icao}, {self.visited_on}"
