"""The commands about people's own data."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.kernel.clock import FixedClock, SystemClock
from gateway.kernel.faults import Fault
from gateway.network.organisations import Network
from gateway.store.engine import open_engine
from gateway.store.unit import Store
from tests.commands import Run, runner
from tests.conftest import DEFAULTS
from tests.payments.village import YEAR_DUE, Village, found


@pytest.fixture
def long_ago(sqlite_url: str) -> Iterator[Village]:
    """A village some years ago."""
    store = Store(open_engine(sqlite_url), FixedClock(SystemClock().now() - timedelta(days=3_000)))
    network = Network(store, DEFAULTS)
    yield Village(store, network, store.clock, found(store, network))  # type: ignore[arg-type]
    store.close()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> Run:
    """Runs a command on a database of this test's own; a fault is raised."""
    return runner(monkeypatch, sqlite_url, "privacy")


def test_consent_is_written_taken_back_and_listed(run: Run, long_ago: Village) -> None:
    card = long_ago.register().card
    assert "nothing" in run("consent", card)
    run("consent-text", "m", "fr", "Nous gardons vos noms.", "--by", "Bio Sarre")
    run("consent", card, "--paper", "--on", "2026-01-05", "--by", "Bio Sarre")
    (now, before) = json.loads(run("consent", card, "--withdraw", "--by", "Bio Sarre", "--json"))
    assert (now["given"], before["given"], before["on"], before["version"]) == (False, True, "2026-01-05", 1)
    with pytest.raises(Fault, match="--by NAME"):
        run("consent", card, "--paper")


def test_what_is_kept_is_written_to_a_file_and_that_somebody_looked(
    run: Run, long_ago: Village, tmp_path: Path
) -> None:
    card, file = long_ago.register().card, tmp_path / "all.zip"
    assert "beneficiary" in run("show", card)
    run("show", card, "--zip", str(file), "--by", "Bio Sarre")
    assert json.loads(zipfile.ZipFile(file).read("all.json"))["card"] == card
    assert file.stat().st_mode & 0o077 == 0
    assert json.loads(run("looks", card, "--json"))[0]["by"] == "Bio Sarre"
    with pytest.raises(Fault, match="who looks"):
        run("show", card, "--json")


def test_a_request_waits_until_it_is_answered(run: Run, long_ago: Village) -> None:
    card = long_ago.register().card
    said = run("ask", card, "--asked-by", "Adjara", "--checked", "identity card", "--by", "Bio Sarre")
    number = said.split()[1]
    assert json.loads(run("requests", "--json"))[0]["card"] == card
    run("answered", number, "--by", "Bio Sarre")
    assert json.loads(run("requests", "--json")) == []
    with pytest.raises(Fault, match="no request"):
        run("answered", number, "--by", "Bio Sarre")


def test_a_household_is_forgotten_by_two_people(run: Run, long_ago: Village) -> None:
    one, other = long_ago.register(), long_ago.register("+2290100000102")
    long_ago.give(one.household_id, long_ago.treasurer, YEAR_DUE)
    listed = [each["card"] for each in json.loads(run("due", "--json"))]
    assert one.card in listed
    assert "nameless" not in run("erase", "--due", "--by", "Issa Dafia")
    run("ask-erase", one.card, "--by", "Bio Sarre")
    assert "would be" in run("erase", one.card, "--dry-run", "--by", "Issa Dafia")
    assert "1 household" in run("erase", "--due", "--by", "Issa Dafia")
    assert one.card not in run("due", "--json")
    run("ask-erase", other.card, "--by", "Bio Sarre")  # what it owes doesn't keep its names for ever
    run("keep", "m", "10", "--source", "Loi 2017-20", "--by", "Bio Sarre")
    assert json.loads(run("due", "--json")) == []
