"""The dashboard: numbers, days, recent changes, and what modules add; fast whatever a table holds."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from flaskkit import Module, ResourceError, db
from flaskkit.db.models import now

from .conftest import Order, the_module


def test_it_shows_numbers_days_changes_and_cards(shop, chief):
    with shop.app_context():
        for days in (0, 3, 3, 200):
            db.session.add(Order(title="Shelf", seller_id=1, created_at=now() - timedelta(days=days)))
        db.session.commit()
    page = chief.get("/admin/").text
    assert re.search(r'href="/admin/orders/">Orders</a></h2>\s*<p>6 rows', page)
    [figure] = [one for one in re.findall("<figure.*?</figure>", page, re.DOTALL) if "Orders" in one]
    assert "5 in 30 days" in figure
    assert 'role="img" aria-label="Orders: 5 new rows in 30 days, at most 3 on ' in figure
    table = re.findall(r'<tr><th scope="row">([^<]+)</th><td class="is-number">(\d+)</td>', figure)
    today = now().date()
    assert table == [(str(today - timedelta(days=3)), "2"), (str(today), "3")]
    assert "style=" not in page
    assert "onclick" not in page
    assert "<b>fine</b>" in page
    assert "1 &lt; 2" in page
    recent = re.search('<ul class="surface recent">(.*?)</ul>', page, re.DOTALL)[1]
    assert recent.count("<li>") == 10
    assert 'href="/admin/orders/6/history">Shelf</a>' in recent


def test_own_views_stand_in_its_navigation(chief, ada):
    page = chief.get("/admin/reports")
    assert "<h1>Reports</h1>" in page.text
    assert 'href="/admin/reports" aria-current="page"' in page.text
    assert 'href="/admin/reports"' in chief.get("/admin/").text
    assert ada.get("/admin/reports").status_code == 403


def test_nothing_is_counted_to_its_end(shop, chief, count_statements, monkeypatch):
    monkeypatch.setattr("flaskkit.admin.dashboard.MOST_COUNTED", 3)
    monkeypatch.setattr("flaskkit.pages.listing.MOST_COUNTED", 3)
    with shop.app_context():
        db.session.add_all([Order(title=f"Shelf {number}", seller_id=1, customer_id=1) for number in range(60)])
        db.session.commit()
    with count_statements() as dashboard:
        page = chief.get("/admin/").text
    with count_statements() as listed:
        rows = chief.get("/admin/orders/").text
    assert re.search(r'href="/admin/orders/">Orders</a></h2>\s*<p>more than 3 rows', page)
    assert "1–50 of more than 3" in rows
    for statement in (*dashboard, *listed):
        for counted in re.finditer(r"count\(\*\)[^(]*?FROM (\(SELECT.*?)(?:\) AS anon|$)", statement, re.DOTALL):
            assert "LIMIT" in counted[1]
        assert not re.search(r"count\(\*\)[^(]*?FROM (?!\()", statement), statement
    # Who it is, the rows with their customers and number, and the customers to choose from in the filter.
    assert len(listed) == 3
    # A long table without an index by day has no chart.
    assert "<figcaption><strong>Orders" not in page


@pytest.mark.parametrize(
    ("contributed", "text"),
    [
        ({"card": []}, "'card' to the admin, which takes no such thing. Did you mean 'cards'?"),
        (
            {"editable": {"order": ["price"]}},
            "'order' be edited in its list, which is no resource. Did you mean 'orders'?",
        ),
        ({"editable": {"orders": ["pric"]}}, "by 'pric', which nobody may send. Did you mean 'price'?"),
        ({"editable": {"orders": ["customer"]}}, "only plain values on one line fit into a list"),
    ],
)
def test_mistakes_are_told_at_start(start, contributed, text):
    other = Module("other", contributions={"admin": contributed})
    with pytest.raises(ResourceError) as told:
        start(features=["db", "forms", "auth", "pages", "admin"], modules=[the_module(), other], tables=False)
    assert text in str(told.value)
