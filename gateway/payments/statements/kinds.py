"""What kind of line the operator's words tell of."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from gateway.payments.statements.formats.layouts import Rule
from gateway.payments.statements.lines import Kind


def ruled(column: str, rules: Sequence[Rule], usual: Kind) -> tuple[pl.Expr, pl.Expr]:
    """The kind that the words of a column tell by the first rule that fits, and the sign that the rule has for it."""
    kinds, signs = pl.lit(usual), pl.lit(1 if usual == "payment" else 0)
    text = pl.col(column).str.to_lowercase().str.replace_all("[_-]+", " ")
    for pattern, kind, sign in reversed(rules):
        fits = text.str.contains(pattern).fill_null(False)
        kinds = pl.when(fits).then(pl.lit(kind)).otherwise(kinds)
        signs = pl.when(fits).then(pl.lit(sign)).otherwise(signs)
    return kinds, signs
