"""Commands about staff and their PINs, and about a household's PIN that was forgotten."""

from __future__ import annotations

import click

from gateway.cli import json_option, show, table
from gateway.cli.office import link, list_sessions, new_link, read_number, told_link
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_name, mask_number
from gateway.locale import show_money
from gateway.network.staff import ROLES, TOLD
from gateway.settings import Settings
from gateway.wiring import Runtime


def _parts() -> Runtime:
    return Runtime(Settings.from_env(), patient=True)


@click.group()
def staff() -> None:
    """Who has a role, and their PINs; treasurers are told of payments."""


@staff.command("add")
@click.argument("organisation")
@click.argument("role", type=click.Choice(ROLES))
@click.argument("name")
@click.argument("phone")
@click.option("--language", type=click.Choice(["fr", "en", "rn", "sw"]))
@click.option("--facility", metavar="CODE", help="The health facility where an agent works.")
def add_staff(organisation: str, role: str, name: str, phone: str, language: str | None, facility: str | None) -> None:
    """Give somebody a role in an organisation (by its code).

    Whoever has no PIN yet gets a first one, shown here once: they choose their own when they first use it. Whoever may
    enter the office's pages (all but an agent) and has no password yet gets a link to choose one, shown here once, too.
    """
    from gateway.membership.people import BadName, read_name
    from gateway.membership.pins import first_pin, has_pin, keep, of_staff, seal
    from gateway.network.staff import add, facility_named

    parts = _parts()
    one = parts.network.tree().named(organisation)
    number = read_number(phone, one.country)
    try:
        called = read_name(name)
    except BadName:
        raise Fault("the name must have two letters or more, and letters only") from None
    pin = first_pin()
    sealed = seal(pin)
    with parts.store.write() as unit:
        place = facility_named(unit.connection, facility, one.id) if facility is not None else None
        add(unit, one.id, called, role, number, language, place)
        new = not has_pin(unit.connection, of_staff(number))
        if new:
            keep(unit, of_staff(number), sealed, first=True)
        token = new_link(unit, number, role)
    click.echo(f"{role} of {one.name}: {mask_name(called)} {mask_number(number)}")
    click.echo(_told_once(pin) if new else "this number has a PIN already: it stays")
    if role != "agent":
        click.echo(told_link(parts, token) if token else "this number has a password for the office already: it stays")


def _told_once(pin: str) -> str:
    return f"first PIN {pin} (shown once; it must be changed at its first use)"


@staff.command("list")
@json_option
def list_staff(as_json: bool) -> None:
    """Everybody who has a role, masked; of treasurers also how they are told of payments."""
    from gateway.network.facilities import everywhere
    from gateway.network.staff import everybody

    parts = _parts()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        found = everybody(connection)
        facilities = {one.id: one.code for one in everywhere(connection)}
    heads = ("organisation", "role", "name", "phone", "facility", "told")
    rows = [
        (
            tree[one.organisation_id].code,
            one.role,
            mask_name(one.name),
            mask_number(one.msisdn),
            facilities[one.facility_id] if one.facility_id is not None else "",
            (one.told or "each") if one.role == "treasurer" else "",
        )
        for one in found
    ]
    show(as_json, lambda: [dict(zip(heads, row, strict=True)) for row in rows], lambda: table(rows, heads))


@staff.command("end")
@click.argument("phone")
@click.argument("role", type=click.Choice(ROLES))
@click.argument("organisation")
def end_staff(phone: str, role: str, organisation: str) -> None:
    """End somebody's role; with the last one their PIN goes too. Cash that they hold is handed over with it.

    With the last role that opens the office, their password and all that they enter with goes, and they are inside no
    more.
    """
    from gateway.console.entry.logins import close_without_role
    from gateway.membership.pins import drop, of_staff
    from gateway.network.staff import end, roles_of
    from gateway.payments.cash import hand_over

    parts = _parts()
    one = parts.network.tree().named(organisation)
    number = read_number(phone, one.country)
    with parts.store.write() as unit:
        roles = roles_of(unit.connection, number)
        ending = [each for each in roles if (each.role, each.organisation_id) == (role, one.id)]
        if not ending:
            raise Fault(f"{mask_number(number)} is not {role} of {organisation}")
        # The treasurer still has to say that it came, or that it didn't.
        handed = hand_over(unit, parts.network.tree(), ending[0])
        end(unit, ending[0].id, day_in(one.time_zone, unit.now))
        if len(roles) == 1:
            drop(unit, of_staff(number))
        close_without_role(unit, number)
    click.echo(f"no longer {role} of {one.name}: {mask_name(ending[0].name)} {mask_number(number)}")
    for each in handed:
        click.echo(f"cash still to be confirmed by the treasurer: {show_money(each.amount, 'en')}")


@staff.command("told")
@click.argument("phone")
@click.argument("organisation")
@click.argument("how", type=click.Choice(TOLD))
def tell_staff(phone: str, organisation: str, how: str) -> None:
    """Tell a treasurer of each payment, or of those of an hour or a day together, by SMS.

    What was kept for them so far is told with the next; nothing is lost or told twice.
    """
    from gateway.network.staff import choose_told, roles_of

    parts = _parts()
    one = parts.network.tree().named(organisation)
    number = read_number(phone, one.country)
    with parts.store.write() as unit:
        own = [
            each
            for each in roles_of(unit.connection, number)
            if (each.role, each.organisation_id) == ("treasurer", one.id)
        ]
        if not own:
            raise Fault(f"{mask_number(number)} is not treasurer of {organisation}")
        choose_told(unit, own[0].id, how)
    click.echo(f"{mask_name(own[0].name)} {mask_number(number)}, treasurer of {one.name}: told {_HOW[how]}")


_HOW = {
    "each": "of each payment, and of those of the quiet hours together",
    "hour": "of the payments of each hour together",
    "day": "of the payments of a day together, with the ledger's total",
}


@staff.command("pin")
@click.argument("phone")
def give_pin(phone: str) -> None:
    """Give somebody with a role a new first PIN, shown here once; wrong ones typed before are forgotten.

    A number of another country than DEFAULT_COUNTRY begins with a plus.
    """
    from gateway.membership.pins import first_pin, forgive_phone, keep, of_staff, seal
    from gateway.network.staff import roles_of

    parts = _parts()
    number = read_number(phone, parts.defaults.country)
    pin = first_pin()
    sealed = seal(pin)
    with parts.store.write() as unit:
        if not roles_of(unit.connection, number):
            raise Fault(f"{mask_number(number)} has no role")
        keep(unit, of_staff(number), sealed, first=True)
        forgive_phone(unit, number)
    click.echo(_told_once(pin))


staff.add_command(link)
staff.add_command(list_sessions)


@click.command("forget-pin")
@click.argument("card")
def forget_pin(card: str) -> None:
    """Take away a household's PIN that was forgotten; its phones may then choose another.

    Wrong ones typed on its main phones are forgotten too, and each is told by SMS.
    """
    from gateway.kernel.card import BadCard, read_card
    from gateway.locale import Say
    from gateway.membership.households import by_card, main_phones
    from gateway.membership.pins import drop, forgive_phone, of_household
    from gateway.sms.notices import pin_removed
    from gateway.sms.outgoing import Outgoing, queue_messages
    from gateway.store.effects import effect_key

    try:
        number = read_card(card)
    except BadCard:
        raise Fault(f"{card} is not a card number: nine digits, the last a check digit") from None
    parts = _parts()
    tree = parts.network.tree()
    with parts.store.write() as unit:
        one = by_card(unit.connection, tree, number)
        if one is None:
            raise Fault("no household has this card")
        if not drop(unit, of_household(one.id)):
            raise Fault("this household has no PIN")
        books = tree.books_of(one.section_id)
        language = one.language or books.languages[0]
        for msisdn in main_phones(unit.connection, one.id):
            forgive_phone(unit, msisdn)
            key = f"pin:{effect_key(one.card, msisdn, unit.now.isoformat())}"
            text = pin_removed(Say(language))
            queue_messages(unit, "receipts", Outgoing("pin", msisdn, language, text, books.id, one.id, key))
    click.echo(f"{mask_name(one.head)} has no PIN any more")
