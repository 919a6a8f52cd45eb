"""Calls a WSGI or ASGI application in this process, without a server.

call = caller_of(app)          call.one(Sent("GET", "/hello"))  ->  Got(200, {...}, b"...")
                               call.many([...])                 ->  None, as fast as can be
"""

from __future__ import annotations

import asyncio
import inspect
import io
import sys
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any


@dataclass
class Sent:
    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __post_init__(self) -> None:
        self.path, _, self.query = self.target.partition("?")
        self.headers = {"host": "127.0.0.1", "user-agent": "bench", "accept": "*/*", **self.headers}
        if self.body:
            self.headers["content-length"] = str(len(self.body))


@dataclass
class Got:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")

    @property
    def cookies(self) -> str:
        """What the client sends back."""
        jar = SimpleCookie()
        for key, value in self.headers:
            if key.lower() == "set-cookie":
                jar.load(value)
        return "; ".join(f"{name}={morsel.value}" for name, morsel in jar.items())


def caller_of(app: Any) -> Wsgi | Asgi:
    is_async = inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(type(app).__call__)
    return Asgi(app) if is_async else Wsgi(app)


class Wsgi:
    def __init__(self, app: Any) -> None:
        self.app = app

    def one(self, sent: Sent) -> Got:
        environ = {
            "REQUEST_METHOD": sent.method, "SCRIPT_NAME": "", "PATH_INFO": sent.path, "QUERY_STRING": sent.query,
            "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(sent.body),
            "wsgi.errors": sys.stderr, "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False,
        }  # fmt: skip
        for name, value in sent.headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
        begun: list[Any] = []
        answer = self.app(environ, lambda status, headers, error=None: begun.append((status, headers)))
        body = b"".join(answer)
        getattr(answer, "close", int)()
        [(status, headers)] = begun
        return Got(int(status[:3]), headers, body)

    def many(self, requests: list[Sent]) -> None:
        for sent in requests:
            self.one(sent)


class Asgi:
    def __init__(self, app: Any) -> None:
        import uvloop

        self.app = app
        self.loop = uvloop.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._start())

    def one(self, sent: Sent) -> Got:
        return self.loop.run_until_complete(self._one(sent))

    def many(self, requests: list[Sent]) -> None:
        async def all_of_them() -> None:
            for sent in requests:
                await self._one(sent)

        self.loop.run_until_complete(all_of_them())

    async def _start(self) -> None:
        events: asyncio.Queue[Any] = asyncio.Queue()
        started = self.loop.create_future()
        await events.put({"type": "lifespan.startup"})

        async def send(message: Any) -> None:
            if not started.done():
                started.set_result(message)

        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        self.lifespan = self.loop.create_task(self.app(scope, events.get, send))
        await started

    async def _one(self, sent: Sent) -> Got:
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
            "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 5), "scheme": "http", "method": sent.method,
            "root_path": "", "path": sent.path, "raw_path": sent.path.encode(), "query_string": sent.query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.headers.items()], "state": {},
        }  # fmt: skip
        got = Got(0, [], b"")
        received: list[bool] = []

        async def receive() -> Any:
            if received:
                await asyncio.sleep(3600)
            received.append(True)
            return {"type": "http.request", "body": sent.body, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                got.status = message["status"]
                got.headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
            else:
                got.body += message.get("body", b"")

        await self.app(scope, receive, send)
        return got
