"""The Orange Money stand-in in a process of its own, and a hand on its controls."""

from __future__ import annotations

import json
from typing import Any

from playing import PATIENCE_S, Playing

from gateway.payments.providers.orange_money import OrangeMoney
from gateway.standins import orange_money as standin

RETURN_URL = "https://mutuelle.example.org"


class OrangePlay(Playing):
    """A running stand-in; ``options`` are those of its command line, the country's first of all."""

    MODULE = "orange_money"

    def __init__(self, country: str, *options: str) -> None:
        self.country = country
        super().__init__("--country", country, *options)

    def provider(self, *, url: str | None = None, read_timeout_s: float = PATIENCE_S, **more: Any) -> OrangeMoney:
        values = {
            "client_id": standin.CLIENT_ID,
            "client_secret": standin.CLIENT_SECRET,
            "merchant_key": standin.MERCHANT_KEY,
            "country": self.country,
            "return_url": RETURN_URL,
            "plain_addresses_here": True,
            **more,
        }
        return OrangeMoney(base_url=url or self.url, connect_timeout_s=3.0, read_timeout_s=read_timeout_s, **values)

    def drop_after(self) -> None:
        """The next order is made, and its answer is lost: nobody has its address, so nobody pays."""
        self.script(drop_after=True, outcome="INITIATED")

    def revoke_tokens(self) -> None:
        self.play("revoke-tokens", {})

    def secrets(self) -> list[str]:
        return [standin.CLIENT_SECRET, standin.MERCHANT_KEY, *self.play("tokens")["tokens"]]

    def notice(self, key: str) -> bytes:
        return json.dumps({"status": "SUCCESS", "notif_token": "5" * 32, "txnid": "MP260709.1341.A00073"}).encode()
