"""What every provider's tests share: one refused order for each row of its table, and assertions that explain."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from notified import Notified, listening

pytest.register_assert_rewrite("contract", "refunder")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``refusal``: each (operator's word, our reason) of the class's ``REFUSALS``."""
    if "refusal" in metafunc.fixturenames and metafunc.cls is not None:
        rows = metafunc.cls.REFUSALS
        metafunc.parametrize("refusal", rows.items(), ids=rows.keys())


@pytest.fixture
def closed_url() -> str:
    """Where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def notified() -> Iterator[Notified]:
    """An address for notices, and those that came."""
    with listening() as address:
        yield address
