"""A mutuelle with families that came from others' books, or went there, leaves by itself: cover, dues, books hold."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway.exchange.fhir.exporting import everything
from gateway.exchange.fhir.resources import Names
from gateway.exchange.leaving import loading
from gateway.exchange.leaving.dumping import MANIFEST
from gateway.kernel.clock import FixedClock
from gateway.ledger.accounts import balances
from gateway.ledger.chain import seal_all
from gateway.ledger.chart import Chart
from gateway.ledger.closing import Closed, close_month
from gateway.membership import categories, family, leaving, renewal, subsidies
from gateway.membership.changes import By
from gateway.membership.merging import merge, same_people
from gateway.membership.moves.branches import carry_left, move_branch
from gateway.membership.moves.late import carrying_late
from gateway.membership.moves.moving import move
from gateway.membership.people import Person
from gateway.network.organisations import Network, add_organisation
from gateway.store.schema import collection, entry, household
from gateway.store.tracing import COMMAND
from gateway.store.unit import Store
from tests.conftest import DEFAULTS
from tests.exchange.test_dump import dumped, elsewhere, holds, standings
from tests.exchange.test_software import paid_in
from tests.membership.money import put_money
from tests.payments.deeds import group_of, on_suspense
from tests.payments.test_groups import posted
from tests.payments.village import NEIGHBOUR, ON_SQLITE, PAYER, YEAR_DUE, Village, found

__all__ = ["elsewhere"]  # a fixture

BY = By(None, name="Bio Sarre")
BABY = Person("Chabi Tchédré", "M", 2020, "child")
OWN = {"m": ("m-1",), "n": ("n-1", "m-2")}
HOME = "+2290100000401"  # of a family that never moved


@pytest.fixture
def world(store: Store, network: Network, clock: FixedClock) -> Village:
    """Two mutuelles below a union, and families that went from one to the other in every way there is."""
    with store.write() as unit:
        above = add_organisation(unit, None, kind="union", code="u", name="Union", country="BJ", currency="XOF",
                                 time_zone="Africa/Porto-Novo", languages="fr")  # fmt: skip
    other = found(store, network, above=above, code="n", treasurer="+2290100000903")
    one = Village(store, network, clock, found(store, network, above=above))
    with store.write() as unit:
        tree = network.tree()
        own = one.place.books
        add_organisation(unit, (own.id, own.path), kind="section", code="m-2", name="Sèmèrè")
        project = categories.add_subsidiser(unit, own.id, "project", "Projet")
        poor = categories.add_category(unit, own.id, "vulnerable", "Vulnérable")
        categories.add_tariff(unit, one.place.plan.id, poor, beneficiary_minor=2_001, subsidy_percent=75,
                              subsidiser_id=project)  # fmt: skip
    network.forget()
    clock.at -= timedelta(days=600)
    home = one.register(HOME).household_id
    came, stays, born_there, walks = (one.register(f"+22901000004{number}").household_id for number in (11, 12, 13, 14))
    twin, again = one.register(PAYER).household_id, one.register(NEIGHBOUR).household_id
    back, gone = (one.register(f"+22901000005{number:02d}").household_id for number in (1, 2))
    kept, lost = (one.register(f"+22901000007{number:02d}").household_id for number in (1, 2))
    moved(one, lost, "m-2")
    native = Village(store, network, clock, other).register("+2290100000601").household_id
    posted(one, on_suspense(one, 4_000), group_of(one, [came, stays, home, walks]))
    one.push(came, 300)
    one.give(came, one.treasurer, 200)
    put_money(one, back, YEAR_DUE, day(one))
    put_money(one, again, 1_500, day(one))
    put_money(one, native, 5_000, day(one), books="n")
    born(one, gone)
    born(one, native)
    with store.write() as unit:
        pairs = same_people(unit.connection, one.family(twin), one.family(again))
        merge(unit, network.tree(), one.chart, one.family(twin), one.family(again), pairs, BY, registered_twice=True)
        twins = (one.family(kept), one.family(lost))
        pairs = same_people(unit.connection, *twins)
        merge(unit, network.tree(), one.chart, *twins, pairs, BY, registered_twice=True)
        categories.put_into(unit, network.tree(), came, "vulnerable", None, "Assemblée", "the list")
        leaving.leave(unit, network.tree(), one.chart, one.family(gone), day(one), "departure", BY)
    clock.at += timedelta(days=360)
    for each in (came, back, native):
        renewed(one, each)
    clock.at += timedelta(days=20)
    with store.write() as unit:
        subsidies.make_invoice(unit, subsidies.subsidiser_named(unit.connection, "project"), day(one), "Bio Sarre")
    for each, code in ((came, "n-1"), (born_there, "n-1"), (twin, "n-1"), (back, "n-1"), (gone, "n-1"),
                       (native, "m-1"), (stays, "m-2"), (walks, "m-2")):  # fmt: skip
        moved(one, each, code)
    tree = network.tree()
    with store.write() as unit:
        move_branch(unit, DEFAULTS, one.chart, tree.named("m-2").id, tree.named("n").id, day(one), "Bio Sarre")
    network.forget()
    moved(one, back, "m-1")
    moved(one, walks, "m-1")
    for code in ("m", "n"):
        tree = network.tree()
        assert isinstance(close_month(store, tree, tree.named(code), date(2025, 4, 1), "Bio Sarre"), Closed)
    born(one, born_there)
    put_money(one, born_there, 4_000, day(one), books="n")
    put_money(one, native, 2_000, day(one), books="m")
    put_money(one, came, 500, day(one), books="m")  # told of late
    with store.write() as unit:
        carry_left(unit, network.tree(), one.chart, network.tree().named("n"))
    return one


def day(village: Village) -> date:
    return village.clock.now().date()


def moved(village: Village, household_id: int, code: str) -> None:
    tree = village.network.tree()
    with village.store.write() as unit:
        move(unit, tree, village.chart, village.family(household_id), tree.named(code), BY)


def born(village: Village, household_id: int) -> None:
    with village.store.write() as unit:
        tree, one = village.network.tree(), village.family(household_id)
        family.add(unit, tree, village.chart, one, BABY, "arrival", day(village), BY)


def renewed(village: Village, household_id: int) -> None:
    with village.store.write() as unit:
        tree, one = village.network.tree(), village.family(household_id)
        offer = renewal.renewal_for(unit.connection, tree, one, day(village))
        assert offer is not None
        assert renewal.renew(unit, tree, village.chart, one, offer.plan.id, BY) is not None


def rows(files: Mapping[str, bytes], name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files[f"{name}.csv"].decode(), newline="")))


def paid_by(store: Store) -> dict[str, int]:
    """How many payments of each card are known."""
    with store.read() as connection:
        cards = select(household.c.card, func.count(collection.c.id)).join(collection).group_by(household.c.card)
        return {row[0]: row[1] for row in connection.execute(cards)}


def own_balances(store: Store, code: str) -> Mapping[tuple[str, str], int]:
    tree = Network(store, DEFAULTS).tree()
    with store.read() as connection:
        return {(one.role, one.currency): one.amount_minor for one in balances(connection, tree.named(code).path)}


@pytest.mark.parametrize("code", ["m", "n"])
def test_a_mutuelle_leaves_by_itself_with_families_that_came_from_others(
    world: Village, elsewhere: Store, clock: FixedClock, tmp_path: Path, code: str
) -> None:
    seal_all(world.store)
    holds(world.store)
    files = dumped(world.store, code, tmp_path / "one.zip")
    loading.load(elsewhere, tmp_path / "one.zip", COMMAND)
    holds(elsewhere)
    merged: list[list[tuple[str, int | None]]] = []
    later, payments = FixedClock(clock.now() + timedelta(days=200)), paid_by(world.store)
    for section in OWN[code]:
        then = standings(world.store, clock, section)
        assert standings(elsewhere, clock, section) == then != {}
        assert standings(elsewhere, later, section) == standings(world.store, later, section)
        assert {card: paid_by(elsewhere).get(card) for card in then} == {card: payments.get(card) for card in then}
    for place in (world.store, elsewhere):
        tree = Network(place, DEFAULTS).tree()
        with place.read() as connection:
            here = household.c.section_id.in_([one.id for one in tree.sections_under(tree.named(code).id)])
            cards = select(household.c.card, household.c.merged_into_id).where(here).order_by(household.c.card)
            merged.append([(row.card, row.merged_into_id) for row in connection.execute(cards)])
    assert merged[0] == merged[1]
    assert own_balances(elsewhere, code) == own_balances(world.store, code)
    tree, names = Network(elsewhere, DEFAULTS).tree(), Names.below("https://cotisa.invalid")
    with elsewhere.read() as connection:  # who has moved away is a card without people there
        told = dict(everything(connection, tree, tree.named("u"), names, clock.now()))
    assert set(told) == {"Group", "Patient", "Coverage"}
    again = dumped(elsewhere, code, tmp_path / "again.zip")
    own = set(files) - {MANIFEST, "seal.csv", "period.csv"}
    assert {name for name in own if files[name] != again[name]} == set()


@ON_SQLITE
def test_desk_payments_that_were_taken_in_are_known_after_a_load(
    world: Village, elsewhere: Store, clock: FixedClock, tmp_path: Path
) -> None:
    """The software hands its file in once more, where the mutuelle is now: nobody has paid twice."""
    tree = world.network.tree()
    with world.store.read() as connection:
        card = connection.scalar(select(household.c.card).where(household.c.section_id == tree.named("m-1").id))
    today = day(world).isoformat()
    rows = [("V-1", str(card), today, "700"), ("V-2", "999999999", today, "500")]
    assert paid_in(world, tmp_path, *rows).counts == {"new": 1, "suspense": 1}
    dumped(world.store, "m", tmp_path / "m.zip")
    loading.load(elsewhere, tmp_path / "m.zip", COMMAND)
    there = Village(elsewhere, Network(elsewhere, DEFAULTS), clock, world.place, chart=Chart())
    assert paid_in(there, tmp_path, *rows).counts == {"same": 2}
    assert paid_in(there, tmp_path, ("V-1", str(card), today, "900")).counts == {"wrong": 1}


def test_the_past_of_a_family_brings_nothing_else_of_others(
    world: Village, elsewhere: Store, clock: FixedClock, tmp_path: Path
) -> None:
    """Entries that stand on several families are cut down to those that live here."""
    with world.store.read() as connection:
        home = world.family(int(connection.scalar(select(func.min(household.c.id))) or 0))
    files = dumped(world.store, "n", tmp_path / "n.zip")
    assert home.card not in {row["card"] for row in rows(files, "household")}
    assert HOME.encode() not in b"".join(files.values())
    tree = world.network.tree()
    own = {str(one.id) for one in tree.by_id.values() if one.under(tree.named("n"))}
    assert {row["organisation_id"] for row in rows(files, "period")} <= own
    assert {row["organisation_id"] for row in rows(files, "staff")} <= own
    here = {row["id"] for row in rows(files, "household") if row["section_id"] in own}
    past = {row["id"]: row["key"] for row in rows(files, "entry") if row["organisation_id"] not in own}
    of_past = [row for row in rows(files, "line") if row["entry_id"] in past]
    assert {row["household_id"] for row in of_past} - {""} <= here
    with world.store.read() as connection:
        [cut] = [key for key in past.values() if key.startswith("merged:")]
        assert connection.scalar(select(func.count()).select_from(entry).where(entry.c.key == cut)) == 1
    merged = [row for row in of_past if past[row["entry_id"]] == cut]
    assert sorted(bool(row["household_id"]) for row in merged) == [False, True]
    loading.load(elsewhere, tmp_path / "n.zip", COMMAND)
    network = Network(elsewhere, DEFAULTS)
    with elsewhere.read() as connection:
        before = connection.scalar(select(func.count()).select_from(entry))
    sum(carrying_late(elsewhere, network, Chart()))  # nothing is left in others' books
    with elsewhere.read() as connection:
        assert connection.scalar(select(func.count()).select_from(entry)) == before
    holds(elsewhere)
