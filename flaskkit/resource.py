"""Resource: a model, declared once, for every face (REST, pages, forms, admin).

    notes = Resource(
        Note,
        fields=["airport", "rating", "text"],       seen and sent
        read_only=["id", "created_at"],             seen, never sent
        filters=["rating"], sorts=["created_at"], search=["text"],
        read=public, create=owner("author_id"), update=owner("author_id"), delete=owner("author_id"),
    )

What is not named is not shown, not writable, not filterable. What no policy opens stays closed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flaskkit.access import Policy, nobody
from flaskkit.errors import ResourceError, did_you_mean
from flaskkit.fields import Field, fields_of, key_of, label_of


@dataclass(frozen=True, eq=False)
class Resource:
    """What of a model may be seen and sent, and by whom.

    ``name`` stands in URLs (``/api/<name>/``, ``/<name>/``) and documents; without one it is the table's name.
    ``fields`` name columns and relationships of the model. Relationships are sent and shown as the key of the
    other row. ``write_only`` fields are sent and never shown.

    ``filters``, ``sorts`` and ``search`` name columns which lists may be filtered, sorted and searched by; a column
    named here discloses which values there are, even when it is no field. ``order`` is the order of lists that
    are not told another: names from ``sorts`` or ``fields``, descending with "-" in front; the key breaks ties.

    ``read`` decides which rows are seen. ``write`` stands for those of ``create``, ``update`` and ``delete``
    that are not given.
    """

    model: Any
    name: str = ""
    fields: Sequence[str] = ()
    read_only: Sequence[str] = ()
    write_only: Sequence[str] = ()
    filters: Sequence[str] = ()
    sorts: Sequence[str] = ()
    search: Sequence[str] = ()
    order: Sequence[str] = ()
    read: Policy = nobody
    write: Policy = nobody
    create: Policy | None = None
    update: Policy | None = None
    delete: Policy | None = None
    label: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.model, type) and hasattr(self.model, "__tablename__"):
            _fill(self, "name", self.model.__tablename__)
        _fill(self, "label", label_of(self.name))
        for action in ("create", "update", "delete"):
            _fill(self, action, self.write)
        for names in ("fields", "read_only", "write_only", "filters", "sorts", "search", "order"):
            given = getattr(self, names)
            object.__setattr__(self, names, (given,) if isinstance(given, str) else tuple(given))

    def policy(self, action: str) -> Policy:
        """Return the policy for "read", "create", "update" or "delete"."""
        found: Policy = getattr(self, action)
        return found

    @cached_property
    def known(self) -> Mapping[str, Field]:
        """All fields of the model by name, declared or not. Mapped classes must be complete by now."""
        return fields_of(self.model)

    @cached_property
    def key(self) -> Field:
        """The primary key: what stands in URLs."""
        return self.known[key_of(self.model)]

    @cached_property
    def readable(self) -> tuple[Field, ...]:
        """The fields that are shown, the key first when it is not among those that can be sent."""
        shown = dict.fromkeys([*self.read_only, *self.fields])
        if self.key.name not in shown and self.key.name not in self.write_only:
            shown = dict.fromkeys([self.key.name, *shown])
        return self._named(shown)

    @cached_property
    def writable(self) -> tuple[Field, ...]:
        """The fields that may be sent."""
        return self._named([*self.fields, *self.write_only])

    def check(self) -> None:
        """Compare what is named here with what the model has.

        Raises:
            ResourceError: listing every name the model lacks, and every other mistake.
        """
        if not hasattr(self.model, "__mapper__"):
            raise ResourceError(f"Resource {self.name or self.model!r} needs a mapped class, not {self.model!r}.")
        mistakes = []
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", self.name):
            mistakes.append(f"Resource {self.name!r} needs a name of letters, digits, '-' and '_': it stands in URLs.")
        for where in ("fields", "read_only", "write_only", "filters", "sorts", "search", "order"):
            for word in getattr(self, where):
                name = word.removeprefix("-") if where == "order" else word
                if name not in self.known:
                    hint = did_you_mean(name, self.known)
                    mistakes.append(
                        f"Resource {self.name!r} names {name!r} in {where}, which {self.model.__name__} lacks.{hint}"
                    )
                elif where in ("filters", "sorts", "search", "order") and self.known[name].is_relationship:
                    mistakes.append(
                        f"Resource {self.name!r} names the relationship {name!r} in {where}; name a column."
                    )
        for name in sorted({*self.fields, *self.write_only} & {*self.read_only}):
            mistakes.append(f"Resource {self.name!r} names {name!r} both as one that may be sent and as read_only.")
        mistakes.extend(
            f"Resource {self.name!r} searches {name!r}, which holds no text."
            for name in self.search
            if name in self.known and self.known[name].type is not str
        )
        mistakes.extend(self._policy_mistakes())
        try:
            key_of(self.model)
        except ValueError as error:
            mistakes.append(f"Resource {self.name!r}: {error}")
        if mistakes:
            raise ResourceError(mistakes)

    def _policy_mistakes(self) -> Iterator[str]:
        for action in ("read", "create", "update", "delete"):
            policy = getattr(self, action)
            if not isinstance(policy, Policy):
                yield f"Resource {self.name!r} has {policy!r} as {action}; give a policy, such as public or login."
                continue
            for name in policy.names():
                if name not in self.known:
                    where = f"{action}={policy}, which {self.model.__name__} lacks"
                    yield f"Resource {self.name!r} names {name!r} in {where}.{did_you_mean(name, self.known)}"

    def _named(self, names: Iterable[str]) -> tuple[Field, ...]:
        return tuple(self.known[name] for name in names)


def _fill(resource: Resource, attribute: str, value: Any) -> None:
    if not getattr(resource, attribute):
        object.__setattr__(resource, attribute, value)
