"""A month's statement taken in and reconciled with a database's books, against bare polars that loads and joins both.

The baseline reads the file and the same payments of the same database, each in polars' own way, and joins them on the
operator's number; nothing is checked, nothing kept. Ours reads, checks and keeps every line, and in a second process,
as `gateway reconcile` does, matches it with what the books hold, and keeps with what. Memory is all that a process
ever held.
"""

from __future__ import annotations

import multiprocessing
import re
import sqlite3
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl
import psycopg
from sqlalchemy import text

from benchmarks.fill import DEFAULTS
from benchmarks.hops import ROUNDS
from benchmarks.place import Place, tell
from benchmarks.statements import write_theirs
from gateway.kernel.clock import SystemClock
from gateway.ledger.chart import Chart
from gateway.network.organisations import Network, add_organisation
from gateway.payments.reconciliation.kept import Kept
from gateway.payments.reconciliation.running import reconcile
from gateway.payments.reconciliation.taking_in import take_in
from gateway.payments.reconciliation.wallets import open_wallet, wallet_named
from gateway.payments.statements.hints import Hints
from gateway.store import migrate
from gateway.store.engine import open_engine
from gateway.store.unit import Store

_FROM = datetime(2026, 10, 1, tzinfo=UTC)
_HINTS = Hints("KES", "KE", "Africa/Nairobi")
_PAYMENTS = "select operator_id, key, paid_minor, paid_at, payer from collection where provider = 'mpesa'"
_COLUMNS = (
    "id, key, effect_key, organisation_id, group_id, way, provider, payer, amount_minor, currency, state, created_at, "
    "looks, paid_minor, paid_currency, paid_at, operator_id"
)

Took = tuple[float, float, int]  # seconds, MiB, matched


def measure(place: Place, sizes: tuple[int, ...]) -> list[str]:
    """On both databases, statements of so many payments; the median of some rounds that take turns."""
    lines = [
        "| lines | database | taken in and reconciled, s | memory, MiB | bare polars, s | memory, MiB | ratio |",
        "| --: | --- | --: | --: | --: | --: | --: |",
    ]
    for size in sizes:
        month = write_month(place.folder, size)
        for kind in ("SQLite", "PostgreSQL"):
            url = _database(place, kind, size, month)
            rounds = []
            for _ in range(ROUNDS):
                rounds.append((_both(url, place.folder), _alone(_plain, url, place.folder)))
                _forget(url)
            assert all(ours[2] == plain[2] == size for ours, plain in rounds), rounds
            cells = (
                f"{size:,}", kind,
                f"{median(ours[0] for ours, _ in rounds):.1f}", f"{max(ours[1] for ours, _ in rounds):.0f}",
                f"{median(plain[0] for _, plain in rounds):.1f}", f"{max(plain[1] for _, plain in rounds):.0f}",
                f"{median(ours[0] / plain[0] for ours, plain in rounds):.2f}",
            )  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |")
            tell(lines[-1])
    return lines


def write_month(folder: Path, size: int) -> pl.DataFrame:
    """The payments of a month, and the statement of them."""
    number = pl.int_range(size, eager=True).alias("number")
    apart = pl.duration(milliseconds=number * (30 * 86_400_000 // size))
    month = pl.select(
        number,
        (pl.lit(_FROM).dt.cast_time_unit("us") + apart).dt.truncate("1s").alias("at"),
        ((number % 7 + 1) * 500).alias("amount"),
        pl.format("QJ{}", number * 7919 + 10**9).alias("receipt"),
        pl.format("2547{}", number * 104_729 % 90_000_000 + 10_000_000).alias("phone"),
        pl.lit(False).alias("differing"),
    )
    write_theirs(folder / "statement.csv", month)
    return month


# --- the books --------------------------------------------------------------------------------------------------------


def _database(place: Place, kind: str, size: int, month: pl.DataFrame) -> str:
    """A migrated database with the month's payments, and an entry for each."""
    if kind == "SQLite":
        url = f"sqlite:///{place.folder / f'statements-{size}.db'}"
    else:
        with psycopg.connect(place.url.replace("+psycopg", ""), autocommit=True) as admin:
            admin.execute(f"create database statements_{size}")
        url = place.url.replace("/postgres?", f"/statements_{size}?")
    store = _store(url)
    migrate.upgrade(store.engine)
    with store.write() as unit:
        own = {"code": "bench", "name": "Bench", "currency": "KES", "time_zone": "Africa/Nairobi"}
        books, _ = add_organisation(unit, None, kind="platform", languages="fr", keeps_books=True, **own)
        accounts = Chart().of(unit, books, "KES")
        unit.connection.execute(
            text("insert into payer_group (id, organisation_id, code, name, rule) values (1, :books, 'g', 'G', 'due')"),
            {"books": books},
        )
    store.close()
    frames = _rows(month, books, accounts)
    (_insert if kind == "SQLite" else _copy)(url, frames)
    return url


def _rows(month: pl.DataFrame, books: int, accounts: dict[str, int]) -> dict[str, pl.DataFrame]:
    number = pl.col("number") + 1
    moment = pl.col("at").dt.strftime("%Y-%m-%d %H:%M:%S%.6f")
    its_id = pl.format("00000000-0000-4000-8000-{}", number.cast(pl.String).str.zfill(12))
    collections = month.select(
        id=number, key=its_id, effect_key=pl.format("bench:{}", number), organisation_id=pl.lit(books),
        group_id=pl.lit(1), way=pl.lit("push"), provider=pl.lit("mpesa"), payer=pl.format("+{}", "phone"),
        amount_minor=pl.col("amount") * 100, currency=pl.lit("KES"), state=pl.lit("paid"), created_at=moment,
        looks=pl.lit(0), paid_minor=pl.col("amount") * 100, paid_currency=pl.lit("KES"), paid_at=moment,
        operator_id="receipt",
    )  # fmt: skip
    entries = month.select(
        id=its_id, key=pl.format("collection:{}", its_id), organisation_id=pl.lit(books), journal=pl.lit("collections"),
        currency=pl.lit("KES"), happened_on=pl.col("at").dt.strftime("%Y-%m-%d"), recorded_at=moment,
    )  # fmt: skip
    halves = [
        month.select(entry_id=its_id, account_id=pl.lit(accounts[role]), amount_minor=pl.col("amount") * 100 * sign)
        for role, sign in (("wallet", 1), ("suspense", -1))
    ]
    return {"collection": collections, "line": pl.concat(halves), "entry": entries}


def _copy(url: str, frames: dict[str, pl.DataFrame]) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as own:
        own.execute("set session_replication_role = replica; set synchronous_commit = off; set timezone = UTC")
        for table, frame in frames.items():
            with own.cursor().copy(f"copy {table} ({', '.join(frame.columns)}) from stdin (format csv)") as copy:
                for part in frame.iter_slices(100_000):
                    copy.write(part.write_csv(include_header=False))
        own.execute("vacuum analyze")


def _insert(url: str, frames: dict[str, pl.DataFrame]) -> None:
    own = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    own.executescript("pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -500000")
    guards = own.execute("select name, sql from sqlite_master where type = 'trigger'").fetchall()
    for name, _ in guards:
        own.execute(f"drop trigger {name}")
    own.execute("begin")
    for table, frame in frames.items():
        if table != "collection":  # as the columns' types keep them
            ids = "id" if table == "entry" else "entry_id"
            frame = frame.with_columns(pl.col(ids).str.replace_all("-", ""))
        marks = ", ".join("?" * frame.width)
        own.executemany(f"insert into {table} ({', '.join(frame.columns)}) values ({marks})", frame.iter_rows())
    for _, sql in guards:
        own.execute(sql)
    own.execute("commit")
    own.executescript("analyze; pragma journal_mode = wal")
    own.close()


def _forget(url: str) -> None:
    """The statement, for the next round."""
    store = _store(url)
    with store.engine.begin() as connection:
        for table in ("statement_part", "statement", "wallet"):
            connection.execute(text(f"delete from {table}"))
    store.close()


def _store(url: str) -> Store:
    return Store(open_engine(url, patient=True), SystemClock())


# --- the work ---------------------------------------------------------------------------------------------------------


def _take_in(url: str, folder: Path) -> int:
    store = _store(url)
    tree = Network(store, DEFAULTS).tree()
    with store.write() as unit:
        one = open_wallet(unit, tree.named("bench"), "mpesa", "wallet")
    taken = take_in(store, tree, one, folder / "statement.csv", _HINTS, "bench")
    assert isinstance(taken, Kept)
    return taken.lines


def _reconcile(url: str, folder: Path) -> int:
    store = _store(url)
    tree = Network(store, DEFAULTS).tree()
    with store.read() as connection:
        one = wallet_named(connection, tree, "bench:mpesa")
    report = reconcile(store, tree, Chart(), one)
    assert not report.open, report
    return report.lines


def _plain(url: str, folder: Path) -> int:
    theirs = pl.read_csv(folder / "statement.csv")
    with _store(url).engine.connect() as connection:
        ours = pl.read_database(_PAYMENTS, connection)
    return theirs.join(ours, left_on="Receipt No.", right_on="operator_id").height


def _both(url: str, folder: Path) -> Took:
    """Taking in and reconciling, one after the other, as the two commands do it."""
    taken, reconciled = _alone(_take_in, url, folder), _alone(_reconcile, url, folder)
    return taken[0] + reconciled[0], max(taken[1], reconciled[1]), reconciled[2]


def _alone(work: Any, url: str, folder: Path) -> Took:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_timed, work, url, folder).result()


def _timed(work: Any, url: str, folder: Path) -> Took:
    begun = time.perf_counter()
    count = work(url, folder)
    seconds = time.perf_counter() - begun
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return seconds, int(found[1]) / 1024, count
