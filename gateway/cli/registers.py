"""Commands that show the registers of one organisation's books, and write them to files for accountants.

They show heads of households by name: they are what the office keeps, printed for whoever runs the command.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import books_of, books_option, family_of, parts_of
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

currency_option = click.option(
    "--currency", type=click.Choice(sorted(EXPONENT)), help="In this currency; else in the organisation's own."
)
_DAY = click.DateTime(["%Y-%m-%d"])


@dataclasses.dataclass(frozen=True)
class Asked:
    """The parts of the program, whose books are asked for, from when to when, and in which currency."""

    parts: Runtime
    books: Organisation
    first: date
    last: date
    currency: str


def span_options(command: Command) -> Command:
    """Whose books, and a month or from a day to a day: the command gets them as ``asked``, with its ``--currency``."""

    @books_option
    @click.option("--month", metavar="YYYY-MM", help="This month, instead of days.")
    @click.option("--from", "since", type=_DAY, help="From this day; else from the first of its month.")
    @click.option("--to", "to", type=_DAY, help="To this day; else to today, where the mutuelle is.")
    @functools.wraps(command)
    def with_asked(
        code: str,
        month: str | None,
        since: datetime | None,
        to: datetime | None,
        currency: str | None = None,
        **others: Any,
    ) -> Any:
        parts = parts_of()
        books = books_of(parts, code)
        first, last = _span(books, month, since, to, parts.clock.now())
        return command(asked=Asked(parts, books, first, last, currency or books.currency), **others)

    return with_asked


def _span(
    books: Organisation, month: str | None, since: datetime | None, to: datetime | None, now: datetime
) -> tuple[date, date]:
    from gateway.ledger.closing import read_month
    from gateway.ledger.rules import month_of, next_month

    if month is not None:
        if since or to:
            raise Fault("either --month, or --from and --to")
        first = read_month(month)
        return first, next_month(first) - timedelta(days=1)
    last = to.date() if to else day_in(books.time_zone, now)
    first = since.date() if since else month_of(last)
    if first > last:
        raise Fault(f"{first} is after {last}")
    return first, last


def show_sides(minor: int, currency: str) -> tuple[str, str]:
    """An amount in two columns: positive in the first, negative in the second."""
    shown = show_minor(abs(minor), currency)
    return (shown, "") if minor >= 0 else ("", shown)


def show_minor(minor: int, currency: str) -> str:
    """An amount in minor units, for people."""
    return show_money(Money(minor, currency), "en")


# --- registers --------------------------------------------------------------------------------------------------------


@click.command()
@span_options
@json_option
def trial(asked: Asked, as_json: bool) -> None:
    """The trial balance: each account's opening, debit, credit and closing."""
    from gateway.ledger.closing import as_json as trial_json

    rows = _trial(asked)
    show(as_json, lambda: trial_json(rows), lambda: trial_text(rows))


def _trial(asked: Asked) -> list[TrialRow]:
    from gateway.ledger.registers import closed_months, trial_balance

    with asked.parts.store.read() as connection:
        closed = closed_months(connection, asked.books.id)
        return trial_balance(connection, asked.books.id, closed, asked.first, asked.last)


def trial_text(rows: Sequence[TrialRow]) -> str:
    lines: list[tuple[object, ...]] = [
        (
            one.code,
            one.role,
            *(
                show_minor(minor, one.currency)
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
        lines.append(("all", "", *(show_minor(total, currency) for total in sums)))
    return table(lines, ("account", "role", "opening", "debit", "credit", "closing"), numbers=(2, 3, 4, 5))


@click.command()
@click.argument("name", required=False, type=click.Choice(tuple(JOURNALS)))
@span_options
@currency_option
@json_option
def journals(asked: Asked, name: str | None, as_json: bool) -> None:
    """One journal of a time, or all of them: its entries in the order of the books, each with its lines."""
    from gateway.ledger.registers import closed_months, journal_lines

    say = Say("en")
    with asked.parts.store.read() as connection:
        closed = closed_months(connection, asked.books.id)
        found = list(journal_lines(connection, asked.books.id, closed, asked.currency, asked.first, asked.last, name))

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
                *show_sides(one.amount_minor, one.currency),
            )
            for one in found
        ]
        heads = ("day", "counts for", "journal", "number", "piece", "account", "wording", "card", "name")
        return table(rows, (*heads, "debit", "credit"), numbers=(9, 10))

    show(as_json, as_value, as_text)


@click.command()
@click.argument("role", type=click.Choice(ROLES))
@span_options
@currency_option
@json_option
def account(asked: Asked, role: str, as_json: bool) -> None:
    """One account, by its role: what moved it, in order, and what stood on it after each."""
    _show_book(_account_book(asked, role), as_json, ("debit", "credit"))


@click.command()
@click.option("--of", "role", type=click.Choice(BOOKS), default="cash", show_default=True, help="Whose book.")
@span_options
@currency_option
@json_option
def cashbook(asked: Asked, role: str, as_json: bool) -> None:
    """The cash book, or that of the wallet, the bank or the animators: date, piece, wording, in, out, balance."""
    _show_book(_account_book(asked, role), as_json, ("in", "out"))


def _account_book(asked: Asked, role: str) -> AccountBook:
    from gateway.ledger.registers import account_book, closed_months

    with asked.parts.store.read() as connection:
        closed = closed_months(connection, asked.books.id)
        return account_book(connection, asked.books.id, closed, role, asked.currency, asked.first, asked.last)


def _show_book(book: AccountBook, as_json: bool, columns: tuple[str, str]) -> None:
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
            ("", "", "", "brought forward", "", "", "", "", show_minor(book.opening_minor, book.currency))
        ]
        rows += [
            (
                one.on,
                one.happened_on if one.happened_on != one.on else "",
                one.piece,
                say(one.wording),
                show_card(one.card) if one.card else "",
                one.head or "",
                *show_sides(one.amount_minor, one.currency),
                show_minor(one.balance_minor, one.currency),
            )
            for one in book.movements
        ]
        heads = ("day", "counts for", "piece", "wording", "card", "name", *columns, "balance")
        return table(rows, heads, numbers=(6, 7, 8))

    show(as_json, as_value, as_text)


@click.command()
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
                *show_sides(one.amount_minor, one.currency),
                show_minor(one.balance_minor, one.currency),
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


@click.command()
@click.argument("what", type=click.Choice(["journal", "balance", "cashbook"]))
@span_options
@currency_option
@click.option("--of", "role", type=click.Choice(BOOKS), default="cash", show_default=True, help="For cashbook: whose.")
@click.option("--journal", "one_journal", type=click.Choice(tuple(JOURNALS)), help="For journal: of this one alone.")
@click.option("--language", type=click.Choice(sorted(NAMES)), help="Else the organisation's first.")
@click.option("--format", "form", type=click.Choice(["csv", "xlsx"]), default="csv", show_default=True)
@click.option("--bom", is_flag=True, help="For csv: mark it as UTF-8, as Excel wants it.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file; whole, or left as it was.")
def export(
    asked: Asked,
    what: str,
    role: str,
    one_journal: str | None,
    language: str | None,
    form: Literal["csv", "xlsx"],
    bom: bool,
    out: Path,
) -> None:
    """Write a register to a file: the journal as accounting software imports it, the trial balance, a cash book."""
    from gateway.ledger.exports import balance_sheet, book_sheet, write

    say = Say(language or asked.books.languages[0])
    if what == "balance":
        sheet = balance_sheet([one for one in _trial(asked) if one.currency == asked.currency], say)
        count = write(sheet, out, form, bom)
    elif what == "cashbook":
        count = write(book_sheet(_account_book(asked, role), say), out, form, bom)
    else:
        count = _export_journal(asked, one_journal, say, lambda sheet: write(sheet, out, form, bom))
    click.echo(f"{out}: {count} rows in {asked.currency}, {asked.first} to {asked.last}")
    _tell_others(asked)


def _export_journal(asked: Asked, one_journal: str | None, say: Say, write: Callable[[Sheet], int]) -> int:
    """Written while it is read: nobody knows how long a journal is."""
    from gateway.ledger.exports import journal_sheet
    from gateway.ledger.registers import closed_months, journal_lines

    with asked.parts.store.read() as connection:
        closed = closed_months(connection, asked.books.id)
        lines = journal_lines(connection, asked.books.id, closed, asked.currency, asked.first, asked.last, one_journal)
        return write(journal_sheet(lines, asked.books.time_zone, say))


def _tell_others(asked: Asked) -> None:
    from gateway.ledger.registers import currencies

    with asked.parts.store.read() as connection:
        others = [one for one in currencies(connection, asked.books.id) if one != asked.currency]
    if others:
        click.echo(f"these books have entries in {', '.join(others)} too: --currency", err=True)


COMMANDS = (trial, journals, account, cashbook, household, export)
