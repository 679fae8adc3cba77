"""``gateway dhis2``: the indicators handed to a national DHIS2; what is what there, files, and sending."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import counted, limit_option, parts_of, path_of, under_option
from gateway.kernel.faults import Fault

if TYPE_CHECKING:
    from gateway.exchange.dhis2.values import Values
    from gateway.indicators.periods import Period
    from gateway.network.organisations import Organisation
    from gateway.wiring import Runtime

_SHOWN = 10  # conflicts that are told on a screen
_WORDS = {"taken": "all stored", "partly": "stored in part", "refused": "refused", "unknown": "not known"}

_at = click.option("--at", "code", required=True, metavar="CODE", help="The organisation, with all below it.")
_period = click.option("--period", "written", required=True, metavar="PERIOD", help="2026, 2026Q3 or 2026-11.")


@click.group()
def dhis2() -> None:
    """The indicators for a national DHIS2: what is what there, files, and sending (docs/dhis2.md)."""


# --- what is what -----------------------------------------------------------------------------------------------------


@dhis2.group("map", invoke_without_command=True)
@json_option
@click.pass_context
def map_group(context: click.Context, as_json: bool) -> None:
    """What is what there: organisations and organisation units, figures and data elements; alone: list all."""
    if context.invoked_subcommand is not None:
        return
    from gateway.exchange.dhis2.mapping import PERIODS, read_map

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        known = read_map(connection)
    places = sorted((tree[one].code, unit) for one, unit in known.units.items())

    def as_text() -> str:
        rows = [(each.figure, each.part, PERIODS[each.months], each.data_set, each.data_element, each.combo or "-")
                for each in known.elements]  # fmt: skip
        heads = ("figure", "part", "period", "data set", "data element", "category option combo")
        return table(places, ("organisation", "organisation unit")) + "\n\n" + table(rows, heads)

    def as_value() -> dict[str, Any]:
        return {
            "organisations": [{"organisation": code, "orgUnit": unit} for code, unit in places],
            "figures": [
                {
                    "figure": each.figure,
                    "part": each.part,
                    "period": PERIODS[each.months],
                    "dataSet": each.data_set,
                    "dataElement": each.data_element,
                    "categoryOptionCombo": each.combo,
                }
                for each in known.elements
            ],
        }

    show(as_json, as_value, as_text)


@map_group.command("organisation")
@click.argument("code")
@click.argument("org_unit", required=False)
@click.option("--forget", is_flag=True, help="It is none any more.")
def map_organisation(code: str, org_unit: str | None, forget: bool) -> None:
    """The organisation CODE is the organisation unit ORG_UNIT (its identifier)."""
    from gateway.exchange.dhis2.mapping import forget_place, map_place

    if bool(org_unit) == forget:
        raise Fault("name the organisation unit, or --forget")
    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.write() as unit:
        if org_unit is not None:
            map_place(unit, tree, code, org_unit)
        elif not forget_place(unit, tree, code):
            raise Fault(f"{code} is no organisation unit")
    click.echo(f"{code} is {org_unit or 'no organisation unit'} now")


@map_group.command("figure")
@click.argument("figure")
@click.argument("data_element")
@click.option("--data-set", required=True, metavar="UID")
@click.option("--combo", default="", metavar="UID", help="The category option combo; else the default one.")
@click.option("--period", type=click.Choice(["month", "quarter", "year"]), required=True, help="What the set is of.")
@click.option(
    "--part",
    type=click.Choice(["value", "percent", "numerator", "denominator"]),
    default="value",
    show_default=True,
    help="Of what is divided DHIS2 should be given both parts: they alone add up.",
)
def map_figure(figure: str, data_element: str, data_set: str, combo: str, period: str, part: str) -> None:
    """A figure (households, recovery:XOF) is sent as DATA_ELEMENT of a data set."""
    from gateway.exchange.dhis2.mapping import MONTHS, Element, map_element

    one = Element(data_set, data_element, combo, MONTHS[period], figure, part)
    with parts_of().store.write() as unit:
        map_element(unit, one)
    click.echo(f"{figure} ({part}) of a {period} is {data_element} of {data_set} now")


@map_group.command("forget")
@click.argument("data_element")
def forget(data_element: str) -> None:
    """Nothing is sent as DATA_ELEMENT any more; what DHIS2 has stays there."""
    from gateway.exchange.dhis2.mapping import forget_element

    with parts_of().store.write() as unit:
        count = forget_element(unit, data_element)
    if not count:
        raise Fault(f"nothing is sent as {data_element}")
    click.echo(f"{data_element}: {counted(count, 'figure')} forgotten")


@dhis2.command("figures")
@json_option
def figures(as_json: bool) -> None:
    """Every figure that there is, and which parts of it can be handed over."""
    from gateway.exchange.dhis2.mapping import nameable

    found = nameable()
    show(
        as_json,
        lambda: [{"figure": name, "parts": list(parts)} for name, parts in found.items()],
        lambda: table([(name, ", ".join(parts)) for name, parts in found.items()], ("figure", "parts")),
    )


@dhis2.command("import-map")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_mapping(file: Path) -> None:
    """Take in what is what from a CSV or XLSX FILE: all of it, or nothing where a row is wrong.

    Its columns: organisation, orgUnit; or figure, part, period, dataSet, dataElement, categoryOptionCombo.
    """
    from gateway.exchange.dhis2.mapping import COLUMNS, BadMapping, import_map
    from gateway.payments.statements.plain_tables import tables

    parts = parts_of()
    tree = parts.network.tree()
    # Of the ways to cut a text into cells, the first in which a head is one of ours.
    ways = (list(each) for each in tables(file.read_bytes(), 4 << 20))
    heads = {name.lower() for name in COLUMNS}
    rows = next((way for way in ways if way and {cell.strip().lower() for cell in way[0][1]} & heads), None)
    if rows is None:
        raise BadMapping(f"{file}: the first row names the columns: {', '.join(COLUMNS)}")
    with parts.store.write() as unit:
        places, elements = import_map(unit, tree, rows)
    click.echo(f"{counted(places, 'organisation')} and {counted(elements, 'data element')} mapped")


# --- values -----------------------------------------------------------------------------------------------------------


def _values(parts: Runtime, code: str, written: str) -> tuple[Organisation, Period, Values]:
    from gateway.exchange.dhis2.values import data_values
    from gateway.indicators.periods import Period

    period = Period.read(written)
    tree = parts.network.tree()
    place = tree.named(code)
    with parts.store.read() as connection:
        found = data_values(connection, tree, place, period)
    for line in found.told:
        click.echo(line, err=True)
    if not found.values:
        raise Fault("there is no value to hand over: gateway dhis2 map lists what is mapped")
    return place, period, found


@dhis2.command("export")
@_at
@_period
@click.option("--out", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path), help="A folder.")
@click.option("--csv", "form", flag_value="csv", help="As the CSV that DHIS2 imports.")
@click.option("--json", "form", flag_value="json", default=True, help="As its JSON (the default).")
def export(code: str, written: str, out: Path, form: str) -> None:
    """Write the values of a period to a file per data set, for DHIS2's own import."""
    from gateway.exchange.dhis2 import values
    from gateway.ledger.exports import whole

    place, period, found = _values(parts_of(), code, written)
    for data_set, own in found.by_set().items():
        path = out / f"{data_set}-{place.code}-{period.dhis2}.{form}".replace("/", "-").replace(" ", "-")
        with whole(path) as part:
            part.write_bytes(values.table(own) if form == "csv" else values.payload(data_set, own))
        click.echo(f"{path}: {counted(len(own), 'value')}")


@dhis2.command("send")
@_at
@_period
@click.option("--dry-run", is_flag=True, help="It says what it would do, and stores nothing.")
def send(code: str, written: str, dry_run: bool) -> None:
    """Send the values of a period to the DHIS2 of the settings; sending them again does no harm."""
    from gateway.exchange.dhis2 import sending
    from gateway.exchange.dhis2.client import Dhis2

    parts = parts_of()
    server = Dhis2.of(parts.settings)
    place, period, found = _values(parts, code, written)
    wrong = 0
    went = 0
    for one in sending.send(parts.store, server, place, period, found, dry_run=dry_run):
        outcome = one.outcome
        went += one.count
        wrong += outcome.state != "taken"
        click.echo(f"{one.data_set}: {counted(one.count, 'value')}, {_WORDS[outcome.state]}: {outcome.said}")
        for conflict in outcome.conflicts[1:_SHOWN]:
            click.echo(f"  {conflict}", err=True)
    if went < len(found.values):
        raise Fault(f"{len(found.values) - went} values were not sent")
    if wrong:
        raise Fault("not all of it was stored")


@dhis2.command("sent")
@under_option
@limit_option
@json_option
def sent(under: str | None, limit: int, as_json: bool) -> None:
    """What was sent, and what DHIS2 said; 'sending': begun, and nobody knows: send it again."""
    from gateway.exchange.dhis2.sending import newest

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        found = newest(connection, path_of(parts, under), limit)

    def as_text() -> str:
        rows = [
            (f"{one.started_at:%Y-%m-%d %H:%M}", tree[one.organisation_id].code, one.period, one.data_set,
             one.sent_values, one.state, one.said or "")
            for one in found
        ]  # fmt: skip
        heads = ("at (UTC)", "organisation", "period", "data set", "values", "state", "it said")
        return table(rows, heads, numbers=(4,))

    def as_value() -> list[dict[str, Any]]:
        return [
            {
                "at": one.started_at.isoformat(),
                "organisation": tree[one.organisation_id].code,
                "period": one.period,
                "dataSet": one.data_set,
                "values": one.sent_values,
                "state": one.state,
                "said": one.said,
            }
            for one in found
        ]

    show(as_json, as_value, as_text)
