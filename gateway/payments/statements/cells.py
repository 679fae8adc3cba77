"""The cells of a CSV file as columns of text, some megabytes at a time, with every row exactly as many cells as it has.

The rows count from 1 as people count them in a spreadsheet: a line break inside quotes begins no row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import IO

import polars as pl

from gateway.payments.statements.lines import BadStatement
from gateway.payments.statements.profiles import MOST_ABOVE

SEPARATORS = (",", ";", "\t", "|")
_CHUNK = 4 * 2**20
_HEAD_BYTES = 2**18

_OPEN_QUOTE = "a quote isn't closed: the file was cut, or a text has a quote too many"


def head(text: IO[bytes], separator: str) -> list[list[str]]:
    """The first rows of the file, as cut at a separator."""
    start = text.tell()
    some = text.read(_HEAD_BYTES)
    text.seek(start)
    lines = some.decode("utf-8", "replace").splitlines(keepends=True)
    if len(some) == _HEAD_BYTES and len(lines) > 1:
        lines.pop()
    rows: list[list[str]] = []
    try:
        for row in csv.reader(lines, delimiter=separator):
            rows.append(row)
            if len(rows) == MOST_ABOVE:
                break
    except csv.Error:
        pass  # what follows the headings is read for good elsewhere, which says what is wrong with it
    return rows


def rows_below(
    text: IO[bytes], separator: str, skip: int, width: int, wanted: Sequence[int], needs_end: bool = False
) -> Iterator[pl.DataFrame]:
    """The rows below the first ``skip``: the column ``line``, then the wanted of ``width`` columns by their index.

    Empty cells are null, and rows of empty cells left out. Raises :class:`BadStatement` for a row with more or fewer
    cells, for a quote that isn't closed, and with ``needs_end`` for a last row without an end: what its last cell says
    may have been longer.
    """
    line, chunk = 1, b""
    for chunk in _chunks(text):
        if skip:
            begins = _after(chunk, skip)
            line, chunk, skip = line + begins[0], chunk[begins[1] :], skip - begins[0]
            if not chunk:
                continue
        frame = _cut(chunk, separator, width, line)
        height = frame.height
        blank = frame.select(pl.all_horizontal(pl.all().is_null()))[:, 0]
        frame = frame.select(str(index) for index in wanted)
        frame.insert_column(0, pl.int_range(line, line + height, dtype=pl.UInt32, eager=True).alias("line"))
        line += height
        yield frame.filter(~blank) if blank.any() else frame
    if needs_end and chunk and not chunk.endswith((b"\n", b'"')):
        raise BadStatement("the last row has no end: the file may be cut; if it isn't, add an empty line", line - 1)


def quoted(cell: str | None) -> str:
    """A cell as a message shows it: on one line, and not for long."""
    return repr(" ".join((cell or "").split())[:40])


def tidy(cells: pl.Series) -> pl.Series:
    """Cells without space around them; null where there is nothing else."""
    return cells.str.strip_chars().replace("", None)


def _chunks(text: IO[bytes]) -> Iterator[bytes]:
    """The file in pieces that end with a row."""
    rest = b""
    while some := text.read(_CHUNK):
        rest = rest + some if rest else some
        if b"\n" not in rest and b"\r" in rest:
            rest = rest.replace(b"\r", b"\n")  # the row's end of old Macs
        # Where quotes don't pair over so much, one of them is a sign in a text: line by line it will be seen which.
        ends = _last_row_end(rest) if len(rest) < 2 * _CHUNK else rest.rfind(b"\n") + 1
        if ends:
            yield rest[:ends]
            rest = rest[ends:]
    if rest.strip():
        yield rest


def _last_row_end(piece: bytes) -> int:
    """Where the last row of a piece ends, which a line break inside quotes doesn't."""
    ends = piece.rfind(b"\n") + 1
    quotes = piece.count(b'"', 0, ends) if b'"' in piece else 0
    while ends and quotes % 2:
        before = piece.rfind(b"\n", 0, piece.rfind(b'"', 0, ends)) + 1
        quotes -= piece.count(b'"', before, ends)
        ends = before
    return ends


def _after(chunk: bytes, rows: int) -> tuple[int, int]:
    """How many of so many rows the chunk has, and where they end."""
    ends = quotes = 0
    for done in range(rows):
        while True:
            found = chunk.find(b"\n", ends)
            if found < 0:
                return done + 1, len(chunk)
            quotes += chunk.count(b'"', ends, found)
            ends = found + 1
            if quotes % 2 == 0:
                break
    return rows, ends


def _cut(chunk: bytes, separator: str, width: int, line: int) -> pl.DataFrame:
    frame = _read(chunk, separator, width)
    # Polars fills a row that is too short and cuts one that is too long. One column more than there should be shows
    # the long ones; and where no row is long, as many separators as there should be means that none is short.
    if frame is None or not frame[str(width)].is_null().all() or not _as_many(chunk, frame, separator, width):
        frame = _slowly(chunk, separator, width, line)
    return frame.select(str(index) for index in range(width))


def _read(chunk: bytes, separator: str, width: int) -> pl.DataFrame | None:
    """The chunk with a column more than it should have; None for what Polars finds fault with."""
    schema = {f"column_{index + 1}": pl.String for index in range(width + 1)}
    try:
        frame = pl.read_csv(
            chunk,
            has_header=False,
            schema=schema,
            separator=separator,
            truncate_ragged_lines=True,
            missing_columns="insert",
        )
    except pl.exceptions.PolarsError:
        return None
    return frame.rename({f"column_{index + 1}": str(index) for index in range(width + 1)})


def _as_many(chunk: bytes, frame: pl.DataFrame, separator: str, width: int) -> bool:
    """Whether every row has as many separators outside quotes as it should."""
    due = frame.height * (width - 1)
    if b'"' not in chunk:
        # A row too short has its last cells empty; where none has, the sum tells all.
        if not frame[str(width - 1)].null_count():
            return chunk.count(separator.encode()) == due
        lines = chunk.removesuffix(b"\n").split(b"\n")
        return set(map(bytes.count, lines, repeat(separator.encode()))) == {width - 1}
    inside = frame.select(pl.sum_horizontal(pl.all().str.count_matches(separator, literal=True).sum())).item()
    return chunk.count(separator.encode()) - int(inside) == due and not frame[str(width - 1)].null_count()


def _slowly(chunk: bytes, separator: str, width: int, line: int) -> pl.DataFrame:
    """The same row by row, which names the one that is wrong."""
    rows: list[list[str | None]] = []
    reading = csv.reader(io.StringIO(chunk.decode(), newline=""), delimiter=separator, strict=True)
    at = line
    try:
        for row in reading:
            if row and len(row) != width and any(cell.strip() for cell in row):
                raise BadStatement(f"{len(row)} cells where the headings are {width}", row=at)
            rows.append([cell or None for cell in row[:width]] + [None] * (width - len(row)))
            at += 1
    except csv.Error:
        raise BadStatement(_OPEN_QUOTE, row=at) from None
    return pl.DataFrame(rows, schema={str(index): pl.String for index in range(width)}, orient="row")
