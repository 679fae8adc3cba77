"""``python -m simulation --seeds 200``: many runs, a summary, and the seeds that found something."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from gateway.store import migrate
from gateway.store.engine import open_engine
from simulation.chance import FAULTS
from simulation.run import Result, run

_MEMORY = "/dev/shm"  # no disk is waited for, where there is a file system in memory
SHOWN = 10  # failing seeds that are told in full


def main() -> int:
    """Play the seeds asked for; 1 when any of them found something."""
    asked = _arguments()
    logging.disable(logging.CRITICAL)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="simulation-", dir=_MEMORY if Path(_MEMORY).is_dir() else None) as where:
        folder = Path(where)
        template = folder / "empty.db"
        engine = open_engine(f"sqlite:///{template}", patient=True)
        migrate.upgrade(engine)
        engine.dispose()
        play = partial(_play, template)
        if asked.seed is not None:
            url = asked.database or f"sqlite:///{shutil.copy(template, folder / 'one.db')}"
            result = run(asked.seed, url, print)
            _tell(result)
            return int(bool(result.wrong))
        seeds = range(asked.first, asked.first + asked.seeds)
        if asked.processes == 1:
            results = list(_progress(map(play, seeds), len(seeds), asked.until_wrong))
        else:
            with ProcessPoolExecutor(asked.processes) as processes:
                results = list(_progress(processes.map(play, seeds, chunksize=4), len(seeds), asked.until_wrong))
                processes.shutdown(cancel_futures=True)
    _summary(results, time.monotonic() - begun)
    return int(any(result.wrong for result in results))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many runs")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--until-wrong", action="store_true", help="stop at the first seed that finds something")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, help="play this one alone, and tell every step")
    parser.add_argument("--database", help="with --seed: an empty, migrated database of either kind")
    return parser.parse_args()


def _play(template: Path, seed: int) -> Result:
    own = template.with_name(f"{seed}.db")
    shutil.copy(template, own)
    try:
        return run(seed, f"sqlite:///{own}")
    finally:
        for each in template.parent.glob(f"{seed}.db*"):
            each.unlink()


def _progress(results: Iterator[Result], total: int, until_wrong: bool) -> Iterator[Result]:
    for done, result in enumerate(results, 1):
        if result.wrong:
            _tell(result)
        if done % 500 == 0:
            print(f"… {done} of {total}", file=sys.stderr, flush=True)
        yield result
        if result.wrong and until_wrong:
            return


def _tell(result: Result) -> None:
    print(f"seed {result.seed}: {len(result.wrong)} wrong; again: make simulate SEED={result.seed}")
    for line in result.wrong[:SHOWN]:
        print(f"    {line}")
    sys.stdout.flush()


def _summary(results: list[Result], took_s: float) -> None:
    met: Counter[str] = sum((result.met for result in results), Counter())
    tallies = [result.tally for result in results]
    for fault in FAULTS:
        print(f"{met[fault]:>9} {fault}")
    print(
        f"{len(results)} seeds, {met.total()} faults, {sum(one.collections for one in tallies)} collections of which "
        f"{sum(one.paid for one in tallies)} paid, {sum(one.messages for one in tallies)} messages"
    )
    print(
        f"left undecided and listed {sum(one.undecided for one in tallies)}; "
        f"moved and told of by nobody, for a statement to bring, {sum(one.untold for one in tallies)}"
    )
    failed = [str(result.seed) for result in results if result.wrong]
    print(f"{len(failed)} seeds found something ({took_s:.0f} s) {', '.join(failed[:50])}".rstrip())


if __name__ == "__main__":
    # Sets of strings are in another order in each process unless told: a seed must always be the same run.
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(
            sys.executable, [sys.executable, "-m", "simulation", *sys.argv[1:]], {**os.environ, "PYTHONHASHSEED": "0"}
        )
    sys.exit(main())
