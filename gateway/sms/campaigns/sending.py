"""A slice of a campaign is handed over: taken and committed, one request for each text to many numbers, then recorded.

Whoever dies between taking and recording leaves messages that nobody can tell about: the next one calls them uncertain
and writes to nobody a second time. What people wait for isn't held up: it has workers of its own, and takes its slots
of the shared pace without waiting for them.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, update

from gateway.kernel.faults import Unavailable
from gateway.network.organisations import Network, Organisation
from gateway.sms.campaigns import keeping
from gateway.sms.campaigns.choosing import PAUSED_LOOK, WORK_FOR_S
from gateway.sms.campaigns.keeping import GATEWAY, Campaign
from gateway.sms.campaigns.letters import Letter, write_letters
from gateway.sms.campaigns.states import State
from gateway.sms.costs import read_cost
from gateway.sms.outgoing import PACE
from gateway.sms.port import Answer, Handed, SmsPort, TryAgain, Unsure
from gateway.sms.quiet import quiet_for
from gateway.sms.recording import record_all
from gateway.store.outbox import CLAIM, Task, is_ours, put_again
from gateway.store.pace import Pace
from gateway.store.schema import campaign, message
from gateway.store.unit import Store, Unit

AT_ONCE_S = 2.0  # what may be handed over within so many seconds is taken in one go, and is in doubt after a kill
SLOTS_AHEAD = timedelta(seconds=10)  # where the next slot is later, nothing is taken until then
BEFORE_QUIET = timedelta(minutes=1)  # so that what is taken is handed over before the quiet hours begin
LANES = 8  # requests at a time
RECORD_EVERY_S = 0.5  # so much of what was answered is unrecorded at most
KEEP_ANSWERS_S = 30.0  # so long what was answered is kept where the database doesn't take it
GIVE_UP_AFTER = timedelta(days=7)  # a reminder so late helps nobody

Numbered = tuple[uuid.UUID, Answer]


@dataclass(frozen=True)
class _Request:
    """One text and the letters that say it; ``at`` is when its slot is."""

    letters: tuple[Letter, ...]
    at: datetime

    @property
    def text(self) -> str:
        return self.letters[0].text


@dataclass(frozen=True)
class Sending:
    """The outbox's handler for ``campaign.send``; the task's subject is the campaign's id and the slice's number.

    ``recipients``: how many numbers one request names.
    """

    store: Store
    network: Network
    port: SmsPort
    pace: Pace
    recipients: int = 100
    sleep: Callable[[float], None] = field(default=time.sleep)

    def __call__(self, task: Task) -> timedelta | None:
        campaign_id, number = (int(part) for part in task.subject.split(":"))
        begun, first = time.monotonic(), True
        while time.monotonic() - begun < WORK_FOR_S:
            with self.store.write() as unit:
                found = self._take(unit, task, campaign_id, number, interrupted=first)
            first = False
            if not isinstance(found, list):
                return found
            again = self._hand_over(task, campaign_id, number, found)
            if again is not None:
                return again
        return timedelta(0)

    # --- taking -------------------------------------------------------------------------------------------------------

    def _take(
        self, unit: Unit, task: Task, campaign_id: int, number: int, interrupted: bool
    ) -> list[_Request] | timedelta | None:
        """What to hand over now; how long to wait; or None, when nothing of the slice is left, or it isn't ours."""
        one = keeping.locked(unit, campaign_id)
        if one is None or not is_ours(unit, task):
            return None
        own = (message.c.campaign_id == campaign_id) & (message.c.slice == number)
        if interrupted:
            # Whoever was sending these is gone, and with them the answers.
            left = unit.connection.scalars(select(message.c.id).where(own, message.c.state == "sending")).all()
            record_all(unit, self.port, [(each, Unsure("interrupted")) for each in left])
        if one.state in (State.CANCELLED, State.DONE):
            return None
        if one.state is not State.RUNNING:
            return PAUSED_LOOK
        place = self.network.tree()[one.organisation_id]
        ahead = self.pace.ahead(unit, PACE)
        wait_for = max(_quiet(unit.now, place), self.port.wait(), ahead if ahead > SLOTS_AHEAD else timedelta(0))
        if wait_for:
            return wait_for
        query = select(message.c.id, message.c.household_id, message.c.msisdn, message.c.language, message.c.text)
        waiting = query.where(own, message.c.state == "waiting").order_by(message.c.id).limit(self._most)
        rows = unit.connection.execute(waiting).all()
        if not rows:
            keeping.finish(unit, one)
            return None
        if one.started_at is not None and unit.now - one.started_at > GIVE_UP_AFTER:
            _skip(unit, {row.id: "too late" for row in rows})
            return []
        written = write_letters(unit.connection, self.network.tree(), one, rows, unit.now)
        _skip(unit, written.skipped)
        letters = self._affordable(unit, one, written.letters)
        if written.letters and not letters:
            keeping.pause(unit, one.id, GATEWAY, "budget")
            return PAUSED_LOOK
        _mark(unit, letters)
        return list(self._requests(unit, letters))

    @property
    def _most(self) -> int:
        """How many are taken in one go."""
        return max(1, int(self._per_s * AT_ONCE_S))

    @property
    def _per_s(self) -> float:
        return self.pace.per_s.get(PACE, self.pace.usual_per_s)

    @staticmethod
    def _affordable(unit: Unit, one: Campaign, letters: Sequence[Letter]) -> Sequence[Letter]:
        """As many as the budget still has; what they are expected to cost counts as committed from now on."""
        cost_e4 = 0
        for count, letter in enumerate(letters):
            its_e4 = letter.parts * one.price_e4
            if one.budget_e4 is not None and one.committed_e4 + cost_e4 + its_e4 > one.budget_e4:
                letters = letters[:count]
                break
            cost_e4 += its_e4
        _commit(unit, one.id, cost_e4)
        return letters

    def _requests(self, unit: Unit, letters: Sequence[Letter]) -> Iterator[_Request]:
        """The letters by their words, each request with the slot at which it may leave; no number twice in one."""
        by_text: dict[str, list[dict[str, Letter]]] = {}
        for letter in letters:
            groups = by_text.setdefault(letter.text, [])
            group = next((each for each in groups if len(each) < self.recipients and letter.msisdn not in each), None)
            if group is None:
                group = {}
                groups.append(group)
            group[letter.msisdn] = letter
        if not letters:
            return
        slot = self.pace.reserve(unit, PACE, len(letters))
        for group in (group for groups in by_text.values() for group in groups):
            yield _Request(tuple(group.values()), slot)
            slot += timedelta(seconds=len(group) / self._per_s)

    # --- handing over and recording -----------------------------------------------------------------------------------

    def _hand_over(self, task: Task, campaign_id: int, number: int, requests: Sequence[_Request]) -> timedelta | None:
        """Hand over and record; how long to leave the slice alone, where the aggregator asks for it."""
        again: list[timedelta] = []
        with ThreadPoolExecutor(LANES) as lanes:
            open_ones: set[Future[list[Numbered]]] = {lanes.submit(self._call, each) for each in requests}
            parts = {letter.id: letter.parts for each in requests for letter in each.letters}
            answered: list[Numbered] = []
            begun = recorded_at = time.monotonic()
            while open_ones or answered:
                done, open_ones = wait(open_ones, timeout=RECORD_EVERY_S, return_when=FIRST_COMPLETED)
                for each in done:
                    answered += each.result()
                late = time.monotonic() - recorded_at >= RECORD_EVERY_S
                if answered and (late or not open_ones or len(answered) >= self.recipients):
                    try:
                        again += self._record(task, campaign_id, number, answered, parts)
                        answered = []
                    except Unavailable:
                        if time.monotonic() - begun > KEEP_ANSWERS_S:
                            raise
                        self.sleep(RECORD_EVERY_S)
                    recorded_at = time.monotonic()
        return max(again, default=None)

    def _call(self, request: _Request) -> list[Numbered]:
        early_s = (request.at - self.store.clock.now()).total_seconds()
        if early_s > 0:
            self.sleep(early_s)
        answers = self.port.send_many(request.text, [letter.msisdn for letter in request.letters])
        return [(letter.id, answer) for letter, answer in zip(request.letters, answers, strict=True)]

    def _record(
        self, task: Task, campaign_id: int, number: int, answered: Sequence[Numbered], parts: dict[uuid.UUID, int]
    ) -> list[timedelta]:
        again = [answer.after for _, answer in answered if isinstance(answer, TryAgain)]
        with self.store.write() as unit:
            one = keeping.locked(unit, campaign_id)
            states = record_all(unit, self.port, answered)
            if one is None:
                return again
            _commit(unit, one.id, sum(_beyond(answer, one, parts[its_id]) for its_id, answer in answered))
            waiting = [its_id for its_id, state in states.items() if state == "waiting"]
            if one.state in _OVER:
                # It ended while they were in our hands, and nobody comes for them any more.
                _skip(unit, dict.fromkeys(waiting, _OVER[one.state]))
            elif waiting and not is_ours(unit, task):
                # We were so slow that another went on with the slice, and may not see these any more.
                put_again(unit, keeping.slice_work(campaign_id, number, max(CLAIM, *again)))
        return again


# Why who still waits isn't written to, in a campaign that is over.
_OVER = {State.CANCELLED: "cancelled", State.DONE: "too late"}


def _quiet(now: datetime, place: Organisation) -> timedelta:
    """How long nothing is to be taken because it is quiet, or will be in a moment."""
    soon = quiet_for(now + BEFORE_QUIET, place)
    return quiet_for(now, place) or (soon + BEFORE_QUIET if soon else soon)


def _beyond(answer: Answer, one: Campaign, parts: int) -> int:
    """By how much a message turned out to cost more than was expected (less: below zero)."""
    expected_e4 = parts * one.price_e4
    if isinstance(answer, Handed):
        cost = read_cost(answer.cost)
        return cost.e4 - expected_e4 if cost is not None and cost.currency == one.currency else 0
    return 0 if isinstance(answer, Unsure) else -expected_e4


def _commit(unit: Unit, campaign_id: int, more_e4: int) -> None:
    if more_e4:
        more = campaign.c.committed_e4 + more_e4
        unit.connection.execute(update(campaign).where(campaign.c.id == campaign_id).values(committed_e4=more))


_MARK = (
    update(message)
    .where(message.c.id == bindparam("its_id"), message.c.state == "waiting")
    .values(
        state="sending",
        reason=None,
        **{name: bindparam(name, type_=message.c[name].type) for name in ("msisdn", "language", "text", "parts")},
    )
)
_SKIP = (
    update(message)
    .where(message.c.id == bindparam("its_id"), message.c.state == "waiting")
    .values(state="skipped", reason=bindparam("why", type_=message.c.reason.type))
)


def _mark(unit: Unit, letters: Sequence[Letter]) -> None:
    if letters:
        rows: list[dict[str, Any]] = [
            {
                "its_id": each.id,
                "msisdn": each.msisdn,
                "language": each.language,
                "text": each.text,
                "parts": each.parts,
            }
            for each in letters
        ]
        unit.connection.execute(_MARK, rows)


def _skip(unit: Unit, reasons: dict[uuid.UUID, str]) -> None:
    if reasons:
        unit.connection.execute(_SKIP, [{"its_id": its_id, "why": why} for its_id, why in reasons.items()])
