"""Every row of the table of words in docs/phone.md is sent as it stands there, and answered as it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.membership.households import choose_language
from gateway.sms.gsm7 import fold
from tests.ussd.test_menu_keys import CALLERS, cards, covered, locked, paid, shares
from tests.ussd.world import AGENT, FAMILY, MEMBER, OTHER_MTN, Place
from tests.words.line import writes

PAGE = Path(__file__).parents[2] / "docs" / "phone.md"


@dataclass(frozen=True)
class Row:
    """A row of the page's table."""

    who: str
    wants: str
    sends: str
    reads: str


def _rows() -> list[Row]:
    section = PAGE.read_text().split("## By SMS")[1].split("\n## ")[0]
    lines = [line.strip().strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    return [Row(*(cell.strip().strip("`") for cell in line)) for line in lines[2:]]


ROWS = _rows()
BEFORE: dict[tuple[str, str], Callable[[Place], object]] = {
    ("member", "to check a receipt"): paid,
    ("anybody", "to check a receipt"): paid,
    ("agent", "to know who is covered"): covered,
}


@pytest.fixture
def village(place: Place) -> Place:
    """A family, its neighbour, a hospital's agent; every phone has chosen French."""
    place.household_with(MEMBER, *FAMILY)
    place.household_with(OTHER_MTN, "Bio Sabi")
    place.staff_with(AGENT, "agent", "Awa Dansou", "ouake", facility_id=place.facility())
    with place.runtime.store.write() as unit:
        for msisdn in (MEMBER, CALLERS["anybody"]):
            choose_language(unit, msisdn, "fr")
    return place


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.who}: {row.wants}" for row in ROWS])
def test_a_word_is_answered_as_the_page_says(village: Place, row: Row) -> None:
    BEFORE.get((row.who, row.wants), lambda place: None)(village)
    if "shared" in row.who:
        shares(village)
    if "PIN" in row.who:
        locked(village)
    own = cards(village)
    receipt = re.search(r"\d{6}-\d{5}", " ".join(village.texts("receipt")))
    said = {
        "OWN": own[MEMBER],
        "CARD": own[OTHER_MTN] if row.who.startswith("member") else own[MEMBER],
        "NUMBER": "11005237542",
        "RECEIPT": receipt[0] if receipt else "",
    }
    text = " ".join(said.get(one, one) for one in row.sends.split())
    [answer] = writes(village, text, CALLERS[re.split(r"[, ]", row.who)[0]])
    assert fold(row.reads) in answer


def test_the_page_shows_every_word() -> None:
    assert len(ROWS) > 20
    shown = {row.sends.split()[0] for row in ROWS}
    assert {
        "COUVERTURE",
        "SOLDE",
        "PAYER",
        "RECU",
        "PLAINTE",
        "LANGUE",
        "STOP",
        "REPRENDRE",
        "AIDE",
        "VERIFIER",
    } <= shown
