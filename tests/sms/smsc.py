"""The message centre's stand-in in a process of its own, and our port to it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from typing import Any

from gateway.sms.smpp.line import Centre
from gateway.sms.smpp.port import Smpp
from gateway.store.unit import Store

PATIENCE_S = 10.0  # where a time-out isn't what is tried, a stall of the machine is none
HASTE_S = 0.6


class Smsc:
    """The stand-in's process and its controls."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "gateway.standins.smsc", *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        word, where, self._control = self._process.stdout.readline().split()
        assert word == "ready"
        self.host, _, port = where.partition(":")
        self.port = int(port)
        self._ports: list[Smpp] = []

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()

    def sent(self) -> list[dict[str, Any]]:
        """What it accepted, oldest first."""
        return list(self.play("sent"))

    def bound(self) -> dict[str, Any]:
        return dict(self.play("bound"))

    def script(self, *behaviours: dict[str, Any], **more: object) -> None:
        """What happens to the next texts; after them all is well again."""
        self.play("script", {"next": behaviours, **more})

    def play(self, what: str, given: dict[str, Any] | None = None) -> Any:
        data = None if given is None else json.dumps(given).encode()
        request = urllib.request.Request(f"{self._control}/_play/{what}", data=data)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def centre(self, **more: Any) -> Centre:
        usual: dict[str, Any] = {"answer_timeout_s": PATIENCE_S, "connect_timeout_s": PATIENCE_S}
        return Centre(self.host, self.port, "cotisa", "key", **(usual | more))

    def port_of(self, store: Store | None = None, centre: dict[str, Any] | None = None, **more: Any) -> Smpp:
        """Our port to it."""
        port = Smpp(self.centre(**(centre or {})), store, **more)
        self._ports.append(port)
        return port

    def begin(self) -> None:
        """Nothing sent, nothing scripted, nobody bound."""
        self.play("reset", {})
        while self._ports:
            self._ports.pop().close()
        if self.bound()["now"]:
            self.play("cut", {})
            until(lambda: not self.bound()["now"])
        self.play("reset", {})


def until(holds: Callable[[], object], within_s: float = 5.0) -> None:
    """Wait until something holds, which another thread or process sees to."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.01)
