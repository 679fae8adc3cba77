"""Africa's Talking's stand-in in a process of its own, and the numbers that the SMS tests use."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from gateway.sms.africastalking import AfricasTalking
from gateway.sms.port import Answer, Report

SECRET = "0123456789abcdef"
NUMBER = "+2290100000001"
READ_TIMEOUT_S = 0.6
LOST = {"slow": READ_TIMEOUT_S + 0.3}  # taken, but the answer comes too late

# For rows of which PostgreSQL would say nothing new: what differs between the two is tested on both.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class StandIn:
    """The stand-in's process and its controls."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "gateway.standins.africastalking", "--port", "0", *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        word, self.url = self._process.stdout.readline().split()
        assert word == "ready"

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()

    def sent(self) -> list[dict[str, Any]]:
        """What it accepted, oldest first."""
        with urllib.request.urlopen(f"{self.url}/_play/sent", timeout=5) as answer:
            return list(json.load(answer))

    def script(self, *behaviours: dict[str, Any]) -> None:
        """What happens to the next calls; after them all is well again."""
        self.play("script", {"next": behaviours})

    def play(self, what: str, given: dict[str, Any]) -> dict[str, Any]:
        data = json.dumps(given).encode()
        with urllib.request.urlopen(f"{self.url}/_play/{what}", data=data, timeout=5) as answer:
            return dict(json.load(answer))


@dataclass
class Around:
    """The real port, with something happening between its answer and our recording it."""

    port: AfricasTalking
    after: Callable[[Answer], object]
    reports: str = "at.delivery"

    def send(self, text: str, msisdn: str) -> Answer:
        answer = self.port.send(text, msisdn)
        self.after(answer)
        return answer

    def send_many(self, text: str, msisdns: Sequence[str]) -> Sequence[Answer]:
        return [self.send(text, one) for one in msisdns]

    def wait(self) -> timedelta:
        return timedelta(0)

    def read_report(self, body: bytes) -> Report | None:
        return self.port.read_report(body)
