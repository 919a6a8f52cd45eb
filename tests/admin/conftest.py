"""A workshop with orders of customers, and its admin with a history."""

from __future__ import annotations

import enum
import re
from datetime import date, datetime
from decimal import Decimal

import pytest
from flask import Blueprint
from markupsafe import Markup
from sqlalchemy import ForeignKey, Numeric, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flaskkit import (
    Action,
    IntegerKey,
    Model,
    Module,
    Rejected,
    Resource,
    Role,
    Timestamps,
    User,
    db,
    owner,
    public,
    requires,
    role,
)
from flaskkit.auth.identity import start_session


class State(enum.Enum):
    open = 1
    done = 2


class Customer(IntegerKey, Model):
    __tablename__ = "admin_customer"
    name: Mapped[str] = mapped_column(String(40), unique=True)
    pin: Mapped[str | None]

    def __str__(self) -> str:
        return self.name


class Order(IntegerKey, Timestamps, Model):
    __tablename__ = "admin_order"
    title: Mapped[str] = mapped_column(String(60), info={"pattern": "[A-Z].*"})
    price: Mapped[Decimal | None] = mapped_column(Numeric(8, 2), info={"minimum": 0})
    state: Mapped[State] = mapped_column(default=State.open)
    due: Mapped[date | None]
    ready_at: Mapped[datetime | None]
    paid: Mapped[bool] = mapped_column(default=False)
    seller_id: Mapped[int]
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("admin_customer.id"))
    customer: Mapped[Customer | None] = relationship()

    def __str__(self) -> str:
        return self.title


def finish(items):
    for item in items:
        if item.price is None:
            raise Rejected({"price": ["Has no price yet."]})
        item.state = State.done
    return f"Finished {len(items)}."


def the_module():
    orders = Resource(
        Order, name="orders", fields=["title", "price", "state", "due", "paid", "customer", "ready_at"],
        read_only=["created_at"],
        filters=["customer_id", "state"], sorts=["title"], search=["title"], order=["title"],
        read=public, create=owner("seller_id"), write=owner("seller_id"),
    )  # fmt: skip
    customers = Resource(
        Customer, name="customers", fields=["name"], write_only=["pin"], search=["name"], order=["name"],
        read=public, write=role("admin"),
    )  # fmt: skip
    views = Blueprint("workshop", __name__)

    @views.get("/as/<int:id>")
    @requires(public)
    def come_as(id):
        # Without a password, whose hash takes long on purpose.
        start_session(db.session.get(User, id))
        return ""

    @views.get("/admin/reports")
    @requires(role("admin"))
    def reports():
        from flask import render_template_string

        return render_template_string(
            "{% extends 'flaskkit/admin/layout.html' %}{% block content %}<h1>Reports</h1>{% endblock %}"
        )

    return Module(
        "workshop",
        blueprints=[views],
        resources=[orders, customers],
        contributions={
            "admin": {
                "cards": [("Weather", lambda: Markup("<b>fine</b>")), ("Plain", lambda: "1 < 2")],
                "views": [("Reports", "workshop.reports")],
                "editable": {"orders": ["price", "paid"]},
            },
            "pages": {"actions": {"orders": [Action("finish", "Finish", finish, words="They leave the shop.")]}},
        },
    )


@pytest.fixture
def shop(start):
    features = ["db", "forms", "auth", "pages", "admin", "history"]
    app = start(features=features, modules=[the_module()])
    with app.app_context():
        boss, ada = User(email="boss@example.org", roles=[Role(name="admin")]), User(email="ada@example.org")
        miller = Customer(name="Miller", pin="1234")
        db.session.add_all([boss, ada, miller, Customer(name="Smith")])
        db.session.flush()
        db.session.add_all(
            [
                Order(title="Chair", price=Decimal("10.00"), seller_id=2, customer=miller),
                Order(title="Table", seller_id=2),
            ]
        )
        db.session.commit()
    return app


class Visitor:
    """A client that logs in, and that sends the token of the page it looks at."""

    def __init__(self, app, id):
        self.client = app.test_client()
        assert self.get(f"/as/{id}").status_code == 200

    def get(self, path):
        return self.client.get(path)

    def post(self, path, to="", **typed):
        page = self.client.get(path)
        return self.client.post(to or path, data={"csrf_token": token_in(page), **typed})


def token_in(page):
    found = re.search('name="csrf_token"[^>]* value="([^"]+)"', page.text)
    return found[1] if found else ""


@pytest.fixture
def chief(shop):
    return Visitor(shop, 1)


@pytest.fixture
def ada(shop):
    return Visitor(shop, 2)
