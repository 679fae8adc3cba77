"""A collection moves along its graph and nowhere else: every edge is walked by the code, every other is refused."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from gateway.kernel.ids import operator_key
from gateway.payments.collections import by_key, move
from gateway.payments.reversing import reverse
from gateway.payments.states import EDGES, UNDECIDED, IllegalMove, State, drawing
from gateway.store.schema import collection
from tests.payments.providers.mtn_momo_play import MomoPlay
from tests.payments.village import ON_SQLITE, PAYER, Village, wait_until

ALL_EDGES = [(before, after) for before in State for after in sorted(EDGES[before])]

Play = Callable[[Village, MomoPlay, int], object]


def test_the_drawing_is_the_graph() -> None:
    arrows = re.findall(r"^    (\S+) --> (\S+)$", drawing(), re.MULTILINE)
    ends = {state for state in State if not EDGES[state]}
    assert sorted(arrows) == sorted([("[*]", "created"), *ALL_EDGES, *((state, "[*]") for state in ends)])


def test_every_state_can_be_reached_and_money_that_comes_late_always_can_be_posted() -> None:
    reached, new = set(), {State.CREATED}
    while new:
        reached |= new
        new = {after for state in new for after in EDGES[state]} - reached
    assert reached == set(State)
    asked = set(State) - {State.CREATED, State.PAID, State.REVERSED}
    assert all(State.PAID in EDGES[state] for state in asked)
    assert set(State) - {State.PAID, State.REFUSED, State.EXPIRED, State.REVERSED} == UNDECIDED


def test_move_walks_the_edges_and_refuses_everything_else(village: Village) -> None:
    """Of all pairs of states: what the database holds afterwards, and the story that goes with it."""
    household_id = village.register().household_id
    for before in State:
        for after in State:
            key = _put(village, household_id, before)
            if after in EDGES[before]:
                _move(village, key, after)
                shown = village.shown(key)
                assert (shown.state, shown.reason, shown.said, village.steps(key)) == (after, "why", "said", [after])
            else:
                with pytest.raises(IllegalMove, match=f"{before} → {after}"):
                    _move(village, key, after)
                assert (village.shown(key).state, village.steps(key)) == (before, [])


def _move(village: Village, key: str, after: State) -> None:
    with village.store.write() as unit:
        one = by_key(unit.connection, key, lock=True)
        assert one is not None
        move(unit, one, after, "why", "said")


def test_the_database_knows_no_other_state(village: Village) -> None:
    household_id = village.register().household_id
    with pytest.raises(IntegrityError):
        _put(village, household_id, "lost")


def _put(village: Village, household_id: int, state: str) -> str:
    key = operator_key()
    with village.store.write() as unit:
        unit.connection.execute(
            insert(collection).values(
                key=key, effect_key=key, organisation_id=village.place.books.id, household_id=household_id, way="push",
                provider="mtn_momo", payer=PAYER, amount_minor=1_500, currency="XOF", state=state, created_at=unit.now,
            )
        )  # fmt: skip
    return key


# What brings each edge about, in the code that runs in production.


def _asked(village: Village, momo: MomoPlay, household_id: int) -> str:
    key = village.pay(household_id)
    village.work()
    return key


def _too_late_to_send(village: Village, momo: MomoPlay, household_id: int) -> None:
    village.pay(household_id)
    village.clock.move(timedelta(minutes=6))
    village.work()


def _no_wallet(village: Village, momo: MomoPlay, household_id: int) -> None:
    momo.script(http={"status": 500, "body": {"code": "PAYER_NOT_FOUND"}})
    _asked(village, momo, household_id)


def _paid_while_our_call_was_out(village: Village, momo: MomoPlay, household_id: int) -> None:
    momo.script(outcome="SUCCESSFUL", slow=0.5)
    key = village.pay(household_id)
    asking = threading.Thread(target=village.work)
    asking.start()
    wait_until(lambda: momo.asked(key) == 1)
    village.hint(key)
    village.work()
    assert asking.is_alive()
    asking.join()


def _lost_on_the_way_there(village: Village, momo: MomoPlay, household_id: int) -> None:
    momo.drop_before()
    _asked(village, momo, household_id)


def _lost_on_the_way_there_then_sent(village: Village, momo: MomoPlay, household_id: int) -> None:
    _lost_on_the_way_there(village, momo, household_id)
    village.work_for(20)


def _lost_on_the_way_back(outcome: str) -> Play:
    def play(village: Village, momo: MomoPlay, household_id: int) -> None:
        momo.script(drop_after=True, outcome=outcome, reason=None if outcome == "SUCCESSFUL" else "NOT_ENOUGH_FUNDS")
        _asked(village, momo, household_id)
        village.work_for(20)

    return play


def _down_for_long(village: Village, momo: MomoPlay, household_id: int) -> None:
    momo.drop_after()
    momo.answer("find", 503, {"code": "SERVICE_UNAVAILABLE"}, times=1_000)
    _asked(village, momo, household_id)
    village.work_for(17 * 60, 60)


def _paid(village: Village, momo: MomoPlay, household_id: int) -> str:
    key = _asked(village, momo, household_id)
    momo.approve(key)
    village.work_for(20)
    return key


def _refused(village: Village, momo: MomoPlay, household_id: int) -> str:
    key = _asked(village, momo, household_id)
    momo.refuse(key, "APPROVAL_REJECTED")
    village.work_for(20)
    return key


def _forgotten(village: Village, momo: MomoPlay, household_id: int) -> str:
    key = _asked(village, momo, household_id)
    village.work_for(17 * 60, 60)
    return key


def _paid_after_a_refusal(village: Village, momo: MomoPlay, household_id: int) -> None:
    key = _refused(village, momo, household_id)
    momo.approve(key)
    village.hint(key)
    village.work()


def _paid_after_the_end(village: Village, momo: MomoPlay, household_id: int) -> None:
    momo.approve(_forgotten(village, momo, household_id))
    village.work_for(2 * 3600, 600)


def _refused_after_the_end(village: Village, momo: MomoPlay, household_id: int) -> None:
    momo.refuse(_forgotten(village, momo, household_id), "EXPIRED")
    village.work_for(2 * 3600, 600)


def _taken_back(village: Village, momo: MomoPlay, household_id: int) -> None:
    key = _paid(village, momo, household_id)
    with village.store.write() as unit:
        assert reverse(unit, village.network.tree(), key, "REVERSED")


def _in_cash(village: Village, momo: MomoPlay, household_id: int) -> None:
    village.give(household_id, village.treasurer, 1_500)
    assert village.balance()["cash"] == 1_500


PLAYS: dict[tuple[State, State], Play] = {
    (State.CREATED, State.SENDING): _asked,
    (State.CREATED, State.EXPIRED): _too_late_to_send,
    (State.CREATED, State.PAID): _in_cash,
    (State.SENDING, State.PENDING): _asked,
    (State.SENDING, State.REFUSED): _no_wallet,
    (State.SENDING, State.PAID): _paid_while_our_call_was_out,
    (State.SENDING, State.UNCLEAR): _lost_on_the_way_there,
    (State.UNCLEAR, State.SENDING): _lost_on_the_way_there_then_sent,
    (State.UNCLEAR, State.PENDING): _lost_on_the_way_back("PENDING"),
    (State.UNCLEAR, State.PAID): _lost_on_the_way_back("SUCCESSFUL"),
    (State.UNCLEAR, State.REFUSED): _lost_on_the_way_back("FAILED"),
    (State.UNCLEAR, State.EXPIRED): _down_for_long,
    (State.PENDING, State.PAID): _paid,
    (State.PENDING, State.REFUSED): _refused,
    (State.PENDING, State.EXPIRED): _forgotten,
    (State.REFUSED, State.PAID): _paid_after_a_refusal,
    (State.EXPIRED, State.PAID): _paid_after_the_end,
    (State.EXPIRED, State.REFUSED): _refused_after_the_end,
    (State.PAID, State.REVERSED): _taken_back,
}


def test_every_edge_has_a_play() -> None:
    assert sorted(PLAYS) == sorted(ALL_EDGES)


@ON_SQLITE
@pytest.mark.parametrize("edge", PLAYS, ids=lambda edge: "-".join(edge))
def test_the_edge_is_walked(village: Village, momo: MomoPlay, edge: tuple[State, State]) -> None:
    PLAYS[edge](village, momo, village.register().household_id)
    assert edge in village.edges()
