"""What can't be read is asked again on the same screen, with a line that says what to write, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import pytest

from tests.ussd.handset import Handset
from tests.ussd.world import ONE_PERSON, SHARED, STAFF_PIN, Place


@pytest.fixture(scope="module")
def numbers() -> Iterator[str]:
    """A number of its own for every test: they share one application."""
    return (f"+22901500{number:05d}" for number in count(10_000))


@pytest.fixture(scope="module", autouse=True)
def centres(town: Place) -> None:
    """Health centres in three districts."""
    town.facility("Centre de Kpaouya", "Séméré")
    town.facility("Clinique d'Itchélli", "Itchélli", kind="clinic")
    town.facility("Pharmacie d'Anandana", "Anandana", kind="pharmacy")


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


def _member(phone: Handset, town: Place, *names: str) -> Handset:
    town.household_with(phone.msisdn, *names)
    return phone.types("00")


def _months(phone: Handset, town: Place) -> Handset:
    return _member(phone, town).picks("Payer", "Plusieurs mois")


def _birth_name(phone: Handset, town: Place) -> Handset:
    return _member(phone, town).picks("Ma famille", "Ajouter quelqu'un", "Une naissance", "Fils")


def _birth_day(phone: Handset, town: Place) -> Handset:
    return _birth_name(phone, town).types("Idrissou T")


def _wedding_year(phone: Handset, town: Place) -> Handset:
    return _member(phone, town).picks("Ma famille", "Ajouter quelqu'un", "Un mariage").types("Moussa T")


def _death_day(phone: Handset, town: Place) -> Handset:
    family = _member(phone, town, "Adjara Tchédré", "Idrissou T").picks("Ma famille", "Quelqu'un est décédé")
    return family.picks("Idrissou T", "Décès")


def _receipt(phone: Handset, town: Place) -> Handset:
    return phone.picks("Autres services", "Vérifier un reçu")


def _complaint(phone: Handset, town: Place) -> Handset:
    return phone.picks("Autres services", "Se plaindre", "Un versement")


def _district(phone: Handset, town: Place) -> Handset:
    return phone.picks("Centres de santé")


def _pay_for(phone: Handset, town: Place) -> Handset:
    return phone.picks("Payer pour une famille")


def _new_pin(phone: Handset, town: Place) -> Handset:
    return _member(phone, town).picks("Autres services", "Code PIN", "Choisir un code PIN")


def _staff_pin(phone: Handset, town: Place, role: str = "animator", facility: int | None = None) -> Handset:
    town.staff_with(phone.msisdn, role, "Chabi Orou", facility_id=facility)
    return phone.dial().types("1")


def _animator(phone: Handset, town: Place) -> Handset:
    return _staff_pin(phone, town).types(STAFF_PIN)


def _whose_phone(phone: Handset, town: Place) -> Handset:
    return _animator(phone, town).picks("Inscrire une famille")


def _find_family(phone: Handset, town: Place) -> Handset:
    return _animator(phone, town).picks("Une famille")


def _give_phone(phone: Handset, town: Place) -> Handset:
    card = town.household_with(None)
    return _find_family(phone, town).types(card).picks("Ajouter un téléphone")


def _cash(phone: Handset, town: Place) -> Handset:
    card = town.household_with(None)
    return _find_family(phone, town).types(card).picks("Recevoir de l'argent")


def _patient(phone: Handset, town: Place) -> Handset:
    return _staff_pin(phone, town, "agent", town.facility()).types(STAFF_PIN)


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
    "section": Question(_find_section, "Votre section : le début de son nom ?", "kado", _family_kept),
    "kin's name": Question(_kin_name, "Fils : prénom et nom ?", "Kassim T", lambda p: _family_kept(p.types("2015"))),
    "kin's year": Question(_kin_year, "Idrissou T : année de naissance, ou âge ?", "2015", _family_kept),
    "amount": Question(_how_much, "Combien ? Au moins 200 F.", "700", lambda p: p.sees("Payer 700 F pour la carte")),
    "phone": Question(
        _which_phone,
        "Numéro du téléphone qui paie ?",
        "0150000002",
        lambda p: p.sees("Payer 2 100 F", "01 50 00 00 02"),
    ),
    "months": Question(_months, "Combien de mois ? 367 F par mois.", "2", lambda p: p.sees("Payer 734 F pour la")),
    "newborn's name": Question(
        _birth_name, "Prénom et nom ?", "Ali T", lambda p: p.picks("Hier").sees("Ajouter Ali T, 2026 ?")
    ),
    "day of a birth": Question(
        _birth_day, "Jour de la naissance ? Par exemple 25/12.", "20/11", lambda p: p.sees("Ajouter Idrissou T, 2026 ?")
    ),
    "spouse's year": Question(
        _wedding_year, "Moussa T : année de naissance, ou âge ?", "1990",
        lambda p: p.picks("Aujourd'hui").sees("Ajouter Moussa T, 1990 ?"),
    ),
    "day of a death": Question(
        _death_day, "Quel jour ? Par exemple 25/12.", "20 11", lambda p: p.sees("Idrissou T", "20/11/2026")
    ),
    "receipt": Question(
        _receipt, "Numéro et code du reçu, comme dans le SMS ?", "000018-12345", lambda p: p.sees("FAUX reçu.")
    ),
    "complaint": Question(
        _complaint, "Dites en quelques mots ce qui s'est passé.", "On m'a demandé 500 F",
        lambda p: p.sees("On m'a demandé 500 F", "1 Envoyer"),
    ),
    "district": Question(
        _district, "Quel district ?", "itche", lambda p: p.sees("Itchélli :", "1 Clinique d'Itchélli")
    ),
    "another family": Question(
        _pay_for, "Numéro de carte ou de téléphone de la famille ?", ONE_PERSON,
        lambda p: p.sees("Zacharie K.", "Carte"),
    ),
    "new PIN": Question(_new_pin, "Choisissez un code PIN", "730915", lambda p: p.sees("Le même code PIN encore une")),
    "staff PIN": Question(_staff_pin, "Votre code PIN de travail ?", STAFF_PIN, lambda p: p.sees("1 Une famille")),
    "a family's phone": Question(
        _whose_phone, "Numéro de téléphone de la famille ?", "0150000002", lambda p: p.sees("nom de l'adhérent ?")
    ),
    "the card for staff": Question(
        _find_family, "Numéro de carte ou de téléphone de la famille ?", SHARED,
        lambda p: p.sees("Zéphyrin Kanarivogel, carte"),
    ),
    "phone for a family": Question(
        _give_phone, "Numéro de téléphone de la famille ?", "0150000003",
        lambda p: p.sees("01 50 00 00 03 pour Adjara Tchédré ?"),
    ),
    "cash": Question(
        _cash, "Choisissez, ou tapez le montant.", "700", lambda p: p.sees("Adjara Tchédré : 700 F en espèces ?")
    ),
    "patient": Question(
        _patient, "Numéro de carte du patient, ou numéro de téléphone ?", ONE_PERSON, lambda p: p.sees("PAS couvert")
    ),
}  # fmt: skip

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

MONTHS = ["0", "25", "-1", "1.5", "deux", "2 mois", "😀", "½", "²", "100", "9" * 300]
DAY, AHEAD = "Écrivez le jour et le mois, par exemple 25/12.", "Ce jour n'est pas encore venu."
BAD_DAYS = {
    "hier": DAY, "31/02": DAY, "32/01": DAY, "00/00": DAY, "25-13": DAY, "29/02/2025": DAY, "1/1/1/1": DAY, "///": DAY,
    "310": DAY, "0131": DAY, "25.12.x": DAY, "😀😀😀": DAY, "9" * 300: DAY, "²²/11": DAY, "25/12/20261": DAY,
    "23/11/2026": AHEAD, "01/01/2027": AHEAD, "31122099": AHEAD, "25/12/26": AHEAD,
}  # fmt: skip
ASK_AGAIN = "Tapez un des numéros affichés."
NO_RECEIPT, NO_WORDS = "Ce n'est pas un numéro de reçu.", "Écrivez-le avec des mots."
NO_HOUSEHOLD, NO_NUMBER = "Aucun ménage n'a ce numéro.", "Écrivez les 9 chiffres de la carte"
NO_CARDS = {"abc": NO_NUMBER, "1": NO_NUMBER, "98": NO_NUMBER, "*1": NO_NUMBER, "208715668": NO_HOUSEHOLD,
            "999999999": NO_HOUSEHOLD, "20871566": NO_HOUSEHOLD, "😀": NO_NUMBER, "%": NO_NUMBER,
            "9" * 390: NO_HOUSEHOLD, "+33140000000": NO_HOUSEHOLD}  # fmt: skip
PIN_DIGITS, PIN_WEAK = "Un code PIN a 4 à 6 chiffres.", "Ce code PIN est trop facile."
BAD_PINS = {"123": PIN_DIGITS, "1234567": PIN_DIGITS, "12 34": PIN_DIGITS, "abcd": PIN_DIGITS, "-1234": PIN_DIGITS,
            "12345*": PIN_DIGITS, "²²²²": PIN_DIGITS, "0": PIN_DIGITS, "98": PIN_DIGITS, "1" * 300: PIN_DIGITS,
            "0000": PIN_WEAK, "1234": PIN_WEAK, "٩٨٧٦": PIN_WEAK, "2580": PIN_WEAK, "123123": PIN_WEAK}  # fmt: skip

ROWS = [
    *(("months", typed, "Écrivez un nombre de 1 à 24.") for typed in MONTHS if typed != "0"),
    *(("newborn's name", typed, line) for typed, line in list(NAMES.items())[1::5]),
    *(("day of a birth", typed, line) for typed, line in BAD_DAYS.items()),
    *(("day of a death", typed, line) for typed, line in list(BAD_DAYS.items())[::4]),
    *(("day of a birth", typed, ASK_AGAIN) for typed in ("3", "9", "", "٣")),
    ("day of a birth", "-", DAY),
    *(("spouse's year", typed, YEAR) for typed in YEARS[::3]),
    *(("receipt", typed, NO_RECEIPT) for typed in ("abc", "1", "12-34", "😀", "*1*2*3", "00001", "%d" * 9)),
    *(("complaint", typed, NO_WORDS) for typed in ("1", "12 500", "x", "...", "😀😀😀", "ab", "*1*2")),
    *(("complaint", typed, "C'est trop long.") for typed in ("é" * 301, "a b " * 100, "x" * 3000)),
    *(("district", typed, "Pas de district trouvé.") for typed in ("xyz", "😀😀😀", "%%%", "x" * 300, "\\.*")),
    *(("another family", typed, line) for typed, line in NO_CARDS.items()),
    *(("the card for staff", typed, line) for typed, line in list(NO_CARDS.items())[::2]),
    *(("patient", typed, line) for typed, line in list(NO_CARDS.items())[::2]),
    *(("new PIN", typed, line) for typed, line in BAD_PINS.items()),
    *(("staff PIN", typed, line) for typed, line in BAD_PINS.items() if line == PIN_DIGITS),
    *(("a family's phone", typed, NOT_A_PHONE) for typed in PHONES if len(typed) > 2),
    *(("phone for a family", typed, NOT_A_PHONE) for typed in PHONES[::2]),
    *(("cash", typed, line) for typed, line in AMOUNTS.items() if len(typed) > 2),
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
