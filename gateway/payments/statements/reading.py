"""A statement's file as lines, whatever its format: the one door, which reads a file exactly or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import IO

import polars as pl

from gateway.locale import mark
from gateway.payments.statements import cells, sheets
from gateway.payments.statements.files import opened
from gateway.payments.statements.formats.camt import read_camt
from gateway.payments.statements.formats.headings import Table, find_table
from gateway.payments.statements.formats.swift import read_mt940
from gateway.payments.statements.formats.tables import Reading
from gateway.payments.statements.hints import Hints
from gateway.payments.statements.lines import BadStatement, Heading, Read
from gateway.payments.statements.running import finished

__all__ = ["NO_HEADINGS", "Hints", "read_statement"]

NO_HEADINGS = mark("no row has the headings of a statement (a date and an amount): a profile can say what they are")


def read_statement(path: Path, operator: str, hints: Hints) -> Read:
    """Read the statement of an operator (its word, :mod:`gateway.payments.names`) or of a bank (any other word).

    The format, encoding, separator, headings and ways of writing figures and dates are found out; what can't be told
    is refused, never guessed. Everything is checked before this returns: amounts, dates and states of every row, and
    that the running balance follows. Raises :class:`BadStatement`.
    """
    with opened(path) as file:
        match file.kind:
            case "table":
                return _read_csv(file.text, operator, hints)
            case "workbook":
                return _read_workbook(file.text, operator, hints)
            case "mt940":
                return read_mt940(file.text, hints)
            case "camt.053":
                return read_camt(file.text, hints)


def _read_csv(text: IO[bytes], operator: str, hints: Hints) -> Read:
    start = text.tell()
    for separator in cells.SEPARATORS:
        head = cells.head(text, separator)
        table = find_table(head.rows, operator, hints)
        if table is not None:
            text.seek(head.ends[table.below - 1] if table.below else start)
            rows = cells.rows_from(text, separator, table.below + 1, table.width, table.wanted, table.ends_with_money)
            return _read_table(cells.ahead(rows), table, hints, "CSV")
    raise _without_headings(hints)


def _read_workbook(file: IO[bytes], operator: str, hints: Hints) -> Read:
    for sheet in sheets.Workbook(file).sheets():
        table = find_table(sheets.head(sheet), operator, hints)
        if table is not None:
            return _read_table(sheets.rows_below(sheet, table.below, table.width, table.wanted), table, hints, "XLSX")
    raise _without_headings(hints)


def _read_table(frames: Iterable[pl.DataFrame], table: Table, hints: Hints, written: str) -> Read:
    reading = Reading(table, hints)
    heading = Heading(f"{table.layout.name}, {written}", hints.currency)
    read = finished(heading, reading.lines(frames), table.title("balance"), table.layout.newest_first)
    return replace(read, heading=replace(read.heading, account=reading.account))


def _without_headings(hints: Hints) -> BadStatement:
    if hints.profile is not None:
        return BadStatement(mark("the profile's headings aren't there"))
    return BadStatement(NO_HEADINGS)
