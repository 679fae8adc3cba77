"""A person may ask an operator again at any time: the answer is acted on as ever, and nothing is debited anew."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import timedelta

import pytest

from gateway.kernel.faults import Fault
from gateway.kernel.ids import operator_key
from gateway.payments.states import State
from gateway.standins import mtn_momo as standin
from gateway.wiring import Runtime
from tests.payments.commands import Run, on_database_of
from tests.payments.providers.mtn_momo_play import MomoPlay
from tests.payments.village import ON_SQLITE, Village


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, village: Village, momo: MomoPlay) -> Run:
    """Runs a command beside the village, at the same time of day and with the same operator."""
    for name, value in {
        "MTN_MOMO_API_USER": standin.API_USER,
        "MTN_MOMO_API_KEY": standin.API_KEY,
        "MTN_MOMO_SUBSCRIPTION_KEY": standin.SUBSCRIPTION_KEY,
        "MTN_MOMO_TARGET_ENVIRONMENT": "mtnbenin",
        "MTN_MOMO_BASE_URL": momo.url,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Runtime, "clock", property(lambda _: village.clock))
    return on_database_of(village, monkeypatch)


@pytest.fixture
def key(village: Village, momo: MomoPlay) -> str:
    """A payment that stands on the payer's phone."""
    made = village.pay(village.register().household_id)
    village.work()
    assert village.shown(made).state is State.PENDING
    return made


def refused(village: Village, momo: MomoPlay, key: str) -> None:
    momo.play("refuse", {"key": key, "reason": "APPROVAL_REJECTED"})
    village.work_for(20)


def expired(village: Village, momo: MomoPlay, key: str) -> None:
    village.work_for(20 * 60, step_s=60)


def undecided(village: Village, momo: MomoPlay, key: str) -> None:
    pass


@pytest.mark.parametrize(
    ("before", "state"),
    [(undecided, State.PENDING), (refused, State.REFUSED), (expired, State.EXPIRED)],
)
def test_what_turns_out_paid_is_posted_once_whatever_it_was_before(
    village: Village,
    momo: MomoPlay,
    key: str,
    run: Run,
    before: Callable[[Village, MomoPlay, str], None],
    state: State,
) -> None:
    before(village, momo, key)
    assert village.shown(key).state is state
    momo.play("approve", {"key": key})
    late = " (late)" if state is not State.PENDING else ""
    assert run("collections", "ask", key) == f"{key}: mtn_momo says paid: SUCCESSFUL; now paid{late}, 1,500 F\n"
    asked = momo.calls("find")
    assert run("collections", "ask", key) == f"{key}: paid, 1,500 F; the operator was not asked\n"
    assert momo.calls("find") == asked
    village.work_for(60)
    assert [one for _, one in village.entries()] == [f"collection:{key}"]
    assert (momo.debits(key), momo.asked(key)) == (1, 1)


@ON_SQLITE
def test_what_the_operator_says_is_said_and_acted_on(village: Village, momo: MomoPlay, key: str, run: Run) -> None:
    assert run("collections", "ask", key) == f"{key}: mtn_momo says not decided: PENDING; now pending, 1,500 F\n"
    village.clock.move(timedelta(minutes=16))
    assert "now expired (no_answer), 1,500 F" in run("collections", "ask", key)
    momo.play("refuse", {"key": key, "reason": "APPROVAL_REJECTED"})
    line = run("collections", "ask", key)
    assert line.startswith(f"{key}: mtn_momo says refused (rejected): ")
    assert line.endswith("; now refused (rejected), 1,500 F\n")
    assert line.count("\n") == 1
    assert run("collections", "ask", key) == line
    assert len(village.messages("not_paid")) == 1


@ON_SQLITE
def test_what_never_arrived_is_not_sent_by_hand(village: Village, momo: MomoPlay, run: Run) -> None:
    momo.script(on="ask", drop_before=True)
    key = village.pay(village.register().household_id)
    village.work()
    assert village.shown(key).state is State.UNCLEAR
    assert "says it doesn't know this key: " in run("collections", "ask", key)
    village.work()
    assert key not in momo.requests()


@ON_SQLITE
def test_an_operator_that_does_not_answer_changes_nothing(
    village: Village, key: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MTN_MOMO_BASE_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
    line = run("collections", "ask", key)
    assert line.startswith(f"{key}: mtn_momo says nothing clear (unreached): ")
    assert line.endswith("; now pending, 1,500 F\n")
    assert line.count("\n") == 1


@ON_SQLITE
def test_where_nobody_can_be_asked_it_says_why_in_one_line(
    village: Village, momo: MomoPlay, key: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = village.register("+2290100000177").household_id
    unsent = village.pay(home, payer="+2290100000177")
    nobody = operator_key()
    for asked, told in (
        (nobody, f"no collection has the key {nobody}"),
        (unsent, f"collection {unsent} was not sent yet: there is nothing to ask about"),
    ):
        with pytest.raises(Fault) as why:
            run("collections", "ask", asked)
        assert str(why.value) == told
    for name in ("API_USER", "API_KEY", "SUBSCRIPTION_KEY", "TARGET_ENVIRONMENT", "BASE_URL"):
        monkeypatch.delenv(f"MTN_MOMO_{name}")
    with pytest.raises(Fault, match=f"collection {key} was asked of mtn_momo, which has no keys here"):
        run("collections", "ask", key)
