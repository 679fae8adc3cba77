"""Virtual time, and a machine on which processes are killed, statements fail and the job queue forgets."""

from __future__ import annotations

import hashlib
import heapq
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy import Engine, event, func, select

from gateway.kernel.faults import Unavailable
from gateway.store import outbox
from gateway.store.engine import open_engine
from gateway.store.outbox import Handler, Task
from gateway.store.schema import outbox as outbox_table
from gateway.store.unit import Store
from simulation.chance import Chance

BEGIN = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
SWEEP_S = 60.0
# How deep the world may go on while a call is on its way: a worker waits, another works, its call waits, …
DEEPEST = 3


class Killed(BaseException):
    """The process ends here, as with ``kill -9``: nothing of it runs any more, its transaction is undone."""


class Machine:
    """One virtual machine: its clock, what happens when, its database and its worker processes."""

    def __init__(self, url: str, chance: Chance) -> None:
        self.chance = chance
        self.at = BEGIN
        self.trace = hashlib.blake2b(digest_size=16)
        self.told: Callable[[str], None] | None = None
        self.broken: list[str] = []  # what no fault explains
        self._due: list[tuple[datetime, int, str, Callable[[], None]]] = []
        self._count = 0
        self._depth = 0
        self._process = ""  # who works now; the empty one is the world itself, and nothing fails for it
        self._down_until = BEGIN
        self._rung: set[str] = set()
        self._busy: set[str] = set()
        self.engine = open_engine(url, patient=True)
        _let_fail(self.engine, self)
        self.store = Store(self.engine, self, self._ring)
        self.handlers: Callable[[], dict[str, Handler]] = dict

    # Time

    def now(self) -> datetime:
        """The clock of everything here."""
        return self.at

    def monotonic(self) -> float:
        """Seconds of the same clock."""
        return self.at.timestamp()

    def time_ns(self) -> int:
        """Nanoseconds of it."""
        return int(self.at.timestamp() * 1_000_000_000)

    def after(self, seconds: float, what: str, do: Callable[[], None]) -> None:
        """Let something happen later."""
        self._count += 1
        heapq.heappush(self._due, (self.at + timedelta(seconds=seconds), self._count, what, do))

    def after_now(self, seconds: float) -> datetime:
        """The moment so many seconds from now."""
        return self.at + timedelta(seconds=seconds)

    def pass_time(self, seconds: float) -> None:
        """Time passes, as it does while a call is on its way: the world goes on meanwhile."""
        until = self.at + timedelta(seconds=seconds)
        if self._depth < DEEPEST:
            process, self._process = self._process, ""
            self._depth += 1
            try:
                self._run(until)
            finally:
                self._depth -= 1
                self._process = process
        self.at = max(self.at, until)

    def _run(self, until: datetime) -> None:
        while self._due and self._due[0][0] <= until:
            at, _, what, do = heapq.heappop(self._due)
            self.at = max(self.at, at)
            self.note(what)
            do()

    def run_for(self, seconds: float) -> None:
        """Let the world go on."""
        until = self.at + timedelta(seconds=seconds)
        self._run(until)
        self.at = max(self.at, until)

    def next_event(self) -> datetime | None:
        """When something happens next."""
        return self._due[0][0] if self._due else None

    def note(self, what: str) -> None:
        """One line of what happened: two runs of a seed have the same lines."""
        line = f"{(self.at - BEGIN).total_seconds():.3f} {what}"
        self.trace.update(line.encode())
        if self.told is not None:
            self.told(line)

    # Processes

    @contextmanager
    def process(self, name: str) -> Iterator[None]:
        """What runs inside can be killed, and its database can fail."""
        before, self._process = self._process, name
        try:
            yield
        finally:
            self._process = before

    def may_die(self, fault: str, less: float = 1.0) -> None:
        """Kills the process that works now, if the dice say so."""
        if self._process and self.chance.hit(fault, less):
            self.note(f"{self._process} killed")
            raise Killed

    def try_as(self, name: str, do: Callable[[], None], again_after_s: float = 20.0) -> None:
        """Somebody or something does this until it was done: what answers 503, or dies, is tried again."""
        try:
            with self.process(name):
                do()
        except (Unavailable, Killed):
            self.after(again_after_s, f"{name} again", lambda: self.try_as(name, do, again_after_s))

    # Workers

    def _ring(self, queues: set[str]) -> None:
        for queue in sorted(queues):
            if not self.chance.hit("ring lost"):
                self._rung.add(queue)
                self.after(self.chance.random.uniform(0.05, 1.5), f"ring {queue}", lambda q=queue: self._answer(q))  # type: ignore[misc]

    def empty_redis(self) -> None:
        """All rings are forgotten; the rows aren't."""
        self._rung.clear()

    def _answer(self, queue: str) -> None:
        if queue in self._rung:
            self._rung.discard(queue)
            self.work(queue)

    def sweep(self) -> None:
        """What the scheduler does each second: ring for whatever is due. Here each minute, to save time."""
        with self.process(""):
            for queue in sorted(outbox.waiting_queues(self.store)):
                self.work(queue)
        if self.chance.on:
            self.after(SWEEP_S, "sweep", self.sweep)

    def work(self, queue: str) -> None:
        """A free worker process of a queue drains what is due, or dies of it."""
        name = next((f"{queue}-{n}" for n in (1, 2) if f"{queue}-{n}" not in self._busy), None)
        if name is None or (queue != "money" and not name.endswith("1")):
            return
        self._busy.add(name)
        try:
            with self.process(f"worker {name}"):
                # Few rows at a time, so that two workers often hold work about the same payment.
                while outbox.drain(self.store, queue, self.handlers(), self._failed, self.chance.random.randint(1, 6)):
                    pass
        except Killed:
            pass
        except Unavailable:
            self.note(f"worker {name} found no database")
        finally:
            self._busy.discard(name)

    def _failed(self, task: Task, error: Exception) -> None:
        self.note(f"{task.topic} failed: {type(error).__name__}")
        if not isinstance(error, Unavailable):
            self.broken.append(f"{task.topic} raised {type(error).__name__}: {error}")

    def next_due(self) -> datetime | None:
        """When the next open row of the outbox is to be worked on."""
        table = outbox_table.c
        with self.store.read() as connection:
            free_at = func.coalesce(table.claimed_until, table.due_at)
            rows = connection.execute(select(table.due_at, free_at.label("free_at")).where(table.done_at.is_(None)))
            return min((max(row.due_at, row.free_at) for row in rows), default=None)

    # The database

    def take_database_down(self, seconds: float) -> None:
        """No process reaches the database for a while."""
        self._down_until = self.at + timedelta(seconds=seconds)

    def before_statement(self) -> None:
        """What may happen to a statement that is about to run."""
        if not self._process:
            return
        if self.at < self._down_until:
            self.chance.met["database down"] += 1
            raise _Lost
        self.may_die("worker killed at a statement" if "worker" in self._process else "web killed at a statement", 0.02)
        if self.chance.hit("statement fails", 0.02):
            raise _Lost

    def commit(self, do: Callable[[], None]) -> None:
        """What may happen to a commit: it fails, or it is done and nobody hears of it."""
        if self._process and self.chance.hit("commit fails", 0.1):
            raise _Lost
        do()
        if self._process and self.chance.hit("commit unheard", 0.1):
            raise _Lost


class _Lost(Exception):
    """The connection to the database is gone."""


def _let_fail(engine: Engine, machine: Machine) -> None:
    """Put the machine's faults where the driver's would be raised, so that all above sees what it would see."""
    lost = sqlite3.OperationalError if engine.dialect.name == "sqlite" else psycopg.OperationalError

    def running(*_: Any) -> None:
        try:
            machine.before_statement()
        except _Lost:
            raise lost("the connection is lost") from None

    event.listen(engine, "do_execute", running)
    event.listen(engine, "do_execute_no_params", running)
    event.listen(engine, "do_executemany", running)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _careless)
    plain_commit = engine.dialect.do_commit

    def commit(connection: Any) -> None:
        try:
            machine.commit(lambda: plain_commit(connection))
        except _Lost:
            raise lost("the connection is lost") from None

    engine.dialect.do_commit = commit  # type: ignore[method-assign, assignment]


def _careless(connection: Any, _record: Any) -> None:
    """No disk is waited for: the machine's crashes are ours, and the file is gone after the run."""
    connection.execute("PRAGMA synchronous=OFF")
