"""Commands about the tree: what counts at an organisation, what it says itself, short codes, moves, the directory."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import by_option, counted, parts_of, path_of, under_option
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.locale import Say, show_money

if TYPE_CHECKING:
    from gateway.membership.moves.branches import Would
    from gateway.membership.moves.carrying import Carried
    from gateway.network.lists import Outcome
    from gateway.network.organisations import Tree

MOST_BYTES = 4 * 1024 * 1024
_DAY = click.DateTime(["%Y-%m-%d"])
# Options of `set` by the setting that they say.
_TEXTS = ("name", "district", "country", "currency", "time_zone", "merchant_code", "contact_name", "address")


@click.command("show")
@click.argument("code")
@json_option
def show_one(code: str, as_json: bool) -> None:
    """Everything that counts at an organisation, and who says it: itself, one above, or the settings."""
    from gateway.network.own import all_said

    parts = parts_of()
    tree = parts.network.tree()
    one = tree.named(code)
    with parts.store.read() as connection:
        found = all_said(connection, tree, one)

    def whose(place: Any) -> str:
        return "own" if place is not None and place.id == one.id else f"from {place.code}" if place else "the settings"

    def as_text() -> str:
        return table([(each.name, each.value, whose(each.place)) for each in found], ("what", "value", "who says it"))

    show(
        as_json,
        lambda: {
            "code": one.code, "name": one.name, "kind": one.kind,
            "above": tree[one.parent_id].code if one.parent_id else None,
            "settings": [
                {"name": each.name, "value": each.value, "from": each.place.code if each.place else None}
                for each in found
            ],
        },
        as_text,
    )  # fmt: skip


@click.command("set")
@click.argument("code")
@click.option("--name")
@click.option("--district")
@click.option("--country", metavar="XX", help="Two letters, as BJ.")
@click.option("--currency", metavar="XXX", help="Only where no money has been counted yet.")
@click.option("--time-zone", metavar="ZONE", help="As Africa/Porto-Novo.")
@click.option("--languages", metavar="LIST", help="As fr,en: the first by default.")
@click.option("--merchant-code", help="Where members pay by themselves.")
@click.option("--quiet", nargs=2, type=click.IntRange(0, 23), metavar="FROM UNTIL", help="Quiet hours.")
@click.option("--contact", "contact_name", metavar="NAME", help="Whom others ask for, in the directory.")
@click.option("--phone", "contact_msisdn", metavar="PHONE", help="The office's phone.")
@click.option("--address")
@click.option("--keeps-books", is_flag=True, help="It counts its own money from now on; without households yet.")
@click.option("--as-above", "above", multiple=True, metavar="WHAT", help="Say nothing itself: as it is above.")
def set_own(code: str, above: tuple[str, ...], keeps_books: bool, **given: Any) -> None:
    """Say something at an organisation, for itself and for all below it that say nothing else."""
    from gateway.network.organisations import begin_books
    from gateway.network.own import SETTINGS, keep_own

    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if "languages" in changes:
        changes["languages"] = [each.strip() for each in changes["languages"].split(",")]
    for each in above:
        name = each.replace("-", "_")
        if name not in SETTINGS or name == "name":
            raise Fault(f"--as-above {each}: one of {', '.join(one.replace('_', '-') for one in SETTINGS[:7])}")
        changes[name] = None
    if not changes and not keeps_books:
        raise Fault("say what: --district, --languages, --quiet …, --keeps-books, or --as-above WHAT")
    parts = parts_of()
    one = parts.network.tree().named(code)
    with parts.store.write() as unit:
        after = keep_own(unit, parts.defaults, one.id, changes)[1] if changes else {}
        done = [*sorted(after), *(["books"] if keeps_books and begin_books(unit, one) else [])]
    click.echo(f"{code}: {', '.join(done)} changed" if done else f"{code}: that is how it is already")


@click.command("add")
@click.argument("code")
@click.argument("name")
@click.option("--under", "above", required=True, metavar="CODE", help="What it stands below.")
@click.option("--kind", type=click.Choice(["promoter", "union", "mutuelle", "section"]), required=True)
@click.option("--district")
@click.option("--keeps-books", is_flag=True, help="Its money is counted by itself, not in the books above.")
def add_one(code: str, name: str, above: str, kind: str, district: str | None, keeps_books: bool) -> None:
    """Add an organisation below another; it inherits what it doesn't say itself."""
    from gateway.network.organisations import add_below

    parts = parts_of()
    place = parts.network.tree().named(above)
    with parts.store.write() as unit:
        add_below(unit, place, code=code, name=name, kind=kind, district=district, keeps_books=keeps_books)
    click.echo(f"{code} stands below {above}")


# --- moves ------------------------------------------------------------------------------------------------------------


@click.command("move")
@click.argument("code")
@click.option("--under", "above", required=True, metavar="CODE", help="What it stands below from then on.")
@click.option("--from", "since", type=_DAY, metavar="YYYY-MM-DD", help="From which day on; today unless given.")
@by_option
@click.option("--dry-run", is_flag=True, help="Only say what it would change.")
def move_one(code: str, above: str, since: datetime | None, name: str, dry_run: bool) -> None:
    """Move a section, mutuelle or union, with all that is below it, below another organisation.

    Its history goes along. Money stays in the books where it was counted; sections that leave somebody's books take
    what stands on their households along, by balanced entries.
    """
    from gateway.ledger.chart import Chart
    from gateway.membership.moves.branches import move_branch, would_move

    parts = parts_of()
    tree, now = parts.network.tree(), parts.clock.now()
    one, to = tree.named(code), tree.named(above)
    day = since.date() if since is not None else day_in(one.time_zone, now)
    if dry_run:
        with parts.store.read() as connection:
            _tell(would_move(connection, parts.defaults, one.id, to.id, day, now))
        click.echo("nothing was changed")
        return
    with parts.store.write() as unit:
        done = move_branch(unit, parts.defaults, Chart(), one.id, to.id, day, name)
    _tell(done.would)
    for each in done.carried:
        click.echo(_owed(tree, each, "for them"))
    click.echo(f"{code} stands below {above} from {day}")


def _owed(tree: Tree, one: Carried, what_for: str) -> str:
    """Who owes whom for households that went along: who keeps their advances, or gets what they still owe."""
    first, second = (one.from_id, one.to_id) if one.owed.minor >= 0 else (one.to_id, one.from_id)
    amount = show_money(Money(abs(one.owed.minor), one.owed.currency), "en")
    return f"{counted(one.households, 'household')}: {tree[first].code} owes {tree[second].code} {amount} {what_for}"


def _tell(would: Would) -> None:
    click.echo(
        f"{counted(would.organisations, 'organisation')}, {counted(would.sections, 'section')}, "
        f"{counted(would.households, 'household')}"
    )
    for each in would.changes:
        click.echo(f"  {each.name}: {each.before or '-'} becomes {each.after or '-'}")
    if would.had_plans != would.plans:
        click.echo(f"  plans: {', '.join(would.had_plans) or '-'} become {', '.join(would.plans) or 'none: add one'}")
    for section, books, new in would.others:
        click.echo(f"  {section.code}: counted in the books of {books.code}, then of {new.code}")


@click.command("moves")
@click.argument("code")
@json_option
def list_moves(code: str, as_json: bool) -> None:
    """Where an organisation, and what stands above it, stood before."""
    from gateway.network.places import steps_of

    parts = parts_of()
    tree = parts.network.tree()
    one = tree.named(code)
    with parts.store.read() as connection:
        found = steps_of(connection, one.id, one.path)

    def named(its_id: int | None) -> str:
        return tree[its_id].code if its_id is not None else "-"

    rows = [
        (
            str(each.since),
            named(each.organisation_id),
            named(each.from_parent_id),
            named(each.to_parent_id),
            each.by_name,
        )
        for each in found
    ]
    heads = ("since", "moved", "from", "to", "by")
    show(as_json, lambda: [dict(zip(heads, row, strict=True)) for row in rows], lambda: table(rows, heads))


@click.command("carry")
@click.argument("code")
def carry(code: str) -> None:
    """Bring along what came into old books after a move (a payment told of late), here and below."""
    from gateway.ledger.chart import Chart
    from gateway.membership.moves.branches import carry_left

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.write() as unit:
        done = carry_left(unit, tree, Chart(), tree.named(code))
    for each in done:
        click.echo(_owed(tree, each, "more for them"))
    if not done:
        click.echo("nothing stands in old books")


# --- short codes ------------------------------------------------------------------------------------------------------


@click.group("code")
def code() -> None:
    """Short codes: one for the whole network, or one each."""


@code.command("list")
@json_option
def list_codes(as_json: bool) -> None:
    """Every short code, and where whoever dials it is."""
    tree = parts_of().network.tree()
    rows = [(each.code, tree[each.organisation_id].code, each.septets) for each in tree.codes.values()]
    heads = ("code", "organisation", "letters")
    rows.sort()
    show(as_json, lambda: [dict(zip(heads, row, strict=True)) for row in rows], lambda: table(rows, heads, (2,)))


@code.command("add")
@click.argument("organisation")
@click.argument("short_code")
@click.option("--letters", type=int, help="How many fit on its screens; the setting USSD_SEPTETS unless given.")
def add_short_code(organisation: str, short_code: str, letters: int | None) -> None:
    """Let a short code lead to an organisation (by its code): at the root for all, at a mutuelle for its own."""
    from gateway.network.own import add_code

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.write() as unit:
        add_code(unit, tree, tree.named(organisation), short_code, letters)
    click.echo(f"{short_code} leads to {organisation}")


@code.command("remove")
@click.argument("organisation")
@click.argument("short_code")
def remove_short_code(organisation: str, short_code: str) -> None:
    """Let a short code of an organisation lead nowhere any more."""
    from gateway.network.own import remove_code

    parts = parts_of()
    with parts.store.write() as unit:
        remove_code(unit, parts.network.tree().named(organisation), short_code)
    click.echo(f"{short_code} leads nowhere now")


# --- the directory ----------------------------------------------------------------------------------------------------


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@under_option
@click.option("--whole-numbers", is_flag=True, help="The offices' phones in full.")
def export_directory(file: Path, under: str | None, whole_numbers: bool) -> None:
    """Write the directory to FILE (.csv or .xlsx): who is in the network, and how each office is reached."""
    from gateway.ledger.exports import Sheet, write
    from gateway.network.directory import COLUMNS, directory

    parts = parts_of()
    with parts.store.read() as connection:
        rows = [
            tuple(row[name] for name in COLUMNS)
            for row in directory(connection, path_of(parts, under), whole_numbers=whole_numbers)
        ]
    form = "xlsx" if file.suffix.lower() == ".xlsx" else "csv"
    written = write(Sheet("Directory", COLUMNS, rows), file, form, bom=True)  # type: ignore[arg-type]
    click.echo(f"{counted(written, 'organisation')} in {file}")


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@under_option
@click.option("--dry-run", is_flag=True, help="Only say what each row would do.")
@json_option
def import_directory(file: Path, under: str | None, dry_run: bool, as_json: bool) -> None:
    """Take a directory in from FILE (.csv or .xlsx): all of its rows, or none where one is wrong."""
    from gateway.network.directory import COLUMNS, NEEDED, take_in
    from gateway.network.lists import read_list
    from gateway.payments.statements.plain_tables import tables

    parts = parts_of()
    rows = read_list(tables(file.read_bytes(), MOST_BYTES), COLUMNS, NEEDED)
    tree = parts.network.tree()
    at = tree.named(under) if under else None
    outcomes = all_or_nothing(
        lambda: parts.store.write(), lambda unit: take_in(unit, parts.defaults, rows, at), dry_run
    )
    tell_outcomes(outcomes, dry_run, as_json)


class _Undo(Exception):
    """What was tried is taken back."""


def all_or_nothing(write: Any, act: Any, dry_run: bool) -> list[Outcome]:
    """Do it, and take it back where a row is wrong or this was only to look."""
    outcomes: list[Outcome] = []
    try:
        with write() as unit:
            outcomes = act(unit)
            if dry_run or any(each.state == "wrong" for each in outcomes):
                raise _Undo
    except _Undo:
        pass
    return outcomes


def tell_outcomes(outcomes: list[Outcome], dry_run: bool, as_json: bool) -> None:
    """Row by row what is new, changed or wrong; a :class:`Fault` where nothing was taken in."""
    say = Say("en")
    heads = ("row", "code", "state", "what")
    rows = [(each.number, each.code, each.state, each.said(say) if each.state != "new" else "") for each in outcomes]
    told = [row for row in rows if row[2] != "same"]
    show(as_json, lambda: [dict(zip(heads, row, strict=True)) for row in rows], lambda: table(told, heads, (0,)))
    count = {state: sum(1 for row in rows if row[2] == state) for state in ("new", "changed", "same", "wrong")}
    if count["wrong"]:
        raise Fault(f"{counted(count['wrong'], 'row')} of {len(rows)} wrong: nothing was taken in")
    if not as_json:
        click.echo(f"{count['new']} new, {count['changed']} changed, {count['same']} as they were")
        if dry_run:
            click.echo("nothing was changed")


COMMANDS: tuple[click.Command, ...] = (
    show_one, set_own, add_one, move_one, list_moves, carry, code, export_directory, import_directory,
)  # fmt: skip
