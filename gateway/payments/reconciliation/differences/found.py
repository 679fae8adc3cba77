"""Where a statement and the books don't agree: each difference is one row, found once, with a story that only grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, get_args

from sqlalchemy import Connection, Row, bindparam, insert, or_, select, update

from gateway.kernel.money import Money
from gateway.payments.decisions.cases import GATEWAY
from gateway.payments.decisions.two_people import REASON_CHARACTERS
from gateway.payments.providers.base import keep_said
from gateway.store.if_new import if_new
from gateway.store.schema import difference, difference_event
from gateway.store.unit import Unit

Kind = Literal[
    "unknown",  # in the statement, and not with us
    "late",  # in the statement, and with us as not paid
    "missing",  # with us, and not in the statement although its time has passed
    "amount",  # in both, with another amount
    "twice",  # one number, and more than one line or movement of it
    "reversed",  # the operator took it back, and the books don't say so
    "fee",  # the fee in the books isn't the statement's
    "out",  # money left, and nobody has said why
    "ambiguous",  # several movements of ours could be meant
]
KINDS: tuple[Kind, ...] = get_args(Kind)
State = Literal["open", "asked", "settled"]
RULE = "rule"  # the choice of what the gateway settled by itself
AGAIN = "+"  # in a number: money that a difference was settled by, after the operator's number; none has it itself
_KEY_CHARACTERS = 120
_BATCH = 500


@dataclass(frozen=True)
class Found:
    """A difference as a run reports it; ``key`` is :func:`difference_key`, the same however often it is found.

    ``theirs`` and ``ours`` are the two amounts as the statement and the books have them, None where one has nothing;
    what settling it posts is the one less the other. What came is positive, what left negative; but for ``out`` and
    ``reversed``, which are kept without a sign, as the kind tells it.
    Of ``twice`` they are what all lines of the number, and all our movements of it, come to; ``collection_id`` or
    ``incoming_id`` is then the movement that may be one too many. Of ``reversed`` ``operator_id`` is the number of what
    was taken back, and ``theirs`` how much; of all other kinds it is the line's. ``at`` is when the money moved.
    """

    kind: Kind
    key: str
    wallet_id: int
    at: datetime
    said: str
    statement_id: int | None = None
    line: int | None = None
    operator_id: str | None = None
    collection_id: int | None = None
    incoming_id: int | None = None
    refund_id: int | None = None
    theirs: Money | None = None
    ours: Money | None = None


def difference_key(kind: Kind, wallet_id: int, what: str) -> str:
    """The key of a difference: ``what`` is the operator's number, or names our movement ("c12", "i4", "r7")."""
    return f"{kind}:{wallet_id}:{what}"[:_KEY_CHARACTERS]


# --- found and gone ---------------------------------------------------------------------------------------------------

_NEW = if_new(difference, "key")
_FACTS = ("statement_id", "line", "theirs_minor", "ours_minor", "said", "incoming_id")
_REOPEN = (
    update(difference)
    .where(difference.c.id == bindparam("its_id"))
    .values(
        state="open", choice=None, card=None, reason=None, asked_by=None, settled_by=None, settled_at=None,
        **{name: bindparam(f"new_{name}", type_=difference.c[name].type) for name in _FACTS},
    )
)  # fmt: skip


def open_difference(unit: Unit, found: Found) -> int:
    """Note a difference, once for each key; its id. See :func:`open_differences`."""
    return open_differences(unit, (found,))[0]


def open_differences(unit: Unit, found: Sequence[Found]) -> list[int]:
    """Note differences, once for each key; their ids in the same order. Those that are known and the same stay so.

    What had explained itself and is found again is open again, and so is what somebody settled, or asks to settle, by
    other figures than are found now.
    """
    ids: dict[str, int] = {}
    for begin in range(0, len(found), _BATCH):
        ids |= _open(unit, {each.key: each for each in found[begin : begin + _BATCH]})
    return [ids[each.key] for each in found]


def _open(unit: Unit, found: dict[str, Found]) -> dict[str, int]:
    new = unit.connection.scalars(_NEW[unit.connection.dialect.name], [_row(unit, each) for each in found.values()])
    fresh = set(new)
    rows = unit.connection.execute(select(difference).where(difference.c.key.in_(sorted(found)))).all()
    known = [row for row in rows if row.key not in fresh and _is_again(row, found[row.key])]
    _open_again(unit, [(row.id, _row(unit, found[row.key])) for row in known])
    tell(
        unit,
        *(Event("found", row.id, keep_said(found[row.key].said)) for row in rows if row.key in fresh),
        *(Event("again", row.id, keep_said(found[row.key].said)) for row in known),
    )
    return {row.key: row.id for row in rows}


def _row(unit: Unit, each: Found) -> dict[str, Any]:
    return {
        "key": each.key,
        "wallet_id": each.wallet_id,
        "kind": each.kind,
        "statement_id": each.statement_id,
        "line": each.line,
        "operator_id": each.operator_id,
        "collection_id": each.collection_id,
        "incoming_id": each.incoming_id,
        "refund_id": each.refund_id,
        "theirs_minor": _kept(each, each.theirs),
        "ours_minor": _kept(each, each.ours),
        "at": each.at,
        "said": keep_said(each.said),
        "found_at": unit.now,
        "state": "open",
    }


def _kept(found: Found, amount: Money | None) -> int | None:
    if amount is None:
        return None
    return abs(amount.minor) if found.kind in ("out", "reversed") else amount.minor


def _is_again(row: Row[Any], found: Found) -> bool:
    """Is what is known to be settled there once more? Gone is settled without a choice."""
    if row.state == "settled" and row.choice is None:
        return True
    return (row.theirs_minor, row.ours_minor) != (_kept(found, found.theirs), _kept(found, found.ours))


def settled_by_rule(unit: Unit, found: Found, did: str, entry_key: str | None = None) -> None:
    """Note a difference that a rule has settled in this transaction: ``did`` says how. What is known is left alone."""
    if unit.connection.scalar(select(difference.c.id).where(difference.c.key == found.key)) is not None:
        return
    row = _row(unit, found) | {"state": "settled", "choice": RULE, "settled_by": GATEWAY, "settled_at": unit.now}
    its_id = unit.connection.execute(insert(difference).values(row).returning(difference.c.id)).scalar_one()
    tell(
        unit,
        Event("found", its_id, keep_said(found.said)),
        Event("settled", its_id, did, choice=RULE, entry_key=entry_key),
    )


def gone(unit: Unit, its_id: int, why: str) -> bool:
    """A difference has explained itself; False where it is settled. See :func:`all_gone`."""
    return all_gone(unit, {its_id: why}) == 1


def all_gone(unit: Unit, why: dict[int, str]) -> int:
    """What has explained itself since it was found, by id: it is settled by the gateway; how many were not settled.

    So is what a person decided to wait for.
    """
    count = 0
    for begin in range(0, len(why), _BATCH):
        ids = list(why)[begin : begin + _BATCH]
        # What somebody asks to undo has been settled, and its entry stands.
        waits = or_(difference.c.settled_at.is_(None), difference.c.choice == "wait")
        done = unit.connection.scalars(
            update(difference)
            .where(difference.c.id.in_(ids), waits)
            .values(state="settled", choice=None, card=None, reason=None, asked_by=None, settled_by=GATEWAY,
                    settled_at=unit.now)
            .returning(difference.c.id)
        ).all()  # fmt: skip
        tell(unit, *(Event("gone", each, why[each]) for each in sorted(done)))
        count += len(done)
    return count


UNTIL = "until "  # begins the reason of what somebody waits for; the day follows, as 2026-12-01


def due_again(unit: Unit, wallet_id: int, today: date) -> int:
    """Open again what was to be waited for until today or earlier; how many. A run does it before it looks."""
    rows = unit.connection.execute(
        select(difference)
        .where(difference.c.wallet_id == wallet_id, difference.c.state == "settled", difference.c.choice == "wait")
        .with_for_update()
    )
    over = [row for row in rows if date.fromisoformat(row.reason.removeprefix(UNTIL)[:10]) <= today]
    _open_again(unit, [(row.id, row._asdict()) for row in over])
    tell(unit, *(Event("again", row.id, row.reason) for row in over))
    return len(over)


def _open_again(unit: Unit, facts: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
    """Open differences by id, with their facts as they are now."""
    if facts:
        rows = [{"its_id": its_id, **{f"new_{name}": row[name] for name in _FACTS}} for its_id, row in facts]
        unit.connection.execute(_REOPEN, rows)


# --- the story --------------------------------------------------------------------------------------------------------

What = Literal["found", "asked", "refused", "dropped", "settled", "undone", "gone", "again"]


@dataclass(frozen=True)
class Event:
    """One step in the story of a difference; ``entry_key`` is the entry that it made, where it made one."""

    what: What
    difference_id: int
    reason: str
    by_name: str = GATEWAY
    choice: str | None = None
    entry_key: str | None = None
    at: datetime | None = None


def tell(unit: Unit, *events: Event) -> None:
    """Write steps into the story, as of now."""
    if events:
        unit.connection.execute(
            insert(difference_event),
            [
                {
                    "difference_id": each.difference_id,
                    "at": unit.now,
                    "what": each.what,
                    "choice": each.choice,
                    "by_name": each.by_name,
                    "reason": each.reason.strip()[:REASON_CHARACTERS],
                    "entry_key": each.entry_key,
                }
                for each in events
            ],
        )


def story(connection: Connection, its_id: int) -> list[Event]:
    """What happened to a difference, the first first."""
    own = select(difference_event).where(difference_event.c.difference_id == its_id).order_by(difference_event.c.id)
    return [
        Event(row.what, its_id, row.reason, row.by_name, row.choice, row.entry_key, row.at)
        for row in connection.execute(own)
    ]
