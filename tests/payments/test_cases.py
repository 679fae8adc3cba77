"""What a person must decide is a case, once; what an operator takes back counts no more, in parts and any order."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from gateway.kernel.card import show_card
from gateway.kernel.faults import Fault
from gateway.kernel.money import BadAmount, Money
from gateway.payments.collections import by_key, move
from gateway.payments.decisions import cases
from gateway.payments.decisions.cases import (
    KINDS,
    NEXT_STEPS,
    Case,
    close_case,
    close_cases_of,
    escalate,
    open_case,
    undecided,
)
from gateway.payments.decisions.deciding import ALL, NotSettled, Part, Verdict, settle_case
from gateway.payments.payers.group_money import shares_of
from gateway.payments.providers.base import Paid
from gateway.payments.reversing import reverse
from gateway.payments.settle import post_paid
from gateway.payments.states import State
from gateway.payments.takings import takings
from gateway.payments.unasked.assigning import assign
from gateway.payments.unasked.incoming import Posted, Suspense
from gateway.payments.unasked.taken_back import LeftToPerson, TakenBack
from gateway.store.schema import collection, incoming, money_case
from tests.payments.commands import Run, on_database_of
from tests.payments.deeds import asked, came, cases_of, group_of, kinds, taken_back
from tests.payments.village import ON_SQLITE, PAYER, TREASURER, YEAR_DUE, Village, found, francs


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, office: Village) -> Run:
    return on_database_of(office, monkeypatch)


# Once, and by whom


def test_a_case_is_opened_once_and_closed_once(office: Village) -> None:
    books = office.place.books
    with office.store.write() as unit:
        first = open_case(unit, "conflict", books.id, None, None, "FAILED for +2290100000101", "conflict:1")
        assert open_case(unit, "conflict", books.id, None, None, "again", "conflict:1") == first
        other = open_case(unit, "twin", books.id, None, None, "x", "twin:1")
    assert [(one.id, one.kind) for one in cases_of(office)] == [(first, "conflict"), (other, "twin")]
    assert "0100000101" not in cases_of(office)[0].said
    with office.store.write() as unit:
        assert close_case(unit, first, "Bio Sarre", "the operator was wrong")
        assert not close_case(unit, first, "Bio Sarre", "again")
        assert not close_case(unit, 9_999, "Bio Sarre", "none")
    assert kinds(office) == ["twin"]
    with office.store.write() as unit:  # what is closed isn't opened again by the same event
        assert open_case(unit, "conflict", books.id, None, None, "again", "conflict:1") == first
    assert kinds(office) == ["twin"]


def test_cases_are_listed_for_a_part_of_the_network(office: Village) -> None:
    elsewhere = found(office.store, office.network, code="n", treasurer="+2290100000905").books
    with office.store.write() as unit:
        for place in (office.place.books, elsewhere):
            open_case(unit, "twin", place.id, None, None, "x", f"twin:{place.id}")
        assert close_cases_of(unit, 1, "x", "y") == 0
    assert [one.organisation_id for one in cases_of(office, elsewhere.path)] == [elsewhere.id]
    assert len(cases_of(office)) == 2


def test_every_kind_fits_its_column() -> None:
    kind, key = money_case.c.kind.type.length, money_case.c.key.type.length  # type: ignore[attr-defined]
    assert all(len(word) <= kind and len(word) + 1 + 36 <= key for word in KINDS)


# What operators answer differently


def test_another_amount_or_currency_is_posted_and_shown(office: Village, home: int) -> None:
    for paid in (francs(100), Money(2_000, "BIF")):
        office.clock.move(timedelta(hours=1))
        key = office.pay(home, 2_000)
        with office.store.write() as unit:
            one = by_key(unit.connection, key, lock=True)
            assert one is not None
            move(unit, one, State.SENDING)
            answer = Paid(paid, f"op-{key}", PAYER, "SUCCESSFUL", None)
            assert post_paid(unit, office.network.tree(), office.chart, key, answer)
    assert kinds(office) == ["amount", "currency"]
    assert office.balance()["wallet"] == 100
    assert office.balance("BIF") == {"wallet": 2_000, "suspense": -2_000}


# What nobody decides


def test_what_stays_undecided_becomes_a_case_after_an_hour_a_day_and_three(office: Village, home: int) -> None:
    key = office.pay(home)
    with office.store.write() as unit:
        one = by_key(unit.connection, key, lock=True)
        assert one is not None
        move(unit, one, State.SENDING)
    told = []
    for hours in (0.9, 0.2, 22, 1, 47, 1):
        office.clock.move(timedelta(hours=hours))
        escalate(office.store)
        escalate(office.store)
        told.append(kinds(office))
    steps = ["undecided-1h", "undecided-24h", "undecided-72h"]
    assert told == [[], steps[:1], steps[:1], steps[:2], steps[:2], steps]
    with office.store.write() as unit:
        answer = Paid(francs(1_500), "op-1", PAYER, "SUCCESSFUL", None)
        post_paid(unit, office.network.tree(), office.chart, key, answer)
    escalate(office.store)
    assert kinds(office) == []
    with office.store.read() as connection:
        assert set(connection.scalars(select(money_case.c.closed_by))) == {cases.GATEWAY}


def test_the_undecided_are_listed_with_age_and_next_step(office: Village, home: int) -> None:
    other = office.register("+2290100000102").household_id
    keys = [office.pay(home), office.pay(other)]
    with office.store.write() as unit:
        one = by_key(unit.connection, keys[1], lock=True)
        assert one is not None
        move(unit, one, State.SENDING)
        one = by_key(unit.connection, keys[1], lock=True)
        assert one is not None
        move(unit, one, State.UNCLEAR, "no-answer")

    def shown(older_than: timedelta = timedelta(0)) -> list[tuple[str, str, timedelta]]:
        with office.store.read() as connection:
            now = office.clock.now()
            return [(one.collection.key, one.reason, one.age) for one in undecided(connection, now, older_than)]

    office.clock.move(timedelta(minutes=20))
    assert shown() == [(keys[0], "created", timedelta(minutes=20)), (keys[1], "no-answer", timedelta(minutes=20))]
    assert shown(timedelta(minutes=30)) == []
    with office.store.write() as unit:
        for key, reason in zip(keys, ("never_sent", "no_answer"), strict=True):
            unit.connection.execute(
                update(collection).where(collection.c.key == key).values(state="expired", reason=reason)
            )
    assert [key for key, *_ in shown()] == keys[1:]  # the first was never sent: that is an answer
    office.clock.move(timedelta(days=4))
    escalate(office.store)
    last = cases_of(office)[-1]
    assert last.kind == "undecided-72h"
    with office.store.write() as unit:
        close_case(unit, last.id, "Bio Sarre", "the operator's support knows nothing of it")
    assert shown() == []


@ON_SQLITE
def test_the_command_tells_what_comes_next(office: Village, home: int, run: Run) -> None:
    key = office.pay(home)
    with office.store.write() as unit:  # the command asks the machine's clock
        unit.connection.execute(update(collection).values(created_at=datetime.now(UTC) - timedelta(hours=80)))
    [one] = json.loads(run("collections", "undecided", "--json"))
    assert (one["key"], one["state"]) == (key, "created")
    assert one["age_s"] >= 80 * 3600
    assert "ask the operator's support" in run("collections", "undecided", "--hours", "72")
    assert json.loads(run("collections", "undecided", "--hours", "100", "--json")) == []


# What an operator takes back


def parts_of(office: Village, key: str, *parts: tuple[int, str]) -> list[bool]:
    done = []
    for amount, reversal_id in parts:
        with office.store.write() as unit:
            done.append(reverse(unit, office.network.tree(), key, "REVERSAL", francs(amount), reversal_id))
    return done


def test_a_part_that_is_taken_back_counts_no_more_and_the_members_are_told(office: Village, home: int) -> None:
    key = office.push(home, YEAR_DUE + 500)
    assert parts_of(office, key, (300, "R1"), (300, "R1"), (700, "R2")) == [True, False, True]
    # The surplus goes first, then what it paid.
    assert office.balance()["wallet"] == YEAR_DUE - 500
    assert "advance" not in office.balance()
    assert office.stands(home).left == francs(500)
    assert office.shown(key).state is State.PAID
    assert kinds(office) == ["reversed", "reversed"]
    assert office.told("reversed") == [("reversed", PAYER)] * 2 + [("reversed", TREASURER)] * 2
    with pytest.raises(BadAmount):
        parts_of(office, key, (YEAR_DUE, "R3"))
    with pytest.raises(BadAmount):
        parts_of(office, key, (0, "R3"))
    assert parts_of(office, key, (YEAR_DUE - 500, "R3")) == [True]
    assert office.shown(key).state is State.REVERSED
    assert office.stands(home).left == francs(YEAR_DUE)
    assert "wallet" not in office.balance()
    with office.store.read() as connection:
        day = office.clock.now().date()
        taken = takings(connection, office.network.tree(), office.place.books.id, day).rows
    assert taken == (("push", 1, francs(YEAR_DUE + 500)), ("reversed", 3, francs(-YEAR_DUE - 500)))


def test_what_was_identified_and_is_taken_back_leaves_the_wallet_not_suspense(office: Village, home: int) -> None:
    answer = came(office, operator_id="9000001")
    assert isinstance(answer, Suspense)
    with office.store.write() as unit:
        family = office.family(home)
        done = assign(unit, office.network.tree(), office.chart, answer.incoming_id, family, "Bio Sarre", "asked")
    assert isinstance(done, Posted)
    assert taken_back(office, "9000001") == TakenBack(True)
    assert taken_back(office, "9000001") == TakenBack(False)
    assert office.balance() == {"receivable": YEAR_DUE, "income": -YEAR_DUE}


def test_money_on_suspense_that_is_taken_back_is_gone(office: Village, home: int) -> None:
    answer = came(office, operator_id="9000001")
    assert isinstance(answer, Suspense)
    assert isinstance(taken_back(office, "9000001", francs(500)), LeftToPerson)  # a part: a person decides
    assert taken_back(office, "9000001") == TakenBack(True)
    assert taken_back(office, "9000001") == TakenBack(False)
    assert office.balance() == {"receivable": YEAR_DUE, "income": -YEAR_DUE}
    assert kinds(office) == []
    with office.store.read() as connection:
        assert connection.scalar(select(incoming.c.state)) == "returned"


def test_a_push_is_taken_back_by_the_operators_number(office: Village, home: int) -> None:
    key = office.push(home, 2_000)
    assert taken_back(office, f"op-{key}", francs(500)) == TakenBack(True)
    assert office.balance()["wallet"] == 1_500


def test_a_reversal_that_is_told_of_before_what_it_reverses(office: Village, home: int) -> None:
    """C3: the money then counts for nobody, though its reference names a card."""
    assert isinstance(taken_back(office, "9000001"), LeftToPerson)
    assert isinstance(taken_back(office, "9000001"), LeftToPerson)
    assert kinds(office) == ["reversed"]
    assert isinstance(came(office, reference=office.family(home).card, operator_id="9000001"), Suspense)
    assert office.stands(home).left == francs(YEAR_DUE)
    assert taken_back(office, "9000001") == TakenBack(True)
    assert kinds(office) == []
    assert office.balance() == {"receivable": YEAR_DUE, "income": -YEAR_DUE}
    assert isinstance(came(office, reference=office.family(home).card, operator_id="9000002"), Posted)


# What a person says of it


def conflict(office: Village, key: str) -> str:
    """The operator says "failed" of what it said was paid; the number of the case."""
    with office.store.write() as unit:
        one = by_key(unit.connection, key)
        assert one is not None
        open_case(unit, "conflict", one.organisation_id, one.id, None, "FAILED", f"conflict:{key}")
    return cases_of(office)[-1].number


def settled(
    office: Village,
    number: str,
    verdict: Verdict,
    by: str = "Fati Bawa",
    reason: str = "support said so",
    part: Part = ALL,
) -> Case | NotSettled:
    with office.store.write() as unit:
        return settle_case(unit, office.network.tree(), number, verdict, by, reason, part)


def decisions_kept(office: Village) -> list[tuple[str, str | None, str | None]]:
    with office.store.read() as connection:
        rows = connection.execute(select(money_case).order_by(money_case.c.id)).all()
    return [(row.kind, row.closed_by, row.note) for row in rows]


def test_a_conflict_that_a_person_settles_as_reversed_is_booked_and_told(office: Village, home: int) -> None:
    """B7."""
    key = office.push(home, 2_000)
    number = conflict(office, key)
    assert settled(office, number, "reversed", by=" ") == NotSettled("no-reason")
    assert office.balance()["wallet"] == 2_000
    assert isinstance(settled(office, number, "reversed"), Case)
    assert "wallet" not in office.balance()
    assert office.stands(home).left == francs(YEAR_DUE)
    assert office.shown(key).state is State.REVERSED
    assert office.told("reversed") == [("reversed", PAYER), ("reversed", TREASURER)]
    assert decisions_kept(office) == [
        ("conflict", "Fati Bawa", "reversed: support said so"),
        ("reversed", "Fati Bawa", "support said so"),
    ]
    assert settled(office, number, "reversed") == settled(office, number, "keep") == NotSettled("gone")


def test_a_conflict_that_a_person_settles_as_kept_moves_nothing(office: Village, home: int) -> None:
    key = office.push(home, 2_000)
    number = conflict(office, key)
    before = (office.entries(), office.messages())
    assert isinstance(settled(office, number, "keep"), Case)
    assert (office.entries(), office.messages(), kinds(office)) == (*before, [])
    assert decisions_kept(office) == [("conflict", "Fati Bawa", "keep: support said so")]


def test_what_is_booked_as_taken_back_is_not_booked_twice_nor_kept(office: Village, home: int) -> None:
    """C3: the operator's own reversals, in parts."""
    key = office.push(home, 2_000)
    parts_of(office, key, (500, "R1"))
    [part] = cases_of(office)
    assert settled(office, part.number, "keep") == NotSettled("booked")
    assert isinstance(settled(office, part.number, "reversed"), Case)
    assert office.balance()["wallet"] == 1_500
    number = conflict(office, key)
    assert parts_of(office, key, (1_500, "R2")) == [True]
    assert settled(office, number, "keep") == NotSettled("booked")
    assert isinstance(settled(office, number, "reversed"), Case)
    assert "wallet" not in office.balance()
    assert [one.kind for one in cases_of(office)] == ["reversed"]


def test_what_came_after_its_reversal_leaves_suspense_when_a_person_says_so(office: Village, home: int) -> None:
    taken_back(office, "9000001", francs(500))  # a part of what nobody has seen: it can't be booked by itself
    assert settled(office, cases_of(office)[0].number, "reversed") == NotSettled("nothing")
    answer = came(office, reference=office.family(home).card, operator_id="9000001")
    assert isinstance(answer, Suspense)
    number = next(one.number for one in cases_of(office) if one.incoming_id == answer.incoming_id)
    assert isinstance(settled(office, number, "reversed"), Case)
    assert kinds(office) == []
    assert office.balance() == {"receivable": YEAR_DUE, "income": -YEAR_DUE}


def test_a_part_that_a_person_says_is_gone(office: Village, home: int) -> None:
    key = office.push(home, 2_000)
    number = conflict(office, key)
    assert settled(office, number, "reversed", part=Part(francs(2_001))) == NotSettled("amount")
    assert settled(office, number, "reversed", part=Part(Money(1, "BIF"))) == NotSettled("amount")
    assert settled(office, number, "reversed", part=Part(None, "another-key")) == NotSettled("share")
    assert isinstance(settled(office, number, "reversed", part=Part(francs(500))), Case)
    assert (office.balance()["wallet"], kinds(office)) == (1_500, [])
    assert office.shown(key).state is State.PAID


def test_a_part_of_a_groups_payment_is_taken_from_the_share_that_a_person_names(office: Village, home: int) -> None:
    homes = (home, office.register("+2290100000102").household_id)
    key = asked(office, group_of(office, homes, "equal"), 3_000)
    office.confirm(key)
    with office.store.read() as connection:
        first, second = shares_of(connection, office.shown(key))
    assert isinstance(taken_back(office, f"op-{key}", francs(400)), LeftToPerson)
    [case] = cases_of(office)
    assert settled(office, case.number, "reversed") == NotSettled("part")
    assert isinstance(settled(office, case.number, "reversed", part=Part(francs(400), second.key)), Case)
    assert office.balance()["wallet"] == 2_600
    assert [office.stands(each).left.minor for each in (first.of_household, second.of_household)] == [
        YEAR_DUE - 1_500,
        YEAR_DUE - 1_100,
    ]
    assert kinds(office) == []


@ON_SQLITE
def test_only_what_an_operator_takes_back_is_settled_so(office: Village) -> None:
    with office.store.write() as unit:
        open_case(unit, "twin", office.place.books.id, None, None, "x", "twin:1")
    assert settled(office, cases_of(office)[0].number, "keep") == NotSettled("kind")
    assert settled(office, "999990", "keep") == NotSettled("gone")


def test_every_kind_has_its_next_step() -> None:
    assert set(NEXT_STEPS) == set(KINDS)


# Commands


@ON_SQLITE
def test_a_case_is_settled_by_command(office: Village, home: int, run: Run) -> None:
    key = office.push(home, 2_000)
    conflict(office, key)
    [case] = json.loads(run("cases", "list", "--json"))
    assert "gateway cases settle" in case["next_step"]
    assert "ask the operator's support" in run("cases", "list")
    settle = ("cases", "settle", case["number"], "--by", "Fati Bawa", "--reason", "support said so", "--as")
    assert "taken back" in run(*settle, "reversed")
    with pytest.raises(Fault, match="no case with this number is open"):
        run(*settle, "keep")
    assert json.loads(run("cases", "list", "--json")) == []


@ON_SQLITE
def test_the_office_lists_assigns_and_closes(office: Village, home: int, run: Run) -> None:
    came(office, reference="merci", operator_id="9000001")
    card = office.family(home).card
    [waits] = json.loads(run("incoming", "list", "--json"))
    assert waits["operator_number"] == "9000001"
    assert waits["proposals"] == [{"card": card, "why": ["phone"]}]
    text = run("incoming", "list", "--under", "m")
    assert f"  {show_card(card)}: the payer's number is one of its phones" in text
    assert "merci" in text
    assert PAYER not in text
    [case] = json.loads(run("cases", "list", "--json"))
    assert case["kind"] == "unknown-payer"
    assert case["incoming"] == waits["number"]
    assert "unknown-payer" in run("cases", "list")
    who = ("--by", "Bio Sarre", "--reason", "asked the payer")
    with pytest.raises(Fault, match="no card number"):
        run("incoming", "assign", waits["number"], "123456789", *who)
    with pytest.raises(Fault, match="nothing with this number"):
        run("incoming", "assign", "999990", card, *who)
    assert "counted for card" in run("incoming", "assign", waits["number"], card, *who)
    assert json.loads(run("incoming", "list", "--json")) == json.loads(run("cases", "list", "--json")) == []
    with office.store.write() as unit:
        open_case(unit, "twin", office.place.books.id, None, None, "x", "twin:1")
    [case] = json.loads(run("cases", "list", "--json"))
    with pytest.raises(Fault, match="a name and a note"):
        run("cases", "close", case["number"], "--by", " ", "--note", "x")
    run("cases", "close", case["number"], "--by", "Bio Sarre", "--note", "one payment, told of twice")
    with pytest.raises(Fault, match="no case"):
        run("cases", "close", case["number"], "--by", "Bio Sarre", "--note", "again")
