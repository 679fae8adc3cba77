"""The paper of a signed span: what it says, that it says it as it is, and that its bytes are the same every time."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from pypdf import PdfReader

from gateway.ledger.pages import in_font
from gateway.locale import Say
from gateway.payments.reconciliation.closing.balances import Break
from gateway.payments.reconciliation.closing.between import NAMES
from gateway.payments.reconciliation.closing.figures import Figures, Item, Known, Late, Listed, Noted, Side, Span
from gateway.payments.reconciliation.closing.paper import Paper, as_pdf
from gateway.payments.reconciliation.closing.words import CHOICES, KINDS, LISTS, MOVED
from gateway.payments.reconciliation.differences.choices import CHOICES as EVERY_CHOICE
from gateway.payments.reconciliation.differences.found import KINDS as EVERY_KIND
from gateway.payments.reconciliation.differences.found import RULE
from gateway.payments.reconciliation.items import SOURCES
from gateway.payments.statements.lines import KINDS as LINE_KINDS

FIRST = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)  # midnight in Benin


def item(number: int, theirs: int | None, ours: int | None, difference: str | None = None) -> Item:
    at = FIRST + timedelta(minutes=number)
    return Item(at, "payment", f"MP{number:06d}", theirs, ours, (), difference)


def noted(number: str, **values: object) -> Noted:
    usual = Noted(number, "missing", FIRST, "MP000007", 1_500, None, "settled", "lost", "Awa Sanni", FIRST)
    return replace(usual, **values)  # type: ignore[arg-type]


SIDE = Side(10_000, 0, 1_234_500, 4_000, 250, 0, 1_240_250, 3)
FIGURES = Figures(
    known=Known(1, 1, "d"),
    theirs=SIDE,
    ours=SIDE,
    opening_from="statement",
    lists=(),
    rest_minor=0,
    accepted_minor=0,
    begun_at=FIRST,
    gaps=(),
    breaks=(),
    late=(),
    late_count=0,
    noted=(),
    noted_count=0,
)
PAPER = Paper(
    organisation="Mutuelle de Ouaké",
    wallet="ouake:mtn_momo",
    account="123456",
    currency="XOF",
    span=Span("day", date(2026, 11, 21), "Africa/Porto-Novo"),
    figures=FIGURES,
    despite=None,
    signed_by="Bio Sarre",
    signed_at=datetime(2026, 11, 22, 8, 5, tzinfo=UTC),
)


def pages(paper: Paper, language: str = "en") -> list[str]:
    """The text of each page, with plain spaces."""
    reader = PdfReader(io.BytesIO(as_pdf(paper, Say(language))))
    return [re.sub(r"[ \xa0]+", " ", page.extract_text()) for page in reader.pages]


def text(paper: Paper, language: str = "en") -> str:
    return "\n".join(pages(paper, language))


def with_figures(**values: object) -> Paper:
    return replace(PAPER, figures=replace(FIGURES, **values))  # type: ignore[arg-type]


def test_what_is_on_it() -> None:
    found = text(PAPER)
    for said in ("Mutuelle de Ouaké", "ouake:mtn_momo", "123456", "21/11/2026", "Bio Sarre, 22/11/2026 09:05",
                 "1,234,500 F", "-4,000 F", "-250 F", "1,240,250 F", "Page 1 of 1", "Treasurer"):  # fmt: skip
        assert said in found, said
    assert "On the two sides" not in found
    assert re.search(r"Not explained\s+0 F", found)


def test_it_is_said_in_the_organisation_s_language() -> None:
    found = text(PAPER, "fr")
    assert "1 234 500 F" in found
    assert "Solde de clôture" in found
    assert "21/11/2026" in found


def test_a_month_has_its_first_and_last_day() -> None:
    month = replace(PAPER, span=Span("month", date(2026, 11, 1), "Africa/Porto-Novo"))
    assert "01/11/2026" in text(month)
    assert "30/11/2026" in text(month)


def test_the_same_input_makes_the_same_bytes() -> None:
    paper = with_figures(lists=(Listed("ours", 1, -500, (item(1, None, 500),)),))
    assert as_pdf(paper, Say("fr")) == as_pdf(paper, Say("fr"))
    assert as_pdf(paper, Say("fr")) != as_pdf(replace(paper, signed_by="Awa"), Say("fr"))


def test_what_stands_between_the_two_is_listed_and_what_nothing_explains_is_shown() -> None:
    found = text(
        with_figures(
            theirs=replace(SIDE, untold_minor=77, after_minor=-66),
            opening_from="books",
            lists=(
                Listed("across", 2, -400, (item(1, 100, None), item(2, None, 500))),
                Listed("open", 3, 900, (item(3, 900, 0, "000014"),)),
            ),
            rest_minor=-123_456,
            accepted_minor=-3_000,
            gaps=((FIRST, FIRST + timedelta(hours=7, minutes=30)),),
            breaks=(Break(FIRST + timedelta(hours=9), 77),),
            late=(Late("ours", FIRST - timedelta(days=2), "entry", "X7", -66),),
            late_count=4,
            noted=(noted("000025"), noted("000036", state="open", choice=None, by=None)),
            noted_count=2,
        )
    )
    for said in ("-123,456 F", "-3,000 F", "77 F", "-66 F", "MP000001", "MP000002", "000014", "and 2 more", "X7",
                 "21/11/2026 07:30", "21/11/2026 09:00", "19/11/2026 00:00", "and 3 more", "000025", "Loss",
                 "Awa Sanni", "000036", "open", "set by our books"):  # fmt: skip
        assert said in found, said


def test_texts_stand_as_they_are_whatever_they_have_of_markup() -> None:
    name = "A <b>& Fils</b> <font color=red>&amp;"
    paper = replace(
        with_figures(noted=(noted("000025", by=name, named="<i>" * 20),), noted_count=1),
        organisation=name, signed_by=name, despite=f"{name} " * 4,
    )  # fmt: skip
    found = text(paper).replace("\n", "")
    assert found.count("<b>& Fils</b>") >= 4
    assert "<font color=red>&amp;" in found
    assert "<i><i>" in found


def test_no_number_of_a_phone_is_on_it() -> None:
    found = text(replace(PAPER, account="+2290161234567", despite="call 0161234567 or +229 please"))
    assert "+229…67" in found
    assert "61234567" not in found


@pytest.mark.parametrize(
    ("typed", "shown"),
    [("Séméré « 2 » œuvre", "Séméré « 2 » œuvre"), ("Ɖoumè ŋ ɛ", "Doumè ng e"), ("12\u202f500", "12\xa0500"),
     ("e\u0301", "é"), ("日本\x00", "???"), ("Ẽ", "E")],
)  # fmt: skip
def test_letters_that_the_standard_fonts_lack_are_spelled(typed: str, shown: str) -> None:
    assert in_font(typed) == shown


def test_a_long_list_flows_over_pages_below_its_heads() -> None:
    items = tuple(item(number, 1_000 + number, None) for number in range(200))
    found = pages(with_figures(lists=(Listed("theirs", 1_200, 5_000_000, items),)))
    assert len(found) > 3
    assert [f"Page {number} of {len(found)}" in page for number, page in enumerate(found, 1)] == [True] * len(found)
    assert all("MP000" in page and "Operator's number" in page for page in found[:-2])
    assert sum(page.count("MP000") for page in found) == 200
    assert "and 1000 more" in "".join(found[-2:])


def test_a_word_without_end_stays_in_its_column() -> None:
    long = "X" * 64
    found = text(with_figures(noted=(noted("000025", named=long, by="Y" * 60),), noted_count=1)).replace("\n", "")
    assert long not in found.split()  # it is broken
    assert found.count("X") == 64


def test_everything_has_a_word() -> None:
    assert set(LISTS) == set(NAMES)
    assert set(MOVED) == {*LINE_KINDS, *SOURCES}
    assert set(KINDS) == set(EVERY_KIND)
    assert set(CHOICES) == {one.word for each in EVERY_CHOICE.values() for one in each} | {RULE}
