"""What a statement says of fees: a sum for each day, and where an operator's SMS had told of one otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import Connection, select

from gateway.kernel.money import Money
from gateway.network.organisations import Tree
from gateway.payments.reconciliation.differences.found import Found, difference_key
from gateway.payments.reconciliation.kept import Kept, PartName, lines_of
from gateway.payments.reconciliation.ours import BESIDE
from gateway.payments.reconciliation.rules import day_of
from gateway.payments.reconciliation.wallets import Wallet
from gateway.payments.statements.lines import MOMENT
from gateway.store.schema import account, entry, line

_REACH = timedelta(days=7)  # how far from its line the day may lie on which a fee was posted


@dataclass(frozen=True)
class Fees:
    """The fees of a statement: what each day comes to of those that nobody told of one by one, and what differs."""

    by_day: tuple[tuple[date, int], ...]  # in minor units
    differing: tuple[Found, ...]


def fees_of(connection: Connection, tree: Tree, one: Wallet, which: Kept, parts: Sequence[PartName]) -> Fees:
    """The fees in the parts of a statement of a wallet.

    What an SMS told of before the statement came is posted already, and compared; what one tells of afterwards is
    posted twice.
    """
    fees = _in_lines(connection, parts, ZoneInfo(tree[one.organisation_id].time_zone))
    if fees.is_empty():
        return Fees((), ())
    posted = _told_alone(connection, tree, one, which)
    before = posted.filter(pl.col("recorded_at") < which.imported_at)
    twice = posted.filter(pl.col("recorded_at") >= which.imported_at)
    days = fees.join(before, on="number", how="anti").group_by("day").agg(pl.col("minor").sum()).sort("day")
    compared = pl.concat(
        [
            fees.join(before, on="number").filter(pl.col("minor") != pl.col("ours")),
            fees.join(twice, on="number").with_columns(pl.col("ours") + pl.col("minor")),
        ]
    )
    return Fees(
        tuple(days.iter_rows()),
        tuple(
            Found(
                "fee",
                difference_key("fee", one.id, row["number"]),
                one.id,
                row["at"],
                "the fee in the books isn't the statement's",
                which.id,
                row["line"],
                row["number"],
                theirs=Money(row["minor"], one.currency),
                ours=Money(row["ours"], one.currency),
            )
            for row in compared.iter_rows(named=True)
        ),
    )


def _in_lines(connection: Connection, parts: Sequence[PartName], zone: ZoneInfo) -> pl.DataFrame:
    wanted = ["line", "at", "kind", "amount", "fee", "operator_id", "linked"]
    own = pl.col("kind") == "fee"
    frames = [lines_of(connection, part, wanted) for part in parts]
    if not frames:
        return pl.DataFrame()
    return pl.concat([frame.filter((pl.col("fee") != 0) | own) for frame in frames]).select(
        "line",
        "at",
        day_of(pl.col("at"), zone).alias("day"),
        pl.when(own).then(pl.col("linked")).otherwise(pl.col("operator_id")).alias("number"),
        (pl.col("fee") - pl.when(own).then(pl.col("amount")).otherwise(0)).alias("minor"),
    )


def _told_alone(connection: Connection, tree: Tree, one: Wallet, which: Kept) -> pl.DataFrame:
    """The fees that an operator's SMS told of: number, minor units, when they were recorded."""
    rows = connection.execute(
        select(entry.c.key, line.c.amount_minor, entry.c.recorded_at)
        .join(line, line.c.entry_id == entry.c.id)
        .join(account, account.c.id == line.c.account_id)
        .where(
            BESIDE,
            account.c.role == "fees",
            account.c.currency == one.currency,
            entry.c.organisation_id == tree.books_of(one.organisation_id).id,
            entry.c.key.startswith(f"fee:{one.operator}:"),
            entry.c.happened_on.between((which.from_at - _REACH).date(), (which.until_at + _REACH).date()),
        )
    )
    values = [(row.key.split(":")[2], row.amount_minor, row.recorded_at) for row in rows]
    schema = {"number": pl.String(), "ours": pl.Int64(), "recorded_at": MOMENT}
    return pl.DataFrame(values, schema=schema, orient="row")
