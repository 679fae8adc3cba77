"""Cards and registers on paper, read back: the words, the code module by module, the weight of a page."""

from __future__ import annotations

import io
import re
from datetime import date

import pytest
import segno
from pypdf import PdfReader
from reportlab.lib.units import mm

from gateway.kernel.faults import Fault
from gateway.locale import Say
from gateway.membership import cards
from gateway.membership.cards import MemberCard, card_of, cards_pdf, qr_modules
from gateway.membership.paper import register_pdf
from gateway.membership.people import Person
from gateway.membership.registers import SHARES, Member, beneficiaries_sheet, members, memberships_sheet
from tests.payments.village import ON_SQLITE, Village

LONG = MemberCard(
    "Union communale des mutuelles de santé de Ouaké et des environs",
    "Bariénou-Kpayéroun, quartier du marché",
    "Abdoul-Rahmane Œdémè N'Tcha Ɖɔ̀sù-Tchédré Bello Gounou-Sarr",
    "345678901",
    "2026-2027",
    "*384*229*1234#",
    "VERIFIER 345678901",
)
PLAIN = MemberCard("Mutuelle", "Awanla", "Bio Sarre", "123456780", "2026", "*384*229#", "VERIFIER 123456780")


def members_of(village: Village, also_left: bool = False) -> list[Member]:
    with village.store.read() as connection:
        return list(members(connection, village.network.tree(), village.place.books, also_left))


def test_eight_cards_to_a_page_of_little_weight() -> None:
    pdf = cards_pdf([LONG, PLAIN] * 12 + [PLAIN], Say("fr"))
    pages = PdfReader(io.BytesIO(pdf)).pages
    assert len(pages) == 4
    assert len(pdf) / 4 < 25_000
    assert [round(float(side) / mm) for side in pages[0].mediabox[2:]] == [210, 297]
    text = pages[0].extract_text()
    assert text.count("123 456 780") == 4
    assert "*384*229#" in text
    assert "Bio Sarre" in text
    assert "Œdémè" in text
    assert "Dosù-Tchédré" in text
    assert cards_pdf([PLAIN], Say("fr")) == cards_pdf([PLAIN], Say("fr"))


def test_the_code_on_the_card_is_the_text_module_by_module() -> None:
    pdf = cards_pdf([PLAIN], Say("fr"))
    content = PdfReader(io.BytesIO(pdf)).pages[0].get_contents()
    assert content is not None
    drawn = [
        tuple(map(float, one)) for one in re.findall(rb"([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) re", content.get_data())
    ]
    module = min(height for *_, height in drawn)
    bars = [one for one in drawn if abs(one[3] - module) < 0.001]
    left, top = min(x for x, *_ in bars), max(y for _, y, *_ in bars)
    size = len(qr_modules(PLAIN.check))
    black = [[0] * size for _ in range(size)]
    for x, y, width, _ in bars:
        for at in range(round(width / module)):
            black[round((top - y) / module)][round((x - left) / module) + at] = 1
    expected = segno.make("VERIFIER 123456780", error="m", micro=False, boost_error=False)
    assert tuple(map(tuple, black)) == tuple(tuple(map(int, row)) for row in expected.matrix)
    assert expected.mode == "alphanumeric"
    assert module > 0.7 * mm


def test_nothing_and_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Fault, match="no household"):
        cards_pdf([], Say("fr"))
    monkeypatch.setattr(cards, "MOST_CARDS", 9)
    with pytest.raises(Fault, match="section by section"):
        cards_pdf([PLAIN] * 10, Say("fr"))


def test_a_household_gets_the_card_of_its_mutuelle(village: Village) -> None:
    made = village.register()
    [one] = members_of(village)
    card = card_of(village.network.tree(), one, "verifier")
    assert (card.mutuelle, card.section, card.head) == ("Mutuelle de Ouaké", "Awanla", "Adjara Tchédré")
    assert (card.card, card.year, card.check) == (made.card, "2026-2027", f"VERIFIER {made.card}")


def test_registers_are_in_the_order_of_cards_and_on_paper(village: Village) -> None:
    village.register()
    for at in range(60):
        village.register(None, [Person(f"Bio {'abcdefghij'[at % 10]}{'a' * (at // 10)}i", "M", 1950 + at, "head")])
    found = members_of(village)
    assert [one.card for one in found] == sorted(one.card for one in found)
    sheet = memberships_sheet(iter(found), Say("fr"))
    rows = list(sheet.rows)
    assert len(rows) == 61
    assert len(list(beneficiaries_sheet(iter(found), Say("fr")).rows)) == 64
    for what, make in (("memberships", memberships_sheet), ("beneficiaries", beneficiaries_sheet)):
        pdf = register_pdf(make(iter(found), Say("fr")), SHARES[what], "Ouaké", date(2026, 11, 22), Say("fr"))
        pages = PdfReader(io.BytesIO(pdf)).pages
        text = "".join(page.extract_text() for page in pages)
        assert text.count("Awanla") == len(pages)
        assert "Adjara Tchédré" in text
        assert all(f"{one.card[:3]} {one.card[3:6]}" in text for one in found)


@ON_SQLITE
def test_an_empty_register_is_a_page(village: Village) -> None:
    pdf = register_pdf(
        beneficiaries_sheet(iter(members_of(village)), Say("fr")), SHARES["beneficiaries"], "Ouaké", date(2026, 1, 1),
        Say("fr"),
    )  # fmt: skip
    assert len(PdfReader(io.BytesIO(pdf)).pages) == 1
