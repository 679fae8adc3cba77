"""What the failures' tests stand on: the village of the payments' tests and the running application of the menu's."""

from __future__ import annotations

from tests.payments.conftest import momo, office, running_momo, village, webhook
from tests.ussd.conftest import any_place, on_postgres, on_sqlite, pg_place, place, town

__all__ = [
    "any_place",
    "momo",
    "office",
    "on_postgres",
    "on_sqlite",
    "pg_place",
    "place",
    "running_momo",
    "town",
    "village",
    "webhook",
]
