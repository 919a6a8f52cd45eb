"""The example app as a site to look at: the world's airports, people, their notes, and everything that can be on.

It is in development, where anybody may know the passwords of fieldnotes/demo.py and mail is shown at /_mail/.
Used by run.py and docs/pictures.py.
"""

from __future__ import annotations

import gzip
import logging
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from flask import Flask
from werkzeug import Response
from werkzeug.serving import make_server

from flaskkit import Config, create_app

EXAMPLE = Path(__file__).parents[2] / "example_app"
# So that the pages for them are there; nobody is sent to the provider.
PROVIDER = {"discovery": "http://localhost/.well-known/openid-configuration", "client_id": "1", "client_secret": "2"}


class Late:
    """An app that is known to the server when it is made: its address is a setting of it.

    What does not change is compressed, as by the proxy of docs/how-to/nginx.md.
    """

    app: Any = None

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if "/static/" not in environ["PATH_INFO"] or "gzip" not in environ.get("HTTP_ACCEPT_ENCODING", ""):
            return self.app(environ, start_response)
        response = Response.from_app(self.app, environ)
        if response.status_code == 200:
            response.data = gzip.compress(response.data, 5)
            response.content_encoding = "gzip"
        return response(environ, start_response)


@contextmanager
def served(folder: Path, *airports: str) -> Iterator[str]:
    """Serve the example app with a new database in *folder*, and yield its address.

    *airports* is the path of a file of airports; without one there are those of the whole world.
    """
    sys.path.insert(0, str(EXAMPLE))
    for name in ("werkzeug", "flaskkit.auth"):
        logging.getLogger(name).setLevel(logging.ERROR)
    late = Late()
    server = make_server("localhost", 0, late, threaded=True)
    url = f"http://localhost:{server.port}"
    late.app = made(folder, url)
    # Rather than its migrations, which know only what the example has switched on.
    run(late.app, "kit", "create-tables")
    run(late.app, "fieldnotes", "load", *airports)
    run(late.app, "fieldnotes", "demo")
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def made(folder: Path, url: str) -> Flask:
    settings = {
        "env": "development",
        "secret_key": secrets.token_hex(32),
        "db": {"url": f"sqlite:///{folder / 'example.db'}"},
        "mail": {"backend": "memory", "public_url": url},
        "auth": {
            "second_factor": "optional",
            "passkeys": url,
            "device_log_in": True,
            "delete_account": True,
            "export": True,
            "providers": {"acme": {"label": "Acme", **PROVIDER}},
        },
    }
    return create_app(Config.load("fieldnotes", toml=EXAMPLE / "app.toml", mapping=settings))


def run(app: Flask, *command: str) -> None:
    done = app.test_cli_runner().invoke(args=command)
    if done.exit_code:
        raise RuntimeError(f"flask {' '.join(command)}: {done.output}") from done.exception
