"""Which aggregator is left alone, until when and why: one row each, which all workers share.

One that isn't reached, or that leaves texts without an answer again and again, is left alone for longer each time. One
without credit, or that refuses our settings, waits for a person: the administrators at the top of the network are woken
once, and it is tried again by itself. When its time has passed, one caller in the whole house tries it.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, delete, or_, select, update

from gateway.kernel.faults import Unavailable
from gateway.locale import Say
from gateway.network.organisations import Network, Organisation
from gateway.network.staff import Member, everybody
from gateway.sms.gsm7 import fold
from gateway.sms.outgoing import TOPIC, Outgoing, queue_messages
from gateway.sms.port import UNTIL_SOMEBODY_ACTS
from gateway.store import lease
from gateway.store.if_new import if_new
from gateway.store.or_set import or_set
from gateway.store.outbox import QUEUES
from gateway.store.schema import aggregator_state, outbox
from gateway.store.unit import Store, Unit

log = logging.getLogger(__name__)

LEFT_ALONE = (timedelta(seconds=20), timedelta(seconds=45), timedelta(minutes=2), timedelta(minutes=5))
# What only a person can end.
NEEDS_SOMEBODY = frozenset({"no_credit", "bad_credentials", "invalid_sender", "wrong_address"})
# How often in a row before an aggregator is left alone; anything else: at once.
PATIENCE: Mapping[str, int] = {
    "no_answer": 2, "unclear": 2, "slow": 3, "throttled": 3, "queue_full": 3, "aggregator_error": 2, "gateway_error": 2,
}  # fmt: skip
# Whoever tries one whose time has passed does so within this, while the others wait for what comes of it.
TRIED_WITHIN = timedelta(seconds=30)
# A text that can't wait is tried with one that is left alone this often, where there is no other.
TRY_EVERY_S = 60
FRESH_FOR_S = 3.0
MOST_WOKEN = 20
NAMES = {"africastalking": "Africa's Talking", "smpp": "SMPP"}

_ALARM_EVENT = "sms_alarm"
_NEW = if_new(aggregator_state, "name")
_KEEP = or_set(aggregator_state, ("name",), "failures", "left_alone_until", "reason", "since", "told_at")


@dataclass(frozen=True)
class Trouble:
    """What is wrong with an aggregator, and since when; ``until`` it is left alone, None as long as it isn't."""

    name: str
    failures: int
    until: datetime | None
    reason: str
    since: datetime
    told_at: datetime | None

    @property
    def needs_somebody(self) -> bool:
        return self.reason in NEEDS_SOMEBODY


@dataclass
class Aggregators:
    """All aggregators' troubles, as of a few seconds ago at most; without a ``network`` nobody is written to.

    ``topics`` are those of the outbox's work that waits for an aggregator, and is due at once when one is back.
    """

    store: Store
    network: Network | None = None
    topics: Sequence[str] = (TOPIC,)
    monotonic: Callable[[], float] = time.monotonic
    holder: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    _known: Mapping[str, Trouble] = field(default_factory=dict)
    _read_at: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def left_alone_for(self, name: str) -> timedelta:
        """How long an aggregator is still to be left alone; zero when it may be tried."""
        trouble = self.trouble(name)
        if trouble is None or trouble.until is None:
            return timedelta(0)
        return max(timedelta(0), trouble.until - self.store.clock.now())

    def trouble(self, name: str) -> Trouble | None:
        return self._troubles().get(name)

    def may_try(self, name: str) -> bool:
        """True for the one caller that may try an aggregator whose time has passed."""
        with self.store.write() as unit:
            taken = unit.connection.execute(
                update(aggregator_state)
                .where(aggregator_state.c.name == name, aggregator_state.c.left_alone_until <= unit.now)
                .values(left_alone_until=unit.now + TRIED_WITHIN)
                .returning(*aggregator_state.c)
            ).first()
        if taken is None:
            self._read_at = None
            return False
        self._learn(name, _read(taken))
        return True

    def may_try_early(self, name: str) -> bool:
        """True once a minute, for whoever has a text that can't wait and nobody else to give it to."""
        return lease.take(self.store, f"sms tries {name}", TRY_EVERY_S, self.holder)

    def failed(self, name: str, reason: str, *, trying: bool = False, another: bool = False) -> bool:
        """Note that an aggregator failed; whether it is left alone now.

        ``trying``: it was tried after it had been left alone. What others find out meanwhile counts once. ``another``:
        there is an aggregator that works, so that whoever has to act can be written to now.
        """
        with self.store.write() as unit:
            # A row that wasn't there is put first, so that of two who find out at once one waits for the other.
            empty = {"name": name, "failures": 0, "left_alone_until": None, "reason": "", "since": unit.now}
            unit.connection.execute(_NEW[unit.connection.dialect.name], empty)
            row = _locked(unit, name)
            assert row is not None
            left_alone = row.left_alone_until is not None and row.left_alone_until > unit.now
            if left_alone and not trying and (row.reason == reason or reason not in NEEDS_SOMEBODY):
                return True
            # A reason that waits for a person begins a trouble of its own: its beginning and who was told are its own.
            new = not row.failures or (row.reason in NEEDS_SOMEBODY) != (reason in NEEDS_SOMEBODY)
            failures = 1 if new else min(row.failures + 1, 1_000)
            wait = _wait(reason, failures, left_alone)
            trouble = Trouble(
                name=name,
                failures=failures,
                until=unit.now + wait if wait else None,
                reason=reason[:40],
                since=unit.now if new else row.since,
                told_at=None if new else row.told_at,
            )
            if trouble.needs_somebody and another and self._wake(unit, trouble):
                trouble = replace(trouble, told_at=unit.now)
            unit.connection.execute(
                _KEEP[unit.connection.dialect.name],
                {
                    "name": name,
                    "failures": trouble.failures,
                    "left_alone_until": trouble.until,
                    "reason": trouble.reason,
                    "since": trouble.since,
                    "told_at": trouble.told_at,
                },
            )
        self._learn(name, trouble)
        if wait:
            level = logging.ERROR if trouble.needs_somebody and new else logging.WARNING
            log.log(level, "aggregator %s is left alone for %s: %s", name, wait, reason)
        return wait is not None

    def answered(self, name: str, *, trying: bool = False) -> None:
        """Note that an aggregator takes texts: what waited for it is done at once.

        What was asked of one before it was left alone, and is answered after, says nothing.
        """
        if not trying and self.trouble(name) is None:
            return
        with self.store.write() as unit:
            row = _locked(unit, name)
            left_alone = row is not None and row.left_alone_until is not None and row.left_alone_until > unit.now
            if row is None or (left_alone and not trying):
                self._read_at = None
                return
            unit.connection.execute(delete(aggregator_state).where(aggregator_state.c.name == name))
            if row.left_alone_until is not None:
                _hurry(unit, self.topics)
            trouble = _read(row)
            if trouble.needs_somebody:
                self._say_that_it_is_over(unit, trouble)
        self._learn(name, None)
        log.warning("aggregator %s takes SMS again", name)

    def _learn(self, name: str, trouble: Trouble | None) -> None:
        """Know what was just committed: whoever reads the table at this moment may have seen it as it was before."""
        with self._lock:
            others = {known: one for known, one in self._known.items() if known != name}
            self._known = others | ({name: trouble} if trouble is not None else {})

    def _troubles(self) -> Mapping[str, Trouble]:
        fresh = self._read_at is not None and self.monotonic() - self._read_at < FRESH_FOR_S
        if fresh or not self._lock.acquire(blocking=False):
            return self._known
        try:
            with self.store.read() as connection:
                self._known = {one.name: one for one in troubles(connection)}
            self._read_at = self.monotonic()
        except Unavailable:
            log.warning("the aggregators' state can't be read: they count as they did")
        finally:
            self._lock.release()
        return self._known

    # --- who is woken ------------------------------------------------------------------------------------------------

    def _wake(self, unit: Unit, trouble: Trouble) -> bool:
        """Write to those who can end it, once; whether anybody is written to now."""
        if trouble.told_at is not None:
            return False
        letters = [
            (member, place, stopped(Say(language), trouble, _zone(place)))
            for member, place, language in self._keepers(unit.connection)
        ]
        _queue(unit, trouble, "stopped", letters)
        return bool(letters)

    def _say_that_it_is_over(self, unit: Unit, trouble: Trouble) -> None:
        letters = [
            (member, place, over(Say(language), trouble, unit.now, _zone(place)))
            for member, place, language in self._keepers(unit.connection)
        ]
        _queue(unit, trouble, "over", letters)

    def _keepers(self, connection: Connection) -> Iterator[tuple[Member, Organisation, str]]:
        """The administrators at the top of the network, or the treasurers where there is none, and their language.

        Each phone once.
        """
        if self.network is None:
            return
        roots = {one.id: one for one in self.network.tree().by_id.values() if one.parent_id is None}
        there = [one for one in everybody(connection) if one.organisation_id in roots]
        run = {one.organisation_id for one in there if one.role == "administrator"}
        seen: set[str] = set()
        for member in there:
            wanted = "administrator" if member.organisation_id in run else "treasurer"
            if member.role == wanted and member.msisdn not in seen:
                if len(seen) == MOST_WOKEN:
                    return
                seen.add(member.msisdn)
                place = roots[member.organisation_id]
                yield member, place, member.language or place.languages[0]


def troubles(connection: Connection) -> list[Trouble]:
    """What is wrong with aggregators now, by name."""
    return [_read(row) for row in connection.execute(select(aggregator_state).order_by(aggregator_state.c.name))]


def _read(row: Row[Any]) -> Trouble:
    return Trouble(row.name, row.failures, row.left_alone_until, row.reason, row.since, row.told_at)


def _wait(reason: str, failures: int, left_alone: bool) -> timedelta | None:
    if reason in NEEDS_SOMEBODY:
        return UNTIL_SOMEBODY_ACTS
    beyond = failures - PATIENCE.get(reason, 1)
    if beyond < 0 and not left_alone:
        return None
    return LEFT_ALONE[min(max(beyond, 0), len(LEFT_ALONE) - 1)]


def _locked(unit: Unit, name: str) -> Row[Any] | None:
    return unit.connection.execute(
        select(aggregator_state).where(aggregator_state.c.name == name).with_for_update()
    ).first()


def _hurry(unit: Unit, topics: Sequence[str]) -> None:
    """What was tried and waits to be tried again needn't wait any longer; where that is for something else, it finds
    that out again. What nobody has tried yet waits for its hour."""
    waits = (
        update(outbox)
        .where(
            outbox.c.queue.in_(QUEUES),
            outbox.c.done_at.is_(None),
            outbox.c.topic.in_(topics),
            outbox.c.claims > 0,
            outbox.c.due_at > unit.now,
            or_(outbox.c.claimed_until.is_(None), outbox.c.claimed_until < unit.now),
        )
        .values(due_at=unit.now)
        .returning(outbox.c.queue)
    )
    unit.rings |= set(unit.connection.scalars(waits))


def _queue(unit: Unit, trouble: Trouble, what: str, letters: list[tuple[Member, Organisation, str]]) -> None:
    queue_messages(
        unit,
        "receipts",
        *(
            Outgoing(
                event=_ALARM_EVENT,
                msisdn=member.msisdn,
                language=member.language or place.languages[0],
                text=text,
                organisation_id=place.id,
                household_id=None,
                key=f"sms-{what}:{trouble.name}:{trouble.since.timestamp():.0f}:{member.id}",
            )
            for member, place, text in letters
        ),
    )


# --- the texts, one part each -----------------------------------------------------------------------------------------


def stopped(say: Say, trouble: Trouble, zone: ZoneInfo) -> str:
    """An aggregator waits for a person: since when, why, and what to do."""
    name, since = NAMES.get(trouble.name, trouble.name), _moment(trouble.since, zone)
    if trouble.reason == "no_credit":
        return fold(
            say("No SMS credit left at {aggregator} since {since}. Top up: SMS then go on by themselves.",
                aggregator=name, since=since)
        )  # fmt: skip
    return fold(
        say("{aggregator} has refused our SMS since {since}: a setting is wrong. Tell whoever runs the gateway.",
            aggregator=name, since=since)
    )  # fmt: skip


def over(say: Say, trouble: Trouble, now: datetime, zone: ZoneInfo) -> str:
    """It takes SMS again: what was, from when to when."""
    name, since, until = NAMES.get(trouble.name, trouble.name), _moment(trouble.since, zone), _moment(now, zone)
    if trouble.reason == "no_credit":
        return fold(
            say("There was no SMS credit at {aggregator} from {since} to {until}. SMS go out again.",
                aggregator=name, since=since, until=until)
        )  # fmt: skip
    return fold(
        say("{aggregator} refused our SMS from {since} to {until}. SMS go out again.",
            aggregator=name, since=since, until=until)
    )  # fmt: skip


def _moment(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%d/%m %H:%M")


def _zone(place: Organisation) -> ZoneInfo:
    return ZoneInfo(place.time_zone)
