"""A difference is found once for each key, keeps its story, is gone when it explains itself, and is listed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import get_args

import pytest

from gateway.cli.reconciling import NOT_SETTLED
from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.locale import Say
from gateway.network.organisations import add_organisation
from gateway.payments.reconciliation.differences.choices import choices_table
from gateway.payments.reconciliation.differences.deals import NotSettled, Why
from gateway.payments.reconciliation.differences.found import (
    Found,
    all_gone,
    difference_key,
    due_again,
    gone,
    open_difference,
    open_differences,
    settled_by_rule,
    story,
)
from gateway.payments.reconciliation.differences.listing import differences
from gateway.payments.reconciliation.differences.settling import Settled
from gateway.payments.reconciliation.wallets import open_wallet
from gateway.sms import notices
from gateway.sms.gsm7 import parts
from tests.payments.commands import Run, on_database_of
from tests.payments.deeds import YESTERDAY
from tests.payments.reconciliation.differing import (
    LARGE,
    ONE,
    OTHER,
    agree,
    choose,
    find,
    left_the_wallet,
    missing,
    settled,
    shown,
    steps,
    take_up,
    unknown,
    wallet_id,
)
from tests.payments.village import ON_SQLITE, PAYER, Village, at_once, francs


@pytest.fixture
def run(office: Village, monkeypatch: pytest.MonkeyPatch) -> Run:
    return on_database_of(office, monkeypatch)


def some(office: Village, count: int = 1, said: str = "nobody knows") -> list[Found]:
    own = wallet_id(office)
    return [
        Found(
            "unknown", difference_key("unknown", own, f"N{number}"), own, YESTERDAY, said, theirs=francs(100 + number)
        )
        for number in range(count)
    ]


def open_now(office: Village, found: list[Found]) -> list[int]:
    with office.store.write() as unit:
        return open_differences(unit, found)


def listed(office: Village, **options: object) -> list[str]:
    with office.store.read() as connection:
        return [one.key for one in differences(connection, office.network.tree(), **options)]  # type: ignore[arg-type]


def events(office: Village, its_id: int) -> list[tuple[str, str]]:
    with office.store.read() as connection:
        return [(each.what, each.reason) for each in story(connection, its_id)]


# Found, gone, found again


def test_what_is_found_again_is_the_same_row_and_changes_nothing(office: Village) -> None:
    found = some(office, 1_200)
    first = open_now(office, found)
    assert len(set(first)) == 1_200
    assert open_now(office, [*reversed(found)]) == [*reversed(first)]
    assert events(office, first[0]) == [("found", "nobody knows")]
    assert len(listed(office, limit=5_000)) == 1_200


def test_what_explained_itself_is_settled_by_the_gateway_and_open_again_when_it_did_not(office: Village) -> None:
    [found] = some(office)
    [its_id] = open_now(office, [found])
    with office.store.write() as unit:
        assert gone(unit, its_id, "the next statement has it")
        assert not gone(unit, its_id, "the next statement has it")
    assert listed(office) == []
    assert open_now(office, [replace(found, theirs=francs(7), said="still there")]) == [its_id]
    assert events(office, its_id) == [
        ("found", "nobody knows"), ("gone", "the next statement has it"), ("again", "still there"),
    ]  # fmt: skip
    with office.store.read() as connection:
        [one] = differences(connection, office.network.tree())
    assert (one.theirs, one.state, one.settled_by) == (francs(7), "open", None)


@ON_SQLITE
def test_what_somebody_settled_stays_settled_while_the_figures_are_the_same(office: Village, home: int) -> None:
    number = missing(office, home)
    settled(office, number, "lost")
    one = shown(office, number)
    same = Found("missing", one.key, one.wallet_id, one.at, "again", ours=one.ours, collection_id=one.collection_id)
    open_now(office, [same])
    assert (shown(office, number).state, steps(office, number)) == ("settled", ["found", "settled"])
    with office.store.write() as unit:
        assert not gone(unit, one.id, "a later statement has it")
    open_now(office, [replace(same, ours=francs(1_400))])
    assert (shown(office, number).state, shown(office, number).ours) == ("open", francs(1_400))
    # What was settled by the figures of then stands until somebody undoes it; only then it is settled by those of now.
    again = choose(office, number, "lost")
    assert isinstance(again, NotSettled)
    assert (again.why, office.balance()["losses"]) == ("settled", 1_500)
    assert isinstance(take_up(office, number), Settled)
    settled(office, number, "lost")
    assert steps(office, number) == ["found", "settled", "again", "undone", "settled"]


def test_many_are_gone_at_once_also_what_somebody_waits_for(office: Village, home: int) -> None:
    ids = open_now(office, some(office, 700))
    number = missing(office, home)
    settled(office, number, "wait", until=date(2026, 12, 1))
    waits, own = shown(office, number).id, shown(office, number).wallet_id
    with office.store.write() as unit:
        assert all_gone(unit, dict.fromkeys([*ids, waits], "explained")) == 701
        assert all_gone(unit, dict.fromkeys([*ids, waits], "explained")) == 0
        assert due_again(unit, own, date(2027, 1, 1)) == 0
    assert listed(office) == []


@ON_SQLITE
def test_what_somebody_asks_to_undo_is_not_gone(office: Village, home: int) -> None:
    number = missing(office, home, LARGE)
    choose(office, number, "lost")
    agree(office, number)
    take_up(office, number)
    assert shown(office, number).state == "asked"
    with office.store.write() as unit:
        assert not gone(unit, shown(office, number).id, "a later statement has it")
    assert isinstance(agree(office, number), Settled)
    assert "losses" not in office.balance()


@ON_SQLITE
def test_what_a_rule_settles_is_in_the_story_and_no_person_s_to_undo(office: Village) -> None:
    [found] = some(office)
    with office.store.write() as unit:
        settled_by_rule(unit, found, "posted as the statement says", "collection:k")
        settled_by_rule(unit, found, "posted as the statement says", "collection:k")
    assert listed(office) == []
    assert listed(office, every=True) == [found.key]
    with office.store.read() as connection:
        [one] = differences(connection, office.network.tree(), every=True)
        told = story(connection, one.id)
    assert [(each.what, each.choice, each.entry_key) for each in told] == [
        ("found", None, None), ("settled", "rule", "collection:k"),
    ]  # fmt: skip
    done = take_up(office, one.number)
    assert not isinstance(done, Settled)
    assert getattr(done, "why", None) == "rule"


def test_two_who_find_at_once_find_one(office: Village) -> None:
    [found] = some(office)

    def note() -> int:
        with office.store.write() as unit:
            return open_difference(unit, found)

    assert len(set(at_once(5, note))) == 1
    assert listed(office) == [found.key]


@ON_SQLITE
def test_an_operator_s_words_keep_no_number_of_a_phone(office: Village) -> None:
    [its_id] = open_now(office, some(office, said=f"from {PAYER}"))
    with office.store.read() as connection:
        [one] = differences(connection, office.network.tree())
    assert PAYER not in one.said
    assert all(PAYER not in reason for _, reason in events(office, its_id))


# Listed


@ON_SQLITE
def test_a_list_is_of_a_wallet_a_kind_or_an_organisation(office: Village, home: int) -> None:
    numbers = [missing(office, home), unknown(office), left_the_wallet(office)]
    with office.store.write() as unit:
        add_organisation(unit, None, kind="union", code="elsewhere", name="Ailleurs", country="BJ", currency="XOF",
                         time_zone="Africa/Porto-Novo", languages="fr", keeps_books=True)  # fmt: skip
    office.network.forget()
    tree = office.network.tree()
    with office.store.write() as unit:
        other = open_wallet(unit, tree.named("elsewhere"), "moov_money", "wallet").id
    keys = [shown(office, number).key for number in numbers]
    assert listed(office) == keys
    assert listed(office, kind="out") == keys[2:]
    assert listed(office, limit=2) == keys[:2]
    assert listed(office, under_path=tree.named("m").path) == keys
    assert listed(office, under_path=tree.named("elsewhere").path) == []
    assert listed(office, wallets=[other]) == []
    assert listed(office, wallets=[wallet_id(office)]) == keys
    card = office.family(home).card
    assert [shown(office, number).whose for number in numbers] == [card, None, None]


# Words


def test_the_docs_have_the_table_of_choices() -> None:
    docs = Path(__file__).parents[3] / "docs" / "reconciliation.md"
    assert choices_table() in docs.read_text(encoding="utf-8")


def test_whatever_is_not_settled_is_said_in_words() -> None:
    assert set(NOT_SETTLED) == set(get_args(Why))


@pytest.mark.parametrize("language", ["fr", "en", "sw", "rn"])
def test_the_texts_about_corrections_are_one_part(language: str) -> None:
    say, most = Say(language), Money(10**11, "CDF")
    for text in (notices.counts_more, notices.counts_less, notices.counts_no_more):
        assert parts(text(say, "1234567890123-48213", most, "123456789")) == 1


# Commands


@ON_SQLITE
def test_the_list_says_what_may_be_chosen_and_whose_money_it_may_be(office: Village, home: int, run: Run) -> None:
    number = unknown(office, 3_900, PAYER)
    lost = missing(office, home)
    [first, second] = json.loads(run("reconcile", "differences", "--json"))
    assert (first["number"], first["wallet"], first["kind"]) == (number, "m:mtn_momo", "unknown")
    assert (first["theirs_minor"], first["ours_minor"], first["difference_minor"]) == (3_900, None, 3_900)
    assert first["choices"] == ["assign", "refund", "keep", "income", "transfer", "correction"]
    assert first["proposals"] == [{"card": office.family(home).card, "why": ["phone"]}]
    assert (second["number"], second["difference_minor"], second["currency"]) == (lost, -1_500, "XOF")
    assert second["card"] == office.family(home).card
    text = run("reconcile", "differences", "--wallet", "m:mtn_momo", "--under", "m")
    assert "wait, confirmed, reverse, lost" in text
    assert "the payer's number is one of its phones" in text
    assert json.loads(run("reconcile", "differences", "--kind", "fee", "--json")) == []


@ON_SQLITE
def test_a_difference_is_settled_shown_and_undone_by_commands(office: Village, home: int, run: Run) -> None:
    number = missing(office, home)
    by = ("--by", ONE, "--reason", "their letter of 3 November")
    assert "entry settle:" in run("reconcile", "settle", number, "lost", *by)
    shows = run("reconcile", "show", number)
    assert "their letter of 3 November" in shows
    assert ONE in shows
    story_of = json.loads(run("reconcile", "show", number, "--json"))["story"]
    assert [each["what"] for each in story_of] == ["found", "settled"]
    assert "it has" not in run("reconcile", "differences")
    assert f"lost ({ONE})" in run("reconcile", "differences", "--every")
    assert "is open again, entry unsettle:" in run("reconcile", "undo", number, *by)
    assert "`lost`" in run("reconcile", "choices")


@ON_SQLITE
def test_what_is_much_is_approved_or_dropped_by_commands(office: Village, home: int, run: Run) -> None:
    number = missing(office, home, LARGE)
    by = ("--by", ONE, "--reason", "as agreed")
    assert f"gateway reconcile approve {number}" in run("reconcile", "settle", number, "lost", *by)
    assert f"{ONE} asks for lost" in run("reconcile", "differences")
    assert "stands as it stood" in run("reconcile", "drop", number, "--by", OTHER, "--reason", "ask them again")
    run("reconcile", "settle", number, "lost", *by)
    with pytest.raises(Fault, match="it takes two"):
        run("reconcile", "approve", number, "--by", ONE)
    assert "is settled: lost" in run("reconcile", "approve", number, "--by", OTHER)


@ON_SQLITE
def test_one_choice_settles_all_of_a_kind_that_one_person_decides_and_lists_the_rest(
    office: Village, home: int, run: Run
) -> None:
    small = [left_the_wallet(office) for _ in range(3)]
    large = left_the_wallet(office, LARGE)
    by = ("--by", ONE, "--reason", "fees of November")
    said = run("reconcile", "settle", "--all", "out", "fee", *by)
    assert "3 settled as fee, 1 left" in said
    assert f"{large}: it takes two people" in said
    assert office.balance()["fees"] == 2_100
    assert {shown(office, number).state for number in small} == {"settled"}
    with pytest.raises(Fault, match="gateway reconcile choices"):
        run("reconcile", "settle", "--all", "out", "assign", *by)


@ON_SQLITE
def test_what_can_t_be_settled_says_why_and_how_to_go_on(office: Village, home: int, run: Run) -> None:
    by = ("--by", ONE, "--reason", "as agreed")
    number = missing(office, home)
    for words, why in (
        (("settle", number, "assign"), "other choices: wait, confirmed, reverse, lost"),
        (("settle", number, "wait"), "one more option: --until"),
        (("settle", "000000", "lost"), "no such difference"),
        (("undo", number), "nothing to undo"),
    ):
        with pytest.raises(Fault, match=why):
            run("reconcile", *words, *by)
    found = find(office, "amount", theirs=2_500, ours=2_000, incoming_id=shown(office, unknown(office)).incoming_id)
    with pytest.raises(Fault, match="gateway incoming assign"):
        run("reconcile", "settle", found, "theirs", *by)
