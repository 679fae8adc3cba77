"""The staff in the office: who has which role where, a role given and ended, links and PINs that are shown once."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from gateway.console.entry import links, logins, sessions
from gateway.kernel.money import Money
from gateway.membership.households import by_card
from gateway.membership.pins import has_pin, of_staff
from gateway.network.staff import roles_of
from gateway.payments.cash import CashRecorded, record_cash
from gateway.store.schema import effect, handover, login, login_link, login_session, office_event, staff
from tests.console.office import PATH, PEOPLE, Office, Sight, Somebody
from tests.ussd.world import MEMBER

NEW = "+2290150000850"
LINK = re.compile(r"/console/welcome/([\w-]+)")


def role_of(office: Office, msisdn: str) -> int:
    return int(office.place.ask(select(staff.c.id).where(staff.c.msisdn == msisdn))[0][0])


def acts(office: Office) -> list[str]:
    return [what for (what,) in office.place.ask(select(office_event.c.what).order_by(office_event.c.id))]


def fill_new(
    somebody: Somebody,
    role: str = "Animateur",
    place: str = "Mutuelle Ouaké",
    name: str = "Alimatou Sero",
    phone: str = NEW.removeprefix("+229"),
) -> Somebody:
    """The form of a new role, filled in."""
    somebody.get("/staff/new")
    somebody.fill("role", role).fill("place", place).fill("name", name)
    return somebody.fill("phone", phone).fill("language", "fr")


def token_on(page: Sight) -> str:
    found = LINK.search(page.html)
    assert found is not None, page.text
    return found[1]


def test_who_has_a_role_stands_there_with_a_masked_number(office: Office) -> None:
    for who in ("treasurer", "animator", "neighbouring treasurer", "neighbour"):
        office.enter(who)
    page = office.enter("administrator").get("/staff")
    assert page.status == 200
    for who in ("treasurer", "animator", "neighbouring treasurer", "administrator"):
        assert PEOPLE[who][1] in page.text  # the union stands above both mutuelles
        assert PEOPLE[who][3] not in page.html
        assert PEOPLE[who][3].removeprefix("+229") not in page.html
    assert PEOPLE["neighbour"][1] not in page.text
    treasurer = office.enter("treasurer").get("/staff")
    assert PEOPLE["animator"][1] in treasurer.text
    assert PEOPLE["neighbouring treasurer"][1] not in treasurer.text
    assert "Donner un rôle" not in treasurer.text
    only = office.enter("administrator").get("/staff?role=animator")
    assert PEOPLE["animator"][1] in only.text
    assert PEOPLE["treasurer"][1] not in only.text


def test_a_long_list_is_shown_a_page_at_a_time(pg_office: Office) -> None:
    for number in range(55):
        pg_office.place.staff_with(f"+22901500011{number:02}", "animator", "Bani Orou", pin=None)
    somebody = pg_office.enter("administrator")
    first = [to for to, text in somebody.get("/staff?role=animator").read.links if text == "Bani Orou"]
    then = [to for to, text in somebody.follow("Afficher la suite").read.links if text == "Bani Orou"]
    assert (len(first), len(then)) == (50, 5)
    assert not set(first) & set(then)


def test_a_new_role_shows_its_pin_and_its_link_once(office: Office) -> None:
    somebody = fill_new(office.enter("administrator"))
    form = next(one for one in somebody.page.forms if one.action == f"{PATH}/staff/new")
    fields = somebody._fields(form)
    page = somebody.send(form, fields)
    assert page.status == 200
    token = token_on(page)
    pin = re.search(r"<kbd>(\d+)</kbd>", page.html)
    assert pin is not None
    # A double click makes neither a second link nor a second PIN, and shows nothing again.
    again = somebody.send(form, fields)
    assert again.status == 200
    assert not LINK.search(again.html)
    assert pin[1] not in again.html
    assert office.place.ask(select(func.count()).select_from(login_link)) == [(1,)]
    with office.store.read() as connection:
        assert has_pin(connection, of_staff(NEW))
        assert [(one.role, one.name) for one in roles_of(connection, NEW)] == [("animator", "Alimatou Sero")]
        assert links.read(connection, token, office.place.runtime.clock.now()) is not None
    # Nothing of what was shown stands in what was written down.
    kept = [*office.place.ask(select(office_event)), *office.place.ask(select(effect))]
    assert not any(secret in str(row) for row in kept for secret in (token, pin[1], NEW))
    assert acts(office) == ["entry.link_made", "staff.added"]
    # The link leads its holder to their first password.
    assert office.visitor().get(f"/welcome/{token}").status == 200


def test_an_agent_has_a_facility_and_no_link(office: Office) -> None:
    office.place.facility()
    somebody = fill_new(office.enter("administrator"), role="Agent d'une formation sanitaire")
    refused = somebody.press("Donner le rôle")
    assert refused.status == 422
    assert office.place.ask(select(staff.c.id).where(staff.c.msisdn == NEW)) == []
    page = fill_new(somebody, role="Agent d'une formation sanitaire").fill("facility", "f-0").press("Donner le rôle")
    assert page.status == 200
    assert re.search(r"<kbd>\d+</kbd>", page.html)
    assert not LINK.search(page.html)
    assert office.place.ask(select(staff.c.role).where(staff.c.msisdn == NEW)) == [("agent",)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("place", "umoja"), ("place", "late"), ("place", ""), ("role", "king"), ("name", "7"), ("phone", "12"),
        ("language", "xx"), ("facility", "f-nowhere"),
    ],
)  # fmt: skip
def test_what_cant_be_is_refused_and_nothing_is_done(pg_office: Office, field: str, value: str) -> None:
    somebody = fill_new(pg_office.enter("administrator"))
    form = next(one for one in somebody.page.forms if one.action == f"{PATH}/staff/new")
    fields = [(name, value if name == field else typed) for name, typed in somebody._fields(form)]
    page = somebody.send(form, fields)
    assert page.status == 422
    assert pg_office.place.ask(select(staff.c.id).where(staff.c.msisdn == NEW)) == []
    assert pg_office.place.ask(select(login.c.id).where(login.c.msisdn == NEW)) == []
    assert acts(pg_office) == []


def test_an_administrator_of_a_mutuelle_gives_no_role_outside_it(office: Office) -> None:
    somebody = office.enter_as("administrator", "Bio Sabi", "Mutuelle Ouaké", "+2290150000851")
    somebody = fill_new(somebody)
    form = next(one for one in somebody.page.forms if one.action == f"{PATH}/staff/new")
    own = somebody._fields(form)
    for place in ("ouake", "Mutuelle Anandana", "umoja"):
        page = somebody.send(form, [(name, place if name == "place" else typed) for name, typed in own])
        assert page.status == 422
    administrator = [(name, "administrator" if name == "role" else typed) for name, typed in own]
    assert somebody.send(form, administrator).status == 200  # theirs to give, where they are one
    assert office.place.ask(select(staff.c.role).where(staff.c.msisdn == NEW)) == [("administrator",)]


def test_nobody_changes_their_own_rights(office: Office) -> None:
    somebody = office.enter("administrator")
    own = PEOPLE["administrator"]
    refused = fill_new(somebody, "Trésorier", name=own[1], phone=own[3].removeprefix("+229")).press("Donner le rôle")
    assert refused.status == 422
    assert "ses propres droits" in refused.text
    page = somebody.get(f"/staff/{role_of(office, own[3])}")
    assert page.status == 200
    csrf = next(one.value for form in refused.forms for one in form.controls if one.name == "csrf")
    for act in ("end", "link", "pin", "sessions", "told"):
        sent = {"csrf": csrf, "once": f"own-{act}-0123456789", "reason": "moi", "told": "day"}
        answer = somebody.client.post(f"{PATH}/staff/{role_of(office, own[3])}/{act}", data=sent)
        assert answer.status_code == 422, act
    with office.store.read() as connection:
        assert [one.role for one in roles_of(connection, own[3])] == ["administrator"]
    assert acts(office) == []


def test_a_treasurer_sees_and_changes_nothing(office: Office) -> None:
    office.enter("animator")
    somebody = office.enter("treasurer")
    its_id = role_of(office, PEOPLE["animator"][3])
    page = somebody.get(f"/staff/{its_id}")
    assert page.status == 200
    assert "Mettre fin" not in page.text
    assert somebody.get("/staff/new").status == 403


def test_a_role_that_ends_takes_cash_sessions_and_secrets_with_it(office: Office) -> None:
    office.place.household_with(MEMBER)
    ending = office.enter("animator")
    assert ending.get("/today").status == 200 or ending.get("/").status == 200
    number = PEOPLE["animator"][3]
    somebody = office.enter("administrator")
    page = somebody.get(f"/staff/{role_of(office, number)}")
    assert page.status == 200
    assert somebody.press("Mettre fin au rôle").status == 422  # why?
    done = somebody.fill("reason", "a quitté la mutuelle").press("Mettre fin au rôle")
    assert done.status == 200
    assert PEOPLE["animator"][1] not in [text for _, text in done.read.links]
    assert "/enter" in ending.client.get(f"{PATH}/care").headers["Location"]
    with office.store.read() as connection:
        assert roles_of(connection, number) == []
    open_ones = login_session.c.ended_at.is_(None) & (login.c.msisdn == number)
    joined = select(func.count()).select_from(login_session.join(login)).where(open_ones)
    assert office.place.ask(joined) == [(0,)]
    found = office.place.ask(select(office_event.c.what, office_event.c.after))
    assert [(what, after["reason"]) for what, after in found] == [("staff.ended", "a quitté la mutuelle")]
    # A role that is over can be looked up and not ended again.
    assert somebody.get(f"/staff/{role_of(office, number)}").status == 200
    assert "Mettre fin au rôle" not in somebody.page.text


def test_cash_that_is_still_held_is_handed_over_with_the_role(office: Office) -> None:
    card = office.place.household_with(MEMBER, "Adjara Tchédré", "Moussa Tchédré")
    office.enter("animator")
    runtime = office.place.runtime
    tree = runtime.network.tree()
    with office.store.write() as unit:
        family = by_card(unit.connection, tree, card)
        assert family is not None
        member = roles_of(unit.connection, PEOPLE["animator"][3])[0]
        taken = record_cash(
            unit, tree, runtime.services.chart, effect_key="held", household=family, staff=member,
            amount=Money(1_000, "XOF"),
        )  # fmt: skip
    assert isinstance(taken, CashRecorded)
    somebody = office.enter("administrator")
    assert "1 000 F" in somebody.get(f"/staff/{member.id}").text
    done = somebody.fill("reason", "a quitté la mutuelle").press("Mettre fin au rôle")
    assert "1 000 F" in done.text
    assert office.place.ask(select(handover.c.amount_minor, handover.c.state)) == [(1_000, "open")]


def test_a_new_link_and_a_new_pin_are_shown_once(office: Office) -> None:
    office.enter("animator")
    its_id = role_of(office, PEOPLE["animator"][3])
    somebody = office.enter("administrator")
    somebody.get(f"/staff/{its_id}")
    form = next(one for one in somebody.page.forms if one.action.endswith("/link"))
    fields = somebody._fields(form)
    first = token_on(somebody.send(form, fields))
    assert not LINK.search(somebody.send(form, fields).html)  # a double click
    somebody.get(f"/staff/{its_id}")
    second = token_on(somebody.press("Créer un nouveau lien"))
    now = office.place.runtime.clock.now()
    with office.store.read() as connection:
        assert links.read(connection, first, now) is None
        assert links.read(connection, second, now) is not None
    somebody.get(f"/staff/{its_id}")
    page = somebody.press("Créer un nouveau premier code")
    assert re.search(r"<kbd>\d+</kbd>", page.html)
    assert not re.search(r"<kbd>\d+</kbd>", somebody.get(f"/staff/{its_id}").html)


def test_a_link_may_take_the_second_factor_away(office: Office) -> None:
    lost = office.enter("second administrator")
    number = PEOPLE["second administrator"][3]
    with office.store.write() as unit:
        unit.connection.execute(login.update().where(login.c.msisdn == number).values(totp_secret="sealed"))
    somebody = office.enter("administrator")
    somebody.get(f"/staff/{role_of(office, number)}")
    assert token_on(somebody.fill("without_second_factor", True).press("Créer un nouveau lien"))
    with office.store.read() as connection:
        one = logins.by_number(connection, number)
        assert one is not None
        assert not one.has_second_factor
        assert sessions.open_ones(connection, one.login_id, office.place.runtime.clock.now()) == []
    assert lost.client.get(f"{PATH}/staff").status_code == 303


def test_sessions_are_ended_and_how_a_treasurer_is_told_is_kept(office: Office) -> None:
    inside = office.enter("treasurer")
    its_id = role_of(office, PEOPLE["treasurer"][3])
    somebody = office.enter("administrator")
    page = somebody.get(f"/staff/{its_id}")
    assert "192.0.2.7" in page.text
    somebody.fill("De chaque versement", False)
    kept = somebody.fill("Des versements d'une journée ensemble", True).press("Garder")
    assert kept.status == 200
    assert office.place.ask(select(staff.c.told).where(staff.c.id == its_id)) == [("day",)]
    ended = somebody.press("Terminer toutes les sessions")
    assert ended.status == 200
    assert "1 session terminée" in ended.text
    assert inside.client.get(f"{PATH}/staff").status_code == 303
    assert acts(office) == ["staff.told", "staff.sessions_ended"]


def test_nobody_opens_the_login_of_somebody_with_a_role_above(office: Office) -> None:
    """A link for an animator here who is administrator of the union would let its maker climb."""
    number = PEOPLE["administrator"][3]
    office.enter("administrator")
    office.place.staff_with(number, "animator", PEOPLE["administrator"][1], pin=None)
    here = office.place.ask(select(staff.c.id).where(staff.c.msisdn == number, staff.c.role == "animator"))[0][0]
    somebody = office.enter_as("administrator", "Bio Sabi", "Mutuelle Ouaké", "+2290150000851")
    page = somebody.get(f"/staff/{here}")
    assert page.status == 200
    assert "Créer un nouveau lien" not in page.text
    csrf = next(one.value for form in page.forms for one in form.controls if one.name == "csrf")
    for act in ("link", "pin", "sessions"):
        sent = {"csrf": csrf, "once": f"climb-{act}-0123456789"}
        answer = somebody.client.post(f"{PATH}/staff/{here}/{act}", data=sent)
        assert answer.status_code == 422, act
        assert not LINK.search(answer.get_data(as_text=True))
    # The role here is theirs to end all the same.
    assert somebody.fill("reason", "n'est plus animateur").press("Mettre fin au rôle").status == 200
    with office.store.read() as connection:
        assert [one.role for one in roles_of(connection, number)] == ["administrator"]
