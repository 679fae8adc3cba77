"""A mutuelle and its people: they pay by every way there is, twice by mistake, for each other, to the wrong card."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy import delete, insert, select

from gateway.kernel.card import show_card
from gateway.kernel.ids import operator_key
from gateway.kernel.money import Money
from gateway.ledger.chart import Chart
from gateway.membership.dues import Terms
from gateway.membership.households import Registered, by_id, register
from gateway.membership.people import Person
from gateway.membership.plans import Plan, add_plan
from gateway.network import staff
from gateway.network.organisations import Defaults, Network, add_organisation
from gateway.payments.cash import record_cash
from gateway.payments.decisions import cases
from gateway.payments.giving_back import GivingBack, who_gives_back
from gateway.payments.payers.groups import Listed, add_group, ask_group
from gateway.payments.push.asking import Cashier
from gateway.payments.push.breaker import Breakers
from gateway.payments.push.wishes import ask_for_payment
from gateway.payments.refunds import GIVE, LOOK, Refund, approve, ask_refund
from gateway.payments.unasked import declarations
from gateway.payments.unasked.forwarded import Forwarded
from gateway.payments.unasked.taken_back import take_back
from gateway.payments.web import payments_blueprint
from gateway.sms.outgoing import Sender
from gateway.sms.port import Report
from gateway.sms.reports import apply_report
from gateway.sms.web import sms_blueprint
from gateway.store.effects import Outcome, once
from gateway.store.outbox import Handler
from gateway.store.pace import Pace
from gateway.store.schema import collection, notice, payer_group_member
from gateway.store.unit import Unit
from simulation.aggregator import Aggregator, write_report
from simulation.machine import Killed, Machine
from simulation.operator import Face, Operator, Transaction

SECRET = "a-secret-of-the-simulation"
# None of these can be anybody's: Benin gives out no numbers that begin with 01 00.
TREASURER = "+2290100000901"
GROUP_PHONE = "+2290100000801"
ZONE = "Africa/Porto-Novo"
FORM = "application/x-www-form-urlencoded"
FACES: dict[str, Face] = {"mtn_momo": "key", "airtel_money": "handle", "orange_money": "link"}

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


@dataclass
class Family:
    """A household and the phone that it pays from."""

    id: int
    card: str
    phone: str


@dataclass
class Town:
    """Everything there is in one run, and what people do in it."""

    machine: Machine
    families: list[Family] = field(default_factory=list)
    operators: dict[str, Operator] = field(default_factory=dict)
    wishes: dict[str, int] = field(default_factory=dict)  # effect key of a payment asked for -> household
    cash: dict[str, int] = field(default_factory=dict)  # effect key of cash recorded -> amount
    told_of: set[str] = field(default_factory=set)  # numbers of MTN's transactions that an SMS has told us of

    def __post_init__(self) -> None:
        machine = self.machine
        self.store = machine.store
        self.network = Network(self.store, Defaults("BJ", "XOF", ZONE, "fr", 160))
        self.chart = Chart()
        for name, face in FACES.items():
            self.operators[name] = Operator(machine, name, face, self._notify)
            self.operators[name].paid_hook = self._sms_of_a_payment
        self.aggregator = Aggregator(machine, self._report)
        self.breakers = Breakers(self.store)
        self.pace = Pace(sleep=machine.pass_time)
        web = Flask("simulation")
        web.testing = True  # a defect raises here, and isn't a page that says 500
        web.register_blueprint(payments_blueprint(self.store, SECRET, self.operators))
        web.register_blueprint(sms_blueprint(self.store, SECRET))
        self._web = web.test_client()
        machine.handlers = self._handlers
        self._found()

    def _handlers(self) -> dict[str, Handler]:
        cashier = Cashier(
            self.store,
            self.network,
            self.chart,
            self.operators,
            self.breakers,
            "https://cotisa.invalid/payments/{provider}/" + SECRET + "/{key}",
            self.pace,
        )
        giving = GivingBack(self.store, self.network, self.chart, self.operators, self.breakers, self.pace)
        return {
            "collection.ask": cashier.ask,
            "collection.look": cashier.look,
            "collection.hint": cashier.hint,
            GIVE: giving.give,
            LOOK: giving.look,
            "sms.send": Sender(self.store, self.aggregator),
            "sms.read": Forwarded(self.store, self.network, self.chart),
        }

    # Who there is

    def _found(self) -> None:
        with self.store.write() as unit:
            books = add_organisation(
                unit, None, kind="mutuelle", code="m", name="Mutuelle", country="BJ", currency="XOF", time_zone=ZONE,
                languages="fr,en", keeps_books=True,
            )  # fmt: skip
            self.books_id = books[0]
            self._section, _ = add_organisation(unit, books, kind="section", code="m-1", name="Village")
            plan_id = add_plan(unit, self.books_id, "p", "Famille", "XOF", TERMS, date(2020, 1, 1))
            self.treasurer = staff.by_id(
                unit.connection, staff.add(unit, self.books_id, "Trésorière", "treasurer", TREASURER, "fr")
            )
        self._plan = Plan(plan_id, self.books_id, "p", 1, "Famille", "XOF", TERMS)
        self.network.forget()
        for number in range(self.machine.chance.random.randint(1, 4)):
            self.families.append(self._register(number))

    def _register(self, number: int) -> Family:
        phone = f"+22901000001{number:02}"
        people = [Person(f"Chef {number}", "F", 1990, "head"), Person(f"Enfant {number}", "M", 2015, "child")]
        with self.store.write() as unit:
            made = register(unit, self.network.tree(), self.chart, self._section, self._plan, people, phone, "fr")
        assert isinstance(made, Registered)
        return Family(made.household_id, made.card, phone)

    def someone(self) -> Family:
        """Any family."""
        return self.machine.chance.random.choice(self.families)

    # What people do

    def pay_by_push(self) -> None:
        """Somebody presses "yes" in the menu: perhaps for another family, perhaps twice, perhaps on two phones."""
        chance = self.machine.chance
        family = self.someone()
        payer = self.someone().phone if chance.random.random() < 0.2 else family.phone
        amount = chance.random.choice([200, 500, 1_450, 2_900, 8_700, 20_000])
        provider = chance.random.choice(list(self.operators))
        for _ in range(2 if chance.hit("pays twice at once") else 1):
            wish = operator_key()
            self.wishes[wish] = family.id
            self._press(wish, family, payer, amount, provider)
            if chance.hit("hop repeated"):
                delay = chance.seconds(0.1, 120)
                self.machine.after(
                    delay,
                    "the hop comes again",
                    lambda w=wish: self._press(w, family, payer, amount, provider),  # type: ignore[misc]
                )

    def _press(self, wish: str, family: Family, payer: str, amount: int, provider: str) -> None:
        def do(unit: Unit) -> Outcome:
            asked = ask_for_payment(
                unit,
                effect_key=wish,
                books=self.network.tree()[self.books_id],
                household_id=family.id,
                provider=provider,
                payer=payer,
                amount=Money(amount, "XOF"),
                after=timedelta(seconds=2),
            )
            return {"asked": str(asked)}

        self._once("web", wish, do, again_after_s=5)

    def _once(self, process: str, key: str, do: Callable[[Unit], Outcome], again_after_s: float = 20.0) -> None:
        """Have an effect done once under its key, by a process that tries until it was; the audit looks at it later."""

        def effect() -> None:
            once(self.store, key, "simulated", do)

        self.machine.try_as(process, effect, again_after_s)

    def pay_as_a_group(self) -> None:
        """A cooperative is asked for what all its households owe; its list may change before it pays."""
        chance = self.machine.chance
        wish, amount = operator_key(), chance.random.choice([900, 5_001, 12_000])
        provider = chance.random.choice(list(self.operators))
        self.wishes[wish] = 0

        def do(unit: Unit) -> Outcome:
            tree = self.network.tree()
            listed = [Listed(place, family.card, None) for place, family in enumerate(self.families, 1)]
            group = add_group(unit, tree, self.books_id, "coop", "Coopérative", "equal", GROUP_PHONE, listed)
            asked = ask_group(
                unit, tree, group, Money(amount, "XOF"), provider=provider, environment=None, effect_key=wish,
                after=timedelta(0),
            )  # fmt: skip
            return {"asked": str(asked)}

        self._once("office", wish, do)
        if chance.hit("group list changed"):
            self.machine.after(chance.seconds(1, 60), "a list is emptied", self._empty_list)

    def _empty_list(self) -> None:
        def do() -> None:
            with self.store.write() as unit:
                unit.connection.execute(delete(payer_group_member))

        self.machine.try_as("office", do)

    def give_something_back(self) -> None:
        """One person asks that a payment be given back, another approves: now it is the operator's turn."""
        chance = self.machine.chance
        with self.store.read() as connection:
            paid = connection.execute(
                select(collection.c.key, collection.c.paid_minor, collection.c.paid_currency)
                .where(collection.c.state == "paid", collection.c.way == "push", collection.c.group_id.is_(None))
                .order_by(collection.c.id)
            ).all()
        if not paid:
            return
        one = chance.random.choice(paid)
        part = one.paid_minor if chance.random.random() < 0.7 else max(1, one.paid_minor // 3)

        def do() -> None:
            with self.store.write() as unit:
                asked = ask_refund(
                    unit, self.network.tree(), collection_key=one.key, amount=Money(part, one.paid_currency),
                    reason="by mistake", by="Awa",
                )  # fmt: skip
                if isinstance(asked, Refund):
                    approve(unit, asked.number, "Bio", who_gives_back(self.operators))

        self.machine.try_as("office", do)

    def pay_cash(self) -> None:
        """The treasurer takes cash and records it; a call that broke off is made again."""
        family, effect = self.someone(), operator_key()
        amount = self.machine.chance.random.choice([300, 2_900, 5_000])
        self.cash[effect] = amount

        def do(unit: Unit) -> Outcome:
            household = by_id(unit.connection, self.network.tree(), family.id)
            record_cash(
                unit, self.network.tree(), self.chart, effect_key=effect, household=household, staff=self.treasurer,
                amount=Money(amount, "XOF"),
            )  # fmt: skip
            return {}

        for delay in (0.0, *([3.0] if self.machine.chance.hit("hop repeated") else [])):
            self.machine.after(delay, "cash is recorded", lambda: self._once("web", effect, do, again_after_s=5))

    def pay_by_reference(self) -> None:
        """Somebody pays the merchant code and types a card number, the right one or not; some say so afterwards."""
        chance = self.machine.chance
        family = self.someone()
        typed: str | None = show_card(family.card)
        if chance.hit("wrong reference"):
            place = chance.random.randrange(9)
            typed = family.card[:place] + str((int(family.card[place]) + 1) % 10) + family.card[place + 1 :]
        elif chance.hit("no reference"):
            typed = None
        amount = Money(chance.random.choice([300, 1_450, 2_900, 9_999]), "XOF")
        moved = self.operators["mtn_momo"].enter(amount, family.phone, None, typed)
        if typed != show_card(family.card):
            who = self.someone() if chance.hit("someone else declares it") else family
            self.machine.after(chance.seconds(10, 8_000), "a declaration", lambda: self._declare(who, moved))

    def _declare(self, family: Family, moved: Transaction) -> None:
        def do() -> None:
            with self.store.write() as unit:
                household = by_id(unit.connection, self.network.tree(), family.id)
                declarations.declare(unit, self.network.tree(), self.chart, household, family.phone, "fr", moved.number)

        self.machine.try_as("web", do)

    # What the operator's SMS says to the treasurer, who forwards it

    def _sms_of_a_payment(self, moved: Transaction) -> None:
        chance = self.machine.chance
        asked_for = moved.key is not None
        mtn = moved in self.operators["mtn_momo"].books
        if not mtn or moved.amount.currency != "XOF":
            return
        if chance.hit("push forwarded too") if asked_for else not chance.hit("never forwarded"):
            for _ in range(2 if chance.hit("forwarded twice") else 1):
                self.machine.after(chance.seconds(5, 40_000), "an SMS is forwarded", lambda: self._forward(moved))

    def _forward(self, moved: Transaction) -> None:
        at = moved.at.astimezone(ZoneInfo(ZONE)).strftime("%Y-%m-%d %H:%M:%S")
        reference = f"Ref:carte {moved.card} " if moved.card else ""
        text = (
            f"Transfert {moved.amount.minor}F de ORA SABI ({moved.payer[1:]}) {at} {reference}"
            f"Solde:14607F ID:{moved.number}"
        )
        form = {"from": TREASURER, "to": "20000", "text": text, "id": operator_key(), "date": at}
        self._post_sms(form, moved.number)

    def _post_sms(self, form: dict[str, str], number: str) -> None:
        """Africa's Talking posts an SMS again until it is taken."""
        if self._posted(f"/sms/africastalking/{SECRET}/inbound", urlencode(form).encode(), FORM):
            self.told_of.add(number)
        else:
            self.machine.after(60, "an SMS again", lambda: self._post_sms(form, number))

    # What the operator takes back

    def take_back_something(self) -> None:
        """The operator's statement says that it took a payment back: perhaps twice, perhaps before we knew of it."""
        chance = self.machine.chance
        early = chance.hit("taking back told first")
        if not early and not chance.hit("money taken back"):
            return
        moved = [
            (operator.name, one)
            for operator in self.operators.values()
            for one in operator.books
            if not one.taken_back and (self.machine.now() - one.at > timedelta(hours=1)) is not early
        ]
        if moved:
            operator, one = chance.random.choice(moved)
            one.taken_back = True
            for delay in (0.0, *([500.0] if chance.random.random() < 0.3 else [])):
                self.machine.after(delay, "money is taken back", lambda: self._take_back(operator, one))

    def _take_back(self, operator: str, one: Transaction) -> None:
        def do() -> None:
            with self.store.write() as unit:
                take_back(
                    unit,
                    self.network.tree(),
                    operator=operator,
                    operator_id=one.number,
                    organisation_id=self.books_id,
                    amount=None,
                    reversal_id=f"R{one.number}",
                    said="taken back",
                )

        self.machine.try_as("a statement", do, again_after_s=60)

    # What comes round, and what comes in

    def round(self) -> None:
        """What the scheduler does beside sweeping."""

        def do() -> None:
            cases.escalate(self.store)
            declarations.expire(self.store)

        self.machine.try_as("scheduler", do, again_after_s=60)

    def forge(self) -> None:
        """Somebody who isn't the operator says that something was paid, of an order that exists or of none."""
        chance = self.machine.chance
        if chance.hit("notice forged"):
            operator = chance.random.choice(list(self.operators.values()))
            key = chance.random.choice([*operator.held, operator_key()])
            body = json.dumps({"key": key, "status": "SUCCESSFUL", "amount": 1_000_000}).encode()
            operator.forge(chance.random.choice([body, b"\xff{", b""]), key)

    def _notify(self, operator: str, key: str, body: bytes) -> bool:
        return self._posted(f"/payments/{operator}/{SECRET}/{key}", body)

    def _posted(self, path: str, body: bytes, content_type: str = "application/json") -> bool:
        """Is a request taken, by a web process that may die of it?"""
        try:
            with self.machine.process("web"):
                answer = self._web.post(path, data=body, content_type=content_type)
        except Killed:
            return False
        self.machine.note(f"answered {answer.status_code}")
        if answer.status_code >= 500 and answer.status_code != 503:
            self.machine.broken.append(f"{path} answered {answer.status_code}")
        return answer.status_code < 300

    def _report(self, report: Report) -> None:
        def do() -> None:
            with self.store.write() as unit:
                unit.connection.execute(
                    insert(notice).values(
                        source=self.aggregator.reports,
                        reference=report.aggregator_id,
                        received_at=unit.now,
                        content_type="application/json",
                        body=write_report(report),
                    )
                )
                apply_report(unit, report)

        self.machine.try_as("web", do, again_after_s=30)
