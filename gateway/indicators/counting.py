"""The sums that every figure is made of, counted by organisation in a few statements, whatever the network's size.

A sum belongs to the organisation at which its rows hang (a household's section, the books that paid a fee), and the
sums of several organisations add up to those of the one above: so one count serves every tier. Days are those that the
rows bear: what is recorded later about a period that is past changes it only where it bears a day of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    union_all,
)

from gateway.indicators.payments import (
    BACK,
    COLLECTED,
    TOLD,
    WAITED,
    WAY,
    accounts_of,
    brought,
    gathered_until,
    not_gathered,
    seconds_between,
)
from gateway.indicators.periods import Period
from gateway.ledger.chart import HOUSEHOLD_ROLES
from gateway.network.organisations import Organisation
from gateway.network.report import by_section, members
from gateway.store.schema import (
    account,
    beneficiary,
    collection,
    entry,
    household,
    incoming,
    indicator_payment,
    line,
    message,
    organisation,
    request,
)

# By name: "households", "received:XOF", "delay:90" (how many had a delay of so much).
Sums = Counter[str]
WAYS = ("push", "reference", "cash", "group", "statement")
WORK_MEMORY = "64MB"


def sums(connection: Connection, place: Organisation, period: Period) -> dict[int, Sums]:
    """What was counted of a period at or below a place, by the id of the organisation at which it hangs.

    Ratios aren't in it, only what they are divided from. Money is in minor units, SMS in ten-thousandths.
    """
    found: defaultdict[int, Sums] = defaultdict(Counter)
    with _room(connection):
        _add(found, connection, place, period)
    return dict(found)


def _add(found: Mapping[int, Sums], connection: Connection, place: Organisation, period: Period) -> None:
    for part in (_members, _dues, _payments, _fees, _sms, _complaints):
        for place_id, name, number in part(connection, place, period):
            if number:
                found[place_id][name] += number


@contextmanager
def _room(connection: Connection) -> Iterator[None]:
    """On PostgreSQL, memory for sums of a million households: with its usual four megabytes it sorts on disk."""
    if connection.dialect.name != "postgresql":
        yield
        return
    connection.exec_driver_sql(f"set work_mem = '{WORK_MEMORY}'")
    try:
        yield
    finally:
        connection.exec_driver_sql("reset work_mem")


Found = Iterator[tuple[int, str, int]]


def spanned(place: Organisation, period: Period) -> tuple[datetime, datetime]:
    """From which moment until before which one a period lasts, where the place is."""
    zone = ZoneInfo(place.time_zone)
    ends = period.first, period.last + timedelta(days=1)
    first, end = (datetime.combine(day, time(), zone).astimezone(UTC) for day in ends)
    return first, end


# --- members ----------------------------------------------------------------------------------------------------------


def of_period(place: Organisation, period: Period) -> Select[int, int, int, int]:
    """The members of a period, who began a membership in the twelve months until its end, and those a year before."""
    return members(place.path, period.a_year_before.year_first, period.year_first, period.last)


def heads_on(last: date) -> tuple[ColumnElement[bool], ...]:
    """Which people were heads of their households on a day."""
    return (
        beneficiary.c.relation == "head",
        beneficiary.c.joined_on <= last,
        or_(beneficiary.c.left_on.is_(None), beneficiary.c.left_on > last),
    )


def _members(connection: Connection, place: Organisation, period: Period) -> Found:
    every = of_period(place, period)
    for section_id, households, people, before, _, renewed in connection.execute(by_section(every)):
        yield section_id, "households", households
        yield section_id, "beneficiaries", int(people or 0)
        yield section_id, "households_before", before
        yield section_id, "renewed", renewed
    one = every.subquery()
    is_woman = select(literal(1)).where(
        beneficiary.c.household_id == one.c.id, beneficiary.c.sex == "F", *heads_on(period.last)
    )
    women = select(one.c.section_id, func.count()).where(one.c.now.is_not(None), is_woman.exists())
    for section_id, count in connection.execute(women.group_by(one.c.section_id)):
        yield section_id, "women_heads", count


# --- money ------------------------------------------------------------------------------------------------------------


def _below(place: Organisation) -> ColumnElement[bool]:
    return organisation.c.path.like(f"{place.path}%")


def dues_of(own: Collection[int], place: Organisation, period: Period, *columns: ColumnElement[Any]) -> Select[Any]:
    """The lines that fell due in a period, as it was known at its end: charged, less what was cancelled by then."""
    later = entry.alias("later")
    # Few entries are later than a period that people look at: those are told apart, and the many others not read.
    is_later = and_(later.c.id == line.c.entry_id, later.c.happened_on > period.last)
    return (
        select(household.c.section_id, line.c.account_id, *columns)
        .select_from(line)
        .join(household, household.c.id == line.c.household_id)
        .join(organisation, organisation.c.id == household.c.section_id)
        .outerjoin(later, is_later)
        .where(
            line.c.account_id.in_(own),
            line.c.due_on.between(period.first, period.last),
            later.c.id.is_(None),
            _below(place),
        )
    )


def _dues(connection: Connection, place: Organisation, period: Period) -> Found:
    own = accounts_of(connection, "receivable")
    query = dues_of(own, place, period, func.sum(line.c.amount_minor))
    for section_id, account_id, minor in connection.execute(query.group_by(household.c.section_id, line.c.account_id)):
        yield section_id, f"due:{own[account_id]}", int(minor)


def received_of(own: Collection[int], place: Organisation, period: Period, *columns: ColumnElement[Any]) -> Select[Any]:
    """The lines by which money came to households (credits) in a period, by the day for which it counts."""
    return (
        select(household.c.section_id, line.c.account_id, WAY.label("came_by"), *columns)
        .select_from(line)
        .join(entry, entry.c.id == line.c.entry_id)
        .join(household, household.c.id == line.c.household_id)
        .join(organisation, organisation.c.id == household.c.section_id)
        .outerjoin(collection, COLLECTED)
        .outerjoin(incoming, TOLD)
        .where(
            line.c.account_id.in_(own),
            line.c.due_on.is_(None),
            entry.c.happened_on.between(period.first, period.last),
            _below(place),
        )
    )


def _payments(connection: Connection, place: Organisation, period: Period) -> Found:
    """What came, by which way, and how long it took: as gathered, and from the books what isn't gathered yet."""
    own, until = accounts_of(connection, *HOUSEHOLD_ROLES), gathered_until(connection)
    days = period.first, period.last
    kept = (
        select(household.c.section_id, indicator_payment)
        .join(household, household.c.id == indicator_payment.c.household_id)
        .join(organisation, organisation.c.id == household.c.section_id)
        .where(_below(place), indicator_payment.c.happened_on.between(*days))
    )
    new = (
        brought(connection, own)
        .add_columns(household.c.section_id)
        .join(household, household.c.id == line.c.household_id)
        .join(organisation, organisation.c.id == household.c.section_id)
        .where(_below(place), entry.c.happened_on.between(*days), not_gathered(until))
        .group_by(household.c.section_id)
    )
    # One statement, for what is gathered meanwhile is in one part or in the other.
    query = _added(new) if until is None else union_all(_added(kept), _added(new))
    for section_id, currency, way, minutes, minor, count in connection.execute(query):
        yield section_id, f"received:{currency}", int(minor)
        if way != BACK:
            yield section_id, f"way_{way}:{currency}", int(minor)
        if minutes is not None:
            yield section_id, f"delay:{minutes}", count


def _added(rows: Select[Any]) -> Select[Any]:
    one = rows.subquery()
    by = one.c.section_id, one.c.currency, one.c.came_by, one.c.minutes
    return select(*by, func.sum(one.c.minor), func.count()).group_by(*by)


def _fees(connection: Connection, place: Organisation, period: Period) -> Found:
    own = accounts_of(connection, "fees")
    query = (
        select(account.c.organisation_id, line.c.account_id, func.sum(line.c.amount_minor))
        .select_from(line)
        .join(account, account.c.id == line.c.account_id)
        .join(entry, entry.c.id == line.c.entry_id)
        .join(organisation, organisation.c.id == account.c.organisation_id)
        .where(line.c.account_id.in_(own), entry.c.happened_on.between(period.first, period.last), _below(place))
        .group_by(account.c.organisation_id, line.c.account_id)
    )
    for place_id, account_id, minor in connection.execute(query):
        yield place_id, f"fees:{own[account_id]}", int(minor)


def _sms(connection: Connection, place: Organisation, period: Period) -> Found:
    first, end = spanned(place, period)
    query = (
        select(message.c.organisation_id, message.c.cost_currency, func.sum(message.c.cost_e4))
        .join(organisation, organisation.c.id == message.c.organisation_id)
        .where(message.c.cost_e4.is_not(None), message.c.handed_at >= first, message.c.handed_at < end, _below(place))
        .group_by(message.c.organisation_id, message.c.cost_currency)
    )
    for place_id, currency, e4 in connection.execute(query):
        yield place_id, f"sms:{currency}", int(e4)


# --- how long people wait ---------------------------------------------------------------------------------------------


def delays(place: Organisation, period: Period, *columns: ColumnElement[Any]) -> Select[Any]:
    """The payments by phone or merchant code that counted from a day of the period on. Cash counts as it is written."""
    return (
        select(household.c.section_id, *columns)
        .select_from(entry)
        .join(collection, COLLECTED)
        .join(household, household.c.id == collection.c.household_id)
        .join(organisation, organisation.c.id == household.c.section_id)
        .where(
            entry.c.happened_on.between(period.first, period.last),
            WAITED,
            _below(place),
        )
    )


def complaints_of(place: Organisation, period: Period, *columns: ColumnElement[Any]) -> Select[Any]:
    """The complaints made in a period."""
    first, end = spanned(place, period)
    return (
        select(request.c.organisation_id, *columns)
        .join(organisation, organisation.c.id == request.c.organisation_id)
        .where(request.c.kind == "complaint", request.c.created_at >= first, request.c.created_at < end, _below(place))
    )


def _complaints(connection: Connection, place: Organisation, period: Period) -> Found:
    _, end = spanned(place, period)
    # What was answered later wasn't answered as the period ended.
    answered = case((request.c.answered_at < end, 1), else_=0).label("answered")
    days = (seconds_between(connection, request.c.created_at, request.c.answered_at) // 86_400).label("days")
    query = complaints_of(place, period, answered, days, func.count())
    for place_id, done, length, count in connection.execute(
        query.group_by(request.c.organisation_id, "answered", "days")
    ):
        yield place_id, "complaints", count
        if done:
            yield place_id, f"answer:{max(0, int(length))}", count


def together(found: Mapping[int, Sums], paths: Mapping[int, str], root: str) -> dict[int, Sums]:
    """The sums of every organisation at or below a path, each with those of all that is below it."""
    total: dict[int, Sums] = {one: Counter() for one, path in paths.items() if path.startswith(root)}
    for place_id, own in found.items():
        for step in paths[place_id].strip("/").split("/"):
            if (above := int(step)) in total:
                total[above].update(own)  # and not "+=", which drops what is below zero
    return total
