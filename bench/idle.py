"""What features cost a request that asks nothing of them: a constant for a stranger, from bare Flask and with all on.

python bench/idle.py      {"Flask": [52.1, 0.9], …}: microseconds for a request, and half the distance of the quartiles
"""

from __future__ import annotations

import json
import time
import warnings
from statistics import median

from calling import Sent, Wsgi
from flask import Blueprint, Flask
from peers import SECRET_KEY

from flaskkit import Config, Module, create_app, public, requires
from flaskkit.feature import available

ROUNDS, BATCH = 60, 100
MAIL = {"sender": "bench@bench.example", "public_url": "https://bench.example", "host": "127.0.0.1"}


def hello() -> dict[str, str]:
    return {"message": "Hello, World!"}


def flask_app(key: str | None) -> Flask:
    app = Flask("idle")
    app.secret_key = key
    app.add_url_rule("/hello", "hello", hello)
    return app


def flaskkit_app(features: list[str]) -> Flask:
    pages = Blueprint(f"idle_{len(features)}", __name__)
    pages.add_url_rule("/hello", "hello", requires(public)(hello))
    module = Module(f"idle_{len(features)}", blueprints=[pages])
    config = Config("idle", env="production", secret_key=SECRET_KEY, features=features, modules=[module])
    settings = {"db": {"url": "sqlite://"}, "mail": MAIL}
    return create_app(config.replace(**{name: given for name, given in settings.items() if name in features}))


def main() -> None:
    warnings.simplefilter("ignore")
    every = list(available())
    apps = {
        "Flask": flask_app(None),
        "Flask with SECRET_KEY": flask_app(SECRET_KEY),
        "flaskkit, no feature": flaskkit_app([]),
        f"flaskkit, all {len(every)} features": flaskkit_app(every),
    }
    calls = {label: Wsgi(app) for label, app in apps.items()}
    requests = [Sent("GET", "/hello") for _ in range(BATCH)]
    spent: dict[str, list[float]] = {label: [] for label in calls}
    for number in range(ROUNDS + 1):
        for label, call in calls.items():
            began = time.process_time()
            call.many(requests)
            if number:  # The first round is for what is made once.
                spent[label].append((time.process_time() - began) / BATCH * 1e6)
    found = {label: sorted(some) for label, some in spent.items()}
    noise = {label: (some[len(some) * 3 // 4] - some[len(some) // 4]) / 2 for label, some in found.items()}
    print(json.dumps({label: [median(some), noise[label]] for label, some in found.items()}))


main()
