"""A signed span of a wallet on paper (PDF): both columns of figures, all that stands between them, and who signed.

The same figures make the same bytes. Nobody's name but those of who settled and signed is on it, and no phone number.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, SimpleDocTemplate, Spacer

from gateway.kernel.clock import day_in
from gateway.kernel.masking import mask_text
from gateway.kernel.money import Money
from gateway.ledger.pages import (
    BOLD,
    MARGIN,
    RULE,
    TEXT,
    TITLE,
    headed,
    in_font,
    numbering,
    printed,
    table,
)
from gateway.locale import Say
from gateway.payments.reconciliation.closing.figures import Figures, Listed, Side, Span
from gateway.payments.reconciliation.closing.words import CHOICES, KINDS, LISTS, MOVED, SIDES


@dataclass(frozen=True)
class Paper:
    """What is printed: whose wallet it is, the span with its figures, and its signature."""

    organisation: str
    wallet: str
    account: str | None
    currency: str
    span: Span
    figures: Figures
    despite: str | None
    signed_by: str
    signed_at: datetime


def as_pdf(paper: Paper, say: Say) -> bytes:
    """The paper as a PDF of A4 pages, in a language."""
    buffer = io.BytesIO()
    title = say("Reconciliation of a wallet")
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=in_font(title),
        lang=say.language,
        invariant=1,
    )
    writer = _Writer(paper, say)
    foot = f"{paper.wallet} · {writer.span}"
    document.build(list(writer.story(title)), canvasmaker=numbering(foot, say))
    return buffer.getvalue()


class _Writer:
    """Writes the parts of a paper one after the other."""

    def __init__(self, paper: Paper, say: Say) -> None:
        self._paper, self._figures, self._say = paper, paper.figures, say

    @property
    def span(self) -> str:
        span, say = self._paper.span, self._say
        if span.kind == "day":
            return say.show(span.first_on)
        return say("From {first} to {last}", first=span.first_on, last=span.next_on - timedelta(days=1))

    def story(self, title: str) -> Iterator[Flowable]:
        yield printed(title, TITLE)
        yield self._who()
        yield from self._sides()
        yield from self._between()
        yield from self._covered()
        for one in self._figures.lists:
            yield from self._listed(one)
        yield from self._late()
        yield from self._noted()
        yield self._signatures()

    # --- figures ------------------------------------------------------------------------------------------------------

    def _who(self) -> Flowable:
        say, paper = self._say, self._paper
        rows = [
            (say("Organisation"), paper.organisation),
            (say("Wallet"), paper.wallet),
            *(((say("Account"), mask_text(paper.account)),) if paper.account else ()),
            (say("Period"), self.span),
            (say("Signed by"), f"{paper.signed_by}, {self._at(paper.signed_at)}"),
        ]
        if paper.despite:
            rows.append((say("Signed although not all was settled"), mask_text(paper.despite)))
        return table(rows, (0.38, 0.62), style=[("FONTNAME", (0, 0), (0, -1), BOLD)])

    def _sides(self) -> Iterator[Flowable]:
        say, theirs, ours = self._say, self._figures.theirs, self._figures.ours
        yield from headed(say("Figures"))
        wanted: list[tuple[str, Callable[[Side], int], bool]] = [
            (say("Opening"), lambda side: side.opening_minor, True),
            (say("Came late, for days signed before"), lambda side: side.after_minor, False),
            (say("In"), lambda side: side.in_minor, True),
            (say("Out"), lambda side: -side.out_minor, True),
            (say("Operators' fees"), lambda side: -side.fees_minor, True),
            (say("In the operator's balance, on no line"), lambda side: side.untold_minor, False),
            (say("Closing"), lambda side: side.closing_minor, True),
        ]
        rows = [("", say("Statement of the operator"), say("Our books"))]
        for name, of, always in wanted:
            if always or of(theirs) or of(ours):
                rows.append((name, self._money(of(theirs)), self._money(of(ours))))
        yield table(rows, (0.5, 0.25, 0.25), right=(1, 2), heads=True, total=True)
        if self._figures.opening_from == "books":
            note = say("The statement tells no balance: the operator's opening is set by our books.")
            yield printed(note, TEXT)

    def _between(self) -> Iterator[Flowable]:
        say, one = self._say, self._figures
        yield from headed(say("Between the two"))
        rows = [
            (say("Closing of the operator"), "", self._money(one.theirs.closing_minor)),
            (say("Closing of our books"), "", self._money(-one.ours.closing_minor)),
            (say("Between the two"), "", self._money(one.theirs.closing_minor - one.ours.closing_minor)),
            *((say(LISTS[each.name]), str(each.count), self._money(each.amount_minor)) for each in one.lists),
            (say("Not explained"), "", self._money(one.rest_minor)),
        ]
        yield table(rows, (0.6, 0.15, 0.25), right=(1, 2), total=True, style=[("FONTNAME", (0, 2), (-1, 2), BOLD)])
        if one.rest_minor and one.accepted_minor:
            note = say(
                "Not explained, and signed with the period before: {amount}", amount=self._of(one.accepted_minor)
            )
            yield printed(note, TEXT)

    def _covered(self) -> Iterator[Flowable]:
        say, one = self._say, self._figures
        if one.gaps:
            rows = [(say("No statement covers"), ""), *((self._at(begin), self._at(end)) for begin, end in one.gaps)]
            yield Spacer(0, 4 * mm)
            yield table(rows, (0.5, 0.5), heads=True)
        if one.breaks:
            head = (say("In the operator's balance, on no line"), "")
            rows = [head, *((self._at(each.at), self._money(each.amount_minor)) for each in one.breaks)]
            yield Spacer(0, 4 * mm)
            yield table(rows, (0.5, 0.5), right=(1,), heads=True)

    # --- lists --------------------------------------------------------------------------------------------------------

    def _listed(self, one: Listed) -> Iterator[Flowable]:
        say = self._say
        yield from headed(say(LISTS[one.name]))
        rows = [(say("Date"), say("What"), say("Operator's number"), say("Difference"), say("Statement"), say("Books"))]
        rows += [
            (
                self._at(item.at),
                say(MOVED[item.kind]),
                item.named or "",
                item.difference or "",
                self._money_or_none(item.theirs_minor),
                self._money_or_none(item.ours_minor),
            )
            for item in one.items
        ]
        yield table(rows, (0.17, 0.17, 0.24, 0.12, 0.15, 0.15), right=(4, 5), heads=True)
        yield from self._more(one.count - len(one.items))

    def _late(self) -> Iterator[Flowable]:
        say, one = self._say, self._figures
        if not one.late:
            return
        yield from headed(say("Came late, for days signed before"))
        rows = [(say("Date"), "", say("What"), say("Operator's number"), say("Amount"))]
        rows += [
            (
                self._at(each.at),
                say(SIDES[each.side]),
                say(MOVED[each.kind]),
                each.named or "",
                self._money(each.amount_minor),
            )
            for each in one.late
        ]
        yield table(rows, (0.18, 0.17, 0.22, 0.25, 0.18), right=(4,), heads=True)
        yield from self._more(one.late_count - len(one.late))

    def _noted(self) -> Iterator[Flowable]:
        say, one = self._say, self._figures
        if not one.noted:
            return
        yield from headed(say("Differences of the period"))
        rows = [
            (
                say("Number"),
                say("Date"),
                say("What"),
                say("Operator's number"),
                say("Statement"),
                say("Books"),
                say("Settled"),
                say("By"),
            )
        ]
        rows += [
            (
                each.number,
                self._at(each.at),
                say(KINDS[each.kind]),
                each.named or "",
                self._money_or_none(each.theirs_minor),
                self._money_or_none(each.ours_minor),
                say(CHOICES[each.choice]) if each.choice else say("open"),
                each.by or "",
            )
            for each in one.noted
        ]
        yield table(rows, (0.09, 0.12, 0.13, 0.14, 0.12, 0.12, 0.14, 0.14), right=(4, 5), heads=True)
        yield from self._more(one.noted_count - len(one.noted))

    def _more(self, count: int) -> Iterator[Flowable]:
        if count:
            yield printed(self._say.many("and {count} more", "and {count} more", count), TEXT)

    def _signatures(self) -> Flowable:
        say = self._say
        rows = [
            (say("Treasurer"), "", say("Second person")),
            (say("Name, date, signature:"), "", say("Name, date, signature:")),
        ]
        lines = [("LINEBELOW", (0, 1), (0, 1), 0.5, RULE), ("LINEBELOW", (2, 1), (2, 1), 0.5, RULE)]
        bold = [("FONTNAME", (0, 0), (-1, 0), BOLD), ("BOTTOMPADDING", (0, 1), (-1, 1), 18 * mm)]
        return KeepTogether([Spacer(0, 10 * mm), table(rows, (0.45, 0.1, 0.45), style=bold + lines, ruled=False)])

    # --- values -------------------------------------------------------------------------------------------------------

    def _of(self, minor: int) -> Money:
        return Money(minor, self._paper.currency)

    def _money(self, minor: int) -> str:
        return self._say.show(self._of(minor))

    def _money_or_none(self, minor: int | None) -> str:
        return "" if minor is None else self._money(minor)

    def _at(self, moment: datetime) -> str:
        """A moment as it was where the books are."""
        here = moment.astimezone(ZoneInfo(self._paper.span.zone))
        return f"{self._say.show(day_in(self._paper.span.zone, moment))} {here:%H:%M}"
