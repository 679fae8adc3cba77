"""Lines and movements for tests of matching, and what always holds of what became of them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from gateway.payments.reconciliation.items import OURS
from gateway.payments.reconciliation.matching.match import Matched
from gateway.payments.reconciliation.matching.passes import NEAR
from gateway.payments.statements.lines import LINES

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
A, B = "190170316", "481986258"
AWA, BIO = "+2290197000001", "+2290166000002"
Some = dict[str, Any]


def lines(*given: Some) -> pl.DataFrame:
    """Lines of a statement, numbered as they come; payments of 500 at nine where nothing else is said."""
    usual = {"at": NINE, "kind": "payment", "amount": 500, "fee": 0}
    return pl.DataFrame([{"line": place + 1, **usual, **one} for place, one in enumerate(given)], schema=LINES)


def own(*given: Some) -> pl.DataFrame:
    """Our movements, by id as they come; collections of 500 paid at nine where nothing else is said."""
    usual = {"source": "collection", "amount": 500, "at": NINE, "counts": True}
    return pl.DataFrame([{**usual, "id": place + 1, **one} for place, one in enumerate(given)], schema=OURS)


def after(**some: float) -> datetime:
    return NINE + timedelta(**some)


def found(matched: Matched) -> list[tuple[int, str, int]]:
    return matched.matches.select("line", "how", "id").rows()


def ids(frame: pl.DataFrame, name: str = "line") -> list[int]:
    return sorted(frame[name].to_list())


def check(theirs: pl.DataFrame, ours: pl.DataFrame, matched: Matched) -> None:
    """Every line, and every movement that counts, is told of once; sums are right; nothing bears another's number."""
    told = [matched.again, matched.repeated, matched.differing, matched.left_lines, matched.matches.unique("line")]
    assert sorted(line for frame in told for line in frame["line"]) == ids(theirs)
    named = [each.select("source", "id").unique() for each in (matched.matches, matched.differing, matched.left_ours)]
    movements = Counter(row for frame in named for row in frame.rows())
    assert set(movements.values()) <= {1}
    assert set(ours.filter("counts").select("source", "id").rows()) <= set(movements)
    assert set(ids(matched.ambiguous)) <= set(ids(matched.left_lines))
    pairs = matched.matches.join(theirs, on="line").join(ours, on=("source", "id"), suffix="_ours")
    one_by_one = pairs.filter(~pl.col("how").cast(pl.String).str.starts_with("many"))
    assert one_by_one.filter(pl.col("amount") != pl.col("amount_ours")).is_empty()
    assert one_by_one.filter(pl.col("line").is_duplicated() | pl.struct("source", "id").is_duplicated()).is_empty()
    crossed = pl.col("operator_id") != pl.col("operator_id_ours").replace("", None)
    by_place = pl.col("operator_id").str.starts_with("S")
    assert one_by_one.filter(crossed, ~by_place, pl.col("how").cast(pl.String).is_in(list(NEAR))).is_empty()
    parts = pairs.filter(pl.col("how") == "many-lines").group_by("source", "id")
    assert parts.agg(pl.col("amount").sum(), pl.col("amount_ours").first()).filter(
        pl.col("amount") != pl.col("amount_ours")
    ).is_empty()  # fmt: skip
