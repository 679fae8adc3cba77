"""A database with money in it goes back a version and forward again, and nothing of it is lost."""

from __future__ import annotations

from sqlalchemy import func, select, text

from gateway.store import migrate
from gateway.store.schema import metadata
from tests.payments.village import Village


def _rows(village: Village) -> dict[str, int]:
    with village.store.read() as connection:
        return {
            name: connection.scalar(select(func.count()).select_from(table)) or 0
            for name, table in metadata.tables.items()
        }


def test_what_was_paid_survives_the_way_back(office: Village) -> None:
    family = office.register()
    office.give(family.household_id, office.hire("animator", "+2290100000902"))
    office.push(family.household_id, 500)
    before, balance = _rows(office), office.balance()
    assert (before["cash_taking"], before["collection_event"]) == (1, 5)

    for version in ("0003", "0002"):
        migrate.downgrade(office.store.engine, version)
        with office.store.read() as connection:
            assert connection.scalar(text("select count(*) from collection where household_id is not null")) == 2
        migrate.upgrade(office.store.engine)
        assert _rows(office) == before
        assert office.balance() == balance


def test_what_a_group_was_asked_for_goes_to_its_first_household_in_the_older_version(office: Village) -> None:
    family = office.register()
    key = office.pay(family.household_id, 500)
    with office.store.write() as unit:
        unit.connection.execute(
            text(
                "insert into payer_group (id, organisation_id, code, name, rule)"
                " values (7, :books, 'coop', 'Coopérative', 'equal')"
            ),
            {"books": office.place.books.id},
        )
        unit.connection.execute(
            text("insert into payer_group_member (group_id, household_id) values (7, :household)"),
            {"household": family.household_id},
        )
        unit.connection.execute(text("update collection set household_id = null, group_id = 7"))
    migrate.downgrade(office.store.engine, "0003")
    migrate.upgrade(office.store.engine)
    assert office.shown(key).household_id == family.household_id
