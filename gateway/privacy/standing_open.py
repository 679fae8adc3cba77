"""Why a household can't be forgotten yet: money that is open, a year that runs, something that waits for an answer."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from gateway.ledger.chart import HOUSEHOLD_ROLES
from gateway.locale import mark
from gateway.membership.unmerging import UNDO_DAYS
from gateway.store.schema import (
    account,
    assignment,
    collection,
    data_request,
    declaration,
    deduction,
    deduction_row,
    difference,
    household_merge,
    line,
    membership,
    money_case,
    refund,
    request,
    software_conflict,
)

WHY = {
    "year": mark("a year of its runs still"),
    "balance": mark("it has something to its credit: give that back first"),
    "collection": mark("a payment of its is undecided"),
    "case": mark("a case about its money is open"),
    "refund": mark("a refund is on its way"),
    "difference": mark("a difference with a statement is open"),
    "assignment": mark("somebody has to approve that money is its"),
    "declaration": mark("it told of a payment that nobody has seen yet"),
    "list": mark("it is on a group's list that isn't divided yet"),
    "request": mark("it waits for an answer"),
    "merge": mark("a merge with another household can be undone still"),
    "software": mark("other software says otherwise about it: settle that first"),
    "data": mark("it asked for its data, and wasn't answered yet"),
}


def still_open(connection: Connection, ids: tuple[int, ...], today: date, now: datetime) -> list[str]:
    """What stands in the way, as words of :data:`WHY`."""
    paid = select(collection.c.id).where(collection.c.household_id.in_(ids))
    asked: dict[str, Select[Any]] = {
        "year": _one(membership.c.id, membership.c.household_id.in_(ids),
                     func.coalesce(membership.c.left_on, membership.c.ends_on) >= today),
        "collection": _one(collection.c.id, collection.c.household_id.in_(ids),
                           collection.c.state.in_(("created", "sending", "pending", "unclear"))),
        "case": _one(money_case.c.id, money_case.c.collection_id.in_(paid), money_case.c.closed_at.is_(None)),
        "refund": _one(refund.c.id, refund.c.collection_id.in_(paid),
                       refund.c.state.in_(("asked", "approved", "sent"))),
        "difference": _one(difference.c.id, difference.c.collection_id.in_(paid), difference.c.state != "settled"),
        "assignment": _one(assignment.c.id, assignment.c.household_id.in_(ids), assignment.c.state == "asked"),
        "declaration": _one(declaration.c.id, declaration.c.household_id.in_(ids), declaration.c.state == "open"),
        "list": _one(
            deduction_row.c.number,
            and_(deduction_row.c.household_id.in_(ids), deduction.c.id == deduction_row.c.deduction_id),
            deduction.c.state.in_(("read", "waiting", "proposed")),
        ),
        "request": _one(request.c.id, request.c.household_id.in_(ids), request.c.state == "open"),
        "merge": _one(
            household_merge.c.id, household_merge.c.stays_id.in_(ids), household_merge.c.undone_at.is_(None),
            household_merge.c.at > now - timedelta(days=UNDO_DAYS),
        ),
        "software": _one(software_conflict.c.id, software_conflict.c.household_id.in_(ids),
                         software_conflict.c.state == "open"),
        "data": _one(data_request.c.id, data_request.c.household_id.in_(ids), data_request.c.answered_at.is_(None)),
    }  # fmt: skip
    found = [word for word, query in asked.items() if connection.execute(query).first() is not None]
    sums = connection.execute(
        select(account.c.currency)
        .join(line, line.c.account_id == account.c.id)
        .where(line.c.household_id.in_(ids), or_(*(account.c.role == role for role in HOUSEHOLD_ROLES)))
        .group_by(account.c.currency)
        .having(func.sum(line.c.amount_minor) < 0)  # what it owes stays in the books under its card, without a name
    ).first()
    return ["balance", *found] if sums is not None else found


def _one(column: ColumnElement[Any], *which: ColumnElement[bool]) -> Select[Any]:
    return select(column).where(*which).limit(1)
