"""Commands about what groups kept back from their members: lists, the payment of each, and a group's statement."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import by_option, counted, limit_option, parts_of, path_of, reason_option, under_option
from gateway.kernel.card import show_card
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_name
from gateway.kernel.numbers import read_number
from gateway.locale import NAMES, Say, show_money

if TYPE_CHECKING:
    from gateway.network.organisations import Tree
    from gateway.payments.payers.deduction_lists import Deduction
    from gateway.payments.payers.group_statements import GroupStatement
    from gateway.payments.payers.shares import Group

_DAY = click.DateTime(["%Y-%m-%d"])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def deductions() -> None:
    """What groups kept back from their members at harvest time: lists, each divides one payment exactly."""


def _id(typed: str) -> int:
    found = read_number(typed)
    if found is None:
        raise Fault(f"{typed} is no number of a list: see gateway groups deductions list")
    return found


@deductions.command("hand-in")
@click.argument("code")
@click.argument("file", type=_FILE)
@click.option("--label", required=True, help="What it is of: the delivery, the month.")
@click.option("--replaces", metavar="NUMBER", help="The list that this one corrects.")
@click.option("--dry-run", is_flag=True, help="Only say what is wrong, row by row.")
@by_option
def hand_in(code: str, file: Path, label: str, replaces: str | None, dry_run: bool, name: str) -> None:
    """Read the list of a group (its CODE) from a FILE (CSV or XLSX): card or name, and the amount kept back."""
    from gateway.payments.payers import deductions as handing
    from gateway.payments.payers.deduction_reading import MOST_BYTES, read_deductions
    from gateway.payments.payers.groups import group_named
    from gateway.payments.statements.plain_tables import tables

    parts, say = parts_of(), Say("en")
    tree = parts.network.tree()
    with parts.store.read() as connection:
        group = group_named(connection, code)
        read = read_deductions(connection, tree, group, tables(file.read_bytes(), MOST_BYTES))
    for row in read.rows:
        for one in row.told:
            why = say(one.why, **one.values)
            click.echo(f"row {row.number}: {why}{' (warning)' if one.warns else ''}", err=True)
    if dry_run or read.wrong:
        if read.wrong:
            raise Fault(f"{counted(read.wrong, 'row')} can't be taken: correct the file; nothing was kept")
        click.echo(f"{counted(len(read.rows), 'row')} can be taken; nothing was kept")
        return
    with parts.store.write() as unit:
        before = _id(replaces) if replaces else None
        kept = handing.hand_in(unit, tree, group, label, file.name, read, name, before)
    click.echo(f"list {kept.number}: {show_money(kept.total, 'en')}; if it is right: "
               f"gateway groups deductions accept {kept.number}")  # fmt: skip


@deductions.command("accept")
@click.argument("number")
@by_option
def accept(number: str, name: str) -> None:
    """The list is right, and waits for its payment."""
    from gateway.payments.payers import deductions as handing

    with parts_of().store.write() as unit:
        one = handing.accept(unit, _id(number), name)
    click.echo(
        f"list {one.number} waits for {show_money(one.total, 'en')}: let the group type {one.number} as reference"
    )


@deductions.command("list")
@under_option
@limit_option
@json_option
def list_deductions(under: str | None, limit: int, as_json: bool) -> None:
    """The lists, the newest first."""
    from gateway.payments.payers.deduction_lists import deductions as read_lists
    from gateway.payments.payers.shares import group_by_id

    parts = parts_of()
    with parts.store.read() as connection:
        found = [
            (one, group_by_id(connection, one.group_id).code)
            for one in read_lists(connection, path_of(parts, under), limit)
        ]

    def as_text() -> str:
        rows = [(one.number, code, one.label, one.state, show_money(one.total, "en"), one.by_name)
                for one, code in found]  # fmt: skip
        return table(rows, ("number", "group", "label", "state", "sum", "by"), numbers=(4,))

    show(as_json, lambda: [_value(one, code) for one, code in found], as_text)


def _value(one: Deduction, code: str) -> dict[str, object]:
    return {
        "number": one.number,
        "group": code,
        "label": one.label,
        "state": one.state.value,
        "total_minor": one.total.minor,
        "currency": one.total.currency,
        "by": one.by_name,
        "asked_by": one.asked_by,
        "decided_by": one.decided_by,
    }


@deductions.command("show")
@click.argument("number")
@json_option
def show_deduction(number: str, as_json: bool) -> None:
    """One list: its rows, what pays it, what is missing, and what money may be meant for it."""
    from gateway.kernel.numbers import with_check_digit
    from gateway.payments.payers import deduction_lists as lists
    from gateway.payments.payers.deductions import candidates, difference
    from gateway.payments.payers.shares import group_by_id

    parts, say = parts_of(), Say("en")
    with parts.store.read() as connection:
        one = lists.deduction_with(connection, _id(number))
        code = group_by_id(connection, one.group_id).code
        lines, paying = lists.lines_of(connection, one), lists.parts_of(connection, one)
        meant = candidates(connection, parts.network.tree(), one) if one.state is lists.State.WAITING else []
    gap = difference(one, paying)

    def as_value() -> dict[str, object]:
        rows = [
            {"row": each.number, "card": each.card, "amount_minor": each.amount.minor if each.amount else None,
             "faults": lists.said_of(say, each.faults), "warnings": lists.said_of(say, each.warnings)}
            for each in lines
        ]  # fmt: skip
        return {
            **_value(one, code),
            "rows": rows,
            "paid_minor": sum(part.amount.minor for part in paying),
            "missing_minor": gap.missing.minor,
            "rest_minor": gap.rest.minor,
            "may_pay": [with_check_digit(each.incoming_id) for each in meant],
        }

    def as_text() -> str:
        rows = [
            (each.number, show_card(each.card) if each.card else each.named, mask_name(each.head or ""),
             show_money(each.amount, "en") if each.amount else "", "; ".join(lists.said_of(say, each.faults)))
            for each in lines
        ]  # fmt: skip
        said = [f"list {one.number} of group {code}: {one.label}, {show_money(one.total, 'en')} ({one.state})"]
        said.append(table(rows, ("row", "card", "household", "amount", ""), numbers=(0, 3)))
        said += [f"paid by {part.operator or 'the group account'} {part.operator_number or ''}: "
                 f"{show_money(part.amount, 'en')}" for part in paying]  # fmt: skip
        if one.state is lists.State.WAITING:
            said.append(f"missing: {show_money(gap.missing, 'en')}; too much: {show_money(gap.rest, 'en')}")
            said += [f"may pay it: {with_check_digit(each.incoming_id)} {show_money(each.amount, 'en')}"
                     f"{' (named, or the sum)' if each.meant else ''}" for each in meant]  # fmt: skip
        return "\n".join(said)

    show(as_json, as_value, as_text)


@deductions.command("pay")
@click.argument("number")
@click.option("--incoming", "incoming", help="Money that waits to be identified: its number in 'incoming list'.")
@click.option("--from-account", is_flag=True, help="What is missing comes from the group's own account.")
@by_option
def pay(number: str, incoming: str | None, from_account: bool, name: str) -> None:
    """Say which money pays a list; nothing is posted yet."""
    from gateway.payments.payers import deductions as handing

    if (incoming is None) == (not from_account):
        raise click.UsageError("name either --incoming or --from-account")
    parts = parts_of()
    with parts.store.write() as unit:
        if incoming is not None:
            handing.add_payment(unit, parts.network.tree(), _id(number), read_number(incoming) or 0, name)
        else:
            handing.add_from_account(unit, parts.network.tree(), _id(number), name)
    click.echo(f"list {number}: when its sum is there: gateway groups deductions divide {number}")


@deductions.command("divide")
@click.argument("number")
@click.option("--rest-to-group", is_flag=True, help="What is too much goes on the group's account.")
@by_option
@reason_option
def divide(number: str, rest_to_group: bool, name: str, reason: str) -> None:
    """Divide what pays a list exactly by it; above a limit another person approves first."""
    from gateway.payments.payers.deduction_lists import State
    from gateway.payments.payers.dividing import divide_now

    parts = parts_of()
    with parts.store.write() as unit:
        one = divide_now(
            unit, parts.network.tree(), parts.services.chart, _id(number), name, reason, rest_to_group=rest_to_group
        )
    if one.state is State.PROPOSED:
        click.echo(f"another person has to approve it: gateway groups deductions approve {number}")
    else:
        click.echo(f"list {one.number}: divided, {show_money(one.total, 'en')}")


@deductions.command("approve")
@click.argument("number")
@by_option
def approve_list(number: str, name: str) -> None:
    """Another person agrees: the list is divided."""
    from gateway.payments.payers.dividing import approve

    parts = parts_of()
    with parts.store.write() as unit:
        one = approve(unit, parts.network.tree(), parts.services.chart, _id(number), name)
    click.echo(f"list {one.number}: divided, {show_money(one.total, 'en')}")


@deductions.command("refuse")
@click.argument("number")
@by_option
def refuse_list(number: str, name: str) -> None:
    """It isn't to be divided so: the list waits again."""
    from gateway.payments.payers.dividing import refuse

    with parts_of().store.write() as unit:
        refuse(unit, _id(number), name)
    click.echo(f"list {number} waits again")


@deductions.command("withdraw")
@click.argument("number")
@by_option
@reason_option
def withdraw_list(number: str, name: str, reason: str) -> None:
    """The list comes to nothing; its money waits to be identified again."""
    from gateway.payments.payers.deductions import withdraw

    with parts_of().store.write() as unit:
        withdraw(unit, _id(number), name, reason)
    click.echo(f"list {number}: withdrawn")


@click.command("statement")
@click.argument("code")
@click.option("--from", "first", type=_DAY, required=True, metavar="YYYY-MM-DD")
@click.option("--to", "last", type=_DAY, required=True, metavar="YYYY-MM-DD")
@click.option("--file", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write it: .csv, .xlsx or .pdf.")
@click.option("--language", type=click.Choice(sorted(NAMES)), help="Of the file; else DEFAULT_LANGUAGE.")
@json_option
def statement(
    code: str, first: datetime, last: datetime, file: Path | None, language: str | None, as_json: bool
) -> None:
    """What a group (its CODE) paid, how it was divided, and what stands on its account."""
    from gateway.payments.payers.group_statements import balance_of_group, statement_of_group
    from gateway.payments.payers.groups import group_named

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        group = group_named(connection, code)
        one = statement_of_group(connection, tree, group, first.date(), last.date())
        stands = balance_of_group(connection, tree, group)
    if file is not None:
        _write(parts.defaults.language if language is None else language, file, one, group, tree)
        click.echo(f"{file}: {counted(len(one.payments), 'payment')}")
        return

    def as_value() -> dict[str, object]:
        return {
            "group": code,
            "currency": one.opening.currency,
            "paid_minor": one.came.minor,
            "divided_minor": one.divided.minor,
            "account_minor": stands.account.minor,
            "undivided_minor": stands.suspense.minor,
            "payments": [
                {"receipt": each.receipt, "on": each.on, "amount_minor": each.amount.minor, "state": each.one.state,
                 "shares": [{"card": given.card, "receipt": given.receipt, "amount_minor": given.amount.minor}
                            for given in each.shares]}
                for each in one.payments
            ],
        }  # fmt: skip

    def as_text() -> str:
        rows = [(each.on, each.receipt, each.one.state, len(each.shares), show_money(each.amount, "en"))
                for each in one.payments]  # fmt: skip
        listed = table(rows, ("day", "receipt", "state", "households", "amount"), numbers=(3, 4))
        return (
            f"{listed}\npaid {show_money(one.came, 'en')}, divided {show_money(one.divided, 'en')}; "
            f"on the group's account {show_money(stands.account, 'en')}, to divide {show_money(stands.suspense, 'en')}"
        )

    show(as_json, as_value, as_text)


def _write(language: str, file: Path, one: GroupStatement, group: Group, tree: Tree) -> None:
    from gateway.ledger.exports import whole, write
    from gateway.membership.paper import register_pdf
    from gateway.payments.payers.group_statements import SHARES, statement_sheet

    say = Say(language)
    sheet, kind = statement_sheet(one, group, say), file.suffix.lower().removeprefix(".")
    if kind == "pdf":
        content = register_pdf(sheet, SHARES, tree[group.organisation_id].name, one.last, say)
        with whole(file) as part:
            part.write_bytes(content)
    elif kind in ("csv", "xlsx"):
        write(sheet, file, "csv" if kind == "csv" else "xlsx")
    else:
        raise Fault(f"{file}: name a file that ends with .csv, .xlsx or .pdf")
