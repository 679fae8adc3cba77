"""Asking operators: for money once, and for the outcome until there is one. Claim → commit → call → record."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, select

from gateway.kernel.ids import ordered_id
from gateway.ledger.chart import Chart
from gateway.network.organisations import Network
from gateway.payments.breaker import Breakers, Line
from gateway.payments.cases import open_case
from gateway.payments.collections import Collection, by_key, looked, move, sends
from gateway.payments.providers.base import (
    Accepted,
    FindAnswer,
    NotFound,
    Order,
    Paid,
    Provider,
    Refused,
    Unclear,
    Waiting,
)
from gateway.payments.settle import post_paid, tell_link, tell_not_paid
from gateway.payments.states import UNDECIDED, State
from gateway.store.outbox import Ask, Task, patience, put
from gateway.store.schema import household
from gateway.store.unit import Store, Unit

log = logging.getLogger(__name__)

# A prompt that the payer hasn't answered by then won't be (MTN closes it after about five minutes): they are told,
# and may try again. The operator is still asked afterwards, since money can come late.
GIVE_UP_AFTER = timedelta(minutes=15)
# An order that certainly never arrived is sent again only while the payer is likely still at the phone.
ASK_AGAIN_WITHIN = timedelta(minutes=5)
ASK_AGAIN_AFTER = timedelta(seconds=10)
REPEATS_WITHIN = timedelta(minutes=10)
LOOK_AFTER_REFUSAL = (timedelta(hours=1), timedelta(days=1))
# How long to wait before the next look, by the collection's age.
LOOK_AFTER = (
    (timedelta(minutes=1), timedelta(seconds=10)),
    (timedelta(minutes=5), timedelta(seconds=30)),
    (timedelta(minutes=20), timedelta(minutes=1)),
    (timedelta(hours=6), timedelta(hours=1)),
    (timedelta(days=1), timedelta(hours=6)),
    (timedelta(days=4), timedelta(days=1)),
)


@dataclass(frozen=True)
class Cashier:
    """The handlers of the outbox's ``collection.ask``, ``collection.look`` and ``collection.hint``.

    The first two are written with the collection itself, so there is always one row that keeps looking; a hint (a
    notice, or a call that got no answer) is one look more, out of turn.
    """

    store: Store
    network: Network
    chart: Chart
    providers: Mapping[str, Provider]
    breakers: Breakers
    callback_base: str  # https://host/payments/{provider}/{secret}/{key}, with the two names to fill in

    def ask(self, task: Task) -> timedelta | None:
        """Ask the wallet, once: what was begun and not recorded is looked for, never asked anew."""
        with self.store.write() as unit:
            one = by_key(unit.connection, task.subject, lock=True)
            if one is None or one.state not in (State.CREATED, State.SENDING, State.UNCLEAR):
                return None
            if one.state is State.SENDING:
                # Whoever claimed this before died between the call and its record.
                move(unit, one, State.UNCLEAR, "interrupted")
                _look_out_of_turn(unit, one, timedelta(0))
                return None
            wait = self.breakers.wait(_line(one))
            if wait and unit.now - one.created_at + wait < ASK_AGAIN_WITHIN:
                return wait
            if wait or unit.now - one.created_at > ASK_AGAIN_WITHIN:
                move(unit, one, State.EXPIRED, "never_sent")
                tell_not_paid(unit, self.network.tree(), one, "unavailable")
                return None
            move(unit, one, State.SENDING)
            order = self._order(unit.connection, one)
        answer = self.providers[one.provider].ask(order)
        self.breakers.heard(_line(one), answer)
        with self.store.write() as unit:
            one = by_key(unit.connection, task.subject, lock=True)
            # A callback can be faster than the answer to the call: then this has been decided already.
            if one is None or one.state is not State.SENDING:
                return None
            if isinstance(answer, Accepted):
                move(unit, one, State.PENDING, None, answer.said, asked_at=unit.now, handle=answer.handle)
                if answer.link is not None:
                    tell_link(unit, self.network.tree(), one, answer.link)
            elif isinstance(answer, Refused):
                move(unit, one, State.REFUSED, answer.reason, answer.said, asked_at=unit.now)
                tell_not_paid(unit, self.network.tree(), one, answer.reason)
            else:
                move(unit, one, State.UNCLEAR, answer.reason, answer.said, asked_at=unit.now)
                if answer.safe_to_ask_again_after_s is not None:
                    return timedelta(seconds=answer.safe_to_ask_again_after_s)
                _look_out_of_turn(unit, one, timedelta(seconds=2))
        return None

    def hint(self, task: Task) -> timedelta | None:
        """Look now: something told us that there may be news. An unknown key is somebody else's news."""
        _, unread = self._look(task.subject, hinted=True)
        # Nobody looks any more at what was refused: the news would be lost with an answer that didn't come.
        return patience(task) if unread else None

    def look(self, task: Task) -> timedelta | None:
        """Look, again and again with growing patience, until there is a final answer."""
        wait, _ = self._look(task.subject)
        return wait

    def _look(self, key: str, hinted: bool = False) -> tuple[timedelta | None, bool]:
        """Ask the operator what became of a collection and act on it.

        Gives how long until the next look, or None when it is enough; and whether a collection that was over already
        got no answer.
        """
        with self.store.read() as connection:
            one = by_key(connection, key)
            order = self._order(connection, one) if one is not None else None
        # Only a push has an operator to ask: what came by reference or in cash bears a name that isn't a provider's.
        if one is None or order is None or one.way != "push" or one.state is State.REVERSED:
            return None, False
        if one.state is State.PAID:
            if hinted:
                self._doubt(one, order)
            return None, False
        if one.state is State.CREATED:
            return LOOK_AFTER[0][1], False
        wait = self.breakers.wait(_line(one))
        if wait:
            return wait, one.state not in UNDECIDED
        answer = self.providers[one.provider].find(order)
        self.breakers.heard(_line(one), answer)
        with self.store.write() as unit:
            if isinstance(answer, Paid):
                post_paid(unit, self.network.tree(), self.chart, key, answer)
                return None, False
            one = by_key(unit.connection, key, lock=True)
            if one is None or one.state in (State.PAID, State.REVERSED):
                return None, False
            unread = isinstance(answer, Unclear) and one.state not in UNDECIDED
            return self._not_paid_yet(unit, one, answer), unread

    def _doubt(self, one: Collection, order: Order) -> None:
        """Something came about what was posted a while ago: should the operator take its word back, a person must look.

        Notices that merely repeat the payment come within minutes, and cost no question.
        """
        if one.paid_at is None or self.store.clock.now() - one.paid_at < REPEATS_WITHIN:
            return
        answer = self.providers[one.provider].find(order)
        if isinstance(answer, Refused):
            log.error("collection %s is posted, and its operator says now: %s", one.key, answer.said)
            with self.store.write() as unit:
                open_case(unit, "conflict", one.organisation_id, one.id, None, answer.said, f"conflict:{one.key}")

    def _not_paid_yet(self, unit: Unit, one: Collection, answer: FindAnswer) -> timedelta | None:
        looked(unit, one, answer.said)
        age = unit.now - one.created_at
        if isinstance(answer, Refused):
            if one.state in (State.SENDING, State.PENDING, State.UNCLEAR):
                move(unit, one, State.REFUSED, answer.reason, answer.said)
                tell_not_paid(unit, self.network.tree(), one, answer.reason)
            elif one.state is State.EXPIRED:
                move(unit, one, State.REFUSED, answer.reason, answer.said)
            return look_after_refusal(age)
        if isinstance(answer, NotFound) and one.state is State.UNCLEAR and age < ASK_AGAIN_WITHIN:
            _ask_again(unit, one)
        elif isinstance(answer, Waiting) and one.state in (State.UNCLEAR, State.SENDING):
            move(unit, one, State.PENDING, None, answer.said)
        elif age > GIVE_UP_AFTER and one.state in (State.PENDING, State.UNCLEAR):
            move(unit, one, State.EXPIRED, "no_answer", answer.said)
            tell_not_paid(unit, self.network.tree(), one, "expired" if isinstance(answer, Waiting) else "unavailable")
        if isinstance(answer, Unclear):
            # No answer is no end: whoever didn't answer for days is asked each day until they do.
            told_s = answer.safe_to_ask_again_after_s
            return timedelta(seconds=told_s) if told_s else next_look(age) or timedelta(days=1)
        wait = next_look(age)
        if wait is None:
            log.error("collection %s is left undecided: its operator says %s after %s", one.key, answer.said, age)
        return wait

    def _order(self, connection: Connection, one: Collection) -> Order:
        card = connection.execute(select(household.c.card).where(household.c.id == one.household_id)).scalar_one()
        return Order(
            key=one.key,
            payer=one.payer,
            amount=one.amount,
            card=card,
            country=self.network.tree()[one.organisation_id].country,
            callback_url=self.callback_base.format(provider=one.provider, key=one.key),
            handle=one.handle,
            environment=one.environment or "",
        )


def _line(one: Collection) -> Line:
    return Line(one.provider, one.environment or "")


def _ask_again(unit: Unit, one: Collection) -> None:
    """Ask once more for what never arrived: once for each call that was lost, and each time more patiently."""
    lost = sends(unit.connection, one)
    after = ASK_AGAIN_AFTER * (lost - 1)
    put(unit, Ask("money", "collection.ask", one.key, f"ask:{one.key}:{lost}", after, first=True))


def _look_out_of_turn(unit: Unit, one: Collection, after: timedelta) -> None:
    put(unit, Ask("money", "collection.hint", one.key, f"hint:{ordered_id()}", after))


def look_after_refusal(age: timedelta) -> timedelta | None:
    """A refusal is looked at twice more, after an hour and after a day: its one notice of a change may get lost."""
    return next((later - age for later in LOOK_AFTER_REFUSAL if later > age), None)


def next_look(age: timedelta) -> timedelta | None:
    """How long until the next look at an undecided collection of this age, with jitter; None when it is enough."""
    for up_to, wait in LOOK_AFTER:
        if age < up_to:
            return wait * random.uniform(0.9, 1.2)
    return None
