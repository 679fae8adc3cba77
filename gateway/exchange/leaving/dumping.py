"""A place's data into one zip of CSV files, as it stood at one moment, in bounded memory; a manifest says what it is.

The zip belongs to its owner alone, and it appears under its name only once it is whole. That it was made is traced.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection

from gateway.exchange.leaving.cells import kind_of, show_cell
from gateway.exchange.leaving.scope import Scope, rows_of, scope_of
from gateway.exchange.leaving.tables import DUMPED, columns_of, file_of, table_of
from gateway.kernel.faults import Fault
from gateway.ledger.exports import whole
from gateway.network.organisations import Defaults, tree_in
from gateway.store import migrate
from gateway.store.tracing import Doer, trace
from gateway.store.unit import Store, telling_unavailable

FORMAT, VERSION = "cotisa dump", 1
MANIFEST = "manifest.json"
_ROWS = 2_000
_UNDECIDED = ("created", "sending", "pending", "unclear")
_DATE = (1980, 1, 1, 0, 0, 0)  # of each file in the zip: two dumps of the same data are the same files


@dataclass
class Sums:
    """What must come out the same where a dump is taken in: by currency, in minor units."""

    debits: Counter[str] = field(default_factory=Counter)  # of all lines of the ledger
    paid: Counter[str] = field(default_factory=Counter)  # by payments that stand as paid
    _currencies: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, row: dict[str, str]) -> None:
        """Count a row, given as the cells of its file; raises ``ValueError`` or ``KeyError`` for what is no row."""
        if name == "account":
            self._currencies[row["id"]] = row["currency"]
        elif name == "line" and not row["amount_minor"].startswith("-"):
            self.debits[self._currencies[row["account_id"]]] += int(row["amount_minor"])
        elif name == "collection" and row["state"] == "paid":
            self.paid[row["paid_currency"] or row["currency"]] += int(row["paid_minor"] or row["amount_minor"])

    def shown(self) -> dict[str, dict[str, int]]:
        return {
            code: {"debits": self.debits[code], "paid": self.paid[code]} for code in sorted({*self.debits, *self.paid})
        }


COUNTED = {"account", "line", "collection"}


@dataclass(frozen=True)
class Dumped:
    """A dump that was written: how many rows each file has, and how many payments are still undecided."""

    rows: dict[str, int]
    undecided: int


def dump(
    store: Store, defaults: Defaults, code: str, to: Path, by: Doer, tell: Callable[[int], None] | None = None
) -> Dumped:
    """Write all that is a place's own into the zip ``to``, which mustn't be there yet.

    On PostgreSQL everything is read in one transaction (repeatable read), on SQLite in one reading. The act is traced
    before anything is read. ``tell`` is told of the rows written by now. Raises :class:`Fault`.
    """
    if to.exists():
        raise Fault(f"{to} is there already: name a file that isn't")
    if not to.parent.is_dir():
        raise Fault(f"{to.parent} is no folder")
    with store.write() as unit:
        place = tree_in(unit.connection, defaults).named(code)
        trace(unit, by=by, organisation_id=place.id, what="data.dumped", about=f"organisation:{place.id}", address="")
    with whole(to) as part, part.open("wb") as file, _snapshot(store) as connection:
        tree = tree_in(connection, defaults)
        scope = scope_of(connection, tree, tree.named(code))
        return _write(connection, scope, file, store.clock.now().isoformat(timespec="seconds"), tell)


@contextmanager
def _snapshot(store: Store) -> Iterator[Connection]:
    """A connection that sees the database as it was at one moment."""
    if not store.is_postgresql:
        with store.read() as connection:
            yield connection
        return
    with telling_unavailable(), store.engine.connect() as plain:
        connection = plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield connection


def _write(
    connection: Connection, scope: Scope, file: IO[bytes], made_at: str, tell: Callable[[int], None] | None
) -> Dumped:
    files: dict[str, dict[str, Any]] = {}
    sums, undecided, written = Sums(), 0, 0
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=5) as archive:
        for name in DUMPED:
            columns = columns_of(table_of(name))
            heads, json_cells = [one.name for one in columns], [kind_of(one) == "JSON" for one in columns]
            digest, rows = hashlib.sha256(), 0
            result = connection.execution_options(stream_results=True, yield_per=_ROWS).execute(rows_of(scope, name))
            with archive.open(_entry(file_of(name)), "w", force_zip64=True) as part:
                for many in _batches([heads], result.partitions(_ROWS)):
                    text = io.StringIO()
                    cells = many if many == [heads] else [list(map(show_cell, row, json_cells)) for row in many]
                    csv.writer(text, lineterminator="\r\n").writerows(cells)
                    content = text.getvalue().encode()
                    digest.update(content)
                    part.write(content)
                    if many == [heads]:
                        continue
                    rows += len(many)
                    written += len(many)
                    if name in COUNTED:
                        for row in cells:
                            one = dict(zip(heads, row, strict=True))
                            sums.add(name, one)
                            undecided += name == "collection" and one["state"] in _UNDECIDED
                    if tell is not None:
                        tell(written)
            files[file_of(name)] = {"rows": rows, "sha256": digest.hexdigest()}
        manifest = {
            "format": FORMAT, "version": VERSION, "schema": migrate.newest(), "made_at": made_at,
            "place": {"code": scope.place.code, "name": scope.place.name}, "whole": scope.whole,
            "files": files, "sums": sums.shown(), "undecided": undecided,
        }  # fmt: skip
        archive.writestr(_entry(MANIFEST), json.dumps(manifest, ensure_ascii=False, indent=2))
    return Dumped({name: one["rows"] for name, one in files.items()}, undecided)


def _batches(heads: list[list[str]], parts: Iterator[Any]) -> Iterator[list[Any]]:
    yield heads
    for part in parts:
        yield list(part)


def _entry(name: str) -> zipfile.ZipInfo:
    one = zipfile.ZipInfo(name, _DATE)
    one.compress_type, one.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
    return one
