"""Commands about care: the health facilities with an agreement, and the visits that they announced."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta

import click

from gateway.cli import json_option, show, table
from gateway.kernel.card import show_card
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_name, mask_number
from gateway.network.facilities import KINDS, OWNERSHIPS
from gateway.settings import Settings
from gateway.wiring import Runtime

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
