"""The commands about care: facilities are added and listed, visits name nobody, and a sample says what to try."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from gateway.kernel.clock import SystemClock
from gateway.kernel.faults import Fault
from gateway.membership.households import by_id, standing
from gateway.membership.visits import Announced, announce, who_is_covered
from gateway.network.organisations import Network, add_organisation
from gateway.network.staff import roles_of
from gateway.store.engine import open_engine
from gateway.store.schema import household
from gateway.store.unit import Store
from tests.commands import Run, runner
from tests.conftest import DEFAULTS


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> Run:
    """Runs a command on a database of this test's own; a fault is raised."""
    return runner(monkeypatch, sqlite_url)


@pytest.fixture
def union(sqlite_url: str, run: Run) -> None:
    """A union without facilities."""
    store = Store(open_engine(sqlite_url), SystemClock())
    with store.write() as unit:
        add_organisation(unit, None, kind="union", code="union", name="Union", country="BJ")
    store.close()


ADD = ("facilities", "add", "union", "cs-1", "Centre Le Néré", "--kind", "centre", "--ownership", "faith")
HERE = ("--district", "Ouaké")


def test_what_is_added_is_listed(run: Run, union: None) -> None:
    run(*ADD, *HERE, "--phone", "01 50 00 09 20", "--from", "2026-01-01", "--until", "2026-12-31")
    assert re.split(r" {2,}", run("facilities", "list").splitlines()[1]) == [
        "cs-1", "Centre Le Néré", "centre", "faith", "Ouaké", "union", "2026-01-01 to 2026-12-31",
    ]  # fmt: skip
    (found,) = json.loads(run("facilities", "list", "--json", "--district", "oua"))
    assert found == {
        "organisation": "union", "code": "cs-1", "name": "Centre Le Néré", "kind": "centre", "ownership": "faith",
        "district": "Ouaké", "msisdn": "+2290150000920", "agreed_on": "2026-01-01", "agreed_until": "2026-12-31",
    }  # fmt: skip
    assert json.loads(run("facilities", "list", "--json", "--district", "parakou")) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((*ADD, *HERE), "there is a facility with the code cs-1 already"),
        (("facilities", "add", "nowhere", *ADD[3:], *HERE), "no organisation has the code nowhere"),
        ((*ADD, *HERE, "--phone", "21 30 00 00"), "is not a mobile number of BJ"),
        ((*ADD, *HERE, "--from", "2026-01-02", "--until", "2026-01-01"), "before it begins"),
        (("visits", "list", "--under", "nowhere"), "no organisation has the code nowhere"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(run: Run, union: None, words: tuple[str, ...], told: str) -> None:
    run(*ADD, *HERE)
    with pytest.raises(Fault) as fault:
        run(*words)
    assert told in str(fault.value)
    assert len(str(fault.value).splitlines()) == 1
    assert len(json.loads(run("facilities", "list", "--json"))) == 1


def test_the_sample_says_what_to_try_and_its_visits_are_listed(run: Run, sqlite_url: str) -> None:
    told = run("sample", "ouake").splitlines()
    assert told[0].endswith("loaded 16 sections, 120 households, 598 people, 9 health facilities")
    assert told[1].startswith("all its staff have the PIN 4826")
    phones = [line.split()[2] for line in told[2:]]
    assert [line.split()[4].rstrip(":") for line in told[2:]] == ["4826", "4826", "4826", "2580"]
    store = Store(open_engine(sqlite_url), SystemClock())
    tree = Network(store, DEFAULTS).tree()
    today = store.clock.now().date()
    with store.write() as unit:
        (agent,) = roles_of(unit.connection, phones[2])
        every = [by_id(unit.connection, tree, one) for one in unit.connection.scalars(select(household.c.id))]
        one = next(each for each in every if standing(unit.connection, each, today).cover.state.covered)
        person = who_is_covered(unit.connection, tree, one, today).people[0]
        made = announce(unit, tree, agent, one, person.id)
    store.close()
    assert isinstance(made, Announced)
    (found,) = json.loads(run("visits", "list", "--json", "--under", "ucms-ouake"))
    assert (found["number"], found["facility"], found["card"]) == (made.number, "Hôpital Les Karités", one.card)
    assert found["person"] == " ".join(f"{word[0]}." for word in person.name.split())
    text = run("visits", "list")
    assert made.number in text
    assert not [word for word in person.name.split() if word in text]
    assert json.loads(run("visits", "list", "--json", "--since", f"{today + timedelta(days=2)}")) == []
