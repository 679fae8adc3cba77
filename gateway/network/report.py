"""The network's yearly report, counted anew: sections, households, beneficiaries by promoter; growth and loyalty.

Counted are memberships that start in the year (*année mutualiste*). Growth M.1 = (households N - households N-1) /
households N-1; loyalty M.2 = households of N-1 with a membership in N / households of N-1 (BIT-STEP/CIDR guide on
monitoring micro-insurance).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import Connection, Select, case, func, or_, select

from gateway.network.organisations import Organisation, Tree
from gateway.store.schema import household, membership, organisation


@dataclass(frozen=True)
class Figures:
    """What one membership year counted; a section counts when it has a household."""

    sections: int = 0
    households: int = 0
    beneficiaries: int = 0

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.sections + other.sections,
            self.households + other.households,
            self.beneficiaries + other.beneficiaries,
        )


@dataclass(frozen=True)
class Row:
    """One promoter, or the total: its year, the year before, and how many of that year's households renewed."""

    code: str
    name: str
    now: Figures
    before: Figures
    renewed: int

    @property
    def growth(self) -> float | None:
        """M.1, as a ratio; None when there was nothing to grow from."""
        return (self.now.households - self.before.households) / self.before.households if self._was else None

    @property
    def loyalty(self) -> float | None:
        """M.2, as a ratio; None when there was nobody to be loyal."""
        return self.renewed / self.before.households if self._was else None

    @property
    def _was(self) -> bool:
        return self.before.households > 0


@dataclass(frozen=True)
class NetworkReport:
    """A network's year: a row for each promoter, and the total; ``has_before``: does the data have the year before?"""

    network: str
    year: int
    rows: tuple[Row, ...]
    total: Row

    @property
    def has_before(self) -> bool:
        return self.total.before.households > 0


def network_report(connection: Connection, tree: Tree, root: Organisation, year: int) -> NetworkReport:
    """The report of everything at or below ``root`` on the membership year ``year``.

    A row stands for each organisation directly below the root (in a platform, its promoters), in the order in which
    they joined; a section that is asked about by itself is its own only row.
    """
    now, before, renewed = _counted(connection, root, year)
    parts = sorted((one for one in tree.by_id.values() if one.parent_id == root.id), key=lambda one: one.id)
    rows = [_row(part, tree, now, before, renewed) for part in parts or [root]]
    total = Row(root.code, root.name, _sum(now.values()), _sum(before.values()), sum(renewed.values()))
    return NetworkReport(root.name, year, tuple(rows), total)


def _row(
    part: Organisation, tree: Tree, now: dict[int, Figures], before: dict[int, Figures], renewed: dict[int, int]
) -> Row:
    below = [one.id for one in tree.by_id.values() if one.under(part)]
    return Row(
        part.code,
        part.name,
        _sum(now[one] for one in below if one in now),
        _sum(before[one] for one in below if one in before),
        sum(renewed.get(one, 0) for one in below),
    )


def _sum(figures: Iterable[Figures]) -> Figures:
    return sum(figures, start=Figures())


def members(path: str, since: date, first: date, last: date) -> Select[int, int, int, int]:
    """Each household at or below a path that began a membership from ``since`` to ``last``.

    Its id, its section, and the beneficiaries of what it began from ``first`` on (``now``) and earlier (``before``);
    None: it began nothing then. Once, also where it began two. Whoever counts members anywhere counts these.
    """
    begun, people = membership.c.starts_on, membership.c.beneficiaries
    return (
        select(
            household.c.id,
            household.c.section_id,
            func.max(case((begun >= first, people))).label("now"),
            func.max(case((begun < first, people))).label("before"),
        )
        .join(membership, membership.c.household_id == household.c.id)
        .join(organisation, organisation.c.id == household.c.section_id)
        .where(
            begun.between(since, last),
            organisation.c.path.like(path + "%"),
            household.c.merged_into_id.is_(None),
            # Who left before it began (enrolled ahead, or taken out with an imported register) never was a member.
            or_(membership.c.left_on.is_(None), membership.c.left_on >= begun),
        )
        .group_by(household.c.id, household.c.section_id)
    )


def by_section(every: Select[int, int, int, int]) -> Select[int, int, int, int, int, int]:
    """Of :func:`members`, by section: households and beneficiaries now, the same before, and who is in both."""
    one = every.subquery()
    both = case((one.c.now.is_not(None), one.c.before))
    return select(
        one.c.section_id,
        func.count(one.c.now),
        func.sum(one.c.now),
        func.count(one.c.before),
        func.sum(one.c.before),
        func.count(both),
    ).group_by(one.c.section_id)


ByPlace = dict[int, Figures]


def _counted(connection: Connection, root: Organisation, year: int) -> tuple[ByPlace, ByPlace, dict[int, int]]:
    """By section the figures of a year and of the one before, and how many of that one's households renewed."""
    now: ByPlace = {}
    before: ByPlace = {}
    renewed = {}
    every = members(root.path, date(year - 1, 1, 1), date(year, 1, 1), date(year, 12, 31))
    for place_id, households, people, were, were_people, both in connection.execute(by_section(every)):
        if households:
            now[place_id] = Figures(1, households, int(people))
        if were:
            before[place_id] = Figures(1, were, int(were_people))
        renewed[place_id] = both
    return now, before, renewed


# --- showing it -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Headings:
    """The words of the table in one language, and its decimal sign."""

    name: str
    sections: str
    households: str
    beneficiaries: str
    growth: str
    loyalty: str
    total: str
    decimal_sign: str


ENGLISH = Headings("Promoter", "Sections", "Households", "Beneficiaries", "Growth", "Loyalty", "Total", ".")
FRENCH = Headings("Promoteur", "Sections", "Ménages", "Bénéficiaires", "Croissance", "Fidélisation", "Total", ",")


def as_text(report: NetworkReport, headings: Headings = ENGLISH) -> str:
    """The report as an aligned table; the year before stands on the left where there is one."""
    counted = (headings.sections, headings.households, headings.beneficiaries)
    years = [report.year - 1, report.year] if report.has_before else [report.year]
    table = [[headings.name, *(f"{what} {year}" for year in years for what in counted)]]
    if report.has_before:
        table[0] += [headings.growth, headings.loyalty]
    for row in (*report.rows, report.total):
        name = headings.total if row is report.total else row.name
        figures = [row.before, row.now] if report.has_before else [row.now]
        cells = [_thousands(n) for one in figures for n in (one.sections, one.households, one.beneficiaries)]
        if report.has_before:
            cells += [_percent(row.growth, headings, "+"), _percent(row.loyalty, headings, "")]
        table.append([name, *cells])
    return _aligned(table)


def _aligned(table: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in table
    ]
    rule = "-" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def _thousands(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _percent(ratio: float | None, headings: Headings, sign: str) -> str:
    return "-" if ratio is None else f"{ratio * 100:{sign}.1f} %".replace(".", headings.decimal_sign)


def as_json(report: NetworkReport) -> dict[str, object]:
    """The report as plain values: ratios to four decimals; what needs a year before is null where there is none."""
    return {
        "network": report.network,
        "year": report.year,
        "promoters": [_row_json(row, report.has_before) for row in report.rows],
        "total": _row_json(report.total, report.has_before),
    }


def _row_json(row: Row, has_before: bool) -> dict[str, object]:
    return {
        "code": row.code,
        "name": row.name,
        **asdict(row.now),
        "previous_year": asdict(row.before) if has_before else None,
        "renewed": row.renewed if has_before else None,
        "growth": _rounded(row.growth),
        "loyalty": _rounded(row.loyalty),
    }


def _rounded(ratio: float | None) -> float | None:
    return None if ratio is None else round(ratio, 4)
