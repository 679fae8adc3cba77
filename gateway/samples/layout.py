"""How published totals are spread over sections: exact sums, uneven shares, the same at every run. Pure.

A promoter's households are three groups: those who *stay* for both years, those who *leave* after the first, and those
who *join* in the second. So one year's figures never depend on whether the other year was loaded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random

from gateway.samples.burundi import YEARS, Promoter, Published, Section

SEED = "cotisa-pamusab"
STAY, LEAVE, JOIN = "stay", "leave", "join"
GROUPS = (STAY, LEAVE, JOIN)
_OF_YEAR = {YEARS[0]: (STAY, LEAVE), YEARS[1]: (STAY, JOIN)}


@dataclass(frozen=True)
class Group:
    """The households of one section that come and go together; ``first_place`` is theirs in the samples' numbers."""

    name: str
    households: int
    beneficiaries: int
    first_place: int


@dataclass(frozen=True)
class Share:
    """A section with its groups."""

    promoter: Promoter
    section: Section
    groups: dict[str, Group]

    def of_year(self, year: int) -> tuple[Group, ...]:
        """The groups that are members in a year, in the order in which they are written."""
        return tuple(self.groups[name] for name in _OF_YEAR[year] if self.groups[name].households)

    def households(self, year: int) -> int:
        return sum(one.households for one in self.of_year(year))


def shares(published: Published, scale: int) -> list[Share]:
    """Every section with the households that it gets, ``scale`` times as many as were published."""
    return list(_placed(published, scale))


def _placed(published: Published, scale: int) -> Iterator[Share]:
    place = 0
    for promoter in published.promoters:
        weights = _weights(promoter)
        spread = {name: _spread(weights[: sections], households, beneficiaries)
                  for name, sections, households, beneficiaries in _groups(promoter)}  # fmt: skip
        for number, section in enumerate(promoter.sections):
            groups = {}
            for name in GROUPS:
                households, beneficiaries = spread[name][number] if number < len(spread[name]) else (0, 0)
                groups[name] = Group(name, households * scale, beneficiaries * scale, place)
                place += households * scale
            yield Share(promoter, section, groups)


@dataclass(frozen=True)
class Placed:
    """A contracted facility in a commune, with the section there whose organisation above has the agreement."""

    number: int
    name: str
    kind: str
    ownership: str
    section: Section


_FACILITY_NAMES = {"hospital": "Hôpital", "centre": "Centre de santé"}
_COMMUNES_ON = 31  # to the next facility's commune: shares no factor with 89, and leads through every province


def placed(published: Published, sections: Sequence[Section]) -> Iterator[Placed]:
    """Every contracted facility in a commune of ``sections``: as many in one commune as in another, or one more."""
    communes = {(one.province, one.commune): one for one in reversed(sections)}
    order = sorted(communes)
    known: Counter[str] = Counter()
    every = (row for row in published.contracted for _ in range(row.facilities))
    for number, row in enumerate(every):
        section = communes[order[number * _COMMUNES_ON % len(order)]]
        stem = f"{_FACILITY_NAMES[row.kind]} {section.commune}"
        known[stem] += 1
        yield Placed(number + 1, f"{stem} {known[stem]}", row.kind, row.ownership, section)


def _groups(promoter: Promoter) -> Iterator[tuple[str, int, int, int]]:
    """Each group's name, in how many sections it is, its households and its beneficiaries."""
    first, second = promoter.totals
    staying = promoter.renewed * first.beneficiaries // first.households
    yield STAY, first.sections, promoter.renewed, staying
    yield LEAVE, first.sections, first.households - promoter.renewed, first.beneficiaries - staying
    yield JOIN, second.sections, second.households - promoter.renewed, second.beneficiaries - staying


def _weights(promoter: Promoter) -> list[int]:
    random = Random(f"{SEED}:{promoter.code}")
    return [250 + int(random.random() ** 2 * 2000) for _ in promoter.sections]


def _spread(weights: Sequence[int], households: int, beneficiaries: int) -> list[tuple[int, int]]:
    """Households and beneficiaries per section: at least one household each, at least one beneficiary per household."""
    counts = _apportion(weights, households)
    return list(
        zip(counts, (c + more for c, more in zip(counts, _parts(counts, beneficiaries - households), strict=True)),
            strict=True)
    )  # fmt: skip


def _apportion(weights: Sequence[int], total: int) -> list[int]:
    return [1 + more for more in _parts(weights, total - len(weights))]


def _parts(weights: Sequence[int], total: int) -> list[int]:
    """``total`` in whole parts proportional to ``weights``: what rounding leaves goes to the largest remainders."""
    exact = [Fraction(total * weight, sum(weights)) for weight in weights]
    parts = [int(one) for one in exact]
    order = sorted(range(len(weights)), key=lambda i: (parts[i] - exact[i], i))
    for i in order[: total - sum(parts)]:
        parts[i] += 1
    return parts
