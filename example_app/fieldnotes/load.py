"""flask fieldnotes load: the airports of the package airportsdata, and the countries they lie in.

    read(file)              airports as the file has them
    refusal(airport, …)     why one is not taken, or ""
    store(airports, …)      a batch into the database: whole, or not at all

What is stored already stays as it is, so that corrections by editors are kept.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext
from flaskkit import db
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from fieldnotes.models import Airport, Country

BATCH = 1000
COUNTRIES = Path(__file__).with_name("countries.tsv")
# From the columns of the package to ours.
COLUMNS = {
    "icao": "icao",
    "iata": "iata",
    "name": "name",
    "city": "city",
    "subd": "subdivision",
    "country": "country_code",
    "elevation": "elevation",
    "lat": "latitude",
    "lon": "longitude",
    "tz": "timezone",
}
LENGTHS = {"name": 100, "city": 100, "subdivision": 100, "timezone": 40}


@click.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--overwrite", is_flag=True, help="Give airports that are stored already the values of the file.")
@with_appcontext
def load_airports(file: Path | None, overwrite: bool) -> None:
    """Load countries and airports, from FILE (CSV) or else from the package airportsdata.

    Airports that are stored already stay as they are. Can be repeated: what is there is not added again.
    """
    needed("rich")
    from rich.progress import track

    countries = store_countries()
    airports, refused = sorted_out(read(file or packaged_file()), countries)
    done: Counter[str] = Counter()
    failed = []
    for first in track(range(0, len(airports), BATCH), "Loading airports", transient=True):
        batch = airports[first : first + BATCH]
        try:
            done += store(batch, overwrite=overwrite)
        except IntegrityError as error:
            failed.append(f"{batch[0]['icao']} to {batch[-1]['icao']} ({len(batch)} airports): {error.orig}")
    for text in refused:
        click.echo(f"Refused {text}")
    click.echo(
        f"Airports: {done['added']} added, {done['changed']} changed, {done['unchanged']} were there already,"
        f" {done['kept']} differ and were kept, {len(refused)} refused."
    )
    if not done["added"] and not done["changed"]:
        click.echo("Nothing has changed.")
    if failed:
        raise click.ClickException("\n  ".join(["Not stored, because the database refused one of them:", *failed]))


def needed(package: str) -> None:
    if find_spec(package) is None:
        raise click.ClickException(f"This needs the package {package!r}. Install it with: pip install {package}")


def packaged_file() -> Path:
    needed("airportsdata")
    import airportsdata

    # Its load() returns a dict: rows without a code, or with one that comes twice, would vanish unseen.
    return Path(airportsdata.__file__).with_name("airports.csv")


def read(file: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of *file* with our names for the columns, each value without spaces around it.

    Raises:
        ClickException: the file lacks a column.
    """
    with file.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines)
        missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise click.ClickException(f"{file.name} lacks the columns {', '.join(missing)}.")
        for row in rows:
            yield {ours: (row[theirs] or "").strip() for theirs, ours in COLUMNS.items()}


def sorted_out(rows: Iterator[dict[str, str]], countries: Container[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the airports that can be stored, and for each other row its code with the reason."""
    airports, refused = [], []
    codes: set[str] = set()
    tickets: dict[str, str] = {}
    for row in rows:
        reason = refusal(row, countries)
        if not reason and row["icao"] in codes:
            reason = "the code comes twice; the first one is taken"
        if not reason and row["iata"] in tickets:
            reason = f"its IATA code {row['iata']!r} is that of {tickets[row['iata']]} already"
        if reason:
            refused.append(f"{row['icao'] or 'a row without a code'} {row['name']}: {reason}.")
            continue
        codes.add(row["icao"])
        if row["iata"]:
            tickets[row["iata"]] = row["icao"]
        airports.append(converted(row))
    return airports, refused


def refusal(row: dict[str, str], countries: Container[str]) -> str:
    """Return why *row* cannot be stored, or ""."""
    if not re.fullmatch("[A-Z0-9]{4}", row["icao"]):
        return "the code is not made of four letters and digits"
    if row["iata"] and not re.fullmatch("[A-Z]{3}", row["iata"]):
        return f"the IATA code {row['iata']!r} is not made of three letters"
    if not row["name"]:
        return "it has no name"
    for name, length in LENGTHS.items():
        if len(row[name]) > length:
            return f"its {name} has more than {length} characters"
    if row["country_code"] not in countries:
        return f"there is no country {row['country_code']!r}"
    for name, least, most in (("latitude", -90, 90), ("longitude", -180, 180), ("elevation", -1500, 30000)):
        try:
            fits = least <= float(row[name]) <= most
        except ValueError:
            return f"its {name} {row[name]!r} is no number"
        if not fits:
            return f"its {name} {row[name]} is not between {least} and {most}"
    return ""


def converted(row: dict[str, str]) -> dict[str, Any]:
    return {
        **row,
        **{name: row[name] or None for name in ("iata", "city", "subdivision")},
        "elevation": round(float(row["elevation"])),
        "latitude": float(row["latitude"]),
        "longitude": float(row["longitude"]),
    }


def store(airports: Sequence[dict[str, Any]], *, overwrite: bool = False) -> Counter[str]:
    """Store *airports* in one transaction and return how many were added, changed, unchanged or kept.

    Raises:
        IntegrityError: the database refused one; none of them is stored.
    """
    columns = [getattr(Airport, name) for name in COLUMNS.values()]
    there = select(*columns).where(Airport.icao.in_([airport["icao"] for airport in airports]))
    stored = {row.icao: dict(row._mapping) for row in db.session.execute(there)}
    new = [airport for airport in airports if airport["icao"] not in stored]
    different = [airport for airport in airports if stored.get(airport["icao"], airport) != airport]
    try:
        if new:
            db.session.execute(insert(Airport), new)
        if different and overwrite:
            db.session.execute(update(Airport), different)
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise
    return Counter(
        {
            "added": len(new),
            "changed" if overwrite else "kept": len(different),
            "unchanged": len(airports) - len(new) - len(different),
        }
    )


def store_countries() -> set[str]:
    """Store the countries that are missing and return the codes of all."""
    names = dict(line.split("\t") for line in COUNTRIES.read_text("utf-8").splitlines())
    there = set(db.session.scalars(select(Country.code)))
    new = [{"code": code, "name": name} for code, name in names.items() if code not in there]
    if new:
        db.session.execute(insert(Country), new)
        db.session.commit()
    return there | set(names)
