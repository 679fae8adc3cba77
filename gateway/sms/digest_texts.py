"""The texts that tell a treasurer of many payments at once, and of money that waits to be identified: one part each.

Pure like those in :mod:`gateway.sms.texts`. How the payments came is left out where all doesn't fit, then what stands
on suspense; what came, what went back, and a ledger that doesn't agree never are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.kernel.money import Money
from gateway.locale import Say
from gateway.sms.gsm7 import fold
from gateway.sms.texts import WAYS, first_that_fits


@dataclass(frozen=True)
class Day:
    """What came on a whole day: by the payments themselves, and by the ledger's lines."""

    payments: Money
    ledger: Money


@dataclass(frozen=True)
class Digest:
    """What came since the last digest, in one currency.

    ``since`` is written as people there write it; ``ways``: the sum of each way by which something came; ``back``: what
    operators or colleagues took back; ``given``: what people gave back; ``suspense``: what stands there now, how many
    and how much; ``day``: the control of a whole day, where the digest is of one.
    """

    since: str
    count: int
    came: Money
    ways: Mapping[str, Money]
    back: Money
    given: Money
    suspense: tuple[int, Money] | None = None
    day: Day | None = None


def digest(say: Say, told: Digest) -> str:
    """To a treasurer: what came since the last digest, by which way, what went back, and whether the ledger agrees."""
    opening = _opening(say, told)
    back = say("Taken back: {amount}.", amount=told.back) if told.back else ""
    given = say("Given back: {amount}.", amount=told.given) if told.given else ""
    waits = _waits(say, told)
    ledger, short = _ledger(say, told)
    gone = told.back + told.given
    out = say("Gone back: {amount}.", amount=gone) if gone else ""
    return first_that_fits(
        (opening, _ways(say, told), back, given, waits, ledger),
        (opening, back, given, waits, ledger),
        (opening, back, given, ledger),
        (opening, out, ledger),
        (opening, out, short),
    )


def _opening(say: Say, told: Digest) -> str:
    if not told.count:
        return say("Since {since}: no payment.", since=told.since)
    return say.many(
        "Since {since}: {count} payment, {amount}.",
        "Since {since}: {count} payments, {amount}.",
        told.count, since=told.since, amount=told.came,
    )  # fmt: skip


def _ways(say: Say, told: Digest) -> str:
    """``By phone 3 000 F, cash 1 500 F.``; where all came by one way, that way alone."""
    shown = [(say(WAYS[way]), amount) for way, amount in told.ways.items() if amount]
    if len(shown) == 1:
        text = shown[0][0]
    else:
        text = ", ".join(f"{way} {say.show(amount)}" for way, amount in shown)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _waits(say: Say, told: Digest) -> str:
    if told.suspense is None or not told.suspense[0]:
        return ""
    count, amount = told.suspense
    return say("To identify: {count}, {amount}.", count=count, amount=amount)


def _ledger(say: Say, told: Digest) -> tuple[str, str]:
    """What the ledger says of the day, and the shortest way to say it."""
    day = told.day
    if day is None:
        return "", ""
    if day.payments == day.ledger:
        agrees = say("The ledger agrees.")
        if day.payments == told.came:
            return agrees, agrees
        return say("Whole day: {amount}, as in the ledger.", amount=day.payments), agrees
    short = say("The ledger does NOT agree: {amount}.", amount=day.ledger)
    if day.payments == told.came:
        return short, short
    return say("Whole day: {amount}. The ledger does NOT agree: {ledger}.", amount=day.payments,
               ledger=day.ledger), short  # fmt: skip


def still_waits(say: Say, count: int, amount: Money) -> str:
    """To a treasurer, each morning: money has stood on suspense for longer than a day."""
    sentences = (
        say.many(
            "To identify for more than a day: {count} payment, {amount}.",
            "To identify for more than a day: {count} payments, {amount} in all.",
            count, amount=amount,
        ),
        say("It counts for nobody until somebody says whose it is."),
    )  # fmt: skip
    return fold(" ".join(sentences))


def twin(say: Say, case: str, amount: Money, number: str) -> str:
    """To a treasurer: one transaction of an operator's turned up twice, and not as the same."""
    sentences = (
        say("Case {case}: payment {number} of {amount} came twice, not the same.", case=case, number=number,
            amount=amount),
        say("Compare it with the operator's statement."),
    )  # fmt: skip
    return first_that_fits(sentences, sentences[:1])
