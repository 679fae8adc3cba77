"""Every door of the API with every kind of key: nobody gets through without the right one, nobody to what is another's.

The doors are walked as they are declared; one that is added is walked from that day on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.api.doors import ANY_KEY, NO_KEY, Door
from gateway.api.parts import Parts
from gateway.network.api_keys import FOR_FACILITIES, OF_FACILITIES, ApiKey, Scope, revoke
from tests.api.callers import EVERYTHING, PATH, Caller, Callers
from tests.api.things import ASKED, DOORS, NAME, Things, one_of_each
from tests.ussd.world import MEMBER

pytestmark = pytest.mark.usefixtures("calm")


@pytest.fixture
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody asks too much: another test is about that."""
    monkeypatch.setattr("gateway.api.calm.wait_s", lambda *_: 0)


def _try(caller: Caller, door: Door, things: Things) -> TestResponse:
    """Go through a door as well as can be: with a body that fits, and what the state is now."""
    options: dict[str, Any] = {"headers": {"Content-Type": door.content_type}}
    if door.if_match:
        options["headers"]["If-Match"] = caller.get(things.path(door)).headers.get("ETag", '"none"')
    if door.takes is None:
        return caller.call(door.method, things.path(door), **options)
    body = things.body(door)
    once = "walk" + door.path.replace("/", ":").replace("{", "").replace("}", "") if door.once else None
    return caller.call(door.method, things.path(door), json=body, once=once, **options)


def _with_scope(doors: tuple[Door, ...] = DOORS) -> Iterator[Door]:
    return (door for door in doors if isinstance(door.needs, Scope))


def test_nobody_gets_in_without_a_good_key(api: Callers) -> None:
    things = one_of_each(api)
    expired, revoked = api.with_key(days=1), api.with_key()
    api.place.runtime.own_clock.move(timedelta(days=2))
    assert revoked.key is not None
    with api.place.runtime.store.write() as unit:
        assert revoke(unit, revoked.key.id, "Bariou Tchao")
    made_up = Caller(api.place, "cotisa_abcdefgh_" + "x" * 43)
    basic = Caller(api.place, "")
    for door in DOORS:
        told = {
            "none": _try(api.stranger, door, things),
            "made up": _try(made_up, door, things),
            "expired": _try(expired, door, things),
            "revoked": _try(revoked, door, things),
            "basic": basic.call(door.method, things.path(door), auth=("user", "password")),
        }
        for kind, answer in told.items():
            assert answer.status_code == (200 if door.needs is NO_KEY else 401), (door.path, kind, answer.text)
            if door.needs is not NO_KEY:
                assert answer.headers["WWW-Authenticate"].startswith("Bearer"), door.path


def test_a_key_without_the_scope_may_not(api: Callers) -> None:
    things = one_of_each(api)
    facility = api.at_facility(things.facility)
    for door in _with_scope():
        others = EVERYTHING - {door.needs}
        answer = _try(api.with_key(scopes=others), door, things)
        assert answer.status_code == 403, (door.path, answer.text)
        if door.needs not in OF_FACILITIES:
            assert _try(facility, door, things).status_code == 403, door.path


def test_what_is_of_another_subtree_is_not_there(api: Callers) -> None:
    things = one_of_each(api)
    neighbours = [api.with_key(code) for code in ("Mutuelle Anandana", "umoja", "Kadolassi", "late")]
    facility = api.at_facility(owner="umoja")
    for door in _with_scope():
        if door.needs in FOR_FACILITIES:
            continue
        for caller in neighbours:
            answer = _try(caller, door, things)
            assert NAME not in answer.text, (door.path, caller.key)
            assert things.card not in answer.text, (door.path, caller.key)
            in_network = "{facility}" in door.path and caller.key and caller.key.organisation_id != 0
            if door.subjects and not (in_network and caller in (neighbours[0], neighbours[2])):
                assert answer.status_code == 404, (door.path, caller.key, answer.text)
                assert "not-" in answer.text, (door.path, answer.text)
            elif door.path in ASKED:
                assert answer.status_code == 404, (door.path, answer.text)
            elif door.writes:
                assert answer.status_code in (404, 422), (door.path, answer.text)
            else:
                assert answer.status_code == 200, (door.path, answer.text)
        if door.needs in OF_FACILITIES and door.subjects:
            assert _try(facility, door, things).status_code == 404, door.path


def test_what_is_not_there_looks_like_what_is_anothers(api: Callers) -> None:
    things = one_of_each(api)
    own, neighbour = api.with_key(), api.with_key("umoja")
    nothing = {"household": "999999", "collection": "999999", "facility": "999999", "organisation": "999999"}
    for door in DOORS:
        if door.subjects and set(door.subjects) <= set(nothing) and door.method == "GET":
            missing = own.get(door.path.format(**nothing))
            anothers = _try(neighbour, door, things)
            assert missing.status_code == anothers.status_code == 404, door.path
            assert missing.json == anothers.json, door.path
            assert dict(missing.headers) == dict(anothers.headers), door.path


def test_the_right_key_gets_through(both: Callers) -> None:
    things = one_of_each(both)
    own, facility = both.with_key(), both.at_facility(things.facility)
    for door in DOORS:
        caller = facility if door.needs in FOR_FACILITIES else own
        answer = _try(caller, door, things)
        assert answer.status_code in door.statuses, (door.method, door.path, answer.text)
        assert answer.content_type == door.content_type, door.path
        if door.method == "GET":
            head = caller.call("HEAD", things.path(door))
            assert (head.status_code, head.data) == (answer.status_code, b""), door.path
            again = caller.get(things.path(door), headers={"If-None-Match": answer.headers["ETag"]})
            assert (again.status_code, again.data) == (304, b""), door.path


def test_whole_numbers_need_their_scope(api: Callers) -> None:
    things = one_of_each(api)
    blind = api.with_key(scopes=EVERYTHING - {Scope.PHONES_READ})
    for door in DOORS:
        if door.needs not in FOR_FACILITIES:
            assert MEMBER not in _try(blind, door, things).text, door.path
    sees = api.with_key().get(f"/households/{things.household}")
    assert sees.json is not None
    assert sees.json["phones"] == [{"number": MEMBER, "main": True}]


def test_it_is_told_whose_households_were_shown(api: Callers, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, int]] = []

    def looked(key: ApiKey, households: Sequence[int], _: datetime) -> None:
        told.extend((key.prefix, each) for each in households)

    monkeypatch.setattr(
        "gateway.app.ApiParts", lambda settings, services, redis, _: Parts(settings, services, redis, looked)
    )
    things = one_of_each(api)
    own, facility = api.with_key(), api.at_facility(things.facility)
    for door in DOORS:
        caller = facility if door.needs in FOR_FACILITIES else own
        told.clear()
        answer = _try(caller, door, things)
        shows = things.card in answer.text or NAME in answer.text
        assert caller.key is not None
        assert (caller.key.prefix, things.household) in told or not shows, (door.path, told)


def test_other_methods_are_refused_and_the_right_ones_named(api: Callers) -> None:
    things, own = one_of_each(api), api.with_key()
    by_path: dict[str, set[str]] = {}
    for door in DOORS:
        by_path.setdefault(things.path(door).partition("?")[0], set()).add(door.method)
    for path, methods in by_path.items():
        for method in {"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "GET"} - methods:
            answer = own.call(method, path)
            assert answer.status_code == 405, (method, path)
            assert answer.content_type == "application/problem+json"
            allowed = {each.strip() for each in answer.headers["Allow"].split(",")}
            assert allowed - {"HEAD"} == methods, (method, path)


def test_any_key_knows_itself(api: Callers) -> None:
    assert [door.path for door in DOORS if door.needs is ANY_KEY] == ["/me"]
    caller = api.with_key("ouake", frozenset({Scope.COVER_READ}), name="SIGEMUB")
    found = caller.get("/me").json
    assert found is not None
    assert (found["name"], found["organisation"]["code"], found["scopes"]) == ("SIGEMUB", "ouake", ["cover:read"])
    assert api.stranger.get(PATH + "/me").status_code == 401
