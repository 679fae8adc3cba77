"""Lists of categories in the office: made, printed, validated by one person and applied by another."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from gateway.membership.categories import add_category, add_subsidiser, add_tariff
from gateway.membership.proposals.applying import applying
from gateway.store.schema import category_proposal, category_proposal_row, household_category, office_event, plan
from tests.console.money import family, forged
from tests.console.office import Office, Somebody
from tests.ussd.world import OTHER_MTN

AT = "/households/categories"


@pytest.fixture
def list_of_two(office: Office) -> tuple[Office, int, list[str]]:
    """A list with two families on it, made by the animator."""
    cards = [family(office)[0], family(office, msisdn=OTHER_MTN)[0]]
    tree = office.place.runtime.network.tree()
    own = tree.named("ouake").id
    with office.store.write() as unit:
        state = add_subsidiser(unit, own, "state", "État")
        indigent = add_category(unit, own, "indigent", "Indigent")
        add_category(unit, own, "able", "Aisé")
        plans = unit.connection.scalars(select(plan.c.id).where(plan.c.organisation_id == own)).all()
        for its_id in plans:
            add_tariff(unit, its_id, indigent, subsidy_percent=50, subsidiser_id=state)
    animator = office.enter("animator")
    assert forged(animator, AT, title="Awanla 2027", place=tree.named("Mutuelle Ouaké").code) == 200
    [(its_id,)] = office.place.ask(select(category_proposal.c.id))
    for card in cards:
        given = {"card": card, "category": "indigent", "reason": "veuve", "by": "Chef du village"}
        assert forged(animator, f"{AT}/{its_id}/add", **given) == 200
        assert forged(animator, f"{AT}/{its_id}/add", **given) == 422
    return office, its_id, cards


def day_of(office: Office) -> str:
    return office.store.clock.now().date().isoformat()


def states(office: Office) -> list[tuple[Any, ...]]:
    rows = select(category_proposal_row.c.state, category_proposal_row.c.decision).order_by(category_proposal_row.c.id)
    return office.place.ask(rows)


def test_a_list_from_the_meeting_to_the_categories(list_of_two: tuple[Office, int, list[str]]) -> None:
    office, its_id, cards = list_of_two
    animator, treasurer = office.enter("animator"), office.enter("treasurer")
    page = animator.get(f"{AT}/{its_id}")
    assert "État" in page.text  # what it changes is shown before
    paper = printed(animator, its_id)
    assert paper.data[:5] == b"%PDF-"
    decided = {"met_on": day_of(office), "witnesses": "Alassane\nMariam", "exceptions": f"{cards[1]} non"}
    assert forged(animator, f"{AT}/{its_id}/validate", **decided) == 200
    assert forged(animator, f"{AT}/{its_id}/apply", applies_on=day_of(office)) == 422  # it takes another person
    assert office.place.ask(select(household_category.c.id)) == []
    assert forged(treasurer, f"{AT}/{its_id}/apply", applies_on=day_of(office)) == 200
    list(applying(office.store, office.place.runtime.network))
    assert states(office) == [("applied", "accepted"), ("kept", "refused")]
    assert len(office.place.ask(select(household_category.c.id))) == 1
    done = [what for (what,) in office.place.ask(select(office_event.c.what).order_by(office_event.c.id))]
    assert done[-5:] == [
        "categories.added", "categories.added", "categories.printed", "categories.validated", "categories.applied",
    ]  # fmt: skip
    assert treasurer.get(f"{AT}/{its_id}").status == 200
    assert office.enter("neighbour").get(f"{AT}/{its_id}").status == 404


def printed(somebody: Somebody, its_id: int) -> Any:
    page = somebody.get(f"{AT}/{its_id}")
    form = next(one for one in page.forms if one.action.endswith("/print"))
    return somebody.send(form, [(one.name, one.value) for one in form.controls]).response


def test_what_is_wrong_is_told_and_nothing_is_done(list_of_two: tuple[Office, int, list[str]]) -> None:
    office, its_id, cards = list_of_two
    animator = office.enter("animator")
    assert forged(office.enter("adviser"), f"{AT}/{its_id}/withdraw", why="no") == 403
    printed(animator, its_id)
    decided = {"met_on": day_of(office), "witnesses": "Alassane\nMariam"}
    for wrong in ("123456782 non", f"{cards[0]} riche"):
        assert forged(animator, f"{AT}/{its_id}/validate", **decided, exceptions=wrong) == 422
    assert forged(animator, f"{AT}/{its_id}/validate", **(decided | {"witnesses": "Alassane"})) == 422
    assert forged(animator, f"{AT}/{its_id}/validate", **decided, exceptions=f"{cards[0]}: Aisé") == 200
    assert states(office) == [("open", "changed"), ("open", "accepted")]
    assert forged(animator, f"{AT}/{its_id}/withdraw", why="la réunion est annulée") == 200
    assert office.place.ask(select(category_proposal.c.state)) == [("withdrawn",)]
