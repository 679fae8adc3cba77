"""Collections in the database: asked for once, moved only along the graph, their story kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update

from gateway.kernel.ids import operator_key
from gateway.kernel.money import Money
from gateway.network.organisations import Organisation
from gateway.payments.receipts import new_receipt_code
from gateway.payments.states import UNDECIDED, State, check
from gateway.store.outbox import Ask, put
from gateway.store.schema import collection, collection_event, household, phone
from gateway.store.together import Ask as Rows
from gateway.store.together import together
from gateway.store.unit import Unit

# While a prompt may still be open on the payer's phone, the same household isn't asked again.
PROMPT_OPEN = timedelta(minutes=15)

FIRST_LOOK = timedelta(seconds=10)


@dataclass(frozen=True)
class Collection:
    """A collection as it stands."""

    id: int
    key: str
    organisation_id: int
    household_id: int
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
    )


class Asked(Enum):
    """What became of a wish to pay."""

    NOW = "now"
    IN_PROGRESS = "in-progress"


def ask_for_payment(
    unit: Unit,
    *,
    effect_key: str,
    books: Organisation,
    household_id: int,
    provider: str,
    payer: str,
    amount: Money,
    after: timedelta,
    environment: str | None = None,
) -> Asked:
    """Write a push collection and the work of asking for it, unless one for this household is still open.

    Our key for the operator is made and stored here, before anything is sent.
    """
    # Two phones that pay for one household at the same moment wait for each other here. What a stranger has asked of
    # their own wallet keeps nobody else from paying.
    unit.connection.execute(select(household.c.id).where(household.c.id == household_id).with_for_update())
    still_open = unit.connection.scalar(
        select(collection.c.id)
        .where(
            collection.c.household_id == household_id,
            collection.c.state.in_([state.value for state in UNDECIDED]),
            collection.c.created_at > unit.now - PROMPT_OPEN,
            or_(
                collection.c.payer == payer,
                collection.c.payer.in_(select(phone.c.msisdn).where(phone.c.household_id == household_id)),
            ),
        )
        .limit(1)
    )
    if still_open is not None:
        return Asked.IN_PROGRESS
    one = create(
        unit,
        effect_key=effect_key,
        books=books,
        household_id=household_id,
        way="push",
        provider=provider,
        payer=payer,
        amount=amount,
        environment=environment,
    )
    put(
        unit,
        Ask("money", "collection.ask", one.key, f"ask:{one.key}", after, first=True),
        Ask("money", "collection.look", one.key, f"look:{one.key}", after + FIRST_LOOK),
    )
    return Asked.NOW


def create(
    unit: Unit,
    *,
    effect_key: str,
    books: Organisation,
    household_id: int,
    way: str,
    provider: str,
    payer: str,
    amount: Money,
    environment: str | None = None,
) -> Collection:
    """Write a collection with its key, its receipt's code and the first step of its story.

    Raises IntegrityError when the effect's key is known: whoever creates one has made sure before that the wish is new.
    """
    key, code = operator_key(), new_receipt_code()
    made = unit.connection.execute(
        insert(collection).values(
            key=key,
            effect_key=effect_key,
            organisation_id=books.id,
            household_id=household_id,
            way=way,
            provider=provider,
            payer=payer,
            amount_minor=amount.minor,
            currency=amount.currency,
            state=State.CREATED,
            created_at=unit.now,
            receipt_code=code,
            environment=environment,
        )
    )
    one = Collection(
        id=int(made.inserted_primary_key[0]),  # type: ignore[index]
        key=key,
        organisation_id=books.id,
        household_id=household_id,
        way=way,
        provider=provider,
        payer=payer,
        amount=amount,
        state=State.CREATED,
        reason=None,
        said=None,
        created_at=unit.now,
        asked_at=None,
        looks=0,
        paid=None,
        paid_at=None,
        operator_id=None,
        receipt_code=code,
        environment=environment,
    )
    tell_story(unit, one.id, None, State.CREATED, None, None)
    return one


def by_key(connection: Connection, key: str, *, lock: bool = False) -> Collection | None:
    """The collection with our key; ``lock`` keeps others from moving it until the transaction ends."""
    query = select(collection).where(collection.c.key == key)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return read_collection(row) if row else None


def learn_handle(unit: Unit, provider: str, key: str, handle: str) -> None:
    """Keep how the operator names an order, as its notice tells: once, and for one order only."""
    taken = select(collection.c.id).where(collection.c.provider == provider, collection.c.handle == handle[:200])
    unit.connection.execute(
        update(collection)
        .where(
            collection.c.key == key,
            collection.c.provider == provider,
            collection.c.handle.is_(None),
            ~taken.exists(),
        )
        .values(handle=handle[:200])
    )


def newest(connection: Connection, limit: int = 50, state: str | None = None) -> list[Collection]:
    """The newest collections, of one state or of all."""
    query = select(collection).order_by(collection.c.id.desc()).limit(limit)
    return [
        read_collection(row) for row in connection.execute(query.where(collection.c.state == state) if state else query)
    ]


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
