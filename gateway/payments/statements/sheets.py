"""The cells of an XLSX workbook as columns of text: values only, and no larger than its file says."""

from __future__ import annotations

import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import IO

import fastexcel
import polars as pl

from gateway.locale import mark
from gateway.payments.statements.lines import BadStatement
from gateway.payments.statements.profiles import MOST_ABOVE

_ROWS = 100_000
MOST_CELLS = 40_000_000
MOST_SHEETS = 5  # in which a table is looked for
_UNREADABLE = mark("the workbook can't be read: save it again as XLSX, or as CSV")
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OSError, EOFError, ValueError, LookupError,
    NotImplementedError, RuntimeError,
)  # fmt: skip
# A cell far to the right or below: a sheet is held as a rectangle, which one such cell would make huge.
_PLACE = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')


class Workbook:
    """The first sheet of a workbook that holds a table."""

    def __init__(self, file: IO[bytes]) -> None:
        _check_size(file)
        file.seek(0)
        try:
            reader = fastexcel.read_excel(file.read())
            self._sheets = [
                reader.load_sheet(index, header_row=None, skip_rows=0, dtypes="string").to_polars()
                for index in range(min(len(reader.sheet_names), MOST_SHEETS))
            ]
        except (fastexcel.FastExcelError, OSError, ValueError, pl.exceptions.PolarsError) as wrong:
            raise BadStatement(_UNREADABLE) from wrong
        except BaseException as panic:
            # What Rust didn't foresee comes as an exception of no class that could be named here.
            if type(panic).__name__ != "PanicException":
                raise
            raise BadStatement(_UNREADABLE) from panic

    def sheets(self) -> list[pl.DataFrame]:
        """Each sheet as text without headings."""
        return [sheet for sheet in self._sheets if sheet.width and sheet.height]


def head(sheet: pl.DataFrame) -> list[list[str]]:
    """The first rows of a sheet."""
    return [[cell or "" for cell in row] for row in sheet.head(MOST_ABOVE).rows()]


def rows_below(sheet: pl.DataFrame, skip: int, width: int, wanted: Sequence[int]) -> Iterator[pl.DataFrame]:
    """The rows below the first ``skip``, as :func:`cells.rows_from` gives those of a CSV file."""
    names = sheet.columns
    beyond = names[width:]
    for start in range(skip, sheet.height, _ROWS):
        rows = sheet.slice(start, _ROWS)
        frame = rows.select(
            pl.int_range(start + 1, start + 1 + rows.height, dtype=pl.UInt32).alias("line"),
            *(pl.col(name).alias(str(place)) for place, name in enumerate(names[:width])),
        )
        if beyond:
            more = rows.select(pl.any_horizontal(pl.col(beyond).str.strip_chars().replace("", None).is_not_null()))[
                :, 0
            ]
            if more.any():
                raise BadStatement(
                    mark("more cells than the {heads} headings"), int(frame["line"][more.arg_max() or 0]), heads=width
                )
        frame = frame.filter(~pl.all_horizontal(pl.exclude("line").is_null()))
        yield frame.select("line", *map(str, wanted))


def _check_size(file: IO[bytes]) -> None:
    """Unpack all parts once, without keeping them: what a part says of its own size may be a lie."""
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as packed:
            for part in packed.namelist():
                with packed.open(part) as unpacking:
                    if part.startswith("xl/worksheets/"):
                        _check_rectangle(unpacking)
                    while unpacking.read(2**20):
                        pass
    except _DAMAGED:
        raise BadStatement(mark("the workbook is cut or damaged: download it again")) from None


def _check_rectangle(sheet: IO[bytes]) -> None:
    rest, width, height = b"", 0, 0
    while some := sheet.read(2**20):
        piece = rest + some
        for letters, row in set(_PLACE.findall(piece)):
            place = 0
            for letter in letters:
                place = place * 26 + letter - 64
            width, height = max(width, place), max(height, int(row))
        rest = piece[-32:]
    if width * height > MOST_CELLS:
        raise BadStatement(
            mark("the sheet is {width} columns wide and {height} rows long: save the statement alone"),
            width=width,
            height=height,
        )
