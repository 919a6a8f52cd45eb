"""One peer in a process of its own: checks its answers, or measures the CPU time of its requests.

python bench/peer.py flaskkit_resource check
python bench/peer.py flaskkit_resource W1,W2        one line of JSON: {"W1": [[microseconds, yardstick], ...]}
python bench/peer.py flaskkit_resource profile W1   where the time goes
"""

from __future__ import annotations

import cProfile
import importlib
import json
import os
import pstats
import sys
import time
import warnings

from calling import caller_of
from workloads import Workloads, check

SECONDS = float(os.environ.get("BENCH_SECONDS", "1"))
BATCH = {"W2": 4, "W5": 5, "W4": 60}


def yardstick() -> float:
    """Return how many microseconds a fixed piece of Python takes just now: a busy neighbour slows it down as well."""
    began = time.process_time()
    made = {}
    for outer in range(4):
        for i in range(200):
            made[f"k{i}"] = (str(i).encode(), {"a": i, "b": outer})
        "".join(sorted(made)).encode().decode()
        json.dumps(list(made)[:100])
    return (time.process_time() - began) * 1e6


def main(name: str, *what: str) -> None:
    warnings.simplefilter("ignore")
    peer = importlib.import_module(f"peers.{name}")
    work, call = Workloads(peer), caller_of(peer.app)
    if what[0] == "check":
        check(work, call.one)
        return
    if what[0] == "profile":
        profile(work, call, what[1])
        return
    found = {}
    for load in what[0].split(","):
        first = call.one(work.next(load))
        work.cookies = first.cookies if load == "W5" else work.cookies
        size = BATCH.get(load, 12)
        call.many([work.next(load) for _ in range(3 * size)])
        batches, end = [], time.monotonic() + SECONDS
        while time.monotonic() < end or len(batches) < 8:
            requests = [work.next(load) for _ in range(size)]
            before = yardstick()
            began = time.process_time()
            call.many(requests)
            spent = (time.process_time() - began) / size * 1e6
            batches.append((spent, (before + yardstick()) / 2))
        found[load] = batches
    print(json.dumps(found))


def profile(work: Workloads, call: object, load: str) -> None:
    call.many([work.next(load) for _ in range(100)])  # type: ignore[attr-defined]
    requests = [work.next(load) for _ in range(1000)]
    with cProfile.Profile(time.process_time) as profiler:
        call.many(requests)  # type: ignore[attr-defined]
    pstats.Stats(profiler).sort_stats("tottime").print_stats(45).sort_stats("cumtime").print_stats(70)


main(*sys.argv[1:])
sys.stdout.flush()
os._exit(0)  # Neither event loops nor pools need to be put away.
