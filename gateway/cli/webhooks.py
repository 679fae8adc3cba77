"""``gateway webhooks``: addresses of other systems that are told of what happens, and how far each delivery came."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import by_option, limit_option, parts_of, path_of, under_option
from gateway.kernel.faults import Fault


@click.group()
def webhooks() -> None:
    """Other systems are told of payments, households and visits (docs/webhooks.md)."""


@webhooks.command("add")
@click.argument("url")
@click.option("--at", "code", required=True, metavar="CODE", help="Told of what happens here and below.")
@click.option("--event", "wanted", multiple=True, required=True, help="payment.posted …; again for more.")
@by_option
def add_command(url: str, code: str, wanted: tuple[str, ...], name: str) -> None:
    """Tell an address from now on; prints the secret by which it checks what it gets, this once."""
    from gateway.exchange.webhooks import endpoints
    from gateway.kernel.sealing import keys_of
    from gateway.store.tracing import Outside, trace

    parts = parts_of()
    settings = parts.settings
    chosen = endpoints.read_events(wanted)
    address = endpoints.read_url(url, private=settings.webhooks_to_private_addresses)
    place = parts.network.tree().named(code)
    keys = keys_of(settings.secret_key.get_secret_value())
    with parts.store.write() as unit:
        its_id, secret = endpoints.add(unit, keys, place, address, chosen, name)
        trace(
            unit,
            by=Outside(name),
            organisation_id=place.id,
            what="webhook.added",
            about=f"webhook:{its_id}",
            address="",
            after={"events": sorted(chosen)},
        )
    click.echo(f"webhook {its_id}. Its secret, shown this once:\n{secret}")


@webhooks.command("list")
@under_option
@json_option
def list_command(under: str | None, as_json: bool) -> None:
    """The addresses there are, and why one is disabled."""
    from gateway.exchange.webhooks import endpoints

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        found = endpoints.below(connection, path_of(parts, under))

    def as_value() -> list[dict[str, Any]]:
        return [
            {
                "id": one.id,
                "organisation": tree[one.organisation_id].code,
                "url": one.url,
                "events": sorted(one.events),
                "made_at": one.made_at,
                "made_by": one.made_by,
                "disabled_at": one.disabled_at,
                "disabled_because": one.disabled_because,
            }
            for one in found
        ]

    def as_text() -> str:
        rows = [
            (
                its.id,
                tree[its.organisation_id].code,
                its.host,
                " ".join(sorted(its.events)),
                its.disabled_because or "-",
            )
            for its in found
        ]
        return table(rows, ("number", "organisation", "host", "events", "disabled"))

    show(as_json, as_value, as_text)


@webhooks.command("test")
@click.argument("number", type=int)
def test_command(number: int) -> None:
    """Send an address a test event; its answer stands in ``gateway webhooks deliveries``."""
    from gateway.exchange.webhooks.following import tell_test

    parts = parts_of()
    _known(number)
    with parts.store.write() as unit:
        tell_test(unit, number)
    click.echo(f"queued: gateway webhooks deliveries {number} shows what it answered")


@webhooks.command("rotate")
@click.argument("number", type=int)
@by_option
def rotate_command(number: int, name: str) -> None:
    """Give an address a new secret, printed this once; the one before signs along for a day."""
    from gateway.exchange.webhooks import endpoints
    from gateway.kernel.sealing import keys_of
    from gateway.store.tracing import Outside, trace

    parts = parts_of()
    organisation_id = _known(number)
    keys = keys_of(parts.settings.secret_key.get_secret_value())
    with parts.store.write() as unit:
        secret = endpoints.rotate(unit, keys, number)
        trace(
            unit,
            by=Outside(name),
            organisation_id=organisation_id,
            what="webhook.rotated",
            about=f"webhook:{number}",
            address="",
        )
    click.echo(f"webhook {number}. Its new secret, shown this once:\n{secret}")


@webhooks.command("disable")
@click.argument("number", type=int)
@by_option
def disable_command(number: int, name: str) -> None:
    """Tell an address nothing more; what waits for it is given up."""
    from gateway.exchange.webhooks import endpoints
    from gateway.store.tracing import Outside, trace

    parts = parts_of()
    organisation_id = _known(number)
    with parts.store.write() as unit:
        if not endpoints.disable(unit, number, f"disabled by {name}"):
            raise Fault(f"webhook {number} is disabled already")
        trace(
            unit,
            by=Outside(name),
            organisation_id=organisation_id,
            what="webhook.disabled",
            about=f"webhook:{number}",
            address="",
        )
    click.echo(f"webhook {number} is told nothing more")


@webhooks.command("deliveries")
@click.argument("number", type=int)
@limit_option
@json_option
def deliveries_command(number: int, limit: int, as_json: bool) -> None:
    """What an address was told and is to be told, the newest first."""
    from gateway.exchange.webhooks.delivering import deliveries, message_id

    parts = parts_of()
    _known(number)
    with parts.store.read() as connection:
        found = deliveries(connection, number, limit)

    def as_value() -> list[dict[str, Any]]:
        return [
            {
                "id": message_id(one.key),
                "event": one.event,
                "happened_at": one.happened_at,
                "state": one.state,
                "tries": one.tries,
                "said": one.said,
                "tried_at": one.tried_at,
            }
            for one in found
        ]

    def as_text() -> str:
        rows = [(message_id(one.key), one.event, one.state, one.tries, one.said or "-") for one in found]
        return table(rows, ("id", "event", "state", "tries", "answer"))

    show(as_json, as_value, as_text)


def _known(number: int) -> int:
    """The organisation of an endpoint; raises :class:`Fault` where there is none of this number."""
    from gateway.exchange.webhooks import endpoints

    with parts_of().store.read() as connection:
        found = endpoints.by_id(connection, number)
    if found is None:
        raise Fault(f"no webhook {number}: gateway webhooks list shows those there are")
    return found.organisation_id
