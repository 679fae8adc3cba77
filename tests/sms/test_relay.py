"""Two aggregators behind one port, both real servers: one steps in for the other, and nobody gets a text twice."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Row, event, select

from gateway.kernel.clock import FixedClock
from gateway.sms.africastalking import AfricasTalking
from gateway.sms.aggregators import Aggregators
from gateway.sms.port import UNTIL_SOMEBODY_ACTS, Answer, Handed, Refused, Report, SmsPort, TryAgain, Unsure
from gateway.sms.relay import Relay, trouble_in
from gateway.sms.smpp.port import Smpp
from gateway.store.schema import aggregator_state
from gateway.store.unit import Store
from tests.sms.helpers import LOST, NUMBER, READ_TIMEOUT_S, StandIn, on_sqlite
from tests.sms.smsc import HASTE_S, Smsc

Write = Callable[..., None]
Work = Callable[[SmsPort], int]
Shown = Callable[..., Row[Any]]

MANY = [f"+22901000{number:05d}" for number in range(30)]
NO_CREDIT = 0x511
SHORT = timedelta(seconds=21)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def running() -> Iterator[Smsc]:
    running = Smsc()
    yield running
    running.stop()


@pytest.fixture
def smsc(running: Smsc) -> Smsc:
    running.begin()
    return running


@pytest.fixture
def smpp(store: Store, smsc: Smsc) -> Iterator[Smpp]:
    yield smsc.port_of(store, no_credit=frozenset({NO_CREDIT}))
    smsc.begin()


@pytest.fixture
def relay(store: Store, port: AfricasTalking, smpp: Smpp) -> Relay:
    """Africa's Talking first, the message centre second."""
    return Relay(Aggregators(store), ("africastalking", port), ("smpp", smpp))


def alone(store: Store, name: str, port: SmsPort) -> Relay:
    return Relay(Aggregators(store), (name, port))


def nowhere() -> AfricasTalking:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return AfricasTalking("cotisa", "key", "", f"http://127.0.0.1:{port}")


def texts(standin: StandIn, smsc: Smsc) -> Counter[str]:
    """How often each text was taken, by whoever took it."""
    return Counter(one["message"] for one in [*standin.sent(), *smsc.sent()])


def state_of(store: Store, name: str) -> Row[Any] | None:
    with store.read() as connection:
        return connection.execute(select(aggregator_state).where(aggregator_state.c.name == name)).first()


# --- one text, one aggregator ---------------------------------------------------------------------------------------

# What Africa's Talking does with a text, whether the second aggregator gets it, and how the text stands.
FAULTS: list[tuple[str, dict[str, Any], bool, str, str | None]] = [
    ("well", {}, False, "sent", None),
    ("no credit", {"code": 405}, True, "sent", None),
    ("no credit, without a recipient", {"empty_recipients": "InsufficientBalance"}, True, "sent", None),
    ("a wrong sender", {"code": 402}, True, "sent", None),
    ("its own error", {"code": 500}, True, "sent", None),
    ("credentials", {"http": 401}, True, "sent", None),
    ("unavailable", {"http": 503}, True, "sent", None),
    ("a wrong address", {"http": 404}, True, "sent", None),
    ("throttled, for a moment", {"http": 429}, False, "waiting", "throttled"),
    ("no way to that number", {"code": 407}, True, "sent", None),
    ("a bad number", {"code": 403}, False, "failed", "bad_number"),
    ("opted out", {"code": 406}, False, "failed", "opted_out"),
    ("too late an answer", LOST, False, "uncertain", "no_answer"),
    ("broken off after accepting", {"drop_after": True}, False, "uncertain", "no_answer"),
    ("broken off before", {"drop_before": True}, False, "uncertain", "no_answer"),
    ("HTML", {"text_answer": "<html><h1>Welcome</h1></html>"}, False, "uncertain", "unreadable_answer"),
    ("HTML and 502", {"http": 502}, False, "uncertain", "HTTP 502"),
    ("half of an answer", {"leave_out": 1}, False, "uncertain", None),
]


@pytest.mark.parametrize(
    ("does", "goes_on", "state", "reason"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS]
)
@on_sqlite
def test_only_what_was_certainly_not_taken_goes_to_the_second(
    write: Write, work: Work, shown: Shown, standin: StandIn, smsc: Smsc, relay: Relay,
    does: dict[str, Any], goes_on: bool, state: str, reason: str | None,
) -> None:  # fmt: skip
    standin.script(does)
    write()
    work(relay)
    assert len(smsc.sent()) == goes_on
    assert texts(standin, smsc).total() <= 1
    row = shown()
    assert row.state == state
    if goes_on:
        assert (row.aggregator, row.aggregator_id) == ("smpp", smsc.sent()[0]["id"])
    elif reason:
        assert row.reason == reason


def test_nobody_answers_there_so_the_second_takes_it_and_the_next_ones_don_t_wait(
    store: Store, smpp: Smpp, smsc: Smsc
) -> None:
    relay = Relay(Aggregators(store), ("africastalking", nowhere()), ("smpp", smpp))
    assert isinstance(relay.send("one", NUMBER), Handed)
    state = state_of(store, "africastalking")
    assert state is not None
    assert (state.reason, state.failures) == ("not_reached", 1)
    assert isinstance(relay.send("two", NUMBER), Handed)
    assert all(isinstance(one, Handed) and one.by == "smpp" for one in relay.send_many("three", MANY))
    assert state_of(store, "africastalking") == state  # it wasn't called again
    assert [one["message"] for one in smsc.sent()] == ["one", "two", *["three"] * len(MANY)]


@on_sqlite
def test_a_line_that_is_down_lets_the_first_do_it(
    store: Store, port: AfricasTalking, smsc: Smsc, standin: StandIn
) -> None:
    """The other way round."""
    smpp = smsc.port_of()
    smsc.script(binds=[0x0D])
    relay = Relay(Aggregators(store), ("smpp", smpp), ("africastalking", port))
    answer = relay.send("one", NUMBER)
    assert answer == Handed(standin.sent()[0]["id"], "XOF 12.0000", "africastalking")
    assert smsc.bound()["ever"] == 0


@on_sqlite
def test_no_way_by_any_of_them_is_a_refusal(relay: Relay, standin: StandIn, smsc: Smsc) -> None:
    standin.script({"code": 407}, {"code": 407})
    smsc.script({"status": 0x0B})
    assert relay.send("x", NUMBER) == Refused("bad_number")
    smsc.play("cut", {})
    smsc.script(binds=[0x0E])
    assert relay.send("x", NUMBER) == TryAgain("bad_credentials", MINUTE)  # the other may have one, once it is back
    assert relay.send_many("x", [NUMBER]) == [Handed(standin.sent()[0]["id"], "XOF 12.0000", "africastalking")]


# --- silence ----------------------------------------------------------------------------------------------------------


def test_after_repeated_silence_the_next_texts_go_elsewhere_and_come_back(
    store: Store, relay: Relay, standin: StandIn, smsc: Smsc, clock: FixedClock
) -> None:
    standin.script(*[{"drop_after": True}] * 3)
    answers = [relay.send(f"text {number}", NUMBER) for number in range(4)]
    assert [one.by for one in answers if isinstance(one, Unsure)] == ["africastalking"] * 2
    assert [one.by for one in answers if isinstance(one, Handed)] == ["smpp"] * 2
    clock.move(SHORT)
    # One tries it again, and finds it silent: longer now.
    assert isinstance(relay.send("text 4", NUMBER), Unsure)
    assert isinstance(relay.send("text 5", NUMBER), Handed)
    clock.move(SHORT)
    assert relay.send("text 6", NUMBER) == Handed(smsc.sent()[-1]["id"], None, "smpp")
    clock.move(SHORT * 2)
    assert relay.send("text 7", NUMBER) == Handed(standin.sent()[-1]["id"], "XOF 12.0000", "africastalking")
    assert state_of(store, "africastalking") is None
    assert texts(standin, smsc) == {f"text {number}": 1 for number in range(8)}


def test_of_a_batch_one_text_tries_and_the_rest_follow_or_go_elsewhere(
    store: Store, relay: Relay, standin: StandIn, smsc: Smsc, clock: FixedClock
) -> None:
    standin.script({"drop_after": True}, {"drop_after": True}, {"drop_after": True})
    for _ in range(2):
        relay.send("silence", NUMBER)
    clock.move(SHORT)
    answers = relay.send_many("batch", MANY)
    assert Counter(type(one) for one in answers) == {Unsure: 1, Handed: len(MANY) - 1}
    assert isinstance(answers[0], Unsure)
    assert [one["to"] for one in smsc.sent()] == [one.removeprefix("+") for one in MANY[1:]]
    clock.move(SHORT * 3)
    assert {one.by for one in relay.send_many("again", MANY) if isinstance(one, Handed)} == {"africastalking"}
    taken = Counter(
        "+" + one["to"].removeprefix("+") for one in [*standin.sent(), *smsc.sent()] if one["message"] != "silence"
    )
    assert taken == dict.fromkeys(MANY, 2)


@on_sqlite
def test_silence_within_a_batch_leaves_its_own_and_moves_the_rest(
    store: Store, port: AfricasTalking, standin: StandIn, smsc: Smsc
) -> None:
    hasty = smsc.port_of(store, centre={"answer_timeout_s": HASTE_S})
    relay = Relay(Aggregators(store), ("smpp", hasty), ("africastalking", port))
    smsc.script({}, {}, {"mute": True})
    answers = relay.send_many("Rappel", MANY)
    assert answers[2] == Unsure("no_answer", "smpp")
    assert Counter(type(one) for one in answers) == {Unsure: 1, Handed: len(MANY) - 1}
    taken = Counter("+" + one["to"].removeprefix("+") for one in [*smsc.sent(), *standin.sent()])
    assert taken == dict.fromkeys(MANY, 1)
    assert len(standin.sent()) > 10


def test_a_slow_one_keeps_what_it_took_and_gets_no_more(
    store: Store, port: AfricasTalking, smpp: Smpp, standin: StandIn, smsc: Smsc
) -> None:
    relay = Relay(Aggregators(store), ("africastalking", port), ("smpp", smpp), slow_after_s=0.05)
    standin.script(*[{"slow": 0.15}] * 3)
    answers = [relay.send(f"text {number}", NUMBER) for number in range(5)]
    assert [one.by for one in answers if isinstance(one, Handed)] == ["africastalking"] * 3 + ["smpp"] * 2
    state = state_of(store, "africastalking")
    assert state is not None
    assert state.reason == "slow"
    assert texts(standin, smsc) == {f"text {number}": 1 for number in range(5)}


@on_sqlite
def test_throttling_that_goes_on_is_a_trouble(relay: Relay, standin: StandIn, smsc: Smsc) -> None:
    standin.script(*[{"http": 429}] * 3)
    answers = [relay.send("text", NUMBER) for _ in range(3)]
    assert answers[:2] == [TryAgain("throttled", timedelta(seconds=30))] * 2
    assert isinstance(answers[2], Handed)
    assert len(smsc.sent()) == 1


def test_all_workers_know_and_one_of_them_tries(
    store: Store, port: AfricasTalking, smpp: Smpp, standin: StandIn, smsc: Smsc, clock: FixedClock
) -> None:
    relays = [Relay(Aggregators(store), ("africastalking", port), ("smpp", smpp)) for _ in range(4)]
    standin.script({"http": 503}, {"slow": READ_TIMEOUT_S / 2})
    relays[0].send("text", NUMBER)
    for relay in relays:
        assert isinstance(relay.send("text", NUMBER), Handed)
    assert standin.sent() == []
    clock.move(SHORT)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda relay: relay.send("text", NUMBER), relays))
    assert Counter(one.by for one in answers if isinstance(one, Handed)) == {"africastalking": 1, "smpp": 3}


# --- credit -----------------------------------------------------------------------------------------------------------


def test_credit_that_ends_within_a_batch_loses_and_doubles_nobody(
    store: Store, port: AfricasTalking, smpp: Smpp, standin: StandIn, smsc: Smsc
) -> None:
    relay = Relay(Aggregators(store), ("smpp", smpp), ("africastalking", port))
    smsc.script(*[{}] * 12, *[{"status": NO_CREDIT}] * 10)
    answers = relay.send_many("Rappel", MANY)
    assert all(isinstance(one, Handed) for one in answers)
    assert Counter(one.by for one in answers if isinstance(one, Handed))["smpp"] == len(smsc.sent()) == 12
    taken = Counter("+" + one["to"].removeprefix("+") for one in [*smsc.sent(), *standin.sent()])
    assert taken == dict.fromkeys(MANY, 1)
    assert relay.wait() == timedelta(0)


def test_the_only_one_out_of_credit_pauses_what_can_wait_and_resumes_by_itself(
    store: Store, write: Write, work: Work, shown: Shown, port: AfricasTalking, standin: StandIn, clock: FixedClock
) -> None:
    relay = alone(store, "africastalking", port)
    standin.script(*[{"code": 405}] * 3)
    assert relay.send("first", NUMBER) == TryAgain("no_credit", MINUTE)
    clock.move(timedelta(seconds=20))
    for number in range(3):
        write(key=f"receipt:{number}", text=f"Recu {number}")
    work(relay)  # one of them was the minute's try, the others were not even asked for
    assert relay.wait() == UNTIL_SOMEBODY_ACTS
    assert {shown(f"receipt:{number}").reason for number in range(3)} == {"no_credit"}
    assert {shown(f"receipt:{number}").state for number in range(3)} == {"waiting"}
    assert relay.send_many("Rappel", MANY) == [TryAgain("no_credit", UNTIL_SOMEBODY_ACTS)] * len(MANY)
    for _ in range(40):
        assert relay.send("x", NUMBER) == TryAgain("no_credit", MINUTE)
        clock.move(timedelta(seconds=1))
    standin.script()  # somebody topped up, and the next minute has begun
    assert work(relay) == 0  # their own next try is not yet due
    assert isinstance(relay.send("next", NUMBER), Handed)
    assert relay.wait() == timedelta(0)
    assert work(relay) == 3
    assert sorted(one["message"] for one in standin.sent()) == ["Recu 0", "Recu 1", "Recu 2", "next"]
    assert {shown(f"receipt:{number}").state for number in range(3)} == {"sent"}


@on_sqlite
def test_what_waits_tries_by_itself_when_the_time_has_passed(
    store: Store, port: AfricasTalking, standin: StandIn, clock: FixedClock
) -> None:
    """No receipt comes along: the reminders that wait do it."""
    relay = alone(store, "africastalking", port)
    standin.script({"code": 405}, {"code": 405})
    relay.send_many("Rappel", MANY[:1])
    clock.move(relay.wait())
    assert relay.wait() == timedelta(0)
    assert relay.send_many("Rappel", MANY) == [TryAgain("no_credit", UNTIL_SOMEBODY_ACTS)] * len(MANY)
    assert relay.wait() == UNTIL_SOMEBODY_ACTS
    clock.move(relay.wait())
    assert all(isinstance(one, Handed) for one in relay.send_many("Rappel", MANY))
    assert Counter(one["to"] for one in standin.sent()) == dict.fromkeys(MANY, 1)


# --- reports ----------------------------------------------------------------------------------------------------------


@on_sqlite
def test_a_report_is_read_by_the_port_of_whoever_took_the_message(
    write: Write, work: Work, shown: Shown, standin: StandIn, smsc: Smsc, relay: Relay, report: Callable[..., int]
) -> None:
    standin.script({"http": 503})
    smsc.script({"early": True, "receipts": ["UNDELIV"]})
    write()
    work(relay)
    assert (shown().state, shown().reason, shown().aggregator) == ("failed", "delivery_failure", "smpp")
    assert relay.port_of("nobody") is None


# --- around it --------------------------------------------------------------------------------------------------------


@dataclass
class Scripted:
    """An aggregator whose answers are given."""

    answers: list[Answer]
    asked: list[str] = field(default_factory=list)
    reports: str = "scripted"

    def send(self, text: str, msisdn: str) -> Answer:
        self.asked.append(msisdn)
        return self.answers.pop(0) if self.answers else Handed("1", None, "scripted")

    def send_many(self, text: str, msisdns: Sequence[str]) -> Sequence[Answer]:
        return [self.send(text, one) for one in msisdns]

    def wait(self) -> timedelta:
        return timedelta(0)

    def read_report(self, body: bytes) -> Report | None:
        return None


@on_sqlite
def test_an_answer_isn_t_lost_because_the_database_is_away(
    store: Store, standin: StandIn, port: AfricasTalking
) -> None:
    """The text was taken: that must be known, or it would be uncertain."""
    from sqlalchemy.exc import OperationalError

    relay = Relay(Aggregators(store), ("africastalking", port), slow_after_s=-1)  # every answer is a reason to write

    def refuse(*_: object) -> None:
        raise OperationalError("select", {}, Exception("gone"))

    event.listen(store.engine, "before_cursor_execute", refuse)
    try:
        assert isinstance(relay.send("x", NUMBER), Handed)
    finally:
        event.remove(store.engine, "before_cursor_execute", refuse)


@pytest.mark.parametrize(
    ("answers", "trouble"),
    [
        ([Handed("1", None)], None),
        ([Refused("bad_number")], None),
        ([Handed("1", None), TryAgain("no_credit", MINUTE)], "no_credit"),
        ([Unsure("no_answer"), TryAgain("silent", MINUTE)], "no_answer"),
        ([Handed("1", None), Unsure("no_answer")], "no_answer"),
        ([Handed("1", None), Unsure("left_out"), TryAgain("aggregator_error", MINUTE)], None),
        ([Unsure("HTTP 502")], "unclear"),
        ([TryAgain("not_reached", MINUTE)], "not_reached"),
    ],
)
def test_what_answers_say_of_an_aggregator(answers: list[Answer], trouble: str | None) -> None:
    assert trouble_in(answers) == trouble


@on_sqlite
def test_random_faults_double_nobody_and_forget_nobody(
    store: Store, relay: Relay, standin: StandIn, smsc: Smsc, clock: FixedClock
) -> None:
    """Both aggregators break in turn, while four workers send: what is called sent was taken once, by whom we say."""
    import random

    chance = random.Random(6)
    theirs: list[dict[str, Any]] = [
        {},
        {},
        {},
        {"code": 405},
        {"http": 503},
        {"drop_after": True},
        {"text_answer": "<p>"},
        {"http": 429},
    ]
    ours: list[dict[str, Any]] = [
        {},
        {},
        {},
        {"status": 0x58},
        {"status": 0x08},
        {"drop_after": True},
        {"status": NO_CREDIT},
    ]
    standin.script(*[chance.choice(theirs) for _ in range(150)])
    smsc.script(*[chance.choice(ours) for _ in range(150)])
    answers: dict[str, list[Answer]] = {}
    lock = threading.Lock()

    def send(number: int) -> None:
        text = f"text {number}"
        for _ in range(8):
            answer = relay.send(text, NUMBER)
            with lock:
                answers.setdefault(text, []).append(answer)
                clock.move(timedelta(seconds=5))
            if not isinstance(answer, TryAgain):
                return

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(send, range(60)))
    taken = texts(standin, smsc)
    assert max(taken.values()) == 1
    by = {one["message"]: "africastalking" for one in standin.sent()} | {one["message"]: "smpp" for one in smsc.sent()}
    kinds = Counter(type(given[-1]) for given in answers.values())
    assert kinds[Handed] > 20
    assert kinds[Unsure] > 3
    for text, given in answers.items():
        if isinstance(given[-1], Handed):
            assert by[text] == given[-1].by
        elif isinstance(given[-1], TryAgain):
            assert text not in taken
