"""Cases: what about money a person must decide, opened once each, and what operators leave undecided for too long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast, get_args

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    String,
    and_,
    bindparam,
    exists,
    or_,
    select,
    update,
)

from gateway.kernel.money import Money
from gateway.kernel.numbers import read_number, with_check_digit
from gateway.payments.collections import Collection, read_collection
from gateway.payments.providers.base import keep_said
from gateway.payments.states import UNDECIDED, State
from gateway.store.if_new import if_new
from gateway.store.schema import collection, incoming, money_case, organisation
from gateway.store.unit import Store, Unit

Kind = Literal[
    "conflict",  # an operator says "failed" of what it said was paid
    "reversed",  # an operator took money back
    "twin",  # one transaction turns up twice, and not as the same
    "currency",  # money came in another currency than was asked for
    "amount",  # another amount came than was asked for
    "unknown-payer",  # money came, and nobody knows for whom
    "unread-sms",  # a treasurer forwarded a text that can't be read
    "declared-by-another",  # a member says that money is theirs which another phone sent
    "refund",  # an operator gave back something else than was thought
    "undecided-1h",
    "undecided-24h",
    "undecided-72h",
]
KINDS: tuple[str, ...] = get_args(Kind)

_UNDECIDED = "the operator has not decided: gateway collections undecided says what comes next"
# What comes next for a case, and who does it.
NEXT_STEPS: Mapping[Kind, str] = {
    "conflict": "ask the operator's support which is true, then: gateway cases settle, as reversed or keep",
    "reversed": "see that the payer knows why; where it isn't booked yet: gateway cases settle, as reversed or keep",
    "twin": "compare the two with the operator's statement; give back what came too much, then close",
    "currency": "it stands on suspense: give it back (gateway refunds ask), then close",
    "amount": "it was booked as it came: see that the payer knows, give back what is too much, then close",
    "unknown-payer": "say whose it is (gateway incoming list, assign), or give it back (gateway refunds ask)",
    "unread-sms": "read the treasurer's SMS and compare it with the statement, then close",
    "declared-by-another": "ask both who paid, then: gateway incoming assign, or close",
    "refund": "compare the refund with the operator's statement, speak with the payer, then close",
    "undecided-1h": _UNDECIDED,
    "undecided-24h": _UNDECIDED,
    "undecided-72h": "ask the operator's support what became of this key, then close with their answer",
}


# After how long something undecided is a case, and again.
STEPS: Mapping[Kind, timedelta] = {
    "undecided-1h": timedelta(hours=1),
    "undecided-24h": timedelta(hours=24),
    "undecided-72h": timedelta(hours=72),
}
NOTE_CHARACTERS = 200
BY_CHARACTERS = 60
GATEWAY = "gateway"  # who closed a case that settled itself
_BATCH = 500

_NEW = if_new(money_case, "key")


def open_case(
    unit: Unit,
    kind: Kind,
    organisation_id: int,
    collection_id: int | None,
    incoming_id: int | None,
    said: str,
    key: str,
) -> int:
    """Open a case once for each key (at most 80 characters, no phone number); its id, also where it is known."""
    row = {
        "key": key[:80],
        "kind": kind,
        "organisation_id": organisation_id,
        "collection_id": collection_id,
        "incoming_id": incoming_id,
        "said": keep_said(said),
        "opened_at": unit.now,
    }
    unit.connection.scalar(_NEW[unit.connection.dialect.name], row)
    return int(unit.connection.execute(select(money_case.c.id).where(money_case.c.key == row["key"])).scalar_one())


def close_case(unit: Unit, case_id: int, by: str, note: str) -> bool:
    """Close a case with who decided and what; False when it is closed already or there is none."""
    return _close(unit, money_case.c.id == case_id, by, note) > 0


def close_cases_of(unit: Unit, incoming_id: int, by: str, note: str) -> int:
    """Close all that is open about money that came; how many that were."""
    return _close(unit, money_case.c.incoming_id == incoming_id, by, note)


def _close(unit: Unit, which: ColumnElement[bool], by: str, note: str) -> int:
    closed = unit.connection.execute(
        update(money_case)
        .where(which, money_case.c.closed_at.is_(None))
        .values(closed_at=unit.now, closed_by=by[:BY_CHARACTERS], note=note[:NOTE_CHARACTERS])
        .returning(money_case.c.id)
    )
    return len(closed.all())


@dataclass(frozen=True)
class Case:
    """A case as lists show it; ``number`` is what people name it by, ``key`` what opened it once."""

    id: int
    number: str
    kind: str
    organisation_id: int
    said: str
    opened_at: datetime
    collection_key: str | None
    incoming_id: int | None
    amount: Money | None
    key: str
    closed_at: datetime | None

    @property
    def next_step(self) -> str:
        """What comes next, and who does it, in words."""
        return NEXT_STEPS[cast(Kind, self.kind)]


def _cases() -> Select[Any]:
    return (
        select(
            money_case,
            collection.c.key.label("collection_key"),
            collection.c.amount_minor.label("asked_minor"),
            collection.c.currency.label("asked_currency"),
            incoming.c.amount_minor.label("came_minor"),
            incoming.c.currency.label("came_currency"),
        )
        .join(organisation, organisation.c.id == money_case.c.organisation_id)
        .outerjoin(collection, collection.c.id == money_case.c.collection_id)
        .outerjoin(incoming, incoming.c.id == money_case.c.incoming_id)
    )


def open_cases(connection: Connection, under_path: str = "/", limit: int = 1000, after: int = 0) -> list[Case]:
    """The open cases of the organisations at or below a path, the oldest first.

    ``after``: only those behind this id.
    """
    query = _cases().where(money_case.c.closed_at.is_(None), organisation.c.path.like(under_path + "%"))
    return [
        _read(row)
        for row in connection.execute(query.where(money_case.c.id > after).order_by(money_case.c.id).limit(limit))
    ]


def cases_of(connection: Connection, collection_id: int) -> list[Case]:
    """The open cases about a collection."""
    query = _cases().where(money_case.c.closed_at.is_(None), money_case.c.collection_id == collection_id)
    return [_read(row) for row in connection.execute(query.order_by(money_case.c.id))]


def case_numbered(connection: Connection, typed: str) -> Case | None:
    """The case that a number names, open or closed."""
    row = connection.execute(_cases().where(money_case.c.id == (read_number(typed) or 0))).first()
    return _read(row) if row else None


def lock_case(unit: Unit, typed: str) -> Case | None:
    """The same, where it is open, kept from being closed by others until the transaction ends."""
    own = (money_case.c.id == (read_number(typed) or 0)) & money_case.c.closed_at.is_(None)
    its_id = unit.connection.scalar(select(money_case.c.id).where(own).with_for_update())
    return case_numbered(unit.connection, typed) if its_id is not None else None


def _read(row: Any) -> Case:
    amount = None
    if row.came_minor is not None:
        amount = Money(row.came_minor, row.came_currency)
    elif row.asked_minor is not None:
        amount = Money(row.asked_minor, row.asked_currency)
    return Case(
        row.id,
        with_check_digit(row.id),
        row.kind,
        row.organisation_id,
        row.said,
        row.opened_at,
        row.collection_key,
        row.incoming_id,
        amount,
        row.key,
        row.closed_at,
    )


# --- what is left undecided -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Undecided:
    """A collection whose operator has said neither yes nor no, and the next step in words."""

    collection: Collection
    reason: str
    age: timedelta
    next_step: str


def _written(value: str | list[str]) -> BindParameter[Any]:
    """Written out in the statement: a partial index serves only where the database sees that its condition holds."""
    return bindparam(None, value, String, literal_execute=True, expanding=isinstance(value, list))


# A prompt that was given up although its operator never decided; "never_sent" is decided: nothing was asked.
_GIVEN_UP = and_(collection.c.state == _written(State.EXPIRED.value), collection.c.reason == _written("no_answer"))
_OPEN = or_(collection.c.state.in_(_written(sorted(state.value for state in UNDECIDED))), _GIVEN_UP)
# Once a person has closed the last of its cases it is off the list: they know.
_DECIDED_BY_HAND = exists().where(
    money_case.c.collection_id == collection.c.id,
    money_case.c.kind == "undecided-72h",
    money_case.c.closed_at.is_not(None),
)
_NEXT = {
    State.CREATED: "it was never sent: see that a worker runs",
    State.SENDING: "a call was begun and not recorded: the gateway asks the operator what it knows",
    State.UNCLEAR: "the operator gave no clear answer: the gateway asks again by itself",
    State.PENDING: "the operator holds it: the gateway asks again by itself",
    State.EXPIRED: "the payer was told that nothing came: the gateway goes on asking, since money can come late",
}
_ASK_SUPPORT = "ask the operator's support what became of this key, then look at its statement"


def undecided(
    connection: Connection, now: datetime, older_than: timedelta = timedelta(0), limit: int = 1000
) -> list[Undecided]:
    """The collections that have been undecided for longer than this, the oldest first."""
    rows = connection.execute(
        select(collection)
        .where(_OPEN, collection.c.way == "push", collection.c.created_at < now - older_than, ~_DECIDED_BY_HAND)
        .order_by(collection.c.created_at, collection.c.id)
        .limit(limit)
    )
    return [_undecided(read_collection(row), now) for row in rows]


def _undecided(one: Collection, now: datetime) -> Undecided:
    age = now - one.created_at
    late = age >= STEPS["undecided-72h"]
    return Undecided(one, one.reason or one.state.value, age, _ASK_SUPPORT if late else _NEXT[one.state])


def escalate(store: Store) -> int:
    """Open a case for what has been undecided for an hour, a day, three days; close those that settled themselves.

    For the scheduler, every few minutes; safe to repeat. Returns how many collections were looked at.
    """
    with store.read() as connection:
        found = undecided(connection, store.clock.now(), STEPS["undecided-1h"])
    for begin in range(0, len(found), _BATCH):
        with store.write() as unit:
            for each in found[begin : begin + _BATCH]:
                _escalate(unit, each)
    with store.write() as unit:
        settled = select(collection.c.id).where(~_OPEN)
        over = and_(money_case.c.kind.in_(list(STEPS)), money_case.c.collection_id.in_(settled))
        _close(unit, over, GATEWAY, "the operator has decided")
    return len(found)


def _escalate(unit: Unit, each: Undecided) -> None:
    one = each.collection
    for kind, after in STEPS.items():
        if each.age >= after:
            said = f"{each.reason}: {one.said or ''}"
            open_case(unit, kind, one.organisation_id, one.id, None, said, f"{kind}:{one.key}")
