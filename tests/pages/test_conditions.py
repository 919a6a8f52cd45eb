"""Filters of lists: operators that fit the type, in a form and in an address that can be kept."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import IntegerKey, Model, Module, Resource, UTCDateTime, db, public

from .test_lists import titles


class Keeper(IntegerKey, Model):
    __tablename__ = "pages_keeper"
    name: Mapped[str]

    def __str__(self) -> str:
        return self.name


class Animal(IntegerKey, Model):
    __tablename__ = "pages_animal"
    name: Mapped[str] = mapped_column(String(40))
    weight: Mapped[int | None] = mapped_column(info={"minimum": 1})
    tame: Mapped[bool] = mapped_column(default=False)
    born: Mapped[datetime | None] = mapped_column(UTCDateTime)
    page: Mapped[str | None]
    keeper_id: Mapped[int | None] = mapped_column(ForeignKey("pages_keeper.id"))
    keeper: Mapped[Keeper | None] = relationship()

    def __str__(self) -> str:
        return self.name


animals = Resource(
    Animal,
    name="animals",
    fields=["name", "weight", "tame", "born", "page", "keeper"],
    filters={"name": ["all"], "weight": ["all"], "tame": ["eq"], "born": ["all"], "page": ["eq", "isnull"],
             "keeper_id": ["all"], "keeper.name": ["contains"]},
    sorts=["weight"],
    order=["name"],
    read=public,
)  # fmt: skip


@pytest.fixture
def client(start):
    app = start(features=["db", "forms", "pages"], modules=[Module("zoo", resources=[animals])])
    with app.app_context():
        ann = Keeper(name="Ann")
        db.session.add_all(
            [
                Animal(name="Bear", weight=300, born=datetime(2020, 1, 2, 3, 4, tzinfo=UTC), keeper=ann, page="1"),
                Animal(name="Cat", weight=4, tame=True, born=datetime(2024, 5, 6, tzinfo=UTC)),
                Animal(name="Dog, old", weight=20, tame=True, keeper=ann),
                Animal(name="Eel"),
            ]
        )
        db.session.commit()
    return app.test_client()


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("weight__ge=20", ["Bear", "Dog, old"]),
        ("weight__ge=5&weight__lt=300", ["Dog, old"]),
        ("weight__ge=0", ["Bear", "Cat", "Dog, old"]),
        ("weight__in=4,20", ["Cat", "Dog, old"]),
        ("weight__isnull=true", ["Eel"]),
        ("weight__isnull=false", ["Bear", "Cat", "Dog, old"]),
        ("name__contains=A", ["Bear", "Cat"]),
        ("name__startswith=d", ["Dog, old"]),
        ("name__in=Cat,Dog\\, old", ["Cat", "Dog, old"]),
        ("name__ne=Cat", ["Bear", "Dog, old", "Eel"]),
        ("tame=no", ["Bear", "Eel"]),
        ("born__ge=2024-01-01T00:00", ["Cat"]),
        ("keeper_id=1", ["Bear", "Dog, old"]),
        ("keeper_id__ne=1", ["Cat", "Eel"]),
        ("keeper.name__contains=nn", ["Bear", "Dog, old"]),
        ("page_=1", ["Bear"]),
    ],
)
def test_the_address_may_use_every_operator_that_is_open(client, query, shown):
    page = client.get(f"/animals/?{query}")
    assert titles(page) == shown
    assert f'<span class="count">{query.count("&") + 1}</span>' in page.text


@pytest.mark.parametrize(
    ("sent", "address"),
    [
        ("weight.is=ge&weight=5&weight.is=lt&weight=300", "?weight__ge=5&weight__lt=300"),
        ("name.is=contains&name=", ""),
        ("weight.is=isnull&weight=", "?weight__isnull=true"),
        ("weight.is=notnull&weight=5", "?weight__isnull=false"),
        ("page_.is=&page_=", ""),
        ("keeper_id.is=ne&keeper_id=1&sort=-weight&page=3", "?keeper_id__ne=1&sort=-weight&page=3"),
        ("name.is=drop&name=x", ""),
        ("columns=name&columns=weight&sort=", "?columns=name,weight"),
    ],
)
def test_what_the_form_sends_becomes_an_address_to_keep(client, sent, address):
    answer = client.get(f"/animals/?{sent}")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/animals/{address}")


@pytest.mark.parametrize(
    "query", ["weight__ge=many", "weight__in=1,many", "weight__in=1,,2", "born__lt=soon", "tame=maybe"]
)
def test_what_cannot_be_compared_matches_nothing_and_is_told(client, query):
    page = client.get(f"/animals/?{query}")
    assert titles(page) == []
    assert 'aria-invalid="true"' in page.text
    assert client.get(f"/animals/export.csv?{query}").status_code == 422


def test_a_form_fits_each_type(client):
    form = client.get("/animals/?weight__ge=20").text
    lines = dict(re.findall('<label class="form-label" for="filter-([a-z_-]+)[^"]*">([^<]+)', form))
    assert lines["keeper-name-"] == "Keeper: Name"
    assert form.count('name="weight.is"') == 2
    assert re.search('<option value="ge" selected>is at least</option>', form)
    assert re.search('<input [^>]*name="weight"[^>]*type="number"[^>]*value="20"', form)
    assert re.search('name="tame"[^>]*>.*?<option value="yes">Yes', form, re.DOTALL)
    assert 'name="tame.is"' not in form
    assert 'type="datetime-local"' in form
    assert '<option value="ge" selected>is from</option>' in form
    assert 'name="keeper.name__contains"' in form
    assert '<option value="1">Ann</option>' in form


def test_columns_are_chosen_and_stand_in_that_order(client):
    heads = '<th scope="col" role="columnheader" class="is-[a-z]+"[^>]*>(?:<a[^>]*>)?([^<]+)'
    assert re.findall(heads, client.get("/animals/").text)[-1] == "Keeper"
    chosen = client.get("/animals/?columns=weight,name,nonsense,id&weight__ge=20").text
    assert re.findall(heads, chosen) == ["Animal", "Weight", "Name", "Id"]
    assert '<input type="hidden" name="weight__ge" value="20">' in chosen
    assert 'href="/animals/?columns=weight,name,nonsense,id&amp;weight__ge=20&amp;sort=weight"' in chosen


@pytest.mark.parametrize("name", ["endpoint", "_scheme", "_external", "_anchor", "_method", "self", "resource"])
def test_a_parameter_may_have_any_name(client, name):
    assert f"?{name}=x&amp;" in client.get(f"/animals/?{name}=x").text
    assert client.get(f"/animals/?{name}=x&weight.is=ge&weight=1").status_code == 302
