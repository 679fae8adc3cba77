"""Refunds in the office: asked for by one person, approved by another, by login as well as by name; paid out once."""

from __future__ import annotations

from sqlalchemy import func, select, update

from gateway.store.schema import collection, entry, login, refund
from tests.console.money import family, forged, paid
from tests.console.office import Office, Somebody
from tests.ussd.world import MEMBER


def ask(somebody: Somebody, its_id: int, amount: str = "1000") -> int:
    """Ask for a refund on the page of a payment; the refund's id."""
    somebody.get(f"/collections/{its_id}")
    page = somebody.fill("Montant à rembourser", amount).fill("Pourquoi c'est remboursé", "payé deux fois")
    seen = page.press("Demander un remboursement")
    assert seen.status == 200, seen.text
    return int(seen.response.request.path.rsplit("/", 1)[1])


def states(office: Office) -> list[str]:
    return [state for (state,) in office.place.ask(select(refund.c.state).order_by(refund.c.id))]


def test_one_asks_another_approves_and_it_is_written_down_once_paid(office: Office) -> None:
    _, home = family(office)
    its_id = paid(office, home)
    first, second = office.enter("treasurer"), office.enter("second treasurer")
    number = ask(first, its_id)
    assert "une autre personne approuve" in first.page.text
    assert not any("Approuver" in each[2] for form in first.page.forms for each in form.buttons)
    page = second.get("/collections/refunds")
    assert "payé deux fois" in page.text
    assert "Rafiou Gounou" in page.text
    second.get(f"/collections/refunds/{number}")
    page = second.press("Approuver")
    assert "Approuvé" in page.text
    assert states(office) == ["approved"]
    page = second.fill("Numéro de l'opérateur pour ce remboursement", "x").press("Noter que c'est remboursé")
    assert page.status == 422
    assert "6 à 30" in page.text
    page = second.fill("Numéro de l'opérateur pour ce remboursement", "MP987654").press("Noter que c'est remboursé")
    assert page.status == 200
    assert states(office) == ["paid"]
    assert office.place.texts("refund", MEMBER)
    assert "Remboursé" in first.get(f"/collections/{its_id}").text
    assert number not in [int(href.rsplit("/", 1)[1]) for href, _ in first.get("/collections/refunds").read.links
                          if href.startswith("/console/collections/refunds/")]  # fmt: skip
    assert "Remboursé" in first.get("/collections/refunds?which=all").text


def test_a_double_click_asks_approves_and_pays_once(office: Office) -> None:
    _, home = family(office)
    its_id = paid(office, home)
    first, second = office.enter("treasurer"), office.enter("second treasurer")
    first.get(f"/collections/{its_id}")
    form = next(one for one in first.page.forms if one.action.endswith("/refund"))
    fields = [(one.name, one.value) for one in form.controls if not one.name.startswith("refund_")]
    given = [*fields, ("refund_amount", "500"), ("refund_reason", "trop payé")]
    assert first.send(form, given).response.request.path == first.send(form, given).response.request.path
    assert states(office) == ["asked"]
    number = int(first.page.response.request.path.rsplit("/", 1)[1])
    for button in ("Approuver", "Noter que c'est remboursé"):
        second.get(f"/collections/refunds/{number}")
        form = next(one for one in second.page.forms if any(button in each[2] for each in one.buttons))
        given = [(one.name, one.value or "MP987654") for one in form.controls]
        assert second.send(form, given).status == 200
        assert second.send(form, given).status == 200
    assert states(office) == ["paid"]
    assert office.place.ask(select(func.count()).select_from(entry).where(entry.c.key.like("refund:%"))) == [(1,)]


def test_the_same_person_is_refused_by_login_as_by_name(office: Office) -> None:
    _, home = family(office)
    its_id = paid(office, home)
    first = office.enter("treasurer")
    number = ask(first, its_id)
    assert forged(first, f"/collections/refunds/{number}/approve") == 422
    # The login bears another name by now: it is the same person all the same.
    with office.store.write() as unit:
        unit.connection.execute(update(login).where(login.c.name == "Rafiou Gounou").values(name="Autre Nom"))
    assert forged(first, f"/collections/refunds/{number}/approve") == 422
    # Another login of the same name, whatever the order and the accents.
    twin = office.enter_as("treasurer", "GOUNOU Rafioù", "Mutuelle Ouaké", "+2290150000899")
    assert forged(twin, f"/collections/refunds/{number}/approve") == 422
    assert states(office) == ["asked"]


def test_it_is_dropped_by_whoever_asked_and_refused_by_another(office: Office) -> None:
    _, home = family(office)
    its_id = paid(office, home)
    first, second = office.enter("treasurer"), office.enter("second treasurer")
    ask(first, its_id)
    first.fill("Pourquoi ce n'est pas remboursé", "je me suis trompé").press("Ne pas rembourser")
    number = ask(first, its_id)
    second.get(f"/collections/refunds/{number}")
    second.fill("Pourquoi ce n'est pas remboursé", "elle a bien payé une fois").press("Ne pas rembourser")
    assert states(office) == ["dropped", "refused"]
    assert forged(second, f"/collections/refunds/{number}/approve") == 422
    assert office.place.ask(select(collection.c.state)) == [("paid",)]


def test_no_more_goes_back_than_came(office: Office) -> None:
    _, home = family(office)
    its_id = paid(office, home)
    first = office.enter("treasurer")
    ask(first, its_id, "3000")
    page = first.get(f"/collections/{its_id}")
    assert "Au plus 300 F" in page.text
    page = first.fill("Montant à rembourser", "301").fill("Pourquoi c'est remboursé", "x").press("Demander un")
    assert page.status == 422
    assert states(office) == ["asked"]


def test_who_has_no_right_to_it_asks_for_nothing(pg_office: Office) -> None:
    _, home = family(pg_office)
    its_id = paid(pg_office, home)
    given = {"refund_amount": "500", "refund_reason": "x"}
    for who, status in (("animator", 403), ("adviser", 403), ("neighbouring treasurer", 404), ("neighbour", 404)):
        assert forged(pg_office.enter(who), f"/collections/{its_id}/refund", **given) == status
    assert states(pg_office) == []
