"""One run: a seed, an empty database, a morning of storm, ten quiet days, and the audit."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from unittest import mock

from simulation.audit import Audit, Tally
from simulation.chance import Chance
from simulation.machine import Machine
from simulation.town import Town

STORM_S = 4 * 3600.0
QUIET = timedelta(days=10)


@dataclass(frozen=True)
class Result:
    """What a run found: ``wrong`` is empty when all held; two runs of one seed have the same ``digest``."""

    seed: int
    wrong: tuple[str, ...]
    met: Counter[str]
    tally: Tally
    digest: str


def run(seed: int, url: str, told: Callable[[str], None] | None = None) -> Result:
    """Play one seed on an empty, migrated database."""
    chance = Chance(seed)
    machine = Machine(url, chance)
    machine.told = told
    try:
        with _nothing_but_the_seed(machine, seed):
            town = Town(machine)
            _storm(machine, town)
            _calm(machine, town)
            with machine.store.read() as connection:
                audit = Audit(connection, town)
                wrong = tuple(audit.wrong())
                return Result(seed, wrong, chance.met, audit.tally(), machine.trace.hexdigest())
    finally:
        machine.engine.dispose()


def _storm(machine: Machine, town: Town) -> None:
    chance = machine.chance
    for _ in range(chance.random.randint(2, 16)):
        ways = [town.pay_by_push, town.pay_by_reference, town.pay_cash, town.pay_as_a_group]
        do = chance.random.choices(ways, [10, 4, 1, 1])[0]
        machine.after(chance.random.uniform(1, STORM_S / 2), "somebody pays", do)
    for _ in range(6):
        machine.after(chance.random.uniform(1, STORM_S), "the operator takes back", town.take_back_something)
        machine.after(chance.random.uniform(1, STORM_S), "a forger", town.forge)
        if chance.random.random() < 0.2:
            machine.after(chance.random.uniform(1, STORM_S), "somebody wants it back", town.give_something_back)
        machine.after(chance.random.uniform(1, STORM_S), "a round", town.round)
        machine.after(chance.random.uniform(1, STORM_S), "weather", lambda: _weather(machine, town))
    machine.after(1, "sweep", machine.sweep)
    machine.run_for(STORM_S)


def _weather(machine: Machine, town: Town) -> None:
    """A part of the house goes away for a while."""
    chance = machine.chance
    if chance.hit("database down"):
        machine.take_database_down(chance.seconds(1, 600))
    if chance.hit("redis emptied"):
        machine.empty_redis()
    if chance.hit("operator down"):
        chance.random.choice(list(town.operators.values())).take_down(chance.seconds(10, 7200))


def _calm(machine: Machine, town: Town) -> None:
    """Nothing new goes wrong; what is under way comes to its end, a day's work in as many steps as it needs."""
    machine.chance.on = False
    machine.take_database_down(0)
    until = machine.now() + QUIET
    while machine.now() < until:
        due = machine.next_due()
        following = min(until, max(machine.now(), due) if due else until, machine.next_event() or until)
        machine.run_for(max(1.0, (following - machine.now()).total_seconds() + 0.5))
        machine.sweep()
    town.round()
    machine.sweep()


@contextmanager
def _nothing_but_the_seed(machine: Machine, seed: int) -> Iterator[None]:
    """Keys, codes, jitter and ids come from the seed and the virtual clock, so that a seed is always the same run."""
    drawn = random.Random(seed ^ 0x5EED)
    with (
        mock.patch.object(os, "urandom", drawn.randbytes),
        mock.patch.object(random, "_urandom", drawn.randbytes),
        mock.patch.object(time, "time_ns", machine.time_ns),
        mock.patch.object(time, "monotonic", machine.monotonic),
    ):
        random.seed(seed)
        yield
