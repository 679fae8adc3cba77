"""The commands about the tree, its lists and its visits: each does what it says, and says what it did."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from gateway.kernel.clock import SystemClock
from gateway.kernel.faults import Fault
from gateway.network.organisations import add_organisation
from gateway.store.engine import open_engine
from gateway.store.unit import Store
from tests.commands import Run, runner


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> Run:
    """Runs a command on a database that has a platform of two unions; a fault is raised."""
    store = Store(open_engine(sqlite_url), SystemClock())
    with store.write() as unit:
        add_organisation(unit, None, kind="platform", code="top", name="Top", country="BJ")
    store.close()

    run = runner(monkeypatch, sqlite_url)
    for code in ("north", "south"):
        run("organisations", "add", code, code.title(), "--under", "top", "--kind", "union")
    run("organisations", "add", "m", "Mutuelle", "--under", "north", "--kind", "mutuelle", "--keeps-books")
    run("organisations", "add", "m-1", "Village", "--under", "m", "--kind", "section")
    return run


def test_what_is_said_and_where_it_comes_from(run: Run) -> None:
    assert "m: currency, languages changed" in run(
        "organisations", "set", "m", "--languages", "fr,en", "--currency", "XAF"
    )
    assert "m-1: that is how it is already" in run("organisations", "set", "m-1", "--as-above", "languages")
    text = run("organisations", "show", "m-1")
    assert "from m" in text
    assert "the settings" in text
    found = json.loads(run("organisations", "show", "m", "--json"))
    assert {"name": "currency", "value": "XAF", "from": "m"} in found["settings"]
    with pytest.raises(Fault, match="--as-above colour"):
        run("organisations", "set", "m", "--as-above", "colour")


def test_a_move_is_looked_at_done_and_told(run: Run) -> None:
    move = ("organisations", "move", "m", "--under", "south", "--from", "2026-01-01", "--by", "Awa Bio")
    assert "nothing was changed" in run(*move, "--dry-run")
    assert "m stands below south from 2026-01-01" in run(*move)
    with pytest.raises(Fault, match="Mutuelle is below South already"):
        run(*move)
    assert [row["from"] for row in json.loads(run("organisations", "moves", "m-1", "--json"))] == ["north"]

    def parent(*on: str) -> object:
        rows = json.loads(run("organisations", "list", "--json", *on))
        return next(row["parent"] for row in rows if row["code"] == "m")

    assert (parent(), parent("--on", "2025-12-31"), parent("--on", "2026-01-01")) == ("south", "north", "south")
    assert "nothing stands in old books" in run("organisations", "carry", "top")


def test_short_codes(run: Run) -> None:
    run("organisations", "code", "add", "top", "*384*1#")
    run("organisations", "code", "add", "m", "*384*2#", "--letters", "182")
    assert [row["organisation"] for row in json.loads(run("organisations", "code", "list", "--json"))] == ["top", "m"]
    run("organisations", "code", "remove", "m", "*384*2#")
    with pytest.raises(Fault, match="isn't one of South"):
        run("organisations", "code", "remove", "south", "*384*1#")


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_the_lists_go_out_and_come_in(run: Run, tmp_path: Path, form: str) -> None:
    run(
        "facilities", "add", "m", "h", "Hôpital", "--kind", "hospital", "--ownership", "public", "--district", "Ouaké",
        "--from", "2026-01-01",
    )  # fmt: skip
    agreed = ("facilities", "agree", "h", "--from", "2026-06-01", "--until", "2027-05-31", "--tariff", "T1")
    run(*agreed, "--by", "Awa", "--terms", "=1+1")
    assert len(json.loads(run("facilities", "agreements", "h", "--json"))) == 2
    for name, more in (("organisations", ()), ("facilities", ("--by", "Awa"))):
        file = tmp_path / f"{name}.{form}"
        run(name, "export", str(file))
        assert "0 new, 0 changed" in run(name, "import", str(file), *more)


def test_a_list_with_a_wrong_row_changes_nothing(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "directory.csv"
    rows = [
        ("code", "name", "kind", "parent"), ("m-2", "Two", "section", "m"), ("m-3", "Three", "section", "nobody"),
    ]  # fmt: skip
    with file.open("w", newline="") as out:
        csv.writer(out, delimiter=";").writerows(rows)
    with pytest.raises(Fault, match="1 row of 2 wrong: nothing was taken in"):
        run("organisations", "import", str(file))
    with file.open("w", newline="") as out:
        csv.writer(out, delimiter=";").writerows(rows[:2])
    assert "nothing was changed" in run("organisations", "import", str(file), "--dry-run")
    assert "m-2" not in run("organisations", "list")
    assert "1 new" in run("organisations", "import", str(file))
    assert "m-2" in run("organisations", "list")


def test_visits_between_of_a_month_without_any(run: Run, tmp_path: Path) -> None:
    assert json.loads(run("visits", "between", "--month", "2026-11", "--json")) == {"month": "2026-11", "rows": []}
    assert "all" in run("visits", "between", "--month", "2026-11", "--under", "north")
    run("visits", "between", "--month", "2026-11", "--csv", str(tmp_path / "between.csv"))
    assert "home;agreement of" in (tmp_path / "between.csv").read_text(encoding="utf-8-sig")
    with pytest.raises(Fault):
        run("visits", "between", "--month", "november")


def test_a_union_added_without_books_begins_to_keep_them_for_a_section_to_come(run: Run) -> None:
    move = ("organisations", "move", "m-1", "--under", "south", "--by", "Bio Sarre")
    with pytest.raises(Fault, match="organisations set south --keeps-books"):
        run(*move)
    assert "south: books changed" in run("organisations", "set", "south", "--keeps-books")
    assert "south: that is how it is already" in run("organisations", "set", "south", "--keeps-books")
    assert "m-1 stands below south" in run(*move)
    with pytest.raises(Fault, match="a section keeps no books"):
        run("organisations", "set", "m-1", "--keeps-books")
