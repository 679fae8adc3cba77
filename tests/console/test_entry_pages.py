"""Coming into the office and looking after one's own entrance, as people do it: page by page, without script."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pyotp
import pytest
from sqlalchemy import func, select

from gateway.console.entry import entering, links, sessions
from gateway.store.schema import login, login_session, office_event
from gateway.store.tracing import COMMAND
from tests.console.office import PATH, PEOPLE, Office, Sight, Somebody

PASSWORD, OTHER = "le vieux manguier", "une pirogue sans rames"


@pytest.fixture
def desk(office: Office) -> Desk:
    return Desk(office)


@pytest.fixture
def pg_desk(pg_office: Office) -> Desk:
    return Desk(pg_office)


class Desk:
    """The office's entrance, with people who read English."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.store = office.store

    def somebody(self) -> Somebody:
        one = self.office.visitor()
        one.client.set_cookie("language", "en", path=PATH)
        return one

    def invited(self, who: str = "treasurer") -> str:
        """The path of a link for one of PEOPLE."""
        role, name, at, msisdn = PEOPLE[who]
        if not self.office.place.ask(select(login.c.id).where(login.c.msisdn == msisdn)):
            self.office.place.staff_with(msisdn, role, name, at, pin=None)
        with self.store.write() as unit:
            return f"/welcome/{links.invite(unit, msisdn, by=COMMAND)}"

    def new(self, who: str = "treasurer") -> Somebody:
        """Somebody who has just chosen a password, and is inside."""
        one = self.somebody()
        one.get(self.invited(who))
        one.fill("New password", PASSWORD).fill("The same once more", PASSWORD).press("Keep it and enter")
        return one

    def typed(self, one: Somebody, password: str = PASSWORD, who: str = "treasurer", to: str = "/enter") -> Sight:
        one.get(to)
        return one.fill("Your phone number", PEOPLE[who][3]).fill("Password", password).press("Enter")

    def wait(self, **time: int) -> None:
        self.office.place.wait(**time)

    def code(self, secret: str) -> str:
        return pyotp.TOTP(secret).at(self.office.place.runtime.clock.now())

    def secured(self, one: Somebody) -> tuple[str, list[str]]:
        """Set up the second factor by the pages; its secret and the recovery codes."""
        page = one.get("/account/second-factor")
        secret = re.search(r"Key: ((?:[A-Z2-7]{4} ?){8})", page.text)
        assert secret is not None, page.text
        bare = secret[1].replace(" ", "")
        page = one.fill("Code", self.code(bare)).press("Switch it on")
        codes = re.findall(r"[2-9a-z]{4}-[2-9a-z]{4}-[2-9a-z]{4}", page.text)
        assert len(codes) == 10, page.text
        self.wait(minutes=1)
        return bare, codes

    def events(self) -> list[str]:
        with self.store.read() as connection:
            return list(connection.scalars(select(office_event.c.what).order_by(office_event.c.id)))


def inside(one: Somebody) -> bool:
    return one.client.get(PATH + "/account").status_code == 200


def where(page: Sight) -> str:
    return urlsplit(page.response.request.url).path.removeprefix(PATH)


# --- the first time ---------------------------------------------------------------------------------------------------


def test_a_treasurer_comes_in_by_a_link_and_then_by_number_and_password(desk: Desk) -> None:
    one, path = desk.somebody(), desk.invited()
    page = one.get(path)
    assert (page.status, "Welcome, Rafiou Gounou." in page.text) == (200, True)
    page = one.fill("New password", "court").fill("The same once more", "court").press("Keep it")
    assert (page.status, "Too short: 10 characters or more" in page.text) == (422, True)
    page = one.fill("New password", PASSWORD).fill("The same once more", OTHER).press("Keep it")
    assert (page.status, "The two aren't the same" in page.text) == (422, True)
    assert PASSWORD not in page.html
    one.fill("New password", PASSWORD).fill("The same once more", PASSWORD).press("Keep it")
    assert inside(one)

    other = desk.somebody()
    page = other.get(path)
    assert (page.status, "no longer good" in page.text) == (404, True)
    page = desk.typed(other, OTHER)
    assert (page.status, "The number or the password is wrong." in page.text) == (422, True)
    assert not inside(other)
    # As they know it: without the country's code.
    other.get("/enter?next=/account/password")
    page = other.fill("Your phone number", "01 50 00 08 20").fill("Password", PASSWORD).press("Enter")
    assert where(page) == "/account/password"
    assert inside(other)


def test_a_second_click_on_a_link_s_form_comes_in_too(desk: Desk) -> None:
    one = desk.somebody()
    form = one.get(desk.invited()).forms[0]
    fields = [(each.name, each.value) for each in form.controls if each.name in ("csrf", "once")]
    fields += [("new", PASSWORD), ("again", PASSWORD)]
    for _ in range(2):
        one.send(form, fields)
        assert inside(one)
    with desk.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(login_session)) == 1


def test_an_administrator_sets_up_the_second_factor_before_anything_opens(desk: Desk) -> None:
    chief = desk.new("administrator")
    page = chief.get("/style")
    assert where(page) == "/account/second-factor"
    assert "An administrator sets this up first" in page.text
    page = chief.fill("Code", "000000").press("Switch it on")
    assert (page.status, "This code is wrong" in page.text) == (422, True)
    secret = re.search(r"Key: ((?:[A-Z2-7]{4} ?){8})", page.text)
    assert secret is not None
    page = chief.fill("Code", desk.code(secret[1].replace(" ", ""))).press("Switch it on")
    assert "they aren't shown again" in page.text
    assert chief.get("/style").status == 200
    assert desk.events()[-2:] == ["entry.entered", "account.second_factor_on"]
    # It can't be switched off by hand either.
    desk.wait(minutes=1)
    chief.get("/account/second-factor")
    page = chief.fill("Your password", PASSWORD).fill("Code", desk.code(secret[1].replace(" ", ""))).press("Go on")
    assert not any("Switch it off" in each[2] for form in page.forms for each in form.buttons)
    form = next(each for each in page.forms if each.action.endswith("/codes"))
    form.action = form.action.replace("/codes", "/off")
    page = chief.send(form, [(each.name, each.value) for each in form.controls])
    assert (page.status, "it can't be switched off" in page.text) == (422, True)


# --- the second factor ------------------------------------------------------------------------------------------------


def test_with_a_second_factor_the_password_is_half_the_way(desk: Desk) -> None:
    one = desk.new()
    secret, codes = desk.secured(one)
    other = desk.somebody()
    page = desk.typed(other, to="/enter?next=/account/passkeys")
    assert where(page) == "/enter/code"
    assert not inside(other)
    page = other.fill("Code", "123456").press("Go on")
    assert (page.status, "This code is wrong, or was used before." in page.text) == (422, True)
    page = other.fill("Code", desk.code(secret)).press("Go on")
    assert where(page) == "/account/passkeys"
    assert inside(other)
    third = desk.somebody()
    desk.typed(third)
    third.fill("Code", codes[0]).press("Go on")
    assert inside(third)
    assert "9 recovery codes left." in third.get("/account").text


def test_a_second_click_on_the_code_comes_in_too(desk: Desk) -> None:
    secret, _ = desk.secured(desk.new())
    one = desk.somebody()
    page = desk.typed(one)
    form = page.forms[0]
    fields = [(each.name, each.value) for each in form.controls if each.name != "code"]
    fields.append(("code", desk.code(secret)))
    half = one.client.get_cookie("half", path=PATH)
    assert half is not None
    for _ in range(2):
        one.client.set_cookie("half", half.value, path=PATH)  # both clicks went off with it
        one.send(form, fields)
        assert inside(one)
    with desk.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(login_session)) == 2


def test_recovery_codes_are_shown_in_their_own_session_and_for_a_while(desk: Desk) -> None:
    one = desk.new()
    _, codes = desk.secured(one)
    one.client.set_cookie("proof", "", path=PATH)
    shown = ""
    page = one.get("/account/second-factor")
    one.fill("Your password", PASSWORD).fill("Code", codes[0]).press("Go on")
    page = one.press("Make new recovery codes")
    shown = page.response.request.full_path.removeprefix(PATH)
    assert len(re.findall(r"[2-9a-z]{4}-[2-9a-z]{4}-[2-9a-z]{4}", page.text)) == 10
    assert not set(codes) & set(page.text.split())
    assert len(re.findall(r"[2-9a-z]{4}-[2-9a-z]{4}-[2-9a-z]{4}", one.get(shown).text)) == 10
    other = desk.new("second treasurer")
    assert not re.findall(r"[2-9a-z]{4}-[2-9a-z]{4}-[2-9a-z]{4}", other.get(shown).text)
    desk.wait(minutes=16)
    assert not re.findall(r"[2-9a-z]{4}-[2-9a-z]{4}-[2-9a-z]{4}", one.get(shown).text)


def test_it_is_switched_off_by_password_and_code(desk: Desk) -> None:
    one = desk.new()
    secret, _ = desk.secured(one)
    page = one.get("/account/second-factor")
    assert "First show that it is you" in page.text
    page = one.fill("Your password", PASSWORD).fill("Code", "000000").press("Go on")
    assert (page.status, "This is wrong: look at it again." in page.text) == (422, True)
    one.fill("Your password", PASSWORD).fill("Code", desk.code(secret)).press("Go on")
    page = one.press("Switch it off")
    assert "The second factor is off" in page.text
    desk.typed(desk.somebody())
    assert desk.events()[-2:] == ["account.second_factor_off", "entry.entered"]


def test_another_phone_takes_the_place_of_the_old_one(desk: Desk) -> None:
    one = desk.new()
    secret, _ = desk.secured(one)
    one.get("/account/second-factor")
    one.fill("Your password", PASSWORD).fill("Code", desk.code(secret)).press("Go on")
    one.follow("Move to another phone")
    found = re.search(r"Key: ((?:[A-Z2-7]{4} ?){8})", one.page.text)
    assert found is not None
    new = found[1].replace(" ", "")
    assert new != secret
    one.fill("Code", desk.code(new)).press("Switch it on")
    desk.wait(minutes=1)
    other = desk.somebody()
    desk.typed(other)
    assert other.fill("Code", desk.code(secret)).press("Go on").status == 422
    other.fill("Code", desk.code(new)).press("Go on")
    assert inside(other)


# --- guessing ---------------------------------------------------------------------------------------------------------


def test_wrong_passwords_wait_and_say_how_long(desk: Desk) -> None:
    desk.new()
    one = desk.somebody()
    for _ in range(5):
        assert "Wait" not in desk.typed(one, OTHER).text
    assert "The number or the password is wrong. Wait a minute, then try again." in desk.typed(one, OTHER).text
    assert "There were too many wrong tries. Wait a minute, then try again." in desk.typed(one).text
    desk.wait(minutes=1)
    assert "Wait 5 minutes, then try again." in desk.typed(one, OTHER).text
    desk.wait(minutes=5)
    desk.typed(one)
    assert inside(one)


def test_the_same_is_said_to_a_number_that_nobody_has(desk: Desk) -> None:
    desk.new()
    one = desk.somebody()
    said = []
    for number in (PEOPLE["treasurer"][3], PEOPLE["adviser"][3], "abc"):
        one.get("/enter")
        page = one.fill("Your phone number", number).fill("Password", OTHER).press("Enter")
        said.append((page.status, re.sub(r"\s+", " ", page.text)))
    assert len(set(said)) == 1


def test_a_form_of_another_s_page_enters_nobody(desk: Desk) -> None:
    desk.new()
    form = desk.somebody().get("/enter").forms[0]
    fields = [(each.name, each.value) for each in form.controls if each.name in ("csrf", "once")]
    fields += [("number", PEOPLE["treasurer"][3]), ("password", PASSWORD)]
    other = desk.somebody()
    other.get("/enter")
    assert other.send(form, fields).status == 422
    assert not inside(other)


@pytest.mark.parametrize("there", ["//evil.example", "https://evil.example", "/\\evil.example", "/enter", "x", "/a\nb"])
def test_nobody_is_sent_elsewhere_after_entering(pg_desk: Desk, there: str) -> None:
    pg_desk.new()
    one = pg_desk.somebody()
    one.client.get(PATH + "/enter")
    one.get("/enter")
    form = next(each for each in one.page.forms if each.action == PATH + "/enter")
    fields = [(each.name, each.value) for each in form.controls if each.name in ("csrf", "once")]
    fields += [("number", PEOPLE["treasurer"][3]), ("password", PASSWORD), ("next", there)]
    answer = one.client.post(form.action, data=dict(fields))
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PATH}/")


# --- one's own account ------------------------------------------------------------------------------------------------


def test_another_password_ends_what_is_open_elsewhere(desk: Desk) -> None:
    one = desk.new()
    other = desk.somebody()
    desk.typed(other)
    page = one.get("/account/password")  # they have just entered by the password: it isn't asked again
    page = one.fill("New password", OTHER).fill("The same once more", OTHER).press("Keep it")
    assert "Your new password is kept." in page.text
    assert inside(one)
    assert not inside(other)
    assert desk.typed(other).status == 422
    desk.typed(other, OTHER)
    assert inside(other)


def test_after_a_quarter_of_an_hour_one_shows_again_who_one_is(desk: Desk) -> None:
    one = desk.new()
    form_was = one.get("/account/password").forms
    desk.wait(minutes=16)
    form = next(each for each in form_was if each.action.endswith("/account/password"))
    fields = [(each.name, each.value) for each in form.controls if each.name in ("csrf", "once")]
    page = one.send(form, [*fields, ("new", OTHER), ("again", OTHER)])
    assert (page.status, "nothing was changed" in page.text) == (422, True)
    page = one.fill("Your password", OTHER).press("Go on")
    assert page.status == 422
    page = one.fill("Your password", PASSWORD).press("Go on")
    assert where(page) == "/account/password"


def test_devices_are_listed_and_ended(desk: Desk) -> None:
    one = desk.new()
    other, third = desk.somebody(), desk.somebody()
    for each in (other, third):
        each.client.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (Linux; Android 10) Firefox/115.0"
        desk.typed(each)
    page = one.get("/account")
    assert page.text.count("Firefox, Android") == 2
    assert page.text.count("this one") == 1
    page = one.press("End it")
    assert "1 device is outside now." in page.text
    assert [inside(each) for each in (one, other, third)].count(True) == 2
    one.get("/account")
    assert "1 device is outside now." in one.press("End all others").text
    assert [inside(each) for each in (one, other, third)] == [True, False, False]


def test_nobody_ends_the_session_of_another(desk: Desk) -> None:
    one, other = desk.new(), desk.new("second treasurer")
    with desk.store.read() as connection:
        its_id = connection.scalar(select(func.max(login_session.c.id)))
    form = next(each for each in one.get("/account").forms if each.action.endswith("/leave"))
    form.action = form.action.replace("/leave", "/account/sessions")
    fields = [(each.name, each.value) for each in form.controls]
    assert "0 devices" in one.send(form, [*fields, ("session", str(its_id))]).text
    for wrong in ("", "x", "9" * 30, "-1"):
        one.send(form, [("csrf", fields[0][1]), ("once", "w" * 16 + wrong[:3].replace("-", "m")), ("session", wrong)])
    assert inside(other)


def test_leaving_ends_the_session_itself(desk: Desk) -> None:
    one = desk.new()
    cookie = one.client.get_cookie(sessions.COOKIE, path=PATH)
    assert cookie is not None
    one.get("/leave")
    page = one.press("Leave")
    assert (where(page), "You have left." in page.text) == ("/enter", True)
    assert one.client.get_cookie(sessions.COOKIE, path=PATH) is None
    one.client.set_cookie(sessions.COOKIE, cookie.value, path=PATH)
    assert not inside(one)
    assert desk.events()[-1] == "entry.left"


def test_the_language_is_kept_with_the_person(desk: Desk) -> None:
    one = desk.new()
    one.get("/account")
    one.fill("Language of the office", "fr").press("Keep it")
    with desk.store.read() as connection:
        assert connection.scalar(select(login.c.language).where(login.c.msisdn == PEOPLE["treasurer"][3])) == "fr"
    assert 'lang="fr"' in one.get("/account").html


def test_no_secret_and_no_number_stands_in_what_is_written_down(desk: Desk) -> None:
    one = desk.new()
    secret, codes = desk.secured(one)
    one.get("/account/password")
    one.fill("Your password", PASSWORD).fill("Code", codes[0]).press("Go on")
    one.fill("New password", OTHER).fill("The same once more", OTHER).press("Keep it")
    with desk.store.read() as connection:
        said = repr(connection.execute(select(office_event)).all())
    for each in (PASSWORD, OTHER, secret, codes[0], PEOPLE["treasurer"][3][-8:]):
        assert each not in said
    assert "account.password_changed" in said


def test_a_page_left_open_overnight_says_so(desk: Desk) -> None:
    one = desk.new()
    form = next(each for each in one.get("/account").forms if each.action.endswith("/account/language"))
    desk.wait(hours=13)
    page = one.send(form, [(each.name, each.value) for each in form.controls])
    assert (where(page), "Your session has ended. Nothing was done" in page.text) == ("/enter", True)


def test_a_session_lasts_no_longer_than_it_is_used(desk: Desk) -> None:
    one = desk.new()
    desk.wait(minutes=59)
    assert inside(one)
    desk.office.place.runtime.own_clock.move(timedelta(minutes=60))
    assert not inside(one)
    assert entering.HALF_IN_FOR_S == 600
