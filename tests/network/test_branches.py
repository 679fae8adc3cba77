"""A section, a mutuelle or a union moves to another union: history, cover and money hold, or nothing has happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from sqlalchemy import func, insert, select

from gateway.indicators.figures import figures
from gateway.indicators.periods import Period
from gateway.indicators.rows import source_rows
from gateway.kernel.clock import FixedClock
from gateway.kernel.faults import Fault
from gateway.ledger.accounts import first_difference, statement_of
from gateway.locale import Say
from gateway.membership.changes import By
from gateway.membership.moves.branches import Moved, carry_left, move_branch, would_move
from gateway.membership.moves.moving import move
from gateway.membership.recomputing import first_wrong_due
from gateway.network.organisations import Network, Organisation, Tree, add_below, add_organisation
from gateway.network.places import as_it_was, misplaced, steps_of
from gateway.store.schema import (
    account,
    collection,
    entry,
    group_movement,
    handover,
    household,
    household_change,
    line,
    organisation_move,
    payer_group,
    wallet,
)
from gateway.store.unit import Store
from tests.conftest import DEFAULTS
from tests.membership.money import put_money
from tests.payments.village import NEIGHBOUR, ON_SQLITE, YEAR_DUE, Village, at_once, found

TODAY = date(2026, 11, 22)
BY = "Bio Sarre"


@dataclass
class Unions:
    """Two unions of one platform: in the first the village's mutuelle, in the second another one with its own books."""

    village: Village
    store: Store
    network: Network

    @property
    def tree(self) -> Tree:
        self.network.forget()
        return self.network.tree()

    def named(self, code: str) -> Organisation:
        return self.tree.named(code)

    def move(self, code: str, under: str, since: date = TODAY, by: str = BY) -> Moved:
        tree = self.tree
        with self.store.write() as unit:
            return move_branch(unit, DEFAULTS, self.village.chart, tree.named(code).id, tree.named(under).id, since, by)

    def stands(self, code: str, role: str) -> int:
        """What stands on an account of somebody's books."""
        with self.store.read() as connection:
            query = (
                select(func.coalesce(func.sum(line.c.amount_minor), 0))
                .join(account, account.c.id == line.c.account_id)
                .where(account.c.organisation_id == self.named(code).id, account.c.role == role)
            )
            return int(connection.scalar(query) or 0)

    def whole(self) -> None:
        """Nothing in the ledger or the tree contradicts itself."""
        with self.store.read() as connection:
            assert first_difference(connection) is None
            assert first_wrong_due(connection) is None
            assert misplaced(connection) is None


@pytest.fixture
def unions(store: Store, network: Network, clock: FixedClock) -> Unions:
    with store.write() as unit:
        top = add_organisation(unit, None, kind="platform", code="top", name="Platform", country="BJ")
        north = add_organisation(unit, top, kind="union", code="north", name="North", quiet_from=21, quiet_until=6)
        south = add_organisation(unit, top, kind="union", code="south", name="South", merchant_code="555")
        add_organisation(unit, top, kind="union", code="kenya", name="Kenya", currency="KES", keeps_books=True)
        other = add_organisation(unit, south, kind="mutuelle", code="o", name="Other", keeps_books=True)
        add_organisation(unit, other, kind="section", code="o-1", name="Other village")
    network.forget()
    village = Village(store, network, clock, found(store, network, above=north))
    return Unions(village, store, network)


def test_a_mutuelle_with_books_moves_and_nothing_in_them_does(unions: Unions) -> None:
    home = unions.village.register()
    put_money(unions.village, home.household_id, YEAR_DUE, TODAY)
    before, balance = unions.village.stands(home.household_id), unions.village.balance()
    with unions.store.read() as connection:
        entries = connection.scalar(select(func.count()).select_from(entry))
    done = unions.move("m", "south", date(2026, 11, 1))
    assert (done.carried, done.would.organisations, done.would.sections, done.would.households) == ((), 2, 1, 1)
    assert {(each.name, each.before, each.after) for each in done.would.changes} == {
        ("quiet", "21-6", "20-7"),
        ("merchant_code", "", "555"),
    }
    tree = unions.tree
    assert tree.named("m-1").path == f"{tree.named('south').path}{tree.named('m').id}/{tree.named('m-1').id}/"
    assert tree.named("m-1").merchant_code == "555"
    assert (unions.village.stands(home.household_id), unions.village.balance()) == (before, balance)
    with unions.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(entry)) == entries
    unions.whole()


def test_the_tree_of_an_earlier_day_is_told_through_several_moves(unions: Unions) -> None:
    unions.move("m", "south", date(2026, 3, 1))
    with unions.store.write() as unit:
        tree = unions.tree
        add_below(unit, tree.named("top"), code="p", name="Promoter", kind="promoter")
    unions.move("south", "p", date(2026, 6, 1))
    unions.move("m", "north", date(2026, 9, 1))
    expected = {
        date(2026, 2, 28): "north", date(2026, 3, 1): "south", date(2026, 5, 31): "south",
        date(2026, 6, 1): "south", date(2026, 8, 31): "south", date(2026, 9, 1): "north",
    }  # fmt: skip
    with unions.store.read() as connection:
        for day, above in expected.items():
            then = as_it_was(connection, DEFAULTS, day)
            assert then[then.named("m").parent_id or 0].code == above, day
            assert then.named("m-1").under(then.named(above)), day
            assert then.named("m").under(then.named("p")) == (date(2026, 6, 1) <= day < date(2026, 9, 1)), day
            assert then.named("m-1").quiet_from == (21 if above == "north" else 20)
        now = unions.tree
        assert [each.since.month for each in steps_of(connection, now.named("m").id, now.named("m").path)] == [3, 9]
    unions.whole()


def test_a_section_goes_to_other_books_with_what_stands_on_its_households(unions: Unions) -> None:
    village = unions.village
    ahead, owing = village.register(), village.register(NEIGHBOUR)
    put_money(village, ahead.household_id, YEAR_DUE + 1_000, TODAY)
    put_money(village, owing.household_id, 5_000, TODAY)
    before = [village.stands(each.household_id) for each in (ahead, owing)]
    with unions.store.read() as connection:
        dues = [statement_of(connection, each.household_id).dues for each in (ahead, owing)]
    money = unions.stands("m", "wallet") + unions.stands("m", "cash")
    done = unions.move("m-1", "o")
    [carried] = done.carried
    left = YEAR_DUE - 5_000
    assert (carried.households, carried.owed.minor) == (2, 1_000 - left)
    for code, sign in (("m", -1), ("o", 1)):
        assert unions.stands(code, "between") == sign * (1_000 - left)
    assert (unions.stands("m", "receivable"), unions.stands("m", "advance")) == (0, 0)
    assert (unions.stands("o", "receivable"), unions.stands("o", "advance")) == (left, -1_000)
    assert unions.stands("m", "wallet") + unions.stands("m", "cash") == money  # the money itself stays where it is
    for each, was in zip((ahead, owing), before, strict=True):
        now = village.stands(each.household_id)
        assert (now.cover, now.left, now.advance) == (was.cover, was.left, was.advance)
    with unions.store.read() as connection:
        assert [statement_of(connection, each.household_id).dues for each in (ahead, owing)] == dues
    unions.whole()
    # What is paid from now on is counted in the new books, and nothing of it stands against the old ones.
    put_money(village, owing.household_id, left, TODAY, books="o")
    assert village.stands(owing.household_id).left.minor == 0
    assert unions.stands("o", "receivable") == 0
    unions.whole()


def test_what_a_section_paid_before_it_moved_counts_where_it_is_now(unions: Unions) -> None:
    village = unions.village
    home = village.register()
    put_money(village, home.household_id, 5_000, TODAY)

    def told(code: str) -> dict[str, tuple[int | None, int | None]]:
        with unions.store.read() as connection:
            found = figures(connection, unions.tree, unions.named(code), Period(2026))
        return {one.name: (one.numerator, one.denominator) for one in found if one.name != "sections"}

    section, whole, none = told("m-1"), told("top"), told("o")
    assert section["recovery:XOF"][0] == 5_000
    unions.move("m-1", "o")
    assert (told("m-1"), told("top")) == (section, whole)
    assert told("o")["recovery:XOF"] == told("south")["recovery:XOF"] == section["recovery:XOF"]
    assert told("m")["recovery:XOF"] == none["recovery:XOF"] == (0, 0)
    with unions.store.read() as connection:
        sheet = source_rows(connection, unions.tree, unions.named("south"), Period(2026), "recovery", Say("en"))
        assert sum(row[4] for row in sheet.rows if row[1] != "Due") == 5_000  # type: ignore[misc]


def test_what_comes_late_into_the_old_books_is_carried_after(unions: Unions) -> None:
    village = unions.village
    home = village.register()
    unions.move("m-1", "o")
    put_money(village, home.household_id, 5_000, TODAY, books="m")
    assert unions.stands("m", "receivable") == -5_000
    with unions.store.write() as unit:
        [carried] = carry_left(unit, unions.tree, village.chart, unions.named("m-1"))
    assert (carried.owed.minor, unions.stands("m", "receivable")) == (5_000, 0)
    assert unions.stands("o", "receivable") == YEAR_DUE - 5_000
    with unions.store.write() as unit:
        assert carry_left(unit, unions.tree, village.chart, unions.named("south")) == ()
    unions.whole()


@pytest.mark.parametrize(
    ("code", "under", "since", "told"),
    [
        ("m", "m", TODAY, "can't move below itself"),
        ("north", "m-1", TODAY, "can't move below itself"),
        ("m", "north", TODAY, "is below North already"),
        ("m-1", "o-1", TODAY, "can't stand here"),
        ("south", "m", TODAY, "can't stand here"),
        ("o", "m-1", TODAY, "can't stand here"),
        ("m", "south", TODAY + timedelta(days=1), "lies ahead"),
        ("o-1", "kenya", TODAY, "money isn't changed by a move"),
        ("m-1", "south", TODAY, "nobody keeps books at South"),
    ],
)
@ON_SQLITE
def test_what_can_t_be_is_one_line_and_nothing_half_done(
    unions: Unions, code: str, under: str, since: date, told: str
) -> None:
    before = {each.code: each for each in unions.tree.by_id.values()}
    with pytest.raises(Fault, match=told) as refused:
        unions.move(code, under, since)
    assert "\n" not in str(refused.value)
    assert {each.code: each for each in unions.tree.by_id.values()} == before
    tree = unions.tree
    with unions.store.read() as connection, pytest.raises(Fault, match=told):
        would_move(connection, DEFAULTS, tree.named(code).id, tree.named(under).id, since, unions.village.clock.now())


@ON_SQLITE
def test_a_move_older_than_the_last_one_is_refused(unions: Unions) -> None:
    unions.move("m", "south", date(2026, 6, 1))
    with pytest.raises(Fault, match="2026-06-01"):
        unions.move("m", "north", date(2026, 5, 31))


@ON_SQLITE
@pytest.mark.parametrize("what", ["payment", "cash", "handover", "group"])
def test_what_is_open_in_the_old_books_is_finished_first(unions: Unions, what: str) -> None:
    village = unions.village
    home, tree = village.register(), unions.tree
    if what == "payment":
        village.pay(home.household_id)
    elif what == "cash":
        village.give(home.household_id, village.hire("animator", organisation_id=village.place.section_id), 500)
    else:
        who = village.hire("animator", organisation_id=village.place.section_id)
        with unions.store.write() as unit:
            if what == "handover":
                unit.connection.execute(
                    insert(handover).values(
                        organisation_id=tree.named("m").id, staff_id=who.id, amount_minor=500, currency="XOF",
                        state="open", made_at=unit.now,
                    )
                )  # fmt: skip
        if what == "group":
            village.give(home.household_id, village.treasurer, 500)
            with unions.store.write() as unit:
                unit.connection.execute(
                    insert(payer_group).values(
                        organisation_id=village.place.section_id, code="coton", name="Coton", rule="due"
                    )
                )
                unit.connection.execute(
                    insert(group_movement).values(
                        key="g", group_id=unit.connection.scalar(select(payer_group.c.id)),
                        organisation_id=tree.named("m").id,
                        collection_id=unit.connection.scalar(select(collection.c.id)), kind="rest", amount_minor=5,
                        currency="XOF", happened_on=TODAY, at=unit.now,
                    )
                )  # fmt: skip
    with pytest.raises(Fault, match=r"on its way|cash|group Coton"):
        unions.move("m-1", "o")
    assert unions.named("m-1").parent_id == unions.named("m").id
    assert unions.move("m", "south").carried == ()  # its own books go along: nothing has to be finished


def test_two_people_at_once(unions: Unions) -> None:
    """One of the two moves it, and the other is told; whoever moves something below it meanwhile finds it."""

    def one() -> str:
        try:
            unions.move("m", "south")
        except Fault as fault:
            return str(fault)
        return "moved"

    assert sorted(str(each) for each in at_once(3, one))[2:] == ["moved"]
    with unions.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(organisation_move)) == 1
    unions.whole()


def test_a_household_moves_to_another_mutuelle_with_cover_and_money(unions: Unions) -> None:
    village = unions.village
    home = village.register()
    put_money(village, home.household_id, 5_000, TODAY)
    before, tree = village.stands(home.household_id), unions.tree
    with unions.store.write() as unit:
        to = tree.named("o-1")
        move(unit, tree, village.chart, village.family(home.household_id), to, By(None, name=BY))
    now = village.stands(home.household_id)
    assert (now.cover, now.left, now.household.section_id) == (before.cover, before.left, to.id)
    assert unions.stands("m", "receivable") == 0
    assert unions.stands("o", "receivable") == YEAR_DUE - 5_000
    with unions.store.read() as connection:
        assert connection.execute(select(household_change.c.note)).scalar_one() == "m-1 > o-1"
    unions.whole()


@ON_SQLITE
def test_a_household_with_money_on_its_way_waits(unions: Unions) -> None:
    village = unions.village
    home, tree = village.register(), unions.tree
    village.pay(home.household_id)
    with unions.store.write() as unit, pytest.raises(Fault, match="on its way"):
        move(unit, tree, village.chart, village.family(home.household_id), tree.named("o-1"), By(None, name=BY))
    with unions.store.read() as connection:
        assert connection.scalar(select(household.c.section_id)) == tree.named("m-1").id


@ON_SQLITE
def test_books_kept_only_because_nobody_above_did_go_on(unions: Unions) -> None:
    """A mutuelle that counts for itself because nobody above does, goes on so below somebody who keeps books."""
    with unions.store.write() as unit:
        free = add_organisation(unit, None, kind="mutuelle", code="free", name="Free", country="BJ")
        keeper = add_organisation(unit, None, kind="union", code="keeper", name="Keeper", keeps_books=True)
        add_organisation(unit, keeper, kind="section", code="k-1", name="K")
        unit.connection.execute(
            insert(wallet).values(
                organisation_id=free[0], operator="mtn", currency="XOF", role="wallet", delay_hours=24
            )
        )
    unions.move("free", "keeper")
    assert unions.named("free").books_id == unions.named("free").id
