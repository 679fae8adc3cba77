"""Cash: posted at once like any payment, and followed from the hands that took it to the treasurer's.

A treasurer's cash stands in the box (571) from the start. An animator's stands on 572 until the treasurer has confirmed
that it came: two people, two phones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, Select, func, insert, or_, select, update

from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.ledger.chart import Chart
from gateway.ledger.entries import Entry, Line, record
from gateway.locale import Say
from gateway.membership.households import Household, locked, main_phones
from gateway.membership.rules import Cover
from gateway.membership.several import among
from gateway.network.organisations import Tree
from gateway.network.staff import Member
from gateway.network.staff import by_id as staff_by_id
from gateway.payments.collections import create
from gateway.payments.posting import Came, post
from gateway.payments.push.limits import largest_float, largest_payment
from gateway.payments.receipts import receipt_number
from gateway.payments.states import State
from gateway.sms import notices
from gateway.sms.outgoing import Outgoing, queue_messages
from gateway.store import schema
from gateway.store.schema import cash_taking, collection, handover
from gateway.store.unit import Unit

# The same cash within this time is asked about before it is recorded once more.
SAME_WITHIN = timedelta(minutes=30)
# Where the cash of each stands from the moment it is recorded.
_STANDS_ON = {"animator": "collectors", "treasurer": "cash"}


@dataclass(frozen=True)
class CashRecorded:
    """What the receipt says: its number and code, what came in, what is left, and the cover that follows."""

    number: str
    code: str
    amount: Money
    left: Money
    cover: Cover


@dataclass(frozen=True)
class CashRefused:
    """Why nothing was recorded.

    ``currency``: another one than the household's. ``wrong-office``: the household isn't below the organisation of
    whoever records, or they keep no cash by their role. ``too-much``: more than one payment may be, or more than an
    animator may ever hold. ``float``: with this an animator would hold more than they may; what is handed over counts
    as theirs until the treasurer has confirmed it.
    """

    why: Literal["currency", "wrong-office", "too-much", "float"]


def record_cash(
    unit: Unit, tree: Tree, chart: Chart, *, effect_key: str, household: Household, staff: Member, amount: Money
) -> CashRecorded | CashRefused:
    """Record cash that a household gave: posted, receipted and counted for cover today, where the mutuelle is.

    Raises IntegrityError for an effect key that is known.
    """
    refused = _refused(unit, tree, household, staff, amount)
    if refused is not None:
        return refused
    # Two payments for one household split what is due one after the other.
    household = locked(unit, tree, household)
    phones = main_phones(unit.connection, household.id)
    one = create(
        unit,
        effect_key=effect_key,
        books=tree.books_of(household.section_id),
        household_id=household.id,
        way="cash",
        provider="cash",
        payer=phones[0] if phones else "",
        amount=amount,
    )
    now = post(unit, tree, chart, one, household, Came(amount, _STANDS_ON[staff.role]))
    unit.connection.execute(insert(cash_taking).values(collection_id=one.id, staff_id=staff.id))
    return CashRecorded(receipt_number(one.id), one.receipt_code or "", amount, now.left, now.cover)


def same_lately(unit: Unit, staff: Member, household_id: int, amount: Money) -> str | None:
    """The number of the receipt that the same person wrote for the same family and amount within half an hour.

    Whoever's call broke off before they saw it would write a second one.
    """
    lock_staff(unit, staff)
    found = unit.connection.scalar(
        select(cash_taking.c.collection_id)
        .join(collection, collection.c.id == cash_taking.c.collection_id)
        .join(schema.staff, schema.staff.c.id == cash_taking.c.staff_id)
        .where(
            schema.staff.c.msisdn == staff.msisdn,
            collection.c.household_id == household_id,
            collection.c.paid_minor == amount.minor,
            collection.c.paid_currency == amount.currency,
            collection.c.state == State.PAID.value,
            collection.c.created_at > unit.now - SAME_WITHIN,
        )
        .order_by(cash_taking.c.collection_id.desc())
        .limit(1)
    )
    return receipt_number(int(found)) if found is not None else None


def _refused(unit: Unit, tree: Tree, household: Household, staff: Member, amount: Money) -> CashRefused | None:
    if amount.currency != household.currency:
        return CashRefused("currency")
    office = tree[staff.organisation_id]
    if staff.role not in _STANDS_ON or not tree[household.section_id].under(office):
        return CashRefused("wrong-office")
    if amount.minor > largest_payment(amount.currency).minor:
        return CashRefused("too-much")
    if staff.role != "animator":
        return None
    most = largest_float(amount.currency).minor
    if amount.minor > most:
        return CashRefused("too-much")
    lock_staff(unit, staff)
    own = _takings_of(schema.staff.c.msisdn == staff.msisdn).where(_NOT_CONFIRMED)
    unconfirmed = _sums(unit.connection, own).get(amount.currency, 0)
    return CashRefused("float") if unconfirmed + amount.minor > most else None


def lock_staff(unit: Unit, staff: Member) -> None:
    """Of two calls in one person's name the second waits, whatever the role; rows that merely name them don't."""
    unit.connection.execute(
        select(schema.staff.c.id)
        .where(schema.staff.c.msisdn == staff.msisdn)
        .order_by(schema.staff.c.id)
        .with_for_update(key_share=True)
    )


_NOT_HANDED_OVER: ColumnElement[bool] = cash_taking.c.handover_id.is_(None)
_NOT_CONFIRMED: ColumnElement[bool] = or_(_NOT_HANDED_OVER, handover.c.state == "open")


def _takings_of(whose: ColumnElement[bool]) -> Select[Any]:
    """The cash that an animator took, less what was corrected. A treasurer's is where it belongs already."""
    return (
        select(cash_taking.c.collection_id, collection.c.organisation_id, collection.c.paid_minor,
               collection.c.paid_currency)
        .join(collection, collection.c.id == cash_taking.c.collection_id)
        .join(schema.staff, schema.staff.c.id == cash_taking.c.staff_id)
        .outerjoin(handover, handover.c.id == cash_taking.c.handover_id)
        .where(whose, schema.staff.c.role == "animator", collection.c.state == State.PAID.value)
    )  # fmt: skip


def _sums(connection: Connection, takings: Select[Any]) -> dict[str, int]:
    each = takings.subquery()
    rows = connection.execute(
        select(each.c.paid_currency, func.sum(each.c.paid_minor))
        .group_by(each.c.paid_currency)
        .order_by(each.c.paid_currency)
    )
    return {currency: int(total) for currency, total in rows}


def held(connection: Connection, staff_id: int) -> list[Money]:
    """The cash that an animator has taken and not handed over, by currency; nothing for anybody else."""
    sums = _sums(connection, _takings_of(cash_taking.c.staff_id == staff_id).where(_NOT_HANDED_OVER))
    return [Money(total, currency) for currency, total in sums.items()]


@dataclass(frozen=True)
class Handover:
    """Cash on its way to a treasurer: which, from whom (a name), how much, since when."""

    id: int
    animator: str
    amount: Money
    made_at: datetime


def hand_over(unit: Unit, tree: Tree, staff: Member) -> tuple[Handover, ...]:
    """Hand over all that an animator holds: one handover for each mutuelle's books and currency; none for nothing."""
    lock_staff(unit, staff)
    taken = unit.connection.execute(
        _takings_of(cash_taking.c.staff_id == staff.id).where(_NOT_HANDED_OVER).order_by(cash_taking.c.collection_id)
    ).all()
    piles: dict[tuple[int, str], list[Row[Any]]] = {}
    for row in taken:
        piles.setdefault((row.organisation_id, row.paid_currency), []).append(row)
    return tuple(
        _make(
            unit,
            staff,
            books_id,
            Money(sum(row.paid_minor for row in pile), currency),
            [row.collection_id for row in pile],
        )
        for (books_id, currency), pile in piles.items()
    )


def _make(unit: Unit, staff: Member, books_id: int, amount: Money, collection_ids: list[int]) -> Handover:
    made = unit.connection.execute(
        insert(handover).values(
            organisation_id=books_id,
            staff_id=staff.id,
            amount_minor=amount.minor,
            currency=amount.currency,
            state="open",
            made_at=unit.now,
        )
    )
    its_id = int(made.inserted_primary_key[0])  # type: ignore[index]
    # Those that were summed and no others: what a treasurer releases at this moment goes with the next.
    unit.connection.execute(
        update(cash_taking).where(cash_taking.c.collection_id.in_(collection_ids)).values(handover_id=its_id)
    )
    return Handover(its_id, staff.name, amount, unit.now)


_HANDOVERS = (
    select(
        handover.c.id,
        handover.c.organisation_id,
        handover.c.staff_id,
        handover.c.amount_minor,
        handover.c.currency,
        handover.c.made_at,
        schema.staff.c.name,
        schema.staff.c.msisdn,
    )
    .join(schema.staff, schema.staff.c.id == handover.c.staff_id)
    .where(handover.c.state == "open")
    .order_by(handover.c.id)
)


def open_handovers(connection: Connection, tree: Tree, staff: Member) -> list[Handover]:
    """What waits for a treasurer's word, the oldest first: of the books at or below their organisation, by others."""
    return handovers_below(connection, tree, staff.organisation_id, staff)


def handovers_below(connection: Connection, tree: Tree, organisation_id: int, staff: Member) -> list[Handover]:
    """The same, of the books at or below another organisation."""
    below = tree[organisation_id]
    books = [one.id for one in tree.by_id.values() if one.books_id == one.id and one.under(below)]
    return [
        Handover(row.id, row.name, Money(row.amount_minor, row.currency), row.made_at)
        for row in connection.execute(_HANDOVERS.where(handover.c.organisation_id.in_(among(books))))
        if not same_member(row.staff_id, row.msisdn, staff)
    ]


def handed_over_by(connection: Connection, staff_id: int) -> list[Handover]:
    """What somebody has handed over and no treasurer has decided about yet, the oldest first."""
    rows = connection.execute(_HANDOVERS.where(handover.c.staff_id == staff_id))
    return [Handover(row.id, row.name, Money(row.amount_minor, row.currency), row.made_at) for row in rows]


def tell_decided(unit: Unit, handover_id: int, answer: Decision, treasurer: Member, language: str) -> None:
    """Tell whoever handed over what a treasurer has just said; ``language``: theirs, where they chose none."""
    animator, books_id, amount = handed_over(unit.connection, handover_id)
    write = notices.cash_confirmed if answer == "confirmed" else notices.cash_disputed
    spoken = animator.language or language
    text = write(Say(spoken), amount, treasurer.name)
    own = Outgoing("handover", animator.msisdn, spoken, text, books_id, None, f"handover:{handover_id}:{answer}")
    queue_messages(unit, "receipts", own)


@dataclass(frozen=True)
class Hands:
    """Through whose hands cash went: who took it, and the state of the handover that it went by, where it did."""

    member: Member
    handover: str | None


def hands_of(connection: Connection, collection_id: int) -> Hands | None:
    """Who took the cash of a collection; None for what wasn't cash, or nobody's of the staff."""
    row = connection.execute(
        select(cash_taking.c.staff_id, handover.c.state)
        .outerjoin(handover, handover.c.id == cash_taking.c.handover_id)
        .where(cash_taking.c.collection_id == collection_id)
    ).first()
    return Hands(staff_by_id(connection, row.staff_id), row.state) if row is not None else None


def taken_lately(connection: Connection, staff_ids: Sequence[int], limit: int) -> list[int]:
    """The ids of the collections whose cash one person took in some roles, the latest first."""
    return list(
        connection.scalars(
            select(cash_taking.c.collection_id)
            .where(cash_taking.c.staff_id.in_(staff_ids))
            .order_by(cash_taking.c.collection_id.desc())
            .limit(limit)
        )
    )


def handed_over(connection: Connection, handover_id: int) -> tuple[Member, int, Money]:
    """Who handed over, to whose books (an organisation's id), and how much; the handover is known to exist."""
    row = connection.execute(select(handover).where(handover.c.id == handover_id)).one()
    return staff_by_id(connection, row.staff_id), row.organisation_id, Money(row.amount_minor, row.currency)


def same_member(staff_id: int, msisdn: str, staff: Member) -> bool:
    """Is it the same person: the same of the staff, or another of their roles on the same phone?"""
    return staff_id == staff.id or msisdn == staff.msisdn


Decision = Literal["confirmed", "disputed", "own", "gone"]


def decide(unit: Unit, tree: Tree, chart: Chart, handover_id: int, staff: Member, received: bool) -> Decision:
    """A treasurer's word on a handover, taken once: ``confirmed`` when it came whole, else ``disputed``.

    Confirmed cash goes into the box. Disputed cash stays with the animator, who can hand it over again; the handover is
    kept. ``own``: it takes two people with two phones. ``gone``: decided before, or not this treasurer's to decide.
    """
    row = unit.connection.execute(_HANDOVERS.where(handover.c.id == handover_id).with_for_update(of=handover)).first()
    if row is None or staff.role != "treasurer" or not tree[row.organisation_id].under(tree[staff.organisation_id]):
        return "gone"
    if same_member(row.staff_id, row.msisdn, staff):
        return "own"
    state: Decision = "confirmed" if received else "disputed"
    unit.connection.execute(
        update(handover)
        .where(handover.c.id == handover_id)
        .values(state=state, decided_by=staff.id, decided_at=unit.now)
    )
    if received:
        accounts = chart.of(unit, row.organisation_id, row.currency)
        lines = (Line(accounts["cash"], row.amount_minor), Line(accounts["collectors"], -row.amount_minor))
        today = day_in(tree[row.organisation_id].time_zone, unit.now)
        record(unit, Entry(f"handover:{handover_id}", row.organisation_id, "cash", row.currency, today, lines))
    else:
        unit.connection.execute(
            update(cash_taking).where(cash_taking.c.handover_id == handover_id).values(handover_id=None)
        )
    return state
