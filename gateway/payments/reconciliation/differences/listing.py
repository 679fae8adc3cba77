"""Differences as people see them: with their wallet and whose money it is, listed or by their number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from gateway.kernel.money import Money
from gateway.kernel.numbers import read_number, with_check_digit
from gateway.network.organisations import Tree
from gateway.payments.reconciliation.differences.found import Kind, State
from gateway.store.schema import collection, difference, household, incoming, refund, wallet
from gateway.store.unit import Unit


@dataclass(frozen=True)
class Difference:
    """A difference as it stands; ``number`` is what people name it by.

    ``operator``, ``organisation_id``, ``currency`` and ``role`` are its wallet's; ``whose`` is the card of the
    household that our movement counts for; ``card`` the one that a choice names.
    """

    id: int
    number: str
    key: str
    kind: Kind
    wallet_id: int
    operator: str
    organisation_id: int
    currency: str
    role: str
    statement_id: int | None
    line: int | None
    operator_id: str | None
    collection_id: int | None
    incoming_id: int | None
    refund_id: int | None
    theirs: Money | None
    ours: Money | None
    at: datetime
    said: str
    found_at: datetime
    state: State
    choice: str | None
    card: str | None
    reason: str | None
    asked_by: str | None
    settled_by: str | None
    settled_at: datetime | None
    whose: str | None

    @property
    def by(self) -> Money:
        """By how much the statement says more than the books; below zero where it says less."""
        return (self.theirs or Money(0, self.currency)) - (self.ours or Money(0, self.currency))

    @property
    def stake(self) -> Money:
        """What a wrong choice could lose: the difference, or the whole where both sides have it."""
        whole = max((abs(each.minor) for each in (self.theirs, self.ours) if each is not None), default=0)
        return Money(abs(self.by.minor) if self.kind in ("amount", "fee") else whole, self.currency)


def _differences() -> Select[Any]:
    of_refund = refund.alias("of_refund")
    its_collection = func.coalesce(
        difference.c.collection_id, select(incoming.c.collection_id).where(incoming.c.id == difference.c.incoming_id)
        .scalar_subquery(), select(of_refund.c.collection_id).where(of_refund.c.id == difference.c.refund_id)
        .scalar_subquery(),
    )  # fmt: skip
    return (
        select(difference, wallet.c.operator, wallet.c.organisation_id, wallet.c.currency, wallet.c.role,
               household.c.card.label("whose"))
        .join(wallet, wallet.c.id == difference.c.wallet_id)
        .outerjoin(collection, collection.c.id == its_collection)
        .outerjoin(household, household.c.id == collection.c.household_id)
    )  # fmt: skip


def differences(
    connection: Connection,
    tree: Tree,
    under_path: str = "/",
    wallets: Iterable[int] | None = None,
    kind: Kind | None = None,
    every: bool = False,
    limit: int = 1000,
    after: int | None = None,
) -> list[Difference]:
    """What waits for somebody in the wallets of the organisations at or below a path, the oldest first.

    ``wallets``: only in these; ``kind``: only such; ``every``: also what is settled, the newest first; ``after``: only
    what follows the one with this id.
    """
    offices = [one.id for one in tree.by_id.values() if one.path.startswith(under_path)]
    query = _differences().where(wallet.c.organisation_id.in_(offices)).limit(limit)
    if wallets is not None:
        query = query.where(difference.c.wallet_id.in_(list(wallets)))
    if kind is not None:
        query = query.where(difference.c.kind == kind)
    if every:
        query = query.order_by(difference.c.id.desc())
    else:
        query = query.where(difference.c.state != "settled").order_by(difference.c.id)
    if after is not None:
        query = query.where(difference.c.id < after if every else difference.c.id > after)
    return list(_read(connection.execute(query)))


def next_open(
    connection: Connection, after: int, wallets: Iterable[int], kind: Kind | None = None, beside: int | None = None
) -> int | None:
    """The id of the next difference behind one that is open in some wallets, or of the first, where it was the last.

    ``beside``: one that isn't meant.
    """
    own = difference.c.wallet_id.in_(list(wallets)) & (difference.c.state == "open")
    if kind is not None:
        own &= difference.c.kind == kind
    if beside is not None:
        own &= difference.c.id != beside
    ids = select(difference.c.id).where(own).order_by(difference.c.id).limit(1)
    return connection.scalar(ids.where(difference.c.id > after)) or connection.scalar(ids)


def open_by_kind(connection: Connection, wallets: Iterable[int]) -> dict[int, dict[str, tuple[int, int]]]:
    """What waits for somebody in some wallets, by wallet and kind: how many, and by how much the two sides differ."""
    apart = func.abs(func.coalesce(difference.c.theirs_minor, 0) - func.coalesce(difference.c.ours_minor, 0))
    rows = connection.execute(
        select(difference.c.wallet_id, difference.c.kind, func.count(), func.sum(apart))
        .where(difference.c.wallet_id.in_(list(wallets)), difference.c.state != "settled")
        .group_by(difference.c.wallet_id, difference.c.kind)
        .order_by(difference.c.wallet_id, difference.c.kind)
    )
    found: dict[int, dict[str, tuple[int, int]]] = {}
    for its_wallet, its_kind, count, minor in rows:
        found.setdefault(its_wallet, {})[its_kind] = (int(count), int(minor or 0))
    return found


def difference_numbered(connection: Connection, typed: str) -> Difference | None:
    """The difference that a number names, whatever became of it."""
    return next(_read(connection.execute(_differences().where(difference.c.id == (read_number(typed) or 0)))), None)


def lock_difference(unit: Unit, typed: str) -> Difference | None:
    """The same, kept from being settled by others until the transaction ends."""
    own = difference.c.id == (read_number(typed) or 0)
    unit.connection.execute(select(difference.c.id).where(own).with_for_update())
    return difference_numbered(unit.connection, typed)


def _read(rows: Iterable[Any]) -> Iterator[Difference]:
    for row in rows:
        yield Difference(
            id=row.id,
            number=with_check_digit(row.id),
            key=row.key,
            kind=row.kind,
            wallet_id=row.wallet_id,
            operator=row.operator,
            organisation_id=row.organisation_id,
            currency=row.currency,
            role=row.role,
            statement_id=row.statement_id,
            line=row.line,
            operator_id=row.operator_id,
            collection_id=row.collection_id,
            incoming_id=row.incoming_id,
            refund_id=row.refund_id,
            theirs=Money(row.theirs_minor, row.currency) if row.theirs_minor is not None else None,
            ours=Money(row.ours_minor, row.currency) if row.ours_minor is not None else None,
            at=row.at,
            said=row.said,
            found_at=row.found_at,
            state=row.state,
            choice=row.choice,
            card=row.card,
            reason=row.reason,
            asked_by=row.asked_by,
            settled_by=row.settled_by,
            settled_at=row.settled_at,
            whose=row.whose,
        )
