"""A statement's file that somebody hands in: kept as it came, read and shown, and only then taken in and reconciled.

It goes ``new → read → asked → taken``; ``wrong`` is a file that can't be read as things are, which another word on how
to read it makes ``new`` again, and ``dropped`` one that nobody wants any more. Each step is safe to repeat and to break
off: what is large is worked on behind the scenes (:class:`Handling`), small files at once by the same function. The
bytes are thrown away once they were taken in or dropped, and what nobody went on with after two days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, func, insert, select, update

from gateway.kernel.faults import Fault
from gateway.locale import mark
from gateway.store.outbox import Ask, Task, put_again
from gateway.store.schema import statement, statement_upload
from gateway.store.unit import Store, Unit

if TYPE_CHECKING:
    from gateway.ledger.chart import Chart
    from gateway.network.organisations import Network

TOPIC, QUEUE = "wallet.reconcile", "reminders"  # minutes of work, which may delay no money and no receipt
MOST_BYTES = 20 * 2**20
SMALL_BYTES, SMALL_PACKED_BYTES = 2 * 2**20, 300 * 2**10
SMALL_WALLET = 100_000  # lines that a run over a wallet reads within a moment
_WALLET = "w"  # begins a subject that is a wallet and no file
KEPT_FOR = timedelta(days=2)
_LEFT_AT_ONCE = timedelta(minutes=3)  # whoever works on a small one at once has died by then

State = Literal["new", "read", "wrong", "asked", "taken", "dropped"]


@dataclass(frozen=True)
class How:
    """How somebody says that a file is to be read: a profile, the order of dates, the days that it was exported for."""

    profile: str | None = None
    dates: str | None = None
    first: date | None = None
    last: date | None = None

    def as_json(self) -> dict[str, str]:
        """As it is kept."""
        given = {"profile": self.profile, "dates": self.dates, "first": self.first, "last": self.last}
        return {name: str(value) for name, value in given.items() if value}

    @property
    def days(self) -> tuple[date, date] | None:
        return (self.first, self.last) if self.first and self.last else None


def read_how(kept: dict[str, str]) -> How:
    """What was kept of it."""
    days = {name: date.fromisoformat(kept[name]) for name in ("first", "last") if name in kept}
    return How(kept.get("profile"), kept.get("dates"), **days)


@dataclass(frozen=True)
class Upload:
    """A file as it was handed in, without its bytes; ``found`` is what its state says of it."""

    id: int
    organisation_id: int
    wallet_id: int | None
    file_name: str
    size: int
    how: How
    state: State
    found: dict[str, Any] = field(repr=False)
    done: int
    statement_id: int | None
    by_name: str
    at: datetime


_COLUMNS = [each for each in statement_upload.c if each.name != "content"]


def upload_with(connection: Connection, its_id: int) -> Upload | None:
    """A file that was handed in, by its id."""
    row = connection.execute(select(*_COLUMNS).where(statement_upload.c.id == its_id)).first()
    return _read(row) if row else None


def _read(row: Any) -> Upload:
    return Upload(
        row.id, row.organisation_id, row.wallet_id, row.file_name, row.size, read_how(row.hints), row.state, row.found,
        row.done, row.statement_id, row.by_name, row.at,
    )  # fmt: skip


def open_uploads(connection: Connection, organisation_ids: Sequence[int], limit: int = 20) -> list[Upload]:
    """The files that wait for somebody or are being worked on, in some organisations; the newest first."""
    own = statement_upload.c.organisation_id.in_(organisation_ids) & statement_upload.c.finished_at.is_(None)
    rows = connection.execute(select(*_COLUMNS).where(own).order_by(statement_upload.c.id.desc()).limit(limit))
    return [_read(row) for row in rows]


# --- what people do ---------------------------------------------------------------------------------------------------


def hand_in(
    unit: Unit, organisation_id: int, name: str, content: bytes, by: str, how: How, wallet_id: int | None = None
) -> int:
    """Keep a file as it came, to be read next; its id. Raises :class:`Fault` for one that is too large."""
    if len(content) > MOST_BYTES:
        raise Fault(mark("the file is larger than {most} MB: ask for shorter periods"), most=MOST_BYTES >> 20)
    _forget_old(unit)
    row = unit.connection.execute(
        insert(statement_upload).values(
            organisation_id=organisation_id,
            wallet_id=wallet_id,
            file_name=name[-120:],
            size=len(content),
            content=content,
            hints=how.as_json(),
            state="new",
            found={},
            by_name=by[:60],
            at=unit.now,
        )
    )
    its_id = int(row.inserted_primary_key[0])  # type: ignore[index]
    ring(unit, its_id, _is_small(content))
    return its_id


def read_again(unit: Unit, its_id: int, how: How, wallet_id: int | None) -> bool:
    """Say otherwise how a file is to be read, or whose it is; False where it is past that."""
    return _step(unit, its_id, ("read", "wrong"), "new", hints=how.as_json(), wallet_id=wallet_id, found={}, done=0)


def ask_to_take(unit: Unit, its_id: int) -> bool:
    """Somebody has seen what is in it, and wants it taken in and reconciled; False where it isn't to be asked now."""
    return _step(unit, its_id, ("read",), "asked", done=0)


def drop_upload(unit: Unit, its_id: int) -> bool:
    """Nobody wants it any more; False where it was taken in."""
    own = statement_upload.c.id == its_id
    waits = statement_upload.c.state.in_(("new", "read", "wrong"))
    done = update(statement_upload).where(own, waits)
    return (
        unit.connection.execute(done.values(state="dropped", content=None, found={}, finished_at=unit.now)).rowcount > 0
    )


def _step(unit: Unit, its_id: int, states: tuple[str, ...], to: State, **values: Any) -> bool:
    own = (statement_upload.c.id == its_id) & statement_upload.c.state.in_(states)
    if not unit.connection.execute(update(statement_upload).where(own).values(state=to, **values)).rowcount:
        return False
    ring(unit, its_id, is_small(unit.connection, its_id))
    return True


def ring(unit: Unit, its_id: int, at_once: bool) -> None:
    """Let it be worked on: behind the scenes now, or later, where somebody does it at once and may break off."""
    put_again(
        unit, Ask(QUEUE, TOPIC, str(its_id), f"upload:{its_id}", after=_LEFT_AT_ONCE if at_once else timedelta(0))
    )


def ring_wallet(unit: Unit, wallet_id: int) -> None:
    """Let what is left of a wallet's statements be matched behind the scenes."""
    put_again(unit, Ask(QUEUE, TOPIC, f"{_WALLET}{wallet_id}", f"match:{wallet_id}"))


def _forget_old(unit: Unit) -> None:
    """Throw away what nobody went on with."""
    old = (statement_upload.c.at < unit.now - KEPT_FOR) & statement_upload.c.finished_at.is_(None)
    waits = statement_upload.c.state.in_(("new", "read", "wrong"))
    gone = update(statement_upload).where(old, waits)
    unit.connection.execute(gone.values(state="dropped", content=None, found={}, finished_at=unit.now))


# --- small or large ---------------------------------------------------------------------------------------------------


def is_small(connection: Connection, its_id: int) -> bool:
    """Is a file, and its wallet, worked on within a moment, while somebody waits for the page?"""
    content = func.substr(statement_upload.c.content, 1, 4)
    row = connection.execute(
        select(statement_upload.c.size, statement_upload.c.wallet_id, content).where(statement_upload.c.id == its_id)
    ).one()
    if row[2] is None or not _is_small_file(row[0], bytes(row[2])):
        return False
    if row[1] is None:
        return True
    held = select(func.sum(statement.c.lines)).where(statement.c.wallet_id == row[1])
    return int(connection.scalar(held) or 0) <= SMALL_WALLET


def _is_small(content: bytes) -> bool:
    return _is_small_file(len(content), content[:4])


def _is_small_file(size: int, begins: bytes) -> bool:
    packed = begins[:2] in (b"\x1f\x8b", b"PK")
    return size <= (SMALL_PACKED_BYTES if packed else SMALL_BYTES)


class Handling:
    """Works on what was handed in: the handler of :data:`TOPIC`.

    What that takes is loaded once there is work: most processes never have any, and it takes as much room as all else.
    """

    def __init__(self, store: Store, network: Network, chart: Chart) -> None:
        self._store, self._network, self._chart = store, network, chart

    def __call__(self, task: Task) -> timedelta | None:
        if task.subject.startswith(_WALLET):
            self.match(int(task.subject.removeprefix(_WALLET)), task)
        else:
            self.go_on(int(task.subject), task)
        return None

    def match(self, wallet_id: int, task: Task) -> None:
        """Match what is left of a wallet's statements."""
        from gateway.payments.reconciliation.handling import Work

        Work(self._store, self._network.tree(), self._chart).match(wallet_id, task)

    def go_on(self, its_id: int, task: Task | None = None) -> None:
        """Do what is to be done next with a file; nothing where that is a person's."""
        from gateway.payments.reconciliation.handling import Work

        Work(self._store, self._network.tree(), self._chart).go_on(its_id, task)
