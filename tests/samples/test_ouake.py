"""The Beninese sample: a small union as it could stand today, with a household in every state."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import phonenumbers
import pytest
from phonenumbers import carrier
from sqlalchemy import func, select

from gateway.kernel.card import read_card
from gateway.kernel.clock import FixedClock
from gateway.kernel.faults import Fault
from gateway.kernel.msisdn import read_msisdn
from gateway.ledger.accounts import balances, first_difference
from gateway.membership import pins
from gateway.membership.households import by_id, by_phone, standing
from gateway.membership.plans import plans_for
from gateway.membership.rules import State
from gateway.network.facilities import districts, in_district
from gateway.network.organisations import Network
from gateway.network.staff import everybody, roles_of
from gateway.samples.burundi import MEMISA, Published
from gateway.samples.ouake import load_ouake
from gateway.samples.pamusab import load_network
from gateway.store.schema import beneficiary, entry, household, phone, pin, staff
from gateway.store.unit import Store
from tests.samples.helpers import quiet, report


def _states(store: Store, network: Network) -> Counter[State]:
    tree = network.tree()
    today = store.clock.now().date()
    with store.read() as connection:
        ids = connection.scalars(select(household.c.id)).all()
        return Counter(standing(connection, by_id(connection, tree, one), today).cover.state for one in ids)


# Days that are awkward for counting months back from, besides the one on which the other tests stand.
@pytest.mark.parametrize("later", [0, 98, 464])
def test_there_is_a_household_in_every_state(store: Store, network: Network, clock: FixedClock, later: int) -> None:
    clock.move(timedelta(days=later))
    load_ouake(store, network)
    assert _states(store, network) == {
        State.ACTIVE: 62, State.WAITING: 14, State.UNPAID: 8, State.GRACE: 18, State.SUSPENDED: 12, State.LAPSED: 6,
    }  # fmt: skip
    with store.read() as connection:
        assert first_difference(connection) is None
        assert connection.scalar(select(func.max(entry.c.happened_on))) <= clock.now().date()


def test_the_union_and_what_belongs_to_it(store: Store, network: Network) -> None:
    told: list[tuple[int, int, str]] = []
    loaded = load_ouake(store, network, lambda *said: told.append(said))
    assert (loaded.sections, loaded.households, loaded.beneficiaries, loaded.facilities) == (16, 120, 598, 9)
    assert told[-1][:2] == (120, 120)
    tree = network.tree()
    union = tree.named("ucms-ouake")
    assert (union.name, union.kind) == ("Union Communale des Mutuelles de Santé de Ouaké", "union")
    assert (union.country, union.currency, union.time_zone) == ("BJ", "XOF", "Africa/Porto-Novo")
    assert union.languages == ("fr", "en")
    assert tree.codes["*384*229#"].organisation_id == union.id
    mutuelles = [one for one in tree.by_id.values() if one.kind == "mutuelle"]
    assert [one.name for one in sorted(mutuelles, key=lambda one: one.id)] == [
        "Mutuelle Ouaké", "Mutuelle Anandana", "Mutuelle Séméré 2", "Mutuelle Bariénou", "Mutuelle Brénou",
    ]  # fmt: skip
    assert all(one.keeps_books for one in mutuelles)
    assert all(2 <= len(tree.sections_under(one.id)) <= 4 for one in mutuelles)
    today = store.clock.now().date()
    with store.read() as connection:
        for section in tree.sections:
            assert [one.code for one in plans_for(connection, tree, section.id, today)] == ["famille"]
        staffs = connection.execute(select(staff.c.role, staff.c.organisation_id)).all()
        assert connection.scalar(select(func.count()).select_from(beneficiary)) == 598
        assert {one.role for one in balances(connection)} == {
            "receivable", "income", "cash", "subsidiser", "subsidies",
        }  # fmt: skip
    assert [one.organisation_id for one in staffs if one.role == "animator"] == [union.id]
    assert {one.organisation_id for one in staffs if one.role == "treasurer"} == {one.id for one in mutuelles}
    assert [one.organisation_id for one in staffs if one.role == "adviser"] == [union.id]


def test_numbers_are_valid_and_a_phone_finds_its_household(store: Store, network: Network) -> None:
    load_ouake(store, network)
    with store.read() as connection:
        cards = connection.scalars(select(household.c.card)).all()
        phones = connection.scalars(select(phone.c.msisdn)).all()
        staffs = connection.scalars(select(staff.c.msisdn)).all()
        found = Counter(len(by_phone(connection, network.tree(), one)) for one in set(phones))
    assert len({read_card(card) for card in cards}) == 120
    assert [read_msisdn(one, "BJ") for one in phones] == phones
    assert 80 < len(phones) < 120
    assert found.keys() == {1, 2} or found.keys() == {1, 2, 3}, "some are shared"
    names = Counter(carrier.name_for_number(phonenumbers.parse(one), "en") for one in phones)
    assert names.keys() == {"MTN", "Moov"}
    assert {carrier.name_for_number(phonenumbers.parse(one), "en") for one in staffs} == {"MTN"}
    assert not set(phones) & set(staffs)


def test_there_is_care_in_every_mutuelles_district(store: Store, network: Network) -> None:
    load_ouake(store, network)
    tree, today = network.tree(), store.clock.now().date()
    union = tree.named("ucms-ouake")
    with store.read() as connection:
        places = districts(connection, tree, union.path, today)
        found = [one for place in places for one in in_district(connection, union.path, place, today, 50)]
        agents = [one for one in everybody(connection) if one.role == "agent"]
    assert places == ["Anandana", "Bariénou", "Brénou", "Ouaké", "Séméré 2"]
    assert set(places) == {one.district for one in tree.sections}
    assert len(found) == 9
    assert {one.kind for one in found} == {"hospital", "centre", "clinic", "pharmacy"}
    assert {one.ownership for one in found} == {"public", "private", "faith"}
    assert 2 <= len(found) / len(agents) <= 3
    own = {one.id: one.organisation_id for one in found}
    assert len({one.facility_id for one in agents}) == len(agents)
    assert all(own[one.facility_id or 0] == one.organisation_id for one in agents)


def test_each_phone_to_try_opens_with_its_pin(store: Store, network: Network) -> None:
    loaded = load_ouake(store, network)
    with store.read() as connection:
        staffs = [one.msisdn for one in everybody(connection)]
        roles = {one.msisdn: [each.role for each in roles_of(connection, one.msisdn)] for one in loaded.to_try}
        sharing = by_phone(connection, network.tree(), loaded.to_try[-1].msisdn)
        locked = [one.id for one in sharing if pins.has_pin(connection, pins.of_household(one.id))]
        # All but the administrator, who has no menu on the phone, and one household.
        assert connection.scalar(select(func.count()).select_from(pin)) == len(staffs) - 1 + 1
    assert list(roles.values()) == [["animator"], ["treasurer"], ["agent"], []]
    assert (len(staffs), len(sharing), len(locked)) == (12, 2, 1)
    holders = [*(pins.of_staff(one.msisdn) for one in loaded.to_try[:-1]), pins.of_household(locked[0])]
    with store.write() as unit:
        for holder, one in zip(holders, loaded.to_try, strict=True):
            assert pins.check(unit, holder, one.msisdn, one.pin) == pins.Checked("right")
            assert pins.check(unit, holder, one.msisdn, "9173").answer == "wrong"
        for msisdn in set(staffs) - {loaded.office["administrator"]}:
            assert pins.has_pin(unit.connection, pins.of_staff(msisdn))


def test_it_is_loaded_once(store: Store, network: Network) -> None:
    load_ouake(store, network)
    with pytest.raises(Fault, match=r"^the union of Ouaké is already there$"):
        load_ouake(store, network)
    assert _states(store, network).total() == 120


def test_both_samples_fit_into_one_database(store: Store, network: Network) -> None:
    load_ouake(store, network)
    load_network(store, network, Published("pamusab", "PAMUSAB", (MEMISA,)), 2020, 1, quiet)
    assert report(store, network, 2020).total.now.households == 536
    year = store.clock.now().year
    union = [report(store, network, one, "ucms-ouake").total.now.households for one in (year, year - 1)]
    assert sum(union) >= 120
    with store.read() as connection:
        assert {one.currency for one in balances(connection)} == {"XOF", "BIF"}
