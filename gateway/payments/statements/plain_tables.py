"""Any CSV or XLSX file as rows of texts, for lists and registers: within limits, in whatever letters it was written."""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.kernel.faults import Fault
from gateway.locale import mark
from gateway.payments.statements.cells import SEPARATORS
from gateway.payments.statements.files import opened
from gateway.payments.statements.lines import BadStatement
from gateway.payments.statements.sheets import Workbook

Row = tuple[int, Sequence[str]]  # its number as people count, and its cells

# A workbook is packed: so many times its own size it may unpack to, and no page of a spreadsheet comes near it.
_UNPACKED_TIMES = 10


class OpenQuote(Fault):
    """A quote isn't closed: where the rows below it end can't be told."""


def tables(content: bytes, most_bytes: int) -> Iterator[Iterator[Row]]:
    """What a file may be read as: each sheet of a workbook, or its text cut at each separator, in turn.

    Raises :class:`Fault` for what is larger than ``most_bytes``, and for what is neither CSV nor XLSX; a table raises
    :class:`OpenQuote` while it is read.
    """
    if len(content) > most_bytes:
        raise Fault(mark("the file is larger than {most} MB: divide it"), most=most_bytes >> 20)
    with tempfile.NamedTemporaryFile() as kept:
        kept.write(content)
        kept.flush()
        try:
            with opened(Path(kept.name)) as found:
                if found.kind == "workbook":
                    _check_unpacked(content, most_bytes)
                sheets = Workbook(found.text).sheets() if found.kind == "workbook" else []
                text = found.text.read().decode() if found.kind == "table" else None
        except BadStatement as wrong:
            raise Fault(wrong.source, **wrong.values) from None
    for sheet in sheets:
        yield ((at, [cell or "" for cell in row]) for at, row in enumerate(sheet.iter_rows(), 1))
    if text is None and not sheets:
        raise Fault(mark("this is no table: give a CSV or XLSX file"))
    for separator in SEPARATORS if text is not None else ():
        yield _cut(text or "", separator)


def _check_unpacked(content: bytes, most_bytes: int) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        if sum(part.file_size for part in packed.infolist()) > most_bytes * _UNPACKED_TIMES:
            raise Fault(mark("the file is larger than {most} MB: divide it"), most=most_bytes * _UNPACKED_TIMES >> 20)


def _cut(text: str, separator: str) -> Iterator[Row]:
    reading = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    at = 0
    try:
        for at, row in enumerate(reading, 1):
            yield at, row
    except csv.Error:
        raise OpenQuote(mark("row {row}: a quote isn't closed, or stands inside a text"), row=at + 1) from None
