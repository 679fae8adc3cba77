"""A circuit breaker for each operator: one that doesn't answer is left alone for a while, and nobody is sent to it.

Its state stands in the database, for the workers find out and the menu has to know. It opens after a few calls in a row
that got no answer, for longer each time; when its time has passed, the next call tries again.

A provider may also say of itself that an operator doesn't work. Then nobody is sent there, while what was asked before
is still looked for, since the provider itself answers. Its word is a row whose ``failures`` are zero: no call ends it,
only the provider's next word or time does.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, select

from gateway.kernel.faults import Unavailable
from gateway.payments.providers.base import MAX_SAID, Availability, Unclear
from gateway.store.or_set import or_set
from gateway.store.schema import operator_state
from gateway.store.unit import Store, Unit

log = logging.getLogger(__name__)

# Calls in a row without an answer before an operator counts as down, and how long it is left alone then.
PATIENCE = 4
LEFT_ALONE = (
    timedelta(seconds=20),
    timedelta(seconds=45),
    timedelta(minutes=2),
    timedelta(minutes=5),
)
# What says that an operator is down or wants to be left alone; anything else is an answer.
DOWN = frozenset({"unreached", "no-answer", "busy", "failed"})
FRESH_FOR_S = 3.0
# A provider that says nothing more, or can't be asked, stops nobody for longer than this.
SAID_HOLDS = timedelta(minutes=5)

_COUNTED = or_set(operator_state, ("provider", "environment"), "failures", "open_until", "said", "changed_at")


@dataclass(frozen=True)
class Line:
    """The way to one operator: a provider, and its own word for the operator or country."""

    provider: str
    environment: str = ""


@dataclass
class _State:
    failures: int
    open_until: datetime | None


@dataclass
class Breakers:
    """All operators' breakers, as of a few seconds ago at most; ``monotonic`` counts those seconds."""

    store: Store
    monotonic: Callable[[], float] = time.monotonic
    _known: dict[Line, _State] = field(default_factory=dict)
    _read_at: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, line: Line) -> timedelta:
        """How long to leave an operator alone that doesn't answer; zero when it may be called."""
        state = self._states().get(line)
        return self._left(state) if state is not None and state.failures else timedelta(0)

    def down(self, line: Line) -> bool:
        """Whether nobody should be sent to an operator now: it doesn't answer, or its provider says it doesn't work."""
        state = self._states().get(line)
        return state is not None and bool(self._left(state))

    def _left(self, state: _State) -> timedelta:
        if state.open_until is None:
            return timedelta(0)
        return max(timedelta(0), state.open_until - self.store.clock.now())

    def heard(self, line: Line, answer: object) -> None:
        """Note what a call got: an answer closes the breaker, silence counts."""
        if isinstance(answer, Unclear) and answer.reason in DOWN:
            self._count(line, answer)
        elif (state := self._states().get(line)) is not None and state.failures:
            self._forget(line, operator_state.c.failures > 0)
            log.warning("operator %s %s answers again", line.provider, line.environment)

    def said(self, line: Line, word: Availability) -> None:
        """Note whether a provider says that an operator works; what it doesn't say again is forgotten after a while.

        A word that isn't known is kept and shouted, and changes nothing. Silence that was counted stays counted.
        """
        if word.up:
            state = self._states().get(line)
            if state is not None and not state.failures:
                self._forget(line, operator_state.c.failures == 0)
                log.warning("operator %s %s works, its provider says: %s", line.provider, line.environment, word.said)
            return
        with self.store.write() as unit:
            row = _locked(unit, line)
            open_until = row.open_until if row is not None else None
            counted = row is not None and row.failures > 0
            if counted and (word.up is None or (open_until is not None and open_until > unit.now)):
                return
            state_now = {
                "provider": line.provider,
                "environment": line.environment,
                "failures": 0,
                "open_until": unit.now + SAID_HOLDS if word.up is False else open_until,
                "said": word.said[:MAX_SAID],
                "changed_at": unit.now,
            }
            unit.connection.execute(_COUNTED[unit.connection.dialect.name], state_now)
        self._read_at = None
        if row is None or counted or row.said != state_now["said"]:
            what = "doesn't work" if word.up is False else "is in a state that is not known"
            log.error("operator %s %s %s, its provider says: %s", line.provider, line.environment, what, word.said)

    def _forget(self, line: Line, which: ColumnElement[bool]) -> None:
        with self.store.write() as unit:
            unit.connection.execute(delete(operator_state).where(*_of(line), which))
        self._read_at = None

    def _count(self, line: Line, answer: Unclear) -> None:
        with self.store.write() as unit:
            row = _locked(unit, line)
            if row is not None and not row.failures and row.open_until is not None and row.open_until > unit.now:
                return  # its provider has said so already
            failures = (row.failures if row else 0) + 1
            beyond = failures - PATIENCE
            wait = LEFT_ALONE[min(beyond, len(LEFT_ALONE) - 1)] if beyond >= 0 else None
            if answer.reason == "busy" and answer.safe_to_ask_again_after_s:
                wait = timedelta(seconds=answer.safe_to_ask_again_after_s)
            state = {
                "provider": line.provider,
                "environment": line.environment,
                "failures": min(failures, 1_000),
                "open_until": unit.now + wait if wait else None,
                "said": answer.said[:MAX_SAID],
                "changed_at": unit.now,
            }
            unit.connection.execute(_COUNTED[unit.connection.dialect.name], state)
        if wait is not None:
            log.error("operator %s %s is left alone for %s: %s", line.provider, line.environment, wait, answer.said)
        self._read_at = None

    def _states(self) -> dict[Line, _State]:
        fresh = self._read_at is not None and self.monotonic() - self._read_at < FRESH_FOR_S
        if fresh or not self._lock.acquire(blocking=False):
            return self._known
        try:
            with self.store.read() as connection:
                rows = connection.execute(select(operator_state)).all()
            self._known = {Line(row.provider, row.environment): _State(row.failures, row.open_until) for row in rows}
            self._read_at = self.monotonic()
        except Unavailable:
            log.warning("the operators' state can't be read: they count as they did")
        finally:
            self._lock.release()
        return self._known


@dataclass(frozen=True)
class Standing:
    """How an operator has answered: ``failures`` in a row, zero where its provider says that it doesn't work.

    ``open_until``: nobody is sent to it before; None, or what is past: it may be called. ``said``: its own words.
    """

    line: Line
    failures: int
    open_until: datetime | None
    said: str
    since: datetime


def standings(connection: Connection) -> list[Standing]:
    """The operators that don't answer, or didn't lately; of whom nothing stands here answers."""
    rows = connection.execute(select(operator_state).order_by(operator_state.c.provider, operator_state.c.environment))
    return [
        Standing(Line(row.provider, row.environment), row.failures, row.open_until, row.said, row.changed_at)
        for row in rows
    ]


def _of(line: Line) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return operator_state.c.provider == line.provider, operator_state.c.environment == line.environment


def _locked(unit: Unit, line: Line) -> Row[Any] | None:
    """A line's row, which nobody else changes until the transaction ends."""
    return unit.connection.execute(select(operator_state).where(*_of(line)).with_for_update()).first()
