"""Plays a message centre that speaks SMPP 3.4, by its standard, and breaks in the ways that lines and centres break.

``python -m gateway.standins.smsc --port 0`` prints ``ready 127.0.0.1:PORT http://127.0.0.1:CONTROL`` once it listens.
It reads and writes PDUs by itself, so that nobody's library is believed about itself. What it is asked for at CONTROL:

``GET /_play/sent``      what it accepted: ``[{"id", "to", "from", "message", "octets", "data_coding", "esm_class",
                         "registered", "connection"}]``; ``message`` by the GSM alphabet, ``octets`` in hexadecimal
``GET /_play/bound``     ``{"now": how many lines are bound, "ever": how many were, "unbound": how many said so,
                         "acknowledged": [a status for each of our deliveries, or null], "enquired": how often,
                         "most_open": how many texts were unanswered at a time, at most,
                         "turned_down": [[number, status], …] of generic_nacks that came}``
``POST /_play/script``   what happens next: ``{"next": [BEHAVIOUR, …], "numbers": {"229…": BEHAVIOUR}, "binds": [status,
                         …], "mute": true}``; ``mute``: nothing at all is answered any more, lines stay open
``POST /_play/report``   deliver a receipt now: ``{"id", "stat", "err", "to", "tlv", "text"}``
``POST /_play/deliver``  deliver a person's SMS now: ``{"from", "to", "text"}``
``POST /_play/cut``      break all lines
``POST /_play/raw``      write these octets (hexadecimal) to all lines: ``{"octets"}``
``POST /_play/reset``    forget what was sent and what was scripted

``report`` and ``deliver`` answer ``{"status"}``: with what it was acknowledged, null when it wasn't in three seconds.

A BEHAVIOUR is an object of any of: ``status`` (a negative answer, nothing accepted), ``slow`` (seconds between
accepting and answering), ``mute`` (accepted, never answered), ``drop_before`` and ``drop_after`` (the line breaks,
before or after the text was accepted), ``garbage`` (accepted, answered with what is no PDU), ``nack`` (a generic_nack
with this status), ``tlv`` (an optional parameter in the answer, in hexadecimal), ``early`` (the receipt comes before
the answer), ``receipts`` (the states that are reported; ``[]``: none).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# SMPP 3.4, 5.1.2.1; an answer has the highest bit set.
GENERIC_NACK, BIND_RECEIVER, BIND_TRANSMITTER, SUBMIT_SM, DELIVER_SM = 0x80000000, 1, 2, 4, 5
UNBIND, BIND_TRANSCEIVER, ENQUIRE_LINK, ANSWER = 6, 9, 0x15, 0x80000000
BINDS = (BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER)
ESME_RINVCMDID, ESME_RINVBNDSTS, ESME_RALYBND, ESME_RINVPASWD, ESME_RINVSYSID = 0x03, 0x04, 0x05, 0x0E, 0x0F

RECEIPTED_MESSAGE_ID, MESSAGE_STATE = 0x001E, 0x0427
STATES = {"ENROUTE": 1, "DELIVRD": 2, "EXPIRED": 3, "DELETED": 4, "UNDELIV": 5, "ACCEPTD": 6, "UNKNOWN": 7,
          "REJECTD": 8}  # fmt: skip
ACKNOWLEDGED_WITHIN_S = 3.0

# 3GPP TS 23.038, 6.2.1: the default alphabet by its codes, and its extension.
ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = {0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|",
             0x65: "€"}  # fmt: skip


def read_letters(octets: bytes) -> str:
    """A text in the default alphabet; a code that isn't in it shows as ``\\x..``."""
    found, codes = "", iter(octets)
    for code in codes:
        if code == 0x1B:
            found += EXTENSION.get(next(codes, -1), "\\x1b")
        else:
            found += ALPHABET[code] if code < 128 else f"\\x{code:02x}"
    return found


def write_letters(text: str) -> bytes:
    """A text of the default alphabet, without its extension."""
    return bytes(ALPHABET.index(letter) for letter in text)


def pdu(command: int, status: int, sequence: int, body: bytes = b"") -> bytes:
    return struct.pack(">LLLL", 16 + len(body), command, status, sequence) + body


def c_string(text: str) -> bytes:
    return text.encode("latin-1") + b"\0"


def tlv(tag: int, value: bytes) -> bytes:
    return struct.pack(">HH", tag, len(value)) + value


class Reader:
    """Takes the mandatory fields of a body one after the other."""

    def __init__(self, body: bytes) -> None:
        self._rest = body

    def text(self) -> str:
        taken, found, self._rest = self._rest.partition(b"\0")
        if not found:
            raise ValueError("a string without an end")
        return taken.decode("latin-1")

    def octet(self) -> int:
        taken, self._rest = self._rest[0], self._rest[1:]
        return taken

    def octets(self, count: int) -> bytes:
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken


@dataclass
class Play:
    """What the centre has seen, and what it was told to do."""

    system_id: str
    password: str
    most_binds: int
    hexadecimal: bool
    receipts_after_s: float | None
    sent: list[dict[str, Any]] = field(default_factory=list)
    next: deque[dict[str, Any]] = field(default_factory=deque)
    binds: deque[int] = field(default_factory=deque)
    numbers: dict[str, dict[str, Any]] = field(default_factory=dict)
    mute: bool = False
    lines: list[Line] = field(default_factory=list)
    ever: int = 0
    unbound: int = 0
    enquired: int = 0
    open_now: int = 0
    most_open: int = 0
    turned_down: list[tuple[int, int]] = field(default_factory=list)
    acknowledged: list[int | None] = field(default_factory=list)
    last_id: int = 1_000_000_000
    lock: threading.Lock = field(default_factory=threading.Lock)

    def behaviour(self, to: str) -> dict[str, Any]:
        with self.lock:
            return self.next.popleft() if self.next else self.numbers.get(to, {})

    def accept(self, message: dict[str, Any]) -> tuple[str, str]:
        """Take a text; its id as it is answered, and as receipts write it."""
        with self.lock:
            self.last_id += 1
            self.open_now += 1
            self.most_open = max(self.most_open, self.open_now)
            answered = f"{self.last_id:x}" if self.hexadecimal else str(self.last_id)
            self.sent.append({"id": answered, **message})
            return answered, str(self.last_id)

    def receipt(self, its_id: str, to: str, stat: str, given: dict[str, Any] | None = None) -> int | None:
        """Deliver one receipt over any line; with what it was acknowledged."""
        given = given or {}
        err = str(given.get("err", "000"))
        text = given.get("text") or (
            f"id:{its_id} sub:001 dlvrd:001 submit date:2611221200 done date:2611221201 stat:{stat} err:{err} text:"
        )
        optional = b""
        if given.get("tlv"):
            value = c_string(its_id) if given["tlv"] != "unended" else its_id.encode()
            optional = tlv(0x1501, b"a vendor's own") + tlv(RECEIPTED_MESSAGE_ID, value)
            if stat in STATES:
                optional += tlv(MESSAGE_STATE, bytes([STATES[stat]]))
        return self.deliver(to, "", 0x04, str(text).encode("latin-1"), optional)

    def deliver(self, sender: str, to: str, esm_class: int, octets: bytes, optional: bytes = b"") -> int | None:
        body = b"".join(
            (
                c_string(""),
                bytes((1, 1)),
                c_string(sender),
                bytes((0, 1)),
                c_string(to),
                bytes((esm_class, 0, 0)),
                c_string(""),
                c_string(""),
                bytes((0, 0, 0, 0, len(octets))),
                octets,
                optional,
            )
        )
        with self.lock:
            line = next((one for one in self.lines if one.bound_as in (BIND_RECEIVER, BIND_TRANSCEIVER)), None)
        status = line.ask(DELIVER_SM, body) if line is not None else None
        self.acknowledged.append(status)
        return status


class Line:
    """One connection, read by a thread of its own."""

    def __init__(self, play: Play, connection: socket.socket) -> None:
        self._play = play
        self._socket = connection
        self._writing = threading.Lock()
        self._asked: dict[int, tuple[threading.Event, list[int]]] = {}
        self._sequence = 0
        self._number = connection.getpeername()[1]
        self.bound_as: int | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            while (head := self._exactly(16)) is not None:
                length, command, status, sequence = struct.unpack(">LLLL", head)
                body = self._exactly(length - 16)
                if body is None:
                    break
                self._answer(command, status, sequence, body)
        with self._play.lock:
            if self in self._play.lines:
                self._play.lines.remove(self)
        self.cut()

    def _exactly(self, count: int) -> bytes | None:
        found = b""
        while len(found) < count:
            piece = self._socket.recv(count - len(found))
            if not piece:
                return None
            found += piece
        return found

    def write(self, octets: bytes) -> None:
        with self._writing, contextlib.suppress(OSError):
            self._socket.sendall(octets)

    def cut(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def ask(self, command: int, body: bytes) -> int | None:
        """Ask the other side; its answer's status, or None when none came."""
        came, status = threading.Event(), list[int]()
        with self._play.lock:
            self._sequence += 1
            sequence = self._sequence
            self._asked[sequence] = came, status
        self.write(pdu(command, 0, sequence, body))
        came.wait(ACKNOWLEDGED_WITHIN_S)
        return status[0] if status else None

    def _answer(self, command: int, status: int, sequence: int, body: bytes) -> None:
        play = self._play
        if command == GENERIC_NACK:
            play.turned_down.append((sequence, status))
        if command & ANSWER:
            came, where = self._asked.pop(sequence, (None, []))
            if came is not None:
                where.append(status)
                came.set()
        elif play.mute:
            return
        elif command in BINDS:
            self.write(pdu(command | ANSWER, *self._bind(command, sequence, Reader(body))))
        elif command == ENQUIRE_LINK:
            play.enquired += 1
            self.write(pdu(command | ANSWER, 0, sequence))
        elif command == UNBIND:
            with play.lock:
                play.unbound += 1
            self.write(pdu(command | ANSWER, 0, sequence))
            self.cut()
        elif command == SUBMIT_SM and self.bound_as in (BIND_TRANSMITTER, BIND_TRANSCEIVER):
            self._submit(sequence, Reader(body))
        elif command == SUBMIT_SM:
            self.write(pdu(command | ANSWER, ESME_RINVBNDSTS, sequence))
        else:
            self.write(pdu(GENERIC_NACK, ESME_RINVCMDID, sequence))

    def _bind(self, command: int, sequence: int, read: Reader) -> tuple[int, int, bytes]:
        play, system_id, password = self._play, read.text(), read.text()
        with play.lock:
            status = play.binds.popleft() if play.binds else 0
            if not status and play.system_id and system_id != play.system_id:
                status = ESME_RINVSYSID
            elif not status and play.password and password != play.password:
                status = ESME_RINVPASWD
            elif not status and play.most_binds and len(play.lines) >= play.most_binds:
                status = ESME_RALYBND
            if not status:
                self.bound_as = command
                play.lines.append(self)
                play.ever += 1
        return status, sequence, b"" if status else c_string("standin") + tlv(0x0210, b"\x34")

    def _submit(self, sequence: int, read: Reader) -> None:
        read.text()
        source_ton, _source_npi, source = read.octet(), read.octet(), read.text()
        ton, _npi, to = read.octet(), read.octet(), read.text()
        esm_class, _protocol, _priority = read.octet(), read.octet(), read.octet()
        _schedule, _validity = read.text(), read.text()
        registered, _replace, data_coding, _default = read.octet(), read.octet(), read.octet(), read.octet()
        octets = read.octets(read.octet())
        does = self._play.behaviour(to)
        if does.get("drop_before"):
            self.cut()
            return
        if "nack" in does:
            self.write(pdu(GENERIC_NACK, int(does["nack"]), sequence))
            return
        if does.get("status"):
            self.write(pdu(SUBMIT_SM | ANSWER, int(does["status"]), sequence))
            return
        letters = octets[1 + octets[0] :] if esm_class & 0x40 and octets else octets
        message = {
            "to": to,
            "to_ton": ton,
            "from": source,
            "from_ton": source_ton,
            "message": read_letters(letters),
            "octets": octets.hex(),
            "data_coding": data_coding,
            "esm_class": esm_class,
            "registered": registered,
            "connection": self._number,
        }
        answered, receipted = self._play.accept(message)
        states = does.get("receipts", ["DELIVRD"]) if registered & 1 else []
        if does.get("early"):
            for state in states:  # not by this thread, which must read how they are acknowledged
                early = threading.Thread(target=self._play.receipt, args=(receipted, to, state), daemon=True)
                early.start()
                threading.Thread(target=self._after, args=(early, sequence, answered, does), daemon=True).start()
        elif does.get("slow"):
            threading.Timer(float(does["slow"]), self._taken, (sequence, answered, does)).start()
        else:
            self._taken(sequence, answered, does)
        if not does.get("early") and self._play.receipts_after_s is not None and states:
            threading.Thread(target=self._report, args=(receipted, to, states), daemon=True).start()

    def _after(self, first: threading.Thread, sequence: int, answered: str, does: dict[str, Any]) -> None:
        first.join()
        self._taken(sequence, answered, does)

    def _report(self, receipted: str, to: str, states: list[str]) -> None:
        time.sleep(self._play.receipts_after_s or 0.0)
        for state in states:
            self._play.receipt(receipted, to, state)

    def _taken(self, sequence: int, answered: str, does: dict[str, Any]) -> None:
        with self._play.lock:
            self._play.open_now -= 1
        if does.get("drop_after"):
            self.cut()
        elif does.get("garbage"):
            self.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
        elif not does.get("mute"):
            self.write(
                pdu(SUBMIT_SM | ANSWER, 0, sequence, c_string(answered) + bytes.fromhex(str(does.get("tlv", ""))))
            )


class Control(BaseHTTPRequestHandler):
    """What the play is told and asked."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    play: Play

    def do_GET(self) -> None:
        play = self.play
        with play.lock:
            answers: dict[str, object] = {
                "/_play/sent": list(play.sent),
                "/_play/bound": {
                    "now": len(play.lines),
                    "ever": play.ever,
                    "unbound": play.unbound,
                    "acknowledged": list(play.acknowledged),
                    "enquired": play.enquired,
                    "most_open": play.most_open,
                    "turned_down": list(play.turned_down),
                },
            }
        self._json(200 if self.path in answers else 404, answers.get(self.path, {}))

    def do_POST(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        play, what = self.play, self.path.removeprefix("/_play/")
        answer: dict[str, object] = {}
        if what == "report":
            stat = str(given.get("stat", "DELIVRD"))
            answer = {"status": play.receipt(str(given["id"]), str(given.get("to", "")), stat, given)}
        elif what == "deliver":
            octets = write_letters(str(given["text"]))
            answer = {"status": play.deliver(str(given["from"]), str(given.get("to", "")), 0, octets)}
        elif what in ("cut", "raw"):
            with play.lock:
                lines = list(play.lines)
            for line in lines:
                line.cut() if what == "cut" else line.write(bytes.fromhex(given["octets"]))
        elif what in ("script", "reset"):
            with play.lock:
                play.next = deque(given.get("next", ()))
                play.numbers = dict(given.get("numbers", {}))
                play.binds = deque(given.get("binds", ()))
                play.mute = bool(given.get("mute"))
                if what == "reset":
                    play.sent.clear()
                    play.acknowledged.clear()
                    play.turned_down.clear()
                    play.ever = play.unbound = play.enquired = play.most_open = play.open_now = 0
        else:
            self._json(404, {})
            return
        self._json(200, answer)

    def _json(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: what was sent is asked for, not read from a log."""


def main() -> None:
    """Listen until stopped."""
    arguments = argparse.ArgumentParser(description="Plays a message centre that speaks SMPP 3.4.")
    arguments.add_argument("--port", type=int, default=0, help="for SMPP; 0: any free one")
    arguments.add_argument("--control-port", type=int, default=0, help="for /_play, by HTTP; 0: any free one")
    arguments.add_argument("--system-id", default="", help="the only one that may bind; default: any")
    arguments.add_argument("--password", default="", help="the only one that is accepted; default: any")
    arguments.add_argument("--most-binds", type=int, default=0, help="lines at a time; 0: any number")
    arguments.add_argument("--hex", action="store_true", help="answers write ids in hexadecimal, receipts in decimal")
    arguments.add_argument(
        "--receipts-after", type=float, metavar="SECONDS", help="after accepting; default: only when told to"
    )
    given = arguments.parse_args()
    play = Play(given.system_id, given.password, given.most_binds, given.hex, given.receipts_after)
    Control.play = play
    control = ThreadingHTTPServer(("127.0.0.1", given.control_port), Control)
    control.daemon_threads = True
    threading.Thread(target=control.serve_forever, daemon=True).start()
    listening = socket.create_server(("127.0.0.1", given.port))
    where = f"127.0.0.1:{listening.getsockname()[1]}"
    print(f"ready {where} http://127.0.0.1:{control.server_address[1]}", flush=True)
    while True:
        Line(play, listening.accept()[0])


if __name__ == "__main__":
    main()
