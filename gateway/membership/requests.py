"""What people ask of their mutuelle by phone: complaints (*cahier de plaintes*) and call backs, each with a number.

A request is open until somebody has answered it, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Literal

from sqlalchemy import Connection, Select, func, insert, select, update

from gateway.kernel.numbers import read_number, with_check_digit
from gateway.store.schema import household, organisation, request
from gateway.store.unit import Unit

Kind = Literal["complaint", "callback"]
# What a complaint is about.
CATEGORIES = ("cover", "payment", "care", "staff", "other")
TEXT_CHARACTERS = 400


@dataclass(frozen=True)
class Request:
    """A request as it stands; ``card`` is that of the household whose phone it came from, where there is one."""

    number: str
    kind: Kind
    category: str
    organisation_id: int
    household_id: int | None
    card: str | None
    msisdn: str
    language: str
    text: str
    state: str
    created_at: datetime
    answered_at: datetime | None
    answered_by: str | None
    answer: str | None


def file_complaint(
    unit: Unit,
    organisation_id: int,
    household_id: int | None,
    msisdn: str,
    language: str,
    category: str,
    text: str,
) -> str:
    """Write a complaint into an organisation's book; returns its number. The text is cut at 400 characters.

    ``category`` is one of :data:`CATEGORIES`.
    """
    if category not in CATEGORIES:
        raise ValueError(f"no category of complaints: {category}")
    return _file(unit, "complaint", category, organisation_id, household_id, msisdn, language, text)


def filed_today(unit: Unit, msisdn: str) -> int:
    """How many complaints came from a phone within the last day."""
    return (
        unit.connection.scalar(
            select(func.count())
            .select_from(request)
            .where(
                request.c.msisdn == msisdn,
                request.c.kind == "complaint",
                request.c.created_at > unit.now - timedelta(days=1),
            )
        )
        or 0
    )


def ask_callback(
    unit: Unit, organisation_id: int, household_id: int | None, msisdn: str, language: str, text: str = ""
) -> tuple[str, bool]:
    """Ask for a call back; returns its number, and whether that is one which the phone has open already."""
    # Two that ask at once come one after the other; rows that refer to the organisation may be written meanwhile.
    unit.connection.execute(
        select(organisation.c.id).where(organisation.c.id == organisation_id).with_for_update(key_share=True)
    )
    open_one = unit.connection.scalar(
        select(request.c.id)
        .where(request.c.msisdn == msisdn, request.c.kind == "callback", request.c.state == "open")
        .limit(1)
    )
    if open_one is not None:
        return with_check_digit(open_one), True
    return _file(unit, "callback", "other", organisation_id, household_id, msisdn, language, text), False


def open_requests(connection: Connection, under_path: str, kind: Kind | None, limit: int) -> list[Request]:
    """What waits for an answer in the organisations at or below a path, the oldest first; of a kind, or all."""
    query = _under(under_path, kind).where(request.c.state == "open").order_by(request.c.id).limit(limit)
    return [_read(row) for row in connection.execute(query)]


def newest_requests(connection: Connection, under_path: str, kind: Kind | None, limit: int) -> list[Request]:
    """What was asked, answered or not, in the organisations at or below a path, the newest first."""
    query = _under(under_path, kind).order_by(request.c.id.desc()).limit(limit)
    return [_read(row) for row in connection.execute(query)]


def waiting(connection: Connection, under_path: str, kind: Kind, after: int, limit: int) -> list[Request]:
    """What waits for an answer at or below a path, the oldest first, behind the one with an id."""
    query = _under(under_path, kind).where(request.c.state == "open", request.c.id > after)
    return [_read(row) for row in connection.execute(query.order_by(request.c.id).limit(limit))]


def answered_before(connection: Connection, under_path: str, kind: Kind, before: int, limit: int) -> list[Request]:
    """What is answered at or below a path, the newest request first, of those before the one with an id (0: all)."""
    query = _under(under_path, kind).where(request.c.state == "answered")
    if before:
        query = query.where(request.c.id < before)
    return [_read(row) for row in connection.execute(query.order_by(request.c.id.desc()).limit(limit))]


@dataclass(frozen=True)
class FollowUp:
    """How requests of a kind are followed up: how many wait, since when the oldest does, and how long answers took.

    ``median`` and ``slowest`` are of the last three months' answers; None where there was none.
    """

    waiting: int
    oldest_since: datetime | None
    answered: int
    median: timedelta | None
    slowest: timedelta | None


LOOKED_BACK, MOST_LOOKED_AT = timedelta(days=90), 10_000


def follow_up(connection: Connection, under_path: str, kind: Kind, now: datetime) -> FollowUp:
    """How requests of a kind are followed up at or below a path."""
    own = (organisation.c.path.startswith(under_path), request.c.kind == kind)
    joined = request.join(organisation, organisation.c.id == request.c.organisation_id)
    still = select(func.count(), func.min(request.c.created_at)).select_from(joined)
    count, oldest = connection.execute(still.where(*own, request.c.state == "open")).one()
    rows = connection.execute(
        select(request.c.created_at, request.c.answered_at)
        .select_from(joined)
        .where(*own, request.c.state == "answered", request.c.answered_at > now - LOOKED_BACK)
        .order_by(request.c.id.desc())
        .limit(MOST_LOOKED_AT)
    )
    took = sorted(row.answered_at - row.created_at for row in rows)
    return FollowUp(count, oldest, len(took), median(took) if took else None, took[-1] if took else None)


def by_number(connection: Connection, number: str) -> Request | None:
    """The request with a number as it was typed."""
    row = connection.execute(_REQUEST.where(request.c.id == (read_number(number) or 0))).first()
    return _read(row) if row else None


def answer(unit: Unit, number: str, by_name: str, text: str) -> Request | None:
    """Answer an open request (a call back: say that it was made); None when none is open under this number.

    Of two that answer at once the first one's answer stands. Whoever calls queues the SMS with it.
    """
    answered = unit.connection.scalar(
        update(request)
        .where(request.c.id == (read_number(number) or 0), request.c.state == "open")
        .values(state="answered", answered_at=unit.now, answered_by=by_name[:60], answer=_clean(text))
        .returning(request.c.id)
    )
    return by_number(unit.connection, with_check_digit(answered)) if answered is not None else None


def _file(
    unit: Unit,
    kind: Kind,
    category: str,
    organisation_id: int,
    household_id: int | None,
    msisdn: str,
    language: str,
    text: str,
) -> str:
    made = unit.connection.execute(
        insert(request).values(
            kind=kind,
            category=category,
            organisation_id=organisation_id,
            household_id=household_id,
            msisdn=msisdn,
            language=language,
            text=_clean(text),
            state="open",
            created_at=unit.now,
        )
    )
    return with_check_digit(int(made.inserted_primary_key[0]))  # type: ignore[index]


def _clean(text: str) -> str:
    """On one line, without what a screen would take for a command."""
    return "".join(one for one in " ".join(text.split()) if one.isprintable())[:TEXT_CHARACTERS]


_REQUEST = select(request, household.c.card).outerjoin(household, household.c.id == request.c.household_id)


def _under(path: str, kind: Kind | None) -> Select[Any]:
    query = _REQUEST.join(organisation, organisation.c.id == request.c.organisation_id).where(
        organisation.c.path.startswith(path)
    )
    return query if kind is None else query.where(request.c.kind == kind)


def _read(row: Any) -> Request:
    return Request(
        with_check_digit(row.id),
        row.kind,
        row.category,
        row.organisation_id,
        row.household_id,
        row.card,
        row.msisdn,
        row.language,
        row.text,
        row.state,
        row.created_at,
        row.answered_at,
        row.answered_by,
        row.answer,
    )
