"""What an answer shows of the rows of a resource, as JSON bytes: the same whichever operation shows it.

shapes = Shapes(notes, schemas.shown())
shown = shapes.whole                        all that the resource declares
shown = shapes.asked(query)                 what ?fields= and ?expand= ask for, taken out of *query*

shown.page(number=2)  shown.get("7")        rows, read by the fastest way there is
shown.one(row)  shown.many(rows)            the bytes of these
shown.created(values)                       a new row: its key in URLs, and the row
shown.stored(item)  shown.all_stored(…)     rows as they are in the database now, given as model objects
shown.answer(body, 201)                     the response

shown.tag(row, body)                        the ETag of a row: of its JSON, or of its version where that tells all
shown.tag_of(item)  shown.tag_at("7")       the same of a model object, and of a key where no more must be read
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from typing import Any

import marshmallow as ma
from flask import Response, current_app

from flaskkit.access import user_for
from flaskkit.api.dump import answer, writer_for
from flaskkit.api.schemas import dumping
from flaskkit.db import rows
from flaskkit.db.compiled import reader_for
from flaskkit.db.inserting import inserter_for
from flaskkit.db.keys import url_key, url_key_of
from flaskkit.db.lists import Page
from flaskkit.resource import Resource
from flaskkit.resource.fields import Field


class Shown:
    """How *fields* of *resource* are shown, all where they are None: as tuples, or by model objects and *schema*."""

    def __init__(self, resource: Resource, schema: ma.Schema, fields: Iterable[Field] | None = None) -> None:
        shown = resource.readable if fields is None else tuple(fields)
        version = _version_of(resource, shown)
        unseen = [] if version is None or version in shown else [version]
        reader = reader_for(resource, (*shown, *unseen))
        self._writer = writer_for([field for field in reader.fields if field not in unseen]) if reader else None
        self._reader = reader if self._writer else None
        self._inserter = inserter_for(resource, self._reader)
        self._resource = resource
        self._schema = schema
        # What a listener makes of an object when it is loaded no version tells.
        self._version = version if self._reader else None
        self._versions = reader_for(resource, [version]) if version and self._reader else None
        self._at = reader.fields.index(version) if reader and version else 0
        self._unseen = bool(unseen)
        self._shape = " ".join(f"{field.public_name}:{field.type.__name__}" for field in shown).encode()

    def page(self, **asked: Any) -> Page:
        """Return what ``rows.page`` does, with items for ``many``."""
        return self._reader.page(**asked) if self._reader else rows.page(self._resource, **asked)

    def get(self, key: str) -> Any:
        """Return what ``rows.get`` does, for ``one``."""
        return self._reader.get(key) if self._reader else rows.get(self._resource, key)

    def one(self, row: Any) -> bytes:
        """Return *row* as a JSON object."""
        return self._writer.one(self._seen(row)) if self._writer else self._dumped(self._schema.dump(row))

    def many(self, found: Sequence[Any]) -> bytes:
        """Return *found* as a JSON array of objects."""
        if self._writer and self._unseen:
            return self._writer.many([self._seen(row) for row in found])
        return self._writer.many(found) if self._writer else self._dumped(self._schema.dump(found, many=True))

    def created(self, values: Mapping[str, Any]) -> tuple[str, Any]:
        """Do what ``rows.create`` does; return the new row's key in URLs, and the row for ``one``.

        None in its place where the caller may not see it.
        """
        made = self._inserter.insert(values) if self._inserter else None
        if made:
            return url_key_of([made.key]), made.row
        item = rows.create(self._resource, values, keep=True)
        # Before it is read again: that may expire the item, and asking for its key would read it once more.
        key = url_key(item)
        readable = self._resource.read.allows(user_for(self._resource.read), item)
        return key, self.stored(item) if readable else None

    def stored(self, item: Any) -> Any:
        """Return for ``one`` what the database holds of *item*, which the caller may see."""
        if self._reader:
            return self._reader.of(item)
        rows.again(self._resource, [item])
        return item

    def all_stored(self, items: Sequence[Any]) -> bytes:
        """Return as ``many`` does what the database holds of *items*."""
        if self._reader:
            return self.many(self._reader.of_all(items))
        rows.again(self._resource, items)
        return self.many(items)

    def tag(self, row: Any, body: bytes) -> str:
        """Return the entity tag, without quotes, of *row* whose JSON is *body*."""
        return hashed(body) if self._version is None else self._of_version(row[self._at])

    def tag_of(self, item: Any) -> str:
        """Return the entity tag of *item*, which was just read."""
        if self._version is not None:
            return self._of_version(getattr(item, self._version.name))
        return hashed(self.one(self.stored(item)))

    def tag_at(self, key: str) -> str | None:
        """Return the entity tag of the row with that *key*, reading nothing else, or None where that cannot be.

        Raises:
            NotFound, LoginRequired, Forbidden: as ``get``.
        """
        return self._of_version(self._versions.get(key)[0]) if self._versions else None

    def answer(self, body: bytes, status: int = 200) -> Response:
        """Return the response with that *body*."""
        if self._reader:
            return answer(body, status)
        return current_app.response_class(
            body, status, mimetype=getattr(current_app.json, "mimetype", "application/json")
        )

    def _seen(self, row: Any) -> Any:
        return row[: self._at] + row[self._at + 1 :] if self._unseen else row

    def _of_version(self, version: Any) -> str:
        # Other fields than before are another representation of the same version.
        return hashed(str(version).encode(), self._shape)

    def _dumped(self, values: Any) -> bytes:
        response: Any = current_app.json.response(values)
        data: bytes = response.get_data()
        return data


def hashed(*parts: bytes) -> str:
    """Return the entity tag, without quotes, of what consists of *parts*."""
    # Processors have instructions for this one: a third of what BLAKE2 or MD5 take for a page of 100 rows.
    found = sha256(parts[0])
    for part in parts[1:]:
        found.update(part)
    return found.hexdigest()[:32]


def _version_of(resource: Resource, shown: Iterable[Field]) -> Field | None:
    """Return the column that changes whenever something does that *shown* fields of *resource* hold, or None.

    An UPDATE of the row changes it, so there must be nothing of other rows, and nothing that is computed.
    """
    mapper = resource.model.__mapper__
    if mapper.version_id_col is None or any(field.many or field.nested or field.computed for field in shown):
        return None
    return resource.known.get(mapper.get_property_by_column(mapper.version_id_col).key)


class Shapes:
    """The shapes in which rows of *resource* can be asked for; each is compiled when it is asked for first."""

    def __init__(self, resource: Resource, schema: ma.Schema) -> None:
        self._resource = resource
        self.whole = Shown(resource, schema)
        self._some = lru_cache(maxsize=64)(self._of)

    def asked(self, query: dict[str, Any]) -> Shown:
        """Return the shape that *query* asks for, whose parameters about that are taken out."""
        names, expanded = query.pop("fields", None), query.pop("expand", None)
        if not (names or expanded):
            return self.whole
        return self._some(frozenset(names or ()), frozenset(expanded or ()))

    def _of(self, names: frozenset[str], expanded: frozenset[str]) -> Shown:
        chosen = [
            replace(field, nested=field.expandable, expandable=()) if field.public_name in expanded else field
            for field in self._resource.readable
            if not names or field.public_name in names or field.key
        ]
        return Shown(self._resource, dumping(chosen), chosen)
