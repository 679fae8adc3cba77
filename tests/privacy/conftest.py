"""A village whose families join, without any operator."""

from __future__ import annotations

import pytest

from gateway.kernel.clock import FixedClock
from gateway.network.organisations import Network
from gateway.store.unit import Store
from tests.payments.village import Village, found


@pytest.fixture
def village(store: Store, network: Network, clock: FixedClock) -> Village:
    """A village on a database of each kind in turn."""
    return Village(store, network, clock, found(store, network))
