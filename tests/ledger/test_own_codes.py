"""A network may say its own codes of accounts when it is founded; what it doesn't say is OHADA's."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.founding import found
from gateway.kernel.faults import Fault
from gateway.ledger.chart import OHADA, Chart, codes
from gateway.network.organisations import Network
from gateway.store.unit import Store
from tests.conftest import DEFAULTS

FILE = """
code = "u"
name = "Union"
kind = "union"
accounts = { wallet = "5521", cash = "5711" }
[[below]]
code = "a"
name = "A"
kind = "mutuelle"
keeps_books = true
[[below]]
code = "b"
name = "B"
kind = "mutuelle"
keeps_books = true
accounts = { cash = "57B" }
"""


def of(store: Store, network: Network, code: str, currency: str = "XOF") -> dict[str, str]:
    with store.write() as unit:
        ids = Chart().of(unit, network.tree().named(code).id, currency)
    by_id = codes(store)
    return {role: by_id[its_id] for role, its_id in ids.items()}


def test_codes_are_inherited_and_the_nearest_word_counts(store: Store, network: Network, tmp_path: Path) -> None:
    (tmp_path / "n.toml").write_text(FILE)
    found(store, DEFAULTS, tmp_path / "n.toml")
    assert of(store, network, "a") == {**OHADA, "wallet": "5521", "cash": "5711"}
    assert of(store, network, "b") == {**OHADA, "wallet": "5521", "cash": "57B"}
    assert of(store, network, "b", "USD") == dict(OHADA)  # in the currency of the books alone


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ('{ safe = "571" }', "accounts.safe"),
        ('{ cash = "57 1" }', "accounts.cash"),
        ('{ cash = "" }', "accounts.cash"),
        ('{ cash = "=571" }', "accounts.cash"),
        ('{ cash = "5711111111111" }', "accounts.cash"),
    ],
)
def test_a_role_or_code_that_is_none_is_refused(store: Store, tmp_path: Path, said: str, place: str) -> None:
    (tmp_path / "n.toml").write_text(FILE.replace('{ wallet = "5521", cash = "5711" }', said))
    with pytest.raises(Fault, match=place):
        found(store, DEFAULTS, tmp_path / "n.toml")
