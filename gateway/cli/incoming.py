"""Commands about money that came without our asking: what waits to be identified, and whose it is."""

from __future__ import annotations

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
    pass

# Why money was not assigned, for whoever asked.
NOT_ASSIGNED = {
    "gone": "nothing with this number waits to be identified",
    "other-network": "the household doesn't pay into the wallet that this came to",
    "currency": "the household deals in another currency",
    "refund": "this is being given back",
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
    """What waits to be identified, the oldest first, and whose it may be."""
    from gateway.payments.assigning import WHY, proposals
    from gateway.payments.groups import groups_of_payer
    from gateway.payments.suspense import held

    parts = parts_of()
    tree, today = parts.network.tree(), parts.clock.now().date()
    with parts.store.read() as connection:
        found = [
            (one, proposals(connection, tree, one, today), groups_of_payer(connection, one.payer) if one.payer else [])
            for one in held(connection, tree, path_of(parts, under), limit)
        ]

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
            }
            for one, likely, payers in found
        ]

    def as_text() -> str:
        lines: list[tuple[object, ...]] = []
        for one, likely, payers in found:
            lines.append(
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
            )
            lines += [("", f"  {show_card(each.household.card)}: {'; '.join(WHY[why] for why in each.why)}")
                      for each in likely]  # fmt: skip
            lines += [("", f"  group {group.code}: this phone pays for it") for group in payers]
        heads = ("number", "paid (UTC)", "organisation", "amount", "operator", "its number", "payer", "reference")
        wide = [line for line in lines if len(line) == len(heads)]
        shown = iter(table(wide, heads, numbers=(3,)).splitlines())
        text = [next(shown)]
        for line in lines:
            text.append(next(shown) if len(line) == len(heads) else str(line[1]))
        return "\n".join(text)

    show(as_json, as_value, as_text)


@incoming.command("assign")
@click.argument("number")
@click.argument("card")
@by_option
@reason_option
def assign_incoming(number: str, card: str, name: str, reason: str) -> None:
    """Say whose money is: NUMBER as the list shows it, CARD of the household."""
    from gateway.payments.assigning import assign
    from gateway.payments.receipts import receipt_number
    from gateway.payments.suspense import NotAssigned

    parts = parts_of()
    family = family_of(parts, card)
    with parts.store.write() as unit:
        done = assign(unit, parts.network.tree(), parts.services.chart, read_number(number) or 0, family, name, reason)
    if isinstance(done, NotAssigned):
        raise Fault(NOT_ASSIGNED[done.why])
    click.echo(f"counted for card {show_card(family.card)}: receipt {receipt_number(done.collection_id)}")
