"""The scheduler: rings for outbox rows that are due; of several, the one that holds the lease of the moment does it.

What else comes round periodically is little and done here, between two sweeps, in slices.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial

from gateway.api.keeping import forgetting as forgetting_answers
from gateway.exchange.webhooks import delivering, following
from gateway.indicators import keeping, letters, payments
from gateway.kernel.faults import Unavailable
from gateway.kernel.sealing import keys_of
from gateway.ledger import chain
from gateway.membership import penalties, tallies
from gateway.membership.duplicates import finding
from gateway.membership.moves import late
from gateway.membership.proposals import applying
from gateway.payments import digests
from gateway.payments.decisions import cases
from gateway.payments.payers import dividing
from gateway.payments.push import availability
from gateway.payments.unasked import declarations, standing
from gateway.privacy import looking
from gateway.sms import delivery
from gateway.sms.campaigns.rules import Reminding
from gateway.store import lease, outbox
from gateway.store.bell import RqBell
from gateway.store.unit import Store
from gateway.ussd import calls
from gateway.wiring import Runtime

log = logging.getLogger(__name__)

TICK_S = 1
SLICE_S = 0.25
COUNT_EVERY_S = 60
FORGET_EVERY_S = 3600
FORGET_ANSWERS_EVERY_S = 6 * 3600
FORGET_DELIVERIES_EVERY_S = 6 * 3600
ESCALATE_EVERY_S = 600
EXPIRE_EVERY_S = 6 * 3600
ASK_WHO_WORKS_EVERY_S = 60
KEEP_SMS_LINES_EVERY_S = 10
SEAL_EVERY_S = 60
SEAL_LATE_EVERY_S = 3600
TELL_TREASURERS_EVERY_S = 60
REMIND_OF_SUSPENSE_EVERY_S = 3600
UNKNOWN_EVERY_S = 600
PENALISE_EVERY_S = 24 * 3600
REMIND_BY_RULE_EVERY_S = 300
COUNT_COVER_EVERY_S = 3600
CARRY_LATE_EVERY_S = 60
COUNT_INDICATORS_EVERY_S = 120
GATHER_LATE_EVERY_S = 24 * 3600
SEND_FIGURES_EVERY_S = 600
APPLY_CATEGORIES_EVERY_S = 5
MATCH_LISTS_EVERY_S = 60
FIND_DUPLICATES_EVERY_S = 3600
FORGET_LOOKS_EVERY_S = 24 * 3600
TELL_WEBHOOKS_EVERY_S = 5


class Round:
    """Work that comes round every ``every_s`` seconds, done in steps, for ``SLICE_S`` at a time.

    Of several schedulers one does a round; when that one dies, the rest of it is left to the next. What fails is
    logged and ends the round: nothing here may stop the sweep.
    """

    def __init__(
        self, store: Store, holder: str, job: str, every_s: int, begin: Callable[[datetime], Iterator[int]]
    ) -> None:
        self._store = store
        self._holder = holder
        self._job = job
        self._every_s = every_s
        self._begin = begin
        self._period = -1  # the one that was asked for last
        self._steps: Iterator[int] | None = None

    def go_on(self) -> bool:
        """Do a slice of what there is to do; False when nothing is left of this round."""
        try:
            self._steps = self._steps or self._next_round()
            if self._steps is not None and self._slice(self._steps):
                return True
        except Unavailable as down:
            log.warning("%s not done: %s", self._job, down)
        except Exception:
            log.exception("%s not done: a defect", self._job)
        self._steps = None
        return False

    def _next_round(self) -> Iterator[int] | None:
        now = self._store.clock.now()
        period = int(now.timestamp()) // self._every_s
        if period == self._period:
            return None
        self._period = period
        return self._begin(now) if lease.take(self._store, self._job, self._every_s, self._holder) else None

    @staticmethod
    def _slice(steps: Iterator[int]) -> bool:
        begun = time.monotonic()
        return any(time.monotonic() - begun >= SLICE_S for _ in steps)


def rounds(parts: Runtime, holder: str) -> list[Round]:
    """The periodic work there is."""
    store, sessions = parts.store, parts.sessions
    kept = timedelta(days=parts.settings.ussd_calls_kept_days)
    ask_who_works = partial(availability.tell, parts.breakers, parts.asked)
    penalise = partial(penalties.posting, store, parts.network, parts.services.chart)
    by_rule = Reminding(store, parts.network, parts.settings.sms_price, parts.settings.currency)
    divide = partial(dividing.matching, store, parts.network, parts.services.chart)
    put_into = partial(applying.applying, store, parts.network)
    digest, alert, remind = (
        partial(do, store, parts.network) for do in (digests.telling, standing.alerting, standing.reminding)
    )
    carry = partial(late.carrying_late, store, parts.network, parts.services.chart)
    find_pairs = partial(finding.looking, store, parts.network)
    count_indicators = partial(keeping.count_aside, store, parts.network)
    gather_late = partial(payments.gathering_late, store)
    keys = keys_of(parts.settings.secret_key.get_secret_value())
    forget_deliveries = partial(delivering.forgetting, store, keys)
    return [
        Round(store, holder, "count calls", COUNT_EVERY_S, lambda now: calls.counting(store, sessions, now)),
        Round(store, holder, "forget calls", FORGET_EVERY_S, lambda now: calls.forgetting(store, now - kept)),
        Round(store, holder, "forget answers", FORGET_ANSWERS_EVERY_S, lambda now: forgetting_answers(store, now)),
        Round(store, holder, "forget deliveries", FORGET_DELIVERIES_EVERY_S, forget_deliveries),
        Round(store, holder, "forget looks", FORGET_LOOKS_EVERY_S, lambda now: looking.forgetting(store, now)),
        Round(store, holder, "escalate cases", ESCALATE_EVERY_S, lambda _: _once(cases.escalate, store)),
        Round(store, holder, "expire declarations", EXPIRE_EVERY_S, lambda _: _once(declarations.expire, store)),
        Round(store, holder, "ask who works", ASK_WHO_WORKS_EVERY_S, lambda _: aside(ask_who_works)),
        Round(store, holder, "keep SMS lines", KEEP_SMS_LINES_EVERY_S, lambda _: aside(parts.keep_sms_lines)),
        Round(store, holder, "seal entries", SEAL_EVERY_S, lambda _: chain.sealing(store)),
        Round(store, holder, "unknown messages", UNKNOWN_EVERY_S, lambda now: delivery.give_up_waiting(store, now)),
        Round(store, holder, "tell treasurers", TELL_TREASURERS_EVERY_S, lambda _: digest()),
        Round(store, holder, "alert treasurers", TELL_TREASURERS_EVERY_S, lambda _: alert()),
        Round(store, holder, "remind treasurers", REMIND_OF_SUSPENSE_EVERY_S, lambda _: remind()),
        Round(store, holder, "remind by rule", REMIND_BY_RULE_EVERY_S, lambda _: aside(by_rule)),
        Round(store, holder, "penalties", PENALISE_EVERY_S, lambda _: penalise()),
        Round(store, holder, "count cover", COUNT_COVER_EVERY_S, lambda _: tallies.counting(store, parts.network)),
        Round(store, holder, "carry late money", CARRY_LATE_EVERY_S, lambda _: carry()),
        Round(store, holder, "apply categories", APPLY_CATEGORIES_EVERY_S, lambda _: put_into()),
        Round(store, holder, "match groups' lists", MATCH_LISTS_EVERY_S, lambda _: divide()),
        Round(store, holder, "count indicators", COUNT_INDICATORS_EVERY_S, lambda _: aside(count_indicators)),
        Round(store, holder, "gather late payments", GATHER_LATE_EVERY_S, lambda _: gather_late()),
        Round(store, holder, "send figures", SEND_FIGURES_EVERY_S, lambda _: letters.sending(store, parts.network)),
        Round(store, holder, "find duplicates", FIND_DUPLICATES_EVERY_S, lambda _: find_pairs()),
        Round(store, holder, "tell webhooks", TELL_WEBHOOKS_EVERY_S, lambda _: following.following(store)),
        Round(store, holder, "seal late entries", SEAL_LATE_EVERY_S, lambda _: chain.sealing(store, everything=True)),
    ]


def _once(do: Callable[[Store], object], store: Store) -> Iterator[int]:
    """Work that is one step."""
    do(store)
    yield 1


def aside(do: Callable[[], None]) -> Iterator[int]:
    """Work that waits for others, which has a thread of its own: the sweep goes on meanwhile. ``do`` never raises."""
    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(SLICE_S / 10)
        yield 0


def tick(parts: Runtime, holder: str) -> set[str]:
    """One round: take the lease of this second and ring for every queue with due work; returns those rung for."""
    if not lease.take(parts.store, "sweep", TICK_S, holder):
        return set()
    queues = outbox.waiting_queues(parts.store)
    if queues:
        RqBell(parts.redis)(queues)
    return queues


def run(parts: Runtime) -> None:
    """Tick until told to stop. A part that is down is waited for: nothing is lost by a missed tick."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    holder = f"{socket.gethostname()}:{os.getpid()}"
    periodic = rounds(parts, holder)
    while not stop.wait(TICK_S):
        try:
            tick(parts, holder)
        except Unavailable as down:
            log.warning("sweep skipped: %s", down)
        for one in periodic:
            one.go_on()
