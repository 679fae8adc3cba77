"""What screens read, and nothing else: one hop's view of the database, each question asked at most once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import date
from typing import Any, TypeVar

from sqlalchemy import Connection

from gateway.kernel.clock import day_in
from gateway.membership import households, plans
from gateway.membership.households import Household, Standing
from gateway.membership.plans import Plan
from gateway.network.organisations import Organisation
from gateway.payments.routes import Route
from gateway.services import Services
from gateway.store.unit import telling_unavailable

T = TypeVar("T")


class Reads:
    """Implements :class:`gateway.ussd.screen.See` on the store."""

    def __init__(self, services: Services, caller: str, root: Organisation) -> None:
        self._services = services
        self._caller = caller
        self._root = root
        self._known: dict[tuple[object, ...], Any] = {}
        self._open = ExitStack()
        self._connection: Connection | None = None

    def __enter__(self) -> Reads:
        return self

    def __exit__(self, *failure: object) -> None:
        self.forget()

    def _once(self, key: tuple[object, ...], ask: Callable[[Connection], T]) -> T:
        if key not in self._known:
            if self._connection is None:
                self._connection = self._open.enter_context(self._services.store.read())
            with telling_unavailable():
                self._known[key] = ask(self._connection)
        found: T = self._known[key]
        return found

    def forget(self) -> None:
        """Close what was opened: after an effect, everything is asked anew."""
        self._known.clear()
        self._connection = None
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

    def language(self) -> str | None:
        """The language that the caller chose before, or their household's."""
        own = self.households()
        if own and own[0].language is not None:
            return own[0].language
        return self._once(("language",), lambda c: households.language_of_caller(c, self._caller))

    def households(self) -> list[Household]:
        """The households that the caller's phone belongs to in this part of the network."""
        tree = self._services.network.tree()
        found = self._once(("households",), lambda c: households.by_phone(c, tree, self._caller))
        return [one for one in found if tree[one.section_id].under(self._root)]

    def household(self, card: str) -> Household | None:
        tree = self._services.network.tree()
        return self._once(("household", card), lambda c: households.by_card(c, tree, card))

    def standing(self, household: Household) -> Standing:
        today = day_in(household.time_zone, self._services.clock.now())
        return self._once(("standing", household.id), lambda c: households.standing(c, household, today))

    def standing_and_names(self, household: Household) -> tuple[Standing, list[str]]:
        today = day_in(household.time_zone, self._services.clock.now())
        return self._once(("names", household.id), lambda c: households.standing_and_names(c, household, today))

    def sections(self) -> Sequence[Organisation]:
        return self._services.network.tree().sections_under(self._root.id)

    def organisation(self, organisation_id: int) -> Organisation:
        return self._services.network.tree()[organisation_id]

    def plans(self, section_id: int) -> list[Plan]:
        tree = self._services.network.tree()
        return self._once(("plans", section_id), lambda c: plans.plans_for(c, tree, section_id, self.today))

    def route(self, msisdn: str) -> Route | None:
        return self._services.route(msisdn, self._root.country)
