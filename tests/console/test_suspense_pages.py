"""Money to identify in the office: whose it may be, one word for small amounts, two people's for large ones."""

from __future__ import annotations

from sqlalchemy import select, update

from gateway.payments.push.limits import largest_alone
from gateway.store.schema import assignment, collection, incoming, login, refund
from tests.console.money import STRANGER, family, forged, group_of, on_suspense
from tests.console.office import Office
from tests.ussd.world import MEMBER

LARGE = largest_alone("XOF").minor + 1


def state(office: Office) -> list[str]:
    return [one for (one,) in office.place.ask(select(incoming.c.state).order_by(incoming.c.id))]


def assignments(office: Office) -> list[tuple[object, ...]]:
    rows = select(assignment.c.asked_by, assignment.c.decided_by, assignment.c.state).order_by(assignment.c.id)
    return office.place.ask(rows)


def test_a_small_amount_is_identified_by_one_person(office: Office) -> None:
    card, home = family(office)
    wrong = card[:3] + ("1" if card[3] != "1" else "2") + card[4:]
    its_id = on_suspense(office, reference=wrong)
    treasurer = office.enter("treasurer")
    page = treasurer.get("/collections/suspense")
    assert wrong in page.text
    assert "2 000 F" in page.text
    assert "Adjara Tchédré" in page.text  # its card is one slip away
    assert STRANGER not in page.html
    page = treasurer.get(f"/collections/suspense/{its_id}")
    assert "une faute de frappe" in page.text
    page = (
        treasurer.fill("Adjara Tchédré", True)
        .fill("Comment vous le savez", "elle a montré le SMS")
        .press("Il est à eux")
    )
    assert page.status == 200
    assert "Il compte maintenant" in page.text
    assert state(office) == ["posted"]
    assert office.place.ask(select(collection.c.household_id, collection.c.state)) == [(home, "paid")]
    assert office.place.texts("receipt", MEMBER)
    assert assignments(office) == [("Rafiou Gounou", None, "done")]
    assert "Tout l'argent est identifié" in treasurer.get("/collections/suspense").text
    page = treasurer.get(f"/collections/suspense/{its_id}")
    assert "identifié, ou a été remboursé" in page.text


def test_a_large_one_takes_another_person(office: Office) -> None:
    card, _ = family(office)
    its_id = on_suspense(office, LARGE)
    first, second = office.enter("treasurer"), office.enter("administrator")
    page = first.get(f"/collections/suspense/{its_id}")
    assert "Au-dessus de" in page.text
    page = (
        first.fill("Un autre ménage", True).fill("Numéro de carte", card).fill("Comment vous le savez", "le SMS")
        .press("Il est à eux")
    )  # fmt: skip
    assert "Une autre personne doit approuver" in page.text
    assert state(office) == ["suspense"]
    assert forged(first, f"/collections/suspense/{its_id}/approve") == 422
    with office.store.write() as unit:
        unit.connection.execute(update(login).where(login.c.name == "Rafiou Gounou").values(name="Autre Nom"))
    assert forged(first, f"/collections/suspense/{its_id}/approve") == 422
    assert "À approuver" in second.get("/collections/suspense").text
    second.get(f"/collections/suspense/{its_id}")
    page = second.press("Oui, il est à eux")
    assert page.status == 200
    assert state(office) == ["posted"]
    assert assignments(office) == [("Rafiou Gounou", "Bariou Tchao", "done")]


def test_what_was_said_is_dropped_and_the_money_waits_again(office: Office) -> None:
    card, _ = family(office)
    its_id = on_suspense(office, LARGE)
    first, second = office.enter("treasurer"), office.enter("second treasurer")
    given = {"whose": "card", "card": card, "reason": "le SMS"}
    assert forged(first, f"/collections/suspense/{its_id}/assign", **given) == 200
    assert forged(second, f"/collections/suspense/{its_id}/assign", **given) == 422  # it waits for a word already
    second.get(f"/collections/suspense/{its_id}")
    page = second.fill("Pourquoi il n'est pas à eux", "c'est une autre famille").press("Il n'est pas à eux")
    assert "de nouveau à identifier" in page.text
    assert state(office) == ["suspense"]
    assert assignments(office)[0][2] == "refused"
    # Whoever said it first and was refused may say it anew, and another approves.
    assert forged(second, f"/collections/suspense/{its_id}/assign", **given) == 200
    assert forged(first, f"/collections/suspense/{its_id}/approve") == 200
    assert state(office) == ["posted"]


def test_a_group_that_the_phone_pays_for_is_offered(office: Office) -> None:
    _, one = family(office)
    _, other = family(office, section="Kadolassi", msisdn="+2290150000002")
    group = group_of(office, [one, other])
    its_id = on_suspense(office, 4_000)
    treasurer = office.enter("treasurer")
    page = treasurer.get(f"/collections/suspense/{its_id}")
    assert "Femmes de Awanla" in page.text
    page = treasurer.fill("Groupe Femmes", True).fill("Comment vous le savez", "leur liste").press("Il est à eux")
    assert page.status == 200
    assert "2 ménages" in page.text
    paid = office.place.ask(
        select(collection.c.household_id, collection.c.paid_minor).where(collection.c.household_id.is_not(None))
    )
    assert sorted(paid) == sorted([(one, 2_000), (other, 2_000)])
    assert group > 0


def test_a_double_click_counts_once(office: Office) -> None:
    card, _ = family(office)
    its_id = on_suspense(office)
    treasurer = office.enter("treasurer")
    treasurer.get(f"/collections/suspense/{its_id}")
    form = next(one for one in treasurer.page.forms if one.action.endswith("/assign"))
    fields = [(one.name, one.value) for one in form.controls if one.name in ("csrf", "once")]
    given = [*fields, ("whose", "card"), ("card", card), ("reason", "le SMS")]
    assert treasurer.send(form, given).response.request.path == treasurer.send(form, given).response.request.path
    assert len(office.place.ask(select(collection.c.id))) == 1


def test_nobody_gives_it_to_what_was_not_offered_or_isnt_theirs(pg_office: Office) -> None:
    _, _ = family(pg_office)
    there_card, there = family(pg_office, section="Pélébina", msisdn="+2290150000002")
    its_id = on_suspense(pg_office)
    treasurer = pg_office.enter("treasurer")
    path = f"/collections/suspense/{its_id}/assign"
    for whose, card in ((f"h{there}", ""), ("g1", ""), ("card", there_card), ("card", "123"), ("x", ""), ("h²", "")):
        assert forged(treasurer, path, whose=whose, card=card, reason="x") == 422, whose
    assert forged(pg_office.enter("neighbouring treasurer"), path, whose="card", card=there_card, reason="x") == 404
    assert forged(pg_office.enter("animator"), path, whose="card", card=there_card, reason="x") == 403
    assert state(pg_office) == ["suspense"]


def test_it_is_given_back_whole(office: Office) -> None:
    card, _ = family(office)
    its_id = on_suspense(office)
    first, second = office.enter("treasurer"), office.enter("second treasurer")
    first.get(f"/collections/suspense/{its_id}")
    first.fill("Pourquoi c'est remboursé", "erreur de numéro").press("Demander un remboursement")
    [(number,)] = office.place.ask(select(refund.c.id))
    # Meanwhile nobody says whose it is.
    assert forged(first, f"/collections/suspense/{its_id}/assign", whose="card", card=card, reason="x") == 422
    assert "en cours de remboursement" in first.get(f"/collections/suspense/{its_id}").text
    second.get(f"/collections/refunds/{number}")
    second.press("Approuver")
    second.fill("Numéro de l'opérateur pour ce remboursement", "MP987654").press("Noter que c'est remboursé")
    assert state(office) == ["returned"]
