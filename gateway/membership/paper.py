"""A register on paper (PDF): A4, one section after the other, each from a new page, in the order of the cards.

The first column of a sheet is the section: it stands above each page and not in the rows. A text that is too long for
its column is written smaller, and cut only where nobody could read it any more.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from gateway.kernel.faults import Fault
from gateway.ledger.exports import Cell, Sheet
from gateway.ledger.pages import BOLD, FONT, RULE, in_font
from gateway.locale import Say, mark

MOST_ROWS = 100_000  # two thousand pages: whoever wants more prints section by section
_MARGIN, _ROW = 12 * mm, 5.2 * mm
_SIZE, _SMALLEST = 8.5, 5.5


@dataclass(frozen=True)
class _Frame:
    """The page: how large it is, where each column begins and how wide it is."""

    width: float
    height: float
    columns: tuple[tuple[float, float], ...]

    @property
    def rows(self) -> int:
        """How many fit below the heads."""
        return int((self.height - 2 * _MARGIN - 24 * mm) / _ROW)


def register_pdf(sheet: Sheet, shares: Sequence[float], place: str, on: date, say: Say) -> bytes:
    """The register as it stands on a day; ``shares``: of the page's width, for each column behind the section's.

    Raises :class:`Fault` for more rows than a heap of paper should have.
    """
    size = landscape(A4) if len(shares) > 7 else A4
    frame = _Frame(*size, tuple(_columns(size[0], shares)))
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=size, pageCompression=1, invariant=1, lang=say.language)
    canvas.setTitle(in_font(sheet.title))
    number = 0
    for section, page in _pages(sheet.rows, frame.rows):
        number += 1
        _draw(canvas, frame, sheet, (place, section), page, (on, number), say)
    if not number:
        _draw(canvas, frame, sheet, (place, ""), [], (on, 1), say)
    canvas.save()
    return buffer.getvalue()


def _columns(width: float, shares: Sequence[float]) -> Iterator[tuple[float, float]]:
    room, left, total = width - 2 * _MARGIN, _MARGIN, sum(shares)
    for share in shares:
        yield left, room * share / total
        left += room * share / total


def _pages(rows: Iterable[Sequence[Cell]], most: int) -> Iterator[tuple[str, list[Sequence[Cell]]]]:
    count = 0
    for section, its in groupby(rows, key=lambda row: row[0]):
        page: list[Sequence[Cell]] = []
        for row in its:
            count += 1
            if count > MOST_ROWS:
                raise Fault(mark("more than {most} rows: print section by section"), most=MOST_ROWS)
            if len(page) == most:
                yield str(section), page
                page = []
            page.append(row[1:])
        yield str(section), page


def _draw(
    canvas: Canvas,
    frame: _Frame,
    sheet: Sheet,
    where: tuple[str, str],
    rows: Sequence[Sequence[Cell]],
    foot: tuple[date, int],
    say: Say,
) -> None:
    place, section = where
    top = frame.height - _MARGIN
    canvas.setFont(BOLD, 13)
    canvas.drawString(_MARGIN, top - 4 * mm, in_font(sheet.title))
    _fitted(canvas, in_font(" · ".join(filter(None, (place, section)))), FONT, 10, (_MARGIN, top - 10 * mm),
            frame.width - 2 * _MARGIN)  # fmt: skip
    y = top - 18 * mm
    for (left, width), head in zip(frame.columns, sheet.heads[1:], strict=True):
        _fitted(canvas, in_font(head), BOLD, _SIZE, (left, y), width - 2 * mm)
    canvas.setLineWidth(0.8)
    canvas.line(_MARGIN, y - 1.6 * mm, frame.width - _MARGIN, y - 1.6 * mm)
    canvas.setLineWidth(0.25)
    canvas.setStrokeColor(RULE)
    for row in rows:
        y -= _ROW
        for (left, width), cell in zip(frame.columns, row, strict=True):
            if cell is not None and cell != "":
                _fitted(canvas, in_font(say.show(cell)), FONT, _SIZE, (left, y), width - 2 * mm)
        canvas.line(_MARGIN, y - 1.6 * mm, frame.width - _MARGIN, y - 1.6 * mm)
    canvas.setStrokeGray(0)
    canvas.setFont(FONT, 7.5)
    on, number = foot
    canvas.drawString(_MARGIN, 8 * mm, in_font(say("As of {day}", day=on)))
    canvas.drawRightString(frame.width - _MARGIN, 8 * mm, in_font(say("Page {number}", number=number)))
    canvas.showPage()


def _fitted(canvas: Canvas, text: str, font: str, size: float, at: tuple[float, float], width: float) -> None:
    text, size = fitted(text, font, size, _SMALLEST, width)
    canvas.setFont(font, size)
    canvas.drawString(*at, text)


def fitted(text: str, font: str, size: float, smallest: float, width: float) -> tuple[str, float]:
    """A text and its size in points such that it fits a width: as small as need be, then cut with an ellipsis."""
    wide = stringWidth(text, font, size)
    if wide <= width:
        return text, size
    size = max(smallest, size * width / wide)
    while len(text) > 1 and stringWidth(text, font, size) > width:
        text = text.removesuffix("…")[:-1].rstrip() + "…"
    return text, size
