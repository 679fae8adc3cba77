"""What the tests of indicators stand on: the village of the payments' tests, on a database of each kind in turn."""

from __future__ import annotations

import pytest

from gateway.kernel.clock import FixedClock
from gateway.network.organisations import Network
from gateway.store.unit import Store
from tests.payments.village import Village, found


@pytest.fixture
def office(store: Store, network: Network, clock: FixedClock) -> Village:
    """A mutuelle with a section, a plan and a treasurer."""
    return Village(store, network, clock, found(store, network))
