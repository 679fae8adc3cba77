"""What was written down wrongly is put right: kept in the story, found by, and nothing due or covered changes."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
from sqlalchemy import select, update

from gateway.kernel.faults import Fault
from gateway.ledger.accounts import ask_statement, read_statement
from gateway.membership.changes import By
from gateway.membership.correcting import Facts, choose_household_language, choose_main_phone, correct_person
from gateway.membership.family import roster
from gateway.membership.households import add_phone, ask_enrolments, main_phones, read_enrolments
from gateway.membership.known import changes_of, language_of, phones_ever
from gateway.membership.people import Beneficiary
from gateway.membership.searching import find
from gateway.membership.timeline import stretches
from gateway.store.schema import household
from tests.membership.money import put_money
from tests.payments.village import ON_SQLITE, YEAR_DUE, Village

TODAY = date(2026, 11, 22)
BY = By(None, name="Bio Sarre")
OTHER = "+2290150000044"


def head_of(village: Village, household_id: int) -> Beneficiary:
    with village.store.read() as connection:
        return roster(connection, household_id)[0]


def correct(village: Village, household_id: int, to: Facts, beneficiary_id: int | None = None) -> Facts:
    one = head_of(village, household_id)
    with village.store.write() as unit:
        return correct_person(unit, village.family(household_id), beneficiary_id or one.id, to, BY)


def found(village: Village, typed: str) -> list[int]:
    with village.store.read() as connection:
        return [one.household_id for one in find(connection, village.network.tree(), typed).found]


def test_a_corrected_name_is_found_and_the_old_one_is_kept_in_the_story(village: Village) -> None:
    home = village.register()
    put_money(village, home.household_id, YEAR_DUE, TODAY)
    was, stands = head_of(village, home.household_id), village.stands(home.household_id)
    before = correct(village, home.household_id, Facts("Zoulikha Wambaya", "F", was.birth_year - 1))
    assert before == Facts(was.name, was.sex, was.birth_year)
    now = head_of(village, home.household_id)
    assert (now.id, now.name, now.birth_year) == (was.id, "Zoulikha Wambaya", was.birth_year - 1)
    assert found(village, "zulika wambaya") == [home.household_id]
    after = village.stands(home.household_id)
    assert (after.cover, after.left, after.advance) == (stands.cover, stands.left, stands.advance)
    with village.store.read() as connection:
        story = changes_of(connection, home.household_id, 10)
    kept = {one.note for one in story if one.kind == "corrected"}
    assert {was.name, str(was.birth_year)} <= kept
    assert {one.by for one in story} == {"Bio Sarre"}


def test_nobody_is_found_by_a_name_that_nobody_bears_any_more(village: Village) -> None:
    home = village.register()
    was = head_of(village, home.household_id)
    correct(village, home.household_id, Facts("Zoulikha Wambaya", was.sex, was.birth_year))
    with village.store.read() as connection:
        exact = [
            one for one in find(connection, village.network.tree(), was.name).found if one.why == "name"
        ]  # fmt: skip
    assert home.household_id not in [one.household_id for one in exact]


def test_nothing_is_written_where_nothing_is_different(village: Village) -> None:
    home = village.register()
    was = head_of(village, home.household_id)
    correct(village, home.household_id, Facts(was.name, was.sex, was.birth_year))
    with village.store.read() as connection:
        assert [one for one in changes_of(connection, home.household_id, 10) if one.kind == "corrected"] == []


@ON_SQLITE
@pytest.mark.parametrize(
    ("to", "why"),
    [
        (Facts("Zoulikha Wambaya", "F", 1890), "no year of birth"),
        (Facts("Zoulikha Wambaya", "F", 2027), "no year of birth"),
        (Facts("Zoulikha Wambaya", "X", 1990), "no year of birth"),
    ],
)
def test_what_cant_be_is_refused(village: Village, to: Facts, why: str) -> None:
    home = village.register()
    with pytest.raises(Fault, match=why):
        correct(village, home.household_id, to)
    with pytest.raises(Fault, match="isn't on the card"):
        correct(village, home.household_id, Facts("Zoulikha Wambaya", "F", 1990), 987_654)


@ON_SQLITE
def test_a_household_that_was_merged_is_not_changed(village: Village) -> None:
    home, other = village.register(), village.register(OTHER)
    with village.store.write() as unit:
        merged = update(household).where(household.c.id == other.household_id)
        unit.connection.execute(merged.values(merged_into_id=home.household_id))
    with pytest.raises(Fault, match="was merged before"):
        correct(village, other.household_id, Facts("Zoulikha Wambaya", "F", 1990))
    with village.store.write() as unit:
        one = village.family(other.household_id)
        with pytest.raises(Fault, match="was merged before"):
            choose_main_phone(unit, one, OTHER, BY)
        with pytest.raises(Fault, match="was merged before"):
            choose_household_language(unit, one, "en", BY)


def test_one_phone_gets_the_receipts_from_now_on(village: Village) -> None:
    home = village.register()
    one = village.family(home.household_id)
    with village.store.write() as unit:
        add_phone(unit, one.id, OTHER, BY)
        assert choose_main_phone(unit, one, OTHER, BY)
        assert main_phones(unit.connection, one.id) == [OTHER]
        assert not choose_main_phone(unit, one, OTHER, BY)
        assert not choose_main_phone(unit, one, "+2290150000099", BY)
        assert main_phones(unit.connection, one.id) == [OTHER]
        assert OTHER in phones_ever(unit.connection, one.id)
        assert [each.names_phone for each in changes_of(unit.connection, one.id, 1)] == [True]


def test_a_language_is_kept_with_what_it_was(village: Village) -> None:
    home = village.register()
    one = village.family(home.household_id)
    with village.store.write() as unit:
        before = language_of(unit.connection, one.id)
        assert choose_household_language(unit, one, "en", BY) == before
        assert choose_household_language(unit, one, "en", BY) == "en"
        assert language_of(unit.connection, one.id) == "en"
        kinds = [each.kind for each in changes_of(unit.connection, one.id, 5)]
    assert kinds.count("language") == 1


def test_time_is_as_each_days_cover_has_it(village: Village) -> None:
    """Every day of two years, one by one, is in the stretch that its cover says."""
    home = village.register()
    put_money(village, home.household_id, YEAR_DUE // 2, TODAY + timedelta(days=3))
    first, last = TODAY - timedelta(days=10), TODAY + timedelta(days=500)
    with village.store.read() as connection:
        years = read_enrolments(connection.execute(*ask_enrolments(home.household_id)).all(), "Africa/Porto-Novo")
        lines = read_statement(connection.execute(*ask_statement(home.household_id)).all())
        ids = connection.scalars(select(household.c.id)).all()
    found_ = stretches(years, lines, first, last)
    assert home.household_id in ids
    assert found_[-1].last == last
    assert all(one.last + timedelta(days=1) == then.first for one, then in itertools.pairwise(found_))
    assert all(one.state is not then.state for one, then in itertools.pairwise(found_))
    day = found_[0].first
    while day <= last:
        its = next(one for one in found_ if one.first <= day <= one.last)
        assert its.state is village.stands(home.household_id, day).cover.state, day
        day += timedelta(days=1)
    assert stretches([], lines, first, last) == []
    assert stretches(years, lines, first, first) == []
