"""What a list of categories is said to change is what it changes, whoever left, was merged or was skipped meanwhile."""

from __future__ import annotations

import pytest
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from gateway.membership import leaving
from gateway.membership.changes import By
from gateway.membership.proposals.impact import Impact, impact_of, totals_of
from gateway.store.schema import category_proposal_event, household
from tests.membership.test_proposals import TODAY, YES, Meeting, meeting
from tests.payments.village import ON_SQLITE

__all__ = ["meeting"]  # a fixture


def impact(meeting: Meeting, its_id: int) -> dict[int, Impact]:
    rows = meeting.rows(its_id)
    with meeting.village.store.read() as connection:
        found = impact_of(connection, meeting.village.network.tree(), rows, TODAY)
    return {each.row.household_id: each for each in found}


@ON_SQLITE
def test_who_will_be_skipped_changes_nothing_before_and_after(meeting: Meeting) -> None:
    village, tree = meeting.village, meeting.village.network.tree()
    its_id = meeting.propose("indigent", "indigent", "indigent")
    meeting.print(its_id)
    meeting.validate(its_id, YES, YES, YES)
    with village.store.write() as unit:
        one = village.family(meeting.homes[0])
        leaving.leave(unit, tree, village.chart, one, TODAY, "departure", By(None, name="Bio Sarre"))
        unit.connection.execute(
            update(household).where(household.c.id == meeting.homes[1]).values(merged_into_id=meeting.homes[2])
        )
    shown = impact(meeting, its_id)
    for home in meeting.homes[:2]:
        assert (shown[home].before, shown[home].after) == (None, None)
    before, after = shown[meeting.homes[2]].before, shown[meeting.homes[2]].after
    assert before is not None
    assert after is not None
    assert after.own.minor < before.own.minor
    [(_, states)] = totals_of(list(shown.values())).by_subsidiser
    assert states.after == after.subsidised
    meeting.start(its_id)
    meeting.apply(its_id)
    later = impact(meeting, its_id)
    assert all(later[home].before == later[home].after for home in meeting.homes[:2])  # nothing was changed for them
    assert (later[meeting.homes[2]].before, later[meeting.homes[2]].after) == (before, after)


@pytest.mark.parametrize("what", ["update", "delete"])
def test_what_was_done_with_a_list_is_never_changed(meeting: Meeting, what: str) -> None:
    meeting.propose("indigent")
    changes = {
        "update": category_proposal_event.update().values(by_name="X"),
        "delete": category_proposal_event.delete(),
    }
    with pytest.raises(DBAPIError, match="never changed"), meeting.village.store.write() as unit:
        unit.connection.execute(changes[what])
