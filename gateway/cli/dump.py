"""``gateway dump`` and ``gateway load``: a mutuelle, a union or a whole network leaves with its data, in open files."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli import counting
from gateway.cli.given import counted
from gateway.settings import Settings
from gateway.store.tracing import Outside
from gateway.wiring import Runtime


@click.command()
@click.argument("place")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def dump(place: str, file: Path) -> None:
    """Write all data of PLACE (a code) and of what is below it to FILE, a zip of CSV files: docs/dump.md.

    Names and phone numbers are in it, in full: FILE is its owner's alone to read. No PIN, password or key is.
    """
    from gateway.exchange.leaving.dumping import dump as write

    parts = Runtime(Settings.from_env(), patient=True)
    with counting("rows") as tell:
        done = write(parts.store, parts.defaults, place, file, Outside("gateway dump"), tell)
    click.echo(f"{file}: {counted(sum(done.rows.values()), 'row')} in {len(done.rows)} files")
    if done.undecided:
        click.echo(
            f"to look at: {counted(done.undecided, 'payment')} not decided yet; where the dump is loaded, nobody asks "
            "the operator about them: dump again once they are"
        )


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Try everything, and keep nothing.")
def load(file: Path, dry_run: bool) -> None:
    """Take in FILE, a zip that gateway dump wrote, into an empty gateway: all of it, or nothing."""
    from gateway.exchange.leaving.loading import load as take_in

    parts = Runtime(Settings.from_env(), patient=True)
    with counting("rows") as tell:
        done = take_in(parts.store, file, Outside("gateway load"), dry_run, tell)
    rows = counted(sum(done.manifest.rows.values()), "row")
    if done.kept:
        click.echo(f"loaded {done.manifest.place} as of {done.manifest.made_at}: {rows}; now: gateway ledger verify")
    else:
        click.echo(f"it can be loaded: {done.manifest.place} as of {done.manifest.made_at}, {rows}; nothing was kept")
