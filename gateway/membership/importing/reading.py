"""Rows of a file as households of a register: one row a person; which column is what is told by its heading.

A household is what a family column says, or else the card column; where there is neither, it begins with each row of a
head and goes on until the next. The file itself is opened elsewhere: this reads tables of texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from gateway.kernel.faults import Fault
from gateway.kernel.spelling import plain
from gateway.locale import mark
from gateway.membership.importing.headings import FIELDS, field_of, left_out, relation_of

MOST_BYTES = 10 * 2**20
MOST_ROWS = 50_000
MOST_COLUMNS = 60
MOST_ABOVE = 20  # rows above the headings: a title, an address
CELL_CHARACTERS = 200
NEEDED = ("name", "sex", "relation")  # and a year of birth or an age

Row = tuple[int, Sequence[str]]
# An apostrophe that our own files set before what a spreadsheet would run.
_KEPT_AS_TEXT = re.compile(r"'(?=\s*[=+\-@＝＋－＠])")


class BadRegister(Fault):
    """No register: a column that is needed isn't there, or two would be the same."""


@dataclass(frozen=True)
class Line:
    """A row of the file: its number as people count, all its cells, and those that are read, by field."""

    row: int
    cells: tuple[str, ...]
    of: Mapping[str, str]

    def __getitem__(self, field: str) -> str:
        return self.of.get(field, "")


@dataclass(frozen=True)
class Family:
    """The rows of one household, as the file has them; ``named`` by the family column, where there is one."""

    named: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class RegisterFile:
    """A register as it was read: headings, which of them is which field, what isn't taken over, and the households.

    ``left_out``: (heading, why); why is empty for a heading that nobody knows.
    """

    headings: tuple[str, ...]
    columns: Mapping[str, int]
    left_out: tuple[tuple[str, str], ...]
    families: tuple[Family, ...]


def read_register(tables: Iterable[Iterator[Row]], chosen: Mapping[str, str] | None = None) -> RegisterFile:
    """The register in the first of some tables that has its columns.

    ``chosen``: fields of columns whose heading doesn't say so, by heading. Raises :class:`BadRegister`, and
    :class:`Fault` for a table that can't be read to its end.
    """
    unreadable: Fault | None = None
    nearest: list[str] | None = None
    for table in tables:
        try:
            above = list(islice(table, MOST_ABOVE))
        except Fault as wrong:  # cut at a separator that isn't one
            unreadable = wrong
            continue
        for place, (_, cells) in enumerate(above):
            headings = _trimmed(cells)
            columns = _columns(headings, chosen or {})
            missing = _missing(columns)
            if not missing:
                return _read(headings, columns, [*above[place + 1 :], *_rest(table)])
            if columns and (nearest is None or len(missing) < len(nearest)):
                nearest = missing
    if nearest is None and unreadable is not None:
        raise unreadable
    raise BadRegister(
        mark("the register needs a column of {columns}; name the first row's columns so"),
        columns=", ".join(nearest or _SHOWN.values()),
    )


# What a column that is missing is called when people are told of it.
_SHOWN = {"name": "nom (name)", "sex": "sexe (sex)", "born": "naissance (birth year)", "relation": "lien (relation)"}


def _missing(columns: Mapping[str, int]) -> list[str]:
    missing = [_SHOWN[one] for one in NEEDED if one not in columns]
    return missing if "born" in columns or "age" in columns else [*missing, _SHOWN["born"]]


def _columns(headings: Sequence[str], chosen: Mapping[str, str]) -> dict[str, int]:
    unknown = next((one for one in chosen if one not in FIELDS), None)
    if unknown is not None:
        raise BadRegister(mark("{field} is none of {fields}"), field=unknown, fields=", ".join(FIELDS))
    named = {plain(heading): field for field, heading in chosen.items()}
    found: dict[str, int] = {}
    for place, heading in enumerate(headings):
        field = named.get(plain(heading)) or field_of(heading)
        if field is None or (field in chosen and plain(heading) not in named):
            continue
        if field in found:
            raise BadRegister(
                mark("the columns {one} and {other} say the same: take one of them out, or rename it"),
                one=headings[found[field]],
                other=heading,
            )
        found[field] = place
    return found


def _trimmed(cells: Sequence[str]) -> list[str]:
    found = [cell.strip()[:CELL_CHARACTERS] for cell in cells]
    while found and not found[-1]:
        found.pop()
    return found


def _rest(table: Iterator[Row]) -> list[Row]:
    rows = list(islice(table, MOST_ROWS + MOST_ABOVE))
    if next(table, None) is not None:
        raise BadRegister(mark("more than {most} rows: divide the file"), most=MOST_ROWS)
    return rows


def _read(headings: Sequence[str], columns: Mapping[str, int], rows: Sequence[Row]) -> RegisterFile:
    if len(headings) > MOST_COLUMNS:
        raise BadRegister(mark("more than {most} columns"), most=MOST_COLUMNS)
    lines = []
    for number, cells in rows:
        texts = tuple(_text(cell) for cell in cells[: len(headings)])
        if any(texts):
            lines.append(Line(number, texts, {field: texts[at] for field, at in columns.items() if at < len(texts)}))
    if not lines:
        raise BadRegister(mark("there are no rows below the headings"))
    if len(lines) > MOST_ROWS:
        raise BadRegister(mark("more than {most} rows: divide the file"), most=MOST_ROWS)
    others = tuple(
        (heading, left_out(heading) or "")
        for place, heading in enumerate(headings)
        if heading and place not in columns.values() and left_out(heading) != ""
    )
    return RegisterFile(tuple(headings), dict(columns), others, tuple(_families(lines, columns)))


def _text(cell: str) -> str:
    return _KEPT_AS_TEXT.sub("", " ".join(cell.split())[:CELL_CHARACTERS], count=1)


def _families(lines: Sequence[Line], columns: Mapping[str, int]) -> Iterator[Family]:
    by = "family" if "family" in columns else "card" if "card" in columns else None
    found: dict[str, list[Line]] = {}
    running = ""
    for line in lines:
        named = plain(line[by]) if by else ""
        if not named:  # no number: whoever stands below a head belongs to it, a head begins a household
            begins = relation_of(line["relation"]) == "head" or not running
            running = f"\0{line.row}" if begins else running
            named = running
        else:
            running = named
        found.setdefault(named, []).append(line)
    for named, its in found.items():
        yield Family("" if named.startswith("\0") else its[0][by or "family"], tuple(its))
