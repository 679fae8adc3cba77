"""Commands about whole families: found by what one types, merged, split, moved. Names and numbers are masked."""

from __future__ import annotations

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import by_option, family_of, parts_of, path_of, under_option
from gateway.kernel.card import show_card
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_name, mask_number
from gateway.locale import show_money


@click.command("find")
@click.argument("text", nargs=-1, required=True)
@under_option
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 50))
@json_option
def find_households(text: tuple[str, ...], under: str | None, limit: int, as_json: bool) -> None:
    """Households by a card, a phone, or words of a name as they sound, perhaps with a village among them."""
    from gateway.membership.searching import find

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        found = find(connection, tree, " ".join(text), (path_of(parts, under),), limit=limit)
    if found.mistyped:
        raise Fault("no card has this number: one of its digits is wrong")
    if found.no_such_card:
        raise Fault("no household has this card")

    def as_text() -> str:
        if not found.found:
            return "nobody found"
        rows = [
            (
                show_card(one.card),
                mask_name(one.head),
                tree[one.section_id].name,
                one.why,
                mask_name(one.matched) + (" (left)" if one.left else ""),
            )
            for one in found.found
        ]
        more = ["there are more: add a word, or the village"] if found.more else []
        return "\n".join([table(rows, ("card", "head", "section", "found by", "who")), *more])

    def as_value() -> list[dict[str, object]]:
        return [{"card": one.card, "section": tree[one.section_id].code, "why": one.why} for one in found.found]

    show(as_json, as_value, as_text)


@click.command("merge")
@click.argument("card")
@click.argument("other")
@click.option(
    "--same",
    multiple=True,
    metavar="N=M",
    help="Person N of OTHER is person M of CARD, as both are listed.",
)
@click.option("--registered-twice", "how", flag_value="twice", help="It always was one family, registered twice.")
@click.option("--come-together", "how", flag_value="together", help="Two families come together today.")
@click.option("--by", "name", metavar="NAME", help="Who decides: it is kept.")
def merge_households(card: str, other: str, same: tuple[str, ...], how: str | None, name: str | None) -> None:
    """Merge the household with the card OTHER into that with CARD; without --by, list who is on both.

    The card OTHER goes on working: it leads to the household with CARD, which keeps its category and its PIN.
    """
    from gateway.membership.changes import By
    from gateway.membership.family import roster
    from gateway.membership.merging import merge, same_people
    from gateway.sms.family_notices import tell_merged

    parts = parts_of()
    stays, goes = family_of(parts, card), family_of(parts, other)
    with parts.store.read() as connection:
        ours, theirs = roster(connection, stays.id), roster(connection, goes.id)
        proposed = same_people(connection, stays, goes)
    if name is None:
        numbers = {each.id: number for number, each in enumerate(ours, 1)}
        rows: list[tuple[object, ...]] = [
            ("CARD", number, mask_name(each.name), each.birth_year, each.relation, "")
            for number, each in enumerate(ours, 1)
        ]
        rows += [
            ("OTHER", number, mask_name(each.name), each.birth_year, each.relation,
             f"--same {number}={numbers[proposed[each.id]]}" if each.id in proposed else "")
            for number, each in enumerate(theirs, 1)
        ]  # fmt: skip
        click.echo(table(rows, ("on", "number", "name", "born", "relation", "the same, it seems")))
        return
    if how is None:
        raise Fault("say --registered-twice, or --come-together")
    pairs: dict[int, int] = {}
    for one in same:
        left, equals, right = one.partition("=")
        if not equals or not left.isdecimal() or not right.isdecimal():
            raise Fault("write --same N=M: person N of OTHER is person M of CARD")
        if not 1 <= int(left) <= len(theirs) or not 1 <= int(right) <= len(ours):
            raise Fault(f"--same {one}: no such person; without --by both cards are listed")
        pairs[theirs[int(left) - 1].id] = ours[int(right) - 1].id
    with parts.store.write() as unit:
        tree, chart, by = parts.network.tree(), parts.services.chart, By(None, name=name)
        done = merge(unit, tree, chart, stays, goes, pairs, by, registered_twice=how == "twice")
        tell_merged(unit, tree, stays, done.old_card)
    click.echo(
        f"card {show_card(done.old_card)} leads to card {show_card(done.card)} now: {show_money(done.moved, 'en')} "
        f"moved, {show_money(done.cancelled, 'en')} no longer due, {len(done.added)} people added, "
        f"{done.phones} phones"
    )


@click.command("split")
@click.argument("card")
@click.option("--person", "people", multiple=True, type=click.IntRange(2), help="Who goes, by number; the head first.")
@click.option("--phone", metavar="PHONE", help="The new household's phone.")
@click.option("--by", "name", metavar="NAME", help="Who decides: it is kept.")
def split_household(card: str, people: tuple[int, ...], phone: str | None, name: str | None) -> None:
    """Give some people on a card a card of their own, the first --person as its head; without --person, list them."""
    from gateway.kernel.msisdn import BadMsisdn, read_msisdn
    from gateway.membership.changes import By
    from gateway.membership.family import roster
    from gateway.membership.households import by_id
    from gateway.membership.leaving import heads_to_be
    from gateway.membership.splitting import split
    from gateway.sms.family_notices import tell_split

    parts = parts_of()
    one = family_of(parts, card)
    with parts.store.read() as connection:
        on_card = roster(connection, one.id)
    if not people:
        able = heads_to_be(on_card, day_in(one.time_zone, parts.clock.now()).year)
        rows = [
            (number, mask_name(each.name), each.birth_year, each.relation, each in able)
            for number, each in enumerate(on_card, 1)
        ]
        click.echo(table(rows, ("number", "name", "born", "relation", "can be head"), numbers=(0, 2)))
        return
    if name is None:
        raise Fault("say who decides: --by NAME")
    if max(people) > len(on_card):
        raise Fault(f"there are {len(on_card)} people on this card")
    tree = parts.network.tree()
    try:
        number = read_msisdn(phone, tree[one.section_id].country) if phone is not None else None
    except BadMsisdn:
        raise Fault(f"{mask_number(phone or '')} is not a mobile number here") from None
    ids = [on_card[each - 1].id for each in people]
    with parts.store.write() as unit:
        done = split(unit, tree, parts.services.chart, one, ids, ids[0], By(None, name=name), number)
        tell_split(unit, tree, by_id(unit.connection, tree, done.household_id))
    click.echo(
        f"new card {show_card(done.card)} for {mask_name(done.head)}: {show_money(done.due, 'en')} for the rest of "
        f"the year, of which {show_money(done.brought, 'en')} is paid; card {show_card(one.card)} is let off "
        f"{show_money(done.let_off, 'en')}"
    )


@click.command("move")
@click.argument("card")
@click.argument("section")
@by_option
def move_household(card: str, section: str, name: str) -> None:
    """Move a household to another section (by its code), of its mutuelle or another; its phones are told."""
    from gateway.ledger.chart import Chart
    from gateway.membership.changes import By
    from gateway.membership.moves.moving import move
    from gateway.sms.family_notices import tell_moved

    parts = parts_of()
    one, tree = family_of(parts, card), parts.network.tree()
    to = tree.named(section)
    with parts.store.write() as unit:
        tell_moved(unit, tree, move(unit, tree, Chart(), one, to, By(None, name=name)))
    click.echo(f"card {show_card(one.card)} is in {to.name} now")
