"""Collections in the database: written once, moved only along the graph, their story kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update

from gateway.kernel.ids import operator_key
from gateway.kernel.money import Money
from gateway.network.organisations import Organisation
from gateway.payments.receipts import names_receipt, new_receipt_code
from gateway.payments.states import State, check
from gateway.store.outbox import Ask, ask_put_again, put_again
from gateway.store.schema import collection, collection_event
from gateway.store.together import Ask as Rows
from gateway.store.together import together
from gateway.store.unit import Unit


@dataclass(frozen=True)
class Collection:
    """A collection as it stands: for one household, or for those on a group's list."""

    id: int
    key: str
    organisation_id: int
    household_id: int | None
    way: str
    provider: str
    payer: str
    amount: Money
    state: State
    reason: str | None
    said: str | None
    created_at: datetime
    asked_at: datetime | None
    looks: int
    paid: Money | None
    paid_at: datetime | None
    operator_id: str | None
    receipt_code: str | None
    handle: str | None = None  # how the operator names the order, where it can't be asked by our key
    environment: str | None = None  # the provider's own word for the payer's operator or country
    group_id: int | None = None
    look_at: datetime | None = None  # when it may be asked about next, where its operator's quota makes it wait

    @property
    def of_household(self) -> int:
        """The household that it is for; raises AssertionError for a group's, which is for many."""
        assert self.household_id is not None, f"collection {self.key} is a group's"
        return self.household_id


def read_collection(row: Any) -> Collection:
    """A collection from its row."""
    return Collection(
        row.id,
        row.key,
        row.organisation_id,
        row.household_id,
        row.way,
        row.provider,
        row.payer,
        Money(row.amount_minor, row.currency),
        State(row.state),
        row.reason,
        row.said,
        row.created_at,
        row.asked_at,
        row.looks,
        Money(row.paid_minor, row.paid_currency) if row.paid_minor is not None else None,
        row.paid_at,
        row.operator_id,
        row.receipt_code,
        row.handle,
        row.environment,
        row.group_id,
        row.look_at,
    )


def look_soon(unit: Unit, key: str, after: timedelta = timedelta(0)) -> None:
    """The work of one look out of turn at what an order's key or a notice's reference names, a while from now.

    However many ask for it, it is one row: news that comes while somebody is looking is looked at once more.
    """
    put_again(unit, _hint(key, after))


def ask_look_soon(unit: Unit, key: str, after: timedelta) -> Rows:
    """The same, for :func:`~gateway.store.together.together`."""
    return ask_put_again(unit, _hint(key, after))


def _hint(key: str, after: timedelta) -> Ask:
    return Ask("money", "collection.hint", key, f"hint:{key}", after)


def create(
    unit: Unit,
    *,
    effect_key: str,
    books: Organisation,
    household_id: int | None = None,
    group_id: int | None = None,
    way: str,
    provider: str,
    payer: str,
    amount: Money,
    environment: str | None = None,
    asked: str | None = None,
) -> Collection:
    """Write a collection with its key, its receipt's code and the first step of its story, with whose wish it was.

    It is for a household or for a group, one of the two.

    Raises IntegrityError when the effect's key is known: whoever creates one has made sure before that the wish is new.
    """
    row = unit.connection.execute(
        insert(collection)
        .values(
            key=operator_key(),
            effect_key=effect_key,
            organisation_id=books.id,
            household_id=household_id,
            group_id=group_id,
            way=way,
            provider=provider,
            payer=payer,
            amount_minor=amount.minor,
            currency=amount.currency,
            state=State.CREATED,
            created_at=unit.now,
            receipt_code=new_receipt_code(),
            environment=environment,
        )
        .returning(*collection.c)
    ).one()
    one = read_collection(row)
    tell_story(unit, one.id, None, State.CREATED, asked, None)
    return one


def by_key(connection: Connection, key: str, *, lock: bool = False) -> Collection | None:
    """The collection with our key; ``lock`` keeps others from moving it until the transaction ends."""
    query = select(collection).where(collection.c.key == key)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return read_collection(row) if row else None


def by_id(connection: Connection, its_id: int) -> Collection | None:
    """The collection with an id."""
    row = connection.execute(select(collection).where(collection.c.id == its_id)).first()
    return read_collection(row) if row else None


def by_key_or_receipt(connection: Connection, typed: str) -> Collection | None:
    """The collection that somebody names by our key or by its receipt's number, with its code or without."""
    row = connection.execute(select(collection).where(or_(collection.c.key == typed, names_receipt(typed)))).first()
    return read_collection(row) if row else None


def learn_handle(unit: Unit, provider: str, key: str, handle: str) -> None:
    """Keep how the operator names an order, as its notice tells: once, and for one order only."""
    unnamed = (collection.c.key == key) & (collection.c.provider == provider) & collection.c.handle.is_(None)
    its_id = unit.connection.scalar(select(collection.c.id).where(unnamed).with_for_update())
    if its_id is None:  # most notices: who else has the handle is looked for among all collections
        return
    taken = select(collection.c.id).where(collection.c.provider == provider, collection.c.handle == handle[:200])
    unit.connection.execute(
        update(collection).where(collection.c.id == its_id, ~taken.exists()).values(handle=handle[:200])
    )


def newest(connection: Connection, limit: int = 50, state: str | None = None) -> list[Collection]:
    """The newest collections, of one state or of all."""
    query = select(collection).order_by(collection.c.id.desc()).limit(limit)
    return [
        read_collection(row) for row in connection.execute(query.where(collection.c.state == state) if state else query)
    ]


def who_asked(connection: Connection, one: Collection) -> str | None:
    """Whose wish a collection was: None for the payer's own, else ``BY_FAMILY`` or ``BY_OTHER``."""
    first = (collection_event.c.collection_id == one.id) & collection_event.c.from_state.is_(None)
    return connection.scalar(select(collection_event.c.reason).where(first))


@dataclass(frozen=True)
class Event:
    """A step of a collection's story."""

    at: datetime
    before: str | None
    after: str
    reason: str | None
    said: str | None


def story(connection: Connection, collection_id: int) -> list[Event]:
    """How a collection came to stand where it stands."""
    rows = connection.execute(
        select(collection_event)
        .where(collection_event.c.collection_id == collection_id)
        .order_by(collection_event.c.id)
    )
    return [Event(row.at, row.from_state, row.to_state, row.reason, row.said) for row in rows]


def last_moved(connection: Connection, one: Collection) -> datetime:
    """When a collection came to stand where it stands."""
    events = collection_event.c
    at: datetime = connection.scalars(
        select(events.at)
        .where(events.collection_id == one.id, events.to_state == one.state.value)
        .order_by(events.id.desc())
        .limit(1)
    ).one()
    return at


def move(
    unit: Unit, one: Collection, to: State, reason: str | None = None, said: str | None = None, **columns: object
) -> None:
    """Move a locked collection along the graph and write its story; raises IllegalMove where there is no edge."""
    check(one.state, to)
    unit.connection.execute(
        update(collection)
        .where(collection.c.id == one.id)
        .values(state=to, reason=reason, said=said[:200] if said else None, **columns)
    )
    tell_story(unit, one.id, one.state, to, reason, said)


def keep_slot(unit: Unit, one: Collection, slot: datetime) -> None:
    """Note when a collection may be asked about, so that nobody takes a second slot for it."""
    unit.connection.execute(update(collection).where(collection.c.id == one.id).values(look_at=slot))


def take_slot(unit: Unit, one: Collection) -> bool:
    """Take the slot that was kept for a collection and has come; False when somebody else has taken it."""
    mine = (collection.c.id == one.id) & (collection.c.look_at <= unit.now)
    taken = unit.connection.execute(update(collection).where(mine).values(look_at=None).returning(collection.c.id))
    return taken.first() is not None


def looked(unit: Unit, one: Collection, said: str | None) -> None:
    """Note that the operator was asked and what it said, without a move."""
    unit.connection.execute(
        update(collection)
        .where(collection.c.id == one.id)
        .values(looks=collection.c.looks + 1, said=said[:200] if said else collection.c.said)
    )


def sends(connection: Connection, one: Collection) -> int:
    """How often the operator was called for a collection."""
    return (
        connection.scalar(
            select(func.count()).where(
                collection_event.c.collection_id == one.id, collection_event.c.to_state == State.SENDING
            )
        )
        or 0
    )


_STORY = insert(collection_event)


def ask_story(
    unit: Unit, collection_id: int, before: State | None, after: State, reason: str | None, said: str | None
) -> Rows:
    """One step of a collection's story, for :func:`~gateway.store.together.together`."""
    return _STORY, {
        "collection_id": collection_id,
        "at": unit.now,
        "from_state": before.value if before else None,
        "to_state": after.value,
        "reason": reason,
        "said": said[:200] if said else None,
    }


def tell_story(
    unit: Unit, collection_id: int, before: State | None, after: State, reason: str | None, said: str | None
) -> None:
    """Write one step of a collection's story."""
    together(unit.connection, ask_story(unit, collection_id, before, after, reason, said))
