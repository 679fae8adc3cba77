"""The SMS aggregator: it takes texts, loses answers, and reports out of order. ``inbox`` is what phones really got."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta

from gateway.kernel.atomic import require_outside
from gateway.sms.port import Answer, Handed, News, Refused, Report, TryAgain, Unsure
from simulation.machine import Machine

_WORDS = {word.value: word for word in News}


class Aggregator:
    """Behind the port of SMS."""

    reports = "simulated.delivery"

    def __init__(self, machine: Machine, deliver: Callable[[Report], None]) -> None:
        self._machine = machine
        self._deliver = deliver
        self._ids = 0
        self.inbox: dict[str, list[str]] = defaultdict(list)

    def send(self, text: str, msisdn: str) -> Answer:
        require_outside("sms")
        machine, chance = self._machine, self._machine.chance
        machine.may_die("worker killed in a call", 0.5)
        machine.pass_time(chance.seconds(0.05, 1))
        if chance.hit("sms busy"):
            return TryAgain("busy", timedelta(seconds=5))
        if chance.hit("sms refused", 0.2):
            return Refused("no such number")
        if chance.hit("sms order lost"):
            return Unsure("silence")
        self._ids += 1
        its_id = f"S{self._ids}"
        self.inbox[msisdn].append(text)
        self._report(Report(its_id, News.DELIVERED, "Success", None, msisdn))
        machine.may_die("worker killed in a call", 0.5)
        return Unsure("silence") if chance.hit("sms answer lost") else Handed(its_id, None)

    def send_many(self, text: str, msisdns: Sequence[str]) -> Sequence[Answer]:
        return [self.send(text, one) for one in msisdns]

    def wait(self) -> timedelta:
        return timedelta(0)

    def _report(self, report: Report) -> None:
        chance = self._machine.chance
        if chance.hit("report lost"):
            return
        for _ in range(2 if chance.hit("report repeated") else 1):
            delay = 0.01 if chance.hit("report early") else chance.seconds(1, 600)
            self._machine.after(delay, "a report", lambda: self._deliver(report))

    def read_report(self, body: bytes) -> Report | None:
        fields = json.loads(body)
        return Report(fields["id"], _WORDS[fields["news"]], fields["word"], None, fields["msisdn"])


def write_report(report: Report) -> bytes:
    """A report as it is posted to us."""
    return json.dumps(
        {"id": report.aggregator_id, "news": report.news.value, "word": report.word, "msisdn": report.msisdn}
    ).encode()
