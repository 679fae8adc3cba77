"""A phone that writes SMS to the whole application, and the answers that come to it."""

from __future__ import annotations

import itertools
from datetime import timedelta

from sqlalchemy import select

from gateway.kernel.card import new_card_number
from gateway.membership.households import choose_language
from gateway.payments.receipts import show_receipt
from gateway.store.outbox import drain
from gateway.store.schema import collection, message, outbox
from tests.ussd.handset import SECRET
from tests.ussd.world import FAMILY, MEMBER, MOOV, OTHER_MTN, Place

STRANGER = "+2290150000555"
NO_CARD = new_card_number(lambda _: 12_345_678)  # nobody's
_ids = itertools.count(1)
ANSWERS = ("sms_answer", "sms_help", "sms_check")


def post(place: Place, text: str, sender: str = MEMBER, its_id: str = "") -> None:
    """The aggregator brings an SMS."""
    form = {"id": its_id or f"at-{next(_ids)}", "from": sender, "to": "20880", "text": text, "date": "2026-11-22"}
    posted = place.app.test_client().post(f"/sms/africastalking/{SECRET}/inbound", data=form)
    assert posted.status_code == 200


def work(place: Place) -> None:
    """What the worker of answers does."""
    faults: list[Exception] = []
    handlers = {**place.runtime.handlers, "sms.send": lambda task: None}
    while drain(place.runtime.store, "replies", handlers, lambda _, error: faults.append(error)):
        assert not faults, faults


def writes(place: Place, text: str, sender: str = MEMBER, its_id: str = "") -> list[str]:
    """A phone sends an SMS, and a worker does what follows; what is answered to it, each of one part."""
    before = len(answered(place, sender))
    post(place, text, sender, its_id)
    work(place)
    place.wait(seconds=1)
    return answered(place, sender)[before:]


def answered(place: Place, msisdn: str) -> list[str]:
    """The texts of all answers to a phone, each of one part, the oldest first."""
    told = (message.c.msisdn == msisdn) & message.c.event.in_(ANSWERS)
    rows = place.ask(select(message.c.text, message.c.parts).where(told).order_by(message.c.created_at))
    assert {parts for _, parts in rows} <= {1}
    return [text for text, _ in rows]


def an_hour(place: Place) -> None:
    """So long that the same answer is given again."""
    place.runtime.own_clock.move(timedelta(hours=1))


def settled(place: Place) -> str:
    own = place.household_with(MEMBER, *FAMILY)
    in_english(place, MEMBER, STRANGER, OTHER_MTN, MOOV)
    return own


def in_english(place: Place, *phones: str) -> None:
    with place.runtime.store.write() as unit:
        for msisdn in phones:
            choose_language(unit, msisdn, "en")


def grouped(card: str) -> str:
    return f"{card[:3]} {card[3:6]} {card[6:]}"


def asked(place: Place) -> list[tuple[str, int, str]]:
    """The payments that were asked for: from whom, how much, and when as seen from now."""
    query = (
        select(collection.c.payer, collection.c.amount_minor, outbox.c.due_at)
        .join(outbox, (outbox.c.subject == collection.c.key) & (outbox.c.topic == "collection.ask"))
        .order_by(collection.c.id)
    )
    now = place.runtime.clock.now()
    return [(payer, minor, "at once" if due <= now else "later") for payer, minor, due in place.ask(query)]


def pays(place: Place, amount: int = 10_200) -> str:
    """The family pays by SMS, and its wallet does; the receipt as people type it."""
    writes(place, f"pay {amount}")
    place.wallet_pays()
    [(its_id, code)] = place.ask(
        select(collection.c.id, collection.c.receipt_code).order_by(collection.c.id.desc()).limit(1)
    )
    return show_receipt(its_id, code)
