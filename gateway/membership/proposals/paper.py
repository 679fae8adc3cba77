"""The list for the meeting on paper (PDF): A4 across, letters that a table of people can read, room for the hand.

Names, cards, the category of now and the one that is proposed, why; then empty boxes for what the meeting says, and at
the end a line for each witness.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import date

from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from gateway.kernel.card import show_card
from gateway.ledger.pages import BOLD, FONT, RULE, in_font
from gateway.locale import Say
from gateway.membership.paper import fitted
from gateway.membership.proposals.lists import Proposal, ProposedRow

_WIDTH, _HEIGHT = landscape(A4)
_MARGIN, _ROW, _TOP = 12 * mm, 11 * mm, 30 * mm
_SIZE, _SMALLEST = 12.0, 8.0
_SHARES = (5, 34, 18, 20, 20, 30, 13, 24)
_SIGNATURES = 6
_BOX = 6 * mm


def proposal_pdf(
    one: Proposal, rows: Sequence[ProposedRow], names: Mapping[str, str], place: str, on: date, say: Say
) -> bytes:
    """The list as it is printed on a day; ``names``: of the categories, by code."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(_WIDTH, _HEIGHT), pageCompression=1, invariant=1, lang=say.language)
    canvas.setTitle(in_font(one.title))
    most = int((_HEIGHT - _MARGIN - _TOP - 16 * mm) / _ROW)
    pages = [rows[start : start + most] for start in range(0, len(rows), most)] or [rows]
    for number, page in enumerate(pages):
        _page(canvas, one, page, number * most, names, place, say)
        _foot(canvas, on, number + 1, say)
        canvas.showPage()
    _heading(canvas, one, place, say)
    _signatures(canvas, one, len(rows), say)
    _foot(canvas, on, len(pages) + 1, say)
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _columns() -> list[tuple[float, float]]:
    room, left, found = _WIDTH - 2 * _MARGIN, _MARGIN, []
    for share in _SHARES:
        found.append((left, room * share / sum(_SHARES)))
        left += found[-1][1]
    return found


def _write(canvas: Canvas, text: str, font: str, size: float, at: tuple[float, float], width: float) -> None:
    shown, size = fitted(in_font(text), font, size, _SMALLEST, width)
    canvas.setFont(font, size)
    canvas.drawString(*at, shown)


def _heading(canvas: Canvas, one: Proposal, place: str, say: Say) -> None:
    top = _HEIGHT - _MARGIN
    _write(canvas, one.title, BOLD, 16, (_MARGIN, top - 5 * mm), _WIDTH - 2 * _MARGIN)
    said = say("{place}: categories proposed, list {number}", place=place, number=one.id)
    _write(canvas, said, FONT, 12, (_MARGIN, top - 12 * mm), _WIDTH - 2 * _MARGIN)


def _page(
    canvas: Canvas, one: Proposal, rows: Sequence[ProposedRow], before: int, names: Mapping[str, str], place: str,
    say: Say,
) -> None:  # fmt: skip
    _heading(canvas, one, place, say)
    columns, y = _columns(), _HEIGHT - _TOP
    heads = (
        "", say("Head of household"), say("Card"), say("Category now"), say("Proposed"), say("Why"), say("Agreed"),
        say("Other category"),
    )  # fmt: skip
    for (left, width), head in zip(columns, heads, strict=True):
        _write(canvas, head, BOLD, 11, (left, y), width - 2 * mm)
    canvas.setLineWidth(0.8)
    canvas.line(_MARGIN, y - 2 * mm, _WIDTH - _MARGIN, y - 2 * mm)
    for number, row in enumerate(rows, before + 1):
        y -= _ROW
        cells = (
            str(number), row.head, show_card(row.card), _name(names, row.from_code, say),
            _name(names, row.to_code, say), row.reason,
        )  # fmt: skip
        for place_at, ((left, width), cell) in enumerate(zip(columns, cells, strict=False)):
            _write(canvas, cell, BOLD if place_at in (1, 4) else FONT, _SIZE, (left, y + 2 * mm), width - 2 * mm)
        canvas.setLineWidth(0.8)
        canvas.rect(columns[6][0] + 2 * mm, y, _BOX, _BOX)
        canvas.setLineWidth(0.25)
        canvas.setStrokeColor(RULE)
        canvas.line(_MARGIN, y - 2 * mm, _WIDTH - _MARGIN, y - 2 * mm)
        canvas.setStrokeGray(0)


def _name(names: Mapping[str, str], code: str | None, say: Say) -> str:
    return names.get(code, code) if code is not None else say("none")


def _signatures(canvas: Canvas, one: Proposal, count: int, say: Say) -> None:
    y = _HEIGHT - _TOP - 4 * mm
    counted = say.many(
        "The meeting went through {count} household.", "The meeting went through {count} households.", count
    )
    _write(canvas, counted, FONT, 12, (_MARGIN, y), _WIDTH - 2 * _MARGIN)
    y -= 12 * mm
    _write(canvas, say("Day of the meeting:"), BOLD, 12, (_MARGIN, y), 60 * mm)
    canvas.line(_MARGIN + 60 * mm, y - 1 * mm, _MARGIN + 130 * mm, y - 1 * mm)
    y -= 14 * mm
    _write(canvas, say("Witnesses: name"), BOLD, 12, (_MARGIN, y), 100 * mm)
    _write(canvas, say("Signature or thumb"), BOLD, 12, (_MARGIN + 140 * mm, y), 100 * mm)
    for number in range(1, _SIGNATURES + 1):
        y -= 15 * mm
        canvas.setFont(FONT, 12)
        canvas.drawString(_MARGIN, y, str(number))
        canvas.line(_MARGIN + 8 * mm, y - 1 * mm, _MARGIN + 130 * mm, y - 1 * mm)
        canvas.line(_MARGIN + 140 * mm, y - 1 * mm, _WIDTH - _MARGIN, y - 1 * mm)


def _foot(canvas: Canvas, on: date, number: int, say: Say) -> None:
    canvas.setFont(FONT, 9)
    canvas.drawString(_MARGIN, 8 * mm, in_font(say("As of {day}", day=on)))
    canvas.drawRightString(_WIDTH - _MARGIN, 8 * mm, in_font(say("Page {number}", number=number)))
