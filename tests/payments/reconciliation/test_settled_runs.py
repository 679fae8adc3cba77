"""What people have settled, run after run: nothing is found anew for it, and what is undone is open as it was."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from gateway.payments.reconciliation.differences.listing import Difference, differences
from gateway.payments.reconciliation.differences.settling import Settled
from gateway.payments.reconciliation.kept import Kept, left_of, statements
from gateway.payments.reconciliation.running import reconcile
from gateway.payments.reconciliation.taking_in import take_in
from gateway.payments.reconciliation.wallets import open_wallet
from gateway.payments.statements.hints import Hints
from gateway.store.schema import collection
from tests.payments.reconciliation.differing import choose, not_settled, settled, steps, take_up
from tests.payments.statements.writers import csv, movements, mtn_momo, with_balances
from tests.payments.village import NEIGHBOUR, ON_SQLITE, PAYER, Village

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture
def office(office: Village) -> Village:
    with office.store.write() as unit:
        open_wallet(unit, office.place.books, "mtn_momo", "wallet")
    return office


def paid(office: Village, home: int, amount: int = 1_500, minutes: int = 0) -> dict[str, object]:
    """A payment that we asked for, and its line."""
    at = NOW - timedelta(minutes=minutes)
    return {"at": at, "amount": amount, "operator_id": f"op-{office.push(home, amount, at)}", "payer": PAYER}


def run(office: Village, folder: Path, *rows: Mapping[str, object], opening: int = 10_000) -> None:
    """A statement comes, where there are lines, and the wallet is reconciled."""
    tree = office.network.tree()
    with office.store.write() as unit:
        its_wallet = open_wallet(unit, office.place.books, "mtn_momo", "wallet")
    if rows:
        file = folder / f"{len(list(folder.iterdir()))}.csv"
        file.write_bytes(csv(mtn_momo(with_balances(movements(list(rows)), opening))))
        hints = Hints("XOF", "BJ", "Africa/Porto-Novo")
        assert isinstance(take_in(office.store, tree, its_wallet, file, hints, "Awa"), Kept)
    reconcile(office.store, tree, office.chart, its_wallet)


def open_ones(office: Village) -> list[Difference]:
    with office.store.read() as connection:
        return differences(connection, office.network.tree())


def undone(office: Village, number: str) -> None:
    done = take_up(office, number)
    assert isinstance(done, Settled), done


STRANGE = {"at": NOW, "amount": 700, "operator_id": "X1", "payer": NEIGHBOUR}


@ON_SQLITE
@pytest.mark.parametrize("choice", ["assign", "refund", "keep", "income", "transfer"])
def test_unknown_money_stays_settled_and_is_open_again_when_undone(
    office: Village, home: int, tmp_path: Path, choice: str
) -> None:
    run(office, tmp_path, paid(office, home), STRANGE)
    [one] = open_ones(office)
    given = {"card": office.family(home).card} if choice == "assign" else {}
    for _ in range(2):
        settled(office, one.number, choice, **given)
        run(office, tmp_path)
        assert open_ones(office) == []
        undone(office, one.number)
        run(office, tmp_path)
        assert [each.number for each in open_ones(office)] == [one.number]
    assert office.balance()["wallet"] == 2_200
    office.clock.move(timedelta(days=2))
    run(office, tmp_path)
    assert [each.number for each in open_ones(office)] == [one.number]


@ON_SQLITE
@pytest.mark.parametrize("choice", ["lost", "reverse", "confirmed"])
def test_what_never_came_is_missing_once_whatever_is_settled_and_undone(
    office: Village, home: int, tmp_path: Path, choice: str
) -> None:
    rows = [paid(office, home, minutes=300), paid(office, home, 1_000, 200), paid(office, home, minutes=100)]
    run(office, tmp_path, rows[0], rows[2])
    office.clock.move(timedelta(days=1, minutes=5))
    run(office, tmp_path)
    [one] = open_ones(office)
    assert (one.kind, one.ours and one.ours.minor) == ("missing", 1_000)
    for _ in range(2):
        settled(office, one.number, choice)
        run(office, tmp_path)
        assert open_ones(office) == []
        undone(office, one.number)
        run(office, tmp_path)
        assert [each.number for each in open_ones(office)] == [one.number]
    assert office.balance()["wallet"] == 4_000
    # It came after all, in the operator's next statement.
    run(office, tmp_path, rows[1], opening=0)
    assert open_ones(office) == []


@ON_SQLITE
@pytest.mark.parametrize(("theirs", "choice"), [(1_400, "theirs"), (1_700, "theirs"), (1_400, "ours"), (1_700, "ours")])
def test_another_amount_is_one_difference_whatever_is_settled_and_undone(
    office: Village, home: int, tmp_path: Path, theirs: int, choice: str
) -> None:
    run(office, tmp_path, paid(office, home, minutes=200), paid(office, home, minutes=100) | {"amount": theirs})
    [one] = open_ones(office)
    for _ in range(2):
        settled(office, one.number, choice)
        assert office.balance()["wallet"] == 1_500 + theirs
        run(office, tmp_path)
        assert open_ones(office) == []
        undone(office, one.number)
        run(office, tmp_path)
        assert [each.number for each in open_ones(office)] == [one.number]
    office.clock.move(timedelta(days=2))
    run(office, tmp_path)
    assert [each.number for each in open_ones(office)] == [one.number]


def test_a_second_payment_of_one_number_is_no_movement_that_a_line_is_missing_for(
    office: Village, home: int, tmp_path: Path
) -> None:
    row = paid(office, home, minutes=300)
    run(office, tmp_path, row, row | {"at": NOW - timedelta(minutes=200)}, paid(office, home, minutes=1))
    [one] = open_ones(office)
    settled(office, one.number, "two")
    assert office.balance()["wallet"] == 4_500
    office.clock.move(timedelta(days=2))
    run(office, tmp_path)
    assert open_ones(office) == []


@pytest.mark.parametrize("choice", ["lost", "reverse"])
def test_what_was_thought_lost_and_comes_after_all_counts_as_if_nothing_had_been(
    office: Village, home: int, tmp_path: Path, choice: str
) -> None:
    rows = [paid(office, home, minutes=300), paid(office, home, 1_000, 200), paid(office, home, minutes=100)]
    before, stood = office.balance(), office.stands(home)
    run(office, tmp_path, rows[0], rows[2])
    office.clock.move(timedelta(days=1, minutes=5))
    run(office, tmp_path)
    [one] = open_ones(office)
    settled(office, one.number, choice)
    assert office.balance()["wallet"] == 3_000
    for _ in range(2):
        run(office, tmp_path, *([rows[1]] if office.balance()["wallet"] == 3_000 else []), opening=0)
        assert (office.balance(), office.stands(home).left) == (before, stood.left)
        assert open_ones(office) == []
    assert steps(office, one.number) == ["found", "settled", "undone", "gone"]


def test_a_line_is_matched_with_the_payment_that_somebody_names_and_with_another_one(
    office: Village, home: int, tmp_path: Path
) -> None:
    number = {"operator_id": None, "payer": PAYER}
    keys = [office.push(home, 1_000, NOW - timedelta(minutes=minutes)) for minutes in (200, 197)]
    with office.store.write() as unit:
        unit.connection.execute(update(collection).where(collection.c.key.in_(keys)).values(operator_id=None))
    unclear = {"at": NOW - timedelta(minutes=198), "amount": 1_000, **number}
    run(office, tmp_path, paid(office, home, minutes=400), unclear, paid(office, home))
    office.clock.move(timedelta(days=2))
    run(office, tmp_path)
    [line] = [one for one in open_ones(office) if one.kind == "ambiguous"]
    for key, other in (keys, keys[::-1]):
        settled(office, line.number, "match", receipt=key)
        run(office, tmp_path)
        assert [one.collection_id for one in open_ones(office)] == [office.shown(other).id]
        undone(office, line.number)
        run(office, tmp_path)


@ON_SQLITE
def test_what_left_is_one_difference_whatever_it_was(office: Village, home: int, tmp_path: Path) -> None:
    run(office, tmp_path, paid(office, home), {"at": NOW, "amount": -200, "kind": "other", "operator_id": "O1"})
    [one] = open_ones(office)
    settled(office, one.number, "expense")
    office.clock.move(timedelta(days=2))
    run(office, tmp_path)
    assert open_ones(office) == []
    assert (office.balance()["losses"], office.balance()["wallet"]) == (200, 1_300)


@ON_SQLITE
def test_what_was_taken_back_under_a_number_of_its_own_is_said_by_a_receipt(
    office: Village, home: int, tmp_path: Path
) -> None:
    row = paid(office, home)
    run(office, tmp_path, row, {"at": NOW, "amount": -1_500, "kind": "reversal", "operator_id": "R1"})
    [one] = open_ones(office)
    assert not_settled(choose(office, one.number, "reverse")) == "needs"
    settled(office, one.number, "reverse", receipt=str(row["operator_id"]).removeprefix("op-"))
    assert office.balance().get("wallet", 0) == 0
    run(office, tmp_path)
    assert open_ones(office) == []
    with office.store.read() as connection:
        [statement] = statements(connection, [1])
        assert left_of(connection, statement.id) == 0
