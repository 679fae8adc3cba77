"""A real network is founded from a file, all of it or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway.founding import found
from gateway.kernel.faults import Fault
from gateway.membership.plans import plans_for
from gateway.network.organisations import Network
from gateway.network.staff import everybody
from gateway.store.schema import organisation, plan, service_code, staff
from gateway.store.unit import Store
from tests.conftest import DEFAULTS

EXAMPLE = Path(__file__).parents[1] / "deploy" / "network.example.toml"


def counts(store: Store) -> list[int]:
    with store.read() as connection:
        return [
            connection.scalar(select(func.count()).select_from(table)) or 0
            for table in (organisation, plan, service_code, staff)
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
        (treasurer,) = everybody(connection)
    assert treasurer.msisdn == "+2290150000000"


def test_twice_is_refused_and_changes_nothing(store: Store) -> None:
    found(store, DEFAULTS, EXAMPLE)
    before = counts(store)
    with pytest.raises(Fault, match="union-exemple: there is an organisation with this code already"):
        found(store, DEFAULTS, EXAMPLE)
    assert counts(store) == before == [3, 1, 1, 1]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('kind = "union" ', 'kind = "club" ', "kind"),
        ('currency = "XOF"', 'currency = "FRF"', "currency FRF: must be one of"),
        ('per_household = "2000"', 'per_household = "20,5"', "plan famille: '20,5' is no amount in XOF"),
        ('phone = "01 50 00 00 00"', 'phone = "12"', "treasurer's name or phone can't be read for BJ"),
        ("instalments = 4", "instalments = 40", "instalments"),
        ("keeps_books", "keeps_book", "keeps_book"),
        ('code = "section-exemple"', 'code = "mutuelle-exemple"', "mutuelle-exemple: there is an organisation"),
        ("[[plans]]", "[[plans]", "network.toml"),
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
    assert counts(store) == [0, 0, 0, 0]
