"""Commands about what a person must decide: cases, and what operators leave undecided."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import (
    by_option,
    limit_option,
    parts_of,
    path_of,
    under_option,
)
from gateway.kernel.faults import Fault
from gateway.kernel.numbers import with_check_digit
from gateway.locale import show_money

if TYPE_CHECKING:
    pass


@click.group()
def cases() -> None:
    """What about money a person must decide."""


@cases.command("list")
@under_option
@limit_option
@json_option
def list_cases(under: str | None, limit: int, as_json: bool) -> None:
    """The open cases, the oldest first."""
    from gateway.payments.cases import open_cases

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
            )
            for one in found
        ]
        return table(rows, ("number", "opened (UTC)", "organisation", "kind", "amount", "of", "what"), numbers=(4,))

    show(as_json, as_value, as_text)


@cases.command("close")
@click.argument("number")
@by_option
@click.option("--note", required=True, help="What was decided: it is kept.")
def close(number: str, name: str, note: str) -> None:
    """Close a case. No money moves by it."""
    from gateway.payments.cases import case_numbered, close_case

    if not name.strip() or not note.strip():
        raise Fault("a name and a note are needed")
    with parts_of().store.write() as unit:
        one = case_numbered(unit.connection, number)
        if one is None or not close_case(unit, one.id, name, note):
            raise Fault(f"no case {number} is open")
    click.echo(f"case {one.number} is closed")


@click.command("undecided")
@click.option("--hours", default=0, show_default=True, type=click.IntRange(0), help="Only those older than this.")
@limit_option
@json_option
def undecided(hours: int, limit: int, as_json: bool) -> None:
    """What operators have said neither yes nor no to, why, since when, and what comes next."""
    from datetime import timedelta

    from gateway.payments.cases import undecided as read_undecided

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
