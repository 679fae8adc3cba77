"""What the operator's own balances say: of a moment, of lines that they count and nobody shows, of time without lines.

A balance less all that moved before it is the same at every line, as long as no line is missing: its *base*. Where the
base changes something moved that no line tells of.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from gateway.payments.statements.lines import MOMENT

# Balances that a statement tells at its begin and its end.
MARKS = pl.Schema({"at": MOMENT, "balance": pl.Int64(), "closing": pl.Boolean()})
# A statement that says it ends at 23:59:59 leaves nothing out before midnight.
_TICK = timedelta(seconds=1)
_JUST_BEFORE = timedelta(microseconds=1)


@dataclass(frozen=True)
class Break:
    """By ``at`` the operator's balance had moved by so much more than its lines say (minor units)."""

    at: datetime
    amount_minor: int


@dataclass(frozen=True)
class Told:
    """The operator's balances at the begin and the end of a time, None where none is told, and the breaks within it.

    ``moments``: when a balance is told at all, in order; ``every_break``: also those before and after that time.
    """

    opening_minor: int | None
    closing_minor: int | None
    breaks: tuple[Break, ...]
    moments: Sequence[datetime]
    every_break: tuple[Break, ...]


def told(lines: pl.DataFrame, marks: pl.DataFrame, from_at: datetime, until_at: datetime) -> Told:
    """Read the balances of lines (in the order of their statements) and of marks (:data:`MARKS`)."""
    ordered = lines.sort("at", maintain_order=True).select(
        "at", "balance", (pl.col("amount") - pl.col("fee")).cum_sum().alias("moved")
    )
    points = pl.concat([_of_lines(ordered), _of_marks(ordered, marks)]).sort("at", maintain_order=True)
    if points.is_empty():
        return Told(None, None, (), (), ())
    moments = points["at"].unique().sort().to_list()
    first, breaks = _changes(points)

    def at(moment: datetime) -> int:
        base = first + sum(one.amount_minor for one in breaks if one.at < moment)
        return base + _moved(ordered.filter(pl.col("at") < moment))

    within = tuple(one for one in breaks if from_at <= one.at < until_at)
    return Told(at(from_at), at(until_at), within, moments, breaks)


def _of_lines(ordered: pl.DataFrame) -> pl.DataFrame:
    return ordered.drop_nulls("balance").select("at", (pl.col("balance") - pl.col("moved")).alias("base"))


def _of_marks(ordered: pl.DataFrame, marks: pl.DataFrame) -> pl.DataFrame:
    """A closing is told of all that was before it; whether lines of its moment too, the others tell."""
    found: list[tuple[datetime, int]] = []
    for at, balance, closing in marks.iter_rows():
        before, with_it = (_moved(ordered.filter(own)) for own in (pl.col("at") < at, pl.col("at") <= at))
        if closing:
            found += [(at - _JUST_BEFORE, balance - before), (at - _JUST_BEFORE, balance - with_it)]
        else:
            found.append((at, balance - before))
    return pl.DataFrame(found, schema={"at": MOMENT, "base": pl.Int64}, orient="row")


def _moved(ordered: pl.DataFrame) -> int:
    return int(ordered["moved"][-1]) if ordered.height else 0


def _changes(points: pl.DataFrame) -> tuple[int, tuple[Break, ...]]:
    """The first base, and where it changes; at one moment any that agrees counts: lines of a second have no order."""
    first = base = int(points["base"][0])
    if points["base"].n_unique() == 1:
        return first, ()
    breaks = []
    for at, bases in points.group_by("at", maintain_order=True).agg("base").iter_rows():
        if base not in bases:
            breaks.append(Break(at, bases[-1] - base))
            base = bases[-1]
    return first, tuple(breaks)


def gaps(
    balances: Told, periods: Sequence[tuple[datetime, datetime]], from_at: datetime, until_at: datetime
) -> tuple[tuple[datetime, datetime], ...]:
    """The time of a span that no statement covers, but where the operator's balance is the same before and after.

    ``periods``: from when to when the statements go, in order, without overlaps.
    """
    found, seen_until = [], from_at
    for begin, end in [*periods, (until_at, until_at)]:
        if min(begin, until_at) > seen_until + _TICK:
            found.append((seen_until, min(begin, until_at)))
        seen_until = max(seen_until, end)
    return tuple(one for one in found if not _joined(balances, *one))


def _joined(balances: Told, begin: datetime, end: datetime) -> bool:
    """Do the balances on both sides agree?"""
    before = bisect_right(balances.moments, begin)
    after = bisect_right(balances.moments, end - _JUST_BEFORE)
    if before == 0 or after == len(balances.moments):
        return False
    # What a statement tells at its begin is at the gap's end; a break by then is money that moved in the gap.
    return not any(begin < one.at <= balances.moments[after] for one in balances.every_break)
