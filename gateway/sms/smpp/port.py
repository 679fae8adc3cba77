"""The port to a message centre by SMPP: texts go over one kept line, several at a time, each with its own answer.

What decides is whether a text can have left. A line that couldn't be had, or that broke while a text was being
written: it didn't, and the text may go again, here or elsewhere. A text that left and has no answer: nobody knows.
"""

from __future__ import annotations

import atexit
import itertools
import logging
import random
import re
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial

from gateway.kernel.atomic import require_outside
from gateway.sms.gsm7 import fold
from gateway.sms.port import Answer, Handed, Refused, Report, TryAgain, Unsure
from gateway.sms.smpp.letters import in_parts
from gateway.sms.smpp.line import NOT_REACHED, Answered, Centre, Line
from gateway.sms.smpp.taking import RECEIPTS, read_kept, take
from gateway.sms.smpp.words import NAME, SOON, Delivered, answered_id, read_status
from gateway.store.unit import Store

log = logging.getLogger(__name__)

WINDOW = 10
# After one of these, and after silence, the texts that haven't left stay where they are.
_STOPS = frozenset({"throttled", "queue_full", "no_credit", "bad_credentials", "not_bound"})
_SILENT = TryAgain("silent", SOON)  # the centre left an earlier text without an answer
_WANT_REPORT, _JOINED = 1, 0x40


@dataclass(frozen=True)
class Price:
    """What a centre bills for each part, in whole units of a currency; SMPP's answers don't say it."""

    each: Decimal
    currency: str

    def of(self, parts: int) -> str | None:
        """In the wording of :func:`gateway.sms.costs.read_cost`; None where no price is known."""
        return f"{self.currency} {self.each * parts:.4f}" if self.each else None


@dataclass
class _Sent:
    """A text that has left, in one part or several: where it stands among those asked for, and its answers to come."""

    place: int
    answers: list[Answered]
    parts: int


class Smpp:
    """The port. With a ``store``, what the centre delivers is taken; without, it is left to another line."""

    reports = RECEIPTS

    def __init__(
        self,
        centre: Centre,
        store: Store | None = None,
        *,
        sender: str = "",
        price: Price | None = None,
        ids: str = "same",
        no_credit: frozenset[int] = frozenset(),
        window: int = WINDOW,
    ) -> None:
        self._centre = centre
        self._take = partial(_taken, store, ids) if store is not None else None
        self._source = _source(sender)
        self._price = price
        self._ids = ids
        self._no_credit = no_credit
        self._window = threading.Semaphore(window)  # of the line, whoever sends over it
        self._line: Line | None = None
        self._opening = threading.Lock()
        # Joined parts bear a number that the last texts to the same phone didn't.
        self._references = itertools.cycle(random.sample(range(256), 256))
        atexit.register(self.close)

    def send(self, text: str, msisdn: str) -> Answer:
        """Hand over one text."""
        [answer] = self.send_many(text, [msisdn])
        return answer

    def send_many(self, text: str, msisdns: Sequence[str]) -> Sequence[Answer]:
        """Hand over one text for many numbers, with so many unanswered at a time as the window has."""
        require_outside("the SMPP centre")
        line = self._good_line()
        if isinstance(line, TryAgain):
            return [line] * len(msisdns)
        return _Batch(self, line, in_parts(fold(text), next(self._references)), msisdns).send()

    def keep(self) -> TryAgain | None:
        """See to it that a line is bound, so that receipts come while nobody sends; why not, where none is."""
        require_outside("the SMPP centre")
        line = self._good_line()
        return line if isinstance(line, TryAgain) else None

    def close(self) -> None:
        """Unbind, if bound; the next text binds again."""
        # Whoever is opening a line this very moment, as the process ends, isn't waited for long.
        ours = self._opening.acquire(timeout=1.0)
        line, self._line = self._line, None
        if ours:
            self._opening.release()
        if line is not None:
            line.close()

    def wait(self) -> timedelta:
        return timedelta(0)

    def read_report(self, body: bytes) -> Report | None:
        return read_kept(body, self._ids)

    def _good_line(self) -> Line | TryAgain:
        with self._opening:
            if self._line is None or not self._line.is_good():
                opened = Line.open(self._centre, self._take)
                if isinstance(opened, TryAgain):
                    self._line = None
                    return opened
                self._line = opened
            return self._line

    # --- one batch -----------------------------------------------------------------------------------------------

    def submit(self, line: Line, piece: bytes, msisdn: str, *, joined: bool, last: bool) -> Answered | None:
        ton, npi, sender = self._source
        return line.submit(
            source_addr_ton=ton,
            source_addr_npi=npi,
            source_addr=sender,
            dest_addr_ton=1,  # international
            dest_addr_npi=1,
            destination_addr=msisdn.removeprefix("+"),
            esm_class=_JOINED if joined else 0,
            # The last part's receipt stands for the text: there is one id for it, and one state.
            registered_delivery=_WANT_REPORT if last else 0,
            data_coding=0,
            short_message=piece,
        )

    def read(self, line: Line, sent: _Sent) -> Answer:
        """What became of a text by the answers to its parts."""
        answers = [self._read_part(line, one) for one in sent.answers]
        taken = [one for one in answers if isinstance(one, Handed)]
        if len(taken) == sent.parts:
            cost = self._price.of(sent.parts) if self._price else None
            return Handed(taken[-1].aggregator_id, cost, NAME)
        if taken:
            return Unsure("half_sent", NAME)
        unsure = [one for one in answers if isinstance(one, Unsure)]
        return (unsure or answers or [NOT_REACHED])[0]

    def _read_part(self, line: Line, answered: Answered) -> Answer:
        status = line.wait(answered)
        if status is None:
            log.warning("the SMPP centre did not answer")
            return Unsure("no_answer", NAME)
        if status:
            return read_status(status, self._no_credit)
        return Handed(answered_id(answered.message_id, self._ids) or None, None, NAME)

    def enter(self, under_way: bool) -> bool:
        """Take a place in the window. Who has texts under way is told that there is none; who hasn't waits for one."""
        return self._window.acquire(blocking=not under_way)

    def leave(self) -> None:
        """Give the place back."""
        self._window.release()


class _Batch:
    """One text on its way to many."""

    def __init__(self, port: Smpp, line: Line, pieces: Sequence[bytes], msisdns: Sequence[str]) -> None:
        self._port = port
        self._line = line
        self._pieces = pieces
        self._msisdns = msisdns
        self._answers: list[Answer | None] = [None] * len(msisdns)
        self._under_way: deque[_Sent] = deque()
        self._places = 0  # in the window, that are ours
        self._rest: TryAgain | None = None  # why nothing more is sent

    def send(self) -> list[Answer]:
        try:
            self._send()
        finally:
            while self._places:  # none is left, unless something failed that never should
                self._leave()
        return [self._rest or NOT_REACHED if one is None else one for one in self._answers]

    def _send(self) -> None:
        for place, msisdn in enumerate(self._msisdns):
            if not re.fullmatch(r"\+[1-9]\d{6,14}", msisdn):
                self._answers[place] = Refused("bad_number")
                continue
            while self._rest is None and not self._port.enter(bool(self._under_way)):
                self._finish()
            if self._rest is not None:
                break
            self._places += 1
            self._under_way.append(_Sent(place, list(self._parts_to(msisdn)), len(self._pieces)))
            while self._under_way and self._is_answered(self._under_way[0]):
                self._finish()
        while self._under_way:
            self._finish()

    def _leave(self) -> None:
        self._places -= 1
        self._port.leave()

    @staticmethod
    def _is_answered(sent: _Sent) -> bool:
        return all(one.there.is_set() for one in sent.answers)

    def _parts_to(self, msisdn: str) -> Iterator[Answered]:
        for number, piece in enumerate(self._pieces, 1):
            last = number == len(self._pieces)
            answered = self._port.submit(self._line, piece, msisdn, joined=len(self._pieces) > 1, last=last)
            if answered is None:
                self._rest = NOT_REACHED
                return
            yield answered

    def _finish(self) -> None:
        sent = self._under_way.popleft()
        answer = self._answers[sent.place] = self._port.read(self._line, sent)
        self._leave()
        if isinstance(answer, Unsure) and answer.reason == "no_answer":
            self._rest = self._rest or (_SILENT if self._line.alive else NOT_REACHED)
        elif isinstance(answer, TryAgain) and answer.reason in _STOPS:
            self._rest = self._rest or answer
            if answer.reason == "not_bound":
                self._line.break_off("the SMPP centre says that we aren't bound")


def _taken(store: Store, ids: str, delivered: Delivered, raw: bytes) -> int:
    return take(store, delivered, raw, ids)


def _source(sender: str) -> tuple[int, int, str]:
    """Type of number, numbering plan and address of who sends: a number, a short code, a name, or the centre's own."""
    if re.fullmatch(r"\+\d{7,15}", sender):
        return 1, 1, sender[1:]
    if re.fullmatch(r"\d{1,8}", sender):
        return 3, 0, sender
    return (5, 0, sender) if sender else (0, 0, "")
