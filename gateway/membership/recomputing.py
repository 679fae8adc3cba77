"""What is due in the books, computed anew from memberships, plans, tariffs and stories: the same, or told.

Every due of a year and of who joined must be there with its amount and its day, and no other; of penalties and of what
was cancelled, the amounts and the days must be right: whether they are owed depends on what was paid since.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from gateway.kernel.card import show_card
from gateway.ledger.accounts import CANCELLED, JOINED, PENALTY, UNDONE
from gateway.ledger.rules import Due
from gateway.membership.dues import is_newborn, penalty, year_of
from gateway.membership.family import dues_of_joiner
from gateway.membership.households import Enrolment, ask_enrolments, read_enrolments
from gateway.membership.several import by_household
from gateway.store.schema import (
    account,
    beneficiary,
    entry,
    household,
    household_change,
    line,
    membership,
    plan,
)

BATCH = 1_000
_JOINS, _LEAVES = ("birth", "marriage", "arrival"), ("death", "divorce", "departure", "went-back")

# The changes of a household of which some people got a card of their own, and of theirs; the first word begins the
# key of the entry by which the old one is let off its dues for them (gateway.membership.splitting).
SPLIT, SPLIT_OFF = "split", "split-off"

# A line as it should stand: under which key, on which account, of which membership, due when.
Place = tuple[str, str, int, date]
Lines = dict[Place, int]


@dataclass(frozen=True)
class _Family:
    """One household's rows."""

    card: str
    years: Sequence[tuple[Enrolment, Any]]  # with what else its row says
    changes: Sequence[Any]
    people: Mapping[int, Any]
    found: Lines
    happened_on: Mapping[str, date]  # of the entries, by key


def first_wrong_due(connection: Connection) -> str | None:
    """The first due that isn't what memberships, plans and tariffs say, in words; None when all are."""
    for one in _families(connection):
        wrong = _first_difference(one)
        if wrong is not None:
            return wrong
    return None


def _first_difference(one: _Family) -> str | None:
    if not one.people:
        return None  # it had moved away when its old mutuelle came here: its people and its story are elsewhere
    expected = _of_years(one) | _of_joiners(one)
    percents = {each.membership.id: (row.penalty_percent, each.currency) for each, row in one.years}
    for place, amount in one.found.items():
        key = place[0]
        if key.startswith(f"{SPLIT}:"):
            continue  # what a subsidiser is let off; it is no due of anybody's
        if key.startswith(PENALTY):
            expected[place] = _penalty(key, place, expected, percents)
        elif key.startswith((CANCELLED, UNDONE)):
            # The negative of what stands under the key behind it, in the same place.
            own = key.removeprefix(CANCELLED if key.startswith(CANCELLED) else UNDONE)
            expected[place] = -one.found.get((own, *place[1:]), 0)
        if expected.get(place, 0) != amount:
            return _told(one, place, amount, expected.get(place, 0))
    missing = next(((place, amount) for place, amount in expected.items() if place not in one.found and amount), None)
    return _told(one, missing[0], 0, missing[1]) if missing is not None else _first_uncancelled(one)


def _told(one: _Family, place: Place, found: int, expected: int) -> str:
    key, role, membership_id, due_on = place
    return (
        f"entry {key} of card {show_card(one.card)}: {role} of membership {membership_id} due on {due_on} "
        f"is {found}, and {expected} by the plan"
    )


def _first_uncancelled(one: _Family) -> str | None:
    """What falls due after a household had left, and wasn't cancelled."""
    left = {each.membership.id: each.membership.left_on for each, _ in one.years}
    keys = {place[0] for place in one.found}
    for place, amount in one.found.items():
        key, role, membership_id, due_on = place
        left_on = left.get(membership_id)
        if key.startswith(CANCELLED) or left_on is None or due_on <= left_on:
            continue
        if f"{UNDONE}{key}" in keys:  # charged by a merge that was undone
            continue
        if (f"{CANCELLED}{key}", role, membership_id, due_on) not in one.found:
            if key.startswith(UNDONE) and not key.startswith(f"{UNDONE}{CANCELLED}"):
                continue  # it takes something off itself
            return _told(one, place, amount, 0)
    return None


def _of_years(one: _Family) -> Lines:
    expected: Lines = {}
    renewed = {row.happened_on: row.id for row in one.changes if row.kind == "renewed"}
    left = {row.happened_on: row.id for row in one.changes if row.kind == "left"}
    split_off = {row.at for row in one.changes if row.kind == SPLIT_OFF}
    for number, (each, row) in enumerate(one.years):
        its, key = each.membership, f"dues:{each.membership.id}"
        year = year_of(
            each.tariff,
            row.instalments,
            its.starts_on,
            row.months,
            one.happened_on.get(key, its.enrolled_on),
            each.beneficiaries,
            # Who got a card of their own in the middle of a year paid the registration fee on the old one.
            row.enrolled_at not in split_off and _is_newcomer(one.years[:number], left, renewed.get(its.starts_on, 0)),
            each.currency,
        )
        expected |= {(key, "receivable", its.id, due_on): amount for due_on, amount in year.dues}
        expected |= {(key, "subsidiser", its.id, due_on): amount for due_on, amount in year.subsidies}
    return expected


def _is_newcomer(before: Sequence[tuple[Enrolment, Any]], left: Mapping[date | None, int], by_change: int) -> bool:
    """Had none of a household's years begun when it was enrolled by a change?"""
    known = (_without_leaving(each, left, by_change) for each, _ in before)
    return not any(each.last_day >= each.membership.starts_on for each in known)


def _of_joiners(one: _Family) -> Lines:
    """Who joined pays by how many stood on the card then, and for the years that were enrolled by then."""
    expected: Lines = {}
    joined = {row.beneficiary_id for row in one.changes if row.kind in _JOINS}
    on_card = sum(person not in joined for person in one.people)
    renewed = {row.happened_on: row.id for row in one.changes if row.kind == "renewed"}
    left = {row.happened_on: row.id for row in one.changes if row.kind == "left"}
    for row in one.changes:
        if row.kind in _JOINS:
            known = [
                _without_leaving(each, left, row.id)
                for each, its_row in one.years
                if renewed.get(each.membership.starts_on, 0 if its_row.enrolled_at <= row.at else row.id) < row.id
            ]
            today = one.people[row.beneficiary_id].joined_on
            newborn = row.kind == "birth" and is_newborn(row.happened_on, today)
            dues, subsidies = dues_of_joiner(known, on_card, today, newborn)
            expected |= _places(f"{JOINED}{row.beneficiary_id}", "receivable", dues)
            expected |= _places(f"{JOINED}{row.beneficiary_id}", "subsidiser", subsidies)
            on_card += 1
        elif row.kind in _LEAVES:
            on_card -= 1
    return expected


def _without_leaving(each: Enrolment, left: Mapping[date | None, int], by_change: int) -> Enrolment:
    """An enrolment as it was before a change: the household may have left after it."""
    its = each.membership
    if its.left_on is None or left.get(its.left_on, 0) < by_change:
        return each
    return replace(each, membership=replace(its, left_on=None, left_told_on=None))


def _places(key: str, role: str, dues: Sequence[Due]) -> Lines:
    return {(key, role, due.membership_id, due.due_on): due.amount_minor for due in dues}


def _penalty(key: str, place: Place, expected: Lines, percents: Mapping[int, tuple[int, str]]) -> int:
    """What a penalty must come to: its part of the instalment that its key names."""
    _, membership_id, instalment_on = key.split(":")
    its_id = int(membership_id)
    if place[2] != its_id:
        return 0
    instalment = expected.get((f"dues:{its_id}", "receivable", its_id, date.fromisoformat(instalment_on)), 0)
    percent, currency = percents[its_id]
    return penalty(instalment, percent, currency)


# --- reading ----------------------------------------------------------------------------------------------------------

_BATCH = (
    select(household.c.id, household.c.card)
    .where(household.c.id > bindparam("after"))
    .order_by(household.c.id)
    .limit(BATCH)
)


def _enrolments() -> Select[Any]:
    asked, _ = ask_enrolments(0)
    assert isinstance(asked, Select)
    own = (membership.c.household_id, plan.c.instalments, plan.c.penalty_percent, membership.c.months)
    return (
        select(*own, *asked.selected_columns)
        .select_from(*asked.get_final_froms())
        .where(membership.c.household_id.between(bindparam("first"), bindparam("last")))
        .order_by(membership.c.household_id, membership.c.id)
    )


_ENROLMENTS = _enrolments()
_BEFORE = 4  # columns before those of an enrolment
_CHANGES = (
    select(household_change)
    .where(household_change.c.household_id.between(bindparam("first"), bindparam("last")))
    .order_by(household_change.c.id)
)
_PEOPLE = select(beneficiary.c.household_id, beneficiary.c.id, beneficiary.c.joined_on).where(
    beneficiary.c.household_id.between(bindparam("first"), bindparam("last"))
)
_LINES = (
    select(
        line.c.household_id,
        entry.c.key,
        entry.c.happened_on,
        account.c.role,
        line.c.membership_id,
        line.c.due_on,
        line.c.amount_minor,
    )
    .join(entry, entry.c.id == line.c.entry_id)
    .join(account, account.c.id == line.c.account_id)
    .where(
        line.c.household_id.between(bindparam("first"), bindparam("last")),
        line.c.due_on.is_not(None),
    )
    .order_by(line.c.id)
)


def _families(connection: Connection) -> Iterator[_Family]:
    after = 0
    while True:
        batch = connection.execute(_BATCH, {"after": after}).all()
        if not batch:
            return
        bounds = {"first": batch[0].id, "last": batch[-1].id}
        years, changes, people, lines = (
            by_household(connection.execute(asked, bounds)) for asked in (_ENROLMENTS, _CHANGES, _PEOPLE, _LINES)
        )
        for row in batch:
            yield _family(row, years[row.id], changes[row.id], people[row.id], lines[row.id])
        after = batch[-1].id


def _family(
    row: Any, years: Sequence[Any], changes: Sequence[Any], people: Sequence[Any], lines: Sequence[Any]
) -> _Family:
    found: Lines = {}
    for each in lines:
        place = (each.key, each.role, each.membership_id, each.due_on)
        found[place] = found.get(place, 0) + each.amount_minor
    # Days are those of the entries; where nothing is owed no day is asked for.
    enrolments = read_enrolments([each[_BEFORE:] for each in years], "UTC")
    return _Family(
        row.card,
        list(zip(enrolments, years, strict=True)),
        changes,
        {each.id: each for each in people},
        found,
        {each.key: each.happened_on for each in lines},
    )
