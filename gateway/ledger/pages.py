"""Pages of A4 in the standard fonts: texts, tables that flow on below their heads, and a foot with the page number."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import CondPageBreak, Flowable, LongTable, Paragraph, TableStyle

from gateway.kernel.spelling import unhooked
from gateway.locale import Say

MARGIN = 18 * mm
_WIDTH = A4[0] - 2 * MARGIN - 12  # a frame keeps 6 points on each side
FONT, BOLD, _SIZE = "Helvetica", "Helvetica-Bold", 8.5
TEXT = ParagraphStyle("text", fontName=FONT, fontSize=_SIZE, leading=11)
_HEADS = ParagraphStyle("heads", parent=TEXT, fontName=BOLD)
_RIGHT = ParagraphStyle("right", parent=TEXT, alignment=TA_RIGHT)
TITLE = ParagraphStyle("title", parent=TEXT, fontName=BOLD, fontSize=15, leading=19, spaceAfter=3 * mm)
_HEAD = ParagraphStyle(
    "head", parent=TEXT, fontName=BOLD, fontSize=10.5, leading=13, spaceBefore=5 * mm, spaceAfter=2 * mm
)
_PADDING = 4
RULE = colors.Color(0.6, 0.6, 0.6)


def in_font(text: str) -> str:
    """A text in letters of the standard fonts (Windows-1252); what they lack is spelled as people do, or is a ``?``."""
    return "".join(map(_letter, unicodedata.normalize("NFC", text)))


def _letter(letter: str) -> str:
    if letter.isspace() or unicodedata.category(letter) == "Zs":
        return "\xa0" if letter in "\u202f\xa0" else " "  # the narrow space of figures
    if unicodedata.combining(letter):
        return ""  # an accent on a letter that has none in these fonts (Fon's open o)
    if _printed(letter):
        return letter
    plain = unhooked(letter)
    if plain is None:
        plain = "".join(one for one in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(one))
    return plain if plain and all(map(_printed, plain)) else "?"


def _printed(letter: str) -> bool:
    try:
        return letter.isprintable() and bool(letter.encode("cp1252"))
    except UnicodeEncodeError:
        return False


# --- tables -----------------------------------------------------------------------------------------------------------


def printed(text: str, style: ParagraphStyle) -> Paragraph:
    """A text as it is, whatever it has of signs that would mean something in markup."""
    return Paragraph(escape(in_font(text)), style)


def headed(text: str) -> list[Flowable]:
    """A heading, which never stands at the foot of a page by itself."""
    return [CondPageBreak(30 * mm), printed(text, _HEAD)]


def table(
    rows: Sequence[Sequence[str]],
    shares: Sequence[float],
    *,
    right: Sequence[int] = (),
    heads: bool = False,
    total: bool = False,
    ruled: bool = True,
    style: Sequence[tuple[Any, ...]] = (),
) -> LongTable:
    """Rows of texts over the width of the page; they flow over pages, below their heads on each."""
    widths = [share * _WIDTH for share in shares]
    own: list[tuple[Any, ...]] = [
        ("FONT", (0, 0), (-1, -1), FONT, _SIZE),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), _PADDING),
        ("RIGHTPADDING", (0, 0), (-1, -1), _PADDING),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
        *(("ALIGN", (column, 0), (column, -1), "RIGHT") for column in right),
    ]
    if ruled:
        own.append(("LINEBELOW", (0, 0), (-1, -1), 0.25, RULE))
    if heads:
        own += [("FONTNAME", (0, 0), (-1, 0), BOLD), ("LINEBELOW", (0, 0), (-1, 0), 0.8, colors.black)]
    if total:
        own += [("FONTNAME", (0, -1), (-1, -1), BOLD), ("LINEABOVE", (0, -1), (-1, -1), 0.8, colors.black)]
    cells = [
        [
            _cell(text, width, _HEADS if heads and number == 0 else _RIGHT if column in right else TEXT)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        for number, row in enumerate(rows)
    ]
    return LongTable(cells, colWidths=widths, repeatRows=1 if heads else 0, style=TableStyle([*own, *style]))


def _cell(text: str, width: float, style: ParagraphStyle) -> str | Paragraph:
    """A text as it is where it fits, which is quick; else in several lines."""
    plain = in_font(text)
    if stringWidth(plain, BOLD, _SIZE) <= width - 2 * _PADDING:
        return plain
    return Paragraph(escape(plain), style)


def numbering(foot: str, say: Say) -> Callable[..., Canvas]:
    """Makes the pages of a document, each with a text at its foot and which page of how many it is."""
    foot = in_font(foot)

    class Numbered(Canvas):
        """Writes the foot of each page once it is known how many there are."""

        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            self._pages: list[dict[str, Any]] = []

        def showPage(self) -> None:
            self._pages.append(dict(self.__dict__))
            self._startPage()  # type: ignore[attr-defined]

        def save(self) -> None:
            for number, page in enumerate(self._pages, 1):
                self.__dict__.update(page)
                self.setFont(FONT, 7.5)
                self.drawString(MARGIN, 10 * mm, foot)
                self.drawRightString(
                    A4[0] - MARGIN,
                    10 * mm,
                    in_font(say("Page {number} of {count}", number=number, count=len(self._pages))),
                )
                super().showPage()
            super().save()

    return Numbered
