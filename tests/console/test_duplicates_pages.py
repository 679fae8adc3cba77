"""Pairs in the office: seen by whoever may see both, decided once, merged, and all of it undone."""

from __future__ import annotations

from sqlalchemy import select

from gateway.kernel.card import show_card
from gateway.membership.changes import By
from gateway.membership.duplicates.finding import run
from gateway.membership.old_numbers import add_old_number
from gateway.store.schema import duplicate_pair, household
from tests.console.money import paid
from tests.console.office import Office
from tests.console.test_family_pages import counts, events, two
from tests.console.test_household_pages import found, ids_on
from tests.ussd.world import MEMBER


def looked_for(office: Office) -> int:
    tree = office.place.runtime.network.tree()
    for one in tree.by_id.values():
        if len(tree.upward(one.id)) == 1:
            run(office.store, tree, one, anew=True)
    return int(office.place.ask(select(duplicate_pair.c.id))[0][0])


def test_a_pair_is_decided_once_and_undone(office: Office) -> None:
    stays, _, card = two(office)
    pair = looked_for(office)
    animator = office.enter("animator")
    page = animator.get("/households/duplicates")
    assert show_card(card) in page.text
    assert "les deux chefs de ménage ont le même nom" in page.text
    page = animator.get(f"/households/duplicates/{pair}")
    assert MEMBER not in page.html
    animator.press("Deux ménages différents")
    assert [after for _, _, after in events(office, "household.pair_decided")] == [{"state": "different"}]
    assert "Aucune paire" in animator.get("/households/duplicates").text
    assert show_card(card) in animator.get("/households/duplicates?state=different").text
    assert "Deux ménages différents" in animator.get(f"/households/duplicates/{pair}").text
    animator.press("Annuler cette décision")
    assert show_card(card) in animator.get("/households/duplicates").text
    page = animator.get(f"/households/duplicates/{pair}")
    page = animator.press("Une seule famille : les fusionner")
    assert page.response.request.path == f"/console/households/{stays}/merge"
    for stranger in ("neighbour", "neighbouring treasurer"):
        away = office.enter(stranger)
        assert away.get(f"/households/duplicates/{pair}").status == 404
        assert show_card(card) not in away.get("/households/duplicates").text


def test_a_merge_is_undone_unless_something_happened(office: Office) -> None:
    stays, goes, card = two(office)
    animator = office.enter("animator")
    assert "Aucun ménage" in animator.get(f"/households/{stays}/unmerge").text
    before = counts(office)[2]
    animator.get(f"/households/{stays}/merge?with={goes}")
    animator.fill("C'était toujours une seule famille", True).press("Voir ce que cela change")
    animator.press("Les fusionner")
    page = animator.get(f"/households/{stays}/unmerge")
    assert show_card(card) in page.text
    page = animator.press("Annuler la fusion")
    assert page.response.request.path == f"/console/households/{goes}"
    assert counts(office)[2] == before
    merged = select(household.c.merged_into_id).where(household.c.id == goes)
    assert office.place.ask(merged)[0][0] is None
    [(about, _, _)] = events(office, "household.unmerged")
    assert about == f"household:{stays}"
    animator.get(f"/households/{stays}/merge?with={goes}")
    animator.fill("C'était toujours une seule famille", True).press("Voir ce que cela change")
    animator.press("Les fusionner")
    paid(office, stays)
    page = animator.get(f"/households/{stays}/unmerge")
    assert "de l'argent est arrivé" in page.text
    assert 'value="look"' not in page.html


def test_an_old_number_is_found(office: Office) -> None:
    stays, _, _ = two(office)
    tree = office.place.runtime.network.tree()
    with office.store.write() as unit:
        section = unit.connection.scalar(select(household.c.section_id).where(household.c.id == stays)) or 0
        add_old_number(unit, tree, stays, section, "OUA-0123/17", By(None, name="Bio Sarre"))
    animator = office.enter("animator")
    page = found(animator, "oua 0123 17")
    assert list(ids_on(page)) == [stays]
    assert "OUA-0123/17" in animator.get(f"/households/{stays}").text
    assert animator.get("/households?found=yes").status == 200
