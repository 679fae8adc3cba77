"""Files that are no tables, MT940 and CAMT.053: read to the last entry, or refused in one line."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.payments.statements import files
from gateway.payments.statements.lines import BadStatement
from gateway.payments.statements.reading import read_statement
from tests.payments.statements.specimens import (
    BENIN,
    CAMT,
    DOLLARS,
    MT940,
    MTN,
    PAWAPAY,
    Refused,
    Specimen,
    archive,
    check,
    csv,
    xlsx,
)
from tests.payments.statements.test_statement_tables import PAWAPAY_LINES

MT940_LINES = (
    {
        "line": 5, "at": "2026-09-13 23:00:00", "kind": "sweep", "amount": 1250000, "operator_id": "BK001",
        "our_id": None, "said": "REVERSEMENT MTN MOMO", "balance": None, "fee": 0,
    },
    {"line": 7, "kind": "fee", "amount": -2500, "operator_id": "BK002"},
    {"line": 9, "kind": "other", "amount": 7500, "our_id": "REF9", "reference": "VIREMENT RECU KOFFI 100200301"},
    {"line": 12, "kind": "reversal", "amount": -7500},
)  # fmt: skip
MT940_HEADING = {
    "opening_minor": 500000,
    "closing_minor": 1747500,
    "account": "BJ0661001001000144390769",
    "format": "MT940",
}
NEXT = re.sub(r":61:2609(\d\d)09", r":61:2610\g<1>10", MT940).replace("BK00", "BK10")
NEXT = NEXT.replace("C260901XOF500000,", "C261001XOF1747500,").replace("C260930XOF1747500,", "C261031XOF2995000,")
SWIFT = "{1:F01BANKBJBJAXXX0000000000}{2:I940BANKBJBJXXXXN}{4:\n" + MT940.strip() + "}\n"

CAMT_LINES = (
    {
        "line": 1, "at": "2026-09-13 23:00:00", "kind": "sweep", "amount": 1250000, "operator_id": "BK001",
        "our_id": "E2E1", "said": "REVERSEMENT MTN MOMO",
    },
    {"line": 2, "kind": "fee", "amount": -2500, "operator_id": "BK002", "our_id": None, "said": "FRAIS"},
    {
        "line": 3, "at": "2026-09-15 09:00:00", "kind": "payment", "amount": 5000, "operator_id": "BK003A",
        "our_id": None, "reference": "cotisation 100200300",
    },
    {"line": 4, "kind": "payment", "amount": 2500, "operator_id": "BK0032", "our_id": "E2E3"},
)  # fmt: skip
CAMT_HEADING = {"opening_minor": 500000, "closing_minor": 1755000, "account": "BJ0661001001000144390769"}
WHOLE_THIRD = {"line": 3, "kind": "payment", "amount": 7500, "operator_id": "BK003", "our_id": None}


def camt(*changes: tuple[str, str], times: int = 1) -> bytes:
    text = CAMT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, times)
    return text.encode()


def mt940(*changes: tuple[str, str]) -> bytes:
    text = MT940
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text.encode()


BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;">]>
<Document><BkToCstmrStmt><Stmt><Id>&b;</Id></Stmt></BkToCstmrStmt></Document>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Document>&a;</Document>"""
FAR = '<row r="1048576"><c r="XFD1048576" t="n"><v>1</v></c></row></sheetData>'


def spread(book: bytes) -> bytes:
    """A workbook with one more cell, as far away as a sheet has any."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as given, zipfile.ZipFile(out, "w") as made:
        for name in given.namelist():
            content = given.read(name)
            if name.startswith("xl/worksheets/"):
                content = content.replace(b"</sheetData>", FAR.encode())
            made.writestr(name, content)
    return out.getvalue()


SPECIMENS = [
    # --- files
    Specimen("packed", gzip.compress(csv(PAWAPAY)), PAWAPAY_LINES, "pawapay"),
    Specimen(
        "packed and cut", gzip.compress(csv(PAWAPAY))[:-9], Refused("the packed file is cut or damaged"), "pawapay"
    ),
    Specimen("packed and torn", b"\x1f\x8b" + b"\x00" * 40, Refused("the packed file is cut or damaged"), "pawapay"),
    Specimen("nothing", b"", Refused("the file is empty")),
    Specimen("blanks", b"\r\n \r\n", Refused("the file is empty")),
    Specimen("a PDF", b"%PDF-1.7\n...", Refused("this is a PDF")),
    Specimen("a picture", b"\x89PNG\r\n\x1a\n", Refused("this is a picture")),
    Specimen("a photograph", b"\xff\xd8\xff\xe0JFIF", Refused("this is a picture")),
    Specimen(
        "an old workbook", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 99, Refused("this is an old Excel workbook")
    ),
    Specimen("a web page", b"<!DOCTYPE html><html><body>Session expired</body></html>", Refused("this is a web page")),
    Specimen("a table that calls itself a workbook", b"<table><tr><td>Date</td></tr></table>", Refused("a web page")),
    Specimen("something else", bytes(range(256)) * 40, Refused("this is neither text nor a workbook")),
    Specimen("a packed archive", archive({"statement.csv": csv(MTN)}), Refused("this is a packed archive")),
    Specimen(
        "a damaged workbook",
        archive({"xl/workbook.xml": b""})[:-30] + b"PK\x05\x06" + b"\xff" * 26,
        Refused("the workbook is cut"),
    ),
    Specimen(
        "a file that begins like a workbook", b"PK\x03\x04" + b"\xff" * 400, Refused("the workbook is cut or damaged")
    ),
    Specimen("a workbook cut", xlsx(MTN)[:-200], Refused("the workbook is cut or damaged")),
    Specimen(
        "a workbook of nothing but its name",
        archive({"xl/workbook.xml": b"<workbook/>"}),
        Refused("the workbook can't be read"),
    ),
    Specimen(
        "a sheet with a cell far away",
        spread(xlsx(MTN)),
        Refused("the sheet is 16384 columns wide and 1048576 rows long"),
    ),
    Specimen("an empty workbook", xlsx([]), Refused("no row has the headings")),
    Specimen(
        "a letter cut in the middle", csv(MTN) + "é".encode()[:1], Refused("the file ends in the middle of a letter")
    ),
    Specimen("letters of no alphabet", csv(MTN).replace(b"Aline N", b"Al\xefne \x99"), [{}, {}, {}, {}]),
    # --- MT940
    Specimen("MT940", MT940.encode(), MT940_LINES, "bank", heading=MT940_HEADING),
    Specimen(
        "MT940 as the network wraps it",
        SWIFT.encode(),
        [{**one, "line": one["line"] + 1} for one in MT940_LINES],
        "bank",
        heading=MT940_HEADING,
    ),
    Specimen(
        "MT940 of two months",
        (MT940 + NEXT).encode(),
        [*MT940_LINES, {"line": 20}, {}, {}, {"operator_id": "BK104"}],
        "bank",
        heading={"opening_minor": 500000, "closing_minor": 2995000},
    ),
    Specimen(
        "MT940 of two months with a gap",
        (MT940 + NEXT.replace("XOF1747500", "XOF1747501")).encode(),
        Refused("lines are missing before this: 1747500 was left, and it begins with 1747501", 16),
        "bank",
    ),
    Specimen(
        "MT940 in dollars",
        MT940.replace("XOF", "USD").replace("0,", "0,00").encode(),
        [{"amount": 125000000}, {"amount": -250000}, {}, {}],
        "bank",
        DOLLARS,
    ),
    Specimen("MT940 in another currency", MT940.encode(), Refused("the currency is XOF", 5), "bank", DOLLARS),
    Specimen(
        "MT940 with centimes of francs",
        mt940(("C1250000,", "C1250000,50")),
        Refused("more decimals than XOF has", 5, "amount"),
        "bank",
    ),
    Specimen(
        "MT940 cut before its end",
        mt940((":62F:C260930XOF1747500,\n-\n", "")),
        Refused("(:62F:) isn't there", 1),
        "bank",
    ),
    Specimen(
        "MT940 without a line",
        mt940((":61:2609150915D2500,NCHGNONREF//BK002\n:86:FRAIS DE TENUE DE COMPTE\n", "")),
        Refused("lines are missing: from 500000 to 1747500 it goes by 1250000", 1),
        "bank",
    ),
    Specimen(
        "MT940 with a torn line",
        mt940((":61:2609150915D2500,", ":61:26X9150915D2500,")),
        Refused("isn't as MT940 has it", 7),
        "bank",
    ),
    Specimen(
        "MT940 on the 31st of September",
        mt940((":61:2609150915D", ":61:2609310931D")),
        Refused("isn't as MT940 has it", 7),
        "bank",
    ),
    Specimen(
        "MT940 of two accounts",
        (MT940 + NEXT.replace("144390769", "144390770")).encode(),
        Refused("statements of 2 accounts"),
        "bank",
    ),
    # --- CAMT.053
    Specimen("CAMT.053", CAMT.encode(), CAMT_LINES, "bank", heading=CAMT_HEADING),
    Specimen(
        "CAMT.053 of another version",
        camt(("camt.053.001.02", "camt.053.001.08"), ("<Sts>BOOK</Sts>", "<Sts><Cd>BOOK</Cd></Sts>"), times=9),
        CAMT_LINES,
        "bank",
    ),
    Specimen(
        "CAMT.053 that tells its period",
        camt(
            (
                "<Acct>",
                "<FrToDt><FrDtTm>2026-09-01T00:00:00</FrDtTm><ToDtTm>2026-09-30T23:59:59Z</ToDtTm></FrToDt><Acct>",
            )
        ),
        CAMT_LINES,
        "bank",
        heading={
            "from_at": datetime(2026, 8, 31, 23, tzinfo=UTC),
            "until_at": datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC),
        },
    ),
    Specimen(
        "CAMT.053 with a prefix", CAMT.replace("<Document xmlns=", "<Document xmlns:c=").encode(), CAMT_LINES, "bank"
    ),
    Specimen(
        "a batch that doesn't add up",
        camt(('<Amt Ccy="XOF">5000</Amt>', '<Amt Ccy="XOF">4000</Amt>')),
        [*CAMT_LINES[:2], WHOLE_THIRD],
        "bank",
    ),
    Specimen(
        "a batch without amounts",
        camt(('<AmtDtls><TxAmt><Amt Ccy="XOF">2500</Amt></TxAmt></AmtDtls>', "")),
        [*CAMT_LINES[:2], WHOLE_THIRD],
        "bank",
    ),
    Specimen(
        "a payment that came back",
        camt(("<Sts>BOOK</Sts>", "<RvslInd>true</RvslInd><Sts>BOOK</Sts>")),
        [{"kind": "reversal", "linked": "E2E1"}, *CAMT_LINES[1:]],
        "bank",
    ),
    Specimen("an unknown state", camt(("PDNG", "HALF")), Refused("'HALF' is no status", 5, "Sts"), "bank"),
    Specimen(
        "no amount",
        camt(('<Amt Ccy="XOF">2500</Amt><CdtDbtInd>DBIT', "<CdtDbtInd>DBIT")),
        Refused("there is no amount", 2, "Amt"),
        "bank",
    ),
    Specimen(
        "no direction",
        camt(("<CdtDbtInd>DBIT</CdtDbtInd>", "")),
        Refused("nothing says whether money came", 2, "CdtDbtInd"),
        "bank",
    ),
    Specimen(
        "no date",
        camt(("<BookgDt><Dt>2026-09-15</Dt></BookgDt>", "")),
        Refused("there is no date", 2, "BookgDt"),
        "bank",
    ),
    Specimen(
        "a day that isn't",
        camt(("2026-09-15</Dt>", "2026-09-31</Dt>")),
        Refused("'2026-09-31' is not a date", 2, "BookgDt"),
        "bank",
    ),
    Specimen(
        "an entry in another currency",
        camt(('<Amt Ccy="XOF">2500</Amt><CdtDbtInd>DBIT', '<Amt Ccy="EUR">2500</Amt><CdtDbtInd>DBIT')),
        Refused("the currency is EUR", 2, "Amt"),
        "bank",
    ),
    Specimen(
        "an amount in words",
        camt(('"XOF">2500</Amt><CdtDbtInd>DBIT', '"XOF">2.5e3</Amt><CdtDbtInd>DBIT')),
        Refused("'2.5e3' is not an amount", 2, "amount"),
        "bank",
    ),
    Specimen(
        "fewer entries than announced",
        camt(("<NbOfNtries>4<", "<NbOfNtries>5<")),
        Refused("entries are missing: 5 are announced", 1),
        "bank",
    ),
    Specimen(
        "balances that don't lead to each other",
        camt(("1755000", "1755001")),
        Refused("lines are missing: from 500000", 1),
        "bank",
    ),
    Specimen("CAMT.053 cut", CAMT.encode()[:-300], Refused("the file was cut or damaged", 3), "bank"),
    Specimen("CAMT.053 cut at its first entry", CAMT.encode()[:900], Refused("the file was cut or damaged", 2), "bank"),
    Specimen(
        "XML of something else",
        b"<?xml version='1.0'?><feed><entry/></feed>",
        Refused("this XML is no CAMT.053"),
        "bank",
    ),
    Specimen("XML that grows", BOMB.encode(), Refused("this XML defines things of its own"), "bank"),
    Specimen("XML that reads other files", OUTSIDE.encode(), Refused("this XML defines things of its own"), "bank"),
    Specimen("XML without an end", b"<a>" * 5000, Refused("this XML is no CAMT.053"), "bank"),
]


@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda one: one.name)
def test_a_file_is_read_exactly_or_refused(specimen: Specimen, tmp_path: Path) -> None:
    check(specimen, tmp_path)


@pytest.mark.parametrize("pack", [gzip.compress, lambda text: archive({"xl/workbook.xml": text})], ids=["gz", "zip"])
def test_what_unpacks_to_too_much_is_refused(pack: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 2**20)
    path = tmp_path / "statement"
    path.write_bytes(pack(b"0" * (2**20 + 1)))  # type: ignore[operator] # both pack
    with pytest.raises(BadStatement, match="unpacks to more than 1 MB"):
        read_statement(path, "mtn_momo", BENIN)


def test_a_file_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 1000)
    check(Specimen("", csv(MTN) * 2, Refused("the file is larger than 0 MB")), tmp_path)


def test_a_workbook_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    book = bytearray(xlsx(MTN))
    with zipfile.ZipFile(io.BytesIO(book)) as packed:
        names = packed.namelist()
    # The sizes that the directory at the end claims: 24 bytes into each of its records.
    places = [found.start() for found in re.finditer(rb"PK\x01\x02", bytes(book))]
    assert len(places) == len(names)
    at = places[names.index("xl/worksheets/sheet1.xml")] + 24
    book[at : at + 4] = (100).to_bytes(4, "little")
    check(Specimen("", bytes(book), Refused("the workbook is cut or damaged")), tmp_path)


def test_a_bank_in_another_zone_s_days_begin_there(tmp_path: Path) -> None:
    want = [{"at": "2026-09-14 00:00:00"}, {}, {}, {}]
    check(Specimen("", MT940.encode(), want, "bank", replace(BENIN, time_zone="UTC")), tmp_path)
