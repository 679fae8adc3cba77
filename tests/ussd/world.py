"""A small world for the menu's tests: a union in Benin, a network in Burundi, and neighbours with canaries' names."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property
from typing import Any

from flask import Flask
from sqlalchemy import Executable, func, insert, select

from gateway.app import create_app_on
from gateway.kernel.clock import Clock, FixedClock
from gateway.kernel.money import Money
from gateway.ledger.chart import Chart
from gateway.membership import pins
from gateway.membership.changes import By
from gateway.membership.dues import Terms
from gateway.membership.households import add_phone, choose_language, register
from gateway.membership.people import Person
from gateway.membership.plans import add_plan, plans_for
from gateway.network import facilities, staff
from gateway.network.organisations import Defaults, Network, add_organisation
from gateway.payments.collections import move, newest
from gateway.payments.providers.base import Paid
from gateway.payments.settle import post_paid
from gateway.payments.states import State
from gateway.settings import Settings
from gateway.store.engine import open_engine
from gateway.store.schema import collection, effect, facility, household, message, service_code
from gateway.store.unit import Store, Unit
from gateway.wiring import Runtime
from tests.ussd.handset import PATH, SECRET, Answer, Handset

MORNING = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
OUAKE, NARROW, WIDE, BURUNDI, VILLAGE = "*384*229#", "*384*80#", "*384*182#", "*384*257#", "*384*1#"
# Numbers at the very beginning of their ranges.
MEMBER, OTHER_MTN, MOOV = "+2290150000001", "+2290150000002", "+2290155000001"
LUMICASH, ONATEL = "+25763000001", "+25777000001"
SHARED, ONE_PERSON = "+2290150000900", "+2290150000901"
# Staff, where a test brings them in.
ANIMATOR, TREASURER, AGENT, STAFF_PIN = "+2290150000801", "+2290150000802", "+2290150000803", "48265"
# A family of three: 10 200 F in its first year, 3 300 F of it due at once.
FAMILY = (
    Person("Adjara Tchédré", "F", 1991, "head"),
    Person("Moussa Tchédré", "M", 1986, "spouse"),
    Person("Rahina Tchédré", "F", 2018, "child"),
)
CANARIES = ("Zéphyrin Kanarivogel", "Zoulikha Kanarivogel", "Zacharie Kanarivogel")

UNION = "Union Communale des Mutuelles de Santé de Ouaké"
FAMILY_PLAN = Terms(
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
FREE_PLAN = Terms(0, 3_000, 0, 1, 0, 30, 100, 500, 1)
BENIN_SECTIONS = {
    "Mutuelle Ouaké": ("Awanla", "Kadolassi", "Itchélli", "Madjatom"),
    "Mutuelle Anandana": ("Anandana Centre", "Pélébina", "Gnambodou"),
    "Mutuelle Séméré 2": ("Séméré Haut", "Séméré Bas", "Kpaouya", "Gbessou"),
}


def build(unit: Unit) -> None:
    """Write the world into an empty database."""
    union = add_organisation(
        unit, None, kind="union", code="ouake", name=UNION, country="BJ", currency="XOF",
        time_zone="Africa/Porto-Novo", languages="fr,en", merchant_code="229384",
    )  # fmt: skip
    add_plan(unit, union[0], "famille", "Famille", "XOF", FAMILY_PLAN, date(2024, 1, 1))
    first = None
    for mutuelle, villages in BENIN_SECTIONS.items():
        own = add_organisation(unit, union, kind="mutuelle", code=mutuelle, name=mutuelle, keeps_books=True)
        for village in villages:
            add_organisation(unit, own, kind="section", code=village, name=village, district=mutuelle.split()[1])
        first = first or own
    assert first is not None
    network = add_organisation(
        unit, None, kind="promoter", code="umoja", name="UMOJA", country="BI", currency="BIF",
        time_zone="Africa/Bujumbura", languages="fr,rn,sw,en", merchant_code="257001", keeps_books=True,
    )  # fmt: skip
    for name in ("Gitega", "Muramvya"):
        add_organisation(unit, network, kind="section", code=name, name=name)
    add_plan(unit, network[0], "menage", "Ménage", "BIF", FREE_PLAN, date(2024, 1, 1))
    add_plan(unit, network[0], "tete", "Par tête", "BIF", FAMILY_PLAN, date(2024, 1, 1))
    # A section whose plan opens only next year, under a code of its own.
    late = add_organisation(unit, None, kind="mutuelle", code="late", name="Mutuelle Bassila", country="TG",
                            currency="XOF", languages="fr", keeps_books=True)  # fmt: skip
    add_organisation(unit, late, kind="section", code="Bassila", name="Bassila")
    add_plan(unit, late[0], "famille", "Famille", "XOF", FAMILY_PLAN, date(2027, 1, 1))
    codes = {OUAKE: (union, None), NARROW: (union, 80), WIDE: (union, 182), BURUNDI: (network, None)}
    codes[VILLAGE] = (first, None)
    codes["*384*228#"] = (late, None)
    for code, ((organisation_id, _), septets) in codes.items():
        unit.connection.execute(
            insert(service_code).values(code=code, organisation_id=organisation_id, septets=septets)
        )


def register_people(unit: Unit, network: Network, section: str, msisdn: str | None, *names: str | Person) -> str:
    """Register a household as staff would, its head first; the card. Of whom only a name is told, she is 46."""
    tree = network.tree()
    where = tree.named(section).id
    plan = plans_for(unit.connection, tree, where, MORNING.date())[0]
    people = [
        one if isinstance(one, Person) else Person(one, "F", 1980, "head" if not number else "child")
        for number, one in enumerate(names)
    ]
    return register(unit, tree, Chart(), where, plan, people, msisdn, None).card


def populate(store: Store, network: Network) -> None:
    """The world with its neighbours: two households that share a phone, and one with a phone of its own."""
    with store.write() as unit:
        build(unit)
    network.forget()
    with store.write() as unit:
        register_people(unit, network, "Madjatom", SHARED, CANARIES[0], "Zita Kanarivogel")
        register_people(unit, network, "Kpaouya", SHARED, CANARIES[1])
        register_people(unit, network, "Gbessou", ONE_PERSON, CANARIES[2])


def make_template(url: str) -> None:
    """Populate a migrated database that will be copied for each test."""
    with closing(open_engineed(url)) as store:
        populate(store, Network(store, Defaults("BJ", "XOF", "Africa/Porto-Novo", "fr", 160)))


def open_engineed(url: str) -> Store:
    """A patient store on the world's first morning."""
    return Store(open_engine(url, patient=True), FixedClock(MORNING))


@dataclass(frozen=True)
class StandingRuntime(Runtime):
    """The application's own parts, on a clock that a test moves."""

    own_clock: FixedClock = field(default_factory=lambda: FixedClock(MORNING))

    @cached_property
    def clock(self) -> Clock:
        return self.own_clock


@cache
def sealed(pin: str) -> str:
    """A PIN's hash: slow to make, so each is made once."""
    return pins.seal(pin)


@cache
def _settings() -> Settings:
    return Settings.of(
        {
            "DATABASE_URL": "sqlite:///unused",
            "REDIS_URL": "redis://unused",
            "SECRET_KEY": "s" * 32,
            "WEBHOOK_SECRET": SECRET,
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "MTN_MOMO_API_USER": "user",
            "MTN_MOMO_API_KEY": "key",
            "MTN_MOMO_SUBSCRIPTION_KEY": "subscription",
            "MTN_MOMO_TARGET_ENVIRONMENT": "mtnbenin",
            "MTN_MOMO_BASE_URL": "http://127.0.0.1:9",
        }
    )


def settings(database_url: str, redis_url: str) -> Settings:
    """Settings as an installation in Benin would have them, with MTN connected."""
    return _settings().model_copy(update={"database_url": database_url, "redis_url": redis_url})


@dataclass
class Place:
    """The running application with its database, Redis and clock, as a test sees it."""

    runtime: StandingRuntime

    @cached_property
    def app(self) -> Flask:
        return create_app_on(self.runtime)

    def post(self, form: Mapping[str, str]) -> Answer:
        """One hop over the Flask test client; safe from several threads."""
        answer = self.app.test_client().post(PATH, data=dict(form))
        return Answer(answer.status_code, answer.content_type or "", answer.get_data(as_text=True))

    def phone(self, msisdn: str = MEMBER, septets: int = 160) -> Handset:
        """A phone in this place."""
        return Handset(msisdn, self.post, septets)

    def wait(self, days: int = 0, **other: int) -> None:
        """Let time pass."""
        self.runtime.own_clock.move(timedelta(days=days, **other))

    def household_with(self, msisdn: str | None, *names: str | Person, section: str = "Awanla") -> str:
        """A household registered by staff; its card."""
        with self.runtime.store.write() as unit:
            return register_people(unit, self.runtime.network, section, msisdn, *(names or ("Adjara Tchédré",)))

    def staff_with(
        self,
        msisdn: str,
        role: str,
        name: str,
        at: str = "Mutuelle Ouaké",
        pin: str | None = STAFF_PIN,
        facility_id: int | None = None,
    ) -> int:
        """Somebody with a role in an organisation and a PIN of their own, who speaks French; the role's id."""
        with self.runtime.store.write() as unit:
            where = self.runtime.network.tree().named(at).id
            if pin is not None:
                pins.keep(unit, pins.of_staff(msisdn), sealed(pin))
            choose_language(unit, msisdn, "fr")
            return staff.add(unit, where, name, role, msisdn, "fr", facility_id)

    def facility(
        self, name: str = "Hôpital de Ouaké", district: str = "Ouaké", owner: str = "ouake", **other: Any
    ) -> int:
        """A health facility with an agreement since the beginning; its id."""
        agreed: dict[str, Any] = {"kind": "hospital", "ownership": "public", "agreed_on": date(2024, 1, 1), **other}
        with self.runtime.store.write() as unit:
            code = f"f-{unit.connection.scalar(select(func.count()).select_from(facility))}"
            owner_id = self.runtime.network.tree().named(owner).id
            return facilities.add_facility(unit, owner_id, code, name, district=district, **agreed)

    def gives_phone(self, card: str, msisdn: str) -> None:
        """Let another phone belong to a household, as its office would."""
        with self.runtime.store.write() as unit:
            add_phone(unit, self._household(unit, card), msisdn, By(None))

    @staticmethod
    def _household(unit: Unit, card: str) -> int:
        return int(unit.connection.execute(select(household.c.id).where(household.c.card == card)).scalar_one())

    def lock_household(self, card: str, pin: str) -> None:
        """Give a household a PIN, as its members would."""
        with self.runtime.store.write() as unit:
            pins.keep(unit, pins.of_household(self._household(unit, card)), sealed(pin))

    def ask(self, query: Executable) -> list[tuple[Any, ...]]:
        """What the database says."""
        with self.runtime.store.read() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def texts(self, event: str, msisdn: str | None = None) -> list[str]:
        """The SMS that were written of an event, to one phone or to anybody, the oldest first."""
        query = select(message.c.text).where(message.c.event == event).order_by(message.c.created_at, message.c.msisdn)
        return [text for (text,) in self.ask(query if msisdn is None else query.where(message.c.msisdn == msisdn))]

    def wallet_pays(self) -> Money:
        """The newest collection turns out paid, as a worker would record it; how much."""
        with self.runtime.store.write() as unit:
            one = newest(unit.connection, 1)[0]
            move(unit, one, State.SENDING)
            move(unit, replace(one, state=State.SENDING), State.PENDING)
            paid = Paid(one.amount, f"op-{one.id}", one.payer, "SUCCESSFUL")
            assert post_paid(unit, self.runtime.network.tree(), self.runtime.services.chart, one.key, paid)
        return one.amount

    def counts(self) -> dict[str, int]:
        """How many rows stand in the tables that a hop may write."""
        with self.runtime.store.read() as connection:
            return {
                table.name: connection.scalar(select(func.count()).select_from(table)) or 0
                for table in (household, collection, message, effect)
            }

    def forget_sessions(self) -> None:
        """Redis drops sessions and nothing else, as it may under pressure."""
        sessions = list(self.runtime.redis.scan_iter("ussd:s:*"))
        assert sessions
        self.runtime.redis.delete(*sessions)

    def close(self) -> None:
        self.runtime.store.close()
        self.runtime.redis.close()
