"""A mutuelle with one village, a plan, a treasurer and families, and the cashier at work on it."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Row, func, select

from gateway.kernel.clock import FixedClock
from gateway.kernel.money import Money
from gateway.ledger.accounts import balances, first_difference
from gateway.ledger.chart import Chart
from gateway.membership.dues import Terms
from gateway.membership.households import Household, Registered, by_id, register, standing
from gateway.membership.households import Standing as HouseholdStanding
from gateway.membership.people import Person
from gateway.membership.plans import Plan, add_plan
from gateway.network import staff
from gateway.network.organisations import Network, Organisation, add_organisation
from gateway.network.staff import Member
from gateway.payments.cash import CashRecorded, CashRefused, record_cash
from gateway.payments.collections import Collection, by_key, move, newest, story
from gateway.payments.providers.base import Paid, Provider
from gateway.payments.push.asking import Cashier
from gateway.payments.push.breaker import Breakers
from gateway.payments.push.daily import Limited
from gateway.payments.push.wishes import Asked, ask_for_payment
from gateway.payments.settle import post_paid
from gateway.payments.states import State
from gateway.payments.unasked.incoming import Known, Posted, Seen, Suspense, see
from gateway.store.outbox import Ask, Handler, Task, drain, put
from gateway.store.pace import Pace
from gateway.store.schema import caller, collection, entry, message, notice, phone
from gateway.store.unit import Store

# None of these can be anybody's: Benin gives out no numbers that begin with 01 00.
PAYER = "+2290100000101"
NEIGHBOUR = "+2290100000102"
TREASURER = "+2290100000901"
ANIMATOR = "+2290100000902"

# For tests that would say nothing new on the other kind of database.
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

SECRET = "village-secret-0123"

# A family of four: 1 000 once and 11 600 a year, 2 900 a quarter.
TERMS = Terms(
    registration_fee_minor=1_000,
    household_minor=2_000,
    beneficiary_minor=2_400,
    instalments=4,
    waiting_days=30,
    grace_days=30,
    activation_percent=25,
    minimum_payment_minor=200,
    year_starts_month=None,
)
FIRST_DUE, YEAR_DUE = 3_900, 12_600

FAMILY = (
    Person("Adjara Tchédré", "F", 1991, "head"),
    Person("Moussa Tchédré", "M", 1986, "spouse"),
    Person("Idrissou Tchédré", "M", 2015, "child"),
    Person("Rahina Tchédré", "F", 2018, "child"),
)


def wait_until(ask: Callable[[], object], within_s: float = 10.0) -> None:
    """Wait for something that happens elsewhere; fails when it doesn't in time."""
    deadline = time.monotonic() + within_s
    while not ask():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def at_once(count: int, do: Callable[[], object]) -> list[object]:
    """Do the same in ``count`` threads that start together; what each gave."""
    start = threading.Barrier(count)

    def one(_: int) -> object:
        start.wait()
        return do()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))


def francs(amount: int) -> Money:
    return Money(amount, "XOF")


@dataclass(frozen=True)
class Place:
    """What is in the database before the first family comes: the same in every test."""

    books: Organisation
    section_id: int
    plan: Plan


def found(
    store: Store,
    network: Network,
    terms: Terms = TERMS,
    above: tuple[int, str] | None = None,
    code: str = "m",
    currency: str = "XOF",
    treasurer: str = TREASURER,
) -> Place:
    """Found the mutuelle, its village, its plan and its treasurer."""
    with store.write() as unit:
        books = add_organisation(
            unit, above, kind="mutuelle", code=code, name="Mutuelle de Ouaké", country="BJ", currency=currency,
            time_zone="Africa/Porto-Novo", languages="fr,en", keeps_books=True,
        )  # fmt: skip
        section_id, _ = add_organisation(unit, books, kind="section", code=f"{code}-1", name="Awanla")
        plan_id = add_plan(unit, books[0], "famille", "Famille", currency, terms, date(2020, 1, 1))
        staff.add(unit, books[0], "Bio Sarre", "treasurer", treasurer, "fr")
    network.forget()
    plan = Plan(plan_id, books[0], "famille", 1, "Famille", currency, terms)
    return Place(network.tree()[books[0]], section_id, plan)


@dataclass
class Village:
    """The place with its people, and the hands that work on its outbox."""

    store: Store
    network: Network
    clock: FixedClock
    place: Place
    providers: dict[str, Provider] = field(default_factory=dict)
    # Nobody waits here unless a test wants it.
    pace: Pace = field(default_factory=lambda: Pace({}, usual_per_s=1_000, sleep=lambda _: None))
    callback_base: str = "https://cotisa.invalid/payments/{provider}/secret/{key}"
    chart: Chart = field(default_factory=Chart)
    faults: list[str] = field(default_factory=list)
    _effects: Any = field(default_factory=itertools.count)

    # Families

    def register(
        self, msisdn: str | None = PAYER, people: Sequence[Person] = FAMILY, language: str = "fr"
    ) -> Registered:
        """Register a family; the same number may belong to several when their heads differ."""
        with self.store.write() as unit:
            return register(
                unit, self.network.tree(), self.chart, self.place.section_id, self.place.plan, people, msisdn, language
            )

    def add_phone(self, household_id: int, msisdn: str, main: bool = True) -> None:
        with self.store.write() as unit:
            unit.connection.execute(phone.insert().values(msisdn=msisdn, household_id=household_id, main=main))

    def speak(self, msisdn: str, language: str) -> None:
        with self.store.write() as unit:
            unit.connection.execute(caller.insert().values(msisdn=msisdn, language=language))

    def family(self, household_id: int) -> Household:
        with self.store.read() as connection:
            return by_id(connection, self.network.tree(), household_id)

    def stands(self, household_id: int, on: date | None = None) -> HouseholdStanding:
        with self.store.read() as connection:
            one = by_id(connection, self.network.tree(), household_id)
            return standing(connection, one, on or self.clock.now().date())

    # Payments

    def wish(
        self, household_id: int, amount: int = 1_500, payer: str = PAYER, asked_by: str | None = None
    ) -> Asked | Limited:
        """What the menu does when somebody says yes to a payment."""
        with self.store.write() as unit:
            return ask_for_payment(
                unit,
                effect_key=f"effect-{next(self._effects)}",
                books=self.place.books,
                household_id=household_id,
                provider="mtn_momo",
                payer=payer,
                amount=francs(amount),
                after=timedelta(0),
                asked_by=asked_by,
            )

    def pay(self, household_id: int, amount: int = 1_500, payer: str = PAYER) -> str:
        """The same, where nothing stands in the way; our key of the collection."""
        assert self.wish(household_id, amount, payer) is Asked.NOW
        with self.store.read() as connection:
            return newest(connection, 1)[0].key

    def hire(
        self, role: str, msisdn: str = ANIMATOR, organisation_id: int | None = None, name: str = "Issifou Dafia"
    ) -> Member:
        """Give somebody a role, in the mutuelle unless told."""
        with self.store.write() as unit:
            own = organisation_id or self.place.books.id
            return staff.by_id(unit.connection, staff.add(unit, own, name, role, msisdn, "fr"))

    @property
    def treasurer(self) -> Member:
        """The mutuelle's treasurer from the beginning."""
        return self.holder(TREASURER)

    def holder(self, msisdn: str) -> Member:
        """Who has a number, in the first of their roles."""
        with self.store.read() as connection:
            return staff.roles_of(connection, msisdn)[0]

    def try_cash(
        self, household_id: int, who: Member, amount: int, effect_key: str | None = None
    ) -> CashRecorded | CashRefused:
        """What the menu does when somebody of the staff has taken cash."""
        with self.store.write() as unit:
            return record_cash(
                unit,
                self.network.tree(),
                self.chart,
                effect_key=effect_key or f"effect-{next(self._effects)}",
                household=by_id(unit.connection, self.network.tree(), household_id),
                staff=who,
                amount=francs(amount),
            )

    def give(self, household_id: int, who: Member, amount: int = 1_500) -> CashRecorded:
        """The same, where nothing stands in the way."""
        recorded = self.try_cash(household_id, who, amount)
        assert isinstance(recorded, CashRecorded)
        return recorded

    def push(self, household_id: int, amount: int = 1_500, at: datetime | None = None) -> str:
        """A payment from a wallet, asked for before, that the operator has confirmed; our key of it."""
        now = self.clock.at
        self.clock.at = min(at, now) if at is not None else now
        key = self.pay(household_id, amount)
        self.clock.at = now
        self.confirm(key, at)
        return key

    def confirm(self, key: str, at: datetime | None = None) -> None:
        """What follows when the operator says that all of it was paid, and when."""
        with self.store.write() as unit:
            one = by_key(unit.connection, key, lock=True)
            assert one is not None
            move(unit, one, State.SENDING)
            paid = Paid(one.amount, f"op-{key}", one.payer, "SUCCESSFUL", at)
            assert post_paid(unit, self.network.tree(), self.chart, key, paid)

    def see(self, seen: Seen) -> Posted | Suspense | Known:
        """What follows when a treasurer's SMS or a statement tells of money that came."""
        with self.store.write() as unit:
            return see(unit, self.network.tree(), self.chart, seen)

    def hint(self, key: str) -> None:
        """What our webhook does when the operator says that there is news."""
        with self.store.write() as unit:
            put(unit, Ask("money", "collection.hint", key, f"hint:{next(self._effects)}"))

    @property
    def cashier(self) -> Cashier:
        breakers = Breakers(self.store)
        return Cashier(
            self.store, self.network, self.chart, self.providers, breakers, self.callback_base, pace=self.pace
        )

    @property
    def handlers(self) -> dict[str, Handler]:
        cashier = self.cashier
        return {"collection.ask": cashier.ask, "collection.look": cashier.look, "collection.hint": cashier.hint}

    def work(self) -> None:
        """Do all that is due for money now; a handler that raises fails the test."""
        while drain(self.store, "money", self.handlers, self._tell):
            assert not self.faults

    def _tell(self, task: Task, error: Exception) -> None:
        self.faults.append(f"{task.topic}: {type(error).__name__}: {error}")

    def work_for(self, seconds: int, step_s: int = 10) -> None:
        """Let time pass, working all along."""
        for _ in range(seconds // step_s):
            self.clock.move(timedelta(seconds=step_s))
            self.work()

    # Looking

    def shown(self, key: str) -> Collection:
        with self.store.read() as connection:
            one = by_key(connection, key)
        assert one is not None
        return one

    def steps(self, key: str) -> list[str]:
        """The states that a collection went through."""
        with self.store.read() as connection:
            return [event.after for event in story(connection, self.shown(key).id)]

    def edges(self) -> set[tuple[str | None, str]]:
        """Every move that any collection has made."""
        with self.store.read() as connection:
            found: set[tuple[str | None, str]] = set()
            for one in connection.scalars(select(collection.c.id)).all():
                found |= {(event.before, event.after) for event in story(connection, one)}
        return found

    def messages(self, *events: str) -> list[Row[Any]]:
        """The messages of these events, as time went on; of one moment by event and number."""
        with self.store.read() as connection:
            order = (message.c.created_at, message.c.event, message.c.msisdn)
            rows = connection.execute(select(message).order_by(*order)).all()
        return [row for row in rows if row.event in events or not events]

    def told(self, *events: str) -> list[tuple[str, str]]:
        return [(row.event, row.msisdn) for row in self.messages(*events)]

    def entries(self) -> list[tuple[str, str]]:
        """Day and key of what was posted for payments, in order."""
        journals = ("collections", "cash", "corrections")
        with self.store.read() as connection:
            rows = connection.execute(
                select(entry.c.happened_on, entry.c.key).where(entry.c.journal.in_(journals)).order_by(entry.c.id)
            ).all()
        return [(str(row.happened_on), row.key) for row in rows]

    def balance(self, currency: str = "XOF") -> dict[str, int]:
        """What stands on each account that isn't empty, by role, in all books; fails unless the ledger holds."""
        total: Counter[str] = Counter()
        with self.store.read() as connection:
            assert first_difference(connection) is None
            for one in balances(connection):
                total[one.role] += one.amount_minor if one.currency == currency else 0
        return {role: amount for role, amount in total.items() if amount}

    def notices(self) -> int:
        """How many notices are stored."""
        with self.store.read() as connection:
            return connection.scalar(select(func.count()).select_from(notice)) or 0
