"""Penalties: what is owed on top of an instalment that wasn't paid when its days of grace were over.

Each is posted once, as a due of its membership, by a round that comes every day, and taken back by a counter-entry
where it turns out that the instalment had been paid in time. It is owed, but cover takes no notice of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, bindparam, select

from gateway.kernel.clock import day_in
from gateway.ledger.accounts import PENALTY, Statement, ask_statement, read_statement
from gateway.ledger.chart import Chart
from gateway.ledger.rules import Credit, Due, position
from gateway.membership.charging import Debt, cancel, charge
from gateway.membership.dues import penalty
from gateway.membership.households import Enrolment, Household, ask_enrolments, by_id, lock_household, read_enrolments
from gateway.membership.rules import Membership
from gateway.network.organisations import Network
from gateway.store.schema import entry, household, membership, plan
from gateway.store.together import together
from gateway.store.unit import Store, Unit

BATCH = 500
# So long after a year's last day its instalments are looked at: what was paid in time may be told of late.
WATCHED_DAYS = 400


@dataclass(frozen=True)
class Penalty:
    """A penalty of a membership for the instalment of ``instalment_on``; it is due itself on ``due_on``."""

    membership_id: int
    instalment_on: date
    due_on: date
    amount_minor: int

    @property
    def key(self) -> str:
        """Under which it is posted: once."""
        return key_of(self.membership_id, self.instalment_on)

    @property
    def debt(self) -> Debt:
        """What the books are told."""
        return Debt(self.key, [Due(self.membership_id, self.due_on, self.amount_minor, penalty=True)], (), "penalties")


def key_of(membership_id: int, instalment_on: date) -> str:
    """The key of the penalty for an instalment."""
    return f"{PENALTY}{membership_id}:{instalment_on}"


def beyond_grace(
    one: Membership, percent: int, currency: str, dues: Sequence[Due], credits: Sequence[Credit], on: date
) -> list[Penalty]:
    """The penalties that a membership owes on a day, by all that is known then.

    For each of its instalments that wasn't paid in full by the last day of its grace; ``percent`` of what fell due.
    Nothing falls due after a household has left.
    """
    own = [due for due in dues if due.of_year]
    found = []
    for filled in position(own, credits).filled:
        due, last_day = filled.due, filled.due.due_on + timedelta(days=one.grace_days)
        if due.membership_id != one.id or last_day >= min(on, one.left_on or on):
            continue
        by_then = next(each for each in position(own, credits, last_day).filled if each.due == due)
        amount = penalty(due.amount_minor, percent, currency)
        if by_then.left_minor and amount:
            found.append(Penalty(one.id, due.due_on, last_day + timedelta(days=1), amount))
    return found


@dataclass(frozen=True)
class _ToDo:
    """What isn't in the books as it should be."""

    post: tuple[Penalty, ...]
    take_back: tuple[tuple[Penalty, str], ...]  # with its currency

    def __bool__(self) -> bool:
        return bool(self.post or self.take_back)


def posting(store: Store, network: Network, chart: Chart) -> Iterator[int]:
    """Go through all whose plan has penalties, a household a step, and bring their penalties to what they should be."""
    after = 0
    while True:
        with store.read() as connection:
            since = store.clock.now().date() - timedelta(days=WATCHED_DAYS)
            ids = connection.scalars(_WATCHED, {"since": since, "after": after, "most": BATCH}).all()
        for household_id in ids:
            yield bring(store, network, chart, household_id)
        if len(ids) < BATCH:
            return
        after = ids[-1]


_WATCHED = (
    select(membership.c.household_id)
    .join(plan, plan.c.id == membership.c.plan_id)
    .join(household, household.c.id == membership.c.household_id)
    .where(
        household.c.merged_into_id.is_(None),
        plan.c.penalty_percent > 0,
        membership.c.ends_on >= bindparam("since"),
        membership.c.household_id > bindparam("after"),
    )
    .distinct()
    .order_by(membership.c.household_id)
    .limit(bindparam("most"))
)


def bring(store: Store, network: Network, chart: Chart, household_id: int) -> int:
    """Post what penalties one household owes today, and take back what it doesn't owe; how many entries that made."""
    tree = network.tree()
    with store.read() as connection:
        one = by_id(connection, tree, household_id)
        if not _to_do(connection, one, day_in(one.time_zone, store.clock.now())):
            return 0
    with store.write() as unit:
        lock_household(unit, household_id)
        today = day_in(one.time_zone, unit.now)
        enrolments, lines = _read(unit.connection, one)
        found = _differing(enrolments, _percents(unit.connection, household_id), lines, today)
        currencies = {each.membership.id: each.currency for each in enrolments}
        for each in found.post:
            currency = currencies[each.membership_id]
            charge(unit, tree, chart, one.id, one.section_id, currency, today, each.debt)
        for each, currency in found.take_back:
            _take_back(unit, network, chart, one, each, currency, today)
    return len(found.post) + len(found.take_back)


def _take_back(
    unit: Unit, network: Network, chart: Chart, one: Household, each: Penalty, currency: str, today: date
) -> None:
    posted = unit.connection.execute(select(entry.c.id).where(entry.c.key == each.key)).scalar_one()
    cancel(unit, network.tree(), chart, one.id, one.section_id, currency, today, each.debt, posted)


def _to_do(connection: Connection, one: Household, today: date) -> _ToDo:
    enrolments, lines = _read(connection, one)
    return _differing(enrolments, _percents(connection, one.id), lines, today)


def _read(connection: Connection, one: Household) -> tuple[list[Enrolment], Statement]:
    rows, lines = together(connection, ask_enrolments(one.id), ask_statement(one.id))
    return read_enrolments(rows, one.time_zone), read_statement(lines)


def _percents(connection: Connection, household_id: int) -> dict[int, int]:
    """The penalty of each of a household's memberships, in percent."""
    rows = connection.execute(
        select(membership.c.id, plan.c.penalty_percent)
        .join(plan, plan.c.id == membership.c.plan_id)
        .where(membership.c.household_id == household_id)
    )
    return {row.id: row.penalty_percent for row in rows}


def _differing(enrolments: Sequence[Enrolment], percents: dict[int, int], lines: Statement, today: date) -> _ToDo:
    post, take_back = [], []
    for each in enrolments:
        its = each.membership
        owed = {
            one.due_on: one
            for one in beyond_grace(its, percents[its.id], each.currency, lines.dues, lines.credits, today)
        }
        own = [due for due in lines.dues if due.penalty and due.membership_id == its.id]
        posted = {due.due_on: due.amount_minor for due in own if due.amount_minor > 0}
        gone = {due.due_on for due in own if due.amount_minor < 0}
        post += [one for due_on, one in owed.items() if due_on not in posted]
        for due_on, amount in posted.items():
            if due_on not in owed and due_on not in gone:
                instalment_on = due_on - timedelta(days=its.grace_days + 1)
                take_back.append((Penalty(its.id, instalment_on, due_on, amount), each.currency))
    return _ToDo(tuple(post), tuple(take_back))
