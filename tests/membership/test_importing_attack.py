"""Registers that somebody sends to do harm, or twice at once: refused in plain words, within time and memory."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile
from typing import Any

import pytest
from openpyxl import Workbook

from gateway.kernel.faults import Fault, Unavailable
from gateway.ledger.accounts import first_difference
from gateway.ledger.chart import Chart
from gateway.locale import Say
from gateway.membership.importing import keeping
from gateway.membership.importing.taking import Taking
from gateway.membership.importing.undoing import Undoing
from gateway.payments.cash import CashRecorded
from gateway.sms.newcomers import Welcome
from gateway.store.outbox import Task
from gateway.store.schema import household
from tests.membership.test_importing import SMALL, check, count, keep, read, rows, shown, take_in, work
from tests.payments.village import ON_SQLITE, Village, at_once

SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
HEADS = "Famille;Nom;Sexe;Naissance;Lien\n"


def workbook(rows: list[list[Any]]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    found = io.BytesIO()
    book.save(found)
    return found.getvalue()


def bomb(unpacked: int, says: int | None = None) -> bytes:
    """A workbook whose sheet unpacks to so many bytes."""
    made = io.BytesIO(workbook([["nom"]]))
    out = io.BytesIO()
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            if part == "xl/worksheets/sheet1.xml":
                cell = b'<row r="1"><c r="A1" t="inlineStr"><is><t>x</t></is></c></row>'
                new.writestr(part, SHEET + cell + b" " * unpacked + b"</sheetData></worksheet>")
            else:
                new.writestr(part, old.read(part))
    return out.getvalue()


def far_cell(place: str) -> bytes:
    book = Workbook()
    book.active["A1"] = "nom"  # type: ignore[index]
    book.active[place] = "x"  # type: ignore[index]
    found = io.BytesIO()
    book.save(found)
    return found.getvalue()


def entity() -> bytes:
    made = io.BytesIO(workbook([["nom"]]))
    out = io.BytesIO()
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            content = old.read(part)
            if part == "xl/worksheets/sheet1.xml":
                more = (f'<!ENTITY a{n} "{f"&a{n - 1};" * 100}">' for n in range(1, 8))
                doctype = f'<!DOCTYPE x [<!ENTITY a0 "{"a" * 1000}">{"".join(more)}]>'
                row = b'<row r="1"><c r="A1" t="inlineStr"><is><t>&a7;</t></is></c></row>'
                content = b'<?xml version="1.0"?>' + doctype.encode() + SHEET + row + b"</sheetData></worksheet>"
            new.writestr(part, content)
    return out.getvalue()


HARM: dict[str, Any] = {
    "nothing": b"",
    "nul": b"\x00" * 1_000,
    "nul in a cell": (HEADS + "1;Ad\x00jara;F;1991;chef\n").encode(),
    "one column": b"nom\n" + b"x\n" * 1_000,
    "ten thousand columns": (";".join(f"c{n}" for n in range(10_000)) + "\n1\n").encode(),
    "a row of ten thousand": (HEADS + ";".join(["1"] * 10_000) + "\n").encode(),
    "one long line": b"a" * 9_000_000,
    "an open quote": (HEADS + '1;"Adjara').encode(),
    "bad utf-8": HEADS.encode() + b"1;\xff\xfe\x80;F;1991;chef\n",
    "utf-16 surrogates": (HEADS + "1;A;F;1991;chef\n").encode("utf-16-le") + b"\x00\xd8",
    "separators alone": b";" * 500_000,
    "lines alone": b"\n" * 5_000_000,
    "bomb": lambda: bomb(400_000_000),
    "far cell": lambda: far_cell("XFD1048576"),
    "entities": entity,
    "a zip": lambda: bomb(10)[:-30],
    "no workbook": b"PK\x03\x04" + b"x" * 100,
    "turned round": (HEADS + "1;\u202eAdjara;F;1991;chef\n").encode(),
    "a formula": (HEADS + "1;=cmd|' /C calc'!A0;F;1991;chef\n").encode(),
    "a huge year": (HEADS + "1;Adjara Bio;F;" + "9" * 190 + ";chef\n2;Adjara Bio;F;99999-01-01;chef\n").encode(),
    "a huge age": b"Nom;Sexe;Age;Lien\nAdjara Bio;F;999;chef\nA B;F;-1;chef\n",
    "braces": (HEADS + "{row};{name!r:>99999};{0};{};{said}\n").encode(),
}


@pytest.mark.parametrize("what", HARM, ids=str)
@ON_SQLITE
def test_no_file_does_harm(village: Village, what: str) -> None:
    content = HARM[what]() if callable(HARM[what]) else HARM[what]
    tracemalloc.start()
    begun = time.monotonic()
    try:
        checked, _ = check(village, content)
    except Fault as fault:
        fault.said(Say("fr"))
    else:
        assert all(one.state == "wrong" for one in checked)
        for each in checked:
            for line in each.told:
                assert line.said(Say("fr"))
                assert line.said(Say("en"))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.monotonic() - begun < 30
    assert most < 300 * 2**20


@pytest.mark.parametrize("cell", ["\u202eAdjara", "\ufeffBio", "x" * 200, "\U0010ffff", "\x1b[31m", "\x7f"], ids=ascii)
def test_what_stands_in_a_cell_can_be_kept(village: Village, cell: str) -> None:
    """Whatever is wrong with a row, the import is kept and shown: PostgreSQL refuses some letters in a text."""
    its_id = keep(village, HEADS + f"{cell};{cell};{cell};{cell};{cell}\n2;Bio Sarre;M;1970;chef\n")
    assert shown(village, its_id).counts == {"wrong": 1, "good": 1}
    for row in rows(village, its_id):
        for each in row.told:
            each.said(Say("fr"))
    with village.store.read() as connection:
        sheet = keeping.wrong_rows(connection, shown(village, its_id), Say("fr"))
        assert len(list(sheet.rows)) == 1


@pytest.mark.parametrize("cell", ["_x0000_", "a_x0000_b", "_xD800_", "_xDFFF_x", "&#x1;", "&#xD800;"])
def test_no_escape_of_a_workbook_reaches_the_database(village: Village, cell: str) -> None:
    made, out = (
        io.BytesIO(workbook([["Famille", "Nom", "Sexe", "Naissance", "Lien"], [1, "CELL", "F", 1991, "chef"]])),
        io.BytesIO(),
    )
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            new.writestr(part, old.read(part).replace(b"CELL", cell.encode()))
    try:
        checked, _ = check(village, out.getvalue())
        file = read(out.getvalue())
    except Fault:
        return
    with village.store.write() as unit:
        keeping.keep(unit, village.place.books, "a\x00.xlsx".replace("\x00", ""), b"x", file, checked, "Bio Sarre")


def test_a_heading_can_be_anything(village: Village) -> None:
    head = "Famille;Nom;Sexe;Naissance;Lien;" + ";".join(["{x}", "\u202e", "=1+1", "é" * 300])
    its_id = keep(village, head + "\n1;Bio Sarre;M;1970;chef;a;b;c;d;e\n")
    assert shown(village, its_id).counts == {"good": 1}


def test_the_same_file_started_twice_at_once_registers_nobody_twice(village: Village) -> None:
    """Two people hand the same register in, and both start it at one moment."""
    people = "".join(f"{n};Bio {'abcdefghij'[n]}arre;M;19{70 + n};chef;{phone};;\n" for n, phone in enumerate(
        ["", "0197000011", "", "0197000012", "", "0197000013", "", "0197000014", "", ""]))  # fmt: skip
    text = SMALL.splitlines()[0] + "\n" + people
    ids = [keep(village, text), keep(village, text)]
    for its_id in ids:
        with village.store.write() as unit:
            keeping.start(unit, its_id, tells=False)
    left = iter(ids)
    one = Taking(village.store, village.network, Chart(), Welcome(village.clock))

    def take() -> object:
        task = Task(1, keeping.IMPORT, str(next(left)), 1, 0)
        try:
            return one(task)
        except Unavailable as down:
            return down

    at_once(2, take)
    work(village)
    assert count(village, household) == 10
    assert [shown(village, its_id).state for its_id in ids] == ["done", "done"]
    counts = [shown(village, its_id).counts for its_id in ids]
    assert sum(each.get("taken", 0) for each in counts) == 10


def test_started_twice_at_once_it_starts_once(village: Village) -> None:
    its_id = keep(village, SMALL)

    def start() -> object:
        try:
            with village.store.write() as unit:
                return keeping.start(unit, its_id, tells=False)
        except (Fault, Unavailable) as wrong:
            return wrong

    found = at_once(4, start)
    assert sum(isinstance(each, keeping.Import) for each in found) == 1


def test_cash_that_comes_while_an_import_is_undone_is_never_lost(village: Village) -> None:
    its_id = take_in(village)
    its = rows(village, its_id)[0].household_id or 0
    with village.store.write() as unit:
        keeping.undo(unit, its_id, "Bio Sarre")
    undoing = Undoing(village.store, village.network, Chart())
    acts = iter(["undo", "pay"] * 2)

    def act() -> object:
        try:
            if next(acts) == "undo":
                return undoing(Task(1, keeping.UNDO, str(its_id), 1, 0))
            return village.try_cash(its, village.treasurer, 500)
        except (Fault, Unavailable) as wrong:
            return wrong

    found = at_once(4, act)
    work(village)
    paid = [each for each in found if isinstance(each, CashRecorded)]
    [row] = [row for row in rows(village, its_id) if row.household_id == its]
    stands = village.stands(its)
    if row.state == "undone":  # what came afterwards stands as what is theirs
        assert stands.advance.minor == 500 * len(paid)
    else:
        assert row.state == "kept"
        assert paid
    with village.store.read() as connection:
        assert first_difference(connection) is None
