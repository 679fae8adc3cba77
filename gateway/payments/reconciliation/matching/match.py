"""Lines of a statement and our movements, brought together: by what names them first, and nothing by guessing.

Pure: frames in, frames out. Seven passes, each over what those before it left (:data:`~..items.How` names them). The
first two are joins over everything and look at few columns; the others (``passes``) touch only what is left. Where two
lines or two movements compete, none of them is matched, and the lines are told of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from gateway.payments.reconciliation.items import HOWS, MATCHES, OURS, SOURCES, How
from gateway.payments.reconciliation.matching.passes import (
    NEAR,
    Fits,
    can_be,
    days_in_one,
    fits,
    named_together,
    of_one_card,
    with_clues,
    with_own_clues,
)

# Movements of ours whose cards and payers the loader left out, in; the same with them, out.
Details = Callable[[pl.DataFrame], pl.DataFrame]

DIFFERING = pl.Schema(
    {
        "line": pl.UInt32(),
        "how": pl.Enum(HOWS),
        "source": pl.Enum(SOURCES),
        "id": pl.Int64(),
        "theirs": pl.Int64(),  # minor units
        "ours": pl.Int64(),
    }
)
AMBIGUOUS = pl.Schema(
    {
        "line": pl.UInt32(),
        "how": pl.Enum(HOWS),
        "candidates": pl.UInt32(),  # movements that it could be; of many-ours, days
        "why": pl.String(),  # in plain words
    }
)
_PAIRS = pl.Schema({"row": pl.UInt32(), "place": pl.UInt32(), "how": pl.Enum(HOWS)})
_IDS: tuple[tuple[How, str, str], ...] = (
    ("operator-id", "operator_id", "operator_id"),
    ("operator-id", "linked", "operator_id"),
    ("our-id", "our_id", "our_id"),
)
_WHY: dict[How, tuple[str, str]] = {  # for one candidate, whose other lines compete; for several
    "operator-id": ("other lines name the same movement", "{} of our movements bear its number"),
    "our-id": ("other lines name the same movement", "{} of our movements bear its key"),
    "reference": ("other lines fit the same movement", "{} movements fit by card, amount and day"),
    "payer": ("other lines fit the same movement", "{} movements fit by payer, amount and hour"),
    "time": ("other lines fit the same movement", "{} movements fit by amount and minute"),
    "many-ours": ("other lines add up to the same day", "the movements of {} days each add up to it"),
}


@dataclass(frozen=True)
class Matched:
    """What became of each line and of each movement.

    Each line is in exactly one of ``matches``, ``again``, ``repeated``, ``differing`` and ``left_lines``. Each movement
    that counts and that no other statement took is in exactly one of ``matches``, ``differing`` and ``left_ours``.
    """

    matches: pl.DataFrame  # MATCHES; a movement has several rows where several lines make it up, and so has a line
    again: pl.DataFrame  # MATCHES; lines that name a movement with which a line of another statement is matched
    differing: pl.DataFrame  # DIFFERING; one names the other, with another amount
    repeated: pl.DataFrame  # LINES whose operator's number stands on an earlier line of the same kind
    left_lines: pl.DataFrame  # LINES without a match, the ambiguous ones among them
    left_ours: pl.DataFrame  # OURS that count, without a match
    ambiguous: pl.DataFrame  # AMBIGUOUS


def match(
    lines: pl.DataFrame, ours: pl.DataFrame, details: Details | None = None, earlier: pl.DataFrame | None = None
) -> Matched:
    """Match the lines of one statement (LINES) with our movements (OURS), in whatever order either comes.

    ``details`` is asked once, for movements that no id matched, where ``ours`` comes without cards and payers.
    ``earlier`` are the MATCHES of other statements' lines: their movements are taken. Movements that don't count (asked
    for, and not paid as far as we know) are matched by ids alone.
    """
    left = _Left(lines, ours, earlier)
    for how, theirs, mine in _IDS:
        left.by_ids(how, theirs, mine)
    left.by_what_else_is_told(details)
    return left.told()


class _Left:
    """What isn't matched yet; ``row`` and ``place`` are where a line and a movement stand in what was given."""

    def __init__(self, lines: pl.DataFrame, ours: pl.DataFrame, earlier: pl.DataFrame | None) -> None:
        self._given_lines, self._given_ours = lines, ours
        self._ours = ours.select(*OURS).with_row_index("place").with_columns(_number("operator_id"), _number("our_id"))
        self._taken = _among(self._ours, earlier)
        self._ours = self._ours.with_columns(self._taken.alias("taken"))
        needed = ("at", "kind", "amount", "operator_id", "our_id", "reference", "payer", "linked")
        numbers = [_number(name) for name in ("operator_id", "our_id", "linked")]
        self._lines = lines.select("line", *needed).with_row_index("row").with_columns(numbers)
        self._repeated = _repeated(self._lines)
        self._lines = _without(self._lines, "row", self._repeated)
        nothing = _PAIRS.to_frame()
        self._found, self._again, self._differing, self._rivals = [nothing], [nothing], [nothing], [nothing]
        self._competing: list[tuple[How, pl.DataFrame]] = []  # lines of a later pass, and how many fit them

    # --- by ids

    def by_ids(self, how: How, theirs: str, mine: str) -> None:
        """Lines that name one movement, and movements that one line names: the same, or the same with two amounts."""
        lines = self._lines.lazy()
        if theirs == "linked":  # a fee names what it is the fee of
            lines = lines.filter(pl.col("kind") == "reversal")
        named = lines.select("row", "kind", "amount", number="operator_id", key=theirs).join(
            self._ours.lazy().select(
                "place", "source", "counts", "taken", paid="amount", own_number="operator_id", key=mine
            ),
            on="key",
        )
        agree = pl.col("amount").sign() == pl.col("paid").sign()
        if how == "our-id":  # somebody who pays one key twice has two numbers: the second isn't the first seen again
            agree &= ~(pl.col("taken") & (pl.col("number") != pl.col("own_number")).fill_null(False))
        pairs = (
            named.filter(can_be(), agree)
            .select("row", "place", "counts", "taken", same=pl.col("amount") == pl.col("paid"))
            .collect()
        )
        alone = pl.lit(True)
        if _twice(pairs["row"]) or _twice(pairs["place"]):  # what counts goes before what was only asked for
            pairs = pairs.filter(pl.col("counts") | ~pl.col("counts").any().over("row"))
            alone = pl.col("row").is_unique() & pl.col("place").is_unique()
        pairs = pairs.with_columns(alone=alone, how=pl.lit(how, _PAIRS["how"]))
        for kept, which in (
            (self._rivals, ~pl.col("alone")),
            (self._differing, pl.col("alone") & ~pl.col("same")),
            (self._again, pl.col("alone") & pl.col("same") & pl.col("taken")),
            (self._found, pl.col("alone") & pl.col("same") & ~pl.col("taken")),
        ):
            kept.append(pairs.filter(which).select(*_PAIRS))
        self._take(pairs.filter("alone"))

    def _take(self, pairs: pl.DataFrame) -> None:
        self._lines = _without(self._lines, "row", pairs["row"])
        self._ours = _without(self._ours, "place", pairs["place"])

    # --- by all else

    def by_what_else_is_told(self, details: Details | None) -> None:
        """Passes 3 to 7, of what counts and is free. What ids name twice is left to sums and people."""
        self._ours = self._ours.filter("counts", ~pl.col("taken"))
        if self._lines.is_empty() or self._ours.is_empty():
            return
        self._lines = with_clues(self._lines)
        self._ours = with_own_clues(_detailed(self._ours, details))
        for how, near in NEAR.items():
            self._matched(how, fits(*self._unnamed(), near))
        for _, theirs, mine in _IDS[1:]:
            self._matched("many-lines", named_together(self._lines, self._ours, theirs, mine))
        self._matched("many-lines", of_one_card(*self._unnamed()))
        self._matched("many-ours", days_in_one(*self._unnamed(), self._shown()))

    def _unnamed(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        rivals = pl.concat(self._rivals)
        return _without(self._lines, "row", rivals["row"]), _without(self._ours, "place", rivals["place"])

    def _shown(self) -> pl.Series:
        """The days of whose movements the statement, or another one, shows some by themselves."""
        places = pl.concat([*self._found, *self._differing, *self._rivals])["place"]
        at = self._given_ours["at"]
        return pl.concat([at.gather(places), at.filter(self._taken)]).dt.date().unique()

    def _matched(self, how: How, fit: Fits) -> None:
        named = pl.lit(how, _PAIRS["how"]).alias("how")
        self._found.append(fit.found.select("row", "place", named))
        self._competing.append((how, _without(fit.candidates, "row", fit.found["row"])))
        self._take(fit.found)

    # --- what came of it

    def told(self) -> Matched:
        lines, ours = self._given_lines, self._given_ours
        gone = pl.concat([*self._found, *self._again, *self._differing])
        left = _all_but(lines, pl.concat([gone["row"], self._repeated]))
        own = _all_but(ours, gone["place"]) & ours["counts"] & ~self._taken
        differing = self._named(self._differing)
        return Matched(
            matches=self._named(self._found).select(*MATCHES),
            again=self._named(self._again).select(*MATCHES),
            differing=differing.select(*DIFFERING),
            repeated=lines[self._repeated.sort()],
            left_lines=lines.filter(left),
            left_ours=ours.filter(own),
            ambiguous=self._ambiguous(),
        )

    def _named(self, pairs: list[pl.DataFrame]) -> pl.DataFrame:
        """Pairs by the names of their lines and movements, in the order of the statement."""
        found = pl.concat(pairs)
        line = self._given_lines.select("line", theirs="amount")[found["row"]]
        own = self._given_ours.select("source", "id", ours="amount")[found["place"]]
        return pl.concat([line, own, found.select("how")], how="horizontal").sort("line", "source", "id")

    def _ambiguous(self) -> pl.DataFrame:
        """What competed in a pass and has something left to compete for; by the first of its passes."""
        gone = pl.concat([*self._found, *self._again, *self._differing])
        rivals = _without(pl.concat(self._rivals), "place", gone["place"])
        counted = [rivals.group_by("row", "how").agg(candidates=pl.len().cast(pl.Int64))]
        for how, competing in self._competing:
            if how in NEAR and competing.height:
                lines, ours = self._unnamed()
                competing = fits(lines.join(competing, on="row", how="semi"), ours, NEAR[how]).candidates
            counted.append(competing.select("row", pl.lit(how, _PAIRS["how"]).alias("how"), "candidates"))
        first = pl.concat(counted).join(self._lines, on="row", how="semi").sort("row", "how")
        first = first.unique("row", keep="first", maintain_order=True)
        count = pl.col("candidates").cast(pl.String)
        one, several = (
            pl.col("how").cast(pl.String).replace_strict({how: why[which] for how, why in _WHY.items()})
            for which in (0, 1)
        )
        return first.select(
            self._given_lines["line"].gather(first["row"]),
            "how",
            pl.col("candidates").cast(AMBIGUOUS["candidates"]),
            why=pl.when(pl.col("candidates") == 1).then(one).otherwise(several.str.replace("{}", count, literal=True)),
        ).sort("line")


def _number(name: str) -> pl.Expr:
    return pl.when(pl.col(name) != "").then(pl.col(name)).alias(name)


def _twice(values: pl.Series) -> bool:
    """Whether any value stands there twice: sorting a million numbers is quicker than counting each."""
    return bool((values.sort().diff() == 0).any())


def _among(ours: pl.DataFrame, earlier: pl.DataFrame | None) -> pl.Series:
    """Which movements other statements' lines are matched with."""
    taken = pl.zeros(ours.height, pl.UInt8, eager=True)
    if earlier is not None:
        taken = taken.scatter(ours.join(earlier, on=("source", "id"), how="semi")["place"], 1)
    return taken.cast(pl.Boolean)


def _repeated(lines: pl.DataFrame) -> pl.Series:
    """The rows whose number an earlier line of the same kind has: fees and takings back may bear what they are of."""
    numbered = lines.lazy().select("row", "kind", "operator_id").drop_nulls()
    several = numbered.group_by("operator_id", "kind").len().filter(pl.col("len") > 1)
    rows = lines.lazy().join(several, on=("operator_id", "kind"), how="semi").collect()
    rows = rows.sort("at", "line")
    return rows.filter(~pl.struct("operator_id", "kind").is_first_distinct())["row"]


def _without(frame: pl.DataFrame, name: str, gone: pl.Series) -> pl.DataFrame:
    return frame.join(gone.alias(name).to_frame(), on=name, how="anti") if gone.len() else frame


def _all_but(frame: pl.DataFrame, gone: pl.Series) -> pl.Series:
    return pl.ones(frame.height, pl.UInt8, eager=True).scatter(gone, 0).cast(pl.Boolean)


def _detailed(ours: pl.DataFrame, details: Details | None) -> pl.DataFrame:
    if details is None:
        return ours
    told = details(ours.select(*OURS)).select("source", "id", "card", "payer")
    return ours.drop("card", "payer").join(told, on=("source", "id"), how="left")
