"""Commands about the books: balances and journals, registers, months that are closed, the chain, files for accountants.

The registers show heads of households by name: they are what the office keeps, printed for whoever runs the command.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import by_option, family_of, parts_of, path_of, under_option
from gateway.kernel.card import show_card
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.money import EXPONENT, Money
from gateway.ledger.chart import ROLES
from gateway.ledger.registers import JOURNALS
from gateway.locale import NAMES, Say, show_money
from gateway.network.organisations import Organisation
from gateway.wiring import Runtime

if TYPE_CHECKING:
    from gateway.ledger.exports import Sheet
    from gateway.ledger.registers import AccountBook, TrialRow

Command = Callable[..., Any]
# The registers that people keep by hand.
BOOKS = ("cash", "collectors", "wallet", "bank")

books_option = click.option("--books", "code", required=True, metavar="CODE", help="The organisation whose books.")
currency_option = click.option(
    "--currency", type=click.Choice(sorted(EXPONENT)), help="In this currency; else in the organisation's own."
)
_day = click.DateTime(["%Y-%m-%d"])


def span_options(command: Command) -> Command:
    """A month, or from a day to a day."""
    for option in (
        click.option("--to", "to", type=_day, help="To this day; else to today, where the mutuelle is."),
        click.option("--from", "since", type=_day, help="From this day; else from the first of its month."),
        click.option("--month", metavar="YYYY-MM", help="This month, instead of days."),
    ):
        command = option(command)
    return command


@dataclasses.dataclass(frozen=True)
class Asked:
    """The parts of the program, whose books are asked for, and from when to when."""

    parts: Runtime
    books: Organisation
    first: date
    last: date

    def currency(self, given: str | None) -> str:
        return given or self.books.currency


def _asked(code: str, month: str | None, since: datetime | None, to: datetime | None) -> Asked:
    from gateway.ledger.closing import read_month
    from gateway.ledger.rules import month_of, next_month

    parts = parts_of()
    books = _books(parts, code)
    if month is not None:
        if since or to:
            raise Fault("either --month, or --from and --to")
        first = read_month(month)
        return Asked(parts, books, first, next_month(first) - timedelta(days=1))
    last = to.date() if to else day_in(books.time_zone, parts.clock.now())
    first = since.date() if since else month_of(last)
    if first > last:
        raise Fault(f"{first} is after {last}")
    return Asked(parts, books, first, last)


def _books(parts: Runtime, code: str) -> Organisation:
    one = parts.network.tree().named(code)
    if one.books_id != one.id:
        raise Fault(f"{code}: its books are kept by {parts.network.tree().books_of(one.id).code}")
    return one


@click.group()
def ledger() -> None:
    """The books."""


# --- everything -------------------------------------------------------------------------------------------------------


@ledger.command()
@under_option
@json_option
def balances(under: str | None, as_json: bool) -> None:
    """The balance of every account, and whether the whole nets to zero."""
    from gateway.ledger.accounts import balances as read_balances

    parts = parts_of()
    with parts.store.read() as connection:
        found = read_balances(connection, path_of(parts, under))
    totals: dict[str, int] = {}
    for one in found:
        totals[one.currency] = totals.get(one.currency, 0) + one.amount_minor

    def as_text() -> str:
        rows = [(one.organisation, one.code, one.role, *_sides(one.amount_minor, one.currency)) for one in found]
        rows += [("all", "", "nets to", *_sides(total, currency)) for currency, total in totals.items()]
        return table(rows, ("books", "account", "role", "debit", "credit"), numbers=(3, 4))

    show(as_json, lambda: {"balances": [dataclasses.asdict(one) for one in found], "totals": totals}, as_text)


def _sides(minor: int, currency: str) -> tuple[str, str]:
    shown = _money(abs(minor), currency)
    return (shown, "") if minor >= 0 else ("", shown)


def _money(minor: int, currency: str) -> str:
    return show_money(Money(minor, currency), "en")


@ledger.command()
@under_option
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1_000_000))
@json_option
def journal(under: str | None, limit: int, as_json: bool) -> None:
    """The newest lines of all journals; the command journals shows those of a time, in order."""
    from gateway.ledger.accounts import journal as read_journal

    parts = parts_of()
    with parts.store.read() as connection:
        found = list(read_journal(connection, path_of(parts, under), limit))

    def as_text() -> str:
        rows = [
            (
                one.happened_on,
                one.journal,
                one.key,
                one.organisation,
                one.code,
                *_sides(one.amount_minor, one.currency),
            )
            for one in found
        ]
        return table(rows, ("day", "journal", "entry", "books", "account", "debit", "credit"), numbers=(5, 6))

    show(as_json, lambda: [dataclasses.asdict(one) for one in found], as_text)


# --- the chain --------------------------------------------------------------------------------------------------------


@ledger.command()
@click.option("--anchor", "noted", metavar="NUMBER:DIGEST", help="See that the chain still passes through this anchor.")
def verify(noted: str | None) -> None:
    """Recompute everything; exits non-zero at the first thing that doesn't hold, and names it."""
    from gateway.ledger.accounts import first_difference
    from gateway.ledger.chain import Broken, read_anchor, verify_chain
    from gateway.ledger.closing import first_changed_period

    anchor = read_anchor(noted) if noted else None
    with parts_of().store.read() as connection:
        chain = verify_chain(connection, anchor)
        difference = chain.what if isinstance(chain, Broken) else None
        difference = first_difference(connection) or difference or first_changed_period(connection)
    if difference or isinstance(chain, Broken):
        raise Fault(f"ledger: {difference}")
    click.echo("the ledger holds: every entry nets to zero")
    through = f", and the chain passes through {anchor.number}" if anchor else ""
    click.echo(f"the chain holds: {chain.last.number} entries sealed, {chain.waiting} wait to be{through}")
    if chain.backdated:
        click.echo(
            f"to look at: {chain.backdated} entries say they were recorded over a day before others that were sealed "
            f"before them; the first: {chain.first_backdated}"
        )


@ledger.command()
@json_option
def anchor(as_json: bool) -> None:
    """How many entries are sealed, the last digest and its time: to be noted outside, for verify --anchor."""
    from gateway.ledger.chain import last_anchor

    with parts_of().store.read() as connection:
        last, at = last_anchor(connection)
    show(
        as_json,
        lambda: {"sealed": last.number, "digest": last.digest, "recorded_at": at.isoformat() if at else None},
        lambda: (
            f"{last}\n{last.number} entries sealed"
            + (f"; the last was recorded at {at:%Y-%m-%d %H:%M:%S} UTC" if at else "")
        ),
    )


# --- months -----------------------------------------------------------------------------------------------------------


@ledger.command()
@click.argument("month")
@books_option
@by_option
@click.option("--despite", metavar="REASON", help="Close although cases about its money are open: why, which is kept.")
def close(month: str, code: str, name: str, despite: str | None) -> None:
    """Close MONTH (2026-10) of one organisation's books for ever; what comes for it later stands in an open month."""
    from gateway.ledger.closing import OpenCases, close_month, read_month

    parts = parts_of()
    books = _books(parts, code)
    done = close_month(parts.store, parts.network.tree(), books, read_month(month), name, despite)
    if isinstance(done, OpenCases):
        listed = ", ".join(f"{number} ({kind})" for number, kind in done.cases)
        raise Fault(f"{month}: cases about its money are open: {listed}; decide them, or say --despite and why")
    click.echo(f"{books.code} {done.month:%Y-%m} is closed; the chain was at {done.through}")
    click.echo(_trial_text(done.totals))
    for one in done.totals:
        if one.role == "collectors" and one.closing_minor:
            click.echo(f"not handed over yet: {_money(one.closing_minor, one.currency)} with animators")
    if done.cases:
        click.echo(f"open cases: {', '.join(done.cases)}")


@ledger.command()
@books_option
@json_option
def months(code: str, as_json: bool) -> None:
    """The months of one organisation's books that are closed."""
    from gateway.ledger.closing import periods

    parts = parts_of()
    with parts.store.read() as connection:
        found = periods(connection, _books(parts, code).id)

    def as_value() -> list[dict[str, object]]:
        return [
            {
                "month": f"{one.month:%Y-%m}",
                "closed_at": one.closed_at.isoformat(),
                "closed_by": one.closed_by,
                "anchor": str(one.through),
                "despite": one.despite,
            }
            for one in found
        ]

    def as_text() -> str:
        rows = [
            (f"{one.month:%Y-%m}", f"{one.closed_at:%Y-%m-%d %H:%M}", one.closed_by, one.through, one.despite or "")
            for one in found
        ]
        return table(rows, ("month", "closed (UTC)", "by", "anchor", "despite open cases"))

    show(as_json, as_value, as_text)


# --- registers --------------------------------------------------------------------------------------------------------


@ledger.command()
@books_option
@span_options
@json_option
def trial(code: str, month: str | None, since: datetime | None, to: datetime | None, as_json: bool) -> None:
    """The trial balance: each account's opening, debit, credit and closing."""
    from gateway.ledger.closing import as_json as trial_json

    rows = _trial(_asked(code, month, since, to))
    show(as_json, lambda: trial_json(rows), lambda: _trial_text(rows))


def _trial(asked: Asked) -> list[TrialRow]:
    from gateway.ledger.registers import closed_months, trial_balance

    with asked.parts.store.read() as connection:
        closed = closed_months(connection, asked.books.id)
        return trial_balance(connection, asked.books.id, closed, asked.first, asked.last)


def _trial_text(rows: Sequence[TrialRow]) -> str:
    lines: list[tuple[object, ...]] = [
        (
            one.code,
            one.role,
            *(
                _money(minor, one.currency)
                for minor in (one.opening_minor, one.debit_minor, one.credit_minor, one.closing_minor)
            ),
        )
        for one in rows
    ]
    for currency in sorted({one.currency for one in rows}):
        own = [one for one in rows if one.currency == currency]
        sums = [
            sum(one.opening_minor for one in own),
            sum(one.debit_minor for one in own),
            sum(one.credit_minor for one in own),
            sum(one.closing_minor for one in own),
        ]
        lines.append(("all", "", *(_money(total, currency) for total in sums)))
    return table(lines, ("account", "role", "opening", "debit", "credit", "closing"), numbers=(2, 3, 4, 5))


@ledger.command()
@click.argument("name", required=False, type=click.Choice(tuple(JOURNALS)))
@books_option
@span_options
@currency_option
@json_option
def journals(
    name: str | None,
    code: str,
    month: str | None,
    since: datetime | None,
    to: datetime | None,
    currency: str | None,
    as_json: bool,
) -> None:
    """One journal of a time, or all of them: its entries in the order of the books, each with its lines."""
    from gateway.ledger.registers import closed_months, journal_lines

    asked, say = _asked(code, month, since, to), Say("en")
    chosen = asked.currency(currency)
    with asked.parts.store.read() as connection:
        closed = closed_months(connection, asked.books.id)
        found = list(journal_lines(connection, asked.books.id, closed, chosen, asked.first, asked.last, name))

    def as_value() -> list[dict[str, object]]:
        # What stands on an account after a line is a matter of that account's book.
        rows = [{**dataclasses.asdict(one), "wording": one.wording} for one in found]
        return [{name: value for name, value in row.items() if name != "balance_minor"} for row in rows]

    def as_text() -> str:
        rows = [
            (
                one.on,
                one.happened_on if one.happened_on != one.on else "",
                one.journal,
                one.number or "",
                one.piece,
                one.code,
                say(one.wording),
                show_card(one.card) if one.card else "",
                one.head or "",
                *_sides(one.amount_minor, one.currency),
            )
            for one in found
        ]
        heads = ("day", "counts for", "journal", "number", "piece", "account", "wording", "card", "name")
        return table(rows, (*heads, "debit", "credit"), numbers=(9, 10))

    show(as_json, as_value, as_text)


@ledger.command()
@click.argument("role", type=click.Choice(ROLES))
@books_option
@span_options
@currency_option
@json_option
def account(
    role: str,
    code: str,
    month: str | None,
    since: datetime | None,
    to: datetime | None,
    currency: str | None,
    as_json: bool,
) -> None:
    """One account, by its role: what moved it, in order, and what stood on it after each."""
    asked = _asked(code, month, since, to)
    _show_book(_account_book(asked, role, asked.currency(currency)), as_json, ("debit", "credit"))


@ledger.command()
@books_option
@click.option("--of", "role", type=click.Choice(BOOKS), default="cash", show_default=True, help="Whose book.")
@span_options
@currency_option
@json_option
def cashbook(
    role: str,
    code: str,
    month: str | None,
    since: datetime | None,
    to: datetime | None,
    currency: str | None,
    as_json: bool,
) -> None:
    """The cash book, or that of the wallet, the bank or the animators: date, piece, wording, in, out, balance."""
    asked = _asked(code, month, since, to)
    _show_book(_account_book(asked, role, asked.currency(currency)), as_json, ("in", "out"))


def _account_book(asked: Asked, role: str, currency: str) -> AccountBook:
    from gateway.ledger.registers import account_book, closed_months

    with asked.parts.store.read() as connection:
        closed = closed_months(connection, asked.books.id)
        return account_book(connection, asked.books.id, closed, role, currency, asked.first, asked.last)


def _show_book(book: AccountBook, as_json: bool, sides: tuple[str, str]) -> None:
    say = Say("en")

    def as_value() -> dict[str, object]:
        return {
            "role": book.role,
            "currency": book.currency,
            "opening_minor": book.opening_minor,
            "closing_minor": book.closing_minor,
            "movements": [{**dataclasses.asdict(one), "wording": one.wording} for one in book.movements],
        }

    def as_text() -> str:
        rows: list[tuple[object, ...]] = [
            ("", "", "", "brought forward", "", "", "", "", _money(book.opening_minor, book.currency))
        ]
        rows += [
            (
                one.on,
                one.happened_on if one.happened_on != one.on else "",
                one.piece,
                say(one.wording),
                show_card(one.card) if one.card else "",
                one.head or "",
                *_sides(one.amount_minor, one.currency),
                _money(one.balance_minor, one.currency),
            )
            for one in book.movements
        ]
        heads = ("day", "counts for", "piece", "wording", "card", "name", *sides, "balance")
        return table(rows, heads, numbers=(6, 7, 8))

    show(as_json, as_value, as_text)


@ledger.command()
@click.argument("card")
@json_option
def household(card: str, as_json: bool) -> None:
    """A household's own account: its dues, its payments, and what it owes after each (below zero: in credit)."""
    from gateway.ledger.registers import household_rows

    parts, say = parts_of(), Say("en")
    family = family_of(parts, card)
    with parts.store.read() as connection:
        found = household_rows(connection, family.id)

    def as_text() -> str:
        rows = [
            (
                one.happened_on,
                one.piece,
                say(one.wording),
                one.due_on or "",
                *_sides(one.amount_minor, one.currency),
                _money(one.balance_minor, one.currency),
            )
            for one in found
        ]
        heads = ("day", "piece", "wording", "to be paid by", "due", "paid", "owes")
        return f"{show_card(family.card)}  {family.head}\n" + table(rows, heads, numbers=(4, 5, 6))

    show(
        as_json,
        lambda: {
            "card": family.card,
            "head": family.head,
            "rows": [{**dataclasses.asdict(one), "wording": one.wording} for one in found],
        },
        as_text,
    )


# --- files ------------------------------------------------------------------------------------------------------------


@ledger.command()
@click.argument("what", type=click.Choice(["journal", "balance", "cashbook"]))
@books_option
@span_options
@currency_option
@click.option("--of", "role", type=click.Choice(BOOKS), default="cash", show_default=True, help="For cashbook: whose.")
@click.option("--journal", "one_journal", type=click.Choice(tuple(JOURNALS)), help="For journal: of this one alone.")
@click.option("--language", type=click.Choice(sorted(NAMES)), help="Else the organisation's first.")
@click.option("--format", "form", type=click.Choice(["csv", "xlsx"]), default="csv", show_default=True)
@click.option("--bom", is_flag=True, help="For csv: mark it as UTF-8, as Excel wants it.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file; whole, or left as it was.")
def export(
    what: str,
    code: str,
    month: str | None,
    since: datetime | None,
    to: datetime | None,
    currency: str | None,
    role: str,
    one_journal: str | None,
    language: str | None,
    form: Literal["csv", "xlsx"],
    bom: bool,
    out: Path,
) -> None:
    """Write a register to a file: the journal as accounting software imports it, the trial balance, a cash book."""
    from gateway.ledger.exports import balance_sheet, book_sheet, write

    asked = _asked(code, month, since, to)
    chosen, say = asked.currency(currency), Say(language or asked.books.languages[0])
    if what == "balance":
        sheet = balance_sheet([one for one in _trial(asked) if one.currency == chosen], say)
        count = write(sheet, out, form, bom)
    elif what == "cashbook":
        count = write(book_sheet(_account_book(asked, role, chosen), say), out, form, bom)
    else:
        count = _export_journal(asked, chosen, one_journal, say, lambda sheet: write(sheet, out, form, bom))
    click.echo(f"{out}: {count} rows in {chosen}, {asked.first} to {asked.last}")
    _tell_others(asked, chosen)


def _export_journal(
    asked: Asked, currency: str, one_journal: str | None, say: Say, write: Callable[[Sheet], int]
) -> int:
    """Written while it is read: nobody knows how long a journal is."""
    from gateway.ledger.exports import journal_sheet
    from gateway.ledger.registers import closed_months, journal_lines

    with asked.parts.store.read() as connection:
        closed = closed_months(connection, asked.books.id)
        lines = journal_lines(connection, asked.books.id, closed, currency, asked.first, asked.last, one_journal)
        return write(journal_sheet(lines, asked.books.time_zone, say))


def _tell_others(asked: Asked, currency: str) -> None:
    from gateway.ledger.registers import currencies

    with asked.parts.store.read() as connection:
        others = [one for one in currencies(connection, asked.books.id) if one != currency]
    if others:
        click.echo(f"these books have entries in {', '.join(others)} too: --currency", err=True)
