"""What happens on a phone outside the menu, in the demonstration: PIN prompts and SMS, as the stand-ins hold them."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click
import requests

from gateway.kernel.faults import Fault
from gateway.settings import Settings

T = TypeVar("T")
WIDTH = 44


@dataclass
class Handset:
    """One phone, as its owner holds it. ``seen`` SMS are not shown again."""

    settings: Settings
    msisdn: str
    seen: int = 0
    _http: requests.Session = field(default_factory=requests.Session)

    def _get(self, url: str) -> Any:
        return self._http.get(url, timeout=5).json()

    def prompt(self) -> dict[str, Any] | None:
        """The operator's PIN prompt that stands on this phone, if any."""
        found = self._get(f"{self.settings.mtn_momo_base_url}/_play/prompts?payer={self.msisdn.lstrip('+')}")["prompts"]
        return dict(found[0]) if found else None

    def answer_prompt(self, approve: bool) -> None:
        """Type the PIN, or refuse."""
        verb = "approve" if approve else "refuse"
        self._http.post(f"{self.settings.mtn_momo_base_url}/_play/{verb}", json={"payer": self.msisdn}, timeout=5)

    def new_sms(self) -> list[str]:
        """The texts that came since the last look."""
        sent = self._get(f"{self.settings.africastalking_base_url}/_play/sent")
        own = [one["message"] for one in sent if one["to"] == self.msisdn]
        new, self.seen = own[self.seen :], len(own)
        return new

    def wait_for_sms(self, within_s: float = 20.0) -> list[str]:
        """The next texts, as soon as there are any."""
        return wait_for(self.new_sms, within_s, f"no SMS came to {self.msisdn}")

    def wait_for_prompt(self, within_s: float = 20.0) -> dict[str, Any]:
        """The next PIN prompt."""
        return wait_for(self.prompt, within_s, f"no PIN prompt came to {self.msisdn}")

    def after_the_call(self) -> None:
        """After a menu that somebody played by hand: the PIN prompt, if one comes, and the SMS."""
        self.seen = 0
        before = len(self.new_sms())
        try:
            prompt = self.wait_for_prompt(5.0)
        except Fault:
            prompt = None
        if prompt is not None:
            click.echo(framed("PIN prompt", str(prompt["text"])))
            pin = click.prompt("  your PIN (any; empty refuses)", default="", show_default=False, hide_input=True)
            self.answer_prompt(bool(pin))
            before = self.seen
            self.seen = before
        try:
            for text in self.wait_for_sms(15.0 if prompt is not None else 2.0):
                click.echo(framed(f"SMS to {self.msisdn}", text))
        except Fault:
            pass


def wait_for(ask: Callable[[], T | None], within_s: float, otherwise: str) -> T:
    """What ``ask`` gives once it gives something; raises :class:`Fault` when it doesn't in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = ask()
        if found:
            return found
        time.sleep(0.1)
    raise Fault(otherwise)


def framed(title: str, text: str) -> str:
    """A text in a frame with a title."""
    lines = [piece for line in text.split("\n") for piece in textwrap.wrap(line, WIDTH) or [""]]
    head = f"╭─ {title} " + "─" * max(0, WIDTH - len(title) - 1) + "╮"
    return "\n".join((head, *(f"│ {line.ljust(WIDTH)} │" for line in lines), "╰" + "─" * (WIDTH + 2) + "╯"))
