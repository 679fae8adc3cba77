"""A statement's file, taken in and reconciled: what agrees, what rules settle, what is left for a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway.kernel.faults import Fault
from gateway.ledger.accounts import first_difference
from gateway.payments.reconciliation import kept
from gateway.payments.reconciliation.differences.listing import Difference, differences
from gateway.payments.reconciliation.explained import Explained, explained
from gateway.payments.reconciliation.kept import Kept
from gateway.payments.reconciliation.running import Report, reconcile
from gateway.payments.reconciliation.taking_in import Again, take_in
from gateway.payments.reconciliation.wallets import Wallet, open_wallet
from gateway.payments.statements.hints import Hints
from gateway.payments.statements.lines import BadStatement
from gateway.store.schema import account, line, statement_part
from tests.payments.statements.writers import csv, movements, mtn_momo, with_balances
from tests.payments.village import NEIGHBOUR, PAYER, Village

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
HINTS = Hints("XOF", "BJ", "Africa/Porto-Novo")


class Books:
    """A village's mobile-money wallet, its statements, and what the books say."""

    def __init__(self, village: Village, folder: Path) -> None:
        self.village, self.folder = village, folder
        with village.store.write() as unit:
            self.wallet: Wallet = open_wallet(unit, village.place.books, "mtn_momo", "wallet")
        self.family = village.register()

    def taken_in(self, *rows: Mapping[str, object], opening: int = 10_000, name: str = "mtn.csv") -> Kept | Again:
        file = self.folder / name
        file.write_bytes(csv(mtn_momo(with_balances(movements(list(rows)), opening))))
        return take_in(self.village.store, self.village.network.tree(), self.wallet, file, HINTS, "Awa")

    def reconciled(self) -> Report:
        return reconcile(self.village.store, self.village.network.tree(), self.village.chart, self.wallet)

    def open(self) -> list[Difference]:
        with self.village.store.read() as connection:
            return differences(connection, self.village.network.tree())

    def all(self) -> list[Difference]:
        with self.village.store.read() as connection:
            return differences(connection, self.village.network.tree(), every=True)[::-1]

    def balance(self, role: str) -> int:
        with self.village.store.read() as connection:
            assert first_difference(connection) is None
            total = select(func.sum(line.c.amount_minor)).join(account, account.c.id == line.c.account_id)
            return int(connection.scalar(total.where(account.c.role == role)) or 0)

    def told(self, one: Kept) -> list[Explained]:
        with self.village.store.read() as connection:
            found = explained(connection, one.id, None, False, 1000)
        assert found is not None
        return found[1]

    def paid(self, amount: int = 1_500, at: datetime = NOW) -> dict[str, object]:
        """A payment that we asked for, and its line."""
        key = self.village.push(self.family.household_id, amount, at)
        return {"at": at, "amount": amount, "operator_id": f"op-{key}", "payer": PAYER}


@pytest.fixture
def books(village: Village, tmp_path: Path) -> Books:
    return Books(village, tmp_path)


def test_what_agrees_is_matched_and_nothing_differs(books: Books) -> None:
    rows = [books.paid(at=NOW - timedelta(minutes=40 - number)) for number in range(3)]
    one = books.taken_in(*rows)
    assert isinstance(one, Kept)
    assert (one.lines, one.repeated, one.opening_minor, one.closing_minor) == (3, 0, 10_000, 14_500)
    report = books.reconciled()
    assert dict(report.matched) == {"operator-id": 3}
    assert books.all() == []
    assert [(each.line, each.how, each.matched_with) for each in books.told(one)] == [
        (2 + number, "operator-id", each.matched_with) for number, each in enumerate(books.told(one))
    ]


def test_running_again_changes_nothing(books: Books) -> None:
    books.taken_in(books.paid(), {"at": NOW, "amount": 700, "operator_id": "X1", "payer": NEIGHBOUR})
    books.reconciled()
    before, kept_before = books.all(), _matches(books)
    report = books.reconciled()
    assert (report.lines, report.ruled) == (0, 0)
    assert (books.all(), _matches(books)) == (before, kept_before)


def _matches(books: Books) -> list[bytes]:
    with books.village.store.read() as connection:
        return list(connection.scalars(select(statement_part.c.matches).order_by(statement_part.c.statement_id)))


def test_the_same_file_is_known(books: Books) -> None:
    row = books.paid()
    first = books.taken_in(row)
    again = books.taken_in(row, name="renamed.csv")
    assert isinstance(again, Again)
    assert again.statement == first


def test_an_overlap_is_taken_in_once(books: Books) -> None:
    first, second, third = (books.paid(at=NOW - timedelta(hours=3 - number)) for number in range(3))
    books.taken_in(first, second)
    two = books.taken_in(second, third, opening=11_500, name="b.csv")
    assert isinstance(two, Kept)
    assert (two.lines, two.repeated) == (1, 1)
    books.reconciled()
    assert books.all() == []


def test_money_with_a_card_in_its_reference_counts_for_the_household(books: Books) -> None:
    one = books.taken_in(
        {"at": NOW, "amount": 3_900, "operator_id": "X1", "payer": NEIGHBOUR, "reference": books.family.card}
    )
    report = books.reconciled()
    assert isinstance(one, Kept)
    assert (report.ruled, books.all()) == (1, [])
    [told] = books.told(one)
    assert told.how == "rule"
    assert (told.matched_with or "").startswith("receipt ")
    assert ("receipt", PAYER) in books.village.told("receipt")
    assert books.balance("wallet") == 3_900


def test_money_of_nobody_waits_on_suspense_and_is_a_difference_until_it_is_known(books: Books) -> None:
    books.taken_in({"at": NOW, "amount": 700, "operator_id": "X1", "payer": NEIGHBOUR})
    books.reconciled()
    [one] = books.open()
    assert (one.kind, one.theirs and one.theirs.minor, one.ours, one.operator_id) == ("unknown", 700, None, "X1")
    assert books.balance("suspense") == -700


def test_what_was_given_up_and_was_paid_all_the_same_is_posted(books: Books) -> None:
    key = books.village.pay(books.family.household_id)
    one = books.taken_in({"at": NOW, "amount": 1_500, "operator_id": "Y1", "payer": PAYER, "our_id": key})
    report = books.reconciled()
    assert isinstance(one, Kept)
    assert dict(report.matched) == {"our-id": 1}
    assert [(each.kind, each.state, each.choice) for each in books.all()] == [("late", "settled", "rule")]
    assert books.balance("wallet") == 1_500
    assert books.village.steps(key)[-1] == "paid"


def test_what_is_not_in_the_statement_is_missing_once_its_time_is_over(books: Books) -> None:
    first, lost, last = (books.paid(at=NOW - timedelta(hours=5 - number)) for number in range(3))
    books.taken_in(first, last)
    books.reconciled()
    assert books.all() == []
    books.village.clock.move(timedelta(days=2))
    books.reconciled()
    [one] = books.open()
    assert (one.kind, one.ours and one.ours.minor) == ("missing", 1_500)
    assert one.operator_id == str(lost["operator_id"]).replace("-", "").upper()
    # The operator's next statement has it.
    books.taken_in(lost, opening=0, name="late.csv")
    books.reconciled()
    assert books.open() == []
    assert [(each.kind, each.settled_by) for each in books.all()] == [("missing", "gateway")]


def test_another_amount_is_a_difference_and_the_line_is_matched(books: Books) -> None:
    row = books.paid() | {"amount": 1_400}
    one = books.taken_in(row)
    books.reconciled()
    [found] = books.open()
    assert isinstance(one, Kept)
    assert (found.kind, found.theirs and found.theirs.minor, found.ours and found.ours.minor) == (
        "amount",
        1_400,
        1_500,
    )
    assert books.told(one)[0].how == "operator-id"


def test_a_number_twice_is_matched_once(books: Books) -> None:
    row = books.paid()
    books.taken_in(row, row | {"at": NOW + timedelta(minutes=1)})
    books.reconciled()
    assert [(each.kind, each.line) for each in books.open()] == [("twice", 3)]


def test_what_the_operator_took_back_is_taken_back(books: Books) -> None:
    row = books.paid()
    books.taken_in(
        row,
        {"at": NOW + timedelta(minutes=9), "amount": -1_500, "kind": "reversal",
         "operator_id": row["operator_id"]},
    )  # fmt: skip
    books.reconciled()
    assert [(each.kind, each.state) for each in books.all()] == [("reversed", "settled")]
    assert books.balance("wallet") == 0
    assert books.village.told("reversed") != []


def test_what_is_taken_back_and_nobody_knows_waits_for_a_person(books: Books) -> None:
    books.taken_in(books.paid(), {"at": NOW, "amount": -900, "kind": "reversal", "operator_id": "R1"}, opening=5_000)
    books.reconciled()
    assert [(each.kind, each.state, each.operator_id) for each in books.all()] == [("reversed", "open", "R1")]
    assert books.balance("wallet") == 1_500


def test_fees_are_an_entry_a_day(books: Books) -> None:
    rows = [books.paid(at=NOW - timedelta(minutes=number)) | {"fee": 15} for number in (2, 1)]
    books.taken_in(*rows, {"at": NOW, "amount": -40, "kind": "fee", "operator_id": "F1"})
    books.reconciled()
    books.reconciled()
    assert books.balance("fees") == 70
    assert books.balance("wallet") == 3_000 - 70
    assert books.all() == []


def test_a_sweep_goes_to_transfers_and_what_left_without_a_reason_waits(books: Books) -> None:
    books.taken_in(
        books.paid(),
        {"at": NOW, "amount": -1_000, "kind": "sweep", "operator_id": "S1"},
        {"at": NOW, "amount": -200, "kind": "other", "operator_id": "O1"},
    )
    books.reconciled()
    assert [(each.kind, each.state, each.theirs and each.theirs.minor) for each in books.all()] == [
        ("out", "open", 200)
    ]
    assert (books.balance("transfer"), books.balance("unexplained"), books.balance("wallet")) == (1_000, 200, 300)


def test_a_truncated_file_is_refused_whole(books: Books) -> None:
    file = books.folder / "cut.csv"
    whole = csv(mtn_momo(with_balances(movements([books.paid(), books.paid()]), 0)))
    file.write_bytes(whole[:-20])
    with pytest.raises(BadStatement):
        take_in(books.village.store, books.village.network.tree(), books.wallet, file, HINTS, "Awa")
    with books.village.store.read() as connection:
        assert kept.statements(connection, [books.wallet.id]) == []


@pytest.mark.parametrize("by", ["", " ", "x" * 61])
def test_somebody_brings_it(books: Books, by: str) -> None:
    do: Callable[[], object] = lambda: take_in(  # noqa: E731
        books.village.store, books.village.network.tree(), books.wallet, books.folder / "none", HINTS, by
    )
    with pytest.raises(Fault, match="who brings it"):
        do()
