"""Commands about the API: the keys of other systems, made, listed and revoked."""

from __future__ import annotations

from datetime import timedelta

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import limit_option, parts_of, path_of, under_option
from gateway.kernel.faults import Fault
from gateway.network import api_keys
from gateway.network.api_keys import ApiKey, NewKey, Scope, read_scopes


@click.group()
def api() -> None:
    """What other systems may do over HTTP: docs/api.md."""


@api.group()
def key() -> None:
    """Keys of other systems."""


@key.command("add")
@click.argument("organisation")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, metavar="SCOPE", help="Such as cover:read; repeat it.")
@click.option("--days", default=api_keys.USUALLY.days, show_default=True, type=click.IntRange(1, api_keys.LONGEST.days))
@click.option("--facility", "facility_code", metavar="CODE", help="Whose own it is: it asks about any card.")
def add_key(organisation: str, name: str, scopes: tuple[str, ...], days: int, facility_code: str | None) -> None:
    """Make a key for an organisation (by its code) and everything below it; it is shown once, and kept nowhere.

    A health facility's own (--facility) asks about any card of the network and announces visits, and does nothing else.
    """
    from gateway.network.facilities import with_code
    from gateway.store.tracing import Outside, trace

    parts = parts_of()
    one = parts.network.tree().named(organisation)
    given = read_scopes(scopes)
    with parts.store.write() as unit:
        facility_id = None
        if facility_code is not None:
            place = with_code(unit.connection, facility_code)
            if place is None or not parts.network.tree()[place.organisation_id].under(one):
                raise Fault(f"no health facility of {one.name} has the code {facility_code}")
            facility_id = place.id
        new = NewKey(name, one.id, given, unit.now + timedelta(days=days), facility_id)
        made, token = api_keys.add_key(unit, new, "gateway api")
        trace(unit, by=Outside("gateway api"), organisation_id=made.organisation_id, what="api.key_made",
              about=f"api_key:{made.id}", address="", after=api_keys.told(made))  # fmt: skip
    click.echo(f"{made.prefix}: {made.name}, until {made.expires_at.date()}", err=True)
    click.echo("The key, shown this once:", err=True)
    click.echo(token)


@key.command("list")
@under_option
@limit_option
@json_option
def list_keys(under: str | None, limit: int, as_json: bool) -> None:
    """The keys there are, the newest first; those that are over too."""
    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        found = api_keys.below(connection, path_of(parts, under), limit=limit)
    now = parts.clock.now()

    def line(one: ApiKey) -> dict[str, object]:
        return {
            "key": one.prefix,
            "name": one.name,
            "organisation": tree[one.organisation_id].code,
            "scopes": sorted(one.scopes),
            "state": state_of(one, one.is_good(now)),
            "expires_at": one.expires_at.isoformat(),
            "last_used_at": one.last_used_at.isoformat() if one.last_used_at else None,
            "made_by": one.made_by,
        }

    lines = [line(one) for one in found]
    rows = (
        (each["key"], each["name"], each["organisation"], ",".join(each["scopes"]), each["state"],  # type: ignore[arg-type]
         str(each["expires_at"])[:10], str(each["last_used_at"] or "never")[:10])
        for each in lines
    )  # fmt: skip
    heads = ("key", "name", "organisation", "scopes", "state", "until", "used")
    show(as_json, lambda: lines, lambda: table(rows, heads))


def state_of(one: ApiKey, good: bool) -> str:
    """How a key stands, in a word."""
    return "good" if good else "revoked" if one.revoked_at is not None else "expired"


@key.command("revoke")
@click.argument("prefix", metavar="KEY")
def revoke_key(prefix: str) -> None:
    """From now on a key (by the eight letters that it is listed with) opens nothing."""
    from gateway.store.tracing import Outside, trace

    parts = parts_of()
    with parts.store.write() as unit:
        found = api_keys.by_prefix(unit.connection, prefix)
        if found is None:
            raise Fault(f"there is no key {prefix}: gateway api key list")
        if not api_keys.revoke(unit, found.id, "gateway api"):
            raise Fault(f"the key {prefix} was revoked before")
        trace(unit, by=Outside("gateway api"), organisation_id=found.organisation_id, what="api.key_revoked",
              about=f"api_key:{found.id}", address="")  # fmt: skip
    click.echo(f"{prefix} opens nothing any more")


@api.command("scopes")
def list_scopes() -> None:
    """The scopes that a key can be given."""
    click.echo(table([(scope.value, api_keys.SCOPES[scope]) for scope in Scope], ("scope", "")))
