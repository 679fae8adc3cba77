"""Everything that the API's document allows, and what it forbids, sent to the real application on a real database.

Never a 5xx, never an answer that the document doesn't declare: by Schemathesis. ``make api-fuzz`` sends more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    missing_required_header,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from gateway.api.openapi import document
from gateway.network.api_keys import FOR_FACILITIES
from gateway.procs.redis import PrivateRedis
from tests.api.callers import PATH, Caller, Callers
from tests.api.things import DOORS, one_of_each
from tests.databases import copied
from tests.ussd.world import Place, StandingRuntime
from tests.ussd.world import settings as place_settings

MORE = int(os.environ.get("API_FUZZ", "0"))
EXAMPLES = MORE or 4
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    missing_required_header,
    unsupported_method,
]


@pytest.fixture(scope="module")
def fuzzed(postgres: str, postgres_world: str, redis_server: PrivateRedis) -> Iterator[tuple[Caller, Caller]]:
    """A key with every scope and a facility's, in one place for all that is sent."""
    with copied(postgres, postgres_world) as url, pytest.MonkeyPatch.context() as patched:
        patched.setattr("gateway.api.calm.wait_s", lambda *_: 0)
        patched.setattr("gateway.api.cover.wait_for_guesses", lambda *_: None)
        patched.setattr("gateway.api.care.wait_for_guesses", lambda *_: None)
        place = Place(StandingRuntime(place_settings(url, redis_server.url)))
        callers = Callers(place)
        things = one_of_each(callers)
        yield callers.with_key(), callers.at_facility(things.facility)
        place.close()


schema = schemathesis.openapi.from_dict(document())
schema.config.checks.missing_required_header.expected_statuses = ["401", "403", "404", "422", "428"]
# Which of the two keys a door lets in, by its path and method.
FACILITY_DOORS = {(door.path, door.method) for door in DOORS if door.needs in FOR_FACILITIES}


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not MORE,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_5xx_and_nothing_undeclared(case: Case, fuzzed: tuple[Caller, Caller]) -> None:
    own, facility = fuzzed
    caller = facility if (case.operation.path, case.operation.method.upper()) in FACILITY_DOORS else own
    case.operation.app = case.operation.schema.app = caller.place.app
    response = case.call(base_url=f"http://localhost{PATH}", headers={"Authorization": f"Bearer {caller.token}"})
    checks = [one for one in CHECKS if one is not negative_data_rejection or _is_sent(case)]
    case.validate_response(response, checks=checks)


def _is_sent(case: Case) -> bool:
    """Does every parameter that was made stand in the address? One without a value leaves nothing of its name there."""
    return all(value not in ([], {}) for value in (case.query or {}).values())
