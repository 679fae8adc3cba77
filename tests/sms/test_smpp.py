"""The port to a message centre, over real TCP: every answer and every broken line is one definite value."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from gateway.kernel.faults import NetworkInsideTransaction
from gateway.sms.gsm7 import BASIC, EXTENSION, parts
from gateway.sms.port import UNTIL_SOMEBODY_ACTS, Answer, Handed, Refused, TryAgain, Unsure
from gateway.sms.smpp.letters import from_octets, in_octets, in_parts
from gateway.sms.smpp.line import Centre
from gateway.sms.smpp.port import Price, Smpp
from gateway.sms.smpp.words import SOON
from gateway.store.unit import Store
from tests.sms.helpers import NUMBER, on_sqlite
from tests.sms.smsc import HASTE_S, Smsc, until

TO = NUMBER.removeprefix("+")
MANY = [f"+22901000{number:05d}" for number in range(40)]
NO_CREDIT = 0x511


@pytest.fixture(scope="module")
def running() -> Iterator[Smsc]:
    running = Smsc("--system-id", "cotisa", "--password", "key")
    yield running
    running.stop()


@pytest.fixture
def smsc(running: Smsc) -> Smsc:
    running.begin()
    return running


def cotisa(smsc: Smsc, **centre: Any) -> Smpp:
    return smsc.port_of(
        centre=centre, sender="COTISA", price=Price(Decimal(12), "XOF"), no_credit=frozenset({NO_CREDIT})
    )


@pytest.fixture
def port(smsc: Smsc) -> Smpp:
    return cotisa(smsc)


@pytest.fixture
def port_to(smsc: Smsc) -> Callable[[dict[str, Any]], Smpp]:
    """Our port to a centre that behaves so: hasty where an answer that doesn't come is what is tried."""

    def make(behaviour: dict[str, Any]) -> Smpp:
        return cotisa(smsc, answer_timeout_s=HASTE_S) if behaviour.keys() & {"mute", "slow"} else cotisa(smsc)

    return make


# --- letters ----------------------------------------------------------------------------------------------------------


def test_every_letter_of_the_alphabet_arrives_as_it_was_written(smsc: Smsc, port: Smpp) -> None:
    """The stand-in reads octets by the standard's own order, escape included."""
    port.send(BASIC, NUMBER)
    port.send(EXTENSION, NUMBER)
    assert [one["message"] for one in smsc.sent()] == [BASIC, EXTENSION]
    assert {one["data_coding"] for one in smsc.sent()} == {0}
    assert from_octets(in_octets(BASIC + EXTENSION)) == BASIC + EXTENSION


@pytest.mark.parametrize("text", ["x" * 160, "x" * 161, "€" * 80, "€" * 81, "x" * 152 + "€" * 10, "é€" * 400])
def test_a_text_has_as_many_parts_as_were_counted_and_loses_no_letter(text: str) -> None:
    pieces = in_parts(text, 7)
    assert len(pieces) == parts(text)
    if len(pieces) > 1:
        assert [piece[:6] for piece in pieces] == [
            bytes([5, 0, 3, 7, len(pieces), n]) for n in range(1, len(pieces) + 1)
        ]
        pieces = [piece[6:] for piece in pieces]
        assert all(len(piece) <= 153 and not piece.endswith(b"\x1b") for piece in pieces)
    assert "".join(map(from_octets, pieces)) == text


def test_a_long_text_is_joined_by_its_header_and_reported_once(smsc: Smsc, port: Smpp) -> None:
    answer = port.send("x" * 200, NUMBER)
    first, last = smsc.sent()
    assert answer == Handed(last["id"], "XOF 24.0000", "smpp")
    assert (first["message"], last["message"]) == ("x" * 153, "x" * 47)
    assert (first["esm_class"], first["registered"], last["esm_class"], last["registered"]) == (0x40, 0, 0x40, 1)
    assert first["octets"][:8] == last["octets"][:8]


# --- answers ----------------------------------------------------------------------------------------------------------

ROWS: list[tuple[dict[str, Any], Answer, int]] = [
    ({"status": 0x58}, TryAgain("throttled", SOON), 0),
    ({"status": 0x14}, TryAgain("queue_full", SOON), 0),
    ({"status": 0x0B}, Refused("bad_number"), 0),
    ({"status": 0x08}, Unsure("system_error", "smpp"), 0),
    ({"status": 0x0A}, TryAgain("invalid_sender", UNTIL_SOMEBODY_ACTS), 0),
    ({"status": 0x45}, TryAgain("aggregator_error", SOON), 0),
    ({"status": 0x01}, Refused("bad_request"), 0),
    ({"status": NO_CREDIT}, TryAgain("no_credit", UNTIL_SOMEBODY_ACTS), 0),
    ({"status": 0x4FF}, Unsure("status_0x4FF", "smpp"), 0),
    ({"nack": 0x58}, TryAgain("throttled", SOON), 0),
    ({"mute": True}, Unsure("no_answer", "smpp"), 1),
    ({"slow": HASTE_S + 0.2}, Unsure("no_answer", "smpp"), 1),
    ({"drop_before": True}, Unsure("no_answer", "smpp"), 0),
    ({"drop_after": True}, Unsure("no_answer", "smpp"), 1),
    ({"garbage": True}, Unsure("no_answer", "smpp"), 1),
]


@pytest.mark.parametrize(("behaviour", "answer", "taken"), ROWS, ids=lambda row: str(row)[:40])
def test_each_answer_has_its_outcome_and_the_next_text_goes_out(
    smsc: Smsc, port_to: Callable[[dict[str, Any]], Smpp], behaviour: dict[str, Any], answer: Answer, taken: int
) -> None:
    port = port_to(behaviour)
    smsc.script(behaviour)
    assert port.send("Recu 12", NUMBER) == answer
    assert len(smsc.sent()) == taken
    again = port.send("Recu 13", NUMBER)
    assert again == Handed(smsc.sent()[-1]["id"], "XOF 12.0000", "smpp")
    assert smsc.bound()["now"] == 1


def test_a_text_says_from_whom_to_whom_and_asks_for_a_receipt(smsc: Smsc, port: Smpp) -> None:
    port.send("Recu 12", NUMBER)
    [sent] = smsc.sent()
    assert (sent["to"], sent["to_ton"], sent["from"], sent["from_ton"], sent["registered"]) == (TO, 1, "COTISA", 5, 1)
    for sender, ton, address in (("+22961000000", 1, "22961000000"), ("8500", 3, "8500"), ("", 0, "")):
        smsc.port_of(sender=sender).send("x", NUMBER)
        assert (smsc.sent()[-1]["from_ton"], smsc.sent()[-1]["from"]) == (ton, address)


@pytest.mark.parametrize("optional", ["150100026162", "001d0003616200", "0424"])
def test_optional_parameters_in_an_answer_don_t_hide_it(smsc: Smsc, port: Smpp, optional: str) -> None:
    """A vendor's own, one of the standard's that the library doesn't expect there, and one that ends too early."""
    smsc.script({"tlv": optional})
    assert isinstance(port.send("Recu 12", NUMBER), Handed)
    assert smsc.bound()["ever"] == 1


def test_a_number_that_is_none_goes_nowhere(smsc: Smsc, port: Smpp) -> None:
    assert port.send_many("x", ["0100", NUMBER])[0] == Refused("bad_number")
    assert len(smsc.sent()) == 1


# --- the line ---------------------------------------------------------------------------------------------------------


def test_many_go_over_one_line_several_at_a_time_in_their_order(smsc: Smsc, port: Smpp) -> None:
    smsc.script(*[{"slow": 0.1}] * len(MANY))
    begun = time.monotonic()
    answers = port.send_many("Rappel", MANY)
    assert time.monotonic() - begun < 0.1 * len(MANY) / 3
    sent = smsc.sent()
    assert [one["to"] for one in sent] == [one.removeprefix("+") for one in MANY]
    assert [one.aggregator_id for one in answers if isinstance(one, Handed)] == [one["id"] for one in sent]
    assert len({one["connection"] for one in sent}) == 1


def test_the_window_is_the_line_s_however_many_send_over_it(smsc: Smsc) -> None:
    port = smsc.port_of(window=3)
    smsc.script(*[{"slow": 0.02}] * 80)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: port.send_many("Rappel", MANY[:20]), range(4)))
    assert all(isinstance(one, Handed) for answers in found for one in answers)
    assert (len(smsc.sent()), smsc.bound()["most_open"], smsc.bound()["ever"]) == (80, 3, 1)


@pytest.mark.parametrize(
    ("behaviour", "its_own", "rest"),
    [
        ({"status": 0x58}, TryAgain("throttled", SOON), TryAgain("throttled", SOON)),
        ({"status": NO_CREDIT}, TryAgain("no_credit", UNTIL_SOMEBODY_ACTS), TryAgain("no_credit", UNTIL_SOMEBODY_ACTS)),
        ({"mute": True}, Unsure("no_answer", "smpp"), TryAgain("silent", SOON)),
        ({"drop_after": True}, Unsure("no_answer", "smpp"), TryAgain("not_reached", SOON)),
    ],
)
def test_what_stops_a_batch_leaves_the_rest_certainly_unsent(
    smsc: Smsc, port_to: Callable[[dict[str, Any]], Smpp], behaviour: dict[str, Any], its_own: Answer, rest: Answer
) -> None:
    smsc.script({}, {}, behaviour)
    answers = port_to(behaviour).send_many("Rappel", MANY)
    taken = {"+" + one["to"] for one in smsc.sent()}
    assert answers[2] == its_own
    assert answers[-1] == rest
    for msisdn, answer in zip(MANY, answers, strict=True):
        assert not isinstance(answer, TryAgain) or msisdn not in taken
        assert not isinstance(answer, Handed) or msisdn in taken


def test_a_line_that_was_never_made_took_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = free.getsockname()[1]
    port = Smpp(Centre("127.0.0.1", nobody, "cotisa", "key"))
    assert port.send("x", NUMBER) == TryAgain("not_reached", SOON)
    assert port.keep() == TryAgain("not_reached", SOON)


@pytest.mark.parametrize(
    ("status", "reason"),
    [(0x0D, "bad_credentials"), (0x0E, "bad_credentials"), (0x0F, "bad_credentials"), (0x05, "already_bound"),
     (0x08, "unavailable"), (0x58, "throttled")],
)  # fmt: skip
def test_a_bind_that_is_refused_says_why_and_takes_nothing(smsc: Smsc, port: Smpp, status: int, reason: str) -> None:
    smsc.script(binds=[status])
    answer = port.send("x", NUMBER)
    assert isinstance(answer, TryAgain)
    assert answer.reason == reason
    assert smsc.sent() == []
    assert isinstance(port.send("x", NUMBER), Handed)


def test_who_speaks_something_else_took_nothing() -> None:
    """A web server behind the port, and one that takes the call and says nothing."""
    for said in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b""):
        with socket.create_server(("127.0.0.1", 0)) as server:

            def answer(server: socket.socket = server, said: bytes = said) -> None:
                caller, _ = server.accept()
                caller.recv(1000)
                caller.sendall(said)
                time.sleep(0.5)
                caller.close()

            threading.Thread(target=answer, daemon=True).start()
            centre = Centre("127.0.0.1", server.getsockname()[1], "cotisa", "key", answer_timeout_s=0.3)
            assert Smpp(centre).send("x", NUMBER) == TryAgain("not_reached", SOON)


def test_a_line_that_died_unseen_is_found_out_before_a_text_is_trusted_to_it(smsc: Smsc) -> None:
    """Nothing comes back any more, as when a router forgot the line: the text is certainly not sent."""
    port = smsc.port_of(centre={"doubt_after_s": 0.05, "connect_timeout_s": 0.2})
    assert isinstance(port.send("x", NUMBER), Handed)
    smsc.script(mute=True)
    time.sleep(0.1)
    assert port.send("y", NUMBER) == TryAgain("not_reached", SOON)
    smsc.script()
    assert isinstance(port.send("y", NUMBER), Handed)
    assert [one["message"] for one in smsc.sent()] == ["x", "y"]


def test_an_idle_line_is_asked_whether_it_is_there_and_given_up_when_it_is_silent(smsc: Smsc) -> None:
    port = smsc.port_of(centre={"enquire_s": 0.1, "answer_timeout_s": 0.2})
    assert port.keep() is None
    until(lambda: smsc.bound()["enquired"] >= 2)
    smsc.script(mute=True)
    until(lambda: smsc.bound()["now"] == 0)
    smsc.script()
    assert port.keep() is None
    assert smsc.bound()["now"] == 1


def test_a_line_that_was_cut_while_nobody_sent_is_made_anew(smsc: Smsc, port: Smpp) -> None:
    port.send("x", NUMBER)
    smsc.play("cut", {})
    until(lambda: smsc.bound()["now"] == 0)
    assert isinstance(port.send("y", NUMBER), Handed)
    smsc.play("raw", {"octets": "00000010000000060000000000000063"})  # the centre's unbind
    until(lambda: smsc.bound()["now"] == 0)
    assert isinstance(port.send("z", NUMBER), Handed)
    assert len(smsc.sent()) == 3


@pytest.mark.parametrize("command", ["000001ff", "00000003"], ids=["unheard of", "query_sm"])
def test_what_isn_t_asked_of_us_is_turned_down_and_changes_nothing(smsc: Smsc, port: Smpp, command: str) -> None:
    port.send("x", NUMBER)
    body = "6900010131323300" if command == "00000003" else ""
    smsc.play("raw", {"octets": f"{16 + len(body) // 2:08x}{command}0000000000000063{body}"})
    until(lambda: smsc.bound()["turned_down"] == [[0x63, 0x03]])
    assert isinstance(port.send("y", NUMBER), Handed)
    assert smsc.bound()["ever"] == 1


def test_what_pretends_to_be_endless_is_not_read(smsc: Smsc, port: Smpp) -> None:
    port.send("x", NUMBER)
    smsc.play("raw", {"octets": "7fffffff000000050000000000000001"})
    until(lambda: smsc.bound()["now"] == 0)


HOLD = """
import sys, time
from gateway.sms.smpp.line import Centre
from gateway.sms.smpp.port import Smpp
port = Smpp(Centre("127.0.0.1", int(sys.argv[1]), "cotisa", "key"))
print(port.send("x", "+2290100000001"), flush=True)
time.sleep(60 if sys.argv[2] == "stay" else 0)
"""


@pytest.mark.parametrize(("how", "unbound"), [("killed", 0), ("ended", 1)])
def test_a_process_that_ends_leaves_nothing_bound(smsc: Smsc, how: str, unbound: int) -> None:
    arguments = [sys.executable, "-c", HOLD, str(smsc.port), "stay" if how == "killed" else "go"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "Handed" in process.stdout.readline()
        if how == "killed":
            assert smsc.bound()["now"] == 1
            os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
    until(lambda: smsc.bound()["now"] == 0)
    assert smsc.bound()["unbound"] == unbound


@on_sqlite
def test_nobody_is_called_from_inside_a_transaction(store: Store, port: Smpp) -> None:
    for call in _calls(port):
        with store.write(), pytest.raises(NetworkInsideTransaction):
            call()


def _calls(port: Smpp) -> list[Callable[[], object]]:
    return [lambda: port.send("x", NUMBER), lambda: port.send_many("x", [NUMBER]), port.keep]
