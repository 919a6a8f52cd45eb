"""Counting in Redis, for all processes together; and without it, for each by itself."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NoConnection

from flaskkit.limits.counters import PAUSE

SERVER = shutil.which("redis-server")
pytestmark = pytest.mark.skipif(SERVER is None, reason="redis-server is not installed")


class Server:
    """A Redis server on a port of its own, which can be stopped, started and frozen."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self.start()

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen([str(SERVER), *options], stdout=subprocess.DEVNULL)
        for _ in range(200):
            try:
                with Redis(port=self.port) as client:
                    client.ping()
            except NoConnection:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("Redis does not start.")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def stored(self) -> list[str]:
        with Redis(port=self.port, decode_responses=True) as client:
            return sorted(client.keys())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.stop()


def codes(site, count: int) -> list[int]:
    return [site.get().status_code for _ in range(count)]


def test_processes_count_together(made, server):
    one, other = made(storage=server.url), made(storage=server.url)
    assert (codes(one, 2), codes(other, 2), codes(one, 1)) == ([200, 200], [200, 429], [429])
    refused = one.get()
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert server.stored() == ['LIMITS:testapp/"search-address-60";q=3;w=60/192.0.2.1']


def test_a_login_that_succeeds_begins_anew_there_too(made, server):
    site = made(["db", "forms", "auth"], storage=server.url, login=("3 per hour by account",))
    site.add("ada@example.com")
    for _ in range(2):
        assert [site.log_in(password="wrong").status_code for _ in range(2)] == [422, 422]
        assert site.log_in().status_code == 303
    assert [site.log_in(password="wrong").status_code for _ in range(4)] == [422, 422, 422, 429]
    assert not [key for key in server.stored() if "example" in key]


def test_with_redis_away_each_process_counts_and_afterwards_together_again(made, server, clock, caplog):
    one, other = made(storage=server.url), made(storage=server.url)
    assert codes(one, 1) == [200]
    server.stop()
    assert (codes(one, 4), codes(other, 4)) == ([200, 200, 200, 429], [200, 200, 200, 429])
    server.start()
    # It is not asked at once: while it is away, requests would wait for it.
    assert codes(one, 1) == [429]
    clock.turn(PAUSE)
    assert (codes(one, 2), codes(other, 2)) == ([200, 200], [200, 429])
    said = [message for message in caplog.messages if "counted" in message]
    assert (
        said
        == ["Limits are counted in memory: their storage gives no answer (ConnectionError)."] * 2
        + ["Limits are counted in their storage again."] * 2
    )


def test_an_app_starts_while_redis_is_away(made, server):
    server.stop()
    assert codes(made(storage=server.url), 4) == [200, 200, 200, 429]


@pytest.mark.parametrize("wrong", ["full", "password"])
def test_a_redis_that_refuses_is_as_one_that_is_away(made, server, wrong):
    site = made(storage=server.url)
    with Redis(port=server.port) as client:
        client.config_set(*{"full": ("maxmemory", "1"), "password": ("requirepass", "secret")}[wrong])
    assert codes(site, 4) == [200, 200, 200, 429]


def test_the_password_of_redis_is_shown_nowhere(made, server, caplog):
    site = made(storage=server.url.replace("//", "//:secret-word@"))
    assert codes(site, 4) == [200, 200, 200, 429]
    shown = site.app.test_cli_runner().invoke(args=["kit", "settings"]).output
    assert "limits.storage" in shown
    assert "secret-word" not in shown + caplog.text


def test_a_redis_that_falls_silent_keeps_nobody_waiting(made, server, clock):
    site = made(storage=server.url)
    with Redis(port=server.port) as client:
        client.execute_command("CLIENT", "PAUSE", "60000", "ALL")
    assert codes(site, 4) == [200, 200, 200, 429]
