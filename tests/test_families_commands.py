"""The commands about families: found by what is typed, merged, split and moved; nobody's name or number is shown."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from gateway.kernel.clock import SystemClock
from gateway.kernel.faults import Fault
from gateway.ledger.chart import Chart
from gateway.membership.households import Registered, register
from gateway.membership.people import Person
from gateway.network.organisations import Network, add_organisation
from gateway.store.engine import open_engine
from gateway.store.schema import message
from gateway.store.unit import Store
from tests.commands import Run, runner
from tests.conftest import DEFAULTS
from tests.payments.village import FAMILY, NEIGHBOUR, PAYER, found

SON = Person("Sani Tchédré", "M", 2000, "child")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> Run:
    """Runs a command on a database of this test's own; a fault is raised."""
    return runner(monkeypatch, sqlite_url, "households")


@pytest.fixture
def families(sqlite_url: str, run: Run) -> tuple[Registered, Registered]:
    """One family on two cards, the second with a grown son, and a second village."""
    store = Store(open_engine(sqlite_url), SystemClock())
    network = Network(store, DEFAULTS)
    place = found(store, network)
    with store.write() as unit:
        add_organisation(unit, (place.books.id, place.books.path), kind="section", code="m-2", name="Bassila")
    network.forget()
    chart = Chart()
    made = []
    for msisdn, people in ((PAYER, FAMILY), (NEIGHBOUR, (*FAMILY, SON))):
        with store.write() as unit:
            made.append(
                register(unit, network.tree(), chart, place.section_id, place.plan, people, msisdn, "fr")
            )  # fmt: skip
    store.close()
    return made[0], made[1]


def test_find_tells_no_name(run: Run, families: tuple[Registered, Registered]) -> None:
    shown = run("find", "adjara", "chedre")
    assert shown.count("A. T.") == 4
    assert "Adjara" not in shown
    assert [one["card"] for one in json.loads(run("find", "sani", "--json"))] == [families[1].card]
    assert run("find", "sani", "--under", "m-2") == "nobody found\n"
    card = families[0].card
    with pytest.raises(Fault, match="one of its digits"):
        run("find", card[:-1] + str((int(card[-1]) + 1) % 10))


def test_merge_lists_first_and_then_does_it(run: Run, families: tuple[Registered, Registered]) -> None:
    one, other = families
    shown = run("merge", one.card, other.card)
    assert "--same 1=1" in shown
    assert "Adjara" not in shown
    with pytest.raises(Fault, match="--registered-twice"):
        run("merge", one.card, other.card, "--by", "Bio")
    same = [word for number in range(1, 5) for word in ("--same", f"{number}={number}")]
    done = run("merge", one.card, other.card, *same, "--registered-twice", "--by", "Bio Sarre")
    assert "1 people added, 1 phones" in done
    assert one.card[:3] in run("show", other.card)  # the old card goes on working
    with pytest.raises(Fault, match="one household"):
        run("merge", one.card, other.card, "--registered-twice", "--by", "Bio Sarre")


def test_split_and_move(run: Run, families: tuple[Registered, Registered], sqlite_url: str) -> None:
    _, other = families
    assert "S. T." in run("split", other.card)
    with pytest.raises(Fault, match="pays first"):
        run("split", other.card, "--person", "5", "--by", "Bio")
    store = Store(open_engine(sqlite_url), SystemClock())
    network = Network(store, DEFAULTS)
    tree = network.tree()
    with store.write() as unit:
        from gateway.ledger.entries import Entry, Line, record

        accounts = Chart().of(unit, tree.by_code["m"].id, "XOF")
        lines = (Line(accounts["cash"], 15_000), Line(accounts["receivable"], -15_000, other.household_id))
        today = date.today() - timedelta(days=1)  # noqa: DTZ011
        record(unit, Entry("cash:1", tree.by_code["m"].id, "cash", "XOF", today, lines))
    shown = run("split", other.card, "--person", "5", "--phone", "01 97 00 00 01", "--by", "Bio")
    assert "new card" in shown
    assert "S. T." in shown
    assert "is in Bassila now" in run("move", other.card, "m-2", "--by", "Bio")
    with pytest.raises(Fault, match="already"):
        run("move", other.card, "m-2", "--by", "Bio")
    with store.read() as connection:
        assert len(connection.scalars(select(message.c.text)).all()) == 2
    store.close()
