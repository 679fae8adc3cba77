"""A statement's lines for people: what each was matched with, why, and what is open about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, select

from gateway.kernel.numbers import with_check_digit
from gateway.payments.receipts import receipt_number
from gateway.payments.reconciliation import kept
from gateway.payments.reconciliation.wallets import wallet_with
from gateway.store.schema import difference, entry, incoming, line


@dataclass(frozen=True)
class Explained:
    """A line; ``how`` is one of :data:`~.items.How`, ``matched_with`` names the movement as people do."""

    line: int
    at: datetime
    kind: str
    amount: int
    fee: int
    operator_id: str | None
    reference: str | None
    payer: str | None
    said: str | None
    how: str | None
    matched_with: str | None
    differences: tuple[str, ...]
    difference_ids: tuple[int, ...] = ()


_TOLD = ("line", "at", "kind", "amount", "fee", "operator_id", "reference", "payer", "said", "how")


def explained(
    connection: Connection, statement_id: int, number: int | None, unmatched: bool, limit: int, after: int = 0
) -> tuple[str, list[Explained]] | None:
    """The currency and the first ``limit`` lines of a statement, by the row of the file; None where there is none.

    ``number``: that row alone; ``unmatched``: only what nothing was matched with; ``after``: only rows behind this one.
    """
    one = kept.statement_with(connection, statement_id)
    if one is None:
        return None
    rows: list[dict[str, Any]] = []
    for part in kept.parts_of_statement(connection, one.id):
        if (part.left or not unmatched) and (number is None or not rows):
            rows += _rows(connection, part, number, unmatched, limit, after)
    # Parts follow each other in time, which in a file may go backwards.
    rows = sorted(rows, key=lambda row: int(row["line"]))[:limit]
    about = _differences(connection, one.id, [row["line"] for row in rows])
    found = [
        Explained(
            **{
                name: row[name] for name in ("line", "at", "kind", "amount", "fee", "operator_id", "reference", "payer")
            },
            said=row["said"],
            how=row["how"],
            matched_with=_name(connection, row["source"], row["id"]),
            differences=tuple(text for _, text in about.get(row["line"], ())),
            difference_ids=tuple(its_id for its_id, _ in about.get(row["line"], ())),
        )
        for row in rows
    ]
    return wallet_with(connection, one.wallet_id).currency, found


def _rows(
    connection: Connection, part: kept.PartName, number: int | None, unmatched: bool, limit: int, after: int
) -> list[dict[str, Any]]:
    lines = kept.lines_of(connection, part)
    lines = lines.filter(pl.col("line") == number if number is not None else pl.col("line") > after)
    lines = lines.join(kept.matches_of(connection, part), on="line", how="left", maintain_order="left")
    if unmatched:
        lines = lines.filter(pl.col("how").is_null())
    return lines.sort("line", maintain_order=True).head(limit).to_dicts()


def _differences(
    connection: Connection, statement_id: int, lines: Sequence[object]
) -> dict[object, list[tuple[int, str]]]:
    found: dict[object, list[tuple[int, str]]] = {}
    own = (difference.c.statement_id == statement_id) & difference.c.line.in_(lines)
    for row in connection.execute(select(difference).where(own).order_by(difference.c.id)):
        said = f"difference {with_check_digit(row.id)} ({row.kind}, {row.state})"
        found.setdefault(row.line, []).append((row.id, said))
    return found


def _name(connection: Connection, source: str | None, its_id: int) -> str | None:
    """A movement as people name it: a receipt, money that came, a refund, an entry."""
    match source:
        case "collection":
            return f"receipt {receipt_number(its_id)}"
        case "incoming":
            counted = connection.scalar(select(incoming.c.collection_id).where(incoming.c.id == its_id))
            return f"receipt {receipt_number(counted)}" if counted else f"money {with_check_digit(its_id)}"
        case "refund":
            return f"refund {with_check_digit(its_id)}"
        case "reversal" | "returned" | "entry":
            key = select(entry.c.key).join(line, line.c.entry_id == entry.c.id).where(line.c.id == its_id)
            return f"entry {connection.scalar(key)}"
    return None
