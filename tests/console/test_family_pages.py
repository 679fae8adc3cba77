"""Households merged, split and moved in the office: tried out before, done once, told to the families."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from gateway.kernel.card import show_card
from gateway.store.schema import beneficiary, entry, household, office_event, phone
from tests.console.money import asked, family, paid
from tests.console.office import Office
from tests.console.test_household_pages import found, ids_on, person
from tests.ussd.world import FAMILY, MEMBER, MOOV, OTHER_MTN


def counts(office: Office) -> tuple[int, ...]:
    return tuple(
        int(office.place.ask(select(func.count()).select_from(one))[0][0]) for one in (household, entry, beneficiary)
    )


def events(office: Office, what: str) -> list[Any]:
    return office.place.ask(
        select(office_event.c.about, office_event.c.before, office_event.c.after).where(office_event.c.what == what)
    )


def two(office: Office) -> tuple[int, int, str]:
    """One family that was registered twice, once with two of its three: their ids, and the card of the second."""
    _, stays = family(office)
    card = office.place.household_with(OTHER_MTN, FAMILY[0], FAMILY[2], section="Kadolassi")
    goes = int(office.place.ask(select(household.c.id).where(household.c.card == card))[0][0])
    return stays, goes, card


def test_two_become_one_once_it_was_seen_what_that_does(office: Office) -> None:
    stays, goes, card = two(office)
    paid(office, stays)
    paid(office, goes, 1_000, payer=OTHER_MTN)
    animator, before = office.enter("animator"), counts(office)
    animator.get(f"/households/{stays}/merge")
    page = animator.fill("q", card).press("Chercher")
    assert f"/console/households/{stays}/merge?with={goes}" in [href for href, _ in page.read.links]
    page = animator.get(f"/households/{stays}/merge?with={goes}")
    assert "La même personne que Adjara Tchédré, 1991" in page.html
    assert show_card(card) in page.text
    page = animator.fill("C'était toujours une seule famille", True).press("Voir ce que cela change")
    assert page.status == 200
    assert "1 000 F" in page.text
    assert "Personne" in page.text
    assert counts(office) == before
    page = animator.press("Les fusionner")
    assert "C'est un seul ménage maintenant" in page.text
    assert page.response.request.path == f"/console/households/{stays}"
    assert "5 900 F" in page.text  # 10 200 less what both had paid
    [(about, was, now)] = events(office, "household.merged")
    assert about == f"household:{stays}"
    assert was == {"households": [stays, goes]}
    assert now["moved"]["minor"] == 1_000
    assert now["how"] == "twice"
    assert show_card(card) in office.place.texts("family", MEMBER)[-1]
    assert ids_on(found(animator, card)) == [stays]
    assert animator.get(f"/households/{goes}").response.request.path == f"/console/households/{stays}"
    own = select(phone.c.msisdn).where(phone.c.household_id == stays)
    assert set(office.place.ask(own)) == {(MEMBER,), (OTHER_MTN,)}


def test_why_two_cant_be_merged_is_said_before_anything_is_done(office: Office) -> None:
    stays, goes, _ = two(office)
    asked(office, goes, 500, payer=OTHER_MTN)
    animator = office.enter("animator")
    page = animator.get(f"/households/{stays}/merge?with={goes}")
    assert "en route" in page.text or "attendez" in page.text
    page = animator.fill("C'était toujours une seule famille", True).press("Voir ce que cela change")
    assert page.status == 422
    assert animator.get(f"/households/{stays}/merge?with={stays}").status == 200
    assert animator.get(f"/households/{stays}/merge?with=987654").status == 404
    assert animator.get(f"/households/{stays}/merge?with=x").status == 404
    assert animator.get(f"/households/{stays}/merge?with=9{'9' * 30}").status == 404


def test_a_household_of_anothers_is_never_merged(office: Office) -> None:
    _, stays = family(office)
    _, there = family(office, section="Pélébina", msisdn=OTHER_MTN)
    animator = office.enter("animator")
    assert animator.get(f"/households/{stays}/merge?with={there}").status == 404
    animator.get(f"/households/{stays}/merge")
    page = animator.fill("q", OTHER_MTN).press("Chercher")
    assert "Aucun ménage n'a ce numéro" in page.text
    union = office.enter("administrator")
    page = union.get(f"/households/{stays}/merge?with={there}")
    assert page.status == 200
    assert "mutuelles" in page.text
    assert events(office, "household.merged") == []


def test_some_get_a_card_of_their_own(office: Office) -> None:
    _, home = family(office)
    paid(office, home, 10_200)
    spouse = person(office, home, "Moussa Tchédré")
    animator, before = office.enter("animator"), counts(office)
    page = animator.get(f"/households/{home}/split")
    page = animator.fill("head", str(spouse)).press("Voir ce que cela change")
    assert page.status == 422
    assert "Cochez toutes les personnes" in page.text
    animator.fill("Moussa Tchédré", True).fill("head", str(spouse)).fill("number", MOOV)
    page = animator.press("Voir ce que cela change")
    assert page.status == 200
    assert "Dont déjà payé" in page.text
    assert counts(office) == before
    page = animator.press("Leur donner une carte")
    assert "Le nouveau ménage a la carte" in page.text
    new = int(office.place.ask(select(func.max(household.c.id)))[0][0])
    assert page.response.request.path == f"/console/households/{new}"
    assert "Moussa Tchédré" in page.text
    assert "Adjara" not in page.text
    assert office.place.ask(select(phone.c.msisdn).where(phone.c.household_id == new)) == [(MOOV,)]
    assert len(office.place.texts("family", MOOV)) == 1
    [(about, _, after)] = events(office, "household.split")
    assert about == f"household:{home}"
    assert after["new_household"] == new
    assert "leur propre carte" in animator.get(f"/households/{home}/story").text


def test_a_phone_of_the_old_card_goes_along(office: Office) -> None:
    card, home = family(office)
    paid(office, home)
    office.place.gives_phone(card, "+2290155000077")
    spouse = person(office, home, "Moussa Tchédré")
    animator = office.enter("animator")
    page = animator.get(f"/households/{home}/split")
    assert "+2290155000077" not in page.html
    animator.fill("Moussa Tchédré", True).fill("head", str(spouse)).fill("phone", "+229…77")
    animator.press("Voir ce que cela change")
    animator.press("Leur donner une carte")
    new = int(office.place.ask(select(func.max(household.c.id)))[0][0])
    assert office.place.ask(select(phone.c.msisdn).where(phone.c.household_id == new)) == [("+2290155000077",)]
    assert office.place.ask(select(phone.c.msisdn).where(phone.c.household_id == home)) == [(MEMBER,)]


def test_a_household_moves_as_far_as_the_rights_of_who_moves_it(office: Office) -> None:
    _, home = family(office)
    animator = office.enter("animator")
    page = animator.get(f"/households/{home}/move")
    assert "Kadolassi" in page.html
    assert "Pélébina" not in page.html
    page = animator.fill("section", "Kadolassi").press("Le passer")
    assert "Il appartient maintenant à Kadolassi" in page.text
    assert len(office.place.texts("family", MEMBER)) == 1
    assert events(office, "household.moved") == [(f"household:{home}", {"section": "Awanla"}, {"section": "Kadolassi"})]
    union = office.enter("administrator")
    # Whoever has the right in both mutuelles moves it to the other one, too.
    union.get(f"/households/{home}/move")
    page = union.fill("section", "Pélébina").press("Le passer")
    assert "Il appartient maintenant à Pélébina" in page.text
