"""The Airtel Money stand-in in a process of its own, and a hand on its controls."""

from __future__ import annotations

import json
import uuid
from typing import Any

from playing import PATIENCE_S, Playing

from gateway.payments.providers.airtel_money import AirtelMoney
from gateway.standins import airtel_money as standin


class AirtelPlay(Playing):
    """A running stand-in; ``options`` are those of its command line, the country's first of all."""

    MODULE = "airtel_money"

    def __init__(self, country: str, *options: str) -> None:
        self.country = country
        super().__init__("--country", country, *options)

    def provider(self, *, url: str | None = None, read_timeout_s: float = PATIENCE_S, **more: Any) -> AirtelMoney:
        values = {
            "client_id": standin.CLIENT_ID, "client_secret": standin.CLIENT_SECRET, "country": self.country, **more,
        }  # fmt: skip
        return AirtelMoney(base_url=url or self.url, connect_timeout_s=3.0, read_timeout_s=read_timeout_s, **values)

    def revoke_tokens(self) -> None:
        self.play("revoke-tokens", {})

    def secrets(self) -> list[str]:
        return [standin.CLIENT_SECRET, *self.play("tokens")["tokens"]]

    def notice(self, key: str) -> bytes:
        told = {"id": uuid.UUID(key).hex, "message": "Paid RWF 1500", "status_code": "TS", "airtel_money_id": "MP1"}
        return json.dumps({"transaction": told}).encode()
