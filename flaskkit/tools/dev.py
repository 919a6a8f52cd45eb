"""The command ``flask kit dev``: the development server, and first where everything is and how to log in."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import ScriptInfo, with_appcontext

from flaskkit.tools.checks import checks_of, run
from flaskkit.tools.printing import as_json as json_option
from flaskkit.tools.printing import print_json

# What people look for first, by the endpoint that shows it.
PLACES = {
    "the API, to try out": ("api.docs",),
    "log in": ("auth.login",),
    "sign up": ("auth.sign_up",),
    "the admin": ("admin.index",),
    "mail that was sent": ("mail.outbox",),
}
HOST = "127.0.0.1"


@click.command()
@click.option("--port", default=5000, show_default=True, help="The first port to try; a busy one is passed over.")
@click.option("--reload/--no-reload", default=True, help="Whether to start anew when a file changes.")
@json_option
@click.pass_context
@with_appcontext
def dev(ctx: click.Context, port: int, reload: bool, as_json: bool) -> None:
    """Serve the app for its developers, and say where everything is. With --json only say it."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    if app.extensions["flaskkit"].config.env == "production":
        raise click.ClickException("This is production, which is served otherwise. Set APP_ENV=development.")
    port = free_port(port)
    address = f"http://{HOST}:{port}"
    places = {"the site": f"{address}/", **{name: address + path for name, path in _places(app)}}
    database, login = _database(app), _login(app)
    if as_json:
        print_json({"port": port, "places": places, "database": database, "log in": login})
        return
    click.echo()
    for name, url in places.items():
        click.echo(f"  {url:<42} {name}")
    click.echo("\n".join(["", *(f"  {line}" for line in (*database, *login)), ""]))
    place = ctx.ensure_object(ScriptInfo).app_import_path
    command = [sys.executable, "-m", "flask", *(["--app", place] if place else [])]
    command += ["run", "--debug", "--port", str(port), *([] if reload else ["--no-reload"])]
    # Not within this process: its app is not made for debugging, and the reloader starts it anew.
    sys.stdout.flush()
    if os.name == "posix":
        os.execv(sys.executable, command)  # noqa: S606
    raise SystemExit(subprocess.run(command, check=False).returncode)  # noqa: S603


def free_port(first: int) -> int:
    """Return the first port from *first* on at which nobody listens.

    Raises:
        ClickException: none of a hundred is free.
    """
    for port in range(first, min(first + 100, 2**16)):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((HOST, port))
            except OSError:
                continue
            return port
    raise click.ClickException(f"No port from {first} on is free. Take another one with --port.")


def _places(app: Flask) -> Iterator[tuple[str, str]]:
    for name, endpoints in PLACES.items():
        for rule in app.url_map.iter_rules():
            if rule.endpoint in endpoints and not rule.arguments and "GET" in (rule.methods or ()):
                yield name, rule.rule
                break


def _database(app: Flask) -> list[str]:
    """Return how the database is, in sentences."""
    if "sqlalchemy" not in app.extensions:
        return []
    urls = [engine.url.render_as_string() for engine in app.extensions["sqlalchemy"].engines.values()]
    checks = [one for one in checks_of(app) if one.level == "error" and one.id.startswith(("db.", "migrate."))]
    found = {one.check: one for one in run(app, checks, deploy=False) if not one.silenced}
    told = [f"{one.what} {one.check.fix}" for one in found.values()]
    return [f"Database: {', '.join(urls)}", *(told or ["Its tables are as the models say."])]


def _login(app: Flask) -> list[str]:
    """Return how to log in, in sentences."""
    if "auth.login" not in app.view_functions:
        return []
    model: Any = app.extensions["flaskkit.user_model"]
    try:
        users = app.extensions["sqlalchemy"].session.query(model).limit(3).all()
    except Exception:
        return ["Nobody can log in before there are tables."]
    if not users:
        return ["Nobody can log in yet. Run: flask kit users create you@example.com --role admin --generate"]
    names = ", ".join(user.email for user in users)
    forgotten = f"flask kit users set-password {users[0].email} --generate"
    return [f"Log in as {names}. Without the password: {forgotten}"]
