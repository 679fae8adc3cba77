"""The directory and the facilities as lists: row by row what is new, changed or wrong; all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import pytest
from sqlalchemy import func, select

from gateway.kernel.faults import Fault
from gateway.locale import Say
from gateway.network import directory, facility_lists
from gateway.network.facilities import Terms, agree, by_id, end_agreement, history, renew_agreement, with_code
from gateway.network.lists import Outcome, read_list
from gateway.store.schema import facility, facility_agreement, organisation
from gateway.store.unit import Unit
from tests.conftest import DEFAULTS
from tests.payments.village import ON_SQLITE, Village

TODAY = date(2026, 11, 22)
HEADS = ("code", "name", "kind", "parent", "contact", "phone", "languages")
FACILITY_HEADS = (
    "code",
    "name",
    "kind",
    "ownership",
    "district",
    "organisation",
    "agreed_on",
    "agreed_until",
    "tariff",
)


def rows(heads: Sequence[str], *lines: str) -> list[tuple[int, dict[str, str]]]:
    table = [(1, list(heads)), *((number, line.split(";")) for number, line in enumerate(lines, 2))]
    return read_list(iter([iter(table)]), [*heads, "address"], heads[:4])


class _Undo(Exception):
    """Taken back."""


def states(outcomes: Sequence[Outcome]) -> list[str]:
    return [each.state for each in outcomes]


def test_a_directory_is_looked_at_then_taken_in_whole(village: Village) -> None:
    lines = rows(
        HEADS, "u;Union du Nord;union;;;;", "m;Mutuelle de Ouaké;mutuelle;;Awa Bio;01 00 00 01 01;",
        "m-9;Kolokondé;section;m;;;fr,en", "m-10;Donga;section;m;;;xx",
    )  # fmt: skip
    found: list[Outcome] = []

    def look() -> None:
        with village.store.write() as unit:
            found.extend(directory.take_in(unit, DEFAULTS, lines, None))
            raise _Undo

    with pytest.raises(_Undo):
        look()
    assert states(found) == ["wrong", "wrong", "new", "wrong"]
    assert "no organisation" in found[0].said(Say("en"))
    assert "no mobile number of BJ" in found[1].said(Say("en"))
    with village.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(organisation)) == 2
    good = rows(
        HEADS, "m;Mutuelle;mutuelle;;Awa Bio;+2290150000001;", "m-9;Kolokondé;section;m;;;", "m-1;Awanla;section;m;;;"
    )
    with village.store.write() as unit:
        found = directory.take_in(unit, DEFAULTS, good, None)
    assert [(each.state, sorted(each.changed)) for each in found[::2]] == [
        ("changed", ["contact_msisdn", "contact_name", "name"]),
        ("same", []),
    ]
    # What was written is taken in again, masked or not, and changes nothing.
    for whole in (True, False):
        with village.store.read() as connection:
            again = list(directory.directory(connection, "/", whole_numbers=whole))
        assert again[0]["phone"] == ("+2290150000001" if whole else "+229…01")
        with village.store.write() as unit:
            assert set(states(directory.take_in(unit, DEFAULTS, list(enumerate(again, 2)), None))) == {"same"}


@ON_SQLITE
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("m-1;Awanla;union;m;;;", "kind is section and isn't changed by a list"),
        ("m-1;Awanla;section;x;;;", "parent is m and isn't changed by a list"),
        ("m-2;Two;mutuelle;m-1;;;", "can't stand here"),
        ("M 2;Two;section;m;;;", "small letters"),
        ("m-2;;section;m;;;", "letters or figures"),
    ],
)
def test_a_wrong_row_of_the_directory(village: Village, line: str, told: str) -> None:
    with village.store.write() as unit:
        [found] = directory.take_in(unit, DEFAULTS, rows(HEADS, line), None)
    assert found.state == "wrong"
    assert told in found.said(Say("en"))


@ON_SQLITE
def test_a_code_twice_and_what_is_outside_one_s_part(village: Village) -> None:
    lines = rows(HEADS, "m-1;A;section;m;;;", "m-1;B;section;m;;;", "m;C;mutuelle;;;;")
    section = village.network.tree().named("m-1")
    with village.store.write() as unit:
        found = directory.take_in(unit, DEFAULTS, lines, section)
    assert states(found) == ["changed", "wrong", "wrong"]
    assert "row 2" in found[1].said(Say("en"))


@pytest.mark.parametrize(
    ("heads", "told"),
    [
        (("code", "name"), "missing: kind"),
        ((*HEADS, "colour"), "isn't known: colour"),
        ((*HEADS, "code"), "twice: code"),
    ],
)
def test_a_list_with_other_columns(heads: Sequence[str], told: str) -> None:
    with pytest.raises(Fault, match=told):
        read_list(iter([iter([(1, list(heads)), (2, ["x"] * len(heads))])]), HEADS, HEADS[:4])


def take(unit: Unit, village: Village, *lines: str) -> list[Outcome]:
    return facility_lists.take_in(unit, village.network.tree(), rows_of(*lines), "Awa", TODAY)


def rows_of(*lines: str) -> list[tuple[int, dict[str, str]]]:
    table = [(1, list(FACILITY_HEADS)), *((number, line.split(";")) for number, line in enumerate(lines, 2))]
    return read_list(iter([iter(table)]), facility_lists.COLUMNS, facility_lists.NEEDED)


def test_facilities_with_their_agreements(village: Village) -> None:
    with village.store.write() as unit:
        found = take(
            unit,
            village,
            "h;Hôpital;hospital;public;Ouaké;m;2026-01-01;2026-12-31;T1",
            "c;Centre;centre;faith;Ouaké;m;;;",
        )
    assert states(found) == ["new", "new"]
    with village.store.write() as unit:
        found = take(
            unit,
            village,
            "h;Hôpital de zone;hospital;public;Ouaké;m;2026-01-01;2027-12-31;T2",
            "c;Centre;centre;faith;Ouaké;m;;;",
        )
    assert [(each.state, sorted(each.changed)) for each in found] == [
        ("changed", ["agreed_until", "name", "tariff"]),
        ("same", []),
    ]
    tree = village.network.tree()
    with village.store.read() as connection:
        one = with_code(connection, "h")
        assert one is not None
        assert (one.name, one.agreed_on, one.agreed_until) == ("Hôpital de zone", date(2026, 1, 1), date(2027, 12, 31))
        assert [(each.kind, each.terms.tariff, each.by_name) for each in history(connection, one.id)] == [
            ("agreed", "T1", "Awa"),
            ("agreed", "T2", "Awa"),
        ]
        again = list(facility_lists.facility_list(connection, tree, "/", whole_numbers=False))
    with village.store.write() as unit:
        known = facility_lists.take_in(unit, tree, list(enumerate(again, 2)), "Awa", TODAY)
    assert states(known) == ["same", "same"]


@ON_SQLITE
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("h;H;hospital;public;Ouaké;nobody;;;", "no organisation nobody here"),
        ("h;H;castle;public;Ouaké;m;;;", "a facility is one of"),
        ("h;H;hospital;public;Ouaké;m;1.1.2026;;", "is no day"),
        ("h;H;hospital;public;Ouaké;m;2026-02-01;2026-01-01;", "before it begins"),
        ("H;H;hospital;public;Ouaké;m;;;", "small letters"),
        ("h;!;hospital;public;Ouaké;m;;;", "letters or digits"),
    ],
)
def test_a_wrong_row_of_facilities(village: Village, line: str, told: str) -> None:
    with village.store.write() as unit:
        [found] = take(unit, village, line)
    assert (found.state, told in found.said(Say("en"))) == ("wrong", True)
    with village.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(facility)) == 0


def test_agreements_are_kept_as_they_were_made(village: Village) -> None:
    with village.store.write() as unit:
        take(unit, village, "h;Hôpital;hospital;public;Ouaké;m;2026-01-01;2026-12-31;T1")
        one = with_code(unit.connection, "h")
        assert one is not None
        kept = unit.connection.execute(select(facility_agreement)).all()
    steps: list[Callable[[Unit], object]] = [
        lambda unit: renew_agreement(unit, one.id, date(2027, 1, 1), date(2027, 6, 30), "Bio"),
        lambda unit: agree(unit, one.id, date(2027, 7, 1), None, Terms("all care", "T2", "births"), "Awa", TODAY),
        lambda unit: end_agreement(unit, one.id, date(2028, 1, 31), "Awa"),
    ]
    for step in steps:
        with village.store.write() as unit:
            step(unit)
            assert unit.connection.execute(select(facility_agreement)).all()[: len(kept)] == kept
            kept = unit.connection.execute(select(facility_agreement)).all()
    with village.store.read() as connection:
        assert [(each.kind, each.begins_on.year, each.ends_on) for each in history(connection, one.id)] == [
            ("agreed", 2026, date(2026, 12, 31)),
            ("renewed", 2027, date(2027, 6, 30)),
            ("agreed", 2027, None),
            ("ended", 2026, date(2028, 1, 31)),
        ]
        now = by_id(connection, one.id)
        assert (now.agreed_on, now.agreed_until) == (date(2026, 1, 1), date(2028, 1, 31))
        assert facility_lists.current_terms(connection, one.id).tariff == "T2"
    with village.store.write() as unit, pytest.raises(Fault, match="the next one begins the day after"):
        agree(unit, one.id, date(2028, 3, 1), None, Terms(), "Awa", TODAY)
