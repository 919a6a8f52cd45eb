"""What commands print: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def print_rows(head: Sequence[str], rows: Iterable[Sequence[Any]], *, json: bool) -> None:
    """Print *rows* as a table, or as a JSON array of objects whose names are *head*."""
    rows = [list(row) for row in rows]
    if json:
        print_json([dict(zip(head, row, strict=True)) for row in rows])
        return
    lines = [[_text(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_json(value: Any) -> None:
    """Print *value* as JSON; what JSON does not know becomes text."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def _text(cell: Any) -> str:
    return ",".join(map(str, cell)) if isinstance(cell, list | tuple) else str(cell)
