"""Complaints, calls back and visits in the office: what waits, an answer that leaves by SMS, whom a facility saw."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from openpyxl import load_workbook
from sqlalchemy import insert, select

from gateway.kernel.numbers import with_check_digit
from gateway.membership.requests import answer, ask_callback, file_complaint, follow_up
from gateway.store.schema import beneficiary, household, message, office_event, request, visit
from tests.console.office import PATH, Office, Sight
from tests.ussd.world import AGENT, MEMBER, OTHER_MTN

COMPLAINT = "Le centre de santé a demandé de payer alors que nous sommes à jour."


def filed(office: Office, text: str = COMPLAINT, at: str = "Mutuelle Ouaké", card: str = "") -> int:
    """A complaint as the phone menu writes it; its id."""
    with office.store.write() as unit:
        place = office.place.runtime.network.tree().named(at).id
        family = unit.connection.scalar(select(household.c.id).where(household.c.card == card))
        return int(file_complaint(unit, place, family, MEMBER, "fr", "care", text)[:-1])


def wished(office: Office) -> int:
    """Somebody wants to be called back; the id of their wish."""
    with office.store.write() as unit:
        place = office.place.runtime.network.tree().named("Mutuelle Ouaké").id
        return int(ask_callback(unit, place, None, OTHER_MTN, "fr")[0][:-1])


def visited(office: Office, days: int = 1) -> int:
    """A family's visits at two facilities, one a day; the id of the family."""
    card = office.place.household_with(MEMBER)
    hospital, centre = office.place.facility(), office.place.facility("Centre de Kadolassi", kind="centre")
    agent = office.place.staff_with(AGENT, "agent", "Alimatou Sero", pin=None, facility_id=hospital)
    with office.store.write() as unit:
        family = unit.connection.scalar(select(household.c.id).where(household.c.card == card))
        somebody = unit.connection.scalar(select(beneficiary.c.id).where(beneficiary.c.household_id == family))
        place = office.place.runtime.network.tree().named("Mutuelle Ouaké").id
        for facility_id in (hospital, centre):
            for day in range(days):
                at = unit.now - timedelta(days=day)
                unit.connection.execute(
                    insert(visit).values(
                        facility_id=facility_id, household_id=family, beneficiary_id=somebody, organisation_id=place,
                        staff_id=agent, announced_at=at, announced_on=at.date(),
                    )
                )  # fmt: skip
    assert family is not None
    return int(family)


def acts(office: Office) -> list[str]:
    return [what for (what,) in office.place.ask(select(office_event.c.what).order_by(office_event.c.id))]


def links_to(page: Sight, where: str) -> list[str]:
    return [to for to, _ in page.read.links if to.startswith(PATH + where)]


# --- complaints -------------------------------------------------------------------------------------------------------


def test_what_waits_stands_first_with_its_age_and_no_number(office: Office) -> None:
    oldest = filed(office)
    office.place.wait(days=9)
    newest = filed(office, "Personne ne répond au téléphone de la section.")
    filed(office, "Une plainte des voisins.", at="Mutuelle Anandana")
    page = office.enter("animator").get("/care")
    assert page.status == 200
    assert links_to(page, "/care/requests/") == [f"{PATH}/care/requests/{one}" for one in (oldest, newest)]
    assert "9 jours" in page.text
    assert "voisins" not in page.text
    assert MEMBER not in page.html


def test_one_has_its_text_and_leads_to_the_household(office: Office) -> None:
    card = office.place.household_with(MEMBER)
    page = office.enter("adviser").get(f"/care/requests/{filed(office, card=card)}")
    assert COMPLAINT in page.text
    assert len(links_to(page, "/households/")) >= 1
    assert MEMBER not in page.html
    # The adviser reads it; the animator answers.
    assert "Envoyer la réponse" not in page.text


def test_an_answer_leaves_once_by_sms_and_stands_in_the_book(office: Office) -> None:
    its_id = filed(office)
    somebody = office.enter("animator")
    page = somebody.get(f"/care/requests/{its_id}")
    form = next(one for one in page.forms if one.action.endswith("/answer"))
    fields = [(one.name, one.value) for one in form.controls if one.name != "answer"]
    fields.append(("answer", "Nous avons parlé au centre : il vous rend l'argent."))
    somebody.send(form, fields)
    somebody.send(form, fields)  # a double click
    assert somebody.page.status == 200
    sent = office.place.texts("answer", MEMBER)
    assert len(sent) == 1
    assert "il vous rend l'argent" in sent[0]
    assert acts(office) == ["request.answered"]
    assert office.place.ask(select(request.c.answered_by)) == [("Salamatou Issa",)]
    page = somebody.get("/care")
    assert "Rien n'attend" in page.text
    assert "Salamatou Issa" in somebody.get(f"/care/requests/{its_id}").text
    assert links_to(somebody.get("/care?state=answered"), "/care/requests/") == [f"{PATH}/care/requests/{its_id}"]


def test_what_no_two_sms_hold_or_somebody_else_answered_is_refused_in_french(office: Office) -> None:
    its_id = filed(office)
    somebody, slower = office.enter("animator"), office.enter("treasurer")
    somebody.get(f"/care/requests/{its_id}")
    slower.get(f"/care/requests/{its_id}")
    refused = somebody.fill("answer", "Nous regardons cela avec le centre. " * 11).press("Envoyer la réponse")
    assert refused.status == 422
    assert "deux SMS" in refused.text
    assert "Nous regardons" in refused.html  # what was typed is there again
    assert office.place.texts("answer") == []
    assert somebody.fill("answer", "Bien reçu.").press("Envoyer la réponse").status == 200
    late = slower.fill("answer", "Autre chose.").press("Envoyer la réponse")
    assert late.status == 422
    assert "n'attend de réponse" in late.text
    assert len(office.place.texts("answer")) == 1


def test_a_long_book_is_shown_a_page_at_a_time(pg_office: Office) -> None:
    every = [filed(pg_office, f"Plainte numéro {number}") for number in range(53)]
    somebody = pg_office.enter("animator")
    seen = links_to(somebody.get("/care"), "/care/requests/")
    assert len(seen) == 50
    seen += links_to(somebody.follow("Afficher la suite"), "/care/requests/")
    assert seen == [f"{PATH}/care/requests/{one}" for one in every]
    with pg_office.store.write() as unit:
        for one in unit.connection.scalars(select(request.c.id)).all():
            unit.connection.execute(
                request.update().where(request.c.id == one).values(state="answered", answered_at=unit.now)
            )
    seen = links_to(somebody.get("/care?state=answered"), "/care/requests/")
    seen += links_to(somebody.follow("Afficher la suite"), "/care/requests/")
    assert seen == [f"{PATH}/care/requests/{one}" for one in reversed(every)]
    assert somebody.get("/care?after=xyz&state=other").status == 200


def test_follow_up_is_of_the_last_three_months_of_ones_own(office: Office) -> None:
    for days in (100, 3, 1, 8):  # the first is too long ago to count
        its_id = filed(office)
        office.place.wait(days=days)
        with office.store.write() as unit:
            assert answer(unit, with_check_digit(its_id), "Salamatou Issa", "Oui.") is not None
    filed(office, at="Mutuelle Anandana")
    filed(office)
    office.place.wait(days=2)
    tree = office.place.runtime.network.tree()
    now = office.place.runtime.clock.now() + timedelta(days=79)
    with office.store.read() as connection:
        found = follow_up(connection, tree.named("Mutuelle Ouaké").path, "complaint", now)
        nobody = follow_up(connection, tree.named("umoja").path, "complaint", now)
    assert (found.waiting, found.answered) == (1, 2)
    assert found.median == timedelta(days=4, hours=12)
    assert found.slowest == timedelta(days=8)
    assert found.oldest_since == office.place.runtime.clock.now() - timedelta(days=2)
    assert (nobody.waiting, nobody.oldest_since, nobody.median, nobody.slowest) == (0, None, None, None)


# --- calls back -------------------------------------------------------------------------------------------------------


def test_a_call_back_shows_its_number_only_to_who_asks_for_it_and_is_done_once(office: Office) -> None:
    its_id = wished(office)
    somebody = office.enter("animator")
    assert OTHER_MTN not in somebody.get("/care/calls").html
    assert OTHER_MTN not in somebody.get(f"/care/requests/{its_id}").html
    shown = somebody.press("Montrer le numéro entier")
    assert shown.status == 200
    assert OTHER_MTN in shown.html
    done = somebody.press("J'ai appelé")
    assert done.status == 200
    assert "Rien n'attend" in done.text
    assert acts(office) == ["request.unmasked", "request.called_back"]
    assert office.place.ask(select(request.c.state, request.c.answered_by)) == [("answered", "Salamatou Issa")]
    assert office.place.ask(select(message.c.id).where(message.c.event == "answer")) == []
    # The adviser sees that somebody waits, and no more.
    other = wished(office)
    page = office.enter("adviser").get(f"/care/requests/{other}")
    assert "Montrer le numéro entier" not in page.text


# --- visits -----------------------------------------------------------------------------------------------------------


def test_the_adviser_sees_visits_by_day_and_facility(office: Office) -> None:
    family = visited(office, days=3)
    somebody = office.enter("adviser")
    page = somebody.get("/care/visits")
    assert page.status == 200
    assert len(links_to(page, f"/households/{family}")) == 6
    only = somebody.fill("Formation", "Centre de Kadolassi").press("Afficher", 1)
    assert len(links_to(only, f"/households/{family}")) == 3
    only = somebody.get("/care/visits?since=2026-11-21&until=2026-11-21")
    assert len(links_to(only, f"/households/{family}")) == 2
    assert somebody.get("/care/visits?since=x&until=%C3%A9&facility=x&after=x").status == 200
    # A neighbour's visits aren't there, and an end before the beginning is a day.
    assert "Aucune visite" in office.enter("neighbouring treasurer").get("/care/visits").text
    assert somebody.get("/care/visits?since=2026-11-22&until=2026-11-20").status == 200


def test_visits_are_shown_a_page_at_a_time_and_found_by_number(pg_office: Office) -> None:
    family = visited(pg_office, days=27)
    somebody = pg_office.enter("adviser")
    seen = links_to(somebody.get("/care/visits"), f"/households/{family}")
    assert len(seen) == 50
    assert len(links_to(somebody.follow("Afficher la suite"), f"/households/{family}")) == 4
    number = next(text for to, text in somebody.page.read.links if "/care/visits/" in to and text.isdigit())
    found = somebody.get(f"/care/visits/find?number={number}")
    assert found.status == 200
    assert number in found.text
    assert "Adjara Tchédré" in found.text
    assert "Aucune visite ne porte" in somebody.get("/care/visits/find?number=12345").text
    neighbour = pg_office.enter("neighbouring treasurer")
    assert "Adjara" not in neighbour.get(f"/care/visits/find?number={number}").text


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_visits_are_a_file_and_it_is_written_down(office: Office, form: str) -> None:
    visited(office, days=2)
    somebody = office.enter("adviser")
    somebody.get("/care/visits")
    answer = somebody.press("CSV" if form == "csv" else "Excel").response
    assert "attachment" in answer.headers["Content-Disposition"]
    if form == "csv":
        rows = [tuple(one) for one in csv.reader(io.StringIO(answer.data.decode("utf-8-sig")), delimiter=";")]
    else:
        sheet = load_workbook(io.BytesIO(answer.data)).active
        assert sheet is not None
        rows = [tuple(str(cell) for cell in one) for one in sheet.iter_rows(values_only=True)]
    assert sum("Adjara Tchédré" in one for one in rows) == 4
    assert not any(MEMBER in cell for one in rows for cell in one)
    assert acts(office) == ["visits.exported"]
