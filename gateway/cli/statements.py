"""Commands about statements of operators and banks: taken in, listed, each line with what it was matched with."""

from __future__ import annotations

import getpass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli import counting, json_option, show, table
from gateway.cli.given import limit_option, parts_of, path_of, under_option
from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.kernel.numbers import read_number, with_check_digit
from gateway.locale import show_money

if TYPE_CHECKING:
    from gateway.payments.reconciliation.kept import Kept
    from gateway.payments.reconciliation.wallets import Wallet
    from gateway.payments.statements.hints import Hints
    from gateway.wiring import Runtime


@click.group()
def statement() -> None:
    """Statements of operators and banks."""


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
@click.option("--currency", help="Of the account, where it isn't the organisation's own.")
@click.option("--profile", metavar="NAME", help="Read it as a saved profile says; else the layout is detected.")
@click.option(
    "--dates", type=click.Choice(["dmy", "mdy", "ymd"]), help="The order of dates, where the file leaves it open."
)
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="The first day that it was exported for.")
@click.option("--until", "last", type=click.DateTime(["%Y-%m-%d"]), help="The last one.")
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
    """
    from gateway.payments.reconciliation.kept import Again, take_in
    from gateway.payments.statements.lines import BadStatement

    if (first is None) != (last is None) or (first and last and first > last):
        raise Fault("--from and --until go together, the first day and the last")
    days = (first.date(), last.date()) if first and last else None
    parts = parts_of()
    wallet = _wallet_for(parts, provider, code, bank, currency)
    tree = parts.network.tree()
    hints = _hints(parts, wallet, profile, dates)
    with counting("reading") as progress:
        try:
            done = take_in(parts.store, tree, wallet, file, hints, by, progress, days)
        except BadStatement as wrong:
            raise Fault(f"{file.name}: {wrong}: nothing was taken in") from None
    if isinstance(done, Again):
        one = done.statement
        click.echo(f"known: this file is statement {with_check_digit(one.id)} of {one.imported_at:%Y-%m-%d}")
        return
    known = f", {done.repeated} known from earlier statements" if done.repeated else ""
    click.echo(f"statement {with_check_digit(done.id)} ({done.format}): {done.lines} lines{known}, {_span(done)}")
    click.echo("next: gateway reconcile")


def _wallet_for(parts: Runtime, provider: str, code: str | None, bank: bool, currency: str | None) -> Wallet:
    from gateway.payments.reconciliation.wallets import open_wallet

    tree = parts.network.tree()
    if code is None:
        roots = [one for one in tree.by_id.values() if one.parent_id is None]
        if len(roots) != 1:
            raise Fault("name whose account it is: --of CODE")
        whose = roots[0]
    else:
        whose = tree.named(code)
    with parts.store.write() as unit:
        return open_wallet(unit, whose, provider, "bank" if bank else "wallet", currency)


def _hints(parts: Runtime, one: Wallet, profile: str | None, dates: Any) -> Hints:
    from gateway.payments.statements.hints import Hints
    from gateway.payments.statements.profiles import profile_named, profiles

    whose = parts.network.tree()[one.organisation_id]
    with parts.store.read() as connection:
        chosen = profile_named(connection, profile) if profile else None
        saved = tuple(mapping for _, mapping in profiles(connection))
    return Hints(one.currency, whose.country, whose.time_zone, profile=chosen, date_order=dates, known=saved)


def _span(one: Kept) -> str:
    return f"{one.from_at:%Y-%m-%d %H:%M} to {one.until_at:%Y-%m-%d %H:%M} (UTC)"


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
                f"{one.from_at:%Y-%m-%d}",
                f"{one.until_at:%Y-%m-%d}",
                one.lines,
                left[one.id],
                one.format,
                one.file_name,
            )
            for one in found
        ]
        heads = ("number", "wallet", "from", "until", "lines", "unmatched", "read as", "file")
        return table(rows, heads, numbers=(4, 5))

    show(as_json, as_value, as_text)


# How a line was matched, for people.
HOW = {
    "operator-id": "the operator's number of the transaction",
    "our-id": "our key, which the operator repeats",
    "reference": "the card in the reference, the amount and the day",
    "payer": "the payer's number, the amount and the hour",
    "time": "the amount and the minute: nothing else could be meant",
    "many-lines": "several lines that make it up together",
    "many-ours": "several movements of one day, which it is the sum of",
    "rule": "what it made itself: posted from the statement",
    "person": "what somebody said it is",
}


@statement.command("show")
@click.argument("number")
@click.option("--line", type=click.IntRange(1), help="Only this row of the file.")
@click.option("--unmatched", is_flag=True, help="Only what nothing was matched with.")
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
