"""Functions of the app's own around storing a row, or instead of it, within its transaction."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy import ForeignKey, String, inspect, select, update
from sqlalchemy.orm import Mapped, mapped_column, relationship
from werkzeug.exceptions import Forbidden

from flaskkit import (
    Conflicting,
    IntegerKey,
    Model,
    Module,
    Policy,
    Rejected,
    Resource,
    ResourceError,
    db,
    public,
)
from flaskkit.access import Caller
from flaskkit.db import bulk, rows
from flaskkit.db.transactions import together


class HooksParty(IntegerKey, Model):
    __tablename__ = "hooks_party"
    name: Mapped[str] = mapped_column(String(20), unique=True)
    host_id: Mapped[int | None]
    guests: Mapped[int] = mapped_column(default=0)
    closed: Mapped[bool] = mapped_column(default=False)


class HooksWord(IntegerKey, Model):
    __tablename__ = "hooks_word"
    text: Mapped[str] = mapped_column(String(60), unique=True)
    party_id: Mapped[int | None] = mapped_column(ForeignKey("hooks_party.id"))
    party: Mapped[HooksParty | None] = relationship()


class HooksTicket(IntegerKey, Model):
    __tablename__ = "hooks_ticket"
    seat: Mapped[str]
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


@dataclass
class Person:
    id: int


ANNA = Person(1)
ACTIONS = ("create", "update", "delete")


@pytest.fixture
def party(start):
    """Return a function that makes a resource with these hooks; a request of Anna's is going on."""
    app = start(features=["db"], modules=[])
    app.extensions["flaskkit"].caller = lambda: Caller(ANNA, "session")
    with app.test_request_context():
        yield lambda read=public, write=public, **hooks: Resource(
            HooksParty, name="parties", fields=["name", "guests"], hooks=hooks, read=read, write=write
        )


def stored(model=HooksParty):
    db.session.rollback()
    return list(db.session.scalars(select(model).order_by(model.id)))


def test_hooks_get_the_item_the_values_and_the_user_in_this_order(party):
    seen = []

    def note(name):
        return lambda item, values, user: seen.append((name, item.name, inspect(item).has_identity, values, user))

    parties = party(
        **{f"{when}_{action}": note(f"{when} {action}") for when in ("before", "after") for action in ACTIONS}
    )
    key = rows.create(parties, {"name": "Tea"}).id
    rows.update(parties, key, {"name": "Cake"})
    rows.delete(parties, key)
    assert seen == [
        ("before create", "Tea", False, {"name": "Tea"}, ANNA),
        ("after create", "Tea", True, {"name": "Tea"}, ANNA),
        ("before update", "Cake", True, {"name": "Cake"}, ANNA),
        ("after update", "Cake", True, {"name": "Cake"}, ANNA),
        ("before delete", "Cake", True, {}, ANNA),
        ("after delete", "Cake", True, {}, ANNA),
    ]


def test_what_a_hook_changes_is_stored(party):
    def before(item, values, user):
        item.host_id = user.id

    def after(item, values, user):
        item.guests = item.id + 10

    parties = party(before_create=before, after_create=after, before_update=before)
    item = rows.create(parties, {"name": "Tea"})
    assert (item.host_id, item.guests) == (1, item.id + 10)
    assert [one.guests for one in stored()] == [item.id + 10]


def test_nothing_is_sent_to_the_database_before_the_first_hook_ends(party, count_statements):
    def look(item, values, user):
        assert db.session.scalar(select(HooksParty.name).where(HooksParty.name == "Cake")) is None

    parties = party(before_create=look, before_update=look)
    key = rows.create(parties, {"name": "Tea"}).id
    rows.update(parties, key, {"name": "Cake"})
    assert [one.name for one in stored()] == ["Cake"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("error", [Rejected({"name": ["No."]}), Conflicting({"": ["No."]}), Forbidden()])
def test_what_a_hook_raises_undoes_everything(party, when, error):
    def refuse(item, values, user):
        db.session.add(HooksWord(text="left behind"))
        db.session.flush()
        raise error

    with pytest.raises(type(error)):
        rows.create(party(**{f"{when}_create": refuse}), {"name": "Tea"})
    assert stored() == stored(HooksWord) == []
    key = rows.create(party(), {"name": "Tea"}).id
    for action, call in {
        "update": lambda r: rows.update(r, key, {"name": "X"}),
        "delete": lambda r: rows.delete(r, key),
    }.items():
        with pytest.raises(type(error)):
            call(party(**{f"{when}_{action}": refuse}))
    assert [one.name for one in stored()] == ["Tea"]
    assert stored(HooksWord) == []


def test_a_hook_may_write_rows_of_other_resources_in_the_same_transaction(party):
    words = Resource(HooksWord, name="words", fields=["text", "party"], read=public, write=public)

    def note(item, values, user):
        rows.create(words, {"text": f"{item.name} was added", "party": item.id})
        if item.name == "Secret":
            raise Rejected({"": ["No."]})

    parties = party(after_create=note)
    rows.create(parties, {"name": "Tea"})
    with pytest.raises(Rejected):
        rows.create(parties, {"name": "Secret"})
    assert [one.text for one in stored(HooksWord)] == ["Tea was added"]
    assert [one.name for one in stored()] == ["Tea"]


def test_a_refused_write_within_a_hook_undoes_only_itself_where_its_error_is_caught(party):
    words = Resource(HooksWord, name="words", fields=["text"], read=public, write=public)

    def note(item, values, user):
        with pytest.raises(Conflicting):
            rows.create(words, {"text": "taken"})
        rows.create(words, {"text": "free"})

    rows.create(words, {"text": "taken"})
    rows.create(party(after_create=note), {"name": "Tea"})
    assert [one.text for one in stored(HooksWord)] == ["taken", "free"]
    assert [one.name for one in stored()] == ["Tea"]


def test_a_collision_in_another_table_is_a_conflict(party):
    def note(item, values, user):
        db.session.add(HooksWord(text="always the same"))

    parties = party(after_create=note)
    rows.create(parties, {"name": "Tea"})
    with pytest.raises(Conflicting) as caught:
        rows.create(parties, {"name": "Cake"})
    assert caught.value.errors == {"": ["This is taken already."]}
    assert [one.name for one in stored()] == ["Tea"]


def test_a_hook_can_take_the_place_of_creating(party):
    def join(item, values, user):
        there = db.session.scalar(select(HooksParty).where(HooksParty.name == item.name))
        if there is None:
            db.session.add(item)
        else:
            there.guests += 1
        return there

    parties = party(create=join)
    first, second = rows.create(parties, {"name": "Tea"}), rows.create(parties, {"name": "Tea"})
    assert (first.id, second.guests) == (second.id, 1)


def test_a_hook_can_take_the_place_of_changing(party):
    def only_more(item, values, user):
        item.guests = max(item.guests, values["guests"])

    key = rows.create(party(), {"name": "Tea", "guests": 5}).id
    assert rows.update(party(update=only_more), key, {"guests": 3}).guests == 5
    assert rows.update(party(update=only_more), key, {"guests": 7}).guests == 7


def test_a_hook_can_take_the_place_of_deleting(party):
    def close(item, values, user):
        item.closed = True

    key = rows.create(party(), {"name": "Tea"}).id
    rows.delete(party(delete=close), key)
    assert [one.closed for one in stored()] == [True]


class Never(Policy):
    """Lets everybody do it to something, and nobody to anything in particular."""

    def allows(self, user, item=None):
        return item is None


@pytest.mark.parametrize("action", ACTIONS)
def test_policies_are_asked_before_any_hook(party, action):
    called = []
    key = rows.create(party(), {"name": "Tea"}).id
    parties = party(write=Never(), **{f"before_{action}": lambda *given: called.append(given)})
    calls = {
        "create": lambda: rows.create(parties, {"name": "Mine"}),
        "update": lambda: rows.update(parties, key, {"name": "Mine"}),
        "delete": lambda: rows.delete(parties, key),
    }
    with pytest.raises(Forbidden):
        calls[action]()
    assert called == []
    assert [one.name for one in stored()] == ["Tea"]


@pytest.mark.parametrize("action", ["update", "delete"])
def test_a_version_that_is_another_by_now_is_a_conflict(party, action):
    def overtake(item, values, user):
        db.session.execute(update(HooksTicket).values(version=9).execution_options(synchronize_session=False))

    hooks = {f"before_{action}": overtake}
    tickets = Resource(HooksTicket, name="tickets", fields=["seat"], hooks=hooks, read=public, write=public)
    key = rows.create(tickets, {"seat": "A"}).id
    calls = {
        "update": [
            lambda: rows.update(tickets, key, {"seat": "B"}),
            lambda: bulk.update(tickets, [(key, {"seat": "B"})]),
        ],
        "delete": [lambda: rows.delete(tickets, key), lambda: bulk.delete(tickets, [key])],
    }
    for call in calls[action]:
        with pytest.raises(Conflicting):
            call()
    assert [(one.seat, one.version) for one in stored(HooksTicket)] == [("A", 1)]


def test_hooks_are_called_for_each_of_many(party):
    seen = []
    hooks = {
        f"{when}_{action}": lambda item, values, user: seen.append(item.name)
        for when in ("before", "after")
        for action in ACTIONS
    }
    parties = party(**hooks)
    made = bulk.create(parties, [{"name": "A"}, {"name": "B"}])
    assert seen == ["A", "B", "A", "B"]
    bulk.update(parties, [(item.id, {"name": f"{item.name}!"}) for item in made])
    bulk.delete(parties, [item.id for item in made])
    assert seen[4:] == ["A!", "B!", "A!", "B!"] * 2


def test_writing_calls_can_be_put_together(party):
    parties = party()
    with together():
        rows.create(parties, {"name": "A"})
        rows.create(parties, {"name": "B"})
    with pytest.raises(Rejected), together():
        rows.create(parties, {"name": "C"})
        raise Rejected({"": ["No."]})
    assert [one.name for one in stored()] == ["A", "B"]


def test_wrong_declarations_are_told_at_start(start):
    wrong = Resource(
        HooksParty,
        name="parties",
        hooks={"befor_create": print, "after_update": "print", "before_delete": print, "delete": print},
        without=["replac", "x"],
        bulk=-1,
    )
    with pytest.raises(ResourceError) as caught:
        start(features=["db"], modules=[Module("parties", resources=[wrong])])
    assert caught.value.mistakes == [
        "Resource 'parties' is without 'replac', which is no operation. Did you mean 'replace'?",
        "Resource 'parties' is without 'x', which is no operation."
        " There are list, read, create, update, replace, delete.",
        "Resource 'parties' has bulk=-1; give how many rows, from 0 to 10000.",
        "Resource 'parties' has a hook 'befor_create', which is never called. Did you mean 'before_create'?",
        "Resource 'parties' has 'print' as hook 'after_update'; give a function of item, values and user.",
        "Resource 'parties' has the hooks 'before_delete' and 'delete'; do both in 'delete'.",
    ]
    with pytest.raises(ResourceError, match="give a function for each name of a hook"):
        start(features=["db"], modules=[Module("parties", resources=[Resource(HooksParty, hooks=["x"])])])
