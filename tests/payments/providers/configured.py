"""Settings for a provider: what must be there beside its own, and the one line that says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gateway.settings import BadSettings, Settings

ALWAYS = {
    "DATABASE_URL": "sqlite:////tmp/cotisa.db",
    "REDIS_URL": "redis://127.0.0.1",
    "SECRET_KEY": "a-secret-key-of-32-characters-or-more",
    "WEBHOOK_SECRET": "canary-webhook-secret",
    "PUBLIC_URL": "https://mutuelle.example.org",
}


def settings(own: Mapping[str, str]) -> Settings:
    """What Settings.of makes of them."""
    return Settings.of(ALWAYS | dict(own))


def wrong(own: Mapping[str, str]) -> str:
    """What is said of settings that can't be."""
    with pytest.raises(BadSettings) as told:
        settings(own)
    return str(told.value).removeprefix("settings: ")
