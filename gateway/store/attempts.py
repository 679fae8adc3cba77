"""Wrong guesses wait, and the wait grows: however many phones guess at the same moment, each guess is counted.

The counts stand in the database, so that neither a new call nor a restart forgets them. Whoever guesses is named by a
:func:`subject`; a guess counts when the unit of work commits, so a wrong one is an answer and never an exception.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, case, delete, select, update

from gateway.store.or_set import or_set
from gateway.store.schema import attempt
from gateway.store.unit import Unit

NO_WAIT = timedelta()

# Far beyond the last wait, far below what the column holds.
_MOST = 10_000


@dataclass(frozen=True)
class Patience:
    """How wrong guesses are answered: ``free`` of them cost nothing, each further one the next of ``waits``, then the
    last of them again and again. A count whose last guess is older than ``forgotten_after`` begins anew, one that is
    ``daily`` with every day (of UTC) besides; a wait that has begun goes on all the same.
    """

    free: int
    waits: tuple[timedelta, ...]
    forgotten_after: timedelta
    daily: bool = False

    def wait(self, failures: int) -> timedelta:
        """How long nothing more is taken after so many wrong guesses."""
        beyond = failures - self.free
        return self.waits[min(beyond, len(self.waits)) - 1] if beyond > 0 else NO_WAIT

    def forgets(self, last_at: datetime, now: datetime) -> bool:
        """Is a count whose last guess was at ``last_at`` forgotten?"""
        return now - last_at > self.forgotten_after or (self.daily and last_at.date() < now.date())


_CARD_WAITS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
)

# Card numbers that don't exist, asked from a member's phone.
CARD_GUESSES = Patience(5, _CARD_WAITS, timedelta(days=2))

# The same from a health facility's agent, who checks many in a day and mistypes some. A facility that is never closed
# leaves no pause in which its count would be forgotten: it begins each day with as many.
FACILITY_GUESSES = Patience(40, _CARD_WAITS, timedelta(days=2), daily=True)


def subject(kind: str, *parts: str) -> str:
    """Who guesses at what: ``subject("card", msisdn)``. A digest, so that no number of a person stands in it."""
    return f"{kind}:{hashlib.blake2b(chr(31).join(parts).encode(), digest_size=16).hexdigest()}"


def hold(unit: Unit, *subjects: str) -> timedelta:
    """Keep other transactions from guessing for ``subjects`` until this one ends; gives the longest wait left.

    Whoever compares a guess holds its subjects first: else a hundred calls at one moment would all be free ones.
    """
    # Always in the same order, so that two that hold some of the same never wait for each other.
    return max(_left(_held(unit, each).locked_until, unit.now) for each in sorted(subjects))


def count(unit: Unit, subject: str, patience: Patience) -> int:
    """Count a wrong guess and return how many it are now."""
    held = _held(unit, subject)
    before = 0 if patience.forgets(held.last_at, unit.now) else held.failures
    failures = min(before + 1, _MOST)
    unit.connection.execute(
        update(attempt).where(attempt.c.subject == subject).values(failures=failures, last_at=unit.now)
    )
    return failures


def fail(unit: Unit, subject: str, patience: Patience) -> timedelta:
    """Count a wrong guess and return how long nothing more is taken now; zero while guesses are free."""
    wait = patience.wait(count(unit, subject, patience))
    if wait:
        unit.connection.execute(
            update(attempt).where(attempt.c.subject == subject).values(locked_until=unit.now + wait)
        )
    return wait


def failures_of(connection: Connection, subject: str) -> int:
    """How many wrong guesses stand against ``subject``, forgotten or not."""
    return connection.scalar(select(attempt.c.failures).where(attempt.c.subject == subject)) or 0


def waits_until(connection: Connection, subject: str) -> datetime | None:
    """Until when nothing more is taken from ``subject``, past or not; None where it never had to wait."""
    return connection.scalar(select(attempt.c.locked_until).where(attempt.c.subject == subject))


def forgive(unit: Unit, subject: str, guesses: int) -> None:
    """Take back so many wrong guesses of ``subject``, never more than stand against it."""
    left = case((attempt.c.failures > guesses, attempt.c.failures - guesses), else_=0)
    unit.connection.execute(update(attempt).where(attempt.c.subject == subject).values(failures=left))


def forget(unit: Unit, subject: str) -> None:
    """Nothing stands against ``subject`` any more."""
    unit.connection.execute(delete(attempt).where(attempt.c.subject == subject))


# Takes a row's lock in the one statement that makes it, so that no other can come between.
_HOLDING = {
    dialect: statement.returning(attempt.c.failures, attempt.c.last_at, attempt.c.locked_until)
    for dialect, statement in or_set(attempt, ("subject",), "subject").items()
}


def _held(unit: Unit, subject: str) -> Any:
    new = {"subject": subject, "failures": 0, "last_at": unit.now, "locked_until": None}
    return unit.connection.execute(_HOLDING[unit.connection.dialect.name], new).one()


def _left(until: datetime | None, now: datetime) -> timedelta:
    return max(until - now, NO_WAIT) if until is not None else NO_WAIT
