"""What is handed out to the software: members, contributions, changes and visits as CSV, whole or since the last time.

An exchange counts only once it is said that it was taken there: until then the next one holds the same again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, exists, insert, select, update

from gateway.exchange.fhir.families import AT_ONCE, Family, today, walk
from gateway.exchange.software.rows import (
    CHANGES,
    CONTRIBUTIONS,
    MEMBERS,
    VISITS,
    Row,
    columns_in,
    fields_of,
    read_rows,
    versioned,
)
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.ledger.exports import Cell, Sheet, whole, write
from gateway.locale import mark
from gateway.membership.several import among
from gateway.network.organisations import Organisation, Tree
from gateway.payments.receipts import receipt_number
from gateway.payments.states import State
from gateway.store.or_set import or_set
from gateway.store.schema import (
    beneficiary,
    collection,
    collection_event,
    erasure,
    facility,
    household,
    household_change,
    incoming,
    old_number,
    software_agreed,
    software_exchange,
    software_payment,
    visit,
)
from gateway.store.tracing import Outside, trace
from gateway.store.unit import Store, Unit

FILES = {"members": MEMBERS, "contributions": CONTRIBUTIONS, "changes": CHANGES, "visits": VISITS}
MANIFEST = "exchange.json"
# A transaction that began before an exchange and ended after it is in the next: none takes as long as this.
OVERLAP = timedelta(hours=1)
BATCH = 500
_AGREE = or_set(software_agreed, ("beneficiary_id",), "content", "version", "agreed_at")


@dataclass(frozen=True)
class Handed:
    """An exchange that was made: its number, from when it tells (None: all), and the rows of each file."""

    number: int
    since: datetime | None
    rows: Mapping[str, int]


def hand_out(store: Store, tree: Tree, at: Organisation, folder: Path, since_last: bool) -> Handed:
    """Write the files of a place into a folder and keep that it was done; raises :class:`Fault`.

    ``since_last``: only what changed since the last exchange of the place that was taken; all of it where none was.
    """
    if not folder.is_dir():
        raise Fault(mark("{path} is no folder"), path=str(folder))
    now = store.clock.now()
    with store.read() as connection:
        mark_at = last_taken(connection, at.id) if since_last else None
        since = mark_at - OVERLAP if mark_at is not None else None
        tables: dict[str, Iterator[Sequence[Cell]]] = {
            "members": _members(connection, tree, at, now, since is not None),
            "contributions": _contributions(connection, tree, at, since),
            "changes": _changes(connection, tree, at, since),
            "visits": _visits(connection, tree, at, since),
        }
        counts = {
            name: write(Sheet(name, FILES[name], rows), folder / f"{name}.csv", "csv") for name, rows in tables.items()
        }
    digest = digest_of(folder / "members.csv")
    with store.write() as unit:
        made = unit.connection.execute(
            insert(software_exchange).values(organisation_id=at.id, made_at=now, digest=digest)
        )
        number = int(made.inserted_primary_key[0])  # type: ignore[index]
        by = Outside("gateway exchange")
        trace(unit, by=by, organisation_id=at.id, what="exchange.handed_out", about=f"organisation:{at.id}", address="")
    said = {
        "exchange": number, "place": at.code, "made_at": now.isoformat(),
        "since": mark_at.isoformat() if mark_at is not None else None, "rows": counts,
    }  # fmt: skip
    with whole(folder / MANIFEST) as part:
        part.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    return Handed(number, mark_at, counts)


def last_taken(connection: Connection, organisation_id: int) -> datetime | None:
    """When the last exchange of a place that was taken there was made."""
    one = software_exchange
    taken = (one.c.organisation_id == organisation_id) & one.c.taken_at.is_not(None)
    return connection.scalar(select(one.c.made_at).where(taken).order_by(one.c.made_at.desc()).limit(1))


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def confirm(store: Store, folder: Path, by_name: str) -> int:
    """It is said that an exchange was taken there: both sides agree on what it says; its number. A repeat does nothing.

    Raises :class:`Fault` where the folder holds none of ours, or its members aren't what was written.
    """
    try:
        said = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        number = said["exchange"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise Fault(mark("{path} holds no exchange"), path=str(folder)) from None
    members = folder / "members.csv"
    with store.read() as connection:
        known = type(number) is int and 0 < number < 2**63
        its = software_exchange.c.id == (number if known else 0)
        one = connection.execute(select(software_exchange).where(its)).first()
    if one is None or not members.is_file() or digest_of(members) != one.digest:
        raise Fault(mark("the files in {path} aren't those that were written"), path=str(folder))
    if one.taken_at is not None:
        return int(one.id)
    rows = read_rows(members, columns_in(members, MEMBERS))
    while batch := list(islice(rows, BATCH)):
        with store.write() as unit:
            values = [_agreed(row, unit.now) for row in batch]
            gone = _nameless(unit, [each["beneficiary_id"] for each in values])
            if values := [each for each in values if each["beneficiary_id"] not in gone]:
                unit.connection.execute(_AGREE[unit.connection.dialect.name], values)
    with store.write() as unit:
        open_one = (software_exchange.c.id == one.id) & software_exchange.c.taken_at.is_(None)
        unit.connection.execute(
            update(software_exchange).where(open_one).values(taken_at=unit.now, taken_by=by_name[:60])
        )
    return int(one.id)


def _nameless(unit: Unit, people: Sequence[int]) -> set[int]:
    """Who of these was made nameless since: nothing is kept of them. Whoever isn't yet waits for this transaction."""
    own = select(beneficiary.c.household_id).where(beneficiary.c.id.in_(among(people)))
    homes = select(household.c.id).where(household.c.id.in_(own)).order_by(household.c.id).with_for_update()
    ids = unit.connection.scalars(homes).all()
    gone = (
        select(beneficiary.c.id)
        .join(erasure, erasure.c.household_id == beneficiary.c.household_id)
        .where(erasure.c.household_id.in_(among(ids)), erasure.c.state == "done")
    )
    return set(unit.connection.scalars(gone))


def _agreed(row: Row, now: datetime) -> dict[str, Any]:
    content = {name: row.get(name) for name in fields_of(row.get("relation"))}
    return {
        "beneficiary_id": int(row.get("key").removeprefix("p")),
        "content": content,
        "version": row.get("version"),
        "agreed_at": now,
    }


# --- members ----------------------------------------------------------------------------------------------------------


def _members(
    connection: Connection, tree: Tree, at: Organisation, now: datetime, only_changed: bool
) -> Iterator[Sequence[Cell]]:
    every = walk(connection, tree, tree.sections_under(at.id), today(tree, now))
    while batch := list(islice(every, AT_ONCE)):
        ids = [one.household.id for one in batch]
        numbers = _numbers(connection, ids)
        known = _versions(connection, ids) if only_changed else {}
        for one in batch:
            for person_id, row in member_rows(one, numbers.get(one.household.id, "")):
                if known.get(person_id) != row[1]:
                    yield row


def member_rows(one: Family, number: str) -> Iterator[tuple[int, tuple[Cell, ...]]]:
    """A family's rows with whose each is, who left too; ``number``: theirs of the household."""
    phone = one.phones[0].removeprefix("+") if one.phones else ""
    for each in one.people:
        gone = each.left_on is not None and not each.on_card(one.on)
        cover_of = one.cover_of.get(each.id)
        yield each.id, versioned(
            f"p{each.id}", one.household.card, f"h{one.household.id}", number, each.name, each.sex, each.birth_year,
            each.relation, phone, one.section.code, one.last.plan_code if one.last else "", each.joined_on,
            each.left_on, "left" if gone else "covered" if cover_of is not None and cover_of.covered
            else one.covered.state.value, None if gone else one.covered.until,
        )  # fmt: skip


def _numbers(connection: Connection, ids: Sequence[int]) -> dict[int, str]:
    rows = connection.execute(
        select(old_number.c.household_id, old_number.c.written)
        .where(old_number.c.household_id.in_(among(ids)))
        .order_by(old_number.c.since.desc(), old_number.c.key.desc())
    )
    return {row.household_id: row.written for row in rows}  # the oldest stays


def _versions(connection: Connection, ids: Sequence[int]) -> dict[int, str]:
    rows = connection.execute(
        select(software_agreed.c.beneficiary_id, software_agreed.c.version)
        .join(beneficiary, beneficiary.c.id == software_agreed.c.beneficiary_id)
        .where(beneficiary.c.household_id.in_(among(ids)))
    )
    return {row.beneficiary_id: row.version for row in rows}


# --- payments ---------------------------------------------------------------------------------------------------------

_PAYMENTS = (
    select(
        collection.c.id, collection.c.key, collection.c.created_at, collection.c.paid_at, collection.c.paid_minor,
        collection.c.paid_currency, collection.c.way, collection.c.state, collection.c.organisation_id,
        household.c.card, software_payment.c.key.label("their_key"),
    )
    .join(household, household.c.id == collection.c.household_id)
    .outerjoin(incoming, incoming.c.collection_id == collection.c.id)
    .outerjoin(software_payment, software_payment.c.incoming_id == incoming.c.id)
    .where(collection.c.paid_at.is_not(None), collection.c.state.in_((State.PAID.value, State.REVERSED.value)))
    .order_by(collection.c.created_at, collection.c.id)
    .limit(BATCH)
)  # fmt: skip


def _contributions(
    connection: Connection, tree: Tree, at: Organisation, since: datetime | None
) -> Iterator[Sequence[Cell]]:
    books = {tree.books_of(one.id).id for one in tree.sections_under(at.id)}
    query = _PAYMENTS
    if at.id not in books and tree.books_of(at.id).id in books:  # a part of a mutuelle
        query = query.where(household.c.section_id.in_([one.id for one in tree.sections_under(at.id)]))
    if since is not None:
        event = (collection_event.c.collection_id == collection.c.id) & (collection_event.c.at >= since)
        query = query.where(exists(select(collection_event.c.id).where(event)))
    for books_id in sorted(books):
        own = query.where(collection.c.organisation_id == books_id)
        zone = tree[books_id].time_zone
        after: Any = None
        while True:
            behind = own
            if after is not None:
                at_last, last = collection.c.created_at == after.created_at, collection.c.id > after.id
                behind = own.where((collection.c.created_at > after.created_at) | (at_last & last))
            rows = connection.execute(behind).all()
            for one in rows:
                amount = Money(one.paid_minor, one.paid_currency)
                yield versioned(
                    one.key, one.their_key, one.card, day_in(zone, one.paid_at), amount.decimal, amount.currency,
                    one.way, receipt_number(one.id), one.state,
                )  # fmt: skip
            if len(rows) < BATCH:
                break
            after = rows[-1]


# --- what happened ----------------------------------------------------------------------------------------------------


def _households(connection: Connection, tree: Tree, at: Organisation) -> Iterator[dict[int, tuple[str, str]]]:
    """The households of a place by id, some at a time: the card, and the time zone."""
    for section in tree.sections_under(at.id):
        after = 0
        while True:
            its = (household.c.section_id == section.id) & (household.c.id > after)
            query = select(household.c.id, household.c.card).where(its).order_by(household.c.id).limit(BATCH)
            rows = connection.execute(query).all()
            if rows:
                yield {row.id: (row.card, section.time_zone) for row in rows}
            if len(rows) < BATCH:
                break
            after = rows[-1].id


def _changes(connection: Connection, tree: Tree, at: Organisation, since: datetime | None) -> Iterator[Sequence[Cell]]:
    one = household_change
    for cards in _households(connection, tree, at):
        query = select(one).where(one.c.household_id.in_(among(cards)), one.c.kind.not_like("pin%")).order_by(one.c.id)
        for row in connection.execute(query if since is None else query.where(one.c.at >= since)):
            card, zone = cards[row.household_id]
            person = f"p{row.beneficiary_id}" if row.beneficiary_id else None
            day = row.happened_on or day_in(zone, row.at)
            yield versioned(f"e{row.id}", card, person, day, row.kind, (row.note or "").removeprefix("+"))


def _visits(connection: Connection, tree: Tree, at: Organisation, since: datetime | None) -> Iterator[Sequence[Cell]]:
    for cards in _households(connection, tree, at):
        query = (
            select(visit, facility.c.code)
            .join(facility, facility.c.id == visit.c.facility_id)
            .where(visit.c.household_id.in_(among(cards)))
            .order_by(visit.c.id)
        )
        for row in connection.execute(query if since is None else query.where(visit.c.announced_at >= since)):
            card = cards[row.household_id][0]
            yield versioned(f"v{row.id}", card, f"p{row.beneficiary_id}", row.code, row.announced_on)
