"""Posting a payment that its operator confirms: one transaction, once for ever."""

from __future__ import annotations

import logging
from typing import Any, Literal

from sqlalchemy import Row, Select, String, bindparam, exists, select

from gateway.kernel.money import Money
from gateway.ledger.chart import Chart
from gateway.membership.households import Household
from gateway.network.organisations import Tree
from gateway.payments.collections import Collection, move, read_collection
from gateway.payments.decisions.cases import GATEWAY, close_case, open_case
from gateway.payments.names import carried, word_of_collection
from gateway.payments.not_paid import tell_not_paid
from gateway.payments.payers import group_money
from gateway.payments.posting import Came, post
from gateway.payments.providers.base import Paid
from gateway.payments.reversing import reverse
from gateway.payments.states import UNDECIDED, State
from gateway.payments.unasked.early import Taken, is_early, link_early, taken_of
from gateway.payments.unasked.suspense import follow_money, identify_by_operator, leave_suspense
from gateway.store.schema import beneficiary, collection, household, incoming, money_case, payer_group
from gateway.store.together import together
from gateway.store.turn import ask_turn
from gateway.store.unit import Unit

log = logging.getLogger(__name__)


_other = collection.alias("other")
_NUMBER = bindparam("number", type_=String(64))


def _found(query: Select[Any]) -> Select[Any]:
    """With it, what is known of the transaction: under another collection, as it came without our asking, taken back.

    A twin is another collection under which this very transaction was posted; ``seen`` is the same money where a
    treasurer's SMS or a statement told of it first; ``early`` is the word that the operator took it back.
    """
    return (
        query.add_columns(
            exists()
            .where(_other.c.provider == collection.c.provider, _other.c.operator_id == bindparam("operator_id"))
            .label("twin"),
            incoming.c.id.label("seen_id"),
            incoming.c.state.label("seen_state"),
            incoming.c.amount_minor.label("seen_minor"),
            incoming.c.currency.label("seen_currency"),
            money_case.c.id.label("early_id"),
            money_case.c.note.label("early_note"),
        )
        .outerjoin(incoming, (incoming.c.operator == word_of_collection()) & (incoming.c.operator_id == _NUMBER))
        .outerjoin(money_case, is_early(word_of_collection(), _NUMBER))
        .where(collection.c.key == bindparam("sought"))
    )


# The collection, its household and the head's name in one look, the first two locked: two payments for one household
# split what is due one after the other.
_LOCKED = _found(
    select(
        collection,
        household.c.card,
        household.c.section_id,
        household.c.language,
        beneficiary.c.name.label("head"),
    )
    .join(household, household.c.id == collection.c.household_id)
    .outerjoin(beneficiary, (beneficiary.c.household_id == household.c.id) & (beneficiary.c.relation == "head"))
).with_for_update(of=[collection, household])
_LOCKED_GROUP = _found(select(collection).join(payer_group, payer_group.c.id == collection.c.group_id)).with_for_update(
    of=[collection]
)


def post_paid(unit: Unit, tree: Tree, chart: Chart, key: str, paid: Paid) -> bool:
    """Post what an operator says was paid for a collection; False when it was posted before.

    What counts is what really moved: another amount than was asked for is posted as it came, another currency goes to
    suspense. One transaction of the operator is posted once, also when it turns up under a second key. What its
    operator took back before it was told of is posted and taken back at once, and the members are told of that alone.
    """
    word, number = carried(paid.operator_id)
    given = {"sought": key, "operator_id": paid.operator_id, "carried": word, "number": number}
    rows = together(unit.connection, *ask_turn(unit, number), (_LOCKED, given))[-1]
    row = rows[0] if rows else unit.connection.execute(_LOCKED_GROUP, given).first()
    if row is None:  # its household was merged while we waited for it: it is another's now
        row = unit.connection.execute(_LOCKED, given).first()
    if row is None:
        return False
    one = read_collection(row)
    if one.state in (State.PAID, State.REVERSED):
        return False
    if row.twin or row.seen_state not in (None, "suspense"):
        _refuse_duplicate(unit, tree, one, paid, row.seen_id)
        return False
    if one.group_id is None:
        _post_household(unit, tree, chart, one, row, paid)
    else:
        _post_group(unit, tree, chart, one, row, paid)
    if row.seen_id is not None and Money(row.seen_minor, row.seen_currency) != paid.amount:
        open_case(unit, "twin", one.organisation_id, one.id, row.seen_id, paid.said, f"twin:{one.key}")
    if row.early_id is not None:
        _take_early(unit, tree, one, row.early_id, taken_of(row.early_note), paid)
    return True


def _post_household(unit: Unit, tree: Tree, chart: Chart, one: Collection, row: Any, paid: Paid) -> None:
    section = tree[row.section_id]
    family = Household(
        one.of_household, row.card, section.id, row.head or row.card, row.language, section.currency, section.time_zone
    )
    odd = _what_is_odd(one, paid)
    seen = _seen(unit, row) if row.seen_currency == paid.amount.currency else None
    told: Literal["all", "nobody"] = "all"
    if row.early_id is not None and _is_whole(taken_of(row.early_note), paid.amount):
        told = "nobody"
    stands_on = leave_suspense(unit, tree, seen, [family]) if seen is not None else "wallet"
    came = Came(paid.amount, stands_on, odd, paid.said, paid.at, paid.operator_id, told)
    post(unit, tree, chart, one, family, came)
    if seen is not None:
        identify_by_operator(unit, seen.id, one.id)
        follow_money(unit, seen.id, one.id)
    if odd in ("currency", "amount"):
        open_case(unit, odd, one.organisation_id, one.id, None, f"paid {paid.amount.decimal}", f"{odd}:{one.key}")


def _post_group(unit: Unit, tree: Tree, chart: Chart, one: Collection, row: Any, paid: Paid) -> None:
    seen = _seen(unit, row) if row.seen_id is not None else None
    found = group_money.Found(_what_is_odd(one, paid), seen, row.early_id is not None)
    group_money.post_group(unit, tree, chart, one, paid, found)


def _seen(unit: Unit, row: Any) -> Row[Any]:
    """The row of money that was seen first: it is on suspense, and whoever moves it has its number's turn."""
    return unit.connection.execute(select(incoming).where(incoming.c.id == row.seen_id).with_for_update()).one()


# --- taken back before it was told of ---------------------------------------------------------------------------------


def _is_whole(taken: tuple[Taken, ...], paid: Money) -> bool:
    parts = [each.amount for each in taken if each.amount is not None]
    same = all(part.currency == paid.currency for part in parts)
    return len(parts) < len(taken) or (bool(parts) and same and sum(part.minor for part in parts) == paid.minor)


def _take_early(unit: Unit, tree: Tree, one: Collection, case: int, taken: tuple[Taken, ...], paid: Paid) -> None:
    """Take back what its operator had taken back; where that can't be told, the case stays open for a person."""
    link_early(unit, case, one.id)
    said = "taken back before it was told of"
    if _is_whole(taken, paid.amount):
        reverse(unit, tree, one.key, said)
    elif one.group_id is None and taken and _are_parts(taken, paid.amount):
        for each in taken:
            reverse(unit, tree, one.key, said, each.amount, each.reversal_id)
    else:
        return
    close_case(unit, case, GATEWAY, "the operator took it back")


def _are_parts(taken: tuple[Taken, ...], paid: Money) -> bool:
    parts = [each.amount for each in taken if each.amount is not None]
    return all(part.currency == paid.currency for part in parts) and sum(part.minor for part in parts) < paid.minor


# --- what isn't posted ------------------------------------------------------------------------------------------------


def _refuse_duplicate(unit: Unit, tree: Tree, one: Collection, paid: Paid, seen_id: int | None) -> None:
    """A transaction that was posted under another key pays nothing here.

    Where it was posted for this household or group (a treasurer's SMS was faster than the operator's answer), nobody
    is told again; else somebody must look into it.
    """
    by_number = (collection.c.provider == one.provider) & (collection.c.operator_id == paid.operator_id)
    if seen_id is not None:
        by_number |= collection.c.id.in_(select(incoming.c.collection_id).where(incoming.c.id == seen_id))
    known = unit.connection.execute(
        select(collection.c.key, collection.c.household_id, collection.c.group_id).where(by_number)
    ).first()
    same = known is not None and (known.household_id, known.group_id) == (one.household_id, one.group_id)
    if one.state in UNDECIDED:
        move(unit, one, State.REFUSED, "duplicate", paid.said)
    if same:
        return
    other = known.key if known is not None else f"incoming {seen_id}"
    log.error("the operator's transaction of collection %s was posted under %s: not posted again", one.key, other)
    open_case(unit, "twin", one.organisation_id, one.id, seen_id, f"posted under {other}", f"twin:{one.key}")
    if one.state in UNDECIDED:
        tell_not_paid(unit, tree, one, "other")


def _what_is_odd(one: Collection, paid: Paid) -> Literal["currency", "amount", "late"] | None:
    if paid.amount.currency != one.amount.currency:
        return "currency"
    if paid.amount != one.amount:
        return "amount"
    return "late" if one.state in (State.REFUSED, State.EXPIRED) else None
