"""FHIR's doors with what nobody should send: wrong types, half letters, depths, days beyond all calendars."""

from __future__ import annotations

from typing import Any

from tests.api.callers import Callers
from tests.api.test_fhir_doors import FHIR, ask, family, of_card, refused, told

PATH = "/fhir/CoverageEligibilityRequest"
WRONG: list[dict[str, Any]] = [
    {"patient": None},
    {"patient": []},
    {"patient": {}},
    {"patient": {"reference": 7}},
    {"patient": {"reference": "Patient/0"}},
    {"patient": {"reference": "Patient/\u0661"}},
    {"patient": {"reference": "Patient/9999999999999999999"}},
    {"patient": {"reference": "Group/1"}},
    {"patient": {"identifier": "1"}},
    {"patient": {"identifier": {"value": {}}}},
    {"patient": {"identifier": {"value": "\ud800"}}},
    {"patient": {"identifier": {"value": "1" * 5_000}}},
    {"patient": {"identifier": {"value": "\u0000"}}},
    {"purpose": "benefits"},
    {"purpose": []},
    {"purpose": [None]},
    {"purpose": [["benefits"]]},
    {"purpose": ["benefits"] * 9},
    {"status": True},
    {"status": {"a": 1}},
    {"created": 5},
    {"created": "never"},
    {"created": None},
    {"insurer": 3},
    {"servicedDate": "2026-13-45"},
    {"servicedDate": "0001-01-01"},
    {"servicedDate": "9999-12-31"},
    {"servicedDate": "2026"},
    {"servicedDate": 20261122},
    {"servicedDate": "2026-11-22", "servicedPeriod": {"start": "nonsense"}},
    {"servicedPeriod": {"start": "2026-11"}},
    {"servicedPeriod": []},
    {"servicedPeriod": {"end": {"x": 1}}},
    {"identifier": "x"},
    {"identifier": [None]},
    {"identifier": [3]},
    {"item": [[]]},
    {"item": {"a": "b"}},
    {"unknown": 1},
    {"extension": [{"url": None}]},
    {"contained": [{"resourceType": "Nothing"}]},
    {"contained": [[]]},
    {"meta": "x"},
    {"insurance": [{"coverage": {"reference": "#"}}] * 50},
]


def test_whatever_is_sent_is_answered_and_nothing_falls_over(api: Callers) -> None:
    caller, card = api.with_key(), family(api)
    for changes in WRONG:
        answer = ask(caller, **{"patient": of_card(card), **changes})
        assert answer.status_code in (200, 400, 404, 422), (changes, answer.get_data(as_text=True))
        answer.get_data().decode()
        told(answer, answer.status_code)


BODIES = [b"", b"[]", b"null", b"3", b"{", b"\xff\xfe", b"[" * 50_000, b'{"a":' * 20_000,
          b'{"resourceType":"Bundle","entry":[]}', b'{"resourceType":NaN}', b" " * 3_000_000]  # fmt: skip


def test_nor_by_a_body_of_another_kind(api: Callers) -> None:
    caller = api.with_key()
    for body in BODIES:
        answer = caller.call("POST", PATH, data=body, content_type=FHIR)
        assert answer.status_code in (400, 413, 422), (body[:40], answer.get_data(as_text=True))
        told(answer, answer.status_code)


def test_nor_do_searches_fall_over(api: Callers) -> None:
    caller = api.with_key()
    for path in (
        "/fhir/Patient?identifier=%00",
        "/fhir/Patient?_id=%EF%BF%BD",
        "/fhir/Patient/%00",
        "/fhir/Coverage?patient=Patient/99999999999999999999",
        "/fhir/Patient?_id=1&_id=2",
        "/fhir/Patient?identifier=%ED%A0%80",
        "/fhir/Group/00001",
        "/fhir/Patient?_count=1e3",
        "/fhir/Group/-1",
        "/fhir/Patient?_id=999999999999999999",
    ):
        answer = caller.get(path)
        assert answer.status_code in (200, 400, 404, 422), (path, answer.get_data(as_text=True))
        told(answer, answer.status_code)


def test_cover_is_told_of_days_within_a_year(api: Callers) -> None:
    caller, card = api.with_key(), family(api)
    for day in ("2025-11-21", "2027-11-23"):
        assert told(ask(caller, patient=of_card(card), servicedDate=day))["servicedDate"] == day
    for day in ("2025-11-20", "2027-11-24", "0001-01-01", "9999-12-31"):
        refused(ask(caller, patient=of_card(card), servicedDate=day), 422, "invalid")
