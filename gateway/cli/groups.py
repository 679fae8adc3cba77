"""Commands about whoever pays for many households."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli import json_option, show, table
from gateway.cli.deductions import deductions, statement
from gateway.cli.given import (
    amount_of,
    limit_option,
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
    from gateway.payments.payers.groups import GroupPayment
    from gateway.payments.payers.shares import Group
    from gateway.payments.push.daily import Limited
    from gateway.payments.push.wishes import Asked
    from gateway.wiring import Runtime


@click.group()
def groups() -> None:
    """Those who pay at once for many households."""


groups.add_command(deductions)
groups.add_command(statement)


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
    from gateway.payments.payers.groups import BadGroup, add_group, read_list

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
    from gateway.payments.payers.groups import groups as read_groups
    from gateway.payments.payers.shares import members_of

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
    from gateway.kernel.clock import day_in
    from gateway.payments.payers.groups import group_named
    from gateway.payments.payers.shares import BadSplit, divide

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        group = group_named(connection, code)
        books = tree.books_of(group.organisation_id)
        amount = amount_of(typed, books.currency)
        try:
            shares = divide(connection, tree, group, books.id, amount, day_in(books.time_zone, parts.clock.now()))
        except BadSplit as wrong:
            raise Fault(_bad_split(wrong)) from None
    return [(family, None, share) for family, share in shares]


def _posted(code: str, number: str, name: str, reason: str) -> _Shares:
    from gateway.payments.payers.groups import group_named
    from gateway.payments.payers.shares import BadSplit
    from gateway.payments.receipts import receipt_number
    from gateway.payments.unasked.assigning import Proposed, assign_to_group
    from gateway.payments.unasked.suspense import NotAssigned

    parts = parts_of()
    tree = parts.network.tree()
    try:
        with parts.store.write() as unit:
            group = group_named(unit.connection, code)
            done = assign_to_group(unit, tree, parts.services.chart, read_number(number) or 0, group, name, reason)
    except BadSplit as wrong:
        raise Fault(_bad_split(wrong)) from None
    if isinstance(done, NotAssigned):
        raise Fault(NOT_ASSIGNED[done.why])
    if isinstance(done, Proposed):
        click.echo(f"another person has to approve it: gateway incoming approve {number}", err=True)
        return []
    return [(family, receipt_number(its_id), amount) for family, its_id, amount in done.shares]


def _bad_split(wrong: Exception) -> str:
    words = {
        "nobody": "the group has no household",
        "amount": "there is nothing to divide",
        "no-fixed": "a household of the group has no amount of its own: import its list again",
        "not-the-sum": "the amount isn't the sum of the group's own amounts",
        "currency": "a household of the group deals in another currency",
        "other-network": "a household of the group doesn't pay into this mutuelle's wallet",
    }
    return words[wrong.args[0]]


@groups.command("ask")
@click.argument("code")
@click.option("--amount", "typed", help="How much; without it, what its households owe now (or their own amounts).")
@click.option("--each", is_flag=True, help="One PIN for each household, for up to five, instead of one for all.")
@json_option
def ask(code: str, typed: str | None, each: bool, as_json: bool) -> None:
    """Ask a group's phone for its households' money, and show how it is divided."""
    from gateway.payments.push.wishes import Asked

    asked = _asked(code, typed, each)
    if all(wish is not Asked.NOW for *_, wish in asked):
        raise Fault(f"group {code}: {_wish(asked[0][2])}")

    def as_value() -> list[dict[str, object]]:
        return [
            {"card": family.card, "amount_minor": share.minor, "currency": share.currency, "asked": wish is Asked.NOW}
            for family, share, wish in asked
        ]

    def as_text() -> str:
        rows = [
            (show_card(family.card), mask_name(family.head), show_money(share, "en"), _wish(wish))
            for family, share, wish in asked
        ]
        return table(rows, ("card", "household", "amount", ""), numbers=(2,))

    show(as_json, as_value, as_text)


def _wish(wish: Asked | Limited) -> str:
    from gateway.payments.push.wishes import Asked

    if isinstance(wish, Asked):
        return "asked" if wish is Asked.NOW else "is being asked already"
    most = f": {show_money(wish.amount, 'en')}" if wish.amount is not None else ""
    return f"not asked, beyond a limit ({wish.what}{most})"


def _asked(code: str, typed: str | None, each: bool) -> list[tuple[Household, Money, Asked | Limited]]:
    from gateway.kernel.clock import day_in
    from gateway.kernel.ids import ordered_id
    from gateway.payments.payers.groups import ask_each, ask_group, group_named, whole_due
    from gateway.payments.payers.shares import BadSplit, divide

    parts = parts_of()
    tree = parts.network.tree()
    try:
        with parts.store.write() as unit:
            group = group_named(unit.connection, code)
            books = tree.books_of(group.organisation_id)
            today = day_in(books.time_zone, unit.now)
            owed = whole_due(unit.connection, tree, group, today)
            amount = _askable(amount_of(typed, books.currency) if typed is not None else owed)
            provider, environment = _pushed(parts, group, books.country)
            effect_key, after = f"groups-ask:{ordered_id()}", timedelta(0)
            if each:
                return ask_each(unit, tree, group, amount, provider=provider, environment=environment,
                                effect_key=effect_key, after=after)  # fmt: skip
            wish = ask_group(unit, tree, group, amount, provider=provider, environment=environment,
                             effect_key=effect_key, after=after)  # fmt: skip
            shares = divide(unit.connection, tree, group, books.id, amount, today)
            return [(family, share, wish) for family, share in shares]
    except BadSplit as wrong:
        raise Fault(_bad_split(wrong)) from None


def _askable(amount: Money) -> Money:
    from gateway.payments.push.limits import largest_payment

    if not amount:
        raise Fault("its households owe nothing now: name an --amount")
    most = largest_payment(amount.currency)
    if amount.minor > most.minor:
        raise Fault(f"at most {show_money(most, 'en')} can be asked for at once")
    return amount


def _pushed(parts: Runtime, group: Group, country: str) -> tuple[str, str]:
    """The provider that asks a group's phone, and its word for the operator."""
    if group.msisdn is None:
        raise Fault(f"group {group.code} has no phone: give it one with 'gateway groups add'")
    route = parts.services.route(group.msisdn, country)
    if route is None or route.provider is None:
        raise Fault(f"the phone of group {group.code} can't be asked: no provider that is connected serves it")
    if route.down:
        raise Fault(f"{route.operator} doesn't answer now: try again later")
    return route.provider, route.environment


@groups.command("show")
@click.argument("code")
@limit_option
@json_option
def show_group(code: str, limit: int, as_json: bool) -> None:
    """What a group was asked for and paid, and each household's share of it."""
    from gateway.payments.payers.groups import group_named, payments_of_group
    from gateway.payments.receipts import receipt_number

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        group = group_named(connection, code)
        found = payments_of_group(connection, tree, group, limit)
    zone = tree[group.organisation_id].time_zone

    def as_value() -> list[dict[str, object]]:
        return [
            {
                "receipt": receipt_number(each.one.id),
                "key": each.one.key,
                "state": each.one.state,
                "way": each.one.way,
                "asked_minor": each.one.amount.minor,
                "paid_minor": each.one.paid.minor if each.one.paid else None,
                "currency": (each.one.paid or each.one.amount).currency,
                "day": str(_day(each, zone)),
                "stands": each.where,
                "shares": [
                    {"card": family.card, "receipt": receipt_number(share.id), "state": share.state,
                     "amount_minor": share.amount.minor}
                    for family, share in each.shares
                ],
            }
            for each in found
        ]  # fmt: skip

    def as_text() -> str:
        rows: list[tuple[object, ...]] = []
        for each in found:
            state = {"kept": "paid, to identify", "elsewhere": "paid, not divided"}.get(each.where, each.one.state)
            rows.append((_day(each, zone), receipt_number(each.one.id), state, "",
                         show_money(each.one.paid or each.one.amount, "en")))  # fmt: skip
            rows += [
                ("", receipt_number(share.id), share.state if share.state != each.one.state else "",
                 show_card(family.card), show_money(share.amount, "en"))
                for family, share in each.shares
            ]  # fmt: skip
        return table(rows, ("day", "receipt", "state", "card", "amount"), numbers=(4,))

    show(as_json, as_value, as_text)


def _day(each: GroupPayment, zone: str) -> date:
    from gateway.kernel.clock import day_in

    return day_in(zone, each.one.paid_at or each.one.created_at)
