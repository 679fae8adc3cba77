"""What the tests of the samples share: a loaded network, and the report on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.network.organisations import Defaults, Network
from gateway.network.report import NetworkReport, network_report
from gateway.store.unit import Store

DEFAULTS = Defaults(country="BJ", currency="XOF", time_zone="Africa/Porto-Novo", language="fr", septets=160)


@dataclass(frozen=True)
class Sample:
    """A loaded network, and the report on each year as it was right after that year was loaded."""

    store: Store
    network: Network
    reports: dict[int, NetworkReport]


Load = Callable[..., Sample]


def report(store: Store, network: Network, year: int, root: str = "pamusab") -> NetworkReport:
    """The network's report as it is now."""
    network.forget()
    tree = network.tree()
    with store.read() as connection:
        return network_report(connection, tree, tree.named(root), year)


def quiet(done: int, total: int, what: str) -> None:
    """Says nothing."""
