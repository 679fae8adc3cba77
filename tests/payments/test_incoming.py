"""Money that comes without our asking is seen once, follows the card in its reference, or waits to be identified."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Row, func, select, update
from sqlalchemy.exc import IntegrityError

from gateway.kernel.card import new_card_number, show_card
from gateway.kernel.clock import FixedClock
from gateway.kernel.money import Money
from gateway.ledger.accounts import balances
from gateway.membership.people import Person
from gateway.membership.rules import State as Cover
from gateway.network.organisations import Network, add_organisation
from gateway.payments.collections import by_key, move
from gateway.payments.names import as_providers_wrote, carried, operator_number, operator_word, read_number
from gateway.payments.providers.base import Paid
from gateway.payments.push.limits import largest_alone
from gateway.payments.receipts import check_receipt
from gateway.payments.settle import post_paid
from gateway.payments.states import State
from gateway.payments.takings import payments_of, takings
from gateway.payments.unasked.assigning import assign
from gateway.payments.unasked.declarations import Confirmed, Declared, NotANumber, declare, expire
from gateway.payments.unasked.incoming import Known, Posted, Seen, Suspense, cards_in
from gateway.payments.unasked.proposals import Proposal, one_edit_away, proposals
from gateway.payments.unasked.suspense import Held, NotAssigned, held, held_numbered
from gateway.store.schema import collection, declaration, incoming, money_case
from gateway.store.unit import Store
from tests.payments.deeds import YESTERDAY, cases_of, told
from tests.payments.village import (
    FIRST_DUE,
    NEIGHBOUR,
    ON_SQLITE,
    PAYER,
    TREASURER,
    YEAR_DUE,
    Place,
    Village,
    at_once,
    found,
    francs,
)

STRANGER = "+2290100000199"
OTHERS = (Person("Sabi Orou", "M", 1980, "head"),)


def money(office: Village, reference: str | None, **changes: Any) -> Seen:
    """Two thousand francs from MTN yesterday, from the family's phone, under a number of their own."""
    return replace(told(office, reference=reference), **changes)


def on_suspense(office: Village, reference: str | None = None, **changes: Any) -> int:
    """Money that nobody could tell whose it is; its id."""
    answer = office.see(money(office, reference, **changes))
    assert isinstance(answer, Suspense)
    return answer.incoming_id


def given_to(
    office: Village, incoming_id: int, household_id: int, by: str = "Bio Sarre", reason: str = "asked the payer"
) -> Posted | NotAssigned:
    with office.store.write() as unit:
        family = office.family(household_id)
        return assign(unit, office.network.tree(), office.chart, incoming_id, family, by, reason)


def says(office: Village, household_id: int, typed: str, msisdn: str = PAYER) -> Declared | Confirmed | NotANumber:
    with office.store.write() as unit:
        family = office.family(household_id)
        return declare(unit, office.network.tree(), office.chart, family, msisdn, "fr", typed)


def row_of(office: Village, incoming_id: int) -> Row[Any]:
    with office.store.read() as connection:
        return connection.execute(select(incoming).where(incoming.c.id == incoming_id)).one()


def waits(office: Village) -> list[Held]:
    with office.store.read() as connection:
        return held(connection, office.network.tree())


def count(office: Village, table: Any) -> int:
    with office.store.read() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def declared(office: Village) -> list[str]:
    with office.store.read() as connection:
        return list(connection.scalars(select(declaration.c.state).order_by(declaration.c.id)))


# The reference


CARD, OTHER_CARD, THIRD_CARD = (new_card_number(lambda _, at=at: at) for at in (2_345_678, 12_345_679, 30_000_000))


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (CARD, {CARD}),
        (show_card(CARD), {CARD}),
        (f"  {CARD[:3]}-{CARD[3:6]}.{CARD[6:]} ", {CARD}),
        (f"carte n° {show_card(CARD)} merci", {CARD}),
        (f"CARTE{CARD}", {CARD}),
        (f"2 {CARD}", {CARD}),
        (f"{CARD} 2026", {CARD}),
        (f"{CARD}/{CARD}", {CARD}),
        (f"{CARD} et {OTHER_CARD}", {CARD, OTHER_CARD}),
        (f"{CARD},{OTHER_CARD}", {CARD, OTHER_CARD}),
        (f"{CARD}1", set()),
        (f"1{CARD}", set()),
        (f"2{show_card(CARD)}", set()),
        (CARD[:-1], set()),
        (CARD[:-1] + str((int(CARD[-1]) + 1) % 10), set()),
        ("+229 01 97 00 00 00", set()),
        ("cotisation Sabi", set()),
        ("", set()),
        ("".join(chr(0x660 + int(digit)) for digit in CARD), {CARD}),
    ],
)
def test_a_reference_names_a_card_or_none(typed: str, read: set[str]) -> None:
    assert cards_in(typed) == read


@given(st.text(max_size=60))
def test_no_reference_is_too_odd_to_be_read(text: str) -> None:
    assert all(len(card) == 9 for card in cards_in(text))


# By the card in the reference


def test_money_with_a_card_counts_from_the_day_it_was_paid_and_is_receipted(office: Village, home: int) -> None:
    office.speak(NEIGHBOUR, "en")
    card = office.family(home).card
    answer = office.see(money(office, f"carte {show_card(card)}", payer=NEIGHBOUR, amount=francs(FIRST_DUE)))
    assert isinstance(answer, Posted)
    assert office.balance()["wallet"] == FIRST_DUE
    assert "suspense" not in office.balance()
    assert office.stands(home).left == francs(YEAR_DUE - FIRST_DUE)
    [(day, key)] = office.entries()
    assert day == "2026-11-21"
    one = office.shown(key.removeprefix("collection:"))
    assert (one.way, one.provider, one.payer, one.state) == ("reference", "mtn_momo", NEIGHBOUR, State.PAID)
    assert office.told("receipt") == [("receipt", PAYER), ("receipt", NEIGHBOUR)]
    assert office.told("treasurer") == [("treasurer", TREASURER)]
    assert office.told("to_identify", "unidentified") == []
    number = office.messages("receipt")[1].text.split()[1].rstrip(":")
    with office.store.read() as connection:
        receipt = check_receipt(connection, office.network.tree(), number)
        assert receipt is not None
        assert receipt.amount == francs(FIRST_DUE)
        assert receipt.on == date(2026, 11, 21)
        [row] = takings(connection, office.network.tree(), office.place.books.id, date(2026, 11, 21)).rows
        assert row == ("reference", 1, francs(FIRST_DUE))
    assert cases_of(office) == waits(office) == []


@ON_SQLITE
@pytest.mark.parametrize(("at", "day"), [("22:59", "2026-11-21"), ("23:01", "2026-11-22")])
def test_the_day_is_that_of_the_mutuelle(office: Village, home: int, at: str, day: str) -> None:
    hour, minute = map(int, at.split(":"))
    at_night = datetime(2026, 11, 21, hour, minute, tzinfo=UTC)
    office.see(money(office, office.family(home).card, paid_at=at_night))
    assert office.entries()[0][0] == day


def test_the_payers_number_identifies_nobody(office: Village, home: int) -> None:
    """D2: also where that phone has always paid for the same family."""
    office.see(money(office, office.family(home).card))
    answer = office.see(money(office, None))
    assert isinstance(answer, Suspense)
    assert office.stands(home).left == francs(YEAR_DUE - 2_000)


@pytest.mark.parametrize("reference", [None, "", "cotisation", "wrong-digit", "unknown", "two"])
@ON_SQLITE
def test_what_names_no_one_household_is_kept_on_suspense(office: Village, home: int, reference: str | None) -> None:
    card = office.family(home).card
    other = office.family(office.register(NEIGHBOUR, OTHERS).household_id).card
    unknown = next(each for each in (CARD, OTHER_CARD, THIRD_CARD) if each not in (card, other))
    swapped = card[:7] + card[8] + card[7] if card[7] != card[8] else card[:8]
    typed = {"wrong-digit": swapped, "unknown": unknown, "two": f"{card} {other}"}.get(reference or "", reference)
    assert isinstance(office.see(money(office, typed)), Suspense)
    assert office.balance()["suspense"] == -2_000
    assert payments(office, home) == []


def payments(office: Village, household_id: int) -> list[str]:
    with office.store.read() as connection:
        return [f"{one.way} {one.amount.minor}" for one in payments_of(connection, household_id)]


def test_unidentified_money_is_told_to_treasurers_and_payer_and_taken_into_the_books(office: Village) -> None:
    answer = office.see(money(office, "merci", operator_id="PP251226.2111.c98322", payer=STRANGER))
    assert isinstance(answer, Suspense)
    row = row_of(office, answer.incoming_id)
    assert (row.operator, row.operator_id, row.state) == ("mtn_momo", "PP2512262111C98322", "suspense")
    [case] = cases_of(office)
    assert (case.id, case.kind, case.amount) == (answer.case, "unknown-payer", francs(2_000))
    assert office.told() == [("to_identify", TREASURER), ("unidentified", STRANGER)]
    first, second = office.messages()
    assert "2 000 F" in first.text
    assert "PP2512262111C98322" in first.text
    assert "2 000 F" in second.text
    assert "Dites au trésorier pour qui c'est." in second.text
    with office.store.read() as connection:
        [taken] = takings(connection, office.network.tree(), office.place.books.id, date(2026, 11, 21)).rows
    assert taken == ("reference", 1, francs(2_000))


@ON_SQLITE
def test_money_of_unknown_origin_is_told_to_the_treasurers_alone(office: Village) -> None:
    on_suspense(office, payer=None)
    assert office.told() == [("to_identify", TREASURER)]


@ON_SQLITE
def test_a_card_of_another_mutuelle_or_currency_waits_for_a_person(office: Village) -> None:
    elsewhere = found(office.store, office.network, code="n", treasurer="+2290100000905")
    theirs = Village(office.store, office.network, office.clock, elsewhere)
    card = theirs.family(theirs.register(NEIGHBOUR).household_id).card
    on_suspense(office, card)
    on_suspense(office, card, organisation_id=elsewhere.books.id, amount=Money(2_000, "BIF"))
    assert [case.kind for case in cases_of(office)] == ["unknown-payer", "currency"]
    assert isinstance(theirs.see(money(theirs, card)), Posted)


def union(office: Village) -> tuple[int, Village]:
    """A union with a wallet of its own, and a mutuelle below it that keeps its own books."""
    with office.store.write() as unit:
        above = add_organisation(
            unit, None, kind="union", code="u", name="Union", country="BJ", currency="XOF",
            time_zone="Africa/Porto-Novo", languages="fr", keeps_books=True,
        )  # fmt: skip
    place: Place = found(office.store, office.network, above=above, code="below", treasurer="+2290100000905")
    return above[0], Village(office.store, office.network, office.clock, place)


def test_money_in_a_unions_wallet_reaches_the_books_of_its_mutuelle(office: Village) -> None:
    wallet, below = union(office)
    home = below.register().household_id
    assert isinstance(office.see(money(office, below.family(home).card, organisation_id=wallet)), Posted)
    its_id = on_suspense(office, organisation_id=wallet)
    assert below.balance()["suspense"] == -2_000
    assert isinstance(given_to(office, its_id, home), Posted)
    assert "suspense" not in below.balance()
    assert below.balance()["wallet"] == 4_000
    with office.store.read() as connection:
        tree = office.network.tree()
        for wallet_of in (below.place.books.id, wallet):  # nowhere is it counted twice
            assert takings(connection, tree, wallet_of, date(2026, 11, 21)).totals == (francs(4_000),)
    assert below.stands(home).left == francs(YEAR_DUE - 4_000)


# Once


def test_one_transaction_is_taken_once_however_it_is_spelled(office: Village, home: int) -> None:
    seen = money(office, office.family(home).card, operator_id="MP251226.2111.C98322")
    first = office.see(seen)
    assert isinstance(first, Posted)
    again = [
        seen,
        replace(seen, operator="mtn_momo", reference=None, payer=None),
        replace(seen, operator="MTN Momo", operator_id="mp251226 2111 c98322", paid_at=YESTERDAY - timedelta(days=1)),
    ]
    for each in again:
        assert office.see(each) == Known(first.incoming_id, first.collection_id)
    assert office.balance()["wallet"] == 2_000
    assert isinstance(office.see(replace(seen, operator="Moov Money")), Posted)  # another operator's number


def test_the_same_number_with_another_amount_is_a_case_and_not_posted(office: Village, home: int) -> None:
    seen = money(office, office.family(home).card)
    first = office.see(seen)
    answer = office.see(replace(seen, amount=francs(20_000)))
    assert isinstance(answer, Known)
    assert isinstance(first, Posted)
    assert answer.incoming_id == first.incoming_id
    [case] = cases_of(office)
    assert (case.id, case.kind) == (answer.case, "twin")
    assert office.balance()["wallet"] == 2_000


def test_told_by_many_at_once_it_is_taken_once(office: Village, home: int) -> None:
    seen = money(office, office.family(home).card)
    answers = at_once(6, lambda: office.see(seen))
    assert sorted(type(one).__name__ for one in answers) == ["Known"] * 5 + ["Posted"]
    assert office.balance()["wallet"] == 2_000


def confirm(office: Village, key: str, operator_id: str, amount: int = 2_000) -> bool:
    """The operator says that what we asked for was paid, under this number."""
    with office.store.write() as unit:
        one = by_key(unit.connection, key, lock=True)
        assert one is not None
        if one.state is State.CREATED:
            move(unit, one, State.SENDING)
        paid = Paid(francs(amount), operator_id, one.payer, "SUCCESSFUL", None)
        return post_paid(unit, office.network.tree(), office.chart, key, paid)


def test_what_we_asked_for_and_got_is_known_when_an_sms_tells_it(office: Village, home: int) -> None:
    key = office.pay(home, 2_000)
    assert confirm(office, key, "7000.123")
    assert office.see(money(office, None, operator_id="7000.123")) == Known(None, office.shown(key).id)
    wrong = office.see(money(office, None, operator_id="7000.123", amount=francs(5)))
    assert isinstance(wrong, Known)
    assert wrong.case is not None


def test_an_sms_that_is_faster_than_the_operators_answer_counts_once(office: Village, home: int) -> None:
    key = office.pay(home, 2_000)
    answer = office.see(money(office, office.family(home).card, operator_id="MP26.1"))
    assert isinstance(answer, Posted)
    assert not confirm(office, key, "MP26.1")
    assert office.balance()["wallet"] == 2_000
    assert (office.shown(key).state, office.shown(key).reason) == (State.REFUSED, "duplicate")
    assert office.told("not_paid") == []
    assert cases_of(office) == []


def test_money_on_suspense_is_identified_by_the_operators_answer(office: Village, home: int) -> None:
    key = office.pay(home, 2_000)
    its_id = on_suspense(office, operator_id="MP26.1")
    assert confirm(office, key, "MP26.1")
    assert office.balance()["wallet"] == 2_000
    assert "suspense" not in office.balance()
    row = row_of(office, its_id)
    assert (row.state, row.collection_id) == ("posted", office.shown(key).id)
    assert cases_of(office) == []
    with office.store.read() as connection:
        days = (date(2026, 11, 21), date(2026, 11, 22))
        tree, books = office.network.tree(), office.place.books.id
        assert [takings(connection, tree, books, day).totals for day in days] == [(francs(2_000),), ()]


def test_the_operators_amount_counts_where_the_sms_had_another(office: Village, home: int) -> None:
    key = office.pay(home, 2_000)
    on_suspense(office, operator_id="MP26.1", amount=francs(200))
    assert confirm(office, key, "MP26.1")
    assert office.balance()["suspense"] == 1_800  # to be explained
    assert [case.kind for case in cases_of(office)] == ["twin"]


def test_money_posted_for_another_family_is_no_answer_to_this_ones_wish(office: Village, home: int) -> None:
    other = office.register(NEIGHBOUR, OTHERS).household_id
    key = office.pay(home, 2_000)
    office.see(money(office, office.family(other).card, operator_id="MP26.1"))
    assert not confirm(office, key, "MP26.1")
    assert [case.kind for case in cases_of(office)] == ["twin"]
    assert office.told("not_paid") == [("not_paid", PAYER)]
    assert office.balance()["wallet"] == 2_000


@pytest.mark.parametrize("reference", [True, False])
def test_an_sms_and_the_operators_answer_at_the_same_moment_count_once(
    office: Village, home: int, reference: bool
) -> None:
    card = office.family(home).card if reference else None
    for number in range(5):
        office.clock.move(timedelta(hours=1))
        key = office.pay(home, 2_000)
        seen = money(office, card, operator_id=f"MP26.{number}")
        turn = itertools.count()

        def one_of_both(key: str = key, seen: Seen = seen, turn: Any = turn) -> object:
            try:
                return confirm(office, key, seen.operator_id) if next(turn) % 2 else office.see(seen)
            except IntegrityError:  # a worker tries again
                return None

        at_once(2, one_of_both)
        assert office.balance()["wallet"] == 2_000 * (number + 1)
        assert "suspense" not in office.balance()


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("MTN MoMo", "mtn_momo"), ("mtn_momo", "mtn_momo"), ("M-Pesa", "mpesa"), ("daraja", "mpesa"),
        ("Orange Money", "orange_money"), ("EcoCash", "ecocash"), ("Lumicash", "lumicash"),
        ("Mixx by Yas", "mixx_by_yas"),
    ],
)  # fmt: skip
def test_an_operator_has_one_word(name: str, word: str) -> None:
    assert operator_word(name) == word


def test_a_number_that_an_aggregator_carries_is_the_operators() -> None:
    assert carried("MTN_MOMO_BEN:11005237542") == ("mtn_momo", "11005237542")
    assert carried("VODACOM_MPESA_COD:abc.12") == ("mpesa", "ABC12")
    assert carried("MP26:1") == (None, "MP261")
    providers, spelled = as_providers_wrote("mtn_momo", "11005237542", "BJ")
    assert "pawapay" in providers
    assert "MTN_MOMO_BEN:11005237542" in spelled
    assert "mpesa_openapi" in as_providers_wrote("mpesa", "X1", "CD")[0]


@ON_SQLITE
@pytest.mark.parametrize("changes", [{"amount": francs(0)}, {"amount": francs(-1)}, {"operator_id": " .-"}])
def test_what_is_no_money_is_refused(office: Village, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="amount and a number"):
        office.see(money(office, None, **changes))
    assert count(office, incoming) == 0


# A person says whose it is


def test_a_person_assigns_money_with_name_and_reason(office: Village, home: int) -> None:
    its_id = on_suspense(office, "12345678", payer=STRANGER, amount=francs(YEAR_DUE + 500))
    answer = given_to(office, its_id, home)
    assert isinstance(answer, Posted)
    assert office.balance()["wallet"] == YEAR_DUE + 500
    assert "suspense" not in office.balance()
    assert office.balance()["advance"] == -500
    assert [key.partition(":")[0] for _, key in office.entries()] == ["incoming", "collection"]
    assert office.entries()[1][0] == "2026-11-21"  # the day on which it was paid
    assert office.told("receipt") == [("receipt", PAYER), ("receipt", STRANGER)]
    row = row_of(office, its_id)
    assert (row.state, row.collection_id) == ("posted", answer.collection_id)
    assert cases_of(office) == waits(office) == []
    with office.store.read() as connection:
        closed = connection.execute(select(money_case)).one()
        taken = takings(connection, office.network.tree(), office.place.books.id, date(2026, 11, 21)).rows
    assert (closed.closed_by, closed.note) == ("Bio Sarre", "asked the payer")
    assert taken == (("reference", 1, francs(YEAR_DUE + 500)),)
    assert given_to(office, its_id, home) == NotAssigned("gone")


def test_of_two_who_assign_at_once_one_does(office: Village, home: int) -> None:
    its_id = on_suspense(office)
    answers = at_once(4, lambda: given_to(office, its_id, home))
    assert sorted(type(one).__name__ for one in answers) == ["NotAssigned"] * 3 + ["Posted"]
    assert office.stands(home).left == francs(YEAR_DUE - 2_000)


@ON_SQLITE
def test_what_cannot_be_assigned(office: Village, home: int) -> None:
    elsewhere = found(office.store, office.network, code="n", treasurer="+2290100000905")
    theirs = Village(office.store, office.network, office.clock, elsewhere).register(NEIGHBOUR).household_id
    its_id = on_suspense(office)
    foreign = on_suspense(office, amount=Money(2_000, "BIF"))
    assert given_to(office, its_id, theirs) == NotAssigned("other-network")
    assert given_to(office, foreign, home) == NotAssigned("currency")
    assert given_to(office, its_id, home, by=" ") == NotAssigned("no-reason")
    assert given_to(office, its_id, home, reason="") == NotAssigned("no-reason")
    assert given_to(office, 9_999, home) == NotAssigned("gone")
    assert len(waits(office)) == 2


@ON_SQLITE
def test_who_assigned_is_kept_also_where_the_case_was_closed_before(office: Village, home: int) -> None:
    its_id = on_suspense(office)
    with office.store.write() as unit:
        unit.connection.execute(update(money_case).values(closed_at=unit.now, closed_by="x"))
    assert isinstance(given_to(office, its_id, home), Posted)
    with office.store.read() as connection:
        assert list(connection.scalars(select(money_case.c.closed_by).order_by(money_case.c.id))) == ["x", "Bio Sarre"]


# Proposals


def proposed(office: Village, incoming_id: int) -> list[tuple[int, tuple[str, ...]]]:
    with office.store.read() as connection:
        one = held_numbered(connection, incoming_id)
        assert one is not None
        found: list[Proposal] = proposals(connection, office.network.tree(), one, office.clock.now().date())
    return [(each.household.id, each.why) for each in found]


def test_a_mistyped_card_the_payers_phone_and_the_amount_propose_households(office: Village, home: int) -> None:
    other = office.register(NEIGHBOUR, OTHERS).household_id  # owes 2 100 now
    card = office.family(home).card
    for slip in (card[:-1], card + "7", card[1:], wrong_digit(card), swapped(card)):
        assert proposed(office, on_suspense(office, slip, payer=STRANGER)) == [(home, ("card",))], slip
    assert proposed(office, on_suspense(office, None)) == [(home, ("phone",))]
    due = office.stands(other).due
    assert proposed(office, on_suspense(office, card[:-1], payer=STRANGER, amount=due)) == [
        (home, ("card",)), (other, ("amount",)),
    ]  # fmt: skip
    assert proposed(office, on_suspense(office, wrong_digit(card), amount=francs(YEAR_DUE))) == [
        (home, ("card", "phone", "amount")),
    ]  # fmt: skip
    assert proposed(office, on_suspense(office, "merci", payer=STRANGER)) == []


def wrong_digit(card: str) -> str:
    return card[:4] + str((int(card[4]) + 3) % 10) + card[5:]


def swapped(card: str) -> str:
    at = next(place for place in range(8) if card[place] != card[place + 1])
    return card[:at] + card[at + 1] + card[at] + card[at + 2 :]


@ON_SQLITE
def test_nobody_of_another_mutuelle_is_proposed(office: Village) -> None:
    elsewhere = found(office.store, office.network, code="n", treasurer="+2290100000905")
    Village(office.store, office.network, office.clock, elsewhere).register(PAYER)
    assert proposed(office, on_suspense(office, None)) == []


@given(st.integers(0, 49_999_999), st.integers(0, 8), st.integers(0, 9))
def test_every_single_slip_leads_back_to_the_card(drawn: int, place: int, digit: int) -> None:
    card = new_card_number(lambda _: drawn)
    slips = {card[:place] + str(digit) + card[place + 1 :], card[:place] + card[place + 1 :]}
    slips |= {
        card[:place] + str(digit) + card[place:],
        card[:place] + card[place : place + 2][::-1] + card[place + 2 :],
    }
    for slip in slips - {card}:
        assert card in one_edit_away(slip)
    assert card not in one_edit_away(card)


# What a member says


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("mp251226.2111.c98322", "MP2512262111C98322"), (" 1234 5678 901 ", "12345678901"), ("ABC-12/3", "ABC123"),
        ("12345", None), ("ABCDEF", None), ("1" * 31, None), ("", None), ("12345é", None), ("１２３４５６", "123456"),
    ],
)  # fmt: skip
def test_a_typed_number(typed: str, number: str | None) -> None:
    assert read_number(typed) == number
    assert number is None or operator_number(typed) == number


def test_a_declaration_covers_nobody_until_the_money_is_seen(office: Village, home: int) -> None:
    assert says(office, home, "1 100.5237-542") == Declared("11005237542")
    assert says(office, home, "11005237542") == Declared("11005237542")
    assert office.stands(home).cover.state is Cover.UNPAID
    assert office.entries() == []
    assert declared(office) == ["open"]
    answer = office.see(money(office, None, operator_id="11005237542", amount=francs(FIRST_DUE)))
    assert isinstance(answer, Posted)
    assert office.stands(home).cover.state is Cover.WAITING
    assert declared(office) == ["confirmed"]
    assert cases_of(office) == []
    confirmed = says(office, home, "11005237542")
    assert isinstance(confirmed, Confirmed)
    assert confirmed.amount == francs(FIRST_DUE)
    assert office.balance()["wallet"] == FIRST_DUE


def test_money_that_was_seen_first_is_confirmed_at_once(office: Village, home: int) -> None:
    its_id = on_suspense(office, "merci", operator_id="11005237542")
    answer = says(office, home, "11005237542")
    assert isinstance(answer, Confirmed)
    assert answer.amount == francs(2_000)
    with office.store.read() as connection:
        assert check_receipt(connection, office.network.tree(), answer.receipt) is not None
    assert row_of(office, its_id).state == "posted"
    assert declared(office) == ["confirmed"]
    assert cases_of(office) == []
    assert office.told("receipt") == [("receipt", PAYER)]


def test_what_another_phone_paid_waits_for_a_person(office: Village, home: int) -> None:
    """H8, D4: whoever has seen a number doesn't get its money."""
    for number, first in (("11005237542", "seen"), ("11005237543", "declared")):
        if first == "declared":
            assert says(office, home, number) == Declared(number)
        its_id = on_suspense(office, operator_id=number, payer=STRANGER)
        if first == "seen":
            assert says(office, home, number) == Declared(number)
        assert row_of(office, its_id).state == "suspense"
    assert "declared-by-another" in [case.kind for case in cases_of(office)]
    assert {case.kind for case in cases_of(office)} == {"unknown-payer", "declared-by-another"}
    assert payments(office, home) == []


@ON_SQLITE
@pytest.mark.parametrize("payer", [PAYER, NEIGHBOUR, None])
def test_a_declaration_is_believed_from_the_phone_that_paid(office: Village, home: int, payer: str | None) -> None:
    """The declarer's own phone, another of the household, or none that is known."""
    office.add_phone(home, NEIGHBOUR, main=False)
    on_suspense(office, operator_id="11005237542", payer=payer)
    assert isinstance(says(office, home, "11005237542", msisdn=PAYER), Confirmed)


@ON_SQLITE
@pytest.mark.parametrize("first", ["seen", "declared"])
@pytest.mark.parametrize("payer", [None, NEIGHBOUR])
def test_much_money_is_believed_from_the_very_phone_that_paid(
    office: Village, home: int, payer: str | None, first: str
) -> None:
    """H9: the staff read the operator's SMS, could tell a friend its number, and give the friend's family its phone."""
    office.add_phone(home, NEIGHBOUR, main=False)
    alone = largest_alone("XOF")
    much = francs(alone.minor + 1)
    on_suspense(office, operator_id="11005237540", payer=PAYER, amount=much)
    on_suspense(office, operator_id="11005237541", payer=payer, amount=alone)
    assert isinstance(says(office, home, "11005237540"), Confirmed)
    assert isinstance(says(office, home, "11005237541"), Confirmed)
    if first == "declared":
        assert isinstance(says(office, home, "11005237542"), Declared)
    its_id = on_suspense(office, operator_id="11005237542", payer=payer, amount=much)
    assert isinstance(says(office, home, "11005237542"), Declared)
    assert row_of(office, its_id).state == "suspense"
    assert "declared-by-another" in [case.kind for case in cases_of(office)]


@ON_SQLITE
def test_what_the_unions_treasurer_saw_first_leaves_the_unions_books(
    store: Store, network: Network, clock: FixedClock
) -> None:
    with store.write() as unit:
        union = add_organisation(
            unit, None, kind="union", code="u", name="Union", country="BJ", currency="XOF",
            time_zone="Africa/Porto-Novo", languages="fr", keeps_books=True,
        )  # fmt: skip
    village = Village(store, network, clock, found(store, network, above=union))
    key = village.pay(village.register().household_id, 2_000)
    on_suspense(village, operator_id="8123456789", organisation_id=union[0])
    with store.write() as unit:
        one = by_key(unit.connection, key, lock=True)
        assert one is not None
        move(unit, one, State.SENDING)
        assert post_paid(unit, network.tree(), village.chart, key, Paid(francs(2_000), "8123456789", PAYER, "OK"))
    with store.read() as connection:
        stands = {(one.organisation, one.role): one.amount_minor for one in balances(connection) if one.amount_minor}
    assert stands[village.place.books.name, "wallet"] == 2_000
    assert {role for _, role in stands} == {"wallet", "receivable", "income"}


def test_two_families_that_claim_one_payment_wait_for_a_person(office: Village, home: int) -> None:
    other = office.register(PAYER, OTHERS).household_id
    assert says(office, home, "11005237542") == says(office, other, "11005237542") == Declared("11005237542")
    on_suspense(office, operator_id="11005237542")
    assert [case.kind for case in cases_of(office)] == ["declared-by-another"]


def test_what_counts_for_one_family_is_not_claimed_by_another(office: Village, home: int) -> None:
    other = office.register(PAYER, OTHERS).household_id
    office.see(money(office, office.family(home).card, operator_id="11005237542"))
    assert says(office, other, "11005237542") == Declared("11005237542")
    assert payments(office, other) == []
    assert [case.kind for case in cases_of(office)] == ["declared-by-another"]
    assert isinstance(says(office, home, "11005237542"), Confirmed)


def test_a_push_that_was_paid_is_confirmed_to_who_declares_it(office: Village, home: int) -> None:
    key = office.pay(home, 2_000)
    assert confirm(office, key, "MP26.2111.C9")
    answer = says(office, home, "mp262111c9")
    assert isinstance(answer, Confirmed)
    assert answer.amount == francs(2_000)


def test_after_a_week_without_money_the_member_is_told_once(office: Village, home: int) -> None:
    says(office, home, "11005237542", msisdn=NEIGHBOUR)
    office.clock.move(timedelta(days=6, hours=23))
    assert expire(office.store) == 0
    office.clock.move(timedelta(hours=2))
    assert expire(office.store) == 1
    assert expire(office.store) == 0
    assert office.told("unfound") == [("unfound", NEIGHBOUR)]
    assert "11005237542" in office.messages("unfound")[0].text
    assert declared(office) == ["unfound"]
    # Money is late, not lost.
    assert isinstance(office.see(money(office, None, operator_id="11005237542", payer=NEIGHBOUR)), Posted)
    assert declared(office) == ["confirmed"]


@ON_SQLITE
def test_a_declaration_is_opened_anew_by_who_says_it_again(office: Village, home: int) -> None:
    says(office, home, "11005237542")
    office.clock.move(timedelta(days=8))
    expire(office.store)
    says(office, home, "11005237542")
    assert declared(office) == ["open"]
    assert expire(office.store) == 0


@ON_SQLITE
def test_a_push_that_was_paid_meanwhile_is_not_called_unfound(office: Village, home: int) -> None:
    key = office.pay(home, 2_000)
    says(office, home, "MP262111C9")
    confirm(office, key, "MP26.2111.C9")
    office.clock.move(timedelta(days=8))
    assert expire(office.store) == 0
    assert declared(office) == ["confirmed"]
    assert office.told("unfound") == []


@ON_SQLITE
def test_nonsense_is_no_declaration(office: Village, home: int) -> None:
    assert says(office, home, "bonjour") == NotANumber()
    assert count(office, declaration) == 0
    assert count(office, collection) == 0
