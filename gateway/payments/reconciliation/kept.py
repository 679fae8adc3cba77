"""Statements that are kept: each file once and whole or not at all, its lines as columns, each line once per wallet.

A file is read to its end before anything is written; what an earlier statement had is left out, so that periods may
overlap. The parts are Arrow's own file format, compressed: they are read back without a line becoming an object.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import Connection, func, insert, select, update

from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.network.organisations import Tree
from gateway.payments.reconciliation.items import MATCHES, Source
from gateway.payments.reconciliation.wallets import Wallet, name_account, wallet_name, wallet_with
from gateway.payments.statements.lines import LINES, BadStatement, Heading
from gateway.payments.statements.reading import Hints, read_statement
from gateway.store.schema import statement, statement_part
from gateway.store.turn import take_turn
from gateway.store.unit import Store, Unit

FILE_NAME_CHARACTERS, BY_CHARACTERS, FORMAT_CHARACTERS = 120, 60, 40
NUMBER_CHARACTERS = 40  # of an operator's number: keys of entries and cases hold it whole
_CHUNK = 1 << 20
_TICK = timedelta(seconds=1)  # a statement that ends at 23:59:59 leaves nothing out before midnight
_OTHER_DAYS = "it has lines of other days than it is said to be of"
# A line is the same as an earlier one where all of this is.
_SAME = ["operator_id", "kind", "amount", "at", "balance", "reference", "payer"]
# What the operator may have known of a line at the moment of one export and not yet of another.
_SAME_NUMBER = ["operator_id", "kind", "amount", "at"]

Progress = Callable[[int], None]  # told how many lines have been read by now


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


@dataclass(frozen=True)
class Again:
    """This very file was taken in before."""

    statement: Kept


def take_in(
    store: Store,
    tree: Tree,
    one: Wallet,
    path: Path,
    hints: Hints,
    by: str,
    progress: Progress = lambda _: None,
    days: tuple[date, date] | None = None,
) -> Kept | Again:
    """Read a statement of a wallet and keep it, whole; nothing is matched yet.

    ``days`` are the first and the last that it was exported for, where the wallet is: few files say so themselves, and
    nothing moved on a day without a line only where that day was asked for.

    Raises :class:`~gateway.payments.statements.lines.BadStatement` for a file that can't be read, or that is another
    account's; nothing is kept then. :class:`Fault` without a name or a file.
    """
    if not by.strip() or len(by) > BY_CHARACTERS:
        raise Fault(f"who brings it must be said, in at most {BY_CHARACTERS} letters")
    digest = _digest(path)
    with store.read() as connection:
        known = _with_digest(connection, one, digest)
        elsewhere = _elsewhere(connection, tree, one, digest)
    if known is not None:
        return Again(_for_days(store, tree, one, known, days))
    if elsewhere is not None:
        raise BadStatement(f"it was taken in for {elsewhere} already")
    read = read_statement(path, one.operator, hints)
    zone = tree[one.organisation_id].time_zone
    heading = _with_days(read.heading, days, zone, store.clock.now())
    _check_heading(one, heading)
    with tempfile.TemporaryDirectory(prefix="cotisa-statement-") as folder, store.read() as connection:
        parts = list(_to_disk(Path(folder), read.lines, _Earlier(connection, one), progress))
        if not parts:
            raise BadStatement("it has no line of money that moved")
        if (
            days is not None
            and not days[0] <= day_in(zone, parts[0].from_at) <= day_in(zone, parts[-1].until_at) <= days[1]
        ):
            raise BadStatement(_OTHER_DAYS)
        with store.write() as unit:
            take_turn(unit, f"statements of {one.id}")
            known = _with_digest(unit.connection, one, digest)
            if known is not None:
                return Again(known)
            return _write(unit, one, path, heading, digest, by, parts)


def _elsewhere(connection: Connection, tree: Tree, one: Wallet, digest: str) -> str | None:
    """Another account for which this very file was taken in: then or now, somebody named a wrong one.

    An aggregator's file alone may hold several countries and currencies, each with an account of its own.
    """
    ids = select(statement.c.wallet_id).where(statement.c.digest == digest).order_by(statement.c.id)
    for its_id in connection.scalars(ids).all():
        other = wallet_with(connection, its_id)
        countries = {tree[each.organisation_id].country for each in (one, other)}
        apart = other.currency != one.currency or len(countries) == 2
        if other.operator != one.operator or not apart:
            return wallet_name(tree, other)
    return None


def _for_days(store: Store, tree: Tree, one: Wallet, known: Kept, days: tuple[date, date] | None) -> Kept:
    """What is kept already, which covers all of the days that it is now said to have been exported for."""
    if days is None:
        return known
    # The file is as old as it was then, whatever days it is said to be of now.
    from_at, until_at = _moments(days, tree[one.organisation_id].time_zone, known.imported_at)
    if not from_at <= known.from_at <= known.until_at <= until_at:
        raise BadStatement(_OTHER_DAYS)
    with store.write() as unit:
        own = statement.c.id == known.id
        unit.connection.execute(update(statement).where(own).values(from_at=from_at, until_at=until_at))
    return replace(known, from_at=from_at, until_at=until_at)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as refused:
        raise Fault(f"{path}: {refused.strerror}") from None
    return digest.hexdigest()


def _with_days(heading: Heading, days: tuple[date, date] | None, zone: str, now: datetime) -> Heading:
    """A heading with the days that somebody says it is of; of a day that isn't over, what has passed."""
    if days is None:
        return heading
    from_at, until_at = _moments(days, zone, now)
    return replace(heading, from_at=from_at, until_at=until_at)


def _moments(days: tuple[date, date], zone: str, now: datetime) -> tuple[datetime, datetime]:
    begins = datetime.combine(days[0], time(), ZoneInfo(zone)).astimezone(UTC)
    ends = datetime.combine(days[1] + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)
    return begins, min(ends, now)


def _check_heading(one: Wallet, heading: Heading) -> None:
    if heading.currency not in (None, one.currency):
        raise BadStatement(f"it is in {heading.currency}, and this wallet in {one.currency}")
    if one.account and heading.account and _plain(heading.account) != _plain(one.account):
        raise BadStatement(f"it is of account {heading.account}, and this wallet's is {one.account}")


def _plain(account: str) -> str:
    return "".join(letter for letter in account if letter.isalnum()).upper()


# --- reading it to its end --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Part:
    file: Path
    lines: int
    repeated: int
    from_at: datetime
    until_at: datetime


class _Earlier:
    """The lines that earlier statements of a wallet had, about a time."""

    def __init__(self, connection: Connection, one: Wallet) -> None:
        self._connection, self._one = connection, one

    def without(self, frame: pl.DataFrame, from_at: datetime, until_at: datetime) -> pl.DataFrame:
        """The lines of a frame that are new. A number is the same line at the same moment, whatever else is told of it;
        without a number everything must be the same."""
        same = lines_between(self._connection, self._one.id, from_at, until_at, _SAME)
        if same.is_empty():
            return frame
        numbered = frame.filter(pl.col("operator_id").is_not_null())
        bare = frame.filter(pl.col("operator_id").is_null())
        return pl.concat(
            [
                numbered.join(same, on=_SAME_NUMBER, how="anti", maintain_order="left"),
                bare.join(same, on=_SAME, how="anti", nulls_equal=True, maintain_order="left"),
            ]
        ).sort("at", "line", maintain_order=True)


def _to_disk(folder: Path, frames: Iterator[pl.DataFrame], earlier: _Earlier, progress: Progress) -> Iterator[_Part]:
    done = 0
    for number, frame in enumerate(frames):
        if frame.is_empty():
            continue
        _refuse_long(frame)
        from_at, until_at = _span(frame)
        new = earlier.without(frame, from_at, until_at)
        done += frame.height
        progress(done)
        file = folder / f"{number}.arrow"
        _write_arrow(new, file)
        yield _Part(file, new.height, frame.height - new.height, from_at, until_at)


def _refuse_long(frame: pl.DataFrame) -> None:
    """No operator's number is so long; cut short two could be the same."""
    for name in ("operator_id", "linked"):
        long = frame.filter(pl.col(name).str.len_chars() > NUMBER_CHARACTERS)
        if long.height:
            raise BadStatement(f"a transaction's number has more than {NUMBER_CHARACTERS} characters", long["line"][0])


def _span(frame: pl.DataFrame) -> tuple[datetime, datetime]:
    first, last = frame.select(pl.col("at").min().alias("first"), pl.col("at").max().alias("last")).row(0)
    return first, last


def _write_arrow(frame: pl.DataFrame, to: Path | io.BytesIO) -> None:
    frame.write_ipc(to, compression="zstd")


def _write(unit: Unit, one: Wallet, path: Path, heading: Heading, digest: str, by: str, parts: list[_Part]) -> Kept:
    if one.account is None and heading.account:
        name_account(unit, one, heading.account)
    row = unit.connection.execute(
        insert(statement)
        .values(
            wallet_id=one.id,
            file_name=path.name[-FILE_NAME_CHARACTERS:],
            digest=digest,
            format=heading.format[:FORMAT_CHARACTERS],
            imported_by=by.strip(),
            imported_at=unit.now,
            lines=sum(part.lines for part in parts),
            repeated=sum(part.repeated for part in parts),
            from_at=min([part.from_at for part in parts] + ([heading.from_at] if heading.from_at else [])),
            until_at=max([part.until_at for part in parts] + ([heading.until_at] if heading.until_at else [])),
            opening_minor=heading.opening_minor,
            closing_minor=heading.closing_minor,
        )
        .returning(*statement.c)
    ).one()
    for number, part in enumerate(part for part in parts if part.lines):
        unit.connection.execute(
            insert(statement_part).values(
                statement_id=row.id,
                number=number,
                from_at=part.from_at,
                until_at=part.until_at,
                content=part.file.read_bytes(),
                left=part.lines,
            )
        )
    return _read(row)


# --- reading it back --------------------------------------------------------------------------------------------------


def statements(connection: Connection, wallet_ids: list[int], limit: int = 1000) -> list[Kept]:
    """The statements of some wallets, the newest first."""
    rows = connection.execute(
        select(statement).where(statement.c.wallet_id.in_(wallet_ids)).order_by(statement.c.id.desc()).limit(limit)
    )
    return [_read(row) for row in rows]


def _with_digest(connection: Connection, one: Wallet, digest: str) -> Kept | None:
    own = (statement.c.wallet_id == one.id) & (statement.c.digest == digest)
    row = connection.execute(select(statement).where(own)).first()
    return _read(row) if row else None


def _read(row: Any) -> Kept:
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
    return _read(row) if row else None


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
    _write_arrow(pl.concat([known, fresh]).sort("line", "source", "id"), buffer)
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
    parts = (
        select(statement_part.c.number, statement_part.c.left)
        .where(statement_part.c.statement_id == statement_id)
        .order_by(statement_part.c.number)
    )
    for row in unit.connection.execute(parts).all():
        part = PartName(statement_id, row.number, row.left)
        if number in lines_of(unit.connection, part, ["line"])["line"]:
            before = matches_of(unit.connection, part)
            add_matches(unit, part, pl.DataFrame(match, schema=MATCHES))
            return number not in before["line"]
    return False


def release(unit: Unit, statement_id: int, number: int) -> None:
    """A line is free again, and its statement is looked at by the next run."""
    _take_turn_at(unit, statement_id)
    own = (statement_part.c.statement_id == statement_id) & (statement_part.c.matches.is_not(None))
    for row in unit.connection.execute(select(statement_part.c.number, statement_part.c.left).where(own)).all():
        part = PartName(statement_id, row.number, row.left)
        known = matches_of(unit.connection, part)
        rest = known.filter(pl.col("line") != number)
        if rest.height < known.height:
            buffer = io.BytesIO()
            _write_arrow(rest, buffer)
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
