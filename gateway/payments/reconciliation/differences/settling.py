"""Each difference is settled by a choice that somebody makes and somebody else may have to approve; it can be undone.

A choice is made once: whoever comes second finds it settled. Whatever is refused changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import or_, select, update

from gateway.kernel.card import BadCard, read_card
from gateway.kernel.clock import day_in
from gateway.kernel.numbers import read_number
from gateway.ledger.chart import Chart
from gateway.network.organisations import Tree
from gateway.payments.collections import by_key_or_receipt
from gateway.payments.decisions.cases import GATEWAY, close_case, close_cases_of, open_case
from gateway.payments.decisions.two_people import REASON_CHARACTERS, name_kept, same_person
from gateway.payments.names import operator_number, provider_names
from gateway.payments.push.limits import largest_alone
from gateway.payments.reconciliation.differences.choices import CHOICES, Choice, choice_of
from gateway.payments.reconciliation.differences.deals import Deal, NotSettled
from gateway.payments.reconciliation.differences.doing import DEEDS
from gateway.payments.reconciliation.differences.found import (
    RULE,
    UNTIL,
    Event,
    gone,
    story,
    tell,
)
from gateway.payments.reconciliation.differences.listing import Difference, difference_numbered, lock_difference
from gateway.payments.reconciliation.differences.reopening import undo_choice
from gateway.payments.reconciliation.differences.unmatched import is_still_said
from gateway.payments.unasked.assigning import drop_assignment
from gateway.payments.unasked.early import early_key
from gateway.payments.unasked.suspense import take_turn_of
from gateway.store.schema import difference, incoming, money_case, refund
from gateway.store.turn import take_turn
from gateway.store.unit import Unit

_TURNS = ("settled", "undone", "gone")  # the steps of a story that say whether it is settled by a choice
UNDO = "undo"  # what is asked for where two people undo


@dataclass(frozen=True)
class Settled:
    """It is settled, or open again; ``entry_key`` names the entry that this made, None where it made none."""

    number: str
    choice: str
    entry_key: str | None


@dataclass(frozen=True)
class Asked:
    """Another person has to approve it before anything is posted."""

    number: str
    choice: str


@dataclass(frozen=True)
class Given:
    """What a choice names: a card, a payment of ours (key or receipt), a refund's number, the day to wait for."""

    card: str | None = None
    receipt: str | None = None
    refund: str | None = None
    until: date | None = None


NOTHING = Given()


def settle(
    unit: Unit, tree: Tree, chart: Chart, number: str, choice: str, by_name: str, reason: str, given: Given = NOTHING
) -> Settled | Asked | NotSettled:
    """Settle the difference that a number names by one of the :data:`~.choices.CHOICES` of its kind, once.

    Where more is at stake than one person decides alone, it is kept for another to :func:`approve`.
    """
    if not by_name.strip() or not reason.strip():
        return NotSettled("no-reason")
    one = _take(unit, number)
    if one is None or one.state != "open":
        return NotSettled("gone" if one is None else "pending" if one.state == "asked" else "settled")
    if _standing(unit, one) is not None:
        return NotSettled("settled", f"gateway reconcile undo {one.number}")
    chosen = choice_of(one.kind, choice)
    if chosen is None:
        return NotSettled("choice", ", ".join(each.word for each in CHOICES[one.kind]))
    named = _named(unit, tree, one, chosen, given)
    if isinstance(named, NotSettled):
        return named
    one = replace(one, **named)
    why = (
        reason.strip() if given.until is None or chosen.needs != "until" else f"{UNTIL}{given.until}: {reason.strip()}"
    )
    deal = Deal(unit, tree, chart, one, choice, _times(unit, one) + 1, name_kept(by_name), why[:REASON_CHARACTERS])
    return _ask(deal, named) if takes_two(one, chosen) else _do(deal, named)


def takes_two(one: Difference, chosen: Choice) -> bool:
    """Does this choice about this difference need a second person's word?"""
    return not chosen.alone and one.stake > largest_alone(one.currency)


def approve(unit: Unit, tree: Tree, chart: Chart, number: str, by_name: str) -> Settled | NotSettled:
    """Another person agrees with what one chose, or wants to undo: now it is done."""
    if not by_name.strip():
        return NotSettled("no-reason")
    one = _take(unit, number)
    if one is None or one.state != "asked":
        return NotSettled("gone" if one is None else "not-asked")
    if same_person(by_name, one.asked_by or ""):
        return NotSettled("same-person")
    if one.settled_at is not None:
        asked = next(each for each in reversed(story(unit.connection, one.id)) if each.what == "asked")
        return _undo(unit, tree, chart, one, name_kept(by_name), f"{one.asked_by}: {asked.reason}")
    deal = Deal(unit, tree, chart, one, one.choice or "", _times(unit, one) + 1, name_kept(by_name),
                f"{one.asked_by}: {one.reason}"[:REASON_CHARACTERS], approving=True)  # fmt: skip
    done = _do(deal, {})
    assert not isinstance(done, Asked), f"difference {number} was approved"
    return done


def drop(unit: Unit, number: str, by_name: str, reason: str) -> NotSettled | None:
    """What was asked isn't done: dropped by whoever asked, refused by anybody else. It stands as it stood before."""
    if not by_name.strip() or not reason.strip():
        return NotSettled("no-reason")
    one = _take(unit, number)
    if one is None or one.state != "asked":
        return NotSettled("gone" if one is None else "not-asked")
    undoing = one.settled_at is not None
    if one.choice == "assign" and one.incoming_id is not None and is_still_said(unit, one, one.incoming_id):
        drop_assignment(unit, one.incoming_id, by_name, reason)
    what: Any = "dropped" if same_person(by_name, one.asked_by or "") else "refused"
    tell(unit, Event(what, one.id, reason, name_kept(by_name), UNDO if undoing else one.choice))
    if undoing:
        _write(unit, one, state="settled", asked_by=None, settled_by=_last_settled(unit, one).by_name)
    else:
        _write(unit, one, **_OPEN, **_unnamed(one))
    return None


def undo(unit: Unit, tree: Tree, chart: Chart, number: str, by_name: str, reason: str) -> Settled | Asked | NotSettled:
    """Undo how a difference was settled, by a new entry: it is open again. What takes two to settle takes two."""
    if not by_name.strip() or not reason.strip():
        return NotSettled("no-reason")
    one = _take(unit, number)
    if one is None or one.state == "asked":
        return NotSettled("gone" if one is None else "pending")
    stands = _standing(unit, one)
    if stands is None:
        return NotSettled("open" if one.state == "open" else "rule")
    chosen = choice_of(one.kind, stands.choice or "")
    # Who assigns is asked for a second person by the assignment itself.
    large = one.stake > largest_alone(one.currency) and stands.choice == "assign"
    if chosen is not None and (takes_two(one, chosen) or large):
        settled_at = one.settled_at or stands.at
        _write(unit, one, state="asked", choice=stands.choice, asked_by=name_kept(by_name), settled_by=None,
               settled_at=settled_at)  # fmt: skip
        tell(unit, Event("asked", one.id, reason, name_kept(by_name), UNDO))
        return Asked(one.number, UNDO)
    return _undo(unit, tree, chart, one, name_kept(by_name), reason.strip())


def came_after_all(unit: Unit, tree: Tree, chart: Chart, number: str, why: str) -> bool:
    """What never came, as somebody had settled it, stands in a statement: the gateway undoes that, and it is gone.

    False where that can't be: then a case says so.
    """
    one = _take(unit, number)
    if one is None or one.state != "settled" or _standing(unit, one) is None:
        return False
    done = _undo(unit, tree, chart, one, GATEWAY, why)
    if isinstance(done, NotSettled):
        books = tree.books_of(one.organisation_id).id
        open_case(unit, "conflict", books, one.collection_id, one.incoming_id, why, f"came-after-all:{one.id}")
        return False
    return gone(unit, one.id, why)


# --- the steps --------------------------------------------------------------------------------------------------------

_OPEN = {
    "state": "open", "choice": None, "card": None, "reason": None, "asked_by": None, "settled_by": None,
    "settled_at": None,
}  # fmt: skip


def _take(unit: Unit, number: str) -> Difference | None:
    """The locked difference, once nobody else moves the money that it is about.

    Turns are taken before rows are locked, as everywhere.
    """
    about = difference_numbered(unit.connection, number)
    if about is None:
        return None
    take_turn(unit, f"difference:{about.id}")
    if about.operator_id is not None:
        take_turn(unit, operator_number(about.operator_id))
    took = or_(incoming.c.id == (about.incoming_id or 0), incoming.c.collection_id == (about.collection_id or 0))
    take_turn_of(unit, took)
    return lock_difference(unit, number)


def _named(unit: Unit, tree: Tree, one: Difference, chosen: Choice, given: Given) -> dict[str, Any] | NotSettled:
    """What a choice names, as the difference keeps it."""
    if chosen.needs is not None and getattr(given, chosen.needs) is None:
        return NotSettled("needs", f"--{chosen.needs}")
    may = chosen.may if chosen.may is not None and getattr(given, chosen.may) is not None else None
    match chosen.needs or may:
        case "card":
            try:
                return {"card": read_card(given.card or "")}
            except BadCard:
                return NotSettled("card")
        case "receipt":
            payment = by_key_or_receipt(unit.connection, given.receipt or "")
            if payment is None or not _moves_here(tree, one, payment.organisation_id, payment.provider):
                return NotSettled("receipt")
            return {"collection_id": payment.id}
        case "refund":
            row = unit.connection.execute(
                select(refund).where(refund.c.id == (read_number(given.refund or "") or 0))
            ).first()
            if row is None or not tree[row.organisation_id].under(tree[one.organisation_id]):
                return NotSettled("receipt")
            return {"refund_id": row.id}
        case "until":
            today = day_in(tree[one.organisation_id].time_zone, unit.now)
            return (
                {} if given.until is not None and given.until > today else NotSettled("needs", "--until, a day to come")
            )
    return {}


def _moves_here(tree: Tree, one: Difference, organisation_id: int, provider: str) -> bool:
    """Does a payment of ours move on the wallet of a difference?"""
    same = provider in (*provider_names(one.operator), "pawapay")
    return same and tree[organisation_id].under(tree[one.organisation_id])


def _ask(deal: Deal, named: dict[str, Any]) -> Asked:
    one = deal.one
    _write(deal.unit, one, state="asked", choice=deal.choice, reason=deal.reason, asked_by=deal.by_name, **named)
    tell(deal.unit, Event("asked", one.id, deal.reason, deal.by_name, deal.choice))
    return Asked(one.number, deal.choice)


def _do(deal: Deal, named: dict[str, Any]) -> Settled | Asked | NotSettled:
    one, unit = deal.one, deal.unit
    with unit.connection.begin_nested() as attempt:
        done = DEEDS[one.kind, deal.choice](deal)
        if isinstance(done, NotSettled):
            attempt.rollback()
            return done
    changes = {**named, **(done.changes or {})}
    if done.waits:
        return _ask(deal, changes)
    _close_cases(deal, changes)
    asked_by = one.asked_by if deal.approving else None
    _write(unit, one, state="settled", choice=deal.choice, reason=one.reason if deal.approving else deal.reason,
           asked_by=asked_by, settled_by=deal.by_name, settled_at=unit.now, **changes)  # fmt: skip
    tell(unit, Event("settled", one.id, deal.reason, deal.by_name, deal.choice, done.entry_key))
    return Settled(one.number, deal.choice, done.entry_key)


def _undo(unit: Unit, tree: Tree, chart: Chart, one: Difference, by_name: str, reason: str) -> Settled | NotSettled:
    settled = _last_settled(unit, one)
    deal = Deal(unit, tree, chart, one, settled.choice or "", _times(unit, one), by_name, reason[:REASON_CHARACTERS])
    with unit.connection.begin_nested() as attempt:
        done = undo_choice(deal, settled)
        if isinstance(done, NotSettled):
            attempt.rollback()
            return done
    _write(unit, one, **{**_OPEN, **_unnamed(one), **(done.changes or {})})
    tell(unit, Event("undone", one.id, deal.reason, by_name, deal.choice, done.entry_key))
    return Settled(one.number, UNDO, done.entry_key)


def _unnamed(one: Difference) -> dict[str, None]:
    """What a choice had named, and the difference itself isn't about."""
    if one.kind == "ambiguous":
        return {"collection_id": None}
    return {"refund_id": None} if one.kind == "out" else {}


def _times(unit: Unit, one: Difference) -> int:
    """How often it was settled by a choice or a rule."""
    return sum(each.what == "settled" for each in story(unit.connection, one.id))


def _last_settled(unit: Unit, one: Difference) -> Event:
    return next(each for each in reversed(story(unit.connection, one.id)) if each.what == "settled")


def _standing(unit: Unit, one: Difference) -> Event | None:
    """How somebody settled it, where that wasn't undone: also of what was found again since, by other figures.

    What is open and was settled by nothing that posts needn't be undone.
    """
    last = next((each for each in reversed(story(unit.connection, one.id)) if each.what in _TURNS), None)
    if last is None or last.what != "settled" or last.choice == RULE:
        return None
    chosen = choice_of(one.kind, last.choice or "")
    return last if one.state != "open" or (chosen is not None and chosen.posts) else None


def _write(unit: Unit, one: Difference, **columns: Any) -> None:
    unit.connection.execute(update(difference).where(difference.c.id == one.id).values(columns))


# Which open cases a settled difference closes, of the same payment: the rest of them ask for something else.
_CASES = {
    "missing": ("conflict", "reversed", "undecided-72h"),
    "amount": ("amount", "twin"),
    "twice": ("twin",),
    "reversed": ("reversed", "conflict"),
    "ambiguous": ("undecided-1h", "undecided-24h", "undecided-72h"),
}


def _close_cases(deal: Deal, changes: dict[str, Any]) -> None:
    if deal.choice == "wait":
        return
    one, unit = replace(deal.one, **changes), deal.unit
    note = f"{deal.choice}: {deal.reason}"
    if one.kind == "unknown" and one.incoming_id is not None and deal.choice != "refund":
        close_cases_of(unit, one.incoming_id, deal.by_name, note)
    its_own = or_(
        money_case.c.collection_id == (one.collection_id or 0), money_case.c.incoming_id == (one.incoming_id or 0)
    ) & money_case.c.kind.in_(_CASES.get(one.kind, ()))
    if one.kind == "reversed" and one.operator_id is not None and deal.choice == "keep":
        its_own |= money_case.c.key == early_key(one.operator, operator_number(one.operator_id))
    still = money_case.c.closed_at.is_(None)
    for case in unit.connection.scalars(select(money_case.c.id).where(its_own, still).order_by(money_case.c.id)).all():
        close_case(unit, case, deal.by_name, note)
