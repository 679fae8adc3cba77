"""Groups in the office: the list of households, cash, what was kept back and divided, statements."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from gateway.kernel.card import show_card
from gateway.payments.push.limits import largest_alone
from gateway.store.schema import collection, deduction, deduction_part, group_movement, login, payer_group_member
from tests.console.money import STRANGER, family, forged, group_of, on_suspense
from tests.console.office import Office, Somebody
from tests.ussd.world import OTHER_MTN


@pytest.fixture
def group(office: Office) -> tuple[Office, int, list[str], list[int]]:
    """A group of two families; its id, their cards and ids."""
    cards, ids = zip(*(family(office), family(office, msisdn=OTHER_MTN)), strict=True)
    return office, group_of(office, list(ids)), list(cards), list(ids)


def hand_in(somebody: Somebody, group_id: int, text: str, ends: str = "/deductions", **filled: str) -> Any:
    """Send a file by the form on the group's page."""
    page = somebody.get(f"/collections/groups/{group_id}")
    form = next(one for one in page.forms if one.action.endswith(ends))
    name = "list" if ends == "/list" else "file"
    given = [(one.name, filled.get(one.name, one.value)) for one in form.controls if one.name != name]
    return somebody.send(form, [*given, (name, ("retenues.csv", text.encode()))])


def state(office: Office) -> list[str]:
    return [each for (each,) in office.place.ask(select(deduction.c.state).order_by(deduction.c.id))]


def test_what_was_kept_back_is_divided_and_told(group: tuple[Office, int, list[str], list[int]]) -> None:
    office, its_id, cards, ids = group
    treasurer = office.enter("treasurer")
    text = f"Carte;Montant\n{cards[0]};1500\n{cards[1]};500\n"
    page = hand_in(treasurer, its_id, text, label="Café 2026")
    assert page.status == 200
    assert "1 500 F" in page.text
    [(list_id,)] = office.place.ask(select(deduction.c.id))
    at = f"/collections/deductions/{list_id}"
    assert hand_in(treasurer, its_id, text, label="Café 2026").status == 422  # a list is used once
    assert forged(treasurer, f"{at}/accept") == 200
    came = on_suspense(office, 2_100)
    assert forged(treasurer, f"{at}/divide", why="le bordereau") == 422
    assert forged(treasurer, f"{at}/pay", incoming=str(came)) == 200
    assert forged(treasurer, f"{at}/divide", why="le bordereau") == 422  # too much, and nobody said what of it
    assert "100 F" in treasurer.get(at).text
    assert forged(treasurer, f"{at}/divide", why="le bordereau", rest="yes") == 200
    assert state(office) == ["posted"]
    shares = select(collection.c.household_id, collection.c.paid_minor).where(collection.c.household_id.is_not(None))
    assert sorted(office.place.ask(shares)) == sorted([(ids[0], 1_500), (ids[1], 500)])
    assert office.place.ask(select(group_movement.c.amount_minor)) == [(100,)]
    assert treasurer.get(at).status == 200
    page = treasurer.get(f"/collections/groups/{its_id}/statement")
    assert "1 500 F" in page.text
    form = next(one for one in page.forms if one.method == "post" and one.action.endswith("/statement"))
    given = [(one.name, one.value) for one in form.controls]
    for kind, begins in (("pdf", b"%PDF-"), ("csv", b"\xef\xbb\xbf"), ("xlsx", b"PK")):
        assert treasurer.send(form, [*given, ("form", kind)]).response.data.startswith(begins)
        page = treasurer.get(f"/collections/groups/{its_id}/statement")
        form = next(one for one in page.forms if one.method == "post" and one.action.endswith("/statement"))
        given = [(one.name, one.value) for one in form.controls]
    assert office.enter("neighbour").get(at).status == 404
    assert forged(office.enter("animator"), f"{at}/withdraw", why_not="non") == 403


def test_a_large_sum_takes_another_person(group: tuple[Office, int, list[str], list[int]]) -> None:
    office, its_id, cards, _ = group
    first, second = office.enter("treasurer"), office.enter("administrator")
    large = largest_alone("XOF").minor + 1
    hand_in(first, its_id, f"Carte;Montant\n{cards[0]};{large}\n", label="Café")
    [(list_id,)] = office.place.ask(select(deduction.c.id))
    at = f"/collections/deductions/{list_id}"
    assert forged(first, f"{at}/accept") == 200
    assert forged(first, f"{at}/pay", incoming=str(on_suspense(office, large))) == 200
    assert forged(first, f"{at}/divide", why="le bordereau") == 200
    assert state(office) == ["proposed"]
    assert forged(first, f"{at}/approve", says="yes") == 422
    with office.store.write() as unit:
        unit.connection.execute(update(login).where(login.c.name == "Rafiou Gounou").values(name="Autre Nom"))
    assert forged(first, f"{at}/approve", says="yes") == 422  # another name, the same login
    assert forged(second, f"{at}/approve", says="yes") == 200
    assert state(office) == ["posted"]


def test_rows_that_are_wrong_are_shown(group: tuple[Office, int, list[str], list[int]]) -> None:
    office, its_id, cards, _ = group
    treasurer = office.enter("treasurer")
    page = hand_in(treasurer, its_id, f"Carte;Montant\n{cards[0]};beaucoup\n123456780;5\n", label="Café")
    assert page.status == 200
    assert "beaucoup" in page.text
    [(list_id,)] = office.place.ask(select(deduction.c.id))
    assert forged(treasurer, f"/collections/deductions/{list_id}/accept") == 422
    assert hand_in(treasurer, its_id, "a;b\n1;2\n", label="Café").status == 422
    assert state(office) == ["read"]


def test_the_list_of_households_is_edited(group: tuple[Office, int, list[str], list[int]]) -> None:
    office, its_id, cards, ids = group
    treasurer = office.enter("treasurer")
    at = f"/collections/groups/{its_id}"
    assert forged(treasurer, f"{at}/remove", household=str(ids[1])) == 200
    assert forged(treasurer, f"{at}/remove", household=str(ids[0])) == 422
    assert forged(treasurer, f"{at}/add", card=cards[1]) == 200
    assert forged(treasurer, f"{at}/remove", household=str(ids[0])) == 200
    page = hand_in(treasurer, its_id, f"carte\n{cards[0]}\n", ends="/list")
    assert page.status == 200
    assert show_card(cards[0]) in page.text
    members = select(payer_group_member.c.household_id)
    assert office.place.ask(members) == [(ids[1],)]  # it was only looked at
    assert forged(treasurer, f"{at}/replace", rows=f"{cards[0]};") == 200
    assert office.place.ask(members) == [(ids[0],)]


def test_cash_of_a_group(group: tuple[Office, int, list[str], list[int]]) -> None:
    office, its_id, cards, _ = group
    treasurer, at = office.enter("treasurer"), f"/collections/groups/{its_id}"
    assert forged(treasurer, f"{at}/cash", cash="900") == 200
    assert forged(office.enter("animator"), f"{at}/cash", cash="900") == 422
    assert forged(office.enter("administrator"), f"{at}/cash", cash="900") == 403
    [(one,)] = office.place.ask(select(collection.c.id))
    hand_in(treasurer, its_id, f"Carte;Montant\n{cards[0]};400\n", label="Café")
    [(list_id,)] = office.place.ask(select(deduction.c.id))
    lists = f"/collections/deductions/{list_id}"
    forged(treasurer, f"{lists}/accept")
    assert forged(treasurer, f"{lists}/pay", incoming="0") == 200
    [(part,)] = office.place.ask(select(deduction_part.c.id))
    assert forged(treasurer, f"{lists}/unpay", part=str(part)) == 200
    assert forged(treasurer, f"{at}/correct", collection=str(one), why="une erreur") == 422  # who took it
    assert forged(office.enter("second treasurer"), f"{at}/correct", collection=str(one), why="une erreur") == 200
    assert sum(amount for (amount,) in office.place.ask(select(group_movement.c.amount_minor))) == 0
    assert STRANGER not in treasurer.get(at).html
