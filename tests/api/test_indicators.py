"""Indicators for other systems: of the key's own subtree, with what each was divided from."""

from __future__ import annotations

from gateway.network.api_keys import Scope
from tests.api.callers import Callers
from tests.ussd.world import FAMILY, MEMBER


def test_figures_of_a_place_and_a_period(api: Callers) -> None:
    api.place.household_with(MEMBER, *FAMILY)
    caller = api.with_key("ouake")
    answer = caller.get("/indicators?place=ouake&period=2026-11")
    assert answer.status_code == 200
    found = {one["code"]: one for one in answer.get_json()["figures"]}
    assert found["households"]["value"] == 4
    assert found["households"]["trend"][-1] == {"period": "2026-11", "value": 4}
    assert found["recovery"]["currency"] == "XOF"
    assert caller.get("/indicators?place=umoja&period=2026").status_code == 404
    assert caller.get("/indicators").get_json()["period"] == "2026"
    for wrong in ("period=2026Q5", "place=ouake&period=2026Q7", "place=ouake&period=2026-13"):
        assert caller.get(f"/indicators?{wrong}").status_code == 422
    assert (
        api.with_key("ouake", frozenset({Scope.COVER_READ})).get("/indicators?place=ouake&period=2026").status_code
        == 403
    )
