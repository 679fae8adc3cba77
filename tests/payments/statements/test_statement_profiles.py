"""Profiles: how somebody's own tables are read, kept in the database and found by their headings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.payments.statements.profiles import (
    BadProfile,
    Mapping,
    from_json,
    profile_named,
    profiles,
    save_profile,
    to_json,
)
from gateway.store.unit import Store
from tests.payments.statements.specimens import BENIN, DOLLARS, Refused, Rows, Specimen, above, check, csv, xlsx

NOW = datetime(2026, 9, 30, 12, tzinfo=UTC)
OWN: Rows = [
    ["Jour", "Quoi", "Combien", "Numéro", "Etat", "De qui"],
    ["14.09.26 08h00", "Versement membre", "1.250,50", "A-1", "OK", "22997000012"],
    ["15.09.26 09h30", "Reprise", "250,50", "A-2", "OK", "22997000012"],
    ["15.09.26 09h45", "Versement membre", "3,00", "A-3", "KO", "22997000013"],
]
MAPPING = Mapping(
    {"at": "Jour", "kind": "Quoi", "amount": "Combien", "operator_id": "Numéro", "status": "Etat", "payer": "De qui"},
    dates="%d.%m.%y %Hh%M",
    decimal=",",
    kinds={"versement membre": "payment", "REPRISE": "reversal"},
    completed=("ok",),
    left_out=("ko",),
    time_zone="UTC",
)
LINES = [
    {
        "line": 2,
        "at": "2026-09-14 08:00:00",
        "kind": "payment",
        "amount": 125050,
        "operator_id": "A1",
        "payer": "+2290197000012",
    },
    {"line": 3, "at": "2026-09-15 09:30:00", "kind": "reversal", "amount": -25050},
]
BY_LETTER = replace(
    MAPPING, columns={"at": "=A", "kind": "=b", "amount": "=C", "operator_id": "=D", "status": "=E", "payer": "=F"}
)
HERE = replace(DOLLARS, country="BJ")


@pytest.mark.parametrize(
    ("name", "content", "profile", "expect"),
    [
        ("by headings", csv(OWN, separator=";"), MAPPING, LINES),
        ("in a workbook", xlsx(OWN), MAPPING, LINES),
        (
            "below other rows",
            csv(OWN, above(("a", "b"), ("Jour", "x")), separator=";"),
            MAPPING,
            [
                {**line, "line": line["line"] + 2}
                for line in LINES  # type: ignore[operator] # they are numbers
            ],
        ),
        ("by letters below a row", csv(OWN, separator="|"), replace(BY_LETTER, header_row=1), LINES),
        ("by letters without headings", csv(OWN[1:]), replace(BY_LETTER, header_row=0), [{"line": 1}, {"line": 2}]),
        (
            "whose headings aren't there",
            csv(OWN, separator=";"),
            replace(MAPPING, columns={**MAPPING.columns, "fee": "Prix"}),
            Refused("the profile's headings aren't there"),
        ),
        (
            "whose row of headings isn't there",
            csv(OWN),
            replace(MAPPING, header_row=9),
            Refused("headings aren't there"),
        ),
        (
            "whose letters aren't there",
            csv(OWN),
            replace(BY_LETTER, header_row=1, columns={**BY_LETTER.columns, "fee": "=AB"}),
            Refused("headings aren't there"),
        ),
        (
            "of other words",
            csv(OWN, separator=";"),
            replace(MAPPING, left_out=()),
            Refused("'KO' is no status", 4, "Etat"),
        ),
        (
            "of other kinds",
            csv(OWN, separator=";"),
            replace(MAPPING, kinds={"versement membre": "payment"}),
            Refused("nothing says whether money came or left: 'Reprise'", 3, "Combien"),
        ),
        (
            "of other dates",
            csv(OWN, separator=";"),
            replace(MAPPING, dates="%d/%m/%Y"),
            Refused("is not a date", 2, "Jour"),
        ),
        (
            "of signed amounts",
            csv(OWN, separator=";"),
            replace(MAPPING, signs="signed"),
            [{"amount": 125050}, {"amount": 25050}],
        ),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_table_is_read_by_its_profile(
    name: str, content: bytes, profile: Mapping, expect: Any, tmp_path: Path
) -> None:
    check(Specimen(name, content, expect, "coop_bank", replace(HERE, profile=profile)), tmp_path)


def test_a_known_profile_is_found_by_its_headings(tmp_path: Path) -> None:
    other = replace(MAPPING, columns={"at": "Jour", "amount": "Somme"})
    check(Specimen("", csv(OWN, separator=";"), LINES, "coop_bank", replace(HERE, known=(other, MAPPING))), tmp_path)
    check(
        Specimen("", csv(OWN), Refused("no row has the headings"), "coop_bank", replace(HERE, known=(other,))), tmp_path
    )


def test_an_operator_s_own_table_comes_before_a_known_profile(tmp_path: Path) -> None:
    rows = [["Id", "Date", "Status", "Type", "Amount"], ["1", "2026-09-14 08:00", "Successful", "Payment", "500"]]
    wrong = Mapping({"at": "Date", "amount": "Id"})
    want = [{"amount": 500, "kind": "payment"}]
    check(Specimen("", csv(rows), want, "mtn_momo", replace(BENIN, known=(wrong,))), tmp_path)


def test_a_profile_is_kept_replaced_and_listed(store: Store) -> None:
    with store.write() as unit:
        assert profile_named(unit.connection, "coop") is None
        save_profile(unit.connection, "coop", MAPPING, "Awa", NOW)
        save_profile(unit.connection, "other", BY_LETTER, "Awa", NOW + timedelta(hours=1))
        assert profile_named(unit.connection, "coop") == MAPPING
        save_profile(unit.connection, "coop", replace(MAPPING, decimal="."), "Koffi", NOW + timedelta(hours=2))
    with store.read() as connection:
        assert profiles(connection) == (("coop", replace(MAPPING, decimal=".")), ("other", BY_LETTER))


def test_a_profile_is_the_same_as_json() -> None:
    for mapping in (MAPPING, BY_LETTER, Mapping({"at": "Date", "credit": "In", "debit": "Out"})):
        assert from_json(to_json(mapping)) == mapping


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda: from_json("x"), "a profile is an object"),
        (lambda: from_json({"columns": {"at": "A", "amount": "B"}, "colour": "red"}), "a profile is an object"),
        (lambda: from_json({"columns": ["A"]}), "columns are an object"),
        (lambda: from_json({"columns": {"at": "A", "sum": "B"}}), "has no column 'sum'"),
        (lambda: from_json({"columns": {"at": "A"}}), "which the amount"),
        (lambda: from_json({"columns": {"at": "A", "amount": "B"}, "kinds": {"x": "gift"}}), "can't be 'gift'"),
        (lambda: from_json({"columns": {"at": "A", "amount": "B"}, "header_row": 0}), "by letters"),
        (lambda: from_json({"columns": {"at": "A", "amount": "B"}, "decimal": ";"}), "'.' or ','"),
        (lambda: from_json({"columns": {"at": "A", "amount": "B"}, "signs": "?"}), "'signed' or 'by-kind'"),
        (lambda: from_json({"columns": {"at": "A", "amount": "B"}, "header_row": "1"}), "header_row"),
        (lambda: from_json({"columns": {"at": "A", "amount": "B"}, "time_zone": "Mars"}), "time zone"),
        (lambda: from_json({"columns": {"at": "A", "amount": "B"}, "dates": "%H"}), "a format of strptime"),
        (lambda: from_json({"columns": {"at": "A", "amount": "B"}, "dates": 7}), "a format of strptime"),
        (lambda: from_json({"columns": {"at": 1, "amount": "B"}}), "headings are texts"),
        (lambda: from_json({"columns": {"at": "A", "amount": "B"}, "completed": "ok"}), "a list of words"),
    ],
)
def test_a_profile_that_can_t_be_is_refused(wrong: Callable[[], object], why: str) -> None:
    with pytest.raises(BadProfile, match=why):
        wrong()
