"""A treasurer is told of the payments of an hour, of a day, or of the quiet hours in one SMS, each payment once.

What a digest tells of was held when it was posted (:mod:`gateway.payments.telling`), and is marked as told in the
transaction that writes the digest: no clock decides what is in it, a long outage makes one that covers all of it, and
what changes meanwhile (how a treasurer is told, the quiet hours) loses nothing. ``staff.told_until`` is the end of the
last time that was told, and only says when the next one is due.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select, update

from gateway.kernel.faults import Unavailable
from gateway.kernel.money import Money
from gateway.locale import Say
from gateway.network.organisations import Network, Organisation, Tree
from gateway.payments.day_control import Control, Controls, control, of_books
from gateway.payments.keepers import Keeper, keepers
from gateway.payments.telling import WAYS
from gateway.payments.unasked.standing import Sums, standing
from gateway.sms.digest_texts import Day, Digest, digest
from gateway.sms.held import Kept, lock_held, mark_told, release
from gateway.sms.outgoing import Outgoing, queue_messages
from gateway.sms.quiet import last_at, last_full_hour, quiet_for
from gateway.store.lease import CLOCKS_APART
from gateway.store.schema import message, staff
from gateway.store.unit import Store, Unit

log = logging.getLogger(__name__)

# So late, a digest that was due as the quiet hours began waits until they are over.
LATE = timedelta(minutes=30)
_MOMENT = timedelta(seconds=1)
_MOST_HOURS = 48


# --- when -------------------------------------------------------------------------------------------------------------


def due(now: datetime, office: Organisation, told: str | None) -> datetime | None:
    """The end of the last time of which a treasurer is to be told by now; None while nobody is written to there.

    By day that is the hour at which it becomes quiet; by the hour, and for what was held in the quiet hours, every full
    hour that isn't in them. The hour before them is still told, as they begin.
    """
    quiet = bool(quiet_for(now, office))
    if told == "day":
        end = last_at(now, office, office.quiet_from)
        return None if quiet and now - end > LATE else end
    if told is None and quiet:
        return None
    end = last_full_hour(now, office)
    for _ in range(_MOST_HOURS):
        if not quiet_for(end, office) or not quiet_for(end - _MOMENT, office):
            break
        end = last_full_hour(end - _MOMENT, office)
    return None if quiet and now - end > LATE else end


def _is_due(keeper: Keeper, end: datetime, now: datetime) -> bool:
    """What was told until a moment that is still to come was told by a clock that was wrong."""
    until = keeper.told_until
    return until is None or until < end or until > now + CLOCKS_APART


# --- the round --------------------------------------------------------------------------------------------------------


def telling(store: Store, network: Network) -> Iterator[int]:
    """Tell every treasurer what is due; for the scheduler, a treasurer a step. Two at once tell it once."""
    tree, now = network.tree(), store.clock.now()
    with store.read() as connection:
        found = keepers(connection, tree)
    books = _Books(store)
    for keeper in found:
        end = due(now, keeper.office, keeper.told)
        if end is None or not _is_due(keeper, end, now):
            continue
        try:
            _tell(store, tree, books, keeper, end)
        except Unavailable:
            raise
        except Exception:  # of one treasurer: the others are told all the same
            log.exception("treasurer %s not told: a defect", keeper.id)
        yield 1


class _Books:
    """What came on a day in all books, read once for all treasurers of whom it is asked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[tuple[datetime, datetime], Controls] = {}

    def of(self, keeper: Keeper, since: datetime, until: datetime) -> dict[str, Control]:
        if (since, until) not in self._known:
            with self._store.read() as connection:
                self._known[since, until] = control(connection, since, until)
        return of_books(self._known[since, until], keeper.books)


def _tell(store: Store, tree: Tree, books: _Books, keeper: Keeper, end: datetime) -> None:
    days: dict[str, Control] = {}
    if keeper.told == "day":
        since = last_at(end - _MOMENT, keeper.office, keeper.office.quiet_from)
        days = books.of(keeper, min(since, keeper.told_until or since), end)
    with store.write() as unit:
        if not _take(unit, keeper, end):
            return
        _shout(tree, keeper, end, days)
        held = lock_held(unit, keeper.id, keeper.msisdn, end)
        if not held and not days:
            return
        if keeper.told is None and _tell_alone(unit, held):
            return
        waits = standing(unit.connection, tree, keeper, unit.now)
        words = list(_words(keeper, end, held, days, waits))
        keys = [word.key for word in words]
        if unit.connection.scalar(select(message.c.id).where(message.c.key.in_(keys)).limit(1)) is not None:
            return  # of this very end something was told before: what has come since is told with the next
        mark_told(unit, held)
        queue_messages(unit, "receipts", *words)


def _take(unit: Unit, keeper: Keeper, end: datetime) -> bool:
    """Move what was told forward; False where somebody else just has, or it is told in another way now."""
    until = staff.c.told_until
    moved = unit.connection.execute(
        update(staff)
        .where(
            staff.c.id == keeper.id,
            staff.c.told.is_not_distinct_from(keeper.told),
            or_(until.is_(None), until < end, until > unit.now + CLOCKS_APART),
        )
        .values(told_until=end)
    )
    return moved.rowcount == 1


def _tell_alone(unit: Unit, held: Sequence[Kept]) -> bool:
    """Of a treasurer who is told of each payment: one that was held alone is sent as it was written."""
    unsaid = [one for one in held if not one.said]
    if len(unsaid) > 1:
        return False
    mark_told(unit, [one for one in held if one.said])
    for one in unsaid:
        release(unit, one)
    return True


def _shout(tree: Tree, keeper: Keeper, end: datetime, days: dict[str, Control]) -> None:
    for currency, one in days.items():
        if one.payments_minor != one.ledger_minor:
            codes = ", ".join(tree[each].code for each in keeper.books)
            log.error("payments of %s on the day until %s: %s by their states, %s by the ledger's lines (minor units "
                      "of %s): gateway ledger verify", codes, end.isoformat(), one.payments_minor, one.ledger_minor,
                      currency)  # fmt: skip


# --- what it says -----------------------------------------------------------------------------------------------------


def _words(
    keeper: Keeper, end: datetime, held: Sequence[Kept], days: dict[str, Control], waits: Sums
) -> Iterator[Outgoing]:
    """One SMS for each currency in which something came or went."""
    piles: dict[str, dict[str, int]] = {}
    counts: dict[str, int] = defaultdict(int)
    for one in held:
        sums = piles.setdefault(one.amount.currency, defaultdict(int))
        sums[one.kind] += one.amount.minor
        counts[one.amount.currency] += one.kind in WAYS
    since = _since(keeper, end, held)
    for currency in sorted({*piles, *days}):
        sums = piles.get(currency, {})
        by_way: dict[str, Money] = {way: Money(sums.get(way, 0), currency) for way in WAYS}
        told = Digest(
            since=since,
            count=counts[currency],
            came=_sum(by_way.values(), currency),
            ways=by_way,
            back=Money(sums.get("back", 0), currency),
            given=Money(sums.get("given", 0), currency),
            suspense=waits.get(currency),
            day=_day(days.get(currency), currency) if keeper.told == "day" else None,
        )
        key = f"digest:{keeper.id}:{end:%Y%m%dT%H%M%SZ}:{currency}"
        text = digest(Say(keeper.language), told)
        yield Outgoing("digest", keeper.msisdn, keeper.language, text, keeper.office.id, None, key)


def _sum(amounts: Iterable[Money], currency: str) -> Money:
    return sum(amounts, Money(0, currency))


def _day(one: Control | None, currency: str) -> Day:
    its = one or Control()
    return Day(Money(its.payments_minor, currency), Money(its.ledger_minor, currency))


def _since(keeper: Keeper, end: datetime, held: Sequence[Kept]) -> str:
    """From when on it tells, by the clock of the place: the hour, and before that the day where it is another one."""
    zone = ZoneInfo(keeper.office.time_zone)
    oldest = min((one.at for one in held), default=end)
    # Whoever is told of each payment heard of those before by themselves.
    until = keeper.told_until if keeper.told is not None else None
    known = until if until is not None and until < end else oldest
    begins, ends = min(known, oldest).astimezone(zone), end.astimezone(zone)
    if begins.date() == ends.date():
        return f"{begins:%H:%M}"
    return f"{begins:%d/%m %H:%M}"
