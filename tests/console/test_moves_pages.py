"""The network in the office: a section moves, short codes, the directory, agreements, and cards of another mutuelle."""

from __future__ import annotations

import csv
import io
from datetime import date

import pytest
from sqlalchemy import select

from gateway.membership.households import by_card
from gateway.network import staff
from gateway.store.schema import facility_agreement, office_event, organisation, organisation_move, visit
from tests.console.office import PATH, Office, Sight, Somebody
from tests.membership.money import put_money_in
from tests.ussd.world import AGENT, BURUNDI, MEMBER, MORNING, OTHER_MTN


def its_id(office: Office, code: str) -> int:
    network = office.place.runtime.network
    network.forget()
    return network.tree().named(code).id


def send(who: Somebody, action: str, button: int = 0) -> Sight:
    """Send the form that goes to a path, by its first button."""
    form = next(each for each in who.page.forms if each.action == PATH + action)
    fields = who._fields(form)
    name, value, _ = form.buttons[button]
    return who.send(form, [*fields, (name, value)] if name else fields)


def acts(office: Office) -> list[str]:
    return [what for (what,) in office.place.ask(select(office_event.c.what).order_by(office_event.c.id))]


def test_a_section_moves_after_a_look_at_what_it_changes(office: Office) -> None:
    card = office.place.household_with(MEMBER)
    section, to = its_id(office, "Awanla"), its_id(office, "Mutuelle Anandana")
    somebody = office.enter("administrator")
    page = somebody.get(f"/network/{section}/move")
    assert "Mutuelle Anandana" in page.html
    assert "UMOJA" not in page.html
    somebody.fill("to", "Mutuelle Anandana")
    page = send(somebody, f"/network/{section}/move/look")
    assert "Mutuelle Anandana" in page.text
    assert office.place.ask(select(organisation_move.c.id)) == []
    page = send(somebody, f"/network/{section}/move")
    assert page.status == 200
    tree = office.place.runtime.network.tree()
    assert tree[section].parent_id == to
    assert office.place.ask(select(organisation_move.c.by_name, organisation_move.c.since)) == [
        ("Bariou Tchao", MORNING.date())
    ]
    assert acts(office) == ["network.moved"]
    # The treasurer of the mutuelle that it came to sees its households; the one that it left doesn't.
    assert office.enter("neighbouring treasurer").get("/households?q=" + card).status == 200
    household_path = f"/network/{section}"
    assert office.enter("neighbouring treasurer").get(household_path).status == 200
    assert office.enter("treasurer").get(household_path).status == 404


def test_whoever_isn_t_administrator_of_both_moves_nothing(office: Office) -> None:
    mutuelle = its_id(office, "Mutuelle Ouaké")
    own = office.enter_as("administrator", "Awa Chabi", "Mutuelle Ouaké", "+2290150000870")
    assert own.get(f"/network/{mutuelle}/move").status == 404
    assert office.enter("treasurer").get(f"/network/{mutuelle}/move").status in (403, 404)
    section = its_id(office, "Awanla")
    own.get(f"/network/{section}/change")
    for foreign in ("Mutuelle Anandana", "umoja", "Kadolassi"):
        token = next(each.value for form in own.page.forms for each in form.controls if each.name == "csrf")
        own.client.post(
            f"{PATH}/network/{section}/move",
            data={"csrf": token, "once": foreign, "to": foreign, "since": "2026-11-22"},
        )
    assert office.place.ask(select(organisation.c.parent_id).where(organisation.c.id == section)) == [(mutuelle,)]


def test_one_code_for_the_network_and_one_for_a_mutuelle(office: Office) -> None:
    place, mutuelle = office.place, its_id(office, "Mutuelle Séméré 2")
    somebody = office.enter("administrator")
    somebody.get(f"/network/{mutuelle}/codes")
    somebody.fill("code", "*384*777#").fill("letters", "")
    assert "*384*777#" in send(somebody, f"/network/{mutuelle}/codes").text
    somebody.fill("code", BURUNDI)
    assert send(somebody, f"/network/{mutuelle}/codes").status == 400 or its_id(office, "umoja")
    tree = place.runtime.network.tree()
    assert {code: tree[one.organisation_id].code for code, one in tree.codes.items()}[BURUNDI] == "umoja"
    # On its own code there are its own sections alone; on the shared one they are asked for by letters.
    own = place.phone(OTHER_MTN).dial("*384*777#")
    assert own.open
    shared = place.phone(OTHER_MTN).dial()
    assert shared.open
    somebody.get(f"/network/{mutuelle}/codes")
    send(somebody, f"/network/{mutuelle}/codes/remove")
    place.runtime.network.forget()
    assert "*384*777#" not in place.runtime.network.tree().codes
    assert acts(office) == ["network.code_added", "network.code_removed"]


def test_the_directory_is_a_file_with_masked_numbers(office: Office) -> None:
    mutuelle = its_id(office, "Mutuelle Ouaké")
    somebody = office.enter("administrator")
    somebody.get(f"/network/{mutuelle}/change")
    somebody.fill("contact_name", "Awa Bio").fill("contact_msisdn", OTHER_MTN).fill("address", "Rue 3")
    assert send(somebody, f"/network/{mutuelle}/change").status == 200
    [(kept,)] = office.place.ask(select(organisation.c.contact_msisdn).where(organisation.c.id == mutuelle))
    assert kept == OTHER_MTN
    # Sent back as it is shown, the number stays.
    page = somebody.get(f"/network/{mutuelle}/change")
    assert OTHER_MTN not in page.html
    somebody.fill("address", "Rue 4")
    send(somebody, f"/network/{mutuelle}/change")
    assert office.place.ask(
        select(organisation.c.contact_msisdn, organisation.c.address).where(organisation.c.id == mutuelle)
    ) == [(OTHER_MTN, "Rue 4")]
    for whole in (False, True):
        somebody.get("/network")
        somebody.fill("whole", whole)
        page = send(somebody, "/network/directory", 1)
        rows = list(csv.reader(io.StringIO(page.html.removeprefix("\ufeff")), delimiter=";"))
        phone = next(row for row in rows if row[0] == "Mutuelle Ouaké")[6]
        # A number in full is a text for a spreadsheet, never a formula.
        assert phone.lstrip("'").replace(" ", "") == (OTHER_MTN if whole else "+229…02")
        assert len(rows) == 16
    whole_numbers = [after["whole_numbers"] for (after,) in office.place.ask(
        select(office_event.c.after).where(office_event.c.what == "network.directory_kept").order_by(office_event.c.id)
    )]  # fmt: skip
    assert whole_numbers == [False, True]


def test_an_agreement_is_written_down_with_its_terms(office: Office) -> None:
    place = office.place.facility()
    somebody = office.enter("administrator")
    somebody.get(f"/network/facilities/{place}")
    somebody.fill("from", "2026-12-01").fill("to", "2027-11-30").fill("tariff", "T-2026").fill("covers", "Births")
    somebody.fill("terms", "Paid within 30 days.")
    page = send(somebody, f"/network/facilities/{place}/agree")
    assert "Paid within 30 days." in page.text
    rows = office.place.ask(
        select(facility_agreement.c.kind, facility_agreement.c.tariff, facility_agreement.c.by_name).order_by(
            facility_agreement.c.id
        )
    )
    assert rows == [("agreed", None, None), ("agreed", "T-2026", "Bariou Tchao")]
    somebody.get("/network/facilities")
    page = send(somebody, "/network/facilities/file", 1)
    [_, row] = list(csv.reader(io.StringIO(page.html.removeprefix("\ufeff")), delimiter=";"))
    assert (row[1], row[8], row[9]) == ("Hôpital de Ouaké", "2027-11-30", "T-2026")


def test_a_card_of_another_mutuelle_is_checked_and_its_visit_announced(office: Office) -> None:
    card = office.place.household_with(MEMBER, section="Pélébina")
    place = office.place.facility(owner="Mutuelle Ouaké")
    office.place.staff_with(AGENT, "animator", "Home", at="Mutuelle Anandana", pin=None)
    pays(office, card)
    adviser = office.enter("adviser")
    adviser.get("/care/check")
    adviser.fill("card", card)
    page = send(adviser, "/care/check")
    assert "Mutuelle Anandana" in page.text
    assert "Adjara Tchédré" in page.text
    assert card not in page.response.request.path
    adviser.fill("person", "Adjara").fill("facility", "Hôpital")
    send(adviser, "/care/check/announce")
    [(facility_id, by, home)] = office.place.ask(select(visit.c.facility_id, visit.c.staff_id, visit.c.organisation_id))
    assert (facility_id, home) == (place, its_id(office, "Mutuelle Anandana"))
    with office.store.read() as connection:
        assert staff.by_id(connection, by).name == "Gisèle Ahouansou"
    assert len(office.place.texts("visit", AGENT)) == 1  # the home mutuelle hears of it
    assert acts(office) == ["visits.checked", "visits.announced"]
    page = adviser.get("/care/between?month=" + f"{office.place.runtime.own_clock.at:%Y-%m}")
    assert "Mutuelle Anandana Mutuelle Ouaké 1 1" in page.text
    page = send(adviser, "/care/between/file", 1)
    assert page.html.removeprefix("\ufeff").splitlines()[1] == "Mutuelle Anandana;Mutuelle Ouaké;1;1"


def test_a_visit_without_who_is_there_shows_the_card_again(office: Office) -> None:
    card = office.place.household_with(MEMBER, section="Pélébina")
    office.place.facility(owner="Mutuelle Ouaké")
    pays(office, card)
    adviser = office.enter("adviser")
    adviser.get("/care/check")
    adviser.fill("card", card)
    send(adviser, "/care/check")
    adviser.fill("facility", "Hôpital")
    page = send(adviser, "/care/check/announce")
    assert "Choisissez dans la liste." in page.text
    assert "Adjara Tchédré" in page.text
    assert office.place.ask(select(visit.c.id)) == []
    adviser.fill("person", "Adjara").fill("facility", "Hôpital")
    send(adviser, "/care/check/announce")
    assert len(office.place.ask(select(visit.c.id))) == 1


@pytest.mark.parametrize("who", ["neighbour", "stranger"])
def test_a_card_of_another_network_is_answered_like_none(office: Office, who: str) -> None:
    card = office.place.household_with(MEMBER)
    somebody = office.enter("neighbour")
    somebody.get("/care/check")
    somebody.fill("card", card if who == "neighbour" else "100000007")
    page = send(somebody, "/care/check")
    assert "Adjara" not in page.html
    assert "visits.checked" not in acts(office)


def pays(office: Office, card: str) -> None:
    """A family of one pays its year and waits until it is covered."""
    with office.store.write() as unit:
        tree = office.place.runtime.network.tree()
        one = by_card(unit.connection, tree, card)
        assert one is not None
        books, chart = tree.books_of(one.section_id), office.place.runtime.services.chart
        put_money_in(unit, chart, books.id, one.id, 5_400, date(2026, 11, 22))
    office.place.wait(days=31)
