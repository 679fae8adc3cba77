"""The operator: it holds the wallets, keeps its own books, and answers as operators do on their worst days.

One operator with three faces, for there are three ways to ask an operator what became of an order: by our key, by its
own name of the order (``handle``), and by a link that the payer opens.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from gateway.kernel.atomic import require_outside
from gateway.kernel.money import Money
from gateway.payments.providers.base import (
    Accepted,
    AskAnswer,
    BadNotice,
    FindAnswer,
    Hint,
    NotFound,
    Order,
    Paid,
    Reason,
    Refused,
    Repayment,
    Unclear,
    Waiting,
)
from simulation.machine import Machine

Face = Literal["key", "handle", "link"]
PROMPT_S = 300.0  # how long a prompt stands on a phone
DAY_S = 86_400.0


@dataclass
class Transaction:
    """Money that moved, as the operator's books have it."""

    number: str
    amount: Money
    payer: str
    at: datetime
    key: str | None  # our key, where it was asked for
    card: str | None  # what the payer typed, where they paid of themselves
    taken_back: bool = False


@dataclass
class Held:
    """An order as the operator holds it."""

    order: Order
    handle: str
    state: Literal["waiting", "failed", "paid"]
    at: datetime
    reason: Reason = Reason.EXPIRED
    transaction: Transaction | None = None
    denied: bool = False  # paid, and the operator says now that it failed
    told_denied: bool = False  # and has told us so


class Operator:
    """Behind the port of a provider; ``books`` is what the audit compares our ledger with."""

    def __init__(self, machine: Machine, name: str, face: Face, deliver: Callable[[str, str, bytes], bool]) -> None:
        self._machine = machine
        self._chance = machine.chance
        self.name = name
        self._face = face
        self._deliver = deliver  # (our key or any word, what it is about, body) -> was it answered 2xx
        self._numbers = iter(range(11_000_000_001, 1 << 60))
        self._down_until = machine.now()
        self.held: dict[str, Held] = {}
        self.books: list[Transaction] = []
        self.paid_hook: Callable[[Transaction], None] = lambda transaction: None
        self.asked_twice: list[str] = []  # a second prompt while the first stood on the same phone
        self.refused: set[str] = set()  # orders of which it ever said no
        self.given_back: dict[str, Transaction] = {}  # by our key of the giving back

    def take_down(self, seconds: float) -> None:
        """Nobody answers for a while."""
        self._down_until = self._machine.after_now(seconds)

    # The port

    def ask(self, order: Order) -> AskAnswer:
        require_outside(f"{self.name}: ask")
        machine, chance = self._machine, self._chance
        machine.note(f"{self.name} asked for {order.key}")
        machine.may_die("worker killed in a call")
        machine.pass_time(chance.seconds(0.2, 4))
        if self._is_down():
            return Unclear("no-answer", "silence")
        if chance.hit("unreached"):
            return Unclear("unreached", "no route", 5.0)
        if chance.hit("busy"):
            return Unclear("busy", "429", 15.0)
        if chance.hit("order lost"):
            machine.pass_time(20)
            return Unclear("no-answer", "silence")
        if order.key not in self.held and chance.hit("refused at once"):
            self.refused.add(order.key)
            return Refused(chance.random.choice([Reason.NO_WALLET, Reason.INSUFFICIENT, Reason.LIMIT]), "refused")
        one = self.held.get(order.key) or self._take(order)
        if chance.hit("decided before the answer"):
            self._decide(one)
            machine.pass_time(3)
        machine.may_die("worker killed in a call")
        if chance.hit("answer lost"):
            machine.pass_time(20)
            return Unclear("no-answer", "silence")
        if chance.hit("error after accepting"):
            return Unclear("failed", "500")
        link = f"https://pay.invalid/{one.handle}" if self._face == "link" else None
        return Accepted("accepted", one.handle if self._face != "key" else None, link)

    def find(self, order: Order) -> FindAnswer:
        require_outside(f"{self.name}: find")
        machine, chance = self._machine, self._chance
        machine.may_die("worker killed in a call")
        machine.pass_time(chance.seconds(0.1, 2))
        machine.may_die("worker killed in a call")
        if self._is_down() or chance.hit("look unanswered"):
            return Unclear("no-answer", "silence")
        if self._face != "key" and order.handle is None:
            return Unclear("no-handle", "nothing to ask by")
        if chance.hit("look says unknown word"):
            return Unclear("unknown-word", "FLABBERGASTED")
        one = self.held.get(order.key)
        if one is None or chance.hit("look says not found"):
            return NotFound("unknown")
        if one.state == "waiting" or chance.hit("look says waiting"):
            return Waiting("PENDING")
        if one.transaction is None or one.denied:
            return Refused(one.reason, "FAILED")
        moved = one.transaction
        return Paid(moved.amount, moved.number, moved.payer, "SUCCESSFUL", moved.at)

    def give_back(self, repayment: Repayment) -> AskAnswer:
        require_outside(f"{self.name}: give back")
        machine, chance = self._machine, self._chance
        machine.may_die("worker killed in a call")
        machine.pass_time(chance.seconds(0.2, 4))
        if self._is_down() or chance.hit("giving back lost"):
            return Unclear("no-answer", "silence")
        if repayment.key not in self.given_back:
            if chance.hit("giving back refused"):
                return Refused(Reason.OTHER, "not now")
            one = self.held[repayment.order.key]
            moved = Transaction(str(next(self._numbers)), repayment.amount, one.order.payer, machine.now(), None, None)
            self.given_back[repayment.key] = moved
            machine.note(f"{self.name}: {moved.amount.minor} given back as {moved.number}")
        machine.may_die("worker killed in a call")
        return Unclear("no-answer", "silence") if chance.hit("giving back unheard") else Accepted("accepted")

    def find_back(self, repayment: Repayment) -> FindAnswer:
        require_outside(f"{self.name}: find what was given back")
        self._machine.pass_time(self._chance.seconds(0.1, 2))
        if self._is_down() or self._chance.hit("giving back unanswered"):
            return Unclear("no-answer", "silence")
        moved = self.given_back.get(repayment.key)
        return Paid(moved.amount, moved.number, moved.payer, "GIVEN", moved.at) if moved else NotFound("unknown")

    def read(self, content_type: str, body: bytes, headers: Mapping[str, str]) -> Hint:
        try:
            fields = json.loads(body)
        except ValueError:
            raise BadNotice("no JSON") from None
        return Hint(fields.get("key"), str(fields.get("status")), fields.get("handle"))

    # What becomes of an order

    def _is_down(self) -> bool:
        if self._machine.now() >= self._down_until:
            return False
        self._chance.met["operator down"] += 1
        self._machine.pass_time(10)
        return True

    def _take(self, order: Order) -> Held:
        machine, chance = self._machine, self._chance
        one = Held(order, f"H{order.key[:8]}{len(self.held)}", "waiting", machine.now())
        if any(
            other.state == "waiting"
            and other.order.payer == order.payer
            and other.order.card == order.card
            and (one.at - other.at).total_seconds() < PROMPT_S
            for other in self.held.values()
        ):
            self.asked_twice.append(order.key)
        self.held[order.key] = one
        if chance.hit("never decided"):
            return one
        if chance.hit("kept in reconciliation"):
            wait_s = chance.seconds(3600, 3.5 * DAY_S)
        elif chance.hit("payer does nothing"):
            wait_s = PROMPT_S
        else:
            wait_s = chance.seconds(4, 200)
        machine.after(wait_s, f"{order.key} is decided", lambda: self._decide(one, ignored=wait_s == PROMPT_S))
        return one

    def _decide(self, one: Held, ignored: bool = False) -> None:
        chance = self._chance
        if one.state != "waiting":
            return
        if not ignored and not chance.hit("payer refuses"):
            self._pay(one)
            return
        self.refused.add(one.order.key)
        one.state, one.reason = "failed", Reason.EXPIRED if ignored else Reason.REJECTED
        if chance.hit("paid late"):
            # Up to a day, for so long it is looked after; a statement tells of what comes later still.
            wait_s = chance.seconds(30, 0.9 * DAY_S)
            self._machine.after(wait_s, f"{one.order.key} is paid late", lambda: self._pay(one))
        self._tell(one)

    def _pay(self, one: Held) -> None:
        chance = self._chance
        if one.transaction is not None:
            return
        amount = one.order.amount
        if chance.hit("paid another amount"):
            amount = Money(max(1, amount.minor + chance.random.choice([-100, -1, 1, 500, amount.minor])), "XOF")
        elif chance.hit("paid in another currency", 0.3):
            amount = Money(amount.minor, "XAF")
        one.state = "paid"
        one.transaction = self.enter(amount, one.order.payer, one.order.key, None)
        self._tell(one)
        if chance.hit("operator takes its word back", 0.5):
            self._machine.after(chance.seconds(700, DAY_S), "the operator denies a payment", lambda: self._deny(one))

    def _deny(self, one: Held) -> None:
        one.denied = True
        self.refused.add(one.order.key)
        self._tell(one)

    def enter(self, amount: Money, payer: str, key: str | None, card: str | None) -> Transaction:
        """Write money that moved into the operator's own books."""
        moved = Transaction(str(next(self._numbers)), amount, payer, self._machine.now(), key, card)
        self.books.append(moved)
        self._machine.note(f"{self.name}: {amount.minor} {amount.currency} moved as {moved.number}")
        self.paid_hook(moved)
        return moved

    # What it tells us

    def _tell(self, one: Held) -> None:
        chance = self._chance
        # What nobody looks after any more is told at least once, as it is in life by the next statement.
        if chance.hit("notice lost"):
            return
        body = json.dumps({"key": one.order.key, "status": one.state, "handle": one.handle}).encode()
        for _ in range(1 + (chance.random.randint(1, 8) if chance.hit("notice repeated") else 0)):
            delay = chance.seconds(60, 20_000) if chance.hit("notice late") else chance.seconds(0.05, 4)
            self._machine.after(delay, "a notice", lambda: self._post(one, body))

    def forge(self, body: bytes, key: str) -> None:
        """Somebody who isn't the operator says something."""
        self._deliver(self.name, key, body)

    def _post(self, one: Held, body: bytes, tries: int = 0) -> None:
        denied = one.denied
        if self._deliver(self.name, one.order.key, body):
            one.told_denied |= denied
        elif tries < 6:
            self._machine.after(2.0 * 3**tries, "a notice again", lambda: self._post(one, body, tries + 1))
