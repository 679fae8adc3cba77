"""The pawaPay stand-in in a process of its own, and a hand on its controls."""

from __future__ import annotations

import json
from typing import Any

from gateway.payments.providers.pawapay import PawaPay
from gateway.standins import pawapay as standin
from tests.payments.providers.playing import PATIENCE_S, Playing

CALLBACK_URL = "https://mutuelle.example.org/payments/pawapay/canary-webhook-secret/callback"


class PawaPayPlay(Playing):
    """A running stand-in; its payers do nothing by themselves unless told to."""

    MODULE = "pawapay"

    def provider(
        self,
        *,
        url: str | None = None,
        read_timeout_s: float = PATIENCE_S,
        callback_url: str = CALLBACK_URL,
        **more: Any,
    ) -> PawaPay:
        return PawaPay(
            api_token=more.pop("api_token", standin.API_TOKEN),
            base_url=url or self.url,
            callback_url=callback_url,
            connect_timeout_s=3.0,
            read_timeout_s=read_timeout_s,
            **more,
        )

    def revoke_tokens(self) -> None:
        """pawaPay's token is a setting: there is none to take back."""

    def secrets(self) -> list[str]:
        return [standin.API_TOKEN]

    def notice(self, key: str) -> bytes:
        return json.dumps({"depositId": key, "status": "COMPLETED", "amount": "1500.00", "currency": "XOF"}).encode()
