"""The Daraja stand-in in a process of its own, and a hand on its controls."""

from __future__ import annotations

import json
from typing import Any

from playing import PATIENCE_S, Playing

from gateway.payments.providers.daraja import Daraja
from gateway.standins import daraja as standin


class DarajaPlay(Playing):
    """A running stand-in; ``options`` are those of its command line. An order's pushes may be several."""

    MODULE = "daraja"

    def provider(self, *, url: str | None = None, read_timeout_s: float = PATIENCE_S, **more: Any) -> Daraja:
        values = {
            "consumer_key": standin.CONSUMER_KEY,
            "consumer_secret": standin.CONSUMER_SECRET,
            "short_code": standin.SHORT_CODE,
            "passkey": standin.PASSKEY,
            "plain_callbacks_here": True,
            **more,
        }
        return Daraja(base_url=url or self.url, connect_timeout_s=3.0, read_timeout_s=read_timeout_s, **values)

    def pushes(self, key: str) -> list[dict[str, Any]]:
        return [one for one in self.play("requests")["requests"] if one["key"] == key]

    def debits(self, key: str) -> int:
        return sum(int(one["debits"]) for one in self.pushes(key))

    def asked(self, key: str) -> int:
        return len(self.pushes(key))

    def status(self, key: str, word: str) -> None:
        self.play("approve", {"key": key, "report": {"ResultCode": word}})

    def revoke_tokens(self) -> None:
        self.play("revoke-tokens", {})

    def secrets(self) -> list[str]:
        return [standin.CONSUMER_SECRET, standin.PASSKEY, *self.play("tokens")["tokens"]]

    def notice(self, key: str) -> bytes:
        return callback("ws_CO_1")


def callback(handle: str, result: int = 0, receipt: str = "TAB1CD2EF3") -> bytes:
    """A callback as Safaricom shows one."""
    items = [
        {"Name": "Amount", "Value": 1500.00}, {"Name": "MpesaReceiptNumber", "Value": receipt}, {"Name": "Balance"},
        {"Name": "TransactionDate", "Value": 20261122101500}, {"Name": "PhoneNumber", "Value": 254700000001},
    ]  # fmt: skip
    found: dict[str, Any] = {
        "MerchantRequestID": "1000-1000-1", "CheckoutRequestID": handle, "ResultCode": result, "ResultDesc": "told",
    }  # fmt: skip
    if not result:
        found["CallbackMetadata"] = {"Item": items}
    return json.dumps({"Body": {"stkCallback": found}}).encode()
