"""Every figure agrees with every other: the indicators, the network's report, what was published, and the registers."""

from __future__ import annotations

from fractions import Fraction

from sqlalchemy import func, select

from gateway.indicators.figures import Figure, figures, figures_below
from gateway.indicators.keeping import count
from gateway.indicators.periods import Period
from gateway.indicators.places import places_table
from gateway.locale import Say
from gateway.membership.registers import members
from gateway.network.report import network_report
from gateway.store.schema import account, line
from tests.samples.helpers import Sample


def _by_name(found: tuple[Figure, ...]) -> dict[str, Figure]:
    return {one.name: one for one in found}


def test_the_figures_are_those_of_the_report(both_years: Sample) -> None:
    tree = both_years.network.tree()
    root = tree.named("pamusab")
    with both_years.store.read() as connection:
        for year in (2019, 2020):
            every = figures_below(connection, tree, root, Period(year))
            report = both_years.reports[year]
            for row in (*report.rows, report.total):
                own = _by_name(every[tree.named(row.code).id])
                assert own["sections"].value == row.now.sections
                assert own["households"].value == row.now.households
                assert own["beneficiaries"].value == row.now.beneficiaries
                for ratio, told in ((own["growth"], row.growth), (own["loyalty"], row.loyalty)):
                    assert (None if ratio.value is None else float(ratio.value)) == told
    total = _by_name(every[root.id])
    assert (total["growth"].numerator, total["growth"].denominator) == (20_312 - 17_345, 17_345)
    assert round(float(total["growth"].value or 0), 2) == 0.17
    assert total["loyalty"].value == Fraction(11_274, 17_345)
    assert total["family_size"].value == Fraction(99_560, 20_312)
    assert 0.1 < float(total["women_heads"].value or 0) < 0.9


def test_a_place_counts_what_it_counts_for_those_above(both_years: Sample) -> None:
    tree = both_years.network.tree()
    with both_years.store.read() as connection:
        above = figures_below(connection, tree, tree.named("munasa"), Period(2020, quarter=2))
        one = tree.named("munasa-gitega")
        assert figures(connection, tree, one, Period(2020, quarter=2)) == above[one.id]


def test_what_came_is_what_the_books_have(both_years: Sample) -> None:
    tree = both_years.network.tree()
    with both_years.store.read() as connection:
        came = select(func.sum(line.c.amount_minor)).join(account, account.c.id == line.c.account_id)
        cash = connection.scalar(came.where(account.c.role == "cash"))
        due = connection.scalar(came.where(account.c.role == "receivable", line.c.due_on.is_not(None)))
        years = [
            _by_name(figures(connection, tree, tree.named("pamusab"), Period(year)))["recovery:BIF"]
            for year in (2019, 2020, 2021)
        ]
        quarters = [
            _by_name(figures(connection, tree, tree.named("pamusab"), Period(2020, quarter=each)))["recovery:BIF"]
            for each in range(1, 5)
        ]
    assert (sum(one.numerator or 0 for one in years), sum(one.denominator or 0 for one in years)) == (cash, due)
    assert sum(one.numerator or 0 for one in quarters) == years[1].numerator
    assert sum(one.denominator or 0 for one in quarters) == years[1].denominator


def test_the_table_of_organisations_is_the_one_that_was_published(both_years: Sample) -> None:
    tree, network, year = both_years.network.tree(), "pamusab", Period(2020)
    assert places_table(both_years.store, tree, tree.named(network), year) is None, "asked for, and not counted yet"
    for period in (year, year.a_year_before):
        count(both_years.store, tree.upward(tree.named(network).id)[-1], period)
    found = places_table(both_years.store, tree, tree.named(network), year)
    assert found is not None
    with both_years.store.read() as connection:
        published = network_report(connection, tree, tree.named(network), 2020)
    counts = [
        (row.now.sections, row.now.households, row.now.beneficiaries) for row in (*published.rows, published.total)
    ]
    shown = [tuple(one.value if one else None for one in row.figures) for _, row in found.every(Say("fr"))]
    assert [row[3:6] for row in shown] == counts
    assert shown[-1][:3] == (118, 17_345, 88_395)
    assert found.total.shown(Say("fr"))[6:] == ["+17,1 %", "65,0 %"]


def test_the_register_has_as_many_households(only_2020: Sample) -> None:
    tree = only_2020.network.tree()
    place = tree.named("memisa")
    with only_2020.store.read() as connection:
        register = list(members(connection, tree, place))
        found = _by_name(figures(connection, tree, place, Period(2020)))
    assert found["households"].value == len(register) == 536
    assert found["beneficiaries"].value == sum(len(one.people) for one in register) == 2_676
    women = sum(next(each for each in one.people if each.relation == "head").sex == "F" for one in register)
    assert found["women_heads"].numerator == women
    assert found["way_cash:BIF"].value == 1
