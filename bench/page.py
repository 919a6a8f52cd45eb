"""Writes what was measured: docs/benchmarks.md and its plot, docs/benchmarks.svg."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from workloads import NAMES

# For each peer and workload: microseconds for a request, and half the distance of the quartiles.
Table = dict[str, dict[str, tuple[float, float]]]
# For each peer: milliseconds and MiB to import it.
Starts = dict[str, tuple[float, float]]
# For each app: microseconds for a request, and half the distance of the quartiles.
Idle = dict[str, tuple[float, float]]

_PACKAGES = (
    *("flaskkit", "Flask", "SQLAlchemy", "flask-smorest", "marshmallow", "fastapi", "pydantic", "litestar"),
    *("advanced-alchemy", "msgspec", "Django", "django-ninja", "psycopg", "asyncpg", "aiosqlite", "orjson"),
)
_COLOURS = ("#1f6feb", "#8c959f", "#2da44e", "#116329", "#bf8700", "#cf222e")
_PAGE = """# Benchmarks

How much CPU time does the application take for a request, with flaskkit and with what people use instead?

![Times as much CPU as flaskkit](benchmarks.svg)

Microseconds for a request, and in brackets how many times those of flaskkit; less is better.

{table}

| | request |
|---|---|
| W1 | `GET` one article with its author as an object |
| W2 | `GET` a page of 100 of them, newest first, with the total number |
| W3 | `POST` one: five fields with lengths and a pattern; the answer is W1 |
| W4 | `GET` a constant |
| W5 | `GET` an HTML page of 50 articles and a form that cannot be forged, from a view written by hand |
| W6 | W1 for the bearer of a token |

What features cost a request that asks nothing of them, a constant for a stranger:

{idle}

Before the first request, to import the application:

{starts}

## How it was measured

- Answers were compared with what is stored first: 10,000 articles of 500 authors, on {database}.
- Requests go through the WSGI or ASGI callable, one at a time, in a process of its own for each peer. Counted is the
  CPU time of that process: what the application costs, neither the web server, the network nor the database server.
  A database file is read by the process itself, so on SQLite its work is counted.
- Peers took turns, {passes} times, in alternating order. Each figure is the median of all batches, scaled by a fixed
  piece of Python work timed beside each batch. ± is half the distance between the quartiles.
- Each peer is written as its documentation shows, with lookups that load the author in the same query. The sources are
  in [bench/peers](../bench/peers). “Bare Flask and driver” is SQL by hand, without documents or policies: nothing on
  Flask can cost less.
- When a token was last used is written every five minutes at most; that statement is not in W6.
- Throughput under many connections also depends on the server. For asynchronous peers the event loop is uvloop.

The command was `make bench ARGS="--passes {passes}"`{server}, on {day}, with Python {python} on {machine}: {versions}.
"""


def write(
    table: Table,
    labels: dict[str, str],
    database: str,
    passes: int,
    docs: Path,
    *,
    starts: Starts,
    idle: Idle,
    dry: bool,
) -> None:
    """Print the tables and, unless *dry*, write the page and the plot into *docs*."""
    lines = list(_lines(table, labels))
    started = ["| | CPU time | memory |", "|---|---|---|"]
    started += [f"| {labels[peer]} | {spent:.0f} ms | {held:.0f} MiB |" for peer, (spent, held) in starts.items()]
    nothing = ["| | microseconds |", "|---|---|"]
    nothing += [f"| {label} | {cost:.0f} ± {noise:.0f} |" for label, (cost, noise) in idle.items()]
    print("\n".join([*lines, "", *nothing, "", *started]))
    if dry:
        return
    names = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
    text = _PAGE.format(
        table="\n".join(lines),
        idle="\n".join(nothing),
        starts="\n".join(started),
        database=names[database],
        passes=passes,
        server=" with `FLASKKIT_POSTGRES_URL` set" if database == "postgresql" else "",
        day=datetime.now(UTC).date(),
        python=platform.python_version(),
        machine=f"{platform.system()} {platform.machine()}",
        versions=", ".join(f"{name} {version(name)}" for name in _PACKAGES),
    )
    (docs / "benchmarks.md").write_text(text, encoding="utf-8")
    (docs / "benchmarks.svg").write_text(plot(table, labels), encoding="utf-8")


def _lines(table: Table, labels: dict[str, str]) -> list[str]:
    first = next(iter(table.values()))
    lines = [f"| | {' | '.join(f'{load} {NAMES[load]}' for load in first)} |", "|---" * (len(first) + 1) + "|"]
    for peer, costs in table.items():
        cells = [f"{cost:.0f} ± {noise:.0f} ({cost / first[load][0]:.1f}×)" for load, (cost, noise) in costs.items()]
        lines.append(f"| {labels[peer]} | {' | '.join(cells)} |")
    return lines


def plot(table: Table, labels: dict[str, str]) -> str:
    """Return bars, as SVG: for each workload how many times as much CPU as the first peer each peer takes."""
    first = next(iter(table.values()))
    bar, gap, left, width = 16, 26, 150, 620
    longest = max(cost / first[load][0] for costs in table.values() for load, (cost, _) in costs.items())
    scale = (width - left - 60) / longest
    parts, y = [], 16
    for load in first:
        parts.append(f'<text x="0" y="{y + 12}" font-weight="bold">{load} {NAMES[load]}</text>')
        for colour, (peer, costs) in zip(_COLOURS, table.items(), strict=False):
            ratio = costs[load][0] / first[load][0]
            parts.append(
                f'<rect x="{left}" y="{y}" width="{ratio * scale:.1f}" height="{bar - 3}" fill="{colour}">'
                f"<title>{labels[peer]}: {ratio:.1f}</title></rect>"
                f'<text x="{left + ratio * scale + 6:.1f}" y="{y + 11}">{ratio:.1f}×</text>'
            )
            y += bar
        y += gap - bar
    for place, (colour, peer) in enumerate(zip(_COLOURS, table, strict=False)):
        x, line = place % 3 * 200, y + place // 3 * 20
        parts.append(f'<rect x="{x}" y="{line}" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 18}" y="{line + 11}">{labels[peer]}</text>')
    height = y + 44
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' font-family="sans-serif" font-size="12" role="img" aria-label="CPU time for a request against flaskkit">'
        f'<rect width="{width}" height="{height}" fill="white"/>' + "".join(parts) + "</svg>\n"
    )
