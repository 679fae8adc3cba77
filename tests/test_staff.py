"""Who has a role: several in one person, an end that keeps the row, and the office's commands."""

from __future__ import annotations

import json
import re
from datetime import date

import pyotp
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from gateway.console.entry import entering, links, logins, passwords, second_factor, sessions
from gateway.kernel.clock import SystemClock
from gateway.kernel.faults import Fault
from gateway.kernel.sealing import Keys
from gateway.ledger.chart import Chart
from gateway.membership import pins
from gateway.membership.households import register
from gateway.network import staff
from gateway.network.facilities import add_facility
from gateway.network.organisations import Network, add_organisation
from gateway.network.staff import BadRole, Member
from gateway.payments.readers import Reader, readers
from gateway.store.schema import message
from gateway.store.schema import staff as staff_table
from gateway.store.unit import Store
from tests.payments.village import FAMILY, ON_SQLITE, PAYER, TREASURER, Place, found

# Numbers at the very beginning of a range that the plan accepts: the commands take no others.
NURSE, ANIMATOR, KEEPER = "+2290150000002", "+2290150000003", "+2290150000004"
DAY = date(2026, 11, 22)
KEYS = Keys("office-secret-key-0123456789abcdef")


@pytest.fixture
def place(store: Store, network: Network) -> Place:
    """A mutuelle with a treasurer, on a database of each kind in turn."""
    return found(store, network)


def add_centre(store: Store, place: Place, code: str = "centre") -> int:
    with store.write() as unit:
        return add_facility(
            unit, place.books.id, code, "Centre de Ouaké", "centre", "public", "Ouaké", agreed_on=date(2020, 1, 1)
        )


def add(
    store: Store, place: Place, name: str, role: str, msisdn: str, facility_id: int | None = None, at: int | None = None
) -> int:
    with store.write() as unit:
        return staff.add(unit, at or place.books.id, name, role, msisdn, "fr", facility_id)


def end(store: Store, staff_id: int) -> None:
    with store.write() as unit:
        staff.end(unit, staff_id, DAY)


def roles(store: Store, msisdn: str) -> list[Member]:
    with store.read() as connection:
        return staff.roles_of(connection, msisdn)


# Roles


def test_one_person_has_several_roles_in_several_places(store: Store, place: Place) -> None:
    centre = add_centre(store, place)
    first = add(store, place, "Awa Bio", "agent", NURSE, centre)
    second = add(store, place, "Awa Bio", "adviser", NURSE)
    third = add(store, place, "Awa Bio", "treasurer", NURSE, at=place.section_id)
    home = place.books.id
    assert roles(store, NURSE) == [
        Member(first, home, "Awa Bio", "agent", NURSE, "fr", centre),
        Member(second, home, "Awa Bio", "adviser", NURSE, "fr", None),
        Member(third, place.section_id, "Awa Bio", "treasurer", NURSE, "fr", None),
    ]
    assert roles(store, KEEPER) == []


def test_an_end_keeps_the_row_and_nobody_is_listed_who_has_ended(store: Store, place: Place) -> None:
    one = add(store, place, "Awa Bio", "animator", ANIMATOR)
    end(store, one)
    assert roles(store, ANIMATOR) == []
    with store.read() as connection:
        assert [each.role for each in staff.everybody(connection)] == ["treasurer"]
        assert staff.by_id(connection, one).name == "Awa Bio"
        assert connection.scalar(select(staff_table.c.ended_on).where(staff_table.c.id == one)) == DAY


def test_who_comes_back_has_the_role_that_was_theirs(store: Store, place: Place) -> None:
    centre, hospital = add_centre(store, place), add_centre(store, place, "hospital")
    one = add(store, place, "Awa Bio", "agent", NURSE, centre)
    end(store, one)
    assert add(store, place, "Awa Bio", "agent", NURSE, hospital) == one
    assert [(each.id, each.facility_id) for each in roles(store, NURSE)] == [(one, hospital)]


def test_what_somebody_did_stays_theirs_when_their_number_is_another_s(store: Store, place: Place) -> None:
    one = add(store, place, "Awa Bio", "animator", ANIMATOR)
    end(store, one)
    with pytest.raises(BadRole, match="had this role there until 2026-11-22, under another name"):
        add(store, place, "Issa Chabi", "animator", ANIMATOR)
    assert roles(store, ANIMATOR) == []


def test_a_role_is_given_once(store: Store, place: Place) -> None:
    with pytest.raises(BadRole, match="this number has this role there already"):
        add(store, place, "Bio Sarre", "treasurer", TREASURER)
    assert len(roles(store, TREASURER)) == 1


def test_an_agent_and_nobody_else_has_a_facility(store: Store, place: Place) -> None:
    centre = add_centre(store, place)
    with pytest.raises(BadRole, match="an agent works at a health facility"):
        add(store, place, "Awa Bio", "agent", NURSE)
    with pytest.raises(BadRole, match="only an agent has a facility"):
        add(store, place, "Awa Bio", "adviser", NURSE, centre)
    with store.read() as connection:
        assert staff.facility_named(connection, "centre", place.books.id) == centre
        with pytest.raises(BadRole, match="no health facility has the code other"):
            staff.facility_named(connection, "other", place.books.id)


def test_a_treasurer_who_has_ended_is_told_of_no_payment(store: Store, network: Network, place: Place) -> None:
    """With the last one of the books gone, those of the organisation above are told."""
    with store.write() as unit:
        above = add_organisation(unit, None, kind="union", code="u", name="Union")
        books = add_organisation(unit, above, kind="mutuelle", code="m2", name="Mutuelle", keeps_books=True)
        staff.add(unit, above[0], "Awa Bio", "treasurer", NURSE, "fr")
        own = staff.add(unit, books[0], "Issa Chabi", "treasurer", ANIMATOR, "fr")
    network.forget()
    tree = network.tree()

    def told() -> tuple[Reader, ...]:
        with store.read() as connection:
            return readers(connection, tree, tree[books[0]], 0, "fr", PAYER).treasurers

    assert told() == (Reader(ANIMATOR, "fr"),)
    end(store, own)
    assert told() == (Reader(NURSE, "fr"),)


# Commands, as the office types them


class Office:
    """The command line, on the store's own database."""

    def __init__(self, store: Store) -> None:
        self.env = {
            "DATABASE_URL": store.engine.url.render_as_string(hide_password=False),
            "REDIS_URL": "redis://127.0.0.1:1/0",  # nothing here needs one
            "SECRET_KEY": "office-secret-key-0123456789abcdef",
            "WEBHOOK_SECRET": "office-webhook-secret-0123456789",
            "PUBLIC_URL": "https://cotisa.invalid",
        }

    def type(self, *words: str) -> str:
        """What is printed; raises what the command raises."""
        result = self._run(*words)
        if result.exception is not None:
            raise result.exception
        return result.output

    def _run(self, *words: str) -> Result:
        from gateway.cli import cli

        return CliRunner(env=self.env).invoke(cli, words)


@pytest.fixture
def office(store: Store, place: Place) -> Office:
    """The office of the village's mutuelle, which has a second treasurer."""
    add(store, place, "Orou Sabi", "treasurer", KEEPER)
    return Office(store)


def told_pin(output: str) -> str:
    (pin,) = re.findall(r"first PIN (\d{5}) ", output)
    return str(pin)


def check(store: Store, msisdn: str, pin: str) -> pins.Checked:
    with store.write() as unit:
        return pins.check(unit, pins.of_staff(msisdn), msisdn, pin)


def test_the_office_gives_a_role_and_shows_the_first_pin_once(store: Store, place: Place, office: Office) -> None:
    add_centre(store, place)
    said = office.type("staff", "add", "m", "agent", "Awa Bio", "01 50 00 00 02", "--facility", "centre")
    assert "agent of Mutuelle de Ouaké: A. B. +229…02" in said
    assert check(store, NURSE, told_pin(said)) == pins.Checked("right", first=True)
    (one,) = roles(store, NURSE)
    assert (one.name, one.role, one.language) == ("Awa Bio", "agent", None)

    said = office.type("staff", "add", "m-1", "treasurer", "Awa Bio", NURSE, "--language", "en")
    assert "this number has a PIN already" in said
    assert not re.search(r"\d{4}", re.sub(LINK, "", said))
    assert len(roles(store, NURSE)) == 2


LINK = r"https://cotisa\.invalid/console/welcome/([\w-]{43})\n"


def told_token(output: str) -> str:
    (token,) = re.findall(LINK, output)
    return str(token)


def enter(store: Store, msisdn: str, password: str) -> entering.Entered | entering.HalfIn | entering.NotIn:
    with store.write() as unit:
        return entering.with_password(unit, KEYS, msisdn, password, address="", agent="")


def choose(store: Store, token: str, password: str) -> None:
    with store.write() as unit:
        links.use(unit, token, passwords.seal(password), address="")


@ON_SQLITE
def test_a_role_of_the_office_comes_with_a_link_to_choose_a_password(
    store: Store, place: Place, office: Office
) -> None:
    said = office.type("staff", "add", "m", "administrator", "Awa Bio", NURSE)
    assert told_pin(said)
    assert "shown once, works once, for 48 hours" in said
    choose(store, told_token(said), "le vieux manguier")
    assert isinstance(enter(store, NURSE, "le vieux manguier"), entering.Entered)

    said = office.type("staff", "add", "m-1", "treasurer", "Awa Bio", NURSE)
    assert "has a password for the office already" in said
    assert not re.search(LINK, said)
    add_centre(store, place)
    said = office.type("staff", "add", "m", "agent", "Issa Chabi", ANIMATOR, "--facility", "centre")
    assert "office" not in said


@ON_SQLITE
def test_a_new_link_for_whoever_forgot_the_password_or_lost_the_second_factor(store: Store, office: Office) -> None:
    first, second = told_token(office.type("staff", "link", KEEPER)), told_token(office.type("staff", "link", KEEPER))
    with pytest.raises(links.BadLink):
        choose(store, first, "le vieux manguier")
    choose(store, second, "le vieux manguier")
    with store.write() as unit:
        one = logins.by_number(unit.connection, KEEPER)
        assert one is not None
        offer = second_factor.offer(KEYS, one.login_id, one.name, unit.now)
        code = pyotp.TOTP(offer.secret).at(unit.now)
        assert second_factor.take_into_use(unit, KEYS, one.login_id, offer, code)
    office.type("staff", "link", KEEPER)
    assert isinstance(enter(store, KEEPER, "le vieux manguier"), entering.HalfIn)
    assert "second factor and their passkeys are gone" in office.type(
        "staff", "link", KEEPER, "--without-second-factor"
    )
    assert isinstance(enter(store, KEEPER, "le vieux manguier"), entering.Entered)


@ON_SQLITE
def test_where_somebody_is_inside_is_listed_and_ended(store: Store, office: Office) -> None:
    choose(store, told_token(office.type("staff", "link", KEEPER)), "le vieux manguier")
    with store.write() as unit:
        one = logins.by_number(unit.connection, KEEPER)
        assert one is not None
        unit.now = SystemClock().now()
        token = sessions.start(unit, one.login_id, address="192.0.2.1", agent="Mozilla/5.0 (Windows) Firefox/115.0")
    (listed,) = json.loads(office.type("staff", "sessions", KEEPER, "--json"))
    assert (listed["address"], listed["device"]) == ("192.0.2.1", "Firefox, Windows")
    assert "O. S. +229…04: 1 session open" in office.type("staff", "sessions", KEEPER)
    assert sessions.person_of(store, token, SystemClock().now()) is not None
    assert "1 session ended" in office.type("staff", "sessions", KEEPER, "--end")
    assert sessions.person_of(store, token, SystemClock().now()) is None
    assert "0 sessions open" in office.type("staff", "sessions", KEEPER)


@ON_SQLITE
def test_what_opens_the_office_goes_with_the_last_role(store: Store, office: Office) -> None:
    choose(store, told_token(office.type("staff", "link", KEEPER)), "le vieux manguier")
    office.type("staff", "end", KEEPER, "treasurer", "m")
    assert enter(store, KEEPER, "le vieux manguier") == entering.NotIn()
    with store.read() as connection:
        one = logins.by_number(connection, KEEPER)
    assert one is not None
    assert one.password is None


@ON_SQLITE
def test_the_office_lists_who_has_a_role_masked(store: Store, place: Place, office: Office) -> None:
    add(store, place, "Awa Bio", "agent", NURSE, add_centre(store, place))
    end(store, add(store, place, "Issa Chabi", "animator", ANIMATOR))
    listed = json.loads(office.type("staff", "list", "--json"))
    assert [(one["role"], one["name"], one["phone"], one["facility"]) for one in listed] == [
        ("agent", "A. B.", "+229…02", "centre"),
        ("treasurer", "B. S.", "+229…01", ""),
        ("treasurer", "O. S.", "+229…04", ""),
    ]
    assert "A. B." in office.type("staff", "list")
    assert "00002" not in office.type("staff", "list")


@ON_SQLITE
def test_the_pin_goes_with_the_last_role(store: Store, place: Place, office: Office) -> None:
    pin = told_pin(office.type("staff", "add", "m", "animator", "Awa Bio", ANIMATOR))
    office.type("staff", "add", "m-1", "treasurer", "Awa Bio", ANIMATOR)
    said = office.type("staff", "end", ANIMATOR, "treasurer", "m-1")
    assert "no longer treasurer of Awanla: A. B. +229…03" in said
    assert check(store, ANIMATOR, pin).answer == "right"
    office.type("staff", "end", ANIMATOR, "animator", "m")
    assert check(store, ANIMATOR, pin).answer == "none"
    with store.read() as connection:
        days = connection.scalars(select(staff_table.c.ended_on).where(staff_table.c.msisdn == ANIMATOR)).all()
        assert len(days) == 2
        assert None not in days


@ON_SQLITE
def test_a_new_first_pin_replaces_the_old_one_and_frees_the_phone(store: Store, office: Office) -> None:
    first = told_pin(office.type("staff", "pin", KEEPER))
    for _ in range(4):
        check(store, KEEPER, "0000")
    assert check(store, KEEPER, first).answer == "locked"
    second = told_pin(office.type("staff", "pin", KEEPER))
    assert check(store, KEEPER, second) == pins.Checked("right", first=True)
    assert first == second or check(store, KEEPER, first).answer == "wrong"


@ON_SQLITE
def test_a_household_s_forgotten_pin_is_taken_away(
    store: Store, network: Network, place: Place, office: Office
) -> None:
    with store.write() as unit:
        home = register(unit, network.tree(), Chart(), place.section_id, place.plan, FAMILY, PAYER, "fr")
        holder = pins.of_household(home.household_id)
        pins.keep(unit, holder, pins.seal("48151"))
        for _ in range(4):
            pins.check(unit, holder, PAYER, "0000")
    assert "A. T. has no PIN any more" in office.type("households", "forget-pin", home.card)
    with store.write() as unit:
        told = unit.connection.execute(select(message.c.msisdn, message.c.language).where(message.c.event == "pin"))
        assert told.all() == [(PAYER, "fr")]
        assert not pins.has_pin(unit.connection, holder)
        pins.keep(unit, holder, pins.seal("9071"))
        assert pins.check(unit, holder, PAYER, "9071").answer == "right"
    with store.write() as unit:
        pins.drop(unit, holder)
    with pytest.raises(Fault, match="this household has no PIN"):
        office.type("households", "forget-pin", home.card)


@ON_SQLITE
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("staff", "add", "m", "treasurer", "Orou Sabi", KEEPER), "has this role there already"),
        (("staff", "add", "m", "agent", "Awa Bio", NURSE), "an agent works at a health facility: name it"),
        (("staff", "add", "m", "agent", "Awa Bio", NURSE, "--facility", "x"), "no health facility has the code x"),
        (("staff", "add", "m", "adviser", "A", NURSE), "the name must have two letters"),
        (("staff", "add", "m", "adviser", "Awa Bio", "12"), "is not a mobile number of BJ"),
        (("staff", "add", "nowhere", "adviser", "Awa Bio", NURSE), "no organisation has the code nowhere"),
        (("staff", "end", KEEPER, "animator", "m"), "+229…04 is not animator of m"),
        (("staff", "pin", NURSE), "+229…02 has no role"),
        (("staff", "link", NURSE), "+229…02 has no role that opens the office"),
        (("staff", "link", "12"), "is not a mobile number of BJ"),
        (("staff", "sessions", NURSE), "+229…02 has never had a link to the office"),
        (("households", "forget-pin", "123456789"), "is not a card number"),
        (("households", "forget-pin", "123456786"), "no household has this card"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    store: Store, office: Office, words: tuple[str, ...], told: str
) -> None:
    with pytest.raises(Fault) as fault:
        office.type(*words)
    assert told in str(fault.value)
    assert len(str(fault.value).splitlines()) == 1
    with store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(staff_table)) == 2


@ON_SQLITE
@pytest.mark.parametrize(
    "command",
    ["staff add", "staff list", "staff end", "staff pin", "staff link", "staff sessions", "households forget-pin"],
)
def test_every_command_explains_itself(office: Office, command: str) -> None:
    assert f"{command} " in office.type(*command.split(), "--help")
