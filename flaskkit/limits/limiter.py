"""Counting, and what is said to those who are too many.

limiter.hit("login", account="ada@example.com")       before the attempt: TooManyRequests, or counted
limiter.clear("login", account="ada@example.com")     after it succeeded
@limited("search")                                    each request to a view
"""

from __future__ import annotations

import hashlib
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from ipaddress import IPv6Address, ip_address, ip_network
from typing import ParamSpec, TypeVar

from flask import Response, after_this_request, current_app, request
from werkzeug.exceptions import TooManyRequests

from flaskkit.access import caller
from flaskkit.errors import did_you_mean
from flaskkit.limits.counters import Counters
from flaskkit.limits.rules import ORDER, Rule
from flaskkit.texts import Text, say_many

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)

# How long an account remembers from where somebody logged in, in seconds.
KNOWN = 30 * 24 * 3600


class Limiter:
    """Counts by *rules*, for the app called *app*; in ``app.extensions["flaskkit.limits"]``."""

    def __init__(self, app: str, rules: Mapping[str, Sequence[Rule]], counters: Counters) -> None:
        self._app = app
        self._rules = {name: sorted(some, key=lambda rule: ORDER.index(rule.by)) for name, some in rules.items()}
        self._counters = counters

    def __contains__(self, name: str) -> bool:
        """Return whether anything is limited by that *name*."""
        return bool(self._rules.get(name))

    def hit(self, name: str, *, account: str = "") -> None:
        """Count one attempt, by the address of the request, its caller and the *account* that is tried.

        *account* is any text that names it, always the same; without one only address and caller count.

        Raises:
            TooManyRequests: 429, there were too many; with Retry-After.
            LookupError: there is no limit of that *name*.
        """
        for rule in self._named(name):
            key = self._key(rule, account)
            if key:
                count = self._counters.add(key, rule.seconds)
                left = max(1, math.ceil(self._counters.ends(key) - time.time()))
                if count > rule.most:
                    if count == rule.most + 1:
                        log.warning("Limit %s is reached, by %s.", rule.policy, address())
                    self._tell(rule, 0, left)
                    raise TooManyRequests(_told(left), retry_after=left)
                # How often others try an account is nobody's business.
                if rule.by != "account":
                    self._tell(rule, rule.most - count, left)

    def reset(self) -> None:
        """Forget what this process has counted in memory; for tests."""
        self._counters.reset()

    def clear(self, name: str, *, account: str = "") -> None:
        """Forget the attempts at *account*, and this one of its address: it was right.

        From now on attempts at this account from this address are counted by themselves.

        Raises:
            LookupError: there is no limit of that *name*.
        """
        for rule in self._named(name):
            key = self._key(rule, account)
            if key and rule.by == "account":
                self._counters.clear(key)
                self._counters.add(self._known(rule, account), KNOWN)
            elif key:
                # One only: else somebody could try others' accounts for ever, and now and then their own.
                self._counters.add(key, rule.seconds, -1)

    def _named(self, name: str) -> Sequence[Rule]:
        if name not in self._rules:
            raise LookupError(f"There is no limit {name!r}.{did_you_mean(name, self._rules)}")
        return self._rules[name]

    def _key(self, rule: Rule, account: str) -> str:
        """Return where is counted, "" where *rule* does not apply."""
        if rule.by == "address":
            whose = address()
        elif rule.by == "caller":
            user = caller().user
            whose = f"user {user.id}" if user is not None else address()
        elif not account:
            return ""
        else:
            whose = _digest(account)
            if self._counters.has(self._known(rule, account)):
                whose += f" {address()}"
        return f"{self._app}/{rule.policy}/{whose}"

    def _known(self, rule: Rule, account: str) -> str:
        return f"{self._app}/{rule.name} known/{_digest(account)} {address()}"

    def _tell(self, rule: Rule, remaining: int, seconds: int) -> None:
        """Let the response say how the caller stands: draft-ietf-httpapi-ratelimit-headers-11."""

        @after_this_request
        def add(response: Response) -> Response:
            response.headers.add("RateLimit-Policy", rule.policy)
            response.headers.add("RateLimit", f'"{rule.label}";r={remaining};t={seconds}')
            return response


def limited(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Count each request to a view by the limit *name*: ``@limited("search")`` below the route.

    The limit is one of the setting ``own`` of feature `limits`, or ``"login"`` and the like. Requests that are too
    many get 429. Without the feature nothing is counted.
    """

    def count(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def counted(*args: P.args, **kwargs: P.kwargs) -> R:
            limiter: Limiter | None = current_app.extensions.get("flaskkit.limits")
            if limiter is not None:
                limiter.hit(name)
            return current_app.ensure_sync(view)(*args, **kwargs)  # type: ignore[no-any-return]

        counted.__dict__["limit"] = name
        return counted

    return count


def address() -> str:
    """Return what stands for the sender's address: of IPv6 its /64, which is what one household gets."""
    try:
        found = ip_address(request.remote_addr or "")
    except ValueError:
        # A socket file has no address.
        return "unknown"
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or ip_network((int(found), 64), strict=False))


def _digest(account: str) -> str:
    # Short whatever is sent, and no list of people in the storage.
    return hashlib.sha256(account.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _told(seconds: int) -> Text:
    if seconds < 60:
        return say_many(
            "Too many attempts. Try again in a second.", "Too many attempts. Try again in %(num)s seconds.", seconds
        )
    minutes = math.ceil(seconds / 60)
    return say_many(
        "Too many attempts. Try again in a minute.", "Too many attempts. Try again in %(num)s minutes.", minutes
    )
