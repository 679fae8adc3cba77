"""A basic phone for the terminal: it dials over HTTP, as the aggregator would, and draws what a person would see."""

from __future__ import annotations

import secrets
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field

import requests

from gateway.kernel.atomic import require_outside
from gateway.kernel.faults import Fault
from gateway.sms.gsm7 import septets

WIDTH = 34


@dataclass
class Phone:
    """One phone and its line to the gateway's USSD webhook at ``url``."""

    msisdn: str
    url: str
    session_id: str = ""
    code: str = ""
    text: str = ""
    screen: str = ""
    open: bool = False
    _http: requests.Session = field(default_factory=requests.Session)

    def dial(self, code: str) -> str:
        """Dial a short code: a new session. ``*code*1*2#`` dials deep where the base code is known by its stars."""
        self.session_id = f"ATUid_{secrets.token_hex(16)}"
        self.code, self.text = code, ""
        return self._hop()

    def answer(self, typed: str) -> str:
        """Type an answer into the open session."""
        if not self.open:
            raise Fault("the session is over: dial again")
        self.text = f"{self.text}*{typed}" if self.text else typed
        return self._hop()

    def _hop(self) -> str:
        require_outside("the phone")
        form = {
            "sessionId": self.session_id,
            "phoneNumber": self.msisdn,
            "networkCode": "99999",
            "serviceCode": self.code,
            "text": self.text,
        }
        try:
            answer = self._http.post(self.url, data=form, timeout=12)
        except requests.RequestException as down:
            raise Fault(f"the gateway doesn't answer at its PUBLIC_URL: {type(down).__name__}") from None
        body = answer.text
        if answer.status_code != 200 or body[:4] not in ("CON ", "END "):
            raise Fault(f"the gateway answered {answer.status_code}: the aggregator would end the session here")
        self.open = body.startswith("CON ")
        self.screen = body[4:]
        return self.screen

    def drawn(self) -> str:
        """The screen as a box, with how full it is."""
        lines = [piece for line in self.screen.split("\n") for piece in textwrap.wrap(line, WIDTH) or [""]]
        full = f" {septets(self.screen)} septets{'' if self.open else ' - end'} "
        top = f"┌{'─' * (WIDTH + 2)}┐"
        bottom = f"└{full.center(WIDTH + 2, '─')}┘"
        return "\n".join((top, *(f"│ {line.ljust(WIDTH)} │" for line in lines), bottom))


def play(phone: Phone, code: str, answers: list[str], tell: Callable[[str], None]) -> None:
    """Dial, then type each answer; tells every screen. Stops early when the gateway ends the session."""
    phone.dial(code)
    tell(phone.drawn())
    for typed in answers:
        if not phone.open:
            return
        tell(f"  > {typed}")
        phone.answer(typed)
        tell(phone.drawn())
