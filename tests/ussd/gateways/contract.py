"""What every gateway must do, however it asks: one suite, on its own wire, with real databases and a real Redis."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar

import pytest
from sqlalchemy import func, select

from gateway.sms.gsm7 import septets
from gateway.store.schema import request
from tests.ussd.gateways.line import BETWEEN_HOPS_S, CONFIRM, Hop, Line, Phone, ask, phone
from tests.ussd.handset import SECRET
from tests.ussd.world import (
    CANARIES,
    MEMBER,
    MOOV,
    NARROW,
    ONE_PERSON,
    OTHER_MTN,
    OUAKE,
    UNION,
    WIDE,
    Place,
    StandingRuntime,
    settings,
)

LOST = "The connection was lost."
CUT_OFF = "Your last call was cut off."
SORRY = "Désolé"  # the default language
NO_REDIS = "redis://127.0.0.1:9"  # the discard port: nobody listens
# Every letter that a wire may swallow: of a form, of a query, of JSON and of a history joined by stars.
FREE_TEXTS = [
    "Élodie a été refusée à l'hôpital, ça coûte 5 000 F",
    "payé & rien reçu",
    "demandé 500+200=700 F",
    "mon numéro est *21# ou #21*",
    'il a dit "non" \\ puis {oui} %41 ?a=b;c',
    "  deux  espaces  ",
    "ɔ̀ dɔ́ nú mì ŋ",
    "1*2*3 fois",
]
LONG_NAME = "Abdoul-Rachidatou Ouédraogo Tchassanti Bawouroumodomé"


def speak_english(place: Place, line: Line, msisdn: str = MEMBER) -> None:
    """The phone has called before and chosen its language."""
    phone(place, line, msisdn).dial().picks("English")


def complaint(place: Place, line: Line, text: str = "payé & rien reçu", msisdn: str = MEMBER) -> Phone:
    """On the screen where the next answer files a complaint: only the effect's key keeps it from doing so twice."""
    speak_english(place, line, msisdn)
    at = phone(place, line, msisdn).dial().picks("Other services", "Complain", "Something else")
    return at.types(text).sees("1 Send")


def registration(place: Place, line: Line) -> Phone:
    """On the screen where the next answer registers a family."""
    speak_english(place, line)
    at = phone(place, line).dial().picks("Register my family").types("Adjara Tchédré", "1", "1991", "kado")
    return at.picks("That is all").sees("1 Register")


def payment(place: Place, line: Line) -> Phone:
    """On the screen where the next answer asks a wallet for money."""
    place.household_with(MEMBER)
    speak_english(place, line)
    at = phone(place, line).dial().picks("Pay", "Pay what is due").sees("1 Yes")
    if not line.whole:  # the key that led here may have come twice: it doesn't answer before it is asked for once more
        at.place.wait(seconds=5)
        at.hop = replace(at.hop, typed=(*at.hop.typed, "1"))
        at.gets(at.delivers(at.hop))
        at.sees(CONFIRM, "1 Yes")
    return at


def counts(place: Place) -> dict[str, int]:
    """The rows that effects write, complaints among them."""
    with place.runtime.store.read() as connection:
        return {**place.counts(), "request": connection.scalar(select(func.count()).select_from(request)) or 0}


def added(place: Place, before: dict[str, int]) -> dict[str, int]:
    """What has been written since; without the keys of the effects."""
    now = counts(place)
    return {table: now[table] - before[table] for table in now if table != "effect" and now[table] != before[table]}


@contextmanager
def full_redis(place: Place) -> Iterator[None]:
    """Redis can be read and takes nothing more, as when its memory is full."""
    place.runtime.redis.config_set("maxmemory", 1)
    try:
        yield
    finally:
        place.runtime.redis.config_set("maxmemory", 0)


def together(at: Phone, hop: Hop) -> list[str]:
    """What two deliveries of one request, at the same instant, are answered."""
    gate = threading.Barrier(2)

    def deliver() -> str:
        gate.wait(5)
        return at.delivers(hop)

    with ThreadPoolExecutor(2) as pool:
        return [each.result(10) for each in [pool.submit(deliver), pool.submit(deliver)]]


class GatewayContract:
    """The suite: a class of tests for each gateway inherits it and says its line."""

    line: ClassVar[Line]

    # --- a call ---------------------------------------------------------------------------------------------------

    def test_a_first_dial(self, place: Place) -> None:
        phone(place, self.line).dial().is_asked().sees(UNION, "1 Français", "2 English")

    def test_a_call_from_the_first_screen_to_the_end(self, any_place: Place) -> None:
        before = counts(any_place)
        at = registration(any_place, self.line).picks("Register").is_asked().sees("Registered. Your card:")
        at.picks("Pay now", "Pay what is due", "Yes").hears_the_end().sees("Now type your PIN")
        assert added(any_place, before) == {"household": 1, "collection": 1, "message": 1}

    @pytest.mark.parametrize("text", FREE_TEXTS)
    def test_free_text_arrives_letter_by_letter(self, place: Place, text: str) -> None:
        complaint(place, self.line, text).picks("Send").hears_the_end().sees("is written down")
        with place.runtime.store.read() as connection:
            assert connection.scalars(select(request.c.text)).all() == [" ".join(text.split())]

    @pytest.mark.parametrize("odd", [" ", "*", "**", "#", "*1#", "9", "-1", "💰", "00000", "\x00", "1e0", "%31", "+1"])
    def test_odd_input_at_a_choice_shows_the_choice_again(self, place: Place, odd: str) -> None:
        at = phone(place, self.line).dial().types(odd).is_asked()
        at.sees("1 Français", "2 English").picks("English").sees("1 Register my family")

    def test_an_empty_answer_shows_the_screen_again(self, place: Place) -> None:
        at = complaint(place, self.line)
        at.types("").is_asked().sees("1 Send").picks("Send").hears_the_end()
        assert counts(place)["request"] == 1

    def test_the_same_answer_to_the_next_question_is_an_answer(self, place: Place) -> None:
        at = phone(place, self.line).dial().types("2").sees("1 Register my family")
        at.types("1").sees("Your first and last name?").types("Awa Gado").types("1").types("40")
        at.sees("Your section").types("kado").types("8").sees("Awa Gado 1986")

    # --- the same request again -----------------------------------------------------------------------------------

    def test_every_hop_delivered_three_times(self, any_place: Place) -> None:
        before = counts(any_place)
        at = phone(any_place, self.line).dial().repeats().picks("English").repeats()
        for answer in ("1", "Adjara Tchédré", "1", "1991", "kado", "8", "1"):
            at.types(answer).repeats()
        at.sees("Registered.").types("1").repeats().types("1").repeats().types("1").repeats()
        at.hears_the_end().sees("Now type your PIN")
        assert added(any_place, before) == {"household": 1, "collection": 1, "message": 1}

    def test_two_deliveries_at_the_same_instant(self, pg_place: Place) -> None:
        before = counts(pg_place)
        rounds = 5
        for number in range(rounds):
            at = complaint(pg_place, self.line, msisdn=f"+229015000050{number}")
            pg_place.wait(seconds=BETWEEN_HOPS_S)
            first, second = together(at, replace(at.hop, typed=(*at.hop.typed, "1")))
            assert first == second
            assert first.startswith("END Complaint")
        assert added(pg_place, before) == {"request": rounds, "message": rounds}

    def test_the_opening_request_that_comes_late_changes_nothing(self, place: Place) -> None:
        at = complaint(place, self.line)
        place.wait(seconds=60)
        here = f"CON {at.screen}"
        assert at.delivers(at.sent[0]) == here
        at.picks("Send").hears_the_end()
        place.wait(seconds=60)
        assert at.delivers(at.sent[0]) == f"END {at.screen}"
        assert counts(place)["request"] == 1

    def test_the_last_request_that_comes_again_long_after_the_end_does_nothing(self, any_place: Place) -> None:
        at = complaint(any_place, self.line).picks("Send").hears_the_end()
        any_place.wait(minutes=4)
        at.repeats(3)
        assert counts(any_place)["request"] == 1

    def test_a_whole_call_that_comes_again_backwards_after_its_end_does_nothing(self, place: Place) -> None:
        at = complaint(place, self.line).picks("Send").hears_the_end()
        done = counts(place)
        for late in reversed(at.sent):
            place.wait(seconds=3)
            at.delivers(late)
        assert {**counts(place), "effect": 0} == {**done, "effect": 0}

    def test_whatever_comes_of_a_call_that_was_dialled_over_does_nothing(self, place: Place) -> None:
        old = complaint(place, self.line)
        new = phone(place, self.line).dial().sees(CUT_OFF).picks("Go on").sees("1 Send")
        there = new.screen
        for late in (replace(old.hop, typed=(*old.hop.typed, "1")), *reversed(old.sent)):
            assert old.delivers(late).startswith(f"END {LOST}")
        assert counts(place)["request"] == 0
        new.repeats(1)
        assert new.screen == there
        new.picks("Send").hears_the_end()
        assert counts(place)["request"] == 1

    # --- what is lost ---------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("journey", [complaint, registration, payment])
    def test_an_effect_whose_answer_was_lost_is_not_done_again(
        self, any_place: Place, journey: Callable[[Place, Line], Phone]
    ) -> None:
        at = journey(any_place, self.line)
        before = counts(any_place)
        with full_redis(any_place):
            at.types("1").hears_the_end().sees(SORRY)
        once = added(any_place, before)
        assert once
        assert once in ({"request": 1, "message": 1}, {"household": 1, "message": 1}, {"collection": 1})
        # The gateway delivers what it got no good answer to once more.
        for wait_s in (0, 1, 8):
            any_place.wait(seconds=wait_s)
            answer = at.delivers(at.hop)
            assert SORRY not in answer
            assert LOST not in answer
        assert added(any_place, before) == once

    @pytest.mark.parametrize("journey", [complaint, registration, payment])
    def test_an_effect_whose_answer_was_lost_is_not_done_again_by_the_next_call(
        self, any_place: Place, journey: Callable[[Place, Line], Phone]
    ) -> None:
        """The call is cut, the next one offers the question again, and the answer is what it was."""
        at = journey(any_place, self.line)
        before = counts(any_place)
        with full_redis(any_place):
            at.types("1").hears_the_end().sees(SORRY)
        once = added(any_place, before)
        phone(any_place, self.line).dial().sees(CUT_OFF)
        again = phone(any_place, self.line).dial().sees(CUT_OFF).picks("Go on").types("7").types("1")
        assert added(any_place, before) == once
        again.sees_not("already")

    @pytest.mark.parametrize("journey", [complaint, registration, payment])
    def test_an_effect_whose_session_was_dropped_from_redis_is_not_done_again(
        self, any_place: Place, journey: Callable[[Place, Line], Phone]
    ) -> None:
        before = counts(any_place)
        at = journey(any_place, self.line).types("1")
        once = added(any_place, before)
        any_place.forget_sessions()
        again = at.delivers(at.hop)
        assert again.startswith("CON ")
        assert added(any_place, before) == once

    def test_after_a_drop_the_next_call_goes_on_there(self, any_place: Place) -> None:
        there = complaint(any_place, self.line).screen
        at = phone(any_place, self.line).dial().is_asked().sees(CUT_OFF, "1 Go on", "2 Start again").picks("Go on")
        assert at.screen == there
        at.picks("Send").hears_the_end()
        assert counts(any_place)["request"] == 1

    def test_nobody_elses_dropped_call_is_offered(self, place: Place) -> None:
        complaint(place, self.line)
        speak_english(place, self.line, OTHER_MTN)
        phone(place, self.line, OTHER_MTN).dial().sees("1 Register my family").sees_not(CUT_OFF)

    def test_redis_emptied_in_mid_session_leads_home_with_a_word(self, any_place: Place) -> None:
        at = complaint(any_place, self.line)
        any_place.runtime.redis.flushall()
        at.types("1").is_asked().sees(LOST, "1 Register my family")
        assert counts(any_place)["request"] == 0
        at.picks("Other services", "Complain", "Something else").types("encore").picks("Send").hears_the_end()
        assert counts(any_place)["request"] == 1

    def test_redis_emptied_between_two_effects_swallows_neither(self, place: Place) -> None:
        """The hops of the session are counted anew, and yet the second effect isn't taken for the first."""
        at = registration(place, self.line)
        hops = len(at.sent)
        at.types("1").sees("Registered.")
        place.runtime.redis.flushall()
        at.types("9").sees(LOST, "1 My cover").picks("Other services", "Complain", "Something else").types("encore")
        for _ in range(hops - 5):
            at.types("9").sees("1 Send")
        at.types("1").hears_the_end().sees("Complaint")
        assert (counts(place)["request"], counts(place)["household"]) == (1, 4)

    def test_a_redis_that_is_not_there(self, on_sqlite: str) -> None:
        elsewhere = Place(StandingRuntime(settings(on_sqlite, NO_REDIS)))
        phone(elsewhere, self.line).dial().hears_the_end().sees(SORRY)
        elsewhere.close()

    # --- deep dials -----------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("deep", "sees"),
        [
            ("1", "Not covered yet."),
            ("2", "Pay what is due"),
            ("2*1", "1 Yes"),
            ("2*1*1", "1 Yes"),
            ("2*700*1*1", "Pay 700 F"),
            ("77", "Please type one of the numbers shown."),
        ],
    )
    def test_a_deep_dial_goes_as_far_as_it_may_and_never_through_an_effect(
        self, place: Place, deep: str, sees: str
    ) -> None:
        place.household_with(MEMBER)
        speak_english(place, self.line)
        before = counts(place)
        at = phone(place, self.line).dial(deep=deep).is_asked().sees(sees).repeats()
        assert added(place, before) == {}
        if sees == "1 Yes":
            at.picks("Yes").hears_the_end().sees("Now type your PIN")
            assert added(place, before) == {"collection": 1}

    # --- who asks -------------------------------------------------------------------------------------------------

    def test_a_session_id_that_another_number_brings_shows_nothing_of_the_first(self, place: Place) -> None:
        speak_english(place, self.line, ONE_PERSON)
        first = phone(place, self.line, ONE_PERSON).dial().picks("My cover")
        assert CANARIES[2].split()[1] in first.reads()
        there = first.hop
        for hop in (there, replace(there, typed=()), replace(there, typed=(*there.typed, "1"))):
            answer = phone(place, self.line, MOOV).delivers(replace(hop, msisdn=MOOV))
            assert "Kanarivogel" not in answer
            assert first.screen not in answer
        first.types("00").sees("Welcome, Zacharie Kanarivogel.")

    @pytest.mark.parametrize("written", ["+2290150000001", "2290150000001", "+22950000001", " 2290150000001 "])
    def test_one_person_is_one_person_however_the_number_is_written(self, place: Place, written: str) -> None:
        place.household_with(MEMBER)
        speak_english(place, self.line)
        phone(place, self.line, written).dial().sees("Welcome, Adjara Tchédré.")

    def test_a_caller_whom_no_mutuelle_serves_is_told(self, place: Place) -> None:
        phone(place, self.line, "+33600000000").dial("*999#").hears_the_end().sees("Aucune mutuelle")

    # --- screens --------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(("code", "budget"), [(NARROW, 80), (OUAKE, 160), (WIDE, 182)])
    def test_no_screen_is_longer_than_its_code_allows_and_the_gateway_shows(
        self, place: Place, code: str, budget: int
    ) -> None:
        most = min(budget, self.line.shows)
        at = phone(place, self.line, septets=budget).dial(code).picks("English", "Register my family")
        at.types(LONG_NAME).picks("Woman").types("1991", "kado")
        for _ in range(3):
            at.picks("Daughter").types(LONG_NAME, "2015")
        at.picks("That is all").reads()
        at.types("1").is_asked().sees("Registered.")
        at.types("00").picks("Other services", "Complain", "Something else").types("abcd " * 50).reads()
        used = max(septets(screen) for screen in at.shown)
        assert most - 5 < used <= most

    def test_the_apology_fits_where_the_budget_is_the_widest(self, on_sqlite: str) -> None:
        widest = settings(on_sqlite, NO_REDIS).model_copy(update={"ussd_septets": 182})
        elsewhere = Place(StandingRuntime(widest))
        assert phone(elsewhere, self.line, septets=self.line.shows).dial().sees(SORRY).screen
        elsewhere.close()

    # --- requests that nobody sane sends --------------------------------------------------------------------------

    def test_hostile_requests_get_an_apology_in_the_gateways_own_words(self, town: Place) -> None:
        at = phone(town, self.line, "+2290150077001").dial()
        before = counts(town)
        for what, hostile in self.line.hostile(at.hop).items():
            response = ask(town, self.line, hostile)
            assert response.status_code == 200, what
            assert self.line.read(response).startswith(f"END {SORRY}"), what
        assert counts(town) == before
        at.repeats().picks("English").sees("1 Register my family")

    @pytest.mark.parametrize("secret", ["x", SECRET[:-1], SECRET + "0", SECRET.upper() + "É", "%00", "é" * 16])
    def test_a_wrong_secret_is_no_such_page(self, town: Place, secret: str) -> None:
        at = phone(town, self.line, "+2290150077002").dial()
        wrong = ask(town, self.line, self.line.request(at.hop), secret)
        no_page = town.app.test_client().get("/nobody/here")
        assert (wrong.status_code, wrong.data) == (no_page.status_code, no_page.data) == (404, no_page.data)

    def test_other_methods_are_refused(self, town: Place) -> None:
        for method in {"GET", "POST", "PUT", "DELETE"} - {self.line.method}:
            answer = town.app.test_client().open(f"/ussd/{self.line.name}/{SECRET}", method=method)
            assert answer.status_code == 405

    def test_nothing_of_a_person_is_logged(self, town: Place, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level("DEBUG"):
            at = phone(town, self.line, "+2290150077003").dial().picks("English", "Register my family")
            at.types("Kanarivogel Awa")
            for hostile in self.line.hostile(at.hop).values():
                ask(town, self.line, hostile)
        assert "Kanarivogel" not in caplog.text
        assert "150077003" not in caplog.text
