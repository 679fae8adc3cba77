"""A chain of digests over the entries: what is changed, removed or inserted behind the program's back is named.

An entry is sealed after it was posted, by the scheduler: a posting waits for nothing and writes nothing for it. The
number of a seal is its place in the chain, without gaps; its digest is the SHA-256 of the digest before it and of the
entry in canonical form (:func:`canonical`). Whoever can write in the database can also compute a whole new chain: only
a number and a digest that were noted outside (an anchor) show that. See docs/decisions/0011-sealed-afterwards.md.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, FromClause, Join, Row, Select, bindparam, func, insert, select

from gateway.kernel.faults import Fault
from gateway.store.schema import account, entry, household, line, membership, organisation, period, seal
from gateway.store.turn import take_turn
from gateway.store.unit import Store, Unit

FORM = "cotisa entry 1"
START = "0" * 64  # what stands before the first digest
# How many entries a step looks at: on SQLite nobody else writes while a step's seals are written.
STEP = 400
# A transaction may be this much older than what was sealed last and still be found every minute; older ones hourly.
LATE_COMMIT = timedelta(hours=1)
# Further than this behind what was sealed before it, an entry's own time is worth a look.
BACKDATED = timedelta(days=1)

_TURN = "ledger chain"


@dataclass(frozen=True)
class Anchor:
    """A place in the chain: how many entries it holds up to there, and the digest of the last."""

    number: int
    digest: str

    def __str__(self) -> str:
        return f"{self.number}:{self.digest}"


def read_anchor(text: str) -> Anchor:
    """An anchor as ``gateway ledger anchor`` prints it, ``N:DIGEST``; raises :class:`Fault`."""
    found = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", text.strip().lower())
    if not found:
        raise Fault(
            "an anchor is NUMBER:DIGEST, as gateway ledger anchor prints it: 64 letters and figures after the :"
        )
    return Anchor(int(found[1]), found[2])


# --- the canonical form -----------------------------------------------------------------------------------------------

_reversed = entry.alias("reversed")
_ENTRY = (
    entry.c.id,
    entry.c.key,
    organisation.c.code.label("books"),
    entry.c.journal,
    entry.c.currency,
    entry.c.happened_on,
    entry.c.recorded_at,
    _reversed.c.key.label("reverses"),
)


def _with_names(entries: FromClause) -> Join:
    """Entries with the organisation in whose books each stands, and the entry that it reverses."""
    return entries.outerjoin(organisation, organisation.c.id == entry.c.organisation_id).outerjoin(
        _reversed, _reversed.c.id == entry.c.reverses_id
    )


_LINES: Select[Any] = (
    select(
        line.c.entry_id,
        organisation.c.code.label("books"),
        account.c.role,
        account.c.code,
        account.c.currency,
        line.c.amount_minor,
        household.c.card,
        membership.c.starts_on,
        line.c.due_on,
    )
    .outerjoin(account, account.c.id == line.c.account_id)
    .outerjoin(organisation, organisation.c.id == account.c.organisation_id)
    .outerjoin(household, household.c.id == line.c.household_id)
    .outerjoin(membership, membership.c.id == line.c.membership_id)
    .order_by(line.c.id)
)


def canonical(one: Row[Any], lines: Sequence[Row[Any]]) -> str:
    """An entry with all its lines as one line of JSON without blanks, that any other database can compute anew.

    A list of: the form's name; the entry's id and key, the code of the organisation whose books it stands in, journal,
    currency, the day it counts for, the moment it was recorded (UTC, with microseconds), the key of the entry that it
    reverses or null; and its lines in the order of writing. Each line is a list of: the account's organisation (its
    code), role, code and currency, the amount in minor units (debit positive), the card number or null, the first day
    of the membership or null, the day due or null. Nothing in it is a number that one database gave.
    """
    value = [
        FORM,
        str(one.id),
        one.key,
        one.books,
        one.journal,
        one.currency,
        one.happened_on.isoformat(),
        one.recorded_at.isoformat(timespec="microseconds"),
        one.reverses,
        [
            [each.books, each.role, each.code, each.currency, int(each.amount_minor), each.card, *_days(each)]
            for each in lines
        ],
    ]
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _days(each: Row[Any]) -> tuple[str | None, str | None]:
    starts, due = each.starts_on, each.due_on
    return starts.isoformat() if starts else None, due.isoformat() if due else None


def digest_of(before: str, text: str) -> str:
    """The digest of an entry's canonical form behind the digest ``before``: SHA-256, in hexadecimal."""
    return hashlib.sha256(f"{before}\n{text}".encode()).hexdigest()


# --- sealing ----------------------------------------------------------------------------------------------------------

_LAST = select(seal.c.id, seal.c.digest, seal.c.entry_id).order_by(seal.c.id.desc()).limit(1)
# Read by the key of the entries, which grows with time, so that no step looks at more than it says.
_NEXT = (
    select(entry.c.id, seal.c.id.label("number"))
    .outerjoin(seal, seal.c.entry_id == entry.c.id)
    .where(entry.c.id > bindparam("after", type_=entry.c.id.type))
    .order_by(entry.c.id)
    .limit(STEP)
)


def sealing(store: Store, everything: bool = False) -> Iterator[int]:
    """Seal what is not sealed yet, in steps; gives how many each step sealed.

    Entries are looked through by id, which grows with the time of making; what a step finds is sealed in the order of
    ``recorded_at`` and id. Without ``everything`` it begins an hour before what was sealed last: a transaction that was
    committed later than that, or by a machine whose clock is wrong, is found by a run with ``everything``.
    """
    with store.read() as connection:
        last = connection.execute(_LAST).first()
    after = uuid.UUID(int=0) if everything or last is None else _made_before(last.entry_id)
    while True:
        with store.read() as connection:
            found = connection.execute(_NEXT, {"after": after}).all()
        if not found:
            return
        after = found[-1].id
        new = [one.id for one in found if one.number is None]
        yield _seal(store, new) if new else 0
        if len(found) < STEP:
            return


def _made_before(entry_id: uuid.UUID) -> uuid.UUID:
    """The least id that could have been made :data:`LATE_COMMIT` before this one, or before now if that is sooner."""
    made_ms = min(entry_id.int >> 80, time.time_ns() // 1_000_000)
    return uuid.UUID(int=max(0, made_ms - LATE_COMMIT // timedelta(milliseconds=1)) << 80)


def _seal(store: Store, entry_ids: Sequence[uuid.UUID]) -> int:
    """Put entries at the end of the chain, unless somebody else has since."""
    with store.read() as connection:
        texts = _texts(connection, entry_ids)
    with store.write() as unit:
        take_turn(unit, _TURN)
        return _append(unit, texts)


def _append(unit: Unit, texts: Mapping[uuid.UUID, str]) -> int:
    sealed = set(unit.connection.scalars(select(seal.c.entry_id).where(seal.c.entry_id.in_(list(texts)))))
    last = unit.connection.execute(_LAST).first()
    number, digest, rows = (last.id, last.digest, []) if last else (0, START, [])
    for entry_id, text in texts.items():
        if entry_id not in sealed:
            number, digest = number + 1, digest_of(digest, text)
            rows.append({"id": number, "entry_id": entry_id, "digest": digest})
    if rows:
        unit.connection.execute(insert(seal), rows)
    return len(rows)


def _texts(connection: Connection, entry_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The canonical form of each, in the order in which they are sealed."""
    ids = list(entry_ids)
    query: Select[Any] = select(*_ENTRY).select_from(_with_names(entry)).where(entry.c.id.in_(ids))
    order = query.order_by(entry.c.recorded_at, entry.c.id)
    lines: dict[uuid.UUID, list[Row[Any]]] = {one: [] for one in ids}
    for each in connection.execute(_LINES.where(line.c.entry_id.in_(ids))):
        lines[each.entry_id].append(each)
    return {one.id: canonical(one, lines[one.id]) for one in connection.execute(order)}


def seal_in_order(unit: Unit, entry_ids: Sequence[uuid.UUID]) -> list[Anchor]:
    """Put entries at the end of the chain in exactly this order, as an earlier chain had them; where each stands now.

    For a history that comes from elsewhere, with gaps where others' entries stood: its own digests can't hold here.
    """
    texts = _texts(unit.connection, entry_ids)
    _append(unit, {one: texts[one] for one in entry_ids})
    rows = unit.connection.execute(
        select(seal.c.id, seal.c.digest).where(seal.c.entry_id.in_(list(entry_ids))).order_by(seal.c.id)
    )
    return [Anchor(row.id, row.digest) for row in rows]


def seal_all(store: Store) -> int:
    """Seal everything that is committed, now; how many entries that were."""
    return sum(sealing(store, everything=True))


# --- anchors and verification -----------------------------------------------------------------------------------------


def last_anchor(connection: Connection) -> tuple[Anchor, datetime | None]:
    """Where the chain ends, and when the last entry in it was recorded (None while it is empty)."""
    last = connection.execute(
        select(seal.c.id, seal.c.digest, entry.c.recorded_at)
        .outerjoin(entry, entry.c.id == seal.c.entry_id)
        .order_by(seal.c.id.desc())
        .limit(1)
    ).first()
    return (Anchor(last.id, last.digest), last.recorded_at) if last else (Anchor(0, START), None)


@dataclass(frozen=True)
class Broken:
    """The first place where the chain doesn't hold, in words, and its number."""

    number: int
    what: str


@dataclass(frozen=True)
class Holds:
    """The whole chain holds.

    ``waiting``: entries that are not sealed yet. ``backdated``: entries that say they were recorded more than a day
    before one that was sealed before them, behind the anchor that was given; ``first_backdated`` is the key of the
    first. Samples and machines with wrong clocks make such, and so does whoever writes an old entry by hand.
    """

    last: Anchor
    waiting: int
    backdated: int
    first_backdated: str | None


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class _Walk:
    """How far the verification has come."""

    number: int = 0
    digest: str = START
    newest: datetime = _LONG_AGO
    backdated: int = 0
    first_backdated: str | None = None


def verify_chain(connection: Connection, anchor: Anchor | None = None) -> Broken | Holds:
    """Compute every digest anew, a thousand entries at a time; with an anchor, see that the chain passes through it.

    The anchors that closed months carry are looked at as well.
    """
    anchors = {one.number: one.digest for one in closed_anchors(connection)}
    if anchor is not None:
        if anchors.get(anchor.number, anchor.digest) != anchor.digest:
            return Broken(anchor.number, f"the chain doesn't pass through {anchor}: a closed month says otherwise")
        anchors[anchor.number] = anchor.digest
    walk, noted = _Walk(), anchor.number if anchor else 0
    while rows := connection.execute(_SEALED, {"after": walk.number}).all():
        lines = _lines_of(connection, walk.number, rows[-1].number)
        for row in rows:
            if broken := _step(walk, row, lines.get(row.entry_id, []), anchors, noted):
                return broken
    if anchors.get(0, START) != START:
        return Broken(0, f"no chain begins with {anchors[0]}")
    beyond = [number for number in anchors if number > walk.number]
    if beyond:
        return Broken(walk.number, f"the chain ends at {walk.number}, but there were {min(beyond)} entries in it")
    waiting = connection.scalar(
        select(func.count())
        .select_from(entry.outerjoin(seal, seal.c.entry_id == entry.c.id))
        .where(seal.c.id.is_(None))
    )
    return Holds(Anchor(walk.number, walk.digest), int(waiting or 0), walk.backdated, walk.first_backdated)


_SEALED: Select[Any] = (
    select(seal.c.id.label("number"), seal.c.entry_id, seal.c.digest, *_ENTRY)
    .select_from(_with_names(seal.outerjoin(entry, entry.c.id == seal.c.entry_id)))
    .where(seal.c.id > bindparam("after"))
    .order_by(seal.c.id)
    .limit(1000)
)


def _lines_of(connection: Connection, after: int, until: int) -> dict[uuid.UUID, list[Row[Any]]]:
    found: dict[uuid.UUID, list[Row[Any]]] = {}
    query = _LINES.join(seal, seal.c.entry_id == line.c.entry_id).where(seal.c.id > after, seal.c.id <= until)
    for each in connection.execute(query):
        found.setdefault(each.entry_id, []).append(each)
    return found


def _step(
    walk: _Walk, row: Row[Any], lines: Sequence[Row[Any]], anchors: Mapping[int, str], noted: int
) -> Broken | None:
    number = walk.number + 1
    if row.number != number:
        return Broken(number, f"number {number} of the chain was removed")
    if row.id is None:
        return Broken(number, f"entry {row.entry_id}, number {number} of the chain, was removed")
    if digest_of(walk.digest, canonical(row, lines)) != row.digest:
        said = f"entry {row.key}, number {number} of the chain, is not what was sealed there"
        return Broken(number, f"{said}: it or a line of it was changed, or it was inserted")
    if anchors.get(number, row.digest) != row.digest:
        said = f"the chain doesn't pass through {number}:{anchors[number]}"
        return Broken(number, f"{said}: what comes before was rewritten")
    if number > noted and row.recorded_at < walk.newest - BACKDATED:
        walk.backdated += 1
        walk.first_backdated = walk.first_backdated or row.key
    walk.number, walk.digest, walk.newest = number, row.digest, max(walk.newest, row.recorded_at)
    return None


def closed_anchors(connection: Connection) -> list[Anchor]:
    """The places in the chain that closed months were closed at."""
    return [
        Anchor(int(totals["through"]), str(totals["digest"]))
        for totals in connection.scalars(select(period.c.totals).order_by(period.c.id))
    ]
