"""The source rows of a figure: the households, payments, costs or complaints that it was counted from.

They are read by the same conditions as the sums. Nobody's name or number is in them: a card leads to a household for
whoever may see it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, or_, select

from gateway.indicators import populations
from gateway.indicators.catalogue import INDICATORS, Indicator
from gateway.indicators.counting import (
    complaints_of,
    delays,
    dues_of,
    heads_on,
    received_of,
    spanned,
    sums,
    together,
)
from gateway.indicators.payments import BACK, accounts_of, delay_of, seconds_between
from gateway.indicators.periods import Period
from gateway.kernel.card import show_card
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.money import EXPONENT
from gateway.kernel.numbers import with_check_digit
from gateway.ledger.chart import HOUSEHOLD_ROLES
from gateway.ledger.exports import Cell, Sheet, figure
from gateway.locale import Say, mark
from gateway.network.organisations import Organisation, Tree
from gateway.sms.costs import Cost
from gateway.store.schema import (
    account,
    beneficiary,
    collection,
    entry,
    household,
    line,
    membership,
    message,
    organisation,
    request,
)

_FIRST, _MOST = 64, 10_000  # rows that are read at a time
WAY_NAMES = {
    "push": mark("By phone"),
    "reference": mark("By merchant code"),
    "cash": mark("In cash"),
    "group": mark("By a group"),
    "statement": mark("In a statement"),
    BACK: mark("Taken back or moved"),
}


def source_rows(connection: Connection, tree: Tree, place: Organisation, period: Period, code: str, say: Say) -> Sheet:
    """What makes an indicator, row by row, read as it is asked for. Raises :class:`Fault` for an unknown code."""
    one = INDICATORS.get(code)
    if one is None:
        raise Fault(mark("no indicator has the code {code}"), code=code)
    reader = _Reader(connection, tree, place, period, one, say)
    heads, rows = {
        "members": reader.members,
        "members_before": reader.members_before,
        "money": reader.money,
        "payments": reader.delays if one.unit == "hours" else reader.payments,
        "costs": reader.costs,
        "complaints": reader.complaints,
        "populations": reader.populations,
    }[one.rows]()
    return Sheet(f"{one.code} {period}", heads, rows)


Listed = tuple[tuple[str, ...], Iterator[Sequence[Cell]]]


class _Reader:
    def __init__(
        self, connection: Connection, tree: Tree, place: Organisation, period: Period, one: Indicator, say: Say
    ) -> None:
        self._connection = connection
        self._tree = tree
        self._place = place
        self._period = period
        self._one = one
        self._say = say

    def _read(self, query: Select[Any], by: ColumnElement[Any]) -> Iterator[Row[Any]]:
        """Rows in the order of a column that tells them apart, some at a time: few first, for a page needs no more."""
        query, batch, after = query.add_columns(by.label("its_key")).order_by(by), _FIRST, None
        while True:
            asked = query.limit(batch) if after is None else query.where(by > after).limit(batch)
            found = self._connection.execute(asked).all()
            yield from found
            if len(found) < batch:
                return
            after, batch = found[-1].its_key, min(batch * 4, _MOST)

    # --- members ------------------------------------------------------------------------------------------------------

    def _began(self, period: Period) -> Select[int]:
        """The best number of beneficiaries of a household's memberships of a period; none: it is no member of it."""
        return select(func.max(membership.c.beneficiaries)).where(
            membership.c.household_id == household.c.id,
            membership.c.starts_on.between(period.year_first, period.last),
            or_(membership.c.left_on.is_(None), membership.c.left_on >= membership.c.starts_on),
        )

    def _households(self, *columns: Any) -> Select[Any]:
        """By id, and so by an index: the first page of a million is read at once."""
        below = select(organisation.c.id).where(organisation.c.path.like(f"{self._place.path}%"))
        return select(household.c.card, household.c.section_id, *columns).where(
            household.c.section_id.in_(below), household.c.merged_into_id.is_(None)
        )

    def members(self) -> Listed:
        say, people = self._say, self._began(self._period).scalar_subquery()
        woman = (
            select(beneficiary.c.id)
            .where(
                beneficiary.c.household_id == household.c.id,
                beneficiary.c.sex == "F",
                *heads_on(self._period.last),
            )
            .exists()
        )
        query = self._households(people.label("people"), woman.label("woman")).where(people.is_not(None))
        rows = (
            (show_card(row.card), self._tree[row.section_id].name, row.people, self._yes(row.woman))
            for row in self._read(query, household.c.id)
        )
        return (say("Card"), say("Section"), say("Beneficiaries"), say("Head is a woman")), rows

    def members_before(self) -> Listed:
        say = self._say
        now, before = (
            self._began(each).scalar_subquery().is_not(None) for each in (self._period, self._period.a_year_before)
        )
        query = self._households(before.label("before"), now.label("now"))
        query = query.where(before if self._one.code == "loyalty" else or_(before, now))
        rows = (
            (show_card(row.card), self._tree[row.section_id].name, self._yes(row.before), self._yes(row.now))
            for row in self._read(query, household.c.id)
        )
        return (say("Card"), say("Section"), say("Member a year before"), say("Member in the period")), rows

    def _yes(self, value: object) -> str:
        say = self._say
        return say("yes") if value else say("no")

    # --- money --------------------------------------------------------------------------------------------------------

    def money(self) -> Listed:
        say = self._say
        owed = accounts_of(self._connection, "receivable")
        due = dues_of(
            owed,
            self._place,
            self._period,
            line.c.due_on.label("day"),
            line.c.amount_minor.label("minor"),
            household.c.card,
        )
        own = accounts_of(self._connection, *HOUSEHOLD_ROLES)
        came = received_of(
            own,
            self._place,
            self._period,
            entry.c.happened_on.label("day"),
            (-line.c.amount_minor).label("minor"),
            household.c.card,
        )

        def rows() -> Iterator[tuple[Cell, ...]]:
            for row in self._read(due, line.c.id):
                yield self._moved(row, say("Due"), owed)
            for row in self._read(came, line.c.id):
                yield self._moved(row, say(WAY_NAMES[row.came_by]), own)

        return self._money_heads(), rows()

    def payments(self) -> Listed:
        own = accounts_of(self._connection, *HOUSEHOLD_ROLES)
        came = received_of(
            own,
            self._place,
            self._period,
            entry.c.happened_on.label("day"),
            (-line.c.amount_minor).label("minor"),
            household.c.card,
        )

        def rows() -> Iterator[tuple[Cell, ...]]:
            for row in self._read(came, line.c.id):
                if f"way_{row.came_by}" == self._one.code:
                    yield self._moved(row, self._say(WAY_NAMES[row.came_by]), own)

        return self._money_heads(), rows()

    def _money_heads(self) -> tuple[str, ...]:
        say = self._say
        return say("Day"), say("What"), say("Card"), say("Section"), say("Amount"), say("Currency")

    def _moved(self, row: Row[Any], what: str, accounts: Mapping[int, str]) -> tuple[Cell, ...]:
        currency = accounts[row.account_id]
        amount = _in_units(row.minor, currency)
        return row.day, what, show_card(row.card), self._tree[row.section_id].name, amount, currency

    def delays(self) -> Listed:
        say = self._say
        query = delays(
            self._place, self._period, entry.c.happened_on, collection.c.way, household.c.card,
            delay_of(self._connection).label("seconds"),
        )  # fmt: skip
        rows = (
            (row.happened_on, say(WAY_NAMES[row.way]), show_card(row.card), self._tree[row.section_id].name,
             max(0, row.seconds // 60))
            for row in self._read(query, collection.c.id)
        )  # fmt: skip
        return (say("Day"), say("What"), say("Card"), say("Section"), say("Minutes")), rows

    def costs(self) -> Listed:
        say = self._say
        fees = (
            select(entry.c.happened_on, account.c.organisation_id, line.c.amount_minor, account.c.currency)
            .select_from(line)
            .join(account, account.c.id == line.c.account_id)
            .join(entry, entry.c.id == line.c.entry_id)
            .join(organisation, organisation.c.id == account.c.organisation_id)
            .where(
                account.c.role == "fees",
                entry.c.happened_on.between(self._period.first, self._period.last),
                organisation.c.path.like(f"{self._place.path}%"),
            )
        )
        first, end = spanned(self._place, self._period)
        letters = (
            select(message.c.handed_at, message.c.organisation_id, message.c.cost_e4, message.c.cost_currency)
            .join(organisation, organisation.c.id == message.c.organisation_id)
            .where(
                message.c.cost_e4.is_not(None),
                message.c.handed_at >= first,
                message.c.handed_at < end,
                organisation.c.path.like(f"{self._place.path}%"),
            )
        )

        def rows() -> Iterator[tuple[Cell, ...]]:
            for row in self._read(fees, line.c.id):
                amount = _in_units(row.amount_minor, row.currency)
                yield (row.happened_on, say("Operator's fee"), self._tree[row.organisation_id].name, amount,
                       row.currency)  # fmt: skip
            for row in self._read(letters, message.c.id):
                on, cost = day_in(self._place.time_zone, row.handed_at), Cost(row.cost_e4, row.cost_currency)
                yield on, say("SMS"), self._tree[row.organisation_id].name, cost.decimal, cost.currency

        return (say("Day"), say("What"), say("Where"), say("Amount"), say("Currency")), rows()

    # --- the rest -----------------------------------------------------------------------------------------------------

    def complaints(self) -> Listed:
        say, (_, end) = self._say, spanned(self._place, self._period)
        days = seconds_between(self._connection, request.c.created_at, request.c.answered_at) // 86_400
        query = complaints_of(
            self._place, self._period, request.c.id, request.c.created_at, request.c.answered_at, days.label("days")
        )
        rows = (
            (
                with_check_digit(row.id),
                self._tree[row.organisation_id].name,
                day_in(self._place.time_zone, row.created_at),
                max(0, int(row.days)) if row.answered_at is not None and row.answered_at < end else None,
            )
            for row in self._read(query, request.c.id)
        )
        return (say("Complaint"), say("Where"), say("Made on"), say("Days until it was answered")), rows

    def populations(self) -> Listed:
        say = self._say
        found = sums(self._connection, self._place, self._period)
        own = populations.known(self._connection, self._period.last)
        total = together(found, {one.id: one.path for one in self._tree.by_id.values()}, self._place.path)
        people = {its_id: each["beneficiaries"] for its_id, each in total.items()}
        areas = populations.reached(self._tree, own, people)
        below = sorted((one for one in self._tree.by_id.values() if one.under(self._place)), key=lambda one: one.path)
        rows = ((one.name, areas[one.id].people or None, people.get(one.id, 0)) for one in below)
        return (say("Where"), say("Target population"), say("Beneficiaries")), rows


def _in_units(minor: int, currency: str) -> Any:
    return figure(minor, currency) if currency in EXPONENT else minor
