"""What the program is made of, wired once: handed to the menu, the web and the workers alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sqlalchemy import Connection, select

from gateway.kernel.clock import Clock
from gateway.ledger.chart import Chart
from gateway.membership.plans import Plan, read_plan
from gateway.network.organisations import Defaults, Network
from gateway.payments.providers.base import Connected
from gateway.payments.push.breaker import Breakers, Line
from gateway.payments.push.operators import SANDBOX, SANDBOX_PUSH, Operators
from gateway.payments.push.routes import Route
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
    providers: Mapping[str, Connected]
    breakers: Breakers
    push_delay: timedelta
    chart: Chart = field(default_factory=Chart)

    def plan(self, connection: Connection, plan_id: int) -> Plan:
        """The plan version with an id that a screen offered."""
        return read_plan(connection.execute(select(plan).where(plan.c.id == plan_id)).one())

    def route(self, msisdn: str, country: str) -> Route | None:
        """How a phone can pay a mutuelle of ``country``: by a push where its operator is connected, else by reference.

        None for a wallet of another country, which deals in other money, and for one that nothing is known of. A number
        of no known operator gets a push only where an operator's sandbox takes every number.
        """
        operator = self.operators.of(msisdn)
        if operator is not None and operator.country != country:
            return None
        momo = self.providers.get(SANDBOX_PUSH)
        in_sandbox = momo is not None and momo.serves(SANDBOX)
        down = None
        for push in self.operators.pushes_for(msisdn, in_sandbox):
            connected = self.providers.get(push.provider)
            if connected is None or not connected.serves(push.environment):
                continue
            route = Route("push", operator.name if operator else "", push.provider, push.environment)
            if not self.breakers.down(Line(push.provider, push.environment)):
                return route
            down = down or replace(route, down=True)
        if down is not None:
            return down
        if operator is not None and operator.reference:
            return Route("reference", operator.name)
        return None
