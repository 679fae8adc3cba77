"""A file of the software's is taken in: in batches that are each whole, every row that is wrong told by its line.

Whoever is killed between two batches starts the same file again: what was taken in is known, and nothing is done twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.exc import IntegrityError

from gateway.exchange.software.contributions import books_at, take_payment
from gateway.exchange.software.members import Place, Taken, group_of, household_of, take_family, take_row
from gateway.exchange.software.rows import CONTRIBUTIONS, MEMBERS, Row, columns_in, read_rows
from gateway.kernel.faults import Fault, Unavailable
from gateway.locale import mark
from gateway.store.tracing import Outside, trace
from gateway.store.unit import Store, Unit

BATCH = 100  # rows of a transaction; a family is never divided
MOST_TOLD = 1_000
MOST_OF_FAMILY = 40


@dataclass(frozen=True)
class Told:
    """A row that was wrong, or that became a conflict: its line in the file, and why."""

    line: int
    fault: Fault


@dataclass
class Done:
    """What became of a file: how many rows are same, changed, new, conflict, suspense, wrong; and what is told."""

    counts: Counter[str] = field(default_factory=Counter)
    told: list[Told] = field(default_factory=list)


class _Dry(Exception):
    """Takes back what a dry run has tried."""


def take_in(
    store: Store, place: Place, path: Path, dry_run: bool = False, told: Callable[[int], None] = lambda _: None
) -> Done:
    """Take a file of members or of payments in; ``dry_run``: try all of it, and keep nothing.

    Raises :class:`Fault` for a file that can't be read as a whole: nothing was taken in then.
    """
    heads = columns_in(path, MEMBERS, CONTRIBUTIONS)
    pays = {"amount", "day", "currency"} <= set(heads)
    missing = next((each for each in ("card",) if pays and each not in heads), None)
    if not pays and not {"card", "number"} & set(heads):
        missing = "card"
    if missing is not None:
        raise Fault(mark("a column is missing: {column}"), column=missing)
    if pays:
        books_at(place)
    sum(1 for _ in read_rows(path, heads))  # a file that breaks off is refused before anything is done
    done, count = Done(), 0
    for batch in _batches(read_rows(path, heads), group_of if not pays else lambda row: str(row.line)):
        found: list[tuple[Row, Taken | Fault]] = []
        try:
            with store.write() as unit:
                for rows in batch:
                    found += _pay(unit, place, rows) if pays else _take(unit, place, rows)
                if dry_run:
                    raise _Dry
        except _Dry:
            pass
        count += len(found)
        _count(done, found)
        told(count)
    if not dry_run:
        with store.write() as unit:
            by, about = Outside("gateway exchange"), f"organisation:{place.at.id}"
            trace(unit, by=by, organisation_id=place.at.id, what="exchange.taken_in", about=about, address="")
    return done


def _batches(rows: Iterable[Row], whose: Callable[[Row], str]) -> Iterator[list[list[Row]]]:
    """The rows by family, as they follow each other, some families at a time."""
    batch: list[list[Row]] = []
    held, last = 0, None
    for row in rows:
        if batch and whose(row) == last and len(batch[-1]) < MOST_OF_FAMILY:
            batch[-1].append(row)
        else:
            if held >= BATCH:
                yield batch
                batch, held = [], 0
            batch.append([row])
        held, last = held + 1, whose(row)
    if batch:
        yield batch


def _try(unit: Unit, do: Callable[[], Taken]) -> Taken | Fault:
    """Do it, or nothing of it: what is wrong with a row takes no other with it."""
    with unit.connection.begin_nested() as attempt:
        try:
            return do()
        except Unavailable:
            raise
        except Fault as fault:
            attempt.rollback()
            return fault
        except IntegrityError:
            attempt.rollback()
            return Fault(mark("somebody else changed this meanwhile: take the file in again"))


def _pay(unit: Unit, place: Place, rows: Sequence[Row]) -> list[tuple[Row, Taken | Fault]]:
    return [(row, _try(unit, lambda row=row: take_payment(unit, place, row))) for row in rows]  # type: ignore[misc]


def _take(unit: Unit, place: Place, rows: Sequence[Row]) -> list[tuple[Row, Taken | Fault]]:
    try:
        one = household_of(unit, place, rows[0])
    except Fault as fault:
        return [(row, fault) for row in rows]
    if one is None:
        made = _try(unit, lambda: take_family(unit, place, rows))
        is_done = isinstance(made, Taken)  # and nothing of who left there
        return [(row, Taken("same") if is_done and row.get("left") else made) for row in rows]
    return [(row, _try(unit, lambda row=row: take_row(unit, place, one, row))) for row in rows]  # type: ignore[misc]


def _count(done: Done, found: Sequence[tuple[Row, Taken | Fault]]) -> None:
    for row, result in found:
        if isinstance(result, Taken) and result.what != "conflict":
            done.counts[result.what] += 1
            continue
        done.counts["wrong" if isinstance(result, Fault) else "conflict"] += 1
        if isinstance(result, Taken):
            result = Fault(mark("changed on both sides: {fields}"), fields=", ".join(result.fields))
        if len(done.told) < MOST_TOLD:
            done.told.append(Told(row.line, result))
