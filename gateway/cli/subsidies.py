"""Commands about what subsidisers pay for members of categories: invoices by list, and that they were paid."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import by_option, limit_option, parts_of
from gateway.kernel.card import show_card
from gateway.locale import NAMES, Say, mark, show_money

if TYPE_CHECKING:
    from gateway.ledger.exports import Sheet
    from gateway.membership.subsidies import Invoice, Item

_DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def subsidy() -> None:
    """What subsidisers pay for members of categories: invoiced by list, and paid."""


@subsidy.command("invoice")
@click.argument("subsidiser")
@click.option("--until", type=_DAY, required=True, metavar="YYYY-MM-DD", help="All that has fallen due by this day.")
@by_option
def make(subsidiser: str, until: datetime, name: str) -> None:
    """Make the invoice of what a SUBSIDISER owes by a day and that stands on none yet."""
    from gateway.membership.subsidies import make_invoice, subsidiser_named

    with parts_of().store.write() as unit:
        made = make_invoice(unit, subsidiser_named(unit.connection, subsidiser), until.date(), name)
    click.echo(f"invoice {made.number} for {made.subsidiser}: {_counted(made)}")


def _counted(one: Invoice) -> str:
    households = f"{one.households} households" if one.households != 1 else "1 household"
    return f"{households}, {show_money(one.amount, 'en')}, due by {one.until}"


@subsidy.command("list")
@limit_option
@json_option
def list_invoices(limit: int, as_json: bool) -> None:
    """The newest invoices."""
    from gateway.membership.subsidies import invoices

    with parts_of().store.read() as connection:
        found = invoices(connection, limit)

    def as_text() -> str:
        rows = [
            (
                one.number,
                one.subsidiser,
                one.until,
                one.households,
                show_money(one.amount, "en"),
                f"{one.made_at:%Y-%m-%d}",
                one.made_by,
                one.paid_on or "",
            )
            for one in found
        ]
        heads = ("number", "subsidiser", "due by", "households", "amount", "made", "by", "paid")
        return table(rows, heads, numbers=(3, 4))

    show(as_json, lambda: [_invoice_value(one) for one in found], as_text)


def _invoice_value(one: Invoice) -> dict[str, object]:
    return {
        "number": one.number,
        "subsidiser": one.subsidiser,
        "until": one.until.isoformat(),
        "households": one.households,
        "amount_minor": one.amount.minor,
        "currency": one.amount.currency,
        "made_at": one.made_at.isoformat(),
        "made_by": one.made_by,
        "paid_on": one.paid_on.isoformat() if one.paid_on else None,
        "paid_by": one.paid_by,
    }


@subsidy.command("show")
@click.argument("number")
@click.option("--csv", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write the list to this file.")
@click.option("--language", type=click.Choice(sorted(NAMES)), help="Of the file; else DEFAULT_LANGUAGE.")
@json_option
def show_invoice(number: str, file: Path | None, language: str | None, as_json: bool) -> None:
    """One invoice with its list: card, category, membership year, amount; it names nobody."""
    from gateway.ledger.exports import write
    from gateway.membership.subsidies import invoice_numbered, items_of

    parts = parts_of()
    with parts.store.read() as connection:
        one = invoice_numbered(connection, number)
        items = list(items_of(connection, one))
    if file is not None:
        count = write(_sheet(one, items, Say(language or parts.defaults.language)), file, "csv")
        click.echo(f"{file}: {count} {'line' if count == 1 else 'lines'}")
        return

    def as_value() -> dict[str, object]:
        lines = [
            {
                "mutuelle": each.mutuelle,
                "card": each.card,
                "category": each.category,
                "starts_on": each.starts_on.isoformat(),
                "ends_on": each.ends_on.isoformat(),
                "amount_minor": each.amount.minor,
            }
            for each in items
        ]
        return {**_invoice_value(one), "items": lines}

    def as_text() -> str:
        paid = f"paid on {one.paid_on}, written down by {one.paid_by}" if one.paid_on else "not paid"
        rows = [
            (
                each.mutuelle,
                show_card(each.card),
                each.category,
                each.starts_on,
                each.ends_on,
                show_money(each.amount, "en"),
            )
            for each in items
        ]
        listed = table(rows, ("mutuelle", "card", "category", "from", "to", "amount"), numbers=(5,))
        return f"invoice {one.number} for {one.subsidiser}: {_counted(one)}; {paid}\n{listed}"

    show(as_json, as_value, as_text)


def _sheet(one: Invoice, items: list[Item], say: Say) -> Sheet:
    from gateway.ledger.exports import Sheet, figure

    heads = tuple(say(each) for each in _HEADS)
    return Sheet(
        say("Subsidies"),
        heads,
        (
            (
                one.number,
                each.mutuelle,
                each.card,
                each.category,
                each.starts_on,
                each.ends_on,
                figure(each.amount.minor, each.amount.currency),
                each.amount.currency,
            )
            for each in items
        ),
    )


_HEADS = (
    mark("Invoice"),
    mark("Mutuelle"),
    mark("Card"),
    mark("Category"),
    mark("From"),
    mark("To"),
    mark("Amount"),
    mark("Currency"),
)


@subsidy.command("paid")
@click.argument("number")
@by_option
@click.option("--on", "on", type=_DAY, required=True, metavar="YYYY-MM-DD", help="The day it came into the bank.")
def paid(number: str, name: str, on: datetime) -> None:
    """An invoice was paid, whole: it goes into the bank's account of every mutuelle on it, once."""
    from gateway.membership.subsidies import mark_paid

    parts = parts_of()
    paid_on: date = on.date()
    with parts.store.write() as unit:
        one = mark_paid(unit, parts.network.tree(), parts.services.chart, number, name, paid_on)
    click.echo(f"invoice {one.number} for {one.subsidiser} was paid on {one.paid_on}: {show_money(one.amount, 'en')}")
