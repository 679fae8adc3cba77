"""The M-Pesa OpenAPI stand-in in a process of its own, and a hand on its controls."""

from __future__ import annotations

import json
import uuid
from typing import Any

from playing import PATIENCE_S, Playing

from gateway.payments.providers.mpesa_openapi import MpesaOpenApi
from gateway.standins import mpesa_openapi as standin


class MpesaPlay(Playing):
    """A running stand-in; ``options`` are those of its command line."""

    MODULE = "mpesa_openapi"

    def __init__(self, *options: str) -> None:
        super().__init__(*options)
        self.public_key: str = self.play("public-key")["key"]

    def provider(self, *, url: str | None = None, read_timeout_s: float = PATIENCE_S, **more: Any) -> MpesaOpenApi:
        values = {
            "api_key": standin.API_KEY,
            "public_key": self.public_key,
            "service_provider_code": standin.SERVICE_PROVIDER_CODE,
            "environment": "openapi",
            "session_live_after_s": 0,
            "push_timeout_s": read_timeout_s,
            **more,
        }
        return MpesaOpenApi(base_url=url or self.url, connect_timeout_s=3.0, read_timeout_s=read_timeout_s, **values)

    def status(self, key: str, word: str) -> None:
        self.play("approve", {"key": key, "report": {"output_ResponseTransactionStatus": word}})

    def revoke_tokens(self) -> None:
        self.play("revoke-sessions", {})

    def secrets(self) -> list[str]:
        return [standin.API_KEY, *self.play("sessions")["sessions"]]

    def notice(self, key: str) -> bytes:
        reference = uuid.UUID(key).hex
        return json.dumps(
            {
                "input_OriginalConversationID": uuid.uuid4().hex,
                "input_TransactionID": "VD0000001",
                "input_ResultCode": "INS-0",
                "input_ResultDesc": "Request processed successfully",
                "input_ThirdPartyConversationID": reference,
            }
        ).encode()
