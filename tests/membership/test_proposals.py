"""Categories by the community: proposed, printed, validated and applied, each household once, and nothing before."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy import func, select, update

from gateway.kernel.faults import Fault
from gateway.locale import Say
from gateway.membership import leaving, renewal
from gateway.membership.categories import add_category, add_subsidiser, add_tariff, history_of, put_into
from gateway.membership.changes import By
from gateway.membership.proposals.applying import (
    Decided,
    apply_all,
    counts_of,
    from_next_year,
    go_on,
    printed,
    start,
    validate,
)
from gateway.membership.proposals.impact import impact_of, totals_of
from gateway.membership.proposals.lists import ProposedRow, proposal_with, proposals, rows_of, story_of
from gateway.membership.proposals.paper import proposal_pdf
from gateway.membership.proposals.proposing import (
    Wanted,
    WrongRows,
    add_rows,
    propose,
    read_list,
    remove_row,
    withdraw,
)
from gateway.membership.proposals.states import EDGES, State, drawing
from gateway.network.organisations import add_organisation
from gateway.payments.statements.plain_tables import tables
from gateway.store.schema import household, household_category
from tests.membership.money import put_money
from tests.payments.deeds import three_families
from tests.payments.village import ON_SQLITE, YEAR_DUE, Village, at_once, francs

TODAY = date(2026, 11, 22)
WITNESSES = ("Alassane Sarre", "Mariam Tchédré")


@dataclass
class Meeting:
    """Three families, two categories, and what is done with lists of them."""

    village: Village
    homes: list[int]

    def propose(self, *codes: str) -> int:
        with self.village.store.write() as unit:
            tree = self.village.network.tree()
            its_id = propose(unit, tree, self.village.place.section_id, "Awanla 2027", "Bio Sarre")
            wanted = [
                Wanted(row, self.card(home), code, "a widow with four", "chef du village")
                for row, (home, code) in enumerate(zip(self.homes, codes, strict=False), 1)
            ]
            add_rows(unit, tree, its_id, wanted)
        return its_id

    def card(self, home: int) -> str:
        return self.village.family(home).card

    def print(self, its_id: int) -> None:
        with self.village.store.write() as unit:
            printed(unit, its_id, "Bio Sarre")

    def validate(self, its_id: int, *said: Decided, by: str = "Bio Sarre", on: date = TODAY,
                 witnesses: Sequence[str] = WITNESSES) -> None:  # fmt: skip
        with self.village.store.write() as unit:
            decisions = dict(zip(self.homes, said, strict=False))
            validate(unit, self.village.network.tree(), its_id, by, on, witnesses, decisions)

    def start(self, its_id: int, by: str = "Rafiou Gounou", on: date = TODAY) -> None:
        with self.village.store.write() as unit:
            start(unit, self.village.network.tree(), its_id, by, on)

    def go_on(self, its_id: int) -> bool:
        with self.village.store.write() as unit:
            return go_on(unit, self.village.network.tree(), its_id)

    def apply(self, its_id: int) -> None:
        list(apply_all(self.village.store, self.village.network, its_id))

    def rows(self, its_id: int) -> list[ProposedRow]:
        with self.village.store.read() as connection:
            return rows_of(connection, its_id)

    def state(self, its_id: int) -> State:
        with self.village.store.read() as connection:
            return proposal_with(connection, its_id).state

    def codes(self) -> list[list[str | None]]:
        """In which categories each family was put, the newest first."""
        with self.village.store.read() as connection:
            return [[one.code for one in history_of(connection, home)] for home in self.homes]


@pytest.fixture
def meeting(village: Village) -> Meeting:
    homes = three_families(village)
    own, plan_id = village.place.books.id, village.place.plan.id
    with village.store.write() as unit:
        project = add_subsidiser(unit, own, "project", "Projet")
        state = add_subsidiser(unit, own, "state", "État")
        vulnerable = add_category(unit, own, "vulnerable", "Vulnérable")
        indigent = add_category(unit, own, "indigent", "Indigent")
        add_tariff(unit, plan_id, vulnerable, subsidy_percent=75, subsidiser_id=project)
        add_tariff(unit, plan_id, indigent, subsidy_percent=100, subsidiser_id=state)
    return Meeting(village, homes)


YES, NO = Decided("accepted"), Decided("refused")


def test_from_the_list_to_the_category(meeting: Meeting) -> None:
    its_id = meeting.propose("Vulnérable", "indigent", "vulnerable")
    assert [(row.from_code, row.to_code) for row in meeting.rows(its_id)] == [
        (None, "vulnerable"), (None, "indigent"), (None, "vulnerable"),
    ]  # fmt: skip
    meeting.print(its_id)
    meeting.print(its_id)  # once more on paper
    meeting.validate(its_id, YES, Decided("changed", "vulnerable"), NO)
    assert meeting.codes() == [[], [], []]  # nothing is changed by what was said
    meeting.start(its_id, on=TODAY + timedelta(days=30))
    meeting.apply(its_id)
    assert meeting.codes() == [["vulnerable"], ["vulnerable"], []]
    assert meeting.state(its_id) is State.APPLIED
    assert [row.state for row in meeting.rows(its_id)] == ["applied", "applied", "kept"]
    meeting.apply(its_id)
    assert meeting.codes() == [["vulnerable"], ["vulnerable"], []]
    with meeting.village.store.read() as connection:
        [first] = history_of(connection, meeting.homes[0])
        assert (first.since, first.by_name) == (TODAY + timedelta(days=30), "Rafiou Gounou")
        assert first.reason == "Awanla 2027 (2026-11-22): a widow with four"
        assert [(step.state, step.by_name) for step in story_of(connection, its_id)] == [
            ("proposed", "Bio Sarre"), ("printed", "Bio Sarre"), ("validated", "Bio Sarre"),
            ("applying", "Rafiou Gounou"), ("applied", "Rafiou Gounou"),
        ]  # fmt: skip
        assert [one.id for one in proposals(connection, "/", 10)] == [its_id]


@ON_SQLITE
def test_what_it_changes_is_what_renewing_then_asks(meeting: Meeting) -> None:
    village, tree = meeting.village, meeting.village.network.tree()
    for home in meeting.homes:
        put_money(village, home, YEAR_DUE, TODAY)
    its_id = meeting.propose("vulnerable", "indigent", "-")
    with village.store.read() as connection:
        found = impact_of(connection, tree, rows_of(connection, its_id), TODAY)
    assert [each.before and each.before.subsidised for each in found] == [francs(0)] * 3
    totals = totals_of(found)
    meeting.print(its_id)
    meeting.validate(its_id, YES, YES, YES)
    meeting.start(its_id)
    meeting.apply(its_id)
    village.clock.move(timedelta(days=364))
    before = village.balance().get("subsidiser", 0)
    paid = []
    for each in found:
        with village.store.write() as unit:
            one = village.family(each.row.household_id)
            renewed = renewal.renew(unit, tree, village.chart, one, village.place.plan.id, By(None, name="Bio Sarre"))
        assert renewed is not None
        paid.append(renewed.total)
    assert paid == [each.after.own for each in found if each.after is not None]
    assert sum(amount.minor for amount in paid) == totals.own[0].after.minor
    subsidised = sum(total.after.minor for _, total in totals.by_subsidiser)
    assert [name for name, _ in totals.by_subsidiser] == ["Projet", "État"]
    assert village.balance()["subsidiser"] - before == subsidised > 0


@ON_SQLITE
def test_rows_that_are_wrong_are_all_told_and_none_is_taken(meeting: Meeting) -> None:
    village, tree = meeting.village, meeting.village.network.tree()
    first = meeting.propose("indigent")
    with village.store.write() as unit:
        second = propose(unit, tree, village.place.books.id, "Another", "Bio Sarre")
    text = (
        "Carte;Catégorie proposée;Motif;Proposé par\n"
        f"{meeting.card(meeting.homes[0])};indigent;pauvre;\n"  # on the first list
        f"{meeting.card(meeting.homes[1])};riche;pauvre;\n"
        f"{meeting.card(meeting.homes[2])};indigent;;\n"
        "123456789;indigent;pauvre;\n"
        f"{meeting.card(meeting.homes[1])};Vulnérable;veuve;Chef\n"
        f"{meeting.card(meeting.homes[1])};Vulnérable;veuve;Chef\n"
    )
    wanted = read_list(tables(text.encode(), 10**6), "Bio Sarre")
    with pytest.raises(WrongRows) as wrong, village.store.write() as unit:
        add_rows(unit, tree, second, wanted)
    told = [each.said(Say("en")) for each in wrong.value.rows]
    assert [line.split(":")[0] for line in told] == ["row 2", "row 3", "row 4", "row 5", "row 7"]
    assert f"stands on list {first} already" in told[0]
    assert "none of the categories here: indigent, vulnerable" in told[1]
    assert meeting.rows(second) == []
    with village.store.write() as unit:
        assert add_rows(unit, tree, second, wanted[4:5]) == 1
        remove_row(unit, second, meeting.homes[1])
    assert meeting.rows(second) == []
    with pytest.raises(Fault, match="column of cards"):
        read_list(tables(b"a;b\n1;2\n", 10**6), "x")


@ON_SQLITE
def test_each_step_in_its_time_and_by_two_people(meeting: Meeting) -> None:
    its_id = meeting.propose("indigent", "indigent", "indigent")
    with pytest.raises(Fault, match="isn't printed yet"):
        meeting.validate(its_id, YES, YES, YES)
    with pytest.raises(Fault, match="isn't printed yet"):
        meeting.start(its_id)
    meeting.print(its_id)
    with pytest.raises(Fault, match="printed for the meeting"), meeting.village.store.write() as unit:
        remove_row(unit, its_id, meeting.homes[0])
    with pytest.raises(Fault, match="without a word of the meeting: 1"):
        meeting.validate(its_id, YES, YES)
    with pytest.raises(Fault, match="the meeting was between"):
        meeting.validate(its_id, YES, YES, YES, on=TODAY + timedelta(days=1))
    with pytest.raises(Fault, match="different witnesses"):
        meeting.validate(its_id, YES, YES, YES, witnesses=("Alassane Sarre", "SARRE Alassane"))
    with pytest.raises(Fault, match="no category riche"):
        meeting.validate(its_id, YES, YES, Decided("changed", "riche"))
    meeting.validate(its_id, YES, YES, YES)
    with pytest.raises(Fault, match="another person"):
        meeting.start(its_id, by="sarre bio")
    with pytest.raises(Fault, match="from today on"):
        meeting.start(its_id, on=TODAY - timedelta(days=1))
    meeting.start(its_id)
    with pytest.raises(Fault, match="being applied"), meeting.village.store.write() as unit:
        withdraw(unit, its_id, "Bio Sarre", "too late")
    meeting.apply(its_id)
    other = meeting.propose("vulnerable")  # a list that is over holds nobody
    with meeting.village.store.write() as unit:
        withdraw(unit, other, "Bio Sarre", "the meeting was put off")
    assert meeting.state(other) is State.WITHDRAWN


def test_who_left_or_was_put_elsewhere_meanwhile_is_skipped_and_told(meeting: Meeting) -> None:
    village, tree = meeting.village, meeting.village.network.tree()
    its_id = meeting.propose("indigent", "indigent", "indigent")
    meeting.print(its_id)
    meeting.validate(its_id, YES, YES, YES)
    meeting.start(its_id)
    with village.store.write() as unit:
        one = village.family(meeting.homes[1])
        leaving.leave(unit, tree, village.chart, one, TODAY, "departure", By(None, name="Bio Sarre"))
    meeting.apply(its_id)
    assert [(row.state, row.skipped_because) for row in meeting.rows(its_id)] == [
        ("applied", None), ("skipped", "left"), ("applied", None),
    ]  # fmt: skip
    with village.store.read() as connection:
        assert counts_of(connection, its_id) == {"applied": 2, "skipped": 1}


@ON_SQLITE
def test_who_moved_away_or_was_merged_meanwhile_is_skipped(meeting: Meeting) -> None:
    village = meeting.village
    its_id = meeting.propose("indigent", "indigent", "indigent")
    meeting.print(its_id)
    meeting.validate(its_id, YES, YES, YES)
    meeting.start(its_id)
    with village.store.write() as unit:
        elsewhere, _ = add_organisation(
            unit, (village.place.books.id, village.place.books.path), kind="section", code="m-2", name="Kadolassi"
        )
        moved = update(household).where(household.c.id == meeting.homes[0])
        unit.connection.execute(moved.values(section_id=elsewhere))
        merged = update(household).where(household.c.id == meeting.homes[1])
        unit.connection.execute(merged.values(merged_into_id=meeting.homes[2]))
    village.network.forget()
    meeting.apply(its_id)
    with village.store.read() as connection:
        found = {row.household_id: (row.state, row.skipped_because) for row in rows_of(connection, its_id)}
    assert [found[home] for home in meeting.homes] == [("skipped", "moved"), ("skipped", "merged"), ("applied", None)]


def test_batches_survive_whoever_dies_and_are_never_done_twice(
    meeting: Meeting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.membership.proposals.applying.BATCH", 1)
    its_id = meeting.propose("indigent", "vulnerable", "indigent")
    meeting.print(its_id)
    meeting.validate(its_id, YES, YES, YES)
    meeting.start(its_id)
    assert meeting.go_on(its_id)

    class Died(Exception):
        pass

    def put_and_die(*given: Any) -> None:
        put_into(*given)
        raise Died

    with monkeypatch.context() as dying:
        dying.setattr("gateway.membership.proposals.applying.put_into", put_and_die)
        with pytest.raises(Died):
            meeting.go_on(its_id)
    assert sorted(map(len, meeting.codes())) == [0, 0, 1]
    at_once(3, lambda: meeting.apply(its_id))
    assert meeting.codes() == [["indigent"], ["vulnerable"], ["indigent"]]
    with meeting.village.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(household_category)) == 3


@ON_SQLITE
def test_of_two_who_start_it_one_does(meeting: Meeting) -> None:
    its_id = meeting.propose("indigent")
    meeting.print(its_id)
    meeting.validate(its_id, YES)
    meeting.start(its_id)
    with pytest.raises(Fault, match="being applied"):
        meeting.start(its_id)


@ON_SQLITE
def test_on_paper(meeting: Meeting) -> None:
    its_id = meeting.propose("indigent", "vulnerable", "-")
    names = {"indigent": "Indigent", "vulnerable": "Vulnérable"}
    with meeting.village.store.read() as connection:
        one = proposal_with(connection, its_id)
        rows = rows_of(connection, its_id)
    paper = PdfReader(io.BytesIO(proposal_pdf(one, rows * 20, names, "Awanla", TODAY, Say("fr"))))
    text = "\n".join(page.extract_text() for page in paper.pages)
    assert len(paper.pages) == 6  # thirteen households on each, and the signatures
    assert "Adjara Tchédré" in text
    assert "Vulnérable" in text


@ON_SQLITE
def test_from_the_next_year_on(meeting: Meeting) -> None:
    with meeting.village.store.read() as connection:
        tree = meeting.village.network.tree()
        assert from_next_year(connection, tree, meeting.village.place.section_id, TODAY) == TODAY


def test_the_graph_has_no_dead_end_and_no_unreachable_state() -> None:
    reached, todo = {State.PROPOSED}, [State.PROPOSED]
    while todo:
        for state in EDGES[todo.pop()] - reached:
            reached.add(state)
            todo.append(state)
    assert reached == set(State) == set(EDGES)
    assert {state for state in State if not EDGES[state]} == {State.APPLIED, State.WITHDRAWN}
    assert "proposed --> printed" in drawing()
