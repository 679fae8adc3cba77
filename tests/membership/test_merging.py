"""Two households that are one family: money, people and phones go to one card, and the books stay right."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, insert, select, update

from gateway.kernel.faults import Fault
from gateway.ledger.accounts import first_difference, statement_of
from gateway.ledger.chain import Holds, seal_all, verify_chain
from gateway.ledger.rules import position
from gateway.membership import family, penalties
from gateway.membership.arrears import in_section_due
from gateway.membership.changes import By
from gateway.membership.dues import Terms
from gateway.membership.everyone import everyone
from gateway.membership.households import Household, Registered, by_card, by_phone, newest, phones_of
from gateway.membership.merging import Merged, merge, same_people
from gateway.membership.people import Person
from gateway.membership.recomputing import first_wrong_due
from gateway.membership.rules import State
from gateway.membership.searching import find
from gateway.network.report import network_report
from gateway.payments.states import State as Paying
from gateway.sms.campaigns.who import Who, next_batch
from gateway.store.schema import beneficiary, collection, household_change, line, name_key, pin, plan
from tests.membership import test_recomputing as history
from tests.membership.money import put_money
from tests.membership.test_cover import TERMS as ANY_TERMS
from tests.payments.village import FAMILY, NEIGHBOUR, ON_SQLITE, PAYER, YEAR_DUE, Village, found, francs

TODAY = date(2026, 11, 22)
BY = By(None, name="Bio Sarre")
OTHERS = (
    Person("Alassane Orou", "M", 1970, "head"),
    Person("Bana Orou", "F", 1975, "spouse"),
)


def on(village: Village, day: date) -> None:
    village.clock.move(day - village.clock.now().date())


def twins(village: Village, more: tuple[Person, ...] = ()) -> tuple[Registered, Registered]:
    """One family on two cards, spelled alike and from two phones."""
    return village.register(PAYER), village.register(NEIGHBOUR, (*FAMILY, *more))


def do(
    village: Village, stays: int, goes: int, *, twice: bool = True, same: dict[int, int] | None = None
) -> Merged:  # fmt: skip
    with village.store.write() as unit:
        one, other = village.family(stays), village.family(goes)
        pairs = same_people(unit.connection, one, other) if same is None else same
        tree = village.network.tree()
        return merge(unit, tree, village.chart, one, other, pairs, BY, registered_twice=twice)


def is_right(village: Village) -> None:
    """The books net, are sealed, and hold what plans and stories say."""
    seal_all(village.store)
    with village.store.read() as connection:
        assert first_difference(connection) is None
        assert first_wrong_due(connection) is None
        assert isinstance(verify_chain(connection), Holds)


def owned(village: Village, household_id: int) -> dict[str, int]:
    from gateway.store.schema import account

    with village.store.read() as connection:
        rows = connection.execute(
            select(account.c.role, func.sum(line.c.amount_minor))
            .join(line, line.c.account_id == account.c.id)
            .where(line.c.household_id == household_id, account.c.role.in_(("receivable", "advance")))
            .group_by(account.c.role)
        ).all()
    return {role: int(amount) for role, amount in rows if amount}


def test_a_family_registered_twice_has_paid_on_the_other_card(village: Village) -> None:
    one, other = twins(village)
    put_money(village, other.household_id, YEAR_DUE, TODAY)
    on(village, date(2027, 3, 1))
    assert village.stands(other.household_id).cover.state is State.ACTIVE
    assert village.stands(one.household_id).cover.state is State.UNPAID
    done = do(village, one.household_id, other.household_id)
    assert (done.moved, done.cancelled, done.added, done.phones) == (francs(YEAR_DUE), francs(YEAR_DUE), (), 1)
    stands = village.stands(one.household_id)
    # They paid in November, for the family: nobody waits anew.
    assert (stands.cover.state, stands.left, stands.advance) == (State.ACTIVE, francs(0), francs(0))
    assert owned(village, other.household_id) == {}
    assert owned(village, one.household_id) == {}
    is_right(village)


def test_what_one_card_had_is_reached_by_either(village: Village) -> None:
    one, other = twins(village)
    with village.store.write() as unit:
        unit.connection.execute(
            insert(pin).values(holder=f"h:{other.household_id}", hash="x", first=False, set_at=unit.now)
        )
    do(village, one.household_id, other.household_id)
    tree = village.network.tree()
    with village.store.read() as connection:
        old = by_card(connection, tree, other.card)
        assert old is not None
        assert (old.id, old.card, old.pin) == (one.household_id, one.card, False)
        assert [each.id for each in by_phone(connection, tree, NEIGHBOUR)] == [one.household_id]
        assert {each.msisdn for each in phones_of(connection, one.household_id)} == {PAYER, NEIGHBOUR}
        assert connection.scalar(select(func.count()).select_from(pin).where(pin.c.holder.like("h:%"))) == 0
        changes = connection.execute(select(household_change).order_by(household_change.c.id)).all()
        assert {(row.household_id, row.kind, row.note) for row in changes} >= {
            (other.household_id, "merged", one.card), (one.household_id, "took-in", other.card),
        }  # fmt: skip
        again = find(connection, tree, other.card)
    assert [(each.household_id, each.why) for each in again.found] == [(one.household_id, "old-card")]
    is_right(village)


def test_nobody_counts_the_card_that_is_gone(village: Village) -> None:
    one, other = twins(village)
    do(village, one.household_id, other.household_id)
    tree = village.network.tree()
    books = village.place.books
    with village.store.read() as connection:
        assert [each.household_id for each in everyone(connection, tree, TODAY)] == [one.household_id]
        assert [each.id for each in newest(connection, tree, "/", 9)] == [one.household_id]
        report = network_report(connection, tree, books, 2026)
        assert report.total.now.households == 1
        batch = next_batch(connection, tree, Who(under=books.code), TODAY, 0)
        assert batch is not None
        assert set(batch.sections) == {one.household_id}
        due = in_section_due(connection, [village.place.section_id], TODAY, 9)
        assert [each.card for each in due] == [one.card]
        keys = set(connection.scalars(select(name_key.c.household_id)))
        assert keys == {one.household_id}
        assert [each.household_id for each in find(connection, tree, "adjara").found] == [one.household_id]
    assert sum(penalties.posting(village.store, village.network, village.chart)) == 0


def test_who_is_not_on_the_card_yet_joins_and_is_paid_for_by_what_came_along(village: Village) -> None:
    one, other = twins(village, (Person("Sani Tchédré", "M", 2020, "child"),))
    put_money(village, one.household_id, YEAR_DUE, TODAY)
    put_money(village, other.household_id, YEAR_DUE + 2_400, TODAY)
    on(village, date(2027, 3, 1))
    done = do(village, one.household_id, other.household_id)
    assert done.added == ("Sani Tchédré",)
    stands = village.stands(one.household_id)
    assert stands.cover.state is State.ACTIVE
    assert stands.left == francs(0)
    assert not stands.unpaid
    # What came less nine months of one more.
    assert stands.advance == francs(YEAR_DUE + 2_400 - 1_800)
    with village.store.read() as connection:
        added = connection.execute(
            select(beneficiary).where(
                beneficiary.c.household_id == one.household_id, beneficiary.c.name == "Sani Tchédré"
            )
        ).one()
    assert (added.relation, added.covered_from) == ("child", None)  # he had waited on the other card
    is_right(village)


def test_two_families_come_together(village: Village) -> None:
    one, other = village.register(PAYER), village.register(NEIGHBOUR, OTHERS)
    put_money(village, one.household_id, YEAR_DUE, TODAY)
    put_money(village, other.household_id, 7_800, TODAY)  # all of their year
    on(village, date(2027, 3, 1))
    before = village.stands(other.household_id)
    assert before.left == francs(0)
    done = do(village, one.household_id, other.household_id, twice=False)
    # Two quarters were due by March; the others come along and pay for nine months of two people.
    assert (done.cancelled, done.moved) == (francs(3_400), francs(3_400))
    stands = village.stands(one.household_id)
    assert (stands.cover.state, stands.left) == (State.ACTIVE, francs(200))
    assert len(done.added) == 2
    is_right(village)


def test_who_owes_for_days_that_are_past_pays_first_or_was_registered_twice(village: Village) -> None:
    one, other = village.register(PAYER), village.register(NEIGHBOUR, OTHERS)
    on(village, date(2027, 3, 1))
    with pytest.raises(Fault, match="still owes"):
        do(village, one.household_id, other.household_id, twice=False)
    do(village, one.household_id, other.household_id)
    is_right(village)


@pytest.mark.parametrize("state", ["created", "sending", "pending", "unclear"])
@ON_SQLITE
def test_not_while_a_payment_is_on_its_way(village: Village, state: str) -> None:
    one, other = twins(village)
    village.pay(other.household_id, payer=NEIGHBOUR)
    with village.store.write() as unit:
        unit.connection.execute(update(collection).values(state=state))
    with pytest.raises(Fault, match="is on its way"):
        do(village, one.household_id, other.household_id)


def test_money_that_comes_late_for_the_old_card_is_the_familys(village: Village) -> None:
    one, other = twins(village)
    key = village.pay(other.household_id, 1_500, NEIGHBOUR)
    with village.store.write() as unit:
        unit.connection.execute(update(collection).values(state=Paying.EXPIRED.value))
    do(village, one.household_id, other.household_id)
    from gateway.payments.providers.base import Paid
    from gateway.payments.settle import post_paid

    with village.store.write() as unit:
        paid = Paid(francs(1_500), "op-1", NEIGHBOUR, "SUCCESSFUL", None)
        assert post_paid(unit, village.network.tree(), village.chart, key, paid)
    assert village.stands(one.household_id).left == francs(YEAR_DUE - 1_500)
    is_right(village)


def test_cash_that_is_corrected_afterwards_is_taken_from_where_it_is(village: Village) -> None:
    from gateway.payments.cash_corrections import CashCorrected, correct_cash

    one, other = twins(village)
    animator = village.hire("animator")
    village.give(other.household_id, animator, 1_500)
    do(village, one.household_id, other.household_id)
    assert village.stands(one.household_id).left == francs(YEAR_DUE - 1_500)
    with village.store.read() as connection:
        key = connection.scalar(select(collection.c.key))
    with village.store.write() as unit:
        tree = village.network.tree()
        done = correct_cash(unit, tree, village.chart, str(key), "Bio Sarre", "not hers", village.treasurer)
    assert isinstance(done, CashCorrected)
    assert done.card == one.card
    assert village.stands(one.household_id).left == francs(YEAR_DUE)
    is_right(village)


@ON_SQLITE
def test_refused_with_a_clear_line(village: Village) -> None:
    one, other = twins(village)
    with pytest.raises(Fault, match="one household"):
        do(village, one.household_id, one.household_id)
    with pytest.raises(Fault, match="who is whom"):
        do(village, one.household_id, other.household_id, same={99: 98})
    do(village, one.household_id, other.household_id)
    third = village.register("+2290100000103", OTHERS)
    with pytest.raises(Fault, match="merged before"):
        do(village, third.household_id, other.household_id)
    with pytest.raises(Fault, match="merged before"):
        do(village, other.household_id, third.household_id)


@ON_SQLITE
def test_not_with_a_household_of_another_mutuelle(village: Village) -> None:
    one, here = village.register(PAYER), village.place
    village.place = found(village.store, village.network, code="elsewhere", treasurer="+2290100000903")
    other = village.register(NEIGHBOUR)
    village.place = here
    with pytest.raises(Fault, match="different mutuelles"):
        do(village, one.household_id, other.household_id)


@ON_SQLITE
def test_not_while_money_is_given_back(village: Village) -> None:
    from gateway.payments.refunds import Refund, ask_refund

    one, other = twins(village)
    key = village.push(other.household_id)
    with village.store.write() as unit:
        asked = ask_refund(
            unit, village.network.tree(), collection_key=key, amount=francs(500), reason="wrong", by="Bio"
        )
    assert isinstance(asked, Refund)
    with pytest.raises(Fault, match="being given back"):
        do(village, one.household_id, other.household_id)


@ON_SQLITE
def test_the_card_that_runs_is_the_one_that_stays(village: Village) -> None:
    one = village.register(PAYER)
    on(village, date(2028, 3, 1))
    other = village.register(NEIGHBOUR)
    with pytest.raises(Fault, match="the other way round"):
        do(village, one.household_id, other.household_id)
    put_money(village, one.household_id, 2_000, TODAY)  # of a year that is over, and never was paid
    do(village, other.household_id, one.household_id)
    assert village.stands(other.household_id).left == francs(YEAR_DUE - 2_000)
    is_right(village)


def test_merged_again_the_first_card_leads_to_the_last(village: Village) -> None:
    one, other = twins(village)
    third = village.register("+2290100000103", OTHERS)
    do(village, one.household_id, other.household_id)
    do(village, third.household_id, one.household_id)
    tree = village.network.tree()
    with village.store.read() as connection:
        cards: list[Household | None] = [by_card(connection, tree, each.card) for each in (one, other, third)]
    assert [each.id for each in cards if each is not None] == [third.household_id] * 3
    is_right(village)


@ON_SQLITE
def test_penalties_and_those_who_joined_go_too(village: Village) -> None:
    with village.store.write() as unit:
        unit.connection.execute(plan.update().values(penalty_percent=10))
    one, other = twins(village)
    put_money(village, other.household_id, 3_900, TODAY)
    on(village, date(2027, 3, 25))
    with village.store.write() as unit:
        person = Person("Sani Tchédré", "M", 1990, "other")
        tree, of = village.network.tree(), village.family(other.household_id)
        family.add(unit, tree, village.chart, of, person, "arrival", date(2027, 3, 25), BY)
    assert penalties.bring(village.store, village.network, village.chart, other.household_id) == 1
    done = do(village, one.household_id, other.household_id)
    assert done.moved == francs(3_900)
    assert owned(village, other.household_id) == {}
    is_right(village)


STEPS = (history.pay, history.join, history.remove, history.renew, history.categorise, history.leave, history.penalise)


@ON_SQLITE
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], phases=[Phase.generate]
)  # fmt: skip
@given(
    terms=ANY_TERMS,
    percent=st.sampled_from([0, 33, 100]),
    steps=st.lists(st.tuples(st.booleans(), st.sampled_from(STEPS), st.integers(0, 5_000)), max_size=9),
    twice=st.booleans(),
)
def test_after_any_history_the_books_are_right_and_no_franc_is_lost(
    village: Village, terms: Terms, percent: int, steps: list[tuple[bool, Any, int]], twice: bool
) -> None:
    one = history.set_up(village, terms, percent, None, True)
    other = replace(one, household_id=village.register(None, other_people(one.household_id)).household_id)
    for mine, step, amount in steps:
        step(one if mine else other, amount)
    with village.store.read() as connection:
        money = _money(connection, one.household_id, other.household_id)
    try:
        do(village, one.household_id, other.household_id, twice=twice, same={})
    except Fault as why:
        refused = str(why)
    else:
        refused = ""
    event("refused" if refused else "merged")
    assert not refused or any(word in refused for word in ("still owes", "other way round", "no room")), refused
    if refused:
        return
    with village.store.read() as connection:
        assert first_difference(connection) is None
        assert first_wrong_due(connection) is None
        assert _money(connection, one.household_id, other.household_id) == money
        lines = statement_of(connection, other.household_id)
        left = position(lines.dues, lines.credits)
    assert (left.left_minor, left.advance_minor) == (0, 0)


def other_people(number: int) -> tuple[Person, ...]:
    return tuple(replace(each, name=f"{each.name} {number}") for each in OTHERS)


def _money(connection: Connection, *household_ids: int) -> int:
    return sum(
        credit.amount_minor for its_id in household_ids for credit in statement_of(connection, its_id).credits
    )  # fmt: skip
