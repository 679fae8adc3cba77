"""What whoever brings a statement is told: taken in, known, refused with what to do, matched line by line, profiles."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.kernel.faults import Fault
from gateway.kernel.numbers import with_check_digit
from gateway.payments.reconciliation.differences.found import KINDS
from gateway.store.schema import wallet
from tests.payments.commands import Run, on_database_of
from tests.payments.reconciliation.differing import id_of
from tests.payments.statements.writers import csv, movements, mtn_momo, with_balances
from tests.payments.village import NEIGHBOUR, ON_SQLITE, PAYER, Village

pytestmark = ON_SQLITE

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
NOTHING = "nothing was taken in"


@pytest.fixture
def run(office: Village, monkeypatch: pytest.MonkeyPatch) -> Run:
    return on_database_of(office, monkeypatch)


def paid(office: Village, home: int, minutes_ago: int = 30, amount: int = 1_500) -> dict[str, object]:
    """A payment that counts with us, and the operator's row of it."""
    at = NOW - timedelta(minutes=minutes_ago)
    key = office.push(home, amount, at)
    return {"at": at, "amount": amount, "operator_id": f"op-{key}", "payer": PAYER}


def file_of(folder: Path, *rows: Mapping[str, object], name: str = "relevé.csv") -> str:
    file = folder / name
    file.write_bytes(csv(mtn_momo(with_balances(movements(list(rows)), 10_000)), separator=";"))
    return str(file)


def accounts(office: Village) -> list[str]:
    with office.store.read() as connection:
        return list(connection.scalars(select(wallet.c.operator).order_by(wallet.c.id)))


def test_a_statement_is_taken_in_once_and_matched_line_by_line(
    office: Village, home: int, run: Run, tmp_path: Path
) -> None:
    row = paid(office, home)
    stranger = {"at": NOW, "amount": 700, "operator_id": "X1", "payer": NEIGHBOUR}
    file = file_of(tmp_path, row, stranger)
    said = run("statement", "import", "mtn_momo", file, "--by", "Awa")
    assert said == (
        "statement 000013 (MTN MoMo partner portal, CSV): 2 lines, 2026-11-22 to 2026-11-22\nnext: gateway reconcile\n"
    )
    assert run("statement", "import", "mtn", file).startswith("known: this file is statement 000013, taken in on")
    [listed] = json.loads(run("statement", "list", "--json"))
    assert (listed["number"], listed["wallet"], listed["lines"], listed["unmatched"], listed["imported_by"]) == (
        "000013", "m:mtn_momo", 2, 2, "Awa",
    )  # fmt: skip
    assert json.loads(run("reconcile", "--json")) == [
        {
            "wallet": "m:mtn_momo",
            "statements": 1,
            "matched": {"operator-id": 1, "rule": 1},
            "explained": 0,
            "open": {"unknown": 1},
        }
    ]
    assert "next: gateway reconcile differences" in run("reconcile")
    first, second = json.loads(run("statement", "show", "13", "--json"))
    receipt = with_check_digit(id_of(office, str(row["operator_id"]).removeprefix("op-")))
    assert (first["line"], first["matched"], first["with"], first["differences"]) == (
        2, "operator-id", f"receipt {receipt}", [],
    )  # fmt: skip
    assert (second["line"], second["matched"], second["amount_minor"], second["payer"]) == (3, "rule", 700, "+229…02")
    assert second["differences"] == ["difference 000013 (unknown, open)"]
    assert "by a rule, which posted it from the statement; difference" in run("statement", "show", "13", "--line", "3")
    assert run("statement", "show", "13", "--unmatched").splitlines()[1:] == []


def test_what_nobody_has_reconciled_yet_is_said(office: Village, run: Run) -> None:
    assert run("statement", "list").startswith("number")
    with pytest.raises(Fault, match="no statement was taken in yet: gateway statement import PROVIDER FILE"):
        run("reconcile")
    with pytest.raises(Fault, match="no statement has the number 999"):
        run("statement", "show", "999")


def test_a_slip_in_the_operators_name_opens_no_account(office: Village, home: int, run: Run, tmp_path: Path) -> None:
    file = file_of(tmp_path, paid(office, home))
    with pytest.raises(Fault, match=r"mtn_mom is no operator: say --bank where it is a bank, or one of .*mtn_momo"):
        run("statement", "import", "mtn_mom", file)
    assert accounts(office) == []
    run("statement", "import", "MTN MoMo", file)
    assert accounts(office) == ["mtn_momo"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("orange_money",), f"it was taken in for m:mtn_momo already: {NOTHING}"),
        (("mtn_momo", "--of", "m-1"), f"it was taken in for m:mtn_momo already: {NOTHING}"),
        (("uba", "--bank"), f"it was taken in for m:mtn_momo already: {NOTHING}"),
        (("mtn_momo", "--bank"), "m:mtn_momo is a wallet in the books, not a bank"),
        (("mtn_momo", "--of", "nowhere"), "no organisation has the code nowhere"),
        (("mtn_momo", "--profile", "ours"), "no profile has the name ours: see gateway statement profile list"),
        (("mtn_momo", "--from", "2026-11-01"), "--from and --until go together"),
        (("mtn_momo", "--from", "2026-11-01", "--until", "2026-11-02"), "it has lines of other days than it is said"),
    ],
)  # fmt: skip
def test_the_wrong_account_is_refused_and_opens_none(
    office: Village, home: int, run: Run, tmp_path: Path, words: tuple[str, ...], why: str
) -> None:
    file = file_of(tmp_path, paid(office, home))
    run("statement", "import", "mtn_momo", file)
    with pytest.raises(Fault, match=why):
        run("statement", "import", words[0], file, *words[1:])
    assert accounts(office) == ["mtn_momo"]
    assert len(json.loads(run("statement", "list", "--json"))) == 1


def test_a_file_that_cannot_be_read_opens_no_account(office: Village, home: int, run: Run, tmp_path: Path) -> None:
    cut = tmp_path / "cut.csv"
    cut.write_bytes(Path(file_of(tmp_path, paid(office, home), paid(office, home, 20))).read_bytes()[:-40])
    with pytest.raises(Fault, match=rf"cut\.csv: row 3: .*: {NOTHING}"):
        run("statement", "import", "mtn_momo", str(cut))
    with pytest.raises(Fault, match="No such file"):
        run("statement", "import", "mtn_momo", str(tmp_path / "none.csv"))
    assert accounts(office) == []


def test_the_days_of_a_statement_may_be_said_later(office: Village, home: int, run: Run, tmp_path: Path) -> None:
    """Whoever forgot them can't get another file: the operator's export is the same."""
    file = file_of(tmp_path, paid(office, home, minutes_ago=24 * 60))
    office.clock.move(timedelta(days=1))
    run("statement", "import", "mtn_momo", file)
    days = ("--from", "2026-11-20", "--until", "2026-11-21")
    said = run("statement", "import", "mtn_momo", file, *days)
    assert "it is of 2026-11-20 to 2026-11-21" in said
    assert re.search(r"m:mtn_momo +2026-11-20 +2026-11-21 +1 ", run("statement", "list"))
    [listed] = json.loads(run("statement", "list", "--json"))
    assert (listed["from"], listed["until"]) == ("2026-11-19T23:00:00+00:00", "2026-11-21T23:00:00+00:00")
    with pytest.raises(Fault, match=f"it has lines of other days than it is said to be of: {NOTHING}"):
        run("statement", "import", "mtn_momo", file, "--from", "2026-11-21", "--until", "2026-11-21")
    [listed] = json.loads(run("statement", "list", "--json"))
    assert listed["from"] == "2026-11-19T23:00:00+00:00"


PROFILE = {
    "columns": {"at": "Jour", "amount": "Montant", "operator_id": "Numéro", "payer": "De qui"},
    "dates": "%d.%m.%y %H:%M",
    "decimal": ",",
    "signs": "signed",
}


def test_a_layout_that_nobody_knows_is_read_by_a_profile(office: Village, home: int, run: Run, tmp_path: Path) -> None:
    rows = ["Jour;Montant;Numéro;De qui", "22.11.26 10:00;1 500,00;A-1;01 00 00 01 01", ""]
    own, file = tmp_path / "profile.json", tmp_path / "caisse.csv"
    file.write_text("\r\n".join(rows), encoding="cp1252", newline="")
    own.write_text(json.dumps(PROFILE))
    assert run("statement", "profile", "save", "caisse", str(own), "--by", "Awa") == "profile caisse is saved\n"
    assert json.loads(run("statement", "profile", "show", "caisse")) == PROFILE
    assert json.loads(run("statement", "profile", "list", "--json")) == [{"name": "caisse", "profile": PROFILE}]
    assert "at Jour, amount Montant" in run("statement", "profile", "list")
    run("statement", "import", "Caisse locale", str(file), "--bank", "--profile", "caisse")
    [line] = json.loads(run("statement", "show", "13", "--json"))
    assert (line["amount_minor"], line["at"], line["operator_number"]) == (1_500, "2026-11-22T09:00:00+00:00", "A1")


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("caisse", "no json", r"profile\.json is no JSON"),
        ("caisse", b"\xff\xfe\xff", r"profile\.json is no JSON"),
        ("caisse", '{"columns": {"at": "Jour"}}', r"profile\.json: a profile says which column is the date"),
        ("caisse", '{"columns": {"when": "Jour"}}', "a profile has no column 'when'"),
        ("caisse", None, "No such file"),
        (" ", json.dumps(PROFILE), "a profile's name has 1 to 40 letters"),
        ("c" * 41, json.dumps(PROFILE), "a profile's name has 1 to 40 letters"),
    ],
)
def test_a_profile_that_cannot_be_is_refused(
    office: Village, run: Run, tmp_path: Path, name: str, content: str | bytes | None, why: str
) -> None:
    file = tmp_path / "profile.json"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(Fault, match=why):
        run("statement", "profile", "save", name, str(file), "--by", "Awa")
    assert json.loads(run("statement", "profile", "list", "--json")) == []


def test_who_brings_it_is_kept_and_never_too_long(office: Village, home: int, run: Run, tmp_path: Path) -> None:
    file = file_of(tmp_path, paid(office, home))
    with pytest.raises(Fault, match="who brings it must be said"):
        run("statement", "import", "mtn_momo", file, "--by", "x" * 61)
    assert accounts(office) == []


def test_what_may_be_meant_is_shown_with_an_ambiguous_line(
    office: Village, home: int, run: Run, tmp_path: Path
) -> None:
    """Two payments of one phone in a minute, whose numbers the statement leaves out; the third is named by its own."""
    twins = [paid(office, home, minutes) | {"operator_id": None} for minutes in (30, 29)]
    small = office.push(home, 900, NOW - timedelta(minutes=29))
    third = paid(office, home, 28)
    named = str(third["operator_id"]).removeprefix("op-")
    run("statement", "import", "mtn_momo", file_of(tmp_path, *twins, third))
    run("reconcile")
    first, second = json.loads(run("reconcile", "differences", "--kind", "ambiguous", "--json"))
    shown = json.loads(run("reconcile", "show", first["number"], "--json"))
    assert len(shown["may_be"]) == 2
    assert f"receipt {shown['may_be'][0]}: 1,500 F, paid, 2026-11-22 08:30:00 UTC" in run(
        "reconcile", "show", first["number"]
    )
    with pytest.raises(Fault, match="the amounts don't fit"):
        run("reconcile", "settle", first["number"], "match", "--receipt", small, "--by", "Awa", "--reason", "x")
    with pytest.raises(Fault, match="another line is this payment already"):
        run("reconcile", "settle", first["number"], "match", "--receipt", named, "--by", "Awa", "--reason", "x")
    with pytest.raises(Fault, match="ambiguous unknown takes no --receipt: gateway reconcile choices says"):
        run("reconcile", "settle", first["number"], "unknown", "--receipt", named, "--by", "Awa", "--reason", "x")
    with pytest.raises(Fault, match="ambiguous unknown takes no --card"):
        run("reconcile", "settle", "ambiguous", "unknown", "--all", "--card", "1", "--by", "Awa", "--reason", "x")
    settle = ("--receipt", shown["may_be"][0], "--by", "Awa", "--reason", "the payer told the minute")
    assert "is settled: match" in run("reconcile", "settle", first["number"], "match", *settle)
    run("reconcile")
    assert json.loads(run("reconcile", "show", second["number"], "--json"))["state"] == "settled"
    assert json.loads(run("reconcile", "show", first["number"], "--json"))["may_be"] == []


def test_the_choices_are_listed_for_scripts(office: Village, run: Run) -> None:
    choices = json.loads(run("reconcile", "choices", "--json"))
    assert set(choices) == set(KINDS)
    assert {each["word"]: each["needs"] for each in choices["ambiguous"]} == {"match": "receipt", "unknown": None}
    assert run("reconcile", "choices").startswith("| kind | choice |")
