"""Figures as the tests ask for them, by name."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice

from gateway.indicators.figures import Figure, figures
from gateway.indicators.periods import Period
from gateway.indicators.rows import source_rows
from gateway.ledger.exports import Cell
from gateway.locale import Say
from tests.payments.village import Village

NOVEMBER = Period(2026, month=11)


def now(office: Village, period: Period = NOVEMBER, code: str = "m") -> dict[str, Figure]:
    """Every figure of a place by its name."""
    tree = office.network.tree()
    with office.store.read() as connection:
        return {one.name: one for one in figures(connection, tree, tree.named(code), period)}


def value(office: Village, name: str, period: Period = NOVEMBER) -> Fraction | None:
    return now(office, period)[name].value


def rows(office: Village, code: str, period: Period = NOVEMBER, place: str = "m") -> list[tuple[Cell, ...]]:
    """The source rows of an indicator."""
    tree = office.network.tree()
    with office.store.read() as connection:
        sheet = source_rows(connection, tree, tree.named(place), period, code, Say("en"))
        found = [tuple(row) for row in islice(sheet.rows, 100)]
    assert all(len(row) == len(sheet.heads) for row in found)
    return found
