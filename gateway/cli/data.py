"""Commands about households and organisations: samples, the tree, households, reports."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from gateway.cli import json_option, show, table
from gateway.cli.decisions import decisions
from gateway.cli.dues import household_category, household_head, household_leaves
from gateway.cli.families import find_households, merge_households, move_household, split_household
from gateway.cli.member_registers import COMMANDS as register_commands
from gateway.cli.people import forget_pin
from gateway.cli.tree import COMMANDS as tree_commands
from gateway.kernel.card import BadCard, read_card, show_card
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_name, mask_number
from gateway.locale import show_money
from gateway.settings import Settings
from gateway.wiring import Runtime

if TYPE_CHECKING:
    from gateway.ussd.report import Counts, Spread, Usage


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
    from gateway.samples.ouake import STAFF_PIN, load_ouake

    parts, progress = _parts(), Progress()
    loaded = load_ouake(parts.store, parts.network, progress)
    progress.close()
    click.echo(f"loaded {loaded}")
    click.echo(f"all its staff have the PIN {STAFF_PIN}; to try while the gateway runs:")
    for one in loaded.to_try:
        click.echo(f"  gateway phone {one.msisdn}   PIN {one.pin}: {one.who}")


@sample.command()
@click.option("--year", type=click.Choice(["2019", "2020"]), default="2020", show_default=True)
@click.option("--scale", type=click.IntRange(1, 50), default=1, show_default=True, help="Multiply the households.")
def pamusab(year: str, scale: int) -> None:
    """Burundi's platform: 125 sections of five promoters, with the figures that it published."""
    from gateway.samples.pamusab import load_pamusab

    parts, progress = _parts(), Progress()
    loaded = load_pamusab(parts.store, parts.network, int(year), scale, progress)
    progress.close()
    click.echo(f"loaded {loaded}")


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
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), metavar="YYYY-MM-DD", help="Where each stood on that day.")
@json_option
def list_organisations(on: datetime | None, as_json: bool) -> None:
    """All organisations with their codes."""
    parts = _parts()
    if on is None:
        found = parts.network.tree()
    else:
        from gateway.network.places import as_it_was

        with parts.store.read() as connection:
            found = as_it_was(connection, parts.defaults, on.date())
    every = sorted(found.by_id.values(), key=lambda one: [int(step) for step in one.path.split("/")[1:-1]])

    def as_text() -> str:
        rows = [
            ("  " * (one.path.count("/") - 2) + one.code, one.kind, one.name, one.currency,
             f"{one.quiet_from}-{one.quiet_until}" if one.quiet_from != one.quiet_until else "never")
            for one in every
        ]  # fmt: skip
        return table(rows, ("code", "kind", "name", "currency", "quiet"))

    def as_value() -> list[dict[str, object]]:
        return [
            {
                "code": one.code, "kind": one.kind, "name": one.name,
                "parent": found[one.parent_id].code if one.parent_id is not None else None,
            }
            for one in every
        ]  # fmt: skip

    show(as_json, as_value, as_text)


@organisations.command("quiet")
@click.argument("code")
@click.argument("hours", nargs=2, type=click.IntRange(0, 23), metavar="FROM UNTIL", required=False)
@click.option("--as-above", is_flag=True, help="Instead of hours: those of the organisation above, or the settings'.")
def keep_quiet_hours(code: str, hours: tuple[int, int] | None, as_above: bool) -> None:
    """From which hour until which no reminders, campaigns and confirmations leave, here and below: 20 7.

    The same hour twice: they leave at any time. Receipts and answers always do.
    """
    from gateway.network.organisations import keep_quiet

    if bool(hours) == as_above:
        raise Fault("give two hours, 20 7, or --as-above")
    parts = _parts()
    place = parts.network.tree().named(code)
    with parts.store.write() as unit:
        keep_quiet(unit, place.id, hours or None)
    parts.network.forget()
    place = parts.network.tree().named(code)
    quiet = place.quiet_from != place.quiet_until
    click.echo(f"{code}: quiet from {place.quiet_from} to {place.quiet_until}" if quiet else f"{code}: never quiet")


for each_of_the_tree in tree_commands:
    organisations.add_command(each_of_the_tree)


@click.group()
def households() -> None:
    """The households and their cover."""


households.add_command(forget_pin)
households.add_command(household_category)
households.add_command(household_leaves)
households.add_command(household_head)
households.add_command(find_households)
households.add_command(merge_households)
households.add_command(split_household)
households.add_command(move_household)
for each_command in register_commands:
    households.add_command(each_command)


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
    from gateway.membership.households import beneficiaries_of, by_card, phones_of, standing

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
        phones = [phone.msisdn for phone in phones_of(connection, one.id)]

    def as_value() -> dict[str, object]:
        cover = dataclasses.asdict(now.cover) | {"state": now.cover.state.value}
        return {
            "card": one.card,
            "section": tree[one.section_id].code,
            "cover": cover,
            "left_minor": now.left.minor,
            "advance_minor": now.advance.minor,
            "currency": now.left.currency,
            "beneficiaries": names,
            "phones": [mask_number(phone) for phone in phones],
        }

    def as_text() -> str:
        until = f", until {now.cover.until}" if now.cover.until else ""
        begins = f", begins {now.cover.begins_on}" if now.cover.begins_on else ""
        return "\n".join(
            (
                f"card {show_card(one.card)}, {tree[one.section_id].name}",
                f"cover {now.cover.state.value}{begins}{until}; left to pay {show_money(now.left, 'en')}",
                *([f"In advance: {show_money(now.advance, 'en')}"] if now.advance else []),
                f"phones {', '.join(map(mask_number, phones)) or 'none'}",
                *(f"  {name}" for name in names),
            )
        )

    show(as_json, as_value, as_text)


@click.group()
def report() -> None:
    """Figures, computed from the data."""


report.add_command(decisions)


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


A_MONTH = timedelta(days=30)
_DAY = click.DateTime(["%Y-%m-%d"])


@report.command("ussd")
@click.option("--under", metavar="CODE", help="An organisation: calls to its short codes and to those below it.")
@click.option("--since", type=_DAY, metavar="YYYY-MM-DD", help="The first day; 30 days ago unless given.")
@click.option("--until", type=_DAY, metavar="YYYY-MM-DD", help="The last day; today unless given.")
@json_option
def report_ussd(under: str | None, since: datetime | None, until: datetime | None, as_json: bool) -> None:
    """Where people stop in the phone menu, how long a journey takes, and what a contribution costs in calls.

    Screens have the names that they have in docs/menu-map.md. Days are those of the organisation's time zone.
    """
    from gateway.ussd.report import usage

    parts = _parts()
    top = parts.network.tree().named(under) if under is not None else None
    zone = top.time_zone if top is not None else parts.defaults.time_zone
    last = until.date() if until is not None else day_in(zone, parts.clock.now())
    first = since.date() if since is not None else last - A_MONTH
    if first > last:
        raise Fault(f"--since {first} is after --until {last}")
    with parts.store.read() as connection:
        found = usage(
            connection, top.path if top is not None else "/", _midnight(zone, first), _midnight(zone, last, 1)
        )
    days = {"under": top.code if top is not None else None, "since": str(first), "until": str(last)}
    show(as_json, lambda: days | _usage_as_value(found), lambda: _usage_as_text(found, first, last))


def _midnight(zone: str, day: date, later: int = 0) -> datetime:
    """When a day begins, or one some days later."""
    begins = datetime.combine(day + timedelta(days=later), datetime.min.time(), ZoneInfo(zone))
    return begins.astimezone(UTC)


def _usage_as_value(found: Usage) -> dict[str, object]:
    plain = dataclasses.asdict(found)
    for name in ("since", "until"):
        del plain[name]
    for name in ("ends", "gateways", "languages", "dropped_at"):
        plain[name] = dict(plain[name])
    for one in plain["journeys"]:
        one["stopped"] = dict(one["stopped"])
    return plain


def _usage_as_text(found: Usage, first: date, last: date) -> str:
    lines = [f"{found.calls} calls from {first} to {last}"]
    for what, counts in (
        ("ended", found.ends),
        ("gateways", found.gateways),
        ("languages", found.languages),
        ("dropped at", found.dropped_at),
    ):
        if counts:
            lines.append(f"{what}: {_named(counts)}")
    if found.journeys:
        rows: list[Sequence[object]] = [
            (
                one.name,
                one.calls,
                f"{one.completed / one.calls:.0%}",
                _half_and_most(one.hops),
                _half_and_most(one.seconds),
                _named(one.stopped),
            )
            for one in found.journeys
        ]
        heads = ("journey", "calls", "completed", "hops 50 %/90 %", "seconds 50 %/90 %", "most others stopped at")
        lines += ["", table(rows, heads, numbers=(1, 2, 3, 4)), ""]
    lines.append(f"contributions paid by phone: {found.contributions}")
    for cost in found.costs:
        each = f", {_rounded(cost.per_contribution)} a contribution" if cost.per_contribution is not None else ""
        lines.append(f"cost: {cost.currency} {_rounded(cost.total)} for {cost.calls} calls{each}")
    if found.unread:
        lines.append(f"charges without a readable amount: {found.unread}")
    return "\n".join(lines)


def _named(counts: Counts) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts)


def _half_and_most(spread: Spread | None) -> str:
    return f"{spread.median}/{spread.ninetieth}" if spread is not None else "-"


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"))
