"""What the API stands on: the parts of the program that its functions are handed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import redis

from gateway.network.api_keys import ApiKey
from gateway.services import Services
from gateway.settings import Settings
from gateway.store.unit import Store

# Writes down that a key was shown some households (by id), at a moment; outside of any transaction.
Looked = Callable[[ApiKey, Sequence[int], datetime], None]


@dataclass(frozen=True)
class Parts:
    """The settings, the services, and Redis for what may be lost; ``looked`` is told whose households were shown."""

    settings: Settings
    services: Services
    redis: redis.Redis
    looked: Looked | None = None

    @property
    def store(self) -> Store:
        return self.services.store
