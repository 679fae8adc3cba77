"""Commands about lists of categories: proposed, printed, validated by the community, applied."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli import counting, json_option, show, table
from gateway.cli.given import by_option, counted, limit_option, parts_of, path_of, reason_option, under_option
from gateway.kernel.card import BadCard, read_card, show_card
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_name
from gateway.locale import NAMES, Say, show_money

if TYPE_CHECKING:
    from gateway.membership.proposals.applying import Decided
    from gateway.membership.proposals.lists import Proposal, ProposedRow
    from gateway.wiring import Runtime

_DAY = click.DateTime(["%Y-%m-%d"])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def categories() -> None:
    """Lists of households for other categories: proposed, printed, validated by a meeting, applied."""


@categories.command("propose")
@click.argument("organisation")
@click.argument("title")
@click.option("--file", required=True, type=_FILE, help="CSV or XLSX: card, category, reason (and who proposes it).")
@by_option
def propose(organisation: str, title: str, file: Path, name: str) -> None:
    """Make a list for an ORGANISATION (a section, or what stands above it); it changes nothing."""
    from gateway.membership.proposals import proposing
    from gateway.payments.statements.plain_tables import tables

    parts = parts_of()
    tree = parts.network.tree()
    wanted = proposing.read_list(tables(file.read_bytes(), proposing.MOST_BYTES), name)
    try:
        with parts.store.write() as unit:
            its_id = proposing.propose(unit, tree, tree.named(organisation).id, title, name)
            count = proposing.add_rows(unit, tree, its_id, wanted)
    except proposing.WrongRows as wrong:
        for each in wrong.rows:
            click.echo(each.said(Say("en")), err=True)
        raise
    click.echo(f"list {its_id}: {counted(count, 'household')}")


@categories.command("list")
@under_option
@limit_option
@json_option
def list_proposals(under: str | None, limit: int, as_json: bool) -> None:
    """The lists, the newest first."""
    from gateway.membership.proposals.lists import proposals

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        found = proposals(connection, path_of(parts, under), limit)

    def as_text() -> str:
        rows = [(one.id, one.title, tree[one.organisation_id].code, one.state, one.rows, one.made_by) for one in found]
        return table(rows, ("list", "title", "organisation", "state", "households", "by"), numbers=(0, 4))

    show(as_json, lambda: [_value(one, tree[one.organisation_id].code) for one in found], as_text)


def _value(one: Proposal, code: str) -> dict[str, object]:
    return {
        "id": one.id,
        "title": one.title,
        "organisation": code,
        "state": one.state.value,
        "households": one.rows,
        "made_by": one.made_by,
        "met_on": one.met_on.isoformat() if one.met_on else None,
        "witnesses": list(one.witnesses),
        "validated_by": one.validated_by,
        "applies_on": one.applies_on.isoformat() if one.applies_on else None,
        "applied_by": one.applied_by,
    }


@categories.command("show")
@click.argument("number", type=int)
@click.option("--from", "since", type=_DAY, metavar="YYYY-MM-DD", help="What it changes, applied from this day.")
@json_option
def show_proposal(number: int, since: datetime | None, as_json: bool) -> None:
    """One list: its households, what it changes in dues and subsidies, and what was done with it."""
    from gateway.membership.proposals.impact import NextYear, impact_of, totals_of
    from gateway.membership.proposals.lists import proposal_with, rows_of, story_of

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        one = proposal_with(connection, number)
        on = since.date() if since is not None else one.applies_on or _today(parts, one)
        found = impact_of(connection, tree, rows_of(connection, one.id), on)
        story = story_of(connection, one.id)
    totals = totals_of(found)

    def year(one: NextYear | None) -> dict[str, object] | None:
        if one is None:
            return None
        return {"own_minor": one.own.minor, "subsidised_minor": one.subsidised.minor, "subsidiser": one.subsidiser}

    def as_value() -> dict[str, object]:
        rows = [
            {
                "card": each.row.card,
                "from": each.row.from_code,
                "to": each.row.to_code,
                "becomes": each.row.becomes,
                "decision": each.row.decision,
                "state": each.row.state,
                "skipped": each.row.skipped_because,
                "before": year(each.before),
                "after": year(each.after),
            }
            for each in found
        ]
        return {**_value(one, tree[one.organisation_id].code), "rows": rows}

    def as_text() -> str:
        rows = [
            (
                show_card(each.row.card),
                mask_name(each.row.head),
                each.row.from_code or "-",
                each.row.becomes or "-",
                each.row.decision or "",
                each.row.skipped_because or each.row.state,
                show_money(each.before.own, "en") if each.before else "",
                show_money(each.after.own, "en") if each.after else "",
            )
            for each in found
        ]
        heads = ("card", "household", "now", "becomes", "meeting", "state", "pays", "would pay")
        lines = [f"list {one.id}: {one.title} ({one.state})", table(rows, heads, numbers=(6, 7))]
        lines += [
            f"households pay {show_money(each.before, 'en')} a year, and would pay {show_money(each.after, 'en')}"
            for each in totals.own
        ]
        lines += [
            f"{name} pays {show_money(each.before, 'en')}, and would pay {show_money(each.after, 'en')}"
            for name, each in totals.by_subsidiser
        ]
        lines += [f"{step.at:%Y-%m-%d %H:%M} {step.state}, {step.by_name} {step.note or ''}".rstrip() for step in story]
        return "\n".join(lines)

    show(as_json, as_value, as_text)


def _today(parts: Runtime, one: Proposal) -> date:
    from gateway.kernel.clock import day_in

    return day_in(parts.network.tree()[one.organisation_id].time_zone, parts.clock.now())


@categories.command("print")
@click.argument("number", type=int)
@click.option("--pdf", "file", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--language", type=click.Choice(sorted(NAMES)), help="Of the paper; else DEFAULT_LANGUAGE.")
@by_option
def print_proposal(number: int, file: Path, language: str | None, name: str) -> None:
    """The list on paper for the meeting; from now on it stays as it is."""
    from gateway.ledger.exports import whole
    from gateway.membership.categories import categories_for
    from gateway.membership.proposals.applying import printed
    from gateway.membership.proposals.lists import proposal_with, rows_of
    from gateway.membership.proposals.paper import proposal_pdf

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.write() as unit:
        printed(unit, number, name)
        one, rows = proposal_with(unit.connection, number), rows_of(unit.connection, number)
        sections = {row.section_id for row in rows}
        names = {each.code: each.name for its in sections for each in categories_for(unit.connection, tree, its)}
    say = Say(language or parts.defaults.language)
    content = proposal_pdf(one, rows, names, tree[one.organisation_id].name, _today(parts, one), say)
    with whole(file) as part:
        part.write_bytes(content)
    click.echo(f"{file}: {counted(len(rows), 'household')}")


@categories.command("validate")
@click.argument("number", type=int)
@click.option("--met-on", type=_DAY, required=True, metavar="YYYY-MM-DD", help="The day of the meeting.")
@click.option(
    "--witness", "witnesses", multiple=True, required=True, metavar="NAME", help="Once for each; two at least."
)
@click.option("--refused", multiple=True, metavar="CARD", help="A household of which the meeting said no.")
@click.option("--changed", multiple=True, metavar="CARD=CATEGORY", help="One for which it said another category.")
@by_option
def validate_proposal(
    number: int, met_on: datetime, witnesses: tuple[str, ...], refused: tuple[str, ...], changed: tuple[str, ...],
    name: str,
) -> None:  # fmt: skip
    """What the meeting decided: all others of the list were accepted. Nothing is applied by it."""
    from gateway.membership.proposals.applying import validate
    from gateway.membership.proposals.lists import rows_of

    parts = parts_of()
    with parts.store.write() as unit:
        rows = rows_of(unit.connection, number)
        decisions = _decisions(rows, refused, changed)
        validate(unit, parts.network.tree(), number, name, met_on.date(), witnesses, decisions)
    click.echo(f"list {number}: validated; another person applies it: gateway categories apply {number}")


def _decisions(rows: list[ProposedRow], refused: tuple[str, ...], changed: tuple[str, ...]) -> dict[int, Decided]:
    from gateway.membership.proposals.applying import Decided
    from gateway.membership.proposals.proposing import NONE

    by_card = {row.card: row.household_id for row in rows}

    def of(typed: str) -> int:
        try:
            return by_card[read_card(typed)]
        except (BadCard, KeyError):
            raise Fault(f"{typed} is no card of this list") from None

    found = {row.household_id: Decided("accepted") for row in rows}
    found.update({of(card): Decided("refused") for card in refused})
    for each in changed:
        card, equals, code = each.partition("=")
        if not equals:
            raise Fault("write --changed CARD=CATEGORY")
        found[of(card)] = Decided("changed", None if code in NONE else code)
    return found


@categories.command("apply")
@click.argument("number", type=int)
@click.option("--from", "since", type=_DAY, metavar="YYYY-MM-DD", help="From which day; else for the next year.")
@by_option
def apply_proposal(number: int, since: datetime | None, name: str) -> None:
    """Another person than who validated it puts the households into their categories; told again, it goes on."""
    from gateway.membership.proposals import applying
    from gateway.membership.proposals.lists import proposal_with
    from gateway.membership.proposals.states import State

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.write() as unit:
        one = proposal_with(unit.connection, number)
        today = _today(parts, one)
        on = since.date() if since else applying.from_next_year(unit.connection, tree, one.organisation_id, today)
        if one.state is not State.APPLYING:  # else whoever began was interrupted
            applying.start(unit, tree, number, name, on)
    with counting("batches") as tell:
        for done, _ in enumerate(applying.apply_all(parts.store, parts.network, number), 1):
            tell(done)
    with parts.store.read() as connection:
        counts = applying.counts_of(connection, number)
    said = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    click.echo(f"list {number}: {said}")


@categories.command("withdraw")
@click.argument("number", type=int)
@by_option
@reason_option
def withdraw_proposal(number: int, name: str, reason: str) -> None:
    """The list comes to nothing."""
    from gateway.membership.proposals.proposing import withdraw

    with parts_of().store.write() as unit:
        withdraw(unit, number, name, reason)
    click.echo(f"list {number}: withdrawn")
