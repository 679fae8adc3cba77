"""``gateway duplicates``: households that look like one family: looked for, listed, decided; a merge undone."""

from __future__ import annotations

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import NUMBER, by_option, counted, family_of, limit_option, parts_of, under_option
from gateway.kernel.card import show_card
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_name
from gateway.locale import Say


@click.group()
def duplicates() -> None:
    """Households that look like one family registered twice; a person decides, here or in the office."""


@duplicates.command("find")
@click.option("--place", "code", metavar="CODE", help="Those below this organisation; without it, everybody.")
@click.option("--anew", is_flag=True, help="Look at everybody again, not only at those registered since the last time.")
def find(code: str | None, anew: bool) -> None:
    """Look for pairs, from where the last run stopped: stopped in the middle, it goes on from there."""
    from gateway.membership.duplicates.finding import run

    parts = parts_of()
    tree = parts.network.tree()
    places = [tree.named(code)] if code else [one for one in tree.by_id.values() if len(tree.upward(one.id)) == 1]
    for place in places:
        done = run(parts.store, tree, place, anew=anew)
        click.echo(f"{place.code}: {counted(done.households, 'household')}, {counted(done.pairs, 'new pair')}")


@duplicates.command("list")
@under_option
@click.option(
    "--state",
    default="open",
    show_default=True,
    type=click.Choice(["open", "unsure", "different", "same"]),
    help="What was decided.",
)
@limit_option
@json_option
def list_pairs(under: str | None, state: str, limit: int, as_json: bool) -> None:
    """The pairs, the likeliest first, with the reasons."""
    from gateway.membership.duplicates.deciding import STATES, faces, listed

    parts = parts_of()
    tree = parts.network.tree()
    roots = [tree.named(under)] if under else [one for one in tree.by_id.values() if len(tree.upward(one.id)) == 1]
    its_state = next(each for each in STATES if each == state)
    with parts.store.read() as connection:
        pairs = listed(connection, tree, roots, its_state, limit=limit)
        known = faces(connection, pairs)
    say = Say("en")

    def row(number: int) -> tuple[object, ...]:
        pair = pairs[number]
        one, other = known[pair.one_id], known[pair.other_id]
        return (
            pair.id, pair.score, show_card(one.card), mask_name(one.head), show_card(other.card), mask_name(other.head),
            ", ".join(each.said(say) for each in pair.reasons),
        )  # fmt: skip

    show(
        as_json,
        lambda: [
            {
                "pair": pair.id, "score": pair.score, "state": pair.state,
                "cards": [known[pair.one_id].card, known[pair.other_id].card],
                "reasons": [each.said(say) for each in pair.reasons],
            }
            for pair in pairs
        ],
        lambda: table(
            [row(number) for number in range(len(pairs))],
            ("pair", "score", "card", "head", "other card", "head", "why"),
            numbers=(0, 1),
        ) if pairs else "none",
    )  # fmt: skip


@duplicates.command("decide")
@click.argument("pair", type=NUMBER)
@click.argument("what", type=click.Choice(["same", "different", "unsure", "open"]))
@by_option
def decide_pair(pair: int, what: str, name: str) -> None:
    """Say of PAIR that it is the same family, two different ones, or not sure; "open" undoes what was said.

    To merge the two afterwards: gateway households merge.
    """
    from gateway.membership.changes import By
    from gateway.membership.duplicates.deciding import STATES, by_id, decide

    parts = parts_of()
    with parts.store.write() as unit:
        if by_id(unit.connection, pair) is None:
            raise Fault(f"there is no pair {pair}; gateway duplicates list shows them")
        decide(unit, pair, next(each for each in STATES if each == what), By(None, name=name))
    click.echo(f"pair {pair}: {what}")


@duplicates.command("unmerge")
@click.argument("card")
@by_option
def unmerge_card(card: str, name: str) -> None:
    """Undo the last merge into the household with CARD, as long as nothing has happened to it since."""
    from gateway.membership.changes import By
    from gateway.membership.unmerging import merges_of, unmerge

    parts = parts_of()
    family = family_of(parts, card)
    with parts.store.write() as unit:
        merges = merges_of(unit.connection, family.id, unit.now)
        if not merges:
            raise Fault("no household was merged into this one in the last 30 days")
        done = unmerge(unit, parts.network.tree(), merges[0].id, By(None, name=name))
    click.echo(f"two households again: {show_card(done.card)} and {show_card(done.old_card)}")


@duplicates.command("old-number")
@click.argument("card")
@click.argument("number")
@by_option
def old_number(card: str, number: str, name: str) -> None:
    """Let the household with CARD be found by NUMBER, which it had on a paper card or in other software."""
    from gateway.membership.changes import By
    from gateway.membership.old_numbers import add_old_number

    parts = parts_of()
    family = family_of(parts, card)
    with parts.store.write() as unit:
        new = add_old_number(unit, parts.network.tree(), family.id, family.section_id, number, By(None, name=name))
    click.echo(f"card {show_card(family.card)} is {'now' if new else 'already'} found by {number}")
