"""Who decided what about money: read from what was kept with each decision, by person."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Label, Row, case, exists, func, literal, select

from gateway.kernel.money import Money
from gateway.kernel.numbers import with_check_digit
from gateway.payments.cash_corrections import CORRECTED
from gateway.payments.collections import by_key
from gateway.payments.decisions.cases import GATEWAY, NOTE_CHARACTERS
from gateway.payments.decisions.deciding import KEPT, SETTLED, VERDICTS, own_reversal
from gateway.payments.decisions.two_people import name_compared
from gateway.payments.payers.group_money import shares_of
from gateway.payments.refunds import PAID_BACK
from gateway.payments.reversing import reversal_key
from gateway.payments.states import State
from gateway.store.schema import (
    assignment,
    collection,
    collection_event,
    difference,
    difference_event,
    entry,
    incoming,
    line,
    money_case,
    organisation,
    refund,
    wallet,
)


@dataclass(frozen=True)
class Decision:
    """One decision of one person: when, the amount that it was about, where it was about one, and why.

    ``what``: ``assigned`` (alone), ``assignment-asked``, ``assignment-approved|refused|dropped``, ``refund-asked``,
    ``refund-approved``, ``case-settled`` (as taken back or kept), ``case-closed``, ``cash-corrected``,
    ``difference-settled|undone`` (alone), ``difference-asked``, ``difference-approved|refused|dropped``.
    """

    at: datetime
    by: str
    what: str
    amount: Money | None
    reason: str


@dataclass(frozen=True)
class Person:
    """What one person did, how often, and the sum of it in each currency; ``what`` as a :class:`Decision` has it."""

    by: str
    what: str
    count: int
    amounts: tuple[Money, ...]


def decisions(connection: Connection, since: datetime, until: datetime, under_path: str = "/") -> list[Decision]:
    """Each decision from ``since`` on and before ``until``, of the organisations at or below a path, the first first.

    A decision counts once: the cases that were closed because of it, whoever's name they bear, are none of their own.
    """
    return sorted(_all(connection, _Within(since, until, under_path)), key=lambda one: one.at)


def by_person(found: Iterable[Decision]) -> list[Person]:
    """The decisions by person and what was done.

    One person is one name, however its accents, capitals and order were typed.
    """
    names: dict[tuple[str, ...], str] = {}
    counts: Counter[tuple[tuple[str, ...], str]] = Counter()
    sums: defaultdict[tuple[tuple[str, ...], str], Counter[str]] = defaultdict(Counter)
    for one in found:
        person = name_compared(one.by)
        names.setdefault(person, one.by)
        counts[person, one.what] += 1
        if one.amount is not None:
            sums[person, one.what][one.amount.currency] += one.amount.minor
    return [
        Person(
            names[person],
            what,
            count,
            tuple(Money(minor, currency) for currency, minor in sorted(sums[person, what].items())),
        )
        for (person, what), count in sorted(counts.items())
    ]


@dataclass(frozen=True)
class _Within:
    since: datetime
    until: datetime
    path: str

    def moment(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        return (column >= self.since) & (column < self.until)

    @property
    def place(self) -> ColumnElement[bool]:
        return organisation.c.path.like(self.path + "%")


def _all(connection: Connection, within: _Within) -> Iterator[Decision]:
    alone = assignment.c.decided_by.is_(None) & (assignment.c.state == "done")
    asked = case((alone, "assigned"), else_="assignment-asked").label("what")
    decided = case(
        (assignment.c.state == "done", "assignment-approved"), else_=literal("assignment-") + assignment.c.state
    ).label("what")
    yield from _assignments(connection, within, assignment.c.asked_by, asked, assignment.c.asked_at)
    yield from _assignments(connection, within, assignment.c.decided_by, decided, assignment.c.decided_at)
    yield from _refunds(connection, within, refund.c.asked_by, "refund-asked", refund.c.asked_at)
    yield from _refunds(connection, within, refund.c.approved_by, "refund-approved", refund.c.approved_at)
    yield from _closed(connection, within)
    yield from _corrected(connection, within)
    yield from _differences(connection, within)


def _assignments(
    connection: Connection, within: _Within, who: ColumnElement[Any], what: Label[Any], at: ColumnElement[Any]
) -> Iterator[Decision]:
    query = (
        select(at, who, what, incoming.c.amount_minor, incoming.c.currency, assignment.c.reason)
        .join(incoming, incoming.c.id == assignment.c.incoming_id)
        .join(organisation, organisation.c.id == incoming.c.organisation_id)
        .where(who.is_not(None), within.moment(at), within.place)
        .order_by(assignment.c.id)
    )
    for row in connection.execute(query):
        yield Decision(row[0], row[1], row[2], Money(row[3], row[4]), row[5])


def _refunds(
    connection: Connection, within: _Within, who: ColumnElement[Any], what: str, at: ColumnElement[Any]
) -> Iterator[Decision]:
    query = (
        select(at, who, refund.c.amount_minor, refund.c.currency, refund.c.reason)
        .join(organisation, organisation.c.id == refund.c.organisation_id)
        .where(who.is_not(None), within.moment(at), within.place)
        .order_by(refund.c.id)
    )
    for row in connection.execute(query):
        yield Decision(row[0], row[1], what, Money(row[2], row[3]), row[4])


# What closed cases because of another decision, which counts already: the money was assigned at this moment, or given
# back as two people had decided.
_ASSIGNED = exists().where(
    assignment.c.incoming_id == money_case.c.incoming_id,
    assignment.c.state == "done",
    assignment.c.decided_at == money_case.c.closed_at,
)
_PAID_BACK = exists().where(
    refund.c.incoming_id == money_case.c.incoming_id,
    refund.c.state == "paid",
    refund.c.approved_by == money_case.c.closed_by,
    func.substr(literal(PAID_BACK) + refund.c.reason, 1, NOTE_CHARACTERS) == money_case.c.note,
)

# Or somebody settled a difference at this moment.
_OF_DIFFERENCE = exists().where(
    difference_event.c.at == money_case.c.closed_at, difference_event.c.by_name == money_case.c.closed_by
)


def _closed(connection: Connection, within: _Within) -> Iterator[Decision]:
    query = (
        select(
            money_case,
            collection.c.key.label("collection_key"),
            func.coalesce(incoming.c.amount_minor, collection.c.paid_minor, collection.c.amount_minor).label("minor"),
            func.coalesce(incoming.c.currency, collection.c.paid_currency, collection.c.currency).label("currency"),
        )
        .join(organisation, organisation.c.id == money_case.c.organisation_id)
        .outerjoin(collection, collection.c.id == money_case.c.collection_id)
        .outerjoin(incoming, incoming.c.id == money_case.c.incoming_id)
        .where(money_case.c.closed_by != GATEWAY, within.moment(money_case.c.closed_at), ~_ASSIGNED, ~_PAID_BACK)
        .where(within.place, ~_OF_DIFFERENCE)
        .order_by(money_case.c.id)
    )
    together: defaultdict[tuple[datetime, str], list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(query):
        together[row.closed_at, row.closed_by].append(row)
    for rows in together.values():
        settled = [row for row in rows if row.kind in SETTLED and row.note.startswith(VERDICTS)]
        for row in rows:
            if not any(_follows(row, one) for one in settled):
                its_own = [one.key for one in rows if row in settled and _follows(one, row)]
                yield _of_case(connection, row, row in settled, its_own)


def _follows(row: Row[Any], settled: Row[Any]) -> bool:
    """Was a case closed because the same person settled another at the same moment?

    A taking back opens and closes one, of the same payment or of a household's share of it; and what is taken back from
    suspense closes all that is open about it.
    """
    if row.id == settled.id:
        return False
    if row.incoming_id is not None and row.incoming_id == settled.incoming_id:
        return bool(row.note == settled.note and (row.kind not in SETTLED or row.id > settled.id))
    if row.kind != "reversed" or row.collection_id is None:
        return False
    part = own_reversal(with_check_digit(settled.id))
    whole = row.collection_id == settled.collection_id
    return bool(
        row.key == reversal_key(row.collection_key, part) or (whole and row.key == reversal_key(row.collection_key))
    )


def _of_case(connection: Connection, row: Row[Any], settled: bool, its_own: list[str]) -> Decision:
    """``its_own`` are the keys by which the settling itself took money back."""
    amount = Money(row.minor, row.currency) if row.minor is not None else None
    if not (settled and row.note.startswith(KEPT)):
        amount = _taken(connection, its_own or [row.key]) or _of_shares(connection, row) or amount
    return Decision(row.closed_at, row.closed_by, "case-settled" if settled else "case-closed", amount, row.note)


def _of_shares(connection: Connection, row: Row[Any]) -> Money | None:
    """What a group's payment that was taken back whole brought: a household's share has an entry of its own."""
    one = by_key(connection, row.collection_key) if row.kind in SETTLED and row.collection_key is not None else None
    if one is None or one.group_id is None:
        return None
    return _taken(connection, [reversal_key(share.key) for share in shares_of(connection, one)])


def _taken(connection: Connection, keys: list[str]) -> Money | None:
    """What the entries with these keys took back."""
    found = connection.execute(
        select(func.sum(line.c.amount_minor), entry.c.currency)
        .join(entry, entry.c.id == line.c.entry_id)
        .where(line.c.amount_minor > 0, entry.c.key.in_(keys))
        .group_by(entry.c.currency)
    ).first()
    return Money(int(found[0]), found[1]) if found is not None else None


def _corrected(connection: Connection, within: _Within) -> Iterator[Decision]:
    """The name stands before the reason in the story."""
    query = (
        select(collection_event.c.at, collection_event.c.said, collection.c.paid_minor, collection.c.paid_currency)
        .join(collection, collection.c.id == collection_event.c.collection_id)
        .join(organisation, organisation.c.id == collection.c.organisation_id)
        .where(
            collection_event.c.to_state == State.REVERSED.value,
            collection_event.c.reason == CORRECTED,
            within.moment(collection_event.c.at),
            within.place,
        )
        .order_by(collection_event.c.id)
    )
    for row in connection.execute(query):
        by, _, reason = row.said.partition(":")
        paid = Money(row.paid_minor, row.paid_currency)
        yield Decision(row.at, by, "cash-corrected", paid, reason.strip())


_BEFORE = difference_event.alias("before")
# What happened to the difference just before.
_PREVIOUS = (
    select(_BEFORE.c.what)
    .where(_BEFORE.c.difference_id == difference_event.c.difference_id, _BEFORE.c.id < difference_event.c.id)
    .order_by(_BEFORE.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
# Who assigns money, or asks for it to be given back, is told of by that.
_TOLD_ELSEWHERE = (
    (difference.c.kind == "unknown")
    & difference_event.c.choice.in_(["assign", "refund"])
    & (difference_event.c.what != "undone")
)


def _differences(connection: Connection, within: _Within) -> Iterator[Decision]:
    """What people chose about differences between statements and the books."""
    query = (
        select(difference_event, difference.c.kind, difference.c.theirs_minor, difference.c.ours_minor,
               wallet.c.currency, _PREVIOUS.label("previous"))
        .join(difference, difference.c.id == difference_event.c.difference_id)
        .join(wallet, wallet.c.id == difference.c.wallet_id)
        .join(organisation, organisation.c.id == wallet.c.organisation_id)
        .where(
            difference_event.c.what.in_(["asked", "refused", "dropped", "settled", "undone"]),
            difference_event.c.by_name != GATEWAY,
            ~_TOLD_ELSEWHERE,
            within.moment(difference_event.c.at),
            within.place,
        )
        .order_by(difference_event.c.id)
    )  # fmt: skip
    for row in connection.execute(query):
        approved = row.what in ("settled", "undone") and row.previous == "asked"
        amount = Money(abs((row.theirs_minor or 0) - (row.ours_minor or 0)), row.currency)
        what = f"difference-{'approved' if approved else row.what}"
        yield Decision(row.at, row.by_name, what, amount, f"{row.kind}, {row.choice}: {row.reason}")
