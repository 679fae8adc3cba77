"""What is directly below a place, side by side: the table that a network reports each year, of any tier and period."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from reportlab.lib.pagesizes import A4
from reportlab.platypus import SimpleDocTemplate

from gateway.indicators.figures import Figure
from gateway.indicators.keeping import look_below
from gateway.indicators.periods import Period
from gateway.indicators.wording import NOTHING, exact, period_name, short_name, shown
from gateway.ledger.exports import Cell, Sheet
from gateway.ledger.pages import MARGIN, TITLE, in_font, numbering, printed, table
from gateway.locale import Say
from gateway.network.organisations import Organisation, Tree
from gateway.store.unit import Store

_COUNTED = ("sections", "households", "beneficiaries")
_RATIOS = ("growth", "loyalty")
_SHARES = (0.2, *([0.1] * (2 * len(_COUNTED) + len(_RATIOS))))


@dataclass(frozen=True)
class Row:
    """One organisation, or all together: its counts a year before and now, growth and loyalty; None: not counted."""

    place: Organisation
    figures: tuple[Figure | None, ...]

    def shown(self, say: Say) -> list[str]:
        """For people."""
        return [NOTHING if one is None else shown(one, say) for one in self.figures]


@dataclass(frozen=True)
class Table:
    """``rows``: whoever directly below has members now or had a year before; ``total``: the place itself.

    ``counted_at``: None: just now.
    """

    place: Organisation
    period: Period
    rows: tuple[Row, ...]
    total: Row
    counted_at: datetime | None

    def name(self, say: Say) -> str:
        """What it is called."""
        return say("Members by organisation: {place}, {period}", place=self.place.name,
                   period=period_name(self.period, say))  # fmt: skip

    def heads(self, say: Say) -> list[str]:
        """What stands in each column."""
        names = say("Sections"), say("Households"), say("Beneficiaries")
        years = (short_name(one) for one in (self.period.a_year_before, self.period))
        return [
            say("Organisation"), *(f"{name} {year}" for year in years for name in names), say("Growth"), say("Loyalty"),
        ]  # fmt: skip

    def every(self, say: Say) -> Iterator[tuple[str, Row]]:
        """The rows with their names, and the total."""
        yield from ((one.place.name, one) for one in self.rows)
        yield say("Total"), self.total


def places_table(store: Store, tree: Tree, place: Organisation, period: Period) -> Table | None:
    """The table of a place and a period; None where a large network's aren't counted yet: they are asked for."""
    found, at = look_below(store, tree, place, period)
    if period not in found:
        return None
    before = found.get(period.a_year_before, {})
    below = sorted((one for one in tree.by_id.values() if one.parent_id == place.id), key=lambda one: one.id)
    rows = (_row(one, found[period], before) for one in below)
    total = _row(place, found[period], before)
    return Table(place, period, tuple(one for one in rows if any(_is_some(each) for each in one.figures)), total, at)


def _row(place: Organisation, now: Mapping[int, tuple[Figure, ...]], before: Mapping[int, tuple[Figure, ...]]) -> Row:
    own, was = ({one.code: one for one in found.get(place.id, ())} for found in (now, before))
    return Row(place, (*map(was.get, _COUNTED), *map(own.get, (*_COUNTED, *_RATIOS))))


def _is_some(one: Figure | None) -> bool:
    return one is not None and bool(one.value)


def places_sheet(found: Table, say: Say) -> Sheet:
    """The same for a spreadsheet; ratios as they are (0.65 is 65 %)."""

    def rows() -> Iterator[tuple[Cell, ...]]:
        for name, row in found.every(say):
            yield name, *(None if one is None else exact(one) for one in row.figures)

    return Sheet(found.name(say), tuple(found.heads(say)), rows())


def places_pdf(found: Table, on: date, say: Say) -> bytes:
    """The same on paper, as it was made on a day."""
    buffer, name = io.BytesIO(), found.name(say)
    document = SimpleDocTemplate(
        buffer, pagesize=A4, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=MARGIN, bottomMargin=MARGIN,
        title=in_font(name), lang=say.language, invariant=1,
    )  # fmt: skip
    rows = [found.heads(say), *([name, *row.shown(say)] for name, row in found.every(say))]
    right = range(1, len(_SHARES))
    story = [printed(name, TITLE), table(rows, _SHARES, right=right, heads=True, total=True)]
    document.build(story, canvasmaker=numbering(say("{name}, made on {day}", name=name, day=on), say))
    return buffer.getvalue()
