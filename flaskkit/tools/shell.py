"""The command ``flask kit shell``: Python with the app, its models and its resources."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import shell_command, with_appcontext

from flaskkit.tools.printing import as_json as json_option
from flaskkit.tools.printing import print_json
from flaskkit.tools.steps import place_of


@click.command()
@click.option("-c", "--command", "code", help="Run this code instead of asking for some.")
@json_option
@click.pass_context
@with_appcontext
def shell(ctx: click.Context, code: str | None, as_json: bool) -> None:
    """Start Python with what `flask shell` has: the app, `db` and every model by name. With --json list the names."""
    # flask.cli pushes the context of the command only; this is the app's own.
    names = current_app.make_shell_context()
    if as_json:
        print_json({name: place_of(one) for name, one in sorted(names.items())})
    elif code is not None:
        exec(compile(code, "<command>", "exec"), names)  # noqa: S102  (what a shell is for)
    else:
        click.echo(f"There are: {', '.join(sorted(names))}")
        ctx.invoke(shell_command)
