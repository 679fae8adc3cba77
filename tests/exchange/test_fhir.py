"""Families as FHIR R4: every resource valid, whoever they are and however they stand."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from gateway.exchange.fhir import bundles
from gateway.exchange.fhir.eligibility import BadRequest, answer, read_request
from gateway.exchange.fhir.families import Family, families, same_day
from gateway.exchange.fhir.resources import Names, coverage, coverages, group, patient, patients
from gateway.exchange.fhir.searching import BadSearch, Reader, listed, read, search
from gateway.kernel.clock import FixedClock
from gateway.kernel.faults import Fault
from gateway.membership import family as changing
from gateway.membership.changes import By
from gateway.membership.leaving import leave
from gateway.membership.merging import merge
from gateway.membership.people import MOST_PEOPLE, Person
from gateway.network.organisations import Network, add_organisation
from gateway.store.schema import beneficiary, organisation
from gateway.store.unit import Store
from tests.exchange.fhir_models import valid
from tests.membership.money import put_money
from tests.payments.commands import on_database_of
from tests.payments.village import FAMILY, FIRST_DUE, NEIGHBOUR, ON_SQLITE, PAYER, YEAR_DUE, Village, found
from tests.privacy.test_erasing import FIVE_YEARS, nameless

TODAY = date(2026, 11, 22)
BY = By(None, name="Bio Sarre")
NAMES = Names.below("https://cotisa.invalid/")
LONGEST = "Alphonsine-Bénédicte Marie-Immaculée Nshimirimana-Ndayishimi"
OTHERS = (Person("Alassane Orou", "M", 1970, "head"), Person("Bana Orou", "F", 1975, "child"))


@pytest.fixture
def village(store: Store, network: Network, clock: FixedClock) -> Village:
    return Village(store, network, clock, found(store, network))


def seen(village: Village, home: int, on: date = TODAY) -> Family:
    tree = village.network.tree()
    with village.store.read() as connection:
        [one] = families(connection, tree, [home], same_day(tree, on))
    return one


def by_name(resources: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {each["name"][0]["text"]: each for each in resources}


# --- people and households --------------------------------------------------------------------------------------------


def test_a_family_of_four(village: Village) -> None:
    home = village.register(PAYER)
    one = seen(village, home.household_id)
    people = by_name([valid(each) for each in patients(one, NAMES)])
    assert list(people) == [each.name for each in FAMILY]
    head, spouse, child = (people[name] for name in ("Adjara Tchédré", "Moussa Tchédré", "Rahina Tchédré"))
    assert head["birthDate"] == "1991"
    assert (head["gender"], spouse["gender"]) == ("female", "male")
    assert head["name"] == [{"use": "usual", "text": "Adjara Tchédré", "family": "Tchédré", "given": ["Adjara"]}]
    assert head["telecom"][0]["value"] == PAYER
    assert "telecom" not in spouse
    assert head["communication"][0]["language"]["coding"][0]["code"] == "fr"
    married = [name for name, each in people.items() if "maritalStatus" in each]
    assert married == ["Adjara Tchédré", "Moussa Tchédré"]
    is_head = {name: each["extension"][0]["valueBoolean"] for name, each in people.items()}
    assert [name for name, its in is_head.items() if its] == ["Adjara Tchédré"]
    assert child["identifier"][1] == {
        "use": "official",
        "type": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MB", "display": "Member Number"}
            ]
        },
        "system": "https://cotisa.invalid/api/v1/fhir/NamingSystem/card",
        "value": home.card,
    }
    together = valid(group(one, NAMES))
    assert (together["quantity"], together["name"], together["active"]) == (4, "Adjara Tchédré", True)
    assert [each["entity"]["reference"] for each in together["member"]] == [
        f"Patient/{each['id']}" for each in people.values()
    ]
    assert together["managingEntity"]["identifier"]["value"] == "m"


@ON_SQLITE
def test_nobody_is_called_unmarried(village: Village) -> None:
    home = village.register(None, OTHERS)
    assert all("maritalStatus" not in each for each in patients(seen(village, home.household_id), NAMES))


@ON_SQLITE
def test_the_longest_data_is_valid(village: Village) -> None:
    letters = "abcdefghijklmnopqrstuvw"[: MOST_PEOPLE - 1]
    children = (Person(f"Enfant {LONGEST[:50]} {letter}", "M", 2026, "child") for letter in letters)
    people = (Person(LONGEST, "F", 1906, "head"), *children)
    home = village.register(PAYER, people)
    for number in range(4):
        village.add_phone(home.household_id, f"+22901000002{number:02d}")
    with village.store.write() as unit:
        unit.connection.execute(update(organisation).values(name="é" * 60, district="à" * 60))
    village.network.forget()
    one = seen(village, home.household_id)
    for each in (*patients(one, NAMES), *coverages(one, NAMES), group(one, NAMES)):
        valid(each)
    assert len(patients(one, NAMES)[0]["telecom"]) == 5


@ON_SQLITE
def test_a_name_of_one_word(village: Village) -> None:
    home = village.register(None, (Person("Sévérine", "F", 2000, "head"),))
    [only] = patients(seen(village, home.household_id), NAMES)
    assert valid(only)["name"] == [{"use": "usual", "text": "Sévérine", "family": "Sévérine"}]


@ON_SQLITE
def test_a_card_without_a_head_and_one_made_nameless_are_valid(village: Village) -> None:
    """Whatever the database holds of people, every resource can be read, and no name that was taken away is in it."""
    headless, gone = village.register(PAYER).household_id, village.register(NEIGHBOUR, OTHERS).household_id
    put_money(village, gone, 7_800, TODAY)
    with village.store.write() as unit:
        own = beneficiary.c.household_id == headless
        odd = {"name": "\x00\x1b \u202e\u2028 ʼ <b>&amp;", "relation": "other", "birth_year": 1900}
        unit.connection.execute(update(beneficiary).where(own).values(odd))
    village.clock.move(timedelta(days=FIVE_YEARS))
    nameless(village, gone)
    for home in (headless, gone):
        one = seen(village, home, TODAY)
        for each in (*patients(one, NAMES), *coverages(one, NAMES), group(one, NAMES)):
            valid(json.loads(json.dumps(each)))
    told = json.dumps([patients(seen(village, gone), NAMES), group(seen(village, gone), NAMES)], ensure_ascii=False)
    assert "Orou" not in told
    assert NEIGHBOUR[-8:] not in told


@ON_SQLITE
def test_who_has_left_is_not_active(village: Village) -> None:
    home = village.register(PAYER).household_id
    last = seen(village, home).people[-1]
    with village.store.write() as unit:
        changing.remove(unit, village.family(home), last.id, "death", TODAY, BY)
    one = seen(village, home)
    gone = next(each for each in one.people if each.id == last.id)
    told = valid(patient(one, gone, NAMES))
    assert (told["active"], told["deceasedBoolean"]) == (False, True)
    assert coverage(one, gone, NAMES) is None
    together = valid(group(one, NAMES))
    assert together["quantity"] == 3
    assert [each["inactive"] for each in together["member"]] == [False, False, False, True]
    assert together["member"][-1]["period"] == {"start": "2026-11-22", "end": "2026-11-22"}


def test_merged_households_keep_their_old_card(village: Village) -> None:
    stays, goes = village.register(PAYER), village.register(NEIGHBOUR, OTHERS)
    with village.store.write() as unit:
        one, other = village.family(stays.household_id), village.family(goes.household_id)
        merge(unit, village.network.tree(), village.chart, one, other, {}, BY, registered_twice=True)
    merged = seen(village, stays.household_id)
    together = valid(group(merged, NAMES))
    cards = [(each.get("use"), each["value"]) for each in together["identifier"]]
    assert cards == [(None, stays.card), ("official", stays.card), ("old", goes.card)]
    assert together["quantity"] == 6
    assert all(each["identifier"][-1]["value"] == goes.card for each in patients(merged, NAMES))
    emptied = valid(group(seen(village, goes.household_id), NAMES))
    assert (emptied["active"], emptied["quantity"]) == (False, 0)
    tree = village.network.tree()
    reader = Reader(tree, NAMES, same_day(tree, TODAY), lambda _: True)
    with village.store.read() as connection:
        by_old = search(connection, reader, "Patient", {"identifier": goes.card})
        listing = listed(connection, reader, "Group", tree.sections, 50, None)
    assert len(by_old.resources) == 6
    assert [each["id"] for each in listing.resources] == [str(stays.household_id)]


# --- cover ------------------------------------------------------------------------------------------------------------

# On which day, having paid what and when, what the cover of the head is called, and its days.
STANDINGS = [
    ("unpaid", None, 0, "draft", ("2026-11-22", "2027-11-21")),
    ("waiting", FIRST_DUE, 0, "draft", ("2026-12-22", None)),
    ("active", FIRST_DUE, 40, "active", ("2026-12-22", None)),
    ("grace", FIRST_DUE, 100, "active", ("2026-12-22", None)),
    ("suspended", FIRST_DUE, 150, "cancelled", ("2026-12-22", None)),
    ("active", YEAR_DUE, 300, "active", ("2026-12-22", "2027-11-21")),
    ("lapsed", YEAR_DUE, 420, "cancelled", ("2026-12-22", None)),
]


@pytest.mark.parametrize(("state", "paid", "after", "status", "days"), STANDINGS)
@ON_SQLITE
def test_how_cover_is_told(
    village: Village, state: str, paid: int | None, after: int, status: str, days: tuple[str, str | None]
) -> None:
    home = village.register(PAYER)
    if paid is not None:
        put_money(village, home.household_id, paid, TODAY)
    one = seen(village, home.household_id, TODAY + timedelta(days=after))
    told = [valid(each) for each in coverages(one, NAMES)]
    assert len(told) == 4
    head = told[0]
    assert head["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == state
    assert head["status"] == status
    assert head["period"]["start"] == days[0]
    assert head["period"]["end"] >= head["period"]["start"]
    if days[1] is not None:
        assert head["period"]["end"] == days[1]
    assert head["subscriberId"] == home.card
    assert [each["relationship"]["coding"][0]["code"] for each in told] == ["self", "spouse", "child", "child"]
    assert [each["dependent"] for each in told] == ["1", "2", "3", "4"]
    assert head["class"][0]["value"] == "famille"


def test_active_is_whoever_is_covered(village: Village) -> None:
    home = village.register(PAYER).household_id
    put_money(village, home, YEAR_DUE, TODAY)
    village.clock.move(timedelta(days=60))
    day = TODAY + timedelta(days=60)
    baby, cousin = Person("Wassi Tchédré", "M", 2027, "child"), Person("Sofia Tchédré", "F", 2000, "other")
    with village.store.write() as unit:
        tree = village.network.tree()
        changing.add(unit, tree, village.chart, village.family(home), baby, "birth", day, BY)
        changing.add(unit, tree, village.chart, village.family(home), cousin, "arrival", day, BY)
    one = seen(village, home, day)
    told = {each.name: coverage(one, each, NAMES) for each in one.on_card}
    for each in one.on_card:
        its = told[each.name]
        assert its is not None
        valid(its)
        assert (its["status"] == "active") == one.cover_of[each.id].covered
    assert {name: its["status"] for name, its in told.items() if its} == {
        **{each.name: "active" for each in FAMILY},
        **{each.name: "draft" for each in one.on_card[4:] if not one.cover_of[each.id].covered},
        **{each.name: "active" for each in one.on_card[4:] if one.cover_of[each.id].covered},
    }
    assert told["Sofia Tchédré"] is not None
    assert told["Sofia Tchédré"]["status"] == "draft"


@ON_SQLITE
def test_a_household_that_left(village: Village) -> None:
    home = village.register(PAYER).household_id
    put_money(village, home, YEAR_DUE, TODAY)
    village.clock.move(timedelta(days=60))
    with village.store.write() as unit:
        its = village.family(home)
        leave(unit, village.network.tree(), village.chart, its, TODAY + timedelta(days=60), "departure", BY)
    one = seen(village, home, TODAY + timedelta(days=70))
    assert {valid(each)["status"] for each in coverages(one, NAMES)} == {"cancelled"}


# --- reading and searching --------------------------------------------------------------------------------------------


def test_searches(village: Village) -> None:
    home, neighbours = village.register(PAYER), village.register(NEIGHBOUR, OTHERS)
    tree = village.network.tree()
    reader = Reader(tree, NAMES, same_day(tree, TODAY), lambda _: True)
    stranger = Reader(tree, NAMES, same_day(tree, TODAY), lambda _: False)
    system = "https://cotisa.invalid/api/v1/fhir/NamingSystem/card"
    with village.store.read() as connection:

        def ids(kind: str, **by: str) -> list[str]:
            found = search(connection, reader, kind, {name.replace("its_id", "_id"): at for name, at in by.items()})
            return [each["id"] for each in found.resources]

        people = ids("Patient", identifier=home.card)
        assert len(people) == 4
        assert ids("Patient", identifier=f"{system}|{home.card}") == people
        assert ids("Patient", identifier=f"|{home.card}") == people
        assert ids("Patient", identifier=f"https://elsewhere.invalid|{home.card}") == []
        assert ids("Patient", identifier=people[1]) == [people[1]]
        assert ids("Patient", identifier=people[1], its_id=people[0]) == []
        assert ids("Patient", identifier="nonsense") == []
        assert ids("Group", identifier=neighbours.card) == [str(neighbours.household_id)]
        assert ids("Coverage", beneficiary=f"Patient/{people[2]}") == [people[2]]
        assert ids("Coverage", beneficiary=NAMES.of("Patient", people[2])) == [people[2]]
        assert ids("Coverage", identifier=home.card) == people
        with pytest.raises(BadSearch):
            ids("Coverage", beneficiary="Group/1")
        for kind in ("Patient", "Group", "Coverage"):
            assert read(connection, stranger, kind, people[0]) is None
            assert not search(connection, stranger, kind, {"identifier": home.card}).resources
            for nothing in ("0", "999999", "x", "-1", "9" * 30):
                assert read(connection, reader, kind, nothing) is None
        shown = read(connection, reader, "Patient", people[0])
        assert shown is not None
        assert "telecom" not in shown.resources[0]  # this reader may not see phone numbers


def test_pages(village: Village) -> None:
    homes = [village.register(None, (Person(f"Assana {name}ro", "F", 1980, "head"), *FAMILY[2:])) for name in "abcde"]
    with village.store.write() as unit:
        books = village.place.books
        add_organisation(unit, (books.id, books.path), kind="section", code="m-2", name="Bariénou")
    village.network.forget()
    tree = village.network.tree()
    reader = Reader(tree, NAMES, same_day(tree, TODAY), lambda _: True)
    with village.store.read() as connection:
        for count in (1, 2, 3, 7, 15, 16, 200):
            seen_ids: list[str] = []
            after = None
            while True:
                page = listed(connection, reader, "Patient", tree.sections, count, after)
                assert len(page.resources) <= count
                assert page.next is None or len(page.resources) == count
                seen_ids += [each["id"] for each in page.resources]
                if page.next is None:
                    break
                after = page.next
            assert len(seen_ids) == len(set(seen_ids)) == 15
        page = listed(connection, reader, "Group", tree.sections, 2, None)
        assert page.households == tuple(each.household_id for each in homes[:2])
        told = bundles.searchset(NAMES, "Group", {"_count": "2"}, page.resources, "sealed", None)
    assert valid(told)["link"][1] == {"relation": "next", "url": f"{NAMES.base}/Group?_count=2&page=sealed"}


# --- eligibility ------------------------------------------------------------------------------------------------------


def request(**changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "CoverageEligibilityRequest",
        "status": "active",
        "purpose": ["benefits"],
        "patient": {"reference": "Patient/1"},
        "created": "2026-11-22",
        "insurer": {"reference": "Organization/1"},
        **changes,
    }


def test_who_on_a_card_is_covered(village: Village) -> None:
    home = village.register(PAYER)
    put_money(village, home.household_id, FIRST_DUE, TODAY)
    now = village.clock.now()
    asked = read_request(
        request(patient={"identifier": {"value": home.card}}, identifier=[{"value": "visit 7"}]), NAMES
    )
    waiting = valid(answer(asked, seen(village, home.household_id), NAMES, now))
    assert [each["inforce"] for each in waiting["insurance"]] == [False] * 4
    assert waiting["contained"][0]["identifier"] == [{"value": "visit 7"}]
    covered = valid(answer(asked, seen(village, home.household_id, date(2026, 12, 22)), NAMES, now))
    assert [each["inforce"] for each in covered["insurance"]] == [True] * 4
    assert [each["coverage"]["display"] for each in covered["insurance"]] == [each.name for each in FAMILY]
    assert covered["servicedDate"] == "2026-12-22"


@ON_SQLITE
def test_one_person_is_asked_about(village: Village) -> None:
    home = village.register(PAYER)
    child = seen(village, home.household_id).people[2]
    asked = read_request(
        request(patient={"reference": f"https://cotisa.invalid/api/v1/fhir/Patient/{child.id}"}), NAMES
    )
    assert asked.person_id == child.id
    told = valid(answer(asked, seen(village, home.household_id), NAMES, village.clock.now()))
    [only] = told["insurance"]
    assert only["coverage"]["reference"] == f"Coverage/{child.id}"
    assert only["inforce"] is False
    strange = read_request(request(patient={"reference": "Patient/77"}), NAMES)
    assert "insurance" not in valid(answer(strange, seen(village, home.household_id), NAMES, village.clock.now()))


def test_the_day_that_is_asked_about() -> None:
    assert read_request(request(), NAMES).on is None
    assert read_request(request(servicedDate="2026-12-01"), NAMES).on == date(2026, 12, 1)
    period = {"start": "2026-12-01T10:00:00Z", "end": "2026-12-03"}
    assert read_request(request(servicedPeriod=period), NAMES).on == date(2026, 12, 1)


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ("text", "send a CoverageEligibilityRequest"),
        ({"resourceType": "Patient"}, "send a CoverageEligibilityRequest"),
        (request(created="yesterday"), "created"),
        (request(patient=None), "patient"),
        ({"resourceType": "CoverageEligibilityRequest"}, "Non-optional"),
        (request(patient={"reference": "Group/1"}), "patient.reference"),
        (request(patient={"display": "Adjara"}), "patient: name it"),
        (request(patient={"identifier": {"value": "123456789"}}), "no card has this number"),
        (request(patient={"identifier": {"value": "1", "system": "urn:x"}}), "system"),
        (request(purpose="benefits"), "purpose"),
        (request(unknown=[1]), "unknown"),
        (request(patient=[]), "patient"),
        (request(purpose=[1]), "purpose"),
        (request(purpose=["curiosity"]), "purpose: some of"),
        (request(purpose=[]), "purpose"),
        (request(purpose=["benefits"] * 5), "purpose: some of"),
        (request(status="maybe"), "status: one of"),
        (request(servicedDate="2026-12"), "servicedDate"),
    ],
)
def test_requests_that_can_not_be_read(sent: Any, why: str) -> None:
    with pytest.raises(BadRequest) as wrong:
        read_request(sent, NAMES)
    told = "\n".join(wrong.value.args)
    assert why in told
    assert "object at 0x" not in told
    valid(bundles.outcome([("invalid", line) for line in wrong.value.args]))


def test_what_is_understood() -> None:
    told = valid(bundles.capability(NAMES))
    assert told["fhirVersion"] == "4.0.1"
    kinds = {each["type"]: each for each in told["rest"][0]["resource"]}
    assert set(kinds) == {"Patient", "Group", "Coverage", "CoverageEligibilityRequest"}


# --- files ------------------------------------------------------------------------------------------------------------


def test_files_of_a_mutuelle(village: Village, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = village.register(PAYER)
    for name in "abc":
        village.register(None, (Person(f"Assana {name}ro", "F", 1980, "head"), *FAMILY[2:]))
    run = on_database_of(village, monkeypatch)
    assert run("fhir", "export", "--at", "m-1", "--out", str(tmp_path)).splitlines() == [
        f"{tmp_path}/Group.ndjson: 4 resources",
        f"{tmp_path}/Patient.ndjson: 13 resources",
        f"{tmp_path}/Coverage.ndjson: 13 resources",
    ]
    for kind in ("Group", "Patient", "Coverage"):
        path = tmp_path / f"{kind}.ndjson"
        assert path.stat().st_mode & 0o077 == 0  # its owner's alone
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert {valid(each)["resourceType"] for each in lines} == {kind}
    bundle = tmp_path / "all.json"
    assert run("fhir", "export", "--at", "m", "--out", str(bundle)) == f"{bundle}: 30 resources\n"
    told = valid(json.loads(bundle.read_text()))
    references = {
        each["resource"]["beneficiary"]["reference"]
        for each in told["entry"]
        if each["resource"]["resourceType"] == "Coverage"
    }
    there = {each["fullUrl"].removeprefix("https://cotisa.invalid/api/v1/fhir/") for each in told["entry"]}
    assert references <= there
    assert f"Group/{home.household_id}" in there


@ON_SQLITE
def test_files_of_nobody(village: Village, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = on_database_of(village, monkeypatch)
    bundle = tmp_path / "none.json"
    assert run("fhir", "export", "--at", "m", "--out", str(bundle)) == f"{bundle}: 0 resources\n"
    assert "entry" not in valid(json.loads(bundle.read_text()))
    with pytest.raises(Fault, match=r"name a folder that is there, or a file that ends in \.json"):
        run("fhir", "export", "--at", "m", "--out", str(tmp_path / "nowhere"))
