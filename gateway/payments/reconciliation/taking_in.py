"""Taking a statement in: a file is read to its end, and then kept, whole or not at all, each line once per wallet.

What an earlier statement had is left out, so that periods may overlap.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import Connection, insert, select, update

from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.locale import mark
from gateway.network.organisations import Tree
from gateway.payments.reconciliation.kept import Kept, lines_between, read_kept, write_arrow
from gateway.payments.reconciliation.wallets import Wallet, name_account, wallet_name, wallet_with
from gateway.payments.statements.lines import BadStatement, Heading
from gateway.payments.statements.reading import Hints, read_statement
from gateway.store.schema import statement, statement_part
from gateway.store.turn import take_turn
from gateway.store.unit import Store, Unit

FILE_NAME_CHARACTERS, BY_CHARACTERS, FORMAT_CHARACTERS = 120, 60, 40
NUMBER_CHARACTERS = 40  # of an operator's number: keys of entries and cases hold it whole
_CHUNK = 1 << 20
_OTHER_DAYS = mark("it has lines of other days than it is said to be of")
_ELSEWHERE = mark("it was taken in for {wallet} already")
_NO_LINE = mark("it has no line of money that moved")
# A line is the same as an earlier one where all of this is.
_SAME = ["operator_id", "kind", "amount", "at", "balance", "reference", "payer"]
# What the operator may have known of a line at the moment of one export and not yet of another.
_SAME_NUMBER = ["operator_id", "kind", "amount", "at"]

Progress = Callable[[int], None]  # told how many lines have been read by now


@dataclass(frozen=True)
class Again:
    """This very file was taken in before."""

    statement: Kept


@dataclass(frozen=True)
class Moved:
    """The lines of one kind: how many, and in minor units what came and what left by them."""

    kind: str
    count: int
    in_minor: int
    out_minor: int


@dataclass(frozen=True)
class Told:
    """What a file says, which nobody has kept yet.

    ``lines`` are all of it, ``repeated`` those that an earlier statement has; ``first`` its first lines, as
    :data:`~gateway.payments.statements.lines.LINES`. ``known``: this very file was taken in before, as this statement.
    """

    heading: Heading
    lines: int
    repeated: int
    from_at: datetime
    until_at: datetime
    moved: tuple[Moved, ...]
    fee_minor: int
    first: pl.DataFrame
    known: Kept | None = None


FIRST_LINES = 12


def look_into(
    store: Store,
    tree: Tree,
    one: Wallet,
    path: Path,
    hints: Hints,
    progress: Progress = lambda _: None,
    days: tuple[date, date] | None = None,
) -> Told:
    """Read a statement to its end as :func:`take_in` would, and keep nothing of it.

    Raises :class:`~gateway.payments.statements.lines.BadStatement` for whatever :func:`take_in` would refuse.
    """
    digest = _digest(path)
    zone = tree[one.organisation_id].time_zone
    with store.read() as connection:
        known, elsewhere = _with_digest(connection, one, digest), _elsewhere(connection, tree, one, digest)
        if known is None and elsewhere is not None:
            raise BadStatement(_ELSEWHERE, wallet=elsewhere)
        read = read_statement(path, one.operator, hints)
        heading = _with_days(read.heading, days, zone, store.clock.now())
        _check_heading(one, heading)
        earlier, parts, done = _Earlier(connection, one), [], 0
        for frame in read.lines:
            if frame.is_empty():
                continue
            _refuse_long(frame)
            from_at, until_at = _span(frame)
            new = earlier.without(frame, from_at, until_at).height if known is None else 0
            parts.append((frame.height, frame.height - new, from_at, until_at, _moved(frame), frame.head(FIRST_LINES)))
            done += frame.height
            progress(done)
    if not parts:
        raise BadStatement(_NO_LINE)
    first_at, last_at = min(part[2] for part in parts), max(part[3] for part in parts)
    if days is not None and not days[0] <= day_in(zone, first_at) <= day_in(zone, last_at) <= days[1]:
        raise BadStatement(_OTHER_DAYS)
    sums = pl.concat([part[4] for part in parts]).group_by("kind").sum().sort(pl.col("count"), descending=True)
    return Told(
        heading,
        sum(part[0] for part in parts),
        sum(part[1] for part in parts),
        min([first_at] + ([heading.from_at] if heading.from_at else [])),
        max([last_at] + ([heading.until_at] if heading.until_at else [])),
        tuple(Moved(*row[:4]) for row in sums.iter_rows()),
        int(sums["fee"].sum()),
        pl.concat([part[5] for part in parts[:1]]),
        known,
    )


def _moved(frame: pl.DataFrame) -> pl.DataFrame:
    amount = pl.col("amount")
    return frame.group_by(pl.col("kind").cast(pl.String)).agg(
        pl.len().cast(pl.Int64).alias("count"),
        amount.filter(amount > 0).sum().alias("in"),
        (-amount.filter(amount < 0).sum()).alias("out"),
        pl.col("fee").sum().alias("fee"),
    )


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
        raise Fault(mark("who brings it must be said, in at most {most} letters"), most=BY_CHARACTERS)
    digest = _digest(path)
    with store.read() as connection:
        known = _with_digest(connection, one, digest)
        elsewhere = _elsewhere(connection, tree, one, digest)
    if known is not None:
        return Again(_for_days(store, tree, one, known, days))
    if elsewhere is not None:
        raise BadStatement(_ELSEWHERE, wallet=elsewhere)
    read = read_statement(path, one.operator, hints)
    zone = tree[one.organisation_id].time_zone
    heading = _with_days(read.heading, days, zone, store.clock.now())
    _check_heading(one, heading)
    with tempfile.TemporaryDirectory(prefix="cotisa-statement-") as folder, store.read() as connection:
        parts = list(_to_disk(Path(folder), read.lines, _Earlier(connection, one), progress))
        if not parts:
            raise BadStatement(_NO_LINE)
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
        raise BadStatement(
            mark("it is in {theirs}, and this wallet in {ours}"), theirs=heading.currency, ours=one.currency
        )
    if one.account and heading.account and _plain(heading.account) != _plain(one.account):
        raise BadStatement(
            mark("it is of account {theirs}, and this wallet's is {ours}"), theirs=heading.account, ours=one.account
        )


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
        write_arrow(new, file)
        yield _Part(file, new.height, frame.height - new.height, from_at, until_at)


def _refuse_long(frame: pl.DataFrame) -> None:
    """No operator's number is so long; cut short two could be the same."""
    for name in ("operator_id", "linked"):
        long = frame.filter(pl.col(name).str.len_chars() > NUMBER_CHARACTERS)
        if long.height:
            raise BadStatement(
                mark("a transaction's number has more than {most} characters"), long["line"][0], most=NUMBER_CHARACTERS
            )


def _span(frame: pl.DataFrame) -> tuple[datetime, datetime]:
    first, last = frame.select(pl.col("at").min().alias("first"), pl.col("at").max().alias("last")).row(0)
    return first, last


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
    return read_kept(row)


def _with_digest(connection: Connection, one: Wallet, digest: str) -> Kept | None:
    own = (statement.c.wallet_id == one.id) & (statement.c.digest == digest)
    row = connection.execute(select(statement).where(own)).first()
    return read_kept(row) if row else None
