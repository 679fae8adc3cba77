"""Money given back: one person asks, another approves, and the books say so only when it was really paid out.

``asked → approved → sent → paid``; the second person may refuse, and whoever asked may drop it, until it is paid.
Where the payment's operator gives money back by itself, the approval asks it to (``gateway.payments.giving_back``);
else, and where it refuses, somebody does it by hand and writes down the operator's number.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from gateway.kernel.clock import day_in
from gateway.kernel.ids import operator_key
from gateway.kernel.money import Money
from gateway.kernel.numbers import read_number as read_checked
from gateway.kernel.numbers import with_check_digit
from gateway.ledger.accounts import statement_of
from gateway.ledger.chart import Chart
from gateway.ledger.entries import Entry, Line, record
from gateway.ledger.rules import position
from gateway.locale import Say
from gateway.membership.households import by_id, lock_household
from gateway.network.organisations import Tree
from gateway.payments.decisions.cases import STEPS, close_cases_of
from gateway.payments.decisions.two_people import REASON_CHARACTERS, name_kept, same_person
from gateway.payments.names import read_number
from gateway.payments.paid_into import paid_into
from gateway.payments.readers import message_to, readers
from gateway.payments.states import REFUND_RUNNING, State
from gateway.payments.telling import Word, queue_told
from gateway.payments.unasked.suspense import being_assigned, stood_on, take_turn_of
from gateway.payments.undoing import undone_of
from gateway.sms import notices
from gateway.store.outbox import Ask, put
from gateway.store.schema import collection, incoming, organisation, refund
from gateway.store.unit import Unit

# The outbox's topics of what an operator gives back; the subject is the refund's key.
GIVE, LOOK = "refund.give", "refund.look"
PAID_BACK = "paid back: "  # begins the note of a case that was closed as its money was given back
# So long after it was sent, a person may decide what became of it: by then they have asked the operator's support.
BY_HAND_AFTER = STEPS["undecided-72h"]


@dataclass(frozen=True)
class Refund:
    """A refund as it stands; ``number`` is what people name it by.

    ``provider`` is who gives it back, None where a person does; ``sent_at`` is when an operator was first asked to,
    also where it has refused since; ``handle`` is how that operator names the refund.
    """

    id: int
    number: str
    key: str
    organisation_id: int
    collection_id: int | None
    incoming_id: int | None
    amount: Money
    reason: str
    asked_by: str
    asked_at: datetime
    approved_by: str | None
    state: str
    said: str | None
    provider: str | None = None
    handle: str | None = None
    sent_at: datetime | None = None

    @property
    def at_operator(self) -> bool:
        """Is it an operator's turn, and nobody's by hand?"""
        return self.provider is not None and self.state in ("approved", "sent")

    def age(self, now: datetime) -> timedelta:
        """For how long it has waited: since it was sent, where it was, else since it was asked for."""
        return now - (self.sent_at or self.asked_at)


@dataclass(frozen=True)
class NoRefund:
    """Why a refund can't be asked for, or go on.

    ``gone``: nothing paid is there any more, or the refund is past this step. ``too-much``: more than was paid, less
    what was given or taken back and what is being given back. ``currency``: another than was paid. ``part``: money that
    nobody has identified goes back whole. ``same-person``: it takes two. ``nobody``: no name or no reason was given.
    ``number``: no operator's number of the paying back. ``assigned``: somebody has said whose the money is, and another
    person decides that first. ``group``: a group's money goes back household by household. ``operator``: an operator
    has been asked to give it back, and may have.
    """

    why: Literal[
        "gone", "too-much", "currency", "part", "same-person", "nobody", "number", "assigned", "group", "operator"
    ]


def ask_refund(
    unit: Unit, tree: Tree, *, collection_key: str | None = None, incoming_id: int | None = None, amount: Money,
    reason: str, by: str,
) -> Refund | NoRefund:  # fmt: skip
    """One person asks that money be given back: of a payment that counts, or of money on suspense.

    Raises ValueError unless exactly one of the two is named.
    """
    if (collection_key is None) == (incoming_id is None):
        raise ValueError("a refund is of a collection or of money that came")
    if not by.strip() or not reason.strip():
        return NoRefund("nobody")
    row = _lock(unit, collection_key, incoming_id)
    if row is None:
        return NoRefund("gone")
    refused = _can_be_given(unit.connection, row, collection_key is not None, amount)
    if refused is not None:
        return refused
    made = unit.connection.execute(
        insert(refund)
        .values(
            key=operator_key(),
            organisation_id=tree.books_of(row.organisation_id).id,
            collection_id=row.id if collection_key is not None else None,
            incoming_id=incoming_id,
            amount_minor=amount.minor,
            currency=amount.currency,
            reason=reason.strip()[:REASON_CHARACTERS],
            asked_by=name_kept(by),
            asked_at=unit.now,
            state="asked",
        )
        .returning(*refund.c)
    )
    return _read(made.one())


def _lock(unit: Unit, collection_key: str | None, incoming_id: int | None) -> Row[Any] | None:
    if collection_key is not None:
        query: Select[Any] = select(collection).where(collection.c.key == collection_key)
    else:
        take_turn_of(unit, incoming.c.id == incoming_id)
        query = select(incoming).where(incoming.c.id == incoming_id)
    return unit.connection.execute(query.with_for_update()).first()


def _can_be_given(connection: Connection, row: Row[Any], posted: bool, amount: Money) -> NoRefund | None:
    if row.state != (State.PAID.value if posted else "suspense"):
        return NoRefund("gone")
    if posted and row.household_id is None:
        return NoRefund("group")
    if not posted and being_assigned(connection, row.id):
        return NoRefund("assigned")
    paid = Money(row.paid_minor, row.paid_currency) if posted else Money(row.amount_minor, row.currency)
    if amount.currency != paid.currency:
        return NoRefund("currency")
    own = refund.c.collection_id == row.id if posted else refund.c.incoming_id == row.id
    given = connection.scalar(
        select(func.sum(refund.c.amount_minor)).where(own, refund.c.state.in_([*REFUND_RUNNING, "paid"]))
    )
    left = paid.minor - int(given or 0) - (undone_of(connection, f"collection:{row.key}") if posted else 0)
    if not 0 < amount.minor <= left:
        return NoRefund("too-much")
    return NoRefund("part") if not posted and amount != paid else None


def approve(unit: Unit, number: str, by: str, gives_back: Collection[str] = ()) -> Refund | NoRefund:
    """Another person approves; from now on it is an operator's turn where its provider is one of ``gives_back``."""
    one = _locked(unit, number)
    if one is None or one.state != "asked":
        return NoRefund("gone")
    if not by.strip():
        return NoRefund("nobody")
    if same_person(by, one.asked_by):
        return NoRefund("same-person")
    provider = _who_gives(unit.connection, one, gives_back)
    if provider is not None:
        put(unit, Ask("money", GIVE, one.key, f"{GIVE}:{one.key}"))
    return move(unit, one, state="approved", approved_by=name_kept(by), approved_at=unit.now, provider=provider)


def _who_gives(connection: Connection, one: Refund, gives_back: Collection[str]) -> str | None:
    """The provider that brought the money, where it takes it back to the payer: it has to know the payment itself."""
    row = connection.execute(select(collection).where(collection.c.id == one.collection_id)).first()
    if row is None or row.way != "push" or row.operator_id is None or row.provider not in gives_back:
        return None
    return str(row.provider)


def drop(unit: Unit, number: str, by: str, reason: str) -> Refund | NoRefund:
    """It won't be given: dropped by whoever asked, refused by anybody else."""
    one = _locked(unit, number)
    if one is None or one.state not in REFUND_RUNNING:
        return NoRefund("gone")
    if not by.strip() or not reason.strip():
        return NoRefund("nobody")
    if one.sent_at is not None and _only_the_operator_knows(one, unit.now):
        return NoRefund("operator")
    state = "dropped" if same_person(by, one.asked_by) else "refused"
    return move(unit, one, state=state, said=f"{name_kept(by)}: {reason.strip()}"[:200])


def _only_the_operator_knows(one: Refund, now: datetime) -> bool:
    """Nobody decides by hand what an operator may be doing at this moment."""
    return one.at_operator and (one.sent_at is None or one.age(now) < BY_HAND_AFTER)


def paid(unit: Unit, tree: Tree, chart: Chart, number: str, operator_number: str) -> Refund | NoRefund:
    """It was paid out by hand, under the operator's number: now it is in the books, and all are told who read of it."""
    own = select(refund.c.incoming_id).where(refund.c.id == (read_checked(number) or 0))
    take_turn_of(unit, incoming.c.id == own.scalar_subquery())
    one = _locked(unit, number)
    if one is None or one.state not in ("approved", "sent"):
        return NoRefund("gone")
    number_paid = read_number(operator_number)
    if number_paid is None:
        return NoRefund("number")
    if _only_the_operator_knows(one, unit.now):
        return NoRefund("operator")
    refused = no_longer(unit, one)
    return refused or post(unit, tree, chart, one, number_paid)


def no_longer(unit: Unit, one: Refund) -> NoRefund | None:
    """Why there is nothing to give back any more: its operator took it back, or it was assigned, since it was asked."""
    row = _source(unit, one)
    if row.state != (State.PAID.value if one.collection_id is not None else "suspense"):
        return NoRefund("gone")
    if one.collection_id is not None and one.amount.minor > row.paid_minor - undone_of(
        unit.connection, f"collection:{row.key}"
    ):
        return NoRefund("too-much")
    return None


def post(unit: Unit, tree: Tree, chart: Chart, one: Refund, number_paid: str) -> Refund:
    """Write a locked refund that was paid out into the books, and tell the payer, the member and the treasurers.

    What was given back to a household is taken from what it has in advance first, then it is due again.
    """
    row = _source(unit, one)
    if one.collection_id is not None:
        lock_household(unit, row.household_id)
    books = tree[one.organisation_id]
    lines = _lines(unit, chart, one, row)
    today = day_in(books.time_zone, unit.now)
    record(unit, Entry(f"refund:{one.key}", books.id, "corrections", one.amount.currency, today, lines))
    if one.incoming_id is not None:
        unit.connection.execute(update(incoming).where(incoming.c.id == one.incoming_id).values(state="returned"))
        close_cases_of(unit, one.incoming_id, one.approved_by or one.asked_by, PAID_BACK + one.reason)
    _tell(unit, tree, one, row, number_paid)
    return move(unit, one, state="paid", said=number_paid)


def _source(unit: Unit, one: Refund) -> Row[Any]:
    if one.collection_id is not None:
        query: Select[Any] = select(collection).where(collection.c.id == one.collection_id)
    else:
        query = select(incoming).where(incoming.c.id == one.incoming_id)
    return unit.connection.execute(query.with_for_update()).one()


def _lines(unit: Unit, chart: Chart, one: Refund, row: Row[Any]) -> tuple[Line, ...]:
    accounts = chart.of(unit, one.organisation_id, one.amount.currency)
    amount = one.amount.minor
    if one.collection_id is None:
        return Line(accounts["suspense"], amount), Line(accounts[stood_on(unit.connection, row.id)], -amount)
    out = Line(accounts["cash" if row.way == "cash" else paid_into(unit.connection, row.key)], -amount)
    if row.paid_currency != row.currency:  # what came in another currency never left suspense
        return Line(accounts["suspense"], amount, row.household_id), out
    before = statement_of(unit.connection, row.household_id)
    from_advance = min(position(before.dues, before.credits).advance_minor, amount)
    parts = (("advance", from_advance), ("receivable", amount - from_advance))
    return (*(Line(accounts[role], part, row.household_id) for role, part in parts if part), out)


def _tell(unit: Unit, tree: Tree, one: Refund, row: Row[Any], number: str) -> None:
    books = tree[one.organisation_id]
    family = by_id(unit.connection, tree, row.household_id) if one.collection_id is not None else None
    its_id, language, card = (family.id, family.language, family.card) if family else (None, None, None)
    told = readers(unit.connection, tree, books, its_id or 0, language, row.payer or "")
    messages, words = [], []
    for each in told.members:
        text = notices.refunded(Say(each.language), number, one.amount, card)
        messages.append(message_to(each, "refund", one.key, text, one.organisation_id, its_id))
    for each in told.treasurers:
        text = notices.refunded_by(
            Say(each.language), number, one.amount, card, one.asked_by, one.approved_by or one.asked_by
        )
        # A treasurer who is also the payer reads both.
        own = message_to(each, "refund", one.key, text, one.organisation_id, its_id, "treasurer")
        words.append(Word(each, "given", one.amount, own))
    queue_told(unit, tree, messages, words)


# --- reading ----------------------------------------------------------------------------------------------------------


def refunds(
    connection: Connection, under_path: str = "/", every: bool = False, limit: int = 1000, after: int | None = None
) -> list[Refund]:
    """The refunds that wait for somebody, of the organisations at or below a path; with ``every`` all, newest first.

    ``after``: only those that follow this id in that order.
    """
    query = (
        select(refund)
        .join(organisation, organisation.c.id == refund.c.organisation_id)
        .where(organisation.c.path.like(under_path + "%"))
        .limit(limit)
    )
    if after is not None:
        query = query.where(refund.c.id < after if every else refund.c.id > after)
    if every:
        query = query.order_by(refund.c.id.desc())
    else:
        query = query.where(refund.c.state.in_(REFUND_RUNNING)).order_by(refund.c.id)
    return [_read(row) for row in connection.execute(query)]


_NEXT = {
    "asked": "another person approves it, or refuses it",
    "approved": "give it back by hand, then record it: gateway refunds paid",
}
_NEXT_OF_OPERATOR = {
    "approved": "the gateway asks the operator to give it back: see that a worker runs",
    "sent": "the operator holds it: the gateway asks again by itself",
}
_REFUSED = "the operator refused: give it back by hand and record it, or drop it and ask for it anew"
_ASK_SUPPORT = "ask the operator's support what became of this key; then record it as paid, or drop it"


def next_step(one: Refund, now: datetime) -> str:
    """What comes next for a refund, and who does it, in words; nothing for one that is over."""
    if one.at_operator:
        return _ASK_SUPPORT if one.sent_at and one.age(now) >= BY_HAND_AFTER else _NEXT_OF_OPERATOR[one.state]
    return _REFUSED if one.state == "approved" and one.sent_at else _NEXT.get(one.state, "")


def refund_numbered(connection: Connection, refund_id: int) -> Refund | None:
    """One of them by its id."""
    row = connection.execute(select(refund).where(refund.c.id == refund_id)).first()
    return _read(row) if row else None


def refunds_of(connection: Connection, collection_id: int) -> list[Refund]:
    """What was asked to be given back of a collection, the first first."""
    return [
        _read(row)
        for row in connection.execute(
            select(refund).where(refund.c.collection_id == collection_id).order_by(refund.c.id)
        )
    ]


def by_key(connection: Connection, key: str, *, lock: bool = False) -> Refund | None:
    """The refund with our key; ``lock`` keeps others from moving it until the transaction ends."""
    query = select(refund).where(refund.c.key == key)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return _read(row) if row else None


def _locked(unit: Unit, number: str) -> Refund | None:
    query = select(refund).where(refund.c.id == (read_checked(number) or 0)).with_for_update()
    row = unit.connection.execute(query).first()
    return _read(row) if row else None


def move(unit: Unit, one: Refund, **changes: object) -> Refund:
    """Change a locked refund; it as it stands then."""
    moved = unit.connection.execute(update(refund).where(refund.c.id == one.id).values(changes).returning(*refund.c))
    return _read(moved.one())


def _read(row: Row[Any]) -> Refund:
    return Refund(
        row.id,
        with_check_digit(row.id),
        row.key,
        row.organisation_id,
        row.collection_id,
        row.incoming_id,
        Money(row.amount_minor, row.currency),
        row.reason,
        row.asked_by,
        row.asked_at,
        row.approved_by,
        row.state,
        row.said,
        row.provider,
        row.handle,
        row.sent_at,
    )
