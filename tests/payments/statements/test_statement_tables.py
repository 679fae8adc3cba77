"""Tables of operators and banks, whole and spoiled: each is read exactly, or refused by its row and column."""

from __future__ import annotations

import codecs
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from tests.payments.statements.specimens import (
    BANK,
    BENIN,
    DEPOSITS,
    KENYA,
    MPESA,
    MTN,
    PAWAPAY,
    Refused,
    Specimen,
    above,
    cell,
    check,
    column,
    csv,
    headed,
    newest_first,
    table,
    with_row,
    without_column,
    without_row,
    xlsx,
)

MTN_LINES = (
    {
        "line": 2, "at": "2026-09-14 07:00:00", "kind": "payment", "amount": 5000, "fee": 0, "balance": 15000,
        "operator_id": "24000000001", "our_id": "6F1C01", "reference": "100200300", "payer": "+2290197000011",
        "linked": None, "said": "Payment · Aline N",
    },
    {
        "line": 3, "at": "2026-09-14 08:30:00", "kind": "payment", "amount": 2500, "fee": 25, "balance": 17475,
        "operator_id": "24000000002", "payer": "+2290197000012",
    },
    {
        "line": 4, "kind": "reversal", "amount": -5000, "balance": 12475, "payer": "+2290197000011", "reference": None,
    },
    {"line": 5, "at": "2026-09-16 17:45:10", "kind": "sweep", "amount": -10000, "balance": 2475, "our_id": None},
)  # fmt: skip
MTN_HEADING = {
    "opening_minor": 10000,
    "closing_minor": 2475,
    "currency": "XOF",
    "format": "MTN MoMo partner portal, CSV",
}
FEWER = tuple({k: v for k, v in line.items() if k not in ("line", "said")} for line in MTN_LINES)

MPESA_LINES = (
    {
        "line": 5, "at": "2026-09-14 05:00:00", "kind": "payment", "amount": 50000, "balance": 925000,
        "operator_id": "UIA1B2", "reference": "100200300", "payer": "+2547****5678", "linked": None,
    },
    {"line": 4, "kind": "fee", "amount": -2050, "balance": 922950, "operator_id": "UIA1B2", "linked": "UIA1B2"},
    {"line": 3, "at": "2026-09-15 06:30:47", "kind": "payment", "amount": 125050, "operator_id": "UIA1B3"},
    {"line": 2, "kind": "reversal", "amount": -50000, "linked": "UIA1B2", "payer": "+2547****5678"},
)  # fmt: skip
MPESA_ABOVE = above(("Organization Name:", "MUTUELLE"), ("Short Code:", "123456"), ())

PAWAPAY_LINES = (
    {"at": "2026-09-14 08:00:00", "kind": "payment", "amount": 5000, "our_id": "0A1B01", "payer": "+2290197000011"},
    {"kind": "payment", "amount": 2500, "payer": "+2290197000012"},  # Benin's old eight digits
    {"kind": "refund", "amount": -5000, "balance": 12500},
)
BANK_LINES = (
    {"at": "2026-09-13 23:00:00", "kind": "sweep", "amount": 1250000, "balance": 1750000, "reference": "BK001"},
    {"kind": "fee", "amount": -2500, "said": "Frais de tenue de compte"},
    {"kind": "other", "amount": 7500, "balance": 1755000},
)

SPECIMENS = [
    # --- written in other ways, read the same
    Specimen("as the portal writes it", csv(MTN), MTN_LINES, heading=MTN_HEADING),
    Specimen("semicolons", csv(MTN, separator=";"), MTN_LINES, heading=MTN_HEADING),
    Specimen("tabs", csv(MTN, separator="\t"), MTN_LINES),
    Specimen("bars", csv(MTN, separator="|"), MTN_LINES),
    Specimen("Unix line ends", csv(MTN, ends="\n"), MTN_LINES),
    Specimen("old Mac line ends", csv(MTN, ends="\r"), MTN_LINES),
    Specimen("no line end behind the last row", csv(MTN).rstrip(), MTN_LINES),
    Specimen("every cell quoted", csv(MTN, quoted=True), MTN_LINES),
    Specimen("UTF-8 with a mark", codecs.BOM_UTF8 + csv(MTN), MTN_LINES),
    Specimen("UTF-16 with a mark", csv(MTN, encoding="utf-16"), MTN_LINES),
    Specimen("UTF-16 without one", csv(MTN, encoding="utf-16-le"), MTN_LINES),
    Specimen("UTF-16 of the other end", csv(MTN, encoding="utf-16-be"), MTN_LINES),
    Specimen("newest first", csv(MTN, newest_first), [{**line, "line": 7 - line["line"]} for line in MTN_LINES]),
    Specimen(
        "rows above the headings",
        csv(MTN, above(("MTN MoMo",), ("Account", "2290155000001"), ())),
        [{**line, "line": line["line"] + 3} for line in MTN_LINES],
        heading={"account": "2290155000001"},
    ),
    Specimen(
        "a quote in a row above",
        b'Tubes of 5"\r\n' + csv(MTN),
        [{**line, "line": line["line"] + 1} for line in MTN_LINES],
    ),
    Specimen(
        "a line break in a row above",
        b'"Mutuelle\r\nde test",x\r\n' + csv(MTN),
        [{**line, "line": line["line"] + 1} for line in MTN_LINES],
    ),
    Specimen("Excel's word about separators", b"sep=;\r\n" + csv(MTN, separator=";"), FEWER),
    Specimen("blank rows between", csv(MTN, with_row(3, [""] * 13), with_row(5, [" "] * 13)), FEWER),
    Specimen("empty lines between and behind", csv(MTN).replace(b"\r\n", b"\r\n\r\n") + b"\r\n\r\n", FEWER),
    Specimen("spaces around cells", csv(MTN, *(column(one, lambda x: f"  {x} ") for one in MTN[0])), FEWER),
    Specimen(
        "headings shouted, accented, spaced", csv(MTN, headed(Id="  ID ", Amount="AMOUNT (XOF)", Date="Dâte:")), FEWER
    ),
    Specimen(
        "headings in French",
        csv(
            MTN, headed(Id="Transaction ID", Status="Statut", Amount="Montant", Fee="Frais", Balance="Solde", From="De")
        ),
        FEWER,
    ),
    Specimen("a workbook", xlsx(MTN), MTN_LINES, heading={**MTN_HEADING, "format": "MTN MoMo partner portal, XLSX"}),
    Specimen("a workbook's second sheet", xlsx(MTN, sheet_before=True), MTN_LINES),
    Specimen(
        "a workbook with numbers and dates",
        xlsx(
            [
                MTN[0],
                *(
                    [
                        int(row[0]),
                        datetime.fromisoformat(row[1]),
                        *row[2:9],
                        int(row[9]),
                        int(row[10]),
                        float(row[11]),
                        row[12],
                    ]
                    for row in MTN[1:]
                ),
            ]
        ),
        FEWER,
    ),
    Specimen(
        "a text with a separator and a line break",
        csv(MTN, cell(2, "Payer message", "carte\n100200300, merci")),
        [
            {"reference": "carte\n100200300, merci", "line": 2},
            {"line": 3},
            {"line": 4},
            {"line": 5},
        ],
    ),
    Specimen("a formula is a text", csv(MTN, cell(2, "Payer message", "=1+1")), [{"reference": "=1+1"}, {}, {}, {}]),
    Specimen(
        "a formula is a text in a workbook too",
        xlsx(table(MTN, cell(2, "Payer message", "=1+1"))),
        [
            {"reference": "=1+1"},
            {},
            {},
            {},
        ],
    ),
    Specimen(
        "failed and pending rows",
        csv(
            MTN,
            with_row(3, [*MTN[1][:2], "FAILED", *MTN[1][3:]]),
            with_row(3, [*MTN[1][:2], "En attente", *MTN[1][3:]]),
        ),
        FEWER,
    ),
    Specimen("no line at all", csv(MTN[:1]), [], heading={"opening_minor": None}),
    Specimen(
        "headings said twice in the middle",
        csv(MTN, with_row(4, MTN[0])),
        Refused("the currency is 'Currency'", 4, "Currency"),
    ),
    # --- cut, torn and misprinted
    Specimen("the last row cut", csv(MTN)[:-25], Refused("cells where the headings are 13", 5)),
    Specimen(
        "the last amount cut",
        csv(MTN, without_column("Currency", "Balance", "Fee"))[:-4],
        Refused("the last row has no end", 5),
    ),
    Specimen(
        "the last amount whole",
        csv(MTN, without_column("Currency", "Balance", "Fee")),
        [{}, {}, {}, {"amount": -10000}],
    ),
    Specimen("a quote that isn't closed", csv(MTN, quoted=True)[:-20], Refused("a quote isn't closed", 5)),
    Specimen(
        "a quote in a text",
        csv(MTN).replace(b"Koffi A", b'Koffi "A'),
        [
            {},
            {"said": 'Payment · Koffi "A'},
            {},
            {},
        ],
    ),
    Specimen("a quote before a text", csv(MTN).replace(b"Koffi A", b'"Koffi A'), Refused("a quote isn't closed", 3)),
    Specimen("a text behind a quote", csv(MTN).replace(b"Koffi A", b'"Koffi" A'), Refused("a quote isn't closed", 3)),
    Specimen(
        "a cell too many", csv(MTN).replace(b"Koffi A", b"Koffi,A"), Refused("14 cells where the headings are 13", 3)
    ),
    Specimen("a cell too few", csv(MTN).replace(b",Koffi A", b""), Refused("12 cells where the headings are 13", 3)),
    Specimen(
        "one cell too few and one too many",
        csv(MTN, without_column("Currency"), cell(5, "Balance", ""))
        .replace(b",Koffi A", b"")
        .replace(b"17475", b"17475,")
        .replace(b"Aline N", b"Aline,N", 1),
        Refused("13 cells where the headings are 12", 2),
    ),
    Specimen(
        "a note below the table", csv(MTN) + b"End of report\r\n", Refused("1 cells where the headings are 13", 6)
    ),
    Specimen(
        "totals below the table",
        csv(MTN, with_row(6, ["Total", *[""] * 8, "22500", "", "", ""])),
        Refused("there is no date", 6, "Date"),
    ),
    Specimen(
        "two columns of one name", csv(MTN, headed(Fee="Amount")), Refused("two columns are headed so", 1, "Amount")
    ),
    Specimen("no headings", csv(MTN[1:]), Refused("no row has the headings")),
    Specimen("headings without an amount", csv(MTN, headed(Amount="X", Fee="Y")), Refused("no row has the headings")),
    # --- states and currencies
    Specimen(
        "an unknown state", csv(MTN, cell(4, "Status", "Half done")), Refused("'Half done' is no status", 4, "Status")
    ),
    Specimen("no state", csv(MTN, cell(4, "Status", "")), Refused("is no status", 4, "Status")),
    Specimen("another currency", csv(MTN, cell(3, "Currency", "XAF")), Refused("the currency is 'XAF'", 3, "Currency")),
    Specimen("another account's currency", csv(MTN), Refused("the currency is 'XOF'", 2, "Currency"), hints=KENYA),
    Specimen("no currency in a row", csv(MTN, cell(3, "Currency", "")), Refused("the currency is", 3, "Currency")),
    Specimen(
        "an unknown kind of our own money",
        csv(MTN, cell(5, "Type", "Nouveau")),
        [*FEWER[:3], {"kind": "other", "amount": -10000}],
    ),
    Specimen(
        "an unknown kind that says no direction",
        csv(MTN, without_column("From", "To"), cell(5, "Type", "Nouveau")),
        Refused("nothing says whether money came or left: 'Nouveau", 5, "Amount"),
    ),
    Specimen(
        "a payment that we made",
        csv(MTN, cell(5, "Type", "Payment"), cell(5, "To", "FRI:2290197000099/MSISDN")),
        [*FEWER[:3], {"kind": "other", "amount": -10000, "payer": "+2290197000099"}],
    ),
    Specimen(
        "one of several accounts",
        csv([["Date", "Compte", "Montant"], ["14/09/2026", "A1", "-5"], ["15/09/2026", "A2", "-7"]]),
        Refused("the account is 'A2', and that of the lines above A1", 3, "Compte"),
        "bank_of_somewhere",
    ),
    Specimen(
        "the account in a column",
        csv([["Date", "Compte", "Montant"], ["14/09/2026", "A1", "-5"], ["15/09/2026", "A1", "-7"]]),
        [{"amount": -5}, {"amount": -7}],
        "bank_of_somewhere",
        heading={"account": "A1"},
    ),
    # --- balances
    Specimen(
        "a bank's rows of balances",
        csv(
            BANK,
            with_row(2, ["01/09/2026", "", "Solde initial", "", "", "", "500 000"]),
            with_row(6, ["30/09/2026", "", "Solde final au 30/09", "", "", "", "1 755 000"]),
            separator=";",
        ),
        BANK_LINES,
        "bank_of_somewhere",
        heading={"opening_minor": 500000, "closing_minor": 1755000},
    ),
    Specimen("a missing line", csv(MTN, without_row(3)), Refused("lines are missing before this one", 3, "Balance")),
    Specimen(
        "a missing line, newest first",
        csv(MTN, newest_first, without_row(3)),
        Refused("lines are missing", 3 - 1, "Balance"),
    ),
    Specimen("a changed amount", csv(MTN, cell(3, "Amount", "2501")), Refused("lines are missing", 3, "Balance")),
    Specimen(
        "lines of one moment in another order",
        csv(
            MTN,
            column("Date", lambda x: "2026-09-14 08:00:00" if x < "2026-09-15" else x),
            lambda rows: [rows[0], rows[2], rows[1], *rows[3:]],
        ),
        [{"operator_id": "24000000002"}, {"operator_id": "24000000001"}, {}, {}],
        heading={"opening_minor": 10000},
    ),
    Specimen(
        "one of those missing",
        csv(
            MTN,
            column("Date", lambda x: "2026-09-14 08:00:00" if x < "2026-09-15" else x),
            without_row(2),
            cell(2, "Balance", "15000"),
        ),
        Refused("lines are missing", 3, "Balance"),
    ),
    Specimen(
        "fees that somebody else pays",
        csv(MTN, cell(3, "Balance", "17500"), cell(4, "Balance", "12500"), cell(5, "Balance", "2500")),
        [{"fee": 0}, {"fee": 0}, {"fee": 0}, {"fee": 0}],
        heading={"closing_minor": 2500},
    ),
    Specimen(
        "no balances",
        csv(MTN, without_column("Balance")),
        [{"fee": 0, "balance": None}, {"fee": 25}, {}, {}],
        heading={"opening_minor": None, "closing_minor": None},
    ),
    Specimen("a balance not told", csv(MTN, cell(3, "Balance", "")), [*FEWER[:1], {"balance": None}, *FEWER[2:]]),
    Specimen("rows in no order", csv(MTN, lambda rows: [rows[0], rows[2], rows[4], rows[1], rows[3]]), FEWER),
    # --- numbers that a spreadsheet spoiled
    Specimen("an id in powers of ten", csv(MTN, cell(4, "Id", "2.40E+10")), Refused("'2.40E+10' was written", 4, "Id")),
    Specimen(
        "the same in French", csv(MTN, cell(4, "Id", "2,4e+10"), separator=";"), Refused("powers of ten", 4, "Id")
    ),
    Specimen(
        "our key in powers of ten",
        csv(MTN, cell(2, "External Id", "6E+12")),
        Refused("powers of ten", 2, "External Id"),
    ),
    Specimen(
        "a phone in powers of ten", csv(MTN, cell(3, "From", "2.2901970E+12")), Refused("powers of ten", 3, "From")
    ),
    Specimen(
        "ids rounded to fifteen figures",
        csv(
            MTN,
            cell(2, "Id", "240000000010000123"),
            *(cell(row, "Id", f"2400000000{row}0000000"[:18]) for row in (2, 3, 4, 5)),
        ),
        Refused("rounded by a spreadsheet to fifteen figures", 2, "Id"),
    ),
    Specimen(
        "long ids, one of which ends with zeros",
        csv(MTN, cell(2, "Id", "2400000000012345"), cell(3, "Id", "2400000000012350")),
        [{"operator_id": "2400000000012345"}, {"operator_id": "2400000000012350"}, {}, {}],
    ),
    # --- M-Pesa
    Specimen(
        "M-Pesa",
        csv(MPESA),
        MPESA_LINES,
        "mpesa",
        KENYA,
        {"opening_minor": 875000, "closing_minor": 998000, "format": "M-Pesa organisation statement, CSV"},
    ),
    Specimen(
        "M-Pesa below its metadata",
        csv(MPESA, MPESA_ABOVE),
        [{**one, "line": one["line"] + 3} for one in MPESA_LINES],
        "mpesa",
        KENYA,
        {"account": "123456"},
    ),
    Specimen(
        "M-Pesa's older columns",
        csv(MPESA, without_column("Linked Transaction ID", "Reason Type", "Balance Confirmed")),
        [
            {"kind": "payment"},
            {"kind": "fee", "linked": "UIA1B2"},
            {"kind": "payment"},
            {"kind": "reversal", "linked": None},
        ],
        "mpesa",
        KENYA,
    ),
    Specimen(
        "M-Pesa's slashes",
        csv(MPESA, column("Completion Time", lambda x: x.replace("-", "/"))),
        MPESA_LINES,
        "mpesa",
        KENYA,
    ),
    Specimen(
        "M-Pesa's years first",
        csv(MPESA, column("Completion Time", lambda x: f"{x[6:10]}-{x[3:5]}-{x[:2]} {x[11:]}")),
        MPESA_LINES,
        "mpesa",
        KENYA,
    ),
    Specimen(
        "M-Pesa's day first though it could be a month",
        csv(
            MPESA,
            column(
                "Completion Time",
                lambda x: x.replace("14-09", "04-09").replace("15-09", "05-09").replace("16-09", "06-09"),
            ),
        ),
        [{"at": "2026-09-04 05:00:00"}, {}, {}, {"at": "2026-09-06 07:00:00"}],
        "mpesa",
        KENYA,
    ),
    Specimen(
        "money that left without a sign",
        csv(MPESA, column("Withdrawn", lambda x: x.removeprefix("-"))),
        MPESA_LINES,
        "mpesa",
        KENYA,
    ),
    Specimen(
        "neither paid in nor withdrawn",
        csv(MPESA, cell(3, "Paid In", "")),
        Refused("there is no amount: ", 3, "Paid In"),
        "mpesa",
        KENYA,
    ),
    # --- pawaPay
    Specimen("pawaPay's statement", csv(PAWAPAY), PAWAPAY_LINES, "pawapay", heading={"opening_minor": 10000}),
    Specimen(
        "pawaPay's deposits",
        csv(DEPOSITS),
        [
            {
                "at": "2026-09-14 08:00:00",
                "kind": "payment",
                "amount": 5000,
                "operator_id": "24000000001",
                "our_id": None,
            }
        ],
        "pawapay",
    ),
    Specimen(
        "another country's rows",
        csv(PAWAPAY, cell(3, "Country", "CIV")),
        Refused("the country is 'CIV'", 3, "Country"),
        "pawapay",
    ),
    Specimen(
        "another currency's rows",
        csv(PAWAPAY, cell(3, "Currency", "CDF")),
        Refused("the currency is 'CDF'", 3, "Currency"),
        "pawapay",
    ),
    Specimen(
        "only our country's rows",
        csv(
            PAWAPAY,
            with_row(3, [*PAWAPAY[2][:4], "XAF", "CMR", *PAWAPAY[2][6:]]),
            with_row(5, [*PAWAPAY[2][:5], "CIV", *PAWAPAY[2][6:]]),
        ),
        PAWAPAY_LINES,
        "pawapay",
        replace(BENIN, only_country=True),
    ),
    # --- banks
    Specimen(
        "a bank's debit and credit",
        csv(BANK, separator=";"),
        BANK_LINES,
        "bank_of_somewhere",
        heading={"opening_minor": 500000},
    ),
    Specimen("an old bank's letters", csv(BANK, separator=";", encoding="cp1252"), BANK_LINES, "bank_of_somewhere"),
    Specimen(
        "an older bank's letters", csv(BANK, separator=";", encoding="mac_roman"), BANK_LINES, "bank_of_somewhere"
    ),
    Specimen(
        "a bank's signed amounts",
        csv(
            [
                ["Date", "Libellé", "Montant"],
                ["14/09/2026", "Reversement MTN", "+1 250 000"],
                ["15/09/2026", "Frais", "-2 500"],
                ["15/09/2026", "Chèque", "-10"],
            ],
            separator=";",
        ),
        [{"amount": 1250000, "kind": "sweep"}, {"amount": -2500, "kind": "fee"}, {"amount": -10, "kind": "other"}],
        "bank_of_somewhere",
    ),
    Specimen(
        "a bank's word for debit",
        csv(
            [
                ["Date", "Libellé", "Montant", "Sens"],
                ["14/09/2026", "Reversement MTN", "500", "Crédit"],
                ["15/09/2026", "Chèque", "70", "D"],
            ],
        ),
        [{"amount": 500}, {"amount": -70}],
        "bank_of_somewhere",
    ),
    Specimen(
        "a bank's word that isn't known",
        csv(
            [["Date", "Libellé", "Montant", "Sens"], ["14/09/2026", "Chèque", "500", "?"]],
        ),
        Refused("nothing says whether money came or left", 2, "Montant"),
        "bank_of_somewhere",
    ),
    Specimen(
        "a bank that says no direction",
        csv([["Date", "Libellé", "Montant"], ["14/09/2026", "Chèque", "500"]]),
        Refused("nothing says whether money came or left", 2, "Montant"),
        "bank_of_somewhere",
    ),
    # --- others
    Specimen(
        "Orange Money in French",
        csv(
            [
                ["Date", "Heure", "Référence", "Service", "Statut", "Expéditeur", "Montant", "Frais", "Solde"],
                [
                    "14/09/2026 10:00:00",
                    "",
                    "MP260914.1000.A00073",
                    "Paiement marchand",
                    "Succès",
                    "622000011",
                    "50 000",
                    "0",
                    "150 000",
                ],
                [
                    "14/09/2026 11:00:00",
                    "",
                    "MP260914.1100.A00074",
                    "Retrait",
                    "Échec",
                    "622000011",
                    "50 000",
                    "0",
                    "150 000",
                ],
            ],
            separator=";",
        ),
        [
            {
                "operator_id": "MP2609141000A00073",
                "amount": 50000,
                "kind": "payment",
                "payer": "+224622000011",
                "balance": 150000,
            }
        ],
        "orange_money",
        replace(BENIN, currency="GNF", country="GN", time_zone="Africa/Conakry"),
    ),
    Specimen(
        "Airtel Money",
        csv(
            [
                [
                    "Transaction Date",
                    "Airtel Money ID",
                    "Partner Transaction ID",
                    "Reference",
                    "MSISDN",
                    "Amount",
                    "Status",
                    "Type",
                ],
                [
                    "2026-09-14 10:00:00",
                    "CI260914.1000.H00001",
                    "a1-b2",
                    "100200300",
                    "991234567",
                    "25.50",
                    "TS",
                    "Collection",
                ],
                [
                    "2026-09-14 10:05:00",
                    "CI260914.1005.H00002",
                    "a1-b3",
                    "100200300",
                    "991234567",
                    "25.50",
                    "TF",
                    "Collection",
                ],
            ]
        ),
        [
            {
                "operator_id": "CI2609141000H00001",
                "our_id": "A1B2",
                "amount": 2550,
                "payer": "+243991234567",
                "reference": "100200300",
            }
        ],
        "airtel_money",
        replace(BENIN, currency="CDF", country="CD"),
    ),
    Specimen(
        "the GSMA's names",
        csv(
            [
                [
                    "transactionReference",
                    "creditParty",
                    "debitParty",
                    "transactionStatus",
                    "amount",
                    "currency",
                    "creationDate",
                    "type",
                ],
                [
                    "REF001",
                    "+25761000001",
                    "+25779000011",
                    "completed",
                    "15000.00",
                    "BIF",
                    "2026-09-14T08:00:00.123Z",
                    "merchantpay",
                ],
            ]
        ),
        [
            {
                "operator_id": "REF001",
                "at": "2026-09-14 08:00:00",
                "amount": 15000,
                "payer": "+25779000011",
                "kind": "payment",
            }
        ],
        "lumicash",
        replace(BENIN, currency="BIF", country="BI", time_zone="Africa/Bujumbura"),
    ),
]


@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda one: one.name)
def test_a_table_is_read_exactly_or_refused(specimen: Specimen, tmp_path: Path) -> None:
    check(specimen, tmp_path)
