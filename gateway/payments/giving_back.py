"""Operators give money back: asked once, under a key that was saved before, and looked for until they have decided.

Claim → commit → call → record, with one call in a claim. The row of ``refund.give`` stays open until its call was
answered: what was begun and not answered is looked for under its key first, and asked again, with the same key, only
where the operator doesn't know it. What the operator holds is looked for by ``refund.look``, with growing patience.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Connection, select

from gateway.kernel.money import Money
from gateway.ledger.chart import Chart
from gateway.network.organisations import Network
from gateway.payments.decisions.cases import open_case
from gateway.payments.names import LONGEST, carried
from gateway.payments.providers.base import (
    Accepted,
    AskAnswer,
    FindAnswer,
    NotFound,
    Order,
    Paid,
    Provider,
    Refunder,
    Refused,
    Repayment,
    Unclear,
    keep_said,
)
from gateway.payments.push.breaker import Breakers, Line
from gateway.payments.push.patience import FIRST_LOOK, LOOK_FOR_LOST_AFTER, look_after_refusal, look_again
from gateway.payments.refunds import LOOK, Refund, by_key, move, no_longer, post
from gateway.store.outbox import Ask, Task, put
from gateway.store.pace import Pace
from gateway.store.schema import collection, household
from gateway.store.unit import Store, Unit

log = logging.getLogger(__name__)

# So long after it was sent, the operator is still asked each day about what people have decided otherwise.
DOUBTED_FOR = timedelta(days=14)


def who_gives_back(providers: Mapping[str, Provider]) -> frozenset[str]:
    """The names of the providers that give money back by themselves."""
    return frozenset(name for name, one in providers.items() if isinstance(one, Refunder))


@dataclass(frozen=True)
class _Call:
    """What an operator is asked, and the way to it."""

    refunder: Refunder
    repayment: Repayment
    line: Line


@dataclass(frozen=True)
class GivingBack:
    """The handlers of the outbox's ``refund.give`` and ``refund.look``."""

    store: Store
    network: Network
    chart: Chart
    providers: Mapping[str, Provider]
    breakers: Breakers
    pace: Pace = field(default_factory=Pace)

    def give(self, task: Task) -> timedelta | None:
        """Have an approved refund given back, once."""
        with self.store.write() as unit:
            one = by_key(unit.connection, task.subject, lock=True)
            if one is None or not one.at_operator:
                return None
            call = self._call(unit.connection, one)
            if call is None and one.state == "sent":
                # The operator may be giving it: nobody does so by hand before BY_HAND_AFTER.
                return timedelta(days=1)
            if call is None:
                _back_to_people(unit, one, "this installation has no keys for the operator any more")
                return None
            wait = self.breakers.wait(call.line)
            if wait:
                return wait
            begun = one.state == "sent"
            if begun:
                # Refunds are few: they wait for no slot of the operator's quota, and take one all the same.
                self.pace.reserve(unit, call.line.provider)
            else:
                move(unit, one, state="sent", sent_at=one.sent_at or unit.now)
        return self._look_for_lost(task.subject, call) if begun else self._ask(task.subject, call)

    def _ask(self, key: str, call: _Call) -> timedelta | None:
        answer: AskAnswer = call.refunder.give_back(call.repayment)
        self.breakers.heard(call.line, answer)
        with self.store.write() as unit:
            one = by_key(unit.connection, key, lock=True)
            if one is None:
                return None
            if one.state != "sent" or not one.at_operator:
                # It was decided by hand during the call, and the operator may be giving it now.
                if not isinstance(answer, Refused):
                    _look_from_now_on(unit, one, FIRST_LOOK)
                return None
            if isinstance(answer, Accepted):
                move(unit, one, handle=answer.handle or one.handle, said=keep_said(answer.said))
                _look_from_now_on(unit, one, FIRST_LOOK)
            elif isinstance(answer, Refused):
                _back_to_people(unit, one, answer.said)
            elif answer.safe_to_ask_again_after_s is not None:
                move(unit, one, state="approved", said=keep_said(answer.said))
                return timedelta(seconds=answer.safe_to_ask_again_after_s)
            else:
                move(unit, one, said=keep_said(answer.said))
                return LOOK_FOR_LOST_AFTER
        return None

    def _look_for_lost(self, key: str, call: _Call) -> timedelta | None:
        """A call was begun, and nobody knows whether it arrived."""
        answer: FindAnswer = call.refunder.find_back(call.repayment)
        self.breakers.heard(call.line, answer)
        with self.store.write() as unit:
            one = by_key(unit.connection, key, lock=True)
            if one is None:
                return None
            if isinstance(answer, NotFound) and one.at_operator:
                # It never arrived: the next claim of this row asks again, under the same key.
                move(unit, one, state="approved", said=keep_said(answer.said))
                return look_again(answer, one.age(unit.now))
            wait = self._act(unit, one, answer)
            if isinstance(answer, Unclear) and one.at_operator:
                return wait
            if wait is not None:
                _look_from_now_on(unit, one, wait)
        return None

    def look(self, task: Task) -> timedelta | None:
        """Look, again and again with growing patience, until there is a final answer."""
        with self.store.read() as connection:
            one = by_key(connection, task.subject)
            call = self._call(connection, one) if one is not None else None
        if one is None or call is None:
            return timedelta(days=1) if one is not None and one.state == "sent" else None
        wait = self.breakers.wait(call.line)
        if wait:
            return wait
        with self.store.write() as unit:
            self.pace.reserve(unit, call.line.provider)
        answer = call.refunder.find_back(call.repayment)
        self.breakers.heard(call.line, answer)
        with self.store.write() as unit:
            one = by_key(unit.connection, task.subject, lock=True)
            return self._act(unit, one, answer) if one is not None else None

    def _act(self, unit: Unit, one: Refund, answer: FindAnswer) -> timedelta | None:
        """Do what the operator's answer means for a locked refund; how long until the next look, None for no more."""
        if isinstance(answer, Paid):
            self._given(unit, one, answer)
            return None
        if isinstance(answer, Refused) and one.at_operator:
            _back_to_people(unit, one, answer.said)
        if isinstance(answer, Refused) or not one.at_operator:
            # An operator's refusal can turn out wrong, and somebody may have given the same by hand.
            age = one.age(unit.now)
            return look_after_refusal(age) or (timedelta(days=1) if age < DOUBTED_FOR else None)
        move(unit, one, said=keep_said(answer.said))
        return look_again(answer, one.age(unit.now))

    def _given(self, unit: Unit, one: Refund, answer: Paid) -> None:
        """The payer has it back: that is in the books, whatever was thought before, or a person must look at it."""
        number = carried(answer.operator_id)[1][:LONGEST]
        if one.state == "paid" and one.said == number:
            return
        readable = answer.amount.currency == one.amount.currency and answer.amount.minor > 0
        if one.state not in ("approved", "sent") or not readable:
            said = f"refund {one.number} is {one.state}, and its operator says now that it gave {answer.amount.decimal}"
            self._to_a_person(unit, one, said)
            return
        if no_longer(unit, one) is not None:
            self._to_a_person(unit, one, f"refund {one.number} was given of what its operator had taken back")
        if answer.amount != one.amount:
            self._to_a_person(unit, one, f"of refund {one.number} {answer.amount.decimal} was given")
            one = move(unit, one, amount_minor=answer.amount.minor)
        post(unit, self.network.tree(), self.chart, one, number)

    def _to_a_person(self, unit: Unit, one: Refund, said: str) -> None:
        log.error("%s", said)
        open_case(unit, "refund", one.organisation_id, one.collection_id, None, said, f"refund:{one.key}")

    def _call(self, connection: Connection, one: Refund) -> _Call | None:
        """What to ask of whom; None where nobody here gives this back."""
        paid = connection.execute(
            select(collection, household.c.card)
            .join(household, household.c.id == collection.c.household_id)
            .where(collection.c.id == one.collection_id)
        ).first()
        refunder: object = self.providers.get(paid.provider) if paid is not None else None
        if paid is None or not isinstance(refunder, Refunder):
            return None
        order = Order(
            key=paid.key,
            payer=paid.payer,
            amount=Money(paid.amount_minor, paid.currency),
            card=paid.card,
            country=self.network.tree()[one.organisation_id].country,
            handle=paid.handle,
            environment=paid.environment or "",
        )
        repayment = Repayment(one.key, order, paid.operator_id, one.amount, one.handle)
        return _Call(refunder, repayment, Line(paid.provider, paid.environment or ""))


def _back_to_people(unit: Unit, one: Refund, said: str) -> None:
    """The operator won't: somebody gives it by hand, or drops it."""
    log.error("refund %s goes back to a person: %s", one.number, keep_said(said))
    move(unit, one, state="approved", provider=None, sent_at=one.sent_at or unit.now, said=keep_said(said))


def _look_from_now_on(unit: Unit, one: Refund, after: timedelta) -> None:
    put(unit, Ask("money", LOOK, one.key, f"{LOOK}:{one.key}", after))
