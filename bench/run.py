"""Compares flaskkit with what people use instead, and writes docs/benchmarks.md.

    make bench                            all peers, all workloads
    make bench ARGS=--check               only whether all answer the same
    make bench ARGS="--peers flaskkit_resource,flask_by_hand --workloads W1,W6 --passes 3 --dry"

FLASKKIT_POSTGRES_URL names the server, on which a database is made and dropped; without it, it is a SQLite file.
One peer, one workload: ``bench/peer.py``. A new peer is a module in ``bench/peers`` and a line in ``PEERS``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import data
from page import write
from sqlalchemy import URL
from workloads import NAMES

HERE = Path(__file__).parent
PEERS = {
    "flaskkit_resource": "flaskkit",
    "flask_by_hand": "Flask, wired by hand",
    "fastapi_async": "FastAPI, async",
    "django_ninja": "Django Ninja",
    "litestar_msgspec": "Litestar",
    "flask_and_driver": "bare Flask and driver",
}
# For each peer and workload: (microseconds, yardstick) of each batch of requests.
Batches = dict[str, dict[str, list[tuple[float, float]]]]


def main() -> int:
    asked = _arguments()
    server = os.environ.get("FLASKKIT_POSTGRES_URL", "")
    with tempfile.TemporaryDirectory() as folder:
        url = data.database(server, Path(folder))
        data.make_database(url, server)
        try:
            wrong = [peer for peer in asked.peers if not _run(peer, "check", url)]
            if wrong or asked.check:
                print(f"Wrong answers: {', '.join(wrong)}" if wrong else "All peers answer the same.")
                return bool(wrong)
            batches = measure(asked.peers, asked.workloads, asked.passes, url)
            starts = {peer: _start(peer, url) for peer in asked.peers}
            idle = json.loads(_run("", "", url, script="idle.py"))
        finally:
            data.drop_database(server)
    table = {peer: {load: _cost(batches, peer, load) for load in asked.workloads} for peer in asked.peers}
    write(
        table,
        PEERS,
        url.get_backend_name(),
        asked.passes,
        HERE.parent / "docs",
        starts=starts,
        idle=idle,
        dry=asked.dry,
    )
    return 0


def measure(peers: list[str], workloads: list[str], passes: int, url: URL) -> Batches:
    """Return the batches of all passes. Peers take turns, each second pass in reverse."""
    found: Batches = {peer: {load: [] for load in workloads} for peer in peers}
    for number in range(passes):
        for peer in peers if number % 2 == 0 else peers[::-1]:
            print(f"pass {number + 1} of {passes}: {PEERS[peer]}", file=sys.stderr)
            said = _run(peer, ",".join(workloads), url)
            for load, batches in json.loads(said or "{}").items():
                found[peer][load] += batches
    return found


def _start(peer: str, url: URL) -> tuple[float, float]:
    """Return milliseconds and MiB to import *peer*: the least of several times, since others can only add to it."""
    found = [json.loads(_run(peer, "", url, script="start.py")) for _ in range(3)]
    return min(spent for spent, _ in found), min(held for _, held in found)


def _run(peer: str, what: str, url: URL, *, script: str = "peer.py") -> str:
    """Return what the peer's process said, "ok" where it said nothing, "" where it failed."""
    environment = {**os.environ, "BENCH_URL": url.render_as_string(hide_password=False)}
    command = [sys.executable, str(HERE / script), peer, what]
    ended = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=600, check=False)
    data.forget_new(url)
    return "" if ended.returncode else ended.stdout.strip() or "ok"


def _cost(batches: Batches, peer: str, load: str) -> tuple[float, float]:
    """Return the median of microseconds for a request, and half the distance of the quartiles.

    Each batch is scaled by the yardstick taken around it, so that a busy neighbour weighs less.
    """
    usual = median(yardstick for loads in batches.values() for some in loads.values() for _, yardstick in some)
    scaled = sorted(spent / yardstick * usual for spent, yardstick in batches[peer][load])
    return median(scaled), (scaled[len(scaled) * 3 // 4] - scaled[len(scaled) // 4]) / 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    names = {"peers": list(PEERS), "workloads": list(NAMES)}
    for name, known in names.items():
        parser.add_argument(f"--{name}", default=known, type=lambda text: text.split(","), help=", ".join(known))
    parser.add_argument("--passes", type=int, default=5, help="how often each peer has its turn")
    parser.add_argument("--check", action="store_true", help="only compare answers")
    parser.add_argument("--dry", action="store_true", help="print the table, write nothing")
    asked = parser.parse_args()
    for name, known in names.items():
        if strange := set(getattr(asked, name)) - set(known):
            parser.error(f"--{name} knows {', '.join(known)}, not {', '.join(sorted(strange))}.")
    return asked


if __name__ == "__main__":
    sys.exit(main())
