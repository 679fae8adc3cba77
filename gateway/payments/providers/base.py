"""The port to a mobile-money operator: an operator's answer is a value, never an exception.

An order's key is made and saved by us before :meth:`Provider.ask` is called; whatever the answer, the same key finds
the order again. Only four things are ever decided by an operator's answer: it took the order, it refused it, it was
paid, or it doesn't know the key. Everything else is :class:`Unclear` and has :meth:`Provider.find` as its way out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from gateway.kernel.masking import mask_number
from gateway.kernel.money import Money

MAX_SAID = 200

# What an operator writes is free text: a number may stand in it spaced, dotted or glued to a word. Dates are masked
# with it, which costs nothing here.
_DIGITS = re.compile(r"\+?\d(?:[ .\-/()]{0,2}\d){6,}")


class Reason(StrEnum):
    """Why there is no money, in our words; stored, so a value never changes its meaning."""

    INSUFFICIENT = "insufficient"  # the wallet holds too little
    REJECTED = "rejected"  # the payer said no
    EXPIRED = "expired"  # the payer didn't answer the prompt in time
    LIMIT = "limit"  # a limit of the wallet is reached
    NO_WALLET = "no_wallet"  # the number has no wallet with this operator
    NOT_ALLOWED = "not_allowed"  # the payer's wallet may not pay this payee
    UNAVAILABLE = "unavailable"  # the operator could not do it now
    CONFIGURATION = "configuration"  # our account, keys, address or request are wrong: wake the administrator
    AMOUNT = "amount"  # the operator doesn't take this amount or currency
    OTHER = "other"  # the operator's own word, kept verbatim in ``said``


@dataclass(frozen=True)
class Order:
    """A request that one wallet pays one amount.

    ``key`` is our UUID of version 4; ``payer`` is E.164; ``card`` is the household's card number, digits only, which
    payer and payee read as the reference; ``country`` is ISO alpha-2; ``callback_url`` is where the operator may
    notify us about this order, or None to be told nothing. ``handle`` is what :class:`Accepted` gave: how the operator
    names the order itself, for those that can't be asked by our key; ``environment`` is the provider's own word for the
    payer's operator or country, as the plan of operators has it.
    """

    key: str
    payer: str
    amount: Money
    card: str
    country: str
    callback_url: str | None = None
    handle: str | None = None
    environment: str = ""


@dataclass(frozen=True)
class Accepted:
    """The operator holds the order (from this call or an earlier one with the same key); the payer decides now.

    ``handle`` (at most 200 characters, no secret of ours) is how the operator names the order, where it has to be asked
    by that name; ``link`` is where the payer pays, where no prompt comes to their phone: it is sent to them by SMS.
    ``token`` (at most 200 characters) is what the operator's notices about this order will bear, where it says so.
    """

    said: str
    handle: str | None = None
    link: str | None = None
    token: str | None = None


@dataclass(frozen=True)
class Refused:
    """Nothing was or will be debited for this key as far as the operator knows; money may still come late.

    From ``ask``: nothing was begun. From ``find``: the operator's final word for now; a later Paid overrides it.
    """

    reason: Reason
    said: str


@dataclass(frozen=True)
class Unclear:
    """We don't know; never a failure, never a success.

    ``reason`` is a stable word of ours (``unreached``, ``no-answer``, ``busy``, ``unreadable``, ``unknown-word``,
    ``mismatch``, ``failed``; and, where the operator is well, ``not-ready`` for us, ``payer-busy`` with something else,
    ``no-handle`` to ask by). From ``ask``: with ``safe_to_ask_again_after_s`` set, it is certain that nothing was
    begun, and the same order may be asked again, with the same key, after that many seconds; with None, ``find`` must
    be asked first. From ``find``: nothing is ever begun by it; the figure says how long to leave the operator alone,
    None leaves that to the caller.
    """

    reason: str
    said: str
    safe_to_ask_again_after_s: float | None = None


@dataclass(frozen=True)
class Paid:
    """The payer's money has moved. ``amount`` is what really moved, which may differ from what was ordered.

    ``operator_id`` is the operator's own number of the transaction, never empty; ``payer`` is E.164 when told;
    ``at`` is the operator's time of it when told, aware, in UTC.
    """

    amount: Money
    operator_id: str
    payer: str | None
    said: str
    at: datetime | None = None


@dataclass(frozen=True)
class Waiting:
    """The operator holds the order and it is not decided."""

    said: str


@dataclass(frozen=True)
class NotFound:
    """The operator doesn't know the key: the order never arrived there, and may be asked again with the same key."""

    said: str


AskAnswer = Accepted | Refused | Unclear
FindAnswer = Paid | Refused | Waiting | NotFound | Unclear


@dataclass(frozen=True)
class Hint:
    """What a notice claims; it decides nothing. ``key`` is our order's key when the notice names one.

    ``handle`` is the operator's own name of the order, where it has to be asked by that name: an order whose answer was
    lost has no handle, and gets it from the notice that came to its address. ``trusted`` says that a signature of the
    operator's held over the whole notice, just now. ``token`` is what it bears of what the operator gave with the
    order: one that bears another is forged.
    """

    key: str | None
    said: str
    handle: str | None = None
    trusted: bool = False
    token: str | None = None


class BadNotice(Exception):
    """A notice that can't be one of this operator's: unreadable, too large, or its signature doesn't hold."""


@dataclass(frozen=True)
class NoticeAnswer:
    """What a notice that was stored is answered with."""

    status: int = 200
    content_type: str | None = None
    body: bytes = b""


class Provider(Protocol):
    """Asks a wallet for money. Answers are values; only a defect of this program raises.

    Both calls touch the network and raise :class:`~gateway.kernel.faults.NetworkInsideTransaction` inside a
    transaction. They are safe to call from several threads.
    """

    @property
    def name(self) -> str:
        """The word for this provider in the database, in callback addresses and in commands."""

    def ask(self, order: Order) -> AskAnswer:
        """Ask the payer for the money; asking again with the same key never debits twice."""

    def find(self, order: Order) -> FindAnswer:
        """What became of an order, asked for by its key, or by its handle where the operator gave one."""

    def read(self, content_type: str, body: bytes, headers: Mapping[str, str]) -> Hint:
        """Read a notice that arrived from outside, without the network; raises :class:`BadNotice`."""


@runtime_checkable
class AnswersNotices(Protocol):
    """A provider whose operator expects another answer to its notices than an empty 200."""

    def answer(self, body: bytes) -> NoticeAnswer:
        """What this notice is answered with once it is stored, whatever it is: never raises, makes no call.

        It says "we have it" and nothing else: it tells neither that an order is known nor what became of it.
        """


@dataclass(frozen=True)
class Repayment:
    """A request that an operator gives money back: of ``order``, which was paid as ``operator_id``, this ``amount``.

    ``key`` is our UUID of version 4 for the giving back, made and saved before anything is sent; ``handle`` is what
    :class:`Accepted` gave for it.
    """

    key: str
    order: Order
    operator_id: str
    amount: Money
    handle: str | None = None


@runtime_checkable
class Refunder(Protocol):
    """A provider that gives money back by itself. The rules of :class:`Provider` hold for both calls.

    ``Paid`` says that the payer has it back; ``Refused`` that they won't; ``NotFound`` that it never arrived there.
    """

    def give_back(self, repayment: Repayment) -> AskAnswer:
        """Ask the operator to give the money back; asking again with the same key never gives it twice."""

    def find_back(self, repayment: Repayment) -> FindAnswer:
        """What became of it."""


@dataclass(frozen=True)
class Availability:
    """Whether an operator, by the provider's own word for it, can be asked now, as the provider says of itself.

    ``up`` is None when the provider says it in a word that isn't known: that changes nothing, and is shouted.
    """

    environment: str
    up: bool | None
    said: str


@runtime_checkable
class SaysAvailable(Protocol):
    """A provider that tells which of its operators work. The rules of :class:`Provider` hold."""

    def available(self) -> Sequence[Availability] | Unclear:
        """What works now, of all that this installation may ask."""


@dataclass(frozen=True)
class Connected:
    """A provider that this installation has keys for; ``environments`` it serves with them, None for all it knows."""

    provider: Provider
    environments: frozenset[str] | None = None

    def serves(self, environment: str) -> bool:
        """Can it ask wallets of this environment?"""
        return self.environments is None or environment in self.environments


def keep_said(text: str) -> str:
    """An operator's own words as they may be stored and logged: one line of at most 200 characters, numbers masked."""
    one_line = " ".join("".join(c if c.isprintable() else " " for c in text[: 10 * MAX_SAID]).split())
    return _DIGITS.sub(lambda found: mask_number(found[0]), one_line)[:MAX_SAID]
