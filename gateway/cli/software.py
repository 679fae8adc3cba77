"""``gateway exchange``: members and payments, to and from management software: docs/software-exchange.md."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli import counting, json_option, show, table
from gateway.cli.given import NUMBER, by_option, counted, limit_option, parts_of, path_of, under_option
from gateway.kernel.card import show_card
from gateway.kernel.faults import Fault

_at_option = click.option("--at", "code", required=True, metavar="CODE", help="The mutuelle, or part of one.")
_CSV = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def exchange() -> None:
    """Members and payments exchanged with management software such as SIGEMUB, as CSV: docs/software-exchange.md."""


@exchange.command("out")
@_at_option
@click.option("--out", "folder", required=True, type=_FOLDER, help="Where the files go.")
@click.option("--since-last", is_flag=True, help="Only what changed since the last exchange that was taken there.")
def out(code: str, folder: Path, since_last: bool) -> None:
    """Write members, contributions, changes and visits of CODE as CSV: names and numbers in full, its owner's alone.

    Once the software has taken them: gateway exchange taken FOLDER. Until then the next exchange holds the same again.
    """
    from gateway.exchange.software.handing import hand_out

    parts = parts_of()
    tree = parts.network.tree()
    made = hand_out(parts.store, tree, tree.named(code), folder, since_last)
    for name, rows in made.rows.items():
        click.echo(f"{folder / name}.csv: {counted(rows, 'row')}")
    click.echo(f"exchange {made.number}, {f'since {made.since:%Y-%m-%d %H:%M} UTC' if made.since else 'everything'}")


@exchange.command("taken")
@click.argument("folder", type=_FOLDER)
@by_option
def taken(folder: Path, name: str) -> None:
    """Say that the software has taken the files in FOLDER: the next exchange goes on from there."""
    from gateway.exchange.software.handing import confirm

    parts = parts_of()
    click.echo(f"exchange {confirm(parts.store, folder, name)}: taken")


@exchange.command("in")
@click.argument("file", type=_CSV)
@_at_option
@click.option("--from", "name", default="SIGEMUB", show_default=True, metavar="NAME", help="The software: it is kept.")
@click.option("--dry-run", is_flag=True, help="Try all of it, and keep nothing.")
@json_option
def take(file: Path, code: str, name: str, dry_run: bool, as_json: bool) -> None:
    """Take in FILE, members or payments as the software has them; whoever is interrupted starts the same file again."""
    from gateway.exchange.software.members import Place
    from gateway.exchange.software.taking import take_in
    from gateway.ledger.chart import Chart
    from gateway.membership.changes import By

    parts = parts_of()
    tree = parts.network.tree()
    place = Place(tree, Chart(), tree.named(code), By(None, name=name[:60]))
    with counting("rows") as tell:
        done = take_in(parts.store, place, file, dry_run, tell)

    def as_text() -> str:
        lines = [f"line {each.line}: {each.fault}" for each in done.told]
        counts = ", ".join(f"{number} {what}" for what, number in sorted(done.counts.items())) or "no rows"
        return "\n".join([*lines, counts + ("; nothing was kept" if dry_run else "")])

    show(
        as_json,
        lambda: {
            "rows": dict(sorted(done.counts.items())), "kept": not dry_run,
            "told": [{"line": each.line, "what": str(each.fault)} for each in done.told],
        },
        as_text,
    )  # fmt: skip


@exchange.command("conflicts")
@under_option
@limit_option
@json_option
def conflicts(under: str | None, limit: int, as_json: bool) -> None:
    """What was changed on both sides, and waits for somebody who chooses."""
    from gateway.exchange.software.conflicts import open_below

    parts = parts_of()
    with parts.store.read() as connection:
        found = open_below(connection, path_of(parts, under), limit=limit)
    heads = ("number", "card", "who", "field", "agreed", "ours", "theirs", "seen")

    def rows() -> list[tuple[object, ...]]:
        return [
            (one.id, show_card(one.card), one.name, one.field, one.agreed or "", one.ours, one.theirs,
             f"{one.seen_at:%Y-%m-%d %H:%M}")
            for one in found
        ]  # fmt: skip

    show(as_json, lambda: [dict(zip(heads, row, strict=True)) for row in rows()], lambda: table(rows(), heads))


@exchange.command("settle")
@click.argument("number", type=NUMBER)
@click.option("--ours", "side", flag_value="ours", help="It stays as it is here; they are told by the next exchange.")
@click.option("--theirs", "side", flag_value="theirs", help="It is put right here.")
@by_option
def settle(number: int, side: str | None, name: str) -> None:
    """Choose one side of conflict NUMBER."""
    from gateway.exchange.software import conflicts as deciding
    from gateway.ledger.chart import Chart
    from gateway.membership.changes import By

    if side not in ("ours", "theirs"):
        raise Fault("say which: --ours or --theirs")
    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.write() as unit:
        by = By(None, name=name[:60])
        one = deciding.settle(unit, tree, Chart(), None, number, "ours" if side == "ours" else "theirs", by)
    click.echo(f"{show_card(one.card)}, {one.field}: {one.ours if side == 'ours' else one.theirs}")
