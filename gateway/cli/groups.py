"""Commands about whoever pays for many households."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import (
    amount_of,
    parts_of,
    path_of,
    under_option,
)
from gateway.cli.incoming import NOT_ASSIGNED
from gateway.kernel.card import show_card
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_name, mask_number
from gateway.kernel.money import Money
from gateway.kernel.numbers import read_number
from gateway.locale import show_money

if TYPE_CHECKING:
    from gateway.membership.households import Household
    from gateway.payments.groups import Need


@click.group()
def groups() -> None:
    """Those who pay at once for many households."""


@groups.command("add")
@click.argument("code")
@click.argument("name")
@click.option(
    "--organisation", required=True, metavar="CODE", help="The part of the network that its households are of."
)
@click.option("--rule", required=True, type=click.Choice(["due", "equal", "fixed"]), help="How a payment is divided.")
@click.option("--list", "file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A CSV file: a card number, and an amount for the rule fixed.")  # fmt: skip
@click.option("--phone", help="The phone that pays.")
def add(code: str, name: str, organisation: str, rule: str, file: Path, phone: str | None) -> None:
    """Add a group with its households, or change the one with this CODE."""
    from gateway.kernel.msisdn import BadMsisdn, read_msisdn
    from gateway.payments.groups import BadGroup, add_group, read_list

    parts = parts_of()
    tree = parts.network.tree()
    office = tree.named(organisation)
    try:
        msisdn = read_msisdn(phone, office.country) if phone else None
        rows = read_list(file.read_text(encoding="utf-8"))
    except BadMsisdn:
        raise Fault(f"{phone} is no mobile number of {office.country}") from None
    except UnicodeDecodeError:
        raise BadGroup(f"{file.name}: not UTF-8") from None
    if not 0 < len(code) <= 40 or not 0 < len(name) <= 60:
        raise BadGroup("a code has up to 40 characters, a name up to 60")
    with parts.store.write() as unit:
        add_group(unit, tree, office.id, code, name, rule, msisdn, rows)  # type: ignore[arg-type]
    click.echo(f"group {code}: {len(rows)} households")


@groups.command("list")
@under_option
@json_option
def list_groups(under: str | None, as_json: bool) -> None:
    """The groups, and how many households each pays for."""
    from gateway.payments.groups import groups as read_groups
    from gateway.payments.groups import members_of

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        found = [
            (one, len(members_of(connection, tree, one))) for one in read_groups(connection, path_of(parts, under))
        ]

    def as_value() -> list[dict[str, object]]:
        return [
            {
                "code": one.code,
                "name": one.name,
                "organisation": tree[one.organisation_id].code,
                "rule": one.rule,
                "households": count,
            }
            for one, count in found
        ]

    def as_text() -> str:
        rows = [
            (
                one.code,
                one.name,
                tree[one.organisation_id].code,
                one.rule,
                mask_number(one.msisdn) if one.msisdn else "",
                count,
            )
            for one, count in found
        ]
        return table(rows, ("code", "name", "organisation", "rule", "phone", "households"), numbers=(5,))

    show(as_json, as_value, as_text)


@groups.command("split")
@click.argument("code")
@click.option("--amount", "typed", help="Only show how this amount would be divided.")
@click.option("--incoming", "number", help="Post money that waits to be identified: its number in 'incoming list'.")
@click.option("--by", "name", help="Who decides: needed to post.")
@click.option("--reason", help="Why: needed to post.")
@json_option
def split_group(
    code: str, typed: str | None, number: str | None, name: str | None, reason: str | None, as_json: bool
) -> None:
    """Divide a payment among a group's households: show it (--amount), or post it (--incoming)."""
    if (typed is None) == (number is None):
        raise click.UsageError("name either --amount or --incoming")
    shares = _posted(code, number, name or "", reason or "") if number is not None else _divided(code, typed or "")

    def as_value() -> list[dict[str, object]]:
        return [
            {"card": family.card, "amount_minor": amount.minor, "currency": amount.currency, "receipt": receipt}
            for family, receipt, amount in shares
        ]

    def as_text() -> str:
        rows = [
            (show_card(family.card), mask_name(family.head), show_money(amount, "en"), receipt or "")
            for family, receipt, amount in shares
        ]
        return table(rows, ("card", "household", "amount", "receipt"), numbers=(2,))

    show(as_json, as_value, as_text)


_Shares = list[tuple["Household", str | None, Money]]


def _divided(code: str, typed: str) -> _Shares:
    from gateway.payments.groups import BadSplit, group_named, members_of, needs, split

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        group = group_named(connection, code)
        members = members_of(connection, tree, group)
        wanted: list[Need] = needs(connection, members, parts.clock.now().date())
    amount = amount_of(typed, tree[group.organisation_id].currency)
    try:
        shares = split(wanted, amount, group.rule)
    except BadSplit as wrong:
        raise Fault(_bad_split(wrong)) from None
    families = {one.id: one for one, _ in members}
    return [(families[its_id], None, share) for its_id, share in shares]


def _posted(code: str, number: str, name: str, reason: str) -> _Shares:
    from gateway.payments.groups import BadSplit, group_named, post_for_group
    from gateway.payments.receipts import receipt_number
    from gateway.payments.suspense import NotAssigned

    parts = parts_of()
    tree = parts.network.tree()
    try:
        with parts.store.write() as unit:
            group = group_named(unit.connection, code)
            done = post_for_group(unit, tree, parts.services.chart, read_number(number) or 0, group, name, reason)
    except BadSplit as wrong:
        raise Fault(_bad_split(wrong)) from None
    if isinstance(done, NotAssigned):
        raise Fault(NOT_ASSIGNED[done.why])
    return [(family, receipt_number(its_id), amount) for family, its_id, amount in done.shares]


def _bad_split(wrong: Exception) -> str:
    words = {
        "nobody": "the group has no household",
        "amount": "there is nothing to divide",
        "no-fixed": "a household of the group has no amount of its own: import its list again",
        "not-the-sum": "the amount isn't the sum of the group's own amounts",
    }
    return words[wrong.args[0]]
