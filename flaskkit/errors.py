"""The exceptions flaskkit raises.

    FlaskkitError
    ├── ConfigError          what the app was given is wrong; ``mistakes`` lists everything found
    │   ├── FeatureError     a feature is unknown, doubled, incomplete or in a circle
    │   ├── ModuleError      a module cannot be imported or adds a name twice
    │   └── ResourceError    a resource names what its model lacks
    ├── LoginRequired        401: nobody is logged in (a page sends to the login form)
    └── Rejected             422: values that cannot be stored, by field
        └── Conflicting      409: values that collide with other rows

The last three are Werkzeug HTTP exceptions as well, so Flask answers them like any other. Those of feature `auth` are
in ``auth/errors.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

import click
from werkzeug.exceptions import Conflict, Unauthorized, UnprocessableEntity


class FlaskkitError(Exception):
    """Whatever flaskkit raises on purpose."""


class ConfigError(FlaskkitError, click.ClickException):
    """The app cannot start as configured. ``mistakes`` holds one sentence for each thing to mend.

    Commands show it without a traceback, as Click does with its exceptions.
    """

    def __init__(self, mistakes: str | Iterable[str]) -> None:
        self.mistakes = [mistakes] if isinstance(mistakes, str) else list(mistakes)
        one = len(self.mistakes) == 1
        super().__init__(self.mistakes[0] if one else "\n".join(f"  - {text}" for text in ["", *self.mistakes])[4:])


class FeatureError(ConfigError):
    """A feature is unknown, doubled, lacks a package or another feature, or waits for itself."""


class ModuleError(ConfigError):
    """A module cannot be imported, holds no ``Module``, or adds a name that is taken."""


class ResourceError(ConfigError):
    """A resource names something its model lacks, or asks for what cannot be had."""


class LoginRequired(FlaskkitError, Unauthorized):
    """The request needs a logged-in user and came from a stranger: 401, RFC 9110 section 15.5.2."""

    description = "Log in to do this."


class Rejected(FlaskkitError, UnprocessableEntity):
    """Values that cannot be stored: 422, RFC 9110 section 15.5.21.

    ``errors`` maps field names to messages; a message about no single field has the name "". Of several items
    at once it maps each position, as text, to such a mapping.
    """

    description = "Some values cannot be accepted."

    def __init__(self, errors: Mapping[str, Any], description: str | None = None) -> None:
        super().__init__(description)
        self.errors = dict(errors)


class Conflicting(Rejected, Conflict):
    """Values that collide with other rows: 409, RFC 9110 section 15.5.10. ``errors`` as in ``Rejected``."""

    code = 409
    description = "This collides with what is already stored."


class Mistakes(list[ConfigError]):
    """Everything found wrong, until it is reported at once."""

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Take up the error that the block raises, and go on after it."""
        try:
            yield
        except ConfigError as error:
            self.append(error)

    def add(self, kind: type[ConfigError], texts: Iterable[str]) -> None:
        """Take up an error of *kind* for each of *texts*."""
        self.extend(kind(text) for text in texts)

    def report(self) -> None:
        """Raise one error with everything, of the kind that all have in common; do nothing where nothing is wrong."""
        if self:
            kinds = {type(error) for error in self}
            kind = kinds.pop() if len(kinds) == 1 else ConfigError
            raise kind(dict.fromkeys(text for error in self for text in error.mistakes))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" with the nearest of *known*, or "" where none is near."""
    words = list(known)
    near = get_close_matches(word, words, n=1) or [other for other in words if word and other.startswith(word)]
    return f" Did you mean {near[0]!r}?" if near else ""


def doubles(what: str, names: Sequence[str]) -> list[str]:
    """Return "Two *what* have the name 'x'." for each of *names* that is there more than once."""
    return [f"Two {what} have the name {name!r}." for name in dict.fromkeys(names) if names.count(name) > 1]
