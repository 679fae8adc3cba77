"""Takes a register out again: households that have had nothing since leave with their dues; the others are named.

Nothing is deleted of what the books hold: each due is cancelled by an entry of its own. A household that was taken out
keeps its card in the story, has no phone and no name to be found by, and counts nowhere. It can be registered again.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    Table,
    cast,
    delete,
    exists,
    literal,
    or_,
    select,
    union_all,
    update,
)

from gateway.kernel.clock import day_in
from gateway.ledger.chart import Chart
from gateway.locale import mark
from gateway.membership.changes import By
from gateway.membership.households import by_id, lock_household
from gateway.membership.importing.checking import Told
from gateway.membership.importing.keeping import KeptRow, rows_of, set_row, set_state, state_of
from gateway.membership.importing.taking import SLICE, WORK_FOR_S, told_key
from gateway.membership.leaving import end_years
from gateway.membership.sounding import drop_sounds
from gateway.network.organisations import Network, Tree
from gateway.store.outbox import Task
from gateway.store.schema import (
    assignment,
    beneficiary,
    card_alias,
    collection,
    declaration,
    entry,
    household,
    household_category,
    household_change,
    line,
    membership,
    message,
    old_number,
    payer_group_member,
    phone,
    pin,
    request,
    subsidy_invoice_line,
    visit,
)
from gateway.store.unit import Store, Unit


class Undoing:
    """The outbox's handler for ``register.undo``; the task's subject is the import's id."""

    def __init__(self, store: Store, network: Network, chart: Chart) -> None:
        self._store, self._network, self._chart = store, network, chart

    def __call__(self, task: Task) -> timedelta | None:
        begun, after = time.monotonic(), 0
        while time.monotonic() - begun < WORK_FOR_S:
            with self._store.write() as unit:
                done = self._step(unit, int(task.subject), after)
            if done is None:
                return None
            after = done
        return timedelta(0)

    def _step(self, unit: Unit, import_id: int, after: int) -> int | None:
        """Take out some of those behind a row; up to which row, or None: nothing is left to do."""
        one = state_of(unit, import_id)
        if one is None or one.state != "undoing":
            return None
        rows = rows_of(unit.connection, import_id, ("taken",), after, SLICE)
        if not rows:
            set_state(unit, import_id, "undone", finished_at=unit.now)
            return None
        tree = self._network.tree()
        for row in rows:
            self._take_out(unit, tree, import_id, row, one.columns.get("undone_by", one.by_name))
        return rows[-1].number

    def _take_out(self, unit: Unit, tree: Tree, import_id: int, row: KeptRow, by_name: str) -> None:
        assert row.household_id is not None
        lock_household(unit, row.household_id)
        since = had_since(unit.connection, row.household_id, told_key(import_id, row.number))
        if since is not None:
            told = [*(each.kept() for each in row.told), Told(since, warns=True).kept()]
            set_row(unit, import_id, row.number, state="kept", faults=told)
            return
        _leave_as_never_joined(unit, tree, self._chart, row.household_id, by_name)
        set_row(unit, import_id, row.number, state="undone")


def _leave_as_never_joined(unit: Unit, tree: Tree, chart: Chart, household_id: int, by_name: str) -> None:
    one = by_id(unit.connection, tree, household_id)
    joined_on = unit.connection.scalar(
        select(membership.c.starts_on).where(membership.c.household_id == household_id).limit(1)
    )
    # Before the year began: it counts as none, and all of its dues are cancelled.
    if joined_on is not None:
        end_years(unit, tree, chart, one, joined_on - timedelta(days=1), "import", By(None, name=by_name))
    today = day_in(one.time_zone, unit.now)
    gone = {"left_on": today, "left_because": "import"}
    unit.connection.execute(update(beneficiary).where(beneficiary.c.household_id == household_id).values(gone))
    unit.connection.execute(delete(phone).where(phone.c.household_id == household_id))
    drop_sounds(unit, household_id)
    unit.connection.execute(delete(old_number).where(old_number.c.household_id == household_id))


def had_since(connection: Connection, household_id: int, own_message: str) -> str | None:
    """What a household has had since it was registered, besides the message with a key, as a text; None: nothing."""
    found = connection.scalar(_had(household_id, own_message).limit(1))
    return _WHY[found] if found is not None else None


_WHY = {
    "money": mark("kept: there is a payment, or somebody has tried to pay"),
    "care": mark("kept: a visit or a request of theirs is known"),
    "change": mark("kept: the household has been changed since"),
    "message": mark("kept: it has been written to since"),
}


def _had(household_id: int, own_message: str) -> Select[Any]:
    own_dues = select(entry.c.id).join(
        membership, (membership.c.household_id == household_id) & (entry.c.key == _dues_key())
    )
    others = select(line.c.id).where(line.c.household_id == household_id, line.c.entry_id.not_in(own_dues))
    invoiced = (
        select(line.c.id)
        .join(subsidy_invoice_line, subsidy_invoice_line.c.line_id == line.c.id)
        .where(line.c.household_id == household_id)
    )
    more_years = (
        select(membership.c.id).where(membership.c.household_id == household_id).order_by(membership.c.id).offset(1)
    )
    has_pin = select(pin.c.holder).where(pin.c.holder == f"h:{household_id}")
    merged = select(household.c.id).where(household.c.id == household_id, household.c.merged_into_id.is_not(None))
    written_to = select(message.c.id).where(message.c.household_id == household_id, message.c.key != own_message)
    what = [
        ("money", [others, invoiced, *(_any(one, household_id) for one in (collection, declaration, assignment))]),
        ("care", [_any(one, household_id) for one in (visit, request)]),
        (
            "change",
            [
                more_years, has_pin, merged,
                *(
                    _any(one, household_id)
                    for one in (household_change, household_category, payer_group_member, card_alias)
                ),
            ],
        ),
        ("message", [written_to]),
    ]  # fmt: skip
    parts = [
        select(literal(name).label("what"), literal(place).label("place")).where(or_(*(exists(one) for one in asked)))
        for place, (name, asked) in enumerate(what)
    ]
    rows = union_all(*parts).subquery()
    return select(rows.c.what).order_by(rows.c.place)


def _any(table: Table, household_id: int) -> Select[tuple[int]]:
    return select(table.c.household_id).where(table.c.household_id == household_id)


def _dues_key() -> ColumnElement[str]:
    """As :func:`gateway.membership.charging.enrol` names the entry of a year's dues."""
    return literal("dues:") + cast(membership.c.id, String)
