"""The report counts what each person decided once, under its own word, with the amount that was decided."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from gateway.payments.collections import by_key
from gateway.payments.decisions.cases import Case, close_case, open_case
from gateway.payments.decisions.deciding import ALL, Part, Verdict, settle_case
from gateway.payments.decisions.report import decisions
from gateway.payments.payers.group_money import shares_of
from gateway.payments.refunds import Refund, approve, ask_refund, paid
from gateway.payments.reversing import reverse
from gateway.payments.unasked.assigning import assign
from gateway.payments.unasked.incoming import Posted, Suspense
from tests.payments.commands import on_database_of
from tests.payments.deeds import asked, came, cases_of, group_of, on_suspense, taken_back
from tests.payments.village import ON_SQLITE, Village, francs

ONE, OTHER = "Bio Sarre", "Fati Bawa"
Row = tuple[str, str, int | None, str]


def told(office: Village) -> list[Row]:
    """Who did what, of which amount, and why."""
    now = office.clock.now()
    with office.store.read() as connection:
        found = decisions(connection, now - timedelta(days=10), now + timedelta(days=1))
    return [(one.by, one.what, one.amount.minor if one.amount else None, one.reason) for one in found]


def conflict(office: Village, key: str) -> str:
    """The operator says "failed" of what it said was paid; the number of the case."""
    with office.store.write() as unit:
        one = by_key(unit.connection, key)
        assert one is not None
        open_case(unit, "conflict", one.organisation_id, one.id, None, "FAILED", f"conflict:{key}")
    return cases_of(office)[-1].number


def settle(office: Village, number: str, verdict: Verdict, part: Part = ALL) -> None:
    office.clock.move(timedelta(minutes=5))
    with office.store.write() as unit:
        done = settle_case(unit, office.network.tree(), number, verdict, ONE, "support said so", part)
        assert isinstance(done, Case), done


def close(office: Village, case: Case, note: str = "seen") -> None:
    office.clock.move(timedelta(minutes=5))
    with office.store.write() as unit:
        assert close_case(unit, case.id, ONE, note)


# Settled


@pytest.mark.parametrize(
    ("verdict", "part", "amount"),
    [("reversed", Part(francs(1_000)), 1_000), ("reversed", ALL, 2_900), ("keep", ALL, 2_900)],
    ids=["a part", "all", "kept"],
)
def test_a_settled_case_counts_once_with_what_was_decided(
    office: Village, home: int, verdict: Verdict, part: Part, amount: int
) -> None:
    settle(office, conflict(office, office.push(home, 2_900)), verdict, part)
    assert told(office) == [(ONE, "case-settled", amount, f"{verdict}: support said so")]


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "a share"])
def test_of_a_groups_payment_what_was_taken_back_counts(office: Village, home: int, whole: bool) -> None:
    homes = (home, office.register("+2290100000102").household_id)
    key = asked(office, group_of(office, homes, "equal"), 3_000)
    office.confirm(key)
    with office.store.read() as connection:
        _, second = shares_of(connection, office.shown(key))
    settle(office, conflict(office, key), "reversed", ALL if whole else Part(francs(400), second.key))
    assert told(office) == [(ONE, "case-settled", 3_000 if whole else 400, "reversed: support said so")]


def test_what_leaves_suspense_by_a_settled_case_counts_once(office: Village, home: int) -> None:
    taken_back(office, "9000001", francs(500))
    answer = came(office, reference=office.family(home).card, operator_id="9000001")
    assert isinstance(answer, Suspense)
    with office.store.write() as unit:
        open_case(unit, "unknown-payer", office.place.books.id, None, answer.incoming_id, "x", "another")
    number = next(one.number for one in cases_of(office) if one.kind == "reversed" and one.incoming_id)
    settle(office, number, "reversed")
    assert told(office) == [(ONE, "case-settled", 2_000, "reversed: support said so")]


# Closed by hand


def test_two_cases_of_one_payment_that_a_person_closes_are_two_decisions(office: Village, home: int) -> None:
    """An operator's own taking back opens the first: it is of what was taken."""
    key = office.push(home, 2_000)
    with office.store.write() as unit:
        assert reverse(unit, office.network.tree(), key, "REVERSED", francs(500), "R1")
    settle(office, conflict(office, key), "reversed")  # the rest; and what it opened itself isn't counted
    (first,) = cases_of(office)
    close(office, first)
    assert told(office) == [
        (ONE, "case-settled", 1_500, "reversed: support said so"),
        (ONE, "case-closed", 500, "seen"),
    ]


# Assigned, given back


def test_what_is_assigned_or_given_back_closes_its_cases_and_counts_once(office: Village, home: int) -> None:
    first, second = on_suspense(office, 1_000), on_suspense(office, 700)
    tree = office.network.tree()
    office.clock.move(timedelta(minutes=5))
    with office.store.write() as unit:
        assert isinstance(assign(unit, tree, office.chart, first, office.family(home), ONE, "asked them"), Posted)
    office.clock.move(timedelta(minutes=5))
    with office.store.write() as unit:
        one = ask_refund(unit, tree, incoming_id=second, amount=francs(700), reason="a stranger's", by=ONE)
        assert isinstance(one, Refund)
        approve(unit, one.number, OTHER)
    office.clock.move(timedelta(minutes=5))
    with office.store.write() as unit:
        assert isinstance(paid(unit, tree, office.chart, one.number, "MP26.1234"), Refund)
    assert cases_of(office) == []
    assert told(office) == [
        (ONE, "assigned", 1_000, "asked them"),
        (ONE, "refund-asked", 700, "a stranger's"),
        (OTHER, "refund-approved", 700, "a stranger's"),
    ]


# The command


@ON_SQLITE
def test_the_command_sums_by_person_and_tells_each(office: Village, home: int, monkeypatch: pytest.MonkeyPatch) -> None:
    run = on_database_of(office, monkeypatch)
    settle(office, conflict(office, office.push(home, 2_900)), "reversed", Part(francs(1_000)))
    report = json.loads(run("report", "decisions", "--month", "2026-11", "--json"))
    assert report["decisions"] == [
        {"by": ONE, "what": "case-settled", "count": 1, "amounts": [{"amount_minor": 1_000, "currency": "XOF"}]}
    ]
    assert report["single"] == [
        {
            "at": office.clock.now().isoformat(),
            "by": ONE,
            "what": "case-settled",
            "amount_minor": 1_000,
            "currency": "XOF",
            "reason": "reversed: support said so",
        }
    ]
    assert "case-settled          1  1,000 F" in run("report", "decisions", "--month", "2026-11")
