"""What a list of categories changes in dues and subsidies, before it is applied: by household, in total, by subsidiser.

The next year of each household is worked out twice, in the category where it is and in the one where it would be, by
the functions that enrol it: nothing is reckoned here but differences.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, func, select

from gateway.kernel.money import Money
from gateway.membership.categories import InPlan, tariffs_in
from gateway.membership.dues import Tariff, next_year
from gateway.membership.plans import Plan, plans_for
from gateway.membership.proposals.lists import ProposedRow, left_of, present_codes
from gateway.membership.several import among, standings
from gateway.network.organisations import Tree
from gateway.store.schema import beneficiary, household

_AT_ONCE = 500


@dataclass(frozen=True)
class NextYear:
    """A household's next year: what it pays itself, what is paid for it, and by whom (a subsidiser's name, or none)."""

    own: Money
    subsidised: Money
    subsidiser: str | None


@dataclass(frozen=True)
class Impact:
    """What changes for a household: its next year, as it is and as it would be; None where no plan is open to it."""

    row: ProposedRow
    people: int
    before: NextYear | None
    after: NextYear | None


@dataclass(frozen=True)
class Total:
    """Sums over a list in one currency: what households pay, before and after."""

    currency: str
    before: Money
    after: Money


@dataclass(frozen=True)
class Totals:
    """``by_subsidiser``: the name, and what it pays before and after."""

    own: tuple[Total, ...]
    by_subsidiser: tuple[tuple[str, Total], ...]


def impact_of(connection: Connection, tree: Tree, rows: Sequence[ProposedRow], applies_on: date) -> list[Impact]:
    """What changes for the households of a list that is applied from a day on: of the next year that each enrols for.

    Who refused, or has the category already, changes nothing, and is told so; who has left or was merged since will be
    skipped, and has no next year.
    """
    plans = _Plans(connection, tree, applies_on)
    found = []
    for start in range(0, len(rows), _AT_ONCE):
        batch = rows[start : start + _AT_ONCE]
        ids = [row.household_id for row in batch]
        homes = _homes(connection, ids)  # where each is now: its plans are those of that place
        stands = standings(
            connection, tree, applies_on, {its_id: section_id for its_id, (section_id, _) in homes.items()}
        )
        gone = left_of(connection, ids) | {its_id for its_id, (_, merged) in homes.items() if merged}
        people, present = _people(connection, ids), present_codes(connection, ids, applies_on)
        for row in batch:
            last = stands[row.household_id].last
            count = people.get(row.household_id, 0)
            chosen = plans.chosen(homes[row.household_id][0], last.plan_code if last else None)
            if chosen is None or not count or (row.state == "open" and row.household_id in gone):
                found.append(Impact(row, count, None, None))
                continue
            last_day = last.last_day if last else None
            # Who is a member that day renews when the year is over; who isn't enrols that day.
            on = max(applies_on, last_day + timedelta(days=1)) if last_day is not None else applies_on
            is_now = present.get(row.household_id) if row.state == "open" else row.from_code
            before, after = (
                _year(chosen, plans.tariff(chosen, code), last_day, count, on) for code in (is_now, row.becomes)
            )
            found.append(Impact(row, count, before, after))
    return found


def _homes(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[int, bool]]:
    """The section of each household, and whether it was merged into another."""
    rows = connection.execute(
        select(household.c.id, household.c.section_id, household.c.merged_into_id).where(household.c.id.in_(among(ids)))
    )
    return {row.id: (row.section_id, row.merged_into_id is not None) for row in rows}


def _people(connection: Connection, ids: Sequence[int]) -> dict[int, int]:
    rows = connection.execute(
        select(beneficiary.c.household_id, func.count())
        .where(beneficiary.c.household_id.in_(among(ids)), beneficiary.c.left_on.is_(None))
        .group_by(beneficiary.c.household_id)
    )
    return {row[0]: int(row[1]) for row in rows}


def _year(chosen: Plan, own: InPlan | None, last_day: date | None, people: int, on: date) -> NextYear:
    tariff = own.tariff(Tariff.of(chosen.terms)) if own is not None else None
    year = next_year(chosen.terms, chosen.currency, last_day, people, on, tariff)
    subsidised = sum(amount for _, amount in year.subsidies)
    return NextYear(
        Money(sum(amount for _, amount in year.dues), chosen.currency),
        Money(subsidised, chosen.currency),
        own.subsidiser if own is not None and subsidised else None,
    )


class _Plans:
    """The plans that are open on a day in each section, and what each category pays in them; read once."""

    def __init__(self, connection: Connection, tree: Tree, on: date) -> None:
        self._connection, self._tree, self._on = connection, tree, on
        self._open: dict[int, list[Plan]] = {}
        self._tariffs: dict[int, dict[str, InPlan]] = {}

    def chosen(self, section_id: int, code: str | None) -> Plan | None:
        """As renewing has it: the last year's plan in the version that is open, else the first that is open."""
        if section_id not in self._open:
            self._open[section_id] = plans_for(self._connection, self._tree, section_id, self._on)
        plans = self._open[section_id]
        return next((one for one in plans if one.code == code), plans[0] if plans else None)

    def tariff(self, chosen: Plan, code: str | None) -> InPlan | None:
        if chosen.id not in self._tariffs:
            self._tariffs[chosen.id] = {one.category.code: one for one in tariffs_in(self._connection, chosen.id)}
        return self._tariffs[chosen.id].get(code) if code is not None else None


def totals_of(found: Sequence[Impact]) -> Totals:
    """What a list changes in total, by currency and by subsidiser."""
    own: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    theirs: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for each in found:
        for place, year in enumerate((each.before, each.after)):
            if year is None:
                continue
            own[year.own.currency][place] += year.own.minor
            if year.subsidiser is not None:
                theirs[year.subsidiser, year.own.currency][place] += year.subsidised.minor
    return Totals(
        tuple(_total(currency, sums) for currency, sums in sorted(own.items())),
        tuple((name, _total(currency, sums)) for (name, currency), sums in sorted(theirs.items())),
    )


def _total(currency: str, sums: Sequence[int]) -> Total:
    return Total(currency, Money(sums[0], currency), Money(sums[1], currency))
