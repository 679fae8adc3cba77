"""A household's cover in time: from which day to which it stood, or will stand, how; as each day's cover has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from gateway.ledger.accounts import Statement
from gateway.membership.households import Enrolment
from gateway.membership.rules import State, cover

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Stretch:
    """Days, both included, on which a household stood alike."""

    first: date
    last: date
    state: State

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


def stretches(enrolments: Sequence[Enrolment], lines: Statement, since: date, until: date) -> list[Stretch]:
    """How a household stood from a day to another, the oldest first; days ahead as if nothing more were paid.

    A day that is past is seen as it was known by then. Days before the first year began are left out.
    """
    years = [each.membership for each in enrolments]
    if not years:
        return []
    since = max(since, min(one.starts_on for one in years))
    if since > until:
        return []
    turns = {since}
    for one in years:
        grace = timedelta(days=one.grace_days)
        wait = timedelta(days=one.waiting_days)
        turns |= {one.enrolled_on, one.starts_on, one.ends_on + _DAY, one.ends_on + grace + _DAY}
        if one.left_on is not None:
            turns |= {one.left_on + _DAY, one.left_told_on or one.left_on}
        # Whatever makes cover begin, wait or end does so on one of these days: a payment, a due, and so long after.
        days = [credit.on for credit in lines.credits] + [due.due_on for due in lines.dues] + [one.starts_on]
        turns |= {turn for day in days for turn in (day, day + _DAY, day + wait, day + grace + _DAY, day + wait + _DAY)}
    turns |= {due.known_on for due in lines.dues}
    ordered = sorted(day for day in turns if since <= day <= until)
    found: list[Stretch] = []
    for first, after in pairwise([*ordered, until + _DAY]):
        state = cover(years, lines.dues, lines.credits, first).state
        if found and found[-1].state is state:
            found[-1] = Stretch(found[-1].first, after - _DAY, state)
        else:
            found.append(Stretch(first, after - _DAY, state))
    return found
