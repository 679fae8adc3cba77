"""The cover of a whole network, against reading the same rows plainly and doing nothing; as the network grows."""

from __future__ import annotations

import multiprocessing
import re
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import psycopg

from benchmarks.fill import DEFAULTS, TODAY, fill
from benchmarks.place import Place, tell
from gateway.kernel.clock import SystemClock
from gateway.membership.everyone import BATCH, Counts, Share, added, count, everyone, shares
from gateway.network.organisations import read_tree
from gateway.store import migrate
from gateway.store.engine import open_engine
from gateway.store.unit import Store

SIZES = (10_000, 100_000)
FULL = (*SIZES, 1_000_000)
PROCESSES = 2
# The rows that a cover is computed from, of everybody, in as many statements as the gateway asks of a batch.
PLAIN = (
    "select id, card, section_id, registered_at from household",
    "select household_id, id, covered_from from beneficiary",
    "select m.*, p.* from membership m join plan p on p.id = m.plan_id",
    "select l.household_id, l.membership_id, l.due_on, l.amount_minor, e.happened_on, e.key "
    "from line l join entry e on e.id = l.entry_id join account a on a.id = l.account_id "
    "where a.role in ('receivable', 'advance')",
)


HEADS = (
    "| households | database | seconds | processor, s | peak MiB "
    "| plain, s | plain, processor, s | ÷ plain | 2 processes, s |",
    "| --: | --- | --: | --: | --: | --: | --: | --: | --: |",
)


@dataclass(frozen=True)
class Took:
    """What some work took, in a process of its own: seconds, those of them that the processor worked for it (and not
    for the database or others), the most memory it held, and what it counted."""

    seconds: float
    processor_s: float
    memory_mib: float
    counts: Counts


def measure(place: Place, sizes: tuple[int, ...]) -> list[str]:
    """Everybody's cover in networks of these sizes, on both databases."""
    lines, each_us = list(HEADS), defaultdict[str, list[float]](list)
    for size in sizes:
        for kind, url in _filled(place, size):
            line, processor_s = measured(kind, url, size)
            lines.append(line)
            each_us[kind].append(processor_s / size * 1e6)
            tell(line)
    lines += [
        "",
        f"| processor, µs a household | {sizes[0]:,} | {sizes[-1]:,} | ratio |",
        "| --- | --: | --: | --: |",
    ]
    return lines + [
        f"| {kind} | {each[0]:.0f} | {each[-1]:.0f} | {each[-1] / each[0]:.2f} |" for kind, each in each_us.items()
    ]


def measured(kind: str, url: str, size: int) -> tuple[str, float]:
    """A line of the table on a filled database, and the seconds that the processor worked for our side of it."""
    _alone(_plain, url)  # once in vain: what is on disk is in memory for both
    ours, plain = _alone(_ours, url), _alone(_plain, url)
    shared_s, counts = _shared(url)
    assert counts == ours.counts
    assert sum(one.households for one in counts.values()) == size
    cells = (
        f"{size:,}", kind, f"{ours.seconds:.1f}", f"{ours.processor_s:.1f}", f"{ours.memory_mib:.0f}",
        f"{plain.seconds:.1f}", f"{plain.processor_s:.1f}", f"{ours.seconds / plain.seconds:.1f}", f"{shared_s:.1f}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |", ours.processor_s


def _filled(place: Place, size: int) -> Iterator[tuple[str, str]]:
    """A database of each kind with so many households; one is gone when the next is asked for."""
    file, name = place.folder / f"cover{size}.db", f"cover{size}"
    with psycopg.connect(place.url.replace("+psycopg", ""), autocommit=True) as admin:
        for kind, url in (
            ("PostgreSQL", place.url.replace("/postgres?", f"/{name}?")),
            ("SQLite", f"sqlite:///{file}"),
        ):
            if kind == "PostgreSQL":
                admin.execute(f"create database {name}")
            with closing(_store(url)) as store:
                migrate.upgrade(store.engine)
                begun = time.monotonic()
                fill(store, url, size)
            tell(f"{kind}: {size:,} households in {time.monotonic() - begun:.0f} s")
            yield kind, url
        admin.execute(f"drop database {name}")
    file.unlink()


def _store(url: str) -> Store:
    return Store(open_engine(url, patient=True), SystemClock())


def _alone(work: Callable[[str], Counts], url: str) -> Took:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_timed, work, url).result()


def _timed(work: Callable[[str], Counts], url: str) -> Took:
    begun, worked = time.perf_counter(), time.process_time()
    counts = work(url)
    seconds, processor_s = time.perf_counter() - begun, time.process_time() - worked
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return Took(seconds, processor_s, int(found[1]) / 1024, counts)


def _ours(url: str, share: Share | None = None) -> Counts:
    with closing(_store(url)) as store, store.read() as connection:
        return count(everyone(connection, read_tree(store, DEFAULTS), TODAY, share=share))


def _shared(url: str) -> tuple[float, Counts]:
    """As ``gateway cover count --processes 2`` does it."""
    begun = time.perf_counter()
    with closing(_store(url)) as store, store.read() as connection:
        each = shares(connection, PROCESSES * 4)
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
        counts = added(pool.map(_ours, repeat(url), each))
    return time.perf_counter() - begun, counts


def _plain(url: str) -> Counts:
    """The drivers alone, a part of the rows in memory at a time."""
    if url.startswith("sqlite"):
        own = sqlite3.connect(url.removeprefix("sqlite:///"))
        for statement in PLAIN:
            cursor = own.execute(statement)
            while cursor.fetchmany(BATCH):
                pass
        own.close()
        return {}
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        for number, statement in enumerate(PLAIN):
            with connection.cursor(f"plain{number}") as cursor:
                cursor.execute(statement)
                while cursor.fetchmany(BATCH):
                    pass
    return {}
