"""Periodic work takes a lease: of any number of schedulers, one does a job in a period."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import or_, update

from gateway.store.if_new import if_new
from gateway.store.schema import lease
from gateway.store.unit import Store

# Two machines' clocks differ by less; what was taken later than that was taken by a clock that was wrong, and nobody
# waits until its time has come.
CLOCKS_APART = timedelta(minutes=1)

_NEW = if_new(lease, "job")


def take(store: Store, job: str, every_s: int, holder: str) -> bool:
    """True for the one caller that may do ``job`` in the present period of ``every_s`` seconds."""
    period = int(store.clock.now().timestamp()) // every_s
    with store.write() as unit:
        moved = unit.connection.execute(
            update(lease)
            .where(lease.c.job == job, or_(lease.c.period < period, lease.c.taken_at > unit.now + CLOCKS_APART))
            .values(period=period, holder=holder, taken_at=unit.now)
        )
        if moved.rowcount == 1:
            return True
        row = {"job": job, "period": period, "holder": holder, "taken_at": unit.now}
        return unit.connection.scalar(_NEW[unit.connection.dialect.name], row) is not None
