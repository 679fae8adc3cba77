"""Registers as files for accountants: whole or not at all, exact figures, and no text that a spreadsheet would run.

CSV is UTF-8 with ``;`` between fields and a comma before decimals, as spreadsheets in French read it; XLSX is written
row by row. A text that begins as a formula does is kept as a text (OWASP, "CSV Injection").
"""

from __future__ import annotations

import csv
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.money import EXPONENT
from gateway.ledger.chart import HOUSEHOLD_ROLES
from gateway.ledger.registers import JOURNALS, ROLE_NAMES, AccountBook, Movement, TrialRow
from gateway.locale import Say

Cell = str | int | Decimal | date | None
Format = Literal["csv", "xlsx"]

# What a spreadsheet takes for the beginning of a formula, in the signs of East Asian keyboards too.
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
# What no XML file may hold; a CSV reader stumbles over it as well.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]|[\ud800-\udfff]")
_TITLE = re.compile(r"[\\*?:/\[\]]")


@dataclass(frozen=True)
class Sheet:
    """A register as rows of cells below a row of heads."""

    title: str
    heads: tuple[str, ...]
    rows: Iterable[Sequence[Cell]]


def write(sheet: Sheet, path: Path, form: Format, bom: bool = False) -> int:
    """Write a register to a file and return how many rows it has; ``bom`` marks CSV as UTF-8 for Excel.

    A file of this name is replaced, in one step, once the new one is whole; when anything fails it stays as it was.
    The file is its owner's alone: registers hold names. Raises :class:`Fault` where it can't be written.
    """
    with whole(path) as part:
        return _write_csv(sheet, part, bom) if form == "csv" else _write_xlsx(sheet, part)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file beside ``path`` that takes its place when the block ends, and is gone when it raises."""
    if path.is_dir():
        raise Fault(f"{path} is a folder: name a file")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as refused:
        raise Fault(f"{path}: {refused.strerror}: nothing was written") from None
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(path)
    except OSError as failed:
        raise Fault(f"{path}: {failed.strerror}: nothing was written") from None
    finally:
        part.unlink(missing_ok=True)


def _write_csv(sheet: Sheet, path: Path, bom: bool) -> int:
    count = 0
    with path.open("w", encoding="utf-8-sig" if bom else "utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
        writer.writerow([_in_csv(head) for head in sheet.heads])
        for row in sheet.rows:
            writer.writerow([_in_csv(cell) for cell in row])
            count += 1
    return count


def _in_csv(cell: Cell) -> str:
    if isinstance(cell, str):
        return without_formula(cell)
    if isinstance(cell, date):
        return cell.isoformat()
    return "" if cell is None else str(cell).replace(".", ",")


def without_formula(text: str) -> str:
    """A text that no spreadsheet runs when it opens a CSV file: an apostrophe goes before what begins as a formula."""
    text = _CONTROL.sub(" ", text)
    return f"'{text}" if _FORMULA.match(text) else text


def _write_xlsx(sheet: Sheet, path: Path) -> int:
    book = Workbook(write_only=True)
    page = book.create_sheet(_TITLE.sub(" ", sheet.title)[:31])
    page.freeze_panes = "A2"

    def typed(cell: Cell) -> object:
        if not isinstance(cell, str):
            return cell
        one = WriteOnlyCell(page, _CONTROL.sub(" ", cell))
        one.data_type = "s"  # said, as the library would take "=1+1" for a formula
        return one

    count = 0
    try:
        page.append([typed(head) for head in sheet.heads])
        for row in sheet.rows:
            page.append([typed(cell) for cell in row])
            count += 1
    except BaseException:
        page.close()  # or the library complains of the file that it had begun
        raise
    book.save(path)
    return count


def figure(minor: int, currency: str) -> Decimal:
    """An amount in major units, exactly, with the currency's own decimals; not bounded, as totals may be large."""
    return Decimal(minor).scaleb(-EXPONENT[currency])


def _sides(minor: int, currency: str) -> tuple[Decimal | None, Decimal | None]:
    return (figure(minor, currency), None) if minor >= 0 else (None, figure(-minor, currency))


# --- the registers ----------------------------------------------------------------------------------------------------


def balance_sheet(rows: Iterable[TrialRow], say: Say) -> Sheet:
    """A trial balance; a closing above zero is a debit."""
    heads = (
        say("Account"),
        say("Name of the account"),
        say("Currency"),
        say("Opening"),
        say("Debit"),
        say("Credit"),
        say("Closing"),
    )
    return Sheet(
        say("Trial balance"),
        heads,
        (
            (
                one.code,
                say(ROLE_NAMES[one.role]),
                one.currency,
                *(
                    figure(minor, one.currency)
                    for minor in (one.opening_minor, one.debit_minor, one.credit_minor, one.closing_minor)
                ),
            )
            for one in rows
        ),
    )


def book_sheet(book: AccountBook, say: Say) -> Sheet:
    """The book of an account, as it is kept on paper: date, piece, wording, in, out, what stands after it."""
    heads = (
        say("Date"),
        say("Counts for"),
        say("Piece"),
        say("Wording"),
        say("Card"),
        say("Name"),
        say("In"),
        say("Out"),
        say("Balance"),
    )
    opening = (None, None, "", say("Brought forward"), "", "", None, None, figure(book.opening_minor, book.currency))
    return Sheet(say(ROLE_NAMES[book.role]), heads, (opening, *(_book_row(one, say) for one in book.movements)))


def _book_row(one: Movement, say: Say) -> tuple[Cell, ...]:
    return (
        one.on,
        one.happened_on,
        one.piece,
        say(one.wording),
        one.card or "",
        one.head or "",
        *_sides(one.amount_minor, one.currency),
        figure(one.balance_minor, one.currency),
    )


# The eighteen columns, in order, of the file of entries that French tax law asks for (LPF, article A47 A-1): a layout
# that needs no explanation to software for accounts in French.
FEC_HEADS = (
    "JournalCode",
    "JournalLib",
    "EcritureNum",
    "EcritureDate",
    "CompteNum",
    "CompteLib",
    "CompAuxNum",
    "CompAuxLib",
    "PieceRef",
    "PieceDate",
    "EcritureLib",
    "Debit",
    "Credit",
    "EcritureLet",
    "DateLet",
    "ValidDate",
    "Montantdevise",
    "Idevise",
)


def journal_sheet(lines: Iterable[Movement], zone: str, say: Say) -> Sheet:
    """The journal for accounting software; ``zone``: where the mutuelle is, for the day each entry was recorded."""
    return Sheet(say("Journal"), FEC_HEADS, (_fec_row(one, zone, say) for one in lines))


def _fec_row(one: Movement, zone: str, say: Say) -> tuple[Cell, ...]:
    code, name = JOURNALS[one.journal]
    own = one.role in HOUSEHOLD_ROLES
    debit, credit = _sides(one.amount_minor, one.currency)
    return (
        code,
        say(name),
        str(one.number) if one.number is not None else "",
        _fec_day(one.on),
        one.code,
        say(ROLE_NAMES[one.role]),
        (one.card or "") if own else "",
        (one.head or "") if own else "",
        one.piece,
        _fec_day(one.happened_on),
        " ".join(filter(None, (say(one.wording), one.card, one.head))),
        debit or Decimal(0),
        credit or Decimal(0),
        "",
        "",
        _fec_day(day_in(zone, one.recorded_at)),
        None,
        one.currency,
    )


def _fec_day(day: date) -> str:
    return f"{day:%Y%m%d}"
