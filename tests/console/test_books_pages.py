"""The books in the office: what stands where, day by day, files for accountants, and a month that is closed."""

from __future__ import annotations

import csv
import io

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from gateway.store.schema import office_event, period
from tests.console.office import Office
from tests.ussd.world import MEMBER


@pytest.fixture
def paid(office: Office) -> Office:
    """A family that owes 10 200 F has paid 3 300 F by its phone."""
    office.place.household_with(MEMBER, "Adjara Tchédré", "Moussa Tchédré", "Rahina Tchédré")
    office.place.phone(MEMBER).dial("*384*229#")
    return office


def test_the_trial_balance_shows_what_stands_and_comes_to_nothing(paid: Office) -> None:
    page = paid.enter("treasurer").get("/books")
    assert page.status == 200
    assert "Adhérents" in page.text
    assert page.text.count("0 F") >= 2


def test_a_journal_and_an_accounts_book_name_the_household(paid: Office) -> None:
    somebody = paid.enter("treasurer")
    assert "Adjara Tchédré" in somebody.get("/books/journals").text
    assert "Adjara Tchédré" in somebody.get("/books/accounts/receivable").text
    assert "Adjara" not in somebody.get("/books/journals?from=2026-10-01&to=2026-10-31").text
    assert somebody.get("/books/accounts/nothing").status == 404
    # What can't be read as a day is the month until today.
    assert "Adjara Tchédré" in somebody.get("/books/journals?from=yesterday&to=99&currency=%C3%A9%C3%A9%C3%A9").text


def test_a_long_journal_is_shown_a_page_at_a_time(paid: Office) -> None:
    for number in range(30):
        paid.place.household_with(f"+22901500001{number:02}", "Bani Orou")
    somebody = paid.enter("treasurer")
    first = somebody.get("/books/journals")
    assert first.html.count("<tr>") == 51
    second = somebody.follow("Afficher la suite")
    assert second.html.count("<tr>") > 1
    assert first.text != second.text


@pytest.mark.parametrize("what", ["balance", "journal", "receivable"])
def test_registers_are_files_for_spreadsheets(paid: Office, what: str) -> None:
    client = paid.enter("treasurer").client
    answer = client.get(f"/console/books/file?what={what}&form=csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig")), delimiter=";"))
    book = load_workbook(io.BytesIO(client.get(f"/console/books/file?what={what}&form=xlsx").data))
    sheet = book.worksheets[0]
    assert sheet.max_row == len(rows) > 1
    assert [cell.value for cell in sheet[1]] == rows[0]
    assert client.get("/console/books/file?what=secrets").status_code == 404


def test_a_union_chooses_whose_books(office: Office) -> None:
    somebody = office.enter("administrator")
    page = somebody.get("/books")
    assert "Mutuelle Anandana" in page.text
    assert "UMOJA" not in page.text
    assert "Mutuelle Anandana" in somebody.follow("Mutuelle Anandana").text
    assert somebody.get("/books").status == 200


def test_an_animator_sees_no_books(office: Office) -> None:
    assert office.enter("animator").get("/books").status == 403


def test_a_month_is_closed_once_by_name_and_written_down(paid: Office) -> None:
    paid.place.wait(days=15)
    somebody = paid.enter("treasurer")
    page = somebody.get("/books/months")
    assert 'value="2026-11"' in page.html
    assert "11/2026" in somebody.press("Clôturer ce mois").text
    with paid.store.read() as connection:
        assert connection.scalar(select(period.c.closed_by)) == "Rafiou Gounou"
        event = connection.execute(select(office_event)).one()
    assert (event.what, event.about) == ("books.month_closed", "books:Mutuelle Ouaké:2026-11")
    again = somebody.get("/books/months")
    assert 'value="2026-12"' in again.html
    refused = somebody.fill("month", "2026-11").press("Clôturer ce mois")
    assert refused.status == 422
    assert 'aria-invalid="true"' in refused.html
    assert somebody.fill("month", "soon").press("Clôturer ce mois").status == 422
    with paid.store.read() as connection:
        assert len(connection.execute(select(period)).all()) == 1
