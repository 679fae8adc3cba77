"""Reconciling a wallet: its statements' lines matched with our movements, rules applied, and what differs written down.

A run is safe to repeat and to break off: what was matched stays matched, an entry is made once, a difference is found
once. A statement is done with once nothing of its time can be late any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import Connection, Row, func, select, update

from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.kernel.numbers import with_check_digit
from gateway.ledger.chart import Chart
from gateway.locale import mark
from gateway.network.organisations import Tree
from gateway.payments.reconciliation import kept
from gateway.payments.reconciliation.differences.found import (
    AGAIN,
    Found,
    Kind,
    all_gone,
    difference_key,
    due_again,
    open_differences,
)
from gateway.payments.reconciliation.differences.settling import came_after_all
from gateway.payments.reconciliation.fees import fees_of
from gateway.payments.reconciliation.items import MATCHES, name_by_place
from gateway.payments.reconciliation.kept import Kept, PartName
from gateway.payments.reconciliation.matching.match import Matched, match
from gateway.payments.reconciliation.matching.passes import NEAR
from gateway.payments.reconciliation.ours import details, made_of, movements, told_since
from gateway.payments.reconciliation.rules import Original, Rules, rows_of
from gateway.payments.reconciliation.wallets import Wallet
from gateway.payments.statements.lines import LINES, MOMENT
from gateway.payments.unasked.incoming import Known
from gateway.store.schema import difference, incoming, statement
from gateway.store.unit import Store, Unit

REACH = timedelta(days=7)  # how far from a statement's time a movement of its lines may lie
_TAKEN = timedelta(days=120)  # how long before its time a line may be that a movement was matched with
_LATEST = timedelta(days=400)  # what was settled as lost so long ago doesn't come any more
_LOOKED_AT_AGAIN = timedelta(days=45)  # for so long, where something of its time is told of late
_SUDDEN = timedelta(minutes=10)  # by so much its clock and ours may differ at the edges of a statement

_MATCHED_BY = [name for name in LINES.names() if name not in ("said", "balance")]

_ATTEMPTS = 5

Progress = Callable[[str, int, int], None]  # what is being done, how much of how much


@dataclass
class Report:
    """What a run did: statements looked at, lines matched and by what, those of them that made their movement
    themselves, differences that explained themselves, and by kind those that are open now."""

    statements: int = 0
    lines: int = 0
    matched: Counter[str] = field(default_factory=Counter)
    ruled: int = 0
    gone: int = 0
    open: Counter[str] = field(default_factory=Counter)


def reconcile(store: Store, tree: Tree, chart: Chart, one: Wallet, progress: Progress = lambda *_: None) -> Report:
    """Match what is left of a wallet's statements, let rules settle what they may, and write down what differs."""
    run = _Run(store, tree, Rules(store, tree, chart, one), one, progress)
    today = day_in(tree[one.organisation_id].time_zone, store.clock.now())
    with store.write() as unit:
        due_again(unit, one.id, today)
    waiting = run.waiting()
    for each in waiting:
        run.statement(each)
    for each in waiting:
        run.not_shown(each)
    run.look_again()
    return run.report


# How the key of what is missing names our movement, whatever it counts as by now.
_LETTERS: Mapping[str, str] = {"collection": "c", "incoming": "i", "refund": "r"}


def _movement_of(key: str) -> tuple[str, int]:
    what = key.rpartition(":")[2]
    return next(source for source, letter in _LETTERS.items() if letter == what[0]), int(what[1:])


class _Overtaken(Exception):
    """Somebody else has matched lines of the wallet since this run read them."""


class _Run:
    def __init__(self, store: Store, tree: Tree, rules: Rules, one: Wallet, progress: Progress) -> None:
        self._store, self._tree, self._rules, self._wallet, self._progress = store, tree, rules, one, progress
        self._now = store.clock.now()
        self._zone = ZoneInfo(tree[one.organisation_id].time_zone)
        self._parts: list[PartName] = []
        self._left_ours: dict[int, pl.DataFrame] = {}  # by statement, what its lines weren't matched with
        self._undone: dict[int, pl.DataFrame] = {}
        self._seen: list[tuple[int, ...]] = []  # how the wallet's matches stood when they were read
        self.report = Report()

    def waiting(self) -> list[Kept]:
        """The statements that aren't done with, and those of whose time something was told since; the oldest first."""
        with self._store.read() as connection:
            found = kept.statements(connection, [self._wallet.id], limit=100_000)
            told = self._told_since(connection, found)
        waiting = [one for one in found if one.reconciled_at is None or told(one)]
        return sorted(waiting, key=lambda one: (one.from_at, one.id))

    def _told_since(self, connection: Connection, found: Sequence[Kept]) -> Callable[[Kept], bool]:
        """Was a payment of its time told of after a statement was done with?"""
        done = [one for one in found if one.reconciled_at and one.until_at > self._now - _LOOKED_AT_AGAIN]
        if not done:
            return lambda _: False
        since = min(one.reconciled_at for one in done if one.reconciled_at)
        from_at, until_at = min(one.from_at for one in done), max(one.until_at for one in done)
        told = told_since(connection, self._tree, self._wallet, from_at, until_at, since)

        def is_told(one: Kept) -> bool:
            by = one.reconciled_at
            return by is not None and any(one.from_at <= at <= one.until_at and known > by for known, at in told)

        return is_told

    def statement(self, one: Kept) -> None:
        """One statement, from its beginning again where somebody else has matched lines of the wallet meanwhile."""
        self.report.statements += 1
        self._again_if_overtaken(lambda: self._statement(one))

    def _again_if_overtaken(self, do: Callable[[], None]) -> None:
        for _ in range(_ATTEMPTS):
            try:
                return do()
            except _Overtaken:
                continue
        raise Fault(mark("others are matching lines of this wallet at the same time: run it again"))

    def _statement(self, one: Kept) -> None:
        """Twice, as rules make movements that its lines are then matched with."""
        with self._store.read() as connection:
            self._seen = kept.state_of_matches(connection, self._wallet.id)
            self._parts = kept.parts_of_statement(connection, one.id)
            from_at, until_at = one.from_at - REACH, max(one.until_at + REACH, self._now)
            lines = self._left_lines(connection, one)
            keyed = lines["our_id"].is_not_null().any()
            ours = movements(connection, self._tree, self._wallet, from_at, until_at, keyed)
            self._progress("matching", 0, lines.height)
            matched = match(lines, ours, partial(details, connection), self._taken(connection, one))
        self._progress("matching", lines.height, lines.height)
        late = self._late(one, lines, ours, matched)
        self._write_found(one, lines, matched, late)
        # What has another line's number stands by itself, until somebody says what it is.
        self._keep(pl.concat([matched.matches, matched.differing.select(MATCHES.names())]))
        left = self._rule(one, matched, ours, from_at, until_at)
        self._fees(one)
        self._write_left(one, matched, left)
        own = matched.left_ours.select("source", "id", "amount", "at", "operator_id")
        near = pl.col("at").is_between(one.from_at - REACH, one.until_at + REACH)
        self._left_ours[one.id] = own.filter(near, pl.col("source").is_in(list(_LETTERS)))
        self._undone[one.id] = own.filter(pl.col("source").is_in(["reversal", "returned"]))

    # --- matching -----------------------------------------------------------------------------------------------------

    def _left_lines(self, connection: Connection, one: Kept) -> pl.DataFrame:
        """The lines that nothing is matched with, without the operator's words and balances, which take most room.

        One without the operator's number is named by where it stands.
        """
        frames = []
        for part in self._parts:
            if part.left:
                lines = kept.lines_of(connection, part, _MATCHED_BY)
                matched = kept.matches_of(connection, part)
                frames.append(lines.join(matched, on="line", how="anti", maintain_order="left"))
        if not frames:
            return pl.DataFrame(schema=LINES)
        place = pl.format(name_by_place(one.id, "{}"), pl.col("line"))
        rest = [pl.lit(None, kind).alias(name) for name, kind in LINES.items() if name not in _MATCHED_BY]
        named = pl.coalesce("operator_id", place).alias("operator_id")
        return pl.concat(frames).with_columns(named, *rest).select(LINES.names())

    def _with_words(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Some lines with the operator's words."""
        if lines.is_empty():
            return lines
        with self._store.read() as connection:
            words = [
                kept.lines_of(connection, part, ["line", "said"]).join(lines, on="line", how="semi")
                for part in self._parts
            ]
        return lines.drop("said").join(pl.concat(words), on="line", how="left", maintain_order="left")

    def _taken(self, connection: Connection, one: Kept) -> pl.DataFrame:
        """The movements that lines of this wallet are matched with already."""
        parts = kept.parts_of(connection, self._wallet.id, one.from_at - _TAKEN, max(one.until_at, self._now))
        frames = [kept.matches_of(connection, part) for part in parts]
        return pl.concat(frames) if frames else pl.DataFrame(schema=MATCHES)

    def _keep(self, found: pl.DataFrame) -> None:
        """Keep what lines were matched with; raises :class:`_Overtaken` where that may not be so any more."""
        if found.is_empty():
            return
        with self._store.write() as unit:
            self._still_so(unit)
            for part in self._parts:
                if part.left:
                    own = kept.lines_of(unit.connection, part, ["line"])
                    kept.add_matches(unit, part, found.join(own, on="line", how="semi"))
            self._seen = kept.state_of_matches(unit.connection, self._wallet.id)
        self.report.lines += found["line"].n_unique()
        self.report.matched.update(dict(found.group_by("how").len().iter_rows()))

    # --- what lines make by themselves --------------------------------------------------------------------------------

    def _late(self, one: Kept, lines: pl.DataFrame, ours: pl.DataFrame, matched: Matched) -> pl.DataFrame:
        """Post what we asked for, didn't see paid, and stands in the statement: the lines of it, by number."""
        both = pl.concat([matched.matches, matched.differing.select(MATCHES.names())])
        unpaid = ours.filter(~pl.col("counts")).select("source", "id")
        late = both.join(unpaid, on=["source", "id"], how="semi").select("line", "id")
        if late.height:
            ids = dict(late.iter_rows())
            found = lines.join(late, on="line", how="semi", maintain_order="left")
            for row in rows_of(one.id, self._with_words(found)):
                self._rules.late(row, ids[row.line])
        return late

    def _rule(
        self, one: Kept, matched: Matched, ours: pl.DataFrame, from_at: datetime, until_at: datetime
    ) -> pl.DataFrame:
        """Let the lines that are left make what they may, and match them with it; what is left still."""
        waits = matched.ambiguous["line"].implode()
        free = matched.left_lines.filter(~pl.col("line").is_in(waits), pl.col("kind") != "fee", pl.col("amount") != 0)
        if free.is_empty():
            return matched.left_lines
        # What came goes before what was taken back of it.
        free = free.sort(pl.col("kind").cast(pl.String) == "reversal", "at", "line")
        originals = _originals(free, ours)
        known: dict[int, Known] = {}
        for number, row in enumerate(rows_of(one.id, self._with_words(free))):
            done = self._rules.settle(row, originals.get(row.linked or row.number))
            if done is not None:
                known[row.line] = done
            self._progress("posting", number + 1, free.height)
        numbers = free["operator_id"].unique().sort().to_list()
        asked = sorted({each.collection_id for each in known.values() if each.collection_id is not None})
        with self._store.read() as connection:
            made = made_of(connection, self._tree, self._wallet, numbers, asked, from_at, until_at)
            made = made.join(self._taken(connection, one), on=["source", "id"], how="anti")
        by_rule = match(free, made)
        found = by_rule.matches.with_columns(pl.lit("rule").cast(MATCHES["how"]).alias("how"))
        self.report.ruled += found["line"].n_unique()
        self._keep(found)
        self._write_known(one, by_rule.left_lines.filter(pl.col("line").is_in(list(known))))
        return matched.left_lines.join(found, on="line", how="anti", maintain_order="left")

    def _write_known(self, one: Kept, left: pl.DataFrame) -> None:
        """Lines whose number the books have already, and not for them: in another wallet, or of another line."""
        said = "its number stands in the books already, and not of this line"
        left = left.with_columns(its_amount="amount")
        self._open(self._twice(one, row, said) for row in left.iter_rows(named=True))

    def _fees(self, one: Kept) -> None:
        """Post the fees of a statement, a day at a time, and write down those that differ from what SMS told of."""
        with self._store.read() as connection:
            found = fees_of(connection, self._tree, self._wallet, one, self._parts)
        for day, minor in found.by_day:
            self._rules.fees(one.id, day, minor)
        self._open(found.differing)

    # --- what differs -------------------------------------------------------------------------------------------------

    def _write_found(self, one: Kept, lines: pl.DataFrame, matched: Matched, late: pl.DataFrame) -> None:
        """What was found by its number and differs: before the lines are kept as matched."""
        facts = lines.select("line", "at", "operator_id", pl.col("amount").alias("its_amount"))
        differing = matched.differing.join(late, on="line", how="anti").join(facts, on="line")
        self._open(
            self._of_line(
                "amount", one, row, "both have it, with another amount", theirs=row["theirs"], ours=row["ours"]
            )
            for row in differing.iter_rows(named=True)
        )
        again = matched.again.join(facts, on="line")
        said = "a line of another statement has this number too"
        self._open(self._twice(one, row, said) for row in again.iter_rows(named=True))

    def _write_left(self, one: Kept, matched: Matched, left: pl.DataFrame) -> None:
        """What nothing was found for, or more than one."""
        said = "an earlier line has this number too"
        # Fees are posted as they stand, however many there are of a number.
        repeated = matched.repeated.filter(pl.col("kind") != "fee").with_columns(its_amount="amount")
        self._open(self._twice(one, row, said) for row in repeated.iter_rows(named=True))
        unclear = matched.ambiguous.unique("line", keep="first").join(left, on="line")
        self._open(
            self._of_line("ambiguous", one, row, row["why"], theirs=row["amount"])
            for row in unclear.iter_rows(named=True)
        )

    def _twice(self, one: Kept, row: dict[str, Any], said: str) -> Found:
        found = self._of_line("twice", one, row, said, theirs=row["its_amount"] * 2, ours=row["its_amount"])
        return replace(
            found, key=difference_key("twice", self._wallet.id, f"{row['operator_id']}:{one.id}.{row['line']}")
        )

    def _of_line(
        self, kind: Kind, one: Kept, row: dict[str, Any], said: str, *, theirs: int, ours: int | None = None
    ) -> Found:
        source, its_id = row.get("source"), row.get("id")
        return Found(
            kind,
            difference_key(kind, self._wallet.id, str(row["operator_id"])),
            self._wallet.id,
            row["at"],
            said,
            one.id,
            row["line"],
            row["operator_id"],
            collection_id=its_id if source == "collection" else None,
            incoming_id=its_id if source == "incoming" else None,
            refund_id=its_id if source == "refund" else None,
            theirs=self._money(theirs),
            ours=self._money(ours) if ours is not None else None,
        )

    def not_shown(self, one: Kept) -> None:
        """Our movements that should stand in a statement, and don't, once all statements have been looked at."""
        self._again_if_overtaken(
            lambda: self._open(self._missing(row) for row in self._not_there(one).iter_rows(named=True))
        )
        del self._left_ours[one.id], self._undone[one.id]
        if one.until_at + self._wallet.delay <= self._now:
            with self._store.write() as unit:
                done = update(statement).where(statement.c.id == one.id)
                unit.connection.execute(done.values(reconciled_at=unit.now))

    def _not_there(self, one: Kept) -> pl.DataFrame:
        with self._store.read() as connection:
            self._seen = kept.state_of_matches(connection, self._wallet.id)
            begin, end = kept.shown_around(connection, one)
            taken, unclear = self._taken(connection, one), self._unclear(connection)
        # Where no statement goes on, its clock and ours may differ.
        in_time = pl.col("at").is_between(begin + _SUDDEN, min(end - _SUDDEN, self._now - self._wallet.delay))
        left = self._left_ours[one.id].filter(in_time)
        left = left.join(taken, on=["source", "id"], how="anti", maintain_order="left")
        # What a difference was settled by bears the number of the line that was settled.
        left = left.filter(~pl.col("operator_id").str.contains(AGAIN, literal=True).fill_null(False))
        # What we took back of what never came comes to nothing.
        undone = self._undone[one.id].select(pl.col("operator_id"), (-pl.col("amount")).alias("amount"))
        left = left.join(undone, on=["operator_id", "amount"], how="anti", maintain_order="left")
        # Nor is it missing where it may be what a line means that is still to be decided.
        within = (pl.col("told") - pl.col("at")).abs() <= NEAR["reference"].within
        meant = left.join(unclear, on="amount").filter(within).select("source", "id")
        return left.join(meant, on=["source", "id"], how="anti", maintain_order="left")

    def _unclear(self, connection: Connection) -> pl.DataFrame:
        """When and of how much the lines are of which nobody has decided yet what they mean."""
        rows = connection.execute(
            select(difference.c.theirs_minor, difference.c.at).where(
                difference.c.wallet_id == self._wallet.id,
                difference.c.state != "settled",
                difference.c.kind == "ambiguous",
            )
        )
        schema = {"amount": pl.Int64(), "told": MOMENT}
        return pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")

    def _missing(self, row: dict[str, Any]) -> Found:
        source, its_id = row["source"], row["id"]
        return Found(
            "missing",
            difference_key("missing", self._wallet.id, f"{_LETTERS[source]}{its_id}"),
            self._wallet.id,
            row["at"],
            "it counts with us, and no line of the statement of its time has it",
            operator_id=row["operator_id"],
            collection_id=its_id if source == "collection" else None,
            incoming_id=its_id if source == "incoming" else None,
            refund_id=its_id if source == "refund" else None,
            ours=self._money(row["amount"]),
        )

    def _open(self, found: Iterable[Found]) -> None:
        several = list(found)
        if not several:
            return
        with self._store.write() as unit:
            self._still_so(unit)
            open_differences(unit, several)

    def _still_so(self, unit: Unit) -> None:
        """Keep others from matching lines of the wallet; raises :class:`_Overtaken` where somebody has by now."""
        kept.take_turn_of_matches(unit, self._wallet.id)
        if kept.state_of_matches(unit.connection, self._wallet.id) != self._seen:
            raise _Overtaken

    def _money(self, minor: int) -> Money:
        return Money(minor, self._wallet.currency)

    # --- what explains itself ----------------------------------------------------------------------------------------

    def look_again(self) -> None:
        """Settle what has explained itself since it was found."""
        own = (difference.c.wallet_id == self._wallet.id) & (difference.c.state != "settled")
        # What never came, as somebody has settled it, may have come after all.
        thought_lost = (difference.c.wallet_id == self._wallet.id) & difference.c.choice.in_(["lost", "reverse"])
        thought_lost &= difference.c.at >= self._now - _LATEST
        with self._store.read() as connection:
            rows = connection.execute(
                select(difference, incoming.c.state.label("came"))
                .outerjoin(incoming, incoming.c.id == difference.c.incoming_id)
                .where(own | (thought_lost & (difference.c.kind == "missing") & (difference.c.state == "settled")))
            ).all()
            taken = self._shown_by_now(connection, rows)
            lines = self._matched_lines(connection, rows)
        why: dict[int, str] = {}
        for row in rows:
            if row.kind == "unknown" and row.came in ("posted", "returned"):
                why[row.id] = "it was identified" if row.came == "posted" else "it was given or taken back"
            elif row.kind == "missing" and _movement_of(row.key) in taken:
                if row.state == "settled":
                    self._came_after_all(row.id)
                else:
                    why[row.id] = "a later statement has it"
            elif row.kind in ("ambiguous", "reversed") and (row.statement_id, row.line) in lines:
                why[row.id] = "it is matched by now"
        if why:
            with self._store.write() as unit:
                self.report.gone = all_gone(unit, why)
        with self._store.read() as connection:
            found = connection.execute(select(difference.c.kind, func.count()).where(own).group_by(difference.c.kind))
            self.report.open.update({row[0]: row[1] for row in found})

    def _came_after_all(self, its_id: int) -> None:
        with self._store.write() as unit:
            number = with_check_digit(its_id)
            came_after_all(unit, self._tree, self._rules.chart, number, "a later statement has it")

    def _shown_by_now(self, connection: Connection, rows: Sequence[Row[Any]]) -> set[tuple[str, int]]:
        """The movements among what is missing that a line is matched with."""
        missing = [row for row in rows if row.kind == "missing"]
        if not missing:
            return set()
        named = pl.DataFrame(
            sorted({_movement_of(row.key) for row in missing}),
            schema={name: MATCHES[name] for name in ("source", "id")},
            orient="row",
        )
        parts = kept.parts_of(connection, self._wallet.id, min(row.at for row in missing) - _TAKEN, self._now)
        frames = [named.join(kept.matches_of(connection, part), on=["source", "id"], how="semi") for part in parts]
        return {row for frame in frames for row in frame.iter_rows()}

    def _matched_lines(self, connection: Connection, rows: Sequence[Row[Any]]) -> set[tuple[int, int]]:
        ids = {row.statement_id for row in rows if row.kind in ("ambiguous", "reversed") and row.statement_id}
        parts = [part for each in sorted(ids) for part in kept.parts_of_statement(connection, each)]
        return {
            (part.statement_id, number)
            for part in parts
            for number in kept.matches_of(connection, part)["line"].to_list()
        }


def _originals(lines: pl.DataFrame, ours: pl.DataFrame) -> dict[str, Original]:
    """What the takings back among some lines take back, by its number."""
    backs = lines.filter(pl.col("kind") == "reversal").select(pl.coalesce("linked", "operator_id").alias("operator_id"))
    payments = ours.filter("counts", pl.col("source").is_in(["collection", "incoming"]))
    found = payments.join(backs, on="operator_id", how="semi").select("operator_id", "source", "id")
    return {number: Original(source, its_id) for number, source, its_id in found.iter_rows()}
