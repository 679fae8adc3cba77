"""The books: trial balance, journals, an account's book, closed months, and files for accountants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from sqlalchemy import Connection

from gateway.console.answers import Answer, Go, NotThere, Page, Refused
from gateway.console.doors import Area, Entrance
from gateway.console.files import sheet_file
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.clock import day_in
from gateway.kernel.dates import iso_day
from gateway.kernel.faults import Fault, Unavailable
from gateway.kernel.money import EXPONENT, Money
from gateway.ledger.chart import ROLES
from gateway.ledger.closing import OpenCases, close_month, periods, read_month
from gateway.ledger.exports import balance_sheet, book_sheet, journal_sheet
from gateway.ledger.leaves import Leaf, book_leaf, journal_leaf, trial_balance
from gateway.ledger.registers import (
    JOURNALS,
    ROLE_NAMES,
    Movement,
    TrialRow,
    account_book,
    closed_months,
    currencies,
    journal_lines,
)
from gateway.ledger.rules import month_of, next_month
from gateway.locale import mark
from gateway.network.organisations import Organisation

AREA = Area("books", Entrance(mark("Books"), "/books", Right.SEE_BOOKS))
A_PAGE = 50  # lines of a journal or a book at a time
LONGEST_REASON = 200


@dataclass(frozen=True)
class Asked:
    """Whose books, of which days, in which currency."""

    books: Organisation
    first: date
    last: date
    currency: str

    @property
    def query(self) -> str:
        """The same for an address."""
        return f"from={self.first}&to={self.last}&currency={self.currency}"


def books_at(visit: Visit) -> Organisation:
    """The organisation whose books are looked at; raises :class:`NotThere` where they stand above what one may see."""
    books = visit.tree.books_of(visit.at.id)
    if not books.keeps_books or not visit.may(visit.right, books.id):
        raise NotThere
    return books


def asked_of(visit: Visit) -> Asked:
    """The days that the address asks for; else the month until today."""
    books = books_at(visit)
    today = day_in(books.time_zone, visit.now)
    last = iso_day(visit.asked.get("to")) or today
    first = iso_day(visit.asked.get("from")) or month_of(last)
    typed = visit.asked.get("currency")
    return Asked(books, min(first, last), last, typed if typed in EXPONENT else books.currency)


def _common(visit: Visit, asked: Asked, connection: Connection) -> dict[str, Any]:
    return {
        "asked": asked,
        "currencies": [(one, one) for one in {*currencies(connection, asked.books.id), asked.books.currency}],
        "tabs": [
            ("/books", visit.say("Trial balance")),
            ("/books/journals", visit.say("Journals")),
            ("/books/accounts/cash", visit.say("Cash book")),
            ("/books/accounts/wallet", visit.say("Wallet book")),
            ("/books/accounts/bank", visit.say("Bank book")),
            ("/books/months", visit.say("Closed months")),
        ],
    }


# --- reading ----------------------------------------------------------------------------------------------------------


@AREA.get("/books", Right.SEE_BOOKS)
def trial(visit: Visit) -> Answer:
    """What stands on each account, and what moved it."""
    if _is_above(visit):
        return _choose(visit)
    asked = asked_of(visit)
    with visit.store.read() as connection:
        rows = _trial(connection, asked)
        common = _common(visit, asked, connection)
    figures = [_figures(one) for one in rows]
    accounts = [(one, visit.say(ROLE_NAMES[one.role]), *each) for one, each in zip(rows, figures, strict=True)]
    sums = [Money(sum(each[place].minor for each in figures), asked.currency) for place in range(4)]
    return Page("books/trial.html", visit.say("Trial balance"), {**common, "accounts": accounts, "sums": sums})


def _is_above(visit: Visit) -> bool:
    """Is this an organisation above the books, as a union is above its mutuelles'?"""
    return not visit.tree.books_of(visit.at.id).keeps_books


def _choose(visit: Visit) -> Answer:
    own = [one for one in visit.places() if one.keeps_books and one.under(visit.at)]
    return Page("books/choose.html", visit.say("Books"), {"own": own})


def _trial(connection: Connection, asked: Asked) -> list[TrialRow]:
    closed = closed_months(connection, asked.books.id)
    rows = trial_balance(connection, asked.books.id, closed, asked.first, asked.last)
    return [one for one in rows if one.currency == asked.currency]


def _figures(one: TrialRow) -> list[Money]:
    every = (one.opening_minor, one.debit_minor, one.credit_minor, one.closing_minor)
    return [Money(minor, one.currency) for minor in every]


@AREA.get("/books/journals", Right.SEE_BOOKS)
def journals(visit: Visit) -> Answer:
    """The entries of some days, in the order of the books."""
    if _is_above(visit):
        return _choose(visit)
    asked = asked_of(visit)
    name = visit.asked.get("journal") if visit.asked.get("journal") in JOURNALS else None
    with visit.store.read() as connection:
        closed = closed_months(connection, asked.books.id)
        leaf = journal_leaf(
            connection, asked.books.id, closed, asked.currency, asked.first, asked.last, name, _after(visit), A_PAGE
        )
        common = _common(visit, asked, connection)
    values = {
        **common,
        **_paged(visit, leaf),
        "names": [(key, visit.say(text)) for key, (_, text) in JOURNALS.items()],
        "journal": name or "",
        "account": lambda one: visit.say(ROLE_NAMES[one.role]),
        "sides": _sides,
    }
    return Page("books/journals.html", visit.say("Journals"), values)


def _sides(one: Movement) -> tuple[Money | None, Money | None]:
    amount = Money(abs(one.amount_minor), one.currency)
    return (amount, None) if one.amount_minor >= 0 else (None, amount)


def _after(visit: Visit) -> int:
    """Behind how many lines the page begins."""
    typed = visit.asked.get("after")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 9 else 0


def _paged(visit: Visit, leaf: Leaf) -> dict[str, Any]:
    return {"lines": leaf.movements, "next": _after(visit) + A_PAGE if leaf.more else None}


@AREA.get("/books/accounts/<word>", Right.SEE_BOOKS)
def account(visit: Visit, role: str) -> Answer:
    """What moved one account, and what stood on it after each."""
    if role not in ROLES:
        raise NotThere
    if _is_above(visit):
        return _choose(visit)
    asked = asked_of(visit)
    with visit.store.read() as connection:
        closed = closed_months(connection, asked.books.id)
        book = book_leaf(
            connection, asked.books.id, closed, role, asked.currency, asked.first, asked.last, _after(visit), A_PAGE
        )
        common = _common(visit, asked, connection)
    values = {
        **common,
        **_paged(visit, book.leaf),
        "role": role,
        "opening": Money(book.opening_minor, asked.currency),
        "closing": Money(book.closing_minor, asked.currency),
        "sides": _sides,
        "balance": lambda one: Money(one.balance_minor, one.currency),
    }
    return Page("books/account.html", visit.say(ROLE_NAMES[role]), values)


@AREA.get("/books/file", Right.SEE_BOOKS)
def as_file(visit: Visit) -> Answer:
    """A register to keep: for a spreadsheet, or for accounting software."""
    asked, what = asked_of(visit), visit.asked.get("what")
    form: Literal["csv", "xlsx"] = "xlsx" if visit.asked.get("form") == "xlsx" else "csv"
    name = f"{what}-{asked.books.code}-{asked.first}-{asked.last}"
    with visit.store.read() as connection:
        if what == "balance":
            return sheet_file(balance_sheet(_trial(connection, asked), visit.say), name, form)
        if what in ROLES:
            closed = closed_months(connection, asked.books.id)
            book = account_book(connection, asked.books.id, closed, what, asked.currency, asked.first, asked.last)
            return sheet_file(book_sheet(book, visit.say), name, form)
        if what == "journal":
            closed = closed_months(connection, asked.books.id)
            lines = journal_lines(connection, asked.books.id, closed, asked.currency, asked.first, asked.last)
            return sheet_file(journal_sheet(lines, asked.books.time_zone, visit.say), name, form)
    raise NotThere


# --- closing a month --------------------------------------------------------------------------------------------------


@AREA.get("/books/months", Right.SEE_BOOKS)
def months(visit: Visit) -> Answer:
    """The months that are closed, and the one that may be next."""
    if _is_above(visit):
        return _choose(visit)
    asked = asked_of(visit)
    with visit.store.read() as connection:
        closed = periods(connection, asked.books.id)
        common = _common(visit, asked, connection)
    before = month_of(day_in(asked.books.time_zone, visit.now)) - timedelta(days=1)
    following = next_month(closed[0].month) if closed else month_of(before)
    values = {
        **common,
        "closed": closed,
        "month": f"{following:%Y-%m}",
        "is_over": following <= before,
        "may_close": visit.may(Right.CLOSE_BOOKS, asked.books.id),
    }
    return Page("books/months.html", visit.say("Closed months"), values)


@AREA.post("/books/months", Right.CLOSE_BOOKS)
def close(visit: Visit) -> Answer:
    """Close a month of the books: what comes later stands in the month that is open then."""
    books = books_at(visit)
    despite = visit.text("despite", most=LONGEST_REASON, needed=False) or None
    try:
        month = read_month(visit.text("month", most=7))
        done = close_month(visit.store, visit.tree, books, month, visit.who.name, despite)
    except Unavailable:
        raise
    except Fault as fault:
        raise Refused(fault.said(visit.say), "month") from fault
    if isinstance(done, OpenCases):
        numbers = ", ".join(number for number, _ in done.cases[:10])
        text = visit.say("Cases wait for a decision: {numbers}. Settle them, or say why it is closed.", numbers=numbers)
        raise Refused(text, "despite")
    with visit.store.write() as unit:
        visit.trace(
            unit,
            "books.month_closed",
            about=f"books:{books.code}:{month:%Y-%m}",
            place=books.id,
            after={"through": done.through.number, "despite": despite},
        )
    return Go("/books/months", visit.say("{month} is closed.", month=f"{month:%m/%Y}"))
