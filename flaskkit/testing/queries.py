"""What a block of code asks the database: how many statements, and whether row by row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from flaskkit.db import db


@contextmanager
def count_queries(exactly: int | None = None, *, at_most: int | None = None) -> Iterator[list[str]]:
    """Give a list of the statements that are executed within the block, on any engine and in any thread.

    What begins and ends transactions does not count.

    Raises:
        AssertionError: (at the end) there are not *exactly* or *at_most* as many; it shows them.
    """
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    wanted = f"exactly {exactly}" if exactly is not None else f"at most {at_most}"
    wrong = (exactly is not None and len(seen) != exactly) or (at_most is not None and len(seen) > at_most)
    if wrong:
        shown = "\n".join(f"{number:4}. {' '.join(statement.split())}" for number, statement in enumerate(seen, 1))
        raise AssertionError(f"{len(seen)} statements where {wanted} were expected:\n{shown}")


@contextmanager
def no_lazy_loads() -> Iterator[None]:
    """Fail where the block reads a relationship that was not loaded with its row.

    Raises:
        AssertionError: at the line that reads it; or at the end, if that was caught on the way.
    """
    first: list[AssertionError] = []

    def refuse(execution: Any) -> None:
        # What writes loads nothing, and SQLAlchemy has no such answer for it.
        state = execution.lazy_loaded_from if execution.is_select else None
        if state is None or not execution.is_relationship_load:
            return
        path = execution.loader_strategy_path
        name = f"{state.class_.__name__}.{path[-1].key}" if path else f"a relationship of {state.class_.__name__}"
        first.append(
            AssertionError(
                f"{name} was loaded lazily. Load it with its rows, for instance by options(selectinload(…)),"
                " or show it by 'nested' or 'expand' of a resource."
            )
        )
        raise first[-1]

    # First, because another one may answer from what it has loaded for several rows at once.
    event.listen(db.session, "do_orm_execute", refuse, insert=True)
    try:
        yield
    finally:
        event.remove(db.session, "do_orm_execute", refuse)
    if first:
        raise first[0]
