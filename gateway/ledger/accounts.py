"""Reading the ledger: a household's dues and credits, an organisation's balances, the journal, and its verification."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, bindparam, func, or_, select

from gateway.ledger.chart import HOUSEHOLD_ROLES
from gateway.ledger.rules import Credit, Due
from gateway.store.schema import account, entry, line, organisation
from gateway.store.together import Ask


@dataclass(frozen=True)
class Statement:
    """A household's own lines, as the rules read them."""

    dues: tuple[Due, ...]
    credits: tuple[Credit, ...]

    def and_credit(self, on: date, amount_minor: int) -> Statement:
        """The statement once a payment stands in it too."""
        return Statement(self.dues, (*self.credits, Credit(on, amount_minor)))


# How the keys of entries begin that hold the dues of somebody who joined a household; their id follows.
JOINED = "joined:"
# Those of penalties, and of what cancels dues: behind it stands the beginning of the key of what is cancelled.
PENALTY, CANCELLED = "penalty:", "cancelled:"
# That of a counter-entry by which all is as before, when a merge of two households is undone: behind it stands the key
# of the entry that it reverses.
UNDONE = "undone:"

_HOUSEHOLD_LINES = (
    select(line.c.membership_id, line.c.due_on, line.c.amount_minor, entry.c.happened_on, entry.c.key)
    .join(entry, entry.c.id == line.c.entry_id)
    .join(account, account.c.id == line.c.account_id)
    .where(or_(*(account.c.role == role for role in HOUSEHOLD_ROLES)), line.c.household_id == bindparam("household_id"))
)


def ask_statement(household_id: int) -> Ask:
    """What to ask for one household's lines; :func:`read_statement` reads the answer."""
    return _HOUSEHOLD_LINES, {"household_id": household_id}


def statement_of(connection: Connection, household_id: int) -> Statement:
    """The dues and credits of one household."""
    return read_statement(connection.execute(*ask_statement(household_id)).all())


def read_statement(rows: Sequence[Any]) -> Statement:
    """The dues and credits in a household's lines."""
    dues, credits = [], []
    for row in rows:
        if row.due_on is not None:
            key = what_of(row.key)
            added = int(key.split(":")[1]) if key.startswith(JOINED) else None
            penalty = key.startswith(PENALTY)
            dues.append(Due(row.membership_id, row.due_on, row.amount_minor, added, penalty, row.happened_on))
        else:
            credits.append(Credit(row.happened_on, -row.amount_minor))
    return Statement(tuple(dues), tuple(credits))


def what_of(key: str) -> str:
    """The key of the entry in which a due first stood, from that of whatever cancelled it or undid that."""
    while key.startswith((CANCELLED, UNDONE)):
        key = key.removeprefix(CANCELLED).removeprefix(UNDONE)
    return key


@dataclass(frozen=True)
class Balance:
    """What stands on one account: debit positive, credit negative, in minor units."""

    organisation: str
    code: str
    role: str
    currency: str
    amount_minor: int


def balances(connection: Connection, under_path: str = "/") -> list[Balance]:
    """The balance of every account that has moved, of the organisations at or below a path."""
    rows = connection.execute(
        select(organisation.c.name, account.c.code, account.c.role, account.c.currency, func.sum(line.c.amount_minor))
        .join(account, account.c.id == line.c.account_id)
        .join(organisation, organisation.c.id == account.c.organisation_id)
        .where(organisation.c.path.like(under_path + "%"))
        .group_by(organisation.c.id, organisation.c.name, account.c.code, account.c.role, account.c.currency)
        .order_by(organisation.c.name, account.c.currency, account.c.code)
    )
    return [Balance(name, code, role, currency, int(total)) for name, code, role, currency, total in rows]


@dataclass(frozen=True)
class JournalLine:
    """A line of the journal, with its entry's own facts repeated."""

    entry: str
    key: str
    happened_on: date
    journal: str
    organisation: str
    code: str
    currency: str
    amount_minor: int


def journal(connection: Connection, under_path: str = "/", limit: int = 1000) -> Iterator[JournalLine]:
    """The newest ``limit`` lines of the journal, newest entry first."""
    rows = connection.execute(
        select(
            entry.c.id,
            entry.c.key,
            entry.c.happened_on,
            entry.c.journal,
            organisation.c.name,
            account.c.code,
            entry.c.currency,
            line.c.amount_minor,
        )
        .join(line, line.c.entry_id == entry.c.id)
        .join(account, account.c.id == line.c.account_id)
        .join(organisation, organisation.c.id == entry.c.organisation_id)
        .where(organisation.c.path.like(under_path + "%"))
        .order_by(entry.c.recorded_at.desc(), entry.c.id, line.c.id)
        .limit(limit)
    )
    for row in rows:
        yield JournalLine(str(row[0]), *row[1:])


def first_difference(connection: Connection) -> str | None:
    """Recompute every entry and every currency's total; the first thing that doesn't hold, in words, or None."""
    wrong = connection.execute(
        select(entry.c.key, func.coalesce(func.sum(line.c.amount_minor), 0), func.count(line.c.id))
        .outerjoin(line, line.c.entry_id == entry.c.id)
        .group_by(entry.c.id, entry.c.key)
        .having((func.coalesce(func.sum(line.c.amount_minor), 0) != 0) | (func.count(line.c.id) < 2))
        .order_by(entry.c.key)
        .limit(1)
    ).first()
    if wrong:
        return f"entry {wrong[0]} nets to {wrong[1]} over {wrong[2]} lines"
    orphan = connection.scalar(
        select(func.count())
        .select_from(line.outerjoin(entry, entry.c.id == line.c.entry_id))
        .where(entry.c.id.is_(None))
    )
    if orphan:
        return f"{orphan} lines belong to no entry"
    mixed = connection.execute(
        select(entry.c.key)
        .join(line, line.c.entry_id == entry.c.id)
        .join(account, account.c.id == line.c.account_id)
        .where(account.c.currency != entry.c.currency)
        .limit(1)
    ).first()
    if mixed:
        return f"entry {mixed[0]} mixes currencies"
    return None
