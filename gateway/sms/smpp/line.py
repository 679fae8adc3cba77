"""One line to a message centre: bound for as long as it is good, read by a thread of its own, written to by any.

The library makes and reads the PDUs, and says which may be sent when. Ours is what it leaves to its user: whose answer
an answer is, when a line counts as dead, and that nothing endless is read from it. What is delivered to us is
acknowledged only once it has been taken.
"""

from __future__ import annotations

import logging
import queue
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from smpplib import client, consts, exceptions, smpp

from gateway.sms.port import TryAgain
from gateway.sms.smpp.words import SOON, Delivered, read_bind_status

log = logging.getLogger(__name__)
# At the level of debugging the library writes every PDU out, numbers and texts included.
logging.getLogger("smpplib.client").setLevel(logging.ERROR)
logging.getLogger("smpplib.command").setLevel(logging.ERROR)

LARGEST_PDU = 64 * 1024
MOST_UNTAKEN = 100  # deliveries that wait to be taken: a centre sends no more than its window, ten or so
# How a line breaks: the library's and the socket's own failures, and whatever can't be read as a PDU.
BROKEN = (exceptions.ConnectionError, exceptions.PDUError, OSError, ValueError, KeyError, IndexError, struct.error)

NOT_REACHED = TryAgain("not_reached", SOON)
# ESME_RMSGQFUL, ESME_RX_T_APPN: deliver it again later.
_LATER_FULL, _LATER_DOWN = 0x14, 0x64


@dataclass(frozen=True)
class Centre:
    """Where a message centre is, and as whom we bind to it; ``tls`` None: in clear."""

    host: str
    port: int
    system_id: str
    password: str = field(repr=False)
    system_type: str = ""
    tls: ssl.SSLContext | None = None
    connect_timeout_s: float = 3.05
    answer_timeout_s: float = 10.0
    enquire_s: float = 30.0
    # After so long a silence it is asked whether a line is still there before a text is trusted to it.
    doubt_after_s: float = 5.0


@dataclass
class Answered:
    """The answer to one PDU of ours, once ``there`` is set; no ``status``: the line broke before it came."""

    asked_at: float
    there: threading.Event = field(default_factory=threading.Event)
    status: int | None = None
    message_id: str = ""


# Takes what was delivered (and the PDU as it came): the status to acknowledge it with.
Take = Callable[[Delivered, bytes], int]


class _Client(client.Client):  # type: ignore[misc]  # the library carries no types
    """The library's client, over a socket that is read and written by different threads, in pieces of any size."""

    def __init__(self, centre: Centre) -> None:
        super().__init__(
            centre.host,
            centre.port,
            timeout=centre.connect_timeout_s,
            logger_name="smpplib.client",
            allow_unknown_opt_params=True,
        )
        self._tls = centre.tls
        self._patience_s = centre.answer_timeout_s
        self._buffer = b""
        self._one_at_a_time = threading.Lock()  # a TLS connection isn't read and written at the same moment
        self._numbering = threading.Lock()
        self.raw = b""  # the PDU that was read last

    def connect(self) -> None:
        raw = socket.create_connection((self.host, self.port), timeout=self.timeout)
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = self._tls.wrap_socket(raw, server_hostname=self.host) if self._tls else raw
        except BaseException:
            raw.close()
            raise
        self._socket.settimeout(self._patience_s)
        self.state = consts.SMPP_CLIENT_STATE_OPEN

    def next_sequence(self) -> int:
        with self._numbering:
            return int(super().next_sequence())

    def make(self, command: str, **fields: Any) -> Any:
        """A PDU with a number of its own, whoever makes another at this moment."""
        return smpp.make_pdu(command, client=self, **fields)

    def send_pdu(self, pdu: Any) -> bool:
        with self._one_at_a_time:
            return bool(super().send_pdu(pdu))

    def is_there(self, wait_s: float) -> bool:
        """Whether something to read has come within so many seconds."""
        return bool(self._buffer) or self._more(wait_s)

    def _more(self, wait_s: float) -> bool:
        found = self._socket
        if found is None:
            raise exceptions.ConnectionError("the line is closed")
        if not (isinstance(found, ssl.SSLSocket) and found.pending()):
            readable = select.poll()
            readable.register(found, select.POLLIN)
            if not readable.poll(max(0.0, wait_s) * 1000):
                return False
        with self._one_at_a_time:
            found.settimeout(0)
            try:
                piece = found.recv(65_536)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return False  # a record of TLS's own
            finally:
                found.settimeout(self._patience_s)
        if not piece:
            raise exceptions.ConnectionError("the line was closed from the other side")
        self._buffer += piece
        return True

    def _recv_exact(self, exact_size: int) -> bytes:
        if not 0 <= exact_size <= LARGEST_PDU:
            raise exceptions.PDUError("what came is no PDU")
        until = time.monotonic() + self._patience_s
        while len(self._buffer) < exact_size:
            if time.monotonic() > until:
                raise exceptions.ConnectionError("a PDU doesn't end")
            self._more(until - time.monotonic())
        taken, self._buffer = self._buffer[:exact_size], self._buffer[exact_size:]
        return taken

    def read_pdu(self) -> Any:
        head = self._recv_exact(4)
        self.raw = head + self._recv_exact(int.from_bytes(head, "big") - 4)
        pdu = parse(self.raw, self)
        if not pdu.is_error() and pdu.command in consts.STATE_SETTERS:
            self.state = consts.STATE_SETTERS[pdu.command]
        return pdu

    def hang_up(self) -> None:
        """Close the socket, whatever is being done with it."""
        self.state = consts.SMPP_CLIENT_STATE_CLOSED
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads it
            self._socket.close()


def parse(raw: bytes, of: Any = None) -> Any:
    """A PDU by the library. Of its optional parameters, those before the first that the library stumbles over."""
    pdu = smpp.make_pdu(smpp.pdu.extract_command(raw), client=of, sequence=0, allow_unknown_opt_params=True)
    as_a_whole = pdu.parse_optional_params

    def as_far_as_can_be_read(data: bytes) -> None:
        try:
            as_a_whole(data)
        except (KeyError, ValueError, struct.error):
            log.info("an optional parameter of a %s can't be read", pdu.command)

    pdu.parse_optional_params = as_far_as_can_be_read
    pdu.parse(raw)
    return pdu


def delivered_of(raw: bytes) -> Delivered:
    """What a ``deliver_sm`` holds, read from the PDU as it came; one of :data:`BROKEN` is raised for any other."""
    pdu = parse(raw)
    if pdu.command != "deliver_sm":
        raise ValueError(f"a {pdu.command} delivers nothing")
    return Delivered(
        sender=_text(pdu.source_addr),
        to=_text(pdu.destination_addr),
        octets=bytes(pdu.short_message or pdu.message_payload or b""),
        data_coding=int(pdu.data_coding or 0),
        esm_class=int(pdu.esm_class or 0),
        receipted=_text(pdu.receipted_message_id),
        state=pdu.message_state,
    )


def _text(field_of_pdu: bytes | None) -> str:
    written = (field_of_pdu or b"").partition(b"\0")[0].decode("latin-1")
    return "".join(letter for letter in written if letter.isprintable()).strip()


class Line:
    """A bound line. ``take`` is called in a thread of the line's own, one delivery after the other."""

    def __init__(self, centre: Centre, its_client: _Client, take: Take | None) -> None:
        self._centre = centre
        self._client = its_client
        self._take = take
        self._waiting: dict[int, Answered] = {}
        self._lock = threading.Lock()
        self._heard_at = time.monotonic()
        self._untaken: queue.Queue[tuple[Any, bytes] | None] = queue.Queue(MOST_UNTAKEN)
        self._closing = False
        self.alive = True
        threading.Thread(target=self._listen, name="smpp reads", daemon=True).start()
        threading.Thread(target=self._take_all, name="smpp takes", daemon=True).start()

    @classmethod
    def open(cls, centre: Centre, take: Take | None) -> Line | TryAgain:
        """Connect and bind as a transceiver; or why not, and when to try again."""
        its_client = _Client(centre)
        try:
            its_client.connect()
            answer = its_client.bind_transceiver(
                system_id=centre.system_id, password=centre.password, system_type=centre.system_type
            )
            if answer.command != "bind_transceiver_resp":
                raise exceptions.PDUError("something else than an answer to the bind")
        except (*BROKEN, exceptions.UnknownCommandError) as broken:
            its_client.hang_up()
            if isinstance(broken, exceptions.PDUError) and len(broken.args) > 1:
                return read_bind_status(int(broken.args[1]))
            log.warning("the SMPP centre was not reached: %s", type(broken).__name__)
            return NOT_REACHED
        return cls(centre, its_client, take)

    def submit(self, **fields: Any) -> Answered | None:
        """Send a text; None when it was certainly not sent whole, and the line is broken."""
        return self._ask("submit_sm", **fields)

    def is_good(self) -> bool:
        """Whether the line is there: where nothing was heard for a while, the centre is asked first."""
        if self.alive and time.monotonic() - self._heard_at > self._centre.doubt_after_s:
            asked = self._ask("enquire_link")
            if asked is None or self.wait(asked, self._centre.connect_timeout_s) is None:
                self.break_off("the SMPP centre doesn't say whether it is still there")
        return self.alive

    def wait(self, answered: Answered, timeout_s: float | None = None) -> int | None:
        """The status of an answer, waited for until its time is over; None when none came."""
        until = answered.asked_at + (self._centre.answer_timeout_s if timeout_s is None else timeout_s)
        answered.there.wait(max(0.0, until - time.monotonic()))
        return answered.status

    def close(self) -> None:
        """Unbind, as far as that can be said in a moment, and hang up."""
        if self.alive:
            self._closing = True
            asked = self._ask("unbind")
            if asked is not None:
                self.wait(asked, 1.0)
            self.break_off("")

    def _ask(self, command: str, **fields: Any) -> Answered | None:
        pdu = self._client.make(command, **fields)
        answered = Answered(time.monotonic())
        with self._lock:
            if not self.alive:
                return None
            self._waiting[pdu.sequence] = answered
        try:
            self._client.send_pdu(pdu)
        except BROKEN as broken:
            with self._lock:
                self._waiting.pop(pdu.sequence, None)
            self.break_off(f"the line to the SMPP centre is broken: {type(broken).__name__}")
            return None
        return answered

    def break_off(self, why: str) -> None:
        """The line is no good any more: whoever waits for an answer is told that none will come."""
        with self._lock:
            if not self.alive:
                return
            self.alive = False
            left, self._waiting = list(self._waiting.values()), {}
        if why and not self._closing:
            log.warning("%s", why)
        self._client.hang_up()
        for one in left:
            one.there.set()
        with suppress(queue.Full):  # then whoever takes them sees that the line is gone
            self._untaken.put_nowait(None)

    # --- what comes -------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        try:
            while self.alive:
                self._next()
        except BROKEN as broken:
            self.break_off(f"the line to the SMPP centre is broken: {type(broken).__name__}")
        except Exception:
            log.exception("the line to the SMPP centre is given up: a defect")
            self.break_off("")

    def _next(self) -> None:
        silent_s = time.monotonic() - self._heard_at
        if not self._client.is_there(max(0.05, self._centre.enquire_s - silent_s)):
            if time.monotonic() - self._heard_at >= self._centre.enquire_s:
                asked = self._client.make("enquire_link")
                self._client.send_pdu(asked)
                if not self._client.is_there(self._centre.answer_timeout_s):
                    raise exceptions.ConnectionError("nothing comes any more")
            return
        try:
            pdu = self._client.read_pdu()
        except exceptions.UnknownCommandError:
            self._heard_at = time.monotonic()
            self._reply("generic_nack", int.from_bytes(self._client.raw[12:16], "big"), consts.SMPP_ESME_RINVCMDID)
            return
        self._heard_at = time.monotonic()
        if pdu.command == "deliver_sm":
            try:
                self._untaken.put_nowait((pdu, self._client.raw))
            except queue.Full:
                self._reply("deliver_sm_resp", pdu.sequence, _LATER_FULL)
        elif pdu.command == "enquire_link":
            self._reply("enquire_link_resp", pdu.sequence)
        elif pdu.command == "unbind":
            self._reply("unbind_resp", pdu.sequence)
            self.break_off("the SMPP centre unbound us")
        elif pdu.is_response():
            with self._lock:
                answered = self._waiting.pop(pdu.sequence, None)
            if answered is not None:
                answered.status = int(pdu.status)
                answered.message_id = _text(getattr(pdu, "message_id", None))
                answered.there.set()
        elif pdu.command != "alert_notification":  # the one that has no answer
            self._reply("generic_nack", pdu.sequence, consts.SMPP_ESME_RINVCMDID)

    def _reply(self, command: str, sequence: int, status: int = consts.SMPP_ESME_ROK) -> None:
        answer = smpp.make_pdu(command, client=self._client, status=status, sequence=sequence)
        answer.sequence = sequence
        self._client.send_pdu(answer)

    def _take_all(self) -> None:
        while self.alive:
            waiting = self._untaken.get()
            if waiting is None:
                return
            pdu, raw = waiting
            try:
                status = self._take(delivered_of(raw), raw) if self._take is not None else _LATER_DOWN
            except Exception:
                log.exception("what the SMPP centre delivered is not taken: a defect")
                status = _LATER_DOWN
            try:
                self._reply("deliver_sm_resp", pdu.sequence, status)
            except BROKEN as broken:
                self.break_off(f"the line to the SMPP centre is broken: {type(broken).__name__}")
