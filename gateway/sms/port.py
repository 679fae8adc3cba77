"""What an SMS aggregator is to us: it takes a text for a number, answers with a value, and reports on it later."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Protocol

log = logging.getLogger(__name__)

# Waiting for somebody to act (top up, correct a setting): often enough to go on soon after, too rare to be a load.
UNTIL_SOMEBODY_ACTS = timedelta(minutes=15)


@dataclass(frozen=True)
class Handed:
    """The aggregator has accepted the message. ``cost`` is its own wording ("XOF 12.0000"), ``by`` its name."""

    aggregator_id: str | None
    cost: str | None
    by: str = ""


@dataclass(frozen=True)
class Refused:
    """The aggregator will not send it, now or later; ``reason`` is a stable word."""

    reason: str


@dataclass(frozen=True)
class TryAgain:
    """It was certainly not accepted: the same message may be handed over again, no sooner than ``after``."""

    reason: str
    after: timedelta


@dataclass(frozen=True)
class Unsure:
    """It may have been accepted or not, by the aggregator of this name; only a report can tell."""

    reason: str
    by: str = ""


Answer = Handed | Refused | TryAgain | Unsure


class News(Enum):
    """What a report says of a message."""

    ON_ITS_WAY = "on its way"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"  # a word that we don't know: it is kept, nothing follows from it


@dataclass(frozen=True)
class Report:
    """An aggregator's report: ``word`` is its status as it came, ``reason`` why it failed, ``msisdn`` who it is for."""

    aggregator_id: str
    news: News
    word: str
    reason: str | None
    msisdn: str | None


class SmsPort(Protocol):
    """Hands texts to an aggregator, outside of any transaction. An answer is a value, never an exception."""

    @property
    def reports(self) -> str:
        """The source under which its delivery reports stand among the notices."""

    def send(self, text: str, msisdn: str) -> Answer:
        """Hand over a folded text for an E.164 number."""

    def send_many(self, text: str, msisdns: Sequence[str]) -> Sequence[Answer]:
        """Hand over one folded text for many E.164 numbers, none of them twice: an answer for each, in their order."""

    def wait(self) -> timedelta:
        """How long nobody is to be called for what can wait; zero when they may be."""

    def read_report(self, body: bytes) -> Report | None:
        """The report in a notice's body, or None when it holds none."""


class NoSms:
    """Stands where no aggregator is configured: messages wait, and are sent once there is one."""

    reports = ""

    def __init__(self) -> None:
        log.warning("no SMS aggregator is configured: messages are kept and wait")

    def send(self, text: str, msisdn: str) -> Answer:
        return TryAgain("no_aggregator", UNTIL_SOMEBODY_ACTS)

    def send_many(self, text: str, msisdns: Sequence[str]) -> Sequence[Answer]:
        return [self.send(text, one) for one in msisdns]

    def wait(self) -> timedelta:
        return UNTIL_SOMEBODY_ACTS

    def read_report(self, body: bytes) -> Report | None:
        return None
