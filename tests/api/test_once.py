"""What registers or moves money happens once under its Idempotency-Key, whatever is repeated or comes at once."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from gateway.api.keeping import KEPT, forgetting
from gateway.network.api_keys import Scope
from gateway.store.schema import api_answer, collection, household, message, office_event
from tests.api.callers import Caller, Callers
from tests.api.things import one_of_each
from tests.ussd.world import MEMBER

FAMILY: dict[str, Any] = {
    "section": "Awanla",
    "plan": "famille",
    "people": [
        {"name": "awa bio", "sex": "F", "birth_year": 1990, "relation": "head"},
        {"name": "Orou Bio", "sex": "M", "birth_year": 2019, "relation": "child"},
    ],
    "phone": "0150000777",
    "language": "fr",
}


def _count(api: Callers, table: Any) -> int:
    return int(api.place.ask(select(func.count()).select_from(table))[0][0])


def test_a_family_is_registered_once_and_told(both: Callers) -> None:
    caller, before = both.with_key(), _count(both, household)
    first = caller.post("/households", FAMILY, once="a")
    assert first.status_code == 201, first.text
    assert first.json is not None
    assert [each["name"] for each in first.json["people"]] == ["Awa Bio", "Orou Bio"]
    assert first.json["phones"] == [{"number": "+2290150000777", "main": True}]
    assert first.json["cover"]["state"] == "unpaid"
    where = first.headers["Location"].removeprefix("http://127.0.0.1:8000")
    assert caller.get(where).json == first.json
    again = caller.post("/households", FAMILY, once="a")
    assert (again.status_code, again.json) == (201, first.json)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotency-Replayed"] == "true"
    other = caller.post("/households", {**FAMILY, "language": "en"}, once="a")
    assert (other.status_code, other.json and other.json["type"]) == (422, "/api/v1/problems/used-otherwise")
    known = caller.post("/households", FAMILY, once="b")  # the same family, by another wish
    assert known.status_code == 200
    assert known.json == first.json
    assert _count(both, household) == before + 1
    assert len(both.place.texts("registered", "+2290150000777")) == 1
    done = both.place.ask(select(office_event.c.what, office_event.c.by_name, office_event.c.after))
    assert [(what, after["section"]) for what, _, after in done] == [("household.registered", "Awanla")]
    assert caller.key is not None
    assert caller.key.prefix in done[0][1]


def test_two_keys_may_name_their_wishes_alike(api: Callers) -> None:
    one = api.with_key().post("/households", FAMILY, once="a")
    other = api.with_key().post("/households", {**FAMILY, "phone": "0150000778"}, once="a")
    assert (one.status_code, other.status_code) == (201, 201)
    assert one.json != other.json


HEAD, CHILD = FAMILY["people"][0], FAMILY["people"][1]
WRONG_FAMILIES: list[tuple[dict[str, Any], str]] = [
    ({"section": "Pélébina"}, "/section"),  # another mutuelle's
    ({"section": "Mutuelle Ouaké"}, "/section"),  # no section
    ({"section": "nowhere"}, "/section"),
    ({"section": 7}, "/section"),
    ({"plan": "tete"}, "/plan"),
    ({"phone": "01234567"}, "/phone"),
    ({"phone": "*144#"}, "/phone"),
    ({"people": []}, "/people"),
    ({"people": [HEAD] * 21}, "/people"),
    ({"people": [HEAD, HEAD]}, "/people/1/relation"),
    ({"people": [CHILD]}, "/people/0/relation"),
    ({"people": [HEAD, {**HEAD, "relation": "spouse"}]}, "/people"),
    ({"people": [{**HEAD, "name": "x1"}]}, "/people/0/name"),
    ({"people": [{**HEAD, "name": "A\x00wa"}]}, "/people/0/name"),
    ({"people": [{**HEAD, "birth_year": 2199}]}, "/people/0/birth_year"),
    ({"people": [{**HEAD, "birth_year": "1990"}]}, "/people/0/birth_year"),
    ({"people": [{**HEAD, "sex": "W"}]}, "/people/0/sex"),
    ({"language": "de"}, "/language"),
    ({"unknown": 1}, "/unknown"),
]


def test_what_is_wrong_with_a_family_is_told_by_where_it_stands(api: Callers) -> None:
    before, caller = _count(api, household), api.with_key()
    for change, pointer in WRONG_FAMILIES:
        answer = caller.post("/households", {**FAMILY, **change})
        assert answer.status_code == 422, (change, answer.text)
        assert answer.json is not None
        assert [each["pointer"] for each in answer.json["errors"]] == [pointer], change
    assert _count(api, household) == before
    assert _count(api, api_answer) == 0


def test_a_family_that_is_registered_elsewhere_is_not_shown(api: Callers) -> None:
    theirs = api.with_key("Mutuelle Anandana").post("/households", {**FAMILY, "section": "Pélébina"})
    assert theirs.status_code == 201
    ours = api.with_key().post("/households", FAMILY)
    assert ours.status_code == 409
    assert theirs.json is not None
    assert theirs.json["card"] not in ours.text


def _at_once(calls: list[tuple[Caller, dict[str, Any], str]], path: str) -> list[Any]:
    answers: list[Any] = [None] * len(calls)
    ready = threading.Barrier(len(calls))

    def do(number: int) -> None:
        caller, sent, once = calls[number]
        ready.wait()
        answers[number] = caller.post(path, sent, once=once)

    threads = [threading.Thread(target=do, args=(number,)) for number in range(len(calls))]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return answers


def test_the_same_wish_many_times_at_once_is_done_once(both: Callers) -> None:
    caller, before = both.with_key(), _count(both, household)
    assert both.place.app
    answers = _at_once([(caller, FAMILY, "same")] * 6, "/households")
    statuses = sorted(one.status_code for one in answers)
    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    assert len({one.text for one in answers if one.status_code == 201}) == 1
    assert all(one.headers["Retry-After"] for one in answers if one.status_code == 409)
    assert _count(both, household) == before + 1
    assert caller.post("/households", FAMILY, once="same").status_code == 201  # and whoever was told to wait gets it


def test_a_payment_is_asked_for_once(both: Callers) -> None:
    card = both.place.household_with(MEMBER, "Adjara Tchédré")
    sent = {"household": both.household(card), "amount": {"amount_minor": 2000, "currency": "XOF"}}
    caller = both.with_key()
    first = caller.post("/collections", sent, once="pay:1")
    assert first.status_code == 201, first.text
    assert first.json is not None
    assert (first.json["standing"], first.json["payer"], first.json["paid"]) == ("waiting", MEMBER, None)
    assert caller.post("/collections", sent, once="pay:1").json == first.json
    busy = caller.post("/collections", sent, once="pay:2")
    assert (busy.status_code, busy.json and busy.json["type"]) == (409, "/api/v1/problems/conflict")
    assert _count(both, collection) == 1
    both.place.wallet_pays()
    now = caller.get(f"/collections/{first.json['id']}").json
    assert now is not None
    assert (now["standing"], now["paid"]) == ("paid", {"amount_minor": 2000, "currency": "XOF"})
    listed = caller.get("/collections?standing=paid").json
    assert listed is not None
    assert [each["id"] for each in listed["items"]] == [first.json["id"]]


WRONG_PAYMENTS: list[tuple[dict[str, Any], str]] = [
    ({"household": 999_999}, "/household"),
    ({"household": 1}, "/household"),  # a neighbour's
    ({"household": True}, "/household"),
    ({"amount": {"amount_minor": 0, "currency": "XOF"}}, "/amount/amount_minor"),
    ({"amount": {"amount_minor": -5, "currency": "XOF"}}, "/amount/amount_minor"),
    ({"amount": {"amount_minor": 100, "currency": "XOF"}}, "/amount/amount_minor"),  # below the plan's least
    ({"amount": {"amount_minor": 10**11, "currency": "XOF"}}, "/amount/amount_minor"),
    ({"amount": {"amount_minor": 2000.5, "currency": "XOF"}}, "/amount/amount_minor"),
    ({"amount": {"amount_minor": "2000", "currency": "XOF"}}, "/amount/amount_minor"),
    ({"amount": {"amount_minor": 2000, "currency": "BIF"}}, "/amount/currency"),
    ({"amount": {"amount_minor": 2000, "currency": "ZZZ"}}, "/amount/currency"),
    ({"phone": "01234567"}, "/phone"),
]


def test_a_payment_that_cannot_be_asked_for_is_not(api: Callers) -> None:
    card = api.place.household_with(MEMBER, "Adjara Tchédré")
    sent = {"household": api.household(card), "amount": {"amount_minor": 2000, "currency": "XOF"}}
    caller = api.with_key("Awanla")
    for change, pointer in WRONG_PAYMENTS:
        answer = caller.post("/collections", {**sent, **change})
        assert answer.status_code == 422, (change, answer.text)
        assert answer.json is not None
        assert [each["pointer"] for each in answer.json["errors"]] == [pointer], change
    # Wallets that nobody can ask: of another country, of an operator that isn't connected.
    for phone in ("+25763000001", "+2290155000001"):
        refused = caller.post("/collections", {**sent, "phone": phone})
        assert (refused.status_code, refused.json and refused.json["type"]) == (422, "/api/v1/problems/refused")
    without = api.household(api.place.household_with(None, "Bawa Issa"))
    nobody = caller.post("/collections", {**sent, "household": without})
    assert (nobody.json and nobody.json["errors"][0]["pointer"]) == "/phone"
    assert _count(api, collection) == 0


def test_visits_are_announced_once_a_day_and_told(both: Callers) -> None:
    things = one_of_each(both)
    both.place.staff_with("+2290150000850", "adviser", "Gisèle Ahouansou", pin=None)
    caller = both.at_facility(things.facility)
    card = both.place.household_with("+2290150000333", "Bawa Issa", section="Pélébina")  # another mutuelle's, unpaid
    sent = {"card": things.card, "person": things.person + 1}
    first = caller.post("/visits", sent, once="visit-1")
    assert first.status_code == 201, first.text
    assert first.json is not None
    assert (first.json["person"], first.json["household"]) == ("Moussa Tchédré", None)
    assert caller.post("/visits", sent, once="visit-2").status_code == 200
    assert len(both.place.texts("visit")) == 1
    refused = {
        "not-on-card": caller.post("/visits", {**sent, "person": 999_999}),
        "not-covered": caller.post("/visits", {"card": card, "person": 999_999}),
    }
    assert [one.status_code for one in refused.values()] == [422, 422]
    nobody = caller.post("/visits", {"card": "100000007", "person": 1})
    assert (nobody.json and nobody.json["errors"][0]["pointer"]) == "/card"
    listed = caller.get("/visits").json
    assert listed is not None
    assert len(listed["items"]) == 2
    assert caller.get("/visits?facility=999").status_code == 404
    number = first.json["number"]
    assert caller.get(f"/visits/{number}").json == first.json
    assert both.with_key().get(f"/visits/{number}").status_code == 200  # the home mutuelle
    assert both.with_key("Mutuelle Anandana").get(f"/visits/{number}").status_code == 404
    assert both.at_facility().get(f"/visits/{number}").status_code == 404


def test_answers_are_forgotten_in_time(both: Callers) -> None:
    caller = both.with_key()
    assert caller.post("/households", FAMILY, once="a").status_code == 201
    store, clock = both.place.runtime.store, both.place.runtime.own_clock
    assert list(forgetting(store, clock.now())) == [0]
    clock.move(KEPT + timedelta(seconds=1))
    assert list(forgetting(store, clock.now())) == [1]
    assert _count(both, api_answer) == 0


def test_a_wish_needs_a_name(api: Callers) -> None:
    caller = api.with_key()
    for name in ("", " ", "a b", "é", "x" * 201, "a\tb"):
        sent = {"Idempotency-Key": name.encode().decode("latin-1")}
        answer = caller.call("POST", "/households", json=FAMILY, headers=sent)
        assert answer.status_code == 422, name
        assert answer.json is not None
        assert answer.json["errors"][0]["header"] == "Idempotency-Key", name
    assert _count(api, message) == 0


def test_scopes_for_writing_are_their_own(api: Callers) -> None:
    reads = api.with_key(scopes=frozenset({Scope.HOUSEHOLDS_READ, Scope.COLLECTIONS_READ}))
    assert reads.post("/households", FAMILY).status_code == 403
    assert reads.post("/collections", {}).status_code == 403
