"""Commands about money that came without our asking: what waits to be identified, and whose it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import (
    by_option,
    family_of,
    limit_option,
    parts_of,
    path_of,
    reason_option,
    under_option,
)
from gateway.kernel.card import show_card
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_number
from gateway.kernel.numbers import read_number, with_check_digit
from gateway.locale import show_money

if TYPE_CHECKING:
    from gateway.payments.payers.shares import Group
    from gateway.payments.unasked.assigning import Waiting
    from gateway.payments.unasked.proposals import Proposal

# Why money was not assigned, for whoever asked.
NOT_ASSIGNED = {
    "gone": "nothing with this number waits to be identified",
    "other-network": "the household doesn't pay into the wallet that this came to",
    "currency": "the household deals in another currency",
    "refund": "this is being given back",
    "pending": "somebody has said whose this is: another person approves that or drops it first",
    "same-person": "whoever said whose it is can't approve: it takes two",
    "no-reason": "a name and a reason are needed",
}


@click.group()
def incoming() -> None:
    """Money that came without our asking, and that nobody has identified yet."""


@incoming.command("list")
@under_option
@limit_option
@json_option
def list_incoming(under: str | None, limit: int, as_json: bool) -> None:
    """What waits to be identified or approved, the oldest first, and whose it may be."""
    from gateway.payments.payers.groups import groups_of_payer
    from gateway.payments.unasked.assigning import waiting
    from gateway.payments.unasked.proposals import proposals
    from gateway.payments.unasked.suspense import held

    parts = parts_of()
    tree, today = parts.network.tree(), parts.clock.now().date()
    with parts.store.read() as connection:
        found = [
            (one, proposals(connection, tree, one, today), groups_of_payer(connection, one.payer) if one.payer else [])
            for one in held(connection, tree, path_of(parts, under), limit)
        ]
        said = {each.incoming_id: each for each in waiting(connection, path_of(parts, under))}

    def as_value() -> list[dict[str, object]]:
        return [
            {
                "number": with_check_digit(one.id),
                "operator": one.operator,
                "operator_number": one.number,
                "organisation": tree[one.organisation_id].code,
                "amount_minor": one.amount.minor,
                "currency": one.amount.currency,
                "reference": one.reference,
                "paid_at": one.paid_at.isoformat(),
                "proposals": [{"card": each.household.card, "why": list(each.why)} for each in likely],
                "groups": [group.code for group in payers],
                "waits_for_approval": _as_value(said[one.id]) if one.id in said else None,
            }
            for one, likely, payers in found
        ]

    def as_text() -> str:
        rows = [
            (
                with_check_digit(one.id),
                f"{one.paid_at:%Y-%m-%d %H:%M}",
                tree[one.organisation_id].code,
                show_money(one.amount, "en"),
                one.operator,
                one.number,
                mask_number(one.payer) if one.payer else "",
                one.reference or "",
            )
            for one, _, _ in found
        ]
        heads = ("number", "paid (UTC)", "organisation", "amount", "operator", "its number", "payer", "reference")
        text, *lines = table(rows, heads, numbers=(3,)).split("\n")
        for line, (one, likely, payers) in zip(lines, found, strict=False):
            text = "\n".join((text, line, *_notes(said.get(one.id), likely, payers)))
        return text

    show(as_json, as_value, as_text)


def _notes(said: Waiting | None, likely: list[Proposal], payers: list[Group]) -> Iterator[str]:
    """What is known of whose money is, below its line."""
    from gateway.payments.unasked.proposals import WHY

    if said is not None:
        yield f"  {said.asked_by} says that it is of {said.whose}: another person approves it or drops it"
    for each in likely:
        yield f"  {show_card(each.household.card)}: {'; '.join(WHY[why] for why in each.why)}"
    for group in payers:
        yield f"  group {group.code}: this phone pays for it"


def _as_value(one: Waiting) -> dict[str, object]:
    return {"whose": one.whose, "asked_by": one.asked_by, "asked_at": one.asked_at.isoformat(), "reason": one.reason}


@incoming.command("assign")
@click.argument("number")
@click.argument("card")
@by_option
@reason_option
def assign_incoming(number: str, card: str, name: str, reason: str) -> None:
    """Say whose money is: NUMBER as the list shows it, CARD of the household. Large amounts take a second person."""
    from gateway.payments.receipts import receipt_number
    from gateway.payments.unasked.assigning import Proposed, assign
    from gateway.payments.unasked.suspense import NotAssigned

    parts = parts_of()
    family = family_of(parts, card)
    with parts.store.write() as unit:
        done = assign(unit, parts.network.tree(), parts.services.chart, read_number(number) or 0, family, name, reason)
    if isinstance(done, NotAssigned):
        raise Fault(NOT_ASSIGNED[done.why])
    if isinstance(done, Proposed):
        click.echo(f"another person has to approve it: gateway incoming approve {number}")
        return
    click.echo(f"counted for card {show_card(family.card)}: receipt {receipt_number(done.collection_id)}")


@incoming.command("approve")
@click.argument("number")
@by_option
def approve_incoming(number: str, name: str) -> None:
    """Approve, as another person, what was said about whose money is: NUMBER as the list shows it."""
    from gateway.payments.payers.shares import BadSplit
    from gateway.payments.receipts import receipt_number
    from gateway.payments.unasked.assigning import PostedForGroup, approve_assignment
    from gateway.payments.unasked.suspense import NotAssigned

    parts = parts_of()
    tree, chart = parts.network.tree(), parts.services.chart
    try:
        with parts.store.write() as unit:
            done = approve_assignment(unit, tree, chart, read_number(number) or 0, name)
    except BadSplit:
        raise Fault("the group's list divides it no more: drop this and split it anew") from None
    if isinstance(done, NotAssigned):
        raise Fault(NOT_ASSIGNED[done.why])
    if isinstance(done, PostedForGroup):
        click.echo(f"counted for {len(done.shares)} households of the group")
    else:
        click.echo(f"counted: receipt {receipt_number(done.collection_id)}")


@incoming.command("drop")
@click.argument("number")
@by_option
@reason_option
def drop_incoming(number: str, name: str, reason: str) -> None:
    """Refuse what was said about whose money is, or drop it as whoever said so. The money stays to be identified."""
    from gateway.payments.unasked.assigning import drop_assignment

    with parts_of().store.write() as unit:
        refused = drop_assignment(unit, read_number(number) or 0, name, reason)
    if refused is not None:
        raise Fault(NOT_ASSIGNED[refused.why])
    click.echo(f"money {number} waits to be identified again")
