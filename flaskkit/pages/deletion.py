"""What else happens when rows are deleted, told before it does.

    consequences(section, books, [emma])  ->  "gone": 3 copies; "released": 1 loan; "blocking": 2 notes

Who decides is the relationship on the deleted side, as SQLAlchemy follows it, and else the foreign key's ON DELETE.
Rows that the visitor may not read are counted without saying what they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import current_app
from sqlalchemy import and_, func, not_, select, tuple_

from flaskkit.db.models import Model, db
from flaskkit.db.tables import tables_of
from flaskkit.db.visibility import condition_for
from flaskkit.resource import Resource
from flaskkit.texts import say, speech, spoken

if TYPE_CHECKING:
    from flaskkit.pages.section import Section

# Of rows below rows below rows nobody reads the numbers; a circle ends here.
DEEPEST = 8
OTHERS = say("other rows")
# ON DELETE, by what happens.
_RULES = {"CASCADE": "gone", "SET NULL": "released", "SET DEFAULT": "released"}


def consequences(section: Section, resource: Resource, items: Sequence[Any]) -> Mapping[str, list[tuple[int, str]]]:
    """Return (how many, of what) under "gone", "released" and "blocking", each only where there are such rows.

    Rows that refer to *items* are gone as well, released from what they refer to, or in the way. One query for each
    foreign key. Nothing is told where a hook decides what deleting means.
    """
    if "delete" in resource.hooks or not items:
        return {}
    names = [field.name for field in resource.keys]
    root = _Root(resource.model.__mapper__.local_table, [tuple(getattr(item, n) for n in names) for item in items])
    found: dict[str, dict[str, int]] = {}
    for effect, child, condition in _following(root, root.table, root.table, root.among(root.table)):
        for name, count in _counted(section, child, condition):
            counts = found.setdefault(effect, {})
            counts[name] = counts.get(name, 0) + count
    return {effect: [(count, name) for name, count in sorted(counts.items())] for effect, counts in found.items()}


@dataclass(frozen=True)
class _Root:
    """The rows to delete: their table, and their keys."""

    table: Any
    keys: list[tuple[Any, ...]]

    def among(self, table: Any) -> Any:
        """Return the condition that a row of *table*, this one or an alias, is one of them."""
        return _among([table.c[column.key] for column in self.table.primary_key], self.keys)


def _following(
    root: _Root, table: Any, source: Any, condition: Any, *, loaded: bool = True, depth: int = 0
) -> Iterator[tuple[str, Any, Any]]:
    """Yield (effect, table, condition on its primary key) of the rows that refer to those of *source*, and so on.

    *source* is *table* or an alias of it. SQLAlchemy deletes the rows that it has *loaded*; those that the database
    deletes by itself have no relationships.
    """
    for child in tables_of(current_app, table.metadata.info.get("bind_key")):
        for key in child.foreign_key_constraints:
            link = _link(table, child, key) if loaded and key.referred_table is table else ""
            effect = link or _RULES.get((key.ondelete or "").upper(), "blocking")
            if key.referred_table is not table or link == "linked":
                continue
            other = child.alias()
            wanted = [source.c[element.column.key] for element in key.elements]
            referred = select(*wanted).where(condition).correlate(None)
            refers = _among([other.c[column.key] for column in key.columns], referred)
            if child is root.table:
                refers = and_(refers, not_(root.among(other)))
            rows = select(*(other.c[column.key] for column in _identity(child))).where(refers).correlate(None)
            if db.session.execute(rows.limit(1)).first():
                yield effect, child, _among(_identity(child), rows)
                if effect == "gone" and depth < DEEPEST:
                    yield from _following(root, child, other, refers, loaded=link == "gone", depth=depth + 1)


def _link(table: Any, child: Any, key: Any) -> str:
    """Return what SQLAlchemy does to rows of *child* that refer by *key* to a row of *table* that it deletes.

    "linked" means that they are nothing but links, and go; "" that it leaves them to the database.
    """
    columns = {*key.columns}
    for mapper in Model.registry.mappers:
        if mapper.local_table is not table:
            continue
        for link in mapper.relationships:
            if link.viewonly:
                continue
            if link.secondary is child:
                return "linked"
            if link.direction.name == "ONETOMANY" and {*link.remote_side} == columns:
                if link.passive_deletes:
                    return ""
                if link.cascade.delete:
                    return "gone"
                return "released" if all(column.nullable for column in columns) else "blocking"
    return ""


def _counted(section: Section, child: Any, condition: Any) -> Iterator[tuple[str, int]]:
    total = db.session.execute(select(func.count()).select_from(child).where(condition)).scalar() or 0
    resource = _resource_of(section, child)
    known = 0
    if resource is not None:
        seen = condition_for(resource.model, resource.read)
        known = total
        if seen is not True:
            # What a policy hides is not called by its name.
            visible = select(func.count()).select_from(resource.model).where(condition, seen)
            known = db.session.execute(visible).scalar() or 0
        if known:
            yield _called(resource), known
    if total > known:
        yield OTHERS, total - known


def _resource_of(section: Section, table: Any) -> Resource | None:
    return next((one for one in section.resources if one.model.__mapper__.local_table is table), None)


def _called(resource: Resource) -> str:
    # German writes nouns large in the middle of a sentence, too.
    name = spoken(resource.label)
    return name if speech().language.startswith("de") else name.lower()


def _identity(table: Any) -> Sequence[Any]:
    return list(table.primary_key) or list(table.c)


def _among(columns: Sequence[Any], values: Any) -> Any:
    if len(columns) > 1:
        return tuple_(*columns).in_(values)
    return columns[0].in_([value for (value,) in values] if isinstance(values, list) else values)
