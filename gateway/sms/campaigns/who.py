"""Whom a campaign is for: a choice among the households below an organisation, as a value that is kept with it.

What a choice asks of a household's money and cover is asked twice: when it is chosen, and again when it is written to.
Who has paid meanwhile isn't reminded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, or_, select

from gateway.kernel.faults import Fault
from gateway.locale import mark
from gateway.membership.rules import State
from gateway.membership.several import Stands, among, standings
from gateway.network.organisations import Tree
from gateway.store.schema import (
    account,
    category,
    household,
    household_category,
    line,
    membership,
    organisation,
    plan,
)

BATCH = 2_000
NOT_RENEWED_FOR_DAYS = 365


class BadChoice(Fault):
    """A choice that can't be kept: a word in it is unknown."""


@dataclass(frozen=True)
class Who:
    """Households below ``under`` (a code) of which all that is asked holds; what is left open asks nothing.

    ``states``: of cover. ``owing``: something is left to pay. ``overdue_days``: something has been due for so many days
    or more. ``categories`` and ``plans`` by code, ``languages`` by their two letters. ``not_renewed``: their last year
    ended within the last twelve months, and they are enrolled for no other. ``due_on``: something unpaid falls due on
    that very day.
    """

    under: str
    states: tuple[str, ...] = ()
    owing: bool = False
    overdue_days: int | None = None
    categories: tuple[str, ...] = ()
    plans: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    not_renewed: bool = False
    due_on: date | None = None

    def __post_init__(self) -> None:
        unknown = sorted(set(self.states) - {one.value for one in State})
        if unknown:
            raise BadChoice(f"{unknown[0]} is no state of cover: there are {', '.join(one.value for one in State)}")
        if self.overdue_days is not None and not 0 <= self.overdue_days <= 3650:
            raise BadChoice(mark("overdue days are 0 to 3650"))

    @property
    def asks_standing(self) -> bool:
        """Does it ask how a household stands, which only its plan and ledger say?"""
        return bool(self.states or self.owing or self.overdue_days is not None or self.due_on is not None)

    def takes(self, stands: Stands, on: date) -> bool:
        """Is a household that stands so among those that are meant?"""
        found = stands.cover
        if self.states and found.state.value not in self.states:
            return False
        if self.owing and not stands.left:
            return False
        if self.overdue_days is not None:
            since = found.due_on
            if since is None or not found.due_minor or since > on - timedelta(days=self.overdue_days):
                return False
        return self.due_on is None or bool(stands.left_of(self.due_on))

    def as_json(self) -> dict[str, Any]:
        """The choice as a campaign keeps it; what is left open isn't written."""
        kept = {name: value for name, value in asdict(self).items() if value not in ((), None, False)}
        if self.due_on is not None:
            kept["due_on"] = self.due_on.isoformat()
        return kept


def read_who(kept: Mapping[str, Any]) -> Who:
    """The choice that a campaign keeps."""
    lists = {name: tuple(kept.get(name, ())) for name in ("states", "categories", "plans", "languages")}
    due_on = date.fromisoformat(kept["due_on"]) if kept.get("due_on") else None
    return Who(
        under=kept["under"],
        owing=bool(kept.get("owing")),
        overdue_days=kept.get("overdue_days"),
        not_renewed=bool(kept.get("not_renewed")),
        due_on=due_on,
        **lists,
    )


@dataclass(frozen=True)
class Batch:
    """Some households of a choice, by id with their sections, and the id up to which all were looked at.

    ``looked``: how many were looked at for it.
    """

    sections: Mapping[int, int]
    last: int
    looked: int


def next_batch(connection: Connection, tree: Tree, who: Who, on: date, after: int, most: int = BATCH) -> Batch | None:
    """The next households of a choice in order of their ids, as they stand on a day; None when there are no more."""
    rows = connection.execute(_candidates(tree, who, on).where(household.c.id > after).limit(most)).all()
    if not rows:
        return None
    sections = {row.id: row.section_id for row in rows}
    if who.asks_standing:
        stands = standings(connection, tree, on, sections)
        sections = {its_id: section for its_id, section in sections.items() if who.takes(stands[its_id], on)}
    return Batch(sections, rows[-1].id, len(rows))


def candidates(connection: Connection, tree: Tree, who: Who, on: date, after: int = 0) -> int:
    """How many households are still to be looked at for a choice, of those with ids above ``after``."""
    found = _candidates(tree, who, on).where(household.c.id > after).order_by(None)
    return connection.scalar(select(func.count()).select_from(found.subquery())) or 0


def still_chosen(
    connection: Connection, tree: Tree, who: Who, on: date, ids: Sequence[int]
) -> tuple[set[int], dict[int, Stands]]:
    """Which of these households a choice still takes, and how all of them stand."""
    rows = connection.execute(select(household.c.id, household.c.section_id).where(household.c.id.in_(among(ids))))
    sections = {row.id: row.section_id for row in rows}
    stands = standings(connection, tree, on, sections)
    asked = _candidates(tree, who, on, everybody=True).where(household.c.id.in_(among(ids)))
    meant = set(connection.scalars(asked.with_only_columns(household.c.id)))
    return {its_id for its_id in meant if who.takes(stands[its_id], on)}, stands


def _candidates(tree: Tree, who: Who, on: date, everybody: bool = False) -> Select[Any]:
    """The households of which the database itself can say that they are meant, in order of their ids."""
    under = tree.named(who.under)
    asked: list[ColumnElement[bool]] = [
        organisation.c.path.like(f"{under.path}%"),
        household.c.merged_into_id.is_(None),
    ]
    if who.languages:
        fallen_back = [one.id for one in tree.by_id.values() if one.languages[0] in who.languages]
        unsaid = and_(household.c.language.is_(None), household.c.section_id.in_(fallen_back))
        asked.append(or_(household.c.language.in_(who.languages), unsaid))
    if who.categories:
        asked.append(_category(on).in_(select(category.c.id).where(category.c.code.in_(who.categories))))
    if who.plans and who.due_on is None:
        asked.append(exists(_years().where(plan.c.code.in_(who.plans), membership.c.ends_on >= on)))
    if who.not_renewed:
        since = on - timedelta(days=NOT_RENEWED_FOR_DAYS)
        still_here = _years().where(membership.c.left_on.is_(None))
        asked.append(exists(still_here.where(membership.c.ends_on < on, membership.c.ends_on >= since)))
        asked.append(~exists(_years().where(membership.c.ends_on >= on)))
        asked.append(~exists(_years().where(membership.c.left_on >= since)))
    if who.due_on is not None and not everybody:
        dues = (
            select(line.c.id)
            .join(account, account.c.id == line.c.account_id)
            .where(
                line.c.household_id == household.c.id,
                line.c.due_on == who.due_on,
                account.c.role == "receivable",
            )
        )
        if who.plans:  # what is due is of one of them: the year itself may be over by now
            dues = dues.join(membership, membership.c.id == line.c.membership_id).join(
                plan, plan.c.id == membership.c.plan_id
            )
            dues = dues.where(plan.c.code.in_(who.plans))
        asked.append(exists(dues))
    return (
        select(household.c.id, household.c.section_id)
        .join(organisation, organisation.c.id == household.c.section_id)
        .where(*asked)
        .order_by(household.c.id)
    )


def _years() -> Select[Any]:
    return (
        select(membership.c.id)
        .join(plan, plan.c.id == membership.c.plan_id)
        .where(membership.c.household_id == household.c.id)
    )


def _category(on: date) -> Any:
    """The id of the category that a household is in on a day."""
    return (
        select(household_category.c.category_id)
        .where(household_category.c.household_id == household.c.id, household_category.c.since <= on)
        .order_by(household_category.c.since.desc(), household_category.c.id.desc())
        .limit(1)
        .correlate(household)
        .scalar_subquery()
    )
