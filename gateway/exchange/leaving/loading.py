"""A dump into an empty gateway, in one transaction: all of it is there afterwards, proven, or nothing is.

Row ids are kept, because keys of entries and payments name them; so a dump of what was loaded is the dump again. The
chain of digests over a whole network's entries goes on where it stood; a part of a network gets a chain of its own, in
the order of the old one (docs/decisions/0017-leaving-with-ones-data.md).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from gateway.exchange.leaving.cells import read_cell
from gateway.exchange.leaving.reading import MANY, DumpFile, Manifest
from gateway.exchange.leaving.tables import DUMPED, columns_of, file_of, table_of
from gateway.kernel.faults import Fault
from gateway.ledger.accounts import first_difference
from gateway.ledger.chain import START, Anchor, Broken, seal_in_order, verify_chain
from gateway.ledger.closing import first_changed_period
from gateway.membership.sounding import keys_of
from gateway.store.if_new import if_new
from gateway.store.schema import household, name_key, organisation
from gateway.store.tracing import Doer, trace
from gateway.store.turn import take_turn
from gateway.store.unit import Store, Unit

_SOUNDS = if_new(name_key, "key", "household_id")
_TURN = "load of a dump"


@dataclass(frozen=True)
class Loaded:
    """A dump that was taken in, or could be: what it says of itself."""

    manifest: Manifest
    kept: bool


class _TriedOnly(Exception):
    """Ends a dry run: the transaction is rolled back."""


def load(
    store: Store, path: Path, by: Doer, dry_run: bool = False, tell: Callable[[int], None] | None = None
) -> Loaded:
    """Take in the dump at ``path``; with ``dry_run`` everything is tried and nothing kept.

    The gateway must be empty: migrated, and without organisations. Until it is done, SQLite has no other writer; the
    store's engine should be a patient one. Raises :class:`Fault` with one line, and then nothing was kept.
    """
    with DumpFile(path) as dump:
        dump.check()
        try:
            with store.write() as unit:
                take_turn(unit, _TURN)
                _take(unit, dump, tell)
                trace(unit, by=by, organisation_id=None, what="data.loaded", about="", address="",
                      after={"place": dump.manifest.place, "made_at": dump.manifest.made_at})  # fmt: skip
                if dry_run:
                    raise _TriedOnly
        except _TriedOnly:
            pass
        except IntegrityError as wrong:  # of SQLite's deferred keys, at the commit
            raise Fault("line.csv: a line refers to an entry that isn't in the dump") from wrong
        return Loaded(dump.manifest, not dry_run)


def _take(unit: Unit, dump: DumpFile, tell: Callable[[int], None] | None) -> None:
    connection = unit.connection
    for name in DUMPED:
        if connection.execute(select(table_of(name)).limit(1)).first() is not None:
            raise Fault(f"this gateway isn't empty ({name}): a dump keeps its own numbers, so load it into a new one")
    written, moved = 0, []
    paths = dump.paths()
    throughs: dict[int, Anchor] = {}
    for name in DUMPED:
        if name == "organisation":
            written += _insert(connection, name, _organisations(dump, paths))
        elif name == "seal" and not dump.manifest.whole:
            throughs = _seal_anew(unit, dump, [int(one["totals"]["through"]) for one in _closed(dump)])
        elif name == "period":
            periods = _closed(dump) if dump.manifest.whole else _periods(dump, throughs)
            written += _insert(connection, name, periods)
        elif name == "household":
            moved = [(one["id"], one["merged_into_id"]) for one in _values(dump, name) if one["merged_into_id"]]
            written += _insert(connection, name, ({**one, "merged_into_id": None} for one in _values(dump, name)))
        else:
            written += _insert(connection, name, _values(dump, name))
        if name == "household":
            for one, into in moved:
                _guarded(name, lambda one=one, into=into: connection.execute(  # type: ignore[misc]
                    update(household).where(household.c.id == one).values(merged_into_id=into)
                ))  # fmt: skip
        if name == "beneficiary":
            _sounds(connection, dump)
        if tell is not None:
            tell(written)
    if connection.dialect.name == "postgresql":
        _guarded("line", lambda: connection.execute(text("set constraints all immediate")))
        _numbers_go_on(connection)
    _prove(connection)


def _values(dump: DumpFile, name: str) -> Iterator[dict[str, Any]]:
    columns = columns_of(table_of(name))
    for number, row in enumerate(dump.rows(name), 1):
        try:
            yield {column.name: read_cell(column, row[column.name]) for column in columns}
        except Fault as wrong:
            raise Fault(f"{file_of(name)}: row {number}: {wrong}") from None


def _insert(connection: Connection, name: str, values: Iterator[dict[str, Any]]) -> int:
    many: list[dict[str, Any]] = []
    count = 0

    def flush() -> None:
        if many:
            _guarded(name, lambda: connection.execute(insert(table_of(name)), many))
            many.clear()

    for one in values:
        many.append(one)
        count += 1
        if len(many) == MANY:
            flush()
    flush()
    return count


def _guarded(name: str, do: Callable[[], object]) -> None:
    """What the database refuses of a file, in one line without what stands in it."""
    try:
        do()
    except IntegrityError as wrong:
        said = str(wrong.orig).lower()
        if "foreign key" in said:
            what = "a row refers to something that isn't in the dump"
        elif "unique" in said or "duplicate" in said:
            what = "two rows are the same thing"
        else:
            what = "a row can't be: amounts that don't net to zero, an unknown state, dates in the wrong order"
        raise Fault(f"{file_of(name)}: {what}") from wrong
    except DBAPIError as wrong:
        raise Fault(f"{file_of(name)}: a row can't be kept") from wrong


def _organisations(dump: DumpFile, paths: dict[str, str]) -> Iterator[dict[str, Any]]:
    """From the top down, so that each finds the one that it stands below."""
    every = [{**one, "path": paths[str(one["id"])]} for one in _values(dump, organisation.name)]
    yield from sorted(every, key=lambda one: (str(one["path"]).count("/"), one["id"]))


def _sounds(connection: Connection, dump: DumpFile) -> None:
    statement = _SOUNDS[connection.dialect.name]
    many: list[dict[str, Any]] = []
    for one in _values(dump, "beneficiary"):
        many += ({"key": key, "household_id": one["household_id"]} for key in keys_of([one["name"]]))
        if len(many) >= MANY:
            connection.execute(statement, many)
            many = []
    if many:
        connection.execute(statement, many)


# --- the chain --------------------------------------------------------------------------------------------------------


def _seal_anew(unit: Unit, dump: DumpFile, throughs: list[int]) -> dict[int, Anchor]:
    """Seal a part of a network in the order of its old chain; where each place of the old one is in the new one."""
    waiting, found = sorted(set(throughs)), {}
    last = Anchor(0, START)
    for many in _many(_values(dump, "seal")):
        anchors = _sealed(unit, [one["entry_id"] for one in many])
        for one, anchor in zip(many, anchors, strict=True):
            while waiting and waiting[0] < one["id"]:
                found[waiting.pop(0)] = last
            last = anchor
    return found | dict.fromkeys(waiting, last)


def _sealed(unit: Unit, entry_ids: list[uuid.UUID]) -> list[Anchor]:
    try:
        return seal_in_order(unit, entry_ids)
    except (KeyError, IntegrityError) as wrong:
        raise Fault("seal.csv: a row refers to something that isn't in the dump") from wrong


def _closed(dump: DumpFile) -> Iterator[dict[str, Any]]:
    """The closed months; each says how far the chain was then."""
    for number, one in enumerate(_values(dump, "period"), 1):
        totals = one["totals"]
        if not (isinstance(totals, dict) and isinstance(totals.get("through"), int) and "digest" in totals):
            raise Fault(f"period.csv: row {number}: it doesn't say how far the chain was")
        yield one


def _periods(dump: DumpFile, throughs: dict[int, Anchor]) -> Iterator[dict[str, Any]]:
    for one in _closed(dump):
        anchor = throughs[int(one["totals"]["through"])]
        yield {**one, "totals": {**one["totals"], "through": anchor.number, "digest": anchor.digest}}


def _many(values: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    many: list[dict[str, Any]] = []
    for one in values:
        many.append(one)
        if len(many) == MANY:
            yield many
            many = []
    if many:
        yield many


# --- afterwards -------------------------------------------------------------------------------------------------------


def _numbers_go_on(connection: Connection) -> None:
    """PostgreSQL numbers new rows behind those that were taken in; SQLite does so by itself."""
    for name in DUMPED:
        table = table_of(name)
        if "id" not in table.c or not issubclass(table.c.id.type.python_type, int):
            continue
        highest = connection.scalar(select(func.max(table.c.id)))
        sequence = connection.scalar(select(func.pg_get_serial_sequence(f'"{name}"', "id")))
        if highest is not None and sequence is not None:
            connection.execute(select(func.setval(sequence, highest)))


def _prove(connection: Connection) -> None:
    """What ``gateway ledger verify`` looks at, before anything is kept."""
    chain = verify_chain(connection)
    wrong = (
        first_difference(connection)
        or (chain.what if isinstance(chain, Broken) else None)
        or first_changed_period(connection)
    )
    if wrong:
        raise Fault(f"the ledger of the dump doesn't hold: {wrong}")
