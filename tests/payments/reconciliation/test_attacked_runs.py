"""Runs that are broken off, overtaken, or fed with what nobody expects: nothing is lost, and nothing counts twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from gateway.kernel.clock import FixedClock
from gateway.kernel.money import Money
from gateway.network.organisations import Network, add_organisation
from gateway.payments.collections import by_key, move
from gateway.payments.providers.base import Paid
from gateway.payments.reconciliation import running
from gateway.payments.reconciliation.differences.listing import Difference, differences
from gateway.payments.reconciliation.kept import Kept, state_of_matches
from gateway.payments.reconciliation.running import reconcile
from gateway.payments.reconciliation.taking_in import take_in
from gateway.payments.reconciliation.wallets import Wallet, open_wallet
from gateway.payments.refunds import Refund, approve, ask_refund
from gateway.payments.refunds import paid as refund_paid
from gateway.payments.settle import post_paid
from gateway.payments.statements.hints import Hints
from gateway.payments.statements.lines import BadStatement
from gateway.payments.states import State
from gateway.payments.unasked.incoming import Seen
from gateway.store.schema import collection, difference, statement_part
from gateway.store.unit import Store
from tests.payments.deeds import PAYS, group_of, three_families
from tests.payments.deeds import asked as asked_group
from tests.payments.reconciliation.differing import settled, take_up
from tests.payments.statements.writers import csv, movements, mtn_momo, with_balances
from tests.payments.village import NEIGHBOUR, ON_SQLITE, PAYER, Village, at_once, found, francs

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
HINTS = Hints("XOF", "BJ", "Africa/Porto-Novo")
Row = Mapping[str, object]


def its_wallet(office: Village, whose: str = "m") -> Wallet:
    with office.store.write() as unit:
        return open_wallet(unit, office.network.tree().named(whose), "mtn_momo", "wallet")


def comes(office: Village, folder: Path, *rows: Row, opening: int = 10_000, whose: str = "m") -> Kept:
    file = folder / f"{len(list(folder.iterdir()))}.csv"
    file.write_bytes(csv(mtn_momo(with_balances(movements(list(rows)), opening))))
    done = take_in(office.store, office.network.tree(), its_wallet(office, whose), file, HINTS, "Awa")
    assert isinstance(done, Kept)
    return done


def run(office: Village, whose: str = "m") -> None:
    reconcile(office.store, office.network.tree(), office.chart, its_wallet(office, whose))


def told(office: Village) -> list[Difference]:
    with office.store.read() as connection:
        return differences(connection, office.network.tree(), every=True)[::-1]


def kinds(office: Village) -> list[tuple[str, str | None, str]]:
    return [(one.kind, one.operator_id, one.state) for one in told(office)]


def unmatched(office: Village) -> int:
    with office.store.read() as connection:
        return sum(connection.scalars(select(statement_part.c.left)))


def paid(office: Village, home: int, minutes: int, amount: int = 1_500) -> dict[str, object]:
    at = NOW - timedelta(minutes=minutes)
    return {"at": at, "amount": amount, "operator_id": f"op-{office.push(home, amount, at)}", "payer": PAYER}


def confirmed(office: Village, key: str, amount: int, number: str) -> None:
    """The operator says that it was paid, under its number as it writes it."""
    with office.store.write() as unit:
        one = by_key(unit.connection, key, lock=True)
        assert one is not None
        move(unit, one, State.SENDING)
        told_of = Paid(francs(amount), number, PAYER, "ok", NOW)
        assert post_paid(unit, office.network.tree(), office.chart, key, told_of)


def mixed(office: Village, home: int) -> list[Row]:
    """Lines of every sort."""
    rows = [paid(office, home, 600 - minutes) | {"fee": 5} for minutes in range(6)]
    at = NOW - timedelta(minutes=500)
    rows[1]["amount"] = 1_400
    twice = rows[2] | {"at": at}
    back = {"at": at, "amount": -1_500, "kind": "reversal", "operator_id": rows[3]["operator_id"]}
    came = {"at": at, "amount": 700, "operator_id": "U00001", "payer": NEIGHBOUR}
    named = {"at": at, "amount": 800, "operator_id": "C00001", "reference": office.family(home).card, "payer": PAYER}
    out = {"at": at, "amount": -200, "kind": "other", "operator_id": "O00001"}
    sweep = {"at": at, "amount": -300, "kind": "sweep", "operator_id": "S00001"}
    was_late = {"at": at, "amount": 1_100, "operator_id": "L00001", "payer": PAYER}
    paid(office, home, 550)  # missing
    was_late["our_id"] = office.pay(home, 1_100)
    return [*rows, twice, back, came, named, out, sweep, was_late]


def whole(office: Village) -> object:
    """What came of a run, whatever it was broken off at."""
    found_ones = sorted((kind, state, choice or "") for kind, state, choice in
                        ((one.kind, one.state, one.choice) for one in told(office)))  # fmt: skip
    return found_ones, office.balance(), unmatched(office)


STEPS = ["_late", "_write_found", "_keep", "_rule", "_fees", "_write_left", "not_shown", "look_again"]


@ON_SQLITE
def test_a_run_that_is_broken_off_anywhere_is_gone_on_with(
    store: Store, network: Network, clock: FixedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Village(store, network, clock, found(store, network))
    home = office.register().household_id
    comes(office, tmp_path, *mixed(office, home))
    clock.move(timedelta(days=2))
    # After each step, and in the middle of posting.
    for step in STEPS:
        with monkeypatch.context() as broken:
            broken.setattr(running._Run, step, _stops_after(getattr(running._Run, step)))
            with pytest.raises(_Killed):
                run(office)
        if step == "_keep":
            with monkeypatch.context() as broken:
                broken.setattr(running.Rules, "settle", _stops_after(running.Rules.settle))
                with pytest.raises(_Killed):
                    run(office)
    run(office)
    assert kinds_of(whole(office)) == [
        ("amount", "open"), ("late", "settled"), ("missing", "open"), ("out", "open"), ("reversed", "settled"),
        ("twice", "open"), ("unknown", "open"),
    ]  # fmt: skip
    assert office.balance()["wallet"] == 7 * 1_500 - 1_500 + 700 + 800 + 1_100 - 200 - 300 - 7 * 5
    assert office.balance()["fees"] == 7 * 5
    assert unmatched(office) == 1  # the second of a number


def kinds_of(told_of: Any) -> list[tuple[str, str]]:
    return [(kind, state) for kind, state, _ in told_of[0]]


class _Killed(BaseException):
    pass


def _stops_after(step: Callable[..., Any]) -> Callable[..., Any]:
    def do(*given: Any, **named: Any) -> Any:
        step(*given, **named)
        raise _Killed

    return do


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_runs_at_once_do_what_one_does(store: Store, network: Network, clock: FixedClock, tmp_path: Path) -> None:
    office = Village(store, network, clock, found(store, network))
    home = office.register().household_id
    rows = mixed(office, home)
    comes(office, tmp_path, *rows[:7])
    comes(office, tmp_path, *rows[7:], opening=50_000)
    clock.move(timedelta(days=2))
    at_once(3, lambda: run(office))
    run(office)
    assert kinds_of(whole(office)) == [
        ("amount", "open"), ("late", "settled"), ("missing", "open"), ("out", "open"), ("reversed", "settled"),
        ("twice", "open"), ("unknown", "open"),
    ]  # fmt: skip
    assert office.balance()["wallet"] == 7 * 1_500 - 1_500 + 700 + 800 + 1_100 - 200 - 300 - 7 * 5
    with store.read() as connection:
        assert [row[2] for row in state_of_matches(connection, its_wallet(office).id)] == [1, 0]


@ON_SQLITE
def test_what_is_matched_meanwhile_makes_a_run_begin_again(
    office: Village, home: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comes(office, tmp_path, paid(office, home, 60), paid(office, home, 30))
    matched, others = running.match, []

    def overtaken(*given: Any) -> Any:
        if not others:
            others.append(1)
            run(office)
        return matched(*given)

    monkeypatch.setattr(running, "match", overtaken)
    run(office)
    assert (unmatched(office), told(office)) == (0, [])


@ON_SQLITE
def test_a_payment_that_its_operator_confirms_between_matching_and_rules_is_matched(
    office: Village, home: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.clock.at = NOW - timedelta(hours=2)
    key = office.pay(home, 1_000)
    office.clock.at = NOW + timedelta(days=2)
    comes(office, tmp_path, {"at": NOW, "amount": 1_000, "operator_id": "PP261122.1000.A00073", "payer": PAYER})
    rule = running._Run._rule

    def confirmed_first(*given: Any) -> Any:
        confirmed(office, key, 1_000, "PP261122.1000.A00073")
        return rule(*given)

    monkeypatch.setattr(running._Run, "_rule", confirmed_first)
    run(office)
    assert (unmatched(office), told(office), office.balance()["wallet"]) == (0, [], 1_000)


@ON_SQLITE
def test_a_payment_of_another_week_by_its_own_time_is_matched_by_its_number(
    office: Village, home: int, tmp_path: Path
) -> None:
    confirmed(office, office.pay(home, 1_500), 1_500, "PP261122.1000.A00074")
    row = {"at": NOW, "amount": 1_500, "operator_id": "PP261122.1000.A00074", "payer": PAYER}
    with office.store.write() as unit:
        unit.connection.execute(update(collection).values(paid_at=NOW - timedelta(days=30)))
    comes(office, tmp_path, row)
    run(office)
    assert (unmatched(office), told(office)) == (0, [])


@ON_SQLITE
def test_one_number_in_two_wallets_is_told_of_and_settled(
    store: Store, network: Network, clock: FixedClock, tmp_path: Path
) -> None:
    office = Village(store, network, clock, found(store, network))
    found(store, network, code="n", treasurer="+2290100000903")
    row = {"at": NOW, "amount": 700, "operator_id": "U00001", "payer": NEIGHBOUR}
    for whose in ("m", "n"):
        comes(office, tmp_path, row, whose=whose, opening=500 if whose == "m" else 0)
        run(office, whose)
    assert kinds(office) == [("unknown", "U00001", "open"), ("twice", "U00001", "open")]
    number = told(office)[1].number
    for _ in range(2):
        settled(office, number, "two")
        assert office.balance()["wallet"] == 1_400
        run(office, "n")
        assert (unmatched(office), told(office)[1].state) == (0, "settled")
        take_up(office, number)
    run(office, "n")
    assert [(one.kind, one.state) for one in told(office)][1:] == [("twice", "open")]


@ON_SQLITE
def test_a_number_with_separators_is_one_number_everywhere(office: Village, home: int, tmp_path: Path) -> None:
    confirmed(office, office.pay(home, 1_000), 1_000, "MP260709.1341.A00073")
    late = office.pay(home, 900)
    rows = [
        {"at": NOW, "amount": 1_000, "operator_id": "MP260709.1341.A00073", "payer": PAYER},
        {"at": NOW, "amount": 900, "operator_id": "MP260709.1341.A00074", "payer": PAYER, "our_id": late},
        {"at": NOW, "amount": 800, "operator_id": "MP260709.1341.A00075", "payer": PAYER,
         "reference": office.family(home).card},
    ]  # fmt: skip
    backs = [
        {"at": NOW + timedelta(minutes=5), "amount": -each["amount"], "kind": "reversal",
         "operator_id": each["operator_id"]}
        for each in rows
    ]  # fmt: skip
    comes(office, tmp_path, *rows)
    run(office)
    for each in rows:
        amount = francs(int(str(each["amount"])))
        office.see(Seen("mtn_momo", str(each["operator_id"]), office.place.books.id, amount, PAYER, None, NOW))
    assert office.balance()["wallet"] == 2_700
    assert [one.kind for one in told(office)] == ["late"]
    comes(office, tmp_path, *backs, opening=50_000)
    run(office)
    assert office.balance().get("wallet", 0) == 0
    assert (
        sorted((one.kind, one.state) for one in told(office)) == [("late", "settled")] + [("reversed", "settled")] * 3
    )


def test_what_is_longer_than_we_keep_stops_no_run(office: Village, home: int, tmp_path: Path) -> None:
    numbers = ["9" * 300 + end for end in ("1", "2")]
    base = {"at": NOW, "reference": "x" * 2_000}
    rows = [base | {"amount": amount, "operator_id": each, "kind": kind}
            for each, amount, kind in ((numbers[0], 700, "payment"), (numbers[0] + "7", -200, "other"),
                                       (numbers[1] + "7", -300, "other"), (numbers[1], -50, "reversal"))]  # fmt: skip
    with pytest.raises(BadStatement, match="row 2: a transaction's number has more than 40"):
        comes(office, tmp_path, *rows)
    comes(office, tmp_path, *(row | {"operator_id": f"{row['operator_id']}"[-40:]} for row in rows))
    run(office)
    assert office.balance()["wallet"] == 700 - 500


@ON_SQLITE
def test_money_of_another_mutuelles_card_waits_for_a_person(
    store: Store, network: Network, clock: FixedClock, tmp_path: Path
) -> None:
    office = Village(store, network, clock, found(store, network))
    other = Village(store, network, clock, found(store, network, code="n", treasurer="+2290100000903"))
    card = other.family(other.register().household_id).card
    comes(office, tmp_path, {"at": NOW, "amount": 700, "operator_id": "U00001", "reference": card})
    run(office)
    assert kinds(office) == [("unknown", "U00001", "open")]


@ON_SQLITE
def test_a_line_of_tomorrow_is_matched_when_it_may_be(office: Village, home: int, tmp_path: Path) -> None:
    row = paid(office, home, 0) | {"at": NOW + timedelta(hours=14)}
    comes(office, tmp_path, row)
    run(office)
    office.clock.move(timedelta(days=3))
    run(office)
    assert (unmatched(office), told(office)) == (0, [])


@ON_SQLITE
@pytest.mark.parametrize("amount", [10**12 + 1, 10**18])
def test_an_amount_that_no_wallet_holds_is_refused_with_its_row(office: Village, tmp_path: Path, amount: int) -> None:
    with pytest.raises(BadStatement, match="row 2"):
        comes(office, tmp_path, {"at": NOW, "amount": amount, "operator_id": "U00001"}, opening=0)


@ON_SQLITE
def test_no_name_of_the_statement_stands_in_a_difference(office: Village, home: int, tmp_path: Path) -> None:
    comes(office, tmp_path, *mixed(office, home))
    office.clock.move(timedelta(days=2))
    run(office)
    with office.store.read() as connection:
        rows = connection.execute(select(difference)).all()
    assert rows
    assert "Aline" not in repr(rows)
    assert PAYER not in repr(rows)
    assert PAYER.removeprefix("+") not in repr(rows)


@ON_SQLITE
@pytest.mark.parametrize("ours_had", [1_400, 1_700])
def test_what_the_operator_corrects_leaves_nothing_unexplained(
    office: Village, home: int, tmp_path: Path, ours_had: int
) -> None:
    comes(office, tmp_path, paid(office, home, 60) | {"amount": ours_had})
    run(office)
    settled(office, told(office)[0].number, "ours")
    by = 1_500 - ours_had
    kind = "payment" if by > 0 else "other"
    comes(office, tmp_path, {"at": NOW, "amount": by, "kind": kind, "operator_id": "K00001"}, opening=0)
    run(office)
    settled(office, told(office)[1].number, "correction" if by > 0 else "keep")
    assert (office.balance()["wallet"], office.balance().get("unexplained", 0)) == (1_500, 0)
    assert "suspense" not in office.balance()
    office.clock.move(timedelta(days=2))
    run(office)
    assert [one.state for one in told(office)] == ["settled", "settled"]
    assert unmatched(office) == 0


@ON_SQLITE
def test_a_refund_by_hand_is_its_line_and_one_that_is_reversed_comes_as_money(
    office: Village, home: int, tmp_path: Path
) -> None:
    row = paid(office, home, 60)
    key = str(row["operator_id"]).removeprefix("op-")
    given_back(office, "RF0001", collection_key=key)
    back = {"at": NOW, "amount": -1_500, "kind": "refund", "operator_id": "RF0001", "payer": PAYER}
    undone = {"at": NOW + timedelta(minutes=3), "amount": 1_500, "kind": "reversal", "operator_id": "RF0001"}
    comes(office, tmp_path, row, back)
    run(office)
    assert (unmatched(office), told(office)) == (0, [])
    comes(office, tmp_path, undone, opening=0)
    run(office)
    assert kinds(office) == [("unknown", "RF0001", "open")]
    assert office.balance()["wallet"] == 1_500
    office.clock.move(timedelta(days=2))
    run(office)
    assert kinds(office) == [("unknown", "RF0001", "open")]


@ON_SQLITE
def test_a_refund_that_no_line_shows_is_missing(office: Village, home: int, tmp_path: Path) -> None:
    row = paid(office, home, 180)
    office.clock.move(timedelta(hours=3))
    given_back(office, "RF0001", collection_key=str(row["operator_id"]).removeprefix("op-"))
    comes(office, tmp_path, row, {"at": NOW + timedelta(hours=9), "amount": -1, "kind": "sweep", "operator_id": "S1"})
    office.clock.move(timedelta(days=3))
    run(office)
    assert [(one.kind, one.refund_id) for one in told(office)] == [("missing", 1)]


def given_back(office: Village, number: str, **of: Any) -> None:
    tree = office.network.tree()
    with office.store.write() as unit:
        asked = ask_refund(unit, tree, amount=francs(1_500), reason="moved away", by="Awa", **of)
        assert isinstance(asked, Refund), asked
        assert isinstance(approve(unit, asked.number, "Fati Bawa"), Refund)
        assert isinstance(refund_paid(unit, tree, office.chart, asked.number, number), Refund)


@ON_SQLITE
def test_a_groups_payment_is_one_line_and_taken_back_as_one(office: Village, tmp_path: Path) -> None:
    group = group_of(office, three_families(office))
    key = asked_group(office, group, 3_000)
    confirmed(office, key, 3_000, "G00001")
    line = {"at": NOW, "amount": 3_000, "operator_id": "G00001", "payer": PAYS}
    comes(office, tmp_path, line)
    run(office)
    assert (unmatched(office), told(office)) == (0, [])
    office.clock.move(timedelta(days=1))
    comes(office, tmp_path, {"at": NOW + timedelta(days=1), "amount": -3_000, "kind": "reversal",
                             "operator_id": "G00001"}, opening=0)  # fmt: skip
    run(office)
    assert office.balance().get("wallet", 0) == 0
    office.clock.move(timedelta(days=3))
    run(office)
    assert kinds(office) == [("reversed", "G00001", "settled")]
    assert unmatched(office) == 0


@ON_SQLITE
def test_a_payment_in_another_currency_is_no_movement_of_this_wallet(
    office: Village, home: int, tmp_path: Path
) -> None:
    key = office.pay(home, 1_000)
    with office.store.write() as unit:
        one = by_key(unit.connection, key, lock=True)
        assert one is not None
        move(unit, one, State.SENDING)
        in_euros = Paid(Money(1_000, "EUR"), "E00001", PAYER, "ok", NOW)
        assert post_paid(unit, office.network.tree(), office.chart, key, in_euros)
    comes(office, tmp_path, {"at": NOW, "amount": 1_000, "operator_id": "E00001", "payer": PAYER})
    run(office)
    # The operator says francs now: the same number, and not the same money.
    assert kinds(office) == [("amount", "E00001", "open")]


@ON_SQLITE
def test_a_wallet_within_a_wallet_has_its_own_movements(
    store: Store, network: Network, clock: FixedClock, tmp_path: Path
) -> None:
    with store.write() as unit:
        above = add_organisation(unit, None, kind="union", code="u", name="Union", country="BJ", currency="XOF",
                                 time_zone="Africa/Porto-Novo", languages="fr", keeps_books=True)  # fmt: skip
    network.forget()
    office = Village(store, network, clock, found(store, network, above=above))
    home = office.register().household_id
    first = paid(office, home, 600)
    comes(office, tmp_path, first, whose="u")
    run(office, "u")
    assert (unmatched(office), told(office)) == (0, [])
    second = paid(office, home, 300)
    comes(office, tmp_path, second, {"at": NOW, "amount": -1, "kind": "sweep", "operator_id": "S1"}, whose="m")
    clock.move(timedelta(days=3))
    run(office, "m")
    run(office, "u")
    assert (unmatched(office), told(office)) == (0, [])


@ON_SQLITE
def test_a_statement_of_a_time_before_the_books_is_taken_in(office: Village, home: int, tmp_path: Path) -> None:
    long_ago = NOW - timedelta(days=2_000)
    comes(office, tmp_path, {"at": long_ago, "amount": 700, "operator_id": "U00001"})
    run(office)
    assert kinds(office) == [("unknown", "U00001", "open")]
    assert office.balance()["wallet"] == 700


@ON_SQLITE
def test_what_is_told_of_after_its_statement_was_done_with_is_missing(
    office: Village, home: int, tmp_path: Path
) -> None:
    comes(office, tmp_path, paid(office, home, 300), paid(office, home, 1))
    office.clock.move(timedelta(days=2))
    run(office)
    at = NOW - timedelta(minutes=100)
    seen = Seen("mtn_momo", "F00001", office.place.books.id, francs(900), PAYER, office.family(home).card, at)
    office.clock.move(timedelta(minutes=1))
    office.see(seen)
    run(office)
    assert kinds(office) == [("missing", "F00001", "open")]
    run(office)
    assert kinds(office) == [("missing", "F00001", "open")]
