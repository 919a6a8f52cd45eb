"""Search for words, by an index where the database has one for texts.

    class Note(Model):
        __table_args__ = (text_index("title", "text"),)      and search=["title", "text"] in its resource

Then a search finds rows in whose searched columns each word of the text begins a word. Without such an index it finds
the text itself, anywhere (filters.py). The index is an ordinary one, whose options say what it is to each database:

    PostgreSQL   GIN over trigrams, of the extension pg_trgm: it answers regular expressions
    MariaDB      FULLTEXT: it answers MATCH … AGAINST
    SQLite       empty, since there are none but in tables of their own: each row is looked at

Words are letters, digits and "_" only, so nothing in them is an operator of any of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import DDL, Index, String, and_, bindparam, event, or_, text

from flaskkit.db.filters import Visible, condition
from flaskkit.resource import Resource

# In the info of such an index.
MARK = "flaskkit.text_index"
# What InnoDB's index leaves out, unless the server is told otherwise (MariaDB, "Full-Text Index Stopwords").
_LEFT_OUT = (
    *(
        "a",
        "about",
        "an",
        "are",
        "as",
        "at",
        "be",
        "by",
        "com",
        "de",
        "en",
        "for",
        "from",
        "how",
        "i",
        "in",
        "is",
        "it",
    ),
    *(
        "la",
        "of",
        "on",
        "or",
        "that",
        "the",
        "this",
        "to",
        "und",
        "was",
        "what",
        "when",
        "where",
        "who",
        "will",
        "with",
    ),
    "www",
)
_SHORTEST, _LONGEST = 3, 84
# What fits into the 200 characters that the API takes; SQLite allows conditions 1000 levels deep.
_MOST = 100
# What regular expressions take for others as well, ignoring case: İ, ı, K (Kelvin) and ſ.
_ALSO = "iIkKsS"
_MATCHING = ("mysql", "mariadb")


def text_index(*columns: str, name: str | None = None) -> Index:
    """Return an index for ``__table_args__`` that makes searching *columns*, which hold texts, fast for large tables.

    A resource whose ``search`` names all of them searches for words, on every database. On PostgreSQL it takes the
    extension ``pg_trgm``, which `flask kit create-tables` makes; a migration must.
    """
    index = Index(
        name,
        *columns,
        postgresql_using="gin",
        postgresql_ops=dict.fromkeys(columns, "gin_trgm_ops"),
        mysql_prefix="FULLTEXT",
        mariadb_prefix="FULLTEXT",
        sqlite_where=text("0"),
        info={MARK: True},
    )
    extension: Any = DDL("CREATE EXTENSION IF NOT EXISTS pg_trgm")  # type: ignore[no-untyped-call]
    event.listen(index, "before_create", extension.execute_if(dialect="postgresql"))
    return index


class Word(NamedTuple):
    """A word to be found."""

    text: str

    @property
    def indexed(self) -> bool:
        """Whether MariaDB's index holds all words that begin so."""
        fits = _SHORTEST <= len(self.text) <= _LONGEST
        return fits and not any(word.startswith(self.text.lower()) for word in _LEFT_OUT)


def words_of(resource: Resource, q: str) -> list[Word]:
    """Return the words to be found for *q*; none where *resource* has no index for them, or *q* no word."""
    if not indexed_columns(resource):
        return []
    return [Word(word) for word in list(dict.fromkeys(re.findall(r"\w+", q)))[:_MOST]]


def indexed_columns(resource: Resource) -> list[list[str]]:
    """Return the attributes in each text index of *resource* all of which may be searched."""
    mapper = resource.model.__mapper__
    found = []
    for index in getattr(mapper.local_table, "indexes", ()):
        if index.info.get(MARK):
            names = [mapper.get_property_by_column(column).key for column in index.columns]
            if {*names} <= {*resource.search}:
                found.append(names)
    return found


def bound(words: Sequence[Word], dialect: str) -> Mapping[str, str]:
    """Return what stands for *words* in the conditions of ``with_words`` on *dialect*."""
    start = r"\m" if dialect == "postgresql" else r"(?i)\b"
    patterns = {f"word_{i}": f"{start}{word.text}" for i, word in enumerate(words)}
    if dialect == "sqlite":
        return patterns | {f"like_{i}": _like(word.text) for i, word in enumerate(words)}
    if dialect not in _MATCHING:
        return patterns
    return patterns | {f"match_{i}": f"+{word.text}*" for i, word in enumerate(words) if word.indexed}


def with_words(resource: Resource, indexed: Sequence[bool], visible: Visible, dialect: str) -> Iterator[Any]:
    """Yield a condition for each word, of which *indexed* says whether the index knows it: a column has it."""
    paths = resource.search
    matched = indexed_columns(resource) if dialect in _MATCHING else []
    left = [path for path in paths if not any(path in names for names in matched)]
    for i, known in enumerate(indexed):
        by_index = [_matching(resource.model, names, f"match_{i}") for names in matched if known]
        like = bindparam(f"like_{i}", type_=String()) if dialect == "sqlite" else None
        flags = "i" if dialect == "postgresql" else None
        begins = partial(_begins, bindparam(f"word_{i}", type_=String()), flags, like)
        others = left if known else paths
        yield or_(*by_index, *(condition(resource.model, path.split("."), visible, begins) for path in others))


def _matching(model: Any, names: Sequence[str], name: str) -> Any:
    from sqlalchemy.dialects.mysql import match

    columns = [getattr(model, name) for name in names]
    return match(*columns, against=bindparam(name, type_=String())).in_boolean_mode()


def _begins(pattern: Any, flags: str | None, like: Any, column: Any) -> Any:
    found = column.regexp_match(pattern, flags=flags)
    # SQLite calls Python for a regular expression: only for rows that may match.
    return found if like is None else and_(column.like(like), found)


def _like(word: str) -> str:
    """Return a pattern of LIKE for whatever holds *word*; SQLite knows capital and small letters of ASCII only."""
    return "%" + "".join("_" if letter in _ALSO or not letter.isascii() else letter for letter in word) + "%"
