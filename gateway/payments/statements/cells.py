"""The cells of a CSV file as columns of text, some megabytes at a time, with every row exactly as many cells as it has.

The rows count from 1 as people count them in a spreadsheet: a line break inside quotes begins no row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, repeat
from typing import IO

import polars as pl

from gateway.locale import mark
from gateway.payments.statements.lines import BadStatement
from gateway.payments.statements.profiles import MOST_ABOVE

SEPARATORS = (",", ";", "\t", "|")
_CHUNK = 8 * 2**20
_HEAD_BYTES = 2**18

_OPEN_QUOTE = mark("a quote isn't closed: the file was cut, or a text has a quote too many")


@dataclass(frozen=True)
class Head:
    """The first rows of a file, as cut at a separator, and where each of them ends, in bytes."""

    rows: list[list[str]]
    ends: list[int]


def head(text: IO[bytes], separator: str) -> Head:
    """The head of a file, which is left where it was."""
    start = text.tell()
    some = text.read(_HEAD_BYTES)
    text.seek(start)
    lines = _with_line_ends(some).split(b"\n")
    if len(some) == _HEAD_BYTES and len(lines) > 1:
        lines.pop()
    found = Head([], [])
    reading = csv.reader((line.decode("utf-8", "replace") + "\n" for line in lines), delimiter=separator)
    try:
        for row in islice(reading, MOST_ABOVE):
            found.rows.append(row)
            found.ends.append(start + sum(len(line) + 1 for line in lines[: reading.line_num]))
    except csv.Error:
        pass  # what follows the headings is read for good elsewhere, which says what is wrong with it
    return found


def rows_from(
    text: IO[bytes], separator: str, line: int, width: int, wanted: Sequence[int], needs_end: bool = False
) -> Iterator[pl.DataFrame]:
    """The rows from where the file stands, the first of which is ``line`` as people count them.

    Frames of the column ``line``, then the wanted of ``width`` columns by their index. Empty cells are null, and rows
    of empty cells left out. Raises :class:`BadStatement` for a row with more or fewer cells, for a quote that isn't
    closed, and with ``needs_end`` for a last row without an end: what its last cell says may have been longer.
    """
    chunk = b""
    for chunk in _chunks(text):
        frame = _cut(chunk, separator, width, line)
        height = frame.height
        blank = frame.select(pl.all_horizontal(pl.all().is_null()))[:, 0]
        frame = frame.select(str(index) for index in wanted)
        frame.insert_column(0, pl.int_range(line, line + height, dtype=pl.UInt32, eager=True).alias("line"))
        line += height
        yield frame.filter(~blank) if blank.any() else frame
    if needs_end and chunk and not chunk.endswith((b"\n", b'"')):
        raise BadStatement(
            mark("the last row has no end: the file may be cut; if it isn't, add an empty line"), line - 1
        )


def ahead(frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same frames, each next one being made while the last is worked on."""
    with ThreadPoolExecutor(1) as making:
        coming = making.submit(next, frames, None)
        while (frame := coming.result()) is not None:
            coming = making.submit(next, frames, None)
            yield frame


def _with_line_ends(some: bytes) -> bytes:
    """The same with the line ends of today; old Macs had others."""
    return some.replace(b"\r", b"\n") if b"\n" not in some and b"\r" in some else some


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
        rest = _with_line_ends(rest)
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
    if not frame[str(width - 1)].null_count():
        inside = frame.select(pl.sum_horizontal(pl.all().str.count_matches(separator, literal=True).sum())).item()
        return chunk.count(separator.encode()) - int(inside) == due
    bare = pl.Series(chunk.decode().removesuffix("\n").split("\n")).str.replace_all(r'"[^"]*"', "")
    return bare.len() == frame.height and bool((bare.str.count_matches(separator, literal=True) == width - 1).all())


def _slowly(chunk: bytes, separator: str, width: int, line: int) -> pl.DataFrame:
    """The same row by row, which names the one that is wrong."""
    rows: list[list[str | None]] = []
    reading = csv.reader(io.StringIO(chunk.decode(), newline=""), delimiter=separator, strict=True)
    at = line
    try:
        for row in reading:
            if row and len(row) != width and any(cell.strip() for cell in row):
                raise BadStatement(
                    mark("{cells} cells where the headings are {heads}"), at, cells=len(row), heads=width
                )
            rows.append([cell or None for cell in row[:width]] + [None] * (width - len(row)))
            at += 1
    except csv.Error:
        raise BadStatement(_OPEN_QUOTE, row=at) from None
    return pl.DataFrame(rows, schema={str(index): pl.String for index in range(width)}, orient="row")
