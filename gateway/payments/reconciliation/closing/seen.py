"""What the figures of a span are made from, read as columns: lines, movements, differences, and what is old or late.

A span is read as things stood when it was signed: of the statements up to one, of the entries up to a place in the
chain. What came later for a signed span is told by the same two numbers, whatever the clocks say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select

from gateway.kernel.clock import day_in
from gateway.network.organisations import Tree
from gateway.payments.reconciliation import kept
from gateway.payments.reconciliation.closing.balances import MARKS
from gateway.payments.reconciliation.closing.between import FEES, LINE, ours_member
from gateway.payments.reconciliation.closing.figures import (
    SEEN_LINES,
    SEEN_MATCHES,
    SEEN_OURS,
    Figures,
    Item,
    Known,
    Seen,
    Span,
    begins,
    looked_from,
)
from gateway.payments.reconciliation.closing.standing import in_batches, noted_of, ties_of
from gateway.payments.reconciliation.kept import PartName
from gateway.payments.reconciliation.ours import BESIDE, movements
from gateway.payments.reconciliation.wallets import Wallet, whose_movements
from gateway.store.schema import account, collection, entry, incoming, line, refund, seal, statement

# How far apart what was matched with each other may have moved: the operator's moment and ours are the same but for
# clocks, and what a person settled is found by what it is about.
MARGIN = timedelta(days=7)
# What a line makes is recorded when its statement is taken in, which may be so long after the line.
MATCHED_LATE = timedelta(days=120)
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)

Named = tuple[str, int]  # a movement of ours: its source and its id


@dataclass(frozen=True)
class Looking:
    """A wallet, a span of it, what was known when it is or was signed, and the close before."""

    connection: Connection
    tree: Tree
    wallet: Wallet
    span: Span
    known: Known
    before: Figures | None

    @cached_property
    def begun_at(self) -> datetime:
        """Where the first close of the row began to look: what was before any statement is in its openings."""
        if self.before is not None:
            return self.before.begun_at
        begin = next((begin for begin, _ in self._periods), self.span.from_at)
        return max(looked_from(None, self.span), min(begin, self.span.from_at))

    @cached_property
    def since(self) -> datetime:
        """From when on all that moved is looked at."""
        return max(looked_from(self.before, self.span), self.begun_at)

    @cached_property
    def _periods(self) -> list[tuple[datetime, datetime]]:
        return kept.covered(self.connection, self.wallet.id)

    def seen(self) -> Seen:
        """All that there is to look at."""
        noted, open_ones = noted_of(self.connection, self.wallet, self.span)
        ties = [two for each in self._old for two in pairwise(each.members)]
        beside = self.connection.execute(self._own_lines().where(BESIDE, self._on_days())).all()
        ties += ties_of(self.connection, self.wallet, self.span, self._earliest, beside)
        lines, matches = self._lines()
        return Seen(
            lines,
            matches,
            self._without_done(self._ours(), lines, ties),
            self._marks(),
            self._periods,
            self.begun_at,
            self.since - MARGIN,
            noted,
            open_ones,
            ties,
        )

    @cached_property
    def _old(self) -> list[Item]:
        """The items of the close before that are older than what is looked at."""
        lists = self.before.lists if self.before else ()
        return [each for one in lists for each in one.items if each.at < self.since]

    @cached_property
    def _old_ours(self) -> set[Named]:
        members = {name for each in self._old for name in each.members}
        return {_named(name) for name in members if name.partition(":")[0] in _OWN_SOURCES}

    @cached_property
    def _days(self) -> list[date]:
        """The days before the time that is looked at of which something is: of old items, and of what came late."""
        begin = self.since - MARGIN
        days = {*self._late.values(), *self._days_of(self._old_ours)}
        return sorted(on for on in days if begins(on, self.span.zone) < begin)

    @property
    def _earliest(self) -> datetime:
        return min([self.since - MARGIN, *(begins(on, self.span.zone) for on in self._days[:1])])

    def ours_before(self) -> pl.DataFrame:
        """All that moved before the span by our books, where no close tells it."""
        until_at = self.span.from_at if self.before is None else _FIRST
        return self._movements(_FIRST, until_at).filter(pl.col("at") < until_at)

    def beyond(self) -> set[Named]:
        """What was posted and sealed since the moment that the figures are of."""
        return set(self._posted_since(self.known.through))

    # --- the statements -----------------------------------------------------------------------------------------------

    def _lines(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The lines and what they were matched with: of the time looked at, old ones that are named, and late ones."""
        old = {name for each in self._old for name in each.members if name.startswith(f"{LINE}:")}
        begin, end = self.since - MARGIN, self.span.until_at + MARGIN
        named = pl.col("member").is_in(sorted(old))
        late = pl.col("at").is_between(self.begun_at, self.span.from_at, closed="left") & (
            pl.col("statement") > self._signed_statement
        )
        around = self._parts(begin, end)
        statements = {int(name.split(":")[1]) for name in old}
        parts = {
            *around,
            *(part for part in self._parts(_FIRST, begin) if part.statement_id in statements),
            *(part for part in self._parts(_FIRST, begin) if part.statement_id > self._signed_statement),
        }
        lines, matches = [pl.DataFrame(schema=SEEN_LINES)], [pl.DataFrame(schema=SEEN_MATCHES)]
        for part in sorted(parts, key=lambda one: (one.statement_id, one.number)):
            own = kept.lines_of(self.connection, part, [name for name in SEEN_LINES if name not in _ADDED])
            own = own.with_columns(pl.lit(part.statement_id, pl.Int64).alias("statement")).with_columns(
                pl.format(f"{LINE}:{{}}:{{}}", "statement", "line").alias("member"), late.alias("late")
            )
            near = pl.col("at").is_between(begin, end, closed="left")
            # The fee of an old line was told of with its day.
            told = (pl.col("at") < self.since) & ~pl.col("late")
            lines.append(
                own.filter(near | named | pl.col("late"))
                .with_columns(self._own(named | pl.col("late")), pl.when(~told).then("fee").otherwise(0).alias("fee"))
                .select(SEEN_LINES.names())
            )
            matched = kept.matches_of(self.connection, part)
            matches.append(
                matched.select(pl.lit(part.statement_id, pl.Int64).alias("statement"), "line", "source", "id")
            )
        return pl.concat(lines), pl.concat(matches)

    @property
    def _signed_statement(self) -> int:
        """The last statement that the close before knew; where there is none nothing is late."""
        return self.before.known.statement if self.before else self.known.statement

    def _own(self, beside: pl.Expr) -> pl.Expr:
        return ((pl.col("at") >= self.begun_at) & ((pl.col("at") >= self.since) | beside)).alias("own")

    def _parts(self, from_at: datetime, until_at: datetime) -> list[PartName]:
        found = kept.parts_of(self.connection, self.wallet.id, from_at, until_at)
        return [part for part in found if part.statement_id <= self.known.statement]

    def _marks(self) -> pl.DataFrame:
        rows = self.connection.execute(
            select(statement.c.from_at, statement.c.until_at, statement.c.opening_minor, statement.c.closing_minor)
            .where(
                statement.c.wallet_id == self.wallet.id,
                statement.c.id <= self.known.statement,
                statement.c.from_at < self.span.until_at + MARGIN,
                statement.c.until_at >= self.since - MARGIN,
            )
            .order_by(statement.c.id)
        ).all()
        begins_with = [(row.from_at, row.opening_minor, False) for row in rows if row.opening_minor is not None]
        ends_with = [(row.until_at, row.closing_minor, True) for row in rows if row.closing_minor is not None]
        return pl.DataFrame(begins_with + ends_with, schema=MARKS, orient="row")

    # --- our movements ------------------------------------------------------------------------------------------------

    def _ours(self) -> pl.DataFrame:
        begin, end = self.since - MARGIN, self.span.until_at + MARGIN
        old, late = self._old_ours, self._late
        frames = [self._movements(begin, end).filter(pl.col("at") < end)]
        for on in self._days:
            frames.append(_only(self._movements(begins(on, self.span.zone), self._after(on)), {*old, *late}))
        found = pl.concat(frames).unique(["source", "id"], maintain_order=True)
        is_late = pl.col("named").is_in(_names(late)) & (pl.col("at") < self.span.from_at)
        is_fee = (pl.col("source") == "entry") & pl.col("id").is_in(self._fees())
        return (
            found.with_columns(_NAMED, is_fee.alias("fee"))
            .with_columns(
                is_late.alias("late"),
                self._own(pl.col("named").is_in(_names(old)) | is_late),
            )
            .with_columns(
                pl.col("own") & (~pl.col("named").is_in(self._done(begin)) | pl.col("named").is_in(_names(old)))
            )
            .select(SEEN_OURS.names())
        )

    def _without_done(self, ours: pl.DataFrame, lines: pl.DataFrame, ties: Iterable[tuple[str, str]]) -> pl.DataFrame:
        """Our movements; what settled something that is older than what is looked at is nobody's item any more."""
        members = lines.filter("own").select(pl.format(f"{LINE}:{{}}:{{}}", "statement", "line")).to_series()
        looked_at = {*members, *ours.filter("own").select(_NAMED).to_series()}
        days = f"{FEES}:{day_in(self.span.zone, self.since)}"
        done = {
            one
            for tie in ties
            for one, other in (tie, tie[::-1])
            if (other < days if other.startswith(f"{FEES}:") else other not in looked_at)
        }
        done -= set(_names(self._old_ours))
        beside = pl.col("source").is_in(["reversal", "returned", "entry"])
        return ours.with_columns(pl.col("own") & ~(beside & _NAMED.is_in(sorted(done))))

    def _done(self, begin: datetime) -> list[str]:
        """What was matched with lines from before the time that is looked at: each is in its side's closing by now."""
        frames = [pl.DataFrame(schema={"named": pl.String()})]
        for part in self._parts(begin - MATCHED_LATE, begin):
            lines = kept.lines_of(self.connection, part, ["line", "at"]).filter(pl.col("at") < begin)
            matched = kept.matches_of(self.connection, part).join(lines, on="line", how="semi")
            frames.append(matched.select(_NAMED))
        return pl.concat(frames)["named"].to_list()

    def _after(self, on: date) -> datetime:
        return begins(on + timedelta(days=1), self.span.zone)

    def _movements(self, from_at: datetime, until_at: datetime) -> pl.DataFrame:
        found = movements(self.connection, self.tree, self.wallet, from_at, until_at)
        return found.filter("counts", pl.col("at").is_between(from_at, until_at))

    @cached_property
    def _late(self) -> dict[Named, date]:
        """What was posted for signed spans since the last was signed, as far as it may be of this wallet: its day."""
        if self.before is None:
            return {}
        return self._posted_since(self.before.known.through, entry.c.happened_on < self.span.first_on)

    def _posted_since(self, through: int, *which: Any) -> dict[Named, date]:
        rows = self.connection.execute(
            self._own_lines()
            .join(seal, seal.c.entry_id == entry.c.id)
            .where(seal.c.id > through, *which)
            .add_columns(collection.c.id.label("collection_id"), incoming.c.id.label("came_id"))
            .add_columns(refund.c.id.label("refund_id"))
            .outerjoin(collection, _keyed("collection", collection.c.key))
            .outerjoin(incoming, incoming.c.collection_id == collection.c.id)
            .outerjoin(refund, _keyed("refund", refund.c.key))
        )
        return {named: row.happened_on for row in rows for named in _names_of(row)}

    def _own_lines(self) -> Select[Any]:
        """The lines of the books on accounts like the wallet's."""
        orgs = sorted(
            {self.tree.books_of(each).id for each in whose_movements(self.connection, self.tree, self.wallet)}
        )
        return (
            select(line.c.id, entry.c.key, entry.c.happened_on)
            .join(entry, entry.c.id == line.c.entry_id)
            .join(account, account.c.id == line.c.account_id)
            .where(
                entry.c.organisation_id.in_(orgs),
                account.c.role == self.wallet.role,
                account.c.currency == self.wallet.currency,
            )
        )

    def _fees(self) -> list[int]:
        """The lines of entries about operators' fees."""
        charge, its_account = line.alias("charge"), account.alias("its_account")
        rows = self.connection.execute(
            self._own_lines()
            .join(charge, charge.c.entry_id == entry.c.id)
            .join(its_account, its_account.c.id == charge.c.account_id)
            .where(BESIDE, its_account.c.role == "fees", self._on_days())
        )
        return [row.id for row in rows]

    def _on_days(self) -> ColumnElement[bool]:
        """The entries of the time that is looked at, and of the days before it."""
        zone, end = self.span.zone, self.span.until_at + MARGIN
        around = entry.c.happened_on.between(day_in(zone, self.since - MARGIN), day_in(zone, end))
        return or_(around, entry.c.happened_on.in_(self._days))

    def _days_of(self, named: set[Named]) -> list[date]:
        """The days of movements, by what names them."""
        found: list[date] = []
        for source, table in (("collection", collection), ("incoming", incoming)):
            for row in _by_id(self.connection, select(table.c.paid_at), table.c.id, source, named):
                found.append(day_in(self.span.zone, row.paid_at))
        refunds = select(entry.c.happened_on).join(refund, _keyed("refund", refund.c.key))
        found += [row.happened_on for row in _by_id(self.connection, refunds, refund.c.id, "refund", named)]
        entries = select(entry.c.happened_on).join(line, line.c.entry_id == entry.c.id)
        for source in ("reversal", "returned", "entry"):
            found += [row.happened_on for row in _by_id(self.connection, entries, line.c.id, source, named)]
        return found


# --- names ------------------------------------------------------------------------------------------------------------

_ADDED = ("statement", "own", "late")
_OWN_SOURCES = ("collection", "incoming", "reversal", "returned", "refund", "entry")
_NAMED = pl.format("{}:{}", pl.col("source").cast(pl.String), "id").alias("named")


def _named(member: str) -> Named:
    source, _, its_id = member.partition(":")
    return source, int(its_id)


def _names(named: Iterable[Named]) -> list[str]:
    return sorted(ours_member(*one) for one in named)


def _keyed(kind: str, key: Any) -> Any:
    """An entry is what its key says: of a collection, or of a refund."""
    return and_(entry.c.key.like(f"{kind}:%"), key == func.substr(entry.c.key, len(kind) + 2))


def _names_of(row: Row[Any]) -> list[Named]:
    """The movement that an entry's line on the wallet is; of an entry by itself in any of the ways it may be named."""
    kind, _, rest = row.key.partition(":")
    if kind == "incoming":
        return [("incoming", int(rest))]
    if row.came_id is not None:
        return [("incoming", row.came_id)]
    if row.collection_id is not None:
        return [("collection", row.collection_id)]
    if row.refund_id is not None:
        return [("refund", row.refund_id)]
    return [(source, row.id) for source in ("reversal", "returned", "entry")]


def _only(found: pl.DataFrame, named: Iterable[Named]) -> pl.DataFrame:
    return found.with_columns(_NAMED).filter(pl.col("named").is_in(_names(named))).drop("named")


def without(found: pl.DataFrame, named: set[Named]) -> pl.DataFrame:
    """Movements but for those with these names."""
    if not named:
        return found
    return found.with_columns(_NAMED).filter(~pl.col("named").is_in(_names(named))).drop("named")


def _by_id(
    connection: Connection, query: Select[Any], column: Any, source: str, named: set[Named]
) -> Iterable[Row[Any]]:
    return in_batches(connection, query, column, sorted(its_id for own, its_id in named if own == source))
