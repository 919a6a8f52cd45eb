"""What is write-only is never shown, on a form either, and stays as it is when left empty."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Mapped

from flaskkit import IntegerKey, Model, Module, Resource, db, public


class PagesAccount(IntegerKey, Model):
    __tablename__ = "pages_account"
    name: Mapped[str]
    pin: Mapped[str]


accounts = Resource(PagesAccount, name="accounts", fields=["name"], write_only=["pin"], read=public, write=public)


@pytest.fixture
def app(start):
    app = start(features=["db", "forms", "pages"], modules=[Module("bank", resources=[accounts])])
    with app.app_context():
        db.session.add(PagesAccount(name="Ada", pin="TOPSECRET"))
        db.session.commit()
    return app


def pin_after(app, **typed):
    client = app.test_client()
    page = client.get("/accounts/1/edit").text
    assert "TOPSECRET" not in page
    token = re.search('name="csrf_token"[^>]* value="([^"]+)"', page)[1]
    assert client.post("/accounts/1/edit", data={"csrf_token": token, **typed}).status_code == 303
    with app.app_context():
        return db.session.scalars(select(PagesAccount.pin)).one()


def test_a_write_only_value_left_empty_stays(app):
    assert pin_after(app, name="Ada L.", pin="") == "TOPSECRET"


def test_a_write_only_value_is_changed_by_typing_another(app):
    assert pin_after(app, name="Ada", pin="1234") == "1234"
