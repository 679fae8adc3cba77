"""Several aggregators behind the one port: a text goes to the first that takes it, and after a doubt nowhere else.

What an aggregator certainly didn't take goes at once to the next. What it may have taken stays with it: only its report
can tell, and a second aggregator would send it twice. Which aggregator is left alone stands in
:mod:`gateway.sms.aggregators`; of a batch for one that is tried again, one text goes ahead.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol, runtime_checkable

from gateway.kernel.atomic import require_outside
from gateway.kernel.faults import Unavailable
from gateway.sms.aggregators import NEEDS_SOMEBODY, TRY_EVERY_S, Aggregators
from gateway.sms.port import Answer, Handed, Refused, Report, SmsPort, TryAgain, Unsure

log = logging.getLogger(__name__)

# An aggregator that takes longer than this over a request, and a little for each further text in it, is slow.
SLOW_AFTER_S, SLOW_EACH_S = 5.0, 0.05
# These pass by themselves in a moment: the text waits for that, until the aggregator counts as troubled.
BRIEF = frozenset({"throttled", "queue_full"})
# One aggregator's own refusals: another may have a way to that number.
NO_WAY = frozenset({"no_route", "unsupported_number"})
# What it left unsent because of an earlier text says nothing that the earlier one's answer doesn't.
_NOT_ITS_OWN = frozenset({"silent"})
SHORTLY = timedelta(seconds=5)
# Troubles that are over as soon as a line stands.
_OF_THE_LINE = frozenset({"not_reached", "unavailable", "bad_credentials"})


@runtime_checkable
class Listens(Protocol):
    """A port whose aggregator delivers over a line of ours."""

    def keep(self) -> TryAgain | None:
        """See to it that a line stands; why not, where it doesn't."""


class Relay:
    """The port to all aggregators, in the order in which they are wanted: their names and ports."""

    def __init__(
        self,
        aggregators: Aggregators,
        *ports: tuple[str, SmsPort],
        monotonic: Callable[[], float] = time.monotonic,
        slow_after_s: float = SLOW_AFTER_S,
    ) -> None:
        if not ports:
            raise ValueError("a relay without an aggregator")
        self._aggregators = aggregators
        self._ports = ports
        self._monotonic = monotonic
        self._slow_after_s = slow_after_s

    @property
    def reports(self) -> str:
        """The first aggregator's; whoever knows who took a message asks :meth:`port_of`."""
        return self._ports[0][1].reports

    @property
    def names(self) -> Sequence[str]:
        """The aggregators' names, in their order."""
        return [name for name, _ in self._ports]

    def port_of(self, by: str) -> SmsPort | None:
        """The port of the aggregator of this name; None for one that there is no longer."""
        return dict(self._ports).get(by)

    def read_report(self, body: bytes) -> Report | None:
        return self._ports[0][1].read_report(body)

    def wait(self) -> timedelta:
        """How long nobody is to be called for what can wait: as long as all are left alone."""
        return min(max(self._aggregators.left_alone_for(name), port.wait()) for name, port in self._ports)

    def send(self, text: str, msisdn: str) -> Answer:
        """Hand over one text that can't wait: where all are left alone, one of them is tried once a minute."""
        require_outside("an aggregator")
        [answer] = self._send(text, [msisdn])
        if isinstance(answer, TryAgain) and answer.reason == "left_alone":
            for name, port in self._ports:
                if self._may_try_early(name):
                    [answer] = self._by(name, port, text, [msisdn], trying=True)
                    if not isinstance(answer, TryAgain):
                        break
        if isinstance(answer, TryAgain):
            return TryAgain(self._why(answer), min(answer.after, timedelta(seconds=TRY_EVERY_S)))
        return answer

    def send_many(self, text: str, msisdns: Sequence[str]) -> Sequence[Answer]:
        """Hand over one text for many: each number's answer is that of the aggregator which took it, or of the last."""
        require_outside("an aggregator")
        return [
            TryAgain(self._why(one), one.after) if isinstance(one, TryAgain) else one
            for one in self._send(text, msisdns)
        ]

    def keep(self) -> None:
        """See to it that lines which deliver to us stand; what is found out of an aggregator so is noted."""
        for name, port in self._ports:
            if isinstance(port, Listens):
                trouble = self._aggregators.trouble(name)
                if trouble is not None and trouble.needs_somebody and self._aggregators.left_alone_for(name):
                    continue  # a wrong password isn't tried every few seconds
                refused = port.keep()
                if refused is not None:
                    self._aggregators.failed(name, refused.reason, another=self._another(name))
                elif trouble is not None and trouble.reason in _OF_THE_LINE:
                    self._aggregators.answered(name, trying=True)

    def _send(self, text: str, msisdns: Sequence[str]) -> list[Answer]:
        answers: list[Answer | None] = [None] * len(msisdns)
        left = list(range(len(msisdns)))
        for name, port in self._ports:
            if not left:
                break
            trouble = self._aggregators.trouble(name)
            trying = trouble is not None and trouble.until is not None
            if trying and (self._aggregators.left_alone_for(name) or not self._may_try(name)):
                continue
            # One goes ahead: a hundred texts into a silence would be a hundred of which nobody knows.
            ahead, rest = (left[:1], left[1:]) if trying else (left, [])
            self._hand_over(name, port, text, msisdns, ahead, answers, trying=trying)
            if rest and not self._aggregators.left_alone_for(name):
                self._hand_over(name, port, text, msisdns, rest, answers, trying=False)
            left = [place for place in left if self._goes_on(name, answers[place])]
        return [self._nobody() if one is None else one for one in answers]

    def _hand_over(
        self, name: str, port: SmsPort, text: str, msisdns: Sequence[str], places: Sequence[int],
        answers: list[Answer | None], *, trying: bool,
    ) -> None:  # fmt: skip
        given = self._by(name, port, text, [msisdns[place] for place in places], trying=trying)
        for place, answer in zip(places, given, strict=True):
            answers[place] = answer

    def _may_try(self, name: str) -> bool:
        try:
            return self._aggregators.may_try(name)
        except Unavailable:
            return False

    def _may_try_early(self, name: str) -> bool:
        try:
            return self._aggregators.may_try_early(name)
        except Unavailable:
            return False

    def _by(self, name: str, port: SmsPort, text: str, msisdns: Sequence[str], *, trying: bool) -> Sequence[Answer]:
        """What one aggregator answers, and what that says of it."""
        begun = self._monotonic()
        answers = port.send_many(text, msisdns) if len(msisdns) > 1 else [port.send(text, msisdns[0])]
        took_s = self._monotonic() - begun
        trouble = trouble_in(answers)
        if trouble is None and took_s > self._slow_after_s + SLOW_EACH_S * len(msisdns):
            trouble = "slow"
        try:
            if trouble is None:
                self._aggregators.answered(name, trying=trying)
            else:
                self._aggregators.failed(name, trouble, trying=trying, another=self._another(name))
        except Unavailable as down:  # the answers are what counts: they must not be lost over it
            log.warning("how aggregator %s answers can't be kept: %s", name, down)
        except Exception:
            log.exception("how aggregator %s answers is not kept: a defect", name)
        return answers

    def _goes_on(self, name: str, answer: Answer | None) -> bool:
        """Whether a text goes to the next aggregator: it was certainly not taken, and won't be in a moment."""
        if isinstance(answer, Refused):
            return answer.reason in NO_WAY
        if not isinstance(answer, TryAgain):
            return answer is None
        return answer.reason not in BRIEF or bool(self._aggregators.left_alone_for(name))

    def _another(self, name: str) -> bool:
        return any(one != name and not self._aggregators.left_alone_for(one) for one, _ in self._ports)

    def _nobody(self) -> TryAgain:
        return TryAgain("left_alone", max(self.wait(), SHORTLY))

    def _why(self, answer: TryAgain) -> str:
        """Why nobody took a text: where all are left alone, why the first one is."""
        trouble = self._aggregators.trouble(self._ports[0][0]) if answer.reason == "left_alone" else None
        return trouble.reason if trouble is not None else answer.reason


def trouble_in(answers: Sequence[Answer]) -> str | None:
    """What a request's answers say of an aggregator: None when it works.

    What waits for a person stands before all, then silence. Otherwise one text that was taken or refused is an answer,
    whatever became of the others.
    """
    reasons = [one.reason for one in answers if isinstance(one, TryAgain) and one.reason not in _NOT_ITS_OWN]
    for_a_person = [one for one in reasons if one in NEEDS_SOMEBODY]
    if for_a_person:
        return for_a_person[0]
    doubts = {one.reason for one in answers if isinstance(one, Unsure)}
    if "no_answer" in doubts:
        return "no_answer"
    if any(isinstance(one, Handed | Refused) for one in answers):
        return None
    if doubts:
        return "unclear"
    return reasons[0] if reasons else None
