"""A CSV file as rows to be stored: what each line would do, and what is wrong with it.

    plan = planned(resource, parsed_file)       nothing is stored
    stored(resource, plan)                      all of it, in one transaction

Cells are read as the export writes them and as people type them into forms, by the rules of the form. A line whose key
is that of a row changes it, in the columns that the file has; every other line is a new row.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from io import StringIO
from typing import Any

from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict

from flaskkit.access import user_for
from flaskkit.db import bulk, db, rows
from flaskkit.db.keys import parsed
from flaskkit.db.texts import name_of, text_of
from flaskkit.db.transactions import together
from flaskkit.errors import Rejected, did_you_mean
from flaskkit.forms import form_for
from flaskkit.forms.values import declared_in
from flaskkit.pages.export import FORMULA
from flaskkit.resource import Resource
from flaskkit.resource.fields import Field
from flaskkit.resource.fields import key_of as key_name
from flaskkit.texts import joined, say

MOST_BYTES = 1_000_000
MOST_ROWS = 1_000
MASKED = "•••"


class Unreadable(ValueError):
    """The file as a whole cannot be imported; the text says why."""


@dataclass(frozen=True)
class Table:
    """A file: the columns that are imported, those that are left out, and the cells of each line."""

    columns: tuple[Field, ...]
    left_out: tuple[str, ...]
    lines: tuple[tuple[int, Mapping[str, str]], ...]


@dataclass
class Line:
    """What line *number* of the file would do: *action* is "new", "change" or "same"; it has *errors* by label."""

    number: int
    action: str
    name: str = ""
    key: Any = None
    values: dict[str, Any] = field(default_factory=dict)
    differences: list[tuple[str, str, str]] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """What a file would do, line by line."""

    lines: tuple[Line, ...]

    @property
    def wrong(self) -> int:
        """How many lines cannot be stored."""
        return sum(bool(line.errors) for line in self.lines)

    def count(self, action: str) -> int:
        """Return how many good lines do *action*."""
        return sum(line.action == action and not line.errors for line in self.lines)


def table_of(resource: Resource, content: bytes) -> Table:
    """Read *content* as CSV, with the names or labels of fields in its first line.

    Raises:
        Unreadable: it is no such file, or too large.
    """
    if len(content) > MOST_BYTES:
        raise Unreadable(say("The file is too large. At most %(bytes)s bytes are taken.", bytes=f"{MOST_BYTES:,}"))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(say("The file is not in UTF-8. Save it as CSV in UTF-8.")) from error
    if "\x00" in text:
        raise Unreadable(say("The file is no text."))
    try:
        found = list(csv.reader(StringIO(text, newline=""), delimiter=_delimiter(text), strict=True))
    except csv.Error as error:
        raise Unreadable(say("The file is no CSV: %(error)s.", error=str(error))) from error
    if not found or not any(found[0]):
        raise Unreadable(say("The file is empty. Its first line has the names of the columns."))
    columns, left_out = _columns(resource, [_plain(name).strip() for name in found[0]])
    lines = []
    for number, cells in enumerate(found[1:], 2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(found[0]):
            raise Unreadable(
                say(
                    "Line %(line)s has %(cells)s cells instead of %(columns)s.",
                    line=number,
                    cells=len(cells),
                    columns=len(found[0]),
                )
            )
        lines.append((number, {one.name: _plain(cell) for one, cell in zip(columns, cells, strict=True) if one}))
    if len(lines) > MOST_ROWS:
        raise Unreadable(
            say(
                "The file has %(rows)s rows. At most %(most)s are taken at once.",
                rows=f"{len(lines):,}",
                most=f"{MOST_ROWS:,}",
            )
        )
    if not lines:
        raise Unreadable(say("The file has no rows below the names of its columns."))
    return Table(tuple(one for one in columns if one), tuple(left_out), tuple(lines))


def _delimiter(text: str) -> str:
    # Spreadsheets write semicolons where the comma stands in numbers.
    return max(",;\t", key=text.partition("\n")[0].count)


def _plain(cell: str) -> str:
    """Return *cell* without the mark by which the export keeps spreadsheets from calculating."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell


def _columns(resource: Resource, head: Sequence[str]) -> tuple[list[Field | None], list[str]]:
    """Return a field for each column, None for one that is shown but never sent, and the names of these."""
    sent = {one.name: one for one in resource.writable if one.file is None and not one.owned}
    key = resource.key
    if len(resource.keys) == 1 and key.name not in sent:
        sent[key.name] = key
    called = {name.lower(): one for one in sent.values() for name in (one.label, one.public_name)}
    shown = {name.lower() for one in resource.readable for name in (one.label, one.public_name)}
    shown |= {
        name.lower() for one in resource.writable if one.file or one.owned for name in (one.label, one.public_name)
    }
    found: list[Field | None] = []
    left_out = []
    for name in head:
        one = called.get(name.lower())
        if one is None and name.lower() not in shown:
            raise Unreadable(
                joined(
                    say("There is no column %(name)s to import.", name=repr(name)),
                    did_you_mean(name.lower(), called).strip(),
                )
            )
        if one is not None and one in found:
            raise Unreadable(say("The column %(name)s is there twice.", name=repr(name)))
        if one is None:
            left_out.append(name)
        found.append(one)
    if not any(one is not None and one.name != key.name for one in found):
        raise Unreadable(say("The file has no column that can be imported."))
    return found, left_out


def planned(resource: Resource, table: Table) -> Plan:
    """Return what *table* would do to the rows of *resource*, with everything that is wrong. Nothing is stored."""
    existing = _existing(resource, table)
    links = {one.name: _links(one, table) for one in table.columns if one.target is not None}
    reader = _Reader(resource, table, links)
    lines = []
    seen: dict[Any, int] = {}
    for number, cells in table.lines:
        line = reader.line(number, cells, existing)
        if line.key is not None and line.key in seen:
            line.errors.append((resource.key.label, say("This key is in line %(line)s already.", line=seen[line.key])))
        seen.setdefault(line.key, number)
        lines.append(line)
    plan = Plan(tuple(lines))
    if not plan.wrong:
        _try(resource, plan)
    return plan


def stored(resource: Resource, plan: Plan) -> None:
    """Store all of *plan*.

    Raises:
        Rejected: the errors of *plan* say what is wrong; nothing is stored.
    """
    new = [line for line in plan.lines if line.action == "new"]
    changed = [line for line in plan.lines if line.action == "change"]
    with together():
        if new:
            with _told(resource, new):
                bulk.create(resource, [line.values for line in new])
        if changed:
            with _told(resource, changed):
                bulk.update(resource, [(line.key, line.values) for line in changed])


def _try(resource: Resource, plan: Plan) -> None:
    """Store *plan* and undo it: what only the database and hooks know is told before anybody confirms."""
    with suppress(Rejected), together():
        stored(resource, plan)
        db.session.rollback()


class _told:  # noqa: N801  (reads as a word where it stands)
    """Puts what is raised about a position beside the line that stands there."""

    def __init__(self, resource: Resource, lines: Sequence[Line]) -> None:
        self.resource, self.lines = resource, lines

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: Any, error: Any, _trace: Any) -> None:
        known = self.resource.known
        for position, errors in error.errors.items() if isinstance(error, Rejected) else ():
            by_name = errors if isinstance(errors, dict) else {"": errors}
            place = int(position) if position.isdigit() and int(position) < len(self.lines) else 0
            for name, texts in by_name.items():
                label = known[name].label if name in known else ""
                self.lines[place].errors += [(label, text) for text in texts]


def _existing(resource: Resource, table: Table) -> dict[Any, Any]:
    """Return by key the rows that *table* names. One query, and those for relationships."""
    key = resource.key
    if key not in table.columns:
        return {}
    kind = getattr(resource.model, key.name).type
    keys = [parsed(kind, cells[key.name].strip()) for _, cells in table.lines if cells[key.name].strip()]
    wanted = [one for one in dict.fromkeys(keys) if one is not None]
    filters = {f"{key.public_name}__in": wanted}
    found = rows.page(resource, filters=filters, size=MOST_ROWS, count=False).items if wanted else []
    return {getattr(item, key.name): item for item in found}


def _links(one: Field, table: Table) -> dict[str, Any]:
    """Return the keys of the rows that column *one* names, by text: keys, or the names that the export writes."""
    target: Any = one.target
    texts = {part for _, cells in table.lines for part in _parts(one, cells[one.name])}
    kind = getattr(target, key_name(target)).type
    found = {text: parsed(kind, text) for text in texts}
    there = rows.referred(one, [key for key in found.values() if key is not None])
    known = {text: key for text, key in found.items() if key in there}
    if len(known) < len(texts):
        named: dict[str, list[Any]] = {}
        for key, text in rows.choices(one, MOST_ROWS) or ():
            named.setdefault(text, []).append(key)
        known |= {text: keys[0] for text, keys in named.items() if text in texts - known.keys() and len(keys) == 1}
    return known


def _parts(one: Field, cell: str) -> list[str]:
    parts = cell.split(",") if one.many else [cell]
    return [part.strip() for part in parts if part.strip()]


class _Reader:
    """Reads the lines of *table*. The form is made once, since each may ask for rows to choose from."""

    def __init__(self, resource: Resource, table: Table, links: Mapping[str, Mapping[str, Any]]) -> None:
        self.resource, self.table, self.links = resource, table, links
        plain = [one for one in table.columns if one.target is None and one in resource.writable]
        narrow = replace(resource, fields=[one.name for one in plain], write_only=(), nested={}, expand={}, owned={})
        self.form: FlaskForm = form_for(narrow)(None, meta={"csrf": False})
        self.inputs = {one.name: (at, one) for at, one in declared_in(self.form).items()}

    def line(self, number: int, cells: Mapping[str, str], existing: Mapping[Any, Any]) -> Line:
        """Return what the line with these *cells* would do."""
        resource, key = self.resource, self.resource.key
        text = cells.get(key.name, "").strip()
        value = parsed(getattr(resource.model, key.name).type, text) if text else None
        item = existing.get(value)
        line = Line(number, "new" if item is None else "change", key=value)
        line.values, line.errors = self._values(cells, item)
        if item is None:
            self._look_at_new(line, text)
        else:
            line.name = name_of(item)
            line.values.pop(key.name, None)
            if not resource.policy("update").allows(user_for(resource.policy("update")), item):
                line.errors.append(("", say("You may not change this row.")))
            line.values = {name: one for name, one in line.values.items() if self._differs(item, name, one)}
            if not line.values and not line.errors:
                line.action = "same"
        line.differences = list(self._differences(line, item, cells))
        return line

    def _look_at_new(self, line: Line, key: str) -> None:
        resource = self.resource
        if key and resource.key not in resource.writable:
            line.errors.append(
                (resource.key.label, say("There is no row %(key)s. Leave the key empty for a new one.", key=repr(key)))
            )
        if not resource.policy("create").allows(user_for(resource.policy("create"))):
            line.errors.append(("", say("You may not add rows.")))
        given = {one.relationship or one.name for one in self.table.columns}
        line.errors += [
            (one.label, say("The file lacks this column, which a new row needs."))
            for one in resource.writable
            if one.required and (one.relationship or one.name) not in given and not one.file
        ]
        line.name = next((str(one) for one in line.values.values() if isinstance(one, str) and one), "")[:80]

    def _values(self, cells: Mapping[str, str], item: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        errors: list[tuple[str, str]] = []
        values: dict[str, Any] = {}
        self._fill(cells, item)
        self.form.validate()
        for at, one in self.inputs.values():
            shown = self.form[at]
            if one.type is bool and cells[one.name].strip().lower() not in _YES + _NO:
                errors.append((one.label, say("Write yes or no.")))
            elif shown.errors:
                errors.append((one.label, joined(*shown.errors)))
            elif one.name in self.resource.write_only and not cells[one.name]:
                continue  # What is never shown stays as it is, unless something new is given.
            elif shown.data is not None or (one.nullable and (item is not None or not one.default)):
                values[one.name] = shown.data
        for name, known in self.links.items():
            one = self._field(name)
            parts = _parts(one, cells[name])
            unknown = [part for part in parts if part not in known]
            if unknown:
                errors.append((one.label, say("There is no such row: %(keys)s.", keys=", ".join(unknown))))
            elif one.required and not parts:
                errors.append((one.label, say("This field is required.")))
            else:
                keys = [known[part] for part in parts]
                values[name] = list(dict.fromkeys(keys)) if one.many else next(iter(keys), None)
        return values, errors

    def _fill(self, cells: Mapping[str, str], item: Any) -> None:
        """Let the form hold *cells*, as if they had been typed into a form about *item*."""
        for at, one in self.inputs.values():
            shown, cell = self.form[at], cells[one.name]
            before, shown.errors, shown.raw_data = getattr(item, one.name, None), [], None
            moment = _moment(cell) if one.type is datetime else None
            if moment is not None:
                shown.process(None, data=moment)
                shown.raw_data = [cell]
            else:
                shown.process(MultiDict({shown.name: _typed(one, cell)}), data=before)

    def _differences(self, line: Line, item: Any, cells: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
        for one in self.table.columns:
            if one.name not in line.values:
                continue
            secret = one.name in self.resource.write_only
            before = "" if item is None or secret else _shown(one, item)
            after = cells[one.name] if one.target is not None else text_of(line.values[one.name])
            if before or after:
                yield one.label, before, MASKED if secret else after

    def _differs(self, item: Any, name: str, value: Any) -> bool:
        before = rows.value_of(item, self._field(name))
        return set(before) != set(value) if self._field(name).many else before != value

    def _field(self, name: str) -> Field:
        return self.resource.known[name]


def _shown(one: Field, item: Any) -> str:
    if one.target is None or not one.relationship:
        return text_of(getattr(item, one.name))
    related = getattr(item, one.relationship)
    others: Iterable[Any] = related if one.many else [related] if related is not None else []
    return ", ".join(name_of(other) for other in others)


def _moment(cell: str) -> datetime | None:
    """Return the moment that is written as *cell* in ISO 8601, in UTC where it has no zone; None where it is none."""
    try:
        found = datetime.fromisoformat(cell.strip())
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


_YES, _NO = ("true", "yes", "y", "1", "x"), ("false", "no", "n", "0", "")


def _typed(one: Field, cell: str) -> str:
    """Return *cell* as it would be typed into the input for *one*."""
    word = cell.strip().lower()
    if one.type is bool and not one.nullable:
        return "y" if word in _YES else ""
    if one.type is bool:
        return "yes" if word in _YES else "no" if word in _NO and word else cell
    return cell if one.type is str and not one.choices else cell.strip()
