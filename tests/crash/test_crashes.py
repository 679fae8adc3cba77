"""Real processes are killed while money moves: nothing that was paid is lost, doubled or left untold.

``CRASH_SEEDS="1 2 3" CRASH_PAYMENTS=200 CRASH_KILLS=20 pytest tests/crash`` makes a longer campaign of it; a failure is
played again by its seed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from sqlalchemy import text

from tests.crash.house import House, new_folder, wait_for

SEEDS = [int(seed) for seed in os.environ.get("CRASH_SEEDS", "1").split()]
PAYMENTS = int(os.environ.get("CRASH_PAYMENTS", "24"))
KILLS = int(os.environ.get("CRASH_KILLS", "4"))


@pytest.fixture(scope="module")
def running_house() -> Iterator[House]:
    folder = new_folder()
    house = House(folder)
    try:
        house.start()
        yield house
    finally:
        house.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def house(running_house: House) -> House:
    """The house with everything up."""
    running_house.momo.play("reset", {})
    running_house.calm()
    return running_house


@pytest.fixture(autouse=True)
def leases(running_house: House) -> None:
    """From now on the database remembers every lease that was taken."""
    remember = (
        "create table if not exists lease_log (job text, period bigint, holder text, primary key (job, period))",
        "create or replace function remember_lease() returns trigger language plpgsql as "
        "'begin insert into lease_log values (new.job, new.period, new.holder); return new; end'",
        "create or replace trigger remember after insert or update on lease "
        "for each row execute function remember_lease()",
    )
    with running_house.runtime.store.write() as unit:
        for statement in remember:
            unit.connection.execute(text(statement))


@pytest.mark.parametrize("seed", SEEDS)
def test_workers_are_killed_while_payments_run(house: House, seed: int) -> None:
    """Each payment is told of three times; the workers for money and receipts die again and again meanwhile."""
    chance = random.Random(seed)
    payers = house.pay(PAYMENTS, slow=0.1, callback={"times": 3, "delay": 0.1})
    kills: Counter[str] = Counter()
    while kills.total() < KILLS:
        time.sleep(chance.uniform(0.05, 1.5))
        victim = "worker --queue " + chance.choice(("money", "money", "receipts"))
        kills[victim] += house.kill(victim)
        house.family.children[victim].falls = 0
        if kills.total() == KILLS // 2:
            house.let_claims_run_out()  # what the dead had in their hands is taken up, and its next holders die too
    house.let_claims_run_out()
    house.wait_until_settled(payers)
    house.check_the_books(payers)


@pytest.mark.long
@pytest.mark.parametrize("empty", [False, True], ids=["with what it had written", "with nothing"])
def test_redis_is_killed_while_payments_run(house: House, empty: bool) -> None:
    payers = house.pay(8, slow=0.05, callback={"times": 2, "delay": 0.1})
    time.sleep(0.3)
    house.kill_redis(empty)
    payers |= house.pay(4)
    house.let_claims_run_out()
    house.wait_until_settled(payers)
    house.check_the_books(payers)


@pytest.mark.long
def test_the_web_is_killed_while_operators_call(house: House) -> None:
    """Whatever was answered with 200 is stored: first the web's workers are killed, then their master."""
    chance, over = random.Random(SEEDS[0]), threading.Event()

    def call(caller: int) -> list[tuple[str, int]]:
        told: list[tuple[str, int]] = []
        while not over.is_set():
            reference = f"{caller}-{len(told)}"
            told.append((reference, house.tell(reference)))
            if told[-1][1] == 0:
                time.sleep(0.05)
        return told

    with ThreadPoolExecutor(3) as callers:
        calls = [callers.submit(call, number) for number in range(3)]
        try:
            for _ in range(KILLS):
                time.sleep(chance.uniform(0.2, 0.6))
                workers = wait_for(house.web_workers, "a web worker is up")
                os.kill(chance.choice(workers), signal.SIGKILL)
            time.sleep(0.5)
            assert house.kill("run")
            wait_for(lambda: house.tell("after-the-fall") == 200, "the web is back")
            time.sleep(0.3)
        finally:
            over.set()
        told = [one for future in calls for one in future.result()]
    acknowledged = {reference for reference, status in told if status == 200}
    assert {status for _, status in told} <= {0, 200, 503}
    assert len(acknowledged) > 50
    assert acknowledged <= house.notices()


@pytest.mark.long
def test_postgresql_is_stopped_and_comes_back(house: House) -> None:
    """While it is away nothing is acknowledged; afterwards everything is finished by the processes that were there."""
    payers = house.pay(6, slow=0.1, callback={"times": 2, "delay": 0.1})
    before = {child: house.pid(child) for child in house.family.children}
    time.sleep(0.4)
    house.stop_postgres()
    assert [house.tell("while-it-is-away") for _ in range(3)] == [503] * 3
    status, told = house.health()
    assert (status, told["status"]) == (503, "down")
    assert told["parts"]["database"]["state"] == "down"
    assert told["parts"]["redis"]["state"] == "ok"
    house.start_postgres()
    house.wait_until_ready()
    house.let_claims_run_out()
    house.wait_until_settled(payers)
    house.check_the_books(payers)
    assert "while-it-is-away" not in house.notices()
    assert {child: house.pid(child) for child in house.family.children} == before


@pytest.mark.long
def test_of_two_schedulers_one_sweeps_each_second(house: House) -> None:
    """A primary key in the log would have refused a second one; and all along no second was left out for long."""

    def taken() -> list[tuple[int, str]]:
        with house.runtime.store.read() as connection:
            rows = connection.execute(text("select period, holder from lease_log where job = 'sweep' order by period"))
            return [(row.period, row.holder) for row in rows]

    before = len(taken())
    time.sleep(3)
    mine = taken()[before:]
    assert 1 <= len(mine) <= 6
    assert all(later - earlier <= 5 for (earlier, _), (later, _) in pairwise(mine))
    # When the one that holds it falls, the other goes on.
    holder = taken()[-1][1]
    victim = next(name for name in ("scheduler", "scheduler again") if holder.endswith(f":{house.pid(name)}"))
    house.kill(victim)
    wait_for(lambda: taken()[-1][1] != holder, "the other scheduler sweeps", 10)


def test_nothing_of_anybody_was_logged(house: House) -> None:
    log = (house.folder / "gateway.log").read_text()
    for canary in ("Adjara", "+22901000", "22901000", "crash-webhook-secret", "crash-secret-key", "standin-api-key"):
        assert canary not in log
