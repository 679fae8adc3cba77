"""Which payments of ours a line may be that fits several: what somebody can choose from; nothing is guessed."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
from sqlalchemy import Connection

from gateway.network.organisations import Tree
from gateway.payments.collections import Collection, by_id
from gateway.payments.reconciliation.differences.listing import Difference
from gateway.payments.reconciliation.kept import matches_of, parts_of
from gateway.payments.reconciliation.ours import movements
from gateway.payments.reconciliation.wallets import wallet_with

MOST_CANDIDATES = 10
AROUND = timedelta(days=3)  # as far as a card in a reference is looked for
_MATCHED_AROUND = timedelta(days=7)


def candidates(connection: Connection, tree: Tree, one: Difference) -> list[Collection]:
    """The payments of an ambiguous line's amount that nothing is matched with, the nearest in time first.

    :data:`MOST_CANDIDATES` at most; none of a difference of another kind, or one that is settled.
    """
    if one.kind != "ambiguous" or one.state == "settled" or one.theirs is None:
        return []
    own = wallet_with(connection, one.wallet_id)
    ours = movements(connection, tree, own, one.at - AROUND, one.at + AROUND)
    fit = ours.filter(pl.col("source") == "collection", pl.col("amount") == one.theirs.minor)
    for part in parts_of(connection, own.id, one.at - _MATCHED_AROUND, one.at + _MATCHED_AROUND):
        fit = fit.join(matches_of(connection, part), on=["source", "id"], how="anti")
    nearest = fit.sort((pl.col("at") - one.at).abs(), "id").head(MOST_CANDIDATES)
    found = (by_id(connection, its_id) for its_id in nearest["id"])
    return [each for each in found if each is not None]
