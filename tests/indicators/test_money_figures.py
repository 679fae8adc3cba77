"""Recovery, ways of payment, costs and delays: as the books have them, each currency by itself, with their rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import update

from gateway.indicators.periods import Period
from gateway.kernel.money import Money
from gateway.payments.unasked.fees import post_fee
from gateway.sms.outgoing import Outgoing, queue_messages
from gateway.store.schema import message
from tests.indicators.asking import NOVEMBER, now, rows, value
from tests.payments.deeds import came, newest_key, three_families
from tests.payments.village import TREASURER, Village


def test_each_way_has_its_share_and_all_is_recovered_once(office: Village) -> None:
    home = office.register().household_id
    office.push(home, 1_500)
    office.give(home, office.treasurer, 500)
    card = office.family(home).card
    came(office, 2_000, card)
    found = now(office)
    assert (found["recovery:XOF"].numerator, found["recovery:XOF"].denominator) == (4_000, 3_900)
    assert {way: found[f"way_{way}:XOF"].value for way in ("push", "cash", "statement", "reference", "group")} == {
        "push": Fraction(3, 8),
        "cash": Fraction(1, 8),
        "statement": Fraction(1, 2),
        "reference": 0,
        "group": 0,
    }
    assert sum(row[4] for row in rows(office, "recovery") if row[1] != "Due") == 4_000  # type: ignore[misc]
    assert sum(row[4] for row in rows(office, "recovery") if row[1] == "Due") == 3_900  # type: ignore[misc]
    assert [row[4] for row in rows(office, "way_cash")] == [500]


def test_what_is_due_later_counts_later_and_what_is_past_stays(office: Village) -> None:
    home = office.register().household_id
    office.push(home, 3_900)
    then = now(office)
    assert then["recovery:XOF"].value == 1
    office.clock.move(timedelta(days=40))
    office.push(home, 1_000)
    assert now(office) == then, "a payment of January changes nothing about November"
    total = sum(now(office, Period(year))["recovery:XOF"].denominator or 0 for year in (2026, 2027))
    assert total == 12_600


def test_a_groups_share_is_the_groups(office: Village) -> None:
    from tests.payments.deeds import asked, group_of

    homes = three_families(office)
    office.confirm(asked(office, group_of(office, homes), 8_700))
    found = now(office)
    assert (found["way_group:XOF"].numerator, found["way_group:XOF"].value) == (8_700, 1)
    assert len({row[2] for row in rows(office, "way_group")}) == 3


def test_what_an_operator_takes_back_is_taken_off(office: Village) -> None:
    from gateway.payments.reversing import reverse

    home = office.register().household_id
    key = office.push(home, 1_500)
    with office.store.write() as unit:
        assert reverse(unit, office.network.tree(), key, "fraud")
    found = now(office)
    assert found["recovery:XOF"].numerator == 0
    assert found["way_push:XOF"].value == 1, "how people pay is told by what they paid"


def test_costs_are_fees_and_sms_of_their_own_currency(office: Village) -> None:
    home = office.register().household_id
    office.push(home, 10_000)
    key = newest_key(office)
    with office.store.write() as unit:
        post_fee(unit, office.network.tree(), office.chart, operator="mtn_momo", operator_id=key,
                 organisation_id=office.place.books.id, fee=Money(100, "XOF"), at=unit.now)  # fmt: skip
        for currency in ("XOF", "USD"):
            queue_messages(unit, "receipts", Outgoing("alert", TREASURER, "fr", "x", office.place.books.id, None,
                                                      currency))  # fmt: skip
            own = message.c.key == currency
            unit.connection.execute(
                update(message).where(own).values(cost_e4=120_000, cost_currency=currency, handed_at=unit.now)
            )
    found = now(office)
    assert found["cost:XOF"].value == Fraction(112, 10_000)
    assert (found["cost:USD"].value, found["cost:USD"].numerator) == (None, 120_000)
    assert sorted((row[1], row[3], row[4]) for row in rows(office, "cost")) == [
        ("Operator's fee", 100, "XOF"),
        ("SMS", Decimal(12), "USD"),
        ("SMS", Decimal(12), "XOF"),
    ]


def test_how_long_payments_take_to_count(office: Village) -> None:
    home = office.register().household_id
    assert now(office)["pay_to_cover_median"].value is None
    for minutes in (1, 5, 30):
        key = office.pay(home, 300)
        office.clock.move(timedelta(minutes=minutes))
        office.confirm(key)
    office.give(home, office.treasurer, 100)  # counts at once, and is no wait
    # Paid three days ago, and seen in a statement only now.
    came(office, 600, office.family(home).card, paid_at=office.clock.now() - timedelta(days=5))
    found = now(office)
    assert found["pay_to_cover_median"].denominator == 4
    assert found["pay_to_cover_median"].value == Fraction(5, 60)
    assert found["pay_to_cover_p90"].value == 5 * 24
    assert sorted(row[4] for row in rows(office, "pay_to_cover_p90"))[:3] == [1, 5, 30]  # type: ignore[type-var]


def test_complaints_are_answered_by_the_end_of_the_month_or_not(office: Village) -> None:
    from gateway.membership.requests import file_complaint
    from gateway.sms.complaints import answer_complaint

    numbers = []
    with office.store.write() as unit:
        for text in ("one", "two", "three"):
            own = office.place.books.id
            numbers.append(file_complaint(unit, own, None, "+2290150000001", "fr", "other", text))
    for number, days in zip(numbers, (2, 20), strict=False):
        office.clock.move(timedelta(days=days))
        with office.store.write() as unit:
            answer_complaint(unit, number, "Bio", "Yes")
    found = now(office)
    assert (found["complaints_answered"].numerator, found["complaints_answered"].denominator) == (1, 3)
    assert found["complaint_days_median"].value == 2
    assert [row[3] for row in rows(office, "complaints_answered")] == [2, None, None]
    assert value(office, "complaints_answered", Period(2026)) == Fraction(2, 3)


def test_a_month_is_of_the_places_own_clock(office: Village) -> None:
    office.clock.at = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)  # an hour later there: November
    from gateway.membership.requests import file_complaint

    with office.store.write() as unit:
        file_complaint(unit, office.place.books.id, None, "+2290150000001", "fr", "other", "x")
    assert now(office)["complaints_answered"].denominator == 1
    assert now(office, NOVEMBER.before)["complaints_answered"].denominator == 0
