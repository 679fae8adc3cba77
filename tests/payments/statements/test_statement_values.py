"""How figures and dates may be written: what a whole column settles, what is exact, and what is refused in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.payments.statements.lines import BadStatement
from gateway.payments.statements.profiles import Mapping
from gateway.payments.statements.reading import Hints
from tests.payments.statements.specimens import BENIN, DOLLARS, KENYA, Refused, Specimen, check, csv, outcome, xlsx

COLUMNS = Mapping({"at": "Date", "amount": "Amount", "said": "Text"}, signs="signed")
FRANCS, FRENCH = BENIN, replace(BENIN, time_zone="Europe/Paris")


def amounts(*cells: str) -> bytes:
    return csv([["Date", "Amount", "Text"], *(["2026-09-14", cell, "x"] for cell in cells)], separator=";")


def dates(*cells: object, book: bool = False) -> bytes:
    rows = [["Date", "Amount", "Text"], *([cell, "-1", "x"] for cell in cells)]
    return xlsx(rows) if book else csv(rows, separator=";")  # type: ignore[arg-type] # a CSV's cells are all texts here


@pytest.mark.parametrize(
    ("cells", "hints", "expect"),
    [
        # --- francs have no decimals
        (["1000", "-5", "+7", "0"], FRANCS, [1000, -5, 7, 0]),
        (["1 000", "1\u00a0000", "1\u202f000", "12 345 678"], FRANCS, [1000, 1000, 1000, 12345678]),
        (["1,000", "12,345,678"], FRANCS, [1000, 12345678]),
        (["1.000", "12.345.678"], FRANCS, [1000, 12345678]),
        (["1'000", "1’000"], FRANCS, [1000, 1000]),
        (["1000,00", "1000.00"], FRANCS, Refused("'1000.00' is written otherwise", 3, "Amount")),
        (["1.000,00", "1.500"], FRANCS, [1000, 1500]),
        (["1,000.00", "2,500"], FRANCS, [1000, 2500]),
        (["1500.000"], FRANCS, [1500]),
        (["1.000"], FRANCS, [1000]),
        (["1,000", "2,500"], FRANCS, [1000, 2500]),
        (["1,000", "1.000"], FRANCS, Refused("may part thousands or decimals", 2, "Amount")),
        (["1000.00", "1.500"], FRANCS, Refused("has more decimals than XOF has", 3, "Amount")),
        (
            ["XOF 1 000", "1 000 XOF", "1000 FCFA", "1 000 F", "F1000", "1000F CFA."],
            FRANCS,
            Refused("'1000F CFA.'", 7, "Amount"),
        ),
        (["1000 FCFA", "-1000 F", "F -1000", "(1 000 F)"], FRANCS, [1000, -1000, -1000, -1000]),
        (["(1 000)", "1000-", "−1000", "- 1 000", "1 000 -"], FRANCS, [-1000] * 5),
        (["--5"], FRANCS, Refused("'--5' is not an amount", 2, "Amount")),
        (["(-5)"], FRANCS, Refused("not an amount", 2, "Amount")),
        (["-5-"], FRANCS, Refused("not an amount", 2, "Amount")),
        (["1000.50"], FRANCS, Refused("has more decimals than XOF has", 2, "Amount")),
        (["1", "1000,50"], FRANCS, Refused("has more decimals than XOF has", 3, "Amount")),
        (["1e3"], FRANCS, Refused("in powers of ten", 2, "Amount")),
        (["5", "1000000000000"], FRANCS, [5, 10**12]),
        (["5", "1000000000001"], FRANCS, Refused("too large for an amount", 3, "Amount")),
        (["9" * 40], FRANCS, Refused("too large for an amount", 2, "Amount")),
        (["12 34"], FRANCS, Refused("not an amount", 2, "Amount")),
        (["1,00,000"], FRANCS, Refused("not an amount", 2, "Amount")),
        (["1 000,000"], FRANCS, [1000]),
        (["abc"], FRANCS, Refused("'abc' is not an amount", 2, "Amount")),
        (["1", "."], FRANCS, Refused("'.' is not an amount", 3, "Amount")),
        (["1", ""], FRANCS, Refused("there is no amount", 3, "Amount")),
        (["٣٠٠٠"], FRANCS, Refused("not an amount", 2, "Amount")),
        (["1_000"], FRANCS, Refused("not an amount", 2, "Amount")),
        (["0x10"], FRANCS, Refused("not an amount", 2, "Amount")),
        (["=5+5"], FRANCS, Refused("not an amount", 2, "Amount")),
        (["NaN"], FRANCS, Refused("not an amount", 2, "Amount")),
        # --- dollars have two
        (["10.5", "0.05", ".5", "7."], DOLLARS, [1050, 5, 50, 700]),
        (["10,5", "0,05"], DOLLARS, [1050, 5]),
        (["$1,234.50", "US$"], DOLLARS, Refused("'US$' is not an amount", 3, "Amount")),
        (["$1,234.50", "$ 1,234.50-"], DOLLARS, [123450, -123450]),
        (["1,234"], DOLLARS, Refused("may part thousands or decimals", 2, "Amount")),
        (["5", "1.234"], DOLLARS, Refused("may part thousands or decimals", 3, "Amount")),
        (["1,234", "1,234.5"], DOLLARS, [123400, 123450]),
        (["1,234", "7.5"], DOLLARS, [123400, 750]),
        (["1,234", "7,5"], DOLLARS, Refused("has more decimals than USD has", 2, "Amount")),
        (["1,230", "7,5"], DOLLARS, [123, 750]),
        (["1.234,5", "1.234"], DOLLARS, [123450, 123400]),
        (["1,234.5", "1.234,5"], DOLLARS, Refused("'1.234,5' is written otherwise", 3, "Amount")),
        (["1 234", "12.50", "12,5"], DOLLARS, Refused("'12,5'", 4, "Amount")),
        (["0.001"], DOLLARS, Refused("more decimals than USD has", 2, "Amount")),
        (["0,010"], DOLLARS, [1]),
        (["1,234,567"], DOLLARS, [123456700]),
        (["92233720368547758.07"], DOLLARS, Refused("too large", 2, "Amount")),
    ],
    ids=lambda one: " | ".join(one) if isinstance(one, list) and one and isinstance(one[0], str) else "",
)
def test_amounts(cells: Sequence[str], hints: Hints, expect: list[int] | Refused, tmp_path: Path) -> None:
    wanted = expect if isinstance(expect, Refused) else [{"amount": one} for one in expect]
    check(Specimen("", amounts(*cells), wanted, "bank", replace(hints, profile=COLUMNS)), tmp_path)


def test_a_profile_says_what_stands_before_decimals(tmp_path: Path) -> None:
    for decimal, expect in ((".", [123400, 100]), (",", Refused("more decimals than USD has", 2, "Amount"))):
        profile = replace(COLUMNS, decimal=decimal)  # type: ignore[arg-type] # both are
        wanted = expect if isinstance(expect, Refused) else [{"amount": one} for one in expect]
        check(Specimen("", amounts("1,234", "1"), wanted, "bank", replace(DOLLARS, profile=profile)), tmp_path)


@pytest.mark.parametrize(
    ("cells", "hints", "expect"),
    [
        (["2026-09-14 08:00:00", "2026-09-14 09:30", "2026-09-15"], FRANCS, ["07:00:00", "08:30:00", "23:00:00"]),
        (["2026-09-14T08:00:00Z", "2026-09-14T08:00:00.123456Z"], FRANCS, ["08:00:00", "08:00:00"]),
        (["2026-09-14T08:00:00+02:00", "2026-09-14 08:00:00 +0200"], FRANCS, ["06:00:00", "06:00:00"]),
        (["2026-09-14 08:00:00 UTC", "2026-09-14 08:00:00 GMT"], FRANCS, ["08:00:00", "08:00:00"]),
        (["20260914080000", "20260914"], FRANCS, ["07:00:00", "2026-09-13 23:00:00"]),
        (["14/09/2026 08:00:00", "15/09/2026 8:05"], FRANCS, ["07:00:00", "07:05:00"]),
        (["14.09.2026 08:00", "14-09-2026 à 08h05"], FRANCS, ["07:00:00", "07:05:00"]),
        (["14/09/26 08:00", "14/9/2026"], FRANCS, ["07:00:00", "2026-09-13 23:00:00"]),
        (["9/14/2026 8:00:00 PM", "9/5/2026 12:30 am"], FRANCS, ["19:00:00", "2026-09-04 23:30:00"]),
        (
            ["14 Sep 2026 08:00", "5-sept.-2026", "3 May 2026 08:00 UTC", "3 mai 2026", "1-Aug-26"],
            FRANCS,
            [
                "2026-09-14 07:00:00",
                "2026-09-04 23:00:00",
                "2026-05-03 08:00:00",
                "2026-05-02 23:00:00",
                "2026-07-31 23:00:00",
            ],
        ),
        (
            ["14 févr. 2026", "14 août 2026", "14 Décembre 2026"],
            FRANCS,
            ["2026-02-13 23:00:00", "2026-08-13", "2026-12-13"],
        ),
        (
            ["46279.5", "46279", "46279.333333"],
            FRANCS,
            ["2026-09-14 11:00:00", "2026-09-13 23:00:00", "2026-09-14 07:00:00"],
        ),
        (["05/09/2026", "04/09/2026"], FRANCS, Refused("every day could be a month", 2, "Date")),
        (["09/09/2026"], FRANCS, ["2026-09-08 23:00:00"]),  # the ninth of the ninth either way
        (["05/09/2026", "14/09/2026"], FRANCS, ["2026-09-04 23:00:00", "2026-09-13 23:00:00"]),
        (["05/09/2026", "09/14/2026"], FRANCS, ["2026-05-08 23:00:00", "2026-09-13 23:00:00"]),
        (["14/09/2026", "09/14/2026"], FRANCS, Refused("'09/14/2026' is not a date", 3, "Date")),
        (["05/09/2026"], replace(FRANCS, date_order="dmy"), ["2026-09-04 23:00:00"]),
        (["05/09/2026"], replace(FRANCS, date_order="mdy"), ["2026-05-08 23:00:00"]),
        (["14/09/2026"], replace(FRANCS, date_order="mdy"), Refused("is not a date", 2, "Date")),
        (["26/09/05"], replace(FRANCS, date_order="ymd"), ["2026-09-04 23:00:00"]),
        (["2026-02-30"], FRANCS, Refused("'2026-02-30' is not a date", 2, "Date")),
        (["2026-09-14", "soon"], FRANCS, Refused("'soon' is not a date", 3, "Date")),
        (["2026-09-14", ""], FRANCS, Refused("there is no date", 3, "Date")),
        (["2026-09-14 25:00:00"], FRANCS, Refused("is not a date", 2, "Date")),
        (["1926-09-14"], FRANCS, Refused("is not a date", 2, "Date")),
        (["12026-09-14"], FRANCS, Refused("is not a date", 2, "Date")),
        (["14/09/0026"], FRANCS, Refused("is not a date", 2, "Date")),
        (["2026-09-14 08:00:00 CEST"], FRANCS, Refused("is not a date", 2, "Date")),
        (["123"], FRANCS, Refused("is not a date", 2, "Date")),
        (
            ["2026-03-29 01:59:59", "2026-03-29 02:30:00"],
            FRENCH,
            Refused("'2026-03-29 02:30:00' is not a date", 3, "Date"),
        ),
        (["2026-10-25 02:30:00"], FRENCH, ["2026-10-25 00:30:00"]),  # of an hour that comes twice the first
    ],
    ids=lambda one: " | ".join(one) if isinstance(one, list) else "",
)
def test_dates(cells: Sequence[str], hints: Hints, expect: list[str] | Refused, tmp_path: Path) -> None:
    got = outcome(Specimen("", dates(*cells), [], "bank", replace(hints, profile=COLUMNS)), tmp_path)
    if isinstance(expect, Refused):
        assert isinstance(got, BadStatement), got
        assert (got.row, got.column) == (expect.row, expect.column)
        assert expect.why in str(got)
        return
    assert not isinstance(got, BadStatement), str(got)
    by_row = sorted(got[1], key=lambda line: int(str(line["line"])))
    shown = [f"{line['at']:%Y-%m-%d %H:%M:%S}" for line in by_row]
    assert len(shown) == len(expect)
    assert all(want in one for want, one in zip(expect, shown, strict=True)), shown


def test_a_profile_says_how_dates_are_written(tmp_path: Path) -> None:
    profile = replace(COLUMNS, dates="%y%d%m")
    want = [{"at": "2026-09-13 23:00:00"}]
    check(Specimen("", dates("261409"), want, "bank", replace(BENIN, profile=profile)), tmp_path)


def test_the_format_s_order_counts_where_the_days_tell_nothing(tmp_path: Path) -> None:
    rows = [["Receipt No.", "Completion Time", "Paid In", "Withdrawn"], ["UIA1", "05-09-2026 10:00:00", "1.00", ""]]
    check(Specimen("", csv(rows), [{"at": "2026-09-05 07:00:00"}], "mpesa", KENYA), tmp_path)
