"""Commands about who may enter the office's pages: one-time links, and who is inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gateway.cli import json_option, show, table
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_name, mask_number
from gateway.settings import Settings
from gateway.wiring import Runtime

if TYPE_CHECKING:
    from gateway.store.unit import Unit


def read_number(typed: str, country: str) -> str:
    """A mobile number of a country, in E.164; raises :class:`Fault`."""
    from gateway.kernel.msisdn import BadMsisdn, read_msisdn

    try:
        return read_msisdn(typed, country)
    except BadMsisdn:
        raise Fault(f"{mask_number(typed)} is not a mobile number of {country}") from None


def new_link(unit: Unit, msisdn: str, role: str) -> str:
    """The token of a link for whoever has a new role; empty where it opens no office, or they have a password."""
    from gateway.console.entry import links, logins
    from gateway.store.tracing import COMMAND

    if role not in logins.OFFICE_ROLES:
        return ""
    roles = logins.office_roles(unit.connection, msisdn)
    before = logins.make(unit, msisdn, roles[-1].name, roles[-1].language)
    links.withdraw(unit, before.login_id)
    return links.invite(unit, msisdn, by=COMMAND) if before.password is None else ""


def told_link(parts: Runtime, token: str) -> str:
    """What is printed of a link."""
    from gateway.console.entry.links import VALID_FOR, address_of

    hours = int(VALID_FOR.total_seconds() // 3600)
    return (
        f"link to choose a password for the office (shown once, works once, for {hours} hours):\n"
        f"  {address_of(parts.settings.public_url, token)}"
    )


@click.command("link")
@click.argument("phone")
@click.option(
    "--without-second-factor",
    is_flag=True,
    help="Also take away the second factor, its codes on paper and the passkeys, for somebody who has lost them, and "
    "end their sessions. Be sure that it is they who ask: call them back, or see them.",
)
def link(phone: str, without_second_factor: bool) -> None:
    """Make somebody a new one-time link to the office, shown here once: for a first or a forgotten password.

    It works once, for 48 hours; links made before work no more. Choosing a password by it ends their sessions and
    forgets the wrong passwords that were typed. Hand it over where nobody else reads it. A number of another country
    than DEFAULT_COUNTRY begins with a plus.
    """
    from gateway.console.entry import links
    from gateway.store.tracing import COMMAND

    parts = Runtime(Settings.from_env(), patient=True)
    number = read_number(phone, parts.defaults.country)
    with parts.store.write() as unit:
        try:
            token = links.invite(unit, number, by=COMMAND, without_second_factor=without_second_factor)
        except links.NoOffice:
            raise Fault(f"{mask_number(number)} has no role that opens the office") from None
    if without_second_factor:
        click.echo("their second factor and their passkeys are gone: an administrator sets up a new one first")
    click.echo(told_link(parts, token))


@click.command("sessions")
@click.argument("phone")
@click.option("--end", is_flag=True, help="End all of them: whoever is inside has to enter again.")
@json_option
def list_sessions(phone: str, end: bool, as_json: bool) -> None:
    """Where somebody is inside the office now: since when, last seen (UTC), from which address, on what."""
    from gateway.console.entry import logins, sessions
    from gateway.console.entry.devices import device_words
    from gateway.store.tracing import COMMAND, trace

    parts = Runtime(Settings.from_env(), patient=True)
    number = read_number(phone, parts.defaults.country)
    with parts.store.read() as connection:
        one = logins.by_number(connection, number)
        if one is None:
            raise Fault(f"{mask_number(number)} has never had a link to the office")
        found = sessions.open_ones(connection, one.login_id, parts.clock.now())
    if end:
        with parts.store.write() as unit:
            ended = sessions.end_all(unit, one.login_id)
            if ended:
                trace(
                    unit,
                    by=COMMAND,
                    organisation_id=one.home_id,
                    what="entry.sessions_ended",
                    about=f"login:{one.login_id}",
                    address="",
                    after={"sessions": ended},
                )
    heads = ("started", "seen", "address", "device")
    rows = [
        (
            each.started_at.isoformat(timespec="minutes"),
            each.seen_at.isoformat(timespec="minutes"),
            each.address,
            device_words(each.agent),
        )
        for each in found
    ]
    show(as_json, lambda: [dict(zip(heads, row, strict=True)) for row in rows], lambda: table(rows, heads))
    if not as_json:
        count = len(rows)
        done = "ended" if end else "open"
        click.echo(f"{mask_name(one.name)} {mask_number(number)}: {count} session{'' if count == 1 else 's'} {done}")
