"""Where a member may be treated: any facility of the network with an agreement that day, found by a district's name."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy.exc import IntegrityError

from gateway.kernel.faults import Fault
from gateway.network.facilities import (
    Facility,
    add_facility,
    by_id,
    districts,
    everywhere,
    find_district,
    in_district,
    network_path,
    same_network,
)
from gateway.network.organisations import Network, add_organisation
from gateway.store.unit import Store

TODAY = date(2026, 11, 22)

# Organisation, name, kind, district, first and last day of the agreement.
PLACES = [
    ("north", "Hôpital du Col", "hospital", "Kayanza", "2020-01-01", None),
    ("north", "Centre Les Pins", "centre", "Kayanza", "2020-01-01", "2026-11-22"),
    ("north", "Centre Abricot", "centre", "Kayanza", "2026-11-22", None),
    ("north", "Pharmacie Zénith", "pharmacy", "Kayanza", "2020-01-01", None),
    ("north", "Clinique Azur", "clinic", "Kayanza", "2020-01-01", None),
    ("south", "Hôpital Ancien", "hospital", "Kayanza", "2020-01-01", None),
    ("south", "Centre Étoile", "centre", "Kayanza", "2020-01-01", None),
    ("south", "Centre Figuier", "centre", "Kayanza", "2020-01-01", None),
    ("south", "Centre Passé", "centre", "Kayanza", "2020-01-01", "2026-11-21"),
    ("south", "Centre Prochain", "centre", "Kayanza", "2026-11-23", None),
    ("south", "Centre Bleu", "centre", "Élim", "2020-01-01", None),
    ("south", "Centre Fermé", "centre", "Fini", "2020-01-01", "2025-12-31"),
    ("south", "Centre Lac", "centre", "Nyanza-Lac", "2020-01-01", None),
    ("abroad", "Centre Outre", "centre", "Bukavu", "2020-01-01", None),
    ("other", "Hôpital Voisin", "hospital", "Kayanza", "2020-01-01", None),
    ("other", "Centre Autre", "centre", "Ouaké", "2020-01-01", None),
]


@pytest.fixture
def paths(store: Store, network: Network) -> dict[str, str]:
    """The path of each organisation: a platform of two promoters and one abroad, and a union that isn't part of it."""
    with store.write() as unit:
        known = {"root": add_organisation(unit, None, kind="platform", code="root", name="Root", country="BI")}
        for code, country in (("north", None), ("south", None), ("abroad", "CD")):
            known[code] = add_organisation(
                unit, known["root"], kind="promoter", code=code, name=code.title(), country=country
            )
        known["village"] = add_organisation(unit, known["north"], kind="section", code="village", name="Village")
        known["other"] = add_organisation(unit, None, kind="union", code="other", name="Other", country="BI")
        for number, (owner, name, kind, district, first, last) in enumerate(PLACES):
            add_facility(
                unit, known[owner][0], f"f-{number}", name, kind, "public", district,
                agreed_on=date.fromisoformat(first),
                agreed_until=date.fromisoformat(last) if last else None,
            )  # fmt: skip
    network.forget()
    return {code: path for code, (_, path) in known.items()}


@pytest.mark.parametrize(
    ("under", "expected"),
    [
        ("root", ["Bukavu", "Élim", "Kayanza", "Nyanza-Lac"]),  # the platform's own: all of them, by name
        ("north", ["Kayanza", "Élim", "Nyanza-Lac", "Bukavu"]),  # its own, its country's, the others'
        ("south", ["Élim", "Kayanza", "Nyanza-Lac", "Bukavu"]),
        ("abroad", ["Bukavu", "Élim", "Kayanza", "Nyanza-Lac"]),
        ("village", ["Élim", "Kayanza", "Nyanza-Lac", "Bukavu"]),  # nobody has an agreement at or below it
        ("other", ["Kayanza", "Ouaké"]),  # another network
    ],
)
def test_districts_near_home_come_first(
    store: Store, network: Network, paths: dict[str, str], under: str, expected: list[str]
) -> None:
    with store.read() as connection:
        assert districts(connection, network.tree(), paths[under], TODAY) == expected


@pytest.mark.parametrize(("on", "there"), [("2025-12-31", True), ("2026-01-01", False), ("2019-12-31", False)])
def test_a_district_is_there_while_an_agreement_is(
    store: Store, network: Network, paths: dict[str, str], on: str, there: bool
) -> None:
    with store.read() as connection:
        found = districts(connection, network.tree(), paths["root"], date.fromisoformat(on))
    assert ("Fini" in found) is there


OWN = ["Hôpital du Col", "Centre Abricot", "Centre Les Pins", "Clinique Azur", "Pharmacie Zénith"]
THEIRS = ["Hôpital Ancien", "Centre Étoile", "Centre Figuier"]


@pytest.mark.parametrize(
    ("under", "on", "expected"),
    [
        ("north", TODAY, OWN + THEIRS),
        ("south", TODAY, THEIRS + OWN),
        (
            "root", TODAY,
            ["Hôpital Ancien", "Hôpital du Col", "Centre Abricot", "Centre Étoile", "Centre Figuier",
             "Centre Les Pins", "Clinique Azur", "Pharmacie Zénith"],
        ),
        # Of the agreements that begin or end about that day
        ("north", date(2026, 11, 21), ["Hôpital du Col", "Centre Les Pins", "Clinique Azur", "Pharmacie Zénith",
                                       *THEIRS, "Centre Passé"]),
        ("north", date(2026, 11, 23), ["Hôpital du Col", "Centre Abricot", "Clinique Azur", "Pharmacie Zénith",
                                       *THEIRS, "Centre Prochain"]),
        ("other", TODAY, ["Hôpital Voisin"]),
    ],
)  # fmt: skip
def test_hospitals_come_first_then_centres_by_name(
    store: Store, paths: dict[str, str], under: str, on: date, expected: list[str]
) -> None:
    with store.read() as connection:
        assert [one.name for one in in_district(connection, paths[under], "Kayanza", on, 50)] == expected
        assert [one.name for one in in_district(connection, paths[under], "Kayanza", on, 2)] == expected[:2]
        assert in_district(connection, paths[under], "Nowhere", on, 50) == []


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("ka", ["Kayanza"]),
        ("e", ["Élim"]),
        ("ELIM", ["Élim"]),
        ("sémé", ["Séméré 2"]),
        ("semere 2", ["Séméré 2"]),
        ("bujumbura", ["Bujumbura", "Bujumbura Mairie"]),
        ("m", ["Mwaro", "Bujumbura Mairie"]),  # a later word counts less
        ("lac", ["Nyanza-Lac"]),
        ("nyanza lac", ["Nyanza-Lac"]),
        ("yanza", []),
        ("", []),
        (" - ", []),
    ],
)
def test_a_district_is_found_by_its_first_letters(typed: str, found: list[str]) -> None:
    names = ["Bujumbura", "Bujumbura Mairie", "Élim", "Kayanza", "Mwaro", "Nyanza-Lac", "Séméré 2"]
    assert find_district(names, typed) == found


def test_what_is_added_is_read_back(store: Store, network: Network, paths: dict[str, str]) -> None:
    owner = network.tree().named("north").id
    with store.write() as unit:
        added = add_facility(
            unit, owner, "cds-1", "  Centre   Neuf ", "centre", "faith", "Ngozi", "+25763000001",
            agreed_on=TODAY, agreed_until=TODAY,
        )  # fmt: skip
    expected = Facility(added, owner, "cds-1", "Centre Neuf", "centre", "faith", "Ngozi", "+25763000001", TODAY, TODAY)
    with store.read() as connection:
        assert by_id(connection, added) == expected
        every = everywhere(connection)
    assert len(every) == len(PLACES) + 1, "also those whose agreement is over"
    assert [one for one in every if one.district == "Ngozi"] == [expected]
    assert [expected.agreed(date(2026, 11, day)) for day in (21, 22, 23)] == [False, True, False]


@pytest.mark.parametrize(
    ("code", "name", "district", "until", "told"),
    [
        ("Cds 1", "Centre Neuf", "Ngozi", None, "code"),
        ("", "Centre Neuf", "Ngozi", None, "code"),
        ("cds-1", " - ", "Ngozi", None, "name and district"),
        ("cds-1", "C" * 61, "Ngozi", None, "name and district"),
        ("cds-1", "Centre Neuf", "", None, "name and district"),
        ("cds-1", "Centre Neuf", "Ngozi", date(2026, 11, 21), "before it begins"),
    ],
)
def test_what_no_screen_could_show_is_not_added(
    store: Store, paths: dict[str, str], code: str, name: str, district: str, until: date | None, told: str
) -> None:
    with pytest.raises(Fault, match=told), store.write() as unit:
        add_facility(unit, 1, code, name, "centre", "public", district, agreed_on=TODAY, agreed_until=until)
    with store.read() as connection:
        assert len(everywhere(connection)) == len(PLACES)


@pytest.mark.parametrize(("code", "kind"), [("f-0", "centre"), ("cds-1", "temple")])
def test_a_code_is_one_facilitys_and_a_kind_one_of_four(
    store: Store, paths: dict[str, str], code: str, kind: str
) -> None:
    with pytest.raises(IntegrityError), store.write() as unit:
        add_facility(unit, 1, code, "Centre Neuf", kind, "public", "Ngozi", agreed_on=TODAY)


def test_a_network_is_what_lies_below_one_root(network: Network, paths: dict[str, str]) -> None:
    tree = network.tree()
    assert same_network(tree, tree.named("village").id, tree.named("abroad").id)
    assert not same_network(tree, tree.named("village").id, tree.named("other").id)
    assert [network_path(one) for one in ("/1/", "/1/4/17/", "/12/3/", "/")] == ["/1/", "/1/", "/12/", "/"]
