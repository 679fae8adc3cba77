"""A stand-in in a process of its own, and a hand on its controls: what every operator's play class shares."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.parse
import urllib.request
from typing import Any

# How many seconds a provider waits for its stand-in where a time-out isn't what is tried: machines stall.
PATIENCE_S = 10.0

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Playing:
    """A running stand-in ``gateway.standins.<MODULE>``; ``options`` are those of its command line.

    A play class adds ``provider``, ``secrets`` and ``notice`` of the contract, and whatever its operator's words need.
    """

    MODULE: str

    def __init__(self, *options: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"gateway.standins.{self.MODULE}", "--port", "0", *options],
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

    # The controls as they are

    def play(self, path: str, given: dict[str, Any] | None = None) -> Any:
        body = None if given is None else json.dumps(given).encode()
        with _DIRECT.open(urllib.request.Request(f"{self.url}/_play/{path}", body), timeout=5) as answer:
            return json.load(answer)

    def script(self, **words: Any) -> None:
        self.play("script", words)

    def reset(self) -> None:
        self.play("reset", {})

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
        self.script(on=call, http={"status": status, "body": body}, times=times, slow=after_s)
