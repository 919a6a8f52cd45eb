"""What was asked and answered below the prefix of the API, noted by a WSGI middleware."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from flask import Flask

TRAFFIC = "flaskkit.testing.traffic"
# Named by HTTP, or by nobody: an OpenAPI document says nothing of them, and they differ from answer to answer.
_PLAIN = {"content-type", "content-length", "date", "server", "set-cookie", "connection"}


@dataclass(frozen=True)
class Exchange:
    """A request and its answer. ``kind`` and ``sent_kind`` are media types without parameters.

    ``headers`` are those of the answer, with small letters, but for those that no document names.
    """

    method: str
    path: str
    query: str
    sent_kind: str
    sent: bytes
    status: int
    kind: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def note_traffic(app: Flask) -> None:
    """Note from now on what is asked of the API of *app*, for ``assert_openapi``. An exchange is noted once."""
    prefixes = tuple(f"{version.prefix}/" for version in app.extensions.get("flaskkit.api", ()))
    if not prefixes or TRAFFIC in app.extensions:
        return
    noted: dict[Exchange, None] = app.extensions.setdefault(TRAFFIC, {})
    app.wsgi_app = _Noting(app.wsgi_app, prefixes, noted)  # type: ignore[method-assign]


class _Noting:
    def __init__(self, inner: Any, prefixes: tuple[str, ...], noted: dict[Exchange, None]) -> None:
        self.inner = inner
        self.prefixes = prefixes
        self.noted = noted

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not environ.get("PATH_INFO", "").startswith(self.prefixes):
            return self.inner(environ, start_response)  # type: ignore[no-any-return]
        length = int(environ.get("CONTENT_LENGTH") or 0)
        sent = environ["wsgi.input"].read(length) if length else b""
        environ["wsgi.input"] = BytesIO(sent)
        told: dict[str, Any] = {}

        def started(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            told["status"] = int(status[:3])
            told["whole"] = any(name.lower() == "content-length" for name, _ in headers)
            told["headers"] = tuple(
                sorted((name.lower(), value) for name, value in headers if name.lower() not in _PLAIN)
            )
            told["kind"] = _kind(next((value for name, value in headers if name.lower() == "content-type"), ""))
            return start_response(status, headers, *rest)

        about = {
            "method": environ["REQUEST_METHOD"],
            "path": environ["PATH_INFO"].encode("latin-1").decode(errors="replace"),
            "query": environ.get("QUERY_STRING", ""),
            "sent_kind": _kind(environ.get("CONTENT_TYPE", "")),
            "sent": sent,
        }
        inner = self.inner(environ, started)
        whole = told.pop("whole")
        body = _Body(inner, lambda body: self.noted.setdefault(Exchange(**about, **told, body=body)))
        # A test may never look at the answer.
        body.parts = list(body) if whole else None
        return body


class _Body:
    """The parts of an answer, put together when it ends."""

    def __init__(self, inner: Any, then: Any) -> None:
        self.inner = inner
        self.then = then
        self.parts: list[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        if self.parts is not None:
            yield from self.parts
            return
        parts = []
        for part in self.inner:
            parts.append(part)
            yield part
        self.then(b"".join(parts))

    def close(self) -> None:
        if hasattr(self.inner, "close"):
            self.inner.close()


def _kind(header: str) -> str:
    return header.partition(";")[0].strip().lower()
