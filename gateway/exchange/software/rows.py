"""What stands in the exchange's files: columns, a row's key and version, and the fields that both sides may change."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gateway.kernel.faults import Fault
from gateway.kernel.spelling import plain
from gateway.ledger.exports import Cell
from gateway.locale import mark

MEMBERS = (
    "key", "version", "card", "household", "number", "name", "sex", "birth_year", "relation", "phone", "section",
    "plan", "joined", "left", "cover", "until",
)  # fmt: skip
CONTRIBUTIONS = (
    "key", "version", "their_key", "card", "day", "amount", "currency", "way", "receipt", "state",
)  # fmt: skip
CHANGES = ("key", "version", "card", "person", "day", "what", "note")
VISITS = ("key", "version", "card", "person", "facility", "day")

# What both sides may change of a person; phone and section are the household's, and stand on its head alone.
OF_PERSON = ("name", "sex", "birth_year", "relation")
OF_HEAD = ("name", "sex", "birth_year", "phone", "section")

MOST_BYTES = 512 * 1024 * 1024
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # as gateway.ledger.exports guards them
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_KEY_CHARACTERS = 40
_ROUNDED = re.compile(r"\d+([.,]\d+)?E\+\d+", re.IGNORECASE)  # 2,02611E+11: what was it?

Fields = dict[str, str]
Whose = Literal["same", "ours", "theirs", "conflict"]


def fields_of(relation: str) -> tuple[str, ...]:
    """The fields of a person that are compared, by their relation as it stands here."""
    return OF_HEAD if relation == "head" else OF_PERSON


def decide(agreed: str | None, ours: str, theirs: str) -> Whose:
    """What becomes of a field: who changed it since both sides last agreed; ``agreed`` None: they never did."""
    if ours == theirs:
        return "same"
    if agreed == theirs:
        return "ours"
    return "theirs" if agreed == ours else "conflict"


def version_of(cells: Sequence[Cell]) -> str:
    """The version of a row: 16 letters and figures made of all that it says: another whenever it says another thing."""
    written = "\x1f".join("" if cell is None else str(cell) for cell in cells)
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def versioned(key: str, *cells: Cell) -> tuple[Cell, ...]:
    """A row of a file: its key, its version, and the rest."""
    return (key, version_of(cells), *cells)


@dataclass(frozen=True)
class Row:
    """A row of a file that was handed in: its line, and its cells by column; an empty cell isn't there.

    ``wrong``: why nothing of it is taken, whatever stands in it.
    """

    line: int
    cells: Mapping[str, str]
    wrong: Fault | None = None

    def get(self, column: str) -> str:
        """A cell; empty where there is none."""
        return self.cells.get(column, "")

    def check(self) -> None:
        """Raises :class:`Fault` for a row whose cells can't be told apart, or that nobody could show."""
        if self.wrong is not None:
            raise self.wrong


def columns_in(path: Path, *known: Sequence[str]) -> tuple[str, ...]:
    """The heading of a file, without the empty cells behind it that a spreadsheet leaves.

    Raises :class:`Fault` for a column that none of the ``known`` headings has.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            typed = next(csv.reader(file, delimiter=_delimiter(path), strict=True), [])
        except (UnicodeDecodeError, csv.Error):
            raise Fault(mark("this file is no CSV in UTF-8")) from None
    heads = tuple(plain(each).replace(" ", "_") for each in typed)
    while heads and not heads[-1]:
        heads = heads[:-1]
    if not heads:
        raise Fault(mark("there is no row in this list"))
    if "" in heads:
        raise Fault(mark("a column has no heading"))
    every = {name for one in known for name in one}
    strange = next((each for each in heads if each not in every), None)
    if strange is not None:
        raise Fault(mark("a column that isn't known: {column}"), column=strange[:40])
    again = next((each for each in heads if heads.count(each) > 1), None)
    if again is not None:
        raise Fault(mark("a column stands there twice: {column}"), column=again)
    return heads


def read_rows(path: Path, heads: Sequence[str]) -> Iterator[Row]:
    """The rows of a file in order, one at a time however many there are; raises :class:`Fault` where it breaks off."""
    if path.stat().st_size > MOST_BYTES:
        raise Fault(mark("the file is too large: divide it"))
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=_delimiter(path), strict=True)
        try:
            next(reader)
            for cells in reader:
                values = [unguarded(" ".join(cell.split())) for cell in cells]
                if any(values):
                    found = {name: value for name, value in zip(heads, values, strict=False) if value}
                    yield Row(reader.line_num, found, _wrong(values, len(heads)))
        except (UnicodeDecodeError, csv.Error):
            raise Fault(mark("this file is no CSV in UTF-8")) from None


def _wrong(values: Sequence[str], heads: int) -> Fault | None:
    if any(values[heads:]):
        return Fault(mark("the row has more cells than the heading"))
    if any(_CONTROL.search(each) for each in values):
        return Fault(mark("there is a sign in this row that can't be shown"))
    return None


def _delimiter(path: Path) -> str:
    with path.open("rb") as file:
        head = file.readline(4_096)
    return ";" if head.count(b";") >= head.count(b",") else ","


def unguarded(cell: str) -> str:
    """A cell without the quote that stands before what a spreadsheet would take for a formula."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in _FORMULA else cell


def read_key(typed: str) -> str:
    """The software's own key of a payment; raises :class:`Fault` where there is none, or a longer or a rounded one."""
    if not typed or len(typed) > _KEY_CHARACTERS:
        raise Fault(mark("a payment has a key of at most {most} signs"), most=_KEY_CHARACTERS)
    if _ROUNDED.fullmatch(typed):
        raise Fault(mark("a spreadsheet has rounded the key {key}: save its column as text"), key=typed)
    return typed
