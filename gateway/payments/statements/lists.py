"""A list of numbers as people keep it, CSV or XLSX, read as rows: where its headings are, and which is of phones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gateway.kernel.faults import Fault
from gateway.locale import mark
from gateway.payments.statements.plain_tables import OpenQuote, Row, tables
from gateway.sms.campaigns.lists import phone_column as find

MOST_BYTES = 64 << 20


def read_table(file: Path, phone_column: str | None, name: str | None = None) -> tuple[list[str], int, Iterator[Row]]:
    """The headings of a CSV or XLSX file, which of them is of phone numbers, and the rows below as people count them.

    ``name``: what the file is called, where that isn't its own name. Raises :class:`Fault` for a file that can't be
    read, and where no row, or more than one column, has such a heading.
    """
    called = name or file.name
    rows = _first_with_phones(_tables(file, called), phone_column)
    if rows is None and phone_column:
        raise Fault(
            mark("{file}: no single column called {column}: name it with --phone-column"),
            file=called,
            column=phone_column,
        )
    if rows is None:
        raise Fault(
            mark(
                "{file}: no single column of phone numbers (telephone, phone, msisdn, …): name it with --phone-column"
            ),
            file=called,
        )
    return rows


def _first_with_phones(
    tables: Iterator[Iterator[Row]], phone_column: str | None
) -> tuple[list[str], int, Iterator[Row]] | None:
    for table in tables:
        try:
            headings = list(next((row for _, row in table if any(cell.strip() for cell in row)), ()))
        except OpenQuote:
            continue  # cut at a separator that isn't one
        while headings and not headings[-1].strip():
            headings.pop()
        phones = find(headings, phone_column)
        if phones is not None:
            return headings, phones, table
    return None


def _tables(file: Path, name: str) -> Iterator[Iterator[Row]]:
    """What the file may be read as, with its name in whatever is wrong with it."""
    try:
        for table in tables(file.read_bytes(), MOST_BYTES):
            yield _named(name, table)
    except OpenQuote:
        raise
    except Fault as wrong:
        raise _told(name, wrong) from None


def _named(name: str, table: Iterator[Row]) -> Iterator[Row]:
    try:
        yield from table
    except OpenQuote as wrong:
        raise OpenQuote(mark("{file}: {why}"), file=name, why=wrong) from None


def _told(name: str, wrong: Fault) -> Fault:
    return Fault(mark("{file} can't be read as a list, give a CSV or XLSX file: {why}"), file=name, why=wrong)
