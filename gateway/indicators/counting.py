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
    Integer,
    Select,
    and_,
    case,
    cast,
    extract,
    func,
    literal,
    or_,
    select,
    union_all,
)

from gateway.indicators.periods import Period
from gateway.ledger.chart import HOUSEHOLD_ROLES
from gateway.network.organisations import Organisation
from gateway.network.report import members
from gateway.store.schema import (
    account,
    beneficiary,
    collection,
    entry,
    household,
    incoming,
    line,
    message,
    organisation,
    request,
)

# By name: "households", "received:XOF", "delay:90" (how many had a delay of so much).
Sums = Counter[str]
WAYS = ("push", "reference", "cash", "group", "statement")
WORK_MEMORY = "64MB"
BACK = "back"  # what was taken back, given back or moved, and came by no way
_COLLECTION = len("collection:") + 1


def sums(connection: Connection, place: Organisation, period: Period) -> dict[int, Sums]:
    """What was counted of a period at or below a place, by the id of the organisation at which it hangs.

    Ratios aren't in it, only what they are divided from. Money is in minor units, SMS in ten-thousandths.
    """
    found: defaultdict[int, Sums] = defaultdict(Counter)
    with _room(connection):
        _add(found, connection, place, period)
    return dict(found)


def _add(found: Mapping[int, Sums], connection: Connection, place: Organisation, period: Period) -> None:
    for part in (_members, _dues, _received, _delays, _fees, _sms, _complaints):
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


def of_period(place: Organisation, period: Period) -> Select[int, int, int]:
    """The members of a period: who began a membership in the twelve months that end with it."""
    return members(place.path, period.year_first, period.last)


def heads_on(last: date) -> tuple[ColumnElement[bool], ...]:
    """Which people were heads of their households on a day."""
    return (
        beneficiary.c.relation == "head",
        beneficiary.c.joined_on <= last,
        or_(beneficiary.c.left_on.is_(None), beneficiary.c.left_on > last),
    )


def _members(connection: Connection, place: Organisation, period: Period) -> Found:
    now = of_period(place, period).cte("now")
    before = of_period(place, period.a_year_before).cte("before")
    is_woman = select(literal(1)).where(
        beneficiary.c.household_id == now.c.id, beneficiary.c.sex == "F", *heads_on(period.last)
    )
    women = (
        select(literal("women_heads"), now.c.section_id, func.count(), literal(0))
        .where(is_woman.exists())
        .group_by(now.c.section_id)
    )
    renewed = (
        select(literal("renewed"), before.c.section_id, func.count(), literal(0))
        .join(now, now.c.id == before.c.id)
        .group_by(before.c.section_id)
    )
    every = (
        select(literal(name).label("name"), each.c.section_id, func.count(), func.sum(each.c.beneficiaries)).group_by(
            each.c.section_id
        )
        for name, each in (("households", now), ("households_before", before))
    )
    for name, section_id, count, people in connection.execute(union_all(*every, renewed, women)):
        yield section_id, name, count
        if name == "households":
            yield section_id, "beneficiaries", int(people)


# --- money ------------------------------------------------------------------------------------------------------------


def _below(place: Organisation) -> ColumnElement[bool]:
    return organisation.c.path.like(f"{place.path}%")


def accounts_of(connection: Connection, *roles: str) -> dict[int, str]:
    """The accounts of some roles in anybody's books: their currencies by id.

    In anybody's, since what a household paid before it moved stays in the books that it left and counts where it is
    now. They are few, and named in the statements: joined, PostgreSQL takes them for fewer still and looks rows up
    singly.
    """
    found = connection.execute(
        select(account.c.id, account.c.currency).where(account.c.role.in_(roles)).order_by(account.c.id)
    )
    return {row.id: row.currency for row in found}


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


# What came by no payment (taken back, given back, moved between accounts) is below zero or comes to nothing.
WAY: ColumnElement[str] = case(
    (or_(entry.c.reverses_id.is_not(None), entry.c.journal.not_in(("collections", "cash"))), literal(BACK)),
    (collection.c.reason == "group", literal("group")),
    (and_(incoming.c.id.is_not(None), incoming.c.notice_id.is_(None)), literal("statement")),
    (collection.c.way.is_not(None), collection.c.way),
    (entry.c.journal == "cash", literal("cash")),
    else_=literal("reference"),
)


def received_of(own: Collection[int], place: Organisation, period: Period, *columns: ColumnElement[Any]) -> Select[Any]:
    """The lines by which money came to households (credits) in a period, by the day for which it counts."""
    return (
        select(household.c.section_id, line.c.account_id, WAY.label("came_by"), *columns)
        .select_from(line)
        .join(entry, entry.c.id == line.c.entry_id)
        .join(household, household.c.id == line.c.household_id)
        .join(organisation, organisation.c.id == household.c.section_id)
        .outerjoin(collection, collection.c.key == func.substr(entry.c.key, _COLLECTION))
        .outerjoin(incoming, incoming.c.collection_id == collection.c.id)
        .where(
            line.c.account_id.in_(own),
            line.c.due_on.is_(None),
            entry.c.happened_on.between(period.first, period.last),
            _below(place),
        )
    )


def _received(connection: Connection, place: Organisation, period: Period) -> Found:
    own = accounts_of(connection, *HOUSEHOLD_ROLES)
    query = received_of(own, place, period, func.sum(-line.c.amount_minor))
    grouped = query.group_by(household.c.section_id, line.c.account_id, "came_by")
    for section_id, account_id, way, minor in connection.execute(grouped):
        currency = own[account_id]
        yield section_id, f"received:{currency}", int(minor)
        if way != BACK:
            yield section_id, f"way_{way}:{currency}", int(minor)


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


def seconds_between(connection: Connection, earlier: Any, later: Any) -> ColumnElement[int]:
    """Whole seconds from one moment's column to another's."""
    if connection.dialect.name == "postgresql":
        return cast(func.floor(extract("epoch", later - earlier)), Integer)
    return cast((func.julianday(later) - func.julianday(earlier)) * 86_400 + 0.5, Integer)


def delay_of(connection: Connection) -> ColumnElement[int]:
    """From when a member paid (of a push: from when they asked to pay) until it counted for their cover, in seconds."""
    paid_at = case((collection.c.way == "push", collection.c.created_at), else_=collection.c.paid_at)
    paid_at.type = collection.c.paid_at.type
    return seconds_between(connection, paid_at, entry.c.recorded_at)


def delays(place: Organisation, period: Period, *columns: ColumnElement[Any]) -> Select[Any]:
    """The payments by phone or merchant code that counted from a day of the period on. Cash counts as it is written."""
    return (
        select(household.c.section_id, *columns)
        .select_from(entry)
        .join(collection, collection.c.key == func.substr(entry.c.key, _COLLECTION))
        .join(household, household.c.id == collection.c.household_id)
        .join(organisation, organisation.c.id == household.c.section_id)
        .where(
            entry.c.happened_on.between(period.first, period.last),
            entry.c.key.like("collection:%"),
            collection.c.way != "cash",
            collection.c.paid_at.is_not(None),
            _below(place),
        )
    )


def _delays(connection: Connection, place: Organisation, period: Period) -> Found:
    """By the minute up to two hours, by the hour up to three days, then by the day: as people tell it."""
    took = delay_of(connection)
    # No one looks at seconds, and a year of them would be a million different ones.
    minutes = case(
        (took < 0, 0),
        (took < 2 * 3600, took // 60),
        (took < 72 * 3600, took // 3600 * 60),
        else_=took // 86_400 * 1440,
    ).label("minutes")
    query = delays(place, period, minutes, func.count())
    for section_id, length, count in connection.execute(query.group_by(household.c.section_id, "minutes")):
        yield section_id, f"delay:{int(length)}", count


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
