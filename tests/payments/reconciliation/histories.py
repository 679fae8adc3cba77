"""Some weeks of a village's mobile money from a seed: any mix of payments, faults and corrections at any hour.

The operator's own history is drawn first; from it follow what reaches the books, and when, and the operator's
statements, which are cut at any day, overlap, and come late and in any order. What is made to differ is written down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import polars as pl
from sqlalchemy import update

from gateway.kernel.money import Money
from gateway.membership.households import Household
from gateway.membership.people import Person
from gateway.payments.collections import create, move
from gateway.payments.providers.base import Paid
from gateway.payments.reconciliation.running import reconcile
from gateway.payments.reconciliation.taking_in import take_in
from gateway.payments.reconciliation.wallets import open_wallet
from gateway.payments.refunds import Refund, approve, ask_refund, paid
from gateway.payments.settle import post_paid
from gateway.payments.statements.hints import Hints
from gateway.payments.states import State
from gateway.payments.unasked.fees import post_fee
from gateway.payments.unasked.incoming import Seen, see
from gateway.store.schema import collection
from tests.payments.statements.writers import MPESA_ABOVE, csv, movements, mpesa, mtn_momo, with_balances
from tests.payments.village import Village

FIRST, DAYS = date(2026, 9, 17), 20  # a month ends in them
AGREE = ("push", "reference", "sms", "sms-later", "sweep", "refund", "slow")
DIFFER = ("unknown", "late", "missing", "amount", "twice", "reversed", "part", "fee", "out", "ambiguous")
# What an M-Pesa statement can't show: it doesn't repeat our key, and every line of it has a number.
_NOT_MPESA = ("late", "ambiguous")
_FEE = 5
Row = dict[str, object]


def midnight(day: int) -> datetime:
    """When a day begins in the village."""
    return datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) + timedelta(days=day, hours=-1)


@dataclass
class History:
    """``wrong``: kind and operator's number, or moment, of what differs; ``log`` says what happened, for who looks."""

    village: Village
    folder: Path
    seed: int
    layout: str
    events: int = 24
    wrong: Counter[tuple[str, str]] = field(default_factory=Counter)
    paid_at: dict[tuple[datetime, int], str] = field(default_factory=dict)
    log: list[tuple[datetime, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(f"{self.seed} {self.layout}")
        self.is_mpesa = self.layout == "mpesa"
        self.currency = "KES" if self.is_mpesa else "XOF"
        self.unit = 100 if self.is_mpesa else 1
        self.store, self.chart = self.village.store, self.village.chart
        self.tree = self.village.network.tree()
        with self.store.write() as unit:
            self.wallet = open_wallet(unit, self.village.place.books, self.layout, "wallet")
        people = [(Person(f"Sabi Orou {name}", "M", 1980, "head"),) for name in "ABCDE"]
        phones = [f"+22901000004{place:02}" for place in range(len(people))]
        self.families: list[Household] = [
            self.village.family(self.village.register(phone, each).household_id)
            for phone, each in zip(phones, people, strict=True)
        ]
        self._rows: list[Row] = []
        self._deeds: list[tuple[datetime, str, Callable[[], object]]] = []
        self._amounts = self.random.sample(range(500, 9_000, 5), 4 * self.events)
        self._number = self.random.randrange(10**9)
        for _ in range(self.events):
            self._draw()
        self._last_day()
        self._rows.sort(key=lambda row: str(row["at"]))
        self.lines = with_balances(movements(self._rows), 0)
        self.balance: int = self.lines["balance"][-1]
        self._statements()

    # --- what happens -------------------------------------------------------------------------------------------------

    def _last_day(self) -> None:
        """The last statement has a line too."""
        at = midnight(DAYS) - timedelta(minutes=1)
        self._rows.append({"at": at, "amount": 100 * self.unit, "kind": "sweep", "operator_id": self._new()})

    def _draw(self) -> None:
        kinds = [*AGREE, *DIFFER]
        kind = self.random.choice([one for one in kinds if not (self.is_mpesa and one in _NOT_MPESA)])
        at = self._moment()
        family, amount = self.random.choice(self.families), self._amounts.pop() * self.unit
        payer = f"+2547{self._new()[-8:]}" if self.is_mpesa else f"+22901{self._new()[-8:]}"
        number = self._new()
        row: Row = {"at": at, "amount": amount, "operator_id": number, "payer": payer}
        self._happens(kind, at, family, amount, payer, number, row)
        self.log.append((at, f"{kind} {number} {amount}"))

    def _moment(self) -> datetime:
        """Any, but often close to midnight."""
        at = midnight(0) + timedelta(minutes=self.random.randrange(120, DAYS * 1440 - 3 * 1440))
        if self.random.random() < 0.4:
            day = self.random.randrange(1, DAYS - 3)
            at = midnight(day) + timedelta(seconds=self.random.choice([-240, -61, -1, 0, 1, 59, 240]))
        return at

    def _happens(
        self, kind: str, at: datetime, family: Household, amount: int, payer: str, number: str, row: Row
    ) -> None:
        shown = [row]
        differs: str | None = kind if kind in DIFFER else None
        match kind:
            case "push":
                self._push(family, amount, payer, number, at)
            case "slow":  # the operator's answer comes days later
                self._push(family, amount, payer, number, at, self._later(4 * 1440))
            case "reference":
                row["reference"] = f"{family.card} cotisation"
            case "sms" | "sms-later":
                row["reference"] = family.card
                after = self._later(5 * 1440 if kind == "sms-later" else 3)
                self._sms(number, amount, payer, family.card, at, after)
            case "unknown":
                row["reference"] = self.random.choice([None, "cotisation", "12345"])
            case "late":
                key = self._ask(family, amount, payer, at)
                row["our_id"] = key
            case "missing":
                self._push(family, amount, payer, number, at)
                shown = []
            case "amount":
                self._push(family, amount, payer, number, at)
                row["amount"] = amount + self.random.choice([-100, 150]) * self.unit
            case "twice":
                self._push(family, amount, payer, number, at)
                shown = [row, row | {"at": at + self._later(3 * 1440)}]
            case "reversed" | "part":
                differs = "reversed"
                self._push(family, amount, payer, number, at)
                back = amount if kind == "reversed" else amount - 100 * self.unit
                its = {"operator_id": self._new(), "linked": number} if self.is_mpesa else {"operator_id": number}
                shown = [row, {"at": at + self._later(2 * 1440), "amount": -back, "kind": "reversal", **its}]
            case "fee":
                row["reference"] = family.card
                self._sms(number, amount, payer, family.card, at, timedelta(seconds=1), fee=(_FEE + 3) * self.unit)
            case "out":
                shown = [{"at": at, "amount": -amount, "kind": "other", "operator_id": number}]
            case "sweep":
                shown = [{"at": at, "amount": -amount, "kind": "sweep", "operator_id": number}]
            case "refund":
                key = self._push(family, amount, payer, number, at)
                own, then = self._new(), at + self._later(600)
                self._do(then, f"refund {own}", lambda: self._refund(key, amount, own))
                back_row: Row = {"at": then, "amount": -amount, "kind": "refund", "operator_id": own, "payer": payer}
                shown = [row, back_row]
            case "ambiguous":
                shown = list(self._twins(family, amount, payer, at))
                differs = None
        if differs is not None:
            self.wrong[differs, number] += 1
        self._rows += [line for one in shown for line in self._with_fee(one)]

    def _with_fee(self, row: Row) -> Iterator[Row]:
        """M-Pesa's fees are lines of their own, under the number of what they are the fee of."""
        if row.get("kind", "payment") != "payment":
            yield row
        elif self.is_mpesa:
            yield row
            yield {"at": row["at"], "amount": -_FEE * self.unit, "kind": "fee", "operator_id": row["operator_id"]}
        else:
            yield row | {"fee": _FEE * self.unit}

    def _twins(self, family: Household, amount: int, payer: str, at: datetime) -> Iterator[Row]:
        """Two payments of one phone in a minute, whose numbers the statement leaves out."""
        for place in range(2):
            moment = at + timedelta(seconds=20 * place)
            self.paid_at[moment, amount] = self._push(family, amount, payer, self._new(), moment)
            self.wrong["ambiguous", moment.isoformat()] += 1
            yield {"at": moment, "amount": amount, "payer": payer}

    def _later(self, most_minutes: int) -> timedelta:
        return timedelta(seconds=self.random.randrange(1, most_minutes * 60))

    def _new(self) -> str:
        self._number += self.random.randrange(1, 97)
        return f"QK{self._number:010}" if self.is_mpesa else f"24{self._number:010}"

    # --- what reaches the books ---------------------------------------------------------------------------------------

    def _do(self, at: datetime, what: str, deed: Callable[[], object]) -> None:
        self._deeds.append((at, what, deed))

    def _money(self, minor: int) -> Money:
        return Money(minor, self.currency)

    def _ask(self, family: Household, amount: int, payer: str, at: datetime) -> str:
        """Somebody is asked for money; our key."""
        key = f"{self.random.getrandbits(128):032x}"
        key = f"{key[:8]}-{key[8:12]}-4{key[13:16]}-8{key[17:20]}-{key[20:]}"

        def do() -> None:
            with self.store.write() as unit:
                books = self.tree.books_of(family.section_id)
                one = create(unit, effect_key=f"history-{key}", books=books, household_id=family.id, way="push",
                             provider=self.layout, payer=payer, amount=self._money(amount))  # fmt: skip
                # The statements are drawn before anybody is asked.
                unit.connection.execute(update(collection).where(collection.c.id == one.id).values(key=key))
                move(unit, one, State.SENDING)

        self._do(at - timedelta(seconds=90), "asked", do)
        return key

    def _push(
        self, family: Household, amount: int, payer: str, number: str, at: datetime, after: timedelta = timedelta(0)
    ) -> str:
        key = self._ask(family, amount, payer, at)

        def do() -> None:
            with self.store.write() as unit:
                told = Paid(self._money(amount), number, payer, "SUCCESSFUL", at)
                post_paid(unit, self.tree, self.chart, key, told)

        self._do(at + after, f"paid {number}", do)
        return key

    def _sms(
        self, number: str, amount: int, payer: str, card: str, at: datetime, after: timedelta, fee: int | None = None
    ) -> None:
        """A treasurer forwards the operator's SMS."""
        own = self.wallet.organisation_id

        def do() -> None:
            with self.store.write() as unit:
                see(unit, self.tree, self.chart, Seen(self.layout, number, own, self._money(amount), payer, card, at))
                if fee is not None:
                    post_fee(unit, self.tree, self.chart, operator=self.layout, operator_id=number,
                             organisation_id=own, fee=self._money(fee), at=at)  # fmt: skip

        self._do(at + after, f"SMS {number}", do)

    def _refund(self, key: str, amount: int, number: str) -> None:
        with self.store.write() as unit:
            asked = ask_refund(unit, self.tree, collection_key=key, amount=self._money(amount), reason="moved away",
                               by="Awa")  # fmt: skip
            assert isinstance(asked, Refund), asked
            agreed = approve(unit, asked.number, "Bio Sarre", ())
            assert isinstance(agreed, Refund), agreed
            done = paid(unit, self.tree, self.chart, asked.number, number)
            assert isinstance(done, Refund), done

    # --- the operator's statements ------------------------------------------------------------------------------------

    def _statements(self) -> None:
        """Cut at any days, with a day or two told twice; each comes when it likes, once it is over."""
        cuts = sorted({DAYS, *self.random.sample(range(1, DAYS), self.random.randrange(1, 5))})
        begin = 0
        for end in cuts:
            first = max(0, begin - self.random.choice([0, 0, 1, 2]))
            comes = midnight(end) + self._later(self.random.choice([60, 5 * 1440, 15 * 1440]))
            own = self.lines.filter(pl.col("at") >= midnight(first), pl.col("at") < midnight(end))
            if not own.height and end < DAYS:
                continue  # nobody exports an empty statement: the next one is longer
            begin = end
            self._do(comes, f"statement {first} to {end}", lambda own=own, span=(first, end): self._take(own, span))
            if self.random.random() < 0.7:
                self._do(comes + self._later(600), "run", self.reconcile)

    def _take(self, own: pl.DataFrame, span: tuple[int, int]) -> None:
        file = self.folder / f"{self.seed}-{self.layout}-{span[0]}-{span[1]}.csv"
        file.write_bytes(csv(mpesa(own), before=MPESA_ABOVE) if self.is_mpesa else csv(mtn_momo(own)))
        hints = Hints("KES", "KE", "Africa/Nairobi") if self.is_mpesa else Hints("XOF", "BJ", "Africa/Porto-Novo")
        days = FIRST + timedelta(days=span[0]), FIRST + timedelta(days=span[1] - 1)
        take_in(self.store, self.tree, self.wallet, file, hints, "Awa", days=days)

    def reconcile(self) -> None:
        reconcile(self.store, self.tree, self.chart, self.wallet)

    def live(self) -> None:
        """All of it, in the order of time, until nothing can be late any more."""
        for at, what, deed in sorted(self._deeds, key=lambda each: (each[0], each[1])):
            self.village.clock.at = at
            self.log.append((at, f"-> {what}"))
            deed()
        self.village.clock.move(timedelta(days=3))
        self.reconcile()

    def told(self) -> Sequence[str]:
        return [f"{at:%m-%d %H:%M:%S} {what}" for at, what in sorted(self.log)]
