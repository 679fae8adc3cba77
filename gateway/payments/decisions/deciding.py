"""What a person decides about money of which an operator says now this, now that: it is taken back, or it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select

from gateway.kernel.money import BadAmount, Money
from gateway.network.organisations import Tree
from gateway.payments.collections import by_key
from gateway.payments.decisions.cases import NOTE_CHARACTERS, Case, case_numbered, close_case, lock_case
from gateway.payments.decisions.two_people import name_kept
from gateway.payments.payers.group_money import shares_of
from gateway.payments.providers.base import keep_said
from gateway.payments.reversing import reversal_key, reverse
from gateway.payments.states import State
from gateway.payments.unasked.early import close_early, early_key
from gateway.payments.unasked.suspense import being_assigned, being_refunded, reverse_suspense, take_turn_of
from gateway.store.schema import collection, entry, incoming, money_case
from gateway.store.unit import Unit

Verdict = Literal["reversed", "keep"]
SETTLED = ("conflict", "reversed")
KEPT = "keep: "
VERDICTS = ("reversed: ", KEPT)  # how the note of a settled case begins


@dataclass(frozen=True)
class NotSettled:
    """Why a case was not settled.

    ``gone``: no such case is open. ``kind``: it isn't about what an operator takes back. ``no-reason``: nobody, or no
    reason, was named. ``booked``: it counts no more already, and what is reversed stays so. ``nothing``: no money is
    there that could be taken back. ``busy``: the money is being given back or assigned. ``part``: a part of a group's
    payment was taken back, and nobody has said of whose share. ``share``: that is no share of this payment. ``amount``:
    another currency, or more than counts still. ``elsewhere``: a person has given this money to somebody else.
    """

    why: Literal["gone", "kind", "no-reason", "booked", "nothing", "busy", "part", "share", "amount", "elsewhere"]


@dataclass(frozen=True)
class Part:
    """What of a payment is gone, where that isn't all: an amount, and of a group's payment the key of whose share."""

    amount: Money | None = None
    share_key: str | None = None


ALL = Part()


def settle_case(
    unit: Unit, tree: Tree, number: str, verdict: Verdict, by_name: str, reason: str, part: Part = ALL
) -> Case | NotSettled:
    """Settle a case: ``reversed`` books that the money is gone, once, and tells the member; ``keep`` leaves it counted.

    The case keeps who decided and why.
    """
    if not by_name.strip() or not reason.strip():
        return NotSettled("no-reason")
    if (about := case_numbered(unit.connection, number)) is not None:
        of_collection = select(collection.c.id).where(collection.c.key == about.collection_key).scalar_subquery()
        take_turn_of(unit, (incoming.c.id == (about.incoming_id or 0)) | (incoming.c.collection_id == of_collection))
    case = lock_case(unit, number)
    if case is None:
        return NotSettled("gone")
    if case.kind not in SETTLED:
        return NotSettled("kind")
    refused = _take_back(unit, tree, case, part, by_name, reason) if verdict == "reversed" else _keep(unit, case)
    if refused is None:
        close_case(unit, case.id, name_kept(by_name), f"{verdict}: {reason.strip()}"[:NOTE_CHARACTERS])
    return refused or case


def own_reversal(number: str) -> str:
    """What the taking back of a part is told apart by: the number of the case that a person settled so."""
    return f"case-{number}"


def _booked(unit: Unit, case: Case) -> bool:
    """Does what the case is about count no more already?"""
    one = by_key(unit.connection, case.collection_key) if case.collection_key is not None else None
    if one is not None and one.state is State.REVERSED:
        return True
    return unit.connection.scalar(select(entry.c.id).where(entry.c.key == case.key)) is not None


def _keep(unit: Unit, case: Case) -> NotSettled | None:
    return NotSettled("booked") if _booked(unit, case) else None


def _take_back(unit: Unit, tree: Tree, case: Case, part: Part, by_name: str, reason: str) -> NotSettled | None:
    if _booked(unit, case):
        return None
    if case.collection_key is not None:
        return _reverse(unit, tree, case, case.collection_key, part, by_name, reason)
    if case.incoming_id is None:
        return NotSettled("nothing")
    return _take_back_incoming(unit, tree, case.incoming_id, by_name, reason)


def _reverse(unit: Unit, tree: Tree, case: Case, key: str, part: Part, by_name: str, reason: str) -> NotSettled | None:
    one = by_key(unit.connection, key)
    assert one is not None, f"case {case.number} is of a collection that isn't there"
    if part.share_key is not None:
        if part.share_key not in {each.key for each in shares_of(unit.connection, one)}:
            return NotSettled("share")
        key = part.share_key
    elif one.group_id is not None and (part.amount is not None or case.kind == "reversed"):
        return NotSettled("part")
    reversal_id = own_reversal(case.number) if part != ALL else None
    try:
        reverse(unit, tree, key, keep_said(f"{name_kept(by_name)}: {reason}"), part.amount, reversal_id)
    except BadAmount:
        return NotSettled("amount")
    except ValueError:
        return NotSettled("elsewhere")
    # The reversal has opened a case of its own: the same person has just decided it.
    own = money_case.c.key == reversal_key(key, reversal_id)
    its_id = unit.connection.scalar(select(money_case.c.id).where(own))
    if its_id is not None:
        close_case(unit, its_id, name_kept(by_name), reason.strip())
    return None


def _take_back_incoming(unit: Unit, tree: Tree, incoming_id: int, by_name: str, reason: str) -> NotSettled | None:
    """What came after its operator had taken it back: it stands on suspense."""
    row = unit.connection.execute(select(incoming).where(incoming.c.id == incoming_id).with_for_update()).one()
    if row.state != "suspense":
        return NotSettled("nothing")
    if being_refunded(unit.connection, row.id) or being_assigned(unit.connection, row.id):
        return NotSettled("busy")
    reverse_suspense(unit, tree, row, name_kept(by_name), f"reversed: {reason.strip()}")
    close_early(unit, early_key(row.operator, row.operator_id))
    return None
