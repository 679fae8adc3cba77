"""A group's list and its payment become shares: exactly by the list, in one transaction, once.

One person says that the payment is there; above a limit another agrees. Where the payment names the list by its number,
and is its sum, nobody has to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from sqlalchemy import select, update

from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.kernel.persons import name_kept, same_person
from gateway.ledger.chart import Chart
from gateway.locale import mark
from gateway.network.organisations import Network, Tree
from gateway.payments.collections import create
from gateway.payments.decisions.cases import GATEWAY
from gateway.payments.decisions.two_people import REASON_CHARACTERS
from gateway.payments.payers.deduction_lists import (
    Deduction,
    Part,
    State,
    deduction_with,
    fill,
    move,
    parts_of,
    require,
    shares_of_list,
)
from gateway.payments.payers.deductions import (
    NOT_THERE,
    Missing,
    add_payment,
    books_of_list,
    candidates,
    difference,
    names_list,
)
from gateway.payments.payers.group_account import balance, lock_account, write_movement
from gateway.payments.payers.group_money import mark_paid, post_kept, post_shares, tell_paid
from gateway.payments.payers.shares import Group, Share, group_by_id
from gateway.payments.push.limits import largest_alone
from gateway.payments.unasked.suspense import NotAssigned, take_from_suspense, take_turn_of, write_decision
from gateway.store.schema import deduction, deduction_part, incoming
from gateway.store.unit import Store, Unit


def divide_now(
    unit: Unit, tree: Tree, chart: Chart, its_id: int, by_name: str, reason: str, rest_to_group: bool = False
) -> Deduction:
    """A person says that a list's payment is there: it is divided, or, above a limit, waits for another's word.

    Raises :class:`Fault` where something is missing, or is too much and isn't to go on the group's account.
    """
    one = _with_turns(unit, its_id)
    require(one, State.WAITING)
    by_name, reason = name_kept(by_name), reason.strip()[:REASON_CHARACTERS]
    if not by_name or not reason:
        raise Fault(mark("a name and a reason must be given"))
    parts = parts_of(unit.connection, one)
    gap = difference(one, parts)
    if gap.missing or not parts:
        raise Fault(mark("{amount} of the list's sum is missing: wait for the rest, or correct the list"),
                    amount=gap.missing)  # fmt: skip
    if gap.rest and not rest_to_group:
        raise Fault(mark("{amount} is too much: correct the list, or put it on the group's account"), amount=gap.rest)
    asked = {"asked_by": by_name, "asked_at": unit.now, "rest_to_group": rest_to_group, "reason": reason}
    if sum(part.amount.minor for part in parts) > largest_alone(one.total.currency).minor:
        move(unit, one, State.PROPOSED, **asked)
        return deduction_with(unit.connection, its_id)
    _post(unit, tree, chart, one, parts, by_name, reason)
    move(unit, one, State.POSTED, **asked)
    return deduction_with(unit.connection, its_id)


def approve(unit: Unit, tree: Tree, chart: Chart, its_id: int, by_name: str) -> Deduction:
    """Another person agrees: the list is divided now. Raises :class:`Fault`."""
    one = _with_turns(unit, its_id)
    require(one, State.PROPOSED)
    if not name_kept(by_name):
        raise Fault(mark("a name must be given"))
    if same_person(by_name, one.asked_by or ""):
        raise Fault(mark("it takes another person than who asked for it"))
    _post(unit, tree, chart, one, parts_of(unit.connection, one), by_name, f"{one.asked_by}: {one.reason}")
    move(unit, one, State.POSTED, decided_by=name_kept(by_name), decided_at=unit.now)
    return deduction_with(unit.connection, its_id)


def refuse(unit: Unit, its_id: int, by_name: str) -> None:
    """It isn't to be divided so: the list waits again, as before somebody asked. Raises :class:`Fault`."""
    one = deduction_with(unit.connection, its_id, lock=True)
    require(one, State.PROPOSED)
    if not name_kept(by_name):
        raise Fault(mark("a name must be given"))
    move(unit, one, State.WAITING, asked_by=None, asked_at=None, rest_to_group=False, reason=None)


def _with_turns(unit: Unit, its_id: int) -> Deduction:
    """The locked list, once nobody else moves the money that pays it: turns come before rows."""
    own = select(deduction_part.c.incoming_id).where(
        deduction_part.c.deduction_id == its_id, deduction_part.c.incoming_id.is_not(None)
    )
    before = set(unit.connection.scalars(own))
    take_turn_of(unit, incoming.c.id.in_(before))
    one = deduction_with(unit.connection, its_id, lock=True)
    if set(unit.connection.scalars(own)) != before:
        raise Fault(mark("somebody else is changing this list: look at it again"))
    return one


def _post(
    unit: Unit, tree: Tree, chart: Chart, one: Deduction, parts: Sequence[Part], by_name: str, reason: str
) -> None:
    """Divide what pays a list exactly by it: each payment into the shares that it fills, in the order of the cards."""
    group = group_by_id(unit.connection, one.group_id)
    shares = shares_of_list(unit.connection, tree, one)
    try:
        pieces, _ = fill(shares, [part.amount for part in parts])
    except ValueError:
        raise Fault(mark("the payments don't reach any more: look at the list again")) from None
    if not all(pieces):
        raise Fault(mark("the list is paid without its last payment: take that one off"))
    for part, piece in zip(parts, pieces, strict=True):
        if part.incoming_id is None:
            collection_id = _from_account(unit, tree, chart, one, group, part, piece)
        else:
            collection_id = _from_suspense(unit, tree, chart, one, group, part.incoming_id, piece, by_name, reason)
        unit.connection.execute(
            update(deduction_part).where(deduction_part.c.id == part.id).values(collection_id=collection_id)
        )


def _from_suspense(
    unit: Unit, tree: Tree, chart: Chart, one: Deduction, group: Group, incoming_id: int, piece: Sequence[Share],
    by_name: str, reason: str,
) -> int:  # fmt: skip
    families = [family for family, _ in piece]
    kept = take_from_suspense(unit, tree, incoming_id, families, by_name, reason, approving=True)
    if isinstance(kept, NotAssigned):
        raise Fault(NOT_THERE.get(kept.why, NOT_THERE["gone"]))
    post_kept(unit, tree, chart, kept, group, piece)
    write_decision(unit, kept, None, by_name, f"group {group.code}, list {one.number}: {reason}"[:REASON_CHARACTERS])
    query = select(incoming.c.collection_id).where(incoming.c.id == incoming_id)
    return int(unit.connection.execute(query).scalar_one())


def _from_account(
    unit: Unit, tree: Tree, chart: Chart, one: Deduction, group: Group, part: Part, piece: Sequence[Share]
) -> int:
    books = tree[books_of_list(unit.connection, tree, one)]
    lock_account(unit, group)
    if balance(unit.connection, group, part.amount.currency, books.id) < part.amount:
        raise Fault(mark("there isn't so much on the group's account any more"))
    made = create(
        unit, effect_key=f"deduction:{one.id}:{part.id}", books=books, group_id=group.id, way="reference",
        provider="group", payer=group.msisdn or "", amount=part.amount,
    )  # fmt: skip
    mark_paid(unit, made, part.amount, unit.now)
    post_shares(unit, tree, chart, made, piece, "groups", unit.now, "")
    write_movement(unit, group, books.id, made, "used", -part.amount, day_in(books.time_zone, unit.now))
    tell_paid(unit, tree, made, group, part.amount, piece, treasurers=False)
    return made.id


# --- matching by itself -----------------------------------------------------------------------------------------------


def matching(store: Store, network: Network, chart: Chart) -> Iterator[int]:
    """Divide lists whose payment names them by their number and is exactly their sum: what a scheduler does, in steps.

    A transaction each; of two who do it at once one finds it done.
    """
    with store.read() as connection:
        asked = select(deduction.c.id).where(deduction.c.state == State.WAITING.value)
        waiting = connection.scalars(asked.order_by(deduction.c.id).limit(500)).all()
    for its_id in waiting:
        with store.read() as connection:
            one = deduction_with(connection, its_id)
            if parts_of(connection, one):
                continue
            meant = [each for each in candidates(connection, network.tree(), one)
                     if each.amount == one.total and names_list(each.reference, one)]  # fmt: skip
        if len(meant) == 1:
            # Somebody may be quicker, or the money may not be theirs: a person sees both.
            with suppress(Fault), store.write() as unit:
                match(unit, network.tree(), chart, its_id, meant[0].incoming_id)
        yield 1


def match(unit: Unit, tree: Tree, chart: Chart, its_id: int, incoming_id: int) -> Deduction:
    """Divide a list with the payment that names it and is its sum; raises :class:`Fault`."""
    one = add_payment(unit, tree, its_id, incoming_id, GATEWAY)
    parts = parts_of(unit.connection, one)
    if difference(one, parts) != Missing(Money(0, one.total.currency), Money(0, one.total.currency)):
        raise Fault(mark("the payments don't reach any more: look at the list again"))
    _post(unit, tree, chart, one, parts, GATEWAY, "its reference names the list")
    move(unit, one, State.POSTED, decided_by=GATEWAY, decided_at=unit.now, reason="its reference names the list")
    return deduction_with(unit.connection, its_id)
