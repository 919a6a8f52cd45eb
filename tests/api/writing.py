"""Parties with guests, for tests of writing: shown by exact tuples, by tuples read again, and by schemas."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any

from sqlalchemy import Column, ForeignKey, Numeric, String, Table, event
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import IntegerKey, Model, Module, Resource, login, owner, public, role

api_party_guest = Table(
    "api_party_guest",
    Model.metadata,
    Column("party_id", ForeignKey("api_party.id"), primary_key=True),
    Column("guest_id", ForeignKey("api_guest.id"), primary_key=True),
)


class ApiGuest(IntegerKey, Model):
    __tablename__ = "api_guest"
    name: Mapped[str] = mapped_column(String(20), unique=True)
    host_id: Mapped[int | None]
    seats: Mapped[int] = mapped_column(default=1, info={"minimum": 1, "maximum": 9})


class ApiParty(IntegerKey, Model):
    __tablename__ = "api_party"
    name: Mapped[str] = mapped_column(String(20), unique=True)
    cost: Mapped[Decimal] = mapped_column(Numeric(8, 2), default=Decimal("1.5"))
    host_guest_id: Mapped[int | None] = mapped_column(ForeignKey("api_guest.id"))
    guests: Mapped[list[ApiGuest]] = relationship(secondary=api_party_guest)
    host: Mapped[ApiGuest | None] = relationship(foreign_keys=host_guest_id)


class ApiTable(Model):
    """Listens to being loaded, so only model objects can tell what is shown of it."""

    __tablename__ = "api_table"
    code: Mapped[str] = mapped_column(String(10), primary_key=True)
    size: Mapped[int] = mapped_column(default=4)
    loaded: Mapped[int] = mapped_column(default=0)


event.listen(ApiTable, "load", lambda item, context: None)

own = owner("host_id") | role("librarian")
guests = Resource(
    ApiGuest,
    name="guests",
    fields=["name", "seats"],
    sorts=["name"],
    read=public,
    create=owner("host_id"),
    update=own,
    delete=own,
    bulk=5,
)
mine = Resource(ApiGuest, name="mine", fields=["name", "seats"], read=owner("host_id"), write=owner("host_id"), bulk=5)
careful = Resource(ApiGuest, name="careful", fields=["name"], read=public, write=public, bulk=5, require_match=True)
parties = Resource(
    ApiParty, name="parties", fields=["name", "cost", "host", "guests"], read=public, write=login, bulk=5
)
tables = Resource(ApiTable, name="tables", fields=["code", "size"], read=public, write=public, bulk=5)
WRITING = Module("writing", resources=[guests, mine, careful, parties, tables])


def at_once(count: int, ask: Any) -> list[Any]:
    """Return what *ask* returns for 0 to *count* - 1, asked from as many threads at the same moment."""
    barrier = Barrier(count)

    def wait_and_ask(number: int) -> Any:
        barrier.wait(10)
        return ask(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(wait_and_ask, range(count)))
