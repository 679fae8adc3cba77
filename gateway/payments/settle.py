"""Posting a payment that its operator confirms, and taking it back: one transaction each, once for ever."""

from __future__ import annotations

import logging
from typing import Any, Literal

from sqlalchemy import Select, String, bindparam, exists, func, select, update

from gateway.kernel.clock import day_in
from gateway.kernel.money import BadAmount, Money
from gateway.ledger.chart import Chart
from gateway.ledger.entries import Entry, Line, record
from gateway.locale import Say
from gateway.membership.households import Household, by_id
from gateway.network.organisations import Tree
from gateway.payments.collections import Collection, by_key, move, read_collection, tell_story, who_asked
from gateway.payments.decisions.cases import GATEWAY, close_case, close_cases_of, open_case
from gateway.payments.names import carried, word_of_collection
from gateway.payments.payers import group_money
from gateway.payments.posting import Came, message_of, post
from gateway.payments.providers.base import Paid
from gateway.payments.push.daily import BY_FAMILY
from gateway.payments.readers import Reader, readers
from gateway.payments.receipts import show_receipt
from gateway.payments.states import UNDECIDED, State, check
from gateway.payments.unasked.early import Taken, is_early, link_early, taken_of
from gateway.payments.unasked.suspense import reverse_suspense
from gateway.sms import notices, texts
from gateway.sms.outgoing import queue_messages
from gateway.store.schema import (
    account,
    beneficiary,
    collection,
    entry,
    household,
    incoming,
    line,
    money_case,
    payer_group,
)
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
    if row.early_id is not None:
        _take_early(unit, tree, one, row.early_id, taken_of(row.early_note), paid)
    return True


def _post_household(unit: Unit, tree: Tree, chart: Chart, one: Collection, row: Any, paid: Paid) -> None:
    section = tree[row.section_id]
    family = Household(
        one.of_household, row.card, section.id, row.head or row.card, row.language, section.currency, section.time_zone
    )
    odd = _what_is_odd(one, paid)
    seen = row.seen_id if row.seen_currency == paid.amount.currency else None
    told: Literal["all", "nobody"] = "all"
    if row.early_id is not None and _is_whole(taken_of(row.early_note), paid.amount):
        told = "nobody"
    came = Came(
        paid.amount, "suspense" if seen is not None else "wallet", odd, paid.said, paid.at, paid.operator_id, told
    )
    post(unit, tree, chart, one, family, came)
    if seen is not None:
        _identify(unit, seen, one)
    if odd in ("currency", "amount"):
        open_case(unit, odd, one.organisation_id, one.id, None, f"paid {paid.amount.decimal}", f"{odd}:{one.key}")
    if row.seen_id is not None and Money(row.seen_minor, row.seen_currency) != paid.amount:
        open_case(unit, "twin", one.organisation_id, one.id, row.seen_id, paid.said, f"twin:{one.key}")


def _post_group(unit: Unit, tree: Tree, chart: Chart, one: Collection, row: Any, paid: Paid) -> None:
    seen = None
    if row.seen_id is not None:
        seen = unit.connection.execute(select(incoming).where(incoming.c.id == row.seen_id).with_for_update()).one()
        if Money(seen.amount_minor, seen.currency) != paid.amount:
            open_case(unit, "twin", one.organisation_id, one.id, seen.id, paid.said, f"twin:{one.key}")
    found = group_money.Found(_what_is_odd(one, paid), seen, row.early_id is not None)
    group_money.post_group(unit, tree, chart, one, paid, found)


def _identify(unit: Unit, incoming_id: int, one: Collection) -> None:
    """What stood on suspense has turned out to be what a collection asked for."""
    unit.connection.execute(
        update(incoming).where(incoming.c.id == incoming_id).values(state="posted", collection_id=one.id)
    )
    close_cases_of(unit, incoming_id, GATEWAY, "the operator says whose it is")


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


def tell_not_paid(unit: Unit, tree: Tree, one: Collection, reason: str) -> None:
    """Queue the word to the payer that nothing came; and to the household, where it had asked another's phone.

    The household learns that nothing came, and not why: that is between the payer and their operator.
    """
    if one.group_id is not None:
        group, payer = group_money.group_of(unit.connection, one), group_money.payer_of(unit.connection, tree, one)
        text = texts.group_not_paid(Say(payer.language), one.amount, group.name, reason)
    else:
        family, payer = _payer(unit, tree, one)
        text = texts.not_paid(Say(payer.language), one.amount, family.card, reason)
        if who_asked(unit.connection, one) == BY_FAMILY:
            _tell_who_asked(unit, tree, one, family)
    queue_messages(unit, "receipts", message_of(one, "not_paid", payer, text))


def _tell_who_asked(unit: Unit, tree: Tree, one: Collection, family: Household) -> None:
    told = readers(unit.connection, tree, tree[one.organisation_id], family.id, family.language, one.payer)
    for each in told.members:
        if each.msisdn != one.payer:
            text = texts.not_paid_elsewhere(Say(each.language), one.amount, family.card)
            queue_messages(unit, "receipts", message_of(one, "not_paid", each, text))


def tell_link(unit: Unit, tree: Tree, one: Collection, link: str) -> None:
    """Queue the SMS with the address where the payer pays."""
    if one.group_id is not None:
        group, payer = group_money.group_of(unit.connection, one), group_money.payer_of(unit.connection, tree, one)
        text = texts.group_link(Say(payer.language), one.amount, group.name, link)
    else:
        family, payer = _payer(unit, tree, one)
        text = texts.link(Say(payer.language), one.amount, family.card, link)
    queue_messages(unit, "receipts", message_of(one, "link", payer, text))


def _payer(unit: Unit, tree: Tree, one: Collection) -> tuple[Household, Reader]:
    family = by_id(unit.connection, tree, one.of_household)
    told = readers(unit.connection, tree, tree[one.organisation_id], family.id, family.language, one.payer)
    return family, next(each for each in told.members if each.msisdn == one.payer)


# --- taking back ------------------------------------------------------------------------------------------------------


def reverse(
    unit: Unit, tree: Tree, key: str, said: str, amount: Money | None = None, reversal_id: str | None = None
) -> bool:
    """Take a posting back because the operator took the money back: a new entry, the old one stays; False if done.

    ``amount`` is what the operator took, where that isn't all; ``reversal_id`` is its own number of the taking back,
    which makes each part happen once. When all is taken, the collection is reversed. The members and the treasurers are
    told. A group's payment is taken back whole: every household's share. Raises ValueError for cash: no operator takes
    it back, and who holds it now the first entry doesn't tell; and for a group's money that a person has given to
    somebody else. BadAmount for another currency, for more than is left of what was paid, for a part of a group's.
    """
    one = by_key(unit.connection, key, lock=True)
    if one is None or one.state is State.REVERSED:
        return False
    if one.way == "cash":
        raise ValueError(f"collection {key} is cash")
    check(one.state, State.REVERSED)
    its_key = f"reversal:{key}:{reversal_id[:30]}" if reversal_id else f"reversal:{key}"
    if one.group_id is not None:
        _reverse_group(unit, tree, one, said, amount, its_key)
        return True
    if unit.connection.scalar(select(entry.c.id).where(entry.c.key == its_key)) is not None:
        return False
    total, taken = _undo(unit, tree, one, said, amount, its_key)
    part_of = f"{taken.decimal} of {total.decimal}: {said}"
    open_case(unit, "reversed", one.organisation_id, one.id, None, part_of, its_key)
    _tell_reversed(unit, tree, one, taken, its_key)
    return True


def _undo(
    unit: Unit, tree: Tree, one: Collection, said: str, amount: Money | None, its_key: str
) -> tuple[Money, Money]:
    """The entry that takes a household's posting, or an amount of it, back: what was posted in all, what was taken."""
    posted = unit.connection.execute(select(entry).where(entry.c.key == f"collection:{one.key}")).one()
    total, left = _left_to_reverse(unit, posted.id)
    whole = sum(left.values())
    taken = Money(whole, posted.currency) if amount is None else amount
    if taken.currency != posted.currency or not 0 < taken.minor <= whole:
        raise BadAmount("not-what-was-paid")
    if taken.minor == whole:
        move(unit, one, State.REVERSED, "reversed", said)
    else:
        tell_story(unit, one.id, one.state, one.state, "reversed-part", said)
    lines, rest = [Line(_wallet(unit, posted.id), -taken.minor)], taken.minor
    for (account_id, household_id), still in left.items():
        part = min(rest, still)
        rest -= part
        if part:
            lines.append(Line(account_id, part, household_id))
    record(
        unit,
        Entry(
            its_key,
            posted.organisation_id,
            "corrections",
            posted.currency,
            day_in(tree[one.organisation_id].time_zone, unit.now),
            tuple(lines),
            reverses=posted.id,
        ),
    )
    return Money(total, posted.currency), taken


def _reverse_group(unit: Unit, tree: Tree, one: Collection, said: str, amount: Money | None, its_key: str) -> None:
    """Take back every share of what a group paid, or what stands on suspense of it; told once, and each family its."""
    assert one.paid is not None, f"collection {one.key} is {one.state}"
    if amount not in (None, one.paid):
        raise BadAmount("part-of-a-group's")
    kept = unit.connection.execute(select(incoming).where(incoming.c.collection_id == one.id).with_for_update()).first()
    taken = 0
    if kept is not None and kept.state == "suspense":
        reverse_suspense(unit, kept, "returned", day_in(tree[one.organisation_id].time_zone, unit.now))
        unit.connection.execute(update(incoming).where(incoming.c.id == kept.id).values(state="returned"))
        close_cases_of(unit, kept.id, GATEWAY, "the operator took it back")
        taken = kept.amount_minor
    else:
        shares = group_money.shares_of(unit.connection, one, lock=True)
        if not shares:
            raise ValueError(f"what collection {one.key} brought was given to somebody else")
        for share in shares:
            if share.state is State.PAID:
                _, part = _undo(unit, tree, share, said, None, f"reversal:{share.key}")
                _tell_reversed(unit, tree, share, part, its_key, share=True)
                taken += part.minor
    move(unit, one, State.REVERSED, "reversed", said)
    back = Money(taken, one.paid.currency)
    part_of = f"{back.decimal} of {one.paid.decimal}: {said}"
    open_case(unit, "reversed", one.organisation_id, one.id, None, part_of, its_key)
    group_money.tell_taken_back(unit, tree, one, back, its_key)


def _left_to_reverse(unit: Unit, posted_id: object) -> tuple[int, dict[tuple[int, int | None], int]]:
    """What an entry credited in all, and what of it isn't taken back: by account and household, the surplus first."""
    rows = unit.connection.execute(
        select(line.c.account_id, line.c.household_id, account.c.role, entry.c.id, func.sum(line.c.amount_minor))
        .join(account, account.c.id == line.c.account_id)
        .join(entry, entry.c.id == line.c.entry_id)
        .where((entry.c.id == posted_id) | (entry.c.reverses_id == posted_id))
        .group_by(line.c.account_id, line.c.household_id, account.c.role, entry.c.id)
    ).all()
    credited = {(row[0], row[1]): row.role for row in rows if row.id == posted_id and row[4] < 0}
    total = -sum(row[4] for row in rows if row.id == posted_id and row[4] < 0)
    order = sorted(credited, key=lambda each: (credited[each] == "receivable", credited[each], each[0]))
    left = {each: -sum(int(row[4]) for row in rows if (row[0], row[1]) == each) for each in order}
    return int(total), left


def _wallet(unit: Unit, posted_id: object) -> int:
    """The account that an operator takes back from: where the money stood, or the wallet for what was on suspense."""
    row = unit.connection.execute(
        select(account)
        .join(line, line.c.account_id == account.c.id)
        .where(line.c.entry_id == posted_id, line.c.amount_minor > 0)
    ).one()
    if row.role != "suspense":
        return int(row.id)
    own = (account.c.organisation_id == row.organisation_id) & (account.c.currency == row.currency)
    return int(unit.connection.execute(select(account.c.id).where(own, account.c.role == "wallet")).scalar_one())


def _tell_reversed(unit: Unit, tree: Tree, one: Collection, taken: Money, its_key: str, share: bool = False) -> None:
    """The members and the treasurers; of a ``share`` the family alone, as the others are told of the whole."""
    family = by_id(unit.connection, tree, one.of_household)
    payer = "" if share else one.payer
    told = readers(unit.connection, tree, tree[one.organisation_id], family.id, family.language, payer)
    number = show_receipt(one.id, one.receipt_code)
    for each in told.members if share else (*told.members, *told.treasurers):
        text = notices.taken_back(Say(each.language), number, taken, family.card)
        queue_messages(unit, "receipts", message_of(one, "reversed", each, text, its_key))
