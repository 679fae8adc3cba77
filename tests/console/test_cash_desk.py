"""The cash desk: a household found, its cash recorded, the receipt; from hand to hand; the day closed once."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from gateway.payments.receipts import receipt_number
from gateway.store.schema import closing, collection, handover, office_event
from tests.console.money import family
from tests.console.office import Office, Somebody
from tests.console.windows import NARROW, Windows
from tests.ussd.world import MEMBER


def count(office: Office) -> int:
    return int(office.place.ask(select(func.count()).select_from(collection))[0][0])


def record(somebody: Somebody, card: str, amount: str | None = None) -> None:
    somebody.get("/cash")
    somebody.fill("Numéro de carte ou nom", card).press("Chercher")
    if amount is not None:
        somebody.fill("Montant en espèces", amount)
    somebody.press("Enregistrer et écrire le reçu")


def test_a_card_an_amount_a_receipt(office: Office) -> None:
    card, _ = family(office)
    treasurer = office.enter("treasurer")
    treasurer.get("/cash")
    page = treasurer.fill("Numéro de carte ou nom", card).press("Chercher")
    assert page.status == 200
    assert "Adjara Tchédré" in page.text
    assert "3 300 F" in page.text
    assert "10 200 F" in page.text
    page = treasurer.press("Enregistrer et écrire le reçu")  # what is due stands there already
    assert page.status == 200
    its_id = int(office.place.ask(select(func.max(collection.c.id)))[0][0])
    assert receipt_number(its_id) in page.text
    assert "3 300 F enregistrés" in page.text
    assert "6 900 F" in page.text  # left to pay
    assert "Rafiou Gounou" in page.text
    assert "Ménage suivant" in page.text
    [told] = office.place.texts("receipt", MEMBER)
    assert receipt_number(its_id) in told
    events = office.place.ask(select(office_event.c.what, office_event.c.about))
    assert ("cash.recorded", f"collection:{its_id}") in events


def test_a_name_leads_to_its_household_or_to_a_choice(office: Office) -> None:
    family(office)
    office.place.household_with(None, "Adjara Bio", section="Kadolassi")
    treasurer = office.enter("treasurer")
    treasurer.get("/cash")
    page = treasurer.fill("Numéro de carte ou nom", "adjara tchedre").press("Chercher")
    assert "Adjara Tchédré" in page.text
    assert "Montant en espèces" in page.html
    treasurer.get("/cash")
    page = treasurer.fill("Numéro de carte ou nom", "Adjara").press("Chercher")
    assert "Adjara Bio" in page.text
    assert "Adjara Tchédré" in page.text
    page = treasurer.follow("Adjara Bio")
    assert "Espèces : Adjara Bio" in page.text
    treasurer.get("/cash")
    page = treasurer.fill("Numéro de carte ou nom", "Zzyzx Qwerty").press("Chercher")
    assert page.status == 422
    assert "Aucun ménage" in page.text


def test_all_that_is_left_at_one_press(office: Office) -> None:
    card, _ = family(office)
    treasurer = office.enter("treasurer")
    treasurer.get("/cash")
    treasurer.fill("Numéro de carte ou nom", card).press("Chercher")
    page = treasurer.press("Tout le reste")
    assert "10 200 F enregistrés" in page.text


@pytest.mark.parametrize("typed", ["100", "abc", "", "99 000 000", "-5"])
def test_no_amount_that_cant_be(pg_office: Office, typed: str) -> None:
    card, _ = family(pg_office)
    treasurer = pg_office.enter("treasurer")
    record(treasurer, card, typed)
    assert treasurer.page.status == 422
    assert count(pg_office) == 0


def test_a_second_click_records_nothing_twice(office: Office) -> None:
    card, _ = family(office)
    treasurer = office.enter("treasurer")
    treasurer.get("/cash")
    treasurer.fill("Numéro de carte ou nom", card).press("Chercher")
    form = next(one for one in treasurer.page.forms if any("Enregistrer" in each[2] for each in one.buttons))
    fields = [(one.name, one.value) for one in form.controls]
    first = treasurer.send(form, fields).response.request.path
    again = treasurer.send(form, fields).response.request.path
    assert first == again
    assert count(office) == 1


def test_the_same_again_is_asked_about_first(office: Office) -> None:
    card, _ = family(office)
    treasurer = office.enter("treasurer")
    record(treasurer, card, "2000")
    record(treasurer, card, "2000")
    page = treasurer.page
    assert page.status == 422
    assert "il y a un instant" in page.text
    assert count(office) == 1
    page = treasurer.fill("Oui, c'est un autre versement", True).press("Enregistrer et écrire le reçu")
    assert page.status == 200
    assert count(office) == 2


def test_what_is_asked_about_stands_in_the_field(pg_office: Office) -> None:
    """Whichever button it came from: no other amount slips in with the second press."""
    card, its_id = family(pg_office)
    treasurer = pg_office.enter("treasurer")
    record(treasurer, card, "5100")
    page = treasurer.get(f"/cash/{its_id}")
    form = next(one for one in page.forms if one.action.endswith(f"/cash/{its_id}"))
    fields = [(one.name, one.value) for one in form.controls if one.name != "amount"]
    page = treasurer.send(form, [*fields, ("amount", "3300"), ("whole", "5100")])
    assert page.status == 422
    assert next(one.value for each in page.forms for one in each.controls if one.name == "amount") == "5100"
    treasurer.fill("Oui, c'est un autre versement", True).press("Enregistrer et écrire le reçu")
    assert pg_office.place.ask(select(func.sum(collection.c.paid_minor)))[0][0] == 10_200


def test_nobody_takes_cash_for_another_office(pg_office: Office) -> None:
    card, its_id = family(pg_office, section="Pélébina")
    treasurer = pg_office.enter("treasurer")  # of Ouaké; Pélébina is of Anandana
    record_page = treasurer.get(f"/cash/{its_id}")
    assert record_page.status == 404
    treasurer.get("/cash")
    assert treasurer.fill("Numéro de carte ou nom", card).press("Chercher").status == 422
    assert pg_office.enter("administrator").get("/cash").status == 403


def test_a_mistake_is_corrected_by_another_person_from_the_receipt(office: Office) -> None:
    card, its_id = family(office)
    treasurer = office.enter("treasurer")
    record(treasurer, card, "5000")
    page = treasurer.follow("Une erreur")
    assert "une autre personne le corrige" in page.text
    assert not any("ne compte plus" in each[2] for form in page.forms for each in form.buttons)
    collection_id = int(office.place.ask(select(func.max(collection.c.id)))[0][0])
    second = office.enter("second treasurer")
    second.get(f"/collections/{collection_id}")
    page = second.fill("Pourquoi ce reçu est faux", "3 000 et non 5 000").press("Ce reçu ne compte plus")
    assert page.status == 200
    assert "ne compte plus" in page.text
    [(state,)] = office.place.ask(select(collection.c.state).where(collection.c.id == collection_id))
    assert state == "reversed"
    assert office.place.texts("corrected", MEMBER)
    page = second.follow("Enregistrer ce qui a vraiment été donné")
    assert page.response.request.path == f"/console/cash/{its_id}"


def test_whoever_recorded_cash_cant_correct_it_by_another_form(pg_office: Office) -> None:
    card, _ = family(pg_office)
    treasurer = pg_office.enter("treasurer")
    record(treasurer, card, "5000")
    its_id = int(pg_office.place.ask(select(func.max(collection.c.id)))[0][0])
    form = next(one for one in treasurer.get("/cash").forms if one.method == "post")
    fields = [(one.name, one.value) for one in form.controls if one.name in ("csrf", "once")]
    form.action = f"/console/collections/{its_id}/correct"
    page = treasurer.send(form, [*fields, ("reason", "erreur")])
    assert page.status == 422
    assert "vous-même" in page.text
    assert pg_office.place.ask(select(collection.c.state)) == [("paid",)]


def test_an_animator_hands_over_and_the_treasurer_says_whether_it_came(office: Office) -> None:
    card, _ = family(office)
    animator, treasurer = office.enter("animator"), office.enter("treasurer")
    record(animator, card, "5000")
    page = animator.get("/cash")
    assert "Vous avez 5 000 F en espèces" in page.text
    animator.follow("Remettre")
    page = animator.press("Remettre")
    assert "Remis" in page.text
    assert "5 000 F" in page.text
    page = treasurer.get("/cash/handovers")
    assert "Salamatou Issa" in page.text
    assert "5 000 F" in page.text
    page = treasurer.press("Non, ce n'est pas juste")
    assert office.place.ask(select(handover.c.state)) == [("disputed",)]
    assert office.place.texts("handover", "+2290150000821")
    animator.get("/cash/handovers")
    animator.press("Remettre")
    treasurer.get("/cash/handovers")
    page = treasurer.press("Oui, je l'ai reçu")
    assert page.status == 200
    assert office.place.ask(select(handover.c.state).order_by(handover.c.id)) == [("disputed",), ("confirmed",)]
    assert len(office.place.texts("handover", "+2290150000821")) == 2


def test_a_handover_is_decided_once_and_by_another(pg_office: Office) -> None:
    card, _ = family(pg_office)
    animator, treasurer = pg_office.enter("animator"), pg_office.enter("treasurer")
    record(animator, card, "5000")
    animator.get("/cash/handovers")
    animator.press("Remettre")
    treasurer.get("/cash/handovers")
    form = next(one for one in treasurer.page.forms if "decide" in one.action)
    fields = [(one.name, one.value) for one in form.controls]
    assert treasurer.send(form, [*fields, ("received", "yes")]).status == 200
    late = [(name, "q" * 20 if name == "once" else value) for name, value in fields]
    assert treasurer.send(form, [*late, ("received", "no")]).status == 422
    assert pg_office.place.ask(select(handover.c.state)) == [("confirmed",)]
    assert animator.send(form, [*fields, ("received", "yes")]).status == 403


def test_the_day_is_closed_once_with_what_the_books_have(office: Office) -> None:
    card, _ = family(office)
    treasurer, animator = office.enter("treasurer"), office.enter("animator")
    record(treasurer, card, "3000")
    record(animator, card, "2000")
    animator.get("/cash/handovers")
    animator.press("Remettre")
    page = treasurer.get("/collections/close")
    assert "Salamatou Issa" in page.text
    assert "2 000 F" in page.text
    assert not any("Clôturer" in each[2] for form in page.forms for each in form.buttons)
    treasurer.get("/cash/handovers")
    treasurer.press("Oui, je l'ai reçu")
    page = treasurer.get("/collections/close")
    assert "5 000 F" in page.text
    page = treasurer.fill("Espèces comptées", "4500").press("Clôturer la journée")
    assert page.status == 422
    assert "4 500 F" in page.text
    page = treasurer.fill("J'ai recompté", True).press("Clôturer la journée")
    assert page.status == 200
    assert "Clôturé" in page.text
    assert "Rafiou Gounou" in page.text
    [(totals,)] = office.place.ask(select(closing.c.totals))
    assert [(one["way"], one["count"], one["minor"]) for one in totals] == [("cash", 2, 5000)]
    [(after,)] = office.place.ask(select(office_event.c.after).where(office_event.c.what == "day.closed"))
    assert (after["counted"]["minor"], after["box"]["minor"]) == (4500, 5000)
    page = treasurer.get("/collections/close")
    assert "déjà clôturée" in page.text
    assert len(office.place.ask(select(closing.c.id))) == 1


def test_the_takings_of_a_day_are_those_of_the_books(office: Office) -> None:
    card, _ = family(office)
    treasurer = office.enter("treasurer")
    record(treasurer, card, "3000")
    page = treasurer.get("/collections/day")
    assert "3 000 F" in page.text
    assert "Rafiou Gounou" in page.text
    page = treasurer.follow("La veille")
    assert "Rien n'est entré" in page.text
    # A section has no books of its own: the page says where they are.
    assert "au-dessus" in treasurer.get("/collections/day?at=Awanla").text


def test_a_payment_in_two_pages_on_a_narrow_screen_without_script(windows: Windows) -> None:
    card, _ = family(windows.office)
    window = windows.of("treasurer", width=NARROW, script=False)
    page = window.open("/cash")
    page.get_by_label("Numéro de carte ou nom").fill(card)
    page.get_by_role("button", name="Chercher").click()
    assert not window.too_wide()
    page.get_by_role("button", name="Enregistrer et écrire le reçu").click()
    assert "enregistrés" in page.get_by_role("status").inner_text()
    assert not window.too_wide()
    assert count(windows.office) == 1
