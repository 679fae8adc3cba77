"""Lines oldest first, and the operator's running balance followed through them: a gap means that lines are missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import polars as pl

from gateway.payments.statements.lines import LINES, BadStatement, Heading, Read

_FRAME_ROWS = 100_000
_TRIED = 50  # balances of the oldest moment that are tried as its last


@dataclass(frozen=True)
class Balances:
    """What the balances of the lines say: before the first, after the last, and whether fees are taken out of them."""

    opening: int
    closing: int
    fees_count: bool


def in_order(parts: list[pl.DataFrame], newest_first: bool) -> list[pl.DataFrame]:
    """The parts of a file, oldest line first; of equal moments the file's own order, reversed where it is newest first.

    A file of one moment alone is newest first where its balances say so, or else where its format is
    (``newest_first``). The list given is emptied, so that little is held twice.
    """
    if not parts:
        return []
    at = pl.concat([part["at"] for part in parts], rechunk=False)
    steps = at.diff().drop_nulls()
    zero = pl.duration(microseconds=0)
    rising, falling = (
        bool(steps.to_frame("x").select((pl.col("x") >= zero).all()).item()),
        bool(steps.to_frame("x").select((pl.col("x") <= zero).all()).item()),
    )
    del at, steps
    if rising and falling:
        whole = pl.concat(parts, rechunk=False)
        ordered = [whole.reverse() if _told_backwards(whole, newest_first) else whole]
    elif rising:
        ordered = list(parts)
    elif falling:
        ordered = [part.reverse() for part in reversed(parts)]
    else:
        whole = pl.concat(parts, rechunk=False)
        newest_first = whole["at"][0] > whole["at"][-1]
        ordered = [(whole.reverse() if newest_first else whole).sort("at", maintain_order=True)]
    parts.clear()
    return ordered


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


def check(parts: list[pl.DataFrame], column: str | None) -> Balances | None:
    """Follow the balances through lines that are in order; None where none are told.

    The operator may write the lines of one moment in any order, so that it is what a moment's lines come to that must
    lead from balance to balance. Raises :class:`BadStatement` for the first line behind a gap.
    """
    if not parts or all(part["balance"].null_count() == part.height for part in parts):
        return None
    lines = pl.concat([part.select("line", "at", "amount", "fee", "balance") for part in parts], rechunk=False)
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
    why = f"lines are missing before this one: its amount of {moved} doesn't lead from a balance of {before} to {told}"
    raise BadStatement(why, int(at), column)


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


def finished(
    heading: Heading, parts: list[pl.DataFrame], column: str | None = None, newest_first: bool = False
) -> Read:
    """The statement of lines in the order of the file: turned round where it must be, its balances followed."""
    ordered = in_order(parts, newest_first)
    balances = check(ordered, column)
    if balances is not None:
        if heading.opening_minor not in (None, balances.opening):
            why = f"lines are missing: the file opens with {heading.opening_minor}, its lines with {balances.opening}"
            raise BadStatement(why, int(ordered[0]["line"][0]), column)
        if heading.closing_minor not in (None, balances.closing):
            why = f"lines are missing: the file closes with {heading.closing_minor}, its lines with {balances.closing}"
            raise BadStatement(why, int(ordered[-1]["line"][-1]), column)
        heading = replace(heading, opening_minor=balances.opening, closing_minor=balances.closing)
        if not balances.fees_count:
            # Balances that don't know of the fees tell that somebody else pays them.
            ordered = [part.with_columns(fee=pl.lit(0, pl.Int64)) for part in ordered]
    return Read(heading, _frames(ordered))


def _frames(parts: list[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The lines some hundred thousand a frame; what was handed out is held no longer."""
    parts.reverse()
    some: list[pl.DataFrame] = []
    rows = 0
    while parts:
        part = parts.pop()
        while part.height + rows > _FRAME_ROWS:
            some.append(part.head(_FRAME_ROWS - rows))
            part = part.slice(_FRAME_ROWS - rows)
            yield _frame(some)
            some, rows = [], 0
        some.append(part)
        rows += part.height
    if rows:
        yield _frame(some)


def _frame(some: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(some).select(pl.col(name).cast(kind) for name, kind in LINES.items())
