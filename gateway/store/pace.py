"""How fast somebody outside may be called: each call takes the next free slot, in one row that all workers share.

Of an operator it counts the questions what became of orders (``find``): new orders are few beside them, and never wait.
Of an aggregator it counts SMS: what people wait for takes its slots too, and doesn't wait for them. The time is the
store's clock, so that a simulated hour is paced like a real one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Interval, String, bindparam, case, func, or_, select

from gateway.store.or_set import or_set_to
from gateway.store.schema import operator_pace
from gateway.store.unit import Unit

# Questions a second. MTN's developer community names 10 status queries a second under best practices (its API's own
# pages give no figure for their 429); where an operator names none, the same is assumed.
USUAL_PER_S = 10.0
PER_S: Mapping[str, float] = {"mtn_momo": 10.0}

# Whoever has to wait so long at most stays; for longer, the work is put off.
SHORT = timedelta(seconds=0.2)

# A slot further away was taken by a clock that was wrong (36 000 questions wait before it at 10 a second): it counts
# for nothing, or nobody would be asked until that clock were right.
FURTHEST = timedelta(hours=1)


# When the slot after the last one taken is.
_LATER: Mapping[str, Any] = {
    "postgresql": operator_pace.c.free_at + bindparam("step", type_=Interval),
    # A moment is text there, and its arithmetic knows milliseconds.
    "sqlite": func.strftime("%Y-%m-%d %H:%M:%f", operator_pace.c.free_at, bindparam("modifier", type_=String)).concat(
        "000"
    ),
}


def _reserving(dialect: str) -> Any:
    later = _LATER[dialect]
    wrong = operator_pace.c.free_at > bindparam("furthest", type_=operator_pace.c.free_at.type)

    def slot(new: Any) -> dict[str, Any]:
        # The later of free_at and now, plus a step: the row to be says now + step.
        return {"free_at": case((or_(wrong, later < new.free_at), new.free_at), else_=later)}

    return or_set_to(operator_pace, ("provider",), slot)[dialect].returning(operator_pace.c.free_at)


_RESERVE = {dialect: _reserving(dialect) for dialect in _LATER}


@dataclass(frozen=True)
class Pace:
    """How fast each provider may be asked, by its name; ``sleep`` waits for so many seconds, outside a transaction."""

    per_s: Mapping[str, float] = field(default_factory=lambda: PER_S)
    usual_per_s: float = USUAL_PER_S
    sleep: Callable[[float], None] = time.sleep

    def ahead(self, unit: Unit, provider: str) -> timedelta:
        """How far away the next free slot is. It is not taken, and nobody has to wait for whoever asks."""
        row = select(operator_pace.c.free_at).where(operator_pace.c.provider == provider)
        free_at: datetime | None = unit.connection.scalar(row)
        if free_at is None or free_at > unit.now + FURTHEST:
            return timedelta(0)
        return max(free_at - unit.now, timedelta(0))

    def reserve(self, unit: Unit, provider: str, count: int = 1) -> datetime:
        """Take the next ``count`` slots at which ``provider`` may be called: when the first one is, now or later.

        They are taken, used or not.
        """
        step = count * timedelta(seconds=1 / self.per_s.get(provider, self.usual_per_s))
        row: dict[str, Any] = {"provider": provider, "free_at": unit.now + step, "furthest": unit.now + FURTHEST}
        if unit.connection.dialect.name == "postgresql":
            row["step"] = step
        else:
            row["modifier"] = f"+{step.total_seconds():.3f} seconds"
        free_at: datetime = unit.connection.execute(_RESERVE[unit.connection.dialect.name], row).scalar_one()
        return free_at - step
