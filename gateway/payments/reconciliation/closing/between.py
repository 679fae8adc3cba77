"""Why the operator's closing isn't ours: each line and movement whose counterpart isn't there, or not by then; pure.

What was matched with each other is looked at together, as far as it moved before the span's end. Where that is the same
on both sides nothing stands between them; everything else is an item, and all items together are the difference. Fees
are compared by the day, as that is how they are posted: a line counts with what moved before its fee.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, Literal, get_args

import polars as pl

from gateway.payments.statements.lines import MOMENT

# Matched with each other on two sides of the span's end; in the statement and not with us; with us and not in the
# statement; matched with another amount; what an open difference is about.
Name = Literal["across", "theirs", "ours", "amounts", "open"]
NAMES: tuple[Name, ...] = get_args(Name)

ITEMS = pl.Schema(
    {
        "name": pl.String(),
        "at": MOMENT,  # the earliest of what it is about
        "kind": pl.String(),
        "named": pl.String(),  # the operator's number
        "theirs": pl.Int64(),
        "ours": pl.Int64(),
        # The lines ("line:STATEMENT:LINE"), movements ("collection:12") and fees ("fees:2026-11-21") that it is about.
        "members": pl.List(pl.String()),
    }
)
LINE, FEES = "line", "fees"


def line_member(statement: int, number: int) -> str:
    """How a line is named among the members of an item."""
    return f"{LINE}:{statement}:{number}"


def ours_member(source: str, its_id: int) -> str:
    """How a movement of ours is named among the members of an item."""
    return f"{source}:{its_id}"


def fees_member(day: date) -> str:
    """How the fees of a day are named among the members of an item."""
    return f"{FEES}:{day}"


def explain(
    lines: pl.DataFrame,
    matches: pl.DataFrame,
    ours: pl.DataFrame,
    ties: Iterable[tuple[str, str]],
    cut: datetime,
    zone: str,
) -> pl.DataFrame:
    """All that stands between the two sides at ``cut``, as :data:`ITEMS`, the oldest first.

    Frames as :class:`~.figures.Seen` says, and ``ties`` too. What is not ``own`` counts only through what it was
    matched with. ``zone``: where a day of fees begins.
    """
    found = [
        *_moved(lines.filter(pl.col("kind") != "fee"), matches, ours.filter(~pl.col("fee")), cut),
        _fees(lines, ours.filter("fee"), cut, zone),
    ]
    return _tied_items(pl.concat(found), ties).sort("at", "named", "members")


def _moved(lines: pl.DataFrame, matches: pl.DataFrame, ours: pl.DataFrame, cut: datetime) -> list[pl.DataFrame]:
    theirs = lines.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("l"),
        "statement",
        "line",
        "at",
        "own",
        pl.col("kind").cast(pl.String),
        pl.col("amount").alias("net"),
        pl.col("operator_id").alias("named"),
    )
    own = ours.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("m"),
        "source",
        "id",
        pl.col("at").alias("at_m"),
        pl.col("own").alias("own_m"),
        "amount",
        pl.col("operator_id").alias("named_m"),
    )
    pairs = (
        matches.select("statement", "line", "source", "id")
        .join(theirs, on=["statement", "line"], how="inner")
        .join(own, on=["source", "id"], how="left")
        .with_columns(pl.col("l").count().over("m").alias("lines_of_m"))
    )
    # A movement that several lines make up ties these together; all others belong to one line alone.
    tied = pairs.filter(pl.col("m").is_not_null() & (pl.col("lines_of_m") > 1)).select("l").unique()
    return [
        _alone(theirs.join(pairs.select("l").unique(), on="l", how="anti"), cut),
        _unmatched(own.join(pairs.select("m").drop_nulls().unique(), on="m", how="anti"), cut),
        _of_one_line(pairs.join(tied, on="l", how="anti"), cut),
        _items([_of_several(group, cut) for group in _tied(pairs.join(tied, on="l", how="semi"))]),
    ]


def _alone(theirs: pl.DataFrame, cut: datetime) -> pl.DataFrame:
    return theirs.filter(pl.col("own") & (pl.col("at") < cut) & (pl.col("net") != 0)).select(
        pl.lit("theirs").alias("name"),
        "at",
        "kind",
        "named",
        pl.col("net").alias("theirs"),
        pl.lit(None, pl.Int64).alias("ours"),
        pl.concat_list(_line_member()).alias("members"),
    )


def _unmatched(own: pl.DataFrame, cut: datetime) -> pl.DataFrame:
    return own.filter(pl.col("own_m") & (pl.col("at_m") < cut)).select(
        pl.lit("ours").alias("name"),
        pl.col("at_m").alias("at"),
        pl.col("source").cast(pl.String).alias("kind"),
        pl.col("named_m").alias("named"),
        pl.lit(None, pl.Int64).alias("theirs"),
        pl.col("amount").alias("ours"),
        pl.concat_list(_ours_member()).alias("members"),
    )


def _line_member() -> pl.Expr:
    return pl.format(f"{LINE}:{{}}:{{}}", "statement", "line")


def _ours_member() -> pl.Expr:
    return pl.format("{}:{}", pl.col("source").cast(pl.String), "id")


def _of_one_line(pairs: pl.DataFrame, cut: datetime) -> pl.DataFrame:
    """A line and the movements that belong to it alone. One that isn't here (null) moved at another time."""
    by_then = pl.col("at_m") < cut
    groups = (
        pairs.lazy()
        .group_by("l")
        .agg(
            pl.col("at", "net", "kind", "named", "statement", "line").first(),
            (pl.col("own").any() | pl.col("own_m").any()).alias("own"),
            pl.when(pl.col("at").first() < cut).then(pl.col("net").first()).alias("theirs"),
            pl.col("amount").filter(by_then).sum().alias("ours"),
            by_then.any().alias("any_by_then"),
            by_then.fill_null(False).all().alias("all_by_then"),
            pl.col("at_m").min().alias("at_m"),
            pl.col("source").cast(pl.String).alias("source"),
            pl.col("id"),
        )
        .filter("own", pl.col("theirs").fill_null(0) != pl.col("ours"))
        .with_columns(across=~pl.col("all_by_then") | pl.col("theirs").is_null())
        .collect()
    )
    return groups.select(
        pl.when("across").then(pl.lit("across")).otherwise(pl.lit("amounts")).alias("name"),
        pl.min_horizontal("at", "at_m").alias("at"),
        "kind",
        "named",
        "theirs",
        pl.when("any_by_then").then("ours").alias("ours"),
        pl.concat_list(
            pl.concat_list(_line_member()),
            pl.struct("source", "id").map_elements(_members, return_dtype=pl.List(pl.String())),
        ).alias("members"),
    )


def _members(row: dict[str, list[Any]]) -> list[str]:
    return [ours_member(source, its_id) for source, its_id in zip(row["source"], row["id"], strict=True)]


# --- fees -------------------------------------------------------------------------------------------------------------


def _fees(lines: pl.DataFrame, ours: pl.DataFrame, cut: datetime, zone: str) -> pl.DataFrame:
    kept = pl.when(pl.col("kind") == "fee").then(pl.col("amount")).otherwise(0) - pl.col("fee")
    theirs = lines.select("at", "own", kept.alias("theirs"), pl.lit(0, pl.Int64).alias("ours"))
    posted = ours.select("at", "own", pl.lit(0, pl.Int64).alias("theirs"), pl.col("amount").alias("ours"))
    day = pl.col("at").dt.convert_time_zone(zone).dt.date()
    return (
        pl.concat([theirs, posted])
        .filter(pl.col("own") & (pl.col("at") < cut))
        .group_by(day.alias("day"))
        .agg(pl.col("theirs", "ours").sum())
        .filter(pl.col("theirs") != pl.col("ours"))
        .select(
            pl.lit("amounts").alias("name"),
            pl.col("day").cast(pl.Datetime("us")).dt.replace_time_zone(zone).dt.convert_time_zone("UTC").alias("at"),
            pl.lit("fee").alias("kind"),
            pl.lit(None, pl.String).alias("named"),
            "theirs",
            "ours",
            pl.concat_list(pl.format(f"{FEES}:{{}}", "day")).alias("members"),
        )
    )


# --- several lines with movements in common ---------------------------------------------------------------------------

Row = dict[str, Any]


def _groups(edges: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Which names hang together: each with the one that stands for its group."""
    above: dict[str, str] = {}

    def root(node: str) -> str:
        while (up := above.setdefault(node, node)) != node:
            above[node] = above[up]
            node = above[node]
        return node

    for one, other in edges:
        above[root(one)] = root(other)
    return {node: root(node) for node in list(above)}


def _tied(pairs: pl.DataFrame) -> Iterator[list[Row]]:
    """The pairs of lines and movements that hang together, group by group."""
    rows = pairs.rows(named=True)
    group_of = _groups((str(row["l"]), ours_member(row["source"], row["id"])) for row in rows)
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[group_of[str(row["l"])]].append(row)
    yield from groups.values()


def _of_several(pairs: Sequence[Row], cut: datetime) -> Row | None:
    lines = {row["l"]: row for row in pairs}
    movements = {ours_member(row["source"], row["id"]): row for row in pairs}
    here = [row for row in movements.values() if row["m"] is not None]
    theirs = [row["net"] for row in lines.values() if row["at"] < cut]
    ours = [row["amount"] for row in here if row["at_m"] < cut]
    if sum(theirs) == sum(ours) or not any(row["own"] or row["own_m"] for row in pairs):
        return None
    first = min(lines.values(), key=lambda row: (row["at"], row["statement"], row["line"]))
    whole = len(theirs) == len(lines) and len(ours) == len(movements)
    return {
        "name": "amounts" if whole else "across",
        "at": min([row["at"] for row in lines.values()] + [row["at_m"] for row in here]),
        "kind": first["kind"],
        "named": first["named"],
        "theirs": sum(theirs) if theirs else None,
        "ours": sum(ours) if ours else None,
        "members": sorted([line_member(row["statement"], row["line"]) for row in lines.values()] + list(movements)),
    }


def _items(found: Sequence[Row | None]) -> pl.DataFrame:
    return pl.DataFrame([one for one in found if one is not None], schema=ITEMS, orient="row")


# --- items about the same thing ---------------------------------------------------------------------------------------


def _tied_items(items: pl.DataFrame, ties: Iterable[tuple[str, str]]) -> pl.DataFrame:
    """Items with members that are tied to each other are one item, or none where they come to nothing."""
    edges = list(ties)
    rows = items.rows(named=True) if edges else []
    own = {each for row in rows for each in row["members"]}
    edges = [(one, other) for one, other in edges if one in own and other in own]
    if not edges:
        return items
    edges += [(row["members"][0], each) for row in rows for each in row["members"][1:]]
    group_of = _groups(edges)
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        first = row["members"][0]
        groups[group_of.get(first, first)].append(row)
    merged = [group[0] if len(group) == 1 else _one_item(group) for group in groups.values()]
    return _items([row for row in merged if (row["theirs"] or 0) != (row["ours"] or 0)])


def _one_item(group: Sequence[Row]) -> Row:
    first = min(group, key=lambda row: (row["at"], row["members"]))
    theirs, ours = ([row[side] for row in group if row[side] is not None] for side in ("theirs", "ours"))
    return {
        **first,
        "name": first["name"] if len({row["name"] for row in group}) == 1 else "amounts",
        "theirs": sum(theirs) if theirs else None,
        "ours": sum(ours) if ours else None,
        "members": sorted(each for row in group for each in row["members"]),
    }
