"""Columns as they are written on a command line: ``price:decimal``, ``category:ref``, ``note:text:optional``."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from flaskkit.errors import did_you_mean


@dataclass(frozen=True)
class Kind:
    """How a type is written in a model: the annotation, the column, what to import, and a value for tests."""

    annotation: str
    column: str
    imports: Mapping[str, str]
    value: str


KINDS = {
    "str": Kind("str", "String(80)", {"String": "sqlalchemy"}, '"Tea"'),
    "text": Kind("str", "Text", {"Text": "sqlalchemy"}, '"Two lines."'),
    "email": Kind("str", "String(254)", {"String": "sqlalchemy"}, '"ada@example.com"'),
    "url": Kind("str", "String(2000)", {"String": "sqlalchemy"}, '"https://example.com/"'),
    "int": Kind("int", "", {}, "3"),
    "float": Kind("float", "", {}, "2.5"),
    "decimal": Kind("Decimal", "Numeric(12, 2)", {"Decimal": "decimal", "Numeric": "sqlalchemy"}, '"2.50"'),
    "bool": Kind("bool", "", {}, "True"),
    "date": Kind("date", "", {"date": "datetime"}, '"2026-03-04"'),
    "datetime": Kind("datetime", "", {"datetime": "datetime"}, '"2026-03-04T09:30:00Z"'),
    "time": Kind("time", "", {"time": "datetime"}, '"09:30:00"'),
    "uuid": Kind("UUID", "", {"UUID": "uuid"}, '"01890a5d-ac96-774b-bcce-b302099a8057"'),
    "json": Kind("dict[str, Any]", "JSON", {"JSON": "sqlalchemy", "Any": "typing"}, '{"a": 1}'),
}
RULES = ("optional", "unique", "index")
# What every model has already, or what would hide something of it.
TAKEN = ("id", "created_at", "updated_at", "metadata", "registry", "query", "query_class")


@dataclass(frozen=True)
class Column:
    """One column, as it is to be written; ``target`` is the model that a reference leads to."""

    name: str
    kind: Kind
    word: str
    rules: tuple[str, ...] = ()
    target: Any = None

    @property
    def attribute(self) -> str:
        """The name of what a resource shows: for a reference the relationship."""
        return self.name

    @property
    def optional(self) -> bool:
        """Whether a row may be without it."""
        return "optional" in self.rules

    @property
    def imports(self) -> Mapping[str, str]:
        """Where the names in its lines come from."""
        more = {"mapped_column": "sqlalchemy.orm"} if self._arguments() or self.target else {}
        return {**self.kind.imports, **more}

    def lines(self) -> list[str]:
        """Return its lines in the class."""
        optional = " | None" if self.optional else ""
        arguments = self._arguments()
        made = f" = mapped_column({', '.join(arguments)})" if arguments else ""
        if self.target is None:
            return [f"{self.name}: Mapped[{self.kind.annotation}{optional}]{made}"]
        return [
            f"{self.name}_id: Mapped[{self.kind.annotation}{optional}]{made}",
            f"{self.name}: Mapped[{self.target.__name__}{optional}] = relationship()",
        ]

    def _arguments(self) -> list[str]:
        rules = [f"{rule}=True" for rule in ("unique", "index") if rule in self.rules]
        info = [f'info={{"input": "{self.word}"}}'] if self.word in ("email", "url") else []
        if self.target is not None:
            [key] = self.target.__mapper__.primary_key
            rules = rules or ["index=True"]
            return [f'ForeignKey("{self.target.__tablename__}.{key.name}")', *rules]
        return [*filter(None, [self.kind.column]), *rules, *info]


def column_of(text: str, models: Mapping[str, Any]) -> Column:
    """Return the column that is written as "name:type:rule…"; *models* are those that a reference may lead to.

    Raises:
        ClickException: it cannot be read.
    """
    name, _, rest = text.partition(":")
    word, *rules = rest.split(":") if rest else ["str"]
    if not name.isidentifier() or not name.isascii() or name != name.lower() or keyword.iskeyword(name):
        raise click.ClickException(f"{text!r}: {name!r} is no name for a column; use small letters, digits and '_'.")
    if name in TAKEN:
        raise click.ClickException(f"{text!r}: {name!r} is there already.")
    if word == "ref":
        # The model may have another name than the column: author:ref:User.
        model = rules.pop(0) if rules and rules[0] not in RULES else "".join(part.title() for part in name.split("_"))
        if model not in models:
            hint = did_you_mean(model, models) or f" Add it first: flask kit add resource {model} name:str"
            raise click.ClickException(f"{text!r}: there is no model {model}.{hint}")
        return Column(name, _key_of(text, models[model]), word, _known(text, rules), models[model])
    if word not in KINDS:
        kinds = (*KINDS, "ref")
        hint = did_you_mean(word, kinds) or f" There are {', '.join(kinds)}."
        raise click.ClickException(f"{text!r}: {word!r} is no type.{hint}")
    return Column(name, KINDS[word], word, _known(text, rules))


def _known(text: str, rules: list[str]) -> tuple[str, ...]:
    for rule in rules:
        if rule not in RULES:
            hint = did_you_mean(rule, RULES) or f" There are {', '.join(RULES)}."
            raise click.ClickException(f"{text!r}: {rule!r} is no rule.{hint}")
    return tuple(rules)


def _key_of(text: str, model: Any) -> Kind:
    keys = model.__mapper__.primary_key
    python = getattr(keys[0].type, "python_type", object).__name__
    if len(keys) != 1 or python not in ("int", "str", "UUID"):
        raise click.ClickException(f"{text!r}: {model.__name__} has a key that cannot be referred to like this.")
    imports = {"ForeignKey": "sqlalchemy", "relationship": "sqlalchemy.orm"}
    return Kind(python, "", {**imports, **({"UUID": "uuid"} if python == "UUID" else {})}, "")
