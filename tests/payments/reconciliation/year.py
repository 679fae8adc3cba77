"""A year of a union's mobile money: what members paid, what the operator's statements say of it, and where they differ.

The operator's own history is drawn from a seed. From it follow the books (what was asked for and confirmed, what SMS
told of) and the statements of twelve months, but for what goes wrong, which is written down by kind and number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Literal

from sqlalchemy import select

from gateway.kernel.clock import FixedClock
from gateway.kernel.money import Money
from gateway.ledger.chart import Chart
from gateway.ledger.rules import next_month
from gateway.membership.households import Household, by_id
from gateway.network.organisations import Network
from gateway.payments.collections import create, move
from gateway.payments.providers.base import Paid
from gateway.payments.reconciliation.kept import Kept
from gateway.payments.reconciliation.taking_in import take_in
from gateway.payments.reconciliation.wallets import Wallet, open_wallet
from gateway.payments.settle import post_paid
from gateway.payments.statements.hints import Hints
from gateway.payments.states import State
from gateway.payments.unasked.fees import post_fee
from gateway.payments.unasked.incoming import Seen, see
from gateway.samples.ouake import UNION, load_ouake
from gateway.store.schema import household
from gateway.store.unit import Store
from tests.payments.statements.writers import csv, movements, mtn_momo, with_balances

What = Literal["unknown", "late", "missing", "amount", "twice", "reversed", "fee", "out", "ambiguous"]
# How many of each: five hundred. What is ambiguous comes in pairs.
INJECTED: dict[What, int] = {
    "unknown": 80,
    "late": 60,
    "missing": 80,
    "amount": 60,
    "twice": 50,
    "reversed": 60,
    "fee": 40,
    "out": 40,
    "ambiguous": 30,
}
YEAR = 2025
HINTS = Hints("XOF", "BJ", "Africa/Porto-Novo")
_FEE = 5


@dataclass
class Year:
    """The union, its wallet and the operator; ``wrong`` is what differs: kind and number, or moment."""

    store: Store
    network: Network
    clock: FixedClock
    folder: Path
    seed: int = 7
    agreeing: int = 700
    wrong: set[tuple[What, str]] = field(default_factory=set)
    balance: int = 0  # the operator's, at the end of what was written
    chart: Chart = field(default_factory=Chart)
    paid_at: dict[datetime, str] = field(default_factory=dict)  # our keys of what was confirmed, by moment
    _number: int = 24_000_000_000

    def begin(self) -> None:
        """Load the union as it is on the first day of the year, and draw what happens on which day."""
        self.clock.at = datetime(YEAR, 1, 1, 6, tzinfo=UTC)
        load_ouake(self.store, self.network)
        self.tree = self.network.tree()
        with self.store.write() as unit:
            self.wallet: Wallet = open_wallet(unit, self.tree.named(UNION), "mtn_momo", "wallet")
        with self.store.read() as connection:
            ids = connection.scalars(select(household.c.id).order_by(household.c.id)).all()
            self.families: list[Household] = [by_id(connection, self.tree, its_id) for its_id in ids]
        self.random = Random(self.seed)
        kinds: list[str] = (
            ["push"] * self.agreeing + ["reference"] * (self.agreeing // 4) + ["sms"] * (self.agreeing // 8)
        )
        for what, count in INJECTED.items():
            kinds += [what] * (count // 2 if what == "ambiguous" else count)
        self.random.shuffle(kinds)
        apart = timedelta(days=363) / len(kinds)
        first = datetime(YEAR, 1, 1, 8, tzinfo=UTC)
        # By day, so that nothing and what follows from it lie on two sides of midnight.
        days = (
            (first + apart * place).replace(hour=8 + place % 9, minute=place * 7 % 60, second=0, microsecond=0)
            for place in range(len(kinds))
        )
        self._plan = sorted(zip(days, kinds, strict=True))

    def months(self) -> Iterator[tuple[date, Kept]]:
        """Live through the year a month at a time; each month's statement, taken in two days after its end."""
        for month in range(1, 13):
            rows: list[dict[str, object]] = []
            for at, kind in self._plan:
                if at.month == month:
                    self.clock.at = at
                    rows += self._happens(kind, at)
            last = rows[-1]["at"]
            assert isinstance(last, datetime)
            rows.append(
                {"at": last + timedelta(minutes=30), "amount": -5_000, "kind": "sweep", "operator_id": self._new()}
            )
            lines = with_balances(movements(sorted(rows, key=lambda row: str(row["at"]))), self.balance)
            self.balance = lines["balance"][-1]
            file = self.folder / f"{YEAR}-{month:02}.csv"
            file.write_bytes(csv(mtn_momo(lines)))
            self.clock.at = datetime(YEAR + month // 12, month % 12 + 1, 3, 6, tzinfo=UTC)
            days = date(YEAR, month, 1), next_month(date(YEAR, month, 1)) - timedelta(days=1)
            taken = take_in(self.store, self.tree, self.wallet, file, HINTS, "Awa", days=days)
            assert isinstance(taken, Kept)
            yield days[0], taken

    # --- what happens -------------------------------------------------------------------------------------------------

    def _happens(self, kind: str, at: datetime) -> list[dict[str, object]]:
        """Something happens; the operator's lines of it."""
        family, amount = self.random.choice(self.families), self.random.randrange(500, 9_000, 25)
        payer = f"+22901{self.random.randrange(61_000_000, 62_000_000)}"
        number = self._new()
        row: dict[str, object] = {"at": at, "amount": amount, "fee": _FEE, "operator_id": number, "payer": payer}
        match kind:
            case "push":
                self._paid(family, amount, payer, number, at)
            case "reference":
                return [row | {"reference": f"{family.card} cotisation"}]
            case "sms":
                self._sms(number, amount, payer, family.card, at)
            case "unknown":
                row["reference"] = self.random.choice([None, "cotisation", "12345"])
                self.wrong.add(("unknown", number))
            case "late":
                key = self._asked(family, amount, payer)
                self.wrong.add(("late", number))
                return [row | {"our_id": key}]
            case "missing":
                self._paid(family, amount, payer, number, at)
                self.wrong.add(("missing", number))
                return []
            case "amount":
                self._paid(family, amount, payer, number, at)
                self.wrong.add(("amount", number))
                return [row | {"amount": amount + self.random.choice([-100, 150])}]
            case "twice":
                self._paid(family, amount, payer, number, at)
                self.wrong.add(("twice", number))
                return [row, row | {"at": at + timedelta(seconds=5)}]
            case "reversed":
                self._paid(family, amount, payer, number, at)
                self.wrong.add(("reversed", number))
                back = {"at": at + timedelta(minutes=9), "amount": -amount, "kind": "reversal", "operator_id": number}
                return [row, back]
            case "fee":
                self._sms(number, amount, payer, family.card, at, fee=_FEE + 3)
                self.wrong.add(("fee", number))
            case "out":
                self.wrong.add(("out", number))
                return [row | {"amount": -amount, "kind": "other", "fee": 0, "payer": None}]
            case "ambiguous":
                return list(self._twins(family, amount, payer, at))
        return [row]

    def _twins(self, family: Household, amount: int, payer: str, at: datetime) -> Iterator[dict[str, object]]:
        """Two payments of one phone in a minute, whose numbers the statement leaves out."""
        for place in range(2):
            moment = at + timedelta(seconds=20 * place)
            self._paid(family, amount, payer, self._new(), moment)
            self.wrong.add(("ambiguous", moment.isoformat()))
            yield {"at": moment, "amount": amount, "fee": _FEE, "payer": payer}

    def _new(self) -> str:
        self._number += 7
        return str(self._number)

    def _asked(self, family: Household, amount: int, payer: str) -> str:
        """Somebody is asked for money, and no answer is ever heard."""
        with self.store.write() as unit:
            books = self.tree.books_of(family.section_id)
            one = create(unit, effect_key=f"year-{self._new()}", books=books, household_id=family.id, way="push",
                         provider="mtn_momo", payer=payer, amount=Money(amount, "XOF"))  # fmt: skip
            move(unit, one, State.SENDING)
        return one.key

    def _paid(self, family: Household, amount: int, payer: str, number: str, at: datetime) -> None:
        key = self._asked(family, amount, payer)
        with self.store.write() as unit:
            paid = Paid(Money(amount, "XOF"), number, payer, "SUCCESSFUL", at)
            assert post_paid(unit, self.tree, self.chart, key, paid)
        self.paid_at[at] = key

    def _sms(self, number: str, amount: int, payer: str, card: str, at: datetime, fee: int | None = None) -> None:
        """A treasurer forwarded the operator's SMS."""
        with self.store.write() as unit:
            seen = Seen("mtn_momo", number, self.wallet.organisation_id, Money(amount, "XOF"), payer, card, at)
            see(unit, self.tree, self.chart, seen)
            if fee is not None:
                post_fee(unit, self.tree, self.chart, operator="mtn_momo", operator_id=number,
                         organisation_id=self.wallet.organisation_id, fee=Money(fee, "XOF"), at=at)  # fmt: skip
