"""Households in the office: found by one box, seen from every side, changed in what was written down wrongly."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from gateway.kernel.card import new_card_number, show_card
from gateway.membership.changes import By
from gateway.membership.households import by_id
from gateway.membership.merging import merge
from gateway.membership.requests import file_complaint
from gateway.store.schema import beneficiary, household, household_change, message, office_event, phone, pin
from tests.console.money import family, paid
from tests.console.office import Office, Somebody
from tests.console.windows import NARROW, WIDE, Windows
from tests.ussd.world import FAMILY, MEMBER, MOOV, OTHER_MTN


def found(somebody: Somebody, typed: str) -> Any:
    somebody.get("/households")
    return somebody.fill("Carte, téléphone", typed).press("Chercher")


def ids_on(page: Any) -> list[int]:
    """The households that a page's list leads to, in its order."""
    start = "/console/households/"
    return [int(href.removeprefix(start)) for href, _ in page.read.links if href.removeprefix(start).isdigit()]


def person(office: Office, household_id: int, name: str) -> int:
    own = beneficiary.c.household_id == household_id
    return int(office.place.ask(select(beneficiary.c.id).where(own, beneficiary.c.name == name))[0][0])


def events(office: Office, what: str) -> list[Any]:
    query = select(office_event.c.about, office_event.c.before, office_event.c.after).where(office_event.c.what == what)
    return office.place.ask(query)


# --- found ------------------------------------------------------------------------------------------------------------


def test_one_box_finds_by_card_phone_name_and_village(office: Office) -> None:
    card, home = family(office)
    other = office.place.household_with(OTHER_MTN, "Bio Sarré", section="Kadolassi")
    treasurer = office.enter("treasurer")
    for typed in (card, show_card(card), MEMBER, MEMBER[4:], "adjara", "TCHEDRE", "Adjara Tchedre Awanla"):
        page = found(treasurer, typed)
        assert (page.status, ids_on(page)) == (200, [home]), typed
        assert page.response.request.path == "/console/households"
        assert page.response.request.query_string == b"found=yes"  # nothing of what was typed
        assert "Mutuelle" in page.text or "Awanla" in page.text
        assert "Non couvert : trop peu payé" in page.text
        assert "10 200 F" in page.text
        assert MEMBER not in page.html.replace('value="' + MEMBER, "")
    assert "Rahina Tchédré" in found(treasurer, "rahina").text
    assert list(ids_on(found(treasurer, "Kadolassi"))) != [home]
    assert other not in found(treasurer, card).html


def test_a_mistyped_card_and_one_that_nobody_has_are_told_apart(office: Office) -> None:
    card, _ = family(office)
    treasurer = office.enter("treasurer")
    wrong = card[:8] + str((int(card[8]) + 1) % 10)
    assert "un chiffre est mal tapé" in found(treasurer, wrong).text
    nobodys = next(one for one in iter(new_card_number, card))
    assert "aucun ménage ne l'a ici" in found(treasurer, nobodys).text
    assert "Personne ne porte ce nom" in found(treasurer, "Wolfgang").text
    assert "Aucun ménage n'a ce numéro de téléphone" in found(treasurer, OTHER_MTN).text
    assert found(treasurer, "?!").status == 422
    assert found(treasurer, "").status == 422


def test_the_newest_are_shown_first_and_others_only_to_their_own(office: Office) -> None:
    _, first = family(office)
    _, there = family(office, section="Pélébina", msisdn=OTHER_MTN)
    _, second = family(office, section="Kadolassi", msisdn=MOOV)
    assert ids_on(office.enter("treasurer").get("/households"))[:2] == [second, first]
    assert ids_on(office.enter("administrator").get("/households"))[:3] == [second, there, first]
    neighbour = office.enter("neighbouring treasurer")
    assert ids_on(found(neighbour, "Tchédré")) == [there]
    assert neighbour.get(f"/households/{first}").status == 404
    assert not {first, there, second} & set(ids_on(office.enter("neighbour").get("/households")))


# --- seen -------------------------------------------------------------------------------------------------------------


def test_the_profile_says_how_it_stands_and_will_stand(office: Office) -> None:
    card, home = family(office)
    treasurer = office.enter("treasurer")
    page = treasurer.get(f"/households/{home}")
    assert "Pas encore couvert : 3 300 F à payer" in page.text
    assert show_card(card) in page.text
    assert "Awanla" in page.text
    assert all(one.name in page.text for one in FAMILY)
    assert MEMBER not in page.html
    assert "01 50" not in page.html
    paid(office, home)
    page = treasurer.get(f"/households/{home}")
    assert "En période d'observation : couvert à partir du 22/12/2026" in page.text
    assert "du 22/11/2026 au 21/12/2026" in page.text
    assert "Suspendu" in page.text
    assert "aujourd'hui" in page.text
    office.place.wait(days=40)
    treasurer = office.enter("treasurer")
    page = treasurer.get(f"/households/{home}")
    assert "Couvert jusqu'au 24/03/2027" in page.text
    assert "6 900 F" in page.text


def test_money_leads_to_each_collection(office: Office) -> None:
    _, home = family(office)
    its_id = paid(office, home, 3_300)
    treasurer = office.enter("treasurer")
    treasurer.get(f"/households/{home}")
    page = treasurer.follow("Argent")
    assert ("/console/collections/" + str(its_id)) in [href for href, _ in page.read.links]
    assert "3 300 F" in page.text
    assert "6 900 F" in page.text
    assert office.enter("adviser").get(f"/households/{home}/money").status == 403


def test_whole_numbers_are_shown_once_for_a_reason_that_is_kept(office: Office) -> None:
    _, home = family(office)
    treasurer = office.enter("treasurer")
    treasurer.get(f"/households/{home}")
    assert treasurer.press("Les montrer").status == 422
    page = treasurer.fill("Pourquoi vous en avez besoin", "Rappeler la famille").press("Les montrer")
    assert MEMBER in page.text
    assert MEMBER not in treasurer.get(f"/households/{home}").html
    assert events(office, "household.unmasked") == [(f"household:{home}", None, {"reason": "Rappeler la famille"})]
    assert "Montrer les numéros entiers" not in office.enter("adviser").get(f"/households/{home}").text


def test_messages_are_shown_without_numbers(office: Office) -> None:
    _, home = family(office)
    treasurer = office.enter("treasurer")
    treasurer.get(f"/households/{home}/phones")
    treasurer.fill("Numéro", MOOV).press("Ajouter ce téléphone")
    page = treasurer.get(f"/households/{home}/messages")
    assert "est maintenant lié à votre carte" in page.text
    assert "01 55" not in page.text
    assert MOOV not in page.html
    assert MEMBER not in page.html
    with office.store.write() as unit:
        own = select(phone.c.household_id).where(phone.c.msisdn == MEMBER)
        assert unit.connection.scalar(own) == home
    assert "Message" in treasurer.get(f"/households/{home}/messages").text


def test_complaints_and_the_story_stand_with_the_household(office: Office) -> None:
    _, home = family(office)
    with office.store.write() as unit:
        mutuelle = office.place.runtime.network.tree().named("Mutuelle Ouaké").id
        file_complaint(unit, mutuelle, home, MEMBER, "fr", "other", "Le centre a demandé de payer.")
        unit.connection.execute(
            insert(household_change).values(household_id=home, at=unit.now, kind="phone-joined", note=MOOV)
        )
    treasurer = office.enter("treasurer")
    page = treasurer.get(f"/households/{home}/care")
    assert "Le centre a demandé de payer." in page.text
    assert "Attend une réponse" in page.text
    page = treasurer.get(f"/households/{home}/story")
    assert "a été ajouté" in page.text
    assert MOOV not in page.html
    assert "Fait au bureau" not in page.text  # the treasurer sees no events
    admin = office.enter("administrator")
    admin.get(f"/households/{home}")
    admin.fill("Pourquoi vous en avez besoin", "contrôle").press("Les montrer")
    assert "A vu les numéros de téléphone entiers" in admin.get(f"/households/{home}/story").text


def test_a_household_that_was_merged_leads_to_the_other(office: Office) -> None:
    _, stays = family(office)
    old, goes = family(office, msisdn=OTHER_MTN)
    with office.store.write() as unit:
        tree, chart = office.place.runtime.network.tree(), office.place.runtime.services.chart
        one, two = (by_id(unit.connection, tree, each) for each in (stays, goes))
        merge(unit, tree, chart, one, two, {}, By(None, name="x"), registered_twice=True)
    treasurer = office.enter("treasurer")
    page = treasurer.get(f"/households/{goes}")
    assert page.response.request.path == f"/console/households/{stays}"
    assert "a été fusionné avec celui-ci" in page.text
    assert show_card(old) in page.text
    assert ids_on(found(treasurer, old)) == [stays]
    assert "Une ancienne carte" in treasurer.page.text
    assert treasurer.get(f"/households/{goes}/story").status == 200


# --- changed ----------------------------------------------------------------------------------------------------------


def act(somebody: Somebody, path: str, button: str, **filled: Any) -> Any:
    """Open a page, fill in fields by their names, press a button."""
    somebody.get(path)
    for label, value in filled.items():
        somebody.fill(label, value)
    return somebody.press(button)


def test_somebody_joins_once_the_price_was_seen(office: Office) -> None:
    _, home = family(office)
    paid(office, home)
    animator = office.enter("animator")
    child = {"name": "Awa Tchédré", "sex": "F", "born": "2026", "relation": "child"}
    page = act(animator, f"/households/{home}/add", "Voir ce que cela coûte", **child, Naissance=True)
    assert "Awa Tchédré" in page.text
    assert "Rien" in page.text
    assert office.place.ask(select(func.count()).where(beneficiary.c.household_id == home)) == [(3,)]
    page = animator.press("Ajouter à la carte")
    assert "Awa Tchédré est sur la carte" in page.text
    assert office.place.texts("family", MEMBER)
    assert "Awa" in office.place.texts("family", MEMBER)[0]
    [(_, before, after)] = events(office, "household.person_added")
    assert before is None
    assert after["name"] == "A. T."
    assert after["because"] == "birth"
    other = {"name": "Sani Tchédré", "sex": "M", "born": "35", "relation": "other"}
    page = act(animator, f"/households/{home}/add", "Voir ce que cela coûte", **other, Arrivée=True)
    assert "2 400 F" in page.text
    animator.press("Ajouter à la carte")
    again = act(animator, f"/households/{home}/add", "Voir ce que cela coûte", **other, Arrivée=True)
    assert again.status == 200
    assert "était déjà sur la carte" in animator.press("Ajouter à la carte").text


def test_what_is_wrong_is_told_by_its_field_and_stays_typed(office: Office) -> None:
    _, home = family(office)
    animator = office.enter("animator")
    child = {"name": "Awa Tchédré", "sex": "F", "born": "2020", "relation": "child"}
    page = act(animator, f"/households/{home}/add", "Voir ce que cela coûte", **child, Naissance=True)
    assert page.status == 422
    assert "Ce n'est pas l'année de naissance" in page.text
    assert "Awa Tchédré" in page.html
    ahead = {**child, "day": "2030-01-01"}
    page = act(animator, f"/households/{home}/add", "Voir ce que cela coûte", **ahead, Arrivée=True)
    assert page.status == 422
    assert "n'est pas encore venu" in page.text
    page = act(animator, f"/households/{home}/add", "Voir ce que cela coûte", **{**child, "name": "4wa"}, Arrivée=True)
    assert page.status == 422
    assert "Des lettres seulement" in page.text


def test_somebody_leaves_and_another_becomes_the_head(office: Office) -> None:
    _, home = family(office)
    animator = office.enter("animator")
    child = f"Rahina Tchédré, {2018}"
    page = act(animator, f"/households/{home}/remove", "Retirer de la carte", person=child, Départ=True)
    assert "Rahina Tchédré n'est plus sur la carte" in page.text
    page = act(animator, f"/households/{home}/head", "Changer le chef", person="Moussa Tchédré, 1986", Décès=True)
    assert "Moussa Tchédré est maintenant chef" in page.text
    animator.get(f"/households/{home}/head")
    assert "n'est adulte" in animator.page.text
    assert "Seul le chef de ménage est sur cette carte" in animator.get(f"/households/{home}/remove").text
    assert "Retirer de la carte" not in [label for form in animator.page.forms for _, _, label in form.buttons]
    assert [what for _, what, _ in [(0, *each[1:]) for each in events(office, "household.new_head")]] == [
        {"head": "A. T."}
    ]
    story = animator.get(f"/households/{home}/story").text
    assert "Décès de Adjara" in story
    assert "Moussa Tchédré est maintenant chef" in story


def test_a_name_is_corrected_and_found_by_its_new_form(office: Office) -> None:
    _, home = family(office)
    animator = office.enter("animator")
    animator.get(f"/households/{home}/correct")
    animator.follow("Adjara Tchédré")
    page = animator.fill("Prénom et nom", "Hadjara Tchédré-Bio").fill("Année de naissance", "1990").press("Corriger")
    assert "C'est corrigé" in page.text
    assert "Hadjara Tchédré-Bio" in page.text
    assert ids_on(found(animator, "Hadjara Bio")) == [home]
    [(_, before, after)] = events(office, "household.corrected")
    assert (before, after["corrected"]) == (None, ["name", "birth_year"])  # the names stand in the story below
    assert "avant : Adjara Tchédré" in animator.get(f"/households/{home}/story").text
    its_id = person(office, home, "Hadjara Tchédré-Bio")
    animator.get(f"/households/{home}/correct?person={its_id}")
    assert animator.press("Corriger").status == 422  # nothing is different
    animator.get(f"/households/{home}/correct?person={its_id}")
    page = animator.fill("Prénom et nom", "Moussa Tchédré").fill("Année de naissance", "1986").press("Corriger")
    assert page.status == 422
    assert "est déjà sur la carte" in page.text


def test_phones_come_and_go_and_one_gets_the_receipts(office: Office) -> None:
    _, home = family(office)
    animator = office.enter("animator")
    page = act(animator, f"/households/{home}/phones", "Ajouter ce téléphone", phone=MOOV)
    assert "est maintenant le leur" in page.text
    assert MOOV not in page.html
    assert act(animator, f"/households/{home}/phones", "Ajouter ce téléphone", phone=MOOV).status == 422
    assert act(animator, f"/households/{home}/phones", "Ajouter ce téléphone", phone="12").status == 422
    animator.get(f"/households/{home}/phones")
    animator.press("Envoyer les reçus ici")
    own = phone.c.household_id == home
    assert office.place.ask(select(phone.c.msisdn).where(own, phone.c.main)) == [(MOOV,)]
    animator.press("Retirer")
    assert office.place.ask(select(phone.c.msisdn, phone.c.main).where(own)) == [(MEMBER, True)]
    assert MOOV not in str(office.place.ask(select(office_event.c.before, office_event.c.after)))


def test_language_category_and_pin(office: Office) -> None:
    card, home = family(office)
    office.place.lock_household(card, "48265")
    animator = office.enter("animator")
    act(animator, f"/households/{home}/language", "Enregistrer", English=True, Français=False)
    assert office.place.ask(select(household.c.language).where(household.c.id == home)) == [("en",)]
    assert "Un code PIN choisi par le ménage" in animator.get(f"/households/{home}").text
    page = act(animator, f"/households/{home}/pin", "Le supprimer")
    assert "Le code PIN est supprimé" in page.text
    assert "Aucun code PIN" in page.text
    assert office.place.ask(select(func.count()).select_from(pin).where(pin.c.holder == f"h:{home}")) == [(0,)]
    assert office.place.texts("pin", MEMBER)
    assert "n'a pas de code PIN" in animator.get(f"/households/{home}/pin").text
    assert "n'a pas de catégories" in animator.get(f"/households/{home}/category").text


def test_a_year_is_renewed_by_choice_of_plan(office: Office) -> None:
    _, home = family(office)
    animator = office.enter("animator")
    assert "c'est trop tôt" in animator.get(f"/households/{home}/renew").text
    paid(office, home, 10_200)
    office.place.wait(days=330)
    animator = office.enter("animator")
    page = animator.get(f"/households/{home}/renew")
    assert "3 personnes sur la carte sont comptées" in page.text
    assert "9 200 F" in page.text
    page = animator.press("Renouveler")
    assert "Renouvelé à partir du 22/11/2027" in page.text
    assert office.place.texts("renewed", MEMBER)
    [(_, _, after)] = events(office, "household.renewed")
    assert after["total"]["minor"] == 9_200


def test_a_household_leaves_once_it_was_seen_what_that_does(office: Office) -> None:
    _, home = family(office)
    paid(office, home)
    animator = office.enter("animator")
    page = act(animator, f"/households/{home}/leave", "Voir ce que cela change", Déménagement=True)
    assert "6 900 F" in page.text
    assert events(office, "household.left") == []
    assert "Pas ainsi" in page.text
    page = animator.press("Le ménage part")
    assert "Plus dû : 6 900 F" in page.text
    assert len(events(office, "household.left")) == 1
    assert act(animator, f"/households/{home}/leave", "Voir ce que cela change", Déménagement=True).status == 422


def test_only_who_may_change_households_can(office: Office) -> None:
    _, home = family(office)
    adviser = office.enter("adviser")
    assert adviser.get(f"/households/{home}").status == 200
    assert "Modifier" not in adviser.page.text
    for page in ("change", "add", "remove", "head", "correct", "phones", "language", "pin", "renew", "leave", "merge"):
        assert adviser.get(f"/households/{home}/{page}").status == 403


@pytest.mark.parametrize("typed", ["%", "'; drop table household", "<b>", "0" * 80, "\x00"])
def test_whatever_is_typed_is_only_looked_for(pg_office: Office, typed: str) -> None:
    page = found(pg_office.enter("treasurer"), typed)
    assert page.status in (200, 422)
    assert "<b>" not in page.html
    assert pg_office.place.ask(select(func.count()).select_from(message)) is not None


# --- in a browser -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [pytest.param(WIDE, marks=pytest.mark.long), NARROW])
def test_every_step_can_be_used_by_everybody(windows: Windows, width: int) -> None:
    """Also the pages that only a form leads to: what was found, what it costs, what it would do, what was refused."""
    _, home = family(windows.office)
    windows.office.place.household_with(OTHER_MTN, FAMILY[0], FAMILY[2], section="Kadolassi")
    window, wrong = windows.of("animator", width=width), []

    def look(what: str) -> None:
        wrong.extend(f"{what}: {each}" for each in window.within_wcag())
        if window.too_wide():
            wrong.append(f"{what}: wider than {width}")

    page = window.open("/households")
    page.fill("#q", "Tchédré")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Trouvé par")
    look("found")
    page.click("h1")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/console/households/\d+$"))
    look("profile")
    page = window.open(f"/households/{home}/add")
    page.check("input[value=birth]")
    page.fill("#name", "Awa Tchédré")
    page.select_option("#sex", "F")
    page.fill("#born", "2026")
    page.select_option("#relation", "child")
    page.click("button[value=look]")
    page.wait_for_selector("button[value=do]")
    look("price")
    page = window.open("/households/register")
    page.fill("[name=name-0]", "Adjara Tchédré")
    page.select_option("#section", "Awanla")
    page.click("button[value=look] >> nth=-1")
    page.wait_for_selector(".refused")
    look("refused")
    page.select_option("[name=sex-0]", "F")
    page.fill("[name=born-0]", "1991")
    page.click("button[value=look] >> nth=-1")
    page.wait_for_selector("button[value=register]")
    look("cost")
    page = window.open(f"/households/{home}/merge")
    page.fill("#q", "Kadolassi")
    page.keyboard.press("Enter")
    page.click("td a >> nth=0")
    page.wait_for_selector("input[name=how]")
    look("compared")
    page.check("input[value=twice]")
    page.click("button[value=look]")
    page.wait_for_selector("button[value=do]")
    look("merged")
    assert wrong == []
    assert [one for one in window.complaints if "422" not in one] == []  # a refusal is told as one
