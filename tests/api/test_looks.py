"""A key that is shown a household leaves who looked, once an hour; registering through a key is agreeing."""

from __future__ import annotations

from sqlalchemy import select

from gateway.store.schema import household, household_look
from tests.api.callers import Callers
from tests.api.things import one_of_each


def test_a_key_that_looks_is_written_down(api: Callers) -> None:
    things, caller = one_of_each(api), api.with_key("ouake")
    for _ in range(2):
        assert caller.get(f"/cover/{things.card}").status_code == 200
    own = select(household_look.c.how, household_look.c.by_name, household.c.card).join(
        household, household.c.id == household_look.c.household_id
    )
    ((how, by_name, card),) = api.place.ask(own)
    assert (how, card) == ("api", things.card)
    assert by_name.startswith("API ")
