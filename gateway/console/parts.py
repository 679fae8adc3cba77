"""What the office stands on: the parts of the program that its pages are handed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import redis

from gateway.services import Services
from gateway.settings import Settings
from gateway.store.unit import Store


@dataclass(frozen=True)
class Parts:
    """The settings, the services, and Redis for what may be lost."""

    settings: Settings
    services: Services
    redis: redis.Redis

    @property
    def store(self) -> Store:
        return self.services.store

    @cached_property
    def secure(self) -> bool:
        """Are pages served over https? Cookies are then kept to it."""
        return self.settings.public_url.startswith("https:")
