"""Passkeys (WebAuthn), on py_webauthn. The rest is imported only by apps that say at which address they are used.

keys.py    which keys open whose account, and both ceremonies
pages.py   log in with one; list, add, rename, remove
static/passkeys.js    asks the browser, on pages that hold a form with data-passkey
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit


def mistakes(address: str) -> Iterator[str]:
    """Yield what is wrong with the setting ``passkeys``."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    # Browsers offer passkeys to safe origins only (WebAuthn, section 13.4.9), and to no bare address.
    safe = parts.scheme == "https" or (parts.scheme == "http" and (host == "localhost" or host.endswith(".localhost")))
    plain = address == f"{parts.scheme}://{parts.netloc}" and "@" not in parts.netloc and host == host.lower()
    if not (safe and plain and host) or host.replace(".", "").isdigit() or ":" in host:
        yield (
            "'passkeys' of feature 'auth' is where people log in, such as 'https://shop.example', or"
            f" 'http://localhost:5000' while developing; not {address!r}."
        )
