"""Lazy loads: what plain ones give, by a statement for each relationship and not for each row."""

from __future__ import annotations

import gc
import pickle
import weakref
from contextlib import nullcontext
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, String, Table, delete, inspect, select, update
from sqlalchemy.orm import (
    Mapped,
    attribute_keyed_dict,
    lazyload,
    mapped_column,
    relationship,
    selectinload,
    with_loader_criteria,
)

from flaskkit import IntegerKey, Model, Module, db
from flaskkit.db import Db, LazyLoad

lazy_friend = Table(
    "lazy_friend",
    Model.metadata,
    Column("one_id", ForeignKey("lazy_person.id"), primary_key=True),
    Column("other_id", ForeignKey("lazy_person.id"), primary_key=True),
)
lazy_note_tag = Table(
    "lazy_note_tag",
    Model.metadata,
    Column("note_id", ForeignKey("lazy_note.id"), primary_key=True),
    Column("tag_id", ForeignKey("lazy_tag.id"), primary_key=True),
)


class LazyTown(Model):
    __tablename__ = "lazy_town"
    code: Mapped[str] = mapped_column(String(3), primary_key=True)
    people: Mapped[set[LazyPerson]] = relationship(back_populates="town")


class LazyPerson(IntegerKey, Model):
    __tablename__ = "lazy_person"
    name: Mapped[str]
    town_code: Mapped[str | None] = mapped_column(ForeignKey("lazy_town.code"))
    boss_id: Mapped[int | None] = mapped_column(ForeignKey("lazy_person.id"))
    town: Mapped[LazyTown | None] = relationship(back_populates="people")
    boss: Mapped[LazyPerson | None] = relationship(remote_side="LazyPerson.id", back_populates="team")
    team: Mapped[list[LazyPerson]] = relationship(back_populates="boss", order_by="LazyPerson.name.desc()")
    friends: Mapped[list[LazyPerson]] = relationship(
        secondary=lazy_friend,
        primaryjoin="LazyPerson.id == lazy_friend.c.one_id",
        secondaryjoin="LazyPerson.id == lazy_friend.c.other_id",
    )
    home_code: Mapped[str | None] = mapped_column(String(3))
    home: Mapped[LazyTown | None] = relationship(
        primaryjoin="foreign(LazyPerson.home_code) == LazyTown.code", viewonly=True
    )
    notes: Mapped[list[LazyNote]] = relationship(back_populates="author", order_by="LazyNote.rank")
    best: Mapped[list[LazyNote]] = relationship(
        primaryjoin="and_(LazyPerson.id == LazyNote.author_id, LazyNote.rank > 3)", viewonly=True
    )
    by_text: Mapped[dict[str, LazyNote]] = relationship(collection_class=attribute_keyed_dict("text"), viewonly=True)
    shared: Mapped[list[LazyNote]] = relationship(
        primaryjoin="or_(LazyPerson.id == foreign(LazyNote.author_id), LazyNote.rank == 0)", viewonly=True
    )
    card: Mapped[LazyCard | None] = relationship(back_populates="person", cascade="all, delete-orphan")


class LazyCard(IntegerKey, Model):
    __tablename__ = "lazy_card"
    person_id: Mapped[int | None] = mapped_column(ForeignKey("lazy_person.id"), unique=True)
    person: Mapped[LazyPerson | None] = relationship(back_populates="card")


class LazyNote(IntegerKey, Model):
    __tablename__ = "lazy_note"
    kind: Mapped[str] = mapped_column(String(10))
    text: Mapped[str]
    rank: Mapped[int]
    author_id: Mapped[int | None] = mapped_column(ForeignKey("lazy_person.id"))
    author: Mapped[LazyPerson | None] = relationship(back_populates="notes")
    tags: Mapped[list[LazyTag]] = relationship(secondary=lazy_note_tag, order_by="LazyTag.id", back_populates="notes")
    __mapper_args__: ClassVar = {"polymorphic_on": "kind", "polymorphic_identity": "note"}


class LazyReview(LazyNote):
    __tablename__ = "lazy_review"
    id: Mapped[int] = mapped_column(ForeignKey("lazy_note.id"), primary_key=True)
    about_id: Mapped[int | None] = mapped_column(ForeignKey("lazy_person.id"))
    about: Mapped[LazyPerson | None] = relationship(foreign_keys=[about_id])
    __mapper_args__: ClassVar = {
        "polymorphic_identity": "review",
        "polymorphic_load": "inline",
        "inherit_condition": id == LazyNote.id,
    }


class LazyTag(IntegerKey, Model):
    __tablename__ = "lazy_tag"
    notes: Mapped[set[LazyNote]] = relationship(secondary=lazy_note_tag, back_populates="tags")


class LazyShelf(Model):
    __tablename__ = "lazy_shelf"
    room: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    place: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    books: Mapped[list[LazyBook]] = relationship(back_populates="shelf", order_by="LazyBook.id")


class LazyBook(IntegerKey, Model):
    __tablename__ = "lazy_book"
    __table_args__ = (ForeignKeyConstraint(["room", "place"], ["lazy_shelf.room", "lazy_shelf.place"]),)
    room: Mapped[int | None]
    place: Mapped[int | None]
    shelf: Mapped[LazyShelf | None] = relationship(back_populates="books")


# What reads as a list without an order is compared as a set would be.
UNORDERED = {"friends", "best", "shared"}
LINKS = {
    LazyTown: ["people"],
    LazyPerson: ["town", "boss", "team", "friends", "notes", "best", "by_text", "shared", "card"],
    LazyNote: ["author", "tags"],
    LazyReview: ["about"],
    LazyCard: ["person"],
    LazyTag: ["notes"],
    LazyShelf: ["books"],
    LazyBook: ["shelf"],
}
ROOTS = [LazyTown, LazyPerson, LazyNote, LazyCard, LazyTag, LazyShelf, LazyBook]


@pytest.fixture
def apps(start):
    """Apps on one database, in one process, by how they load."""
    return {
        mode: start(features=[Db(lazy=mode)], modules=[Module("people")]) for mode in ("together", "plain", "raise")
    }


@pytest.fixture
def village(apps):
    """Eight people, each the boss of the next, who wrote two notes, have a card and know the next one."""
    people = range(8)
    with apps["plain"].app_context():
        store(
            {
                "towns": 2,
                "people": [(i % 2, i - 1 if i else None) for i in people],
                "notes": [(i % 8, 7 - i % 8) for i in range(16)],
                "cards": people,
                "friends": [(i, (i + 1) % 8) for i in people],
                "tags": [(i, i % 3) for i in range(16)],
                "shelves": [(i, 1) for i in people],
                "books": [(i, 1) for i in people] * 2,
            }
        )


@pytest.fixture
def app(apps, village):
    with apps["together"].app_context():
        yield apps["together"]


@pytest.fixture
def strict(apps, village):
    with apps["raise"].app_context():
        yield apps["raise"]


def store(graph):
    """Make the database hold *graph*, and nothing else."""
    db.session.execute(update(LazyPerson).values(boss_id=None))
    for name in reversed([table.name for table in Model.metadata.sorted_tables if table.name.startswith("lazy_")]):
        db.session.execute(delete(Model.metadata.tables[name]))
    db.session.add_all(LazyTown(code="abc"[i] * 3) for i in range(graph["towns"]))
    db.session.flush()
    for i, (town, boss) in enumerate(graph["people"]):
        code = None if town is None else "abc"[town] * 3
        db.session.add(
            LazyPerson(id=i + 1, name=f"{i * 7 % 10}-{i}", town_code=code, boss_id=None if boss is None else boss + 1)
        )
        db.session.flush()
    for i, (author, about) in enumerate(graph["notes"]):
        values = {"id": i + 1, "rank": i, "text": f"t{i}", "author_id": None if author is None else author + 1}
        db.session.add(LazyNote(**values) if about is None else LazyReview(**values, about_id=about + 1))
    db.session.add_all(LazyTag(id=i + 1) for i in range(3))
    db.session.add_all(LazyCard(id=i + 1, person_id=person + 1) for i, person in enumerate(graph.get("cards", ())))
    db.session.add_all(LazyShelf(room=room, place=place) for room, place in graph.get("shelves", ()))
    db.session.flush()
    db.session.add_all(LazyBook(room=room, place=place) for room, place in graph.get("books", ()))
    for table, pairs in ((lazy_friend, graph.get("friends")), (lazy_note_tag, graph.get("tags"))):
        if pairs:
            names = table.c.keys()
            db.session.execute(table.insert(), [dict(zip(names, (a + 1, b + 1), strict=True)) for a, b in pairs])
    db.session.commit()
    db.session.remove()


@st.composite
def graphs(draw):
    some = st.integers(0, 5)
    towns, people, notes = draw(st.integers(0, 3)), draw(some), draw(some)
    person = st.integers(0, people - 1) if people else st.none()
    pairs = st.tuples(st.integers(1, 2), st.integers(1, 2))
    shelves = draw(st.lists(pairs, unique=True))
    return {
        "towns": towns,
        "people": [
            (
                draw(st.integers(0, towns - 1) | st.none() if towns else st.none()),
                draw(st.integers(0, i - 1) | st.none() if i else st.none()),
            )
            for i in range(people)
        ],
        "notes": [(draw(person | st.none()), draw(person | st.none())) for _ in range(notes)],
        "cards": draw(st.lists(person, unique=True)) if people else [],
        "friends": draw(st.lists(st.tuples(person, person), unique=True)) if people else [],
        "tags": draw(st.lists(st.tuples(st.integers(0, notes - 1), st.integers(0, 2)), unique=True)) if notes else [],
        "shelves": shelves,
        "books": draw(st.lists(st.sampled_from([*shelves, (None, None)]))),
    }


def names_of(items):
    return [f"{type(item).__name__} {inspect(item).identity}" for item in items]


def shown(item, name):
    """Return what *item* has there, in a form that is equal where it means the same."""
    value = getattr(item, name)
    if isinstance(value, dict):
        return {key: names_of([one]) for key, one in value.items()}
    if isinstance(value, (list, set)):
        names = names_of(value)
        return sorted(names) if name in UNORDERED or isinstance(value, set) else names
    return None if value is None else names_of([value])


def links_of(item):
    return [name for kind, names in LINKS.items() if isinstance(item, kind) for name in names]


def everything(model, choices):
    """Return what is seen on a walk from all rows of *model* along the relationships that *choices* lead to."""
    seen = []
    items = list(db.session.scalars(select(model).order_by(*inspect(model).primary_key)))
    kept = [*items]
    for choice in choices:
        following = {}
        for item in items:
            links = links_of(item)
            name = links[choice % len(links)]
            seen.append(shown(item, name))
            value = getattr(item, name)
            values = value.values() if isinstance(value, dict) else value if isinstance(value, (list, set)) else [value]
            following.update({inspect(one).identity: one for one in values if one is not None})
        items = [following[key] for key in sorted(following)]
        kept += items
    return seen


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graph=graphs(), root=st.sampled_from(ROOTS), choices=st.lists(st.integers(0, 11), min_size=1, max_size=3))
def test_a_walk_sees_what_it_sees_with_plain_loading(apps, count_statements, graph, root, choices):
    with apps["plain"].app_context():
        store(graph)
        plain = everything(root, choices)
    with apps["together"].app_context(), count_statements() as statements:
        assert everything(root, choices) == plain
    # Each step may add one, for rows of each earlier one; reviews have links that plain notes lack.
    assert len([one for one in statements if one.startswith("SELECT")]) <= 1 + 2 + 4 + 6


ACTIONS = st.one_of(
    st.tuples(st.just("read"), st.integers(0, 20), st.integers(0, 11)),
    st.tuples(st.just("read unflushed"), st.integers(0, 20), st.integers(0, 11)),
    st.tuples(st.just("boss"), st.integers(0, 4), st.integers(0, 4)),
    st.tuples(st.just("befriend"), st.integers(0, 4), st.integers(0, 4)),
    st.tuples(st.just("take"), st.integers(0, 4), st.integers(0, 4)),
    st.tuples(st.just("write"), st.integers(0, 4), st.just(0)),
    st.tuples(st.just("drop"), st.integers(0, 4), st.just(0)),
    st.tuples(st.just("statement"), st.integers(0, 4), st.integers(0, 4)),
    st.tuples(st.sampled_from(["flush", "expire", "commit", "rollback"]), st.integers(0, 20), st.just(0)),
)
FEW = ("cards", "friends", "tags", "shelves", "books")


def told(actions):
    """Do *actions* on all people and notes, and return what there was to see."""
    people = list(db.session.scalars(select(LazyPerson).order_by(LazyPerson.id)))
    notes = list(db.session.scalars(select(LazyNote).order_by(LazyNote.id)))
    log = []
    for step, (what, i, j) in enumerate(actions):
        one, other = (people[k % len(people)] if people else None for k in (i, j))
        note = notes[i % len(notes)] if notes else None
        item = [*people, *notes, None][i % (len(people) + len(notes) + 1)]
        try:
            if what.startswith("read") and item:
                links = links_of(item)
                with db.session.no_autoflush if what == "read unflushed" else nullcontext():
                    log.append(shown(item, links[j % len(links)]))
            elif what == "boss" and one:
                one.boss_id = other.id
            elif what == "befriend" and one:
                one.friends.append(other)
            elif what == "take" and one and note:
                other.notes.append(note)
            elif what == "write" and one:
                db.session.add(LazyNote(id=100 + step, text="new", rank=i + 100, author_id=one.id))
            elif what == "drop" and note:
                db.session.delete(note)
            elif what == "statement" and one and note:
                db.session.execute(update(LazyNote).where(LazyNote.id == note.id).values(author_id=other.id))
            elif what == "expire" and item:
                db.session.expire(item)
            elif what in ("flush", "commit", "rollback"):
                getattr(db.session, what)()
        except Exception as error:
            log.append(type(error).__name__)
            db.session.rollback()
    return log


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(  # A flush calls the deletion off, the next one carries it out.
    graph={"towns": 0, "people": [(None, None)] * 2, "notes": [(None, 0)], **dict.fromkeys(FEW, ())},
    actions=[("take", 0, 0), ("drop", 0, 0), ("take", 0, 1)],
)
@given(graph=graphs(), actions=st.lists(ACTIONS, min_size=2, max_size=15))
def test_reading_between_changes_sees_what_it_sees_with_plain_loading(apps, graph, actions):
    logs = []
    for mode in ("plain", "together"):
        with apps[mode].app_context():
            store(graph)
            logs.append(told(actions))
    assert logs[0] == logs[1]


def people(*options):
    return list(db.session.scalars(select(LazyPerson).order_by(LazyPerson.id).options(*options)))


@pytest.mark.parametrize(
    ("model", "name"),
    [(model, name) for model, names in LINKS.items() for name in names if name not in ("boss", "shared")],
)
def test_one_statement_reads_a_relationship_of_all_rows(app, count_statements, model, name):
    items = list(db.session.scalars(select(model)))
    with count_statements() as statements:
        seen = [shown(item, name) for item in items]
    assert len(items) > 1
    assert any(seen)
    assert len(statements) == 1


def test_rows_of_the_same_table_are_read_at_once_unless_they_are_there(app, count_statements):
    items = list(db.session.scalars(select(LazyPerson).where(LazyPerson.id % 2 == 0).order_by(LazyPerson.id)))
    with count_statements() as statements:
        assert [person.boss.id for person in items] == [1, 3, 5, 7]
        assert [person.boss.id for person in people()[1:]] == [1, 2, 3, 4, 5, 6, 7]
    assert len(statements) == 2


def test_a_chain_of_relationships_takes_a_statement_for_each(app, count_statements):
    with count_statements() as statements:
        for town in db.session.scalars(select(LazyTown)):
            for person in town.people:
                for note in person.notes:
                    assert note.tags
    assert len(statements) == 4


def test_five_hundred_rows_are_asked_for_at_once(app, count_statements):
    db.session.execute(LazyPerson.__table__.insert(), [{"id": i, "name": f"x{i}"} for i in range(100, 1192)])
    items = people()
    with count_statements() as statements:
        assert sum(item.card is not None for item in items) == 8
    assert (len(items), len(statements)) == (1100, 3)


def test_only_rows_of_the_same_load_are_read(app, count_statements):
    first, others = db.session.get(LazyPerson, 1), people()
    with count_statements() as statements:
        assert first.notes
        assert [len(person.notes) for person in others] == [2] * 8
    assert len(statements) == 2


def test_what_cannot_be_told_apart_is_loaded_plainly(app, count_statements):
    items = people()
    with count_statements() as statements:
        assert [len(item.shared) for item in items] == [2, 3, 3, 3, 3, 3, 3, 3]
    assert len(statements) == 8


def test_keys_that_only_the_database_takes_for_equal_find_what_they_find_plainly(apps, app):
    for person, code in zip(people(), ["aaa", "AAA", "bbb ", "zzz", None, "", "BbB", "aaa"], strict=True):
        person.home_code = code
    db.session.commit()
    seen = []
    for mode in ("plain", "together"):
        with apps[mode].app_context():
            seen.append([shown(person, "home") for person in people()])
    assert seen[0] == seen[1]
    assert seen[0][0] == seen[0][7] == ["LazyTown ('aaa',)"]


def test_criteria_and_options_of_the_query_hold_for_all(app, count_statements):
    options = with_loader_criteria(LazyNote, LazyNote.rank > 8), selectinload(LazyPerson.town)
    with count_statements() as statements:
        assert [len(person.notes) for person in people(*options)] == [0, 1, 1, 1, 1, 1, 1, 1]
    assert len(statements) == 3
    db.session.remove()
    own = lazyload(LazyPerson.notes.and_(LazyNote.rank > 8))
    assert [len(person.notes) for person in people(own)] == [0, 1, 1, 1, 1, 1, 1, 1]


def test_a_loop_that_changes_each_row_still_reads_them_together(app, count_statements):
    with count_statements() as statements:
        for person in people():
            person.name = f"{person.name} with {len(person.notes)} notes"
    assert len([one for one in statements if one.startswith("SELECT")]) == 2
    assert all(person.name.endswith("with 2 notes") for person in people())


def test_what_a_flush_changed_is_read_again(app):
    first, second, *_ = people()
    assert len(first.notes) == 2
    db.session.add(LazyNote(id=50, text="new", rank=50, author_id=second.id))
    assert [note.rank for note in second.notes] == [1, 9, 50]


def test_rows_are_not_kept_alive(app):
    items = people()
    assert items[0].notes
    note = weakref.ref(db.session.get(LazyNote, 2))
    person = weakref.ref(items[1])
    assert note() is not None
    del items
    gc.collect()
    assert person() is None
    assert note() is None


def test_a_pickled_row_takes_no_other_rows_with_it(app):
    items = people()
    before = len(pickle.dumps(items[3]))
    assert items[0].notes
    copy = pickle.loads(pickle.dumps(items[3]))
    assert len(pickle.dumps(items[3])) < before + 100
    assert [note.rank for note in db.session.merge(copy, load=False).notes] == [3, 11]


def test_raising_names_the_relationship_and_the_way_out(strict):
    person, *others = people()
    assert others
    with pytest.raises(LazyLoad, match=r"^LazyPerson\.notes was read .*options\(selectinload\(LazyPerson\.notes\)\)"):
        assert person.notes
    assert len(people(selectinload(LazyPerson.notes))[0].notes) == 2


def test_raising_spares_a_row_that_came_alone(strict):
    assert len(db.session.get(LazyPerson, 1).notes) == 2


def test_raising_spares_what_takes_no_statement(strict):
    towns = list(db.session.scalars(select(LazyTown)))
    assert {person.town.code for person in people()} == {town.code for town in towns}
    assert db.session.get(LazyPerson, 1).boss is None


def test_raising_spares_what_storing_and_deleting_read(strict):
    db.session.add(LazyPerson(id=99, name="leaver", card=LazyCard(id=99), notes=[LazyNote(id=99, text="", rank=0)]))
    db.session.commit()
    db.session.delete(people()[-1])
    db.session.delete(db.session.get(LazyNote, 3))
    db.session.commit()
    assert db.session.get(LazyCard, 99) is None
    assert db.session.get(LazyNote, 99).author_id is None


def test_raising_tells_reading_from_deleting_by_the_second_row(strict):
    one, two, *_ = people()
    assert one.card
    with pytest.raises(LazyLoad, match=r"LazyPerson\.card"):
        assert two.card


def test_apps_with_other_settings_stand_side_by_side(apps, village, count_statements):
    counts = {}
    for mode in ("plain", "together", "plain"):
        with apps[mode].app_context():
            items = people()
            with count_statements() as statements:
                assert all(item.notes for item in items)
            counts[mode] = len(statements)
    assert counts == {"plain": 8, "together": 1}
