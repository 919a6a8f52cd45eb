"""Policies: who may do what, and which rows they see.

    public                           everybody
    login                            every logged-in user
    role("editor")                   users who hold that role
    owner("author_id")               the user whose id is in that column
    nobody                           no one; what is not said is closed

    owner("author_id") | role("admin")        either is enough

Feature `auth` adds permission("notes.publish") and recently(minutes=10).

A policy answers two questions, the same on every face: may this user do this to this item, and
which rows does this user see, as a condition in SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import reduce, wraps
from inspect import iscoroutinefunction
from operator import and_, or_
from typing import Any, NamedTuple, ParamSpec, TypeVar

from blinker import Namespace
from flask import current_app
from werkzeug.exceptions import Forbidden, HTTPException

from flaskkit.errors import LoginRequired

# Sent by ``require`` with ``policy`` and ``allowed``; the sender is the app.
decided = Namespace().signal("decided")
P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])


class Policy:
    """Who may do something. Subclass it to write one; both answers must agree.

    *user* is ``None`` for a stranger. ``anonymous`` says whether a stranger may ever be allowed; documents and
    menus read it. Where ``personal`` is False the answers are the same for everybody, and nobody is asked who they
    are: no query, no ``Vary: Cookie``. Where ``asks_who`` is False they depend on whether there is a user, and on
    nothing that a user is.
    """

    anonymous: bool = False
    personal: bool = True
    asks_who: bool = True

    def allows(self, user: Any, item: Any = None) -> bool:
        """Return whether *user* may do this to *item*, or to anything at all where *item* is None."""
        raise NotImplementedError

    def rows(self, user: Any, model: Any) -> Any:
        """Return which rows of *model* this covers for *user*: True, False or a SQL condition."""
        raise NotImplementedError

    def claim(self, user: Any, item: Any) -> None:
        """Make the new *item* the user's, where the policy is about that. Otherwise do nothing."""

    def names(self) -> tuple[str, ...]:
        """Return the attributes of rows that the policy looks at; a resource checks that its model has them."""
        return ()

    def scopes(self) -> tuple[str, ...]:
        """Return the scopes that a bearer token may name to be let in where this policy guards."""
        return ()

    def refusal(self, user: Any, item: Any = None) -> HTTPException:
        """Return what to raise for *user*, whom this does not allow."""
        return LoginRequired() if user is None else Forbidden()

    def __and__(self, other: Policy) -> Policy:
        return Joined((self, other), either=False)

    def __or__(self, other: Policy) -> Policy:
        return Joined((self, other), either=True)

    def __str__(self) -> str:
        """Return how it is written, with what it was made of."""
        return f"{type(self).__name__}({', '.join(map(repr, vars(self).values()))})"


class OfUser(Policy):
    """A policy that looks at the user alone: it covers every row or none."""

    def rows(self, user: Any, model: Any) -> Any:
        return self.allows(user)


@dataclass(frozen=True)
class _Always(OfUser):
    anonymous: bool
    personal = False

    def allows(self, user: Any, item: Any = None) -> bool:
        return self.anonymous

    def __str__(self) -> str:
        return "public" if self.anonymous else "nobody"


@dataclass(frozen=True)
class _Login(OfUser):
    asks_who = False

    def allows(self, user: Any, item: Any = None) -> bool:
        return user is not None

    def __str__(self) -> str:
        return "login"


@dataclass(frozen=True)
class role(OfUser):  # noqa: N801  (reads as a word where it stands)
    """Users who hold the role *name*, as told by ``user.has_role(name)``."""

    name: str

    def allows(self, user: Any, item: Any = None) -> bool:
        return user is not None and bool(user.has_role(self.name))


@dataclass(frozen=True)
class owner(Policy):  # noqa: N801
    """The user whose ``id`` stands in *column* of the row. As a policy to create, it fills the column."""

    column: str

    def allows(self, user: Any, item: Any = None) -> bool:
        return user is not None and (item is None or getattr(item, self.column) == user.id)

    def rows(self, user: Any, model: Any) -> Any:
        return False if user is None else getattr(model, self.column) == user.id

    def claim(self, user: Any, item: Any) -> None:
        if user is not None:
            setattr(item, self.column, user.id)

    def names(self) -> tuple[str, ...]:
        return (self.column,)


@dataclass(frozen=True)
class Joined(Policy):
    """Two policies, both of which must allow; with *either* one of them is enough."""

    sides: tuple[Policy, Policy]
    either: bool

    @property
    def anonymous(self) -> bool:  # type: ignore[override]
        return self._joined(side.anonymous for side in self.sides)

    def allows(self, user: Any, item: Any = None) -> bool:
        return self._joined(side.allows(user, item) for side in self.sides)

    def rows(self, user: Any, model: Any) -> Any:
        answers = [side.rows(user, model) for side in self.sides]
        if any(answer is self.either for answer in answers):
            return self.either
        conditions = [answer for answer in answers if not isinstance(answer, bool)]
        return reduce(or_ if self.either else and_, conditions) if conditions else not self.either

    def claim(self, user: Any, item: Any) -> None:
        for side in self.sides:
            side.claim(user, item)

    def names(self) -> tuple[str, ...]:
        return tuple(name for side in self.sides for name in side.names())

    def scopes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(scope for side in self.sides for scope in side.scopes()))

    def refusal(self, user: Any, item: Any = None) -> HTTPException:
        refusals = [side.refusal(user, item) for side in self.sides if not side.allows(user, item)]
        # Of two ways in, the one that the user can still go: it says more than no.
        ways = (one for one in refusals if self.either and type(one) is not Forbidden)
        return next(ways, refusals[0])

    def _joined(self, answers: Iterable[bool]) -> bool:
        return any(answers) if self.either else all(answers)

    def __str__(self) -> str:
        if self.either:
            return " | ".join(map(str, self.sides))
        # Unlike "&", "|" must be put in brackets here.
        return " & ".join(f"({one})" if isinstance(one, Joined) and one.either else str(one) for one in self.sides)


public: Policy = _Always(anonymous=True)
nobody: Policy = _Always(anonymous=False)
login: Policy = _Login()


@dataclass(frozen=True)
class Caller:
    """Who sent the request: ``user`` is None for a stranger; ``by`` says how we know, "session" or "token".

    ``scopes`` are those of the token; None is everything that the user may. ``confirmed_at`` is when the user of this
    session last proved who they are.
    """

    user: Any = None
    by: str = ""
    scopes: frozenset[str] | None = None
    confirmed_at: datetime | None = None

    @property
    def somebody(self) -> Any:
        """The user where it only matters whether there is one: nothing is done for more."""
        return self.user


def caller() -> Caller:
    """Return who sent the current request. Without feature `auth` everybody is a stranger."""
    return current_app.extensions["flaskkit"].caller()  # type: ignore[no-any-return]


def user_for(policy: Policy) -> Any:
    """Return the current user as *policy* needs it: None for a stranger, or where it is not about persons."""
    if not policy.personal:
        return None
    return caller().user if policy.asks_who else caller().somebody


def require(policy: Policy, item: Any = None) -> None:
    """Raise unless *policy* allows the caller this, to *item* or at all.

    Raises:
        LoginRequired: a stranger, where somebody logged in might be allowed (401).
        Forbidden: a known user without the right (403).
    """
    allowed = policy.allows(user_for(policy), item)
    if decided.receivers:
        decided.send(current_app._get_current_object(), policy=policy, allowed=allowed)  # type: ignore[attr-defined]
    if not allowed:
        raise policy.refusal(caller().user, item)


def requires(policy: Policy, *, scope: str = "") -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let only those call a view whom *policy* allows: ``@requires(role("editor"))`` below the route.

    A bearer token that is limited to scopes must name *scope*, or else a permission of the policy; ``"*"`` takes any.
    """

    def protect(view: Callable[P, R]) -> Callable[P, R]:
        call = in_sync(view)

        @wraps(view)
        def protected(*args: P.args, **kwargs: P.kwargs) -> R:
            require(policy)
            return call(*args, **kwargs)

        return declare(protected, policy, scope)

    return protect


def in_sync(view: Callable[P, R]) -> Callable[P, R]:
    """Return what to call for *view*, which may be ``async``: Flask would look at it in each request."""
    if not iscoroutinefunction(view):
        return view

    def awaited(*args: P.args, **kwargs: P.kwargs) -> R:
        return current_app.ensure_sync(view)(*args, **kwargs)  # type: ignore[no-any-return]

    return awaited


class Guard(NamedTuple):
    """Who may use a view: ``policy`` is None where nobody said; ``scope`` is what a limited bearer token must name."""

    policy: Policy | None = None
    scope: str = ""

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes of which a limited bearer token must name one."""
        if self.scope:
            return (self.scope,)
        return self.policy.scopes() if self.policy is not None else ()


def declare(view: F, policy: Policy | None = None, scope: str = "") -> F:
    """Note on *view* who may use it, for `flask kit routes`, the OpenAPI document and bearer tokens.

    What was noted before stays, except where this says otherwise.
    """
    before: Guard = getattr(view, "flaskkit_guard", Guard())
    view.__dict__["flaskkit_guard"] = Guard(policy or before.policy, scope or before.scope)
    return view


def guard_of(view: Any, method: str) -> Guard:
    """Return what is noted on *view*, or on what its class has for the HTTP *method*."""
    own = getattr(getattr(view, "view_class", None), "get" if method == "HEAD" else method.lower(), None)
    return getattr(view, "flaskkit_guard", None) or getattr(own, "flaskkit_guard", None) or Guard()
