"""The stand-in of an operator with the GSMA's API in a process of its own, and a hand on its controls."""

from __future__ import annotations

import json
from typing import Any

from playing import PATIENCE_S, Playing

from gateway.payments.providers.gsma import Gsma
from gateway.standins import gsma as standin


class GsmaPlay(Playing):
    """A running stand-in; ``options`` are those of its command line."""

    MODULE = "gsma"

    def provider(self, *, url: str | None = None, read_timeout_s: float = PATIENCE_S, **more: Any) -> Gsma:
        values = {
            "api_key": standin.API_KEY,
            "client_id": standin.CLIENT_ID,
            "payee": standin.PAYEE,
            "plain_callbacks_here": True,
            **more,
        }
        return Gsma(base_url=url or self.url, connect_timeout_s=3.0, read_timeout_s=read_timeout_s, **values)

    def revoke_tokens(self) -> None:
        """There are none."""

    def secrets(self) -> list[str]:
        return [standin.API_KEY]

    def notice(self, key: str) -> bytes:
        told = {"transactionStatus": "completed", "requestingOrganisationTransactionReference": key}
        return json.dumps({**told, "amount": "1500", "currency": "BIF", "transactionReference": "REF-1"}).encode()
