"""Small statements as tables of text, and the ways in which people, programs and networks spoil them."""

from __future__ import annotations

import csv as stdlib_csv
import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import openpyxl

from gateway.payments.statements.lines import LINES, BadStatement, Heading
from gateway.payments.statements.reading import Hints, read_statement

Rows = list[list[str]]
Change = Callable[[Rows], Rows]


def _rows(text: str) -> Rows:
    return [line.split("|") for line in text.strip().splitlines()]


MTN = _rows(
    """
Id|Date|Status|Type|External Id|From|From Name|To|Payer message|Amount|Fee|Balance|Currency
24000000001|2026-09-14 08:00:00|Successful|Payment|6f1c-01|FRI:2290197000011/MSISDN|Aline N|FRI:2290155000001/MSISDN|100200300|5000|0|15000|XOF
24000000002|2026-09-14 09:30:00|Successful|Payment|6f1c-02|FRI:2290197000012/MSISDN|Koffi A|FRI:2290155000001/MSISDN|100200301|2500|25|17475|XOF
24000000003|2026-09-15 10:00:00|Successful|Reversal|6f1c-03|FRI:2290155000001/MSISDN|Mutuelle|FRI:2290197000011/MSISDN||5000|0|12475|XOF
24000000004|2026-09-16 18:45:10|Successful|Bank transfer||FRI:2290155000001/MSISDN|Mutuelle|||10000|0|2475|XOF
"""  # noqa: E501 - as wide as they are
)

MPESA = _rows(
    """
Receipt No.|Completion Time|Initiation Time|Details|Transaction Status|Paid In|Withdrawn|Balance|Balance Confirmed|Reason Type|Other Party Info|Linked Transaction ID|A/C No.
UID7K4|16-09-2026 10:00:00|16-09-2026 10:00:00|Reversal of UIA1B2|Completed||-500.00|9,980.00|true|Pay Utility Reversal|2547****5678 - ALINE N|UIA1B2|
uia1b3|15-09-2026 09:30:47|15-09-2026 09:30:40|Pay Bill from 2547****1111|Completed|1,250.50||10,480.00|true|Pay Utility|2547****1111 - KOFFI A||100200301
UIA1B2|14-09-2026 08:00:00|14-09-2026 08:00:00|Pay Bill Charge|Completed||-20.50|9,229.50|true|Pay Utility Charge|123456 - MUTUELLE||
UIA1B2|14-09-2026 08:00:00|14-09-2026 08:00:00|Pay Bill from 2547****5678|Completed|500.00||9,250.00|true|Pay Utility|2547****5678 - ALINE N||100200300
"""  # noqa: E501 - as wide as they are
)

PAWAPAY = _rows(
    """
Creation Date|MSISDN|Transaction ID|Amount|Currency|Country|MNO|Type|Balance
2026-09-14T08:00:00Z|2290197000011|0a1b-01|5000.00|XOF|BEN|MTN_MOMO_BEN|DEPOSIT|15000.00
2026-09-14T09:30:00Z|22997000012|0a1b-02|2500.00|XOF|BEN|MTN_MOMO_BEN|DEPOSIT|17500.00
2026-09-15T10:00:00Z|2290197000011|0a1b-03|5000.00|XOF|BEN|MTN_MOMO_BEN|PAYOUT|12500.00
"""
)

DEPOSITS = _rows(
    """
Creation Date|MSISDN|Financial Transaction ID|Requested amount|Deposited amount|Currency|Status|Country|MMO|Reason|Metadata
2026-09-14 08:00:00|2290197000011|24000000001|5000|5000|XOF|COMPLETED|BEN|MTN_MOMO_BEN||
2026-09-14 08:10:00|2290197000012||2500||XOF|FAILED|BEN|MTN_MOMO_BEN|PAYMENT_NOT_APPROVED|
"""  # noqa: E501 - as wide as they are
)

BANK = _rows(
    """
Date opération|Date de valeur|Libellé|Référence|Débit|Crédit|Solde
14/09/2026|15/09/2026|Reversement MTN MoMo|BK001||1 250 000|1 750 000
15/09/2026|15/09/2026|Frais de tenue de compte|BK002|2 500||1 747 500
15/09/2026|16/09/2026|Virement reçu KOFFI 100200301|BK003||7 500|1 755 000
"""
)


def cell(row: int, heading: str, value: str) -> Change:
    """Another value in one cell; rows count from 1, the headings being the first."""

    def change(rows: Rows) -> Rows:
        rows[row - 1][rows[0].index(heading)] = value
        return rows

    return change


def column(heading: str, change_one: Callable[[str], str]) -> Change:
    """Every cell of a column otherwise."""

    def change(rows: Rows) -> Rows:
        place = rows[0].index(heading)
        for row in rows[1:]:
            row[place] = change_one(row[place])
        return rows

    return change


def without_column(*headings: str) -> Change:
    def change(rows: Rows) -> Rows:
        places = [rows[0].index(heading) for heading in headings]
        return [[one for place, one in enumerate(row) if place not in places] for row in rows]

    return change


def headed(**names: str) -> Change:
    """Other headings; what can't be a name in Python is written with low lines for spaces."""

    def change(rows: Rows) -> Rows:
        others = {old.replace("_", " "): new for old, new in names.items()}
        rows[0] = [others.get(one, one) for one in rows[0]]
        return rows

    return change


def without_row(row: int) -> Change:
    return lambda rows: rows[: row - 1] + rows[row:]


def with_row(row: int, cells: Sequence[str]) -> Change:
    return lambda rows: [*rows[: row - 1], list(cells), *rows[row - 1 :]]


def newest_first(rows: Rows) -> Rows:
    return [rows[0], *reversed(rows[1:])]


def above(*rows_above: Sequence[str]) -> Change:
    """Rows of metadata above the headings; last of all changes, since it moves the headings."""
    return lambda rows: [*map(list, rows_above), *rows]


def table(rows: Rows, *changes: Change) -> Rows:
    """A copy of a table with changes made."""
    made = [list(row) for row in rows]
    for change in changes:
        made = change(made)
    return made


def csv(
    rows: Rows,
    *changes: Change,
    separator: str = ",",
    encoding: str = "utf-8",
    ends: str = "\r\n",
    quoted: bool = False,
) -> bytes:
    out = io.StringIO()
    quoting = stdlib_csv.QUOTE_ALL if quoted else stdlib_csv.QUOTE_MINIMAL
    stdlib_csv.writer(out, delimiter=separator, lineterminator=ends, quoting=quoting).writerows(table(rows, *changes))
    return out.getvalue().encode(encoding)


def xlsx(rows: Sequence[Sequence[object]], *, sheet_before: bool = False) -> bytes:
    """A workbook with these values, typed as they are."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    if sheet_before:
        sheet.append(["Notes"])
        sheet = book.create_sheet("Statement")
    for row in rows:
        sheet.append(list(row))
        for one in sheet[sheet.max_row]:
            if isinstance(one.value, str):
                one.data_type = "s"  # what begins with = is a text here, not a formula
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def archive(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return out.getvalue()


MT940 = """:20:STMT0926
:25:BJ0661001001000144390769
:28C:9/1
:60F:C260901XOF500000,
:61:2609140914C1250000,NTRFNONREF//BK001
:86:REVERSEMENT MTN MOMO
:61:2609150915D2500,NCHGNONREF//BK002
:86:FRAIS DE TENUE DE COMPTE
:61:2609150915C7500,NTRFREF9//BK003
:86:VIREMENT RECU KOFFI
100200301
:61:2609160916RC7500,NTRFREF9//BK004
:86:ANNULATION
:62F:C260930XOF1747500,
-
"""

CAMT = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><GrpHdr><MsgId>1</MsgId></GrpHdr>
<Stmt><Id>S1</Id><Acct><Id><IBAN>BJ0661001001000144390769</IBAN></Id><Ccy>XOF</Ccy></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="XOF">500000</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="XOF">1755000</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
<TxsSummry><TtlNtries><NbOfNtries>4</NbOfNtries></TtlNtries></TxsSummry>
<Ntry><NtryRef>1</NtryRef><Amt Ccy="XOF">1250000</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>
 <BookgDt><Dt>2026-09-14</Dt></BookgDt><AcctSvcrRef>BK001</AcctSvcrRef>
 <NtryDtls><TxDtls><Refs><EndToEndId>E2E-1</EndToEndId></Refs>
 <RmtInf><Ustrd>REVERSEMENT MTN MOMO</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>
<Ntry><Amt Ccy="XOF">2500</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-09-15</Dt></BookgDt>
 <AcctSvcrRef>BK002</AcctSvcrRef><AddtlNtryInf>FRAIS</AddtlNtryInf></Ntry>
<Ntry><Amt Ccy="XOF">7500</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>
 <BookgDt><DtTm>2026-09-15T10:00:00+01:00</DtTm></BookgDt><AcctSvcrRef>BK003</AcctSvcrRef><NtryDtls>
 <TxDtls><Refs><AcctSvcrRef>BK003A</AcctSvcrRef><EndToEndId>NOTPROVIDED</EndToEndId></Refs><Amt Ccy="XOF">5000</Amt>
  <CdtDbtInd>CRDT</CdtDbtInd><RmtInf><Ustrd>cotisation 100200300</Ustrd></RmtInf></TxDtls>
 <TxDtls><Refs><EndToEndId>E2E-3</EndToEndId></Refs><AmtDtls><TxAmt><Amt Ccy="XOF">2500</Amt></TxAmt></AmtDtls>
  <RmtInf><Ustrd>cotisation 100200301</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>
<Ntry><Amt Ccy="XOF">900</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>PDNG</Sts><BookgDt><Dt>2026-09-16</Dt></BookgDt></Ntry>
</Stmt></BkToCstmrStmt></Document>
"""


@dataclass(frozen=True)
class Refused:
    """How a file must be refused: words of the reason, and exactly this row and column."""

    why: str
    row: int | None = None
    column: str | None = None


BENIN = Hints("XOF", "BJ", "Africa/Porto-Novo")
KENYA = Hints("KES", "KE", "Africa/Nairobi")
DOLLARS = Hints("USD", "CD", "Africa/Kinshasa")


@dataclass(frozen=True)
class Specimen:
    """A file, whose it is, and what reading must give: lines by some of their columns, or the refusal.

    Times are the moments in UTC as text, amounts minor units; a line is compared by the columns that it names.
    """

    name: str
    content: bytes
    expect: Refused | Sequence[Mapping[str, object]]
    operator: str = "mtn_momo"
    hints: Hints = BENIN
    heading: Mapping[str, object] = field(default_factory=dict)


def outcome(specimen: Specimen, folder: Path) -> tuple[Heading, list[dict[str, object]]] | BadStatement:
    """What reading the file gives."""
    path = folder / "statement"
    path.write_bytes(specimen.content)
    try:
        read = read_statement(path, specimen.operator, specimen.hints)
        frames = list(read.lines)
    except BadStatement as refused:
        return refused
    for frame in frames:
        assert frame.schema == LINES
    return read.heading, [line for frame in frames for line in frame.to_dicts()]


def check(specimen: Specimen, folder: Path) -> None:
    """Compare what reading gives with what it must give."""
    got = outcome(specimen, folder)
    if isinstance(specimen.expect, Refused):
        assert isinstance(got, BadStatement), got
        assert (got.row, got.column) == (specimen.expect.row, specimen.expect.column), str(got)
        assert specimen.expect.why in str(got)
        return
    assert not isinstance(got, BadStatement), str(got)
    heading, lines = got
    shown = [{name: _shown(line[name]) for name in want} for line, want in zip(lines, specimen.expect, strict=False)]
    assert shown == [dict(want) for want in specimen.expect]
    assert len(lines) == len(specimen.expect)
    assert {name: getattr(heading, name) for name in specimen.heading} == dict(specimen.heading)


def _shown(value: object) -> object:
    return value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else value
