"""The cover of everybody is what the phone says of each, however the households are read, shared out and counted."""

from __future__ import annotations

import csv
import itertools
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, event, insert

from benchmarks.fill import TODAY as FILLED_ON
from benchmarks.fill import fill
from gateway.kernel.faults import Fault
from gateway.membership import family, renewal
from gateway.membership.changes import By
from gateway.membership.everyone import Count, HouseholdCover, added, count, everyone, shares
from gateway.membership.households import beneficiaries_of, by_id, standing
from gateway.membership.people import Person
from gateway.membership.plans import add_plan
from gateway.membership.rules import State
from gateway.membership.visits import who_is_covered
from gateway.network.organisations import Network, add_organisation
from gateway.store.schema import household, metadata
from gateway.store.unit import Store
from tests.membership.money import put_money
from tests.payments.commands import Run, on_database_of
from tests.payments.village import FAMILY, FIRST_DUE, ON_SQLITE, TERMS, YEAR_DUE, Village

TODAY = date(2026, 11, 22)
BY = By("+2290100000101")
NUMBERS = itertools.count()


def move_to(village: Village, day: date) -> None:
    village.clock.move(day - village.clock.now().date())


def today(village: Village) -> date:
    return village.clock.now().date()


def register(village: Village, size: int = 4) -> int:
    """A family that nobody takes for another; its id."""
    head = replace(FAMILY[0], name=f"Adjara {next(NUMBERS)}")
    return village.register(None, people=(head, *FAMILY[1:size])).household_id


def other_section(village: Village, code: str = "m-2") -> int:
    """Another village of the mutuelle, where families register from now on."""
    books = village.place.books
    with village.store.write() as unit:
        section_id, _ = add_organisation(unit, (books.id, books.path), kind="section", code=code, name=code.upper())
    village.network.forget()
    village.place = replace(village.place, section_id=section_id)
    return section_id


def joins(village: Village, home: int) -> None:
    person, day = Person(f"Assana {'abcdefghij'[next(NUMBERS) % 10]}ro", "F", 1995, "spouse"), today(village)
    with village.store.write() as unit:
        family.add(unit, village.network.tree(), village.chart, village.family(home), person, "marriage", day, BY)


def leaves(village: Village, home: int) -> None:
    with village.store.write() as unit:
        last = family.roster(unit.connection, home)[-1]
        if last.relation != "head":
            family.remove(unit, village.family(home), last.id, "departure", today(village), BY)


def renews(village: Village, home: int) -> None:
    with village.store.write() as unit:
        one = by_id(unit.connection, village.network.tree(), home)
        renewal.renew(unit, village.network.tree(), village.chart, one, village.place.plan.id, BY)


def live(village: Village, random: Random, homes: list[int], months: int) -> None:
    """Time passes: families register, pay, grow, shrink and renew, or don't."""
    for _ in range(months):
        move_to(village, today(village) + timedelta(days=random.randint(20, 40)))
        homes += [register(village, random.randint(1, 4)) for _ in range(random.randint(0, 2))]
        for home in homes:
            drawn = random.random()
            if drawn < 0.35:
                put_money(village, home, random.choice((700, 2_900, FIRST_DUE, YEAR_DUE)), today(village))
            elif drawn < 0.5:
                joins(village, home)
            elif drawn < 0.55:
                leaves(village, home)
            elif drawn < 0.8:
                renews(village, home)


def found(village: Village, on: date, path: str = "/", batch: int = 3) -> list[HouseholdCover]:
    with village.store.read() as connection:
        return list(everyone(connection, village.network.tree(), on, path, batch=batch))


# --- the same as the phone says ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2])
def test_everybody_is_as_the_phone_says(village: Village, seed: int) -> None:
    random, homes = Random(seed), [register(village) for _ in range(4)]
    other_section(village)
    homes += [register(village), register(village)]
    live(village, random, homes, 18)
    for day in (today(village), today(village) + timedelta(days=45)):
        every = found(village, day)
        assert [one.household_id for one in every] == sorted(homes)
        for one in every:
            stands = village.stands(one.household_id, day)
            assert (one.cover, one.left) == (stands.cover, stands.left)
            with village.store.read() as connection:
                phone = who_is_covered(connection, village.network.tree(), stands.household, day)
                assert one.people == len(beneficiaries_of(connection, one.household_id))
            assert one.covered == sum(each.covered for each in phone.people)
    seen = {one.cover.state for one in every}
    assert {State.ACTIVE, State.GRACE, State.UNPAID} <= seen  # the seeds give something to compare
    assert any(0 < one.covered < one.people for one in every)


def test_what_the_benchmark_measures_is_the_same(store: Store, network: Network, database_url: str) -> None:
    """Its households are written without the ledger's guards; their books hold all the same, and cover follows."""
    fill(store, database_url, 60)
    with store.read() as connection:
        every = list(everyone(connection, network.tree(), FILLED_ON, batch=25))
        assert len(every) == 60
        for one in every:
            stands = standing(connection, by_id(connection, network.tree(), one.household_id), FILLED_ON)
            assert (one.cover, one.left, one.people) == (stands.cover, stands.left, stands.beneficiaries)
    assert {State.ACTIVE, State.SUSPENDED, State.UNPAID} <= {one.cover.state for one in every}


def test_a_day_that_has_passed_is_seen_as_it_was(village: Village) -> None:
    random, homes = Random(7), [register(village) for _ in range(5)]
    live(village, random, homes, 11)
    day = today(village)
    before = found(village, day)
    move_to(village, day + timedelta(days=1))
    homes += [register(village)]
    live(village, random, homes, 4)
    assert found(village, day) == before
    assert len(found(village, today(village))) > len(before)


def test_a_household_is_there_from_its_first_day(village: Village) -> None:
    home = register(village)
    assert found(village, TODAY - timedelta(days=1)) == []
    [one] = found(village, TODAY)
    assert (one.household_id, one.cover.state, one.people, one.covered) == (home, State.UNPAID, 4, 0)


@ON_SQLITE
def test_a_household_without_a_membership_is_there_too(village: Village) -> None:
    with village.store.write() as unit:
        row = {"card": "100000007", "section_id": village.place.section_id, "registered_at": unit.now}
        unit.connection.execute(insert(household).values(row))
    [one] = found(village, TODAY)
    assert (one.cover.state, one.people, one.left.currency) == (State.NONE, 0, "XOF")


# --- how they are read ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_batches_leave_nobody_out(village: Village, batch: int) -> None:
    """Households of two sections, registered in turn."""
    one_section, path = village.place.section_id, village.network.tree()[village.place.section_id].path
    two = other_section(village)
    homes = []
    for section_id in (one_section, two, one_section, two, two, one_section, one_section):
        village.place = replace(village.place, section_id=section_id)
        homes.append((register(village), section_id))
    assert [(one.household_id, one.section_id) for one in found(village, TODAY, batch=batch)] == homes
    own = [home for home, section_id in homes if section_id == one_section]
    assert [one.household_id for one in found(village, TODAY, path, batch)] == own
    assert found(village, TODAY, "/999/", batch) == []
    with village.store.read() as connection:
        parts = shares(connection, 3)
        tree = village.network.tree()
        read = [list(everyone(connection, tree, TODAY, share=part, batch=batch)) for part in parts]
    assert sorted(one.household_id for part in read for one in part) == [home for home, _ in homes]
    assert added(map(count, read)) == count(found(village, TODAY))


def test_nobody_is_read_before_their_turn(village: Village) -> None:
    for _ in range(7):
        register(village)
    asked: list[str] = []
    with village.store.read() as connection:
        every = everyone(connection, village.network.tree(), TODAY, batch=3)
        first = next(every)
        # Between two households, others go on writing; who registers now isn't among those that are read.
        newest = register(village) if village.store.is_postgresql else 0
        event.listen(village.store.engine, "before_cursor_execute", lambda *each: asked.append(each[2]))
        rest = list(itertools.islice(every, 2))
        assert asked == []
        rest += every
    assert len({first.household_id, *(one.household_id for one in rest)}) == 7
    assert newest not in [one.household_id for one in rest]


@given(first=st.integers(1, 50), ids=st.integers(1, 60), number=st.integers(1, 20))
def test_shares_are_all_of_it_once(first: int, ids: int, number: int) -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        metadata.create_all(connection, [household])
        ends = [{"id": each, "card": str(each), "section_id": 1} for each in {first, first + ids - 1}]
        for end in ends:
            connection.execute(insert(household).values(**end, registered_at=datetime(2026, 11, 22, tzinfo=UTC)))
        parts = shares(connection, number)
    engine.dispose()
    assert [each for after, last in parts for each in range(after + 1, last + 1)] == list(range(first, first + ids))
    sizes = [last - after for after, last in parts]
    assert len(parts) <= number
    assert max(sizes) - min(sizes) <= 1


def test_of_nobody_there_is_nothing(village: Village) -> None:
    assert found(village, TODAY) == []
    with village.store.read() as connection:
        assert shares(connection, 4) == []


# --- counting, and the commands ---------------------------------------------------------------------------------------


@pytest.fixture
def run(village: Village, monkeypatch: pytest.MonkeyPatch) -> Run:
    return on_database_of(village, monkeypatch)


@pytest.fixture
def homes(village: Village) -> list[int]:
    """In one section a family that has paid nothing and one that has paid its year; in the other one that began to."""
    unpaid, paid = register(village), register(village)
    other_section(village)
    behind = register(village, 3)
    put_money(village, paid, YEAR_DUE, TODAY)
    put_money(village, behind, FIRST_DUE, TODAY)
    return [unpaid, paid, behind]


LATER = TODAY + timedelta(days=40)  # the waiting period is over


@pytest.mark.parametrize("processes", ["1", "2"])
def test_they_are_counted_by_organisation_and_state(
    village: Village, homes: list[int], run: Run, processes: str
) -> None:
    given = json.loads(run("cover", "count", "--at", "m", "--on", str(LATER), "--processes", processes, "--json"))
    assert (given["at"], given["on"]) == ("m", str(LATER))
    one, two = given["organisations"]
    assert [one["code"], two["code"]] == ["m-1", "m-2"]
    assert one["states"]["active"] == {"households": 1, "people": 4, "covered": 4, "left_minor": {"XOF": 0}}
    assert one["states"]["unpaid"] == {"households": 1, "people": 4, "covered": 0, "left_minor": {"XOF": YEAR_DUE}}
    assert (two["households"], two["people"], two["covered"]) == (1, 3, 3)
    assert set(one["states"]) == {state.value for state in State}
    total = given["total"]
    assert (total["households"], total["people"], total["covered"]) == (3, 11, 7)
    assert total["left_minor"] == {"XOF": one["left_minor"]["XOF"] + two["left_minor"]["XOF"]}


@ON_SQLITE
def test_the_count_as_text(homes: list[int], run: Run) -> None:
    shown = run("cover", "count", "--on", str(LATER)).splitlines()
    assert shown[0].split("  ")[0] == "organisation"
    assert [line.split()[0] for line in shown[1:]] == ["m", "all"]  # the roots, where none is named
    assert "1 (4)" in shown[1]
    assert shown[1].endswith("F")
    [_, section, total] = run("cover", "count", "--at", "m-2", "--on", str(LATER)).splitlines()
    assert (section.split()[0], total.split()[0]) == ("m-2", "all")


@ON_SQLITE
def test_several_currencies_are_not_added_up(village: Village, homes: list[int], run: Run) -> None:
    with village.store.write() as unit:
        books = add_organisation(unit, None, kind="mutuelle", code="g", name="Dalaba", country="GN", currency="GNF",
                                 keeps_books=True)  # fmt: skip
        section_id, _ = add_organisation(unit, books, kind="section", code="g-1", name="Ditinn")
        plan_id = add_plan(unit, books[0], "famille", "Famille", "GNF", TERMS, date(2020, 1, 1))
    village.network.forget()
    plan = replace(village.place.plan, id=plan_id, organisation_id=books[0], currency="GNF")
    village.place = replace(village.place, section_id=section_id, plan=plan)
    register(village)
    left = json.loads(run("cover", "count", "--on", str(TODAY), "--json"))["total"]["left_minor"]
    assert left == {"XOF": YEAR_DUE + 6_300, "GNF": YEAR_DUE}
    assert run("cover", "count", "--on", str(TODAY)).splitlines()[-1].endswith("  12,600 FG, 18,900 F")


def test_they_are_listed_by_state(village: Village, homes: list[int], run: Run) -> None:
    on = ("--on", str(LATER))
    listed = json.loads(run("cover", "list", *on, "--json"))
    assert [one["card"] for one in listed] == [village.family(home).card for home in homes]
    assert listed[0]["cover"]["state"] == "unpaid"
    assert listed[0]["left_minor"] == YEAR_DUE
    assert (listed[2]["section"], listed[2]["people"], listed[2]["covered"]) == ("m-2", 3, 3)
    active = json.loads(run("cover", "list", *on, "--state", "active", "--json"))
    assert active == [one for one in listed if one["cover"]["state"] == "active"]
    assert len(json.loads(run("cover", "list", *on, "--state", "active", "--state", "unpaid", "--json"))) == 3
    assert json.loads(run("cover", "list", *on, "--state", "waiting", "--json")) == []
    assert len(json.loads(run("cover", "list", "--at", "m-2", *on, "--json"))) == 1
    text = run("cover", "list", *on, "--state", "unpaid").splitlines()
    assert len(text) == 2
    assert text[1].split()[3] == "unpaid"
    assert "Adjara" not in run("cover", "list", *on) + run("cover", "list", *on, "--json")


@ON_SQLITE
def test_the_list_as_a_file(village: Village, homes: list[int], run: Run, tmp_path: Path) -> None:
    with village.store.write() as unit:
        books = (village.place.books.id, village.place.books.path)
        add_organisation(unit, books, kind="section", code="m-3", name="=1+1")
    village.network.forget()
    village.place = replace(village.place, section_id=village.network.tree().named("m-3").id)
    register(village)
    out = tmp_path / "cover.csv"
    said = run("cover", "list", "--on", str(LATER), "--csv", str(out), "--language", "en")
    assert said == f"{out}: 4 households, as of {LATER}\n"
    heads, *rows = csv.reader(out.read_text(encoding="utf-8").splitlines(), delimiter=";")
    assert heads[:3] == ["Card", "Section", "Cover"]
    assert rows[0][2:] == ["not paid", "", "", str(YEAR_DUE), "XOF", "4", "0"]
    assert rows[1][2:5] == ["covered", "2026-12-22", "2027-11-21"]
    assert rows[3][1] == "'=1+1"
    with pytest.raises(Fault, match="either"):
        run("cover", "list", "--csv", str(out), "--json")
    with pytest.raises(Fault, match="no organisation"):
        run("cover", "list", "--at", "nowhere")


@ON_SQLITE
def test_who_was_overdue_before_cover_began_has_no_days_of_it(village: Village, run: Run) -> None:
    """Enough came after the days of grace of what was due then: cover is suspended, and never was."""
    home, late = register(village), TODAY + timedelta(days=200)
    put_money(village, home, FIRST_DUE, late)
    on = ("--on", str(late + timedelta(days=40)), "--at", "m-1")
    [one] = json.loads(run("cover", "list", *on, "--json"))
    assert (one["cover"]["state"], one["covered"]) == ("suspended", 0)
    assert one["cover"]["begins_on"] > one["cover"]["until"]
    [_, line] = run("cover", "list", *on).splitlines()
    assert line.split()[3:5] == ["suspended", "8,700"]


def test_counts_add_up() -> None:
    one = Count(1, 4, 3, {"XOF": 100})
    assert one + Count(2, 5, 0, {"GNF": 7, "XOF": 1}) == Count(3, 9, 3, {"XOF": 101, "GNF": 7})
    key, other = (1, State.ACTIVE), (2, State.ACTIVE)
    assert added([{key: one}, {key: one, other: one}]) == {key: one + one, other: one}


def test_today_is_that_of_the_organisation(village: Village, homes: list[int], run: Run) -> None:
    """Unless told, and by the machine's clock: a day begins in the Line Islands before it ends in Samoa."""
    with village.store.write() as unit:
        for code, zone in (("early", "Pacific/Kiritimati"), ("late", "Pacific/Pago_Pago")):
            add_organisation(unit, None, kind="mutuelle", code=code, name=code, country="BJ", time_zone=zone)
    early, late = (json.loads(run("cover", "count", "--at", code, "--json"))["on"] for code in ("early", "late"))
    assert early > late
