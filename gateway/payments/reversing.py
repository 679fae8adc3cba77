"""Taking a posting back because its operator took the money back: a new entry, once, and everybody is told."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, func, select

from gateway.kernel.clock import day_in
from gateway.kernel.money import BadAmount, Money
from gateway.ledger.entries import Entry, Line, record
from gateway.locale import Say
from gateway.membership.households import by_id
from gateway.network.organisations import Tree
from gateway.payments.collections import Collection, by_key, move, tell_story
from gateway.payments.decisions.cases import GATEWAY, open_case
from gateway.payments.paid_into import paid_into
from gateway.payments.payers import group_money
from gateway.payments.payers.group_account import REST, write_movement
from gateway.payments.posting import message_of
from gateway.payments.readers import Reader, readers
from gateway.payments.receipts import show_receipt
from gateway.payments.states import State, check
from gateway.payments.telling import Word, queue_told
from gateway.payments.unasked.early import ID_CHARACTERS
from gateway.payments.unasked.suspense import reverse_suspense
from gateway.payments.undoing import undo_entry
from gateway.sms import notices
from gateway.sms.outgoing import Outgoing
from gateway.store.schema import account, entry, incoming, line
from gateway.store.unit import Unit


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
    its_key = reversal_key(key, reversal_id)
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


def reversal_key(key: str, reversal_id: str | None = None) -> str:
    """The key of the entry, and of the case, by which a collection or a part of it is taken back."""
    return f"reversal:{key}:{reversal_id[:ID_CHARACTERS]}" if reversal_id else f"reversal:{key}"


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
    lines, rest = [Line(_came_to(unit, one.key, posted), -taken.minor)], taken.minor
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
        reverse_suspense(unit, tree, kept, GATEWAY, "the operator took it back")
        taken = kept.amount_minor
    else:
        shares = group_money.shares_of(unit.connection, one, lock=True)
        if not shares:
            raise ValueError(f"what collection {one.key} brought was given to somebody else")
        for share in shares:
            if share.state is State.PAID:
                _, part = _undo(unit, tree, share, said, None, reversal_key(share.key))
                _tell_reversed(unit, tree, share, part, its_key, share=True)
                taken += part.minor
        taken += _undo_rest(unit, tree, one)
    move(unit, one, State.REVERSED, "reversed", said)
    back = Money(taken, one.paid.currency)
    part_of = f"{back.decimal} of {one.paid.decimal}: {said}"
    open_case(unit, "reversed", one.organisation_id, one.id, None, part_of, its_key)
    group_money.tell_taken_back(unit, tree, one, back, its_key)


def _undo_rest(unit: Unit, tree: Tree, one: Collection) -> int:
    """Take what a group's payment put on its own account off it again; how much that is, in minor units.

    Where it was divided since, the account stands below zero: the group owes it.
    """
    posted = unit.connection.execute(select(entry).where(entry.c.key == f"{REST}:{one.key}")).first()
    if posted is None:
        return 0
    on = day_in(tree[posted.organisation_id].time_zone, unit.now)
    undo_entry(unit, posted.key, reversal_key(f"{REST}:{one.key}"), on, _came_to(unit, one.key, posted))
    total, _ = _left_to_reverse(unit, posted.id)
    group = group_money.group_of(unit.connection, one)
    write_movement(unit, group, posted.organisation_id, one, "back", Money(-total, posted.currency), on)
    return total


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


def _came_to(unit: Unit, key: str, posted: Row[Any]) -> int:
    """The account that an operator takes back from: where the money came to, in the books that it counts in."""
    own = (account.c.organisation_id == posted.organisation_id) & (account.c.currency == posted.currency)
    role = paid_into(unit.connection, key)
    return int(unit.connection.execute(select(account.c.id).where(own, account.c.role == role)).scalar_one())


def _tell_reversed(unit: Unit, tree: Tree, one: Collection, taken: Money, its_key: str, share: bool = False) -> None:
    """The members and the treasurers; of a ``share`` the family alone, as the others are told of the whole."""
    family = by_id(unit.connection, tree, one.of_household)
    payer = "" if share else one.payer
    told = readers(unit.connection, tree, tree[one.organisation_id], family.id, family.language, payer)
    number = show_receipt(one.id, one.receipt_code)

    def write(each: Reader) -> Outgoing:
        text = notices.taken_back(Say(each.language), number, taken, family.card)
        return message_of(one, "reversed", each, text, its_key)

    words = [Word(each, "back", taken, write(each)) for each in (() if share else told.treasurers)]
    queue_told(unit, tree, [write(each) for each in told.members], words)
