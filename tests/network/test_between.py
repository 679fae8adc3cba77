"""Who owes whom by visits: every visit once, with the home and the agreement of its day, whatever moves afterwards."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import insert, select, update

from gateway.membership.between import between
from gateway.membership.changes import By
from gateway.membership.moves.branches import move_branch
from gateway.membership.moves.moving import move
from gateway.membership.visits import Asked, listed
from gateway.network.facilities import add_facility
from gateway.network.organisations import add_organisation
from gateway.store.schema import beneficiary, household, visit
from gateway.store.unit import Unit
from tests.conftest import DEFAULTS
from tests.payments.village import NEIGHBOUR, PAYER, Village

NOVEMBER = date(2026, 11, 1)


def test_the_table_counts_every_visit_once_and_stays_as_it_was(village: Village) -> None:
    store, network = village.store, village.network
    with store.write() as unit:
        top = add_organisation(unit, None, kind="platform", code="top", name="Platform", country="BJ")
        union = add_organisation(unit, top, kind="union", code="other", name="Other")
        beside = add_organisation(unit, union, kind="mutuelle", code="o", name="Beside", keeps_books=True)
        to, _ = add_organisation(unit, beside, kind="section", code="o-1", name="There")
    network.forget()
    with store.write() as unit:
        home = network.tree().named("m").id
        move_branch(unit, DEFAULTS, village.chart, home, top[0], NOVEMBER, "Awa")
        own = add_facility(unit, home, "own", "Own", "centre", "public", "Ouaké", agreed_on=date(2020, 1, 1))
        away = add_facility(unit, beside[0], "away", "Away", "centre", "public", "Ouaké", agreed_on=date(2020, 1, 1))
    network.forget()
    families = [village.register(PAYER), village.register(NEIGHBOUR)]

    def went(unit: Unit, family: int, facility_id: int, day: date, person: int = 0) -> None:
        who = unit.connection.scalars(
            select(beneficiary.c.id).where(beneficiary.c.household_id == family).order_by(beneficiary.c.id)
        ).all()
        unit.connection.execute(
            insert(visit).values(
                facility_id=facility_id, household_id=family, beneficiary_id=who[person], organisation_id=home,
                announced_at=datetime(day.year, day.month, day.day, 9, tzinfo=UTC), announced_on=day,
            )
        )  # fmt: skip

    first, second = (each.household_id for each in families)
    with store.write() as unit:
        for day in (NOVEMBER, date(2026, 11, 30)):
            went(unit, first, away, day)
        went(unit, first, away, date(2026, 11, 3), person=1)
        went(unit, second, own, date(2026, 11, 3))
        for day in (date(2026, 10, 31), date(2026, 12, 1)):
            went(unit, second, away, day)

    def table(month: date, under: str = "/") -> list[tuple[str, str, int, int]]:
        tree = network.tree()
        with store.read() as connection:
            found = between(connection, tree, tree.named(under).path if under != "/" else under, month)
        return [(tree[one.home_id].code, tree[one.host_id].code, one.visits, one.people) for one in found]

    expected = [("m", "o", 3, 2), ("m", "m", 1, 1)]
    assert table(NOVEMBER) == table(NOVEMBER, "m") == expected
    assert table(NOVEMBER, "o") == expected[:1]  # the other side sees what is owed to it, and nothing else
    assert [table(date(2026, month, 1)) for month in (9, 10, 12)] == [[], [("m", "o", 1, 1)], [("m", "o", 1, 1)]]
    # It agrees with the list of visits.
    with store.read() as connection:
        asked = Asked(network.tree().named("m").path, NOVEMBER, NOVEMBER + timedelta(days=29))
        assert len(listed(connection, asked, limit=100)) == sum(visits for _, _, visits, _ in expected)
    # A household that moves, one that is merged and a mutuelle that moves leave the table of the past as it was.
    with store.write() as unit:
        tree = network.tree()
        move(unit, tree, village.chart, village.family(first), tree[to], By(None, name="Awa"))
        unit.connection.execute(update(household).where(household.c.id == second).values(merged_into_id=first))
        move_branch(unit, DEFAULTS, village.chart, home, union[0], date(2026, 11, 22), "Awa")
    network.forget()
    assert table(NOVEMBER) == expected
