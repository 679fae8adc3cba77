"""Commands about care: the health facilities with an agreement, and the visits that they announced."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import by_option, path_of, under_option
from gateway.kernel.card import show_card
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_name, mask_number
from gateway.network.facilities import KINDS, OWNERSHIPS
from gateway.settings import Settings
from gateway.wiring import Runtime

if TYPE_CHECKING:
    from gateway.network.facilities import Facility

A_MONTH = timedelta(days=30)
_DAY = click.DateTime(["%Y-%m-%d"])


def _parts() -> Runtime:
    return Runtime(Settings.from_env(), patient=True)


def _day(given: datetime | None) -> date | None:
    return given.date() if given is not None else None


@click.group()
def facilities() -> None:
    """The health facilities, and the agreement with each."""


@facilities.command("list")
@click.option("--district", metavar="NAME", help="Only this district: its first letters are enough.")
@json_option
def list_facilities(district: str | None, as_json: bool) -> None:
    """All facilities by district, also those whose agreement is over."""
    from gateway.network.facilities import everywhere, find_district

    parts = _parts()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        found = everywhere(connection)
    if district is not None:
        named = set(find_district({one.district for one in found}, district))
        found = [one for one in found if one.district in named]

    def as_text() -> str:
        rows = [
            (
                one.code,
                one.name,
                one.kind,
                one.ownership,
                one.district,
                tree[one.organisation_id].code,
                f"{one.agreed_on} to {one.agreed_until or 'further notice'}",
            )
            for one in found
        ]
        return table(rows, ("code", "name", "kind", "ownership", "district", "with", "agreement"))

    def as_value() -> list[dict[str, object]]:
        return [
            {"organisation": tree[one.organisation_id].code}
            | {name: value for name, value in asdict(one).items() if name not in ("id", "organisation_id")}
            for one in found
        ]

    show(as_json, as_value, as_text)


@facilities.command("add")
@click.argument("organisation")
@click.argument("code")
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), required=True)
@click.option("--ownership", type=click.Choice(OWNERSHIPS), required=True)
@click.option("--district", metavar="NAME", required=True)
@click.option("--phone", help="A mobile number that members may call.")
@click.option(
    "--from", "agreed_on", type=_DAY, metavar="YYYY-MM-DD", help="The first day of the agreement; today unless given."
)
@click.option(
    "--until", "agreed_until", type=_DAY, metavar="YYYY-MM-DD", help="Its last day; without it, until further notice."
)
def add_one(
    organisation: str,
    code: str,
    name: str,
    kind: str,
    ownership: str,
    district: str,
    phone: str | None,
    agreed_on: datetime | None,
    agreed_until: datetime | None,
) -> None:
    """Add a facility that an organisation (by its code) has an agreement with."""
    from sqlalchemy.exc import IntegrityError

    from gateway.kernel.msisdn import BadMsisdn, read_msisdn
    from gateway.network.facilities import add_facility

    parts = _parts()
    one = parts.network.tree().named(organisation)
    try:
        msisdn = read_msisdn(phone, one.country) if phone is not None else None
    except BadMsisdn:
        raise Fault(f"{mask_number(phone or '')} is not a mobile number of {one.country}") from None
    begins = _day(agreed_on) or day_in(one.time_zone, parts.clock.now())
    try:
        with parts.store.write() as unit:
            add_facility(
                unit, one.id, code, name, kind, ownership, district, msisdn,
                agreed_on=begins, agreed_until=_day(agreed_until),
            )  # fmt: skip
    except IntegrityError:
        raise Fault(f"there is a facility with the code {code} already") from None
    click.echo(f"{one.name} has an agreement with {name}, {district}, from {begins}")


@facilities.command("agree")
@click.argument("code")
@click.option("--from", "begins_on", type=_DAY, metavar="YYYY-MM-DD", help="The first day; today unless given.")
@click.option("--until", type=_DAY, metavar="YYYY-MM-DD", help="The last day; without it, until further notice.")
@click.option("--terms", help="What was agreed, as text.")
@click.option("--tariff", help="Which list of prices counts.")
@click.option("--covers", help="What is covered there.")
@by_option
def agree_one(
    code: str,
    begins_on: datetime | None,
    until: datetime | None,
    terms: str | None,
    tariff: str | None,
    covers: str | None,
    name: str,
) -> None:
    """Write down what is agreed with a facility (by its code); what was agreed before stays in its history."""
    from gateway.network.facilities import Terms, agree

    parts = _parts()
    one = _named(parts, code)
    today = day_in(parts.network.tree()[one.organisation_id].time_zone, parts.clock.now())
    with parts.store.write() as unit:
        now = agree(
            unit, one.id, _day(begins_on) or today, _day(until), Terms(terms, tariff, covers), name, today
        )  # fmt: skip
    click.echo(f"{code}: agreed from {now.agreed_on} to {now.agreed_until or 'further notice'}")


@facilities.command("agreements")
@click.argument("code")
@json_option
def list_agreements(code: str, as_json: bool) -> None:
    """What was agreed with a facility, renewed and ended, the oldest first."""
    from gateway.network.facilities import history

    parts = _parts()
    one = _named(parts, code)
    with parts.store.read() as connection:
        found = history(connection, one.id)
    heads = ("from", "until", "what", "tariff", "covers", "terms", "by")
    rows = [
        (
            str(each.begins_on), str(each.ends_on or ""), each.kind, each.terms.tariff or "", each.terms.covers or "",
            each.terms.text or "", each.by_name or "",
        )
        for each in found
    ]  # fmt: skip
    show(as_json, lambda: [dict(zip(heads, row, strict=True)) for row in rows], lambda: table(rows, heads))


def _named(parts: Runtime, code: str) -> Facility:
    from gateway.network.facilities import with_code

    with parts.store.read() as connection:
        one = with_code(connection, code)
    if one is None:
        raise Fault(f"no health facility has the code {code}")
    return one


@facilities.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@under_option
@click.option("--whole-numbers", is_flag=True, help="Their phones in full.")
def export_facilities(file: Path, under: str | None, whole_numbers: bool) -> None:
    """Write the facilities, with the agreement of each, to FILE (.csv or .xlsx)."""
    from gateway.ledger.exports import Sheet, write
    from gateway.network.facility_lists import COLUMNS, facility_list

    parts = _parts()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        found = facility_list(connection, tree, path_of(parts, under), whole_numbers=whole_numbers)
        rows = [tuple(row[name] for name in COLUMNS) for row in found]
    form = "xlsx" if file.suffix.lower() == ".xlsx" else "csv"
    written = write(Sheet("Facilities", COLUMNS, rows), file, form, bom=True)  # type: ignore[arg-type]
    click.echo(f"{written} facilities in {file}")


@facilities.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@under_option
@by_option
@click.option("--dry-run", is_flag=True, help="Only say what each row would do.")
@json_option
def import_facilities(file: Path, under: str | None, name: str, dry_run: bool, as_json: bool) -> None:
    """Take facilities and agreements in from FILE (.csv or .xlsx): all of its rows, or none where one is wrong."""
    from gateway.cli.tree import MOST_BYTES, all_or_nothing, tell_outcomes
    from gateway.network.facility_lists import COLUMNS, NEEDED, take_in
    from gateway.network.lists import read_list
    from gateway.payments.statements.plain_tables import tables

    parts = _parts()
    tree = parts.network.tree()
    at = tree.named(under) if under else None
    rows = read_list(tables(file.read_bytes(), MOST_BYTES), COLUMNS, NEEDED)
    today = day_in((at or next(iter(tree.by_id.values()))).time_zone, parts.clock.now())
    outcomes = all_or_nothing(parts.store.write, lambda unit: take_in(unit, tree, rows, name, today, at), dry_run)
    tell_outcomes(outcomes, dry_run, as_json)


@click.group()
def visits() -> None:
    """The visits that facilities announced."""


@visits.command("list")
@click.option("--since", type=_DAY, metavar="YYYY-MM-DD", help="The first day; 30 days ago unless given.")
@click.option("--under", metavar="CODE", help="An organisation: visits of its members and those below it.")
@click.option("--limit", default=200, show_default=True, type=click.IntRange(1, 100_000))
@json_option
def list_visits(since: datetime | None, under: str | None, limit: int, as_json: bool) -> None:
    """The visits of a network's members, the newest first, names masked."""
    from gateway.membership.visits import visits_of

    parts = _parts()
    tree = parts.network.tree()
    first = _day(since) or parts.clock.now().date() - A_MONTH
    with parts.store.read() as connection:
        found = visits_of(connection, tree.named(under).path if under else "/", first, limit)

    def as_text() -> str:
        rows = [
            (
                one.number,
                f"{one.announced_at.astimezone(UTC):%Y-%m-%d %H:%M}",
                one.facility,
                mask_name(one.person),
                show_card(one.card),
                one.mutuelle,
            )
            for one in found
        ]
        return table(rows, ("number", "announced (UTC)", "facility", "person", "card", "mutuelle"))

    def as_value() -> list[dict[str, object]]:
        return [
            asdict(one) | {"announced_at": one.announced_at.isoformat(), "person": mask_name(one.person)}
            for one in found
        ]

    show(as_json, as_value, as_text)


@visits.command("between")
@click.option("--month", required=True, metavar="YYYY-MM", help="Of the days on which they were announced.")
@under_option
@click.option("--csv", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write it to FILE instead.")
@json_option
def visits_between(month: str, under: str | None, file: Path | None, as_json: bool) -> None:
    """Who owes whom by visits: members of each mutuelle, where another one has the agreement, in a month."""
    from gateway.ledger.closing import read_month
    from gateway.ledger.exports import Sheet, write
    from gateway.membership.between import between

    parts = _parts()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        found = between(connection, tree, path_of(parts, under), read_month(month))
    heads = ("home", "agreement of", "visits", "people")
    rows = [(tree[one.home_id].code, tree[one.host_id].code, one.visits, one.people) for one in found]
    if file is not None:
        write(Sheet("Visits", heads, rows), file, "csv", bom=True)
        click.echo(f"{len(rows)} rows in {file}")
        return
    keys = ("home", "agreement_of", "visits", "people")
    show(
        as_json,
        lambda: {"month": month, "rows": [dict(zip(keys, row, strict=True)) for row in rows]},
        lambda: table([*rows, ("all", "", sum(one.visits for one in found), "")], heads, (2, 3)),
    )
