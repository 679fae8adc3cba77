"""An entry: two or more lines that net to zero, checked here and again by the database; written once, never changed."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import insert

from gateway.kernel.ids import ordered_id
from gateway.kernel.money import MAX_MINOR
from gateway.store.schema import entry, line
from gateway.store.together import Ask, together
from gateway.store.unit import Unit


class Unbalanced(ValueError):
    """The lines of an entry don't net to zero, or an entry has fewer than two."""


@dataclass(frozen=True)
class Line:
    """One movement: debit positive, credit negative, in minor units of the entry's currency."""

    account_id: int
    amount_minor: int
    household_id: int | None = None
    membership_id: int | None = None
    due_on: date | None = None

    def __post_init__(self) -> None:
        if self.amount_minor == 0 or abs(self.amount_minor) > MAX_MINOR:
            raise Unbalanced(f"a line of {self.amount_minor}")


@dataclass(frozen=True)
class Entry:
    """What happened, in one currency, in one organisation's books; ``key`` makes it happen once."""

    key: str
    organisation_id: int
    journal: str
    currency: str
    happened_on: date
    lines: tuple[Line, ...]
    reverses: uuid.UUID | None = None
    id: uuid.UUID = field(default_factory=ordered_id)

    def __post_init__(self) -> None:
        if len(self.lines) < 2 or sum(one.amount_minor for one in self.lines) != 0:
            raise Unbalanced(f"entry {self.key}: {[one.amount_minor for one in self.lines]}")


_LINES, _ENTRIES = insert(line), insert(entry)


def ask_record(unit: Unit, *entries: Entry) -> tuple[Ask, Ask]:
    """The rows to be, for :func:`~gateway.store.together.together`: the lines first, then the rows that seal them."""
    lines = [_line(one, each) for one in entries for each in one.lines]
    seals = [
        {
            "id": one.id,
            "key": one.key,
            "organisation_id": one.organisation_id,
            "journal": one.journal,
            "currency": one.currency,
            "happened_on": one.happened_on,
            "recorded_at": unit.now,
            "reverses_id": one.reverses,
        }
        for one in entries
    ]
    return (_LINES, lines), (_ENTRIES, seals)


def record(unit: Unit, *entries: Entry) -> None:
    """Write entries in the caller's transaction.

    Raises IntegrityError when a key is known: whoever records has made sure before that the cause is new.
    """
    together(unit.connection, *ask_record(unit, *entries))


def _line(one: Entry, each: Line) -> dict[str, Any]:
    return {
        "entry_id": one.id,
        "account_id": each.account_id,
        "household_id": each.household_id,
        "membership_id": each.membership_id,
        "due_on": each.due_on,
        "amount_minor": each.amount_minor,
    }
