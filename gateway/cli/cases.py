"""Commands about what a person must decide: cases, and what operators leave undecided."""

from __future__ import annotations

from typing import Literal

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
from gateway.kernel.masking import mask_number
from gateway.kernel.numbers import with_check_digit
from gateway.locale import show_money


@click.group()
def cases() -> None:
    """What about money a person must decide."""


@cases.command("list")
@under_option
@limit_option
@json_option
def list_cases(under: str | None, limit: int, as_json: bool) -> None:
    """The open cases, the oldest first, and what comes next for each."""
    from gateway.payments.decisions.cases import open_cases

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        found = open_cases(connection, path_of(parts, under), limit)

    def as_value() -> list[dict[str, object]]:
        return [
            {
                "number": one.number,
                "kind": one.kind,
                "opened_at": one.opened_at.isoformat(),
                "organisation": tree[one.organisation_id].code,
                "said": one.said,
                "collection": one.collection_key,
                "incoming": with_check_digit(one.incoming_id) if one.incoming_id is not None else None,
                "amount_minor": one.amount.minor if one.amount else None,
                "currency": one.amount.currency if one.amount else None,
                "next_step": one.next_step,
            }
            for one in found
        ]

    def as_text() -> str:
        rows = [
            (
                one.number,
                f"{one.opened_at:%Y-%m-%d %H:%M}",
                tree[one.organisation_id].code,
                one.kind,
                show_money(one.amount, "en") if one.amount else "",
                one.collection_key or (f"incoming {with_check_digit(one.incoming_id)}" if one.incoming_id else ""),
                one.said,
                one.next_step,
            )
            for one in found
        ]
        heads = ("number", "opened (UTC)", "organisation", "kind", "amount", "of", "what", "next step")
        return table(rows, heads, numbers=(4,))

    show(as_json, as_value, as_text)


@cases.command("show")
@click.argument("number")
def show_case(number: str) -> None:
    """One case, open or closed; of an SMS that couldn't be read, its text."""
    from gateway.payments.decisions.cases import case_numbered
    from gateway.payments.unasked.forwarded import unread

    parts = parts_of()
    with parts.store.read() as connection:
        one = case_numbered(connection, number)
        if one is None:
            raise Fault(f"no case has the number {number}")
        sms = unread(connection, one)
    click.echo(f"{one.number}: {one.kind}, {parts.network.tree()[one.organisation_id].code}: {one.said}")
    if sms is not None:
        click.echo(f"from {mask_number(sms.sender)}, {sms.received_at:%Y-%m-%d %H:%M} UTC: {sms.text}")
    click.echo(f"next: {one.next_step}")


@cases.command("close")
@click.argument("number")
@by_option
@click.option("--note", required=True, help="What was decided: it is kept.")
def close(number: str, name: str, note: str) -> None:
    """Close a case. No money moves by it."""
    from gateway.payments.decisions.cases import case_numbered, close_case

    if not name.strip() or not note.strip():
        raise Fault("a name and a note are needed")
    with parts_of().store.write() as unit:
        one = case_numbered(unit.connection, number)
        if one is None or not close_case(unit, one.id, name, note):
            raise Fault(f"no case {number} is open")
    click.echo(f"case {one.number} is closed")


# Why a case was not settled, for whoever tried.
_NOT_SETTLED = {
    "gone": "no case with this number is open",
    "kind": "only a conflict or a reversal is settled like this: 'cases list' says what comes next",
    "no-reason": "a name and a reason are needed",
    "booked": "it is booked as taken back and can't be kept: money that came again is a new payment; close the case",
    "nothing": "there is no money that could be taken back: close the case",
    "busy": "this money is being given back or assigned: that is decided first",
    "part": "a part of a group's payment was taken back: say of whose share (--share) and how much (--amount)",
    "share": "that is no share of this payment: give the key of a household's collection",
    "amount": "the amount is in another currency, or more than counts still",
    "elsewhere": "this money was given to somebody else by hand: correct that first",
}


@cases.command("settle")
@click.argument("number")
@click.option(
    "--as",
    "verdict",
    required=True,
    type=click.Choice(["reversed", "keep"]),
    help="reversed: the money is gone, which is booked and told to the member; keep: it goes on counting.",
)
@click.option("--amount", "typed", help="How much is gone, where it isn't all.")
@click.option("--share", help="Of a group's payment: the key of the household's collection that it is taken from.")
@by_option
@reason_option
def settle(
    number: str, verdict: Literal["reversed", "keep"], typed: str | None, share: str | None, name: str, reason: str
) -> None:
    """Settle a conflict or a reversal: say whether the money is gone."""
    from gateway.payments.decisions.cases import case_numbered
    from gateway.payments.decisions.deciding import NotSettled, Part, settle_case

    parts = parts_of()
    with parts.store.write() as unit:
        known = case_numbered(unit.connection, number)
        currency = known.amount.currency if known is not None and known.amount is not None else parts.defaults.currency
        part = Part(amount_of(typed, currency) if typed else None, share)
        done = settle_case(unit, parts.network.tree(), number, verdict, name, reason, part)
    if isinstance(done, NotSettled):
        raise Fault(_NOT_SETTLED[done.why])
    click.echo(f"case {done.number} is settled: {'taken back' if verdict == 'reversed' else 'kept'}")


@click.command("undecided")
@click.option("--hours", default=0, show_default=True, type=click.IntRange(0), help="Only those older than this.")
@limit_option
@json_option
def undecided(hours: int, limit: int, as_json: bool) -> None:
    """What operators have said neither yes nor no to, why, since when, and what comes next."""
    from datetime import timedelta

    from gateway.payments.decisions.cases import undecided as read_undecided

    parts = parts_of()
    with parts.store.read() as connection:
        found = read_undecided(connection, parts.clock.now(), timedelta(hours=hours), limit)

    def as_value() -> list[dict[str, object]]:
        return [
            {
                "key": one.collection.key,
                "state": one.collection.state,
                "reason": one.reason,
                "age_s": int(one.age.total_seconds()),
                "amount_minor": one.collection.amount.minor,
                "currency": one.collection.amount.currency,
                "provider": one.collection.provider,
                "next_step": one.next_step,
            }
            for one in found
        ]

    def as_text() -> str:
        rows = [
            (
                one.collection.key,
                one.collection.state,
                one.reason,
                f"{one.age.total_seconds() / 3600:.1f} h",
                show_money(one.collection.amount, "en"),
                one.collection.provider,
                one.next_step,
            )
            for one in found
        ]
        return table(rows, ("key", "state", "reason", "age", "amount", "provider", "next step"), numbers=(3, 4))

    show(as_json, as_value, as_text)
