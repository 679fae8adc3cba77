"""Promise 7: whatever a bad network repeats, reorders or loses, each hop gets its answer and nothing is done twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from gateway.sms.gsm7 import fold
from gateway.store import engine
from gateway.ussd.sessions import Session
from tests.ussd.handset import Handset
from tests.ussd.office import counted
from tests.ussd.world import (
    AGENT,
    ANIMATOR,
    CANARIES,
    FAMILY,
    MEMBER,
    MOOV,
    ONE_PERSON,
    OTHER_MTN,
    OUAKE,
    STAFF_PIN,
    TREASURER,
    UNION,
    VILLAGE,
    Place,
)

LOST = "La connexion a été coupée."
CHANGED = "Le menu a changé."
CUT_OFF = "Votre dernier appel a été coupé."


@dataclass
class EchoedHandset(Handset):
    """A phone on a line that delivers every request three times."""

    def posts(self, text: str) -> str:
        answer = super().posts(text)
        self.repeats(2)
        return answer


def register_up_to_the_look(phone: Handset, name: str = "Adjara Tchédré") -> Handset:
    """From Home to the screen where the next answer registers."""
    return phone.picks("Inscrire ma famille").types(name, "1", "1991", "kado").picks("C'est tout").sees("Kadolassi.")


def speak_french(place: Place, msisdn: str = MEMBER) -> None:
    """The phone has called before and chosen its language."""
    place.phone(msisdn).dial().picks("Français")


# --- the same request again -------------------------------------------------------------------------------------------


def test_every_hop_of_a_registration_and_a_payment_delivered_three_times(any_place: Place) -> None:
    before = any_place.counts()
    phone = EchoedHandset(MEMBER, any_place.post).dial().picks("Français")
    register_up_to_the_look(phone).picks("Inscrire").sees("C'est inscrit.")
    phone.picks("Payer maintenant", "Payer le versement", "Oui").hears_the_end().sees("Tapez votre code PIN")
    added = {table: count - before[table] for table, count in any_place.counts().items()}
    assert added == {"household": 1, "collection": 1, "message": 1, "effect": 3}


# --- every journey with an effect, delivered three times --------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """What a journey needs to know: who is at which phone, and a family of three on a phone of its own."""

    place: Place
    msisdn: str
    card: str

    def phone(self, msisdn: str = "") -> Handset:
        """A phone on the bad line, which has dialled."""
        return EchoedHandset(msisdn or self.msisdn, self.place.post).dial()

    def at_work(self, msisdn: str = ANIMATOR) -> Handset:
        """Staff at their desk."""
        return self.phone(msisdn).picks(DESKS[msisdn]).types(STAFF_PIN)

    def at_the_family(self) -> Handset:
        return self.at_work().picks("Une famille").types(self.card).sees("Adjara Tchédré, carte")


DESKS = {ANIMATOR: "Travail d'animateur", TREASURER: "Travail de trésorier", AGENT: "Vérifier un patient"}


def _takes_cash(told: Told) -> None:
    told.at_the_family().picks("Recevoir de l'argent").types("700").picks("Oui, je l'ai reçu").sees(
        "700 F enregistrés."
    )


def _hands_over(told: Told) -> None:
    _takes_cash(told)
    told.at_work().picks("Reçu aujourd'hui", "Remettre", "Oui").sees("700 F : le trésorier le confirme")


def _confirms(told: Told) -> None:
    _hands_over(told)
    told.at_work(TREASURER).picks("Argent à confirmer", "Chabi Orou", "Oui, je l'ai reçu").sees("chez vous.")


def _closes(told: Told) -> None:
    _confirms(told)
    told.at_work(TREASURER).picks("Clôturer le jour", "Clôturer").sees("journée clôturée.", "700 F")


def _announces(told: Told) -> None:
    told.phone().picks("Payer", "Tout payer", "Oui").hears_the_end()
    told.place.wallet_pays()
    told.place.wait(days=31)
    desk = told.at_work(AGENT).types(told.card).sees("COUVERT").picks("Adjara", "Annoncer la visite").sees("Visite no")
    desk.picks("Autre patient").types(told.card).picks("Rahina", "Annoncer la visite").sees("Visite no")


def _registers_for_others(told: Told) -> None:
    desk = told.at_work().picks("Inscrire une famille").types("0150000555", "Awa Bio", "1", "1990").picks("Awanla")
    desk.picks("C'est tout", "Inscrire").sees("C'est inscrit. Carte")


def _gives_a_phone(told: Told) -> None:
    told.at_the_family().picks("Ajouter un téléphone").types("0150000556").picks("Oui").sees("maintenant le leur.")


def _adds_a_child(told: Told) -> None:
    phone = told.phone().picks("Ma famille", "Ajouter quelqu'un", "Une naissance", "Fils").types("Ali Tchédré")
    phone.picks("Hier", "Ajouter").sees("Ali Tchédré est sur la carte.")


def _tells_of_a_death(told: Told) -> None:
    phone = told.phone().picks("Ma famille", "Quelqu'un est décédé", "Rahina", "Décès", "Hier").picks("Retirer")
    phone.sees("n'est plus sur la carte.")


def _renews(told: Told) -> None:
    told.place.wait(days=330)
    told.phone().picks("Ma famille", "Renouveler l'année", "Renouveler").sees("Renouvelé à partir du")


def _sets_a_pin(told: Told) -> None:
    told.phone().picks("Autres services", "Code PIN", "Choisir un code PIN").types("7306", "7306").sees("enregistré")


def _complains(told: Told) -> None:
    phone = told.phone().picks("Autres services", "Se plaindre", "Un versement").types("On m'a demandé de l'argent")
    phone.picks("Envoyer").hears_the_end()


def _asks_to_be_called(told: Told) -> None:
    told.phone().picks("Autres services", "Être rappelé", "Oui").hears_the_end().sees("C'est noté.")


# With the rows that each adds: a receipt goes to the payer and to the treasurer, most else to the family.
JOURNEYS: dict[str, tuple[Callable[[Told], None], dict[str, int]]] = {
    "cash": (_takes_cash, {"collection": 1, "message": 2}),
    "cash handed over": (_hands_over, {"collection": 1, "handover": 1, "message": 2}),
    "cash confirmed": (_confirms, {"collection": 1, "handover": 1, "message": 3}),
    "a day closed": (_closes, {"collection": 1, "handover": 1, "closing": 1, "message": 3}),
    "two visits": (_announces, {"collection": 1, "visit": 2, "message": 4}),
    "a family for staff": (
        _registers_for_others,
        {"household": 1, "beneficiary": 1, "membership": 1, "phone": 1, "message": 1},
    ),
    "a phone": (_gives_a_phone, {"phone": 1, "household_change": 1, "message": 1}),
    "a birth": (_adds_a_child, {"beneficiary": 1, "household_change": 1, "message": 1}),
    "a death": (_tells_of_a_death, {"household_change": 1, "message": 1}),
    "a new year": (_renews, {"membership": 1, "household_change": 1, "message": 1}),
    "a PIN": (_sets_a_pin, {"pin": 1, "household_change": 1, "message": 1}),
    "a complaint": (_complains, {"request": 1, "message": 1}),
    "a call back": (_asks_to_be_called, {"request": 1, "message": 1}),
}


@pytest.mark.parametrize("journey", JOURNEYS)
def test_every_journey_with_each_hop_delivered_three_times(place: Place, journey: str) -> None:
    go, added = JOURNEYS[journey]
    told = staffed(place)
    before = counted(place)
    go(told)
    more = {table: count - before[table] for table, count in counted(place).items() if table != "effect"}
    assert {table: count for table, count in more.items() if count} == added


def staffed(place: Place) -> Told:
    """A family of three that speaks French, in a mutuelle with its staff and a health centre."""
    at = place.facility("Centre de santé de Ouaké", "Ouaké")
    place.staff_with(ANIMATOR, "animator", "Chabi Orou")
    place.staff_with(TREASURER, "treasurer", "Bio Sarre")
    place.staff_with(AGENT, "agent", "Rissi Ali", "ouake", facility_id=at)
    card = place.household_with(MEMBER, *FAMILY)
    speak_french(place)
    return Told(place, MEMBER, card)


def test_a_wrong_guess_delivered_three_times_is_one_guess(place: Place) -> None:
    told = staffed(place)
    phone = told.phone(ANIMATOR).picks(DESKS[ANIMATOR])
    for _ in range(3):  # as many are free
        phone.types("7001").sees("Code PIN faux.")
    phone.types("7001").sees("Trop d'erreurs. Attendez 1 min.")
    member = told.phone().picks("Payer", "Pour une autre famille")
    for _ in range(5):  # and of these so many
        member.types("208715669").sees("Aucun ménage")
    member.types("208715669").sees("Trop d'erreurs. Attendez 1 min.")


def at_once(phone: Handset, text: str) -> Handset:
    """Two requests with one text leave together and get one answer."""
    gate = threading.Barrier(2)

    def post() -> str:
        gate.wait(5)
        return phone.raw(text)

    with ThreadPoolExecutor(2) as pool:
        first, second = [each.result(60) for each in [pool.submit(post), pool.submit(post)]]
    assert first == second
    phone.posts(text)
    assert phone.shown[-1] == first[4:]
    return phone


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks are waited for as long as a machine may stall: what is tried is what both do, not how soon."""
    monkeypatch.setattr(engine, "LOCK_TIMEOUT_MS", 30_000)
    monkeypatch.setattr(engine, "STATEMENT_TIMEOUT_MS", 30_000)


@pytest.mark.usefixtures("unhurried")
def test_two_deliveries_at_the_same_instant_do_one_thing_and_get_one_answer(pg_place: Place) -> None:
    rounds = 20
    before = pg_place.counts()
    for number in range(rounds):
        phone = pg_place.phone(f"+2290150000{500 + number}").dial().picks("Français")
        register_up_to_the_look(phone)
        at_once(phone, f"{phone.text}*1")
        phone.sees("C'est inscrit.").picks("Payer maintenant", "Payer le versement")
        at_once(phone, f"{phone.text}*1")
        phone.hears_the_end().sees("Tapez votre code PIN")
    added = {table: count - before[table] for table, count in pg_place.counts().items()}
    assert added == {"household": rounds, "collection": rounds, "message": rounds, "effect": 3 * rounds}


@pytest.mark.usefixtures("unhurried")
def test_staff_whose_requests_come_twice_at_the_same_instant_do_one_thing(pg_place: Place) -> None:
    told = staffed(pg_place)
    before = counted(pg_place)
    rounds = 5
    desk = pg_place.phone(ANIMATOR).dial().picks(DESKS[ANIMATOR])
    at_once(desk, f"{desk.text}*{STAFF_PIN}").sees("1 Une famille")
    for number in range(rounds):
        desk.picks("Une famille")
        at_once(desk, f"{desk.text}*{told.card}").picks("Recevoir de l'argent").types(f"70{number}")
        at_once(desk, f"{desk.text}*1").sees(f"70{number} F enregistrés.").types("00").picks(DESKS[ANIMATOR])
    desk.picks("Reçu aujourd'hui", "Remettre")
    at_once(desk, f"{desk.text}*1").sees("3 510 F : le trésorier le confirme")
    books = pg_place.phone(TREASURER).dial().picks(DESKS[TREASURER]).types(STAFF_PIN)
    books.picks("Argent à confirmer", "Chabi Orou")
    at_once(books, f"{books.text}*1").sees("chez vous.").picks(DESKS[TREASURER], "Clôturer le jour")
    at_once(books, f"{books.text}*1").sees("journée clôturée.", "3 510 F")
    more = {table: count - before[table] for table, count in counted(pg_place).items() if table != "effect"}
    assert {table: count for table, count in more.items() if count} == {
        "collection": rounds, "handover": 1, "closing": 1, "message": 2 * rounds + 1,
    }  # fmt: skip


def test_an_old_request_that_comes_late_changes_nothing(place: Place) -> None:
    phone = place.phone().dial().picks("Français")
    history = [""]
    for answer in ("1", "Adjara Tchédré", "1", "1991", "kado", "3", "Idrissou T", "2015"):
        history.append(phone.text)
        phone.types(answer)
    here = f"CON {phone.screen}"
    for old in history[:-4]:
        assert phone.raw(old) == here
    assert "Idrissou T : année de naissance" in phone.raw(history[-1])  # one of the last keeps its own answer
    phone.picks("C'est tout").sees("Adjara Tchédré 1991", "Idrissou T 2015")


def test_a_history_that_contradicts_ours_is_asked_again_and_then_followed(place: Place) -> None:
    phone = place.phone().dial().picks("Français").picks("Inscrire ma famille")
    assert "Répondez encore une fois.\nVotre prénom et votre nom ?" in phone.posts("7*7*7")
    phone.types("Adjara Tchédré").sees("femme ou homme")


# --- odd input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "odd", ["", " ", "*", "**", "#", "9", "-1", "1.5", "💰", "أ", "00000", "98", "0*", "\x00", "1e0", "²", "¹"]
)
def test_odd_input_at_a_choice_shows_the_choice_again(place: Place, odd: str) -> None:
    phone = place.phone().dial().picks("Français").picks("Autres services", "Langue").types(odd)
    phone.is_asked().sees("Tapez un des numéros affichés.", "1 Français", "2 English")
    phone.picks("Français").sees("Inscrire ma famille")


@pytest.mark.parametrize("one", ["1", " 1 ", "01", "١", "１"])
def test_a_number_is_a_number_in_any_digits(place: Place, one: str) -> None:
    place.phone().dial().picks("Français").types(one).sees("Votre prénom et votre nom ?")


def test_a_choice_that_was_not_shown_yet_is_not_taken(place: Place) -> None:
    speak_french(place)
    phone = place.phone().dial().picks("Inscrire ma famille").types("Adjara Tchédré", "1", "1991", "kado")
    for letter in "abcdefg":
        phone.picks("Fille").types(f"Rahina {letter * 20}", "2015")
    phone.picks("C'est tout").sees("98 Suite").sees_not("1 Inscrire")
    phone.types("1").is_asked().sees("Tapez un des numéros affichés.")
    assert place.counts()["household"] == 3
    phone.picks("Inscrire").sees("C'est inscrit.")


def test_stars_typed_into_a_name_are_not_taken_for_answers(place: Place) -> None:
    phone = place.phone().dial().picks("Français").picks("Inscrire ma famille").types("Awa*1*1")
    phone.is_asked().sees("Écrivez avec des lettres seulement.", "Votre prénom et votre nom ?")
    phone.types("Awa Gado").sees("Awa Gado : femme ou homme ?")


def test_a_history_of_five_hundred_stars_is_answered(place: Place) -> None:
    place.household_with(MEMBER)
    speak_french(place)
    phone = place.phone().dial(deep="1" + "*1" * 500).is_asked()
    phone.types("1").is_asked()
    phone.types(*("1" * 20))
    assert place.counts()["collection"] == 0
    assert place.post(
        {"sessionId": "s", "phoneNumber": MEMBER, "serviceCode": OUAKE, "text": "1*" * 5_000}
    ).body.startswith("END Désolé")


# --- deep dials -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deep", "sees"),
    [
        ("1", "Pas encore couvert."),
        ("2", "1 Payer le versement"),
        ("2*1", "Payer 2 100 F pour la carte"),
        ("2*1*1", "Payer 2 100 F pour la carte"),
        ("2*1*1*1*1", "Payer 2 100 F pour la carte"),
        ("2*3*700*1", "Payer 700 F pour la carte"),
        ("2*3*dix", "Écrivez le montant en chiffres"),
        ("2*700*1", "Payer 700 F pour la carte"),
        ("2*4*2*1", "Payer 734 F pour la carte"),
        ("3", "Aucun versement"),
        ("4*1*1*1*Ali Tchédré*1*1", "1 Ajouter"),
        ("6*1", "1 Français"),
        ("6*1*2", "1 Français"),
        ("6*5*1", "1 Arrêter les rappels"),
        ("6*6*1*7306*7306", "Le même code PIN encore une fois."),
        ("9", "Tapez un des numéros affichés."),
    ],
)
def test_a_deep_dial_goes_as_far_as_it_may_and_never_through_an_effect(place: Place, deep: str, sees: str) -> None:
    place.household_with(MEMBER)
    speak_french(place)
    before = place.counts()
    phone = place.phone().dial(deep=deep).is_asked().sees(sees)
    assert place.counts() == before
    if deep == "2*1*1":
        phone.picks("Oui").hears_the_end().sees("Tapez votre code PIN")


def test_a_deep_dial_before_a_language_is_chosen_stops_there(place: Place) -> None:
    place.phone().dial(deep="1*1").is_asked().sees("1 Français")


def test_a_deep_dial_does_not_register(place: Place) -> None:
    speak_french(place)
    phone = place.phone().dial(deep="1*Adjara Tchédré*1*1991*kado*8*1").sees("1 Inscrire")
    assert place.counts()["household"] == 3
    phone.picks("Inscrire").sees("C'est inscrit.")


# --- what is lost -----------------------------------------------------------------------------------------------------


def test_redis_emptied_in_mid_session_leads_home_with_a_word(place: Place) -> None:
    place.household_with(MEMBER)
    speak_french(place)
    phone = place.phone().dial().picks("Payer", "Payer le versement")
    place.runtime.redis.flushall()
    phone.types("1").is_asked().sees(LOST, "Bonjour Adjara Tchédré.")
    assert place.counts()["collection"] == 0
    phone.picks("Payer", "Payer le versement", "Oui").hears_the_end()
    assert place.counts()["collection"] == 1


def test_redis_emptied_after_a_payment_was_asked_for_asks_no_second_time(any_place: Place) -> None:
    any_place.household_with(MEMBER)
    speak_french(any_place)
    phone = any_place.phone().dial().picks("Payer", "Payer le versement", "Oui").hears_the_end()
    any_place.runtime.redis.flushall()
    assert LOST in phone.posts(phone.text)
    phone.picks("Payer", "Payer le versement", "Oui").hears_the_end().sees("Un paiement est déjà en cours")
    assert any_place.counts()["collection"] == 1


def _payment(place: Place) -> Handset:
    place.household_with(MEMBER)
    speak_french(place)
    return place.phone().dial().picks("Payer", "Payer le versement", "Oui").hears_the_end()


def _registration(place: Place) -> Handset:
    speak_french(place)
    return register_up_to_the_look(place.phone().dial()).picks("Inscrire")


def _cash(place: Place) -> Handset:
    told = staffed(place)
    desk = place.phone(ANIMATOR).dial().picks(DESKS[ANIMATOR]).types(STAFF_PIN).picks("Une famille").types(told.card)
    return desk.picks("Recevoir de l'argent").types("700").picks("Oui, je l'ai reçu").sees("700 F enregistrés.")


def _birth(place: Place) -> Handset:
    staffed(place)
    phone = place.phone().dial().picks("Ma famille", "Ajouter quelqu'un", "Une naissance", "Fils")
    return phone.types("Ali Tchédré").picks("Hier", "Ajouter").sees("Ali Tchédré est sur la carte.")


@pytest.mark.parametrize("effect", [_payment, _registration, _cash, _birth])
def test_an_effect_whose_answer_was_lost_with_its_session_is_not_done_again(
    any_place: Place, effect: Callable[[Place], Handset]
) -> None:
    phone = effect(any_place)
    done = counted(any_place)
    any_place.forget_sessions()
    again = phone.posts(phone.text)
    assert again.startswith("CON ")  # rebuilt from the history up to the question or a PIN, or home
    phone.types("1")
    assert {**counted(any_place), "effect": 0} == {**done, "effect": 0}


def test_one_session_lost_is_rebuilt_from_its_history(place: Place) -> None:
    speak_french(place)
    phone = place.phone().dial().picks("Inscrire ma famille").types("Adjara Tchédré", "1", "1991", "kado")
    phone.picks("Fils").types("Idrissou T")
    place.forget_sessions()
    phone.types("2015").sees("2 personnes. Ajouter").picks("C'est tout").sees("Adjara Tchédré 1991", "Idrissou T 2015")


def test_a_session_id_that_another_number_brings_shows_nothing_of_the_first(place: Place) -> None:
    speak_french(place, ONE_PERSON)
    first = place.phone(ONE_PERSON).dial().picks("Ma couverture")
    assert CANARIES[2].split()[1] in first.reads()
    for text in ("", first.text, f"{first.text}*1", "1"):
        stranger = place.phone(MOOV)
        stranger.session_id, stranger.code = first.session_id, first.code
        assert "Kanarivogel" not in stranger.posts(text)
        assert first.screen not in stranger.screen
    first.picks("Payer").sees("Carte")


# --- a dropped call ---------------------------------------------------------------------------------------------------


def test_after_a_drop_the_next_call_goes_on_exactly_there(any_place: Place) -> None:
    any_place.phone().dial().picks("Français")
    phone = any_place.phone().dial().picks("Inscrire ma famille").types("Adjara Tchédré", "1", "1991", "kado")
    phone.picks("Fils").types("Idrissou T")
    there = phone.screen
    next_call = any_place.phone().dial().sees(CUT_OFF, "1 Continuer", "2 Recommencer").picks("Continuer")
    assert next_call.screen == there
    next_call.types("2015").sees("2 personnes. Ajouter").types("0").sees("Idrissou T : année de naissance")
    next_call.types("2016").picks("C'est tout").sees("2 personnes", "Adjara Tchédré 1991", "Idrissou T 2016")
    next_call.picks("Inscrire").sees("C'est inscrit.")


def test_a_page_that_was_read_halfway_is_gone_on_with(place: Place) -> None:
    speak_french(place)
    phone = place.phone().dial().picks("Inscrire ma famille").types("Adjara Tchédré", "1", "1991", "kado")
    for letter in "abcdefg":
        phone.picks("Fille").types(f"Rahina {letter * 20}", "2015")
    phone.picks("C'est tout").types("98")
    there = phone.screen
    assert place.phone().dial().picks("Continuer").screen == there


@pytest.mark.parametrize("leave", ["drop", "home"])
def test_who_is_cut_off_while_the_pin_is_asked_for_loses_nothing(place: Place, leave: str) -> None:
    told = staffed(place)
    desk = place.phone(ANIMATOR).dial().picks(DESKS[ANIMATOR]).types(STAFF_PIN).picks("Une famille").types(told.card)
    desk.picks("Recevoir de l'argent").types("700").sees("700 F en espèces")
    again = place.phone(ANIMATOR).dial().sees(CUT_OFF).picks("Continuer").sees("Votre code PIN de travail ?")
    if leave == "drop":
        again = place.phone(ANIMATOR).dial().sees(CUT_OFF).picks("Continuer")
    else:
        again.types("00").picks("Continuer où j'étais")
    again.sees("Votre code PIN de travail ?").types(STAFF_PIN).sees("700 F en espèces").picks("Oui, je l'ai reçu")
    again.sees("700 F enregistrés.").types("00").sees_not("Continuer où")
    assert place.counts()["collection"] == 1


def test_a_second_drop_before_the_answer_loses_nothing(place: Place) -> None:
    speak_french(place)
    there = place.phone().dial().picks("Inscrire ma famille").types("Adjara Tchédré").screen
    for _ in range(3):
        place.phone().dial().sees(CUT_OFF)
    assert place.phone().dial().picks("Continuer").screen == there


def test_who_starts_again_is_not_asked_again(place: Place) -> None:
    speak_french(place)
    place.phone().dial().picks("Inscrire ma famille").types("Adjara Tchédré")
    place.phone().dial().picks("Recommencer").sees("Inscrire ma famille")
    place.phone().dial().sees("Inscrire ma famille").sees_not(CUT_OFF)


@pytest.mark.parametrize("way", ["0", "9", "*", "#"])
def test_the_offer_to_go_on_is_not_lost_by_a_typing_error(place: Place, way: str) -> None:
    speak_french(place)
    there = place.phone().dial().picks("Inscrire ma famille").types("Adjara Tchédré").screen
    phone = place.phone().dial().types(way).sees("Tapez un des numéros affichés.", CUT_OFF)
    assert phone.picks("Continuer").screen == there


def test_a_payment_that_was_asked_for_is_never_offered_again(any_place: Place) -> None:
    _payment(any_place)
    any_place.phone().dial().sees("Bonjour Adjara Tchédré.").sees_not(CUT_OFF)


def test_a_confirmation_that_was_dropped_before_its_answer_is_offered_and_asks_once(place: Place) -> None:
    place.household_with(MEMBER)
    speak_french(place)
    place.phone().dial().picks("Payer", "Payer le versement").sees("1 Oui")
    assert place.counts()["collection"] == 0
    place.phone().dial().sees(CUT_OFF).picks("Continuer", "Oui").hears_the_end()
    assert place.counts()["collection"] == 1


def test_nobody_elses_dropped_call_is_offered(place: Place) -> None:
    speak_french(place)
    speak_french(place, OTHER_MTN)
    place.phone().dial().picks("Inscrire ma famille").types("Adjara Tchédré")
    place.phone(OTHER_MTN).dial().sees_not(CUT_OFF).sees("Inscrire ma famille")


@pytest.mark.parametrize("later_calls", [1, 3])
def test_a_request_of_a_call_that_was_dialled_over_comes_too_late(place: Place, later_calls: int) -> None:
    place.household_with(MEMBER)
    speak_french(place)
    old = place.phone().dial().picks("Payer", "Payer le versement").sees("1 Oui")
    for _ in range(later_calls):
        new = place.phone().dial()
    there = new.picks("Continuer").screen
    for text in (f"{old.text}*1", old.text, "", f"{old.text}*2"):
        assert old.raw(text).startswith(f"END {fold(LOST)}")
    assert place.counts()["collection"] == 0
    assert new.repeats().screen == there
    new.picks("Oui").hears_the_end()
    assert old.raw(f"{old.text}*1").startswith("END")
    assert place.counts()["collection"] == 1


def test_calls_on_two_short_codes_keep_out_of_each_others_way(place: Place) -> None:
    speak_french(place)
    first = place.phone().dial().picks("Inscrire ma famille")
    second = place.phone().dial(VILLAGE).sees_not(CUT_OFF).picks("Inscrire ma famille")
    first.types("Adjara Tchédré").sees("Adjara Tchédré : femme")
    second.types("Amina Gado").sees("Amina Gado : femme")
    place.phone().dial(VILLAGE).picks("Continuer").sees("Amina Gado : femme")
    place.phone().dial(OUAKE).picks("Continuer").sees("Adjara Tchédré : femme")


# --- a new version of the menu ----------------------------------------------------------------------------------------


def rename_screens(place: Place) -> None:
    """Every stored session now stands on a screen that this program doesn't have."""
    sessions = place.runtime.sessions
    for key in place.runtime.redis.scan_iter("ussd:s:*"):
        session = sessions.load(key.decode())
        assert isinstance(session, Session)
        session.screen = "Gone {}"
        sessions.save(key.decode(), session, None)


def test_a_screen_that_is_gone_leads_home_with_a_word(place: Place) -> None:
    speak_french(place)
    phone = place.phone().dial().picks("Inscrire ma famille").types("Adjara Tchédré")
    rename_screens(place)
    phone.types("1").is_asked().sees(CHANGED, UNION, "1 Inscrire ma famille")


def test_a_dropped_call_on_a_screen_that_is_gone_leads_home_with_a_word(place: Place) -> None:
    speak_french(place)
    place.phone().dial().picks("Inscrire ma famille").types("Adjara Tchédré")
    rename_screens(place)
    place.phone().dial().is_asked().sees(CHANGED, "1 Inscrire ma famille")


@pytest.mark.parametrize("written", [b"\xff{", b"", b"{}", b"[1, 2]", b"null", b'{"id": "ATUid_1"}\nHome {}'])
def test_a_session_that_cannot_be_read_at_all_leads_home_with_a_word(place: Place, written: bytes) -> None:
    # Another version of this program wrote it, which is at work beside this one while they are exchanged.
    speak_french(place)
    phone = place.phone().dial().picks("Inscrire ma famille")
    for key in place.runtime.redis.scan_iter("ussd:s:*"):
        place.runtime.redis.set(key, written)
    phone.types("Adjara Tchédré").is_asked().sees(CHANGED, "1 Inscrire ma famille")
    phone.picks("Inscrire ma famille").types("Adjara Tchédré").sees("Adjara Tchédré : femme ou homme ?")


# --- an ended session -------------------------------------------------------------------------------------------------


def test_an_ended_session_repeats_its_end_and_goes_on_at_home(place: Place) -> None:
    phone = _payment(place)
    done = place.counts()
    phone.repeats(3)
    phone.open = True
    phone.types("1").is_asked().sees(LOST, "Bonjour Adjara Tchédré.")
    assert place.counts() == done


def test_what_the_network_brings_late_of_a_call_before_changes_nothing(place: Place) -> None:
    speak_french(place)
    late = place.phone().dial().picks("Inscrire ma famille").types("Adjara Tchédré")
    now = place.phone().dial().picks("Continuer").types("1")
    late.types("1").sees(LOST).hears_the_end()
    now.types("1991").sees("Votre section")
