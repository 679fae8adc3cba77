"""What the names in a door's path stand for: how each is read, and whose it is. No door opens without it.

``/households/<household>/move`` names a household by its id; its section says whose it is. A thing that isn't there and
a thing of another's subtree get the same answer. A name that belongs to nobody (a month, a language) has no place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, select
from sqlalchemy.exc import NoResultFound

from gateway.exchange.software import conflicts
from gateway.kernel.dates import iso_day, iso_month
from gateway.membership import households
from gateway.membership.duplicates import deciding
from gateway.membership.households import Household
from gateway.network.organisations import Organisation, Tree
from gateway.payments import collections
from gateway.payments.reconciliation.handed_in import Upload, upload_with
from gateway.store.schema import (
    api_key,
    campaign,
    category_proposal,
    deduction,
    difference,
    facility,
    handover,
    household,
    incoming,
    money_case,
    payer_group,
    plan,
    refund,
    register_import,
    reminder_rule,
    request,
    staff,
    statement,
    visit,
    wallet,
    webhook,
)

Read = Callable[[Connection, Tree, Any], Any | None]


@dataclass(frozen=True)
class Subject:
    """``read`` gives what a page's function is handed, or None; ``place`` the organisation that it belongs to.

    ``is_text``: it is named by a word instead of a number. A subject without ``place`` belongs to nobody.
    """

    read: Read
    place: Callable[[Any], int] | None
    is_text: bool = False


def _row(table: Table) -> Subject:
    """A row of a table that names its organisation itself."""

    def read(connection: Connection, _: Tree, its_id: int) -> Any | None:
        return connection.execute(select(table).where(table.c.id == its_id)).first()

    return Subject(read, lambda row: int(row.organisation_id))


@dataclass(frozen=True)
class LedHere(Household):
    """The household into which the one that was named has been merged: whatever is done is done to this one."""


def _household(connection: Connection, tree: Tree, its_id: int) -> Household | None:
    row = connection.execute(select(household.c.merged_into_id).where(household.c.id == its_id)).first()
    if row is None:
        return None
    try:
        found = households.by_id(connection, tree, row.merged_into_id or its_id)
    except NoResultFound:  # nobody is its head
        return None
    return found if row.merged_into_id is None else LedHere(**vars(found))


@dataclass(frozen=True)
class OwnCollection:
    """A collection, and the section of the household that it is for (of a group's, the group's organisation)."""

    collection: collections.Collection
    place_id: int


def _collection(connection: Connection, tree: Tree, its_id: int) -> OwnCollection | None:
    one = collections.by_id(connection, its_id)
    if one is None:
        return None
    section = select(household.c.section_id).where(household.c.id == one.household_id)
    return OwnCollection(one, connection.scalar(section) or one.organisation_id)


def _organisation(_: Connection, tree: Tree, its_id: int) -> Organisation | None:
    return tree.by_id.get(its_id)


def _statement(connection: Connection, _: Tree, its_id: int) -> Any | None:
    query = select(statement, wallet.c.organisation_id).join(wallet, wallet.c.id == statement.c.wallet_id)
    return connection.execute(query.where(statement.c.id == its_id)).first()


def _difference(connection: Connection, _: Tree, its_id: int) -> Any | None:
    query = select(difference, wallet.c.organisation_id).join(wallet, wallet.c.id == difference.c.wallet_id)
    return connection.execute(query.where(difference.c.id == its_id)).first()


def _upload(connection: Connection, _: Tree, its_id: int) -> Upload | None:
    return upload_with(connection, its_id)


def _pair(connection: Connection, _: Tree, its_id: int) -> deciding.Pair | None:
    return deciding.by_id(connection, its_id)


def _conflict(connection: Connection, _: Tree, its_id: int) -> conflicts.Conflict | None:
    return conflicts.conflict_with(connection, its_id)


def _word(_: Connection, __: Tree, typed: str) -> str:
    return typed


def _of_organisation(row: Any) -> int:
    return int(row.organisation_id)


SUBJECTS: Mapping[str, Subject] = {
    "household": Subject(_household, lambda one: int(one.section_id)),
    "collection": Subject(_collection, lambda one: int(one.place_id)),
    "refund": _row(refund),
    "case": _row(money_case),
    "incoming": _row(incoming),
    "handover": _row(handover),
    "group": _row(payer_group),
    "wallet": _row(wallet),
    "statement": Subject(_statement, _of_organisation),
    "upload": Subject(_upload, _of_organisation),
    "difference": Subject(_difference, _of_organisation),
    "campaign": _row(campaign),
    "rule": _row(reminder_rule),
    "request": _row(request),
    "visit": _row(visit),
    "organisation": Subject(_organisation, lambda one: int(one.id)),
    "member": _row(staff),
    "facility": _row(facility),
    "key": _row(api_key),
    "webhook": _row(webhook),
    "plan": _row(plan),
    "register": _row(register_import),
    "conflict": Subject(_conflict, lambda one: int(one.section_id)),
    "pair": Subject(_pair, lambda one: int(one.organisation_id)),
    "proposal": _row(category_proposal),
    "deduction": _row(deduction),
    "month": Subject(lambda _, __, typed: iso_month(typed), None, is_text=True),
    "day": Subject(lambda _, __, typed: iso_day(typed), None, is_text=True),
    "word": Subject(
        _word, None, is_text=True
    ),  # an event, a language, a kind: the page's function knows which there are
    "token": Subject(_word, None, is_text=True),
    "number": Subject(lambda _, __, its_id: its_id, None),
}
