"""A file's cells as they are written, before anybody knows what they mean: for showing them to people."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from gateway.payments.statements import cells, sheets
from gateway.payments.statements.files import opened
from gateway.payments.statements.formats.headings import letters
from gateway.payments.statements.lines import BadStatement

SAMPLES = 3
MOST_COLUMNS = 60
_CELL = 60  # so many letters of a cell are shown


@dataclass(frozen=True)
class RawColumn:
    """A column as somebody sees it: its letters (``A``), its heading, and what stands in its first rows.

    ``named``: how a profile names it: by its heading, or by its letters where that says nothing or is there twice.
    """

    letters: str
    heading: str
    named: str
    samples: tuple[str, ...]


def raw_columns(path: Path) -> tuple[int, list[RawColumn]]:
    """The row of a table's headings, as far as that can be seen, and its columns; nothing of what is no table.

    The headings are taken to be the first of the fullest rows. Raises :class:`BadStatement` for what is no statement.
    """
    with opened(path) as file:
        if file.kind not in ("table", "workbook"):
            return 0, []
        rows = _head(file.text, file.kind == "workbook")
    full = [sum(bool(cell.strip()) for cell in row) for row in rows]
    if not full or max(full) < 2:
        return 0, []
    heads = full.index(max(full))
    titles = [_shown(cell) for cell in rows[heads]][:MOST_COLUMNS]
    below = rows[heads + 1 : heads + 1 + SAMPLES]
    found = []
    for index, title in enumerate(titles):
        samples = tuple(_shown(row[index]) for row in below if index < len(row))
        if title or any(samples):
            named = title if title and titles.count(title) == 1 and not title.startswith("=") else f"={letters(index)}"
            found.append(RawColumn(letters(index), title, named, samples))
    return heads + 1, found


def first_rows(path: Path) -> list[list[str]]:
    """The first rows of a file, of what is no table its first words; for telling whose it is."""
    try:
        with opened(path) as file:
            if file.kind in ("table", "workbook"):
                return _head(file.text, file.kind == "workbook")
            start = file.text.read(8192).decode("utf-8", "replace")
    except BadStatement:
        return []
    return [re.split(r"[\s:/<>]+", start)]


def raw_row(path: Path, number: int) -> list[str]:
    """The cells of a row, which counts from 1 as people count them; nothing where it can't be shown."""
    try:
        with opened(path) as file:
            if file.kind not in ("table", "workbook"):
                return []
            with closing(_rows(file.text, file.kind == "workbook")) as rows:
                row = next(islice(rows, number - 1, None), [])
    except (BadStatement, csv.Error, UnicodeError):
        return []
    return [_shown(cell) for cell in row][:MOST_COLUMNS]


@contextmanager
def without_rows(path: Path, numbers: Sequence[int], folder: Path) -> Iterator[Path | None]:
    """A copy of a table in text whose rows of these numbers are empty, so that all others keep theirs; else None."""
    with opened(path) as file:
        rows = list(_rows(file.text, False)) if file.kind == "table" else []
    if not rows:
        yield None
        return
    copy = folder / "without.csv"
    with copy.open("w", encoding="utf-8", newline="") as written:
        writing = csv.writer(written, lineterminator="\n")
        for number, row in enumerate(rows, 1):
            writing.writerow([""] * max(2, len(row)) if number in numbers else row)
    yield copy
    copy.unlink()


def _shown(cell: str) -> str:
    return " ".join(cell.split())[:_CELL]


def _head(text: IO[bytes], is_workbook: bool) -> list[list[str]]:
    if is_workbook:
        found = sheets.Workbook(text).sheets()
        return sheets.head(found[0]) if found else []
    return cells.head(text, _separator(text)).rows


def _rows(text: IO[bytes], is_workbook: bool) -> Generator[list[str], None, None]:
    if is_workbook:
        for sheet in sheets.Workbook(text).sheets()[:1]:
            for row in sheet.iter_rows():
                yield [cell or "" for cell in row]
        return
    separator = _separator(text)
    reading = io.TextIOWrapper(text, encoding="utf-8", errors="replace", newline="")
    try:
        yield from csv.reader(reading, delimiter=separator)
    finally:
        reading.detach()


def _separator(text: IO[bytes]) -> str:
    """What parts the cells: of those that files have, the one that parts most rows into most cells."""

    def parts(separator: str) -> int:
        return sum(len(row) - 1 for row in cells.head(text, separator).rows)

    return max(cells.SEPARATORS, key=parts)
