"""Lists with a heading, row by row: which column is what, and what is wrong with a row said with its number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.kernel.faults import Fault
from gateway.kernel.spelling import plain
from gateway.locale import Say, mark

Row = tuple[int, Sequence[str]]
MOST_ROWS = 5_000
_FORMULA = ("=", "+", "-", "@")  # as gateway.ledger.exports guards them
State = Literal["new", "changed", "same", "wrong"]


class BadList(Fault):
    """A list can't be taken in as a whole."""


@dataclass(frozen=True)
class Outcome:
    """What a row does, or would: ``changed`` names what changes; ``fault``: why it is wrong."""

    number: int
    code: str
    state: State
    changed: Mapping[str, Any] = field(default_factory=dict)
    fault: Fault | None = None

    def said(self, say: Say) -> str:
        """What is wrong, or which of the columns change."""
        if self.fault is not None:
            return self.fault.said(say)
        return ", ".join(sorted(self.changed))


def read_list(
    tables: Iterable[Iterator[Row]], known: Sequence[str], needed: Sequence[str]
) -> list[tuple[int, dict[str, str]]]:
    """The rows below the heading of the first table that has the columns; each cell under its column's name.

    A column that isn't ``known`` is refused: nobody thinks that it was taken in. Raises :class:`BadList`.
    """
    fault: Fault | None = None
    for table in tables:
        try:
            return _read(table, known, needed)
        except BadList as wrong:
            fault = fault or wrong
    raise fault or BadList(mark("there is no row in this list"))


def _read(table: Iterator[Row], known: Sequence[str], needed: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    heads: list[str] = []
    rows: list[tuple[int, dict[str, str]]] = []
    for number, cells in table:
        values = [_unguarded(" ".join(cell.split())) for cell in cells]
        if not any(values):
            continue
        if not heads:
            heads = [plain(each).replace(" ", "_") for each in values]
            missing = [each for each in needed if each not in heads]
            if missing:
                raise BadList(mark("a column is missing: {column}"), column=missing[0])
            strange = next((each for each, name in zip(values, heads, strict=True) if each and name not in known), None)
            if strange is not None:
                raise BadList(mark("a column that isn't known: {column}"), column=strange[:40])
            twice = next((each for each in heads if each and heads.count(each) > 1), None)
            if twice is not None:
                raise BadList(mark("a column stands there twice: {column}"), column=twice)
            continue
        if len(rows) >= MOST_ROWS:
            raise BadList(mark("more than {most} rows: divide the list"), most=MOST_ROWS)
        rows.append((number, {name: value for name, value in zip(heads, values, strict=False) if name}))
    if not rows:
        raise BadList(mark("there is no row in this list"))
    return rows


def _unguarded(cell: str) -> str:
    """A cell without the quote that a written list puts before what a spreadsheet would take for a formula."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in _FORMULA else cell


def twice(rows: Sequence[tuple[int, dict[str, str]]]) -> dict[int, Fault]:
    """The rows whose code stood in the list before, with what is wrong."""
    seen: dict[str, int] = {}
    found: dict[int, Fault] = {}
    for number, values in rows:
        first = seen.setdefault(values.get("code", ""), number)
        if first != number:
            found[number] = BadList(mark("the code stands in row {row}, too"), row=first)
    return found
