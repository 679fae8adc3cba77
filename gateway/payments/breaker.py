"""A circuit breaker for each operator: one that doesn't answer is left alone for a while, and nobody is sent to it.

Its state stands in the database, for the workers find out and the menu has to know. It opens after a few calls in a row
that got no answer, for longer each time; when its time has passed, the next call tries again.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from gateway.kernel.faults import Unavailable
from gateway.payments.providers.base import MAX_SAID, Unclear
from gateway.store.or_set import or_set
from gateway.store.schema import operator_state
from gateway.store.unit import Store

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
    """All operators' breakers, as of a few seconds ago at most."""

    store: Store
    _known: dict[Line, _State] = field(default_factory=dict)
    _read_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, line: Line) -> timedelta:
        """How long to leave an operator alone; zero when it may be asked."""
        state = self._states().get(line)
        if state is None or state.open_until is None:
            return timedelta(0)
        return max(timedelta(0), state.open_until - self.store.clock.now())

    def heard(self, line: Line, answer: object) -> None:
        """Note what a call got: an answer closes the breaker, silence counts."""
        if isinstance(answer, Unclear) and answer.reason in DOWN:
            self._count(line, answer)
        elif line in self._states():
            with self.store.write() as unit:
                unit.connection.execute(
                    delete(operator_state).where(
                        operator_state.c.provider == line.provider, operator_state.c.environment == line.environment
                    )
                )
            log.warning("operator %s %s answers again", line.provider, line.environment)
            self._read_at = 0.0

    def _count(self, line: Line, answer: Unclear) -> None:
        with self.store.write() as unit:
            row = unit.connection.execute(
                select(operator_state.c.failures)
                .where(operator_state.c.provider == line.provider, operator_state.c.environment == line.environment)
                .with_for_update()
            ).first()
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
        self._read_at = 0.0

    def _states(self) -> dict[Line, _State]:
        if time.monotonic() - self._read_at < FRESH_FOR_S or not self._lock.acquire(blocking=False):
            return self._known
        try:
            with self.store.read() as connection:
                rows = connection.execute(select(operator_state)).all()
            self._known = {Line(row.provider, row.environment): _State(row.failures, row.open_until) for row in rows}
            self._read_at = time.monotonic()
        except Unavailable:
            log.warning("the operators' state can't be read: they count as they did")
        finally:
            self._lock.release()
        return self._known
