"""The phone page without script: a person registers, pays and looks; what it must not do, it doesn't."""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.app import create_app_on
from gateway.demo.handset import Handset
from gateway.locale import Say
from gateway.network import staff
from gateway.samples.ouake import HOUSEHOLD_PIN, STAFF_PIN
from gateway.settings import Settings
from gateway.store.outbox import drain
from gateway.ussd.simulator.held import Held, read_dialled
from gateway.ussd.simulator.views import view
from tests.payments.providers.mtn_momo_play import MomoPlay
from tests.simulator.noscript import NoScript
from tests.ussd.world import BURUNDI, LUMICASH, MEMBER, MOOV, NARROW, OUAKE, UNION, Place

NEWCOMER = "+2290166000900"
FR = Say("fr")


def work(place: Place) -> None:
    """What the workers would do now for money."""
    faults: list[str] = []
    handlers = place.runtime.handlers
    while drain(place.runtime.store, "money", handlers, lambda task, error: faults.append(f"{task.topic}: {error}")):
        assert not faults


def registers(phone: NoScript) -> NoScript:
    """A woman registers herself and her husband, from the first dial to the card number."""
    phone.dials(OUAKE).picks("Français", "Inscrire ma famille").types("Adjara Tchédré", "1", "1991", "kado")
    phone.picks("Mari").types("Moussa Tchédré", "1986")
    return phone.picks("C'est tout", "Inscrire").sees("C'est inscrit.")


# --- who gets the page ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/phone", "/phone/news", "/phone/static/phone.css"])
def test_without_the_setting_there_is_no_such_page(trial: Place, path: str) -> None:
    off = replace(trial.runtime, settings=trial.runtime.settings.model_copy(update={"ussd_phone_page": False}))
    client = create_app_on(off).test_client()
    assert client.get(path).status_code == client.post(path).status_code == 404
    assert client.get(path).data == client.get("/no-such-page").data
    assert trial.app.test_client().get(path).status_code < 300


def test_it_is_off_by_default_and_says_what_it_allows() -> None:
    field = Settings.model_fields["ussd_phone_page"]
    assert field.default is False
    assert field.description
    assert "can act as any phone number" in field.description


@pytest.mark.parametrize(("demo", "on", "warned"), [(False, True, True), (False, False, False), (True, True, False)])
def test_it_is_warned_of_outside_the_demonstration(
    trial: Place, caplog: pytest.LogCaptureFixture, demo: bool, on: bool, warned: bool
) -> None:
    own = trial.runtime.settings.model_copy(update={"demo": demo, "ussd_phone_page": on})
    with caplog.at_level(logging.WARNING):
        replace(trial.runtime, settings=own).warn_at_start()
    assert ("THE PHONE PAGE IS ON" in caplog.text) is warned


# --- a person who has never seen the product --------------------------------------------------------------------------


def test_a_household_registers_pays_and_is_covered(window: NoScript, demo: Place) -> None:
    window.sees(FR("Press the green key to call {code}.", code="*384*1#"))
    registers(window)
    assert re.search(r"\d{3} \d{3} \d{3}", window.screen)
    window.picks("Payer maintenant").types("1", "1").sees("code PIN")
    assert window.text("state") == FR("Call over")
    assert "Mutuelle Ouaké" in window.text("messages")

    work(demo)
    window.reloads().sees("MUTUELLE: 2700 XOF. PIN?")
    assert window.call.kinds["typed"] == "password"
    window.presses("approve", typed="").sees("MUTUELLE: 2700 XOF. PIN?", FR("Type a PIN: here any figures will do."))
    window.presses("approve", typed="80571")
    assert window.call.kinds["typed"] == "text"
    demo.wait(minutes=5)
    work(demo)
    assert "2 700 F payés" in window.reloads().text("messages")
    assert window.text("messages").index("payés") < window.text("messages").index("Pour l'année")
    window.presses("dial").picks("Ma couverture").sees("La couverture commence le 22/12/2026.")


def test_a_prompt_that_is_refused_is_gone(window: NoScript, demo: Place, momo: MomoPlay) -> None:
    registers(window).picks("Payer maintenant").types("1", "1")
    work(demo)
    window.reloads().sees("PIN?").presses("refuse").sees("touche verte")
    assert momo.prompts(NEWCOMER) == []
    assert next(iter(momo.requests().values()))["debits"] == 0


def test_a_prompt_waits_until_the_call_is_over(window: NoScript, demo: Place) -> None:
    registers(window).picks("Payer maintenant").types("1", "1")
    work(demo)
    # A page that was loaded before the prompt came can still call: the prompt is not in the way of a call.
    window.presses("dial").sees("1 Ma couverture")
    assert window.call.kinds["typed"] == "text"
    window.presses("hang-up").sees("PIN?")


def test_outside_the_demonstration_there_are_no_prompts_and_nobody_to_pick(trial: Place) -> None:
    trial.household_with(MEMBER)
    phone = NoScript(trial.app.test_client())
    phone.sees(FR("First choose the number of this phone."))
    assert "Adjara" not in phone.html
    assert STAFF_PIN not in phone.html
    phone.presses("dial").sees(FR("First choose the number of this phone."))
    assert phone.status == 422
    phone.takes(MEMBER).presses("dial").picks("Français").sees("Adjara Tchédré")
    assert "Adjara" not in phone.text("messages")
    phone.presses("hang-up")
    step = phone.call.fields["step"]
    phone.client.post("/phone", data={**phone.call.fields, "do": "approve", "typed": "1234"})
    assert phone.reloads().call.fields["step"] == step


# --- which phone, which code ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "taken"),
    [(MEMBER, MEMBER), (" 2290150000001 ", MEMBER), ("+22950000001", MEMBER), (LUMICASH, LUMICASH)],
)
def test_any_number_can_be_taken(trial: Place, written: str, taken: str) -> None:
    phone = NoScript(trial.app.test_client()).takes(written)
    assert phone.call.fields["number"] == taken


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("written", ["", "abc", "12", "+0123456789", "+229 1*2", "9" * 300])
def test_what_is_no_number_is_told_and_shown_again(trial: Place, written: str, language: str) -> None:
    phone = NoScript(trial.app.test_client(), language).takes(written)
    assert phone.status == 422
    assert Say(language)("This is not a phone number.") in html.unescape(phone.html)
    assert 'aria-invalid="true"' in phone.html
    assert next(form for form in phone.read.forms if "typed" not in form.fields).fields["number"] == written[:40]


@pytest.mark.parametrize(("number", "first"), [(MEMBER, "*384*1#"), (LUMICASH, BURUNDI), ("+2348030000001", "*384*1#")])
def test_the_codes_are_listed_with_their_organisation_those_of_the_callers_country_first(
    trial: Place, number: str, first: str
) -> None:
    phone = NoScript(trial.app.test_client()).takes(number)
    listed = [label for form in phone.read.forms for name, _, label in form.buttons if name == "code"]
    assert listed[0].startswith(first)
    assert phone.text("typed") == first
    assert f"{OUAKE} {UNION}" in listed
    assert f"{BURUNDI} UMOJA" in listed


def test_a_code_of_the_list_is_called_by_one_press(trial: Place) -> None:
    NoScript(trial.app.test_client()).takes(LUMICASH).presses(BURUNDI).sees("UMOJA", "3 Kiswahili")


@pytest.mark.parametrize("typed", ["", "hello", "*384", "384#", "*#", "**"])
def test_what_is_no_code_is_not_called(trial: Place, typed: str) -> None:
    phone = NoScript(trial.app.test_client()).takes(MEMBER).dials(typed)
    phone.sees(FR("Type a short code, like {code}.", code="*384*1#"))
    assert (phone.text("state"), phone.call.fields["step"]) == (FR("No call"), "0")


@pytest.mark.parametrize(
    ("typed", "dialled"),
    [
        ("*384*229#", ("*384*229#", "")),
        (" *384* 229# ", ("*384*229#", "")),
        ("*384*229*1*2#", ("*384*229#", "1*2")),
        ("*384*229*1#", ("*384*229#", "1")),
        ("*384*2291#", ("*384*2291#", "")),
        ("*384*22#", ("*384*22#", "")),
        ("*384*1*5*7#", ("*384*1*5#", "7")),
        ("*123#", ("*123#", "")),
        ("*123##", None),
        ("*12a#", None),
    ],
)
def test_dialled_codes(typed: str, dialled: tuple[str, str] | None) -> None:
    assert read_dialled(typed, {"*384*229#", "*384*1#", "*384*1*5#"}) == dialled


def test_what_is_dialled_behind_a_code_leads_deeper(trial: Place) -> None:
    trial.household_with(MEMBER)
    phone = NoScript(trial.app.test_client()).takes(MEMBER).dials(OUAKE).picks("Français").presses("hang-up")
    phone.dials("*384*229*1#").sees("Pas encore couvert", "Carte")


def test_people_to_try_are_new_households_their_staff_and_somebody_new(demo: Place) -> None:
    with demo.runtime.store.write() as unit:
        tree = demo.runtime.network.tree()
        far, near = tree.named("Mutuelle Séméré 2").id, tree.named("Mutuelle Anandana").id
        staff.add(unit, far, "Far Away", "treasurer", "+2290150000701", "fr")
        staff.add(unit, near, "Bio Sarre", "treasurer", "+2290150000702", "fr")
        gone = staff.add(unit, near, "Long Gone", "animator", "+2290150000703", "fr")
        staff.end(unit, gone, demo.runtime.clock.now().date())
    demo.household_with(MOOV, "Yaya Agnoro", section="Pélébina")
    phone = NoScript(demo.app.test_client(), "en")
    assert STAFF_PIN in phone.html
    assert HOUSEHOLD_PIN in phone.html
    offered = [label for form in phone.read.forms for name, _, label in form.buttons if name == "number"]
    assert NEWCOMER in offered[0]
    assert any(one.startswith("Yaya Agnoro") and "Pélébina" in one and MOOV in one for one in offered)
    assert any(one.startswith("Bio Sarre") and "treasurer, Mutuelle Anandana" in one for one in offered)
    assert not [one for one in offered if "Far Away" in one or "Long Gone" in one]
    phone.presses(MOOV)
    assert phone.call.fields["number"] == MOOV
    # Once that number is somebody's, another one is offered.
    demo.household_with(NEWCOMER)
    assert "+2290166000901" in NoScript(demo.app.test_client()).html


# --- what a call costs ------------------------------------------------------------------------------------------------


def test_the_meter_counts_septets_against_the_codes_own_budget(trial: Place) -> None:
    phone = NoScript(trial.app.test_client(), "en").takes(MEMBER)
    phone.dials(NARROW)
    assert phone.text("septets") == f"{len(phone.screen)} of 80 septets"
    assert (phone.text("hops"), phone.text("state")) == ("1 screen", "Call open")
    phone.types("1", "98")
    assert phone.text("hops") == "3 screens"
    phone.dials(OUAKE) if phone.text("state") == "Call over" else phone.presses("hang-up").dials(OUAKE)
    assert phone.text("septets").endswith(" of 160 septets")


def test_an_escaped_letter_counts_twice() -> None:
    shown = view(Say("en"), Held("+22901", screen="a{b}", open=True), "", 160, None)
    assert (shown.meter.used, shown.meter.septets) == (6, "6 of 160 septets")


# --- repeats ----------------------------------------------------------------------------------------------------------


def test_a_form_that_comes_twice_is_done_once(window: NoScript, demo: Place) -> None:
    registers(window)
    window.picks("Payer maintenant").types("1")
    data = {**window.call.fields, "typed": "1", "do": "send"}
    before = demo.counts()
    for _ in range(3):
        window.client.post("/phone", data=data)
    after = demo.counts()
    assert after["collection"] == before["collection"] + 1
    assert window.reloads().sees("code PIN").text("state") == FR("Call over")


def test_a_page_from_the_browsers_history_changes_nothing(window: NoScript) -> None:
    old = window.presses("dial").call
    window.picks("Français").sees("Inscrire")
    window.presses("send", old, typed="2").sees("Inscrire")
    assert window.text("hops").startswith("2 ")


def test_the_same_answer_twice_in_a_moment_is_two_answers(trial: Place) -> None:
    """The menu takes the same input within two seconds for a repetition where it is told only the newest."""
    phone = NoScript(trial.app.test_client()).takes(MEMBER).dials(OUAKE).sees("1 Français")
    phone.types("1").sees("1 Inscrire ma famille").types("1").sees("Votre prénom et votre nom ?")
    phone.types("00", "00", "00")
    assert phone.text("hops").startswith("6 ")


def test_a_dropped_call_can_be_gone_on_with(window: NoScript) -> None:
    window.presses("dial").picks("Français", "Inscrire ma famille").types("Adjara Tchédré")
    window.presses("hang-up").sees("touche verte").presses("dial").sees("Votre dernier appel a été coupé.")
    window.picks("Continuer").sees("Adjara Tchédré : femme ou homme ?")


# --- what is kept of it -----------------------------------------------------------------------------------------------


def kept(place: Place) -> Iterator[bytes]:
    """Everything that stands in Redis."""
    client: Any = place.runtime.redis
    for key in client.scan_iter("*"):
        yield key
        match client.type(key):
            case b"string":
                yield client.get(key) or b""
            case b"list":
                yield from client.lrange(key, 0, -1)
            case b"set":
                yield from client.smembers(key)
            case b"zset":
                yield from client.zrange(key, 0, -1)
            case b"hash":
                yield from client.hgetall(key).values()
            case other:
                raise AssertionError(other)


def test_nothing_that_is_typed_is_kept_and_no_key_holds_a_number(trial: Place) -> None:
    """PINs are typed here. The last answer, too long to be understood, stands on no screen and nowhere else."""
    phone = NoScript(trial.app.test_client()).takes(MEMBER).dials(OUAKE).picks("Français")
    phone.types("7345190286")
    assert not [one for one in kept(trial) if b"7345190286" in one]
    assert not [page for page in phone.pages if "7345190286" in page]
    assert not [key for key in trial.runtime.redis.scan_iter("*") if MEMBER[-8:].encode() in key]
    ours = list(trial.runtime.redis.scan_iter("ussd:phone:*"))
    assert len(ours) == 1
    assert 0 < trial.runtime.redis.ttl(ours[0]) <= 30 * 60


def test_a_pin_for_the_operator_is_kept_nowhere(window: NoScript, demo: Place) -> None:
    registers(window).picks("Payer maintenant").types("1", "1")
    work(demo)
    window.reloads().presses("approve", typed="7345190286")
    assert not [one for one in kept(demo) if b"7345190286" in one]
    assert not [page for page in window.pages if "7345190286" in page]


def test_an_address_that_is_passed_on_shows_nobody_elses_call(window: NoScript, demo: Place) -> None:
    registers(window)
    for other in (NoScript(demo.app.test_client()), NoScript(demo.app.test_client()).takes(MEMBER)):
        other.opens(window.address)
        assert "C'est inscrit" not in html.unescape(other.html)
        assert other.text("state") == FR("No call")
        assert other.client.get(window.address.replace("/phone?", "/phone/news?")).status_code == 204


def test_two_windows_of_one_browser_are_two_phones(demo: Place) -> None:
    client = demo.app.test_client()
    one = NoScript(client).takes(MEMBER).dials(OUAKE)
    two = NoScript(client).takes(LUMICASH).dials(BURUNDI)
    one.reloads().sees(UNION).picks("Français")
    two.reloads().sees("UMOJA").picks("English")
    one.sees("Inscrire ma famille")
    two.sees("Register my family")


def test_messages_are_those_of_the_phone_in_hand(window: NoScript, demo: Place) -> None:
    registers(window)
    assert window.text("count") == "1"
    window.takes(MOOV)
    assert (window.text("count"), window.text("messages").strip()) == ("0", FR("No message yet."))
    window.takes(NEWCOMER)
    assert window.text("count") == "1"
    # Nobody has sent it yet, and the inbox says so.
    assert FR("waiting to be sent") in window.text("messages")


# --- what the browser is told -----------------------------------------------------------------------------------------


def test_nothing_comes_from_elsewhere_and_nothing_is_inline(window: NoScript) -> None:
    registers(window)
    for page in window.pages:
        window.html = page
        read = window.read
        assert read.addresses
        assert not [one for one in read.addresses if urlsplit(one).netloc or not one.startswith(("/phone", "#"))]
        assert read.inline == []
    policy = window.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_pages_are_kept_by_nobody_and_files_for_long(window: NoScript) -> None:
    assert window.headers["Cache-Control"] == "no-store"
    assert window.headers["Referrer-Policy"] == "no-referrer"
    files = [one for one in window.read.addresses if "/static/" in one]
    assert len(files) == 3
    for address in files:
        answer = window.client.get(address)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert window.client.get(files[0].partition("?")[0]).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("public", "secure"), [("https://cotisa.invalid", True), ("http://127.0.0.1:8000", False)])
def test_the_cookie_goes_nowhere_else(trial: Place, public: str, secure: bool) -> None:
    own = trial.runtime.settings.model_copy(update={"public_url": public})
    client = create_app_on(replace(trial.runtime, settings=own)).test_client()
    answer = client.post("/phone", data={"do": "take", "number": MEMBER, "line": "abcdefgh"})
    cookie = answer.headers["Set-Cookie"]
    assert ("Secure" in cookie) is secure
    for word in ("HttpOnly", "SameSite=Strict", "Path=/phone"):
        assert word in cookie


@pytest.mark.parametrize(
    ("asked", "default", "spoken"),
    [("", "fr", "fr"), ("", "en", "en"), ("en", "fr", "en"), ("xx", "en", "fr"), ("", "sw", "fr")],
)
def test_the_pages_own_words_are_french_or_english(trial: Place, asked: str, default: str, spoken: str) -> None:
    own = trial.runtime.settings.model_copy(update={"default_language": default})
    page = create_app_on(replace(trial.runtime, settings=own)).test_client().get(f"/phone?lang={asked}").text
    assert f'<html lang="{spoken}">' in page
    assert Say(spoken)("First choose the number of this phone.") in html.unescape(page)


def test_it_says_that_it_is_a_simulation_and_what_that_means_here(window: NoScript, trial: Place) -> None:
    assert FR("Simulation") in window.html
    assert "aucun argent" in window.html or "no money moves" in window.html
    real = NoScript(trial.app.test_client(), "en").html
    assert "can act as any phone number" in real
    assert "no money moves" not in real


# --- the script's own way ---------------------------------------------------------------------------------------------


def test_the_script_gets_the_phone_as_json_and_news_only_when_there_are_any(window: NoScript, demo: Place) -> None:
    data = {**window.call.fields, "typed": OUAKE, "do": "dial"}
    told = window.client.post("/phone", data=data, headers={"Accept": "application/json"})
    assert told.content_type == "application/json"
    assert told.json is not None
    assert (told.json["mode"], told.json["step"]) == ("open", 1)
    query = {"line": data["line"], "lang": "fr", "seen": told.json["seen"]}
    assert window.client.get("/phone/news", query_string=query).status_code == 204
    window.opens(f"/phone?line={data['line']}")
    registers_from_language(window)
    news = window.client.get("/phone/news", query_string=query)
    assert news.json is not None
    assert "Carte" in news.json["messages"]


def registers_from_language(window: NoScript) -> None:
    window.picks("Français", "Inscrire ma famille").types("Adjara Tchédré", "1", "1991", "kado")
    window.picks("C'est tout", "Inscrire").sees("C'est inscrit.")


def test_names_and_answers_are_shown_as_text_never_as_markup(demo: Place) -> None:
    demo.household_with(MEMBER, "Adjara <b>Tchédré")
    phone = NoScript(demo.app.test_client())
    assert "Adjara &lt;b&gt;Tchédré" in phone.html
    assert "<b>Tch" not in phone.takes(MEMBER).dials(OUAKE).picks("Français").html


@pytest.mark.parametrize("do", ["", "nothing", "TAKE"])
def test_a_key_that_the_phone_does_not_have_is_refused(window: NoScript, do: str) -> None:
    assert window.client.post("/phone", data={"do": do}).status_code == 400


def test_an_answer_to_a_call_that_nobody_knows_is_told(window: NoScript) -> None:
    data = {**window.call.fields, "typed": "1", "do": "send"}
    answer = window.client.post("/phone", data=data)
    assert FR("This call is over. Call again.") in html.unescape(answer.text)


# --- parts that are down ----------------------------------------------------------------------------------------------


def test_without_redis_the_page_says_sorry_and_the_next_try_goes_on(trial: Place) -> None:
    phone = NoScript(trial.app.test_client()).takes(MEMBER).dials(OUAKE)
    down = replace(trial.runtime, settings=trial.runtime.settings.model_copy(update={"redis_url": "unix:///none.sock"}))
    phone.client, there = create_app_on(down).test_client(), phone.client
    phone.client._cookies = there._cookies
    answer = phone.client.post("/phone", data={**phone.call.fields, "typed": "1", "do": "send"})
    assert (answer.status_code, answer.content_type) == (503, "text/plain; charset=utf-8")
    assert "Traceback" not in answer.text
    phone.client = there
    phone.types("1").sees("Inscrire ma famille")


def test_without_the_operators_stand_in_the_phone_still_works(demo: Place) -> None:
    own = demo.runtime.settings.model_copy(update={"mtn_momo_base_url": "http://127.0.0.1:9"})
    with pytest.raises(OSError, match="127"):
        Handset(own, MEMBER).prompt()
    phone = NoScript(create_app_on(replace(demo.runtime, settings=own)).test_client())
    phone.presses("dial").sees("Choisissez votre langue")
