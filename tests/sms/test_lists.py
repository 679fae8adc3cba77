"""A list of numbers: wrong rows are all told by row, and nobody is written to while there is one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import func, select

from gateway.cli.campaign_lists import list_command
from gateway.kernel.clock import FixedClock
from gateway.kernel.faults import Fault
from gateway.locale import Say
from gateway.membership.households import stop_sms
from gateway.network.organisations import Network
from gateway.sms.africastalking import AfricasTalking
from gateway.sms.campaigns import keeping
from gateway.sms.campaigns.choosing import SLICE, Choosing
from gateway.sms.campaigns.keeping import CHOOSE, SEND
from gateway.sms.campaigns.lists import Checked, ListRow, check_list, keep_list, phone_column
from gateway.sms.campaigns.sending import PACE, Sending
from gateway.store.outbox import drain
from gateway.store.pace import Pace
from gateway.store.schema import campaign, message, outbox
from gateway.store.unit import Store
from tests.payments.village import Village, found
from tests.sms.helpers import StandIn, on_sqlite
from tests.sms.running import Run, commands

HEADS = ("Nom", "Téléphone", "Montant dû")
TEXT = "Bonjour {nom}: {montant_du} F."


def check(*rows: tuple[str, ...], text: str = TEXT, heads: tuple[str, ...] = HEADS) -> Checked:
    phones = phone_column(heads)
    assert phones is not None
    return check_list(heads, enumerate(rows, 2), text, Say("fr"), "BJ", phones, {"mutuelle": "Ouaké", "code": None})


# --- rows in, letters and wrong rows out ------------------------------------------------------------------------------


def test_rows_become_letters_in_their_own_words() -> None:
    checked = check(("Awa", "0190000001", "500"), ("", "", ""), ("Bio", "+229 90 00 00 02", "1 200"))
    assert checked.wrong == ()
    assert [(one.row, one.msisdn, one.text) for one in checked.rows] == [
        (2, "+2290190000001", "Bonjour Awa: 500 F."),
        (4, "+2290190000002", "Bonjour Bio: 1 200 F."),
    ]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (("Awa", "", "1"), "no phone number"),
        (("Awa", "12", "1"), "not a mobile number of BJ"),
        (("Awa", "0021300000", "1"), "not a mobile number of BJ"),
        (("Awa", "bonjour", "1"), "not a mobile number of BJ"),
        (("Awa", "2.29019E+12", "1"), "a spreadsheet has shortened the number"),
        (("Awa", "90000001", "1"), "is in row 2 already"),
        (("Awa", "0190000003", " "), "{montant_du} is empty"),
        (("Awa", "0190000003"), "2 cells where the headings are 3"),
        (("Awa", "0190000003", "1", "2"), "4 cells where the headings are 3"),
        (("A" * 700, "0190000003", "1"), "the text has 5 parts, and may have 4"),
    ],
)
def test_a_wrong_row_is_told_by_its_number(row: tuple[str, ...], why: str) -> None:
    checked = check(("Bio", "0190000001", "1"), row, ("Cossi", "0190000009", "1"))
    assert [one.row for one in checked.rows] == [2, 4]
    [wrong] = checked.wrong
    assert wrong.row == 3
    assert why in wrong.why


def test_all_wrong_rows_are_told_and_no_number_is_shown_whole() -> None:
    checked = check(("a", "0150000", "1"), ("b", "229901234567890", "1"), ("c", "", "1"))
    assert [one.row for one in checked.wrong] == [2, 3, 4]
    assert not any("0150000" in one.why or "229901234567890" in one.why for one in checked.wrong)


@pytest.mark.parametrize("cell", ["=HYPERLINK(1)", "{mutuelle}", "{0.__class__}", "%s", "a{b", "+1+cmd|' /C calc'!A0"])
def test_what_a_cell_holds_is_a_text(cell: str) -> None:
    [row] = check((cell, "0190000001", "1")).rows
    assert row.text == f"Bonjour {cell}: 1 F."


@pytest.mark.parametrize(
    "number", ["0190000001", "90000001", "22990000001.0", "002290190000001", "+229-01 90.00.00.01"]
)
def test_numbers_as_people_and_spreadsheets_write_them(number: str) -> None:
    assert [one.msisdn for one in check(("Awa", number, "1")).rows] == ["+2290190000001"]


@pytest.mark.parametrize(
    "heading", ["phone", "Téléphone", "NUMERO", "msisdn", "N° Tel", "Mobile number", "No. téléphone"]
)
def test_columns_of_numbers_are_known_by_their_heading(heading: str) -> None:
    assert phone_column(("Nom", heading)) in (1, None if heading == "N° Tel" else 1)
    assert phone_column(("Nom", heading), named=heading.upper()) == 1


def test_two_columns_of_numbers_must_be_told_apart() -> None:
    assert phone_column(("Phone", "Tel")) is None
    assert phone_column(("Phone", "Tel"), "tel") == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [("{prix}", "there is no column {prix}"), ("{code}", "no column"), ("{nom", "brace"), ("  ", "empty")],
)
def test_texts_that_no_row_could_fill(text: str, why: str) -> None:
    with pytest.raises(Fault, match=why):
        check(("Awa", "0190000001", "1"), text=text)


def test_two_columns_of_one_name_are_not_guessed_between() -> None:
    with pytest.raises(Fault, match="two columns"):
        check(("Awa", "0190000001", "1"), heads=("Nom", "Téléphone", "NOM"), text="{nom}")
    assert check(("Awa", "0190000001", "1"), heads=("Nom", "Téléphone", "NOM"), text="{mutuelle}: merci").rows


# --- kept and sent ----------------------------------------------------------------------------------------------------


@pytest.fixture
def village(store: Store, network: Network, clock: FixedClock) -> Village:
    return Village(store, network, clock, found(store, network))


def test_a_list_is_sent_when_it_is_started_and_to_nobody_who_stopped(
    village: Village, port: AfricasTalking, standin: StandIn
) -> None:
    rows = [ListRow(at, f"+229010000{at:04}", f"Texte {at % 2}") for at in range(SLICE + 3)]
    tree = village.network.tree()
    with village.store.write() as unit:
        its_id = keep_list(unit, tree, village.place.books.id, "Liste", "Texte {n}", "fr", rows, "A. Bio")
        stop_sms(unit, rows[1].msisdn, stopped=True)
    handlers = {
        CHOOSE: Choosing(village.store, village.network),
        SEND: Sending(village.store, village.network, port, Pace(per_s={PACE: 10_000})),
    }
    faults: list[Exception] = []

    def work() -> None:
        while drain(village.store, "reminders", handlers, lambda _, error: faults.append(error)):
            assert not faults, faults

    work()
    assert standin.sent() == []
    with village.store.write() as unit:
        keeping.start(unit, its_id, "A. Bio", {"price_e4": 120_000})
    work()
    assert len({one["to"] for one in standin.sent()}) == len(standin.sent()) == SLICE + 2
    with village.store.read() as connection:
        states = dict(connection.execute(select(message.c.state, func.count()).group_by(message.c.state)).all())
        assert states == {"sent": SLICE + 2, "skipped": 1}
        assert connection.scalar(select(campaign.c.state)) == "done"
        assert connection.scalar(select(func.count()).select_from(outbox).where(outbox.c.topic == SEND)) == 2


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(village: Village, monkeypatch: pytest.MonkeyPatch, database_url: str) -> Iterator[Run]:
    with commands(monkeypatch, database_url, list_command) as run:
        yield run


def from_file(run: Run, file: Path, *more: str, text: str = TEXT) -> str:
    return run(str(file), "--at", "m", "--text", text, "--by", "A. Bio", *more)


def kept(village: Village) -> int:
    with village.store.read() as connection:
        return connection.scalar(select(func.count()).select_from(message)) or 0


@on_sqlite
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csv_file_is_read_however_it_is_written(
    run: Run, village: Village, tmp_path: Path, encoding: str, separator: str
) -> None:
    rows = [HEADS, ("Hervé", "0190000001", "500"), ("Adjara Tchédré", "0190000002", '"1\n200"')]
    file = tmp_path / "liste.csv"
    file.write_text("\r\n".join(separator.join(row) for row in rows), encoding=encoding)
    said = from_file(run, file, "--yes")
    assert "2 messages, 2 parts, cost about 24 XOF" in said
    assert "Bonjour Hervé: 500 F." in said
    assert kept(village) == 2


@on_sqlite
def test_a_workbook_is_read(run: Run, village: Village, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in [("", "", ""), HEADS, ("Awa", 22990000001, 500), ("=1+1", "0190000002", "=A1")]:
        book.active.append(row)
    file = tmp_path / "liste.xlsx"
    book.save(file)
    with pytest.raises(Fault, match="1 row is wrong"):  # formulas that nothing has worked out are empty
        from_file(run, file, "--yes")
    said = json.loads(from_file(run, file, "--yes", "--without-wrong-rows", "--json"))
    assert said["wrong"] == [{"row": 4, "why": "{nom} is empty"}]
    assert kept(village) == 1


@on_sqlite
def test_nothing_is_kept_while_a_row_is_wrong_unless_it_is_said(run: Run, village: Village, tmp_path: Path) -> None:
    file = tmp_path / "liste.csv"
    file.write_text("Nom,Téléphone,Montant dû\nAwa,0190000001,1\nBio,12,1\nCossi,0190000001,1\nDona,0190000003,1\n")
    for options in (("--yes",), (), ("--without-wrong-rows",), ("--json",)):
        with pytest.raises(Fault, match="2 rows are wrong: nothing is kept"):
            from_file(run, file, *options)
    assert kept(village) == 0
    from_file(run, file, "--yes", "--without-wrong-rows")
    assert kept(village) == 2


@on_sqlite
@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "empty"),
        ("Nom,Prix\nAwa,1\n", "no single column"),
        ("Phone,Tel\n0190000001,0190000002\n", "no single column"),
        ("%PDF-1.7", "PDF"),
        ("<html><body>", "web page"),
        ('Téléphone,Nom,Montant dû\n0190000001,"Awa,1\n0190000002,Bio,1\n', "quote"),
        ("Nom,Téléphone,Montant dû\n", "there are no rows"),
    ],
)
def test_files_that_are_no_list(run: Run, village: Village, tmp_path: Path, content: str, why: str) -> None:
    file = tmp_path / "liste.csv"
    file.write_text(content)
    with pytest.raises(Fault, match=why):
        from_file(run, file, "--yes")
    assert kept(village) == 0
