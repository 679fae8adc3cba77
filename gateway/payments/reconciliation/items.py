"""What our books say moved on a wallet, as columns: one row for each movement that a statement should show."""

from __future__ import annotations

from typing import Literal

import polars as pl

from gateway.payments.statements.lines import MOMENT

# What a movement is a row of: a collection; money that came without our asking and stands for itself; a collection or
# such money taken back; a refund; an entry that settling a difference, a fee or a sweep made.
Source = Literal["collection", "incoming", "reversal", "returned", "refund", "entry"]
SOURCES: tuple[Source, ...] = ("collection", "incoming", "reversal", "returned", "refund", "entry")

OURS = pl.Schema(
    {
        "source": pl.Enum(SOURCES),
        "id": pl.Int64(),  # of the collection, the money that came, or the refund; of an entry the number of its line
        "amount": pl.Int64(),  # minor units; money that came is positive
        "at": MOMENT,
        "counts": pl.Boolean(),  # False: asked for, and not paid as far as we know
        "operator_id": pl.String(),  # capitals and figures, as statements are read
        "our_id": pl.String(),  # likewise
        "card": pl.String(),  # nine figures, of the household that it counts for
        "payer": pl.String(),  # E.164
    }
)

# How a line and a movement were found to be the same, in the order in which it is tried.
How = Literal[
    "operator-id",  # the operator's number of the transaction
    "our-id",  # our key, which the operator repeats
    "reference",  # the card number that was typed, with its check digit, and the amount, within days
    "payer",  # the payer's number, the amount, within hours
    "time",  # the amount, within minutes, and nothing else could be meant on either side
    "many-lines",  # several lines that name the same thing make up one movement
    "many-ours",  # several movements of one day make up one line
    "rule",  # the line made the movement: it was posted from the statement
    "person",  # somebody said so
]
HOWS: tuple[How, ...] = (
    "operator-id", "our-id", "reference", "payer", "time", "many-lines", "many-ours", "rule", "person",
)  # fmt: skip

MATCHES = pl.Schema(
    {
        "line": pl.UInt32(),
        "how": pl.Enum(HOWS),
        "source": pl.Enum(SOURCES),
        "id": pl.Int64(),
    }
)

# What a line without an operator's number is called instead: nobody else knows of it.
BY_PLACE = "^S[0-9]+L[0-9]+$"


def name_by_place(statement_id: int, line: int | str) -> str:
    """The name of a line by where it stands, which :data:`BY_PLACE` tells from an operator's number."""
    return f"S{statement_id}L{line}"
