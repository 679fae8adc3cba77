"""Commands about what households owe: plans and their versions, categories, a household that leaves, another head."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import by_option, family_of, parts_of
from gateway.kernel.card import show_card
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_name
from gateway.kernel.money import Money
from gateway.locale import show_money

if TYPE_CHECKING:
    from gateway.membership.categories import Priced
    from gateway.membership.family import Leaves
    from gateway.membership.leaving import LeavesWhole

_DAY = click.DateTime(["%Y-%m-%d"])
on_option = click.option("--on", "on", type=_DAY, required=True, metavar="YYYY-MM-DD", help="The day it happened.")
NONE = "none"  # the code that takes a household out of its category

# Why a day can't be, for the office.
_WRONG_DAYS = {
    "future": "this day lies ahead",
    "old": "this is more than a year ago",
    "before-birth": "this is before the head's birth",
}


# --- a household ------------------------------------------------------------------------------------------------------


@click.command("category")
@click.argument("card")
@click.argument("code", required=False)
@click.option("--by", "name", metavar="NAME", help="Who decides: it is kept.")
@click.option("--reason", "--why", "why", metavar="TEXT", help="Why: it is kept.")
@click.option("--since", type=_DAY, metavar="YYYY-MM-DD", help="From this day; else from today.")
@json_option
def household_category(
    card: str, code: str | None, name: str | None, why: str | None, since: datetime | None, as_json: bool
) -> None:
    """Put a household into a category by its CODE (or "none"); without a code, show in which it is and was.

    What is due already stays as it is: the next enrolment takes the category's tariff.
    """
    from gateway.membership.categories import categories_for, history_of, prices_of, put_into

    parts = parts_of()
    tree, one = parts.network.tree(), family_of(parts, card)
    if code is not None:
        with parts.store.write() as unit:
            placed = put_into(
                unit,
                tree,
                one.id,
                None if code == NONE else code,
                since.date() if since else None,
                name or "",
                why or "",
            )
        click.echo(f"card {show_card(one.card)}: category {placed.code or NONE} from {placed.since}")
        return
    with parts.store.read() as connection:
        history = history_of(connection, one.id)
        here = [(each, prices_of(connection, each.id)) for each in categories_for(connection, tree, one.section_id)]

    def as_value() -> dict[str, object]:
        return {
            "card": one.card,
            "history": [dataclasses.asdict(each) for each in history],
            "categories": [
                {"code": each.code, "name": each.name, "tariffs": [dataclasses.asdict(price) for price in prices]}
                for each, prices in here
            ],
        }

    def as_text() -> str:
        lines = [f"card {show_card(one.card)}, {mask_name(one.head)}"]
        if history:
            rows = [(each.since, each.code or NONE, each.by_name, each.reason) for each in history]
            lines.append(table(rows, ("since", "category", "by", "why")))
        else:
            lines.append("in no category")
        tariffs = [(each.code, each.name, *_priced(price)) for each, prices in here for price in prices]
        if tariffs:
            lines += ["", table(tariffs, ("category", "name", "plan", "fee", "household", "person", "subsidy"))]
        return "\n".join(lines)

    show(as_json, as_value, as_text)


def _priced(one: Priced) -> tuple[str, ...]:
    amounts = (one.registration_fee_minor, one.household_minor, one.beneficiary_minor)
    shown = ("as the plan" if minor is None else show_money(Money(minor, one.currency), "en") for minor in amounts)
    subsidy = f"{one.subsidy_percent} % by {one.subsidiser_code}" if one.subsidy_percent else "none"
    return (f"{one.plan_code} {one.version}", *shown, subsidy)


@click.command("leave")
@click.argument("card")
@on_option
@click.option("--because", type=click.Choice(["death", "departure"]), required=True)
@by_option
def household_leaves(card: str, on: datetime, because: LeavesWhole, name: str) -> None:
    """A household leaves, or its only member has died: its memberships end on that day.

    What falls due after it is cancelled by a counter-entry; what was paid on that is an advance, to be given back with
    gateway refunds or used when they come back.
    """
    from gateway.membership.changes import By
    from gateway.membership.family import Refused
    from gateway.membership.leaving import leave

    parts = parts_of()
    one = family_of(parts, card)
    try:
        with parts.store.write() as unit:
            tree, chart = parts.network.tree(), parts.services.chart
            left = leave(unit, tree, chart, one, on.date(), because, By(None, name=name))
    except Refused as why:
        raise Fault(f"{on.date()}: {_WRONG_DAYS[why.args[0]]}") from None
    click.echo(
        f"card {show_card(one.card)} has left on {on.date()} ({because}): {show_money(left.cancelled, 'en')} is no "
        f"longer due, {show_money(left.advance, 'en')} in advance"
    )


@click.command("head")
@click.argument("card")
@click.option("--person", type=click.IntRange(2), help="The new head's number in this list, which is shown without it.")
@click.option("--because", type=click.Choice(["death", "divorce", "departure"]), help="Why the head is one no more.")
@click.option("--on", "on", type=_DAY, metavar="YYYY-MM-DD", help="The day it happened; else today.")
@click.option("--by", "name", metavar="NAME", help="Who decides: it is kept.")
@json_option
def household_head(
    card: str, person: int | None, because: Leaves | None, on: datetime | None, name: str | None, as_json: bool
) -> None:
    """Another adult on the card becomes the head, as the head has died or left; without --person, list who is on it."""
    from gateway.membership.changes import By
    from gateway.membership.family import Refused, roster
    from gateway.membership.leaving import heads_to_be, new_head

    parts = parts_of()
    one = family_of(parts, card)
    today = day_in(one.time_zone, parts.clock.now())
    with parts.store.read() as connection:
        people = roster(connection, one.id)
    if person is None:
        able = heads_to_be(people, today.year)
        rows = [
            (number, mask_name(each.name), each.birth_year, each.relation, each in able)
            for number, each in enumerate(people, 1)
        ]
        heads = ("number", "name", "born", "relation", "can be head")
        show(
            as_json,
            lambda: [dict(zip(("number", "name", "birth_year", "relation", "able"), row, strict=True)) for row in rows],
            lambda: table([(*row[:4], "yes" if row[4] else "") for row in rows], heads, numbers=(0, 2)),
        )
        return
    if because is None or not name:
        raise Fault("say --because, and --by whom it is decided")
    if person > len(people):
        raise Fault(f"nobody on this card has the number {person}: there are {len(people)} people")
    try:
        with parts.store.write() as unit:
            happened_on = on.date() if on else today
            heir = new_head(unit, one, people[person - 1].id, because, happened_on, By(None, name=name))
    except Refused as why:
        raise Fault(f"{on.date() if on else today}: {_WRONG_DAYS[why.args[0]]}") from None
    click.echo(f"card {show_card(one.card)}: {mask_name(heir)} is its head")


# --- plans ------------------------------------------------------------------------------------------------------------


@click.group()
def plans() -> None:
    """Plans and their versions, and what categories pay in them."""


@plans.command("add")
@click.argument("organisation")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def add(organisation: str, file: Path) -> None:
    """Add new versions of plans, or new plans, to an ORGANISATION from a TOML file.

    The file holds [[plans]], and [[categories]] and [[subsidisers]] where there are new ones, as
    deploy/network.example.toml shows them. What is due already stays: the next enrolment takes the new version, from
    the day on which it opens.
    """
    from sqlalchemy.exc import IntegrityError

    from gateway.pricing import PlansPart, add_versions, read_file

    parts = parts_of()
    told = read_file(file, PlansPart)
    try:
        with parts.store.write() as unit:
            added = add_versions(unit, parts.network.tree(), organisation, told)
    except IntegrityError:
        raise Fault(f"{file}: a code in it is there already; nothing was added") from None
    for code, version in added:
        click.echo(f"{organisation}: plan {code}, version {version}")


@plans.command("list")
@click.argument("organisation")
@json_option
def list_plans(organisation: str, as_json: bool) -> None:
    """The versions of the plans that an ORGANISATION has itself, the newest first."""
    from gateway.membership.plans import versions_of

    parts = parts_of()
    with parts.store.read() as connection:
        found = versions_of(connection, parts.network.tree().named(organisation).id)

    def as_value() -> list[dict[str, object]]:
        return [
            {
                "code": one.code,
                "version": one.version,
                "name": one.name,
                "currency": one.currency,
                "opens_on": opens_on.isoformat(),
                **dataclasses.asdict(one.terms),
            }
            for one, opens_on in found
        ]

    def as_text() -> str:
        rows = [
            (
                one.code,
                one.version,
                one.name,
                opens_on,
                *(
                    show_money(Money(minor, one.currency), "en")
                    for minor in (
                        one.terms.registration_fee_minor,
                        one.terms.household_minor,
                        one.terms.beneficiary_minor,
                    )
                ),
                one.terms.instalments,
            )
            for one, opens_on in found
        ]
        heads = ("plan", "version", "name", "opens on", "fee", "household", "person", "instalments")
        return table(rows, heads, numbers=(1, 4, 5, 6, 7))

    show(as_json, as_value, as_text)
