"""Asking operators: for money once, and for the outcome until there is one. Claim → commit → call → record."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from gateway.kernel.faults import Fault
from gateway.ledger.chart import Chart
from gateway.network.organisations import Network
from gateway.payments.collections import (
    Collection,
    by_key,
    keep_slot,
    last_moved,
    look_soon,
    looked,
    move,
    sends,
    take_slot,
)
from gateway.payments.decisions.cases import open_case
from gateway.payments.not_paid import tell_link, tell_not_paid
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
from gateway.payments.push.breaker import Breakers, Line
from gateway.payments.push.patience import (
    FIRST_LOOK,
    LOOK_FOR_LOST_AFTER,
    LOOKED_FOR,
    look_after_refusal,
    look_again,
    next_look,
)
from gateway.payments.settle import post_paid
from gateway.payments.states import UNDECIDED, State
from gateway.store.outbox import Ask, Task, done, patience, put
from gateway.store.pace import FURTHEST, SHORT, Pace
from gateway.store.schema import household, payer_group
from gateway.store.unit import Store, Unit

log = logging.getLogger(__name__)

# A prompt that the payer hasn't answered by then won't be (MTN closes it after about five minutes): they are told,
# and may try again. The operator is still asked afterwards, since money can come late.
GIVE_UP_AFTER = timedelta(minutes=15)
# An order that certainly never arrived is sent again only while the payer is likely still at the phone.
ASK_AGAIN_WITHIN = timedelta(minutes=5)
ASK_AGAIN_AFTER = timedelta(seconds=10)
# Why an order is unclear of which it is certain all the same that nothing was begun.
_NOTHING_BEGUN = frozenset({"unreached", "busy", "not-ready", "payer-busy"})
# Notices that merely repeat a payment come within this time, and cost no question.
REPEATS_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True)
class _Looked:
    """What a look came to: after how long the next one is, None when it is enough.

    ``unread``: a collection that was over already got no answer. ``queued``: nobody was asked, for the operator's quota
    has no room before then.
    """

    again: timedelta | None
    unread: bool = False
    queued: bool = False


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
    pace: Pace = field(default_factory=Pace)

    def ask(self, task: Task) -> timedelta | None:
        """Ask the wallet, once: what was begun and not recorded is looked for, never asked anew."""
        with self.store.write() as unit:
            one = by_key(unit.connection, task.subject, lock=True)
            if one is None or one.state not in (State.CREATED, State.SENDING, State.UNCLEAR):
                return None
            if one.state is State.SENDING:
                # Whoever claimed this before died between the call and its record.
                move(unit, one, State.UNCLEAR, "interrupted")
                look_soon(unit, one.key)
                done(unit, task)  # in this transaction: whoever finds the row open again would ask anew
                return None
            wait = self.breakers.wait(_line(one))
            if wait and unit.now - one.created_at + wait < ASK_AGAIN_WITHIN:
                return wait
            if wait or unit.now - one.created_at > ASK_AGAIN_WITHIN:
                never = one.state is State.CREATED or one.reason in _NOTHING_BEGUN
                move(unit, one, State.EXPIRED, "never_sent" if never else "no_answer")
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
                named = {"handle": answer.handle, "token": answer.token}
                move(unit, one, State.PENDING, None, answer.said, asked_at=unit.now, **named)
                if answer.link is not None:
                    tell_link(unit, self.network.tree(), one, answer.link)
            elif isinstance(answer, Refused):
                move(unit, one, State.REFUSED, answer.reason, answer.said, asked_at=unit.now)
                tell_not_paid(unit, self.network.tree(), one, answer.reason)
            else:
                move(unit, one, State.UNCLEAR, answer.reason, answer.said, asked_at=unit.now)
                if answer.safe_to_ask_again_after_s is not None:
                    return timedelta(seconds=answer.safe_to_ask_again_after_s)
                look_soon(unit, one.key, LOOK_FOR_LOST_AFTER)
            done(unit, task)
        return None

    def hint(self, task: Task) -> timedelta | None:
        """Look now: something told us that there may be news. An unknown key is somebody else's news."""
        found = self._look(task.subject, hinted=True)
        if found.queued:
            return found.again
        # Nobody looks any more at what is over: the news would be lost with an answer that didn't come.
        return patience(task.claims) if found.unread else None

    def look(self, task: Task) -> timedelta | None:
        """Look, again and again with growing patience, until there is a final answer."""
        return self._look(task.subject).again

    def ask_by_hand(self, key: str) -> tuple[FindAnswer | None, Collection]:
        """Ask the operator now what became of a collection, whatever its state, and act on the answer as a look does.

        Gives what the operator said, None where it wasn't asked because the money is there (or was taken back), and how
        the collection stands now. Nothing is sent anew. Raises :class:`Fault` where nobody can be asked.
        """
        with self.store.read() as connection:
            one = by_key(connection, key)
            order = self._order(connection, one) if one is not None else None
        if one is None or order is None:
            raise Fault(f"no collection has the key {key}")
        if one.state in (State.PAID, State.REVERSED):
            return None, one
        if one.way != "push":
            raise Fault(f"collection {key} came by {one.way}: there is no operator to ask")
        if one.state is State.CREATED:
            raise Fault(f"collection {key} was not sent yet: there is nothing to ask about")
        if one.provider not in self.providers:
            raise Fault(f"collection {key} was asked of {one.provider}, which has no keys here")
        with self.store.write() as unit:
            # A person doesn't wait for a slot, and takes one all the same.
            self.pace.reserve(unit, one.provider)
        answer = self.providers[one.provider].find(order)
        self.breakers.heard(_line(one), answer)
        self._act(key, answer, by_hand=True)
        with self.store.read() as connection:
            return answer, by_key(connection, key) or one

    def _look(self, key: str, hinted: bool = False) -> _Looked:
        """Ask the operator what became of a collection, when its turn has come, and act on it."""
        with self.store.read() as connection:
            one = by_key(connection, key)
            order = self._order(connection, one) if one is not None else None
        # Only a push has an operator to ask: what came by reference or in cash bears a name that isn't a provider's.
        if one is None or order is None or one.way != "push" or one.state is State.REVERSED:
            return _Looked(None)
        if one.state is State.PAID:
            return self._doubt(one, order) if hinted else _Looked(None)
        if one.state is State.CREATED:
            return _Looked(FIRST_LOOK)
        wait = self.breakers.wait(_line(one))
        if wait:
            return _Looked(wait, unread=one.state not in UNDECIDED)
        if (later := self._queue(one)) is not None:
            return later
        answer = self.providers[one.provider].find(order)
        self.breakers.heard(_line(one), answer)
        return self._act(key, answer)

    def _queue(self, one: Collection) -> _Looked | None:
        """Wait for the operator's quota; None when it may be asked now, else when to come back.

        A slot that is a while away is kept on the collection and the work put off until then: those who wait longest
        have the first slots, and nobody takes a second one.
        """
        with self.store.write() as unit:
            if one.look_at is not None and unit.now < one.look_at <= unit.now + FURTHEST:
                return _Looked(one.look_at - unit.now, queued=True)
            if one.look_at is not None and take_slot(unit, one):
                return None
            slot = self.pace.reserve(unit, one.provider)
            wait = slot - unit.now
            if wait > SHORT:
                keep_slot(unit, one, slot)
                return _Looked(wait, queued=True)
        if wait:
            self.pace.sleep(wait.total_seconds())
        return None

    def _act(self, key: str, answer: FindAnswer, by_hand: bool = False) -> _Looked:
        with self.store.write() as unit:
            if isinstance(answer, Paid):
                post_paid(unit, self.network.tree(), self.chart, key, answer)
                return _Looked(None)
            one = by_key(unit.connection, key, lock=True)
            if one is None or one.state in (State.PAID, State.REVERSED):
                return _Looked(None)
            unread = one.state not in UNDECIDED and _worth_another_look(one, answer, unit.now)
            return _Looked(self._not_paid_yet(unit, one, answer, by_hand), unread)

    def _doubt(self, one: Collection, order: Order) -> _Looked:
        """Something came about what was posted long ago: where the operator takes its word back, a person must look."""
        if one.paid_at is None or self.store.clock.now() - one.paid_at < REPEATS_WITHIN:
            return _Looked(None)
        if (later := self._queue(one)) is not None:
            return later
        answer = self.providers[one.provider].find(order)
        self.breakers.heard(_line(one), answer)
        if isinstance(answer, Refused):
            log.error("collection %s is posted, and its operator says now: %s", one.key, answer.said)
            with self.store.write() as unit:
                open_case(unit, "conflict", one.organisation_id, one.id, None, answer.said, f"conflict:{one.key}")
            return _Looked(None)
        unread = not isinstance(answer, Paid) and _worth_another_look(one, answer, self.store.clock.now())
        return _Looked(None, unread)

    def _not_paid_yet(self, unit: Unit, one: Collection, answer: FindAnswer, by_hand: bool) -> timedelta | None:
        looked(unit, one, answer.said)
        age = unit.now - one.created_at
        if isinstance(answer, Refused) and one.state is not State.REFUSED:
            move(unit, one, State.REFUSED, answer.reason, answer.said)
            if one.state is not State.EXPIRED:  # the payer of one that expired knows already that nothing came
                tell_not_paid(unit, self.network.tree(), one, answer.reason)
            return look_after_refusal(timedelta(0))
        if one.state is State.REFUSED and not isinstance(answer, Unclear):
            return look_after_refusal(unit.now - last_moved(unit.connection, one))
        if isinstance(answer, NotFound) and one.state is State.UNCLEAR and age < ASK_AGAIN_WITHIN:
            if not by_hand:
                _ask_again(unit, one)
        elif isinstance(answer, Waiting) and one.state in (State.UNCLEAR, State.SENDING):
            move(unit, one, State.PENDING, None, answer.said)
        elif age > GIVE_UP_AFTER and one.state in (State.PENDING, State.UNCLEAR):
            move(unit, one, State.EXPIRED, "no_answer", answer.said)
            tell_not_paid(unit, self.network.tree(), one, "expired" if isinstance(answer, Waiting) else "unavailable")
        if isinstance(answer, Unclear):
            return look_again(answer, age)
        wait = next_look(age)
        if wait is None:
            log.error("collection %s is left undecided: its operator says %s after %s", one.key, answer.said, age)
        return wait

    def _order(self, connection: Connection, one: Collection) -> Order:
        named = select(household.c.card).where(household.c.id == one.household_id)
        if one.group_id is not None:
            named = select(payer_group.c.code).where(payer_group.c.id == one.group_id)
        card = connection.execute(named).scalar_one()
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


def _worth_another_look(one: Collection, answer: FindAnswer, now: datetime) -> bool:
    """Something came about a collection that is over, and its operator didn't say what: is it asked again?"""
    if isinstance(answer, Unclear) and answer.reason == "no-handle":
        return False  # there is nothing to ask by
    return (isinstance(answer, Unclear) or one.state is State.PAID) and now - one.created_at < LOOKED_FOR


def _ask_again(unit: Unit, one: Collection) -> None:
    """Ask once more for what never arrived: once for each call that was lost, and each time more patiently."""
    lost = sends(unit.connection, one)
    after = ASK_AGAIN_AFTER * (lost - 1)
    put(unit, Ask("money", "collection.ask", one.key, f"ask:{one.key}:{lost}", after, first=True))
