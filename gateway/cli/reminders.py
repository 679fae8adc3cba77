"""Commands about reminders by rule: rules added, listed, ended, and what they would send on a day."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import NUMBER, by_option, parts_of, path_of, texts_of, under_option
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.sms.costs import about_cost

if TYPE_CHECKING:
    from gateway.network.organisations import Tree
    from gateway.sms.campaigns.rules import Due, Rule


@click.group()
def reminders() -> None:
    """Reminders by rule: so many days before, at or after each due date, to those who still owe it."""


@reminders.command()
@click.option("--at", "code", required=True, metavar="CODE", help="The mutuelle, or a union for all mutuelles below.")
@click.option("--days", required=True, type=int, help="After the due date; before it below zero: --days -7.")
@click.option("--plan", metavar="CODE", help="Only of what is due for this plan.")
@click.option("--text", "texts", multiple=True, metavar="fr=TEXT", help="Else the mutuelle's words: gateway sms texts.")
@by_option
def add(code: str, days: int, plan: str | None, texts: tuple[str, ...], name: str) -> None:
    """Add a rule. It writes once to each household about each due date, and to none that has paid by then."""
    from gateway.sms.campaigns import rules

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.write() as unit:
        one = rules.add(unit, tree, tree.named(code), days, plan, texts_of(texts), name)
    click.echo(f"rule {one.id}: {_when(one.days)}, from {one.since.isoformat()} on; see gateway reminders due")


def _when(days: int) -> str:
    if not days:
        return "on the due date"
    many = f"{abs(days)} day{'s' if abs(days) != 1 else ''}"
    return f"{many} {'before' if days < 0 else 'after'} the due date"


@reminders.command("list")
@under_option
@click.option("--ended", is_flag=True, help="Also those that don't hold any more.")
@json_option
def list_rules(under: str | None, ended: bool, as_json: bool) -> None:
    """The rules, by organisation and days."""
    from gateway.sms.campaigns.rules import every_rule

    parts = parts_of()
    tree, path = parts.network.tree(), path_of(parts, under)
    with parts.store.read() as connection:
        kept = every_rule(connection)
    shown = [one for one in kept if tree[one.organisation_id].path.startswith(path) and (ended or not one.ended_on)]
    shown.sort(key=lambda one: (tree[one.organisation_id].path, one.days, one.plan_code or "", one.id))
    show(as_json, lambda: [_rule_value(tree, one) for one in shown], lambda: _rules_text(tree, shown))


def _rule_value(tree: Tree, one: Rule) -> dict[str, Any]:
    return {
        "rule": one.id,
        "organisation": tree[one.organisation_id].code,
        "days": one.days,
        "plan": one.plan_code,
        "texts": dict(one.texts),
        "since": one.since,
        "ended_on": one.ended_on,
        "by": one.by_name,
    }


def _rules_text(tree: Tree, rules: list[Rule]) -> str:
    heads = ("rule", "organisation", "when", "plan", "texts", "since", "ended", "by")
    rows = [
        (
            one.id,
            tree[one.organisation_id].code,
            _when(one.days),
            one.plan_code or "all",
            ", ".join(sorted(one.texts)) or "the mutuelle's",
            one.since,
            one.ended_on or "",
            one.by_name,
        )
        for one in rules
    ]
    return table(rows, heads, (0,)) if rows else "no rule: gateway reminders add"


@reminders.command()
@click.argument("number", type=NUMBER)
@by_option
def end(number: int, name: str) -> None:
    """End a rule. A campaign that it has begun is cancelled: whoever wasn't written to by now isn't any more."""
    from gateway.sms.campaigns import rules

    parts = parts_of()
    with parts.store.write() as unit:
        left_out = rules.end(unit, parts.network.tree(), number, name)
    more = f"; {left_out} were to be written to today and aren't" if left_out else ""
    click.echo(f"rule {number} is ended{more}")


@reminders.command()
@under_option
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), metavar="YYYY-MM-DD", help="Another day than today.")
@json_option
def due(under: str | None, on: datetime | None, as_json: bool) -> None:
    """What the rules send on a day, as things stand now: how many, at what cost. Nothing is sent."""
    from gateway.sms.campaigns import rules

    parts = parts_of()
    tree, settings = parts.network.tree(), parts.settings
    day = on.date() if on else day_in(settings.time_zone, parts.clock.now())
    if not 2000 <= day.year < 3000:
        raise Fault(f"{day.isoformat()}: give a day of these years")
    with parts.store.read() as connection:
        path = path_of(parts, under)
        found = list(rules.due(connection, tree, day, path, settings.sms_price, settings.currency))
    show(as_json, lambda: [_due_value(one) for one in found], lambda: _due_text(found, day.isoformat()))


def _due_value(one: Due) -> dict[str, Any]:
    value = {"rule": one.duty.rule.id, "organisation": one.duty.place.code, "due_on": one.duty.due_on}
    value |= {"currency": one.duty.place.currency, "campaign": one.campaign}
    return value | (one.found.as_json() if one.found is not None else {})


def _due_text(found: list[Due], day: str) -> str:
    if not found:
        return f"no rule holds on {day}: gateway reminders list"
    heads = ("rule", "organisation", "what falls due on", "messages", "parts", "cost", "left out")
    rows: list[tuple[object, ...]] = []
    for one in found:
        own = (one.duty.rule.id, one.duty.place.code, one.duty.due_on)
        if one.found is None:
            rows.append((*own, f"campaign {one.campaign}", "", "", ""))
            continue
        cost = about_cost(one.found.cost_e4, one.duty.place.currency) if one.found.price_e4 else "unknown"
        why = ", ".join(f"{why}: {count}" for why, count in one.found.skipped.most_common())
        rows.append((*own, one.found.letters, one.found.parts, cost, why))
    return table(rows, heads, (0, 3, 4, 5))
