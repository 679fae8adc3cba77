"""Commands about decisions of people: cash corrected, and who decided what in a month."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import by_option, parts_of, reason_option, under_option
from gateway.kernel.card import show_card
from gateway.kernel.faults import Fault
from gateway.locale import show_money

# Why cash was not corrected, for whoever tried.
_NOT_CORRECTED = {
    "gone": "no cash that counts has this key or receipt number",
    "wrong-office": "the household belongs to another office",
    "own": "whoever recorded it can't correct it alone: it takes another person",
    "handover": "this cash is being handed over: the treasurer first says whether it came",
    "refund": "this was given back, or is being",
    "no-reason": "a name and a reason are needed",
}


@click.command("correct")
@click.argument("key")
@by_option
@reason_option
def correct(key: str, name: str, reason: str) -> None:
    """Correct cash that was recorded by mistake: KEY of the collection, or the number of its receipt.

    A new entry of today takes it back, and the member is told that the receipt no longer counts. What was really given
    is then recorded anew.
    """
    from gateway.payments.cash_corrections import NotCorrected, correct_cash

    parts = parts_of()
    with parts.store.write() as unit:
        done = correct_cash(unit, parts.network.tree(), parts.services.chart, key, name, reason)
    if isinstance(done, NotCorrected):
        raise Fault(_NOT_CORRECTED[done.why])
    amount = show_money(done.amount, "en")
    click.echo(f"receipt {done.number} no longer counts: {amount} in cash, card {show_card(done.card)}")


@click.command("decisions")
@click.option("--month", required=True, type=click.DateTime(["%Y-%m"]), metavar="YYYY-MM", help="Of this month.")
@under_option
@json_option
def decisions(month: datetime, under: str | None, as_json: bool) -> None:
    """Who assigned, gave back, closed and corrected what in a month, by person.

    The month is that of the organisation's time zone. Of money that took two people, each has a row of their own.
    Each decision counts once; --json also has the single ones, with the reason.
    """
    from gateway.payments.decisions.report import by_person
    from gateway.payments.decisions.report import decisions as read_decisions

    parts = parts_of()
    top = parts.network.tree().named(under) if under is not None else None
    zone = ZoneInfo(top.time_zone if top is not None else parts.defaults.time_zone)
    since = month.replace(tzinfo=zone)
    until = since.replace(year=since.year + since.month // 12, month=since.month % 12 + 1)
    with parts.store.read() as connection:
        path = top.path if top is not None else "/"
        found = read_decisions(connection, since.astimezone(UTC), until.astimezone(UTC), path)

    def as_value() -> dict[str, object]:
        return {
            "month": f"{month:%Y-%m}",
            "under": under,
            "decisions": [
                {
                    "by": one.by,
                    "what": one.what,
                    "count": one.count,
                    "amounts": [{"amount_minor": each.minor, "currency": each.currency} for each in one.amounts],
                }
                for one in by_person(found)
            ],
            "single": [
                {
                    "at": one.at.isoformat(),
                    "by": one.by,
                    "what": one.what,
                    "amount_minor": one.amount.minor if one.amount is not None else None,
                    "currency": one.amount.currency if one.amount is not None else None,
                    "reason": one.reason,
                }
                for one in found
            ],
        }

    def as_text() -> str:
        rows = [
            (one.by, one.what, one.count, ", ".join(show_money(each, "en") for each in one.amounts))
            for one in by_person(found)
        ]
        return table(rows, ("who", "what", "how often", "amount"), numbers=(2, 3))

    show(as_json, as_value, as_text)
