"""What can't be read is asked again on the same screen, with a line that says what to write, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import pytest

from tests.ussd.handset import Handset
from tests.ussd.world import Place


@pytest.fixture(scope="module")
def numbers() -> Iterator[str]:
    """A number of its own for every test: they share one application."""
    return (f"+22901500{number:05d}" for number in count(10_000))


@pytest.fixture
def phone(town: Place, numbers: Iterator[str]) -> Handset:
    """A phone that has chosen its language and belongs to nobody yet."""
    return town.phone(next(numbers)).dial().picks("Français")


def _head_name(phone: Handset, town: Place) -> Handset:
    return phone.picks("Inscrire ma famille")


def _head_year(phone: Handset, town: Place) -> Handset:
    return _head_name(phone, town).types("Adjara Tchédré", "1")


def _find_section(phone: Handset, town: Place) -> Handset:
    return _head_year(phone, town).types("1991")


def _kin_name(phone: Handset, town: Place) -> Handset:
    return _find_section(phone, town).types("kado").picks("Fils")


def _kin_year(phone: Handset, town: Place) -> Handset:
    return _kin_name(phone, town).types("Idrissou T")


def _how_much(phone: Handset, town: Place) -> Handset:
    town.household_with(phone.msisdn)
    return phone.types("00").picks("Payer", "Autre montant")


def _which_phone(phone: Handset, town: Place) -> Handset:
    town.household_with(phone.msisdn)
    return phone.types("00").picks("Payer", "Payer le versement", "Payer avec un autre numéro")


@dataclass(frozen=True)
class Question:
    """A screen that is typed into: the way there, its question, a good answer, and what proves that all is there."""

    reach: Callable[[Handset, Place], Handset]
    asks: str
    good: str
    then: Callable[[Handset], object]


def _family_kept(phone: Handset) -> None:
    phone.picks("C'est tout").sees("Kadolassi.", "Adjara Tchédré 1991")


QUESTIONS = {
    "head's name": Question(
        _head_name, "Votre prénom et votre nom ?", "Adjara T", lambda p: p.sees("Adjara T : femme")
    ),
    "head's year": Question(
        _head_year, "Adjara Tchédré : année de naissance, ou âge ?", "1991", lambda p: _family_kept(p.types("kado"))
    ),
    "section": Question(_find_section, "Votre section : son numéro, ou le début de son nom ?", "kado", _family_kept),
    "kin's name": Question(_kin_name, "Fils : prénom et nom ?", "Kassim T", lambda p: _family_kept(p.types("2015"))),
    "kin's year": Question(_kin_year, "Idrissou T : année de naissance, ou âge ?", "2015", _family_kept),
    "amount": Question(_how_much, "Combien ? Au moins 200 F.", "700", lambda p: p.sees("Payer 700 F pour la carte")),
    "phone": Question(
        _which_phone,
        "Numéro du téléphone qui paie ?",
        "0150000002",
        lambda p: p.sees("Payer 2 100 F", "01 50 00 00 02"),
    ),
}

LETTERS, FULL, LONG = "Écrivez avec des lettres seulement.", "Écrivez le nom complet.", "60 lettres au plus."
NAMES = {
    "Adjara😀": LETTERS, "😀": LETTERS, "عائشة": LETTERS, "Айша": LETTERS, "阿依莎": LETTERS, "R2D2": LETTERS,
    "Awa*Gado": LETTERS, "Awa\x07Gado": LETTERS, "Awa\x00": LETTERS, "<b>Awa</b>": LETTERS, "{name}": LETTERS,
    "%s %s": LETTERS, "Awa; drop table household": LETTERS, "Awa_Gado": LETTERS, "€uro": LETTERS,
    "A": FULL, "é": FULL, "--": FULL, "...": FULL, "' '": FULL,
    "A" * 61: LONG, "Adjara " * 29: LONG, "é" * 200: LONG,
    "A" * 401: "C'est trop long.", "": "Tapez votre réponse.", "   ": "Tapez votre réponse.",
}  # fmt: skip
YEAR = "Écrivez une année comme 1985, ou un âge comme 40."
YEARS = ["quarante", "1850", "1905", "2027", "3000", "-5", "121", "19 91", "1991.0", "199l", "01/02/1991", "19991",
         "😀", "1e3", "½", "²", "9" * 300]  # fmt: skip
NO_SECTION = "Aucune section trouvée. Essayez d'autres lettres."
FIGURES = "Écrivez le montant en chiffres, comme 5000."
LEAST, MOST = "Au moins 200 F.", "Au plus 2 000 000 F à la fois."
AMOUNTS = {
    "-5": LEAST, "0,00": LEAST, "000": LEAST, "199": LEAST, "٠": LEAST, "-1 000": LEAST,
    "10k": FIGURES, "1e3": FIGURES, "10^12": FIGURES, "💰": FIGURES, "mille": FIGURES, "1000,50": FIGURES,
    "1 00": FIGURES, "1,00,000": FIGURES, "10 0000": FIGURES, "0x10": FIGURES, "1/2": FIGURES, "NaN": FIGURES,
    "inf": FIGURES, "1000 USD": FIGURES, "1 000 1": FIGURES, "+500+": FIGURES, "1️⃣000": FIGURES, "½": FIGURES,
    "1000*": FIGURES, "5.5.5": FIGURES,
    "2000001": MOST, "1000000000000": MOST, "1" + "0" * 25: MOST, "9" * 390: MOST, "2 000 001 F": MOST,
}  # fmt: skip
NOT_A_PHONE = "Ce n'est pas un numéro de mobile. Écrivez comme 01 50 01 0"
PHONES = ["50", "abc", "*123#", "01500000", "0021300000", "+33140000000", "0150000002*1", "0150-00-00-02x", "😀",
          "+", "1" * 30, "9" * 200, "+999123456789", "21300000", "٠١"]  # fmt: skip

ROWS = [
    *(("head's name", typed, line) for typed, line in NAMES.items()),
    *(("kin's name", typed, line) for typed, line in list(NAMES.items())[::4]),
    *(("head's year", typed, YEAR) for typed in YEARS),
    *(("kin's year", typed, YEAR) for typed in YEARS[::3]),
    *(("section", typed, NO_SECTION) for typed in ("xyz", "😀", "عائشة", "%", "_", "0x1", "\\", "💰💰", "9" * 300)),
    *(("amount", typed, line) for typed, line in AMOUNTS.items()),
    *(("phone", typed, NOT_A_PHONE) for typed in PHONES),
]


@pytest.mark.parametrize(("question", "typed", "line"), ROWS, ids=[f"{q}-{t[:20]!r}" for q, t, _ in ROWS])
def test_what_cannot_be_read_is_asked_again(phone: Handset, town: Place, question: str, typed: str, line: str) -> None:
    asked = QUESTIONS[question]
    asked.reach(phone, town).sees(asked.asks)
    phone.types(typed).is_asked().sees(line, asked.asks)
    asked.then(phone.types(asked.good))


@pytest.mark.parametrize("question", QUESTIONS)
def test_ten_errors_in_a_row_lose_nothing(phone: Handset, town: Place, question: str) -> None:
    asked = QUESTIONS[question]
    asked.reach(phone, town)
    for _ in range(10):
        phone.types("😀").is_asked().sees(asked.asks)
    asked.then(phone.types(asked.good))


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("10 000", "10 000 F"), ("10.000", "10 000 F"), ("10,000", "10 000 F"), ("10000", "10 000 F"),
        ("1000,00", "1 000 F"), ("1000.0", "1 000 F"), ("٥٠٠٠", "5 000 F"), ("５０００", "5 000 F"),
        ("5 000 FCFA", "5 000 F"), ("5000f", "5 000 F"), ("10\u00a0000 XOF", "10 000 F"), ("02000", "2 000 F"),
        ("200", "200 F"), ("2000000", "2 000 000 F"), ("1’000", "1 000 F"),
    ],
)  # fmt: skip
def test_an_amount_is_read_exactly_as_people_write_it(phone: Handset, town: Place, typed: str, shown: str) -> None:
    _how_much(phone, town).types(typed).sees(f"Payer {shown} pour la carte")
    phone.picks("Oui").hears_the_end().sees(shown)


def test_a_nought_is_an_amount_too_small_and_not_a_way_back(phone: Handset, town: Place) -> None:
    _how_much(phone, town).sees("00 Accueil").sees_not("0 Retour").types("0").sees(LEAST, "Combien ?")


@pytest.mark.parametrize(("typed", "born"), [("1", 2025), ("120", 1906), ("٤٠", 1986), ("２０００", 2000)])
def test_an_age_or_a_year_in_any_digits(phone: Handset, town: Place, typed: str, born: int) -> None:
    _kin_year(phone, town).types(typed).picks("C'est tout").sees(f"Idrissou T {born}")


@pytest.mark.parametrize(
    ("typed", "shown"),
    [("adjara tchédré", "Adjara Tchédré"), ("N'Goran  Koné-Ba", "N'Goran Koné-Ba"), ("DJÊNÉBA Œ", "Djenéba OE"),
     ("Ɖɔ̀sú", "Dosu"), ("ndayizeye", "Ndayizeye"), ("É" * 60, "É" + "é" * 59)],
)  # fmt: skip
def test_a_name_in_any_latin_letters_is_taken(phone: Handset, town: Place, typed: str, shown: str) -> None:
    _head_name(phone, town).types(typed).is_asked().sees(f"{shown} : femme ou homme ?")
