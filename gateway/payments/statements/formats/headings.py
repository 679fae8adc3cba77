"""Where a table's headings stand, whose table it is by them, and which column is what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from gateway.kernel.money import EXPONENT
from gateway.kernel.spelling import plain
from gateway.locale import mark
from gateway.payments.statements.formats.layouts import Layout, layouts_of
from gateway.payments.statements.hints import Hints
from gateway.payments.statements.lines import BadStatement
from gateway.payments.statements.profiles import Column, Mapping, Signs

_CODES = frozenset(code.lower() for code in EXPONENT)
# Columns whose cells may be words for people as well: a party's cell has a name in it.
_ALSO_WORDS: tuple[Column, ...] = ("kind", "payer", "payee", "said")
_MONEY: tuple[Column, ...] = ("amount", "credit", "debit", "fee", "operator_id", "our_id", "linked")
_LETTERS = re.compile(r"=([A-Za-z]{1,3})")


@dataclass(frozen=True)
class Table:
    """How one file's table is read: its layout, the place of each column, and how many there are.

    ``words`` are the places of all columns with words for people; ``below`` is the row of the headings, 0 for none.
    """

    layout: Layout
    columns: dict[Column, int]
    words: tuple[int, ...]
    titles: tuple[str, ...]
    below: int
    dates: str | None = None
    signs: Signs | None = None
    account: str | None = None

    @property
    def width(self) -> int:
        """How many cells a row has."""
        return len(self.titles)

    @property
    def wanted(self) -> tuple[int, ...]:
        """The places of the columns that are read."""
        return tuple(sorted({*self.columns.values(), *self.words}))

    @property
    def ends_with_money(self) -> bool:
        """Whether the last cell of a row is one that mustn't be shorter than it was."""
        return any(self.columns.get(one) == self.width - 1 for one in _MONEY)

    def title(self, column: Column) -> str | None:
        """What a column is headed, for people."""
        return None if column not in self.columns else self.titles[self.columns[column]]


def find_table(rows: Sequence[Sequence[str]], operator: str, hints: Hints) -> Table | None:
    """The table of a file that begins with these rows, by its headings; None where there are none that are known."""
    if hints.profile is not None:
        return _by_profile(rows, hints.profile)
    *known, last = layouts_of(operator)
    for layout in known:
        if found := _by_layout(rows, layout):
            return found
    for profile in hints.known:
        if found := _by_profile(rows, profile):
            return found
    return _by_layout(rows, last)


def _squashed(heading: str) -> str:
    """A heading as it is compared: without spaces, and without the code of a currency."""
    return "".join(word for word in plain(heading).split() if word not in _CODES)


def _by_layout(rows: Sequence[Sequence[str]], layout: Layout) -> Table | None:
    for number, row in enumerate(rows, 1):
        squashed = [_squashed(cell) for cell in row]
        columns: dict[Column, int] = {}
        for column, headings in layout.columns.items():
            for heading in headings:
                if (name := heading.replace(" ", "")) in squashed:
                    columns[column] = squashed.index(name)
                    _once(row, squashed, name, number)
                    break
        moves = {"amount", "credit", "debit"} & set(columns)
        if not moves or not all(one in columns for one in layout.needs):
            continue
        if "amount" in columns and {"credit", "debit"} <= set(columns):
            del columns["amount"]  # two columns say more than one
        names = {name.replace(" ", "") for name in layout.columns.get("said", ())}
        taken = {place for column, place in columns.items() if column not in _ALSO_WORDS}
        words = tuple(index for index, name in enumerate(squashed) if name in names and index not in taken)
        titles = _titles(row)
        return Table(layout, columns, words, titles, number, account=_account(rows[: number - 1]))
    return None


def _once(row: Sequence[str], squashed: Sequence[str], name: str, number: int) -> None:
    if squashed.count(name) > 1:
        heading = row[squashed.index(name)]
        raise BadStatement(
            mark("two columns are headed so: a profile can name the right one by its letter"), number, heading
        )


def _titles(row: Sequence[str]) -> tuple[str, ...]:
    return tuple(" ".join(cell.split())[:40] or letters(index) for index, cell in enumerate(row))


def letters(index: int) -> str:
    """The letters that a spreadsheet has above a column, which counts from 0."""
    named = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        named = chr(65 + rest) + named
    return named


def _account(above: Sequence[Sequence[str]]) -> str | None:
    """How the rows above the headings name the account: the cell beside one that says so."""
    for row in above:
        cells = [cell.strip() for cell in row if cell.strip()]
        for heading, value in pairwise(cells):
            if _squashed(heading) in ("shortcode", "accountnumber", "account", "compte", "numerodecompte", "iban"):
                return value[:40]
    return None


def _by_profile(rows: Sequence[Sequence[str]], profile: Mapping) -> Table | None:
    layout = Layout(
        "profile",
        {},
        completed=frozenset(map(plain, profile.completed)),
        left_out=frozenset(map(plain, profile.left_out)),
        decimal=profile.decimal,
        time_zone=profile.time_zone,
        kinds={plain(words): kind for words, kind in profile.kinds.items()},
    )
    if not profile.completed:
        layout = replace(layout, completed=Layout("", {}).completed, left_out=Layout("", {}).left_out)
    if profile.header_row == 0:
        width = max((len(row) for row in rows), default=0)
        candidates = [(0, tuple(letters(index) for index in range(width)))]
    elif profile.header_row is not None:
        candidates = (
            [(profile.header_row, tuple(rows[profile.header_row - 1]))] if profile.header_row <= len(rows) else []
        )
    else:
        candidates = list(enumerate(map(tuple, rows), 1))
    for number, row in candidates:
        squashed = [_squashed(cell) for cell in row]
        columns: dict[Column, int] = {}
        for column, heading in profile.columns.items():
            place = _place(heading, squashed)
            if place is None:
                break
            if not heading.startswith("="):
                _once(row, squashed, squashed[place], number)
            columns[column] = place
        else:
            words = (columns["said"],) if "said" in columns else ()
            return Table(layout, columns, words, _titles(row), number, profile.dates, profile.signs)
    return None


def _place(heading: str, squashed: Sequence[str]) -> int | None:
    if found := _LETTERS.fullmatch(heading):
        place = -1
        for letter in found[1].upper():
            place = (place + 1) * 26 + ord(letter) - 65
        return place if place < len(squashed) else None
    name = _squashed(heading)
    return squashed.index(name) if name in squashed else None
