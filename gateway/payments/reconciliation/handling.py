"""The work on a file that was handed in: read to its end and told, or taken in and reconciled, as its state asks.

What can't be read is told row by row, with the cells as they are written.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select, update

from gateway.kernel.faults import Fault, Unavailable
from gateway.kernel.masking import mask_number, mask_text
from gateway.ledger.chart import Chart
from gateway.locale import mark
from gateway.network.organisations import Tree
from gateway.payments.reconciliation.differences.listing import open_by_kind
from gateway.payments.reconciliation.handed_in import SMALL_BYTES, How, State, Upload, upload_with
from gateway.payments.reconciliation.kept import left_of
from gateway.payments.reconciliation.running import reconcile
from gateway.payments.reconciliation.taking_in import Again, Told, look_into, take_in
from gateway.payments.reconciliation.wallets import Wallet, wallet_with, wallets
from gateway.payments.statements.formats.headings import find_table
from gateway.payments.statements.formats.layouts import layouts_of
from gateway.payments.statements.hints import Hints
from gateway.payments.statements.lines import BadStatement
from gateway.payments.statements.profiles import profile_named, profiles
from gateway.payments.statements.raw import first_rows, raw_row, without_rows
from gateway.payments.statements.reading import NO_HEADINGS, read_statement
from gateway.store import outbox
from gateway.store.outbox import Task
from gateway.store.schema import statement_upload
from gateway.store.unit import Store

_TELL_EVERY_S = 1.5
MOST_FAULTS = 8
_CELL_CHARACTERS = 60
WHOSE = mark("nothing in the file says whose statement it is: choose the wallet")


class Work:
    """Reads and takes in files, one step at a time."""

    def __init__(self, store: Store, tree: Tree, chart: Chart) -> None:
        self._store, self._tree, self._chart = store, tree, chart

    def match(self, wallet_id: int, task: Task) -> None:
        """Match what is left of a wallet's statements."""
        with self._store.read() as connection:
            one = wallet_with(connection, wallet_id)
        telling = _Telling(self._store, None, task)
        reconcile(self._store, self._tree, self._chart, one, lambda _, now, __: telling(now))

    def go_on(self, its_id: int, task: Task | None = None) -> None:
        """Do what is to be done next with a file; nothing where that is a person's."""
        with self._store.read() as connection:
            one = upload_with(connection, its_id)
            if one is None or one.state not in ("new", "asked"):
                return
            content = connection.scalar(select(statement_upload.c.content).where(statement_upload.c.id == its_id))
        telling = _Telling(self._store, its_id, task)
        with _on_disk(one.file_name, content or b"") as path:
            try:
                work = self._looked if one.state == "new" else self._taken
                to, found, values = work(one, path, telling)
            except BadStatement as wrong:
                to, found, values = "wrong", {"faults": self._faults(one, path, wrong)}, {}
            except Unavailable:
                raise
            except Fault as fault:
                to, found, values = "wrong", {"faults": [{"why": fault.source, "values": _plain(fault.values)}]}, {}
        ends = {"content": None, "finished_at": self._store.clock.now()} if to == "taken" else {}
        # Whoever was slower, or came after it was dropped, changes nothing.
        own = (statement_upload.c.id == its_id) & (statement_upload.c.state == one.state)
        with self._store.write() as unit:
            unit.connection.execute(update(statement_upload).where(own).values(state=to, found=found, **values, **ends))

    # --- looking

    def _looked(self, one: Upload, path: Path, telling: _Telling) -> tuple[State, dict[str, Any], dict[str, Any]]:
        with self._store.read() as connection:
            if one.wallet_id is not None:
                whose: Wallet | None = wallet_with(connection, one.wallet_id)
            else:
                whose = recognised(connection, self._tree, one.organisation_id, path)
            if whose is None:
                return "wrong", {"faults": [{"why": WHOSE, "values": {}}], "whose": True}, {}
            hints = self._hints(connection, self._tree, whose, one.how)
        if one.wallet_id is None:  # known also where the file then can't be read
            with self._store.write() as unit:
                its = update(statement_upload).where(statement_upload.c.id == one.id, statement_upload.c.state == "new")
                unit.connection.execute(its.values(wallet_id=whose.id))
        told = look_into(self._store, self._tree, whose, path, hints, telling, one.how.days)
        return "read", _told(told, whose.currency), {"wallet_id": whose.id, "done": told.lines}

    @staticmethod
    def _hints(connection: Connection, tree: Tree, whose: Wallet, how: How) -> Hints:
        chosen = profile_named(connection, how.profile) if how.profile else None
        known = tuple(mapping for _, mapping in profiles(connection))
        place = tree[whose.organisation_id]
        dates: Any = how.dates
        return Hints(whose.currency, place.country, place.time_zone, profile=chosen, date_order=dates, known=known)

    def _faults(self, one: Upload, path: Path, wrong: BadStatement) -> list[dict[str, Any]]:
        """What can't be read, row by row: where one row alone is wrong, what is wrong with the others is told too."""
        found = [_fault(path, wrong)]
        if wrong.row is None or wrong.column is None or one.size > SMALL_BYTES:
            return found
        with self._store.read() as connection:
            now = upload_with(connection, one.id)
            if now is None or now.wallet_id is None:
                return found
            whose = wallet_with(connection, now.wallet_id)
            hints = self._hints(connection, self._tree, whose, one.how)
        rows, column = [wrong.row], wrong.column
        with tempfile.TemporaryDirectory(prefix="cotisa-statement-") as folder:
            while len(found) < MOST_FAULTS:
                with without_rows(path, rows, Path(folder)) as copy:
                    if copy is None:
                        break
                    try:
                        for _ in read_statement(copy, whose.operator, hints).lines:
                            pass
                        break
                    except BadStatement as next_one:
                        # Without a row the balance leads no more from one line to the next: that says nothing.
                        if next_one.row is None or next_one.row in rows or next_one.column != column:
                            break
                        rows.append(next_one.row)
                        found.append(_fault(path, next_one))
        return found

    # --- taking in

    def _taken(self, one: Upload, path: Path, telling: _Telling) -> tuple[State, dict[str, Any], dict[str, Any]]:
        assert one.wallet_id is not None, one.id
        with self._store.read() as connection:
            whose = wallet_with(connection, one.wallet_id)
            hints = self._hints(connection, self._tree, whose, one.how)
            known = open_by_kind(connection, [whose.id]).get(whose.id, {})
        done = take_in(self._store, self._tree, whose, path, hints, one.by_name, telling, one.how.days)
        kept = done.statement if isinstance(done, Again) else done
        report = reconcile(self._store, self._tree, self._chart, whose, lambda _, now, __: telling(now))
        with self._store.read() as connection:
            now = open_by_kind(connection, [whose.id]).get(whose.id, {})
            left = left_of(connection, kept.id)
        found = {
            "again": isinstance(done, Again),
            "lines": kept.lines,
            "repeated": kept.repeated,
            "matched": kept.lines - left,
            "hows": {str(how): count for how, count in report.matched.items()},
            "gone": report.gone,
            "currency": whose.currency,
            "open": now,
            "before": known,
        }
        return "taken", found, {"statement_id": kept.id}


class _Telling:
    """Writes down now and then how far the work is, and keeps its claim meanwhile."""

    def __init__(self, store: Store, its_id: int | None, task: Task | None) -> None:
        self._store, self._its_id, self._task = store, its_id, task
        self._told = time.monotonic()

    def __call__(self, done: int) -> None:
        if time.monotonic() - self._told < _TELL_EVERY_S:
            return
        self._told = time.monotonic()
        with self._store.write() as unit:
            if self._its_id is not None:
                own = update(statement_upload).where(statement_upload.c.id == self._its_id)
                unit.connection.execute(own.values(done=done))
            if self._task is not None:
                outbox.hold(unit, self._task)


@contextmanager
def _on_disk(name: str, content: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cotisa-statement-") as folder:
        path = Path(folder) / (Path(name).name or "statement")
        path.write_bytes(content)
        yield path


def recognised(connection: Connection, tree: Tree, organisation_id: int, path: Path) -> Wallet | None:
    """The wallet below an organisation whose statement a file is, by its headings or by the account that it names."""
    own = wallets(connection, tree, tree[organisation_id].path)
    if len(own) == 1:
        return own[0]
    head = first_rows(path)
    words = {_only_letters(cell) for row in head for cell in row}
    by_account = [one for one in own if one.account and _only_letters(one.account) in words]
    if len(by_account) == 1:
        return by_account[0]
    known = {one.operator: False for one in own}
    for operator in known:
        layouts = {each.name for each in layouts_of(operator)[:-1]}
        place = tree[organisation_id]
        try:
            table = find_table(head, operator, Hints(place.currency, place.country, place.time_zone))
        except BadStatement:
            continue
        known[operator] = table is not None and table.layout.name in layouts
    fit = [one for one in own if known[one.operator]]
    return fit[0] if len(fit) == 1 else None


def _only_letters(cell: str) -> str:
    return "".join(letter for letter in cell if letter.isalnum()).upper()


# --- as it is kept ----------------------------------------------------------------------------------------------------


def _told(told: Told, currency: str) -> dict[str, Any]:
    heading = told.heading
    return {
        "format": heading.format,
        "account": heading.account,
        "currency": currency,
        "opening": heading.opening_minor,
        "closing": heading.closing_minor,
        "lines": told.lines,
        "repeated": told.repeated,
        "from": told.from_at.isoformat(),
        "until": told.until_at.isoformat(),
        "moved": [[each.kind, each.count, each.in_minor, each.out_minor] for each in told.moved],
        "fees": told.fee_minor,
        "known": told.known.id if told.known is not None else None,
        "first": [
            {
                "line": row["line"],
                "at": row["at"].isoformat(),
                "kind": row["kind"],
                "amount": row["amount"],
                "fee": row["fee"],
                "number": row["operator_id"],
                "reference": row["reference"],
                "payer": mask_number(row["payer"]) if row["payer"] else None,
            }
            for row in told.first.iter_rows(named=True)
        ],
    }


def _fault(path: Path, wrong: BadStatement) -> dict[str, Any]:
    cells = raw_row(path, wrong.row) if wrong.row else []
    return {
        "why": wrong.source,
        "values": _plain(wrong.values),
        "row": wrong.row,
        "column": wrong.column,
        "cells": [mask_text(cell[:_CELL_CHARACTERS]) for cell in cells],
        "headings": wrong.source == NO_HEADINGS,
    }


def _plain(values: dict[str, object]) -> dict[str, str | int]:
    return {name: value if isinstance(value, int) else str(value) for name, value in values.items()}
