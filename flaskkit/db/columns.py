"""Rows held by column: what is done to each of hundreds of values is done in C then, and rows are made when asked for.

rows = ByColumn([(7, 8), ("Tea", "Cake")])      rows[1] == (8, "Cake")      len(rows) == 2
columns_of(rows)                                [(7, 8), ("Tea", "Cake")], of a plain list of rows, too
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


class ByColumn(Sequence[tuple[Any, ...]]):
    """One or more *columns* of the same length, as a sequence of rows."""

    __slots__ = ("columns",)

    def __init__(self, columns: Sequence[Sequence[Any]]) -> None:
        self.columns = columns

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return len(self.columns[0])

    def __getitem__(self, at: Any) -> Any:
        found = [column[at] for column in self.columns]
        return ByColumn(found) if isinstance(at, slice) else tuple(found)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return zip(*self.columns, strict=True)


def columns_of(rows: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """Return the columns of *rows*, of which there is at least one."""
    return list(rows.columns if isinstance(rows, ByColumn) else zip(*rows, strict=True))
