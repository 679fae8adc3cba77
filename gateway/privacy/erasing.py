"""A household is made nameless: its names, numbers and words go, its entries, amounts and receipts stay.

Asked for by one person and done by another. One household is one transaction: after a crash it is whole or untouched,
and whoever does it again finds it done. What can't be changed is in :data:`STAYS`, with why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, exists, insert, or_, select, update

from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.persons import same_person
from gateway.kernel.spelling import plain
from gateway.locale import Say, mark
from gateway.membership.households import Household
from gateway.membership.known import phones_ever
from gateway.network.organisations import Tree
from gateway.privacy.keeping import due_on, ids_of, last_movement
from gateway.privacy.standing_open import WHY, still_open
from gateway.store import schema
from gateway.store.schema import erasure, household
from gateway.store.turn import take_turn
from gateway.store.unit import Unit

GONE = "—"  # in the place of words that had to be there
_NAME_LETTERS = 3  # shorter words of a name name nobody

# Tables in which a name or a number may stay, each with why.
STAYS = {
    "office_event": "who did what: the database lets nobody change or delete it",
    "collection_event": "the story of a payment, in the operator's words: the database lets nobody change it",
    "difference_event": "how a difference was settled: the database lets nobody change it",
    "wallet_close": "what was signed: the database lets nobody change it",
    "statement_part": "the operator's own statement, kept as evidence; it names payers by number",
    "staff": "somebody who works here has their own role, whatever household they were of",
    "login": "somebody who works here has their own entrance",
    "effect": "what a repeated call is answered; emptied by age, see gateway.privacy.ageing",
    "notice": "what operators sent; emptied by age, see gateway.privacy.ageing",
    "api_answer": "what a repeated call of another system is answered; thrown away within days",
    "incoming": "money from its phones that never became a payment of its",
    "collection": "what its phones paid for other households",
    "register_import_row": "rows of a register that became no household; emptied by age, see gateway.privacy.ageing",
}


class NotYet(Fault):
    """This household can't be made nameless, or not by this person."""


@dataclass(frozen=True)
class Erasure:
    """Where it is with a household: ``asked``, ``dropped`` or ``done``."""

    household_id: int
    state: str
    asked_by: str
    asked_at: datetime
    decided_by: str | None
    done_at: datetime | None
    counts: Mapping[str, int] | None


def erasure_of(connection: Connection, household_id: int) -> Erasure | None:
    """Where it is with a household, if anybody ever asked."""
    columns = [erasure.c[name] for name in Erasure.__dataclass_fields__]
    row = connection.execute(select(*columns).where(erasure.c.household_id == household_id)).first()
    return Erasure(*row) if row is not None else None


def refuse(connection: Connection, tree: Tree, one: Household, now: datetime) -> None:
    """Raises :class:`NotYet` with the first reason why a household stays as it is."""
    own = select(household.c.merged_into_id).where(household.c.id == one.id)
    if connection.scalar(own) is not None:
        raise NotYet(mark("it was merged into another household: that one is forgotten with it"))
    today, ids = day_in(one.time_zone, now), ids_of(connection, one.id)
    for word in still_open(connection, ids, today, now):
        raise NotYet(WHY[word])
    until = due_on(connection, tree, one.section_id, last_movement(connection, ids, one.time_zone))
    if until > today:
        raise NotYet(mark("it is kept until {day}"), day=until.isoformat())


def ask_erasure(unit: Unit, tree: Tree, one: Household, by_name: str) -> None:
    """Ask that a household be made nameless; another person does it. Raises :class:`NotYet`."""
    take_turn(unit, f"erasure:{one.id}")
    known = erasure_of(unit.connection, one.id)
    if known is not None and known.state != "dropped":
        raise NotYet(mark("this was asked for already"))
    refuse(unit.connection, tree, one, unit.now)
    values = {"state": "asked", "asked_by": by_name, "asked_at": unit.now, "decided_by": None}
    if known is None:
        unit.connection.execute(insert(erasure).values(household_id=one.id, organisation_id=one.section_id, **values))
    else:
        unit.connection.execute(update(erasure).where(erasure.c.household_id == one.id).values(values))


def asked_for(connection: Connection, path: str, limit: int, *, after: int = 0) -> list[int]:
    """Households below a path that wait to be made nameless, by their ids, behind ``after``."""
    place = schema.organisation
    return list(connection.scalars(
        select(erasure.c.household_id)
        .join(place, place.c.id == erasure.c.organisation_id)
        .where(erasure.c.state == "asked", place.c.path.like(f"{path}%"), erasure.c.household_id > after)
        .order_by(erasure.c.household_id)
        .limit(limit)
    ))  # fmt: skip


def cards_of(connection: Connection, ids: Sequence[int]) -> dict[int, str]:
    """The cards of households by their ids."""
    rows = connection.execute(select(household.c.id, household.c.card).where(household.c.id.in_(ids)))
    return {row.id: row.card for row in rows}


def drop_erasure(unit: Unit, household_id: int, by_name: str) -> bool:
    """It isn't to be done after all; False where nobody asked, or it is done."""
    done = unit.connection.execute(
        update(erasure)
        .where(erasure.c.household_id == household_id, erasure.c.state == "asked")
        .values(state="dropped", decided_by=by_name)
    )
    return bool(done.rowcount)


def erase(unit: Unit, tree: Tree, one: Household, by_name: str) -> Mapping[str, int]:
    """Make a household nameless that somebody else asked for; how many rows of each table were changed.

    Done before: the same answer. Raises :class:`NotYet`.
    """
    take_turn(unit, f"erasure:{one.id}")
    asked = erasure_of(unit.connection, one.id)
    if asked is not None and asked.state == "done":
        return asked.counts or {}
    if asked is None or asked.state != "asked":
        raise NotYet(mark("nobody has asked for it: one person asks, another does it"))
    if same_person(asked.asked_by, by_name):
        raise NotYet(mark("another person than {name} has to do it"), name=asked.asked_by)
    unit.connection.execute(select(household.c.id).where(household.c.id == one.id).with_for_update())
    refuse(unit.connection, tree, one, unit.now)
    counts = _Eraser(unit, tree, one).run()
    unit.connection.execute(
        update(erasure)
        .where(erasure.c.household_id == one.id)
        .values(state="done", decided_by=by_name, done_at=unit.now, counts=counts)
    )
    return counts


class _Eraser:
    """Goes through every table that may hold something of the household."""

    def __init__(self, unit: Unit, tree: Tree, one: Household) -> None:
        self.connection, self.tree, self.one = unit.connection, tree, one
        self.ids = ids_of(self.connection, one.id)
        ever = sorted({number for each in self.ids for number in phones_ever(self.connection, each)})
        self.numbers = [number for number in ever if not self._is_anothers(number)]
        own = schema.beneficiary
        names = self.connection.scalars(select(own.c.name).where(own.c.household_id.in_(self.ids))).all()
        changed = schema.household_change
        before = select(changed.c.note).where(self._own(changed), changed.c.kind == "corrected")
        # What is written about somebody may call them by a part of their name, as it is or was, or by their phone.
        every = " ".join((*names, *(note or "" for note in self.connection.scalars(before))))
        self.words = {word for word in plain(every).split() if len(word) >= _NAME_LETTERS}
        self.figures = [number[-8:] for number in ever]
        self.paid = select(schema.collection.c.id).where(schema.collection.c.household_id.in_(self.ids))
        self.counts: dict[str, int] = {}

    def _is_anothers(self, number: str) -> bool:
        """Has another household, or somebody who works here, this number today?"""
        phone, staff = schema.phone, schema.staff
        theirs = exists(select(phone.c.msisdn).where(phone.c.msisdn == number, phone.c.household_id.not_in(self.ids)))
        works = exists(select(staff.c.id).where(staff.c.msisdn == number))
        return bool(self.connection.scalar(select(or_(theirs, works))))

    def run(self) -> Mapping[str, int]:
        """All of it; how many rows of each table were changed."""
        self._family()
        self._said_and_sent()
        self._money()
        return self.counts

    def _did(self, table: Table, rows: int) -> None:
        if rows:
            self.counts[table.name] = self.counts.get(table.name, 0) + rows

    def _set(self, table: Table, which: ColumnElement[bool], **values: Any) -> None:
        self._did(table, self.connection.execute(update(table).where(which).values(values)).rowcount)

    def _delete(self, table: Table, which: ColumnElement[bool]) -> None:
        self._did(table, self.connection.execute(delete(table).where(which)).rowcount)

    def _own(self, table: Table) -> ColumnElement[bool]:
        return table.c.household_id.in_(self.ids)

    def _or_by_number(self, table: Table) -> ColumnElement[bool]:
        return or_(self._own(table), table.c.msisdn.in_(self.numbers))

    def _family(self) -> None:
        say = Say(self.tree.books_of(self.one.section_id).languages[0])
        people = schema.beneficiary
        rows = self.connection.execute(select(people.c.id, people.c.birth_year, people.c.relation).where(
            self._own(people))).all()  # fmt: skip
        for row in rows:
            name = say("Household made nameless") if row.relation == "head" else say("Person made nameless")
            # The decade stays: how many women of which age were covered is counted for long after.
            self._set(people, people.c.id == row.id, name=name, birth_year=row.birth_year // 10 * 10)
        for table in (schema.phone, schema.name_key, schema.duplicate_key, schema.old_number, schema.household_look):
            self._delete(table, self._own(table))
        self._delete(schema.pin, schema.pin.c.holder.in_([f"h:{each}" for each in self.ids]))
        for table in (schema.caller, schema.news_reader, schema.failing_number, schema.sms_guest):
            self._delete(table, table.c.msisdn.in_(self.numbers))
        self._set(schema.household, schema.household.c.id.in_(self.ids), language=None)
        others, conflict = schema.software_agreed, schema.software_conflict
        self._delete(others, others.c.beneficiary_id.in_([row.id for row in rows]))
        self._set(conflict, self._own(conflict) & conflict.c.agreed.is_not(None), agreed=GONE)
        self._set(conflict, self._own(conflict), ours=GONE, theirs=GONE)
        pair, merge, row_of = schema.duplicate_pair, schema.household_merge, schema.register_import_row
        self._set(pair, or_(pair.c.one_id.in_(self.ids), pair.c.other_id.in_(self.ids)), reasons=[], digest="")
        self._set(merge, or_(merge.c.stays_id.in_(self.ids), merge.c.goes_id.in_(self.ids)), content={})
        self._set(row_of, self._own(row_of), content={"people": []}, faults=[])
        self._set(schema.household_change, self._own(schema.household_change), msisdn=None, note=None)
        self._set(schema.household_category, self._own(schema.household_category), reason=GONE)
        self._set(schema.category_proposal_row, self._own(schema.category_proposal_row), reason=GONE)

    def _said_and_sent(self) -> None:
        asked, sent = schema.request, schema.message
        self._set(asked, self._or_by_number(asked) & asked.c.answer.is_not(None), answer=GONE)
        self._set(asked, self._or_by_number(asked), msisdn="", text=GONE)
        self._set(sent, self._or_by_number(sent), msisdn="", text=GONE)
        self._set(schema.data_request, self._own(schema.data_request), asked_by=GONE, checked=GONE)

    def _money(self) -> None:
        payment, came, sent = schema.collection, schema.incoming, schema.notice
        asked = select(payment.c.provider, payment.c.key, payment.c.operator_id).where(self._own(payment))
        keys = self.connection.execute(asked).all()
        # With the source, as the index has them.
        named = [
            and_(sent.c.source == row.provider, sent.c.reference.in_([each for each in row[1:] if each]))
            for row in keys
        ]
        notices = list(self.connection.scalars(
            select(came.c.notice_id).where(came.c.collection_id.in_(self.paid), came.c.notice_id.is_not(None))
        ))  # fmt: skip
        for its in (sent.c.id.in_(notices), *named):
            self._set(sent, its, body=b"", digest=None)
        self._set(payment, self._own(payment), payer="", handle=None, token=None, said=None)
        self._set(came, came.c.collection_id.in_(self.paid), payer=None, reference=None)
        self._set(schema.declaration, self._own(schema.declaration), msisdn="")
        self._set(schema.deduction_row, self._own(schema.deduction_row), named=GONE, faults=[])
        self._set(schema.assignment, self._own(schema.assignment), reason=GONE)
        self._set(schema.refund, schema.refund.c.collection_id.in_(self.paid), handle=None)
        arrived = select(came.c.id).where(came.c.collection_id.in_(self.paid))
        for table in (schema.money_case, schema.refund, schema.difference):
            about = or_(table.c.collection_id.in_(self.paid), table.c.incoming_id.in_(arrived))
            self._without_words(table, about, ("said", "note", "reason"))

    def _without_words(self, table: Table, which: ColumnElement[bool], columns: Sequence[str]) -> None:
        """What people wrote about money loses its words only where they name somebody of the household."""
        own = [table.c[name] for name in columns if name in table.c]
        for row in self.connection.execute(select(table.c.id, *own).where(which)).all():
            told = {column.name: GONE for column, text in zip(own, row[1:], strict=True) if self._names(text)}
            if told:
                self._set(table, table.c.id == row.id, **told)

    def _names(self, text: str | None) -> bool:
        if text is None:
            return False
        figures = "".join(each for each in text if each.isdecimal())
        return not self.words.isdisjoint(plain(text).split()) or any(each in figures for each in self.figures)
