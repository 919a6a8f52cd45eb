"""flask fieldnotes demo: people to log in as and notes to look at, while developing."""

from __future__ import annotations

from datetime import date

import click
from flask import current_app
from flask.cli import with_appcontext
from flaskkit import Role, db
from sqlalchemy import select

from fieldnotes.models import Airport, Note, Visitor

PASSWORD = "fieldnotes-demo"  # noqa: S105  (anybody may know it: it works nowhere but while developing)
# Name, role, what that lets them do. Addresses are <name>@example.com.
PEOPLE = (
    ("anna", "", "writes notes"),
    ("eddie", "editor", "also corrects airports"),
    ("ada", "admin", "does all, and sees the admin"),
)
NOTES = (
    (
        "anna",
        "LOWI",
        5,
        date(2026, 2, 14),
        "Sit on the right when landing from the east: the mountains come very near.",
    ),
    ("anna", "EGLC", 4, date(2026, 5, 3), "From the train to the gate in ten minutes."),
    ("eddie", "NZQN", 5, date(2025, 12, 30), "A lake, a range of mountains, and then suddenly a runway."),
    (
        "eddie",
        "VNLK",
        3,
        date(2025, 10, 9),
        "The runway slopes, and it is short. Bring time: clouds decide when you leave.",
    ),
    ("ada", "TNCM", 4, date(2026, 3, 21), "The beach is as near as the pictures say. Hold on to your hat."),
)


@click.command("demo")
@with_appcontext
def make_demo() -> None:
    """Make demo users and notes, and say how to log in. While developing only."""
    if current_app.extensions["flaskkit"].config.env != "development":
        raise click.ClickException("Demo users have a password that everybody knows. Set APP_ENV=development.")
    if db.session.scalar(select(Visitor).where(Visitor.email == address(PEOPLE[0][0]))) is None:
        add_people_and_notes()
    click.echo(f"  Log in with the password {PASSWORD} as")
    for name, _, what in PEOPLE:
        click.echo(f"    {address(name):20} {what}")


def add_people_and_notes() -> None:
    roles = {role.name: role for role in db.session.scalars(select(Role))}
    visitors = {}
    for name, role, _ in PEOPLE:
        visitors[name] = Visitor(email=address(name), name=name.title())
        visitors[name].set_password(PASSWORD)
        if role:
            visitors[name].roles = [roles.get(role) or Role(name=role)]
    db.session.add_all(visitors.values())
    there = set(db.session.scalars(select(Airport.icao).where(Airport.icao.in_([icao for _, icao, *_ in NOTES]))))
    db.session.add_all(
        Note(author=visitors[name], airport_icao=icao, rating=rating, visited_on=day, text=text)
        for name, icao, rating, day, text in NOTES
        if icao in there
    )
    db.session.commit()


def address(name: str) -> str:
    return f"{name}@example.com"
