"""Every figure of a whole network, against reading the same tables plainly; as the network grows.

The scheduler gathers payments as they come, so that a count finds those of the last day to do. Here all are new: how
long gathering them takes is told by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

from benchmarks.fill import DEFAULTS, TODAY
from benchmarks.place import Place, tell
from gateway.indicators.figures import figures_below
from gateway.indicators.payments import gathering
from gateway.indicators.periods import Period
from gateway.kernel.clock import SystemClock
from gateway.network.organisations import read_tree
from gateway.store.engine import open_engine
from gateway.store.unit import Store

SIZES = (1_000, 20_000)
FULL = (20_000, 100_000, 1_000_000)
ROUNDS = 3
GOAL_S = 10.0
# What the figures are counted from, each row looked at once and nothing done with it.
PLAIN = (
    "select sum(section_id) from household",
    "select sum(beneficiaries) from membership where starts_on > '2000-01-01'",
    "select count(*) from beneficiary where relation = 'head'",
    "select sum(amount_minor) from line where due_on is not null",
    "select sum(amount_minor) from line where due_on is null",
    "select max(happened_on) from entry",
)
HEADS = (
    "| households | a year, s | a quarter, s | a month, s | tables plainly, s | a year ÷ plain | gathering once, s |",
    "| --: | --: | --: | --: | --: | --: | --: |",
)


def measure(place: Place, sizes: tuple[int, ...]) -> list[str]:
    """Every organisation's figures in networks of these sizes, on PostgreSQL."""
    lines, years = list(HEADS), []
    for size in sizes:
        line, year_s = _measured(place.network(size).database_url, size)
        lines.append(line)
        years.append(year_s)
        tell(line)
    grown = years[-1] / years[0]
    lines += [
        "",
        f"{sizes[-1] / sizes[0]:.0f} times the households take {grown:.1f} times as long; the goal is {GOAL_S:.0f} s "
        f"for a million.",
    ]
    return lines


def _measured(url: str, size: int) -> tuple[str, float]:
    with closing(Store(open_engine(url, patient=True), SystemClock())) as store:
        tree = read_tree(store, DEFAULTS)
        root = min(tree.by_id.values(), key=lambda one: len(one.path))

        def counted(period: Period) -> Callable[[], object]:
            def work() -> object:
                with store.read() as connection:
                    return figures_below(connection, tree, root, period)

            return work

        def plain() -> object:
            with store.read() as connection:
                return [connection.exec_driver_sql(each).all() for each in PLAIN]

        begun = time.perf_counter()
        gathered = sum(gathering(store))
        gathering_s = time.perf_counter() - begun
        assert gathered > size, gathered
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("vacuum analyze indicator_payment")
        year = Period(TODAY.year)
        found = counted(year)()
        assert isinstance(found, dict)
        households = next(one for one in found[root.id] if one.code == "households")
        assert households.value == size, households
        took = [
            _best(work)
            for work in (
                counted(year),
                counted(Period(TODAY.year, quarter=1)),
                counted(Period(TODAY.year, month=1)),
                plain,
            )
        ]
    cells = (f"{size:,}", *(f"{each:.2f}" for each in took), f"{took[0] / took[-1]:.1f}", f"{gathering_s:.0f}")
    return f"| {' | '.join(cells)} |", took[0]


def _best(work: Callable[[], object]) -> float:
    """The least of some rounds: what it takes when nothing else is done."""
    took = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    return min(took)
