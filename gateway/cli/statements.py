"""Commands about statements of operators and banks: taken in, listed, each line with what it was matched with."""

from __future__ import annotations

import getpass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli import counting, json_option, show, table
from gateway.cli.fetching import fetch_statement
from gateway.cli.given import limit_option, parts_of, path_of, under_option
from gateway.cli.profiles import profile, profile_called
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.kernel.numbers import read_number, with_check_digit
from gateway.locale import show_money

if TYPE_CHECKING:
    from gateway.payments.reconciliation.kept import Kept
    from gateway.payments.reconciliation.wallets import Wallet
    from gateway.payments.statements.hints import Hints
    from gateway.wiring import Runtime


_DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def statement() -> None:
    """Statements of operators and banks: taken in, listed, looked into; gateway reconcile then matches them."""


statement.add_command(fetch_statement)
statement.add_command(profile)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


@statement.command("import")
@click.argument("provider")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--of", "code", metavar="CODE", help="Whose account it is; by default the whole network's.")
@click.option("--bank", is_flag=True, help="PROVIDER is a bank: its money stands on 521, not on 552.")
@click.option("--currency", metavar="XOF", help="Of the account, where it isn't the organisation's own.")
@click.option(
    "--profile", metavar="NAME", help="How to read it: see gateway statement profile. Else its layout is found out."
)
@click.option(
    "--dates", type=click.Choice(["dmy", "mdy", "ymd"]), help="The order of dates, where the file leaves it open."
)
@click.option("--from", "first", type=_DAY, metavar="YYYY-MM-DD", help="The first day that it was exported for.")
@click.option("--until", "last", type=_DAY, metavar="YYYY-MM-DD", help="The last one.")
@click.option("--by", default=_user, metavar="NAME", help="Who brings it: it is kept. By default the system's user.")
def import_statement(
    provider: str,
    file: Path,
    code: str | None,
    bank: bool,
    currency: str | None,
    profile: str | None,
    dates: Any,
    first: datetime | None,
    last: datetime | None,
    by: str,
) -> None:
    """Take in a statement: FILE of the operator or bank PROVIDER (mtn_momo, pawapay, mpesa, orange_money, …).

    It is kept whole or not at all; what an earlier statement had is left out. `gateway reconcile` then matches it.
    Say --from and --until, the days that you asked the operator for: without them a day counts as covered only from
    its first line to its last one, and what nobody said can be said later, with the same file.
    """
    from gateway.payments.reconciliation.wallets import forget_unused

    if (first is None) != (last is None) or (first and last and first > last):
        raise Fault("--from and --until go together, the first day and the last")
    days = (first.date(), last.date()) if first and last else None
    parts = parts_of()
    wallet = wallet_for(parts, provider, code, bank, currency)
    try:
        bring_in(parts, wallet, file, hints_for(parts, wallet, profile, dates), by, days)
    finally:
        # Whoever named a wrong account has opened none by it.
        with parts.store.write() as unit:
            forget_unused(unit, wallet)


def bring_in(parts: Runtime, wallet: Wallet, file: Path, hints: Hints, by: str, days: tuple[date, date] | None) -> None:
    """Take a file in and say what came of it; raises :class:`Fault` where nothing was taken in."""
    from gateway.payments.reconciliation.taking_in import Again, take_in
    from gateway.payments.statements.lines import BadStatement

    tree = parts.network.tree()
    zone = tree[wallet.organisation_id].time_zone
    with counting("reading") as progress:
        try:
            done = take_in(parts.store, tree, wallet, file, hints, by, progress, days)
        except BadStatement as wrong:
            raise Fault(f"{file.name}: {wrong}: nothing was taken in") from None
    if isinstance(done, Again):
        one = done.statement
        number, on = with_check_digit(one.id), f"{one.imported_at:%Y-%m-%d}"
        click.echo(
            f"known: this file is statement {number}, taken in on {on}; it is of {' to '.join(_days(one, zone))}"
        )
        return
    known = f", {done.repeated} known from earlier statements" if done.repeated else ""
    lines = "1 line" if done.lines == 1 else f"{done.lines} lines"
    span = " to ".join(_days(done, zone))
    click.echo(f"statement {with_check_digit(done.id)} ({done.format}): {lines}{known}, {span}")
    click.echo("next: gateway reconcile")


def wallet_for(parts: Runtime, provider: str, code: str | None, bank: bool, currency: str | None) -> Wallet:
    """The account that a statement is of; raises :class:`Fault` where it isn't said whose."""
    from gateway.payments.reconciliation.wallets import open_wallet

    tree = parts.network.tree()
    if code is None:
        roots = [one for one in tree.by_id.values() if one.parent_id is None]
        if len(roots) != 1:
            raise Fault(f"say whose account it is: --of CODE, of {', '.join(one.code for one in roots)} or one below")
        whose = roots[0]
    else:
        whose = tree.named(code)
    if not bank:
        _check_operator(parts, provider)
    with parts.store.write() as unit:
        return open_wallet(unit, whose, provider, "bank" if bank else "wallet", currency)


def _check_operator(parts: Runtime, provider: str) -> None:
    """A slip of the pen opens no account: an operator is one of the plan's, or one that has a wallet already."""
    from gateway.payments.names import operator_word
    from gateway.payments.reconciliation.wallets import wallets
    from gateway.payments.statements.formats.layouts import OPERATORS

    known = OPERATORS | {operator_word(one.name) for one in parts.operators.all}
    with parts.store.read() as connection:
        own = {one.operator for one in wallets(connection, parts.network.tree())}
    if operator_word(provider) not in known | own:
        raise Fault(f"{provider} is no operator: say --bank where it is a bank, or one of {', '.join(sorted(known))}")


def hints_for(parts: Runtime, one: Wallet, profile: str | None = None, dates: Any = None) -> Hints:
    """What is known of a wallet's statements before one is read."""
    from gateway.payments.statements.hints import Hints
    from gateway.payments.statements.profiles import profiles

    whose = parts.network.tree()[one.organisation_id]
    with parts.store.read() as connection:
        chosen = profile_called(connection, profile) if profile else None
        saved = tuple(mapping for _, mapping in profiles(connection))
    return Hints(one.currency, whose.country, whose.time_zone, profile=chosen, date_order=dates, known=saved)


def _days(one: Kept, zone: str) -> tuple[str, str]:
    """The first and the last day that a statement is of, where its account is."""
    last = max(one.from_at, one.until_at - timedelta(microseconds=1))
    return str(day_in(zone, one.from_at)), str(day_in(zone, last))


@statement.command("list")
@under_option
@limit_option
@json_option
def list_statements(under: str | None, limit: int, as_json: bool) -> None:
    """The statements that were taken in, the newest first."""
    from gateway.payments.reconciliation.kept import left_of, statements
    from gateway.payments.reconciliation.wallets import wallet_name, wallets

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        own = {one.id: one for one in wallets(connection, tree, path_of(parts, under))}
        found = statements(connection, list(own), limit)
        left = {one.id: left_of(connection, one.id) for one in found}

    def as_value() -> list[dict[str, object]]:
        return [
            {
                "number": with_check_digit(one.id),
                "wallet": wallet_name(tree, own[one.wallet_id]),
                "file": one.file_name,
                "format": one.format,
                "from": one.from_at.isoformat(),
                "until": one.until_at.isoformat(),
                "lines": one.lines,
                "repeated": one.repeated,
                "unmatched": left[one.id],
                "opening_minor": one.opening_minor,
                "closing_minor": one.closing_minor,
                "currency": own[one.wallet_id].currency,
                "imported_by": one.imported_by,
                "imported_at": one.imported_at.isoformat(),
                "reconciled_at": one.reconciled_at.isoformat() if one.reconciled_at else None,
            }
            for one in found
        ]

    def as_text() -> str:
        rows = [
            (
                with_check_digit(one.id),
                wallet_name(tree, own[one.wallet_id]),
                *_days(one, tree[own[one.wallet_id].organisation_id].time_zone),
                one.lines,
                left[one.id],
                one.format,
                one.file_name,
            )
            for one in found
        ]
        heads = ("number", "wallet", "first day", "last day", "lines", "unmatched", "read as", "file")
        return table(rows, heads, numbers=(4, 5))

    show(as_json, as_value, as_text)


# How a line was matched, for people: behind "by".
HOW = {
    "operator-id": "the operator's number of the transaction",
    "our-id": "our key, which the operator repeats",
    "reference": "the card in the reference, the amount and the day",
    "payer": "the payer's number, the amount and the hour",
    "time": "the amount and the minute, as nothing else could be meant",
    "many-lines": "several lines that add up to it",
    "many-ours": "several movements of one day that add up to it",
    "rule": "a rule, which posted it from the statement",
    "person": "somebody's word",
}


@statement.command("show")
@click.argument("number")
@click.option("--line", type=click.IntRange(1), help="Only this row of the file.")
@click.option("--unmatched", is_flag=True, help="Only lines that nothing was matched with.")
@limit_option
@json_option
def show_statement(number: str, line: int | None, unmatched: bool, limit: int, as_json: bool) -> None:
    """The lines of a statement, each with what it was matched with and why: NUMBER as the list shows it."""
    from gateway.kernel.masking import mask_number
    from gateway.payments.reconciliation.explained import explained

    parts = parts_of()
    with parts.store.read() as connection:
        found = explained(connection, read_number(number) or 0, line, unmatched, limit)
    if found is None:
        raise Fault(f"no statement has the number {number}")
    currency, lines = found

    def as_value() -> list[dict[str, object]]:
        return [
            {
                "line": each.line,
                "at": each.at.isoformat(),
                "kind": each.kind,
                "amount_minor": each.amount,
                "fee_minor": each.fee,
                "currency": currency,
                "operator_number": each.operator_id,
                "reference": each.reference,
                "payer": mask_number(each.payer) if each.payer else None,
                "said": each.said,
                "matched": each.how,
                "with": each.matched_with,
                "differences": list(each.differences),
            }
            for each in lines
        ]

    def as_text() -> str:
        rows = [
            (
                each.line,
                f"{each.at:%Y-%m-%d %H:%M}",
                each.kind,
                show_money(Money(each.amount, currency), "en"),
                each.operator_id or "",
                each.matched_with or "-",
                "; ".join([f"by {HOW[each.how]}" if each.how else "not matched", *each.differences]),
            )
            for each in lines
        ]
        return table(rows, ("line", "at (UTC)", "kind", "amount", "its number", "with", "why"), numbers=(0, 3))

    show(as_json, as_value, as_text)
