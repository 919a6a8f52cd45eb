"""Rows from a CSV file: a preview line by line, then all or none."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO

import pytest
from sqlalchemy import select

from flaskkit import db

from .conftest import Customer, Order, token_in

PATH = "/admin/orders/import"


def preview(visitor, text, path=PATH):
    content = text if isinstance(text, bytes) else text.encode()
    return visitor.post(path, file=(BytesIO(content), "rows.csv"))


def confirm(visitor, page, path=PATH):
    content = re.search('name="content" value="([^"]+)"', page.text)[1]
    return visitor.client.post(path, data={"csrf_token": token_in(page), "content": content})


def lines(page):
    """Return (line, what it does, texts) of the preview."""
    found = []
    for row in re.findall(r"<tr role=\"row\"[^>]*>\s*<th scope=\"row\"(.*?)</tr>", page.text, re.DOTALL):
        number, rest = re.match(r"[^>]*>(\d+)</th>(.*)", row, re.DOTALL).groups()
        texts = " ".join(re.sub("<[^>]+>", " ", rest.split('data-label="Values"')[1].partition(">")[2]).split())
        found.append((int(number), re.search('data-label="Does">([^<]+)', rest)[1], texts))
    return found


@pytest.fixture
def orders(shop):
    def orders():
        with shop.app_context():
            return list(db.session.scalars(select(Order).order_by(Order.id)))

    return orders


def test_a_file_is_looked_at_line_by_line_and_stored_after_that(shop, chief, orders):
    assert 'href="/admin/orders/import"' in chief.get("/admin/orders/").text
    text = (
        "\ufeffId;Title;Price;State;Due;Paid;Customer;created_at;Ready at\r\n"
        "1;Armchair;12.50;done;2030-01-02;yes;Smith;2020-01-01;2030-01-02T03:04:05+02:00\r\n"
        "2;Table;;open;;no;;;\r\n"
        "\r\n"
        ";'=Sum;7;open;;true;1;;2030-01-02 03:04\r\n"
    )
    page = preview(chief, text)
    assert page.status_code == 422
    *others, wrong = lines(page)
    assert wrong[:2] == (5, "wrong")
    assert wrong[2].startswith("Title: Does not have the expected form.")
    assert others == [
        (2, "change", "Title: Chair → Armchair Price: 10.00 → 12.50 State: Open → Done Due: 2030-01-02"
                      " Paid: no → yes Customer: Miller → Smith Ready at: 2030-01-02 01:04 UTC"),
        (3, "same", ""),
    ]  # fmt: skip
    assert "Not imported, because nobody may send it: created_at." in page.text
    assert 'name="content"' not in page.text

    page = preview(chief, text.replace("'=Sum", "Sum"))
    assert lines(page)[2] == (
        5,
        "new",
        "Title: Sum Price: 7 State: Open Paid: yes Customer: 1 Ready at: 2030-01-02 03:04 UTC",
    )
    assert [one.title for one in orders()] == ["Chair", "Table"]
    assert confirm(chief, page).headers["Location"] == "/admin/orders/"
    assert "Imported: 1 new, 1 changed." in chief.get("/admin/orders/").text
    first, _, third = orders()
    assert (first.title, first.price, first.due, first.customer_id) == (
        "Armchair",
        Decimal("12.50"),
        date(2030, 1, 2),
        2,
    )
    assert (third.title, third.price, third.paid, third.customer_id, third.seller_id) == ("Sum", 7, True, 1, 1)
    assert first.ready_at == datetime(2030, 1, 2, 1, 4, 5, tzinfo=UTC)
    assert "Chair" in chief.get("/admin/orders/1/history").text


def test_what_is_exported_can_be_imported(shop, chief):
    with shop.app_context():
        db.session.get(Order, 2).title = 'A, "b"'
        db.session.commit()
    page = preview(chief, chief.get("/admin/orders/export.csv").data)
    assert [what for _, what, _ in lines(page)] == ["same", "same"]


def test_everything_that_is_wrong_is_told_at_once(shop, chief, orders):
    page = preview(
        chief,
        "id,title,price,state,paid,customer\n"
        "1,,x,gone,maybe,Nobody\n"
        "99,Bed,1,,no,\n"
        "2,Bed,-1,open,no,1\n"
        "2,Bed,1,open,no,1\n",
    )
    assert page.status_code == 422
    assert [(number, what) for number, what, _ in lines(page)] == [
        (2, "wrong"),
        (3, "wrong"),
        (4, "wrong"),
        (5, "wrong"),
    ]
    first, second, third, fourth = (texts for _, _, texts in lines(page))
    for text in (
        "Title: This field is required.", "Price: Not a valid decimal value.", "State: Not a valid choice.",
        "Paid: Write yes or no.", "Customer: There is no such row: Nobody.",
    ):  # fmt: skip
        assert text in first
    assert "There is no row '99'. Leave the key empty for a new one." in second.replace("&#39;", "'")
    assert "Price: Must be at least 0." in third
    assert "This key is in line 4 already." in fourth
    page = preview(chief, "price\n3\n")
    assert "Title: The file lacks this column, which a new row needs." in lines(page)[0][2]
    assert [one.title for one in orders()] == ["Chair", "Table"]


def test_what_only_the_database_knows_is_told_in_the_preview(shop, chief):
    page = preview(chief, "name,pin\nBaker,1\nMiller,2\n", "/admin/customers/import")
    assert lines(page)[1] == (3, "wrong", "Name: This is taken already. Name: Miller Pin: •••")
    assert 'name="content"' not in page.text
    page = preview(chief, "id,name,pin\n1,Miller,\n2,Smith,77\n", "/admin/customers/import")
    assert [what for _, what, _ in lines(page)] == ["same", "change"]
    assert "77" not in re.search("<tbody.*</tbody>", page.text, re.DOTALL)[0]
    assert confirm(chief, page, "/admin/customers/import").status_code == 303
    with shop.app_context():
        assert [one.pin for one in db.session.scalars(select(Customer).order_by(Customer.id))] == ["1234", "77"]


def test_nobody_confirms_what_they_have_not_seen(shop, chief, ada):
    page = preview(chief, "id,title\n1,Armchair\n")
    with shop.app_context():
        db.session.get(Order, 1).title = "Stool"
        db.session.commit()
    again = confirm(chief, page)
    assert again.status_code == 409
    assert lines(again) == [(2, "change", "Title: Stool → Armchair")]
    assert confirm(chief, again).status_code == 303
    content = re.search('name="content" value="([^"]+)"', page.text)[1]
    for wrong in (content[:-1], "", "x"):
        sent = {"csrf_token": token_in(page), "content": wrong}
        refused = chief.client.post(PATH, data=sent)
        assert (refused.status_code, "This preview is too old." in refused.text) == (422, True)
    # It is signed for this resource, and for this user.
    assert chief.client.post("/admin/customers/import", data={**sent, "content": content}).status_code == 422
    assert chief.client.post(PATH, data={"content": content}).status_code == 400
    assert ada.get(PATH).status_code == 403


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "Choose a file."),
        (b"\xff\xfe", "not in UTF-8"),
        ("titel\nBed\n", "There is no column 'titel' to import. Did you mean 'title'?"),
        ("seller_id,title\n1,Bed\n", "There is no column 'seller_id' to import."),
        ("title,title\nBed,Bed\n", "The column 'title' is there twice."),
        ("id,created_at\n1,2\n", "no column that can be imported"),
        ("title,price\nBed\n", "Line 2 has 1 cells instead of 2."),
        ("title\n", "no rows below"),
        ("\n", "The file is empty."),
        ('title\n"Bed', "The file is no CSV"),
        ("title\n" + "Bed\n" * 1001, "At most 1,000 are taken at once."),
        ("title\n" + "x" * 100_000, "The file is too large."),
    ],
)
def test_a_file_that_cannot_be_read_is_told(chief, content, text, monkeypatch):
    monkeypatch.setattr("flaskkit.admin.reading.MOST_BYTES", 100_000)
    refused = preview(chief, content)
    assert refused.status_code == 422
    assert text in refused.text.replace("&#39;", "'").replace("&#34;", '"')
