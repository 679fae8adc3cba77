"""Large money on suspense takes two people, whoever it is for; who decided what is reported by person and month."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from gateway.kernel.faults import Fault
from gateway.kernel.money import EXPONENT
from gateway.payments.decisions.cases import open_cases
from gateway.payments.payers.groups import BadGroup
from gateway.payments.push.limits import largest_alone, largest_payment
from gateway.payments.refunds import NoRefund, Refund, approve, ask_refund
from gateway.payments.unasked.assigning import (
    PostedForGroup,
    Proposed,
    Waiting,
    approve_assignment,
    assign,
    assign_to_group,
    drop_assignment,
    waiting,
)
from gateway.payments.unasked.declarations import Declared, declare
from gateway.payments.unasked.incoming import Posted
from gateway.payments.unasked.suspense import NotAssigned, held
from gateway.store.schema import assignment, money_case
from tests.payments.commands import on_database_of
from tests.payments.deeds import group_of, on_suspense
from tests.payments.village import NEIGHBOUR, ON_SQLITE, YEAR_DUE, Village, at_once, found, francs

ONE, OTHER = "Bio Sarre", "Fati Bawa"
MOST = largest_alone("XOF").minor


def assigned(office: Village, its_id: int, home: int, by: str = ONE) -> Posted | Proposed | NotAssigned:
    with office.store.write() as unit:
        return assign(unit, office.network.tree(), office.chart, its_id, office.family(home), by, "showed the SMS")


def approved(office: Village, its_id: int, by: str = OTHER) -> Posted | PostedForGroup | NotAssigned:
    with office.store.write() as unit:
        return approve_assignment(unit, office.network.tree(), office.chart, its_id, by)


def dropped(office: Village, its_id: int, by: str, reason: str = "it is another's") -> NotAssigned | None:
    with office.store.write() as unit:
        return drop_assignment(unit, its_id, by, reason)


def asked(office: Village) -> list[Waiting]:
    with office.store.read() as connection:
        return waiting(connection)


def kept(office: Village) -> list[tuple[str, str | None, str]]:
    with office.store.read() as connection:
        rows = connection.execute(select(assignment).order_by(assignment.c.id)).all()
    return [(row.asked_by, row.decided_by, row.state) for row in rows]


def test_every_currency_has_its_amount() -> None:
    for currency in EXPONENT:
        assert 0 < largest_alone(currency).minor < largest_payment(currency).minor


def test_up_to_the_amount_one_person_decides_and_it_is_kept(office: Village, home: int) -> None:
    assert isinstance(assigned(office, on_suspense(office, MOST), home), Posted)
    assert office.stands(home).left == francs(0)
    assert kept(office) == [(ONE, None, "done")]
    assert asked(office) == []


def test_above_it_another_person_approves(office: Village, home: int) -> None:
    its_id = on_suspense(office, MOST + 1)
    before = office.balance()
    assert assigned(office, its_id, home) == Proposed(its_id)
    assert (office.balance(), office.told("receipt")) == (before, [])
    [one] = asked(office)
    assert (one.whose, one.asked_by, one.amount) == (office.family(home).card, ONE, francs(MOST + 1))
    for same in (" sarré  BIO", "biosarre", "Bio S-arré"):
        assert approved(office, its_id, same) == NotAssigned("same-person"), same
    assert approved(office, its_id, " ") == NotAssigned("no-reason")
    assert isinstance(approved(office, its_id), Posted)
    assert office.stands(home).left == francs(0)
    assert "suspense" not in office.balance()
    assert kept(office) == [(ONE, OTHER, "done")]
    assert approved(office, its_id) == assigned(office, its_id, home) == NotAssigned("gone")
    with office.store.read() as connection:
        [closed] = connection.execute(select(money_case.c.closed_by, money_case.c.note)).all()
    assert tuple(closed) == (OTHER, f"{ONE}: showed the SMS")


@pytest.mark.parametrize(("by", "state"), [(ONE, "dropped"), (OTHER, "refused")])
def test_what_is_not_approved_stays_on_suspense(office: Village, home: int, by: str, state: str) -> None:
    its_id = on_suspense(office, MOST + 1)
    assigned(office, its_id, home)
    assert dropped(office, its_id, by, " ") == NotAssigned("no-reason")
    assert dropped(office, its_id, by) is None
    assert dropped(office, its_id, by) == approved(office, its_id) == NotAssigned("gone")
    assert kept(office) == [(ONE, by, state)]
    with office.store.read() as connection:
        assert [one.id for one in held(connection, office.network.tree())] == [its_id]
        assert [one.kind for one in open_cases(connection)] == ["unknown-payer"]
    assert assigned(office, its_id, home, OTHER) == Proposed(its_id)
    assert isinstance(approved(office, its_id, ONE), Posted)


def test_while_it_waits_nothing_else_becomes_of_the_money(office: Village, home: int) -> None:
    its_id, friend = on_suspense(office, MOST + 1, NEIGHBOUR), office.register(NEIGHBOUR).household_id
    assigned(office, its_id, home)
    assert assigned(office, its_id, friend, OTHER) == NotAssigned("pending")
    tree = office.network.tree()
    with office.store.write() as unit:
        no = ask_refund(unit, tree, incoming_id=its_id, amount=francs(MOST + 1), reason="x", by=OTHER)
    assert no == NoRefund("assigned")
    with office.store.read() as connection:
        [number] = [one.number for one in held(connection, tree)]
    with office.store.write() as unit:
        said = declare(unit, tree, office.chart, office.family(friend), NEIGHBOUR, "fr", number)
    assert isinstance(said, Declared)
    assert office.stands(friend).left == francs(YEAR_DUE)


def test_what_is_being_given_back_is_not_assigned(office: Village, home: int) -> None:
    its_id = on_suspense(office, MOST + 1)
    with office.store.write() as unit:
        ask_refund(unit, office.network.tree(), incoming_id=its_id, amount=francs(MOST + 1), reason="x", by=ONE)
    assert assigned(office, its_id, home) == NotAssigned("refund")
    assert kept(office) == []


def test_of_many_at_once_one_is_written_and_one_approval_counts(office: Village, home: int) -> None:
    its_id = on_suspense(office, MOST + 1)
    answers = at_once(4, lambda: assigned(office, its_id, home))
    assert sorted(map(str, answers)) == sorted(map(str, [Proposed(its_id)] + [NotAssigned("pending")] * 3))
    answers = at_once(4, lambda: approved(office, its_id))
    assert sorted(type(one).__name__ for one in answers) == ["NotAssigned"] * 3 + ["Posted"]
    assert office.balance()["wallet"] == MOST + 1


def test_approving_and_dropping_at_once_is_one_of_the_two(office: Village, home: int) -> None:
    its_id = on_suspense(office, MOST + 1)
    assigned(office, its_id, home)
    turns = itertools.count()
    answers = at_once(2, lambda: approved(office, its_id) if next(turns) else dropped(office, its_id, OTHER))
    [(_, _, state)] = kept(office)
    assert ("suspense" in office.balance()) == (state == "refused")
    assert NotAssigned("gone") in answers


def test_the_database_refuses_one_person_alone(office: Village, home: int) -> None:
    assigned(office, on_suspense(office, MOST + 1), home)
    with pytest.raises(IntegrityError), office.store.write() as unit:
        unit.connection.execute(assignment.update().values(state="done", decided_by=ONE))


# A group's money


def test_what_a_group_paid_follows_the_same_rule(office: Village, home: int) -> None:
    other = office.register(NEIGHBOUR).household_id
    group, its_id = group_of(office, (home, other), "equal"), on_suspense(office, MOST + 2)
    tree = office.network.tree()
    with office.store.write() as unit:
        said = assign_to_group(unit, tree, office.chart, its_id, group, ONE, "their list")
    assert said == Proposed(its_id)
    assert [one.whose for one in asked(office)] == ["coop"]
    assert approved(office, its_id, ONE) == NotAssigned("same-person")
    with pytest.raises(BadGroup, match="another person decides about first"):
        group_of(office, [other], "equal")  # what is approved is what was proposed
    done = approved(office, its_id)
    assert isinstance(done, PostedForGroup)
    assert [amount.minor for _, _, amount in done.shares] == [MOST // 2 + 1] * 2
    assert "suspense" not in office.balance()
    assert kept(office) == [(ONE, OTHER, "done")]
    assert group_of(office, [other], "equal") == group


# Commands


@ON_SQLITE
def test_the_office_proposes_approves_and_drops(office: Village, home: int, monkeypatch: pytest.MonkeyPatch) -> None:
    run = on_database_of(office, monkeypatch)
    on_suspense(office, MOST + 1)
    card = office.family(home).card
    [one] = json.loads(run("incoming", "list", "--json"))
    number = one["number"]
    assert one["waits_for_approval"] is None
    propose = ("incoming", "assign", number, card, "--by", ONE, "--reason", "showed the SMS")
    assert "another person has to approve" in run(*propose)
    [one] = json.loads(run("incoming", "list", "--json"))
    assert (one["waits_for_approval"]["whose"], one["waits_for_approval"]["asked_by"]) == (card, ONE)
    assert f"{ONE} says that it is of {card}" in run("incoming", "list")
    with pytest.raises(Fault, match="it takes two"):
        run("incoming", "approve", number, "--by", ONE)
    with pytest.raises(Fault, match="somebody has said whose this is"):
        run(*propose)
    with pytest.raises(Fault, match="another person decides that first"):
        run("refunds", "ask", "--incoming", number, "--amount", str(MOST + 1), "--by", OTHER, "--reason", "x")
    assert "identified again" in run("incoming", "drop", number, "--by", OTHER, "--reason", "no SMS")
    run(*propose)
    assert "counted: receipt" in run("incoming", "approve", number, "--by", OTHER)
    assert json.loads(run("incoming", "list", "--json")) == []


def test_the_month_by_person(office: Village, home: int, monkeypatch: pytest.MonkeyPatch) -> None:
    run = on_database_of(office, monkeypatch)
    found(office.store, office.network, code="n", treasurer="+2290100000905")

    def told(*words: str, month: str = "2026-11") -> set[tuple[str, str, int, str]]:
        report = json.loads(run("report", "decisions", "--month", month, *words, "--json"))
        return {
            (one["by"], one["what"], one["count"], " ".join(str(each["amount_minor"]) for each in one["amounts"]))
            for one in report["decisions"]
        }

    assigned(office, on_suspense(office, 1_000), home)
    assigned(office, on_suspense(office, 500), home, "sarre BIO")
    large = on_suspense(office, MOST + 1)
    assigned(office, large, home)
    dropped(office, large, OTHER)
    assigned(office, large, home)
    approved(office, large)
    key = office.push(home, 2_000)
    with office.store.write() as unit:
        one = ask_refund(unit, office.network.tree(), collection_key=key, amount=francs(300), reason="x", by=ONE)
        assert isinstance(one, Refund)
        approve(unit, one.number, OTHER)
    expected = {
        (ONE, "assigned", 2, "1500"),
        (ONE, "assignment-asked", 2, f"{2 * (MOST + 1)}"),
        (OTHER, "assignment-refused", 1, f"{MOST + 1}"),
        (OTHER, "assignment-approved", 1, f"{MOST + 1}"),
        (ONE, "refund-asked", 1, "300"),
        (OTHER, "refund-approved", 1, "300"),
    }
    assert told() == told("--under", "m") == expected
    assert told("--under", "n") == told(month="2026-10") == told(month="2026-12") == set()
    assert "assignment-approved" in run("report", "decisions", "--month", "2026-11")
    # The month begins where the mutuelle is, an hour before it does in London.
    office.clock.at = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    assigned(office, on_suspense(office, 700), home)
    assert (ONE, "assigned", 1, "700") in told("--under", "m", month="2027-01")
    assert told(month="2026-12") == set()
