"""The Burundian sample holds together: numbers, people, money and cover; and it is loaded whole or goes on."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select

from gateway.kernel.card import read_card
from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.kernel.msisdn import read_msisdn
from gateway.ledger.accounts import balances, first_difference
from gateway.ledger.chart import Chart
from gateway.membership.households import by_card, by_id, enrol, register, standing
from gateway.membership.people import Person, read_name
from gateway.membership.plans import plans_for
from gateway.membership.rules import State
from gateway.network.organisations import Network, add_organisation
from gateway.network.report import Figures
from gateway.samples.bulk import Books, Bulk
from gateway.samples.burundi import MEMISA, PAMUSAB, UCODE, Published
from gateway.samples.layout import shares
from gateway.samples.numbers import BI_STAFF_PLACE, OUAKE_PLACE, card_of
from gateway.samples.pamusab import Loaded, load_network, load_pamusab
from gateway.store.schema import (
    account,
    beneficiary,
    entry,
    household,
    line,
    membership,
    organisation,
    phone,
    plan,
    service_code,
    staff,
)
from gateway.store.unit import Store, Unit
from tests.samples.helpers import DEFAULTS, Load, Sample, quiet, report

SMALL = Published("pamusab", "PAMUSAB", (MEMISA,))
TWO = Published("pamusab", "PAMUSAB", (MEMISA, UCODE))
LATE_2020 = date(2020, 12, 20)  # nobody waits any more, no year is over


@pytest.fixture
def people(loaded: Load) -> Sample:
    """2020 alone on one database, for what is drawn before any database is asked; both hold the same, says a test."""
    return loaded("postgresql", 2020)


# --- numbers and people -----------------------------------------------------------------------------------------------


def test_every_card_is_valid_and_no_two_are_the_same(both_years: Sample) -> None:
    with both_years.store.read() as connection:
        cards = connection.scalars(select(household.c.card)).all()
    assert [read_card(card) for card in cards] == cards
    assert len(set(cards)) == len(cards) == 26_383  # 17 345, and 20 312 - 11 274 who came in 2020


def test_every_phone_is_a_burundian_mobile(people: Sample) -> None:
    with people.store.read() as connection:
        phones = connection.execute(select(phone.c.msisdn, phone.c.household_id)).all()
        staffs = connection.scalars(select(staff.c.msisdn)).all()
    numbers = {row.msisdn for row in phones}
    assert {one for one in (*numbers, *staffs) if read_msisdn(one, "BI") != one} == set()
    assert len(set(staffs)) == len(staffs)
    assert not numbers & set(staffs)
    with_phone = len({row.household_id for row in phones})
    assert 0.80 < with_phone / 20_312 < 0.95, "most households have a phone, not all"
    assert 500 < len(phones) - len(numbers) < 2_500, "some share one"


def test_everybody_counted_is_on_a_card(people: Sample) -> None:
    with people.store.read() as connection:
        rows = connection.execute(
            select(beneficiary.c.household_id, beneficiary.c.relation, beneficiary.c.name, beneficiary.c.birth_year)
        ).all()
        counted = {
            row[0]: row[1] for row in connection.execute(select(membership.c.household_id, membership.c.beneficiaries))
        }
    assert Counter(row.household_id for row in rows) == counted
    heads = Counter(row.household_id for row in rows if row.relation == "head")
    assert set(heads.values()) == {1}
    assert len(heads) == 20_312
    assert {row.name for row in rows if read_name(row.name) != row.name} == set()
    assert min(row.birth_year for row in rows if row.relation != "parent") > 1940
    assert max(row.birth_year for row in rows) <= 2020
    assert max(row.birth_year for row in rows if row.relation in ("head", "spouse", "parent")) <= 2002


def test_the_tree_is_of_uneven_depth_and_in_89_communes(only_2020: Sample) -> None:
    tree = only_2020.network.tree()
    root = tree.named("pamusab")
    assert Counter(one.kind for one in tree.by_id.values()) == {
        "platform": 1, "promoter": 5, "union": 12, "mutuelle": 40, "section": 85,
    }  # fmt: skip
    assert {len(tree.upward(one.id)) for one in tree.sections} == {3, 4}
    places = {(one.district, one.name.split(" ", 1)[1]) for one in tree.sections}
    assert len(places) == 89
    assert len({district for district, _ in places}) == 18, "in every province"
    assert {(one.country, one.currency, one.time_zone, one.languages) for one in tree.sections} == {
        ("BI", "BIF", "Africa/Bujumbura", ("fr", "rn", "en", "sw"))
    }
    assert all(one.merchant_code for one in tree.sections)
    assert tree.codes["*384*257#"].organisation_id == root.id


def test_sections_differ_in_size(people: Sample) -> None:
    with people.store.read() as connection:
        counts = connection.scalars(select(func.count()).select_from(household).group_by(household.c.section_id)).all()
    assert max(counts) > 4 * sorted(counts)[len(counts) // 2]
    assert min(counts) < sorted(counts)[len(counts) // 2] / 3


@pytest.mark.long
def test_both_databases_hold_the_same_people(loaded: Load) -> None:
    def digest(sample: Sample) -> str:
        with sample.store.read() as connection:
            rows = connection.execute(
                select(household.c.card, beneficiary.c.name, beneficiary.c.birth_year, beneficiary.c.relation)
                .join(beneficiary, beneficiary.c.household_id == household.c.id)
                .order_by(household.c.card, beneficiary.c.id)
            ).all()
        return hashlib.sha256(repr([tuple(row) for row in rows]).encode()).hexdigest()

    assert digest(loaded("sqlite", 2020)) == digest(loaded("postgresql", 2020))


# --- money and cover --------------------------------------------------------------------------------------------------


def test_the_ledger_holds(both_years: Sample) -> None:
    with both_years.store.read() as connection:
        assert first_difference(connection) is None
        found = balances(connection)
    assert {one.currency for one in found} == {"BIF"}
    by_role = Counter[str]()
    for one in found:
        by_role[one.role] += one.amount_minor
    assert by_role.keys() == {"receivable", "income", "cash"}
    assert 0.80 < by_role["cash"] / -by_role["income"] < 0.95, "recovery of contributions"


def test_only_what_keeps_books_has_accounts(only_2020: Sample) -> None:
    tree = only_2020.network.tree()
    with only_2020.store.read() as connection:
        owners = set(connection.scalars(select(account.c.organisation_id)))
    assert owners == {one.books_id for one in tree.sections}
    assert all(tree[one].keeps_books for one in owners)


def test_every_year_owes_what_its_plan_asks(both_years: Sample) -> None:
    """Counted from the plans' columns: the registration fee is owed once, by those who are new."""
    with both_years.store.read() as connection:
        rows = connection.execute(
            select(
                membership.c.household_id,
                membership.c.starts_on,
                membership.c.beneficiaries,
                plan.c.registration_fee_minor,
                plan.c.household_minor,
                plan.c.beneficiary_minor,
                func.sum(line.c.amount_minor).label("owed"),
                func.count().label("dues"),
                plan.c.instalments,
            )
            .join(plan, plan.c.id == membership.c.plan_id)
            .join(line, line.c.membership_id == membership.c.id)
            .group_by(membership.c.id, plan.c.id)
            .order_by(membership.c.starts_on)
        ).all()
    assert len(rows) == 17_345 + 20_312
    known: set[int] = set()
    for row in rows:
        fee = 0 if row.household_id in known else row.registration_fee_minor
        assert row.owed == fee + row.household_minor + row.beneficiary_minor * row.beneficiaries
        assert row.dues == row.instalments
        known.add(row.household_id)


def _standings(sample: Sample, on: date, every: int) -> dict[int, State]:
    tree = sample.network.tree()
    with sample.store.read() as connection:
        ids = connection.scalars(select(household.c.id).order_by(household.c.id)).all()[::every]
        return {one: standing(connection, by_id(connection, tree, one), on).cover.state for one in ids}


def test_most_are_covered_and_some_are_not(only_2020: Sample) -> None:
    states = Counter(_standings(only_2020, LATE_2020, 40).values())
    assert 0.75 < (states[State.ACTIVE] + states[State.GRACE]) / states.total() < 0.97
    assert states[State.UNPAID] > 0
    assert states[State.SUSPENDED] > 0
    assert states[State.WAITING] == states[State.NONE] == 0


def test_cover_says_what_the_cash_says(only_2020: Sample) -> None:
    """Counted from the cash entries alone: who paid all is covered to the end, who paid nothing is not."""
    tree = only_2020.network.tree()
    with only_2020.store.read() as connection:
        roles = {row[0]: row[1] for row in connection.execute(select(account.c.id, account.c.role))}
        owed, paid = Counter[int](), Counter[int]()
        for account_id, household_id, amount in connection.execute(
            select(line.c.account_id, line.c.household_id, line.c.amount_minor).where(line.c.household_id % 97 == 0)
        ):
            if roles[account_id] == "receivable":
                (owed if amount > 0 else paid)[household_id] += abs(amount)
        seen = Counter[str]()
        for household_id, due in owed.items():
            now = standing(connection, by_id(connection, tree, household_id), LATE_2020)
            assert now.left == Money(due - paid[household_id], "BIF")
            if paid[household_id] == due:
                seen["all"] += 1
                ends_on = connection.scalar(
                    select(membership.c.ends_on).where(membership.c.household_id == household_id)
                )
                assert (now.cover.state, now.cover.until) == (State.ACTIVE, ends_on)
            elif not paid[household_id]:
                seen["nothing"] += 1
                assert now.cover.state is State.UNPAID
    assert seen["all"] > 100
    assert seen["nothing"] > 2


def test_who_renews_in_time_waits_no_more(both_years: Sample) -> None:
    with both_years.store.read() as connection:
        rows = connection.execute(
            select(
                membership.c.household_id, membership.c.starts_on, membership.c.waiting_days, membership.c.enrolled_at
            ).order_by(membership.c.starts_on)
        ).all()
    years: dict[int, list[tuple[date, int, date]]] = {}
    for household_id, starts_on, waiting_days, enrolled_at in rows:
        years.setdefault(household_id, []).append((starts_on, waiting_days, enrolled_at.date()))
    renewals = [both[1] for both in years.values() if len(both) == 2]
    assert len(renewals) == 11_274
    assert all(waiting > 0 for one in years.values() for _, waiting, _ in one[:1])
    # The shortest grace of the three plans is 45 days.
    assert {waiting for starts_on, waiting, on in renewals if on < starts_on + timedelta(days=45)} == {0}
    assert 0 < sum(1 for _, waiting, _ in renewals if waiting) < len(renewals) / 5


# --- loading ----------------------------------------------------------------------------------------------------------


def test_a_year_is_loaded_once(only_2020: Sample) -> None:
    with pytest.raises(Fault, match=r"^PAMUSAB of 2020 is already there$"):
        load_pamusab(only_2020.store, only_2020.network, 2020)


def test_an_earlier_year_is_not_put_under_a_later_one(only_2020: Sample) -> None:
    with pytest.raises(Fault, match="2019 can only be loaded before it"):
        load_pamusab(only_2020.store, only_2020.network, 2019)


def test_another_scale_is_not_mixed_in(only_2020: Sample) -> None:
    with pytest.raises(Fault, match="another scale was loaded"):
        load_pamusab(only_2020.store, only_2020.network, 2020, scale=2)


@pytest.mark.parametrize(
    ("year", "scale", "says"), [(2021, 1, "not for 2021"), (2020, 0, "not 0"), (2020, 51, "not 51")]
)
def test_what_cannot_be_loaded(pg_store: Store, year: int, scale: int, says: str) -> None:
    with pytest.raises(Fault, match=says):
        load_pamusab(pg_store, Network(pg_store, None), year, scale)  # type: ignore[arg-type]


def test_progress_is_told_up_to_the_total(store: Store, network: Network) -> None:
    told: list[tuple[int, int, str]] = []
    load_network(store, network, SMALL, 2020, 1, lambda *said: told.append(said))
    assert [done for done, _, _ in told] == sorted({done for done, _, _ in told})
    assert told[-1][:2] == (536, 536)
    assert {what for _, _, what in told} == {section.name for section in MEMISA.sections}


def test_twice_the_scale_is_twice_everything(store: Store, network: Network) -> None:
    loaded = load_network(store, network, SMALL, 2019, 2, quiet)
    assert (loaded.sections, loaded.households, loaded.beneficiaries) == (8, 1_372, 7_774)
    assert report(store, network, 2019).total.now == Figures(8, 1_372, 7_774)
    load_network(store, network, SMALL, 2020, 2, quiet)
    found = report(store, network, 2020).total
    assert (found.now, found.before, found.renewed) == (Figures(8, 1_072, 5_352), Figures(8, 1_372, 7_774), 782)
    with store.read() as connection:
        cards = connection.scalars(select(household.c.card)).all()
        assert len(set(cards)) == 1_372 + 290
        assert first_difference(connection) is None


def test_the_largest_scale_runs_out_of_no_numbers() -> None:
    last = shares(PAMUSAB, 50)[-1].groups["join"]
    assert last.first_place + last.households < BI_STAFF_PLACE < OUAKE_PLACE


class Died(Exception):
    """The machine stops here."""


@pytest.mark.parametrize("years", [(2020,), (2019, 2020)])
def test_a_load_that_died_is_taken_up_where_it_stopped(store: Store, network: Network, years: tuple[int, ...]) -> None:
    for year in years[:-1]:
        load_network(store, network, SMALL, year, 1, quiet)
    told: list[str] = []

    def die(done: int, total: int, what: str) -> None:
        told.append(what)
        if len(set(told)) == 6 and told.count(what) == 2:
            raise Died

    with pytest.raises(Died):
        load_network(store, network, SMALL, 2020, 1, die)
    assert report(store, network, 2020).total.now.sections == 5, "nothing is left of the sixth"
    again = load_network(store, network, SMALL, 2020, 1, quiet)
    assert again.sections == 3
    assert report(store, network, 2020).total.now == Figures(8, 536, 2_676)
    with store.read() as connection:
        assert first_difference(connection) is None
    with pytest.raises(Fault, match="already there"):
        load_network(store, network, SMALL, 2020, 1, quiet)


def test_two_loads_at_once_put_nothing_in_twice(store: Store, network: Network) -> None:
    load_network(store, network, SMALL, 2019, 1, quiet)
    with ThreadPoolExecutor(max_workers=1) as pool:
        others: list[Future[Loaded]] = []

        def another(done: int, total: int, what: str) -> None:
            if not others:  # while the first section isn't committed yet
                others.append(pool.submit(load_network, store, Network(store, DEFAULTS), SMALL, 2020, 1, quiet))
                time.sleep(0.3)

        one = load_network(store, network, SMALL, 2020, 1, another)
        other = others[0].result()
    assert report(store, network, 2020).total.now == Figures(8, 536, 2_676)
    assert (one.sections + other.sections, one.households + other.households) == (8, 536)


def test_a_half_loaded_year_is_not_built_upon(store: Store, network: Network) -> None:
    def die(done: int, total: int, what: str) -> None:
        if done > 100:
            raise Died

    with pytest.raises(Died):
        load_network(store, network, SMALL, 2019, 1, die)
    with pytest.raises(Fault, match="load 2019 again to its end first"):
        load_network(store, network, SMALL, 2020, 1, quiet)


def test_a_short_code_that_others_answer_is_left_to_them(store: Store, network: Network) -> None:
    with store.write() as unit:
        other, _ = add_organisation(unit, None, kind="union", code="other", name="Other")
        unit.connection.execute(service_code.insert().values(code="*384*257#", organisation_id=other))
    with pytest.raises(Fault, match="already answers for another"):
        load_network(store, network, SMALL, 2020, 1, quiet)


def test_a_card_that_somebody_has_stays_theirs(store: Store, network: Network) -> None:
    load_network(store, network, SMALL, 2019, 1, quiet)
    section = network.tree().named("memisa-kirundo")
    with store.write() as unit:  # the cards that UCODE's first households would get
        unit.connection.execute(
            household.insert(),
            [
                {"card": card_of(place), "section_id": section.id, "registered_at": unit.now}
                for place in range(831, 841)
            ],
        )
    load_network(store, network, TWO, 2019, 1, quiet)
    assert report(store, network, 2019).total.now == Figures(15, 1_656, 8_948)


def test_registering_goes_on_after_a_load(store: Store, network: Network) -> None:
    load_network(store, network, SMALL, 2020, 1, quiet)
    tree = network.tree()
    section = tree.named("memisa-kirundo")
    with store.write() as unit:
        plan = plans_for(unit.connection, tree, section.id, date(2026, 11, 22))[0]
        new = register(unit, tree, Chart(), section.id, plan, [Person("Aline Nibizi", "F", 1990, "head")], None, "rn")
    with store.read() as connection:
        one = by_card(connection, tree, new.card)
        assert one is not None
        assert standing(connection, one, date(2026, 11, 22)).left == Money(6_500, "BIF")


def test_the_bulk_writes_what_a_registration_writes(store: Store, network: Network) -> None:
    """The same household, registered by the program and written in bulk: the same rows but for their ids."""
    load_network(store, network, SMALL, 2019, 1, quiet)
    tree = network.tree()
    section = tree.named("memisa-kirundo")
    people = [Person("Aline Nibizi", "F", 1990, "head"), Person("Léa Toyi", "F", 2015, "child")]
    first, second = date(2019, 2, 11), date(2020, 1, 20)
    with store.write() as unit:
        plan = plans_for(unit.connection, tree, section.id, first)[0]
        chart = Chart()
        then = Unit(unit.connection, datetime(2019, 2, 11, 9, tzinfo=UTC))
        by_hand = register(then, tree, chart, section.id, plan, people, "+25763000001", "rn").household_id
        later = Unit(unit.connection, datetime(2020, 1, 20, 9, tzinfo=UTC))
        enrol(later, tree, chart, by_hand, section.id, plan, 2, second)
        books = Books(section.id, section.books_id, chart.of(unit, section.books_id, "BIF"))
        bulk = Bulk(unit, 1)
        in_bulk = bulk.register(section.id, card_of(1_000_000), "rn", people, ["+25763000001"], first)
        bulk.enrol(in_bulk, books, plan, 2, first, newcomer=True, waiting_days=60)
        bulk.enrol(in_bulk, books, plan, 2, second, newcomer=False, waiting_days=0)
        bulk.flush()

    def rows(one: int) -> list[object]:
        own: list[object] = []
        with store.read() as connection:
            for table, left_out in (
                (household, {"id", "card"}),
                (beneficiary, {"id", "household_id"}),
                (phone, {"household_id"}),
                (membership, {"id", "household_id"}),
            ):
                columns = [column for column in table.c if column.name not in left_out]
                key = table.c.id if table is household else table.c.household_id
                own += [tuple(row) for row in connection.execute(select(*columns).where(key == one).order_by(*columns))]
            own += [
                tuple(row)
                for row in connection.execute(
                    select(
                        line.c.account_id, line.c.due_on, line.c.amount_minor, membership.c.starts_on,
                        entry.c.organisation_id, entry.c.journal, entry.c.currency, entry.c.happened_on,
                        entry.c.recorded_at, entry.c.key == "dues:" + func.cast(membership.c.id, entry.c.key.type),
                    )
                    .join(entry, entry.c.id == line.c.entry_id)
                    .outerjoin(membership, membership.c.id == line.c.membership_id)
                    .where(line.c.household_id == one)
                    .order_by(entry.c.happened_on, line.c.amount_minor, line.c.due_on)
                )
            ]  # fmt: skip
        return own

    assert len(rows(by_hand)) == 1 + 2 + 1 + 2 + 6
    assert rows(by_hand) == rows(in_bulk)


def test_organisations_are_named_for_a_small_screen(people: Sample) -> None:
    with people.store.read() as connection:
        names = connection.scalars(select(organisation.c.name)).all()
    assert max(len(name) for name in names) <= 30
    assert len(set(names)) == len(names)
