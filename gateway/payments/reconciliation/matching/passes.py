"""The passes over what no id matched: by card, by payer, by time, and sums; each is unique on both sides or nothing.

How many could be meant is counted without writing the pairs down: what fits a line is a range of the movements in
order, so that a statement without ids, of a million payments of the same amount, takes no more room than its lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import polars as pl

from gateway.kernel.card import BadCard, read_card
from gateway.payments.reconciliation.items import BY_PLACE, How
from gateway.payments.unasked.incoming import cards_in

# So many figures of a masked number must be known before it says whose it is.
KNOWN_FIGURES = 6
# Of so many candidates at most it is looked at whether what else they say rules them out.
FEW = 4
# So many lines are looked at together; what is never the same needs no look.
_PIECE = 250_000
_SEVERAL = 0  # stands for the card where a reference names several: no card's number

_MEANT = {
    "payment": ("collection", "incoming", "entry"),
    # One of ours that its operator took back comes as money.
    "reversal": ("reversal", "returned", "incoming", "entry"),
    "refund": ("refund", "incoming", "entry"),
}


def can_be() -> pl.Expr:
    """Whether a line of this kind can be a movement of this source: payments of payments, refunds of refunds; what our
    entries say moved can be any line, and a line that says nothing of its kind anything."""
    kind, source = pl.col("kind"), pl.col("source")
    own = [(kind == name) & source.is_in(sources) for name, sources in _MEANT.items()]
    return pl.any_horizontal(*own, source == "entry", kind == "other")


# --- what lines say -------------------------------------------------------------------------------------------------

_FIGURES = r"^[^0-9]*[0-9](?:[\s.\-/]{0,2}[0-9]){8}[^0-9]*$"  # one run of nine, and no other figure
_NO_FIGURE = "[^0-9]"


def with_clues(lines: pl.DataFrame) -> pl.DataFrame:
    """Lines with the ``card`` that their reference names, the figures of the ``payer`` that are known, with the
    ``shape`` of its number (figures as 0) where they are enough to compare, the last of them as ``tail``, and whether
    they are ``numbered`` and ``keyed``."""
    shape = pl.col("payer").str.replace_all("[0-9]", "0")
    known = pl.col("payer").str.count_matches("[0-9]") >= KNOWN_FIGURES
    cards = _cards(lines["reference"].drop_nulls().unique())
    return lines.join(cards, on="reference", how="left", maintain_order="left").with_columns(
        pl.when(known).then(shape).alias("shape"),
        _figures(pl.col("payer")),
        *_of_both(),
        (pl.col("operator_id").is_not_null() & ~pl.col("operator_id").str.contains(BY_PLACE)).alias("numbered"),
    )


def _figures(number: pl.Expr) -> pl.Expr:
    return number.str.replace_all(_NO_FIGURE, "").cast(pl.Int64, strict=False).alias("payer")


def _of_both() -> tuple[pl.Expr, ...]:
    return (
        pl.col("payer").str.slice(-4).cast(pl.UInt16, strict=False).alias("tail"),
        pl.col("our_id").is_not_null().alias("keyed"),
    )


def _cards(references: pl.Series) -> pl.DataFrame:
    """References and the card that each names: 0 for several; those that name none are left out."""
    text = pl.col("reference").str.normalize("NFKC")
    found = (
        pl.DataFrame({"reference": references})
        .filter(text.str.count_matches(r"\d") >= 9)
        .with_columns(figures=pl.when(text.str.contains(_FIGURES)).then(text.str.replace_all(_NO_FIGURE, "")))
    )
    bare = found.drop_nulls("figures")
    valid = [figures for figures in bare["figures"].unique() if _is_card(figures)]
    bare = bare.filter(pl.col("figures").is_in(valid)).select("reference", card=pl.col("figures").cast(pl.UInt32))
    named = {text: cards_in(text) for text in found.filter(pl.col("figures").is_null())["reference"]}
    rest = [(text, int(cards.pop()) if len(cards) == 1 else _SEVERAL) for text, cards in named.items() if cards]
    return pl.concat([bare, pl.DataFrame(rest, schema=bare.schema, orient="row")])


def _is_card(figures: str) -> bool:
    try:
        return bool(read_card(figures))
    except BadCard:
        return False


def with_own_clues(ours: pl.DataFrame) -> pl.DataFrame:
    """Movements with their card as a number, and the same of payer, number and key."""
    numbered = pl.col("operator_id").is_not_null().alias("numbered")
    return ours.with_columns(pl.col("card").cast(pl.UInt32, strict=False), *_of_both(), numbered)


# --- by card, by payer, by time ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Near:
    """A pass: what must be the same beside the amount, how near in time, and what must not be two where both say it."""

    within: timedelta
    same: str | None
    not_two: tuple[str, ...] = ()


NEAR: dict[How, Near] = {
    "reference": Near(timedelta(days=3), "card"),
    "payer": Near(timedelta(hours=6), "payer", ("card",)),
    "time": Near(timedelta(minutes=10), None, ("card", "tail")),
}


@dataclass(frozen=True)
class Fits:
    """``found`` (row, place): nothing else could be meant on either side; ``candidates`` (row, candidates): all that
    something fits, those found among them."""

    found: pl.DataFrame
    candidates: pl.DataFrame


def fits(lines: pl.DataFrame, ours: pl.DataFrame, near: Near) -> Fits:
    """Which payments fit which lines. Two that both bear an operator's number, or both a key of ours, never do: those
    that are the same were found by it."""
    by = ["amount"] if near.same is None else ["amount", near.same]
    spans, steps, ruled_out, good = [], [], [], []
    columns = ["at", "numbered", "keyed", *by, *near.not_two]
    lines = _payments(lines).select("row", "shape", *columns)
    for group, those in _side_by_side(lines, _own_payments(ours).select("place", *columns), by):
        span, ranked = _spans(group, those, by, near.within)
        few = span.filter(pl.col("last") - pl.col("first") < (FEW if near.not_two else 1))
        pairs = few.with_columns(rank=pl.int_ranges("first", pl.col("last") + 1, dtype=pl.UInt32)).explode("rank")
        pairs = pairs.join(ranked.select("rank", "place", *near.not_two), on="rank")
        two = pl.any_horizontal(
            pl.lit(False), *((pl.col(name) != pl.col(f"{name}_right")).fill_null(False) for name in near.not_two)
        )
        spans.append(span.select("row", candidates=pl.col("last") - pl.col("first") + 1))
        steps.append(_covered(span, ranked, "place"))
        ruled_out.append(pairs.filter(two).select("row", "place"))
        good.append(pairs.filter(~two).select("row", "place"))
    if not spans:
        return Fits(_NO_PAIRS, _NO_CANDIDATES)
    out = pl.concat(ruled_out)
    of_lines = _less(pl.concat(spans), "row", out)
    of_ours = _less(pl.concat(steps).group_by("place").agg(pl.col("candidates").sum()), "place", out)
    alone = pl.col("candidates") == 1
    found = (
        pl.concat(good)
        .join(of_lines.filter(alone), on="row", how="semi")
        .join(of_ours.filter(alone), on="place", how="semi")
    )
    return Fits(found, of_lines.filter(pl.col("candidates") > 0))


_NO_PAIRS = pl.DataFrame(schema={"row": pl.UInt32, "place": pl.UInt32})
_NO_CANDIDATES = pl.DataFrame(schema={"row": pl.UInt32, "candidates": pl.Int64})


def _payments(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.filter(pl.col("kind").is_in(["payment", "other"]))


def _own_payments(ours: pl.DataFrame) -> pl.DataFrame:
    """What has an hour: entries, takings back and refunds have a day, at noon."""
    return ours.filter(pl.col("source").is_in(["collection", "incoming"]))


def _side_by_side(
    these: pl.DataFrame, those: pl.DataFrame, by: list[str]
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Parts of one side, and what of the other is the same ``by`` and may be meant with them: what bears a number or a
    key is never what bears another. Payers' numbers are compared by those figures that a mask left."""
    same = by[-1]
    apart = ["numbered", "keyed", *(["shape"] if same == "payer" else [])]
    for part in these.drop_nulls(["shape" if same == "payer" else same]).partition_by(apart):
        numbered, keyed, *shape = part.select(apart).row(0)
        free = those.filter(~(pl.col("numbered") & numbered), ~(pl.col("keyed") & keyed))
        if same == "payer":
            free = free.filter(pl.col("payer").str.len_chars() == len(shape[0])).with_columns(_known(shape[0]))
        part, free = part.drop(apart), free.drop("numbered", "keyed").drop_nulls(same)
        pieces = part.height // _PIECE + 1
        for piece in range(pieces):
            own = (pl.struct(by).hash() % pieces == piece) if pieces > 1 else pl.lit(True)
            yield part.filter(own), free.filter(own)


def _known(shape: str) -> pl.Expr:
    """Those figures of the payer's number that a statement shows."""
    shown = [pl.col("payer").str.slice(run.start(), len(run.group())) for run in re.finditer(r"[^*]+", shape)]
    return _figures(pl.concat_str(shown))


_ENDS: tuple[tuple[str, str, Literal["forward", "backward"]], ...] = (
    ("first", "since", "forward"),
    ("last", "until", "backward"),
)


def _spans(
    these: pl.DataFrame, those: pl.DataFrame, by: list[str], within: timedelta
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Those in order, with their ``rank``; and these with the ``first`` and the ``last`` of those that are the same
    ``by`` and within the time. What nothing fits is left out."""
    those = those.sort(*by, "at").with_row_index("rank")
    inner = those.select(*by, "rank", "at").sort("at", "rank")
    spans = these.sort("at").with_columns(since=pl.col("at") - within, until=pl.col("at") + within)
    for name, moment, strategy in _ENDS:
        end = inner.select(*by, pl.col("rank").alias(name), pl.col("at").alias(moment))
        spans = spans.join_asof(end, on=moment, by=by, strategy=strategy, check_sortedness=False)
    spans = spans.with_columns(pl.col("first", "last").cast(pl.Int64))
    return spans.filter(pl.col("first") <= pl.col("last")), those


_SIDES: tuple[tuple[str, Literal["left", "right"]], ...] = (("first", "right"), ("last", "left"))


def _covered(spans: pl.DataFrame, those: pl.DataFrame, name: str) -> pl.DataFrame:
    """Those that are in any span, with how many spans they are in, as ``candidates``."""
    first, last = (spans[end].sort().search_sorted(those["rank"], side) for end, side in _SIDES)
    return those.select(name, candidates=(first.cast(pl.Int64) - last.cast(pl.Int64))).filter(pl.col("candidates") > 0)


def _less(counted: pl.DataFrame, side: str, out: pl.DataFrame) -> pl.DataFrame:
    """How many candidates are left without those ruled out."""
    fewer = out.group_by(side).agg(out=pl.len().cast(pl.Int64))
    return counted.join(fewer, on=side, how="left").select(
        side, candidates=pl.col("candidates") - pl.col("out").fill_null(0)
    )


# --- sums -------------------------------------------------------------------------------------------------------------


def named_together(lines: pl.DataFrame, ours: pl.DataFrame, theirs: str, mine: str) -> Fits:
    """Lines of one kind and one direction that name the same movement and add up to it."""
    sign = pl.col("amount").sign()
    groups = (
        lines.drop_nulls(theirs)
        .group_by("kind", key=theirs)
        .agg("row", made=pl.col("amount").sum(), several=pl.len() > 1, one_way=sign.min() == sign.max())
        .filter("several", "one_way")
    )
    found = groups.join(ours.select("place", "source", "amount", key=mine), on="key").filter(
        can_be(), pl.col("made") == pl.col("amount")
    )
    alone = pl.col("place").is_unique() & pl.col("key").is_unique()
    return Fits(found.filter(alone).explode("row").select("row", "place"), _NO_CANDIDATES)


def of_one_card(lines: pl.DataFrame, ours: pl.DataFrame) -> Fits:
    """Lines that name one card and add up to a movement of its household, and to nothing else of it."""
    card, within = pl.col("card") != _SEVERAL, NEAR["reference"].within
    made, covered = [], []
    for group, those in _side_by_side(
        _own_payments(ours), _payments(lines).filter(card, pl.col("amount") > 0), ["card"]
    ):
        span, ranked = _spans(group, those, ["card"], within)
        covered.append(_covered(span, ranked, "row"))
        total = ranked["amount"].cum_sum()
        span = span.with_columns(
            made=total.gather(span["last"]) - total.gather(span["first"]) + ranked["amount"].gather(span["first"])
        )
        span = span.filter(pl.col("made") == pl.col("amount"), pl.col("last") > pl.col("first"))
        span = span.with_columns(rank=pl.int_ranges("first", pl.col("last") + 1, dtype=pl.UInt32))
        made.append(span.select("place", "rank").explode("rank").join(ranked.select("rank", "row"), on="rank"))
    if not made:
        return Fits(_NO_PAIRS, _NO_CANDIDATES)
    times = pl.concat(covered).group_by("row").agg(pl.col("candidates").sum())
    found = pl.concat(made).join(times, on="row")
    alone = (pl.col("candidates") == 1).all().over("place")
    return Fits(found.filter(alone).select("row", "place"), _NO_CANDIDATES)


def days_in_one(lines: pl.DataFrame, ours: pl.DataFrame, shown: pl.Series) -> Fits:
    """Lines that are the exact sum of all payments of a day, theirs or the one before (UTC).

    Such a line names no payer and no card. A day of which the statement shows a payment by itself (``shown``) isn't
    paid out in one: what is missing of it would only be hidden.
    """
    payments = ours.filter(pl.col("source") != "entry").with_columns(day=pl.col("at").dt.date())
    days = (
        payments.filter(~pl.col("day").is_in(shown.implode()))
        .group_by("day")
        .agg("place", amount=pl.col("amount").sum(), several=pl.len() > 1)
        .filter("several")
    )
    bare = lines.filter(
        pl.col("kind").is_in(["sweep", "payment"]), pl.col("amount") > 0, pl.col("payer", "card").is_null()
    ).select("row", "amount", day=pl.col("at").dt.date())
    either = pl.concat([bare, bare.with_columns(pl.col("day") - timedelta(days=1))])
    pairs = either.join(days, on=["day", "amount"])
    found = pairs.filter(~pl.col("row").is_duplicated(), ~pl.col("day").is_duplicated()).explode("place")
    return Fits(found.select("row", "place"), pairs.group_by("row").agg(candidates=pl.len().cast(pl.Int64)))
