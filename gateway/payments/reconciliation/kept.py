"""Statements that are kept: their lines as columns, and what each was matched with; a line becomes no object.

The parts are Arrow's own file format, compressed.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Connection, func, select, update

from gateway.payments.reconciliation.items import MATCHES, Source
from gateway.payments.statements.lines import LINES
from gateway.store.schema import statement, statement_part
from gateway.store.turn import take_turn
from gateway.store.unit import Unit

_TICK = timedelta(seconds=1)  # a statement that ends at 23:59:59 leaves nothing out before midnight


@dataclass(frozen=True)
class Kept:
    """A statement as it is kept; ``lines`` are those that no earlier one had, ``repeated`` those that one had."""

    id: int
    wallet_id: int
    file_name: str
    format: str
    imported_by: str
    imported_at: datetime
    lines: int
    repeated: int
    from_at: datetime
    until_at: datetime
    opening_minor: int | None
    closing_minor: int | None
    reconciled_at: datetime | None


def write_arrow(frame: pl.DataFrame, to: Path | io.BytesIO) -> None:
    """Write a frame as it is kept."""
    frame.write_ipc(to, compression="zstd")


def statements(connection: Connection, wallet_ids: list[int], limit: int = 1000) -> list[Kept]:
    """The statements of some wallets, the newest first."""
    rows = connection.execute(
        select(statement).where(statement.c.wallet_id.in_(wallet_ids)).order_by(statement.c.id.desc()).limit(limit)
    )
    return [read_kept(row) for row in rows]


def read_kept(row: Any) -> Kept:
    """A statement from its row."""
    return Kept(
        row.id,
        row.wallet_id,
        row.file_name,
        row.format,
        row.imported_by,
        row.imported_at,
        row.lines,
        row.repeated,
        row.from_at,
        row.until_at,
        row.opening_minor,
        row.closing_minor,
        row.reconciled_at,
    )


def statement_with(connection: Connection, its_id: int) -> Kept | None:
    """The statement with an id."""
    row = connection.execute(select(statement).where(statement.c.id == its_id)).first()
    return read_kept(row) if row else None


def left_of(connection: Connection, statement_id: int) -> int:
    """How many lines of a statement are matched with nothing."""
    own = statement_part.c.statement_id == statement_id
    return int(connection.scalar(select(func.coalesce(func.sum(statement_part.c.left), 0)).where(own)) or 0)


@dataclass(frozen=True)
class PartName:
    """Which part of which statement; ``left`` lines of it are matched with nothing yet."""

    statement_id: int
    number: int
    left: int


def parts_of(
    connection: Connection, wallet_id: int, from_at: datetime | None = None, until_at: datetime | None = None
) -> list[PartName]:
    """The parts of a wallet's statements that hold lines between two moments, the oldest statement first."""
    query = (
        select(statement_part.c.statement_id, statement_part.c.number, statement_part.c.left)
        .join(statement, statement.c.id == statement_part.c.statement_id)
        .where(statement.c.wallet_id == wallet_id)
        .order_by(statement_part.c.statement_id, statement_part.c.number)
    )
    if from_at is not None and until_at is not None:
        query = query.where(statement_part.c.from_at <= until_at, statement_part.c.until_at >= from_at)
    return [PartName(*row) for row in connection.execute(query)]


def parts_of_statement(connection: Connection, statement_id: int) -> list[PartName]:
    """The parts of one statement, in order."""
    rows = connection.execute(
        select(statement_part.c.statement_id, statement_part.c.number, statement_part.c.left)
        .where(statement_part.c.statement_id == statement_id)
        .order_by(statement_part.c.number)
    )
    return [PartName(*row) for row in rows]


def lines_of(connection: Connection, part: PartName, columns: list[str] | None = None) -> pl.DataFrame:
    """The lines of a part, as :data:`LINES` or some of its columns."""
    content = connection.scalar(select(statement_part.c.content).where(_its(part)))
    assert content is not None, part
    return pl.read_ipc(io.BytesIO(content), columns=columns)


def matches_of(connection: Connection, part: PartName) -> pl.DataFrame:
    """What the lines of a part were matched with, as :data:`MATCHES`."""
    content = connection.scalar(select(statement_part.c.matches).where(_its(part)))
    if content is None:
        return pl.DataFrame(schema=MATCHES)
    # What is kept may be older than the newest word for how.
    return pl.read_ipc(io.BytesIO(content)).cast(MATCHES)


def take_turn_of_matches(unit: Unit, wallet_id: int) -> None:
    """Wait until nobody else matches lines of a wallet: nothing is matched twice, and nothing forgotten."""
    take_turn(unit, f"matches of {wallet_id}")


def state_of_matches(connection: Connection, wallet_id: int) -> list[tuple[int, ...]]:
    """What changes whenever a line of a wallet is matched or let go: of each part how many are left, and its size."""
    query = (
        select(statement_part.c.statement_id, statement_part.c.number, statement_part.c.left,
               func.coalesce(func.length(statement_part.c.matches), 0))
        .join(statement, statement.c.id == statement_part.c.statement_id)
        .where(statement.c.wallet_id == wallet_id)
        .order_by(statement_part.c.statement_id, statement_part.c.number)
    )  # fmt: skip
    return [tuple(row) for row in connection.execute(query)]


def _take_turn_at(unit: Unit, statement_id: int) -> None:
    its_wallet = unit.connection.scalar(select(statement.c.wallet_id).where(statement.c.id == statement_id))
    take_turn_of_matches(unit, its_wallet or 0)


def add_matches(unit: Unit, part: PartName, new: pl.DataFrame) -> None:
    """Keep what more lines of a part were matched with; a line that is matched stays as it is.

    Whoever calls it has the turn of the wallet's matches.
    """
    known = matches_of(unit.connection, part)
    fresh = new.join(known, on="line", how="anti")
    if fresh.is_empty():
        return
    buffer = io.BytesIO()
    write_arrow(pl.concat([known, fresh]).sort("line", "source", "id"), buffer)
    lines = fresh["line"].n_unique()
    unit.connection.execute(
        update(statement_part).where(_its(part)).values(matches=buffer.getvalue(), left=statement_part.c.left - lines)
    )


_LATE = timedelta(days=35)  # how far from a movement the line may lie that it is matched with


def hows_of(connection: Connection, wallet_id: int, source: Source, its_id: int, at: datetime | None) -> set[str]:
    """How lines were matched with a movement of about a moment; nothing where none was."""
    about = (at - _LATE, at + _LATE) if at is not None else (None, None)
    own = (pl.col("source") == source) & (pl.col("id") == its_id)
    return {
        str(how)
        for part in parts_of(connection, wallet_id, *about)
        for how in matches_of(connection, part).filter(own)["how"]
    }


def tie(unit: Unit, statement_id: int, number: int, source: Source, its_id: int) -> bool:
    """Somebody says which movement a line is; False where there is no such line, or it is matched already."""
    _take_turn_at(unit, statement_id)
    match = {"line": [number], "how": ["person"], "source": [source], "id": [its_id]}
    for part in parts_of_statement(unit.connection, statement_id):
        if number in lines_of(unit.connection, part, ["line"])["line"]:
            before = matches_of(unit.connection, part)
            add_matches(unit, part, pl.DataFrame(match, schema=MATCHES))
            return number not in before["line"]
    return False


def release(unit: Unit, statement_id: int, number: int) -> None:
    """A line is free again, and its statement is looked at by the next run."""
    _take_turn_at(unit, statement_id)
    for part in parts_of_statement(unit.connection, statement_id):
        known = matches_of(unit.connection, part)
        rest = known.filter(pl.col("line") != number)
        if rest.height < known.height:
            buffer = io.BytesIO()
            write_arrow(rest, buffer)
            values = {"matches": buffer.getvalue(), "left": statement_part.c.left + 1}
            unit.connection.execute(update(statement_part).where(_its(part)).values(values))
    unit.connection.execute(update(statement).where(statement.c.id == statement_id).values(reconciled_at=None))


def _its(part: PartName) -> Any:
    return (statement_part.c.statement_id == part.statement_id) & (statement_part.c.number == part.number)


def lines_between(
    connection: Connection, wallet_id: int, from_at: datetime, until_at: datetime, columns: list[str] | None = None
) -> pl.DataFrame:
    """The lines of a wallet between two moments, of whatever statements; each line once."""
    wanted = columns or LINES.names()
    read = list(dict.fromkeys([*wanted, "at"]))
    frames = [
        lines_of(connection, part, read).filter(pl.col("at").is_between(from_at, until_at)).select(wanted)
        for part in parts_of(connection, wallet_id, from_at, until_at)
    ]
    return pl.concat(frames) if frames else pl.DataFrame(schema={name: LINES[name] for name in wanted})


def covered(connection: Connection, wallet_id: int) -> list[tuple[datetime, datetime]]:
    """The spans of time that a wallet's statements cover, in order, without overlaps."""
    spans: list[tuple[datetime, datetime]] = []
    rows = connection.execute(
        select(statement.c.from_at, statement.c.until_at)
        .where(statement.c.wallet_id == wallet_id)
        .order_by(statement.c.from_at)
    )
    for from_at, until_at in rows:
        if spans and from_at <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(until_at, spans[-1][1]))
        else:
            spans.append((from_at, until_at))
    return spans


def shown_around(connection: Connection, one: Kept) -> tuple[datetime, datetime]:
    """From when to when statements show all that moved, with this one in it, without a break.

    Two follow each other without one where their times touch, or the one opens with the balance that the other closes
    with.
    """
    rows = connection.execute(
        select(statement.c.from_at, statement.c.until_at, statement.c.opening_minor, statement.c.closing_minor)
        .where(statement.c.wallet_id == one.wallet_id)
        .order_by(statement.c.from_at, statement.c.until_at)
    )
    spans: list[tuple[datetime, datetime, int | None]] = []
    for from_at, until_at, opens, closes in rows:
        before = spans[-1] if spans else None
        if before is not None and (from_at <= before[1] + _TICK or (opens is not None and opens == before[2])):
            ends = max((before[1], before[2]), (until_at, closes), key=lambda each: each[0])
            spans[-1] = (before[0], *ends)
        else:
            spans.append((from_at, until_at, closes))
    for begin, end, _ in spans:
        if begin <= one.from_at and one.until_at <= end:
            return begin, end
    return one.from_at, one.until_at
