"""Commands about money: collections, takings and receipts."""

from __future__ import annotations

import dataclasses
from datetime import datetime

import click

from gateway.cli import json_option, show, table
from gateway.cli.cases import undecided
from gateway.cli.decisions import correct
from gateway.cli.given import limit_option, parts_of
from gateway.kernel.card import show_card
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_name, mask_number
from gateway.kernel.money import Money
from gateway.locale import show_money
from gateway.payments.providers.base import FindAnswer, NotFound, Paid, Refused, Unclear, Waiting
from gateway.payments.states import State


@click.group()
def collections() -> None:
    """What was asked of wallets, and what became of it."""


collections.add_command(undecided)
collections.add_command(correct)


@collections.command("list")
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only those in this state.")
@limit_option
@json_option
def list_collections(state: str | None, limit: int, as_json: bool) -> None:
    """The newest collections."""
    from gateway.payments.collections import newest

    with parts_of().store.read() as connection:
        found = newest(connection, limit, state)

    def as_value() -> list[dict[str, object]]:
        return [
            {
                "key": one.key,
                "state": one.state,
                "amount_minor": one.amount.minor,
                "currency": one.amount.currency,
                "provider": one.provider,
                "reason": one.reason,
                "created_at": one.created_at.isoformat(),
                "paid_minor": one.paid.minor if one.paid else None,
            }
            for one in found
        ]

    def as_text() -> str:
        return table(
            [
                (
                    f"{one.created_at:%Y-%m-%d %H:%M}",
                    one.key,
                    one.state,
                    show_money(one.amount, "en"),
                    mask_number(one.payer),
                    one.provider,
                    one.reason or "",
                )
                for one in found
            ],
            ("created (UTC)", "key", "state", "amount", "payer", "provider", "reason"),
            numbers=(3,),
        )

    show(as_json, as_value, as_text)


@collections.command("show")
@click.argument("key")
@json_option
def show_collection(key: str, as_json: bool) -> None:
    """One collection with its story, by its KEY or its receipt's number."""
    from gateway.membership.households import by_id
    from gateway.payments.collections import by_key_or_receipt, story
    from gateway.payments.receipts import receipt_number

    parts = parts_of()
    with parts.store.read() as connection:
        one = by_key_or_receipt(connection, key)
        if one is None:
            raise Fault(f"no collection has the key or the receipt number {key}")
        events = story(connection, one.id)
        card = by_id(connection, parts.network.tree(), one.household_id).card if one.household_id else None

    def as_value() -> dict[str, object]:
        return {
            "key": one.key,
            "state": one.state,
            "reason": one.reason,
            "amount_minor": one.amount.minor,
            "currency": one.amount.currency,
            "paid_minor": one.paid.minor if one.paid else None,
            "receipt": receipt_number(one.id) if one.paid else None,
            "card": card,
            "way": one.way,
            "provider": one.provider,
            "operator_id": one.operator_id,
            "story": [dataclasses.asdict(event) for event in events],
        }

    def as_text() -> str:
        steps = [
            (f"{event.at:%Y-%m-%d %H:%M:%S}", event.after, event.reason or "", event.said or "") for event in events
        ]
        about = [f"{one.key}: {show_money(one.amount, 'en')}, {one.state}"]
        about.append(f"card {show_card(card)}" if card else "of a group")
        about.append(f"by {one.way} through {one.provider}" + (f", from {mask_number(one.payer)}" if one.payer else ""))
        if one.paid:
            about.append(f"receipt {receipt_number(one.id)}, operator's number {one.operator_id or 'none'}")
        return "; ".join(about) + "\n" + table(steps, ("at (UTC)", "state", "reason", "the operator's word"))

    show(as_json, as_value, as_text)


@collections.command("ask")
@click.argument("key")
def ask_about(key: str) -> None:
    """Ask the operator now what became of one collection, and act on it; nothing is ever debited anew."""
    answer, one = parts_of().cashier.ask_by_hand(key)
    amount = show_money(one.paid or one.amount, "en")
    if answer is None:
        click.echo(f"{one.key}: {one.state}, {amount}; the operator was not asked")
        return
    stands = f"{one.state} ({one.reason})" if one.reason else f"{one.state}"
    click.echo(f"{one.key}: {one.provider} says {_in_words(answer)}: {answer.said}; now {stands}, {amount}")


def _in_words(answer: FindAnswer) -> str:
    match answer:
        case Paid():
            return "paid"
        case Refused():
            return f"refused ({answer.reason})"
        case Waiting():
            return "not decided"
        case NotFound():
            return "it doesn't know this key"
        case Unclear():
            return f"nothing clear ({answer.reason})"


@click.command()
@click.argument("organisation", required=False)
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Of this day; else of today, where each mutuelle is.")
@json_option
def takings(organisation: str | None, day: datetime | None, as_json: bool) -> None:
    """What came in on a day, by the way it came, in the books at or below an organisation (or in all)."""
    from gateway.payments.takings import takings as read_takings

    parts = parts_of()
    tree = parts.network.tree()
    tops = [tree.named(organisation)] if organisation else [one for one in tree.by_id.values() if one.parent_id is None]
    now, found = parts.clock.now(), []
    with parts.store.read() as connection:
        for top in tops:
            taken = read_takings(connection, tree, top.id, day.date() if day else day_in(top.time_zone, now))
            found += [(top, taken.day, *row) for row in taken.rows]
    totals: dict[str, int] = {}
    for *_, amount in found:
        totals[amount.currency] = totals.get(amount.currency, 0) + amount.minor

    def as_value() -> dict[str, object]:
        return {
            "takings": [
                {
                    "organisation": top.code,
                    "day": its_day.isoformat(),
                    "way": way,
                    "payments": count,
                    "amount_minor": amount.minor,
                    "currency": amount.currency,
                }
                for top, its_day, way, count, amount in found
            ],
            "totals": totals,
        }

    def as_text() -> str:
        lines: list[tuple[object, ...]] = [
            (top.name, its_day, way, count, show_money(amount, "en")) for top, its_day, way, count, amount in found
        ]
        lines += [("all", "", "", "", show_money(Money(total, currency), "en")) for currency, total in totals.items()]
        return table(lines, ("organisation", "day", "way", "payments", "amount"), numbers=(3, 4))

    show(as_json, as_value, as_text)


@click.group()
def receipt() -> None:
    """The receipts that payers got by SMS."""


@receipt.command("check")
@click.argument("number")
@click.argument("code", default="")
@json_option
def check(number: str, code: str, as_json: bool) -> None:
    """Is a receipt genuine? NUMBER and CODE as they stand in the SMS, together (000123-48213) or apart."""
    from gateway.payments.receipts import check_receipt

    parts = parts_of()
    with parts.store.read() as connection:
        one = check_receipt(connection, parts.network.tree(), number, code)
    if one is None:
        raise Fault("no receipt was given with this number and code")

    def as_text() -> str:
        words = "genuine"
        if one.reversed:
            words = "genuine, but it no longer counts"
        elif one.gone_back:
            words = f"genuine, but {show_money(one.gone_back, 'en')} of it went back"
        amount = show_money(one.amount, "en")
        return f"{one.number}: {words}: {amount} on {one.on}, card {show_card(one.card)}, {mask_name(one.head)}"

    show(
        as_json,
        lambda: {
            "number": one.number,
            "reversed": one.reversed,
            "gone_back_minor": one.gone_back.minor,
            "amount_minor": one.amount.minor,
            "currency": one.amount.currency,
            "day": one.on.isoformat(),
            "card": one.card,
        },
        as_text,
    )
