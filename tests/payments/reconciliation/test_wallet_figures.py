"""The figures of a wallet's day: what stands between the operator's closing and ours is named, to the franc."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.payments.reconciliation.closing.balances import MARKS, Break
from gateway.payments.reconciliation.closing.between import line_member, ours_member
from gateway.payments.reconciliation.closing.figures import (
    SEEN_LINES,
    SEEN_MATCHES,
    SEEN_OURS,
    Figures,
    Known,
    Seen,
    Span,
    as_json,
    figures,
    from_json,
)

ZONE = "Africa/Porto-Novo"  # an hour before UTC
DAY = Span("day", date(2026, 11, 21), ZONE)
KNOWN = Known(1, 1, "d")


def at(hour: float, day: int = 21) -> datetime:
    """An hour of a day in Benin."""
    return datetime(2026, 11, day, tzinfo=UTC) + timedelta(hours=hour - 1)


@dataclass
class Desk:
    """A statement and our movements, written line by line."""

    opening: int | None = 1_000
    lines: list[tuple[object, ...]] = field(default_factory=list)
    matches: list[tuple[object, ...]] = field(default_factory=list)
    ours: list[tuple[object, ...]] = field(default_factory=list)
    marks: list[tuple[object, ...]] = field(default_factory=list)
    periods: Sequence[tuple[datetime, datetime]] = ((at(0, 1), at(0, 30)),)

    def line(
        self, when: datetime, amount: int, *matched: int, fee: int = 0, kind: str = "payment", statement: int = 1,
        late: bool = False,
    ) -> None:  # fmt: skip
        """A line; ``matched``: the movements that it was matched with."""
        number = len(self.lines) + 1
        self.lines.append((statement, number, when, kind, amount, fee, None, f"OP{number}", True, late))
        self.matches += [(statement, number, "collection", its_id) for its_id in matched]

    def our(
        self, its_id: int, when: datetime, amount: int, *, fee: bool = False, late: bool = False, own: bool = True
    ) -> None:
        self.ours.append(("collection", its_id, amount, when, f"OP{its_id}", fee, own, late))

    def both(self, when: datetime, amount: int, ours_at: datetime | None = None) -> None:
        """A payment that both sides have, at one moment or at two."""
        its_id = len(self.ours) + 1
        self.line(when, amount, its_id)
        self.our(its_id, ours_at or when, amount)

    def seen(self) -> Seen:
        lines = pl.DataFrame(self.lines, schema=SEEN_LINES, orient="row")
        if self.opening is not None:
            moved = (pl.col("amount") - pl.col("fee")).cum_sum()
            lines = lines.sort("at", maintain_order=True).with_columns(balance=self.opening + moved)
        return Seen(
            lines,
            pl.DataFrame(self.matches, schema=SEEN_MATCHES, orient="row"),
            pl.DataFrame(self.ours, schema=SEEN_OURS, orient="row"),
            pl.DataFrame(self.marks, schema=MARKS, orient="row"),
            self.periods,
            at(0, 1),
            at(0, 1),
        )

    def figures(self, before: Figures | None = None, ours_before: int = 1_000, span: Span = DAY) -> Figures:
        found = figures(span, self.seen(), KNOWN, before, ours_before)
        assert found.holds
        assert from_json(as_json(found)) == found
        return found


def listed(one: Figures) -> dict[str, list[tuple[int | None, int | None]]]:
    """What each list names: theirs and ours."""
    return {own.name: [(item.theirs_minor, item.ours_minor) for item in own.items] for own in one.lists}


# --- a day ------------------------------------------------------------------------------------------------------------


def test_a_day_on_which_both_sides_have_the_same() -> None:
    desk = Desk()
    desk.both(at(8), 500)
    desk.both(at(12), 700)
    desk.line(at(13), -300, 7, kind="sweep")
    desk.our(7, at(12), -300)
    desk.line(at(14), -20, kind="fee")
    desk.our(8, at(12), -20, fee=True)
    desk.line(at(15), 1_000, 9, fee=15)  # paid in full, and the operator keeps its fee
    desk.our(9, at(15), 1_000)
    desk.our(10, at(12), -15, fee=True)
    one = desk.figures()
    for side in (one.theirs, one.ours):
        assert (side.opening_minor, side.in_minor, side.out_minor, side.fees_minor) == (1_000, 2_200, 300, 35)
        assert side.closing_minor == 2_865
    assert (one.theirs.count, one.ours.count, one.lists, one.rest_minor, one.gaps) == (5, 6, (), 0, ())
    assert one.opening_from == "statement"


def test_what_is_on_one_side_alone_is_listed_and_nothing_is_left() -> None:
    desk = Desk()
    desk.both(at(8), 500)
    desk.line(at(9), 40)
    desk.line(at(10), -60, kind="other")
    desk.our(50, at(11), 70)
    desk.line(at(12), 900, 51)
    desk.our(51, at(12), 950)
    one = desk.figures()
    assert listed(one) == {"theirs": [(40, None), (-60, None)], "ours": [(None, 70)], "amounts": [(900, 950)]}
    assert [(own.name, own.count, own.amount_minor) for own in one.lists] == [
        ("theirs", 2, -20), ("ours", 1, -70), ("amounts", 1, -50),
    ]  # fmt: skip
    assert (one.theirs.closing_minor, one.ours.closing_minor, one.rest_minor) == (2_380, 2_520, 0)


def test_what_an_open_difference_is_about_is_in_a_list_of_its_own() -> None:
    desk = Desk()
    desk.line(at(9), 40)
    desk.our(50, at(11), 70)
    desk.our(51, at(12), 80)
    open_ones = {line_member(1, 1): "000014", ours_member("collection", 51): "000025"}
    one = figures(DAY, replace(desk.seen(), open_ones=open_ones), KNOWN, None, 1_000)
    assert listed(one) == {"ours": [(None, 70)], "open": [(40, None), (None, 80)]}
    assert [item.difference for own in one.lists for item in own.items] == [None, "000014", "000025"]
    assert one.holds


def test_over_midnight_each_side_has_its_own_day_and_the_next_one_clears_it() -> None:
    desk = Desk()
    desk.both(at(0.02, 22), 500, ours_at=at(23.98))  # ours at 23:59, theirs at 00:01
    desk.both(at(23.5), 30, ours_at=at(0.5, 22))
    one = desk.figures()
    assert listed(one) == {"across": [(30, None), (None, 500)]}
    assert (one.theirs.in_minor, one.ours.in_minor, one.rest_minor) == (30, 500, 0)
    assert one.lists[0].amount_minor == -470
    following = desk.figures(before=one, span=Span("day", DAY.next_on, ZONE))
    assert (following.lists, following.rest_minor, following.opening_from) == ((), 0, "last")
    assert following.theirs.closing_minor == following.ours.closing_minor == 1_530


@pytest.mark.parametrize("last_at", [at(20), at(9, 22)])
def test_lines_that_make_up_one_movement_together(last_at: datetime) -> None:
    desk = Desk()
    for when in (at(18), at(19), last_at):
        desk.line(when, 100, 1)
    desk.our(1, at(18), 300)
    one = desk.figures()
    assert listed(one) == ({} if last_at < DAY.until_at else {"across": [(200, 300)]})
    assert one.rest_minor == 0


def test_fees_are_compared_by_the_day() -> None:
    desk = Desk()
    desk.line(at(18), 500, 1, fee=5)
    desk.line(at(19), 500, 1, fee=5)
    desk.line(at(20), -7, kind="fee")
    desk.our(1, at(18), 1_000)
    desk.our(2, at(12), -18, fee=True)
    desk.line(at(9, 20), 100, 4, fee=1)
    desk.our(4, at(9, 20), 100)
    desk.our(5, at(12, 20), -1, fee=True)
    one = desk.figures()
    assert listed(one) == {"amounts": [(-17, -18)]}
    assert (one.lists[0].items[0].at, one.lists[0].items[0].members) == (at(0), ("fees:2026-11-21",))
    tied = figures(DAY, replace(desk.seen(), open_ones={"fees:2026-11-21": "000014"}), KNOWN, None, 1_000)
    assert listed(tied) == {"open": [(-17, -18)]}


def test_what_settled_something_and_what_it_settled_come_to_nothing_together() -> None:
    desk = Desk()
    desk.our(1, at(9), 500)  # it never came
    desk.our(2, at(12), -500)  # lost, as somebody decided
    desk.line(at(13), 90, 3)
    desk.our(3, at(13), 100)
    desk.our(4, at(12), -10)
    desk.line(at(14), 40)
    desk.our(5, at(12), -1)
    ties = [(ours_member("collection", 1), ours_member("collection", 2)),
            (line_member(1, 1), ours_member("collection", 4)),
            (line_member(1, 2), ours_member("collection", 5)),
            (line_member(7, 7), ours_member("collection", 5))]  # fmt: skip
    one = figures(DAY, replace(desk.seen(), ties=ties), KNOWN, None, 1_000)
    assert listed(one) == {"amounts": [(40, -1)]}
    assert (one.rest_minor, one.holds) == (0, True)


def test_a_settlement_the_next_morning_of_many_movements() -> None:
    desk = Desk()
    desk.line(at(6, 22), 600, 1, 2, 3)
    for its_id, amount in ((1, 100), (2, 200), (3, 300)):
        desk.our(its_id, at(9 + its_id), amount)
    one = desk.figures()
    assert listed(one) == {"across": [(None, 600)]}
    assert desk.figures(before=one, span=Span("day", DAY.next_on, ZONE)).lists == ()


def test_what_is_no_item_by_itself_counts_only_with_its_counterpart() -> None:
    desk = Desk()
    desk.our(1, at(23, 12), 500, own=False)
    desk.our(2, at(23, 12), 60, own=False)
    desk.line(at(8), 500, 1)
    # The line counts in this span, its movement in one before: nothing stands between the two any more.
    one = desk.figures()
    assert (one.lists, one.rest_minor) == ((), 500)


# --- balances ---------------------------------------------------------------------------------------------------------


def test_a_line_that_is_missing_shows_in_the_balance_and_nothing_hides_it() -> None:
    desk = Desk()
    desk.both(at(8), 500)
    desk.both(at(9), 250)
    desk.both(at(10), 100)
    seen = desk.seen()
    one = figures(DAY, replace(seen, lines=seen.lines.filter(pl.col("line") != 2)), KNOWN, None, 1_000)
    assert one.breaks == (Break(at(10), 250),)
    assert (one.theirs.untold_minor, one.theirs.closing_minor, one.ours.closing_minor) == (250, 1_850, 1_850)
    assert (listed(one), one.rest_minor) == ({"ours": [(None, 250)]}, 250)
    assert one.holds


def test_an_old_line_that_is_looked_at_by_itself_tells_nothing_of_the_balance() -> None:
    desk = Desk()
    desk.line(at(8, 3), 70)
    desk.both(at(8), 500)
    seen = desk.seen()
    jumped = seen.lines.with_columns(pl.when(pl.col("at") > at(0)).then(pl.col("balance") + 9_000).otherwise("balance"))
    seen = replace(
        seen, lines=jumped, whole_from=at(0, 10), marks=pl.DataFrame([(at(0, 2), 7, False)], MARKS, orient="row")
    )
    one = figures(DAY, seen, KNOWN, None, 10_070)
    assert (one.breaks, one.theirs.opening_minor, one.theirs.untold_minor) == ((), 10_070, 0)


def test_lines_of_one_second_have_no_order() -> None:
    desk = Desk()
    desk.both(at(8), 500)
    desk.both(at(8), 250)
    seen = desk.seen()
    swapped = seen.lines.with_columns(balance=pl.Series([1_750, 1_250]))
    desk.both(at(9), 100)
    later = desk.seen().lines.tail(1)
    one = figures(DAY, replace(seen, lines=pl.concat([swapped, later])), KNOWN, None, 1_000)
    assert one.theirs.closing_minor == 1_850


@pytest.mark.parametrize(("closing", "untold"), [(1_500, 0), (1_490, -10)])
@pytest.mark.parametrize("until", [DAY.until_at, DAY.until_at - timedelta(seconds=1), at(8)])
def test_a_statement_that_tells_its_balances_only_at_both_ends(closing: int, untold: int, until: datetime) -> None:
    desk = Desk(opening=None, marks=[(DAY.from_at, 1_000, False), (until, closing, True)])
    desk.both(at(8), 500)
    one = desk.figures()
    assert (one.theirs.opening_minor, one.theirs.closing_minor, one.theirs.untold_minor) == (1_000, closing, untold)
    assert one.rest_minor == untold


def test_a_statement_that_tells_no_balance_begins_where_our_books_do() -> None:
    desk = Desk(opening=None)
    desk.both(at(8), 500)
    desk.line(at(9), 40)
    one = desk.figures(ours_before=7_000)
    assert (one.opening_from, one.theirs.opening_minor, one.theirs.closing_minor) == ("books", 7_000, 7_540)
    assert one.rest_minor == 0


def test_an_opening_that_is_not_our_books_is_shown_as_the_rest() -> None:
    desk = Desk(opening=51_000)
    desk.both(at(8), 500)
    first = desk.figures()
    assert (first.rest_minor, first.accepted_minor, first.lists) == (50_000, 0, ())
    desk.both(at(8, 22), 70)
    following = desk.figures(before=first, span=Span("day", DAY.next_on, ZONE))
    assert (following.rest_minor, following.accepted_minor) == (50_000, 50_000)


@pytest.mark.parametrize(
    ("periods", "last_day", "uncovered"),
    [
        (((at(0), at(24)),), 21, ()),
        (((at(0), at(24) - timedelta(seconds=1)),), 21, ()),
        (((at(8), at(24)),), 21, ((at(0), at(8)),)),
        (((at(0), at(9)), (at(11), at(24))), 21, ()),  # the balance is the same before and after
        (((at(0), at(9)),), 22, ((at(9), at(24)),)),  # nothing is told after it
        (((at(0), at(9)), (at(7, 22), at(9, 22))), 22, ()),
        (((at(0, 20), at(8, 20)), (at(7, 22), at(9, 22))), 22, ((at(0), at(24)),)),
        ((), 21, ((at(0), at(24)),)),
    ],
)  # fmt: skip
def test_time_that_no_statement_covers(
    periods: Sequence[tuple[datetime, datetime]], last_day: int, uncovered: tuple[tuple[datetime, datetime], ...]
) -> None:
    desk = Desk(periods=periods)
    for number, begin in enumerate((period[0] for period in periods), 1):
        desk.both(begin, 10 * number)
        desk.both(periods[number - 1][1] - timedelta(seconds=2), 10)
    if uncovered == ((at(0), at(24)),) and periods:  # something moved that no statement shows
        seen = desk.seen()
        jumped = seen.lines.with_columns(
            pl.when(pl.col("at") > at(0, 22)).then(pl.col("balance") + 5).otherwise("balance")
        )
        assert figures(DAY, replace(seen, lines=jumped), KNOWN, None, 1_000).gaps == uncovered
        return
    assert desk.figures().gaps == uncovered


# --- after signing ----------------------------------------------------------------------------------------------------


def test_what_comes_for_a_signed_span_is_told_in_the_next_one() -> None:
    desk = Desk()
    desk.both(at(8), 500)
    desk.our(50, at(11), 70)
    first = desk.figures()
    assert first.lists[0].amount_minor == -70
    desk.line(at(11), 70, 50, late=True, statement=2)
    desk.line(at(13), 33, statement=2, late=True)
    desk.our(60, at(14), 44, late=True)
    desk.both(at(8, 22), 100)
    one = desk.figures(before=first, span=Span("day", DAY.next_on, ZONE))
    assert [(late.side, late.amount_minor) for late in one.late] == [("theirs", 70), ("theirs", 33), ("ours", 44)]
    assert (one.theirs.opening_minor, one.theirs.after_minor, one.theirs.closing_minor) == (1_500, 103, 1_703)
    assert (one.ours.opening_minor, one.ours.after_minor, one.ours.closing_minor) == (1_570, 44, 1_714)
    assert listed(one) == {"theirs": [(33, None)], "ours": [(None, 44)]}
    assert (one.rest_minor, one.theirs.untold_minor) == (0, 0)


def test_a_line_that_a_signed_balance_counted_explains_the_rest_when_it_comes() -> None:
    desk = Desk(opening=None, marks=[(DAY.from_at, 1_000, False), (DAY.until_at, 1_600, True)])
    desk.both(at(8), 500)
    first = desk.figures()
    assert (first.theirs.untold_minor, first.rest_minor) == (100, 100)
    desk.line(at(9), 100, 9, late=True, statement=2)
    desk.our(9, at(9), 100, late=True)
    one = desk.figures(before=first, span=Span("day", DAY.next_on, ZONE))
    assert (one.theirs.after_minor, one.theirs.untold_minor, one.theirs.closing_minor) == (100, -100, 1_600)
    assert (one.rest_minor, one.accepted_minor) == (0, 100)


# --- any history ------------------------------------------------------------------------------------------------------

HOURS = st.floats(min_value=0.1, max_value=71.9)
MOVED = st.tuples(
    HOURS, HOURS, st.integers(-900, 900).filter(bool), st.sampled_from(["both", "theirs", "ours", "more"])
)


@settings(max_examples=20, deadline=None)
@given(st.lists(MOVED, max_size=12))
def test_three_days_of_any_history_close_one_after_the_other_with_nothing_left(
    history: list[tuple[float, float, int, str]],
) -> None:
    desk = Desk()
    for number, (theirs_at, ours_at, amount, where) in enumerate(history, 1):
        if where != "ours":
            desk.line(at(theirs_at, 20), amount, *([] if where == "theirs" else [number]))
        if where != "theirs":
            desk.our(number, at(ours_at, 20), amount + (7 if where == "more" else 0))
    before: Figures | None = None
    for day in (20, 21, 22):
        span = Span("day", date(2026, 11, day), ZONE)
        before = desk.figures(before=before, span=span)
        assert before.rest_minor == 0
        net = sum(amount for theirs, _, amount, where in history if where != "ours" and at(theirs, 20) < span.until_at)
        assert before.theirs.closing_minor == 1_000 + net
    month = desk.figures(span=Span("month", date(2026, 11, 1), ZONE))
    assert before is not None
    assert (month.theirs.closing_minor, month.ours.closing_minor) == (
        before.theirs.closing_minor,
        before.ours.closing_minor,
    )
    assert [(own.name, own.amount_minor) for own in month.lists if own.name != "across"] == [
        (own.name, own.amount_minor) for own in before.lists if own.name != "across"
    ]
