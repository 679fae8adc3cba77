"""The commands about registers of members: looked at, taken in, undone, exported, imported elsewhere, printed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pypdf import PdfReader
from sqlalchemy import func, select

from gateway.kernel.clock import SystemClock
from gateway.kernel.faults import Fault
from gateway.ledger.chart import Chart
from gateway.membership.importing.keeping import IMPORT, QUEUE, UNDO
from gateway.membership.importing.taking import Taking
from gateway.membership.importing.undoing import Undoing
from gateway.network.organisations import Network, add_organisation
from gateway.sms.newcomers import Welcome
from gateway.store.engine import open_engine
from gateway.store.outbox import Task, drain
from gateway.store.schema import beneficiary, household
from gateway.store.unit import Store
from tests.commands import Run, runner
from tests.conftest import DEFAULTS
from tests.membership.test_importing import SMALL
from tests.payments.village import found


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    """The database that the commands work on, with a village and another mutuelle."""
    store = Store(open_engine(sqlite_url), SystemClock())
    network = Network(store, DEFAULTS)
    found(store, network)
    other = found(store, network, code="n", treasurer="+2290100000905")
    with store.write() as unit:
        add_organisation(unit, (other.books.id, other.books.path), kind="section", code="m-1b", name="Bassila")
    yield store
    store.close()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, sqlite_url: str, store: Store) -> Run:
    """Runs a command; a fault is raised."""
    return runner(monkeypatch, sqlite_url, "households")


@pytest.fixture
def register_file(tmp_path: Path) -> str:
    path = tmp_path / "registre.csv"
    path.write_text(SMALL + "3;B1o;M;1970;chef;;;\n", encoding="cp1252")
    return str(path)


def work(store: Store) -> None:
    network, chart = Network(store, DEFAULTS), Chart()
    handlers = {
        IMPORT: Taking(store, network, chart, Welcome(store.clock)),
        UNDO: Undoing(store, network, chart),
    }

    def told(task: Task, error: Exception) -> None:
        raise error

    while drain(store, QUEUE, handlers, told):
        pass


def households(store: Store) -> int:
    with store.read() as connection:
        return int(connection.scalar(select(func.count()).select_from(household)) or 0)


def test_looked_at_taken_in_and_undone(run: Run, store: Store, register_file: str, tmp_path: Path) -> None:
    shown = run("import", register_file, "--at", "m")
    assert "row 6: the name B1o has signs that no name has" in shown
    assert "2 good, 1 wrong, 0 known" in shown
    assert "due in all: 15,600 F; no SMS" in shown
    assert "nothing is written" in shown
    assert "Adjara" not in shown
    assert run("imports", "list", "--json").strip() == "[]"
    with pytest.raises(Fault, match="--by"):
        run("import", register_file, "--at", "m", "--yes")
    assert json.loads(run("import", register_file, "--at", "m", "--yes", "--by", "Bio", "--json"))["import"] == 1
    work(store)
    assert households(store) == 2
    with pytest.raises(Fault, match="before"):
        run("import", register_file, "--at", "m", "--yes", "--by", "Bio")
    faults = tmp_path / "faults.csv"
    assert "2 taken, 1 wrong" in run("imports", "show", "1", "--faults", str(faults), "--language", "en")
    assert "B1o" in faults.read_text("utf-8-sig")
    assert "done" in run("imports", "list", "--under", "m")
    assert "2 households" in run("imports", "undo", "1", "--by", "Bio")
    work(store)
    assert json.loads(run("imports", "show", "1", "--json"))["counts"] == {"undone": 2, "wrong": 1}


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_what_is_exported_can_be_imported_elsewhere(
    run: Run, store: Store, register_file: str, tmp_path: Path, form: str, language: str
) -> None:
    run("import", register_file, "--at", "m", "--yes", "--by", "Bio")
    work(store)
    out = tmp_path / f"out.{form}"
    assert "4 rows" in run("export", "--at", "m", "--out", str(out), "--language", language)
    elsewhere = tmp_path / f"elsewhere.{form}"
    if form == "csv":
        elsewhere.write_text(out.read_text().replace(";m-1;", ";n-1;"))
    else:
        from openpyxl import load_workbook

        book = load_workbook(out)
        for row in book.active.iter_rows():
            for cell in row:
                cell.value = "n-1" if cell.value == "m-1" else cell.value
        book.save(elsewhere)
    done = json.loads(run("import", str(elsewhere), "--at", "n", "--yes", "--by", "Bio", "--json"))
    assert done["counts"] == {"good": 2}, done
    work(store)
    with store.read() as connection:
        rows = connection.execute(
            select(beneficiary.c.name, beneficiary.c.sex, beneficiary.c.birth_year, beneficiary.c.relation)
        ).all()
    assert sorted(rows[:4]) == sorted(rows[4:])
    assert len(rows) == 8


def test_registers_and_cards_on_paper(run: Run, store: Store, register_file: str, tmp_path: Path) -> None:
    run("import", register_file, "--at", "m", "--yes", "--by", "Bio")
    work(store)
    for what in ("memberships", "beneficiaries"):
        out = tmp_path / f"{what}.pdf"
        run("export", "--at", "m", "--what", what, "--out", str(out))
        assert "Adjara" in PdfReader(out).pages[0].extract_text()
    with pytest.raises(Fault, match="on paper"):
        run("export", "--at", "m", "--out", str(tmp_path / "x.pdf"))
    out = tmp_path / "cards.pdf"
    run("cards", "--at", "m", "--out", str(out))
    text = PdfReader(out).pages[0].extract_text()
    assert "VERIFIER" in text
    with store.read() as connection:
        card = str(connection.scalars(select(household.c.card)).first())
    run("cards", "--at", "m", "--out", str(out), "--card", card, "--language", "en")
    text = PdfReader(out).pages[0].extract_text()
    assert text.count("CHECK") == 1
    with pytest.raises(Fault, match="not of n"):
        run("cards", "--at", "n", "--out", str(out), "--card", card)
    with pytest.raises(Fault, match="no household"):
        run("cards", "--at", "m", "--out", str(out), "--year", "2001")
