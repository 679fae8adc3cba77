"""Member cards as a PDF: eight of 85.6 × 54 mm on a page of A4, with marks to cut along, and a code that a phone reads.

The code (QR) holds what an agent of a health facility sends by SMS to check the card: the word and the nine digits,
``VERIFIER 123456789``. It is a text and no address to dial: phones refuse codes with ``*`` and ``#`` in links, a short
code is another in each country, and no link opens without a network. Any program that reads it finds the card in it.
Nothing else is in the code, no name and no phone number: a card that is lost tells no more than what is printed on it.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import segno
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from gateway.kernel.card import show_card
from gateway.kernel.faults import Fault
from gateway.ledger.pages import BOLD, FONT, RULE, in_font
from gateway.locale import Say, mark
from gateway.membership.paper import fitted
from gateway.membership.registers import Member
from gateway.network.organisations import Tree

WIDTH, HEIGHT = 85.6 * mm, 54 * mm  # as bank cards are (ISO/IEC 7810, ID-1): what pockets and laminating films fit
COLUMNS, ROWS = 2, 4
A_PAGE = COLUMNS * ROWS
MOST_CARDS = 10_000  # a file of some fifteen megabytes
_LEFT, _BOTTOM = (A4[0] - COLUMNS * WIDTH) / 2, (A4[1] - ROWS * HEIGHT) / 2
_MARK = 5 * mm
_PAD = 4.5 * mm
_QR = 23 * mm
_QUIET = 4  # modules around the code that stay white
_LEAST = 6.0  # points: nobody reads less


@dataclass(frozen=True)
class MemberCard:
    """What is printed on a card. ``year``: the membership year; ``dials``: a short code; ``check``: word and card."""

    mutuelle: str
    section: str
    head: str
    card: str
    year: str
    dials: str
    check: str


def card_of(tree: Tree, one: Member, check_word: str) -> MemberCard:
    """The card of a household; ``check_word``: what agents send before a card's number to check it."""
    mutuelle = tree.books_of(one.section.id)
    above = {step.id for step in tree.upward(one.section.id)}
    codes = sorted(
        (code for code in tree.codes.values() if code.organisation_id in above),
        key=lambda code: (-len(tree[code.organisation_id].path), code.code),
    )
    return MemberCard(
        mutuelle.name,
        one.section.name if one.section.id != mutuelle.id else "",
        one.people[0].name,
        one.card,
        year_of(one),
        codes[0].code if codes else "",
        f"{check_word.upper()} {one.card}",
    )


def year_of(one: Member) -> str:
    """How people call a household's membership year (*année mutualiste*): ``2026``, or ``2026-2027``."""
    if one.starts_on is None or one.ends_on is None:
        return ""
    first, last = one.starts_on.year, one.ends_on.year
    return str(first) if first == last else f"{first}-{last}"


def qr_modules(text: str) -> tuple[tuple[int, ...], ...]:
    """The code of a text, row by row, 1 for black: correction M, so that a scratched card is read all the same."""
    return tuple(tuple(map(int, row)) for row in segno.make(text, error="m", micro=False, boost_error=False).matrix)


def cards_pdf(cards: Iterable[MemberCard], say: Say) -> bytes:
    """The cards as a PDF, in a language; raises :class:`Fault` for none, and for more than one file should hold."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, pageCompression=1, invariant=1, lang=say.language)
    canvas.setTitle(in_font(say("Member cards")))
    count = 0
    for page in _pages(cards):
        count += len(page)
        if count > MOST_CARDS:
            raise Fault(mark("more than {most} cards: print section by section"), most=MOST_CARDS)
        _cut_marks(canvas)
        for place, card in enumerate(page):
            row, column = divmod(place, COLUMNS)
            _draw(canvas, card, _LEFT + column * WIDTH, _BOTTOM + (ROWS - 1 - row) * HEIGHT, say)
        canvas.showPage()
    if not count:
        raise Fault(mark("there is no household whose card could be printed"))
    canvas.save()
    return buffer.getvalue()


def _pages(cards: Iterable[MemberCard]) -> Iterator[list[MemberCard]]:
    coming = iter(cards)
    while page := list(islice(coming, A_PAGE)):
        yield page


def _cut_marks(canvas: Canvas) -> None:
    """Short lines outside the cards, and a faint one around each: one cuts along a ruler."""
    canvas.setLineWidth(0.3)
    canvas.setStrokeGray(0)
    right, top = _LEFT + COLUMNS * WIDTH, _BOTTOM + ROWS * HEIGHT
    for column in range(COLUMNS + 1):
        x = _LEFT + column * WIDTH
        canvas.line(x, top + 1 * mm, x, top + _MARK)
        canvas.line(x, _BOTTOM - 1 * mm, x, _BOTTOM - _MARK)
    for row in range(ROWS + 1):
        y = _BOTTOM + row * HEIGHT
        canvas.line(_LEFT - 1 * mm, y, _LEFT - _MARK, y)
        canvas.line(right + 1 * mm, y, right + _MARK, y)
    canvas.setStrokeColor(RULE)
    canvas.grid(
        [_LEFT + column * WIDTH for column in range(COLUMNS + 1)], [_BOTTOM + row * HEIGHT for row in range(ROWS + 1)]
    )


def _draw(canvas: Canvas, card: MemberCard, x: float, y: float, say: Say) -> None:
    left, room = x + _PAD, WIDTH - 2 * _PAD
    beside = room - _QR - 2 * mm
    _text(canvas, card.mutuelle, BOLD, 11, left, y + HEIGHT - 8 * mm, room)
    under = " · ".join(filter(None, (card.section, say("Member card"))))
    _text(canvas, under, FONT, 8, left, y + HEIGHT - 12.2 * mm, room)
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.5)
    canvas.line(left, y + HEIGHT - 14.2 * mm, left + room, y + HEIGHT - 14.2 * mm)
    for place, line in enumerate(_in_two(card.head, beside)):
        _text(canvas, line, BOLD, 10.5, left, y + HEIGHT - (19.5 + 4.4 * place) * mm, beside)
    _text(canvas, show_card(card.card), BOLD, 15, left, y + 18.5 * mm, beside)
    if card.year:
        _text(canvas, say("Membership year {year}", year=card.year), FONT, 8, left, y + 13.8 * mm, beside)
    if card.dials:
        dial = say("Dial {code} with your phone", code=card.dials)
        _text(canvas, dial, FONT, 7.5, left, y + 8.2 * mm, beside)
    _text(canvas, say("Checked by SMS: {words}", words=card.check), FONT, 7.5, left, y + 4.6 * mm, room)
    _code(canvas, card.check, x + WIDTH - _PAD - _QR, y + 8.6 * mm)


def _in_two(name: str, room: float) -> list[str]:
    """A name on one line where it can be read so, else on two that are about as long."""
    text = in_font(name)
    words = text.split()
    if len(words) < 2 or fitted(text, BOLD, 10.5, 8.5, room)[0] == text:
        return [text]
    cut = min(range(1, len(words)), key=lambda at: abs(len(" ".join(words[:at])) - len(" ".join(words[at:]))))
    return [" ".join(words[:cut]), " ".join(words[cut:])]


def _text(canvas: Canvas, text: str, font: str, size: float, x: float, y: float, room: float) -> None:
    text, size = fitted(in_font(text), font, size, _LEAST, room)
    canvas.setFont(font, size)
    canvas.drawString(x, y, text)


def _code(canvas: Canvas, text: str, x: float, y: float) -> None:
    """The code as one path of bars, so that no printer leaves hairs of white between its modules."""
    rows = qr_modules(text)
    module = _QR / (len(rows) + 2 * _QUIET)
    path = canvas.beginPath()
    for down, row in enumerate(rows):
        top = y + _QR - (down + 1 + _QUIET) * module
        for begin, length in _bars(row):
            path.rect(x + (begin + _QUIET) * module, top, length * module, module)
    canvas.drawPath(path, stroke=0, fill=1)


def _bars(row: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    begin = None
    for at, black in enumerate((*row, 0)):
        if black and begin is None:
            begin = at
        elif not black and begin is not None:
            yield begin, at - begin
            begin = None
