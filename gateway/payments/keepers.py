"""The treasurers as their digests and reminders know them: who they are, whose money they keep, in which language."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from gateway.network.organisations import Organisation, Tree
from gateway.store.schema import caller, staff


@dataclass(frozen=True)
class Keeper:
    """A treasurer; ``books`` are the organisations of whose payments they are told: nobody nearer keeps these."""

    id: int
    msisdn: str
    language: str
    office: Organisation
    books: tuple[int, ...]
    told: str | None
    told_until: datetime | None


def keepers(connection: Connection, tree: Tree) -> list[Keeper]:
    """All who are treasurers now, by their ids."""
    rows = connection.execute(
        select(
            staff.c.id, staff.c.msisdn, staff.c.organisation_id, staff.c.language, staff.c.told, staff.c.told_until,
            caller.c.language.label("chosen"),
        )
        .outerjoin(caller, caller.c.msisdn == staff.c.msisdn)
        .where(staff.c.role == "treasurer", staff.c.ended_on.is_(None))
        .order_by(staff.c.id)
    ).all()  # fmt: skip
    known = [row for row in rows if row.organisation_id in tree.by_id]  # the tree may be some seconds older
    books = _kept_by(tree, (row.organisation_id for row in known))
    return [
        Keeper(
            row.id,
            row.msisdn,
            row.language or row.chosen or tree[row.organisation_id].languages[0],
            tree[row.organisation_id],
            tuple(books[row.organisation_id]),
            row.told,
            row.told_until,
        )
        for row in known
    ]


def _kept_by(tree: Tree, offices: Iterable[int]) -> dict[int, list[int]]:
    """The organisations with books of which each office's treasurers are the nearest, at them or above."""
    found: dict[int, list[int]] = {each: [] for each in offices}
    for one in tree.by_id.values():
        if one.books_id == one.id:
            nearest = next((above.id for above in tree.upward(one.id) if above.id in found), None)
            if nearest is not None:
                found[nearest].append(one.id)
    return found
