"""FHIR over HTTP: who may read and ask what, in which form, and how errors are told."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import urlsplit

import pytest
from werkzeug.test import TestResponse

from gateway.network.api_keys import Scope
from gateway.store.attempts import FACILITY_GUESSES
from tests.api.callers import Caller, Callers
from tests.exchange.fhir_models import valid
from tests.ussd.world import FAMILY, MEMBER, register_people

FHIR = "application/fhir+json"


def family(api: Callers, section: str = "Madjatom", msisdn: str | None = MEMBER) -> str:
    """A family of three; its card."""
    runtime = api.place.runtime
    with runtime.store.write() as unit:
        return register_people(unit, runtime.network, section, msisdn, *FAMILY)


def told(answer: TestResponse, status: int = 200) -> dict[str, Any]:
    """An answer in FHIR's form, which is valid."""
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert answer.mimetype == FHIR
    assert isinstance(answer.json, dict)
    return valid(answer.json)


def refused(answer: TestResponse, status: int, code: str) -> str:
    """What an error says, as an OperationOutcome."""
    outcome = told(answer, status)
    assert outcome["resourceType"] == "OperationOutcome"
    assert {each["code"] for each in outcome["issue"]} == {code}
    return "\n".join(each["diagnostics"] for each in outcome["issue"])


def ask(caller: Caller, **changes: Any) -> TestResponse:
    """Ask whether somebody is covered."""
    sent = {
        "resourceType": "CoverageEligibilityRequest",
        "status": "active",
        "purpose": ["benefits"],
        "created": "2026-11-22",
        "insurer": {"display": "Mutuelle"},
        **changes,
    }
    return caller.post("/fhir/CoverageEligibilityRequest", sent, once=None)


def of_card(card: str) -> dict[str, Any]:
    return {"identifier": {"value": card}}


def test_what_is_understood_is_told_to_anybody(api: Callers) -> None:
    assert told(api.stranger.get("/fhir/metadata"))["resourceType"] == "CapabilityStatement"


def test_a_household_is_read_from_its_card(both: Callers) -> None:
    card = family(both)
    caller = both.with_key()
    people = told(caller.get(f"/fhir/Patient?identifier={card}"))
    assert people["total"] == 3
    assert [each["resource"]["name"][0]["text"] for each in people["entry"]] == [each.name for each in FAMILY]
    for each in people["entry"]:
        path = urlsplit(each["fullUrl"]).path
        assert told(caller.get(path)) == each["resource"]
        home = each["resource"]["extension"][1]["valueReference"]["reference"]
        assert told(caller.get(f"/fhir/{home}"))["quantity"] == 3
        cover = told(caller.get(f"/fhir/Coverage?beneficiary=Patient/{each['resource']['id']}"))
        assert [one["resource"]["status"] for one in cover["entry"]] == ["draft"]
    assert told(caller.get(f"/fhir/Group?identifier=|{card}"))["total"] == 1
    assert told(caller.get(f"/fhir/Coverage?identifier={card}&_format=json"))["total"] == 3
    assert told(caller.get(f"/fhir/Coverage?patient={people['entry'][0]['resource']['id']}"))["total"] == 1
    assert told(caller.get("/fhir/Patient?identifier=nobody"))["total"] == 0


def test_phone_numbers_need_their_own_scope(api: Callers) -> None:
    card = family(api)

    def phones(*scopes: Scope) -> bool:
        people = told(api.with_key(scopes=frozenset(scopes)).get(f"/fhir/Patient?identifier={card}"))
        return any("telecom" in each["resource"] for each in people["entry"])

    assert phones(Scope.FHIR_READ, Scope.PHONES_READ)
    assert not phones(Scope.FHIR_READ)


def test_what_is_anothers_looks_like_what_is_not_there(api: Callers) -> None:
    theirs = api.household(family(api, "Pélébina"))
    caller, at_facility = api.with_key(), api.at_facility()
    for path in (f"/fhir/Group/{theirs}", "/fhir/Group/987654", "/fhir/Patient/987654"):
        refused(caller.get(path), 404, "not-found")
    owner = api.with_key("Mutuelle Anandana")
    people = told(owner.get("/fhir/Patient"))["entry"]
    assert len(people) == 3
    for each in people:
        for kind in ("Patient", "Coverage"):
            refused(caller.get(f"/fhir/{kind}/{each['resource']['id']}"), 404, "not-found")
            assert told(caller.get(f"/fhir/{kind}?_id={each['resource']['id']}"))["total"] == 0
    refused(at_facility.get("/fhir/Patient"), 403, "forbidden")
    refused(api.stranger.get("/fhir/Patient"), 401, "login")


def test_pages_lead_on(api: Callers) -> None:
    family(api)
    caller = api.with_key()
    path: str | None = "/fhir/Patient?_count=2"
    ids: list[str] = []
    while path is not None:
        page = told(caller.get(path))
        ids += [each["resource"]["id"] for each in page.get("entry", ())]
        following = [each["url"] for each in page["link"] if each["relation"] == "next"]
        path = following[0].removeprefix("http://127.0.0.1:8000") if following else None
    assert len(ids) == len(set(ids)) == 5  # of the neighbours in Madjatom two
    assert "entry" in told(caller.get("/fhir/Coverage?_count=200"))
    assert "page" in refused(caller.get("/fhir/Patient?page=made-up"), 422, "invalid")
    assert "_count" in refused(caller.get("/fhir/Patient?_count=0"), 422, "invalid")
    assert "name" in refused(caller.get("/fhir/Patient?name=Adjara"), 422, "invalid")
    assert "beneficiary" in refused(caller.get("/fhir/Coverage?beneficiary=Group/1"), 422, "invalid")


def test_a_facility_checks_any_card_of_the_network(both: Callers) -> None:
    card = family(both, "Pélébina")
    at_facility = both.at_facility(owner="Mutuelle Ouaké")
    answer = told(ask(at_facility, patient=of_card(card)))
    assert answer["resourceType"] == "CoverageEligibilityResponse"
    assert [each["inforce"] for each in answer["insurance"]] == [False] * 3
    one = answer["insurance"][0]["coverage"]["reference"].removeprefix("Coverage/")
    refused(ask(at_facility, patient={"reference": f"Patient/{one}"}), 422, "invalid")  # ids can be counted through
    patient = {"reference": f"Patient/{one}", **of_card(card)}
    alone = told(ask(at_facility, patient=patient, servicedDate="2027-01-10"))
    assert (len(alone["insurance"]), alone["servicedDate"]) == (1, "2027-01-10")
    elsewhere = family(both, "Gitega", None)
    refused(ask(at_facility, patient=of_card(elsewhere)), 404, "not-found")
    refused(ask(both.with_key("Mutuelle Ouaké"), patient=of_card(card)), 404, "not-found")
    assert told(ask(both.with_key("ouake"), patient=of_card(card)))["outcome"] == "complete"


def test_a_facility_that_guesses_has_to_wait(api: Callers) -> None:
    card, others = family(api), family(api, "Pélébina", None)
    at_facility = api.at_facility()
    person = told(ask(at_facility, patient=of_card(others)))["insurance"][0]["coverage"]["reference"]
    mixed = {"reference": person.replace("Coverage", "Patient"), **of_card(card)}
    for _ in range(FACILITY_GUESSES.free + 1):
        refused(ask(at_facility, patient=mixed), 404, "not-found")
    waits = ask(at_facility, patient=of_card(card))
    refused(waits, 429, "throttled")
    assert int(waits.headers["Retry-After"]) > 0
    told(ask(api.with_key(), patient=of_card(card)))


def test_requests_that_are_wrong(api: Callers) -> None:
    card = family(api)
    caller = api.with_key()
    assert "patient" in refused(ask(caller), 422, "invalid")
    assert "purpose" in refused(ask(caller, patient=of_card(card), purpose=[1]), 422, "invalid")
    refused(ask(caller, patient=of_card(card), servicedDate="2030-01-01"), 422, "invalid")
    refused(ask(caller, patient={"reference": "Patient/987654"}), 404, "not-found")
    wrong = caller.call("POST", "/fhir/CoverageEligibilityRequest", json={"resourceType": "Patient"})
    refused(wrong, 422, "invalid")
    text = caller.call("POST", "/fhir/CoverageEligibilityRequest", data=b"{", content_type=FHIR)
    refused(text, 400, "invalid")
    refused(ask(api.with_key(scopes=frozenset({Scope.FHIR_READ})), patient=of_card(card)), 403, "forbidden")


def test_fhirs_own_content_type_is_taken(api: Callers) -> None:
    card = family(api)
    body = (
        '{"resourceType":"CoverageEligibilityRequest","status":"active","purpose":["benefits"],"created":"2026-11-22",'
        f'"insurer":{{"display":"M"}},"patient":{{"identifier":{{"value":"{card}"}}}}}}'
    )
    path = "/fhir/CoverageEligibilityRequest"
    assert told(api.with_key().call("POST", path, data=body, content_type=FHIR))["outcome"] == "complete"


@pytest.mark.parametrize("days", [0, 1])
def test_a_facility_without_an_agreement(api: Callers, days: int) -> None:
    from gateway.network import facilities

    card = family(api)
    at_facility = api.at_facility()
    assert at_facility.key is not None
    assert at_facility.key.facility_id is not None
    with api.place.runtime.store.write() as unit:
        facilities.end_agreement(unit, at_facility.key.facility_id, date(2026, 11, 21 + days))
    if days:
        told(ask(at_facility, patient=of_card(card)))
    else:
        refused(ask(at_facility, patient=of_card(card)), 422, "business-rule")
