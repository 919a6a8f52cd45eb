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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from flaskkit.access import Policy, nobody
from flaskkit.errors import ResourceError, did_you_mean
from flaskkit.resource.computed import computed_of
from flaskkit.resource.fields import Field, fields_of, key_of, keys_of, label_of
from flaskkit.resource.owned import owned_of
from flaskkit.resource.shown import inner_of, shown_mistakes
from flaskkit.texts import as_text, say

OPERATIONS = ("list", "read", "create", "update", "replace", "delete")
HOOKS = tuple(f"{when}{action}" for action in ("create", "update", "delete") for when in ("before_", "", "after_"))
MOST_AT_ONCE = 10_000


@dataclass(frozen=True, eq=False)
class Resource:
    """What of a model may be seen and sent, and by whom.

    ``name`` stands in URLs (``/api/<name>/``, ``/<name>/``) and documents; without one it is the table's name.
    ``fields`` name columns and relationships of the model. Relationships are sent and shown as the key of the
    other row. ``write_only`` fields are sent and never shown. ``read_only`` may name properties as well, computed in
    Python or in SQL.

    ``nested`` names relationships whose rows are shown as objects with the fields given, ``expand`` those for which a
    request may ask that; both are sent as keys. A path, ``"author.country"``, names what is shown behind another row.
    ``owned`` names relationships whose rows belong to the row, ``cascade="all, delete-orphan"``, with the columns that
    may be sent: these rows are shown and sent as objects, with their keys, and one that is left out is deleted. Who may
    do that to them says ``owned_policy``, or else the resource of their own, where they have one.
    ``renamed`` says by which other names attributes are known outside. With ``sparse``, a request may ask for some of
    the fields only.

    ``filters``, ``sorts`` and ``search`` name columns which lists may be filtered, sorted and searched by; a column
    named here discloses which values there are, even when it is no field. ``filters`` maps names to the operators
    that are open, ``("all",)`` for those that fit the type; a list of names means that. All four lead through
    relationships with dots: ``author.name``. ``order`` is the order of lists that are not told another:
    names from ``sorts`` or ``fields``, descending with "-" in front; the key breaks ties.

    ``read`` decides which rows are seen. ``write`` stands for those of ``create``, ``update`` and ``delete``
    that are not given.

    ``hooks`` maps "before_create", "create", "after_create" and the same of "update" and "delete" to functions of
    the item, the values and the user, called within the transaction on every face. ``without`` names operations that
    REST leaves out; ``bulk`` is how many rows one request may create, change or delete there, and
    ``require_match`` asks for If-Match there.
    """

    model: Any
    name: str = ""
    fields: Sequence[str] = ()
    read_only: Sequence[str] = ()
    write_only: Sequence[str] = ()
    filters: Mapping[str, Sequence[str]] | Sequence[str] = ()
    sorts: Sequence[str] = ()
    search: Sequence[str] = ()
    order: Sequence[str] = ()
    nested: Mapping[str, Sequence[str]] = field(default_factory=dict)
    expand: Mapping[str, Sequence[str]] = field(default_factory=dict)
    owned: Mapping[str, Sequence[str]] = field(default_factory=dict)
    owned_policy: Policy | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)
    sparse: bool = False
    read: Policy = nobody
    write: Policy = nobody
    create: Policy | None = None
    update: Policy | None = None
    delete: Policy | None = None
    label: str = ""
    hooks: Mapping[str, Callable[[Any, dict[str, Any], Any], Any]] = field(default_factory=dict)
    without: Sequence[str] = ()
    bulk: int = 0
    require_match: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.model, type) and hasattr(self.model, "__tablename__"):
            _fill(self, "name", self.model.__tablename__)
        object.__setattr__(self, "label", as_text(self.label, label_of(self.name)))
        for action in ("create", "update", "delete"):
            _fill(self, action, self.write)
        for names in ("fields", "read_only", "write_only", "sorts", "search", "order", "without"):
            object.__setattr__(self, names, _words(getattr(self, names)))
        given = self.filters
        operators = given if isinstance(given, Mapping) else dict.fromkeys(_words(given), "all")
        object.__setattr__(self, "filters", {name: _words(words) for name, words in operators.items()})

    def policy(self, action: str) -> Policy:
        """Return the policy for "read", "create", "update" or "delete"."""
        found: Policy = getattr(self, action)
        return found

    @cached_property
    def known(self) -> Mapping[str, Field]:
        """All fields of the model by name, declared or not, and the computed ones that are named here.

        Mapped classes must be complete by now.
        """
        stored = fields_of(self.model)
        found = stored | computed_of(self.model, self._named_beside(stored))[0]
        return {name: self._declared(one) for name, one in found.items()}

    @cached_property
    def keys(self) -> tuple[Field, ...]:
        """The columns of the primary key, in its order; they stand in URLs."""
        return self._named(keys_of(self.model))

    @property
    def key(self) -> Field:
        """The primary key, where it is one column; else its first one."""
        return self.keys[0]

    @cached_property
    def readable(self) -> tuple[Field, ...]:
        """The fields that are shown, the key first when it is not among those that can be sent."""
        shown = dict.fromkeys([*self.read_only, *self.fields])
        keys = [key.name for key in self.keys if key.name not in (*shown, *self.write_only)]
        shown = dict.fromkeys([*keys, *shown])
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
        untold = computed_of(self.model, self._named_beside(fields_of(self.model)))[1]
        mistakes = [f"Resource {self.name!r}: {text}" for text in untold]
        told = " ".join(mistakes)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", self.name):
            mistakes.append(f"Resource {self.name!r} needs a name of letters, digits, '-' and '_': it stands in URLs.")
        for where in ("fields", "read_only", "write_only", "filters", "sorts", "search", "order"):
            for word in getattr(self, where):
                name = word.removeprefix("-") if where == "order" else word
                if "." in name and where in ("filters", "sorts", "search", "order"):
                    continue  # Feature db looks where such a path leads.
                if name not in self.known and f"{self.model.__name__}.{name} " in told:
                    continue
                if name not in self.known:
                    hint = did_you_mean(name, self.known)
                    mistakes.append(
                        f"Resource {self.name!r} names {name!r} in {where}, which {self.model.__name__} lacks.{hint}"
                    )
                elif where in ("filters", "sorts", "search", "order") and self.known[name].is_relationship:
                    mistakes.append(
                        f"Resource {self.name!r} names the relationship {name!r} in {where}; name a column."
                    )
                elif where in ("filters", "sorts", "order") and self.known[name].file:
                    mistakes.append(f"Resource {self.name!r} names the file {name!r} in {where}; files have no order.")
        for name in sorted({*self.fields, *self.write_only} & {*self.read_only}):
            mistakes.append(f"Resource {self.name!r} names {name!r} both as one that may be sent and as read_only.")
        mistakes.extend(
            f"Resource {self.name!r} searches {name!r}, which holds no text."
            for name in self.search
            if name in self.known and self.known[name].type is not str
        )
        mistakes.extend(self._policy_mistakes())
        mistakes.extend(self._writing_mistakes())
        mistakes.extend(shown_mistakes(self))
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
        if self.owned_policy is not None and not isinstance(self.owned_policy, Policy):
            yield f"Resource {self.name!r} has {self.owned_policy!r} as owned_policy; give a policy, such as login."
        if isinstance(self.read, Policy) and not _has_rows(self.read, self.model):
            yield f"Resource {self.name!r} has a policy as read which has no SQL form; give it rows()."

    def _writing_mistakes(self) -> Iterator[str]:
        for name in self.without:
            if name not in OPERATIONS:
                hint = did_you_mean(str(name), OPERATIONS) or f" There are {', '.join(OPERATIONS)}."
                yield f"Resource {self.name!r} is without {name!r}, which is no operation.{hint}"
        if type(self.bulk) is not int or not 0 <= self.bulk <= MOST_AT_ONCE:
            yield f"Resource {self.name!r} has bulk={self.bulk!r}; give how many rows, from 0 to {MOST_AT_ONCE}."
        elif self.bulk and len(self.keys) > 1:
            yield f"Resource {self.name!r} has bulk={self.bulk!r}, which takes a key of one column."
        if not isinstance(self.hooks, Mapping):
            yield f"Resource {self.name!r} has hooks={self.hooks!r}; give a function for each name of a hook."
            return
        for name, hook in self.hooks.items():
            if name not in HOOKS:
                hint = did_you_mean(str(name), HOOKS) or f" There are {', '.join(HOOKS)}."
                yield f"Resource {self.name!r} has a hook {name!r}, which is never called.{hint}"
            elif not callable(hook):
                yield f"Resource {self.name!r} has {hook!r} as hook {name!r}; give a function of item, values and user."
            elif name.startswith("before_") and name.removeprefix("before_") in self.hooks:
                instead = name.removeprefix("before_")
                yield f"Resource {self.name!r} has the hooks {name!r} and {instead!r}; do both in {instead!r}."

    def attribute_of(self, name: str) -> str:
        """Return the attribute that is called *name* outside."""
        return next((old for old, new in self.renamed.items() if new == name), name)

    def named(self) -> set[str]:
        """Return every attribute that is named here, and the key."""
        order = [name.removeprefix("-") for name in self.order]
        # What stands behind a dot belongs to another model.
        listed = [name for name in (*self.filters, *self.sorts, *self.search, *order) if "." not in name]
        return {*self.fields, *self.read_only, *self.write_only, *listed, *keys_of(self.model)}

    def _named_beside(self, stored: Iterable[str]) -> list[str]:
        return sorted(self.named() - {*stored})

    def _declared(self, one: Field) -> Field:
        """Return *one* as it is shown here: with its new name, and with the fields of the other row."""
        new = self.renamed.get(one.name, "")
        label = say(label_of(new)) if new and one.label == label_of(one.name) else one.label
        owned = owned_of(self.model, one.name, self.owned[one.name])[0] if self._owns(one) else ()
        shown = {**self.nested, one.name: self._shown_of(one, owned)} if owned else self.nested
        nested, expandable = (
            inner_of(where, one.name, one.target)[0] if one.name in where and one.is_relationship else ()
            for where in (shown, self.expand)
        )
        if not (new or nested or expandable):
            return one
        return replace(one, renamed=new, label=label, nested=nested, expandable=expandable, owned=owned)

    def _owns(self, one: Field) -> bool:
        return one.name in self.owned and one.is_relationship

    def _shown_of(self, one: Field, owned: Iterable[Field]) -> list[str]:
        target: Any = one.target
        return [key_of(target), *(field.name for field in owned), *self.nested.get(one.name, ())]

    def _named(self, names: Iterable[str]) -> tuple[Field, ...]:
        return tuple(self.known[name] for name in names)


def _words(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _has_rows(policy: Policy, model: Any) -> bool:
    try:
        policy.rows(None, model)
    except NotImplementedError:
        return False
    except Exception:
        return True  # It has, and needs a request or a database to tell.
    return True


def _fill(resource: Resource, attribute: str, value: Any) -> None:
    if not getattr(resource, attribute):
        object.__setattr__(resource, attribute, value)
