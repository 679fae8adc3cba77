"""A household leaves and comes back; its head dies and another adult takes their place."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from gateway.kernel.faults import Fault
from gateway.ledger.chain import sealing
from gateway.membership import family, leaving, penalties, renewal
from gateway.membership.changes import By
from gateway.membership.dues import Terms
from gateway.membership.households import by_phone
from gateway.membership.people import Person
from gateway.membership.plans import add_plan
from gateway.membership.recomputing import first_wrong_due
from gateway.membership.rules import State
from gateway.membership.visits import who_is_covered
from gateway.store.schema import beneficiary, household_change, membership, plan
from tests.membership.money import put_money
from tests.payments.village import FAMILY, ON_SQLITE, PAYER, TERMS, YEAR_DUE, Village, at_once, francs

TODAY = date(2026, 11, 22)
LEFT = date(2027, 9, 30)
BY = By(None, name="Bio Sarre")


@pytest.fixture
def home(village: Village) -> int:
    """A family of four that has paid its first year."""
    made = village.register()
    put_money(village, made.household_id, YEAR_DUE, TODAY)
    return made.household_id


def on(village: Village, day: date) -> None:
    village.clock.move(day - village.clock.now().date())


def leave(village: Village, home: int, day: date) -> leaving.Left:
    with village.store.write() as unit:
        tree, one = village.network.tree(), village.family(home)
        return leaving.leave(unit, tree, village.chart, one, day, "departure", BY)


def renew(village: Village, home: int, plan_id: int | None = None) -> renewal.Renewed | None:
    with village.store.write() as unit:
        tree, one = village.network.tree(), village.family(home)
        return renewal.renew(unit, tree, village.chart, one, plan_id or village.place.plan.id, BY)


def is_right(village: Village) -> bool:
    with village.store.read() as connection:
        return first_wrong_due(connection) is None


def test_a_year_ahead_ends_too_and_the_story_tells_of_it(village: Village, home: int) -> None:
    on(village, LEFT)
    assert renew(village, home) is not None
    put_money(village, home, 2_900, LEFT)
    on(village, LEFT + timedelta(days=5))
    left = leave(village, home, LEFT)
    assert left == leaving.Left(francs(11_600), francs(2_900))
    assert village.balance() == {"income": -YEAR_DUE, "advance": -2_900, "cash": YEAR_DUE + 2_900}
    stands = village.stands(home)
    assert (stands.cover.state, stands.left, stands.advance) == (State.LAPSED, francs(0), francs(2_900))
    assert village.stands(home, date(2027, 11, 22)).cover.state is State.LAPSED  # nor when that year would have begun
    with village.store.read() as connection:
        change = connection.execute(select(household_change).order_by(household_change.c.id.desc())).first()
        seen = who_is_covered(connection, village.network.tree(), village.family(home), LEFT + timedelta(days=5))
    assert change is not None
    assert (change.kind, change.happened_on, change.note, change.by_name) == ("left", LEFT, "departure", "Bio Sarre")
    assert not any(one.covered for one in seen.people)
    assert is_right(village)
    assert list(sealing(village.store))  # the chain takes the counter-entries


@ON_SQLITE
def test_a_day_that_was_known_otherwise_stays_as_it_was(village: Village, home: int) -> None:
    before = village.stands(home, date(2027, 9, 29)), village.stands(home, date(2027, 10, 2))
    on(village, date(2027, 10, 3))
    leave(village, home, date(2027, 9, 28))
    assert (village.stands(home, date(2027, 9, 29)).cover, village.stands(home, date(2027, 10, 2)).cover) == (
        before[0].cover, before[1].cover,
    )  # fmt: skip
    assert village.stands(home).cover.state is State.LAPSED


def test_who_comes_back_goes_on_in_time_and_waits_later(village: Village, home: int) -> None:
    on(village, LEFT)
    leave(village, home, LEFT)
    made = renew(village, home)
    assert made is not None
    assert (made.starts_on, made.total) == (LEFT + timedelta(days=1), francs(11_600))  # and no registration fee
    put_money(village, home, 2_900, LEFT)
    assert village.stands(home, LEFT + timedelta(days=1)).cover.state is State.ACTIVE
    assert is_right(village)


@ON_SQLITE
def test_who_comes_back_when_a_year_had_been_enrolled_ahead(village: Village) -> None:
    """The year that they left before its beginning and the one that they enrol for begin on one day."""
    with village.store.write() as unit:
        calendar: Terms = replace(TERMS, year_starts_month=1, lapsed_waiting_days=10)
        unit.connection.execute(plan.update().values(year_starts_month=1, lapsed_waiting_days=10))
    village.place = replace(village.place, plan=replace(village.place.plan, terms=calendar))
    home = village.register().household_id
    put_money(village, home, YEAR_DUE, TODAY)
    assert renew(village, home) is not None
    leave(village, home, TODAY)
    on(village, date(2027, 2, 1))
    made = renew(village, home)
    assert made is not None
    assert made.starts_on == date(2027, 1, 1)
    with village.store.read() as connection:
        rows = connection.execute(select(membership).order_by(membership.c.id)).all()
    assert [(row.starts_on, row.left_on, row.waiting_days) for row in rows] == [
        (date(2026, 1, 1), TODAY, 30), (date(2027, 1, 1), TODAY, 0), (date(2027, 1, 1), None, 10),
    ]  # fmt: skip
    put_money(village, home, 11_600, date(2027, 2, 1))
    cover = village.stands(home).cover
    assert (cover.state, cover.begins_on) == (State.WAITING, date(2027, 2, 11))
    assert is_right(village)


@ON_SQLITE
def test_shares_of_those_who_joined_and_penalties_are_cancelled_too(village: Village) -> None:
    with village.store.write() as unit:
        unit.connection.execute(plan.update().values(penalty_percent=10))
    home = village.register().household_id
    put_money(village, home, 3_900, TODAY)
    on(village, date(2027, 3, 25))
    with village.store.write() as unit:
        one = Person("Sani Tchédré", "M", 1990, "other")
        tree, of = village.network.tree(), village.family(home)
        family.add(unit, tree, village.chart, of, one, "arrival", date(2027, 3, 25), BY)
    assert penalties.bring(village.store, village.network, village.chart, home) == 1
    assert village.stands(home).left == francs(8_700 + 290 + 1_600)
    left = leave(village, home, date(2027, 3, 24))
    assert left.cancelled == francs(5_800 + 290 + 1_600)
    assert village.stands(home).left == francs(2_900)
    assert penalties.bring(village.store, village.network, village.chart, home) == 0
    assert village.balance() == {"receivable": 2_900, "income": -6_800, "cash": 3_900}
    assert is_right(village)


@ON_SQLITE
def test_days_on_which_nobody_can_have_left(village: Village, home: int) -> None:
    for day, why in ((TODAY + timedelta(days=1), "future"), (date(2025, 11, 21), "old")):
        with pytest.raises(family.Refused, match=f"^{why}$"):
            leave(village, home, day)
    on(village, date(2027, 12, 1))
    with pytest.raises(Fault, match="no membership that goes on after 2027-11-21"):
        leave(village, home, date(2027, 11, 21))
    leave(village, home, date(2027, 11, 20))
    with pytest.raises(Fault, match="no membership"):
        leave(village, home, date(2027, 11, 19))


def test_of_two_who_tell_of_it_at_once_one_is_heard(village: Village, home: int) -> None:
    on(village, date(2027, 3, 1))

    def tell() -> object:
        try:
            return leave(village, home, date(2027, 3, 1)).cancelled
        except Fault:
            return None

    assert sorted(map(str, at_once(2, tell))) == sorted(map(str, (francs(5_800), None)))
    assert village.balance() == {"income": -YEAR_DUE + 5_800, "advance": -5_800, "cash": YEAR_DUE}


# Another head


def new_head(village: Village, home: int, name: str, day: date = TODAY) -> str:
    with village.store.write() as unit:
        heir = next(one for one in family.roster(unit.connection, home) if one.name == name)
        return leaving.new_head(unit, village.family(home), heir.id, "death", day, BY)


def test_another_adult_becomes_the_head(village: Village, home: int) -> None:
    before = village.stands(home)
    assert new_head(village, home, "Moussa Tchédré") == "Moussa Tchédré"
    now = village.family(home)
    assert (now.head, now.sex, now.card) == ("Moussa Tchédré", "M", before.household.card)
    stands = village.stands(home)
    assert (stands.cover, stands.left, stands.beneficiaries) == (before.cover, before.left, 4)
    with village.store.read() as connection:
        people = family.roster(connection, home)
        gone = connection.execute(select(beneficiary).where(beneficiary.c.left_on.is_not(None))).one()
        changes = connection.execute(select(household_change).order_by(household_change.c.id)).all()
        assert by_phone(connection, village.network.tree(), PAYER) == [now]
    assert (people[0].name, people[0].relation) == ("Moussa Tchédré", "head")
    assert len(people) == 3
    assert (gone.name, gone.relation, gone.left_because) == ("Adjara Tchédré", "other", "death")
    assert [(one.kind, one.beneficiary_id, one.by_name) for one in changes] == [
        ("death", gone.id, "Bio Sarre"), ("head", people[0].id, "Bio Sarre"),
    ]  # fmt: skip
    assert is_right(village)
    on(village, LEFT)
    made = renew(village, home)
    assert made is not None
    assert made.total == francs(2_000 + 3 * 2_400)


@ON_SQLITE
def test_no_child_is_a_head_and_no_day_ahead_counts(village: Village, home: int) -> None:
    with pytest.raises(Fault, match="another adult on this card"):
        new_head(village, home, "Rahina Tchédré")
    with pytest.raises(Fault, match="another adult on this card"):
        new_head(village, home, "Adjara Tchédré")
    with pytest.raises(family.Refused, match=r"^future$"):
        new_head(village, home, "Moussa Tchédré", TODAY + timedelta(days=1))
    assert village.family(home).head == FAMILY[0].name
    neighbours = village.register(None, people=(FAMILY[1], FAMILY[0])).household_id
    with village.store.read() as connection:
        stranger = family.roster(connection, neighbours)[1].id
    with village.store.write() as unit, pytest.raises(Fault, match="another adult"):
        leaving.new_head(unit, village.family(home), stranger, "death", TODAY, BY)


# Penalties, on the daily round


def test_the_round_goes_through_everybody_whose_plan_has_penalties(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(penalties, "BATCH", 2)
    with village.store.write() as unit:
        strict = replace(TERMS, penalty_percent=10)
        kept = village.place.plan
        plan_id = add_plan(unit, village.place.books.id, "strict", "Strict", "XOF", strict, TODAY)
    mild = village.register(None, people=(replace(FAMILY[0], name="Mild One"),)).household_id
    village.place = replace(village.place, plan=replace(kept, id=plan_id, code="strict", terms=strict))
    homes = [
        village.register(None, people=(replace(FAMILY[0], name=f"Adjara {letter * 2}"),)).household_id
        for letter in "abcde"
    ]
    put_money(village, homes[2], 2_100, TODAY)
    on(village, TODAY + timedelta(days=31))

    def go_round() -> list[int]:
        return list(penalties.posting(village.store, village.network, village.chart))

    assert go_round() == [1, 1, 0, 1, 1]
    assert go_round() == [0, 0, 0, 0, 0]
    # The fee of 1 000 F and the first quarter of 4 400 F fell due together.
    assert village.stands(homes[0]).left == francs(5_400 + 210)
    assert village.stands(mild).left == francs(5_400)
    put_money(village, homes[0], 2_100, TODAY)  # told of late
    assert go_round() == [1, 0, 0, 0, 0]
    assert village.balance()["penalties"] == -630
    on(village, TODAY + timedelta(days=800))
    assert go_round() == []  # nothing is told of that late
    assert is_right(village)
