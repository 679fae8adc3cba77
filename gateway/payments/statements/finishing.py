"""Rows whose cells have been read, as LINES: with the sign that their amounts bear or mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from gateway.kernel.spelling import plain
from gateway.locale import mark
from gateway.payments.statements.cells import quoted
from gateway.payments.statements.formats.headings import Table
from gateway.payments.statements.formats.layouts import COMING, LEAVING
from gateway.payments.statements.lines import KINDS, BadStatement
from gateway.payments.statements.profiles import Column, Signs

_KIND = pl.Enum(KINDS)
_FIGURES: tuple[Column, ...] = ("amount", "credit", "debit", "fee", "balance")
_TEXTS = ("operator_id", "our_id", "reference", "payer", "payee", "linked")

_NO_AMOUNT = mark("there is no amount")
_NO_WAY = mark("nothing says whether money came or left")
_WITH_WORDS = {
    _NO_AMOUNT: mark("there is no amount: {words}"),
    _NO_WAY: mark("nothing says whether money came or left: {words}"),
}


@dataclass(frozen=True)
class Finish:
    """What is the same for all rows of a file: how amounts say their direction, and our own number if it is known."""

    table: Table
    signs: Signs
    ours: str | None

    def lines(self, rows: pl.DataFrame, moments: pl.Series, figures: Mapping[Column, pl.Series]) -> pl.DataFrame:
        """Lines from the words, moments and figures of some rows; raises :class:`BadStatement`."""
        has = set(rows.columns)
        frame = rows.with_columns(
            at=moments,
            **{f"read_{name}": figures.get(name, pl.lit(None, pl.Int64)) for name in _FIGURES},
            **{name: pl.lit(None, pl.String) for name in _TEXTS if name not in has},
        )
        frame = frame.with_columns(amount=self._amounts(frame))
        outgoing = (pl.col("kind") == "payment") & (pl.col("amount") < 0)
        kind = pl.when(outgoing).then(pl.lit("other", _KIND)).otherwise("kind")
        layout = self.table.layout
        shared = pl.when(kind == "fee").then("operator_id") if layout.fees_share_numbers else pl.lit(None, pl.String)
        return frame.select(
            "line",
            "at",
            "amount",
            "operator_id",
            "our_id",
            "said",
            kind=kind,
            fee=pl.col("read_fee").abs().fill_null(0),
            balance="read_balance",
            reference=pl.col("said" if layout.words_refer and "reference" not in has else "reference"),
            payer=pl.when((pl.col("amount") < 0) & ("payee" in has)).then("payee").otherwise("payer"),
            linked=pl.coalesce("linked", shared),
        )

    def _amounts(self, frame: pl.DataFrame) -> pl.Series:
        """The amounts with their signs; a line of which nobody says whether money came or left is refused."""
        if "amount" in self.table.columns:
            self._refuse_nulls(frame["read_amount"], frame, "amount", _NO_AMOUNT)
            amounts = frame["read_amount"] if self.signs == "signed" else self._by_kind(frame)
            self._refuse_nulls(amounts, frame, "amount", _NO_WAY)
            return amounts
        came, left = pl.col("read_credit"), pl.col("read_debit").abs()
        moved = pl.when(came.is_not_null() | left.is_not_null()).then(came.fill_null(0) - left.fill_null(0))
        amounts = frame.select(amount=moved)["amount"]
        self._refuse_nulls(amounts, frame, "credit" if "credit" in self.table.columns else "debit", _NO_AMOUNT)
        return amounts

    def _refuse_nulls(self, amounts: pl.Series, frame: pl.DataFrame, column: Column, why: str) -> None:
        if amounts.null_count():
            at = amounts.is_null().arg_max() or 0
            words = frame["said"][at]
            said = {"words": quoted(words)} if words else {}
            raise BadStatement(_WITH_WORDS[why] if words else why, frame["line"][at], self.table.title(column), **said)

    def _by_kind(self, frame: pl.DataFrame) -> pl.Series:
        """Amounts without signs: a word for the direction counts, else who paid whom, else what the kind means."""
        rule = pl.col("sign").cast(pl.Int64)
        sign: pl.Expr = pl.when(rule != 0).then(rule)
        if self.ours is not None:
            ours_paid = (pl.col("payer") == self.ours).fill_null(False)
            ours_got = (pl.col("payee") == self.ours).fill_null(False)
            sign = pl.when(ours_paid & ~ours_got).then(-1).when(ours_got & ~ours_paid).then(1).otherwise(sign)
        if "direction" in frame.columns:
            ways = {word: _way(word) for word in frame["direction"].unique() if _way(word) is not None}
            said = pl.col("direction").replace_strict(
                list(ways), list(ways.values()), default=None, return_dtype=pl.Int64
            )
            sign = said if ways else pl.lit(None, pl.Int64)
        return frame.select(amount=pl.col("read_amount").abs() * sign)["amount"]


def _way(word: str | None) -> int | None:
    """Whether a word says that money came (1) or left (-1)."""
    known = plain(word or "")
    return 1 if known in COMING else -1 if known in LEAVING else None
