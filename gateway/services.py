"""What the program is made of, wired once: handed to the menu, the web and the workers alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Connection, select

from gateway.kernel.clock import Clock
from gateway.ledger.chart import Chart
from gateway.membership.plans import Plan, read_plan
from gateway.network.organisations import Defaults, Network
from gateway.payments.operators import Operators
from gateway.payments.providers.base import Provider
from gateway.payments.routes import Route
from gateway.store.schema import plan
from gateway.store.unit import Store


@dataclass(frozen=True)
class Services:
    """The parts that everything else is given."""

    store: Store
    clock: Clock
    network: Network
    defaults: Defaults
    operators: Operators
    providers: Mapping[str, Provider]
    push_environment: str
    push_delay: timedelta
    chart: Chart = field(default_factory=Chart)

    def plan(self, connection: Connection, plan_id: int) -> Plan:
        """The plan version with an id that a screen offered."""
        return read_plan(connection.execute(select(plan).where(plan.c.id == plan_id)).one())

    def route(self, msisdn: str) -> Route | None:
        """How a phone can pay: by a push to its wallet where an operator is connected, else by reference, else None."""
        operator = self.operators.of(msisdn)
        provider = self.operators.push_for(msisdn, self.push_environment)
        if provider in self.providers:
            return Route("push", operator.name if operator else "", provider)
        if operator is not None and operator.reference:
            return Route("reference", operator.name)
        return None

    def reference_operators(self, country: str) -> list[str]:
        """The operators of a country that take payments by merchant code."""
        return [one.name for one in self.operators.reference_for(country)]
