"""What a group paid: one transaction of an operator, and a share of it for each household, all of them or none.

A share is a collection of its household's own, with its own receipt, so that it is listed, checked and given back like
any other. What can't be divided stands on suspense with a case; the group's collection is paid all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.ledger.chart import Chart
from gateway.ledger.entries import Entry, Line, record
from gateway.locale import Say
from gateway.membership.households import locked
from gateway.network.organisations import Organisation, Tree
from gateway.payments.collections import Collection, create, move, read_collection
from gateway.payments.decisions.cases import Kind, open_case
from gateway.payments.names import LONGEST, carried
from gateway.payments.payers.deduction_lists import finish_push, paid_by_push, shares_of_list
from gateway.payments.payers.group_account import put_rest
from gateway.payments.payers.shares import BadSplit, Group, Share, divide, group_by_id, of_one_network
from gateway.payments.posting import Came, message_of, post
from gateway.payments.providers.base import Paid
from gateway.payments.readers import Reader, Readers, readers
from gateway.payments.receipts import receipt_number
from gateway.payments.states import State
from gateway.payments.telling import Word, payment, queue_told
from gateway.payments.unasked.incoming import Seen, put_on_suspense, write_seen
from gateway.payments.unasked.suspense import being_refunded, identify, identify_by_operator, leave_suspense
from gateway.sms import notices, texts
from gateway.sms.outgoing import Outgoing
from gateway.store.schema import collection, declaration, incoming
from gateway.store.unit import Unit

# How the effect's key of a share begins; the key of the group's collection and the household's id follow.
SHARE = "share"  # begins the effect key of a share's collection


@dataclass(frozen=True)
class Found:
    """What is known of a transaction when its operator says that a group paid it.

    ``odd``: what differs from what was asked (``amount``, ``currency``, ``late``). ``seen``: the row of ``incoming``
    where a treasurer's SMS or a statement told of it first; it stands on suspense. ``early``: its operator said before
    that it took the money back.
    """

    odd: str | None
    seen: Row[Any] | None
    early: bool


def group_of(connection: Connection, one: Collection) -> Group:
    """The group that a collection is of."""
    assert one.group_id is not None, f"collection {one.key} is a household's"
    return group_by_id(connection, one.group_id)


def post_group(unit: Unit, tree: Tree, chart: Chart, one: Collection, paid: Paid, found: Found) -> Row[Any] | None:
    """Post what a group paid on a locked collection of its own; what can't be divided, the row that keeps it.

    Raises IllegalMove where the collection can't become paid.
    """
    group, books = group_of(unit.connection, one), tree[one.organisation_id]
    seen, at = found.seen, paid.at or one.created_at
    shares = _shares(unit, tree, group, books, paid.amount, found)
    _pay(unit, one, paid.amount, at if paid.at else unit.now, paid.operator_id, found.odd, paid.said)
    if isinstance(shares, str):
        kept = seen if seen is not None else _suspend(unit, tree, chart, one, group, paid, at)
        _keep(unit, tree, one, group, kept, _kind(found), shares)
        return kept
    if seen is not None:
        stands_on = leave_suspense(unit, tree, seen, [family for family, _ in shares])
        identify_by_operator(unit, seen.id, one.id)
    elif _in_one_books(tree, books, shares):
        stands_on = "suspense"
        _record_whole(unit, chart, books, one, paid.amount, at)
    else:
        stands_on = "wallet"
    post_shares(unit, tree, chart, one, shares, stands_on, at, carried(paid.operator_id)[1])
    listed = paid_by_push(unit, group.id, paid.amount)
    if listed is not None:
        finish_push(unit, listed, one.id)
    if found.odd == "amount":
        said = f"paid {paid.amount.decimal}"
        open_case(unit, "amount", books.id, one.id, None, said, f"amount:{one.key}")
    tell_paid(unit, tree, one, group, paid.amount, shares)
    return None


def _shares(
    unit: Unit, tree: Tree, group: Group, books: Organisation, amount: Money, found: Found
) -> list[Share] | str:
    """The shares, or why there are none."""
    if found.early:
        return "its operator took it back before it was told of"
    seen = found.seen
    if seen is not None and Money(seen.amount_minor, seen.currency) != amount:
        return f"the operator says {amount.decimal} {amount.currency} now"
    if seen is not None and being_refunded(unit.connection, seen.id):
        return "it is being given back"
    try:
        listed = paid_by_push(unit, group.id, amount)
        if listed is not None:
            shares = shares_of_list(unit.connection, tree, listed)
            return of_one_network(tree, books.id, amount, shares)
        return divide(unit.connection, tree, group, books.id, amount, day_in(books.time_zone, unit.now))
    except LookupError as several:
        return f"it can't be divided: {several.args[0]}"
    except BadSplit as wrong:
        return f"it can't be divided: {wrong.args[0]}"


def _kind(found: Found) -> Kind:
    if found.early:
        return "reversed"
    return "currency" if found.odd == "currency" else "unknown-payer"


def _in_one_books(tree: Tree, books: Organisation, shares: Sequence[Share]) -> bool:
    return all(tree.books_of(family.section_id).id == books.id for family, _ in shares)


def mark_paid(unit: Unit, one: Collection, amount: Money, at: datetime) -> None:
    """A group's collection that no operator tells of is paid: from the group's own account."""
    _pay(unit, one, amount, at, None, None)


def _pay(
    unit: Unit,
    one: Collection,
    amount: Money,
    at: datetime,
    operator_id: str | None,
    reason: str | None,
    said: str | None = None,
) -> None:
    columns = {"paid_minor": amount.minor, "paid_currency": amount.currency, "paid_at": at, "operator_id": operator_id}
    move(unit, one, State.PAID, reason, said, **columns)


def _record_whole(unit: Unit, chart: Chart, books: Organisation, one: Collection, amount: Money, at: datetime) -> None:
    accounts = chart.of(unit, books.id, amount.currency)
    lines = (Line(accounts["wallet"], amount.minor), Line(accounts["suspense"], -amount.minor))
    on = day_in(books.time_zone, at)
    record(unit, Entry(f"collection:{one.key}", books.id, "collections", amount.currency, on, lines))


# --- shares -----------------------------------------------------------------------------------------------------------


def post_shares(
    unit: Unit,
    tree: Tree,
    chart: Chart,
    one: Collection,
    shares: Sequence[Share],
    stands_on: str,
    at: datetime,
    number: str,
) -> list[int]:
    """Let each household's share of a group's paid collection count; the ids of their collections, as they are given.

    ``number`` is the operator's, which stands on the group's collection: it is one transaction.
    """
    posted: dict[int, int] = {}
    # In the order of their ids, so that two groups with the same households don't wait for each other.
    theirs: set[int] = set()
    for family, amount in sorted(shares, key=lambda share: share[0].id):
        now = locked(unit, tree, family)
        made = create(
            unit,
            effect_key=f"{SHARE}:{one.key}:{family.id}",
            books=tree.books_of(now.section_id),
            household_id=now.id,
            way="reference",  # nobody was asked for a share
            provider=one.provider,
            payer=one.payer,
            amount=amount,
            environment=one.environment,
        )
        post(unit, tree, chart, made, now, Came(amount, stands_on, "group", None, at, None, "family"))
        posted[family.id] = made.id
        theirs.add(now.id)
    own = declaration.c.household_id.in_(sorted(theirs))
    unit.connection.execute(
        update(declaration).where(declaration.c.operator_id == number, own).values(state="confirmed")
    )
    return [posted[family.id] for family, _ in shares]


def shares_of(connection: Connection, one: Collection, lock: bool = False) -> list[Collection]:
    """The collections that a group's paid collection was divided into, by their ids."""
    # The payer's index finds them; the key says which they are.
    own = (collection.c.payer == one.payer) & (collection.c.id > one.id)
    query = (
        select(collection)
        .where(own, collection.c.effect_key.startswith(f"{SHARE}:{one.key}:", autoescape=True))
        .order_by(collection.c.id)
    )
    return [read_collection(row) for row in connection.execute(query.with_for_update() if lock else query)]


def post_kept(unit: Unit, tree: Tree, chart: Chart, kept: Row[Any], group: Group, shares: Sequence[Share]) -> list[int]:
    """A person says that money on suspense was paid by a group: its shares count; the ids of their collections.

    The collection of the group is the one that it was asked for, or one that is made now. What it brought beyond the
    shares stands on the group's account.
    """
    amount = Money(kept.amount_minor, kept.currency)
    one = _asked_for(unit.connection, kept, group)
    if one is None:
        one = create(
            unit,
            effect_key=f"incoming:{kept.id}",
            books=tree.books_of(group.organisation_id),
            group_id=group.id,
            way="reference",
            provider=kept.operator[:20],
            payer=kept.payer or "",
            amount=amount,
        )
        number = kept.operator_id if kept.collection_id is None else None
        _pay(unit, one, amount, kept.paid_at, number, None)
    stands_on = leave_suspense(unit, tree, kept, [family for family, _ in shares])
    posted = post_shares(unit, tree, chart, one, shares, stands_on, kept.paid_at, kept.operator_id)
    rest = amount.minor - sum(share.minor for _, share in shares)
    if rest:  # of a list that names less than came
        books_id = tree.books_of(kept.organisation_id if stands_on == "suspense" else group.organisation_id).id
        put_rest(unit, tree, chart, group, one, Money(rest, amount.currency), stands_on, books_id, kept.paid_at)
    identify(unit, kept.id, one.id)
    tell_paid(unit, tree, one, group, amount, shares)
    return posted


def _asked_for(connection: Connection, kept: Row[Any], group: Group) -> Collection | None:
    row = connection.execute(
        select(collection).where(collection.c.id == kept.collection_id, collection.c.group_id == group.id)
    ).first()
    return read_collection(row) if row is not None else None


# --- what can't be divided --------------------------------------------------------------------------------------------


def _suspend(unit: Unit, tree: Tree, chart: Chart, one: Collection, group: Group, paid: Paid, at: datetime) -> Row[Any]:
    word, number = carried(paid.operator_id)
    seen = Seen(word or one.provider, number, one.organisation_id, paid.amount, one.payer, group.code, at)
    kept = write_seen(unit, seen, one.id)
    put_on_suspense(unit, tree, chart, kept)
    return kept


def _keep(unit: Unit, tree: Tree, one: Collection, group: Group, kept: Row[Any], kind: Kind, why: str) -> None:
    """Money stays on suspense: whose it was to be, why it isn't, and the word to those who wait for it."""
    unit.connection.execute(update(incoming).where(incoming.c.id == kept.id).values(collection_id=one.id))
    open_case(unit, kind, one.organisation_id, one.id, kept.id, f"group {group.code}: {why}", f"{kind}:{one.key}")
    if kind == "reversed":
        return
    told, amount = _readers(unit.connection, tree, one), Money(kept.amount_minor, kept.currency)
    number = kept.operator_id[:LONGEST]
    words = [
        message_of(one, "group_kept", each, notices.group_kept(Say(each.language), amount, number, group.name))
        for each in told.members
    ]
    alerts = [
        Word(each, "suspense", amount, message_of(
            one, "to_divide", each, notices.group_to_divide(Say(each.language), amount, number, group.name)
        ))
        for each in told.treasurers
    ]  # fmt: skip
    queue_told(unit, tree, words, alerts)


# --- who is told ------------------------------------------------------------------------------------------------------


def _readers(connection: Connection, tree: Tree, one: Collection) -> Readers:
    """The group's phone, and the treasurers of the books that it paid into."""
    return readers(connection, tree, tree[one.organisation_id], 0, None, one.payer)


def payer_of(connection: Connection, tree: Tree, one: Collection) -> Reader:
    """The phone that was asked for a group's money, and its language."""
    return _readers(connection, tree, one).members[0]


def tell_paid(
    unit: Unit,
    tree: Tree,
    one: Collection,
    group: Group,
    amount: Money,
    shares: Sequence[Share],
    treasurers: bool = True,
) -> None:
    """The group's phone gets one SMS with the total; the treasurers of each books what came into them.

    ``treasurers``: False where they were told of the money before it was divided.
    """
    number, count = receipt_number(one.id), len(shares)
    words = [
        message_of(
            one,
            "receipt",
            each,
            texts.group_receipt(Say(each.language), number, amount, count, group.name, one.amount),
        )
        for each in _readers(unit.connection, tree, one).members
    ]
    alerts = list(_to_treasurers(unit, tree, one, group, shares)) if treasurers else []
    queue_told(unit, tree, words, alerts)


def _to_treasurers(unit: Unit, tree: Tree, one: Collection, group: Group, shares: Sequence[Share]) -> Iterator[Word]:
    parts: dict[int, list[Money]] = {}
    for family, share in shares:
        parts.setdefault(tree.books_of(family.section_id).id, []).append(share)
    for books_id, amounts in parts.items():
        total = Money(sum(each.minor for each in amounts), amounts[0].currency)
        asked = one.amount if len(parts) == 1 else None
        for each in readers(unit.connection, tree, tree[books_id], 0, None, "").treasurers:
            text = texts.group_treasurer(
                Say(each.language), receipt_number(one.id), total, one.way, len(amounts), group.name, asked
            )
            yield payment(each, one.way, total, message_of(one, "treasurer", each, text, str(books_id)))


def tell_taken_back(unit: Unit, tree: Tree, one: Collection, taken: Money, its_key: str) -> None:
    """The group's phone and the treasurers, once for the whole."""
    group, told = group_of(unit.connection, one), _readers(unit.connection, tree, one)

    def write(each: Reader) -> Outgoing:
        text = notices.group_taken_back(Say(each.language), receipt_number(one.id), taken, group.name)
        return message_of(one, "reversed", each, text, its_key)

    words = [Word(each, "back", taken, write(each)) for each in told.treasurers]
    queue_told(unit, tree, [write(each) for each in told.members], words)
