"""Families D, E and F: what happens around people while their payment, their call or their SMS is on its way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select

from gateway.health.state import figures
from gateway.kernel.ids import ordered_id
from gateway.membership import family
from gateway.membership.family import By
from gateway.membership.people import Person
from gateway.membership.plans import add_plan
from gateway.membership.rules import State as Cover
from gateway.payments.unasked.incoming import Posted, Seen, see
from gateway.sms.africastalking import AfricasTalking
from gateway.sms.outgoing import TOPIC, Outgoing, Sender, queue_messages
from gateway.store.outbox import drain
from gateway.store.schema import beneficiary, message, notice, phone
from gateway.ussd.sessions import Session
from tests.payments.providers.mtn_momo_play import MomoPlay
from tests.payments.village import FIRST_DUE, ON_SQLITE, PAYER, TERMS, YEAR_DUE, Village, francs
from tests.sms.helpers import StandIn
from tests.ussd.handset import Handset
from tests.ussd.world import MEMBER, Place

TODAY = date(2026, 11, 22)


# D6: the household changes while its payment is on the way


def somebody_joins(village: Village, home: int) -> None:
    wife = Person("Assana Orou", "F", 1995, "spouse")
    with village.store.write() as unit:
        by = By(PAYER)
        family.add(unit, village.network.tree(), village.chart, village.family(home), wife, "marriage", TODAY, by)


def somebody_leaves(village: Village, home: int) -> None:
    with village.store.write() as unit:
        child = unit.connection.scalar(select(func.max(beneficiary.c.id)).where(beneficiary.c.household_id == home))
        family.remove(unit, village.family(home), int(child or 0), "departure", TODAY, By(PAYER))


def the_plan_becomes_dearer(village: Village, home: int) -> None:
    dearer = replace(TERMS, household_minor=90_000, activation_percent=100)
    with village.store.write() as unit:
        add_plan(unit, village.place.books.id, "famille", "Famille", "XOF", dearer, TODAY, version=2)


def the_phone_is_taken_off_the_card(village: Village, home: int) -> None:
    with village.store.write() as unit:
        unit.connection.execute(delete(phone).where(phone.c.household_id == home))


@pytest.mark.parametrize(
    ("changes", "more_to_pay"),
    [
        (somebody_joins, 2_400),
        (somebody_leaves, 0),
        (the_plan_becomes_dearer, 0),
        (the_phone_is_taken_off_the_card, 0),
    ],
)
def test_a_household_that_changes_while_its_payment_is_on_the_way(
    village: Village, momo: MomoPlay, changes: Callable[[Village, int], None], more_to_pay: int
) -> None:
    """What was shown is asked for; it is posted whole, for the same household, and starts the cover it promised."""
    home = village.register().household_id
    key = village.pay(home, FIRST_DUE)
    village.work()
    changes(village, home)
    momo.approve(key)
    village.work_for(30)
    assert (momo.requests()[key]["sent"]["amount"], village.shown(key).paid) == (str(FIRST_DUE), francs(FIRST_DUE))
    assert village.balance()["wallet"] == FIRST_DUE
    stands = village.stands(home)
    assert stands.left == francs(YEAR_DUE + more_to_pay - FIRST_DUE)
    assert (stands.cover.state, stands.cover.begins_on) == (Cover.WAITING, date(2026, 12, 22))
    assert village.told("receipt") == [("receipt", PAYER)]


# D7: money that came by reference, found by the receipt that the phone shows


@ON_SQLITE
def test_an_sms_that_a_member_shows_covers_nobody_and_the_money_itself_does(office: Village) -> None:
    """H4 and D7: cover is read from the ledger, whatever text a phone shows; the first franc seen changes it."""
    made = office.register()
    with office.store.write() as unit:
        unit.connection.execute(
            insert(notice).values(
                source="at.inbound", reference="forged", received_at=unit.now, content_type="",
                body=f"from={PAYER}&text=Recu 000123-45678: 12600 F. Couvert".encode(),
            )
        )  # fmt: skip
        unit.connection.execute(
            insert(message).values(
                id=ordered_id(), key="forged", organisation_id=office.place.books.id, household_id=made.household_id,
                event="receipt", msisdn=PAYER, language="fr", text="Recu 000123-45678: 12600 F.", parts=1,
                state="delivered", created_at=unit.now,
            )
        )  # fmt: skip
    assert office.stands(made.household_id).cover.state is Cover.UNPAID
    paid_at = office.clock.now() - timedelta(days=1)
    seen = Seen("MTN MoMo", "9000001", office.place.books.id, francs(FIRST_DUE), PAYER, made.card, paid_at)
    with office.store.write() as unit:
        assert isinstance(see(unit, office.network.tree(), office.chart, seen), Posted)
    assert office.stands(made.household_id).cover.state is Cover.WAITING


# E9: a new version of the menu finds sessions that an older one wrote

CHANGED, SORRY = "Le menu a changé", "Désolé"
NUMBERS = (f"+2290150000{number}" for number in range(200, 900))
Written = dict[str, Any]


def a_field_less(fields: Written) -> Written:
    return dict(list(fields.items())[1:])


def a_field_more(fields: Written) -> Written:
    return {**fields, "of_an_older_version": 1}


def fields_of_another_kind(fields: Written) -> Written:
    return {name: [[1.5]] for name in fields}


def rewritten(place: Place, change: Callable[[Written], Written]) -> bool:
    """Every stored screen, and every screen behind it, as another version of the program would have written them.

    Gives whether a screen that somebody stands on is another now.
    """
    sessions, another = place.runtime.sessions, False
    for key in place.runtime.redis.scan_iter("ussd:s:*"):
        session = sessions.load(key.decode())
        assert isinstance(session, Session)
        before, session.screen = session.screen, _changed(session.screen, change)
        session.back = [_changed(one, change) for one in session.back]
        sessions.save(key.decode(), session, None)
        another = another or session.screen != before
    return another


def _changed(screen: str, change: Callable[[Written], Written]) -> str:
    name, _, fields = screen.partition(" ")
    return f"{name} {json.dumps(change(json.loads(fields)), separators=(',', ':'), ensure_ascii=False)}"


REGISTRATION: list[Callable[[Handset], Handset]] = [
    lambda at: at.picks("Inscrire ma famille"),
    lambda at: at.types("Adjara Tchédré"),
    lambda at: at.types("1"),
    lambda at: at.types("1991"),
    lambda at: at.types("kado"),
    lambda at: at.picks("C'est tout"),
    lambda at: at.picks("Inscrire"),
]


@pytest.mark.parametrize("typed", ["1", "0", "00", "98", "Adjara"])
@pytest.mark.parametrize("change", [a_field_less, a_field_more, fields_of_another_kind])
def test_a_session_that_an_older_version_wrote_goes_on_or_begins_again(
    town: Place, change: Callable[[Written], Written], typed: str
) -> None:
    """At every step of a registration: the phone gets a screen to go on from, never an error, and nothing twice."""
    for reached in range(1, len(REGISTRATION) + 1):
        at = town.phone(next(NUMBERS)).dial().picks("Français")
        for step in REGISTRATION[:reached]:
            step(at)
        before = town.counts()["household"]
        another = rewritten(town, change)
        at.types(typed).is_asked().sees_not(SORRY)
        if change is fields_of_another_kind and another:
            at.sees(CHANGED)
        town.phone(at.msisdn).dial().is_asked().sees_not(SORRY).types("00").is_asked().sees_not(SORRY)
        assert town.counts()["household"] - before <= (reached == len(REGISTRATION) - 1)
        town.runtime.redis.flushdb()


# F3: a report that never comes


@pytest.fixture
def aggregator() -> Iterator[StandIn]:
    standin = StandIn("--api-key", "key")
    yield standin
    standin.stop()


@ON_SQLITE
def test_without_a_report_a_message_is_never_called_delivered_nor_sent_again(
    office: Village, aggregator: StandIn
) -> None:
    aggregator.script({"reports": []})
    port = AfricasTalking("cotisa", "key", "", aggregator.url, read_timeout_s=2.0)
    with office.store.write() as unit:
        texts = (Outgoing("receipt", PAYER, "fr", "Recu 12", office.place.books.id, None, "receipt:1"),)
        queue_messages(unit, "receipts", *texts)
    sender = {TOPIC: Sender(office.store, port)}
    for _ in range(5):
        drain(office.store, "receipts", sender, office._tell)
        office.clock.move(timedelta(days=1))
    assert office.faults == []
    assert [row.state for row in office.messages()] == ["sent"]
    assert len(aggregator.sent()) == 1


# I9: the one exception


@ON_SQLITE
def test_of_one_key_one_sms_is_handed_over_and_what_is_uncertain_is_counted_in_the_metrics(
    office: Village, aggregator: StandIn
) -> None:
    aggregator.script({"drop_after": True})
    port = AfricasTalking("cotisa", "key", "", aggregator.url, read_timeout_s=2.0)
    texts = [Outgoing("invitation", PAYER, "fr", "Bonjour", office.place.books.id, None, "invitation:1")] * 3
    sender = {TOPIC: Sender(office.store, port)}
    for _ in range(3):
        with office.store.write() as unit:
            queue_messages(unit, "receipts", *texts)
        drain(office.store, "receipts", sender, office._tell)
        office.clock.move(timedelta(hours=1))
    assert office.faults == []
    assert len(aggregator.sent()) == 1
    assert figures(office.store)["messages"] == {"sending": 0, "sent": 0, "uncertain": 1, "waiting": 0}


# H5: a number that is somebody else's now


def test_a_number_that_was_given_to_somebody_else_shows_and_changes_nothing(any_place: Place) -> None:
    """The network gave the number to another person: behind the family's PIN nothing is seen; without the link to the
    card the number is a stranger's, also in a call that was dropped before."""
    card = any_place.household_with(MEMBER)
    any_place.lock_household(card, "7306")
    any_place.phone().dial().picks("Français")
    finder = any_place.phone().dial().picks("Ma couverture").sees("Code PIN de ce ménage").sees_not("Adjara")
    before = any_place.counts()
    for guess in ("1991", "2580", "0007"):
        finder.types(guess).sees_not("Adjara", "Tchédré")
    assert {**any_place.counts(), "effect": 0} == {**before, "effect": 0}
    any_place.wait(days=2)
    owner = any_place.phone().dial()
    owner.picks("Ma couverture").types("7306").sees("Carte")
    with any_place.runtime.store.write() as unit:
        unit.connection.execute(delete(phone).where(phone.c.msisdn == MEMBER))
    finder = any_place.phone().dial()
    assert "Adjara" not in finder.screen
    assert "Carte" not in finder.screen
    finder.types("00").sees("Inscrire ma famille")
