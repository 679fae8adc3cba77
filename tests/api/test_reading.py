"""What is read: covers, pages by cursors, ETags, what changed; and how refusals are told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from gateway.api.calm import Most
from gateway.kernel.card import new_card_number
from gateway.network.api_keys import Scope
from tests.api.callers import EVERYTHING, Caller, Callers
from tests.api.things import one_of_each
from tests.ussd.world import CANARIES, MEMBER


def _pages(caller: Caller, path: str) -> list[Any]:
    """All items of a list, page by page, by the address that each names."""
    found: list[Any] = []
    for _ in range(60):
        answer = caller.get(path)
        assert answer.status_code == 200, answer.text
        assert answer.json is not None
        found += answer.json["items"]
        following = answer.json["next"]
        if following is None:
            assert "Link" not in answer.headers
            return found
        assert answer.headers["Link"] == f'<{following}>; rel="next"'
        path = following.removeprefix("http://127.0.0.1:8000")
    raise AssertionError("pages without end")


# --- cover ------------------------------------------------------------------------------------------------------------


def test_any_facility_of_the_network_checks_any_card(both: Callers) -> None:
    things = one_of_each(both)
    elsewhere = both.at_facility(owner="Mutuelle Anandana", scopes=frozenset({Scope.COVER_READ}))
    answer = elsewhere.get(f"/cover/{things.card}")
    assert answer.status_code == 200
    found = answer.json
    assert found is not None
    assert (found["state"], found["covered"], found["mutuelle"]) == ("active", True, "Mutuelle Ouaké")
    assert [each["name"] for each in found["people"]][:2] == ["Adjara Tchédré", "Moussa Tchédré"]
    assert all(each["covered"] for each in found["people"])
    assert MEMBER not in answer.text  # nor where they live
    assert "Awanla" not in answer.text
    assert both.at_facility(owner="umoja").get(f"/cover/{things.card}").status_code == 404
    assert both.with_key("Mutuelle Anandana").get(f"/cover/{things.card}").status_code == 404
    assert both.with_key("ouake").get(f"/cover/{things.card}").json == found


def test_who_guesses_cards_waits(api: Callers) -> None:
    things = one_of_each(api)
    facility, own = api.at_facility(things.facility), api.with_key()
    for _ in range(42):
        last = facility.get(f"/cover/{new_card_number()}")
    assert last.status_code == 429
    assert int(last.headers["Retry-After"]) > 0
    assert facility.get(f"/cover/{things.card}").status_code == 429  # a right one too
    assert facility.post("/visits", {"card": things.card, "person": things.person}).status_code == 429
    assert own.get(f"/cover/{things.card}").status_code == 200
    api.place.runtime.own_clock.move(timedelta(days=1))
    assert facility.get(f"/cover/{things.card}").status_code == 200


def test_a_check_asks_the_database_little(api: Callers) -> None:
    things = one_of_each(api)
    facility = api.at_facility(things.facility)
    assert facility.get(f"/cover/{things.card}").status_code == 200
    asked: list[str] = []
    store = api.place.runtime.store
    event.listen(store.engine, "before_cursor_execute", lambda *args: asked.append(str(args[2])))
    assert facility.get(f"/cover/{things.card}").status_code == 200
    # The key, the wait, the household; how it stands goes in one round trip beside them.
    assert len(asked) <= 4, asked


# --- pages ------------------------------------------------------------------------------------------------------------


def _families(api: Callers, count: int) -> list[int]:
    sections = ("Awanla", "Kadolassi", "Itchélli")
    cards = [
        api.place.household_with(None, f"Famille {chr(65 + number)}a", section=sections[number % 3])
        for number in range(count)
    ]
    return [api.household(card) for card in cards]


def test_pages_hold_everything_once(both: Callers) -> None:
    ids, caller = _families(both, 7), both.with_key()
    for limit in (1, 2, 3, 7, 200):
        found = [each["id"] for each in _pages(caller, f"/households?limit={limit}")]
        assert len(found) == len(set(found)), limit
        assert set(ids) < set(found), limit  # and the canary of Madjatom
    whole = _pages(both.with_key("ouake"), "/households?limit=2")
    assert {each["head"] for each in whole} >= set(CANARIES)
    in_one = [each["section"]["code"] for each in _pages(caller, "/households?section=Kadolassi&limit=1")]
    assert set(in_one) == {"Kadolassi"}
    assert caller.get("/households?section=P%C3%A9l%C3%A9bina").status_code == 404
    for path in ("/organisations", "/plans", "/facilities"):
        both.place.facility(f"Centre {path[1]}", owner="Mutuelle Ouaké")
        one_by_one, at_once = _pages(caller, f"{path}?limit=1"), _pages(caller, path)
        assert one_by_one == at_once, path
        assert at_once, path
    top = _pages(caller, "/organisations")[0]
    assert (top["code"], top["parent"]) == ("Mutuelle Ouaké", None)


def test_collections_are_paged_too(api: Callers) -> None:
    caller, ids = api.with_key(), []
    for household in _families(api, 3):
        sent = {"household": household, "amount": {"amount_minor": 2000, "currency": "XOF"}}
        made = caller.post("/collections", {**sent, "phone": f"+22901500003{household:02}"})
        assert made.json is not None
        ids.append(made.json["id"])
    assert [each["id"] for each in _pages(caller, "/collections?limit=1")] == ids[::-1]
    assert _pages(caller, f"/collections?household={household}")[0]["id"] == ids[-1]
    assert _pages(api.with_key("Mutuelle Anandana"), "/collections") == []
    assert _pages(caller, "/collections?standing=paid") == []


def test_a_cursor_is_good_for_its_own_list_and_key(api: Callers) -> None:
    _families(api, 3)
    caller, other = api.with_key(), api.with_key()
    first = caller.get("/households?limit=1").json
    assert first is not None
    cursor = first["next"].partition("cursor=")[2]
    assert caller.get(f"/households?limit=2&cursor={cursor}").status_code == 200  # pages of another size
    refused = [
        other.get(f"/households?limit=1&cursor={cursor}"),
        caller.get(f"/organisations?cursor={cursor}"),
        caller.get(f"/households?section=Awanla&cursor={cursor}"),
        caller.get(f"/households?cursor={cursor[:-6]}"),
        caller.get("/households?cursor=x"),
    ]
    api.place.runtime.own_clock.move(timedelta(days=1, seconds=1))
    refused.append(caller.get(f"/households?limit=1&cursor={cursor}"))
    for answer in refused:
        assert answer.status_code == 422, answer.text
        assert answer.json is not None
        assert answer.json["errors"][0]["parameter"] == "cursor"


def test_what_changed_since_is_told_in_order(both: Callers) -> None:
    clock, caller = both.place.runtime.own_clock, both.with_key()
    old, kept = _families(both, 2)
    clock.move(timedelta(hours=1))
    since = clock.now().isoformat().replace("+00:00", "Z")
    assert _pages(caller, f"/households?changed_since={since}") == []
    clock.move(timedelta(minutes=1))
    new = both.household(both.place.household_with(None, "Nouvelle Famille"))
    clock.move(timedelta(minutes=1))
    etag = caller.get(f"/households/{old}").headers["ETag"]
    assert caller.patch(f"/households/{old}", {"language": "en"}, headers={"If-Match": etag}).status_code == 200
    theirs = both.place.household_with(None, "Bawa Issa", section="Pélébina")
    for limit in (1, 50):
        found = _pages(caller, f"/households?changed_since={since}&limit={limit}")
        assert [each["id"] for each in found] == [new, old]
    assert kept not in [each["id"] for each in found]
    assert theirs not in [each["card"] for each in found]
    assert _pages(caller, f"/households?changed_since={since}&section=Kadolassi") == []


@pytest.mark.parametrize("many", [3, 15])
def test_many_changes_are_looked_through_in_parts(
    api: Callers, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:  # fmt: skip
    monkeypatch.setattr("gateway.membership.walking.LOOKED_THROUGH", 4)
    caller, neighbour = api.with_key(), api.with_key("Mutuelle Anandana")
    for number in range(many):
        api.place.household_with(None, f"Voisin {chr(65 + number % 26)}{chr(97 + number // 26)}", section="Pélébina")
    ours = _families(api, 3)
    since = "2026-11-01T00:00:00Z"
    for limit in (1, 2, 50):
        path = f"/households?changed_since={since}&limit={limit}"
        assert [each["id"] for each in _pages(caller, path) if each["id"] in ours] == ours, limit
        assert len(_pages(neighbour, path)) == many, limit


# --- states -----------------------------------------------------------------------------------------------------------


def test_a_change_needs_the_state_that_was_read(both: Callers) -> None:
    things, caller = one_of_each(both), both.with_key()
    path = f"/households/{things.household}"
    read = caller.get(path)
    without = caller.patch(path, {"language": "en"})
    assert (without.status_code, without.json and without.json["type"]) == (428, "/api/v1/problems/unconditional")
    stale = caller.patch(path, {"language": "en"}, headers={"If-Match": '"of-another-time"'})
    assert stale.status_code == 412
    changed = caller.patch(path, {"language": "en"}, headers={"If-Match": read.headers["ETag"]})
    assert changed.status_code == 200
    assert changed.json is not None
    assert changed.json["language"] == "en"
    now = caller.get(path)
    assert (now.json, now.headers["ETag"]) == (changed.json, changed.headers["ETag"])
    again = caller.patch(path, {"phone": "+2290150000888"}, headers={"If-Match": read.headers["ETag"]})
    assert again.status_code == 412
    more = caller.patch(path, {"phone": "+2290150000888"}, headers={"If-Match": now.headers["ETag"]})
    assert more.json is not None
    assert {"number": "+2290150000888", "main": False} in more.json["phones"]
    assert len(both.place.texts("phone", MEMBER)) == 1
    nothing = caller.patch(path, {}, headers={"If-Match": more.headers["ETag"]})
    assert nothing.status_code == 422


def test_an_etag_names_what_is_shown(api: Callers) -> None:
    things, caller = one_of_each(api), api.with_key()
    _families(api, 2)
    for path in (f"/households/{things.household}", "/households?limit=1", "/households"):
        etag = caller.get(path).headers["ETag"]
        assert caller.get(path).headers["ETag"] == etag
        same = caller.get(path, headers={"If-None-Match": f'"other", W/{etag}'})
        assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", etag)
    blind = api.with_key(scopes=EVERYTHING - {Scope.PHONES_READ})
    own = f"/households/{things.household}"
    assert blind.get(own).headers["ETag"] != caller.get(own).headers["ETag"]


def test_a_household_and_its_statement_agree(both: Callers) -> None:
    things, caller = one_of_each(both), both.with_key()
    one, statement = caller.get(f"/households/{things.household}").json, None
    statement = caller.get(f"/households/{things.household}/statement").json
    assert one is not None
    assert statement is not None
    assert (one["left"], one["advance"]) == (statement["left"], statement["advance"])
    assert statement["payments"] == [{"on": "2026-11-22", "amount": {"amount_minor": 3300, "currency": "XOF"}}]
    owed = sum(each["left"]["amount_minor"] for each in statement["dues"])
    paid = sum(each["amount"]["amount_minor"] for each in statement["dues"]) - owed
    assert (owed, paid) == (one["left"]["amount_minor"], 3300)
    listed = _pages(caller, "/households?section=Awanla")
    assert [each["left"] for each in listed if each["id"] == things.household] == [one["left"]]


# --- how much, and in which words -------------------------------------------------------------------------------------


def test_who_asks_too_much_waits(api: Callers, monkeypatch: pytest.MonkeyPatch) -> None:
    most = Most(reads=5, writes=2, strangers=3)
    monkeypatch.setattr("gateway.api.web.calm.Most", lambda: most)
    caller = api.with_key()
    assert [caller.get("/me").status_code for _ in range(6)] == [200] * 5 + [429]
    late = caller.get("/me")
    assert 0 < int(late.headers["Retry-After"]) <= 60
    assert [caller.post("/households", {}).status_code for _ in range(3)] == [422, 422, 429]
    assert api.with_key().get("/me").status_code == 200
    strangers = [api.stranger.get(path).status_code for path in ("/openapi.json", "/me", "/problems/method", "/me")]
    assert strangers == [200, 401, 200, 429]
    api.place.runtime.own_clock.move(timedelta(minutes=1))
    assert caller.get("/me").status_code == 200


def test_without_redis_everybody_is_served(api: Callers, monkeypatch: pytest.MonkeyPatch) -> None:
    things, caller = one_of_each(api), api.with_key()
    monkeypatch.setattr(api.place.runtime.redis.connection_pool, "connection_kwargs", {"path": "/nowhere.sock"})
    api.place.runtime.redis.connection_pool.disconnect()
    api.place.runtime.redis.connection_pool.reset()
    assert caller.get(f"/cover/{things.card}").status_code == 200


def test_refusals_are_problems_in_the_callers_language(api: Callers) -> None:
    caller = api.with_key(scopes=frozenset({Scope.COVER_READ}))
    answer = caller.get("/households", headers={"Accept-Language": "en-GB,fr;q=0.5"})
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Content-Language"] == "en"
    assert answer.json == {
        "type": "/api/v1/problems/no-scope",
        "title": "This key may not do that",
        "status": 403,
        "detail": "Ask the administrator for a key with this scope.",
        "scope": "households:read",
    }
    assert caller.get("/households", headers={"Accept-Language": "de"}).headers["Content-Language"] == "fr"
    told = api.stranger.get(answer.json["type"], headers={"Accept-Language": "en"}).json
    assert told is not None
    assert (told["title"], told["status"]) == ("This key may not do that", 403)
    assert api.stranger.get("/problems/unheard-of").status_code == 404


def test_what_cannot_be_read_is_told_so(api: Callers) -> None:
    caller = api.with_key()
    once = {"Idempotency-Key": "a"}

    def kind(status: int, **sent: Any) -> None:
        answer = caller.call("POST", "/households", headers=once, **sent)
        assert answer.status_code == status, answer.text
        assert answer.content_type == "application/problem+json"

    json = "application/json"
    kind(400, data=b"", content_type=json)
    kind(400, data=b"{", content_type=json)
    kind(400, data=b'{"section": "a", "section": "b"}', content_type=json)
    kind(400, data=b'{"section": NaN}', content_type=json)
    kind(400, data=b"[" * 10_000 + b"]" * 10_000, content_type=json)
    kind(400, data=b'{"section": "\xff"}', content_type=json)
    kind(400, data=b'{"section": "\\ud800"}', content_type=json)
    kind(422, data=b"[]", content_type=json)
    kind(422, data=b"null", content_type=json)
    kind(413, data=b'{"section": "' + b"x" * 70_000 + b'"}', content_type=json)
    kind(415, data=b"{}", content_type="text/plain")
    kind(415, data={"section": "a"})
    for wrong in ("limit=0", "limit=201", "limit=x", "limit=1&limit=2", "unknown=1", "changed_since=yesterday",
                  "changed_since=2026-11-01", "changed_since=0", "limit=1_0", "limit=1.0", "section=%00"):  # fmt: skip
        answer = caller.get(f"/households?{wrong}")
        assert answer.status_code == 422, wrong
        assert answer.json is not None
        assert answer.json["errors"][0]["parameter"] == wrong.partition("=")[0]
    for path in ("", "/", "/nothing", "/households/", "/households/0", "/households/-1", "/households/1e3",
                 "/households/99999999999999999999", "/cover/12345678", "/households/1/"):  # fmt: skip
        answer = caller.get(f"/api/v1{path}")
        assert (answer.status_code, answer.content_type) == (404, "application/problem+json"), path
    strange = caller.call("BREW", "/households")
    assert (strange.status_code, strange.headers["Allow"]) == (405, "GET, HEAD, POST")


def test_a_defect_is_ours_and_says_nothing(api: Callers, monkeypatch: pytest.MonkeyPatch) -> None:
    things, caller = one_of_each(api), api.with_key()

    def broken(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("gateway.api.households.phones_of", broken)
    answer = caller.get(f"/households/{things.household}")
    assert (answer.status_code, answer.json and answer.json["type"]) == (500, "/api/v1/problems/defect")
    assert "secret" not in answer.text
