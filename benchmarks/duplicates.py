"""Looking for households registered twice: what a household costs in a network of growing size, all in one run.

What counts is the growth: the smallest network of the same run is 1.0. All are new, so that the first run is measured,
in which all keys are written down; a later one looks only at those who came since.
"""

from __future__ import annotations

import resource
import time

from benchmarks.fill import DEFAULTS
from benchmarks.place import Place, tell
from gateway.kernel.clock import SystemClock
from gateway.membership.duplicates.finding import run
from gateway.network.organisations import read_tree
from gateway.store.engine import open_engine
from gateway.store.unit import Store

SIZES = (1_000, 20_000)
FULL = (20_000, 100_000, 1_000_000)
HEADS = (
    "| households | seconds | ms each | ÷ the smallest | pairs | peak MiB |",
    "| --: | --: | --: | --: | --: | --: |",
)


def measure(place: Place, sizes: tuple[int, ...]) -> list[str]:
    """Lines of a table: one for each size of network."""
    lines, smallest = list(HEADS), 0.0
    for size in sizes:
        store = Store(open_engine(place.network(size).database_url, patient=True), SystemClock())
        tree = read_tree(store, DEFAULTS)
        begun = time.perf_counter()
        done = run(store, tree, tree.named("bench"))
        took = time.perf_counter() - begun
        each_ms = took / done.households * 1e3
        smallest = smallest or each_ms
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        lines.append(
            f"| {done.households} | {took:.1f} | {each_ms:.2f} | {each_ms / smallest:.2f} | {done.pairs} "
            f"| {memory:.0f} |"
        )
        tell(lines[-1])
        store.close()
    return lines
