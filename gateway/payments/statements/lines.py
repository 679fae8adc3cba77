"""The lines of a statement as columns: what every format is read into, and all that matching knows of a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import polars as pl

# What moved: money of a payer; a payment taken back; one given back by us; the operator's fee; money on its way between
# our own accounts (a sweep to the bank, a settlement from an operator, a float bought); anything else.
Kind = Literal["payment", "reversal", "refund", "fee", "sweep", "other"]
KINDS: tuple[Kind, ...] = ("payment", "reversal", "refund", "fee", "sweep", "other")

MOMENT = pl.Datetime("us", "UTC")

LINES = pl.Schema(
    {
        "line": pl.UInt32(),  # the row of the file, as people count: its first row is 1
        "at": MOMENT,
        "kind": pl.Enum(KINDS),
        "amount": pl.Int64(),  # minor units, what moved before any fee; money that came is positive
        "fee": pl.Int64(),  # what the operator kept beside the amount, never negative; 0 where it says none
        "balance": pl.Int64(),  # the operator's balance after the line and its fee; null where it isn't told
        "operator_id": pl.String(),  # its number of the transaction: capitals and figures, no separators
        "our_id": pl.String(),  # our key, where the operator repeats it, written likewise
        "reference": pl.String(),  # what the payer typed
        "payer": pl.String(),  # E.164; a masked number keeps its known figures: +2547****5678
        "linked": pl.String(),  # the operator's number of the transaction that this one takes back or is the fee of
        "said": pl.String(),  # the operator's own words, at most 200 characters, for people to read
    }
)


@dataclass(frozen=True)
class Heading:
    """What a statement says of itself; balances in minor units, None for what it doesn't tell.

    ``account`` is how it names the account (a short code, a number, an IBAN); ``format`` is how it was read, for
    people; ``from_at`` and ``until_at`` are the period that it says it covers.
    """

    format: str
    currency: str | None = None
    account: str | None = None
    opening_minor: int | None = None
    closing_minor: int | None = None
    from_at: datetime | None = None
    until_at: datetime | None = None


@dataclass(frozen=True)
class Read:
    """A statement that is being read: its heading, and its lines, oldest first, some hundred thousand a frame.

    ``lines`` raises :class:`BadStatement` where a row can't be read; frames have the schema :data:`LINES`. What moved
    no money (failed, cancelled, pending) is left out and counted in nothing.
    """

    heading: Heading
    lines: Iterator[pl.DataFrame]


class BadStatement(Exception):
    """A file that can't be read, in one line for people that names the row and the column where there is one.

    ``source`` is the line in the code's language, with ``{names}`` for ``values``, as a
    :class:`~gateway.kernel.faults.Fault` has it; ``why`` is that line.
    """

    def __init__(self, source: str, /, row: int | None = None, column: str | None = None, **values: object) -> None:
        why = source.format(**values) if values else source
        where = "".join(
            (f"row {row}" if row else "", ", " if row and column else "", f"column {column}" if column else "")
        )
        super().__init__(f"{where}: {why}" if where else why)
        self.why, self.row, self.column, self.source, self.values = why, row, column, source, values
