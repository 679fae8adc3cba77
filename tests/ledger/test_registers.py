"""The registers that people keep by hand, printed and as files: they say what the ledger says, and files are whole."""

from __future__ import annotations

import csv
import io
import json
import re
import stat
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import load_workbook

from gateway.kernel.card import show_card
from gateway.kernel.clock import FixedClock
from gateway.kernel.faults import Fault
from gateway.kernel.numbers import with_check_digit
from gateway.ledger.accounts import statement_of
from gateway.ledger.chain import seal_all
from gateway.ledger.chart import ROLES
from gateway.ledger.exports import FEC_HEADS, Cell, Format, Sheet, figure, without_formula, write
from gateway.ledger.registers import JOURNALS, ROLE_NAMES, household_rows
from gateway.ledger.rules import position
from gateway.membership.people import Person
from gateway.store.schema import entry
from tests.payments.commands import Run, on_database_of
from tests.payments.village import ON_SQLITE, Village

NOVEMBER = ("--books", "m", "--month", "2026-11")


@pytest.fixture
def run(office: Village, monkeypatch: pytest.MonkeyPatch) -> Run:
    return on_database_of(office, monkeypatch)


@pytest.fixture
def home(office: Village) -> int:
    """A family that paid 2 000 by phone, then 1 000 in cash, and more than it owes in the end."""
    home = office.register().household_id
    office.push(home, 2_000)
    office.give(home, office.treasurer, 1_000)
    return home


def cells(printed: str) -> list[list[str]]:
    return [re.split(r" {2,}", line.strip()) for line in printed.splitlines()]


# --- printed ----------------------------------------------------------------------------------------------------------


def test_the_trial_balance(office: Village, home: int, run: Run) -> None:
    assert cells(run("ledger", "trial", *NOVEMBER)) == [
        ["account", "role", "opening", "debit", "credit", "closing"],
        ["411", "receivable", "0 F", "12,600 F", "3,000 F", "9,600 F"],
        ["552", "wallet", "0 F", "2,000 F", "0 F", "2,000 F"],
        ["571", "cash", "0 F", "1,000 F", "0 F", "1,000 F"],
        ["701", "income", "0 F", "0 F", "12,600 F", "-12,600 F"],
        ["all", "0 F", "15,600 F", "15,600 F", "0 F"],
    ]
    as_json = json.loads(run("ledger", "trial", "--books", "m", "--from", "2026-12-01", "--to", "2026-12-31", "--json"))
    assert [(one["code"], one["opening_minor"], one["debit_minor"]) for one in as_json] == [
        ("411", 9_600, 0), ("552", 2_000, 0), ("571", 1_000, 0), ("701", -12_600, 0),
    ]  # fmt: skip


def test_the_cash_book_as_it_is_kept_by_hand(office: Village, home: int, clock: FixedClock, run: Run) -> None:
    clock.move(timedelta(days=1))
    office.give(home, office.treasurer, 500)
    card, two = show_card(office.family(home).card), with_check_digit(2)
    assert cells(run("ledger", "cashbook", *NOVEMBER)) == [
        ["day", "counts for", "piece", "wording", "card", "name", "in", "out", "balance"],
        ["brought forward", "0 F"],
        ["2026-11-22", two, "Contribution", card, "Adjara Tchédré", "1,000 F", "1,000 F"],
        ["2026-11-23", with_check_digit(3), "Contribution", card, "Adjara Tchédré", "500 F", "1,500 F"],
    ]
    later = run("ledger", "cashbook", "--books", "m", "--from", "2026-11-23", "--to", "2026-11-30")
    assert [row[-1] for row in cells(later)[1:]] == ["1,000 F", "1,500 F"]
    nothing = run("ledger", "cashbook", "--books", "m", "--month", "2026-12")
    assert cells(nothing)[1:] == [["brought forward", "1,500 F"]]
    wallet = run("ledger", "cashbook", "--of", "wallet", *NOVEMBER)
    assert cells(wallet)[2][1:3] == [with_check_digit(1), "Contribution"]


def test_what_goes_out_of_an_account(office: Village, home: int, run: Run) -> None:
    shown = cells(run("ledger", "account", "receivable", *NOVEMBER))
    assert shown[0][-3:] == ["debit", "credit", "balance"]
    # Four instalments with the fee, then the two payments.
    assert [row[-2:] for row in shown[2:]] == [
        ["3,900 F", "3,900 F"], ["2,900 F", "6,800 F"], ["2,900 F", "9,700 F"], ["2,900 F", "12,600 F"],
        ["2,000 F", "10,600 F"], ["1,000 F", "9,600 F"],
    ]  # fmt: skip


def test_the_journals_in_the_order_of_the_books(office: Village, home: int, run: Run) -> None:
    seal_all(office.store)
    shown = cells(run("ledger", "journals", *NOVEMBER))
    assert [row[1] for row in shown[1:]] == ["dues"] * 5 + ["collections"] * 2 + ["cash"] * 2
    card = show_card(office.family(home).card)
    of_cash = cells(run("ledger", "journals", "cash", *NOVEMBER))
    piece = with_check_digit(2)
    assert of_cash[1:] == [
        ["2026-11-22", "cash", "3", piece, "571", "Contribution", card, "Adjara Tchédré", "1,000 F"],
        ["2026-11-22", "cash", "3", piece, "411", "Contribution", card, "Adjara Tchédré", "1,000 F"],
    ]
    sums = [one["amount_minor"] for one in json.loads(run("ledger", "journals", *NOVEMBER, "--json"))]
    assert (len(sums), sum(sums)) == (9, 0)


def test_a_household_from_its_first_due_to_its_credit(office: Village, home: int, run: Run) -> None:
    office.push(home, 10_000)  # 400 more than the year's dues
    card = office.family(home).card
    shown = cells(run("ledger", "household", show_card(card)))
    assert shown[0] == [show_card(card), "Adjara Tchédré"]
    assert [row[-2:] for row in shown[2:]] == [
        ["3,900 F", "3,900 F"], ["2,900 F", "6,800 F"], ["2,900 F", "9,700 F"], ["2,900 F", "12,600 F"],
        ["2,000 F", "10,600 F"], ["1,000 F", "9,600 F"], ["10,000 F", "-400 F"],
    ]  # fmt: skip
    assert shown[3][3] == "2027-02-22"  # to be paid by
    with office.store.read() as connection:
        stands = statement_of(connection, home)
        assert (
            household_rows(connection, home)[-1].balance_minor == -position(stands.dues, stands.credits).advance_minor
        )


def test_of_a_closed_month_the_late_entry_shows_both_days(office: Village, clock: FixedClock, run: Run) -> None:
    clock.at = datetime(2026, 10, 20, 9, tzinfo=UTC)
    home = office.register().household_id
    office.push(home, 2_000)
    key = office.pay(home, 500)
    clock.at = datetime(2026, 11, 22, 9, tzinfo=UTC)
    closed = run("ledger", "close", "2026-10", "--books", "m", "--by", "Bio Sarre")
    assert "m 2026-10 is closed; the chain was at 2:" in closed
    assert ["552", "wallet", "0 F", "2,000 F", "0 F", "2,000 F"] in cells(closed)
    office.confirm(key, datetime(2026, 10, 21, 9, tzinfo=UTC))
    assert cells(run("ledger", "cashbook", "--of", "wallet", *NOVEMBER))[2][:2] == ["2026-11-01", "2026-10-21"]
    assert "2026-10-21" not in run("ledger", "cashbook", "--of", "wallet", "--books", "m", "--month", "2026-10")
    ((month, _, by, anchor),) = cells(run("ledger", "months", "--books", "m"))[1:]
    assert (month, by) == ("2026-10", "Bio Sarre")
    assert f"passes through {anchor.partition(':')[0]}" in run("ledger", "verify", "--anchor", anchor)


def test_cash_that_is_not_handed_over_and_open_cases_are_told(office: Village, clock: FixedClock, run: Run) -> None:
    clock.at = datetime(2026, 10, 20, 9, tzinfo=UTC)
    home = office.register().household_id
    office.give(home, office.hire("animator"), 700)
    clock.at = datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert "not handed over yet: 700 F with animators" in run(
        "ledger", "close", "2026-10", "--books", "m", "--by", "Bio Sarre"
    )


@ON_SQLITE
def test_the_chain_is_verified_and_anchored_by_command(office: Village, home: int, run: Run) -> None:
    assert run("ledger", "anchor").startswith("0:000000")
    assert "0 entries sealed, 3 wait to be" in run("ledger", "verify")
    assert seal_all(office.store) == 3
    anchor, told = run("ledger", "anchor").splitlines()
    assert re.fullmatch(r"3:[0-9a-f]{64}", anchor)
    assert told == "3 entries sealed; the last was recorded at 2026-11-22 09:00:00 UTC"
    assert "3 entries sealed, 0 wait to be, and the chain passes through 3" in run(
        "ledger", "verify", "--anchor", anchor
    )
    wrong = anchor[:-1] + ("0" if anchor[-1] != "0" else "1")
    with pytest.raises(Fault, match="doesn't pass through"):
        run("ledger", "verify", "--anchor", wrong)


@ON_SQLITE
@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("trial", "--books", "m-1"), "its books are kept by m"),
        (("trial", "--books", "m", "--month", "11-2026"), "a month is written 2026-10"),
        (("trial", *NOVEMBER, "--from", "2026-11-01"), "either --month, or --from and --to"),
        (("trial", "--books", "m", "--from", "2026-11-02", "--to", "2026-11-01"), "is after"),
        (("close", "2026-11", "--books", "m", "--by", "x"), "isn't over"),
        (("household", "123"), "is no card number"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(office: Village, run: Run, words: Sequence[str], why: str) -> None:
    with pytest.raises(Fault, match=why):
        run("ledger", *words)


# --- files ------------------------------------------------------------------------------------------------------------


def read_csv(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig")), delimiter=";"))


def test_the_journal_as_accounting_software_imports_it(office: Village, home: int, run: Run, tmp_path: Path) -> None:
    seal_all(office.store)
    out = tmp_path / "journal.csv"
    run("ledger", "export", "journal", *NOVEMBER, "--language", "en", "--out", str(out))
    heads, *rows = read_csv(out)
    assert tuple(heads) == FEC_HEADS
    card = office.family(home).card
    cash = next(row for row in rows if row[4] == "571")
    assert cash == [
        "CA", "Cash", "3", "20261122", "571", "Cash", "", "", with_check_digit(2), "20261122",
        f"Contribution {card} Adjara Tchédré", "1000", "0", "", "", "20261122", "", "XOF",
    ]  # fmt: skip
    receivable = [row for row in rows if row[4] == "411"][-1]
    assert receivable[6:8] == [card, "Adjara Tchédré"]
    assert sum(int(row[11]) for row in rows) == sum(int(row[12]) for row in rows) == 15_600
    numbers = [int(row[2]) for row in rows]
    assert numbers == sorted(numbers)
    assert set(numbers) == {1, 2, 3}
    run("ledger", "export", "journal", *NOVEMBER, "--journal", "cash", "--out", str(out))
    assert {row[0] for row in read_csv(out)[1:]} == {"CA"}


def test_balance_and_cash_book_as_files(office: Village, home: int, run: Run, tmp_path: Path) -> None:
    out = tmp_path / "balance.xlsx"
    told = run("ledger", "export", "balance", *NOVEMBER, "--language", "en", "--format", "xlsx", "--out", str(out))
    assert told == f"{out}: 4 rows in XOF, 2026-11-01 to 2026-11-30\n"
    page = load_workbook(out).worksheets[0]
    assert [cell.value for cell in page[2]] == ["411", "Members", "XOF", 0, 12_600, 3_000, 9_600]
    run("ledger", "export", "cashbook", *NOVEMBER, "--language", "en", "--bom", "--out", str(out))
    assert out.read_bytes().startswith(b"\xef\xbb\xbfDate;")
    assert read_csv(out)[-1][:4] == ["2026-11-22", "2026-11-22", with_check_digit(2), "Contribution"]
    assert read_csv(out)[-1][6:] == ["1000", "", "1000"]


def test_a_name_that_is_a_formula_stays_a_name(office: Village, run: Run, tmp_path: Path) -> None:
    home = office.register(people=(Person("=cmd|' /C calc'!A1", "F", 1991, "head"),)).household_id
    office.give(home, office.treasurer, 1_000)
    for form, read in (("csv", read_csv), ("xlsx", read_xlsx)):
        out = tmp_path / f"cash.{form}"
        run("ledger", "export", "cashbook", *NOVEMBER, "--format", form, "--out", str(out))
        assert read(out)[-1][5] == ("'" if form == "csv" else "") + "=cmd|' /C calc'!A1"
    assert "<f>" not in sheet_xml(tmp_path / "cash.xlsx")


def read_xlsx(path: Path) -> list[list[str]]:
    return [[str(cell.value or "") for cell in row] for row in load_workbook(path).worksheets[0]]


def sheet_xml(path: Path) -> str:
    with zipfile.ZipFile(path) as book:
        return book.read("xl/worksheets/sheet1.xml").decode()


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "\x00=1"],
)
def test_what_a_spreadsheet_would_run_is_kept_as_text(text: str) -> None:
    assert without_formula(text).startswith("'")


@pytest.mark.parametrize("text", ["", "Bio Sarre", "123 456 789", "a=b", 'l\'Ouaké; "x"', "8-9"])
def test_what_is_a_plain_text_stays_as_it_is(text: str) -> None:
    assert without_formula(text) == text


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_file_is_whole_or_as_it_was(tmp_path: Path, form: Format) -> None:
    out = tmp_path / "register"
    out.write_text("yesterday's")

    def rows() -> Iterator[Sequence[Cell]]:
        yield ("a",)
        raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError):
        write(Sheet("x", ("head",), rows()), out, form)
    assert out.read_text() == "yesterday's"
    assert [one.name for one in tmp_path.iterdir()] == ["register"]
    assert write(Sheet("x", ("head",), [("a",), ("b",)]), out, form) == 2
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["register"]


def test_where_no_file_can_be_is_said(tmp_path: Path) -> None:
    for wrong in (tmp_path, tmp_path / "nowhere" / "x.csv"):
        with pytest.raises(Fault, match=str(tmp_path)):
            write(Sheet("x", ("head",), ()), wrong, "csv")


def test_figures_are_exact_and_types_are_kept(tmp_path: Path) -> None:
    row: Sequence[Cell] = (date(2026, 11, 22), figure(-12_345, "CDF"), figure(10**15, "XOF"), None, '\x07bell;"q"')
    write(Sheet("Day/Month: [x]", ("a",), [row]), tmp_path / "f.csv", "csv")
    assert read_csv(tmp_path / "f.csv")[1] == ["2026-11-22", "-123,45", "1000000000000000", "", ' bell;"q"']
    write(Sheet("Day/Month: [x]", ("a",), [row]), tmp_path / "f.xlsx", "xlsx")
    page = load_workbook(tmp_path / "f.xlsx").worksheets[0]
    assert [cell.value for cell in page[2]] == [datetime(2026, 11, 22), -123.45, 10**15, None, ' bell;"q"']  # noqa: DTZ001
    assert figure(-12_345, "CDF") == Decimal("-123.45")


def test_every_role_and_journal_has_a_name() -> None:
    assert set(ROLE_NAMES) == set(ROLES)
    (check,) = (one for one in entry.constraints if str(one.name).endswith("journal"))
    assert all(f"'{name}'" in str(getattr(check, "sqltext", "")) for name in JOURNALS)


def test_no_name_is_logged(office: Village, home: int, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    run("ledger", "cashbook", *NOVEMBER)
    run("ledger", "household", office.family(home).card)
    assert "Tchédré" not in caplog.text
