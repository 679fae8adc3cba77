"""What the words' tests stand on: the village of the payments' tests and the running application of the menu's."""

from __future__ import annotations

import pytest

from tests.payments.conftest import office, village
from tests.ussd.conftest import any_place, on_postgres, on_sqlite, pg_place, place
from tests.ussd.world import Place
from tests.words.line import settled

__all__ = ["any_place", "office", "on_postgres", "on_sqlite", "pg_place", "place", "village"]


@pytest.fixture
def card(any_place: Place) -> str:
    """A family whose phone has chosen English, on each kind of database; its card as people read it."""
    return settled(any_place)


@pytest.fixture
def home(place: Place) -> str:
    """The same, where the kind of database says nothing new."""
    return settled(place)
