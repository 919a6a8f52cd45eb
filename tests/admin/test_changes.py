"""What was changed is told per row in the admin, and can be restored there."""

from __future__ import annotations

import re
from decimal import Decimal

from sqlalchemy import select

from flaskkit import User, db
from flaskkit.history import Change

from .conftest import Customer, Order


def rows_of(page):
    """Return (head, {field: (before, after)}) of each change on a page."""
    found = []
    for part in page.text.split('<li class="surface change">')[1:]:
        head = " ".join(re.sub("<[^>]+>", " ", re.search('change-head">(.*?)</p>', part, re.DOTALL)[1]).split())
        cells = re.findall(
            r'rowheader">([^<]+)</th>.*?<span class="prose">([^<]*)</span>.*?<span class="prose">([^<]*)</span>', part
        )
        found.append((head, {name: (before, after) for name, before, after in cells}))
    return found


def test_a_row_has_a_history_with_who_when_from_where_before_and_after(shop, chief):
    sent = chief.post("/admin/orders/1/edit", title="Armchair", price="12.50", state="done", customer="2", paid="y")
    assert sent.status_code == 303
    assert 'href="/admin/orders/1/history"' in chief.get("/admin/orders/1").text
    (head, changed), (first, created) = rows_of(chief.get("/admin/orders/1/history"))
    assert re.fullmatch(r"Changed \d{4}-\d\d-\d\d \d\d:\d\d UTC by boss@example.org, from 127.0.0.1", head)
    assert changed == {
        "Title": ("Chair", "Armchair"),
        "Price": ("10.00", "12.50"),
        "State": ("Open", "Done"),
        "Paid": ("no", "yes"),
        "Customer": ("Miller", "Smith"),
    }
    assert "by a command or job" in first
    assert created["Customer"] == ("", "Miller")
    # What no resource names is written down to be restored, and not shown.
    assert "Seller" not in str(created)


def test_secrets_are_masked(shop, chief):
    chief.post("/admin/customers/1/edit", name="Miller", pin="9876")
    with shop.app_context():
        db.session.get(User, 2).password_hash = "$argon2$made-up"
        db.session.commit()
    assert rows_of(chief.get("/admin/customers/1/history"))[0][1] == {"Pin": ("•••", "•••")}
    page = chief.get("/admin/users/2/history")
    assert rows_of(page)[0][1]["Password hash"] == ("•••", "•••")
    assert "argon2" not in page.text
    with shop.app_context():
        assert "9876" not in str([vars(one) for one in db.session.scalars(select(Change))])


def restore(visitor, path, number=0):
    ids = re.findall('name="change" value="([0-9]+)"', visitor.get(path).text)
    return visitor.post(path, change=ids[number])


def test_what_was_before_is_restored_and_that_is_written_down_too(shop, chief):
    chief.post("/admin/orders/1/edit", title="Armchair", price="", state="done", due="2030-01-02", customer="")
    answer = restore(chief, "/admin/orders/1/history")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/orders/1")
    with shop.app_context():
        order = db.session.get(Order, 1)
        assert (order.title, order.price, order.state.name, order.due) == ("Chair", Decimal("10.00"), "open", None)
        assert order.customer_id == 1
    changes = rows_of(chief.get("/admin/orders/1/history"))
    assert [changes[i][1]["Title"] for i in (0, 1)] == [("Armchair", "Chair"), ("Chair", "Armchair")]


def test_a_deleted_row_is_restored_as_it_was_and_whose_it_was(shop, chief):
    with shop.app_context():
        made = db.session.get(Order, 1).created_at
    chief.post("/admin/orders/1/delete")
    page = chief.get("/admin/orders/1/history")
    assert "This row was deleted." in page.text
    assert "History: Chair" in page.text
    assert 'href="/admin/orders/1/history">Chair</a>' in chief.get("/admin/").text
    assert restore(chief, "/admin/orders/1/history").headers["Location"] == "/admin/orders/1"
    with shop.app_context():
        order = db.session.get(Order, 1)
        assert (order.title, order.seller_id, order.customer_id, order.created_at) == ("Chair", 2, 1, made)
    heads = [head.partition(" ")[0] for head, _ in rows_of(chief.get("/admin/orders/1/history"))]
    assert heads == ["Added", "Deleted", "Added"]


def test_what_is_against_the_rules_now_is_not_restored(shop, chief):
    chief.post("/admin/customers/1/edit", name="Baker")
    chief.post("/admin/customers/2/edit", name="Miller")
    refused = restore(chief, "/admin/customers/1/history")
    assert (refused.status_code, "Name: This is taken already." in refused.text) == (409, True)
    chief.post("/admin/orders/2/edit", title="Desk", state="open")
    with shop.app_context():
        change = db.session.scalars(select(Change).order_by(Change.id.desc())).first()
        change.before = {"title": "lower case"}
        db.session.commit()
    refused = restore(chief, "/admin/orders/2/history")
    assert (refused.status_code, "Title: Does not have the expected form." in refused.text) == (422, True)
    with shop.app_context():
        assert (db.session.get(Order, 2).title, db.session.get(Customer, 1).name) == ("Desk", "Baker")


def test_it_is_closed_to_others_and_says_not_found(shop, chief, ada):
    assert ada.get("/admin/orders/1/history").status_code == 403
    assert shop.test_client().get("/admin/orders/1/history").status_code == 303
    assert chief.get("/admin/orders/99/history").status_code == 404
    assert chief.post("/admin/orders/1/history", change="99").status_code == 404
    created = re.findall('name="change"', chief.get("/admin/orders/1/history").text)
    assert created == []
    forged = chief.client.post("/admin/orders/1/history", data={"change": "1"})
    assert forged.status_code in (400, 404)


def test_without_the_feature_there_is_none(start):
    app = start(features=["db", "forms", "auth", "pages", "admin"])
    assert not [rule for rule in app.url_map.iter_rules() if "history" in rule.rule]
