"""Entries of a bank's statement, one value each, as LINES: what MT940 and CAMT.053 have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import islice
from zoneinfo import ZoneInfo

import polars as pl

from gateway.kernel.money import BadAmount, Money
from gateway.locale import mark
from gateway.payments.statements import parties
from gateway.payments.statements.formats.layouts import BANK_RULES
from gateway.payments.statements.kinds import ruled
from gateway.payments.statements.lines import MOMENT, BadStatement, Kind

_ROWS = 100_000
_SAID = 200

OTHER_CURRENCY = mark("the currency is {word}, and this account's is {currency}")
NOT_AN_AMOUNT = mark("{word} is not an amount")
_NO_AMOUNTS = {
    "decimals": mark("{word} is more decimals than {currency} has"),
    "too-large": mark("{word} is too large for an amount"),
}
NO_MOMENT = mark("{word} is not a date and time that we can read")


@dataclass(frozen=True)
class Entry:
    """One movement on a bank's account; ``kind`` where the format itself says it, else its words do."""

    line: int
    at: datetime
    amount: int
    said: str
    operator_id: str | None = None
    our_id: str | None = None
    linked: str | None = None
    kind: Kind | None = None


@dataclass(frozen=True)
class Stretch:
    """The balances that a statement, or a page of one, begins and ends with, and what its entries come to."""

    row: int
    opening: int | None
    closing: int | None
    moved: int


def minor_units(figure: str, currency: str, row: int) -> int:
    """A figure of a bank's format, as minor units; raises :class:`BadStatement`."""
    try:
        return Money.from_decimal(figure.strip(), currency).minor
    except BadAmount as wrong:
        why = _NO_AMOUNTS.get(str(wrong), NOT_AN_AMOUNT)
        raise BadStatement(why, row, "amount", word=repr(figure[:40]), currency=currency) from None


def midnight(day: date, zone: str) -> datetime:
    """When a day begins there, in UTC."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(ZoneInfo("UTC"))


def check_stretches(stretches: Sequence[Stretch]) -> tuple[int | None, int | None]:
    """The first opening and the last closing balance; a gap between or within stretches is refused."""
    before: int | None = None
    for one in stretches:
        if before is not None and one.opening is not None and one.opening != before:
            raise BadStatement(
                mark("lines are missing before this: {before} was left, and it begins with {opening}"),
                one.row,
                before=before,
                opening=one.opening,
            )
        opening = before if one.opening is None else one.opening
        if opening is not None and one.closing is not None and opening + one.moved != one.closing:
            why = mark("lines are missing: from {opening} to {closing} it goes by {moved}")
            raise BadStatement(why, one.row, opening=opening, closing=one.closing, moved=one.moved)
        before = one.closing if one.closing is not None else None if opening is None else opening + one.moved
    return (stretches[0].opening, before) if stretches else (None, None)


def parts_of(entries: Iterable[Entry]) -> Iterator[pl.DataFrame]:
    """Frames of entries, in their order."""
    going = iter(entries)
    while some := list(islice(going, _ROWS)):
        yield _part(some)


def _part(some: Sequence[Entry]) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            "line": [one.line for one in some],
            "at": pl.Series([one.at for one in some], dtype=MOMENT),
            "own": pl.Series([one.kind for one in some], dtype=pl.String),
            "amount": pl.Series([one.amount for one in some], dtype=pl.Int64),
            "operator_id": pl.Series([one.operator_id for one in some], dtype=pl.String),
            "our_id": pl.Series([one.our_id for one in some], dtype=pl.String),
            "linked": pl.Series([one.linked for one in some], dtype=pl.String),
            "said": [" ".join(one.said.split())[:_SAID] for one in some],
        }
    )
    kind, _sign = ruled("said", BANK_RULES, "other")
    return frame.with_columns(
        kind=pl.coalesce(
            "own", pl.when((kind == "payment") & (pl.col("amount") < 0)).then(pl.lit("other")).otherwise(kind)
        ),
        fee=pl.lit(0, pl.Int64),
        balance=pl.lit(None, pl.Int64),
        reference=pl.col("said"),  # what a payer wrote stands among the bank's own words
        payer=pl.lit(None, pl.String),
        **{name: parties.numbers(frame[name]) for name in ("operator_id", "our_id", "linked")},
    )
