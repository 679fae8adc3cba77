"""Which operators an installation has: those whose keys are set, and the plan of operators knows each by name."""

from __future__ import annotations

import pytest

from gateway.payments.providers.connected import EACH, connected, play_money
from gateway.payments.push.operators import PUSHES, Operators
from gateway.settings import Settings

BASE = {
    "DATABASE_URL": "sqlite:///unused", "REDIS_URL": "redis://unused", "SECRET_KEY": "s" * 32,
    "WEBHOOK_SECRET": "w" * 16, "PUBLIC_URL": "https://cotisa.invalid",
}  # fmt: skip
MTN = {
    "MTN_MOMO_API_USER": "11111111-1111-4111-8111-111111111111", "MTN_MOMO_API_KEY": "k",
    "MTN_MOMO_SUBSCRIPTION_KEY": "s", "MTN_MOMO_TARGET_ENVIRONMENT": "mtnbenin",
    "MTN_MOMO_BASE_URL": "https://momo.invalid",
}  # fmt: skip


def test_without_keys_nobody_is_connected() -> None:
    assert connected(Settings.of(BASE)) == {}
    assert play_money(Settings.of(BASE)) == []


def test_with_keys_an_operator_serves_its_environment() -> None:
    found = connected(Settings.of({**BASE, **MTN}))
    assert list(found) == ["mtn_momo"]
    assert (found["mtn_momo"].serves("mtnbenin"), found["mtn_momo"].serves("mtnrwanda")) == (True, False)


def test_a_sandbox_is_told_of() -> None:
    in_sandbox = {**MTN, "MTN_MOMO_TARGET_ENVIRONMENT": "sandbox"}
    assert play_money(Settings.of({**BASE, **in_sandbox})) == ["MTN MOMO'S SANDBOX"]


@pytest.mark.parametrize("country", sorted({one.country for one in Operators.load().all}))
def test_the_plan_names_only_providers_that_there_are(country: str) -> None:
    named = {push.provider for one in Operators.load().all if one.country == country for push in one.pushes}
    assert named <= set(EACH) == PUSHES
