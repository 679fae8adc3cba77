"""Lines oldest first, and the operator's running balance followed through them: a gap means that lines are missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import polars as pl

from gateway.locale import mark
from gateway.payments.statements.lines import LINES, BadStatement, Heading, Read
from gateway.payments.statements.spool import Spool

_FRAME_ROWS = 100_000
_FOLLOWED = ("line", "at", "amount", "fee", "balance")
_TRIED = 50  # balances of the oldest moment that are tried as its last

_OPENS = mark("lines are missing: the file opens with {told}, its lines with {found}")
_CLOSES = mark("lines are missing: the file closes with {told}, its lines with {found}")
_GAP = mark(
    "lines are missing before this one: its amount of {moved} doesn't lead from a balance of {before} to {told}"
)


@dataclass(frozen=True)
class Balances:
    """What the balances of the lines say: before the first, after the last, and whether fees are taken out of them."""

    opening: int
    closing: int
    fees_count: bool


def finished(
    heading: Heading, parts: Iterable[pl.DataFrame], column: str | None = None, newest_first: bool = False
) -> Read:
    """The statement of lines in the order of the file: turned round where it must be, its balances followed.

    Of equal moments the file's own order counts, reversed where it is newest first. A file of one moment alone is
    newest first where its balances say so, or else where its format is (``newest_first``).
    """
    kept, some = Spool(), []
    for part in parts:
        kept.put(part)
        some.append(part.select(_FOLLOWED))
    if not some:
        return Read(heading, iter(()))
    lines = pl.concat(some, rechunk=False)
    del some
    backwards = _backwards(lines, newest_first)
    if backwards is None:
        whole = pl.concat([kept.take() for _ in range(len(kept))], rechunk=False)
        backwards = False
        kept.put((whole.reverse() if whole["at"][0] > whole["at"][-1] else whole).sort("at", maintain_order=True))
        lines = kept.first().select(_FOLLOWED)
    if backwards:
        lines = lines.reverse()
    balances = check(lines, column)
    if balances is not None:
        for told, found, row, what in (
            (heading.opening_minor, balances.opening, 0, _OPENS),
            (heading.closing_minor, balances.closing, -1, _CLOSES),
        ):
            if told not in (None, found):
                raise BadStatement(what, int(lines["line"][row]), column, told=told, found=found)
        heading = replace(heading, opening_minor=balances.opening, closing_minor=balances.closing)
    # Balances that don't know of the fees tell that somebody else pays them.
    return Read(heading, _frames(kept, backwards, balances is None or balances.fees_count))


def _backwards(lines: pl.DataFrame, newest_first: bool) -> bool | None:
    """Whether lines are newest first; None where they are in no order."""
    at = lines["at"].cast(pl.Int64)
    rising, falling = at.is_sorted(), at.is_sorted(descending=True)
    if rising and falling:
        return _told_backwards(lines, newest_first)
    return falling if rising or falling else None


def _told_backwards(lines: pl.DataFrame, otherwise: bool) -> bool:
    """Whether the balances of lines of one moment lead from the last line to the first."""
    told = lines.drop_nulls("balance")
    for moved in (pl.col("amount") - pl.col("fee"), pl.col("amount")):
        if told.height == lines.height > 1:
            onward = told.select((pl.col("balance") - moved.cum_sum()).n_unique()).item() == 1
            backward = told.reverse().select((pl.col("balance") - moved.cum_sum()).n_unique()).item() == 1
            if onward != backward:
                return bool(backward)
    return otherwise


def check(lines: pl.DataFrame, column: str | None) -> Balances | None:
    """Follow the balances through lines that are in order; None where none are told.

    The operator may write the lines of one moment in any order, so that it is what a moment's lines come to that must
    lead from balance to balance. Raises :class:`BadStatement` for the first line behind a gap.
    """
    if lines["balance"].null_count() == lines.height:
        return None
    broken: list[tuple[int, int]] = []
    for fees_count in (True, False) if (lines["fee"] != 0).any() else (True,):
        moved = lines["amount"] - lines["fee"] if fees_count else lines["amount"]
        found = _followed(lines, moved)
        if not isinstance(found, tuple):
            broken.append((found, len(broken)))
            continue
        return Balances(*found, fees_count)
    row = max(broken)[0]
    before, at = lines["balance"][row - 1] if row else None, lines["line"][row]
    told, moved = lines["balance"][row], lines["amount"][row]
    raise BadStatement(_GAP, int(at), column, moved=moved, before=before, told=told)


def _followed(lines: pl.DataFrame, moved: pl.Series) -> tuple[int, int] | int:
    """The balance before the first and after the last line, or the place of the first line that doesn't follow."""
    sums = moved.cum_sum()
    base = lines["balance"] - sums  # the same for all lines where each balance follows from the one before
    told = base.drop_nulls()
    if told.n_unique() == 1:
        opening = int(told[0])
        return opening, opening + int(sums[-1])
    groups = (
        pl.DataFrame({"at": lines["at"], "moved": moved, "balance": lines["balance"]})
        .with_row_index("place")
        .group_by("at", maintain_order=True)
        .agg(pl.col("moved").sum(), pl.col("balance"), pl.col("place").first(), told=pl.col("balance").count())
        .with_columns(total=pl.col("moved").cum_sum())
    )
    first = groups.row(groups["told"].gt(0).arg_max() or 0, named=True)
    furthest = -1
    for balance in [one for one in first["balance"] if one is not None][:_TRIED]:
        opening = int(balance) - int(first["total"])
        follows = groups.select(
            (pl.col("told") == 0) | pl.col("balance").list.contains(pl.col("total") + opening)
        ).to_series()
        if follows.all():
            return opening, opening + int(groups["total"][-1])
        furthest = max(furthest, int((~follows).arg_max() or 0))
    start = int(groups["place"][furthest])
    end = int(groups["place"][furthest + 1]) if furthest + 1 < groups.height else lines.height
    # Within the moment, the first line that doesn't follow from the one before it.
    breaks = base.slice(max(start - 1, 0), end - max(start - 1, 0)).diff().fill_null(0) != 0
    place = max(start - 1, 0) + int(breaks.arg_max() or 0)
    return place if breaks.any() else start


def _frames(kept: Spool, backwards: bool, fees_count: bool) -> Iterator[pl.DataFrame]:
    """The lines some hundred thousand a frame; what was handed out is held no longer."""
    some: list[pl.DataFrame] = []
    rows = 0
    while len(kept):
        part = kept.take(last=backwards)
        part = part.reverse() if backwards else part
        while part.height + rows > _FRAME_ROWS:
            some.append(part.head(_FRAME_ROWS - rows))
            part = part.slice(_FRAME_ROWS - rows)
            yield _frame(some, fees_count)
            some, rows = [], 0
        some.append(part)
        rows += part.height
    if rows:
        yield _frame(some, fees_count)


def _frame(some: list[pl.DataFrame], fees_count: bool) -> pl.DataFrame:
    frame = pl.concat(some).select(pl.col(name).cast(kind) for name, kind in LINES.items())
    return frame if fees_count else frame.with_columns(fee=pl.lit(0, pl.Int64))
