"""A group's phone is asked for all its households at once: one transaction, a share and a receipt for each of them."""

from __future__ import annotations

import itertools
import json
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.membership.people import Person
from gateway.network.organisations import add_organisation
from gateway.payments.collections import by_key, move, newest, who_asked
from gateway.payments.decisions.cases import open_cases
from gateway.payments.not_paid import tell_not_paid
from gateway.payments.payers.groups import (
    BadGroup,
    GroupPayment,
    Listed,
    add_group,
    ask_each,
    payments_of_group,
    whole_due,
)
from gateway.payments.payers.shares import BadSplit, Group
from gateway.payments.providers.base import Paid
from gateway.payments.push.daily import BY_OTHER
from gateway.payments.push.wishes import Asked
from gateway.payments.receipts import check_receipt
from gateway.payments.reversing import reverse
from gateway.payments.settle import post_paid
from gateway.payments.states import State
from gateway.payments.takings import takings
from gateway.payments.unasked.assigning import PostedForGroup, assign_to_group
from gateway.payments.unasked.declarations import Declared, declare
from gateway.payments.unasked.incoming import Known, Posted, Suspense
from gateway.payments.unasked.taken_back import LeftToPerson, TakenBack
from gateway.store.schema import incoming, payer_group
from tests.payments.commands import Run, on_database_of
from tests.payments.deeds import PAYS, YESTERDAY, ask, asked, came, group_of, taken_back, three_families
from tests.payments.providers.mtn_momo_play import MomoPlay
from tests.payments.village import ON_SQLITE, TREASURER, Village, at_once, found, francs

SANDBOX_PAYER = "+46733123453"  # one of MTN's own test payers
_numbers = itertools.count(1)


@pytest.fixture
def homes(office: Village) -> list[int]:
    office.speak(PAYS, "en")
    return three_families(office)


def pays(office: Village, key: str, amount: Money | None = None, number: str | None = None) -> bool:
    """The operator says that it was paid."""
    with office.store.write() as unit:
        one = by_key(unit.connection, key, lock=True)
        assert one is not None
        if one.state is State.CREATED:
            move(unit, one, State.SENDING)
        paid = Paid(amount or one.amount, number or f"8{next(_numbers):09d}", PAYS, "SUCCESSFUL", YESTERDAY)
        return post_paid(unit, office.network.tree(), office.chart, key, paid)


def told_of(office: Village, number: str, amount: int, reference: str | None = "coop") -> object:
    """A treasurer's SMS tells of it."""
    return came(office, amount, reference, operator_id=number, payer=PAYS)


def statement(office: Village, group: Group) -> list[GroupPayment]:
    with office.store.read() as connection:
        return payments_of_group(connection, office.network.tree(), group)


def cases(office: Village) -> list[tuple[str, str | None]]:
    with office.store.read() as connection:
        return [(one.kind, one.collection_key) for one in open_cases(connection)]


def lefts(office: Village, homes: list[int]) -> list[int]:
    return [office.stands(home).left.minor for home in homes]


def says(office: Village, event: str, msisdn: str) -> list[str]:
    return [row.text for row in office.messages(event) if row.msisdn == msisdn]


# Paid


def test_one_push_pays_for_all_and_each_household_has_its_share_and_receipt(office: Village, homes: list[int]) -> None:
    group, before = group_of(office, homes), lefts(office, homes)
    dues = [office.stands(home).due.minor for home in homes]
    key = asked(office, group, sum(dues))
    assert pays(office, key, number="8000000001")
    assert lefts(office, homes) == [left - due for left, due in zip(before, dues, strict=True)]
    assert office.balance() == office.balance() | {"wallet": sum(dues)}
    assert "suspense" not in office.balance()
    # One SMS for the group's phone and one for the treasurer, with the total; one for each family.
    [receipt] = says(office, "receipt", PAYS)
    assert "8,700 F, 3 households of Coopérative Alafia. Each has its receipt." in receipt
    [confirmation] = says(office, "treasurer", TREASURER)
    assert "Coopérative Alafia : 3 " in confirmation
    assert len(office.told("receipt")) == 4
    with office.store.read() as connection:
        tree = office.network.tree()
        rows = takings(connection, tree, office.place.books.id, date(2026, 11, 21)).rows
        assert rows == (("push", 1, francs(sum(dues))),)
        for row in office.messages("receipt"):
            genuine = check_receipt(connection, tree, row.text.split()[1].rstrip(":"))
            assert (genuine is None) == (row.msisdn == PAYS)
    [payment] = statement(office, group)
    assert [share.amount.minor for _, share in payment.shares] == dues
    assert not pays(office, key, number="8000000001")
    assert told_of(office, "8000000001", sum(dues)) == Known(None, payment.one.id)
    assert office.balance()["wallet"] == sum(dues)
    assert cases(office) == []


def test_the_operator_is_asked_once_with_the_groups_code(village: Village, momo: MomoPlay) -> None:
    village.speak(PAYS, "en")
    group = group_of(village, three_families(village), "equal")
    key = asked(village, group, 900)
    village.work()
    assert village.shown(key).state is State.PENDING
    assert "coop" in momo.requests()[key]["sent"]["payerMessage"]
    momo.approve(key)
    village.work_for(60)
    assert village.steps(key) == ["created", "sending", "pending", "paid"]
    assert [share.amount.minor for _, share in statement(village, group)[0].shares] == [300, 300, 300]


def test_the_rule_counts_as_things_stand_when_it_is_paid(office: Village, homes: list[int]) -> None:
    group = group_of(office, homes)
    dues = {home: office.stands(home).due.minor for home in homes}
    key = asked(office, group, sum(dues.values()))
    made = group_of(office, homes[1:], "equal")
    pays(office, key)
    shares = [(family.id, share.amount.minor) for family, share in statement(office, made)[0].shares]
    assert shares == [(homes[1], 4_350), (homes[2], 4_350)]


def test_while_a_group_is_being_asked_it_is_not_asked_again(office: Village, homes: list[int]) -> None:
    group = group_of(office, homes)
    answers = at_once(3, lambda: ask(office, group, 3_000))
    assert sorted(str(each) for each in answers) == [str(Asked.IN_PROGRESS)] * 2 + [str(Asked.NOW)]


def test_what_cannot_be_divided_or_has_no_phone_is_not_asked_for(office: Village, homes: list[int]) -> None:
    fixed = group_of(office, homes, "fixed", ("1000", "2000", "500"))
    with pytest.raises(BadSplit):
        ask(office, fixed, 3_400)
    with office.store.read() as connection:
        assert whole_due(connection, office.network.tree(), fixed, date(2026, 11, 22)) == francs(3_500)
    with pytest.raises(BadGroup, match="no phone"):
        ask(office, group_of(office, homes, msisdn=None), 3_000)
    with office.store.read() as connection:
        assert newest(connection) == []


# Not divided: on suspense, with a case, and told


def emptied(office: Village, homes: list[int]) -> None:
    group_of(office, homes[:1], "fixed", ("9000",))


def test_what_cannot_be_divided_any_more_is_kept_and_divided_by_a_person(office: Village, homes: list[int]) -> None:
    group = group_of(office, homes, "fixed", ("1000", "2000", "500"))
    key = asked(office, group, 3_500)
    emptied(office, homes)
    assert pays(office, key, number="8000000002")
    assert office.shown(key).state is State.PAID
    assert office.balance()["suspense"] == -3_500
    assert office.balance()["wallet"] == 3_500
    assert cases(office) == [("unknown-payer", key)]
    [kept] = says(office, "group_kept", PAYS)
    assert kept.startswith("3,500 F received, number 8000000002, Coopérative Alafia.")
    assert len(says(office, "to_divide", TREASURER)) == 1
    assert office.told("receipt") == office.told("treasurer") == []
    [payment] = statement(office, group)
    assert payment.where == "kept"
    # Said again by an SMS, nothing happens; the list is put right, and a person divides it.
    assert isinstance(told_of(office, "8000000002", 3_500), Known)
    group = group_of(office, homes, "equal")
    with office.store.write() as unit:
        kept_id = unit.connection.scalar(select(incoming.c.id))
        assert kept_id is not None
        done = assign_to_group(unit, office.network.tree(), office.chart, kept_id, group, "Bio Sarre", "the new list")
    assert isinstance(done, PostedForGroup)
    assert "suspense" not in office.balance()
    [payment] = statement(office, group)
    assert (payment.one.key, len(payment.shares), payment.where) == (key, 3, "")
    assert cases(office) == []


def test_what_was_kept_is_not_claimed_by_the_household_of_the_phone(office: Village, homes: list[int]) -> None:
    group = group_of(office, homes, "fixed", ("1000", "2000", "500"))
    office.add_phone(homes[0], PAYS, main=False)
    key = asked(office, group, 3_500)
    emptied(office, homes)
    pays(office, key, number="8000000003")
    with office.store.write() as unit:
        family = office.family(homes[0])
        answer = declare(unit, office.network.tree(), office.chart, family, PAYS, "fr", "8000000003")
    assert isinstance(answer, Declared)
    assert office.balance()["suspense"] == -3_500


# Late, other amounts and currencies, twice


def test_late_after_refusal_and_another_amount_and_twice(office: Village, homes: list[int]) -> None:
    group = group_of(office, homes, "equal")
    key = asked(office, group, 900)
    with office.store.write() as unit:
        one = by_key(unit.connection, key, lock=True)
        assert one is not None
        move(unit, one, State.SENDING)
    with office.store.write() as unit:
        one = by_key(unit.connection, key, lock=True)
        assert one is not None
        move(unit, one, State.REFUSED, "rejected")
        tell_not_paid(unit, office.network.tree(), one, "rejected")
    [refused] = says(office, "not_paid", PAYS)
    assert "900 F, Coopérative Alafia" in refused
    second = asked(office, group, 600)
    assert pays(office, second)
    assert pays(office, key, francs(1_200))
    assert office.shown(key).reason == "amount"
    assert cases(office) == [("amount", key)]
    assert [sum(share.amount.minor for _, share in each.shares) for each in statement(office, group)] == [600, 1_200]
    [late] = [text for text in says(office, "receipt", PAYS) if "1,200 F" in text]
    assert "Asked: 900 F." in late
    assert office.balance()["wallet"] == 1_800


def test_another_currency_is_kept(office: Village, homes: list[int]) -> None:
    group = group_of(office, homes, "equal")
    key = asked(office, group, 900)
    pays(office, key, Money(10_00, "USD"))
    assert cases(office) == [("currency", key)]
    assert office.balance("USD") == {"wallet": 1_000, "suspense": -1_000}
    assert len(says(office, "group_kept", PAYS)) == 1


# With a treasurer's SMS


def test_an_sms_that_was_faster_counts_once(office: Village, homes: list[int]) -> None:
    group = group_of(office, homes, "equal")
    key = asked(office, group, 900)
    assert isinstance(told_of(office, "8000000004", 900), Suspense)
    assert pays(office, key, number="8000000004")
    assert office.balance()["wallet"] == 900
    assert "suspense" not in office.balance()
    assert len(statement(office, group)[0].shares) == 3
    assert cases(office) == []


def test_an_sms_with_another_amount_leaves_it_to_a_person(office: Village, homes: list[int]) -> None:
    group = group_of(office, homes, "equal")
    key = asked(office, group, 900)
    told_of(office, "8000000005", 800)
    assert pays(office, key, number="8000000005")
    assert office.balance() == office.balance() | {"wallet": 800, "suspense": -800}
    assert ("twin", key) in cases(office)


def test_what_counts_for_a_household_already_is_not_the_groups(office: Village, homes: list[int]) -> None:
    group = group_of(office, homes, "equal")
    key = asked(office, group, 900)
    assert isinstance(told_of(office, "8000000006", 900, office.family(homes[0]).card), Posted)
    assert not pays(office, key, number="8000000006")
    assert office.shown(key).reason == "duplicate"
    assert cases(office) == [("twin", key)]
    assert office.balance()["wallet"] == 900


# Taken back


def test_a_reversal_takes_every_share_back_and_tells_each_once(office: Village, homes: list[int]) -> None:
    group, before = group_of(office, homes, "equal"), lefts(office, homes)
    key = asked(office, group, 900)
    pays(office, key, number="8000000007")
    assert taken_back(office, "8000000007") == TakenBack(True)
    assert taken_back(office, "8000000007") == TakenBack(False)
    assert lefts(office, homes) == before
    assert "wallet" not in office.balance()
    assert "suspense" not in office.balance()
    assert [share.state for _, share in statement(office, group)[0].shares] == [State.REVERSED] * 3
    assert cases(office) == [("reversed", key)]
    assert len(says(office, "reversed", PAYS)) == len(says(office, "reversed", TREASURER)) == 1
    assert len(office.told("reversed")) == 5


def test_a_part_of_a_groups_payment_is_left_to_a_person(office: Village, homes: list[int]) -> None:
    key = asked(office, group_of(office, homes, "equal"), 900)
    pays(office, key, number="8000000008")
    assert isinstance(taken_back(office, "8000000008", francs(100)), LeftToPerson)
    assert office.balance()["wallet"] == 900
    assert cases(office) == [("reversed", key)]


def test_what_a_person_said_a_group_paid_is_taken_back_whole(office: Village, homes: list[int]) -> None:
    group, before = group_of(office, homes, "equal"), lefts(office, homes)
    told = told_of(office, "8000000009", 900)
    assert isinstance(told, Suspense)
    with office.store.write() as unit:
        assign_to_group(unit, office.network.tree(), office.chart, told.incoming_id, group, "Bio Sarre", "their list")
    assert lefts(office, homes) != before
    assert taken_back(office, "8000000009") == TakenBack(True)
    assert lefts(office, homes) == before
    assert "wallet" not in office.balance()


def test_what_is_kept_is_taken_back_from_suspense(office: Village, homes: list[int]) -> None:
    key = asked(office, group_of(office, homes, "fixed", ("1000", "2000", "500")), 3_500)
    emptied(office, homes)
    pays(office, key, number="8000000010")
    assert taken_back(office, "8000000010") == TakenBack(True)
    assert office.shown(key).state is State.REVERSED
    assert "wallet" not in office.balance()
    assert "suspense" not in office.balance()


def test_taken_back_before_it_was_told_of_counts_for_nobody(office: Village, homes: list[int]) -> None:
    group, before = group_of(office, homes, "equal"), lefts(office, homes)
    key = asked(office, group, 900)
    assert isinstance(taken_back(office, "8000000011"), LeftToPerson)
    assert pays(office, key, number="8000000011")
    assert office.shown(key).state is State.REVERSED
    assert lefts(office, homes) == before
    assert "wallet" not in office.balance()
    assert {event for event, _ in office.told()} - {"registered"} == {"reversed"}


# Books, and each by itself


def test_households_of_two_books_have_their_shares_in_their_own(office: Village) -> None:
    with office.store.write() as unit:
        union = add_organisation(
            unit, None, kind="union", code="u", name="Union", country="BJ", currency="XOF",
            time_zone="Africa/Porto-Novo", languages="fr", keeps_books=True,
        )  # fmt: skip
    office.network.forget()
    places = [
        found(office.store, office.network, above=union, code=code, treasurer=f"+22901000009{at}1")
        for at, code in enumerate(("a", "b"), 1)
    ]
    villages = [Village(office.store, office.network, office.clock, place, chart=office.chart) for place in places]
    homes = [each.register(f"+229010000032{at}").household_id for at, each in enumerate(villages)]
    tree = office.network.tree()
    rows = [Listed(at, office.family(home).card, None) for at, home in enumerate(homes)]
    with office.store.write() as unit:
        group = add_group(unit, tree, union[0], "abroad", "Ceux de Paris", "equal", PAYS, rows)
    key = asked(office, group, 1_001)
    pays(office, key)
    assert "suspense" not in office.balance()
    assert office.balance()["wallet"] == 1_001
    assert sorted(number for _, number in office.told("treasurer")) == ["+2290100000911", "+2290100000921"]
    with office.store.write() as unit:
        assert reverse(unit, tree, key, "taken back")
    assert "wallet" not in office.balance()


def test_few_households_can_be_asked_for_one_by_one(office: Village, homes: list[int]) -> None:
    group = group_of(office, homes, "equal")
    with office.store.write() as unit:
        done = ask_each(
            unit, office.network.tree(), group, francs(900), provider="mtn_momo", environment=None,
            effect_key="each", after=timedelta(0),
        )  # fmt: skip
    assert [wish for *_, wish in done] == [Asked.NOW] * 3
    with office.store.read() as connection:
        assert {one.household_id for one in newest(connection)} == set(homes)
        assert {who_asked(connection, one) for one in newest(connection)} == {BY_OTHER}
    more = [
        office.register(f"+22901000003{at}", [Person(f"Sabi Orou {at}", "M", 1980, "head")]).household_id
        for at in range(40, 43)
    ]
    many = group_of(office, [*homes, *more], "equal")
    with office.store.write() as unit, pytest.raises(BadGroup, match="of 5 at most"):
        ask_each(
            unit, office.network.tree(), many, francs(900), provider="mtn_momo", environment=None,
            effect_key="many", after=timedelta(0),
        )  # fmt: skip


# Commands


@ON_SQLITE
def test_the_commands(office: Village, homes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    run: Run = on_database_of(office, monkeypatch)
    group = group_of(office, homes, "equal")
    with pytest.raises(Fault, match="no provider that is connected"):
        run("groups", "ask", "coop")
    for name, value in {
        "MTN_MOMO_API_USER": "11111111-1111-4111-8111-111111111111",
        "MTN_MOMO_API_KEY": "k" * 32,
        "MTN_MOMO_SUBSCRIPTION_KEY": "s" * 32,
        "MTN_MOMO_TARGET_ENVIRONMENT": "sandbox",
        "MTN_MOMO_BASE_URL": "https://momo.invalid",
    }.items():
        monkeypatch.setenv(name, value)
    with office.store.write() as unit:
        unit.connection.execute(payer_group.update().values(msisdn=SANDBOX_PAYER))
    shown = json.loads(run("groups", "ask", "coop", "--amount", "900", "--json"))
    assert [(one["amount_minor"], one["asked"]) for one in shown] == [(300, True)] * 3
    with pytest.raises(Fault, match="being asked already"):
        run("groups", "ask", "coop", "--amount", "900")
    with office.store.read() as connection:
        key = newest(connection, 1)[0].key
    assert json.loads(run("groups", "show", "coop", "--json"))[0]["state"] == "created"
    pays(office, key)
    [paid] = json.loads(run("groups", "show", "coop", "--json"))
    assert (paid["state"], paid["paid_minor"], paid["day"], len(paid["shares"])) == ("paid", 900, "2026-11-21", 3)
    text = run("groups", "show", "coop")
    assert text.count("300 F") == 3
    assert group.code == "coop"
