"""Reading on in a list: what it costs the database."""

from __future__ import annotations

import pytest
from sqlalchemy import Index, create_engine, insert, select
from sqlalchemy.orm import Mapped, Session

from flaskkit import IntegerKey, Model, Resource, public
from flaskkit.db.order import order_by, parts_after, terms_of


class OrderTick(IntegerKey, Model):
    __tablename__ = "order_tick"
    __table_args__ = (Index(None, "moment"), Index(None, "level"))
    moment: Mapped[int]
    level: Mapped[int | None]


ticks = Resource(OrderTick, sorts=["moment", "level"], read=public)
MANY = 6000


@pytest.fixture(scope="module")
def session():
    """A database whose work can be measured, whichever one the other tests use."""
    engine = create_engine("sqlite://")
    Model.metadata.create_all(engine, tables=[OrderTick.__table__])
    with Session(engine) as session:
        rows = [{"id": i, "moment": i // 3, "level": None if i % 2 else i // 5} for i in range(MANY)]
        session.execute(insert(OrderTick), rows)
        yield session
    engine.dispose()


def work(session, sorts, position):
    """Return how many steps of its virtual machine SQLite takes for a page after *position*."""
    terms = terms_of(ticks, sorts)
    parts = parts_after(terms, [value is None for value in position])
    further, order = parts[0]
    statement = select(OrderTick.id).where(*further).order_by(*order_by(order, "sqlite")).limit(20)
    steps = 0

    def step():
        nonlocal steps
        steps += 1

    driver = session.connection().connection.driver_connection
    driver.set_progress_handler(step, 1)
    found = session.scalars(statement, {f"at_{i}": value for i, value in enumerate(position)}).all()
    driver.set_progress_handler(None, 1)
    assert len(found) == 20
    return steps


@pytest.mark.parametrize(
    ("sorts", "later"),
    [
        ([], (5000,)),
        (["-id"], (900,)),
        (["moment"], (1800, 5401)),
        (["-moment"], (100, 301)),
        (["level"], (1100, 5506)),
        (["-level"], (100, 506)),
        (["level"], (None, 5501)),
    ],
    ids=str,
)
def test_a_late_page_costs_what_the_first_does(session, sorts, later):
    assert work(session, sorts, later) < 2 * work(session, sorts, ())
