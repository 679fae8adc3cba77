"""Who may enter the office: links, passwords, codes, sessions; each thing once, and nothing by a number alone."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pyotp
import pytest
from argon2 import PasswordHasher
from sqlalchemy import event, func, select, update

from gateway.console.entry import entering, links, logins, passwords, second_factor, sessions
from gateway.console.entry.devices import device_words
from gateway.console.entry.entering import Entered, HalfIn, NotIn
from gateway.console.entry.links import BadLink, NoOffice
from gateway.console.entry.logins import Login
from gateway.kernel.clock import FixedClock
from gateway.kernel.money import Money
from gateway.kernel.sealing import Keys, digest_of
from gateway.network import staff
from gateway.network.organisations import Network, add_organisation
from gateway.store.schema import login, login_link, login_recovery, login_session, office_event
from gateway.store.tracing import COMMAND, trace
from gateway.store.unit import Store

TREASURER, CHIEF, NURSE, STRANGER = "+2290150000001", "+2290150000002", "+2290150000003", "+2290150000009"
KEYS = Keys("a-secret-key-of-32-characters-or-more")
OTHER_KEYS = Keys("another-secret-key-of-32-characters")
PASSWORD, OTHER = "le vieux manguier", "une pirogue sans rames"
SEALED = passwords.seal(PASSWORD)
HERE, ELSEWHERE = "196.192.16.7", "41.79.216.9"
FIREFOX = "Mozilla/5.0 (Windows NT 6.1; rv:115.0) Gecko/20100101 Firefox/115.0"
MINUTE = timedelta(minutes=1)


@dataclass
class Door:
    """The entrance of an office with a treasurer of a mutuelle and an administrator of the union above."""

    store: Store
    union: int
    mutuelle: int

    @property
    def clock(self) -> FixedClock:
        assert isinstance(self.store.clock, FixedClock)
        return self.store.clock

    def wait(self, time: timedelta) -> None:
        self.clock.move(time)

    def role(self, msisdn: str, role: str, name: str = "Awa Bio", at: int | None = None) -> int:
        with self.store.write() as unit:
            return staff.add(unit, at or self.mutuelle, name, role, msisdn, "fr")

    def end_roles(self, msisdn: str) -> None:
        with self.store.write() as unit:
            for each in staff.roles_of(unit.connection, msisdn):
                staff.end(unit, each.id, date(2026, 11, 22))
            logins.close_without_role(unit, msisdn)

    def invite(self, msisdn: str = TREASURER, **wishes: bool) -> str:
        with self.store.write() as unit:
            return links.invite(unit, msisdn, by=COMMAND, **wishes)  # type: ignore[arg-type]

    def choose(self, token: str, sealed: str = SEALED) -> Login:
        with self.store.write() as unit:
            return links.use(unit, token, sealed, address=HERE)

    def known(self, msisdn: str = TREASURER) -> Login:
        """Somebody who has chosen the password."""
        return self.choose(self.invite(msisdn))

    def type(self, msisdn: str = TREASURER, password: str = PASSWORD, address: str = HERE) -> Entered | HalfIn | NotIn:
        with self.store.write() as unit:
            return entering.with_password(unit, KEYS, msisdn, password, address=address, agent=FIREFOX)

    def code(self, ticket: str, typed: str, keys: Keys = KEYS) -> Entered | NotIn:
        with self.store.write() as unit:
            return entering.with_code(unit, keys, ticket, typed, address=HERE, agent=FIREFOX)

    def enter(self, msisdn: str = TREASURER) -> str:
        """A session's token."""
        entered = self.type(msisdn)
        assert isinstance(entered, Entered)
        return entered.token

    def half_in(self, msisdn: str = TREASURER) -> str:
        half = self.type(msisdn)
        assert isinstance(half, HalfIn)
        return half.ticket

    def set_up(self, one: Login) -> tuple[str, list[str]]:
        """A second factor in use: its secret and the recovery codes."""
        now = self.clock.now()
        offer = second_factor.offer(KEYS, one.login_id, one.name, now)
        with self.store.write() as unit:
            codes = second_factor.take_into_use(unit, KEYS, one.login_id, offer, pyotp.TOTP(offer.secret).at(now))
        assert codes is not None
        self.wait(MINUTE)
        return offer.secret, codes

    def person(self, token: str) -> Any:
        return sessions.person_of(self.store, token, self.clock.now())

    def events(self) -> list[str]:
        with self.store.read() as connection:
            return list(connection.scalars(select(office_event.c.what).order_by(office_event.c.id)))


@pytest.fixture
def door(store: Store, network: Network) -> Door:
    with store.write() as unit:
        union = add_organisation(unit, None, kind="union", code="u", name="Union")
        mutuelle = add_organisation(unit, union, kind="mutuelle", code="m", name="Mutuelle", keeps_books=True)
    one = Door(store, union[0], mutuelle[0])
    one.role(TREASURER, "treasurer")
    one.role(CHIEF, "administrator", "Issa Chabi", union[0])
    return one


# --- links ------------------------------------------------------------------------------------------------------------


def test_a_link_lets_somebody_choose_a_password_once(door: Door) -> None:
    token = door.invite()
    assert links.address_of("https://cotisa.example/", token) == f"https://cotisa.example/console/welcome/{token}"
    for _ in range(2):  # looking uses nothing up
        with door.store.read() as connection:
            found = links.read(connection, token, door.clock.now())
            assert found is not None
            assert (found.name, found.password, [one.role for one in found.roles]) == ("Awa Bio", None, ["treasurer"])
    assert isinstance(door.type(), NotIn)
    assert door.choose(token).password == SEALED
    with pytest.raises(BadLink):
        door.choose(token)
    assert isinstance(door.type(), Entered)
    with door.store.read() as connection:
        assert links.read(connection, token, door.clock.now()) is None
        assert connection.scalar(select(login_link.c.digest)) == digest_of(token)


def test_a_link_is_good_for_48_hours_and_a_new_one_ends_older_ones(door: Door) -> None:
    first = door.invite()
    second = door.invite()
    with pytest.raises(BadLink):
        door.choose(first)
    door.wait(timedelta(hours=48))
    with pytest.raises(BadLink):
        door.choose(second)
    with pytest.raises(BadLink):
        door.choose("no such link")


def test_of_two_who_use_a_link_at_one_moment_one_does(door: Door) -> None:
    token = door.invite()

    def use(_: int) -> bool:
        try:
            door.choose(token)
        except BadLink:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(use, range(4))) == [False, False, False, True]


def test_choosing_by_a_link_ends_sessions_and_forgets_wrong_guesses(door: Door) -> None:
    door.known()
    token = door.enter()
    for _ in range(7):
        door.type(password=OTHER)
    assert isinstance(door.type(), NotIn)
    door.choose(door.invite())
    assert door.person(token) is None
    assert isinstance(door.type(), Entered)


def test_a_link_leaves_the_second_factor_unless_it_was_lost(door: Door) -> None:
    one = door.known()
    door.set_up(one)
    assert door.choose(door.invite()).has_second_factor
    assert isinstance(door.type(), HalfIn)
    assert not door.choose(door.invite(without_second_factor=True)).has_second_factor
    assert isinstance(door.type(), Entered)
    with door.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(login_recovery)) == 0


def test_nobody_is_invited_who_has_no_role_in_the_office(door: Door) -> None:
    with pytest.raises(NoOffice):
        door.invite(STRANGER)
    token = door.invite()
    door.end_roles(TREASURER)
    with pytest.raises(BadLink):
        door.choose(token)


def test_with_the_last_role_everything_that_opens_the_office_goes(door: Door) -> None:
    one = door.known()
    secret, _ = door.set_up(one)
    entered = door.code(door.half_in(), pyotp.TOTP(secret).at(door.clock.now()))
    assert isinstance(entered, Entered)
    door.end_roles(TREASURER)
    assert door.person(entered.token) is None
    assert door.type() == NotIn()
    door.role(TREASURER, "animator", "Somebody Else")
    assert door.person(entered.token) is None
    assert door.type() == NotIn()
    now = door.known()
    assert (now.name, now.has_second_factor) == ("Somebody Else", False)


def test_a_number_that_is_another_s_now_begins_anew_even_where_its_roles_ended_otherwise(door: Door) -> None:
    door.known()
    with door.store.write() as unit:
        staff.end(unit, staff.roles_of(unit.connection, TREASURER)[0].id, date(2026, 11, 22))
    door.role(TREASURER, "animator", "Somebody Else")
    door.invite()
    assert door.type() == NotIn()


# --- passwords --------------------------------------------------------------------------------------------------------


def test_wrong_ones_wait_and_the_wait_grows_the_same_for_a_number_that_nobody_has(door: Door) -> None:
    door.known()
    for number in (TREASURER, STRANGER, "not a number"):
        answers = [door.type(number, OTHER, address=f"10.0.0.{len(number)}") for _ in range(7)]
        assert answers == [*[NotIn()] * 5, NotIn(MINUTE), NotIn(MINUTE, looked=False)]
    assert door.type(address=ELSEWHERE) == NotIn(MINUTE, looked=False)
    door.wait(MINUTE)
    assert door.type(password=OTHER) == NotIn(5 * MINUTE)
    door.wait(5 * MINUTE)
    assert isinstance(door.type(), Entered)
    assert door.type(password=OTHER) == NotIn()


def test_one_address_that_guesses_at_many_numbers_waits(door: Door) -> None:
    door.known()
    for tens in range(30):
        assert door.type(f"+22901500001{tens:02}", OTHER) == NotIn()
    assert door.type(STRANGER, OTHER) == NotIn(MINUTE)
    assert door.type() == NotIn(MINUTE, looked=False)
    assert isinstance(door.type(address=ELSEWHERE), Entered)


def test_whoever_enters_between_guesses_at_others_waits_all_the_same(door: Door) -> None:
    door.known()
    answer: object = None
    for tens in range(31):
        answer = door.type(f"+22901500001{tens:02}", OTHER)
        if tens % 4 == 0:
            door.type()
    assert answer == NotIn(MINUTE)


def test_an_address_of_version_6_is_its_network(door: Door) -> None:
    for tens in range(30):
        door.type(f"+22901500001{tens:02}", OTHER, address=f"2001:db8:1:2::{tens:x}")
    assert door.type(STRANGER, OTHER, address="2001:db8:1:2:ffff::1") == NotIn(MINUTE)
    assert door.type(STRANGER, OTHER, address="2001:db8:1:3::1") == NotIn()


def test_a_hundred_guesses_at_one_moment_are_each_counted(door: Door) -> None:
    door.known()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: door.type(password=OTHER), range(16)))
    looked = [each for each in answers if isinstance(each, NotIn) and each.looked]
    assert len(looked) == 6


def test_no_number_of_a_person_stands_in_the_counts_or_the_events(door: Door) -> None:
    door.known()
    for _ in range(6):
        door.type(password=OTHER)
    with door.store.read() as connection:
        from gateway.store.schema import attempt

        said = [*connection.execute(select(attempt)).all(), *connection.execute(select(office_event)).all()]
    assert said
    assert TREASURER[-8:] not in repr(said)


def test_a_password_sealed_with_old_parameters_is_sealed_anew(door: Door) -> None:
    one = door.known()
    weak = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(PASSWORD)
    with door.store.write() as unit:
        unit.connection.execute(update(login).where(login.c.id == one.login_id).values(password=weak))
    door.enter()
    with door.store.read() as connection:
        now = logins.by_id(connection, one.login_id)
    assert now is not None
    assert now.password is not None
    assert not passwords.is_old(now.password)
    assert now.password_at == one.password_at
    door.enter()


# --- the second factor ------------------------------------------------------------------------------------------------


def code_at(door: Door, secret: str, off_s: int = 0) -> str:
    return pyotp.TOTP(secret).at(door.clock.now() + timedelta(seconds=off_s))


@pytest.mark.parametrize(("off_s", "taken"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_code_may_be_half_a_minute_off(door: Door, off_s: int, taken: bool) -> None:
    secret, _ = door.set_up(door.known())
    answer = door.code(door.half_in(), code_at(door, secret, off_s))
    assert isinstance(answer, Entered) is taken


def test_a_code_works_once_and_so_does_none_before_it(door: Door) -> None:
    secret, _ = door.set_up(door.known())
    ticket = door.half_in()
    code = code_at(door, secret)
    assert isinstance(door.code(ticket, f" {code[:3]} {code[3:]} "), Entered)
    assert door.code(ticket, code) == NotIn()
    assert door.code(ticket, code_at(door, secret, -30)) == NotIn()
    door.wait(timedelta(seconds=30))
    assert isinstance(door.code(ticket, code_at(door, secret)), Entered)


def test_of_many_who_type_a_code_at_one_moment_one_enters(door: Door) -> None:
    secret, codes = door.set_up(door.known())
    ticket = door.half_in()
    for typed in (code_at(door, secret), codes[0]):
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _, typed=typed: door.code(ticket, typed), range(4)))
        assert sum(isinstance(each, Entered) for each in answers) == 1


def test_a_recovery_code_works_once_however_it_is_typed(door: Door) -> None:
    _, codes = door.set_up(door.known())
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"[2-9a-hjkmnp-z]{4}(-[2-9a-hjkmnp-z]{4}){2}", each) for each in codes)
    assert isinstance(door.code(door.half_in(), codes[3].upper().replace("-", " ")), Entered)
    assert door.code(door.half_in(), codes[3]) == NotIn()
    with door.store.read() as connection:
        assert second_factor.recovery_left(connection, door.known().login_id) == 9
        kept = connection.execute(select(login_recovery)).all()
    assert not any(each.replace("-", "") in repr(kept) for each in codes)


def test_wrong_codes_wait_however_often_the_password_is_typed(door: Door) -> None:
    secret, _ = door.set_up(door.known())
    wrong = [door.code(door.half_in(), "000000") for _ in range(6)]
    assert wrong == [*[NotIn()] * 5, NotIn(MINUTE)]
    assert door.code(door.half_in(), code_at(door, secret)) == NotIn(MINUTE, looked=False)
    door.wait(MINUTE)
    assert isinstance(door.code(door.half_in(), code_at(door, secret)), Entered)


def test_a_ticket_is_good_for_ten_minutes_and_for_one_password(door: Door) -> None:
    secret, _ = door.set_up(door.known())
    ticket = door.half_in()
    assert door.code(ticket, code_at(door, secret), OTHER_KEYS) == NotIn(over=True)
    assert door.code("forged", code_at(door, secret)) == NotIn(over=True)
    door.wait(timedelta(minutes=11))
    assert door.code(ticket, code_at(door, secret)) == NotIn(over=True)
    ticket = door.half_in()
    door.choose(door.invite())
    assert door.code(ticket, code_at(door, secret)) == NotIn(over=True)


def test_a_secret_is_no_one_s_before_its_first_code_was_right(door: Door) -> None:
    one = door.known()
    secret, _ = door.set_up(one)
    now = door.clock.now()
    new = second_factor.offer(KEYS, one.login_id, one.name, now)
    assert f"secret={new.secret}" in new.uri
    assert new.uri.startswith("otpauth://totp/Cotisa:Awa%20Bio?")
    assert second_factor.offered(KEYS, one.login_id, one.name, new.sealed, now) == new
    assert second_factor.offered(KEYS, one.login_id + 1, one.name, new.sealed, now) is None
    assert second_factor.offered(KEYS, one.login_id, one.name, new.sealed, now + timedelta(hours=1)) is None
    with door.store.write() as unit:
        assert second_factor.take_into_use(unit, KEYS, one.login_id, new, "000000") is None
    assert isinstance(door.code(door.half_in(), code_at(door, secret)), Entered)


def test_a_secret_in_the_database_is_sealed_for_its_owner_and_this_installation(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    one = door.known()
    secret, _ = door.set_up(one)
    with door.store.read() as connection:
        kept = connection.scalar(select(login.c.totp_secret).where(login.c.id == one.login_id))
    assert secret not in str(kept)
    assert len(str(kept)) <= 200
    chief = door.known(CHIEF)
    with door.store.write() as unit:
        assert second_factor.take_code(unit, OTHER_KEYS, one.login_id, code_at(door, secret)) is None
        unit.connection.execute(
            update(login).where(login.c.id == chief.login_id).values(totp_secret=kept, totp_on_at=unit.now)
        )
        assert second_factor.take_code(unit, KEYS, chief.login_id, code_at(door, secret)) is None
        assert second_factor.take_code(unit, KEYS, one.login_id, code_at(door, secret)) == "app"
    assert "SECRET_KEY" in caplog.text


def test_an_administrator_does_nothing_before_they_have_one(door: Door) -> None:
    chief = door.known(CHIEF)
    assert chief.must_secure
    token = door.enter(CHIEF)
    assert door.person(token).must_secure
    door.set_up(chief)
    assert not door.person(token).must_secure
    door.known()
    token = door.enter()
    assert not door.person(token).must_secure
    door.role(TREASURER, "administrator")
    assert door.person(token).must_secure


def test_whoever_changes_what_they_enter_with_shows_again_who_they_are(door: Door) -> None:
    one = door.known()

    def prove(password: str, code: str) -> NotIn | None:
        with door.store.write() as unit:
            now = logins.by_id(unit.connection, one.login_id)
            assert now is not None
            return entering.prove(unit, KEYS, now, password, code, address=HERE)

    assert prove(PASSWORD, "") is None
    assert prove(OTHER, "") == NotIn()
    secret, codes = door.set_up(one)
    assert prove(PASSWORD, "") == NotIn()
    assert prove(OTHER, code_at(door, secret)) == NotIn()
    assert prove(PASSWORD, code_at(door, secret)) is None
    assert prove(PASSWORD, codes[0]) is None
    assert [prove(OTHER, "") for _ in range(6)][-1] == NotIn(MINUTE)
    assert prove(PASSWORD, codes[1]) == NotIn(MINUTE, looked=False)


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_a_session_says_who_is_inside_with_the_roles_of_now(door: Door) -> None:
    door.known()
    token = door.enter()
    one = door.person(token)
    assert (one.name, one.msisdn, one.language, one.must_secure) == ("Awa Bio", TREASURER, "fr", False)
    assert [(each.role, each.organisation_id) for each in one.roles] == [("treasurer", door.mutuelle)]
    assert one.csrf == sessions.csrf_of(token) != sessions.csrf_of(door.enter())
    door.role(TREASURER, "animator", at=door.union)
    assert [each.role for each in door.person(token).roles] == ["treasurer", "animator"]
    for wrong in ("", "x", token[:-1], token + "x", "é" * 30, "x" * 10_000):
        assert door.person(wrong) is None
    with door.store.read() as connection:
        kept = repr(connection.execute(select(login_session)).all())
    assert token not in kept


def test_reading_one_is_one_statement_and_it_is_seen_once_a_minute(door: Door) -> None:
    door.known()
    token = door.enter()
    told: list[str] = []

    def tell(*parts: Any) -> None:
        verb = str(parts[2]).split()[0]
        if verb not in ("BEGIN", "COMMIT", "ROLLBACK"):
            told.append(verb)

    event.listen(door.store.engine, "before_cursor_execute", tell)
    for _ in range(3):
        door.person(token)
    assert told == ["SELECT"] * 3
    door.wait(MINUTE)
    told.clear()
    for _ in range(3):
        door.person(token)
    assert told == ["SELECT", "UPDATE", "SELECT", "SELECT"]


def test_it_ends_an_hour_after_its_last_page_and_twelve_after_it_began(door: Door) -> None:
    door.known()
    token = door.enter()
    for _ in range(14):
        door.wait(50 * MINUTE)
        assert door.person(token) is not None
    door.wait(21 * MINUTE)
    assert door.person(token) is None  # twelve hours and a minute
    token = door.enter()
    door.wait(60 * MINUTE)
    assert door.person(token) is None


def test_sessions_are_listed_and_ended_by_their_owner_alone(door: Door) -> None:
    one, chief = door.known(), door.known(CHIEF)
    first = door.enter()
    door.wait(MINUTE)
    second = door.enter()
    other = door.enter(CHIEF)
    with door.store.read() as connection:
        listed = sessions.open_ones(connection, one.login_id, door.clock.now())
    assert [each.id for each in listed] == [door.person(second).session_id, door.person(first).session_id]
    assert (listed[0].address, device_words(listed[0].agent)) == (HERE, "Firefox, Windows")
    with door.store.write() as unit:
        assert not sessions.end(unit, chief.login_id, listed[0].id)
        assert sessions.end(unit, one.login_id, listed[1].id)
        assert not sessions.end(unit, one.login_id, listed[1].id)
    assert door.person(first) is None
    third = door.enter()
    with door.store.write() as unit:
        assert sessions.end_others(unit, one.login_id, listed[0].id) == 1
    assert (door.person(third), door.person(second) is not None) == (None, True)
    with door.store.write() as unit:
        assert sessions.end_all(unit, one.login_id) == 1
    assert door.person(second) is None
    assert door.person(other) is not None


def test_no_more_than_twenty_are_open_and_old_rows_go(door: Door) -> None:
    one = door.known()
    tokens = []
    for _ in range(22):
        tokens.append(door.enter())
        door.wait(timedelta(seconds=1))
    assert [door.person(each) is not None for each in tokens] == [False] * 2 + [True] * 20
    door.wait(timedelta(days=91))
    door.enter()
    with door.store.read() as connection:
        assert connection.scalar(select(func.count()).where(login_session.c.login_id == one.login_id)) == 1


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox, Windows"),
        ("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/124.0 Mobile Safari/537.36", "Chrome, Android"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/124.0 Safari/537.36 Edg/124.0", "Edge, Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605 Safari/604.1", "Safari, iPhone"),
        ("Opera/9.80 (J2ME/MIDP; Opera Mini/7.1/191; U; fr) Presto/2.12", "Opera Mini"),
        ("", ""),
    ],
)
def test_a_device_in_words(agent: str, words: str) -> None:
    assert device_words(agent) == words


# --- what is written down ---------------------------------------------------------------------------------------------


def test_what_happens_at_the_door_is_written_down(door: Door) -> None:
    door.known()
    door.enter()
    for _ in range(6):
        door.type(password=OTHER)
    with door.store.read() as connection:
        rows = connection.execute(select(office_event).order_by(office_event.c.id)).all()
    assert [(row.what, row.by_name, row.organisation_id, row.address) for row in rows] == [
        ("entry.link_made", "gateway staff", door.mutuelle, ""),
        ("entry.password_by_link", "Awa Bio", door.mutuelle, HERE),
        ("entry.entered", "Awa Bio", door.mutuelle, HERE),
        ("entry.wrong_password", "", door.mutuelle, HERE),
    ]
    assert rows[-1].after == {"wait_s": 60}
    assert {row.about for row in rows} == {f"login:{rows[1].login_id}"}


def test_an_event_keeps_what_changed_and_is_never_changed(door: Door) -> None:
    with door.store.write() as unit:
        trace(
            unit,
            by=None,
            organisation_id=None,
            what="x" * 100,
            about="y" * 100,
            address="z" * 100,
            before={"amount": Money(1_000, "XOF"), "on": date(2026, 1, 2), "who": None},
            after={"list": (1, "two")},
        )
    with door.store.read() as connection:
        row = connection.execute(select(office_event)).one()
    assert row.before == {"amount": {"minor": 1_000, "currency": "XOF"}, "on": "2026-01-02", "who": None}
    assert row.after == {"list": [1, "two"]}
    with pytest.raises(Exception, match="never changed"), door.store.write() as unit:
        unit.connection.execute(update(office_event).values(by_name="somebody else"))
