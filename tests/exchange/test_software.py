"""The exchange with management software: both ways, twice, interrupted, wrong, and changed on both sides."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.exchange.software import taking
from gateway.exchange.software.conflicts import Conflict, Side, open_below, settle
from gateway.exchange.software.handing import confirm, hand_out
from gateway.exchange.software.members import Place
from gateway.exchange.software.rows import CONTRIBUTIONS, MEMBERS, decide
from gateway.exchange.software.taking import Done, take_in
from gateway.kernel.clock import FixedClock
from gateway.kernel.faults import Fault
from gateway.membership.changes import By
from gateway.membership.correcting import Facts, correct_person
from gateway.membership.family import roster
from gateway.membership.people import Person
from gateway.network.organisations import Network, add_organisation
from gateway.store.schema import collection, entry, household, household_change, incoming, money_case, old_number
from gateway.store.unit import Store
from tests.payments.commands import on_database_of
from tests.payments.village import NEIGHBOUR, ON_SQLITE, PAYER, Village, found

BY = By(None, name="SIGEMUB")
OTHERS = (Person("Alassane Orou", "M", 1970, "head"), Person("Bana Orou", "F", 1975, "child"))
Rows = list[dict[str, str]]


@pytest.fixture
def village(store: Store, network: Network, clock: FixedClock) -> Village:
    with store.write() as unit:
        union = add_organisation(unit, None, kind="union", code="u", name="Union de Ouaké", country="BJ",
                                 currency="XOF", time_zone="Africa/Porto-Novo", languages="fr,en")  # fmt: skip
    return Village(store, network, clock, found(store, network, above=union))


def place_of(village: Village, code: str = "m") -> Place:
    tree = village.network.tree()
    return Place(tree, village.chart, tree.named(code), BY)


def out(village: Village, folder: Path, since_last: bool = False, taken: bool = True, code: str = "m") -> Rows:
    tree = village.network.tree()
    hand_out(village.store, tree, tree.named(code), folder, since_last)
    if taken:
        confirm(village.store, folder, "Bio Sarre")
    return read(folder / "members.csv")


def read(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def written(path: Path, rows: Sequence[dict[str, Any]], heads: Sequence[str] = MEMBERS) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, heads, delimiter=";", restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def members_in(village: Village, folder: Path, rows: Sequence[dict[str, Any]], **given: Any) -> Done:
    return take_in(village.store, place_of(village), written(folder / "theirs.csv", rows), **given)


def paid_in(village: Village, folder: Path, *rows: tuple[str, str, str, str], code: str = "m", **given: Any) -> Done:
    heads = ("key", "card", "day", "amount", "currency")
    table = [dict(zip(heads, (*row, "XOF"), strict=True)) for row in rows]
    path = written(folder / "payments.csv", table, heads)
    return take_in(village.store, place_of(village, code), path, **given)


def people(village: Village, household_id: int) -> list[tuple[str, str, int, str]]:
    with village.store.read() as connection:
        return [(one.name, one.sex, one.birth_year, one.relation) for one in roster(connection, household_id)]


def rename(village: Village, household_id: int, position: int, name: str) -> None:
    with village.store.write() as unit:
        one = roster(unit.connection, household_id)[position]
        to = Facts(name, one.sex, one.birth_year)
        correct_person(unit, village.family(household_id), one.id, to, By(None, name="Bio Sarre"))


def count(village: Village, table: Any) -> int:
    with village.store.read() as connection:
        return int(connection.scalar(select(func.count()).select_from(table)) or 0)


def conflicts(village: Village) -> list[Conflict]:
    with village.store.read() as connection:
        return open_below(connection, "/")


def choose(village: Village, number: int, side: Side, code: str = "m") -> Conflict:
    tree = village.network.tree()
    with village.store.write() as unit:
        return settle(unit, tree, village.chart, tree.named(code), number, side, By(None, name="Bio Sarre"))


# --- out --------------------------------------------------------------------------------------------------------------


def test_everybody_and_every_payment_is_handed_out(village: Village, tmp_path: Path) -> None:
    home = village.register(PAYER)
    paid_in(village, tmp_path, ("A-1", home.card, "2026-11-20", "3900"))
    rows = out(village, tmp_path)
    assert tuple(rows[0]) == MEMBERS
    assert [row["name"] for row in rows] == [each[0] for each in people(village, home.household_id)]
    assert (rows[0]["card"], rows[0]["phone"], rows[0]["section"]) == (home.card, PAYER.removeprefix("+"), "m-1")
    assert (rows[0]["plan"], rows[0]["birth_year"], rows[0]["relation"]) == ("famille", "1991", "head")
    [payment] = read(tmp_path / "contributions.csv")
    assert tuple(payment) == CONTRIBUTIONS
    assert (payment["their_key"], payment["amount"], payment["day"]) == ("A-1", "3900", "2026-11-20")
    assert payment["card"] == home.card
    said = json.loads((tmp_path / "exchange.json").read_text())
    assert said["rows"] == {"members": 4, "contributions": 1, "changes": 0, "visits": 0}
    # What we handed out and what they gave us comes back: nothing is posted anew.
    back = take_in(village.store, place_of(village), tmp_path / "contributions.csv")
    assert back.counts == {"same": 1}
    assert take_in(village.store, place_of(village), tmp_path / "members.csv").counts == {"same": 4}


def test_only_what_changed_since_the_last_that_was_taken(village: Village, tmp_path: Path) -> None:
    home = village.register(PAYER)
    assert len(out(village, tmp_path)) == 4
    assert out(village, tmp_path, since_last=True) == []
    rename(village, home.household_id, 2, "Idriss Tchédré")
    # Made and never taken: the next one holds the same again.
    first = out(village, tmp_path, since_last=True, taken=False)
    assert [row["name"] for row in first] == ["Idriss Tchédré"]
    assert out(village, tmp_path, since_last=True) == first
    assert [row["what"] for row in read(tmp_path / "changes.csv")] == ["corrected"]
    assert out(village, tmp_path, since_last=True) == []


def test_a_folder_that_was_changed_is_no_exchange(village: Village, tmp_path: Path) -> None:
    village.register(PAYER)
    out(village, tmp_path, taken=False)
    (tmp_path / "members.csv").write_text("key\n")
    with pytest.raises(Fault, match="aren't those"):
        confirm(village.store, tmp_path, "Bio Sarre")
    (tmp_path / "exchange.json").write_text("[]")
    with pytest.raises(Fault, match="no exchange"):
        confirm(village.store, tmp_path, "Bio Sarre")


# --- in: members ------------------------------------------------------------------------------------------------------


def test_what_they_changed_alone_is_taken_and_both_sides_agree(village: Village, tmp_path: Path) -> None:
    home = village.register(PAYER)
    rows = out(village, tmp_path)
    rows[0] |= {"name": "Adjara Tchedre-Orou", "phone": "2290161000102", "number": "OUA-17"}
    rows[1] |= {"sex": "F", "birth_year": "1987"}
    rows[2] |= {"relation": "other"}
    rename(village, home.household_id, 3, "Rahinatou Tchédré")
    done = members_in(village, tmp_path, rows)
    assert (done.counts, done.told) == ({"changed": 3, "same": 1}, [])
    assert people(village, home.household_id) == [
        ("Adjara Tchedre-Orou", "F", 1991, "head"),
        ("Moussa Tchédré", "F", 1987, "spouse"),
        ("Idrissou Tchédré", "M", 2015, "other"),
        ("Rahinatou Tchédré", "F", 2018, "child"),
    ]
    with village.store.read() as connection:
        by = set(connection.scalars(select(household_change.c.by_name)))
        assert list(connection.scalars(select(old_number.c.written))) == ["OUA-17"]
    assert by == {"SIGEMUB", "Bio Sarre"}
    now = out(village, tmp_path)
    assert (now[0]["phone"], now[0]["number"]) == ("2290161000102", "OUA-17")
    # They take it as it is: there is nothing left to tell either side.
    assert members_in(village, tmp_path, now).counts == {"same": 4}
    assert out(village, tmp_path, since_last=True) == []


@pytest.mark.parametrize(
    ("agreed", "ours", "theirs", "whose"),
    [
        ("a", "a", "a", "same"), ("a", "b", "b", "same"), (None, "a", "a", "same"), ("a", "b", "a", "ours"),
        ("a", "a", "b", "theirs"), ("a", "b", "c", "conflict"), (None, "a", "b", "conflict"),
    ],
)  # fmt: skip
def test_who_changed_a_field(agreed: str | None, ours: str, theirs: str, whose: str) -> None:
    assert decide(agreed, ours, theirs) == whose


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_a_field_changed_on_both_sides_waits_for_somebody(village: Village, tmp_path: Path, side: Side) -> None:
    home = village.register(PAYER)
    rows = out(village, tmp_path)
    rename(village, home.household_id, 1, "Moussa Orou")
    rows[1]["name"] = "Moussa Bio"
    for _ in range(2):
        assert members_in(village, tmp_path, rows).counts == {"conflict": 1, "same": 3}
    [one] = conflicts(village)
    assert (one.field, one.agreed, one.ours, one.theirs) == ("name", "Moussa Tchédré", "Moussa Orou", "Moussa Bio")
    assert people(village, home.household_id)[1][0] == "Moussa Orou"
    with pytest.raises(Fault, match="no conflict"):
        choose(village, one.id + 1, side)
    assert [choose(village, one.id, side).state for _ in range(2)] == [side, side]
    with pytest.raises(Fault, match="settled already"):
        choose(village, one.id, "ours" if side == "theirs" else "theirs")
    wins = "Moussa Orou" if side == "ours" else "Moussa Bio"
    # The same file of theirs once more is no new conflict, and the next one of ours says who won.
    assert members_in(village, tmp_path, rows).counts == {"same": 4}
    assert people(village, home.household_id)[1][0] == wins
    assert wins in [row["name"] for row in out(village, tmp_path, since_last=True)]
    assert conflicts(village) == []


def test_a_conflict_is_over_when_both_say_the_same(village: Village, tmp_path: Path) -> None:
    home = village.register(PAYER)
    rows = out(village, tmp_path)
    rename(village, home.household_id, 1, "Moussa Orou")
    members_in(village, tmp_path, [rows[1] | {"name": "Moussa Bio"}])
    members_in(village, tmp_path, [rows[1] | {"name": "Moussa Orou"}])
    assert conflicts(village) == []
    # Both sides never agreed on a family that was never handed out: nobody knows who changed it.
    other = village.register(NEIGHBOUR, OTHERS)
    row = {"card": other.card, "name": "Alassane Orou", "birth_year": "1970", "sex": "F"}
    assert members_in(village, tmp_path, [row]).counts == {"conflict": 1}
    assert conflicts(village)[0].agreed is None


def test_new_people_and_families(village: Village, tmp_path: Path) -> None:
    home = village.register(PAYER)
    rows = [
        {"card": home.card, "name": "Zita Tchédré", "sex": "F", "birth_year": "2001", "relation": "other"},
        {"number": "OUA-44", "name": "Bana Orou", "sex": "F", "birth_year": "1975", "relation": "spouse"},
        {"number": "OUA-44", "name": "Alassane Orou", "sex": "M", "birth_year": "1970", "relation": "head",
         "section": "m-1", "plan": "famille", "phone": "01 61 00 01 02"},
    ]  # fmt: skip
    assert members_in(village, tmp_path, rows, dry_run=True).counts == {"new": 3}
    assert (count(village, household), len(people(village, home.household_id))) == (1, 4)
    assert members_in(village, tmp_path, rows).counts == {"new": 3}
    assert members_in(village, tmp_path, rows).counts == {"same": 3}
    assert count(village, household) == 2
    with village.store.read() as connection:
        newest = int(connection.scalar(select(func.max(household.c.id))) or 0)
    assert people(village, newest) == [("Alassane Orou", "M", 1970, "head"),
                                                      ("Bana Orou", "F", 1975, "spouse")]  # fmt: skip


def test_every_wrong_row_is_told_by_its_line(village: Village, tmp_path: Path) -> None:
    home = village.register(PAYER)
    theirs = found(village.store, village.network, above=(1, "/1/"), code="n", treasurer="+2290100000909")
    away = Village(village.store, village.network, village.clock, theirs).register(NEIGHBOUR, OTHERS)
    rows = out(village, tmp_path)
    wrong = [
        rows[0] | {"birth_year": "1700"},
        rows[1] | {"name": "=1+1"},
        rows[2] | {"relation": "head"},
        rows[3] | {"sex": "X"},
        {"card": "123", "name": "Nobody Here"},
        {"card": away.card, "name": "Alassane Orou", "birth_year": "1970", "sex": "F"},
        {"name": "Nobody Here"},
        rows[0] | {"section": "n-1"},
        rows[0] | {"left": "2026-11-01"},
        rows[0] | {"key": "p999999"},
        {"number": "OUA-90", "name": "Zita Orou", "sex": "F", "birth_year": "1990", "relation": "child",
         "section": "m-1"},
    ]  # fmt: skip
    before = people(village, home.household_id)
    done = members_in(village, tmp_path, wrong)
    assert [each.line for each in done.told] == list(range(2, 13))
    assert done.counts == {"wrong": 11}
    assert people(village, home.household_id) == before
    assert people(village, away.household_id)[0][1] == "M"
    assert str(done.told[5].fault) == "there is no such card here"


def test_a_formula_leaves_and_comes_back_as_text(village: Village, tmp_path: Path) -> None:
    home = village.register(PAYER)
    rows = out(village, tmp_path)
    members_in(village, tmp_path, [rows[0] | {"number": "=CMD-1"}])
    assert out(village, tmp_path)[0]["number"] == "'=CMD-1"
    assert take_in(village.store, place_of(village), tmp_path / "members.csv").counts == {"same": 4}
    assert people(village, home.household_id)[0][0] == "Adjara Tchédré"


# --- in: payments -----------------------------------------------------------------------------------------------------


def test_payments_are_posted_once_by_their_key(village: Village, tmp_path: Path) -> None:
    home = village.register(PAYER)
    rows = [("A-1", home.card, "2026-11-20", "1000"), ("A1", home.card, "2026-11-20", "1000"),
            ("A-3", "999999999", "2026-11-21", "500"), ("A-4", home.card, "2026-12-24", "500"),
            ("A-5", home.card, "2026-11-21", "-5")]  # fmt: skip
    assert paid_in(village, tmp_path, *rows, dry_run=True).counts == {"new": 2, "suspense": 1, "wrong": 2}
    assert count(village, collection) == count(village, incoming) == 0
    done = paid_in(village, tmp_path, *rows)
    assert (done.counts, [each.line for each in done.told]) == ({"new": 2, "suspense": 1, "wrong": 2}, [5, 6])
    assert (count(village, collection), count(village, incoming), count(village, money_case)) == (2, 3, 1)
    entries = count(village, entry)
    assert paid_in(village, tmp_path, *rows).counts == {"same": 3, "wrong": 2}
    assert count(village, entry) == entries
    changed = paid_in(village, tmp_path, ("A-1", home.card, "2026-11-20", "2000"))
    assert changed.counts == {"wrong": 1}
    assert village.stands(home.household_id).left.minor == 12_600 - 2_000


def test_payments_are_taken_in_where_the_books_are(village: Village, tmp_path: Path) -> None:
    home = village.register(PAYER)
    theirs = found(village.store, village.network, above=(1, "/1/"), code="n", treasurer="+2290100000909")
    away = Village(village.store, village.network, village.clock, theirs).register(NEIGHBOUR, OTHERS)
    for code in ("u", "m-1"):
        with pytest.raises(Fault, match="keeps its books"):
            paid_in(village, tmp_path, ("A-1", home.card, "2026-11-20", "1000"), code=code)
    # Another mutuelle's card: the money is kept on suspense, and moves nothing there.
    assert paid_in(village, tmp_path, ("A-1", away.card, "2026-11-20", "1000")).counts == {"suspense": 1}
    assert count(village, collection) == 0


@ON_SQLITE
def test_whoever_is_killed_between_two_batches_starts_again(
    village: Village, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = village.register(PAYER)
    monkeypatch.setattr(taking, "BATCH", 2)
    rows = [(f"K-{number}", home.card, "2026-11-20", "200") for number in range(7)]

    def killed(rows_done: int) -> None:
        if rows_done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        paid_in(village, tmp_path, *rows, told=killed)
    assert count(village, collection) == 4
    assert paid_in(village, tmp_path, *rows).counts == {"same": 4, "new": 3}
    assert count(village, collection) == 7


@ON_SQLITE
def test_files_that_are_none(village: Village, tmp_path: Path) -> None:
    for content, why in (
        (b"", "no row"), (b"card;colour\n1;2\n", "isn't known: colour"), (b"name;sex\nA;F\n", "missing: card"),
        (b"card;card\n1;2\n", "twice"), (b"card;name\n1;\xff\n", "no CSV"),
    ):  # fmt: skip
        (tmp_path / "f.csv").write_bytes(content)
        with pytest.raises(Fault, match=why):
            take_in(village.store, place_of(village), tmp_path / "f.csv")


@ON_SQLITE
def test_the_commands(village: Village, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = village.register(PAYER)
    run = on_database_of(village, monkeypatch)
    assert "members.csv: 4 rows" in run("exchange", "out", "--at", "m", "--out", str(tmp_path))
    assert "taken" in run("exchange", "taken", str(tmp_path), "--by", "Bio Sarre")
    rows = read(tmp_path / "members.csv")
    rename(village, home.household_id, 1, "Moussa Orou")
    file = written(tmp_path / "theirs.csv", [rows[1] | {"name": "Moussa Bio"}, rows[0] | {"sex": "X"}])
    said = run("exchange", "in", str(file), "--at", "m", "--dry-run")
    assert "line 2: changed on both sides: name" in said
    assert "1 conflict, 1 wrong; nothing was kept" in said
    assert json.loads(run("exchange", "conflicts", "--json")) == []
    assert json.loads(run("exchange", "in", str(file), "--at", "m", "--json"))["rows"] == {"conflict": 1, "wrong": 1}
    [one] = json.loads(run("exchange", "conflicts", "--json", "--under", "m"))
    assert (one["ours"], one["theirs"]) == ("Moussa Orou", "Moussa Bio")
    assert "Moussa Bio" in run("exchange", "conflicts")
    assert "Moussa Bio" in run("exchange", "settle", str(one["number"]), "--theirs", "--by", "Bio Sarre")
    assert people(village, home.household_id)[1][0] == "Moussa Bio"
