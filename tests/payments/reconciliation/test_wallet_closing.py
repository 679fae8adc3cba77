"""Days and months of a wallet, signed: from a statement's file and our books to figures that stay as they are."""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import DBAPIError

from gateway.kernel.faults import Fault
from gateway.network.organisations import Tree
from gateway.payments.reconciliation.closing.figures import Figures, Kind
from gateway.payments.reconciliation.closing.signing import (
    StillOpen,
    WalletClosed,
    close_wallet,
    closed_span,
    closed_spans,
    first_changed_close,
)
from gateway.payments.reconciliation.differences.choices import CHOICES
from gateway.payments.reconciliation.differences.listing import differences
from gateway.payments.reconciliation.differences.settling import Given, Settled, settle
from gateway.payments.reconciliation.kept import Kept
from gateway.payments.reconciliation.running import reconcile
from gateway.payments.reconciliation.taking_in import take_in
from gateway.payments.reconciliation.wallets import Wallet, open_wallet
from gateway.payments.statements.hints import Hints
from gateway.store.schema import account, entry, line, statement_part, wallet_close
from tests.ledger.books import behind_the_back
from tests.payments.commands import on_database_of
from tests.payments.statements.writers import csv, movements, mtn_momo, with_balances
from tests.payments.village import NEIGHBOUR, ON_SQLITE, PAYER, Village, at_once

HINTS = Hints("XOF", "BJ", "Africa/Porto-Novo")
D19, D20, D21 = (date(2026, 11, day) for day in (19, 20, 21))


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of November in Benin, which is an hour before UTC."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC) - timedelta(hours=1)


class Desk:
    """A village's wallet at its office: statements are brought, reconciled, and days signed."""

    def __init__(self, office: Village, folder: Path) -> None:
        self.village, self.folder, self.balance = office, folder, 0
        office.clock.at = at(17, 9)
        with office.store.write() as unit:
            self.wallet: Wallet = open_wallet(unit, office.place.books, "mtn_momo", "wallet")
        self.family = office.register()
        office.clock.at = at(22, 10)

    def paid(self, when: datetime, amount: int = 1_500, theirs_at: datetime | None = None) -> dict[str, object]:
        """A payment that we asked for, and its line."""
        key = self.village.push(self.family.household_id, amount, when)
        return {"at": theirs_at or when, "amount": amount, "operator_id": f"op-{key}", "payer": PAYER}

    def bring(self, *rows: Mapping[str, object], name: str, opening: int | None = None) -> None:
        """A statement, taken in and reconciled; it begins with the balance that the one before ended with."""
        begin = self.balance if opening is None else opening
        file = self.folder / f"{name}.csv"
        file.write_bytes(csv(mtn_momo(with_balances(movements(list(rows)), begin))))
        kept = take_in(self.village.store, self.tree, self.wallet, file, HINTS, "Awa")
        assert isinstance(kept, Kept)
        self.balance = kept.closing_minor or 0
        self.reconcile()

    def reconcile(self) -> None:
        reconcile(self.village.store, self.tree, self.village.chart, self.wallet)

    @property
    def tree(self) -> Tree:
        return self.village.network.tree()

    def close(self, first_on: date, span: Kind = "day", despite: str | None = None) -> WalletClosed | StillOpen:
        return close_wallet(self.village.store, self.tree, self.wallet, span, first_on, "Bio Sarre", despite)

    def signed(self, first_on: date, span: Kind = "day", despite: str | None = None) -> Figures:
        done = self.close(first_on, span, despite)
        assert isinstance(done, WalletClosed), done
        assert done.figures.holds
        with self.village.store.read() as connection:
            assert closed_span(connection, self.tree, self.wallet, span, first_on) == done
            assert first_changed_close(connection, self.tree) is None
        return done.figures

    def in_books(self, last: date) -> int:
        """What the books have on the wallet by the end of a day."""
        total = select(func.sum(line.c.amount_minor)).join(entry, entry.c.id == line.c.entry_id)
        total = total.join(account, account.c.id == line.c.account_id)
        with self.village.store.read() as connection:
            own = (account.c.role == "wallet", entry.c.happened_on <= last)
            return int(connection.scalar(total.where(*own)) or 0)

    def settle(self, choice: str, kind: str) -> None:
        with self.village.store.read() as connection:
            (one,) = differences(connection, self.tree, kind=kind)
        with self.village.store.write() as unit:
            done = settle(unit, self.tree, self.village.chart, one.number, choice, "Bio", "as they said", Given())
            assert isinstance(done, Settled), done
        self.reconcile()


@pytest.fixture
def desk(office: Village, tmp_path: Path) -> Desk:
    return Desk(office, tmp_path)


def listed(one: Figures) -> dict[str, list[tuple[int | None, int | None]]]:
    return {own.name: [(item.theirs_minor, item.ours_minor) for item in own.items] for own in one.lists}


def test_days_are_signed_one_after_the_other_with_what_is_in_transit(desk: Desk) -> None:
    desk.bring(
        desk.paid(at(20, 8)),
        desk.paid(at(20, 12), 900),
        {"at": at(20, 13), "amount": -400, "operator_id": "SW1", "kind": "sweep"},
        desk.paid(at(20, 23, 59), 700, theirs_at=at(21, 0, 1)),
        desk.paid(at(21, 9), 300),
        desk.paid(at(22, 8), 50),
        name="three days",
    )
    waiting = desk.close(D20)
    assert isinstance(waiting, StillOpen)  # nothing tells what moved before the statement's first line
    assert waiting.gaps == ((at(20, 0), at(20, 8)),)
    first = desk.signed(D20, despite="the account was opened that morning")
    assert (first.theirs.opening_minor, first.theirs.in_minor, first.theirs.out_minor) == (0, 2_400, 400)
    assert (first.ours.in_minor, first.ours.closing_minor, first.theirs.closing_minor) == (3_100, 2_700, 2_000)
    assert (listed(first), first.rest_minor) == ({"across": [(None, 700)]}, 0)
    second = desk.signed(D21)
    assert (second.theirs.opening_minor, second.ours.opening_minor, second.opening_from) == (2_000, 2_700, "last")
    assert (second.theirs.closing_minor, second.ours.closing_minor, second.lists) == (3_000, 3_000, ())


@ON_SQLITE
def test_fees_reversals_and_unknown_money_leave_nothing_between_the_two(desk: Desk) -> None:
    first = desk.paid(at(20, 8), 2_000)
    desk.bring(
        {**first, "fee": 20},
        {"at": at(20, 9), "amount": -2_000, "operator_id": first["operator_id"], "kind": "reversal"},
        {"at": at(20, 10), "amount": 640, "operator_id": "U1", "payer": NEIGHBOUR},
        {"at": at(20, 11), "amount": -150, "operator_id": "O1", "kind": "other"},
        desk.paid(at(21, 9), 300),
        name="a day",
    )
    waiting = desk.close(D20)
    assert isinstance(waiting, StillOpen)
    with desk.village.store.read() as connection:
        assert list(waiting.differences) == [one.number for one in differences(connection, desk.tree)]
    one = desk.signed(D20, despite="to be looked into")
    # It was taken back in the books when the statement came, on the 22nd.
    assert (listed(one), one.rest_minor) == ({"across": [(-2_000, None)]}, 0)
    assert one.theirs.closing_minor == one.ours.closing_minor - 2_000 == 2_000 - 20 - 2_000 + 640 - 150
    assert (one.theirs.fees_minor, one.ours.fees_minor) == (20, 20)
    assert [(each.kind, each.choice, each.state) for each in one.noted] == [
        ("reversed", "rule", "settled"), ("unknown", None, "open"), ("out", None, "open"),
    ]  # fmt: skip


@ON_SQLITE
@pytest.mark.parametrize(("choice", "by_then", "later"), [("confirmed", 500, 500), ("reverse", 500, 0), ("lost", 0, 0)])
def test_what_the_statement_lacks_is_listed_until_it_is_settled(
    desk: Desk, choice: str, by_then: int, later: int
) -> None:
    desk.paid(at(19, 10), 500)
    desk.bring(desk.paid(at(19, 8)), desk.paid(at(19, 20)), desk.paid(at(22, 9), 300), name="one is missing")
    waiting = desk.close(D19)
    assert isinstance(waiting, StillOpen)
    assert len(waiting.differences) == 1
    assert listed(waiting.figures) == {"open": [(None, 500)]}
    assert waiting.figures.lists[0].items[0].difference == waiting.differences[0]
    desk.settle(choice, "missing")
    days = [desk.signed(D19, despite="the account was opened that morning"), desk.signed(D20), desk.signed(D21)]
    desk.village.clock.at = at(23, 9)
    desk.bring(desk.paid(at(22, 23, 59), 10), desk.paid(at(23, 8), 10), name="the next")
    days.append(desk.signed(date(2026, 11, 22)))
    listed_then = [-sum(each.amount_minor for each in figures.lists) for figures in days]
    assert listed_then == [by_then, by_then, by_then, later]
    assert [figures.rest_minor for figures in days] == [0, 0, 0, 0]


@ON_SQLITE
@pytest.mark.parametrize(("choice", "left"), [("one", {"theirs": [(1_500, None)]}), ("two", {})])
def test_a_line_and_what_somebody_settled_it_with_belong_together(
    desk: Desk, choice: str, left: dict[str, object]
) -> None:
    row = desk.paid(at(20, 8))
    desk.bring(row, row | {"at": at(20, 8, 1)}, desk.paid(at(21, 9), 300), name="a line twice")
    waiting = desk.close(D20)
    assert isinstance(waiting, StillOpen)
    assert listed(waiting.figures) == {"open": [(1_500, None)]}
    desk.settle(choice, "twice")
    one = desk.signed(D20, despite="the account was opened that morning")
    assert (listed(one), one.rest_minor) == (left, 0)


def test_what_is_settled_after_signing_is_told_in_the_next_span(desk: Desk) -> None:
    desk.paid(at(19, 10), 500)
    desk.bring(desk.paid(at(19, 8)), desk.paid(at(19, 20)), desk.paid(at(21, 9), 300), name="one is missing")
    first = desk.signed(D19, despite="asked the operator")
    assert listed(first) == {"open": [(None, 500)]}
    desk.settle("lost", "missing")
    following = desk.signed(D20)
    assert (following.lists, following.rest_minor) == ((), 0)
    assert (following.ours.after_minor, following.theirs.after_minor) == (-500, 0)
    assert [(one.side, one.kind, one.amount_minor) for one in following.late] == [("ours", "entry", -500)]
    assert [(one.kind, one.choice, one.by) for one in following.noted] == []  # it was settled on the 22nd
    desk.village.clock.at = at(23, 9)
    desk.bring(desk.paid(at(22, 8)), desk.paid(at(22, 23, 58)), name="the next")
    desk.signed(D21)
    last = desk.close(date(2026, 11, 22), despite="no statement goes to midnight")
    assert isinstance(last, WalletClosed)
    assert [(one.kind, one.choice, one.by) for one in last.figures.noted] == [("missing", "lost", "Bio")]


def test_a_statement_that_comes_after_signing_is_told_in_the_next_span(desk: Desk) -> None:
    rows = [desk.paid(at(20, 8)), desk.paid(at(20, 9), 900), desk.paid(at(21, 9), 300)]
    late = desk.paid(at(20, 20), 70)
    desk.bring(rows[0], rows[1], name="the morning")
    first = desk.signed(D20, despite="the operator's page was down")
    assert listed(first) == {"ours": [(None, 70)]}
    assert first.gaps == ((at(20, 0), at(20, 8)), (at(20, 9), at(21, 0)))
    desk.bring(
        late, {"at": at(20, 21), "amount": 40, "operator_id": "U1", "payer": NEIGHBOUR}, rows[2], name="the rest"
    )
    following = desk.signed(D21, despite="no statement goes to midnight")
    assert [(one.side, one.amount_minor) for one in following.late] == [("theirs", 70), ("ours", 40), ("theirs", 40)]
    assert (following.theirs.after_minor, following.ours.after_minor) == (110, 40)
    assert (following.lists, following.rest_minor) == ((), 0)
    assert following.theirs.closing_minor == following.ours.closing_minor == 2_810
    with desk.village.store.read() as connection:
        kept = closed_span(connection, desk.tree, desk.wallet, "day", D20)
    assert kept is not None
    assert kept.figures == first


@ON_SQLITE
def test_our_books_before_the_first_statement_are_the_opening_of_ours(desk: Desk) -> None:
    desk.paid(at(18, 9), 4_000)  # and 1 000 of it were swept away before anybody kept statements
    desk.bring(desk.paid(at(20, 8)), desk.paid(at(21, 8)), name="a day", opening=3_000)
    waiting = desk.close(D20)
    assert isinstance(waiting, StillOpen)
    assert waiting.rest_minor == -1_000
    one = desk.signed(D20, despite="counted on the first day")
    assert (one.theirs.opening_minor, one.ours.opening_minor, one.rest_minor) == (3_000, 4_000, -1_000)
    desk.village.clock.at = at(23, 9)
    desk.bring(desk.paid(at(22, 8)), name="the next")
    following = desk.signed(D21)  # what was signed once isn't asked again
    assert (following.rest_minor, following.accepted_minor) == (-1_000, -1_000)
    # The statement of the time before comes after all: its lines are in the opening that was signed.
    desk.bring({"at": at(18, 9), "amount": 700, "operator_id": "B1", "payer": NEIGHBOUR}, name="before", opening=0)
    desk.village.clock.at = at(24, 9)
    desk.bring(desk.paid(at(23, 8)), name="and the next", opening=7_500)
    last = desk.close(date(2026, 11, 22), despite="it explained a part")
    assert isinstance(last, WalletClosed)
    assert (last.figures.theirs.after_minor, last.figures.ours.after_minor) == (0, 700)
    assert (last.figures.lists, last.figures.rest_minor, last.figures.theirs.untold_minor) == ((), -1_700, 0)


def test_a_month_is_signed_over_its_days_and_the_next_one_follows(desk: Desk) -> None:
    desk.village.clock.at = datetime(2026, 12, 2, 9, tzinfo=UTC)
    desk.bring(
        desk.paid(at(20, 8)),
        desk.paid(at(21, 12), 900),
        desk.paid(at(30, 23, 59), 80, theirs_at=datetime(2026, 11, 30, 23, 1, tzinfo=UTC)),
        desk.paid(datetime(2026, 12, 1, 23, 30, tzinfo=UTC), 60),
        name="weeks",
    )
    desk.signed(D20, despite="the account was opened that morning")
    desk.signed(D21)
    november, december = date(2026, 11, 1), date(2026, 12, 1)
    month = desk.signed(november, "month", despite="the account was opened in the month")
    assert (month.theirs.closing_minor, month.ours.closing_minor) == (2_400, 2_480)
    assert listed(month) == {"across": [(None, 80)]}
    for day, why in ((D21, "2026-11-21 is signed"), (date(2026, 11, 22), "is signed, with 2026-11"),
                     (date(2026, 10, 31), "lies before")):  # fmt: skip
        with pytest.raises(Fault, match=why):
            desk.close(day)
    with pytest.raises(Fault, match="2026-11 is signed"):
        desk.close(november, "month")
    first = desk.signed(december)
    assert (first.theirs.opening_minor, first.theirs.closing_minor, first.ours.closing_minor) == (2_400, 2_480, 2_480)
    with pytest.raises(Fault, match="2026-12 isn't over"):
        desk.close(december, "month")
    with desk.village.store.read() as connection:
        assert [str(one.span) for one in closed_spans(connection, desk.tree, desk.wallet)] == [
            "2026-12-01", "2026-11", "2026-11-21", "2026-11-20",
        ]  # fmt: skip


@ON_SQLITE
def test_spans_are_signed_in_order_by_somebody_once_they_are_over(desk: Desk) -> None:
    desk.bring(desk.paid(at(19, 8)), desk.paid(at(22, 8)), name="days")
    for first_on, span, by, why in (
        (date(2026, 11, 22), "day", "Bio", "isn't over"),
        (date(2026, 11, 1), "month", "Bio", "isn't over"),
        (D20, "month", "Bio", "not the first"),
        (D20, "day", " ", "who signs"),
        (D20, "day", "B" * 61, "who signs"),
    ):
        with pytest.raises(Fault, match=why):
            close_wallet(desk.village.store, desk.tree, desk.wallet, span, first_on, by)
    with pytest.raises(Fault, match="all the same"):
        desk.close(D20, despite=" ")
    desk.signed(D19, despite="first")
    with pytest.raises(Fault, match="2026-11-20 isn't signed: close it before 2026-11-21"):
        desk.close(D21)
    done = desk.close(D20, despite="not needed")
    assert isinstance(done, WalletClosed)
    assert done.despite is None


def test_of_two_who_sign_at_once_one_does(desk: Desk) -> None:
    desk.bring(desk.paid(at(20, 8)), desk.paid(at(22, 8)), name="days")

    def sign() -> bool:
        try:
            return isinstance(desk.close(D20, despite="first"), WalletClosed)
        except Fault:
            return False

    assert sorted(map(bool, at_once(3, sign))) == [False, False, True]
    with desk.village.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(wallet_close)) == 1


@ON_SQLITE
@pytest.mark.parametrize("clears", ["line", "lost", "nothing"])
def test_an_item_of_long_ago_is_listed_month_after_month_until_it_is_cleared(desk: Desk, clears: str) -> None:
    clock = desk.village.clock

    def moment(month: int, day: int) -> datetime:
        return datetime(2026, month, day, 9, tzinfo=UTC)

    clock.at = datetime(2027, 1, 5, 9, tzinfo=UTC)
    late = desk.paid(moment(8, 3), 500)
    desk.bring(
        *(desk.paid(moment(month, 2)) for month in range(8, 13)), desk.paid(moment(12, 31), 70), name="half a year"
    )
    for month in (8, 9, 10, 11):
        one = desk.signed(date(2026, month, 1), "month", despite="the operator looks for it")
        assert listed(one) == {"open": [(None, 500)]}
    if clears == "line":
        desk.bring(late, name="found at last", opening=1_500)
    elif clears == "lost":
        desk.settle("lost", "missing")
    december = desk.signed(date(2026, 12, 1), "month", despite="the last")
    assert listed(december) == ({"open": [(None, 500)]} if clears == "nothing" else {})
    # The operator's balances never had it: its line doesn't fit between them, and that is not hidden.
    assert december.rest_minor == december.theirs.untold_minor == (-500 if clears == "line" else 0)
    assert december.ours.closing_minor == desk.in_books(date(2026, 12, 31))


CASES = ("both", "fee", "missing", "unknown", "out", "sweep", "charge", "back", "midnight", "amount")


@ON_SQLITE
@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_happens_every_day_is_explained_to_the_franc(desk: Desk, seed: int) -> None:
    """Four days of everything that may differ, settled or not before a day is signed."""
    chance = random.Random(seed)
    rows: list[dict[str, object]] = [desk.paid(at(19, 0, 5), 5_000)]
    for number in range(28):
        when = at(19 + number // 7, chance.randrange(1, 23), chance.randrange(60))
        amount = chance.randrange(200, 900)
        match chance.choice(
            ["both", "fee", "missing", "unknown", "out", "sweep", "charge", "back", "midnight", "amount"]
        ):
            case "both":
                rows.append(desk.paid(when, amount))
            case "fee":
                rows.append(desk.paid(when, amount) | {"fee": 7})
            case "amount":
                rows.append(desk.paid(when, amount) | {"amount": amount - 60})
            case "missing":
                desk.paid(when, amount)
            case "unknown":
                rows.append({"at": when, "amount": amount, "operator_id": f"U{number}", "payer": NEIGHBOUR})
            case "out":
                rows.append({"at": when, "amount": -amount, "operator_id": f"O{number}", "kind": "other"})
            case "sweep":
                rows.append({"at": when, "amount": -amount, "operator_id": f"S{number}", "kind": "sweep"})
            case "charge":
                rows.append({"at": when, "amount": -9, "operator_id": f"F{number}", "kind": "fee"})
            case "back":
                one = desk.paid(when, amount)
                rows += [one, one | {"at": when + timedelta(minutes=5), "amount": -amount, "kind": "reversal"}]
            case "midnight":
                midnight = at(20 + number // 7, 0)
                rows.append(desk.paid(midnight - timedelta(minutes=1), amount, midnight + timedelta(minutes=1)))
    desk.village.clock.at = at(24, 9)
    rows.append(desk.paid(at(23, 23, 50), 100))
    desk.bring(*sorted(rows, key=lambda row: str(row["at"])), name="days")
    for day in (19, 20, 21, 22):
        one = desk.signed(date(2026, 11, day), despite="signed all the same")
        assert (one.rest_minor, one.theirs.untold_minor) == (0, 0), one.lists
        assert one.ours.closing_minor == desk.in_books(date(2026, 11, day))
        with desk.village.store.read() as connection:
            waiting = differences(connection, desk.tree)
        for each in chance.sample(waiting, min(3, len(waiting))):
            choices = [own for own in CHOICES[each.kind] if own.needs is None and own.word != "refund"]
            with desk.village.store.write() as unit:
                choice = chance.choice(choices).word
                settle(unit, desk.tree, desk.village.chart, each.number, choice, "Bio", "as they said", Given())
        desk.reconcile()


# --- for ever ---------------------------------------------------------------------------------------------------------


def test_what_is_signed_can_not_be_changed(desk: Desk) -> None:
    desk.bring(desk.paid(at(20, 8)), desk.paid(at(21, 8)), name="days")
    desk.signed(D20, despite="first")
    for statement in (wallet_close.update().values(signed_by="Awa"), wallet_close.delete()):
        with pytest.raises(DBAPIError, match="never changed"), desk.village.store.write() as unit:
            unit.connection.execute(statement)


def tampered(desk: Desk, close: int, change: Callable[[dict[str, Any]], object]) -> str:
    """What is said of a signed span while its figures are as somebody has changed them behind the program's back."""
    with desk.village.store.read() as connection:
        kept = connection.scalar(select(wallet_close.c.figures).where(wallet_close.c.id == close))
    before = json.dumps(kept)
    change(kept)
    for text in (json.dumps(kept), before):
        quoted = text.replace("'", "''")
        behind_the_back(desk.village.store, f"update wallet_close set figures = '{quoted}' where id = {close}")
        with desk.village.store.read() as connection:
            found = first_changed_close(connection, desk.tree)
        if text != before:
            said = found
    assert found is None
    return str(said)


def _more(figures: dict[str, Any]) -> None:
    """A payment more on both sides: the sums hold."""
    for side in ("theirs", "ours"):
        figures[side]["in_minor"] += 500
        figures[side]["closing_minor"] += 500


def _later(figures: dict[str, Any]) -> None:
    """The next span begins with more: the sums hold."""
    for side in ("theirs", "ours"):
        figures[side]["opening_minor"] += 500
        figures[side]["closing_minor"] += 500


@ON_SQLITE
def test_figures_changed_behind_the_program_s_back_show(desk: Desk) -> None:
    desk.bring(desk.paid(at(20, 8)), desk.paid(at(20, 23, 59), 70, at(21, 0, 1)), desk.paid(at(22, 8)), name="days")
    desk.signed(D20, despite="first")
    desk.signed(D21)
    changes: tuple[tuple[int, Callable[[dict[str, Any]], object], str], ...] = (
        (1, lambda one: one["theirs"].update(closing_minor=1), "of 2026-11-20 .* don't add up"),
        (1, lambda one: one.update(rest_minor=5), "don't add up"),
        (1, lambda one: one["lists"][0]["items"].clear(), "don't add up"),
        (1, lambda one: one["lists"][0]["items"][0].update(ours_minor=71), "don't add up"),
        (1, lambda one: one.pop("known"), "can't be read"),
        (1, _more, "of 2026-11-20 .* not those of its statements' lines"),
        (2, _later, "of 2026-11-21 .* don't begin where the span before ends"),
        (2, lambda one: one["known"].update(digest="0" * 64), "of 2026-11-21 .* of another chain"),
    )
    for close, change, why in changes:
        assert re.search(why, tampered(desk, close, change))


@ON_SQLITE
def test_a_line_changed_behind_the_program_s_back_shows(desk: Desk) -> None:
    desk.bring(desk.paid(at(20, 8)), desk.paid(at(22, 8)), name="days")
    desk.signed(D20, despite="first")
    with desk.village.store.write() as unit:
        frame = pl.read_ipc(io.BytesIO(unit.connection.scalar(select(statement_part.c.content))))
        buffer = io.BytesIO()
        frame.with_columns(amount=pl.col("amount") + 1).write_ipc(buffer, compression="zstd")
        unit.connection.execute(update(statement_part).values(content=buffer.getvalue()))
    with desk.village.store.read() as connection:
        assert "not those of its statements' lines" in str(first_changed_close(connection, desk.tree))


# --- commands ---------------------------------------------------------------------------------------------------------


@ON_SQLITE
def test_the_commands(desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = on_database_of(desk.village, monkeypatch)
    desk.paid(at(20, 10), 500)
    desk.bring(desk.paid(at(20, 8)), desk.paid(at(20, 20)), desk.paid(at(22, 8)), name="days")
    with pytest.raises(Fault) as refused:
        run("reconcile", "close", "m:mtn_momo", "2026-11-20", "--by", "Bio Sarre")
    with desk.village.store.read() as connection:
        (one,) = differences(connection, desk.tree)
    assert str(refused.value) == (
        f"m:mtn_momo 2026-11-20: differences are open: {one.number}; no statement covers (UTC) 2026-11-19 23:00:00 to "
        "2026-11-20 07:00:00: take one in, or say its days (--from, --until). Settle it, or say --despite and why"
    )
    pdf = tmp_path / "a.pdf"
    said = run(
        "reconcile", "close", "m:mtn_momo", "2026-11-20", "--by", "Bio Sarre", "--despite", "first", "--pdf", str(pdf)
    )
    assert "m:mtn_momo 2026-11-20 is signed" in said
    assert re.search(r"closing +3,000 F +3,500 F", said)
    assert re.search(r"open +1 +-500 F", said)
    run("reconcile", "close", "m:mtn_momo", "2026-11-21", "--by", "Bio Sarre")
    again = tmp_path / "b.pdf"
    run("reconcile", "paper", "m:mtn_momo", "2026-11-20", str(again))
    assert again.read_bytes() == pdf.read_bytes()
    assert again.read_bytes().startswith(b"%PDF-")
    listing = json.loads(run("reconcile", "closed", "--json"))
    assert [(row["wallet"], row["span"], row["signed_by"], row["despite"]) for row in listing] == [
        ("m:mtn_momo", "2026-11-21", "Bio Sarre", None), ("m:mtn_momo", "2026-11-20", "Bio Sarre", "first"),
    ]  # fmt: skip
    assert (listing[1]["theirs_minor"], listing[1]["ours_minor"], listing[1]["between"]) == (
        3_000,
        3_500,
        {"open": -500},
    )
    assert re.search(r"m:mtn_momo +2026-11-20 +3,000 F +3,500 F +0 F", run("reconcile", "closed"))


@ON_SQLITE
def test_what_commands_refuse(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    run = on_database_of(desk.village, monkeypatch)
    for words, why in (
        (("close", "m:mtn_momo", "2026-11-31", "--by", "Bio"), "a day is written"),
        (("close", "m:mtn_momo", "november", "--by", "Bio"), "a month is written"),
        (("close", "m:orange", "2026-11-20", "--by", "Bio"), "no wallet is named"),
        (("paper", "m:mtn_momo", "2026-11-20", "x.pdf"), "isn't signed"),
    ):
        with pytest.raises(Fault, match=why):
            run("reconcile", *words)
