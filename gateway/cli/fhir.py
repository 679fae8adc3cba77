"""``gateway fhir``: members and their cover handed to another health system as FHIR R4 files."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli import counting
from gateway.cli.given import counted, parts_of
from gateway.kernel.faults import Fault


@click.group()
def fhir() -> None:
    """Members, households and their cover as FHIR R4, for other health systems; over HTTP: docs/fhir.md."""


@fhir.command("export")
@click.option("--at", "code", required=True, metavar="CODE", help="The section, or any organisation above it.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="A folder, for a file of resources per kind (NDJSON); or a file named .json, for one bundle.",
)
def export(code: str, out: Path) -> None:
    """Write every household at or below CODE as FHIR, names and phone numbers in full: its owner's alone to read.

    A folder gets Group.ndjson, Patient.ndjson and Coverage.ndjson, as FHIR's bulk data access has them. What was there
    is replaced once the new files are whole.
    """
    from gateway.exchange.fhir import exporting
    from gateway.exchange.fhir.resources import Names

    if not out.is_dir() and out.suffix.lower() != ".json":
        raise Fault(f"{out}: name a folder that is there, or a file that ends in .json")
    parts = parts_of()
    tree = parts.network.tree()
    at = tree.named(code)
    names, now = Names.below(parts.settings.public_url), parts.clock.now()
    with parts.store.read() as connection, counting("resources") as tell:

        def told() -> exporting.Resources:
            for number, one in enumerate(exporting.everything(connection, tree, at, names, now), 1):
                if number % 1_000 == 0:
                    tell(number)
                yield one

        if out.is_dir():
            counts = exporting.write_ndjson(told(), out)
        else:
            count = exporting.write_bundle(told(), out, names, now)
    if out.is_dir():
        for kind, number in counts.items():
            click.echo(f"{out / kind}.ndjson: {counted(number, 'resource')}")
    else:
        click.echo(f"{out}: {counted(count, 'resource')}")
