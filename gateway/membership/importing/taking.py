"""Takes a register in, some households at a time: each once, whoever is killed in the middle.

A household is registered in the same transaction that writes what became of its row. It joins as a newcomer on the day
on which it is taken in, by the rules of its plan, as if it had registered that day.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol

from sqlalchemy import select

from gateway.kernel.card import show_card
from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.ledger.chart import Chart
from gateway.locale import mark
from gateway.membership.consents import Agreed
from gateway.membership.households import NotTaken, Registered, register
from gateway.membership.importing.checking import Told
from gateway.membership.importing.keeping import KeptRow, rows_of, set_row, set_state, state_of
from gateway.membership.old_numbers import add_old_number, key_of
from gateway.membership.people import Person
from gateway.membership.plans import Plan, read_plan
from gateway.network.organisations import Network, Organisation, Tree
from gateway.store.if_new import if_new
from gateway.store.outbox import Task
from gateway.store.schema import phone, plan
from gateway.store.turn import take_turn
from gateway.store.unit import Store, Unit

SLICE = 25  # households in one transaction: nobody waits long for what it has locked
WORK_FOR_S = 20.0  # then the work is given back, and goes on at once where nothing is more urgent

_PHONE = if_new(phone, "msisdn", "household_id")


@dataclass(frozen=True)
class Newcomer:
    """A household that a register brought, as it is told of it; ``key`` makes that single."""

    household_id: int
    card: str
    section_id: int
    head: str
    msisdn: str
    language: str | None
    total: Money
    first: Money
    key: str


class Tells(Protocol):
    """Tells households that they are registered."""

    def wait(self, place: Organisation) -> timedelta:
        """How long nobody there may be written to; zero for not at all."""

    def tell(self, unit: Unit, tree: Tree, one: Newcomer) -> None:
        """Write to a household, in the caller's transaction."""


def told_key(import_id: int, number: int) -> str:
    """The key of the message that tells a household of an import of its card."""
    return f"import:{import_id}:{number}"


class Taking:
    """The outbox's handler for ``register.import``; the task's subject is the import's id."""

    def __init__(self, store: Store, network: Network, chart: Chart, tells: Tells) -> None:
        self._store, self._network, self._chart, self._tells = store, network, chart, tells

    def __call__(self, task: Task) -> timedelta | None:
        begun, after = time.monotonic(), 0
        while time.monotonic() - begun < WORK_FOR_S:
            with self._store.write() as unit:
                done = self._step(unit, int(task.subject), after)
            if not isinstance(done, int):
                return done
            after = done
        return timedelta(0)

    def _step(self, unit: Unit, import_id: int, after: int) -> int | timedelta | None:
        """Take in some of those behind a row; up to which row, or how long to wait, or None: nothing is left to do."""
        # The same families may stand in two registers: of two slices the second finds whom the first has registered.
        take_turn(unit, "registers taken in")
        one = state_of(unit, import_id)
        if one is None or one.state != "running":
            return None
        tree = self._network.tree()
        tells = bool(one.columns.get("tells"))
        quiet = self._tells.wait(tree[one.organisation_id]) if tells else timedelta(0)
        if quiet:
            return quiet
        rows = rows_of(unit.connection, import_id, ("good",), after, SLICE)
        if not rows:
            set_state(unit, import_id, "done", finished_at=unit.now)
            return None
        ids = {row.content["plan_id"] for row in rows}
        plans = {row.id: read_plan(row) for row in unit.connection.execute(select(plan).where(plan.c.id.in_(ids)))}
        for row in rows:
            self._take(unit, tree, import_id, row, plans[row.content["plan_id"]], tells)
        return rows[-1].number

    def _take(self, unit: Unit, tree: Tree, import_id: int, row: KeptRow, its_plan: Plan, tells: bool) -> None:
        its = row.content
        people = [Person(**one) for one in its["people"]]
        phones, section_id = its["phones"], its["section_id"]
        first_phone = phones[0] if phones else None
        try:
            made = register(
                unit, tree, self._chart, section_id, its_plan, people, first_phone, its["language"], Agreed("import")
            )  # fmt: skip
        except NotTaken as why:
            told = Told(mark("the plan {name} takes no such household now"), {"name": its_plan.name})
            if why.opens_on is not None:
                values = {"name": its_plan.name, "day": why.opens_on.isoformat()}
                told = Told(mark("the plan {name} takes newcomers again on {day}"), values)
            set_row(unit, import_id, row.number, state="wrong", faults=_and(row, told))
            return
        row = _with_old_number(unit, tree, row, made)
        if made.known:
            told = Told(mark("registered already: card {card}"), {"card": show_card(made.card)}, warns=True)
            set_row(
                unit, import_id, row.number, state="known", household_id=made.household_id, faults=_and(row, told)
            )  # fmt: skip
            return
        for other in phones[1:]:
            another = {"msisdn": other, "household_id": made.household_id, "main": False}
            unit.connection.execute(_PHONE[unit.connection.dialect.name], another)
        faults = [one.kept() for one in row.told]
        set_row(unit, import_id, row.number, state="taken", household_id=made.household_id, faults=faults)
        if tells and first_phone:
            self._tells.tell(unit, tree, _newcomer(import_id, row, made, its, people[0].name, first_phone))


def _with_old_number(unit: Unit, tree: Tree, row: KeptRow, made: Registered) -> KeptRow:
    """The household is found by the number that it had before; what is no number, or another's, is told."""
    written = row.content.get("reference", "")
    if not key_of(written):
        return row
    try:
        add_old_number(unit, tree, made.household_id, row.content["section_id"], written, None)
    except Fault:
        told = Told(mark("the old number {number} is another household's"), {"number": written}, warns=True)
        return replace(row, told=(*row.told, told))
    return row


def _and(row: KeptRow, told: Told) -> list[dict[str, Any]]:
    return [*(one.kept() for one in row.told), told.kept()]


def _newcomer(
    import_id: int, row: KeptRow, made: Registered, its: Mapping[str, Any], head: str, msisdn: str
) -> Newcomer:
    return Newcomer(
        made.household_id,
        made.card,
        its["section_id"],
        head,
        msisdn,
        its["language"],
        made.total,
        made.first,
        told_key(import_id, row.number),
    )
