"""The command ``flask kit models``: models, their columns and how they refer to each other, as text or as a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from flaskkit.db.models import Model, db
from flaskkit.db.tables import tables_of
from flaskkit.tools.printing import as_json as json_option
from flaskkit.tools.printing import print_json
from flaskkit.tools.steps import place_of

# Of the picture, in pixels.
LINE, LETTER, GAP, MARGIN = 20, 7.3, 90, 20
STYLE = (
    "text{font:12px ui-monospace,monospace;fill:#1f2937}.head{font-weight:bold}"
    "rect{fill:#fff;stroke:#6b7280}path{fill:none;stroke:#2563eb}"
)


@dataclass(frozen=True)
class Shown:
    """A model or a table without one: its name, its columns, and the names to which columns refer."""

    name: str
    table: str
    where: str
    columns: tuple[Mapping[str, Any], ...]


@click.command()
@click.option("--mermaid", "form", flag_value="mermaid", help="Print an ER diagram for Mermaid.")
@click.option("--svg", "form", flag_value="svg", help="Print a picture.")
@json_option
@with_appcontext
def models(form: str | None, as_json: bool) -> None:
    """List the models of this app, their columns, and how they refer to each other."""
    found = models_of(current_app._get_current_object())  # type: ignore[attr-defined]
    if as_json:
        print_json([vars(one) for one in found])
    elif form == "mermaid":
        click.echo(mermaid(found))
    elif form == "svg":
        click.echo(svg(found))
    else:
        click.echo("\n\n".join(_text(one) for one in found))


def models_of(app: Flask) -> list[Shown]:
    """Return what is in the databases of *app*; a table comes after those that it refers to."""
    names = {mapper.local_table: mapper.class_ for mapper in Model.registry.mappers if not mapper.inherits}
    tables = [table for bind in db.engines for table in tables_of(app, bind)]
    called = {table: names[table].__name__ if table in names else table.name for table in tables}
    return [
        Shown(
            called[table],
            table.name,
            place_of(names[table]) if table in names else "",
            tuple(_column(column, called) for column in table.columns),
        )
        for table in tables
    ]


def mermaid(found: Iterable[Shown]) -> str:
    """Return an ER diagram in the language of Mermaid."""
    lines, links = ["erDiagram"], []
    for one in found:
        lines.append(f"    {one.name} {{")
        for column in one.columns:
            keys = [key for key, is_one in (("PK", column["key"]), ("FK", column["refers_to"])) if is_one]
            kind = "".join(letter if letter.isalnum() else "_" for letter in column["type"]).strip("_")
            lines.append(f"        {kind} {column['name']} {', '.join(keys)}".rstrip())
            if column["refers_to"]:
                many = "o{" if not column["unique"] else "o|"
                one_side = "|o" if column["nullable"] else "||"
                links.append(f"    {column['refers_to']} {one_side}--{many} {one.name} : {column['name']}")
        lines.append("    }")
    return "\n".join([*lines, *links])


def svg(found: Sequence[Shown]) -> str:
    """Return a picture: a box for each model, right of those that it refers to, and a line for each reference."""
    boxes = _placed(found)
    width = max((x + w for x, _, w, _ in boxes.values()), default=0) + MARGIN
    height = max((y + h for _, y, _, h in boxes.values()), default=0) + MARGIN
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" role="img"'
        f' viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}">',
        f"<title>{escape(', '.join(one.name for one in found))}</title><style>{STYLE}</style>",
    ]
    # Boxes cover the lines that pass behind them.
    lines += [_curve(boxes, one, i) for one in found for i, c in enumerate(one.columns, 1) if c["refers_to"] in boxes]
    for one in found:
        x, y, w, h = boxes[one.name]
        lines.append(f'<rect x="{x:.0f}" y="{y:.0f}" width="{w:.0f}" height="{h:.0f}" rx="4"/>')
        texts = [("head", one.name), *(("", _line(column)) for column in one.columns)]
        for i, (kind, text) in enumerate(texts):
            lines.append(f'<text class="{kind}" x="{x + 8:.0f}" y="{y + 15 + i * LINE:.0f}">{escape(text)}</text>')
    return "\n".join([*lines, "</svg>"])


def _curve(boxes: Mapping[str, tuple[float, float, float, float]], one: Shown, line: int) -> str:
    """Return the line from a column, the *line* in its box, to the box that it refers to."""
    x, y, _, _ = boxes[one.name]
    other_x, other_y, other_width, _ = boxes[one.columns[line - 1]["refers_to"]]
    start, end = y + line * LINE + 10, other_x + other_width
    bends = f"{x - GAP / 2:.0f} {start:.0f} {end + GAP / 2:.0f} {other_y + 10:.0f}"
    return f'<path d="M{x:.0f} {start:.0f} C{bends} {end:.0f} {other_y + 10:.0f}"/>'


def _placed(found: Sequence[Shown]) -> dict[str, tuple[float, float, float, float]]:
    """Return x, y, width and height of each box, by name."""
    depth: dict[str, int] = {}
    for one in found:
        others = [depth[column["refers_to"]] for column in one.columns if column["refers_to"] in depth]
        depth[one.name] = 1 + max(others, default=-1)
    boxes: dict[str, tuple[float, float, float, float]] = {}
    x: float = MARGIN
    for level in range(max(depth.values(), default=-1) + 1):
        row = [one for one in found if depth[one.name] == level]
        texts = [[one.name, *(_line(column) for column in one.columns)] for one in row]
        width = max(len(text) for some in texts for text in some) * LETTER + 16
        y: float = MARGIN
        for one in row:
            height = (len(one.columns) + 1) * LINE + 6
            boxes[one.name] = x, y, width, height
            y += height + LINE
        x += width + GAP
    return boxes


def _column(column: Any, called: Mapping[Any, str]) -> dict[str, Any]:
    other = next((key.column.table for key in column.foreign_keys), None)
    return {
        "name": column.name,
        "type": str(column.type.compile(dialect=db.engine.dialect)),
        "key": bool(column.primary_key),
        "nullable": bool(column.nullable),
        "unique": bool(column.unique),
        "refers_to": called.get(other, getattr(other, "name", "")),
    }


def _text(one: Shown) -> str:
    head = one.name if one.name == one.table else f"{one.name} ({one.table})"
    lines = [f"{head}  {one.where}".rstrip()]
    width = max(len(column["name"]) for column in one.columns)
    return "\n".join([*lines, *(f"  {_line(column, width)}" for column in one.columns)])


def _line(column: Mapping[str, Any], width: int = 0) -> str:
    words = [column["name"].ljust(width), column["type"]]
    words += ["key"] if column["key"] else ["unique"] if column["unique"] else []
    words += ["or nothing"] if column["nullable"] else []
    words += [f"→ {column['refers_to']}"] if column["refers_to"] else []
    return " ".join(words)
