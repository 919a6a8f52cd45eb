"""Policies: who may do what, and which rows they see.

    public                           everybody
    login                            every logged-in user
    role("editor")                   users who hold that role
    owner("author_id")               the user whose id is in that column
    nobody                           no one; what is not said is closed

    owner("author_id") | role("admin")        either is enough

A policy answers two questions, the same on every face: may this user do this to this item, and
which rows does this user see, as a condition in SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, ClassVar, ParamSpec, TypeVar

from flask import current_app
from werkzeug.exceptions import Forbidden

from flaskkit.errors import LoginRequired

P = ParamSpec("P")
R = TypeVar("R")


class Policy:
    """Who may do something. Subclass it to write one; both answers must agree.

    *user* is ``None`` for a stranger. ``anonymous`` says whether a stranger may ever be allowed; documents and
    menus read it. Where ``personal`` is False the answers are the same for everybody, and nobody is asked who they
    are: no query, no ``Vary: Cookie``.
    """

    anonymous: bool = False
    personal: bool = True

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

    def __and__(self, other: Policy) -> Policy:
        return _All(self, other)

    def __or__(self, other: Policy) -> Policy:
        return _Any(self, other)


@dataclass(frozen=True)
class _Always(Policy):
    answer: bool
    personal: ClassVar[bool] = False  # type: ignore[misc]

    @property
    def anonymous(self) -> bool:  # type: ignore[override]
        return self.answer

    def allows(self, user: Any, item: Any = None) -> bool:
        return self.answer

    def rows(self, user: Any, model: Any) -> Any:
        return self.answer

    def __str__(self) -> str:
        return "public" if self.answer else "nobody"


@dataclass(frozen=True)
class _Login(Policy):
    def allows(self, user: Any, item: Any = None) -> bool:
        return user is not None

    def rows(self, user: Any, model: Any) -> Any:
        return user is not None

    def __str__(self) -> str:
        return "login"


@dataclass(frozen=True)
class role(Policy):  # noqa: N801  (reads as a word where it stands)
    """Users who hold the role *name*, as told by ``user.has_role(name)``."""

    name: str

    def allows(self, user: Any, item: Any = None) -> bool:
        return user is not None and bool(user.has_role(self.name))

    def rows(self, user: Any, model: Any) -> Any:
        return self.allows(user)

    def __str__(self) -> str:
        return f"role({self.name!r})"


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

    def __str__(self) -> str:
        return f"owner({self.column!r})"


@dataclass(frozen=True)
class _All(Policy):
    left: Policy
    right: Policy

    @property
    def anonymous(self) -> bool:  # type: ignore[override]
        return self.left.anonymous and self.right.anonymous

    def allows(self, user: Any, item: Any = None) -> bool:
        return self.left.allows(user, item) and self.right.allows(user, item)

    def rows(self, user: Any, model: Any) -> Any:
        left, right = self.left.rows(user, model), self.right.rows(user, model)
        if left is False or right is False:
            return False
        return right if left is True else left if right is True else left & right

    def claim(self, user: Any, item: Any) -> None:
        self.left.claim(user, item)
        self.right.claim(user, item)

    def names(self) -> tuple[str, ...]:
        return (*self.left.names(), *self.right.names())

    def __str__(self) -> str:
        return " & ".join(f"({p})" if isinstance(p, _Any) else str(p) for p in (self.left, self.right))


@dataclass(frozen=True)
class _Any(Policy):
    left: Policy
    right: Policy

    @property
    def anonymous(self) -> bool:  # type: ignore[override]
        return self.left.anonymous or self.right.anonymous

    def allows(self, user: Any, item: Any = None) -> bool:
        return self.left.allows(user, item) or self.right.allows(user, item)

    def rows(self, user: Any, model: Any) -> Any:
        left, right = self.left.rows(user, model), self.right.rows(user, model)
        if left is True or right is True:
            return True
        return right if left is False else left if right is False else left | right

    def claim(self, user: Any, item: Any) -> None:
        self.left.claim(user, item)
        self.right.claim(user, item)

    def names(self) -> tuple[str, ...]:
        return (*self.left.names(), *self.right.names())

    def __str__(self) -> str:
        return f"{self.left} | {self.right}"


public: Policy = _Always(True)
nobody: Policy = _Always(False)
login: Policy = _Login()


@dataclass(frozen=True)
class Caller:
    """Who sent the request: ``user`` is None for a stranger; ``by`` says how we know, "session" or "token"."""

    user: Any = None
    by: str = ""


def caller() -> Caller:
    """Return who sent the current request. Without feature `auth` everybody is a stranger."""
    found: Caller = current_app.extensions["flaskkit"].caller()
    return found


def user_for(policy: Policy) -> Any:
    """Return the current user as *policy* needs it: None for a stranger, or where it is not about persons."""
    return caller().user if policy.personal else None


def require(policy: Policy, item: Any = None) -> None:
    """Raise unless *policy* allows the caller this, to *item* or at all.

    Raises:
        LoginRequired: a stranger, where somebody logged in might be allowed (401).
        Forbidden: a known user without the right (403).
    """
    if not policy.allows(user_for(policy), item):
        raise LoginRequired if caller().user is None else Forbidden


def requires(policy: Policy) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let only those call a view whom *policy* allows: ``@requires(role("editor"))`` below the route."""

    def protect(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def protected(*args: P.args, **kwargs: P.kwargs) -> R:
            require(policy)
            return current_app.ensure_sync(view)(*args, **kwargs)  # type: ignore[no-any-return]

        return declare(protected, dict.fromkeys(_METHODS, policy))

    return protect


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
F = TypeVar("F", bound=Callable[..., Any])


def declare(view: F, policies: Mapping[str, Policy]) -> F:
    """Note on *view* which policy guards each HTTP method, for `flask kit routes` and the OpenAPI document."""
    view.__dict__["policies"] = dict(policies)
    return view


def declared(view: Any) -> dict[str, Policy]:
    """Return the policies noted on *view* by HTTP method; empty where nobody said."""
    return dict(getattr(view, "policies", {}))
