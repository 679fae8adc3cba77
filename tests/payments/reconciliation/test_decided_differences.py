"""The report of decisions tells of settled differences by person, each once, whatever cases it closed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.payments.decisions.report import by_person, decisions
from gateway.payments.reconciliation.differences.settling import Asked, Settled, drop
from tests.payments.reconciliation.differing import (
    LARGE,
    ONE,
    OTHER,
    agree,
    choose,
    missing,
    settled,
    take_up,
    unknown,
)
from tests.payments.village import ON_SQLITE, Village


def told(office: Village) -> list[tuple[str, str, int | None, str]]:
    now = office.clock.now()
    with office.store.read() as connection:
        found = decisions(connection, now - timedelta(days=10), now + timedelta(days=1))
    return [(one.by, one.what, one.amount.minor if one.amount else None, one.reason) for one in found]


@pytest.mark.parametrize("choice", ["reverse", "lost", "confirmed"])
def test_a_settled_difference_counts_once(office: Village, home: int, choice: str) -> None:
    number = missing(office, home)
    settled(office, number, choice)
    row = (ONE, "difference-settled", 1_500, f"missing, {choice}: as agreed")
    assert told(office) == [row]
    assert isinstance(take_up(office, number, by=OTHER), Settled)
    assert told(office) == [row, (OTHER, "difference-undone", 1_500, f"missing, {choice}: a mistake")]


def test_two_people_are_two_decisions(office: Village, home: int) -> None:
    number = missing(office, home, LARGE)
    assert isinstance(choose(office, number, "lost"), Asked)
    with office.store.write() as unit:
        assert drop(unit, number, ONE, "no") is None
    assert isinstance(choose(office, number, "lost"), Asked)
    assert isinstance(agree(office, number), Settled)
    assert [row[:3] for row in told(office)] == [
        (ONE, "difference-asked", LARGE),
        (ONE, "difference-dropped", LARGE),
        (ONE, "difference-asked", LARGE),
        (OTHER, "difference-approved", LARGE),
    ]


@ON_SQLITE
@pytest.mark.parametrize(("choice", "what"), [("assign", "assigned"), ("refund", "refund-asked")])
def test_what_is_told_of_elsewhere_counts_once(office: Village, home: int, choice: str, what: str) -> None:
    given = {"card": office.family(home).card} if choice == "assign" else {}
    settled(office, unknown(office), choice, **given)
    assert [row[:3] for row in told(office)] == [(ONE, what, 2_000)]


@ON_SQLITE
def test_what_the_gateway_settles_is_nobodys_decision(office: Village, home: int) -> None:
    settled(office, missing(office, home), "confirmed")
    unknown(office)
    now = office.clock.now()
    with office.store.read() as connection:
        found = by_person(decisions(connection, now - timedelta(days=10), now + timedelta(days=1)))
    assert [(one.by, one.what, one.count) for one in found] == [(ONE, "difference-settled", 1)]
