"""Data values of a place and a period: the figures as DHIS2 takes them, and what of them had nowhere to go."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection

from gateway.exchange.dhis2.mapping import read_map
from gateway.indicators.figures import Figure, figures_below
from gateway.indicators.periods import Period
from gateway.kernel.money import EXPONENT
from gateway.network.organisations import Organisation, Tree
from gateway.sms.costs import E4

_FINEST = Decimal("0.000001")
# The columns of DHIS2's own CSV, in its order.
HEADS = ("dataelement", "period", "orgunit", "categoryoptioncombo", "attributeoptioncombo", "value")


@dataclass(frozen=True)
class DataValue:
    """A value as DHIS2 takes it; ``combo`` empty: the default category option combo."""

    data_set: str
    data_element: str
    period: str
    org_unit: str
    combo: str
    value: str


@dataclass(frozen=True)
class Values:
    """The values, and what isn't among them.

    ``no_unit``: organisations (their codes) below the place that are no organisation unit. ``no_element``: figures of
    which no part goes anywhere. ``no_figure``: mapped figures that nobody has here, as those of another currency.
    ``empty``: how many values there would be, had there been anything to divide by.
    """

    values: tuple[DataValue, ...]
    no_unit: tuple[str, ...]
    no_element: tuple[str, ...]
    no_figure: tuple[str, ...]
    empty: int

    @property
    def told(self) -> tuple[str, ...]:
        """What isn't among the values, each in a line."""
        lines = []
        if self.no_unit:
            lines.append(f"no organisation unit: {_some(self.no_unit)} (gateway dhis2 map organisation)")
        if self.no_element:
            lines.append(f"no data element: {_some(self.no_element)} (gateway dhis2 map figure)")
        if self.no_figure:
            lines.append(f"mapped, and no figure of this place: {_some(self.no_figure)}")
        if self.empty:
            lines.append(f"left out, for there was nothing to divide by or to measure: {self.empty}")
        return tuple(lines)

    def by_set(self) -> Mapping[str, tuple[DataValue, ...]]:
        """The values of each data set."""
        found: dict[str, list[DataValue]] = {}
        for each in self.values:
            found.setdefault(each.data_set, []).append(each)
        return {name: tuple(each) for name, each in sorted(found.items())}


def _some(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def data_values(connection: Connection, tree: Tree, place: Organisation, period: Period) -> Values:
    """The values of every organisation at or below a place, of a period: counted now."""
    known = read_map(connection)
    elements = known.of_months(period.months)
    below = sorted((one for one in tree.by_id.values() if one.under(place)), key=lambda one: (len(one.path), one.path))
    found = figures_below(connection, tree, place, period)
    values: list[DataValue] = []
    there: dict[str, None] = {}
    empty = 0
    for one in below:
        by_name = {each.name: each for each in found.get(one.id, ())}
        there.update(dict.fromkeys(by_name))
        unit = known.units.get(one.id)
        if unit is None:
            continue
        for element in elements:
            figure = by_name.get(element.figure)
            if figure is None:
                continue
            text = written(figure, element.part)
            if text is None:
                empty += 1
                continue
            values.append(
                DataValue(element.data_set, element.data_element, period.dhis2, unit, element.combo, text)
            )  # fmt: skip
    mapped = dict.fromkeys(each.figure for each in elements)
    return Values(
        tuple(values),
        tuple(one.code for one in below if one.id not in known.units),
        tuple(name for name in there if name not in mapped),
        tuple(name for name in mapped if name not in there),
        empty,
    )


def written(figure: Figure, part: str) -> str | None:
    """A part of a figure as DHIS2 reads numbers; amounts in whole units of their currency. None: there is none.

    What can't be written exactly is rounded to six decimals, half to even.
    """
    if part == "value":
        return _number(figure.value)
    if part == "percent":
        return _number(figure.value * 100 if figure.value is not None else None)
    found = figure.numerator if part == "numerator" else figure.denominator
    if found is None:
        return None
    if figure.currency is None:
        return _number(Fraction(found))
    finest = E4 if figure.unit == "cost" else 10 ** EXPONENT.get(figure.currency, 2)
    return _number(Fraction(found, finest))


def _number(value: Fraction | None) -> str | None:
    if value is None:
        return None
    if value.denominator == 1:
        return str(value.numerator)
    exact = (Decimal(value.numerator) / Decimal(value.denominator)).quantize(_FINEST, ROUND_HALF_EVEN)
    text = f"{exact:f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


# --- as DHIS2 reads them ----------------------------------------------------------------------------------------------


def payload(data_set: str, values: Iterable[DataValue]) -> bytes:
    """The body of ``POST /api/dataValueSets``, and a file that its import takes: values of one data set."""
    return json.dumps({"dataSet": data_set, "dataValues": [_in_json(each) for each in values]}).encode()


def _in_json(one: DataValue) -> dict[str, Any]:
    found = {
        "dataElement": one.data_element,
        "period": one.period,
        "orgUnit": one.org_unit,
        "categoryOptionCombo": one.combo,
        "value": one.value,
    }
    return {name: value for name, value in found.items() if value}


def table(values: Iterable[DataValue]) -> bytes:
    """The same as the CSV that its import takes, which names no data set."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(HEADS)
    for each in values:
        writer.writerow((each.data_element, each.period, each.org_unit, each.combo, "", each.value))
    return text.getvalue().encode()
