"""Health facilities in the office: the list by district, one with its agents, and agreements that begin, end, go on."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from gateway.store.schema import facility, office_event
from tests.console.office import Office
from tests.ussd.world import AGENT


@pytest.fixture
def agreed(office: Office) -> Office:
    """A hospital of the mutuelle of Ouaké with an agent, the neighbouring mutuelle's centre, and one in Burundi."""
    hospital = office.place.facility(owner="Mutuelle Ouaké")
    office.place.facility("Centre de santé d'Anandana", "Anandana", "Mutuelle Anandana", kind="centre")
    office.place.facility("Hôpital de Gitega", "Gitega", "umoja")
    office.place.staff_with(AGENT, "agent", "Alimatou Sero", pin=None, facility_id=hospital)
    return office


def rows(office: Office) -> dict[str, tuple[date, date | None]]:
    with office.store.read() as connection:
        found = connection.execute(select(facility)).all()
    return {one.name: (one.agreed_on, one.agreed_until) for one in found}


def test_the_whole_networks_facilities_are_listed_and_no_other(agreed: Office) -> None:
    somebody = agreed.enter("treasurer")
    page = somebody.get("/network/facilities")
    assert page.status == 200
    assert "Hôpital de Ouaké" in page.text
    assert "Centre de santé d'Anandana" in page.text
    assert "Gitega" not in page.text
    # A neighbour's can be seen and not opened.
    assert [text for _, text in page.read.links if "Hôpital de Ouaké" in text]
    assert not [text for _, text in page.read.links if "Anandana" in text]
    assert "Nouvelle convention" not in page.text
    only = somebody.fill("District", "Anandana").press("Afficher", 1)
    assert "Centre de santé d'Anandana" in only.text
    assert "Hôpital de Ouaké" not in only.text
    assert somebody.get("/network/facilities?district=Nowhere&after=9999999").status == 200


def test_a_long_list_is_shown_a_page_at_a_time(agreed: Office) -> None:
    for number in range(52):
        agreed.place.facility(f"Pharmacie {number:02}", "Parakou", kind="pharmacy", ownership="private")
    somebody = agreed.enter("administrator")
    seen = [text for _, text in somebody.get("/network/facilities").read.links if "Pharmacie" in text]
    seen += [text for _, text in somebody.follow("Afficher la suite").read.links if "Pharmacie" in text]
    assert seen == [f"Pharmacie {number:02}" for number in range(52)]


def test_one_facility_names_its_agents_without_their_numbers(agreed: Office) -> None:
    somebody = agreed.enter("treasurer")
    somebody.get("/network/facilities")
    page = somebody.follow("Hôpital de Ouaké")
    assert "Alimatou Sero" in page.text
    assert AGENT not in page.html
    assert AGENT[-8:] not in page.html.replace(" ", "")
    assert "sans limite" in page.text
    # Who may not change the network is offered no agreement to end.
    assert not [one for one in page.forms if "/facilities/" in one.action]


def test_an_agreement_ends_and_is_renewed(agreed: Office) -> None:
    somebody = agreed.enter("administrator")
    somebody.get("/network/facilities")
    page = somebody.follow("Hôpital de Ouaké")
    assert "Renouveler la convention" not in page.text
    refused = somebody.fill("Son dernier jour", "2023-12-31").press("Mettre fin")
    assert refused.status == 422
    assert "avant de commencer" in refused.text
    ended = somebody.fill("Son dernier jour", "2026-11-30").press("Mettre fin")
    assert ended.status == 200
    assert "30/11/2026" in ended.text
    assert rows(agreed)["Hôpital de Ouaké"] == (date(2024, 1, 1), date(2026, 11, 30))
    # It goes on from the day after, without a gap: its beginning stays.
    assert 'value="2026-12-01"' in ended.html
    sooner = somebody.fill("Jusqu'au", "2026-11-15").press("Renouveler")
    assert sooner.status == 422
    somebody.fill("Jusqu'au", "2027-12-31").press("Renouveler")
    assert rows(agreed)["Hôpital de Ouaké"] == (date(2024, 1, 1), date(2027, 12, 31))
    # From a later day it begins anew.
    somebody.fill("Repart du", "2028-02-01").fill("Jusqu'au", "").press("Renouveler")
    assert rows(agreed)["Hôpital de Ouaké"] == (date(2028, 2, 1), None)
    with agreed.store.read() as connection:
        done = connection.scalars(select(office_event.c.what).order_by(office_event.c.id)).all()
    assert done == ["facility.agreement_ended", "facility.agreement_renewed", "facility.agreement_renewed"]


def test_a_new_agreement(agreed: Office) -> None:
    somebody = agreed.enter("administrator")
    somebody.get("/network/facilities/new")

    def typed(code: str, until: str = "") -> int:
        somebody.fill("Convention avec", "Mutuelle Ouaké").fill("Nom", "Clinique de Brénou").fill("Code", code)
        somebody.fill("Genre", "clinic").fill("Privée", True).fill("District", "Brénou")
        somebody.fill("Téléphone", "01 50 00 00 77").fill("En vigueur jusqu'au", until)
        return somebody.press("Ajouter").status

    assert typed("f-0") == 422
    assert "déjà" in somebody.page.text
    assert typed("Pas un code") == 422
    assert typed("brenou", "2025-01-01") == 422
    assert "Clinique de Brénou" not in rows(agreed)
    assert typed("brenou") == 200
    assert "Clinique de Brénou" in somebody.page.text
    assert rows(agreed)["Clinique de Brénou"] == (date(2026, 11, 22), None)


def test_nobody_agrees_for_another(agreed: Office) -> None:
    neighbour = agreed.enter("neighbour")
    page = neighbour.get("/network/facilities/new")
    form = next(one for one in page.forms if one.action.endswith("/new"))
    fields = [(one.name, one.value) for one in form.controls if one.name in ("csrf", "once")]
    fields += [("organisation", "Mutuelle Ouaké"), ("name", "X"), ("code", "x"), ("kind", "clinic")]
    fields += [("ownership", "private"), ("district", "Ouaké"), ("agreed_on", "2026-11-22")]
    assert neighbour.send(form, fields).status == 422
    assert "X" not in rows(agreed)
    assert agreed.enter("treasurer").get("/network/facilities/new").status == 403
