"""The API against a hostile and a clumsy integrator: races, moves, names used again, and what nobody would send."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any, get_args

import pytest
from sqlalchemy import func, select, text, update
from werkzeug.test import TestResponse

from gateway.api import collections, cover, households, network
from gateway.api.areas import AREAS
from gateway.api.calm import Most
from gateway.api.doors import JSON, LARGEST_BODY
from gateway.api.keeping import KEPT, forgetting
from gateway.api.openapi import document
from gateway.indicators.keeping import counting
from gateway.kernel.card import new_card_number
from gateway.ledger.chart import Chart
from gateway.membership.changes import By
from gateway.membership.households import Household, by_id, lock_household
from gateway.membership.merging import merge, same_people
from gateway.membership.moves.branches import move_branch
from gateway.membership.moves.moving import move
from gateway.membership.rules import State as CoverState
from gateway.network import facilities
from gateway.network.api_keys import SCOPES, BadKey, Scope, revoke
from gateway.network.organisations import Network, add_organisation
from gateway.payments.states import State
from gateway.privacy.erasing import ask_erasure, erase
from gateway.settings import LANGUAGES
from gateway.store.schema import api_answer, collection, household
from gateway.store.unit import Unit
from tests.api.callers import Caller, Callers
from tests.api.test_once import FAMILY, _count
from tests.api.test_reading import _families, _pages
from tests.api.things import DOORS, NAME, one_of_each
from tests.ussd.world import MEMBER, register_people

PROBLEM = "application/problem+json"
FHIR = "application/fhir+json"
BY = By(None, name="Bariou Tchao")
HUGE = 2**63, 2**63 - 1, 2**64, -(2**63) - 1, 10**40


def _kind(answer: TestResponse) -> str:
    assert answer.content_type == PROBLEM, answer.text
    assert answer.json is not None
    assert answer.json["status"] == answer.status_code
    return str(answer.json["type"]).rpartition("/")[2]


def _errors(answer: TestResponse, where: str) -> list[str]:
    assert answer.json is not None, answer.text
    return [each[where] for each in answer.json["errors"]]


def _moves(api: Callers, its_id: int, section: str) -> None:
    runtime = api.place.runtime
    with runtime.store.write() as unit:
        _moves_in(api, unit, its_id, section)


def _moves_in(api: Callers, unit: Unit, its_id: int, section: str) -> Household:
    tree = api.place.runtime.network.tree()
    return move(unit, tree, Chart(), by_id(unit.connection, tree, its_id), tree.named(section), BY)


def _pay(household: int, amount: int = 2000, **more: Any) -> dict[str, Any]:
    return {"household": household, "amount": {"amount_minor": amount, "currency": "XOF"}, **more}


# --- what changes while a change is under way -------------------------------------------------------------------------


def _meanwhile(
    api: Callers, its_id: int, ask: Callable[[], TestResponse], do: Callable[[Unit], object]
) -> TestResponse:
    """The answer to a call that had to wait for a household while something was done to it (PostgreSQL)."""
    answers: list[TestResponse] = []
    assert api.place.app is not None  # made before the threads
    asking = threading.Thread(target=lambda: answers.append(ask()))
    store = api.place.runtime.store
    waits = text(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    )
    with store.write() as unit:
        lock_household(unit, its_id)
        asking.start()
        for _ in range(500):
            with store.read() as connection:
                if connection.scalar(waits):
                    break
            time.sleep(0.01)
        else:
            raise AssertionError("nobody waits")
        do(unit)
    asking.join()
    return answers[0]


def test_a_change_that_waited_sees_what_was_changed_before_it(api: Callers) -> None:
    its_id, caller = api.household(api.place.household_with(MEMBER)), api.with_key()
    path = f"/households/{its_id}"
    etag = caller.get(path).headers["ETag"]

    def other(unit: Unit) -> None:
        unit.connection.execute(update(household).where(household.c.id == its_id).values(language="fr"))

    late = _meanwhile(api, its_id, lambda: caller.patch(path, {"language": "en"}, headers={"If-Match": etag}), other)
    assert (late.status_code, _kind(late)) == (412, "changed")
    now = caller.get(path).json
    assert now is not None
    assert now["language"] == "fr"


def test_a_household_that_has_left_meanwhile_is_not_changed(api: Callers) -> None:
    its_id, caller = api.household(api.place.household_with(MEMBER)), api.with_key()
    path = f"/households/{its_id}"
    as_read = {"If-Match": caller.get(path).headers["ETag"]}
    late = _meanwhile(
        api, its_id, lambda: caller.patch(path, {"language": "en"}, headers=as_read),
        lambda unit: _moves_in(api, unit, its_id, "Pélébina"),
    )  # fmt: skip
    assert (late.status_code, _kind(late)) == (404, "not-there")
    there = api.with_key("Mutuelle Anandana").get(path).json
    assert there is not None
    assert there["language"] is None


def test_no_payment_is_asked_for_where_a_household_was_a_moment_ago(api: Callers) -> None:
    its_id, caller = api.household(api.place.household_with(MEMBER)), api.with_key()
    late = _meanwhile(
        api, its_id, lambda: caller.post("/collections", _pay(its_id)),
        lambda unit: _moves_in(api, unit, its_id, "Pélébina"),
    )  # fmt: skip
    assert (late.status_code, _kind(late)) == (409, "conflict")
    assert _count(api, collection) == 0


def test_of_changes_of_one_state_at_once_one_is_made(both: Callers) -> None:
    its_id, caller = both.household(both.place.household_with(MEMBER)), both.with_key()
    path = f"/households/{its_id}"
    as_read = {"If-Match": caller.get(path).headers["ETag"]}
    answers = _at_once(lambda number: caller.patch(path, {"phone": f"+229015000060{number}"}, headers=as_read), 5)
    assert sorted(one.status_code for one in answers) == [200] + [412] * 4
    assert len(caller.get(path).get_json()["phones"]) == 2


def test_one_visit_by_several_wishes_at_once_is_announced_once(both: Callers) -> None:
    things = one_of_each(both)
    both.place.staff_with("+2290150000850", "adviser", "Gisèle Ahouansou", pin=None)
    callers = [both.at_facility(things.facility) for _ in range(2)]
    sent = {"card": things.card, "person": things.person + 1}
    answers = _at_once(lambda number: callers[number % 2].post("/visits", sent), 6)
    assert sorted(one.status_code for one in answers) == [200] * 5 + [201]
    assert len({one.text for one in answers}) == 1
    assert len(both.place.texts("visit")) == 1


def test_a_star_names_no_state(api: Callers) -> None:
    its_id = api.household(api.place.household_with(MEMBER, "Adjara Tchédré"))
    path = f"/households/{its_id}"
    blind = api.with_key(scopes=frozenset({Scope.HOUSEHOLDS_WRITE}))
    for sent in ("*", "", " "):
        answer = blind.patch(path, {"language": "en"}, headers={"If-Match": sent})
        assert (answer.status_code, _kind(answer)) == (428, "unconditional"), sent
        assert "Adjara" not in answer.text
    for sent in ('W/"*"', '"*"', "*, *", "x", '"'):
        answer = blind.patch(path, {"language": "en"}, headers={"If-Match": sent})
        assert answer.status_code in (412, 428), (sent, answer.text)
    assert api.place.ask(select(household.c.language).where(household.c.id == its_id)) == [(None,)]


# --- a wish's name ----------------------------------------------------------------------------------------------------


def test_a_name_that_was_forgotten_names_a_new_wish(both: Callers) -> None:
    families, caller = _families(both, 2), both.with_key()
    store, clock = both.place.runtime.store, both.place.runtime.own_clock
    first = caller.post("/collections", _pay(families[0], phone=MEMBER), once="payment-0001")
    assert first.status_code == 201
    clock.move(KEPT + timedelta(seconds=1))
    assert list(forgetting(store, clock.now())) == [1]
    second = caller.post("/collections", _pay(families[1], phone=MEMBER), once="payment-0001")
    assert second.status_code == 201, second.text
    assert first.json is not None
    assert second.json is not None
    assert second.json["household"] == families[1]
    assert second.json["id"] != first.json["id"]
    assert caller.post("/collections", _pay(families[1], phone=MEMBER), once="payment-0001").json == second.json
    assert _count(both, collection) == 2


def test_a_name_belongs_to_one_call_whatever_came_of_it(both: Callers) -> None:
    its_id = both.household(both.place.household_with(MEMBER))
    caller = both.with_key()
    refused = caller.post("/collections", _pay(its_id, 1), once="x")
    assert refused.status_code == 422
    assert caller.post("/collections", _pay(its_id), once="x").status_code == 201  # what was refused was not done
    for path, sent in (("/households", FAMILY), ("/collections", _pay(its_id, 2100)), ("/collections", _pay(1))):
        answer = caller.post(path, sent, once="x")
        assert (answer.status_code, _kind(answer)) == (422, "used-otherwise"), path
    assert caller.post("/collections", _pay(its_id), once="X").status_code == 409  # another name: asked already
    assert _count(both, api_answer) == _count(both, collection) == 1


def test_one_family_by_several_wishes_at_once_is_registered_once(both: Callers) -> None:
    callers, before = [both.with_key() for _ in range(2)], _count(both, household)
    for sent in (FAMILY, {key: value for key, value in FAMILY.items() if key != "phone"}):
        before = _count(both, household)
        answers = _at_once(lambda number, sent=sent: callers[number % 2].post("/households", sent), 6)  # type: ignore[misc]
        assert sorted(one.status_code for one in answers) == [200] * 5 + [201]
        assert len({one.json["id"] for one in answers if one.json}) == 1
        assert _count(both, household) == before + 1


def test_one_household_is_asked_once_by_several_wishes_at_once(both: Callers) -> None:
    its_id, caller = both.household(both.place.household_with(MEMBER)), both.with_key()
    answers = _at_once(lambda number: caller.post("/collections", _pay(its_id, 2000 + number)), 6)
    assert sorted(one.status_code for one in answers) == [201] + [409] * 5
    assert _count(both, collection) == 1


def _at_once(do: Callable[[int], TestResponse], many: int) -> list[TestResponse]:
    answers: list[Any] = [None] * many
    ready = threading.Barrier(many)

    def one(number: int) -> None:
        ready.wait()
        answers[number] = do(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(many)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return answers


# --- who has moved, was merged, or is of a section that was just made -------------------------------------------------


def test_a_receipt_stays_with_the_mutuelle_that_was_home(both: Callers) -> None:
    """The list of collections and the collection itself agree, whoever asks and wherever the household went."""
    things = one_of_each(both)
    its = int(things.named["collection"])
    _moves(both, things.household, "Pélébina")
    old, new, beside = both.with_key(), both.with_key("Mutuelle Anandana"), both.with_key("Mutuelle Séméré 2")
    assert [each["id"] for each in _pages(old, "/collections")] == [its]
    assert old.get(f"/collections/{its}").status_code == 200
    assert [each["id"] for each in _pages(new, f"/collections?household={things.household}")] == [its]
    assert new.get(f"/collections/{its}").status_code == 200
    for caller in (beside, both.with_key("Kadolassi"), both.with_key("umoja")):
        assert _pages(caller, "/collections") == []
        assert _pages(caller, f"/collections?household={things.household}") == []
        assert caller.get(f"/collections/{its}").status_code == 404


def test_the_old_home_sees_a_household_no_more(both: Callers) -> None:
    things = one_of_each(both)
    old, new = both.with_key(), both.with_key("Mutuelle Anandana")
    path = f"/households/{things.household}"
    known = old.get(path).headers["ETag"]
    _moves(both, things.household, "Pélébina")
    gone = [
        old.get(path), old.get(path, headers={"If-None-Match": known}), old.get(path, headers={"If-None-Match": "*"}),
        old.get(f"{path}/statement"), old.patch(path, {"language": "en"}, headers={"If-Match": known}),
        old.get(f"/cover/{things.card}"), old.get(f"/fhir/Group/{things.household}"),
        old.get(f"/fhir/Patient/{things.person}"), old.get(f"/fhir/Coverage/{things.person}"),
    ]  # fmt: skip
    assert [one.status_code for one in gone] == [404] * len(gone)
    nothing = old.post("/collections", _pay(things.household))
    assert (nothing.status_code, _errors(nothing, "pointer")) == (422, ["/household"])
    for kind in ("Patient", "Group", "Coverage"):
        for asked in (f"identifier={things.card}", f"_id={things.person}"):
            assert old.get(f"/fhir/{kind}?{asked}").get_json()["total"] == 0
        assert things.card not in old.get(f"/fhir/{kind}?_count=200").text
    assert things.household not in [
        each["id"] for each in _pages(old, "/households?changed_since=2026-01-01T00:00:00Z")
    ]
    assert new.get(path).status_code == new.get(f"/cover/{things.card}").status_code == 200
    number = things.named["number"]
    assert (old.get(f"/visits/{number}").status_code, new.get(f"/visits/{number}").status_code) == (200, 404)
    assert [each["number"] for each in _pages(old, "/visits")] == [number]
    assert _pages(new, "/visits") == []


def test_a_merged_card_leads_on_for_every_door_and_only_its_own_key(both: Callers) -> None:
    runtime = both.place.runtime
    stays, goes = (both.place.household_with(phone, "Adjara Tchédré") for phone in (MEMBER, "+2290150000333"))
    ids = both.household(stays), both.household(goes)
    tree = runtime.network.tree()
    with runtime.store.write() as unit:
        one, other = (by_id(unit.connection, tree, each) for each in ids)
        merge(unit, tree, Chart(), one, other, same_people(unit.connection, one, other), BY, registered_twice=True)
    caller, beside, facility = both.with_key(), both.with_key("Mutuelle Anandana"), both.at_facility()
    now = caller.get(f"/households/{ids[0]}")
    assert caller.get(f"/households/{ids[1]}").json == now.json
    assert (
        caller.get(f"/cover/{goes}").json == caller.get(f"/cover/{stays}").json == facility.get(f"/cover/{goes}").json
    )
    assert caller.get(f"/fhir/Patient?identifier={goes}").get_json()["total"] == 1
    listed = {each["id"]: each["merged_into"] for each in _pages(caller, "/households")}
    assert (listed[ids[0]], listed[ids[1]]) == (None, ids[0])
    answer = caller.patch(f"/households/{ids[1]}", {"language": "en"}, headers={"If-Match": now.headers["ETag"]})
    assert (answer.status_code, answer.get_json()["id"]) == (200, ids[0])
    nothing = caller.post("/collections", _pay(ids[1]))
    assert (nothing.status_code, _errors(nothing, "pointer")) == (422, ["/household"])
    _moves(both, ids[0], "Pélébina")
    for path in (f"/households/{ids[1]}", f"/households/{ids[1]}/statement", f"/cover/{goes}"):
        assert (caller.get(path).status_code, beside.get(path).status_code) == (404, 200), path


def test_what_another_process_has_just_made_is_answered(both: Callers) -> None:
    """A section, a family in it and a facility of it, while this process still has the tree as it was."""
    runtime = both.place.runtime
    caller, at_facility = both.with_key("ouake"), both.at_facility(owner="Mutuelle Ouaké")
    known = runtime.network.tree()
    their_network = Network(runtime.store, runtime.network.defaults)
    with runtime.store.write() as unit:
        above = their_network.tree().named("Mutuelle Ouaké")
        new, _ = add_organisation(
            unit, (above.id, above.path), kind="section", code="Nouveau", name="Nouveau village"
        )  # fmt: skip
    their_network.forget()
    with runtime.store.write() as unit:
        card = register_people(unit, their_network, "Nouveau", MEMBER, "Awa Bio")
        facilities.add_facility(unit, new, "f-new", "Centre", "centre", "public", "Ouaké", agreed_on=unit.now.date())
    person = both.place.ask(select(func.max(household.c.id)))[0][0]

    def stale() -> None:
        runtime.network._tree, runtime.network._read_at = known, time.monotonic()

    for caller_, path in (
        (caller, f"/cover/{card}"), (at_facility, f"/cover/{card}"), (caller, f"/households/{person}"),
        (caller, "/facilities"), (at_facility, "/facilities"), (caller, "/households"), (caller, "/plans"),
        (caller, "/organisations"), (caller, f"/fhir/Patient?identifier={card}"), (caller, "/visits"),
    ):  # fmt: skip
        stale()
        assert caller_.get(path).status_code == 200, path
    stale()
    answer = at_facility.post("/visits", {"card": card, "person": 1})
    assert (answer.status_code, answer.get_json()["because"]) == (422, "not-on-card")


def test_who_was_made_nameless_is_answered_without_a_name(both: Callers) -> None:
    things, runtime = one_of_each(both), both.place.runtime
    owes = both.with_key().get(f"/households/{things.household}").get_json()["left"]["amount_minor"]
    assert both.with_key().post("/collections", _pay(things.household, owes)).status_code == 201
    both.place.wallet_pays()
    runtime.own_clock.move(timedelta(days=2600))
    tree = runtime.network.tree()
    with runtime.store.write() as unit:
        one = by_id(unit.connection, tree, things.household)
        ask_erasure(unit, tree, one, "Bio Sarre")
        assert erase(unit, tree, one, "Issa Dafia")
    own, facility = both.with_key(), both.at_facility(things.facility)
    for door in DOORS:
        if door.method != "GET":
            continue
        for caller in (own, facility):
            answer = caller.get(things.path(door))
            assert answer.status_code in (200, 403, 404), (door.path, answer.text)
            assert "Tchédré" not in answer.text, door.path
            assert MEMBER[-8:] not in answer.text, door.path
    assert own.get(f"/households/{things.household}").get_json()["phones"] == []
    payer = own.get(f"/collections/{things.named['collection']}").get_json()["payer"]
    assert payer is None
    nobody = own.post("/collections", _pay(things.household))
    assert (nobody.status_code, _errors(nobody, "pointer")) == (422, ["/phone"])


def test_a_branch_that_leaves_takes_its_keys_along(both: Callers) -> None:
    things, runtime = one_of_each(both), both.place.runtime
    beside = both.place.household_with("+2290150000333", "Bawa Issa", section="Pélébina")
    above, own, at_facility = both.with_key("ouake"), both.with_key(), both.at_facility(things.facility)
    assert at_facility.get(f"/cover/{beside}").status_code == 200
    first = above.get("/households?limit=1").get_json()["next"].removeprefix("http://127.0.0.1:8000")
    with runtime.store.write() as unit:
        new, _ = add_organisation(
            unit, None, kind="union", code="nord", name="Union du Nord", country="BJ", currency="XOF",
            time_zone="Africa/Porto-Novo", languages="fr",
        )  # fmt: skip
        its_id = runtime.network.tree().named("Mutuelle Ouaké").id
        move_branch(unit, runtime.network.defaults, Chart(), its_id, new, unit.now.date(), "Bariou Tchao")
    runtime.network.forget()
    for door in DOORS:
        if isinstance(door.needs, Scope) and door.method == "GET":
            for path in (things.path(door), things.path(door).partition("?")[0]):
                answer = above.get(path)
                assert answer.status_code == 404 or not door.subjects, (door.path, answer.text)
                assert NAME not in answer.text, door.path
                assert things.card not in answer.text, door.path
    assert NAME not in above.get(first).text  # nor where a list was being read
    sent = above.post("/households", FAMILY)
    assert (sent.status_code, _errors(sent, "pointer")) == (422, ["/section"])
    assert own.get(f"/households/{things.household}").status_code == 200
    assert at_facility.get(f"/cover/{things.card}").status_code == 200
    assert at_facility.get(f"/cover/{beside}").status_code == 404
    assert both.with_key("nord").get(f"/households/{things.household}").status_code == 200


# --- copies that are kept fresh ---------------------------------------------------------------------------------------


def test_what_was_being_written_while_a_copy_was_read_is_not_missed(api: Callers) -> None:
    runtime, caller = api.place.runtime, api.with_key()
    runtime.own_clock.move(timedelta(hours=1))
    with runtime.store.write() as unit:
        card = register_people(unit, runtime.network, "Awanla", None, "Awa Bio")
        runtime.own_clock.move(timedelta(minutes=3))
        read_at = runtime.own_clock.now().isoformat().replace("+00:00", "Z")
        assert card not in caller.get("/households?changed_since=2026-01-01T00:00:00Z").text
    runtime.own_clock.move(timedelta(hours=1))
    assert [each["card"] for each in _pages(caller, f"/households?changed_since={read_at}")] == [card]


def test_pages_hold_what_was_there_once_while_others_come(both: Callers) -> None:
    caller, place = both.with_key(), both.place
    before = _families(both, 6)
    for number, each in enumerate(before):
        assert caller.post("/collections", _pay(each, phone=f"+22901500004{number:02}")).status_code == 201
    for path in (
        "/households?limit=2",
        "/collections?limit=2",
        "/households?changed_since=2026-01-01T00:00:00Z&limit=2",
    ):
        whole = [each["id"] for each in _pages(caller, path)]
        found: list[int] = []
        following: str | None = path
        while following is not None:
            page = caller.get(following.removeprefix("http://127.0.0.1:8000")).json
            assert page is not None
            found += [each["id"] for each in page["items"]]
            following = page["next"]
            new = both.household(place.household_with(None, f"Nouvelle {chr(65 + len(found) % 26)}{path[1]}"))
            if "collections" in path:
                caller.post("/collections", _pay(new, phone=f"+2290150000{500 + new:03}"))
            assert len(found) < 60, path
        assert [each for each in found if each in whole] == whole, path
        assert len(found) == len(set(found)), path


# --- days and moments that aren't -------------------------------------------------------------------------------------


NO_SUCH_DAY = ("2026-02-31", "2026-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "2026-11-00")
NO_DAY = (
    "2026-1-1",
    "20261101",
    "31/12/2026",
    "2026-W10-1",
    "tomorrow",
    "2026-11-22T00:00:00Z",
    "",
    "0",
    "２０２６-11-22",
)
TOO_FAR = ("0001-01-01", "1999-12-31", "9999-12-31")


def test_a_day_that_does_not_exist_is_called_so(api: Callers) -> None:
    caller, english = api.with_key(), {"Accept-Language": "en"}

    def said(path: str) -> str:
        answer = caller.get(path, headers=english)
        assert (answer.status_code, _kind(answer)) == (422, "invalid"), path
        (one,) = answer.get_json()["errors"]
        assert one["parameter"] == path.partition("?")[2].partition("=")[0]
        return str(one["detail"])

    for path in ("/collections?day=", "/visits?since=", "/visits?until="):
        assert {said(path + day) for day in NO_SUCH_DAY} == {"There is no such day."}
        assert {said(path + day) for day in NO_DAY} == {"Write a day as 2026-11-22."}
        assert {said(path + day) for day in TOO_FAR} == {"No day so far away is known here."}
    since = "/households?changed_since="
    assert {said(f"{since}{day}T00:00:00Z") for day in NO_SUCH_DAY} == {"There is no such day."}
    moments = ("2026-11-01", "2026-11-01T00:00:00", "2026-11-01T00:00:00+01:00", "now", "2026-11-01 00:00:00Z", "0")
    assert {said(since + one) for one in moments} == {"Write a moment as 2026-11-22T09:00:00Z."}
    hours = ("24:00:00Z", "00:60:00Z", "00:00:61Z", "00:00:00%2B24:00", "00:00:00-99:99")
    assert {said(f"{since}2026-11-01T{one}") for one in hours} == {"There is no such time."}


def test_a_moment_at_the_end_of_the_world_is_none(both: Callers) -> None:
    caller = both.with_key()
    for one in (
        "0001-01-01T00:00:00%2B23:59",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ):
        answer = caller.get(f"/households?changed_since={one}")
        assert answer.status_code == 422, (one, answer.text)
        assert _errors(answer, "parameter") == ["changed_since"]


def test_visits_from_a_day_after_the_last_one_are_none(both: Callers) -> None:
    things, caller = one_of_each(both), both.with_key()
    today = both.place.runtime.own_clock.now().date()
    day = timedelta(days=1)

    def numbers(asked: str) -> list[str]:
        return [each["number"] for each in _pages(caller, f"/visits?{asked}")]

    assert numbers("") == numbers(f"since={today}") == numbers(f"until={today}") == [things.named["number"]]
    assert numbers("since=2000-01-01") == [things.named["number"]]
    for none in (f"since={today + day}", f"since={today + day}&until={today}", f"until={today - day}",
                 "since=2999-12-31", "until=2000-01-01", "since=2000-01-01&until=2000-01-01"):  # fmt: skip
        assert numbers(none) == [], none


def test_fhir_says_so_too(api: Callers) -> None:
    card, caller = api.place.household_with(MEMBER), api.with_key()
    sent = {
        "resourceType": "CoverageEligibilityRequest", "status": "active", "purpose": ["benefits"],
        "created": "2026-11-22", "insurer": {"display": "M"}, "patient": {"identifier": {"value": card}},
    }  # fmt: skip
    answer = caller.post("/fhir/CoverageEligibilityRequest", {**sent, "servicedDate": "2026-02-31"}, once=None)
    assert answer.status_code == 422
    assert [each["diagnostics"] for each in answer.get_json()["issue"]] == [
        "servicedDate: day is out of range for month"
    ]
    for count in ("1_0", "+5", " 5", "5.0", "05", "9" * 30, "0", "-1", "201", "true"):
        answer = caller.get("/fhir/Patient", query_string={"_count": count})
        assert answer.status_code == 422, count
    for form in ("json", "application/json", "application/fhir%2Bjson", "application/fhir+json"):
        assert caller.get(f"/fhir/Patient?_format={form}").status_code == 200, form
    assert caller.get("/fhir/Patient?_format=xml").status_code == 422
    for page in ("x", "é", "\x00", "A" * 801, " "):
        assert caller.get("/fhir/Patient", query_string={"page": page}).status_code == 422, page


# --- bodies -----------------------------------------------------------------------------------------------------------


def test_numbers_that_no_column_holds_are_refused_by_name(both: Callers) -> None:
    things, caller = one_of_each(both), both.with_key()
    facility = both.at_facility(things.facility)
    for number in (*HUGE, 0, -1, 1.5, True, False, "7", None, [1], {"a": 1}):
        answer = caller.post("/collections", {**_pay(things.household), "household": number})
        assert (answer.status_code, _errors(answer, "pointer")) == (422, ["/household"]), (number, answer.text)
        answer = facility.post("/visits", {"card": things.card, "person": number})
        assert (answer.status_code, _errors(answer, "pointer")) == (422, ["/person"]), (number, answer.text)
    for number in (*HUGE, 1.5, True, "2000", None, 0, -2000, 1, 10**12, 2_000_001):
        answer = caller.post("/collections", _pay(things.household, number))  # type: ignore[arg-type]
        assert (answer.status_code, _errors(answer, "pointer")) == (422, ["/amount/amount_minor"]), (
            number,
            answer.text,
        )
    for number in (*HUGE, 0, -5, 1990.0, True, "1990", None, 1800):
        people = [{**FAMILY["people"][0], "birth_year": number}]
        answer = caller.post("/households", {**FAMILY, "people": people})
        assert (answer.status_code, _errors(answer, "pointer")) == (422, ["/people/0/birth_year"]), (
            number,
            answer.text,
        )
    for path in ("/households/{}", "/households/{}/statement", "/collections/{}", "/facilities/{}", "/organisations/{}",
                 "/cover/{}", "/visits/{}", "/fhir/Patient/{}", "/fhir/Group/{}", "/fhir/Coverage/{}"):  # fmt: skip
        for number in (
            *HUGE,
            10**18 - 1,
            10**18,
            "1.0",
            "0x1",
            "1e3",
            "01",
            "١",
            "%00",
            "1%00",
            "1%0A",
            "%2e%2e",
            "1;1",
        ):
            assert caller.get(path.format(number)).status_code == 404, (path, number)
    for asked in ("/collections?household={}", "/visits?facility={}", "/households?limit={}"):
        for number in (*HUGE, "1_0", "+1", "1e1", "0x1", "١", "", "01"):
            answer = caller.get(asked.format(number).replace("+", "%2B"))
            assert answer.status_code == 422, (asked, number)
    assert _count(both, collection) == 1


def test_bodies_that_are_no_json_of_ours(both: Callers) -> None:
    caller, before = both.with_key(), _count(both, household)
    head = '{"name":"Awa Bio","sex":"F","birth_year":1990,"relation":"head"}'
    good = f'{{"section":"Awanla","plan":"famille","people":[{head}]}}'

    def told(body: bytes, **more: Any) -> int:
        headers = {"Idempotency-Key": "body"}
        answer = caller.call("POST", "/households", data=body, headers=headers, **{"content_type": JSON, **more})
        assert answer.content_type == (PROBLEM if answer.status_code >= 400 else JSON), answer.text
        return answer.status_code

    for body in (
        b"", b" ", b"\x00", b"nothing", b"{}{}", b"[1,]", b"{'a':1}", b"\xff\xfe{\x00}\x00", good.encode("utf-16"),
        good.replace("Awa", "Aw\u00e9").encode("latin-1"), good.replace("Awa", "\\ud83d").encode(),
        good.replace("1990", "1" * 5000).encode(), good.replace("1990", "Infinity").encode(),
        good.replace("1990", "-NaN").encode(), good.replace("1990", "0123").encode(),
        b'{"a":' * 3000 + b"1" + b"}" * 3000,
        good.replace('"plan"', '"section"').encode(), good.encode() + b"\x00",
        good.replace("Awa Bio", "Awa\nBio").encode(),
    ):  # fmt: skip
        assert told(body) == 400, body[:60]
    for changed in ("\\u0000", "\\u202e", "\\ufeff", "", " ", "x" * 61, "1", "\\ud83d\\ude00", "\\u0085"):
        assert told(good.replace("Awa Bio", changed).encode()) == 422, changed
    assert told(b"x" * (1 << 20)) == told(good.encode() + b" " * (1 << 17)) == 413
    for kind in ("", "text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data",
                 "application/jsonx", "application/fhir+json", "text/json", "application/json, x/y"):  # fmt: skip
        assert told(good.encode(), content_type=kind) == 415, kind
    assert _count(both, household) == before
    assert told(b"\xef\xbb\xbf" + good.encode(), content_type="Application/JSON; charset=utf-8") == 201


# --- headers ----------------------------------------------------------------------------------------------------------


def test_a_keys_name_can_be_read(both: Callers) -> None:
    """It stands in lists, in who did what and at a terminal: nothing in it may turn what is written there round."""
    for name in ("Reg\x00istry", "Reg\x1b[2Jistry", "A\u202eB", "A\u200bB", "\ufeffA", "—", " \t "):
        with pytest.raises(BadKey):
            both.with_key(name=name)
    assert both.with_key(name="  Dr Houénou\t n° 2 ").get("/me").get_json()["name"] == "Dr Houénou n° 2"


def test_a_key_is_shown_in_one_way(api: Callers) -> None:
    caller = api.with_key()
    token, stranger = caller.token, api.stranger

    def status(*shown: str, path: str = "/me") -> int:
        return stranger.get(path, headers=[("Authorization", one) for one in shown] or {}).status_code

    for shown in (f"Bearer {token}", f"bearer {token}", f"BEARER   {token} ", f"Bearer {token}\t"):
        assert status(shown) == 200, shown
    other = api.with_key().token
    for wrong in (
        "", "Bearer", "Bearer ", token, f"Basic {token}", f"Token {token}", f"Bearer {token[:-1]}", f"Bearer {token}x",
        f"Bearer {token.upper()}", f"Bearer {token}, Bearer {other}", f"Bearer {token} {other}", f"Bearer\u00a0{token}",
        "Bearer é", f'Bearer "{token}"', f"Bearer {token}\x00", "Bearer cotisa_", "Bearer " + "cotisa_" * 2000,
    ):  # fmt: skip
        assert status(wrong) == 401, wrong
    for name in ("key", "token", "access_token", "api_key", "Authorization"):
        assert status(path=f"/me?{name}={token}") == 401
        assert status(path=f"/households?{name}=Bearer%20{token}") == 401
    for name in ("X-Api-Key", "Api-Key", "Cookie", "Proxy-Authorization"):
        assert stranger.get("/me", headers={name: token}).status_code == 401, name


def test_two_keys_at_once_are_none(api: Callers) -> None:
    one, other = api.with_key(), api.with_key()
    headers = [("Authorization", f"Bearer {each.token}") for each in (one, other)]
    assert api.place.app.test_client().get("/api/v1/me", headers=headers).status_code == 401


def test_odd_headers_are_borne(both: Callers) -> None:
    things, caller = one_of_each(both), both.with_key()
    path = f"/households/{things.household}"
    etag = caller.get(path).headers["ETag"]
    for name, values in {
        "Accept-Language": ("*", "en;q=nan", "en;q=1e999", "fr;q=-1", ",,,", "x" * 5000, "en-" * 300, "\xff", "en;q="),
        "If-None-Match": ('"', "W/", "x", "," * 2000, "\xff", '"other"', 'W/"other"'),
        "Accept": ("application/xml", "text/html;q=2", "", "*/*;q=0"),
        "Range": ("bytes=0-1", "bytes=-1", "x"),
        "X-Forwarded-For": ("x" * 3000, "1.2.3.4, ::1, nothing", "\xff"),
        "Expect": ("nothing",),
        "Content-Type": ("x/y", "\xff", JSON),
        "Content-Encoding": ("gzip",),
        "If-Modified-Since": ("never", "Mon, 01 Jan 2090 00:00:00 GMT"),
        "Host": ("x", "evil.example"),
        "X-HTTP-Method-Override": ("PATCH", "DELETE"),
    }.items():
        for value in values:
            answer = caller.get(path, headers={name: value})
            assert (answer.status_code, answer.headers["ETag"]) == (200, etag), (name, value)
            assert "evil" not in answer.text
    for value in (etag, f"W/{etag}", f'"x", {etag}', f'W/"x",W/{etag}', "*"):
        assert caller.get(path, headers={"If-None-Match": value}).status_code == 304, value
    assert caller.call("HEAD", path, headers={"If-None-Match": etag}).status_code == 304
    gzipped = caller.call(
        "POST", "/households", data=b"\x1f\x8b\x08", content_type=JSON,
        headers={"Idempotency-Key": "z", "Content-Encoding": "gzip"},
    )  # fmt: skip
    assert gzipped.status_code in (400, 415)


def test_an_etag_says_nothing_of_what_is_anothers(api: Callers) -> None:
    things, own = one_of_each(api), api.with_key()
    beside, none = api.with_key("Mutuelle Anandana"), api.stranger
    for path in (f"/households/{things.household}", f"/households/{things.household}/statement",
                 f"/collections/{things.named['collection']}", f"/cover/{things.card}",
                 f"/visits/{things.named['number']}", f"/organisations/{things.named['organisation']}",
                 f"/fhir/Patient/{things.person}", f"/fhir/Group/{things.household}"):  # fmt: skip
        etag = own.get(path).headers["ETag"]
        for sent in (etag, "*"):
            assert beside.get(path, headers={"If-None-Match": sent}).status_code == 404, path
            assert none.get(path, headers={"If-None-Match": sent}).status_code == 401, path
        assert "ETag" not in beside.get(path).headers


def test_a_key_is_never_sent_on_to_another_address(api: Callers) -> None:
    caller = api.with_key()
    for path in ("/api/v1//me", "/api/v1///households", "/api/v1/fhir//Patient", "/api/v1//", "/api/v1/me//"):
        for method in ("GET", "POST", "PATCH"):
            answer = caller.call(method, path, headers={"Host": "evil.example"})
            assert (answer.status_code, _kind(answer)) == (404, "not-there"), path
            assert "Location" not in answer.headers


def test_a_body_without_its_length_is_no_way_round(api: Callers) -> None:
    """As it comes in parts: the server tells its end, and nothing tells its size before."""
    caller, good = api.with_key(), json.dumps(FAMILY).encode()
    in_parts = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    for body, status in (
        (b"x" * (1 << 20), 413), (b"x" * LARGEST_BODY, 400), (b"x" * (LARGEST_BODY + 1), 413),
        (good.ljust(LARGEST_BODY) + b"x", 413), (good.ljust(LARGEST_BODY), 201),
    ):  # fmt: skip
        answer = caller.call(
            "POST", "/households", input_stream=BytesIO(body), content_type=JSON,
            headers={"Idempotency-Key": "a"}, environ_overrides=in_parts,
        )  # fmt: skip
        assert answer.status_code == status, answer.text


def test_whoever_shows_a_key_that_is_over_waits_as_strangers_do(
    api: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr("gateway.api.web.calm.Most", lambda: Most(strangers=3))
    good, over = api.with_key(), api.with_key()
    assert over.key is not None
    with api.place.runtime.store.write() as unit:
        assert revoke(unit, over.key.id, "Bariou Tchao")
    answers = [over.get("/me") for _ in range(5)]
    assert [one.status_code for one in answers] == [401, 401, 401, 429, 429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert good.get("/me").status_code == 200  # from the same address
    api.place.runtime.own_clock.move(timedelta(minutes=1))
    assert over.get("/me").status_code == 401


# --- what the document says -------------------------------------------------------------------------------------------


def test_every_scope_opens_a_door() -> None:
    opened = {door.needs for area in AREAS for door in area.doors} | {Scope.PHONES_READ}  # which opens whole numbers
    assert opened >= set(SCOPES)


def test_the_document_says_what_a_number_may_be() -> None:
    """Words that JSON Schema doesn't know say nothing to whoever reads the document by program."""
    whole = json.dumps(document())
    assert '"ge":' not in whole
    assert '"le":' not in whole
    bounds = {
        (path, each["name"]): (each["schema"]["minimum"], each["schema"]["maximum"])
        for path, doors in document()["paths"].items()
        for each in doors.get("get", {}).get("parameters", ())
        if each["schema"].get("type") == "integer"
    }
    assert bounds["/households", "limit"] == bounds["/fhir/Patient", "_count"] == (1, 200)
    assert bounds["/collections", "household"] == bounds["/visits", "facility"] == (1, 10**18 - 1)


def test_the_document_says_where_to_wait() -> None:
    for path, doors in document()["paths"].items():
        for method, door in doors.items():
            named = any(each["name"] == "Idempotency-Key" for each in door.get("parameters", ()))
            for status in ("429", "503", *(["409"] if named else [])):
                assert "Retry-After" in door["responses"][status]["headers"], (method, path, status)


def test_every_word_that_is_stored_is_in_the_document() -> None:
    assert set(get_args(collections.StateGiven)) == {each.value for each in State}
    assert set(get_args(cover.CoverState)) == {each.value for each in CoverState}
    assert get_args(households.LanguageCode) == LANGUAGES
    facility = network.FacilityGiven.model_fields
    assert get_args(facility["kind"].annotation) == facilities.KINDS
    assert get_args(facility["ownership"].annotation) == facilities.OWNERSHIPS


def test_figures_that_are_still_counted_are_waited_for(api: Callers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.indicators.keeping.AT_ONCE", 0)
    caller, path = api.with_key(), "/indicators?period=2026"
    for _ in range(2):
        answer = caller.get(path)
        assert (answer.status_code, _kind(answer)) == (503, "unavailable")
        assert 0 < int(answer.headers["Retry-After"]) <= 600
    (door,) = (each for each in DOORS if each.path == "/indicators")
    assert "unavailable" in door.problems
    runtime = api.place.runtime
    assert sum(counting(runtime.store, runtime.network))
    found = caller.get(path)
    assert found.status_code == 200
    assert found.get_json()["counted_at"] is not None


def test_refusals_are_declared(both: Callers) -> None:
    """Whatever a door refused in these calls, its document names that kind."""
    things, own = one_of_each(both), both.with_key()
    facility, blind = both.at_facility(things.facility), both.with_key(scopes=frozenset({Scope.PHONES_READ}))
    for door in DOORS:
        path = things.path(door)
        for caller in (own, facility, blind, both.stranger, Caller(both.place, "cotisa_x")):
            for sent in (b"", b"{}", b"null", b'{"x":1}'):
                options: dict[str, Any] = {"data": sent, "content_type": door.content_type} if door.writes else {}
                for headers in ({}, {"Idempotency-Key": "a", "If-Match": '"x"'}):
                    answer = caller.call(
                        door.method, f"{path}{'&' if '?' in path else '?'}unheard=1", headers=headers, **options
                    )
                    if answer.status_code >= 400 and door.fails is None:
                        assert _kind(answer) in door.problems, (door.path, answer.text)
                if not door.writes:
                    break


def test_an_ended_agreement_ends_what_a_facility_announces(both: Callers) -> None:
    things = one_of_each(both)
    caller = both.at_facility(things.facility)
    with both.place.runtime.store.write() as unit:
        facilities.end_agreement(unit, things.facility, unit.now.date() - timedelta(days=1))
    answer = caller.post("/visits", {"card": things.card, "person": things.person})
    assert (answer.status_code, answer.get_json()["because"]) == (422, "no-agreement")
    assert caller.get("/visits").status_code == 200


def test_guesses_are_counted_by_every_way_of_asking(api: Callers) -> None:
    things = one_of_each(api)
    caller = api.at_facility(things.facility)
    for number in range(21):
        assert caller.get(f"/cover/{new_card_number()}").status_code == 404
        answer = caller.post("/visits", {"card": new_card_number(), "person": 1})
        if answer.status_code == 429:
            break
        assert answer.status_code == 422, (number, answer.text)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
