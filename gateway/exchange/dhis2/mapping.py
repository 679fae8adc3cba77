"""What is what in DHIS2: which organisation unit an organisation is, and which data element a figure.

A figure's value of a period of so many months (a DHIS2 data set has one kind of period) goes to one data element, and a
data element with a category option combo takes one figure. Of what is divided, DHIS2 can be given both parts and divide
them itself, which alone adds up over organisation units; or the quotient, as a number or in percent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from gateway.indicators.catalogue import INDICATORS, Indicator
from gateway.kernel.faults import Fault
from gateway.kernel.money import EXPONENT
from gateway.network.organisations import Tree
from gateway.store.or_set import or_set
from gateway.store.schema import dhis2_element, dhis2_place
from gateway.store.unit import Unit

# https://docs.dhis2.org: an identifier is eleven letters and digits, the first a letter.
_UID = re.compile(r"[A-Za-z][A-Za-z0-9]{10}")
PARTS = ("value", "percent", "numerator", "denominator")
MONTHS: Mapping[str, int] = {"month": 1, "quarter": 3, "year": 12}
PERIODS = {months: word for word, months in MONTHS.items()}
COLUMNS = ("organisation", "orgUnit", "figure", "part", "period", "dataSet", "dataElement", "categoryOptionCombo")
MOST_ROWS = 20_000


class BadMapping(Fault):
    """Something can't be the same as something of DHIS2's; of a file it says in which row."""


@dataclass(frozen=True)
class Element:
    """A data element, and what is sent as it: a part of a figure, of periods of so many months."""

    data_set: str
    data_element: str
    combo: str  # the category option combo; empty: the default one
    months: int
    figure: str  # as gateway.indicators.figures.Figure.name has it: households, recovery:XOF
    part: str


@dataclass(frozen=True)
class Map:
    """All that is known: organisation units by the organisation's id, and the elements."""

    units: Mapping[int, str]
    elements: tuple[Element, ...]

    def of_months(self, months: int) -> tuple[Element, ...]:
        """The elements of periods of so many months."""
        return tuple(each for each in self.elements if each.months == months)


def read_map(connection: Connection) -> Map:
    """Everything that is mapped."""
    places = connection.execute(select(dhis2_place.c.organisation_id, dhis2_place.c.org_unit))
    columns = (
        dhis2_element.c.data_set,
        dhis2_element.c.data_element,
        dhis2_element.c.category_option_combo,
        dhis2_element.c.months,
        dhis2_element.c.figure,
        dhis2_element.c.part,
    )
    order = (dhis2_element.c.months, dhis2_element.c.data_set, dhis2_element.c.figure, dhis2_element.c.part)
    elements = connection.execute(select(*columns).order_by(*order, dhis2_element.c.data_element))
    return Map({row.organisation_id: row.org_unit for row in places}, tuple(Element(*row) for row in elements))


_KEEP_PLACE = or_set(dhis2_place, ("organisation_id",), "org_unit")
_KEEP_ELEMENT = or_set(
    dhis2_element, ("data_element", "category_option_combo", "months"), "data_set", "figure", "part"
)  # fmt: skip


def map_place(unit: Unit, tree: Tree, code: str, org_unit: str) -> None:
    """An organisation is this organisation unit; raises :class:`BadMapping`, also where another one is it already."""
    place = tree.named(code)
    _uid("orgUnit", org_unit)
    asked = select(dhis2_place.c.organisation_id).where(dhis2_place.c.org_unit == org_unit)
    taken = unit.connection.scalar(asked)
    if taken is not None and taken != place.id:
        raise BadMapping(f"the organisation unit {org_unit} is {tree[taken].code} already")
    values = {"organisation_id": place.id, "org_unit": org_unit}
    unit.connection.execute(_KEEP_PLACE[unit.connection.dialect.name], values)


def map_element(unit: Unit, one: Element) -> None:
    """A figure is sent as this data element from now on, in place of what was; raises :class:`BadMapping`."""
    _check(one)
    values = {
        "data_element": one.data_element,
        "category_option_combo": one.combo,
        "months": one.months,
        "data_set": one.data_set,
        "figure": one.figure,
        "part": one.part,
    }
    unit.connection.execute(_KEEP_ELEMENT[unit.connection.dialect.name], values)


def forget_place(unit: Unit, tree: Tree, code: str) -> bool:
    """An organisation is no organisation unit any more; False where it was none."""
    gone = delete(dhis2_place).where(dhis2_place.c.organisation_id == tree.named(code).id)
    return bool(unit.connection.execute(gone).rowcount)


def forget_element(unit: Unit, data_element: str) -> int:
    """Nothing is sent as a data element any more; how many figures were."""
    gone = delete(dhis2_element).where(dhis2_element.c.data_element == data_element)
    return int(unit.connection.execute(gone).rowcount)


def _check(one: Element) -> None:
    _uid("dataSet", one.data_set)
    _uid("dataElement", one.data_element)
    if one.combo:
        _uid("categoryOptionCombo", one.combo)
    code, colon, currency = one.figure.partition(":")
    indicator = INDICATORS.get(code)
    if indicator is None:
        raise BadMapping(f"there is no figure {code}: there are {', '.join(INDICATORS)}")
    if indicator.by_currency and currency not in EXPONENT:
        raise BadMapping(f"{code} is of a currency: write {code}:XOF")
    if colon and not indicator.by_currency:
        raise BadMapping(f"{code} is of no currency: write {code}")
    if one.part not in PARTS:
        raise BadMapping(f"a part is one of {', '.join(PARTS)}")
    if one.part not in _parts_of(indicator):
        raise BadMapping(f"{code} has no {one.part}: it has {', '.join(_parts_of(indicator))}")
    if one.months not in PERIODS:
        raise BadMapping(f"a period is one of {', '.join(MONTHS)}")


def _parts_of(one: Indicator) -> tuple[str, ...]:
    if not one.denominator or one.unit in ("hours", "days"):
        return ("value",)
    return PARTS if one.unit == "ratio" else ("value", "numerator", "denominator")


def nameable() -> dict[str, tuple[str, ...]]:
    """Every figure as it is named here, with its parts; ``XOF`` stands for any currency."""
    return {f"{one.code}:XOF" if one.by_currency else one.code: _parts_of(one) for one in INDICATORS.values()}


def _uid(what: str, typed: str) -> None:
    if not _UID.fullmatch(typed):
        raise BadMapping(f"{what} {typed or '(empty)'} is no identifier of DHIS2: eleven letters and digits")


# --- from a file ------------------------------------------------------------------------------------------------------


def import_map(unit: Unit, tree: Tree, rows: Iterable[tuple[int, Sequence[str]]]) -> tuple[int, int]:
    """Take in the rows of a file, with its heads; how many organisations, and how many data elements it names.

    A row names an organisation and its ``orgUnit``, or a figure and its data element. What a file doesn't name stays.
    Raises :class:`BadMapping` with the first row that is wrong: let the transaction fail, and nothing is written.
    """
    heads: dict[str, int] = {}
    units: dict[str, int] = {}
    elements: dict[tuple[str, str, int], int] = {}
    for at, cells in rows:
        if at > MOST_ROWS:
            raise BadMapping(f"more than {MOST_ROWS} rows: divide the file")
        if not heads:
            heads = _heads(cells)
            continue
        row = {name: cells[place].strip() if place < len(cells) else "" for name, place in heads.items()}
        if not any(row.values()):
            continue
        try:
            _take(unit, tree, row, at, units, elements)
        except Fault as wrong:
            raise BadMapping(f"row {at}: {wrong}") from None
    return len(units), len(elements)


def _heads(cells: Sequence[str]) -> dict[str, int]:
    names = {each.lower(): each for each in COLUMNS}
    found = {names[cell.strip().lower()]: place for place, cell in enumerate(cells) if cell.strip().lower() in names}
    unknown = [cell for cell in cells if cell.strip() and cell.strip().lower() not in names]
    if unknown or not found:
        raise BadMapping(f"the heads of the columns are {', '.join(COLUMNS)}: not {', '.join(unknown) or 'none'}")
    return found


def _take(
    unit: Unit,
    tree: Tree,
    row: Mapping[str, str],
    at: int,
    units: dict[str, int],
    elements: dict[tuple[str, str, int], int],
) -> None:
    organisation, figure = row.get("organisation", ""), row.get("figure", "")
    if bool(organisation) == bool(figure):
        raise BadMapping("name an organisation and its orgUnit, or a figure and its dataElement")
    if organisation:
        if organisation in units:
            raise BadMapping(f"{organisation} is named in row {units[organisation]} already")
        units[organisation] = at
        map_place(unit, tree, organisation, row.get("orgUnit", ""))
        return
    period = row.get("period", "")
    if period not in MONTHS:
        raise BadMapping(f"period {period or '(empty)'}: write one of {', '.join(MONTHS)}")
    part = row.get("part") or "value"
    combo, data_element = row.get("categoryOptionCombo", ""), row.get("dataElement", "")
    one = Element(row.get("dataSet", ""), data_element, combo, MONTHS[period], figure, part)
    key = (one.data_element, one.combo, one.months)
    if key in elements:
        raise BadMapping(f"{data_element} is named in row {elements[key]} already")
    elements[key] = at
    map_element(unit, one)
