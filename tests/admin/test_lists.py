"""Lists of the admin: values changed in the list itself, actions, rows that refer to a row, sessions and tokens."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from sqlalchemy import select

from flaskkit import Action, Module, ResourceError, User, db
from flaskkit.auth import sessions, tokens

from .conftest import Order, the_module, token_in


def inputs(page):
    """Return what the form around the list would send."""
    sent = {"csrf_token": token_in(page)}
    rows = re.findall(r'name="_row" value="([^"]+)"', page.text)
    for tag in re.findall(r"<input[^>]+>", page.text):
        name, value = re.search('name="([^"]+:[^"]+)"', tag), re.search('value="([^"]*)"', tag)
        if name and ('type="checkbox"' not in tag or "checked" in tag):
            sent[name[1]] = value[1] if value else ""
    return {**sent, "_row": rows}


@pytest.fixture
def orders(shop):
    def orders():
        with shop.app_context():
            return [(one.title, one.price, one.paid) for one in db.session.scalars(select(Order).order_by(Order.id))]

    return orders


def test_values_are_changed_in_the_list(chief, orders):
    page = chief.get("/admin/orders/?sort=-title")
    sent = inputs(page)
    assert (sent["_row"], sent["1:price"], "1:paid" in sent) == (["2", "1"], "10.00", False)
    saved = chief.client.post("/admin/orders/?sort=-title", data={**sent, "1:price": "3.5", "1:paid": "y"})
    assert (saved.status_code, saved.headers["Location"]) == (303, "/admin/orders/?sort=-title")
    assert orders() == [("Chair", Decimal("3.50"), True), ("Table", None, False)]
    # The empty price of another row is as it was.
    assert "1 row was saved." in chief.get("/admin/orders/").text
    # The public list has no inputs and takes nothing.
    assert "_row" not in chief.get("/orders/").text
    assert chief.client.post("/orders/", data=sent).status_code == 405


def test_all_rows_of_the_list_are_saved_or_none(chief, orders):
    sent = inputs(chief.get("/admin/orders/"))
    refused = chief.client.post("/admin/orders/", data={**sent, "1:price": "11", "2:price": "-1"})
    assert refused.status_code == 422
    assert "Must be at least 0." in refused.text
    assert re.search('name="1:price"[^>]* value="11"', refused.text)
    refused = chief.client.post("/admin/orders/", data={**sent, "1:price": "11", "2:price": "cheap"})
    assert "Not a valid decimal value." in refused.text
    assert orders() == [("Chair", Decimal("10.00"), False), ("Table", None, False)]
    assert chief.client.post("/admin/orders/", data={**sent, "csrf_token": "x", "1:price": "11"}).status_code == 400
    assert orders()[0][1] == Decimal("10.00")


def test_nobody_overwrites_in_the_list_what_they_have_not_seen(shop, chief, orders):
    sent = inputs(chief.get("/admin/orders/"))
    with shop.app_context():
        db.session.get(Order, 1).price = Decimal("99.00")
        db.session.commit()
    refused = chief.client.post("/admin/orders/", data={**sent, "1:price": "11", "2:price": "5"})
    assert refused.status_code == 409
    assert "Stored meanwhile: 99.00" in refused.text
    assert orders()[1] == ("Table", None, False)
    again = inputs(refused)
    assert again["1:price"] == "11"
    assert chief.client.post("/admin/orders/", data=again).status_code == 303
    assert [price for _, price, _ in orders()] == [Decimal("11.00"), Decimal("5.00")]


def test_actions_of_modules_are_done_after_asking_to_all_or_none(shop, chief, ada):
    page = chief.get("/admin/orders/").text
    assert 'formaction="/admin/orders/do" name="action" value="finish">Finish …</button>' in page
    asked = chief.get("/admin/orders/do?action=finish&key=1&key=2").text
    assert "Finish: 2 rows" in asked
    assert "They leave the shop." in asked
    refused = chief.post("/admin/orders/do?action=finish&key=1&key=2", "/admin/orders/do", action="finish", key=[1, 2])
    assert (refused.status_code, "Has no price yet." in refused.text) == (422, True)
    done = chief.post("/admin/orders/do?action=finish&key=1", "/admin/orders/do", action="finish", key=1)
    assert done.headers["Location"] == "/admin/orders/"
    assert "Finished 1." in chief.get("/admin/orders/").text
    with shop.app_context():
        assert [one.state.name for one in db.session.scalars(select(Order).order_by(Order.id))] == ["done", "open"]
    # The same on the site, for whom the policy of the rows lets change them.
    assert "Finish: “Table”" in ada.get("/orders/do?action=finish&key=2").text
    assert chief.get("/orders/do?action=finish&key=2").status_code == 403
    assert chief.get("/admin/orders/do?action=burn&key=2").status_code == 404
    assert chief.get("/admin/customers/do?action=finish").status_code == 404
    assert chief.client.post("/admin/orders/do", data={"action": "finish", "key": "2"}).status_code == 400


@pytest.mark.parametrize(
    ("actions", "text"),
    [
        ({"order": []}, "Did you mean 'orders'?"),
        ({"orders": ["x"]}, "give an Action"),
        ({"orders": [Action("a b", "A", len)]}, "give each a word of its own"),
        ({"orders": [Action("a", "A", len, policy="write")]}, "write read, update or delete"),
    ],
)
def test_mistakes_in_actions_are_told_at_start(start, actions, text):
    other = Module("other", contributions={"pages": {"actions": actions}})
    with pytest.raises(ResourceError) as told:
        start(features=["db", "forms", "pages"], modules=[the_module(), other], tables=False)
    assert text in str(told.value)


def test_a_row_shows_those_that_refer_to_it(shop, chief):
    page = chief.get("/admin/customers/1").text
    assert re.search(r'<h2 class="section-title">Orders', page)
    assert '<a href="/admin/orders/1">Chair</a>' in page
    assert 'href="/admin/orders/?customer_id=1"' in page
    assert "section-title" not in chief.get("/admin/customers/2").text
    assert "section-title" not in chief.get("/customers/1").text


def test_sessions_and_tokens_are_shown_without_secrets_and_can_be_revoked(shop, chief, ada):
    with shop.app_context():
        token, _ = tokens.issue(db.session.get(User, 2), "backup", 3)
        digests = [one.digest for one in db.session.scalars(select(sessions.session_model(User)))]
        digests += [one.digest for one in db.session.scalars(select(tokens.token_model(User)))]
    assert ada.get("/auth/account").status_code == 200
    pages = [chief.get(f"/admin/{path}") for path in ("sessions/", "tokens/", "sessions/2", "tokens/1", "users/2")]
    assert {page.status_code for page in pages} == {200}
    assert not any(secret in page.text for page in pages for secret in (token, *digests))
    assert "backup" in pages[1].text
    assert "ada@example.org" in pages[0].text
    assert chief.get("/admin/sessions/new").status_code == chief.get("/admin/tokens/1/edit").status_code == 403
    assert chief.post("/admin/sessions/2/delete").status_code == 303
    assert chief.post("/admin/tokens/1/delete").status_code == 303
    assert ada.get("/auth/account").status_code == 303
    used = shop.test_client().get("/auth/account", headers={"Authorization": f"Bearer {token}"})
    assert used.status_code == 401
    assert re.search("(Deleted|deleted)", chief.get("/admin/").text)
