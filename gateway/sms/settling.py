"""What follows for a phone when a message to it is settled: it is alive, it fails once more, or it wants no more."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from gateway.kernel.msisdn import BadMsisdn, read_caller
from gateway.membership.households import stop_sms
from gateway.sms.failing import count_failures, forgive
from gateway.sms.optout import OPTED_OUT
from gateway.store.unit import Unit


@dataclass(frozen=True)
class Settled:
    """A message that has just come to a state, and why."""

    msisdn: str
    state: str
    reason: str | None


_TOLD = frozenset({"failed", "uncertain"})  # uncertain: of a first try, and the second was turned down


def follow(unit: Unit, settled: Iterable[Settled]) -> None:
    """Draw the consequences, in the transaction that settles the messages.

    Who opted out at the aggregator has stopped SMS as if they had said so to us.
    """
    every = [one for one in settled if one.msisdn]
    failed = [one for one in every if one.state == "failed"]
    count_failures(unit, [(one.msisdn, one.reason) for one in failed])
    for msisdn in sorted({one.msisdn for one in every if one.reason == OPTED_OUT and one.state in _TOLD}):
        stop_sms(unit, msisdn, stopped=True)
    forgive(unit, [one.msisdn for one in every if one.state == "delivered"])


def heard_from(unit: Unit, sender: str) -> None:
    """An SMS came from a number, or from a name or a short code: whoever writes is there."""
    with suppress(BadMsisdn):
        forgive(unit, [read_caller(sender)])
