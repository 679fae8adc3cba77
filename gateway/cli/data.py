"""Commands about people and organisations: samples, households, staff, reports."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import click

from gateway.cli import json_option, show, table
from gateway.kernel.card import BadCard, read_card, show_card
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_name, mask_number
from gateway.locale import show_money
from gateway.settings import Settings
from gateway.wiring import Runtime


def _parts() -> Runtime:
    return Runtime(Settings.from_env(), patient=True)


class Progress:
    """Shows how far a long work has come, on one line of standard error, where a person looks on."""

    def __init__(self) -> None:
        self._bar: Any = None  # click's own type isn't public
        self._done = 0

    def __call__(self, done: int, total: int, what: str) -> None:
        if self._bar is not None and self._bar.length != max(total, 1):
            self.close()
        if self._bar is None:
            self._bar = click.progressbar(
                length=max(total, 1), label="loading", file=sys.stderr, item_show_func=lambda item: item
            )
            self._bar.__enter__()
            self._done = 0
        self._bar.update(done - self._done, what)
        self._done = done

    def close(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None


@click.group()
def sample() -> None:
    """Load a sample network into an empty or filled database."""


@sample.command()
def ouake() -> None:
    """A small union of Benin: five mutuelles, contributions in XOF."""
    from gateway.samples.ouake import load_ouake

    parts, progress = _parts(), Progress()
    loaded = load_ouake(parts.store, parts.network, progress)
    progress.close()
    click.echo(f"loaded {loaded.sections} sections, {loaded.households} households, {loaded.beneficiaries} people")


@sample.command()
@click.option("--year", type=click.Choice(["2019", "2020"]), default="2020", show_default=True)
@click.option("--scale", type=click.IntRange(1, 50), default=1, show_default=True, help="Multiply the households.")
def pamusab(year: str, scale: int) -> None:
    """Burundi's platform: 125 sections of five promoters, with the figures that it published."""
    from gateway.samples.pamusab import load_pamusab

    parts, progress = _parts(), Progress()
    loaded = load_pamusab(parts.store, parts.network, int(year), scale, progress)
    progress.close()
    click.echo(f"loaded {loaded.sections} sections, {loaded.households} households, {loaded.beneficiaries} people")


@click.group()
def organisations() -> None:
    """The tree of organisations, from a union down to its sections."""


@organisations.command("load")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def load_organisations(file: Path) -> None:
    """Found a network from a TOML file (deploy/network.example.toml shows every key)."""
    from gateway.founding import found

    parts = _parts()
    click.echo(f"founded {found(parts.store, parts.defaults, file)} organisations")


@organisations.command("list")
@json_option
def list_organisations(as_json: bool) -> None:
    """All organisations with their codes."""
    every = sorted(
        _parts().network.tree().by_id.values(), key=lambda one: [int(step) for step in one.path.split("/")[1:-1]]
    )

    def as_text() -> str:
        rows = [("  " * (one.path.count("/") - 2) + one.code, one.kind, one.name, one.currency) for one in every]
        return table(rows, ("code", "kind", "name", "currency"))

    show(as_json, lambda: [{"code": one.code, "kind": one.kind, "name": one.name} for one in every], as_text)


@click.group()
def households() -> None:
    """The households and their cover."""


@households.command("list")
@click.option("--under", help="The code of an organisation: its households and those below it.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@json_option
def list_households(under: str | None, limit: int, as_json: bool) -> None:
    """The newest households, names masked."""
    from gateway.membership.households import newest

    parts = _parts()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        found = newest(connection, tree, tree.named(under).path if under else "/", limit)

    def as_text() -> str:
        rows = [(show_card(one.card), mask_name(one.head), tree[one.section_id].name) for one in found]
        return table(rows, ("card", "head", "section"))

    show(as_json, lambda: [{"card": one.card, "section": tree[one.section_id].code} for one in found], as_text)


@households.command("show")
@click.argument("card")
@json_option
def show_household(card: str, as_json: bool) -> None:
    """One household: its people, its phones, its cover today."""
    from gateway.membership.households import beneficiaries_of, by_card, main_phones, standing

    try:
        number = read_card(card)
    except BadCard:
        raise Fault(f"{card} is not a card number: nine digits, the last a check digit") from None
    parts = _parts()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        one = by_card(connection, tree, number)
        if one is None:
            raise Fault("no household has this card")
        now = standing(connection, one, day_in(one.time_zone, parts.clock.now()))
        names = beneficiaries_of(connection, one.id)
        phones = main_phones(connection, one.id)

    def as_value() -> dict[str, object]:
        cover = dataclasses.asdict(now.cover) | {"state": now.cover.state.value}
        return {
            "card": one.card,
            "section": tree[one.section_id].code,
            "cover": cover,
            "left_minor": now.left.minor,
            "currency": now.left.currency,
            "beneficiaries": names,
        }

    def as_text() -> str:
        until = f", until {now.cover.until}" if now.cover.until else ""
        begins = f", begins {now.cover.begins_on}" if now.cover.begins_on else ""
        return "\n".join(
            (
                f"card {show_card(one.card)}, {tree[one.section_id].name}",
                f"cover {now.cover.state.value}{begins}{until}; left to pay {show_money(now.left, 'en')}",
                f"phones {', '.join(map(mask_number, phones)) or 'none'}",
                *(f"  {name}" for name in names),
            )
        )

    show(as_json, as_value, as_text)


@click.group()
def staff() -> None:
    """Who has a role; treasurers are told of payments."""


@staff.command("add")
@click.argument("organisation")
@click.argument("role", type=click.Choice(["treasurer", "animator"]))
@click.argument("name")
@click.argument("msisdn")
@click.option("--language", type=click.Choice(["fr", "en", "rn", "sw"]))
def add_staff(organisation: str, role: str, name: str, msisdn: str, language: str | None) -> None:
    """Give somebody a role in an organisation (by its code)."""
    from sqlalchemy.exc import IntegrityError

    from gateway.kernel.msisdn import BadMsisdn, read_msisdn
    from gateway.membership.people import BadName, read_name
    from gateway.network.staff import add

    parts = _parts()
    one = parts.network.tree().named(organisation)
    try:
        number, called = read_msisdn(msisdn, one.country), read_name(name)
    except BadMsisdn:
        raise Fault(f"{mask_number(msisdn)} is not a mobile number of {one.country}") from None
    except BadName:
        raise Fault("the name must have two letters or more, and letters only") from None
    try:
        with parts.store.write() as unit:
            add(unit, one.id, called, role, number, language)
    except IntegrityError:
        raise Fault(f"this number is {role} of {organisation} already") from None
    click.echo(f"{role} of {one.name}: {mask_name(called)} {mask_number(number)}")


@staff.command("list")
@json_option
def list_staff(as_json: bool) -> None:
    """Everybody who has a role, masked."""
    from gateway.network.staff import everybody

    parts = _parts()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        found = everybody(connection)
    rows = [(tree[one.organisation_id].code, one.role, mask_name(one.name), mask_number(one.msisdn)) for one in found]
    heads = ("organisation", "role", "name", "phone")
    show(as_json, lambda: [dict(zip(heads, row, strict=True)) for row in rows], lambda: table(rows, heads))


@click.group()
def report() -> None:
    """Figures, computed from the data."""


@report.command("network")
@click.option("--year", type=click.IntRange(2000, 2100), required=True, help="The membership year.")
@click.option("--root", help="The code of the platform or promoter; the only root with promoters by default.")
@click.option("--language", type=click.Choice(["fr", "en"]), default="en", show_default=True)
@json_option
def report_network(year: int, root: str | None, language: str, as_json: bool) -> None:
    """Sections, households and beneficiaries by promoter, this year and the one before."""
    from gateway.network.report import ENGLISH, FRENCH, as_text, network_report
    from gateway.network.report import as_json as report_json

    parts = _parts()
    tree = parts.network.tree()
    if root is None:
        parents = {one.parent_id for one in tree.by_id.values() if one.kind == "promoter"}
        tops = [one for one in tree.by_id.values() if one.id in parents]
        if len(tops) != 1:
            raise Fault("name the network with --root CODE" if tops else "no network with promoters: load one first")
        top = tops[0]
    else:
        top = tree.named(root)
    with parts.store.read() as connection:
        found = network_report(connection, tree, top, year)
    show(as_json, lambda: report_json(found), lambda: as_text(found, FRENCH if language == "fr" else ENGLISH))
