"""A complaint is answered once, and its answer goes by SMS to the phone that it came from, in the same transaction."""

from __future__ import annotations

from gateway.kernel.faults import Fault
from gateway.locale import Say, mark
from gateway.membership.requests import Request, answer, by_number
from gateway.sms.gsm7 import fold
from gateway.sms.notices import answered
from gateway.sms.outgoing import Outgoing, queue_messages
from gateway.store.unit import Unit


class NotAnswered(Fault):
    """Nothing was written and nothing leaves."""


def answer_complaint(unit: Unit, number: str, by_name: str, text: str) -> tuple[Request, str]:
    """Answer an open complaint; gives it as it stands then, and the SMS as it leaves.

    Of two who answer at once the first one's answer stands. Raises :class:`NotAnswered` where none waits under this
    number, and for a text that is empty or longer than two SMS.
    """
    asked = by_number(unit.connection, number)
    done = answer(unit, number, by_name, text) if asked is not None and asked.kind == "complaint" else None
    if done is None:
        raise NotAnswered(mark("no complaint {number} waits for an answer"), number=number)
    said = done.answer or ""
    sms = answer_as_sent(done, said)
    if not said or not sms.endswith(fold(said)):
        raise NotAnswered(mark("an answer is a text of at most two SMS"))
    key = f"answer:{done.number}"
    queue_messages(
        unit,
        "replies",
        Outgoing("answer", done.msisdn, done.language, sms, done.organisation_id, done.household_id, key),
    )
    return done, sms


def answer_as_sent(one: Request, text: str) -> str:
    """The SMS that an answer would be, cut where it is too long."""
    return answered(Say(one.language), one.number, text)


def call_made(unit: Unit, number: str, by_name: str) -> Request:
    """Somebody was called back; raises :class:`NotAnswered` where nobody waits for that under this number."""
    asked = by_number(unit.connection, number)
    done = answer(unit, number, by_name, "") if asked is not None and asked.kind == "callback" else None
    if done is None:
        raise NotAnswered(mark("no call back {number} is open"), number=number)
    return done
