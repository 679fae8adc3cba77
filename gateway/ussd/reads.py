"""What screens read, and nothing else: one hop's view of the database, each question asked at most once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import date, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection

from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.membership import arrears, family, households, plans, renewal, requests, visits
from gateway.membership.arrears import DueRow
from gateway.membership.dues import add_months
from gateway.membership.family import Beneficiary, Joins, Price
from gateway.membership.households import Household, Standing
from gateway.membership.people import Person
from gateway.membership.plans import Plan
from gateway.membership.renewal import Renewal
from gateway.membership.requests import Request
from gateway.membership.visits import Covered
from gateway.network import facilities, staff
from gateway.network.facilities import Facility
from gateway.network.organisations import Organisation
from gateway.network.staff import Member
from gateway.payments import cash, cash_corrections, takings
from gateway.payments.cash import Handover
from gateway.payments.cash_corrections import CashReceipt
from gateway.payments.push.routes import Route
from gateway.payments.takings import Collected, Payment, Takings
from gateway.payments.unasked import declarations
from gateway.payments.unasked.declarations import Told
from gateway.services import Services
from gateway.sms import failing
from gateway.sms.news import news_of
from gateway.store.together import together
from gateway.store.unit import telling_unavailable
from gateway.ussd.screen import Role

T = TypeVar("T")

# As many lines as anybody reads on a phone.
MOST_LISTED = 20
MOST_DUE = 60
MOST_FACILITIES = 60


class Reads:
    """Implements :class:`gateway.ussd.screen.See` on the store."""

    def __init__(self, services: Services, caller: str, root: Organisation) -> None:
        self._services = services
        self._caller = caller
        self._root = root
        self._known: dict[tuple[object, ...], Any] = {}
        self._open: ExitStack | None = None
        self._connection: Connection | None = None

    def __enter__(self) -> Reads:
        return self

    def __exit__(self, *failure: object) -> None:
        self.forget()

    def _once(self, key: tuple[object, ...], ask: Callable[[Connection], T]) -> T:
        if key not in self._known:
            if self._connection is None:
                self._open = ExitStack()
                self._connection = self._open.enter_context(self._services.store.read())
            with telling_unavailable():
                self._known[key] = ask(self._connection)
        found: T = self._known[key]
        return found

    def forget(self) -> None:
        """Close what was opened: after an effect, everything is asked anew."""
        self._known.clear()
        self._connection = None
        if self._open is not None:
            self._open.close()

    @property
    def caller(self) -> str:
        return self._caller

    @property
    def root(self) -> Organisation:
        return self._root

    @property
    def today(self) -> date:
        return day_in(self._root.time_zone, self._services.clock.now())

    # --- the caller ---------------------------------------------------------------------------------------------------

    def _whoever(self) -> tuple[list[Household], list[Member], str | None]:
        """The caller's households, roles and language: all that a call begins with, in one round trip."""
        tree = self._services.network.tree()

        def ask(connection: Connection) -> tuple[list[Household], list[Member], str | None]:
            rows, roles, language = together(
                connection,
                households.ask_by_phone(self._caller),
                staff.ask_roles(self._caller),
                households.ask_language(self._caller),
            )
            chosen = language[0].language if language else None
            return households.read_by_phone(rows, tree), staff.read_roles(roles), chosen

        return self._once(("whoever",), ask)

    def language(self) -> str | None:
        """The language that the caller chose before, or their household's, or the one that they work in."""
        _, roles, chosen = self._whoever()
        spoken = [*(one.language for one in self.households()[:1]), chosen, *(one.language for one in roles)]
        return next(filter(None, spoken), None)

    def households(self) -> list[Household]:
        tree = self._services.network.tree()
        return [one for one in self._whoever()[0] if tree[one.section_id].under(self._root)]

    def roles(self) -> list[Role]:
        """What the caller may do as staff in this part of the network, or above it."""
        tree = self._services.network.tree()
        return [
            Role(one.id, one.role, one.organisation_id)
            for one in self._whoever()[1]
            if one.role in ("animator", "treasurer", "agent")
            and (tree[one.organisation_id].under(self._root) or self._root.under(tree[one.organisation_id]))
        ]

    def sms_stopped(self) -> bool:
        return self._once(("stopped",), lambda c: households.sms_stopped(c, self._caller))

    def reads_news(self) -> bool:
        return self._once(("news",), lambda c: bool(news_of(c, self._caller)))

    # --- households ---------------------------------------------------------------------------------------------------

    def household(self, card: str) -> Household | None:
        tree = self._services.network.tree()
        return self._once(("household", card), lambda c: households.by_card(c, tree, card))

    def _day(self, household: Household) -> date:
        return day_in(household.time_zone, self._services.clock.now())

    def standing(self, household: Household) -> Standing:
        today = self._day(household)
        return self._once(("standing", household.id), lambda c: households.standing(c, household, today))

    def standing_and_roster(self, household: Household) -> tuple[Standing, list[Beneficiary]]:
        today = self._day(household)
        return self._once(("on card", household.id), lambda c: households.standing_and_roster(c, household, today))

    def roster(self, card: str) -> list[Beneficiary]:
        household = self.household(card)
        if household is None:
            return []
        return self._once(("roster", card), lambda c: family.roster(c, household.id))

    def price_of_joining(self, card: str, person: Person, because: Joins, happened_on: date) -> Price | None:
        household = self.household(card)
        if household is None:
            return None
        try:
            return self._once(
                ("price", card),
                lambda c: family.price(c, household, person, because, happened_on, self._day(household)),
            )
        except family.Refused:
            return None

    def renewal(self, household: Household) -> Renewal | None:
        tree, today = self._services.network.tree(), self._day(household)
        return self._once(("renewal", household.id), lambda c: renewal.renewal_for(c, tree, household, today))

    def payments(self, household: Household) -> list[Payment]:
        return self._once(("payments", household.id), lambda c: takings.payments_of(c, household.id))

    def declared(self, household: Household) -> list[Told]:
        now = self._services.clock.now()
        return self._once(("declared", household.id), lambda c: declarations.told_by(c, household, now))

    # --- the network --------------------------------------------------------------------------------------------------

    def sections(self) -> Sequence[Organisation]:
        return self._services.network.tree().sections_under(self._root.id)

    def organisation(self, organisation_id: int) -> Organisation:
        return self._services.network.tree()[organisation_id]

    def plans(self, section_id: int) -> list[Plan]:
        tree = self._services.network.tree()
        return self._once(("plans", section_id), lambda c: plans.plans_for(c, tree, section_id, self.today))

    def route(self, msisdn: str) -> Route | None:
        return self._services.route(msisdn, self._root.country)

    def districts(self) -> list[str]:
        tree = self._services.network.tree()
        return self._once(("districts",), lambda c: facilities.districts(c, tree, self._root.path, self.today))

    def facilities(self, district: str) -> list[Facility]:
        return self._once(
            ("facilities", district),
            lambda c: facilities.in_district(c, self._root.path, district, self.today, MOST_FACILITIES),
        )

    # --- staff --------------------------------------------------------------------------------------------------------

    def _member(self, staff_id: int) -> Member | None:
        return next((one for one in self._whoever()[1] if one.id == staff_id), None)

    def _office(self, staff_id: int) -> Organisation | None:
        member = self._member(staff_id)
        return self._services.network.tree()[member.organisation_id] if member is not None else None

    def sections_of_staff(self, staff: int) -> Sequence[Organisation]:
        office = self._office(staff)
        return self._services.network.tree().sections_under(office.id) if office is not None else ()

    def is_mine(self, staff: int, card: str) -> bool:
        office, household = self._office(staff), self.household(card)
        if office is None or household is None:
            return False
        return self._services.network.tree()[household.section_id].under(office)

    def due_this_month(self, staff: int) -> list[DueRow]:
        sections = [one.id for one in self.sections_of_staff(staff)]
        until = add_months(self.today.replace(day=1), 1) - timedelta(days=1)
        return self._once(("due", staff), lambda c: arrears.in_section_due(c, sections, until, MOST_DUE))

    def unreachable(self, *cards: str) -> set[str]:
        return self._once(("unreachable", *cards), lambda c: failing.unreachable(c, cards))

    def collected_today(self, staff: int) -> Collected:
        own = staff if self._member(staff) is not None else 0
        return self._once(("collected", staff), lambda c: takings.collected_by(c, own, self.today))

    def held(self, staff: int) -> list[Money]:
        own = staff if self._member(staff) is not None else 0
        return self._once(("held", staff), lambda c: cash.held(c, own))

    def calls_to_make(self, staff: int) -> list[Request]:
        office = self._office(staff)
        if office is None:
            return []
        return self._once(("calls", staff), lambda c: requests.open_requests(c, office.path, "callback", MOST_LISTED))

    def takings_today(self, staff: int) -> Takings:
        office, tree = self._office(staff), self._services.network.tree()
        if office is None:
            return Takings(self.today, (), ())
        return self._once(("takings", staff), lambda c: takings.takings(c, tree, office.id, self.today))

    def takings_to_close(self, staff: int) -> Takings:
        office, tree = self._office(staff), self._services.network.tree()
        if office is None:
            return Takings(self.today, (), ())
        return self._once(("to close", staff), lambda c: takings.to_close(c, tree, office.id, self.today))

    def last_payments(self, staff: int) -> list[Payment]:
        office, tree = self._office(staff), self._services.network.tree()
        if office is None:
            return []
        return self._once(("last", staff), lambda c: takings.last_payments(c, tree, office.id, MOST_LISTED))

    def handovers(self, staff: int) -> list[Handover]:
        member, tree = self._member(staff), self._services.network.tree()
        if member is None:
            return []
        return self._once(("handovers", staff), lambda c: cash.open_handovers(c, tree, member)[:MOST_LISTED])

    def cash_receipt(self, typed: str) -> CashReceipt | None:
        tree = self._services.network.tree()
        return self._once(("cash receipt", typed), lambda c: cash_corrections.cash_receipt(c, tree, typed))

    def covered_today(self, card: str) -> Covered | None:
        household, tree = self.household(card), self._services.network.tree()
        if household is None:
            return None
        today = self._day(household)
        return self._once(("covered", card), lambda c: visits.who_is_covered(c, tree, household, today))
