"""Commands about money that a person must look at: what came unasked, cases, what is undecided, refunds, groups."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli import json_option, show, table
from gateway.kernel.card import BadCard, read_card, show_card
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_name, mask_number
from gateway.kernel.money import BadAmount, Money, read_amount
from gateway.kernel.numbers import read_number, with_check_digit
from gateway.locale import show_money
from gateway.settings import Settings
from gateway.wiring import Runtime

if TYPE_CHECKING:
    from gateway.membership.households import Household
    from gateway.payments.groups import Need
    from gateway.payments.refunds import NoRefund, Refund

under_option = click.option("--under", metavar="CODE", help="The code of an organisation: its own and those below it.")
limit_option = click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
by_option = click.option("--by", "name", required=True, metavar="NAME", help="Who decides: it is kept.")
reason_option = click.option("--reason", required=True, help="Why: it is kept.")

# Why money was not assigned, and why a refund doesn't go on, for whoever asked.
_NOT_ASSIGNED = {
    "gone": "nothing with this number waits to be identified",
    "other-network": "the household doesn't pay into the wallet that this came to",
    "currency": "the household deals in another currency",
    "refund": "this is being given back",
    "no-reason": "a name and a reason are needed",
}
_NO_REFUND = {
    "gone": "there is nothing to give back, or the refund is past this step",
    "too-much": "that is more than is left of what was paid",
    "currency": "it was paid in another currency",
    "part": "money that nobody has identified goes back whole",
    "same-person": "whoever asked can't approve: it takes two",
    "nobody": "a name and a reason are needed",
    "number": "the operator's number of the paying back is needed: 6 to 30 letters and figures",
}


def _parts() -> Runtime:
    return Runtime(Settings.from_env(), patient=True)


def _path(parts: Runtime, under: str | None) -> str:
    return parts.network.tree().named(under).path if under else "/"


def _family(parts: Runtime, typed: str) -> Household:
    from gateway.membership.households import by_card

    try:
        card = read_card(typed)
    except BadCard:
        raise Fault(f"{typed} is no card number") from None
    with parts.store.read() as connection:
        family = by_card(connection, parts.network.tree(), card)
    if family is None:
        raise Fault(f"no household has the card {show_card(card)}")
    return family


def _amount(typed: str, currency: str) -> Money:
    try:
        return read_amount(typed, currency)
    except BadAmount as wrong:
        raise Fault(f"the amount {typed} can't be read: {wrong.args[0]}") from None


# --- what came unasked ------------------------------------------------------------------------------------------------


@click.group()
def incoming() -> None:
    """Money that came without our asking, and that nobody has identified yet."""


@incoming.command("list")
@under_option
@limit_option
@json_option
def list_incoming(under: str | None, limit: int, as_json: bool) -> None:
    """What waits to be identified, the oldest first, and whose it may be."""
    from gateway.payments.assigning import WHY, proposals
    from gateway.payments.groups import groups_of_payer
    from gateway.payments.suspense import held

    parts = _parts()
    tree, today = parts.network.tree(), parts.clock.now().date()
    with parts.store.read() as connection:
        found = [
            (one, proposals(connection, tree, one, today), groups_of_payer(connection, one.payer) if one.payer else [])
            for one in held(connection, tree, _path(parts, under), limit)
        ]

    def as_value() -> list[dict[str, object]]:
        return [
            {
                "number": with_check_digit(one.id),
                "operator": one.operator,
                "operator_number": one.number,
                "organisation": tree[one.organisation_id].code,
                "amount_minor": one.amount.minor,
                "currency": one.amount.currency,
                "reference": one.reference,
                "paid_at": one.paid_at.isoformat(),
                "proposals": [{"card": each.household.card, "why": list(each.why)} for each in likely],
                "groups": [group.code for group in payers],
            }
            for one, likely, payers in found
        ]

    def as_text() -> str:
        lines: list[tuple[object, ...]] = []
        for one, likely, payers in found:
            lines.append(
                (
                    with_check_digit(one.id),
                    f"{one.paid_at:%Y-%m-%d %H:%M}",
                    tree[one.organisation_id].code,
                    show_money(one.amount, "en"),
                    one.operator,
                    one.number,
                    mask_number(one.payer) if one.payer else "",
                    one.reference or "",
                )
            )
            lines += [("", f"  {show_card(each.household.card)}: {'; '.join(WHY[why] for why in each.why)}")
                      for each in likely]  # fmt: skip
            lines += [("", f"  group {group.code}: this phone pays for it") for group in payers]
        heads = ("number", "paid (UTC)", "organisation", "amount", "operator", "its number", "payer", "reference")
        wide = [line for line in lines if len(line) == len(heads)]
        shown = iter(table(wide, heads, numbers=(3,)).splitlines())
        text = [next(shown)]
        for line in lines:
            text.append(next(shown) if len(line) == len(heads) else str(line[1]))
        return "\n".join(text)

    show(as_json, as_value, as_text)


@incoming.command("assign")
@click.argument("number")
@click.argument("card")
@by_option
@reason_option
def assign_incoming(number: str, card: str, name: str, reason: str) -> None:
    """Say whose money is: NUMBER as the list shows it, CARD of the household."""
    from gateway.payments.assigning import assign
    from gateway.payments.receipts import receipt_number
    from gateway.payments.suspense import NotAssigned

    parts = _parts()
    family = _family(parts, card)
    with parts.store.write() as unit:
        done = assign(unit, parts.network.tree(), parts.services.chart, read_number(number) or 0, family, name, reason)
    if isinstance(done, NotAssigned):
        raise Fault(_NOT_ASSIGNED[done.why])
    click.echo(f"counted for card {show_card(family.card)}: receipt {receipt_number(done.collection_id)}")


# --- cases ------------------------------------------------------------------------------------------------------------


@click.group()
def cases() -> None:
    """What about money a person must decide."""


@cases.command("list")
@under_option
@limit_option
@json_option
def list_cases(under: str | None, limit: int, as_json: bool) -> None:
    """The open cases, the oldest first."""
    from gateway.payments.cases import open_cases

    parts = _parts()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        found = open_cases(connection, _path(parts, under), limit)

    def as_value() -> list[dict[str, object]]:
        return [
            {
                "number": one.number,
                "kind": one.kind,
                "opened_at": one.opened_at.isoformat(),
                "organisation": tree[one.organisation_id].code,
                "said": one.said,
                "collection": one.collection_key,
                "incoming": with_check_digit(one.incoming_id) if one.incoming_id is not None else None,
                "amount_minor": one.amount.minor if one.amount else None,
                "currency": one.amount.currency if one.amount else None,
            }
            for one in found
        ]

    def as_text() -> str:
        rows = [
            (
                one.number,
                f"{one.opened_at:%Y-%m-%d %H:%M}",
                tree[one.organisation_id].code,
                one.kind,
                show_money(one.amount, "en") if one.amount else "",
                one.collection_key or (f"incoming {with_check_digit(one.incoming_id)}" if one.incoming_id else ""),
                one.said,
            )
            for one in found
        ]
        return table(rows, ("number", "opened (UTC)", "organisation", "kind", "amount", "of", "what"), numbers=(4,))

    show(as_json, as_value, as_text)


@cases.command("close")
@click.argument("number")
@by_option
@click.option("--note", required=True, help="What was decided: it is kept.")
def close(number: str, name: str, note: str) -> None:
    """Close a case. No money moves by it."""
    from gateway.payments.cases import case_numbered, close_case

    if not name.strip() or not note.strip():
        raise Fault("a name and a note are needed")
    with _parts().store.write() as unit:
        one = case_numbered(unit.connection, number)
        if one is None or not close_case(unit, one.id, name, note):
            raise Fault(f"no case {number} is open")
    click.echo(f"case {one.number} is closed")


@click.command("undecided")
@click.option("--hours", default=0, show_default=True, type=click.IntRange(0), help="Only those older than this.")
@limit_option
@json_option
def undecided(hours: int, limit: int, as_json: bool) -> None:
    """What operators have said neither yes nor no to, why, since when, and what comes next."""
    from datetime import timedelta

    from gateway.payments.cases import undecided as read_undecided

    parts = _parts()
    with parts.store.read() as connection:
        found = read_undecided(connection, parts.clock.now(), timedelta(hours=hours), limit)

    def as_value() -> list[dict[str, object]]:
        return [
            {
                "key": one.collection.key,
                "state": one.collection.state,
                "reason": one.reason,
                "age_s": int(one.age.total_seconds()),
                "amount_minor": one.collection.amount.minor,
                "currency": one.collection.amount.currency,
                "provider": one.collection.provider,
                "next_step": one.next_step,
            }
            for one in found
        ]

    def as_text() -> str:
        rows = [
            (
                one.collection.key,
                one.collection.state,
                one.reason,
                f"{one.age.total_seconds() / 3600:.1f} h",
                show_money(one.collection.amount, "en"),
                one.collection.provider,
                one.next_step,
            )
            for one in found
        ]
        return table(rows, ("key", "state", "reason", "age", "amount", "provider", "next step"), numbers=(3, 4))

    show(as_json, as_value, as_text)


# --- refunds ----------------------------------------------------------------------------------------------------------


@click.group()
def refunds() -> None:
    """Money given back: asked for by one person, approved by another, in the books once it is paid out."""


def _went_on(done: Refund | NoRefund) -> None:
    from gateway.payments.refunds import NoRefund

    if isinstance(done, NoRefund):
        raise Fault(_NO_REFUND[done.why])
    click.echo(f"refund {done.number}: {show_money(done.amount, 'en')}, {done.state}")


@refunds.command("ask")
@click.option("--collection", "key", help="The key of the payment.")
@click.option("--incoming", "number", help="The number of money that nobody has identified.")
@click.option("--amount", "typed", required=True, help="How much.")
@by_option
@reason_option
def ask(key: str | None, number: str | None, typed: str, name: str, reason: str) -> None:
    """Ask that money be given back."""
    from gateway.payments.collections import by_key
    from gateway.payments.refunds import ask_refund
    from gateway.payments.suspense import held_numbered

    if (key is None) == (number is None):
        raise click.UsageError("name either --collection or --incoming")
    parts = _parts()
    with parts.store.write() as unit:
        if key is not None:
            one = by_key(unit.connection, key)
            currency = (one.paid or one.amount).currency if one is not None else None
        else:
            came = held_numbered(unit.connection, read_number(number or "") or 0)
            currency = came.amount.currency if came is not None else None
        if currency is None:
            raise Fault(_NO_REFUND["gone"])
        asked = ask_refund(
            unit,
            parts.network.tree(),
            collection_key=key,
            incoming_id=read_number(number) if number else None,
            amount=_amount(typed, currency),
            reason=reason,
            by=name,
        )
    _went_on(asked)


@refunds.command("approve")
@click.argument("number")
@by_option
def approve_refund(number: str, name: str) -> None:
    """Approve, as another person than the one who asked."""
    from gateway.payments.refunds import approve

    with _parts().store.write() as unit:
        done = approve(unit, number, name)
    _went_on(done)


@refunds.command("paid")
@click.argument("number")
@click.argument("operator_number")
def refund_paid(number: str, operator_number: str) -> None:
    """It was paid out, under this number of the operator's: only now it is in the books."""
    from gateway.payments.refunds import paid

    parts = _parts()
    with parts.store.write() as unit:
        done = paid(unit, parts.network.tree(), parts.services.chart, number, operator_number)
    _went_on(done)


@refunds.command("drop")
@click.argument("number")
@by_option
@reason_option
def drop_refund(number: str, name: str, reason: str) -> None:
    """Refuse it, or drop it as whoever asked."""
    from gateway.payments.refunds import drop

    with _parts().store.write() as unit:
        done = drop(unit, number, name, reason)
    _went_on(done)


@refunds.command("list")
@under_option
@click.option("--all", "every", is_flag=True, help="Also those that are over, the newest first.")
@limit_option
@json_option
def list_refunds(under: str | None, every: bool, limit: int, as_json: bool) -> None:
    """The refunds that wait for somebody."""
    from gateway.payments.refunds import refunds as read_refunds

    parts = _parts()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        found = read_refunds(connection, _path(parts, under), every, limit)

    def as_value() -> list[dict[str, object]]:
        return [
            {
                "number": one.number,
                "state": one.state,
                "organisation": tree[one.organisation_id].code,
                "amount_minor": one.amount.minor,
                "currency": one.amount.currency,
                "reason": one.reason,
                "asked_at": one.asked_at.isoformat(),
                "asked_by": one.asked_by,
                "approved_by": one.approved_by,
                "said": one.said,
            }
            for one in found
        ]

    def as_text() -> str:
        rows = [
            (
                one.number,
                f"{one.asked_at:%Y-%m-%d %H:%M}",
                tree[one.organisation_id].code,
                show_money(one.amount, "en"),
                one.state,
                one.asked_by,
                one.approved_by or "",
                one.reason,
            )
            for one in found
        ]
        heads = ("number", "asked (UTC)", "organisation", "amount", "state", "asked by", "approved by", "reason")
        return table(rows, heads, numbers=(3,))

    show(as_json, as_value, as_text)


# --- groups -----------------------------------------------------------------------------------------------------------


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

    parts = _parts()
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

    parts = _parts()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        found = [(one, len(members_of(connection, tree, one))) for one in read_groups(connection, _path(parts, under))]

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

    parts = _parts()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        group = group_named(connection, code)
        members = members_of(connection, tree, group)
        wanted: list[Need] = needs(connection, members, parts.clock.now().date())
    amount = _amount(typed, tree[group.organisation_id].currency)
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

    parts = _parts()
    tree = parts.network.tree()
    try:
        with parts.store.write() as unit:
            group = group_named(unit.connection, code)
            done = post_for_group(unit, tree, parts.services.chart, read_number(number) or 0, group, name, reason)
    except BadSplit as wrong:
        raise Fault(_bad_split(wrong)) from None
    if isinstance(done, NotAssigned):
        raise Fault(_NOT_ASSIGNED[done.why])
    return [(family, receipt_number(its_id), amount) for family, its_id, amount in done.shares]


def _bad_split(wrong: Exception) -> str:
    words = {
        "nobody": "the group has no household",
        "amount": "there is nothing to divide",
        "no-fixed": "a household of the group has no amount of its own: import its list again",
        "not-the-sum": "the amount isn't the sum of the group's own amounts",
    }
    return words[wrong.args[0]]
