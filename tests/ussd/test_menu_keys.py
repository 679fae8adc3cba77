"""How many answers each journey takes: every row of docs/phone.md is played as it stands there, and held to a limit."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.store.schema import household
from gateway.store.schema import phone as phones
from tests.ussd.handset import Handset
from tests.ussd.test_menu_dialogues import in_french
from tests.ussd.world import AGENT, ANIMATOR, FAMILY, MEMBER, OTHER_MTN, STAFF_PIN, TREASURER, Place

PAGE = Path(__file__).parents[2] / "docs" / "phone.md"
ANYBODY, PIN = "+2290150000555", "4821"


@dataclass(frozen=True)
class Row:
    """A row of the page's table."""

    who: str
    wants: str
    dials: str
    types: tuple[str, ...]
    answers: int
    reads: str


def _row(line: str) -> Row | None:
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    if len(cells) != 6 or not cells[4].isdecimal():
        return None
    who, wants, dials, types, answers, reads = cells
    return Row(who, wants, dials.strip("`"), tuple(types.strip("`").split()), int(answers), reads)


ROWS = [row for line in PAGE.read_text().splitlines() if (row := _row(line)) is not None]


# --- before the call --------------------------------------------------------------------------------------------------


def nothing(place: Place) -> None:
    """The world as it is: a family that has paid nothing, its neighbour, and staff."""


def paid(place: Place) -> None:
    place.phone().dial().picks("Payer", "Tout payer", "Oui").hears_the_end()
    place.wallet_pays()


def covered(place: Place) -> None:
    paid(place)
    place.wait(days=31)


def end_of_year(place: Place) -> None:
    paid(place)
    place.wait(days=310)


def wants_a_call(place: Place) -> None:
    place.phone().dial().picks("Autres services", "Être rappelé", "Oui").hears_the_end()


def cut_off(place: Place) -> None:
    place.phone().dial().picks("Payer", "Payer le versement").sees("Payer 3 300 F pour la carte")


def shares(place: Place) -> None:
    place.household_with(MEMBER, "Rissi Bio")


def locked(place: Place) -> None:
    place.lock_household(cards(place)[MEMBER], PIN)


def has_cash(place: Place) -> None:
    desk = place.phone(ANIMATOR).dial().types("1", STAFF_PIN).picks("Une famille").types(OTHER_MTN)
    desk.picks("Recevoir", "Espèces", "Oui").sees("enregistrés")


def has_handed_over(place: Place) -> None:
    has_cash(place)
    place.phone(ANIMATOR).dial().types("1", STAFF_PIN).picks("Reçu aujourd'hui", "Remettre", "Oui")


@dataclass(frozen=True)
class Promise:
    """The most answers that a journey may take, and what has to be before it."""

    most: int
    before: Callable[[Place], None] = nothing


# The most answers are the promise; what it really takes stands on the page.
PROMISES: dict[tuple[str, str], Promise] = {
    ("anybody", "to register a family of six"): Promise(26),
    ("anybody", "to register alone"): Promise(8),
    ("anybody", "to pay for a family, by its card"): Promise(4),
    ("anybody", "to pay for a family, by its phone"): Promise(4),
    ("anybody", "to pay for a family, dialled at once"): Promise(1),
    ("anybody", "a health centre"): Promise(3),
    ("anybody", "to check a receipt"): Promise(3, paid),
    ("member", "my cover"): Promise(2),
    ("member", "my cover, dialled at once"): Promise(0),
    ("member", "to pay what is due"): Promise(3),
    ("member", "to pay all that is left"): Promise(3),
    ("member", "to pay an amount"): Promise(3),
    ("member", "to pay three months"): Promise(4),
    ("member", "to pay from another phone"): Promise(5),
    ("member", "to pay for another family"): Promise(4),
    ("member", "to pay for another family, dialled at once"): Promise(1),
    ("member", "my payments"): Promise(2),
    ("member", "to say that I have paid"): Promise(4),
    ("member", "to say it where one pays"): Promise(5),
    ("member", "to tell of a birth"): Promise(8),
    ("member", "to tell of a wedding"): Promise(8),
    ("member", "to tell of somebody who moved in"): Promise(8),
    ("member", "to tell of a death"): Promise(7),
    ("member", "to renew, at the end of the year"): Promise(4, end_of_year),
    ("member", "a health centre nearby"): Promise(2),
    ("member", "another language"): Promise(3),
    ("member", "to complain"): Promise(5),
    ("member", "to be called back"): Promise(3),
    ("member", "to check a receipt"): Promise(3, paid),
    ("member", "no more reminders"): Promise(3),
    ("member", "the mutuelle's news"): Promise(4),
    ("member", "to choose a PIN"): Promise(5),
    ("member", "to register another family"): Promise(9),
    ("member, cut off", "to go on"): Promise(1, cut_off),
    ("member, shared phone", "my cover"): Promise(2, shares),
    ("member, shared phone", "to pay what is due"): Promise(4, shares),
    ("member, shared phone", "to pay for another family, dialled at once"): Promise(1, shares),
    ("member with a PIN", "my cover"): Promise(2, locked),
    ("animator", "to take the cash that is due"): Promise(7),
    ("animator", "to take an amount in cash"): Promise(7),
    ("animator", "to take the next family's cash too"): Promise(12),
    ("animator", "to register a family without a phone"): Promise(10),
    ("animator", "to know who is due this month"): Promise(3),
    ("animator", "to take the cash of one of them"): Promise(7),
    ("animator", "to know what was collected today"): Promise(3, has_cash),
    ("animator", "to hand the cash over"): Promise(5, has_cash),
    ("animator", "to make a call"): Promise(5, wants_a_call),
    ("animator", "to give a family a phone"): Promise(7),
    ("animator", "to remove a forgotten PIN"): Promise(6, locked),
    ("animator", "to tell of a birth in a family"): Promise(11),
    ("treasurer", "today's takings"): Promise(3, paid),
    ("treasurer", "the last payments"): Promise(3, paid),
    ("treasurer", "to confirm cash"): Promise(5, has_handed_over),
    ("treasurer", "to close the day"): Promise(4, paid),
    ("agent", "to know who is covered"): Promise(3, covered),
    ("agent", "to announce a visit"): Promise(5, covered),
}

CALLERS = {"anybody": ANYBODY, "member": MEMBER, "animator": ANIMATOR, "treasurer": TREASURER, "agent": AGENT}


@pytest.fixture
def village(place: Place) -> Place:
    """A family, its neighbour, a village's staff, a hospital; every phone has chosen French."""
    place.household_with(MEMBER, *FAMILY)
    place.household_with(OTHER_MTN, "Bio Sabi")
    place.staff_with(ANIMATOR, "animator", "Chabi Orou")
    place.staff_with(TREASURER, "treasurer", "Bio Sarre")
    place.staff_with(AGENT, "agent", "Awa Dansou", "ouake", facility_id=place.facility())
    for msisdn in (MEMBER, ANYBODY):
        in_french(place.phone(msisdn)).types("00")
    return place


def cards(place: Place) -> dict[str, str]:
    """The card of the family of each phone."""
    rows = select(phones.c.msisdn, household.c.card).join(household, household.c.id == phones.c.household_id)
    return {row[0]: row[1] for row in place.ask(rows.order_by(household.c.id.desc()))}


def words(place: Place, row: Row) -> dict[str, str]:
    """What stands for the words in capitals: of the family, or for whoever belongs to it, of the neighbour."""
    own = cards(place)
    theirs = own[OTHER_MTN] if row.who.startswith("member") else own[MEMBER]
    receipt = re.search(r"\d{6}-\d{5}", " ".join(place.texts("receipt")))
    return {
        "CARD": theirs,
        "PHONE": "0150000002",
        "NEW": "0150000077",
        "NAME": "Kassim Tchédré",
        "YEAR": "1986",
        "DAY": "20/11",
        "VILLAGE": "kado",
        "AMOUNT": "1500",
        "NUMBER": "11005237542",
        "TEXT": "Pas de reçu",
        "RECEIPT": receipt[0] if receipt else "",
        "PIN": STAFF_PIN if row.who in ("animator", "treasurer", "agent") else PIN,
    }


def dials(phone: Handset, row: Row, said: dict[str, str]) -> Handset:
    """The short code, and what the aggregator tells us was dialled behind it."""
    network, code, *behind = row.dials.strip("*#").split("*")
    return phone.dial(f"*{network}*{code}#", deep="*".join(said.get(one, one) for one in behind))


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.who}: {row.wants}" for row in ROWS])
def test_a_journey_takes_as_many_answers_as_the_page_says(village: Place, row: Row) -> None:
    promise = PROMISES[row.who, row.wants]
    promise.before(village)
    said = words(village, row)
    phone = dials(village.phone(CALLERS[re.split(r"[, ]", row.who)[0]]), row, said)
    for typed in row.types:
        phone.sees_not(row.reads)
        phone.types(said.get(typed, typed))
    phone.sees(row.reads)
    assert phone.inputs == row.answers == len(row.types)
    assert phone.inputs <= promise.most


def test_the_page_has_a_row_for_every_journey_and_for_no_other() -> None:
    assert [(row.who, row.wants) for row in ROWS] == list(PROMISES)


@pytest.mark.parametrize("row", [row for row in ROWS if "AMOUNT#" in row.dials], ids=lambda row: row.who)
def test_what_is_dialled_at_once_is_confirmed_first(village: Place, row: Row) -> None:
    PROMISES[row.who, row.wants].before(village)
    said = words(village, row)
    before = village.counts()
    phone = dials(village.phone(CALLERS[re.split(r"[, ]", row.who)[0]]), row, said).is_asked()
    phone.sees("Payer 1 500 F pour la carte", "1 Oui")
    assert village.counts()["collection"] == before["collection"] == 0
    phone.types("1").hears_the_end()
    assert village.counts()["collection"] == 1
