"""The MTN MoMo stand-in in a process of its own, and a hand on its controls."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.parse
import urllib.request
from typing import Any

from gateway.payments.providers.mtn_momo import MtnMomo
from gateway.standins import mtn_momo as standin

_CALLS = {"ask": "requesttopay", "find": "status", "token": "token"}
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class MomoPlay:
    """A running stand-in; ``options`` are those of its command line."""

    def __init__(self, *options: str) -> None:
        self.environment = options[options.index("--target-environment") + 1] if options else "sandbox"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gateway.standins.mtn_momo", "--port", "0", *options],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        self.url = self._process.stdout.readline().removeprefix("ready ").strip()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()

    def provider(self, *, url: str | None = None, read_timeout_s: float = 0.4, **more: Any) -> MtnMomo:
        values = {
            "api_user": standin.API_USER,
            "api_key": standin.API_KEY,
            "subscription_key": standin.SUBSCRIPTION_KEY,
            "target_environment": self.environment,
            "plain_callbacks_here": True,
            **more,
        }
        return MtnMomo(base_url=url or self.url, connect_timeout_s=0.3, read_timeout_s=read_timeout_s, **values)

    # The controls as they are

    def play(self, path: str, given: dict[str, Any] | None = None) -> Any:
        body = None if given is None else json.dumps(given).encode()
        with _DIRECT.open(urllib.request.Request(f"{self.url}/_play/{path}", body), timeout=5) as answer:
            return json.load(answer)

    def script(self, **words: Any) -> None:
        self.play("script", words)

    def requests(self) -> dict[str, Any]:
        return {one["key"]: one for one in self.play("requests")["requests"]}

    def calls(self, name: str) -> int:
        return int(self.play("requests")["calls"].get(name, 0))

    def prompts(self, payer: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.play(f"prompts?payer={urllib.parse.quote(payer)}")["prompts"]
        return found

    # The contract's words

    def debits(self, key: str) -> int:
        return int(self.requests()[key]["debits"])

    def asked(self, key: str) -> int:
        return int(self.requests().get(key, {"asked": 0})["asked"])

    def tokens(self) -> int:
        return self.calls("token")

    def approve(self, key: str, amount: str | None = None) -> None:
        self.play("approve", {"key": key, "report": {} if amount is None else {"amount": amount}})

    def refuse(self, key: str, word: str) -> None:
        self.play("refuse", {"key": key, "reason": word})

    def status(self, key: str, word: str) -> None:
        self.play("approve", {"key": key, "report": {"status": word}})

    def drop_before(self) -> None:
        self.script(drop_before=True)

    def drop_after(self) -> None:
        self.script(drop_after=True)

    def slow(self, seconds: float) -> None:
        self.script(slow=seconds)

    def answer(self, call: str, status: int, body: object, times: int = 1, after_s: float = 0.0) -> None:
        self.script(on=_CALLS[call], http={"status": status, "body": body}, times=times, slow=after_s)

    def revoke_tokens(self) -> None:
        self.play("revoke-tokens", {})

    def secrets(self) -> list[str]:
        return [standin.API_KEY, standin.SUBSCRIPTION_KEY, *self.play("tokens")["tokens"]]

    def notice(self, key: str) -> bytes:
        return json.dumps({"externalId": key, "status": "SUCCESSFUL", "amount": "1500", "currency": "XOF"}).encode()
