"""What every request to the office meets: the session, the right, the form's token, and how an answer leaves."""

from __future__ import annotations

import logging
import re
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from gateway.console import web as desk
from gateway.console.answers import Answer, Done, Go, Page, Refused
from gateway.console.areas import AREAS
from gateway.console.doors import Area
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.faults import Fault, Unavailable
from gateway.store.schema import effect, office_event
from gateway.store.unit import Unit
from tests.console.office import Office, Somebody
from tests.ussd.world import Place, StandingRuntime

TRIAL = Area("trial")


@TRIAL.get("/trial", Right.SEE_TODAY)
def trial(visit: Visit) -> Answer:
    """A page with a form, of these tests."""
    return Page("style.html", "Trial")


@TRIAL.post("/trial", Right.SEE_TODAY)
def tried(visit: Visit) -> Answer:
    name = visit.text("name", most=10)
    if name == "fault":
        raise Fault("no organisation has the code {code}", code="x")

    def act(unit: Unit) -> Done:
        if name == "refused":
            raise Refused("Not like this.", "name")
        if name == "failing":
            raise Fault("the month {month} is closed", month="05/2026")
        if name == "down":
            raise Unavailable("the database doesn't answer")
        return Done("/trial", f"Kept: {name}", {"name": ""}, {"name": name}, about=f"trial:{name}", place=visit.at.id)

    return visit.do("trial.kept", act)


@TRIAL.get("/trial/broken", Right.SEE_TODAY)
def broken(visit: Visit) -> Answer:
    raise Unavailable("nobody answers")


@TRIAL.get("/trial/elsewhere", Right.SEE_TODAY)
def elsewhere(visit: Visit) -> Answer:
    return Go("/trial", visit.say("Yes"))


@pytest.fixture(autouse=True)
def with_a_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """An area more, before the application is made."""
    monkeypatch.setattr(desk, "AREAS", (*AREAS, TRIAL))


def kept(office: Office) -> int:
    with office.store.read() as connection:
        return connection.scalar(select(func.count()).select_from(office_event)) or 0


def test_who_has_not_entered_is_sent_to_the_entrance_and_back(office: Office) -> None:
    stranger = office.visitor()
    page = stranger.client.get("/console/style")
    assert (page.status_code, page.headers["Location"]) == (303, "/console/enter?next=/style")
    # What was sent isn't done, and nothing of it is kept of somebody whom nobody knows.
    sent = stranger.client.post("/console/trial", data={"name": "Awa"})
    assert (sent.status_code, sent.headers["Location"]) == (303, "/console/enter?next=/trial")
    assert stranger.client.get_cookie("draft", path="/console") is None
    assert kept(office) == 0


def test_the_style_page_shows_every_component(office: Office) -> None:
    page = office.enter("treasurer").get("/style")
    assert page.status == 200
    assert "12 500 F" in page.text


def test_an_act_is_done_once_however_often_it_is_sent(office: Office) -> None:
    somebody = office.enter("treasurer")
    form = next(one for one in somebody.get("/trial").forms if one.action == "/console/style")
    fields = [*((one.name, one.value) for one in form.controls if one.name in ("csrf", "once")), ("name", "Awa")]
    form.action = "/console/trial"
    for _ in range(3):
        assert "Kept: Awa" in somebody.send(form, fields).text
    assert kept(office) == 1
    with office.store.read() as connection:
        event = connection.execute(select(office_event)).one()
        assert connection.scalar(select(func.count()).select_from(effect).where(effect.c.kind == "office")) == 1
    assert (event.what, event.about, event.by_name) == ("trial.kept", "trial:Awa", "Rafiou Gounou")
    assert (event.before, event.after) == ({"name": ""}, {"name": "Awa"})
    assert event.organisation_id == office.place.runtime.network.tree().named("Mutuelle Ouaké").id


def send(somebody: Somebody, **fields: str) -> tuple[int, str]:
    """What becomes of a form of the trial's that is changed on its way."""
    page = somebody.get("/trial")
    form = next(one for one in page.forms if one.action == "/console/style")
    form.action = "/console/trial"
    sent = {one.name: one.value for one in form.controls if one.name in ("csrf", "once")} | fields
    found = somebody.send(form, list(sent.items()))
    return found.status, found.text


@pytest.mark.parametrize(
    "changed",
    [
        {"csrf": ""},
        {"csrf": "0" * 64},
        {"csrf": "é"},
        {"once": ""},
        {"once": "short"},
        {"once": "with spaces in it and more"},
    ],
    ids=str,
)
def test_a_form_that_was_not_made_for_this_session_does_nothing_and_is_shown_again(
    office: Office, changed: dict[str, str]
) -> None:
    somebody = office.enter("treasurer")
    status, text = send(somebody, name="Awa", **changed)
    assert status == 422
    assert kept(office) == 0
    # What was typed stands there, with a fresh token: one look, one click.
    assert 'value="Awa"' in somebody.page.html
    assert text


def test_a_form_of_another_session_counts_for_nothing(office: Office) -> None:
    theirs = next(
        one.value
        for form in office.enter("animator").get("/trial").forms
        for one in form.controls
        if one.name == "csrf"
    )
    assert send(office.enter("treasurer"), name="Awa", csrf=theirs)[0] == 422
    assert kept(office) == 0


def test_a_form_sent_from_another_site_does_nothing(office: Office) -> None:
    somebody = office.enter("treasurer")
    somebody.client.environ_base["HTTP_SEC_FETCH_SITE"] = "cross-site"
    assert send(somebody, name="Awa")[0] == 422
    somebody.client.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    assert send(somebody, name="Awa")[0] == 200
    assert kept(office) == 1


@pytest.mark.parametrize("name", ["refused", "failing"])
def test_what_is_refused_undoes_everything_and_is_told_in_its_own_language(office: Office, name: str) -> None:
    somebody = office.enter("treasurer")
    status, text = send(somebody, name=name)
    assert status == 422
    assert ("Not like this." in text) or ("05/2026" in text)
    assert kept(office) == 0
    with office.store.read() as connection:
        assert not connection.scalar(select(func.count()).select_from(effect).where(effect.c.kind == "office"))


def test_a_field_that_is_missing_or_too_long_is_named(office: Office) -> None:
    somebody = office.enter("treasurer")
    for typed in ("", "x" * 11):
        assert send(somebody, name=typed)[0] == 422
        assert 'aria-invalid="true"' in somebody.page.html
        assert 'id="name-error"' in somebody.page.html


def test_a_database_that_is_away_is_said_calmly(office: Office) -> None:
    somebody = office.enter("treasurer")
    page = somebody.get("/trial/broken")
    assert page.status == 503
    assert page.response.headers["Retry-After"] == "60"
    assert send(somebody, name="down")[0] == 503
    assert kept(office) == 0


def test_a_note_is_said_once(office: Office) -> None:
    somebody = office.enter("treasurer")
    assert "Oui" in somebody.get("/trial/elsewhere").text
    assert 'class="note" role="status"' not in somebody.get("/trial").html


def test_a_note_that_was_not_written_here_is_not_said(office: Office) -> None:
    somebody = office.enter("treasurer")
    somebody.client.set_cookie("note", "forged", path="/console")
    assert 'class="note" role="status"' not in somebody.get("/trial").html


def test_a_session_ends_after_an_hour_of_nothing_and_after_half_a_day(office: Office) -> None:
    somebody = office.enter("treasurer")
    office.place.wait(minutes=59)
    assert somebody.client.get("/console/style").status_code == 200
    office.place.wait(minutes=61)
    assert somebody.client.get("/console/style").status_code == 303
    busy = office.enter("treasurer")
    for _ in range(15):
        office.place.wait(minutes=50)
        busy.client.get("/console/style")
    assert busy.client.get("/console/style").status_code == 303


def test_a_page_left_open_overnight_does_nothing_in_the_morning(office: Office) -> None:
    somebody = office.enter("treasurer")
    page = somebody.get("/trial")
    form = next(one for one in page.forms if one.action == "/console/style")
    form.action = "/console/trial"
    fields = [*((one.name, one.value) for one in form.controls if one.name in ("csrf", "once")), ("name", "Awa")]
    office.place.wait(hours=14)
    answer = somebody.client.post("/console/trial", data=dict(fields))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/enter?next=/trial")
    assert kept(office) == 0
    # Somebody else who enters here sees nothing of it; whoever typed it finds it as it was, and sends it.
    typed = somebody.client.get_cookie("draft", path="/console")
    assert typed is not None
    assert "Awa" not in typed.value
    for who, sees in (("animator", False), ("treasurer", True)):
        back = office.enter(who)
        back.client.set_cookie("draft", typed.value, path="/console")
        assert ('value="Awa"' in back.get("/style").html) is False
        assert ('value="Awa"' in back.get("/trial").html) is sees
    assert 'value="Awa"' not in back.get("/trial").html
    assert kept(office) == 0


def test_a_role_that_ends_closes_the_door_at_once(office: Office) -> None:
    somebody = office.enter("treasurer")
    with office.store.write() as unit:
        unit.connection.exec_driver_sql("update staff set ended_on = '2026-11-22' where role = 'treasurer'")
    assert somebody.client.get("/console/style").status_code == 303


def test_who_must_have_a_second_factor_does_nothing_before_they_have_one(office: Office) -> None:
    somebody = office.enter("administrator")
    with office.store.write() as unit:
        unit.connection.exec_driver_sql("update login set totp_on_at = null")
    answer = somebody.client.get("/console/style")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/account/second-factor")


def test_too_much_at_once_is_slowed_down_and_only_for_that_device(office: Office) -> None:
    eager, calm = office.enter("treasurer"), office.enter("animator")
    statuses = [eager.client.get("/console/style").status_code for _ in range(desk.REQUESTS_A_MINUTE + 2)]
    assert statuses[:5] == [200] * 5
    assert statuses[-1] == 429
    assert calm.client.get("/console/style").status_code == 200
    office.place.wait(minutes=2)
    assert eager.client.get("/console/style").status_code == 200


def test_without_redis_the_office_is_open(office: Office) -> None:
    runtime = office.place.runtime
    gone = StandingRuntime(
        runtime.settings.model_copy(update={"redis_url": "redis://127.0.0.1:9"}), own_clock=runtime.own_clock
    )
    place = Place(replace(gone))
    try:
        assert Office(place).enter("treasurer").client.get("/console/style").status_code == 200
    finally:
        place.close()


def test_pages_bear_the_headers_that_keep_others_out(office: Office) -> None:
    answer = office.enter("treasurer").client.get("/console/style")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    html = answer.get_data(as_text=True)
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=", html)


def test_styles_and_script_are_kept_for_long_and_pages_are_not(office: Office) -> None:
    somebody = office.enter("treasurer")
    href = re.search(r'href="(/console/static/office\.css[^"]*)"', somebody.get("/style").html)
    assert href is not None
    assert "immutable" in somebody.client.get(href[1]).headers["Cache-Control"]
    assert somebody.client.get("/console/static/office.css").headers["Cache-Control"] == "no-store"


def test_cookies_are_kept_from_scripts_and_from_other_sites(office: Office) -> None:
    answer = office.enter("treasurer").client.get("/console/language/en?from=/style")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/console" in cookie


def test_over_https_cookies_are_bound_to_the_host(office: Office) -> None:
    runtime = office.place.runtime
    secure = replace(runtime, settings=runtime.settings.model_copy(update={"public_url": "https://cotisa.example"}))
    place = Place(secure)
    try:
        cookie = place.app.test_client().get("/console/language/en?from=/style").headers["Set-Cookie"]
        assert cookie.startswith("__Host-language=en;")
        assert "; Secure; HttpOnly; Path=/; SameSite=Strict" in cookie
    finally:
        place.close()


@pytest.mark.parametrize(
    ("given", "there"),
    [
        ("/style", "/console/style"), ("//evil.example", "/console/"), ("https://evil.example", "/console/"),
        ("/\\evil.example", "/console/"), ("", "/console/"), ("/a\r\nX: y", "/console/"),
    ],
)  # fmt: skip
def test_nobody_is_sent_elsewhere(office: Office, given: str, there: str) -> None:
    answer = office.visitor().client.get("/console/language/en", query_string={"from": given})
    assert answer.headers["Location"] == there


def test_the_language_is_chosen_and_kept(office: Office) -> None:
    somebody = office.enter("treasurer")
    assert '<html lang="fr">' in somebody.get("/style").html
    assert '<html lang="en">' in somebody.get("/language/en?from=/style").html
    assert '<html lang="en">' in somebody.get("/style").html
    assert somebody.get("/language/xx").status == 404


def test_the_part_that_is_looked_at_is_chosen_within_what_one_may_see(office: Office) -> None:
    somebody = office.enter("administrator")
    assert "Mutuelle Anandana" in somebody.get("/place?at=Mutuelle+Anandana&from=/style").html.split("</summary>")[0]
    # Another network's is not taken, nor one that isn't there.
    for code in ("umoja", "nowhere", ""):
        somebody.get(f"/place?at={code}&from=/style")
        assert "Mutuelle Anandana" in somebody.page.html.split("</summary>")[0]
    assert "UMOJA" not in somebody.page.html


def test_no_page_is_said_as_a_page(office: Office) -> None:
    for somebody in (office.enter("treasurer"), office.visitor()):
        page = somebody.get("/nothing/of/the/kind")
        assert page.status == 404
        assert "<h1>" in page.html
        assert somebody.get("/households/99999999999999999999").status in (404, 303, 200)


def test_what_is_too_large_is_not_taken(office: Office) -> None:
    somebody = office.enter("treasurer")
    assert send(somebody, name="Awa", other="x" * 70_000)[0] == 413
    assert kept(office) == 0


def test_no_number_and_no_name_is_logged(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    somebody = office.enter("treasurer")
    send(somebody, name="Kanari")
    somebody.get("/trial/broken")
    assert "Kanari" not in caplog.text
    assert "+22901" not in caplog.text
