"""A real network is founded from a file, all of it or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway.founding import found
from gateway.kernel.faults import Fault
from gateway.membership.categories import categories_for, prices_of
from gateway.membership.dues import Terms
from gateway.membership.plans import plans_for
from gateway.network.facilities import everywhere
from gateway.network.organisations import Network
from gateway.network.staff import everybody
from gateway.store.schema import facility, organisation, pin, plan, service_code, staff
from gateway.store.unit import Store
from tests.conftest import DEFAULTS

EXAMPLE = Path(__file__).parents[1] / "deploy" / "network.example.toml"


def counts(store: Store) -> list[int]:
    with store.read() as connection:
        return [
            connection.scalar(select(func.count()).select_from(table)) or 0
            for table in (organisation, plan, service_code, facility, staff, pin)
        ]


def test_the_example_founds_a_union_that_can_be_dialled(store: Store, network: Network) -> None:
    assert found(store, DEFAULTS, EXAMPLE) == 3
    tree = network.tree()
    section = tree.named("section-exemple")
    assert tree.codes["*384*1234#"].organisation_id == tree.named("union-exemple").id
    assert tree.books_of(section.id).code == "mutuelle-exemple"
    assert (section.currency, section.languages, section.merchant_code) == ("XOF", ("fr", "en"), "229001")
    with store.read() as connection:
        (offered,) = plans_for(connection, tree, section.id, store.clock.now().date())
        assert (offered.terms.registration_fee_minor, offered.terms.instalments) == (1000, 4)
        (category,) = categories_for(connection, tree, section.id)
        (price,) = prices_of(connection, category.id)
        assert (category.code, price.plan_code, price.registration_fee_minor, price.household_minor) == (
            "vulnerable", "famille", 0, None,
        )  # fmt: skip
        assert (price.subsidy_percent, price.subsidiser_code) == (75, "projet-exemple")
        (centre,) = everywhere(connection)
        adviser, agent, treasurer = everybody(connection)
    assert (centre.code, centre.kind, centre.ownership, centre.district, centre.msisdn) == (
        "centre-exemple", "centre", "public", "District d'exemple", "+2290150000001",
    )  # fmt: skip
    assert (centre.organisation_id, str(centre.agreed_on), centre.agreed_until) == (
        tree.named("union-exemple").id, "2026-01-01", None,
    )  # fmt: skip
    assert [one.role for one in (adviser, agent, treasurer)] == ["adviser", "agent", "treasurer"]
    assert [one.facility_id for one in (adviser, agent, treasurer)] == [None, centre.id, None]
    assert treasurer.msisdn == "+2290150000000"


def test_every_term_of_a_plan_can_be_told(store: Store, network: Network, tmp_path: Path) -> None:
    """The example's own comments, read as a file of its own would have them."""
    text = EXAMPLE.read_text(encoding="utf-8")
    for key in (
        "year_starts_month", "pro_rata", "lapsed_waiting_days", "window_opens", "window_days", "included_people",
        "charged_people_max", "people_max", "penalty_percent",
    ):  # fmt: skip
        assert f"\n# {key} = " in text
        text = text.replace(f"\n# {key} = ", f"\n{key} = ")
    file = tmp_path / "network.toml"
    file.write_text(text, encoding="utf-8")
    found(store, DEFAULTS, file)
    tree = network.tree()
    with store.read() as connection:
        (offered,) = plans_for(connection, tree, tree.named("section-exemple").id, store.clock.now().date())
    assert offered.terms == Terms(
        1_000, 2_000, 2_400, 4, 30, 30, 25, 200, 1, 60, 10, 1, 61, 5, 8, 12, pro_rata=True, penalty_percent=10
    )


BELOW = """
[[below.facilities]]
code = "pharmacie"
name = "Pharmacie"
kind = "pharmacy"
ownership = "private"
agreed_on = 2026-01-01
agreed_until = 2026-06-30

[[below.staff]]
role = "agent"
facility = "centre-exemple"
name = "Prénom Nom"
phone = "01 50 00 00 05"

[[below.staff]]"""


def test_below_an_organisation_its_district_and_its_facilities_are_known(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "network.toml"
    file.write_text(EXAMPLE.read_text(encoding="utf-8").replace("[[below.staff]]", BELOW, 1), encoding="utf-8")
    found(store, DEFAULTS, file)
    with store.read() as connection:
        centre, shop = everywhere(connection)
        agents = [one.facility_id for one in everybody(connection) if one.role == "agent"]
    assert (shop.code, shop.district, shop.msisdn) == ("pharmacie", "District d'exemple", None)
    assert str(shop.agreed_until) == "2026-06-30"
    assert agents == [centre.id, centre.id]


def test_quiet_hours_hold_below_it_too(store: Store, network: Network, tmp_path: Path) -> None:
    file = tmp_path / "network.toml"
    file.write_text(
        EXAMPLE.read_text(encoding="utf-8").replace("# quiet_from = 20", "quiet_from = 21"), encoding="utf-8"
    )
    found(store, DEFAULTS, file)
    section = network.tree().named("section-exemple")
    assert (section.quiet_from, section.quiet_until) == (21, DEFAULTS.quiet_until)


def test_twice_is_refused_and_changes_nothing(store: Store) -> None:
    found(store, DEFAULTS, EXAMPLE)
    before = counts(store)
    with pytest.raises(Fault, match="union-exemple: there is an organisation with this code already"):
        found(store, DEFAULTS, EXAMPLE)
    assert counts(store) == before == [3, 1, 1, 1, 3, 0]  # and nobody has a PIN


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('kind = "union" ', 'kind = "club" ', "kind"),
        ('currency = "XOF"', 'currency = "FRF"', "currency FRF: must be one of"),
        ('per_household = "2000"', 'per_household = "20,5"', "plan famille: '20,5' is no amount in XOF"),
        ('phone = "01 50 00 00 00"', 'phone = "12"', "treasurer's name or phone can't be read for BJ"),
        ("instalments = 4", "instalments = 40", "instalments"),
        ("# pro_rata = true", "pro_rata = true", "plan famille: pro_rata belongs to a plan whose year starts"),
        ("# window_days = 61", "window_days = 61", "plan famille: window_opens and window_days belong together"),
        (
            '# window_opens = "10-01"            # newcomers',
            'window_opens = "02-30"\nwindow_days = 9 #',
            "plan famille: window_opens 02-30 is no day, written MM-DD",
        ),
        ('category = "vulnerable"', 'category = "rich"', "plan famille: no category rich is there, here or above"),
        ('subsidiser = "projet-exemple"', 'subsidiser = "nobody"', "plan famille: no subsidiser nobody is there"),
        ('subsidiser = "projet-exemple"', "", "plan famille: category vulnerable: a subsidy has a percentage"),
        (
            'code = "section-exemple"',
            'code = "section-exemple"\ncurrency = "USD"',
            "section-exemple: its currency is USD, but the plans above it are in XOF",
        ),
        ("keeps_books", "keeps_book", "keeps_book"),
        ("# quiet_from = 20", "quiet_from = 24", "quiet_from"),
        ('code = "section-exemple"', 'code = "mutuelle-exemple"', "mutuelle-exemple: there is an organisation"),
        ("[[plans]]", "[[plans]", "network.toml"),
        ('role = "agent" ', 'role = "nurse" ', "staff.0.role"),
        ('facility = "centre-exemple"', "", "union-exemple: agent: an agent works at a health facility"),
        ('facility = "centre-exemple"', 'facility = "other"', "no health facility has the code other"),
        ('role = "agent" ', 'role = "animator" ', "union-exemple: animator: only an agent has a facility"),
        ('kind = "centre" ', 'kind = "shop" ', "facilities.0.kind"),
        ('ownership = "public" ', 'ownership = "own" ', "facilities.0.ownership"),
        ('district = "District d\'exemple"', "", "facility centre-exemple: no district is said"),
        ('phone = "01 50 00 00 01" ', 'phone = "12" ', "facility centre-exemple: its phone can't be read for BJ"),
        ("# agreed_until = 2026-12-31", "agreed_until = 2025-12-31", "would end on 2025-12-31, before it begins"),
        (
            'name = "Centre de santé d\'exemple"',
            'name = "!"',
            "union-exemple: facility centre-exemple: a facility's name",
        ),
        (
            "[[staff]] ",
            '[[facilities]]\ncode = "centre-exemple"\nname = "A"\nkind = "clinic"\nownership = "faith"'
            "\nagreed_on = 2026-01-01\n[[staff]] ",
            "facility's code in it is there already",
        ),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_half_done(
    store: Store, tmp_path: Path, old: str, new: str, told: str
) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "network.toml"
    file.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(Fault) as fault:
        found(store, DEFAULTS, file)
    assert told in str(fault.value)
    assert len(str(fault.value).splitlines()) == 1
    assert counts(store) == [0, 0, 0, 0, 0, 0]
