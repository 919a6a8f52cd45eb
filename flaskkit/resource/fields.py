"""Reads a mapped class into neutral ``Field`` records.

    fields_of(Book)  ->  {"id": Field(...), "title": Field(...), "author": Field(target=Author), ...}

Nothing here knows marshmallow, WTForms or SQLAlchemy's classes: a mapped class describes itself
(``__mapper__``), and every face (REST, forms, pages, admin) reads the same records.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import IO, Any, Protocol

from flaskkit.texts import as_text

# Field has an attribute called "type", which hides the builtin in its body.
Class = type[Any]


class FileRules(Protocol):
    """Which files a column takes: the media types and the most bytes; no types means any.

    ``limits`` are sentences about anything else that they must be.
    """

    types: tuple[str, ...]
    max_size: int

    @property
    def limits(self) -> tuple[str, ...]:
        """What else to know before a file is chosen."""

    def take(self, stream: IO[bytes], name: str) -> Any:
        """Return a value for the column, or raise ValueError with what is wrong with that file."""


@dataclass(frozen=True)
class Field:
    """One column or relationship of a model.

    ``type`` is the Python type of a value: ``str``, ``int``, ``float``, ``bool``, ``Decimal``, ``date``,
    ``datetime`` (aware, UTC), ``time``, ``timedelta``, ``UUID``, ``bytes``, an ``Enum`` class, or ``object``
    for JSON. A relationship has the type of the other model's key, ``target`` says which model, and ``many``
    whether it holds a list, ``moves`` whether the foreign key is in those other rows, and ``owns`` whether they are
    deleted when they leave; the foreign key column beside a to-one relationship has the same ``target``.

    ``default`` is a plain value; ``required`` means that a new row cannot be stored without it.
    ``computed`` fields are made from others and never stored; ``in_sql`` says whether the database can compute them.
    ``renamed`` is what faces call the field, if not by its ``name``. ``nested`` are the fields shown of the other row
    in place of its key, ``expandable`` those that are where a request asks for it; both in alphabetical order.
    ``owned`` are the fields that may be sent of each of the rows that a list holds, where these are sent as objects.
    ``file`` are the rules of a column that holds files.

    ``input`` is what kind of text it is, where forms have an input for that: "email", "url", "tel", "color" or
    "password". ``autocomplete`` is what browsers fill in, by the names of HTML. Both are no rules: ``pattern`` is one.

    ``minimum``, ``maximum``, ``pattern`` (a regular expression for the whole value), ``example``, ``label`` and
    ``help`` come from the column: ``mapped_column(info={"minimum": 1, "label": "Rating"}, comment="1 to 5 stars")``.
    """

    name: str
    type: Class
    label: str
    help: str = ""
    required: bool = False
    nullable: bool = True
    default: Any = None
    unique: bool = False
    key: bool = False
    generated: bool = False
    max_length: int | None = None
    long: bool = False
    precision: int | None = None
    scale: int | None = None
    minimum: Any = None
    maximum: Any = None
    pattern: str | None = None
    input: str = ""
    autocomplete: str = ""
    example: Any = None
    choices: tuple[str, ...] = ()
    target: Class | None = None
    many: bool = False
    moves: bool = False
    owns: bool = False
    relationship: str = ""
    computed: bool = False
    in_sql: bool = True
    renamed: str = ""
    nested: tuple[Field, ...] = ()
    expandable: tuple[Field, ...] = ()
    owned: tuple[Field, ...] = ()
    file: FileRules | None = None

    @property
    def public_name(self) -> str:
        """What those outside call it."""
        return self.renamed or self.name

    @property
    def min_length(self) -> int:
        """The shortest text: 1 for one that must be given, because an empty one says nothing; else 0."""
        return 1 if self.required and self.type is str and self.target is None and not self.choices else 0

    @property
    def is_relationship(self) -> bool:
        """Whether the attribute holds model objects rather than values."""
        return self.relationship == self.name


def fields_of(model: type) -> dict[str, Field]:
    """Return the fields of *model* by attribute name, columns first, in the order of declaration.

    Raises:
        AttributeError: *model* is not a mapped class.
    """
    mapper: Any = model.__mapper__  # type: ignore[attr-defined]
    links = {}
    for link in mapper.relationships:
        if link.direction.name == "MANYTOONE" and len(link.local_columns) == 1:
            links[next(iter(link.local_columns))] = link
    fields = {
        attribute.key: _column_field(attribute.key, attribute.columns[0], links.get(attribute.columns[0]))
        for attribute in mapper.column_attrs
        if hasattr(attribute.columns[0], "nullable")
    }
    return fields | {link.key: _relationship_field(link) for link in mapper.relationships}


# What SQL's integer types hold, everywhere alike: SQLite itself would take more.
_WIDTHS = {
    "small_integer": (-(2**15), 2**15 - 1),
    "integer": (-(2**31), 2**31 - 1),
    "big_integer": (-(2**63), 2**63 - 1),
}


def label_of(name: str) -> str:
    """Return "Visited on" for "visited_on"."""
    return name.replace("_", " ").strip().capitalize()


def keys_of(model: type) -> list[str]:
    """Return the names of the attributes that hold the primary key of *model*, in its order."""
    mapper: Any = model.__mapper__  # type: ignore[attr-defined]
    return [str(mapper.get_property_by_column(column).key) for column in mapper.primary_key]


def key_of(model: type) -> str:
    """Return the name of the attribute that holds the primary key of *model*.

    Raises:
        ValueError: the key consists of several columns.
    """
    names = keys_of(model)
    if len(names) != 1:
        raise ValueError(f"{model.__name__} has a key of {len(names)} columns; one is needed here.")
    return names[0]


def _column_field(name: str, column: Any, link: Any) -> Field:
    kind, info = column.type, column.info
    python_type = _python_type(kind)
    plain = column.default.arg if column.default is not None and column.default.is_scalar else None
    filled = column.default is not None or column.server_default is not None or bool(column.computed)
    least, most = _WIDTHS.get(getattr(kind, "__visit_name__", ""), (None, None))
    generated = bool(
        column.primary_key and python_type is int and not column.foreign_keys and column.autoincrement is not False
    )
    return Field(
        name=name,
        type=python_type,
        label=as_text(info.get("label"), label_of(link.key if link is not None else name)),
        help=as_text(info.get("help") or column.comment or column.doc or ""),
        required=not (column.nullable or filled or generated),
        nullable=bool(column.nullable),
        default=plain,
        unique=bool(column.unique or column.primary_key),
        key=bool(column.primary_key),
        generated=generated,
        max_length=getattr(kind, "length", None) if python_type is str else None,
        long=python_type is str and getattr(kind, "length", None) is None,
        precision=getattr(kind, "precision", None),
        scale=getattr(kind, "scale", None),
        minimum=info.get("minimum", least),
        maximum=info.get("maximum", most),
        pattern=info.get("pattern"),
        input=info.get("input", ""),
        autocomplete=info.get("autocomplete", ""),
        example=info.get("example"),
        choices=_choices(kind, python_type),
        target=link.mapper.class_ if link is not None else None,
        relationship=link.key if link is not None else "",
        file=getattr(kind, "file_rules", None),
    )


def _relationship_field(link: Any) -> Field:
    target, many = link.mapper.class_, bool(link.uselist)
    # Where the foreign key is in the other row, there may be none.
    outside = link.direction.name != "MANYTOONE"
    nullable = many or outside or all(column.nullable for column in link.local_columns)
    keys = link.mapper.primary_key
    return Field(
        name=link.key,
        type=_python_type(keys[0].type) if len(keys) == 1 else object,
        label=as_text(link.info.get("label"), label_of(link.key)),
        help=as_text(link.info.get("help") or link.doc or ""),
        required=not nullable,
        nullable=nullable,
        key=not outside and all(column.primary_key for column in link.local_columns),
        target=target,
        many=many,
        moves=link.direction.name == "ONETOMANY",
        owns=bool(link.cascade.delete_orphan),
        relationship=link.key,
    )


def _python_type(kind: Any) -> type:
    if getattr(kind, "enum_class", None):
        return kind.enum_class  # type: ignore[no-any-return]
    try:
        found: type = kind.python_type
    except NotImplementedError:
        return object
    # A list is PostgreSQL's ARRAY: what it holds is not said, so no face takes it.
    return object if found is dict else found


def _choices(kind: Any, python_type: type) -> tuple[str, ...]:
    if issubclass(python_type, enum.Enum):
        return tuple(member.name for member in python_type)
    return tuple(getattr(kind, "enums", ()) or ())
