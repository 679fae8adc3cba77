"""A wallet's span in figures: the operator's side, ours, and all that stands between their closings; pure arithmetic.

On either side opening + what came late for signed spans + in - out - fees (+ what the operator's balance says beyond
its lines) = closing. The closings differ by what :mod:`.between` lists, and by a rest, which is kept and shown where
it isn't zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import TypeAdapter

from gateway.kernel.clock import day_in
from gateway.ledger.rules import next_month
from gateway.payments.reconciliation.closing.balances import Break, Told, gaps, told
from gateway.payments.reconciliation.closing.between import NAMES, Name, explain
from gateway.payments.reconciliation.items import MATCHES, OURS
from gateway.payments.statements.lines import LINES

Kind = Literal["day", "month"]
Origin = Literal["statement", "books", "last"]
# How many items of a list are kept one by one, and how many members of an item; of those beyond, only number and sum.
LISTED, MEMBERS = 1000, 50
# How long an item is looked for with all that moved since; older ones are looked at one by one.
LOOKED_BACK = timedelta(days=62)

# ``own``: what may be an item by itself, and not only through what it was matched with; ``late``: dated in a signed
# span, and not known when that was signed.
_BESIDE = {"own": pl.Boolean(), "late": pl.Boolean()}
SEEN_LINES = pl.Schema(
    {
        "statement": pl.Int64(),
        **{name: LINES[name] for name in ("line", "at", "kind", "amount", "fee", "balance", "operator_id")},
        **_BESIDE,
    }
)
SEEN_MATCHES = pl.Schema({"statement": pl.Int64(), **{name: MATCHES[name] for name in ("line", "source", "id")}})
SEEN_OURS = pl.Schema(
    {
        **{name: OURS[name] for name in ("source", "id", "amount", "at", "operator_id")},
        "fee": pl.Boolean(),  # is it an operator's fee?
        **_BESIDE,
    }
)


@dataclass(frozen=True)
class Span:
    """A day or a month where the books are kept; ``until_at`` is the first moment after it."""

    kind: Kind
    first_on: date
    zone: str

    @property
    def next_on(self) -> date:
        return next_month(self.first_on) if self.kind == "month" else self.first_on + timedelta(days=1)

    @property
    def from_at(self) -> datetime:
        return begins(self.first_on, self.zone)

    @property
    def until_at(self) -> datetime:
        return begins(self.next_on, self.zone)

    def __str__(self) -> str:
        return f"{self.first_on:%Y-%m}" if self.kind == "month" else self.first_on.isoformat()


def begins(day: date, zone: str) -> datetime:
    """The moment at which a day begins somewhere, in UTC."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


@dataclass(frozen=True)
class Side:
    """A side in minor units; all but the balances and ``untold_minor`` are told by lines or movements.

    ``after_minor``: dated in spans signed before, and known only since. ``untold_minor``: by how much the operator's
    balances say more than its lines. ``count``: how many lines or movements the span has.
    """

    opening_minor: int
    after_minor: int
    in_minor: int
    out_minor: int
    fees_minor: int
    untold_minor: int
    closing_minor: int
    count: int

    @property
    def holds(self) -> bool:
        """Does its closing follow from the rest?"""
        moved = self.in_minor - self.out_minor - self.fees_minor + self.untold_minor
        return self.opening_minor + self.after_minor + moved == self.closing_minor


@dataclass(frozen=True)
class Item:
    """What is on one side and not, or not with the same amount, on the other by the end of the span.

    ``kind``: of the line, or what our movement is; ``named``: the operator's number; ``theirs_minor`` and
    ``ours_minor``: what each side has of it by then, money that came positive, None for nothing; ``members``: the lines
    and movements that it is about, none where they are too many; ``difference``: the number of an open one about it.
    """

    at: datetime
    kind: str
    named: str | None
    theirs_minor: int | None
    ours_minor: int | None
    members: tuple[str, ...]
    difference: str | None = None

    @property
    def amount_minor(self) -> int:
        return (self.theirs_minor or 0) - (self.ours_minor or 0)


@dataclass(frozen=True)
class Listed:
    """Items of one kind, the oldest first: their number, their sum, and at most :data:`LISTED` of them by name."""

    name: Name
    count: int
    amount_minor: int
    items: tuple[Item, ...]

    @property
    def holds(self) -> bool:
        """Are all there that should be, and is the sum theirs where that is all of them?"""
        named = len(self.items) == min(self.count, LISTED)
        return named and (self.count > LISTED or self.amount_minor == _sum(self.items))


@dataclass(frozen=True)
class Noted:
    """A difference of the span as it stood when it was signed; ``choice`` and ``by`` where somebody settled it."""

    number: str
    kind: str
    at: datetime
    named: str | None
    theirs_minor: int | None
    ours_minor: int | None
    state: str
    choice: str | None
    by: str | None
    settled_at: datetime | None


@dataclass(frozen=True)
class Late:
    """What came for a span after it was signed: on which side, when it moved, what it is and how much."""

    side: Literal["theirs", "ours"]
    at: datetime
    kind: str
    named: str | None
    amount_minor: int


@dataclass(frozen=True)
class Known:
    """What there was: the last statement of the wallet, and where the chain of entries ended."""

    statement: int
    through: int
    digest: str


@dataclass(frozen=True)
class Figures:
    """All that is kept of a signed span.

    ``opening_from``: whether the operator's opening is that of the close before, or, with the first, told by the
    statement, or set so that it agrees with our books as the statement tells no balance. ``rest_minor``: what nothing
    explains; ``accepted_minor``: the rest that was signed with the close before. ``begun_at``: from when on the first
    close of the row looked for items; what was before is in its openings. ``late_count`` and ``noted_count`` are
    how many there are, also where not all of them are kept.
    """

    known: Known
    theirs: Side
    ours: Side
    opening_from: Origin
    lists: tuple[Listed, ...]
    rest_minor: int
    accepted_minor: int
    begun_at: datetime
    gaps: tuple[tuple[datetime, datetime], ...]
    breaks: tuple[Break, ...]
    late: tuple[Late, ...]
    late_count: int
    noted: tuple[Noted, ...]
    noted_count: int

    @property
    def holds(self) -> bool:
        """Do the figures follow from each other?"""
        listed = sum(one.amount_minor for one in self.lists)
        whole = all(one.holds for one in self.lists)
        between = self.theirs.closing_minor - self.ours.closing_minor
        return self.theirs.holds and self.ours.holds and whole and between == listed + self.rest_minor


_JSON = TypeAdapter(Figures)


def as_json(figures: Figures) -> object:
    """The figures as they are kept."""
    return _JSON.dump_python(figures, mode="json")


def from_json(kept: object) -> Figures:
    """The figures that were kept; raises ValueError for what was never written by :func:`as_json`."""
    return _JSON.validate_python(kept)


def _sum(items: Sequence[Item]) -> int:
    return sum(one.amount_minor for one in items)


# --- from frames ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """What there is to look at, from some time before the span to some time after it.

    ``lines`` (in the order of their statements), ``matches`` and ``ours`` have the schemas :data:`SEEN_LINES`,
    :data:`SEEN_MATCHES` and :data:`SEEN_OURS`; ``marks`` that of :data:`~.balances.MARKS`. ``periods``: from when to
    when statements go, in order, without overlaps. ``begun_at`` is as :class:`Figures` says; ``whole_from``: from when
    on no line is left out. ``noted`` are the differences of the span; ``open_ones`` the numbers of open ones by the
    lines and movements that they are about, as items name their members; ``ties`` are those that have to do with each
    other although they weren't matched: what was settled, and the entry that settled it.
    """

    lines: pl.DataFrame
    matches: pl.DataFrame
    ours: pl.DataFrame
    marks: pl.DataFrame
    periods: Sequence[tuple[datetime, datetime]]
    begun_at: datetime
    whole_from: datetime
    noted: Sequence[Noted] = ()
    open_ones: Mapping[str, str] = field(default_factory=dict)
    ties: Sequence[tuple[str, str]] = ()


def looked_from(before: Figures | None, span: Span) -> datetime:
    """From when on all that moved is looked at: so that every item of the close before is seen again, or is named."""
    since = begins(span.first_on - LOOKED_BACK, span.zone)
    for one in before.lists if before else ():
        unnamed = [item.at for item in one.items if not item.members or item.kind == "fee"]
        if one.count > len(one.items):
            unnamed.append(one.items[-1].at)
        since = min([since, *(begins(day_in(span.zone, each), span.zone) for each in unnamed)])
    return since


def figures(span: Span, seen: Seen, known: Known, before: Figures | None, ours_before_minor: int) -> Figures:
    """The figures of a span; ``ours_before_minor``: all that moved before it by our books, for a wallet's first."""
    whole = pl.col("at") >= seen.whole_from
    balances = told(seen.lines.filter(whole), seen.marks.filter(whole), span.from_at, span.until_at)
    between = explain(seen.lines, seen.matches, seen.ours, seen.ties, span.until_at, span.zone)
    lists = _lists(between, seen.open_ones)
    ours = _ours(span, seen.ours, before.ours.closing_minor if before else ours_before_minor)
    theirs, opening_from = _theirs(span, seen.lines, balances, before, ours, lists)
    late = _late(seen)
    return Figures(
        known=known,
        theirs=theirs,
        ours=ours,
        opening_from=opening_from,
        lists=lists,
        rest_minor=theirs.closing_minor - ours.closing_minor - sum(one.amount_minor for one in lists),
        accepted_minor=before.rest_minor if before else 0,
        begun_at=seen.begun_at,
        gaps=gaps(balances, seen.periods, span.from_at, span.until_at),
        breaks=balances.breaks[:LISTED],
        late=tuple(late[:LISTED]),
        late_count=len(late),
        noted=tuple(seen.noted[:LISTED]),
        noted_count=len(seen.noted),
    )


def _theirs(
    span: Span, lines: pl.DataFrame, balances: Told, before: Figures | None, ours: Side, lists: Sequence[Listed]
) -> tuple[Side, Origin]:
    came, went, fees, count = moved(_within(span, lines))
    after = int(lines.filter("late").select((pl.col("amount") - pl.col("fee")).sum()).item())
    net = came - went - fees
    opening_from: Origin
    if before is not None:
        opening, opening_from = before.theirs.closing_minor, "last"
    elif balances.opening_minor is not None:
        opening, opening_from = balances.opening_minor, "statement"
    else:
        explained = sum(one.amount_minor for one in lists)
        opening, opening_from = ours.closing_minor + explained - net - after, "books"
    closing = balances.closing_minor if balances.closing_minor is not None else opening + after + net
    untold = closing - opening - after - net
    return Side(opening, after, came, went, fees, untold, closing, count), opening_from


def moved(lines: pl.DataFrame) -> tuple[int, int, int, int]:
    """What came, what went and what the operator kept of it, in minor units; and how many lines that is."""
    fee, amount = pl.col("kind") == "fee", pl.col("amount")
    own = lines.select(
        amount.filter(~fee & (amount > 0)).sum().alias("in"),
        -amount.filter(~fee & (amount < 0)).sum().alias("out"),
        (pl.col("fee").sum() - amount.filter(fee).sum()).alias("fees"),
        pl.len().alias("count"),
    )
    came, went, fees, count = own.row(0)
    return came, went, fees, count


def _ours(span: Span, ours: pl.DataFrame, opening: int) -> Side:
    own = _within(span, ours).select(
        pl.col("amount").filter(~pl.col("fee") & (pl.col("amount") > 0)).sum().alias("in"),
        -pl.col("amount").filter(~pl.col("fee") & (pl.col("amount") < 0)).sum().alias("out"),
        -pl.col("amount").filter("fee").sum().alias("fees"),
        pl.len().alias("count"),
    )
    came, went, fees, count = own.row(0)
    after = int(ours.filter("late")["amount"].sum())
    return Side(opening, after, came, went, fees, 0, opening + after + came - went - fees, count)


def _within(span: Span, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("at").is_between(span.from_at, span.until_at, closed="left"))


def _lists(found: pl.DataFrame, open_ones: Mapping[str, str]) -> tuple[Listed, ...]:
    """The items by list; what an open difference is about has a list of its own."""
    items: dict[Name, list[Item]] = {name: [] for name in NAMES}
    for name, at, kind, named, theirs, ours, members in found.iter_rows():
        number = next((open_ones[each] for each in members if each in open_ones), None)
        item = Item(at, kind, named, theirs, ours, tuple(members) if len(members) <= MEMBERS else (), number)
        items["open" if number else name].append(item)
    return tuple(Listed(name, len(own), _sum(own), tuple(own[:LISTED])) for name, own in items.items() if own)


def _late(seen: Seen) -> list[Late]:
    theirs = seen.lines.filter("late").select("at", "kind", "operator_id", amount=pl.col("amount") - pl.col("fee"))
    ours = seen.ours.filter("late").select("at", "source", "operator_id", "amount")
    found = [Late("theirs", *row) for row in theirs.iter_rows()] + [Late("ours", *row) for row in ours.iter_rows()]
    return sorted(found, key=lambda one: (one.at, one.side, one.named or "", one.amount_minor))
