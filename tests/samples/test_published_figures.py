"""The sample counts exactly what the network published, in either year and in both."""

from __future__ import annotations

from collections import Counter
from datetime import date

from gateway.kernel.msisdn import read_msisdn
from gateway.network.facilities import districts, everywhere, in_district
from gateway.network.organisations import Network
from gateway.network.report import FRENCH, Figures, as_json, as_text
from gateway.samples.burundi import CONTRACTED_TOTAL, MEMISA, Contracted, Published
from gateway.samples.pamusab import load_network
from gateway.store.unit import Store
from tests.samples.helpers import Load, Sample, quiet, report

# Table 2 of PAMUSAB's report on 2020: sections, households, beneficiaries of 2019 and of 2020.
TABLE = [
    ("FEMUSCABU", 28, 4_356, 25_615, 32, 4_171, 23_070),
    ("MUSA/MEMISA", 8, 686, 3_887, 8, 536, 2_676),
    ("MUNASA", 62, 9_025, 45_921, 64, 12_203, 59_353),
    ("UCODE AMR", 7, 970, 5_061, 8, 1_591, 7_562),
    ("FVS-AMADE", 13, 2_308, 7_911, 13, 1_811, 6_899),
]
TOTAL = ("PAMUSAB", 118, 17_345, 88_395, 125, 20_312, 99_560)
OF_2019 = [(row[0], Figures(*row[1:4])) for row in (*TABLE, TOTAL)]
OF_2020 = [(row[0], Figures(*row[4:7])) for row in (*TABLE, TOTAL)]
# Table 1: contracted health facilities in 2020, by kind and ownership.
FACILITIES = {
    ("hospital", "public"): 37,
    ("hospital", "private"): 9,
    ("hospital", "faith"): 4,
    ("centre", "public"): 370,
    ("centre", "private"): 28,
    ("centre", "faith"): 59,
}
FACILITIES_TOTAL = 507


def test_2019_alone(both_years: Sample) -> None:
    then = both_years.reports[2019]  # taken before 2020 was loaded
    assert [(row.name, row.now) for row in (*then.rows, then.total)] == OF_2019
    assert not then.has_before


def test_2020_alone(only_2020: Sample) -> None:
    found = only_2020.reports[2020]
    assert [(row.name, row.now) for row in (*found.rows, found.total)] == OF_2020
    assert not found.has_before
    assert (found.total.growth, found.total.loyalty) == (None, None)


def test_2020_over_2019(both_years: Sample) -> None:
    found = both_years.reports[2020]
    assert [(row.name, row.now) for row in (*found.rows, found.total)] == OF_2020
    assert [(row.name, row.before) for row in (*found.rows, found.total)] == OF_2019


def test_2020_leaves_2019_as_it_was(both_years: Sample) -> None:
    again = report(both_years.store, both_years.network, 2019)
    assert again == both_years.reports[2019]


def test_growth_and_loyalty_are_those_published(both_years: Sample) -> None:
    found = both_years.reports[2020]
    assert round(found.total.growth or 0, 2) == 0.17
    assert round(found.total.loyalty or 0, 2) == 0.65
    assert sum(1 for row in found.rows if (row.loyalty or 0) > 0.8) >= 2


def test_a_part_of_the_network_is_reported_by_itself(only_2020: Sample) -> None:
    found = report(only_2020.store, only_2020.network, 2020, "memisa")
    assert found.rows[0].name == "Union du district de Kirundo"
    assert found.total.now == Figures(8, 536, 2_676)
    assert [row.now.sections for row in found.rows] == [5, 1, 1, 1]


def test_a_single_section_is_its_own_row(only_2020: Sample) -> None:
    found = report(only_2020.store, only_2020.network, 2020, "munasa-gitega")
    assert [row.now for row in found.rows] == [found.total.now]
    assert found.total.now.sections == 1


def test_a_year_without_members_is_empty(only_2020: Sample) -> None:
    assert report(only_2020.store, only_2020.network, 2018).total.now == Figures(0, 0, 0)


def test_the_table_for_people(loaded: Load) -> None:
    assert as_text(loaded("postgresql", 2019, 2020).reports[2020], FRENCH).splitlines() == [
        "Promoteur    Sections 2019  Ménages 2019  Bénéficiaires 2019  Sections 2020  Ménages 2020  Bénéficiaires 2020  Croissance  Fidélisation",  # noqa: E501
        "-" * 135,
        "FEMUSCABU               28         4 356              25 615             32         4 171              23 070      -4,2 %        81,0 %",  # noqa: E501
        "MUSA/MEMISA              8           686               3 887              8           536               2 676     -21,9 %        57,0 %",  # noqa: E501
        "MUNASA                  62         9 025              45 921             64        12 203              59 353     +35,2 %        57,3 %",  # noqa: E501
        "UCODE AMR                7           970               5 061              8         1 591               7 562     +64,0 %        84,0 %",  # noqa: E501
        "FVS-AMADE               13         2 308               7 911             13         1 811               6 899     -21,5 %        59,3 %",  # noqa: E501
        "-" * 135,
        "Total                  118        17 345              88 395            125        20 312              99 560     +17,1 %        65,0 %",  # noqa: E501
    ]
    assert as_text(loaded("postgresql", 2020).reports[2020]).splitlines()[-1] == (
        "Total                  125           20 312              99 560"
    )


def test_the_report_for_programs(loaded: Load) -> None:
    found = as_json(loaded("postgresql", 2019, 2020).reports[2020])
    assert found["total"] == {
        "code": "pamusab",
        "name": "PAMUSAB",
        "sections": 125,
        "households": 20_312,
        "beneficiaries": 99_560,
        "previous_year": {"sections": 118, "households": 17_345, "beneficiaries": 88_395},
        "renewed": 11_274,
        "growth": 0.1711,
        "loyalty": 0.65,
    }
    alone = as_json(loaded("postgresql", 2020).reports[2020])["total"]
    assert isinstance(alone, dict)
    assert {key: alone[key] for key in ("previous_year", "renewed", "growth", "loyalty")} == dict.fromkeys(
        ("previous_year", "renewed", "growth", "loyalty")
    )


def test_contracted_facilities(only_2020: Sample, both_years: Sample) -> None:
    for sample in (only_2020, both_years):
        with sample.store.read() as connection:
            found = everywhere(connection)
        assert Counter((one.kind, one.ownership) for one in found) == FACILITIES
        assert len(found) == FACILITIES_TOTAL == CONTRACTED_TOTAL == sum(FACILITIES.values())


def test_facilities_are_where_the_sections_are(only_2020: Sample) -> None:
    tree = only_2020.network.tree()
    root = tree.named("pamusab")
    on = date(2020, 12, 20)
    with only_2020.store.read() as connection:
        found = everywhere(connection)
        places = districts(connection, tree, root.path, on)
        shown = {place: in_district(connection, root.path, place, on, 200) for place in places}
        assert districts(connection, tree, root.path, date(2019, 12, 31)) == []
    assert set(places) == {one.district for one in tree.sections}
    assert sum(len(each) for each in shown.values()) == FACILITIES_TOTAL
    assert all(any(one.kind == "hospital" for one in each) for each in shown.values())
    assert {tree[one.organisation_id].kind for one in found} == {"promoter", "union"}
    names, numbers = {one.name for one in found}, [one.msisdn for one in found]
    assert len(names) == len(set(numbers)) == FACILITIES_TOTAL
    assert max(map(len, names)) <= 30, "for a small screen"
    assert [read_msisdn(one or "", "BI") for one in numbers] == numbers


def test_facilities_come_with_2020_and_are_as_many_at_any_scale(store: Store, network: Network) -> None:
    small = Published("pamusab", "PAMUSAB", (MEMISA,), (Contracted("centre", "faith", 11),))

    def there() -> int:
        with store.read() as connection:
            return len(everywhere(connection))

    assert (load_network(store, network, small, 2019, 2, quiet).facilities, there()) == (0, 0)
    assert (load_network(store, network, small, 2020, 2, quiet).facilities, there()) == (11, 11)
