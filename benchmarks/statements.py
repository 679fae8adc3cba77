"""A month's statement read and matched, against bare polars that reads the same files and joins on the number."""

from __future__ import annotations

import multiprocessing
import re
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import polars as pl

from benchmarks.hops import ROUNDS
from benchmarks.place import Place, tell
from gateway.payments.reconciliation.items import OURS
from gateway.payments.reconciliation.matching.match import match
from gateway.payments.statements.hints import Hints
from gateway.payments.statements.reading import read_statement

SIZES = (100_000,)
FULL = (*SIZES, 1_000_000)
_FROM = datetime(2026, 10, 1, tzinfo=UTC)
_HINTS = Hints("KES", "KE", "Africa/Nairobi")
_LOCAL = timedelta(hours=3)
# Of a thousand payments so many aren't known to us, stand in no statement, stand there with another amount, twice, or
# bear no operator's number with us; the rest match by number.
_UNKNOWN, _MISSING, _DIFFERING, _TWICE, _BARE = 3, 3, 1, 1, 5

Counts = dict[str, int]


@dataclass(frozen=True)
class Took:
    """What some work took in a process of its own: seconds, the most memory it held beyond what the process had
    before, and what it counted."""

    seconds: float
    memory_mib: float
    counts: Counts


def measure(place: Place, sizes: tuple[int, ...]) -> list[str]:
    """Statements of so many payments; the median of some rounds that take turns."""
    lines = [
        "| lines | read and match, s | of it matching, s | memory, MiB | bare polars, s | memory, MiB | ratio |",
        "| --: | --: | --: | --: | --: | --: | --: |",
    ]
    for size in sizes:
        write(place.folder, size)
        rounds = [
            (_alone(_ours, place.folder), _alone(_only_match, place.folder), _alone(_plain, place.folder))
            for _ in range(ROUNDS)
        ]
        ours, _, plain = rounds[0]
        assert ours.counts == expected(size), (ours.counts, expected(size))
        assert plain.counts["matched"] == size - size // 1000 * (_UNKNOWN + _MISSING + _BARE - _TWICE)
        seconds = [median(each[which].seconds for each in rounds) for which in range(3)]
        cells = (
            f"{size:,}", f"{seconds[0]:.2f}", f"{seconds[1]:.2f}", f"{max(one.memory_mib for one, *_ in rounds):.0f}",
            f"{seconds[2]:.2f}", f"{max(each[2].memory_mib for each in rounds):.0f}",
            f"{median(each[0].seconds / each[2].seconds for each in rounds):.2f}",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
        tell(lines[-1])
    return lines


def expected(size: int) -> Counts:
    """What must come of it."""
    each = size // 1000
    return {
        "matched": size - each * (_UNKNOWN + _MISSING + _DIFFERING),
        "differing": each * _DIFFERING,
        "repeated": each * _TWICE,
        "left_lines": each * _UNKNOWN,
        "left_ours": each * _MISSING,
    }


# --- the files --------------------------------------------------------------------------------------------------------


def write(folder: Path, size: int) -> None:
    """An M-Pesa organisation's statement of a month, oldest first, and our movements of it in another order."""
    number = pl.int_range(size, eager=True).alias("number")
    # Which of a thousand it is; the kinds lie apart, so that none is taken for another that is near in time.
    kind, begins, at = number % 1000, 0, {}
    for name, count in (
        ("unknown", _UNKNOWN), ("missing", _MISSING), ("differing", _DIFFERING), ("twice", _TWICE), ("bare", _BARE),
    ):  # fmt: skip
        at[name] = (kind >= begins) & (kind < begins + count)
        begins += 100
    moment = pl.lit(_FROM).dt.cast_time_unit("us") + pl.duration(milliseconds=number * (30 * 86_400_000 // size))
    month = pl.select(
        number,
        moment.alias("at"),
        ((number % 7 + 1) * 500).alias("amount"),
        pl.format("QJ{}", number * 7919 + 10**9).alias("receipt"),
        pl.format("2547{}", number * 104_729 % 90_000_000 + 10_000_000).alias("phone"),
        **at,
    )
    _write_ours(folder / "ours.parquet", month.filter(~pl.col("unknown")))
    theirs = month.filter(~pl.col("missing"))
    theirs = pl.concat([theirs, theirs.filter("twice")]).sort("at", "number", maintain_order=True)
    write_theirs(folder / "statement.csv", theirs)


def _write_ours(file: Path, month: pl.DataFrame) -> None:
    month.sample(fraction=1, shuffle=True, seed=1).select(
        source=pl.lit("collection", OURS["source"]),
        id="number",
        amount=pl.col("amount") * 100,
        at="at",
        counts=pl.lit(True),
        operator_id=pl.when(~pl.col("bare")).then("receipt"),
        our_id=pl.format("K{}", "number"),
        card=pl.lit(None, pl.String),
        payer=pl.format("+{}", "phone"),
    ).cast(dict(OURS)).write_parquet(file)  # fmt: skip


def write_theirs(file: Path, month: pl.DataFrame) -> None:
    paid = pl.col("amount") + pl.when("differing").then(100).otherwise(0)
    local = (pl.col("at") + _LOCAL).dt.strftime("%d-%m-%Y %H:%M:%S")
    month.select(
        pl.col("receipt").alias("Receipt No."),
        local.alias("Completion Time"),
        local.alias("Initiation Time"),
        pl.format("Pay Bill from {} Acc. cotisation", "phone").alias("Details"),
        pl.lit("Completed").alias("Transaction Status"),
        pl.format("{}.00", paid).alias("Paid In"),
        pl.lit(None, pl.String).alias("Withdrawn"),
        pl.format("{}.00", paid.cum_sum()).alias("Balance"),
        pl.lit("Pay Bill Online").alias("Reason Type"),
        pl.format("{} - A PAYER", "phone").alias("Other Party Info"),
        pl.lit(None, pl.String).alias("Linked Transaction ID"),
        pl.lit("cotisation").alias("A/C No."),
    ).write_csv(file)


# --- the work ---------------------------------------------------------------------------------------------------------


def _ours(folder: Path) -> Counts:
    return _matched(_read(folder), pl.read_parquet(folder / "ours.parquet"))


def _read(folder: Path) -> pl.DataFrame:
    return pl.concat(read_statement(folder / "statement.csv", "mpesa", _HINTS).lines)


def _matched(lines: pl.DataFrame, ours: pl.DataFrame) -> Counts:
    matched = match(lines, ours)
    return {
        "matched": matched.matches.height,
        **{name: getattr(matched, name).height for name in ("differing", "repeated", "left_lines", "left_ours")},
    }


def _plain(folder: Path) -> Counts:
    theirs = pl.read_csv(folder / "statement.csv")
    ours = pl.read_parquet(folder / "ours.parquet")
    theirs, ours = theirs.select("Receipt No.", "Paid In"), ours.select("operator_id", "source", "id", "amount")
    return {"matched": theirs.join(ours, left_on="Receipt No.", right_on="operator_id").height}


def _only_match(folder: Path) -> tuple[float, Counts]:
    lines, ours = _read(folder), pl.read_parquet(folder / "ours.parquet")
    begun = time.perf_counter()
    counts = _matched(lines, ours)
    return time.perf_counter() - begun, counts


def _alone(work: Callable[[Path], Counts | tuple[float, Counts]], folder: Path) -> Took:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_timed, work, folder).result()


def _timed(work: Callable[[Path], Counts | tuple[float, Counts]], folder: Path) -> Took:
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew: proc(5)
    before, begun = _memory_mib(), time.perf_counter()
    done = work(folder)
    seconds = time.perf_counter() - begun
    if isinstance(done, tuple):
        seconds, done = done
    return Took(seconds, _memory_mib() - before, done)


def _memory_mib() -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024
