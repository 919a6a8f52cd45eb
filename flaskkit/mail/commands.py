"""The commands ``flask kit mail …``: deliver what waits, and try the settings."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import AppGroup

from flaskkit.mail.backends import ServerAway, Smtp
from flaskkit.mail.diagnosis import explained

mail = AppGroup("mail", help="Deliver mail that waits, and try whether mail can be sent.")


@mail.command()
def send() -> None:
    """Deliver the mail that is due. Run it now and then, as by cron: mail may wait for a server that was away."""
    outbox = current_app.extensions["flaskkit.mail"].queue
    tally = outbox.deliver()
    number, moment = outbox.waiting()
    later = f" The next attempt is due at {moment:%Y-%m-%d %H:%M} UTC." if moment is not None else ""
    click.echo(f"{tally.sent} sent, {tally.refused} given up, {number} waiting.{later}")


@mail.command()
@click.argument("to")
def test(to: str) -> None:
    """Send a mail to the address TO, without the outbox, and say what is wrong with the settings if that fails."""
    mailer = current_app.extensions["flaskkit.mail"]
    try:
        envelope = mailer.envelope(to, "test", public_url=mailer.base_url())
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    try:
        mailer.backend.deliver(envelope)
    except (ServerAway, OSError) as error:
        cause = error.__cause__ if isinstance(error, ServerAway) and error.__cause__ else error
        reason = explained(mailer.backend, cause) if isinstance(mailer.backend, Smtp) else "It cannot be delivered."
        raise click.ClickException(f"{reason}\n{_shown(cause)}") from error
    click.echo(f"Sent from {mailer.sender} to {envelope.recipient}, by {mailer.backend}.")


def _shown(error: BaseException) -> str:
    text = f"{type(error).__name__}: {error}"
    return "".join(letter if letter.isprintable() else "�" for letter in text)
