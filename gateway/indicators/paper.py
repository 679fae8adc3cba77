"""The indicators on paper (PDF): a page that says all of them, then each with its chart and the table of the same.

Charts are columns of one grey with their figures above them: they are read as well from a copy in black and white.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date

from reportlab.graphics.charts.barcharts import VerticalBarChart
from reportlab.graphics.shapes import Drawing
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, SimpleDocTemplate, Spacer

from gateway.indicators.figures import Figure
from gateway.indicators.keeping import Standing
from gateway.indicators.wording import heading, made_from, short_name, shown, title
from gateway.ledger.pages import FONT, MARGIN, TEXT, TITLE, headed, in_font, numbering, printed, table
from gateway.locale import Say

_WIDTH, _HEIGHT = A4[0] - 2 * MARGIN - 12, 38 * mm
_BAR = colors.Color(0.35, 0.35, 0.35)
_LEAST_COLUMNS = 2  # one column is no trend


def report_pdf(found: Standing, on: date, say: Say) -> bytes:
    """The report of a place and a period, as it was made on a day."""
    buffer = io.BytesIO()
    name = heading(found.place, found.period, say)
    document = SimpleDocTemplate(
        buffer, pagesize=A4, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=MARGIN, bottomMargin=MARGIN,
        title=in_font(name), lang=say.language, invariant=1,
    )  # fmt: skip
    foot = say("{name}, made on {day}", name=name, day=on)
    document.build([*_story(found, name, say)], canvasmaker=numbering(foot, say))
    return buffer.getvalue()


def _story(found: Standing, name: str, say: Say) -> Iterator[Flowable]:
    yield printed(name, TITLE)
    every = found.figures or ()
    rows = [(say("Indicator"), say("Value"), say("Numerator and denominator"))]
    rows += [(title(one, say), shown(one, say), made_from(one, say)) for one in every]
    yield table(rows, (0.5, 0.2, 0.3), right=(1, 2), heads=True)
    for one in every:
        yield KeepTogether([*_one(found, one, say)])


def _one(found: Standing, one: Figure, say: Say) -> Iterator[Flowable]:
    yield from headed(title(one, say))
    yield printed(" ".join(filter(None, (say(one.indicator.formula), one.indicator.source))), TEXT)
    yield Spacer(1, 2 * mm)
    through = found.through(one.name)
    if sum(past.value is not None for _, past in through) < _LEAST_COLUMNS:
        return
    yield _chart([(short_name(period), past) for period, past in through], say)
    # Twelve months are two tables of six: their figures fit below each other.
    for start in range(0, len(through), 6):
        some = through[start : start + 6]
        shares = (0.16, *([0.14] * len(some)))
        rows = [
            (say("Period"), *(short_name(period) for period, _ in some)),
            (say("Value"), *(shown(past, say) for _, past in some)),
        ]
        yield table(rows, shares, right=range(1, len(some) + 1), heads=True)


def _chart(through: list[tuple[str, Figure]], say: Say) -> Drawing:
    """Columns of what was counted; a period that has no value has none."""
    values = [float(past.value) if past.value is not None else None for _, past in through]
    known = [value for value in values if value is not None]
    chart = VerticalBarChart()
    chart.x, chart.y, chart.width, chart.height = 10, 16, int(_WIDTH - 20), int(_HEIGHT - 30)
    chart.data = [tuple(values)]
    chart.bars[0].fillColor = _BAR
    chart.bars[0].strokeColor = None
    chart.barWidth, chart.groupSpacing = 10, 6
    low, high = min([0.0, *known]), max([0.0, *known])
    chart.valueAxis.valueMin = low
    chart.valueAxis.valueMax = high if high > low else low + 1
    chart.valueAxis.visible = False
    chart.categoryAxis.categoryNames = [name for name, _ in through]
    chart.categoryAxis.labels.fontName, chart.categoryAxis.labels.fontSize = FONT, 7
    chart.categoryAxis.tickDown = 0
    chart.categoryAxis.labelAxisMode = "low"
    chart.barLabels.fontName, chart.barLabels.fontSize, chart.barLabels.nudge = FONT, 6, 5
    chart.barLabelFormat = "values"
    chart.barLabelArray = [[in_font(shown(past, say)) if past.value is not None else "" for _, past in through]]
    drawing = Drawing(_WIDTH, _HEIGHT)
    drawing.add(chart)
    return drawing
