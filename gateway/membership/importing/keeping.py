"""An import as it is kept: made from a file, counted, previewed, started, dropped; its faults as a file to correct.

``read → running → done``, ``→ undoing → undone``, or ``read → dropped``. Until it is started nothing is written but the
import itself.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy import delete as delete_from

from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.ledger.exports import Cell, Sheet
from gateway.locale import Say, mark
from gateway.membership.dues import dues_for
from gateway.membership.importing.checking import Checked, Checking, Told, read_told
from gateway.membership.importing.reading import RegisterFile
from gateway.membership.plans import Plan, read_plan
from gateway.network.organisations import Organisation, Tree
from gateway.store.outbox import Ask, put
from gateway.store.schema import plan, register_import, register_import_row
from gateway.store.unit import Unit

IMPORT, UNDO = "register.import", "register.undo"  # the outbox's topics
QUEUE = "reminders"  # behind all that somebody waits for
NAME_CHARACTERS = 60
_AT_ONCE = 500

State = Literal["read", "running", "done", "undoing", "undone", "dropped"]
RowState = Literal["good", "wrong", "known", "taken", "undone", "kept"]


@dataclass(frozen=True)
class Import:
    """A register that was read: for which organisation, from which file, by whom, and how far it has come.

    ``tells``: its households are told by SMS. ``counts``: its households by their states.
    """

    id: int
    organisation_id: int
    file_name: str
    digest: str
    state: State
    by_name: str
    at: datetime
    finished_at: datetime | None
    tells: bool
    headings: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]
    columns: Mapping[str, int]
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def households(self) -> int:
        """How many the file has."""
        return sum(self.counts.values())

    @property
    def to_do(self) -> int:
        """How many wait to be taken in, or to be taken out."""
        waits = {"running": "good", "undoing": "taken", "read": "good"}.get(self.state)
        return self.counts.get(waits, 0) if waits else 0


@dataclass(frozen=True)
class Preview:
    """What taking the good ones in today would do: how many people, what falls due in all, whom an SMS would reach."""

    households: int
    people: int
    dues: tuple[Money, ...]  # one of each currency
    messages: int


@dataclass(frozen=True)
class KeptRow:
    """A household of an import: its first row's number, how it stands, what was told of it, what it became.

    ``people``: (name, sex, year of birth, relation), of good ones. ``lines``: its rows as they were in the file.
    """

    number: int
    state: RowState
    told: tuple[Told, ...]
    content: Mapping[str, Any]
    household_id: int | None

    @property
    def head(self) -> str:
        """Its head's name as it would be registered; empty where that can't be told."""
        people = self.content["people"]
        return str(people[0]["name"]) if people else ""

    @property
    def lines(self) -> list[tuple[int, list[str]]]:
        return [(int(number), list(cells)) for number, cells in self.content.get("lines", ())]


# --- making one -------------------------------------------------------------------------------------------------------


def keep(
    unit: Unit,
    at: Organisation,
    file_name: str,
    content: bytes,
    file: RegisterFile,
    checked: Sequence[Checked],
    by_name: str,
) -> int:
    """Keep a register that was checked, in the state ``read``; returns the import's id."""
    if not by_name.strip():
        raise Fault(mark("say who imports it: it is kept"))
    made = unit.connection.execute(
        insert(register_import).values(
            organisation_id=at.id,
            file_name=file_name[-120:],
            digest=hashlib.sha256(content).hexdigest(),
            columns={
                "columns": dict(file.columns),
                "headings": list(file.headings),
                "left_out": [list(one) for one in file.left_out],
                "tells": False,
            },
            state="read",
            by_name=by_name.strip()[:NAME_CHARACTERS],
            at=unit.now,
        )
    )
    its_id = int(made.inserted_primary_key[0])  # type: ignore[index]
    for start in range(0, len(checked), _AT_ONCE):
        unit.connection.execute(
            insert(register_import_row),
            [
                {
                    "import_id": its_id,
                    "number": one.number,
                    "content": one.kept(),
                    "faults": [told.kept() for told in one.told],
                    "state": one.state,
                    "household_id": one.known_as,
                }
                for one in checked[start : start + _AT_ONCE]
            ],
        )
    return its_id


def check(
    connection: Connection,
    tree: Tree,
    at: Organisation,
    file: RegisterFile,
    now: datetime,
    roots: Sequence[str] = ("/",),
    plan_code: str | None = None,
) -> tuple[list[Checked], Preview]:
    """Every household of a file as it would be taken in now, and what that would do; writes nothing."""
    today = day_in(at.time_zone, now)
    checking = Checking(connection, tree, at, today, roots, plan_code)
    checked = checking.check(file)
    good = [(one.plan_id or 0, len(one.people), bool(one.phones)) for one in checked if one.state == "good"]
    return checked, _preview(good, checking.plans, today)


def _preview(good: Sequence[tuple[int, int, bool]], plans: Mapping[int, Plan], today: date) -> Preview:
    dues: defaultdict[str, int] = defaultdict(int)
    for (plan_id, people), count in Counter((its_plan, people) for its_plan, people, _ in good).items():
        one = plans[plan_id]
        year = dues_for(one.terms, one.currency, today, people, newcomer=True)
        dues[one.currency] += count * sum(amount for _, amount in year.dues)
    return Preview(
        len(good),
        sum(people for _, people, _ in good),
        tuple(Money(minor, currency) for currency, minor in sorted(dues.items())),
        sum(has_phone for _, _, has_phone in good),
    )


# --- reading ----------------------------------------------------------------------------------------------------------


def by_id(connection: Connection, import_id: int) -> Import:
    """An import with its counts; raises :class:`Fault`."""
    row = connection.execute(select(register_import).where(register_import.c.id == import_id)).first()
    if row is None:
        raise Fault(mark("there is no import {number}"), number=import_id)
    return _read(row, _counts(connection, [import_id])[import_id])


def newest(connection: Connection, tree: Tree, under_path: str, limit: int, before: int | None = None) -> list[Import]:
    """The newest imports of the organisations at or below a path; ``before``: those older than the one with this id."""
    own = sorted(one.id for one in tree.by_id.values() if one.path.startswith(under_path))
    asked = select(register_import).where(register_import.c.organisation_id.in_(own))
    if before is not None:
        asked = asked.where(register_import.c.id < before)
    rows = connection.execute(asked.order_by(register_import.c.id.desc()).limit(limit)).all()
    counts = _counts(connection, [row.id for row in rows])
    return [_read(row, counts[row.id]) for row in rows]


def preview_of(connection: Connection, one: Import, zone: str, now: datetime) -> Preview:
    """What taking in what is left of an import would do on the day that it is now in a time zone."""
    rows = connection.execute(
        select(register_import_row.c.content).where(_of(one.id), register_import_row.c.state == "good")
    ).scalars()
    good = [(row["plan_id"], len(row["people"]), bool(row["phones"])) for row in rows]
    ids = {plan_id for plan_id, _, _ in good}
    plans = {row.id: read_plan(row) for row in connection.execute(select(plan).where(plan.c.id.in_(ids)))}
    return _preview(good, plans, day_in(zone, now))


def rows_of(
    connection: Connection, import_id: int, states: Sequence[RowState] = (), after: int = 0, limit: int = 50
) -> list[KeptRow]:
    """The households of an import in the order of the file, those behind a number; of some states, or of all."""
    asked = select(register_import_row).where(_of(import_id), register_import_row.c.number > after)
    if states:
        asked = asked.where(register_import_row.c.state.in_(states))
    return [read_row(row) for row in connection.execute(asked.order_by(register_import_row.c.number).limit(limit))]


def read_row(row: Row[Any]) -> KeptRow:
    """A household of an import from its row."""
    return KeptRow(row.number, row.state, tuple(map(read_told, row.faults)), row.content, row.household_id)


def same_file(connection: Connection, at: Organisation, content: bytes) -> Import | None:
    """The newest import of the very same file into the same organisation that was taken in."""
    row = connection.execute(
        select(register_import)
        .where(
            register_import.c.organisation_id == at.id,
            register_import.c.digest == hashlib.sha256(content).hexdigest(),
            register_import.c.state.in_(("running", "done")),
        )
        .order_by(register_import.c.id.desc())
        .limit(1)
    ).first()
    return _read(row, {}) if row is not None else None


def wrong_rows(connection: Connection, one: Import, say: Say) -> Sheet:
    """The rows of the households that are wrong, as they were, with a column that says why: to be corrected.

    The corrected file is read again as it is: the rows that are right aren't in it.
    """

    def rows() -> Iterator[list[Cell]]:
        after = 0
        while some := rows_of(connection, one.id, ("wrong",), after, _AT_ONCE):
            for each in some:
                yield from _wrong(each, len(one.headings), say)
            after = some[-1].number

    return Sheet(say("Rows to correct"), (*one.headings, say("why")), rows())


def _wrong(each: KeptRow, width: int, say: Say) -> Iterator[list[Cell]]:
    for number, cells in each.lines:
        why = "; ".join(told.said(say) for told in each.told if (told.row or each.number) == number)
        yield [*cells, *[""] * (width - len(cells)), why]


def _of(import_id: int) -> Any:
    return register_import_row.c.import_id == import_id


def _counts(connection: Connection, ids: Sequence[int]) -> defaultdict[int, dict[str, int]]:
    found: defaultdict[int, dict[str, int]] = defaultdict(dict)
    rows = connection.execute(
        select(register_import_row.c.import_id, register_import_row.c.state, func.count())
        .where(register_import_row.c.import_id.in_(ids))
        .group_by(register_import_row.c.import_id, register_import_row.c.state)
    )
    for its_id, state, count in rows:
        found[its_id][state] = count
    return found


def _read(row: Row[Any], counts: Mapping[str, int]) -> Import:
    its = row.columns
    return Import(
        row.id,
        row.organisation_id,
        row.file_name,
        row.digest,
        row.state,
        row.by_name,
        row.at,
        row.finished_at,
        bool(its.get("tells")),
        tuple(its.get("headings", ())),
        tuple((one, why) for one, why in its.get("left_out", ())),
        its.get("columns", {}),
        counts,
    )


# --- moving on --------------------------------------------------------------------------------------------------------


def start(unit: Unit, import_id: int, tells: bool) -> Import:
    """Let a worker take in the good households of an import; ``tells``: each is written an SMS with its card.

    Raises :class:`Fault` for one that isn't waiting for that, or has nothing to take in.
    """
    one = locked(unit, import_id)
    if one.state != "read":
        raise Fault(mark("import {number} was started or dropped before"), number=import_id)
    if not one.counts.get("good"):
        raise Fault(mark("import {number} has no household that could be taken in"), number=import_id)
    its = unit.connection.scalar(select(register_import.c.columns).where(register_import.c.id == import_id))
    assert its is not None
    set_state(unit, import_id, "running", columns={**its, "tells": tells})
    put(unit, Ask(QUEUE, IMPORT, str(import_id), f"{IMPORT}:{import_id}"))
    return by_id(unit.connection, import_id)


def undo(unit: Unit, import_id: int, by_name: str) -> Import:
    """Let a worker take out again what an import has registered; one that still runs goes no further.

    Raises :class:`Fault` for one that has taken nothing in.
    """
    one = locked(unit, import_id)
    if one.state not in ("running", "done"):
        raise Fault(mark("import {number} has nothing that could be undone"), number=import_id)
    if not by_name.strip():
        raise Fault(mark("say who undoes it: it is kept"))
    its = unit.connection.scalar(select(register_import.c.columns).where(register_import.c.id == import_id))
    assert its is not None
    undone_by = {**its, "undone_by": by_name.strip()[:NAME_CHARACTERS]}
    set_state(unit, import_id, "undoing", finished_at=None, columns=undone_by)
    put(unit, Ask(QUEUE, UNDO, str(import_id), f"{UNDO}:{import_id}"))
    return by_id(unit.connection, import_id)


def drop(unit: Unit, import_id: int) -> None:
    """Throw away an import that was never started, with all that its file said of people; raises :class:`Fault`."""
    if locked(unit, import_id).state != "read":
        raise Fault(mark("import {number} was started or dropped before"), number=import_id)
    unit.connection.execute(delete_from(register_import_row).where(_of(import_id)))
    set_state(unit, import_id, "dropped", finished_at=unit.now)


def locked(unit: Unit, import_id: int) -> Import:
    """An import that nobody else moves before this transaction has ended; raises :class:`Fault`."""
    unit.connection.execute(
        select(register_import.c.id).where(register_import.c.id == import_id).with_for_update()
    )  # fmt: skip
    return by_id(unit.connection, import_id)


def state_of(unit: Unit, import_id: int) -> Row[Any] | None:
    """How an import stands, locked as :func:`locked` does, without counting its rows."""
    return unit.connection.execute(
        select(register_import).where(register_import.c.id == import_id).with_for_update()
    ).first()


def set_state(unit: Unit, import_id: int, state: State, **others: Any) -> None:
    """Move a locked import on."""
    own = register_import.c.id == import_id
    unit.connection.execute(update(register_import).where(own).values(state=state, **others))


def set_row(unit: Unit, import_id: int, number: int, **values: Any) -> None:
    """Write how a household of an import stands now."""
    own = _of(import_id) & (register_import_row.c.number == number)
    unit.connection.execute(update(register_import_row).where(own).values(**values))
