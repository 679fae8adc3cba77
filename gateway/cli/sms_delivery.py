"""Commands about what becomes of SMS: who got them, at what cost, and the numbers that nothing reaches any more."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import parts_of, path_of
from gateway.kernel.card import show_card
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_number

if TYPE_CHECKING:
    from gateway.payments.push.operators import Operators
    from gateway.sms.delivery import Outcome, Rate

at_option = click.option("--at", "code", metavar="CODE", help="An organisation: its own and those below it.")


@click.command()
@click.option("--since", metavar="DAY", help="What was written from this day on (YYYY-MM-DD); else all there is.")
@at_option
@json_option
def report(since: str | None, code: str | None, as_json: bool) -> None:
    """What became of the messages of each event, by aggregator and mobile operator."""
    from gateway.sms.delivery import rates

    parts = parts_of()
    tree = parts.network.tree()
    zone = tree.named(code).time_zone if code else parts.settings.time_zone
    organisations = [one.id for one in tree.by_id.values() if one.under(tree.named(code))] if code else None
    operators = parts.operators
    with parts.store.read() as connection:
        found = rates(
            connection,
            lambda msisdn: _operator(operators, msisdn),
            _beginning(operators),
            _begins(since, zone) if since else None,
            organisations,
        )
    show(as_json, lambda: [_as_value(one) for one in found], lambda: _as_text(found))


def _operator(operators: Operators, msisdn: str) -> str:
    found = operators.of(msisdn)
    return f"{found.country} {found.name}" if found else "other"


def _beginning(operators: Operators) -> int:
    """So many characters of a number tell its operator: a plus, a calling code of up to three, the longest prefix."""
    return 4 + max(len(prefix) for one in operators.all for prefix in one.prefixes)


def _begins(typed: str, zone: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(typed), time(), ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Fault(f"{typed} is no day: write YYYY-MM-DD") from None


def _as_value(one: Rate) -> dict[str, object]:
    outcome = one.outcome
    return {
        "event": one.event,
        "aggregator": one.aggregator or None,
        "operator": one.operator or None,
        "handed": outcome.handed,
        "delivered": outcome.delivered,
        "delivered_of_ended": outcome.rate,
        "failed": dict(sorted(outcome.failed.items())),
        "on_the_way": outcome.on_the_way,
        "unknown": outcome.unknown,
        "uncertain": outcome.uncertain,
        "skipped": dict(sorted(outcome.skipped.items())),
        "waiting": outcome.waiting,
        "parts": outcome.parts,
        "cost_e4": dict(sorted(outcome.cost_e4.items())),
    }


_HEADS = (
    "event", "aggregator", "operator", "handed", "delivered", "%", "on the way", "unknown", "uncertain", "waiting",
    "parts", "cost", "failed", "skipped",
)  # fmt: skip


def _as_text(found: list[Rate]) -> str:
    rows = [(one.event, one.aggregator or "-", one.operator or "-", *_cells(one.outcome)) for one in found]
    return table(rows, _HEADS, numbers=range(3, 11))


def _cells(outcome: Outcome) -> tuple[object, ...]:
    from gateway.sms.costs import show_cost

    return (
        outcome.handed,
        outcome.delivered,
        "" if outcome.rate is None else f"{outcome.rate:.1%}",
        outcome.on_the_way,
        outcome.unknown,
        outcome.uncertain,
        outcome.waiting,
        outcome.parts,
        ", ".join(show_cost(e4, currency) for currency, e4 in sorted(outcome.cost_e4.items())),
        _by_reason(outcome.failed),
        _by_reason(outcome.skipped),
    )


def _by_reason(counts: dict[str, int]) -> str:
    return ", ".join(f"{reason or 'no reason'} {count}" for reason, count in sorted(counts.items()))


@click.command()
@at_option
@json_option
def failing(code: str | None, as_json: bool) -> None:
    """The numbers that no SMS reaches any more, with the households whose they are, those that fail longest first."""
    from gateway.sms.failing import all_failing

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        found = all_failing(connection, path_of(parts, code) if code else None)
    sections = {one.section_id: tree[one.section_id].code if one.section_id else None for one in found}

    def as_value() -> list[dict[str, object]]:
        return [
            {
                "number": mask_number(one.msisdn),
                "card": one.card,
                "section": sections[one.section_id],
                "failures": one.failures,
                "since": one.since.isoformat(),
                "last_at": one.last_at.isoformat(),
                "reason": one.reason,
            }
            for one in found
        ]

    def as_text() -> str:
        rows = [
            (
                mask_number(one.msisdn),
                show_card(one.card) if one.card else "-",
                sections[one.section_id] or "-",
                one.failures,
                f"{one.since:%Y-%m-%d}",
                f"{one.last_at:%Y-%m-%d}",
                one.reason,
            )
            for one in found
        ]
        return table(rows, ("number", "card", "section", "times", "since", "last", "why"), numbers=(3,))

    show(as_json, as_value, as_text)
