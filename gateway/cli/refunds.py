"""Commands about money given back, by two people."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import (
    amount_of,
    by_option,
    limit_option,
    parts_of,
    path_of,
    reason_option,
    under_option,
)
from gateway.kernel.faults import Fault
from gateway.kernel.numbers import read_number
from gateway.locale import show_money

if TYPE_CHECKING:
    from gateway.payments.refunds import NoRefund, Refund

# Why a refund doesn't go on, for whoever asked.
_NO_REFUND = {
    "gone": "there is nothing to give back, or the refund is past this step",
    "too-much": "that is more than is left of what was paid",
    "currency": "it was paid in another currency",
    "part": "money that nobody has identified goes back whole",
    "same-person": "whoever asked can't approve: it takes two",
    "nobody": "a name and a reason are needed",
    "number": "the operator's number of the paying back is needed: 6 to 30 letters and figures",
    "assigned": "somebody has said whose this money is: another person decides that first (gateway incoming list)",
    "group": "a group's money goes back household by household",
    "operator": "the operator is giving it back: wait for its answer; after three days it can be settled by hand",
}


@click.group()
def refunds() -> None:
    """Money given back: asked for by one person, approved by another, in the books once it is paid out.

    Where the payment's operator gives money back by itself it is asked to as soon as the refund is approved; else, and
    where it refuses, somebody does it by hand.
    """


def _went_on(done: Refund | NoRefund, now: datetime) -> None:
    from gateway.payments.refunds import NoRefund, next_step

    if isinstance(done, NoRefund):
        raise Fault(_NO_REFUND[done.why])
    comes = next_step(done, now)
    click.echo(f"refund {done.number}: {show_money(done.amount, 'en')}, {done.state}" + (f"; {comes}" if comes else ""))


@refunds.command("ask")
@click.option("--collection", "key", help="The key of the payment.")
@click.option("--incoming", "number", help="The number of money that nobody has identified.")
@click.option("--amount", "typed", required=True, help="How much.")
@by_option
@reason_option
def ask(key: str | None, number: str | None, typed: str, name: str, reason: str) -> None:
    """Ask that money be given back."""
    from gateway.payments.collections import by_key
    from gateway.payments.refunds import ask_refund
    from gateway.payments.unasked.suspense import held_numbered

    if (key is None) == (number is None):
        raise click.UsageError("name either --collection or --incoming")
    parts = parts_of()
    with parts.store.write() as unit:
        if key is not None:
            one = by_key(unit.connection, key)
            currency = (one.paid or one.amount).currency if one is not None else None
        else:
            came = held_numbered(unit.connection, read_number(number or "") or 0)
            currency = came.amount.currency if came is not None else None
        if currency is None:
            raise Fault(_NO_REFUND["gone"])
        asked = ask_refund(
            unit,
            parts.network.tree(),
            collection_key=key,
            incoming_id=read_number(number) if number else None,
            amount=amount_of(typed, currency),
            reason=reason,
            by=name,
        )
    _went_on(asked, parts.clock.now())


@refunds.command("approve")
@click.argument("number")
@by_option
def approve_refund(number: str, name: str) -> None:
    """Approve, as another person than the one who asked."""
    from gateway.payments.giving_back import who_gives_back
    from gateway.payments.refunds import approve

    parts = parts_of()
    gives_back = who_gives_back(parts.asked)
    with parts.store.write() as unit:
        done = approve(unit, number, name, gives_back)
    _went_on(done, parts.clock.now())


@refunds.command("paid")
@click.argument("number")
@click.argument("operator_number")
def refund_paid(number: str, operator_number: str) -> None:
    """It was paid out by hand, under this number of the operator's: only now it is in the books."""
    from gateway.payments.refunds import paid

    parts = parts_of()
    with parts.store.write() as unit:
        done = paid(unit, parts.network.tree(), parts.services.chart, number, operator_number)
    _went_on(done, parts.clock.now())


@refunds.command("drop")
@click.argument("number")
@by_option
@reason_option
def drop_refund(number: str, name: str, reason: str) -> None:
    """Refuse it, or drop it as whoever asked."""
    from gateway.payments.refunds import drop

    parts = parts_of()
    with parts.store.write() as unit:
        done = drop(unit, number, name, reason)
    _went_on(done, parts.clock.now())


@refunds.command("list")
@under_option
@click.option("--all", "every", is_flag=True, help="Also those that are over, the newest first.")
@limit_option
@json_option
def list_refunds(under: str | None, every: bool, limit: int, as_json: bool) -> None:
    """The refunds that wait for somebody or for an operator, since when, and what comes next."""
    from gateway.payments.refunds import next_step
    from gateway.payments.refunds import refunds as read_refunds

    parts = parts_of()
    tree, now = parts.network.tree(), parts.clock.now()
    with parts.store.read() as connection:
        found = read_refunds(connection, path_of(parts, under), every, limit)

    def as_value() -> list[dict[str, object]]:
        return [
            {
                "number": one.number,
                "state": one.state,
                "organisation": tree[one.organisation_id].code,
                "amount_minor": one.amount.minor,
                "currency": one.amount.currency,
                "reason": one.reason,
                "asked_at": one.asked_at.isoformat(),
                "asked_by": one.asked_by,
                "approved_by": one.approved_by,
                "said": one.said,
                "key": one.key,
                "provider": one.provider,
                "sent_at": one.sent_at.isoformat() if one.sent_at else None,
                "age_s": int(one.age(now).total_seconds()),
                "next_step": next_step(one, now),
            }
            for one in found
        ]

    def as_text() -> str:
        rows = [
            (
                one.number,
                f"{one.asked_at:%Y-%m-%d %H:%M}",
                tree[one.organisation_id].code,
                show_money(one.amount, "en"),
                one.state,
                one.asked_by,
                one.approved_by or "",
                one.reason,
                f"{one.age(now).total_seconds() / 3600:.1f} h",
                one.said or "",
                next_step(one, now),
            )
            for one in found
        ]
        heads = (
            "number", "asked (UTC)", "organisation", "amount", "state", "asked by", "approved by", "reason", "age",
            "last word", "next step",
        )  # fmt: skip
        return table(rows, heads, numbers=(3, 8))

    show(as_json, as_value, as_text)
