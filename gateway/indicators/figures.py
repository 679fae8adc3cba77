"""The figures of a place and a period: each a value with what it was divided from, in one unit and one currency."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from sqlalchemy import Connection

from gateway.indicators import populations
from gateway.indicators.catalogue import INDICATORS, Indicator, Unit
from gateway.indicators.counting import WAYS, Sums, sums, together
from gateway.indicators.periods import Period
from gateway.kernel.money import EXPONENT
from gateway.network.organisations import Organisation, Tree
from gateway.sms.costs import E4

MINUTES = 60
_PARTS = {"pay_to_cover_median": Fraction(1, 2), "pay_to_cover_p90": Fraction(9, 10),
          "complaint_days_median": Fraction(1, 2)}  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """One indicator of one place and period.

    ``code``: see :mod:`gateway.indicators.catalogue`. ``value``: exact; None where there was nothing to divide by, or
    nothing to count. ``numerator``/``denominator``: what a ratio, average or cost was divided from: counts, or minor
    units of ``currency`` (of costs: ten-thousandths of its unit); of a count the numerator is the value and there is no
    denominator; of hours and days the denominator is how many were measured, and there is no numerator. ``currency``:
    of what is money; each currency has figures of its own, since they are never added.
    """

    code: str
    value: Fraction | None
    unit: Unit
    numerator: int | None
    denominator: int | None
    currency: str | None = None

    @property
    def name(self) -> str:
        """What tells it from the other figures of its place and period: ``recovery:XOF``, ``households``."""
        return f"{self.code}:{self.currency}" if self.currency else self.code

    @property
    def indicator(self) -> Indicator:
        """What it is called, and its formula."""
        return INDICATORS[self.code]


def figures(connection: Connection, tree: Tree, place: Organisation, period: Period) -> tuple[Figure, ...]:
    """Every figure of everything at or below a place, in the catalogue's order; counted now, with a few statements.

    A period that has passed is counted by the days that its rows bear, so it doesn't change with what happens later.
    """
    return figures_below(connection, tree, place, period)[place.id]


def figures_below(
    connection: Connection, tree: Tree, place: Organisation, period: Period
) -> Mapping[int, tuple[Figure, ...]]:
    """The same of each organisation at or below a place, by its id: for as many statements as for the place alone."""
    return made_of(connection, tree, place, period, sums(connection, place, period))


def made_of(
    connection: Connection, tree: Tree, place: Organisation, period: Period, found: Mapping[int, Sums]
) -> dict[int, tuple[Figure, ...]]:
    """The figures of each organisation at or below a place, from sums that were counted; no large table is read."""
    total = together(found, {one.id: one.path for one in tree.by_id.values()}, place.path)
    sections = {one: Sums(sections=1) for one, own in found.items() if own["households"]}
    for its_id, own in together(sections, {one.id: one.path for one in tree.by_id.values()}, place.path).items():
        total[its_id].update(own)
    own_people = populations.known(connection, period.last)
    areas = populations.reached(tree, own_people, {its_id: own["beneficiaries"] for its_id, own in total.items()})
    for its_id, one in total.items():
        one["population"], one["reached"] = areas[its_id].people, areas[its_id].beneficiaries
    return {its_id: tuple(_figures(own, tree[its_id].currency)) for its_id, own in total.items()}


def _figures(own: Sums, currency: str) -> Iterator[Figure]:
    currencies = {name.partition(":")[2] for name in own if name.startswith(("received:", "due:", "fees:", "sms:"))}
    for one in INDICATORS.values():
        if one.code in _PARTS:
            yield _waited(one, own)
        elif one.by_currency:
            yield from (_divided(one, _named(own, each), each) for each in sorted({currency, *currencies}))
        else:
            yield _divided(one, _named(own, ""), None)


def _named(own: Sums, currency: str) -> Mapping[str, int]:
    """Every number that a formula names, of a currency."""
    if not currency:
        answered = sum(count for name, count in own.items() if name.startswith("answer:"))
        return {**own, "grown": own["households"] - own["households_before"], "answered": answered}
    ways = {f"way_{way}": own[f"way_{way}:{currency}"] for way in WAYS}
    return {
        "received": own[f"received:{currency}"],
        "due": own[f"due:{currency}"],
        "costs": _e4(own[f"fees:{currency}"], currency) + own[f"sms:{currency}"],
        "ways": sum(ways.values()),
        **ways,
    }


def _e4(minor: int, currency: str) -> int:
    """An amount in minor units as ten-thousandths of its unit."""
    finest: int = 10 ** EXPONENT.get(currency, 2)
    return minor * E4 // finest


def _divided(one: Indicator, named: Mapping[str, int], currency: str | None) -> Figure:
    numerator = named.get(one.numerator, 0)
    if not one.denominator:
        return Figure(one.code, Fraction(numerator), one.unit, numerator, None, currency)
    denominator = named.get(one.denominator, 0)
    if one.unit == "cost" and currency is not None:
        denominator = _e4(denominator, currency)
    value = Fraction(numerator, denominator) if denominator > 0 else None
    return Figure(one.code, value, one.unit, numerator, denominator, currency)


def _waited(one: Indicator, own: Sums) -> Figure:
    """Within how long so many of those that were measured had it."""
    begins = f"{one.numerator}:"
    lengths = sorted((int(name.removeprefix(begins)), count) for name, count in own.items() if name.startswith(begins))
    total, sofar = sum(count for _, count in lengths), 0
    for length, count in lengths:
        sofar += count
        if sofar >= total * _PARTS[one.code]:
            value = Fraction(length, MINUTES) if one.unit == "hours" else Fraction(length)
            return Figure(one.code, value, one.unit, None, total)
    return Figure(one.code, None, one.unit, None, 0)
