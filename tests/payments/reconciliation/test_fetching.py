"""``gateway statement fetch``: pawaPay's statement comes by its API and is taken in like anybody's file."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import func, select

from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.payments.providers.base import Accepted
from gateway.standins import pawapay as standin
from gateway.store.schema import wallet
from tests.payments.commands import Run, on_database_of
from tests.payments.providers.contract import order
from tests.payments.providers.pawapay_play import PawaPayPlay
from tests.payments.village import SECRET, Village

ZONE = "Africa/Porto-Novo"
# The day before yesterday is over for more than an hour, whenever this runs.
DAY = day_in(ZONE, datetime.now(UTC)) - timedelta(days=2)


@pytest.fixture(scope="module")
def running() -> Iterator[PawaPayPlay]:
    play = PawaPayPlay("--auto", "manual", "--callback-delay", "0")
    yield play
    play.stop()


@pytest.fixture
def pawapay(running: PawaPayPlay, monkeypatch: pytest.MonkeyPatch) -> PawaPayPlay:
    """pawaPay, for which there are keys, with nothing asked and nothing scripted."""
    running.reset()
    monkeypatch.setenv("PAWAPAY_API_TOKEN", standin.API_TOKEN)
    monkeypatch.setenv("PAWAPAY_BASE_URL", running.url)
    return running


@pytest.fixture
def run(office: Village, monkeypatch: pytest.MonkeyPatch) -> Run:
    return on_database_of(office, monkeypatch)


def paid(pawapay: PawaPayPlay, day: date) -> str:
    one = replace(order(), environment="MTN_MOMO_BEN")
    assert isinstance(pawapay.provider(read_timeout_s=2.0).ask(one), Accepted)
    pawapay.play("approve", {"key": one.key, "report": {"created": f"{day}T10:00:00Z"}})
    return one.key


def fetch(run: Run, first: date = DAY, last: date = DAY, *more: str) -> str:
    return run("statement", "fetch", "pawapay", "--from", str(first), "--until", str(last), "--by", "Awa", *more)


def kept(run: Run) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("statement", "list", "--json"))
    return found


def test_it_is_taken_in_for_the_days_that_it_was_asked_for(pawapay: PawaPayPlay, run: Run) -> None:
    keys = [paid(pawapay, DAY), paid(pawapay, DAY)]
    paid(pawapay, DAY - timedelta(days=1))
    assert "(pawaPay statement, CSV): 2 lines" in fetch(run)
    (one,) = kept(run)
    begins = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) - timedelta(hours=1)
    assert one["wallet"] == "m:pawapay"
    assert one["file"] == f"pawapay-{DAY}-{DAY}.csv.gz"
    assert one["imported_by"] == "Awa"
    assert [datetime.fromisoformat(one[name]) for name in ("from", "until")] == [begins, begins + timedelta(days=1)]
    lines = json.loads(run("statement", "show", one["number"], "--json"))
    assert [(line["kind"], line["amount_minor"]) for line in lines] == [("payment", 1500)] * len(keys)
    assert fetch(run, DAY, DAY, "--of", "m", "--provider", "MTN_MOMO_BEN").startswith("known: this file is statement")
    assert len(kept(run)) == 1


def test_many_days_are_several_statements_each_kept_by_itself(pawapay: PawaPayPlay, run: Run) -> None:
    first = DAY - timedelta(days=31 + 10)
    paid(pawapay, DAY)
    with pytest.raises(Fault) as why:  # of the earlier ones, in which nothing moved
        fetch(run, first)
    earlier = f"pawapay-{first}-{first + timedelta(days=30)}.csv.gz"
    assert str(why.value) == f"{earlier}: it has no line of money that moved: nothing was taken in"
    assert [one["file"] for one in kept(run)] == [f"pawapay-{first + timedelta(days=31)}-{DAY}.csv.gz"]
    assert pawapay.calls("statement") == 2


def test_what_pawapay_refuses_is_not_asked_for_again(pawapay: PawaPayPlay, run: Run) -> None:
    first = DAY - timedelta(days=70)
    with pytest.raises(Fault) as why:
        fetch(run, first, DAY, "--provider", "ORANGE_BFA")
    refused = "pawaPay refuses the statement: 200 REJECTED WALLET_NOT_FOUND No such wallet"
    assert str(why.value) == f"{first} to {first + timedelta(days=30)}: {refused}"
    assert (kept(run), pawapay.calls("statement")) == ([], 1)


def test_a_web_page_in_its_place_is_not_taken_in(pawapay: PawaPayPlay, run: Run) -> None:
    pawapay.script(on="download", http={"status": 200, "body": "<!doctype html><html><body>Sign in</body></html>"})
    with pytest.raises(Fault, match="this is a web page, not a statement"):
        fetch(run)
    assert kept(run) == []


def test_what_takes_too_long_is_left(pawapay: PawaPayPlay, run: Run) -> None:
    pawapay.script(on="statement", outcome="PROCESSING")
    with pytest.raises(Fault, match="hasn't made the statement in 1 s"):
        fetch(run, DAY, DAY, "--wait", "1")
    assert kept(run) == []


def test_a_callback_about_a_statement_is_stored_and_moves_nothing(
    webhook: str, village: Village, pawapay: PawaPayPlay
) -> None:
    village.providers["pawapay"] = pawapay.provider()
    before = village.entries()
    told = {"statementId": str(uuid.uuid4()), "status": "COMPLETED", "downloadUrl": "https://files.invalid/1.csv.gz"}
    answer = requests.post(f"{webhook}/payments/pawapay/{SECRET}/callback", json=told, timeout=5)
    village.work()
    assert (answer.status_code, village.notices(), village.entries()) == (200, 1, before)
    assert pawapay.calls("find") == 0


@pytest.mark.parametrize("late", [timedelta(), timedelta(days=1), timedelta(days=400)])
def test_a_day_that_is_not_over_for_an_hour_is_not_asked_for(
    pawapay: PawaPayPlay, run: Run, late: timedelta, office: Village
) -> None:
    over = day_in(ZONE, datetime.now(UTC) - timedelta(hours=1)) - timedelta(days=1)
    with pytest.raises(
        Fault, match=f"^--until is {over} at the latest: a day's statement is whole an hour after the day$"
    ):
        fetch(run, DAY, over + timedelta(days=1) + late)
    assert pawapay.calls("statement") == 0
    with office.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(wallet)) == 0


def test_days_the_wrong_way_round_and_an_account_that_is_not_connected(
    pawapay: PawaPayPlay, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Fault, match="--from is the first day, and --until the last"):
        fetch(run, DAY, DAY - timedelta(days=1))
    for name in ("PAWAPAY_API_TOKEN", "PAWAPAY_BASE_URL"):
        monkeypatch.delenv(name)
    with pytest.raises(Fault, match=r"^pawaPay isn't connected: set PAWAPAY_API_TOKEN and PAWAPAY_BASE_URL$"):
        fetch(run)
