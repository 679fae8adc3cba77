"""One payment for many households is divided to the last unit, in any order, and each household has its receipt."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from gateway.kernel.card import new_card_number, show_card
from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.payments.payers.groups import (
    BadGroup,
    Listed,
    group_named,
    groups,
    groups_of_payer,
    read_list,
)
from gateway.payments.payers.shares import BadSplit, Group, Need, Rule, members_of, split
from gateway.payments.receipts import check_receipt
from gateway.payments.takings import takings
from gateway.payments.unasked.assigning import PostedForGroup, Proposed, assign_to_group
from gateway.payments.unasked.suspense import NotAssigned, held
from gateway.store.schema import entry, incoming
from tests.payments.commands import Run, on_database_of
from tests.payments.deeds import PAYS, group_of, on_suspense, three_families
from tests.payments.village import ON_SQLITE, TREASURER, Village, at_once, found, francs

CARDS = [new_card_number(lambda _, at=at: at) for at in range(1_000_000, 1_000_040)]


def needs(*dues: int, fixed: tuple[int, ...] = ()) -> list[Need]:
    own = fixed or (None,) * len(dues)
    return [Need(place, CARDS[place], due, mine) for place, (due, mine) in enumerate(zip(dues, own, strict=True))]


# Shares


@pytest.mark.parametrize(
    ("rule", "members", "amount", "shares"),
    [
        ("equal", needs(0, 0, 0), 900, [300, 300, 300]),
        ("equal", needs(0, 0, 0), 1_000, [334, 333, 333]),
        ("equal", needs(0, 0, 0), 2, [1, 1]),
        ("due", needs(100, 200, 300), 600, [100, 200, 300]),
        ("due", needs(100, 200, 300), 60, [10, 20, 30]),
        ("due", needs(100, 100, 100), 100, [34, 33, 33]),
        ("due", needs(1, 1, 3), 3, [1, 2]),
        ("due", needs(100, 0, 200), 900, [300, 200, 400]),
        ("due", needs(0, 0), 5, [3, 2]),
        ("due", needs(0, 300), 200, [200]),
        ("fixed", needs(0, 0, 0, fixed=(100, 200, 0)), 300, [100, 200]),
    ],
)
def test_shares(rule: Rule, members: list[Need], amount: int, shares: list[int]) -> None:
    assert [share.minor for _, share in split(members, francs(amount), rule)] == shares


@pytest.mark.parametrize(
    ("rule", "members", "amount", "why"),
    [
        ("equal", [], 100, "nobody"),
        ("due", needs(1), 0, "amount"),
        ("fixed", needs(0, fixed=(100,)), 99, "not-the-sum"),
        ("fixed", needs(0, fixed=(100,)), 101, "not-the-sum"),
        ("fixed", needs(0), 100, "no-fixed"),
    ],
)
def test_what_a_rule_does_not_divide(rule: Rule, members: list[Need], amount: int, why: str) -> None:
    with pytest.raises(BadSplit) as wrong:
        split(members, francs(amount), rule)
    assert wrong.value.args == (why,)


@given(
    st.lists(st.integers(0, 50_000), min_size=1, max_size=40),
    st.integers(1, 10**7),
    st.sampled_from(["equal", "due"]),
    st.randoms(use_true_random=False),
)
def test_shares_add_up_whatever_the_order(dues: list[int], amount: int, rule: Rule, chance: object) -> None:
    members = needs(*dues)
    shares = split(members, Money(amount, "CDF"), rule)
    shuffled = list(members)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert split(shuffled, Money(amount, "CDF"), rule) == shares
    assert sum(share.minor for _, share in shares) == amount
    assert all(share.minor > 0 for _, share in shares)
    got = {its_id: share.minor for its_id, share in shares}
    if rule == "due" and amount <= sum(dues):
        assert all(got.get(one.household_id, 0) <= one.due_minor for one in members)
        total = sum(dues)
        assert all(abs(got.get(one.household_id, 0) * total - one.due_minor * amount) < total for one in members)
    if rule == "equal":
        assert max(got.values()) - min(got.values()) <= 1


# Lists


def test_a_list_is_read_with_either_separator_and_a_heading() -> None:
    one, two = CARDS[:2]
    assert read_list(f"{one}\n{two}\n\n") == [Listed(1, one, None), Listed(2, two, None)]
    text = f"\ufeffcarte;montant\r\n{show_card(one)};1 500\r\n{two};\r\n"
    assert read_list(text) == [Listed(2, one, "1 500"), Listed(3, two, None)]
    assert read_list(f'{one},"1,500"') == [Listed(1, one, "1,500")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "1 to"),
        ("carte;montant\n", "1 to"),
        (f"{CARDS[0]}\n123456789\n", "row 2: 123456789 is no card number"),
        (f"{CARDS[0]}\n{CARDS[1]}\n{show_card(CARDS[0])}\n", "row 3: card .* twice"),
        (f"{CARDS[0]},1,500\n", "row 1: a card and an amount"),
        ("1.23457E+08\n", "row 1"),
    ],
)
def test_a_list_that_is_wrong_says_where(text: str, says: str) -> None:
    with pytest.raises(BadGroup, match=says):
        read_list(text)


# Groups


@pytest.fixture
def homes(office: Village) -> list[int]:
    return three_families(office)


def posted(
    office: Village, incoming_id: int, group: Group, by: str = "Bio Sarre"
) -> PostedForGroup | Proposed | NotAssigned:
    with office.store.write() as unit:
        return assign_to_group(
            unit, office.network.tree(), office.chart, incoming_id, group, by, "their list of November"
        )


def test_a_groups_payment_counts_for_each_household_with_a_receipt(office: Village, homes: list[int]) -> None:
    group = group_of(office, homes)
    dues = [office.stands(home).due.minor for home in homes]
    left = [office.stands(home).left.minor for home in homes]
    incoming_id = on_suspense(office, sum(dues), PAYS)
    done = posted(office, incoming_id, group)
    assert isinstance(done, PostedForGroup)
    assert [(family.id, amount.minor) for family, _, amount in done.shares] == list(zip(homes, dues, strict=True))
    assert [office.stands(home).left.minor for home in homes] == [a - b for a, b in zip(left, dues, strict=True)]
    assert office.balance()["wallet"] == sum(dues)
    assert "suspense" not in office.balance()
    # The group's phone and the treasurer are told once, of the whole; each family has its own receipt.
    assert [number for _, number in office.told("receipt")].count(PAYS) == 1
    assert len(office.told("receipt")) == 4
    assert office.told("treasurer") == [("treasurer", TREASURER)]
    with office.store.read() as connection:
        tree = office.network.tree()
        for message in office.messages("receipt"):
            if message.msisdn == PAYS:
                continue
            assert check_receipt(connection, tree, message.text.split()[1].rstrip(":")) is not None
        rows = takings(connection, tree, office.place.books.id, date(2026, 11, 21)).rows
        assert rows == (("reference", 1, francs(sum(dues))),)  # one payment of one operator
        assert held(connection, tree) == []
        assert connection.execute(select(incoming.c.state)).scalar_one() == "posted"
        assert connection.scalar(select(func.count()).select_from(entry).where(entry.c.journal == "collections")) == 4
    assert posted(office, incoming_id, group) == NotAssigned("gone")


def test_of_two_who_post_it_at_once_one_does(office: Village, homes: list[int]) -> None:
    group, incoming_id = group_of(office, homes, "equal"), on_suspense(office, 1_000, PAYS)
    answers = at_once(3, lambda: posted(office, incoming_id, group))
    assert sorted(type(one).__name__ for one in answers) == ["NotAssigned"] * 2 + ["PostedForGroup"]
    assert office.balance()["wallet"] == 1_000


def test_what_the_rule_does_not_divide_stays_on_suspense(office: Village, homes: list[int]) -> None:
    group, incoming_id = group_of(office, homes, "fixed", ("1 000", "2000", "500")), on_suspense(office, 3_400, PAYS)
    with pytest.raises(BadSplit):
        posted(office, incoming_id, group)
    assert office.balance()["suspense"] == -3_400
    assert posted(office, incoming_id, group, by=" ") == NotAssigned("no-reason")
    done = posted(office, on_suspense(office, 3_500, PAYS), group)
    assert isinstance(done, PostedForGroup)
    assert [amount.minor for *_, amount in done.shares] == [1_000, 2_000, 500]


def test_a_group_is_changed_by_its_code(office: Village, homes: list[int]) -> None:
    group_of(office, homes)
    changed = group_of(office, homes[:2], "equal")
    with office.store.read() as connection:
        assert group_named(connection, "coop") == changed
        assert groups(connection) == groups_of_payer(connection, PAYS) == [changed]
        assert [one.id for one, _ in members_of(connection, office.network.tree(), changed)] == homes[:2]
        with pytest.raises(BadGroup, match="no group has the code"):
            group_named(connection, "nobody")


@ON_SQLITE
def test_a_list_with_a_strangers_card_or_without_amounts_is_refused_whole(office: Village, homes: list[int]) -> None:
    elsewhere = found(office.store, office.network, code="n", treasurer="+2290100000905")
    theirs = Village(office.store, office.network, office.clock, elsewhere).register(PAYS).household_id
    with pytest.raises(BadGroup, match="row 4: no household of Mutuelle"):
        group_of(office, [*homes, theirs])
    with pytest.raises(BadGroup, match="row 2: its amount can't be taken: empty"):
        group_of(office, homes, "fixed", ("1000", "", "500"))
    with office.store.read() as connection:
        assert groups(connection) == []


@ON_SQLITE
def test_the_commands(office: Village, homes: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run: Run = on_database_of(office, monkeypatch)
    file = tmp_path / "coop.csv"
    file.write_text("carte\n" + "\n".join(show_card(office.family(home).card) for home in homes), encoding="utf-8")
    add = ("groups", "add", "coop", "Alafia", "--organisation", "m", "--rule", "equal", "--list", str(file))
    assert run(*add) == "group coop: 3 households\n"
    with pytest.raises(Fault, match="no mobile number"):
        run(*add, "--phone", "12")
    assert json.loads(run("groups", "list", "--json")) == [
        {"code": "coop", "name": "Alafia", "organisation": "m", "rule": "equal", "households": 3}
    ]
    assert "Alafia" in run("groups", "list", "--under", "m")
    shown = json.loads(run("groups", "split", "coop", "--amount", "1000", "--json"))
    assert [one["amount_minor"] for one in shown] == [334, 333, 333]
    left = [office.stands(home).left.minor for home in homes]
    on_suspense(office, 1_000, PAYS)
    [waits] = json.loads(run("incoming", "list", "--json"))
    with pytest.raises(Fault, match="a name and a reason"):
        run("groups", "split", "coop", "--incoming", waits["number"])
    done = run("groups", "split", "coop", "--incoming", waits["number"], "--by", "Bio Sarre", "--reason", "list")
    assert [line.split("F")[0].split()[-1] for line in done.splitlines()[1:]] == ["334", "333", "333"]
    assert [office.stands(home).left.minor for home in homes] == [left[0] - 334, left[1] - 333, left[2] - 333]
    assert json.loads(run("incoming", "list", "--json")) == []
