"""The MTN MoMo stand-in in a process of its own, and a hand on its controls."""

from __future__ import annotations

import json
from typing import Any

from gateway.payments.providers.mtn_momo import MtnMomo, MtnMomoBothWays
from gateway.standins import mtn_momo as standin
from tests.payments.providers.playing import PATIENCE_S, Playing


class MomoPlay(Playing):
    """A running stand-in; ``options`` are those of its command line, the environment's first of all."""

    MODULE = "mtn_momo"

    def __init__(self, *options: str) -> None:
        self.environment = options[options.index("--target-environment") + 1] if options else "sandbox"
        super().__init__(*options)

    def provider(self, *, url: str | None = None, read_timeout_s: float = PATIENCE_S, **more: Any) -> MtnMomo:
        return MtnMomo(**self._own(url, read_timeout_s) | more)

    def both_ways(self, *, url: str | None = None, read_timeout_s: float = PATIENCE_S, **more: Any) -> MtnMomoBothWays:
        """The provider that can give money back too."""
        return MtnMomoBothWays(
            disbursement_api_user=standin.API_USER,
            disbursement_api_key=standin.API_KEY,
            disbursement_subscription_key=standin.DISBURSEMENT_KEY,
            **self._own(url, read_timeout_s) | more,
        )

    def _own(self, url: str | None, read_timeout_s: float) -> dict[str, Any]:
        return {
            "api_user": standin.API_USER,
            "api_key": standin.API_KEY,
            "subscription_key": standin.SUBSCRIPTION_KEY,
            "target_environment": self.environment,
            "plain_callbacks_here": True,
            "base_url": url or self.url,
            "connect_timeout_s": 3.0,
            "read_timeout_s": read_timeout_s,
        }

    def revoke_tokens(self) -> None:
        self.play("revoke-tokens", {})

    def secrets(self) -> list[str]:
        return [
            standin.API_KEY, standin.SUBSCRIPTION_KEY, standin.DISBURSEMENT_KEY, *self.play("tokens")["tokens"],
        ]  # fmt: skip

    def notice(self, key: str) -> bytes:
        return json.dumps({"externalId": key, "status": "SUCCESSFUL", "amount": "1500", "currency": "XOF"}).encode()
