"""What is wrong with the settings, most likely, when an SMTP server takes no mail."""

from __future__ import annotations

import smtplib
import socket
import ssl

from flaskkit.mail.backends import PORTS, Smtp

_USUAL = "The usual ports are " + ", ".join(f"{port} for tls = {tls!r}" for tls, port in PORTS.items()) + "."
_NO_STARTTLS = "offers no STARTTLS. Try tls = 'tls', or 'none' on a network of your own."

# The first that fits counts: some of these are kinds of others.
_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (
        ssl.SSLCertVerificationError,
        "has a certificate that is not valid for this 'host'. It must be the server's name.",
    ),
    (ssl.SSLError, f"does not speak TLS as expected. {_USUAL}"),
    (socket.gaierror, "is no host that can be found. Look at 'host'."),
    (TimeoutError, f"does not answer. Look at 'host' and 'port', and whether a firewall is in between. {_USUAL}"),
    (ConnectionRefusedError, f"cannot be reached: nothing listens there. Look at 'host' and 'port'. {_USUAL}"),
    (smtplib.SMTPAuthenticationError, "does not take this 'user' and 'password'."),
    (smtplib.SMTPSenderRefused, "takes no mail from this 'sender', or wants 'user' and 'password' first."),
    (smtplib.SMTPRecipientsRefused, "takes no mail for this recipient, or wants 'user' and 'password' first."),
    (smtplib.SMTPServerDisconnected, f"hung up, or speaks something else. {_USUAL}"),
)


def explained(server: Smtp, error: BaseException) -> str:
    """Return what is most likely wrong where *server* raised *error*, and which setting to look at."""
    if isinstance(error, smtplib.SMTPNotSupportedError):
        lacks_tls = "STARTTLS" in str(error)
        reason = _NO_STARTTLS if lacks_tls else "lacks something that is needed. Look at 'user', 'tls' and the address."
    else:
        reason = next((text for kind, text in _REASONS if isinstance(error, kind)), "refuses.")
    return f"{server.host}:{server.port} {reason}"
